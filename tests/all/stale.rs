//! What was decided last is written last, whatever is under way; and what was not heard is never taken for "nobody".

use std::time::Duration;

use firebell::clock::Clock;
use firebell::groups::model::{Standing, State};
use firebell::on_both_engines;
use firebell::sim::desk::Fault;
use firebell::sim::scene::World;
use firebell::store::Db;

use crate::stage::Stage;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const WRITE: &str = "usergroups.users.update";
const HINTS: &str = "[[hint_sender]]\nname = \"terraform\"\nsecrets = [\"pipeline\"]\n";
const GROUP: &str = "[[group]]\nhandle = \"payments-oncall\"\nschedules = [\"PSCHED1\"]\n";
const FALLBACK: &str = "when_empty = \"fallback\"\nfallback = [\"U0DEE\"]\n";

/// Ana is on call for two days, and Eve is in the group.
async fn world(clock: &Clock) -> World {
    let world = World::start(clock.clone()).await.expect("the world starts");
    let now = clock.now();
    world.pagerduty.add_schedule("PSCHED1", "Payments primary", &[("PANA001", now - HOUR, now + 48 * HOUR)]);
    world.pagerduty.add_escalation_policy("PEP0009", "Payments rota", &[&["PSCHED1"]]);
    world.slack.add_usergroup("S0PAY", "payments-oncall", &["U0EVE"]);
    world
}

async fn stage(db: Db, clock: Clock, groups: &str) -> Stage {
    let stage = Stage::on(world(&clock).await, db, clock, &format!("{groups}{HINTS}")).await;
    stage.settle().await;
    stage
}

impl Stage {
    fn holds(&self, group: &str) -> Vec<String> {
        self.world.slack.usergroup(group).expect("the group").members
    }

    async fn group_state(&self, handle: &str) -> State {
        let mut tx = self.running.app.db.read().await.expect("a transaction");
        tx.group_state(handle).await.expect("read").expect("a kept group")
    }

    /// Somebody takes over from now on, and the pipeline says so.
    async fn takes_over(&self, person: &str) -> String {
        let pagerduty = &self.world.pagerduty;
        let id = pagerduty.add_override("PSCHED1", person, self.clock.now(), self.clock.now() + HOUR);
        self.hint().await;
        id
    }

    async fn hint(&self) {
        let hint = self.world.pagerduty.hint("pipeline", "terraform", &["PSCHED1"]);
        assert_eq!(hint.send(&self.running.base_url()).await.expect("an answer").0, 202);
    }

    /// Until a call of this name has arrived that was not there before.
    async fn arrives(&self, call: &str, before: usize) {
        while self.world.desk.count(call) == before {
            real_time(10).await;
        }
    }

    /// Time passes as long as a hint needs.
    async fn heard(&self) {
        self.settle().await;
        self.clock.advance(2 * SECOND);
        self.settle().await;
    }
}

#[expect(clippy::disallowed_methods, reason = "a vendor's answer takes real time")]
async fn real_time(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

/// Ben takes over and gives back while the write of him is under way.
async fn there_and_back(stage: &Stage, slow: Fault) {
    stage.world.desk.next(WRITE, slow);
    let before = stage.world.desk.count(WRITE);
    let cover = stage.takes_over("PBEN001").await;
    let meanwhile = async {
        stage.arrives(WRITE, before).await;
        stage.world.pagerduty.remove_override("PSCHED1", &cover);
        stage.hint().await;
        stage.heard().await;
        let why = stage.slash("U0CHO", "/oncall why @payments-oncall").await;
        assert!(!why.contains(":white_check_mark:"), "Slack may hold Ben: {why}");
    };
    tokio::join!(stage.heard(), meanwhile);
    stage.settle().await;
}

on_both_engines!(
    async fn a_change_that_is_taken_back_while_it_is_written_is_taken_back_in_slack(db: Db, clock: Clock) {
        let stage = stage(db, clock.clone(), GROUP).await;
        assert_eq!(stage.holds("S0PAY"), ["U0ANA"]);
        for slow in [Fault::Slow { by: 2 * SECOND }, Fault::LateAnswer { by: 2 * SECOND }] {
            let writes = stage.world.desk.count(WRITE);
            Box::pin(there_and_back(&stage, slow)).await;
            assert_eq!(stage.holds("S0PAY"), ["U0ANA"], "decided last");
            assert_eq!(stage.world.desk.count(WRITE), writes + 2);
            let state = stage.group_state("payments-oncall").await;
            assert_eq!(
                (state.standing, state.cause.as_str()),
                (Standing::InStep, "terraform said so (schedule updated)")
            );
            stage.wait(20 * SECOND).await;
        }
        // That was nobody's hand: the next one that is, is put right.
        stage.world.slack.edit_group_by("U0DEE", "S0PAY", &["U0DEE"]);
        stage.heard().await;
        assert_eq!(stage.holds("S0PAY"), ["U0ANA"]);
        assert_eq!(stage.group_state("payments-oncall").await.cause, "changed in Slack by hand");
        stage.end().await;
    }
);

on_both_engines!(
    async fn nobody_is_taken_out_of_an_additive_group_by_a_change_while_it_is_written(db: Db, clock: Clock) {
        let stage = stage(db, clock.clone(), &format!("{GROUP}mode = \"additive\"\n")).await;
        Box::pin(there_and_back(&stage, Fault::Slow { by: 2 * SECOND })).await;
        assert_eq!(stage.holds("S0PAY"), ["U0ANA", "U0BEN", "U0EVE"]);
        assert_eq!(stage.group_state("payments-oncall").await.standing, Standing::InStep);
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_write_whose_answer_was_lost_does_not_outlast_a_change_of_mind(db: Db, clock: Clock) {
        let stage = stage(db, clock.clone(), GROUP).await;
        stage.world.desk.next(WRITE, Fault::LoseAnswer);
        let cover = stage.takes_over("PBEN001").await;
        stage.heard().await;
        stage.world.slack.take_group_events();
        assert_eq!(stage.holds("S0PAY"), ["U0BEN"], "the effect was not lost");
        stage.world.pagerduty.remove_override("PSCHED1", &cover);
        stage.hint().await;
        stage.heard().await;
        stage.wait(SECOND).await;
        assert_eq!(stage.holds("S0PAY"), ["U0ANA"]);
        assert_eq!(stage.group_state("payments-oncall").await.standing, Standing::InStep);
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_list_of_groups_from_before_a_write_is_not_believed_after_it(db: Db, clock: Clock) {
        let stage = stage(db, clock.clone(), GROUP).await;
        let (lists, writes) = (stage.world.desk.count("usergroups.list"), stage.world.desk.count(WRITE));
        stage.world.desk.next("usergroups.list", Fault::LateAnswer { by: 2 * SECOND });
        stage.slash("U0CHO", "/oncall sync").await;
        let meanwhile = async {
            stage.arrives("usergroups.list", lists).await;
            stage.clock.advance(SECOND);
            stage.takes_over("PBEN001").await;
            stage.heard().await;
            assert_eq!(stage.holds("S0PAY"), ["U0BEN"]);
        };
        tokio::join!(stage.settle(), meanwhile);
        stage.settle().await;
        assert_eq!(stage.holds("S0PAY"), ["U0BEN"]);
        assert_eq!(stage.world.desk.count(WRITE), writes + 1, "what was written is known");
        assert_eq!(stage.group_state("payments-oncall").await.repaired_at, None);
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_decision_from_before_a_crash_is_compared_with_the_rota_before_it_is_written(
        db: Db,
        clock: Clock,
    ) {
        let stage = stage(db.clone(), clock.clone(), GROUP).await;
        stage.world.desk.next(WRITE, Fault::Slow { by: 60 * SECOND });
        let writes = stage.world.desk.count(WRITE);
        let cover = stage.takes_over("PBEN001").await;
        // Killed in the middle of the write.
        tokio::select! {
            () = stage.heard() => panic!("the write takes longer"),
            () = stage.arrives(WRITE, writes) => {}
        }
        stage.world.pagerduty.remove_override("PSCHED1", &cover);
        clock.advance(16 * SECOND);
        let again = Stage::on(stage.world.clone(), db, clock, &format!("{GROUP}{HINTS}")).await;
        again.wait(5 * SECOND).await;
        assert_eq!(again.holds("S0PAY"), ["U0ANA"]);
        assert_eq!(again.world.desk.count(WRITE), writes + 2, "Ben is not written a second time");
        assert_eq!(again.group_state("payments-oncall").await.standing, Standing::InStep);
        again.end().await;
    }
);

on_both_engines!(
    async fn after_a_crash_the_last_decision_is_written_though_pagerduty_is_away(db: Db, clock: Clock) {
        let stage = stage(db.clone(), clock.clone(), GROUP).await;
        stage.world.desk.next(WRITE, Fault::Slow { by: 60 * SECOND });
        let writes = stage.world.desk.count(WRITE);
        stage.takes_over("PBEN001").await;
        tokio::select! {
            () = stage.heard() => panic!("the write takes longer"),
            () = stage.arrives(WRITE, writes) => {}
        }
        stage.world.desk.always("pagerduty", Fault::Unavailable { status: 503 });
        clock.advance(16 * SECOND);
        let mut again = Stage::on(stage.world.clone(), db, clock, &format!("{GROUP}{HINTS}")).await;
        again.trouble_is_expected();
        again.wait(10 * SECOND).await;
        assert_eq!(again.holds("S0PAY"), ["U0BEN"]);
        again.end().await;
    }
);

on_both_engines!(
    async fn a_schedule_that_was_not_read_yet_calls_no_fallback(db: Db, clock: Clock) {
        let world = world(&clock).await;
        let now = clock.now();
        // One that no policy uses: nothing names it before it is asked for by itself.
        world.pagerduty.add_schedule("PSCHED2", "Nights", &[("PBEN001", now - HOUR, now + 48 * HOUR)]);
        for (id, handle) in [("S0NIGHT", "nights"), ("S0BOTH", "both"), ("S0ID", "by-id")] {
            world.slack.add_usergroup(id, handle, &["U0EVE"]);
        }
        let named = format!(
            "[[group]]\nhandle = \"payments-oncall\"\nschedules = [\"Payments primary\"]\n\
            channel = \"incidents\"\n{FALLBACK}"
        );
        let stage = Stage::on(world.clone(), db.clone(), clock.clone(), &named).await;
        stage.settle().await;
        assert_eq!(stage.holds("S0PAY"), ["U0ANA"]);
        assert_eq!(stage.world.desk.count(WRITE), 1, "at the first start");
        assert_eq!(stage.group_state("payments-oncall").await.cause, "at the start");
        // Three more, on a database that knows the list of schedules already.
        clock.advance(SECOND);
        let more = format!(
            "{named}[[group]]\nhandle = \"nights\"\nschedules = [\"Nights\"]\n{FALLBACK}\
             [[group]]\nhandle = \"by-id\"\nschedules = [\"PSCHED2\"]\n{FALLBACK}\
             [[group]]\nhandle = \"both\"\nschedules = [\"Payments primary\", \"Nights\"]\n"
        );
        let again = Stage::on(world.clone(), db, clock, &more).await;
        again.settle().await;
        assert_eq!([again.holds("S0NIGHT"), again.holds("S0ID")], [["U0BEN"], ["U0BEN"]]);
        assert_eq!(again.holds("S0BOTH"), ["U0ANA", "U0BEN"]);
        assert_eq!(again.world.desk.count(WRITE), 4, "each is written once");
        for handle in ["nights", "by-id", "both"] {
            assert_eq!(again.group_state(handle).await.cause, "at the start");
        }
        assert_reads!(again.world.slack.transcript("incidents"), @"");
        again.end().await;
    }
);

on_both_engines!(
    async fn a_schedule_that_is_not_there_calls_no_fallback_either(db: Db, clock: Clock) {
        let group =
            format!("[[group]]\nhandle = \"payments-oncall\"\nschedules = [\"Paiments\"]\n{FALLBACK}");
        let stage = stage(db, clock, &group).await;
        assert_eq!(stage.holds("S0PAY"), ["U0EVE"]);
        assert_reads!(stage.group_state("payments-oncall").await.problem.expect("a reason"), @r#"PagerDuty has no schedule "Paiments"; mend the configuration, and Slack has no empty groups: it stays as it was"#);
        stage.end().await;
    }
);

on_both_engines!(
    async fn an_answer_without_its_list_is_no_answer(db: Db, clock: Clock) {
        let mut stage = stage(db, clock, &format!("{GROUP}{FALLBACK}")).await;
        stage.trouble_is_expected();
        stage.wait(SECOND).await;
        let writes = stage.world.desk.count(WRITE);
        for body in ["{}", r#"{"error":{"message":"Internal","code":2000}}"#, r#"{"oncalls":null}"#] {
            stage.world.desk.always("GET /oncalls", Fault::Says { body });
            stage.world.desk.always("usergroups.list", Fault::Says { body: r#"{"ok":true}"# });
            stage.hint().await;
            stage.slash("U0CHO", "/oncall sync").await;
            stage.wait(60 * SECOND).await;
            assert_eq!(stage.holds("S0PAY"), ["U0ANA"], "{body}");
            assert_eq!(stage.group_state("payments-oncall").await.standing, Standing::InStep);
        }
        assert_eq!(stage.world.desk.count(WRITE), writes);
        stage.end().await;
    }
);

on_both_engines!(
    async fn always_is_always_and_never_is_never_and_the_reason_is_true(db: Db, clock: Clock) {
        let world = world(&clock).await;
        let now = clock.now();
        world.pagerduty.add_schedule("PSCHED2", "Gaps", &[("PBEN001", now + HOUR, now + 2 * HOUR)]);
        world.pagerduty.add_escalation_policy("PEP0010", "Gaps", &[&["PSCHED2"]]);
        for (id, handle) in [("S0BOTH", "both"), ("S0GAP", "gaps"), ("S0BAR", "barred")] {
            world.slack.add_usergroup(id, handle, &["U0EVE"]);
        }
        let groups = r#"
[[group]]
handle = "both"
schedules = ["PSCHED1"]
always = ["U0BEN", "U0CHO"]
never = ["cho@example.com"]
[[group]]
handle = "gaps"
schedules = ["PSCHED2"]
always = ["U0CHO"]
[[group]]
handle = "barred"
schedules = ["PSCHED1"]
never = ["U0ANA"]
"#;
        let stage = Stage::on(world, db, clock, groups).await;
        stage.settle().await;
        assert_eq!(stage.holds("S0BOTH"), ["U0ANA", "U0BEN"]);
        assert_eq!(stage.holds("S0GAP"), ["U0CHO", "U0EVE"], "the last one stays");
        assert_eq!(stage.holds("S0BAR"), ["U0EVE"]);
        stage.wait(Duration::from_secs(920)).await;
        let mut said = Vec::new();
        for handle in ["gaps", "barred"] {
            let state = stage.group_state(handle).await;
            assert_eq!(state.standing, Standing::Kept);
            said.push(format!("{handle}: {}", state.problem.expect("a reason")));
        }
        assert_reads!(said.join("\n"), @"
        gaps: nobody is on call: those who were in it stay
        barred: nobody who is on call can be in it (Ana Example: never), and Slack has no empty groups: it stays as it was
        ");
        stage.wait(HOUR).await;
        assert_eq!(stage.holds("S0GAP"), ["U0BEN", "U0CHO"]);
        stage.end().await;
    }
);
