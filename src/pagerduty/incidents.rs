//! Incidents: making, finding, changing and reading them; and the second road to a pager, Events v2.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::calls::{
    ADD_NOTE, CREATE_INCIDENT, ENQUEUE, GET_INCIDENT, LIST_INCIDENTS, LIST_LOG_ENTRIES, LIST_NOTES,
    REQUEST_RESPONDERS, UPDATE_INCIDENT,
};
use super::{
    Action, Change, Client, Event, IDS_PER_CALL, Incident, LogEntry, NewIncident, Note, Severity, Status,
    judge, segment,
};
use crate::clock::Timestamp;
use crate::error::{Problem, Upstream};
use crate::http_client::Fields;
use crate::ids::{PagerDutyIncidentId, PagerDutyUserId};

impl Client {
    /// Pages whoever the policy says. A key that is open already on the service is refused ([`is_duplicate_key`]);
    /// nobody on call on the policy is `400/1015`. Read back: [`Client::find_by_key`], after any failure.
    /// <https://developer.pagerduty.com/api-reference/reference/REST/openapiv3.json/paths/~1incidents/post> · incidents.write · own limit · read_back
    pub async fn create_incident(&self, new: &NewIncident<'_>) -> Result<Incident, Upstream> {
        let mut incident = json!({
            "type": "incident",
            "title": new.title,
            "service": reference(new.service_id, "service_reference"),
            "urgency": new.urgency.as_str(),
            "incident_key": new.incident_key,
            "body": { "type": "incident_body", "details": new.details },
        });
        link_up(&mut incident, new.priority_id, new.escalation_policy_id, new.conference_url);
        assign(&mut incident, new.assignee_id.map(std::slice::from_ref).unwrap_or_default());
        let request = self.write(Method::POST, "/incidents", &json!({ "incident": incident }));
        self.call(&CREATE_INCIDENT, request, &[], |answer| Incident::read(answer.at("/incident"))).await
    }

    /// `None` when there is no such incident (or it is not for our eyes).
    /// <https://developer.pagerduty.com/api-reference/reference/REST/openapiv3.json/paths/~1incidents~1%7Bid%7D/get> · incidents.read · 960/min · idempotent
    pub async fn incident(&self, id: &PagerDutyIncidentId) -> Result<Option<Incident>, Upstream> {
        let request = self.get(&path(id, ""), &[]);
        let read = |answer: Fields<'_>| {
            (!answer.0.is_null()).then(|| Incident::read(answer.at("/incident"))).transpose()
        };
        self.call(&GET_INCIDENT, request, &["404"], read).await
    }

    /// Every incident of the service under this key, open or not, newest first.
    /// <https://developer.pagerduty.com/api-reference/reference/REST/openapiv3.json/paths/~1incidents/get> · incidents.read · 960/min · idempotent
    pub async fn find_by_key(&self, key: &str, service_id: &str) -> Result<Vec<Incident>, Upstream> {
        let query = [
            ("incident_key", key),
            ("service_ids[]", service_id),
            // Without it, only the last month.
            ("date_range", "all"),
            ("sort_by", "created_at:desc"),
        ];
        let mut found =
            self.pages(&LIST_INCIDENTS, "/incidents", &query, "/incidents", Incident::read).await?;
        found.sort_by_key(|incident| std::cmp::Reverse(incident.created_at));
        Ok(found)
    }

    /// Every triggered or acknowledged incident of the services; none for no services.
    /// <https://developer.pagerduty.com/api-reference/reference/REST/openapiv3.json/paths/~1incidents/get> · incidents.read · 960/min · idempotent
    pub async fn open_incidents(&self, service_ids: &[String]) -> Result<Vec<Incident>, Upstream> {
        let (mut found, mut seen) = (Vec::new(), HashSet::new());
        for chunk in service_ids.chunks(IDS_PER_CALL) {
            let mut query =
                vec![("statuses[]", "triggered"), ("statuses[]", "acknowledged"), ("date_range", "all")];
            query.extend(chunk.iter().map(|id| ("service_ids[]", id.as_str())));
            let page =
                self.pages(&LIST_INCIDENTS, "/incidents", &query, "/incidents", Incident::read).await?;
            // Pages are no snapshot: an incident may move from one to the next while we read.
            found.extend(page.into_iter().filter(|incident| seen.insert(incident.id.clone())));
        }
        Ok(found)
    }

    /// Returns when the status changed last, by PagerDuty's clock. Resolving what is resolved and acknowledging what
    /// is acknowledged is fine, and tells no time.
    /// <https://developer.pagerduty.com/api-reference/reference/REST/openapiv3.json/paths/~1incidents~1%7Bid%7D/put> · incidents.write · 960/min · idempotent
    pub async fn update_incident(
        &self,
        id: &PagerDutyIncidentId,
        change: &Change<'_>,
    ) -> Result<Option<Timestamp>, Upstream> {
        let fine: &[&str] = match change.status {
            Some(Status::Resolved) => &["1001"],
            Some(Status::Acknowledged) => &["1002"],
            _ => &[],
        };
        let body = json!({ "incident": changes(change) });
        let request = self.write(Method::PUT, &path(id, ""), &body);
        let read = |answer: Fields<'_>| Ok(answer.time("/incident/last_status_change_at"));
        self.call(&UPDATE_INCIDENT, request, fine, read).await
    }

    /// Returns the note's id. Read back: [`Client::notes`], for a marker in the text.
    /// <https://developer.pagerduty.com/api-reference/reference/REST/openapiv3.json/paths/~1incidents~1%7Bid%7D~1notes/post> · incidents.write · 960/min · read_back
    pub async fn add_note(&self, id: &PagerDutyIncidentId, content: &str) -> Result<String, Upstream> {
        let body = json!({ "note": { "content": content } });
        let request = self.write(Method::POST, &path(id, "/notes"), &body);
        self.call(&ADD_NOTE, request, &[], |answer| answer.need("/note/id")).await
    }

    /// <https://developer.pagerduty.com/api-reference/reference/REST/openapiv3.json/paths/~1incidents~1%7Bid%7D~1notes/get> · incidents.read · 960/min · idempotent
    pub async fn notes(&self, id: &PagerDutyIncidentId) -> Result<Vec<Note>, Upstream> {
        let request = self.get(&path(id, "/notes"), &[]);
        self.call(&LIST_NOTES, request, &[], |answer| answer.need_list("/notes")?.map(Note::read).collect())
            .await
    }

    /// Asks people, and whoever is on call on policies, to join. Needs a plan with `coordinated_responding`
    /// (else 402). Requests have no key. Read back: [`Incident::request_messages`], for a marker in the message.
    /// <https://developer.pagerduty.com/api-reference/reference/REST/openapiv3.json/paths/~1incidents~1%7Bid%7D~1responder_requests/post> · incidents.write · 960/min · read_back
    pub async fn request_responders(
        &self,
        id: &PagerDutyIncidentId,
        requester_id: &PagerDutyUserId,
        message: &str,
        user_ids: &[PagerDutyUserId],
        policy_ids: &[String],
    ) -> Result<(), Upstream> {
        let users = user_ids.iter().map(|user| reference(user.as_str(), "user_reference"));
        let policies = policy_ids.iter().map(|policy| reference(policy, "escalation_policy_reference"));
        let targets: Vec<Value> =
            users.chain(policies).map(|target| json!({ "responder_request_target": target })).collect();
        let body = json!({
            "requester_id": requester_id.as_str(), "message": message, "responder_request_targets": targets,
        });
        let request = self.write(Method::POST, &path(id, "/responder_requests"), &body);
        self.call(&REQUEST_RESPONDERS, request, &[], |_| Ok(())).await
    }

    /// What happened since then, or ever.
    /// <https://developer.pagerduty.com/api-reference/reference/REST/openapiv3.json/paths/~1incidents~1%7Bid%7D~1log_entries/get> · incidents.read · 960/min · idempotent
    pub async fn log_entries(
        &self,
        id: &PagerDutyIncidentId,
        since: Option<Timestamp>,
    ) -> Result<Vec<LogEntry>, Upstream> {
        let since = since.map(|at| at.to_string());
        let mut query = vec![("time_zone", "UTC"), ("include[]", "channels")];
        query.extend(since.as_deref().map(|at| ("since", at)));
        let path = path(id, "/log_entries");
        self.pages(&LIST_LOG_ENTRIES, &path, &query, "/log_entries", LogEntry::read).await
    }

    /// Sends an event. Accepted does not yet mean that there is an incident. The same dedup key while its alert is
    /// open changes nothing; after it is resolved, it opens a new one.
    /// <https://developer.pagerduty.com/docs/send-alert-event> · no scope · 120/min per routing key · at_least_once
    pub async fn enqueue(&self, event: &Event<'_>) -> Result<(), Upstream> {
        let url = format!("{}{}", self.settings.events_url.trim_end_matches('/'), "/v2/enqueue");
        let request = self.wire.http.post(url).json(&event_body(event));
        // One key over its limit must not keep another from paging. Hashed, for the key is a secret.
        let mut hasher = DefaultHasher::new();
        event.routing_key.expose_secret().hash(&mut hasher);
        let pause = format!("{} {:x}", ENQUEUE.name, hasher.finish());
        self.wire.exchange(&ENQUEUE, &pause, request, |answer| judge(answer, &[]).map(|_| ())).await
    }
}

/// True when a create was refused because the service has an open incident with the same key: it is there.
pub fn is_duplicate_key(refused: &Upstream) -> bool {
    match &refused.problem {
        Problem::Rejected { code, detail } if code == "400" || code.starts_with("400/") => {
            let detail = detail.to_lowercase();
            let about_the_key =
                ["dedup key", "incident key", "incident_key"].iter().any(|w| detail.contains(w));
            about_the_key && ["exist", "open incident"].iter().any(|w| detail.contains(w))
        }
        _ => false,
    }
}

fn path(id: &PagerDutyIncidentId, rest: &str) -> String {
    format!("/incidents/{}{rest}", segment(id.as_str()))
}

fn reference(id: &str, kind: &str) -> Value {
    json!({ "id": id, "type": kind })
}

fn link_up(incident: &mut Value, priority: Option<&str>, policy: Option<&str>, conference_url: Option<&str>) {
    if let Some(id) = priority {
        incident["priority"] = reference(id, "priority_reference");
    }
    if let Some(id) = policy {
        incident["escalation_policy"] = reference(id, "escalation_policy_reference");
    }
    if let Some(url) = conference_url {
        incident["conference_bridge"] = json!({ "conference_url": url });
    }
}

fn assign(incident: &mut Value, people: &[PagerDutyUserId]) {
    if !people.is_empty() {
        let one = |id: &PagerDutyUserId| json!({ "assignee": reference(id.as_str(), "user_reference") });
        incident["assignments"] = people.iter().map(one).collect();
    }
}

fn changes(change: &Change<'_>) -> Value {
    let mut incident = json!({ "type": "incident_reference" });
    if let Some(status) = change.status {
        incident["status"] = status.as_str().into();
    }
    if let Some(resolution) = change.resolution {
        incident["resolution"] = resolution.into();
    }
    if let Some(title) = change.title {
        incident["title"] = title.into();
    }
    if let Some(urgency) = change.urgency {
        incident["urgency"] = urgency.as_str().into();
    }
    if let Some(level) = change.escalation_level {
        incident["escalation_level"] = level.into();
    }
    link_up(&mut incident, change.priority_id, change.escalation_policy_id, change.conference_url);
    assign(&mut incident, change.assignee_ids);
    incident
}

fn event_body(event: &Event<'_>) -> Value {
    let action = match event.action {
        Action::Trigger => "trigger",
        Action::Acknowledge => "acknowledge",
        Action::Resolve => "resolve",
    };
    let mut body = json!({
        "routing_key": event.routing_key.expose_secret(), "event_action": action, "dedup_key": event.dedup_key,
    });
    if event.action == Action::Trigger {
        let severity = match event.severity {
            Severity::Critical => "critical",
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        };
        let summary: String = event.summary.chars().take(1024).collect();
        body["payload"] = json!({ "summary": summary, "source": event.source, "severity": severity });
        if let Some((href, text)) = event.link {
            body["links"] = json!([{ "href": href, "text": text }]);
        }
    }
    body
}
