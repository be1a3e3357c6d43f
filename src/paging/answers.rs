//! Who answers a page: by acknowledging the PagerDuty incident, or by joining or declining.

use super::messages;
use super::model::{Page, State, Target};
use super::told::say;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::ids::{PagerDutyIncidentId, PagerDutyUserId};
use crate::incidents::pages::{PageEvent, Responder, What};
use crate::oncall::Known;
use crate::store::Tx;

/// Takes an event of PagerDuty in, as far as it answers a page.
pub async fn heard(tx: &mut Tx, known: &Known, event: &PageEvent) -> Result<()> {
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

/// The person answers every page that asked them there. Whoever acknowledges an incident that was made for a page
/// answers it, too.
pub(super) async fn take_in(
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
