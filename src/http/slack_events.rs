//! Slack's Events API: stored by `event_id`, answered, understood later.
//! <https://docs.slack.dev/apis/events-api>

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::intake::{Accepted, Unavailable};
use super::slack::{Whose, unreadable, whose};
use super::slack_answers::{empty, json_body};
use super::verified::VerifiedSlack;
use super::watch::come_back;
use super::{Edge, is_key};
use crate::jobs::NewDelivery;

const SOURCE: &str = "slack";

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "type")]
    kind: String,
    challenge: Option<String>,
    team_id: Option<String>,
    context_team_id: Option<String>,
    api_app_id: Option<String>,
    event_id: Option<String>,
    authorizations: Option<Vec<Authorization>>,
    #[serde(default)]
    event: Value,
}

#[derive(Deserialize)]
struct Authorization {
    team_id: Option<String>,
}

/// `POST /slack/events`
pub(super) async fn events(State(edge): State<Arc<Edge>>, signed: VerifiedSlack) -> Response {
    let Some(envelope) = read(&signed.body) else {
        return unreadable(&edge, "an event that is no JSON object");
    };
    match envelope.kind.as_str() {
        "url_verification" => json_body(&json!({ "challenge": envelope.challenge })),
        "event_callback" => callback(&edge, &envelope, signed).await,
        "app_rate_limited" => {
            tracing::error!("Slack dropped events: more than 30,000 in an hour");
            edge.metrics.delivery(SOURCE, "rate_limited");
            empty()
        }
        _ => {
            edge.metrics.delivery(SOURCE, "unknown");
            empty()
        }
    }
}

/// A 503 makes Slack come back at once, after a minute and after five; it gets one whenever the event is not stored.
async fn callback(edge: &Edge, envelope: &Envelope, signed: VerifiedSlack) -> Response {
    match whose(edge, envelope.api_app_id.as_deref(), |ours| envelope.is_for(ours)) {
        Whose::Ours => {}
        Whose::Anothers | Whose::AnotherApps => return empty(),
        Whose::Unknown => return come_back(),
    }
    if !edge.desk.wants(&envelope.event) {
        edge.metrics.delivery(SOURCE, "ignored");
        return empty();
    }
    let Some(key) = envelope.event_id.clone().filter(|id| is_key(id)) else {
        return unreadable(edge, "an event without an event_id");
    };
    let delivery = NewDelivery { source: SOURCE, key, body: signed.body.into() };
    let (outcome, answer) = match edge.intake.accept(delivery).await {
        Ok(Accepted::Stored) => ("stored", empty()),
        Ok(Accepted::Unstorable) => ("unstorable", empty()),
        Err(Unavailable) => ("unavailable", come_back()),
    };
    edge.metrics.delivery(SOURCE, outcome);
    answer
}

fn read(body: &[u8]) -> Option<Envelope> {
    serde_json::from_str(std::str::from_utf8(body).ok()?).ok()
}

impl Envelope {
    /// In a channel shared with another workspace `team_id` may be theirs; then the other two say through which
    /// installation we see it.
    fn is_for(&self, ours: &str) -> bool {
        let authorized = self.authorizations.iter().flatten().filter_map(|a| a.team_id.as_deref());
        let named = [self.team_id.as_deref(), self.context_team_id.as_deref()];
        named.into_iter().flatten().chain(authorized).any(|team| team == ours)
    }
}
