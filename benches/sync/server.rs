//! Firebell on SQLite, its jobs run one after the other; time passes only by calls and by waiting for the next job.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use firebell::app::App;
use firebell::config::Config;
use firebell::metrics::Metrics;
use firebell::oncall::Step;
use firebell::serve::{self, Running};
use firebell::store::{Db, Priority};
use tempfile::TempDir;

use crate::organisation::{LATENCY, Organisation};

pub const ONCALLS: &str = "GET /oncalls";
pub const GROUPS: &str = "usergroups.list";
pub const WRITE: &str = "usergroups.users.update";
pub const LOOK_UP: &str = "users.lookupByEmail";

pub struct Server {
    pub running: Running,
    directory: TempDir,
}

/// What one pass took. Background reads of people that fall into a long one are counted apart.
pub struct Pass {
    pub calls: usize,
    pub writes: usize,
    pub apart: usize,
    pub took: Duration,
}

impl Server {
    pub async fn start(organisation: &Organisation, writes_per_minute: u32) -> Result<Self> {
        Self::on(TempDir::new()?, organisation, writes_per_minute).await
    }

    async fn on(directory: TempDir, organisation: &Organisation, writes_per_minute: u32) -> Result<Self> {
        let toml = organisation.firebell_toml(writes_per_minute)?;
        let config = Config::from_toml(&toml).map_err(|problems| anyhow::anyhow!("{problems}"))?;
        let clock = organisation.world.clock.clone();
        let url = format!("sqlite://{}", directory.path().join("sync.db").display());
        let db = Db::connect(&url, 4, clock.clone()).await?;
        db.migrate().await?;
        let app = App::with_db(config, clock, db, Arc::new(|_, _, _, _| {}));
        let running = serve::start(app, Arc::new(Metrics::new()), false).await?;
        Ok(Self { running, directory })
    }

    /// The same database, another process.
    pub async fn restart(self, organisation: &Organisation, writes_per_minute: u32) -> Result<Self> {
        self.running.shutdown().await;
        Self::on(self.directory, organisation, writes_per_minute).await
    }

    /// The poll and the full comparison are due now.
    pub async fn trigger(&self) -> Result<()> {
        let mut tx = self.running.app.db.write(Priority::Job).await?;
        let now = tx.now();
        for step in [Step::ReadOnCall, Step::ReadGroups] {
            tx.enqueue(step.job().at(now)).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Runs what is due, waits for what comes next, until no group waits or `writes` are done.
    pub async fn work(&self, organisation: &Organisation, writes: usize) -> Result<()> {
        let clock = &organisation.world.clock;
        let until = organisation.world.desk.count(WRITE).saturating_add(writes);
        loop {
            let jobs = self.running.work_off().await?;
            let mut tx = self.running.app.db.read().await?;
            if tx.most_urgent_group().await?.is_none() || organisation.world.desk.count(WRITE) >= until {
                return Ok(());
            }
            let next = tx.next_job_at().await?.context("a group waits, and no job")?;
            ensure!(jobs > 0 || next > clock.now(), "a group waits, and nobody writes it");
            drop(tx);
            clock.advance(next.since(clock.now()));
        }
    }

    pub async fn pass(&self, organisation: &Organisation) -> Result<Pass> {
        let (first, began_at) = (organisation.world.desk.arrived(), organisation.world.clock.now());
        self.trigger().await?;
        self.work(organisation, usize::MAX).await?;
        let all: Vec<_> = organisation.world.desk.calls().into_iter().skip(first).collect();
        let is_ours = |name: &str| [ONCALLS, GROUPS, WRITE, LOOK_UP].contains(&name);
        let ours: Vec<_> = all.iter().filter(|call| is_ours(&call.name)).collect();
        let ended_at = ours.last().map_or(began_at, |call| call.at + LATENCY);
        Ok(Pass {
            calls: ours.len(),
            writes: ours.iter().filter(|call| call.name == WRITE).count(),
            apart: all.len() - ours.len(),
            took: ended_at.since(began_at),
        })
    }
}
