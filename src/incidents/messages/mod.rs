//! Every word incidents say in Slack and PagerDuty. All text that people typed is made harmless here.

mod pagerduty;
mod timeline;

use std::time::Duration;

use serde_json::Value;

use crate::clock::Timestamp;
use crate::config::{Commands, Severity, show_duration};
use crate::front::Message;
use crate::ids::SlackUserId;
use crate::incidents::declare::{Checked, NewIncident};
use crate::incidents::lifecycle::Remark;
use crate::incidents::model::{Actor, Incident, Kind, LinkedPage, Role, RoleRow, Status};
use crate::oncall::model::Contact;
pub use pagerduty::{
    merged_away, merged_in, not_in_slack, open_already, outsider, pagerduty_details, pagerduty_line,
    pagerduty_note, pagerduty_resolution, resolved_again, resolved_by_itself,
};
pub use timeline::timeline;

use crate::slack::blocks::{channel, date, link, mention, plain, untrusted};

/// Slack cuts what is longer out of sight where it stands in a block; PagerDuty's notes have no limit that is known.
pub(super) const LONGEST_LINE: usize = 2500;

/// What people may say at once: a message of Slack's holds 40,000 characters, and escaped `&`s take five.
pub(super) const LONGEST_TEXT: usize = 7500;

pub(super) fn said(text: &str) -> String {
    untrusted(&plain(text, LONGEST_LINE))
}

/// The whole of what somebody told everybody, for a message without blocks.
fn told(text: &str) -> String {
    untrusted(&plain(text, LONGEST_TEXT))
}

/// A person in the channel: a mention of those who are in Slack, the name of the others.
pub fn who(actor: &Actor) -> String {
    actor.slack.as_ref().map_or_else(|| said(&actor.name), mention)
}

/// A person by name alone: for where a mention would ring them.
fn name(actor: &Actor) -> String {
    said(&actor.name)
}

pub fn why_nobody_is_paged(new: &NewIncident, checked: &Checked<'_>, has_pagerduty: bool) -> String {
    if new.test {
        "a test pages nobody".into()
    } else if new.no_page {
        "as asked".into()
    } else if !has_pagerduty {
        "PagerDuty is not configured".into()
    } else if !checked.severity.page {
        format!("{} pages nobody", checked.severity.label())
    } else {
        "no service to page".into()
    }
}

/// The first message in the room, for people who have just been pulled in.
pub fn first_update(
    incident: &Incident,
    page: Option<&LinkedPage>,
    paging: &str,
    commands: &Commands,
) -> Message {
    let test = if incident.is_test { ":test_tube: *This is a test.* " } else { "" };
    let pagerduty = page
        .and_then(|p| p.html_url.as_deref().map(|url| link(url, &p.label())))
        .unwrap_or_else(|| said(paging));
    let commander = format!(
        "none yet: press *Take command* on the pinned summary, or type `{} role ic @name`",
        commands.incident
    );
    Message::text(format!(
        "{test}:rotating_light: *{} incident declared*\n*Title:* {}\n*PagerDuty:* {pagerduty}\n*IC:* {commander}\n*Status:* {}",
        incident.severity_shout(),
        said(&incident.title),
        incident.status.title(),
    ))
}

pub fn announcement(incident: &Incident, commander: Option<&SlackUserId>) -> Message {
    let test = if incident.is_test { ":test_tube: *TEST* " } else { "" };
    let icon = if incident.is_open() { ":rotating_light:" } else { ":white_check_mark:" };
    let room = incident.channel_id.as_ref().map(channel).unwrap_or_default();
    let ic = commander.map(|c| format!(" · IC {}", mention(c))).unwrap_or_default();
    Message::text(format!(
        "{icon} {test}*{} {} {}* · {}{ic} · {room}",
        incident.severity_shout(),
        incident.label(),
        said(&incident.title),
        incident.status.title(),
    ))
}

/// A message about a test says so, wherever it is read.
pub fn marked(incident: &Incident, message: &Message) -> Message {
    let mut message = message.clone();
    if incident.is_test {
        message.text.insert_str(0, ":test_tube: *TEST* ");
        if let Some(Value::String(first)) =
            message.blocks.first_mut().and_then(|b| b.pointer_mut("/text/text"))
        {
            first.insert_str(0, ":test_tube: *TEST* ");
        }
    }
    message
}

/// At most 250 characters, plain text: Slack formats nothing in topics.
pub fn topic(incident: &Incident, commander: Option<&str>) -> String {
    let ic = commander.unwrap_or("none");
    let test = if incident.is_test { "TEST " } else { "" };
    let head = format!("[{}] {test}", incident.severity_shout());
    let tail = format!(" | IC: {ic} | Status: {}", incident.status.title());
    let room = 250usize.saturating_sub(head.chars().count() + tail.chars().count());
    let middle = plain(&format!("{} {}", incident.label(), incident.title), room);
    // Nothing to format is no promise not to ring anybody.
    plain(&format!("{head}{middle}{tail}"), 250).replace('<', "‹").replace('>', "›").replace('@', "@\u{200B}")
}

// ── what people did ───────────────────────────────────────────────────────────────────────────────────────

pub fn acknowledged(by: &Actor) -> Message {
    Message::text(format!(":eyes: {} acknowledged.", who(by)))
}

pub fn update(by: &Actor, status: Status, text: &str) -> Message {
    Message::text(format!(
        ":mega: *{}* — {}\n_{}_",
        status.title(),
        told(text),
        format_args!("update by {}", name(by))
    ))
}

pub fn severity_changed(incident: &Incident, to: &Severity, by: &Actor) -> Message {
    Message::text(format!(
        "{} *{} → {}* by {}. {}",
        to.emoji,
        incident.severity_shout(),
        to.label(),
        name(by),
        said(&to.description)
    ))
}

pub fn role_assigned(role: Role, user: &SlackUserId) -> Message {
    Message::text(format!(":firefighter: {} is now *{}*.", mention(user), role.title().to_lowercase()))
}

pub fn noted(by: &Actor, remark: &Remark) -> Message {
    let icon = match remark.kind {
        Kind::Hypothesis => ":bulb: *Hypothesis*",
        Kind::Decision => ":scales: *Decision*",
        Kind::Action => ":hammer_and_wrench: *Action*",
        _ => ":memo: *Note*",
    };
    let at = remark.occurred_at.map(|t| format!(" ({})", date(t))).unwrap_or_default();
    Message::text(format!("{icon}{at}: {} — {}", told(&remark.text), name(by)))
}

pub fn mitigated(by: &Actor, text: &str) -> Message {
    let how = if text.is_empty() { String::new() } else { format!("\n{}", told(text)) };
    Message::text(format!(":adhesive_bandage: *Mitigated*, says {}. The incident stays open.{how}", name(by)))
}

pub fn ended(incident: &Incident, by: &Actor, text: &str) -> Message {
    let took = incident.ended_at.map_or(Duration::ZERO, |at| at.since(incident.declared_at));
    let words = if text.is_empty() { String::new() } else { format!("\n{}", told(text)) };
    let line = match incident.status {
        Status::Cancelled => format!(":no_entry_sign: *Cancelled* by {}.", name(by)),
        _ => format!(
            ":white_check_mark: *Resolved* by {} after {}. Thank you all. If it comes back, press *Reopen* on the pinned summary.",
            name(by),
            span(took)
        ),
    };
    Message::text(format!("{line}{words}"))
}

pub fn reopened(by: &Actor, reason: &str) -> Message {
    Message::text(format!(":repeat: *Reopened* by {}: {}", name(by), told(reason)))
}

/// `2d 3h`, `1h 12m`, `3m`, `40s`.
pub fn span(time: Duration) -> String {
    let secs = time.as_secs();
    match (secs / 3600, secs / 60 % 60) {
        (0, 0) => format!("{secs}s"),
        (0, m) => format!("{m}m"),
        (h, _) if h >= 48 && h % 24 == 0 => format!("{}d", h / 24),
        (h, _) if h >= 48 => format!("{}d {}h", h / 24, h % 24),
        (h, 0) => format!("{h}h"),
        (h, m) => format!("{h}h {m}m"),
    }
}

// ── reminders ─────────────────────────────────────────────────────────────────────────────────────────────

pub fn commander_wanted(incident: &Incident) -> String {
    format!(
        ":firefighter: *{}* has no incident commander. Somebody take it: decisions need one voice.",
        incident.severity_shout()
    )
}

pub fn update_wanted(
    incident: &Incident,
    every: Duration,
    commander: Option<&SlackUserId>,
    now: Timestamp,
) -> String {
    let whom = commander.map(|c| format!("{} ", mention(c))).unwrap_or_default();
    let last = incident.last_update_at.unwrap_or(incident.declared_at);
    format!(
        "{whom}:alarm_clock: An update is due: the last one was {} ago, and {} wants one every {}.",
        span(now.since(last)),
        incident.severity_shout(),
        show_duration(every)
    )
}

// ── lists ─────────────────────────────────────────────────────────────────────────────────────────────────

/// One line of `/incident list`.
pub fn list_line(incident: &Incident, now: Timestamp) -> String {
    let room = incident.channel_id.as_ref().map(|c| format!(" · {}", channel(c))).unwrap_or_default();
    let private = if incident.is_private { " :lock:" } else { "" };
    let age = match incident.ended_at {
        Some(ended_at) => format!("{} ago", span(now.since(ended_at))),
        None => format!("for {}", span(now.since(incident.declared_at))),
    };
    format!(
        "*{}* {}{private} {} · {} {age}{room}",
        incident.label(),
        incident.severity_shout(),
        said(&incident.headline().replacen(&format!("{} ", incident.label()), "", 1)),
        incident.status.title(),
    )
}

// ── answers ───────────────────────────────────────────────────────────────────────────────────────────────

pub fn contact(contact: &Contact, with_phone: bool) -> String {
    said(&contact.called(with_phone))
}

/// One that looks the same is open.
pub fn looks_like(twin: &Incident, now: Timestamp) -> String {
    format!(
        "This looks like an incident that is open already:\n{}\nJoin it there. If yours is another one, declare it anyway.",
        list_line(twin, now)
    )
}

pub fn is_commanded(commands: &Commands, by: &RoleRow) -> String {
    format!(
        "{} is incident commander already. To take over, type `{} role ic`.",
        said(&by.name),
        commands.incident
    )
}

pub fn is_open(incident: &Incident) -> String {
    format!("{} is open.", incident.label())
}

/// What somebody said of what was done already, and where it belongs; to be read behind a sentence.
pub fn not_kept(commands: &Commands, incident: &Incident, text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (name, label) = (&commands.incident, incident.label());
    format!(" What you wrote was not kept. To put it on the timeline: `{name} note {label} {}`.", said(&line))
}

/// Behind the answer to a note that PagerDuty gets no more of.
pub fn cut_in_pagerduty() -> String {
    format!(". The channel gets all of it, PagerDuty the first {LONGEST_LINE} characters")
}

pub fn which_severity(incident: &Incident) -> String {
    format!("{} is *{}*. Change it to:", said(&incident.headline()), incident.severity_shout())
}

/// One of the same name is open: nothing was taken from it.
pub fn another_test(other: &Incident) -> String {
    let room = other.channel_id.as_ref().map(|id| format!(" in {}", channel(id))).unwrap_or_default();
    format!("\n{}{room} is an open test of the same name; this is one of its own.", other.label())
}

/// What the declarer reads at once.
pub fn declaring(incident: &Incident, channel: &str, paging: &str) -> String {
    let test = if incident.is_test { ":test_tube: *Test.* " } else { "" };
    let private = if incident.is_private { " (private)" } else { "" };
    format!(
        "{test}:rotating_light: Declaring *{}* as *{}*{private}: opening #{channel}, {paging}.",
        said(&incident.headline()),
        incident.severity_shout(),
    )
}
