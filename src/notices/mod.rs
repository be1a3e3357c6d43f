//! What the public reads: the status page's posts about our incidents, and `/statuspage`. Verbs write a post and the job
//! that publishes it, in one transaction; only `steps` talks to the page.

pub mod command;
pub mod forms;
pub mod help;
pub mod messages;
pub mod model;
pub mod page;
pub mod plan;
pub mod press;
pub mod publish;
pub mod steps;
mod store;
pub mod text;

pub use page::{Page, PageCell};
