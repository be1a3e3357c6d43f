//! Who is who: ourselves, the workspace's people, and its user groups.

use serde_json::{Value, json};

use super::calls::{
    AUTH_TEST, USERGROUPS_CREATE, USERGROUPS_LIST, USERGROUPS_UPDATE, USERGROUPS_USERS_UPDATE, USERS_INFO,
    USERS_LIST, USERS_LOOKUP_BY_EMAIL,
};
use super::{Client, Identity, User, UserGroup, as_json, judge};
use crate::clock::Timestamp;
use crate::error::{Problem, Upstream};
use crate::http_client::{Answer, CallSpec, Fields};
use crate::ids::{SlackUserId, UserGroupId};

/// Slack's own helper: a person in every list, though `is_bot` says no.
const SLACKBOT: &str = "USLACKBOT";

impl Client {
    /// Who the bot token is and what it may do.
    /// <https://docs.slack.dev/reference/methods/auth.test> · no scope · special · idempotent
    pub async fn auth_test(&self) -> Result<Identity, Upstream> {
        let request = as_json(self.request(&AUTH_TEST, &self.settings.bot_token), &json!({}));
        self.wire.exchange(AUTH_TEST.name, AUTH_TEST.name, request, identity).await
    }

    /// Everybody, deactivated people, guests and bots included; not Slackbot.
    /// <https://docs.slack.dev/reference/methods/users.list> · users:read users:read.email · tier 2 · idempotent
    pub async fn list_users(&self) -> Result<Vec<User>, Upstream> {
        let mut users = self.pages(&USERS_LIST, &[], "/members", User::read).await?;
        users.retain(|user| user.id.as_str() != SLACKBOT);
        Ok(users)
    }

    /// `None` for an id that Slack does not know or will not show us.
    /// <https://docs.slack.dev/reference/methods/users.info> · users:read users:read.email · tier 4 · idempotent
    pub async fn user(&self, id: &SlackUserId) -> Result<Option<User>, Upstream> {
        let form = [("user", id.as_str())];
        self.read(&USERS_INFO, &form, &["user_not_found", "user_not_visible"], found).await
    }

    /// `None` when nobody has the address, or somebody deactivated has.
    /// <https://docs.slack.dev/reference/methods/users.lookupByEmail> · users:read users:read.email · tier 3 · idempotent
    pub async fn user_by_email(&self, email: &str) -> Result<Option<User>, Upstream> {
        self.read(&USERS_LOOKUP_BY_EMAIL, &[("email", email)], &["users_not_found"], found).await
    }

    /// Every user group with its members, disabled ones too. Free plans have none and answer
    /// `plan_upgrade_required`.
    /// <https://docs.slack.dev/reference/methods/usergroups.list> · usergroups:read · tier 2 · idempotent
    pub async fn list_usergroups(&self) -> Result<Vec<UserGroup>, Upstream> {
        let form = [("include_users", "true"), ("include_disabled", "true")];
        let list = |answer: Fields<'_>| answer.need_list("/usergroups")?.map(UserGroup::read).collect();
        self.read(&USERGROUPS_LIST, &form, &[], list).await
    }

    /// Makes exactly these people the group's members, by the admin's token if there is one: many workspaces let
    /// only admins change groups (`permission_denied`). An empty list and any guest, bot or deactivated person spoil the
    /// whole call (`no_users_provided`, `invalid_users`).
    /// <https://docs.slack.dev/reference/methods/usergroups.users.update> · usergroups:write · tier 2 · idempotent
    pub async fn set_usergroup_users(
        &self,
        group: &UserGroupId,
        users: &[SlackUserId],
    ) -> Result<UserGroup, Upstream> {
        let list = users.iter().map(SlackUserId::as_str).collect::<Vec<_>>().join(",");
        let body = json!({ "usergroup": group.as_str(), "users": list });
        self.change_group(&USERGROUPS_USERS_UPDATE, &body).await
    }

    /// Makes a group, as yet without members. Names are unique among groups, handles (without the `@`) among groups,
    /// people and channels. Read back: on `name_already_exists` or `handle_already_exists` look for the handle in
    /// [`Client::list_usergroups`].
    /// <https://docs.slack.dev/reference/methods/usergroups.create> · usergroups:write · tier 2 · read_back
    pub async fn create_usergroup(&self, name: &str, handle: &str) -> Result<UserGroup, Upstream> {
        self.change_group(&USERGROUPS_CREATE, &json!({ "name": name, "handle": handle })).await
    }

    /// Changes nothing, and is refused where changing this group would be.
    /// <https://docs.slack.dev/reference/methods/usergroups.update> · usergroups:write · tier 2 · idempotent
    pub async fn try_usergroup(&self, group: &UserGroupId) -> Result<UserGroup, Upstream> {
        self.change_group(&USERGROUPS_UPDATE, &json!({ "usergroup": group.as_str() })).await
    }

    async fn change_group(&self, spec: &'static CallSpec, body: &Value) -> Result<UserGroup, Upstream> {
        let token = self.settings.user_token.as_ref().unwrap_or(&self.settings.bot_token);
        let request = as_json(self.request(spec, token), body);
        let read = |answer: &Answer| UserGroup::read(Fields(&judge(answer, &[])?).at("/usergroup"));
        self.wire.exchange(spec.name, spec.name, request, read).await
    }
}

fn found(answer: Fields<'_>) -> Result<Option<User>, Problem> {
    answer.flag("/ok").then(|| User::read(answer.at("/user"))).transpose()
}

fn identity(answer: &Answer) -> Result<Identity, Problem> {
    let value = judge(answer, &[])?;
    let fields = Fields(&value);
    let scopes = answer.header("x-oauth-scopes").unwrap_or_default();
    Ok(Identity {
        team_id: fields.need("/team_id")?,
        user_id: SlackUserId(fields.need("/user_id")?),
        bot_id: fields.text("/bot_id"),
        app_id: fields.some("/app_id"),
        url: fields.text("/url"),
        said_at: answer.header("date").and_then(|date| Timestamp::parse_http(date).ok()),
        scopes: scopes.split(',').map(str::trim).filter(|s| !s.is_empty()).map(ToOwned::to_owned).collect(),
    })
}
