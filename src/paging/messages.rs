//! Every word about paging. Names and messages are typed by people: escaped here.

pub mod answers;

use uuid::Uuid;

use super::model::{Kind, LONGEST_MESSAGE, Page, State, Target};
use super::seats::{self, Held};
use super::targets::Wanted;
use crate::clock::Timestamp;
use crate::config::{Config, Phones, Service};
use crate::front::{Message, Reply};
use crate::groups::messages::answers::{MOST, some};
use crate::groups::messages::rota::said_ago;
use crate::incidents::Incident;
use crate::incidents::messages::span;
use crate::incidents::trouble::Delay;
use crate::oncall::Known;
use crate::oncall::model::Contact;
use crate::slack::blocks::{link, mention, plain, untrusted};

/// Who reads it, which decides about phone numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eyes {
    One,
    Everybody,
}

impl Eyes {
    fn may_see_phones(self, config: &Config) -> bool {
        config.paging.phones.are_shown(self == Self::Everybody)
    }

    /// `Ana Example (☎ +49 151 5550100)`, or the name alone.
    fn contact(self, config: &Config, who: &Contact) -> String {
        let name = untrusted(&who.name);
        match &who.phone {
            _ if !self.may_see_phones(config) => name,
            Some(phone) => format!("{name} (☎ {})", untrusted(phone)),
            None => format!("{name} (no phone number known)"),
        }
    }

    fn contacts<'a>(self, config: &Config, who: impl IntoIterator<Item = &'a Contact>) -> String {
        let all: Vec<String> = who.into_iter().map(|c| self.contact(config, c)).collect();
        if all.is_empty() { "nobody that I know of".into() } else { all.join(", ") }
    }

    fn reply(self, text: String) -> Reply {
        match self {
            Self::One => Reply::only(text),
            Self::Everybody => Reply::everyone(text),
        }
    }
}

fn hint(text: &str) -> String {
    format!("ⓘ {text}")
}

// ── who it is ─────────────────────────────────────────────────────────────────────────────────────────────

pub const NO_COMMANDERS: &str = "No incident commanders are configured here. An administrator can name them under \
                                 [[commander]] in Firebell's configuration.";

pub fn commanders(known: &Known, seats: &[Held<'_>], name: &str, at: Timestamp, eyes: Eyes) -> Reply {
    let config = &known.config;
    if seats.is_empty() {
        return Reply::only(NO_COMMANDERS);
    }
    let mut lines: Vec<String> = Vec::new();
    for held in seats {
        let emoji = if held.seat.emoji.is_empty() { String::new() } else { format!("{} ", held.seat.emoji) };
        let who = eyes.contacts(config, &held.holders);
        lines.push(format!("{emoji}{} On-Call is {who}", untrusted(&held.seat.title)));
        lines.extend(held.troubles.iter().map(|t| format!(":warning: {}.", untrusted(t))));
    }
    lines.push(hint(&if seats.iter().any(|held| !held.holders.is_empty()) {
        format!("Use `{name} page` to page the ICs.")
    } else {
        let page = &config.commands.page;
        format!("`{name} responders` shows who is on call for each team, and `{page} SERVICE …` pages one.")
    }));
    lines.push(said_ago(known, at));
    eyes.reply(lines.join("\n"))
}

pub fn responders(known: &Known, name: &str, at: Timestamp, eyes: Eyes) -> Reply {
    let config = &known.config;
    let teams = seats::responders(known, MOST, at);
    let team = |(name, people): &(&str, Vec<Contact>)| {
        format!(":pager: {} ➡ {}", untrusted(name), eyes.contacts(config, people))
    };
    let mut lines: Vec<String> = teams.iter().map(team).collect();
    let more = config.services.len().saturating_sub(lines.len());
    if more > 0 {
        lines.push(format!("… and {more} more: `{name} who TEAM` shows one."));
    }
    if lines.is_empty() {
        lines.push("No services are configured, so I know no teams.".into());
    }
    lines.push(hint(&format!("Use `{name} page responders` to page the team responders.")));
    lines.push(said_ago(known, at));
    eyes.reply(lines.join("\n"))
}

/// `again` pages them.
pub fn who(known: &Known, people: &[Wanted], again: &str, at: Timestamp) -> Reply {
    let config = &known.config;
    let line = |wanted: &Wanted| match wanted.problem {
        Some(problem) if wanted.people.is_empty() => {
            format!(":pager: {}: {problem}.", untrusted(&wanted.name))
        }
        _ if wanted.responder.is_none() => {
            format!(":pager: {} ➡ {}", untrusted(&wanted.name), Eyes::One.contacts(config, &wanted.people))
        }
        _ => format!(":pager: {}", Eyes::One.contacts(config, &wanted.people)),
    };
    let mut lines = some(people, line);
    if people.iter().any(|wanted| wanted.problem.is_none()) {
        lines.push(hint(&format!("Use `{}` to page them.", untrusted(again))));
    }
    lines.push(said_ago(known, at));
    Reply::only(lines.join("\n"))
}

// ── what is done ──────────────────────────────────────────────────────────────────────────────────────────

/// The first line of everything about a page.
fn heading(page: &Page) -> String {
    match page.kind {
        Kind::Commanders => ":rotating_light: Paging Incident Commander(s)".into(),
        Kind::Responders => ":rotating_light: Paging Responder(s)".into(),
        Kind::Person => format!(":rotating_light: Paging '{}'", untrusted(&page.whom)),
        Kind::Page => format!(
            ":rotating_light: Paging '{}': {}",
            untrusted(&page.whom),
            untrusted(&plain(&page.message, 1_500))
        ),
    }
}

/// `payments (Ana Example)`, or the person's name.
fn name(known: &Known, target: &Target) -> String {
    let Some(policy) = &target.policy_id else { return untrusted(&target.name) };
    let on_call = first_level(known, policy, target.changed_at);
    let people = on_call.iter().map(|c| untrusted(&c.name)).collect::<Vec<_>>().join(", ");
    if people.is_empty() {
        untrusted(&target.name)
    } else {
        format!("{} ({people})", untrusted(&target.name))
    }
}

fn first_level(known: &Known, policy: &str, at: Timestamp) -> Vec<Contact> {
    let on_call = known.people.on_call(policy, at);
    let first = on_call.first().map(|c| c.level);
    on_call.into_iter().filter(|c| Some(c.level) == first).collect()
}

/// What is read at once: whom it is for, person by person.
pub fn paging(known: &Known, page: &Page, targets: &[Target], incident: Option<&Incident>) -> String {
    let mut lines = vec![heading(page)];
    for target in targets {
        lines.push(match target.state {
            State::Failed => format!(
                ":exclamation: {} cannot be paged: {}. Please call them.",
                untrusted(&target.name),
                untrusted(target.detail.as_deref().unwrap_or("unknown"))
            ),
            _ => format!(":hourglass_flowing_sand: {} is being paged.", name(known, target)),
        });
    }
    if let Some(incident) = incident {
        lines.push(format!("_For {}; they are invited here._", untrusted(&incident.headline())));
    }
    lines.join("\n")
}

/// The same was paged just now: nobody is rung twice by two people in a hurry. As long as PagerDuty has not taken it,
/// whom to call is what the asker needs to know.
pub fn paged_already(known: &Known, (twin, targets): (&Page, &[Target]), new: &Page, again: &str) -> String {
    let how_it_is = match (twin.answered_at, twin.done_at) {
        (Some(_), _) => "Somebody has answered.".to_owned(),
        (None, Some(_)) => "Nobody has answered yet.".to_owned(),
        (None, None) => {
            let waiting = targets.iter().filter(|t| t.state == State::Waiting);
            let whom: Vec<String> = waiting.map(|t| reach(known, t, new.asked_at, Eyes::One)).collect();
            format!(
                "PagerDuty has not taken it yet, and I keep trying: to be sure, please call {}.",
                whom.join(", ")
            )
        }
    };
    let besides = if twin.whom == new.whom {
        String::new()
    } else {
        format!(", which is for {}, too", untrusted(&new.whom))
    };
    format!(
        ":information_source: {}{besides}, so I page nobody now. {how_it_is} To page once more: `{}`.",
        paged_before(twin, new),
        untrusted(again)
    )
}

/// The same people were paged just now, in other words.
pub fn paged_besides(earlier: &Page, new: &Page) -> String {
    format!("\n_{}._", paged_before(earlier, new))
}

/// Its words are for those who could read them where they were said.
fn paged_before(earlier: &Page, new: &Page) -> String {
    let who = if earlier.asked_by == new.asked_by {
        "You have".to_owned()
    } else {
        untrusted(&earlier.asked_by_name) + " has"
    };
    let words = match earlier.kind {
        Kind::Page if earlier.channel_id == new.channel_id => {
            format!(": “{}”", untrusted(&plain(&earlier.message, 80)))
        }
        _ => String::new(),
    };
    let on =
        earlier.html_url.as_deref().map(|url| format!(" ({})", link(url, "PagerDuty"))).unwrap_or_default();
    format!(
        "{who} paged {} {} ago{words}{on}",
        untrusted(&earlier.whom),
        span(new.asked_at.since(earlier.asked_at))
    )
}

/// What PagerDuty has no room for is not read by those whom it wakes. Empty when it has.
pub fn cut_short(title: &str) -> String {
    let read = plain(title, LONGEST_MESSAGE);
    let left_out = plain(title, usize::MAX).chars().count().saturating_sub(read.chars().count());
    if left_out == 0 {
        return String::new();
    }
    let end: String = read.chars().skip(LONGEST_MESSAGE - 40).collect();
    // The last character that fits gives way to the dots.
    let left_out = left_out + 1;
    format!(
        "\n:scissors: PagerDuty takes {LONGEST_MESSAGE} characters: those who are paged read as far as “{}”, without the last {left_out}.",
        untrusted(&end)
    )
}

const TEST: &str = ":red_circle: TEST MODE ENABLED - nobody is paged :red_circle:";

/// The same, of a test.
pub fn tested(known: &Known, page: &Page, targets: &[Target]) -> String {
    let mut lines = vec![TEST.to_owned(), heading(page)];
    lines.extend(targets.iter().map(|t| match t.state {
        State::Failed => format!(
            ":exclamation: {} could not be paged: {}.",
            untrusted(&t.name),
            untrusted(t.detail.as_deref().unwrap_or("unknown"))
        ),
        _ => format!(":white_check_mark: {} would be paged.", name(known, t)),
    }));
    lines.push(TEST.to_owned());
    lines.join("\n")
}

/// Whom to call when PagerDuty does not: the people behind what could not be paged.
pub fn to_call(known: &Known, target: &Target, at: Timestamp) -> Vec<Contact> {
    if let Some(policy) = &target.policy_id {
        return first_level(known, policy, at);
    }
    let Some(id) = &target.pagerduty_user_id else { return Vec::new() };
    let responder = known.people.responders.get(id);
    vec![Contact {
        name: responder.map_or(&target.name, |r| &r.name).clone(),
        phone: responder.and_then(|r| r.phone.clone()),
        slack: known.people.slack_of(id).cloned(),
        responder: id.clone(),
        level: 1,
        until: None,
        said_ago: std::time::Duration::ZERO,
    }]
}

/// `NAME at +PHONE`, or the name alone.
fn reach(known: &Known, target: &Target, at: Timestamp, eyes: Eyes) -> String {
    let people = to_call(known, target, at);
    if people.is_empty() && target.pagerduty_user_id.is_none() {
        return format!("whoever is on call for {}", untrusted(&target.name));
    }
    let one = |c: &Contact| match &c.phone {
        Some(phone) if eyes.may_see_phones(&known.config) => {
            format!("{} at {}", untrusted(&c.name), untrusted(phone))
        }
        None if eyes.may_see_phones(&known.config) => {
            format!("{} (no phone number known)", untrusted(&c.name))
        }
        _ => untrusted(&c.name),
    };
    people.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Nobody is to be woken for what is over, by people either.
fn over<'a>(known: &Known, unpaged: impl Iterator<Item = &'a &'a Target>) -> String {
    let names: Vec<String> = unpaged.map(|t| name(known, t)).collect();
    format!(
        ":information_source: The incident is over, so I have dropped the page of {}: nobody needs to be called.",
        names.join(", ")
    )
}

fn please_call(known: &Known, target: &Target, at: Timestamp, eyes: Eyes) -> String {
    let because = target.detail.as_deref().map(|d| format!(" ({})", untrusted(d))).unwrap_or_default();
    format!(
        ":exclamation: There was an error paging a user, please manually call {}.{because}",
        reach(known, target, at, eyes)
    )
}

/// Where the numbers are that the channel does not show.
fn numbers_told(known: &Known, page: &Page, uncalled: &[&Target], at: Timestamp) -> Option<String> {
    let is_told = known.config.paging.phones == Phones::Private;
    let has_anybody = uncalled.iter().any(|t| !to_call(known, t, at).is_empty());
    (is_told && has_anybody)
        .then(|| format!("_I have sent the phone numbers to {}._", mention(&page.asked_by)))
}

/// What became of everybody.
pub fn outcome(
    known: &Known,
    page: &Page,
    targets: &[Target],
    service: Option<&Service>,
    at: Timestamp,
) -> Message {
    let mut lines = vec![heading(page)];
    let in_state = |state: State| targets.iter().filter(move |t| t.state == state).collect::<Vec<_>>();
    let (failed, dropped) = (in_state(State::Failed), in_state(State::Dropped));
    for target in targets {
        match target.state {
            State::Failed if dropped.is_empty() => {
                lines.push(please_call(known, target, at, Eyes::Everybody));
            }
            State::Failed | State::Dropped => {}
            _ => lines.push(has_been_paged(known, target)),
        }
    }
    if dropped.is_empty() {
        lines.extend(numbers_told(known, page, &failed, at));
    } else {
        lines.push(over(known, failed.iter().chain(&dropped)));
    }
    if page.kind == Kind::Commanders && dropped.is_empty() {
        let ic = &known.config.commands.ic;
        lines.push(hint(&format!("Use `{ic} responders` to see who the team responders are.")));
    }
    if let Some(url) = &page.html_url {
        let on = service.map_or("PagerDuty", |s| &s.name);
        lines.push(format!("pd: Incident triggered in the following service: {}", link(url, on)));
    }
    Message::text(lines.join("\n"))
}

/// It does not go out, or not to everybody, and somebody should know: person by person. `by_event` is who was paged by the
/// second road.
pub fn alarm(
    known: &Known,
    page: &Page,
    targets: &[Target],
    delay: &Delay,
    by_event: Option<Uuid>,
    at: Timestamp,
) -> Message {
    let waits = |t: &&Target| t.state == State::Waiting && by_event != Some(t.id);
    let is_nobody = targets.iter().all(|t| matches!(t.state, State::Waiting | State::Failed));
    let because = untrusted(&delay.because);
    let mut lines = vec![heading(page)];
    lines.push(match targets.iter().filter(waits).count() {
        0 => format!(":warning: {because}. I keep trying."),
        _ if is_nobody && by_event.is_none() => {
            format!(":warning: *{}*: {because}. I keep trying.", delay.nobody_is_paged())
        }
        _ if delay.is_in_doubt => {
            format!(":warning: *Perhaps not everybody has been paged yet*: {because}. I keep trying.")
        }
        _ => format!(":warning: *Not everybody has been paged yet*: {because}. I keep trying."),
    });
    lines.extend(targets.iter().map(|target| match target.state {
        State::Waiting if by_event == Some(target.id) => by_second_road(known, page, target, at),
        State::Waiting | State::Failed => please_call(known, target, at, Eyes::Everybody),
        _ => has_been_paged(known, target),
    }));
    let uncalled: Vec<&Target> =
        targets.iter().filter(|t| matches!(t.state, State::Waiting | State::Failed)).collect();
    lines.extend(numbers_told(known, page, &uncalled, at));
    Message::text(lines.join("\n"))
}

fn has_been_paged(known: &Known, target: &Target) -> String {
    format!(":white_check_mark: {} has been paged.", name(known, target))
}

/// Accepted is not yet rung.
fn by_second_road(known: &Known, page: &Page, target: &Target, at: Timestamp) -> String {
    format!(
        ":pager: {}: I have raised an alert on {} through PagerDuty's Events API, which pages who is on call there. Whom it has \
         reached nobody can tell yet; if nobody answers, please manually call {}.",
        name(known, target),
        untrusted(&page.service),
        reach(known, target, at, Eyes::Everybody)
    )
}

/// For the asker alone: whom to call, with numbers. `None` where the channel shows all that may be shown.
pub fn numbers(known: &Known, page: &Page, targets: &[Target], at: Timestamp) -> Option<Message> {
    let to_be_called: Vec<&Target> = targets.iter().filter(|t| !to_call(known, t, at).is_empty()).collect();
    if known.config.paging.phones != Phones::Private || to_be_called.is_empty() {
        return None;
    }
    let mut lines = vec![heading(page)];
    lines.extend(
        to_be_called
            .iter()
            .map(|t| format!(":telephone_receiver: Please call {}.", reach(known, t, at, Eyes::One))),
    );
    Some(Message::text(lines.join("\n")))
}

// ── what PagerDuty is told ────────────────────────────────────────────────────────────────────────────────

/// The body of an incident of its own, and the message of a request. `mark` makes a request recognisable.
pub fn for_pagerduty(page: &Page, place: Option<&str>, mark: Option<&str>) -> String {
    let place = place.map(|url| format!(" {url}")).unwrap_or_default();
    let mark = mark.map(|mark| format!(" [{mark}]")).unwrap_or_default();
    format!("{} — paged from Slack by {}{place}{mark}", page.title, page.asked_by_name)
}
