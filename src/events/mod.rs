//! What a delivery means. A verified body from the inbox becomes a feature's verb, in one transaction.

pub mod pagerduty;
pub mod slack;

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::error::Result;
use crate::jobs::{Delivery, Finished};
use crate::store::{Priority, Work};

/// Deliveries read per claim; few enough that a claim is not held long.
const BATCH: i64 = 32;
/// With nothing waiting, look at least this often.
const POLL: Duration = Duration::from_secs(5);
/// A delivery that cannot be understood this often waits for a person.
const MOST_ATTEMPTS: i64 = 8;

/// Reads the inbox until stopped: one at a time and oldest first, because PagerDuty's order is worth keeping.
pub async fn read_inbox(app: App, stop: CancellationToken) {
    let mut bell = app.db.bell(Work::Deliveries);
    while !stop.is_cancelled() {
        bell.borrow_and_update();
        let read = read_due(&app).await.unwrap_or_else(|error| {
            tracing::error!(%error, "cannot read the inbox");
            0
        });
        if read == 0 {
            let later = app.clock.now() + POLL;
            tokio::select! {
                () = stop.cancelled() => {}
                _ = bell.changed() => {}
                () = app.clock.sleep_until(later) => {}
            }
        }
    }
}

/// Reads what waits now; the number of deliveries.
pub async fn read_due(app: &App) -> Result<usize> {
    let mut tx = app.db.write(Priority::Job).await?;
    let deliveries = tx.claim_deliveries(BATCH).await?;
    tx.commit().await?;
    for delivery in &deliveries {
        if let Err(error) = understand(app, delivery).await {
            postpone(app, delivery, &error).await?;
        }
    }
    Ok(deliveries.len())
}

async fn understand(app: &App, delivery: &Delivery) -> Result<Finished> {
    let mut tx = app.db.write(Priority::Job).await?;
    let known = app.known();
    match delivery.source.as_str() {
        "pagerduty" => pagerduty::understand(&mut tx, &known, &delivery.body).await?,
        "slack" => slack::understand(&mut tx, &known, &delivery.body).await?,
        other => tracing::warn!(source = other, "a delivery from nobody we know"),
    }
    delivery.finish(tx).await
}

async fn postpone(app: &App, delivery: &Delivery, error: &crate::error::Error) -> Result<()> {
    let mut tx = app.db.write(Priority::Job).await?;
    let said = format!("{error:#}");
    let again_at = (delivery.attempts < MOST_ATTEMPTS)
        .then(|| tx.now() + Duration::from_secs(1 << delivery.attempts.clamp(0, 8)));
    tracing::error!(
        delivery = delivery.id,
        source = delivery.source,
        error = said,
        "cannot take a delivery in"
    );
    tx.postpone_delivery(delivery, again_at, &said).await?;
    tx.commit().await
}

/// The longest id of either vendor is far shorter; a longer one would not fit into an index.
const LONGEST_ID: usize = 100;

/// An opaque id. Signed bodies are still strangers' text: what could not be a key is none.
fn id(value: &serde_json::Value) -> Option<&str> {
    let id = value.as_str()?;
    let fits = (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic());
    fits.then_some(id)
}

/// Words that people wrote. Postgres keeps no NUL.
fn text(value: &serde_json::Value) -> Option<String> {
    value.as_str().filter(|s| !s.is_empty()).map(|s| s.replace('\0', "\u{fffd}"))
}
