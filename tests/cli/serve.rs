//! The server as a real process: how it starts, what it keeps when it stops, and that nothing of it is left.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use firebell::clock::{Clock, Timestamp};
use firebell::jobs::NewJob;
use firebell::sim::scene::World;
use firebell::store::{Db, Priority};

use serde_json::{Value, json};

use crate::process::{Process, firebell, run};
use crate::{BAD, with_config};

#[test]
fn serve_refuses_to_start_with_every_problem_named() {
    let here = with_config(BAD);
    let refused = run(here.path(), &["serve"]);
    assert_eq!((refused.code, refused.out.as_str()), (2, ""));
    for key in ["server.listen", "slack.bot_tokn", "slack.signing_secrets", "pagerduty.from_email"] {
        assert!(refused.err.contains(key), "{key} is not in\n{}", refused.err);
    }
    assert!(!refused.err.contains("s3cret"), "{}", refused.err);
    assert!(!here.path().join("firebell.db").exists(), "nothing was begun");
}

/// A server on a simulated world, as a process.
struct Served {
    world: World,
    here: tempfile::TempDir,
    process: Process,
    address: String,
    metrics: String,
}

impl Served {
    async fn start() -> Self {
        let world = World::start(Clock::system()).await.expect("the world starts");
        let here = with_config(&world.firebell_toml("sqlite://firebell.db", "127.0.0.1:0"));
        let mut process = Process::start(firebell(here.path(), &["serve"]));
        let line = process.wait_for("listening on");
        let log: Value = serde_json::from_str(&line).expect("the log is JSON where no terminal is");
        let said = log["message"].as_str().expect("a message");
        let (public, metrics) = said.split_once(", metrics on ").expect("both addresses");
        let address = public.strip_prefix("listening on http://").expect("an address").to_owned();
        let metrics =
            metrics.strip_prefix("http://").and_then(|m| m.strip_suffix("/metrics")).expect("an address");
        Self { world, here, metrics: metrics.to_owned(), process, address }
    }

    async fn database(&self) -> Db {
        let url = format!("sqlite://{}", self.here.path().join("firebell.db").display());
        Db::open(&url, Clock::system()).await.expect("the server's database")
    }

    /// The first half of a webhook that PagerDuty has just signed, and the server is reading it; the connection, and the
    /// second half.
    fn begin_webhook(&self) -> (TcpStream, Vec<u8>) {
        self.world.pagerduty.ping();
        self.world.pagerduty.trigger("PSVC001", "disk full", "high");
        let webhook = self.world.pagerduty.take_webhooks().pop().expect("a webhook");
        let mut head = format!(
            "POST /webhooks/pagerduty HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\nexpect: 100-continue\r\n",
            webhook.body.len()
        );
        for (name, value) in webhook.headers.iter().filter(|(name, _)| name != "content-length") {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let mut connection = TcpStream::connect(&self.address).expect("it listens");
        let (first, second) = webhook.body.split_at(webhook.body.len() / 2);
        connection.write_all(&[head.as_bytes(), b"\r\n"].concat()).expect("sent");
        let mut go_on = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
        connection.read_exact(&mut go_on).expect("it wants the body");
        connection.write_all(first).expect("sent");
        (connection, second.to_vec())
    }
}

fn get(address: &str, path: &str) -> String {
    let mut connection = TcpStream::connect(address).expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("an answer");
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_serves_takes_up_retried_and_discarded_jobs_and_stops_when_asked() {
    let served = Served::start().await;
    assert!(get(&served.address, "/readyz").starts_with("HTTP/1.1 200"));
    assert!(get(&served.metrics, "/metrics").contains("firebell_jobs_parked"));

    // A job for somebody whom nobody knows yet, parked by hand as the runner would.
    let db = served.database().await;
    let mut tx = db.write(Priority::Job).await.expect("a transaction");
    let meet = NewJob::new("oncall.meet", json!({"user": "U0ANA"})).at(Timestamp::from_secs(4_000_000_000));
    let id = tx.enqueue(meet).await.expect("enqueued");
    let post = NewJob::new("notices.post", json!({})).at(Timestamp::from_secs(4_000_000_000));
    let waiting = tx.enqueue(post).await.expect("enqueued");
    tx.exec("UPDATE job SET parked_at = run_at WHERE id = $1", &[&id]).await.expect("parked");
    tx.commit().await.expect("committed");
    let retried = run(served.here.path(), &["jobs", "retry", &id.to_string()]);
    assert_eq!((retried.code, retried.err.as_str()), (0, ""));
    let discarded = run(served.here.path(), &["jobs", "discard", &waiting.to_string()]);
    assert_eq!((discarded.code, discarded.err.as_str()), (0, ""));
    let told = "SELECT count(*) FROM job WHERE kind = 'discarded.tell' AND done_at IS NOT NULL";
    let clock = Clock::system();
    let promised = clock.now() + Duration::from_secs(15);
    loop {
        let mut tx = db.read().await.expect("a transaction");
        let job = tx.job(id).await.expect("read").expect("there");
        if job.done_at.is_some() && tx.scalar::<i64>(told, &[]).await.expect("read") == Some(1) {
            break;
        }
        drop(tx);
        assert!(clock.now() < promised, "nobody took it up: {job:?}");
        clock.sleep(Duration::from_millis(50)).await;
    }
    db.close().await;

    served.process.signal("TERM");
    let (status, said) = served.process.end();
    assert_eq!(status.code(), Some(0), "{said:#?}");
    assert!(said.last().is_some_and(|line| line.contains("\"stopped\"")), "{said:#?}");
    assert!(TcpStream::connect(&served.address).is_err(), "nobody listens any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_under_way_is_kept_when_the_server_stops() {
    let mut served = Served::start().await;
    let (mut connection, rest) = served.begin_webhook();
    served.process.signal("TERM");
    served.process.wait_for("stopping");
    Clock::system().sleep(Duration::from_millis(200)).await; // whatever stops too early has stopped now
    connection.write_all(&rest).expect("the connection is still served");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    let db = served.database().await;
    let (status, said) = served.process.end();
    assert_eq!(status.code(), Some(0), "{said:#?}");
    let kept: Option<i64> = db
        .read()
        .await
        .expect("a transaction")
        .scalar("SELECT count(*) FROM inbox", &[])
        .await
        .expect("read");
    assert_eq!(kept, Some(1), "what was answered is stored");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_it_at_once() {
    let mut served = Served::start().await;
    let (connection, _) = served.begin_webhook();
    served.process.signal("INT");
    served.process.wait_for("stopping");
    served.process.signal("TERM");
    let clock = Clock::system();
    let asked_at = clock.now();
    let (status, said) = served.process.end();
    assert_eq!(status.code(), Some(1), "{said:#?}");
    assert!(said.iter().any(|line| line.contains("ended at once by a second SIGTERM")), "{said:#?}");
    assert!(clock.now().since(asked_at) < Duration::from_secs(5), "a request was waited for");
    drop(connection);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_is_taken_is_an_error_that_names_it() {
    let world = World::start(Clock::system()).await.expect("the world starts");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().map(|at| (taken, at.to_string())).expect("bound");
    let here = with_config(&world.firebell_toml("sqlite://firebell.db", &taken.1));
    let refused = run(here.path(), &["serve"]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.err.contains(&format!("cannot listen on {}; is another program there?", taken.1)),
        "{}",
        refused.err
    );
    assert!(here.path().join("firebell.db").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_server_keeps_off_the_same_sqlite_file() {
    let Served { world: _world, here, process: first, .. } = Served::start().await;
    let second = run(here.path(), &["serve"]);
    assert_eq!(second.code, 1);
    assert!(second.err.contains("another firebell serves firebell.db already"), "{}", second.err);
    assert_eq!(run(here.path(), &["jobs", "list"]).code, 0, "the tools work beside it");
    first.signal("KILL");
    drop(first);
    Process::start(firebell(here.path(), &["serve"])).wait_for("listening on");
}
