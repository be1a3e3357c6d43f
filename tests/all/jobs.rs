//! The queue: what is asked for twice, what fails, what a person brings back.

use std::time::Duration;

use firebell::jobs::NewDelivery;
use firebell::on_both_engines;
use firebell::store::Priority;

use crate::queue::{Outcome, Script, labelled};

const A_MINUTE: Duration = Duration::from_secs(60);

on_both_engines!(
    async fn triggers_before_the_run_are_one_job_and_the_earliest_time_wins(db: Db, clock: Clock) {
        let script = Script::new(&db);
        let later = clock.now() + A_MINUTE;
        let first = script.enqueue(labelled("a").dedup("k").at(later + A_MINUTE)).await;
        assert_eq!(script.enqueue(labelled("a").dedup("k").at(later)).await, first);
        assert_eq!(script.enqueue(labelled("a").dedup("k").at(later + A_MINUTE)).await, first);
        assert_ne!(script.enqueue(labelled("b").dedup("other").at(later)).await, first);
        assert_eq!(script.run().await, 0);
        clock.advance(A_MINUTE);
        assert_eq!(script.run().await, 2);
        assert_eq!(script.log(), ["a", "b"]);
    }
);

on_both_engines!(
    async fn a_trigger_that_comes_while_its_twin_runs_is_not_lost(db: Db, _clock: Clock) {
        let script = Script::new(&db).plays("a", &[Outcome::TriggeredMeanwhile]);
        script.enqueue(labelled("a").dedup("k")).await;
        assert_eq!(script.run().await, 2);
        assert_eq!(script.log(), ["a", "a"], "the second is a run of its own, not a second attempt");
    }
);

on_both_engines!(
    async fn a_failed_attempt_merges_with_the_twin_that_waits_which_then_looks_first(db: Db, clock: Clock) {
        let script = Script::new(&db).plays("a", &[Outcome::TriggeredAndAway, Outcome::TriggeredAndAway]);
        script.enqueue(labelled("a").dedup("k")).await;
        script.run().await;
        assert_eq!(script.open().await, ["a"], "one job however many triggers an outage sees");
        clock.advance(A_MINUTE);
        script.run().await;
        assert_eq!(script.open().await, ["a"]);
        clock.advance(A_MINUTE);
        script.run().await;
        assert_eq!(script.open().await, Vec::<String>::new());
        assert_eq!(script.log(), ["a", "a stumbled", "a again", "a stumbled", "a again"]);
    }
);

on_both_engines!(
    async fn being_told_to_wait_uses_up_no_attempt(db: Db, clock: Clock) {
        let script = Script::new(&db).plays("a", &[Outcome::RateLimited; 5]);
        let mut job = labelled("a");
        job.max_attempts = Some(2);
        let id = script.enqueue(job).await;
        for _ in 0..5 {
            assert_eq!(script.run().await, 1);
            let waits = script.job(id).await;
            assert_eq!(waits.attempts, 0);
            assert!(waits.run_at >= clock.now() + Duration::from_secs(20), "as long as it was told");
            clock.advance(A_MINUTE);
        }
        assert_eq!(script.run().await, 1);
        assert!(script.job(id).await.done_at.is_some());
    }
);

on_both_engines!(
    async fn what_is_refused_or_out_of_attempts_is_parked_and_people_are_told(db: Db, clock: Clock) {
        let script = Script::new(&db).plays("no", &[Outcome::Refused]).plays("away", &[Outcome::Away; 3]);
        let refused = script.enqueue(labelled("no").never_give_up()).await;
        let mut tired = labelled("away");
        tired.max_attempts = Some(3);
        let tired = script.enqueue(tired).await;
        for _ in 0..4 {
            script.run().await;
            clock.advance(A_MINUTE);
        }
        let mut log = script.log();
        log.sort();
        assert_eq!(
            log,
            [
                "away",
                "away again",
                "away again",
                "away parked",
                "away stumbled",
                "away stumbled",
                "no",
                "no parked"
            ]
        );
        let (refused, tired) = (script.job(refused).await, script.job(tired).await);
        assert!(refused.parked_at.is_some() && tired.parked_at.is_some());
        assert_eq!(refused.last_error.as_deref(), Some("Slack refused chat.postMessage: restricted_action"));
        assert_eq!(
            tired.last_error.as_deref(),
            Some("Slack did not answer chat.postMessage: the connection broke")
        );
    }
);

on_both_engines!(
    async fn what_must_not_be_given_up_is_tried_for_hours_at_most_half_a_minute_apart(db: Db, clock: Clock) {
        let script = Script::new(&db).plays("page", &[Outcome::Away; 400]);
        let id = script.enqueue(labelled("page").never_give_up()).await;
        for _ in 0..400 {
            assert_eq!(script.run().await, 1);
            let waits = script.job(id).await;
            assert!(waits.run_at <= clock.now() + Duration::from_secs(30));
            clock.advance(waits.run_at.since(clock.now()));
        }
        script.run().await;
        assert!(script.job(id).await.done_at.is_some());
        assert!(script.job(id).await.created_at + Duration::from_secs(3600) < clock.now());
    }
);

on_both_engines!(
    async fn a_panic_is_one_failed_attempt(db: Db, clock: Clock) {
        let script = Script::new(&db).plays("a", &[Outcome::Panics]);
        let id = script.enqueue(labelled("a")).await;
        script.enqueue(labelled("b")).await;
        assert_eq!(script.run().await, 2);
        assert!(script.job(id).await.last_error.unwrap().contains("panicked"));
        clock.advance(A_MINUTE);
        script.run().await;
        assert!(script.job(id).await.done_at.is_some());
    }
);

on_both_engines!(
    async fn a_parked_job_comes_back_looks_first_and_has_all_its_attempts(db: Db, clock: Clock) {
        let script = Script::new(&db).plays("a", &[Outcome::Refused, Outcome::Away]);
        let id = script.enqueue(labelled("a").dedup("k")).await;
        script.run().await;
        let mut tx = db.write(Priority::Job).await.unwrap();
        assert!(tx.unpark_job(id).await.unwrap());
        assert!(!tx.unpark_job(id).await.unwrap(), "it is not parked any more");
        assert!(!tx.unpark_job(id + 100).await.unwrap());
        tx.commit().await.unwrap();
        script.run().await;
        assert_eq!(script.job(id).await.attempts, 1);
        clock.advance(A_MINUTE);
        script.run().await;
        assert_eq!(script.log(), ["a", "a parked", "a again", "a stumbled", "a again"]);
    }
);

on_both_engines!(
    async fn a_new_trigger_takes_over_from_a_parked_twin_and_looks_first(db: Db, _clock: Clock) {
        let script = Script::new(&db).plays("a", &[Outcome::Refused]);
        let old = script.enqueue(labelled("a").dedup("k")).await;
        script.run().await;
        let new = script.enqueue(labelled("a").dedup("k")).await;
        assert_ne!(new, old);
        assert!(script.job(old).await.done_at.is_some());
        let mut tx = db.write(Priority::Job).await.unwrap();
        assert!(!tx.unpark_job(old).await.unwrap(), "there is one of them to bring back, never two");
        tx.commit().await.unwrap();
        script.run().await;
        assert_eq!(script.log(), ["a", "a parked", "a again"]);
        assert_eq!(script.open().await, Vec::<String>::new());
    }
);

on_both_engines!(
    async fn a_discarded_job_is_closed_unless_it_runs(db: Db, _clock: Clock) {
        let script = Script::new(&db).plays("parked", &[Outcome::Refused]);
        let parked = script.enqueue(labelled("parked")).await;
        script.run().await;
        let (running, waiting) =
            (script.enqueue(labelled("running")).await, script.enqueue(labelled("waiting")).await);
        let mut tx = db.write(Priority::Job).await.unwrap();
        assert_eq!(tx.claim_jobs(1).await.unwrap()[0].id, running);
        assert!(tx.discard_job(parked).await.unwrap());
        assert!(tx.discard_job(waiting).await.unwrap());
        assert!(!tx.discard_job(running).await.unwrap());
        assert!(!tx.discard_job(parked).await.unwrap(), "it is closed");
        assert_eq!(tx.count_jobs().await.unwrap(), (1, 0));
        tx.commit().await.unwrap();
        assert_eq!(script.run().await, 0);
    }
);

on_both_engines!(
    async fn a_discarded_job_comes_back_and_looks_first_unless_a_twin_is_at_it(db: Db, _clock: Clock) {
        let script = Script::new(&db).plays("a", &[Outcome::Refused]);
        let id = script.enqueue(labelled("a").dedup("k")).await;
        script.run().await;
        let mut tx = db.write(Priority::Job).await.unwrap();
        assert!(!tx.reopen_job(id).await.unwrap(), "it is parked, not closed");
        assert!(tx.discard_job(id).await.unwrap());
        tx.commit().await.unwrap();
        let twin = script.enqueue(labelled("b").dedup("k")).await;
        let mut tx = db.write(Priority::Job).await.unwrap();
        assert!(!tx.reopen_job(id).await.unwrap(), "its twin waits");
        assert!(tx.discard_job(twin).await.unwrap());
        assert!(tx.reopen_job(id).await.unwrap());
        assert!(!tx.reopen_job(id).await.unwrap(), "it is back already");
        tx.commit().await.unwrap();
        script.run().await;
        assert_eq!(script.log(), ["a", "a parked", "a again"]);
    }
);

on_both_engines!(
    async fn what_is_done_is_forgotten_when_asked_and_nothing_else(db: Db, clock: Clock) {
        let script = Script::new(&db).plays("parked", &[Outcome::Refused]);
        script.enqueue(labelled("done")).await;
        script.enqueue(labelled("parked")).await;
        script.enqueue(labelled("later").at(clock.now() + 100 * A_MINUTE)).await;
        script.run().await;
        let mut tx = db.write(Priority::Intake).await.unwrap();
        for key in ["understood", "waiting"] {
            tx.receive(&delivery(key)).await.unwrap();
        }
        let next = tx.next_deliveries(1).await.unwrap();
        tx.deliveries_done(&next[..1]).await.unwrap();
        tx.commit().await.unwrap();
        let long_ago = clock.now();
        clock.advance(A_MINUTE);
        let mut tx = db.write(Priority::Job).await.unwrap();
        assert_eq!(tx.forget_done(long_ago).await.unwrap(), 0, "done at that moment, not before it");
        assert_eq!(tx.forget_done(clock.now()).await.unwrap(), 2);
        assert!(tx.receive(&delivery("understood")).await.unwrap(), "forgotten");
        assert!(!tx.receive(&delivery("waiting")).await.unwrap(), "still known");
        tx.commit().await.unwrap();
        assert_eq!(script.open().await, ["parked", "later"]);
    }
);

fn delivery(key: &str) -> NewDelivery {
    NewDelivery { source: "pagerduty", key: key.into(), body: b"{}".to_vec() }
}
