//! A queue with jobs that do what their payload says, for tests of the queue itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use firebell::error::{Error, Problem, Result, Upstream, Vendor};
use firebell::jobs::{Finished, Job, NewJob, Perform, Runner};
use firebell::store::{Db, Priority, Tx};
use serde_json::json;

/// What an attempt comes to.
#[derive(Clone, Copy, Debug)]
pub enum Outcome {
    Done,
    /// Another one of the same is triggered while this one runs; then it is done.
    TriggeredMeanwhile,
    /// The same, and then the vendor does not answer.
    TriggeredAndAway,
    Away,
    RateLimited,
    Refused,
    Panics,
}

/// Plays the outcomes of each label in order, then `Done`; remembers what it did.
#[derive(Clone)]
pub struct Script {
    pub db: Db,
    outcomes: Arc<Mutex<BTreeMap<String, Vec<Outcome>>>>,
    log: Arc<Mutex<Vec<String>>>,
}

impl Script {
    pub fn new(db: &Db) -> Self {
        Self { db: db.clone(), outcomes: Arc::default(), log: Arc::default() }
    }

    pub fn plays(self, label: &str, outcomes: &[Outcome]) -> Self {
        self.outcomes.lock().unwrap().insert(label.into(), outcomes.to_vec());
        self
    }

    /// `a`, `a again` for a second attempt, `a parked`, `a stumbled` …
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    fn note(&self, job: &Job, what: &str) {
        self.log.lock().unwrap().push(format!("{}{what}", label(job)));
    }

    pub fn runner(&self) -> Runner<Self> {
        Runner { db: self.db.clone(), perform: self.clone(), width: 8 }
    }

    /// Runs what is due.
    pub async fn run(&self) -> usize {
        self.runner().run_due().await.expect("the queue runs")
    }

    pub async fn enqueue(&self, job: NewJob) -> i64 {
        let mut tx = self.db.write(Priority::Job).await.expect("a transaction");
        let id = tx.enqueue(job).await.expect("enqueued");
        tx.commit().await.expect("committed");
        id
    }

    pub async fn job(&self, id: i64) -> Job {
        let mut tx = self.db.read().await.expect("a transaction");
        tx.job(id).await.expect("a query").expect("the job")
    }

    /// Labels of what is not done.
    pub async fn open(&self) -> Vec<String> {
        let mut tx = self.db.read().await.expect("a transaction");
        tx.open_jobs().await.expect("a query").iter().map(label).collect()
    }

    fn next(&self, job: &Job) -> Outcome {
        let mut outcomes = self.outcomes.lock().unwrap();
        match outcomes.get_mut(&label(job)) {
            Some(left) if !left.is_empty() => left.remove(0),
            _ => Outcome::Done,
        }
    }
}

pub fn labelled(label: &str) -> NewJob {
    NewJob::new("test.job", json!({ "label": label }))
}

pub fn label(job: &Job) -> String {
    job.payload.0["label"].as_str().unwrap_or_default().to_owned()
}

impl Perform for Script {
    async fn perform(&self, job: &Job) -> Result<Finished> {
        self.note(job, if job.is_retry() { " again" } else { "" });
        let trouble = |problem| {
            Err(Error::Upstream(Upstream { service: Vendor::Slack, call: "chat.postMessage", problem }))
        };
        let outcome = self.next(job);
        if let Outcome::TriggeredMeanwhile | Outcome::TriggeredAndAway = outcome {
            let mut twin = labelled(&label(job));
            twin.dedup_key.clone_from(&job.dedup_key);
            self.enqueue(twin).await;
        }
        match outcome {
            Outcome::Done | Outcome::TriggeredMeanwhile => job.finish_bare(&self.db).await,
            Outcome::Away | Outcome::TriggeredAndAway => {
                trouble(firebell::http_client::unavailable("the connection broke"))
            }
            Outcome::RateLimited => trouble(Problem::RateLimited { after: Duration::from_secs(20) }),
            Outcome::Refused => {
                trouble(Problem::Rejected { code: "restricted_action".into(), detail: String::new() })
            }
            Outcome::Panics => panic!("a bug"),
        }
    }

    async fn parked(&self, _: &mut Tx, job: &Job, _: &Error) -> Result<()> {
        self.note(job, " parked");
        Ok(())
    }

    async fn stumbled(&self, _: &mut Tx, job: &Job, _: &Error) -> Result<()> {
        self.note(job, " stumbled");
        Ok(())
    }
}
