//! Slack's Events API: who came and went, who changed, which room was archived.
//! <https://docs.slack.dev/reference/events>

use serde_json::Value;

use crate::error::Result;
use crate::ids::{ChannelId, SlackUserId};
use crate::oncall::{Known, Step};
use crate::store::Tx;

pub async fn understand(tx: &mut Tx, known: &Known, body: &[u8]) -> Result<()> {
    let Ok(envelope) = serde_json::from_slice::<Value>(body) else {
        tracing::warn!(bytes = body.len(), "Slack sent a signed body that is no JSON");
        return Ok(());
    };
    let event = &envelope["event"];
    match event["type"].as_str().unwrap_or_default() {
        "team_join" | "user_change" | "subteam_created" | "subteam_updated" | "subteam_members_changed" => {
            tx.enqueue(Step::ReadSlack.job()).await?;
        }
        "member_joined_channel" => moved(tx, known, event, "in").await?,
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

/// Members of a private incident's channel are those who may see the incident.
async fn moved(tx: &mut Tx, known: &Known, event: &Value, state: &str) -> Result<()> {
    let (Some(user), Some(channel)) = (event["user"].as_str(), event["channel"].as_str()) else {
        return Ok(());
    };
    if known.people.ourselves.as_ref().is_some_and(|us| us.bot_user == user) {
        return Ok(());
    }
    if let Some(incident) = tx.incident_in(&ChannelId::new(channel)).await? {
        tx.set_member(incident.id, &SlackUserId::new(user), state, None).await?;
    }
    Ok(())
}
