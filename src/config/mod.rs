//! What an operator decides, read once at start from a TOML file and the environment. Every part of the program gets
//! its section as plain values; nothing else reads files or variables. `firebell.example.toml` describes each key.

mod check;
mod commands;
mod group;
mod load;
mod monitor;
mod paging;
mod reader;
#[cfg(test)]
mod reference;
mod runbook;
mod secrets;
mod sections;
mod severity;
mod spelling;
mod statuspage;
mod summary;
mod text;

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use crate::error::{Error, Result};

pub use commands::{Command, Commands};
pub use group::{Group, HintSender, Mode, PolicyLevels, WhenEmpty};
pub use load::{Problems, environment};
pub use monitor::{Bounds, Check, CheckKind, Credentials, Status, Words};
pub use paging::{Commander, Paging, Phones};
pub use runbook::{RunbookLink, Runbooks};
pub use severity::{Impact, Severity, SeverityWord, Urgency};
pub use statuspage::{StatusPage, StatusPageKind};
pub use text::{nearest, nearest_few, parse_duration, show_duration};

#[derive(Debug, Clone)]
pub struct Config {
    pub server: Server,
    pub database: Database,
    pub slack: Slack,
    /// None when the integration is off.
    pub pagerduty: Option<PagerDuty>,
    /// None when there is no public status page.
    pub statuspage: Option<StatusPage>,
    pub commands: Commands,
    pub rights: Rights,
    pub incidents: Incidents,
    /// Most severe first, never empty.
    pub severities: Vec<Severity>,
    pub services: Vec<Service>,
    pub oncall: OnCall,
    pub groups: Vec<Group>,
    /// In the order in which they are listed and paged.
    pub commanders: Vec<Commander>,
    pub paging: Paging,
    pub hint_senders: Vec<HintSender>,
    pub status: Status,
    pub checks: Vec<Check>,
    pub runbooks: Runbooks,
}

#[derive(Debug, Clone)]
pub struct Server {
    pub listen: SocketAddr,
    /// Metrics and profiling; never the public address.
    pub admin_listen: SocketAddr,
    /// Where people reach us, without a trailing slash; links are left out when absent.
    pub public_url: Option<String>,
    /// Bytes of the largest request body that is read.
    pub max_body: usize,
    pub request_timeout: Duration,
    /// Requests worked on at the same time; more are shed with 503.
    pub max_in_flight: usize,
}

#[derive(Debug, Clone)]
pub struct Database {
    /// `sqlite://…` or `postgres://…`, possibly with a password. Print the [`Database`] instead: its `Display` has none.
    pub url: SecretString,
    pub max_connections: u32,
}

#[derive(Debug, Clone)]
pub struct Slack {
    /// Without a trailing slash; method names are appended after `/`.
    pub api_url: String,
    pub bot_token: SecretString,
    /// Of an administrator, for workspaces where only those may change user groups.
    pub user_token: Option<SecretString>,
    /// Never empty. Several are valid at once while one replaces another.
    pub signing_secrets: Vec<SecretString>,
    /// Learnt from `auth.test` when absent.
    pub team_id: Option<String>,
    pub app_id: Option<String>,
    /// Name without `#`, or id; None announces nowhere.
    pub announce_channel: Option<String>,
    /// `host` or `host:port`, lower-cased: the only places that a `response_url` may point to.
    pub response_hosts: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct PagerDuty {
    /// Without a trailing slash.
    pub api_url: String,
    /// Without a trailing slash.
    pub events_url: String,
    pub token: SecretString,
    /// A PagerDuty user's address, for the `From` header.
    pub from_email: String,
    /// Never empty. Several are valid at once while one replaces another.
    pub webhook_secrets: Vec<SecretString>,
}

#[derive(Debug, Clone)]
pub struct Rights {
    /// Any command at all, looking things up included.
    pub uses: Vec<Who>,
    pub declare: Vec<Who>,
    pub page: Vec<Who>,
    pub statuspage: Vec<Who>,
    pub admin: Vec<Who>,
}

/// Somebody, as an operator names them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Who {
    /// All full members of the workspace.
    Everyone,
    /// The handle of a Slack user group, lower-cased, without `@`.
    Group(String),
    /// A Slack user id.
    User(String),
    /// Lower-cased.
    Email(String),
}

#[derive(Debug, Clone)]
pub struct Incidents {
    /// The name of a severity that exists.
    pub default_severity: String,
    /// Channels are called `<prefix>-<number>-<slug>`.
    pub channel_prefix: String,
    /// For times that people type, such as `--at 14:30`.
    pub timezone: jiff::tz::TimeZone,
    /// How long an incident that needs a commander may have none; None never reminds.
    pub ic_nudge_after: Option<Duration>,
    /// Channels opened by PagerDuty's incidents; those beyond are offered with a button.
    pub max_auto_channels_per_minute: u32,
    /// What happens to ours when PagerDuty resolves its primary incident by itself.
    pub auto_resolve: AutoResolve,
    /// Whether the groups in a severity's `invite` also come into private incidents.
    pub private_invites_severity_groups: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutoResolve {
    Ask,
    Always,
    Never,
}

#[derive(Debug, Clone)]
pub struct Service {
    /// As people type it.
    pub name: String,
    pub aliases: Vec<String>,
    pub description: String,
    pub pagerduty_service: String,
    /// Replaces the PagerDuty service's own policy.
    pub escalation_policy: Option<String>,
    /// Events API v2 key: the second road when the REST API is down.
    pub routing_key: Option<SecretString>,
    pub default: bool,
    pub invite: Vec<Who>,
    pub auto_open: AutoOpen,
}

/// Which of PagerDuty's new incidents on a service open a channel by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutoOpen {
    Never,
    HighUrgency,
    All,
}

/// How user groups are kept in step.
#[derive(Debug, Clone)]
pub struct OnCall {
    /// How often PagerDuty is asked who is on call, when nothing else asks.
    pub poll: Duration,
    /// How often everything is compared anew: Slack's groups, and the shifts of the next day.
    pub reconcile: Duration,
    /// Slack's limit for changing user groups.
    pub writes_per_minute: u32,
    /// Where people are told what needs their help, for groups without a channel of their own.
    pub channel: Option<String>,
}

impl Config {
    /// Where people are told what a group needs.
    pub fn channel_of<'a>(&'a self, group: &'a Group) -> Option<&'a str> {
        group.channel.as_deref().or(self.oncall.channel.as_deref())
    }

    /// Every channel that is named somewhere, once, in the order of the sections.
    pub fn channels(&self) -> Vec<&String> {
        let of_groups = self.groups.iter().flat_map(|g| g.channel.iter().chain(&g.topic_channels));
        let mut names: Vec<&String> = Vec::new();
        for name in self.slack.announce_channel.iter().chain(&self.oncall.channel).chain(of_groups) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The escalation policies, beside those of services, whose on-call people are followed.
    pub fn followed_policies(&self) -> impl Iterator<Item = &str> {
        let of_groups = self.groups.iter().flat_map(|g| g.policies.iter().map(|p| p.id.as_str()));
        of_groups.chain(self.commanders.iter().filter_map(|c| c.policy.as_deref()))
    }

    /// The schedules whose on-call people are followed, as the operator wrote them.
    pub fn followed_schedules(&self) -> impl Iterator<Item = &str> {
        let of_groups = self.groups.iter().flat_map(|g| g.schedules.iter().map(String::as_str));
        of_groups.chain(self.commanders.iter().filter_map(|c| c.schedule.as_deref()))
    }

    /// Where a page opens its incident when nothing else says where.
    pub fn paging_service(&self) -> Option<&Service> {
        let named = self.paging.service.as_deref().and_then(|name| self.find_service(name));
        named.or_else(|| self.default_service())
    }

    /// The service with this name, alias or PagerDuty id; `NotFound` names the nearest one or all.
    pub fn service(&self, word: &str) -> Result<&Service> {
        self.find_service(word).ok_or_else(|| self.unknown_service(word.trim()))
    }

    /// The same where another word is nothing unusual.
    pub fn find_service(&self, word: &str) -> Option<&Service> {
        let word = word.trim();
        let is_it = |known: &str| known.eq_ignore_ascii_case(word);
        self.services.iter().find(|s| s.pagerduty_service == word || s.words().any(is_it))
    }

    fn unknown_service(&self, word: &str) -> Error {
        let names: Vec<&str> = self.services.iter().map(|s| s.name.as_str()).collect();
        let hint = match nearest(word, self.services.iter().flat_map(Service::words)) {
            Some(near) => format!("Did you mean {near}?"),
            None if names.is_empty() => "No services are configured.".to_owned(),
            None => format!("The services are {}.", names.join(", ")),
        };
        Error::not_found(format!("There is no service {word:?}. {hint}"))
    }

    pub fn service_by_pagerduty(&self, id: &str) -> Option<&Service> {
        self.services.iter().find(|s| s.pagerduty_service == id)
    }

    /// Where an incident goes whose declarer names no service: the marked one, or the only one.
    pub fn default_service(&self) -> Option<&Service> {
        let marked = self.services.iter().find(|s| s.default);
        marked.or(match self.services.as_slice() {
            [only] => Some(only),
            _ => None,
        })
    }
}

impl Service {
    /// Its name, then its aliases.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.name.as_str()).chain(self.aliases.iter().map(String::as_str))
    }
}

impl Database {
    pub fn is_postgres(&self) -> bool {
        let url = self.url.expose_secret();
        url.starts_with("postgres://") || url.starts_with("postgresql://")
    }
}

/// Engine, host and database name; neither password nor parameters.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.url.expose_secret();
        if !self.is_postgres() {
            return f.write_str(url.split('?').next().unwrap_or_default());
        }
        let Ok(url) = url::Url::parse(url) else { return f.write_str("postgres://(not shown)") };
        write!(f, "postgres://{}", url.host_str().unwrap_or("localhost"))?;
        if let Some(port) = url.port() {
            write!(f, ":{port}")?;
        }
        f.write_str(url.path())
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    const PAGERDUTY: &str =
        "[pagerduty]\ntoken = 't'\nfrom_email = 'a@example.com'\nwebhook_secrets = ['w']\n";

    fn good(text: &str) -> Config {
        let slack = "[slack]\nbot_token = 'xoxb-1'\nsigning_secrets = ['s1gning']\n";
        Config::from_toml(&format!("{slack}{text}")).unwrap_or_else(|e| panic!("{e}"))
    }

    #[test]
    fn services_are_found_by_every_name_and_near_misses_are_named() {
        let config = good(&format!(
            "{PAGERDUTY}
            [[service]]
            name = 'payments'
            aliases = ['checkout']
            pagerduty_service = 'PABC123'
            auto_open = 'all'
            [[service]]
            name = 'ledger'
            pagerduty_service = 'PABC124'
            "
        ));
        for word in ["payments", "Payments", "checkout", "PABC123", " payments "] {
            assert_eq!(config.service(word).expect(word).name, "payments");
        }
        assert_eq!(config.service_by_pagerduty("PABC124").expect("id").auto_open, AutoOpen::HighUrgency);
        let answer = |word: &str| config.service(word).expect_err("unknown").to_string();
        assert_snapshot!(answer("paymets"), @r#"There is no service "paymets". Did you mean payments?"#);
        assert_snapshot!(answer("warehouse"), @r#"There is no service "warehouse". The services are payments, ledger."#);
        assert!(config.default_service().is_none());
    }
}
