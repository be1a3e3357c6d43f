//! Looking at the state, and having a channel told of its changes.

use super::messages;
use super::model::{LONGEST_STALK, Picture, Stalk, Told};
use super::store::NewStalk;
use super::{answer_job, check_all, expire_job, unheard_job};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::front::{Caller, Message, Reply};
use crate::ids::{ChannelId, SlackUserId, new_id};
use crate::incidents::model::{Actor, Incident, Kind, Source};
use crate::incidents::timeline::NewEntry;
use crate::posts::{self, Post};
use crate::slack::blocks::untrusted;
use crate::store::Tx;

/// Without monitors there is nothing to say.
pub fn must_have_checks(config: &Config) -> Result<()> {
    if config.checks.is_empty() {
        return Err(Error::refused(
            "No monitors are set up here, so I do not know how the systems are. An administrator can name them as \
             [[check]] in Firebell's configuration.",
        ));
    }
    Ok(())
}

/// The readings are old: has every monitor asked now, and the channel told what they say.
pub async fn ask_anew(tx: &mut Tx, config: &Config, caller: &Caller) -> Result<()> {
    for job in check_all(config) {
        tx.enqueue(job).await?;
    }
    if let Some(channel) = &caller.channel {
        let soon = tx.now() + messages::ANSWER_WITHIN;
        tx.enqueue(answer_job(channel, &caller.user).at(soon)).await?;
    }
    Ok(())
}

/// Has the caller's channel told of changes; one stalk a channel, whoever asks and however often.
pub async fn stalk(tx: &mut Tx, config: &Config, caller: &Caller) -> Result<Reply> {
    must_have_checks(config)?;
    let channel = here(caller)?;
    let incident = tx.incident_in(channel).await?.filter(Incident::is_open);
    let ends_at = if incident.is_some() { None } else { Some(tx.now() + LONGEST_STALK) };
    let readings = by_name(tx).await?;
    let picture = Picture::of(config, &readings);
    let new = NewStalk {
        channel,
        incident: incident.as_ref().map(|i| i.id),
        by: Some(&caller.user),
        ends_at,
        told: picture.settled(),
    };
    if !tx.begin_stalk(new).await? {
        let told = tx.stalk_in(channel).await?.map(|stalk| stalk.told.0).unwrap_or_default();
        return Ok(Reply::only(messages::stalked_already(&told, &config.commands.status)));
    }
    let message = messages::stalking(&picture, tx.now(), &config.commands.status, ends_at);
    begun(tx, config, channel, ends_at).await?;
    if let Some(incident) = &incident {
        let by = Actor::from(caller);
        let entry =
            NewEntry::new(Kind::Monitor, Source::Slack, by, messages::stalk_entry(&picture.settled()));
        tx.append(incident.id, entry).await?;
        return Ok(Reply::everyone(message));
    }
    // An answer is heard everywhere, a post is not: this one shows whether changes could be told here.
    say(tx, channel, Some(&caller.user), Message::text(message)).await?;
    Ok(Reply::only(messages::BEGINNING))
}

/// An incident of a severe level has a room: it is told of changes by itself.
pub(super) async fn stalk_for(tx: &mut Tx, config: &Config, incident: &Incident) -> Result<()> {
    let Some(channel) = &incident.channel_id else { return Ok(()) };
    let readings = by_name(tx).await?;
    let picture = Picture::of(config, &readings);
    let told = picture.settled();
    let entry = messages::stalk_entry(&told);
    let new = NewStalk { channel, incident: Some(incident.id), by: None, ends_at: None, told };
    if !tx.begin_stalk(new).await? {
        return Ok(());
    }
    let message = messages::stalking(&picture, tx.now(), &config.commands.status, None);
    tell_incident(tx, incident, entry, Message::text(message)).await?;
    begun(tx, config, channel, None).await
}

async fn begun(
    tx: &mut Tx,
    config: &Config,
    channel: &ChannelId,
    ends_at: Option<crate::clock::Timestamp>,
) -> Result<()> {
    for job in check_all(config) {
        tx.enqueue(job).await?;
    }
    if let Some(at) = ends_at {
        tx.enqueue(expire_job(channel).at(at)).await?;
    }
    Ok(())
}

/// The channel hears no more.
pub async fn unstalk(tx: &mut Tx, config: &Config, caller: &Caller) -> Result<Reply> {
    let channel = here(caller)?;
    let Some(stalk) = tx.end_stalk(channel, true).await? else {
        let name = &config.commands.status;
        return Ok(Reply::only(format!(
            "Nobody stalks the status in this channel. To begin: `{name} stalk`"
        )));
    };
    if let Some(id) = stalk.incident_id {
        let entry =
            NewEntry::new(Kind::Monitor, Source::Slack, Actor::from(caller), "No longer stalking the status");
        tx.append(id, entry).await?;
    }
    Ok(Reply::everyone(format!("{} ended it: {}", untrusted(&caller.name), messages::NO_LONGER)))
}

fn here(caller: &Caller) -> Result<&ChannelId> {
    caller.channel.as_ref().ok_or_else(|| Error::refused("Say that in the channel that is to be told."))
}

pub(super) async fn by_name(tx: &mut Tx) -> Result<super::Readings> {
    Ok(tx.readings().await?.into_iter().map(|r| (r.name.clone(), r)).collect())
}

/// Says it in the stalk's channel, and on the timeline of the incident whose room it is.
pub(super) async fn tell(tx: &mut Tx, stalk: &Stalk, entry: &str, message: Message) -> Result<()> {
    if let Some(id) = stalk.incident_id {
        let incident = tx.incident(id).await?;
        return tell_incident(tx, &incident, entry.to_owned(), message).await;
    }
    say(tx, &stalk.channel_id, stalk.started_by.as_ref(), message).await
}

/// Where we may not write, the stalk ends, and whoever wanted it hears why.
async fn say(tx: &mut Tx, channel: &ChannelId, by: Option<&SlackUserId>, message: Message) -> Result<()> {
    let post = Post::new(channel.as_str(), message, &format!("status:{}", new_id(tx.clock())));
    posts::say(tx, &post.if_refused(unheard_job(channel, by))).await
}

async fn tell_incident(tx: &mut Tx, incident: &Incident, entry: String, message: Message) -> Result<()> {
    let entry = NewEntry::new(Kind::Monitor, Source::Firebell, Actor::firebell(), entry);
    let entry = tx.append(incident.id, entry).await?;
    tx.say_entry(incident, entry, message).await
}

/// What changed between what a channel was told and what counts now: each check with what it was.
pub fn changes(told: &Told, now: &Told) -> Told {
    let was = |name: &String| told.get(name).copied().unwrap_or(super::model::State::Unknown);
    now.iter()
        .filter(|(name, state)| was(name) != **state)
        .map(|(name, _)| (name.clone(), was(name)))
        .collect()
}
