//! The same request again gets the same answer and does nothing: a proxy's or client's repeat (the same trigger), and
//! a person's impatient one (the same words in the same place within a minute, with nothing else said in between).

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::Typed;
use crate::error::Result;
use crate::front::Reply;
use crate::store::Tx;

/// How a request is recognised.
pub(super) struct Request {
    /// The sender's own mark of one request.
    pub key: String,
    /// Who says it where; empty when words are not compared.
    pub place: String,
    /// What is said.
    pub fingerprint: String,
}

impl Request {
    /// A command, by its trigger and by its words.
    pub(super) fn typed(typed: &Typed) -> Self {
        Self {
            key: format!("trigger:{}:{}", typed.user, typed.trigger_id),
            place: format!("typed:{}:{}", typed.user, typed.channel),
            fingerprint: hex::encode(Sha256::digest(format!("{} {}", typed.command, typed.text))),
        }
    }
}

/// Words repeated within this time are impatience, later they are meant.
const IMPATIENT_FOR: Duration = Duration::from_secs(60);
/// A mark never comes again after this.
const MARKS_LIVE_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// The first answer if this is a repeat. Otherwise the request is claimed: a simultaneous twin waits for this
/// transaction and then gets its answer.
pub(super) async fn first_answer(tx: &mut Tx, request: &Request) -> Result<Option<Reply>> {
    if let Some(first) = tx.claim_answer(&request.key, &request.fingerprint, MARKS_LIVE_FOR).await? {
        return Ok(Some(first));
    }
    if request.place.is_empty() {
        return Ok(None);
    }
    tx.claim_answer(&request.place, &request.fingerprint, IMPATIENT_FOR).await
}

pub(super) async fn remember(tx: &mut Tx, request: &Request, reply: &Reply) -> Result<()> {
    tx.set_answer(&request.key, reply).await?;
    if !request.place.is_empty() {
        tx.set_answer(&request.place, reply).await?;
    }
    Ok(())
}
