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

use crate::stage::Stage;
use crate::{canon, paging};

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

/// People are paged: a team, the commanders, and in an incident's room; some answer, and some do not.
async fn page(stage: &Stage) {
    stage.settle().await;
    breathe(stage).await;
    stage.slash("U0ANA", "/incident declare payments-down sev1").await;
    breathe(stage).await;
    let room = stage.world.slack.channel_named("inc-1-payments-down").expect("a room").id;
    stage.slash_in("U0ANA", &room, "/page @cho please look").await;
    breathe(stage).await;
    stage.slash_in("U0ANA", &room, "/page search your part, too").await;
    breathe(stage).await;
    stage.world.pagerduty.responder_replies("1", "PCHO001", true);
    let channel = stage.world.slack.channel_named("incidents").expect("a channel").id;
    stage.slash_in("U0EVE", &channel, "/page payments the checkout is down").await;
    breathe(stage).await;
    stage.world.pagerduty.acknowledge("2", "PANA001");
    stage.slash_in("U0EVE", &channel, "/ic page").await;
    breathe(stage).await;
    stage.world.pagerduty.set_abilities(&["teams"]);
    stage.slash_in("U0EVE", &channel, "/ic page responders").await;
    breathe(stage).await;
    stage.slash_in("U0ANA", &room, "/ic page").await;
    breathe(stage).await;
    stage.wait(Duration::from_secs(310)).await;
    stage.slash_in("U0ANA", &room, "/incident resolve").await;
    breathe(stage).await;
}

#[derive(Clone, Copy)]
enum Story {
    Incident,
    Pages,
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

async fn run(story: Story, db: Db, clock: Clock, fault: Option<(&str, usize, Fault)>) -> End {
    let (world, more) = match story {
        Story::Incident => (World::start(clock.clone()).await.expect("the world starts"), ""),
        Story::Pages => (paging::world(&clock).await, paging::PAGING),
    };
    if let Some((call, before, fault)) = fault {
        world.desk.at(call, before, fault);
    }
    let stage = Stage::on(world, db.clone(), clock, more).await;
    match story {
        Story::Incident => live(&stage).await,
        Story::Pages => page(&stage).await,
    }
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

async fn sweep(story: Story, postgres: bool) {
    let Some((db, _guard, clock)) = database(postgres).await else { return };
    let clean = run(story, db, clock, None).await;
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
                    let end = run(story, db, clock, Some((&call, before, fault.clone()))).await;
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
    sweep(Story::Incident, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_answer_may_be_lost_and_any_call_may_break_on_postgres() {
    sweep(Story::Incident, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_paged_twice_or_not_at_all_on_sqlite() {
    sweep(Story::Pages, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_paged_twice_or_not_at_all_on_postgres() {
    sweep(Story::Pages, true).await;
}
