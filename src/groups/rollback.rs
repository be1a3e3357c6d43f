//! Takes back the last write of a group, and sees to buttons under what was said about one. Who pressed decides what
//! is allowed; a button's value only says which group or whom.

use std::collections::BTreeSet;

use super::messages::{self, answers};
use super::model::{Hold, Standing, target};
use super::plan::unfit;
use super::steps::write_job;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::front::{Caller, Message, Reply};
use crate::ids::{PagerDutyUserId, SlackUserId};
use crate::oncall::{Known, Step, replan};
use crate::posts::{self, Post};
use crate::slack::blocks::untrusted;
use crate::store::Tx;

/// Reads the rota and the groups now; plans and writes follow from that. Twice is as good as once.
pub async fn sync(tx: &mut Tx, known: &Known, caller: &Caller, handle: Option<&str>) -> Result<Reply> {
    let cause = format!("{} asked for it", caller.name);
    tx.enqueue(Step::ReadGroups.because(&cause)).await?;
    tx.enqueue(Step::ReadOnCall.because(&cause)).await?;
    Ok(Reply::only(answers::syncing(&known.config.commands.oncall, handle)))
}

/// Puts a group back as it was before its last write, by the same road as every write; it stays so until who is on
/// call changes next.
pub async fn roll_back(tx: &mut Tx, known: &Known, caller: &Caller, handle: &str) -> Result<Reply> {
    let shown = format!("`@{handle}`");
    let state = tx.group_state(handle).await?;
    let state = state.filter(|s| s.group_id.is_some()).ok_or_else(|| {
        Error::refused(format!("I have not seen {shown} in Slack yet: there is nothing to take back."))
    })?;
    let last = tx.group_history(handle, 1).await?.pop();
    let last = last.ok_or_else(|| {
        Error::refused(format!("I have never written {shown}: there is nothing to take back."))
    })?;
    let still_here = |user: &&SlackUserId| known.people.member(user).is_none_or(|m| !m.is_deleted);
    let before: BTreeSet<SlackUserId> = last.before.0.iter().filter(still_here).cloned().collect();
    if before.is_empty() {
        return Err(Error::refused(format!(
            "Before I last wrote {shown} it was empty, and Slack has no empty groups. To stop me, take it out of the \
             configuration."
        )));
    }
    if state.standing == Standing::Waiting && state.wanted.0 == before {
        return Ok(Reply::only(format!("{shown} is being put back already.")));
    }
    let by_rota: BTreeSet<SlackUserId> = state.because.0.keys().cloned().collect();
    let hold =
        Hold { members: before.clone(), instead_of: by_rota.clone(), by: caller.name.clone(), at: tx.now() };
    let hold = (before != by_rota).then_some(hold);
    tx.put_back(handle, &before, hold.as_ref(), &format!("{} rolled it back", caller.name)).await?;
    tx.enqueue(write_job()).await?;
    let channel = target(&known.config, handle).and_then(|t| known.config.channel_of(t.spec));
    if let Some(channel) = channel {
        let text = answers::rolled_back_by(&known.people, &caller.name, &last, hold.as_ref());
        let once = format!("groups:rollback:{handle}:{}", state.version);
        posts::say(tx, &Post::new(channel, Message::text(text), &once)).await?;
    }
    let commands = &known.config.commands;
    Ok(Reply::only(answers::rolled_back(&known.people, &commands.oncall, &last, &before, hold.is_some())))
}

/// Somebody says yes to the change that was asked about: to that one, and no other.
pub async fn apply(tx: &mut Tx, known: &Known, caller: &Caller, value: &str) -> Result<Reply> {
    let (handle, asked_at) = value.split_once(' ').unwrap_or((value, ""));
    let target = target(&known.config, handle).ok_or_else(out_of_date)?;
    let state = tx.group_state(target.handle).await?.filter(|s| s.standing == Standing::Asked);
    let Some(state) = state else {
        return Ok(Reply::instead(answers::nothing_to_apply(&known.config.commands.oncall, target.handle)));
    };
    if asked_at.parse::<i64>().map(Timestamp::from_micros) != Ok(state.changed_at) {
        return Ok(Reply::Instead(messages::ask(&known.people, &state)));
    }
    tx.approve_group(target.handle).await?;
    tx.enqueue(replan(&format!("{} approved it", caller.name))).await?;
    Ok(Reply::instead(answers::applied(&known.people, &caller.name, &state)))
}

/// Somebody says who a PagerDuty user is in Slack.
pub async fn link(tx: &mut Tx, known: &Known, caller: &Caller, row: &str, chosen: &str) -> Result<Reply> {
    let id = PagerDutyUserId::new(row.strip_prefix("groups:link:").unwrap_or_default());
    let people = &known.people;
    let name = people.name_on_call(&id).ok_or_else(out_of_date)?;
    let user = SlackUserId::new(chosen);
    let member = people.member(&user).ok_or_else(|| {
        Error::refused("I have not met that person yet; choose them again in a few minutes.".to_owned())
    })?;
    let team_id = people.team_id(&known.config).unwrap_or_else(|| member.team_id.clone());
    if let Some(why) = unfit(member, &team_id) {
        return Err(Error::refused(format!("Not {}: {why}.", untrusted(member.called()))));
    }
    tx.link_by_hand(&id, &user).await?;
    tx.directory_changed().await?;
    tx.enqueue(replan(&format!("{} said who {name} is in Slack", caller.name))).await?;
    let (name, by, member) = (untrusted(name), untrusted(&caller.name), untrusted(member.called()));
    Ok(Reply::instead(format!(
        ":link: *{name}* in PagerDuty is {member} in Slack, says {by}. The groups follow."
    )))
}

fn out_of_date() -> Error {
    Error::not_found(
        "That button is out of date: what it was about is no longer configured or no longer known.",
    )
}
