//! PagerDuty's webhooks, v3. Once the signature holds, the answer is 202 or, when it could not be stored, 503: a 4xx
//! makes PagerDuty drop the event and, after three, stop the subscription for a day.
//! <https://developer.pagerduty.com/docs/webhooks-overview#webhook-behavior>

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::Edge;
use super::intake::{Accepted, Unavailable};
use super::verified::VerifiedPagerDuty;
use super::watch::come_back;
use crate::jobs::NewDelivery;

const SOURCE: &str = "pagerduty";
/// A sender that may only say that a rota changed.
const HINT: &str = "hint";

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    event: Event<'a>,
}

/// Only what the edge needs; what the event means is found out later, from the stored bytes.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    event_type: Cow<'a, str>,
}

/// Stores the delivery under the event's own id, or under the body's digest when it has none, so that a repeat is known
/// whatever headers it comes with. A ping is stored like any other delivery: it tests the whole way in.
pub(super) async fn webhook(State(edge): State<Arc<Edge>>, signed: VerifiedPagerDuty) -> Response {
    let event = read(&signed.body);
    let (key, read_as) = match &event {
        Some(event) if event.event_type == "pagey.ping" => (event.id.to_string(), "ping"),
        Some(event) => (event.id.to_string(), "stored"),
        None => (hex::encode(Sha256::digest(&signed.body)), "unreadable"),
    };
    match read_as {
        "ping" => tracing::info!("ping received from PagerDuty"),
        "unreadable" => {
            tracing::warn!(key, size = signed.body.len(), "signed, but not an event; kept as it came");
        }
        _ => {}
    }
    // The sender's name is part of the key: what one says never hides what another does.
    let (source, key) = match signed.hint_sender {
        None => (SOURCE, key),
        Some(sender) => (HINT, format!("{sender}:{key}")),
    };
    let delivery = NewDelivery { source, key, body: signed.body.into() };
    let (outcome, answer) = match edge.intake.accept(delivery).await {
        Ok(Accepted::Stored) => (read_as, StatusCode::ACCEPTED.into_response()),
        Ok(Accepted::Unstorable) => ("unstorable", StatusCode::ACCEPTED.into_response()),
        Err(Unavailable) => ("unavailable", come_back()),
    };
    edge.metrics.delivery(source, outcome);
    answer
}

/// The event, if there is one with an id that can be a key.
fn read(body: &[u8]) -> Option<Event<'_>> {
    let text = std::str::from_utf8(body).ok()?;
    let Envelope { event } = serde_json::from_str(text).ok()?;
    super::is_key(&event.id).then_some(event)
}
