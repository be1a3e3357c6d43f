//! The HTTP side of the account: which calls there are, who may make them, how often, and what they carry.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::to_bytes;
use axum::extract::{Request as HttpRequest, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::answer::{Answer, Outcome, Refusal, WORDING, over_the_limit};
use super::state::Page;
use super::{Statuspage, components, incidents};
use crate::sim::desk::Desk;

type Endpoint = fn(&mut Page, &Request) -> Outcome;

/// Every call of the simulated account, below `/v1/pages/{page}`; the log's names begin with "GET /pages/{page}".
/// Whatever is not here is a mistake of the caller.
const CALLS: &[(&str, &str, Endpoint)] = &[
    ("GET", "", components::page),
    ("GET", "/components", components::list),
    ("PATCH", "/components/{id}", components::set),
    ("GET", "/incidents", incidents::list),
    ("POST", "/incidents", incidents::create),
    ("GET", "/incidents/unresolved", incidents::unresolved),
    ("GET", "/incidents/{id}", incidents::get),
    ("PATCH", "/incidents/{id}", incidents::update),
];

const BODY_LIMIT: usize = 1024 * 1024;

/// A call as its endpoint reads it.
pub(super) struct Request {
    /// The `{id}` of the path; empty when it has none.
    pub id: String,
    pub query: Vec<(String, String)>,
    /// Null when there is no body.
    pub body: Value,
}

impl Request {
    fn number(&self, name: &str, default: usize) -> Result<usize, Refusal> {
        match self.query.iter().find(|(n, _)| n == name) {
            None => Ok(default),
            Some((_, text)) => text.parse().map_err(|_| Refusal::bad_request("a number was expected")),
        }
    }
}

/// A page of a bare list: `page` from 1, `per_page` (or `limit`) up to 100.
pub(super) fn listed(request: &Request, rows: &[Value]) -> Outcome {
    let size = request.number("per_page", request.number("limit", 100)?)?.min(100);
    let page = request.number("page", 1)?.max(1);
    let shown: Vec<&Value> = rows.iter().skip((page - 1) * size).take(size).collect();
    Ok(Answer::ok(json!(shown)))
}

#[derive(Clone)]
pub(super) struct Door {
    pub page: Arc<Mutex<Page>>,
    pub desk: Desk,
}

pub(super) async fn answer(State(door): State<Door>, request: HttpRequest) -> Response {
    let (parts, body) = request.into_parts();
    let Some((page_id, name, endpoint, id)) = find_call(parts.method.as_str(), parts.uri.path()) else {
        door.desk.note_unexpected(format!("{} {}", parts.method, parts.uri.path()));
        return Refusal::not_found().into_answer().into_response();
    };
    let Ok(bytes) = to_bytes(body, BODY_LIMIT).await else {
        return Refusal::bad_request("too large").into_answer().into_response();
    };
    let desk = door.desk.clone();
    let effect = move || {
        let mut page = door.page.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(after) = page.count_call() {
            return (over_the_limit(after), "420".to_owned());
        }
        let outcome = authorise(&page, &parts, &page_id)
            .and_then(|()| decode(&parts, id, &bytes))
            .and_then(|request| endpoint(&mut page, &request));
        match outcome {
            Ok(answer) => (answer.into_response(), "ok".to_owned()),
            Err(refusal) => {
                let word = refusal.status.to_string();
                (refusal.into_answer().into_response(), word)
            }
        }
    };
    desk.answer("statuspage", &name, &WORDING, effect).await
}

/// The page's id, the call's name, what it does, and the `{id}` at its end.
fn find_call(method: &str, path: &str) -> Option<(String, String, Endpoint, String)> {
    let rest = path.strip_prefix("/v1/pages/")?;
    let (page_id, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let rest = rest.strip_suffix(".json").unwrap_or(rest);
    CALLS.iter().find_map(|&(verb, pattern, endpoint)| {
        let id = match pattern.strip_suffix("{id}") {
            None => (pattern == rest).then(String::new)?,
            Some(start) => {
                rest.strip_prefix(start).filter(|id| !id.is_empty() && !id.contains('/'))?.to_owned()
            }
        };
        (verb == method)
            .then(|| (page_id.to_owned(), format!("{verb} /pages/{{page}}{pattern}"), endpoint, id))
    })
}

/// The scheme's word is literally OAuth.
fn authorise(page: &Page, parts: &Parts, page_id: &str) -> Result<(), Refusal> {
    let given = parts.headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    if !page.key_valid || given != Some(&format!("OAuth {}", Statuspage::API_KEY)) {
        return Err(Refusal::unauthorized());
    }
    if page_id == Statuspage::PAGE_ID { Ok(()) } else { Err(Refusal::not_found()) }
}

fn decode(parts: &Parts, id: String, bytes: &[u8]) -> Result<Request, Refusal> {
    let query = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
    let is_json = parts
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/json"));
    let body = match bytes {
        [] => Value::Null,
        _ if !is_json => return Err(Refusal::bad_request("the content type does not match the body")),
        bytes => serde_json::from_slice(bytes).map_err(|_| Refusal::bad_request("the body is no JSON"))?,
    };
    Ok(Request { id, query: query.into_owned().collect(), body })
}
