//! What Slack's objects are to us, read from its JSON.

use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::error::Problem;
use crate::http_client::Fields;
use crate::ids::{ChannelId, SlackUserId, UserGroupId};

/// Who a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub team_id: String,
    pub user_id: SlackUserId,
    /// `B…`: what our own messages carry.
    pub bot_id: String,
    pub app_id: Option<String>,
    /// `https://acme.slack.com/`.
    pub url: String,
    /// By Slack's clock, to the second.
    pub said_at: Option<Timestamp>,
    /// What the token may do, as Slack's `X-OAuth-Scopes` header lists it.
    pub scopes: Vec<String>,
}

/// A message to post.
#[derive(Clone, Copy, Debug)]
pub struct Post<'a> {
    pub channel: &'a ChannelId,
    /// mrkdwn; with blocks it is what notifications and screen readers say, so it is never empty. Past 40,000
    /// characters Slack cuts it.
    pub text: &'a str,
    /// At most 50; none for plain text.
    pub blocks: &'a [Value],
    /// The parent's `ts`, to answer in a thread.
    pub thread_ts: Option<&'a str>,
    pub mark: Option<&'a Mark>,
}

/// What makes a posted message recognisable later. Everyone in the channel can read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    pub op_id: String,
    pub incident_id: Option<String>,
}

impl Mark {
    pub(super) fn metadata(&self) -> Value {
        let mut payload = json!({ "op_id": self.op_id });
        if let Some(id) = &self.incident_id {
            payload["incident_id"] = id.as_str().into();
        }
        json!({ "event_type": "firebell", "event_payload": payload })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    pub id: ChannelId,
    pub name: String,
    pub is_private: bool,
    pub is_archived: bool,
    pub creator: SlackUserId,
    pub created_at: Timestamp,
}

impl Channel {
    pub(super) fn read(f: Fields<'_>) -> Result<Self, Problem> {
        Ok(Self {
            id: ChannelId(f.need("/id")?),
            name: f.text("/name"),
            is_private: f.flag("/is_private"),
            is_archived: f.flag("/is_archived"),
            creator: SlackUserId(f.text("/creator")),
            created_at: Timestamp::from_secs(f.int("/created")),
        })
    }
}

/// What became of an invitation: everyone not named here is in the channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invited {
    /// Who could not be invited, and Slack's word for why: `user_not_found`, `user_is_restricted` …
    pub failed: Vec<(SlackUserId, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bookmark {
    pub id: String,
    pub title: String,
    pub link: String,
}

impl Bookmark {
    pub(super) fn read(f: Fields<'_>) -> Result<Self, Problem> {
        Ok(Self { id: f.need("/id")?, title: f.text("/title"), link: f.text("/link") })
    }
}

/// A message as history has it. `text` is Slack's own escaped form; `blocks::unescape` reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub ts: String,
    /// Missing for old-style bots.
    pub user: Option<SlackUserId>,
    pub bot_id: Option<String>,
    pub text: String,
    /// The mark of [`Post`]. Anybody's app can write one: believe it only under our own `bot_id`.
    pub op_id: Option<String>,
}

impl Message {
    pub(super) fn read(f: Fields<'_>) -> Result<Self, Problem> {
        let in_block = || {
            f.list("/blocks")
                .find_map(|block| block.some("/block_id")?.strip_prefix("op:").map(ToOwned::to_owned))
        };
        Ok(Self {
            ts: f.need("/ts")?,
            user: f.some("/user").map(SlackUserId),
            bot_id: f.some("/bot_id"),
            text: f.text("/text"),
            op_id: f.some("/metadata/event_payload/op_id").or_else(in_block),
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "four independent facts of Slack's own object")]
pub struct User {
    pub id: SlackUserId,
    /// The handle: `ana`.
    pub name: String,
    pub real_name: String,
    /// Often empty; then clients show `real_name`.
    pub display_name: String,
    pub email: Option<String>,
    /// `Europe/Amsterdam`.
    pub tz: Option<String>,
    pub deleted: bool,
    pub is_bot: bool,
    /// A single- or multi-channel guest.
    pub is_guest: bool,
    /// Of another workspace, seen through a shared channel.
    pub is_stranger: bool,
    pub team_id: String,
}

impl User {
    /// The whole person that `user_change` and `team_join` carry.
    pub fn from_event(user: &Value) -> Option<Self> {
        Self::read(Fields(user)).ok()
    }

    pub(super) fn read(f: Fields<'_>) -> Result<Self, Problem> {
        Ok(Self {
            id: SlackUserId(f.need("/id")?),
            name: f.text("/name"),
            real_name: f.some("/profile/real_name").unwrap_or_else(|| f.text("/real_name")),
            display_name: f.text("/profile/display_name"),
            email: f.some("/profile/email"),
            tz: f.some("/tz"),
            deleted: f.flag("/deleted"),
            is_bot: f.flag("/is_bot"),
            is_guest: f.flag("/is_restricted") || f.flag("/is_ultra_restricted"),
            is_stranger: f.flag("/is_stranger"),
            team_id: f.text("/team_id"),
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserGroup {
    pub id: UserGroupId,
    /// The workspace; an organisation's own id for a group of all of it.
    pub team_id: String,
    /// Without the `@`.
    pub handle: String,
    pub name: String,
    /// Empty for a group without members, and for a disabled one of which Slack tells none.
    pub users: Vec<SlackUserId>,
    /// A disabled group keeps its members but cannot be mentioned.
    pub disabled: bool,
    /// Kept by Slack itself, an identity provider or another workspace: not ours to change.
    pub managed_elsewhere: bool,
    /// Who changed it last; our bot, or whoever's token it used, when it was us.
    pub updated_by: Option<SlackUserId>,
    pub updated_at: Timestamp,
}

impl UserGroup {
    /// The whole group that `subteam_created` and `subteam_updated` carry.
    pub fn from_event(subteam: &Value) -> Option<Self> {
        Self::read(Fields(subteam)).ok()
    }

    pub(super) fn read(f: Fields<'_>) -> Result<Self, Problem> {
        let foreign = ["/is_external", "/is_idp_group", "/is_membership_locked"];
        Ok(Self {
            id: UserGroupId(f.need("/id")?),
            team_id: f.text("/team_id"),
            handle: f.text("/handle"),
            name: f.text("/name"),
            users: f.texts("/users").into_iter().map(SlackUserId).collect(),
            disabled: f.int("/date_delete") != 0,
            managed_elsewhere: f.some("/auto_type").is_some() || foreign.into_iter().any(|key| f.flag(key)),
            updated_by: f.some("/updated_by").map(SlackUserId),
            updated_at: Timestamp::from_secs(f.int("/date_update")),
        })
    }
}

/// Slack's `1465244570.336841`: the moment of an event or a message.
pub fn moment(ts: &str) -> Option<Timestamp> {
    let (secs, micros) = ts.split_once('.')?;
    let whole = secs.parse::<i64>().ok().filter(|s| (0..=9_999_999_999).contains(s))?;
    let rest = micros.parse::<i64>().ok().filter(|_| micros.len() == 6)?;
    Some(Timestamp::from_micros(whole * 1_000_000 + rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_slacks_times_and_nothing_else() {
        assert_eq!(moment("1465244570.336841"), Some(Timestamp::from_micros(1_465_244_570_336_841)));
        for wrong in
            ["", "1465244570", "1465244570.3", "-1.000000", "99999999999999999999.000000", "a.bcdefg"]
        {
            assert_eq!(moment(wrong), None, "{wrong}");
        }
    }
}
