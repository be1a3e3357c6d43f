//! What both simulated vendors share: the log of calls, the simulated latency, and faults on demand.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::io::ReaderStream;

use crate::clock::{Clock, Timestamp};

/// What may go wrong with one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 429 in the vendor's own shape; nothing is done.
    RateLimited { after_secs: u64 },
    /// This HTTP status with an HTML body, as a proxy would answer; nothing is done.
    Unavailable { status: u16 },
    /// The connection breaks before anything is done.
    Reset,
    /// The effect happens, then the connection breaks before the answer arrives.
    LoseAnswer,
    /// Everything works, this much later.
    Slow { by: Duration },
    /// The effect happens at once, the answer arrives this much later.
    LateAnswer { by: Duration },
    /// A gateway gives up (504); the effect happens this much later by the world's clock, as soon as a call comes then.
    LateEffect { by: Duration },
    /// Nothing is done, and the answer is 200 with this JSON.
    Says { body: &'static str },
    /// The vendor refuses with this code; nothing is done. The vendor's module words it.
    Refuse { code: String },
}

/// One call as the vendor saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// 0, 1, 2 … over both vendors of a world, in order of arrival.
    pub ordinal: usize,
    pub vendor: &'static str,
    /// `chat.postMessage`, `POST /incidents`, `GET /incidents/{id}` …
    pub name: String,
    pub at: Timestamp,
    /// `ok`, or what went wrong: `fault: Reset`, `channel_not_found`, …
    pub outcome: String,
}

/// Shared by the vendors of one world. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    clock: Clock,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    calls: Vec<Call>,
    once: BTreeMap<String, VecDeque<Fault>>,
    always: BTreeMap<String, Fault>,
    at: BTreeMap<(String, usize), Fault>,
    latency: Duration,
    counted: Duration,
    unexpected: Vec<String>,
    late: Vec<(Timestamp, LateEffect)>,
}

type LateEffect = Box<dyn FnOnce() + Send>;

/// How a vendor words the two faults that have a body of its own.
pub struct Wording {
    pub rate_limited: fn(u64) -> Response,
    pub refused: fn(&str) -> Response,
}

impl Desk {
    pub fn new(clock: Clock) -> Self {
        Self { clock, state: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next call of this name meets the fault; several queue up.
    pub fn next(&self, call: &str, fault: Fault) {
        self.state().once.entry(call.into()).or_default().push_back(fault);
    }

    /// Every call whose name starts with `prefix` meets the fault until [`Desk::heal`]. `""` is all of both
    /// vendors, `slack` or `pagerduty` all of one; prefixes like `chat.` or `POST /incidents` narrow it.
    pub fn always(&self, prefix: &str, fault: Fault) {
        self.state().always.insert(prefix.into(), fault);
    }

    /// Ends what [`Desk::always`] began under the same prefix.
    pub fn heal(&self, prefix: &str) {
        self.state().always.remove(prefix);
    }

    /// The call of this name that comes after `before` others of that name meets the fault.
    pub fn at(&self, call: &str, before: usize, fault: Fault) {
        self.state().at.insert((call.into(), before), fault);
    }

    /// Every answer takes this long (real time), as if the vendor were far away.
    pub fn set_latency(&self, latency: Duration) {
        self.state().latency = latency;
    }

    /// Every answer takes this long on the world's own clock, and no real time: for one caller that calls one after
    /// the other.
    pub fn count_latency(&self, latency: Duration) {
        self.state().counted = latency;
    }

    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// How many calls have arrived.
    pub fn arrived(&self) -> usize {
        self.state().calls.len()
    }

    /// Has the call with this ordinal had its effect?
    pub fn is_done(&self, ordinal: usize) -> bool {
        self.state().calls.get(ordinal).is_some_and(|call| !call.outcome.is_empty())
    }

    /// How often a call of this name arrived, whatever became of it.
    pub fn count(&self, name: &str) -> usize {
        self.state().calls.iter().filter(|c| c.name == name).count()
    }

    /// Calls to paths that the vendor does not have: a bug in the client. Tests demand that there are none.
    pub fn unexpected(&self) -> Vec<String> {
        self.state().unexpected.clone()
    }

    pub fn note_unexpected(&self, what: String) {
        self.state().unexpected.push(what);
    }

    /// Runs one call: logs it, lets a due fault happen, otherwise the effect. `effect` returns the answer and one
    /// word for the log (`ok` or the vendor's error code).
    #[expect(clippy::disallowed_methods, reason = "simulated latency is real time, whatever the clock says")]
    pub async fn answer(
        &self,
        vendor: &'static str,
        name: &str,
        wording: &Wording,
        effect: impl FnOnce() -> (Response, String) + Send + 'static,
    ) -> Response {
        self.catch_up();
        let (index, fault, latency) = self.arrive(vendor, name);
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let counted = self.state().counted;
        if !counted.is_zero() {
            self.clock.advance(counted);
        }
        let (response, outcome) = match fault {
            None => effect(),
            Some(Fault::Slow { by }) => {
                tokio::time::sleep(by).await;
                effect()
            }
            Some(Fault::LateAnswer { by }) => {
                let done = effect();
                tokio::time::sleep(by).await;
                done
            }
            Some(Fault::LateEffect { by }) => {
                let at = self.clock.now() + by;
                self.state().late.push((at, Box::new(move || drop(effect()))));
                (StatusCode::GATEWAY_TIMEOUT.into_response(), "fault: late".into())
            }
            Some(Fault::Says { body }) => {
                let json = [(header::CONTENT_TYPE, "application/json")];
                ((json, body).into_response(), "fault: nonsense".into())
            }
            Some(Fault::LoseAnswer) => {
                let (_, outcome) = effect();
                (broken(), format!("{outcome}, answer lost"))
            }
            Some(Fault::Reset) => (broken(), "fault: reset".into()),
            Some(Fault::RateLimited { after_secs }) => {
                ((wording.rate_limited)(after_secs), "fault: rate limited".into())
            }
            Some(Fault::Unavailable { status }) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
                (
                    (status, "<html><body>upstream is away</body></html>").into_response(),
                    format!("fault: {status}"),
                )
            }
            Some(Fault::Refuse { code }) => ((wording.refused)(&code), code),
        };
        self.state().calls[index].outcome = outcome;
        response
    }

    /// Effects that were late and are due by now.
    fn catch_up(&self) {
        let now = self.clock.now();
        let late = std::mem::take(&mut self.state().late);
        let (due, later): (Vec<_>, Vec<_>) = late.into_iter().partition(|(at, _)| *at <= now);
        self.state().late.extend(later);
        for (_, effect) in due {
            effect();
        }
    }

    fn arrive(&self, vendor: &'static str, name: &str) -> (usize, Option<Fault>, Duration) {
        let at = self.clock.now();
        let mut state = self.state();
        let ordinal = state.calls.len();
        let before = state.calls.iter().filter(|c| c.name == name).count();
        state.calls.push(Call { ordinal, vendor, name: name.into(), at, outcome: String::new() });
        let fault = if let Some(fault) = state.at.remove(&(name.to_owned(), before)) {
            Some(fault)
        } else if let Some(fault) = state.once.get_mut(name).and_then(VecDeque::pop_front) {
            Some(fault)
        } else {
            let is_meant = |prefix: &str| name.starts_with(prefix) || vendor == prefix;
            state.always.iter().find(|(prefix, _)| is_meant(prefix)).map(|(_, f)| f.clone())
        };
        (ordinal, fault, state.latency)
    }
}

/// An answer that announces a body and then breaks the connection: the caller cannot know what happened.
fn broken() -> Response {
    let mut response = Body::from_stream(ReaderStream::new(Broken)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

struct Broken;

impl AsyncRead for Broken {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionReset, "simulated loss")))
    }
}
