//! Who answers a page: by acknowledging the PagerDuty incident, or by joining or declining.

use uuid::Uuid;

use super::messages;
use super::model::{Page, State, Target};
use super::targets::is_paged_by_alerts;
use super::told::{say, waiting};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::ids::{PagerDutyIncidentId, PagerDutyUserId};
use crate::incidents::pages::{PageEvent, Responder, What};
use crate::oncall::Known;
use crate::pagerduty::{Incident, joins};
use crate::store::Tx;

/// Takes an event of PagerDuty in, as far as it answers a page.
pub async fn heard(tx: &mut Tx, known: &Known, event: &PageEvent) -> Result<()> {
    recognise(tx, known, event).await?;
    let (person, state) = match &event.what {
        What::Acknowledged => (event.agent.as_ref(), State::Answered),
        What::ResponderReplied { who: Responder::Person(person), joined: true } => {
            (Some(person), State::Answered)
        }
        What::ResponderReplied { who: Responder::Person(person), joined: false } => {
            (Some(person), State::Declined)
        }
        _ => return Ok(()),
    };
    let Some(person) = person else { return Ok(()) };
    take_in(tx, known, &event.page, &person.id, &person.name, state).await
}

/// What an alert of ours has made is the page's own for those whom it was raised for, and shows itself here, however long
/// the first road stays closed.
async fn recognise(tx: &mut Tx, known: &Known, event: &PageEvent) -> Result<()> {
    let Some(details) = &event.details else { return Ok(()) };
    let on = details.service_id.as_deref().and_then(|id| known.config.service_by_pagerduty(id));
    let Some(service) = on else { return Ok(()) };
    let found = match &details.incident_key {
        Some(key) => match Uuid::parse_str(key) {
            Ok(key) => tx.page(key).await?,
            Err(_) => None, // others' keys are whatever they like
        },
        // Incidents that are made of alerts may carry no key: then the title tells.
        None if tx.pages_on(&event.page).await?.is_empty() => {
            tx.page_by_event(&details.title, &service.name).await?
        }
        None => None,
    };
    let is_new = |page: &Page| page.sent_by_events_at.is_some() && page.pagerduty_id.is_none();
    let Some(page) = found.filter(is_new) else { return Ok(()) };
    // Targets before their page, as the job writes them.
    for target in waiting(tx.page_targets(page.id).await?) {
        if is_paged_by_alerts(known, service, &target) {
            tx.set_paged(target.id, &event.page).await?;
        }
    }
    tx.set_page_incident(page.id, &event.page, details.html_url.clone()).await
}

/// The answers that PagerDuty's incident shows.
pub(super) async fn take_in_all(tx: &mut Tx, known: &Known, incident: &Incident) -> Result<()> {
    for (person, state) in answers_in(incident) {
        take_in(tx, known, &incident.id, &person, "", state).await?;
    }
    Ok(())
}

fn answers_in(incident: &Incident) -> Vec<(PagerDutyUserId, State)> {
    let acknowledged = incident
        .acknowledgers
        .iter()
        .filter(|(who, _)| who.kind.starts_with("user"))
        .map(|(who, _)| (PagerDutyUserId::new(who.id.clone()), State::Answered));
    let replied = incident.responders.iter().filter_map(|r| {
        let state = if joins(&r.state)? { State::Answered } else { State::Declined };
        Some((r.user_id.clone(), state))
    });
    acknowledged.chain(replied).collect()
}

/// The person answers every page that asked them there. Whoever acknowledges an incident that was made for a page
/// answers it, too.
async fn take_in(
    tx: &mut Tx,
    known: &Known,
    on: &PagerDutyIncidentId,
    person: &PagerDutyUserId,
    name: &str,
    state: State,
) -> Result<()> {
    // What we acknowledge in PagerDuty for somebody in the room answers no page.
    if known.people.our_responder.as_ref() == Some(person) {
        return Ok(());
    }
    let now = tx.now();
    let who = known.people.name_on_call(person).unwrap_or(name);
    for page in tx.pages_on(on).await? {
        let targets = tx.page_targets(page.id).await?;
        let mut news = false;
        let mut is_asked = false;
        for target in targets.iter().filter(|t| is_meant(known, t, person, now)) {
            news |= tx.set_answer_to_page(target.id, state).await?;
            is_asked = true;
        }
        let is_own = page.pagerduty_id.as_ref() == Some(on);
        if state == State::Answered && (is_asked || is_own) {
            news |= tx.set_page_answered(page.id).await? && !is_asked;
        }
        if news {
            tell(tx, known, &page, who, state).await?;
        }
    }
    Ok(())
}

fn is_meant(known: &Known, target: &Target, person: &PagerDutyUserId, at: Timestamp) -> bool {
    let on_policy =
        |id: &String| known.people.on_call(id, at).iter().any(|contact| contact.responder == *person);
    target.pagerduty_user_id.as_ref() == Some(person) || target.policy_id.as_ref().is_some_and(on_policy)
}

/// In an incident's room PagerDuty's own events are told already.
async fn tell(tx: &mut Tx, known: &Known, page: &Page, who: &str, state: State) -> Result<()> {
    if page.incident_id.is_some() {
        return Ok(());
    }
    let message = match state {
        State::Declined => messages::answers::declined(known, page, who),
        _ => messages::answers::answered(page, who),
    };
    say(tx, page, message).await
}
