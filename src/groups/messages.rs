//! What is said about groups. Names of people and groups are typed by people: escaped here.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use serde_json::json;

use super::model::{LeftOut, State};
use crate::clock::Timestamp;
use crate::front::Message;
use crate::ids::SlackUserId;
use crate::incidents::Incident;
use crate::oncall::Directory;
use crate::slack::blocks::{Style, actions, button, channel, date, section, untrusted};

pub mod answers;
pub mod rota;

/// What buttons and menus are called.
pub mod press {
    pub const APPLY: &str = "groups:apply";
    pub const LINK: &str = "groups:link";
}

/// Before our part of a topic.
const ON_CALL: &str = "On call: ";
/// Between the parts of a topic.
const BAR: &str = " | ";
/// <https://docs.slack.dev/reference/methods/conversations.setTopic>
const LONGEST_TOPIC: usize = 250;

/// A group as people write it, without paging anybody.
pub fn handle(handle: &str) -> String {
    format!("`@{}`", untrusted(handle))
}

/// One clear sentence for each of Slack's refusals, with the remedy.
/// <https://docs.slack.dev/reference/methods/usergroups.users.update#errors>
pub fn refusal(code: &str, group: &str) -> String {
    match code {
        "permission_denied" => format!(
            "Slack does not let Firebell change @{group}: under Settings, Permissions, User Groups allow everyone, \
             or set slack.user_token to an administrator's token"
        ),
        "missing_scope" | "not_allowed_token_type" => {
            "the Slack token lacks usergroups:write: reinstall the app with the manifest".to_owned()
        }
        "plan_upgrade_required" | "paid_teams_only" => {
            "this Slack plan has no user groups: they need a paid plan".to_owned()
        }
        "no_such_subteam" | "subteam_not_found" => {
            format!("Slack has no user group @{group} any more: make it, or set create_missing = true")
        }
        "invalid_users" | "failed_for_some_users" | "user_not_found" => {
            "Slack does not take one of the people (just deactivated?): Firebell reads the list of people anew".to_owned()
        }
        "subteam_max_users_exceeded" => format!("@{group} would have more people than Slack allows in a group"),
        "no_users_provided" => "Slack has no empty groups".to_owned(),
        "invalid_auth" | "account_inactive" | "token_revoked" | "token_expired" | "not_authed" => {
            "Slack does not accept the token any more: reinstall the app and set slack.bot_token".to_owned()
        }
        other => format!("Slack says no ({other})"),
    }
}

/// A group that is not in step, and why.
pub fn trouble(state: &State) -> Message {
    let problem = untrusted(state.problem.as_deref().unwrap_or_default());
    Message::text(format!(":warning: {} is not in step with the rota: {problem}.", handle(&state.handle)))
}

/// What was told is over.
pub fn trouble_is_over(people: &Directory, state: &State) -> Message {
    let whom = names(people, state.wanted.0.iter());
    Message::text(format!(":white_check_mark: {} follows the rota again: {whom}.", handle(&state.handle)))
}

/// A group that is not in step, with a button for somebody who has looked.
pub fn ask(people: &Directory, state: &State) -> Message {
    let text = format!(
        ":warning: {}\nWanted: {}.",
        untrusted(state.problem.as_deref().unwrap_or_default()),
        names(people, state.wanted.0.iter())
    );
    // The yes is to this change: a later one is asked about again.
    let value = format!("{} {}", state.handle, state.changed_at.as_micros());
    let apply = button("Apply", press::APPLY, &value, Style::Danger, None);
    Message::with_blocks(text.clone(), vec![section(&text), actions("groups:ask", &[apply])])
}

/// Somebody on call whom nobody in Slack is known to be.
pub fn unmapped(out: &LeftOut) -> Message {
    let text = format!(
        ":bust_in_silhouette: *{}* is on call in PagerDuty, but {}. Who is it in Slack?",
        untrusted(&out.name),
        untrusted(&out.why)
    );
    let pick = json!({
        "type": "users_select",
        "action_id": press::LINK,
        "placeholder": { "type": "plain_text", "text": "Link user" },
    });
    let block_id = format!("groups:link:{}", out.responder);
    Message::with_blocks(text.clone(), vec![section(&text), actions(&block_id, &[pick])])
}

/// For the one who changed a group that follows the rota.
pub fn put_right(command: &str, state: &State) -> Message {
    Message::text(format!(
        "{} follows PagerDuty's rota, so I put it back. To change who is on call, make an override in PagerDuty; to keep \
         somebody in the group for good, ask an administrator for `always`. `{command} why @{}` explains who is in it.",
        handle(&state.handle),
        untrusted(&state.handle)
    ))
}

/// For the team's channel; `was` were on call before.
pub fn hand_off(
    people: &Directory,
    was: &BTreeSet<SlackUserId>,
    after: &State,
    open: &[Incident],
) -> Message {
    let is = after.on_call();
    let gone: Vec<&SlackUserId> = was.difference(&is).collect();
    let mut text = format!(
        ":arrows_counterclockwise: On call for {}: {}",
        handle(&after.handle),
        names(people, is.iter())
    );
    if let Some(until) = until(after) {
        text.extend([", until ", &date(until)]);
    }
    if !gone.is_empty() {
        text.extend([" (before: ", &names(people, gone.into_iter()), ")"]);
    }
    Message::text(text + "." + &still_open(open))
}

/// For the person who comes on call.
pub fn you_are_on_call(state: &State, user: &SlackUserId, open: &[Incident]) -> Message {
    let until = state.because.0.get(user).into_iter().flatten().filter_map(|b| b.until).min();
    let until = until.map(|at| format!(" until {}", date(at))).unwrap_or_default();
    Message::text(format!(
        ":pager: You are on call for {}{until}.{}",
        handle(&state.handle),
        still_open(open)
    ))
}

/// What is open, without what not everybody may see.
fn still_open(open: &[Incident]) -> String {
    let lines: Vec<String> = open
        .iter()
        .filter(|i| !i.is_private)
        .map(|i| {
            let room = i.channel_id.as_ref().map(|c| format!(" in {}", channel(c))).unwrap_or_default();
            let acknowledged = if i.acknowledged_at.is_none() { ", *not acknowledged*" } else { "" };
            format!("\n• {} {} {}{room}{acknowledged}", i.label(), i.severity_shout(), untrusted(&i.title))
        })
        .collect();
    if lines.is_empty() { " Nothing is open.".to_owned() } else { format!(" Open now:{}", lines.concat()) }
}

/// When the first of the group's people goes off call.
pub fn until(state: &State) -> Option<Timestamp> {
    state.because.0.values().flatten().filter_map(|b| b.until).min()
}

pub fn names<'a>(people: &Directory, users: impl Iterator<Item = &'a SlackUserId>) -> String {
    let names: Vec<String> = users.map(|user| untrusted(&people.name_of(user))).collect();
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}

/// The topic with our part brought up to date: `deploys on Mondays | On call: Ana Example until Mon 23 Nov 09:00 UTC`.
/// What people wrote before and after it stays.
pub fn topic(was: &str, people: &Directory, state: &State, zone: &TimeZone) -> String {
    let until = until(state)
        .map(|at| at.to_jiff().to_zoned(zone.clone()).strftime(" until %a %-d %b %H:%M %Z").to_string());
    let ours = format!("{ON_CALL}{}{}", names(people, state.on_call().iter()), until.unwrap_or_default());
    let mut parts: Vec<String> =
        was.split(BAR).map(str::to_owned).filter(|part| !part.trim().is_empty()).collect();
    match parts.iter_mut().find(|part| part.trim_start().starts_with(ON_CALL)) {
        Some(part) => *part = ours,
        None => parts.push(ours),
    }
    let whole = parts.join(BAR);
    // Too long for Slack: people's words go before ours.
    if whole.chars().count() > LONGEST_TOPIC { was.to_owned() } else { whole }
}
