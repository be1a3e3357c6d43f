//! Section by section: each key once, with its default and its parser.

use std::time::Duration;

use super::reader::{Reader, Section};
use super::text::{
    base_url, channel, channel_prefix, choice, email, host, invitee, listen, one_line, one_word,
    parse_duration, size, timezone, vendor_id, who,
};
use super::{
    AutoOpen, AutoResolve, Commands, Config, Database, Incidents, OnCall, PagerDuty, Rights, Server, Service,
    Slack, Who, group, monitor, paging, runbook, severity, statuspage,
};

const SECTIONS: [&str; 19] = [
    "server",
    "database",
    "slack",
    "pagerduty",
    "statuspage",
    "commands",
    "rights",
    "incidents",
    "severity",
    "service",
    "oncall",
    "group",
    "commander",
    "paging",
    "hint_sender",
    "status",
    "check",
    "runbooks",
    "runbook",
];

/// Reads everything. While the reader has problems the result holds placeholders and must not be used.
pub(super) fn read(reader: &mut Reader) -> Config {
    reader.mend_spelling(&SECTIONS);
    let config = Config {
        server: reader.section("server", server),
        database: reader.section("database", database),
        slack: reader.section("slack", slack),
        pagerduty: reader.mentions("pagerduty").then(|| reader.section("pagerduty", pagerduty)),
        statuspage: reader.mentions("statuspage").then(|| reader.section("statuspage", statuspage::read)),
        commands: reader.section("commands", Commands::read),
        rights: reader.section("rights", rights),
        incidents: reader.section("incidents", incidents),
        severities: severity::read_all(reader),
        services: services(reader),
        oncall: reader.section("oncall", oncall),
        groups: group::read_all(reader),
        commanders: paging::commanders(reader),
        paging: reader.section("paging", paging::paging),
        hint_senders: group::hint_senders(reader),
        status: reader.section("status", monitor::status),
        checks: monitor::checks(reader),
        runbooks: runbook::read(reader),
    };
    reader.report_unknown(&SECTIONS);
    config
}

fn server(section: &mut Section<'_>) -> Server {
    Server {
        listen: section.parsed("listen", ([0, 0, 0, 0], 8080).into(), listen),
        admin_listen: section.parsed("admin_listen", ([127, 0, 0, 1], 9090).into(), listen),
        public_url: section.optional("public_url", None, base_url),
        max_body: section.parsed("max_body", 1024 * 1024, size),
        request_timeout: Duration::from_secs(section.number("request_timeout_seconds", 10, 1..=60)),
        max_in_flight: section.number("max_in_flight", 512, 1..=100_000),
    }
}

pub(super) fn database(section: &mut Section<'_>) -> Database {
    let url = section.secret("url").unwrap_or_else(|| "sqlite://firebell.db".to_owned().into());
    Database { url, max_connections: section.number("max_connections", 16, 1..=1_000) }
}

fn slack(section: &mut Section<'_>) -> Slack {
    Slack {
        api_url: section.parsed("api_url", "https://slack.com/api".into(), base_url),
        bot_token: section
            .required_secret("bot_token", "the bot token of the Slack app, which starts with xoxb-"),
        user_token: section.secret("user_token"),
        signing_secrets: section
            .required_secrets("signing_secrets", "a list with the signing secret of the Slack app"),
        team_id: section.optional("team_id", None, |t| vendor_id(t, "TE", "T012AB3CD")),
        app_id: section.optional("app_id", None, |t| vendor_id(t, "A", "A012AB3CD")),
        announce_channel: section.optional("announce_channel", Some("incidents".into()), channel),
        response_hosts: section.list(
            "response_hosts",
            vec!["hooks.slack.com".into(), "hooks.slack-gov.com".into()],
            host,
        ),
    }
}

fn pagerduty(section: &mut Section<'_>) -> PagerDuty {
    PagerDuty {
        api_url: section.parsed("api_url", "https://api.pagerduty.com".into(), base_url),
        events_url: section.parsed("events_url", "https://events.pagerduty.com".into(), base_url),
        token: section.required_secret("token", "a PagerDuty REST API key"),
        from_email: if section.reader.for_sync {
            section.parsed("from_email", String::new(), email)
        } else {
            section.required("from_email", "the e-mail address of a PagerDuty user", email)
        },
        webhook_secrets: section
            .required_secrets("webhook_secrets", "a list with the secret of the webhook subscription"),
    }
}

fn rights(section: &mut Section<'_>) -> Rights {
    Rights {
        uses: section.list("use", vec![Who::Everyone], who),
        declare: section.list("declare", vec![Who::Everyone], who),
        page: section.list("page", vec![Who::Everyone], who),
        statuspage: section.list("statuspage", vec![Who::Everyone], who),
        admin: section.list("admin", Vec::new(), who),
    }
}

fn incidents(section: &mut Section<'_>) -> Incidents {
    let resolve = [("ask", AutoResolve::Ask), ("always", AutoResolve::Always), ("never", AutoResolve::Never)];
    Incidents {
        default_severity: section.parsed("default_severity", "sev3".into(), one_word),
        channel_prefix: section.parsed("channel_prefix", "inc".into(), channel_prefix),
        timezone: section.parsed("timezone", jiff::tz::TimeZone::UTC, timezone),
        ic_nudge_after: section.optional("ic_nudge_after", Some(Duration::from_secs(600)), parse_duration),
        max_auto_channels_per_minute: section.number("max_auto_channels_per_minute", 3, 0..=60),
        auto_resolve: section.parsed("auto_resolve", AutoResolve::Ask, |t| choice(t, &resolve)),
        private_invites_severity_groups: section.flag("private_invites_severity_groups", false),
    }
}

fn oncall(section: &mut Section<'_>) -> OnCall {
    let seconds = |least: u64| {
        move |text: &str| match parse_duration(text)? {
            time if time.as_secs() < least => Err(format!("is too short; write at least {least}s")),
            time => Ok(time),
        }
    };
    OnCall {
        poll: section.parsed("poll", Duration::from_secs(30), seconds(5)),
        reconcile: section.parsed("reconcile", Duration::from_secs(900), seconds(60)),
        writes_per_minute: section.number("writes_per_minute", 20, 1..=1_000_000),
        channel: section.optional("channel", None, channel),
    }
}

fn services(reader: &mut Reader) -> Vec<Service> {
    let entries = reader.entries("service", "name");
    entries
        .into_iter()
        .map(|entry| {
            let name = entry.name.clone();
            reader.entry("service", entry, |section| service(section, name.clone()))
        })
        .collect()
}

fn service(section: &mut Section<'_>, name: String) -> Service {
    let open = [("never", AutoOpen::Never), ("high-urgency", AutoOpen::HighUrgency), ("all", AutoOpen::All)];
    Service {
        name: section.parsed("name", name, one_word),
        aliases: section.list("aliases", Vec::new(), one_word),
        description: section.parsed("description", String::new(), one_line),
        pagerduty_service: section.required(
            "pagerduty_service",
            "the id at the end of the service's address in PagerDuty, such as PABC123",
            |t| vendor_id(t, "", "PABC123, the end of the service's address in PagerDuty"),
        ),
        escalation_policy: section.optional("escalation_policy", None, |t| vendor_id(t, "", "PEP0001")),
        routing_key: section.secret("routing_key"),
        default: section.flag("default", false),
        invite: section.list("invite", Vec::new(), invitee),
        auto_open: section.parsed("auto_open", AutoOpen::HighUrgency, |t| choice(t, &open)),
    }
}
