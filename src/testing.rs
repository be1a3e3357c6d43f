//! Databases for tests: a fresh one of each engine, gone when its guard is dropped. Not part of the public interface;
//! a module rather than a test file, because the tests inside the crate and those beside it share it.

use std::path::PathBuf;

use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};
use uuid::Uuid;

use crate::clock::{Clock, Timestamp};
use crate::store::Db;

/// When tests begin: 2026-11-21T10:00:00Z.
pub const START: Timestamp = Timestamp::from_secs(1_795_255_200);
/// Where the tests' Postgres is, as a role that may create databases: `postgres://user@host:port/postgres`.
pub const POSTGRES_URL: &str = "FIREBELL_TEST_POSTGRES_URL";
/// When set, a missing Postgres fails the test instead of leaving it out.
pub const REQUIRE_POSTGRES: &str = "FIREBELL_TEST_REQUIRE_POSTGRES";

/// Removes the database when dropped; keep it as long as the [`Db`].
pub enum Guard {
    Directory(PathBuf),
    Database { server: String, name: String },
}

/// A migrated, empty SQLite database on disk.
pub async fn sqlite(clock: &Clock) -> (Db, Guard) {
    let directory = std::env::temp_dir().join(format!("firebell-{}", Uuid::new_v4().simple()));
    std::fs::create_dir(&directory).expect("the temporary directory is writable");
    let url = format!("sqlite://{}", directory.join("test.db").display());
    let guard = Guard::Directory(directory);
    let db = Db::connect(&url, 4, clock.clone()).await.expect("SQLite opens");
    db.migrate().await.expect("SQLite migrates");
    (db, guard)
}

/// A migrated, empty Postgres database; `None`, and a line that says so, when the tests were given no server.
pub async fn postgres(clock: &Clock) -> Option<(Db, Guard)> {
    let (url, guard) = postgres_url().await?;
    let db = Db::connect(&url, 8, clock.clone()).await.expect("Postgres connects");
    db.migrate().await.expect("Postgres migrates");
    Some((db, guard))
}

/// The address of a Postgres database without any table; `None` as in [`postgres`].
pub async fn postgres_url() -> Option<(String, Guard)> {
    let server = postgres_server()?;
    let name = format!("t_{}", Uuid::new_v4().simple());
    on_server(&server, format!("CREATE DATABASE {name}")).await.expect("Postgres creates a database");
    let mut url = url::Url::parse(&server).expect("the tests' Postgres address is a URL");
    url.set_path(&name);
    Some((url.into(), Guard::Database { server, name }))
}

#[expect(clippy::disallowed_methods, reason = "the tests' server is not a setting of the program")]
#[expect(clippy::print_stderr, reason = "a test that is left out says so")]
fn postgres_server() -> Option<String> {
    if let Ok(url) = std::env::var(POSTGRES_URL) {
        return Some(url);
    }
    assert!(
        std::env::var_os(REQUIRE_POSTGRES).is_none(),
        "{REQUIRE_POSTGRES} is set, but {POSTGRES_URL} is not"
    );
    eprintln!("left out on Postgres: {POSTGRES_URL} is not set");
    None
}

async fn on_server(server: &str, sql: String) -> sqlx::Result<()> {
    let options: sqlx::postgres::PgConnectOptions = server.parse()?;
    let mut connection = options.connect().await?;
    connection.execute(AssertSqlSafe(sql)).await?;
    connection.close().await
}

impl Drop for Guard {
    fn drop(&mut self) {
        match self {
            Self::Directory(path) => {
                let _ = std::fs::remove_dir_all(path);
            }
            Self::Database { server, name } => {
                let (server, sql) = (server.clone(), format!("DROP DATABASE {name} WITH (FORCE)"));
                // A thread with its own runtime: a drop cannot await, and the test's runtime may be ending.
                let dropping = std::thread::spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                    runtime.block_on(on_server(&server, sql)).map_err(std::io::Error::other)
                });
                let _ = dropping.join();
            }
        }
    }
}

/// Writes one scenario as two tests, `on_sqlite` and `on_postgres`, each with a database of its own and a clock that
/// stands at [`START`] until the scenario moves it.
///
/// ```text
/// on_both_engines!(async fn a_delivery_is_stored_once(db: Db, clock: Clock) { … });
/// ```
#[macro_export]
macro_rules! on_both_engines {
    ($(#[$meta:meta])* async fn $name:ident($db:ident: Db, $clock:ident: Clock $(,)?) $body:block) => {
        mod $name {
            use super::*;

            $(#[$meta])*
            async fn scenario($db: $crate::store::Db, $clock: $crate::clock::Clock) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                let clock = $crate::clock::Clock::manual($crate::testing::START);
                let (db, _guard) = $crate::testing::sqlite(&clock).await;
                scenario(db, clock).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                let clock = $crate::clock::Clock::manual($crate::testing::START);
                if let Some((db, _guard)) = $crate::testing::postgres(&clock).await {
                    scenario(db, clock).await;
                }
            }
        }
    };
}
