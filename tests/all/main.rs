//! Scenarios that a user lives through, against the simulated vendors, through the real front door, on both engines.

mod canon;
mod looking;
mod stage;

mod auto_open;
mod declare;
mod ends;
mod inbound;
mod merges;
mod paged;
mod roster;
mod sweep;
mod timeline;
