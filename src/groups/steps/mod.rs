//! What is done about groups, as durable jobs: plan them, write them, and tell people.
//!
//! A plan compares everything and talks to nobody. A write takes the most urgent group that waits, one at a time and
//! within Slack's limit; whatever was decided last is what it writes.

mod explain;
mod make;
mod plan;
mod topic;
mod write;

use serde_json::{Value, json};

use crate::app::App;
use crate::error::{Error, Result};
use crate::ids::PagerDutyUserId;
use crate::jobs::{Finished, Job, NewJob};
use crate::posts::{self, Post};
use crate::store::Tx;

/// Runs a job of this feature.
pub async fn run(app: &App, job: &Job) -> Result<Finished> {
    let text = |name: &str| job.payload.0[name].as_str().unwrap_or_default();
    match job.kind.as_str() {
        "groups.plan" => plan::plan_all(app, job).await,
        "groups.write" => write::write_one(app, job).await,
        "groups.make" => make::make(app, job, text("handle")).await,
        "groups.find" => make::find(app, job, &PagerDutyUserId::new(text("responder"))).await,
        "groups.topic" => topic::topic(app, job, text("handle"), text("channel")).await,
        "groups.explain" => explain::explain(app, job, text("handle"), text("channel"), text("user")).await,
        other => Err(Error::refused(format!("this version knows no job {other:?}"))),
    }
}

/// The one job that writes waiting groups.
pub(super) fn write_job() -> NewJob {
    NewJob::new("groups.write", Value::Null).never_give_up().dedup("groups.write").lane("groups.write")
}

pub(super) fn find_job(responder: &PagerDutyUserId) -> NewJob {
    NewJob::new("groups.find", json!({ "responder": responder })).dedup(format!("groups.find:{responder}"))
}

fn make_job(handle: &str) -> NewJob {
    NewJob::new("groups.make", json!({ "handle": handle })).dedup(format!("groups.make:{handle}"))
}

fn topic_job(handle: &str, channel: &str) -> NewJob {
    let key = format!("groups.topic:{channel}");
    NewJob::new("groups.topic", json!({ "handle": handle, "channel": channel })).dedup(&key).lane(key)
}

/// Something to say about a group; `once` keeps it from being said twice.
async fn say(tx: &mut Tx, to: &str, message: &crate::front::Message, once: &str) -> Result<()> {
    posts::say(tx, &Post::new(to, message.clone(), &format!("groups:{once}"))).await
}
