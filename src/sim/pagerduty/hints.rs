//! What a pipeline or script posts when it knows that a rota changed: the envelope and signature of v3 webhooks, from
//! a sender of its own. PagerDuty itself sends no such thing.

use serde_json::{Value, json};

use crate::sim::signed::Signed;

use super::PagerDuty;
use super::render::{millis, seconds};
use super::webhooks::sign;

impl PagerDuty {
    /// An `oncall.changed` about these schedules; about none it asks to look at everything. `sender` is a name that
    /// the receiver may know; empty for one that does not tell.
    pub fn hint(&self, secret: &str, sender: &str, schedules: &[&str]) -> Signed {
        let account = self.account();
        let schedules: Vec<Value> = schedules.iter().map(|id| account.schedule_ref(id)).collect();
        let data = json!({
            "type": "oncall_change",
            "reason": "schedule_updated",
            "effective_at": seconds(account.clock.now()),
            "schedules": schedules,
            "escalation_policies": [],
        });
        drop(account);
        self.hint_of("oncall.changed", &data, secret, sender)
    }

    /// Any event, in such a sender's name: an alias like `schedule.override.created`, or one that it has no right to.
    pub fn hint_of(&self, event_type: &str, data: &Value, secret: &str, sender: &str) -> Signed {
        let mut account = self.account();
        let (id, now) = (account.fresh_id('H'), account.clock.now());
        let event = json!({
            "id": id,
            "event_type": event_type,
            "resource_type": event_type.split('.').next(),
            "occurred_at": millis(now),
            "agent": null,
            "client": {"name": sender},
            "data": data,
        });
        let body = json!({"event": event}).to_string().into_bytes();
        let mut headers = vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("x-pagerduty-signature".to_owned(), sign(secret, &body)),
        ];
        if !sender.is_empty() {
            headers.push(("x-webhook-subscription".to_owned(), sender.to_owned()));
        }
        Signed { path: "/webhooks/pagerduty".into(), headers, body }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::sim::pagerduty::PagerDuty;
    use crate::sim::pagerduty::probe::Probe;

    #[tokio::test]
    async fn a_hint_names_the_schedules_and_is_signed_by_its_sender() {
        let probe = Probe::start().await;
        let hint = probe.pagerduty.hint("pipeline-secret", "ci-terraform", &["PSCHED1"]);
        let body: Value = serde_json::from_slice(&hint.body).unwrap();
        assert_eq!(body["event"]["event_type"], "oncall.changed");
        assert_eq!(body["event"]["data"]["schedules"][0]["id"], "PSCHED1");
        let header = |name: &str| hint.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
        assert_eq!(header("x-pagerduty-signature"), Some(PagerDuty::sign("pipeline-secret", &hint.body)));
        assert_eq!(header("x-webhook-subscription").as_deref(), Some("ci-terraform"));
        let forged = probe.pagerduty.hint_of("incident.resolved", &json!({}), "s", "");
        let other: Value = serde_json::from_slice(&forged.body).unwrap();
        assert_eq!((&other["event"]["resource_type"], forged.headers.len()), (&json!("incident"), 2));
        assert_ne!(other["event"]["id"], body["event"]["id"]);
        assert_eq!(probe.events(), Vec::<String>::new(), "PagerDuty's own queue has nothing of it");
    }
}
