//! What a delivery means. A verified body from the inbox becomes a feature's verb, in one transaction.

mod hints;
pub mod pagerduty;
pub mod slack;

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::error::{Error, Result};
use crate::jobs::Delivery;
use crate::oncall::Known;
use crate::store::{Priority, Tx, Work};

/// Deliveries read in one transaction, at most, and for how long: on SQLite people's commands wait meanwhile.
const BATCH: i64 = 64;
const SHARE: Duration = Duration::from_millis(4);
/// While more come in, taking them in goes first: who sends waits for it. So reading pauses for as long as it has worked,
/// and no longer than this.
const BREATH: Duration = Duration::from_millis(20);
/// With nothing waiting, look at least this often.
const POLL: Duration = Duration::from_secs(5);
/// A delivery that cannot be understood this often waits for a person.
const MOST_ATTEMPTS: i64 = 8;

/// Reads the inbox until stopped: one at a time and oldest first, because PagerDuty's order is worth keeping.
pub async fn read_inbox(app: App, stop: CancellationToken) {
    let mut bell = app.db.bell(Work::Deliveries);
    while !stop.is_cancelled() {
        bell.borrow_and_update();
        let began_at = app.clock.now();
        let (_, more) = read_some(&app).await.unwrap_or_else(|error| {
            tracing::error!(%error, "cannot read the inbox");
            (0, false)
        });
        if more && bell.has_changed().unwrap_or(false) {
            app.clock.sleep(app.clock.now().since(began_at).min(BREATH)).await;
        } else if !more {
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
    Ok(read_some(app).await?.0)
}

/// Reads as much as fits into one transaction: how many deliveries, and whether more may wait. One that cannot be
/// understood takes the others' work back with it; it is put off by itself, and they come again.
async fn read_some(app: &App) -> Result<(usize, bool)> {
    let mut tx = app.db.write(Priority::Job).await?;
    let (known, began_at) = (app.known(), tx.now());
    let waiting = tx.next_deliveries(BATCH).await?;
    let mut read = 0;
    for delivery in &waiting {
        if let Err(error) = understand(&mut tx, &known, delivery).await {
            tx.rollback().await?;
            postpone(app, delivery, &error).await?;
            return Ok((1, true));
        }
        read += 1;
        if app.clock.now().since(began_at) > SHARE {
            break;
        }
    }
    if read > 0 {
        tx.deliveries_done(&waiting[..read]).await?;
    }
    tx.commit().await?;
    Ok((read, i64::try_from(waiting.len()) == Ok(BATCH) || read < waiting.len()))
}

async fn understand(tx: &mut Tx, known: &Known, delivery: &Delivery) -> Result<()> {
    match delivery.source.as_str() {
        "pagerduty" => pagerduty::understand(tx, known, &delivery.body).await,
        "hint" => {
            let sender = delivery.delivery_key.split(':').next().unwrap_or_default();
            hints::understand(tx, known, &delivery.body, sender).await
        }
        "slack" => slack::understand(tx, known, &delivery.body).await,
        other => {
            tracing::warn!(source = other, "a delivery from nobody we know");
            Ok(())
        }
    }
}

async fn postpone(app: &App, delivery: &Delivery, error: &Error) -> Result<()> {
    let mut tx = app.db.write(Priority::Job).await?;
    let said = format!("{error:#}");
    let attempts = delivery.attempts + 1;
    let again_at =
        (attempts < MOST_ATTEMPTS).then(|| tx.now() + Duration::from_secs(1 << attempts.clamp(0, 8)));
    tracing::error!(
        delivery = delivery.id,
        source = delivery.source,
        error = said,
        "cannot take a delivery in"
    );
    tx.postpone_delivery(delivery, again_at, &said).await?;
    tx.commit().await
}

/// Words that people wrote. Postgres keeps no NUL.
fn text(value: &serde_json::Value) -> Option<String> {
    value.as_str().filter(|s| !s.is_empty()).map(|s| s.replace('\0', "\u{fffd}"))
}
