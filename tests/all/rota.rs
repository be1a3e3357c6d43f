//! What random stories found: days on which a group once said something else than the rota.

use std::time::Duration;

use firebell::on_both_engines;
use firebell::sim::desk::Fault;
use firebell::sim::pagerduty::{Layer, Rotation};
use firebell::sim::scene::World;

use crate::stage::Stage;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const GROUP: &str = "[[group]]\nhandle = \"payments-oncall\"\nschedules = [\"PSCHED1\"]\n\
    [[hint_sender]]\nname = \"terraform\"\nsecrets = [\"pipeline\"]\n";

fn members(stage: &Stage) -> Vec<String> {
    stage.world.slack.usergroup("S0PAY").expect("the group").members
}

async fn world(clock: &firebell::clock::Clock) -> World {
    let world = World::start(clock.clone()).await.expect("the world starts");
    world.slack.add_usergroup("S0PAY", "payments-oncall", &["U0EVE"]);
    world
}

/// To the second, because that is what these are about.
async fn wait(stage: &Stage, time: Duration) {
    for _ in 0..time.as_secs() {
        stage.clock.advance(SECOND);
        stage.settle().await;
    }
}

on_both_engines!(
    async fn who_begins_after_a_gap_is_known_in_time_though_the_shift_is_new(db: Db, clock: Clock) {
        let world = world(&clock).await;
        let now = clock.now();
        world.pagerduty.add_schedule("PSCHED1", "Payments", &[("PBEN001", now + HOUR, now + 2 * HOUR)]);
        world.pagerduty.add_escalation_policy("PEP0009", "Payments", &[&["PSCHED1"]]);
        let stage = Stage::on(world, db, clock, GROUP).await;
        stage.settle().await;
        let begins = now + 3 * MINUTE;
        stage.world.pagerduty.add_override("PSCHED1", "PCHO001", begins, begins + HOUR);
        wait(&stage, Duration::from_secs(179)).await;
        assert_eq!(members(&stage), ["U0EVE"]);
        wait(&stage, 5 * SECOND).await;
        assert_eq!(members(&stage), ["U0CHO"]);
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_schedule_without_a_policy_says_who_comes_next(db: Db, clock: Clock) {
        let world = world(&clock).await;
        let now = clock.now();
        let shifts = [("PANA001", now, now + MINUTE), ("PBEN001", now + 3 * MINUTE, now + HOUR)];
        world.pagerduty.add_schedule("PSCHED1", "Payments", &shifts);
        let stage = Stage::on(world, db, clock, GROUP).await;
        stage.settle().await;
        wait(&stage, 3 * MINUTE + 4 * SECOND).await;
        assert_eq!(members(&stage), ["U0BEN"]);
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_hint_that_is_quicker_than_pagerduty_is_not_lost(db: Db, clock: Clock) {
        let world = world(&clock).await;
        let now = clock.now();
        world.pagerduty.set_publishing_lag(12 * SECOND);
        world.pagerduty.add_schedule("PSCHED1", "Payments", &[("PANA001", now - HOUR, now + HOUR)]);
        world.pagerduty.add_escalation_policy("PEP0009", "Payments", &[&["PSCHED1"]]);
        let stage = Stage::on(world, db, clock, GROUP).await;
        stage.settle().await;
        assert_eq!(members(&stage), ["U0ANA"]);
        wait(&stage, 2 * SECOND).await;
        stage.world.pagerduty.add_override("PSCHED1", "PCHO001", stage.clock.now(), now + HOUR);
        let hint = stage.world.pagerduty.hint("pipeline", "terraform", &["PSCHED1"]);
        assert_eq!(hint.send(&stage.running.base_url()).await.expect("an answer").0, 202);
        stage.settle().await;
        wait(&stage, 17 * SECOND).await;
        assert_eq!(members(&stage), ["U0CHO"], "five seconds after PagerDuty shows it");
        let reads = stage.world.desk.count("GET /oncalls");
        wait(&stage, 8 * SECOND).await;
        assert_eq!(stage.world.desk.count("GET /oncalls"), reads, "seen is seen");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_schedule_of_another_kind_keeps_no_other_from_being_read(db: Db, clock: Clock) {
        let world = world(&clock).await;
        let now = clock.now();
        world.slack.add_usergroup("S0TWO", "second", &["U0EVE"]);
        let layer = Layer::new("Layer", now - HOUR, 24 * HOUR, &["PANA001"]);
        world.pagerduty.add_layered_schedule("PSCHED1", "Payments", "UTC", &[layer]);
        world.pagerduty.add_schedule("PSCHED2", "Search", &[("PBEN001", now - HOUR, now + 9 * HOUR)]);
        world.pagerduty.add_escalation_policy("PEP0009", "Search", &[&["PSCHED2"]]);
        let groups = format!("{GROUP}[[group]]\nhandle = \"second\"\nschedules = [\"PSCHED2\"]\n");
        let stage = Stage::on(world, db, clock, &groups).await;
        stage.settle().await;
        assert_eq!(members(&stage), ["U0ANA"]);
        let pagerduty = &stage.world.pagerduty;
        pagerduty.edit_rotations("PSCHED1", &[Rotation::daily("R1", now - HOUR, &["PDEE001"])]);
        pagerduty.add_override("PSCHED2", "PCHO001", now, now + HOUR);
        wait(&stage, 35 * SECOND).await;
        assert_eq!(members(&stage), ["U0DEE"]);
        assert_eq!(stage.world.slack.usergroup("S0TWO").expect("there").members, ["U0CHO"]);
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_schedule_that_is_deleted_is_not_nobody(db: Db, clock: Clock) {
        let world = world(&clock).await;
        let now = clock.now();
        // No policy uses it: it is asked for by itself.
        world.pagerduty.add_schedule("PSCHED1", "Payments", &[("PANA001", now - HOUR, now + 9 * HOUR)]);
        let more = "when_empty = \"fallback\"\nfallback = [\"U0EVE\"]\nchannel = \"incidents\"\n";
        let group = GROUP.replace("[[hint_sender]]", &format!("{more}[[hint_sender]]"));
        let stage = Stage::on(world, db, clock, &group).await;
        stage.settle().await;
        wait(&stage, 35 * SECOND).await;
        assert_eq!(members(&stage), ["U0ANA"]);
        stage.world.pagerduty.delete_schedule("PSCHED1");
        wait(&stage, 120 * SECOND).await;
        assert_eq!(members(&stage), ["U0ANA"], "neither nobody nor the fallback");
        assert_reads!(stage.world.slack.transcript("incidents"), @"");
        assert_reads!(stage.oncall("U0EVE", &["why @payments-oncall"]).await, @r#"
        /oncall why @payments-oncall
          → :warning: `@payments-oncall` has whom the rota names as far as it could be read. They last agreed 1m ago.
            *Who is in it*
            • Ana Example: PSCHED1, as it was last read
            *Last change* <!date^1795255200^{date_short_pretty} at {time}|2026-11-21 10:00 UTC>: at the start.
            *Last written to Slack* <!date^1795255200^{date_short_pretty} at {time}|2026-11-21 10:00 UTC>; before: Eve Example.
            :warning: PagerDuty has no schedule "PSCHED1"; mend the configuration.
            _As PagerDuty said 5s ago._
        "#);
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_group_that_somebody_changed_is_not_in_step_though_slack_cannot_be_read(db: Db, clock: Clock) {
        let world = world(&clock).await;
        let now = clock.now();
        world.pagerduty.add_schedule("PSCHED1", "Payments", &[("PANA001", now - HOUR, now + HOUR)]);
        world.pagerduty.add_escalation_policy("PEP0009", "Payments", &[&["PSCHED1"]]);
        let stage = Stage::on(world, db, clock, GROUP).await;
        stage.settle().await;
        let agrees = async || {
            let mut tx = stage.running.app.db.read().await.expect("a transaction");
            tx.group_state("payments-oncall").await.expect("read").expect("kept").agrees()
        };
        assert!(agrees().await);
        stage.world.desk.always("slack", Fault::Unavailable { status: 503 });
        stage.world.slack.edit_group_by("U0DEE", "S0PAY", &["U0BEN"]);
        stage.world.slack.deliver_group_events(&stage.running.base_url()).await.expect("delivered");
        wait(&stage, 10 * SECOND).await;
        assert!(!agrees().await);
        stage.world.desk.heal("slack");
        wait(&stage, 36 * SECOND).await;
        assert_eq!(members(&stage), ["U0ANA"]);
        assert!(agrees().await);
        stage.end().await;
    }
);

on_both_engines!(
    async fn whoever_joins_those_on_call_is_added_though_the_shift_was_known_before(db: Db, clock: Clock) {
        let world = world(&clock).await;
        let now = clock.now();
        world.pagerduty.add_v3_schedule(
            "PSCHED1",
            "Payments",
            "UTC",
            &[Rotation::daily("R1", now, &["PANA001"])],
        );
        world.pagerduty.add_escalation_policy("PEP0009", "Payments", &[&["PSCHED1"]]);
        let stage = Stage::on(world, db, clock, GROUP).await;
        stage.settle().await;
        wait(&stage, MINUTE).await;
        // The poll that finds it changes the rota; the shift begins without another change.
        let begins = stage.clock.now() + MINUTE;
        stage.world.pagerduty.add_custom_shift("PSCHED1", &["PBEN001"], begins, begins + HOUR);
        wait(&stage, MINUTE + 5 * SECOND).await;
        assert_eq!(members(&stage), ["U0ANA", "U0BEN"]);
        // And once more while PagerDuty is away.
        let begins = stage.clock.now() + MINUTE;
        stage.world.pagerduty.add_custom_shift("PSCHED1", &["PCHO001"], begins, begins + HOUR);
        wait(&stage, 55 * SECOND).await;
        stage.world.desk.always("pagerduty", Fault::Unavailable { status: 503 });
        wait(&stage, 10 * SECOND).await;
        assert_eq!(members(&stage), ["U0ANA", "U0BEN", "U0CHO"]);
        stage.world.desk.heal("pagerduty");
        stage.end().await;
    }
);

on_both_engines!(
    async fn hand_offs_that_one_look_finds_are_written_in_their_order_the_latest_first(db: Db, clock: Clock) {
        let world = world(&clock).await;
        let now = clock.now();
        let mut groups = String::new();
        for name in ["a", "b", "c"] {
            let schedule = format!("PSCHED{}", name.to_uppercase());
            let shift = [("PANA001", now - HOUR, now + 24 * HOUR)];
            world.pagerduty.add_schedule(&schedule, name, &shift);
            world.pagerduty.add_escalation_policy(&format!("PEP{schedule}"), name, &[&[&schedule]]);
            world.slack.add_usergroup(&format!("S0{name}"), &format!("{name}-oncall"), &["U0ANA"]);
            let group = format!("[[group]]\nhandle = \"{name}-oncall\"\nschedules = [\"{schedule}\"]\n");
            groups.push_str(&group);
        }
        let stage = Stage::on(world, db, clock, &groups).await;
        stage.settle().await;
        // PagerDuty is away for ten minutes, in which others took over.
        stage.world.desk.always("pagerduty", Fault::Reset);
        stage.wait(10 * MINUTE).await;
        for (schedule, ago) in [("PSCHEDA", 5), ("PSCHEDB", 1), ("PSCHEDC", 8)] {
            let since = stage.clock.now() - ago * MINUTE;
            stage.world.pagerduty.add_override(schedule, "PBEN001", since, since + HOUR);
        }
        stage.world.desk.heal("pagerduty");
        stage.wait(5 * MINUTE).await;
        let mut tx = stage.running.app.db.read().await.unwrap();
        let sql = "SELECT handle FROM group_write ORDER BY id";
        let written: Vec<String> = tx.scalars(sql, &[]).await.unwrap();
        assert_eq!(written, ["b-oncall", "a-oncall", "c-oncall"]);
        drop(tx);
        stage.end().await;
    }
);
