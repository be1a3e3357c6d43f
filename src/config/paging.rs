//! `[[commander]]`: who commands incidents, and `[paging]`: how people are paged and whose phone numbers are shown.

use super::reader::{Reader, Section};
use super::text::{Parsed, choice, one_line, one_word, vendor_id, who};
use super::{Who, group};

/// A seat of those who command incidents.
#[derive(Debug, Clone)]
pub struct Commander {
    /// Such as `Incident Commander`.
    pub title: String,
    /// Said before it; may be empty.
    pub emoji: String,
    /// Whoever is on call there holds the seat: an id, or an exact name …
    pub schedule: Option<String>,
    /// … and whoever is on call on this level of this policy …
    pub policy: Option<String>,
    pub level: i64,
    /// … and these people always.
    pub people: Vec<Who>,
}

/// How people page each other.
#[derive(Debug, Clone)]
pub struct Paging {
    pub phones: Phones,
    /// The service on which a page opens its incident when there is none; the default service when absent.
    pub service: Option<String>,
}

/// Where phone numbers are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phones {
    /// In what only one person sees.
    Private,
    Public,
    Never,
}

impl Phones {
    /// In what everybody in a channel reads, or what one person reads alone.
    pub fn are_shown(self, to_everybody: bool) -> bool {
        match self {
            Self::Public => true,
            Self::Private => !to_everybody,
            Self::Never => false,
        }
    }
}

pub(super) fn paging(section: &mut Section<'_>) -> Paging {
    let phones = [("private", Phones::Private), ("public", Phones::Public), ("never", Phones::Never)];
    Paging {
        phones: section.parsed("phones", Phones::Private, |t| choice(t, &phones)),
        service: section.optional("service", None, one_word),
    }
}

pub(super) fn commanders(reader: &mut Reader) -> Vec<Commander> {
    let entries = reader.entries("commander", "title");
    entries
        .into_iter()
        .map(|entry| {
            let title = entry.name.clone();
            reader.entry("commander", entry, |section| commander(section, title.clone()))
        })
        .collect()
}

fn commander(section: &mut Section<'_>, title: String) -> Commander {
    let commander = Commander {
        title: section.parsed("title", title, one_line),
        emoji: section.parsed("emoji", String::new(), one_line),
        schedule: section.optional("schedule", None, group::one_source),
        policy: section.optional("escalation_policy", None, |t| vendor_id(t, "", "PEP0001")),
        level: section.number("level", 1, 1..=20),
        people: section.list("people", Vec::new(), person),
    };
    let is_told = ["schedule", "escalation_policy", "people"].iter().any(|key| section.is_bad(key));
    if commander.schedule.is_none() && commander.policy.is_none() && commander.people.is_empty() && !is_told {
        section.problem("title", "is held by nobody; write a schedule, an escalation_policy or people");
    }
    commander
}

fn person(text: &str) -> Parsed<Who> {
    match who(text)? {
        Who::Everyone => Err("cannot command an incident; name people or a user group".into()),
        someone => Ok(someone),
    }
}
