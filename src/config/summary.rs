//! What `firebell config check` prints: the configuration in force, with "(set)" instead of secrets.

use serde_json::{Map, Value, json};

use super::{
    AutoOpen, AutoResolve, Check, CheckKind, Commander, Config, Credentials, Group, Mode, Phones,
    PolicyLevels, RunbookLink, Service, Severity, StatusPage, StatusPageKind, WhenEmpty, Who, Words,
    show_duration,
};

const SET: &str = "(set)";

impl Config {
    /// Aligned lines for people: sections, then a line for each severity and service.
    pub fn summary(&self) -> String {
        let Value::Object(sections) = self.summary_json() else { return String::new() };
        let mut lines = Vec::new();
        for (name, value) in &sections {
            lines.push(name.clone());
            match value {
                Value::Object(keys) => {
                    let width = keys.keys().map(String::len).max().unwrap_or(0);
                    lines.extend(keys.iter().map(|(key, value)| format!("  {key:width$}  {}", shown(value))));
                }
                Value::Array(entries) if entries.is_empty() => lines.push("  none".into()),
                Value::Array(entries) => {
                    let names = entries.iter().map(|e| shown(&e["name"]).chars().count());
                    let width = names.max().unwrap_or(0);
                    lines.extend(entries.iter().map(|entry| one_line(entry, width)));
                }
                _ => lines.push("  off".into()),
            }
        }
        lines.join("\n")
    }

    /// Every key with its value in force; `pagerduty` is null when off.
    pub fn summary_json(&self) -> Value {
        let (server, slack, incidents) = (&self.server, &self.slack, &self.incidents);
        let commands = self.commands.all().into_iter().map(|(_, key, typed)| (key.to_owned(), typed.into()));
        let commands: Map<String, Value> = commands.collect();
        json!({
            "server": {
                "listen": server.listen.to_string(),
                "admin_listen": server.admin_listen.to_string(),
                "public_url": server.public_url,
                "max_body": server.max_body,
                "request_timeout_seconds": server.request_timeout.as_secs(),
                "max_in_flight": server.max_in_flight,
            },
            "database": { "url": self.database.to_string(), "max_connections": self.database.max_connections },
            "slack": {
                "api_url": slack.api_url,
                "bot_token": SET,
                "user_token": slack.user_token.as_ref().map(|_| SET),
                "signing_secrets": vec![SET; slack.signing_secrets.len()],
                "team_id": slack.team_id,
                "app_id": slack.app_id,
                "announce_channel": slack.announce_channel,
                "response_hosts": slack.response_hosts,
            },
            "pagerduty": self.pagerduty.as_ref().map(|p| json!({
                "api_url": p.api_url,
                "events_url": p.events_url,
                "token": SET,
                "from_email": p.from_email,
                "webhook_secrets": vec![SET; p.webhook_secrets.len()],
            })),
            "statuspage": self.statuspage.as_ref().map(statuspage),
            "commands": commands,
            "rights": {
                "use": names(&self.rights.uses),
                "declare": names(&self.rights.declare),
                "page": names(&self.rights.page),
                "statuspage": names(&self.rights.statuspage),
                "admin": names(&self.rights.admin),
            },
            "incidents": {
                "default_severity": incidents.default_severity,
                "channel_prefix": incidents.channel_prefix,
                "timezone": incidents.timezone.iana_name().unwrap_or("UTC"),
                "ic_nudge_after": incidents.ic_nudge_after.map(show_duration),
                "max_auto_channels_per_minute": incidents.max_auto_channels_per_minute,
                "auto_resolve": match incidents.auto_resolve {
                    AutoResolve::Ask => "ask",
                    AutoResolve::Always => "always",
                    AutoResolve::Never => "never",
                },
                "private_invites_severity_groups": incidents.private_invites_severity_groups,
            },
            "severity": self.severities.iter().map(severity).collect::<Vec<_>>(),
            "service": self.services.iter().map(service).collect::<Vec<_>>(),
            "oncall": {
                "poll": show_duration(self.oncall.poll),
                "reconcile": show_duration(self.oncall.reconcile),
                "writes_per_minute": self.oncall.writes_per_minute,
                "channel": self.oncall.channel,
            },
            "group": self.groups.iter().map(group).collect::<Vec<_>>(),
            "commander": self.commanders.iter().map(commander).collect::<Vec<_>>(),
            "paging": {
                "phones": match self.paging.phones {
                    Phones::Private => "private",
                    Phones::Public => "public",
                    Phones::Never => "never",
                },
                "service": self.paging.service,
            },
            "hint_sender": self.hint_senders.iter().map(|sender| json!({
                "name": sender.name,
                "secrets": vec![SET; sender.secrets.len()],
            })).collect::<Vec<_>>(),
            "status": { "every": show_duration(self.status.every) },
            "check": self.checks.iter().map(check).collect::<Vec<_>>(),
            "runbooks": { "directory": self.runbooks.directory, "url_base": self.runbooks.url_base },
            "runbook": self.runbooks.links.iter().map(runbook).collect::<Vec<_>>(),
        })
    }
}

/// Without what follows a `?`, where people put keys.
fn check(check: &Check) -> Value {
    let (bearer, basic) = match check.credentials {
        Credentials::None => (None, None),
        Credentials::Bearer(_) => (Some(SET), None),
        Credentials::Basic(_) => (None, Some(SET)),
    };
    let mut shown = json!({
        "name": check.name,
        "kind": check.kind.word(),
        "url": check.url.split('?').next(),
        "bearer_token": bearer,
        "basic_auth": basic,
    });
    let mut words_are = |words: &Words| {
        shown["normal"] = json!(words.normal);
        shown["degraded"] = json!(words.degraded);
        shown["partial"] = json!(words.partial);
        shown["major"] = json!(words.major);
        shown["maintenance"] = json!(words.maintenance);
    };
    match &check.kind {
        CheckKind::Alertmanager { filter, severity_label, words } => {
            words_are(words);
            shown["filter"] = json!(filter);
            shown["severity_label"] = json!(severity_label);
        }
        CheckKind::Prometheus { query, below, above } => {
            shown["query"] = json!(query);
            for (side, bounds) in [("below", below), ("above", above)] {
                shown[format!("degraded_{side}")] = json!(bounds.degraded);
                shown[format!("partial_{side}")] = json!(bounds.partial);
                shown[format!("major_{side}")] = json!(bounds.major);
            }
        }
        CheckKind::Statuspage => {}
        CheckKind::HttpJson { pointer, words } => {
            words_are(words);
            shown["pointer"] = json!(pointer);
        }
    }
    shown
}

fn statuspage(page: &StatusPage) -> Value {
    json!({
        "kind": match page.kind {
            StatusPageKind::Statuspage => "statuspage",
            StatusPageKind::Cachet => "cachet",
        },
        "api_url": page.api_url,
        "page_id": page.page_id,
        "api_key": SET,
        "deliver_notifications": page.deliver_notifications,
    })
}

fn runbook(link: &RunbookLink) -> Value {
    json!({
        "name": link.title,
        "title": link.title,
        "service": link.service,
        "alerts": link.alerts,
        "url": link.url.split('?').next(),
        "summary": link.summary,
    })
}

fn severity(severity: &Severity) -> Value {
    json!({
        "name": severity.name,
        "aliases": severity.aliases,
        "description": severity.description,
        "emoji": severity.emoji,
        "urgency": severity.urgency.as_str(),
        "priority": severity.priority,
        "invite": names(&severity.invite),
        "update_every": severity.update_every.map(show_duration),
        "needs_commander": severity.needs_commander,
        "page": severity.page,
        "impact": severity.impact.word(),
        "preview": severity.preview,
    })
}

fn service(service: &Service) -> Value {
    json!({
        "name": service.name,
        "aliases": service.aliases,
        "description": service.description,
        "pagerduty_service": service.pagerduty_service,
        "escalation_policy": service.escalation_policy,
        "routing_key": service.routing_key.as_ref().map(|_| SET),
        "default": service.default,
        "invite": names(&service.invite),
        "auto_open": match service.auto_open {
            AutoOpen::Never => "never",
            AutoOpen::HighUrgency => "high-urgency",
            AutoOpen::All => "all",
        },
    })
}

fn group(group: &Group) -> Value {
    json!({
        "name": format!("@{}", group.handle),
        "handle": format!("@{}", group.handle),
        "schedules": group.schedules,
        "escalation_policies": group.policies.iter().map(PolicyLevels::to_string).collect::<Vec<_>>(),
        "always": names(&group.always),
        "never": names(&group.never),
        "mode": match group.mode { Mode::Replace => "replace", Mode::Additive => "additive" },
        "when_empty": match group.when_empty { WhenEmpty::Keep => "keep", WhenEmpty::Fallback => "fallback" },
        "fallback": names(&group.fallback),
        "all_members_handle": group.all_members_handle.as_ref().map(|handle| format!("@{handle}")),
        "create_missing": group.create_missing,
        "channel": group.channel,
        "topic_channels": group.topic_channels,
        "tell_incoming": group.tell_incoming,
    })
}

fn commander(commander: &Commander) -> Value {
    json!({
        "name": commander.title,
        "title": commander.title,
        "emoji": commander.emoji,
        "schedule": commander.schedule,
        "escalation_policy": commander.policy,
        "level": commander.level,
        "people": names(&commander.people),
    })
}

fn names(who: &[Who]) -> Vec<String> {
    who.iter().map(Who::to_string).collect()
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "-".into(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// An entry's name, then every key that has something to say.
fn one_line(entry: &Value, width: usize) -> String {
    let silent = |key: &str, value: &Value| {
        matches!(key, "name" | "handle" | "title" | "description")
            || matches!(shown(value).as_str(), "-" | "" | "false")
    };
    let keys = entry.as_object().into_iter().flatten();
    let said: Vec<String> = keys
        .filter(|(key, value)| !silent(key, value))
        .map(|(key, value)| if value == true { key.clone() } else { format!("{key} {}", shown(value)) })
        .collect();
    format!("  {:width$}  {}", shown(&entry["name"]), said.join(" · "))
}
