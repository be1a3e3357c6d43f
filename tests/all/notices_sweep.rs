//! Any single answer of the page may be lost, and any single call of it may fail: the public reads the same in the end,
//! and so does the room.

use std::time::Duration;

use firebell::clock::Clock;
use firebell::sim::desk::Fault;
use firebell::sim::scene::World;
use firebell::store::Db;

use crate::notices::ROOM;
use crate::stage::Stage;
use crate::sweep::database;

/// Told, changed, resolved with what is left of it put right.
async fn live(stage: &Stage) {
    stage.settle().await;
    breathe(stage).await;
    stage.slash("U0ANA", "/incident declare payments down sev2").await;
    breathe(stage).await;
    let room = stage.channel_id(ROOM);
    for typed in
        ["major \"Down.\" Checkout, public", "identified", "degraded \"Better.\" Checkout", "resolved"]
    {
        stage.slash_in("U0ANA", &room, &format!("/statuspage update {typed}")).await;
        breathe(stage).await;
    }
    stage.click("U0ANA", ROOM, "Set all operational & resolve").await;
    breathe(stage).await;
}

/// Time for a second attempt, which comes after a second or a little more.
async fn breathe(stage: &Stage) {
    stage.settle().await;
    stage.clock.advance(Duration::from_secs(2));
    stage.settle().await;
}

/// What the public and the room read, and the page's calls by name and place.
async fn run(
    db: Db,
    clock: Clock,
    cachet: bool,
    fault: Option<(&str, usize, Fault)>,
) -> (String, Vec<(String, usize)>) {
    let world = World::start(clock.clone()).await.expect("the world starts");
    let page = if cachet { world.cachet_toml() } else { world.statuspage_toml() };
    if let Some((call, before, fault)) = fault {
        world.desk.at(call, before, fault);
    }
    let stage = Stage::on(world, db, clock, &page).await;
    live(&stage).await;
    let mut calls: Vec<(String, usize)> = Vec::new();
    for call in stage.world.desk.calls().into_iter().filter(|c| ["statuspage", "cachet"].contains(&c.vendor))
    {
        let before = calls.iter().filter(|(name, _)| *name == call.name).count();
        calls.push((call.name, before));
    }
    let site = stage.world.cachet.api_url();
    let (public, told) = (stage.world.statuspage.public() + &stage.world.cachet.public(), stage.told());
    let entries = stage.slash("U0ANA", "/incident timeline INC-1").await;
    stage.end().await;
    (format!("{public}\n\n{told}\n\n{entries}").replace(&site, "https://status.example.com"), calls)
}

async fn sweep(cachet: bool, postgres: bool) {
    let Some((db, _guard, clock)) = database(postgres).await else { return };
    let (expected, calls) = run(db, clock, cachet, None).await;
    assert!(expected.contains("resolved the statuspage post") && calls.len() > 20, "{expected} {calls:?}");
    // Reads of what everybody sees are as good a second time; those that look for our own are not left out.
    let counts = |name: &str| {
        !name.ends_with("/components") && !name.ends_with("{page}") && !name.ends_with("/status")
    };
    for (call, before) in calls.iter().filter(|(name, _)| counts(name)) {
        // Whether a read was lost on its way or on its way back makes no difference.
        let faults = [Fault::LoseAnswer, Fault::Unavailable { status: 502 }];
        for fault in faults.into_iter().take(if call.starts_with("GET") { 1 } else { 2 }) {
            let Some((db, _guard, clock)) = database(postgres).await else { return };
            let (read, _) = run(db, clock, cachet, Some((call, *before, fault.clone()))).await;
            assert_eq!(read, expected, "{fault:?} at {call}, after {before} others");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_answer_of_statuspage_may_be_lost_on_sqlite() {
    sweep(false, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_answer_of_statuspage_may_be_lost_on_postgres() {
    sweep(false, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_answer_of_cachet_may_be_lost_on_sqlite() {
    sweep(true, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_answer_of_cachet_may_be_lost_on_postgres() {
    sweep(true, true).await;
}
