//! What PagerDuty's objects are to us, read from its JSON.

use secrecy::SecretString;

use crate::clock::Timestamp;
use crate::error::Problem;
use crate::http_client::{Fields, nonsense};
use crate::ids::{PagerDutyIncidentId, PagerDutyUserId};

/// A reference to a person, service, policy …
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ref {
    pub id: String,
    /// `user_reference`, `service_reference` …: an agent may be either.
    pub kind: String,
    /// Its name.
    pub summary: String,
    pub html_url: String,
}

impl Ref {
    /// `None` for null and for what has no id, such as a deleted person.
    pub(super) fn read(f: Fields<'_>) -> Option<Self> {
        Some(Self {
            id: f.some("/id")?,
            kind: f.text("/type"),
            summary: f.some("/summary").unwrap_or_else(|| f.text("/name")),
            html_url: f.text("/html_url"),
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Triggered,
    Acknowledged,
    Resolved,
    /// A word that PagerDuty had not when this was written.
    Other,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Triggered => "triggered",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
            Self::Other => "other",
        }
    }

    pub fn read(word: &str) -> Self {
        match word {
            "triggered" => Self::Triggered,
            "acknowledged" => Self::Acknowledged,
            "resolved" => Self::Resolved,
            _ => Self::Other,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    High,
    Low,
}

impl Urgency {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Low => "low",
        }
    }

    /// High unless it says low: urgency only ever softens.
    pub fn read(word: &str) -> Self {
        if word == "low" { Self::Low } else { Self::High }
    }
}

/// What [`super::Client::create_incident`] needs.
#[derive(Clone, Debug)]
pub struct NewIncident<'a> {
    pub title: &'a str,
    pub service_id: &'a str,
    /// Instead of the service's own.
    pub escalation_policy_id: Option<&'a str>,
    /// Instead of whoever a policy names; PagerDuty takes one of the two, and one person. Our own user is not rung.
    pub assignee_id: Option<&'a PagerDutyUserId>,
    pub priority_id: Option<&'a str>,
    pub urgency: Urgency,
    /// Unique among the open incidents of the service.
    pub incident_key: &'a str,
    /// Plain text.
    pub details: &'a str,
    /// May be the Slack channel's address.
    pub conference_url: Option<&'a str>,
}

/// What to change; all that is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct Change<'a> {
    pub status: Option<Status>,
    /// Said with `Status::Resolved`.
    pub resolution: Option<&'a str>,
    pub title: Option<&'a str>,
    pub urgency: Option<Urgency>,
    pub priority_id: Option<&'a str>,
    /// 1 is the first rule of the policy.
    pub escalation_level: Option<u32>,
    pub escalation_policy_id: Option<&'a str>,
    /// Exactly these people from now on; empty leaves it as it is.
    pub assignee_ids: &'a [PagerDutyUserId],
    pub conference_url: Option<&'a str>,
}

/// Somebody who was asked to help with an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Responder {
    pub user_id: PagerDutyUserId,
    /// `pending`, `joined`, `declined` or `user_cancelled`.
    pub state: String,
}

/// Whether a responder comes, by the state of the request, in an incident or in a webhook. One that waits yet, or was taken
/// back, is no reply.
pub fn joins(state: &str) -> Option<bool> {
    match state {
        "joined" | "accepted" => Some(true),
        "declined" => Some(false),
        _ => None,
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    pub id: PagerDutyIncidentId,
    pub number: i64,
    pub title: String,
    pub status: Status,
    pub urgency: Urgency,
    /// The priority's name, `P1`.
    pub priority: Option<String>,
    /// Missing when the incident was made of alerts.
    pub incident_key: Option<String>,
    pub html_url: String,
    pub service_id: String,
    pub escalation_policy_id: String,
    pub created_at: Timestamp,
    pub updated_at: Option<Timestamp>,
    pub resolved_at: Option<Timestamp>,
    pub assignees: Vec<Ref>,
    /// Who acknowledged and when, while it is acknowledged.
    pub acknowledgers: Vec<(Ref, Timestamp)>,
    pub last_status_change_by: Option<Ref>,
    pub last_status_change_at: Option<Timestamp>,
    /// The incident that swallowed this one.
    pub merged_into: Option<PagerDutyIncidentId>,
    /// Whom was asked to help, where the plan allows it.
    pub responders: Vec<Responder>,
    /// What was said to them, request by request.
    pub request_messages: Vec<String>,
}

impl Responder {
    fn read(f: Fields<'_>) -> Option<Self> {
        Some(Self { user_id: PagerDutyUserId(f.some("/user/id")?), state: f.text("/state") })
    }
}

impl Incident {
    pub(super) fn read(f: Fields<'_>) -> Result<Self, Problem> {
        let acknowledgers = f
            .list("/acknowledgements")
            .filter_map(|ack| Some((Ref::read(ack.at("/acknowledger"))?, ack.time("/at")?)))
            .collect();
        Ok(Self {
            id: PagerDutyIncidentId(f.need("/id")?),
            number: f.int("/incident_number"),
            title: f.text("/title"),
            status: Status::read(&f.need("/status")?),
            urgency: Urgency::read(&f.text("/urgency")),
            priority: Ref::read(f.at("/priority")).map(|priority| priority.summary),
            incident_key: f.some("/incident_key"),
            html_url: f.text("/html_url"),
            service_id: f.text("/service/id"),
            escalation_policy_id: f.text("/escalation_policy/id"),
            created_at: time(f, "/created_at")?,
            updated_at: f.time("/updated_at"),
            resolved_at: f.time("/resolved_at"),
            assignees: f.list("/assignments").filter_map(|a| Ref::read(a.at("/assignee"))).collect(),
            acknowledgers,
            last_status_change_by: Ref::read(f.at("/last_status_change_by")),
            last_status_change_at: f.time("/last_status_change_at"),
            merged_into: f.some("/resolve_reason/incident/id").map(PagerDutyIncidentId),
            responders: f.list("/incidents_responders").filter_map(Responder::read).collect(),
            request_messages: f.list("/responder_requests").filter_map(|r| r.some("/message")).collect(),
        })
    }
}

fn time(f: Fields<'_>, pointer: &str) -> Result<Timestamp, Problem> {
    f.time(pointer).ok_or_else(|| nonsense(format!("the answer has no time at {pointer}")))
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub id: String,
    pub content: String,
    /// Missing for notes of rules and integrations without a person.
    pub user_id: Option<PagerDutyUserId>,
    pub created_at: Timestamp,
}

impl Note {
    pub(super) fn read(f: Fields<'_>) -> Result<Self, Problem> {
        Ok(Self {
            id: f.need("/id")?,
            content: f.text("/content"),
            user_id: f.some("/user/id").map(PagerDutyUserId),
            created_at: time(f, "/created_at")?,
        })
    }
}

/// One thing that happened to an incident, or that PagerDuty did about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    pub id: String,
    /// `notify_log_entry`, `escalate_log_entry` … More kinds appear over time.
    pub kind: String,
    pub created_at: Timestamp,
    /// The person, service or integration that did it.
    pub agent: Option<Ref>,
    pub summary: String,
    /// How it was done: `The web UI`; for a note, often its text.
    pub channel_summary: String,
    pub assignees: Vec<Ref>,
    pub note: Option<String>,
    /// What the sender of the event or request wrote.
    pub message: Option<String>,
}

impl LogEntry {
    pub(super) fn read(f: Fields<'_>) -> Result<Self, Problem> {
        let message = ["/message", "/channel/message", "/event_details/description", "/channel/description"];
        Ok(Self {
            id: f.need("/id")?,
            kind: f.text("/type"),
            created_at: time(f, "/created_at")?,
            agent: Ref::read(f.at("/agent")),
            summary: f.text("/summary"),
            channel_summary: f.text("/channel/summary"),
            assignees: f.list("/assignees").filter_map(Ref::read).collect(),
            note: f.some("/note").or_else(|| f.some("/channel/note")),
            message: message.iter().find_map(|pointer| f.some(pointer)),
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Priority {
    pub id: String,
    pub name: String,
}

impl Priority {
    pub(super) fn read(f: Fields<'_>) -> Result<Self, Problem> {
        Ok(Self { id: f.need("/id")?, name: f.some("/name").unwrap_or_else(|| f.text("/summary")) })
    }
}

/// One person on call at one level of one policy, through one schedule or directly.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OnCall {
    pub user_id: PagerDutyUserId,
    pub user_name: String,
    /// The login address; missing for somebody deleted.
    pub email: Option<String>,
    pub policy_id: String,
    pub policy_name: String,
    /// `None` for a person put on the policy directly.
    pub schedule_id: Option<String>,
    pub schedule_name: Option<String>,
    /// A shift-based schedule, which has calls of its own.
    pub is_v3: bool,
    /// 1 is paged first.
    pub level: i64,
    /// The shift's own bounds; `None` for what has no beginning or end.
    pub starts_at: Option<Timestamp>,
    pub ends_at: Option<Timestamp>,
}

impl OnCall {
    pub(super) fn read(f: Fields<'_>) -> Result<Self, Problem> {
        let schedule = Ref::read(f.at("/schedule"));
        Ok(Self {
            user_id: PagerDutyUserId(f.need("/user/id")?),
            user_name: f.some("/user/name").unwrap_or_else(|| f.text("/user/summary")),
            email: f.some("/user/email"),
            policy_id: f.text("/escalation_policy/id"),
            policy_name: f.text("/escalation_policy/summary"),
            // `schedule_v3_reference`, or `schedule_v3` when it is included.
            is_v3: schedule.as_ref().is_some_and(|s| s.kind.starts_with("schedule_v3")),
            schedule_name: schedule.as_ref().map(|s| s.summary.clone()),
            schedule_id: schedule.map(|s| s.id),
            level: f.int("/escalation_level"),
            starts_at: f.time("/start"),
            ends_at: f.time("/end"),
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub id: PagerDutyUserId,
    pub name: String,
    /// The login address.
    pub email: Option<String>,
    /// `America/Lima`; empty for the account's.
    pub time_zone: String,
    pub html_url: String,
    pub contact_methods: Vec<ContactMethod>,
}

impl User {
    pub(super) fn read(f: Fields<'_>) -> Result<Self, Problem> {
        Ok(Self {
            id: PagerDutyUserId(f.need("/id")?),
            name: f.some("/name").unwrap_or_else(|| f.text("/summary")),
            email: f.some("/email"),
            time_zone: f.text("/time_zone"),
            html_url: f.text("/html_url"),
            contact_methods: f.list("/contact_methods").filter_map(ContactMethod::read).collect(),
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContactKind {
    Email,
    Phone,
    Sms,
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactMethod {
    pub kind: ContactKind,
    /// The e-mail address, or the number without its country code.
    pub address: String,
    /// `49`; for phones and SMS.
    pub country_code: Option<String>,
    pub label: String,
    pub enabled: bool,
}

impl ContactMethod {
    /// `None` for a mere reference, which has no address.
    fn read(f: Fields<'_>) -> Option<Self> {
        let kind = match f.text("/type").as_str() {
            "email_contact_method" => ContactKind::Email,
            "phone_contact_method" => ContactKind::Phone,
            "sms_contact_method" => ContactKind::Sms,
            _ => ContactKind::Other,
        };
        Some(Self {
            kind,
            address: f.some("/address")?,
            country_code: f.some("/country_code"),
            label: f.text("/label"),
            enabled: f.at("/enabled").0.is_null() || f.flag("/enabled"),
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    pub id: String,
    pub name: String,
    pub html_url: String,
    pub escalation_policy_id: String,
    pub escalation_policy_name: String,
    /// `active`, `warning`, `critical`, `maintenance` or `disabled`.
    pub status: String,
}

impl Service {
    pub(super) fn read(f: Fields<'_>) -> Result<Self, Problem> {
        Ok(Self {
            id: f.need("/id")?,
            name: f.some("/name").unwrap_or_else(|| f.text("/summary")),
            html_url: f.text("/html_url"),
            escalation_policy_id: f.text("/escalation_policy/id"),
            escalation_policy_name: f.text("/escalation_policy/summary"),
            status: f.text("/status"),
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Trigger,
    Acknowledge,
    Resolve,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Critical,
    Error,
    Warning,
    Info,
}

/// An event for Events v2.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    /// The integration key of a service: whoever has it can page.
    pub routing_key: &'a SecretString,
    pub action: Action,
    /// At most 255 characters. The same key while its alert is open is the same alert.
    pub dedup_key: &'a str,
    /// What people read first; cut at 1,024 characters. This, `source`, `severity` and `link` go with a trigger only.
    pub summary: &'a str,
    /// Where it comes from: a host, a service.
    pub source: &'a str,
    pub severity: Severity,
    /// Address and text.
    pub link: Option<(&'a str, &'a str)>,
}
