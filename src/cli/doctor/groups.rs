//! Every user group that is configured: is it there, may we write it, and does what it follows exist?

use std::collections::{BTreeMap, BTreeSet};

use super::{Findings, Remembered};
use crate::clock::Timestamp;
use crate::config::{Config, Who, nearest};
use crate::error::Upstream;
use crate::groups::model::{Instead, State, targets};
use crate::groups::remedy::remedy;
use crate::groups::strays::strays;
use crate::ids::SlackUserId;
use crate::oncall::{Directory, Group, Member, Schedule, Step};
use crate::{pagerduty, slack};

/// People who are looked up one by one; more are found in the list of all.
const MOST_LOOKUPS: usize = 20;

pub(super) async fn check(
    slack: Option<&slack::Client>,
    pagerduty: Option<&pagerduty::Client>,
    config: &Config,
    remembered: &Remembered,
    found: &mut Findings,
) {
    if config.groups.is_empty() {
        return;
    }
    if let Some(slack) = slack {
        in_slack(slack, config, remembered, found).await;
    }
    if let Some(pagerduty) = pagerduty {
        sources(pagerduty, config, found).await;
    }
}

async fn in_slack(client: &slack::Client, config: &Config, remembered: &Remembered, found: &mut Findings) {
    let groups = match client.list_usergroups().await {
        Ok(groups) => groups,
        Err(refused) => return found.refused("user groups", &refused),
    };
    let mut is_tried = false;
    for target in targets(config) {
        let what = format!("@{}", target.handle);
        let there = groups.iter().find(|g| g.handle.eq_ignore_ascii_case(target.handle));
        let state = remembered.states.iter().find(|s| s.handle == target.handle);
        let Some(group) = there else {
            // One that we know under another handle was renamed.
            let id = state.and_then(|s| s.group_id.as_ref());
            match groups.iter().find(|g| Some(&g.id) == id) {
                Some(renamed) => found.wrong(
                    what,
                    format!(
                        "is called @{} in Slack now: change its handle back, or in the configuration",
                        renamed.handle
                    ),
                ),
                None if target.spec.create_missing => found.right(what, "is not there yet and will be made"),
                None => {
                    let near = nearest(target.handle, groups.iter().map(|g| g.handle.as_str()));
                    let hint = near.map(|near| format!(" (did you mean @{near}?)")).unwrap_or_default();
                    found.wrong(
                        what,
                        format!("Slack has no such user group{hint}: make it, or set create_missing = true"),
                    );
                }
            }
            continue;
        };
        if group.disabled {
            found.wrong(what, "is disabled in Slack: enable it there");
        } else if group.managed_elsewhere {
            found.wrong(what, "is kept by Slack, an identity provider or another workspace: follow the rota with a group of your own");
        } else {
            standing(group, state, &remembered.people, &what, found);
        }
        // The right to write is the workspace's: one that may be written says it for all.
        if !is_tried && !group.disabled && !group.managed_elsewhere {
            is_tried = true;
            match client.try_usergroup(&group.id).await {
                Ok(_) => found.right("user groups", "may be changed"),
                Err(refused) => found.wrong("user groups", remedy(&refused, Some(target.handle))),
            }
        }
    }
    if let Err(refused) = people_named(client, config, groups, found).await {
        found.refused("people in groups", &refused);
    }
}

/// What the server makes of it, and whom it rings if not those who are on call.
fn standing(
    group: &slack::UserGroup,
    state: Option<&State>,
    known: &Directory,
    what: &str,
    found: &mut Findings,
) {
    let Some(state) = state else { return found.right(what, people(group)) };
    let instead = Instead::of(&state.because.0, &group.users).map(|instead| {
        let names: Vec<String> = instead.whom().iter().map(|user| known.name_of(user)).collect();
        format!("{}: {}", instead.said(), names.join(", "))
    });
    match (&state.problem, instead) {
        (Some(problem), Some(instead)) => found.odd(what, format!("{problem}; it {instead}")),
        (Some(problem), None) => found.odd(what, problem),
        (None, Some(instead)) => found.right(what, format!("{}, {instead}", people(group))),
        (None, None) => found.right(what, people(group)),
    }
    for out in &state.left_out.0 {
        found.odd(what, format!("does not ring {}, who is on call: {}", out.name, out.why));
    }
}

/// Whom the configuration names for a group, and nobody is.
async fn people_named(
    client: &slack::Client,
    config: &Config,
    groups: Vec<slack::UserGroup>,
    found: &mut Findings,
) -> Result<(), Upstream> {
    let team_id = match (&config.slack.team_id, groups.iter().find(|g| g.team_id.starts_with('T'))) {
        (Some(configured), _) => configured.clone(),
        (None, Some(group)) => group.team_id.clone(),
        (None, None) => client.auth_test().await?.team_id,
    };
    let named = config.groups.iter().flat_map(|g| g.always.iter().chain(&g.never).chain(&g.fallback));
    let named: BTreeSet<String> =
        named.filter(|who| matches!(who, Who::User(_) | Who::Email(_))).map(ToString::to_string).collect();
    let mut members = Vec::new();
    if named.len() > MOST_LOOKUPS {
        members = client.list_users().await?;
    } else {
        for who in &named {
            members.extend(if who.contains('@') {
                client.user_by_email(who).await?
            } else {
                client.user(&SlackUserId::new(who)).await?
            });
        }
    }
    let known = Directory {
        groups: groups.into_iter().map(Group::from).collect(),
        members: members.into_iter().map(|m| (m.id.clone(), Member::from(m))).collect(),
        ..Directory::default()
    };
    for group in &config.groups {
        for stray in strays(&known, &team_id, group, |_| true) {
            found.wrong(format!("@{}", group.handle), stray);
        }
    }
    Ok(())
}

/// `S012AB3CD, 3 people`.
fn people(group: &slack::UserGroup) -> String {
    match group.users.len() {
        1 => format!("{}, 1 person", group.id),
        n => format!("{}, {n} people", group.id),
    }
}

async fn sources(client: &pagerduty::Client, config: &Config, found: &mut Findings) {
    if config.groups.iter().any(|g| !g.schedules.is_empty()) {
        match client.schedules().await {
            Ok(schedules) => {
                let known = Directory {
                    schedules: schedules.into_iter().map(Schedule::from).collect(),
                    read_at: [(Step::ReadSchedules.kind().to_owned(), Timestamp::from_secs(0))].into(),
                    ..Directory::default()
                };
                of_groups(&known, config, found);
            }
            Err(refused) => found.refused("schedules", &refused),
        }
    }
    let mut asked = BTreeSet::new();
    for group in &config.groups {
        for levels in group.policies.iter().filter(|levels| asked.insert(levels.id.as_str())) {
            policy(client, &format!("@{}", group.handle), &levels.id, found).await;
        }
    }
}

fn of_groups(known: &Directory, config: &Config, found: &mut Findings) {
    let mut told = BTreeSet::new();
    for group in &config.groups {
        for word in group.schedules.iter().filter(|word| told.insert(word.as_str())) {
            let what = format!("schedule {word}");
            match known.schedule_id(word) {
                Ok(id) => match known.schedule(id).and_then(|s| s.is_used) {
                    Some(false) => {
                        found.odd(what, "no escalation policy uses it: it takes a call of its own");
                    }
                    _ => found.right(what, format!("followed by @{}", group.handle)),
                },
                Err(problem) => found.wrong(what, problem),
            }
        }
        let mut ids = BTreeMap::new();
        for word in &group.schedules {
            if let Ok(id) = known.schedule_id(word)
                && let Some(other) = ids.insert(id, word).filter(|other| *other != word)
            {
                let said =
                    format!("is {other} under another name, and @{} has both: remove one", group.handle);
                found.odd(format!("schedule {word}"), said);
            }
        }
    }
}

/// False when it is known not to be there.
pub(super) async fn policy(client: &pagerduty::Client, of: &str, id: &str, found: &mut Findings) -> bool {
    let what = format!("policy {id}");
    let there = client.has_policy(id).await;
    let is_there = !matches!(there, Ok(false));
    match there {
        Ok(true) => found.right(what, format!("followed by {of}")),
        Ok(false) => found.wrong(
            what,
            format!("PagerDuty has no such escalation policy: mend the id at {of}, the end of the policy's address there"),
        ),
        Err(refused) => found.refused(what, &refused),
    }
    is_there
}
