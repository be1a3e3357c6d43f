//! The Slack methods we call, as data. Scopes are a bot token's unless the method says otherwise; the tier is
//! Slack's rate class (2: 20, 3: 50, 4: 100 calls a minute per workspace).

use crate::http_client::calls;

calls! {
    AUTH_TEST = "auth.test", Idempotent, [], "special";
    CHAT_POST_MESSAGE = "chat.postMessage", ReadBack, ["chat:write"], "special";
    CHAT_UPDATE = "chat.update", Idempotent, ["chat:write"], "tier 3";
    CHAT_POST_EPHEMERAL = "chat.postEphemeral", AtMostOnce, ["chat:write"], "tier 4";
    CHAT_GET_PERMALINK = "chat.getPermalink", Idempotent, [], "special";
    CONVERSATIONS_CREATE = "conversations.create", ReadBack, ["channels:manage", "groups:write"], "tier 2";
    CONVERSATIONS_INVITE = "conversations.invite", Idempotent, ["channels:manage", "groups:write"], "tier 3";
    CONVERSATIONS_MEMBERS = "conversations.members", Idempotent, ["channels:read", "groups:read"], "tier 4";
    CONVERSATIONS_INFO = "conversations.info", Idempotent, ["channels:read", "groups:read"], "tier 3";
    CONVERSATIONS_SET_TOPIC = "conversations.setTopic", Idempotent, ["channels:manage", "groups:write"], "tier 2";
    CONVERSATIONS_SET_PURPOSE = "conversations.setPurpose", Idempotent, ["channels:manage", "groups:write"], "tier 2";
    CONVERSATIONS_ARCHIVE = "conversations.archive", Idempotent, ["channels:manage", "groups:write"], "tier 2";
    CONVERSATIONS_UNARCHIVE = "conversations.unarchive", Idempotent, ["channels:manage", "groups:write"], "tier 2";
    CONVERSATIONS_HISTORY = "conversations.history", Idempotent, ["channels:history", "groups:history", "im:history"], "tier 3";
    CONVERSATIONS_REPLIES = "conversations.replies", Idempotent, ["channels:history", "groups:history", "im:history"], "tier 3";
    CONVERSATIONS_OPEN = "conversations.open", Idempotent, ["im:write"], "tier 3";
    BOOKMARKS_ADD = "bookmarks.add", ReadBack, ["bookmarks:write"], "tier 2";
    BOOKMARKS_LIST = "bookmarks.list", Idempotent, ["bookmarks:read"], "tier 3";
    PINS_ADD = "pins.add", Idempotent, ["pins:write"], "tier 2";
    USERS_CONVERSATIONS = "users.conversations", Idempotent, ["channels:read", "groups:read"], "tier 3";
    USERS_LIST = "users.list", Idempotent, ["users:read", "users:read.email"], "tier 2";
    USERS_INFO = "users.info", Idempotent, ["users:read", "users:read.email"], "tier 4";
    USERS_LOOKUP_BY_EMAIL = "users.lookupByEmail", Idempotent, ["users:read", "users:read.email"], "tier 3";
    USERGROUPS_LIST = "usergroups.list", Idempotent, ["usergroups:read"], "tier 2";
    USERGROUPS_CREATE = "usergroups.create", ReadBack, ["usergroups:write"], "tier 2";
    USERGROUPS_UPDATE = "usergroups.update", Idempotent, ["usergroups:write"], "tier 2";
    USERGROUPS_USERS_UPDATE = "usergroups.users.update", Idempotent, ["usergroups:write"], "tier 2";
    VIEWS_OPEN = "views.open", AtMostOnce, [], "tier 4";
    VIEWS_UPDATE = "views.update", Idempotent, [], "tier 4";
    RESPONSE_URL = "response_url", AtMostOnce, [], "5 in 30 minutes";
}

/// What the token lacks of the scopes that we need.
pub fn missing_scopes(granted: &[String]) -> Vec<&'static str> {
    let mut missing: Vec<&str> = CALLS
        .iter()
        .flat_map(|call| call.scopes.iter().copied())
        .filter(|scope| !granted.iter().any(|g| g == scope))
        .collect();
    missing.sort_unstable();
    missing.dedup();
    missing
}
