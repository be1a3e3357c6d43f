//! A simulated organisation: so many groups with two schedules each, one person on call by each schedule.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Result;
use firebell::clock::Clock;
use firebell::sim::scene::World;
use firebell::testing::START;

/// Every vendor answers after this long, on the world's clock.
pub const LATENCY: Duration = Duration::from_millis(50);
/// Slackbot, our bot and the administrator are in every list of people.
pub const NOT_OURS: usize = 3;
const DAY: Duration = Duration::from_secs(24 * 3600);

pub struct Organisation {
    pub world: World,
    pub groups: usize,
    pub people: usize,
    /// Per schedule the index of the person on call.
    on_call: Vec<usize>,
}

pub fn handle(group: usize) -> String {
    format!("team-{group:05}")
}

pub fn group_id(group: usize) -> String {
    format!("S{group:05}")
}

pub fn schedule_id(schedule: usize) -> String {
    format!("PS{schedule:05}")
}

/// Six people for five groups, so that 500 groups are 600 people and three pages of `users.list`.
pub fn people_of(groups: usize) -> usize {
    groups * 6 / 5 - NOT_OURS
}

impl Organisation {
    /// Everything there, and every group as the rota says.
    pub async fn found(groups: usize, people: usize) -> Result<Self> {
        let world = World::start_empty(Clock::manual(START)).await?;
        for person in 0..people {
            let (name, email) = (format!("Person {person}"), format!("p{person}@example.com"));
            world.slack.add_user(&format!("U{person:05}"), &format!("p{person}"), &name, &email);
            world.pagerduty.add_user(&format!("PU{person:05}"), &name, &email, None);
        }
        let on_call = (0..2 * groups).map(|schedule| schedule % people).collect();
        let organisation = Self { world, groups, people, on_call };
        for group in 0..groups {
            let (first, second) = (schedule_id(2 * group), schedule_id(2 * group + 1));
            organisation.publish(2 * group);
            organisation.publish(2 * group + 1);
            organisation.world.pagerduty.add_escalation_policy(
                &format!("PE{group:05}"),
                &format!("Policy {group}"),
                &[&[&first], &[&second]],
            );
            let wanted = organisation.wanted(group);
            let members: Vec<&str> = wanted.iter().map(String::as_str).collect();
            organisation.world.slack.add_usergroup(&group_id(group), &handle(group), &members);
        }
        organisation.world.desk.count_latency(LATENCY);
        Ok(organisation)
    }

    fn publish(&self, schedule: usize) {
        let now = self.world.clock.now();
        let user = format!("PU{:05}", self.on_call[schedule]);
        let shifts = [(user.as_str(), now - DAY, now + 80 * DAY)];
        self.world.pagerduty.add_schedule(&schedule_id(schedule), &format!("Rota {schedule}"), &shifts);
    }

    /// Somebody else comes on call by the first schedule of this group.
    pub fn change(&mut self, group: usize) {
        let schedule = 2 * group;
        let other = self.on_call[schedule + 1];
        let mut next = (self.on_call[schedule] + 2) % self.people;
        if next == other {
            next = (next + 1) % self.people;
        }
        self.on_call[schedule] = next;
        self.publish(schedule);
    }

    /// Slack ids of those who are on call for the group, sorted.
    pub fn wanted(&self, group: usize) -> Vec<String> {
        let mut wanted: Vec<String> =
            self.on_call[2 * group..2 * group + 2].iter().map(|person| format!("U{person:05}")).collect();
        wanted.sort();
        wanted
    }

    /// Groups that are not as the rota says.
    pub fn wrong(&self) -> usize {
        let is_wrong = |group: &usize| {
            let there = self.world.slack.usergroup(&group_id(*group));
            let mut members: Vec<String> = there.map(|g| g.members).unwrap_or_default();
            members.sort();
            members != self.wanted(*group)
        };
        (0..self.groups).filter(is_wrong).count()
    }

    /// Firebell's configuration. Polls are a day apart: one pass at a time is looked at.
    pub fn firebell_toml(&self, writes_per_minute: u32) -> Result<String> {
        let all = self.world.firebell_toml("sqlite://unused.db", "127.0.0.1:0");
        let (vendors, _) = all.split_once("[[severity]]").unwrap_or((&all, ""));
        let mut toml = format!(
            "{vendors}[oncall]\nwrites_per_minute = {writes_per_minute}\npoll = \"24h\"\nreconcile = \"24h\"\n"
        );
        for group in 0..self.groups {
            let (first, second) = (schedule_id(2 * group), schedule_id(2 * group + 1));
            writeln!(
                toml,
                "[[group]]\nhandle = \"{}\"\nschedules = [\"{first}\", \"{second}\"]",
                handle(group)
            )?;
        }
        Ok(toml)
    }

    /// Names of the calls that arrived from this one on.
    pub fn calls_since(&self, first: usize) -> Vec<String> {
        self.world.desk.calls().into_iter().skip(first).map(|call| call.name).collect()
    }
}
