//! The client of the public status page: one small set of verbs, two vendors behind them, one request per method call
//! where the vendor allows it, no retries. Atlassian Statuspage first (<https://developer.statuspage.io/>), Cachet 3
//! second (<https://docs.cachethq.io/v3.x/api>). A refusal is `Rejected` with the HTTP status.

mod atlassian;
mod cachet;
mod calls;
mod pace;
mod types;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

pub use calls::CALLS;
pub use types::{
    Component, ComponentStatus, Mark, NewPublicIncident, PageInfo, PostStatus, PublicIncident, Update,
};

use crate::clock::Clock;
use crate::config::StatusPageKind;
use crate::error::{Problem, Upstream, Vendor};
use crate::http_client::{Answer, CallSpec, Fields, Observer, Wire, authorized, nonsense, unavailable};
use pace::Pace;

/// Both vendors have pages of up to a hundred.
const PAGE_SIZE: usize = 100;
/// Nothing of ours has more pages: past it they are running in circles.
const MOST_PAGES: usize = 100;
/// Of Statuspage's 60 calls a minute, a few are left to whoever shares the key.
const STATUSPAGE_CALLS: usize = 55;
const CACHET_CALLS: usize = 280;

#[derive(Clone)]
pub struct Settings {
    pub kind: StatusPageKind,
    /// `https://api.statuspage.io`, a Cachet site, or a simulator's.
    pub api_url: String,
    /// Empty for Cachet.
    pub page_id: String,
    pub api_key: SecretString,
    /// Whether subscribers hear of what we post.
    pub deliver_notifications: bool,
}

/// Clones share their pauses and their pace.
#[derive(Clone)]
pub struct Client(Backend);

#[derive(Clone)]
enum Backend {
    Statuspage(Line),
    Cachet(Line),
}

impl Client {
    pub fn new(http: reqwest::Client, clock: Clock, settings: Settings, observer: Observer) -> Self {
        let kind = settings.kind;
        let (vendor, most) = match kind {
            StatusPageKind::Statuspage => (Vendor::Statuspage, STATUSPAGE_CALLS),
            StatusPageKind::Cachet => (Vendor::Cachet, CACHET_CALLS),
        };
        let pace = Pace::new(clock.clone(), most);
        let line = Line { wire: Wire::new(vendor, http, clock, observer), pace, settings };
        Self(match kind {
            StatusPageKind::Statuspage => Backend::Statuspage(line),
            StatusPageKind::Cachet => Backend::Cachet(line),
        })
    }

    /// The page's name and address. Idempotent.
    pub async fn page(&self) -> Result<PageInfo, Upstream> {
        match &self.0 {
            Backend::Statuspage(line) => atlassian::page(line).await,
            Backend::Cachet(line) => cachet::page(line).await,
        }
    }

    /// Whether the key may change the page: finds out without changing it. Idempotent.
    pub async fn try_key(&self) -> Result<(), Upstream> {
        match &self.0 {
            // The page itself is for those who manage it.
            Backend::Statuspage(line) => atlassian::page(line).await.map(|_| ()),
            Backend::Cachet(line) => cachet::try_key(line).await,
        }
    }

    /// Every component, in the page's order. Idempotent.
    pub async fn components(&self) -> Result<Vec<Component>, Upstream> {
        match &self.0 {
            Backend::Statuspage(line) => atlassian::components(line).await,
            Backend::Cachet(line) => cachet::components(line).await,
        }
    }

    /// What the public reads as not over. Idempotent.
    pub async fn unresolved(&self) -> Result<Vec<PublicIncident>, Upstream> {
        match &self.0 {
            Backend::Statuspage(line) => atlassian::unresolved(line).await,
            Backend::Cachet(line) => cachet::unresolved(line).await,
        }
    }

    /// The public incident of one of ours, open or lately resolved. Idempotent.
    pub async fn find(&self, ours: &str) -> Result<Option<PublicIncident>, Upstream> {
        match &self.0 {
            Backend::Statuspage(line) => atlassian::find(line, ours).await,
            Backend::Cachet(line) => cachet::find(line, ours).await,
        }
    }

    /// Neither vendor has an idempotency key. Read back: [`Client::find`], before any attempt.
    pub async fn create(&self, new: &NewPublicIncident<'_>) -> Result<PublicIncident, Upstream> {
        match &self.0 {
            Backend::Statuspage(line) => atlassian::create(line, new).await,
            Backend::Cachet(line) => cachet::create(line, new).await,
        }
    }

    /// Whether components are another call than the words, [`Client::set_components`].
    pub fn sets_components_apart(&self) -> bool {
        matches!(self.0, Backend::Cachet(_))
    }

    /// Posts once more; false when the page has no such incident any more. A second attempt says how many earlier updates
    /// of ours are the same, and looks whether the first attempt got through. Read back.
    pub async fn update(
        &self,
        id: &str,
        update: &Update<'_>,
        looks: Option<usize>,
    ) -> Result<bool, Upstream> {
        match &self.0 {
            Backend::Statuspage(line) => atlassian::update(line, id, update, looks.is_some()).await,
            Backend::Cachet(line) => cachet::update(line, id, update, looks).await,
        }
    }

    /// Sets components without a word to the public. Idempotent.
    pub async fn set_components(&self, wanted: &BTreeMap<String, ComponentStatus>) -> Result<(), Upstream> {
        match &self.0 {
            Backend::Statuspage(line) => atlassian::set_components(line, wanted).await,
            Backend::Cachet(line) => cachet::set_components(line, wanted).await,
        }
    }
}

/// What both vendors are spoken to through.
#[derive(Clone)]
struct Line {
    wire: Wire,
    pace: Pace,
    settings: Settings,
}

impl Line {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.settings.api_url.trim_end_matches('/'));
        let request = self.wire.http.request(method, url).header("accept", "application/json");
        let scheme = match self.settings.kind {
            StatusPageKind::Statuspage => "OAuth",
            StatusPageKind::Cachet => "Bearer",
        };
        authorized(request, format!("{scheme} {}", self.settings.api_key.expose_secret()))
    }

    /// Refusals in `fine` (`404`) reach `decode` as null.
    async fn call<T>(
        &self,
        spec: &'static CallSpec,
        request: RequestBuilder,
        fine: &[&str],
        decode: impl FnOnce(Fields<'_>) -> Result<T, Problem>,
    ) -> Result<T, Upstream> {
        if let Err(after) = self.pace.take() {
            return Err(self.wire.upstream(spec.name, Problem::RateLimited { after }));
        }
        // Both vendors count by key.
        self.wire.exchange(spec, "key", request, |answer| decode(Fields(&judge(answer, fine)?))).await
    }

    /// A paged list to its last page; `list` is where the items are.
    async fn pages<T>(
        &self,
        spec: &'static CallSpec,
        path: &str,
        list: &str,
        decode: impl Fn(Fields<'_>) -> Result<T, Problem>,
    ) -> Result<Vec<T>, Upstream> {
        let mut found = Vec::new();
        for page in 1..=MOST_PAGES {
            let mark = if path.contains('?') { '&' } else { '?' };
            let request = self.request(Method::GET, &format!("{path}{mark}per_page={PAGE_SIZE}&page={page}"));
            let items = |answer: Fields<'_>| {
                if !answer.at(list).0.is_array() {
                    return Err(nonsense("the answer is no list"));
                }
                answer.list(list).map(&decode).collect::<Result<Vec<T>, Problem>>()
            };
            let items = self.call(spec, request, &[], items).await?;
            let is_last = items.len() < PAGE_SIZE;
            found.extend(items);
            if is_last {
                return Ok(found);
            }
        }
        Err(self.wire.upstream(spec.name, unavailable("the pages do not end")))
    }
}

/// An id as one segment of a path, whatever is in it.
fn segment(id: &str) -> String {
    form_urlencoded::byte_serialize(id.as_bytes()).collect()
}

fn judge(answer: &Answer, fine: &[&str]) -> Result<Value, Problem> {
    let status = answer.status.as_u16();
    let body = serde_json::from_slice::<Value>(&answer.body);
    match status {
        204 => Ok(Value::Null),
        200..=299 => body.map_err(|_| nonsense(format!("HTTP {status}, and the body is no JSON"))),
        // Statuspage's older word for 429; the wait is in the header, or guessed where pauses are kept.
        420 => Err(Problem::RateLimited { after: Duration::ZERO }),
        400..=499 if fine.contains(&status.to_string().as_str()) => Ok(Value::Null),
        400..=499 => {
            Err(Problem::Rejected { code: status.to_string(), detail: detail(&body.unwrap_or_default()) })
        }
        _ => Err(unavailable(format!("HTTP {status}"))),
    }
}

/// `message` or `error` or `errors`, each a text, a list or an object of lists: both vendors' documents and their
/// servers differ.
fn detail(body: &Value) -> String {
    let mut texts = Vec::new();
    for key in ["message", "error", "errors"] {
        collect(body.get(key), &mut texts);
    }
    texts.join(": ").chars().take(300).collect()
}

fn collect(value: Option<&Value>, texts: &mut Vec<String>) {
    match value {
        Some(Value::String(text)) if !text.is_empty() => texts.push(text.clone()),
        Some(Value::Array(items)) => items.iter().for_each(|item| collect(Some(item), texts)),
        Some(Value::Object(fields)) => {
            for (field, value) in fields {
                let mut inner = Vec::new();
                collect(Some(value), &mut inner);
                texts.extend(inner.into_iter().map(|text| format!("{field} {text}")));
            }
        }
        _ => {}
    }
}
