//! Whatever happens to a rota, a group equals who is on call, or says why not: random stories, told to the program on a
//! clock that stops at every instant at which something is due.
//!
//! `PROPTEST_CASES=500 cargo nextest run -E 'test(follows)'` tells more of them, and different ones each time.

#[path = "follows/play.rs"]
mod play;
#[path = "follows/scene.rs"]
mod scene;
#[path = "follows/story.rs"]
mod story;
#[path = "follows/truth.rs"]
mod truth;

use std::future::Future;

use firebell::clock::{Clock, Timestamp};
use firebell::store::Db;
use firebell::testing::{self, Guard};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use play::Play;
use story::{Story, stories};

/// What a run without further wishes tells, the same ones each time.
const CASES: u32 = 24;

#[expect(clippy::disallowed_methods, reason = "how many cases is not a setting of the program")]
fn runner() -> TestRunner {
    let wished = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok());
    let config = Config {
        cases: wished.unwrap_or(CASES),
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    match wished {
        Some(_) => TestRunner::new(config),
        None => TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
    }
}

fn every_story<D, F>(database: D)
where
    D: Fn(Clock) -> F,
    F: Future<Output = Option<(Db, Guard)>>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let told = runner().run(&stories(), |story: Story| {
        runtime.block_on(async {
            let clock = Clock::manual(Timestamp::parse(story.begins).expect("a time"));
            let Some((db, _guard)) = database(clock.clone()).await else { return Ok(()) };
            let play = Play::begin(story, db, clock).await;
            play.through().await.map_err(TestCaseError::fail)
        })
    });
    if let Err(failed) = told {
        panic!("{failed}");
    }
}

#[test]
fn groups_follow_the_rota_or_say_why_not_on_sqlite() {
    every_story(|clock| async move { Some(testing::sqlite(&clock).await) });
}

#[test]
fn groups_follow_the_rota_or_say_why_not_on_postgres() {
    every_story(|clock| async move { testing::postgres(&clock).await });
}
