//! `kill -9` at any moment: after the next start the world is as if nothing had happened. The real binary, a real
//! signal, real time; at each moment in a run of its own.

#[path = "all/canon.rs"]
#[expect(dead_code, reason = "what people were whispered is told again, and not compared here")]
mod canon;
mod live;
#[path = "process/mod.rs"]
#[expect(dead_code, reason = "nobody ends in peace here")]
mod process;
#[path = "live/replicas.rs"]
mod replicas;

use std::sync::Arc;
use std::time::Duration;

use live::Company;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How far away the vendors are: long enough to be killed while a call is under way.
pub const LATENCY: Duration = Duration::from_millis(25);
/// Runs side by side. Most of their time they wait: for the vendors, and on Postgres for the lease of the dead.
const SIDE_BY_SIDE: usize = 14;
const ROOM: &str = "inc-1-payments-down";

/// When the program is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    Never,
    /// While it answers this request of a person.
    Asked(usize),
    /// As this request is answered, and nothing done yet.
    Answered(usize),
    /// As the vendor hears of this call, before it does anything.
    Heard(usize),
    /// As the vendor has done what this call wants, before we hear of it.
    Done(usize),
    /// Again and again, each time that so many more calls were made, up to the last one.
    Every(usize, usize),
}

async fn live_through(company: &Company) {
    let slack = &company.world.slack;
    let pagerduty = &company.world.pagerduty;
    let reads = |words: &str| slack.transcript(ROOM).contains(words);
    company.types(0, "U0ANA", "general", "/incident declare payments-down sev1").await;
    company
        .until("the room is ready and Ana is paged", || {
            !pagerduty.incidents().is_empty() && reads("SEV1 incident declared") && reads("[pinned]")
        })
        .await;
    let page = pagerduty.incidents()[0].id.clone();
    pagerduty.escalate(&page);
    company.until("the escalation is told", || reads("escalated #1 to @ben")).await;
    company.types(0, "U0ANA", ROOM, "/incident update identified: the cache is full").await;
    company.until("the update is read", || reads("the cache is full")).await;
    company.types(0, "U0BEN", ROOM, "/incident note we flushed it --type action").await;
    company.acknowledges(0, "U0BEN", ROOM).await;
    company.until("Ben's phone is quiet", || pagerduty.incidents()[0].status == "acknowledged").await;
    company.types(0, "U0ANA", ROOM, "/incident resolve flushed").await;
    company
        .until("it is over", || pagerduty.incidents()[0].status == "resolved" && reads("Resolved by"))
        .await;
    company.until_quiet().await;
}

/// Waits for the moment, kills, and starts the program again.
async fn kill_at(company: &Company, mut moment: Moment) {
    let desk = &company.world.desk;
    let (began, asked, answered) = (desk.arrived(), company.asked(), company.answered());
    let mut last = 0;
    loop {
        let made = desk.arrived() - began;
        let now = match moment {
            Moment::Never => return std::future::pending().await,
            Moment::Asked(n) => company.asked() > asked + n,
            Moment::Answered(n) => company.answered() > answered + n,
            Moment::Heard(n) => made > n,
            Moment::Done(n) => desk.is_done(began + n),
            Moment::Every(n, _) => made - last >= n,
        };
        if now {
            company.kill(0);
            company.revive(0);
            last = desk.arrived() - began;
            let again = matches!(moment, Moment::Every(_, end) if made < end);
            moment = if again { moment } else { Moment::Never };
        }
        company.clock.sleep(Duration::from_millis(1)).await;
    }
}

/// How the world ends, and how many calls it took.
async fn run(postgres: bool, moment: Moment) -> Option<(String, usize)> {
    let company = Company::found(postgres, LATENCY, 1).await?;
    let began = company.world.desk.arrived();
    tokio::select! {
        () = live_through(&company) => {}
        () = company.carry() => {}
        () = kill_at(&company, moment) => {}
    }
    let end = canon::timeless(&canon::lasting(&company.world, &company.db).await);
    // However many changes of the topic wait for the next start, one tells them all.
    let is_lasting = |line: &&str| !line.contains("set the channel topic");
    let end = end.lines().filter(is_lasting).collect::<Vec<_>>().join("\n");
    let read = company.world.slack.transcript(ROOM);
    let told = ["incident declared", "escalated", "Identified", "we flushed", "acknowledged", "Resolved by"];
    assert_eq!(out_of_order(&read, &told), None, "killed at {moment:?}:\n{read}");
    assert_eq!(company.errors(), Vec::<String>::new(), "killed at {moment:?}");
    assert_eq!(company.world.desk.unexpected(), Vec::<String>::new());
    assert_eq!(company.world.pagerduty.dropped(), 0, "webhooks that PagerDuty had to drop");
    Some((end, company.world.desk.arrived() - began))
}

/// The first of these that a channel's message does not have in its place; edited and pinned ones are at the top.
pub fn out_of_order<'a>(transcript: &str, told: &[&'a str]) -> Option<&'a str> {
    let mut messages = transcript.split("\n\n").filter(|m| !m.contains("[pinned]"));
    told.iter().find(|words| !messages.any(|message| message.contains(**words))).copied()
}

async fn survives(postgres: bool) {
    let Some((good, calls)) = run(postgres, Moment::Never).await else { return };
    assert!(good.contains("PagerDuty #1 \"INC-1 payments-down\" resolved"), "{good}");
    // What the dead had claimed on Postgres waits 15 s each time: there, only twice.
    let mut moments =
        vec![if postgres { Moment::Every(calls / 3, calls / 2) } else { Moment::Every(12, calls) }];
    moments.extend([0, 4].map(Moment::Asked));
    moments.extend([0, 3].map(Moment::Answered));
    moments.extend((0..5).map(|n| n * calls / 5).map(Moment::Heard));
    moments.extend((0..4).map(|n| 1 + n * calls / 4).map(Moment::Done));
    let side_by_side = Arc::new(Semaphore::new(SIDE_BY_SIDE));
    let mut runs = JoinSet::new();
    for moment in moments {
        let side_by_side = side_by_side.clone();
        runs.spawn(async move {
            let _slot = side_by_side.acquire_owned().await.expect("open");
            (moment, run(postgres, moment).await.expect("it was there before").0)
        });
    }
    let mut wrong = Vec::new();
    while let Some(done) = runs.join_next().await {
        let (moment, end) = done.expect("the scenario is played to its end");
        let difference = canon::difference(&good, &end);
        if !difference.is_empty() {
            wrong.push(format!("killed at {moment:?}:\n  {}", difference.join("\n  ")));
        }
    }
    assert!(wrong.is_empty(), "{} of the runs ended otherwise:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_killed_program_takes_up_where_it_was_on_sqlite() {
    survives(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_killed_program_takes_up_where_it_was_on_postgres() {
    survives(true).await;
}
