//! The SQL of pages.

use uuid::Uuid;

use super::model::{Page, STALE, State, Target};
use crate::error::Result;
use crate::ids::PagerDutyIncidentId;
use crate::store::Tx;

impl Tx {
    pub(super) async fn insert_page(&mut self, p: &Page) -> Result<()> {
        self.exec(
            "INSERT INTO page (id, kind, whom, message, title, asked_by, asked_by_name, channel_id, thread_ts,
                incident_id, service, asked_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            &[
                &p.id,
                &p.kind,
                &p.whom,
                &p.message,
                &p.title,
                &p.asked_by,
                &p.asked_by_name,
                &p.channel_id,
                &p.thread_ts,
                &p.incident_id,
                &p.service,
                &p.asked_at,
            ],
        )
        .await?;
        Ok(())
    }

    pub(super) async fn insert_page_target(&mut self, t: &Target, ordinal: i64) -> Result<()> {
        self.exec(
            "INSERT INTO page_target (id, page_id, ordinal, name, pagerduty_user_id, policy_id, state, detail,
                pagerduty_id, changed_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            &[
                &t.id,
                &t.page_id,
                &ordinal,
                &t.name,
                &t.pagerduty_user_id,
                &t.policy_id,
                &t.state,
                &t.detail,
                &t.pagerduty_id,
                &t.changed_at,
            ],
        )
        .await?;
        Ok(())
    }

    pub(super) async fn page(&mut self, id: Uuid) -> Result<Option<Page>> {
        self.opt("SELECT * FROM page WHERE id = $1", &[&id]).await
    }

    /// The newest, newest first: ids sort by time.
    pub(super) async fn latest_pages(&mut self) -> Result<Vec<Page>> {
        self.all("SELECT * FROM page ORDER BY id DESC LIMIT 50", &[]).await
    }

    /// In the order in which they are paged.
    pub(super) async fn page_targets(&mut self, page: Uuid) -> Result<Vec<Target>> {
        self.all("SELECT * FROM page_target WHERE page_id = $1 ORDER BY ordinal", &[&page]).await
    }

    /// The pages whose own PagerDuty incident this is, or that asked people on it.
    pub(super) async fn pages_on(&mut self, page: &PagerDutyIncidentId) -> Result<Vec<Page>> {
        self.all(
            "SELECT p.* FROM page p WHERE p.pagerduty_id = $1
                OR p.id IN (SELECT t.page_id FROM page_target t WHERE t.pagerduty_id = $1)
             ORDER BY p.asked_at",
            &[page],
        )
        .await
    }

    /// The oldest that was sent through the Events API under this title on this service, and whose incident was not seen
    /// yet.
    pub(super) async fn page_by_event(&mut self, title: &str, service: &str) -> Result<Option<Page>> {
        let since = self.now() - STALE;
        self.opt(
            "SELECT * FROM page
             WHERE id IN (SELECT key FROM expected_page WHERE title = $1)
                AND service = $2 AND pagerduty_id IS NULL AND sent_by_events_at > $3
             ORDER BY sent_by_events_at LIMIT 1",
            &[&title, &service, &since],
        )
        .await
    }

    /// The PagerDuty incident that was made for the page; the first one stays.
    pub(super) async fn set_page_incident(
        &mut self,
        page: Uuid,
        id: &PagerDutyIncidentId,
        html_url: Option<String>,
    ) -> Result<()> {
        self.exec(
            "UPDATE page SET pagerduty_id = $2, html_url = $3 WHERE id = $1 AND pagerduty_id IS NULL",
            &[&page, id, &html_url],
        )
        .await?;
        Ok(())
    }

    /// True when they waited until now.
    pub(super) async fn set_paged(&mut self, target: Uuid, on: &PagerDutyIncidentId) -> Result<bool> {
        let now = self.now();
        let rows = self
            .exec(
                "UPDATE page_target SET state = $2, pagerduty_id = $3, changed_at = $4
                 WHERE id = $1 AND state = $5",
                &[&target, &State::Paged, on, &now, &State::Waiting],
            )
            .await?;
        Ok(rows == 1)
    }

    /// The same for who cannot be paged, or need not be any more.
    pub(super) async fn set_unpaged(&mut self, target: Uuid, state: State, because: &str) -> Result<bool> {
        let now = self.now();
        let rows = self
            .exec(
                "UPDATE page_target SET state = $2, detail = $3, changed_at = $4 WHERE id = $1 AND state = $5",
                &[&target, &state, &because, &now, &State::Waiting],
            )
            .await?;
        Ok(rows == 1)
    }

    /// Joined, acknowledged or declined; true when that is news.
    pub(super) async fn set_answer_to_page(&mut self, target: Uuid, state: State) -> Result<bool> {
        let now = self.now();
        let rows = self
            .exec(
                "UPDATE page_target SET state = $2, changed_at = $3
                 WHERE id = $1 AND state <> $2 AND state IN ('waiting', 'paged', 'declined')",
                &[&target, &state, &now],
            )
            .await?;
        Ok(rows == 1)
    }

    /// True for the first answer.
    pub(super) async fn set_page_answered(&mut self, page: Uuid) -> Result<bool> {
        let now = self.now();
        let rows = self
            .exec("UPDATE page SET answered_at = $2 WHERE id = $1 AND answered_at IS NULL", &[&page, &now])
            .await?;
        Ok(rows == 1)
    }

    /// True the first time.
    pub(super) async fn set_page_alarmed(&mut self, page: Uuid) -> Result<bool> {
        let now = self.now();
        let rows = self
            .exec("UPDATE page SET alarmed_at = $2 WHERE id = $1 AND alarmed_at IS NULL", &[&page, &now])
            .await?;
        Ok(rows == 1)
    }

    pub(super) async fn set_page_sent_by_events(&mut self, page: Uuid) -> Result<()> {
        let now = self.now();
        self.exec(
            "UPDATE page SET sent_by_events_at = $2 WHERE id = $1 AND sent_by_events_at IS NULL",
            &[&page, &now],
        )
        .await?;
        Ok(())
    }

    /// True the first time.
    pub(super) async fn set_page_done(&mut self, page: Uuid) -> Result<bool> {
        let now = self.now();
        let rows = self
            .exec("UPDATE page SET done_at = $2 WHERE id = $1 AND done_at IS NULL", &[&page, &now])
            .await?;
        Ok(rows == 1)
    }
}
