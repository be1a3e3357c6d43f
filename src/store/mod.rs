//! The store: one transaction type over two engines, Postgres and embedded SQLite. All engine code is in this folder;
//! features write one SQL text (`$1` placeholders, `ON CONFLICT … RETURNING`) in their `store.rs`, as methods on [`Tx`].
//!
//! A `Tx` is never held across a remote call. State changes are one conditional `UPDATE` whose row count is looked
//! at; nothing is read, changed in Rust and written back.

mod gate;
mod migrate;
mod tx;
mod types;

use std::fs::{self, File, TryLockError};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, PgPool, SqlitePool};
use tokio::sync::watch;

use crate::clock::{Clock, Timestamp};
use crate::error::{Error, Result};
use gate::Gate;

pub use tx::{Col, FromRow, Row, Tx, Val};
pub use types::{Bytes, Json};

/// Who is served first when SQLite's single writer is busy: people before deliveries before jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    Command,
    Intake,
    Job,
}

/// What a committed transaction may leave for a worker. Each worker hears of its own, or each delivery would have the
/// job runner look, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    Jobs,
    Deliveries,
}

impl Work {
    /// In Postgres' notifications.
    const fn word(self) -> &'static str {
        match self {
            Self::Jobs => "jobs",
            Self::Deliveries => "deliveries",
        }
    }
}

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    engine: Engine,
    clock: Clock,
    /// Rung when a committed transaction left work: for the job runner, and for who reads the inbox.
    bells: [watch::Sender<()>; 2],
    commits: AtomicU64,
}

enum Engine {
    Pg(PgPool),
    /// `write` has one connection: SQLite has one writer anyway, and queueing in front of it is fair and quick,
    /// where eight connections that poll its lock waited up to 400 ms (measured).
    Lite {
        read: SqlitePool,
        write: SqlitePool,
        gate: Gate,
    },
}

/// The channel of `LISTEN`/`NOTIFY` that tells other replicas of new work.
const WORK_CHANNEL: &str = "firebell_work";

/// How long Postgres may take to give us a connection.
const PG_PATIENCE: Duration = Duration::from_secs(5);

/// SQLite's code for a file that is something else: <https://www.sqlite.org/rescode.html#notadb>
const NO_DATABASE: &str = "26";

impl Db {
    /// Connects to `postgres://…` or `sqlite://path` (created when missing). Does not migrate.
    pub async fn connect(url: &str, max_connections: u32, clock: Clock) -> Result<Self> {
        let engine = if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Engine::Pg(connect_postgres(url, max_connections).await?)
        } else if url.starts_with("sqlite:") {
            connect_sqlite(sqlite_options(url)?.create_if_missing(true)).await?
        } else {
            return Err(Error::refused("database.url must start with sqlite:// or postgres://"));
        };
        Ok(Self(Arc::new(Inner { engine, clock, bells: Default::default(), commits: AtomicU64::new(0) })))
    }

    /// Whether there is a file for SQLite at all; Postgres is asked by connecting.
    pub fn is_there(url: &str) -> Result<bool> {
        Ok(!url.starts_with("sqlite:") || sqlite_options(url)?.get_filename().exists())
    }

    /// Connects to a database that is there: a tool must not leave a new, empty one at a mistyped path.
    pub async fn open(url: &str, clock: Clock) -> Result<Self> {
        if !Self::is_there(url)? {
            return Err(Error::refused(format!("there is no database at {url}")));
        }
        Self::connect(url, 2, clock).await
    }

    pub fn is_postgres(&self) -> bool {
        matches!(self.0.engine, Engine::Pg(_))
    }

    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Brings the schema up to date. Safe when several replicas start at once: Postgres is locked for the
    /// duration, SQLite has one process.
    pub async fn migrate(&self) -> Result<()> {
        match &self.0.engine {
            Engine::Pg(pool) => migrate::postgres(pool).await,
            Engine::Lite { write, .. } => migrate::sqlite(write).await,
        }
    }

    /// For reading only; on SQLite it does not wait for writers. Nothing is begun: each statement sees what is
    /// committed when it runs, as it would in a transaction on Postgres, without the round trips of one.
    pub async fn read(&self) -> Result<Tx> {
        match &self.0.engine {
            Engine::Pg(pool) => Ok(Tx::read_pg(pool.acquire().await?, pool.clone(), self.clone())),
            Engine::Lite { read, .. } => Ok(Tx::read_lite(read.acquire().await?, self.clone())),
        }
    }

    /// A transaction that writes. On SQLite it takes its turn by priority.
    pub async fn write(&self, priority: Priority) -> Result<Tx> {
        match &self.0.engine {
            Engine::Pg(pool) => Ok(Tx::pg(begin_pg(pool).await?, self.clone())),
            Engine::Lite { write, gate, .. } => {
                let turn = gate.enter(priority).await;
                let tx = write.begin_with("BEGIN IMMEDIATE").await?;
                Ok(Tx::lite(tx, turn, self.clone()))
            }
        }
    }

    /// Is the database there? One cheap round trip.
    pub async fn ping(&self) -> Result<()> {
        let mut tx = self.read().await?;
        tx.scalar::<i64>("SELECT CAST(1 AS BIGINT)", &[]).await?;
        Ok(())
    }

    /// Hears of work that a transaction has left behind, in this process or (through [`Db::listen`]) in another
    /// replica. A missed ring costs at most the runner's next poll.
    pub fn bell(&self, work: Work) -> watch::Receiver<()> {
        self.0.bells[work as usize].subscribe()
    }

    /// Rings the bell of this process.
    pub fn ring(&self, work: Work) {
        self.0.bells[work as usize].send_replace(());
    }

    /// How many transactions this process has committed: what was read at one number is what is there while the number
    /// stays, but for other replicas.
    pub fn commits(&self) -> u64 {
        self.0.commits.load(Ordering::Acquire)
    }

    fn committed(&self) {
        self.0.commits.fetch_add(1, Ordering::Release);
    }

    /// Forwards Postgres notifications to the local bell until cancelled; on SQLite there is nobody else to hear.
    /// Returns only on a connection error that the caller retries.
    pub async fn listen(&self) -> Result<()> {
        let Engine::Pg(pool) = &self.0.engine else {
            return std::future::pending().await;
        };
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(WORK_CHANNEL).await?;
        loop {
            let heard = listener.recv().await?;
            for work in [Work::Jobs, Work::Deliveries].into_iter().filter(|w| heard.payload() == w.word()) {
                self.ring(work);
            }
        }
    }

    /// Postgres' bulk insert of three columns as arrays, and one time: a transaction by itself, one round trip where
    /// begin, insert, notify and commit are four. Whether the first try arrived is not known when its connection turns
    /// out to be dead, so the statement must be one that may be repeated.
    #[expect(clippy::disallowed_methods, reason = "SQL that is its own transaction")]
    pub async fn insert_arrays(
        &self,
        sql: &'static str,
        (a, b, c): (&[&str], &[&str], &[&[u8]]),
        at: Timestamp,
        leaves: Work,
    ) -> Result<()> {
        let Engine::Pg(pool) = &self.0.engine else {
            return Err(Error::internal("arrays are for Postgres"));
        };
        let mut tries_left = 3;
        loop {
            let query =
                sqlx::query(sql).bind(a).bind(b).bind(c).bind(at).bind(WORK_CHANNEL).bind(leaves.word());
            match query.execute(pool).await {
                Err(e) if tries_left > 0 && is_lost(&e) => tries_left -= 1,
                Err(e) => return Err(tx::in_statement(e, sql)),
                Ok(_) => break,
            }
        }
        self.ring(leaves);
        Ok(())
    }

    /// SQLite serves one server: a second one would take what the first is doing for left behind, and do it again.
    /// Holds until dropped, or until the process ends in whatever way. Postgres serves many.
    pub fn serve_alone(&self) -> Result<Option<File>> {
        let Engine::Lite { write, .. } = &self.0.engine else { return Ok(None) };
        // A file of its own: closing the database's file would drop the locks of SQLite itself.
        let database = write.connect_options().get_filename().to_owned();
        let mut lock = fs::canonicalize(&database).unwrap_or_else(|_| database.clone()).into_os_string();
        lock.push("-lock");
        let lock = PathBuf::from(lock);
        let file = File::create(&lock).with_context(|| format!("cannot write {}", lock.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Err(Error::refused(format!(
                "another firebell serves {} already; SQLite is for one at a time, Postgres for several",
                database.display()
            ))),
            Err(TryLockError::Error(error)) => {
                Err(anyhow::Error::new(error).context(format!("cannot lock {}", lock.display())).into())
            }
        }
    }

    pub async fn close(&self) {
        match &self.0.engine {
            Engine::Pg(pool) => pool.close().await,
            Engine::Lite { read, write, .. } => {
                read.close().await;
                write.close().await;
            }
        }
    }
}

/// The pool does not ping a connection before lending it (a quarter of the throughput); instead a `BEGIN` that
/// meets a dead connection is tried again on the next one.
async fn begin_pg(pool: &PgPool) -> Result<sqlx::Transaction<'static, sqlx::Postgres>> {
    let mut tries_left = 3;
    loop {
        match pool.begin().await {
            Err(e) if tries_left > 0 && is_lost(&e) => tries_left -= 1,
            other => return Ok(other?),
        }
    }
}

/// The connection is dead: broken off, or ended by Postgres (`admin_shutdown`, `crash_shutdown`), which says so to whoever
/// uses it next.
fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) => true,
        sqlx::Error::Database(said) => said.code().is_some_and(|code| code == "57P01" || code == "57P02"),
        _ => false,
    }
}

async fn connect_postgres(url: &str, max_connections: u32) -> Result<PgPool> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| Error::refused("database.url is not a valid postgres:// address"))?
        .application_name("firebell")
        .options([
            // A server that hangs must not hang us: no statement of ours takes long.
            ("statement_timeout", "20s"),
            ("idle_in_transaction_session_timeout", "30s"),
            // Every statement of ours wants few rows, in the order of an index. The planner, whose statistics say
            // that nothing waits (as is so nearly always), would read and sort a whole backlog for each claim.
            ("enable_bitmapscan", "off"),
        ]);
    let address = format!("{}:{}", options.get_host(), options.get_port());
    let pool = PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(PG_PATIENCE)
        .test_before_acquire(false)
        .connect_with(options)
        .await;
    // sqlx tries a refused connection again and again, and then says only that its pool timed out.
    let said = pool.map_err(|error| match error {
        sqlx::Error::PoolTimedOut => {
            anyhow::anyhow!("nobody answers at {address} within {} seconds", PG_PATIENCE.as_secs())
        }
        error => error.into(),
    });
    Ok(said.context("cannot connect to Postgres; is database.url right and the server up?")?)
}

fn sqlite_options(url: &str) -> Result<SqliteConnectOptions> {
    Ok(SqliteConnectOptions::from_str(url).context("database.url is not a valid sqlite:// path")?)
}

async fn connect_sqlite(options: SqliteConnectOptions) -> Result<Engine> {
    let base = options
        .journal_mode(SqliteJournalMode::Wal)
        // FULL: an answered delivery survives a power cut. Group commit makes it cheap.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(5))
        .foreign_keys(true);
    let write = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(Duration::from_secs(10))
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        // A full disk makes SQLite take a transaction back by itself; sqlx then believes in it for ever, and begins
        // none on that connection again.
        .before_acquire(|writer, _| Box::pin(async move { Ok(!writer.is_in_transaction()) }))
        .connect_with(base.clone())
        .await
        .map_err(|error| {
            let file = base.get_filename().display().to_string();
            let is_another = |e: &dyn sqlx::error::DatabaseError| e.code().as_deref() == Some(NO_DATABASE);
            if error.as_database_error().is_some_and(is_another) {
                return anyhow::anyhow!(
                    "{file} is no SQLite database; name another file as database.url, or move this one away for a new one"
                );
            }
            let context = format!("cannot open {file}; is its directory there and writable?");
            anyhow::Error::from(error).context(context)
        })?;
    let read = SqlitePoolOptions::new()
        .max_connections(4)
        .acquire_timeout(Duration::from_secs(10))
        .test_before_acquire(false)
        .connect_with(base.create_if_missing(false).pragma("query_only", "on"))
        .await
        .context("cannot open the SQLite file for reading")?;
    Ok(Engine::Lite { read, write, gate: Gate::default() })
}
