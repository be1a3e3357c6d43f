//! The notices' SQL.

use uuid::Uuid;

use super::model::{Components, Notice, Post, PostState, Unpublished};
use super::page::{Page, READ, REFUSED, Refusal};
use crate::clock::Timestamp;
use crate::config::Impact;
use crate::error::{Error, Result};
use crate::ids::IncidentId;
use crate::statuspage::PostStatus;
use crate::store::{Json, Tx};

impl Tx {
    /// The incident's page incident.
    pub async fn notice(&mut self, incident: IncidentId) -> Result<Option<Notice>> {
        self.opt("SELECT * FROM notice WHERE incident_id = $1", &[&incident]).await
    }

    /// What is on its way for this incident, in its order; not what an operator has discarded.
    pub async fn waiting_posts(&mut self, incident: IncidentId) -> Result<Vec<Post>> {
        self.all(
            "SELECT p.* FROM notice_post p JOIN job j ON j.id = p.job_id AND j.done_at IS NULL
             WHERE p.incident_id = $1 AND p.state IN ('waiting', 'said') ORDER BY p.number",
            &[&incident],
        )
        .await
    }

    /// What was published, or is on its way, since then, newest first; not what an operator has discarded.
    pub async fn posts_since(&mut self, incident: IncidentId, since: Timestamp) -> Result<Vec<Post>> {
        self.all(
            "SELECT p.* FROM notice_post p LEFT JOIN job j ON j.id = p.job_id
             WHERE p.incident_id = $1 AND p.asked_at > $2
               AND (p.state = 'done' OR (p.state IN ('waiting', 'said') AND j.done_at IS NULL))
             ORDER BY p.number DESC",
            &[&incident, &since],
        )
        .await
    }

    /// What of any incident is not out, oldest first; not what a later post of its incident has overtaken.
    pub async fn unpublished(&mut self) -> Result<Vec<Unpublished>> {
        self.all(
            "SELECT p.incident_id, p.body, p.asked_by_name, p.asked_at, j.id AS job_id, j.run_at, j.parked_at,
                j.last_error
             FROM notice_post p JOIN job j ON j.id = p.job_id AND j.done_at IS NULL
             WHERE p.state IN ('waiting', 'said', 'failed')
               AND NOT EXISTS (SELECT 1 FROM notice_post o
                               WHERE o.incident_id = p.incident_id AND o.state = 'done' AND o.number > p.number)
             ORDER BY p.asked_at, p.id LIMIT 40",
            &[],
        )
        .await
    }

    pub async fn notice_post(&mut self, id: Uuid) -> Result<Option<Post>> {
        self.opt("SELECT * FROM notice_post WHERE id = $1", &[&id]).await
    }

    /// Writes it down as a draft.
    pub async fn insert_post(&mut self, p: &Post) -> Result<()> {
        self.exec(
            "INSERT INTO notice_post (id, incident_id, number, state, status, impact, name, body, components, restores,
                asked_by, asked_by_name, asked_at, reason)
             VALUES ($1, $2, NULL, 'draft', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            &[
                &p.id,
                &p.incident_id,
                &p.status,
                &p.impact,
                &p.name,
                &p.body,
                &p.components,
                &p.restores,
                &p.asked_by,
                &p.asked_by_name,
                &p.asked_at,
                &p.reason,
            ],
        )
        .await?;
        Ok(())
    }

    /// Gives a draft its place in the incident's order; false when it is no draft any more. The incident is locked.
    pub async fn publish_post(
        &mut self,
        id: Uuid,
        job_id: i64,
        status: Option<PostStatus>,
        impact: Option<Impact>,
        restores: bool,
    ) -> Result<bool> {
        let now = self.now();
        let rows = self
            .exec(
                "UPDATE notice_post SET state = 'waiting', restores = $2, asked_at = $3, status = $4, impact = $5,
                    job_id = $6,
                    number = (SELECT COALESCE(MAX(o.number), 0) + 1 FROM notice_post o
                              WHERE o.incident_id = notice_post.incident_id)
                 WHERE id = $1 AND state = 'draft'",
                &[&id, &restores, &now, &status, &impact, &job_id],
            )
            .await?;
        Ok(rows == 1)
    }

    /// False when it has left `from` meanwhile.
    pub async fn move_post(&mut self, id: Uuid, from: PostState, to: PostState) -> Result<bool> {
        let rows = self
            .exec("UPDATE notice_post SET state = $3 WHERE id = $1 AND state = $2", &[&id, &from, &to])
            .await?;
        Ok(rows == 1)
    }

    /// How many posts of this incident that got through say the same, without the one that made the page incident: its
    /// words are not among the page's updates.
    pub async fn same_posts(&mut self, post: &Post, status: PostStatus) -> Result<i64> {
        let count = self
            .scalar(
                "SELECT count(*) FROM notice_post WHERE incident_id = $1 AND state = 'done' AND body = $2
                    AND status = $3
                    AND number > (SELECT MIN(o.number) FROM notice_post o
                                  WHERE o.incident_id = $1 AND o.state = 'done' AND o.status IS NOT NULL)",
                &[&post.incident_id, &post.body, &status],
            )
            .await?;
        Ok(count.unwrap_or(0))
    }

    /// Whether a later post of the incident has been published.
    pub async fn is_overtaken(&mut self, post: &Post) -> Result<bool> {
        let later = self
            .scalar::<i64>(
                "SELECT count(*) FROM notice_post WHERE incident_id = $1 AND state = 'done' AND number > $2",
                &[&post.incident_id, &post.number],
            )
            .await?;
        Ok(later.unwrap_or(0) > 0)
    }

    /// Where the page incident is: one for each incident.
    pub async fn set_public_incident(
        &mut self,
        incident: IncidentId,
        place: &str,
        id: &str,
        url: &str,
    ) -> Result<()> {
        let now = self.now();
        self.exec(
            "INSERT INTO notice (incident_id, place, page_incident_id, url, components, changed_at)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (incident_id) DO UPDATE
             SET place = excluded.place, page_incident_id = excluded.page_incident_id, url = excluded.url",
            &[&incident, &place, &id, &url, &Json(Components::new()), &now],
        )
        .await?;
        Ok(())
    }

    /// How it stands now.
    pub async fn set_notice(
        &mut self,
        incident: IncidentId,
        status: Option<PostStatus>,
        impact: Option<Impact>,
        components: &Components,
    ) -> Result<()> {
        let now = self.now();
        let rows = self
            .exec(
                "UPDATE notice SET status = $2, impact = $3, components = $4, changed_at = $5 WHERE incident_id = $1",
                &[&incident, &status, &impact, &Json(components.clone()), &now],
            )
            .await?;
        if rows == 1 { Ok(()) } else { Err(Error::internal("a page incident without its row")) }
    }

    /// Somebody deleted it on the page.
    pub async fn forget_page_incident(&mut self, incident: IncidentId) -> Result<()> {
        self.exec("DELETE FROM notice WHERE incident_id = $1", &[&incident]).await?;
        Ok(())
    }

    /// The page at that place as last read, by whichever replica; and its refusal, if that was its last answer.
    pub async fn public_page(&mut self, place: &str) -> Result<Page> {
        let page: Option<Page> = self.fact(READ).await?;
        let page = page.filter(|page| page.place == place);
        let read_at = self.fact_read_at(READ).await?.filter(|_| page.is_some());
        let refused: Option<Refusal> = self.fact(REFUSED).await?;
        let refused_at = self.fact_read_at(REFUSED).await?;
        let refused = refused.filter(|refusal| refusal.place == place && refused_at > read_at);
        let refused = refused.map(|refusal| Refusal { at: refused_at, ..refusal });
        Ok(Page { read_at, refused, ..page.unwrap_or_default() })
    }

    async fn fact_read_at(&mut self, name: &str) -> Result<Option<Timestamp>> {
        self.scalar("SELECT read_at FROM vendor_fact WHERE name = $1", &[&name]).await
    }
}
