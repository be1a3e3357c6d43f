//! The REST calls around an incident (notes, log, responders, status updates) and the webhook subscription.

use serde_json::{Value, json};

use super::answer::{Answer, Outcome, Refusal, page};
use super::incidents::time;
use super::server::{Request, wrap};
use super::state::{Account, Responder};
use super::{PagerDuty, SUBSCRIPTION};

pub(super) fn notes(a: &mut Account, r: &Request) -> Outcome {
    let n = a.incident_of(r)?;
    let rows: Vec<Value> = a.incidents[n].notes.iter().map(|note| a.note_json(note)).collect();
    Ok(Answer::ok(json!({"notes": rows})))
}

/// Answers 200, not 201. PagerDuty API reference, "Create a note on an incident".
pub(super) fn add_note(a: &mut Account, r: &Request) -> Outcome {
    let by = a.requester(r)?;
    let n = a.incident_of(r)?;
    let content = r.text("/note/content").filter(|c| !c.trim().is_empty());
    let content = content.ok_or(Refusal::invalid("Content cannot be empty."))?;
    if a.incidents[n].notes.len() >= 2000 {
        return Err(Refusal::invalid("An incident can have at most 2000 notes."));
    }
    let note = a.annotate(n, &by, content);
    Ok(Answer::ok(wrap("note", &a.note_json(&note))))
}

/// Newest first, all of them or since a time.
pub(super) fn log_entries(a: &mut Account, r: &Request) -> Outcome {
    let n = a.incident_of(r)?;
    let since = time(r, "since")?;
    let wanted = a.incidents[n].log.iter().rev().filter(|e| since.is_none_or(|since| e.at >= since));
    let rows: Vec<Value> = wanted.map(|e| a.log_entry_json(n, e)).collect();
    page(r, "log_entries", &rows)
}

/// Takes no `From`: the body names the requester. Needs the ability `coordinated_responding`, else 402.
/// PagerDuty API reference, "Create a responder request for an incident".
pub(super) fn request_responders(a: &mut Account, r: &Request) -> Outcome {
    if !a.abilities.iter().any(|ability| ability == "coordinated_responding") {
        return Err(Refusal::code(2014));
    }
    let n = a.incident_of(r)?;
    let requester = r.text("/requester_id").and_then(|id| a.user(id)).ok_or(Refusal::code(1008))?.id.clone();
    let message = r.text("/message").ok_or(Refusal::because(2003, "message is missing"))?;
    let listed = r.body["responder_request_targets"].as_array().filter(|l| !l.is_empty());
    let listed = listed.ok_or(Refusal::because(2003, "responder_request_targets is missing"))?;
    let targets = listed
        .iter()
        .map(|item| target(a, &item["responder_request_target"]))
        .collect::<Result<Vec<_>, _>>()?;
    for (id, users) in &targets {
        for user in users {
            let responder = Responder {
                user: user.clone(),
                escalation_policy: (id != user).then(|| id.clone()),
                message: message.into(),
                state: "pending",
                requester: requester.clone(),
            };
            a.add_responder(n, responder);
        }
    }
    Ok(Answer::ok(wrap("responder_request", &a.responder_request_json(n, &targets))))
}

/// A user, or a policy with the people of its first answering level.
fn target(a: &Account, reference: &Value) -> Result<(String, Vec<String>), Refusal> {
    let id = reference["id"].as_str().unwrap_or_default();
    match reference["type"].as_str() {
        Some("user" | "user_reference") => {
            let user = a.user(id).ok_or(Refusal::code(1007))?;
            Ok((id.into(), vec![user.id.clone()]))
        }
        Some("escalation_policy" | "escalation_policy_reference") => {
            let policy = a.policy(id).ok_or(Refusal::code(1014))?;
            let (_, people) = a.answering(&policy.id, 1).ok_or(Refusal::code(1015))?;
            Ok((id.into(), people))
        }
        _ => Err(Refusal::invalid("A responder request target is a user or an escalation policy.")),
    }
}

/// `subject` and `html_message` come together or not at all.
pub(super) fn publish_status_update(a: &mut Account, r: &Request) -> Outcome {
    let by = a.requester(r)?;
    let n = a.incident_of(r)?;
    let message = r.text("/message").filter(|m| !m.trim().is_empty());
    let message = message.ok_or(Refusal::invalid("Message cannot be empty."))?;
    if r.text("/subject").is_some() != r.text("/html_message").is_some() {
        return Err(Refusal::invalid("subject and html_message must be given together."));
    }
    let mut update = a.publish_status_update(n, &by, message);
    update["subject"] = r.body["subject"].clone();
    update["html_message"] = r.body["html_message"].clone();
    Ok(Answer::ok(wrap("status_update", &update)))
}

pub(super) fn subscriptions(a: &mut Account, r: &Request) -> Outcome {
    page(r, "webhook_subscriptions", &[subscription_json(a)])
}

pub(super) fn subscription(a: &mut Account, r: &Request) -> Outcome {
    known(r)?;
    Ok(Answer::ok(wrap("webhook_subscription", &subscription_json(a))))
}

pub(super) fn enable_subscription(a: &mut Account, r: &Request) -> Outcome {
    known(r)?;
    a.outbox.enable();
    Ok(Answer::ok(wrap("webhook_subscription", &subscription_json(a))))
}

pub(super) fn ping_subscription(a: &mut Account, r: &Request) -> Outcome {
    known(r)?;
    a.announce_ping(PagerDuty::FROM_ID);
    Ok(Answer::accepted(json!({})))
}

fn known(r: &Request) -> Result<(), Refusal> {
    if r.id == SUBSCRIPTION { Ok(()) } else { Err(Refusal::code(2100)) }
}

/// The account's one subscription. Its secret is shown at creation only, so never here.
fn subscription_json(a: &Account) -> Value {
    json!({
        "id": SUBSCRIPTION,
        "type": "webhook_subscription",
        "active": true,
        "description": "Everything about incidents and services",
        "delivery_method": {
            "id": "PDELIV1",
            "type": "http_delivery_method",
            "url": "https://firebell.example.com/webhooks/pagerduty",
            "secret": null,
            "temporarily_disabled": a.outbox.is_disabled(a.clock.now()),
            "custom_headers": [],
        },
        "events": [
            "incident.triggered", "incident.acknowledged", "incident.unacknowledged", "incident.delegated",
            "incident.escalated", "incident.reassigned", "incident.reopened", "incident.resolved",
            "incident.priority_updated", "incident.service_updated", "incident.annotated",
            "incident.conference_bridge.updated", "incident.responder.added", "incident.responder.replied",
            "incident.status_update_published", "service.updated",
        ],
        "filter": {"type": "account_reference"},
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::sim::pagerduty::probe::{Probe, read};
    use crate::sim::pagerduty::{PagerDuty, SUBSCRIPTION};

    #[tokio::test]
    async fn notes_are_kept_and_echoed() {
        let probe = Probe::start().await;
        let id = probe.declare("payments-down", "key-1").await;
        let path = format!("/incidents/{id}/notes");
        let (status, body) = probe.send("POST", &path, json!({"note": {"content": "Rolled back"}})).await;
        assert_eq!((status, &body["note"]["user"]["id"]), (200, &json!(PagerDuty::FROM_ID)));
        assert_eq!(body["note"]["created_at"], "2026-11-21T05:00:00-05:00");
        assert_eq!(probe.get(&path).await.1["notes"], json!([body["note"]]));
        assert_eq!(probe.send("POST", &path, json!({"note": {"content": ""}})).await.0, 400);
        assert_eq!(probe.events(), ["triggered", "annotated"]);
        let (_, log) = probe.get(&format!("/incidents/{id}/log_entries")).await;
        let kinds: Vec<&str> =
            log["log_entries"].as_array().unwrap().iter().map(|e| e["type"].as_str().unwrap()).collect();
        assert_eq!(
            kinds,
            ["annotate_log_entry", "notify_log_entry", "assign_log_entry", "trigger_log_entry"]
        );
    }

    #[tokio::test]
    async fn responders_are_rung_when_the_plan_allows_it() {
        let probe = Probe::start().await;
        let id = probe.declare("payments-down", "key-1").await;
        let path = format!("/incidents/{id}/responder_requests");
        let target = |kind: &str, id: &str| json!({"responder_request_target": {"id": id, "type": kind}});
        let body = |requester: &str| {
            json!({
                "requester_id": requester, "message": "Please join",
                "responder_request_targets":
                    [target("user_reference", "PBEN001"), target("escalation_policy_reference", "PEP0001")],
            })
        };
        let (status, answer) = read(probe.request("POST", &path).json(&body("PANA001"))).await;
        assert_eq!(status, 200, "no From is needed: {answer}");
        let target = &answer["responder_request"]["responder_request_targets"][0]["responder_request_target"];
        assert_eq!(
            (&target["type"], &target["incidents_responders"][0]["state"]),
            (&json!("user"), &json!("pending"))
        );
        probe.pagerduty.responder_replies(&id, "PBEN001", true);
        let added = "responder.added";
        assert_eq!(probe.events(), ["triggered", added, added, "responder.replied"]);
        let rung: Vec<String> = probe.pagerduty.pages().into_iter().map(|p| p.user_id).collect();
        assert_eq!(rung, ["PANA001", "PBEN001", "PANA001"]);
        assert_eq!(probe.pagerduty.incidents()[0].responders[0].state, "joined");
        let (_, shown) = probe.get(&format!("/incidents/{id}")).await;
        let asked = &shown["incident"]["incidents_responders"];
        assert_eq!((&asked[0]["state"], &asked[1]["state"]), (&json!("joined"), &json!("pending")));
        assert_eq!(
            (&asked[0]["user"]["id"], &asked[1]["user"]["id"]),
            (&json!("PBEN001"), &json!("PANA001"))
        );
        let requests = &shown["incident"]["responder_requests"];
        assert_eq!(requests[0]["message"], "Please join");
        assert_eq!(requests[1]["responder_request_targets"][0]["type"], "escalation_policy");

        assert_eq!(read(probe.request("POST", &path).json(&body("PNOSUCH"))).await.1["error"]["code"], 1008);
        probe.pagerduty.set_abilities(&[]);
        assert_eq!(read(probe.request("POST", &path).json(&body("PANA001"))).await.0, 402);
        let (_, shown) = probe.get(&format!("/incidents/{id}")).await;
        assert_eq!(shown["incident"].get("responder_requests"), None, "only where the plan has them");
    }

    #[tokio::test]
    async fn a_status_update_needs_words() {
        let probe = Probe::start().await;
        let id = probe.declare("payments-down", "key-1").await;
        let path = format!("/incidents/{id}/status_updates");
        let (status, body) = probe.send("POST", &path, json!({"message": "A fix is on its way"})).await;
        assert_eq!((status, &body["status_update"]["message"]), (200, &json!("A fix is on its way")));
        assert_eq!(probe.send("POST", &path, json!({"message": "m", "subject": "alone"})).await.0, 400);
        assert_eq!(probe.send("POST", &path, json!({})).await.0, 400);
        assert_eq!(probe.events(), ["triggered", "status_update_published"]);
        assert_eq!(probe.pagerduty.incidents()[0].status_updates, ["A fix is on its way"]);
    }

    #[tokio::test]
    async fn the_subscription_never_shows_its_secret() {
        let probe = Probe::start().await;
        let (_, body) = probe.get("/webhook_subscriptions?filter_type=account").await;
        let method = &body["webhook_subscriptions"][0]["delivery_method"];
        assert_eq!((&method["secret"], &method["temporarily_disabled"]), (&json!(null), &json!(false)));
        let path = format!("/webhook_subscriptions/{SUBSCRIPTION}");
        assert_eq!(probe.get(&path).await.0, 200);
        assert_eq!(probe.send("POST", &format!("{path}/ping"), json!({})).await.0, 202);
        assert_eq!(probe.events(), ["pagey.ping"]);
        assert_eq!(probe.get("/webhook_subscriptions/PNOSUCH").await.0, 404);
    }
}
