//! From "declared" to a room in which people can work, with vendors that take their time.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use firebell::sim::slack::Slack;

use crate::client;
use crate::rows::Scene;
use crate::server::{Database, Engine, Server};

/// How far away the vendors are.
pub const LATENCY: Duration = Duration::from_millis(200);

/// Nothing that Firebell would take for the same incident twice.
const TITLES: [&str; 5] =
    ["payments-down", "search-finds-nothing", "no-mail-leaves", "log-in-loops", "disks-are-full"];

/// One declaration, from the answer to the command on.
pub struct Room {
    /// How long the person waited for the answer.
    pub answered: Duration,
    /// Channel there, the on-call and the severity's group in it, first post in it, page sent.
    pub ready: Duration,
    /// When the vendors were last called for it: topic, bookmark, announcement and the rest are done too.
    pub calm: Duration,
    pub calls: usize,
}

impl Room {
    pub fn round_trips(&self) -> f64 {
        self.ready.as_secs_f64() / LATENCY.as_secs_f64()
    }
}

/// Declares a few incidents, one after the other.
pub fn open_rooms(scene: &Scene, count: usize) -> Result<Vec<Room>> {
    let (server, _) = Server::firebell(&scene.world, Database::fresh(Engine::Sqlite, None)?, "")?;
    server.wait_until_it_knows_people(&scene.command("/incident help")?)?;
    std::thread::sleep(Duration::from_millis(500)); // the rest of the roster
    scene.world.desk.set_latency(LATENCY);
    let rooms = TITLES.iter().take(count).map(|title| open(scene, &server, title)).collect();
    scene.world.desk.set_latency(Duration::ZERO);
    rooms
}

fn open(scene: &Scene, server: &Server, title: &str) -> Result<Room> {
    let (slack, pagerduty) = (&scene.world.slack, &scene.world.pagerduty);
    let (calls_before, pages_before) = (scene.world.desk.calls().len(), pagerduty.pages().len());
    let declare = scene.command(&format!("/incident declare {title} sev1"))?;
    let began_at = Instant::now();
    let (status, body) = client::send_one(server.address, &declare)?;
    ensure!(status == 200 && body.contains("Declaring"), "declaring was answered {status} {body}");
    let answered_at = Instant::now();
    let is_ready = || {
        let room =
            slack.channels().into_iter().find(|c| c.name.starts_with("inc-") && c.name.ends_with(title));
        let Some(room) = room else { return false };
        let everybody = ["U0ANA", "U0DEE"].iter().all(|person| room.members.contains(*person));
        let posted = room.messages.iter().any(|m| m.user == Slack::BOT_USER && m.subtype.is_none());
        everybody && posted && pagerduty.pages().len() > pages_before
    };
    let mut ready = None;
    let (mut calls, mut calm_since) = (calls_before, answered_at);
    // The latency is waited out before the effect: what the vendor shows is what its answer, sent now, says.
    while calm_since.elapsed() < 5 * LATENCY {
        ensure!(answered_at.elapsed() < Duration::from_secs(20), "no room came of declaring");
        if ready.is_none() && is_ready() {
            ready = Some(answered_at.elapsed());
        }
        let now = scene.world.desk.calls().len();
        if now != calls {
            (calls, calm_since) = (now, Instant::now());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let Some(ready) = ready else { anyhow::bail!("the vendors are calm, and the room is not ready") };
    let (answered, calm) = (answered_at - began_at, calm_since - answered_at);
    Ok(Room { answered, ready, calm, calls: calls - calls_before })
}
