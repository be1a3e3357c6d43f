//! The client against recorded answers: what goes out, and what each kind of answer means.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::clock::Timestamp;
use crate::http_client::stub::Stub;
use crate::ids::{ChannelId, SlackUserId, UserGroupId};

const OK: &str = r#"{"ok":true}"#;

fn client_with(stub: &Stub, user_token: Option<&str>) -> Client {
    let settings = Settings {
        api_url: format!("{}/api/", stub.url),
        bot_token: "xoxb-hidden".into(),
        user_token: user_token.map(Into::into),
        response_hosts: vec!["hooks.slack.com".into(), "127.0.0.1".into()],
    };
    let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
    Client::new(crate::http_client::client(Duration::from_secs(5)), clock, settings, stub.observer())
}

fn client(stub: &Stub) -> Client {
    client_with(stub, None)
}

fn room() -> ChannelId {
    ChannelId::new("C1")
}

fn people(ids: &[&str]) -> Vec<SlackUserId> {
    ids.iter().map(|id| SlackUserId::new(*id)).collect()
}

fn mark() -> Mark {
    Mark { op_id: "op-1".into(), incident_id: Some("inc-1".into()) }
}

#[tokio::test]
async fn a_post_is_json_with_the_token_and_both_marks() {
    let stub = Stub::start().await;
    stub.on("/api/chat.postMessage", 200, r#"{"ok":true,"channel":"C1","ts":"1503435956.000247"}"#);
    let (channel, mark, blocks) = (room(), mark(), [blocks::section("hello"), blocks::divider()]);
    let post =
        Post { channel: &channel, text: "hello", blocks: &blocks, thread_ts: Some("1.2"), mark: Some(&mark) };
    assert_eq!(client(&stub).post_message(&post).await.expect("posted"), "1503435956.000247");
    let asked = stub.last();
    assert_eq!(asked.method, "POST");
    assert_eq!(asked.headers["authorization"], "Bearer xoxb-hidden");
    assert_eq!(asked.headers["content-type"], "application/json; charset=utf-8");
    assert!(asked.headers["user-agent"].starts_with("firebell/"));
    assert_eq!(
        asked.json(),
        json!({
            "channel": "C1", "text": "hello", "parse": "none", "unfurl_links": false, "unfurl_media": false,
            "thread_ts": "1.2",
            "metadata": {"event_type": "firebell", "event_payload": {"op_id": "op-1", "incident_id": "inc-1"}},
            "blocks": [
                {"type": "section", "block_id": "op:op-1",
                 "text": {"type": "mrkdwn", "text": "hello", "verbatim": true}},
                {"type": "divider"},
            ],
        })
    );
}

#[tokio::test]
async fn an_update_keeps_a_block_id_that_is_there() {
    let stub = Stub::start().await;
    stub.on("/api/chat.update", 200, OK);
    let blocks = [blocks::actions("mine", &[])];
    client(&stub).update_message(&room(), "1.2", "hi", &blocks, Some(&mark())).await.expect("updated");
    let body = stub.last().json();
    assert_eq!((&body["blocks"][0]["block_id"], &body["ts"]), (&json!("mine"), &json!("1.2")));
    assert_eq!(body.get("unfurl_links"), None, "not an argument of chat.update");
}

#[tokio::test]
async fn every_kind_of_answer_means_what_it_should() {
    let rejected = |code: &str, detail: &str| Problem::Rejected { code: code.into(), detail: detail.into() };
    let cases = [
        (200, r#"{"ok":false,"error":"channel_not_found"}"#, rejected("channel_not_found", "")),
        (
            200,
            r#"{"ok":false,"error":"missing_scope","needed":"pins:write","provided":"chat:write"}"#,
            rejected("missing_scope", "needs pins:write"),
        ),
        (
            200,
            r#"{"ok":false,"error":"invalid_blocks","errors":["too many [json-pointer:/blocks]"]}"#,
            rejected("invalid_blocks", "too many [json-pointer:/blocks]"),
        ),
        (200, r#"{"ok":false,"error":"fatal_error"}"#, unavailable("fatal_error")),
        (200, r#"{"ok":false,"error":"internal_error"}"#, unavailable("internal_error")),
        (200, r#"{"ok":false,"error":"request_timeout"}"#, unavailable("request_timeout")),
        (200, r#"{"ok":false}"#, unavailable("neither ok nor an error")),
        (200, "<html>hello</html>", unavailable("HTTP 200, and the body is no JSON object")),
        (503, r#"{"ok":true}"#, unavailable("HTTP 503")),
        (
            200,
            r#"{"ok":false,"error":"ratelimited"}"#,
            Problem::RateLimited { after: Duration::from_secs(5) },
        ),
    ];
    for (status, body, expected) in cases {
        let stub = Stub::start().await;
        stub.on("/api/pins.add", status, body);
        let error = client(&stub).pin(&room(), "1.2").await.expect_err(body);
        assert_eq!((error.service, error.call, &error.problem), (Vendor::Slack, "pins.add", &expected));
        assert!(!format!("{error:?} {error}").contains("hidden"));
    }
}

#[tokio::test]
async fn a_limit_on_one_method_leaves_the_others_alone() {
    let stub = Stub::start().await;
    stub.on_with("/api/pins.add", 429, &[("Retry-After", "7")], r#"{"ok":false,"error":"ratelimited"}"#);
    stub.on("/api/conversations.archive", 200, OK);
    let client = client(&stub);
    for _ in 0..2 {
        let error = client.clone().pin(&room(), "1.2").await.expect_err("limited");
        assert_eq!(error.problem, Problem::RateLimited { after: Duration::from_secs(7) });
    }
    client.archive(&room()).await.expect("another method");
    assert_eq!(stub.outcomes(), [("pins.add", "rate_limited"), ("conversations.archive", "ok")]);
}

#[tokio::test]
async fn what_is_done_already_is_done() {
    let stub = Stub::start().await;
    for (path, code) in [
        ("/api/pins.add", "already_pinned"),
        ("/api/conversations.archive", "already_archived"),
        ("/api/conversations.unarchive", "not_archived"),
        ("/api/views.update", "not_found"),
    ] {
        stub.on(path, 200, json!({"ok": false, "error": code}).to_string());
    }
    let client = client(&stub);
    client.pin(&room(), "1.2").await.expect("pinned");
    client.archive(&room()).await.expect("archived");
    client.unarchive(&room()).await.expect("open");
    client.update_view("V1", &json!({})).await.expect("closed by the person");
    assert!(stub.outcomes().iter().all(|(_, outcome)| *outcome == "ok"));
}

#[tokio::test]
async fn invitations_name_who_could_not_come_and_never_lose_the_others() {
    let stub = Stub::start().await;
    let refused = json!({"ok": false, "error": "user_not_found", "errors": [
        {"user": "U2", "ok": false, "error": "user_not_found"},
        {"user": "U3", "ok": false, "error": "already_in_channel"},
    ]});
    stub.on("/api/conversations.invite", 200, refused.to_string());
    stub.on("/api/conversations.invite", 200, OK);
    let invited = client(&stub).invite(&room(), &people(&["U1", "U2", "U3"])).await.expect("invited");
    assert_eq!(invited.failed, [(SlackUserId::new("U2"), "user_not_found".to_owned())]);
    let asked = stub.asked();
    assert_eq!(asked[0].json(), json!({"channel": "C1", "users": "U1,U2,U3", "force": true}));
    assert_eq!(asked[1].json()["users"], "U1", "the one that a refusal may have kept out");
}

#[tokio::test]
async fn a_forced_invitation_that_worked_is_not_repeated_and_chunks_are_of_a_hundred() {
    let stub = Stub::start().await;
    let partly = json!({"ok": true, "errors": [{"user": "U0", "error": "cant_invite"}]});
    stub.on("/api/conversations.invite", 200, partly.to_string()).on("/api/conversations.invite", 200, OK);
    let many: Vec<SlackUserId> = (0..101).map(|n| SlackUserId(format!("U{n}"))).collect();
    let invited = client(&stub).invite(&room(), &many).await.expect("invited");
    assert_eq!(invited.failed, [(SlackUserId::new("U0"), "cant_invite".to_owned())]);
    assert_eq!(stub.asked().len(), 2);
    assert_eq!(stub.last().json()["users"], "U100");
}

#[tokio::test]
async fn single_invitations_and_faults_of_the_channel() {
    for (code, failed) in [("already_in_channel", 0), ("cant_invite_self", 0), ("user_is_restricted", 1)] {
        let stub = Stub::start().await;
        stub.on("/api/conversations.invite", 200, json!({"ok": false, "error": code}).to_string());
        let invited = client(&stub).invite(&room(), &people(&["U1"])).await.expect(code);
        assert_eq!(invited.failed.len(), failed, "{code}");
    }
    let stub = Stub::start().await;
    stub.on("/api/conversations.invite", 200, r#"{"ok":false,"error":"is_archived"}"#);
    let error = client(&stub).invite(&room(), &people(&["U1"])).await.expect_err("not about the person");
    assert_eq!(error.code(), Some("is_archived"));
    assert_eq!(client(&stub).invite(&room(), &[]).await.expect("nobody").failed, []);
}

#[tokio::test]
async fn history_reads_every_page_and_finds_the_marks() {
    let stub = Stub::start().await;
    let first = json!({"ok": true, "messages": [
        {"type": "message", "ts": "3.0", "bot_id": "B1", "user": "U0BOT", "text": "a &amp; b",
         "metadata": {"event_type": "firebell", "event_payload": {"op_id": "one"}}},
        {"type": "message", "ts": "2.0", "bot_id": "B1", "text": "",
         "metadata": {"event_type": "firebell"},
         "blocks": [{"type": "divider", "block_id": "x"}, {"type": "divider", "block_id": "op:two"}]},
    ], "has_more": true, "response_metadata": {"next_cursor": "bmV4dA=="}});
    let last = json!({"ok": true, "messages": [{"ts": "1.0", "user": "U9", "text": "hi", "metadata": null}],
        "response_metadata": {"next_cursor": ""}});
    stub.on("/api/conversations.history", 200, first.to_string());
    stub.on(
        "/api/conversations.history",
        200,
        r#"{"ok":true,"messages":[],"response_metadata":{"next_cursor":"c"}}"#,
    );
    stub.on("/api/conversations.history", 200, last.to_string());
    let found = client(&stub).history(&room(), Some("0.5")).await.expect("read");
    let marks: Vec<_> = found.iter().map(|m| (m.ts.as_str(), m.op_id.as_deref())).collect();
    assert_eq!(marks, [("3.0", Some("one")), ("2.0", Some("two")), ("1.0", None)]);
    assert_eq!(blocks::unescape(&found[0].text), "a & b");
    let asked = stub.asked();
    assert_eq!(asked[0].headers["content-type"], "application/x-www-form-urlencoded");
    let field = |name| asked[1].field(name);
    assert_eq!(field("cursor").as_deref(), Some("bmV4dA=="));
    assert_eq!(field("oldest").as_deref(), Some("0.5"));
    assert_eq!(field("inclusive").as_deref(), Some("true"));
    assert_eq!(field("include_all_metadata").as_deref(), Some("true"));
    assert_eq!(field("limit").as_deref(), Some("200"));
    assert_eq!(asked[0].field("cursor"), None);
}

#[tokio::test]
async fn channels_are_made_listed_and_described() {
    let stub = Stub::start().await;
    let made = json!({"id": "C1", "name": "inc-1", "is_private": true, "is_archived": false, "creator": "U0BOT",
        "created": "1504554479", "topic": {"value": ""}});
    stub.on("/api/conversations.create", 200, json!({"ok": true, "channel": made}).to_string());
    stub.on("/api/users.conversations", 200, json!({"ok": true, "channels": [made]}).to_string());
    stub.on("/api/conversations.members", 200, r#"{"ok":true,"members":["U1","U2"]}"#);
    stub.on("/api/conversations.setTopic", 200, OK).on("/api/conversations.setPurpose", 200, OK);
    stub.on("/api/bookmarks.add", 200, r#"{"ok":true,"bookmark":{"id":"Bk1","title":"PD"}}"#);
    let bookmark = json!({"id": "Bk1", "title": "PD", "link": "https://pd", "emoji": null});
    stub.on("/api/bookmarks.list", 200, json!({"ok": true, "bookmarks": [bookmark]}).to_string());
    let client = client(&stub);
    let channel = client.create_channel("inc-1", true).await.expect("made");
    assert_eq!(stub.last().json(), json!({"name": "inc-1", "is_private": true}));
    assert_eq!(channel.created_at, Timestamp::from_secs(1_504_554_479));
    assert_eq!(client.my_channels().await.expect("listed"), [channel]);
    assert_eq!(stub.last().field("types").as_deref(), Some("public_channel,private_channel"));
    assert_eq!(stub.last().field("exclude_archived").as_deref(), Some("false"));
    assert_eq!(client.members(&room()).await.expect("members"), people(&["U1", "U2"]));
    client.set_topic(&room(), "t").await.expect("topic");
    client.set_purpose(&room(), "p").await.expect("purpose");
    assert_eq!(client.add_bookmark(&room(), "PD", "https://pd").await.expect("added"), "Bk1");
    assert_eq!(stub.last().json()["channel_id"], "C1");
    let expected = Bookmark { id: "Bk1".into(), title: "PD".into(), link: "https://pd".into() };
    assert_eq!(client.bookmarks(&room()).await.expect("listed"), [expected]);
}

#[tokio::test]
async fn people_are_read_leniently_and_slackbot_is_nobody() {
    let stub = Stub::start().await;
    let ana = json!({"id": "U1", "team_id": "T1", "name": "ana", "deleted": false, "tz": null, "is_bot": false,
        "is_restricted": false, "is_ultra_restricted": true, "color": "9f69e7",
        "profile": {"real_name": "Ana Example", "display_name": "", "email": "ana@example.com"}});
    let bot = json!({"id": "USLACKBOT", "name": "slackbot", "is_bot": false});
    stub.on("/api/users.list", 200, json!({"ok": true, "members": [ana, bot], "cache_ts": 1}).to_string());
    stub.on("/api/users.info", 200, json!({"ok": true, "user": ana}).to_string());
    stub.on("/api/users.info", 200, r#"{"ok":false,"error":"user_not_found"}"#);
    stub.on("/api/users.lookupByEmail", 200, r#"{"ok":false,"error":"users_not_found"}"#);
    let client = client(&stub);
    let users = client.list_users().await.expect("listed");
    assert_eq!(users.len(), 1);
    assert!(users[0].is_guest && !users[0].is_stranger && !users[0].deleted);
    assert_eq!((users[0].tz.as_deref(), users[0].email.as_deref()), (None, Some("ana@example.com")));
    assert_eq!(client.user(&SlackUserId::new("U1")).await.expect("asked").as_ref(), Some(&users[0]));
    assert_eq!(client.user(&SlackUserId::new("U2")).await.expect("asked"), None);
    assert_eq!(client.user_by_email("nobody+x@example.com").await.expect("asked"), None);
    assert_eq!(stub.last().field("email").as_deref(), Some("nobody+x@example.com"));
}

#[tokio::test]
async fn groups_are_read_as_the_bot_and_written_as_the_admin() {
    let stub = Stub::start().await;
    let group = json!({"id": "S1", "handle": "oncall", "name": "On call", "date_delete": 0, "auto_type": null,
        "date_update": 1_392_746_654, "users": ["U1"], "user_count": "1"});
    let disabled =
        json!({"id": "S2", "handle": "admins", "name": "Admins", "date_delete": "7", "auto_type": "admin"});
    stub.on("/api/usergroups.list", 200, json!({"ok": true, "usergroups": [group, disabled]}).to_string());
    stub.on("/api/usergroups.users.update", 200, json!({"ok": true, "usergroup": group}).to_string());
    let admin = client_with(&stub, Some("xoxp-admin"));
    let groups = admin.list_usergroups().await.expect("listed");
    assert_eq!(stub.last().headers["authorization"], "Bearer xoxb-hidden");
    assert_eq!(groups[0].users, people(&["U1"]));
    assert!(!groups[0].disabled && !groups[0].managed_elsewhere);
    assert!(groups[1].disabled && groups[1].managed_elsewhere && groups[1].users.is_empty());
    let set = admin.set_usergroup_users(&UserGroupId::new("S1"), &people(&["U1"])).await.expect("set");
    assert_eq!(set, groups[0]);
    assert_eq!(stub.last().headers["authorization"], "Bearer xoxp-admin");
    assert_eq!(stub.last().json(), json!({"usergroup": "S1", "users": "U1"}));
}

#[tokio::test]
async fn groups_are_made_and_enabled_as_the_admin_if_there_is_one() {
    let stub = Stub::start().await;
    let group = json!({"id": "S1", "handle": "payments-oncall", "name": "Payments", "date_delete": 0,
        "updated_by": "U9", "users": []});
    stub.on("/api/usergroups.create", 200, json!({"ok": true, "usergroup": group}).to_string());
    stub.on("/api/usergroups.create", 200, r#"{"ok":false,"error":"handle_already_exists"}"#);
    let admin = client_with(&stub, Some("xoxp-admin"));
    let made = admin.create_usergroup("Payments", "payments-oncall").await.expect("made");
    assert_eq!(stub.last().headers["authorization"], "Bearer xoxp-admin");
    assert_eq!(stub.last().json(), json!({"name": "Payments", "handle": "payments-oncall"}));
    assert_eq!((made.users.len(), made.updated_by.as_ref()), (0, Some(&SlackUserId::new("U9"))));
    assert_eq!(UserGroup::from_event(&group), Some(made.clone()));
    let taken = client(&stub).create_usergroup("Payments", "payments-oncall").await.expect_err("taken");
    assert_eq!(taken.code(), Some("handle_already_exists"));
    assert_eq!(stub.last().headers["authorization"], "Bearer xoxb-hidden");
}

#[tokio::test]
async fn the_token_says_who_it_is_and_what_it_may() {
    let stub = Stub::start().await;
    let body =
        r#"{"ok":true,"url":"https://acme.slack.com/","team_id":"T1","user_id":"U0BOT","bot_id":"B1"}"#;
    stub.on_with("/api/auth.test", 200, &[("X-OAuth-Scopes", "chat:write, commands")], body);
    let identity = client(&stub).auth_test().await.expect("asked");
    assert_eq!((identity.team_id.as_str(), identity.app_id), ("T1", None));
    assert_eq!(identity.scopes, ["chat:write", "commands"]);
}

#[tokio::test]
async fn smaller_calls() {
    let stub = Stub::start().await;
    stub.on("/api/chat.postEphemeral", 200, OK);
    stub.on(
        "/api/chat.getPermalink",
        200,
        r#"{"ok":true,"permalink":"https://acme.slack.com/archives/C1/p1"}"#,
    );
    stub.on("/api/conversations.open", 200, r#"{"ok":true,"channel":{"id":"D1"}}"#);
    stub.on("/api/views.open", 200, r#"{"ok":true,"view":{"id":"V1"}}"#);
    let client = client(&stub);
    let ana = SlackUserId::new("U1");
    client.post_ephemeral(&room(), &ana, None, "psst", &[]).await.expect("shown");
    assert_eq!(stub.last().json(), json!({"channel": "C1", "user": "U1", "text": "psst", "parse": "none"}));
    assert!(client.permalink(&room(), "1.2").await.expect("link").ends_with("/p1"));
    assert_eq!(client.open_dm(&ana).await.expect("opened"), ChannelId::new("D1"));
    assert_eq!(client.open_view("1.2.abc", &json!({"type": "modal"})).await.expect("opened"), "V1");
}

#[tokio::test]
async fn a_response_url_leads_only_where_it_may() {
    let stub = Stub::start().await;
    stub.on("/actions/hidden", 200, "ok").on("/used", 404, "used_url").on("/broken", 502, "");
    let client = client(&stub);
    let body = json!({"text": "done"});
    client.respond(&format!("{}/actions/hidden", stub.url), &body).await.expect("answered");
    assert_eq!(stub.last().json(), body);
    assert!(!stub.last().headers.contains_key("authorization"), "a response_url needs no token");
    let used = client.respond(&format!("{}/used", stub.url), &body).await.expect_err("used up");
    assert_eq!(used.code(), Some("http_404"));
    assert!(!client.respond(&format!("{}/broken", stub.url), &body).await.expect_err("down").is_final());
    let asked = stub.asked().len();
    for bad in [
        "http://hooks.slack.com/hidden",
        "https://hooks.slack.com@evil.example/hidden",
        "https://hooks.slack.com.evil.example/hidden",
        "http://localhost:1/hidden",
        "ftp://127.0.0.1/hidden",
        "hidden",
    ] {
        let error = client.respond(bad, &body).await.expect_err(bad);
        assert_eq!(error.code(), Some("response_url_refused"), "{bad}");
        assert!(!format!("{error} {error:?}").contains("hidden"));
    }
    assert_eq!(stub.asked().len(), asked);
}

#[test]
fn the_documentation_of_each_method_says_what_the_data_says() {
    let sources =
        [include_str!("messages.rs"), include_str!("channels.rs"), include_str!("people.rs")].concat();
    for (index, spec) in CALLS.iter().enumerate() {
        let page = match spec.name {
            "response_url" => "interactivity/handling-user-interaction".to_owned(),
            method => format!("reference/methods/{method}"),
        };
        let scopes = if spec.scopes.is_empty() { "no scope".to_owned() } else { spec.scopes.join(" ") };
        let line =
            format!("/// <https://docs.slack.dev/{page}> · {scopes} · {} · {}\n", spec.tier, spec.effect);
        assert_eq!(sources.matches(&line).count(), 1, "{line}");
        assert!(CALLS[..index].iter().all(|other| other.name != spec.name), "{} twice", spec.name);
    }
}

#[tokio::test]
async fn an_answer_without_its_list_is_none() {
    let stub = Stub::start().await;
    for path in ["/usergroups.list", "/users.list", "/users.conversations", "/bookmarks.list"] {
        stub.on(path, 200, r#"{"ok":true}"#);
    }
    let client = client(&stub);
    let answers = [
        client.list_usergroups().await.map(|_| ()),
        client.list_users().await.map(|_| ()),
        client.my_channels().await.map(|_| ()),
        client.bookmarks(&ChannelId::new("C1")).await.map(|_| ()),
    ];
    for answer in answers {
        let problem = answer.expect_err("no answer").problem;
        assert!(matches!(problem, Problem::Unavailable { .. }), "{problem:?}");
    }
}
