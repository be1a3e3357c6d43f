//! What people do to schedules, and what a test wants to know of them.

use std::time::Duration;

use crate::clock::Timestamp;

use super::PagerDuty;
use super::render::ZONE;
use super::rota::Layer;
use super::rota_v3::Rotation;
use super::schedule::{Plan, Schedule, What};
use super::state::Account;

/// Making schedules.
impl PagerDuty {
    /// Shifts are `(user id, from, until)`, until not included. A second call with the same id replaces the rota.
    pub fn add_schedule(&self, id: &str, name: &str, shifts: &[(&str, Timestamp, Timestamp)]) {
        let shifts = shifts.iter().map(|&(user, start, end)| (user.to_owned(), start, end)).collect();
        self.add_plan(id, name, ZONE, Plan::Fixed(shifts));
    }

    /// Layers come lowest first, as PagerDuty's writes take them (its reads list the highest first).
    pub fn add_layered_schedule(&self, id: &str, name: &str, zone: &str, layers: &[Layer]) {
        self.add_plan(id, name, zone, Plan::Layers(numbered(id, layers)));
    }

    /// A shift-based schedule.
    pub fn add_v3_schedule(&self, id: &str, name: &str, zone: &str, rotations: &[Rotation]) {
        self.add_plan(id, name, zone, Plan::Rotations(rotations.to_vec()));
    }

    fn add_plan(&self, id: &str, name: &str, zone: &str, plan: Plan) {
        let mut account = self.account();
        let now = account.clock.now();
        match account.schedules.get_mut(id) {
            Some(there) => there.rewrite(plan, now),
            None => {
                account.schedules.insert(id.into(), Schedule::new(id, name, zone, plan));
            }
        }
    }
}

/// Editing them. What was rendered before stays; each panics when there is no such schedule.
impl PagerDuty {
    /// A layer cannot begin in the past: an earlier start becomes now.
    pub fn edit_layers(&self, schedule: &str, layers: &[Layer]) {
        let mut layers = numbered(schedule, layers);
        self.edit_schedule(schedule, |there, now| {
            for layer in &mut layers {
                layer.start = layer.start.max(now);
            }
            there.rewrite(Plan::Layers(layers), now);
        });
    }

    /// The same for a shift-based schedule, or the upgrade of a layer-based one.
    pub fn edit_rotations(&self, schedule: &str, rotations: &[Rotation]) {
        self.edit_schedule(schedule, |there, now| there.rewrite(Plan::Rotations(rotations.to_vec()), now));
    }

    pub fn rename_schedule(&self, schedule: &str, name: &str) {
        self.edit_schedule(schedule, |there, _| there.name = name.into());
    }

    /// Of a layer-based schedule; the one created last wins. Answers its id.
    pub fn add_override(&self, schedule: &str, user: &str, start: Timestamp, end: Timestamp) -> String {
        self.put(schedule, What::Override(user.into()), (start, end))
    }

    /// Of a shift-based schedule: `overriding` instead of `overridden` in this rotation or custom shift. An empty
    /// name is the empty member. Answers its id.
    pub fn cover(
        &self,
        schedule: &str,
        of: &str,
        (overridden, overriding): (&str, &str),
        span: (Timestamp, Timestamp),
    ) -> String {
        let member = |user: &str| (!user.is_empty()).then(|| user.to_owned());
        let what =
            What::Cover { of: of.into(), overridden: member(overridden), overriding: member(overriding) };
        self.put(schedule, what, span)
    }

    /// Of a shift-based schedule: these people too. Answers its id.
    pub fn add_custom_shift(
        &self,
        schedule: &str,
        users: &[&str],
        start: Timestamp,
        end: Timestamp,
    ) -> String {
        let users = users.iter().map(ToString::to_string).collect();
        self.put(schedule, What::CustomShift(users), (start, end))
    }

    /// What one of the three above put there. One that is running ends now.
    pub fn remove_override(&self, schedule: &str, id: &str) {
        self.edit_schedule(schedule, |there, now| {
            let extra = there.extras.iter_mut().find(|extra| extra.id == id);
            extra.unwrap_or_else(|| panic!("no override {id}")).remove(now);
        });
    }

    /// Policies that use it lose it with it.
    pub fn delete_schedule(&self, schedule: &str) {
        let mut account = self.account();
        account.schedules.remove(schedule);
        for level in account.policies.iter_mut().flat_map(|policy| &mut policy.levels) {
            level.retain(|target| target != schedule);
        }
    }

    fn put(&self, schedule: &str, what: What, span: (Timestamp, Timestamp)) -> String {
        let made = self.account().add_extra(schedule, what, span);
        made.unwrap_or_else(|| panic!("no PagerDuty schedule {schedule}"))
    }

    fn edit_schedule(&self, id: &str, edit: impl FnOnce(&mut Schedule, Timestamp)) {
        let mut account = self.account();
        let now = account.clock.now();
        let schedule = account.schedules.get_mut(id);
        edit(schedule.unwrap_or_else(|| panic!("no PagerDuty schedule {id}")), now);
    }

    /// How long after an edit `/oncalls` shows it. Nobody knows PagerDuty's own; it starts with none.
    pub fn set_publishing_lag(&self, lag: Duration) {
        self.account().publishing_lag = lag;
    }
}

/// Looking.
impl PagerDuty {
    /// Ids of who is on call now by the final schedule, each once, sorted; nobody for a schedule that is not there.
    pub fn on_call_now(&self, schedule: &str) -> Vec<String> {
        let account = self.account();
        account.on_call_by(schedule, account.clock.now())
    }

    /// The same as far as `/oncalls` shows it yet: behind [`PagerDuty::on_call_now`] by the publishing lag.
    pub fn on_call_shown(&self, schedule: &str) -> Vec<String> {
        let account = self.account();
        account.on_call_by(schedule, account.clock.now() - account.publishing_lag)
    }

    /// The next instant at which somebody else may come on call, if nobody edits the schedule.
    pub fn next_handoff(&self, schedule: &str) -> Option<Timestamp> {
        let account = self.account();
        account.schedule(schedule)?.next_edge(account.clock.now())
    }
}

impl Account {
    /// Who is on call at an instant as far as was known then.
    pub fn on_call_by(&self, schedule: &str, at: Timestamp) -> Vec<String> {
        let duties = self.schedule(schedule).map(|s| s.duties(at, at)).unwrap_or_default();
        let mut users: Vec<String> = duties.into_iter().filter_map(|duty| duty.user).collect();
        users.sort_unstable();
        users.dedup();
        users
    }
}

fn numbered(schedule: &str, layers: &[Layer]) -> Vec<Layer> {
    let number = |(n, layer): (usize, &Layer)| Layer { id: format!("{schedule}L{}", n + 1), ..layer.clone() };
    layers.iter().enumerate().map(number).collect()
}
