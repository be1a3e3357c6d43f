//! What a PagerDuty account holds, and who is on call in it. Nothing here knows HTTP.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::clock::{Clock, Timestamp};

use super::outbox::Outbox;
use super::schedule::Schedule;

/// Where an incident stands. Compares with PagerDuty's own word: `incident.status == "acknowledged"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Triggered,
    Acknowledged,
    Resolved,
}

impl Status {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Triggered => "triggered",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PartialEq<&str> for Status {
    fn eq(&self, word: &&str) -> bool {
        self.as_str() == *word
    }
}

/// One incident, as an administrator would see it. Ids are PagerDuty's opaque strings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    pub id: String,
    pub number: u64,
    pub title: String,
    pub status: Status,
    /// `high` or `low`.
    pub urgency: String,
    /// The priority's name, `P1` … `P5`.
    pub priority: Option<String>,
    pub service_id: String,
    pub escalation_policy_id: String,
    /// Given by the creator, or made up by the REST API; none for an alert's incident without a dedup key.
    pub incident_key: Option<String>,
    /// The escalation level that is being asked, from 1.
    pub level: usize,
    /// User ids; empty once resolved.
    pub assignees: Vec<String>,
    pub acknowledgers: Vec<String>,
    pub responders: Vec<Responder>,
    pub notes: Vec<Note>,
    /// Messages of published status updates.
    pub status_updates: Vec<String>,
    pub log: Vec<LogEntry>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub status_changed_at: Timestamp,
    pub status_changed_by: Option<String>,
    pub resolved_at: Option<Timestamp>,
    pub reopened_at: Option<Timestamp>,
    pub body: Option<String>,
    pub conference_number: Option<String>,
    pub conference_url: Option<String>,
    pub resolve_note: Option<String>,
    /// The incident that took this one in.
    pub merged_into: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub id: String,
    pub content: String,
    /// Id of the author.
    pub user: String,
    pub created_at: Timestamp,
}

/// Somebody asked to help who is not on the escalation policy's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Responder {
    pub user: String,
    /// The policy that was asked, when it was not the person.
    pub escalation_policy: Option<String>,
    pub message: String,
    /// `pending`, `joined` or `declined`.
    pub state: &'static str,
    pub requester: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    pub id: String,
    pub at: Timestamp,
    /// `acknowledge_log_entry` and so on.
    pub kind: &'static str,
    /// Id of the user who did it; none for PagerDuty itself.
    pub agent: Option<String>,
    /// Whom the incident was given to then.
    pub assignees: Vec<String>,
    pub text: String,
}

/// Somebody's phone rang.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub incident_id: String,
    pub user_id: String,
    pub at: Timestamp,
    /// `low` urgency reaches people by their quiet rules: an e-mail rather than a call.
    pub urgency: String,
}

pub(super) struct User {
    pub id: String,
    pub name: String,
    pub email: String,
    pub phone: Option<String>,
    /// E-mail addresses beside the login.
    pub contacts: Vec<String>,
}

pub(super) struct Policy {
    pub id: String,
    pub name: String,
    /// Per level the ids of users and schedules.
    pub levels: Vec<Vec<String>>,
}

pub(super) struct Service {
    pub id: String,
    pub name: String,
    pub policy: String,
    pub routing_key: Option<String>,
}

#[derive(Clone)]
pub(super) struct Priority {
    pub id: String,
    pub name: String,
}

pub(super) struct Account {
    pub clock: Clock,
    /// Distinguishes the ids of one simulated account from those of another, earlier one.
    began_at: Timestamp,
    serial: u64,
    pub token_valid: bool,
    pub abilities: Vec<String>,
    /// None when the plan has no priorities.
    pub priorities: Option<Vec<Priority>>,
    pub users: BTreeMap<String, User>,
    pub policies: Vec<Policy>,
    pub schedules: BTreeMap<String, Schedule>,
    /// How long after an edit `/oncalls` shows it.
    pub publishing_lag: Duration,
    pub services: Vec<Service>,
    pub incidents: Vec<Incident>,
    pub pages: Vec<Page>,
    /// One line per thing that happened, oldest first.
    pub story: Vec<String>,
    pub outbox: Outbox,
}

impl Account {
    pub fn new(clock: Clock) -> Self {
        let began_at = clock.now();
        let priorities = (1..=5).map(|n| Priority { id: format!("PPRIO0{n}"), name: format!("P{n}") });
        Self {
            clock,
            began_at,
            serial: 0,
            token_valid: true,
            abilities: ["teams", "urgencies", "coordinated_responding"].map(String::from).to_vec(),
            priorities: Some(priorities.collect()),
            users: BTreeMap::new(),
            policies: Vec::new(),
            schedules: BTreeMap::new(),
            publishing_lag: Duration::ZERO,
            services: Vec::new(),
            incidents: Vec::new(),
            pages: Vec::new(),
            story: Vec::new(),
            outbox: Outbox::default(),
        }
    }

    /// A number no other thing of this account has.
    pub fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// An opaque id that nothing else of this account has.
    pub fn fresh_id(&mut self, letter: char) -> String {
        let serial = self.next_serial();
        self.id(letter, serial)
    }

    /// Such as `Q1NR5XSG000001`: the same in every run of a test, another in every run of the demo.
    pub fn id(&self, letter: char, serial: u64) -> String {
        let seconds = u64::try_from(self.began_at.as_secs()).unwrap_or(0);
        format!("{letter}{}{serial:06}", base32(seconds, 7))
    }

    pub fn user(&self, id: &str) -> Option<&User> {
        self.users.get(id)
    }

    pub fn policy(&self, id: &str) -> Option<&Policy> {
        self.policies.iter().find(|p| p.id == id)
    }

    pub fn schedule(&self, id: &str) -> Option<&Schedule> {
        self.schedules.get(id)
    }

    pub fn service(&self, id: &str) -> Option<&Service> {
        self.services.iter().find(|s| s.id == id)
    }

    /// By id or name; ids are what the API's references carry.
    pub fn priority(&self, id_or_name: &str) -> Option<&Priority> {
        self.priorities.iter().flatten().find(|p| p.id == id_or_name || p.name == id_or_name)
    }

    /// Place of an incident by id or by number, both of which the API takes.
    pub fn find(&self, id: &str) -> Option<usize> {
        self.incidents.iter().position(|i| i.id == id || i.number.to_string() == id)
    }

    /// Place of the open incident that holds this key on this service.
    pub fn open_with_key(&self, service: &str, key: &str) -> Option<usize> {
        self.incidents.iter().position(|i| {
            i.status != Status::Resolved && i.service_id == service && i.incident_key.as_deref() == Some(key)
        })
    }

    /// What people call the user: the name, or the id of somebody unknown.
    pub fn name_of<'a>(&'a self, user: &'a str) -> &'a str {
        self.user(user).map_or(user, |u| &u.name)
    }

    /// Users on call now on a level (from 1) of a policy, each once.
    pub fn on_call(&self, policy: &str, level: usize) -> Vec<String> {
        let now = self.clock.now();
        let targets = self.policy(policy).and_then(|p| p.levels.get(level.wrapping_sub(1)));
        let mut people: Vec<String> = Vec::new();
        for target in targets.into_iter().flatten() {
            let found: Vec<String> = match self.schedule(target) {
                Some(_) => self.on_call_by(target, now),
                None => self.user(target).map(|u| u.id.clone()).into_iter().collect(),
            };
            for user in found {
                if !people.contains(&user) {
                    people.push(user);
                }
            }
        }
        people
    }

    /// The first level from `level` on that has somebody on call, with those people: empty levels are passed over.
    pub fn answering(&self, policy: &str, level: usize) -> Option<(usize, Vec<String>)> {
        let levels = self.policy(policy)?.levels.len();
        (level..=levels).map(|n| (n, self.on_call(policy, n))).find(|(_, people)| !people.is_empty())
    }

    /// `#1 payments-down`
    pub fn label(&self, n: usize) -> String {
        format!("#{} {}", self.incidents[n].number, self.incidents[n].title)
    }

    /// Writes down what happened. `what` reads `acknowledged {}`; the incident's label takes the place of `{}`.
    pub fn record(&mut self, n: usize, kind: &'static str, by: Option<&str>, what: &str) {
        let at = self.clock.now();
        let text = format!(
            "{} {}",
            by.map_or("PagerDuty", |by| self.name_of(by)),
            what.replacen("{}", &self.label(n), 1)
        );
        self.story.push(format!("{} {text}", at.hh_mm()));
        self.log(n, kind, by, text);
    }

    /// An entry of the log that is no part of the story.
    pub fn log(&mut self, n: usize, kind: &'static str, by: Option<&str>, text: String) {
        let (id, at) = (self.fresh_id('R'), self.clock.now());
        let incident = &mut self.incidents[n];
        incident.updated_at = at;
        let gives = ["assign_log_entry", "escalate_log_entry", "delegate_log_entry"].contains(&kind);
        let assignees = if gives { incident.assignees.clone() } else { Vec::new() };
        incident.log.push(LogEntry { id, at, kind, agent: by.map(Into::into), assignees, text });
    }

    /// Rings these people about the incident.
    pub fn page(&mut self, n: usize, people: &[String]) {
        for user in people {
            let what = format!("notified {} of {{}}", self.name_of(user));
            self.record(n, "notify_log_entry", None, &what);
            let incident = &self.incidents[n];
            self.pages.push(Page {
                incident_id: incident.id.clone(),
                user_id: user.clone(),
                at: self.clock.now(),
                urgency: incident.urgency.clone(),
            });
        }
    }
}

/// The number in Crockford's alphabet, in exactly `width` digits; higher digits are cut.
pub(super) fn base32(mut number: u64, width: usize) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let mut digits = vec!['0'; width];
    for digit in digits.iter_mut().rev() {
        *digit = char::from(ALPHABET[usize::try_from(number % 32).unwrap_or(0)]);
        number /= 32;
    }
    digits.into_iter().collect()
}
