//! [`Tx`]: a transaction whose call sites know neither engine.

use sqlx::encode::Encode;
use sqlx::error::BoxDynError;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgConnection, PgRow, Postgres};
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Arguments, Decode, PgPool, Row as _, Transaction, Type};

use super::gate::Turn;
use super::{Db, WORK_CHANNEL, Work, is_lost};
use crate::clock::{Clock, Timestamp};
use crate::error::{Error, Result};

/// A transaction. Dropped without [`Tx::commit`] it rolls back.
pub struct Tx {
    engine: Engine,
    db: Db,
    now: Timestamp,
    left: [bool; 2],
}

enum Engine {
    Pg(Transaction<'static, Postgres>),
    Lite {
        tx: Transaction<'static, Sqlite>,
        /// Given back only after the connection is (field order: dropped last).
        _turn: Turn,
    },
    ReadPg {
        connection: PoolConnection<Postgres>,
        pool: PgPool,
    },
    ReadLite(PoolConnection<Sqlite>),
}

pub enum Row {
    Pg(PgRow),
    Lite(SqliteRow),
}

/// A value that can be bound on both engines. `Option<&str>` cannot (lifetimes): bind `Option<String>`.
pub trait Val: Send + Sync {
    fn bind_pg(&self, to: &mut PgArguments) -> Result<(), BoxDynError>;
    fn bind_lite(&self, to: &mut SqliteArguments) -> Result<(), BoxDynError>;
}

impl<T: Send + Sync> Val for T
where
    T: for<'q> Encode<'q, Postgres> + Type<Postgres> + for<'q> Encode<'q, Sqlite> + Type<Sqlite>,
{
    fn bind_pg(&self, to: &mut PgArguments) -> Result<(), BoxDynError> {
        to.add(self)
    }
    fn bind_lite(&self, to: &mut SqliteArguments) -> Result<(), BoxDynError> {
        to.add(self)
    }
}

/// A value that can be read from both engines.
pub trait Col:
    for<'r> Decode<'r, Postgres> + Type<Postgres> + for<'r> Decode<'r, Sqlite> + Type<Sqlite>
{
}
impl<T> Col for T where
    T: for<'r> Decode<'r, Postgres> + Type<Postgres> + for<'r> Decode<'r, Sqlite> + Type<Sqlite>
{
}

/// A struct read from a row; the [`crate::row!`] macro writes the implementation.
pub trait FromRow: Sized {
    fn from_row(row: &Row) -> sqlx::Result<Self>;
}

impl Row {
    pub fn get<T: Col>(&self, column: &str) -> sqlx::Result<T> {
        match self {
            Self::Pg(r) => r.try_get(column),
            Self::Lite(r) => r.try_get(column),
        }
    }

    fn first<T: Col>(&self) -> sqlx::Result<T> {
        match self {
            Self::Pg(r) => r.try_get(0),
            Self::Lite(r) => r.try_get(0),
        }
    }
}

/// Declares a struct whose fields are columns of the same names, readable from both engines.
#[macro_export]
macro_rules! row {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$fmeta:meta])* pub $field:ident : $ty:ty),* $(,)? }) => {
        $(#[$meta])*
        pub struct $name { $($(#[$fmeta])* pub $field: $ty),* }
        impl $crate::store::FromRow for $name {
            fn from_row(row: &$crate::store::Row) -> sqlx::Result<Self> {
                Ok(Self { $($field: row.get(stringify!($field))?),* })
            }
        }
    };
}

impl Tx {
    fn new(engine: Engine, db: Db) -> Self {
        Self { engine, now: db.clock().now(), db, left: [false; 2] }
    }

    pub(super) fn pg(tx: Transaction<'static, Postgres>, db: Db) -> Self {
        Self::new(Engine::Pg(tx), db)
    }

    pub(super) fn lite(tx: Transaction<'static, Sqlite>, turn: Turn, db: Db) -> Self {
        Self::new(Engine::Lite { tx, _turn: turn }, db)
    }

    pub(super) fn read_pg(connection: PoolConnection<Postgres>, pool: PgPool, db: Db) -> Self {
        Self::new(Engine::ReadPg { connection, pool }, db)
    }

    pub(super) fn read_lite(connection: PoolConnection<Sqlite>, db: Db) -> Self {
        Self::new(Engine::ReadLite(connection), db)
    }

    /// The one time of this transaction: all it writes carries the same instant.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    pub fn clock(&self) -> &Clock {
        self.db.clock()
    }

    pub fn is_postgres(&self) -> bool {
        matches!(self.engine, Engine::Pg(_) | Engine::ReadPg { .. })
    }

    /// Says that this transaction leaves work: after the commit, who does it is woken, here and in the other replicas.
    pub fn leaves(&mut self, work: Work) {
        self.left[work as usize] = true;
    }

    pub async fn commit(mut self) -> Result<()> {
        let left = [Work::Jobs, Work::Deliveries].into_iter().filter(|work| self.left[*work as usize]);
        let left: Vec<Work> = left.collect();
        if self.is_postgres() {
            for work in &left {
                self.run("SELECT pg_notify($1, $2)", &[&WORK_CHANNEL, &work.word()]).await?;
            }
        }
        let Self { engine, db, .. } = self;
        match engine {
            Engine::Pg(tx) => tx.commit().await?,
            Engine::Lite { tx, _turn } => tx.commit().await?,
            Engine::ReadPg { .. } | Engine::ReadLite(_) => return Ok(()),
        }
        db.committed();
        for work in left {
            db.ring(work);
        }
        Ok(())
    }

    pub async fn rollback(self) -> Result<()> {
        match self.engine {
            Engine::Pg(tx) => tx.rollback().await?,
            Engine::Lite { tx, _turn } => tx.rollback().await?,
            Engine::ReadPg { .. } | Engine::ReadLite(_) => {}
        }
        Ok(())
    }

    /// All rows.
    pub async fn all<T: FromRow>(&mut self, sql: &'static str, args: &[&dyn Val]) -> Result<Vec<T>> {
        let rows = self.run(sql, args).await?;
        rows.iter().map(T::from_row).map(|r| r.map_err(|e| in_statement(e, sql))).collect()
    }

    /// The first row, if any.
    pub async fn opt<T: FromRow>(&mut self, sql: &'static str, args: &[&dyn Val]) -> Result<Option<T>> {
        let rows = self.run(sql, args).await?;
        rows.first().map(|r| T::from_row(r).map_err(|e| in_statement(e, sql))).transpose()
    }

    /// The row, which must be there.
    pub async fn one<T: FromRow>(&mut self, sql: &'static str, args: &[&dyn Val]) -> Result<T> {
        self.opt(sql, args).await?.ok_or_else(|| in_statement(sqlx::Error::RowNotFound, sql))
    }

    /// The first column of the first row, if there is one.
    pub async fn scalar<T: Col>(&mut self, sql: &'static str, args: &[&dyn Val]) -> Result<Option<T>> {
        let rows = self.run(sql, args).await?;
        rows.first().map(|r| r.first().map_err(|e| in_statement(e, sql))).transpose()
    }

    /// The first column of all rows.
    pub async fn scalars<T: Col>(&mut self, sql: &'static str, args: &[&dyn Val]) -> Result<Vec<T>> {
        let rows = self.run(sql, args).await?;
        rows.iter().map(|r| r.first().map_err(|e| in_statement(e, sql))).collect()
    }

    async fn run(&mut self, sql: &'static str, args: &[&dyn Val]) -> Result<Vec<Row>> {
        let rows = match &mut self.engine {
            Engine::Pg(tx) => fetch_pg(tx, sql, args).await,
            Engine::Lite { tx, .. } => fetch_lite(tx, sql, args).await,
            Engine::ReadPg { connection, pool } => {
                let mut tries_left = 3;
                loop {
                    match fetch_pg(connection, sql, args).await {
                        Err(e) if tries_left > 0 && is_lost(&e) => {
                            tries_left -= 1; // a dead connection; what only reads may be asked again
                            *connection = pool.acquire().await?;
                        }
                        other => break other,
                    }
                }
            }
            Engine::ReadLite(connection) => fetch_lite(connection, sql, args).await,
        };
        rows.map_err(|e| in_statement(e, sql))
    }

    /// How many rows were changed.
    #[expect(clippy::disallowed_methods, reason = "a place where SQL is executed")]
    pub async fn exec(&mut self, sql: &'static str, args: &[&dyn Val]) -> Result<u64> {
        let changed = match &mut self.engine {
            Engine::Pg(tx) => {
                let query = sqlx::query_with(sql, pg_arguments(args).map_err(|e| in_statement(e, sql))?);
                query.execute(&mut **tx).await.map(|done| done.rows_affected())
            }
            Engine::Lite { tx, .. } => {
                let query = sqlx::query_with(sql, lite_arguments(args).map_err(|e| in_statement(e, sql))?);
                query.execute(&mut **tx).await.map(|done| done.rows_affected())
            }
            Engine::ReadPg { .. } | Engine::ReadLite(_) => {
                return Err(Error::internal("what was opened for reading changes nothing"));
            }
        };
        changed.map_err(|e| in_statement(e, sql))
    }
}

#[expect(clippy::disallowed_methods, reason = "a place where SQL is executed")]
async fn fetch_pg(on: &mut PgConnection, sql: &'static str, args: &[&dyn Val]) -> sqlx::Result<Vec<Row>> {
    let rows = sqlx::query_with(sql, pg_arguments(args)?).fetch_all(on).await?;
    Ok(rows.into_iter().map(Row::Pg).collect())
}

#[expect(clippy::disallowed_methods, reason = "a place where SQL is executed")]
async fn fetch_lite(
    on: &mut SqliteConnection,
    sql: &'static str,
    args: &[&dyn Val],
) -> sqlx::Result<Vec<Row>> {
    let rows = sqlx::query_with(sql, lite_arguments(args)?).fetch_all(on).await?;
    Ok(rows.into_iter().map(Row::Lite).collect())
}

fn pg_arguments(args: &[&dyn Val]) -> sqlx::Result<PgArguments> {
    let mut bound = PgArguments::default();
    for arg in args {
        arg.bind_pg(&mut bound).map_err(sqlx::Error::Encode)?;
    }
    Ok(bound)
}

fn lite_arguments(args: &[&dyn Val]) -> sqlx::Result<SqliteArguments> {
    let mut bound = SqliteArguments::default();
    for arg in args {
        arg.bind_lite(&mut bound).map_err(sqlx::Error::Encode)?;
    }
    Ok(bound)
}

/// The statement (its text, never its values) belongs to the error: 40 lines of stack say less.
pub(super) fn in_statement(e: sqlx::Error, sql: &'static str) -> Error {
    let brief: String = sql.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(120).collect();
    Error::Internal(anyhow::Error::new(e).context(format!("database, at: {brief}")))
}

#[cfg(test)]
mod tests {
    use crate::on_both_engines;
    use crate::store::Priority;

    on_both_engines! {
        async fn reading_survives_a_connection_that_died_and_changes_nothing(db: Db, _clock: Clock) {
            let mut reading = db.read().await.expect("the database reads");
            if db.is_postgres() {
                let mut ending = db.write(Priority::Job).await.expect("the database writes");
                let ended: Vec<bool> = ending
                    .scalars(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                         WHERE datname = current_database() AND pid <> pg_backend_pid()",
                        &[],
                    )
                    .await
                    .expect("connections end");
                assert!(!ended.is_empty());
            }
            let number: Option<i64> =
                reading.scalar("SELECT value FROM counter WHERE name = 'incident'", &[]).await.expect("read again");
            assert_eq!(number, Some(0));
            assert!(reading.exec("UPDATE counter SET value = 9", &[]).await.is_err());
        }
    }
}
