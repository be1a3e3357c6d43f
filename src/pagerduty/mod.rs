//! The PagerDuty client: REST v2 and Events v2, one method per call, one request per method call (but for paged
//! reads), no retries. Errors are decoded as loosely as they are written:
//! <https://developer.pagerduty.com/docs/errors>. A refusal is `Rejected` with the HTTP status and PagerDuty's own
//! number, `400/2002`, or the status alone where it gave none.

mod calls;
mod incidents;
mod people;
pub mod roads;
mod schedules;
mod types;

#[cfg(test)]
mod asked_tests;
#[cfg(test)]
mod rota_tests;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;

use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

pub use calls::CALLS;
pub use incidents::is_duplicate_key;
pub use people::Filter;
pub use schedules::{OnDuty, Schedule, Through};
pub use types::{
    Action, Change, ContactKind, ContactMethod, Event, Incident, LogEntry, NewIncident, Note, OnCall,
    Priority, Ref, Responder, Service, Severity, Status, Urgency, User, joins,
};

use crate::clock::Clock;
use crate::error::{Problem, Upstream, Vendor};
use crate::http_client::{Answer, CallSpec, Fields, Observer, Wire, authorized, nonsense, unavailable};

const PAGE_SIZE: &str = "100";
const MOST_ITEMS: i64 = 10_000;
/// PagerDuty names no limit for the length of an address; a hundred ids are about 2 kB.
const IDS_PER_CALL: usize = 100;

#[derive(Clone)]
pub struct Settings {
    /// `https://api.pagerduty.com`, `https://api.eu.pagerduty.com`, or a simulator's.
    pub api_url: String,
    /// `https://events.pagerduty.com`, likewise.
    pub events_url: String,
    /// A REST API key, of the account or of a user.
    pub token: SecretString,
    /// The e-mail of the PagerDuty user in whose name we write.
    pub from_email: String,
}

/// Clones share their pauses.
#[derive(Clone)]
pub struct Client {
    wire: Wire,
    settings: Settings,
}

type Query<'a> = [(&'a str, &'a str)];

impl Client {
    pub fn new(http: reqwest::Client, clock: Clock, settings: Settings, observer: Observer) -> Self {
        Self { wire: Wire::new(Vendor::PagerDuty, http, clock, observer), settings }
    }

    /// `GET` of a path under the API, with its query.
    fn get(&self, path: &str, query: &Query<'_>) -> RequestBuilder {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        let mark = if query.is_empty() { "" } else { "?" };
        self.request(Method::GET, &format!("{path}{mark}{query}"))
    }

    fn write(&self, method: Method, path: &str, body: &Value) -> RequestBuilder {
        self.request(method, path).header("from", &self.settings.from_email).json(body)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.settings.api_url.trim_end_matches('/'));
        let request =
            self.wire.http.request(method, url).header("accept", "application/vnd.pagerduty+json;version=2");
        authorized(request, format!("Token token={}", self.settings.token.expose_secret()))
    }

    /// Refusals in `fine` (`404`, or `1001` under any status) reach `decode` as null: the wanted state is there.
    async fn call<T>(
        &self,
        spec: &'static CallSpec,
        request: RequestBuilder,
        fine: &[&str],
        decode: impl FnOnce(Fields<'_>) -> Result<T, Problem>,
    ) -> Result<T, Upstream> {
        let pause = if spec.tier == calls::OWN_LIMIT { spec.name } else { "token" };
        self.wire.exchange(spec, pause, request, |answer| decode(Fields(&judge(answer, fine)?))).await
    }

    /// A paged read to its last page: <https://developer.pagerduty.com/docs/pagination>. The limit that counts is
    /// the one in the answer. An empty page is the last one, whatever it says of more. Past 10,000 items PagerDuty
    /// refuses (400), so that pages that go on run in circles.
    async fn pages<T>(
        &self,
        spec: &'static CallSpec,
        path: &str,
        query: &Query<'_>,
        list: &str,
        decode: impl Fn(Fields<'_>) -> Result<T, Problem>,
    ) -> Result<Vec<T>, Upstream> {
        let mut found = Vec::new();
        let mut offset = 0;
        loop {
            let at = offset.to_string();
            let mut query = query.to_vec();
            query.extend([("limit", PAGE_SIZE), ("offset", &at)]);
            let page = |answer: Fields<'_>| {
                let items = answer.need_list(list)?.map(&decode).collect::<Result<Vec<T>, Problem>>()?;
                let next = next_offset(answer, offset, items.len());
                Ok((items, next))
            };
            let (items, next) = self.call(spec, self.get(path, &query), &[], page).await?;
            found.extend(items);
            match next {
                ControlFlow::Continue(next) if next > MOST_ITEMS => {
                    return Err(self.wire.upstream(spec.name, unavailable("the pages do not end")));
                }
                ControlFlow::Continue(next) => offset = next,
                ControlFlow::Break(()) => return Ok(found),
            }
        }
    }
}

fn next_offset(answer: Fields<'_>, offset: i64, items: usize) -> ControlFlow<(), i64> {
    let step = match answer.int("/limit") {
        limit if limit > 0 => limit,
        _ => i64::try_from(items).unwrap_or(0),
    };
    if answer.flag("/more") && items > 0 {
        ControlFlow::Continue(offset + step)
    } else {
        ControlFlow::Break(())
    }
}

/// An id as one segment of a path, whatever is in it.
fn segment(id: &str) -> String {
    form_urlencoded::byte_serialize(id.as_bytes()).collect()
}

fn judge(answer: &Answer, fine: &[&str]) -> Result<Value, Problem> {
    let status = answer.status.as_u16();
    let body = serde_json::from_slice::<Value>(&answer.body).ok();
    match status {
        200..=299 => body.ok_or_else(|| nonsense(format!("HTTP {status}, and the body is no JSON"))),
        400..=499 => {
            let (code, detail) = refusal(status, &body.unwrap_or_default());
            if fine.iter().any(|f| code.split('/').any(|part| part == *f)) {
                return Ok(Value::Null);
            }
            Err(Problem::Rejected { code, detail })
        }
        _ => Err(unavailable(format!("HTTP {status}"))),
    }
}

/// `error` may be an object, a string or a list; `errors` a list, a string, or an object of lists; and the Events
/// API has `message` and `errors` at the top.
fn refusal(status: u16, body: &Value) -> (String, String) {
    let error = body.get("error").unwrap_or(body);
    let code = match Fields(error).int("/code") {
        0 => status.to_string(),
        code => format!("{status}/{code}"),
    };
    let mut texts = Vec::new();
    match error {
        Value::Object(object) => {
            collect(object.get("message"), &mut texts);
            collect(object.get("errors"), &mut texts);
        }
        other => collect(Some(other), &mut texts),
    }
    (code, texts.join(": ").chars().take(300).collect())
}

fn collect(value: Option<&Value>, texts: &mut Vec<String>) {
    match value {
        Some(Value::String(text)) if !text.is_empty() => texts.push(text.clone()),
        Some(Value::Array(items)) => items.iter().for_each(|item| collect(Some(item), texts)),
        Some(Value::Object(fields)) => fields.values().for_each(|item| collect(Some(item), texts)),
        _ => {}
    }
}
