//! Saying what becomes of a page: where it was asked, to the asker alone, and on the incident's timeline. In
//! transactions; the messages themselves go out as jobs.

use uuid::Uuid;

use super::messages;
use super::model::{Page, State, Target};
use crate::error::Result;
use crate::front::Message;
use crate::ids::new_id;
use crate::incidents::model::{Actor, Kind, Source};
use crate::incidents::timeline::NewEntry;
use crate::incidents::trouble::Delay;
use crate::oncall::Known;
use crate::posts::{self, Post};
use crate::store::Tx;

/// Says once that it does not go out, and whom to call; and once more who was paged by the second road.
pub(super) async fn alarm(
    tx: &mut Tx,
    known: &Known,
    page: &Page,
    delay: &Delay,
    by_event: Option<&Target>,
) -> Result<()> {
    let targets = tx.page_targets(page.id).await?;
    let is_news = by_event.is_some() || targets.iter().any(|t| t.state == State::Waiting);
    let first = is_news && tx.set_page_alarmed(page.id).await?;
    if !first && by_event.is_none() {
        return Ok(());
    }
    let now = tx.now();
    say(tx, page, messages::alarm(known, page, &targets, delay, by_event.map(|t| t.id), now)).await?;
    let waiting = waiting(targets);
    if first && let Some(numbers) = messages::numbers(known, page, &waiting, now) {
        whisper(tx, page, numbers).await?;
    }
    let text = if let Some(target) = by_event {
        format!("Paged {} through the Events API, because the REST API does not work", target.name)
    } else {
        let names: Vec<&str> = waiting.iter().map(|t| t.name.as_str()).collect();
        let doubt = if delay.is_in_doubt { "perhaps " } else { "" };
        format!("{} {doubt}not paged yet: {}", names.join(", "), delay.because)
    };
    note(tx, page, text).await
}

/// Nothing more is tried: those who still wait are to be called.
pub(super) async fn give_up(tx: &mut Tx, known: &Known, page: Uuid, because: &str) -> Result<()> {
    leave(tx, known, page, (State::Failed, because)).await
}

/// The incident that it is for is over: those who still wait are left in peace.
pub(super) async fn drop_it(tx: &mut Tx, known: &Known, page: Uuid) -> Result<()> {
    leave(tx, known, page, (State::Dropped, "the incident is over")).await
}

async fn leave(tx: &mut Tx, known: &Known, page: Uuid, (state, why): (State, &str)) -> Result<()> {
    for target in waiting(tx.page_targets(page).await?) {
        tx.set_unpaged(target.id, state, why).await?;
    }
    conclude(tx, known, page).await
}

/// Says what became of everybody, once.
pub(super) async fn conclude(tx: &mut Tx, known: &Known, page: Uuid) -> Result<()> {
    let Some(page) = tx.page(page).await? else { return Ok(()) };
    if !tx.set_page_done(page.id).await? {
        return Ok(());
    }
    let now = tx.now();
    let targets = tx.page_targets(page.id).await?;
    let service = known.config.find_service(&page.service);
    let (failed, others): (Vec<Target>, Vec<Target>) =
        targets.iter().cloned().partition(|t| t.state == State::Failed);
    let (dropped, paged): (Vec<Target>, Vec<Target>) =
        others.into_iter().partition(|t| t.state == State::Dropped);
    // Of an incident that is over nobody needs to be called.
    if dropped.is_empty()
        && let Some(numbers) = messages::numbers(known, &page, &failed, now)
    {
        whisper(tx, &page, numbers).await?;
    }
    let said = [
        (&paged, "PagerDuty has paged"),
        (&failed, "PagerDuty could not page"),
        (&dropped, "The incident was over before PagerDuty could page"),
    ];
    for (some, what) in said {
        let names: Vec<&str> = some.iter().map(|t| t.name.as_str()).collect();
        if !names.is_empty() {
            note(tx, &page, format!("{what} {}", names.join(", "))).await?;
        }
    }
    say(tx, &page, messages::outcome(known, &page, &targets, service, now)).await
}

pub(super) fn waiting(mut targets: Vec<Target>) -> Vec<Target> {
    targets.retain(|t| t.state == State::Waiting);
    targets
}

/// On the timeline of the incident, if it is for one.
pub(super) async fn note(tx: &mut Tx, page: &Page, text: String) -> Result<()> {
    if let Some(incident) = page.incident_id {
        tx.append(incident, NewEntry::new(Kind::Page, Source::Firebell, Actor::firebell(), text)).await?;
    }
    Ok(())
}

/// Where it was asked: in the incident's room, in its turn; or in the channel.
pub(super) async fn say(tx: &mut Tx, page: &Page, message: Message) -> Result<()> {
    if let Some(incident) = page.incident_id {
        let incident = tx.incident(incident).await?;
        return tx.say(&incident, message).await;
    }
    let op = format!("page:{}", new_id(tx.clock()));
    let post = match &page.channel_id {
        Some(channel) => Post::new(channel.as_str(), message, &op).in_thread(page.thread_ts.clone()),
        None => Post::new(page.asked_by.as_str(), message, &op),
    };
    posts::say(tx, &post.or_to(&page.asked_by)).await
}

/// To the asker alone.
pub(super) async fn whisper(tx: &mut Tx, page: &Page, message: Message) -> Result<()> {
    let op = format!("page:{}", new_id(tx.clock()));
    posts::say(tx, &Post::new(page.asked_by.as_str(), message, &op)).await
}
