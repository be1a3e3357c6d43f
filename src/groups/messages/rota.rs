//! What `/oncall` answers when somebody looks: who is on call, until when, who is next; with phone numbers
//! where the configuration shows them.

use super::answers::some;
use super::{handle, names};
use crate::clock::Timestamp;
use crate::config::{Mode, WhenEmpty, Who};
use crate::front::Reply;
use crate::groups::command::Lookup;
use crate::groups::lookup::{self, Found, Person, Seat, Shift, Subject};
use crate::groups::model::{LeftOut, Plan, Target};
use crate::incidents::messages::span;
use crate::oncall::{Directory, Group, Known};
use crate::slack::blocks::{date, untrusted};

/// Of a schedule that is known by name alone.
const NOT_FOLLOWED: &str = "I do not know: nothing in the configuration uses this schedule, so PagerDuty is not asked \
                            who is on call by it";

/// How the answers are given.
#[derive(Clone, Copy)]
struct Way {
    at: Timestamp,
    only_next: bool,
    is_public: bool,
    has_phones: bool,
}

impl Way {
    fn reply(self, known: &Known, mut lines: Vec<String>) -> Reply {
        lines.push(said_ago(known, self.at));
        let text = lines.join("\n");
        if self.is_public { Reply::everyone(text) } else { Reply::only(text) }
    }

    fn name(self, shift: &Shift) -> String {
        untrusted(&shift.who.called(self.has_phones))
    }

    /// `Ana Example ☎ … until …; next: Ben Example`
    fn holds(self, seat: &Seat) -> String {
        if self.only_next {
            return self.follows(seat);
        }
        let mut text = if seat.now.is_empty() {
            "nobody".to_owned()
        } else {
            seat.now.iter().map(|s| self.name(s) + &until(s)).collect::<Vec<_>>().join(", ")
        };
        if seat.is_stale {
            text += ", and PagerDuty has not said who follows";
        }
        text + &next(seat)
    }

    fn follows(self, seat: &Seat) -> String {
        match seat.next.as_slice() {
            [] if seat.now.iter().any(|s| s.who.until.is_none()) => "nobody, as this does not end".into(),
            [] => "nobody that I know of yet".into(),
            next => next.iter().map(|s| self.name(s) + &from(s) + &until(s)).collect::<Vec<_>>().join(", "),
        }
    }
}

fn until(shift: &Shift) -> String {
    shift.who.until.map(|at| format!(" until {}", date(at))).unwrap_or_default()
}

fn from(shift: &Shift) -> String {
    shift.from.map(|at| format!(" from {}", date(at))).unwrap_or_default()
}

/// Without the time where one follows the other.
fn next(seat: &Seat) -> String {
    let Some(first) = seat.next.first() else { return String::new() };
    let names: Vec<String> = seat.next.iter().map(|s| untrusted(&s.who.name)).collect();
    let follows_on = seat.now.iter().any(|s| s.who.until == first.from);
    let from = if follows_on { String::new() } else { from(first) };
    format!("; next: {}{from}", names.join(", "))
}

/// How old what was said is; a warning once that matters.
pub fn said_ago(known: &Known, at: Timestamp) -> String {
    if known.config.pagerduty.is_none() {
        return "_PagerDuty is not configured, so nobody is known to be on call._".into();
    }
    match lookup::age(known, at) {
        (Some(age), false) => format!("_As PagerDuty said {} ago._", span(age)),
        (Some(age), true) => {
            format!(":warning: PagerDuty was last heard {} ago: this may have changed since.", span(age))
        }
        (None, _) => ":warning: PagerDuty has not answered yet since Firebell was set up.".into(),
    }
}

/// The kept groups and the services, without how old that is: the same for everybody, until PagerDuty says something
/// else or somebody's time begins or ends.
pub fn overview(known: &Known, at: Timestamp) -> String {
    // Phone numbers are for those who look somebody up.
    let way = Way { at, only_next: false, is_public: false, has_phones: false };
    let one = |target: &Target<'_>| {
        let Found { seats, troubles } = lookup::on_sources(known, *target, at);
        let seats = seats.iter().map(|s| way.holds(s));
        let parts: Vec<String> = seats.chain(troubles.iter().map(|t| untrusted(t))).collect();
        format!("• {}: {}", handle(target.handle), parts.join(" · "))
    };
    let groups =
        some(&known.config.groups, |spec| one(&Target { spec, handle: &spec.handle, is_whole_rota: false }));
    let services = some(&known.config.services, |service| {
        let seats = lookup::on_service(known, service, at);
        let parts: Vec<String> = seats.iter().map(|s| format!("{} {}", level(s), way.holds(s))).collect();
        let who = if parts.is_empty() { "nobody that I know of".into() } else { parts.join(" · ") };
        format!("• {}: {who}", untrusted(&service.name))
    });
    let mut lines = Vec::new();
    for (title, shown) in [("*Groups that follow a rota*", groups), ("*Services*", services)] {
        if !shown.is_empty() {
            lines.push(title.to_owned());
            lines.extend(shown);
        }
    }
    if lines.is_empty() {
        lines.push(
            "Neither groups nor services are configured. Name a schedule, a policy or a person.".into(),
        );
    }
    lines.join("\n")
}

/// Who is on call there; of a person, where.
pub fn looked_up(known: &Known, subject: &Subject<'_>, lookup: &Lookup, at: Timestamp) -> Reply {
    let Lookup { only_next, is_public, .. } = *lookup;
    let has_phones = known.config.paging.phones.are_shown(is_public);
    let way = Way { at, only_next, is_public, has_phones };
    let people = &*known.people;
    let by_level = |name: String, seats: Vec<Seat>| {
        let mut lines = vec![title(&name, way)];
        if seats.is_empty() {
            lines.push("• nobody that I know of".into());
        }
        lines.extend(some(&seats, |s| format!("• {}: {}", place_on_policy(s), way.holds(s))));
        lines
    };
    let lines = match subject {
        Subject::Kept(target) if target.is_whole_rota => companion(known, *target, at),
        Subject::Kept(target) => kept(known, *target, way),
        Subject::Group(group) => other_group(people, group, way),
        Subject::Service(service) => by_level(service.name.clone(), lookup::on_service(known, service, at)),
        Subject::Policy(id) => {
            let row = people.oncall.of_policy(id).next();
            let name = row.map_or(*id, |r| r.policy_name.as_str());
            by_level(name.to_owned(), lookup::on_policy(people, id, i64::MAX, at))
        }
        Subject::Schedule(id) => {
            let seat = lookup::on_schedule(people, id, at);
            let is_unread = seat.levels.is_empty() && !people.is_schedule_answered(id);
            let who = if is_unread { NOT_FOLLOWED.to_owned() } else { way.holds(&seat) };
            vec![title(people.schedule_name(id), way), format!("• {who}")]
        }
        Subject::Person(person) => somebody(people, person, way),
    };
    way.reply(known, lines)
}

fn title(name: &str, way: Way) -> String {
    let what = if way.only_next { "Next on call" } else { "On call" };
    format!("*{what} for {}*", untrusted(name))
}

/// `level 1`
fn level(seat: &Seat) -> String {
    seat.levels.first().map(|(level, _)| format!("level {level}")).unwrap_or_default()
}

/// `level 1, Payments primary`
fn place_on_policy(seat: &Seat) -> String {
    match &seat.schedule {
        Some(schedule) => format!("{}, {}", level(seat), untrusted(schedule)),
        None => level(seat),
    }
}

/// `Payments primary`, or `level 1 of Payments`.
fn place(seat: &Seat) -> String {
    let levels = || {
        let levels =
            seat.levels.iter().take(3).map(|(n, policy)| format!("level {n} of {}", untrusted(policy)));
        levels.collect::<Vec<_>>().join(", ")
    };
    seat.schedule.as_deref().map_or_else(levels, untrusted)
}

/// With what a schedule is used for.
fn place_of_person(seat: &Seat) -> String {
    let bare = Seat { schedule: None, ..seat.clone() };
    match &seat.schedule {
        Some(schedule) => format!("{} ({})", untrusted(schedule), place(&bare)),
        None => place(&bare),
    }
}

fn kept(known: &Known, target: Target<'_>, way: Way) -> Vec<String> {
    let Found { seats, troubles } = lookup::on_sources(known, target, way.at);
    let mut lines = vec![title(&format!("@{}", target.handle), way)];
    lines.extend(some(&seats, |s| format!("• {}: {}", place(s), way.holds(s))));
    lines.extend(troubles.iter().map(|t| format!(":warning: {}.", untrusted(t))));
    if way.only_next {
        return lines;
    }
    let spec = target.spec;
    let fixed = |what: &str, whom: &[Who]| {
        let (users, _) = known.people.expand(whom);
        (!users.is_empty()).then(|| format!("• {what}: {}", names(&known.people, users.iter())))
    };
    lines.extend(fixed("always", &spec.always));
    lines.extend(fixed("never", &spec.never));
    if spec.when_empty == WhenEmpty::Fallback {
        lines.extend(fixed("when nobody is on call", &spec.fallback));
    }
    lines.extend(lookup::planned(known, target, way.at).into_iter().flat_map(|p| not_rung(known, &p)));
    if spec.mode == Mode::Additive {
        lines.push("• whoever is in the group stays in it".into());
    }
    let command = &known.config.commands.oncall;
    lines.push(format!("`{command} why @{}` says who is in the group and why.", untrusted(target.handle)));
    lines
}

/// Who is on call and not in the group, and whom it rings instead.
fn not_rung(known: &Known, plan: &Plan) -> Vec<String> {
    let group = handle(&plan.handle);
    let out = |out: &LeftOut| {
        format!(":warning: {group} does not ring {}: {}.", untrusted(&out.name), untrusted(&out.why))
    };
    let mut lines = some(&plan.left_out, out);
    if let (Some(instead), Some(why)) = (plan.instead(), &plan.nobody) {
        let whom = names(&known.people, instead.whom().iter().copied());
        lines.push(format!(":warning: {group} {}: {whom}; {}.", instead.said(), untrusted(why)));
    }
    lines
}

fn companion(known: &Known, target: Target<'_>, at: Timestamp) -> Vec<String> {
    let users = lookup::whole_rota(known, target, at);
    let rota = handle(&target.spec.handle);
    vec![
        format!("{} has everybody in the rota of {rota}:", handle(target.handle)),
        names(&known.people, users.iter().take(100)),
    ]
}

fn other_group(people: &Directory, group: &Group, way: Way) -> Vec<String> {
    let held = group.members.0.iter().flat_map(|user| {
        let person = lookup::person(people, &people.name_of(user), Some(user.clone()), []);
        let seats = lookup::on_person(people, &person, way.at);
        let seats = seats.into_iter().filter(|s| !if way.only_next { &s.next } else { &s.now }.is_empty());
        seats.map(|s| format!("• {}: {}", place_of_person(&s), way.holds(&s))).collect::<Vec<_>>()
    });
    let lines = some(&held.collect::<Vec<_>>(), String::clone);
    let group = handle(&group.handle);
    if lines.is_empty() {
        return vec![format!(
            "{group} follows no rota, and none of its people is on call{}.",
            if way.only_next { " next" } else { "" }
        )];
    }
    let first = format!(
        "{group} follows no rota. Of its people these are on call{}:",
        if way.only_next { " next" } else { "" }
    );
    std::iter::once(first).chain(lines).collect()
}

fn somebody(people: &Directory, person: &Person, way: Way) -> Vec<String> {
    let name = untrusted(&person.name);
    if person.responders.is_empty() {
        return vec![format!(
            "I know no PagerDuty account of {name}: they have none, or it has other e-mail addresses than Slack."
        )];
    }
    let phone = person.responders.iter().find_map(|id| people.responders.get(id)?.phone.as_deref());
    let name = match phone.filter(|_| way.has_phones) {
        Some(phone) => format!("*{name}* ☎ {}", untrusted(phone)),
        None => format!("*{name}*"),
    };
    let seats = lookup::on_person(people, person, way.at);
    let now = seats.iter().flat_map(|seat| seat.now.iter().map(move |s| (seat, s)));
    let now: Vec<String> = now.map(|(seat, s)| format!("• {}{}", place_of_person(seat), until(s))).collect();
    let mut coming: Vec<_> = seats.iter().flat_map(|seat| seat.next.iter().map(move |s| (seat, s))).collect();
    coming.sort_by_key(|(_, s)| s.from);
    let next = coming.iter().take(3);
    let next: Vec<String> =
        next.map(|(seat, s)| format!("• {}{}{}", place_of_person(seat), from(s), until(s))).collect();
    let mut lines = Vec::new();
    if !way.only_next {
        lines.push(if now.is_empty() {
            format!("{name} is not on call.")
        } else {
            format!("{name} is on call:")
        });
        lines.extend(some(&now, String::clone));
    }
    lines.push(match (next.is_empty(), way.only_next) {
        (true, true) => format!("{name} has no next shift that I know of."),
        (true, false) => "No next shift that I know of.".into(),
        (false, true) => format!("{name} is next on call:"),
        (false, false) => "Next:".into(),
    });
    lines.extend(next);
    lines
}
