//! Slack at the front door: what is refused, what is asked of the desk, and how its replies are worded.

use std::sync::atomic::Ordering;

use axum::http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::signature::{SLACK_SIGNATURE, SLACK_TIMESTAMP, sign_slack};
use super::test_edge::{Does, SLACK_SECRET, TestEdge, get, post};
use crate::front::{Message, Reply};
use crate::on_both_engines;

const COMMANDS: &str = "/slack/commands";
const DECLARE: &str = "team_id=T1&api_app_id=A1&channel_id=C1&channel_name=general&user_id=U1&user_name=ana\
    &command=%2Fincident&text=declare+payments+down&trigger_id=1.2.x&response_url=https%3A%2F%2Fhooks.slack.com%2Fc";
const FORM: &str = "application/x-www-form-urlencoded";

async fn sqlite_edge() -> (TestEdge, crate::testing::Guard) {
    let clock = crate::clock::Clock::manual(crate::testing::START);
    let (db, guard) = crate::testing::sqlite(&clock).await;
    (TestEdge::new(&db, &clock), guard)
}

fn only(text: &str) -> String {
    json!({ "response_type": "ephemeral", "text": text }).to_string()
}

on_both_engines! {
    async fn what_is_not_properly_signed_leaves_no_trace(db: Db, clock: Clock) {
        let t = TestEdge::new(&db, &clock);
        let event = br#"{"type":"event_callback","event_id":"Ev1","team_id":"T1","event":{"type":"x"}}"#;
        let now = clock.now().as_secs();
        let signed_at = |at: i64, body: &[u8]| sign_slack(&SLACK_SECRET.into(), &at.to_string(), body);
        let send = |at: i64, signature: String, body: &[u8]| {
            let at = at.to_string();
            post("/slack/events", body, &[("x-slack-request-timestamp", &at), ("x-slack-signature", &signature)])
        };
        let twice = |name, value: &str| {
            let mut request = send(now, signed_at(now, event), event);
            request.headers_mut().append(name, HeaderValue::from_str(value).expect("a value"));
            request
        };
        for (name, request, reason) in [
            ("unsigned", post("/slack/events", event, &[]), "missing"),
            ("tampered", send(now, signed_at(now, event), &event.to_ascii_uppercase()), "mismatch"),
            ("old", send(now - 301, signed_at(now - 301, event), event), "stale"),
            ("future", send(now + 301, signed_at(now + 301, event), event), "stale"),
            ("other secret", send(now, sign_slack(&"another".into(), &now.to_string(), event), event), "mismatch"),
            ("not hex", send(now, "v0=nonsense".into(), event), "malformed"),
            ("two signatures", twice(SLACK_SIGNATURE, &signed_at(now, event)), "malformed"),
            ("two timestamps", twice(SLACK_TIMESTAMP, &now.to_string()), "malformed"),
        ] {
            assert_eq!(t.send(request).await, (StatusCode::UNAUTHORIZED, String::new()), "{name}");
            let counted = format!(r#"firebell_refused_requests_total{{sender="slack",reason="{reason}"}}"#);
            assert!(t.edge.metrics.encode().contains(&counted), "{name}");
        }
        let empty = t.send(post("/slack/events", b"", &[])).await;
        assert_eq!(empty, (StatusCode::BAD_REQUEST, String::new()));
        let oversized = t.send(send(now, "v0=".into(), &vec![b'x'; (1 << 20) + 1])).await;
        assert_eq!(oversized, (StatusCode::PAYLOAD_TOO_LARGE, String::new()));
        assert_eq!(t.kept().await, []);
        assert!(t.heard().is_empty());

        // The process is unharmed, and the same event properly signed goes in.
        let signed = t.send(send(now, signed_at(now, event), event)).await;
        assert_eq!(signed, (StatusCode::OK, String::new()));
        assert_eq!(t.kept().await.len(), 1);
    }
}

#[tokio::test]
async fn signed_and_yet_not_a_command_is_400() {
    let (t, _guard) = sqlite_edge().await;
    let bad = (StatusCode::BAD_REQUEST, String::new());
    for body in ["", "text=%FF", "payload=x", "team_id=T1&user_id=U1&channel_id=C1&command=", "\u{0}\u{1}"] {
        assert_eq!(t.form(COMMANDS, body).await, bad, "{body:?}");
    }
    assert_eq!(t.send(t.slack(COMMANDS, b"team_id=T1&text=\xff\xfe", FORM)).await, bad);
    assert_eq!(t.send(t.slack(COMMANDS, DECLARE.as_bytes(), "application/json")).await, bad);
    for body in ["payload=", "payload=%7B", "payload=%5B%5D", "payload=7", DECLARE] {
        assert_eq!(t.form("/slack/interactions", body).await, bad, "{body}");
    }
    assert_eq!(t.event(&json!(["event_callback"])).await, bad);
    assert_eq!(t.event(&json!({ "type": "event_callback", "team_id": "T1", "event_id": "" })).await, bad);
    assert!(t.counted(r#"firebell_refused_requests_total{sender="slack",reason="unreadable"} 14"#));
    assert!(t.heard().is_empty());
    assert_eq!(t.kept().await, []);
}

#[tokio::test]
async fn a_command_reaches_the_desk_and_its_reply_the_channel() {
    let (t, _guard) = sqlite_edge().await;
    assert_eq!(t.form(COMMANDS, DECLARE).await, (StatusCode::OK, only("done")));
    assert_eq!(t.heard(), ["T1 /incident declare payments down by U1"]);

    let block = json!({ "type": "divider" });
    t.does(Does::Reply(Reply::Everyone(Message::with_blocks("opened", vec![block]))));
    let everyone = r#"{"response_type":"in_channel","text":"opened","blocks":[{"type":"divider"}]}"#;
    assert_eq!(t.form(COMMANDS, DECLARE).await, (StatusCode::OK, everyone.to_owned()));
    t.does(Does::Reply(Reply::Nothing));
    assert_eq!(t.form(COMMANDS, DECLARE).await, (StatusCode::OK, String::new()));
}

#[tokio::test]
async fn the_desk_has_two_seconds_and_may_fall_over() {
    let (t, _guard) = sqlite_edge().await;
    t.does(Does::NeverAnswers);
    assert_eq!(t.form(COMMANDS, DECLARE).await, (StatusCode::OK, only("not stored yet")));
    t.does(Does::Panics);
    assert_eq!(t.form(COMMANDS, DECLARE).await, (StatusCode::INTERNAL_SERVER_ERROR, String::new()));
    t.does(Does::Reply(Reply::only("alive")));
    assert_eq!(t.form(COMMANDS, DECLARE).await, (StatusCode::OK, only("alive")));
}

#[tokio::test]
async fn a_form_is_opened_before_the_answer() {
    let (t, _guard) = sqlite_edge().await;
    t.does(Does::Reply(Reply::Modal(json!({ "type": "modal" }))));
    assert_eq!(t.form(COMMANDS, DECLARE).await, (StatusCode::OK, String::new()));
    assert_eq!(t.heard()[1], r#"open {"type":"modal"} with 1.2.x"#);

    t.desk.opens_forms.store(false, Ordering::Relaxed);
    let (status, body) = t.form(COMMANDS, DECLARE).await;
    assert_eq!(status, StatusCode::OK);
    assert!(body.contains("Slack did not open the form") && !body.contains("expired_trigger_id"), "{body}");
}

#[tokio::test]
async fn other_workspaces_and_other_apps_are_turned_away() {
    let (t, _guard) = sqlite_edge().await;
    let ours = only("This workspace is not the one Firebell serves.");
    assert_eq!(t.form(COMMANDS, &DECLARE.replace("T1", "T2")).await, (StatusCode::OK, ours));
    let (_, body) = t.form(COMMANDS, &DECLARE.replace("A1", "A2")).await;
    assert!(body.contains("belongs to another Slack app"), "{body}");
    let stranger =
        json!({ "type": "block_actions", "team": { "id": "T1" }, "user": { "id": "U9", "team_id": "T2" } });
    let elsewhere = json!({ "type": "block_actions", "team": { "id": "T2" }, "user": { "id": "U9" } });
    for payload in [stranger, elsewhere, json!({ "type": "shortcut" })] {
        assert_eq!(t.interaction(&payload).await, (StatusCode::OK, String::new()));
    }
    let event = json!({ "type": "event_callback", "team_id": "T2", "event_id": "Ev1" });
    assert_eq!(t.event(&event).await, (StatusCode::OK, String::new()));
    assert_eq!(t.heard(), ["T2 /incident is a stranger's"], "on record, and nothing else");
    assert_eq!(t.kept().await, []);
    assert!(t.counted(r#"firebell_refused_requests_total{sender="slack",reason="other_workspace"} 5"#));
    assert!(t.counted(r#"firebell_refused_requests_total{sender="slack",reason="other_app"} 1"#));

    *t.desk.workspace.lock().unwrap() = None;
    let (_, body) = t.form(COMMANDS, DECLARE).await;
    assert!(body.contains("Firebell is still starting: Slack has not told it yet which workspace"), "{body}");
    assert_eq!(t.event(&event).await.0, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn an_ssl_check_is_answered_and_nothing_else_in_it_is_read() {
    let (t, _guard) = sqlite_edge().await;
    let fine = (StatusCode::OK, String::new());
    let check = format!("ssl_check=1&token=x&{DECLARE}");
    assert_eq!(t.send(post(COMMANDS, check.as_bytes(), &[("content-type", FORM)])).await, fine);
    assert_eq!(t.form(COMMANDS, &check).await, fine);
    assert_eq!(t.send(get("/slack/commands?ssl_check=1")).await, fine);
    assert_eq!(t.send(get("/slack/events")).await.0, StatusCode::METHOD_NOT_ALLOWED);
    let no_check = format!("ssl_check=0&{DECLARE}");
    let unsigned = t.send(post(COMMANDS, no_check.as_bytes(), &[("content-type", FORM)])).await;
    assert_eq!(unsigned.0, StatusCode::UNAUTHORIZED);
    assert!(t.heard().is_empty());
}

fn pressed(kind: &str) -> Value {
    json!({ "type": kind, "team": { "id": "T1" }, "user": { "id": "U1", "team_id": "T1" }, "api_app_id": "A1",
            "trigger_id": "3.4.y" })
}

#[tokio::test]
async fn words_after_a_button_take_another_way() {
    let (t, _guard) = sqlite_edge().await;
    let fine = (StatusCode::OK, String::new());
    assert_eq!(t.interaction(&pressed("block_actions")).await, fine);
    let heard = t.heard();
    assert_eq!(heard[0], r#""block_actions" by "U1""#);
    assert!(heard[1].starts_with(r#"follow up "block_actions" with Only("#), "{heard:?}");

    t.does(Does::Reply(Reply::Nothing));
    assert_eq!(t.interaction(&pressed("view_closed")).await, fine);
    assert_eq!(t.heard().len(), 1);
    t.does(Does::Reply(Reply::Modal(json!({}))));
    assert_eq!(t.interaction(&pressed("shortcut")).await, fine);
    assert_eq!(t.heard()[1], "open {} with 3.4.y");
    t.desk.opens_forms.store(false, Ordering::Relaxed);
    assert_eq!(t.interaction(&pressed("message_action")).await, fine);
    assert!(t.heard()[2].contains("did not open"));
    assert_eq!(t.interaction(&pressed("block_suggestion")).await, fine);
    assert!(t.heard().is_empty());
}

#[tokio::test]
async fn a_submitted_form_is_answered_in_its_place() {
    let (t, _guard) = sqlite_edge().await;
    let submitted = pressed("view_submission");
    let answer = async |reply| {
        t.does(Does::Reply(reply));
        let (status, body) = t.interaction(&submitted).await;
        assert_eq!(status, StatusCode::OK);
        serde_json::from_str::<Value>(&body).unwrap_or_default()
    };
    let errors = Reply::FormErrors([("title".to_owned(), "What is wrong?".to_owned())].into());
    let expected = json!({ "response_action": "errors", "errors": { "title": "What is wrong?" } });
    assert_eq!(answer(errors).await, expected);
    assert_eq!(answer(Reply::Nothing).await, Value::Null);
    let next = answer(Reply::Modal(json!({ "type": "modal" }))).await;
    assert_eq!(next, json!({ "response_action": "update", "view": { "type": "modal" } }));
    let said = answer(Reply::only("#1 is open")).await;
    assert_eq!(said["view"]["blocks"][0]["text"]["text"], "#1 is open");
    assert_eq!(said["response_action"], "update");
    assert_eq!(answer(Reply::everyone("#1 is open")).await, Value::Null);
    assert!(t.heard().last().is_some_and(|last| last.starts_with("follow up")));
    t.does(Does::NeverAnswers);
    assert!(t.interaction(&submitted).await.1.contains("not stored yet"));
}

on_both_engines! {
    async fn events_are_stored_once_by_their_id(db: Db, clock: Clock) {
        let t = TestEdge::new(&db, &clock);
        let fine = (StatusCode::OK, String::new());
        let hello = t.event(&json!({ "type": "url_verification", "challenge": "3eZ" })).await;
        assert_eq!(hello, (StatusCode::OK, r#"{"challenge":"3eZ"}"#.to_owned()));
        let event = json!({ "type": "event_callback", "team_id": "T1", "api_app_id": "A1", "event_id": "Ev1", "n": 1 });
        assert_eq!(t.event(&event).await, fine);
        let again = json!({ "type": "event_callback", "team_id": "T1", "api_app_id": "A1", "event_id": "Ev1", "n": 2 });
        assert_eq!(t.event(&again).await, fine);
        let shared = json!({ "type": "event_callback", "team_id": "T9", "event_id": "Ev2",
                             "authorizations": [{ "team_id": "T1", "enterprise_id": null }] });
        assert_eq!(t.event(&shared).await, fine);
        assert_eq!(t.event(&json!({ "type": "app_rate_limited", "minute_rate_limited": 1 })).await, fine);
        assert_eq!(t.event(&json!({ "type": "something_new" })).await, fine);

        let kept = t.kept().await;
        let keys: Vec<_> = kept.iter().map(|k| (k.source.as_str(), k.delivery_key.as_str())).collect();
        assert_eq!(keys, [("slack", "Ev1"), ("slack", "Ev2")]);
        assert_eq!(kept[0].body, event.to_string().into_bytes());

        db.close().await;
        let later = json!({ "type": "event_callback", "team_id": "T1", "event_id": "Ev3" });
        assert_eq!(t.event(&later).await, (StatusCode::SERVICE_UNAVAILABLE, String::new()));
        assert!(t.counted(r#"firebell_deliveries_total{source="slack",outcome="unavailable"} 1"#));
    }
}
