//! The HTTP side: who is calling, what they may, which method, and Slack's way of saying no.
//! <https://docs.slack.dev/apis/web-api/>

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, Method as Verb, StatusCode, header, request::Parts};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use serde_json::{Value, json};

use super::args::{Answer, Args, Refusal, decode, no};
use super::call::{Call, Token, demand, scopes_of};
use super::methods::Method;
use super::state::World;
use super::{Slack, response_url};
use crate::clock::Clock;
use crate::sim::desk::{Desk, Wording};

/// What the running server and every [`Slack`] share.
pub(super) struct Shared {
    pub world: Mutex<World>,
    pub clock: Clock,
    pub desk: Desk,
}

impl Shared {
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As much as a view with its blocks may weigh, and then some.
const LARGEST_BODY: usize = 4 << 20;

const WORDING: Wording = Wording { rate_limited, refused: |code| reply(StatusCode::OK, &refusal(&no(code))) };

/// A response_url has no `ok:false`: what it refuses has an error status.
const HOOK_WORDING: Wording =
    Wording { rate_limited, refused: |code| (StatusCode::NOT_FOUND, code.to_owned()).into_response() };

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/api/{method}", any(api))
        .route("/commands/{team}/{id}/{secret}", post(response))
        .route("/actions/{team}/{id}/{secret}", post(response))
        .fallback(unknown)
        .with_state(shared)
}

async fn unknown(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    shared.desk.note_unexpected(format!("slack: {} {}", request.method(), request.uri().path()));
    (StatusCode::NOT_FOUND, "not found").into_response()
}

async fn api(State(shared): State<Arc<Shared>>, Path(name): Path<String>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let (desk, called) = (shared.desk.clone(), name.clone());
    let effect = move || answer(&shared, &name, &parts, &body);
    desk.answer("slack", &called, &WORDING, effect).await
}

async fn response(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, LARGEST_BODY).await.unwrap_or_else(|_| Bytes::new());
    let desk = shared.desk.clone();
    let effect = move || {
        let outcome = response_url::accept(
            &mut shared.world(),
            shared.clock.now(),
            parts.uri.path(),
            &parts.headers,
            &body,
        );
        match outcome {
            Ok(()) => ("ok".into_response(), "ok".into()),
            Err((status, word)) => ((status, word).into_response(), word.into()),
        }
    };
    desk.answer("slack", "response_url", &HOOK_WORDING, effect).await
}

/// One call of the Web API: the HTTP answer and the word for the log.
fn answer(shared: &Shared, name: &str, parts: &Parts, body: &[u8]) -> (Response, String) {
    let Some(method) = Method::named(name) else {
        shared.desk.note_unexpected(format!("slack: no method {name}"));
        return (reply(StatusCode::OK, &refusal(&no("unknown_method"))), "unknown_method".into());
    };
    let now = shared.clock.now();
    let world = &mut *shared.world();
    let token = match authenticate(world, parts) {
        Ok(token) => token,
        Err(no) => return (reply(StatusCode::OK, &refusal(&no)), no.code),
    };
    let scopes = scopes_of(world, token).join(",");
    let mut response = match prepare(shared, world, method, token, parts, body) {
        Ok(args) => {
            let target = method.name.starts_with("chat.post").then(|| args.text("channel"));
            if let Err(secs) = world.limiter.admit(method.name, method.tier, target.as_deref(), now) {
                return (rate_limited(secs), "ratelimited".into());
            }
            conclude((method.run)(&mut Call { world, now, method, token, args }))
        }
        Err(no) => conclude(Err(no)),
    };
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.0.headers_mut().insert(name, value);
        }
    };
    set("x-oauth-scopes", &scopes);
    set("x-accepted-oauth-scopes", &method.scopes.all().join(","));
    response
}

fn conclude(answer: Answer) -> (Response, String) {
    match answer {
        Ok(mut value) => {
            value["ok"] = json!(true);
            (reply(StatusCode::OK, &value), "ok".into())
        }
        Err(no) => (reply(StatusCode::OK, &refusal(&no)), no.code),
    }
}

/// The token from the Authorization header; nowhere else.
fn authenticate(world: &World, parts: &Parts) -> Result<Token, Refusal> {
    let header = parts.headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let token = header.and_then(|h| h.strip_prefix("Bearer ")).ok_or_else(|| no("not_authed"))?;
    match token {
        _ if world.is_revoked => Err(no("invalid_auth")),
        Slack::BOT_TOKEN => Ok(Token::Bot),
        Slack::USER_TOKEN => Ok(Token::User),
        _ => Err(no("invalid_auth")),
    }
}

/// Scopes and arguments, before anything is done. What no sane client sends is noted as a bug of the client.
fn prepare(
    shared: &Shared,
    world: &World,
    method: &'static Method,
    token: Token,
    parts: &Parts,
    body: &[u8],
) -> Result<Args, Refusal> {
    let bug = |what: String| shared.desk.note_unexpected(format!("slack: {}: {what}", method.name));
    let accepted = method.scopes.all();
    if !accepted.is_empty() {
        demand(world, token, &accepted)?;
    }
    if parts.method != Verb::POST && !(method.is_read && parts.method == Verb::GET) {
        bug(format!("called with {}", parts.method));
        return Err(no("invalid_post_type"));
    }
    if parts.uri.query().is_some() && !body.is_empty() {
        bug("arguments both in the query and in the body".into());
    }
    let args = decode(method, parts, body)?;
    for name in args.names().filter(|name| !method.knows(name)) {
        bug(format!("there is no argument {name}"));
    }
    Ok(args)
}

fn refusal(no: &Refusal) -> Value {
    let mut body = json!({"ok": false, "error": no.code});
    for (key, value) in &no.extra {
        body[key] = value.clone();
    }
    body
}

fn reply(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json; charset=utf-8")], body.to_string()).into_response()
}

fn rate_limited(after_secs: u64) -> Response {
    let mut response = reply(StatusCode::TOO_MANY_REQUESTS, &json!({"ok": false, "error": "ratelimited"}));
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(after_secs));
    response
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Slack;
    use super::super::testing::{OPS, room};
    use crate::sim::desk::Fault;
    use crate::sim::signed::wire;

    #[tokio::test]
    async fn tells_who_we_are_and_what_we_may() {
        let room = room().await;
        let (status, headers, body) = room.raw("auth.test", Slack::BOT_TOKEN, json!({})).await;
        assert_eq!(
            (status, &body["user_id"], &body["bot_id"]),
            (200, &json!("U0FIREBELL"), &json!("B0FIREBELL"))
        );
        let scopes = headers["x-oauth-scopes"].to_str().expect("ascii");
        assert!(scopes.split(',').any(|s| s == "chat:write"), "{scopes}");
        assert_eq!(room.raw("auth.test", Slack::USER_TOKEN, json!({})).await.2["user_id"], "U0ADMIN");
        assert_eq!(room.raw("auth.test", "xoxb-other", json!({})).await.2["error"], "invalid_auth");
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "a client under test")]
    async fn takes_the_token_from_the_header_only() {
        let room = room().await;
        let url = format!("{}/auth.test?token={}", room.slack.api_url(), Slack::BOT_TOKEN);
        let body =
            wire().expect("a client").post(url).send().await.expect("an answer").text().await.expect("text");
        assert_eq!(body, r#"{"error":"not_authed","ok":false}"#);
    }

    #[tokio::test]
    async fn a_read_does_not_look_into_a_json_body() {
        let room = room().await;
        let body = room.call("users.info", json!({"user": "U1"})).await;
        assert_eq!(body["error"], "invalid_arguments");
        assert_eq!(body["response_metadata"]["messages"], json!(["[ERROR] missing required field: user"]));
        assert_eq!(room.get("users.info", &[("user", "U1")]).await["user"]["name"], "ann");
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "a client under test")]
    async fn reads_bodies_as_slack_does() {
        let room = room().await;
        let post = async |content_type: &str, body: &'static str| {
            let request =
                wire().expect("a client").post(format!("{}/chat.postMessage", room.slack.api_url()));
            let request =
                request.bearer_auth(Slack::BOT_TOKEN).header("content-type", content_type).body(body);
            let body =
                request.send().await.expect("an answer").json::<serde_json::Value>().await.expect("JSON");
            body["error"].as_str().unwrap_or("ok").to_owned()
        };
        assert_eq!(post("application/json", "{").await, "invalid_json");
        assert_eq!(post("application/json", "[]").await, "json_not_object");
        assert_eq!(post("text/plain", "channel=C0000001&text=x").await, "invalid_post_type");
        let form = "channel=C0000001&text=a%26b&blocks=%5B%7B%22type%22%3A%22divider%22%7D%5D";
        assert_eq!(post("application/x-www-form-urlencoded", form).await, "ok");
        let form = "channel=C0000001&text=a&blocks=%5B%7B";
        assert_eq!(post("application/x-www-form-urlencoded", form).await, "invalid_blocks_format");
        assert_eq!(room.slack.channel(OPS).expect("ops").messages.last().expect("one").text, "a&b");
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "a client under test")]
    async fn notes_what_no_sane_client_does() {
        let room = room().await;
        assert_eq!(room.no("chat.postMesage", json!({})).await, "unknown_method");
        room.ok("chat.postMessage", json!({"channel": OPS, "text": "x", "chanel": "y"})).await;
        let url = format!("{}/nothing", room.slack.hooks_url());
        let status = wire().expect("a client").get(url).send().await.expect("an answer").status();
        assert_eq!(status.as_u16(), 404);
        assert_eq!(
            room.desk.unexpected(),
            [
                "slack: no method chat.postMesage",
                "slack: chat.postMessage: there is no argument chanel",
                "slack: GET /nothing"
            ]
        );
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "a client under test")]
    async fn only_reads_answer_to_get() {
        let room = room().await;
        let get = async |call: &str| {
            let request = wire().expect("a client").get(format!("{}/{call}", room.slack.api_url()));
            let response = request.bearer_auth(Slack::BOT_TOKEN).send().await.expect("an answer");
            response.json::<serde_json::Value>().await.expect("JSON")
        };
        assert_eq!(get("users.info?user=U1").await["user"]["name"], "ann");
        assert!(room.desk.unexpected().is_empty());
        assert_eq!(get("chat.postMessage?channel=C0000001&text=x").await["error"], "invalid_post_type");
        assert_eq!(room.desk.unexpected(), ["slack: chat.postMessage: called with GET"]);
    }

    #[tokio::test]
    async fn faults_on_demand_speak_slacks_language() {
        let room = room().await;
        let post = json!({"channel": OPS, "text": "x"});
        room.desk.next("chat.postMessage", Fault::RateLimited { after_secs: 7 });
        let (status, headers, body) = room.raw("chat.postMessage", Slack::BOT_TOKEN, post.clone()).await;
        assert_eq!((status, headers["retry-after"].to_str().expect("ascii")), (429, "7"));
        assert_eq!(body, json!({"ok": false, "error": "ratelimited"}));
        room.desk.next("chat.postMessage", Fault::Refuse { code: "restricted_action".into() });
        assert_eq!(room.no("chat.postMessage", post).await, "restricted_action");
        assert_eq!(room.desk.count("chat.postMessage"), 2);
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "a client under test")]
    async fn an_answer_may_be_lost_after_the_effect() {
        let room = room().await;
        room.desk.next("chat.postMessage", Fault::LoseAnswer);
        let request = wire().expect("a client").post(format!("{}/chat.postMessage", room.slack.api_url()));
        let request = request.bearer_auth(Slack::BOT_TOKEN).json(&json!({"channel": OPS, "text": "once"}));
        let answer = async { request.send().await?.text().await };
        assert!(answer.await.is_err());
        assert_eq!(room.slack.transcript("ops"), "10:00 firebell: once");
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "a client under test")]
    async fn is_gone_when_stopped() {
        let room = room().await;
        room.slack.stop();
        let get = || wire().expect("a client").get(room.slack.hooks_url()).send();
        for _ in 0..200 {
            if get().await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("still served");
    }
}
