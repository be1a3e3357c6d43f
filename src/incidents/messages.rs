//! Every word incidents say in Slack and PagerDuty. All text that people typed is made harmless here.

use std::time::Duration;

use super::declare::{Checked, NewIncident};
use super::effects::{Effect, PageChange};
use super::lifecycle::Remark;
use super::model::{Actor, Incident, Kind, LinkedPage, Outsider, Role, Status};
use super::timeline::Entry;
use crate::clock::Timestamp;
use crate::config::{Severity, show_duration};
use crate::front::Message;
use crate::ids::SlackUserId;
use crate::oncall::model::Contact;
use crate::slack::blocks::{channel, date, link, mention, plain, section, untrusted};

/// On-call rows older than this are shown with their age.
const STALE: Duration = Duration::from_secs(600);

/// Slack cuts what is longer out of sight.
const LONGEST_LINE: usize = 2500;

fn said(text: &str) -> String {
    untrusted(&plain(text, LONGEST_LINE))
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
        "--no-page".into()
    } else if !has_pagerduty {
        "PagerDuty is not configured".into()
    } else if !checked.severity.page {
        format!("{} pages nobody", checked.severity.label())
    } else {
        "no service to page".into()
    }
}

/// The first message in the room, for people who have just been pulled in.
pub fn first_update(incident: &Incident, page: Option<&LinkedPage>, paging: &str) -> Message {
    let test = if incident.is_test { ":test_tube: *This is a test.* " } else { "" };
    let pagerduty = page
        .and_then(|p| p.html_url.as_deref().map(|url| link(url, &p.label())))
        .unwrap_or_else(|| said(paging));
    let commander = "none yet: press *Take command*, or `role ic @somebody`";
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

/// At most 250 characters, plain text: Slack formats nothing in topics.
pub fn topic(incident: &Incident, commander: Option<&str>) -> String {
    let ic = commander.unwrap_or("none");
    let head = format!("[{}] {} ", incident.severity_shout(), if incident.is_test { "TEST " } else { "" });
    let tail = format!(" | IC: {ic} | Status: {}", incident.status.title());
    let head = head.replace("  ", " ");
    let room = 250usize.saturating_sub(head.chars().count() + tail.chars().count());
    let middle = plain(&format!("{} {}", incident.label(), incident.title), room);
    plain(&format!("{head}{middle}{tail}"), 250)
}

// ── paging ────────────────────────────────────────────────────────────────────────────────────────────────

/// PagerDuty does not answer: the one message that must not be missed.
pub fn nobody_paged_yet(incident: &Incident, on_call: &[Contact], because: &str) -> Message {
    let asker = incident.declared_by.as_ref().map(|u| format!("{} ", mention(u))).unwrap_or_default();
    Message::text(format!(
        "{asker}:warning: *Nobody has been paged yet*: {}. I keep trying.\n{}",
        said(because),
        whom_to_call(on_call)
    ))
}

/// PagerDuty refused: trying again would hear the same.
pub fn paging_failed(incident: &Incident, on_call: &[Contact], because: &str) -> Message {
    let asker = incident.declared_by.as_ref().map(|u| format!("{} ", mention(u))).unwrap_or_default();
    Message::text(format!(
        "{asker}:warning: *Failed to page*: {}. Nobody has been paged; press *Retry* on the summary once it is mended.\n{}",
        said(because),
        whom_to_call(on_call)
    ))
}

pub fn whom_to_call(on_call: &[Contact]) -> String {
    if on_call.is_empty() {
        return "I know nobody who is on call for this; escalate by hand.".into();
    }
    let mut lines: Vec<String> = on_call
        .iter()
        .take(6)
        .map(|c| format!("• level {}: please call {}", c.level, said(&c.name_and_phone())))
        .collect();
    let said_ago = on_call.iter().map(|c| c.said_ago).max().unwrap_or_default();
    if said_ago > STALE {
        lines.push(format!("_That is what PagerDuty said {} ago; it may have changed._", span(said_ago)));
    }
    lines.join("\n")
}

/// PagerDuty hears of it as soon as it answers; until then it may ring people for nothing.
pub fn pagerduty_not_told(change: &PageChange) -> Option<Message> {
    let what = match change {
        PageChange::Acknowledge => "that somebody has acknowledged",
        PageChange::Resolve { .. } => "that this is over",
        PageChange::Severity => return None,
    };
    Some(Message::text(format!(
        ":hourglass: PagerDuty does not answer: it has not heard {what} and may go on paging. I keep trying."
    )))
}

pub fn pagerduty_refused(effect: &Effect, because: &str) -> Option<Message> {
    let what = match effect {
        Effect::ChangePage { change: PageChange::Acknowledge, .. } => {
            "the acknowledgement; please acknowledge there"
        }
        Effect::ChangePage { change: PageChange::Resolve { .. }, .. } => {
            "that this is over; please resolve its incident there"
        }
        Effect::ChangePage { change: PageChange::Severity, .. } => "the new priority; please set it there",
        Effect::CloseDouble { .. } => {
            "to close a second incident for the same thing; please resolve it there"
        }
        Effect::NotePage { .. } => "a note",
        _ => return None,
    };
    Some(Message::text(format!(":warning: PagerDuty did not take {what}: {}", said(because))))
}

/// Said in private, where it must be said what it is about.
pub fn without_room(incident: &Incident, message: &Message) -> Message {
    let about = format!("*{}* has no channel, so I tell you here.", said(&incident.headline()));
    let text = format!("{about}\n{}", message.text);
    if message.blocks.is_empty() {
        return Message::text(text);
    }
    let mut blocks = vec![section(&about)];
    blocks.extend(message.blocks.iter().cloned());
    Message::with_blocks(text, blocks)
}

pub fn paged_at_last(page: &LinkedPage) -> Message {
    let label = page.label();
    let shown = page.html_url.as_deref().map_or_else(|| untrusted(&label), |url| link(url, &label));
    Message::text(format!(":pager: PagerDuty answers again: {shown} is paging."))
}

pub fn paged_by_second_road() -> Message {
    Message::text(
        ":pager: PagerDuty's REST API does not answer; I have paged through its Events API instead. \
         The incident's number follows when PagerDuty answers.",
    )
}

// ── what people did ───────────────────────────────────────────────────────────────────────────────────────

pub fn acknowledged(by: &Actor) -> Message {
    Message::text(format!(":eyes: {} acknowledged.", who(by)))
}

pub fn update(incident: &Incident, by: &Actor, status: Status, text: &str) -> Message {
    let marked = if incident.is_test { ":test_tube: " } else { "" };
    Message::text(format!(
        "{marked}:mega: *{}* — {}\n_{}_",
        status.title(),
        said(text),
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
    Message::text(format!("{icon}{at}: {} — {}", said(&remark.text), name(by)))
}

pub fn mitigated(by: &Actor) -> Message {
    Message::text(format!(":adhesive_bandage: *Mitigated*, says {}. The incident stays open.", name(by)))
}

pub fn ended(incident: &Incident, by: &Actor, text: &str) -> Message {
    let took = incident.ended_at.map_or(Duration::ZERO, |at| at.since(incident.declared_at));
    let words = if text.is_empty() { String::new() } else { format!("\n{}", said(text)) };
    let line = match incident.status {
        Status::Cancelled => format!(":no_entry_sign: *Cancelled* by {}.", name(by)),
        _ => format!(
            ":white_check_mark: *Resolved* by {} after {}. Thank you all; follow up in the timeline.",
            name(by),
            span(took)
        ),
    };
    Message::text(format!("{line}{words}"))
}

pub fn reopened(by: &Actor, reason: &str) -> Message {
    Message::text(format!(":repeat: *Reopened* by {}: {}", name(by), said(reason)))
}

pub fn uninvited(names: &[(String, String)]) -> Message {
    let list: Vec<String> =
        names.iter().map(|(who, code)| format!("• {} — {}", said(who), invite_problem(code))).collect();
    Message::text(format!(":information_source: Could not invite:\n{}", list.join("\n")))
}

fn invite_problem(code: &str) -> &str {
    match code {
        "user_not_found" | "users_not_found" => "Slack does not know them any more",
        "user_disabled" => "the account is deactivated",
        "user_is_restricted" | "ura_max_channels" => "a guest, who cannot be in this channel",
        "cant_invite" => "Slack does not let me invite them",
        "no_slack_account" => "paged by PagerDuty, and has no Slack account that I know",
        "org_user_not_in_team" => "not a member of this workspace",
        other => other,
    }
}

// ── what PagerDuty said ───────────────────────────────────────────────────────────────────────────────────

pub fn pagerduty_line(icon: &str, sentence: &str) -> Message {
    Message::text(format!("{icon} {sentence}"))
}

/// PagerDuty closed its incident with nobody's hand; `ask` puts the question.
pub fn resolved_by_itself(page: &LinkedPage, incident: &Incident, ask: bool) -> String {
    let label = incident.label();
    let then = if ask { format!("Is {label} over?") } else { format!("{label} stays open.") };
    format!(":ballot_box_with_check: PagerDuty resolved {} by itself. {then}", untrusted(&page.label()))
}

/// For the timeline and the room of the incident that took the page in.
pub fn merged_in(page: &LinkedPage, from: &Incident) -> String {
    format!("PagerDuty incident {} of {} was merged into ours", page.label(), from.label())
}

/// For the room that the page has left; `into` unless that incident is private.
pub fn merged_away(page: &LinkedPage, incident: &Incident, into: Option<&Incident>) -> String {
    let whose = into.map_or_else(|| "another one".to_owned(), |other| format!("that of {}", other.label()));
    format!(
        ":twisted_rightwards_arrows: PagerDuty incident {} was merged into {whose}. Is {} over?",
        untrusted(&page.label()),
        incident.label()
    )
}

/// Somebody pressed Open a second time; the incident if they may see it.
pub fn open_already(incident: Option<&Incident>) -> String {
    let Some(incident) = incident else { return "It has a channel already.".into() };
    let room = incident.channel_id.as_ref().map_or_else(String::new, |id| format!(", in {}", channel(id)));
    format!("It is {} already{room}.", said(&incident.headline()))
}

/// Paged, and not in Slack: somebody else must tell them.
pub fn not_in_slack(outsider: &Outsider) -> Message {
    let call = outsider.phone.as_ref().map_or_else(String::new, |phone| format!(": {}", said(phone)));
    Message::text(format!(
        ":bust_in_silhouette: PagerDuty pages *{}*, who has no Slack account that I can find by e-mail. \
         Somebody please tell them{call}",
        said(&outsider.name)
    ))
}

/// The same for the summary's list of who could not be invited.
pub fn outsider(outsider: &Outsider) -> (String, String) {
    let phone = outsider.phone.as_ref().map_or_else(String::new, |phone| format!(" ☎ {phone}"));
    (format!("{}{phone}", outsider.name), "no_slack_account".into())
}

/// `1h 12m`, `3m`, `40s`.
pub fn span(time: Duration) -> String {
    let secs = time.as_secs();
    match (secs / 3600, secs / 60 % 60) {
        (0, 0) => format!("{secs}s"),
        (0, m) => format!("{m}m"),
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

// ── towards PagerDuty ─────────────────────────────────────────────────────────────────────────────────────

pub fn pagerduty_details(incident: &Incident) -> String {
    if incident.is_private {
        return format!("{}: a private incident. Details are in its Slack channel.", incident.label());
    }
    format!(
        "{} {} declared in Slack by {}. Firebell keeps the timeline.",
        incident.severity_shout(),
        incident.label(),
        incident.declared_by_name
    )
}

pub fn pagerduty_note(by: &Actor, remark: &Remark) -> String {
    let label = match remark.kind {
        Kind::Hypothesis => "Hypothesis: ",
        Kind::Decision => "Decision: ",
        Kind::Action => "Action: ",
        _ => "",
    };
    format!("{label}{} — {} (Slack)", plain(&remark.text, LONGEST_LINE), by.name)
}

pub fn pagerduty_resolution(by: &Actor, to: Status, text: &str) -> String {
    let verb = if to == Status::Cancelled { "Cancelled" } else { "Resolved" };
    if text.is_empty() {
        format!("{verb} by {} in Slack", by.name)
    } else {
        format!("{verb} by {}: {text}", by.name)
    }
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

/// The timeline as people read it: UTC, oldest first, as many of the last entries as fit.
pub fn timeline(incident: &Incident, entries: &[Entry]) -> String {
    let lines: Vec<String> = entries
        .iter()
        .map(|e| {
            let by = if e.actor == "Firebell" { String::new() } else { format!(" — {}", said(&e.actor)) };
            format!("`{}` *{}* {}{by}", e.occurred_at.hh_mm(), e.kind, untrusted(&plain(&e.text, 300)))
        })
        .collect();
    let mut shown = lines.len();
    while shown > 1 && lines[lines.len() - shown..].iter().map(|l| l.len() + 1).sum::<usize>() > 2700 {
        shown -= 1;
    }
    let left_out = lines.len() - shown;
    let more = if left_out == 0 { String::new() } else { format!("_{left_out} earlier entries left out_\n") };
    format!("*{}* timeline (UTC)\n{more}{}", said(&incident.headline()), lines[left_out..].join("\n"))
}

// ── answers ───────────────────────────────────────────────────────────────────────────────────────────────

pub fn contact(contact: &Contact) -> String {
    said(&contact.name_and_phone())
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
