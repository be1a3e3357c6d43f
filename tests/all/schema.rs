//! The two schemas: the same tables, made once however many start at a time, and a timeline that only grows.

use std::collections::BTreeSet;

use firebell::clock::Clock;
use firebell::ids::IncidentId;
use firebell::incidents::model::{Actor, Kind, Source};
use firebell::incidents::timeline::NewEntry;
use firebell::row;
use firebell::store::{Db, Priority};
use firebell::testing::{self, START};
use tokio::task::JoinSet;

use crate::stage::Stage;
use firebell::on_both_engines;

row! {
    pub struct Column { pub table_name: String, pub column_name: String }
}

async fn columns(db: &Db, sql: &'static str) -> BTreeSet<String> {
    let mut tx = db.read().await.expect("a transaction");
    let columns: Vec<Column> = tx.all(sql, &[]).await.expect("the catalogue");
    columns.into_iter().map(|c| format!("{}.{}", c.table_name, c.column_name)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_engines_have_the_same_tables_and_columns() {
    let clock = Clock::manual(START);
    let Some((postgres, _guard)) = testing::postgres(&clock).await else { return };
    let (sqlite, _directory) = testing::sqlite(&clock).await;
    let of_postgres = columns(
        &postgres,
        "SELECT CAST(table_name AS TEXT) AS table_name, CAST(column_name AS TEXT) AS column_name
         FROM information_schema.columns
         WHERE table_schema = 'public' AND table_name NOT LIKE '%sqlx%'",
    )
    .await;
    let of_sqlite = columns(
        &sqlite,
        "SELECT m.name AS table_name, c.name AS column_name
         FROM sqlite_master m JOIN pragma_table_info(m.name) c
         WHERE m.type = 'table' AND m.name NOT LIKE '%sqlx%' AND m.name NOT LIKE 'sqlite%'",
    )
    .await;
    assert!(of_postgres.len() > 100, "{of_postgres:?}");
    assert_eq!(of_postgres, of_sqlite);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_start_together_migrate_once() {
    let clock = Clock::manual(START);
    let Some((url, _guard)) = testing::postgres_url().await else { return };
    let mut replicas = JoinSet::new();
    for _ in 0..4 {
        let (url, clock) = (url.clone(), clock.clone());
        replicas.spawn(async move {
            let db = Db::connect(&url, 2, clock).await.expect("it connects");
            db.migrate().await.expect("it migrates");
            db
        });
    }
    while let Some(db) = replicas.join_next().await {
        let mut tx = db.unwrap().write(Priority::Command).await.expect("a transaction");
        tx.next_incident_number().await.expect("the tables are there");
        tx.commit().await.expect("committed");
    }
    let db = Db::connect(&url, 1, clock).await.expect("it connects");
    let numbers: Option<i64> = db
        .read()
        .await
        .unwrap()
        .scalar("SELECT value FROM counter WHERE name = 'incident'", &[])
        .await
        .unwrap();
    assert_eq!(numbers, Some(4), "one counter, counted on by all four");
}

on_both_engines!(
    async fn the_timeline_only_grows(db: Db, clock: Clock) {
        let stage = Stage::set(db.clone(), clock).await;
        stage.slash("U0ANA", "/incident declare payments-down sev1 --no-page").await;
        stage.settle().await;
        let mut tx = db.read().await.unwrap();
        let id: IncidentId = tx.scalar("SELECT id FROM incident", &[]).await.unwrap().expect("the incident");
        let before = tx.timeline(id).await.unwrap();
        drop(tx);
        for wrong in [
            "UPDATE timeline SET text = 'nothing happened'",
            "UPDATE timeline SET occurred_at = recorded_at, actor = 'Somebody else'",
            "UPDATE timeline SET dedup_key = 'other'",
            "DELETE FROM timeline",
        ] {
            let mut tx = db.write(Priority::Job).await.unwrap();
            let refused = tx.exec(wrong, &[]).await.expect_err(wrong);
            assert!(format!("{refused:?}").contains("append-only"), "{wrong}: {refused:?}");
        }
        let mut tx = db.write(Priority::Job).await.unwrap();
        let mut correction = NewEntry::new(Kind::Note, Source::Slack, Actor::firebell(), "It was otherwise");
        correction.corrects = Some(before[0].id);
        tx.append(id, correction.once("correction")).await.unwrap().expect("appended");
        let again = NewEntry::new(Kind::Note, Source::Slack, Actor::firebell(), "It was otherwise")
            .once("correction");
        assert_eq!(tx.append(id, again).await.unwrap(), None, "the same thing told twice is one entry");
        tx.commit().await.unwrap();
        let after = db.read().await.unwrap().timeline(id).await.unwrap();
        assert_eq!(after.len(), before.len() + 1);
        assert!(before.iter().all(|e| after.iter().any(|a| a.id == e.id && a.text == e.text)));
        stage.end().await;
    }
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_can_the_timeline_be_emptied_at_once() {
    let clock = Clock::manual(START);
    let Some((db, _guard)) = testing::postgres(&clock).await else { return };
    let mut tx = db.write(Priority::Job).await.unwrap();
    let refused = tx.exec("TRUNCATE timeline", &[]).await.expect_err("refused");
    assert!(format!("{refused:?}").contains("append-only"), "{refused:?}");
}
