//! `/oncall why`, `sync`, `rollback`, and the buttons under what is said about groups.

use std::time::Duration;

use firebell::clock::Clock;
use firebell::on_both_engines;
use firebell::store::Db;

use crate::oncall_command::{GROUPS, HOUR, restarted, stage, world};
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
        assert_reads!(stage.oncall("U0EVE", &["why @payments-oncall", "why @search-oncall", "why @payments-rota"]).await, @"
        /oncall why @payments-oncall
          → :white_check_mark: `@payments-oncall` is in step with the rota, last seen 0s ago.
            *Who is in it*
            • Ana Example: Payments primary until <!date^1795258800^{date_short_pretty} at {time}|2026-11-21 11:00 UTC>
            • Dee Example: always
            *Last change* <!date^1795255200^{date_short_pretty} at {time}|2026-11-21 10:00 UTC>: at the start.
            *Last written to Slack* <!date^1795255200^{date_short_pretty} at {time}|2026-11-21 10:00 UTC>; before: Ben Example.
            _As PagerDuty said 0s ago._
        /oncall why @search-oncall
          → :white_check_mark: `@search-oncall` rings the fallback: Eve Example; last seen so 0s ago.
            *Who is in it*
            • Ben Example: was in it already, and `additive` takes nobody out
            • Eve Example: the fallback, because nobody who is on call can be in it (Cho Example: never)
            *On call, and left out*
            • Cho Example: `never` in the configuration
            *Last change* <!date^1795255200^{date_short_pretty} at {time}|2026-11-21 10:00 UTC>: at the start.
            *Last written to Slack* <!date^1795255200^{date_short_pretty} at {time}|2026-11-21 10:00 UTC>; before: Ben Example.
            _As PagerDuty said 0s ago._
        /oncall why @payments-rota
          → :warning: `@payments-rota` cannot follow the rota: Slack has no user group @payments-rota; make it, or set create_missing = true.
            *Who is in it*
            • Ana Example: in the rota of Payments primary
            • Ben Example: in the rota of Payments primary
            • Dee Example: always
            *Last change* <!date^1795255200^{date_short_pretty} at {time}|2026-11-21 10:00 UTC>: at the start.
            Firebell has not written it so far.
            _As PagerDuty said 0s ago._
        ");
        stage.wait(HOUR + Duration::from_secs(10)).await;
        assert_reads!(stage.oncall("U0EVE", &["why payments-oncall"]).await, @"
        /oncall why payments-oncall
          → :white_check_mark: `@payments-oncall` is in step with the rota, last seen 10s ago.
            *Who is in it*
            • Ben Example: Payments primary until <!date^1795345200^{date_short_pretty} at {time}|2026-11-22 11:00 UTC>
            • Dee Example: always
            *Last change* <!date^1795258800^{date_short_pretty} at {time}|2026-11-21 11:00 UTC>: a hand-off.
            *Last written to Slack* <!date^1795258800^{date_short_pretty} at {time}|2026-11-21 11:00 UTC>; before: Ana Example, Dee Example.
            _As PagerDuty said 10s ago._
        ");
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
        let per_read = {
            let before = reads(&stage).0;
            stage.wait(Duration::from_secs(30)).await;
            reads(&stage).0 - before
        };
        let (oncalls, groups) = reads(&stage);
        stage.world.slack.edit_usergroup("S0PAY", |g| g.members = vec!["U0EVE".into()]);
        // Two people, one of them twice by the same trigger, before anything was read.
        let general = stage.channel_id("general");
        let request = stage.world.slack.command("U0ANA", &general, "/oncall sync @payments-oncall");
        let (answers, other) =
            tokio::join!(stage.deliver_at_once(&request, 3), stage.slash("U0BEN", "/oncall sync"));
        assert!(answers.iter().all(|a| *a == answers[0]), "{answers:?}");
        assert_reads!(format!("{}\n{other}", text_of(&answers[0])), @"
        :arrows_counterclockwise: Asking PagerDuty who is on call and Slack who is in the groups. If `@payments-oncall` differs, it is put right within seconds; `/oncall why @payments-oncall` says how it went.
        :arrows_counterclockwise: Asking PagerDuty who is on call and Slack who is in the groups. Groups that differ are put right within seconds.
        ");
        stage.settle().await;
        assert_eq!(reads(&stage), (oncalls + per_read, groups + 1), "several triggers, one read");
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
        assert_reads!(stage.oncall("U0BEN", &["sync", "rollback @payments-oncall", "payments", "why @search-oncall"]).await, @"
        /oncall sync
          → That needs the right to declare. Ask one of those who have it (Ana Example), or an administrator to extend [rights].
        /oncall rollback @payments-oncall
          → That needs the right to admin. Ask one of those who have it (@sre-leads), or an administrator to extend [rights].
        /oncall payments
          → *On call for payments*
            • level 1: Ana Example ☎ +49 1515550101
            • level 2: Ben Example ☎ +49 1515550102
            _As PagerDuty said 0s ago._
        /oncall why @search-oncall
          → :white_check_mark: `@search-oncall` rings the fallback: Eve Example; last seen so 0s ago.
            *Who is in it*
            • Ben Example: was in it already, and `additive` takes nobody out
            • Eve Example: the fallback, because nobody who is on call can be in it (Cho Example: never)
            *On call, and left out*
            • Cho Example: `never` in the configuration
            *Last change* <!date^1795255200^{date_short_pretty} at {time}|2026-11-21 10:00 UTC>: at the start.
            *Last written to Slack* <!date^1795255200^{date_short_pretty} at {time}|2026-11-21 10:00 UTC>; before: Ben Example.
            _As PagerDuty said 0s ago._
        ");
        assert_reads!(stage.oncall("U0ANA", &["rollback @payments-oncall"]).await, @"
        /oncall rollback @payments-oncall
          → That needs the right to admin. Ask one of those who have it (@sre-leads), or an administrator to extend [rights].
        ");
        stage.settle().await;
        assert_eq!(stage.group_writes(), writes);
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_rollback_holds_until_who_is_on_call_changes(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        assert_eq!(stage.in_payments(), ["U0ANA", "U0DEE"]);
        assert_reads!(stage.oncall("U0DEE", &["rollback @payments-oncall", "rollback @payments-oncall"]).await, @"
        /oncall rollback @payments-oncall
          → :rewind: Putting `@payments-oncall` back as it was before <!date^1795255200^{date_short_pretty} at {time}|2026-11-21 10:00 UTC> (at the start): Ben Example. It stays so until who is on call changes next; `/oncall rollback @payments-oncall` once more takes this back.
        /oncall rollback @payments-oncall
          → :rewind: Putting `@payments-oncall` back as it was before <!date^1795255200^{date_short_pretty} at {time}|2026-11-21 10:00 UTC> (at the start): Ben Example. It stays so until who is on call changes next; `/oncall rollback @payments-oncall` once more takes this back.
        ");
        stage.settle().await;
        assert_eq!(stage.in_payments(), ["U0BEN"]);
        assert_reads!(stage.oncall("U0EVE", &["why @payments-oncall"]).await, @"
        /oncall why @payments-oncall
          → :rewind: `@payments-oncall` was rolled back by Dee Example <!date^1795255200^{date_short_pretty} at {time}|2026-11-21 10:00 UTC> and stays so until who is on call changes. The rota says: Ana Example, Dee Example.
            *Who is in it*
            • Ben Example: was in it before the rollback
            *On call, and left out*
            • Ana Example: the rollback
            • Dee Example: the rollback
            *Last change* <!date^1795255200^{date_short_pretty} at {time}|2026-11-21 10:00 UTC>: Dee Example rolled it back.
            *Last written to Slack* <!date^1795255200^{date_short_pretty} at {time}|2026-11-21 10:00 UTC>; before: Ana Example, Dee Example.
            _As PagerDuty said 0s ago._
        ");
        // Neither polls, nor a full comparison, nor a restart takes it back.
        let writes = stage.group_writes();
        stage.wait(Duration::from_secs(1_000)).await;
        let stage = restarted(stage).await;
        stage.typed("U0ANA", "/oncall sync").await;
        assert_eq!((stage.in_payments(), stage.group_writes()), (vec!["U0BEN".to_owned()], writes));
        stage.wait(Duration::from_secs(3_600 - 1_000 + 10)).await;
        assert_eq!(stage.in_payments(), ["U0BEN", "U0DEE"], "the hand-off");
        assert_reads!(stage.oncall("U0EVE", &["why @payments-oncall"]).await, @"
        /oncall why @payments-oncall
          → :white_check_mark: `@payments-oncall` is in step with the rota, last seen 10s ago.
            *Who is in it*
            • Ben Example: Payments primary until <!date^1795345200^{date_short_pretty} at {time}|2026-11-22 11:00 UTC>
            • Dee Example: always
            *Last change* <!date^1795258800^{date_short_pretty} at {time}|2026-11-21 11:00 UTC>: a hand-off.
            *Last written to Slack* <!date^1795258800^{date_short_pretty} at {time}|2026-11-21 11:00 UTC>; before: Ben Example.
            _As PagerDuty said 0s ago._
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_second_rollback_takes_the_first_back(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.typed("U0DEE", "/oncall rollback @payments-oncall").await;
        assert_eq!(stage.in_payments(), ["U0BEN"]);
        stage.clock.advance(Duration::from_secs(120));
        assert_reads!(stage.typed("U0DEE", "/oncall rollback @payments-oncall").await, @":rewind: Putting `@payments-oncall` back as it was before <!date^1795255200^{date_short_pretty} at {time}|2026-11-21 10:00 UTC> (Dee Example rolled it back): Ana Example, Dee Example. That is what the rota says, so it follows the rota again.");
        assert_eq!(stage.in_payments(), ["U0ANA", "U0DEE"]);
        let answer = stage.slash("U0EVE", "/oncall why @payments-oncall").await;
        assert!(answer.starts_with(":white_check_mark:"), "{answer}");
        // What was never written, or was empty before, cannot be taken back.
        assert_reads!(stage.oncall("U0DEE", &["rollback @payments-rota"]).await, @"
        /oncall rollback @payments-rota
          → I have not seen `@payments-rota` in Slack yet: there is nothing to take back.
        ");
        stage.end().await;
    }
);

/// Five people whom Firebell never put there.
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
        assert_reads!(stage.paragraphs("incidents", "Wanted").join("\n"), @"
        10:00 firebell: :warning: 5 of the 5 people in @payments-oncall would go, and Firebell never put them there: is it the right group?
        Wanted: Ana Example, Dee Example.
        [Apply]
        ");
        assert_reads!(stage.oncall("U0EVE", &["why @payments-oncall"]).await, @"
        /oncall why @payments-oncall
          → :question: `@payments-oncall` waits for somebody to look: 5 of the 5 people in @payments-oncall would go, and Firebell never put them there: is it the right group?
            *Who should be in it*
            • Ana Example: Payments primary until <!date^1795258800^{date_short_pretty} at {time}|2026-11-21 11:00 UTC>
            • Dee Example: always
            Not in Slack's group yet: Ana Example, Dee Example.
            In Slack's group still: Ben Example, Cho Example, Eve Example, U0X1 Example, U0X2 Example.
            *Last change* <!date^1795255200^{date_short_pretty} at {time}|2026-11-21 10:00 UTC>: at the start.
            Firebell has not written it so far.
            _As PagerDuty said 0s ago._
        ");
        // Not by whoever may see the button.
        assert_reads!(stage.press_and_read("U0ANA", "incidents", "Apply").await, @"That needs the right to admin. Ask one of those who have it (@sre-leads), or an administrator to extend [rights].");
        assert_eq!(stage.in_payments().len(), 5);
        stage.press("U0DEE", "incidents", "Apply").await;
        assert_eq!(stage.in_payments(), ["U0ANA", "U0DEE"]);
        let answer = stage.until("the answer", || stage.paragraphs("incidents", "said yes").pop()).await;
        assert_reads!(answer, @"10:00 firebell: :white_check_mark: Dee Example said yes: @payments-oncall becomes Ana Example, Dee Example.");
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
        assert_reads!(stage.paragraphs("incidents", "Who is it in Slack").join("\n"), @"
        10:00 firebell: :bust_in_silhouette: Ana Example is on call in PagerDuty, but nobody in Slack has the address ana@example.com. Who is it in Slack?
        [Link user ▾]
        ");
        assert_reads!(stage.oncall("U0EVE", &["why @payments-oncall", "@ana"]).await, @"
        /oncall why @payments-oncall
          → :pause_button: `@payments-oncall` is left as it is: nobody who is on call can be in it (Ana Example): those who were in it stay.
            *Who is in it*
            • Ben Example: was in it before, and is rung until somebody who is on call can be in it
            • Dee Example: always
            *On call, and left out*
            • Ana Example: nobody in Slack has the address ana@example.com
            *Last change* <!date^1795255200^{date_short_pretty} at {time}|2026-11-21 10:00 UTC>: at the start.
            *Last written to Slack* <!date^1795255200^{date_short_pretty} at {time}|2026-11-21 10:00 UTC>; before: Ben Example.
            _As PagerDuty said 0s ago._
        /oncall @ana
          → I know no PagerDuty account of Ana Example: they have none, or it has other e-mail addresses than Slack.
            _As PagerDuty said 0s ago._
        ");
        // Neither by somebody without the right, nor to somebody who cannot be in groups.
        let mut answers = Vec::new();
        for (user, chosen) in [("U0ANA", "U0ANA"), ("U0DEE", "U0GUEST"), ("U0DEE", "U0NOBODY")] {
            let before = stage.whispers(user);
            stage.says_it_is(user, chosen).await;
            answers.push(stage.newest_whisper(user, &before).await);
        }
        assert_reads!(answers.join("\n"), @"
        That needs the right to admin. Ask one of those who have it (@sre-leads), or an administrator to extend [rights].
        Not Gus Guest: guests cannot be in user groups; make them a full member of the workspace, or name somebody in always.
        I have not met that person yet; choose them again in a few minutes.
        ");
        stage.says_it_is("U0DEE", "U0ANA").await;
        stage.settle().await;
        let answer = stage.until("the answer", || stage.paragraphs("incidents", "says Dee").pop()).await;
        assert_reads!(answer, @"10:00 firebell: :link: Ana Example in PagerDuty is Ana Example in Slack, says Dee Example. The groups follow.");
        stage.wait(Duration::from_secs(30)).await;
        assert_eq!(stage.in_payments(), ["U0ANA", "U0DEE"]);
        assert_reads!(stage.oncall("U0EVE", &["@ana"]).await, @"
        /oncall @ana
          → *Ana Example* ☎ +49 1515550101 is on call:
            • level 1 of Payments
            • Payments primary (level 1 of Payments rota) until <!date^1795258800^{date_short_pretty} at {time}|2026-11-21 11:00 UTC>
            No next shift that I know of.
            _As PagerDuty said 0s ago._
        ");
        stage.end().await;
    }
);
