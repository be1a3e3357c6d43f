//! The timeline: what happened, when, by whom. Append-only; a correction is a new row that names the old one.

use uuid::Uuid;

use super::model::{Actor, Kind, Source};
use crate::clock::Timestamp;
use crate::ids::SlackUserId;
use crate::row;

/// An entry to be, written in the transaction of the fact itself.
#[derive(Clone, Debug)]
pub struct NewEntry {
    pub kind: Kind,
    pub source: Source,
    pub actor: Actor,
    pub text: String,
    /// When it happened; `None` is now.
    pub occurred_at: Option<Timestamp>,
    /// The same thing told twice is one entry. Never expires.
    pub dedup_key: Option<String>,
    pub permalink: Option<String>,
    pub corrects: Option<Uuid>,
}

impl NewEntry {
    pub fn new(kind: Kind, source: Source, actor: Actor, text: impl Into<String>) -> Self {
        Self {
            kind,
            source,
            actor,
            text: text.into(),
            occurred_at: None,
            dedup_key: None,
            permalink: None,
            corrects: None,
        }
    }

    #[must_use]
    pub fn at(mut self, at: Timestamp) -> Self {
        self.occurred_at = Some(at);
        self
    }

    /// What an earlier entry of the same incident said was wrong. That one stays, struck out.
    #[must_use]
    pub fn correcting(mut self, entry: Uuid) -> Self {
        self.corrects = Some(entry);
        self
    }

    #[must_use]
    pub fn once(mut self, key: impl Into<String>) -> Self {
        self.dedup_key = Some(key.into());
        self
    }
}

row! {
    #[derive(Clone, Debug)]
    pub struct Entry {
        pub id: Uuid,
        pub occurred_at: Timestamp,
        pub recorded_at: Timestamp,
        pub actor: String,
        pub actor_slack_id: Option<SlackUserId>,
        pub source: Source,
        pub kind: Kind,
        pub text: String,
        pub permalink: Option<String>,
        pub corrects: Option<Uuid>,
    }
}
