//! The incidents' SQL.

mod pages;
mod timeline;

use std::cmp::Reverse;

use super::model::{Actor, Incident, Role, RoleRow, Status, Step, StepRow, StepState};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::ids::{ChannelId, IncidentId, SlackUserId};
use crate::store::Tx;

/// An incident is visible to everybody, or, private, to the members of its channel and whoever declared it.
/// The predicate stands in each query that people see the answer of; `$1` is the person.
macro_rules! visible {
    ($rest:literal) => {
        concat!(
            "SELECT i.* FROM incident i WHERE (i.is_private = FALSE OR i.declared_by = $1 OR EXISTS (
                SELECT 1 FROM incident_member m
                WHERE m.incident_id = i.id AND m.slack_user_id = $1 AND m.state = 'in')) AND ",
            $rest
        )
    };
}

impl Tx {
    /// 1, 2, 3 …: taken with the incident, given back when its transaction fails.
    pub async fn next_incident_number(&mut self) -> Result<i64> {
        self.scalar("UPDATE counter SET value = value + 1 WHERE name = 'incident' RETURNING value", &[])
            .await?
            .ok_or_else(|| Error::internal("the incident counter is missing"))
    }

    /// Two people who declare the same thing at the same moment go one after the other: the second sees the first's.
    pub async fn declare_alone(&mut self) -> Result<()> {
        self.exec("UPDATE counter SET value = value WHERE name = 'incident'", &[]).await?;
        Ok(())
    }

    pub async fn insert_incident(&mut self, i: &Incident) -> Result<()> {
        self.exec(
            "INSERT INTO incident (id, number, title, severity, status, service, is_private, is_test, wants_page,
                origin, declared_by, declared_by_name, declared_at, status_changed_at, update_due_at,
                commander_due_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, $14, $15)",
            &[
                &i.id,
                &i.number,
                &i.title,
                &i.severity,
                &i.status,
                &i.service,
                &i.is_private,
                &i.is_test,
                &i.wants_page,
                &i.origin,
                &i.declared_by,
                &i.declared_by_name,
                &i.declared_at,
                &i.update_due_at,
                &i.commander_due_at,
            ],
        )
        .await?;
        Ok(())
    }

    /// For jobs and deliveries, which act for nobody in particular. People ask [`Tx::visible_incident`].
    pub async fn incident(&mut self, id: IncidentId) -> Result<Incident> {
        self.opt("SELECT * FROM incident WHERE id = $1", &[&id])
            .await?
            .ok_or_else(|| Error::not_found("no such incident"))
    }

    /// The incident as it is now, kept from changing until this transaction ends. Whoever changes one for a person or
    /// for PagerDuty begins here: what they decide by stays true, and two of them wait for each other in one place,
    /// not each for what the other holds (which Postgres ends by undoing one).
    pub async fn lock_incident(&mut self, id: IncidentId) -> Result<Incident> {
        self.opt("UPDATE incident SET number = number WHERE id = $1 RETURNING *", &[&id])
            .await?
            .ok_or_else(|| Error::not_found("no such incident"))
    }

    pub async fn find_incident(&mut self, id: IncidentId) -> Result<Option<Incident>> {
        self.opt("SELECT * FROM incident WHERE id = $1", &[&id]).await
    }

    pub async fn visible_incident(&mut self, who: &SlackUserId, number: i64) -> Result<Option<Incident>> {
        self.opt(visible!("i.number = $2"), &[who, &number]).await
    }

    pub async fn visible_incident_by_id(
        &mut self,
        who: &SlackUserId,
        id: IncidentId,
    ) -> Result<Option<Incident>> {
        self.opt(visible!("i.id = $2"), &[who, &id]).await
    }

    /// The incident whose room this channel is.
    pub async fn incident_in(&mut self, channel: &ChannelId) -> Result<Option<Incident>> {
        self.opt("SELECT * FROM incident WHERE channel_id = $1", &[channel]).await
    }

    pub async fn visible_open_incidents(&mut self, who: &SlackUserId) -> Result<Vec<Incident>> {
        self.all(visible!("i.ended_at IS NULL ORDER BY i.number DESC LIMIT 100"), &[who]).await
    }

    /// The open incidents, and the five that ended last, as this person may see them.
    pub async fn visible_incidents(&mut self, who: &SlackUserId) -> Result<(Vec<Incident>, Vec<Incident>)> {
        let sql = concat!(
            "SELECT * FROM (",
            visible!("i.ended_at IS NULL ORDER BY i.number DESC LIMIT 100"),
            ") open UNION ALL SELECT * FROM (",
            visible!("i.ended_at IS NOT NULL ORDER BY i.ended_at DESC LIMIT 5"),
            ") ended"
        );
        Ok(open_and_ended(self.all(sql, &[who]).await?))
    }

    /// The same, private ones included whoever asks.
    pub async fn listed_incidents(&mut self) -> Result<(Vec<Incident>, Vec<Incident>)> {
        let sql = "SELECT * FROM (SELECT * FROM incident WHERE ended_at IS NULL ORDER BY number DESC LIMIT 100) open
                   UNION ALL
                   SELECT * FROM (SELECT * FROM incident WHERE ended_at IS NOT NULL ORDER BY ended_at DESC LIMIT 5) ended";
        Ok(open_and_ended(self.all(sql, &[]).await?))
    }

    /// Open incidents that declared by a person would be the same thing again: same service and a look-alike title
    /// are judged by the caller.
    pub async fn open_incidents(&mut self) -> Result<Vec<Incident>> {
        self.all("SELECT * FROM incident WHERE ended_at IS NULL ORDER BY number", &[]).await
    }

    /// False when the incident has left `from` meanwhile.
    pub async fn change_status(&mut self, id: IncidentId, from: Status, to: Status) -> Result<bool> {
        let now = self.now();
        let ended_at = if to.is_open() { None } else { Some(now) };
        let rows = self
            .exec(
                "UPDATE incident SET status = $3, status_changed_at = $4, ended_at = $5 WHERE id = $1 AND status = $2",
                &[&id, &from, &to, &now, &ended_at],
            )
            .await?;
        Ok(rows == 1)
    }

    /// It ended then already.
    pub async fn set_ended(&mut self, id: IncidentId, at: Timestamp) -> Result<()> {
        self.exec("UPDATE incident SET ended_at = $2 WHERE id = $1 AND ended_at > $2", &[&id, &at]).await?;
        Ok(())
    }

    pub async fn change_severity(&mut self, id: IncidentId, from: &str, to: &str) -> Result<bool> {
        let rows = self
            .exec("UPDATE incident SET severity = $3 WHERE id = $1 AND severity = $2", &[&id, &from, &to])
            .await?;
        Ok(rows == 1)
    }

    /// The first acknowledgement counts, in whatever order they are heard of. False when it was set.
    pub async fn set_acknowledged(&mut self, id: IncidentId, at: Timestamp) -> Result<bool> {
        let rows = self
            .exec(
                "UPDATE incident SET acknowledged_at = $2 WHERE id = $1 AND acknowledged_at IS NULL",
                &[&id, &at],
            )
            .await?;
        self.exec(
            "UPDATE incident SET acknowledged_at = $2 WHERE id = $1 AND acknowledged_at > $2",
            &[&id, &at],
        )
        .await?;
        Ok(rows == 1)
    }

    pub async fn forget_acknowledgement(&mut self, id: IncidentId) -> Result<()> {
        self.exec("UPDATE incident SET acknowledged_at = NULL WHERE id = $1", &[&id]).await?;
        Ok(())
    }

    pub async fn set_mitigated(&mut self, id: IncidentId, at: Timestamp) -> Result<bool> {
        let rows = self
            .exec("UPDATE incident SET mitigated_at = $2 WHERE id = $1 AND mitigated_at IS NULL", &[&id, &at])
            .await?;
        Ok(rows == 1)
    }

    pub async fn count_reopening(&mut self, id: IncidentId) -> Result<()> {
        self.exec(
            "UPDATE incident SET reopened_count = reopened_count + 1, mitigated_at = NULL WHERE id = $1",
            &[&id],
        )
        .await?;
        Ok(())
    }

    pub async fn set_last_update(&mut self, id: IncidentId, text: &str) -> Result<()> {
        let now = self.now();
        self.exec(
            "UPDATE incident SET last_update = $2, last_update_at = $3 WHERE id = $1",
            &[&id, &text, &now],
        )
        .await?;
        Ok(())
    }

    pub async fn set_update_due(&mut self, id: IncidentId, at: Option<Timestamp>) -> Result<()> {
        self.exec("UPDATE incident SET update_due_at = $2 WHERE id = $1", &[&id, &at]).await?;
        Ok(())
    }

    pub async fn set_commander_due(&mut self, id: IncidentId, at: Option<Timestamp>) -> Result<()> {
        self.exec("UPDATE incident SET commander_due_at = $2 WHERE id = $1", &[&id, &at]).await?;
        Ok(())
    }

    /// False when the incident has a channel already.
    pub async fn set_channel(&mut self, id: IncidentId, channel: &ChannelId, name: &str) -> Result<bool> {
        let rows = self
            .exec(
                "UPDATE incident SET channel_id = $2, channel_name = $3 WHERE id = $1 AND channel_id IS NULL",
                &[&id, channel, &name],
            )
            .await?;
        Ok(rows == 1)
    }

    pub async fn channel_has_owner(&mut self, channel: &ChannelId) -> Result<bool> {
        Ok(self.incident_in(channel).await?.is_some())
    }

    // ── steps ─────────────────────────────────────────────────────────────────────────────────────────────

    /// False when it says so already.
    pub async fn set_step(
        &mut self,
        id: IncidentId,
        step: Step,
        state: StepState,
        detail: Option<String>,
        job_id: Option<i64>,
    ) -> Result<bool> {
        let now = self.now();
        let rows = self
            .exec(
                "INSERT INTO incident_step (incident_id, step, state, detail, job_id, changed_at)
                 VALUES ($1, $2, $3, $4, $5, $6)
                 ON CONFLICT (incident_id, step) DO UPDATE
                 SET state = excluded.state, detail = excluded.detail, changed_at = excluded.changed_at,
                     job_id = COALESCE(excluded.job_id, incident_step.job_id)
                 WHERE incident_step.state <> excluded.state
                    OR incident_step.detail IS DISTINCT FROM excluded.detail
                    OR incident_step.job_id IS DISTINCT FROM COALESCE(excluded.job_id, incident_step.job_id)",
                &[&id, &step, &state, &detail, &job_id, &now],
            )
            .await?;
        Ok(rows == 1)
    }

    pub async fn step(&mut self, id: IncidentId, step: Step) -> Result<Option<StepRow>> {
        self.opt("SELECT * FROM incident_step WHERE incident_id = $1 AND step = $2", &[&id, &step]).await
    }

    pub async fn steps(&mut self, id: IncidentId) -> Result<Vec<StepRow>> {
        self.all("SELECT * FROM incident_step WHERE incident_id = $1", &[&id]).await
    }

    // ── people ────────────────────────────────────────────────────────────────────────────────────────────

    /// False when the person has the role already.
    pub async fn assign_role(
        &mut self,
        id: IncidentId,
        role: Role,
        user: &SlackUserId,
        name: &str,
    ) -> Result<bool> {
        let now = self.now();
        let rows = self
            .exec(
                "INSERT INTO incident_role (incident_id, role, slack_user_id, name, assigned_at)
                 VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (incident_id, role) DO UPDATE
                 SET slack_user_id = excluded.slack_user_id, name = excluded.name,
                     assigned_at = excluded.assigned_at
                 WHERE incident_role.slack_user_id <> excluded.slack_user_id",
                &[&id, &role, user, &name, &now],
            )
            .await?;
        Ok(rows == 1)
    }

    pub async fn roles(&mut self, id: IncidentId) -> Result<Vec<RoleRow>> {
        self.all("SELECT role, slack_user_id, name FROM incident_role WHERE incident_id = $1", &[&id]).await
    }

    pub async fn commander(&mut self, id: IncidentId) -> Result<Option<RoleRow>> {
        Ok(self.roles(id).await?.into_iter().find(|r| r.role == Role::Commander))
    }

    /// Notes that a person belongs into the channel; true when that is news.
    pub async fn want_member(&mut self, id: IncidentId, user: &SlackUserId, reason: &str) -> Result<bool> {
        let now = self.now();
        let rows = self
            .exec(
                "INSERT INTO incident_member (incident_id, slack_user_id, reason, state, changed_at)
                 VALUES ($1, $2, $3, 'wanted', $4)
                 ON CONFLICT (incident_id, slack_user_id) DO UPDATE SET state = 'wanted', changed_at = $4
                 WHERE incident_member.state IN ('failed', 'left')",
                &[&id, user, &reason, &now],
            )
            .await?;
        Ok(rows == 1)
    }

    /// The same for those who have not been here: whoever left, or could not be invited, is left alone.
    pub async fn want_newcomer(&mut self, id: IncidentId, user: &SlackUserId, reason: &str) -> Result<bool> {
        let now = self.now();
        let rows = self
            .exec(
                "INSERT INTO incident_member (incident_id, slack_user_id, reason, state, changed_at)
                 VALUES ($1, $2, $3, 'wanted', $4) ON CONFLICT (incident_id, slack_user_id) DO NOTHING",
                &[&id, user, &reason, &now],
            )
            .await?;
        Ok(rows == 1)
    }

    /// Slack says that somebody came or left, then; unless we know something later.
    pub async fn member_moved(
        &mut self,
        id: IncidentId,
        user: &SlackUserId,
        state: &str,
        at: Timestamp,
    ) -> Result<()> {
        self.exec(
            "INSERT INTO incident_member (incident_id, slack_user_id, reason, state, changed_at)
             VALUES ($1, $2, 'joined', $3, $4)
             ON CONFLICT (incident_id, slack_user_id) DO UPDATE
             SET state = excluded.state, detail = NULL, changed_at = excluded.changed_at
             WHERE incident_member.changed_at <= excluded.changed_at",
            &[&id, user, &state, &at],
        )
        .await?;
        Ok(())
    }

    pub async fn wanted_members(&mut self, id: IncidentId) -> Result<Vec<SlackUserId>> {
        self.scalars(
            "SELECT slack_user_id FROM incident_member WHERE incident_id = $1 AND state = 'wanted'
             ORDER BY changed_at, slack_user_id",
            &[&id],
        )
        .await
    }

    /// `state`: in, failed, left.
    pub async fn set_member(
        &mut self,
        id: IncidentId,
        user: &SlackUserId,
        state: &str,
        detail: Option<String>,
    ) -> Result<()> {
        let now = self.now();
        self.exec(
            "INSERT INTO incident_member (incident_id, slack_user_id, reason, state, detail, changed_at)
             VALUES ($1, $2, 'joined', $3, $4, $5)
             ON CONFLICT (incident_id, slack_user_id) DO UPDATE
             SET state = excluded.state, detail = excluded.detail, changed_at = excluded.changed_at",
            &[&id, user, &state, &detail, &now],
        )
        .await?;
        Ok(())
    }

    /// (person, Slack's word for why not) of those who could not be invited.
    pub async fn uninvited(&mut self, id: IncidentId) -> Result<Vec<(SlackUserId, String)>> {
        crate::row! {
            pub struct Uninvited { pub slack_user_id: SlackUserId, pub detail: Option<String> }
        }
        let rows: Vec<Uninvited> = self
            .all(
                "SELECT slack_user_id, detail FROM incident_member WHERE incident_id = $1 AND state = 'failed'
                 ORDER BY slack_user_id",
                &[&id],
            )
            .await?;
        Ok(rows.into_iter().map(|r| (r.slack_user_id, r.detail.unwrap_or_default())).collect())
    }

    // ── messages that are edited in place ─────────────────────────────────────────────────────────────────

    pub async fn message_ts(&mut self, id: IncidentId, kind: &str) -> Result<Option<(ChannelId, String)>> {
        crate::row! { pub struct Posted { pub channel_id: ChannelId, pub ts: String } }
        let row: Option<Posted> = self
            .opt(
                "SELECT channel_id, ts FROM incident_message WHERE incident_id = $1 AND kind = $2",
                &[&id, &kind],
            )
            .await?;
        Ok(row.map(|r| (r.channel_id, r.ts)))
    }

    pub async fn remember_message(
        &mut self,
        id: IncidentId,
        kind: &str,
        channel: &ChannelId,
        ts: &str,
    ) -> Result<()> {
        self.exec(
            "INSERT INTO incident_message (incident_id, kind, channel_id, ts) VALUES ($1, $2, $3, $4)
             ON CONFLICT (incident_id, kind) DO UPDATE SET channel_id = excluded.channel_id, ts = excluded.ts",
            &[&id, &kind, channel, &ts],
        )
        .await?;
        Ok(())
    }
}

/// So that callers need not name two fields each time.
impl From<&crate::front::Caller> for Actor {
    fn from(caller: &crate::front::Caller) -> Self {
        Self { name: caller.name.clone(), slack: Some(caller.user.clone()) }
    }
}

/// Both in their order: a UNION has none.
fn open_and_ended(all: Vec<Incident>) -> (Vec<Incident>, Vec<Incident>) {
    let (mut open, mut ended): (Vec<_>, Vec<_>) = all.into_iter().partition(Incident::is_open);
    open.sort_by_key(|i| Reverse(i.number));
    ended.sort_by_key(|i| Reverse(i.ended_at));
    (open, ended)
}
