//! A stage: the program on a simulated world, its clock in the test's hand. Workers are off: [`Stage::settle`] runs
//! what is due, so nothing sleeps and nothing is left to chance.

use std::sync::Arc;
use std::time::Duration;

use firebell::app::App;
use firebell::clock::Clock;
use firebell::config::Config;
use firebell::metrics::Metrics;
use firebell::serve::{self, Running};
use firebell::sim::scene::World;
use firebell::store::Db;

pub struct Stage {
    pub world: World,
    pub running: Running,
    pub clock: Clock,
    /// Jobs that may be left parked, and calls that may be unexpected, when the scenario ends.
    expect_trouble: bool,
}

impl Stage {
    /// The standard world, with the roster read.
    pub async fn set(db: Db, clock: Clock) -> Self {
        Self::set_with(db, clock, "").await
    }

    /// The same, with more configuration.
    pub async fn set_with(db: Db, clock: Clock, more: &str) -> Self {
        let world = World::start(clock.clone()).await.expect("the world starts");
        let stage = Self::on(world, db, clock, more).await;
        stage.settle().await;
        stage
    }

    /// The program on a given world, nothing read yet.
    pub async fn on(world: World, db: Db, clock: Clock, more: &str) -> Self {
        let toml = world.firebell_toml("sqlite://unused.db", "127.0.0.1:0") + more;
        Self::with_toml(world, db, clock, &toml).await
    }

    pub async fn with_toml(world: World, db: Db, clock: Clock, toml: &str) -> Self {
        let config = Config::from_toml(toml).unwrap_or_else(|p| panic!("{p}"));
        let metrics = Arc::new(Metrics::new());
        let counted = metrics.clone();
        let observer = move |vendor, call, outcome, took| counted.vendor_call(vendor, call, outcome, took);
        let app = App::with_db(config, clock.clone(), db, Arc::new(observer));
        let running = serve::start(app, metrics, false).await.expect("the program starts");
        Self { world, running, clock, expect_trouble: false }
    }

    /// What is parked or refused at the end belongs to the scenario.
    pub fn trouble_is_expected(&mut self) {
        self.expect_trouble = true;
    }

    /// Types a command in #general; the answer as the person reads it.
    pub async fn slash(&self, user: &str, typed: &str) -> String {
        let general = self.world.slack.channel_named("general").expect("#general").id;
        self.slash_in(user, &general, typed).await
    }

    /// Types a command in a channel given by id.
    pub async fn slash_in(&self, user: &str, channel: &str, typed: &str) -> String {
        let request = self.world.slack.command(user, channel, typed);
        let (status, body) =
            self.world.slack.deliver(&self.running.base_url(), &request).await.expect("an answer");
        assert_eq!(status, 200, "{body}");
        text_of(&body)
    }

    /// Presses the newest button of that label that the person sees in the channel of this name.
    pub async fn click(&self, user: &str, channel: &str, label: &str) {
        let id = self.world.slack.channel_named(channel).unwrap_or_else(|| panic!("no #{channel}")).id;
        let request = self.world.slack.click(user, &id, label);
        let request = request.unwrap_or_else(|| panic!("no button {label:?} in #{channel}"));
        let (status, body) =
            self.world.slack.deliver(&self.running.base_url(), &request).await.expect("an answer");
        assert_eq!(status, 200, "{body}");
    }

    /// Lets everything happen that is due now: jobs, webhooks, and what they cause.
    pub async fn settle(&self) {
        loop {
            let jobs = self.running.work_off().await.expect("jobs run");
            let delivered =
                self.world.pagerduty.deliver(&self.running.base_url()).await.expect("webhooks arrive");
            let told =
                self.world.slack.deliver_group_events(&self.running.base_url()).await.expect("events arrive");
            if jobs + delivered + told == 0 {
                return;
            }
        }
    }

    /// Lets time pass in steps, so that retries and timers come when they are due.
    pub async fn wait(&self, time: Duration) {
        let step = Duration::from_secs(10);
        let mut left = time;
        while !left.is_zero() {
            let now = left.min(step);
            self.clock.advance(now);
            left -= now;
            self.settle().await;
        }
    }

    /// Nothing may be left over: no call that the vendors do not have, no webhook dropped, no job parked.
    pub async fn end(self) {
        self.settle().await;
        if !self.expect_trouble {
            assert_eq!(
                self.world.desk.unexpected(),
                Vec::<String>::new(),
                "calls that the vendors do not have"
            );
            assert_eq!(self.world.pagerduty.dropped(), 0, "webhooks that PagerDuty had to drop");
            let mut tx = self.running.app.db.read().await.expect("a transaction");
            let parked: Vec<_> = tx
                .open_jobs()
                .await
                .expect("jobs")
                .into_iter()
                .filter(|j| j.parked_at.is_some())
                .map(|j| format!("{} {:?}", j.kind, j.last_error))
                .collect();
            assert_eq!(parked, Vec::<String>::new(), "parked jobs");
            drop(tx);
        }
        self.running.shutdown().await;
    }
}

/// The sentence of an answer, whatever shape it has.
pub fn text_of(body: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(body).unwrap_or(serde_json::Value::Null);
    value["text"].as_str().map_or_else(|| body.to_owned(), str::to_owned)
}
