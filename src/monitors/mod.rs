//! The monitors' client: one small question to each kind of monitor, and what its answer means. One request a reading,
//! no retries: the next reading comes anyway. What cannot be understood is a problem, never good news.

mod alertmanager;
mod calls;
mod http_json;
mod prometheus;
mod statuspage;

#[cfg(test)]
mod tests;

use std::time::Duration;

use reqwest::RequestBuilder;
use reqwest::header::ACCEPT;
use secrecy::ExposeSecret as _;
use serde_json::Value;

pub use calls::CALLS;

use crate::clock::Clock;
use crate::config::{Check, CheckKind, Credentials};
use crate::error::{Problem, Upstream, Vendor};
use crate::http_client::{Answer, Observer, Wire, unavailable};
use crate::word_enum;

word_enum! {
    /// How something is, best first: what comes later weighs more. Planned work must not hide an outage, and what is
    /// not known must not look well.
    pub enum State {
        Normal = "NORMAL",
        Maintenance = "MAINTENANCE",
        Unknown = "UNKNOWN",
        Degraded = "DEGRADED",
        PartialOutage = "PARTIAL_OUTAGE",
        MajorOutage = "MAJOR_OUTAGE",
    }
}

/// What a monitor said: the worst of it, and each thing that deviates in a few words, the worst first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    pub state: State,
    pub notes: Vec<String>,
}

/// A monitor that takes longer is as good as away: it must not keep the next reading waiting.
const PATIENCE: Duration = Duration::from_secs(5);
/// What people read of a storm: the worst things, and how many more there are.
const MOST_NOTES: usize = 3;
const LONGEST_NOTE: usize = 200;

/// Clones share their pauses.
#[derive(Clone)]
pub struct Client(Wire);

impl Client {
    pub fn new(http: reqwest::Client, clock: Clock, observer: Observer) -> Self {
        Self(Wire::new(Vendor::Monitor, http, clock, observer))
    }

    /// Asks one monitor.
    pub async fn read(&self, check: &Check) -> Result<Heard, Upstream> {
        let get = |path: &str, query: &[(&str, &str)]| {
            let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
            let mark = if query.is_empty() { "" } else { "?" };
            let request = self.0.http.get(format!("{}{path}{mark}{query}", check.url));
            authorised(request.header(ACCEPT, "application/json").timeout(PATIENCE), &check.credentials)
        };
        let name = check.name.as_str();
        match &check.kind {
            CheckKind::Alertmanager { filter, severity_label, words } => {
                let request = get("/api/v2/alerts", &alertmanager::query(filter));
                let judge = |answer: &Answer| alertmanager::judge(answer, severity_label, words);
                self.0.exchange(&calls::ALERTS, name, request, judge).await
            }
            CheckKind::Prometheus { query, below, above } => {
                let request = get("/api/v1/query", &[("query", query), ("timeout", "4s")]);
                let judge = |answer: &Answer| prometheus::judge(answer, below, above);
                self.0.exchange(&calls::QUERY, name, request, judge).await
            }
            CheckKind::Statuspage => {
                let request = get("/api/v2/summary.json", &[]);
                self.0.exchange(&calls::SUMMARY, name, request, statuspage::judge).await
            }
            CheckKind::HttpJson { pointer, words } => {
                let judge = |answer: &Answer| http_json::judge(answer, pointer, words);
                self.0.exchange(&calls::ADDRESS, name, get("", &[]), judge).await
            }
        }
    }
}

fn authorised(request: RequestBuilder, credentials: &Credentials) -> RequestBuilder {
    match credentials {
        Credentials::None => request,
        Credentials::Bearer(token) => request.bearer_auth(token.expose_secret()),
        Credentials::Basic(pair) => {
            let (user, password) = pair.expose_secret().split_once(':').unwrap_or_default();
            request.basic_auth(user, Some(password))
        }
    }
}

/// The answer's JSON when the monitor did as asked.
fn json(answer: &Answer) -> Result<Value, Problem> {
    let status = answer.status.as_u16();
    let body = serde_json::from_slice::<Value>(&answer.body).ok();
    match status {
        200..=299 => body.ok_or_else(|| unavailable("the answer is no JSON")),
        408 => Err(unavailable("HTTP 408")),
        400..=499 => {
            Err(Problem::Rejected { code: format!("HTTP {status}"), detail: refusal(body.as_ref()) })
        }
        _ => Err(unavailable(format!("HTTP {status}"))),
    }
}

/// Alertmanager's refusals are a bare string, Prometheus' an object with `error`.
fn refusal(body: Option<&Value>) -> String {
    let text = body.and_then(|body| body.as_str().or_else(|| body["error"].as_str())).unwrap_or_default();
    text.chars().take(LONGEST_NOTE).collect()
}

/// The worst state, and the notes of what deviates, the worst first.
fn worst_of(found: impl IntoIterator<Item = (State, String)>) -> Heard {
    let mut found: Vec<_> = found.into_iter().filter(|(state, _)| *state != State::Normal).collect();
    found.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let state = found.first().map_or(State::Normal, |(state, _)| *state);
    let more = found.len().saturating_sub(MOST_NOTES);
    let mut notes: Vec<String> = found
        .into_iter()
        .take(MOST_NOTES)
        .map(|(_, note)| note.chars().take(LONGEST_NOTE).collect())
        .collect();
    if more > 0 {
        notes.push(format!("and {more} more"));
    }
    Heard { state, notes }
}
