//! What Firebell is compared with, in the same run, in processes of their own: a server that only answers, and
//! servers that verify each delivery and commit it by itself.

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use firebell::clock::Clock;
use firebell::http::signature::verify_pagerduty;
use firebell::sim::pagerduty::PagerDuty;
use firebell::store::Db;
use secrecy::SecretString;
use serde::Deserialize;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{PgPool, SqlitePool};
use tokio::net::TcpListener;

/// Runs one of the baselines until killed, and says on standard output where it listens.
pub fn serve(name: &str, database_url: Option<&str>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let router = match (name, database_url) {
            ("bare", None) => bare(),
            ("inserts", Some(url)) => inserts(url).await?,
            _ => bail!("no baseline {name:?} like that"),
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let mut out = std::io::stdout();
        writeln!(out, "{}", listener.local_addr()?)?;
        out.flush()?;
        axum::serve(listener, router).await?;
        Ok(())
    })
}

/// Reads the request and answers 200.
fn bare() -> Router {
    Router::new().fallback(post(|_body: Bytes| async { StatusCode::OK }))
}

struct Inserting {
    secrets: Vec<SecretString>,
    database: Database,
}

enum Database {
    Postgres(PgPool),
    Sqlite(SqlitePool),
}

/// The same signature check, the same table with the same indexes, one INSERT and one COMMIT for each request: as fast
/// as that goes (no ping before a connection is used, prepared statements, one round trip).
async fn inserts(url: &str) -> Result<Router> {
    Db::connect(url, 1, Clock::system()).await?.migrate().await?;
    let database = if url.starts_with("postgres") {
        let pool = PgPoolOptions::new().max_connections(16).test_before_acquire(false).connect(url).await?;
        Database::Postgres(pool)
    } else {
        let options: SqliteConnectOptions = url.parse()?;
        let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
        let pool = SqlitePoolOptions::new().max_connections(1).test_before_acquire(false);
        Database::Sqlite(pool.connect_with(options).await?)
    };
    let inserting = Inserting { secrets: vec![PagerDuty::WEBHOOK_SECRET.into()], database };
    Ok(Router::new().route("/webhooks/pagerduty", post(insert)).with_state(Arc::new(inserting)))
}

#[derive(Deserialize)]
struct Envelope {
    event: Event,
}

#[derive(Deserialize)]
struct Event {
    id: String,
}

async fn insert(State(to): State<Arc<Inserting>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    if verify_pagerduty(&headers, &body, &to.secrets).is_err() {
        return StatusCode::UNAUTHORIZED;
    }
    match to.insert(&body).await {
        Ok(()) => StatusCode::ACCEPTED,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

impl Inserting {
    async fn insert(&self, body: &[u8]) -> Result<()> {
        let envelope: Envelope = serde_json::from_slice(body).context("an event")?;
        let now = Clock::system().now();
        match &self.database {
            Database::Postgres(pool) => {
                sqlx::query(
                    "INSERT INTO inbox (source, delivery_key, body, received_at, run_at)
                     VALUES ($1, $2, $3, $4, $4) ON CONFLICT (source, delivery_key) DO NOTHING",
                )
                .bind("pagerduty")
                .bind(envelope.event.id)
                .bind(body)
                .bind(now)
                .execute(pool)
                .await?;
            }
            Database::Sqlite(pool) => {
                sqlx::query(
                    "INSERT INTO inbox (source, delivery_key, body, received_at, run_at)
                     VALUES ($1, $2, $3, $4, $4) ON CONFLICT (source, delivery_key) DO NOTHING",
                )
                .bind("pagerduty")
                .bind(envelope.event.id)
                .bind(body)
                .bind(now)
                .execute(pool)
                .await?;
            }
        }
        Ok(())
    }
}
