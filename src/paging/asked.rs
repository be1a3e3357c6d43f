//! What was asked for, done: looked up from memory, or written down with its job.

use super::command::{Asked, all_quoted};
use super::messages::{self, Eyes};
use super::model::Kind;
use super::page::{self, Wanted};
use super::targets::Whom;
use super::{help, seats, targets};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::front::{Answer, Caller, Reply};
use crate::oncall::Known;
use crate::slack::words::{plain, quoted, unquoted};
use crate::store::Tx;

/// What only looks, from memory: whatever is down, this answers. `name` is how the command was called.
pub fn look(known: &Known, caller: &Caller, asked: &Asked, name: &str, at: Timestamp) -> Result<Reply> {
    let eyes = |is_public: &bool| if *is_public { Eyes::Everybody } else { Eyes::One };
    match asked {
        Asked::Commanders { is_public } => {
            Ok(messages::commanders(known, &seats::commanders(known, at), name, at, eyes(is_public)))
        }
        Asked::Responders { is_public } => Ok(messages::responders(known, name, at, eyes(is_public))),
        Asked::Who { whom } => {
            let command = format!("{} who", known.config.commands.ic);
            let found = targets::find(known, &caller.user, whom, &command, &[], at)?;
            let again = format!("{name} page {}", plain(unquoted(whom)).trim());
            Ok(messages::who(known, &found.targets, &again, at))
        }
        Asked::Help { about } => Ok(Reply::only(help::ic(&known.config, about))),
        _ => Err(Error::internal("this does more than look")),
    }
}

/// Pages, on behalf of somebody who may.
pub async fn act(
    tx: &mut Tx,
    known: &Known,
    caller: &Caller,
    asked: &Asked,
    thread_ts: Option<String>,
) -> Result<Answer> {
    let at = tx.now();
    let commands = &known.config.commands;
    // `how`: what stands before and behind a flag with which the same is typed once more.
    let (kind, whom, message, manner, how): (Kind, Whom<'_>, _, _, (String, String)) = match asked {
        Asked::Page { whom, also, message, manner } => {
            let found = targets::find_all(known, &caller.user, whom, &commands.page, &[], at);
            let found = found.map_err(|error| about_seats(error, known, whom))?;
            let named = named(whom, &found, one_word);
            let written = format!("{}{} {named}", commands.page, manner.written());
            if message.is_empty() {
                return Err(Error::refused(format!(
                    "Say why, so that they know what wakes them: `{written} the checkout is down`."
                )));
            }
            if let Some(also) = also {
                must_be_meant(known, caller, (&written, also), message, at)?;
            }
            let how = (commands.page.clone(), format!("{named} {}", in_short(message)));
            (Kind::Page, found, Some(message.clone()), *manner, how)
        }
        Asked::PagePerson { whom, manner } => {
            let command = format!("{} page", commands.ic);
            let found = targets::find_all(known, &caller.user, whom, &command, help::responders(), at);
            let found = found.map_err(|error| about_nobody(error, known, whom))?;
            let how = (format!("{command} {}", named(whom, &found, quoted)), String::new());
            (Kind::Person, found, None, *manner, how)
        }
        Asked::PageCommanders { manner } => {
            let how = (format!("{} page", commands.ic), String::new());
            (Kind::Commanders, targets::commanders(known, at)?, None, *manner, how)
        }
        Asked::PageResponders { manner } => {
            let how = (format!("{} page responders", commands.ic), String::new());
            (Kind::Responders, targets::responders(known, at)?, None, *manner, how)
        }
        _ => return Err(Error::internal("looking pages nobody")),
    };
    let with = |flag: &str| format!("{} {flag} {}", how.0, how.1).trim_end().to_owned();
    whom.must_be_few(manner.all, &with("--all"))?;
    let again = with("--again");
    page::page(tx, known, caller, &Wanted { kind, whom, message, manner, again, thread_ts }).await
}

/// As they are typed once more: one by their name, several as they were typed.
fn named(typed: &[String], found: &Whom<'_>, one: fn(&str) -> String) -> String {
    if let [_] = typed { one(&found.called) } else { all_quoted(typed) }
}

/// `payments, search: all is down` may be for both, or only say what is the matter.
fn must_be_meant(
    known: &Known,
    caller: &Caller,
    (written, also): (&str, &str),
    message: &str,
    at: Timestamp,
) -> Result<()> {
    let page = &known.config.commands.page;
    if also.eq_ignore_ascii_case("me") || targets::find(known, &caller.user, also, page, &[], at).is_err() {
        return Ok(());
    }
    let also = quoted(also);
    Err(Error::refused(format!(
        "Is {also} to be paged, too, or part of the message? I have paged nobody yet. If it is to be paged: `{written} …`, then \
         `{page} {also} …`. If not, put the message in quotes: `{written} \"{}\"`.",
        in_short(message)
    )))
}

/// Those who command, and the teams, are no name to `/page`.
fn about_seats(error: Error, known: &Known, whom: &[String]) -> Error {
    let (Error::NotFound(text), [word]) = (&error, whom) else { return error };
    let seats = match unquoted(word).trim().to_lowercase().as_str() {
        "ic" | "ics" | "commander" | "commanders" | "incident commander" | "incident commanders" => "page",
        "responder" | "responders" => "page responders",
        _ => return error,
    };
    Error::not_found(format!("{text}\nTo page them all: `{} {seats}`.", known.config.commands.ic))
}

/// Words for people whom `/ic page` takes for a name.
fn about_nobody(error: Error, known: &Known, whom: &[String]) -> Error {
    let (Error::NotFound(text), [words]) = (&error, whom) else { return error };
    if !words.trim().contains(' ') {
        return error;
    }
    let commands = &known.config.commands;
    Error::not_found(format!(
        "{text}\nI have paged nobody: `{ic} page` takes no message. `{ic} page` alone pages the incident commanders, and \
         `{} WHOM MESSAGE` says something to those whom it pages.",
        commands.page,
        ic = commands.ic
    ))
}

/// As `/page` takes it for one.
fn one_word(name: &str) -> String {
    let name = quoted(name);
    if name.contains(' ') { format!("\"{name}\"") } else { name }
}

/// A message to be typed again, unless it is long.
fn in_short(message: &str) -> String {
    if message.chars().count() <= 80 { quoted(message) } else { "…".into() }
}
