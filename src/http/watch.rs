//! The layers: every request is measured and logged by its route, never by its body or query; a flood is shed before
//! anything is read; a panic is one request's 500.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio::sync::Semaphore;
use tracing::Instrument as _;

use super::{Edge, ROUTES};

/// Tells apart, in the log, the requests of one process.
static SERVED: AtomicU64 = AtomicU64::new(1);

/// Counts, times and traces.
pub(super) async fn observe(State(edge): State<Arc<Edge>>, request: Request, next: Next) -> Response {
    let path = route_of(&request);
    let id = SERVED.fetch_add(1, Ordering::Relaxed);
    let span = tracing::info_span!("request", method = request.method().as_str(), path, id);
    let began_at = edge.clock.now();
    let answer = next.run(request).instrument(span.clone()).await;
    let took = edge.clock.now().since(began_at);
    let status = answer.status().as_u16();
    edge.metrics.request(path, status, took);
    span.in_scope(|| {
        if answer.status().is_server_error() {
            tracing::warn!(status, ?took, "answered");
        } else {
            tracing::debug!(status, ?took, "answered");
        }
    });
    answer
}

/// The route's pattern: a fixed set of words, whatever is asked for.
fn route_of(request: &Request) -> &'static str {
    let matched = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    ROUTES.iter().map(|(_, path)| *path).find(|path| Some(*path) == matched).unwrap_or("other")
}

/// How many requests at once, and how long each.
#[derive(Clone)]
pub(super) struct Limits {
    pub(super) free: Arc<Semaphore>,
    pub(super) longest: Duration,
}

/// Sheds what is too much and ends what takes too long. Both are 503, never 408 or 429: PagerDuty and Slack come back
/// after a 503, and drop what got another 4xx.
pub(super) async fn bound(State(limits): State<Limits>, request: Request, next: Next) -> Response {
    let Ok(_slot) = limits.free.try_acquire() else {
        return come_back();
    };
    tokio::time::timeout(limits.longest, next.run(request)).await.unwrap_or_else(|_| come_back())
}

/// 503 with `Retry-After`.
pub(super) fn come_back() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")]).into_response()
}

pub(super) fn panicked(panic: &(dyn Any + Send)) -> Response {
    let said = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    tracing::error!(panic = said, "a request panicked");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}
