//! User groups follow the rota: hand-offs, edits, hints, hand edits, and what is never done.

use std::time::Duration;

use firebell::clock::Clock;
use firebell::groups::model::{Standing, State};
use firebell::on_both_engines;
use firebell::sim::desk::Fault;
use firebell::sim::pagerduty::Layer;
use firebell::sim::scene::World;
use firebell::sim::signed::Signed;

use crate::stage::Stage;

const HOUR: Duration = Duration::from_secs(3600);

const GROUP: &str = r#"
[[group]]
handle = "@payments-oncall"
schedules = ["PSCHED1"]
"#;

/// The standard world with a schedule: Ana for an hour, then Ben for a day; and the group that follows it.
async fn world(clock: &Clock) -> World {
    let world = World::start(clock.clone()).await.expect("the world starts");
    let now = clock.now();
    let shifts = [("PANA001", now - HOUR, now + HOUR), ("PBEN001", now + HOUR, now + 25 * HOUR)];
    world.pagerduty.add_schedule("PSCHED1", "Payments primary", &shifts);
    world.pagerduty.add_escalation_policy("PEP0009", "Payments rota", &[&["PSCHED1"]]);
    world.slack.add_usergroup("S0PAY", "payments-oncall", &["U0BEN"]);
    world
}

/// Waits until a change that needs a poll has arrived.
const A_POLL: Duration = Duration::from_secs(35);

impl Stage {
    fn people_in(&self, group: &str) -> Vec<String> {
        self.world.slack.usergroup(group).expect("the group").members
    }

    async fn state(&self, handle: &str) -> State {
        let mut tx = self.running.app.db.read().await.expect("a transaction");
        tx.group_state(handle).await.expect("read").expect("a kept group")
    }

    async fn hinted(&self, signed: &Signed) -> u16 {
        signed.send(&self.running.base_url()).await.expect("an answer").0
    }

    fn writes(&self) -> usize {
        self.world.desk.count("usergroups.users.update")
    }
}

on_both_engines!(
    async fn a_group_follows_the_rota_from_the_start_and_at_the_hand_off(db: Db, clock: Clock) {
        let stage = Stage::on(world(&clock).await, db, clock.clone(), GROUP).await;
        stage.settle().await;
        assert_eq!(stage.people_in("S0PAY"), ["U0ANA"]);
        assert_eq!(stage.writes(), 1);
        assert_eq!(stage.world.desk.count("GET /schedules"), 0, "the rota names the schedule that is meant");
        // Polls find nothing new, and write nothing.
        stage.wait(Duration::from_secs(600)).await;
        assert_eq!(stage.writes(), 1);
        // The hand-off is known in advance.
        stage.wait(Duration::from_secs(3000 - 10)).await;
        assert_eq!(stage.people_in("S0PAY"), ["U0ANA"]);
        clock.advance(Duration::from_secs(13));
        stage.settle().await;
        assert_eq!(stage.people_in("S0PAY"), ["U0BEN"]);
        assert_eq!(stage.writes(), 2);
        stage.end().await;
    }
);

on_both_engines!(
    async fn an_override_is_found_by_the_poll_and_at_once_with_a_hint(db: Db, clock: Clock) {
        let hints = "[[hint_sender]]\nname = \"terraform\"\nsecrets = [\"pipeline\"]\n";
        let stage = Stage::on(world(&clock).await, db, clock.clone(), &format!("{GROUP}{hints}")).await;
        stage.settle().await;
        let pagerduty = stage.world.pagerduty.clone();
        let cover = pagerduty.add_override("PSCHED1", "PCHO001", clock.now(), clock.now() + HOUR / 2);
        stage.wait(A_POLL).await;
        assert_eq!(stage.people_in("S0PAY"), ["U0CHO"]);
        assert_eq!(stage.state("payments-oncall").await.cause, "a regular look");
        // The end of an override is a hand-off like any other.
        stage.wait(Duration::from_secs(1_800 - 35 - 10)).await;
        assert_eq!(stage.people_in("S0PAY"), ["U0CHO"]);
        stage.wait(Duration::from_secs(14)).await;
        assert_eq!(stage.people_in("S0PAY"), ["U0ANA"]);
        pagerduty.remove_override("PSCHED1", &cover);
        stage.wait(Duration::from_secs(20)).await;
        pagerduty.add_override("PSCHED1", "PDEE001", clock.now(), clock.now() + HOUR / 4);
        let reads = stage.world.desk.count("GET /oncalls");
        for _ in 0..3 {
            assert_eq!(stage.hinted(&pagerduty.hint("pipeline", "terraform", &["PSCHED1"])).await, 202);
        }
        stage.settle().await;
        clock.advance(Duration::from_secs(2));
        stage.settle().await;
        assert_eq!(stage.people_in("S0PAY"), ["U0DEE"]);
        assert_eq!(
            stage.world.desk.count("GET /oncalls"),
            reads + 2,
            "one read for all hints: policies, schedules"
        );
        assert_eq!(stage.state("payments-oncall").await.cause, "terraform said so (schedule updated)");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_pipelines_secret_forges_no_incident_event(db: Db, clock: Clock) {
        let hints = "[[hint_sender]]\nname = \"terraform\"\nsecrets = [\"pipeline\"]\n";
        let stage = Stage::set_with(db, clock, hints).await;
        stage.slash("U0ANA", "/incident declare payments-down sev1").await;
        stage.settle().await;
        let page = stage.world.pagerduty.incidents()[0].id.clone();
        let data = serde_json::json!({ "type": "incident", "id": page, "status": "resolved" });
        let forged = stage.world.pagerduty.hint_of("incident.resolved", &data, "pipeline", "terraform");
        assert_eq!(stage.hinted(&forged).await, 202);
        assert_eq!(stage.hinted(&stage.world.pagerduty.hint("stolen", "terraform", &[])).await, 401);
        stage.settle().await;
        let list = stage.slash("U0ANA", "/incident list").await;
        assert!(list.contains("Investigating"), "{list}");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_hand_edit_is_put_right_once_and_its_author_told(db: Db, clock: Clock) {
        let stage = Stage::on(world(&clock).await, db, clock.clone(), GROUP).await;
        stage.settle().await;
        let lists = stage.world.desk.count("usergroups.list");
        stage.world.slack.edit_group_by("U0DEE", "S0PAY", &["U0EVE"]);
        stage.settle().await;
        stage.wait(Duration::from_secs(2)).await;
        assert_eq!(stage.people_in("S0PAY"), ["U0ANA"]);
        assert_eq!(stage.state("payments-oncall").await.cause, "changed in Slack by hand");
        assert_reads!(stage.world.slack.dm_transcript("U0DEE"), @"10:00 firebell: @payments-oncall follows PagerDuty's rota, so I put it back. To change who is on call, make an override in PagerDuty; to keep somebody in the group for good, ask an administrator for always. /oncall why @payments-oncall explains who is in it.");
        assert_eq!(
            stage.world.desk.count("usergroups.list"),
            lists + 1,
            "what we wrote ourselves is no news"
        );
        // Again at once: not fought with, until the next full look.
        stage.world.slack.edit_group_by("U0DEE", "S0PAY", &["U0EVE"]);
        stage.wait(Duration::from_secs(60)).await;
        assert_eq!(stage.people_in("S0PAY"), ["U0EVE"]);
        assert_reads!(stage.state("payments-oncall").await.problem.expect("a reason"), @"somebody changes it in Slack again and again; it is put right at the next full look");
        stage.wait(Duration::from_secs(900)).await;
        assert_eq!(stage.people_in("S0PAY"), ["U0ANA"]);
        // Nobody told us: the full look finds it, too.
        stage.world.slack.edit_usergroup("S0PAY", |g| g.members = vec!["U0EVE".into()]);
        stage.wait(Duration::from_secs(920)).await;
        assert_eq!(stage.people_in("S0PAY"), ["U0ANA"]);
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_looks_like_the_wrong_group_is_asked_about(db: Db, clock: Clock) {
        let world = world(&clock).await;
        let everybody = ["U0BEN", "U0CHO", "U0DEE", "U0EVE"];
        world.slack.edit_usergroup("S0PAY", |g| g.members = everybody.map(str::to_owned).to_vec());
        let group = format!("{GROUP}channel = \"incidents\"\n");
        let stage = Stage::on(world, db, clock.clone(), &group).await;
        stage.settle().await;
        assert_eq!(stage.people_in("S0PAY"), everybody);
        assert_eq!(stage.state("payments-oncall").await.standing, Standing::Asked);
        assert_reads!(stage.world.slack.transcript("incidents"), @"
        10:00 firebell: :warning: 4 of the 4 people in @payments-oncall would go, and Firebell never put them there: is it the right group?
        Wanted: Ana Example.
        [Apply]
        ");
        stage.wait(Duration::from_secs(1000)).await;
        assert_eq!(stage.writes(), 0, "nobody said yes");
        stage.end().await;
    }
);

on_both_engines!(
    async fn an_empty_rota_leaves_the_group_or_falls_back(db: Db, clock: Clock) {
        let world = world(&clock).await;
        let now = clock.now();
        world.pagerduty.add_schedule("PSCHED2", "Gaps", &[("PANA001", now + HOUR, now + 2 * HOUR)]);
        world.pagerduty.add_escalation_policy("PEP0010", "Gaps", &[&["PSCHED2"]]);
        world.slack.add_usergroup("S0GAP", "gaps", &["U0BEN"]);
        world.slack.add_usergroup("S0FALL", "fallen", &["U0BEN"]);
        let groups = r#"
[[group]]
handle = "gaps"
schedules = ["Gaps"]
[[group]]
handle = "fallen"
schedules = ["PSCHED2"]
when_empty = "fallback"
fallback = ["U0DEE", "cho@example.com"]
"#;
        let stage = Stage::on(world, db, clock.clone(), groups).await;
        stage.settle().await;
        assert_eq!(stage.people_in("S0GAP"), ["U0BEN"]);
        assert_reads!(stage.state("gaps").await.problem.expect("a reason"), @"nobody is on call, and Slack has no empty groups: it stays as it was");
        assert_eq!(stage.people_in("S0FALL"), ["U0CHO", "U0DEE"]);
        // The gap's end was read ahead.
        stage.wait(HOUR + Duration::from_secs(4)).await;
        assert_eq!(stage.people_in("S0GAP"), ["U0ANA"]);
        assert_eq!(stage.people_in("S0FALL"), ["U0ANA"]);
        stage.end().await;
    }
);

on_both_engines!(
    async fn hand_offs_go_on_while_pagerduty_is_away(db: Db, clock: Clock) {
        let mut stage = Stage::on(world(&clock).await, db, clock.clone(), GROUP).await;
        stage.trouble_is_expected();
        stage.settle().await;
        stage.world.desk.always("GET /oncalls", Fault::Unavailable { status: 503 });
        stage.wait(HOUR + Duration::from_secs(10)).await;
        assert_eq!(stage.people_in("S0PAY"), ["U0BEN"], "it was read ahead");
        clock.advance(25 * HOUR);
        stage.wait(Duration::from_secs(60)).await;
        assert_eq!(stage.people_in("S0PAY"), ["U0BEN"], "the last known one stays");
        assert_reads!(stage.state("payments-oncall").await.partial.0.join("; "), @"PagerDuty does not answer: the last known people stay");
        stage.end().await;
    }
);

on_both_engines!(
    async fn people_whom_slack_does_not_know_never_keep_the_rest_out(db: Db, clock: Clock) {
        let world = world(&clock).await;
        let now = clock.now();
        world.pagerduty.add_user("PZOE001", "Zoe <!channel>", "zoe@elsewhere.example", None);
        world.pagerduty.add_schedule("PSCHED2", "Second", &[("PZOE001", now - HOUR, now + 48 * HOUR)]);
        world.pagerduty.add_schedule("PSCHED3", "Third", &[("PEVE001", now - HOUR, now + 48 * HOUR)]);
        world.pagerduty.add_escalation_policy("PEP0010", "More", &[&["PSCHED2"], &["PSCHED3"]]);
        world.slack.edit_user("U0EVE", |u| u.deleted = true);
        let group = "[[group]]\nhandle = \"payments-oncall\"\nchannel = \"incidents\"\n\
            schedules = [\"PSCHED1\", \"PSCHED2\", \"PSCHED3\"]\n";
        let stage = Stage::on(world, db, clock.clone(), group).await;
        stage.settle().await;
        assert_eq!(stage.people_in("S0PAY"), ["U0ANA"]);
        let out: Vec<String> = stage
            .state("payments-oncall")
            .await
            .left_out
            .0
            .iter()
            .map(|o| format!("{}: {}", o.name, o.why))
            .collect();
        assert_reads!(out.join("\n"), @"
        Eve Example: the Slack account is deactivated
        Zoe <!channel>: nobody in Slack has the address zoe@elsewhere.example
        ");
        assert_reads!(stage.world.slack.transcript("incidents"), @"
        10:00 firebell: :bust_in_silhouette: Zoe <!channel> is on call in PagerDuty, but nobody in Slack has the address zoe@elsewhere.example. Who is it in Slack?
        [Link user ▾]
        ");
        let looked = stage.world.desk.count("users.lookupByEmail");
        assert_eq!(looked, 1);
        stage.wait(Duration::from_secs(600)).await;
        assert_eq!(stage.world.desk.count("users.lookupByEmail"), looked, "a miss is remembered");
        // She gets an account.
        stage.world.slack.add_user("U0ZOE", "zoe", "Zoe", "zoe@elsewhere.example");
        stage.wait(Duration::from_secs(960)).await;
        assert_eq!(stage.people_in("S0PAY"), ["U0ANA", "U0ZOE"]);
        stage.end().await;
    }
);

on_both_engines!(
    async fn slacks_no_becomes_a_sentence_and_the_others_go_on(db: Db, clock: Clock) {
        let world = world(&clock).await;
        world.slack.add_usergroup("S0TWO", "second", &["U0EVE"]);
        world.slack.edit_usergroup("S0PAY", |g| g.is_external = true);
        let groups =
            format!("{GROUP}\n[[group]]\nhandle = \"second\"\nescalation_policies = [\"PEP0001:1\"]\n");
        let stage = Stage::on(world, db, clock.clone(), &groups).await;
        stage.settle().await;
        assert_eq!(stage.people_in("S0TWO"), ["U0ANA"]);
        let state = stage.state("payments-oncall").await;
        assert_eq!(state.standing, Standing::Blocked);
        assert_reads!(state.problem.expect("a reason"), @"Slack does not let Firebell change @payments-oncall: under Settings, Permissions, User Groups allow everyone, or set slack.user_token to an administrator's token");
        stage.end().await;
    }
);

on_both_engines!(
    async fn writes_keep_within_slacks_limit_and_the_latest_change_goes_first(db: Db, clock: Clock) {
        let world = world(&clock).await;
        world.slack.enforce_tiers(true);
        let mut groups = String::new();
        for n in 0..30 {
            world.slack.add_usergroup(&format!("S0N{n:02}"), &format!("team-{n:02}"), &["U0EVE"]);
            let group =
                format!("[[group]]\nhandle = \"team-{n:02}\"\nescalation_policies = [\"PEP0001:1\"]\n");
            groups.push_str(&group);
        }
        let stage = Stage::on(world, db, clock.clone(), &format!("{groups}{GROUP}")).await;
        stage.settle().await;
        assert_eq!(stage.writes(), 20);
        let in_step = || (0..30).filter(|n| stage.people_in(&format!("S0N{n:02}")) == ["U0ANA"]).count();
        assert!((19..=20).contains(&in_step()));
        // Somebody new comes on call while eleven wait: that group is first.
        clock.advance(Duration::from_secs(30));
        stage.world.pagerduty.add_override("PSCHED1", "PDEE001", clock.now(), clock.now() + HOUR);
        stage.wait(Duration::from_secs(40)).await;
        assert_eq!(stage.people_in("S0PAY"), ["U0DEE"]);
        stage.wait(Duration::from_secs(70)).await;
        assert_eq!(in_step(), 30);
        let refused = stage.world.desk.calls().into_iter().filter(|c| c.outcome == "ratelimited").count();
        assert_eq!(refused, 0, "no call was wasted");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_restart_reads_the_rota_once_and_writes_nothing(db: Db, clock: Clock) {
        let world = world(&clock).await;
        let stage = Stage::on(world.clone(), db.clone(), clock.clone(), GROUP).await;
        stage.settle().await;
        clock.advance(Duration::from_secs(5));
        let before = world.desk.calls().len();
        let again = Stage::on(world.clone(), db, clock, GROUP).await;
        again.settle().await;
        let mut calls: Vec<String> = world.desk.calls()[before..].iter().map(|c| c.name.clone()).collect();
        calls.retain(|name| name != "GET /incidents"); // what was missed of incidents, which is another matter
        assert_eq!(calls, ["GET /oncalls", "GET /oncalls"], "the services' policies, and the schedules");
        again.end().await;
    }
);

on_both_engines!(
    async fn a_missing_group_is_made_and_the_whole_rota_has_its_own(db: Db, clock: Clock) {
        let world = world(&clock).await;
        let group = "[[group]]\nhandle = \"new-oncall\"\nschedules = [\"PSCHED1\"]\ncreate_missing = true\n\
            all_members_handle = \"new-rota\"\n";
        let stage = Stage::on(world, db, clock.clone(), group).await;
        stage.settle().await;
        stage.wait(A_POLL).await;
        let members = |handle: &str| {
            let groups = stage.world.slack.usergroups();
            groups.into_iter().find(|g| g.handle == handle).map(|g| g.members).unwrap_or_default()
        };
        assert_eq!(members("new-oncall"), ["U0ANA"]);
        assert_eq!(members("new-rota"), ["U0ANA", "U0BEN"]);
        stage.end().await;
    }
);

on_both_engines!(
    async fn who_comes_on_call_sees_what_is_open(db: Db, clock: Clock) {
        let world = world(&clock).await;
        world.pagerduty.add_escalation_policy("PEP0001", "Payments", &[&["PSCHED1"]]);
        let group = format!(
            "{GROUP}channel = \"incidents\"\ntopic_channels = [\"incidents\"]\ntell_incoming = true\n"
        );
        let channel = world.slack.channel_named("incidents").expect("there").id;
        world.slack.person_sets_topic(&channel, "U0DEE", "No chatter please");
        let stage = Stage::on(world, db, clock.clone(), &group).await;
        stage.settle().await;
        stage.slash("U0ANA", "/incident declare payments-down sev1").await;
        stage.settle().await;
        stage.wait(HOUR + Duration::from_secs(10)).await;
        let room = stage.world.slack.channel_named("inc-1-payments-down").expect("the room");
        assert!(room.members.contains("U0BEN"), "{:?}", room.members);
        assert_reads!(stage.world.slack.channel_named("incidents").expect("there").topic, @"No chatter please | On call: Ben Example until Sun 22 Nov 11:00 UTC");
        assert_reads!(stage.world.slack.dm_transcript("U0BEN"), @"
        11:00 firebell: :pager: You are on call for @payments-oncall until 2026-11-22 11:00 UTC. Open now:
        • INC-1 SEV1 payments-down in #inc-1-payments-down, not acknowledged
        ");
        assert_reads!(stage.world.slack.transcript("incidents"), @"
        10:00 @dee set the channel topic: No chatter please

        10:00 @firebell set the channel topic: No chatter please | On call: Ana Example until Sat 21 Nov 11:00 UTC

        10:00 firebell: :rotating_light: SEV1 INC-1 payments-down · Investigating · #inc-1-payments-down

        11:00 @firebell set the channel topic: No chatter please | On call: Ben Example until Sun 22 Nov 11:00 UTC

        11:00 firebell: :arrows_counterclockwise: On call for @payments-oncall: Ben Example, until 2026-11-22 11:00 UTC (before: Ana Example). Open now:
        • INC-1 SEV1 payments-down in #inc-1-payments-down, not acknowledged
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn which_layer_or_override_it_is_is_told_when_somebody_asks(db: Db, clock: Clock) {
        let stage = Stage::on(world(&clock).await, db, clock.clone(), GROUP).await;
        let (pagerduty, now) = (stage.world.pagerduty.clone(), clock.now());
        let layer = Layer::new("Weekly", now - HOUR, HOUR * 168, &["PANA001", "PBEN001"]);
        pagerduty.add_layered_schedule("PSCHED1", "Payments primary", "Europe/Berlin", &[layer]);
        stage.settle().await;
        stage.slash("U0CHO", "/oncall why @payments-oncall").await;
        stage.settle().await;
        pagerduty.add_override("PSCHED1", "PDEE001", now, now + HOUR);
        stage.wait(A_POLL).await;
        stage.slash("U0CHO", "/oncall why @payments-oncall").await;
        stage.settle().await;
        assert_reads!(stage.world.slack.dm_transcript("U0CHO"), @"
        10:00 firebell: *What puts people on call for @payments-oncall*
        • Ana Example: layer Weekly of Payments primary, until 2026-11-28 09:00 UTC

        10:00 firebell: *What puts people on call for @payments-oncall*
        • Dee Example: an override of Payments primary, until 2026-11-21 11:00 UTC
        ");
        assert_reads!(stage.world.slack.ephemeral_transcript("U0CHO"), @"
        10:00 #general (only you): :white_check_mark: @payments-oncall is in step with the rota, last seen 0s ago.
        Who is in it
        • Ana Example: Payments primary until 2026-11-28 09:00 UTC
        Last change 2026-11-21 10:00 UTC: at the start.
        Last written to Slack 2026-11-21 10:00 UTC; before: Ben Example.
        As PagerDuty said 0s ago.

        10:00 #general (only you): :white_check_mark: @payments-oncall is in step with the rota, last seen 5s ago.
        Who is in it
        • Dee Example: Payments primary until 2026-11-21 11:00 UTC
        Last change 2026-11-21 10:00 UTC: a regular look.
        Last written to Slack 2026-11-21 10:00 UTC; before: Ana Example.
        As PagerDuty said 5s ago.
        ");
        stage.end().await;
    }
);
