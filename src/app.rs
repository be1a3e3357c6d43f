//! The program's parts, put together once: configuration, store, clients, clock, and what is known in memory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;

use crate::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::error::Result;
use crate::groups::overview::OverviewCell;
use crate::http_client::{self, Observer};
use crate::ids::{ChannelId, PagerDutyUserId, SlackUserId};
use crate::incidents::list::ListCell;
use crate::jobs::Job;
use crate::notices::page::read_job;
use crate::notices::{Page, PageCell};
use crate::oncall::{Directory, DirectoryCell, Known, Ourselves, Step, replan};
use crate::store::{Db, Priority};
use crate::{audit, incidents, monitors, pagerduty, runbooks, slack, status, statuspage};

/// No vendor call takes longer; a job's lease is longer still.
const VENDOR_TIMEOUT: Duration = Duration::from_secs(10);

/// Vendors' clocks are not ours: what we posted is looked for from this long before the first attempt on.
const SEARCHED_BEFORE: Duration = Duration::from_secs(60);

/// SQLite's one writer is not kept for longer than these rows take.
const LINKS_AT_ONCE: usize = 100;

type Links = BTreeMap<PagerDutyUserId, SlackUserId>;

/// Cheap to clone.
#[derive(Clone)]
pub struct App {
    pub config: Arc<Config>,
    pub db: Db,
    pub clock: Clock,
    pub slack: slack::Client,
    /// `None` when the integration is off.
    pub pagerduty: Option<pagerduty::Client>,
    /// `None` when there is no public page.
    pub statuspage: Option<statuspage::Client>,
    pub monitors: monitors::Client,
    /// What the monitors said last.
    pub status: status::ReadingsCell,
    pub runbooks: runbooks::IndexCell,
    pub directory: DirectoryCell,
    /// The public page as last read.
    pub page: PageCell,
    /// What `/incident help` answers.
    pub help: Arc<str>,
    /// What `/incident list` answers.
    pub list: ListCell,
    /// What `/oncall` answers.
    pub overview: OverviewCell,
    /// Who looked what up, not yet written.
    pub notes: audit::Notes,
    /// What was decided before may be out of date.
    pub started_at: Timestamp,
}

/// The clients of all vendors. They share their connections and the certificates they trust. Making them calls nobody.
pub struct Clients {
    pub slack: slack::Client,
    pub pagerduty: Option<pagerduty::Client>,
    pub statuspage: Option<statuspage::Client>,
    pub monitors: monitors::Client,
}

impl Clients {
    pub fn new(config: &Config, clock: &Clock, observer: Observer) -> Self {
        let http = http_client::client(VENDOR_TIMEOUT);
        let slack = slack::Settings {
            api_url: config.slack.api_url.clone(),
            bot_token: config.slack.bot_token.clone(),
            user_token: config.slack.user_token.clone(),
            response_hosts: config.slack.response_hosts.clone(),
        };
        let pagerduty = config.pagerduty.as_ref().map(|p| pagerduty::Settings {
            api_url: p.api_url.clone(),
            events_url: p.events_url.clone(),
            token: p.token.clone(),
            from_email: p.from_email.clone(),
        });
        let statuspage = config.statuspage.as_ref().map(|page| statuspage::Settings {
            kind: page.kind,
            api_url: page.api_url.clone(),
            page_id: page.page_id.clone(),
            api_key: page.api_key.clone(),
            deliver_notifications: page.deliver_notifications,
        });
        Self {
            slack: slack::Client::new(http.clone(), clock.clone(), slack, observer.clone()),
            pagerduty: pagerduty.map(|settings| {
                pagerduty::Client::new(http.clone(), clock.clone(), settings, observer.clone())
            }),
            statuspage: statuspage.map(|settings| {
                statuspage::Client::new(http.clone(), clock.clone(), settings, observer.clone())
            }),
            monitors: monitors::Client::new(http, clock.clone(), observer),
        }
    }
}

impl App {
    /// Connects to the database (without migrating) and builds the clients (without calling anybody).
    pub async fn build(config: Config, clock: Clock, observer: Observer) -> Result<Self> {
        let url = config.database.url.expose_secret();
        let db = Db::connect(url, config.database.max_connections, clock.clone()).await?;
        Ok(Self::with_db(config, clock, db, observer))
    }

    pub fn with_db(config: Config, clock: Clock, db: Db, observer: Observer) -> Self {
        let Clients { slack, pagerduty, statuspage, monitors } = Clients::new(&config, &clock, observer);
        Self {
            help: incidents::help::list(&config).into(),
            config: Arc::new(config),
            db,
            started_at: clock.now(),
            clock,
            slack,
            pagerduty,
            statuspage,
            monitors,
            status: status::ReadingsCell::default(),
            runbooks: runbooks::IndexCell::default(),
            directory: DirectoryCell::default(),
            page: PageCell::default(),
            list: ListCell::default(),
            overview: OverviewCell::default(),
            notes: audit::Notes::default(),
        }
    }

    /// What is known without asking anybody.
    pub fn known(&self) -> Known {
        Known { config: self.config.clone(), people: self.directory.current() }
    }

    /// The workspace we serve: configured, or learnt.
    pub fn team_id(&self, people: &Directory) -> Option<String> {
        people.team_id(&self.config)
    }

    pub fn from_email(&self) -> String {
        self.config.pagerduty.as_ref().map(|p| p.from_email.clone()).unwrap_or_default()
    }

    /// After migrating: loads what the database knows, and makes sure that everything that comes again and again has
    /// a job waiting.
    pub async fn wake_up(&self) -> Result<()> {
        let mut tx = self.db.write(Priority::Job).await?;
        if !tx.is_postgres() {
            // SQLite serves one process: what another had claimed, it will not finish.
            tx.end_leases().await?;
        }
        // What was read well a moment ago is not read again: a restart costs one look at the rota.
        let read_at = tx.read_times().await?;
        tx.commit().await?;
        let now = self.clock.now();
        let reads = Step::at_the_start().map(|step| {
            let fresh_until = read_at.get(step.kind()).map(|at| *at + step.every(&self.config));
            let fresh_until = fresh_until.filter(|_| step != Step::ReadOnCall);
            step.because("at the start").at(fresh_until.unwrap_or(now))
        });
        // One at a time: whoever held several of these rows could wait for a replica that works, and it for us.
        let page = self.statuspage.as_ref().map(|_| read_job());
        let checks = status::check_all(&self.config);
        for job in reads.chain([replan("at the start")]).chain(page).chain(checks) {
            let mut tx = self.db.write(Priority::Job).await?;
            tx.enqueue(job).await?;
            tx.commit().await?;
        }
        let mut tx = self.db.write(Priority::Job).await?;
        tx.cause(&incidents::Effect::Heal).await?;
        tx.commit().await?;
        self.read_runbooks().await;
        self.reload_page().await?;
        self.reload_status().await?;
        self.reload_directory().await
    }

    /// Puts into memory what the database knows of the public page.
    pub async fn reload_page(&self) -> Result<()> {
        let Some(config) = &self.config.statuspage else { return Ok(()) };
        let page: Page = self.db.read().await?.public_page(&config.place()).await?;
        self.page.replace(page);
        Ok(())
    }

    /// Puts into memory what has changed in the directory of runbooks. Nothing waits for a directory that hangs.
    pub async fn read_runbooks(&self) {
        let (cell, settings) = (self.runbooks.clone(), self.config.runbooks.clone());
        let reading = tokio::task::spawn_blocking(move || cell.read_anew(&settings));
        if tokio::time::timeout(VENDOR_TIMEOUT, reading).await.is_err() {
            tracing::warn!("the directory of runbooks does not answer; those that are known stay");
        }
    }

    /// Puts into memory what the database knows of the monitors.
    pub async fn reload_status(&self) -> Result<()> {
        self.status.replace(self.db.read().await?.readings().await?);
        Ok(())
    }

    /// Puts into memory what the database knows about people. E-mail joins the two worlds here, whichever of them
    /// was read anew.
    pub async fn reload_directory(&self) -> Result<()> {
        let mut directory = self.db.read().await?.directory().await?;
        if let Some(team_id) = self.team_id(&directory) {
            let mut links = directory.links_by_email(&team_id);
            links.extend(
                directory.links.clone().into_iter().filter(|(id, _)| directory.linked_by_hand.contains(id)),
            );
            self.relink(&directory.links, &links).await?;
            directory.links = links;
        }
        self.directory.replace(directory);
        Ok(())
    }

    async fn relink(&self, was: &Links, is: &Links) -> Result<()> {
        let gone: Vec<_> = was.keys().filter(|id| !is.contains_key(*id)).collect();
        let new: Vec<_> = is.iter().filter(|(id, slack)| was.get(*id) != Some(*slack)).collect();
        for some in gone.chunks(LINKS_AT_ONCE) {
            let mut tx = self.db.write(Priority::Job).await?;
            for id in some {
                tx.unlink_by_email(id).await?;
            }
            tx.enqueue(replan("somebody's accounts are no longer linked")).await?;
            tx.commit().await?;
        }
        for some in new.chunks(LINKS_AT_ONCE) {
            let mut tx = self.db.write(Priority::Job).await?;
            for (id, slack) in some {
                tx.link_by_email(id, slack).await?;
            }
            tx.enqueue(replan("somebody's accounts were linked")).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// Another replica may have read something new.
    pub async fn follow_directory(&self) -> Result<()> {
        let version = self.db.read().await?.directory_version().await?;
        if version != self.directory.current().version {
            self.reload_page().await?;
            self.reload_directory().await?;
        }
        Ok(())
    }

    /// Who our tokens are; asked of Slack if nobody has asked yet. For jobs only.
    pub async fn ourselves(&self) -> Result<Ourselves> {
        if let Some(us) = &self.directory.current().ourselves {
            return Ok(us.clone());
        }
        let identity = self.slack.auth_test().await?;
        Ok(Ourselves::from(identity))
    }

    /// The `ts` of our message with this mark, if an earlier attempt of this job posted it. For jobs only.
    pub async fn posted_before(
        &self,
        job: &Job,
        channel: &ChannelId,
        thread_ts: Option<&str>,
        op_id: &str,
    ) -> Result<Option<String>> {
        if !job.is_retry() {
            return Ok(None);
        }
        let us = self.ourselves().await?;
        let since = (job.began_at() - SEARCHED_BEFORE).as_secs();
        let since = format!("{since}.000000");
        let history = match thread_ts {
            Some(thread) => self.slack.replies(channel, thread, &since).await?,
            None => self.slack.history(channel, Some(&since)).await?,
        };
        let ours =
            |m: &slack::Message| m.op_id.as_deref() == Some(op_id) && m.bot_id.as_deref() == Some(&us.bot_id);
        Ok(history.into_iter().find(ours).map(|m| m.ts))
    }
}
