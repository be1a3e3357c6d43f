//! The edge: verify, decode, hand on. Every public route is on this screen.

pub mod desk;
pub mod form;
mod health;
mod inside;
pub mod intake;
mod pagerduty;
pub mod signature;
mod slack;
mod slack_answers;
mod slack_events;
mod verified;
mod watch;

#[cfg(test)]
mod layer_tests;
#[cfg(test)]
mod pagerduty_tests;
#[cfg(test)]
mod slack_tests;
#[cfg(test)]
mod test_edge;

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use secrecy::SecretString;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;

use crate::clock::Clock;
use crate::config::HintSender;
use crate::error::Error;
use crate::metrics::Metrics;
use crate::store::Db;
pub use desk::{BoxFuture, FrontDesk, SlashCommand, Workspace};
pub use inside::Inside;
pub use intake::Intake;

/// All that a request can reach.
pub struct Edge {
    pub db: Db,
    pub clock: Clock,
    pub settings: Settings,
    pub desk: Arc<dyn FrontDesk>,
    pub intake: Intake,
    pub metrics: Arc<Metrics>,
    /// What `/readyz` says; shutdown turns it off first, so that balancers look elsewhere.
    pub accepting: AtomicBool,
}

/// The edge's own settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Slack's; any of them will do.
    pub signing_secrets: Vec<SecretString>,
    /// PagerDuty's; any of them will do, and none means that PagerDuty is off.
    pub webhook_secrets: Vec<SecretString>,
    /// Who else may say that a rota changed, and nothing else.
    pub hint_senders: Vec<HintSender>,
    /// In bytes.
    pub max_body: usize,
    /// For the body of a request to arrive.
    pub body_timeout: Duration,
    pub request_timeout: Duration,
    /// Signed requests at once, over all their routes.
    pub max_in_flight: usize,
}

/// Every public route, for `openapi.yaml` and the metrics.
pub const ROUTES: &[(&str, &str)] = &[
    ("POST", "/slack/commands"),
    ("GET", "/slack/commands"),
    ("POST", "/slack/interactions"),
    ("GET", "/slack/interactions"),
    ("POST", "/slack/events"),
    ("GET", "/slack/events"),
    ("POST", "/webhooks/pagerduty"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
];

/// The routes of the admin listener.
pub const ADMIN_ROUTES: &[(&str, &str)] = &[("GET", "/metrics")];

/// The public listener.
pub fn router(edge: Arc<Edge>) -> Router {
    let limits = watch::Limits {
        free: Arc::new(Semaphore::new(edge.settings.max_in_flight)),
        longest: edge.settings.request_timeout,
    };
    Router::new()
        .route("/slack/commands", post(slack::commands).get(slack::ssl_check))
        .route("/slack/interactions", post(slack::interactions).get(slack::ssl_check))
        .route("/slack/events", post(slack_events::events).get(slack::ssl_check))
        .route("/webhooks/pagerduty", post(pagerduty::webhook))
        .layer((from_fn_with_state(limits, watch::bound), DefaultBodyLimit::max(edge.settings.max_body)))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .layer((
            from_fn_with_state(edge.clone(), watch::observe),
            CatchPanicLayer::custom(|panic: Box<dyn Any + Send>| watch::panicked(&*panic)),
        ))
        .with_state(edge)
}

/// The admin listener, for the inside of the network.
pub fn admin_router(metrics: Arc<Metrics>) -> Router {
    Router::new().route("/metrics", get(health::metrics)).with_state(metrics)
}

/// Whether an id from a sender can be a delivery's key. What cannot (empty, longer than any real one, with control
/// characters that Postgres refuses) is no id that the sender would repeat.
fn is_key(id: &str) -> bool {
    !id.is_empty() && id.len() <= 200 && !id.chars().any(char::is_control)
}

/// The whole chain, for the log only.
fn said(error: &Error) -> String {
    match error {
        Error::Internal(e) => format!("{e:#}"),
        other => other.to_string(),
    }
}
