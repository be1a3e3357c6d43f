//! Runbooks: found by service, alert or title, in memory, and offered when an incident opens with an alert that one is
//! for. They come from a directory of Markdown files that something else keeps current, and from the configuration.
//! Each server has its own look at its own directory: there is nothing to store.

pub mod command;
pub mod directory;
pub mod find;
pub mod help;
mod markdown;
pub mod messages;
pub mod model;
pub mod steps;

use std::sync::{Arc, PoisonError, RwLock};

pub use model::Index;

/// The runbooks in memory, replaced as a whole.
#[derive(Clone, Default)]
pub struct IndexCell(Arc<RwLock<Arc<Index>>>);

impl IndexCell {
    pub fn current(&self) -> Arc<Index> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn replace(&self, index: Index) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(index);
    }
}
