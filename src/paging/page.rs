//! Paging: whom, about what, for which incident, written down with the job that does it.

use std::collections::BTreeSet;

use serde_json::json;
use uuid::Uuid;

use super::command::Manner;
use super::messages;
use super::model::{JUST_NOW, Kind, LONGEST_MESSAGE, Page, State, Target};
use super::targets::Whom;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::front::{Answer, Caller, Reply};
use crate::ids::new_id;
use crate::incidents::model::{Actor, Kind as EntryKind, Source};
use crate::incidents::timeline::NewEntry;
use crate::incidents::{Incident, extras, lifecycle};
use crate::jobs::NewJob;
use crate::oncall::Known;
use crate::slack::blocks::plain;
use crate::store::Tx;

/// What somebody wants.
#[derive(Debug)]
pub struct Wanted<'a> {
    pub kind: Kind,
    pub whom: Whom<'a>,
    /// `None` when the command takes no words of its own.
    pub message: Option<String>,
    pub manner: Manner,
    /// What is typed to page once more.
    pub again: String,
    /// The thread in which it was asked.
    pub thread_ts: Option<String>,
}

/// The job that pages.
pub(super) fn job(page: Uuid) -> NewJob {
    let key = format!("paging.page:{page}");
    NewJob::new("paging.page", json!({ "page": page })).never_give_up().dedup(&key).lane(key)
}

/// Pages on behalf of a person, who may.
pub async fn page(tx: &mut Tx, known: &Known, by: &Caller, wanted: &Wanted<'_>) -> Result<Answer> {
    if known.config.pagerduty.is_none() {
        return Err(Error::refused("PagerDuty is not configured here, so I can page nobody."));
    }
    tx.declare_alone().await?; // of two who page the same at the same moment, one sees the other
    let room = room_here(tx, by).await?;
    let message = message_of(wanted);
    let title = title_of(&message, room.as_ref());
    let incident = room.filter(Incident::is_open);
    let page = new_page(tx, known, by, wanted, incident.as_ref(), (&message, &title))?;
    let mut more = messages::cut_short(&title);
    let targets = new_targets(tx, &page, &wanted.whom);
    if wanted.manner.is_test || incident.as_ref().is_some_and(|i| i.is_test) {
        if let Some(incident) = &incident {
            note(tx, incident, by, format!("Tested paging {}: nobody was paged", page.whom)).await?;
        }
        return Ok(Answer::Done(Reply::everyone(messages::tested(known, &page, &targets) + &more)));
    }
    if targets.iter().all(|t| t.state == State::Failed) {
        let why = targets.first().and_then(|t| t.detail.clone()).unwrap_or_default();
        return Err(Error::refused(format!("{} cannot be paged: {why}. Please call them.", page.whom)));
    }
    if !wanted.manner.again {
        let before = just_paged(tx, known, &page, &targets).await?;
        if let Some(twin) = before.iter().find(|e| e.is_for_all && says_the_same(&e.page, &page)) {
            let twin = (&twin.page, &*twin.targets);
            let already = messages::paged_already(known, twin, &page, &wanted.again);
            return Ok(Answer::Looked(Reply::only(already)));
        }
        // Other words may be another matter, and others are to be reached as well: they go out, and it is said.
        more.extend(before.first().map(|earlier| messages::paged_besides(&earlier.page, &page)));
    }
    tx.insert_page(&page).await?;
    for (ordinal, target) in (0..).zip(&targets) {
        tx.insert_page_target(target, ordinal).await?;
    }
    for key in std::iter::once(page.id).chain(targets.iter().map(|t| t.id)) {
        extras::expect(tx, key, page.incident_id, &page.title).await?;
    }
    if let Some(incident) = &incident {
        note(tx, incident, by, format!("Paged {}: {}", page.whom, page.message)).await?;
        for user in wanted.whom.targets.iter().flat_map(|t| &t.slack) {
            lifecycle::invite(tx, incident, user, "paged").await?;
        }
    }
    tx.enqueue(job(page.id)).await?;
    let paging = messages::paging(known, &page, &targets, incident.as_ref());
    Ok(Answer::Done(Reply::everyone(paging + &more)))
}

/// A page that has rung some of the same people a moment ago.
struct Earlier {
    page: Page,
    targets: Vec<Target>,
    /// It was for everybody who is wanted now.
    is_for_all: bool,
}

/// Pages of the same people, by whatever name, for the same incident, or for none, that are under way or have gone out
/// well, newest first.
async fn just_paged(tx: &mut Tx, known: &Known, new: &Page, wanted: &[Target]) -> Result<Vec<Earlier>> {
    let (now, since) = (new.asked_at, new.asked_at - JUST_NOW);
    let wanted = reached(known, wanted, now);
    let mut found = Vec::new();
    for page in tx.latest_pages().await? {
        if page.incident_id != new.incident_id || page.asked_at <= since {
            continue;
        }
        let targets = tx.page_targets(page.id).await?;
        let rung = reached(known, &targets, now);
        // Where somebody was not reached, trying again is what is needed.
        let is_well = targets.iter().all(|t| !matches!(t.state, State::Failed | State::Dropped));
        if is_well && !rung.is_disjoint(&wanted) {
            found.push(Earlier { is_for_all: wanted.is_subset(&rung), page, targets });
        }
    }
    Ok(found)
}

/// Whom a page reaches: people, and policies, which ring others when those do not answer. So a policy's page is for who is
/// on call there, too, and theirs is not for the policy.
fn reached(known: &Known, targets: &[Target], at: Timestamp) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for target in targets {
        all.extend(messages::to_call(known, target, at).into_iter().map(|c| c.responder.to_string()));
        if target.pagerduty_user_id.is_none() {
            all.insert(target.policy_id.clone().unwrap_or_else(|| target.name.clone()));
        }
    }
    all
}

/// `/ic page` has no words of its own.
fn says_the_same(one: &Page, other: &Page) -> bool {
    let has_words = |page: &Page| page.kind == Kind::Page;
    match (has_words(one), has_words(other)) {
        (true, true) => one.message.eq_ignore_ascii_case(&other.message),
        (one, other) => one == other,
    }
}

/// The incident whose room this is, be it over.
async fn room_here(tx: &mut Tx, by: &Caller) -> Result<Option<Incident>> {
    let Some(channel) = &by.channel else { return Ok(None) };
    match tx.incident_in(channel).await? {
        Some(incident) => Ok(Some(tx.lock_incident(incident.id).await?)),
        None => Ok(None),
    }
}

async fn note(tx: &mut Tx, incident: &Incident, by: &Caller, text: String) -> Result<()> {
    tx.append(incident.id, NewEntry::new(EntryKind::Page, Source::Slack, Actor::from(by), text)).await?;
    Ok(())
}

fn message_of(wanted: &Wanted<'_>) -> String {
    wanted.message.clone().unwrap_or_else(|| match wanted.kind {
        Kind::Commanders => "An incident commander is needed".into(),
        _ => "Your help is needed".into(),
    })
}

/// What PagerDuty reads, however long: out of a private incident's room none of the words, even when it is over.
fn title_of(message: &str, room: Option<&Incident>) -> String {
    match room {
        Some(incident) if incident.is_private => format!("{}: you are wanted", incident.public_title()),
        Some(incident) if incident.is_open() => format!("{}: {message}", incident.headline()),
        _ => message.to_owned(),
    }
}

fn new_page(
    tx: &Tx,
    known: &Known,
    by: &Caller,
    wanted: &Wanted<'_>,
    incident: Option<&Incident>,
    (message, title): (&str, &str),
) -> Result<Page> {
    let config = &known.config;
    let of_incident = || config.find_service(incident?.service.as_deref()?);
    let service = wanted.whom.service.or_else(of_incident).or_else(|| config.paging_service());
    let Some(service) = service else {
        return Err(Error::refused(
            "I do not know on which service a page opens its incident. An administrator can name one under [paging] in \
             Firebell's configuration.",
        ));
    };
    Ok(Page {
        id: new_id(tx.clock()),
        kind: wanted.kind,
        whom: wanted.whom.called.clone(),
        message: plain(message, LONGEST_MESSAGE),
        title: plain(title, LONGEST_MESSAGE),
        asked_by: by.user.clone(),
        asked_by_name: by.name.clone(),
        channel_id: by.channel.clone(),
        thread_ts: wanted.thread_ts.clone(),
        incident_id: incident.map(|i| i.id),
        service: service.name.clone(),
        pagerduty_id: None,
        html_url: None,
        asked_at: tx.now(),
        sent_by_events_at: None,
        alarmed_at: None,
        done_at: None,
        answered_at: None,
    })
}

fn new_targets(tx: &Tx, page: &Page, whom: &Whom<'_>) -> Vec<Target> {
    let target = |wanted: &super::targets::Wanted| Target {
        id: new_id(tx.clock()),
        page_id: page.id,
        name: wanted.name.clone(),
        pagerduty_user_id: wanted.responder.clone(),
        policy_id: wanted.policy.clone(),
        state: if wanted.problem.is_some() { State::Failed } else { State::Waiting },
        detail: wanted.problem.map(str::to_owned),
        pagerduty_id: None,
        changed_at: tx.now(),
    };
    whom.targets.iter().map(target).collect()
}
