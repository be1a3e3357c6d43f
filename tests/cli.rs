//! The command line as an operator meets it: what it teaches, what it refuses, and how it ends.

#[path = "cli/audit.rs"]
mod audit;
#[path = "cli/databases.rs"]
mod databases;
#[path = "cli/doctor.rs"]
mod doctor;
#[path = "cli/doctor_rights.rs"]
mod doctor_rights;
#[path = "cli/doctor_systems.rs"]
mod doctor_systems;
#[path = "cli/people.rs"]
mod people;
mod process;
#[path = "cli/serve.rs"]
mod serve;
#[path = "cli/sync.rs"]
mod sync;
#[path = "cli/sync_people.rs"]
mod sync_people;

use std::fs;

use firebell::clock::{Clock, Timestamp};
use firebell::error::{Error, Problem, Result, Upstream, Vendor};
use firebell::jobs::{Finished, Job, NewDelivery, NewJob, Perform, Runner};
use firebell::store::{Db, Priority, Tx};
use firebell::testing::{self, Guard};
use insta::{allow_duplicates, assert_snapshot};
use process::{finish, firebell, run};
use serde_json::{Value, json};

const BAD: &str = r#"
[server]
listen = "localhost"
[slack]
bot_tokn = "xoxb-s3cret"
[pagerduty]
token = "s3cret"
"#;

/// A directory with this configuration in it, under the usual name.
pub fn with_config(text: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("firebell.toml"), text).expect("written");
    directory
}

// ── help ──────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn help_teaches_by_example() {
    let here = tempfile::tempdir().expect("a directory");
    let help = |arguments: &[&str]| {
        let said = run(here.path(), &[arguments, &["--help"]].concat());
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{arguments:?}");
        said.out
    };
    assert_snapshot!(help(&[]), @"
    Firebell rings the right people and keeps the room in order: incidents between Slack and PagerDuty

    Usage: firebell [OPTIONS] <COMMAND>

    Commands:
      serve    Run the server
      config   Look at the configuration
      doctor   Check everything that the configuration names, and say what to do
      migrate  Bring the database's schema up to date
      audit    See who used which command, and what came of it
      jobs     See and mend what is still to be done
      people   See and mend who in PagerDuty is who in Slack
      sync     Make Slack user groups equal to who is on call in PagerDuty, once
      demo     See a whole incident on simulated vendors
      version  Print the version
      help     Print this message or the help of the given subcommand(s)

    Options:
          --log <FILTER>  How much to log on stderr: error, warn, info, debug, or for example
                          firebell=debug,sqlx=warn [default: RUST_LOG, else info for serve and warn for
                          the rest] [env: FIREBELL_LOG]
      -h, --help          Print help
      -V, --version       Print version

    Examples:
      firebell demo                                 see it work, without any account
      firebell config check --config firebell.toml  say all that is wrong
      firebell serve --config firebell.toml         run the server

    Every key of the file is also a variable: FIREBELL__SLACK__BOT_TOKEN is bot_token in [slack].
    Exit status: 0 done, 1 failed, 2 the command line or the configuration is wrong.
    ");
    assert_snapshot!(help(&["jobs", "retry"]), @"
    Bring parked jobs back, to run now

    Mend the cause first: the list shows it. A retried job looks whether an earlier attempt had its
    effect before it acts. A running server takes it up within 5 seconds; with none running, the next
    one does.

    Usage: firebell jobs retry [OPTIONS] <ID>...

    Arguments:
      <ID>...
              As `firebell jobs list` shows them

    Options:
      -c, --config <FILE>
              The configuration file [default: firebell.toml if it is here, else the environment alone]
              
              [env: FIREBELL_CONFIG]

          --log <FILTER>
              How much to log on stderr: error, warn, info, debug, or for example
              firebell=debug,sqlx=warn [default: RUST_LOG, else info for serve and warn for the rest]
              
              [env: FIREBELL_LOG]

      -h, --help
              Print help (see a summary with '-h')

    Example:
      firebell jobs retry 17
    ");
    for command in [
        &["serve"][..],
        &["config", "check"],
        &["doctor"],
        &["migrate"],
        &["jobs", "list"],
        &["jobs", "discard"],
        &["demo"],
        &["demo", "send"],
        &["people", "list"],
        &["people", "link"],
        &["people", "unlink"],
        &["sync", "--once"],
    ] {
        let help = help(command);
        assert!(help.contains(&format!("\n  firebell {}", command.join(" "))), "no example in\n{help}");
        assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
    }
    assert_eq!(run(here.path(), &["version"]).out, concat!("firebell ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn what_is_mistyped_is_a_usage_error_with_a_hint() {
    let here = tempfile::tempdir().expect("a directory");
    let bare = run(here.path(), &[]);
    assert_eq!(bare.code, 2);
    assert!(bare.err.contains("Usage: firebell"), "{}", bare.err);
    let mistyped = run(here.path(), &["serv"]);
    assert_eq!(mistyped.code, 2);
    assert!(mistyped.err.contains("a similar subcommand exists: 'serve'"), "{}", mistyped.err);
    assert_eq!(run(here.path(), &["jobs", "retry", "seven"]).code, 2);
    for help in [&["help", "--help"][..], &["people", "help", "--help"], &["people", "help", "link", "-h"]] {
        let helped = run(here.path(), help);
        assert_eq!((helped.code, helped.err.as_str()), (0, ""), "{help:?}");
        assert!(helped.out.contains("Usage: firebell"), "{}", helped.out);
    }
    assert_eq!(run(here.path(), &["demo", "--exit", "send", "x"]).code, 2);
    let filter = run(here.path(), &["version", "--log", "firebell=loud"]);
    assert_eq!(filter.code, 2);
    assert!(
        filter.err.contains("--log (or FIREBELL_LOG): \"firebell=loud\" is no log filter"),
        "{}",
        filter.err
    );
}

// ── config check ──────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn config_check_says_everything_that_is_wrong() {
    let here = with_config(BAD);
    let mut command = firebell(here.path(), &["config", "check"]);
    let checked = finish(command.env("FIREBELL__SEVER__LISTEN", "x"));
    assert_eq!((checked.code, checked.out.as_str()), (2, ""));
    assert_snapshot!(checked.err, @r#"
    firebell: 6 problems in the configuration:
      server.listen = "localhost" is not an IP address with a port; write one such as 0.0.0.0:8080 or [::]:8080
      slack.bot_tokn is unknown; did you mean bot_token?
      slack.signing_secrets is missing; write a list with the signing secret of the Slack app (or set FIREBELL__SLACK__SIGNING_SECRETS or FIREBELL__SLACK__SIGNING_SECRETS_FILE)
      pagerduty.from_email is missing; write the e-mail address of a PagerDuty user (or set FIREBELL__PAGERDUTY__FROM_EMAIL)
      pagerduty.webhook_secrets is missing; write a list with the secret of the webhook subscription (or set FIREBELL__PAGERDUTY__WEBHOOK_SECRETS or FIREBELL__PAGERDUTY__WEBHOOK_SECRETS_FILE)
      FIREBELL__SEVER__LISTEN is unknown; did you mean FIREBELL__SERVER__LISTEN?
    "#);

    let checked = run(here.path(), &["config", "check", "--json"]);
    let found: Value = serde_json::from_str(&checked.out).expect("JSON");
    assert_eq!((checked.code, &found["ok"], &found["config"]), (2, &json!(false), &Value::Null));
    assert!(found["problems"].as_array().is_some_and(|p| p.len() > 4), "{found}");

    let nowhere = run(here.path(), &["config", "check", "--config", "nowhere.toml"]);
    assert_eq!(nowhere.code, 2);
    assert!(
        nowhere.err.contains("there is no file nowhere.toml; give --config the path of yours"),
        "{}",
        nowhere.err
    );
}

#[test]
fn config_check_says_that_a_file_is_enough_for_sync() {
    let groups = "[slack]\nbot_token = 'xoxb-1'\n[pagerduty]\ntoken = 't'\n[[group]]\nhandle = 'a'\nschedules = ['P1']\n";
    let here = with_config(groups);
    let checked = run(here.path(), &["config", "check"]);
    assert_eq!((checked.code, checked.out.as_str()), (2, ""));
    assert_snapshot!(checked.err, @"
    firebell: 3 problems in the configuration:
      slack.signing_secrets is missing; write a list with the signing secret of the Slack app (or set FIREBELL__SLACK__SIGNING_SECRETS or FIREBELL__SLACK__SIGNING_SECRETS_FILE)
      pagerduty.from_email is missing; write the e-mail address of a PagerDuty user (or set FIREBELL__PAGERDUTY__FROM_EMAIL)
      pagerduty.webhook_secrets is missing; write a list with the secret of the webhook subscription (or set FIREBELL__PAGERDUTY__WEBHOOK_SECRETS or FIREBELL__PAGERDUTY__WEBHOOK_SECRETS_FILE)

    firebell.toml is enough for `firebell sync --once`, though not for `firebell serve`.
    ");
    let found: Value =
        serde_json::from_str(&run(here.path(), &["config", "check", "--json"]).out).expect("JSON");
    assert_eq!((&found["ok"], &found["ok_for_sync"]), (&json!(false), &json!(true)));
}

#[test]
fn config_check_shows_what_is_in_force_but_no_secret() {
    let here = with_config("[slack]\nbot_token = 'xoxb-s3cret'\nsigning_secrets = ['s3cret']\n");
    let checked = finish(firebell(here.path(), &["config", "check"]).env("FIREBELL_SERVER_LISTEN", "x"));
    assert_eq!(checked.code, 0, "{}", checked.err);
    assert!(checked.out.contains("bot_token") && checked.out.contains("(set)"), "{}", checked.out);
    assert!(!(checked.out + &checked.err).contains("s3cret"));
    assert!(
        checked
            .err
            .contains("warning: FIREBELL_SERVER_LISTEN is not read; did you mean FIREBELL__SERVER__LISTEN?"),
        "{}",
        checked.err
    );
    assert!(checked.err.contains("The configuration is good (read from firebell.toml, "), "{}", checked.err);

    let checked = run(here.path(), &["config", "check", "--json"]);
    let found: Value = serde_json::from_str(&checked.out).expect("JSON");
    assert_eq!((checked.code, &found["ok"], &found["problems"]), (0, &json!(true), &json!([])));
    assert_eq!(found["config"]["slack"]["bot_token"], "(set)");
}

// ── jobs ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/// A vendor that refuses everything.
#[derive(Clone)]
struct Refuses;

impl Perform for Refuses {
    async fn perform(&self, _: &Job) -> Result<Finished> {
        let problem =
            Problem::Rejected { code: "restricted_action".into(), detail: "ask an administrator".into() };
        Err(Error::Upstream(Upstream { service: Vendor::Slack, call: "conversations.create", problem }))
    }

    async fn parked(&self, _: &mut Tx, _: &Job, _: &Error) -> Result<()> {
        Ok(())
    }

    async fn stumbled(&self, _: &mut Tx, _: &Job, _: &Error) -> Result<()> {
        Ok(())
    }
}

/// Leaves a job parked, and one that waits; their ids.
pub async fn two_jobs(db: &Db) -> (i64, i64) {
    let at = |text: &str| Timestamp::parse(text).expect("a time");
    let mut tx = db.write(Priority::Job).await.expect("a transaction");
    let refused = NewJob::new("incident.open_channel", json!({"words": "of a private incident"}));
    let refused = refused.lane("channel:7").dedup("once").at(at("2020-01-02T03:04:05Z"));
    let parked = tx.enqueue(refused).await.expect("enqueued");
    tx.commit().await.expect("committed");
    let runner = Runner { db: db.clone(), perform: Refuses, width: 1 };
    assert_eq!(runner.run_due().await.expect("it runs"), 1);
    let mut tx = db.write(Priority::Job).await.expect("a transaction");
    let later = NewJob::new("incident.heal", json!({})).never_give_up().at(at("2100-01-02T03:04:05Z"));
    let waiting = tx.enqueue(later).await.expect("enqueued");
    tx.commit().await.expect("committed");
    (parked, waiting)
}

pub fn url_of(guard: &Guard) -> String {
    match guard {
        Guard::Directory(path) => format!("sqlite://{}", path.join("test.db").display()),
        Guard::Database { server, name } => {
            let (server, _) = server.rsplit_once('/').expect("an address with a database");
            format!("{server}/{name}")
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_are_listed_brought_back_and_given_up_on_sqlite() {
    let (db, guard) = testing::sqlite(&Clock::system()).await;
    jobs_are_listed_brought_back_and_given_up(&db, &url_of(&guard)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_are_listed_brought_back_and_given_up_on_postgres() {
    if let Some((db, guard)) = testing::postgres(&Clock::system()).await {
        jobs_are_listed_brought_back_and_given_up(&db, &url_of(&guard)).await;
    }
}

/// Sent long ago, and not understood eight times.
async fn a_parked_delivery(db: &Db) {
    let delivery = NewDelivery { source: "pagerduty", key: "01TEST".into(), body: b"{}".to_vec() };
    db.receive_many(&[delivery]).await.expect("stored");
    let mut tx = db.write(Priority::Job).await.expect("a transaction");
    let waiting = tx.next_deliveries(1).await.expect("read");
    tx.postpone_delivery(&waiting[0], None, "no such incident").await.expect("parked");
    tx.commit().await.expect("committed");
}

async fn jobs_are_listed_brought_back_and_given_up(db: &Db, url: &str) {
    let here = tempfile::tempdir().expect("a directory");
    let jobs = |arguments: &[&str]| {
        let mut command = firebell(here.path(), &[&["jobs"], arguments].concat());
        finish(command.env("FIREBELL__DATABASE__URL", url))
    };
    assert_eq!(jobs(&["list"]).out, "Nothing is left to do.\n");
    a_parked_delivery(db).await;
    let listed = jobs(&["list"]).out;
    assert!(
        listed.starts_with(
            "Nothing is left to do.\n\n1 delivery could not be understood:\n  from pagerduty at "
        )
    );
    assert!(listed.ends_with(
        "no such incident\nAfter an upgrade, have them looked at again: firebell jobs redeliver\n"
    ));
    assert_eq!(
        jobs(&["redeliver"]).out,
        "1 delivery is looked at again, within 5 seconds if a server runs.\n"
    );
    assert_eq!(
        jobs(&["redeliver"]).out,
        "Every delivery was understood: there is nothing to look at again.\n"
    );
    let (parked, waiting) = two_jobs(db).await;
    assert_eq!((parked, waiting), (1, 2));
    let listed = jobs(&["list"]);
    assert_eq!((listed.code, listed.err.as_str()), (0, ""));
    allow_duplicates! {
        assert_snapshot!(listed.out, @"
        ID  STATE    KIND                   ATTEMPTS  RUN AT (UTC)         LANE
        1   parked   incident.open_channel  1 of 15   2020-01-02 03:04:05  channel:7
            Slack refused conversations.create: restricted_action (ask an administrator)
        2   waiting  incident.heal          0         2100-01-02 03:04:05

        1 is parked and waits for you. Mend its cause, then: firebell jobs retry 1
        To give it up instead: firebell jobs discard 1
        ");
    }

    let listed = jobs(&["list", "--json"]);
    assert!(!listed.out.contains("private incident"), "a payload is nobody's business");
    let listed: Value = serde_json::from_str(&listed.out).expect("JSON");
    assert_eq!(
        (&listed[0]["id"], &listed[0]["state"], &listed[1]["state"]),
        (&json!(1), &json!("parked"), &json!("waiting"))
    );

    let refused = jobs(&["retry", "1", "2"]);
    assert_eq!((refused.code, refused.out.as_str()), (1, ""));
    assert_eq!(
        refused.err,
        "firebell: job 2 is not parked: it runs by itself at 2100-01-02T03:04:05Z; nothing was changed\n"
    );
    assert_eq!(
        jobs(&["retry", "9"]).err,
        "firebell: there is no job 9; see `firebell jobs list`; nothing was changed\n"
    );
    allow_duplicates! {
        assert_snapshot!(jobs(&["retry", "1"]).out, @"
        Job 1 (incident.open_channel) runs again.
        A running server takes it up within 5 seconds; see `firebell jobs list`.
        ");
    }
    let job = db.read().await.expect("a transaction").job(1).await.expect("read").expect("there");
    assert_eq!((job.parked_at, job.attempts, job.token), (None, 0, 1), "it still looks before it acts");
    assert!(jobs(&["list"]).out.contains("None is parked"));

    assert_eq!(
        jobs(&["discard", "1", "2"]).err,
        "firebell: job 2 (incident.heal) is not given up: it comes again and again, and the server needs it; \
         nothing was changed\n"
    );
    assert_eq!(
        jobs(&["discard", "1"]).out,
        "Job 1 (incident.open_channel) will not be done.\n\
         A running server tells those who wait for it, within 5 seconds.\n"
    );
    assert!(jobs(&["discard", "1"]).err.contains("job 1 was given up: *Retry* on the incident in Slack"));
    assert!(!jobs(&["list"]).out.contains("incident.open_channel"));
}
