//! `firebell jobs`: what is still to be done, and what to do with what cannot be done. It works on the database alone,
//! beside a running server.

use std::fmt::Write as _;

use clap::Subcommand;
use serde_json::{Value, json};

use super::{ConfigFile, Failure, print, table};
use crate::clock::Timestamp;
use crate::dispatch::{self, comes_again};
use crate::jobs::{Job, ParkedDelivery};
use crate::store::{Db, Priority};

/// Deliveries shown; they are all brought back.
const MOST_DELIVERIES: usize = 20;

#[derive(Debug, Subcommand)]
pub(super) enum JobsCommand {
    /// List what is not done, parked jobs first
    ///
    /// A job is waiting until its time comes, running (a process holds its lease), or parked: refused by Slack or
    /// PagerDuty, or failed too often. Parked jobs do nothing until somebody retries or discards them.
    #[command(
        after_help = "Examples:\n  firebell jobs list\n  firebell jobs list --json | jq '.[] | select(.state == \"parked\")'"
    )]
    List {
        #[command(flatten)]
        file: ConfigFile,
        /// Print a JSON array, an object for each job
        #[arg(long)]
        json: bool,
    },
    /// Bring parked jobs back, to run now
    ///
    /// Mend the cause first: the list shows it. A retried job looks whether an earlier attempt had its effect before it acts.
    /// A running server takes it up within 5 seconds; with none running, the next one does.
    #[command(after_help = "Example:\n  firebell jobs retry 17")]
    Retry {
        #[command(flatten)]
        file: ConfigFile,
        /// As `firebell jobs list` shows them
        #[arg(required = true, value_name = "ID")]
        ids: Vec<i64>,
    },
    /// Have deliveries that could not be understood looked at again
    ///
    /// What Slack or PagerDuty sent is kept as it came. One that fails eight times is set aside, which only a fault of
    /// Firebell's own explains: upgrade first. `firebell jobs list` shows them below the jobs.
    #[command(after_help = "Example:\n  firebell jobs redeliver")]
    Redeliver {
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Give jobs up, parked or waiting: they will not be done
    ///
    /// A running server tells those in Slack who wait for it: of a page, that nobody is paged and whom to call. What comes
    /// again and again, such as reading who is on call, cannot be given up while it waits.
    #[command(after_help = "Example:\n  firebell jobs discard 17")]
    Discard {
        #[command(flatten)]
        file: ConfigFile,
        /// As `firebell jobs list` shows them
        #[arg(required = true, value_name = "ID")]
        ids: Vec<i64>,
    },
}

pub(super) async fn run(command: JobsCommand) -> Result<(), Failure> {
    match command {
        JobsCommand::List { file, json } => list(&file.open().await?, json).await,
        JobsCommand::Retry { file, ids } => retry(&file.open().await?, &ids).await,
        JobsCommand::Redeliver { file } => redeliver(&file.open().await?).await,
        JobsCommand::Discard { file, ids } => discard(&file.open().await?, &ids).await,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Parked,
}

impl State {
    fn of(job: &Job, now: Timestamp) -> Self {
        if job.parked_at.is_some() {
            Self::Parked
        } else if job.lease_until.is_some_and(|until| until >= now) {
            Self::Running
        } else {
            Self::Waiting
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Parked => "parked",
        }
    }
}

async fn list(db: &Db, json: bool) -> Result<(), Failure> {
    let mut tx = db.read().await?;
    let (jobs, now) = (tx.open_jobs().await?, tx.now());
    if json {
        let jobs: Vec<Value> = jobs.iter().map(|job| as_json(job, now)).collect();
        return print(&serde_json::to_string_pretty(&jobs).map_err(anyhow::Error::from)?);
    }
    let deliveries = tx.parked_deliveries().await?;
    print(&format!("{}{}", as_text(&jobs, now), set_aside(&deliveries)))
}

/// Not the payload: it may hold the words of a private incident.
fn as_json(job: &Job, now: Timestamp) -> Value {
    json!({
        "id": job.id,
        "kind": job.kind,
        "lane": job.lane,
        "state": State::of(job, now).word(),
        "attempts": job.attempts,
        "max_attempts": job.max_attempts,
        "created_at": job.created_at,
        "run_at": job.run_at,
        "parked_at": job.parked_at,
        "last_error": job.last_error,
    })
}

fn as_text(jobs: &[Job], now: Timestamp) -> String {
    if jobs.is_empty() {
        return "Nothing is left to do.".to_owned();
    }
    let rows: Vec<[String; 6]> = jobs.iter().map(|job| row(job, now)).collect();
    let head = ["ID", "STATE", "KIND", "ATTEMPTS", "RUN AT (UTC)", "LANE"].map(str::to_owned);
    let mut lines = table(&head, &rows).into_iter();
    let mut text = lines.next().unwrap_or_default();
    for (line, job) in lines.zip(jobs) {
        let _ = write!(text, "\n{line}");
        if let Some(error) = &job.last_error {
            let _ = write!(text, "\n    {error}");
        }
    }
    let parked = jobs.iter().filter(|job| State::of(job, now) == State::Parked);
    let parked: Vec<String> = parked.map(|job| job.id.to_string()).collect();
    format!("{text}\n\n{}", advice(&parked))
}

/// Deliveries that could not be understood; nothing when there are none.
fn set_aside(deliveries: &[ParkedDelivery]) -> String {
    if deliveries.is_empty() {
        return String::new();
    }
    let many = if deliveries.len() == 1 { "delivery" } else { "deliveries" };
    let mut text = format!("\n\n{} {many} could not be understood:", deliveries.len());
    for delivery in deliveries.iter().take(MOST_DELIVERIES) {
        let at = delivery.received_at.to_jiff().strftime("%Y-%m-%d %H:%M:%S");
        let error = delivery.last_error.as_deref().unwrap_or_default();
        let _ = write!(text, "\n  from {} at {at}: {error}", delivery.source);
    }
    text + "\nAfter an upgrade, have them looked at again: firebell jobs redeliver"
}

async fn redeliver(db: &Db) -> Result<(), Failure> {
    let mut tx = db.write(Priority::Command).await?;
    let brought_back = tx.unpark_deliveries().await?;
    tx.commit().await?;
    print(&match brought_back {
        0 => "Every delivery was understood: there is nothing to look at again.".to_owned(),
        1 => "1 delivery is looked at again, within 5 seconds if a server runs.".to_owned(),
        n => format!("{n} deliveries are looked at again, within 5 seconds if a server runs."),
    })
}

/// What to do next.
fn advice(parked: &[String]) -> String {
    match parked {
        [] => "None is parked: all of them are done by themselves when their time comes.".to_owned(),
        [id] => format!(
            "1 is parked and waits for you. Mend its cause, then: firebell jobs retry {id}\n\
             To give it up instead: firebell jobs discard {id}"
        ),
        ids => format!(
            "{} are parked and wait for you. Mend their cause, then: firebell jobs retry {}\n\
             To give one up instead: firebell jobs discard ID",
            ids.len(),
            ids.join(" ")
        ),
    }
}

fn row(job: &Job, now: Timestamp) -> [String; 6] {
    let attempts = match job.max_attempts {
        Some(most) => format!("{} of {most}", job.attempts),
        None => job.attempts.to_string(),
    };
    [
        job.id.to_string(),
        State::of(job, now).word().to_owned(),
        job.kind.clone(),
        attempts,
        job.run_at.to_jiff().strftime("%Y-%m-%d %H:%M:%S").to_string(),
        job.lane.clone().unwrap_or_default(),
    ]
}

/// All of them or none: a mistyped id changes nothing.
async fn retry(db: &Db, ids: &[i64]) -> Result<(), Failure> {
    let mut tx = db.write(Priority::Command).await?;
    let mut brought_back = Vec::new();
    for &id in ids {
        let job = tx.job(id).await?;
        if !tx.unpark_job(id).await? {
            return Err(Failure::failed(format!(
                "{}; nothing was changed",
                why_not_parked(id, job.as_ref())
            )));
        }
        brought_back.push(format!("Job {id} ({}) runs again.", job.map(|j| j.kind).unwrap_or_default()));
    }
    tx.commit().await?;
    brought_back.push("A running server takes it up within 5 seconds; see `firebell jobs list`.".to_owned());
    print(&brought_back.join("\n"))
}

async fn discard(db: &Db, ids: &[i64]) -> Result<(), Failure> {
    let mut tx = db.write(Priority::Command).await?;
    let (mut given_up, mut is_told) = (Vec::new(), false);
    for &id in ids {
        let job = tx.job(id).await?;
        if let Some(job) = &job
            && State::of(job, tx.now()) == State::Waiting
            && comes_again(&job.kind)
        {
            return Err(Failure::failed(format!(
                "job {id} ({}) is not given up: it comes again and again, and the server needs it; nothing was changed",
                job.kind
            )));
        }
        let is_given_up = match &job {
            Some(job) => dispatch::discard(&mut tx, job).await?,
            None => false,
        };
        let Some(job) = job.as_ref().filter(|_| is_given_up) else {
            let why = match job {
                Some(job) if job.done_at.is_none() => {
                    format!("job {id} is running; wait until it is done or parked")
                }
                other => why_not_parked(id, other.as_ref()),
            };
            return Err(Failure::failed(format!("{why}; nothing was changed")));
        };
        is_told |= dispatch::is_waited_for(job);
        given_up.push(format!("Job {id} ({}) will not be done.", job.kind));
    }
    tx.commit().await?;
    if is_told {
        given_up.push("A running server tells those who wait for it, within 5 seconds.".to_owned());
    }
    print(&given_up.join("\n"))
}

fn why_not_parked(id: i64, job: Option<&Job>) -> String {
    match job {
        None => format!("there is no job {id}; see `firebell jobs list`"),
        Some(job)
            if job.done_at.is_some()
                && job.last_error.as_ref().is_some_and(|e| e.ends_with("(discarded)")) =>
        {
            format!("job {id} was given up: *Retry* on the incident in Slack brings such a step back")
        }
        Some(job) if job.done_at.is_some() => format!("job {id} is done already"),
        Some(job) => format!("job {id} is not parked: it runs by itself at {}", job.run_at),
    }
}
