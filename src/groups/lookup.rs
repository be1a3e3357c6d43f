//! What a word of `/oncall` means, and who is on call there: from memory alone, so that it answers while everything else
//! is down. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::command::{Lookup, did_you_mean};
use super::help;
use super::model::{Memory, Plan, Target, Verdict, target, targets};
use super::plan::Rota;
use crate::clock::Timestamp;
use crate::config::{Service, nearest_few};
use crate::error::{Error, Result};
use crate::ids::{PagerDutyUserId, SlackUserId};
use crate::oncall::model::Contact;
use crate::oncall::{Directory, Group, Known, OnCall, Step};
use crate::slack::spoken::Spoken;
use crate::slack::words::{self, Reference, first_word, quoted, reference, unquoted};

/// Something or somebody that can be looked up.
#[derive(Debug)]
pub enum Subject<'a> {
    /// A group that follows a rota.
    Kept(Target<'a>),
    /// Another one of Slack's.
    Group(&'a Group),
    Service(&'a Service),
    /// By id.
    Policy(&'a str),
    Schedule(&'a str),
    Person(Person),
}

/// Somebody of either world, or of both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub name: String,
    pub slack: Option<SlackUserId>,
    pub responders: BTreeSet<PagerDutyUserId>,
}

/// Somebody's time on call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    pub who: Contact,
    pub from: Option<Timestamp>,
}

/// One place in a rota: who holds it, and who does next, as far as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seat {
    pub schedule: Option<String>,
    /// Level and policy.
    pub levels: BTreeSet<(i64, String)>,
    pub now: Vec<Shift>,
    pub next: Vec<Shift>,
    /// Nobody has told yet who follows.
    pub is_stale: bool,
}

/// What is known of one place's or group's on-call.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub seats: Vec<Seat>,
    /// What could not be found out.
    pub troubles: Vec<String>,
}

/// How long ago PagerDuty was last heard; after a few polls that is worth a warning.
pub fn age(known: &Known, now: Timestamp) -> (Option<Duration>, bool) {
    let age = known.people.age(Step::ReadOnCall, now);
    (age, age.is_none_or(|age| age > 3 * known.config.oncall.poll))
}

/// What the word of `/oncall` means.
pub fn find<'a>(known: &'a Known, caller: &SlackUserId, lookup: &Lookup) -> Result<Subject<'a>> {
    subject(known, caller, &lookup.typed, &known.config.commands.oncall, help::VERBS)
}

/// What a word means. Names in any letter case; the configuration's go before PagerDuty's, things before people. Near
/// misses are put as what could have been typed after `command`.
pub fn subject<'a>(
    known: &'a Known,
    caller: &SlackUserId,
    typed: &str,
    command: &str,
    verbs: &[Spoken],
) -> Result<Subject<'a>> {
    let found = known_as(known, caller, typed)?;
    found.ok_or_else(|| unknown(known, caller, words::plain(unquoted(typed)).trim(), command, verbs))
}

/// The same; `None` for what nothing and nobody is called.
fn known_as<'a>(known: &'a Known, caller: &SlackUserId, typed: &str) -> Result<Option<Subject<'a>>> {
    let (config, people) = (&known.config, &*known.people);
    let typed = unquoted(typed);
    match reference(typed) {
        Some(Reference::User(id)) => {
            let member = people.member(&id);
            let name = member.map_or_else(|| words::plain(typed), |m| m.called().to_owned());
            let person = person(people, name.trim_start_matches('@'), Some(id), []);
            return Ok(Some(Subject::Person(person)));
        }
        Some(Reference::Group(id)) => {
            let group = people.group(&id);
            let kept = group.and_then(|g| target(config, &g.handle)).map(Subject::Kept);
            let found = kept.or_else(|| group.map(Subject::Group));
            if found.is_some() {
                return Ok(found);
            }
        }
        Some(Reference::Channel(..)) => {
            return Err(Error::refused(
                "A channel is not on call. Name a service, a @group, a @user, a schedule or an escalation policy.",
            ));
        }
        None => {}
    }
    let word = words::plain(typed);
    let word = word.trim();
    let group = || people.group(word).map(Subject::Group);
    let kept = || target(config, word).map(Subject::Kept);
    Ok(if word.starts_with('@') {
        match kept().or_else(group) {
            Some(group) => Some(group),
            None => somebody(people, word)?,
        }
    } else if word.eq_ignore_ascii_case("me") {
        Some(Subject::Person(person(people, &people.name_of(caller), Some(caller.clone()), [])))
    } else {
        let ours = config.find_service(word).map(Subject::Service).or_else(kept);
        let schedule = if ours.is_none() { schedule(people, word)?.map(Subject::Schedule) } else { None };
        match ours.or(schedule).or_else(|| policy(people, word).map(Subject::Policy)) {
            Some(thing) => Some(thing),
            None => somebody(people, word)?.or_else(group),
        }
    })
}

fn schedule<'a>(people: &'a Directory, word: &str) -> Result<Option<&'a str>> {
    let listed = people.schedules.iter().map(|s| (s.id.as_str(), s.name.as_str()));
    let seen =
        people.oncall.iter().filter_map(|r| Some((r.schedule_id.as_deref()?, r.schedule_name.as_deref()?)));
    let found: BTreeSet<&str> =
        listed.chain(seen).filter(|(id, name)| *id == word || same(name, word)).map(|(id, _)| id).collect();
    let found: Vec<&str> = found.into_iter().collect();
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        several => Err(Error::refused(format!(
            "Several schedules are called {}; write the id: {}.",
            quoted(word),
            several.join(" or ")
        ))),
    }
}

fn policy<'a>(people: &'a Directory, word: &str) -> Option<&'a str> {
    let row = people.oncall.iter().find(|r| r.policy_id == word || same(&r.policy_name, word));
    row.map(|r| r.policy_id.as_str())
}

/// Of several of one name, none: the wrong one would be told, or woken.
fn somebody<'a>(people: &Directory, word: &str) -> Result<Option<Subject<'a>>> {
    let called = |name: &str| same(name.trim_start_matches('@'), word.trim_start_matches('@'));
    let mut member = people.member_by_handle(word).or_else(|| people.member_by_email(word));
    if member.is_none() {
        let mut named =
            people.members.values().filter(|m| !m.is_deleted && !m.is_bot && called(&m.real_name));
        member = named.next();
        let others: Vec<String> = named.map(|m| format!("@{}", m.name)).collect();
        if let (Some(first), false) = (member, others.is_empty()) {
            return Err(Error::refused(format!(
                "Several people are called {}; write @{} or {}.",
                quoted(word),
                first.name,
                others.join(" or ")
            )));
        }
    }
    if let Some(member) = member {
        return Ok(Some(Subject::Person(person(people, member.called(), Some(member.id.clone()), []))));
    }
    let theirs = |r: &&crate::oncall::Responder| {
        r.id.as_str() == word || called(&r.name) || r.emails.0.iter().any(|e| e.eq_ignore_ascii_case(word))
    };
    let mut found = people.responders.values().filter(theirs);
    let Some(responder) = found.next() else { return Ok(None) };
    if let Some(other) = found.next() {
        let address = |r: &crate::oncall::Responder| r.email.clone().unwrap_or_else(|| r.id.to_string());
        return Err(Error::refused(format!(
            "Several people in PagerDuty are called {}; write {} or {}.",
            quoted(word),
            address(responder),
            address(other)
        )));
    }
    let slack = people.slack_of(&responder.id).cloned();
    Ok(Some(Subject::Person(person(people, &responder.name, slack, [responder.id.clone()]))))
}

/// With every PagerDuty account that is linked to theirs in Slack.
pub fn person<const N: usize>(
    people: &Directory,
    name: &str,
    slack: Option<SlackUserId>,
    own: [PagerDutyUserId; N],
) -> Person {
    let linked =
        people.links.iter().filter(|(_, user)| Some(*user) == slack.as_ref()).map(|(id, _)| id.clone());
    Person { name: name.to_owned(), responders: linked.chain(own).collect(), slack }
}

fn same(name: &str, word: &str) -> bool {
    name.trim().to_lowercase() == word.to_lowercase()
}

/// The nearest three of what could have been meant.
fn unknown(known: &Known, caller: &SlackUserId, word: &str, name: &str, verbs: &[Spoken]) -> Error {
    let people = &known.people;
    let bare = word.trim_start_matches('@');
    let is_known = |word: &str| matches!(known_as(known, caller, word), Ok(Some(_)));
    let meant = |words: String| {
        let meant = did_you_mean(std::iter::once(format!("{name} {words}").trim().to_owned()));
        Error::refused(format!("I know nothing called {}. {meant}", quoted(word)))
    };
    // `wyh @payments-oncall`, `whoo payments`
    let (first, rest) = first_word(word);
    let verbs = verbs.iter().flat_map(|v| std::iter::once(v.word).chain(v.aliases.iter().copied()));
    if let [verb] = nearest_few(first, verbs, 1).as_slice()
        && (rest.is_empty() || rest.starts_with('@') || is_known(rest))
    {
        return meant(format!("{verb} {}", quoted(rest)));
    }
    let asked_for = asked_for(word);
    if asked_for != word && is_known(asked_for) {
        return meant(quoted(asked_for));
    }
    let handles = targets(&known.config).into_iter().map(|t| t.handle);
    let things = handles.chain(known.config.services.iter().flat_map(Service::words));
    let schedules = people.schedules.iter().map(|s| s.name.as_str());
    let rows = people.oncall.iter();
    let of_rows = rows.flat_map(|r| [Some(r.policy_name.as_str()), r.schedule_name.as_deref()]).flatten();
    let members = people.members.values().filter(|m| !m.is_deleted && !m.is_bot);
    let persons = members.flat_map(|m| [m.name.as_str(), m.real_name.as_str()]);
    let groups = people.groups.iter().map(|g| g.handle.as_str());
    let all: Vec<&str> = things.chain(schedules).chain(of_rows).chain(persons).chain(groups).collect();
    let mut near = nearest_few(bare, all.iter().copied(), 3);
    if near.is_empty() && (3..=80).contains(&bare.chars().count()) {
        let part = bare.to_lowercase();
        let mut with: Vec<&str> =
            all.into_iter().filter(|name| name.to_lowercase().contains(&part)).collect();
        with.dedup();
        near = with.into_iter().take(3).collect();
    }
    let hint = if near.is_empty() {
        let (overview, (command, _)) = (&known.config.commands.oncall, first_word(name));
        let is_a_name = command == first_word(overview).0 && !word.starts_with('@');
        let unread = if is_a_name && known.config.pagerduty.is_some() {
            " Of PagerDuty's schedules I know those that the configuration uses, and those of the escalation policies in it."
        } else {
            ""
        };
        format!("`{overview}` alone shows what there is; `{command} help` says what I understand.{unread}")
    } else {
        did_you_mean(near.iter().map(|near| format!("{name} {}", quoted(near))))
    };
    Error::not_found(format!("I know nothing and nobody called {}. {hint}", quoted(word)))
}

/// What a question is about: `payments`, of `is on call for payments?`.
fn asked_for(word: &str) -> &str {
    const AROUND: [&str; 14] = [
        "who", "who's", "whos", "is", "are", "on", "call", "on-call", "oncall", "for", "the", "at", "in",
        "now",
    ];
    let mut rest = word.trim_end_matches(['?', '!', '.']).trim();
    loop {
        let (first, after) = first_word(rest);
        if after.is_empty() || !AROUND.iter().any(|word| first.eq_ignore_ascii_case(word)) {
            return rest;
        }
        rest = after;
    }
}

/// Who is on call on the first levels of a policy, level by level.
pub fn on_policy(people: &Directory, id: &str, up_to: i64, at: Timestamp) -> Vec<Seat> {
    let rows = people.oncall.of_policy(id).filter(|r| r.level <= up_to);
    let mut places: BTreeMap<(i64, Option<&str>), Vec<&OnCall>> = BTreeMap::new();
    for row in rows {
        places.entry((row.level, row.schedule_id.as_deref())).or_default().push(row);
    }
    places.into_values().map(|rows| seat(people, &rows, at)).collect()
}

/// Who is on call on a schedule, whichever policies use it.
pub fn on_schedule(people: &Directory, id: &str, at: Timestamp) -> Seat {
    let rows: Vec<&OnCall> = people.oncall.of_schedule(id).collect();
    let name = people.schedule_name(id).to_owned();
    Seat { schedule: Some(name), ..seat(people, &rows, at) }
}

/// What a service's on-call is; nothing when its policy is not known.
pub fn on_service(known: &Known, service: &Service, at: Timestamp) -> Vec<Seat> {
    let people = &known.people;
    let policy = people.policy_of(service);
    policy.map(|id| on_policy(people, id, i64::MAX, at)).unwrap_or_default()
}

/// Everything that feeds a group.
pub fn on_sources(known: &Known, target: Target<'_>, at: Timestamp) -> Found {
    let people = &known.people;
    let mut found = Found::default();
    for word in &target.spec.schedules {
        match people.schedule_id(word) {
            Ok(id) => found.seats.push(on_schedule(people, id, at)),
            Err(trouble) => found.troubles.push(trouble),
        }
    }
    for policy in &target.spec.policies {
        let seats = on_policy(people, &policy.id, policy.up_to.unwrap_or(i64::MAX), at);
        if seats.is_empty() {
            found.troubles.push(format!("PagerDuty names nobody for the escalation policy {}", policy.id));
        }
        found.seats.extend(seats);
    }
    found
}

/// Everybody in the rota of a companion group.
pub fn whole_rota(known: &Known, target: Target<'_>, at: Timestamp) -> Vec<SlackUserId> {
    planned(known, target, at).map(|plan| plan.because.into_keys().collect()).unwrap_or_default()
}

/// What the group should hold, by what is in memory; `None` while nothing is concluded from that.
pub fn planned(known: &Known, target: Target<'_>, at: Timestamp) -> Option<Plan> {
    let team_id = known.people.team_id(&known.config)?;
    let plan = Rota::new(&known.people, &team_id, at).plan(target, &Memory::default());
    let is_read = known.people.read_at.contains_key(Step::ReadOnCall.kind());
    (is_read && !matches!(plan.verdict, Verdict::Unread(_))).then_some(plan)
}

/// The places that somebody holds or holds next. A schedule that several policies use is one place.
pub fn on_person<'a>(people: &'a Directory, person: &Person, at: Timestamp) -> Vec<Seat> {
    type Place<'a> = (Option<&'a str>, Option<(&'a str, i64)>);
    let place = |row: &'a OnCall| -> Place<'a> {
        let level = (row.policy_id.as_str(), row.level);
        (row.schedule_id.as_deref(), row.schedule_id.is_none().then_some(level))
    };
    let theirs = people.oncall.iter().filter(|r| person.responders.contains(&r.pagerduty_user_id));
    let places: BTreeSet<Place<'_>> = theirs.map(place).collect();
    let in_place = |at: Place<'a>| -> Vec<&OnCall> {
        match at {
            (Some(schedule), _) => people.oncall.of_schedule(schedule).collect(),
            (None, Some((policy, _))) => people.oncall.of_policy(policy).filter(|r| place(r) == at).collect(),
            (None, None) => Vec::new(),
        }
    };
    places.into_iter().map(|place| seat_of(people, &in_place(place), at, Some(person))).collect()
}

fn seat(people: &Directory, rows: &[&OnCall], at: Timestamp) -> Seat {
    seat_of(people, rows, at, None)
}

/// Who holds these rows, which are all of one place; of one person only, if given.
fn seat_of(people: &Directory, rows: &[&OnCall], at: Timestamp, person: Option<&Person>) -> Seat {
    let said_ago = people.age(Step::ReadOnCall, at).unwrap_or_default();
    let counts = |r: &&OnCall| person.is_none_or(|p| p.responders.contains(&r.pagerduty_user_id));
    let standing = people.standing(rows.iter().copied(), at);
    let mut now: Vec<Shift> = Vec::new();
    for row in standing.rows.into_iter().filter(counts) {
        let shift = shift(people, rows, row, said_ago);
        match now.iter_mut().find(|known| known.who.responder == row.pagerduty_user_id) {
            None => now.push(shift),
            Some(known) if later(shift.who.until, known.who.until) => *known = shift,
            Some(_) => {}
        }
    }
    // Rows split and join: what continues a shift that runs is that shift.
    let goes_on = |r: &OnCall| {
        now.iter()
            .any(|known| known.who.responder == r.pagerduty_user_id && !later(r.starts_at, known.who.until))
    };
    let mut coming: Vec<&OnCall> = rows
        .iter()
        .copied()
        .filter(|r| r.starts_at.is_some_and(|s| s > at) && counts(r) && !goes_on(r))
        .collect();
    let first = coming.iter().filter_map(|r| r.starts_at).min();
    let mut seen = BTreeSet::new();
    coming.retain(|r| r.starts_at == first && seen.insert(&r.pagerduty_user_id));
    Seat {
        schedule: rows.iter().find_map(|r| r.schedule_name.clone().or_else(|| r.schedule_id.clone())),
        levels: rows.iter().map(|r| (r.level, r.policy_name.clone())).collect(),
        next: coming.into_iter().map(|r| shift(people, rows, r, said_ago)).collect(),
        is_stale: standing.is_stale,
        now,
    }
}

/// No end is later than any.
fn later(one: Option<Timestamp>, other: Option<Timestamp>) -> bool {
    match (one, other) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(one), Some(other)) => one > other,
    }
}

fn shift(people: &Directory, rows: &[&OnCall], row: &OnCall, said_ago: Duration) -> Shift {
    let mut who = people.contact(row, said_ago);
    while let Some(end) = who.until {
        let goes_on = rows.iter().find(|r| {
            r.pagerduty_user_id == row.pagerduty_user_id
                && r.starts_at.is_some_and(|start| start <= end)
                && later(r.ends_at, Some(end))
        });
        let Some(more) = goes_on else { break };
        who.until = more.ends_at;
    }
    Shift { who, from: row.starts_at }
}
