//! Firebell rings the right people and keeps the room in order.
pub mod clock;
pub mod config;
pub mod error;
pub mod front;
pub mod http;
pub mod http_client;
pub mod ids;
pub mod jobs;
pub mod metrics;
pub mod pagerduty;
pub mod sim;
pub mod slack;
pub mod store;
#[doc(hidden)]
pub mod testing;
