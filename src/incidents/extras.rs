//! PagerDuty incidents that are made to page somebody by hand. They belong to an incident of ours, or to none; they are
//! not what pages for it, and open no room.

use std::time::Duration;

use uuid::Uuid;

use super::effects::{Effect, PageChange};
use super::model::{ExpectedPage, Incident, LinkedPage};
use super::pages::Details;
use crate::error::Result;
use crate::ids::{IncidentId, PagerDutyIncidentId};
use crate::store::Tx;

/// A title alone means us for so long: later, an alert that happens to say the same is one.
const EXPECTED_FOR: Duration = Duration::from_secs(3600);

/// The one made to page somebody by hand that this is, by its key; or, because incidents made of alerts carry none, by
/// the title under which we send alerts.
pub(super) async fn expected(tx: &mut Tx, details: &Details) -> Result<Option<ExpectedPage>> {
    let Some(key) = &details.incident_key else {
        let since = tx.now() - EXPECTED_FOR;
        return tx.expected_page_called(&details.title, since).await;
    };
    // Others' keys are whatever they like.
    let Ok(key) = Uuid::parse_str(key) else { return Ok(None) };
    tx.expected_page(key).await
}

/// Says that a PagerDuty incident with this key and title will come, made to page somebody by hand: it belongs to this
/// incident, or to none, and opens no room.
pub async fn expect(tx: &mut Tx, key: Uuid, incident_id: Option<IncidentId>, title: &str) -> Result<()> {
    tx.expect_page(&ExpectedPage { key, incident_id, title: title.to_owned() }).await
}

/// Takes in what was expected under this key, whether its webhook or the answer to our call comes first.
pub async fn take_in(tx: &mut Tx, key: Uuid, page: &LinkedPage) -> Result<()> {
    tx.see_page(page).await?;
    if let Some(expected) = tx.expected_page(key).await? {
        adopt(tx, &expected, &page.id).await?;
    }
    Ok(())
}

/// The incident to which it belongs from now on.
pub(super) async fn adopt(
    tx: &mut Tx,
    expected: &ExpectedPage,
    page: &PagerDutyIncidentId,
) -> Result<Option<Incident>> {
    let Some(id) = expected.incident_id else { return Ok(None) };
    let incident = tx.lock_incident(id).await?;
    if tx.link_extra_page(page, id).await? {
        tx.redraw(id).await?;
        if !incident.is_open() {
            let note = "It ended before it was paged.".to_owned();
            tx.cause(&Effect::ChangePage { incident: id, change: PageChange::Resolve { note } }).await?;
        }
    }
    Ok(Some(incident))
}
