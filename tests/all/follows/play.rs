//! Tells a story to the program, and looks after each instant at which something happened.

use std::collections::BTreeMap;
use std::time::Duration;

use firebell::clock::{Clock, Timestamp};
use firebell::groups::model::{Standing, State};
use firebell::oncall::Step;
use firebell::sim::desk::Fault;
use firebell::sim::scene::World;
use firebell::store::Db;

use super::scene::{add_shifts, group_toml, layers, rotations};
use super::story::{Act, Hint, PEOPLE, Shape, Story, Trouble};
use super::truth::{A_POLL, AT_ONCE, Track, allowed, always};
use crate::stage::Stage;

const MINUTE: Duration = Duration::from_secs(60);
/// Back-off waits no longer than 30 s, and a read takes none.
const A_LADDER: Duration = Duration::from_secs(36);
/// The full look at Slack.
const RECONCILE: Duration = Duration::from_secs(900);

pub struct Play {
    story: Story,
    world: World,
    db: Db,
    clock: Clock,
    stage: Stage,
    tracks: Vec<Track>,
    /// Of layers; an edit may make it something else.
    shapes: Vec<Shape>,
    overrides: Vec<(usize, String)>,
    /// Until then a vendor's failure may be the reason.
    trouble_until: Timestamp,
    ends: Vec<(Timestamp, &'static str)>,
    /// Until then somebody's hand may be the reason, and until then nobody told us.
    hands: BTreeMap<usize, (Timestamp, Timestamp)>,
    /// What makes reads necessary beside polls.
    occasions: usize,
    passed: Duration,
    log: Vec<String>,
}

impl Play {
    pub async fn begin(mut story: Story, db: Db, clock: Clock) -> Self {
        let world = World::start(clock.clone()).await.expect("the world starts");
        world.slack.enforce_tiers(true);
        world.slack.add_user("U0GUS", "gus", "Gus Guest", "gus@example.com");
        world.slack.edit_user("U0GUS", |u| u.is_restricted = true);
        world.pagerduty.add_user("PGUS001", "Gus Guest", "gus@example.com", None);
        world.pagerduty.add_user("PZOE001", "Zoe Unknown", "zoe@elsewhere.example", None);
        world.pagerduty.set_publishing_lag(Duration::from_secs(story.lag));
        let many = story.schedules.len();
        for (n, schedule) in story.schedules.iter().enumerate() {
            let id = format!("PS{n}");
            let (name, zone) = (format!("Rota {n}"), schedule.zone);
            match &schedule.shape {
                Shape::Layers(turns) => {
                    world.pagerduty.add_layered_schedule(&id, &name, zone, &layers(turns, clock.now()));
                }
                Shape::Rotations(turns) => {
                    world.pagerduty.add_v3_schedule(&id, &name, zone, &rotations(turns, clock.now()));
                }
                Shape::Shifts(_) => add_shifts(&world, n, &schedule.shape),
            }
            if schedule.is_used {
                let person = PEOPLE[n % 5].0;
                world.pagerduty.add_escalation_policy(
                    &format!("PEP10{n}"),
                    &format!("Policy {n}"),
                    &[&[&id], &[person]],
                );
            }
        }
        let mut toml = format!("[oncall]\nwrites_per_minute = {}\n", story.writes_per_minute);
        toml += "[[hint_sender]]\nname = \"pipeline\"\nsecrets = [\"pipeline\"]\n";
        for (n, group) in story.groups.iter_mut().enumerate() {
            group.schedules.retain(|s| *s < many);
            if group.schedules.is_empty() {
                group.schedules.push(0);
            }
            group.policy = group.policy.filter(|(of, _)| *of < many && story.schedules[*of].is_used);
            world.slack.add_usergroup(&format!("S0G{n}"), &format!("group-{n}"), &["U0EVE"]);
            toml += &group_toml(n, group);
        }
        let stage = Stage::on(world.clone(), db.clone(), clock.clone(), &toml).await;
        let tracks = story.schedules.iter().enumerate().map(|(n, s)| Track::new(n, s, story.lag)).collect();
        Self {
            tracks,
            shapes: story.schedules.iter().map(|s| s.shape.clone()).collect(),
            overrides: Vec::new(),
            trouble_until: clock.now() - A_LADDER,
            ends: Vec::new(),
            hands: BTreeMap::new(),
            occasions: 10,
            passed: Duration::ZERO,
            log: vec![toml],
            story,
            world,
            db,
            clock,
            stage,
        }
    }

    pub async fn through(mut self) -> Result<(), String> {
        self.live().await?;
        for (n, act) in self.story.acts.clone().into_iter().enumerate() {
            self.note(&format!("{}. {act:?}", n + 1));
            self.act(act).await?;
        }
        self.note("the end: all that was wrong is over");
        self.pass(2 * MINUTE).await?;
        self.demand_few_calls()
    }

    fn note(&mut self, what: &str) {
        self.log.push(format!("{} {what}", self.clock.now()));
    }

    async fn act(&mut self, act: Act) -> Result<(), String> {
        let now = self.clock.now();
        let pagerduty = self.world.pagerduty.clone();
        let many = self.tracks.len();
        match act {
            Act::Pass { minutes } => return self.pass(MINUTE * minutes).await,
            Act::Sleep { minutes } => {
                self.clock.advance(MINUTE * minutes);
                self.occasions += 10;
                // What a failure or a hand had to do with it is as it was.
                self.end_troubles();
            }
            Act::Override { schedule, person, instead_of, from, lasts, hint } => {
                let n = schedule % many;
                let span = (now + MINUTE * from, now + MINUTE * (from + lasts));
                let id = format!("PS{n}");
                let user = PEOPLE[person].0;
                let made = match &self.shapes[n] {
                    Shape::Rotations(_) if instead_of % 2 == 0 => {
                        pagerduty.add_custom_shift(&id, &[user], span.0, span.1)
                    }
                    Shape::Rotations(_) => pagerduty.cover(&id, "R0", (PEOPLE[instead_of].0, user), span),
                    _ => pagerduty.add_override(&id, user, span.0, span.1),
                };
                self.overrides.push((n, made));
                self.edited(n, hint).await?;
            }
            Act::RemoveOverride { hint } => {
                let Some((n, id)) = self.overrides.pop() else { return Ok(()) };
                pagerduty.remove_override(&format!("PS{n}"), &id);
                self.edited(n, hint).await?;
            }
            Act::Edit { schedule, shape, hint } => {
                let n = schedule % many;
                let id = format!("PS{n}");
                match (&self.shapes[n], &shape) {
                    (Shape::Layers(_), Shape::Layers(turns)) => {
                        pagerduty.edit_layers(&id, &layers(turns, now));
                    }
                    (Shape::Layers(_) | Shape::Rotations(_), Shape::Rotations(turns)) => {
                        pagerduty.edit_rotations(&id, &rotations(turns, now));
                    }
                    (Shape::Shifts(_), Shape::Shifts(_)) => add_shifts(&self.world, n, &shape),
                    _ => return Ok(()),
                }
                self.shapes[n] = shape;
                self.edited(n, hint).await?;
            }
            Act::PagerDutyFails { trouble, minutes } => self.fail("pagerduty", trouble, minutes),
            Act::SlackFails { trouble, minutes } => self.fail("slack", trouble, minutes),
            Act::HandEdit { group, people, is_told } => {
                let n = group % self.story.groups.len();
                let members: Vec<&str> = people.iter().filter_map(|p| PEOPLE[*p].1).collect();
                let id = format!("S0G{n}");
                let mut untold = now;
                if is_told {
                    self.world.slack.edit_group_by("U0DEE", &id, &members);
                } else {
                    self.world.slack.edit_usergroup(&id, |g| {
                        g.members = members.iter().map(ToString::to_string).collect();
                    });
                    untold = now + RECONCILE + A_LADDER;
                }
                let (since, other) = self.hands.get(&n).copied().unwrap_or((now, now));
                // Twice in ten minutes: it is left until the next full look.
                let fight = if now.since(since) < RECONCILE && self.hands.contains_key(&n) {
                    now + RECONCILE + A_LADDER
                } else {
                    now + AT_ONCE
                };
                self.hands.insert(n, (fight, untold.max(other)));
                self.occasions += 1;
            }
            Act::Restart => {
                let config = self.log[0].clone();
                self.stage =
                    Stage::on(self.world.clone(), self.db.clone(), self.clock.clone(), &config).await;
                self.occasions += 5;
            }
        }
        self.live().await
    }

    async fn edited(&mut self, schedule: usize, hint: Hint) -> Result<(), String> {
        let is_hinted = hint == Hint::Sent;
        let is_heard = is_hinted && self.ends.is_empty() && self.clock.now() > self.trouble_until;
        self.tracks[schedule].edited(self.clock.now(), is_heard);
        self.occasions += 1;
        if is_hinted {
            let hint = self.world.pagerduty.hint("pipeline", "pipeline", &[&format!("PS{schedule}")]);
            let (status, body) =
                hint.send(&self.stage.running.base_url()).await.map_err(|e| format!("{e:#}"))?;
            if status != 202 {
                return Err(format!("a hint was answered {status} {body}"));
            }
        }
        Ok(())
    }

    fn fail(&mut self, vendor: &'static str, trouble: Trouble, minutes: u32) {
        let fault = match trouble {
            Trouble::Unavailable => Fault::Unavailable { status: 503 },
            Trouble::Reset => Fault::Reset,
            Trouble::RateLimited => Fault::RateLimited { after_secs: 20 },
            Trouble::Slow => Fault::Slow { by: Duration::from_millis(2) },
            Trouble::LoseAnswer => Fault::LoseAnswer,
        };
        self.world.desk.always(vendor, fault);
        let end = self.clock.now() + MINUTE * minutes;
        self.ends.push((end, vendor));
        for track in &mut self.tracks {
            track.unheard(self.clock.now());
        }
        self.trouble_until = self.trouble_until.max(end + A_LADDER);
        self.occasions += 10 * usize::try_from(minutes).unwrap_or(0);
    }

    /// Ends what fails and is over.
    fn end_troubles(&mut self) {
        let now = self.clock.now();
        let (over, going_on): (Vec<_>, Vec<_>) = self.ends.drain(..).partition(|(end, _)| *end <= now);
        self.ends = going_on;
        for (end, vendor) in over {
            if self.ends.iter().all(|(_, other)| *other != vendor) {
                self.world.desk.heal(vendor);
                self.log.push(format!("{end} {vendor} is back"));
                // After a sleep, that is now.
                self.trouble_until = self.trouble_until.max(now + A_LADDER);
            }
        }
    }

    /// Time passes, and the clock stops wherever something is due or may be seen.
    async fn pass(&mut self, time: Duration) -> Result<(), String> {
        let end = self.clock.now() + time;
        while self.clock.now() < end {
            let now = self.clock.now();
            let mut stops = vec![end, now + MINUTE];
            let mut tx = self.db.read().await.map_err(|e| e.to_string())?;
            stops.extend(tx.next_job_at().await.map_err(|e| e.to_string())?);
            drop(tx);
            stops.extend(self.tracks.iter().filter_map(|t| t.stricter_at(now)));
            stops.extend(self.ends.iter().map(|(end, _)| *end));
            let lag = Duration::from_secs(self.story.lag);
            for n in 0..self.tracks.len() {
                let handoff = self.world.pagerduty.next_handoff(&format!("PS{n}"));
                stops.extend(handoff.into_iter().flat_map(|at| [at, at + lag, at + lag + AT_ONCE]));
            }
            // A job that is due and did not run waits for its lane: not for an instant that is over.
            let least = now + Duration::from_millis(100);
            let to = stops.into_iter().filter(|at| *at >= least).min().unwrap_or(end).min(end.max(least));
            self.passed += to.since(now);
            self.clock.advance(to.since(now));
            self.end_troubles();
            self.live().await?;
        }
        Ok(())
    }

    /// Lets everything happen that is due, and looks.
    async fn live(&mut self) -> Result<(), String> {
        loop {
            self.stage.settle().await;
            let told = self.world.slack.take_group_events();
            if told.is_empty() {
                break;
            }
            self.demand_that_writes_change_something(&told)?;
            for event in told {
                self.world
                    .slack
                    .deliver(&self.stage.running.base_url(), &event)
                    .await
                    .map_err(|e| format!("{e:#}"))?;
            }
        }
        let now = self.clock.now();
        let pagerduty = self.world.pagerduty.clone();
        for track in &mut self.tracks {
            track.look(&pagerduty, now);
        }
        for n in 0..self.story.groups.len() {
            self.look_at(n).await.map_err(|why| format!("{why}\n{}", self.log[1..].join("\n")))?;
        }
        Ok(())
    }

    async fn look_at(&self, n: usize) -> Result<(), String> {
        let (now, group) = (self.clock.now(), &self.story.groups[n]);
        let holds = self.world.slack.usergroup(&format!("S0G{n}")).ok_or("the group is gone")?.members;
        let mut tx = self.db.read().await.map_err(|e| e.to_string())?;
        let state = tx.group_state(&format!("group-{n}")).await.map_err(|e| e.to_string())?;
        let Some(state) = state else {
            return if now <= self.trouble_until { Ok(()) } else { Err(format!("group {n} is not kept")) };
        };
        let heard_at = tx.read_times().await.map_err(|e| e.to_string())?;
        let heard_at = heard_at.get(Step::ReadOnCall.kind()).copied();
        drop(tx);
        let allowed = allowed(group, &self.tracks);
        let fits = |wanted: &Option<std::collections::BTreeSet<String>>| match wanted {
            Some(wanted) if group.is_additive => wanted.iter().all(|w| holds.contains(w)),
            Some(wanted) => holds.iter().eq(wanted),
            // The last ones stay, beside those who are always there.
            None => match always(group) {
                Some(always) if !holds.iter().any(|user| user == always) => false,
                Some(_) => [Standing::Kept, Standing::InStep].contains(&state.standing),
                None => state.standing == Standing::Kept && state.problem.is_some(),
            },
        };
        if allowed.iter().any(fits) || self.is_excused(n, &state, heard_at, now) {
            return Ok(());
        }
        Err(format!(
            "At {now} group {n} holds {holds:?}, allowed is one of {allowed:?}, and it says {:?} {:?} {:?}; the rota was \
             heard at {heard_at:?}, planned at {}, changed at {} because of {:?}",
            state.standing, state.problem, state.partial.0, state.planned_at, state.changed_at, state.cause
        ))
    }

    /// Something happened that explains it, and the group says so.
    fn is_excused(&self, n: usize, state: &State, heard_at: Option<Timestamp>, now: Timestamp) -> bool {
        let says_so = !state.agrees() || state.staleness(heard_at, now) + AT_ONCE >= A_POLL;
        if now <= self.trouble_until && says_so {
            return true;
        }
        let queued = state.standing == Standing::Waiting && {
            let recent = self.world.desk.calls().into_iter().filter(|c| c.name == "usergroups.users.update");
            let recent = recent.filter(|c| now.since(c.at) < MINUTE).count();
            recent as u64 >= self.story.writes_per_minute
        };
        let by_hand = self.hands.get(&n).is_some_and(|(fight, untold)| {
            now <= *untold
                || (now <= *fight && (state.standing == Standing::Kept || now.since(*fight) < AT_ONCE))
        });
        queued || by_hand
    }

    /// A write of ours that moved nobody, though no answer was lost and no hand was in it.
    fn demand_that_writes_change_something(
        &self,
        told: &[firebell::sim::signed::Signed],
    ) -> Result<(), String> {
        let events = told.iter().map(|t| {
            let envelope: serde_json::Value = serde_json::from_slice(&t.body).unwrap_or_default();
            envelope["event"].clone()
        });
        let mut moved = false;
        for event in events {
            if event["type"] == "subteam_members_changed" {
                moved = true;
                continue;
            }
            let by_us = event["subteam"]["updated_by"] == "U0FIREBELL";
            let group = event["subteam"]["handle"].as_str().unwrap_or_default().to_owned();
            let n = group.trim_start_matches("group-").parse().unwrap_or(usize::MAX);
            if by_us && !moved && !self.hands.contains_key(&n) && self.clock.now() > self.trouble_until {
                return Err(format!("a write of {group} changed nothing\n{}", self.log[1..].join("\n")));
            }
            moved = false;
        }
        Ok(())
    }

    fn demand_few_calls(&self) -> Result<(), String> {
        let count = |name: &str| self.world.desk.count(name);
        let polls = usize::try_from(self.passed.as_secs() / 30).unwrap_or(0);
        let changes: usize = self.tracks.iter().map(|t| t.changes).sum();
        // Services' policies, and schedules: two questions a read.
        let reads = count("GET /oncalls");
        let most = 2 * (polls + 8 * changes + self.occasions);
        if reads > most {
            return Err(format!("{reads} reads of /oncalls, where {most} are enough"));
        }
        let empty = self.world.desk.calls().into_iter().find(|c| {
            c.name == "usergroups.users.update"
                && ["no_users_provided", "invalid_users"].contains(&c.outcome.as_str())
        });
        match empty {
            Some(call) => Err(format!("a list was written that Slack refuses: {call:?}")),
            None if self.world.desk.unexpected().is_empty() => Ok(()),
            None => Err(format!("calls that no vendor has: {:?}", self.world.desk.unexpected())),
        }
    }
}
