//! `firebell doctor`: what is right, what is wrong, and what to do about it.

mod commanders;
mod groups;
mod rights;
mod vendors;

use std::io::{self, IsTerminal as _};
use std::sync::Arc;

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::logging::coloured;
use super::{ConfigFile, Failure, print};
use crate::app::Clients;
use crate::clock::Clock;
use crate::config::{Config, Database, environment};
use crate::error::Upstream;
use crate::groups::model::State;
use crate::groups::remedy::remedy;
use crate::http_client::Observer;
use crate::oncall::Directory;
use crate::runbooks::{Index, directory};
use crate::store::Db;

pub(super) const EXAMPLES: &str = "\
Examples:
  firebell doctor --config firebell.toml
  firebell doctor --config groups.toml                what `firebell sync --once` needs
  firebell doctor --json | jq '.checks[] | select(.state == \"wrong\")'

✓ is right, ! is worth a look, ✗ is wrong and says what to do.
Exit status: 0 nothing is wrong, 1 something is.";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Right,
    /// Worth a look; it works all the same.
    Odd,
    Wrong,
}

struct Check {
    verdict: Verdict,
    /// `Slack token`, `@payments-oncall`.
    what: String,
    said: String,
}

/// What was found, in the order in which it is read.
#[derive(Default)]
struct Findings(Vec<Check>);

impl Findings {
    fn right(&mut self, what: impl Into<String>, said: impl Into<String>) {
        self.0.push(Check { verdict: Verdict::Right, what: what.into(), said: said.into() });
    }

    fn odd(&mut self, what: impl Into<String>, said: impl Into<String>) {
        self.0.push(Check { verdict: Verdict::Odd, what: what.into(), said: said.into() });
    }

    fn wrong(&mut self, what: impl Into<String>, said: impl Into<String>) {
        self.0.push(Check { verdict: Verdict::Wrong, what: what.into(), said: said.into() });
    }

    fn refused(&mut self, what: impl Into<String>, upstream: &Upstream) {
        self.wrong(what, remedy(upstream, None));
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.0.iter().filter(|check| check.verdict == verdict).count()
    }
}

pub(super) async fn doctor(file: &ConfigFile, json: bool) -> Result<(), Failure> {
    let mut found = Findings::default();
    if let Some((config, serves)) = configuration(file, &mut found) {
        let remembered =
            if serves { database(&config.database, &mut found).await } else { Remembered::default() };
        let clock = Clock::system();
        let nobody: Observer = Arc::new(|_, _, _, _| {});
        let Clients { slack, pagerduty, statuspage, monitors } = Clients::new(&config, &clock, nobody);
        let slack = vendors::slack(&slack, &config, serves, &clock, &mut found).await.then_some(slack);
        let pagerduty = if let Some(client) = &pagerduty {
            vendors::pagerduty(client, &config, &mut found).await.then_some(client)
        } else {
            found.odd("PagerDuty", "is off: incidents open channels and page nobody; write [pagerduty]");
            None
        };
        if let Some(page) = statuspage.filter(|_| serves) {
            vendors::statuspage(&page, &mut found).await;
        }
        runbooks(&config, &mut found);
        groups::check(slack.as_ref(), pagerduty, &config, &remembered, &mut found).await;
        if let Some(slack) = slack.as_ref().filter(|_| serves) {
            commanders::check(slack, pagerduty, &config, &clock, &mut found).await;
        }
        if let Some(slack) = slack.filter(|_| serves) {
            rights::check(&slack, &config, &mut found).await;
            vendors::channels(&slack, &config, &mut found).await;
        }
        vendors::monitors(&monitors, &config, &mut found).await;
    }
    let is_well = found.count(Verdict::Wrong) == 0;
    if json {
        print(&as_json(&found, is_well).to_string())?;
    } else {
        print(&as_text(&found, io::stdout().is_terminal() && coloured()))?;
    }
    if is_well { Ok(()) } else { Err(Failure::Said(1)) }
}

/// The configuration, and whether it is enough for a server.
fn configuration(file: &ConfigFile, found: &mut Findings) -> Option<(Config, bool)> {
    let what = "configuration";
    let name = file.path().map_or_else(|| "the environment alone".to_owned(), |p| p.display().to_string());
    let problems = match file.load() {
        Ok((config, warnings)) => {
            found.right(what, name);
            for warning in warnings {
                found.odd(what, warning);
            }
            return Some((config, true));
        }
        Err(problems) => problems,
    };
    if let Ok((config, warnings)) = Config::load_for_sync(file.path(), environment())
        && !config.groups.is_empty()
    {
        let lacks =
            "is enough for `firebell sync --once` only; `firebell config check` says what `serve` lacks";
        found.odd(what, format!("{name} {lacks}"));
        for warning in warnings {
            found.odd(what, warning);
        }
        return Some((config, false));
    }
    for problem in problems.lines() {
        found.wrong(what, problem);
    }
    None
}

/// What the server remembers of its groups and of people, if there is a database.
#[derive(Default)]
struct Remembered {
    states: Vec<State>,
    people: Directory,
}

async fn database(database: &Database, found: &mut Findings) -> Remembered {
    let what = "database";
    let url = database.url.expose_secret();
    if !Db::is_there(url).unwrap_or(true) {
        found.odd(what, format!("there is none at {database} yet; `firebell serve` makes it"));
        return Remembered::default();
    }
    let db = match Db::open(url, Clock::system()).await {
        Ok(db) => db,
        Err(error) if database.is_postgres() => {
            found.wrong(
                what,
                format!("{database} cannot be reached: {error:#}; mend database.url or start it"),
            );
            return Remembered::default();
        }
        Err(error) => {
            found.wrong(what, format!("{error:#}"));
            return Remembered::default();
        }
    };
    match db.lacks().await {
        Ok(None) => found.right(what, database.to_string()),
        Ok(Some(lacks)) => {
            found.odd(what, format!("{database} {lacks}"));
            return Remembered::default();
        }
        Err(error) => {
            found.wrong(what, format!("{database} cannot be read: {error:#}"));
            return Remembered::default();
        }
    }
    match known(&db, found).await {
        Ok(remembered) => remembered,
        Err(error) => {
            found.wrong(what, format!("{database} cannot be read: {error:#}"));
            Remembered::default()
        }
    }
}

async fn known(db: &Db, found: &mut Findings) -> crate::error::Result<Remembered> {
    let mut tx = db.read().await?;
    let (_, parked) = tx.count_jobs().await?;
    if parked > 0 {
        found.odd("jobs", format!("{parked} parked, which wait for you: `firebell jobs list`"));
    }
    let (people, now) = (tx.directory().await?, tx.now());
    let on_call = people.oncall.iter().filter(|row| row.covers(now)).map(|row| &row.pagerduty_user_id);
    let unmapped: std::collections::BTreeSet<_> =
        on_call.filter(|id| people.slack_of(id).is_none()).collect();
    if !unmapped.is_empty() {
        let said = "on call whom nobody in Slack is known to be: `firebell people list --unmapped`";
        found.odd("people", format!("{} {said}", unmapped.len()));
    }
    Ok(Remembered { states: tx.group_states().await?, people })
}

/// What `/runbook` would find on this machine.
fn runbooks(config: &Config, found: &mut Findings) {
    let Some(index) = directory::read(&config.runbooks, &Index::default()) else { return };
    let left_out = match index.left_out {
        0 => String::new(),
        files => format!("; left out for want of front matter: {files}"),
    };
    if !index.runbooks.is_empty() {
        found.right("runbooks", format!("found: {}{left_out}", index.runbooks.len()));
    } else if config.runbooks.directory.is_some() && index.troubles.is_empty() {
        found.odd(
            "runbooks",
            format!("the directory has none{left_out}: put Markdown files with front matter there (docs/runbooks.md)"),
        );
    }
    for trouble in &index.troubles {
        found.odd("runbooks", trouble);
    }
}

fn as_json(found: &Findings, is_well: bool) -> Value {
    let check = |check: &Check| {
        let state = match check.verdict {
            Verdict::Right => "right",
            Verdict::Odd => "odd",
            Verdict::Wrong => "wrong",
        };
        json!({ "state": state, "what": check.what, "said": check.said })
    };
    json!({ "ok": is_well, "checks": found.0.iter().map(check).collect::<Vec<_>>() })
}

fn as_text(found: &Findings, is_coloured: bool) -> String {
    let width = found.0.iter().map(|check| check.what.chars().count()).max().unwrap_or(0);
    let line = |check: &Check| {
        let (sign, colour) = match check.verdict {
            Verdict::Right => ("✓", "32"),
            Verdict::Odd => ("!", "33"),
            Verdict::Wrong => ("✗", "31"),
        };
        let sign = if is_coloured { format!("\x1b[{colour}m{sign}\x1b[0m") } else { sign.to_owned() };
        format!("{sign} {:width$}  {}", check.what, check.said)
    };
    let lines: Vec<String> = found.0.iter().map(line).collect();
    let end = match (found.count(Verdict::Wrong), found.count(Verdict::Odd)) {
        (0, 0) => "All is well.".to_owned(),
        (0, odd) => format!("Nothing is wrong; {odd} worth a look."),
        (wrong, 0) => format!("{wrong} wrong."),
        (wrong, odd) => format!("{wrong} wrong, {odd} worth a look."),
    };
    format!("{}\n\n{end}", lines.join("\n"))
}
