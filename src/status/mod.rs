//! How the systems are, as the monitors say. Each is asked in the background; what it said last is kept in the database
//! and in memory, so that the answer is there at once, with its age, whatever is down. A channel that stalks the state
//! is told of changes, and only of those.

pub mod command;
pub mod help;
pub mod messages;
pub mod model;
pub mod stalk;
pub mod steps;
mod store;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::config::Config;
use crate::ids::{ChannelId, SlackUserId};
use crate::jobs::NewJob;

pub use model::{Picture, Reading};

/// What each monitor said last, in memory, replaced as a whole.
#[derive(Clone, Default)]
pub struct ReadingsCell(Arc<RwLock<Arc<Readings>>>);

/// By the check's name.
pub type Readings = BTreeMap<String, Reading>;

impl ReadingsCell {
    pub fn current(&self) -> Arc<Readings> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Unless what is there is newer: of two loads at the same time, the older may end last.
    pub fn replace(&self, readings: Vec<Reading>) {
        let newest = |at: Option<Timestamp>, reading: &Reading| at.max(Some(reading.read_at));
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if readings.iter().fold(None, newest) >= current.values().fold(None, newest) {
            *current = Arc::new(readings.into_iter().map(|r| (r.name.clone(), r)).collect());
        }
    }
}

/// Asks one monitor: the one waiting job of this check, and one at a time, so that readings keep their order.
pub fn check_job(name: &str) -> NewJob {
    let key = format!("{CHECK}:{name}");
    NewJob::new(CHECK, json!({ "check": name })).never_give_up().dedup(&key).lane(key)
}

/// What keeps itself going: each look leaves the next one behind.
pub const CHECK: &str = "status.check";

/// Asks every monitor now, instead of in its time.
pub fn check_all(config: &Config) -> impl Iterator<Item = NewJob> + '_ {
    config.checks.iter().map(|check| check_job(&check.name))
}

/// Tells those who stalk, if what counts has changed.
fn compare_job() -> NewJob {
    NewJob::new("status.compare", Value::Null).never_give_up().dedup("status.compare").lane("status.compare")
}

/// Says in a channel what the monitors have said by then.
fn answer_job(channel: &ChannelId, user: &SlackUserId) -> NewJob {
    let key = format!("status.answer:{channel}");
    NewJob::new("status.answer", json!({ "channel": channel, "user": user })).dedup(key)
}

/// A channel that does not let us speak is told no more.
const UNHEARD: &str = "status.unheard";

fn unheard_job(channel: &ChannelId, user: Option<&SlackUserId>) -> NewJob {
    NewJob::new(UNHEARD, json!({ "channel": channel, "user": user })).dedup(format!("{UNHEARD}:{channel}"))
}

/// Ends a stalk whose time is over.
fn expire_job(channel: &ChannelId) -> NewJob {
    let key = format!("status.expire:{channel}");
    NewJob::new("status.expire", json!({ "channel": channel })).never_give_up().dedup(key)
}
