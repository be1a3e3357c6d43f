//! The two tokens and what they open: scopes, services, channels; whose clock is right; and what the monitors say.

use std::time::Duration;

use super::Findings;
use crate::clock::Clock;
use crate::config::{Config, nearest};
use crate::error::Problem;
use crate::status::model::why;
use crate::{monitors, pagerduty, slack, statuspage};

/// What `sync --once` needs.
const SYNC_SCOPES: [&str; 4] = ["usergroups:read", "usergroups:write", "users:read", "users:read.email"];
const WRITES_GROUPS: &str = "usergroups:write";
/// Slack signs with its clock, and older signatures than this are refused.
const REFUSED_AFTER: Duration = Duration::from_secs(300);
const WORTH_A_LOOK: Duration = Duration::from_secs(30);

/// Whether the token opens anything at all.
pub(super) async fn slack(
    client: &slack::Client,
    config: &Config,
    serves: bool,
    clock: &Clock,
    found: &mut Findings,
) -> bool {
    let what = "Slack token";
    let us = match client.auth_test().await {
        Ok(us) => us,
        Err(refused) => {
            found.refused(what, &refused);
            return false;
        }
    };
    let mut missing: Vec<&str> = if serves {
        slack::missing_scopes(&us.scopes)
    } else {
        SYNC_SCOPES.into_iter().filter(|scope| !us.scopes.iter().any(|s| s == scope)).collect()
    };
    let writes = !config.groups.is_empty() && config.slack.user_token.is_none();
    missing.retain(|scope| *scope != WRITES_GROUPS || writes);
    if missing.is_empty() {
        found.right(what, format!("opens {} as {}", us.url, us.user_id));
    } else {
        let missing = missing.join(" ");
        found.wrong(
            what,
            format!("lacks {missing}: add that to the app (slack-manifest.yaml has it) and install it again"),
        );
    }
    if let Some(team) = config.slack.team_id.as_ref().filter(|team| **team != us.team_id) {
        found
            .wrong(what, format!("belongs to {}, and slack.team_id is {team}: mend one of them", us.team_id));
    }
    if let Some(theirs) = us.said_at {
        let ours = clock.now();
        let off = ours.since(theirs).max(theirs.since(ours));
        let said = format!("this machine's is {} s off Slack's: set it by NTP", off.as_secs());
        if off >= REFUSED_AFTER {
            found.wrong("clock", format!("{said}; what Slack sends is refused until then"));
        } else if off >= WORTH_A_LOOK {
            found.odd("clock", said);
        } else {
            found.right("clock", "agrees with Slack's");
        }
    }
    true
}

/// Whether the token opens anything at all.
pub(super) async fn pagerduty(client: &pagerduty::Client, config: &Config, found: &mut Findings) -> bool {
    let what = "PagerDuty token";
    if let Err(refused) = client.abilities().await {
        found.refused(what, &refused);
        return false;
    }
    found.right(what, "is accepted");
    let from = config.pagerduty.as_ref().map(|p| p.from_email.as_str()).unwrap_or_default();
    if !from.is_empty() {
        match client.user_by_email(from).await {
            Ok(Some(user)) => found.right("pagerduty.from_email", format!("{from} is {}", user.name)),
            Ok(None) => found.wrong(
                "pagerduty.from_email",
                format!("no PagerDuty user has the login {from}: write the address of one"),
            ),
            Err(refused) => found.refused("pagerduty.from_email", &refused),
        }
    }
    for service in &config.services {
        let (what, id) = (format!("service {}", service.name), &service.pagerduty_service);
        match client.service(id).await {
            Ok(Some(there)) => found.right(what, format!("{} ({id})", there.name)),
            Ok(None) => found.wrong(
                what,
                format!("PagerDuty has no service {id}: mend pagerduty_service, the end of the service's address there"),
            ),
            Err(refused) => found.refused(what, &refused),
        }
        if let Some(policy) = &service.escalation_policy {
            super::groups::policy(client, &format!("service {}", service.name), policy, found).await;
        }
    }
    priorities(client, config, found).await;
    true
}

/// An incident whose priority PagerDuty does not have is made without one.
async fn priorities(client: &pagerduty::Client, config: &Config, found: &mut Findings) {
    let there = match client.priorities().await {
        // The account's plan has none, and so the levels' own mean nothing.
        Ok(there) if there.is_empty() => return,
        Ok(there) => there,
        Err(refused) => return found.refused("priorities", &refused),
    };
    for severity in &config.severities {
        let Some(wanted) = severity.priority.as_deref() else { continue };
        if there.iter().all(|p| !p.name.eq_ignore_ascii_case(wanted)) {
            let names: Vec<&str> = there.iter().map(|p| p.name.as_str()).collect();
            found.wrong(
                format!("severity {}", severity.name),
                format!(
                    "PagerDuty has no priority {wanted:?}, so its incidents get none: write one of {}, or \"\" for none",
                    names.join(", ")
                ),
            );
        }
    }
}

/// The public page: is it there, may we write it, and what is on it?
pub(super) async fn statuspage(client: &statuspage::Client, found: &mut Findings) {
    let page = match client.page().await {
        Ok(page) => page,
        Err(refused) => return found.refused("status page", &refused),
    };
    found.right("status page", format!("{} at {}", page.name, page.url));
    match client.components().await {
        Ok(components) if components.is_empty() => {
            found.odd("status page", "has no components: posts can name none");
        }
        Ok(components) => found.right("status page", format!("{} components", components.len())),
        Err(refused) => found.refused("status page", &refused),
    }
    match client.try_key().await {
        Ok(()) => found.right("statuspage.api_key", "is accepted"),
        Err(refused) => found.refused("statuspage.api_key", &refused),
    }
}

/// The channels that the configuration names, as far as we are in them.
pub(super) async fn channels(client: &slack::Client, config: &Config, found: &mut Findings) {
    let names = config.channels();
    if names.is_empty() {
        return;
    }
    let ours = match client.my_channels().await {
        Ok(ours) => ours,
        Err(refused) => return found.refused("channels", &refused),
    };
    for name in names {
        let what = format!("#{name}");
        match ours.iter().find(|c| c.name == *name || c.id.as_str() == name) {
            Some(channel) if channel.is_archived => {
                found.wrong(what, "is archived: unarchive it, or name another in the configuration");
            }
            Some(_) => found.right(what, "Firebell is in it"),
            None => {
                let near = nearest(name, ours.iter().filter(|c| !c.is_archived).map(|c| c.name.as_str()));
                let hint = near.map_or_else(|| ".".to_owned(), |near| format!("; did you mean #{near}?"));
                found.wrong(
                    what,
                    format!(
                        "Firebell is in no channel of that name{hint} If it is there, write /invite @firebell in it; if \
                         not, make it or mend its name in the configuration"
                    ),
                );
            }
        }
    }
}

/// What each monitor says, as `[[check]]` asks it.
pub(super) async fn monitors(client: &monitors::Client, config: &Config, found: &mut Findings) {
    for check in &config.checks {
        let what = format!("check {}", check.name);
        match client.read(check).await {
            Ok(heard) if heard.state == monitors::State::Unknown => {
                let notes = heard.notes.join("; ");
                found.odd(what, format!("{}: {notes}; mend its [[check]], or what that asks", heard.state));
            }
            Ok(heard) => found.right(what, heard.state.to_string()),
            Err(refused) => {
                let next = match &refused.problem {
                    Problem::Unavailable { .. } => {
                        "; start it, let this machine reach it, or mend its url in the configuration"
                    }
                    Problem::RateLimited { .. } => ", and that is too often asked: run this again then",
                    Problem::Rejected { .. } => "",
                };
                found.wrong(what, format!("{}{next}", why(&refused.problem)));
            }
        }
    }
}
