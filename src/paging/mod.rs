//! Paging people by hand: `/page`, and `/ic` with the incident commanders and the teams' responders.
//!
//! Who is on call and how to call them comes from memory. A page is rows and one job: whoever it names is asked through
//! PagerDuty, one after the other, and what became of each is said where it was asked.

pub mod answers;
pub mod asked;
pub mod command;
pub mod help;
pub mod messages;
pub mod model;
pub mod page;
pub mod seats;
pub mod steps;
mod store;
pub mod targets;
mod told;
