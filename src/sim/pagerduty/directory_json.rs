//! How PagerDuty writes down users, services and escalation policies.
//! PagerDuty API reference, sections of the same names.

use serde_json::{Value, json};

use super::render::{ZONE, full, team_ref};
use super::server::Request;
use super::state::{Account, Policy, Service};

impl Account {
    /// The full user; contact methods as references unless asked for whole.
    pub fn user_json(&self, id: &str, contacts: bool) -> Value {
        let Some(user) = self.user(id) else { return self.user_ref(id) };
        full(
            self.user_ref(id),
            json!({
                "name": user.name,
                "email": user.email,
                "time_zone": ZONE,
                "color": "purple",
                "role": "user",
                "job_title": null,
                "description": null,
                "invitation_sent": false,
                "contact_methods": self.contact_methods_json(id, contacts),
                "notification_rules": [],
                "teams": [team_ref()],
            }),
        )
    }

    pub fn contact_methods_json(&self, user: &str, whole: bool) -> Value {
        let Some(user) = self.user(user) else { return json!([]) };
        let method = |kind: &str, suffix: &str, summary: &str, more: Value| {
            let id = format!("{}{suffix}", user.id);
            let link = format!("https://api.pagerduty.com/users/{}/contact_methods/{id}", user.id);
            let kind = if whole { kind.to_owned() } else { format!("{kind}_reference") };
            let bare = json!({"id": id, "type": kind, "summary": summary, "self": link, "html_url": null});
            if whole { full(bare, more) } else { bare }
        };
        let email =
            json!({"label": "Default", "address": user.email, "send_short_email": false, "enabled": true});
        let mut methods = vec![method("email_contact_method", "E", "Default", email)];
        for (n, address) in user.contacts.iter().enumerate() {
            let email =
                json!({"label": "Other", "address": address, "send_short_email": false, "enabled": true});
            methods.push(method("email_contact_method", &format!("E{n}"), "Other", email));
        }
        if let Some((country, number)) = user.phone.as_deref().and_then(split_phone) {
            let phone = json!({
                "label": "Mobile", "address": number, "country_code": country, "blacklisted": false, "enabled": true,
            });
            methods.push(method("phone_contact_method", "T", "Mobile", phone));
        }
        Value::Array(methods)
    }

    pub fn service_json(&self, service: &Service, r: &Request) -> Value {
        let whole = r.all("include[]").contains(&"escalation_policies");
        let policy = match self.policy(&service.policy) {
            Some(policy) if whole => self.policy_json(policy),
            _ => self.policy_ref(&service.policy),
        };
        full(
            self.service_ref(&service.id),
            json!({
                "name": service.name,
                "description": null,
                "status": self.service_status(&service.id),
                "alert_creation": "create_alerts_and_incidents",
                "auto_resolve_timeout": null,
                "acknowledgement_timeout": null,
                "escalation_policy": policy,
                "incident_urgency_rule": {"type": "constant", "urgency": "high"},
                "integrations": [],
                "teams": [team_ref()],
            }),
        )
    }

    /// `critical` with a triggered incident, `warning` with an acknowledged one.
    fn service_status(&self, id: &str) -> &'static str {
        let has = |status: &str| self.incidents.iter().any(|i| i.service_id == id && i.status == status);
        match (has("triggered"), has("acknowledged")) {
            (true, _) => "critical",
            (false, true) => "warning",
            (false, false) => "active",
        }
    }

    pub fn policy_json(&self, policy: &Policy) -> Value {
        let target = |id: &String| {
            if self.schedule(id).is_some() { self.schedule_ref(id) } else { self.user_ref(id) }
        };
        let rules: Vec<Value> = (1..)
            .zip(&policy.levels)
            .map(|(level, targets)| {
                json!({
                    "id": format!("{}R{level}", policy.id),
                    "escalation_delay_in_minutes": 30,
                    "targets": targets.iter().map(target).collect::<Vec<_>>(),
                })
            })
            .collect();
        let services =
            self.services.iter().filter(|s| s.policy == policy.id).map(|s| self.service_ref(&s.id));
        full(
            self.policy_ref(&policy.id),
            json!({
                "name": policy.name,
                "escalation_rules": rules,
                "num_loops": 0,
                "on_call_handoff_notifications": "if_has_services",
                "services": services.collect::<Vec<_>>(),
                "teams": [team_ref()],
            }),
        )
    }
}

/// Country code and the digits after it, which PagerDuty keeps apart. The code ends at the first space or hyphen;
/// without one it is `1`, or else two digits long.
fn split_phone(phone: &str) -> Option<(u32, String)> {
    let phone = phone.trim_start_matches('+');
    let at = phone.find([' ', '-']).unwrap_or(if phone.starts_with('1') { 1 } else { 2 });
    let (country, number) = phone.split_at_checked(at)?;
    Some((country.parse().ok()?, number.chars().filter(char::is_ascii_digit).collect()))
}
