//! The command line: what operators type and init systems start. One file for each subcommand; this one is the
//! grammar, and the ways to end: 0 done, 1 failed, 2 the command line or the configuration is wrong; of `sync`, whose 2 says that
//! something would change, that is 3.

mod audit;
mod check;
mod demo;
mod doctor;
mod jobs;
mod logging;
mod people;
mod serve;
mod signals;
mod sync;

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::clock::Clock;
use crate::config::{Config, Database, Problems, environment};
use crate::error::Error;
use crate::store::Db;

const EXAMPLES: &str = "\
Examples:
  firebell demo                                 see it work, without any account
  firebell config check --config firebell.toml  say all that is wrong
  firebell serve --config firebell.toml         run the server

Every key of the file is also a variable: FIREBELL__SLACK__BOT_TOKEN is bot_token in [slack].
Exit status: 0 done, 1 failed, 2 the command line or the configuration is wrong.";

/// Firebell rings the right people and keeps the room in order: incidents between Slack and PagerDuty
#[derive(Debug, Parser)]
#[command(name = "firebell", version, after_help = EXAMPLES, max_term_width = 100, arg_required_else_help = true)]
pub struct Cli {
    /// How much to log on stderr: error, warn, info, debug, or for example firebell=debug,sqlx=warn
    /// [default: RUST_LOG, else info for serve and warn for the rest]
    #[arg(long, global = true, value_name = "FILTER", env = "FIREBELL_LOG", hide_env_values = true)]
    log: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    ///
    /// Reads the configuration, brings the database's schema up to date, listens, and works until it gets SIGTERM or
    /// SIGINT. Then it finishes the requests and jobs that run, within 25 seconds; a second signal ends it at once.
    ///
    /// Logs are lines for people on a terminal, and JSON everywhere else.
    #[command(after_help = "Example:\n  firebell serve --config firebell.toml")]
    Serve(ConfigFile),
    /// Look at the configuration
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Check everything that the configuration names, and say what to do
    ///
    /// Looks at the configuration, the database, both tokens, and at every service, group, schedule, escalation policy and
    /// channel that is configured. Changes nothing. With a configuration that is enough for `firebell
    /// sync --once` it checks what that needs.
    #[command(after_help = doctor::EXAMPLES)]
    Doctor {
        #[command(flatten)]
        file: ConfigFile,
        /// Print one JSON object: ok, checks
        #[arg(long)]
        json: bool,
    },
    /// Bring the database's schema up to date
    ///
    /// `serve` does this by itself at start; this is for those who migrate in a step of its own. It reads the
    /// database section only.
    #[command(after_help = "Example:\n  firebell migrate --config firebell.toml")]
    Migrate(ConfigFile),
    /// See who used which command, and what came of it
    ///
    /// Every command, button and form is on record for 400 days: who, where, what was typed, and the outcome. Reads the
    /// database section only, and works while a server runs on it.
    #[command(after_help = audit::EXAMPLES)]
    Audit(audit::Audit),
    /// See and mend what is still to be done
    ///
    /// A job is one effect on Slack or PagerDuty. It is repeated until it succeeds; what they refuse, or what failed too
    /// often, is parked and waits for you. These commands read the database section only, and
    /// work while a server runs on it.
    Jobs {
        #[command(subcommand)]
        command: jobs::JobsCommand,
    },
    /// See and mend who in PagerDuty is who in Slack
    ///
    /// People are the same when an e-mail address of theirs is. Whom that does not find is linked by hand, here or with the
    /// button that Firebell posts. These commands read the database section only, and work while a server
    /// runs on it: its user groups follow within seconds.
    People {
        #[command(subcommand)]
        command: people::PeopleCommand,
    },
    /// Make Slack user groups equal to who is on call in PagerDuty, once
    ///
    /// Needs no database and no server: it reads who is on call, compares, and writes the groups that differ, the most
    /// recent hand-offs first and within Slack's limit. A group whose sources cannot be read stays as it was. Slack has no
    /// empty groups: one that nobody is on call for gets the people in its `fallback`, or stays as it was. `firebell serve` does the same within seconds of
    /// each hand-off, and remembers whom it put where.
    #[command(after_help = sync::EXAMPLES)]
    Sync(sync::Sync),
    /// See a whole incident on simulated vendors
    ///
    /// Starts a small simulated Slack workspace and PagerDuty account and the real server on a database of its own, all in
    /// this process; declares an incident, lets it run its course, and keeps serving until Ctrl-C.
    #[command(after_help = demo::EXAMPLES)]
    Demo(demo::Demo),
    /// Print the version
    Version,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Say everything that is wrong with it, or print it as it is in force
    ///
    /// Secrets are shown as "(set)". Nothing is started, and nobody is called.
    #[command(after_help = check::EXAMPLES)]
    Check {
        #[command(flatten)]
        file: ConfigFile,
        /// Print one JSON object: ok, problems, warnings, config
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
struct ConfigFile {
    /// The configuration file [default: firebell.toml if it is here, else the environment alone]
    #[arg(long, short, value_name = "FILE", env = "FIREBELL_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
}

impl ConfigFile {
    fn path(&self) -> Option<&Path> {
        let usual = Path::new("firebell.toml");
        self.config.as_deref().or_else(|| usual.exists().then_some(usual))
    }

    fn load(&self) -> Result<(Config, Vec<String>), Problems> {
        Config::load(self.path(), environment())
    }

    /// Whether `firebell sync --once` can do with it.
    fn is_enough_for_sync(&self) -> bool {
        Config::load_for_sync(self.path(), environment()).is_ok_and(|(config, _)| !config.groups.is_empty())
    }

    fn database(&self) -> Result<Database, Problems> {
        Database::load(self.path(), environment())
    }

    /// The database, as far as it is one of ours.
    async fn open(&self) -> Result<Db, Failure> {
        use secrecy::ExposeSecret as _;

        let database = self.database()?;
        let db = Db::open(database.url.expose_secret(), Clock::system()).await?;
        match db.lacks().await? {
            Some(lacks) => Err(Failure::failed(format!("{database} {lacks}"))),
            None => Ok(db),
        }
    }
}

/// Of `sync`, where 2 says that something would change.
const WRONG_SYNC: u8 = 3;

impl Cli {
    /// Reads the command line. Help that was asked for, and what is wrong, has been said when this is an exit status.
    pub fn read() -> Result<Self, ExitCode> {
        let mut words: Vec<OsString> = std::env::args_os().collect();
        // `help --help` is help.
        if words.iter().skip(1).take(2).any(|word| word == "help") {
            words.retain(|word| word != "--help" && word != "-h");
        }
        let is_sync = words.iter().skip(1).any(|word| word == "sync");
        Self::try_parse_from(words).map_err(|error| {
            // A stdout or stderr that is gone leaves the exit status.
            let _ = error.print();
            match (error.use_stderr(), is_sync) {
                (false, _) => ExitCode::SUCCESS,
                (true, false) => ExitCode::from(2),
                (true, true) => ExitCode::from(WRONG_SYNC),
            }
        })
    }

    /// To be called once, before [`Cli::run`].
    pub fn start_logging(&self) -> Result<(), Failure> {
        logging::start(
            self.log.as_deref(),
            if matches!(self.command, Command::Serve(_)) { "info" } else { "warn" },
        )
    }

    /// Does what was asked; what went wrong is said on stderr.
    pub async fn run(self) -> ExitCode {
        let done = match self.command {
            Command::Serve(file) => serve::serve(&file).await,
            Command::Config { command: ConfigCommand::Check { file, json } } => check::check(&file, json),
            Command::Doctor { file, json } => doctor::doctor(&file, json).await,
            Command::Migrate(file) => migrate(&file).await,
            Command::Audit(audit) => audit::run(audit).await,
            Command::Jobs { command } => jobs::run(command).await,
            Command::People { command } => people::run(command).await,
            Command::Sync(sync) => sync::run(sync).await.map_err(Failure::of_sync),
            Command::Demo(demo) => demo::run(demo).await,
            Command::Version => print(concat!("firebell ", env!("CARGO_PKG_VERSION"))),
        };
        done.map_or_else(|failure| failure.report(), |()| ExitCode::SUCCESS)
    }
}

async fn migrate(file: &ConfigFile) -> Result<(), Failure> {
    use secrecy::ExposeSecret as _;

    let database = file.database()?;
    let db = Db::connect(database.url.expose_secret(), 1, Clock::system()).await?;
    db.migrate().await?;
    db.close().await;
    print(&format!("{database} has the schema of firebell {}.", env!("CARGO_PKG_VERSION")))
}

/// Rows below their head, in columns; a line each.
fn table<const N: usize>(head: &[String; N], rows: &[[String; N]]) -> Vec<String> {
    let mut widths = head.each_ref().map(|cell| cell.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; N]| {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    std::iter::once(head).chain(rows).map(line).collect()
}

/// One text on stdout, with a line break.
fn print(text: &str) -> Result<(), Failure> {
    Ok(writeln!(io::stdout(), "{text}")?)
}

/// Why a command did not do what was asked.
#[derive(Debug)]
pub enum Failure {
    /// The command line or the configuration is wrong: nothing was tried.
    Usage(String),
    /// The same of `sync`.
    UsageOfSync(String),
    Failed(anyhow::Error),
    /// Everything has been said; this is the exit status.
    Said(u8),
    /// Whoever read our output has gone: nothing to say, and nobody to say it to.
    NobodyListens,
}

impl Failure {
    fn failed(text: impl fmt::Display + fmt::Debug + Send + Sync + 'static) -> Self {
        Self::Failed(anyhow::Error::msg(text))
    }

    fn of_sync(self) -> Self {
        match self {
            Self::Usage(text) => Self::UsageOfSync(text),
            other => other,
        }
    }

    /// Says it on stderr, and is the exit status.
    pub fn report(&self) -> ExitCode {
        let (status, said) = match self {
            Self::Usage(text) => (2, text.clone()),
            Self::UsageOfSync(text) => (WRONG_SYNC, text.clone()),
            Self::Failed(error) => (1, chain(error)),
            Self::Said(status) => return ExitCode::from(*status),
            Self::NobodyListens => return ExitCode::SUCCESS,
        };
        // A stderr that is gone leaves the exit status.
        let _ = writeln!(io::stderr(), "firebell: {said}");
        ExitCode::from(status)
    }
}

/// The error and its causes, without those that the one before has said already.
fn chain(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |said, cause| match said.as_str() {
        "" => cause,
        before if before.ends_with(&cause) => said,
        _ => format!("{said}: {cause}"),
    })
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self::Usage(problems.to_string())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Internal(inner) => Self::Failed(inner),
            other => Self::Failed(other.into()),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        let io = error.downcast_ref::<io::Error>();
        if io.is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) {
            Self::NobodyListens
        } else {
            Self::Failed(error)
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::from(anyhow::Error::new(error))
    }
}
