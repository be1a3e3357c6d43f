//! Offers a runbook in the room of an incident that opened with an alert that one is for.

use super::messages;
use crate::app::App;
use crate::error::{Error, Result};
use crate::front::Message;
use crate::ids::IncidentId;
use crate::incidents::model::{Actor, Kind, Source};
use crate::incidents::timeline::NewEntry;
use crate::jobs::{Finished, Job};
use crate::store::Priority;

/// Runs a job of this feature.
pub async fn run(app: &App, job: &Job) -> Result<Finished> {
    match job.kind.as_str() {
        "runbooks.offer" => offer(app, job, serde_json::from_value(job.payload.0["incident"].clone())?).await,
        other => Err(Error::refused(format!("this version knows no job {other:?}"))),
    }
}

async fn offer(app: &App, job: &Job, id: IncidentId) -> Result<Finished> {
    let index = app.runbooks.current();
    let mut tx = app.db.write(Priority::Job).await?;
    let incident = tx.incident(id).await?;
    let alerts: Vec<String> = tx.linked_pages(id).await?.into_iter().map(|page| page.title).collect();
    let meant = messages::for_alerts(&index, &app.config, &incident, &alerts);
    if meant.is_empty() || !incident.is_open() {
        return job.finish(tx).await;
    }
    let titles: Vec<&str> = meant.iter().map(|runbook| runbook.title.as_str()).collect();
    let text = format!("Offered the runbook {}", titles.join(", "));
    let entry = NewEntry::new(Kind::Runbook, Source::Firebell, Actor::firebell(), text);
    let entry = tx.append(id, entry.once(format!("runbook:{id}"))).await?;
    if entry.is_some() {
        tx.say_entry(&incident, entry, Message::text(messages::offer(&meant, &index, &app.config))).await?;
    }
    job.finish(tx).await
}
