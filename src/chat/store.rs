//! The answers' SQL.

use std::time::Duration;

use crate::error::Result;
use crate::front::Reply;
use crate::store::{Json, Tx};

impl Tx {
    /// Claims a key for this request; or, when the same request was claimed within that time, its answer.
    pub(super) async fn claim_answer(
        &mut self,
        key: &str,
        fingerprint: &str,
        within: Duration,
    ) -> Result<Option<Reply>> {
        let now = self.now();
        let claimed = self
            .exec(
                "INSERT INTO answered (key, fingerprint, answer, answered_at) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (key) DO UPDATE
                 SET fingerprint = excluded.fingerprint, answer = excluded.answer,
                     answered_at = excluded.answered_at
                 WHERE answered.fingerprint <> excluded.fingerprint OR answered.answered_at < $5",
                &[&key, &fingerprint, &Json(Reply::Nothing), &now, &(now - within)],
            )
            .await?;
        if claimed == 1 {
            return Ok(None);
        }
        let first = self.scalar::<Json<Reply>>("SELECT answer FROM answered WHERE key = $1", &[&key]).await?;
        Ok(first.map(|answer| answer.0))
    }

    pub(super) async fn set_answer(&mut self, key: &str, answer: &Reply) -> Result<()> {
        self.exec("UPDATE answered SET answer = $2 WHERE key = $1", &[&key, &Json(answer.clone())]).await?;
        Ok(())
    }
}
