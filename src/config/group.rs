//! `[[group]]`: which Slack user group follows which rota, and `[[hint_sender]]`: who may say that a rota changed.

use std::fmt;

use secrecy::SecretString;
use toml::Value;

use super::Who;
use super::reader::{Reader, Section};
use super::text::{Parsed, channel, choice, invitee, vendor_id};

/// A Slack user group and the rota that it follows.
#[derive(Debug, Clone)]
pub struct Group {
    /// Without `@`.
    pub handle: String,
    /// Ids or exact names.
    pub schedules: Vec<String>,
    pub policies: Vec<PolicyLevels>,
    /// In the group whoever is on call …
    pub always: Vec<Who>,
    /// … and never, even when on call.
    pub never: Vec<Who>,
    pub mode: Mode,
    pub when_empty: WhenEmpty,
    /// For [`WhenEmpty::Fallback`].
    pub fallback: Vec<Who>,
    /// The companion group with everybody in the rota.
    pub all_members_handle: Option<String>,
    /// Whether a group that Slack does not have is made.
    pub create_missing: bool,
    /// Where hand-offs and questions about this group are told: name or id.
    pub channel: Option<String>,
    /// Whose topics name the on-call.
    pub topic_channels: Vec<String>,
    /// Whether the person who comes on call is told what is open.
    pub tell_incoming: bool,
}

/// An escalation policy, or its first levels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyLevels {
    pub id: String,
    /// The last level that counts; all when absent.
    pub up_to: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Exactly those who are on call.
    Replace,
    /// Those who are on call come in; nobody is taken out.
    Additive,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenEmpty {
    /// As it was: Slack has no empty groups.
    Keep,
    Fallback,
}

/// Somebody else than PagerDuty who may say that a rota changed, and nothing else.
#[derive(Debug, Clone)]
pub struct HintSender {
    pub name: String,
    /// Never empty.
    pub secrets: Vec<SecretString>,
}

pub(super) fn read_all(reader: &mut Reader) -> Vec<Group> {
    let entries = reader.entries("group", "handle");
    entries
        .into_iter()
        .map(|entry| {
            let name = entry.name.clone();
            reader.entry("group", entry, |section| group(section, name.clone()))
        })
        .collect()
}

fn group(section: &mut Section<'_>, name: String) -> Group {
    let modes = [("replace", Mode::Replace), ("additive", Mode::Additive)];
    let empties = [("keep", WhenEmpty::Keep), ("fallback", WhenEmpty::Fallback)];
    Group {
        handle: section.parsed("handle", name, handle),
        schedules: section.list("schedules", Vec::new(), one_source),
        policies: policies(section),
        always: section.list("always", Vec::new(), invitee),
        never: section.list("never", Vec::new(), invitee),
        mode: section.parsed("mode", Mode::Replace, |t| choice(t, &modes)),
        when_empty: section.parsed("when_empty", WhenEmpty::Keep, |t| choice(t, &empties)),
        fallback: section.list("fallback", Vec::new(), invitee),
        all_members_handle: section.optional("all_members_handle", None, handle),
        create_missing: section.flag("create_missing", false),
        channel: section.optional("channel", None, channel),
        topic_channels: section.list("topic_channels", Vec::new(), channel),
        tell_incoming: section.flag("tell_incoming", false),
    }
}

/// `"PEP0001"`, `"PEP0001:1"`, or `{ id = "PEP0001", level = 1 }`: the first so many levels.
fn policies(section: &mut Section<'_>) -> Vec<PolicyLevels> {
    if let Some(Value::Array(items)) = section.table.get_mut("escalation_policies") {
        for item in items.iter_mut() {
            if let Some(text) = item.as_table().and_then(as_text) {
                *item = Value::String(text);
            }
        }
    }
    section.list("escalation_policies", Vec::new(), policy)
}

/// Only what has these keys and no others; anything else stays as it is, and is refused.
fn as_text(table: &toml::Table) -> Option<String> {
    let id = table.get("id")?.as_str()?;
    match table.get("level") {
        Some(level) if table.len() == 2 => Some(format!("{id}:{}", level.as_integer()?)),
        None if table.len() == 1 => Some(id.to_owned()),
        _ => None,
    }
}

fn policy(text: &str) -> Parsed<PolicyLevels> {
    let (id, level) = text.split_once(':').map_or((text, None), |(id, level)| (id, Some(level)));
    let up_to = match level.map(str::trim).map(str::parse) {
        None => None,
        Some(Ok(level)) if (1..=20).contains(&level) => Some(level),
        Some(_) => {
            return Err("has no such level; write the id, a colon and 1 to 20, such as PEP0001:1".into());
        }
    };
    Ok(PolicyLevels { id: vendor_id(id, "", "PEP0001")?, up_to })
}

/// As it is written in the configuration.
impl fmt::Display for PolicyLevels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)?;
        self.up_to.map_or(Ok(()), |level| write!(f, ":{level}"))
    }
}

/// An id, or the exact name of a schedule.
pub(super) fn one_source(text: &str) -> Parsed<String> {
    let text = text.trim();
    if text.is_empty() || text.len() > 255 || text.contains(char::is_control) {
        return Err("is not a schedule; write its id or its exact name".into());
    }
    Ok(text.to_owned())
}

/// A handle without its `@`. <https://docs.slack.dev/reference/methods/usergroups.create>
fn handle(text: &str) -> Parsed<String> {
    let handle = text.trim().trim_start_matches('@');
    let well_formed = |c: char| (c.is_alphanumeric() && !c.is_uppercase()) || "-_.".contains(c);
    if handle.is_empty() || handle.chars().count() > 80 || !handle.chars().all(well_formed) {
        return Err("is not a handle; write it in lower case, such as @payments-oncall".into());
    }
    Ok(handle.to_owned())
}

pub(super) fn hint_senders(reader: &mut Reader) -> Vec<HintSender> {
    let entries = reader.entries("hint_sender", "name");
    let read = |section: &mut Section<'_>| HintSender {
        name: section.parsed("name", String::new(), super::text::one_word),
        secrets: section.required_secrets("secrets", "a list with the secret that this sender signs with"),
    };
    entries.into_iter().map(|entry| reader.entry("hint_sender", entry, read)).collect()
}
