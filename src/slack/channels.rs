//! Channels: making, filling and describing them.

use serde_json::{Value, json};

use super::calls::{
    BOOKMARKS_ADD, BOOKMARKS_LIST, CONVERSATIONS_ARCHIVE, CONVERSATIONS_CREATE, CONVERSATIONS_INFO,
    CONVERSATIONS_INVITE, CONVERSATIONS_MEMBERS, CONVERSATIONS_SET_PURPOSE, CONVERSATIONS_SET_TOPIC,
    CONVERSATIONS_UNARCHIVE, PINS_ADD, USERS_CONVERSATIONS,
};
use super::{Bookmark, Channel, Client, Invited, as_json, json as read_json, problem};
use crate::error::{Problem, Upstream};
use crate::http_client::{Answer, Fields};
use crate::ids::{ChannelId, SlackUserId};

/// Slack's limit for one invitation.
const MOST_INVITED_AT_ONCE: usize = 100;
/// Not a failure: they are where they should be.
const IN_ALREADY: [&str; 2] = ["already_in_channel", "cant_invite_self"];
/// Codes about the person invited. Every other code is about the channel or us, and fails the whole call.
const ABOUT_THE_PERSON: [&str; 11] = [
    "already_in_channel",
    "cant_invite_self",
    "user_not_found",
    "users_not_found",
    "user_disabled",
    "user_is_restricted",
    "ura_max_channels",
    "cant_invite",
    "org_user_not_in_team",
    "invitee_cant_see_channel",
    "app_cannot_join_channel",
];

impl Client {
    /// Makes a channel, of which we are a member at once. The name: at most 80 of `a-z 0-9 - _`. Read back:
    /// `name_taken` carries no id, so look in [`Client::my_channels`] for the name with us as creator.
    /// <https://docs.slack.dev/reference/methods/conversations.create> · channels:manage groups:write · tier 2 · read_back
    pub async fn create_channel(&self, name: &str, private: bool) -> Result<Channel, Upstream> {
        let body = json!({ "name": name, "is_private": private });
        self.write(&CONVERSATIONS_CREATE, &body, &[], |answer| Channel::read(answer.at("/channel"))).await
    }

    /// Invites people, whoever of them can be. Those who are members already, and we ourselves, count as invited.
    /// Errs when the channel or the call is at fault.
    /// <https://docs.slack.dev/reference/methods/conversations.invite> · channels:manage groups:write · tier 3 · idempotent
    pub async fn invite(&self, channel: &ChannelId, users: &[SlackUserId]) -> Result<Invited, Upstream> {
        let mut invited = Invited::default();
        for chunk in users.chunks(MOST_INVITED_AT_ONCE) {
            let mut left = chunk.to_vec();
            while !left.is_empty() {
                let outcome = self.invite_some(channel, &left).await?;
                left.retain(|user| outcome.again && !outcome.named.iter().any(|(named, _)| named == user));
                let failed =
                    outcome.named.into_iter().filter(|(_, code)| !IN_ALREADY.contains(&code.as_str()));
                invited.failed.extend(failed);
            }
        }
        Ok(invited)
    }

    async fn invite_some(&self, channel: &ChannelId, users: &[SlackUserId]) -> Result<Invitation, Upstream> {
        let list = users.iter().map(SlackUserId::as_str).collect::<Vec<_>>().join(",");
        let body = json!({ "channel": channel.as_str(), "users": list, "force": true });
        let request = as_json(self.request(&CONVERSATIONS_INVITE, &self.settings.bot_token), &body);
        let name = CONVERSATIONS_INVITE.name;
        self.wire.exchange(&CONVERSATIONS_INVITE, name, request, |answer| invitation(answer, users)).await
    }

    /// The members' ids, bots included.
    /// <https://docs.slack.dev/reference/methods/conversations.members> · channels:read groups:read · tier 4 · idempotent
    pub async fn members(&self, channel: &ChannelId) -> Result<Vec<SlackUserId>, Upstream> {
        let form = [("channel", channel.as_str())];
        let id = |item: Fields<'_>| Ok(SlackUserId(item.need("")?));
        self.pages(&CONVERSATIONS_MEMBERS, &form, "/members", id).await
    }

    /// At most 250 characters. Each call shows as a message in the channel: call it on change only.
    /// <https://docs.slack.dev/reference/methods/conversations.setTopic> · channels:manage groups:write · tier 2 · idempotent
    pub async fn set_topic(&self, channel: &ChannelId, topic: &str) -> Result<(), Upstream> {
        let body = json!({ "channel": channel.as_str(), "topic": topic });
        self.write(&CONVERSATIONS_SET_TOPIC, &body, &[], |_| Ok(())).await
    }

    /// The topic as Slack has it: escaped, `blocks::unescape` reads it.
    /// <https://docs.slack.dev/reference/methods/conversations.info> · channels:read groups:read · tier 3 · idempotent
    pub async fn topic(&self, channel: &ChannelId) -> Result<String, Upstream> {
        let form = [("channel", channel.as_str())];
        let topic = |answer: Fields<'_>| Ok(answer.text("/channel/topic/value"));
        self.read(&CONVERSATIONS_INFO, &form, &[], topic).await
    }

    /// At most 250 characters; shows in the channel as the topic does.
    /// <https://docs.slack.dev/reference/methods/conversations.setPurpose> · channels:manage groups:write · tier 2 · idempotent
    pub async fn set_purpose(&self, channel: &ChannelId, purpose: &str) -> Result<(), Upstream> {
        let body = json!({ "channel": channel.as_str(), "purpose": purpose });
        self.write(&CONVERSATIONS_SET_PURPOSE, &body, &[], |_| Ok(())).await
    }

    /// Nothing can be posted there afterwards. One archived already is fine.
    /// <https://docs.slack.dev/reference/methods/conversations.archive> · channels:manage groups:write · tier 2 · idempotent
    pub async fn archive(&self, channel: &ChannelId) -> Result<(), Upstream> {
        let body = json!({ "channel": channel.as_str() });
        self.write(&CONVERSATIONS_ARCHIVE, &body, &["already_archived"], |_| Ok(())).await
    }

    /// One that is not archived is fine. We may no longer be a member afterwards.
    /// <https://docs.slack.dev/reference/methods/conversations.unarchive> · channels:manage groups:write · tier 2 · idempotent
    pub async fn unarchive(&self, channel: &ChannelId) -> Result<(), Upstream> {
        let body = json!({ "channel": channel.as_str() });
        self.write(&CONVERSATIONS_UNARCHIVE, &body, &["not_archived"], |_| Ok(())).await
    }

    /// Adds a link to the channel's bar and returns its id. Title at most 256 characters, link at most 2048, http or
    /// https. Read back: [`Client::bookmarks`], by link.
    /// <https://docs.slack.dev/reference/methods/bookmarks.add> · bookmarks:write · tier 2 · read_back
    pub async fn add_bookmark(
        &self,
        channel: &ChannelId,
        title: &str,
        link: &str,
    ) -> Result<String, Upstream> {
        let body = json!({ "channel_id": channel.as_str(), "title": title, "type": "link", "link": link });
        self.write(&BOOKMARKS_ADD, &body, &[], |answer| answer.need("/bookmark/id")).await
    }

    /// <https://docs.slack.dev/reference/methods/bookmarks.list> · bookmarks:read · tier 3 · idempotent
    pub async fn bookmarks(&self, channel: &ChannelId) -> Result<Vec<Bookmark>, Upstream> {
        let form = [("channel_id", channel.as_str())];
        let list = |answer: Fields<'_>| answer.need_list("/bookmarks")?.map(Bookmark::read).collect();
        self.read(&BOOKMARKS_LIST, &form, &[], list).await
    }

    /// Pins a message. One pinned already is fine.
    /// <https://docs.slack.dev/reference/methods/pins.add> · pins:write · tier 2 · idempotent
    pub async fn pin(&self, channel: &ChannelId, ts: &str) -> Result<(), Upstream> {
        let body = json!({ "channel": channel.as_str(), "timestamp": ts });
        self.write(&PINS_ADD, &body, &["already_pinned"], |_| Ok(())).await
    }

    /// Every channel the bot is in, public and private, archived ones too.
    /// <https://docs.slack.dev/reference/methods/users.conversations> · channels:read groups:read · tier 3 · idempotent
    pub async fn my_channels(&self) -> Result<Vec<Channel>, Upstream> {
        let form = [("types", "public_channel,private_channel"), ("exclude_archived", "false")];
        self.pages(&USERS_CONVERSATIONS, &form, "/channels", Channel::read).await
    }
}

/// What one invitation said about single people, and whether the others have to be asked for again: an answer that
/// is not `ok` may mean that one bad name kept everybody out.
struct Invitation {
    named: Vec<(SlackUserId, String)>,
    again: bool,
}

fn invitation(answer: &Answer, users: &[SlackUserId]) -> Result<Invitation, Problem> {
    let value: Value = read_json(answer)?;
    let fields = Fields(&value);
    let named: Vec<_> = fields
        .list("/errors")
        .filter_map(|e| Some((SlackUserId(e.some("/user")?), e.some("/error")?)))
        .filter(|(user, _)| users.contains(user))
        .collect();
    match problem(fields) {
        None => Ok(Invitation { named, again: false }),
        Some(Problem::Rejected { code, .. }) if ABOUT_THE_PERSON.contains(&code.as_str()) => match users {
            _ if !named.is_empty() => Ok(Invitation { named, again: true }),
            [only] => Ok(Invitation { named: vec![(only.clone(), code)], again: false }),
            _ => Err(Problem::Rejected { code, detail: "without saying who".into() }),
        },
        Some(problem) => Err(problem),
    }
}
