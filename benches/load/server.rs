//! Servers under measurement: each in a process of its own, on one core, on a database of its own.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use firebell::sim::scene::World;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};
use tokio::runtime::Runtime;

use crate::client::{self, Requests};
use crate::machine;

/// Where a server's rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "Postgres",
        }
    }
}

/// A fresh database; gone when dropped.
pub struct Database {
    pub url: String,
    directory: Option<PathBuf>,
    on_server: Option<(String, String)>,
}

/// A running server; killed when dropped, before its database goes.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    pub database: Option<Database>,
}

/// A directory for what a run leaves on disk, on the disk that holds `target`.
pub fn scratch() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
}

impl Database {
    pub fn fresh(engine: Engine, postgres: Option<&str>) -> Result<Self> {
        let name = format!("bench_{}", uuid::Uuid::new_v4().simple());
        match engine {
            Engine::Sqlite => {
                let directory = scratch().join(&name);
                fs::create_dir_all(&directory)?;
                let url = format!("sqlite://{}", directory.join("firebell.db").display());
                Ok(Self { url, directory: Some(directory), on_server: None })
            }
            Engine::Postgres => {
                let server = postgres.context("Postgres was not started")?;
                ask_postgres(server, &format!("CREATE DATABASE {name}"))?;
                let mut url = url::Url::parse(server)?;
                url.set_path(&name);
                Ok(Self { url: url.into(), directory: None, on_server: Some((server.to_owned(), name)) })
            }
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(directory) = &self.directory {
            let _ = fs::remove_dir_all(directory);
        }
        if let Some((server, name)) = &self.on_server {
            let _ = ask_postgres(server, &format!("DROP DATABASE {name} WITH (FORCE)"));
        }
    }
}

fn ask_postgres(server: &str, sql: &str) -> Result<()> {
    let options: sqlx::postgres::PgConnectOptions = server.parse()?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let mut connection = options.connect().await?;
        connection.execute(AssertSqlSafe(sql.to_owned())).await?;
        connection.close().await?;
        Ok(())
    })
}

/// Core 0 is the servers', the other one the sender's and the vendors'. Postgres runs where it likes.
fn on_one_core(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", "0"]).arg(program);
    command
}

/// Keeps the sender off the servers' core, and lets it sleep as shortly as it asks to.
pub fn keep_off_their_core() -> Result<bool> {
    let _ = fs::write("/proc/self/timerslack_ns", "1");
    if machine::cores() < 2 {
        return Ok(false);
    }
    let pid = std::process::id().to_string();
    let last = (machine::cores() - 1).to_string();
    let status =
        Command::new("taskset").args(["--cpu-list", "--pid", &last, &pid]).stdout(Stdio::null()).status();
    Ok(status.context("taskset (util-linux) is needed to give each process its core")?.success())
}

impl Server {
    /// Starts a baseline.
    pub fn baseline(name: &str, database: Option<Database>) -> Result<Self> {
        let mut command = on_one_core(std::env::current_exe()?);
        command.args(["--baseline", name]).args(database.iter().map(|d| &d.url)).stdout(Stdio::piped());
        let mut child = command.spawn().context("starting a baseline")?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("its standard output")?).read_line(&mut line)?;
        let address = line.trim().parse().context("where the baseline listens")?;
        Ok(Self { child, address, database })
    }

    /// Starts `firebell serve` on the simulated vendors, with `more` configuration, logging as in production, and
    /// waits until it is ready.
    pub fn firebell(world: &World, database: Database, more: &str) -> Result<(Self, Duration)> {
        let address = free_address()?;
        let log = scratch().join("firebell.log");
        let toml = world.firebell_toml(&database.url, &address.to_string()) + more;
        let config = scratch().join(format!("firebell-{}.toml", address.port()));
        write_privately(&config, &toml)?;
        let mut command = on_one_core(env!("CARGO_BIN_EXE_firebell"));
        command.args(["serve", "--config"]).arg(&config);
        command.stdout(Stdio::null()).stderr(File::create(&log)?).env("TOKIO_WORKER_THREADS", "1");
        let began_at = Instant::now();
        let child = command.spawn().context("starting firebell")?;
        let mut server = Self { child, address, database: Some(database) };
        let ready = server.wait_until_ready(began_at);
        fs::remove_file(&config)?;
        let took = ready
            .with_context(|| format!("firebell's log: {}", fs::read_to_string(&log).unwrap_or_default()))?;
        Ok((server, took))
    }

    fn wait_until_ready(&mut self, began_at: Instant) -> Result<Duration> {
        while began_at.elapsed() < Duration::from_secs(20) {
            if is_ready(self.address) {
                return Ok(began_at.elapsed());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("firebell ended with {status} before it was ready");
            }
            std::thread::sleep(Duration::from_micros(500));
        }
        bail!("firebell was not ready within 20 s")
    }

    /// Waits until the people of the workspace have been read: before that, commands are answered otherwise.
    pub fn wait_until_it_knows_people(&self, command: &Requests) -> Result<String> {
        self.wait_for(command, |body| !body.contains("not met you") && !body.contains("still starting"))
    }

    /// Waits for an answer like that.
    pub fn wait_for(&self, command: &Requests, is_it: impl Fn(&str) -> bool) -> Result<String> {
        let began_at = Instant::now();
        loop {
            let (status, body) = client::send_one(self.address, command)?;
            if status == 200 && is_it(&body) {
                return Ok(body);
            }
            if began_at.elapsed() > Duration::from_secs(10) {
                bail!("the command is still answered with {status} {body}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until it has done what a start brings with it: reading people, comparing groups.
    pub fn wait_until_calm(&self) -> Result<()> {
        const LOOK: Duration = Duration::from_millis(500);
        for _ in 0..60 {
            let before = machine::cpu_of_process(self.pid())?;
            std::thread::sleep(LOOK);
            if machine::cpu_of_process(self.pid())?.saturating_sub(before) < LOOK / 20 {
                return Ok(());
            }
        }
        bail!("firebell was still busy after half a minute")
    }

    pub fn pid(&self) -> u32 {
        self.child.id() // taskset becomes the program
    }

    /// One number out of its database, read beside it.
    pub fn count(&self, runtime: &Runtime, sql: &'static str) -> Result<i64> {
        let url = &self.database.as_ref().context("it has a database")?.url;
        runtime.block_on(async {
            if url.starts_with("postgres") {
                let mut connection = sqlx::PgConnection::connect(url).await?;
                Ok(sqlx::query_scalar(sql).fetch_one(&mut connection).await?)
            } else {
                let mut connection = sqlx::SqliteConnection::connect(url).await?;
                Ok(sqlx::query_scalar(sql).fetch_one(&mut connection).await?)
            }
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_ready(address: SocketAddr) -> bool {
    use std::io::{Read as _, Write as _};
    let Ok(mut stream) = std::net::TcpStream::connect(address) else { return false };
    let mut head = [0; 12];
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").is_ok()
        && stream.read_exact(&mut head).is_ok()
        && head.ends_with(b" 200")
}

/// A port that was free a moment ago.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// The simulated vendors' secrets are no secrets, but the program warns of a file that everybody can read.
fn write_privately(path: &PathBuf, text: &str) -> Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    Ok(file.write_all(text.as_bytes())?)
}
