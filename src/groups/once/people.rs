//! Whom a plan leaves out because nobody in Slack is known to be them is looked for: one by one while they are few, else in
//! one walk over everybody.

use std::collections::BTreeSet;

use super::read::Seen;
use super::{End, Once, Outcome};
use crate::config::{WhenEmpty, Who};
use crate::error::Upstream;
use crate::groups::model::{LeftOut, Memory, targets};
use crate::ids::{PagerDutyUserId, SlackUserId};
use crate::oncall::{Member, Responder};

/// A walk takes a call for every 200 people, and how many there are is not known before it: a workspace of this many calls
/// has 4,000.
const MOST_LOOKUPS: usize = 20;

/// What to look for in Slack.
#[derive(Default)]
struct Wanted {
    emails: BTreeSet<String>,
    ids: BTreeSet<SlackUserId>,
}

pub(super) async fn find(once: &Once<'_>, seen: &mut Seen) -> Result<(), Upstream> {
    let mut wanted = Wanted::default();
    for spec in &once.config.groups {
        wanted.add(seen, &spec.always, true);
        wanted.add(seen, &spec.never, false);
    }
    wanted.add_responders(seen, &unmapped(once, seen));
    meet(once, seen, wanted).await?;
    // By other addresses than the login, and those whom only the list of a schedule names.
    let unmapped = unmapped(once, seen);
    read_contacts(once, seen, &unmapped).await?;
    let mut wanted = Wanted::default();
    wanted.add_responders(seen, &unmapped);
    meet(once, seen, wanted).await?;
    let mut wanted = Wanted::default();
    for target in targets(once.config).into_iter().filter(|t| t.spec.when_empty == WhenEmpty::Fallback) {
        let plan = seen.plan(target, false);
        if plan.because.values().flatten().all(|because| because.responder.is_none()) {
            wanted.add(seen, &target.spec.fallback, true);
        }
    }
    meet(once, seen, wanted).await
}

/// Those who go, and those who are rung instead of who is on call, are named as far as that costs little. Whom Slack does
/// not tell keeps their id: everything is done by now.
pub(super) async fn name_those_told_of(once: &Once<'_>, seen: &mut Seen, groups: &[Outcome]) {
    let shown = groups.iter().filter(|g| !matches!(g.end, End::InStep));
    let told = shown.flat_map(|g| {
        let instead = g.plan.instead().map(|instead| instead.whom().to_vec());
        g.plan.removed().into_iter().chain(instead.unwrap_or_default())
    });
    let ids: BTreeSet<SlackUserId> = told.filter(|id| seen.people.member(id).is_none()).cloned().collect();
    for id in ids.into_iter().take(MOST_LOOKUPS) {
        let Ok(found) = once.patiently(async || once.slack.user(&id).await).await else { return };
        seen.people.members.extend(found.map(|user| (user.id.clone(), Member::from(user))));
    }
}

fn unmapped(once: &Once<'_>, seen: &Seen) -> BTreeSet<PagerDutyUserId> {
    let rota = seen.rota();
    let plans = targets(once.config).into_iter().map(|target| rota.plan(target, &Memory::default()));
    // Whose login is that of an account that cannot be in groups may have a better one by another address.
    plans.flat_map(|plan| plan.left_out).map(|out: LeftOut| out.responder).collect()
}

impl Wanted {
    /// Whom the configuration names. Only those who are to be in a group have to be full members.
    fn add(&mut self, seen: &Seen, whom: &[Who], must_be_known: bool) {
        for who in whom {
            match who {
                Who::Email(email) => {
                    self.emails.insert(email.clone());
                }
                Who::User(id) if must_be_known => {
                    self.ids.insert(SlackUserId::new(id.clone()));
                }
                Who::Group(handle) if must_be_known => {
                    let group = seen.people.group(handle);
                    self.ids.extend(group.into_iter().flat_map(|g| g.members.0.iter().cloned()));
                }
                Who::User(_) | Who::Group(_) | Who::Everyone => {}
            }
        }
    }

    fn add_responders(&mut self, seen: &Seen, ids: &BTreeSet<PagerDutyUserId>) {
        let known = ids.iter().filter_map(|id| seen.people.responders.get(id));
        self.emails.extend(known.flat_map(|r| r.emails.0.iter().map(|email| email.to_lowercase())));
    }
}

async fn meet(once: &Once<'_>, seen: &mut Seen, mut wanted: Wanted) -> Result<(), Upstream> {
    wanted.ids.retain(|id| seen.people.member(id).is_none() && !seen.looked_for.contains(id.as_str()));
    wanted.emails.retain(|email| !seen.looked_for.contains(email));
    let so_many = wanted.ids.len() + wanted.emails.len();
    if so_many == 0 || seen.knows_everybody {
        return Ok(());
    }
    if seen.looked_for.len() + so_many > MOST_LOOKUPS {
        let everybody = once.patiently(async || once.slack.list_users().await).await?;
        seen.people.members = everybody.into_iter().map(|u| (u.id.clone(), Member::from(u))).collect();
        seen.knows_everybody = true;
        return Ok(());
    }
    let mut found = Vec::new();
    for email in wanted.emails {
        found.extend(once.patiently(async || once.slack.user_by_email(&email).await).await?);
        seen.looked_for.insert(email);
    }
    for id in wanted.ids {
        found.extend(once.patiently(async || once.slack.user(&id).await).await?);
        seen.looked_for.insert(id.to_string());
    }
    seen.people.members.extend(found.into_iter().map(|user| (user.id.clone(), Member::from(user))));
    Ok(())
}

async fn read_contacts(
    once: &Once<'_>,
    seen: &mut Seen,
    ids: &BTreeSet<PagerDutyUserId>,
) -> Result<(), Upstream> {
    let found = if ids.len() > MOST_LOOKUPS {
        once.patiently(async || once.pagerduty.users_with_contacts().await).await?
    } else {
        let mut found = Vec::new();
        for id in ids {
            found.extend(once.patiently(async || once.pagerduty.user(id).await).await?);
        }
        found
    };
    let found = found.into_iter().filter(|user| ids.contains(&user.id));
    seen.people.responders.extend(found.map(|user| (user.id.clone(), Responder::from(user))));
    Ok(())
}
