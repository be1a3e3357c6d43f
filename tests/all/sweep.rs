//! Any single answer of a vendor may be lost, and any single call may break: the world ends as if nothing had happened.
//! Every call that a clean run makes is tried, by name and place, on both engines.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use firebell::clock::Clock;
use firebell::sim::desk::Fault;
use firebell::sim::scene::World;
use firebell::store::Db;
use firebell::testing::{self, Guard, START};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::canon;
use crate::stage::Stage;

/// An incident's life: declared, filled, paged, escalated, talked about, re-rated, acknowledged, resolved.
async fn live(stage: &Stage) {
    stage.settle().await;
    breathe(stage).await;
    stage.slash("U0ANA", "/incident declare payments-down sev1").await;
    breathe(stage).await;
    let room = stage.world.slack.channel_named("inc-1-payments-down").expect("a room").id;
    let page = stage.world.pagerduty.incidents().first().expect("a page").id.clone();
    stage.world.pagerduty.escalate(&page);
    breathe(stage).await;
    stage.slash_in("U0ANA", &room, "/incident update identified: the cache is full").await;
    breathe(stage).await;
    stage.slash_in("U0BEN", &room, "/incident note we flushed it --type action").await;
    breathe(stage).await;
    stage.slash_in("U0BEN", &room, "/incident sev 2").await;
    stage.slash_in("U0ANA", &room, "/incident role ic @cho").await;
    breathe(stage).await;
    stage.world.pagerduty.annotate(&page, "PBEN001", "Looking at it");
    stage.world.pagerduty.add_responder(&page, "PBEN001", "PDEE001", "Please join");
    breathe(stage).await;
    stage.click("U0BEN", "inc-1-payments-down", "Acknowledge").await;
    breathe(stage).await;
    stage.slash_in("U0ANA", &room, "/incident resolve flushed").await;
    breathe(stage).await;
}

/// Time for a second attempt, which comes after a second or a little more.
async fn breathe(stage: &Stage) {
    stage.settle().await;
    stage.clock.advance(Duration::from_secs(2));
    stage.settle().await;
}

struct End {
    description: String,
    /// How often each call was made.
    calls: BTreeMap<String, usize>,
    unexpected: Vec<String>,
}

async fn run(db: Db, clock: Clock, fault: Option<(&str, usize, Fault)>) -> End {
    let world = World::start(clock.clone()).await.expect("the world starts");
    if let Some((call, before, fault)) = fault {
        world.desk.at(call, before, fault);
    }
    let stage = Stage::on(world, db.clone(), clock, "").await;
    live(&stage).await;
    let mut calls = BTreeMap::new();
    for call in stage.world.desk.calls() {
        *calls.entry(call.name).or_default() += 1;
    }
    let description = canon::describe(&stage.world, &db).await;
    let unexpected = stage.world.desk.unexpected();
    stage.running.shutdown().await;
    End { description, calls, unexpected }
}

/// A database for one run; `None` where the tests were given no Postgres.
pub async fn database(postgres: bool) -> Option<(Db, Guard, Clock)> {
    let clock = Clock::manual(START);
    let (db, guard) = if postgres { testing::postgres(&clock).await? } else { testing::sqlite(&clock).await };
    Some((db, guard, clock))
}

async fn sweep(postgres: bool) {
    let Some((db, _guard, clock)) = database(postgres).await else { return };
    let clean = run(db, clock, None).await;
    assert_eq!(clean.unexpected, Vec::<String>::new());
    let at_once = Arc::new(Semaphore::new(6));
    let mut runs = JoinSet::new();
    for (call, times) in clean.calls {
        for before in 0..times {
            for fault in [Fault::LoseAnswer, Fault::Reset] {
                let (call, at_once) = (call.clone(), at_once.clone());
                runs.spawn(async move {
                    let _slot = at_once.acquire_owned().await.expect("open");
                    let (db, _guard, clock) = database(postgres).await.expect("it was there before");
                    let end = run(db, clock, Some((&call, before, fault.clone()))).await;
                    (format!("{fault:?} at {call}, after {before} others"), end)
                });
            }
        }
    }
    let mut wrong = Vec::new();
    while let Some(done) = runs.join_next().await {
        let (what, end) = done.expect("the scenario is played to its end");
        let mut difference = canon::difference(&clean.description, &end.description);
        difference.extend(end.unexpected);
        if !difference.is_empty() {
            wrong.push(format!("{what}:\n  {}", difference.join("\n  ")));
        }
    }
    wrong.sort();
    assert!(
        wrong.is_empty(),
        "{} runs ended otherwise than the clean one:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_answer_may_be_lost_and_any_call_may_break_on_sqlite() {
    sweep(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_answer_may_be_lost_and_any_call_may_break_on_postgres() {
    sweep(true).await;
}
