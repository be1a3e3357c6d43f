//! `PUT /incidents/{id}` and its bulk form: everything that a body may change about an incident.
//! PagerDuty API reference, "Update an incident" and "Manage incidents".

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::answer::{Answer, Outcome, Refusal};
use super::incidents::{Wish, assignees, policy, priority, title, urgency};
use super::server::{Request, wrap};
use super::state::{Account, Status};

pub(super) fn update(a: &mut Account, r: &Request) -> Outcome {
    let by = a.requester(r)?;
    let n = a.incident_of(r)?;
    let change = Change::read(a, n, &r.body["incident"])?;
    change.apply(a, n, &by)?;
    Ok(Answer::ok(wrap("incident", &a.incident_json(n, &[]))))
}

/// Up to 250 at once. All are looked at before the first is changed.
pub(super) fn update_many(a: &mut Account, r: &Request) -> Outcome {
    let by = a.requester(r)?;
    let items = r.body["incidents"].as_array().ok_or(Refusal::because(2003, "incidents is missing"))?;
    if items.len() > 250 {
        let body = json!({"error": {"message": "Too many incidents in one request"}});
        return Ok(Answer { status: StatusCode::PAYLOAD_TOO_LARGE, body });
    }
    let mut changes = Vec::new();
    for item in items {
        let id = item["id"].as_str().unwrap_or_default();
        let n = a.find(id).ok_or(Refusal::because(5001, format!("{id:?} is no incident")))?;
        changes.push((n, Change::read(a, n, item)?));
    }
    let mut rows = Vec::new();
    for (n, change) in changes {
        change.apply(a, n, &by)?;
        rows.push(a.incident_json(n, &[]));
    }
    Ok(Answer::ok(json!({"incidents": rows})))
}

/// A `PUT`, read whole before anything is changed.
struct Change {
    title: Option<String>,
    urgency: Option<String>,
    priority: Wish,
    conference: Option<(Option<String>, Option<String>)>,
    service: Option<String>,
    policy: Option<String>,
    assignees: Option<Vec<String>>,
    level: Option<usize>,
    status: Option<Status>,
    resolution: Option<String>,
}

impl Change {
    fn read(a: &Account, n: usize, body: &Value) -> Result<Self, Refusal> {
        if !matches!(body["type"].as_str(), Some("incident" | "incident_reference")) {
            return Err(Refusal::invalid("Incident type must be \"incident\" or \"incident_reference\"."));
        }
        let text = |value: &Value| value.as_str().map(String::from);
        let bridge = &body["conference_bridge"];
        let service = text(&body["service"]["id"]);
        if service.as_deref().is_some_and(|s| a.service(s).is_none()) {
            return Err(Refusal::code(5002));
        }
        let change = Self {
            title: title(body)?,
            urgency: urgency(body)?,
            priority: priority(a, body)?,
            conference: bridge
                .is_object()
                .then(|| (text(&bridge["conference_number"]), text(&bridge["conference_url"]))),
            service,
            policy: policy(a, body)?,
            assignees: assignees(a, body)?,
            level: body["escalation_level"].as_u64().and_then(|l| usize::try_from(l).ok()),
            status: status(body)?,
            resolution: text(&body["resolution"]).filter(|t| !t.is_empty()),
        };
        change.fits(a.incidents[n].status)?;
        Ok(change)
    }

    fn fits(&self, now: Status) -> Result<(), Refusal> {
        if self.policy.is_some() && self.assignees.is_some() {
            return Err(Refusal::invalid("Assignments and escalation policy cannot both be given."));
        }
        let moves = self.policy.is_some() || self.assignees.is_some() || self.level.is_some();
        match (now, self.status) {
            (Status::Resolved, Some(Status::Resolved)) => Err(Refusal::code(1001)),
            (Status::Resolved, None) if moves => Err(Refusal::code(1001)),
            (Status::Acknowledged, Some(Status::Acknowledged)) => Err(Refusal::code(1002)),
            _ => Ok(()),
        }
    }

    fn apply(self, a: &mut Account, n: usize, by: &str) -> Result<(), Refusal> {
        let reopens = a.incidents[n].status == Status::Resolved
            && matches!(self.status, Some(Status::Triggered | Status::Acknowledged));
        if reopens {
            self.reopen(a, n, by)?;
        } else {
            self.hand_over(a, n, by)?;
        }
        if let Some(title) = self.title {
            a.incidents[n].title = title;
        }
        if let Some(urgency) = self.urgency {
            a.set_urgency(n, by, &urgency);
        }
        match self.priority {
            Wish::Unsaid => {}
            Wish::Without => a.set_priority(n, by, None),
            Wish::Named(name) => a.set_priority(n, by, Some(name)),
        }
        if let Some((number, url)) = self.conference {
            a.incidents[n].conference_number = number;
            a.incidents[n].conference_url = url;
            a.announce_conference(n, by);
        }
        if let Some(service) = self.service.filter(|s| *s != a.incidents[n].service_id) {
            a.incidents[n].service_id = service;
            a.announce(n, "incident.service_updated", Some(by));
        }
        match self.status {
            Some(Status::Resolved) => a.resolve(n, Some(by), self.resolution.as_deref()),
            Some(Status::Acknowledged) => a.acknowledge(n, Some(by)),
            Some(Status::Triggered) if a.incidents[n].status == Status::Acknowledged => {
                a.unacknowledge(n, Some(by))
            }
            _ => Ok(()),
        }
    }

    /// To `triggered`: with the request's people, or the policy's. To `acknowledged`: assigned to the caller.
    fn reopen(&self, a: &mut Account, n: usize, by: &str) -> Result<(), Refusal> {
        let people = match self.status {
            Some(Status::Acknowledged) => Some(vec![by.to_owned()]),
            _ => self.assignees.clone(),
        };
        if let Some(policy) = &self.policy {
            a.answering(policy, 1).ok_or(Refusal::code(1015))?;
            a.incidents[n].escalation_policy_id.clone_from(policy);
        }
        a.reopen(n, Some(by), people)
    }

    fn hand_over(&self, a: &mut Account, n: usize, by: &str) -> Result<(), Refusal> {
        if let Some(policy) = &self.policy {
            a.delegate(n, Some(by), policy)?;
        }
        if let Some(people) = &self.assignees {
            a.reassign(n, Some(by), people)?;
        }
        if let Some(level) = self.level {
            a.escalate(n, Some(by), Some(level))?;
        }
        Ok(())
    }
}

fn status(body: &Value) -> Result<Option<Status>, Refusal> {
    match &body["status"] {
        Value::Null => Ok(None),
        Value::String(word) if word == "triggered" => Ok(Some(Status::Triggered)),
        Value::String(word) if word == "acknowledged" => Ok(Some(Status::Acknowledged)),
        Value::String(word) if word == "resolved" => Ok(Some(Status::Resolved)),
        _ => Err(Refusal::invalid("Status must be \"triggered\", \"acknowledged\" or \"resolved\".")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::sim::pagerduty::PagerDuty;
    use crate::sim::pagerduty::probe::Probe;

    async fn put(probe: &Probe, id: &str, change: Value) -> (u16, Value) {
        let mut body = json!({"type": "incident_reference"});
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        probe.send("PUT", &format!("/incidents/{id}"), json!({"incident": body})).await
    }

    #[tokio::test]
    async fn our_own_changes_come_back_as_webhooks_in_our_name() {
        let probe = Probe::start().await;
        let id = probe.declare("payments-down", "key-1").await;
        put(&probe, &id, json!({"status": "acknowledged"})).await;
        put(&probe, &id, json!({"priority": "P2", "title": "payments are down"})).await;
        put(&probe, &id, json!({"priority": {"id": "PPRIO02", "type": "priority_reference"}})).await;
        let (_, body) = put(&probe, &id, json!({"status": "resolved", "resolution": "rolled back"})).await;
        assert_eq!(body["incident"]["assignments"], json!([]));
        assert_eq!(body["incident"]["title"], "payments are down");
        assert_eq!(
            probe.events(),
            ["triggered", "acknowledged", "priority_updated", "resolved", "annotated"],
            "the same priority again is no event, nor is a title"
        );
        for webhook in probe.pagerduty.webhooks() {
            let body: Value = serde_json::from_slice(&webhook.body).unwrap();
            assert_eq!(body["event"]["agent"]["id"], PagerDuty::FROM_ID);
        }
        let note = &probe.pagerduty.incident(&id).unwrap().notes[0].content;
        assert_eq!(note, "Resolution Note: rolled back");
    }

    #[tokio::test]
    async fn acknowledging_twice_and_resolving_twice_are_refused() {
        let probe = Probe::start().await;
        let id = probe.declare("payments-down", "key-1").await;
        assert_eq!(put(&probe, &id, json!({"status": "acknowledged"})).await.0, 200);
        assert_eq!(put(&probe, &id, json!({"status": "acknowledged"})).await.1["error"]["code"], 1002);
        assert_eq!(put(&probe, &id, json!({"status": "resolved"})).await.0, 200);
        assert_eq!(put(&probe, &id, json!({"status": "resolved"})).await.1["error"]["code"], 1001);
        assert_eq!(put(&probe, &id, json!({"escalation_level": 2})).await.1["error"]["code"], 1001);
        assert_eq!(put(&probe, &id, json!({"status": "closed"})).await.1["error"]["code"], 2001);
        assert_eq!(probe.events().len(), 3);
    }

    #[tokio::test]
    async fn acknowledging_what_is_resolved_reopens_it_on_the_caller() {
        let probe = Probe::start().await;
        let id = probe.declare("payments-down", "key-1").await;
        probe.pagerduty.resolve(&id, Some("PANA001"));
        put(&probe, &id, json!({"status": "acknowledged"})).await;
        let incident = probe.pagerduty.incident(&id).unwrap();
        assert!(incident.status == "acknowledged");
        assert_eq!(incident.assignees, [PagerDuty::FROM_ID]);
        assert_eq!(probe.events()[2..], ["reopened", "acknowledged"]);
    }

    #[tokio::test]
    async fn people_policies_and_levels_ring_the_new_ones() {
        let probe = Probe::start().await;
        let id = probe.declare("payments-down", "key-1").await;
        put(&probe, &id, json!({"escalation_level": 2})).await;
        assert_eq!(put(&probe, &id, json!({"escalation_level": 9})).await.1["error"]["code"], 1006);
        put(&probe, &id, json!({"assignments": [{"assignee": {"id": "PANA001", "type": "user_reference"}}]}))
            .await;
        put(
            &probe,
            &id,
            json!({"escalation_policy": {"id": "PEP0001", "type": "escalation_policy_reference"}}),
        )
        .await;
        let refused = put(&probe, &id, json!({"escalation_policy": {"id": "PEPEMPTY"}})).await;
        assert_eq!(refused.1["error"]["code"], 1015);
        assert_eq!(probe.events(), ["triggered", "escalated", "reassigned", "delegated"]);
        let rung: Vec<String> = probe.pagerduty.pages().into_iter().map(|p| p.user_id).collect();
        assert_eq!(rung, ["PANA001", "PBEN001", "PANA001", "PANA001"]);
    }

    #[tokio::test]
    async fn many_change_at_once_or_none() {
        let probe = Probe::start().await;
        let one = probe.declare("one", "key-1").await;
        let two = probe.declare("two", "key-2").await;
        let body = |ids: &[&str]| {
            let item = |id: &&str| json!({"id": id, "type": "incident_reference", "status": "resolved"});
            json!({"incidents": ids.iter().map(item).collect::<Vec<_>>()})
        };
        let (status, _) = probe.send("PUT", "/incidents", body(&[&one, "QNOSUCH"])).await;
        assert_eq!(status, 400);
        assert!(probe.pagerduty.incident(&one).unwrap().status == "triggered");
        let (_, answer) = probe.send("PUT", "/incidents", body(&[&one, &two])).await;
        assert_eq!(answer["incidents"].as_array().unwrap().len(), 2);
        assert_eq!(probe.send("PUT", "/incidents", body(&[one.as_str(); 251])).await.0, 413);
    }
}
