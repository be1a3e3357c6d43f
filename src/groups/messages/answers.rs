//! What `/oncall` answers about groups: why, what will happen, what was done.

use std::collections::BTreeSet;

use super::{handle, names};
use crate::clock::Timestamp;
use crate::config::Mode;
use crate::groups::lookup;
use crate::groups::model::{Because, Hold, Standing, State, Target, Write};
use crate::groups::strays::strays;
use crate::ids::SlackUserId;
use crate::incidents::messages::span;
use crate::oncall::{Directory, Known};
use crate::slack::blocks::{date, untrusted};

/// A list is cut after so many lines.
pub const MOST: usize = 40;

/// Each person with the reason, who is left out, and what led to the last change.
pub fn why(known: &Known, target: Target<'_>, state: &State, last: Option<&Write>, now: Timestamp) -> String {
    let people = &known.people;
    let mut lines = vec![stands(people, state, now)];
    let in_slack = people.group(target.handle).map(|g| g.members.0.iter().cloned().collect());
    let in_slack: BTreeSet<SlackUserId> = in_slack.unwrap_or_default();
    // A group that is kept because nobody can be put into it has those who are in it.
    let is_kept = state.wanted.0.is_empty() && state.standing == Standing::Kept;
    let shown = if is_kept { &in_slack } else { &state.wanted.0 };
    let beside = if is_kept { Vec::new() } else { beside(people, &in_slack, state) };
    lines.push(if beside.is_empty() { "*Who is in it*" } else { "*Who should be in it*" }.into());
    let shown: Vec<&SlackUserId> = shown.iter().collect();
    lines.extend(some(&shown, |user| {
        let why = state.because.0.get(*user).map(Vec::as_slice).unwrap_or_default();
        format!("• {}: {}", untrusted(&people.name_of(user)), reasons(why, state, target))
    }));
    if shown.is_empty() {
        lines.push("• nobody".into());
    }
    let left_out = left_out(known, target, state, now);
    if !left_out.is_empty() {
        lines.push("*On call, and left out*".into());
        lines.extend(some(&left_out, String::clone));
    }
    lines.extend(beside);
    lines.push(format!("*Last change* {}: {}.", date(state.changed_at), untrusted(&state.cause)));
    lines.push(match last {
        Some(write) => format!(
            "*Last written to Slack* {}; before: {}.",
            date(write.written_at),
            names(people, write.before.0.iter())
        ),
        None => "Firebell has not written it so far.".into(),
    });
    let team_id = people.team_id(&known.config).unwrap_or_default();
    let strays = strays(people, &team_id, target.spec, |_| true);
    let troubles: Vec<&String> = state.partial.0.iter().chain(&strays).collect();
    lines.extend(some(&troubles, |trouble| format!(":warning: {}.", untrusted(trouble))));
    lines.push(super::rota::said_ago(known, now));
    lines.join("\n")
}

fn stands(people: &Directory, state: &State, now: Timestamp) -> String {
    let group = handle(&state.handle);
    let problem = untrusted(state.problem.as_deref().unwrap_or_default());
    let seen = state.in_step_at.map(|at| format!("{} ago", span(now.since(at))));
    let instead = state
        .instead(people)
        .map(|instead| format!("{}: {}", instead.said(), names(people, instead.whom().iter().copied())));
    let since = seen.clone().map_or_else(String::new, |seen| format!(" They last agreed {seen}."));
    match (&state.hold, state.standing) {
        (Some(hold), standing) => held(people, state, &hold.0, standing),
        (None, Standing::InStep) if !state.partial.0.is_empty() => {
            format!(":warning: {group} has whom the rota names as far as it could be read.{since}")
        }
        (None, Standing::InStep) if instead.is_some() => {
            let sign = if state.left_out.0.is_empty() { ":white_check_mark:" } else { ":warning:" };
            let seen = seen.map(|seen| format!("; last seen so {seen}")).unwrap_or_default();
            format!("{sign} {group} {}{seen}.", instead.unwrap_or_default())
        }
        (None, Standing::InStep) => format!(
            ":white_check_mark: {group} is in step with the rota{}.",
            seen.map(|seen| format!(", last seen {seen}")).unwrap_or_default()
        ),
        (None, Standing::Waiting) => {
            format!(":hourglass: {group} is to be written in the next moments.{since}")
        }
        (None, Standing::Kept) => format!(":pause_button: {group} is left as it is: {problem}.{since}"),
        (None, Standing::Asked) => format!(":question: {group} waits for somebody to look: {problem}{since}"),
        (None, Standing::Blocked) => format!(":warning: {group} cannot follow the rota: {problem}.{since}"),
    }
}

fn held(people: &Directory, state: &State, hold: &Hold, standing: Standing) -> String {
    let done = if standing == Standing::Waiting { "; it is to be written in the next moments" } else { "" };
    format!(
        ":rewind: {} was rolled back by {} {} and stays so until who is on call changes{done}. The rota says: {}.",
        handle(&state.handle),
        untrusted(&hold.by),
        date(hold.at),
        names(people, hold.instead_of.iter())
    )
}

fn reasons(why: &[Because], state: &State, target: Target<'_>) -> String {
    let reason = |b: &Because| {
        let source = untrusted(&b.source);
        b.until.map_or_else(|| source.clone(), |until| format!("{source} until {}", date(until)))
    };
    match why {
        [] if state.hold.is_some() => "was in it before the rollback".into(),
        [] if target.spec.mode == Mode::Additive => {
            "was in it already, and `additive` takes nobody out".into()
        }
        [] if state.standing == Standing::Kept => {
            "was in it before, and is rung until somebody who is on call can be in it".into()
        }
        [] => "was in it already".into(),
        why => why.iter().map(reason).collect::<Vec<_>>().join(", "),
    }
}

/// Those whom nobody in Slack is known to be, or whose account cannot be in groups; and those of `never`.
fn left_out(known: &Known, target: Target<'_>, state: &State, now: Timestamp) -> Vec<String> {
    let people = &known.people;
    let unfit = state.left_out.0.iter().map(|o| format!("• {}: {}", untrusted(&o.name), untrusted(&o.why)));
    let (never, _) = people.expand(&target.spec.never);
    let seats = lookup::on_sources(known, target, now).seats;
    let on_call: BTreeSet<&SlackUserId> =
        seats.iter().flat_map(|s| &s.now).filter_map(|s| s.who.slack.as_ref()).collect();
    let never = never.iter().filter(|user| on_call.contains(user));
    let never =
        never.map(|user| format!("• {}: `never` in the configuration", untrusted(&people.name_of(user))));
    let held_out = state.hold.iter().flat_map(|hold| hold.0.instead_of.difference(&hold.0.members));
    let held_out = held_out.map(|user| format!("• {}: the rollback", untrusted(&people.name_of(user))));
    unfit.chain(never).chain(held_out).collect()
}

/// How Slack's list differs from the wanted one.
fn beside(people: &Directory, members: &BTreeSet<SlackUserId>, state: &State) -> Vec<String> {
    let line = |what: &str, users: Vec<&SlackUserId>| {
        (!users.is_empty()).then(|| format!("{what}: {}.", names(people, users.into_iter())))
    };
    if state.group_id.is_none() {
        return Vec::new();
    }
    let missing = line("Not in Slack's group yet", state.wanted.0.difference(members).collect());
    let extra = line("In Slack's group still", members.difference(&state.wanted.0).collect());
    missing.into_iter().chain(extra).collect()
}

/// A line for each; of many, only those that are shown are made.
pub fn some<T>(all: &[T], line: impl FnMut(&T) -> String) -> Vec<String> {
    let mut lines: Vec<String> = all.iter().take(MOST).map(line).collect();
    if all.len() > MOST {
        lines.push(format!("… and {} more.", all.len() - MOST));
    }
    lines
}

// ── what will happen, and what was done ───────────────────────────────────────────────────────────────────

pub fn syncing(command: &str, group: Option<&str>) -> String {
    let asked = ":arrows_counterclockwise: Asking PagerDuty who is on call and Slack who is in the groups.";
    match group {
        None => format!("{asked} Groups that differ are put right within seconds."),
        Some(group) => format!(
            "{asked} If {} differs, it is put right within seconds; `{command} why @{}` says how it went.",
            handle(group),
            untrusted(group)
        ),
    }
}

/// For the group's channel: what was done to it, by whom, and until when.
pub fn rolled_back_by(people: &Directory, by: &str, last: &Write, hold: Option<&Hold>) -> String {
    let group = handle(&last.handle);
    let (who, until) = match hold {
        Some(hold) => (
            names(people, hold.members.iter()),
            format!(
                "It stays so until who is on call changes next; the rota says {}.",
                names(people, hold.instead_of.iter())
            ),
        ),
        None => (
            names(people, last.before.0.iter()),
            "That is what the rota says, so it follows the rota again.".to_owned(),
        ),
    };
    format!(":rewind: {} rolled {group} back: it becomes {who}. {until}", untrusted(by))
}

pub fn rolled_back(
    people: &Directory,
    command: &str,
    last: &Write,
    members: &BTreeSet<SlackUserId>,
    is_held: bool,
) -> String {
    let group = handle(&last.handle);
    let until = if is_held {
        format!(
            "It stays so until who is on call changes next; `{command} rollback @{}` once more takes this back.",
            untrusted(&last.handle)
        )
    } else {
        "That is what the rota says, so it follows the rota again.".into()
    };
    format!(
        ":rewind: Putting {group} back as it was before {} ({}): {}. {until}",
        date(last.written_at),
        untrusted(&last.cause),
        names(people, members.iter())
    )
}

pub fn applied(people: &Directory, by: &str, state: &State) -> String {
    format!(
        ":white_check_mark: {} said yes: {} becomes {}.",
        untrusted(by),
        handle(&state.handle),
        names(people, state.wanted.0.iter())
    )
}

pub fn nothing_to_apply(command: &str, group: &str) -> String {
    format!(
        "There is nothing left to say yes to for {}; `{command} why @{}` says how it stands.",
        handle(group),
        untrusted(group)
    )
}

/// What puts each person on call, schedule by schedule.
pub fn through(people: &Directory, group: &str, found: &[(String, Vec<Because>)]) -> String {
    let mut lines = vec![format!("*What puts people on call for {}*", handle(group))];
    for (schedule, on_duty) in found {
        let schedule = untrusted(schedule);
        if on_duty.is_empty() {
            lines.push(format!("• {schedule}: nobody"));
        }
        for duty in on_duty {
            let id = duty.responder.as_ref();
            let name = id.map(|id| people.responder_name(id).unwrap_or(id.as_str())).unwrap_or_default();
            let until = duty.until.map(|at| format!(", until {}", date(at))).unwrap_or_default();
            lines.push(format!("• {}: {} of {schedule}{until}", untrusted(name), untrusted(&duty.source)));
        }
    }
    lines.join("\n")
}
