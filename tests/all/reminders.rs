//! Clocks of an incident: the next update, and a commander. They survive restarts, and stop when they should.

use firebell::on_both_engines;

use crate::acts::text;
use crate::stage::Stage;

const ROOM: &str = "inc-1-payments-down";
const DUE: &str = "An update is due";
const NO_COMMANDER: &str = "has no incident commander";

async fn declared(db: firebell::store::Db, clock: firebell::clock::Clock, severity: &str) -> Stage {
    let stage = Stage::set(db, clock).await;
    stage.typed("U0ANA", &format!("/incident declare payments down {severity}")).await;
    stage
}

/// When the channel was reminded.
fn reminded(stage: &Stage, words: &str) -> Vec<String> {
    stage.paragraphs(ROOM, words).iter().map(|p| p[..5].to_owned()).collect()
}

on_both_engines!(
    async fn an_update_is_asked_for_until_somebody_gives_one(db: Db, clock: Clock) {
        let stage = declared(db, clock, "sev1").await;
        stage.typed_in("U0BEN", ROOM, "/incident role ic").await;
        stage.pass(45).await;
        assert_eq!(reminded(&stage, DUE), ["10:20", "10:40"]);
        assert_reads!(stage.paragraphs(ROOM, DUE)[1], @"
        10:40 firebell: @ben :alarm_clock: An update is due: the last one was 40m ago, and SEV1 wants one every 20m.
        [Post update] [Snooze 30 min] [60 min] [90 min]
        ");
        // The clock of the next one starts with the update.
        stage.click("U0BEN", ROOM, "Post update").await;
        stage.submit("U0BEN", &[("text", text("the cache is full"))]).await;
        stage.pass(25).await;
        assert_eq!(reminded(&stage, DUE), ["10:20", "10:40", "11:05"]);
        assert_reads!(stage.paragraphs(ROOM, DUE)[2], @"
        11:05 firebell: @ben :alarm_clock: An update is due: the last one was 20m ago, and SEV1 wants one every 20m.
        [Post update] [Snooze 30 min] [60 min] [90 min]
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_reminder_is_snoozed_in_its_own_place(db: Db, clock: Clock) {
        let stage = declared(db, clock, "sev1").await;
        stage.pass(20).await;
        let posted = stage.world.desk.count("chat.postMessage");
        stage.click("U0BEN", ROOM, "Snooze 30 min").await;
        stage.settle().await;
        assert_reads!(stage.paragraphs(ROOM, "snoozed")[0], @"10:20 firebell: :zzz: Ben Example snoozed the reminder for 30m, until 2026-11-21 10:50 UTC.");
        assert!(reminded(&stage, DUE).is_empty(), "the buttons are gone");
        stage.pass(29).await;
        assert_eq!(stage.world.desk.count("chat.postMessage"), posted);
        stage.pass(1).await;
        assert_eq!(reminded(&stage, DUE), ["10:50"]);
        stage.click("U0BEN", ROOM, "90 min").await;
        stage.pass(90).await;
        assert_eq!(reminded(&stage, DUE), ["12:20"]);
        stage.end().await;
    }
);

on_both_engines!(
    async fn reminders_stop_with_the_incident_and_start_again_with_it(db: Db, clock: Clock) {
        let stage = declared(db, clock, "sev1").await;
        stage.pass(5).await;
        stage.typed_in("U0BEN", ROOM, "/incident resolve").await;
        stage.pass(60).await;
        assert!(reminded(&stage, DUE).is_empty());
        assert!(reminded(&stage, NO_COMMANDER).is_empty());
        stage.typed_in("U0BEN", ROOM, "/incident reopen errors are back").await;
        stage.pass(21).await;
        assert_eq!(reminded(&stage, DUE), ["11:25"]);
        assert_eq!(reminded(&stage, NO_COMMANDER), ["11:15"]);
        stage.typed_in("U0BEN", ROOM, "/incident cancel").await;
        stage.pass(60).await;
        assert_eq!(reminded(&stage, DUE), ["11:25"]);
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_changed_severity_changes_the_clocks(db: Db, clock: Clock) {
        let stage = declared(db, clock, "sev3").await;
        stage.pass(15).await;
        assert!(reminded(&stage, NO_COMMANDER).is_empty(), "sev3 needs none");
        stage.typed_in("U0ANA", ROOM, "/incident sev 1").await; // 10:15: due 10:35, a commander 10:25
        stage.pass(5).await;
        stage.typed_in("U0ANA", ROOM, "/incident sev 4").await; // 10:20: no clocks at all
        stage.pass(20).await;
        assert!(reminded(&stage, NO_COMMANDER).is_empty());
        assert!(reminded(&stage, DUE).is_empty());
        stage.typed_in("U0ANA", ROOM, "/incident sev 2").await; // 10:40: due 11:10, a commander 10:50
        stage.pass(35).await;
        assert_eq!(reminded(&stage, NO_COMMANDER), ["10:50"]);
        assert_eq!(reminded(&stage, DUE), ["11:10"]);
        stage.end().await;
    }
);

on_both_engines!(
    async fn somebody_is_asked_to_take_command_once(db: Db, clock: Clock) {
        let stage = declared(db, clock, "sev2").await;
        stage.pass(25).await;
        assert_eq!(reminded(&stage, NO_COMMANDER), ["10:10"]);
        assert_reads!(stage.paragraphs(ROOM, NO_COMMANDER)[0], @"
        10:10 firebell: :firefighter: SEV2 has no incident commander. Somebody take it: decisions need one voice.
        [Take command]
        ");
        stage.click("U0CHO", ROOM, "Take command").await;
        stage.settle().await;
        assert_reads!(stage.paragraphs(ROOM, "took command")[0], @"10:10 firebell: :firefighter: Cho Example took command of INC-1.");
        assert!(stage.summary(ROOM).contains("@cho"));
        stage.pass(60).await;
        assert!(reminded(&stage, NO_COMMANDER).is_empty(), "answered in its place, and not asked again");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_commander_in_time_is_not_asked_for(db: Db, clock: Clock) {
        let stage = declared(db, clock, "sev1").await;
        stage.pass(9).await;
        stage.press("U0CHO", ROOM, "Take command").await;
        stage.pass(30).await;
        assert!(reminded(&stage, NO_COMMANDER).is_empty());
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_restart_loses_no_reminder_and_doubles_none(db: Db, clock: Clock) {
        let mut stage = declared(db, clock, "sev1").await;
        for _ in 0..10 {
            stage.pass(3).await;
            stage = stage.restarted().await;
        }
        // 10:30 now; whoever was away at 10:40 reminds when it is back, once.
        stage.clock.advance(std::time::Duration::from_secs(15 * 60));
        stage = stage.restarted().await;
        assert_eq!(reminded(&stage, DUE), ["10:20", "10:45"]);
        assert_eq!(reminded(&stage, NO_COMMANDER), ["10:10"]);
        // A snooze before the restart holds after it.
        stage.click("U0BEN", ROOM, "Snooze 30 min").await;
        stage = stage.restarted().await;
        stage.pass(29).await;
        assert_eq!(reminded(&stage, DUE).len(), 1, "the other was snoozed");
        stage.pass(1).await;
        assert_eq!(reminded(&stage, DUE), ["10:20", "11:15"]);
        stage.end().await;
    }
);
