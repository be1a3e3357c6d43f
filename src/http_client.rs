//! The one way out: every call to a vendor goes through [`send`], so each has a time limit, a span that says
//! nothing secret, a bounded answer, and the same three kinds of failure. [`Wire`] adds what both clients share:
//! obeying "come back later" without asking again, and call statistics.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::Value;
use tracing::Instrument as _;
use tracing::field::Empty;

use crate::clock::{Clock, Timestamp};
use crate::error::{Problem, Upstream, Vendor, Why};

/// Larger answers are refused: no call of ours has a reason to get one.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;
/// The wait when a 429 names none; doubles while the 429s go on.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_GUESSED_PAUSE: Duration = Duration::from_mins(5);
/// A vendor may make us wait this long, whatever it asks for: a proxy's mistake must not silence us for a day …
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
/// … and PagerDuty, through which people are woken, as long as the span over which it counts:
/// <https://developer.pagerduty.com/docs/rest-api-rate-limits>.
const LONGEST_PAUSE_OF_PAGING: Duration = Duration::from_mins(1);

/// What a second attempt of a call does, and so what a job has to do before it tries again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Reads, and writes that set a state: just repeat.
    Idempotent,
    /// Repeating would do it twice, but what was done can be read: look first. The method says where.
    ReadBack,
    /// The same, and the vendor refuses the second one by its name or key: no harm in asking again soon.
    Named,
    /// Never repeated: nothing important may depend on it.
    AtMostOnce,
    /// Repeated blindly: twice is better than never.
    AtLeastOnce,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idempotent => "idempotent",
            Self::ReadBack | Self::Named => "read_back",
            Self::AtMostOnce => "at_most_once",
            Self::AtLeastOnce => "at_least_once",
        })
    }
}

/// One call of a vendor's API, as data: what `doctor` checks scopes against and job steps read their kind from.
#[derive(Debug, PartialEq, Eq)]
pub struct CallSpec {
    /// The vendor's own name: `chat.postMessage`, `POST /incidents`.
    pub name: &'static str,
    pub effect: Effect,
    /// Every scope the call can need for what we use it for (public and private channels alike).
    pub scopes: &'static [&'static str],
    /// The vendor's rate class, in its own words.
    pub tier: &'static str,
}

/// Declares the calls of one client: a constant for each, and all of them in `CALLS`.
macro_rules! calls {
    ($($id:ident = $name:literal, $effect:ident, [$($scope:literal),*], $tier:literal;)*) => {
        $(pub(super) const $id: $crate::http_client::CallSpec = $crate::http_client::CallSpec {
            name: $name, effect: $crate::http_client::Effect::$effect, scopes: &[$($scope),*], tier: $tier,
        };)*
        /// Every call this client can make.
        pub const CALLS: &[$crate::http_client::CallSpec] = &[$($id),*];
    };
}
pub(crate) use calls;

/// Told of every call that went out: vendor, call, `ok | rate_limited | unavailable | rejected`, how long it took.
pub type Observer = Arc<dyn Fn(Vendor, &'static str, &'static str, Duration) + Send + Sync>;

/// The HTTP client for all vendors: TLS by rustls with ring, no redirects (a vendor API has none; following one
/// would carry the token elsewhere), and no retries of its own, because only the job queue knows which are safe.
/// `timeout` bounds a whole call, answer included.
pub fn client(timeout: Duration) -> reqwest::Client {
    // Fails only when a provider is installed already, which is what we want.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .timeout(timeout)
        .connect_timeout(Duration::from_secs(3))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .user_agent(concat!("firebell/", env!("CARGO_PKG_VERSION")))
        .build()
        .expect("the fixed settings above are valid")
}

/// A complete answer, whatever its status.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Seconds to wait, as Slack (`Retry-After`) or PagerDuty (`ratelimit-reset`) word it.
    pub fn asked_wait(&self) -> Option<Duration> {
        let text = self.header("retry-after").or_else(|| self.header("ratelimit-reset"))?;
        let secs = text.trim().parse::<f64>().ok()?.ceil();
        Duration::try_from_secs_f64(secs).ok()
    }
}

/// Sends one request, once, and reads the answer to its end. Errs with `Unavailable` when there is no complete
/// answer, and `Rejected{code: "invalid_request"}` when the request could not even be built.
pub async fn send(vendor: Vendor, call: &'static str, request: RequestBuilder) -> Result<Answer, Upstream> {
    let span = tracing::info_span!("call", %vendor, call, status = Empty, elapsed_ms = Empty);
    let watch = Stopwatch::start();
    let result = fetch(request).instrument(span.clone()).await;
    span.record("elapsed_ms", u64::try_from(watch.elapsed().as_millis()).unwrap_or(u64::MAX));
    if let Ok(answer) = &result {
        span.record("status", answer.status.as_u16());
    }
    result.map_err(|problem| Upstream { service: vendor, call, problem })
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that sends")]
async fn fetch(request: RequestBuilder) -> Result<Answer, Problem> {
    let mut response = request.send().await.map_err(|e| without_url(&e))?;
    let body = read_body(&mut response).await?;
    Ok(Answer { status: response.status(), headers: std::mem::take(response.headers_mut()), body })
}

async fn read_body(response: &mut Response) -> Result<Vec<u8>, Problem> {
    let too_large = || nonsense(format!("the answer is larger than {MAX_ANSWER_BYTES} bytes"));
    if response.content_length().is_some_and(|n| n > MAX_ANSWER_BYTES as u64) {
        return Err(too_large());
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| without_url(&e))? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// reqwest's own text quotes the URL, which for a response_url is a secret.
fn without_url(error: &reqwest::Error) -> Problem {
    if error.is_builder() {
        return Problem::Rejected { code: "invalid_request".into(), detail: "it could not be built".into() };
    }
    if error.is_connect() {
        return unavailable("no connection"); // nothing was sent
    }
    if error.is_timeout() {
        return late();
    }
    Problem::Unavailable { why: Why::InDoubt, detail: "the connection broke".into() }
}

/// With an `Authorization` header that no log shows. A key that is no header value is left out: the vendor's 401 says so
/// better than we could.
pub fn authorized(request: RequestBuilder, authorization: String) -> RequestBuilder {
    match HeaderValue::try_from(authorization) {
        Ok(mut value) => {
            value.set_sensitive(true);
            request.header("authorization", value)
        }
        Err(_) => request,
    }
}

pub fn unavailable(detail: impl Into<String>) -> Problem {
    Problem::Unavailable { why: Why::NoAnswer, detail: detail.into() }
}

/// A time limit ended, ours or a gateway's.
fn late() -> Problem {
    Problem::Unavailable { why: Why::Late, detail: "no answer in time".into() }
}

/// There is an answer, and it is none.
pub fn nonsense(detail: impl Into<String>) -> Problem {
    Problem::Unavailable { why: Why::Nonsense, detail: detail.into() }
}

/// Real elapsed time, for statistics only: no decision hangs on it, so it does not ask the [`Clock`].
struct Stopwatch(std::time::Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "measures how long the network took, under any clock")]
    fn start() -> Self {
        Self(std::time::Instant::now())
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Who asked us to come back later, and until when. Clones share the same memory.
#[derive(Clone)]
pub struct Pauses {
    clock: Clock,
    longest: Duration,
    by_key: Arc<Mutex<HashMap<String, Pause>>>,
}

struct Pause {
    until: Timestamp,
    /// The wait to guess if the next 429 names none either.
    next_guess: Duration,
    /// More than we are ready to wait was asked for.
    is_odd: bool,
}

impl Pauses {
    pub fn new(clock: Clock, longest: Duration) -> Self {
        Self { clock, longest, by_key: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Pause>> {
        self.by_key.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long calls under this key still have to wait; `None` when they may go.
    pub fn left(&self, key: &str) -> Option<Duration> {
        let left = self.lock().get(key)?.until.since(self.clock.now());
        (!left.is_zero()).then_some(left)
    }

    /// Records a 429 and says how long to wait: what was asked (a second at least, and within reason), else 5 s,
    /// 10 s, 20 s …
    pub fn hit(&self, key: &str, asked: Option<Duration>) -> Duration {
        let mut pauses = self.lock();
        let guess = pauses.get(key).map_or(FIRST_PAUSE, |p| p.next_guess);
        let after = asked.map_or(guess, |asked| asked.max(Duration::from_secs(1))).min(self.longest);
        let next_guess = if asked.is_some() { guess } else { (guess * 2).min(LONGEST_GUESSED_PAUSE) };
        let is_odd = asked.is_some_and(|asked| asked > self.longest);
        let was_odd = pauses.get(key).is_some_and(|p| p.is_odd);
        if let Some(asked) = asked.filter(|_| is_odd && !was_odd) {
            tracing::warn!(
                asked = asked.as_secs(),
                wait = after.as_secs(),
                "told to wait beyond reason; waiting less"
            );
        }
        pauses.insert(key.to_owned(), Pause { until: self.clock.now() + after, next_guess, is_odd });
        after
    }

    /// The vendor answers again: the next guess starts over.
    pub fn clear(&self, key: &str) {
        let now = self.clock.now();
        let mut pauses = self.lock();
        // A pause still running was set by a call that overlapped this one: it stands.
        if pauses.get(key).is_some_and(|p| p.until <= now) {
            pauses.remove(key);
        }
    }
}

/// What a client of ours sends its calls through. Clones share their pauses.
#[derive(Clone)]
pub struct Wire {
    vendor: Vendor,
    /// To build requests with; they are sent by [`Wire::exchange`].
    pub http: reqwest::Client,
    pauses: Pauses,
    observer: Observer,
}

impl Wire {
    pub fn new(vendor: Vendor, http: reqwest::Client, clock: Clock, observer: Observer) -> Self {
        let longest = if vendor == Vendor::PagerDuty { LONGEST_PAUSE_OF_PAGING } else { LONGEST_PAUSE };
        Self { vendor, http, pauses: Pauses::new(clock, longest), observer }
    }

    /// As long as the vendor wants.
    pub async fn wait(&self, time: Duration) {
        self.pauses.clock.sleep(time).await;
    }

    /// One call. While `pause_key` is paused nothing is sent and the observer hears nothing. A 429 is understood
    /// here, for both vendors; `judge` turns any other answer into a value or a problem.
    pub async fn exchange<T>(
        &self,
        spec: &CallSpec,
        pause_key: &str,
        request: RequestBuilder,
        judge: impl FnOnce(&Answer) -> Result<T, Problem>,
    ) -> Result<T, Upstream> {
        let call = spec.name;
        if let Some(after) = self.pauses.left(pause_key) {
            return Err(self.upstream(call, Problem::RateLimited { after }));
        }
        let watch = Stopwatch::start();
        let result = match send(self.vendor, call, request).await {
            Err(upstream) => Err(upstream.problem),
            Ok(answer) if answer.status == StatusCode::TOO_MANY_REQUESTS => {
                Err(Problem::RateLimited { after: self.pauses.hit(pause_key, answer.asked_wait()) })
            }
            Ok(answer)
                if [StatusCode::REQUEST_TIMEOUT, StatusCode::GATEWAY_TIMEOUT].contains(&answer.status) =>
            {
                Err(late())
            }
            Ok(answer) => match judge(&answer) {
                Err(Problem::RateLimited { .. }) => {
                    Err(Problem::RateLimited { after: self.pauses.hit(pause_key, answer.asked_wait()) })
                }
                judged => {
                    self.pauses.clear(pause_key);
                    judged
                }
            },
        };
        (self.observer)(self.vendor, call, outcome(&result), watch.elapsed());
        result.map_err(|problem| self.upstream(call, in_doubt(spec, problem)))
    }

    pub fn upstream(&self, call: &'static str, problem: Problem) -> Upstream {
        Upstream { service: self.vendor, call, problem }
    }
}

/// Only where something must not be done twice does it matter that it may have been done, or may yet be.
fn in_doubt(spec: &CallSpec, problem: Problem) -> Problem {
    match problem {
        Problem::Unavailable { why: why @ (Why::InDoubt | Why::Late), detail } => {
            let why = match spec.effect {
                Effect::Idempotent => Why::NoAnswer,
                Effect::ReadBack => why,
                Effect::Named | Effect::AtMostOnce | Effect::AtLeastOnce => Why::InDoubt,
            };
            Problem::Unavailable { why, detail }
        }
        other => other,
    }
}

fn outcome<T>(result: &Result<T, Problem>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(Problem::RateLimited { .. }) => "rate_limited",
        Err(Problem::Unavailable { .. }) => "unavailable",
        Err(Problem::Rejected { .. }) => "rejected",
    }
}

/// Reads a vendor's JSON by JSON pointer (`/user/id`), as loosely as vendors write it: null, missing and empty are
/// the same, numbers and booleans may come as strings, unknown fields do not matter.
#[derive(Clone, Copy)]
pub struct Fields<'a>(pub &'a Value);

impl<'a> Fields<'a> {
    #[must_use]
    pub fn at(self, pointer: &str) -> Self {
        Self(self.0.pointer(pointer).unwrap_or(&Value::Null))
    }

    pub fn some(self, pointer: &str) -> Option<String> {
        match self.at(pointer).0 {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// Empty when missing.
    pub fn text(self, pointer: &str) -> String {
        self.some(pointer).unwrap_or_default()
    }

    /// For what an answer is worthless without: missing means that we do not know what happened.
    pub fn need(self, pointer: &str) -> Result<String, Problem> {
        self.some(pointer).ok_or_else(|| nonsense(format!("the answer has no {pointer}")))
    }

    /// Zero when missing or no whole number.
    pub fn int(self, pointer: &str) -> i64 {
        self.text(pointer).parse().unwrap_or(0)
    }

    pub fn flag(self, pointer: &str) -> bool {
        match self.at(pointer).0 {
            Value::Bool(flag) => *flag,
            Value::String(text) => text == "true" || text == "1",
            Value::Number(number) => number.as_i64() == Some(1),
            _ => false,
        }
    }

    /// RFC 3339 with any offset; `None` for anything else.
    pub fn time(self, pointer: &str) -> Option<Timestamp> {
        Timestamp::parse(&self.some(pointer)?).ok()
    }

    pub fn list(self, pointer: &str) -> impl Iterator<Item = Fields<'a>> + use<'a> {
        self.at(pointer).0.as_array().into_iter().flatten().map(Fields)
    }

    /// The list that an answer is about: without it, even a null, we do not know what there is. An empty one is an answer.
    pub fn need_list(self, pointer: &str) -> Result<impl Iterator<Item = Fields<'a>> + use<'a>, Problem> {
        let list = self.at(pointer).0.as_array();
        let list = list.ok_or_else(|| nonsense(format!("the answer has no list {pointer}")))?;
        Ok(list.iter().map(Fields))
    }

    pub fn texts(self, pointer: &str) -> Vec<String> {
        self.list(pointer).filter_map(|item| item.some("")).collect()
    }
}

#[cfg(test)]
pub(crate) mod stub;
#[cfg(test)]
mod tests;
