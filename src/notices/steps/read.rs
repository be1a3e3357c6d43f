//! Reads the page whole: its name, its components, what is open. A failed read changes nothing: what was known stays,
//! with its age.

use crate::app::App;
use crate::error::{Error, Result};
use crate::incidents::trouble::in_words;
use crate::jobs::{Finished, Job};
use crate::notices::page::{EVERY, Page, READ, REFUSED, Refusal, read_job};
use crate::store::Priority;

pub(super) async fn read(app: &App, job: &Job) -> Result<Finished> {
    let (Some(statuspage), Some(config)) = (&app.statuspage, &app.config.statuspage) else {
        return job.finish_bare(&app.db).await;
    };
    let read = async {
        let info = Some(statuspage.page().await?);
        let components = statuspage.components().await?;
        let unresolved = statuspage.unresolved().await?;
        Ok(Page { place: config.place(), info, components, unresolved, ..Page::default() })
    };
    let page = match read.await {
        Ok(page) => Ok(page),
        // Refused (a key without the right, or revoked): it may be mended tomorrow, so the next read comes in its time.
        Err(Error::Upstream(refused)) if refused.is_final() => {
            tracing::error!(%refused, "cannot read the status page; what was known stays");
            let mend = match refused.code() {
                Some("401" | "403") => "renew statuspage.api_key",
                Some("404") => "look at statuspage.page_id",
                _ => "look at [statuspage]",
            };
            let because = format!("{}: an administrator must {mend}", in_words(&refused.into()));
            Err(Refusal { place: config.place(), because, at: None })
        }
        Err(error) => return Err(error),
    };
    let mut tx = app.db.write(Priority::Job).await?;
    match &page {
        Ok(page) => tx.remember_fact(READ, page).await?,
        Err(refusal) => tx.remember_fact(REFUSED, refusal).await?,
    }
    // Other replicas look at what was read when this changes.
    tx.directory_changed().await?;
    let next_at = tx.now() + EVERY;
    tx.enqueue(read_job().at(next_at)).await?;
    let finished = job.finish(tx).await?;
    if let Err(error) = app.reload_page().await {
        tracing::error!(%error, "cannot load the status page");
    }
    Ok(finished)
}
