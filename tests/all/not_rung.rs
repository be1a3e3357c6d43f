//! What people are told where a group cannot have those who are on call, or the configuration names nobody: who it rings
//! instead, what is wrong, and when that is over.

use std::time::Duration;

use firebell::clock::Clock;
use firebell::on_both_engines;
use firebell::sim::desk::Fault;
use firebell::sim::scene::World;

use crate::oncall_command::HOUR;
use crate::stage::Stage;

/// Zoe and a guest are on call, each alone on a schedule, and no full member of Slack.
async fn world(clock: &Clock) -> World {
    let world = World::start(clock.clone()).await.expect("the world starts");
    let (from, to) = (clock.now() - HOUR, clock.now() + HOUR);
    world.pagerduty.add_user("PZOE001", "Zoe Elsewhere", "zoe@elsewhere.example", None);
    world.pagerduty.add_user("PGUS001", "Gus Guest", "guest@example.com", None);
    world.slack.add_user("U0GUEST", "guest", "Gus Guest", "guest@example.com");
    world.slack.edit_user("U0GUEST", |u| u.is_restricted = true);
    for (id, name, user) in [("PZOES", "Zoe's shifts", "PZOE001"), ("PGUSS", "Gus's shifts", "PGUS001")] {
        world.pagerduty.add_schedule(id, name, &[(user, from, to), ("PBEN001", to, to + 24 * HOUR)]);
        world.pagerduty.add_escalation_policy(&format!("PEP{id}"), name, &[&[id]]);
    }
    for handle in ["zoe", "gus", "odd"] {
        world.slack.add_usergroup(&format!("S0{}", handle.to_uppercase()), handle, &["U0CHO"]);
    }
    world
}

const GROUPS: &str = r#"
[rights]
admin = ["@sre-leads"]
[[group]]
handle = "zoe"
schedules = ["PZOES"]
when_empty = "fallback"
fallback = ["eve@example.com"]
channel = "incidents"
[[group]]
handle = "gus"
schedules = ["PGUSS"]
"#;

impl Stage {
    async fn oncalls(&self, typed: &[&str]) -> String {
        self.oncall("U0EVE", typed).await
    }

    fn in_group(&self, id: &str) -> Vec<String> {
        self.world.slack.usergroup(id).expect("the group").members
    }
}

on_both_engines!(
    async fn whom_a_group_rings_instead_is_said_wherever_somebody_looks(db: Db, clock: Clock) {
        let stage = Stage::on(world(&clock).await, db, clock, GROUPS).await;
        stage.settle().await;
        assert_eq!(
            (stage.in_group("S0ZOE"), stage.in_group("S0GUS")),
            (vec!["U0EVE".into()], vec!["U0CHO".into()])
        );
        assert_reads!(stage.oncalls(&["@zoe", "@gus --public", "why @zoe", "why @gus"]).await, @"
        /oncall @zoe
          → *On call for @zoe*
            • Zoe's shifts: Zoe Elsewhere (no phone number known) until <!date^1795258800^{date_short_pretty} at {time}|2026-11-21 11:00 UTC>; next: Ben Example
            • when nobody is on call: Eve Example
            :warning: `@zoe` does not ring Zoe Elsewhere: nobody in Slack has the address zoe@elsewhere.example.
            :warning: `@zoe` rings the fallback: Eve Example; nobody who is on call can be in it (Zoe Elsewhere).
            `/oncall why @zoe` says who is in the group and why.
            _As PagerDuty said 0s ago._
        /oncall @gus --public
          → *On call for @gus*
            • Gus's shifts: Gus Guest until <!date^1795258800^{date_short_pretty} at {time}|2026-11-21 11:00 UTC>; next: Ben Example
            :warning: `@gus` does not ring Gus Guest: guests cannot be in user groups; make them a full member of the workspace, or name somebody in always.
            :warning: `@gus` rings those who were in it: Cho Example; nobody who is on call can be in it (Gus Guest).
            `/oncall why @gus` says who is in the group and why.
            _As PagerDuty said 0s ago._
        /oncall why @zoe
          → :warning: `@zoe` rings the fallback: Eve Example; last seen so 0s ago.
            *Who is in it*
            • Eve Example: the fallback, because nobody who is on call can be in it (Zoe Elsewhere)
            *On call, and left out*
            • Zoe Elsewhere: nobody in Slack has the address zoe@elsewhere.example
            *Last change* <!date^1795255200^{date_short_pretty} at {time}|2026-11-21 10:00 UTC>: at the start.
            *Last written to Slack* <!date^1795255200^{date_short_pretty} at {time}|2026-11-21 10:00 UTC>; before: Cho Example.
            _As PagerDuty said 0s ago._
        /oncall why @gus
          → :pause_button: `@gus` is left as it is: nobody who is on call can be in it (Gus Guest), and Slack has no empty groups: it stays as it was.
            *Who is in it*
            • Cho Example: was in it before, and is rung until somebody who is on call can be in it
            *On call, and left out*
            • Gus Guest: guests cannot be in user groups; make them a full member of the workspace, or name somebody in always
            *Last change* <!date^1795255200^{date_short_pretty} at {time}|2026-11-21 10:00 UTC>: at the start.
            Firebell has not written it so far.
            _As PagerDuty said 0s ago._
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn who_is_nobody_in_slack_is_named_and_keeps_no_group_from_being_in_step(db: Db, clock: Clock) {
        let groups = r#"
[[group]]
handle = "odd"
escalation_policies = ["PEP0001:1"]
channel = "incidents"
always = ["dee@exmple.com", "@sre-leadz", "@eve", "U0DEE", "guest@example.com"]
never = ["U0N0B0DY", "U0GUEST"]
when_empty = "fallback"
fallback = ["bne@example.com"]
"#;
        let stage = Stage::on(world(&clock).await, db, clock, groups).await;
        stage.settle().await;
        assert_eq!(stage.in_group("S0ODD"), ["U0ANA", "U0DEE"]);
        assert_reads!(stage.oncalls(&["why @odd"]).await, @"
        /oncall why @odd
          → :white_check_mark: `@odd` is in step with the rota, last seen 0s ago.
            *Who is in it*
            • Ana Example: level 1 of Payments
            • Dee Example: always
            *Last change* <!date^1795255200^{date_short_pretty} at {time}|2026-11-21 10:00 UTC>: at the start.
            *Last written to Slack* <!date^1795255200^{date_short_pretty} at {time}|2026-11-21 10:00 UTC>; before: Cho Example.
            :warning: always names dee@exmple.com, and nobody in Slack is that (did you mean dee@example.com?): mend it in the configuration.
            :warning: always names @sre-leadz, and Slack has no such user group (did you mean @sre-leads?): mend it in the configuration.
            :warning: always names @eve, and that is a person, not a user group: write U0EVE in the configuration.
            :warning: always names guest@example.com, who is Gus Guest in Slack: guests cannot be in user groups; make them a full member of the workspace, or name somebody in always.
            :warning: never names U0N0B0DY, and nobody in Slack is that: mend it in the configuration.
            :warning: fallback names bne@example.com, and nobody in Slack is that (did you mean ben@example.com?): mend it in the configuration.
            _As PagerDuty said 0s ago._
        ");
        assert_eq!(stage.paragraphs("incidents", "odd"), Vec::<String>::new(), "no alarm");
        stage.end().await;
    }
);

on_both_engines!(
    async fn never_goes_before_a_group_that_only_grows(db: Db, clock: Clock) {
        let groups = "[[group]]\nhandle = 'odd'\nescalation_policies = ['PEP0001:1']\nmode = 'additive'\nnever = ['U0CHO']\n";
        let world = world(&clock).await;
        world.slack.edit_usergroup("S0ODD", |g| g.members.push("U0DEE".into()));
        let stage = Stage::on(world, db, clock, groups).await;
        stage.settle().await;
        assert_eq!(stage.in_group("S0ODD"), ["U0ANA", "U0DEE"]);
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_rollback_is_told_to_the_groups_channel_once(db: Db, clock: Clock) {
        let groups = GROUPS.replace("[\"PZOES\"]", "[\"PEVES\"]");
        let world = world(&clock).await;
        let now = clock.now();
        world.pagerduty.add_schedule("PEVES", "Eve's", &[("PEVE001", now - HOUR, now + HOUR)]);
        world.pagerduty.add_escalation_policy("PEPEVES", "Eve's", &[&["PEVES"]]);
        let stage = Stage::on(world, db, clock.clone(), &groups).await;
        stage.settle().await;
        stage.typed("U0DEE", "/oncall rollback @zoe").await;
        clock.advance(Duration::from_secs(120));
        stage.typed("U0DEE", "/oncall rollback @zoe").await;
        clock.advance(Duration::from_secs(120));
        stage.typed("U0ANA", "/oncall rollback @zoe").await;
        assert_reads!(stage.paragraphs("incidents", "rolled").join("\n"), @"
        10:00 firebell: :rewind: Dee Example rolled @zoe back: it becomes Cho Example. It stays so until who is on call changes next; the rota says Eve Example.
        10:02 firebell: :rewind: Dee Example rolled @zoe back: it becomes Eve Example. That is what the rota says, so it follows the rota again.
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_first_start_sounds_no_alarm(db: Db, clock: Clock) {
        let world = world(&clock).await;
        let now = clock.now();
        world.pagerduty.add_schedule("PEVES", "Eve's", &[("PEVE001", now - HOUR, now + HOUR)]);
        world.pagerduty.add_escalation_policy("PEPEVES", "Eve's", &[&["PEVES"]]);
        for call in ["GET /schedules", "GET /schedules", "usergroups.list"] {
            world.desk.next(call, Fault::Unavailable { status: 503 });
        }
        let groups = r#"
[oncall]
channel = "incidents"
[[group]]
handle = "odd"
schedules = ["Eve's", "PZOES"]
escalation_policies = ["PEP0001:1"]
all_members_handle = "odd-rota"
create_missing = true
[[group]]
handle = "made"
schedules = ["Eve's"]
create_missing = true
"#;
        let stage = Stage::on(world, db, clock, groups).await;
        stage.settle().await;
        for _ in 0..4 {
            stage.wait(Duration::from_secs(30)).await;
        }
        assert_eq!(stage.in_group("S0ODD"), ["U0ANA", "U0EVE"]);
        assert_eq!(stage.world.slack.usergroup_named("made").expect("made").members, ["U0EVE"]);
        assert_reads!(stage.world.slack.transcript("incidents"), @"
        10:00 firebell: :bust_in_silhouette: Zoe Elsewhere is on call in PagerDuty, but nobody in Slack has the address zoe@elsewhere.example. Who is it in Slack?
        [Link user ▾]
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn an_alarm_that_was_told_is_taken_back_when_it_is_over(db: Db, clock: Clock) {
        let world = world(&clock).await;
        world.slack.edit_usergroup("S0ZOE", |g| g.is_external = true);
        let groups = "[oncall]\nchannel = 'incidents'\n[[group]]\nhandle = 'zoe'\nescalation_policies = ['PEP0001:1']\n\
                      [[group]]\nhandle = 'gone'\nescalation_policies = ['PEP0001:1']\n";
        let stage = Stage::on(world, db, clock, groups).await;
        stage.settle().await;
        stage.wait(Duration::from_secs(90)).await;
        stage.world.slack.edit_usergroup("S0ZOE", |g| g.is_external = false);
        stage.world.slack.add_usergroup("S0GONE", "gone", &["U0ANA"]);
        stage.wait(Duration::from_secs(900)).await;
        stage.wait(Duration::from_secs(900)).await;
        assert_eq!(stage.in_group("S0ZOE"), ["U0ANA"]);
        assert_reads!(stage.world.slack.transcript("incidents"), @"
        10:00 firebell: :warning: @gone is not in step with the rota: Slack has no user group @gone; make it, or set create_missing = true.

        10:00 firebell: :warning: @zoe is not in step with the rota: Slack does not let Firebell change @zoe: under Settings, Permissions, User Groups allow everyone, or set slack.user_token to an administrator's token.

        10:15 firebell: :white_check_mark: @gone follows the rota again: Ana Example.

        10:15 firebell: :white_check_mark: @zoe follows the rota again: Ana Example.
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_slack_refuses_to_make_is_told_once(db: Db, clock: Clock) {
        let world = world(&clock).await;
        world.slack.let_bots_edit_usergroups(false);
        let groups = "[oncall]\nchannel = 'incidents'\n[[group]]\nhandle = 'made'\n\
                      escalation_policies = ['PEP0001:1']\ncreate_missing = true\n";
        let stage = Stage::on(world, db, clock, groups).await;
        stage.settle().await;
        stage.wait(Duration::from_secs(2_000)).await;
        assert_reads!(stage.oncalls(&["why @made"]).await, @"
        /oncall why @made
          → :warning: `@made` cannot follow the rota: Slack does not let Firebell change @made: under Settings, Permissions, User Groups allow everyone, or set slack.user_token to an administrator's token.
            *Who is in it*
            • Ana Example: level 1 of Payments
            *Last change* <!date^1795255200^{date_short_pretty} at {time}|2026-11-21 10:00 UTC>: at the start.
            Firebell has not written it so far.
            _As PagerDuty said 20s ago._
        ");
        stage.world.slack.let_bots_edit_usergroups(true);
        stage.wait(Duration::from_secs(1_000)).await;
        stage.wait(Duration::from_secs(30)).await;
        assert_reads!(stage.world.slack.transcript("incidents"), @"
        10:00 firebell: :warning: @made is not in step with the rota: Slack does not let Firebell change @made: under Settings, Permissions, User Groups allow everyone, or set slack.user_token to an administrator's token.

        10:45 firebell: :white_check_mark: @made follows the rota again: Ana Example.
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_question_in_words_and_a_schedule_that_nobody_follows_get_a_hint(db: Db, clock: Clock) {
        let world = world(&clock).await;
        let now = clock.now();
        world.pagerduty.add_schedule("PDATA", "Data platform", &[("PEVE001", now - HOUR, now + HOUR)]);
        let groups = GROUPS.replace("\"PGUSS\"", "\"Gus's shifts\"");
        let stage = Stage::on(world, db, clock, &groups).await;
        stage.settle().await;
        stage.wait(Duration::from_secs(30)).await;
        assert_reads!(stage.oncalls(&[
            "whoo payments",
            "who is on call for payments?",
            "payments?",
            "who's on call for the warehouse?",
            "help rollbak",
            "Data platform",
        ]).await, @"
        /oncall whoo payments
          → I know nothing called whoo payments. Did you mean `/oncall who payments`?
        /oncall who is on call for payments?
          → I know nothing called is on call for payments?. Did you mean `/oncall payments`?
        /oncall payments?
          → I know nothing called payments?. Did you mean `/oncall payments`?
        /oncall who's on call for the warehouse?
          → I know nothing and nobody called who's on call for the warehouse?. `/oncall` alone shows what there is; `/oncall help` says what I understand. Of PagerDuty's schedules I know those that the configuration uses, and those of the escalation policies in it.
        /oncall help rollbak
          → There is no command rollbak. Did you mean `/oncall help rollback`?
            */oncall* alone shows who is on call. Only you see the answers.
            `/oncall list [--public]` — the groups that follow a rota and the services: who, until when, who is next
            `/oncall lookup &lt;service|@group|@user|schedule|policy&gt; [--next] [--public]` — who is on call there on each level, until when, who is next; of a person: where
            `/oncall why &lt;@group&gt;` — why each person is in the group, who is left out, and what triggered the last change
            `/oncall sync [@group]` — ask PagerDuty and Slack now, instead of in some seconds
            `/oncall rollback &lt;@group&gt;` — put a group back as it was before the last write
            `/oncall help [command]` — this list, or more about one command
            Examples: `/oncall payments`, `/oncall @payments-oncall --next`, `/oncall @ana`, `/oncall why @payments-oncall`
        /oncall Data platform
          → *On call for Data platform*
            • I do not know: nothing in the configuration uses this schedule, so PagerDuty is not asked who is on call by it
            _As PagerDuty said 0s ago._
        ");
        stage.end().await;
    }
);
