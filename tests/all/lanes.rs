//! Many workers on one queue: each job once, each lane in order, and what becomes of the work of the dead.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use firebell::clock::Clock;
use firebell::error::{Error, Result};
use firebell::jobs::{Finished, Job, LEASE, NewDelivery, Perform, Runner};
use firebell::on_both_engines;
use firebell::store::{Db, Priority, Tx};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::queue::{Outcome, Script, label, labelled};

on_both_engines!(
    async fn a_lane_keeps_its_order_while_its_first_is_tried_again(db: Db, clock: Clock) {
        let script = Script::new(&db).plays("a1", &[Outcome::Away, Outcome::Away]);
        for name in ["a1", "a2", "a3"] {
            script.enqueue(labelled(name).lane("a")).await;
        }
        script.enqueue(labelled("b1").lane("b")).await;
        script.run().await;
        assert_eq!(script.log().iter().filter(|l| !l.contains("stumbled")).count(), 2, "a1 and b1");
        for _ in 0..3 {
            clock.advance(Duration::from_secs(60));
            script.run().await;
        }
        let order: Vec<_> = script.log().into_iter().filter(|l| l.starts_with('a')).collect();
        assert_eq!(order, ["a1", "a1 stumbled", "a1 again", "a1 stumbled", "a1 again", "a2", "a3"]);
    }
);

on_both_engines!(
    async fn a_parked_job_frees_its_lane_and_waits_its_turn_when_it_comes_back(db: Db, _clock: Clock) {
        let script = Script::new(&db).plays("a1", &[Outcome::Refused]);
        let first = script.enqueue(labelled("a1").lane("a")).await;
        script.enqueue(labelled("a2").lane("a")).await;
        script.run().await;
        assert_eq!(script.log(), ["a1", "a1 parked", "a2"]);
        script.enqueue(labelled("a3").lane("a")).await;
        let mut tx = db.write(Priority::Job).await.unwrap();
        let running = tx.claim_jobs(10).await.unwrap();
        assert_eq!(running.len(), 1);
        assert!(tx.unpark_job(first).await.unwrap());
        assert!(tx.claim_jobs(10).await.unwrap().is_empty(), "a later one of its lane is running");
        tx.commit().await.unwrap();
        running[0].finish_bare(&db).await.unwrap();
        script.run().await;
        assert_eq!(script.log().last().unwrap(), "a1 again");
    }
);

/// Notes who is at work, and complains about two in one lane or one job twice.
#[derive(Clone, Default)]
struct Watch {
    db: Option<Db>,
    at_work: Arc<Mutex<BTreeMap<String, String>>>,
    order: Arc<Mutex<BTreeMap<String, Vec<String>>>>,
}

impl Perform for Watch {
    async fn perform(&self, job: &Job) -> Result<Finished> {
        let lane = job.lane.clone().unwrap_or_else(|| format!("none:{}", job.id));
        let before = self.at_work.lock().unwrap().insert(lane.clone(), label(job));
        assert_eq!(before, None, "two at work in lane {lane}");
        self.order.lock().unwrap().entry(lane.clone()).or_default().push(label(job));
        tokio::task::yield_now().await;
        self.at_work.lock().unwrap().remove(&lane);
        job.finish_bare(self.db.as_ref().expect("a database")).await
    }

    async fn parked(&self, _: &mut Tx, job: &Job, error: &Error) -> Result<()> {
        panic!("{} parked: {error}", label(job));
    }

    async fn stumbled(&self, _: &mut Tx, job: &Job, error: &Error) -> Result<()> {
        panic!("{} failed: {error}", label(job));
    }
}

on_both_engines!(
    async fn eight_workers_do_each_job_once_and_each_lane_in_order(db: Db, clock: Clock) {
        let mut tx = db.write(Priority::Job).await.unwrap();
        for n in 0..400 {
            let job = labelled(&format!("{n:03}"));
            tx.enqueue(if n % 10 == 0 { job } else { job.lane(format!("lane {}", n % 37)) }).await.unwrap();
        }
        tx.commit().await.unwrap();
        let watch = Watch { db: Some(db.clone()), ..Watch::default() };
        let mut workers = JoinSet::new();
        for _ in 0..8 {
            let (perform, db, clock) = (watch.clone(), db.clone(), clock.clone());
            workers.spawn(async move {
                let runner = Runner { db: db.clone(), perform, width: 5 };
                // A worker that finds nothing may have found every lane taken: it looks again until all is done.
                loop {
                    runner.run_due().await.expect("the queue runs");
                    if db.read().await.unwrap().count_jobs().await.unwrap().0 == 0 {
                        return clock.now();
                    }
                }
            });
        }
        while let Some(done) = workers.join_next().await {
            done.expect("nobody complained");
        }
        let order = watch.order.lock().unwrap().clone();
        assert_eq!(order.values().map(Vec::len).sum::<usize>(), 400, "each once");
        for (lane, labels) in order {
            assert!(labels.is_sorted(), "{lane}: {labels:?}");
        }
    }
);

on_both_engines!(
    async fn what_the_dead_had_claimed_passes_on_when_the_lease_ends_and_they_cannot_finish_it(
        db: Db,
        clock: Clock,
    ) {
        let script = Script::new(&db);
        let id = script.enqueue(labelled("a").lane("l")).await;
        let mut tx = db.write(Priority::Job).await.unwrap();
        let stale = tx.claim_jobs(1).await.unwrap().remove(0);
        tx.commit().await.unwrap();
        clock.advance(LEASE);
        assert_eq!(script.run().await, 0, "the lease holds to its last moment");
        clock.advance(Duration::from_secs(1));

        let mut tx = db.write(Priority::Job).await.unwrap();
        let taken_over = tx.claim_jobs(1).await.unwrap().remove(0);
        assert!(taken_over.is_retry() && taken_over.began_at() == stale.began_at());
        tx.commit().await.unwrap();

        // The first worker was only slow: what it wants to record is rolled back with its finish.
        let mut tx = db.write(Priority::Job).await.unwrap();
        tx.enqueue(labelled("recorded by the stale one")).await.unwrap();
        assert!(stale.finish(tx).await.unwrap_err().to_string().contains("taken over"));
        taken_over.finish_bare(&db).await.unwrap();
        assert!(script.job(id).await.done_at.is_some());
        assert_eq!(script.open().await, Vec::<String>::new());
    }
);

/// Works until it is told to stop.
#[derive(Clone)]
struct Slow {
    db: Db,
    go_on: Arc<Notify>,
}

impl Perform for Slow {
    async fn perform(&self, job: &Job) -> Result<Finished> {
        self.go_on.notified().await;
        job.finish_bare(&self.db).await
    }

    async fn parked(&self, _: &mut Tx, _: &Job, _: &Error) -> Result<()> {
        Ok(())
    }

    async fn stumbled(&self, _: &mut Tx, _: &Job, _: &Error) -> Result<()> {
        Ok(())
    }
}

on_both_engines!(
    async fn a_lease_is_renewed_for_as_long_as_the_work_takes(db: Db, clock: Clock) {
        let script = Script::new(&db);
        let id = script.enqueue(labelled("long")).await;
        let slow = Slow { db: db.clone(), go_on: Arc::default() };
        let runner = Runner { db: db.clone(), perform: slow.clone(), width: 1 };
        let working = async { runner.run_due().await.expect("it runs") };
        let watching = async {
            let mut lease = None;
            for _ in 0..6 {
                lease = wait_for_lease_after(&script, id, lease).await;
                assert_eq!(script.run().await, 0, "nobody else gets it");
                advance_to_renewal(&clock);
            }
            slow.go_on.notify_one();
        };
        tokio::join!(working, watching);
        let done = script.job(id).await;
        assert!(done.done_at.is_some() && done.token == 1);
        assert!(clock.now() > done.created_at + LEASE, "longer than one lease");
    }
);

fn advance_to_renewal(clock: &Clock) {
    clock.advance(LEASE / 3);
}

/// The renewal itself is real work on a real database: wait until it is there.
async fn wait_for_lease_after(
    script: &Script,
    id: i64,
    before: Option<firebell::clock::Timestamp>,
) -> Option<firebell::clock::Timestamp> {
    loop {
        let lease = script.job(id).await.lease_until;
        if lease.is_some() && lease > before {
            // The sleeper of the next renewal must be there before the clock moves on.
            tokio::task::yield_now().await;
            return lease;
        }
        tokio::task::yield_now().await;
    }
}

on_both_engines!(
    async fn a_program_that_has_the_database_to_itself_takes_over_at_once(db: Db, _clock: Clock) {
        let script = Script::new(&db);
        script.enqueue(labelled("a").dedup("k")).await;
        let mut tx = db.write(Priority::Job).await.unwrap();
        assert_eq!(tx.claim_jobs(9).await.unwrap().len(), 1);
        assert_eq!(tx.end_leases().await.unwrap(), 1);
        tx.commit().await.unwrap();
        script.run().await;
        assert_eq!(script.log(), ["a again"]);
    }
);

on_both_engines!(
    async fn eight_readers_take_each_delivery_once(db: Db, _clock: Clock) {
        let mut tx = db.write(Priority::Intake).await.unwrap();
        for n in 0..200 {
            let new = NewDelivery { source: "pagerduty", key: n.to_string(), body: Vec::new() };
            assert!(tx.receive(&new).await.unwrap());
        }
        tx.commit().await.unwrap();
        let mut readers = JoinSet::new();
        for _ in 0..8 {
            let db = db.clone();
            readers.spawn(async move {
                let mut mine = Vec::new();
                loop {
                    let mut tx = db.write(Priority::Job).await.unwrap();
                    let next = tx.next_deliveries(7).await.unwrap();
                    tx.deliveries_done(&next).await.unwrap();
                    let left = tx.waiting_deliveries().await.unwrap();
                    tx.commit().await.unwrap();
                    mine.extend(next.iter().map(|d| d.id));
                    if next.is_empty() && left == 0 {
                        return mine;
                    }
                }
            });
        }
        let mut all = Vec::new();
        while let Some(mine) = readers.join_next().await {
            all.extend(mine.unwrap());
        }
        assert_eq!(all.len(), 200);
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 200);
    }
);

on_both_engines!(
    async fn a_reader_that_dies_gives_back_what_it_read_at_once_and_untouched(db: Db, _clock: Clock) {
        let mut tx = db.write(Priority::Intake).await.unwrap();
        for key in ["first", "second"] {
            tx.receive(&NewDelivery { source: "slack", key: key.into(), body: Vec::new() }).await.unwrap();
        }
        tx.commit().await.unwrap();
        let mut dying = db.write(Priority::Job).await.unwrap();
        let next = dying.next_deliveries(9).await.unwrap();
        dying.deliveries_done(&next[..1]).await.unwrap();
        dying.rollback().await.unwrap();
        let mut tx = db.write(Priority::Job).await.unwrap();
        let again = tx.next_deliveries(9).await.unwrap();
        let seen: Vec<_> = again.iter().map(|d| (d.delivery_key.as_str(), d.attempts)).collect();
        assert_eq!(seen, [("first", 0), ("second", 0)]);
    }
);
