//! The schema's history: the same numbers and tables for both engines, native types on each, embedded in the binary.

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{PgPool, SqlSafeStr as _, SqlitePool};

use super::Db;
use crate::error::Result;

/// (number, name, Postgres, SQLite)
const HISTORY: &[(i64, &str, &str, &str)] = &[
    (
        1,
        "foundation",
        include_str!("../../migrations/postgres/0001_foundation.sql"),
        include_str!("../../migrations/sqlite/0001_foundation.sql"),
    ),
    (
        2,
        "groups",
        include_str!("../../migrations/postgres/0002_groups.sql"),
        include_str!("../../migrations/sqlite/0002_groups.sql"),
    ),
    (
        3,
        "audit and hand-offs",
        include_str!("../../migrations/postgres/0003_audit_and_hand_offs.sql"),
        include_str!("../../migrations/sqlite/0003_audit_and_hand_offs.sql"),
    ),
    (
        4,
        "paging",
        include_str!("../../migrations/postgres/0004_paging.sql"),
        include_str!("../../migrations/sqlite/0004_paging.sql"),
    ),
    (
        5,
        "notices",
        include_str!("../../migrations/postgres/0005_notices.sql"),
        include_str!("../../migrations/sqlite/0005_notices.sql"),
    ),
    (
        6,
        "status",
        include_str!("../../migrations/postgres/0006_status.sql"),
        include_str!("../../migrations/sqlite/0006_status.sql"),
    ),
    (
        7,
        "writes in doubt",
        include_str!("../../migrations/postgres/0007_writes_in_doubt.sql"),
        include_str!("../../migrations/sqlite/0007_writes_in_doubt.sql"),
    ),
];

pub(super) async fn postgres(pool: &PgPool) -> Result<()> {
    let migrator = migrator(|(_, _, postgres, _)| postgres);
    // Takes a session advisory lock: replicas that start together wait for one another.
    migrator.run(pool).await.map_err(anyhow::Error::from)?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a setting of the connection")]
pub(super) async fn sqlite(writer: &SqlitePool) -> Result<()> {
    migrator(|(_, _, _, sqlite)| sqlite).run(writer).await.map_err(anyhow::Error::from)?;
    // Making tables fills the connection's cache with pages that nobody needs again.
    sqlx::query("PRAGMA shrink_memory").execute(writer).await.map_err(anyhow::Error::from)?;
    Ok(())
}

impl Db {
    /// What the database lacks of the schema that this program knows, and what to do about it.
    pub async fn lacks(&self) -> Result<Option<&'static str>> {
        let mut tx = self.read().await?;
        let is_known = if tx.is_postgres() {
            "SELECT count(*) FROM pg_tables
             WHERE tablename = '_sqlx_migrations' AND schemaname = ANY (current_schemas(FALSE))"
        } else {
            "SELECT count(*) FROM sqlite_master WHERE name = '_sqlx_migrations'"
        };
        let taken = match tx.scalar::<i64>(is_known, &[]).await? {
            None | Some(0) => None,
            Some(_) => {
                tx.scalar::<Option<i64>>("SELECT max(version) FROM _sqlx_migrations", &[]).await?.flatten()
            }
        };
        let newest = HISTORY.last().map(|step| step.0);
        Ok(match taken {
            None => {
                Some("has no tables of Firebell's yet: run `firebell migrate`, or start `firebell serve`")
            }
            older if older < newest => {
                Some("has the tables of an older Firebell: run `firebell migrate`, or start `firebell serve`")
            }
            Some(_) => None,
        })
    }
}

fn migrator(text: fn(&(i64, &'static str, &'static str, &'static str)) -> &'static str) -> Migrator {
    let steps = HISTORY
        .iter()
        .map(|step| {
            let sql = text(step).into_sql_str();
            Migration::new(step.0, step.1.into(), MigrationType::Simple, sql, false)
        })
        .collect();
    Migrator::with_migrations(steps)
}
