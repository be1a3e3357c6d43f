//! The grammar of `/statuspage`: words in, what was asked for out. What goes to the public is never guessed: the message
//! stands in quotes, a status is one of nine words.

use super::help::VERBS;
use super::page::Word;
use crate::config::{Config, nearest_few};
use crate::error::{Error, Result};
use crate::incidents::command::{Target, target};
use crate::oncall::Known;
use crate::slack::spoken::{find, near};
use crate::slack::words::{dashed, first_word, is_quote, plain, plain_addressed, quoted};
use crate::statuspage::{ComponentStatus, PostStatus};

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    Help { about: String },
    Status,
    Form { target: Option<Target> },
    Update(Update),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    pub target: Option<Target>,
    pub said: Said,
    /// As Slack delivered it, without its quotes.
    pub message: Option<String>,
    /// Names of components.
    pub components: Vec<Word>,
    /// Why a private incident goes to the public.
    pub reason: Option<String>,
    /// It is meant, though the public has just heard the same.
    pub again: bool,
}

/// The status that was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    Incident(PostStatus),
    Component(ComponentStatus),
}

impl Said {
    /// In any letter case, with `-` for `_`, and short.
    pub fn from_spoken(word: &str) -> Option<Self> {
        let word = word.to_lowercase().replace(['-', ' '], "_");
        let short = match word.as_str() {
            "degraded" => ComponentStatus::DegradedPerformance,
            "partial" => ComponentStatus::PartialOutage,
            "major" => ComponentStatus::MajorOutage,
            "maintenance" => ComponentStatus::UnderMaintenance,
            _ => {
                let component = || ComponentStatus::from_word(&word).map(Self::Component);
                return PostStatus::from_word(&word).map(Self::Incident).or_else(component);
            }
        };
        Some(Self::Component(short))
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Incident(status) => status.word(),
            Self::Component(status) => status.word(),
        }
    }
}

/// Reads the words after the command's name.
pub fn parse(raw: &str, known: &Known) -> Result<Asked> {
    let config = &known.config;
    let (lead, rest) = target(raw, config, false);
    let (word, after) = first_word(rest);
    if word.is_empty() {
        return Ok(Asked::Form { target: lead });
    }
    match find(VERBS, word).map(|verb| verb.word) {
        Some("help") => Ok(Asked::Help { about: plain(after) }),
        Some("status") if after.is_empty() && lead.is_none() => Ok(Asked::Status),
        Some("status") => Err(Error::refused(format!(
            "`{} status` shows the whole page and takes no more words.",
            config.commands.statuspage
        ))),
        Some(_) => update(lead, after, config),
        // `degraded Checkout` is as good as `update degraded Checkout`.
        None if Said::from_spoken(word).is_some() => update(lead, rest, config),
        None => Err(unknown(word, after, config)),
    }
}

fn unknown(word: &str, after: &str, config: &Config) -> Error {
    let name = &config.commands.statuspage;
    let said = quoted(word);
    let hint = match (near(VERBS, word), near_status(word)) {
        (Some(near), _) => {
            format!("Did you mean `{}`?", format!("{name} {near} {}", quoted(after)).trim_end())
        }
        (None, Some(near)) => format!("Did you mean `{name} update {near}`?"),
        (None, None) => format!(
            "To tell the public: `{name} update investigating \"message\" component`. More: `{name} help`."
        ),
    };
    Error::refused(format!("I do not know `{name} {said}`. {hint}"))
}

const STATUSES: [&str; 13] = [
    "investigating",
    "identified",
    "monitoring",
    "resolved",
    "degraded_performance",
    "partial_outage",
    "major_outage",
    "under_maintenance",
    "operational",
    "degraded",
    "partial",
    "major",
    "maintenance",
];

fn near_status(word: &str) -> Option<String> {
    let near = nearest_few(word, STATUSES, 3);
    (!near.is_empty()).then(|| near.join(" or "))
}

fn update(lead: Option<Target>, rest: &str, config: &Config) -> Result<Asked> {
    let (own, rest) = if lead.is_some() { (None, rest) } else { target(rest, config, true) };
    let mut target = lead.or(own);
    if rest.is_empty() {
        return Ok(Asked::Form { target });
    }
    let mut pieces = pieces(rest, config)?;
    let (reason, again) = take_flags(&mut pieces)?;
    let said = take_status(&mut pieces, config)?;
    // An incident may be named anywhere: no component is called so.
    pieces.retain(|piece| match piece {
        Word::Bare(word) if target.is_none() => match self::target(word, config, true) {
            (Some(found), _) => {
                target = Some(found);
                false
            }
            (None, _) => true,
        },
        _ => true,
    });
    let message = pieces.iter().position(|piece| matches!(piece, Word::Quoted(_)));
    let message = message.map(|at| pieces.remove(at).text().to_owned());
    let components = pieces.into_iter().map(|piece| match piece {
        Word::Bare(text) => Word::Bare(plain(&text)),
        Word::Quoted(text) => Word::Quoted(plain(&text)),
        Word::Comma => Word::Comma,
    });
    Ok(Asked::Update(Update { target, said, message, components: components.collect(), reason, again }))
}

fn take_status(pieces: &mut Vec<Word>, config: &Config) -> Result<Said> {
    let name = &config.commands.statuspage;
    let say = "Say investigating, identified, monitoring or resolved; or of components: degraded, partial, major, \
               maintenance or operational.";
    let Some(Word::Bare(first)) = pieces.first() else {
        return Err(Error::refused(format!("`{name} update` takes a status first. {say}")));
    };
    // `partial outage` is said as often as written with a line.
    if let Some(Word::Bare(second)) = pieces.get(1)
        && let Some(said) = Said::from_spoken(&format!("{first} {second}"))
    {
        pieces.drain(..2);
        return Ok(said);
    }
    if let Some(said) = Said::from_spoken(first) {
        pieces.remove(0);
        return Ok(said);
    }
    let hint = near_status(first).map_or_else(|| say.to_owned(), |near| format!("Did you mean {near}?"));
    Err(Error::refused(format!("“{}” is no status to tell the public. {hint}", quoted(first))))
}

/// `--force "reason"` and `--again`, wherever they stand.
fn take_flags(pieces: &mut Vec<Word>) -> Result<(Option<String>, bool)> {
    let (mut reason, mut again) = (None, false);
    while let Some(at) = pieces.iter().position(|piece| flag(piece).is_some()) {
        let name = flag(&pieces.remove(at)).unwrap_or_default();
        if name.eq_ignore_ascii_case("again") {
            again = true;
            continue;
        }
        if !name.eq_ignore_ascii_case("force") {
            let name = quoted(&name);
            return Err(Error::refused(format!(
                "I do not know `--{name}`. I know `--force \"reason\"` and `--again`."
            )));
        }
        let given = match pieces.get(at) {
            Some(Word::Bare(_) | Word::Quoted(_)) => {
                plain_addressed(pieces.remove(at).text(), ToString::to_string)
            }
            _ => String::new(),
        };
        reason = Some(given.trim().to_owned());
    }
    Ok((reason, again))
}

/// Without its dashes.
fn flag(piece: &Word) -> Option<String> {
    let Word::Bare(word) = piece else { return None };
    Some(dashed(word)?.1.to_owned())
}

/// Words, quoted texts and commas. What Slack put between `<` and `>` stays one word; a quote ends where a blank or
/// nothing follows it, so that it may hold others.
fn pieces(raw: &str, config: &Config) -> Result<Vec<Word>> {
    let mut found = Vec::new();
    let mut rest = raw.trim_start();
    while let Some(first) = rest.chars().next() {
        let piece_end;
        if is_quote(first) {
            let inner = &rest[first.len_utf8()..];
            let Some((text, after)) = closed(inner) else { return Err(unclosed(inner, config)) };
            found.push(Word::Quoted(text.to_owned()));
            piece_end = after;
        } else if first == ',' {
            found.push(Word::Comma);
            piece_end = &rest[1..];
        } else {
            let end = word_end(rest);
            // `--force="reason"`
            let (word, after) = rest.split_at(end);
            match word.split_once('=').filter(|(name, _)| flag(&Word::Bare((*name).to_owned())).is_some()) {
                Some((name, value)) => {
                    found.push(Word::Bare(name.to_owned()));
                    rest = &rest[end - value.len()..];
                    continue;
                }
                None => found.push(Word::Bare(word.to_owned())),
            }
            piece_end = after;
        }
        rest = piece_end.trim_start();
    }
    Ok(found)
}

fn unclosed(inner: &str, config: &Config) -> Error {
    Error::refused(format!(
        "The quote before “{}” is never closed, so I cannot tell where the message ends. Nothing was published. Close it: `{} update investigating \"message\" component`.",
        quoted(inner),
        config.commands.statuspage
    ))
}

fn word_end(text: &str) -> usize {
    let mut inside = false;
    for (at, c) in text.char_indices() {
        match c {
            '<' => inside = true,
            '>' => inside = false,
            // A quote inside a word ends it only behind `=`.
            c if is_quote(c) && at > 0 && text[..at].ends_with('=') => return at,
            c if !inside && (c.is_whitespace() || c == ',') => return at,
            _ => {}
        }
    }
    // An angle that never closes is only a character.
    if inside { text.find(char::is_whitespace).unwrap_or(text.len()) } else { text.len() }
}

/// Quotes inside of it come in pairs. `None`: it is never closed.
fn closed(inner: &str) -> Option<(&str, &str)> {
    let mut is_inside = false;
    for (at, quote) in inner.char_indices().filter(|(_, c)| is_quote(*c)) {
        let after = &inner[at + quote.len_utf8()..];
        if !is_inside && !after.starts_with(|next: char| !next.is_whitespace() && next != ',') {
            return Some((&inner[..at], after));
        }
        is_inside = !is_inside;
    }
    None
}
