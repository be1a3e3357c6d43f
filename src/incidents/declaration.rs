//! The grammar of `/incident declare`: a title, with the severity at its end.

use super::command::{Asked, typed};
use super::declare::{self, NewIncident};
use crate::config::{Config, SeverityWord};
use crate::error::Result;
use crate::oncall::Known;
use crate::slack::words::{self, Flag, Unknown, first_word, last_word, option, switch, take_flags, unquoted};

const DECLARE: &[Flag] = &[option("service"), switch("private"), switch("test"), switch("no-page")];

pub(super) fn declaration(rest: &str, known: &Known) -> Result<Asked> {
    let config = &known.config;
    // `--sev1` is meant well.
    let (head, last) = last_word(rest);
    let dashed = last.starts_with("--") && is_severity(bare(last), config);
    let rest = if dashed { format!("{head} {}", bare(last)) } else { rest.to_owned() };
    let words = take_flags(&rest, DECLARE, Unknown::IsRefused)?;
    let (title, severity) = severity_last(unquoted(&words.text), config);
    let new = NewIncident {
        title: typed(title, known),
        severity,
        service: words.value("service").map(words::plain),
        private: words.has("private"),
        test: words.has("test"),
        no_page: words.has("no-page"),
        anyway: false,
    };
    match declare::check(config, &new) {
        Ok(_) => Ok(Asked::Declare { new }),
        Err((declare::Field::Title, _)) => Ok(Asked::Form { new }),
        Err((_, error)) => Err(error),
    }
}

/// The last word, or the last two (`sev 1`), if they are a severity, or look like one that does not exist; else the
/// first.
fn severity_last<'a>(text: &'a str, config: &Config) -> (&'a str, Option<String>) {
    let (head, last) = last_word(text);
    if is_severity(bare(last), config) {
        return (head, Some(bare(last).to_owned()));
    }
    let (before, word) = last_word(head);
    let two = format!("{} {}", bare(word), bare(last));
    if bare(last).chars().all(|c| c.is_ascii_digit()) && is_severity(&two, config) {
        return (before, Some(two));
    }
    match first_word(text) {
        (first, title) if is_severity(bare(first), config) => (title, Some(bare(first).to_owned())),
        _ => (text, None),
    }
}

pub(super) fn is_severity(word: &str, config: &Config) -> bool {
    is_severity_shaped(word) || !matches!(config.severity(word), SeverityWord::Unknown)
}

/// `sev7`, `SEV-12`, `sev 3`, `p0`; but `p99` is a percentile.
pub(super) fn is_severity_shaped(word: &str) -> bool {
    let lower = word.to_lowercase();
    let digits = |rest: &str, most: usize| {
        let rest = rest.trim_start_matches(['-', '_', ' ']);
        (1..=most).contains(&rest.len()) && rest.chars().all(|c| c.is_ascii_digit())
    };
    lower.strip_prefix("sev").is_some_and(|rest| digits(rest, 2))
        || lower.strip_prefix('p').is_some_and(|rest| digits(rest, 1))
}

/// Without what people put around a word.
fn bare(word: &str) -> &str {
    word.trim_matches(|c: char| "\"'“”„‘’.,;:!?()[]-–—".contains(c))
}
