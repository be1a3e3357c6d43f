//! The status' SQL.

use super::model::{Reading, Stalk, Told};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::ids::{ChannelId, IncidentId, SlackUserId};
use crate::store::{Json, Tx};

/// A stalk to be.
pub(super) struct NewStalk<'a> {
    pub channel: &'a ChannelId,
    pub incident: Option<IncidentId>,
    pub by: Option<&'a SlackUserId>,
    pub ends_at: Option<Timestamp>,
    pub told: Told,
}

impl Tx {
    /// What each monitor said last.
    pub async fn readings(&mut self) -> Result<Vec<Reading>> {
        self.all("SELECT * FROM status_reading ORDER BY name", &[]).await
    }

    pub(super) async fn reading(&mut self, name: &str) -> Result<Option<Reading>> {
        self.opt("SELECT * FROM status_reading WHERE name = $1", &[&name]).await
    }

    pub(super) async fn save_reading(&mut self, r: &Reading) -> Result<()> {
        self.exec(
            "INSERT INTO status_reading (name, state, notes, read_at, known, known_at, recent, settled)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (name) DO UPDATE SET state = excluded.state, notes = excluded.notes,
                read_at = excluded.read_at, known = excluded.known, known_at = excluded.known_at,
                recent = excluded.recent, settled = excluded.settled",
            &[&r.name, &r.state, &r.notes, &r.read_at, &r.known, &r.known_at, &r.recent, &r.settled],
        )
        .await?;
        Ok(())
    }

    /// The check is no longer configured.
    pub(super) async fn forget_reading(&mut self, name: &str) -> Result<()> {
        self.exec("DELETE FROM status_reading WHERE name = $1", &[&name]).await?;
        Ok(())
    }

    /// False when the channel stalks already. What ended before begins anew; but what a person ended begins only when
    /// a person begins it.
    pub(super) async fn begin_stalk(&mut self, new: NewStalk<'_>) -> Result<bool> {
        let now = self.now();
        let rows = self
            .exec(
                "INSERT INTO status_stalk (channel_id, incident_id, started_by, started_at, ends_at, ended_at,
                    ended_by_hand, told)
                 VALUES ($1, $2, $3, $4, $5, NULL, FALSE, $6)
                 ON CONFLICT (channel_id) DO UPDATE SET incident_id = excluded.incident_id,
                    started_by = excluded.started_by, started_at = excluded.started_at,
                    ends_at = excluded.ends_at, ended_at = NULL, ended_by_hand = FALSE, told = excluded.told
                 WHERE status_stalk.ended_at IS NOT NULL
                   AND (status_stalk.ended_by_hand = FALSE OR excluded.started_by IS NOT NULL)",
                &[new.channel, &new.incident, &new.by.cloned(), &now, &new.ends_at, &Json(new.told)],
            )
            .await?;
        Ok(rows == 1)
    }

    pub(super) async fn stalk_in(&mut self, channel: &ChannelId) -> Result<Option<Stalk>> {
        self.opt("SELECT * FROM status_stalk WHERE channel_id = $1 AND ended_at IS NULL", &[channel]).await
    }

    pub(super) async fn stalks(&mut self) -> Result<Vec<Stalk>> {
        self.all("SELECT * FROM status_stalk WHERE ended_at IS NULL ORDER BY channel_id", &[]).await
    }

    /// The stalk, if this ended it.
    pub(super) async fn end_stalk(&mut self, channel: &ChannelId, by_hand: bool) -> Result<Option<Stalk>> {
        let now = self.now();
        self.opt(
            "UPDATE status_stalk SET ended_at = $2, ended_by_hand = $3 WHERE channel_id = $1 AND ended_at IS NULL
             RETURNING *",
            &[channel, &now, &by_hand],
        )
        .await
    }

    /// The stalks of an incident that has ended.
    pub(super) async fn end_stalks_of(&mut self, incident: IncidentId) -> Result<Vec<Stalk>> {
        let now = self.now();
        self.all(
            "UPDATE status_stalk SET ended_at = $2 WHERE incident_id = $1 AND ended_at IS NULL RETURNING *",
            &[&incident, &now],
        )
        .await
    }

    /// The stalk, if this ended it because its time was over.
    pub(super) async fn expire_stalk(&mut self, channel: &ChannelId) -> Result<Option<Stalk>> {
        let now = self.now();
        self.opt(
            "UPDATE status_stalk SET ended_at = $2 WHERE channel_id = $1 AND ended_at IS NULL AND ends_at <= $2
             RETURNING *",
            &[channel, &now],
        )
        .await
    }

    /// False when the stalk has ended meanwhile, or another one began.
    pub(super) async fn set_told(&mut self, stalk: &Stalk, told: Told) -> Result<bool> {
        let rows = self
            .exec(
                "UPDATE status_stalk SET told = $3
                 WHERE channel_id = $1 AND started_at = $2 AND ended_at IS NULL",
                &[&stalk.channel_id, &stalk.started_at, &Json(told)],
            )
            .await?;
        Ok(rows == 1)
    }
}
