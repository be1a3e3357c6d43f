//! The running program: listeners, workers, shutdown. `firebell serve`, the demo, the tests and the benches all start
//! it here.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::App;
use crate::dispatch::Dispatch;
use crate::error::Result;
use crate::events;
use crate::groups;
use crate::http::{Edge, Inside, Intake, Settings, admin_router, router};
use crate::jobs::Runner;
use crate::metrics::Metrics;
use crate::oncall::{OnCall, Step};

/// Jobs at once in one process: enough for the room of several incidents side by side.
const WIDTH: usize = 32;
/// Requests under way are given this long at shutdown (no sender waits longer) …
const DRAIN: Duration = Duration::from_secs(10);
/// … and then what works this long; after that, leases do their work. Together less than the 30 s that Kubernetes
/// waits.
const GRACE: Duration = Duration::from_secs(15);
/// Slack waits 3 s for an answer and PagerDuty 5 s: who takes longer to ask is neither, and must not keep the place of
/// one that is.
const BODY_TIMEOUT: Duration = Duration::from_secs(3);
/// How far the memory of one replica may be behind the reads of another.
const FOLLOW_EVERY: Duration = Duration::from_secs(2);
/// How long the audit of what only looks may wait.
const NOTES_EVERY: Duration = Duration::from_secs(1);
/// How often the directory of runbooks is looked at.
const RUNBOOKS_EVERY: Duration = Duration::from_secs(60);
/// How often the gauges are read.
const GAUGES_EVERY: Duration = Duration::from_secs(15);

/// The program, running.
pub struct Running {
    pub app: App,
    /// Where the public and the admin listener really are (port 0 is a free one).
    pub public: SocketAddr,
    pub admin: SocketAddr,
    pub metrics: Arc<Metrics>,
    edge: Arc<Edge>,
    listening: JoinHandle<()>,
    stop_listening: CancellationToken,
    stop_intake: CancellationToken,
    stop_work: CancellationToken,
    tasks: TaskTracker,
    /// Words after a button, on their way to the person.
    words: TaskTracker,
}

/// Starts everything. With `workers` off, jobs and deliveries wait until [`Running::work_off`]: for tests that decide
/// when.
pub async fn start(app: App, metrics: Arc<Metrics>, workers: bool) -> Result<Running> {
    app.wake_up().await?;
    let (tasks, words) = (TaskTracker::new(), TaskTracker::new());
    let (stop_listening, stop_intake, stop_work) =
        (CancellationToken::new(), CancellationToken::new(), CancellationToken::new());
    let edge = Arc::new(Edge {
        db: app.db.clone(),
        clock: app.clock.clone(),
        settings: settings(&app),
        desk: Arc::new(Inside::new(app.clone(), words.clone())),
        intake: Intake::start(app.db.clone(), &tasks, stop_intake.clone()),
        metrics: metrics.clone(),
        accepting: AtomicBool::new(true),
    });
    let public = listen(app.config.server.listen).await?;
    let admin = listen(app.config.server.admin_listen).await?;
    let addresses = (address(&public)?, address(&admin)?);
    let listening = tasks.spawn(answer(public, router(edge.clone()), stop_listening.clone()));
    tasks.spawn(answer(admin, admin_router(metrics.clone()), stop_work.clone()));
    if workers {
        tasks.spawn(runner(&app, &metrics).run(stop_work.clone()));
        tasks.spawn(events::read_inbox(app.clone(), stop_work.clone()));
        tasks.spawn(hear_other_replicas(app.clone(), stop_work.clone()));
        tasks.spawn(follow_other_replicas(app.clone(), stop_work.clone()));
        tasks.spawn(write_notes(app.clone(), stop_work.clone()));
        tasks.spawn(read_gauges(app.clone(), metrics.clone(), stop_work.clone()));
        tasks.spawn(read_runbooks(app.clone(), stop_work.clone()));
    }
    Ok(Running {
        app,
        public: addresses.0,
        admin: addresses.1,
        metrics,
        edge,
        listening,
        stop_listening,
        stop_intake,
        stop_work,
        tasks,
        words,
    })
}

impl Running {
    /// `http://127.0.0.1:8080`
    pub fn base_url(&self) -> String {
        format!("http://{}", self.public)
    }

    /// Runs what is due now, and what that causes, until nothing is due and all is said; the number of jobs and
    /// deliveries.
    pub async fn work_off(&self) -> Result<usize> {
        // One after the other: the same order in every run.
        let runner = Runner { width: 1, ..runner(&self.app, &self.metrics) };
        let mut done = 0;
        loop {
            let now = events::read_due(&self.app).await? + runner.run_due().await?;
            if now == 0 {
                self.app.notes.write(&self.app.db).await?;
                self.words.close();
                self.words.wait().await;
                self.words.reopen();
                return Ok(done);
            }
            done += now;
        }
    }

    /// Reads the gauges now; with workers on, that is done every so often.
    pub async fn read_gauges(&self) -> Result<()> {
        gauges(&self.app, &self.metrics).await
    }

    /// Stops taking requests, finishes those under way, then what runs, and closes the database. The order keeps
    /// each answer true: a delivery that was let in is still written, because the intake outlives the requests.
    pub async fn shutdown(self) {
        self.edge.accepting.store(false, Ordering::SeqCst);
        self.stop_listening.cancel();
        let listening = self.listening.abort_handle();
        if tokio::time::timeout(DRAIN, self.listening).await.is_err() {
            tracing::warn!("some requests did not end in time; their senders will come back");
            listening.abort();
        }
        self.stop_intake.cancel();
        self.stop_work.cancel();
        self.tasks.close();
        self.words.close();
        let ended = async { tokio::join!(self.tasks.wait(), self.words.wait()) };
        if tokio::time::timeout(GRACE, ended).await.is_err() {
            tracing::warn!("some work did not finish in time; its leases will pass to the next process");
        }
        if let Err(error) = self.app.notes.write(&self.app.db).await {
            tracing::warn!(%error, "the last entries of the audit were not written");
        }
        self.app.db.close().await;
    }
}

fn settings(app: &App) -> Settings {
    let config = &app.config;
    Settings {
        signing_secrets: config.slack.signing_secrets.clone(),
        webhook_secrets: config.pagerduty.as_ref().map(|p| p.webhook_secrets.clone()).unwrap_or_default(),
        hint_senders: config.hint_senders.clone(),
        max_body: config.server.max_body,
        body_timeout: BODY_TIMEOUT,
        request_timeout: config.server.request_timeout,
        max_in_flight: config.server.max_in_flight,
    }
}

fn runner(app: &App, metrics: &Arc<Metrics>) -> Runner<Dispatch> {
    let perform = Dispatch { app: app.clone(), metrics: metrics.clone() };
    Runner { db: app.db.clone(), perform, width: WIDTH }
}

async fn listen(at: SocketAddr) -> Result<TcpListener> {
    let listener = TcpListener::bind(at).await;
    Ok(listener.with_context(|| format!("cannot listen on {at}; is another program there?"))?)
}

fn address(listener: &TcpListener) -> Result<SocketAddr> {
    Ok(listener.local_addr().context("a listener has an address")?)
}

async fn answer(listener: TcpListener, router: Router, stop: CancellationToken) {
    let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await;
    if let Err(error) = served {
        tracing::error!(%error, "a listener failed");
    }
}

/// On Postgres, other replicas' work rings here too. A lost connection is taken up again.
async fn hear_other_replicas(app: App, stop: CancellationToken) {
    while !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => return,
            heard = app.db.listen() => {
                if let Err(error) = heard {
                    tracing::warn!(%error, "lost Postgres' notifications; polling meanwhile");
                }
                app.clock.sleep(Duration::from_secs(2)).await;
            }
        }
    }
}

/// What another replica has read is taken into this one's memory.
async fn follow_other_replicas(app: App, stop: CancellationToken) {
    loop {
        if let Err(error) = app.follow_directory().await {
            tracing::warn!(%error, "cannot see whether the directory changed");
        }
        if !app.config.checks.is_empty()
            && let Err(error) = app.reload_status().await
        {
            tracing::warn!(%error, "cannot load what the monitors said");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = app.clock.sleep(FOLLOW_EVERY) => {}
        }
    }
}

/// Writes down who looked what up.
async fn write_notes(app: App, stop: CancellationToken) {
    loop {
        if let Err(error) = app.notes.write_a_turn(&app.db).await {
            tracing::warn!(%error, "cannot write the audit; it waits");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = app.clock.sleep(NOTES_EVERY) => {}
        }
    }
}

/// Each server has its own directory. Nobody waits for it.
async fn read_runbooks(app: App, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = app.clock.sleep(RUNBOOKS_EVERY) => app.read_runbooks().await,
        }
    }
}

async fn read_gauges(app: App, metrics: Arc<Metrics>, stop: CancellationToken) {
    loop {
        if let Err(error) = gauges(&app, &metrics).await {
            tracing::warn!(%error, "cannot read the gauges");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = app.clock.sleep(GAUGES_EVERY) => {}
        }
    }
}

async fn gauges(app: &App, metrics: &Metrics) -> Result<()> {
    let mut tx = app.db.read().await?;
    metrics.set_inbox_waiting(tx.waiting_deliveries().await?);
    let (waiting, parked) = tx.count_jobs().await?;
    metrics.set_jobs(waiting, parked);
    if let Some(read_at) = app.directory.current().read_at.get(Step::ReadOnCall.kind()) {
        metrics.set_roster_age(app.clock.now().since(*read_at));
    }
    let states = tx.group_states().await?;
    let heard_at = tx.read_time(Step::ReadOnCall).await?;
    let next_handoff = OnCall::next_handoff(&tx.oncall_rows().await?, tx.now());
    let now = tx.now();
    let (gauges, unmapped) = groups::gauges(&states, heard_at, now);
    metrics.set_groups(&gauges);
    metrics.set_rota(unmapped, next_handoff.map(|at| at.since(now)));
    Ok(())
}
