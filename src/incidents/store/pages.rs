//! The SQL of PagerDuty's incidents that belong to ours.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::ids::{IncidentId, PagerDutyIncidentId, PagerDutyUserId};
use uuid::Uuid;

use crate::incidents::model::{
    ExpectedPage, Incident, LinkedPage, Outsider, PAGED_BY_SECOND_ROAD, Step, StepState,
};
use crate::incidents::pages::Details;
use crate::store::Tx;

impl Tx {
    pub async fn set_page_wanted(&mut self, id: IncidentId) -> Result<bool> {
        let rows = self
            .exec("UPDATE incident SET wants_page = TRUE WHERE id = $1 AND wants_page = FALSE", &[&id])
            .await?;
        Ok(rows == 1)
    }

    /// Unless somebody was paged already, by whatever road, or whoever presses Retry is to decide.
    pub async fn call_page_off(&mut self, id: IncidentId) -> Result<()> {
        self.exec(
            "UPDATE incident SET wants_page = FALSE WHERE id = $1 AND EXISTS (
                SELECT 1 FROM incident_step WHERE incident_id = $1 AND step = $2 AND state IN ($3, $4)
                    AND (detail IS NULL OR detail <> $5))",
            &[&id, &Step::Page, &StepState::Waiting, &StepState::Retrying, &PAGED_BY_SECOND_ROAD],
        )
        .await?;
        Ok(())
    }

    pub async fn linked_page(&mut self, id: &PagerDutyIncidentId) -> Result<Option<LinkedPage>> {
        self.opt("SELECT * FROM pagerduty_incident WHERE id = $1", &[id]).await
    }

    /// As it is now, kept from changing until this transaction ends.
    pub async fn lock_page(&mut self, id: &PagerDutyIncidentId) -> Result<Option<LinkedPage>> {
        self.opt("UPDATE pagerduty_incident SET status = status WHERE id = $1 RETURNING *", &[id]).await
    }

    /// The primary first.
    pub async fn linked_pages(&mut self, id: IncidentId) -> Result<Vec<LinkedPage>> {
        self.all(
            "SELECT * FROM pagerduty_incident WHERE incident_id = $1 ORDER BY is_primary DESC, first_seen_at",
            &[&id],
        )
        .await
    }

    /// Whether a PagerDuty incident of ours was first seen after that, and since the incident was last opened again:
    /// whatever it is now, somebody was paged.
    pub async fn paged_after(&mut self, id: IncidentId, at: Timestamp) -> Result<bool> {
        let count = self
            .scalar::<i64>(
                "SELECT count(*) FROM pagerduty_incident WHERE incident_id = $1 AND first_seen_at > $2
                    AND is_extra = FALSE AND NOT EXISTS (
                        SELECT 1 FROM timeline t WHERE t.incident_id = $1 AND t.kind = 'reopened'
                            AND t.recorded_at > first_seen_at)",
                &[&id, &at],
            )
            .await?;
        Ok(count.unwrap_or(0) > 0)
    }

    /// Those that were there before the incident was last opened again, and are open yet: whomever they paged, they
    /// page nobody anew.
    pub async fn pages_of_earlier_rounds(&mut self, id: IncidentId) -> Result<Vec<LinkedPage>> {
        self.all(
            "SELECT * FROM pagerduty_incident WHERE incident_id = $1 AND is_extra = FALSE AND status <> 'resolved'
                AND first_seen_at < (
                    SELECT max(recorded_at) FROM timeline WHERE incident_id = $1 AND kind = 'reopened')
             ORDER BY first_seen_at",
            &[&id],
        )
        .await
    }

    /// Writes down a PagerDuty incident on first sight; true when it was new.
    pub async fn see_page(&mut self, page: &LinkedPage) -> Result<bool> {
        let now = self.now();
        let rows = self
            .exec(
                "INSERT INTO pagerduty_incident (id, incident_id, is_primary, number, title, html_url, service_id,
                    urgency, priority, status, status_changed_at, first_seen_at, held_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (id) DO NOTHING",
                &[
                    &page.id,
                    &page.incident_id,
                    &page.is_primary,
                    &page.number,
                    &page.title,
                    &page.html_url,
                    &page.service_id,
                    &page.urgency,
                    &page.priority,
                    &page.status,
                    &page.status_changed_at,
                    &now,
                    &page.held_at,
                ],
            )
            .await?;
        Ok(rows == 1)
    }

    /// Gives a seen PagerDuty incident to one of ours; false when it belongs to one already.
    pub async fn link_page(
        &mut self,
        page: &PagerDutyIncidentId,
        to: IncidentId,
        primary: bool,
    ) -> Result<bool> {
        let rows = self
            .exec(
                "UPDATE pagerduty_incident SET incident_id = $2, is_primary = $3, held_at = NULL
                 WHERE id = $1 AND incident_id IS NULL",
                &[page, &to, &primary],
            )
            .await?;
        Ok(rows == 1)
    }

    /// The same for one that was made to page somebody by hand.
    pub async fn link_extra_page(&mut self, page: &PagerDutyIncidentId, to: IncidentId) -> Result<bool> {
        let rows = self
            .exec(
                "UPDATE pagerduty_incident SET incident_id = $2, is_extra = TRUE, held_at = NULL
                 WHERE id = $1 AND incident_id IS NULL",
                &[page, &to],
            )
            .await?;
        Ok(rows == 1)
    }

    /// A PagerDuty incident with this key will come.
    pub async fn expect_page(&mut self, page: &ExpectedPage) -> Result<()> {
        let now = self.now();
        self.exec(
            "INSERT INTO expected_page (key, incident_id, title, expected_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (key) DO NOTHING",
            &[&page.key, &page.incident_id, &page.title, &now],
        )
        .await?;
        Ok(())
    }

    pub async fn expected_page(&mut self, key: Uuid) -> Result<Option<ExpectedPage>> {
        self.opt("SELECT key, incident_id, title FROM expected_page WHERE key = $1", &[&key]).await
    }

    /// The newest under this title since then.
    pub async fn expected_page_called(
        &mut self,
        title: &str,
        since: Timestamp,
    ) -> Result<Option<ExpectedPage>> {
        self.opt(
            "SELECT key, incident_id, title FROM expected_page WHERE title = $1 AND expected_at > $2
             ORDER BY expected_at DESC LIMIT 1",
            &[&title, &since],
        )
        .await
    }

    /// Makes this one, and no other, the incident's primary; false when it was.
    pub async fn make_primary(&mut self, page: &PagerDutyIncidentId, of: IncidentId) -> Result<bool> {
        self.exec(
            "UPDATE pagerduty_incident SET is_primary = FALSE WHERE incident_id = $1 AND is_primary = TRUE AND id <> $2",
            &[&of, page],
        )
        .await?;
        let rows = self
            .exec(
                "UPDATE pagerduty_incident SET is_primary = TRUE, incident_id = $1, held_at = NULL
                 WHERE id = $2 AND (incident_id IS NULL OR incident_id <> $1 OR is_primary = FALSE)",
                &[&of, page],
            )
            .await?;
        Ok(rows == 1)
    }

    /// False when that was known.
    pub async fn set_merged_into(
        &mut self,
        page: &PagerDutyIncidentId,
        into: &PagerDutyIncidentId,
    ) -> Result<bool> {
        let rows = self
            .exec(
                "UPDATE pagerduty_incident SET merged_into = $2
                 WHERE id = $1 AND (merged_into IS NULL OR merged_into <> $2)",
                &[page, into],
            )
            .await?;
        Ok(rows == 1)
    }

    /// Moves a PagerDuty incident's status, unless we know a later one: deliveries may arrive in any order. True when
    /// it is another status now.
    pub async fn change_page_status(
        &mut self,
        page: &PagerDutyIncidentId,
        status: &str,
        at: Timestamp,
    ) -> Result<bool> {
        let rows = self
            .exec(
                "UPDATE pagerduty_incident SET status = $2, status_changed_at = $3
                 WHERE id = $1 AND status <> $2 AND status_changed_at <= $3",
                &[page, &status, &at],
            )
            .await?;
        self.exec(
            "UPDATE pagerduty_incident SET status_changed_at = $2 WHERE id = $1 AND status = $3 AND status_changed_at < $2",
            &[page, &at, &status],
        )
        .await?;
        Ok(rows == 1)
    }

    /// What an event shows of its incident, unless a later one has been seen.
    pub async fn describe_page(
        &mut self,
        page: &PagerDutyIncidentId,
        details: &Details,
        at: Timestamp,
    ) -> Result<()> {
        self.exec(
            "UPDATE pagerduty_incident SET number = COALESCE($2, number), title = $3,
                html_url = COALESCE($4, html_url), service_id = COALESCE($5, service_id),
                urgency = COALESCE($6, urgency), priority = $7
             WHERE id = $1 AND status_changed_at <= $8",
            &[
                page,
                &details.number,
                &details.title,
                &details.html_url,
                &details.service_id,
                &details.urgency,
                &details.priority,
                &at,
            ],
        )
        .await?;
        Ok(())
    }

    /// PagerDuty incidents that we believe open.
    pub async fn open_pages(&mut self) -> Result<Vec<LinkedPage>> {
        self.all(
            "SELECT p.* FROM pagerduty_incident p WHERE p.status <> 'resolved' ORDER BY p.first_seen_at LIMIT 500",
            &[],
        )
        .await
    }

    pub async fn hold_page(&mut self, page: &PagerDutyIncidentId) -> Result<()> {
        let now = self.now();
        self.exec("UPDATE pagerduty_incident SET held_at = $2 WHERE id = $1", &[page, &now]).await?;
        Ok(())
    }

    /// Those held have been shown with a button each.
    pub async fn release_held(&mut self, shown: &[LinkedPage]) -> Result<()> {
        for page in shown {
            self.exec("UPDATE pagerduty_incident SET held_at = NULL WHERE id = $1", &[&page.id]).await?;
        }
        Ok(())
    }

    /// Open incidents of ours that PagerDuty is to page for, and whose PagerDuty incident is not known yet.
    pub async fn incidents_without_page(&mut self) -> Result<Vec<Incident>> {
        self.all(
            "SELECT i.* FROM incident i WHERE i.ended_at IS NULL AND i.wants_page = TRUE
                AND NOT EXISTS (
                    SELECT 1 FROM pagerduty_incident p WHERE p.incident_id = i.id AND p.is_extra = FALSE)",
            &[],
        )
        .await
    }

    /// From here to the end of the transaction nobody else opens an incident: for counting those there are.
    pub async fn count_openings_alone(&mut self) -> Result<()> {
        self.exec("UPDATE counter SET value = value WHERE name = 'incident'", &[]).await?;
        Ok(())
    }

    /// How many channels were opened for PagerDuty's own incidents since then.
    pub async fn auto_opened_since(&mut self, at: Timestamp) -> Result<i64> {
        let count = self
            .scalar("SELECT count(*) FROM incident WHERE origin = 'pagerduty' AND declared_at > $1", &[&at])
            .await?;
        Ok(count.unwrap_or(0))
    }

    /// PagerDuty incidents that were too many at once until then, and wait for somebody to press Open.
    pub async fn held_pages(&mut self, until: Timestamp) -> Result<Vec<LinkedPage>> {
        self.all(
            "SELECT * FROM pagerduty_incident
             WHERE held_at <= $1 AND incident_id IS NULL AND status <> 'resolved' ORDER BY held_at, id LIMIT 40",
            &[&until],
        )
        .await
    }

    // ── people who are not in Slack ───────────────────────────────────────────────────────────────────────

    /// Notes that PagerDuty pages somebody whom we do not know in Slack; true when that is news.
    pub async fn see_outsider(
        &mut self,
        incident: IncidentId,
        responder: &PagerDutyUserId,
        name: &str,
    ) -> Result<bool> {
        let now = self.now();
        let rows = self
            .exec(
                "INSERT INTO incident_outsider (incident_id, pagerduty_user_id, name, paged_at)
                 VALUES ($1, $2, $3, $4) ON CONFLICT (incident_id, pagerduty_user_id) DO NOTHING",
                &[&incident, responder, &name, &now],
            )
            .await?;
        Ok(rows == 1)
    }

    /// What was found out about them.
    pub async fn describe_outsider(&mut self, incident: IncidentId, outsider: &Outsider) -> Result<()> {
        self.exec(
            "UPDATE incident_outsider SET name = $3, phone = $4, slack_user_id = $5
             WHERE incident_id = $1 AND pagerduty_user_id = $2",
            &[
                &incident,
                &outsider.pagerduty_user_id,
                &outsider.name,
                &outsider.phone,
                &outsider.slack_user_id,
            ],
        )
        .await?;
        Ok(())
    }

    pub async fn outsiders(&mut self, incident: IncidentId) -> Result<Vec<Outsider>> {
        self.all(
            "SELECT * FROM incident_outsider WHERE incident_id = $1 ORDER BY paged_at, name",
            &[&incident],
        )
        .await
    }
}
