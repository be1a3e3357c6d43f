//! `auth.test` and `users.*`. <https://docs.slack.dev/reference/methods/users.list>

use serde_json::{Value, json};

use super::Slack;
use super::args::{Answer, Refusal, no};
use super::call::{Call, Token};
use super::state::User;

impl User {
    /// The e-mail address is only there with its own scope.
    pub(super) fn to_json(&self, with_email: bool) -> Value {
        let mut shown = json!({
            "id": self.id, "team_id": self.team_id, "name": self.name, "deleted": self.deleted,
            "real_name": self.real_name, "tz": self.tz, "tz_offset": 3600, "is_bot": self.is_bot,
            "is_app_user": false, "is_admin": self.is_admin, "is_owner": false,
            "is_restricted": self.is_restricted || self.is_ultra_restricted,
            "is_ultra_restricted": self.is_ultra_restricted, "updated": 1_700_000_000,
            "profile": {"real_name": self.real_name, "display_name": self.name, "title": "", "phone": "",
                "status_text": "", "status_emoji": "", "status_expiration": 0, "team": self.team_id},
        });
        if self.team_id != Slack::TEAM_ID {
            shown["is_stranger"] = json!(true);
        }
        if with_email && !self.email.is_empty() {
            shown["profile"]["email"] = json!(self.email);
        }
        shown
    }
}

#[expect(clippy::unnecessary_wraps, reason = "every method has this signature")]
pub(super) fn auth_test(call: &mut Call<'_>) -> Answer {
    let me = call.me();
    let mut answer = json!({"url": Slack::WORKSPACE_URL, "team": "Firebell Demo", "team_id": Slack::TEAM_ID,
        "user": call.world.users[me].name, "user_id": me, "is_enterprise_install": false});
    if call.token == Token::Bot {
        answer["bot_id"] = json!(Slack::BOT_ID);
        answer["app_id"] = json!(Slack::APP_ID);
    }
    Ok(answer)
}

pub(super) fn list(call: &mut Call<'_>) -> Answer {
    let with_email = call.has_scope("users:read.email");
    let all: Vec<_> = call.world.users.values().map(|u| u.to_json(with_email)).collect();
    let (members, next_cursor) = call.page(all, usize::MAX)?;
    let metadata = json!({"next_cursor": next_cursor});
    Ok(json!({"members": members, "cache_ts": call.now.as_secs(), "response_metadata": metadata}))
}

pub(super) fn info(call: &mut Call<'_>) -> Answer {
    let user = found(call, "user")?;
    Ok(json!({"user": user.to_json(call.has_scope("users:read.email"))}))
}

fn found<'a>(call: &'a Call<'_>, arg: &str) -> Result<&'a User, Refusal> {
    call.world.users.get(&call.args.text(arg)).ok_or_else(|| no("user_not_found"))
}

/// Finds nobody who has left.
pub(super) fn lookup_by_email(call: &mut Call<'_>) -> Answer {
    let email = call.args.text("email").to_lowercase();
    let is_meant =
        |u: &&User| !u.deleted && !u.is_bot && !email.is_empty() && u.email.to_lowercase() == email;
    let user = call.world.users.values().find(is_meant).ok_or_else(|| no("users_not_found"))?;
    Ok(json!({"user": user.to_json(true)}))
}

pub(super) fn get_presence(call: &mut Call<'_>) -> Answer {
    let id = call.args.opt("user").unwrap_or_else(|| call.me().to_owned());
    let user = call.world.users.get(&id).ok_or_else(|| no("user_not_found"))?;
    Ok(json!({"presence": if user.is_away || user.deleted { "away" } else { "active" }}))
}

#[cfg(test)]
mod tests {
    use super::super::testing::room;

    #[tokio::test]
    async fn finds_people_by_mail_but_not_those_who_left() {
        let room = room().await;
        let found = room.get("users.lookupByEmail", &[("email", "ANN@example.com")]).await;
        assert_eq!(found["user"]["id"], "U1");
        room.slack.edit_user("U1", |u| u.deleted = true);
        let gone = room.get("users.lookupByEmail", &[("email", "ann@example.com")]).await;
        assert_eq!(gone["error"], "users_not_found");
        assert_eq!(room.get("users.info", &[("user", "U1")]).await["user"]["deleted"], true);
        assert_eq!(room.get("users.info", &[("user", "U404")]).await["error"], "user_not_found");
        room.slack.edit_user("U2", |u| u.is_away = true);
        assert_eq!(room.get("users.getPresence", &[("user", "U2")]).await["presence"], "away");
    }

    #[tokio::test]
    async fn keeps_mail_addresses_for_those_with_the_scope() {
        let room = room().await;
        let mail =
            async || room.get("users.info", &[("user", "U1")]).await["user"]["profile"]["email"].clone();
        assert_eq!(mail().await, "ann@example.com");
        room.slack.set_scopes(&["users:read"]);
        assert!(mail().await.is_null());
    }
}
