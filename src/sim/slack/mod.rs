//! A strict, stateful Slack workspace, served on a loopback port over real HTTP.
//!
//! [`Slack`] is its owner's hand on it: setting the scene, looking at what happened, and acting as the people at
//! their keyboards. The program under test sees only the Web API and the response URLs.

mod args;
mod blocks;
mod call;
mod chat;
mod content;
mod conversations;
mod elements;
mod group_events;
mod history;
mod limits;
mod marks;
mod membership;
mod methods;
mod mrkdwn;
mod people;
mod person;
mod reading;
mod response_url;
mod said;
mod scene;
mod server;
mod state;
#[cfg(test)]
mod testing;
mod transcript;
mod typed;
mod usergroups;
mod views;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use person::v0_signature;
pub use reading::{Part, Reading};
pub use state::{Bookmark, Channel, Ephemeral, Message, User, UserGroup, View};

use crate::clock::Clock;
use crate::sim::desk::Desk;
use server::Shared;
use state::World;

/// The simulated workspace. Clones share it; it is served until the last one is dropped, or [`Slack::stop`].
#[derive(Clone)]
pub struct Slack {
    shared: Arc<Shared>,
    address: SocketAddr,
    stop: CancellationToken,
    _serving: Arc<DropGuard>,
}

/// What the app's manifest asks for, at most.
const BOT_SCOPES: &[&str] = &[
    "commands",
    "chat:write",
    "chat:write.public",
    "app_mentions:read",
    "channels:read",
    "channels:history",
    "channels:join",
    "channels:manage",
    "groups:read",
    "groups:history",
    "groups:write",
    "im:read",
    "im:history",
    "im:write",
    "reactions:read",
    "reactions:write",
    "pins:read",
    "pins:write",
    "bookmarks:read",
    "bookmarks:write",
    "users:read",
    "users:read.email",
    "usergroups:read",
    "usergroups:write",
    "metadata.message:read",
];

impl Slack {
    pub const BOT_TOKEN: &'static str = "xoxb-firebell-simulated";
    /// Acts as [`Slack::ADMIN_USER`], with the scopes for user groups only.
    pub const USER_TOKEN: &'static str = "xoxp-firebell-simulated";
    pub const SIGNING_SECRET: &'static str = "5f1e8be115eca1b0c0de5f1e8be115ec";
    pub const TEAM_ID: &'static str = "T0FIREBELL";
    pub const APP_ID: &'static str = "A0FIREBELL";
    pub const BOT_USER: &'static str = "U0FIREBELL";
    pub const BOT_ID: &'static str = "B0FIREBELL";
    /// Who installed the app.
    pub const ADMIN_USER: &'static str = "U0ADMIN";
    pub const WORKSPACE_URL: &'static str = "https://firebell-demo.slack.com/";

    /// A workspace with Slackbot, our bot and an administrator, and no channel.
    #[expect(
        clippy::disallowed_methods,
        reason = "the vendor runs beside the service, not as one of its tasks"
    )]
    pub async fn start(clock: Clock, desk: Desk) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { world: Mutex::new(World::new(BOT_SCOPES)), clock, desk });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let server = axum::serve(listener, server::router(shared.clone()))
            .with_graceful_shutdown(stop.clone().cancelled_owned());
        tokio::spawn(async move { server.await });
        let serving = Arc::new(stop.clone().drop_guard());
        Ok(Self { shared, address, stop, _serving: serving })
    }

    /// Takes no further connection, as if Slack were gone.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// `http://127.0.0.1:PORT/api`
    pub fn api_url(&self) -> String {
        format!("{}/api", self.hooks_url())
    }

    /// `http://127.0.0.1:PORT`, the beginning of every response_url.
    pub fn hooks_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `127.0.0.1:PORT`
    pub fn host(&self) -> String {
        self.address.to_string()
    }
}
