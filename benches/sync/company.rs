//! A company: groups that follow two schedules each, and the people on call in them.

use std::time::Duration;

use anyhow::{Context as _, Result};
use firebell::app::App;
use firebell::clock::Clock;
use firebell::config::Config;
use firebell::metrics::Metrics;
use firebell::serve::{self, Running};
use firebell::sim::scene::World;
use firebell::store::Db;
use firebell::testing::{self, Guard};
use std::sync::Arc;

/// Every answer of a vendor.
pub const LATENCY: Duration = Duration::from_millis(50);
const DAY: Duration = Duration::from_secs(24 * 3600);

pub struct Company {
    pub world: World,
    pub clock: Clock,
    pub db: Db,
    pub groups: usize,
    pub people: usize,
    toml: String,
    _guard: Guard,
}

impl Company {
    /// `more` people are in nobody's rota. With `limits` Slack counts calls as it does; without, nobody does.
    pub async fn found(groups: usize, more: usize, limits: bool) -> Result<Self> {
        let clock = Clock::manual(testing::START);
        let (db, guard) = testing::sqlite(&clock).await;
        let world = World::start_empty(clock.clone()).await?;
        world.desk.set_clock_latency(LATENCY);
        world.slack.enforce_tiers(limits);
        world.slack.add_channel("incidents", false, "U0ADMIN", &[firebell::sim::slack::Slack::BOT_USER]);
        // Some hold two shifts.
        let people = 2 * groups * 975 / 1000;
        for n in 0..people + more {
            let email = format!("p{n}@example.com");
            world.slack.add_user(&format!("U{n:05}"), &format!("p{n}"), &format!("Person {n}"), &email);
            world.pagerduty.add_user(&format!("P{n:05}U"), &format!("Person {n}"), &email, None);
        }
        let from = firebell::sim::pagerduty::PagerDuty::FROM_EMAIL;
        world.pagerduty.add_user("PFIREBELL", "Firebell", from, None);
        let now = clock.now();
        let toml = world.firebell_toml("sqlite://unused.db", "127.0.0.1:0");
        let mut toml = toml.split("[[severity]]").next().context("a beginning")?.to_owned();
        let most = if limits { 20 } else { 1_000_000 };
        toml += &format!("[oncall]\npoll = \"30d\"\nreconcile = \"30d\"\nwrites_per_minute = {most}\n");
        for n in 0..groups {
            let ids = [format!("P{n:05}A"), format!("P{n:05}B")];
            for (place, id) in ids.iter().enumerate() {
                let user = format!("P{:05}U", (2 * n + place) % people);
                world.pagerduty.add_schedule(
                    id,
                    &format!("Rota {id}"),
                    &[(&user, now - DAY, now + 60 * DAY)],
                );
            }
            let policy = format!("P{n:05}E");
            world.pagerduty.add_escalation_policy(&policy, &policy, &[&[&ids[0]], &[&ids[1]]]);
            world.slack.add_usergroup(&format!("S{n:05}"), &format!("team-{n}"), &["U0ADMIN"]);
            let [a, b] = ids;
            toml += &format!("[[group]]\nhandle = \"team-{n}\"\nschedules = [\"{a}\", \"{b}\"]\n");
        }
        Ok(Self { world, clock, db, groups, people, toml, _guard: guard })
    }

    pub async fn start(&self) -> Result<Running> {
        let config = Config::from_toml(&self.toml).map_err(|problems| anyhow::anyhow!("{problems}"))?;
        let app = App::with_db(config, self.clock.clone(), self.db.clone(), Arc::new(|_, _, _, _| {}));
        Ok(serve::start(app, Arc::new(Metrics::new()), false).await?)
    }

    /// Somebody else takes over in so many groups.
    pub fn change(&self, groups: usize) {
        let now = self.clock.now();
        for n in 0..groups {
            let stand_in = format!("P{:05}U", (2 * n + self.people / 2) % self.people);
            self.world.pagerduty.add_override(&format!("P{n:05}A"), &stand_in, now, now + 50 * DAY);
        }
    }

    /// How many groups hold somebody else than the rota says.
    pub fn wrong(&self) -> usize {
        let is_wrong = |n: &usize| {
            let mut wanted: Vec<String> = ["A", "B"]
                .iter()
                .flat_map(|place| self.world.pagerduty.on_call_now(&format!("P{n:05}{place}")))
                .map(|id| format!("U{}", &id[1..6]))
                .collect();
            wanted.sort();
            wanted.dedup();
            self.world.slack.usergroup(&format!("S{n:05}")).is_none_or(|g| g.members != wanted)
        };
        (0..self.groups).filter(is_wrong).count()
    }

    /// How many calls of these names came since so many had.
    pub fn calls_since(&self, before: usize, names: &[&str]) -> usize {
        let calls = self.world.desk.calls();
        calls[before..].iter().filter(|call| names.contains(&call.name.as_str())).count()
    }

    /// What was called since, how often.
    pub fn told(&self, before: usize) -> String {
        let calls = self.world.desk.calls();
        let mut names: Vec<String> = calls[before..]
            .iter()
            .map(|c| if c.outcome == "ok" { c.name.clone() } else { format!("{} ({})", c.name, c.outcome) })
            .collect();
        names.sort_unstable();
        let counted = names.chunk_by(|a, b| a == b).map(|same| format!("{} {}", same.len(), same[0]));
        counted.collect::<Vec<_>>().join(", ")
    }
}
