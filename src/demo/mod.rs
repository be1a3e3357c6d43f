//! A whole incident on simulated vendors: the world and the real server in one process, on a database of its own in a
//! temporary directory. No accounts, no database server, no network.

mod carrier;
mod door;
mod home;
mod look;
mod room;
mod scenario;
mod screen;
mod surroundings;
mod watch;
mod welcome;

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::App;
use crate::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::oncall::Step;
use crate::serve::{self, Running};
use crate::sim::scene::World;
use home::Home;
use watch::Watch;

pub use door::{Heard, Typing, send};
pub use scenario::{Promises, play};
pub use screen::Screen;

/// Where the README says the server is.
pub const USUAL_PORT: u16 = 8080;
/// How long the people and services of the small world may take to be read.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// How the demo runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// The public port; `None` is the usual one if it is free, else any.
    pub port: Option<u16>,
    /// What each vendor call takes, as if the vendors were that far away.
    pub latency: Duration,
    /// Between two acts, so that people can follow.
    pub pause: Duration,
    /// End after the scenario.
    pub exit: bool,
}

impl Options {
    /// As fast as the machine allows, on any port, and then over: for tests.
    pub const FAST: Self = Self { port: Some(0), latency: Duration::ZERO, pause: Duration::ZERO, exit: true };
}

/// The world, the server, and what connects them.
pub struct Demo {
    pub world: World,
    pub running: Running,
    pub options: Options,
    began_at: Timestamp,
    home: Home,
    /// What comes in through the door, to be shown.
    typed: mpsc::UnboundedReceiver<Typing>,
    /// Rung when a vendor has something to say.
    bell: Arc<Notify>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Plays the incident, shows it, and keeps serving until `stop`. An error names what did not happen.
pub async fn run(options: Options, screen: &mut Screen, stop: CancellationToken) -> Result<()> {
    let world = World::start(Clock::system()).await?;
    let mut demo = tokio::select! {
        started = Box::pin(Demo::start(world, options)) => started?,
        () = stop.cancelled() => return Ok(()),
    };
    let mut verdict = Err(anyhow!("ended before the incident was over"));
    let shown = tokio::select! {
        shown = Box::pin(show(&mut demo, screen, &mut verdict)) => shown,
        () = stop.cancelled() => Ok(()),
    };
    let home = demo.home.path().display().to_string();
    demo.end().await;
    screen.farewell(&home)?;
    shown.and(verdict)
}

/// Until the end if it is to end after the scenario, else until dropped.
async fn show(demo: &mut Demo, screen: &mut Screen, verdict: &mut Result<()>) -> Result<()> {
    welcome::welcome(demo, screen)?;
    let promises = play(demo, screen).await?;
    *verdict = promises.verdict();
    welcome::verdict(&promises, screen)?;
    if demo.options.exit {
        return Ok(());
    }
    welcome::what_next(demo, screen)?;
    let mut watch = Watch::default();
    watch.skip(&demo.world.slack);
    watch.follow(demo, screen).await
}

impl Demo {
    /// Starts the server on this world, and waits until it knows its people.
    pub async fn start(world: World, options: Options) -> Result<Self> {
        let began_at = world.clock.now();
        let home = Home::make()?;
        let port = free_port(options.port)?;
        let toml = world.firebell_toml(&home.database_url(), &format!("127.0.0.1:{port}"));
        let toml = toml + &surroundings::furnish(&world);
        let config = Config::from_toml(&toml).context("the demo's own configuration")?;
        let metrics = Arc::new(crate::metrics::Metrics::new());
        let counted = metrics.clone();
        let observer =
            Arc::new(move |vendor, call, outcome, took| counted.vendor_call(vendor, call, outcome, took));
        let app = App::build(config, world.clock.clone(), observer).await?;
        app.db.migrate().await?;
        let running = serve::start(app, metrics, true).await?;
        let (stop, tasks, bell) = (CancellationToken::new(), TaskTracker::new(), Arc::new(Notify::new()));
        let (door, typed) = door::open(&world, &running.base_url(), &tasks, &stop).await?;
        home.hang_out(door)?;
        let demo = Self { world, running, options, began_at, home, typed, bell, stop, tasks };
        if let Err(error) = demo.know_the_people().await {
            demo.end().await;
            return Err(error);
        }
        let Self { world, running, bell, stop, .. } = &demo;
        world.desk.set_latency(demo.options.latency);
        demo.tasks.spawn(carrier::carry(world.clone(), running.base_url(), bell.clone(), stop.clone()));
        Ok(demo)
    }

    /// Stops everything and removes the temporary directory.
    pub async fn end(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.running.shutdown().await;
    }

    async fn know_the_people(&self) -> Result<()> {
        let known = self.until(READY_WITHIN, async || {
            let people = self.running.app.directory.current();
            let read = Step::at_the_start().all(|step| people.read_at.contains_key(step.kind()));
            Ok((read && people.ourselves.is_some()).then_some(()))
        });
        known.await?.context("the server did not get to know the simulated workspace and account in time")
    }

    /// Looks until there is something, or `patience` is over.
    async fn until<T>(
        &self,
        patience: Duration,
        mut look: impl AsyncFnMut() -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        let clock = &self.world.clock;
        let give_up_at = clock.now() + patience;
        loop {
            let seen = look().await?;
            if seen.is_some() || clock.now() >= give_up_at {
                return Ok(seen);
            }
            clock.sleep(Duration::from_millis(5)).await;
        }
    }
}

/// The asked one if it is free, or the usual one, or any. Somebody else may still take it in the next moment: then the
/// server says so.
fn free_port(asked: Option<u16>) -> Result<u16> {
    let bind = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).and_then(|l| l.local_addr());
    match asked {
        Some(port) => Ok(bind(port)
            .with_context(|| format!("port {port} is taken; choose another, or leave --port out"))?
            .port()),
        None => Ok(bind(USUAL_PORT).or_else(|_| bind(0)).context("no port is free")?.port()),
    }
}
