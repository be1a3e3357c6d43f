//! A vendor that says what it is told to, for tests of the clients alone: recorded answers by path, and a record
//! of what was asked.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;

use super::Observer;

/// One request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) query: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a JSON body")
    }

    /// The form body, or the query when there is no body.
    pub(crate) fn form(&self) -> Vec<(String, String)> {
        let text = if self.body.is_empty() { &self.query } else { &self.body };
        form_urlencoded::parse(text.as_bytes()).into_owned().collect()
    }

    pub(crate) fn field(&self, name: &str) -> Option<String> {
        self.form().into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }
}

type Script = HashMap<String, VecDeque<(u16, Vec<(&'static str, String)>, String)>>;

#[derive(Clone, Default)]
pub(crate) struct Stub {
    script: Arc<Mutex<Script>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    outcomes: Arc<Mutex<Vec<(&'static str, &'static str)>>>,
    pub(crate) url: String,
}

impl Stub {
    #[expect(clippy::disallowed_methods, reason = "a test's server ends with the test's runtime")]
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let stub = Self { url, ..Self::default() };
        let router = Router::new().fallback(answer).with_state(stub.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        stub
    }

    /// Queues an answer for a path; the last one stays.
    pub(crate) fn on(&self, path: &str, status: u16, body: impl Into<String>) -> &Self {
        self.on_with(path, status, &[], body)
    }

    pub(crate) fn on_with(
        &self,
        path: &str,
        status: u16,
        headers: &[(&'static str, &str)],
        body: impl Into<String>,
    ) -> &Self {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        lock(&self.script).entry(path.into()).or_default().push_back((status, headers, body.into()));
        self
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        lock(&self.asked).clone()
    }

    pub(crate) fn last(&self) -> Asked {
        self.asked().pop().expect("a request")
    }

    /// Counts calls for [`Stub::outcomes`].
    pub(crate) fn observer(&self) -> Observer {
        let outcomes = self.outcomes.clone();
        Arc::new(move |_, call, outcome, _: Duration| lock(&outcomes).push((call, outcome)))
    }

    pub(crate) fn outcomes(&self) -> Vec<(&'static str, &'static str)> {
        lock(&self.outcomes).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no test panics while holding it")
}

async fn answer(State(stub): State<Stub>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body: Bytes = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
    let path = parts.uri.path().to_owned();
    lock(&stub.asked).push(Asked {
        method: parts.method.to_string(),

        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
    });
    let mut script = lock(&stub.script);
    let queue = script.get_mut(&path).unwrap_or_else(|| panic!("nobody said what to answer at {path}"));
    let next = if queue.len() > 1 { queue.pop_front() } else { queue.front().cloned() };
    let (status, headers, body) = next.expect("an answer");
    let mut response = Response::builder().status(StatusCode::from_u16(status).expect("a status"));
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(Body::from(body)).expect("a response")
}
