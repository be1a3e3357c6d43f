//! The timeline: what happened, when, by whom. Append-only; a correction is a new row that names the old one.

use uuid::Uuid;

use super::model::{Actor, Kind, Source};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::ids::{IncidentId, SlackUserId, new_id};
use crate::row;
use crate::store::Tx;

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

impl Tx {
    /// Appends; `None` when an entry with the same dedup key is there.
    pub async fn append(&mut self, incident: IncidentId, new: NewEntry) -> Result<Option<Uuid>> {
        let id = new_id(self.clock());
        let now = self.now();
        let rows = self
            .exec(
                "INSERT INTO timeline (id, incident_id, occurred_at, recorded_at, actor, actor_slack_id, source,
                    kind, text, permalink, dedup_key, corrects)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
                 ON CONFLICT (dedup_key) DO NOTHING",
                &[
                    &id,
                    &incident,
                    &new.occurred_at.unwrap_or(now),
                    &now,
                    &new.actor.name,
                    &new.actor.slack,
                    &new.source,
                    &new.kind,
                    &new.text,
                    &new.permalink,
                    &new.dedup_key,
                    &new.corrects,
                ],
            )
            .await?;
        Ok((rows == 1).then_some(id))
    }

    /// In the order in which things happened.
    pub async fn timeline(&mut self, incident: IncidentId) -> Result<Vec<Entry>> {
        self.all(
            "SELECT id, occurred_at, recorded_at, actor, actor_slack_id, source, kind, text, permalink, corrects
             FROM timeline WHERE incident_id = $1 ORDER BY occurred_at, id",
            &[&incident],
        )
        .await
    }

    pub async fn entry(&mut self, id: Uuid) -> Result<Option<Entry>> {
        self.opt(
            "SELECT id, occurred_at, recorded_at, actor, actor_slack_id, source, kind, text, permalink, corrects
             FROM timeline WHERE id = $1",
            &[&id],
        )
        .await
    }
}
