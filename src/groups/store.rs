//! The SQL of kept groups.

use std::collections::BTreeSet;

use super::model::{Hold, Standing, State, Write};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::ids::{PagerDutyUserId, SlackUserId, UserGroupId};
use crate::store::{Json, Tx};

impl Tx {
    pub async fn group_states(&mut self) -> Result<Vec<State>> {
        self.all("SELECT * FROM group_sync ORDER BY handle", &[]).await
    }

    pub async fn group_state(&mut self, handle: &str) -> Result<Option<State>> {
        self.opt("SELECT * FROM group_sync WHERE handle = $1", &[&handle]).await
    }

    /// What a plan concluded. False when somebody was quicker (a write, an approval, a rollback): then it has to be
    /// planned anew.
    pub async fn save_group_state(&mut self, s: &State) -> Result<bool> {
        let rows = self.exec(
            "INSERT INTO group_sync (handle, group_id, standing, problem, wanted, because, left_out, partial, good, ours,
                is_approved, cause, changed_at, planned_at, in_step_at, written_at, edited_by, repaired_at, hold, version,
                handed_over_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
             ON CONFLICT (handle) DO UPDATE SET group_id = excluded.group_id, standing = excluded.standing,
                problem = excluded.problem, wanted = excluded.wanted, because = excluded.because,
                left_out = excluded.left_out, partial = excluded.partial, good = excluded.good,
                is_approved = excluded.is_approved, cause = excluded.cause, changed_at = excluded.changed_at,
                planned_at = excluded.planned_at, in_step_at = excluded.in_step_at,
                edited_by = excluded.edited_by, repaired_at = excluded.repaired_at,
                hold = excluded.hold, version = excluded.version, handed_over_at = excluded.handed_over_at
             WHERE group_sync.version = excluded.version - 1",
            &[
                &s.handle,
                &s.group_id,
                &s.standing,
                &s.problem,
                &s.wanted,
                &s.because,
                &s.left_out,
                &s.partial,
                &s.good,
                &s.ours,
                &s.is_approved,
                &s.cause,
                &s.changed_at,
                &s.planned_at,
                &s.in_step_at,
                &s.written_at,
                &s.edited_by,
                &s.repaired_at,
                &s.hold,
                &(s.version + 1),
                &s.handed_over_at,
            ],
        )
        .await?;
        Ok(rows > 0)
    }

    /// Those that the configuration does not name any more.
    pub async fn forget_group_state(&mut self, handle: &str) -> Result<()> {
        self.exec("DELETE FROM group_sync WHERE handle = $1", &[&handle]).await?;
        Ok(())
    }

    /// The group to write next: the most recent hand-off first, because that one pages somebody new.
    pub async fn most_urgent_group(&mut self) -> Result<Option<State>> {
        self.opt(
            "SELECT * FROM group_sync WHERE standing = 'waiting' ORDER BY handed_over_at DESC, handle LIMIT 1",
            &[],
        )
        .await
    }

    /// When groups were written, the latest first; at most so many.
    pub async fn group_writes_since(&mut self, since: Timestamp, most: i64) -> Result<Vec<Timestamp>> {
        self.scalars(
            "SELECT written_at FROM group_write WHERE written_at > $1 ORDER BY written_at DESC LIMIT $2",
            &[&since, &most],
        )
        .await
    }

    pub async fn count_group_writes_since(&mut self, since: Timestamp) -> Result<i64> {
        let count = self.scalar("SELECT count(*) FROM group_write WHERE written_at > $1", &[&since]).await?;
        Ok(count.unwrap_or(0))
    }

    /// This list is sent to Slack next: until its answer is recorded, nobody knows which one Slack holds. False when
    /// somebody was quicker, and may want something else.
    pub async fn sending_group(&mut self, state: &State) -> Result<bool> {
        let ours: BTreeSet<&SlackUserId> = state.ours.0.union(&state.wanted.0).collect();
        let rows = self
            .exec(
                "UPDATE group_sync SET in_doubt = wanted, ours = $3, version = version + 1
                 WHERE handle = $1 AND version = $2 AND standing = 'waiting'",
                &[&state.handle, &state.version, &Json(ours)],
            )
            .await?;
        Ok(rows > 0)
    }

    /// Slack has taken the list that was sent as `state` was. Somebody may want something else by now: then the group
    /// goes on waiting. False when anything was concluded meanwhile, from a list that Slack does not hold any more.
    pub async fn group_written(
        &mut self,
        state: &State,
        id: &UserGroupId,
        before: &BTreeSet<SlackUserId>,
    ) -> Result<bool> {
        let now = self.now();
        self.exec(
            "INSERT INTO group_write (handle, group_id, before, after, cause, written_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
            &[&state.handle, id, &Json(before), &state.wanted, &state.cause, &now],
        )
        .await?;
        let version: Option<i64> = self
            .scalar(
                "UPDATE group_sync SET written_at = $3, in_doubt = NULL, edited_by = NULL, version = version + 1,
                    is_approved = CASE WHEN wanted = $2 THEN $4 ELSE is_approved END
                 WHERE handle = $1 RETURNING version",
                &[&state.handle, &state.wanted, &now, &false],
            )
            .await?;
        self.exec(
            "UPDATE group_sync SET standing = $3, problem = NULL,
                in_step_at = CASE WHEN partial = $5 AND hold IS NULL THEN $4 ELSE in_step_at END
             WHERE handle = $1 AND wanted = $2 AND standing = 'waiting'",
            &[&state.handle, &state.wanted, &Standing::InStep, &now, &Json(Vec::<String>::new())],
        )
        .await?;
        Ok(version == Some(state.version + 1))
    }

    /// Slack does not take it: the sentence says what to do. The next plan tries again. False when something else is
    /// wanted by now, which Slack was not asked for.
    pub async fn group_refused(&mut self, state: &State, problem: &str) -> Result<bool> {
        let rows = self
            .exec(
                "UPDATE group_sync SET standing = $3, problem = $4, in_doubt = $5, version = version + 1
                 WHERE handle = $1 AND version = $2",
                &[&state.handle, &state.version, &Standing::Blocked, &problem, &state.in_doubt],
            )
            .await?;
        Ok(rows > 0)
    }

    /// Somebody has looked at the change that was asked about. False when there is nothing to say yes to.
    pub async fn approve_group(&mut self, handle: &str) -> Result<bool> {
        let rows = self
            .exec(
                "UPDATE group_sync SET is_approved = $2, version = version + 1
                 WHERE handle = $1 AND standing = 'asked'",
                &[&handle, &true],
            )
            .await?;
        Ok(rows > 0)
    }

    /// What was sent to Slack for this group and not answered so far.
    pub async fn list_in_doubt(&mut self, group: &UserGroupId) -> Result<Option<Vec<SlackUserId>>> {
        let list: Option<Json<Vec<SlackUserId>>> = self
            .scalar("SELECT in_doubt FROM group_sync WHERE group_id = $1 AND in_doubt IS NOT NULL", &[group])
            .await?;
        Ok(list.map(|list| list.0))
    }

    /// Who changed the group in Slack.
    pub async fn group_edited(&mut self, group: &UserGroupId, by: &SlackUserId) -> Result<()> {
        self.exec(
            "UPDATE group_sync SET edited_by = $2, version = version + 1 WHERE group_id = $1",
            &[group, by],
        )
        .await?;
        Ok(())
    }

    /// Wants these people in the group, whatever the rota says; without a hold, what the rota says.
    pub async fn put_back(
        &mut self,
        handle: &str,
        members: &BTreeSet<SlackUserId>,
        hold: Option<&Hold>,
        cause: &str,
    ) -> Result<()> {
        let now = self.now();
        self.exec(
            "UPDATE group_sync SET wanted = $2, hold = $3, standing = $4, problem = NULL, cause = $5, changed_at = $6,
                    handed_over_at = $6, version = version + 1
             WHERE handle = $1",
            &[&handle, &Json(members), &hold.cloned().map(Json), &Standing::Waiting, &cause, &now],
        )
        .await?;
        Ok(())
    }

    /// The latest writes of a group, newest first.
    pub async fn group_history(&mut self, handle: &str, most: i64) -> Result<Vec<Write>> {
        self.all("SELECT * FROM group_write WHERE handle = $1 ORDER BY id DESC LIMIT $2", &[&handle, &most])
            .await
    }

    /// Whether it is time to look for this person in Slack (again).
    pub async fn look_for(&mut self, who: &PagerDutyUserId, not_since: Timestamp) -> Result<bool> {
        let now = self.now();
        let rows = self
            .exec(
                "INSERT INTO unmapped (pagerduty_user_id, looked_at) VALUES ($1, $2)
                 ON CONFLICT (pagerduty_user_id) DO UPDATE SET looked_at = excluded.looked_at
                 WHERE unmapped.looked_at < $3",
                &[who, &now, &not_since],
            )
            .await?;
        Ok(rows > 0)
    }

    /// True the first time.
    pub async fn tell_unmapped(&mut self, who: &PagerDutyUserId) -> Result<bool> {
        let now = self.now();
        let rows = self
            .exec(
                "UPDATE unmapped SET told_at = $2 WHERE pagerduty_user_id = $1 AND told_at IS NULL",
                &[who, &now],
            )
            .await?;
        Ok(rows > 0)
    }

    /// Found after all: next time it is news again.
    pub async fn mapped(&mut self, who: &PagerDutyUserId) -> Result<()> {
        self.exec("DELETE FROM unmapped WHERE pagerduty_user_id = $1", &[who]).await?;
        Ok(())
    }

    /// Links two accounts by hand; e-mail does not overrule it.
    pub async fn link_by_hand(&mut self, responder: &PagerDutyUserId, slack: &SlackUserId) -> Result<()> {
        let now = self.now();
        self.exec(
            "INSERT INTO person_link (pagerduty_user_id, slack_user_id, how, linked_at) VALUES ($1, $2, 'hand', $3)
             ON CONFLICT (pagerduty_user_id) DO UPDATE
             SET slack_user_id = excluded.slack_user_id, how = excluded.how, linked_at = excluded.linked_at",
            &[responder, slack, &now],
        )
        .await?;
        self.mapped(responder).await
    }

    /// Takes a link by hand back: e-mail decides again. False when there is none.
    pub async fn unlink_by_hand(&mut self, responder: &PagerDutyUserId) -> Result<bool> {
        let rows = self
            .exec("DELETE FROM person_link WHERE pagerduty_user_id = $1 AND how = 'hand'", &[responder])
            .await?;
        Ok(rows > 0)
    }
}
