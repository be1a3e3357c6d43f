//! The runner: claim, run one step, record; the only place that waits for jobs.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use super::{Fate, Finished, Job, LEASE, fate};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::store::{Db, Priority, Tx, Work};

/// What the runner needs to know about kinds of jobs.
pub trait Perform: Clone + Send + Sync + 'static {
    /// Does the job: talks to the world, then finishes it in the transaction that records the effect.
    fn perform(&self, job: &Job) -> impl Future<Output = Result<Finished>> + Send;
    /// Tells people, in the same transaction, that a job was parked.
    fn parked(&self, tx: &mut Tx, job: &Job, error: &Error) -> impl Future<Output = Result<()>> + Send;
    /// Tells people, in the same transaction, of a failure that will be retried. Comes after each such attempt.
    fn stumbled(&self, tx: &mut Tx, job: &Job, error: &Error) -> impl Future<Output = Result<()>> + Send;
}

/// Runs jobs until stopped.
#[derive(Clone)]
pub struct Runner<P> {
    pub db: Db,
    pub perform: P,
    /// How many jobs at once.
    pub width: usize,
}

/// With nothing due, look at least this often: the net under lost rings.
const POLL: Duration = Duration::from_secs(5);

impl<P: Perform> Runner<P> {
    /// Runs until `stop`, then lets running jobs finish (their number is bounded, and each has a time-out).
    pub async fn run(self, stop: CancellationToken) {
        let slots = Arc::new(Semaphore::new(self.width));
        let running = TaskTracker::new();
        let mut bell = self.db.bell(Work::Jobs);
        while !stop.is_cancelled() {
            bell.borrow_and_update();
            let free = slots.available_permits();
            let claimed = if free == 0 { Ok(Vec::new()) } else { self.claim(free).await };
            let claimed = claimed.unwrap_or_else(|error| {
                tracing::error!(%error, "cannot claim jobs");
                Vec::new()
            });
            let idle = claimed.is_empty();
            for job in claimed {
                let Ok(slot) = slots.clone().acquire_owned().await else { return };
                let runner = self.clone();
                running.spawn(async move {
                    runner.work(job).await;
                    drop(slot);
                    runner.db.ring(Work::Jobs); // a free slot
                });
            }
            if idle {
                let wake_at = self.wake_at().await;
                tokio::select! {
                    () = stop.cancelled() => {}
                    _ = bell.changed() => {}
                    () = self.db.clock().sleep_until(wake_at) => {}
                }
            }
        }
        running.close();
        running.wait().await;
    }

    /// Runs everything that is due now, and what that causes, until nothing is due; the number of jobs done. One after
    /// the other, so that a test sees the same world each time.
    pub async fn run_due(&self) -> Result<usize> {
        let mut done = 0;
        loop {
            let claimed = self.claim(self.width).await?;
            if claimed.is_empty() {
                return Ok(done);
            }
            done += claimed.len();
            for job in claimed {
                self.work(job).await;
            }
        }
    }

    async fn claim(&self, most: usize) -> Result<Vec<Job>> {
        let mut tx = self.db.write(Priority::Job).await?;
        let jobs = tx.claim_jobs(i64::try_from(most).unwrap_or(1)).await?;
        tx.commit().await?;
        Ok(jobs)
    }

    async fn wake_at(&self) -> Timestamp {
        let now = self.db.clock().now();
        let next = match self.db.read().await {
            Ok(mut tx) => tx.next_job_at().await.ok().flatten(),
            Err(_) => None,
        };
        // Not sooner than a breath: a job that is due but waits for its lane is woken by the bell.
        next.map_or(now + POLL, |at| at.clamp(now + Duration::from_millis(250), now + POLL))
    }

    /// One job, from claimed to settled. Renews the lease while it runs.
    async fn work(&self, job: Job) {
        // A task of its own: a panic is this attempt's failure, and no more.
        let (perform, attempt) = (self.perform.clone(), job.clone());
        let performing = TaskTracker::new().spawn(async move { perform.perform(&attempt).await });
        let mut performing = AbortOnDropHandle::new(performing);
        let outcome = loop {
            tokio::select! {
                outcome = &mut performing => {
                    break outcome.unwrap_or_else(|lost| Err(Error::internal(format!("the attempt died: {lost}"))));
                }
                () = self.db.clock().sleep(LEASE / 3) => match self.renew(&job).await {
                    Ok(true) => {}
                    Ok(false) => return tracing::warn!(job = job.id, "lost its lease to another worker"),
                    Err(error) => tracing::warn!(job = job.id, %error, "cannot renew the lease"),
                },
            }
        };
        let Err(error) = outcome else { return };
        // Twice, because a twin may have been enqueued between two statements of the first try. If that fails too,
        // the lease runs out and the job comes back.
        for last in [false, true] {
            match self.settle(&job, &error).await {
                Ok(()) => return,
                Err(trouble) if last => {
                    tracing::error!(job = job.id, kind = job.kind, %trouble, "cannot record a failed attempt");
                }
                Err(_) => {}
            }
        }
    }

    async fn renew(&self, job: &Job) -> Result<bool> {
        let mut tx = self.db.write(Priority::Job).await?;
        let ours = tx.renew_lease(job).await?;
        tx.commit().await?;
        Ok(ours)
    }

    async fn settle(&self, job: &Job, error: &Error) -> Result<()> {
        let mut tx = self.db.write(Priority::Job).await?;
        let said = said(error);
        match fate(job, error, tx.now()) {
            Fate::Retry { at, counts } => {
                tracing::warn!(job = job.id, kind = job.kind, attempt = job.attempts, %at, error = said, "will retry");
                if tx.retry_job(job, at, counts, &said).await? {
                    self.perform.stumbled(&mut tx, job, error).await?;
                }
            }
            Fate::Park => {
                tracing::error!(
                    job = job.id,
                    kind = job.kind,
                    attempt = job.attempts,
                    error = said,
                    "parked"
                );
                if tx.park_job(job, &said).await? {
                    self.perform.parked(&mut tx, job, error).await?;
                }
            }
        }
        tx.commit().await
    }
}

/// The whole chain, for the log and the job's row.
fn said(error: &Error) -> String {
    match error {
        Error::Internal(e) => format!("{e:#}"),
        other => other.to_string(),
    }
}
