//! Whom a word means to page: people and escalation policies, from memory alone. Pure.

use std::collections::BTreeSet;

use super::messages::NO_COMMANDERS;
use super::model::{MANY, TOO_MANY, Target};
use super::seats;
use crate::clock::Timestamp;
use crate::config::Service;
use crate::error::{Error, Result};
use crate::groups::lookup::{self, Person, Subject};
use crate::ids::{PagerDutyUserId, SlackUserId};
use crate::oncall::model::Contact;
use crate::oncall::{Directory, Known, Step};
use crate::slack::spoken::Spoken;
use crate::slack::words::{plain, quoted, unquoted};

/// Everybody whom one page is for.
#[derive(Debug)]
pub struct Whom<'a> {
    /// As people read it: `payments`, `@payments-oncall`, `Ana Example`.
    pub called: String,
    pub targets: Vec<Wanted>,
    /// The service that was named.
    pub service: Option<&'a Service>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub name: String,
    pub responder: Option<PagerDutyUserId>,
    /// Without this and a responder it is the service that was named, whatever its policy is.
    pub policy: Option<String>,
    /// Who can be called: the person, or who is on call on the policy's first level.
    pub people: Vec<Contact>,
    pub slack: Vec<SlackUserId>,
    /// Why PagerDuty cannot page them.
    pub problem: Option<&'static str>,
}

/// Not the same as nobody: it is said, and said first.
pub const NEVER_READ: &str =
    "I have read nothing from PagerDuty yet, because it has not answered since I was set up";
const NO_ACCOUNT: &str = "no PagerDuty account is known";
const OURSELVES: &str = "PagerDuty rings nobody for an incident that they open, and I open it as them";

/// Words that mean everybody at once.
fn calls_everybody(word: &str) -> bool {
    let bare = word.trim_start_matches(['@', '!']);
    ["here", "channel", "everyone", "group"].iter().any(|all| bare.eq_ignore_ascii_case(all))
}

/// Everybody who is named, each once.
pub fn find_all<'a>(
    known: &'a Known,
    caller: &SlackUserId,
    typed: &[String],
    command: &str,
    verbs: &[Spoken],
    at: Timestamp,
) -> Result<Whom<'a>> {
    let found = typed.iter().map(|word| find(known, caller, word, command, verbs, at));
    let mut found = found.collect::<Result<Vec<_>>>()?.into_iter();
    let mut all = found.next().ok_or_else(|| Error::internal("a page for nobody"))?;
    for more in found {
        let is_new = |w: &Wanted| {
            !all.targets
                .iter()
                .any(|t| (&t.responder, &t.policy, &t.name) == (&w.responder, &w.policy, &w.name))
        };
        let fresh: Vec<Wanted> = more.targets.into_iter().filter(is_new).collect();
        if !fresh.is_empty() {
            all.called = format!("{}, {}", all.called, more.called);
            all.targets.extend(fresh);
        }
        all.service = all.service.or(more.service);
    }
    Ok(all)
}

/// Whom somebody means; `command` is what near misses are put after, and `verbs` what else may stand there.
pub fn find<'a>(
    known: &'a Known,
    caller: &SlackUserId,
    typed: &str,
    command: &str,
    verbs: &[Spoken],
    at: Timestamp,
) -> Result<Whom<'a>> {
    let word = plain(unquoted(typed));
    let is_call = typed.trim_start().starts_with("<!") && !typed.contains("subteam^");
    if is_call || (word.starts_with('@') && calls_everybody(word.trim())) {
        return Err(Error::refused(format!(
            "{} would ring everybody at once, whoever is on call or not. Page a team, a service or a person, as in \
             `{command} payments`.",
            quoted(&word)
        )));
    }
    let subject = lookup::subject(known, caller, typed, command, verbs)?;
    of_subject(known, &subject, at)
}

fn of_subject<'a>(known: &'a Known, subject: &Subject<'a>, at: Timestamp) -> Result<Whom<'a>> {
    let people = &*known.people;
    let whom = |called: String, targets: Vec<Wanted>| Whom { called, targets, service: None };
    match subject {
        Subject::Person(person) => Ok(whom(person.name.clone(), vec![of_person(people, person, at)])),
        Subject::Kept(target) if target.is_whole_rota => {
            let users = lookup::whole_rota(known, *target, at);
            Ok(whom(format!("@{}", target.handle), members(people, &users, at)))
        }
        Subject::Kept(target) => {
            let seats = lookup::on_sources(known, *target, at).seats;
            let on_call = seats.into_iter().flat_map(|s| s.now).map(|shift| shift.who);
            some(known, whom(format!("@{}", target.handle), each_once(people, on_call)), "is on call for")
        }
        Subject::Group(group) if group.is_disabled => Err(Error::refused(format!(
            "@{} is disabled in Slack, so I do not know who is meant. Name a person or a service.",
            group.handle
        ))),
        Subject::Group(group) => {
            some(known, whom(format!("@{}", group.handle), members(people, &group.members.0, at)), "is in")
        }
        Subject::Service(service) => Ok(Whom {
            called: service.name.clone(),
            targets: vec![of_service(known, service, at)],
            service: Some(service),
        }),
        Subject::Policy(id) => {
            let row = people.oncall.of_policy(id).next();
            let name = row.map_or(*id, |r| r.policy_name.as_str());
            Ok(whom(name.to_owned(), vec![of_policy(people, id, name, at)]))
        }
        Subject::Schedule(id) => {
            let on_call = lookup::on_schedule(people, id, at).now.into_iter().map(|shift| shift.who);
            let name = people.schedule_name(id).to_owned();
            some(known, whom(name, each_once(people, on_call)), "is on call on")
        }
    }
}

fn some<'a>(known: &Known, whom: Whom<'a>, what: &str) -> Result<Whom<'a>> {
    let commands = &known.config.commands;
    let (page, ic) = (&commands.page, &commands.ic);
    let service = known.config.services.first().map_or("SERVICE", |s| &s.name);
    if whom.targets.is_empty() && !known.people.was_read(Step::ReadOnCall) {
        return Err(Error::refused(format!(
            "{NEVER_READ}: I do not know who {what} {}. A service I can page all the same, as soon as there is a way: \
             `{page} {service} …`.",
            quoted(&whom.called)
        )));
    }
    if whom.targets.is_empty() {
        return Err(Error::refused(format!(
            "Nobody that I know of {what} {}, so I have paged nobody. `{ic} responders` shows who is on call for each team, and \
             `{page} {service} …` pages one.",
            quoted(&whom.called)
        )));
    }
    Ok(whom)
}

/// The service's escalation policy, so that PagerDuty decides who is on call at that moment. It is paged without our
/// knowing the policy, too: the service itself is configured.
pub fn of_service(known: &Known, service: &Service, at: Timestamp) -> Wanted {
    match known.people.policy_of(service) {
        Some(policy) => of_policy(&known.people, policy, &service.name, at),
        None => nobody_known(&service.name),
    }
}

/// Whether an alert on the service pages whoever is meant, and nobody else.
pub fn is_paged_by_alerts(known: &Known, service: &Service, target: &Target) -> bool {
    let own = known.people.policy_of_alerts(service);
    target.pagerduty_user_id.is_none() && target.policy_id.as_deref().is_none_or(|policy| own == Some(policy))
}

fn nobody_known(name: &str) -> Wanted {
    let name = name.to_owned();
    Wanted { name, responder: None, policy: None, people: Vec::new(), slack: Vec::new(), problem: None }
}

fn of_policy(people: &Directory, id: &str, name: &str, at: Timestamp) -> Wanted {
    let on_call = people.on_call(id, at);
    let first = on_call.first().map(|c| c.level);
    let first: Vec<Contact> = on_call.into_iter().filter(|c| Some(c.level) == first).collect();
    Wanted {
        name: name.to_owned(),
        responder: None,
        policy: Some(id.to_owned()),
        slack: first.iter().filter_map(|c| c.slack.clone()).collect(),
        people: first,
        problem: None,
    }
}

pub fn of_person(people: &Directory, person: &Person, at: Timestamp) -> Wanted {
    let id = person.responders.iter().find(|id| people.responders.contains_key(id));
    match id.or_else(|| person.responders.first()) {
        Some(id) => {
            let mut wanted = of_contact(people, contact(people, id, &person.name, at));
            wanted.slack.extend(person.slack.clone().filter(|_| wanted.slack.is_empty()));
            wanted
        }
        None => Wanted {
            slack: person.slack.iter().cloned().collect(),
            problem: Some(if people.was_read(Step::ReadResponders) { NO_ACCOUNT } else { NEVER_READ }),
            ..nobody_known(&person.name)
        },
    }
}

fn contact(people: &Directory, id: &PagerDutyUserId, name: &str, at: Timestamp) -> Contact {
    let responder = people.responders.get(id);
    Contact {
        name: responder.map_or(name, |r| &r.name).to_owned(),
        phone: responder.and_then(|r| r.phone.clone()),
        slack: people.slack_of(id).cloned(),
        responder: id.clone(),
        level: 1,
        until: None,
        said_ago: people.age(Step::ReadResponders, at).unwrap_or_default(),
    }
}

fn of_contact(people: &Directory, who: Contact) -> Wanted {
    Wanted {
        name: who.name.clone(),
        responder: Some(who.responder.clone()),
        policy: None,
        slack: who.slack.iter().cloned().collect(),
        problem: (people.our_responder.as_ref() == Some(&who.responder)).then_some(OURSELVES),
        people: vec![who],
    }
}

/// Somebody who holds two places is paged once.
pub fn each_once(people: &Directory, on_call: impl IntoIterator<Item = Contact>) -> Vec<Wanted> {
    let mut seen = BTreeSet::new();
    let fresh = on_call.into_iter().filter(|c| seen.insert(c.responder.clone()));
    fresh.map(|who| of_contact(people, who)).collect()
}

fn members(people: &Directory, users: &[SlackUserId], at: Timestamp) -> Vec<Wanted> {
    let one = |user: &SlackUserId| {
        let person = lookup::person(people, &people.name_of(user), Some(user.clone()), []);
        of_person(people, &person, at)
    };
    users.iter().map(one).collect()
}

/// The incident commanders, seat by seat.
pub fn commanders(known: &Known, at: Timestamp) -> Result<Whom<'_>> {
    if known.config.commanders.is_empty() {
        return Err(Error::refused(NO_COMMANDERS));
    }
    let held = seats::commanders(known, at).into_iter().flat_map(|seat| seat.holders);
    let targets = each_once(&known.people, held);
    some(known, Whom { called: "the incident commanders".into(), targets, service: None }, "is one of")
}

/// Every team's responders: one policy is paged once, however many services it answers for.
pub fn responders(known: &Known, at: Timestamp) -> Result<Whom<'_>> {
    let mut seen = BTreeSet::new();
    let teams = known.config.services.iter().map(|s| of_service(known, s, at));
    let once = teams.filter(|w| w.policy.clone().is_none_or(|id| seen.insert(id)));
    // One page opens on one service; another one is paged by its policy, or not.
    let mut targets: Vec<Wanted> = once
        .map(|w| Wanted {
            problem: w.policy.is_none().then_some("its escalation policy was never read"),
            ..w
        })
        .collect();
    if targets.iter().all(|w| w.policy.is_none()) && !known.people.was_read(Step::ReadOnCall) {
        targets.clear(); // what is said of nobody fits all of them
    }
    some(known, Whom { called: "the team responders".into(), targets, service: None }, "is one of")
}

impl Whom<'_> {
    /// A typed name must not wake half the company by accident.
    pub fn must_be_few(&self, all: bool, how: &str) -> Result<()> {
        let count = self.targets.len();
        if count > TOO_MANY {
            return Err(Error::refused(format!(
                "{} are {count}; more than {TOO_MANY} I page at once for nobody. Page a team or a service.",
                quoted(&self.called)
            )));
        }
        if count > MANY && !all {
            return Err(Error::refused(format!(
                "{} are {count}. If you mean to wake them all, say so: `{how}`. Otherwise page a team or a service.",
                quoted(&self.called)
            )));
        }
        Ok(())
    }
}
