//! The Events API v2: how a machine opens, acknowledges and resolves an incident by a key of its own.
//! PagerDuty documentation, "Events API v2: Send an alert event".

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::answer::{Answer, Outcome};
use super::server::Request;
use super::state::{Account, Status};
use super::verbs::NewIncident;

const BODY_LIMIT: usize = 512 * 1024;

/// 202 says that the event was taken, not that there is an incident: without anybody on call there is none.
#[expect(clippy::unnecessary_wraps, reason = "endpoints have one signature")]
pub(super) fn enqueue(a: &mut Account, r: &Request) -> Outcome {
    if r.body_bytes > BODY_LIMIT {
        return Ok(refuse(StatusCode::PAYLOAD_TOO_LARGE, &["Event exceeds 512 KB".into()]));
    }
    let mut wrong = problems(r);
    let service = a.services.iter().find(|s| s.routing_key.as_deref() == r.text("/routing_key"));
    if wrong.is_empty() && service.is_none() {
        wrong.push("'routing_key' belongs to no integration".into());
    }
    let Some(service) = service.map(|s| s.id.clone()).filter(|_| wrong.is_empty()) else {
        return Ok(refuse(StatusCode::BAD_REQUEST, &wrong));
    };
    let key = match r.text("/dedup_key").filter(|k| !k.is_empty()) {
        Some(key) => key.to_owned(),
        None => a.fresh_id('D').to_lowercase(),
    };
    let open = a.open_with_key(&service, &key);
    match (r.text("/event_action"), open) {
        (Some("trigger"), None) => open_incident(a, r, service, &key),
        (Some("trigger"), Some(n)) => a.record(n, "log_entry", None, "received another alert for {}"),
        (Some("acknowledge"), Some(n)) if a.incidents[n].status == Status::Triggered => {
            a.acknowledge(n, None).unwrap_or_default();
        }
        (Some("resolve"), Some(n)) => a.resolve(n, None, None).unwrap_or_default(),
        // Nothing open under the key: silently dropped.
        _ => {}
    }
    Ok(Answer::accepted(json!({"status": "success", "message": "Event processed", "dedup_key": key})))
}

fn open_incident(a: &mut Account, r: &Request, service: String, key: &str) {
    let urgency = match r.text("/payload/severity") {
        Some("warning" | "info") => "low",
        _ => "high",
    };
    let new = NewIncident {
        service,
        title: r.text("/payload/summary").unwrap_or_default().into(),
        urgency: urgency.into(),
        key: Some(key.into()),
        body: r.body["payload"].get("custom_details").map(Value::to_string),
        ..NewIncident::default()
    };
    // Refused only when nobody is on call, which the sender is not told.
    let _: Result<usize, _> = a.create(new);
}

fn problems(r: &Request) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut need = |holds: bool, text: &str| {
        if !holds {
            wrong.push(text.to_owned());
        }
    };
    let text = |pointer: &str| r.text(pointer).unwrap_or_default();
    need(text("/routing_key").len() == 32, "'routing_key' must be 32 characters long");
    let action = text("/event_action");
    need(
        matches!(action, "trigger" | "acknowledge" | "resolve"),
        "'event_action' must be 'trigger', 'acknowledge' or 'resolve'",
    );
    need(text("/dedup_key").chars().count() <= 255, "'dedup_key' is longer than 255 characters");
    if action == "trigger" {
        let summary = text("/payload/summary");
        need(!summary.trim().is_empty(), "'payload.summary' is missing or blank");
        need(summary.chars().count() <= 1024, "'payload.summary' is longer than 1024 characters");
        need(!text("/payload/source").trim().is_empty(), "'payload.source' is missing or blank");
        need(
            matches!(text("/payload/severity"), "critical" | "error" | "warning" | "info"),
            "'payload.severity' must be 'critical', 'error', 'warning' or 'info'",
        );
    } else {
        need(!text("/dedup_key").is_empty(), "'dedup_key' is missing or blank");
    }
    wrong
}

fn refuse(status: StatusCode, errors: &[String]) -> Answer {
    let body = json!({"status": "invalid event", "message": "Event object is invalid", "errors": errors});
    Answer { status, body }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::sim::pagerduty::probe::{Probe, ROUTING_KEY, read};

    async fn enqueue(probe: &Probe, change: Value) -> (u16, Value) {
        let mut event = json!({
            "routing_key": ROUTING_KEY, "event_action": "trigger", "dedup_key": "key-1",
            "payload": {"summary": "payments-down", "source": "firebell", "severity": "critical"},
        });
        event.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        probe.pagerduty.revoke_token(); // the routing key is all it takes
        read(probe.request("POST", "/v2/enqueue").json(&event)).await
    }

    #[tokio::test]
    async fn a_key_opens_one_incident_until_it_is_resolved() {
        let probe = Probe::start().await;
        let accepted = json!({"status": "success", "message": "Event processed", "dedup_key": "key-1"});
        assert_eq!(enqueue(&probe, json!({})).await, (202, accepted));
        enqueue(&probe, json!({})).await;
        enqueue(&probe, json!({"event_action": "acknowledge"})).await;
        enqueue(&probe, json!({"event_action": "resolve"})).await;
        enqueue(&probe, json!({"event_action": "resolve"})).await;
        enqueue(&probe, json!({})).await;
        assert_eq!(probe.pagerduty.find_by_key("key-1").len(), 2);
        assert_eq!(probe.events(), ["triggered", "acknowledged", "resolved", "triggered"]);
        assert_eq!(probe.pagerduty.pages().len(), 2);
        assert_eq!(probe.pagerduty.incidents()[0].incident_key.as_deref(), Some("key-1"));
    }

    #[tokio::test]
    async fn it_joins_an_incident_opened_by_rest_under_the_same_key() {
        let probe = Probe::start().await;
        probe.declare("payments-down", "key-1").await;
        enqueue(&probe, json!({})).await;
        assert_eq!(probe.pagerduty.incidents().len(), 1);
        assert_eq!(probe.events(), ["triggered"]);
    }

    #[tokio::test]
    async fn bad_events_are_refused_with_reasons() {
        let probe = Probe::start().await;
        for change in [
            json!({"routing_key": "short"}),
            json!({"routing_key": "f".repeat(32)}),
            json!({"event_action": "close"}),
            json!({"dedup_key": "k".repeat(256)}),
            json!({"event_action": "resolve", "dedup_key": ""}),
            json!({"payload": {"summary": "s", "source": "s", "severity": "fatal"}}),
            json!({"payload": {"summary": "s".repeat(1025), "source": "s", "severity": "info"}}),
            json!({"payload": {"summary": " ", "source": "s", "severity": "info"}}),
        ] {
            let (status, body) = enqueue(&probe, change.clone()).await;
            assert_eq!((status, &body["status"]), (400, &json!("invalid event")), "{change}");
            assert_eq!(body["errors"].as_array().unwrap().len(), 1, "{change}: {body}");
        }
        let big = json!({"client": "x".repeat(513 * 1024)});
        assert_eq!(enqueue(&probe, big).await.0, 413);
        assert!(probe.pagerduty.incidents().is_empty());
    }
}
