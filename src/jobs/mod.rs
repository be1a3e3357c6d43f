//! The durable queue: effects on the outside world that survive `kill -9`. Engine only; what a kind of job does is
//! `dispatch`'s business.
//!
//! * A **lease**, not a lock: a killed process stops renewing, and somebody else claims the job.
//! * A **token** fences: finishing and renewing match `id AND token`; no row → somebody else has it, roll back.
//! * A **lane** keeps the jobs of one thing in order, one at a time.
//! * A **dedup key** is unique among unclaimed jobs: a trigger that arrives while its twin runs is not lost.

mod inbox;
mod runner;
mod store;

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::Timestamp;
use crate::error::{Error, Problem, Result, Upstream};
use crate::row;
use crate::store::{Db, Json, Priority, Tx, Work};

pub use inbox::{Delivery, NewDelivery, ParkedDelivery};
pub use runner::{Perform, Runner};

/// How long a claim holds without renewal: how long the work of a killed process waits for another one.
pub const LEASE: Duration = Duration::from_secs(15);
/// The longest wait between two attempts of what is never given up, like paging …
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// … and of what is.
const LONGEST_WAIT_OF_THE_REST: Duration = Duration::from_secs(300);

/// What was not answered in time may still come, as when a vendor takes 12 s: it is looked for this much later, before it
/// is done again.
const LATE: Duration = Duration::from_secs(15);

/// A job to be. Enqueued in the transaction of the fact that causes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewJob {
    pub kind: Cow<'static, str>,
    pub payload: Value,
    pub lane: Option<String>,
    pub dedup_key: Option<String>,
    pub run_at: Option<Timestamp>,
    /// After this many attempts the job is parked. `None`: never give up (paging), and wait at most 30 s between.
    /// Being told to come back later is no attempt.
    pub max_attempts: Option<i64>,
}

impl NewJob {
    pub fn new(kind: &'static str, payload: Value) -> Self {
        Self { kind: kind.into(), payload, lane: None, dedup_key: None, run_at: None, max_attempts: Some(15) }
    }

    #[must_use]
    pub fn lane(mut self, lane: impl Into<String>) -> Self {
        self.lane = Some(lane.into());
        self
    }

    #[must_use]
    pub fn dedup(mut self, key: impl Into<String>) -> Self {
        self.dedup_key = Some(key.into());
        self
    }

    #[must_use]
    pub fn at(mut self, at: Timestamp) -> Self {
        self.run_at = Some(at);
        self
    }

    #[must_use]
    pub fn never_give_up(mut self) -> Self {
        self.max_attempts = None;
        self
    }
}

row! {
    /// A job as the operator sees it.
    #[derive(Clone, Debug)]
    pub struct Job {
        pub id: i64,
        pub kind: String,
        pub payload: Json<Value>,
        pub lane: Option<String>,
        pub dedup_key: Option<String>,
        pub created_at: Timestamp,
        pub run_at: Timestamp,
        pub max_attempts: Option<i64>,
        pub attempts: i64,
        pub token: i64,
        pub first_claimed_at: Option<Timestamp>,
        pub lease_until: Option<Timestamp>,
        pub last_error: Option<String>,
        pub done_at: Option<Timestamp>,
        pub parked_at: Option<Timestamp>,
    }
}

impl Job {
    /// True when an earlier attempt may have had its effect: look before acting.
    pub fn is_retry(&self) -> bool {
        self.token > 1
    }

    /// When the first attempt began (for looking whether it had its effect).
    pub fn began_at(&self) -> Timestamp {
        self.first_claimed_at.unwrap_or(self.created_at)
    }

    /// Marks the job done in the transaction that records its effect, and commits. The only way to a [`Finished`].
    pub async fn finish(&self, mut tx: Tx) -> Result<Finished> {
        if !tx.mark_job_done(self.id, self.token).await? {
            return Err(Error::internal(format!("job {} was taken over while it ran", self.id)));
        }
        if self.lane.is_some() {
            tx.leaves(Work::Jobs); // the next one in the lane
        }
        tx.commit().await?;
        Ok(Finished(()))
    }

    /// Finishes a job that has nothing to record.
    pub async fn finish_bare(&self, db: &Db) -> Result<Finished> {
        self.finish(db.write(Priority::Job).await?).await
    }
}

/// Proof that a job's completion was committed.
#[derive(Debug)]
pub struct Finished(());

/// What becomes of a job whose attempt failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Again at this time.
    Retry { at: Timestamp, counts: bool },
    /// Needs a person: the lane is free, people are told, `firebell jobs retry ID` brings it back.
    Park,
}

/// Errors decide: rate limited → wait as told; unavailable or our own fault → back off; refused, or out of
/// attempts → park.
pub fn fate(job: &Job, error: &Error, now: Timestamp) -> Fate {
    let out_of_attempts = job.max_attempts.is_some_and(|max| job.attempts >= max);
    match error {
        Error::Upstream(Upstream { problem: Problem::RateLimited { after }, .. }) => {
            // The client keeps the vendor's pause in any case; paging looks for another road meanwhile.
            let after = *after + jitter(job, Duration::from_millis(500));
            Fate::Retry { at: now + after.min(longest_wait(job)), counts: false }
        }
        Error::Upstream(Upstream { problem: Problem::Unavailable { .. }, .. }) | Error::Internal(_)
            if !out_of_attempts =>
        {
            let at_least = match error {
                Error::Upstream(upstream) if upstream.is_late() => LATE,
                _ => Duration::ZERO,
            };
            Fate::Retry { at: now + back_off(job).max(at_least), counts: true }
        }
        _ => Fate::Park,
    }
}

fn longest_wait(job: &Job) -> Duration {
    if job.max_attempts.is_some() { LONGEST_WAIT_OF_THE_REST } else { LONGEST_WAIT }
}

/// 1, 2, 4 … seconds, plus up to a quarter, and never longer than the longest.
fn back_off(job: &Job) -> Duration {
    let doublings = u32::try_from(job.attempts.clamp(1, 16) - 1).unwrap_or(0);
    let base = Duration::from_secs(1u64 << doublings).min(longest_wait(job) * 4 / 5);
    base + jitter(job, base / 4)
}

/// Spread that differs from job to job and attempt to attempt, and is the same in every test run.
fn jitter(job: &Job, most: Duration) -> Duration {
    let mixed =
        (job.id.unsigned_abs() << 8 | job.attempts.unsigned_abs()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    most * u32::try_from(mixed >> 54).unwrap_or(0) / 1024
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Vendor, Why};

    fn job(attempts: i64, max_attempts: Option<i64>) -> Job {
        let at = Timestamp::from_secs(0);
        Job {
            id: 7,
            kind: "test".into(),
            payload: Json(Value::Null),
            lane: None,
            dedup_key: None,
            created_at: at,
            run_at: at,
            max_attempts,
            attempts,
            token: attempts,
            first_claimed_at: None,
            lease_until: None,
            last_error: None,
            done_at: None,
            parked_at: None,
        }
    }

    fn upstream(problem: Problem) -> Error {
        Error::Upstream(Upstream { service: Vendor::Slack, call: "chat.postMessage", problem })
    }

    #[test]
    fn errors_decide() {
        let now = Timestamp::from_secs(100);
        let away = upstream(crate::http_client::unavailable("reset"));
        let wait = upstream(Problem::RateLimited { after: Duration::from_secs(30) });
        let no = upstream(Problem::Rejected { code: "channel_not_found".into(), detail: String::new() });

        let Fate::Retry { at, counts: true } = fate(&job(3, Some(15)), &away, now) else { panic!("retries") };
        assert!(at >= now + Duration::from_secs(4) && at <= now + Duration::from_secs(5));
        assert_eq!(fate(&job(15, Some(15)), &away, now), Fate::Park);
        let late = upstream(Problem::Unavailable { why: Why::Late, detail: String::new() });
        let Fate::Retry { at, counts: true } = fate(&job(1, None), &late, now) else { panic!("looks later") };
        assert_eq!(at, now + LATE);
        let Fate::Retry { at, counts: true } = fate(&job(900, None), &away, now) else { panic!("pages on") };
        assert!(at > now + Duration::from_secs(20) && at <= now + LONGEST_WAIT);
        let Fate::Retry { at, counts: false } = fate(&job(15, Some(15)), &wait, now) else { panic!("waits") };
        assert!(at >= now + Duration::from_secs(30) && at < now + Duration::from_secs(31));
        let Fate::Retry { at, .. } = fate(&job(1, None), &wait, now) else { panic!("waits") };
        assert_eq!(at, now + LONGEST_WAIT);
        assert_eq!(fate(&job(1, None), &no, now), Fate::Park);
    }
}
