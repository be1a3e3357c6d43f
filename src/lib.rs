//! Firebell rings the right people and keeps the room in order.
pub mod app;
pub mod chat;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod dispatch;
pub mod error;
pub mod events;
pub mod front;
pub mod groups;
pub mod http;
pub mod http_client;
pub mod ids;
pub mod incidents;
pub mod jobs;
pub mod metrics;
pub mod monitors;
pub mod oncall;
pub mod pagerduty;
pub mod serve;
pub mod sim;
pub mod slack;
pub mod status;
pub mod store;
#[doc(hidden)]
pub mod testing;
