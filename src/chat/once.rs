//! The same request again gets the same answer and does nothing: a proxy's or client's repeat (the same trigger), and
//! a person's impatient one (the same words in the same place within a minute, with nothing else said in between).

use std::time::Duration;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Answer, Typed, late, text};
use crate::app::App;
use crate::audit::{Outcome, Use, Via};
use crate::error::Result;
use crate::front::{Caller, Reply};
use crate::store::{Priority, Tx};

/// How a request is recognised, and what the audit says of it.
pub(super) struct Request {
    /// The sender's own mark of one request.
    key: String,
    /// Who says it where; empty when words are not compared.
    place: String,
    /// Whether the same words in the same place within a minute get the first answer.
    is_impatient: bool,
    /// What is said.
    fingerprint: String,
    used: Use,
}

impl Request {
    /// A command, by its trigger and by its words.
    pub(super) fn typed(app: &App, typed: &Typed) -> Self {
        Self {
            key: typed.mark.clone(),
            place: format!("typed:{}:{}", typed.user, typed.channel),
            is_impatient: true,
            fingerprint: digest(&format!("{} {}", typed.command, typed.text)),
            used: typed.used(app),
        }
    }

    /// For what has a better answer to the same words than the first one once more: what they ask for may be needed
    /// again by now.
    pub(super) fn but_not_by_words(mut self) -> Self {
        self.is_impatient = false;
        self
    }

    /// A button or menu, by its message and moment; by its message alone where one press is all there is. `chosen` is
    /// what it stands for.
    pub(super) fn pressed(app: &App, caller: &Caller, payload: &Value, chosen: &str, is_once: bool) -> Self {
        let action = &payload["actions"][0];
        let (name, message) = (text(&action["action_id"]), text(&payload["container"]["message_ts"]));
        let time = if is_once { String::new() } else { text(&action["action_ts"]) };
        Self {
            key: format!("press:{}:{message}:{name}:{time}", caller.user),
            place: String::new(),
            is_impatient: false,
            fingerprint: digest(chosen),
            used: Use::new(
                app.clock.now(),
                (&caller.user, caller.channel.as_ref()),
                Via::Button,
                &name,
                chosen,
            ),
        }
    }

    /// A submitted form: the same submitted twice is one submission, unless what was written in it was mended in
    /// between.
    pub(super) fn submitted(app: &App, caller: &Caller, view: &Value) -> Self {
        let (form, values) = (text(&view["callback_id"]), &view["state"]["values"]);
        let said = format!("{form} {} {values}", text(&view["private_metadata"]));
        Self {
            key: format!("view:{}", text(&view["id"])),
            place: String::new(),
            is_impatient: false,
            fingerprint: digest(&said),
            used: Use::new(
                app.clock.now(),
                (&caller.user, caller.channel.as_ref()),
                Via::Form,
                &form,
                &values.to_string(),
            ),
        }
    }
}

fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

/// Words repeated within this time are impatience, later they are meant.
const IMPATIENT_FOR: Duration = Duration::from_secs(60);
/// A mark never comes again after this.
const MARKS_LIVE_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// What becomes of a request.
pub(super) enum Turn {
    /// It is new: act in this transaction, then [`finish`].
    First(Tx),
    /// Done before; this was the answer.
    Repeat(Answer),
}

/// Claims the request: a simultaneous twin waits for this transaction and then gets its answer.
pub(super) async fn begin(app: &App, request: &Request) -> Result<Turn> {
    let mut tx = app.db.write(Priority::Command).await?;
    let first = first_answer(&mut tx, request).await?;
    Ok(first.map_or(Turn::First(tx), |reply| Turn::Repeat(Answer::Looked(reply))))
}

async fn first_answer(tx: &mut Tx, request: &Request) -> Result<Option<Reply>> {
    if let Some(first) = tx.claim_answer(&request.key, &request.fingerprint, MARKS_LIVE_FOR).await? {
        return Ok(Some(first));
    }
    if request.place.is_empty() {
        return Ok(None);
    }
    let first = tx.claim_answer(&request.place, &request.fingerprint, IMPATIENT_FOR).await?;
    Ok(first.filter(|_| request.is_impatient))
}

/// Remembers the answer, puts the use on record, and commits. When the commit's own answer is lost nobody knows what
/// became of it, and the person is told so.
pub(super) async fn finish(app: &App, mut tx: Tx, request: &Request, reply: Reply) -> Result<Answer> {
    tx.set_answer(&request.key, &reply).await?;
    if !request.place.is_empty() {
        tx.set_answer(&request.place, &reply).await?;
    }
    tx.record_use(&request.used, Outcome::Done).await?;
    Ok(Answer::Done(match tx.commit().await {
        Ok(()) => reply,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "a commit's answer was lost");
            late(app, &request.used.command, "")
        }
    }))
}

/// Whether a message is heard for the first time: Slack tells of one twice when it mentions us, and again when it is
/// not sure that we heard.
pub(super) async fn is_news(tx: &mut Tx, marks: &[String]) -> Result<bool> {
    for mark in marks {
        if tx.claim_answer(mark, "", MARKS_LIVE_FOR).await?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}
