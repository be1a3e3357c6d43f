//! What is known of the public page: read in the background, kept in the database and in memory, so that answers need
//! no vendor; and which component a word means.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::Timestamp;
use crate::config::nearest_few;
use crate::error::{Error, Result};
use crate::jobs::NewJob;
use crate::slack::words::quoted;
use crate::statuspage::{Component, ComponentStatus, PageInfo, PublicIncident};

/// The job that reads it, and the name of the fact that it leaves.
pub const READ: &str = "notices.read";
/// The fact that it leaves when the page says no.
pub const REFUSED: &str = "notices.refused";
/// How often it is read when nothing was written.
pub const EVERY: Duration = Duration::from_secs(180);
/// Names in a hint.
const HINTED: usize = 8;

/// The page as last read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// [`crate::config::StatusPage::place`]
    #[serde(default)]
    pub place: String,
    pub info: Option<PageInfo>,
    pub components: Vec<Component>,
    /// What the public reads as not over, ours or not.
    pub unresolved: Vec<PublicIncident>,
    /// `None`: never.
    #[serde(skip)]
    pub read_at: Option<Timestamp>,
    /// It said no when it was read last.
    #[serde(skip)]
    pub refused: Option<Refusal>,
}

/// Why the page cannot be read, when it said no.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// [`crate::config::StatusPage::place`]
    pub place: String,
    /// In words, with who can mend it.
    pub because: String,
    #[serde(skip)]
    pub at: Option<Timestamp>,
}

/// The page in memory, replaced as a whole after each read.
#[derive(Clone, Default)]
pub struct PageCell(Arc<RwLock<Arc<Page>>>);

impl PageCell {
    pub fn current(&self) -> Arc<Page> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn replace(&self, page: Page) {
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if page.asked_at() >= current.asked_at() {
            *current = Arc::new(page);
        }
    }
}

/// Reads the page now. One waiting job: several triggers cause one read.
pub fn read_job() -> NewJob {
    NewJob::new(READ, Value::Null).never_give_up().dedup(READ).lane(READ)
}

impl Page {
    /// When it last gave an answer, be it a no.
    fn asked_at(&self) -> Option<Timestamp> {
        self.read_at.max(self.refused.as_ref().and_then(|refusal| refusal.at))
    }

    pub fn component(&self, id: &str) -> Option<&Component> {
        self.components.iter().find(|c| c.id == id)
    }

    /// The components that these words name. Exact in any letter case, or a beginning that only one has; anything else
    /// is refused with what is near, because a guess would be public.
    pub fn named(&self, words: &[Word]) -> Result<Vec<&Component>> {
        let mut found: Vec<&Component> = Vec::new();
        for part in words.split(|word| *word == Word::Comma).filter(|part| !part.is_empty()) {
            for component in self.part(part)? {
                if !found.iter().any(|known| known.id == component.id) {
                    found.push(component);
                }
            }
        }
        Ok(found)
    }

    /// What stands between two commas: one name, or several one after the other, the longest first.
    fn part(&self, words: &[Word]) -> Result<Vec<&Component>> {
        let mut found = Vec::new();
        let mut rest = words;
        while let Some(first) = rest.first() {
            let longest = if matches!(first, Word::Quoted(_)) {
                1
            } else {
                rest.iter().take_while(|w| matches!(w, Word::Bare(_))).count()
            };
            let spoken = |count: usize| rest[..count].iter().map(Word::text).collect::<Vec<_>>().join(" ");
            let exact = (1..=longest).rev().find_map(|n| Some((self.exact(&spoken(n))?, n)));
            let hit =
                exact.or_else(|| (1..=longest).rev().find_map(|n| Some((self.beginning(&spoken(n))?, n))));
            let Some((component, count)) = hit else {
                return Err(self.unknown(&spoken(1), &spoken(longest)));
            };
            found.push(component);
            rest = &rest[count..];
        }
        Ok(found)
    }

    /// The one component of this name, with or without its group, or of this id.
    pub fn exact(&self, name: &str) -> Option<&Component> {
        let name = plain(name);
        let is_it =
            |c: &&Component| plain(&c.full_name()) == name || plain(&c.name) == name || plain(&c.id) == name;
        only(self.components.iter().filter(is_it))
    }

    fn beginning(&self, name: &str) -> Option<&Component> {
        only(self.starting(name))
    }

    fn starting(&self, name: &str) -> impl Iterator<Item = &Component> {
        let name = plain(name);
        self.components.iter().filter(move |c| {
            !name.is_empty()
                && (plain(&c.full_name()).starts_with(&name) || plain(&c.name).starts_with(&name))
        })
    }

    fn unknown(&self, word: &str, phrase: &str) -> Error {
        let all: Vec<String> = self.components.iter().map(Component::full_name).collect();
        let could_be: Vec<String> = self.starting(word).map(Component::full_name).collect();
        if !could_be.is_empty() {
            return Error::refused(format!("“{}” could be {}. Say which.", quoted(word), either(&could_be)));
        }
        let names = || self.components.iter().map(|c| c.name.as_str()).chain(all.iter().map(String::as_str));
        let mut near: Vec<String> = Vec::new();
        for name in [phrase, word].iter().flat_map(|spoken| nearest_few(spoken, names(), 3)) {
            let full = self.components.iter().filter(|c| c.name == name || c.full_name() == name);
            near.extend(full.map(Component::full_name));
        }
        near.sort();
        near.dedup();
        let hint = match near.as_slice() {
            [] if all.is_empty() => "The page has no components.".to_owned(),
            [] => format!("The page has {}.", some(&all)),
            near => format!("Did you mean {}?", either(near)),
        };
        Error::not_found(format!(
            "There is no component “{}”. {hint} (A message goes in quotes, before the components.)",
            quoted(word)
        ))
    }

    /// Those that are not well, worst first.
    pub fn unwell(&self) -> Vec<&Component> {
        let mut unwell: Vec<&Component> =
            self.components.iter().filter(|c| c.status != ComponentStatus::Operational).collect();
        unwell.sort_by_key(|c| std::cmp::Reverse(c.status));
        unwell
    }
}

/// A piece of what was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    Bare(String),
    Quoted(String),
    Comma,
}

impl Word {
    pub fn text(&self) -> &str {
        match self {
            Self::Bare(text) | Self::Quoted(text) => text,
            Self::Comma => ",",
        }
    }
}

fn only<'a>(mut found: impl Iterator<Item = &'a Component>) -> Option<&'a Component> {
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// Letter case, and blanks around words and slashes, do not matter.
fn plain(name: &str) -> String {
    let words = name.replace('/', " / ").to_lowercase();
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn either(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(HINTED).map(|n| format!("“{}”", quoted(n))).collect();
    match shown.as_slice() {
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
        [] => String::new(),
    }
}

fn some(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(HINTED).map(|n| quoted(n)).collect();
    let more = names.len().saturating_sub(HINTED);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Page {
        let component = |id: &str, name: &str, group: Option<&str>| Component {
            id: id.into(),
            name: name.into(),
            group: group.map(str::to_owned),
            status: ComponentStatus::Operational,
        };
        Page {
            components: vec![
                component("1", "Public API", None),
                component("2", "Payments", None),
                component("3", "Payroll", None),
                component("4", "Search", Some("Europe")),
                component("5", "Search", Some("America")),
                component("6", "Pay", Some("Old")),
            ],
            read_at: Some(Timestamp::from_secs(0)),
            ..Page::default()
        }
    }

    fn bare(text: &str) -> Vec<Word> {
        let word = |w: &str| match w {
            "," => Word::Comma,
            w => w
                .strip_prefix('\'')
                .map_or_else(|| Word::Bare(w.into()), |q| Word::Quoted(q.replace('_', " "))),
        };
        text.split(' ').map(word).collect()
    }

    fn ids(text: &str) -> String {
        match page().named(&bare(text)) {
            Ok(found) => found.iter().map(|c| c.id.as_str()).collect(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn names_are_exact_or_beginnings_that_only_one_has() {
        assert_eq!(ids("public api payments"), "12");
        assert_eq!(ids("PUBLIC Payr"), "13");
        assert_eq!(ids("payments , 'Public_API , payments"), "21");
        assert_eq!(ids("Europe/Search america / search"), "45");
        assert_eq!(ids("pay"), "6", "exact wins over a beginning");
        assert_eq!(ids("4"), "4");
    }

    #[test]
    fn what_is_not_clear_is_asked() {
        insta::assert_snapshot!(["search", "paym payr paymnts", "xyz", "pa", "'Publik_API"].map(ids).join("\n"), @"
        “search” could be “Europe / Search” or “America / Search”. Say which.
        There is no component “paymnts”. Did you mean “Payments”? (A message goes in quotes, before the components.)
        There is no component “xyz”. The page has Public API, Payments, Payroll, Europe / Search, America / Search, Old / Pay. (A message goes in quotes, before the components.)
        “pa” could be “Payments”, “Payroll” or “Old / Pay”. Say which.
        There is no component “Publik API”. Did you mean “Public API”? (A message goes in quotes, before the components.)
        ");
    }
}
