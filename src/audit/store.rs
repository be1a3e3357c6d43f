//! The audit's SQL.

use super::{Outcome, Use};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::row;
use crate::store::Tx;

row! {
    /// A use as the command line shows it.
    #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
    pub struct Used {
        pub used_at: Timestamp,
        pub user_id: String,
        pub channel_id: Option<String>,
        pub via: String,
        pub command: String,
        pub text: String,
        pub outcome: String,
    }
}

impl Tx {
    pub async fn record_use(&mut self, used: &Use, outcome: Outcome) -> Result<()> {
        self.exec(
            "INSERT INTO command_use (used_at, user_id, channel_id, via, command, text, outcome)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            &[
                &used.used_at,
                &used.user,
                &used.channel,
                &used.via.to_string(),
                &used.command,
                &used.text,
                &outcome.to_string(),
            ],
        )
        .await?;
        Ok(())
    }

    /// The newest first; of one person, if named.
    pub async fn uses(&mut self, since: Timestamp, user: Option<&str>, most: i64) -> Result<Vec<Used>> {
        self.all(
            "SELECT used_at, user_id, channel_id, via, command, text, outcome FROM command_use
             WHERE used_at >= $1 AND ($2 = '' OR user_id = $2) ORDER BY used_at DESC, id DESC LIMIT $3",
            &[&since, &user.unwrap_or_default(), &most],
        )
        .await
    }

    pub async fn forget_uses(&mut self, before: Timestamp) -> Result<()> {
        self.exec("DELETE FROM command_use WHERE used_at < $1", &[&before]).await?;
        Ok(())
    }
}
