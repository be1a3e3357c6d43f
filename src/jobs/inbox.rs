//! Deliveries from outside: stored once, answered, and only then understood. The row is itself the job.

use super::{Finished, LEASE};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
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
        pub token: i64,
    }
}

/// The claim; see the queue's for the guards.
macro_rules! claim_sql {
    ($of:literal, $lock:literal) => {
        concat!(
            "UPDATE inbox SET lease_until = $2, attempts = attempts + 1, token = token + 1
             WHERE id ",
            $of,
            "(
                SELECT id FROM inbox
                WHERE done_at IS NULL AND parked_at IS NULL AND run_at <= $1
                  AND (lease_until IS NULL OR lease_until < $1)
                ORDER BY id LIMIT $3 + 0 ",
            $lock,
            "
               AND done_at IS NULL AND parked_at IS NULL AND (lease_until IS NULL OR lease_until < $1)
             RETURNING id, source, delivery_key, body, received_at, attempts, token"
        )
    };
}

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

    /// Takes up to `most` deliveries, oldest first.
    pub async fn claim_deliveries(&mut self, most: i64) -> Result<Vec<Delivery>> {
        let now = self.now();
        let sql = if self.is_postgres() {
            claim_sql!("= ANY (ARRAY", "FOR UPDATE SKIP LOCKED))")
        } else {
            claim_sql!("IN", ")")
        };
        let mut found: Vec<Delivery> = self.all(sql, &[&now, &(now + LEASE), &most]).await?;
        found.sort_by_key(|d| d.id);
        Ok(found)
    }

    /// Puts a delivery back, or parks it when `at` is `None`.
    pub async fn postpone_delivery(
        &mut self,
        delivery: &Delivery,
        at: Option<Timestamp>,
        error: &str,
    ) -> Result<()> {
        let now = self.now();
        let parked_at = if at.is_none() { Some(now) } else { None };
        self.exec(
            "UPDATE inbox SET lease_until = NULL, run_at = $3, parked_at = $4, last_error = $5
             WHERE id = $1 AND token = $2 AND done_at IS NULL",
            &[&delivery.id, &delivery.token, &at.unwrap_or(now), &parked_at, &error],
        )
        .await?;
        Ok(())
    }

    /// How many deliveries wait to be understood.
    pub async fn waiting_deliveries(&mut self) -> Result<i64> {
        let count = self
            .scalar("SELECT count(*) FROM inbox WHERE done_at IS NULL AND parked_at IS NULL", &[])
            .await?;
        Ok(count.unwrap_or(0))
    }
}

impl Delivery {
    /// Marks the delivery understood in the transaction that records what it meant, and commits.
    pub async fn finish(&self, mut tx: Tx) -> Result<Finished> {
        let now = tx.now();
        let rows = tx
            .exec(
                "UPDATE inbox SET done_at = $3, lease_until = NULL
                 WHERE id = $1 AND token = $2 AND done_at IS NULL AND parked_at IS NULL",
                &[&self.id, &self.token, &now],
            )
            .await?;
        if rows != 1 {
            return Err(Error::internal(format!("delivery {} was taken over while it was read", self.id)));
        }
        tx.commit().await?;
        Ok(Finished(()))
    }
}
