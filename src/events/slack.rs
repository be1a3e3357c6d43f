//! Slack's Events API: who came and went, who changed, which room was archived.
//! <https://docs.slack.dev/reference/events>

use std::time::Duration;

use serde_json::Value;

use crate::chat;
use crate::error::Result;
use crate::ids::{ChannelId, SlackUserId, UserGroupId, opaque};
use crate::oncall::{Known, Member, Step};
use crate::slack::{User, moment};
use crate::store::Tx;

pub async fn understand(tx: &mut Tx, known: &Known, body: &[u8]) -> Result<()> {
    let Ok(envelope) = serde_json::from_slice::<Value>(body) else {
        tracing::warn!(bytes = body.len(), "Slack sent a signed body that is no JSON");
        return Ok(());
    };
    let event = &envelope["event"];
    match event["type"].as_str().unwrap_or_default() {
        "team_join" | "user_change" if is_news(known, &event["user"]) => {
            let now = tx.now();
            tx.enqueue(Step::ReadMembers.soon(now)).await?;
        }
        "subteam_created" | "subteam_updated" | "subteam_members_changed" => {
            group_changed(tx, known, event).await?;
        }
        "member_joined_channel" => moved(tx, known, event, "in").await?,
        "message" | "app_mention" => chat::hear(tx, known, event).await?,
        "member_left_channel" => moved(tx, known, event, "left").await?,
        "tokens_revoked" | "app_uninstalled" => {
            tracing::error!(
                "the Slack app was uninstalled or its token revoked: reinstall it and set bot_token"
            );
        }
        _ => {}
    }
    Ok(())
}

/// Most changes of a person are of their status line: nothing that we know of them, and no reason to read everybody.
fn is_news(known: &Known, user: &Value) -> bool {
    User::from_event(user).map(Member::from).is_none_or(|m| known.people.member(&m.id) != Some(&m))
}

/// Slack tells us of our own writes, too: what it says is then what we know already. Anything else is read anew, and
/// whoever did it hears why it does not last. <https://docs.slack.dev/reference/events/subteam_updated>
async fn group_changed(tx: &mut Tx, known: &Known, event: &Value) -> Result<()> {
    let subteam = &event["subteam"];
    let Some(id) = opaque(&event["subteam_id"]).or_else(|| opaque(&subteam["id"])).map(UserGroupId::new)
    else {
        return Ok(());
    };
    let people = |list: &Value| -> Vec<SlackUserId> {
        list.as_array().into_iter().flatten().filter_map(Value::as_str).map(SlackUserId::new).collect()
    };
    if let Some(group) = tx.group(&id).await? {
        let told = people(&subteam["users"]);
        let is_echo = |list: &Vec<SlackUserId>| {
            let is = |user: &SlackUserId| list.contains(user);
            if subteam.is_object() {
                let same_people = told.len() == list.len() && told.iter().all(is);
                return same_people
                    && subteam["handle"] == group.handle.as_str()
                    && (subteam["date_delete"] != 0) == group.is_disabled;
            }
            let (came, went) = (people(&event["added_users"]), people(&event["removed_users"]));
            came.iter().all(is) && !went.iter().any(is) && !(came.is_empty() && went.is_empty())
        };
        // The event may be quicker than the answer to the write that it tells of.
        let in_doubt = tx.list_in_doubt(&id).await?;
        if [Some(group.members.0.clone()), in_doubt].iter().flatten().any(is_echo) {
            return Ok(());
        }
    }
    let us = known.people.ourselves.as_ref().map(|us| us.bot_user.as_str());
    if let Some(editor) = opaque(&subteam["updated_by"]).filter(|by| Some(*by) != us) {
        tx.group_edited(&id, &SlackUserId::new(editor)).await?;
    }
    let now = tx.now();
    tx.enqueue(Step::ReadGroups.because("changed in Slack").at(now + Duration::from_secs(1))).await?;
    Ok(())
}

/// Members of a private incident's channel are those who may see the incident. Events come in any order, so each
/// carries its own time.
async fn moved(tx: &mut Tx, known: &Known, event: &Value, state: &str) -> Result<()> {
    let (Some(user), Some(channel)) = (opaque(&event["user"]), opaque(&event["channel"])) else {
        return Ok(());
    };
    let Some(incident) = tx.incident_in(&ChannelId::new(channel)).await? else { return Ok(()) };
    if known.people.ourselves.as_ref().is_some_and(|us| us.bot_user == user) {
        if state == "left" {
            tracing::error!(
                incident = incident.number,
                "removed from the channel: write /invite @firebell there"
            );
        }
        return Ok(());
    }
    let at = event["event_ts"].as_str().and_then(moment).unwrap_or_else(|| tx.now());
    tx.member_moved(incident.id, &SlackUserId::new(user), state, at).await
}
