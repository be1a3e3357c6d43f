//! A simulated Atlassian Statuspage account with one page: its Manage API on a local port, strict and stateful, with
//! the public side that tests read. <https://developer.statuspage.io/>

mod answer;
mod components;
mod incidents;
mod server;
mod state;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;

use crate::clock::Clock;
use crate::sim::desk::Desk;
use crate::sim::served::Served;

pub use state::{Component, Incident, Post};

use server::Door;
use state::Page;

/// The account. Cheap to clone; it stops listening when the last clone is dropped.
#[derive(Clone)]
pub struct Statuspage(Arc<Shared>);

struct Shared {
    page: Arc<Mutex<Page>>,
    served: Served,
}

impl Statuspage {
    /// The API key that works.
    pub const API_KEY: &'static str = "sim-statuspage-key";
    /// The one page.
    pub const PAGE_ID: &'static str = "kctbh9vrtdwd";

    /// Listens on a free port of 127.0.0.1 until the last clone is dropped.
    pub async fn start(clock: Clock, desk: Desk) -> std::io::Result<Self> {
        let page = Arc::new(Mutex::new(Page::new(clock)));
        let door = Door { page: page.clone(), desk };
        let app = Router::new().fallback(server::answer).with_state(door);
        let served = Served::start(app).await?;
        Ok(Self(Arc::new(Shared { page, served })))
    }

    /// What `statuspage.api_url` is here.
    pub fn api_url(&self) -> String {
        self.0.served.url()
    }

    fn page(&self) -> MutexGuard<'_, Page> {
        self.0.page.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a component, in no group.
    pub fn add_component(&self, id: &str, name: &str) {
        self.page().add(id, name, None, false);
    }

    /// Adds a group of components.
    pub fn add_group(&self, id: &str, name: &str) {
        self.page().add(id, name, None, true);
    }

    /// Adds a component to a group.
    pub fn add_member(&self, group_id: &str, id: &str, name: &str) {
        self.page().add(id, name, Some(group_id.into()), false);
    }

    /// Somebody sets a component on the page itself.
    pub fn set_by_hand(&self, id: &str, status: &str) {
        self.page().set_component(id, status);
    }

    /// Somebody posts an incident on the page itself.
    pub fn post_by_hand(&self, name: &str, component_ids: &[&str]) -> String {
        self.page().post_by_hand(name, component_ids)
    }

    /// Somebody resolves an incident on the page itself.
    pub fn resolve_by_hand(&self, id: &str) {
        self.page().resolve_by_hand(id);
    }

    /// Somebody deletes an incident on the page itself.
    pub fn delete_by_hand(&self, id: &str) {
        self.page().incidents.retain(|incident| incident.id != id);
    }

    /// The key no longer works.
    pub fn revoke_key(&self) {
        self.page().key_valid = false;
    }

    pub fn accept_key(&self) {
        self.page().key_valid = true;
    }

    /// All incidents, oldest first.
    pub fn incidents(&self) -> Vec<Incident> {
        self.page().incidents.clone()
    }

    /// How a component is.
    pub fn status_of(&self, id: &str) -> String {
        let page = self.page();
        page.components.iter().find(|c| c.id == id).map(|c| c.status.clone()).unwrap_or_default()
    }

    /// How many subscribers were told, by incident name and status: one line each.
    pub fn notified(&self) -> Vec<String> {
        self.page().notified.clone()
    }

    /// The page as the public reads it: components that are not well, then incidents with their posts, newest first.
    pub fn public(&self) -> String {
        self.page().public()
    }
}
