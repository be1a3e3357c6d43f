//! The bodies of v3 webhooks and their signature.
//! PagerDuty documentation, "Webhooks: Overview" and "Verifying webhook signatures".

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::outbox::Webhook;
use super::render::{full, millis, seconds, team_ref};
use super::state::{Account, Note, Responder, base32};
use super::{PagerDuty, SUBSCRIPTION};

/// One event on its way into an envelope.
pub(super) struct Event<'a> {
    pub kind: &'static str,
    /// Id of the user who did it; none for PagerDuty itself.
    pub agent: Option<&'a str>,
    pub data: Value,
    /// Deliveries about one resource keep their order.
    pub resource: String,
}

/// `v1=` and the hex HMAC-SHA256 of the body's bytes, keyed with the secret's characters as they stand.
pub(super) fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(body);
    format!("v1={}", hex::encode(mac.finalize().into_bytes()))
}

impl Account {
    /// Tells the subscriber that the incident changed: its state as of now.
    pub fn announce(&mut self, n: usize, kind: &'static str, agent: Option<&str>) {
        let data = self.webhook_incident(n);
        self.announce_with(n, kind, agent, data);
    }

    pub fn announce_with(&mut self, n: usize, kind: &'static str, agent: Option<&str>, data: Value) {
        let resource = self.incidents[n].id.clone();
        self.queue(Event { kind, agent, data, resource });
    }

    pub fn announce_note(&mut self, n: usize, note: &Note) {
        let data = json!({
            "incident": self.webhook_incident_ref(n),
            "id": note.id,
            "content": note.content,
            "trimmed": false,
            "type": "incident_note",
        });
        self.announce_with(n, "incident.annotated", Some(&note.user), data);
    }

    pub fn announce_status_update(&mut self, n: usize, by: &str, id: &str, message: &str) {
        let data = json!({
            "incident": self.webhook_incident_ref(n),
            "id": id,
            "message": message,
            "trimmed": false,
            "type": "incident_status_update",
        });
        self.announce_with(n, "incident.status_update_published", Some(by), data);
    }

    /// `incident.responder.added` or `.replied`.
    pub fn announce_responder(&mut self, n: usize, kind: &'static str, agent: &str, responder: &Responder) {
        let data = json!({
            "incident": self.webhook_incident_ref(n),
            "user": self.user_ref(&responder.user),
            "escalation_policy": responder.escalation_policy.as_deref().map(|p| self.policy_ref(p)),
            "message": responder.message,
            "state": responder.state,
            "type": "incident_responder",
        });
        self.announce_with(n, kind, Some(agent), data);
    }

    pub fn announce_conference(&mut self, n: usize, by: &str) {
        let i = &self.incidents[n];
        let numbers: Vec<Value> =
            i.conference_number.iter().map(|number| json!({"label": "", "number": number})).collect();
        let data = json!({
            "incident": self.webhook_incident_ref(n),
            "conference_numbers": numbers,
            "conference_url": i.conference_url,
            "type": "incident_conference_bridge",
        });
        self.announce_with(n, "incident.conference_bridge.updated", Some(by), data);
    }

    pub fn announce_service(&mut self, id: &str) {
        let data = full(
            self.service_ref(id),
            json!({"alert_creation": "create_alerts_and_incidents", "teams": [team_ref()]}),
        );
        self.queue(Event { kind: "service.updated", agent: None, data, resource: id.into() });
    }

    /// The test button's greeting. Its agent is a bare id and type.
    pub fn announce_ping(&mut self, agent: &str) {
        let data = json!({"message": "Hello from your friend Pagey!", "type": "ping"});
        self.queue(Event { kind: "pagey.ping", agent: Some(agent), data, resource: "ping".into() });
    }

    /// Webhooks name an incident by its bare title.
    fn webhook_incident_ref(&self, n: usize) -> Value {
        self.incident_ref(n, &self.incidents[n].title)
    }

    /// The webhook's incident, which is not the REST incident.
    fn webhook_incident(&self, n: usize) -> Value {
        let i = &self.incidents[n];
        let people: Vec<Value> = i.assignees.iter().map(|u| self.user_ref(u)).collect();
        let merged = i.merged_into.as_deref().and_then(|id| self.find(id));
        let mut data = json!({
            "number": i.number,
            "status": i.status.as_str(),
            "incident_key": i.incident_key,
            "created_at": seconds(i.created_at),
            "title": i.title,
            "service": self.service_ref(&i.service_id),
            "assignees": people,
            "escalation_policy": self.policy_ref(&i.escalation_policy_id),
            "teams": [team_ref()],
            "priority": i.priority.as_deref().map(|p| self.priority_ref(p)),
            "urgency": i.urgency,
            "conference_bridge": self.conference_json(n),
            "resolve_reason": merged.map(|into| json!({
                "type": "merge_resolve_reason",
                "incident": self.webhook_incident_ref(into),
            })),
            "incident_type": {"name": "incident_default"},
        });
        if let Some(at) = i.reopened_at {
            data["reopened_at"] = json!(seconds(at));
        }
        let mut incident = full(self.incident_ref(n, ""), data);
        if let Some(object) = incident.as_object_mut() {
            object.remove("summary");
        }
        incident
    }

    fn queue(&mut self, event: Event<'_>) {
        let now = self.clock.now();
        let serial = self.next_serial();
        let millis_now = u64::try_from(now.as_micros() / 1000).unwrap_or(0);
        let event_id = format!("{}{serial:016}", base32(millis_now, 10));
        let agent = event.agent.map(|user| match event.kind {
            "pagey.ping" => json!({"id": user, "type": "user_reference"}),
            _ => self.user_ref(user),
        });
        let client = (event.kind == "incident.reassigned").then(|| json!({"name": "PagerDuty"}));
        let body = json!({"event": {
            "id": event_id,
            "event_type": event.kind,
            "resource_type": event.kind.split('.').next(),
            "occurred_at": millis(now),
            "agent": agent,
            "client": client,
            "data": event.data,
        }});
        let body = body.to_string().into_bytes();
        let mut random = [0; 10];
        random[2..].copy_from_slice(&serial.to_be_bytes());
        let webhook_id =
            uuid::Builder::from_unix_timestamp_millis(millis_now, &random).into_uuid().to_string();
        let headers = [
            ("content-type", "application/json"),
            ("accept", "application/json"),
            ("user-agent", "PagerDuty-Webhook/V3.0"),
            ("x-pagerduty-signature", &sign(PagerDuty::WEBHOOK_SECRET, &body)),
            ("x-webhook-id", &webhook_id),
            ("x-webhook-subscription", SUBSCRIPTION),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let event_type = event.kind.to_owned();
        let webhook = Webhook {
            event_id,
            webhook_id,
            event_type,
            body,
            headers,
            resource: event.resource,
            queued_at: now,
        };
        self.outbox.put(webhook);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::sign;
    use crate::sim::pagerduty::PagerDuty;
    use crate::sim::pagerduty::probe::Probe;

    fn fixtures() -> Value {
        serde_json::from_str(include_str!("../../../fixtures/pagerduty/webhooks.json")).unwrap()
    }

    /// The path of every key, whatever the values: `event.data.teams[].id`.
    fn keys(value: &Value, at: &str, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let at = format!("{at}.{name}");
                    found.insert(at.clone());
                    keys(value, &at, found);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| keys(item, &format!("{at}[]"), found)),
            _ => {}
        }
    }

    fn shape(body: &[u8]) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        keys(&serde_json::from_slice(body).unwrap(), "", &mut found);
        found
    }

    /// One of everything that the samples show.
    async fn everything(probe: &Probe) {
        let pd = &probe.pagerduty;
        let id = probe.declare("payments-down", "key-1").await;
        pd.acknowledge(&id, "PANA001");
        pd.escalate(&id);
        pd.reassign(&id, "PANA001", &["PBEN001"]);
        pd.add_responder(&id, "PANA001", "PBEN001", "Please join the bridge");
        pd.annotate(&id, "PANA001", "Zażółć gęślą jaźń 🔥");
        pd.publish_status_update(&id, "PANA001", "A fix is being deployed");
        let other = probe.declare("payments-slow", "key-2").await;
        pd.merge(&other, &id, "PANA001");
        pd.resolve(&id, Some("PBEN001"));
        let bridged = probe.declare("bridged", "key-3").await;
        let bridge = json!({"conference_number": "+1 1234123412,,987654321#", "conference_url": "https://example.com"});
        let change = json!({"incident": {"type": "incident", "conference_bridge": bridge}});
        probe.send("PUT", &format!("/incidents/{bridged}"), change).await;
        pd.set_priority(&bridged, "PANA001", Some("P1"));
        pd.touch_service("PSVC001");
        pd.ping();
    }

    #[tokio::test]
    async fn bodies_have_exactly_the_keys_of_the_samples() {
        let probe = Probe::start().await;
        everything(&probe).await;
        let ours = probe.pagerduty.webhooks();
        let fixtures = fixtures();
        let samples = fixtures["samples"].as_array().unwrap();
        let samples = samples.iter().filter(|s| s["event_type"] != "oncall.changed");
        let mut compared = 0;
        for sample in samples {
            let kind = sample["event_type"].as_str().unwrap();
            let wanted = shape(sample["body"].as_str().unwrap().as_bytes());
            let same_kind: Vec<_> = ours.iter().filter(|w| w.event_type == kind).collect();
            let found = same_kind.iter().any(|w| shape(&w.body) == wanted);
            let first = same_kind.first().map(|w| shape(&w.body)).unwrap_or_default();
            let differ: Vec<_> = first.symmetric_difference(&wanted).collect();
            assert!(found, "{kind}: {differ:?}");
            compared += 1;
        }
        assert_eq!(compared, 13);
    }

    #[test]
    fn signatures_are_those_of_the_samples() {
        let fixtures = fixtures();
        let text = |value: &Value, name: &str| value[name].as_str().unwrap().to_owned();
        for sample in fixtures["samples"].as_array().unwrap() {
            let ours = sign(&text(sample, "secret"), text(sample, "body").as_bytes());
            assert_eq!(ours, text(sample, "signature"));
        }
        for case in fixtures["signature_cases"].as_array().unwrap() {
            let ours = sign(&text(case, "secret"), text(case, "body").as_bytes());
            let named = text(case, "header").split(',').any(|part| part.trim() == ours);
            assert_eq!(named, case["valid"], "{}", case["name"]);
        }
    }

    #[tokio::test]
    async fn each_delivery_is_signed_and_named_once() {
        let probe = Probe::start().await;
        everything(&probe).await;
        let webhooks = probe.pagerduty.webhooks();
        let ids: BTreeSet<_> = webhooks.iter().flat_map(|w| [&w.event_id, &w.webhook_id]).collect();
        assert_eq!(ids.len(), webhooks.len() * 2);
        for webhook in &webhooks {
            let header = |name: &str| webhook.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
            let signature = PagerDuty::sign(PagerDuty::WEBHOOK_SECRET, &webhook.body);
            assert_eq!(header("x-pagerduty-signature"), Some(signature));
            assert_eq!(header("x-webhook-id").as_ref(), Some(&webhook.webhook_id));
            let body: Value = serde_json::from_slice(&webhook.body).unwrap();
            assert_eq!(body["event"]["id"], json!(webhook.event_id));
            assert_eq!(webhook.event_id.len(), 26);
        }
        let body: Value = serde_json::from_slice(&webhooks[0].body).unwrap();
        assert_eq!(body["event"]["occurred_at"], "2026-11-21T10:00:00.123Z");
        assert_eq!(body["event"]["data"]["created_at"], "2026-11-21T10:00:00Z");
        assert!(body["event"]["data"].get("summary").is_none(), "a webhook's incident has none");
    }
}
