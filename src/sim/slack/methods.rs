//! Every method of the Web API that the simulator serves: tier, scopes, arguments, and the function behind it.
//! <https://docs.slack.dev/reference/methods>

use super::args::Answer;
use super::call::Call;
use super::limits::Tier::{self, Special, T2, T3, T4};
use super::{chat, conversations, history, marks, membership, people, usergroups, views};

/// Which scope opens a method; one of the list is enough. Which list depends on the kind of conversation;
/// methods without a channel only have the first.
#[derive(Clone, Copy)]
pub(super) struct Scopes {
    pub public: &'static [&'static str],
    pub private: &'static [&'static str],
    pub im: &'static [&'static str],
}

pub(super) struct Method {
    pub name: &'static str,
    pub tier: Tier,
    /// A read answers to GET too, and does not look into a JSON body.
    pub is_read: bool,
    pub takes_json: bool,
    pub scopes: Scopes,
    /// Names between spaces; a `*` before those that must be there.
    args: &'static str,
    pub run: fn(&mut Call<'_>) -> Answer,
}

impl Method {
    pub fn named(name: &str) -> Option<&'static Self> {
        METHODS.iter().find(|m| m.name == name)
    }

    pub fn required(&self) -> impl Iterator<Item = &'static str> {
        self.args.split(' ').filter_map(|a| a.strip_prefix('*'))
    }

    pub fn knows(&self, arg: &str) -> bool {
        self.args.split(' ').any(|a| a.trim_start_matches('*') == arg)
    }
}

impl Scopes {
    const fn same(all: &'static [&'static str]) -> Self {
        Self { public: all, private: all, im: all }
    }

    const fn of(
        public: &'static [&'static str],
        private: &'static [&'static str],
        im: &'static [&'static str],
    ) -> Self {
        Self { public, private, im }
    }

    /// What `X-Accepted-OAuth-Scopes` says, each once.
    pub fn all(&self) -> Vec<&'static str> {
        let mut all: Vec<_> = [self.public, self.private, self.im].concat();
        all.sort_unstable();
        all.dedup();
        all
    }
}

const NONE: Scopes = Scopes::same(&[]);
const CHAT: Scopes = Scopes::same(&["chat:write"]);
const READ: Scopes = Scopes::of(&["channels:read"], &["groups:read"], &["im:read"]);
const HISTORY: Scopes = Scopes::of(&["channels:history"], &["groups:history"], &["im:history"]);
const MANAGE: Scopes = Scopes::of(&["channels:manage"], &["groups:write"], &["im:write"]);
const INVITE: Scopes = Scopes::of(
    &["channels:manage", "channels:write.invites"],
    &["groups:write", "groups:write.invites"],
    &["im:write"],
);
const TOPIC: Scopes = Scopes::of(
    &["channels:manage", "channels:write.topic"],
    &["groups:write", "groups:write.topic"],
    &["im:write", "im:write.topic"],
);
const JOIN: Scopes = Scopes::same(&["channels:join"]);
const OPEN: Scopes = Scopes::same(&["im:write"]);
const USERS: Scopes = Scopes::same(&["users:read"]);
const EMAIL: Scopes = Scopes::same(&["users:read.email"]);
const GROUPS_READ: Scopes = Scopes::same(&["usergroups:read"]);
const GROUPS_WRITE: Scopes = Scopes::same(&["usergroups:write"]);
const MARKS_READ: Scopes = Scopes::same(&["bookmarks:read"]);
const MARKS_WRITE: Scopes = Scopes::same(&["bookmarks:write"]);
const PINS_READ: Scopes = Scopes::same(&["pins:read"]);
const PINS_WRITE: Scopes = Scopes::same(&["pins:write"]);
const REACT: Scopes = Scopes::same(&["reactions:write"]);

type Run = fn(&mut Call<'_>) -> Answer;

const fn write(name: &'static str, tier: Tier, scopes: Scopes, args: &'static str, run: Run) -> Method {
    Method { name, tier, is_read: false, takes_json: true, scopes, args, run }
}

const fn read(name: &'static str, tier: Tier, scopes: Scopes, args: &'static str, run: Run) -> Method {
    Method { name, tier, is_read: true, takes_json: false, scopes, args, run }
}

/// Listed as GET, and takes a JSON body all the same.
const fn read_json(name: &'static str, tier: Tier, scopes: Scopes, args: &'static str, run: Run) -> Method {
    Method { name, tier, is_read: true, takes_json: true, scopes, args, run }
}

const POST_ARGS: &str = "*channel as_user attachments blocks icon_emoji icon_url link_names markdown_text \
    metadata mrkdwn parse reply_broadcast text thread_ts unfurl_links unfurl_media username";
const UPDATE_ARGS: &str = "*channel *ts as_user attachments blocks file_ids link_names markdown_text metadata \
    parse reply_broadcast text unfurled_attachments";
const EPHEMERAL_ARGS: &str = "*channel *user as_user attachments blocks icon_emoji icon_url link_names \
    markdown_text metadata parse text thread_ts username";
const HISTORY_ARGS: &str = "*channel cursor include_all_metadata inclusive latest limit oldest";
const REPLIES_ARGS: &str = "*channel *ts cursor include_all_metadata inclusive latest limit oldest";
const LIST_ARGS: &str = "cursor exclude_archived limit team_id types";
const MINE_ARGS: &str = "cursor exclude_archived exclude_muted limit team_id types user";
const BOOKMARK_ARGS: &str = "*title *type channel_id link emoji entity_id access_level parent_id";

static METHODS: &[Method] = &[
    write("auth.test", Special, NONE, "", people::auth_test),
    write("chat.postMessage", Special, CHAT, POST_ARGS, chat::post_message),
    write("chat.update", T3, CHAT, UPDATE_ARGS, chat::update),
    write("chat.postEphemeral", T4, CHAT, EPHEMERAL_ARGS, chat::post_ephemeral),
    read("chat.getPermalink", Special, NONE, "*channel *message_ts", chat::get_permalink),
    write("chat.delete", T3, CHAT, "*channel *ts as_user", chat::delete),
    write("conversations.create", T2, MANAGE, "*name is_private team_id", conversations::create),
    write("conversations.invite", T3, INVITE, "*channel *users force", membership::invite),
    read("conversations.info", T3, READ, "*channel include_locale include_num_members", conversations::info),
    read("conversations.list", T2, READ, LIST_ARGS, conversations::list),
    read("conversations.members", T4, READ, "*channel cursor limit", membership::members),
    write("conversations.setTopic", T2, TOPIC, "*channel *topic", conversations::set_topic),
    write("conversations.setPurpose", T2, TOPIC, "*channel *purpose", conversations::set_purpose),
    write("conversations.archive", T2, MANAGE, "*channel", conversations::archive),
    write("conversations.unarchive", T2, MANAGE, "*channel", conversations::unarchive),
    write("conversations.join", T3, JOIN, "*channel", membership::join),
    write("conversations.rename", T2, MANAGE, "*channel *name", conversations::rename),
    write("conversations.open", T3, OPEN, "channel return_im users prevent_creation", membership::open),
    read_json("conversations.history", T3, HISTORY, HISTORY_ARGS, history::history),
    read("conversations.replies", T3, HISTORY, REPLIES_ARGS, history::replies),
    read("users.conversations", T3, READ, MINE_ARGS, conversations::of_user),
    read("users.list", T2, USERS, "cursor include_locale limit team_id", people::list),
    read("users.info", T4, USERS, "*user include_locale", people::info),
    read("users.lookupByEmail", T3, EMAIL, "*email", people::lookup_by_email),
    read("users.getPresence", T3, USERS, "user", people::get_presence),
    read(
        "usergroups.list",
        T2,
        GROUPS_READ,
        "include_count include_disabled include_users team_id",
        usergroups::list,
    ),
    read(
        "usergroups.users.list",
        T2,
        GROUPS_READ,
        "*usergroup include_disabled team_id",
        usergroups::list_users,
    ),
    write(
        "usergroups.users.update",
        T2,
        GROUPS_WRITE,
        "*usergroup *users include_count team_id additional_channels is_shared",
        usergroups::update_users,
    ),
    write(
        "usergroups.update",
        T2,
        GROUPS_WRITE,
        "*usergroup channels additional_channels description handle include_count name team_id enable_section",
        usergroups::update,
    ),
    write(
        "usergroups.create",
        T2,
        GROUPS_WRITE,
        "*name channels additional_channels description handle include_count team_id enable_section",
        usergroups::create,
    ),
    write("usergroups.enable", T2, GROUPS_WRITE, "*usergroup include_count team_id", usergroups::enable),
    write("usergroups.disable", T2, GROUPS_WRITE, "*usergroup include_count team_id", usergroups::disable),
    write("bookmarks.add", T2, MARKS_WRITE, BOOKMARK_ARGS, marks::add_bookmark),
    write("bookmarks.list", T3, MARKS_READ, "*channel_id", marks::list_bookmarks),
    write(
        "bookmarks.edit",
        T2,
        MARKS_WRITE,
        "*channel_id *bookmark_id title link emoji",
        marks::edit_bookmark,
    ),
    write(
        "bookmarks.remove",
        T2,
        MARKS_WRITE,
        "*channel_id *bookmark_id quip_section_id",
        marks::remove_bookmark,
    ),
    write("pins.add", T2, PINS_WRITE, "*channel timestamp", marks::pin),
    read("pins.list", T2, PINS_READ, "*channel", marks::list_pins),
    write("pins.remove", T2, PINS_WRITE, "*channel timestamp", marks::unpin),
    write("reactions.add", T3, REACT, "*channel *timestamp *name", marks::react),
    write("reactions.remove", T2, REACT, "*name channel timestamp file file_comment", marks::unreact),
    write("views.open", T4, NONE, "*view trigger_id interactivity_pointer", views::open),
    write("views.push", T4, NONE, "*view trigger_id interactivity_pointer", views::push),
    write("views.update", T4, NONE, "*view view_id external_id hash", views::update),
];
