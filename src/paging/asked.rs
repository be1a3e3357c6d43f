//! What was asked for, done: looked up from memory, or written down with its job.

use super::command::Asked;
use super::messages::{self, Eyes};
use super::model::Kind;
use super::page::{self, Wanted};
use super::targets::Whom;
use super::{help, seats, targets};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::front::{Caller, Reply};
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
) -> Result<Reply> {
    let at = tx.now();
    let commands = &known.config.commands;
    let (kind, whom, message, is_test, all, how): (Kind, Whom<'_>, _, _, _, String) = match asked {
        Asked::Page { whom, message, all, is_test } => {
            let found = targets::find(known, &caller.user, whom, &commands.page, &[], at)?;
            let how = format!("{} --all {} …", commands.page, quoted(&found.called));
            (Kind::Page, found, Some(message.clone()), *is_test, *all, how)
        }
        Asked::PagePerson { whom, all, is_test } => {
            let command = format!("{} page", commands.ic);
            let found = targets::find(known, &caller.user, whom, &command, help::responders(), at)?;
            let how = format!("{command} {} --all", quoted(&found.called));
            (Kind::Person, found, None, *is_test, *all, how)
        }
        Asked::PageCommanders { all, is_test } => {
            let how = format!("{} page --all", commands.ic);
            (Kind::Commanders, targets::commanders(known, at)?, None, *is_test, *all, how)
        }
        Asked::PageResponders { all, is_test } => {
            let how = format!("{} page responders --all", commands.ic);
            (Kind::Responders, targets::responders(known, at)?, None, *is_test, *all, how)
        }
        _ => return Err(Error::internal("looking pages nobody")),
    };
    whom.must_be_few(all, &how)?;
    page::page(tx, known, caller, &Wanted { kind, whom, message, is_test, thread_ts }).await
}
