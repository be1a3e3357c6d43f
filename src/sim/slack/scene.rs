//! Setting the scene and looking at it: the parts of [`Slack`] that no network sees.

use super::Slack;
use super::state::{Channel, Ephemeral, Message, User, UserGroup, View};

impl Slack {
    // ---- setting the scene

    /// A full member of the workspace.
    pub fn add_user(&self, id: &str, name: &str, real_name: &str, email: &str) {
        self.shared.world().users.insert(id.into(), User::full(id, name, real_name, email));
    }

    /// Changes a person; does nothing when there is none of that id.
    pub fn edit_user(&self, id: &str, edit: impl FnOnce(&mut User)) {
        self.shared.world().users.get_mut(id).map(edit);
    }

    /// `members` are ids; nobody checks them here, so a scene may hold what the API would refuse.
    pub fn add_usergroup(&self, id: &str, handle: &str, members: &[&str]) {
        let mut group = UserGroup::new(id, handle, handle, Self::ADMIN_USER, self.shared.clock.now());
        group.members = members.iter().map(ToString::to_string).collect();
        self.shared.world().usergroups.insert(id.into(), group);
    }

    /// Changes a group, and no event tells of it: it was lost, or came before we listened.
    pub fn edit_usergroup(&self, id: &str, edit: impl FnOnce(&mut UserGroup)) {
        let now = self.shared.clock.now();
        if let Some(group) = self.shared.world().usergroups.get_mut(id) {
            edit(group);
            group.updated_at = now;
        }
    }

    /// A channel of people; our bot is in it only when listed. Answers the id.
    pub fn add_channel(&self, name: &str, private: bool, creator: &str, members: &[&str]) -> String {
        let now = self.shared.clock.now();
        let mut world = self.shared.world();
        let id = world.add_channel(name, private, creator, now);
        for member in members {
            world.channel_mut(&id).admit(member, now);
        }
        id
    }

    /// Replaces the scopes of the bot token.
    pub fn set_scopes(&self, scopes: &[&str]) {
        self.shared.world().scopes = scopes.iter().map(ToString::to_string).collect();
    }

    /// The app is removed from the workspace: `invalid_auth` for every token from now on.
    pub fn revoke(&self) {
        self.shared.world().is_revoked = true;
    }

    /// Whether bot tokens may change user groups (a workspace setting). If not: `permission_denied`.
    pub fn let_bots_edit_usergroups(&self, allowed: bool) {
        self.shared.world().bot_may_edit_usergroups = allowed;
    }

    /// Whether the workspace's plan has user groups. If not: `plan_upgrade_required`.
    pub fn let_workspace_have_usergroups(&self, allowed: bool) {
        self.shared.world().has_usergroups = allowed;
    }

    /// More members than this: `subteam_max_users_exceeded`. Slack does not document its own limit.
    pub fn set_largest_usergroup(&self, members: usize) {
        self.shared.world().most_in_usergroup = Some(members);
    }

    /// A person sets a channel's topic.
    pub fn person_sets_topic(&self, channel: &str, user: &str, topic: &str) {
        let now = self.shared.clock.now();
        self.shared.world().channel_mut(channel).describe(user, topic, now);
    }

    /// Caps the pages of every list at this many entries, so that few entries already need several pages.
    pub fn set_page_size(&self, entries: usize) {
        self.shared.world().page_size = Some(entries);
    }

    /// Switches Slack's rate limits on or off: 20, 50 or 100 calls a minute by method, one post a second by channel.
    pub fn enforce_tiers(&self, on: bool) {
        self.shared.world().limiter.is_on = on;
    }

    /// A person writes in a channel (and joins it for that, if need be). Answers the `ts`.
    pub fn person_posts(&self, channel: &str, user: &str, text: &str) -> String {
        self.post(channel, Message::by(user, text))
    }

    /// A person answers in a thread.
    pub fn person_replies(&self, channel: &str, user: &str, thread_ts: &str, text: &str) -> String {
        self.post(channel, Message { thread_ts: Some(thread_ts.into()), ..Message::by(user, text) })
    }

    pub(super) fn post(&self, channel: &str, message: Message) -> String {
        let now = self.shared.clock.now();
        let mut world = self.shared.world();
        let channel = world.channel_mut(channel);
        channel.admit(&message.user, now);
        channel.post(message, now)
    }

    /// A person removes someone from a channel.
    pub fn person_removes(&self, channel: &str, user: &str) {
        self.shared.world().channel_mut(channel).members.remove(user);
    }

    /// A person deletes a message by hand.
    pub fn person_deletes(&self, channel: &str, ts: &str) {
        self.shared.world().channel_mut(channel).remove(ts);
    }

    pub fn archive(&self, channel: &str) {
        self.shared.world().channel_mut(channel).is_archived = true;
    }

    // ---- looking

    pub fn channel(&self, id: &str) -> Option<Channel> {
        self.shared.world().channels.get(id).cloned()
    }

    pub fn channel_named(&self, name: &str) -> Option<Channel> {
        self.channels().into_iter().find(|c| c.name == name)
    }

    /// All channels in order of creation, without the direct conversations.
    pub fn channels(&self) -> Vec<Channel> {
        self.shared.world().channels.values().filter(|c| c.dm_with.is_none()).cloned().collect()
    }

    pub fn usergroups(&self) -> Vec<UserGroup> {
        self.shared.world().usergroups.values().cloned().collect()
    }

    pub fn usergroup(&self, id: &str) -> Option<UserGroup> {
        self.shared.world().usergroups.get(id).cloned()
    }

    pub fn usergroup_named(&self, handle: &str) -> Option<UserGroup> {
        self.shared.world().usergroups.values().find(|g| g.handle == handle).cloned()
    }

    /// What only this person saw, oldest first.
    pub fn ephemerals(&self, user: &str) -> Vec<Ephemeral> {
        self.shared.world().ephemerals.iter().filter(|e| e.user == user).cloned().collect()
    }

    /// The open modals, oldest first.
    pub fn views(&self) -> Vec<View> {
        self.shared.world().views.clone()
    }

    /// The id of our bot's direct conversation with this person, once there is one.
    pub fn dm_channel(&self, user: &str) -> Option<String> {
        let world = self.shared.world();
        world.channels.values().find(|c| c.dm_with.as_deref() == Some(user)).map(|c| c.id.clone())
    }

    /// The direct conversation between our bot and this person, both sides.
    pub fn dms(&self, user: &str) -> Vec<Message> {
        let world = self.shared.world();
        let talk = world.channels.values().find(|c| c.dm_with.as_deref() == Some(user));
        talk.map(|c| c.messages.clone()).unwrap_or_default()
    }
}
