//! `usergroups.*`: whole lists, never empty ones. <https://docs.slack.dev/reference/methods/usergroups.users.update>

use serde_json::{Value, json};

use super::Slack;
use super::args::{Answer, Refusal, no};
use super::call::{Call, Token};
use super::state::UserGroup;

impl UserGroup {
    fn to_json(&self, with_users: bool, with_count: bool) -> Value {
        let mut shown = json!({
            "id": self.id, "team_id": Slack::TEAM_ID, "is_usergroup": true, "is_subteam": true, "name": self.name,
            "handle": self.handle, "description": "", "is_external": self.is_external, "date_create": 1_700_000_000,
            "date_update": self.updated_at.as_secs(),
            "date_delete": self.disabled_at.map_or(0, crate::clock::Timestamp::as_secs),
            "auto_type": self.auto_type, "auto_provision": false, "created_by": Slack::ADMIN_USER,
            "updated_by": Slack::ADMIN_USER, "deleted_by": null, "prefs": {"channels": [], "groups": []},
        });
        if with_users {
            shown["users"] = json!(self.members);
        }
        if with_count {
            // A number in some of Slack's answers and a string in others; this is the less expected one.
            shown["user_count"] = json!(self.members.len().to_string());
        }
        shown
    }
}

#[expect(clippy::unnecessary_wraps, reason = "every method has this signature")]
pub(super) fn list(call: &mut Call<'_>) -> Answer {
    let flag = |name| call.args.flag(name);
    let (with_users, with_count) = (flag("include_users"), flag("include_count"));
    let shown: Vec<_> = call
        .world
        .usergroups
        .values()
        .filter(|g| g.disabled_at.is_none() || flag("include_disabled"))
        .map(|g| g.to_json(with_users, with_count))
        .collect();
    Ok(json!({"usergroups": shown}))
}

pub(super) fn list_users(call: &mut Call<'_>) -> Answer {
    let with_disabled = call.args.flag("include_disabled");
    let group = group(call)?;
    if group.disabled_at.is_some() && !with_disabled {
        return Err(no("no_such_subteam"));
    }
    Ok(json!({"users": group.members}))
}

fn group<'a>(call: &'a mut Call<'_>) -> Result<&'a mut UserGroup, Refusal> {
    let id = call.args.text("usergroup");
    call.world.usergroups.get_mut(&id).ok_or_else(|| no("no_such_subteam"))
}

/// The group, if the caller may change it: bots only where the workspace lets everyone.
fn own_group<'a>(call: &'a mut Call<'_>) -> Result<&'a mut UserGroup, Refusal> {
    let is_denied = call.token == Token::Bot && !call.world.bot_may_edit_usergroups;
    let group = group(call)?;
    let is_foreign = group.is_external || group.auto_type.is_some();
    if is_denied || is_foreign { Err(no("permission_denied")) } else { Ok(group) }
}

/// Replaces the whole list. One id that may not be a member spoils it all.
pub(super) fn update_users(call: &mut Call<'_>) -> Answer {
    own_group(call)?;
    let mut users = call.args.list("users");
    if users.is_empty() {
        return Err(no("no_users_provided"));
    }
    if !users.iter().all(|user| call.world.is_full_member(user)) {
        return Err(no("invalid_users"));
    }
    users.sort();
    users.dedup();
    let now = call.now;
    let group = own_group(call)?;
    group.members = users;
    group.updated_at = now;
    Ok(json!({"usergroup": group.to_json(true, true)}))
}

/// Name and handle; with neither it changes nothing and tells whether one might.
pub(super) fn update(call: &mut Call<'_>) -> Answer {
    let (name, handle, now) = (call.args.opt("name"), call.args.opt("handle"), call.now);
    let id = own_group(call)?.id.clone();
    let mut others = call.world.usergroups.values().filter(|g| g.id != id);
    if handle.as_ref().is_some_and(|handle| others.any(|g| g.handle == *handle)) {
        return Err(no("handle_already_exists"));
    }
    let group = own_group(call)?;
    group.name = name.unwrap_or_else(|| group.name.clone());
    group.handle = handle.unwrap_or_else(|| group.handle.clone());
    group.updated_at = now;
    Ok(json!({"usergroup": group.to_json(true, true)}))
}

pub(super) fn enable(call: &mut Call<'_>) -> Answer {
    let now = call.now;
    let group = own_group(call)?;
    (group.disabled_at, group.updated_at) = (None, now);
    Ok(json!({"usergroup": group.to_json(true, true)}))
}

pub(super) fn disable(call: &mut Call<'_>) -> Answer {
    let now = call.now;
    let group = own_group(call)?;
    (group.disabled_at, group.updated_at) = (Some(now), now);
    Ok(json!({"usergroup": group.to_json(true, true)}))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Slack;
    use super::super::testing::room;

    #[tokio::test]
    async fn replaces_whole_lists_of_full_members() {
        let room = room().await;
        room.slack.add_usergroup("S1", "oncall", &["U1"]);
        let set = |users: serde_json::Value| json!({"usergroup": "S1", "users": users});
        room.slack.edit_user("U3", |u| u.is_restricted = true);
        assert_eq!(room.no("usergroups.users.update", set(json!(""))).await, "no_users_provided");
        assert_eq!(room.no("usergroups.users.update", set(json!([]))).await, "no_users_provided");
        for bad in ["U2,U3", "U2,U404", "U2, U1", "U0FIREBELL", "USLACKBOT"] {
            assert_eq!(room.no("usergroups.users.update", set(json!(bad))).await, "invalid_users");
        }
        assert_eq!(room.slack.usergroup("S1").expect("there").members, ["U1"], "nothing was done");
        let body = room.ok("usergroups.users.update", set(json!(["U2", "U1"]))).await;
        assert_eq!(body["usergroup"]["users"], json!(["U1", "U2"]));
        assert_eq!(body["usergroup"]["user_count"], "2");
        let unknown = json!({"usergroup": "S404", "users": "U1"});
        assert_eq!(room.no("usergroups.users.update", unknown).await, "no_such_subteam");
        assert_eq!(
            room.get("usergroups.users.list", &[("usergroup", "S1")]).await["users"],
            json!(["U1", "U2"])
        );
    }

    #[tokio::test]
    async fn some_workspaces_let_only_people_change_groups() {
        let room = room().await;
        room.slack.add_usergroup("S1", "oncall", &["U1"]);
        room.slack.let_bots_edit_usergroups(false);
        let set = json!({"usergroup": "S1", "users": "U2"});
        assert_eq!(room.no("usergroups.users.update", set.clone()).await, "permission_denied");
        assert_eq!(room.no("usergroups.update", json!({"usergroup": "S1"})).await, "permission_denied");
        assert_eq!(room.raw("usergroups.users.update", Slack::USER_TOKEN, set).await.2["ok"], true);
        room.slack.edit_usergroup("S1", |g| g.is_external = true);
        let touch = json!({"usergroup": "S1"});
        assert_eq!(
            room.raw("usergroups.disable", Slack::USER_TOKEN, touch).await.2["error"],
            "permission_denied"
        );
    }

    #[tokio::test]
    async fn disabled_groups_hide_unless_asked_for() {
        let room = room().await;
        room.slack.add_usergroup("S1", "oncall", &["U1"]);
        room.ok("usergroups.disable", json!({"usergroup": "S1"})).await;
        let listed = async |with: &str| {
            room.get("usergroups.list", &[("include_disabled", with)]).await["usergroups"].clone()
        };
        assert_eq!(listed("false").await, json!([]));
        assert_ne!(listed("true").await[0]["date_delete"], 0);
        room.ok("usergroups.enable", json!({"usergroup": "S1"})).await;
        let whole = room.get("usergroups.list", &[("include_users", "true")]).await;
        assert_eq!(whole["usergroups"][0]["users"], json!(["U1"]));
    }
}
