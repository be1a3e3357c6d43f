//! Who is who and who is on call: read in the background, kept in the database and in memory, whatever the vendors do.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use firebell::clock::Timestamp;
use firebell::ids::SlackUserId;
use firebell::on_both_engines;
use firebell::oncall::Step;
use firebell::sim::desk::Fault;
use firebell::sim::scene::World;
use firebell::sim::slack::Slack;
use firebell::store::Priority;
use serde_json::json;

use crate::stage::Stage;

const HOUR: Duration = Duration::from_secs(3600);

on_both_engines!(
    async fn restarted_with_both_vendors_down_it_still_knows_everybody(db: Db, clock: Clock) {
        let stage = Stage::set(db.clone(), clock.clone()).await;
        for call in ["GET ", "POST ", "users.", "usergroups.", "conversations.", "auth.", "chat."] {
            stage.world.desk.always(call, Fault::Unavailable { status: 503 });
        }
        let mut again = Stage::on(stage.world.clone(), db, clock, "").await;
        again.trouble_is_expected();
        assert_reads!(again.slash("U0CHO", "/incident declare payments-down sev1").await, @":rotating_light: Declaring *INC-1 payments-down* as *SEV1*: opening #inc-1-payments-down, paging Ana Example ☎ +49 1515550101.");
        again.wait(Duration::from_secs(30)).await;
        assert_eq!(again.rooms(), Vec::<String>::new());
        // Slack comes back before PagerDuty does.
        for call in ["users.", "usergroups.", "conversations.", "auth.", "chat."] {
            again.world.desk.heal(call);
        }
        again.wait(Duration::from_secs(120)).await;
        assert_eq!(again.members("inc-1"), "U0ANA U0CHO U0DEE");
        assert_reads!(again.room("inc-1"), @"
        10:00 firebell: :rotating_light: SEV1 incident declared
        Title: payments-down
        PagerDuty: not paged yet, see below
        IC: none yet: press Take command on the pinned summary, or type /incident role ic @name
        Status: Investigating
        10:00 firebell: @cho :warning: Nobody has been paged yet: PagerDuty does not answer (HTTP 503). I keep trying.
        • level 1: please call Ana Example
        • level 2: please call Ben Example
        _I have sent the phone numbers to @cho; anybody else sees them with /oncall payments._
        ");
        again.end().await;
    }
);

on_both_engines!(
    async fn people_are_joined_by_any_of_their_addresses_whatever_the_case(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let (pd, slack) = (stage.world.pagerduty.clone(), stage.world.slack.clone());
        slack.add_user("U0FAY", "fay", "Fay Example", "Fay.Example@Example.COM");
        pd.add_user("PFAY001", "Fay Example", "fay.example@example.com", Some("+1 5550100"));
        slack.add_user("U0GUS", "gus", "Gus Example", "gus@example.com");
        pd.add_user("PGUS001", "Gus Example", "GUS@EXAMPLE.COM", None);
        slack.add_user("U0BOT", "robot", "Robot", "robot@example.com");
        slack.edit_user("U0BOT", |u| u.is_bot = true);
        pd.add_user("PROBOT1", "Robot", "robot@example.com", None);
        slack.edit_user("U0EVE", |u| u.deleted = true);
        stage.wait(Duration::from_secs(1000)).await;
        let people = stage.running.app.directory.current();
        let links: Vec<String> = people.links.iter().map(|(pd, slack)| format!("{pd} {slack}")).collect();
        assert_reads!(links.join("\n"), @"
        PANA001 U0ANA
        PBEN001 U0BEN
        PCHO001 U0CHO
        PDEE001 U0DEE
        PFAY001 U0FAY
        PGUS001 U0GUS
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_failed_read_keeps_the_last_good_one_and_says_its_age(db: Db, clock: Clock) {
        let mut stage = Stage::set(db, clock).await;
        stage.trouble_is_expected();
        let world = stage.world.clone();
        // Away, or refusing: neither may end the reads.
        world.desk.always("GET /oncalls", Fault::Unavailable { status: 502 });
        world.desk.always("POST /", Fault::Unavailable { status: 502 });
        world.desk.always("users.list", Fault::Refuse { code: "account_inactive".into() });
        stage.wait(2 * HOUR).await;
        let people = stage.running.app.directory.current();
        assert!(people.age(Step::ReadOnCall, stage.clock.now()).expect("read once") > HOUR);
        assert_eq!((people.members.len() > 5, people.oncall.len()), (true, 3));
        stage.slash("U0CHO", "/incident declare payments-down sev1").await;
        stage.wait(Duration::from_secs(60)).await;
        assert_reads!(stage.room("inc-1"), @"
        12:00 firebell: :rotating_light: SEV1 incident declared
        Title: payments-down
        PagerDuty: being paged …
        IC: none yet: press Take command on the pinned summary, or type /incident role ic @name
        Status: Investigating
        12:00 firebell: @cho :warning: Nobody has been paged yet: PagerDuty does not answer (HTTP 502). I keep trying.
        • level 1: please call Ana Example
        • level 2: please call Ben Example
        That is what PagerDuty said 2h ago; it may have changed.
        _I have sent the phone numbers to @cho; anybody else sees them with /oncall payments._
        ");
        for call in ["GET /oncalls", "POST /", "users.list"] {
            world.desk.heal(call);
        }
        stage.wait(Duration::from_secs(1000)).await;
        let people = stage.running.app.directory.current();
        assert!(people.age(Step::ReadOnCall, stage.clock.now()).expect("read") < Duration::from_secs(61));
        assert!(people.age(Step::ReadMembers, stage.clock.now()).expect("read") < Duration::from_secs(901));
        stage.end().await;
    }
);

/// Ana until noon, then Ben until six, then nobody.
fn rota(stage: &Stage) {
    let at = |hour: i64| Timestamp::from_secs(stage.clock.now().as_secs() / 86_400 * 86_400 + hour * 3600);
    let pd = &stage.world.pagerduty;
    pd.add_schedule("PSCHED1", "Rota", &[("PANA001", at(0), at(12)), ("PBEN001", at(12), at(18))]);
    pd.add_escalation_policy("PEP0003", "Rota", &[&["PSCHED1"]]);
    pd.add_service("PSVC003", "rota", "PEP0003", None);
}

const ROTA: &str = "[[service]]\nname = \"rota\"\npagerduty_service = \"PSVC003\"\n";

on_both_engines!(
    async fn a_hand_off_is_known_in_time_and_read_anew(db: Db, clock: Clock) {
        let world = World::start(clock.clone()).await.expect("the world starts");
        let stage = Stage::on(world, db, clock, ROTA).await;
        rota(&stage);
        stage.settle().await;
        let known = |stage: &Stage| {
            let people = stage.running.app.directory.current();
            people.on_call("PEP0003", stage.clock.now()).iter().map(|c| c.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(known(&stage), ["Ana Example"]);
        // 10:00 → 11:59:50; a read each minute.
        stage.wait(Duration::from_secs(7190)).await;
        stage.clock.advance(Duration::from_secs(11));
        assert_eq!(known(&stage), ["Ben Example"], "without any read");
        stage.clock.advance(Duration::from_secs(2));
        stage.settle().await;
        let people = stage.running.app.directory.current();
        let age = people.age(Step::ReadOnCall, stage.clock.now()).expect("read");
        assert_eq!(age, Duration::ZERO, "and with one, two seconds after");
        // PagerDuty goes away; the rota does not.
        stage.world.desk.always("GET /oncalls", Fault::Unavailable { status: 502 });
        stage.wait(5 * HOUR).await;
        assert_eq!(known(&stage), ["Ben Example"]);
        stage.wait(HOUR).await;
        assert_eq!(known(&stage), Vec::<String>::new());
        stage.world.desk.heal("GET /oncalls");
        stage.end().await;
    }
);

on_both_engines!(
    async fn somebody_paged_whom_the_roster_did_not_expect_makes_it_read_anew(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let pd = stage.world.pagerduty.clone();
        pd.add_escalation_policy("PEP0009", "Night", &[&["PEVE001"]]);
        let reads = stage.calls("GET /oncalls");
        let id = pd.trigger("PSVC001", "one", "high");
        pd.delegate(&id, "PANA001", "PEP0009");
        stage.settle().await;
        stage.wait(Duration::from_secs(10)).await;
        assert_eq!(
            stage.calls("GET /oncalls"),
            reads,
            "who was expected, or named by a person, is no surprise"
        );
        for n in 0..20 {
            pd.escalate(&pd.trigger("PSVC001", &format!("storm {n}"), "high"));
        }
        for webhook in pd.take_webhooks() {
            let body = String::from_utf8(webhook.body).expect("text").replace("PBEN001", "PEVE001");
            assert_eq!(stage.post_body(body).await, 202);
        }
        stage.settle().await;
        stage.wait(Duration::from_secs(10)).await;
        assert_eq!(stage.calls("GET /oncalls"), reads + 1, "one read after a storm");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_thousand_people_are_read_in_small_writes(db: Db, clock: Clock) {
        let world = World::start(clock.clone()).await.expect("the world starts");
        world.slack.set_page_size(200);
        for n in 0..1000 {
            let (slack, pagerduty) = (format!("U1{n:04}"), format!("P1{n:04}"));
            let email = format!("person{n}@example.com");
            world.slack.add_user(&slack, &format!("person{n}"), &format!("Person {n}"), &email);
            world.pagerduty.add_user(&pagerduty, &format!("Person {n}"), &email, None);
        }
        let stage = Stage::on(world, db, clock, "").await;
        // While everybody is written down, somebody who types gets a turn in between.
        let reading = AtomicBool::new(true);
        let ((), seen) = tokio::join!(
            async {
                stage.running.work_off().await.expect("jobs run");
                reading.store(false, Ordering::SeqCst);
            },
            async {
                let mut seen = BTreeSet::new();
                while reading.load(Ordering::SeqCst) {
                    let mut turn = stage.running.app.db.write(Priority::Command).await.expect("a turn");
                    for count in ["SELECT count(*) FROM slack_user", "SELECT count(*) FROM person_link"] {
                        let known: Option<i64> = turn.scalar(count, &[]).await.expect("a number");
                        seen.insert((count, known.unwrap_or(0)));
                    }
                    turn.rollback().await.expect("the turn ends");
                    tokio::task::yield_now().await;
                }
                seen
            }
        );
        for (table, all) in [("slack_user", 1007), ("person_link", 1005)] {
            let between = seen.iter().filter(|(of, n)| of.ends_with(table) && (1..all).contains(n)).count();
            assert!(between >= 2, "{table} was written at once: {seen:?}");
        }
        let people = stage.running.app.directory.current();
        assert_eq!((people.members.len(), people.links.len()), (1007, 1005));
        stage.end().await;
    }
);

on_both_engines!(
    async fn news_of_people_and_groups_are_read_once_after_a_burst(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let slack = stage.world.slack.clone();
        let reads = (stage.calls("users.list"), stage.calls("usergroups.list"));
        let people = stage.running.app.directory.current();
        let ana = people.member(&SlackUserId::new("U0ANA")).expect("Ana");
        for n in 0..50 {
            let ana = json!({"id": ana.id, "team_id": ana.team_id, "name": ana.name, "tz": ana.time_zone,
                "profile": {"real_name": ana.real_name, "email": ana.email, "status_text": format!("meeting {n}")}});
            stage.slack_says(json!({"type": "user_change", "user": ana})).await;
        }
        stage.settle().await;
        stage.wait(Duration::from_secs(20)).await;
        assert_eq!(stage.calls("users.list"), reads.0, "of what concerns us, nothing has changed");
        // An import of 200 people, and somebody tidies up the groups.
        slack.add_user("U0NEW", "new", "New Example", "new@example.com");
        for n in 0..200 {
            let user = json!({"id": format!("U9{n}"), "team_id": Slack::TEAM_ID, "name": format!("n{n}")});
            let kind = if n % 2 == 0 { "user_change" } else { "team_join" };
            stage.slack_says(json!({"type": kind, "user": user})).await;
        }
        slack.edit_usergroup("S0LEADS", |g| g.members.push("U0EVE".into()));
        for kind in ["subteam_updated", "subteam_members_changed", "subteam_created"] {
            stage.slack_says(json!({"type": kind, "subteam_id": "S0LEADS"})).await;
        }
        stage.settle().await;
        stage.wait(Duration::from_secs(20)).await;
        assert_eq!((stage.calls("users.list"), stage.calls("usergroups.list")), (reads.0 + 1, reads.1 + 1));
        let people = stage.running.app.directory.current();
        assert_eq!(people.name_of(&SlackUserId::new("U0NEW")), "New Example");
        stage.declared().await;
        assert_eq!(stage.members("inc-1"), "U0ANA U0DEE U0EVE");
        stage.end().await;
    }
);

on_both_engines!(
    async fn who_joins_a_private_room_may_see_the_incident_and_who_leaves_may_not(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.slash("U0DEE", "/incident declare breach sev1 --private").await;
        stage.settle().await;
        let room = stage.room_id("inc-1");
        let sees = async |user: &str| stage.slash(user, "/incident status INC-1").await.contains("breach");
        let moves = async |kind: &str, user: &str, at: &str| {
            let ts = format!("{}.{at}", stage.clock.now().as_secs() + 5);
            let event = json!({"type": kind, "user": user, "channel": room, "event_ts": ts});
            stage.slack_says(event).await;
            stage.settle().await;
        };
        assert_eq!((sees("U0ANA").await, sees("U0EVE").await), (true, false));
        moves("member_joined_channel", "U0EVE", "000001").await;
        assert!(sees("U0EVE").await);
        moves("member_left_channel", "U0EVE", "000003").await;
        assert!(!sees("U0EVE").await);
        // Slack keeps no order: an arrival from before she left.
        moves("member_joined_channel", "U0EVE", "000002").await;
        assert!(!sees("U0EVE").await);
        // Channels that are no room of ours, and bodies without sense.
        moves("member_joined_channel", "U0\u{0}", "000004").await;
        stage.slack_says(json!({"type": "member_joined_channel", "user": "U0EVE", "channel": "C404"})).await;
        stage.slack_says(json!({"type": "member_left_channel"})).await;
        stage.slack_says(json!({"type": "user_change", "user": 7})).await;
        stage.settle().await;
        assert_eq!(stage.left_in_the_inbox().await, 0);
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_one_replica_reads_the_others_know(db: Db, clock: Clock) {
        let one = Stage::set(db.clone(), clock.clone()).await;
        let two = Stage::on(one.world.clone(), db, clock, "").await;
        one.world.slack.add_user("U0NEW", "new", "New Example", "new@example.com");
        one.world.pagerduty.add_user("PNEW001", "New Example", "new@example.com", Some("+1 5550100"));
        one.wait(Duration::from_secs(1000)).await;
        let known = |stage: &Stage| {
            let people = stage.running.app.directory.current();
            (people.name_of(&SlackUserId::new("U0NEW")), people.links.len(), people.read_at.clone())
        };
        assert_ne!(known(&two).0, "New Example");
        two.running.app.follow_directory().await.expect("it follows");
        assert_eq!(known(&two), known(&one));
        assert_eq!((known(&two).0.as_str(), known(&two).1), ("New Example", 6));
        two.end().await;
    }
);

on_both_engines!(
    async fn a_company_with_more_pages_than_slack_gives_in_a_minute_is_read_to_its_end(db: Db, clock: Clock) {
        let world = World::start(clock.clone()).await.expect("the world starts");
        for n in 0..40 {
            world.slack.add_user(
                &format!("U9{n:02}"),
                &format!("n{n}"),
                "Somebody",
                &format!("n{n}@example.com"),
            );
        }
        world.slack.set_page_size(1);
        world.slack.enforce_tiers(true);
        let stage = Stage::on(world, db, clock.clone(), "").await;
        // Time passes only while the walk waits, and no quicker than the job's lease is renewed.
        let waits = || {
            stage
                .world
                .desk
                .calls()
                .iter()
                .rfind(|c| c.name == "users.list")
                .is_some_and(|c| c.outcome == "ratelimited")
        };
        let is_held = async || {
            let mut tx = stage.running.app.db.read().await.expect("a transaction");
            let jobs = tx.open_jobs().await.expect("jobs");
            jobs.iter()
                .filter_map(|job| job.lease_until)
                .all(|until| until > clock.now() + Duration::from_secs(5))
        };
        tokio::select! {
            () = stage.settle() => {}
            () = async {
                loop {
                    firebell::clock::Clock::system().sleep(Duration::from_millis(5)).await;
                    if waits() && is_held().await {
                        clock.advance(Duration::from_secs(1));
                    }
                }
            } => {}
        }
        assert!(stage.running.app.directory.current().members.len() > 45);
        let reads = stage.calls("users.list");
        assert!(reads < 60, "{reads} calls for 48 pages");
    }
);

on_both_engines!(
    async fn a_new_installation_invites_the_severitys_groups_once_it_has_read_them(db: Db, clock: Clock) {
        let world = World::start(clock.clone()).await.expect("the world starts");
        world.desk.always("usergroups.list", Fault::Reset);
        let stage = Stage::on(world, db, clock, "").await;
        stage.settle().await;
        stage.typed("U0ANA", "/incident declare payments down sev1").await;
        let members = || {
            let room = stage.world.slack.channel_named("inc-1-payments-down").expect("the room");
            room.members.contains("U0DEE")
        };
        assert!(!members(), "the groups are not read yet");
        stage.world.desk.heal("usergroups.list");
        stage.wait(Duration::from_secs(120)).await;
        assert!(members(), "the severity's group follows");
        stage.end().await;
    }
);
