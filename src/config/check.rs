//! What no single key can know: keys that contradict each other, names used twice, and what is allowed but odd.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use super::reader::{Reader, quoted};
use super::{
    Config, Credentials, Database, PagerDuty, Server, Service, Severity, SeverityWord, WhenEmpty, Who,
    severity,
};

/// Slack's tokens of the wrong kind. <https://docs.slack.dev/authentication/tokens>
const OTHER_TOKENS: [(&str, &str); 4] = [
    ("xapp-", "an app-level token"),
    ("xoxb-", "a bot token"),
    ("xoxp-", "a user token"),
    ("xoxe-", "a token to renew others with"),
];

/// The keys of `[pagerduty]` that a server cannot do without.
const SERVER_NEEDS: &str = "token, from_email and webhook_secrets";

pub(super) fn check(config: &Config, reader: &mut Reader) {
    server(&config.server, reader);
    database(&config.database, reader);
    slack(config, reader);
    if let Some(pagerduty) = &config.pagerduty {
        regions(pagerduty, reader);
    }
    needs_pagerduty(config, reader);
    words(config, reader);
    default_severity(config, reader);
    services(config, reader);
    groups(config, reader);
    paging(config, reader);
    secrets(config, reader);
    if config.rights.declare.is_empty() {
        reader.warnings.push("rights.declare is empty; nobody can declare an incident".into());
    }
}

/// Said once, of the first that needs it.
fn needs_pagerduty(config: &Config, reader: &mut Reader) {
    let services = config.services.iter().map(|s| (format!("service.{}", s.name), SERVER_NEEDS));
    let groups = config.groups.iter().map(|g| (format!("group.{}", g.handle), "its token"));
    let seats = config.commanders.iter().map(|c| (format!("commander.{}", c.title), "its token"));
    if let (None, Some((who, what))) = (&config.pagerduty, services.chain(groups).chain(seats).next()) {
        reader.problems.push(format!("{who} needs PagerDuty; write [pagerduty] with {what}"));
    }
}

fn server(server: &Server, reader: &mut Reader) {
    let (listen, admin) = (server.listen, server.admin_listen);
    let overlap = |a: SocketAddr, b: SocketAddr| {
        a.port() == b.port() && (a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified())
    };
    let is_told = reader.is_bad("server.listen") || reader.is_bad("server.admin_listen");
    if listen.port() != 0 && overlap(listen, admin) && !is_told {
        reader.problems.push(format!(
            "server.admin_listen = \"{admin}\" is the same port as server.listen; write another, such as 127.0.0.1:9090"
        ));
    }
}

pub(super) fn database(database: &Database, reader: &mut Reader) {
    let url = database.url.expose_secret();
    let sqlite = url.strip_prefix("sqlite:").is_some_and(|rest| !rest.trim_start_matches('/').is_empty());
    let postgres = database.is_postgres() && Url::parse(url).is_ok();
    if !(sqlite || postgres || reader.is_bad("database.url")) {
        reader.problems.push(
            "database.url is not an address of a database; write sqlite://firebell.db or postgres://user:password@host/name"
                .into(),
        );
    }
    if url.contains(":memory:") {
        reader
            .warnings
            .push("database.url is in memory; everything is forgotten when the program ends".into());
    }
}

fn slack(config: &Config, reader: &mut Reader) {
    let slack = &config.slack;
    if slack.response_hosts.is_empty() {
        reader
            .problems
            .push("slack.response_hosts is empty; remove it, or write [\"hooks.slack.com\"]".into());
    }
    let mut token = |key: &str, token: &SecretString, prefix: &str| {
        let token = token.expose_secret();
        match OTHER_TOKENS.iter().find(|(other, _)| token.starts_with(other) && *other != prefix) {
            _ if token.starts_with(prefix) => {}
            Some((other, what)) => reader
                .problems
                .push(format!("slack.{key} is {what} ({other}…); write the token that starts with {prefix}")),
            None => reader
                .warnings
                .push(format!("slack.{key} does not start with {prefix}; is it the right token?")),
        }
    };
    token("bot_token", &slack.bot_token, "xoxb-");
    if let Some(user_token) = &slack.user_token {
        token("user_token", user_token, "xoxp-");
    }
    unencrypted("slack.api_url", &slack.api_url, reader);
    if let Some(pagerduty) = &config.pagerduty {
        unencrypted("pagerduty.api_url", &pagerduty.api_url, reader);
        unencrypted("pagerduty.events_url", &pagerduty.events_url, reader);
    }
    if let Some(page) = &config.statuspage {
        unencrypted("statuspage.api_url", &page.api_url, reader);
    }
    for check in config.checks.iter().filter(|c| !matches!(c.credentials, Credentials::None)) {
        unencrypted(&format!("check.{}.url", check.name), &check.url, reader);
    }
}

fn unencrypted(key: &str, url: &str, reader: &mut Reader) {
    let Ok(url) = Url::parse(url) else { return };
    let own_machine = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    if url.scheme() == "http" && !own_machine {
        reader
            .warnings
            .push(format!("{key} is not encrypted; tokens can be read on the way, write https://"));
    }
}

/// PagerDuty's European accounts live on their own hosts, for both APIs.
fn regions(pagerduty: &PagerDuty, reader: &mut Reader) {
    let european = |url: &str| url.contains(".eu.pagerduty.com");
    let vendor = |url: &str| url.contains(".pagerduty.com");
    let (api, events) = (&pagerduty.api_url, &pagerduty.events_url);
    if vendor(api) && vendor(events) && european(api) != european(events) {
        reader.warnings.push(format!(
            "pagerduty.api_url ({api}) and pagerduty.events_url ({events}) are in different regions; an account has one"
        ));
    }
}

/// Commands, severities and services are found by what people type: a word can mean only one of each.
fn words(config: &Config, reader: &mut Reader) {
    let commands = config.commands.all();
    let commands = commands.iter().map(|(_, key, typed)| (format!("commands.{key}"), (*typed).to_owned()));
    unique(commands, &mut reader.problems);
    let plain = |s: &Severity| s.words().map(severity::plain).collect::<Vec<_>>();
    let severities = config.severities.iter().map(|s| (format!("severity.{}", s.name), plain(s)));
    unique(spread(severities), &mut reader.problems);
    let lower = |s: &Service| s.words().map(str::to_lowercase).collect::<Vec<_>>();
    let services = config.services.iter().map(|s| (format!("service.{}", s.name), lower(s)));
    unique(spread(services), &mut reader.problems);
    let ids = config.services.iter().filter(|s| !s.pagerduty_service.is_empty());
    let ids = ids.map(|s| (format!("service.{}.pagerduty_service", s.name), s.pagerduty_service.clone()));
    unique(ids, &mut reader.problems);
}

fn groups(config: &Config, reader: &mut Reader) {
    let handles = config.groups.iter().flat_map(|g| {
        let companion = g
            .all_members_handle
            .iter()
            .map(|h| (format!("group.{}.all_members_handle", g.handle), h.clone()));
        std::iter::once((format!("group.{}", g.handle), g.handle.clone())).chain(companion)
    });
    unique(handles, &mut reader.problems);
    unused(config, reader);
    for group in &config.groups {
        let handle = &group.handle;
        let is_bad = |keys: &[&str]| keys.iter().any(|key| reader.is_bad(&format!("group.{handle}.{key}")));
        let is_told = (is_bad(&["schedules", "escalation_policies"]), is_bad(&["when_empty", "fallback"]));
        if group.schedules.is_empty() && group.policies.is_empty() && !is_told.0 {
            reader.problems.push(format!(
                "group.{handle} follows nothing; write schedules = [\"…\"] or escalation_policies = [\"…\"]"
            ));
        }
        let sources = group.schedules.iter().cloned().chain(group.policies.iter().map(ToString::to_string));
        let mut seen = BTreeSet::new();
        for source in sources.filter(|source| !seen.insert(source.clone())) {
            reader.warnings.push(format!("group.{handle} follows {source:?} twice; remove one"));
        }
        match group.when_empty {
            _ if is_told.1 => {}
            WhenEmpty::Fallback if group.fallback.is_empty() => reader.problems.push(format!(
                "group.{handle}.fallback is missing; name who is in the group while nobody is on call"
            )),
            // Whoever names people for an empty rota counts on them.
            WhenEmpty::Keep if !group.fallback.is_empty() => reader.problems.push(format!(
                "group.{handle}.fallback would never be used; write when_empty = \"fallback\" too, or remove it"
            )),
            _ => {}
        }
        // A group that decides about itself would never settle.
        let own = |who: &Who| matches!(who, Who::Group(h) if *h == group.handle);
        if group.always.iter().chain(&group.fallback).any(own) {
            reader.problems.push(format!("group.{handle} names itself in always or fallback; name people"));
        }
        for (key, whom) in [("always", &group.always), ("fallback", &group.fallback)] {
            for who in whom.iter().filter(|who| group.never.contains(who)) {
                reader.problems.push(format!(
                    "group.{handle} has {:?} both in {key} and in never; remove it from one",
                    who.to_string()
                ));
            }
        }
    }
}

/// What was written for groups that are not there.
fn unused(config: &Config, reader: &mut Reader) {
    if !config.groups.is_empty() {
        return;
    }
    if config.oncall.channel.is_some() {
        reader.warnings.push("oncall.channel is not used; it needs a [[group]] that follows a rota".into());
    }
    if let (Some(sender), true, true) =
        (config.hint_senders.first(), config.services.is_empty(), config.commanders.is_empty())
    {
        reader.warnings.push(format!(
            "hint_sender.{} changes nothing; no [[group]], [[service]] or [[commander]] follows a rota",
            sender.name
        ));
    }
}

/// A secret says who signed: one that two have would let a sender of hints speak as PagerDuty, or as another.
fn secrets(config: &Config, reader: &mut Reader) {
    let webhooks =
        config.pagerduty.iter().map(|p| ("pagerduty.webhook_secrets".to_owned(), &p.webhook_secrets));
    let senders = config.hint_senders.iter().map(|s| (format!("hint_sender.{}.secrets", s.name), &s.secrets));
    let all: Vec<_> = webhooks.chain(senders).collect();
    let has = |secrets: &[SecretString], other: &SecretString| {
        secrets.iter().any(|secret| secret.expose_secret() == other.expose_secret())
    };
    for (n, (key, theirs)) in all.iter().enumerate() {
        for (other, _) in all[..n].iter().filter(|(_, secrets)| secrets.iter().any(|s| has(theirs, s))) {
            reader
                .problems
                .push(format!("{key} has a secret that is in {other} too; give each sender one of its own"));
        }
    }
}

fn paging(config: &Config, reader: &mut Reader) {
    if let Some(Err(unknown)) = config.paging.service.as_ref().map(|name| config.service(name)) {
        reader.problems.push(format!("paging.service names no [[service]]: {unknown}"));
    }
}

fn spread(owners: impl Iterator<Item = (String, Vec<String>)>) -> impl Iterator<Item = (String, String)> {
    owners.flat_map(|(owner, words)| words.into_iter().map(move |word| (owner.clone(), word)))
}

fn unique(owned: impl IntoIterator<Item = (String, String)>, problems: &mut Vec<String>) {
    let mut first: BTreeMap<String, String> = BTreeMap::new();
    for (owner, word) in owned {
        match first.get(&word) {
            Some(other) if *other == owner => {
                problems.push(format!("{owner} has the word {word:?} twice; remove one"));
            }
            Some(other) => {
                problems.push(format!("{owner} and {other} both claim {word:?}; remove it from one"));
            }
            None => {
                first.insert(word, owner);
            }
        }
    }
}

fn default_severity(config: &Config, reader: &mut Reader) {
    let word = &config.incidents.default_severity;
    let is_told = reader.is_bad("incidents.default_severity");
    if !matches!(config.severity(word), SeverityWord::Known(_)) && !is_told {
        let names: Vec<&str> = config.severities.iter().map(|s| s.name.as_str()).collect();
        reader.problems.push(format!(
            "incidents.default_severity = {} is no severity; write {}",
            quoted(word),
            names.join(", ")
        ));
    }
}

fn services(config: &Config, reader: &mut Reader) {
    let defaults: Vec<&str> = config.services.iter().filter(|s| s.default).map(|s| s.name.as_str()).collect();
    if defaults.len() > 1 {
        let all = defaults.join(", ");
        reader.problems.push(format!("service.{}.default is true for {all}; leave it at one", defaults[1]));
    }
    match (&config.pagerduty, config.services.first()) {
        (Some(_), None) => reader.warnings.push(
            "pagerduty has no service; declaring pages nobody until there is a [[service]] with its pagerduty_service"
                .into(),
        ),
        (Some(_), Some(_)) if config.default_service().is_none() => reader.warnings.push(
            "service has no default; write default = true at the one that pages when a declarer names none".into(),
        ),
        _ => {}
    }
}
