//! Who is in a conversation: invitations, joining, members, direct conversations.
//! <https://docs.slack.dev/reference/methods/conversations.invite>

use serde_json::json;

use super::Slack;
use super::args::{Answer, Refusal, no};
use super::call::Call;
use super::conversations::open_own_channel;

const MOST_INVITES: usize = 100;

pub(super) fn invite(call: &mut Call<'_>) -> Answer {
    let id = open_own_channel(call)?;
    let users = call.args.list("users");
    if users.is_empty() {
        return Err(no("no_user"));
    }
    if users.len() > MOST_INVITES {
        return Err(Refusal::arguments(&[format!("no more than {MOST_INVITES} users allowed")]));
    }
    let verdicts: Vec<_> = users.iter().map(|user| (user, objection(call, &id, user))).collect();
    let errors: Vec<_> = verdicts
        .iter()
        .filter_map(|(user, no)| no.map(|code| json!({"user": user, "ok": false, "error": code})))
        .collect();
    let nobody_left = errors.len() == users.len();
    if let Some(first) = verdicts.iter().find_map(|(_, no)| *no)
        && (nobody_left || !call.args.flag("force"))
    {
        return Err(no(first).with("errors", json!(errors)));
    }
    let willing: Vec<_> = verdicts.into_iter().filter(|(_, no)| no.is_none()).map(|(user, _)| user).collect();
    let (me, now) = (call.me(), call.now);
    let channel = call.world.channel_mut(&id);
    for user in willing {
        channel.admit(user, now);
    }
    let mut answer = json!({"channel": channel.to_json(me)});
    if !errors.is_empty() {
        answer["errors"] = json!(errors);
    }
    Ok(answer)
}

/// Why this one cannot be invited.
fn objection(call: &Call<'_>, channel_id: &str, id: &str) -> Option<&'static str> {
    let Some(user) = call.world.users.get(id) else { return Some("user_not_found") };
    match user {
        _ if id == call.me() => Some("cant_invite_self"),
        _ if call.world.channels[channel_id].members.contains(id) => Some("already_in_channel"),
        _ if user.deleted || id == "USLACKBOT" => Some("cant_invite"),
        _ if user.team_id != Slack::TEAM_ID => Some("org_user_not_in_team"),
        _ if user.is_ultra_restricted => Some("ura_max_channels"),
        _ if user.is_restricted => Some("user_is_restricted"),
        _ => None,
    }
}

pub(super) fn members(call: &mut Call<'_>) -> Answer {
    let id = call.channel_id("channel")?;
    let (members, next_cursor) = call.page(call.world.channels[&id].members.iter().collect(), 100)?;
    Ok(json!({"members": members, "response_metadata": {"next_cursor": next_cursor}}))
}

pub(super) fn join(call: &mut Call<'_>) -> Answer {
    let id = call.channel_id("channel")?;
    let channel = &call.world.channels[&id];
    if channel.is_private {
        return Err(no("method_not_supported_for_channel_type"));
    }
    if channel.is_archived {
        return Err(no("is_archived"));
    }
    let (me, now) = (call.me(), call.now);
    let channel = call.world.channel_mut(&id);
    let is_new = channel.admit(me, now);
    let mut answer = json!({"channel": channel.to_json(me)});
    if !is_new {
        answer["warning"] = json!("already_in_channel");
        answer["response_metadata"] = json!({"warnings": ["already_in_channel"]});
    }
    Ok(answer)
}

/// The direct conversation with one person. Conversations of several are not simulated.
pub(super) fn open(call: &mut Call<'_>) -> Answer {
    let users = call.args.list("users");
    match users.len() {
        0 if call.args.opt("channel").is_some() => {
            let id = call.channel_id("channel")?;
            return Ok(json!({"channel": {"id": id}, "no_op": true, "already_open": true}));
        }
        0 => return Err(no("users_list_not_supplied")),
        1 => {}
        2..=8 => {
            call.demand(&["mpim:write"])?;
            return Err(no("invalid_user_combination"));
        }
        _ => return Err(no("too_many_users")),
    }
    let user = call.world.users.get(&users[0]).ok_or_else(|| no("user_not_found"))?;
    if user.deleted {
        return Err(no("user_disabled"));
    }
    if user.id == call.me() || user.id == "USLACKBOT" {
        return Err(no("invalid_user_combination"));
    }
    let (id, was_open) = call.world.dm(&users[0], call.now);
    let channel = &call.world.channels[&id];
    let shown = if call.args.flag("return_im") { channel.to_json(call.me()) } else { json!({"id": id}) };
    Ok(if was_open {
        json!({"channel": shown, "no_op": true, "already_open": true})
    } else {
        json!({"channel": shown})
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::room;

    #[tokio::test]
    async fn invites_all_or_nobody_unless_forced() {
        let room = room().await;
        let id = room.ok("conversations.create", json!({"name": "inc-1"})).await["channel"]["id"].clone();
        room.slack.edit_user("U3", |u| u.is_ultra_restricted = true);
        let mixed = json!({"channel": id, "users": "U1,U404,U3,U0FIREBELL"});
        let body = room.call("conversations.invite", mixed.clone()).await;
        assert_eq!(body["error"], "user_not_found");
        assert_eq!(
            body["errors"],
            json!([
                {"user": "U404", "ok": false, "error": "user_not_found"},
                {"user": "U3", "ok": false, "error": "ura_max_channels"},
                {"user": "U0FIREBELL", "ok": false, "error": "cant_invite_self"},
            ])
        );
        assert_eq!(room.slack.channel_named("inc-1").expect("made").members.len(), 1);
        let mut forced = mixed;
        forced["force"] = json!(true);
        let body = room.ok("conversations.invite", forced).await;
        assert_eq!(body["errors"].as_array().expect("errors").len(), 3);
        assert!(room.slack.channel_named("inc-1").expect("made").members.contains("U1"));
        let again = json!({"channel": id, "users": "U1"});
        assert_eq!(room.no("conversations.invite", again).await, "already_in_channel");
        assert_eq!(room.no("conversations.invite", json!({"channel": id, "users": ""})).await, "no_user");
    }

    #[tokio::test]
    async fn a_direct_conversation_is_opened_once() {
        let room = room().await;
        let open = |users: &str| json!({"users": users});
        let first = room.ok("conversations.open", open("U1")).await;
        let second = room.ok("conversations.open", open("U1")).await;
        assert_eq!(first["channel"]["id"], second["channel"]["id"]);
        assert_eq!(second["already_open"], true);
        room.ok("chat.postMessage", json!({"channel": first["channel"]["id"], "text": "you are paged"}))
            .await;
        assert_eq!(room.slack.dms("U1")[0].text, "you are paged");
        room.slack.edit_user("U2", |u| u.deleted = true);
        assert_eq!(room.no("conversations.open", open("U2")).await, "user_disabled");
        assert_eq!(room.no("conversations.open", open("U404")).await, "user_not_found");
    }
}
