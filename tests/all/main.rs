//! Scenarios that a user lives through, against the simulated vendors, through the real front door, on both engines.

mod canon;
mod stage;

mod declare;
mod sweep;
