//! The rota and Slack's groups, in as few calls as they take. What was answered is the truth about now, whatever our own
//! clock says.

use std::collections::BTreeSet;

use super::Once;
use crate::clock::Timestamp;
use crate::config::Who;
use crate::error::Upstream;
use crate::groups::model::{Memory, Plan, Target};
use crate::groups::plan::Rota;
use crate::groups::strays::strays;
use crate::ids::SlackUserId;
use crate::oncall::rota::is_schedule_id;
use crate::oncall::{Directory, Group, OnCall, Responder, Schedule, Step};
use crate::pagerduty;
use crate::store::Json;

/// What a run has read so far.
pub(super) struct Seen {
    pub people: Directory,
    pub team_id: String,
    pub at: Timestamp,
    /// Configured, and not there.
    pub missing_policies: BTreeSet<String>,
    /// Whether all of Slack's people were read.
    pub knows_everybody: bool,
    /// Addresses and ids that were asked for one by one, whether found or not.
    pub looked_for: BTreeSet<String>,
}

pub(super) async fn read(once: &Once<'_>) -> Result<Seen, Upstream> {
    let at = once.clock.now();
    let mut seen = Seen {
        people: Directory::default(),
        team_id: String::new(),
        at,
        missing_policies: BTreeSet::new(),
        knows_everybody: false,
        looked_for: BTreeSet::new(),
    };
    read_rota(once, &mut seen).await?;
    let groups = once.patiently(async || once.slack.list_usergroups().await).await?;
    seen.team_id = match (&once.config.slack.team_id, groups.iter().find(|g| g.team_id.starts_with('T'))) {
        (Some(configured), _) => configured.clone(),
        (None, Some(group)) => group.team_id.clone(),
        (None, None) => once.patiently(async || once.slack.auth_test().await).await?.team_id,
    };
    seen.people.groups = groups.into_iter().map(Group::from).collect();
    Ok(seen)
}

async fn read_rota(once: &Once<'_>, seen: &mut Seen) -> Result<(), Upstream> {
    let config = once.config;
    let words: BTreeSet<&str> =
        config.groups.iter().flat_map(|g| g.schedules.iter().map(String::as_str)).collect();
    let policies: BTreeSet<&String> =
        config.groups.iter().flat_map(|g| g.policies.iter().map(|p| &p.id)).collect();
    let has_companions = config.groups.iter().any(|g| g.all_members_handle.is_some());
    let mut has_list = has_companions || words.iter().any(|word| !is_schedule_id(word));
    if has_list {
        read_schedules(once, seen).await?;
    }
    let asked = ids(&words, &seen.people);
    let policy_ids: Vec<String> = policies.iter().map(|id| (*id).clone()).collect();
    ask(once, seen, &policy_ids, &asked.iter().cloned().collect::<Vec<_>>()).await?;
    // Not a word about one of them: nobody is on call, no policy uses it, it is not there, or that is its name.
    if !has_list && asked.iter().any(|id| !is_named(&seen.people, id)) {
        has_list = true;
        read_schedules(once, seen).await?;
        let more: Vec<String> = ids(&words, &seen.people).difference(&asked).cloned().collect();
        ask(once, seen, &[], &more).await?;
    }
    if has_list {
        ask_unused(once, seen, &ids(&words, &seen.people)).await?;
    }
    for id in policies {
        let is_silent = seen.people.oncall.of_policy(id).next().is_none();
        if is_silent && !once.patiently(async || once.pagerduty.has_policy(id).await).await? {
            seen.missing_policies.insert(id.clone());
        }
    }
    seen.people.read_at.insert(Step::ReadOnCall.kind().to_owned(), seen.at);
    Ok(())
}

/// What these words mean as far as is known; an id that was never seen is asked for all the same.
fn ids(words: &BTreeSet<&str>, people: &Directory) -> BTreeSet<String> {
    let id = |word: &&str| match people.schedule_id(word) {
        Ok(id) => Some(id.to_owned()),
        Err(_) => is_schedule_id(word).then(|| (*word).to_owned()),
    };
    words.iter().filter_map(id).collect()
}

fn is_named(people: &Directory, schedule: &str) -> bool {
    people.oncall.of_schedule(schedule).next().is_some()
}

async fn ask(
    once: &Once<'_>,
    seen: &mut Seen,
    policy_ids: &[String],
    schedule_ids: &[String],
) -> Result<(), Upstream> {
    let wanted = pagerduty::Filter { policy_ids, schedule_ids };
    let rows = once.patiently(async || once.pagerduty.oncalls(&wanted, None, None).await).await?;
    for row in rows {
        let emails = Json(row.email.clone().into_iter().collect());
        let responder = Responder {
            id: row.user_id.clone(),
            name: row.user_name.clone(),
            email: row.email.clone(),
            emails,
            phone: None,
            html_url: None,
        };
        seen.people.responders.insert(row.user_id.clone(), responder);
        let row = as_of(OnCall::from(row), seen.at);
        if !seen.people.oncall.of_policy(&row.policy_id).any(|known| *known == row) {
            seen.people.oncall.extend([row]);
        }
    }
    Ok(())
}

/// Whoever was answered is on call: a bound that says otherwise comes from a clock that is not ours.
fn as_of(mut row: OnCall, at: Timestamp) -> OnCall {
    row.starts_at = row.starts_at.filter(|start| *start <= at);
    row.ends_at = row.ends_at.filter(|end| *end > at);
    row
}

async fn read_schedules(once: &Once<'_>, seen: &mut Seen) -> Result<(), Upstream> {
    let found = once.patiently(async || once.pagerduty.schedules().await).await?;
    seen.people.schedules = found.into_iter().map(Schedule::from).collect();
    seen.people.read_at.insert(Step::ReadSchedules.kind().to_owned(), seen.at);
    let with_whole_rota = once.config.groups.iter().filter(|g| g.all_members_handle.is_some());
    let in_whole: BTreeSet<&String> = with_whole_rota.flat_map(|g| &g.schedules).collect();
    let is_meant =
        |s: &&mut Schedule| s.is_shift_based && (in_whole.contains(&s.id) || in_whole.contains(&s.name));
    for schedule in seen.people.schedules.iter_mut().filter(is_meant) {
        let id = schedule.id.clone();
        schedule.people = once.patiently(async || once.pagerduty.members_of(&id).await).await?;
    }
    Ok(())
}

/// `/oncalls` does not know a schedule that no policy uses.
async fn ask_unused(once: &Once<'_>, seen: &mut Seen, wanted: &BTreeSet<String>) -> Result<(), Upstream> {
    let people = &seen.people;
    let is_unused =
        |s: &&Schedule| wanted.contains(&s.id) && !s.is_used.unwrap_or_else(|| is_named(people, &s.id));
    let unused: Vec<Schedule> = people.schedules.iter().filter(is_unused).cloned().collect();
    for schedule in unused {
        let (id, is_v3) = (&schedule.id, schedule.is_shift_based);
        let now = once.patiently(async || once.pagerduty.schedule_now(id, is_v3, seen.at).await).await?;
        let Some(now) = now else {
            // Deleted since it was listed: that is not nobody.
            seen.people.schedules.retain(|listed| listed.id != schedule.id);
            continue;
        };
        let rows = now.into_iter().map(|duty| OnCall {
            policy_id: String::new(),
            policy_name: String::new(),
            level: 1,
            schedule_id: Some(schedule.id.clone()),
            schedule_name: Some(schedule.name.clone()),
            user_name: duty.user_id.to_string(),
            pagerduty_user_id: duty.user_id,
            starts_at: None,
            ends_at: duty.until,
        });
        seen.people.oncall.extend(rows);
    }
    Ok(())
}

impl Seen {
    pub fn plan(&self, target: Target<'_>, force: bool) -> Plan {
        self.rota().plan(target, &Memory { approved: force, ..Memory::default() })
    }

    /// Whom the configuration names and nobody is, as far as Slack was asked.
    pub fn strays(&self, target: Target<'_>) -> Vec<String> {
        let was_asked = |who: &Who| self.knows_everybody || self.looked_for.contains(&who.to_string());
        if target.is_whole_rota {
            Vec::new()
        } else {
            strays(&self.people, &self.team_id, target.spec, was_asked)
        }
    }

    pub fn rota(&self) -> Rota<'_> {
        Rota::new(&self.people, &self.team_id, self.at)
    }

    /// A source of the group that is not there: worse than nobody being on call.
    pub fn trouble(&self, target: Target<'_>) -> Option<String> {
        let mut schedules =
            target.spec.schedules.iter().filter_map(|word| self.people.schedule_id(word).err());
        let missing = target.spec.policies.iter().find(|p| self.missing_policies.contains(&p.id));
        let policy = || {
            missing.map(|p| format!("PagerDuty has no escalation policy {}; mend the configuration", p.id))
        };
        schedules.next().or_else(policy)
    }

    /// When the latest of those who come in came on call: whose phone rings for nothing the longest is written last.
    pub fn handed_over_at(&self, plan: &Plan) -> Option<Timestamp> {
        let added: BTreeSet<&SlackUserId> = plan.added().into_iter().collect();
        let reasons = plan.because.iter().filter(|(user, _)| added.contains(user)).flat_map(|(_, why)| why);
        let people: BTreeSet<_> =
            reasons.filter_map(|b| Some((b.responder.as_ref()?, &b.schedule_id))).collect();
        let rows = self.people.oncall.iter();
        rows.filter(|row| people.contains(&(&row.pagerduty_user_id, &row.schedule_id)))
            .filter_map(|row| row.starts_at)
            .max()
    }
}
