//! The whole world in words that do not depend on how often something had to be tried: what is in Slack, what is in
//! PagerDuty, and what we wrote down. Two runs of a scenario that end alike read alike.

use std::fmt::Write as _;

use firebell::ids::IncidentId;
use firebell::row;
use firebell::sim::scene::{CAST, World};
use firebell::store::Db;

row! {
    pub struct Member { pub slack_user_id: String, pub state: String, pub detail: Option<String> }
}

/// Slack, PagerDuty, and our own rows.
pub async fn describe(world: &World, db: &Db) -> String {
    format!("{}\n{}", lasting(world, db).await, whispers(world))
}

/// The same without what only one person saw once.
pub async fn lasting(world: &World, db: &Db) -> String {
    let ours = ours(db).await;
    let all = without_marks(&format!("{}\n{}\n{ours}", slack(world), pagerduty(world)));
    // The room's first message says of the page what is known then: PagerDuty and Slack run side by side.
    all.replace("PagerDuty: being paged …", "PagerDuty: #1")
}

fn slack(world: &World) -> String {
    let mut told = String::new();
    let mut channels = world.slack.channels();
    channels.sort_by(|a, b| a.name.cmp(&b.name));
    for channel in channels {
        let members: Vec<&str> = channel.members.iter().map(String::as_str).collect();
        let bookmarks: Vec<&str> = channel.bookmarks.iter().map(|b| b.title.as_str()).collect();
        writeln!(told, "#{} of {}", channel.name, members.join(" ")).expect("writes");
        writeln!(told, "topic {:?}, bookmarks {bookmarks:?}", channel.topic).expect("writes");
        told += &paragraphs(&world.slack.transcript(&channel.name));
    }
    told
}

fn whispers(world: &World) -> String {
    let mut told = String::new();
    for (user, handle, ..) in CAST {
        writeln!(told, "only {handle}:").expect("writes");
        told += &paragraphs(&world.slack.ephemeral_transcript(user));
        told += &paragraphs(&world.slack.dm_transcript(user));
    }
    told
}

/// In no order: what has to be tried again comes later than what has not.
fn paragraphs(transcript: &str) -> String {
    let mut all: Vec<String> = transcript.split("\n\n").map(without_time).collect();
    all.sort();
    all.join("\n") + "\n"
}

fn pagerduty(world: &World) -> String {
    let mut told = String::new();
    for i in world.pagerduty.incidents() {
        let notes: Vec<&str> = i.notes.iter().map(|n| n.content.as_str()).collect();
        writeln!(
            told,
            "PagerDuty #{} {:?} {} {} {:?} {:?} level {} acknowledged by {:?}, note {:?}",
            i.number,
            i.title,
            i.status,
            i.urgency,
            i.priority,
            i.assignees,
            i.level,
            i.acknowledgers,
            i.resolve_note
        )
        .expect("writes");
        for note in notes {
            writeln!(told, "  {note}").expect("writes");
        }
    }
    let narrated = world.pagerduty.narrate();
    let mut story: Vec<String> = narrated.lines().map(without_time).collect();
    story.sort();
    told + &story.join("\n") + "\n"
}

async fn ours(db: &Db) -> String {
    let mut tx = db.read().await.expect("a transaction");
    let ids: Vec<IncidentId> =
        tx.scalars("SELECT id FROM incident ORDER BY number", &[]).await.expect("incidents");
    let mut told = String::new();
    for id in ids {
        let i = tx.incident(id).await.expect("the incident");
        writeln!(
            told,
            "{} {} {} acknowledged {:?} ended {:?} reopened {} last update {:?}",
            i.headline(),
            i.severity,
            i.status,
            i.acknowledged_at.map(firebell::clock::Timestamp::hh_mm),
            i.ended_at.map(firebell::clock::Timestamp::hh_mm),
            i.reopened_count,
            i.last_update
        )
        .expect("writes");
        let mut lines = Vec::new();
        for e in tx.timeline(id).await.expect("the timeline") {
            lines.push(format!(
                "  {} {} {} {} {:?}: {}",
                e.occurred_at.hh_mm(),
                e.kind,
                e.source,
                e.actor,
                e.actor_slack_id,
                e.text
            ));
        }
        for s in tx.steps(id).await.expect("steps") {
            lines.push(format!("  step {} {} {:?}", s.step, s.state, s.detail));
        }
        for r in tx.roles(id).await.expect("roles") {
            lines.push(format!("  role {} {}", r.role, r.name));
        }
        for p in tx.linked_pages(id).await.expect("pages") {
            lines.push(format!("  page {} {} primary {}", p.label(), p.status, p.is_primary));
        }
        let members: Vec<Member> = tx
            .all("SELECT slack_user_id, state, detail FROM incident_member WHERE incident_id = $1", &[&id])
            .await
            .expect("members");
        for m in members {
            lines.push(format!("  member {} {} {:?}", m.slack_user_id, m.state, m.detail));
        }
        lines.sort();
        told += &lines.join("\n");
        told.push('\n');
    }
    for job in tx.open_jobs().await.expect("jobs").into_iter().filter(|j| j.parked_at.is_some()) {
        writeln!(told, "parked {} {:?}", job.kind, job.last_error).expect("writes");
    }
    told
}

/// `10:00 ana: …` → `ana: …`
fn without_time(line: &str) -> String {
    match line.split_once(' ') {
        Some((time, rest)) if time.len() == 5 && time.as_bytes()[2] == b':' => rest.to_owned(),
        _ => line.to_owned(),
    }
}

/// Our ids are drawn anew in each run: the marks of notes.
fn without_marks(text: &str) -> String {
    let is_mark = |word: &str| word.len() >= 32 && word.bytes().all(|b| b.is_ascii_hexdigit());
    text.split('[')
        .map(|part| match part.split_once(']') {
            Some((mark, rest)) if is_mark(mark) => format!("mark]{rest}"),
            _ => part.to_owned(),
        })
        .collect::<Vec<_>>()
        .join("[")
}

/// For worlds that took longer than each other: without days, times of day and spans.
pub fn timeless(description: &str) -> String {
    let digits = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
    let mut out = String::new();
    for part in description.split_inclusive(|c: char| c.is_whitespace() || c == '"') {
        let end = part.len() - part.chars().next_back().map_or(0, char::len_utf8);
        let (word, separator) = part.split_at(end);
        let span = word.trim_end_matches(['.', ',']);
        if word.len() == 5 && word.split(':').all(digits) {
            out += "--:--";
        } else if word.len() == 10 && word.split('-').all(digits) {
            out += "some day";
        } else if span.len() > 1 && span.ends_with(['s', 'm', 'h']) && digits(&span[..span.len() - 1]) {
            out += "some time";
        } else {
            out += word;
        }
        out += separator;
    }
    out
}

/// The lines that only one of the two has.
pub fn difference(expected: &str, found: &str) -> Vec<String> {
    let count = |lines: &str, line: &str| lines.lines().filter(|l| *l == line).count();
    let lost = expected.lines().filter(|l| count(expected, l) > count(found, l)).map(|l| format!("- {l}"));
    let new = found.lines().filter(|l| count(found, l) > count(expected, l)).map(|l| format!("+ {l}"));
    lost.chain(new).filter(|l| l.len() > 2).collect()
}
