//! A company that lives on while the program is killed and started again: both vendors in this process, the program in
//! real ones of its own, time as it passes.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use firebell::clock::{Clock, Timestamp};
use firebell::oncall::Step;
use firebell::sim::scene::World;
use firebell::sim::signed::Signed;
use firebell::store::Db;
use firebell::testing::{self, Guard};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::process::{Process, firebell};

/// Generous: the machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(180);
/// How often this side looks.
const BLINK: Duration = Duration::from_millis(40);
/// How long somebody looks at a button that they pressed before they press it again.
const SECOND_THOUGHT: Duration = Duration::from_secs(3);
/// What is said when nothing, or perhaps nothing, was done: people try again.
const NOT_NOW: [&str; 2] = ["still starting", "My database is slow"];

pub struct Company {
    pub world: World,
    pub db: Db,
    pub clock: Clock,
    here: tempfile::TempDir,
    replicas: Mutex<Vec<Option<Replica>>>,
    /// How often people asked something of the program, and how often they were answered.
    asked: AtomicUsize,
    answered: AtomicUsize,
    /// What the program logged that needs somebody's attention.
    errors: Mutex<Vec<String>>,
    _guard: Option<Guard>,
}

struct Replica {
    /// Killed when dropped.
    process: Process,
    base_url: String,
}

impl Company {
    /// The standard world at this distance, and so many replicas of the program, each ready to work; `None` where the
    /// tests were given no Postgres.
    pub async fn found(postgres: bool, latency: Duration, replicas: usize) -> Option<Arc<Self>> {
        let clock = Clock::system();
        let here = tempfile::tempdir().expect("a directory");
        let (url, guard) = if postgres {
            let (url, guard) = testing::postgres_url().await?;
            (url, Some(guard))
        } else {
            (format!("sqlite://{}", here.path().join("firebell.db").display()), None)
        };
        let world = World::start(clock.clone()).await.expect("the world starts");
        world.desk.set_latency(latency);
        let toml = world.firebell_toml(&url, "127.0.0.1:0");
        std::fs::write(here.path().join("firebell.toml"), toml).expect("written");
        let started: Vec<_> = (0..replicas).map(|_| Some(start(here.path()))).collect();
        let db = Db::open(&url, clock.clone()).await.expect("the program's database");
        let company = Self {
            world,
            db,
            clock,
            here,
            replicas: Mutex::new(started),
            asked: AtomicUsize::new(0),
            answered: AtomicUsize::new(0),
            errors: Mutex::default(),
            _guard: guard,
        };
        // The first start reads; the second knows everything from its first moment.
        company.until_all_is_read().await;
        company.until_quiet().await;
        for replica in 0..replicas {
            company.kill(replica);
            company.revive(replica);
        }
        Some(Arc::new(company))
    }

    fn replicas(&self) -> MutexGuard<'_, Vec<Option<Replica>>> {
        self.replicas.lock().expect("nobody panicked with it")
    }

    /// `kill -9`.
    pub fn kill(&self, replica: usize) {
        let killed = self.replicas()[replica].take();
        self.read_logs(killed.as_slice());
    }

    /// What those who live and those who lived logged as errors.
    pub fn errors(&self) -> Vec<String> {
        for replica in self.replicas().iter() {
            self.read_logs(replica.as_slice());
        }
        self.errors.lock().expect("nobody panicked with it").clone()
    }

    fn read_logs(&self, replicas: &[Replica]) {
        let lines = replicas.iter().flat_map(|r| r.process.lines.try_iter());
        let errors = lines.filter(|line| line.contains("\"ERROR\"") || line.contains("panicked"));
        self.errors.lock().expect("nobody panicked with it").extend(errors);
    }

    /// Starts the one that was killed again.
    pub fn revive(&self, replica: usize) {
        let started = start(self.here.path());
        self.replicas()[replica] = Some(started);
    }

    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    pub fn answered(&self) -> usize {
        self.answered.load(Ordering::SeqCst)
    }

    /// Where those who live answer, this one before the others.
    fn doors(&self, first: usize) -> Vec<String> {
        let replicas = self.replicas();
        let (after, before) = replicas.split_at(first % replicas.len());
        after.iter().chain(before).flatten().map(|r| r.base_url.clone()).collect()
    }

    /// Types a command in a channel until it is answered, as a person would whose first try broke.
    pub async fn types(&self, door: usize, user: &str, channel: &str, typed: &str) -> String {
        let channel = self.world.slack.channel_named(channel).expect("the channel").id;
        self.gets_through(door, || self.world.slack.command(user, &channel, typed)).await
    }

    /// Types a command that a proxy sends to every door at the same time; what they answer.
    pub async fn types_everywhere(&self, user: &str, channel: &str, typed: &str) -> Vec<String> {
        let channel = self.world.slack.channel_named(channel).expect("the channel").id;
        let request = self.world.slack.command(user, &channel, typed);
        let mut answers = JoinSet::new();
        for door in self.doors(0) {
            let (slack, request) = (self.world.slack.clone(), request.clone());
            answers.spawn(async move { slack.deliver(&door, &request).await });
        }
        let mut heard: Vec<String> = answers.join_all().await.into_iter().filter_map(understood).collect();
        if heard.is_empty() {
            heard.push(self.gets_through(0, || request.clone()).await);
        }
        heard
    }

    /// Presses *Acknowledge* until it is written down: what is answered to a button tells nothing.
    pub async fn acknowledges(&self, door: usize, user: &str, channel: &str) {
        let id = self.world.slack.channel_named(channel).expect("the channel").id;
        let (number, _) = channel.trim_start_matches("inc-").split_once('-').expect("inc-1-title");
        let number: i64 = number.parse().expect("a number");
        loop {
            let press = || self.world.slack.click(user, &id, "Acknowledge").expect("the button");
            self.gets_through(door, press).await;
            let again_at = self.clock.now() + SECOND_THOUGHT;
            while self.clock.now() < again_at {
                let mut tx = self.db.read().await.expect("a transaction");
                let sql = "SELECT acknowledged_at FROM incident WHERE number = $1";
                let at = tx.scalar::<Option<Timestamp>>(sql, &[&number]).await.expect("the incident");
                drop(tx);
                if at.flatten().is_some() {
                    return;
                }
                self.clock.sleep(BLINK).await;
            }
        }
    }

    async fn gets_through(&self, door: usize, ask: impl Fn() -> Signed) -> String {
        let give_up_at = self.clock.now() + PATIENCE;
        self.asked.fetch_add(1, Ordering::SeqCst);
        loop {
            for base_url in self.doors(door) {
                if let Some(answer) = understood(self.world.slack.deliver(&base_url, &ask()).await) {
                    self.answered.fetch_add(1, Ordering::SeqCst);
                    return answer;
                }
            }
            assert!(self.clock.now() < give_up_at, "nobody answers");
            self.clock.sleep(BLINK).await;
        }
    }

    /// Carries PagerDuty's deliveries until the end of time: each to one door after the other, and by mistake to all
    /// others as well.
    pub async fn carry(&self) {
        for door in 0.. {
            let doors = self.doors(door);
            if let Some((meant, others)) = doors.split_first() {
                let repeats = async {
                    for webhook in self.world.pagerduty.webhooks() {
                        let (path, headers, body) =
                            ("/webhooks/pagerduty".into(), webhook.headers, webhook.body);
                        let repeat = Signed { path, headers, body };
                        for other in others {
                            let _ = repeat.send(other).await;
                        }
                    }
                };
                let (delivered, ()) = tokio::join!(self.world.pagerduty.deliver(meant), repeats);
                delivered.expect("an address");
            }
            self.clock.sleep(BLINK).await;
        }
    }

    /// Waits until it is so.
    pub async fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let give_up_at = self.clock.now() + PATIENCE;
        while !is_so() {
            self.wait(what, give_up_at).await;
        }
    }

    /// Waits until everything is known that the program reads about people and services.
    async fn until_all_is_read(&self) {
        let give_up_at = self.clock.now() + PATIENCE;
        loop {
            let directory = self.db.read().await.expect("a transaction").directory().await.expect("it reads");
            if Step::at_the_start().all(|step| directory.read_at.contains_key(step.kind())) {
                return;
            }
            self.wait("people, groups, services and rota are read", give_up_at).await;
        }
    }

    /// Waits until nothing is under way: no delivery, and no job but those that come again and again.
    pub async fn until_quiet(&self) {
        let give_up_at = self.clock.now() + PATIENCE;
        while !self.is_quiet().await {
            self.wait("nothing is left to do", give_up_at).await;
        }
    }

    async fn is_quiet(&self) -> bool {
        let mut tx = self.db.read().await.expect("a transaction");
        let soon = self.clock.now() + Duration::from_secs(10);
        let jobs = tx.open_jobs().await.expect("jobs");
        let waiting = tx.waiting_deliveries().await.expect("deliveries");
        let open = jobs.iter().filter(|j| j.parked_at.is_none() && j.kind.starts_with("incident."));
        // What was begun is under way whenever it comes back; what was not is a timer if it is not due soon.
        let busy = open.filter(|j| j.run_at < soon || j.attempts > 0).count();
        busy == 0 && waiting == 0 && self.world.pagerduty.webhooks().is_empty()
    }

    async fn wait(&self, what: &str, give_up_at: Timestamp) {
        if self.clock.now() > give_up_at {
            let mut tx = self.db.read().await.expect("a transaction");
            let jobs: Vec<String> = tx
                .open_jobs()
                .await
                .expect("jobs")
                .iter()
                .map(|j| {
                    format!(
                        "{} lane {:?} at {} token {} {:?}",
                        j.kind, j.lane, j.run_at, j.token, j.last_error
                    )
                })
                .collect();
            let (story, calls) = (self.world.pagerduty.narrate(), self.world.desk.calls());
            panic!(
                "not yet: {what}\n{story}\n{jobs:#?}\n{:#?}",
                calls.iter().rev().take(20).collect::<Vec<_>>()
            );
        }
        self.clock.sleep(BLINK).await;
    }
}

/// An answer that means what it says.
fn understood(answer: anyhow::Result<(u16, String)>) -> Option<String> {
    let (status, answer) = answer.ok()?;
    (status == 200 && !NOT_NOW.iter().any(|words| answer.contains(words))).then_some(answer)
}

/// The vendors live on the threads that wait here: so others take over meanwhile.
fn start(here: &Path) -> Replica {
    let (process, line) = tokio::task::block_in_place(|| {
        let mut serve = firebell(here, &["serve"]);
        // Many run on the tests' one Postgres.
        serve.env("FIREBELL__DATABASE__MAX_CONNECTIONS", "5");
        let mut process = Process::start(serve);
        let line = process.wait_for("listening on");
        (process, line)
    });
    let log: Value = serde_json::from_str(&line).expect("the log is JSON where no terminal is");
    let said = log["message"].as_str().expect("a message");
    let (public, _) = said.split_once(", metrics on ").expect("both addresses");
    let base_url = public.strip_prefix("listening on ").expect("an address").to_owned();
    Replica { process, base_url }
}
