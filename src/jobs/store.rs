//! The queue's SQL.

use std::time::Duration;

use super::{Job, LEASE, NewJob};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::row;
use crate::store::{Json, Tx, Work};

/// Postgres' advisory lock for claiming; any number that nothing else in this database uses.
const CLAIMING: i64 = 0x6669_7265_6265_6c6c;

/// The claim, the same on both engines but for the row lock. What is due is chosen once: as a sub-select, Postgres
/// may evaluate it anew for each row and claim more than the limit (measured: 7 for 1). The guard is repeated in the
/// outer WHERE, or two Postgres sessions that wait for the same row would both take it (measured: 49 of 400). `+ 0`:
/// SQLite parses and plans a statement anew each time it runs when a bare parameter stands in its LIMIT.
macro_rules! claim_sql {
    ($lock:literal) => {
        concat!(
            "WITH due AS MATERIALIZED (
                SELECT j.id FROM job j
                WHERE j.done_at IS NULL AND j.parked_at IS NULL AND j.run_at <= $1
                  AND (j.lease_until IS NULL OR j.lease_until < $1)
                  AND (j.lane IS NULL OR NOT EXISTS (
                        SELECT 1 FROM job p
                        WHERE p.lane = j.lane AND p.done_at IS NULL AND p.parked_at IS NULL
                          AND (p.id < j.id OR (p.id > j.id AND p.lease_until >= $1))))
                ORDER BY j.run_at, j.id LIMIT $3 + 0 ",
            $lock,
            ")
             UPDATE job SET lease_until = $2, attempts = attempts + 1, token = token + 1,
                    first_claimed_at = COALESCE(first_claimed_at, $1)
             WHERE id IN (SELECT id FROM due)
               AND done_at IS NULL AND parked_at IS NULL AND (lease_until IS NULL OR lease_until < $1)
             RETURNING *"
        )
    };
}

row! {
    /// What earlier attempts leave behind: with a token, one of them may have had its effect.
    pub struct Claims { pub token: i64, pub first_claimed_at: Option<Timestamp> }
}

impl Tx {
    /// Enqueues; with a dedup key, an unclaimed twin makes this a no-op, except that the earlier `run_at` wins, with its payload, and a
    /// parked twin is closed in favour of the new one. Returns the job's id, or the twin's.
    pub async fn enqueue(&mut self, job: NewJob) -> Result<i64> {
        let now = self.now();
        self.leaves(Work::Jobs);
        let parked = match &job.dedup_key {
            Some(key) => self.supersede_parked(key).await?,
            None => None,
        };
        let (token, first_claimed_at) = parked.map_or((0, None), |p| (p.token, p.first_claimed_at));
        let id = self
            .scalar::<i64>(
                "INSERT INTO job (kind, payload, lane, dedup_key, created_at, run_at, max_attempts, token,
                                  first_claimed_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
                 ON CONFLICT (dedup_key) WHERE lease_until IS NULL AND done_at IS NULL AND parked_at IS NULL
                 DO UPDATE SET run_at = CASE WHEN excluded.run_at < job.run_at THEN excluded.run_at
                                             ELSE job.run_at END,
                               payload = CASE WHEN excluded.run_at < job.run_at THEN excluded.payload
                                              ELSE job.payload END
                 RETURNING id",
                &[
                    &job.kind,
                    &Json(job.payload),
                    &job.lane,
                    &job.dedup_key,
                    &now,
                    &job.run_at.unwrap_or(now),
                    &job.max_attempts,
                    &token,
                    &first_claimed_at,
                ],
            )
            .await?;
        id.ok_or_else(|| Error::internal("an enqueued job has no id"))
    }

    /// Lets this job wait for none of those before it in its lane: they go on in a lane of their own, in their order.
    pub async fn go_first(&mut self, id: i64) -> Result<()> {
        self.exec(
            "UPDATE job SET lane = lane || ':aside'
             WHERE lane = (SELECT lane FROM job WHERE id = $1) AND id < $1 AND done_at IS NULL AND parked_at IS NULL",
            &[&id],
        )
        .await?;
        Ok(())
    }

    /// Closes a parked job whose twin takes over, and hands on whether it may have had its effect.
    async fn supersede_parked(&mut self, dedup_key: &str) -> Result<Option<Claims>> {
        let now = self.now();
        self.opt(
            "UPDATE job SET done_at = $2, parked_at = NULL,
                    last_error = COALESCE(last_error, '') || ' (taken over by a later one)'
             WHERE dedup_key = $1 AND parked_at IS NOT NULL AND done_at IS NULL
             RETURNING token, first_claimed_at",
            &[&dedup_key, &now],
        )
        .await
    }

    /// Takes up to `most` due jobs.
    pub async fn claim_jobs(&mut self, most: i64) -> Result<Vec<Job>> {
        let now = self.now();
        let postgres = self.is_postgres();
        if postgres {
            // One claim at a time, until its commit: two that do not see each other's could both find a lane free.
            self.exec("SELECT pg_advisory_xact_lock($1)", &[&CLAIMING]).await?;
        }
        let sql = if postgres { claim_sql!("FOR UPDATE SKIP LOCKED") } else { claim_sql!("") };
        let mut jobs: Vec<Job> = self.all(sql, &[&now, &(now + LEASE), &most]).await?;
        jobs.sort_by_key(|j| (j.run_at, j.id));
        Ok(jobs)
    }

    /// Ends all leases. At the start of a program that has the database to itself: their holder was killed.
    pub async fn end_leases(&mut self) -> Result<u64> {
        let before = self.now() - Duration::from_micros(1);
        let ended = self
            .exec(
                "UPDATE job SET lease_until = $1 WHERE lease_until > $1 AND done_at IS NULL AND parked_at IS NULL",
                &[&before],
            )
            .await?;
        self.leaves(Work::Jobs);
        Ok(ended)
    }

    /// When the next job could be claimed, if any waits.
    pub async fn next_job_at(&mut self) -> Result<Option<Timestamp>> {
        let at = self
            .scalar::<Option<Timestamp>>(
                "SELECT MIN(COALESCE(lease_until, run_at)) FROM job WHERE done_at IS NULL AND parked_at IS NULL",
                &[],
            )
            .await?;
        Ok(at.flatten())
    }

    pub(super) async fn mark_job_done(&mut self, id: i64, token: i64) -> Result<bool> {
        let now = self.now();
        let rows = self
            .exec(
                "UPDATE job SET done_at = $3, lease_until = NULL
                 WHERE id = $1 AND token = $2 AND done_at IS NULL AND parked_at IS NULL",
                &[&id, &token, &now],
            )
            .await?;
        Ok(rows == 1)
    }

    pub(super) async fn renew_lease(&mut self, job: &Job) -> Result<bool> {
        let until = self.now() + LEASE;
        let rows = self
            .exec(
                "UPDATE job SET lease_until = $3 WHERE id = $1 AND token = $2 AND done_at IS NULL AND parked_at IS NULL",
                &[&job.id, &job.token, &until],
            )
            .await?;
        Ok(rows == 1)
    }

    /// Puts a claimed job back; false when somebody else has it meanwhile. If an unclaimed twin arrived meanwhile, the twin carries on with what this one knows
    /// (its age, its attempts, and that it may have had its effect) and this one is closed: otherwise a long outage would
    /// collect a job for each trigger.
    pub(super) async fn retry_job(
        &mut self,
        job: &Job,
        at: Timestamp,
        counts: bool,
        error: &str,
    ) -> Result<bool> {
        let attempts = if counts { job.attempts } else { job.attempts - 1 };
        if let Some(key) = &job.dedup_key {
            let twin = self
                .exec(
                    "UPDATE job SET attempts = $3, run_at = $4, last_error = $5, token = $6, first_claimed_at = $7,
                            created_at = $8
                     WHERE dedup_key = $1 AND id <> $2
                       AND lease_until IS NULL AND done_at IS NULL AND parked_at IS NULL
                       AND EXISTS (SELECT 1 FROM job o WHERE o.id = $2 AND o.token = $6
                                   AND o.done_at IS NULL AND o.parked_at IS NULL)",
                    &[key, &job.id, &attempts, &at, &error, &job.token, &job.first_claimed_at, &job.created_at],
                )
                .await?;
            if twin > 0 {
                return self.mark_job_done(job.id, job.token).await;
            }
        }
        let rows = self
            .exec(
                "UPDATE job SET lease_until = NULL, attempts = $3, run_at = $4, last_error = $5
                 WHERE id = $1 AND token = $2 AND done_at IS NULL AND parked_at IS NULL",
                &[&job.id, &job.token, &attempts, &at, &error],
            )
            .await?;
        self.leaves(Work::Jobs);
        Ok(rows == 1)
    }

    /// False when somebody else has the job meanwhile.
    pub(super) async fn park_job(&mut self, job: &Job, error: &str) -> Result<bool> {
        let now = self.now();
        let rows = self
            .exec(
                "UPDATE job SET lease_until = NULL, parked_at = $3, last_error = $4
                 WHERE id = $1 AND token = $2 AND done_at IS NULL AND parked_at IS NULL",
                &[&job.id, &job.token, &now, &error],
            )
            .await?;
        self.leaves(Work::Jobs); // its lane is free
        Ok(rows == 1)
    }

    /// Brings a parked job back, to run now; false when there is no such parked job. Its attempts start anew; its
    /// token does not, so it still looks before it acts.
    pub async fn unpark_job(&mut self, id: i64) -> Result<bool> {
        let now = self.now();
        self.exec(
            "UPDATE job SET dedup_key = NULL WHERE id = $1 AND parked_at IS NOT NULL AND EXISTS (
                SELECT 1 FROM job t WHERE t.dedup_key = job.dedup_key AND t.id <> job.id
                  AND t.lease_until IS NULL AND t.done_at IS NULL AND t.parked_at IS NULL)",
            &[&id],
        )
        .await?;
        let rows = self
            .exec(
                "UPDATE job SET parked_at = NULL, run_at = $2, attempts = 0 WHERE id = $1 AND parked_at IS NOT NULL",
                &[&id, &now],
            )
            .await?;
        self.leaves(Work::Jobs);
        Ok(rows == 1)
    }

    /// Closes a parked or waiting job without doing it; false when there is none, or it is running.
    pub async fn discard_job(&mut self, id: i64) -> Result<bool> {
        let now = self.now();
        let rows = self
            .exec(
                "UPDATE job SET done_at = $2, parked_at = NULL, last_error = COALESCE(last_error, '') || ' (discarded)'
                 WHERE id = $1 AND done_at IS NULL AND (lease_until IS NULL OR lease_until < $2)",
                &[&id, &now],
            )
            .await?;
        self.leaves(Work::Jobs);
        Ok(rows == 1)
    }

    /// Brings back a job that was closed and whose work is not done, as [`Tx::unpark_job`] does; false while a twin is
    /// at it.
    pub async fn reopen_job(&mut self, id: i64) -> Result<bool> {
        let now = self.now();
        let rows = self
            .exec(
                "UPDATE job SET done_at = NULL, lease_until = NULL, run_at = $2, attempts = 0
                 WHERE id = $1 AND done_at IS NOT NULL AND NOT EXISTS (
                    SELECT 1 FROM job t WHERE t.dedup_key = job.dedup_key AND t.done_at IS NULL)",
                &[&id, &now],
            )
            .await?;
        self.leaves(Work::Jobs);
        Ok(rows == 1)
    }

    pub async fn job(&mut self, id: i64) -> Result<Option<Job>> {
        self.opt("SELECT * FROM job WHERE id = $1", &[&id]).await
    }

    /// All jobs that are not done, the parked ones first.
    pub async fn open_jobs(&mut self) -> Result<Vec<Job>> {
        self.all(
            "SELECT * FROM job WHERE done_at IS NULL ORDER BY (parked_at IS NULL), run_at, id LIMIT 1000",
            &[],
        )
        .await
    }

    /// Whether a job of this kind runs or is due, and has had no trouble.
    pub async fn is_due(&mut self, kind: &str) -> Result<bool> {
        let now = self.now();
        let due: Option<i64> = self
            .scalar(
                "SELECT id FROM job WHERE done_at IS NULL AND parked_at IS NULL AND last_error IS NULL AND kind = $1
                 AND run_at <= $2 LIMIT 1",
                &[&kind, &now],
            )
            .await?;
        Ok(due.is_some())
    }

    /// (waiting or running, parked)
    pub async fn count_jobs(&mut self) -> Result<(i64, i64)> {
        let waiting =
            self.scalar("SELECT count(*) FROM job WHERE done_at IS NULL AND parked_at IS NULL", &[]).await?;
        let parked = self
            .scalar("SELECT count(*) FROM job WHERE done_at IS NULL AND parked_at IS NOT NULL", &[])
            .await?;
        Ok((waiting.unwrap_or(0), parked.unwrap_or(0)))
    }

    /// Deletes what was done before `before`: jobs, and deliveries whose repeats can no longer come.
    pub async fn forget_done(&mut self, before: Timestamp) -> Result<u64> {
        let jobs = self.exec("DELETE FROM job WHERE done_at < $1", &[&before]).await?;
        let deliveries = self.exec("DELETE FROM inbox WHERE done_at < $1", &[&before]).await?;
        let answers = self.exec("DELETE FROM answered WHERE answered_at < $1", &[&before]).await?;
        Ok(jobs + deliveries + answers)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::jobs::NewJob;
    use crate::on_both_engines;
    use crate::store::Priority;

    on_both_engines!(
        async fn no_more_jobs_are_claimed_than_asked_for(db: Db, _clock: Clock) {
            let mut tx = db.write(Priority::Job).await.expect("a transaction");
            for n in 0..20 {
                let lane = format!("lane:{}", n % 5);
                let job = NewJob::new("test.count", json!({ "n": n }));
                let job = if n % 2 == 0 { job.lane(lane) } else { job };
                tx.enqueue(job).await.expect("enqueued");
            }
            tx.commit().await.expect("committed");
            for most in [1, 1, 3] {
                let mut tx = db.write(Priority::Job).await.expect("a transaction");
                let claimed = tx.claim_jobs(most).await.expect("claimed");
                assert_eq!(claimed.len(), usize::try_from(most).expect("few"));
                tx.commit().await.expect("committed");
            }
        }
    );
}
