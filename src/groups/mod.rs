//! Slack user groups that equal who is on call, within seconds of a change.
//!
//! Every trigger leads to the same three things: a read of the rota (`oncall`), a plan for every group, which talks to
//! nobody, and a write for each group that differs. Nothing differs → nothing is written.

pub mod command;
mod gauges;
pub mod help;
pub mod lookup;
pub mod messages;
pub mod model;
pub mod once;
pub mod overview;
pub mod plan;
pub mod remedy;
pub mod rollback;
pub mod steps;
mod store;
pub mod strays;
pub mod why;

pub use gauges::gauges;
