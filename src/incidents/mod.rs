//! Incidents: declaring, living through and closing them. Verbs take a [`Tx`](crate::store::Tx) and write rows,
//! timeline and effects in one transaction; only `steps` talks to the world.

pub mod asked;
pub mod command;
#[cfg(test)]
mod command_tests;
mod declaration;
pub mod declare;
pub mod effects;
pub mod extras;
pub mod forms;
pub mod help;
pub mod lifecycle;
pub mod list;
mod merges;
pub mod messages;
pub mod model;
pub mod opening;
pub mod pages;
pub mod pressed;
pub mod reminders;
pub mod responders;
pub mod steps;
mod store;
pub mod timeline;
mod times;
mod told;
pub mod trouble;

pub use effects::Effect;
pub use model::Incident;
