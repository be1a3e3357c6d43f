//! PagerDuty's V3 webhooks: <https://developer.pagerduty.com/docs/webhooks-overview>. Unknown types and fields are
//! accepted and ignored; what is malformed is logged, because asking for it again would bring the same.

use std::time::Duration;

use serde_json::Value;

use super::{hints, text};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::ids::opaque as id;
use crate::ids::{PagerDutyIncidentId, PagerDutyUserId};
use crate::incidents::pages::{self, Details, PageEvent, Person, Responder, Target, What, Words};
use crate::oncall::{Known, Step};
use crate::pagerduty::joins;
use crate::paging::answers;
use crate::store::Tx;

pub async fn understand(tx: &mut Tx, known: &Known, body: &[u8]) -> Result<()> {
    let Ok(envelope) = serde_json::from_slice::<Value>(body) else {
        tracing::warn!(bytes = body.len(), "PagerDuty sent a signed body that is no JSON");
        return Ok(());
    };
    let event = &envelope["event"];
    let Some(kind) = event["event_type"].as_str() else {
        tracing::warn!("PagerDuty sent a signed body without an event type");
        return Ok(());
    };
    match kind {
        "pagey.ping" => tracing::info!("PagerDuty's test event arrived: the webhook works"),
        kind if kind.starts_with("service.") => service_changed(tx, known, &event["data"]).await?,
        // PagerDuty sends none of these today; should it ever, they work.
        kind if hints::is_about_a_rota(kind) => hints::take(tx, known, event, "PagerDuty").await?,
        kind if !KINDS.contains(&kind) => tracing::debug!(kind, "a PagerDuty event that means nothing to us"),
        "incident.responder.replied" if reply(&event["data"]).is_none() => {
            tracing::debug!(state = %event["data"]["state"], "a responder's reply that is neither yes nor no");
        }
        kind => {
            let Some(event) = read_event(kind, event) else {
                tracing::warn!(kind, "PagerDuty sent a signed event that cannot be read; left out");
                return Ok(());
            };
            refresh_if_surprised(tx, known, &event).await?;
            pages::observe(tx, known, &event).await?;
            answers::heard(tx, known, &event).await?;
        }
    }
    Ok(())
}

/// The webhook does not say what changed.
async fn service_changed(tx: &mut Tx, known: &Known, data: &Value) -> Result<()> {
    if id(&data["id"]).is_some_and(|id| known.config.service_by_pagerduty(id).is_some()) {
        let now = tx.now();
        tx.enqueue(Step::ReadServices.soon(now)).await?;
    }
    Ok(())
}

/// PagerDuty pages somebody of one of our services whom we did not expect: the roster is stale.
async fn refresh_if_surprised(tx: &mut Tx, known: &Known, event: &PageEvent) -> Result<()> {
    let Some(details) = &event.details else { return Ok(()) };
    let ours =
        details.service_id.as_deref().is_some_and(|id| known.config.service_by_pagerduty(id).is_some());
    if !ours || !matches!(event.what, What::Triggered | What::Escalated | What::Reopened) {
        return Ok(());
    }
    let expected = |p: &Person| known.people.oncall.iter().any(|r| r.pagerduty_user_id == p.id);
    if !details.assignees.iter().all(expected) {
        let now = tx.now();
        tx.enqueue(Step::ReadOnCall.because("PagerDuty paged somebody unexpected").at(now + A_MOMENT))
            .await?;
    }
    Ok(())
}

/// Several such events in a moment make one read.
const A_MOMENT: Duration = Duration::from_secs(1);

/// The events that mean something to an incident of ours.
const KINDS: [&str; 13] = [
    "incident.triggered",
    "incident.acknowledged",
    "incident.unacknowledged",
    "incident.escalated",
    "incident.reassigned",
    "incident.delegated",
    "incident.priority_updated",
    "incident.reopened",
    "incident.resolved",
    "incident.annotated",
    "incident.status_update_published",
    "incident.responder.added",
    "incident.responder.replied",
];

/// `None` when what makes such an event is missing.
fn read_event(kind: &str, event: &Value) -> Option<PageEvent> {
    let data = &event["data"];
    let is_incident = data["type"] == "incident";
    let about = if is_incident { data } else { &data["incident"] };
    Some(PageEvent {
        page: PagerDutyIncidentId::new(id(&about["id"])?),
        what: what(kind, data)?,
        occurred_at: Timestamp::parse(event["occurred_at"].as_str()?).ok()?,
        agent: person(&event["agent"]),
        details: is_incident.then(|| details(data)),
    })
}

fn what(kind: &str, data: &Value) -> Option<What> {
    Some(match kind {
        "incident.triggered" => What::Triggered,
        "incident.acknowledged" => What::Acknowledged,
        "incident.unacknowledged" => What::Unacknowledged,
        "incident.escalated" => What::Escalated,
        "incident.reassigned" => What::Reassigned,
        "incident.delegated" => What::Delegated,
        "incident.priority_updated" => What::PriorityChanged,
        "incident.reopened" => What::Reopened,
        "incident.resolved" => What::Resolved { merged_into: target(&data["resolve_reason"]["incident"]) },
        "incident.annotated" => What::Annotated(words(data, "content")?),
        "incident.status_update_published" => What::StatusUpdate(words(data, "message")?),
        "incident.responder.added" => {
            What::ResponderAdded { who: responder(data)?, message: text(&data["message"]) }
        }
        "incident.responder.replied" => {
            What::ResponderReplied { who: responder(data)?, joined: reply(data)? }
        }
        _ => return None,
    })
}

fn reply(data: &Value) -> Option<bool> {
    joins(data["state"].as_str()?)
}

fn target(incident: &Value) -> Option<Target> {
    let id = PagerDutyIncidentId::new(id(&incident["id"])?);
    Some(Target { id, title: text(&incident["summary"]), html_url: text(&incident["html_url"]) })
}

fn words(data: &Value, field: &str) -> Option<Words> {
    Some(Words {
        id: id(&data["id"]).map(str::to_owned),
        text: text(&data[field])?,
        trimmed: data["trimmed"] == true,
    })
}

/// A person, or a whole escalation policy.
fn responder(data: &Value) -> Option<Responder> {
    match person(&data["user"]) {
        Some(person) => Some(Responder::Person(person)),
        None => text(&data["escalation_policy"]["summary"]).map(Responder::Policy),
    }
}

fn details(data: &Value) -> Details {
    Details {
        number: data["number"].as_i64(),
        title: text(&data["title"]).unwrap_or_else(|| "(no title)".into()),
        html_url: text(&data["html_url"]),
        service_id: id(&data["service"]["id"]).map(str::to_owned),
        urgency: text(&data["urgency"]),
        status: text(&data["status"]).unwrap_or_else(|| "triggered".into()),
        incident_key: text(&data["incident_key"]),
        priority: text(&data["priority"]["summary"]),
        assignees: data["assignees"].as_array().into_iter().flatten().filter_map(person).collect(),
    }
}

/// A user reference; other agents (services, integrations) are PagerDuty by itself.
fn person(reference: &Value) -> Option<Person> {
    let kind = reference["type"].as_str().unwrap_or("user_reference");
    if !kind.starts_with("user") {
        return None;
    }
    let id = PagerDutyUserId::new(id(&reference["id"])?);
    Some(Person { id, name: text(&reference["summary"]).unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(data: &Value) -> Value {
        json!({"id": "e", "occurred_at": "2026-11-21T10:00:00.123Z", "data": data,
               "agent": {"id": "P1", "type": "user_reference", "summary": "Ana"}})
    }

    #[test]
    fn reads_what_an_event_needs_and_shrugs_at_the_rest() {
        let incident = json!({"id": "Q1", "type": "incident", "status": "resolved", "title": "x\u{0}y",
            "resolve_reason": {"type": "merge_resolve_reason", "incident": {"id": "Q2"}}, "new_field": [1]});
        let read = read_event("incident.resolved", &event(&incident)).expect("readable");
        let into = Target { id: PagerDutyIncidentId::new("Q2"), title: None, html_url: None };
        assert_eq!(read.what, What::Resolved { merged_into: Some(into) });
        assert_eq!(read.agent.expect("a person").name, "Ana");
        assert_eq!(read.details.expect("an incident").title, "x\u{fffd}y");
    }

    #[test]
    fn what_is_malformed_is_no_event() {
        for (kind, data) in [
            ("incident.triggered", json!(null)),
            ("incident.triggered", json!({"type": "incident", "id": 7})),
            ("incident.triggered", json!({"type": "incident", "id": "Q".repeat(5000)})),
            ("incident.triggered", json!({"type": "incident", "id": "Q\u{0}"})),
            ("incident.annotated", json!({"incident": {"id": "Q1"}, "content": 7})),
            ("incident.responder.added", json!({"incident": {"id": "Q1"}, "user": null})),
        ] {
            assert!(read_event(kind, &event(&data)).is_none(), "{kind} {data}");
        }
        let timeless = json!({"data": {"type": "incident", "id": "Q1"}});
        assert!(read_event("incident.triggered", &timeless).is_none());
    }

    #[test]
    fn every_kind_that_is_listed_can_be_read() {
        let data = json!({"type": "incident", "id": "Q1", "incident": {"id": "Q1"}, "content": "c", "message": "m", "state": "joined",
                          "user": {"id": "P1", "type": "user_reference"}});
        for kind in KINDS {
            assert!(read_event(kind, &event(&data)).is_some(), "{kind}");
        }
    }
}
