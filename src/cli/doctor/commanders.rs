//! Every seat of `[[commander]]`: does what it names exist, does somebody hold it now, and can they be called?

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Findings;
use crate::clock::{Clock, Timestamp};
use crate::config::{Config, Phones};
use crate::error::Upstream;
use crate::oncall::{Directory, Group, Known, Member, OnCall, Responder, Schedule, Step};
use crate::paging::seats::{self, Held};
use crate::{pagerduty, slack};

pub(super) async fn check(
    slack: &slack::Client,
    pagerduty: Option<&pagerduty::Client>,
    config: &Config,
    clock: &Clock,
    found: &mut Findings,
) {
    let Some(pagerduty) = pagerduty.filter(|_| !config.commanders.is_empty()) else { return };
    // One that is not there names nobody, and would read as if nobody were on call on it.
    let mut missing = BTreeSet::new();
    for seat in &config.commanders {
        let Some(policy) = &seat.policy else { continue };
        if !super::groups::policy(pagerduty, &format!("commander {}", seat.title), policy, found).await {
            missing.insert(policy.as_str());
        }
    }
    let at = clock.now();
    match read(slack, pagerduty, config, at).await {
        Ok(people) => {
            let known = Known { config: Arc::new(config.clone()), people: Arc::new(people) };
            for held in seats::commanders(&known, at) {
                if held.seat.policy.as_ref().is_none_or(|id| !missing.contains(id.as_str())) {
                    seat(&known, &held, found);
                }
            }
        }
        Err(refused) => found.refused("commanders", &refused),
    }
}

fn seat(known: &Known, held: &Held<'_>, found: &mut Findings) {
    let what = format!("commander {}", held.seat.title);
    for trouble in &held.troubles {
        found.wrong(what.clone(), trouble.clone());
    }
    let shows_phones = known.config.paging.phones != Phones::Never;
    for who in held.holders.iter().filter(|who| shows_phones && who.phone.is_none()) {
        let name = &who.name;
        found.odd(
            what.clone(),
            format!("{name} has no phone number in PagerDuty, so nobody can call them: add one to their profile there"),
        );
    }
    let names: Vec<&str> = held.holders.iter().map(|who| who.name.as_str()).collect();
    let ic = &known.config.commands.ic;
    match (names.as_slice(), &held.seat.schedule) {
        ([], Some(word)) if is_unused(known, word) => found.odd(
            what,
            format!("no escalation policy uses the schedule {word:?}, so PagerDuty does not say here who is on call by it: let one use it"),
        ),
        ([], _) if held.troubles.is_empty() => found.odd(
            what,
            format!("nobody is on call for it now, and `{ic} page` reaches nobody: put somebody on call in PagerDuty"),
        ),
        ([], _) => {}
        (names, _) => found.right(what, names.join(", ")),
    }
}

fn is_unused(known: &Known, word: &str) -> bool {
    let people = &known.people;
    people.schedule_id(word).is_ok_and(|id| people.schedule(id).is_some_and(|s| s.is_used == Some(false)))
}

/// What a server would know of them.
async fn read(
    slack: &slack::Client,
    pagerduty: &pagerduty::Client,
    config: &Config,
    at: Timestamp,
) -> Result<Directory, Upstream> {
    let seats = &config.commanders;
    let mut people = Directory::default();
    if seats.iter().any(|seat| seat.schedule.is_some()) {
        people.schedules = pagerduty.schedules().await?.into_iter().map(Schedule::from).collect();
        people.read_at.insert(Step::ReadSchedules.kind().to_owned(), at);
    }
    let words = seats.iter().filter_map(|seat| seat.schedule.as_ref());
    let schedule_ids: Vec<String> =
        words.filter_map(|word| people.schedule_id(word).ok().map(str::to_owned)).collect();
    let policy_ids: Vec<String> = seats.iter().filter_map(|seat| seat.policy.clone()).collect();
    for (policy_ids, schedule_ids) in [(&policy_ids[..], &[][..]), (&[][..], &schedule_ids[..])] {
        if policy_ids.len() + schedule_ids.len() > 0 {
            let wanted = pagerduty::Filter { policy_ids, schedule_ids };
            people.oncall.extend(pagerduty.oncalls(&wanted, None, None).await?.into_iter().map(OnCall::from));
        }
    }
    people.read_at.insert(Step::ReadOnCall.kind().to_owned(), at);
    let responders = pagerduty.users_with_contacts().await?.into_iter().map(Responder::from);
    people.responders = responders.map(|person| (person.id.clone(), person)).collect();
    if seats.iter().any(|seat| !seat.people.is_empty()) {
        let members = slack.list_users().await?.into_iter().map(Member::from);
        people.members = members.map(|member| (member.id.clone(), member)).collect();
        people.groups = slack.list_usergroups().await?.into_iter().map(Group::from).collect();
        let team_id = match &config.slack.team_id {
            Some(configured) => configured.clone(),
            None => slack.auth_test().await?.team_id,
        };
        people.links = people.links_by_email(&team_id);
    }
    Ok(people)
}
