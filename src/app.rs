//! The program's parts, put together once: configuration, store, clients, clock, and what is known in memory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;

use crate::clock::Clock;
use crate::config::Config;
use crate::error::Result;
use crate::http_client::{self, Observer};
use crate::ids::{PagerDutyUserId, SlackUserId};
use crate::oncall::{Directory, DirectoryCell, Known, Step};
use crate::store::{Db, Priority};
use crate::{incidents, pagerduty, slack};

/// No vendor call takes longer; a job's lease is longer still.
const VENDOR_TIMEOUT: Duration = Duration::from_secs(10);

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
    pub directory: DirectoryCell,
    /// What `/incident help` answers.
    pub help: Arc<str>,
}

impl App {
    /// Connects to the database (without migrating) and builds the clients (without calling anybody).
    pub async fn build(config: Config, clock: Clock, observer: Observer) -> Result<Self> {
        let url = config.database.url.expose_secret();
        let db = Db::connect(url, config.database.max_connections, clock.clone()).await?;
        Ok(Self::with_db(config, clock, db, observer))
    }

    pub fn with_db(config: Config, clock: Clock, db: Db, observer: Observer) -> Self {
        let http = http_client::client(VENDOR_TIMEOUT);
        let slack = slack::Client::new(
            http.clone(),
            clock.clone(),
            slack::Settings {
                api_url: config.slack.api_url.clone(),
                bot_token: config.slack.bot_token.clone(),
                user_token: config.slack.user_token.clone(),
                response_hosts: config.slack.response_hosts.clone(),
            },
            observer.clone(),
        );
        let pagerduty = config.pagerduty.as_ref().map(|p| {
            pagerduty::Client::new(
                http,
                clock.clone(),
                pagerduty::Settings {
                    api_url: p.api_url.clone(),
                    events_url: p.events_url.clone(),
                    token: p.token.clone(),
                    from_email: p.from_email.clone(),
                },
                observer,
            )
        });
        Self {
            help: incidents::help::list(&config).into(),
            config: Arc::new(config),
            db,
            clock,
            slack,
            pagerduty,
            directory: DirectoryCell::default(),
        }
    }

    /// What is known without asking anybody.
    pub fn known(&self) -> Known {
        Known { config: self.config.clone(), people: self.directory.current() }
    }

    /// The workspace we serve: configured, or learnt.
    pub fn team_id(&self, people: &Directory) -> Option<String> {
        self.config.slack.team_id.clone().or_else(|| Some(people.ourselves.as_ref()?.team_id.clone()))
    }

    pub fn from_email(&self) -> String {
        self.config.pagerduty.as_ref().map(|p| p.from_email.clone()).unwrap_or_default()
    }

    /// The escalation policies of the configured services.
    pub fn policies(&self, people: &Directory) -> Vec<String> {
        let mut policies: Vec<String> = self
            .config
            .services
            .iter()
            .filter_map(|s| {
                s.escalation_policy
                    .clone()
                    .or_else(|| people.policy_of(&s.pagerduty_service).map(str::to_owned))
            })
            .collect();
        policies.sort();
        policies.dedup();
        policies
    }

    /// After migrating: loads what the database knows, and makes sure that everything that comes again and again has
    /// a job waiting.
    pub async fn wake_up(&self) -> Result<()> {
        let mut tx = self.db.write(Priority::Job).await?;
        if !tx.is_postgres() {
            // SQLite serves one process: what another had claimed, it will not finish.
            tx.end_leases().await?;
        }
        for step in Step::ALL {
            tx.enqueue(step.job()).await?;
        }
        tx.cause(&incidents::Effect::Heal).await?;
        tx.commit().await?;
        self.reload_directory().await
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
            tx.commit().await?;
        }
        for some in new.chunks(LINKS_AT_ONCE) {
            let mut tx = self.db.write(Priority::Job).await?;
            for (id, slack) in some {
                tx.link_by_email(id, slack).await?;
            }
            tx.commit().await?;
        }
        Ok(())
    }

    /// Another replica may have read something new.
    pub async fn follow_directory(&self) -> Result<()> {
        let version = self.db.read().await?.directory_version().await?;
        if version != self.directory.current().version {
            self.reload_directory().await?;
        }
        Ok(())
    }
}
