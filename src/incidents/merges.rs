//! A merge closes one PagerDuty incident and carries on in another: so do the links.

use super::effects::Effect;
use super::forms;
use super::messages;
use super::model::{Actor, Incident, Kind, LinkedPage, Source};
use super::pages::{PageEvent, Target, What, room_for_page};
use super::timeline::NewEntry;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::front::Message;
use crate::ids::IncidentId;
use crate::store::Tx;

/// The incident of ours that this event merges something into.
pub(super) async fn incident_merged_into(tx: &mut Tx, event: &PageEvent) -> Result<Option<IncidentId>> {
    let What::Resolved { merged_into: Some(into) } = &event.what else { return Ok(None) };
    Ok(tx.linked_page(&into.id).await?.and_then(|page| page.incident_id))
}

/// A PagerDuty incident of ours was merged into another one.
pub(super) async fn merged(
    tx: &mut Tx,
    incident: &Incident,
    page: &LinkedPage,
    event: &PageEvent,
    into: &Target,
) -> Result<()> {
    if !tx.set_merged_into(&page.id, &into.id).await? {
        return Ok(());
    }
    match tx.linked_page(&into.id).await?.and_then(|target| target.incident_id) {
        Some(id) if id == incident.id => {
            if page.is_primary {
                tx.make_primary(&into.id, incident.id).await?;
            }
        }
        Some(id) => {
            let other = tx.incident(id).await?;
            return between_incidents(tx, incident, page, event, &other).await;
        }
        None => follow(tx, incident, page, into).await?,
    }
    if page.is_primary {
        room_for_page(tx, incident).await?;
    }
    tx.redraw(incident.id).await
}

/// Into one that was nobody's: it is ours now. What else there is to know of it PagerDuty tells when asked.
async fn follow(tx: &mut Tx, incident: &Incident, page: &LinkedPage, into: &Target) -> Result<()> {
    let unseen = LinkedPage {
        id: into.id.clone(),
        incident_id: None,
        is_primary: false,
        number: None,
        title: into.title.clone().unwrap_or_else(|| page.title.clone()),
        html_url: into.html_url.clone(),
        status: "triggered".into(),
        status_changed_at: Timestamp::from_secs(0),
        held_at: None,
        ..page.clone()
    };
    tx.see_page(&unseen).await?;
    if page.is_primary {
        tx.make_primary(&into.id, incident.id).await?;
    } else {
        tx.link_page(&into.id, incident.id, false).await?;
    }
    tx.cause(&Effect::CatchUp { page: into.id.clone() }).await?;
    Ok(())
}

/// Into one of another incident of ours: whoever merged them thinks that the two are one.
async fn between_incidents(
    tx: &mut Tx,
    incident: &Incident,
    page: &LinkedPage,
    event: &PageEvent,
    other: &Incident,
) -> Result<()> {
    if !incident.is_private {
        let text = messages::merged_in(page, incident);
        let key = format!("pd:{}:merged-in", page.id);
        let entry = NewEntry::new(Kind::Linked, Source::PagerDuty, Actor::firebell(), text.clone());
        let entry = tx.append(other.id, entry.at(event.occurred_at).once(key)).await?;
        if entry.is_some() && other.is_open() {
            tx.say_entry(other, entry, Message::text(format!(":twisted_rightwards_arrows: {text}."))).await?;
        }
    }
    if page.is_primary && incident.is_open() {
        let text = messages::merged_away(page, incident, (!other.is_private).then_some(other));
        tx.say(incident, forms::ask_to_resolve(incident.id, &text)).await?;
    }
    Ok(())
}
