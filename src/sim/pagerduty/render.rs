//! How PagerDuty writes down its things: references, times, the REST incident. PagerDuty API reference, "Incidents".

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::clock::Timestamp;

use super::schedule::Schedule;
use super::state::{Account, LogEntry, Note, Priority, Responder, Status};

const API: &str = "https://api.pagerduty.com";
const SITE: &str = "https://acme.pagerduty.com";

/// The account's own zone, in which PagerDuty writes the times of several calls unless asked otherwise.
pub(super) const ZONE: &str = "America/New_York";

/// The one team of the account, which owns everything.
pub(super) fn team_ref() -> Value {
    reference("team", "teams", "PTEAM01", "Operations")
}

fn reference(kind: &str, path: &str, id: &str, summary: &str) -> Value {
    json!({
        "id": id,
        "type": format!("{kind}_reference"),
        "summary": summary,
        "self": format!("{API}/{path}/{id}"),
        "html_url": format!("{SITE}/{path}/{id}"),
    })
}

/// A full object: its reference with the type's plain name, and `more` on top.
pub(super) fn full(mut reference: Value, more: Value) -> Value {
    if let Some(kind) = reference["type"].as_str().and_then(|k| k.strip_suffix("_reference")) {
        reference["type"] = json!(kind);
    }
    if let (Some(object), Value::Object(more)) = (reference.as_object_mut(), more) {
        object.extend(more);
    }
    reference
}

/// `2026-11-21T10:00:00Z`
pub(super) fn seconds(at: Timestamp) -> String {
    at.to_jiff().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `2026-11-21T10:00:00.123Z`
pub(super) fn millis(at: Timestamp) -> String {
    at.to_jiff().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// `2026-11-21T05:00:00-05:00`, or with `Z` in UTC. None when there is no such zone.
pub(super) fn in_zone(at: Timestamp, zone: &str) -> Option<String> {
    if matches!(zone, "UTC" | "Etc/UTC") {
        return Some(seconds(at));
    }
    let zone = TimeZone::get(zone).ok()?;
    Some(at.to_jiff().to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())
}

fn local(at: Timestamp) -> String {
    in_zone(at, ZONE).unwrap_or_else(|| seconds(at))
}

impl Account {
    pub fn user_ref(&self, id: &str) -> Value {
        reference("user", "users", id, self.name_of(id))
    }

    pub fn service_ref(&self, id: &str) -> Value {
        reference("service", "services", id, self.service(id).map_or("", |s| &s.name))
    }

    pub fn policy_ref(&self, id: &str) -> Value {
        reference("escalation_policy", "escalation_policies", id, self.policy(id).map_or("", |p| &p.name))
    }

    pub fn schedule_ref(&self, id: &str) -> Value {
        let schedule = self.schedule(id);
        let kind = if schedule.is_some_and(Schedule::is_v3) { "schedule_v3" } else { "schedule" };
        reference(kind, "schedules", id, schedule.map_or("", |s| &s.name))
    }

    /// With the given summary: REST says `[#1] title`, webhooks the bare title.
    pub fn incident_ref(&self, n: usize, summary: &str) -> Value {
        reference("incident", "incidents", &self.incidents[n].id, summary)
    }

    pub fn priority_ref(&self, name: &str) -> Value {
        let Some(priority) = self.priority(name) else { return Value::Null };
        let mut value = reference("priority", "priorities", &priority.id, &priority.name);
        value["html_url"] = json!(format!("{SITE}/account/incident_priorities"));
        value
    }

    pub fn summary(&self, n: usize) -> String {
        format!("[#{}] {}", self.incidents[n].number, self.incidents[n].title)
    }

    /// The REST incident. It differs from the webhook's: `incident_number`, `assignments`, `acknowledgements`.
    pub fn incident_json(&self, n: usize, include: &[&str]) -> Value {
        let i = &self.incidents[n];
        let at = seconds(i.status_changed_at);
        let wants = |what: &str| include.contains(&what);
        let person = |id: &str, full: bool| if full { self.user_json(id, false) } else { self.user_ref(id) };
        let opened = i.log.first().map(|l| {
            let mut entry = reference("trigger_log_entry", "log_entries", &l.id, "Triggered through the API");
            entry["html_url"] = json!(format!("{SITE}/incidents/{}/log_entries/{}", i.id, l.id));
            entry
        });
        let assignments: Vec<Value> = i
            .assignees
            .iter()
            .map(|u| json!({"at": at, "assignee": person(u, wants("assignees") || wants("users"))}))
            .collect();
        let acknowledgements: Vec<Value> = i
            .acknowledgers
            .iter()
            .map(|u| json!({"at": at, "acknowledger": person(u, wants("acknowledgers") || wants("users"))}))
            .collect();
        let priority = match i.priority.as_deref().and_then(|p| self.priority(p)) {
            Some(p) if wants("priorities") => self.priority_json(p),
            Some(p) => self.priority_ref(&p.name),
            None => Value::Null,
        };
        let mut value = json!({
            "summary": self.summary(n),
            "incident_number": i.number,
            "title": i.title,
            "created_at": seconds(i.created_at),
            "updated_at": seconds(i.updated_at),
            "status": i.status.as_str(),
            "incident_key": i.incident_key,
            "urgency": i.urgency,
            "service": self.service_ref(&i.service_id),
            "priority": priority,
            "assigned_via": "escalation_policy",
            "assignments": assignments,
            "acknowledgements": acknowledgements,
            "escalation_policy": self.policy_ref(&i.escalation_policy_id),
            "teams": [team_ref()],
            "resolved_at": i.resolved_at.map(seconds),
            "resolve_reason": i.merged_into.as_ref().and_then(|into| self.find(into)).map(|into| json!({
                "type": "merge_resolve_reason",
                "incident": self.incident_ref(into, &self.summary(into)),
            })),
            "last_status_change_at": at,
            "last_status_change_by": i.status_changed_by.as_deref().map(|u| self.user_ref(u)),
            "first_trigger_log_entry": opened,
            "incident_type": {"name": "incident_default"},
            "is_mergeable": i.status != Status::Resolved,
            "pending_actions": [],
        });
        // Only where the plan has responder requests.
        if self.abilities.iter().any(|ability| ability == "coordinated_responding") {
            value["incidents_responders"] = i.responders.iter().map(|r| self.responder_json(n, r)).collect();
            value["responder_requests"] = self.requests_json(n);
        }
        if wants("conference_bridge") {
            value["conference_bridge"] = self.conference_json(n);
        }
        full(self.incident_ref(n, ""), value)
    }

    /// Null, or number and URL (either may be null).
    pub fn conference_json(&self, n: usize) -> Value {
        let i = &self.incidents[n];
        if i.conference_number.is_none() && i.conference_url.is_none() {
            return Value::Null;
        }
        json!({"conference_number": i.conference_number, "conference_url": i.conference_url})
    }

    pub fn note_json(&self, note: &Note) -> Value {
        json!({
            "id": note.id,
            "user": self.user_ref(&note.user),
            "channel": {"summary": "The PagerDuty website or APIs"},
            "content": note.content,
            "created_at": local(note.created_at),
        })
    }

    pub fn status_update_json(&self, id: &str, message: &str, sender: &str) -> Value {
        json!({
            "id": id,
            "message": message,
            "sender": self.user_ref(sender),
            "created_at": local(self.clock.now()),
            "subject": null,
            "html_message": null,
        })
    }

    pub fn log_entry_json(&self, n: usize, entry: &LogEntry) -> Value {
        let incident = &self.incidents[n];
        json!({
            "id": entry.id,
            "type": entry.kind,
            "summary": entry.text,
            "self": format!("{API}/log_entries/{}", entry.id),
            "html_url": format!("{SITE}/incidents/{}/log_entries/{}", incident.id, entry.id),
            "created_at": seconds(entry.at),
            "agent": match &entry.agent {
                Some(user) => self.user_ref(user),
                None => self.service_ref(&incident.service_id),
            },
            "channel": {"type": if entry.agent.is_some() { "api" } else { "auto" }},
            "incident": self.incident_ref(n, &self.summary(n)),
            "assignees": entry.assignees.iter().map(|user| self.user_ref(user)).collect::<Vec<_>>(),
            "teams": [team_ref()],
            "contexts": [],
        })
    }

    /// The answer to a responder request: its targets with each person's state.
    pub fn responder_request_json(&self, n: usize, targets: &[(String, Vec<String>)]) -> Value {
        let i = &self.incidents[n];
        let asked = |user: &String| i.responders.iter().rfind(|r| &r.user == user);
        let incident = self.incident_ref(n, &i.title);
        let now = local(self.clock.now());
        let target = |(id, users): &(String, Vec<String>)| {
            let people: Vec<Value> =
                users.iter().filter_map(asked).map(|r| self.responder_json(n, r)).collect();
            let kind = if self.policy(id).is_some() { "escalation_policy" } else { "user" };
            json!({"responder_request_target": {"type": kind, "id": id, "incidents_responders": people}})
        };
        let first = targets.iter().flat_map(|(_, users)| users).find_map(asked);
        json!({
            "incident": incident,
            "requester": first.map(|r| self.user_ref(&r.requester)),
            "requested_at": now,
            "message": first.map(|r| &r.message),
            "responder_request_targets": targets.iter().map(target).collect::<Vec<_>>(),
        })
    }

    /// Somebody who was asked, and what they said.
    fn responder_json(&self, n: usize, r: &Responder) -> Value {
        let now = local(self.clock.now());
        json!({
            "state": r.state,
            "user": self.user_ref(&r.user),
            "incident": self.incident_ref(n, &self.incidents[n].title),
            "message": r.message,
            "requester": self.user_ref(&r.requester),
            "requested_at": now,
            "updated_at": now,
            "escalation_policy_requests":
                r.escalation_policy.iter().filter_map(|id| self.policy(id)).map(|p| &p.name).collect::<Vec<_>>(),
        })
    }

    /// The requests of an incident, each with its words and whom it was for.
    fn requests_json(&self, n: usize) -> Value {
        let request = |r: &Responder| {
            let (kind, id) = match &r.escalation_policy {
                Some(policy) => ("escalation_policy", policy),
                None => ("user", &r.user),
            };
            json!({
                "incident": self.incident_ref(n, &self.incidents[n].title),
                "requester": self.user_ref(&r.requester),
                "requested_at": local(self.clock.now()),
                "message": r.message,
                "responder_request_targets":
                    [{"type": kind, "id": id, "incident_responders": [self.responder_json(n, r)]}],
            })
        };
        self.incidents[n].responders.iter().map(request).collect()
    }

    pub fn priority_json(&self, priority: &Priority) -> Value {
        full(
            self.priority_ref(&priority.name),
            json!({"name": priority.name, "description": format!("Incidents of priority {}", priority.name)}),
        )
    }
}
