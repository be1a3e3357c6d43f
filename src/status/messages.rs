//! What is said about the state of the systems. Names come from the configuration and notes from monitors: both are
//! escaped here.

use std::time::Duration;

use super::model::{Picture, Reading, State, Told, WATCHED, worst};
use crate::clock::Timestamp;
use crate::ids::ChannelId;
use crate::incidents::messages::span;
use crate::slack::blocks::{channel as channel_link, date, plain, untrusted};

/// Monitors that are asked now have answered, or given no answer, by then.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(8);

pub const NO_LONGER: &str = "no longer stalking the status.";

const LONGEST_NOTE: usize = 200;
/// What Slack shows of one message.
const LONGEST: usize = 2_800;

fn code(state: State) -> String {
    format!("```Status: {state}```")
}

/// The state, what deviates, and how old each reading is.
pub fn status(picture: &Picture<'_>, now: Timestamp) -> String {
    let mut lines = Vec::new();
    let mut deviating: Vec<_> =
        picture.0.iter().filter(|(_, reading)| reading.is_none_or(|r| r.state != State::Normal)).collect();
    deviating.sort_by_key(|(_, reading)| std::cmp::Reverse(reading.map_or(State::Unknown, |r| r.state)));
    lines.extend(deviating.into_iter().map(|(name, reading)| line(name, *reading, now)));
    let normal = picture.0.iter().filter_map(|(name, reading)| Some((name, (*reading)?)));
    let normal = normal.filter(|(_, r)| r.state == State::Normal);
    let normal: Vec<String> = normal.map(|(name, r)| format!("{} {}", shown(name), ago(r, now))).collect();
    if !normal.is_empty() {
        lines.push(format!("Normal: {}", normal.join(", ")));
    }
    within(&code(picture.state()), lines)
}

fn line(name: &str, reading: Option<&Reading>, now: Timestamp) -> String {
    let name = shown(name);
    let Some(reading) = reading else { return format!("• *{name}* {}: not read yet", State::Unknown) };
    let before = match (reading.known, reading.known_at) {
        (Some(known), Some(at)) => format!("; {known} when it last answered, {} ago", span(now.since(at))),
        _ => String::new(),
    };
    format!("• *{name}* {}{}{before} — {}", reading.state, notes(reading), ago(reading, now))
}

fn notes(reading: &Reading) -> String {
    let notes: Vec<String> = reading.notes.0.iter().map(|n| untrusted(&one_line(n, LONGEST_NOTE))).collect();
    if notes.is_empty() { String::new() } else { format!(": {}", notes.join(" · ")) }
}

fn ago(reading: &Reading, now: Timestamp) -> String {
    format!("{} ago", span(now.since(reading.read_at)))
}

fn shown(name: &str) -> String {
    untrusted(&one_line(name, 60))
}

fn one_line(text: &str, max: usize) -> String {
    plain(&text.split_whitespace().collect::<Vec<_>>().join(" "), max)
}

/// As many lines as fit; how many do not is said.
fn within(head: &str, lines: Vec<String>) -> String {
    let mut text = head.to_owned();
    let all = lines.len();
    for (at, line) in lines.into_iter().enumerate() {
        if text.len() + line.len() > LONGEST {
            return format!("{text}\n… and {} more", all - at);
        }
        text = format!("{text}\n{line}");
    }
    text
}

/// Under an answer whose readings are old.
pub fn asking_now(age: Option<Duration>) -> String {
    let how_old = age.map_or_else(
        || ":hourglass_flowing_sand: Not every monitor was read yet".to_owned(),
        |age| format!(":hourglass_flowing_sand: The oldest of this is {} old", span(age)),
    );
    format!("{how_old}. I am asking the monitors now; what they say follows here.")
}

/// The same when they cannot be asked.
pub fn cannot_ask(age: Option<Duration>) -> String {
    let how_old = age.map_or_else(|| "incomplete".to_owned(), |age| format!("{} old", span(age)));
    format!(":warning: This is {how_old}, and I cannot ask the monitors now: my database does not answer.")
}

pub fn stalking(picture: &Picture<'_>, now: Timestamp, command: &str, ends_at: Option<Timestamp>) -> String {
    let until = match ends_at {
        Some(at) => format!("until {}", date(at)),
        None => "until the incident is over".into(),
    };
    format!(
        "{}\nNow stalking the status every {} seconds, {until}. I say when it changes; `{command} unstalk` ends it.",
        settled(picture, now),
        WATCHED.as_secs()
    )
}

/// To whoever asked: the channel hears it in a post.
pub const BEGINNING: &str = "I stalk the status for this channel and say so here now. If Slack does not let me, you hear that from me instead.";

/// What counts, with the notes of readings that show it.
fn settled(picture: &Picture<'_>, now: Timestamp) -> String {
    let told = picture.settled();
    within(&code(worst(&told)), deviating(picture, &told, &Told::new(), now))
}

fn deviating(picture: &Picture<'_>, told: &Told, was: &Told, now: Timestamp) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, reading) in &picture.0 {
        let state = told.get(*name).copied().unwrap_or(State::Unknown);
        let (name, was) = (shown(name), was.get(*name));
        let was = was.map(|was| format!(" (was {was})")).unwrap_or_default();
        if state == State::Normal && was.is_empty() {
            continue;
        }
        let why = match reading {
            None => ": not read yet".to_owned(),
            Some(r) if r.state == state => format!("{} — {}", notes(r), ago(r, now)),
            Some(_) => String::new(),
        };
        lines.push((state, format!("• *{name}* {state}{was}{why}")));
    }
    lines.sort_by_key(|(state, _)| std::cmp::Reverse(*state));
    lines.into_iter().map(|(_, line)| line).collect()
}

pub fn changed(picture: &Picture<'_>, told: &Told, was: &Told, now: Timestamp) -> String {
    within(&code(worst(told)), deviating(picture, told, was, now))
}

/// For the timeline: `NORMAL → DEGRADED: payments alerts DEGRADED`.
pub fn change_entry(before: &Told, told: &Told, was: &Told) -> String {
    let (from, to) = (worst(before), worst(told));
    let head = if from == to { to.to_string() } else { format!("{from} → {to}") };
    let each = was.keys().filter_map(|name| Some(format!("{name} {}", told.get(name)?)));
    format!("Status {head}: {}", each.collect::<Vec<_>>().join(", "))
}

pub fn stalk_entry(told: &Told) -> String {
    format!("Stalking the status: {}", worst(told))
}

pub fn stalked_already(told: &Told, command: &str) -> String {
    format!(
        "This channel stalks the status already; the last it was told is {}. `{command}` shows it now, `{command} \
         unstalk` ends it.",
        worst(told)
    )
}

pub fn over_with_incident(told: &Told) -> String {
    format!("The incident is over: {NO_LONGER} It was {} at the end.", worst(told))
}

pub fn over_by_time(told: &Told, command: &str) -> String {
    format!("A day has passed: {NO_LONGER} It is {} now. To go on: `{command} stalk`", worst(told))
}

/// In private, to whoever began the stalk or asked. Nobody can be invited into a direct message.
pub fn cannot_write(channel: &ChannelId) -> String {
    if channel.as_str().starts_with('D') {
        return "I cannot write in your direct message with somebody else, so nobody is told the status there. Ask in a \
                channel, or here."
            .into();
    }
    format!(
        "I cannot write in {}, so it is not told the status. Write /invite @firebell there, and ask again.",
        channel_link(channel)
    )
}
