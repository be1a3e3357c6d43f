//! Simulated monitors on one local port: an Alertmanager, a Prometheus, a public status page and a health check, each
//! under a path of its own. They know no PromQL: a scene says what a query's answer is.

mod alertmanager;
mod page;
mod prometheus;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::desk::{Desk, Wording};
use super::served::Served;
use crate::clock::Clock;

/// Cheap to clone; they stop listening when the last clone is dropped.
#[derive(Clone)]
pub struct Monitors(Arc<Shared>);

struct Shared {
    seen: Arc<Mutex<Seen>>,
    served: Served,
}

/// What there is to monitor.
struct Seen {
    clock: Clock,
    alerts: Vec<alertmanager::Alert>,
    /// By the query's text; a query that is not here finds no data.
    series: BTreeMap<String, Value>,
    page: page::Page,
    /// Status and body of the health check.
    health: (u16, Value),
}

type Outcome = (StatusCode, Value);
type Endpoint = fn(&Seen, &[(String, String)]) -> Outcome;

/// (monitor, call, what opens it, who answers). Whatever is not here is a mistake of the caller.
const CALLS: &[(&str, &str, Lock, Endpoint)] = &[
    ("alertmanager", "GET /alertmanager/api/v2/alerts", Lock::Bearer, alertmanager::alerts),
    ("prometheus", "GET /prometheus/api/v1/query", Lock::Basic, prometheus::query),
    ("page", "GET /page/api/v2/summary.json", Lock::Open, page::summary),
    ("health", "GET /health", Lock::Open, health),
];

/// As a proxy in front of a monitor asks for it: the monitors themselves know no tokens.
#[derive(Clone, Copy)]
enum Lock {
    Open,
    Bearer,
    Basic,
}

fn health(seen: &Seen, _: &[(String, String)]) -> Outcome {
    (StatusCode::from_u16(seen.health.0).unwrap_or(StatusCode::OK), seen.health.1.clone())
}

impl Monitors {
    /// What the Alertmanager's proxy wants to see.
    pub const BEARER_TOKEN: &'static str = "sim-alertmanager-token";
    /// What the Prometheus' proxy wants to see, as `user:password`.
    pub const BASIC_AUTH: &'static str = "firebell:sim-prometheus-password";

    /// Listens on a free port of 127.0.0.1; nothing fires, and all is well.
    pub async fn start(clock: Clock, desk: Desk) -> std::io::Result<Self> {
        let seen = Arc::new(Mutex::new(Seen {
            clock,
            alerts: Vec::new(),
            series: BTreeMap::new(),
            page: page::Page::default(),
            health: (200, json!({ "status": "ok" })),
        }));
        let app = Router::new().fallback(answer).with_state((seen.clone(), desk));
        let served = Served::start(app).await?;
        Ok(Self(Arc::new(Shared { seen, served })))
    }

    /// `http://127.0.0.1:PORT/alertmanager` and its like: `alertmanager`, `prometheus`, `page`, `health`.
    pub fn url(&self, monitor: &str) -> String {
        format!("{}/{monitor}", self.0.served.url())
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The health check answers this from now on.
    pub fn set_health(&self, status: u16, body: Value) {
        self.seen().health = (status, body);
    }
}

async fn answer(State((seen, desk)): State<(Arc<Mutex<Seen>>, Desk)>, request: Request) -> Response {
    let asked = format!("{} {}", request.method(), request.uri().path());
    let Some((monitor, name, lock, endpoint)) = CALLS.iter().find(|(_, name, ..)| *name == asked) else {
        desk.note_unexpected(asked);
        return (StatusCode::NOT_FOUND, "404 page not found").into_response();
    };
    let query: Vec<(String, String)> =
        form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()).into_owned().collect();
    let is_open = opens(*lock, request.headers());
    let effect = move || {
        let (status, body) = if is_open {
            endpoint(&seen.lock().unwrap_or_else(PoisonError::into_inner), &query)
        } else {
            (StatusCode::UNAUTHORIZED, Value::Null)
        };
        let word = if status.is_success() { "ok".to_owned() } else { status.as_u16().to_string() };
        (into_response(status, &body), word)
    };
    desk.answer(monitor, name, &WORDING, effect).await
}

fn opens(lock: Lock, headers: &HeaderMap) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match lock {
        Lock::Open => true,
        Lock::Bearer => given == Some(&format!("Bearer {}", Monitors::BEARER_TOKEN)),
        // `firebell:sim-prometheus-password`
        Lock::Basic => given == Some("Basic ZmlyZWJlbGw6c2ltLXByb21ldGhldXMtcGFzc3dvcmQ="),
    }
}

fn into_response(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// Besides a status, a refusal may be `nonsense` (200 with a page of HTML), `other` (200 with JSON of another kind) or
/// `huge` (more than any answer of a monitor should be).
const WORDING: Wording = Wording {
    rate_limited: |after_secs| {
        (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, after_secs.to_string())]).into_response()
    },
    refused: |code| match code {
        "nonsense" => (StatusCode::OK, "<html><body>Welcome to nginx!</body></html>").into_response(),
        "other" => into_response(StatusCode::OK, &json!({ "hello": ["world"] })),
        "huge" => into_response(StatusCode::OK, &json!(" ".repeat(5 * 1024 * 1024))),
        code => StatusCode::from_u16(code.parse().unwrap_or(400))
            .unwrap_or(StatusCode::BAD_REQUEST)
            .into_response(),
    },
};
