//! What the simulated workspace holds: people, groups, channels, messages, modals, and the tickets it issued.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::limits::Limiter;
use super::{Slack, blocks};
use crate::clock::Timestamp;

/// A member of the workspace. Facts about the fields: <https://docs.slack.dev/reference/objects/user-object>
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "these are Slack's own flags")]
pub struct User {
    /// `U…`
    pub id: String,
    /// Another workspace's id makes them a stranger of Slack Connect.
    pub team_id: String,
    /// What follows the `@`.
    pub name: String,
    pub real_name: String,
    pub email: String,
    pub tz: String,
    pub deleted: bool,
    pub is_bot: bool,
    pub is_admin: bool,
    /// A guest of several channels.
    pub is_restricted: bool,
    /// A guest of one channel.
    pub is_ultra_restricted: bool,
    pub is_away: bool,
}

impl User {
    pub(super) fn full(id: &str, name: &str, real_name: &str, email: &str) -> Self {
        Self {
            id: id.into(),
            team_id: Slack::TEAM_ID.into(),
            name: name.into(),
            real_name: real_name.into(),
            email: email.into(),
            tz: "Europe/Berlin".into(),
            deleted: false,
            is_bot: false,
            is_admin: false,
            is_restricted: false,
            is_ultra_restricted: false,
            is_away: false,
        }
    }
}

/// A user group: `@handle`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserGroup {
    /// `S…`
    pub id: String,
    pub handle: String,
    pub name: String,
    pub members: Vec<String>,
    /// `None` while it may be mentioned.
    pub disabled_at: Option<Timestamp>,
    pub is_external: bool,
    /// `admin` or `owner` for groups that Slack fills by itself.
    pub auto_type: Option<String>,
    pub created_by: String,
    pub updated_by: String,
    pub updated_at: Timestamp,
}

impl UserGroup {
    pub(super) fn new(id: &str, name: &str, handle: &str, by: &str, now: Timestamp) -> Self {
        Self {
            id: id.into(),
            handle: handle.into(),
            name: name.into(),
            members: Vec::new(),
            disabled_at: None,
            is_external: false,
            auto_type: None,
            created_by: by.into(),
            updated_by: by.into(),
            updated_at: now,
        }
    }
}

/// A channel, or a direct conversation when `dm_with` is set.
#[derive(Clone, Debug, PartialEq)]
pub struct Channel {
    pub id: String,
    pub name: String,
    pub topic: String,
    pub purpose: String,
    pub is_private: bool,
    pub is_archived: bool,
    pub creator: String,
    pub members: BTreeSet<String>,
    pub created_at: Timestamp,
    pub bookmarks: Vec<Bookmark>,
    /// `ts` of the pinned messages, oldest pin first.
    pub pins: Vec<String>,
    /// In order of `ts`, replies among them.
    pub messages: Vec<Message>,
    /// The person at the other end of a direct conversation with our bot.
    pub dm_with: Option<String>,
    pub(super) last_ts: i64,
}

impl Channel {
    pub(super) fn new(id: String, name: &str, is_private: bool, creator: &str, now: Timestamp) -> Self {
        Self {
            id,
            name: name.into(),
            topic: String::new(),
            purpose: String::new(),
            is_private,
            is_archived: false,
            creator: creator.into(),
            members: BTreeSet::from([creator.to_owned()]),
            created_at: now,
            bookmarks: Vec::new(),
            pins: Vec::new(),
            messages: Vec::new(),
            dm_with: None,
            last_ts: 0,
        }
    }

    pub fn message(&self, ts: &str) -> Option<&Message> {
        self.messages.iter().find(|m| m.ts == ts)
    }

    pub(super) fn message_mut(&mut self, ts: &str) -> Option<&mut Message> {
        self.messages.iter_mut().find(|m| m.ts == ts)
    }

    /// A `ts` never used in this channel: the time, pushed on when the clock stood still.
    pub(super) fn next_ts(&mut self, now: Timestamp) -> String {
        self.last_ts = now.as_micros().max(self.last_ts + 1);
        format!("{}.{:06}", self.last_ts.div_euclid(1_000_000), self.last_ts.rem_euclid(1_000_000))
    }

    /// Adds a message under a fresh `ts`.
    pub(super) fn post(&mut self, mut message: Message, now: Timestamp) -> String {
        message.ts = self.next_ts(now);
        message.posted_at = now;
        let ts = message.ts.clone();
        self.messages.push(message);
        ts
    }

    /// One of Slack's own lines: `channel_topic`, `channel_join` …
    pub(super) fn announce(&mut self, subtype: &str, user: &str, text: &str, now: Timestamp) {
        let line = Message { subtype: Some(subtype.into()), ..Message::by(user, text) };
        self.post(line, now);
    }

    /// A new topic, with the line that Slack writes.
    pub(super) fn describe(&mut self, user: &str, topic: &str, now: Timestamp) {
        topic.clone_into(&mut self.topic);
        self.announce("channel_topic", user, &format!("<@{user}> set the channel topic: {topic}"), now);
    }

    /// Adds a member, with the line that Slack writes. False if they were there.
    pub(super) fn admit(&mut self, user: &str, now: Timestamp) -> bool {
        let new = self.members.insert(user.to_owned());
        if new {
            self.announce("channel_join", user, &format!("<@{user}> has joined the channel"), now);
        }
        new
    }

    /// How many replies the thread under this message has.
    pub(super) fn replies(&self, parent: &str) -> usize {
        self.messages.iter().filter(|m| m.is_reply_to(parent)).count()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bookmark {
    /// `Bk…`
    pub id: String,
    pub title: String,
    pub link: String,
    pub emoji: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub ts: String,
    /// The author; our bot's messages have `by_bot` too.
    pub user: String,
    pub by_bot: bool,
    pub text: String,
    /// An array, as Slack gives it back: every block has its `block_id`. Empty when there are none.
    pub blocks: Vec<Value>,
    /// `{"event_type", "event_payload"}`
    pub metadata: Option<Value>,
    /// The parent's `ts`, for replies only.
    pub thread_ts: Option<String>,
    /// A reply that is shown in the channel too.
    pub is_broadcast: bool,
    pub is_edited: bool,
    pub subtype: Option<String>,
    pub reactions: BTreeMap<String, BTreeSet<String>>,
    pub posted_at: Timestamp,
}

impl Message {
    pub(super) fn by(user: &str, text: &str) -> Self {
        Self {
            ts: String::new(),
            user: user.into(),
            by_bot: user == Slack::BOT_USER,
            text: text.into(),
            blocks: Vec::new(),
            metadata: None,
            thread_ts: None,
            is_broadcast: false,
            is_edited: false,
            subtype: None,
            reactions: BTreeMap::new(),
            posted_at: Timestamp::from_secs(0),
        }
    }

    pub(super) fn is_reply_to(&self, parent: &str) -> bool {
        self.thread_ts.as_deref() == Some(parent)
    }

    /// As Slack writes it. The metadata's payload only with `all_metadata`; `replies` is the length of the
    /// thread below it.
    pub(super) fn to_json(&self, all_metadata: bool, replies: usize) -> Value {
        let mut shown = json!({"type": "message", "user": self.user, "text": self.text, "ts": self.ts,
            "team": Slack::TEAM_ID});
        let mut set = |key: &str, value: Value| shown[key] = value;
        if self.by_bot {
            set("bot_id", json!(Slack::BOT_ID));
            set("app_id", json!(Slack::APP_ID));
            set("bot_profile", json!({"id": Slack::BOT_ID, "app_id": Slack::APP_ID, "name": "firebell"}));
        }
        if !self.blocks.is_empty() {
            set("blocks", json!(self.blocks));
        }
        if let Some(subtype) = &self.subtype {
            set("subtype", json!(subtype));
        } else if self.is_broadcast {
            set("subtype", json!("thread_broadcast"));
        }
        if let Some(parent) = &self.thread_ts {
            set("thread_ts", json!(parent));
        } else if replies > 0 {
            set("thread_ts", json!(self.ts));
            set("reply_count", json!(replies));
        }
        if self.is_edited {
            set("edited", json!({"user": self.user, "ts": self.ts}));
        }
        if let Some(metadata) = &self.metadata {
            let brief = json!({"event_type": metadata["event_type"]});
            set("metadata", if all_metadata { metadata.clone() } else { brief });
        }
        if !self.reactions.is_empty() {
            let row = |(name, users): (&String, &BTreeSet<String>)| json!({"name": name, "users": users, "count": users.len()});
            set("reactions", self.reactions.iter().map(row).collect());
        }
        shown
    }
}

/// Something only one person saw: `chat.postEphemeral`, a command's direct answer, or a response_url.
#[derive(Clone, Debug, PartialEq)]
pub struct Ephemeral {
    pub channel: String,
    /// The thread that it was shown in.
    pub thread_ts: Option<String>,
    pub text: String,
    pub blocks: Vec<Value>,
    pub user: String,
    pub ts: String,
    pub shown_at: Timestamp,
}

/// An open modal. Later ones of the same person lie on top.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// `V…`
    pub id: String,
    pub trigger_id: String,
    pub user: String,
    /// The whole view object as Slack gives it back.
    pub view: Value,
}

/// A ticket to open one modal: three seconds, once.
#[derive(Clone, Debug)]
pub(super) struct Trigger {
    pub user: String,
    pub issued_at: Timestamp,
    pub used: bool,
    /// The modal in which it arose; only such a ticket may push.
    pub from_view: Option<String>,
}

/// Where a response_url came from, so what `replace_original` means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Command,
    Message { ts: String },
    Ephemeral { ts: String },
}

#[derive(Clone, Debug)]
pub(super) struct ResponseUrl {
    pub user: String,
    pub channel: String,
    pub origin: Origin,
    pub issued_at: Timestamp,
    pub uses: u32,
}

pub(super) struct World {
    pub users: BTreeMap<String, User>,
    pub usergroups: BTreeMap<String, UserGroup>,
    /// Direct conversations among them.
    pub channels: BTreeMap<String, Channel>,
    pub ephemerals: Vec<Ephemeral>,
    pub views: Vec<View>,
    pub triggers: BTreeMap<String, Trigger>,
    /// By path: `/commands/T…/…/…`.
    pub response_urls: BTreeMap<String, ResponseUrl>,
    pub scopes: Vec<String>,
    pub is_revoked: bool,
    pub bot_may_edit_usergroups: bool,
    /// Free plans have none.
    pub has_usergroups: bool,
    pub most_in_usergroup: Option<usize>,
    /// What the app has not been told yet about user groups, oldest first.
    pub group_events: Vec<Value>,
    pub page_size: Option<usize>,
    pub limiter: Limiter,
    counters: BTreeMap<&'static str, u64>,
}

impl World {
    pub fn new(scopes: &[&str]) -> Self {
        let mut slackbot = User::full("USLACKBOT", "slackbot", "Slackbot", "");
        slackbot.is_bot = false; // as in the real list: only the id tells
        let mut bot = User::full(Slack::BOT_USER, "firebell", "Firebell", "");
        bot.is_bot = true;
        let mut admin = User::full(Slack::ADMIN_USER, "admin", "Workspace Admin", "admin@example.com");
        admin.is_admin = true;
        Self {
            users: [slackbot, bot, admin].into_iter().map(|u| (u.id.clone(), u)).collect(),
            usergroups: BTreeMap::new(),
            channels: BTreeMap::new(),
            ephemerals: Vec::new(),
            views: Vec::new(),
            triggers: BTreeMap::new(),
            response_urls: BTreeMap::new(),
            scopes: scopes.iter().map(ToString::to_string).collect(),
            is_revoked: false,
            bot_may_edit_usergroups: true,
            has_usergroups: true,
            most_in_usergroup: None,
            group_events: Vec::new(),
            page_size: None,
            limiter: Limiter::default(),
            counters: BTreeMap::new(),
        }
    }

    /// `C0000001`, `C0000002` … per prefix, so that one kind of id does not disturb another.
    pub fn fresh(&mut self, prefix: &'static str) -> String {
        let n = self.counters.entry(prefix).or_default();
        *n += 1;
        format!("{prefix}{n:07}")
    }

    pub fn channel_mut(&mut self, id: &str) -> &mut Channel {
        self.channels.get_mut(id).expect("the caller looked this channel up under the same lock")
    }

    pub fn add_channel(&mut self, name: &str, is_private: bool, creator: &str, now: Timestamp) -> String {
        let id = self.fresh("C");
        let channel = Channel::new(id.clone(), name, is_private, creator, now);
        self.channels.insert(id.clone(), channel);
        let text = format!("<@{creator}> has joined the channel");
        self.channel_mut(&id).announce("channel_join", creator, &text, now);
        id
    }

    /// The direct conversation between our bot and this person, made when there is none. True if it was there.
    pub fn dm(&mut self, user: &str, now: Timestamp) -> (String, bool) {
        if let Some(old) = self.channels.values().find(|c| c.dm_with.as_deref() == Some(user)) {
            return (old.id.clone(), true);
        }
        let id = self.fresh("D");
        let mut channel = Channel::new(id.clone(), "directmessage", true, Slack::BOT_USER, now);
        channel.members.insert(user.to_owned());
        channel.dm_with = Some(user.to_owned());
        self.channels.insert(id.clone(), channel);
        (id, false)
    }

    /// Blocks as Slack keeps them: whatever lacks a `block_id` or `action_id` gets one.
    pub fn complete(&mut self, mut blocks: Vec<Value>) -> Vec<Value> {
        blocks::complete(&mut blocks, &mut || self.fresh("auto"));
        blocks
    }

    /// A full member who may sit in user groups.
    pub fn is_full_member(&self, user: &str) -> bool {
        self.users.get(user).is_some_and(|u| {
            !u.deleted
                && !u.is_bot
                && !u.is_restricted
                && !u.is_ultra_restricted
                && u.team_id == Slack::TEAM_ID
                && u.id != "USLACKBOT"
        })
    }
}

/// `1503435956.000247` → microseconds. `None` for anything that is not a `ts` (or a bare number of seconds).
pub(super) fn ts_micros(ts: &str) -> Option<i64> {
    let (secs, fraction) = ts.split_once('.').unwrap_or((ts, "0"));
    if fraction.len() > 6 || !ts.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    let micros: i64 = format!("{fraction:0<6}").parse().ok()?;
    Some(secs.parse::<i64>().ok()?.checked_mul(1_000_000)? + micros)
}
