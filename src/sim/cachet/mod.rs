//! A simulated Cachet 3 site: its API on a local port, strict and stateful, with the public side that tests read.
//! <https://docs.cachethq.io/v3.x/api>

mod calls;
mod server;
mod state;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;

use crate::clock::Clock;
use crate::sim::desk::Desk;
use crate::sim::served::Served;

pub use state::{Incident, Update};

use server::Door;
use state::Site;

/// The site. Cheap to clone; it stops listening when the last clone is dropped.
#[derive(Clone)]
pub struct Cachet(Arc<Shared>);

struct Shared {
    site: Arc<Mutex<Site>>,
    served: Served,
}

impl Cachet {
    /// The token that works.
    pub const TOKEN: &'static str = "1|sim-cachet-token";

    /// Listens on a free port of 127.0.0.1 until the last clone is dropped.
    pub async fn start(clock: Clock, desk: Desk) -> std::io::Result<Self> {
        let site = Arc::new(Mutex::new(Site::new(clock)));
        let door = Door { site: site.clone(), desk };
        let app = Router::new().fallback(server::answer).with_state(door);
        let served = Served::start(app).await?;
        Ok(Self(Arc::new(Shared { site, served })))
    }

    /// What `statuspage.api_url` is here.
    pub fn api_url(&self) -> String {
        self.0.served.url()
    }

    fn site(&self) -> MutexGuard<'_, Site> {
        self.0.site.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a component; its id is 1, 2, 3 …
    pub fn add_component(&self, name: &str) {
        self.site().add_component(name);
    }

    /// The token no longer works.
    pub fn revoke_token(&self) {
        self.site().token_valid = false;
    }

    /// All incidents, oldest first, those that the public does not see included.
    pub fn incidents(&self) -> Vec<Incident> {
        self.site().incidents.clone()
    }

    /// Who was told: one line for each mail to the subscribers.
    pub fn notified(&self) -> Vec<String> {
        self.site().notified.clone()
    }

    /// The site as the public reads it: components that are not well, then visible incidents, newest first.
    pub fn public(&self) -> String {
        self.site().public()
    }
}
