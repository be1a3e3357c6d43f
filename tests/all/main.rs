//! Scenarios that a user lives through, against the simulated vendors, through the real front door, on both engines.

mod canon;
mod looking;
mod queue;
mod stage;

mod auto_open;
mod declare;
mod inbound;
mod jobs;
mod lanes;
mod roster;
mod schema;
mod sweep;
mod timeline;
