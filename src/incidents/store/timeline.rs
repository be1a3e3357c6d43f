//! The timeline's SQL.

use uuid::Uuid;

use crate::error::{Error, Result};
use crate::ids::{IncidentId, new_id};
use crate::incidents::timeline::{Entry, NewEntry};
use crate::store::Tx;

impl Tx {
    /// Appends; `None` when an entry with the same dedup key is there.
    pub async fn append(&mut self, incident: IncidentId, new: NewEntry) -> Result<Option<Uuid>> {
        let id = new_id(self.clock());
        let now = self.now();
        if let Some(wrong) = new.corrects {
            let of = self.scalar("SELECT incident_id FROM timeline WHERE id = $1", &[&wrong]).await?;
            if of != Some(incident.0) {
                return Err(Error::not_found("there is no such entry on this timeline to correct"));
            }
        }
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

    /// Where the entry's message stands; filled in once, when it has been posted.
    pub async fn set_permalink(&mut self, entry: Uuid, permalink: &str) -> Result<()> {
        self.exec(
            "UPDATE timeline SET permalink = $2 WHERE id = $1 AND permalink IS NULL",
            &[&entry, &permalink],
        )
        .await?;
        Ok(())
    }

    /// The same for the entry with this dedup key.
    pub async fn set_permalink_of(&mut self, dedup_key: &str, permalink: &str) -> Result<()> {
        self.exec(
            "UPDATE timeline SET permalink = $2 WHERE dedup_key = $1 AND permalink IS NULL",
            &[&dedup_key, &permalink],
        )
        .await?;
        Ok(())
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
