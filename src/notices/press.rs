//! Buttons under a question, and submitted forms. Who pressed decides what is allowed: a draft is its author's.

use uuid::Uuid;

use super::command::Said;
use super::forms::{self, Filled, block, form, press};
use super::messages;
use super::model::{Post, PostState};
use super::page::Page;
use super::plan::Wanted;
use super::publish::{DRAFT_LIVES, is_reason, prepare, publish, stale, standing};
use super::text;
use crate::error::{Error, Result};
use crate::front::{Caller, Reply};
use crate::ids::IncidentId;
use crate::incidents::Incident;
use crate::incidents::pressed::{Pressed, Submitted};
use crate::oncall::Known;
use crate::statuspage::{Component, ComponentStatus};
use crate::store::Tx;

/// Whether this button only opens a form.
pub fn only_looks(action: &str) -> bool {
    action == press::EDIT
}

/// Does what a button says.
pub async fn press(
    tx: &mut Tx,
    known: &Known,
    page: &Page,
    caller: &Caller,
    pressed: &Pressed,
) -> Result<Reply> {
    let post = draft(tx, caller, &pressed.value).await?;
    let incident = visible(tx, caller, post.incident_id).await?;
    match pressed.action.as_str() {
        press::EDIT => {
            let standing = standing(tx, &incident).await?;
            return Ok(Reply::Modal(forms::write_form(
                &known.config,
                &incident,
                &standing,
                page,
                &Filled::of(&post),
                tx.now(),
            )));
        }
        press::CANCEL => {
            // Published in this very moment: then it is not true that nothing was.
            if !tx.move_post(post.id, PostState::Draft, PostState::Dropped).await? {
                return Err(stale());
            }
            return Ok(Reply::Instead(messages::cancelled()));
        }
        _ => {}
    }
    let incident = tx.lock_incident(incident.id).await?;
    let restores = match pressed.action.as_str() {
        press::PUBLISH => post.restores,
        press::RESTORE => true,
        press::KEEP => false,
        _ => return Err(stale()),
    };
    Ok(Reply::Instead(publish(tx, &known.config, &incident, &post, restores).await?))
}

/// Takes a submitted form; what is wrong with it is said beside the field.
pub async fn submit(
    tx: &mut Tx,
    known: &Known,
    page: &Page,
    caller: &Caller,
    given: &Submitted,
) -> Result<Reply> {
    match given.form.as_str() {
        form::WRITE => write(tx, known, page, caller, given).await,
        form::PREVIEW => {
            let post = draft(tx, caller, &given.metadata).await?;
            let incident = visible(tx, caller, post.incident_id).await?;
            let incident = tx.lock_incident(incident.id).await?;
            let restores = given.chosen(block::RESTORE).map_or(post.restores, |c| c == forms::ALL_WELL);
            Ok(Reply::Only(publish(tx, &known.config, &incident, &post, restores).await?))
        }
        _ => Err(stale()),
    }
}

async fn write(tx: &mut Tx, known: &Known, page: &Page, caller: &Caller, given: &Submitted) -> Result<Reply> {
    let about = forms::About::read(&given.metadata).ok_or_else(stale)?;
    let found = visible(tx, caller, about.incident).await?;
    let incident = tx.lock_incident(found.id).await?;
    let Some(said) = given.chosen(block::STATUS).and_then(|word| Said::from_spoken(&word)) else {
        return Ok(Reply::form_error(block::STATUS, "Choose a status."));
    };
    let typed = given.text(block::TEXT);
    let message = match typed.trim() {
        "" => None,
        typed => match text::public(typed, &known.people) {
            Ok(message) => Some(message),
            Err(error) => return Ok(Reply::form_error(block::TEXT, error.to_string())),
        },
    };
    let chosen = components(page, given);
    let wanted = Wanted { said, message, components: Vec::new(), chosen, again: false };
    let reason = given.text(block::REASON);
    if incident.is_private && !is_reason(&reason) {
        return Ok(Reply::form_error(block::REASON, "Say why, in at least 10 characters."));
    }
    let prepared = prepare(tx, known, page, caller, &incident, &wanted, Some(&reason)).await;
    let (post, question) = match prepared {
        Ok(prepared) => prepared,
        Err(Error::Refused(why)) => return Ok(Reply::form_error(block::STATUS, why)),
        Err(other) => return Err(other),
    };
    // What was edited takes the place of the draft it began with: its buttons must not publish other words than they
    // stand under.
    if let Some(before) = about.draft {
        let mine = draft(tx, caller, &before.to_string()).await?;
        tx.move_post(mine.id, PostState::Draft, PostState::Dropped).await?;
    }
    tx.insert_post(&post).await?;
    if question.is_none() {
        return Ok(Reply::Only(publish(tx, &known.config, &incident, &post, post.restores).await?));
    }
    Ok(Reply::Modal(forms::preview_form(&incident, &post, &question)))
}

/// Each component has a menu of its own; most are left as they are.
fn components<'a>(page: &'a Page, given: &Submitted) -> Vec<(&'a Component, Option<ComponentStatus>)> {
    let chosen = |component: &'a Component| {
        let word = given.chosen(&block::component(&component.id))?;
        let status = ComponentStatus::from_word(&word);
        (status.is_some() || word == forms::AFFECTED).then_some((component, status))
    };
    page.components.iter().filter_map(chosen).collect()
}

/// The caller's own draft, while it is one.
async fn draft(tx: &mut Tx, caller: &Caller, value: &str) -> Result<Post> {
    let id = Uuid::parse_str(value).map_err(|_| stale())?;
    let post = tx
        .notice_post(id)
        .await?
        .filter(|post| post.state == PostState::Draft && post.asked_by == caller.user);
    let now = tx.now();
    post.filter(|post| now.since(post.asked_at) < DRAFT_LIVES).ok_or_else(stale)
}

async fn visible(tx: &mut Tx, caller: &Caller, id: IncidentId) -> Result<Incident> {
    tx.visible_incident_by_id(&caller.user, id).await?.ok_or_else(stale)
}
