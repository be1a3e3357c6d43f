//! Bringing people into the room. Being paged and not seeing why is the oldest complaint: everybody whom PagerDuty
//! assigns or adds, and anyone who acknowledges, is invited, private incidents included.

use super::effects::Effect;
use super::lifecycle::invite;
use super::model::Incident;
use super::pages::{PageEvent, Person, Responder, What};
use crate::error::Result;
use crate::ids::SlackUserId;
use crate::oncall::Known;
use crate::store::Tx;

/// Invites whom an event names. Those who have left the room on their own are left alone, unless PagerDuty has just
/// paged them anew: `news` says that the event was not heard before.
pub(super) async fn bring_in(
    tx: &mut Tx,
    known: &Known,
    incident: &Incident,
    event: &PageEvent,
    news: bool,
) -> Result<()> {
    if incident.is_test || !(incident.is_open() || event.leaves_open()) {
        return Ok(());
    }
    let pages_assignees = matches!(
        event.what,
        What::Triggered
            | What::Unacknowledged
            | What::Escalated
            | What::Reassigned
            | What::Delegated
            | What::Reopened
    );
    for person in event.details.iter().flat_map(|d| &d.assignees) {
        bring(tx, known, incident, event, person, news && pages_assignees).await?;
    }
    let answers = match &event.what {
        What::ResponderAdded { who: Responder::Person(who), .. }
        | What::ResponderReplied { who: Responder::Person(who), joined: true } => Some(who),
        What::Acknowledged => event.agent.as_ref(),
        _ => None,
    };
    if let Some(person) = answers {
        bring(tx, known, incident, event, person, news).await?;
    }
    Ok(())
}

/// Somebody came on call for the incident's team. A private incident is for those whom it names.
pub async fn comes_on_call(tx: &mut Tx, incident: &Incident, user: &SlackUserId) -> Result<()> {
    if incident.is_private || !incident.is_open() {
        return Ok(());
    }
    invite(tx, incident, user, "came on call").await
}

async fn bring(
    tx: &mut Tx,
    known: &Known,
    incident: &Incident,
    event: &PageEvent,
    person: &Person,
    again: bool,
) -> Result<()> {
    if known.people.our_responder.as_ref() == Some(&person.id) {
        return Ok(());
    }
    let user = match known.people.slack_of(&person.id) {
        Some(user) => user.clone(),
        None => match stranger(tx, incident, person).await? {
            Some(user) => user,
            None => return Ok(()),
        },
    };
    if again {
        return invite(tx, incident, &user, event.what.word()).await;
    }
    if tx.want_newcomer(incident.id, &user, event.what.word()).await? {
        tx.cause(&Effect::Invite { incident: incident.id }).await?;
    }
    Ok(())
}

/// Somebody whom the roster does not know in Slack: looked for once, and named if there is no account.
async fn stranger(tx: &mut Tx, incident: &Incident, person: &Person) -> Result<Option<SlackUserId>> {
    let responder = person.id.clone();
    if tx.see_outsider(incident.id, &responder, &person.name).await? {
        tx.cause(&Effect::Introduce { incident: incident.id, responder }).await?;
        return Ok(None);
    }
    let outsiders = tx.outsiders(incident.id).await?;
    Ok(outsiders.into_iter().find(|o| o.pagerduty_user_id == person.id).and_then(|o| o.slack_user_id))
}
