//! The HTTP side of the account: which calls there are, who may make them, and what they carry.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::to_bytes;
use axum::extract::{Request as HttpRequest, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::sim::desk::Desk;

use super::answer::{Answer, EVENTS, Outcome, REST, Refusal, budget};
use super::state::Account;
use super::{PagerDuty, around, change, directory, events_v2, incidents, oncalls, schedules, schedules_v3};

/// Every call of the simulated account. Whatever is not here is a mistake of the caller.
const CALLS: &[(&str, Endpoint)] = &[
    ("GET /incidents", incidents::list),
    ("POST /incidents", incidents::create),
    ("PUT /incidents", change::update_many),
    ("GET /incidents/{id}", incidents::get),
    ("PUT /incidents/{id}", change::update),
    ("PUT /incidents/{id}/merge", incidents::merge),
    ("POST /incidents/{id}/snooze", incidents::snooze),
    ("GET /incidents/{id}/notes", around::notes),
    ("POST /incidents/{id}/notes", around::add_note),
    ("GET /incidents/{id}/log_entries", around::log_entries),
    ("POST /incidents/{id}/responder_requests", around::request_responders),
    ("POST /incidents/{id}/status_updates", around::publish_status_update),
    ("GET /oncalls", oncalls::oncalls),
    ("GET /users", directory::users),
    ("GET /users/{id}", directory::user),
    ("GET /users/{id}/contact_methods", directory::contact_methods),
    ("GET /services", directory::services),
    ("GET /services/{id}", directory::service),
    ("GET /escalation_policies", directory::policies),
    ("GET /escalation_policies/{id}", directory::policy),
    ("GET /schedules", schedules::list),
    ("GET /schedules/{id}", schedules::get),
    ("GET /schedules/{id}/users", schedules::users),
    ("GET /schedules/{id}/overrides", schedules::overrides),
    ("POST /schedules/{id}/overrides", schedules::add_overrides),
    ("DELETE /schedules/{id}/overrides/{id}", schedules::delete_override),
    ("GET /v3/schedules", schedules_v3::list),
    ("GET /v3/schedules/{id}", schedules_v3::get),
    ("GET /priorities", directory::priorities),
    ("GET /abilities", directory::abilities),
    ("GET /webhook_subscriptions", around::subscriptions),
    ("GET /webhook_subscriptions/{id}", around::subscription),
    ("POST /webhook_subscriptions/{id}/enable", around::enable_subscription),
    ("POST /webhook_subscriptions/{id}/ping", around::ping_subscription),
    (ENQUEUE, events_v2::enqueue),
];

/// The one call of the Events API: its routing key stands in for a token, and it has its own wording.
const ENQUEUE: &str = "POST /v2/enqueue";

/// More than any call may carry.
const BODY_LIMIT: usize = 2 * 1024 * 1024;

type Endpoint = fn(&mut Account, &Request) -> Outcome;

/// A call as its endpoint reads it.
pub(super) struct Request {
    /// The `{id}` of the path; empty when it has none.
    pub id: String,
    /// The second `{id}`.
    pub second: String,
    pub query: Vec<(String, String)>,
    /// The `From` header.
    pub from: Option<String>,
    /// Null when there is no body.
    pub body: Value,
    pub body_bytes: usize,
}

impl Request {
    pub fn one(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// All values of a repeated parameter such as `statuses[]`.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.query.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str()).collect()
    }

    /// True when the filter is absent or names the value.
    pub fn lets_through(&self, filter: &str, value: &str) -> bool {
        let wanted = self.all(filter);
        wanted.is_empty() || wanted.contains(&value)
    }

    /// Text at a JSON pointer of the body.
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.body.pointer(pointer).and_then(Value::as_str)
    }
}

impl Account {
    /// Id of the user of the `From` header, which calls that change something require.
    pub fn requester(&self, request: &Request) -> Result<String, Refusal> {
        let Some(from) = &request.from else {
            return Err(Refusal::invalid(
                "You must specify a user's email address in the \"From\" header to perform this action",
            ));
        };
        let user = self.users.values().find(|u| u.email.eq_ignore_ascii_case(from));
        user.map(|u| u.id.clone())
            .ok_or(Refusal::because(1008, "The From header names no user of this account"))
    }

    /// Place of the incident of the path.
    pub fn incident_of(&self, request: &Request) -> Result<usize, Refusal> {
        self.find(&request.id).ok_or(Refusal::code(2100))
    }
}

#[derive(Clone)]
pub(super) struct Door {
    pub account: Arc<Mutex<Account>>,
    pub desk: Desk,
}

pub(super) async fn answer(State(door): State<Door>, request: HttpRequest) -> Response {
    let (parts, body) = request.into_parts();
    let Some((name, endpoint, ids)) = find_call(parts.method.as_str(), parts.uri.path()) else {
        door.desk.note_unexpected(format!("{} {}", parts.method, parts.uri.path()));
        return into_response(Refusal::code(2100).into_answer(), true);
    };
    let Ok(bytes) = to_bytes(body, BODY_LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let rest = name != ENQUEUE;
    let wording = if rest { &REST } else { &EVENTS };
    let desk = door.desk.clone();
    let effect = move || {
        let mut account = door.account.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = authorise(&account, &parts, rest)
            .and_then(|()| decode(&parts, ids, &bytes))
            .and_then(|request| endpoint(&mut account, &request));
        let word = match &outcome {
            Ok(answer) if answer.status.is_success() => "ok".into(),
            Ok(answer) => answer.status.as_u16().to_string(),
            Err(refusal) => refusal.word(),
        };
        (into_response(outcome.unwrap_or_else(Refusal::into_answer), rest), word)
    };
    desk.answer("pagerduty", name, wording, effect).await
}

fn find_call(method: &str, path: &str) -> Option<(&'static str, Endpoint, [String; 2])> {
    CALLS.iter().find_map(|&(name, endpoint)| {
        let (verb, pattern) = name.split_once(' ')?;
        let ids = fit(pattern, path)?;
        (verb == method).then_some((name, endpoint, ids))
    })
}

/// The path's parts at the first and second `{id}` (empty without one), when it has the pattern's form.
fn fit(pattern: &str, path: &str) -> Option<[String; 2]> {
    let mut ids = [String::new(), String::new()];
    let (mut pattern, mut path) = (pattern.split('/'), path.split('/'));
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return Some(ids),
            (Some("{id}"), Some(part)) if !part.is_empty() => {
                let free = usize::from(!ids[0].is_empty());
                ids[free] = part.into();
            }
            (Some(wanted), Some(part)) if wanted == part => {}
            _ => return None,
        }
    }
}

/// PagerDuty documentation, "REST API: Authentication".
fn authorise(account: &Account, parts: &Parts, rest: bool) -> Result<(), Refusal> {
    let expected = format!("Token token={}", PagerDuty::TOKEN);
    let given = parts.headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    if !rest || (account.token_valid && given == Some(&expected)) { Ok(()) } else { Err(Refusal::code(2006)) }
}

fn decode(parts: &Parts, [id, second]: [String; 2], bytes: &[u8]) -> Result<Request, Refusal> {
    let query = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
    let body = match bytes {
        [] => Value::Null,
        bytes => {
            serde_json::from_slice(bytes).map_err(|_| Refusal::invalid("The body is not valid JSON."))?
        }
    };
    let from = parts.headers.get(header::FROM).and_then(|v| v.to_str().ok());
    Ok(Request {
        id,
        second,
        query: query.into_owned().collect(),
        from: from.map(str::trim).filter(|f| !f.is_empty()).map(Into::into),
        body,
        body_bytes: bytes.len(),
    })
}

/// The account does not count calls: what is left is always nearly all. Ask the desk for a 429.
fn into_response(answer: Answer, rest: bool) -> Response {
    let mut response = answer.into_response();
    if rest {
        budget(response.headers_mut(), 959, 60);
    }
    response
}

/// `{"incident": …}` and the like.
pub(super) fn wrap(name: &str, value: &Value) -> Value {
    json!({name: value})
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::sim::desk::Fault;
    use crate::sim::pagerduty::PagerDuty;
    use crate::sim::pagerduty::probe::{Probe, read, send};

    #[tokio::test]
    async fn only_the_token_opens_the_door() {
        let probe = Probe::start().await;
        assert_eq!(read(probe.bare("GET", "/abilities")).await.0, 401);
        for wrong in ["Token token=other", PagerDuty::TOKEN, &format!("Bearer {}", PagerDuty::TOKEN)] {
            let call = probe.bare("GET", "/abilities").header("authorization", wrong);
            assert_eq!(read(call).await.0, 401, "{wrong}");
        }
        assert_eq!(probe.get("/abilities").await.0, 200);
        probe.pagerduty.revoke_token();
        let (status, body) = probe.get("/abilities").await;
        assert_eq!((status, &body["error"]["code"]), (401, &json!(2006)));
    }

    #[tokio::test]
    async fn an_unknown_path_is_answered_and_noted() {
        let probe = Probe::start().await;
        let (status, body) = probe.get("/incident/Q1").await;
        assert_eq!((status, &body["error"]), (404, &json!({"message": "Not Found", "code": 2100})));
        assert_eq!(probe.send("DELETE", "/incidents", json!({})).await.0, 404);
        assert_eq!(probe.desk.unexpected(), ["GET /incident/Q1", "DELETE /incidents"]);
    }

    #[tokio::test]
    async fn a_body_that_is_no_json_is_refused() {
        let probe = Probe::start().await;
        let (status, body) = read(probe.request("POST", "/incidents").body("{")).await;
        assert_eq!((status, &body["error"]["code"]), (400, &json!(2001)));
        assert_eq!(probe.desk.calls()[0].outcome, "400/2001");
    }

    #[tokio::test]
    async fn every_answer_says_what_is_left_of_the_rate_limit() {
        let probe = Probe::start().await;
        let answer = send(probe.request("GET", "/abilities")).await.unwrap();
        assert_eq!(answer.headers()["ratelimit-limit"], "960");
        assert_eq!(answer.headers()["content-type"], "application/json");

        probe.desk.next("GET /abilities", Fault::RateLimited { after_secs: 17 });
        let answer = send(probe.request("GET", "/abilities")).await.unwrap();
        assert_eq!(answer.status(), 429);
        assert_eq!(answer.headers()["ratelimit-reset"], "17");
        assert_eq!(answer.headers()["ratelimit-remaining"], "0");
        assert_eq!(
            answer.text().await.unwrap(),
            r#"{"error":{"code":2020,"message":"Rate Limit Exceeded"}}"#
        );

        probe.desk.next("GET /abilities", Fault::Refuse { code: "429-bare".into() });
        let answer = send(probe.request("GET", "/abilities")).await.unwrap();
        assert_eq!(answer.status(), 429);
        assert!(answer.headers().get("ratelimit-reset").is_none());
        assert_eq!(answer.text().await.unwrap(), "");
    }

    #[tokio::test]
    async fn a_lost_answer_leaves_the_effect_and_a_refusal_does_not() {
        let probe = Probe::start().await;
        let body = json!({"incident": {"type": "incident", "title": "t", "service": {"id": "PSVC001"}}});
        let create = || probe.request("POST", "/incidents").header("from", PagerDuty::FROM_EMAIL).json(&body);
        probe.desk.next("POST /incidents", Fault::Refuse { code: "1015".into() });
        assert_eq!(read(create()).await.1["error"]["code"], 1015);
        assert_eq!(probe.pagerduty.incidents().len(), 0);
        probe.desk.next("POST /incidents", Fault::LoseAnswer);
        let lost = match send(create()).await {
            Ok(answer) => answer.bytes().await.is_err(),
            Err(_) => true,
        };
        assert!(lost);
        assert_eq!(probe.pagerduty.incidents().len(), 1);
    }
}
