//! Deliveries from outside: stored once, answered, and only then understood. The row is itself the job.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::row;
use crate::store::{Bytes, Db, Priority, Tx, Work};

/// A verified delivery on its way into the store.
#[derive(Clone, Debug)]
pub struct NewDelivery {
    /// Who sent it: `pagerduty`, `slack`.
    pub source: &'static str,
    /// From the signed content (`event.id`, `event_id`), so that a replay under new headers is still a repeat.
    pub key: String,
    pub body: Bytes,
}

row! {
    #[derive(Clone, Debug)]
    pub struct Delivery {
        pub id: i64,
        pub source: String,
        pub delivery_key: String,
        pub body: Bytes,
        pub received_at: Timestamp,
        pub attempts: i64,
    }
}

row! {
    /// One that could not be understood, as the operator sees it.
    #[derive(Clone, Debug)]
    pub struct ParkedDelivery {
        pub id: i64,
        pub source: String,
        pub received_at: Timestamp,
        pub attempts: i64,
        pub last_error: Option<String>,
    }
}

/// Postgres' advisory lock for reading the inbox; any number that nothing else in this database uses.
const READING: i64 = 0x6669_7265_6265_6c6d;

impl Db {
    /// Stores deliveries that wait together, in one transaction. In one statement on Postgres, to save round trips;
    /// SQLite has no arrays, and none to save.
    pub async fn receive_many(&self, new: &[NewDelivery]) -> Result<()> {
        if !self.is_postgres() {
            let mut tx = self.write(Priority::Intake).await?;
            for delivery in new {
                tx.receive(delivery).await?;
            }
            return tx.commit().await;
        }
        let sources: Vec<&str> = new.iter().map(|d| d.source).collect();
        let keys: Vec<&str> = new.iter().map(|d| d.key.as_str()).collect();
        let bodies: Vec<&[u8]> = new.iter().map(|d| d.body.as_slice()).collect();
        self.insert_arrays(
            "WITH kept AS (
                INSERT INTO inbox (source, delivery_key, body, received_at, run_at)
                SELECT s, k, b, $4, $4 FROM unnest($1::text[], $2::text[], $3::bytea[]) AS d(s, k, b)
                ON CONFLICT (source, delivery_key) DO NOTHING RETURNING id
             ) SELECT pg_notify($5, $6) FROM kept LIMIT 1",
            (&sources, &keys, &bodies),
            self.clock().now(),
            Work::Deliveries,
        )
        .await
    }
}

impl Tx {
    /// Stores a delivery; false when it was here before.
    pub async fn receive(&mut self, new: &NewDelivery) -> Result<bool> {
        let now = self.now();
        let rows = self
            .exec(
                "INSERT INTO inbox (source, delivery_key, body, received_at, run_at)
                 VALUES ($1, $2, $3, $4, $4) ON CONFLICT (source, delivery_key) DO NOTHING",
                &[&new.source, &new.key, &new.body, &now],
            )
            .await?;
        self.leaves(Work::Deliveries);
        Ok(rows == 1)
    }

    /// The oldest that wait, at most so many; until this transaction ends, nobody else is given any. Nothing while
    /// another replica reads: one at a time keeps the order in which they came. There is no lease to run out, because
    /// finding out what a delivery means talks to nobody: it is done in this transaction, or was never begun.
    pub async fn next_deliveries(&mut self, most: i64) -> Result<Vec<Delivery>> {
        let now = self.now();
        if self.is_postgres()
            && self.scalar("SELECT pg_try_advisory_xact_lock($1)", &[&READING]).await? != Some(true)
        {
            return Ok(Vec::new());
        }
        self.all(
            "SELECT id, source, delivery_key, body, received_at, attempts FROM inbox
             WHERE done_at IS NULL AND parked_at IS NULL AND run_at <= $1 ORDER BY id LIMIT $2 + 0",
            &[&now, &most],
        )
        .await
    }

    /// Records that these were understood, all in one statement: on Postgres one for each took half of the time.
    pub async fn deliveries_done(&mut self, understood: &[Delivery]) -> Result<()> {
        let ids: Vec<String> = understood.iter().map(|delivery| delivery.id.to_string()).collect();
        let (sql, ids) = if self.is_postgres() {
            let sql = "UPDATE inbox SET done_at = $2, attempts = attempts + 1
                       WHERE id = ANY(CAST($1 AS bigint[])) AND done_at IS NULL";
            (sql, format!("{{{}}}", ids.join(",")))
        } else {
            let sql = "UPDATE inbox SET done_at = $2, attempts = attempts + 1
                       WHERE id IN (SELECT value FROM json_each($1)) AND done_at IS NULL";
            (sql, format!("[{}]", ids.join(",")))
        };
        let now = self.now();
        self.exec(sql, &[&ids, &now]).await?;
        Ok(())
    }

    /// Records a failed attempt; again at `at`, or parked when it is `None`.
    pub async fn postpone_delivery(
        &mut self,
        delivery: &Delivery,
        at: Option<Timestamp>,
        error: &str,
    ) -> Result<()> {
        let now = self.now();
        let parked_at = if at.is_none() { Some(now) } else { None };
        self.exec(
            "UPDATE inbox SET attempts = attempts + 1, run_at = $2, parked_at = $3, last_error = $4
             WHERE id = $1 AND done_at IS NULL",
            &[&delivery.id, &at.unwrap_or(now), &parked_at, &error],
        )
        .await?;
        Ok(())
    }

    /// Deliveries that could not be understood, oldest first; without their bodies.
    pub async fn parked_deliveries(&mut self) -> Result<Vec<ParkedDelivery>> {
        self.all(
            "SELECT id, source, received_at, attempts, last_error FROM inbox
             WHERE done_at IS NULL AND parked_at IS NOT NULL ORDER BY id",
            &[],
        )
        .await
    }

    /// Has all of them looked at again, in the order in which they came; their number.
    pub async fn unpark_deliveries(&mut self) -> Result<u64> {
        let now = self.now();
        self.leaves(Work::Deliveries);
        self.exec(
            "UPDATE inbox SET parked_at = NULL, attempts = 0, run_at = $1 WHERE done_at IS NULL AND parked_at IS NOT NULL",
            &[&now],
        )
        .await
    }

    /// How many deliveries wait to be understood.
    pub async fn waiting_deliveries(&mut self) -> Result<i64> {
        let count = self
            .scalar("SELECT count(*) FROM inbox WHERE done_at IS NULL AND parked_at IS NULL", &[])
            .await?;
        Ok(count.unwrap_or(0))
    }
}
