//! PagerDuty's V3 webhooks: <https://developer.pagerduty.com/docs/webhooks-overview>. Unknown types and fields are
//! accepted and ignored; what is malformed is logged, because asking for it again would bring the same.

use serde_json::Value;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::ids::{PagerDutyIncidentId, PagerDutyUserId};
use crate::incidents::pages::{self, Details, PageEvent, Person, What};
use crate::oncall::{Known, Step};
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
        "pagey.ping" => {
            tracing::info!("PagerDuty's test event arrived: the webhook works");
            Ok(())
        }
        kind if kind.starts_with("service.") => {
            tx.enqueue(Step::ReadServices.job()).await?;
            Ok(())
        }
        _ => {
            let Some(event) = read_event(event) else {
                tracing::debug!(kind, "a PagerDuty event that means nothing to us");
                return Ok(());
            };
            refresh_if_surprised(tx, known, &event).await?;
            pages::observe(tx, known, &event).await
        }
    }
}

/// Somebody on call whom we did not expect: the roster is stale.
async fn refresh_if_surprised(tx: &mut Tx, known: &Known, event: &PageEvent) -> Result<()> {
    let Some(details) = &event.details else { return Ok(()) };
    let strangers = details.assignees.iter().any(|p| !known.people.responders.contains_key(&p.id));
    if strangers {
        tx.enqueue(Step::ReadResponders.job()).await?;
    }
    if !details.assignees.iter().all(|p| known.people.oncall.iter().any(|r| r.pagerduty_user_id == p.id)) {
        tx.enqueue(Step::ReadOnCall.job()).await?;
    }
    Ok(())
}

/// The event, if it is about an incident and of a kind that we know.
fn read_event(event: &Value) -> Option<PageEvent> {
    let data = &event["data"];
    let what = what(event["event_type"].as_str()?, data)?;
    let is_incident = data["type"] == "incident";
    let about = if is_incident { data } else { &data["incident"] };
    Some(PageEvent {
        page: PagerDutyIncidentId::new(about["id"].as_str()?),
        what,
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
        "incident.resolved" => What::Resolved {
            merged_into: data
                .pointer("/resolve_reason/incident/id")
                .and_then(Value::as_str)
                .map(PagerDutyIncidentId::new),
        },
        "incident.annotated" => What::Annotated { text: text(&data["content"])? },
        "incident.status_update_published" => What::StatusUpdate { text: text(&data["message"])? },
        "incident.responder.added" => What::ResponderAdded { who: person(&data["user"])? },
        "incident.responder.replied" => {
            What::ResponderReplied { who: person(&data["user"])?, joined: data["state"] == "joined" }
        }
        _ => return None,
    })
}

fn details(data: &Value) -> Details {
    Details {
        number: data["number"].as_i64(),
        title: text(&data["title"]).unwrap_or_else(|| "(no title)".into()),
        html_url: text(&data["html_url"]),
        service_id: text(&data["service"]["id"]),
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
    let id = PagerDutyUserId::new(reference["id"].as_str()?);
    Some(Person { id, name: text(&reference["summary"]).unwrap_or_default() })
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|s| !s.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_what_it_knows_and_shrugs_at_the_rest() {
        let event = |kind: &str, data: Value| {
            json!({"id": "e", "event_type": kind, "occurred_at": "2026-11-21T10:00:00.123Z",
                   "agent": {"id": "P1", "type": "user_reference", "summary": "Ana"}, "data": data})
        };
        let incident = json!({"id": "Q1", "type": "incident", "status": "resolved", "title": "x",
            "resolve_reason": {"type": "merge_resolve_reason", "incident": {"id": "Q2"}}});
        let read = read_event(&event("incident.resolved", incident)).expect("known");
        assert_eq!(read.what, What::Resolved { merged_into: Some(PagerDutyIncidentId::new("Q2")) });
        assert_eq!(read.agent.expect("a person").name, "Ana");

        assert!(read_event(&event("incident.workflow.started", json!({"incident": {"id": "Q1"}}))).is_none());
        assert!(read_event(&event("incident.annotated", json!({"content": 7}))).is_none());
        assert!(read_event(&json!({"event_type": "incident.triggered"})).is_none());
        assert!(read_event(&json!("nonsense")).is_none());
    }
}
