//! `usergroups.*`: whole lists, never empty ones. <https://docs.slack.dev/reference/methods/usergroups.users.update>

use serde_json::{Value, json};

use super::Slack;
use super::args::{Answer, Refusal, no};
use super::call::{Call, Token};
use super::state::{UserGroup, World};

/// Slack documents neither length; these are those of other names.
const LONGEST_NAME: usize = 255;
const LONGEST_HANDLE: usize = 80;

impl UserGroup {
    pub(super) fn to_json(&self, with_users: bool, with_count: bool) -> Value {
        let mut shown = json!({
            "id": self.id, "team_id": Slack::TEAM_ID, "is_usergroup": true, "is_subteam": true, "name": self.name,
            "handle": self.handle, "description": "", "is_external": self.is_external, "date_create": 1_700_000_000,
            "date_update": self.updated_at.as_secs(),
            "date_delete": self.disabled_at.map_or(0, crate::clock::Timestamp::as_secs),
            "auto_type": self.auto_type, "auto_provision": false, "created_by": self.created_by,
            "updated_by": self.updated_by,
            "deleted_by": self.disabled_at.map(|_| &self.updated_by), "prefs": {"channels": [], "groups": []},
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

pub(super) fn list(call: &mut Call<'_>) -> Answer {
    demand_plan(call)?;
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
    demand_plan(call)?;
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

/// Free plans have no user groups.
fn demand_plan(call: &Call<'_>) -> Result<(), Refusal> {
    if call.world.has_usergroups { Ok(()) } else { Err(no("plan_upgrade_required")) }
}

/// Bots may change groups only where the workspace lets everyone.
fn demand_right(call: &Call<'_>) -> Result<(), Refusal> {
    demand_plan(call)?;
    let is_denied = call.token == Token::Bot && !call.world.bot_may_edit_usergroups;
    if is_denied { Err(no("permission_denied")) } else { Ok(()) }
}

/// The group's id, if the caller may change it.
fn own_group(call: &mut Call<'_>) -> Result<String, Refusal> {
    demand_right(call)?;
    let group = group(call)?;
    let is_foreign = group.is_external || group.auto_type.is_some();
    if is_foreign { Err(no("permission_denied")) } else { Ok(group.id.clone()) }
}

/// Carries the change out in the caller's name and shows the group.
fn change(call: &mut Call<'_>, id: &str, edit: impl FnOnce(&mut UserGroup)) -> Answer {
    let (me, now) = (call.me(), call.now);
    call.world.change_group(id, me, now, edit);
    Ok(json!({"usergroup": group(call)?.to_json(true, true)}))
}

/// Name and handle are free, or whose they are. Handles share one space with people and channels.
fn demand_free(
    world: &World,
    id: &str,
    name: Option<&String>,
    handle: Option<&String>,
) -> Result<(), Refusal> {
    let mut others = world.usergroups.values().filter(|g| g.id != id);
    if name.is_some_and(|name| others.clone().any(|g| g.name == *name)) {
        return Err(no("name_already_exists"));
    }
    let Some(handle) = handle else { return Ok(()) };
    let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    if handle.is_empty() || handle.len() > LONGEST_HANDLE || !handle.chars().all(is_letter) {
        return Err(no("bad_handle"));
    }
    if ["here", "channel", "everyone", "group"].contains(&handle.as_str()) {
        return Err(no("forbidden_handle"));
    }
    let is_taken = others.any(|g| g.handle == *handle)
        || world.users.values().any(|user| user.name == *handle)
        || world.channels.values().any(|c| c.dm_with.is_none() && c.name == *handle);
    if is_taken { Err(no("handle_already_exists")) } else { Ok(()) }
}

/// A group without members. Without a handle it gets one made of its name.
pub(super) fn create(call: &mut Call<'_>) -> Answer {
    demand_right(call)?;
    let name = call.args.text("name");
    if name.is_empty() {
        return Err(no("missing_subteam_name"));
    }
    if name.chars().count() > LONGEST_NAME {
        return Err(no("name_too_long"));
    }
    let handle = call.args.opt("handle").unwrap_or_else(|| name.to_lowercase().replace(' ', "-"));
    demand_free(call.world, "", Some(&name), Some(&handle))?;
    let id = call.world.fresh("S");
    let group = UserGroup::new(&id, &name, &handle, call.me(), call.now);
    let shown = group.to_json(true, true);
    call.world.group_events.push(json!({"type": "subteam_created", "subteam": shown.clone()}));
    call.world.usergroups.insert(id, group);
    Ok(json!({"usergroup": shown}))
}

/// Replaces the whole list. One id that may not be a member spoils it all. A disabled group is as good as gone: what
/// Slack does then is not documented.
pub(super) fn update_users(call: &mut Call<'_>) -> Answer {
    let id = own_group(call)?;
    if group(call)?.disabled_at.is_some() {
        return Err(no("no_such_subteam"));
    }
    let mut users = call.args.list("users");
    if users.is_empty() {
        return Err(no("no_users_provided"));
    }
    if !users.iter().all(|user| call.world.is_full_member(user)) {
        return Err(no("invalid_users"));
    }
    users.sort();
    users.dedup();
    if call.world.most_in_usergroup.is_some_and(|most| users.len() > most) {
        return Err(no("subteam_max_users_exceeded"));
    }
    change(call, &id, |group| group.members = users)
}

/// Name and handle; with neither it changes nothing and tells whether one might.
pub(super) fn update(call: &mut Call<'_>) -> Answer {
    let (name, handle) = (call.args.opt("name"), call.args.opt("handle"));
    let id = own_group(call)?;
    demand_free(call.world, &id, name.as_ref(), handle.as_ref())?;
    change(call, &id, |group| {
        group.name = name.unwrap_or_else(|| group.name.clone());
        group.handle = handle.unwrap_or_else(|| group.handle.clone());
    })
}

/// One that is enabled stays so.
pub(super) fn enable(call: &mut Call<'_>) -> Answer {
    let id = own_group(call)?;
    change(call, &id, |group| group.disabled_at = None)
}

pub(super) fn disable(call: &mut Call<'_>) -> Answer {
    let (id, now) = (own_group(call)?, call.now);
    change(call, &id, |group| group.disabled_at = Some(now))
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

    #[tokio::test]
    async fn a_new_group_has_a_handle_that_nobody_else_has() {
        let room = room().await;
        room.slack.add_usergroup("S1", "oncall", &["U1"]);
        let create = |name: &str, handle: &str| json!({"name": name, "handle": handle});
        for (name, handle, code) in [
            ("On call", "oncall", "handle_already_exists"),
            ("On call", "ann", "handle_already_exists"),
            ("On call", "ops", "handle_already_exists"),
            ("On call", "On Call", "bad_handle"),
            ("On call", "here", "forbidden_handle"),
            ("oncall", "other", "name_already_exists"),
            ("", "other", "missing_subteam_name"),
        ] {
            assert_eq!(room.no("usergroups.create", create(name, handle)).await, code, "{name} {handle}");
        }
        let made = room.ok("usergroups.create", create("Payments", "payments-oncall")).await;
        let (id, users) = (made["usergroup"]["id"].as_str().expect("an id"), &made["usergroup"]["users"]);
        assert_eq!((users, &made["usergroup"]["created_by"]), (&json!([]), &json!(Slack::BOT_USER)));
        room.ok("usergroups.users.update", json!({"usergroup": id, "users": "U1"})).await;
        assert_eq!(room.slack.usergroup_named("payments-oncall").expect("there").members, ["U1"]);
        let taken = json!({"usergroup": id, "handle": "oncall"});
        assert_eq!(room.no("usergroups.update", taken).await, "handle_already_exists");
        room.slack.let_bots_edit_usergroups(false);
        assert_eq!(room.no("usergroups.create", create("More", "more")).await, "permission_denied");
    }

    #[tokio::test]
    async fn plans_sizes_and_disabled_groups_set_limits() {
        let room = room().await;
        room.slack.add_usergroup("S1", "oncall", &["U1"]);
        let set = |users: &str| json!({"usergroup": "S1", "users": users});
        room.slack.set_largest_usergroup(1);
        assert_eq!(room.no("usergroups.users.update", set("U1,U2")).await, "subteam_max_users_exceeded");
        room.ok("usergroups.disable", json!({"usergroup": "S1"})).await;
        assert_eq!(room.no("usergroups.users.update", set("U2")).await, "no_such_subteam");
        room.ok("usergroups.enable", json!({"usergroup": "S1"})).await;
        room.ok("usergroups.users.update", set("U2")).await;
        room.slack.let_workspace_have_usergroups(false);
        for method in ["usergroups.list", "usergroups.create", "usergroups.users.update"] {
            let args = json!({"usergroup": "S1", "users": "U1", "name": "n"});
            let body = match method {
                "usergroups.list" => room.get(method, &[]).await["error"].clone(),
                _ => json!(room.no(method, args).await),
            };
            assert_eq!(body, "plan_upgrade_required", "{method}");
        }
    }

    #[tokio::test]
    async fn all_of_it_is_tier_two() {
        let room = room().await;
        room.slack.add_usergroup("S1", "oncall", &["U1"]);
        room.slack.enforce_tiers(true);
        let set = json!({"usergroup": "S1", "users": "U2"});
        for method in
            ["usergroups.users.update", "usergroups.update", "usergroups.enable", "usergroups.disable"]
        {
            for n in 0..=20 {
                let (status, ..) = room.raw(method, Slack::BOT_TOKEN, set.clone()).await;
                assert_eq!(status, if n < 20 { 200 } else { 429 }, "{method} {n}");
            }
        }
    }
}
