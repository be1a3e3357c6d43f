//! Who is who and who is on call: kept in the database, refreshed in the background, and held in memory too, so that
//! every answer works while a vendor is down, and says how old it is.

pub mod model;
pub mod steps;
mod store;

use std::sync::{Arc, PoisonError, RwLock};

use crate::config::Config;

pub use model::{Directory, OnCall, Step};

/// What is known without asking anybody: the configuration and the people.
#[derive(Clone)]
pub struct Known {
    pub config: Arc<Config>,
    pub people: Arc<Directory>,
}

/// The directory in memory, replaced as a whole after each refresh.
#[derive(Clone, Default)]
pub struct DirectoryCell(Arc<RwLock<Arc<Directory>>>);

impl DirectoryCell {
    pub fn current(&self) -> Arc<Directory> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn replace(&self, directory: Directory) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(directory);
    }
}
