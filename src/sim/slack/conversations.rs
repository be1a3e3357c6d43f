//! Channels themselves: made, found, named, described, archived. <https://docs.slack.dev/reference/methods/conversations.create>

use serde_json::{Value, json};

use super::args::{Answer, Refusal, no};
use super::call::{Call, Token};
use super::state::Channel;

const LONGEST_NAME: usize = 80;
const LONGEST_TOPIC: usize = 250;

impl Channel {
    /// As `conversations.info` shows it to `me`.
    pub(super) fn to_json(&self, me: &str) -> Value {
        if let Some(user) = &self.dm_with {
            return json!({"id": self.id, "created": self.created_at.as_secs(), "is_im": true, "is_org_shared": false,
                "user": user, "is_archived": self.is_archived});
        }
        let creator = &self.creator;
        let note = |value: &str| json!({"value": value, "creator": if value.is_empty() { "" } else { creator }, "last_set": 0});
        json!({
            "id": self.id, "name": self.name, "name_normalized": self.name, "is_channel": true,
            "is_group": false, "is_im": false, "is_mpim": false, "is_private": self.is_private,
            "is_archived": self.is_archived, "is_general": false, "is_member": self.members.contains(me),
            "created": self.created_at.as_secs(), "creator": self.creator, "topic": note(&self.topic),
            "purpose": note(&self.purpose), "previous_names": [], "is_shared": false, "is_ext_shared": false,
            "is_org_shared": false,
        })
    }
}

pub(super) fn create(call: &mut Call<'_>) -> Answer {
    let is_private = call.args.flag("is_private");
    let scopes = call.method.scopes;
    call.demand(if is_private { scopes.private } else { scopes.public })?;
    let name = call.args.text("name");
    check_name(call, &name)?;
    let me = call.me();
    let id = call.world.add_channel(&name, is_private, me, call.now);
    Ok(json!({"channel": call.world.channels[&id].to_json(me)}))
}

/// Names are taken by archived channels and by private ones that we cannot see, too; the answer gives no id.
fn check_name(call: &Call<'_>, name: &str) -> Result<(), Refusal> {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if name.is_empty() {
        return Err(no("invalid_name_required"));
    }
    if name.chars().count() > LONGEST_NAME {
        return Err(no("invalid_name_maxlength"));
    }
    if !name.chars().all(|c| is_word(c) || c == '-' || c == '_') {
        return Err(no("invalid_name_specials"));
    }
    if !name.contains(is_word) {
        return Err(no("invalid_name_punctuation"));
    }
    if call.world.channels.values().any(|c| c.dm_with.is_none() && c.name == name) {
        return Err(no("name_taken"));
    }
    Ok(())
}

pub(super) fn rename(call: &mut Call<'_>) -> Answer {
    let id = open_own_channel(call)?;
    let (name, me) = (call.args.text("name"), call.me());
    if call.world.channels[&id].creator != me && call.token == Token::Bot {
        return Err(no("not_authorized"));
    }
    check_name(call, &name)?;
    let now = call.now;
    let channel = call.world.channel_mut(&id);
    channel.name.clone_from(&name);
    channel.announce("channel_name", me, &format!("<@{me}> has renamed the channel to \"{name}\""), now);
    Ok(json!({"channel": channel.to_json(me)}))
}

/// A channel of which the caller is a member, and which is not archived.
pub(super) fn open_own_channel(call: &Call<'_>) -> Result<String, Refusal> {
    let id = call.channel_id("channel")?;
    let channel = &call.world.channels[&id];
    if channel.dm_with.is_some() {
        return Err(no("method_not_supported_for_channel_type"));
    }
    if channel.is_archived {
        return Err(no("is_archived"));
    }
    call.own_channel_id("channel")
}

pub(super) fn info(call: &mut Call<'_>) -> Answer {
    let id = call.channel_id("channel")?;
    let channel = &call.world.channels[&id];
    let mut shown = channel.to_json(call.me());
    if call.args.flag("include_num_members") {
        shown["num_members"] = json!(channel.members.len());
    }
    Ok(json!({"channel": shown}))
}

pub(super) fn list(call: &mut Call<'_>) -> Answer {
    let me = call.me();
    listing(call, |channel| !channel.is_private || channel.members.contains(me))
}

/// `users.conversations`: those of which the person is a member, as far as the caller can see them.
pub(super) fn of_user(call: &mut Call<'_>) -> Answer {
    let me = call.me();
    let user = call.args.opt("user").unwrap_or_else(|| me.to_owned());
    listing(call, |channel| {
        channel.members.contains(&user) && (!channel.is_private || channel.members.contains(me))
    })
}

fn listing(call: &Call<'_>, is_meant: impl Fn(&Channel) -> bool) -> Answer {
    let types = call.args.opt("types").unwrap_or_else(|| "public_channel".into());
    let types: Vec<&str> = types.split(',').collect();
    for kind in &types {
        match *kind {
            "public_channel" => call.demand(call.method.scopes.public)?,
            "private_channel" => call.demand(call.method.scopes.private)?,
            "im" => call.demand(call.method.scopes.im)?,
            "mpim" => call.demand(&["mpim:read"])?,
            _ => return Err(no("invalid_types")),
        }
    }
    let kind = |channel: &Channel| match channel {
        Channel { dm_with: Some(_), .. } => "im",
        Channel { is_private: true, .. } => "private_channel",
        _ => "public_channel",
    };
    let live_only = call.args.flag("exclude_archived");
    let found: Vec<_> = call
        .world
        .channels
        .values()
        .filter(|c| types.contains(&kind(c)) && is_meant(c) && !(live_only && c.is_archived))
        .map(|c| c.to_json(call.me()))
        .collect();
    let (channels, next_cursor) = call.page(found, 100)?;
    Ok(json!({"channels": channels, "response_metadata": {"next_cursor": next_cursor}}))
}

pub(super) fn set_topic(call: &mut Call<'_>) -> Answer {
    let (id, topic) = described(call, "topic")?;
    let (me, now) = (call.me(), call.now);
    let channel = call.world.channel_mut(&id);
    channel.describe(me, &topic, now);
    Ok(json!({"channel": channel.to_json(me)}))
}

pub(super) fn set_purpose(call: &mut Call<'_>) -> Answer {
    let (id, purpose) = described(call, "purpose")?;
    let (me, now) = (call.me(), call.now);
    let channel = call.world.channel_mut(&id);
    channel.purpose.clone_from(&purpose);
    channel.announce("channel_purpose", me, &format!("<@{me}> set the channel purpose: {purpose}"), now);
    Ok(json!({"purpose": purpose, "channel": channel.to_json(me)}))
}

fn described(call: &Call<'_>, what: &str) -> Result<(String, String), Refusal> {
    let id = open_own_channel(call)?;
    let text = call.args.text(what);
    if text.chars().count() > LONGEST_TOPIC { Err(no("too_long")) } else { Ok((id, text)) }
}

pub(super) fn archive(call: &mut Call<'_>) -> Answer {
    let id = call.channel_id("channel")?;
    if call.world.channels[&id].is_archived {
        return Err(no("already_archived"));
    }
    let id = open_own_channel(call).map(|_| id)?;
    let (me, now) = (call.me(), call.now);
    let channel = call.world.channel_mut(&id);
    channel.announce("channel_archive", me, &format!("<@{me}> archived the channel"), now);
    channel.is_archived = true;
    Ok(json!({}))
}

/// Afterwards our bot is no longer in a public channel; it has to join again before it can speak as a member.
pub(super) fn unarchive(call: &mut Call<'_>) -> Answer {
    let id = call.channel_id("channel")?;
    if !call.world.channels[&id].is_archived {
        return Err(no("not_archived"));
    }
    let (me, now) = (call.me(), call.now);
    let channel = call.world.channel_mut(&id);
    channel.is_archived = false;
    channel.announce("channel_unarchive", me, &format!("<@{me}> un-archived the channel"), now);
    if !channel.is_private {
        channel.members.remove(me);
    }
    Ok(json!({}))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Slack;
    use super::super::testing::{OPS, room};

    #[tokio::test]
    async fn names_are_strict_and_stay_taken() {
        let room = room().await;
        let create = async |name: &str| room.no("conversations.create", json!({"name": name})).await;
        assert_eq!(create("").await, "invalid_name_required");
        assert_eq!(create(&"a".repeat(81)).await, "invalid_name_maxlength");
        for name in ["Inc-1", "inc 1", "inc.1", "incé"] {
            assert_eq!(create(name).await, "invalid_name_specials");
        }
        assert_eq!(create("-_-").await, "invalid_name_punctuation");
        room.slack.add_channel("hidden", true, "U1", &[]);
        room.slack.archive(OPS);
        for name in ["ops", "hidden"] {
            let body = room.call("conversations.create", json!({"name": name})).await;
            assert_eq!(body, json!({"ok": false, "error": "name_taken"}), "and no id");
        }
        let made = room.ok("conversations.create", json!({"name": "a".repeat(80)})).await;
        assert_eq!(made["channel"]["creator"], Slack::BOT_USER);
        assert_eq!(made["channel"]["is_member"], true);
        assert_eq!(made["channel"]["created"], 1_795_255_200);
    }

    #[tokio::test]
    async fn a_private_channel_is_not_there_for_strangers() {
        let room = room().await;
        let id = room.slack.add_channel("secret", true, "U1", &[]);
        for method in ["conversations.info", "conversations.members", "conversations.history"] {
            assert_eq!(room.get(method, &[("channel", &id)]).await["error"], "channel_not_found");
        }
        let (seen, _) =
            room.all("conversations.list", "channels", &[("types", "public_channel,private_channel")]).await;
        assert_eq!(seen.len(), 1);
        assert_eq!(room.get("conversations.list", &[("types", "secret")]).await["error"], "invalid_types");
        assert_eq!(room.get("conversations.history", &[("channel", OPS)]).await["error"], "not_in_channel");
    }

    #[tokio::test]
    async fn our_own_channels_are_found_archived_ones_too() {
        let room = room().await;
        room.ok("conversations.create", json!({"name": "inc-1"})).await;
        let two = room.ok("conversations.create", json!({"name": "inc-2", "is_private": true})).await;
        room.ok("conversations.archive", json!({"channel": two["channel"]["id"]})).await;
        let types = ("types", "public_channel,private_channel");
        let (mine, _) = room.all("users.conversations", "channels", &[types]).await;
        assert_eq!(mine.len(), 2);
        let (live, _) =
            room.all("users.conversations", "channels", &[types, ("exclude_archived", "true")]).await;
        assert_eq!((live.len(), &live[0]["name"]), (1, &json!("inc-1")));
    }

    #[tokio::test]
    async fn a_topic_is_short_and_leaves_a_line_in_the_channel() {
        let room = room().await;
        let id = room.ok("conversations.create", json!({"name": "inc-1"})).await["channel"]["id"].clone();
        let topic = |text: &str| json!({"channel": id, "topic": text});
        assert_eq!(room.no("conversations.setTopic", topic(&"x".repeat(251))).await, "too_long");
        room.ok("conversations.setTopic", topic("SEV1")).await;
        assert_eq!(room.slack.channel_named("inc-1").expect("made").topic, "SEV1");
        assert_eq!(room.slack.transcript("inc-1"), "10:00 @firebell set the channel topic: SEV1");
        assert_eq!(
            room.no("conversations.setTopic", json!({"channel": OPS, "topic": "x"})).await,
            "not_in_channel"
        );
    }

    #[tokio::test]
    async fn archives_once_and_has_to_join_again_afterwards() {
        let room = room().await;
        let id = room.ok("conversations.create", json!({"name": "inc-1"})).await["channel"]["id"].clone();
        let it = json!({"channel": id});
        assert_eq!(room.no("conversations.unarchive", it.clone()).await, "not_archived");
        room.ok("conversations.archive", it.clone()).await;
        assert_eq!(room.no("conversations.archive", it.clone()).await, "already_archived");
        assert_eq!(room.no("conversations.join", it.clone()).await, "is_archived");
        room.ok("conversations.unarchive", it.clone()).await;
        let topic = json!({"channel": id, "topic": "x"});
        assert_eq!(room.no("conversations.setTopic", topic.clone()).await, "not_in_channel");
        room.ok("conversations.join", it.clone()).await;
        assert_eq!(room.ok("conversations.join", it).await["warning"], "already_in_channel");
        room.ok("conversations.setTopic", topic).await;
    }
}
