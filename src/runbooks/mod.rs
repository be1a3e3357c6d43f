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

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::config::Runbooks;
pub use model::Index;

/// The runbooks in memory, replaced as a whole.
#[derive(Clone, Default)]
pub struct IndexCell(Arc<Shelf>);

#[derive(Default)]
struct Shelf {
    index: RwLock<Arc<Index>>,
    /// Held while somebody looks at the directory.
    looking: Mutex<()>,
}

impl IndexCell {
    pub fn current(&self) -> Arc<Index> {
        self.0.index.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes over what has changed in the directory; what cannot be read there is logged once. Blocks. While another
    /// look is under way (a network's file system may hang) this does nothing: one thread is lost to it, not all.
    pub fn read_anew(&self, settings: &Runbooks) {
        let Ok(_looking) = self.0.looking.try_lock() else { return };
        let before = self.current();
        let Some(index) = directory::read(settings, &before) else { return };
        for trouble in index.troubles.iter().filter(|trouble| !before.troubles.contains(trouble)) {
            tracing::warn!(trouble, "a runbook is left out");
        }
        *self.0.index.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(index);
    }
}
