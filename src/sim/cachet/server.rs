//! The HTTP side of the site: which calls there are, who may make them, how often, and what they carry.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::to_bytes;
use axum::extract::{Request as HttpRequest, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::state::{CALLS_A_MINUTE, Site};
use super::{Cachet, calls};
use crate::sim::desk::{Desk, Wording};

pub(super) type Outcome = Result<(u16, Value), Refusal>;
type Endpoint = fn(&mut Site, &Request) -> Outcome;

/// Every call of the simulated site. Whatever is not here is a mistake of the caller.
const CALLS: &[(&str, Endpoint)] = &[
    ("GET /api/status", calls::status),
    ("GET /api/components", calls::components),
    ("PUT /api/components/{id}", calls::set_component),
    ("GET /api/incidents", calls::incidents),
    ("POST /api/incidents", calls::create),
    ("GET /api/incidents/{id}/updates", calls::updates),
    ("POST /api/incidents/{id}/updates", calls::update),
];

const BODY_LIMIT: usize = 1024 * 1024;

/// A no in Laravel's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub status: u16,
    pub body: Value,
}

impl Refusal {
    pub fn not_found() -> Self {
        Self { status: 404, body: json!({ "message": "Not Found" }) }
    }

    pub fn invalid(field: &str, why: &str) -> Self {
        Self { status: 422, body: json!({ "message": why, "errors": { field: [why] } }) }
    }
}

/// A call as its endpoint reads it.
pub(super) struct Request {
    /// The `{id}` of the path; 0 when it has none.
    pub id: i64,
    pub query: Vec<(String, String)>,
    pub body: Value,
}

impl Request {
    pub fn one(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self, field: &str) -> Result<String, Refusal> {
        let text = self.body[field].as_str().filter(|text| !text.trim().is_empty());
        text.map(str::to_owned).ok_or(Refusal::invalid(field, &format!("The {field} field is required.")))
    }

    /// 15 rows unless asked for more, 100 at most.
    pub fn page(&self, rows: &[Value], included: &[Value]) -> Outcome {
        let number = |name: &str, default: usize| match self.one(name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| Refusal::invalid(name, "must be an integer.")),
        };
        let (size, page) = (number("per_page", 15)?, number("page", 1)?.max(1));
        if !(1..=100).contains(&size) {
            return Err(Refusal::invalid("per_page", "The per page field must be between 1 and 100."));
        }
        let shown: Vec<&Value> = rows.iter().skip((page - 1) * size).take(size).collect();
        let mut body = json!({ "data": shown, "meta": { "current_page": page, "per_page": size } });
        if !included.is_empty() {
            body["included"] = json!(included);
        }
        Ok((200, body))
    }
}

#[derive(Clone)]
pub(super) struct Door {
    pub site: Arc<Mutex<Site>>,
    pub desk: Desk,
}

const WORDING: Wording = Wording {
    rate_limited,
    refused: |code| match code {
        "nonsense" => (StatusCode::OK, "<html>It works!</html>").into_response(),
        code => respond(code.parse().unwrap_or(422), &json!({ "message": "refused by the test" })),
    },
};

fn rate_limited(after_secs: u64) -> Response {
    let mut response = respond(429, &json!({ "message": "Too Many Attempts." }));
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(after_secs));
    response
}

fn respond(status: u16, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

pub(super) async fn answer(State(door): State<Door>, request: HttpRequest) -> Response {
    let (parts, body) = request.into_parts();
    let Some((name, endpoint, id)) = find_call(parts.method.as_str(), parts.uri.path()) else {
        door.desk.note_unexpected(format!("{} {}", parts.method, parts.uri.path()));
        return respond(404, &json!({ "message": "Not Found" }));
    };
    let Ok(bytes) = to_bytes(body, BODY_LIMIT).await else { return respond(413, &Value::Null) };
    let desk = door.desk.clone();
    let effect = move || {
        let mut site = door.site.lock().unwrap_or_else(PoisonError::into_inner);
        let left = match site.count_call() {
            Ok(left) => left,
            Err(after) => return (rate_limited(after), "429".to_owned()),
        };
        let outcome = authorise(&site, &parts)
            .and_then(|()| decode(&parts, id, &bytes))
            .and_then(|request| endpoint(&mut site, &request));
        let (mut response, word) = match outcome {
            Ok((status, body)) => (respond(status, &body), "ok".to_owned()),
            Err(refusal) => (respond(refusal.status, &refusal.body), refusal.status.to_string()),
        };
        response.headers_mut().insert("x-ratelimit-limit", HeaderValue::from(CALLS_A_MINUTE));
        response.headers_mut().insert("x-ratelimit-remaining", HeaderValue::from(left));
        (response, word)
    };
    desk.answer("cachet", name, &WORDING, effect).await
}

fn find_call(method: &str, path: &str) -> Option<(&'static str, Endpoint, i64)> {
    CALLS.iter().find_map(|&(name, endpoint)| {
        let (verb, pattern) = name.split_once(' ')?;
        let id = match pattern.split_once("{id}") {
            None => (pattern == path).then_some(0)?,
            Some((start, end)) => path.strip_prefix(start)?.strip_suffix(end)?.parse().ok()?,
        };
        (verb == method).then_some((name, endpoint, id))
    })
}

/// Reading is for everybody; a token that is given must be right.
fn authorise(site: &Site, parts: &Parts) -> Result<(), Refusal> {
    let given = parts.headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let is_right = site.token_valid && given == Some(&format!("Bearer {}", Cachet::TOKEN));
    if is_right || parts.method == "GET" {
        return Ok(());
    }
    Err(Refusal { status: 401, body: json!({ "message": "Unauthenticated." }) })
}

fn decode(parts: &Parts, id: i64, bytes: &[u8]) -> Result<Request, Refusal> {
    let query = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
    let body = match bytes {
        [] => Value::Null,
        bytes => serde_json::from_slice(bytes).map_err(|_| Refusal::invalid("body", "is no JSON"))?,
    };
    Ok(Request { id, query: query.into_owned().collect(), body })
}
