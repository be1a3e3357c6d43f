//! `/oncall why`, `sync`, `rollback`, and the buttons under what is said about groups.

use std::time::Duration;

use firebell::clock::Clock;
use firebell::on_both_engines;
use firebell::store::Db;

use crate::oncall_command::{GROUPS, HOUR, stage, world};
use crate::stage::{Stage, text_of};

impl Stage {
    fn in_payments(&self) -> Vec<String> {
        self.world.slack.usergroup("S0PAY").expect("the group").members
    }

    fn group_writes(&self) -> usize {
        self.world.desk.count("usergroups.users.update")
    }

    /// Chooses somebody in the menu under a message in #incidents; the answer appears in its place.
    async fn says_it_is(&self, user: &str, chosen: &str) {
        let incidents = self.channel_id("incidents");
        let request = self.world.slack.choose_user(user, &incidents, "Link user", chosen).expect("the menu");
        let (status, body) =
            self.world.slack.deliver(&self.running.base_url(), &request).await.expect("an answer");
        assert_eq!(status, 200, "{body}");
    }
}

on_both_engines!(
    async fn why_names_each_reason_and_what_led_to_the_last_change(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        assert_reads!(stage.oncall("U0EVE", &["why @payments-oncall", "why @search-oncall", "why @payments-rota"]).await, @"");
        stage.wait(HOUR + Duration::from_secs(10)).await;
        assert_reads!(stage.oncall("U0EVE", &["why payments-oncall"]).await, @"");
        stage.end().await;
    }
);

on_both_engines!(
    async fn sync_reads_at_once_and_often_does_no_harm(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.wait(Duration::from_secs(30)).await;
        let reads = |stage: &Stage| {
            (stage.world.desk.count("GET /oncalls"), stage.world.desk.count("usergroups.list"))
        };
        let (oncalls, groups) = reads(&stage);
        stage.world.slack.edit_usergroup("S0PAY", |g| g.members = vec!["U0EVE".into()]);
        // Two people, one of them twice by the same trigger, before anything was read.
        let general = stage.channel_id("general");
        let request = stage.world.slack.command("U0ANA", &general, "/oncall sync @payments-oncall");
        let (answers, other) =
            tokio::join!(stage.deliver_at_once(&request, 3), stage.slash("U0BEN", "/oncall sync"));
        assert!(answers.iter().all(|a| *a == answers[0]), "{answers:?}");
        assert_reads!(format!("{}\n{other}", text_of(&answers[0])), @"");
        stage.settle().await;
        assert_eq!(reads(&stage), (oncalls + 1, groups + 1), "several triggers, one read");
        assert_eq!(stage.in_payments(), ["U0ANA", "U0DEE"]);
        stage.end().await;
    }
);

on_both_engines!(
    async fn sync_needs_the_right_to_declare_and_rollback_the_right_to_admin(db: Db, clock: Clock) {
        let groups = GROUPS.replace("[rights]\n", "[rights]\ndeclare = ['U0ANA']\n");
        let stage = Stage::on(world(&clock).await, db, clock, &groups).await;
        stage.settle().await;
        let writes = stage.group_writes();
        assert_reads!(stage.oncall("U0BEN", &["sync", "rollback @payments-oncall", "payments", "why @search-oncall"]).await, @"");
        assert_reads!(stage.oncall("U0ANA", &["rollback @payments-oncall"]).await, @"");
        stage.settle().await;
        assert_eq!(stage.group_writes(), writes);
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_rollback_holds_until_who_is_on_call_changes(db: Db, clock: Clock) {
        let stage = stage(db.clone(), clock.clone()).await;
        assert_eq!(stage.in_payments(), ["U0ANA", "U0DEE"]);
        assert_reads!(stage.oncall("U0DEE", &["rollback @payments-oncall", "rollback @payments-oncall"]).await, @"");
        stage.settle().await;
        assert_eq!(stage.in_payments(), ["U0BEN"]);
        assert_reads!(stage.oncall("U0EVE", &["why @payments-oncall"]).await, @"");
        // Neither polls, nor a full comparison, nor a restart takes it back.
        let writes = stage.group_writes();
        stage.wait(Duration::from_secs(1_000)).await;
        let Stage { world, running, .. } = stage;
        running.shutdown().await;
        let stage = Stage::on(world, db, clock, GROUPS).await;
        stage.typed("U0ANA", "/oncall sync").await;
        assert_eq!((stage.in_payments(), stage.group_writes()), (vec!["U0BEN".to_owned()], writes));
        stage.wait(HOUR - Duration::from_secs(1_000 - 10)).await;
        assert_eq!(stage.in_payments(), ["U0BEN", "U0DEE"], "the hand-off");
        assert_reads!(stage.oncall("U0EVE", &["why @payments-oncall"]).await, @"");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_second_rollback_takes_the_first_back(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.typed("U0DEE", "/oncall rollback @payments-oncall").await;
        assert_eq!(stage.in_payments(), ["U0BEN"]);
        stage.clock.advance(Duration::from_secs(120));
        assert_reads!(stage.typed("U0DEE", "/oncall rollback @payments-oncall").await, @"");
        assert_eq!(stage.in_payments(), ["U0ANA", "U0DEE"]);
        let answer = stage.slash("U0EVE", "/oncall why @payments-oncall").await;
        assert!(answer.starts_with(":white_check_mark:"), "{answer}");
        // What was never written, or was empty before, cannot be taken back.
        assert_reads!(stage.oncall("U0DEE", &["rollback @payments-rota"]).await, @"");
        stage.end().await;
    }
);

/// Six people whom Firebell never put there.
async fn wrong_group(db: Db, clock: Clock) -> Stage {
    let world = world(&clock).await;
    let strangers = ["U0BEN", "U0CHO", "U0EVE", "U0X1", "U0X2"];
    for id in &strangers[3..] {
        world.slack.add_user(id, &id.to_lowercase(), &format!("{id} Example"), &format!("{id}@example.com"));
    }
    let members = strangers.map(str::to_owned).to_vec();
    world.slack.edit_usergroup("S0PAY", move |g| g.members = members);
    let stage = Stage::on(world, db, clock, GROUPS).await;
    stage.settle().await;
    stage
}

on_both_engines!(
    async fn what_looks_like_the_wrong_group_waits_for_a_yes(db: Db, clock: Clock) {
        let stage = wrong_group(db, clock).await;
        assert_eq!(stage.in_payments().len(), 5);
        assert_reads!(stage.last("incidents", 1), @"");
        assert_reads!(stage.oncall("U0EVE", &["why @payments-oncall"]).await, @"");
        // Not by whoever may see the button.
        assert_reads!(stage.press_and_read("U0ANA", "incidents", "Apply").await, @"");
        assert_eq!(stage.in_payments().len(), 5);
        stage.press("U0DEE", "incidents", "Apply").await;
        assert_eq!(stage.in_payments(), ["U0ANA", "U0DEE"]);
        stage.until("the answer", || stage.last("incidents", 1).contains("said yes").then_some(())).await;
        assert_reads!(stage.last("incidents", 1), @"");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_yes_is_to_the_change_that_was_shown(db: Db, clock: Clock) {
        let stage = wrong_group(db, clock).await;
        // Meanwhile somebody else is on call: the old question is not about that.
        stage.wait(HOUR + Duration::from_secs(10)).await;
        let first = stage.world.slack.channel_named("incidents").expect("#incidents");
        let question =
            first.messages.iter().find(|m| m.text.contains("Wanted")).expect("the question").clone();
        let value = |m: &serde_json::Value| m["elements"][0]["value"].as_str().map(str::to_owned);
        let old = question.blocks.iter().find_map(value).expect("a value");
        assert_eq!(stage.forge("U0DEE", &first.id, &question.ts, "groups:apply", &old).await, 200);
        stage.settle().await;
        assert_eq!(stage.in_payments().len(), 5);
        stage
            .until("a new question", || {
                stage.world.slack.transcript("incidents").contains("Wanted: Ben").then_some(())
            })
            .await;
        // A made-up value names no group of ours, or nothing that was asked.
        for forged in ["sre-leads 1", "payments-oncall", "payments-oncall 1", "../../x", ""] {
            assert_eq!(stage.forge("U0DEE", &first.id, &question.ts, "groups:apply", forged).await, 200);
        }
        stage.settle().await;
        assert_eq!((stage.in_payments().len(), stage.group_writes()), (5, 1));
        stage.end().await;
    }
);

on_both_engines!(
    async fn somebody_unknown_in_slack_is_linked_by_an_administrator(db: Db, clock: Clock) {
        let world = world(&clock).await;
        world.slack.edit_user("U0ANA", |u| u.email = "ana@elsewhere.example".into());
        world.slack.add_user("U0GUEST", "guest", "Gus Guest", "guest@example.com");
        world.slack.edit_user("U0GUEST", |u| u.is_restricted = true);
        let stage = Stage::on(world, db, clock, GROUPS).await;
        stage.settle().await;
        assert_reads!(stage.last("incidents", 1), @"");
        assert_reads!(stage.oncall("U0EVE", &["why @payments-oncall", "@ana"]).await, @"");
        // Neither by somebody without the right, nor to somebody who cannot be in groups.
        let mut answers = Vec::new();
        for (user, chosen) in [("U0ANA", "U0ANA"), ("U0DEE", "U0GUEST"), ("U0DEE", "U0NOBODY")] {
            let before = stage.whispers(user);
            stage.says_it_is(user, chosen).await;
            answers.push(stage.newest_whisper(user, &before).await);
        }
        assert_reads!(answers.join("\n"), @"");
        stage.says_it_is("U0DEE", "U0ANA").await;
        stage.settle().await;
        stage.until("the answer", || stage.last("incidents", 1).contains("says Dee").then_some(())).await;
        assert_reads!(stage.last("incidents", 1), @"");
        stage.wait(Duration::from_secs(30)).await;
        assert_eq!(stage.in_payments(), ["U0ANA", "U0DEE"]);
        assert_reads!(stage.oncall("U0EVE", &["@ana"]).await, @"");
        stage.end().await;
    }
);
