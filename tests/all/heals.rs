//! Webhooks that never came are made good by comparing with PagerDuty, under the same names, so that a late one adds
//! nothing.

use std::time::Duration;

use firebell::on_both_engines;
use firebell::sim::desk::Fault;
use firebell::sim::pagerduty::Webhook;
use firebell::store::Db;

use crate::canon;
use crate::stage::Stage;
use crate::sweep::database;

/// The comparison comes every five minutes.
const UNTIL_HEALED: Duration = Duration::from_secs(320);

/// What Ana, Ben and Cho do in PagerDuty, ten seconds apart. `lose` takes each webhook away.
async fn live(stage: &Stage, id: &str, lose: bool) -> Vec<Webhook> {
    let pagerduty = &stage.world.pagerduty;
    let mut gone = Vec::new();
    let acts: [&dyn Fn(); 8] = [
        &|| pagerduty.acknowledge(id, "PANA001"),
        &|| pagerduty.unacknowledge(id),
        &|| pagerduty.escalate(id),
        &|| pagerduty.reassign(id, "PBEN001", &["PCHO001"]),
        &|| pagerduty.annotate(id, "PCHO001", "The cache is full"),
        &|| pagerduty.delegate(id, "PCHO001", "PEP0002"),
        &|| pagerduty.escalate_by(id, "PCHO001"),
        &|| pagerduty.acknowledge(id, "PCHO001"),
    ];
    for act in acts {
        act();
        if lose {
            gone.extend(pagerduty.take_webhooks());
        }
        stage.wait(Duration::from_secs(10)).await;
    }
    gone
}

async fn described(stage: &Stage, db: &Db) -> String {
    canon::describe(&stage.world, db).await
}

on_both_engines!(
    async fn what_was_missed_is_told_as_if_it_had_come_and_late_webhooks_add_nothing(db: Db, clock: Clock) {
        let (other, _guard, other_clock) = database(db.is_postgres()).await.expect("it was there before");
        let good = Stage::set(other.clone(), other_clock).await;
        let id = good.declared().await;
        live(&good, &id, false).await;
        good.wait(UNTIL_HEALED).await;
        let expected = described(&good, &other).await;
        good.end().await;

        let stage = Stage::set(db.clone(), clock).await;
        let id = stage.declared().await;
        let lost = live(&stage, &id, true).await;
        assert_eq!(lost.len(), 8 - 1, "an escalation beyond the last level is none");
        stage.wait(UNTIL_HEALED).await;
        let healed = described(&stage, &db).await;
        assert_eq!(canon::difference(&expected, &healed), Vec::<String>::new());
        for webhook in lost.iter().rev() {
            stage.post(webhook).await;
        }
        stage.settle().await;
        assert_eq!(canon::difference(&expected, &described(&stage, &db).await), Vec::<String>::new());
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_resolve_that_was_missed_resolves_ours_by_the_same_hand(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let id = stage.declared().await;
        stage.minute().await;
        stage.world.pagerduty.acknowledge(&id, "PANA001");
        stage.world.pagerduty.resolve_with_note(&id, "PBEN001", "flushed");
        let lost = stage.world.pagerduty.take_webhooks();
        stage.wait(UNTIL_HEALED).await;
        assert_eq!(stage.status(1).await, "resolved");
        let told = (stage.room("inc-1"), stage.timeline(1).await);
        assert_reads!(told.1, @"
        10:00 declared slack/Ana Example: Declared payments-down as SEV1
        10:00 channel firebell/Firebell: Opened #inc-1-payments-down
        10:00 page firebell/Firebell: Opened PagerDuty incident #1
        10:00 page pagerduty/Firebell: #1 triggered, paging Ana Example
        10:01 acknowledged pagerduty/Ana Example: Acknowledged #1 in PagerDuty
        10:01 note pagerduty/Ben Example: Resolution Note: flushed
        10:01 page pagerduty/Ben Example: Resolved #1 in PagerDuty
        10:01 resolved pagerduty/Ben Example: Resolved
        ");
        for webhook in &lost {
            stage.post(webhook).await;
        }
        stage.minute().await;
        assert_eq!((stage.room("inc-1"), stage.timeline(1).await), told);
        stage.end().await;
    }
);

on_both_engines!(
    async fn an_incident_of_pagerdutys_own_that_was_missed_gets_its_room_once(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let id = stage.world.pagerduty.trigger("PSVC002", "search is slow", "high");
        stage.world.pagerduty.acknowledge(&id, "PCHO001");
        let lost = stage.world.pagerduty.take_webhooks();
        stage.wait(UNTIL_HEALED).await;
        assert_eq!(stage.rooms(), ["inc-1-search-is-slow"]);
        assert_eq!(stage.members("inc-1"), "U0CHO");
        let told = (stage.room("inc-1"), stage.timeline(1).await);
        assert_reads!(told.1, @"
        10:00 page pagerduty/PagerDuty: #1 triggered, paging Cho Example
        10:00 acknowledged pagerduty/Cho Example: Acknowledged #1 in PagerDuty
        10:05 declared pagerduty/PagerDuty: Declared search is slow as SEV3
        10:05 channel firebell/Firebell: Opened #inc-1-search-is-slow
        ");
        for webhook in &lost {
            stage.post(webhook).await;
        }
        stage.minute().await;
        assert_eq!((stage.room("inc-1"), stage.timeline(1).await), told);
        assert_eq!(stage.rooms().len(), 1);
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_merge_that_was_missed_takes_the_link_along(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let ours = stage.declared().await;
        stage.minute().await;
        let other = stage.world.pagerduty.trigger("PSVC001", "checkout is slow", "low");
        stage.settle().await;
        stage.world.pagerduty.merge(&ours, &other, "PBEN001");
        let lost = stage.world.pagerduty.take_webhooks();
        stage.wait(UNTIL_HEALED).await;
        assert_eq!(stage.status(1).await, "investigating", "it goes on in the other one");
        assert!(stage.summary_of("inc-1").contains("#2 triggered"), "{}", stage.summary_of("inc-1"));
        let told = (stage.room("inc-1"), stage.timeline(1).await);
        for webhook in &lost {
            stage.post(webhook).await;
        }
        stage.minute().await;
        assert_eq!((stage.room("inc-1"), stage.timeline(1).await), told);
        stage.world.pagerduty.resolve(&other, Some("PBEN001"));
        stage.minute().await;
        assert_eq!(stage.status(1).await, "resolved");
        stage.end().await;
    }
);

on_both_engines!(
    async fn after_days_of_standing_still_all_that_happened_is_made_good_at_start(db: Db, clock: Clock) {
        let stage = Stage::set(db.clone(), clock.clone()).await;
        let id = stage.declared().await;
        stage.minute().await;
        let world = stage.world.clone();
        // The program stands still from here on; the database does, too.
        world.pagerduty.acknowledge(&id, "PANA001");
        clock.advance(Duration::from_secs(3600));
        world.pagerduty.escalate(&id);
        clock.advance(Duration::from_secs(48 * 3600));
        world.pagerduty.take_webhooks();
        stage.wait(Duration::from_secs(10)).await;
        let timeline = stage.timeline(1).await;
        assert!(timeline.contains("10:01 acknowledged pagerduty/Ana Example"), "{timeline}");
        assert!(
            timeline.contains("11:01 escalated pagerduty/PagerDuty: Escalated #1 to Ben Example"),
            "{timeline}"
        );
        assert_eq!(stage.members("inc-1"), "U0ANA U0BEN U0DEE");
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_is_told_while_pagerduty_is_being_asked_is_not_undone(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let id = stage.declared().await;
        let (desk, pagerduty) = (&stage.world.desk, &stage.world.pagerduty);
        let asks = "GET /incidents/{id}/log_entries";
        pagerduty.escalate(&id);
        stage.settle().await;
        let asked = desk.count(asks);
        desk.next(asks, Fault::Slow { by: Duration::from_millis(500) });
        let meanwhile = async {
            while desk.count(asks) == asked {
                tokio::task::yield_now().await;
            }
            pagerduty.acknowledge(&id, "PBEN001");
            pagerduty.deliver(&stage.running.base_url()).await.expect("an address");
            firebell::events::read_due(&stage.running.app).await.expect("it is understood");
        };
        stage.clock.advance(Duration::from_secs(100)); // the comparison at the start is a moment ago
        let restarted = async {
            stage.running.app.wake_up().await.expect("it starts");
            stage.settle().await;
        };
        tokio::join!(restarted, meanwhile);
        let timeline = stage.timeline(1).await;
        assert!(timeline.contains("Acknowledged") || timeline.contains("acknowledged"), "{timeline}");
        assert!(!timeline.contains("no longer acknowledged"), "{timeline}");
        stage.end().await;
    }
);

on_both_engines!(
    async fn an_escalation_of_the_same_second_as_the_page_is_told_when_it_was_missed(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.clock.advance(Duration::from_millis(300));
        let id = stage.declared().await;
        stage.clock.advance(Duration::from_millis(200));
        stage.world.pagerduty.escalate(&id);
        stage.world.pagerduty.take_webhooks();
        stage.wait(Duration::from_secs(400)).await;
        let room = stage.room("inc-1");
        assert!(room.contains("PagerDuty escalated #1 to @ben"), "{room}");
        stage.end().await;
    }
);
