//! `firebell sync --once`: user groups that follow the rota, without a database and without a server.

mod report;

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::logging::coloured;
use super::{ConfigFile, Failure, print};
use crate::app::Clients;
use crate::clock::{Clock, Timestamp};
use crate::config::{Config, environment};
use crate::groups::once::{End, Once, Options, Report};
use crate::groups::remedy::remedy;
use crate::http_client::Observer;
use report::Paint;

pub(super) const EXAMPLES: &str = "\
Examples:
  firebell sync --once --dry-run --config groups.toml   look first
  firebell sync --once --config groups.toml             then do it, from cron every few minutes

The least that groups.toml holds; `firebell.example.toml` has every key of a group:
  [slack]                       # usergroups:read, usergroups:write, users:read, users:read.email
  bot_token = \"xoxb-...\"
  [pagerduty]                   # a read-only API key is enough
  token = \"...\"
  [[group]]
  handle = \"@payments-oncall\"
  schedules = [\"Payments primary\", \"PABC123\"]
  when_empty = \"fallback\"       # else those who were in the group stay while nobody is on call
  fallback = [\"lead@example.com\"]

Exit status: 0 all groups are in step; 1 something failed, a line of stderr for each group, and the
others are done; 2 a dry run found that something would change; 3 the command line or the
configuration is wrong.";

/// Somebody who waits hears something this often where no line can be redrawn.
const NOW_AND_THEN: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct Sync {
    /// Once, and end. (`firebell serve` keeps groups in step all the time.)
    #[arg(long, required = true)]
    once: bool,
    /// Print what would change in each group and why, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Also write groups of which more than half the people (and more than two) would go
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    file: ConfigFile,
}

pub(super) async fn run(sync: Sync) -> Result<(), Failure> {
    let (config, warnings) = Config::load_for_sync(sync.file.path(), environment())?;
    for warning in &warnings {
        writeln!(io::stderr(), "firebell: warning: {warning}")?;
    }
    if config.groups.is_empty() {
        return Err(Failure::Usage(
            "the configuration has no [[group]]; `firebell sync --help` shows one".to_owned(),
        ));
    }
    let clock = Clock::system();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let observer: Observer = Arc::new(move |_, _, _, _| {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    let Clients { slack, pagerduty, .. } = Clients::new(&config, &clock, observer);
    let Some(pagerduty) = pagerduty else {
        return Err(Failure::Usage("pagerduty is missing; write [pagerduty] with its token".to_owned()));
    };
    let progress = Progress::new(clock.clone());
    let say = |doing: &str| progress.say(doing);
    let once = Once { config: &config, clock: clock.clone(), slack, pagerduty, progress: &say };
    let options = Options { dry_run: sync.dry_run, force: sync.force };
    let done = once.sync(options).await;
    progress.end();
    let report = match done {
        Ok(report) => report,
        Err(upstream) => {
            let why = format!("{}; nothing was changed", remedy(&upstream, None));
            if sync.json {
                print(&json!({ "error": why, "groups": [] }).to_string())?;
            }
            return Err(Failure::failed(why));
        }
    };
    let calls = calls.load(Ordering::Relaxed);
    if sync.json {
        print(&report::as_json(&report, options, calls).to_string())?;
    } else {
        let paint = Paint { is_on: io::stdout().is_terminal() && coloured() };
        print(&report::as_text(&report, options, calls, paint, &config.incidents.timezone))?;
    }
    let is_seen = !sync.json && io::stdout().is_terminal() && io::stderr().is_terminal();
    end(&report, options, is_seen)
}

/// What failed is on stderr, whatever becomes of stdout; unless somebody has it before their eyes.
fn end(report: &Report, options: Options, is_seen: bool) -> Result<(), Failure> {
    let mut has_failed = false;
    for group in &report.groups {
        if let End::Failed(why) = &group.end {
            has_failed = true;
            if !is_seen {
                writeln!(io::stderr(), "firebell: @{}: {why}", group.plan.handle)?;
            }
        }
    }
    let would_change = report.groups.iter().any(|g| matches!(g.end, End::Changed { .. }));
    match (has_failed, options.dry_run && would_change) {
        (true, _) => Err(Failure::Said(1)),
        (false, true) => Err(Failure::Said(2)),
        (false, false) => Ok(()),
    }
}

/// Tells somebody who waits what is being done: on a terminal in one line that is redrawn, elsewhere now and then.
struct Progress {
    clock: Clock,
    redraws: bool,
    said_at: Mutex<Timestamp>,
}

impl Progress {
    fn new(clock: Clock) -> Self {
        let now = clock.now();
        Self { clock, redraws: io::stderr().is_terminal(), said_at: Mutex::new(now) }
    }

    /// A stderr that is gone is no reason to stop.
    fn say(&self, doing: &str) {
        let mut stderr = io::stderr();
        if self.redraws {
            let _ = write!(stderr, "\r\x1b[2K{doing} …");
            let _ = stderr.flush();
            return;
        }
        let now = self.clock.now();
        let mut said_at = self.said_at.lock().unwrap_or_else(PoisonError::into_inner);
        if now.since(*said_at) >= NOW_AND_THEN {
            *said_at = now;
            let _ = writeln!(stderr, "firebell: {doing} …");
        }
    }

    fn end(&self) {
        if self.redraws {
            let _ = write!(io::stderr(), "\r\x1b[2K");
        }
    }
}
