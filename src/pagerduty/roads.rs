//! One incident under a key of ours, never two, whichever of the two roads to it gets through: REST, or Events v2 under
//! the same key. What it takes to decide between them.

use std::time::Duration;

use secrecy::SecretString;

use super::{Action, Change, Client, Event, Incident, NewIncident, Severity, Status, is_duplicate_key};
use crate::clock::Timestamp;
use crate::error::{Problem, Upstream, Vendor, Why};
use crate::http_client::unavailable;
use crate::ids::PagerDutyIncidentId;

/// How long PagerDuty may take to turn an event into an incident before the first road is taken again.
pub const EVENTS_TAKE: Duration = Duration::from_secs(120);
/// The first road is tried this often before the second is taken.
pub const FIRST_ROAD_TRIES: i64 = 2;
/// So long PagerDuty may ask to be left alone before the second road is better.
const SHORT_WAIT: Duration = Duration::from_secs(5);
/// PagerDuty's clock and ours may differ by this much.
const CLOCK_SKEW: Duration = Duration::from_secs(300);

/// An incident to be, or that may be there already.
#[derive(Clone, Copy)]
pub struct Keyed<'a> {
    pub client: &'a Client,
    pub key: &'a str,
    pub service_id: &'a str,
    /// Its maker's first attempt: an older one that is resolved is of an earlier round.
    pub since: Timestamp,
    /// Those of earlier rounds.
    pub known: &'a [PagerDutyIncidentId],
}

impl Keyed<'_> {
    /// Ours under this key, of this round: open, or made since we began.
    pub async fn find(&self) -> Result<Option<Incident>, Upstream> {
        let since = self.since - CLOCK_SKEW;
        let found = self.client.find_by_key(self.key, self.service_id).await?;
        let mut ours: Vec<_> = found
            .into_iter()
            .filter(|i| !self.known.contains(&i.id))
            .filter(|i| i.status != Status::Resolved || i.created_at >= since)
            .collect();
        ours.sort_by_key(|i| (i.status == Status::Resolved, i.created_at));
        // Both roads made one: the first stays, the others are closed as its doubles.
        for double in ours.iter().skip(1).filter(|i| i.status != Status::Resolved) {
            tracing::warn!(key = self.key, double = double.number, "closing a double page");
            self.client.update_incident(&double.id, &close_double()).await?;
        }
        Ok(ours.into_iter().next())
    }

    /// Makes it. PagerDuty answers 400 to a key that is open already: then it is there.
    pub async fn create(&self, new: &NewIncident<'_>) -> Result<Incident, Upstream> {
        match self.client.create_incident(new).await {
            Err(e) if is_duplicate_key(&e) => self
                .find()
                .await?
                .ok_or_else(|| not_yet("the key is taken, and its incident not to be found")),
            other => other,
        }
    }

    /// The second road. It pages, but tells no number.
    pub async fn send(
        &self,
        routing_key: &SecretString,
        action: Action,
        title: &str,
    ) -> Result<(), Upstream> {
        let event = Event {
            routing_key,
            action,
            dedup_key: self.key,
            summary: title,
            source: "firebell",
            severity: Severity::Critical,
            link: None,
        };
        self.client.enqueue(&event).await
    }
}

/// Closing one of two incidents that page for the same thing.
pub fn close_double() -> Change<'static> {
    Change {
        status: Some(Status::Resolved),
        resolution: Some("A double of the same page."),
        ..Change::default()
    }
}

/// Closing what paged before the same thing came back.
pub fn end_round() -> Change<'static> {
    Change {
        status: Some(Status::Resolved),
        resolution: Some("It was opened again, and pages anew."),
        ..Change::default()
    }
}

/// Whether the first road is closed: a refusal of what we ask for is an answer, a refusal of our key is none. A wait that
/// is longer than a hiccup is not waited for.
pub fn is_closed(problem: &Upstream, attempt: i64) -> bool {
    let is_shut = match problem.problem {
        Problem::RateLimited { after } => after > SHORT_WAIT || attempt >= FIRST_ROAD_TRIES,
        Problem::Unavailable { .. } => attempt >= FIRST_ROAD_TRIES,
        Problem::Rejected { .. } => false,
    };
    refuses_our_key(problem) || is_shut
}

/// 401, 402, 403: nothing is wrong with what we ask for, only with who asks.
pub fn refuses_our_key(problem: &Upstream) -> bool {
    problem.code().is_some_and(|code| ["401", "402", "403"].iter().any(|status| code.starts_with(status)))
}

/// A key is mended elsewhere, by somebody who does not know of this page: so it is tried on, not given up.
pub fn patiently(problem: Upstream) -> Upstream {
    if !refuses_our_key(&problem) {
        return problem;
    }
    let detail = problem.code().unwrap_or_default().to_owned();
    Upstream { problem: Problem::Unavailable { why: Why::KeyRefused, detail }, ..problem }
}

/// What was accepted comes by itself, some time: others need not wait for it.
pub fn may_come(detail: &str) -> Upstream {
    let problem = Problem::Unavailable { why: Why::Late, detail: detail.into() };
    Upstream { service: Vendor::PagerDuty, call: "GET /incidents", problem }
}

/// What was accepted cannot be seen yet.
pub fn not_yet(detail: &str) -> Upstream {
    Upstream { service: Vendor::PagerDuty, call: "GET /incidents", problem: unavailable(detail) }
}
