//! Who used which command where, and what came of it. What changes something is written in the transaction that does
//! it; the rest is noted in memory and written a moment later, so that looking something up writes nothing on the
//! request path. A program that is killed loses the notes of that moment, and nothing else.

mod store;

pub use store::Used;

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::ids::{ChannelId, SlackUserId};
use crate::store::{Db, Priority};

/// Notes that may wait for the database; past it the oldest are given up, and that is logged.
const MOST: usize = 2_000;
/// Notes in one turn. People do not type so much in a second, and in a flood those who ask do not wait for the audit.
const A_TURN: usize = 400;
/// Notes in one transaction: SQLite's one writer is not kept for long.
const AT_ONCE: usize = 200;
/// Of what was typed, this many characters are kept.
const LONGEST: usize = 1_000;

/// The way a person asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    Slash,
    /// A `!word`, a mention, or words in private.
    Message,
    Button,
    Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Looked up, or answered with a question or with what was done before: nothing changed.
    Answered,
    /// Stored; what follows from it is on its way.
    Done,
    /// They have not the right.
    Denied,
    /// Misspelt, or not possible now.
    Refused,
    /// Our fault, or a vendor's.
    Failed,
}

impl From<&Error> for Outcome {
    fn from(error: &Error) -> Self {
        match error {
            Error::Denied(_) => Self::Denied,
            Error::Refused(_) | Error::NotFound(_) => Self::Refused,
            Error::Upstream(_) | Error::Internal(_) => Self::Failed,
        }
    }
}

/// One use of a command, a button or a form.
#[derive(Clone, Debug)]
pub struct Use {
    pub used_at: Timestamp,
    pub user: SlackUserId,
    pub channel: Option<ChannelId>,
    pub via: Via,
    /// As typed, `/incident` or `!ic`; a button's or form's own name.
    pub command: String,
    text: String,
}

impl Use {
    pub fn new(
        used_at: Timestamp,
        (user, channel): (&SlackUserId, Option<&ChannelId>),
        via: Via,
        command: &str,
        text: &str,
    ) -> Self {
        // Postgres keeps no NUL.
        let kept = |words: &str| {
            words.chars().take(LONGEST).map(|c| if c == '\0' { '\u{fffd}' } else { c }).collect()
        };
        Self {
            used_at,
            user: user.clone(),
            channel: channel.cloned(),
            via,
            command: kept(command),
            text: kept(text),
        }
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Slash => "slash",
            Self::Message => "message",
            Self::Button => "button",
            Self::Form => "form",
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Answered => "answered",
            Self::Done => "done",
            Self::Denied => "denied",
            Self::Refused => "refused",
            Self::Failed => "failed",
        })
    }
}

/// The notes that are not written yet.
#[derive(Clone, Default)]
pub struct Notes(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    notes: VecDeque<(Use, Outcome)>,
    given_up: usize,
}

impl Waiting {
    fn give_up(&mut self) {
        while self.notes.len() > MOST {
            self.notes.pop_front();
            self.given_up += 1;
        }
    }
}

impl Notes {
    /// Takes no time and cannot fail.
    pub fn take(&self, used: Use, outcome: Outcome) {
        let mut waiting = self.waiting();
        waiting.notes.push_back((used, outcome));
        waiting.give_up();
    }

    /// Writes what waits now; what comes meanwhile, and what the database does not take, waits for the next time.
    pub async fn write(&self, db: &Db) -> Result<()> {
        self.write_some(db, MOST).await
    }

    /// The same beside other work: of a flood, a part.
    pub async fn write_a_turn(&self, db: &Db) -> Result<()> {
        self.write_some(db, A_TURN).await
    }

    async fn write_some(&self, db: &Db, most: usize) -> Result<()> {
        let (given_up, mut left) = {
            let mut waiting = self.waiting();
            (std::mem::take(&mut waiting.given_up), waiting.notes.len().min(most))
        };
        if given_up > 0 {
            tracing::error!(given_up, "more was looked up than the audit can keep");
        }
        loop {
            let some: Vec<_> = {
                let mut waiting = self.waiting();
                let count = waiting.notes.len().min(AT_ONCE).min(left);
                left -= count;
                waiting.notes.drain(..count).collect()
            };
            if some.is_empty() {
                return Ok(());
            }
            if let Err(error) = write(db, &some).await {
                let mut waiting = self.waiting();
                for note in some.into_iter().rev() {
                    waiting.notes.push_front(note);
                }
                waiting.give_up();
                return Err(error);
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn write(db: &Db, notes: &[(Use, Outcome)]) -> Result<()> {
    let mut tx = db.write(Priority::Job).await?;
    for (used, outcome) in notes {
        tx.record_use(used, *outcome).await?;
    }
    tx.commit().await
}
