//! `firebell serve`: from the configuration to the last answered request.

use std::fs::File;
use std::sync::Arc;

use super::signals::Signals;
use super::{ConfigFile, Failure};
use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::error::Result;
use crate::metrics::Metrics;
use crate::serve::{self, Running};

pub(super) async fn serve(file: &ConfigFile) -> Result<(), Failure> {
    let (config, warnings) = file.load()?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    // Before anything else: as process 1 of a container we would not even be killed by a signal nobody listens to.
    let mut signals = Signals::new()?;
    let (running, _alone) = tokio::select! {
        started = Box::pin(start(config)) => started?,
        signal = signals.next() => {
            tracing::info!(signal, "stopped before it began");
            return Ok(());
        }
    };
    tracing::info!("listening on http://{}, metrics on http://{}/metrics", running.public, running.admin);
    let signal = signals.next().await;
    tracing::info!(
        signal,
        "stopping: no new requests; what runs is finished. A second signal ends it at once"
    );
    tokio::select! {
        () = Box::pin(running.shutdown()) => {
            tracing::info!("stopped");
            Ok(())
        }
        signal = signals.next() => {
            Err(Failure::failed(format!("ended at once by a second {signal}; what ran is taken up at the next start")))
        }
    }
}

/// The server, and what keeps a second one from the same SQLite file.
async fn start(config: Config) -> Result<(Running, Option<File>)> {
    let metrics = Arc::new(Metrics::new());
    let counted = metrics.clone();
    let observer =
        Arc::new(move |vendor, call, outcome, took| counted.vendor_call(vendor, call, outcome, took));
    let app = App::build(config, Clock::system(), observer).await?;
    let alone = app.db.serve_alone()?;
    app.db.migrate().await?;
    Ok((serve::start(app, metrics, true).await?, alone))
}
