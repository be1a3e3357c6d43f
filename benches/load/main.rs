//! The program under load: `scripts/with-postgres` is called when no Postgres is given.
//!
//! ```text
//! cargo bench --bench load                    about three minutes
//! cargo bench --bench load -- --quick         one short round
//! cargo bench --bench load -- --sqlite-only   without Postgres
//! cargo bench --bench load -- --only list     rows whose name holds the word; `room` for start, memory and the room
//! cargo bench --bench load -- --seconds 20    one long round, for a profiler to look at
//! ```
//! What the rows mean is in docs/performance.md.
#![expect(
    clippy::disallowed_methods,
    reason = "a bench measures real time, and its baselines speak SQL themselves"
)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the table is what it is for")]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

mod baseline;
mod client;
mod machine;
mod report;
mod room;
mod rows;
mod server;
mod teams;

use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use firebell::clock::Clock;
use firebell::sim::scene::World;
use firebell::testing::POSTGRES_URL;
use serde_json::{Value, json};
use sqlx::Connection as _;

use rows::Scene;
use server::{Database, Engine, Server};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|a| a == flag);
    let after = |flag: &str| arguments.iter().skip_while(|a| *a != flag).skip(1).cloned().collect::<Vec<_>>();
    if let [name, rest @ ..] = &after("--baseline")[..] {
        return baseline::serve(name, rest.first().map(String::as_str));
    }
    if !has("--bench") {
        eprintln!("load: measures only under `cargo bench`");
        return Ok(());
    }
    let postgres = std::env::var(POSTGRES_URL).ok();
    if postgres.is_none() && !has("--sqlite-only") {
        return with_postgres(&arguments);
    }
    let only = after("--only").first().cloned().unwrap_or_default();
    let (rounds, warm_up, measured) = match after("--seconds").first() {
        Some(seconds) => (1, Duration::from_secs(1), Duration::from_secs(seconds.parse()?)),
        None if has("--quick") => (1, Duration::from_millis(300), Duration::from_secs(1)),
        None => (3, Duration::from_millis(700), Duration::from_millis(2500)),
    };
    let postgres = postgres.filter(|_| !has("--sqlite-only"));
    let plan = Plan { rounds, warm_up, measured, only };
    measure(postgres, &plan)
}

/// Runs this again beside a throw-away cluster that commits durably.
fn with_postgres(arguments: &[String]) -> Result<()> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/with-postgres");
    let error = Command::new(script)
        .env("FIREBELL_PG_FSYNC", "on")
        .arg(std::env::current_exe()?)
        .args(arguments)
        .exec();
    Err(error).with_context(|| format!("{script} did not start; --sqlite-only leaves Postgres out"))
}

/// How long to look.
struct Plan {
    rounds: usize,
    warm_up: Duration,
    measured: Duration,
    /// A word that the names of the rows hold; empty for all rows, start, memory and the room.
    only: String,
}

fn measure(postgres: Option<String>, plan: &Plan) -> Result<()> {
    let Plan { rounds, warm_up, measured, only } = plan;
    let quick = *rounds == 1;
    let mut machine = machine::describe(&server::scratch())?;
    let pinned = server::keep_off_their_core()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    machine["postgres"] = match &postgres {
        Some(url) => runtime.block_on(settings(url))?,
        None => "left out".into(),
    };
    println!("{machine:#}");
    if !pinned {
        println!("ONE CORE: servers and sender share it, the rates say little");
    }
    let world = runtime.block_on(World::start(Clock::system()))?;
    let large = runtime.block_on(teams::world())?;
    let scene = Scene { runtime, world, large, postgres, warm_up: *warm_up, measure: *measured };

    let mut rows = rows::all(scene.postgres.is_some());
    rows.retain(|row| row.name().contains(only.as_str()));
    let mut all = Vec::new();
    for round in 1..=*rounds {
        eprintln!("load: round {round} of {rounds}, load average {:.2}", machine::load_average());
        let measure = |row: &rows::Row| scene.measure(row).with_context(|| row.name());
        all.push(rows.iter().map(measure).collect::<Result<Vec<_>>>()?);
    }
    let (table, loads) = report::load(&rows, &all);
    println!("\n{table}");
    let mut figures = json!({ "machine": machine, "load": loads });
    if only.is_empty() || only == "room" {
        let (text, start) = start(&scene, if quick { 3 } else { 10 })?;
        print!("{text}");
        let (text, rooms) = report::rooms(&room::open_rooms(&scene, if quick { 1 } else { 5 })?);
        print!("{text}");
        figures["start"] = start;
        figures["room"] = rooms;
    }
    let path = server::scratch().with_file_name("firebell-load.json");
    std::fs::write(&path, format!("{figures:#}\n"))?;
    println!("figures: {}", path.display());
    Ok(())
}

/// The first start makes the database; the others find it.
fn start(scene: &Scene, times: usize) -> Result<(String, Value)> {
    let idle = |server: &mut Server| {
        server.wait_until_it_knows_people(&scene.command("/incident help")?)?;
        std::thread::sleep(Duration::from_secs(2));
        machine::resident(server.pid())
    };
    let (mut server, first) = Server::firebell(&scene.world, Database::fresh(Engine::Sqlite, None)?, "")?;
    let idle_first = idle(&mut server)?;
    let mut again = Vec::new();
    for _ in 0..times {
        let database = server.database.take().context("its database")?;
        drop(server);
        let (next, took) = Server::firebell(&scene.world, database, "")?;
        again.push(took);
        server = next;
    }
    let idle_again = idle(&mut server)?;
    Ok(report::start(first, &again, [idle_first, idle_again]))
}

/// The settings that make Postgres' figures mean something.
async fn settings(url: &str) -> Result<Value> {
    let mut connection = sqlx::PgConnection::connect(url).await?;
    let mut found = json!({});
    for setting in ["server_version", "fsync", "synchronous_commit", "full_page_writes", "wal_sync_method"] {
        let value: String =
            sqlx::query_scalar("SELECT current_setting($1)").bind(setting).fetch_one(&mut connection).await?;
        found[setting] = value.into();
    }
    if found["fsync"] != "on" || found["synchronous_commit"] != "on" {
        bail!("this Postgres does not commit durably; run with FIREBELL_PG_FSYNC=on scripts/with-postgres");
    }
    Ok(found)
}
