//! Databases that are not there, empty, of an older version, or not to be had: what the tools say of them.

use std::fs;

use firebell::clock::Clock;
use firebell::store::{Db, Priority};
use firebell::testing;

use super::with_config;
use crate::process::{finish, firebell, run};

#[test]
fn a_database_is_made_by_migrate_and_never_by_a_mistyped_path() {
    let here = with_config("[database]\nurl = 'sqlite://mine.db'\n");
    let listed = run(here.path(), &["jobs", "list"]);
    assert_eq!((listed.code, listed.out.as_str()), (1, ""));
    assert_eq!(listed.err, "firebell: there is no database at sqlite://mine.db\n");
    assert!(!here.path().join("mine.db").exists());
    fs::write(here.path().join("mine.db"), "").expect("written");
    for _ in 0..2 {
        let migrated = run(here.path(), &["migrate"]);
        assert_eq!((migrated.code, migrated.err.as_str()), (0, ""));
        assert_eq!(
            migrated.out,
            concat!("sqlite://mine.db has the schema of firebell ", env!("CARGO_PKG_VERSION"), ".\n")
        );
    }
    assert!(run(here.path(), &["jobs", "list"]).out.contains("Nothing is left to do."));
}

/// What the tools that need the database alone say of it.
fn said_of(url: &str) -> String {
    let here = tempfile::tempdir().expect("a directory");
    let said = [&["jobs", "list"][..], &["audit"], &["people", "list"]].map(|words| {
        let said = finish(firebell(here.path(), words).env("FIREBELL__DATABASE__URL", url));
        assert_eq!((said.code, said.out.as_str()), (1, ""));
        said.err.replace(url, "URL")
    });
    assert!(said.iter().all(|one| *one == said[0]), "{said:?}");
    said[0].clone()
}

async fn an_empty_or_older_database_is_called_so(url: &str) {
    const EMPTY: &str =
        "has no tables of Firebell's yet: run `firebell migrate`, or start `firebell serve`\n";
    assert!(said_of(url).ends_with(EMPTY), "{}", said_of(url));
    let db = Db::connect(url, 1, Clock::system()).await.expect("it is there");
    db.migrate().await.expect("migrated");
    let mut tx = db.write(Priority::Job).await.expect("a transaction");
    tx.exec("DELETE FROM _sqlx_migrations WHERE version > 1", &[]).await.expect("forgotten");
    tx.commit().await.expect("committed");
    let older = said_of(url);
    assert!(
        older.ends_with(
            "has the tables of an older Firebell: run `firebell migrate`, or start `firebell serve`\n"
        ),
        "{older}"
    );
    let mut tx = db.write(Priority::Job).await.expect("a transaction");
    tx.exec("DELETE FROM _sqlx_migrations", &[]).await.expect("forgotten");
    tx.commit().await.expect("committed");
    assert!(said_of(url).ends_with(EMPTY), "{}", said_of(url));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_or_older_database_is_called_so_on_sqlite() {
    let here = tempfile::tempdir().expect("a directory");
    fs::write(here.path().join("mine.db"), "").expect("written");
    an_empty_or_older_database_is_called_so(&format!("sqlite://{}/mine.db", here.path().display())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_or_older_database_is_called_so_on_postgres() {
    if let Some((url, _guard)) = testing::postgres_url().await {
        an_empty_or_older_database_is_called_so(&url).await;
    }
}

#[test]
fn a_database_that_cannot_be_had_is_named_once() {
    let here = tempfile::tempdir().expect("a directory");
    let migrate =
        |url: &str| finish(firebell(here.path(), &["migrate"]).env("FIREBELL__DATABASE__URL", url)).err;
    assert_eq!(
        migrate("sqlite:///nowhere/mine.db"),
        "firebell: cannot open /nowhere/mine.db; is its directory there and writable?: error returned from database: \
         (code: 14) unable to open database file\n"
    );
    assert_eq!(
        migrate("postgres://ana:pa55word@127.0.0.1:1/mine"),
        "firebell: cannot connect to Postgres; is database.url right and the server up?: nobody answers at \
         127.0.0.1:1 within 5 seconds\n"
    );
}
