//! Paging while PagerDuty is away, slow, or never there yet: whoever is wanted is paged or called, and nobody else.

use std::time::Duration;

use firebell::clock::Clock;
use firebell::on_both_engines;
use firebell::sim::desk::Fault;
use firebell::store::Db;

use crate::paging::{PAGING, ROOM, world};
use crate::stage::Stage;

const HALF_AN_HOUR: Duration = Duration::from_secs(1_800);
const REST: [&str; 4] = ["GET /", "POST /incidents", "PUT /", "POST /incidents/{id}"];

/// Pages open on payments, which has an events key.
async fn stage(db: Db, clock: Clock) -> Stage {
    let more = PAGING.replace("[paging]\nservice = \"search\"", "");
    let stage = Stage::on(world(&clock).await, db, clock, &more).await;
    stage.settle().await;
    stage
}

impl Stage {
    fn rest_is(&self, fault: &Fault) {
        for call in REST {
            self.world.desk.always(call, fault.clone());
        }
    }

    fn rest_is_back(&self) {
        for call in REST {
            self.world.desk.heal(call);
        }
    }

    /// What is said in #general within this time.
    async fn said_within(&self, secs: u64) -> String {
        let before = self.said_in("general");
        self.wait(Duration::from_secs(secs)).await;
        self.news("general", &before)
    }
}

on_both_engines!(
    async fn while_rest_is_down_nobody_is_rung_in_the_stead_of_whom_is_wanted(db: Db, clock: Clock) {
        let mut stage = stage(db, clock).await;
        stage.trouble_is_expected();
        stage.rest_is(&Fault::Unavailable { status: 503 });
        stage.said_after("U0EVE", "general", "/page @cho the index is gone").await;
        assert_reads!(stage.said_within(30).await, @"
        :rotating_light: Paging 'Cho Example': the index is gone
        :warning: *Nobody has been paged yet*: PagerDuty does not answer (HTTP 503). I keep trying.
        :exclamation: There was an error paging a user, please manually call Cho Example.
        _I have sent the phone numbers to <@U0EVE>._
        ");
        stage.said_after("U0EVE", "general", "/ic page").await;
        assert_reads!(stage.said_within(30).await, @"
        :rotating_light: Paging Incident Commander(s)
        :warning: *Nobody has been paged yet*: PagerDuty does not answer (HTTP 503). I keep trying.
        :exclamation: There was an error paging a user, please manually call Dee Example.
        :exclamation: There was an error paging a user, please manually call Ben Example.
        :exclamation: There was an error paging a user, please manually call Cho Example.
        _I have sent the phone numbers to <@U0EVE>._
        ");
        stage.said_after("U0EVE", "general", "/page PEPIC01 come").await;
        stage.wait(Duration::from_secs(30)).await;
        assert_eq!(stage.rung(), "", "Ana is on call for payments, and not wanted");
        stage.rest_is_back();
        stage.wait(Duration::from_secs(60)).await;
        assert_eq!(stage.rung(), "PDEE001 PDEE001 PBEN001 PCHO001 PCHO001");
        stage.end().await;
    }
);

on_both_engines!(
    async fn of_several_the_second_road_takes_only_those_whom_it_leads_to(db: Db, clock: Clock) {
        let mut stage = stage(db, clock).await;
        stage.trouble_is_expected();
        stage.rest_is(&Fault::Unavailable { status: 503 });
        stage.said_after("U0EVE", "general", "/ic page responders").await;
        assert_reads!(stage.said_within(30).await, @"
        :rotating_light: Paging Responder(s)
        :warning: *Not everybody has been paged yet*: PagerDuty does not answer (HTTP 503). I keep trying.
        :pager: payments (Ana Example): I have raised an alert on payments through PagerDuty's Events API, which pages who is on call there. Whom it has reached nobody can tell yet; if nobody answers, please manually call Ana Example.
        :exclamation: There was an error paging a user, please manually call Cho Example.
        _I have sent the phone numbers to <@U0EVE>._
        ");
        assert_eq!(stage.rung(), "PANA001");
        stage.rest_is_back();
        assert_reads!(stage.said_within(180).await, @"
        :rotating_light: Paging Responder(s)
        :white_check_mark: payments (Ana Example) has been paged.
        :white_check_mark: search (Cho Example) has been paged.
        pd: Incident triggered in the following service: <https://acme.pagerduty.com/incidents/Q1NG2TX0000001|payments>
        ");
        assert_eq!(stage.rung(), "PANA001 PCHO001");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_vendor_that_asks_for_ten_hours_gets_a_minute(db: Db, clock: Clock) {
        let mut stage = stage(db, clock).await;
        stage.trouble_is_expected();
        stage.rest_is(&Fault::RateLimited { after_secs: 36_000 });
        let talk = stage.said_after("U0EVE", "general", "/page payments the checkout is down").await;
        assert_reads!(talk, @"
        /page payments the checkout is down
          → :rotating_light: Paging 'payments': the checkout is down
            :hourglass_flowing_sand: payments (Ana Example) is being paged.
        :rotating_light: Paging 'payments': the checkout is down
        :warning: PagerDuty asks me to wait 60 s. I keep trying.
        :pager: payments (Ana Example): I have raised an alert on payments through PagerDuty's Events API, which pages who is on call there. Whom it has reached nobody can tell yet; if nobody answers, please manually call Ana Example.
        _I have sent the phone numbers to <@U0EVE>._
        ");
        assert_eq!(stage.rung(), "PANA001", "at once, by the other road");
        stage.typed("U0ANA", "/incident declare search is slow --service payments").await;
        assert_eq!(stage.rung(), "PANA001 PANA001", "the same of an incident");
        stage.typed("U0EVE", "/page @dee come").await;
        stage.rest_is_back();
        stage.wait(Duration::from_secs(100)).await;
        assert_eq!(stage.rung(), "PANA001 PANA001 PDEE001");
        stage.wait(Duration::from_secs(60)).await;
        let talk = stage.said_in("general");
        assert!(talk.contains(":white_check_mark: payments (Ana Example) has been paged."), "{talk}");
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_pagerduty_does_late_it_is_not_asked_for_twice(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.declared().await;
        let request = "POST /incidents/{id}/responder_requests";
        stage.world.desk.next(request, Fault::LateEffect { by: Duration::from_secs(12) });
        stage.slash_in("U0ANA", &stage.channel_id(ROOM), "/ic page").await;
        let before = stage.said_in(ROOM);
        stage.settle().await;
        assert_reads!(stage.news(ROOM, &before), @"
        :rotating_light: Paging Incident Commander(s)
        :warning: *Perhaps not everybody has been paged yet*: PagerDuty does not answer (no answer in time). I keep trying.
        :exclamation: There was an error paging a user, please manually call Dee Example.
        :white_check_mark: Ben Example has been paged.
        :white_check_mark: Cho Example has been paged.
        _I have sent the phone numbers to <@U0ANA>._
        ");
        assert_eq!(stage.rung(), "PANA001 PBEN001 PCHO001", "one who is late keeps none of the others");
        stage.wait(Duration::from_secs(60)).await;
        assert_eq!(stage.rung(), "PANA001 PBEN001 PCHO001 PDEE001");
        assert_eq!(stage.world.desk.count(request), 3);
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_never_comes_is_asked_for_again_before_a_minute_is_over(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.declared().await;
        let request = "POST /incidents/{id}/responder_requests";
        stage.world.desk.next(request, Fault::Unavailable { status: 504 });
        stage.typed_in("U0ANA", ROOM, "/page @cho come").await;
        stage.wait(Duration::from_secs(30)).await;
        assert_eq!(stage.rung(), "PANA001 PCHO001");
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_slack_says_late_is_not_said_twice(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        let room = stage.channel_id("incidents");
        stage.slash_in("U0ANA", &room, "/page @dee come").await;
        stage.world.desk.next("chat.postMessage", Fault::LateEffect { by: Duration::from_secs(12) });
        stage.wait(Duration::from_secs(60)).await;
        let talk = stage.said_in("incidents");
        assert_eq!(talk.matches("Dee Example has been paged.").count(), 1, "{talk}");
        stage.end().await;
    }
);

on_both_engines!(
    async fn who_is_paged_and_who_is_not_is_said_one_by_one(db: Db, clock: Clock) {
        let mut stage = stage(db, clock).await;
        stage.trouble_is_expected();
        stage
            .world
            .desk
            .always("POST /incidents/{id}/responder_requests", Fault::Unavailable { status: 503 });
        stage.said_after("U0EVE", "general", "/ic page").await;
        assert_reads!(stage.said_within(30).await, @"
        :rotating_light: Paging Incident Commander(s)
        :warning: *Not everybody has been paged yet*: PagerDuty does not answer (HTTP 503). I keep trying.
        :white_check_mark: Dee Example has been paged.
        :exclamation: There was an error paging a user, please manually call Ben Example.
        :exclamation: There was an error paging a user, please manually call Cho Example.
        _I have sent the phone numbers to <@U0EVE>._
        ");
        assert_eq!(stage.rung(), "PDEE001");
        stage.world.desk.heal("POST /incidents/{id}/responder_requests");
        assert_reads!(stage.said_within(60).await, @"
        :rotating_light: Paging Incident Commander(s)
        :white_check_mark: Dee Example has been paged.
        :white_check_mark: Ben Example has been paged.
        :white_check_mark: Cho Example has been paged.
        ⓘ Use `/ic responders` to see who the team responders are.
        pd: Incident triggered in the following service: <https://acme.pagerduty.com/incidents/Q1NG2TX0000001|payments>
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn while_pagerduty_hangs_it_is_said_before_any_time_limit_ends(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.world.desk.next("POST /incidents", Fault::Slow { by: Duration::from_secs(4) });
        stage.slash("U0EVE", "/page @dee come").await;
        let before = stage.said_in("general");
        let six_seconds_pass = async {
            while stage.world.desk.count("POST /incidents") == 0 {
                Clock::system().sleep(Duration::from_millis(20)).await;
            }
            stage.clock.advance(Duration::from_secs(6));
        };
        tokio::join!(stage.settle(), six_seconds_pass);
        assert_reads!(stage.news("general", &before), @"
        :rotating_light: Paging 'Dee Example': come
        :warning: *Perhaps nobody has been paged yet*: PagerDuty has not answered for 5 s. I keep trying.
        :exclamation: There was an error paging a user, please manually call Dee Example.
        _I have sent the phone numbers to <@U0EVE>._
        :rotating_light: Paging 'Dee Example': come
        :white_check_mark: Dee Example has been paged.
        pd: Incident triggered in the following service: <https://acme.pagerduty.com/incidents/Q1NG2TX0000001|payments>
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn before_pagerduty_ever_answered_a_service_is_paged_and_the_rest_is_said_as_it_is(
        db: Db,
        clock: Clock,
    ) {
        let world = world(&clock).await;
        world.desk.always("pagerduty", Fault::Unavailable { status: 503 });
        let mut stage = Stage::on(world, db, clock, PAGING).await;
        stage.trouble_is_expected();
        stage.settle().await;
        let typed = ["@ben come", "@payments-oncall come", "search come"];
        let mut talk = stage.asks("U0EVE", "/page", &typed).await;
        talk.push_str(
            &stage.asks("U0EVE", "/ic", &["page", "page responders", "who @ben", "who search", ""]).await,
        );
        assert_reads!(talk, @r#"
        /page @ben come
          → Ben Example cannot be paged: I have read nothing from PagerDuty yet, because it has not answered since I was set up. Please call them.
        /page @payments-oncall come
          → I have read nothing from PagerDuty yet, because it has not answered since I was set up: I do not know who is on call for @payments-oncall. A service I can page all the same, as soon as there is a way: `/page payments …`.
        /page search come
          → :rotating_light: Paging 'search': come
            :hourglass_flowing_sand: search is being paged.
        /ic page
          → I have read nothing from PagerDuty yet, because it has not answered since I was set up: I do not know who is one of the incident commanders. A service I can page all the same, as soon as there is a way: `/page payments …`.
        /ic page responders
          → I have read nothing from PagerDuty yet, because it has not answered since I was set up: I do not know who is one of the team responders. A service I can page all the same, as soon as there is a way: `/page payments …`.
        /ic who @ben
          → :pager: Ben Example: I have read nothing from PagerDuty yet, because it has not answered since I was set up.
            :warning: PagerDuty has not answered yet since Firebell was set up.
        /ic who search
          → :pager: search ➡ nobody that I know of
            ⓘ Use `/ic page search` to page them.
            :warning: PagerDuty has not answered yet since Firebell was set up.
        /ic
          → :firefighter: Incident Commander On-Call is nobody that I know of
            :warning: the schedule "IC rota" was not read yet.
            Backup Incident Commander On-Call is nobody that I know of
            :warning: Ben Example: I have read nothing from PagerDuty yet, because it has not answered since I was set up.
            Trainee On-Call is nobody that I know of
            ⓘ `/ic responders` shows who is on call for each team, and `/page SERVICE …` pages one.
            :warning: PagerDuty has not answered yet since Firebell was set up.
        "#);
        stage.world.desk.heal("pagerduty");
        stage.rest_is(&Fault::Unavailable { status: 503 });
        stage.said_after("U0EVE", "general", "/page payments the checkout is down").await;
        assert_reads!(stage.said_within(30).await, @"
        :rotating_light: Paging 'search': come
        :warning: *Nobody has been paged yet*: PagerDuty does not answer (HTTP 503). I keep trying.
        :exclamation: There was an error paging a user, please manually call whoever is on call for search.
        :rotating_light: Paging 'payments': the checkout is down
        :warning: PagerDuty does not answer (HTTP 503). I keep trying.
        :pager: payments: I have raised an alert on payments through PagerDuty's Events API, which pages who is on call there. Whom it has reached nobody can tell yet; if nobody answers, please manually call whoever is on call for payments.
        :rotating_light: Paging 'payments': the checkout is down
        :white_check_mark: payments has been paged.
        pd: Incident triggered in the following service: <https://acme.pagerduty.com/incidents/Q1NG2TX0000001|payments>
        ");
        assert_eq!(stage.rung(), "PANA001", "the second road needs nothing that was read");
        stage.rest_is_back();
        stage.wait(Duration::from_secs(180)).await;
        assert_eq!(stage.rung(), "PANA001 PCHO001", "and search is paged when the first is there");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_key_that_is_refused_and_an_answer_that_is_none_are_told_in_words(db: Db, clock: Clock) {
        let mut stage = stage(db, clock).await;
        stage.trouble_is_expected();
        let mut talk = String::new();
        for (who, fault) in [
            ("@dee", Fault::Refuse { code: "2006".into() }),
            ("@cho", Fault::Says { body: "{}" }),
            ("@ben", Fault::Unavailable { status: 200 }),
        ] {
            stage.world.desk.always("POST /incidents", fault);
            stage.typed("U0EVE", &format!("/page {who} come")).await;
            talk.push_str(&stage.said_within(30).await);
            stage.world.desk.heal("POST /incidents");
            stage.wait(Duration::from_secs(60)).await;
        }
        let warnings: Vec<&str> = talk.lines().filter(|line| line.starts_with(":warning:")).collect();
        assert_reads!(warnings.join("\n"), @"
        :warning: *Nobody has been paged yet*: PagerDuty refuses our key (401/2006): an administrator must renew pagerduty.token. I keep trying.
        :warning: *Nobody has been paged yet*: PagerDuty's answer makes no sense. I keep trying.
        :warning: *Nobody has been paged yet*: PagerDuty's answer makes no sense. I keep trying.
        ");
        stage.end().await;
    }
);

/// In an incident's room a service is paged while REST is down, and Ana acknowledges what rings her.
async fn paged_by_event_in_the_room(db: Db, clock: Clock) -> Stage {
    let mut stage = stage(db, clock).await;
    stage.trouble_is_expected();
    stage.declared().await;
    stage.rest_is(&Fault::Unavailable { status: 503 });
    stage.typed_in("U0ANA", ROOM, "/page payments ring once please").await;
    stage.wait(Duration::from_secs(30)).await;
    assert_eq!(stage.rung(), "PANA001 PANA001", "the alert rings who is on call");
    stage
}

on_both_engines!(
    async fn whom_the_second_road_has_paged_in_a_room_is_not_asked_again_and_has_answered(
        db: Db,
        clock: Clock,
    ) {
        let stage = paged_by_event_in_the_room(db, clock).await;
        stage.world.pagerduty.acknowledge("2", "PANA001");
        stage.settle().await;
        stage.rest_is_back();
        let before = stage.said_in(ROOM);
        stage.wait(HALF_AN_HOUR).await;
        assert_reads!(stage.news(ROOM, &before), @"
        :firefighter: *SEV1* has no incident commander. Somebody take it: decisions need one voice.
        :alarm_clock: An update is due: the last one was 20m ago, and SEV1 wants one every 20m.
        ");
        assert_eq!(stage.rung(), "PANA001 PANA001", "she is not rung once more");
        let are = |one, two| {
            let status = |id| stage.world.pagerduty.incident(id).expect("an incident").status;
            status("1") == one && status("2") == two
        };
        assert!(are("triggered", "acknowledged"));
        assert_eq!(stage.rooms(), [ROOM]);
        stage.typed_in("U0ANA", ROOM, "/incident resolve").await;
        assert!(are("resolved", "resolved"));
        stage.end().await;
    }
);

on_both_engines!(
    async fn an_acknowledgement_of_the_alert_counts_though_all_its_webhooks_are_lost(db: Db, clock: Clock) {
        let mut stage = stage(db, clock).await;
        stage.trouble_is_expected();
        stage.declared().await;
        stage.rest_is(&Fault::Unavailable { status: 503 });
        let room = stage.channel_id(ROOM);
        stage.slash_in("U0ANA", &room, "/page payments, @cho ring once please").await;
        while stage.rung() == "PANA001" {
            stage.clock.advance(Duration::from_secs(1));
            stage.running.work_off().await.expect("jobs run");
        }
        stage.world.pagerduty.acknowledge("2", "PANA001");
        stage.world.pagerduty.take_webhooks();
        stage.rest_is_back();
        let before = stage.said_in(ROOM);
        stage.wait(HALF_AN_HOUR).await;
        assert_reads!(stage.news(ROOM, &before), @"
        :rotating_light: Paging 'payments, Cho Example': ring once please
        :white_check_mark: payments (Ana Example) has been paged.
        :white_check_mark: Cho Example has been paged.
        pd: Incident triggered in the following service: <https://acme.pagerduty.com/incidents/Q1NG2TX0000002|payments>
        :pager: #2 is paging <@U0ANA>.
        :eyes: <@U0ANA> acknowledged #2 in PagerDuty.
        :firefighter: *SEV1* has no incident commander. Somebody take it: decisions need one voice.
        :alarm_clock: An update is due: the last one was 20m ago, and SEV1 wants one every 20m.
        ");
        assert_eq!(stage.rung(), "PANA001 PANA001 PCHO001");
        // Cho is asked to help on the incident's own, as ever.
        assert_eq!(stage.world.pagerduty.incidents().len(), 2);
        stage.end().await;
    }
);

on_both_engines!(
    async fn an_acknowledgement_counts_as_long_as_the_first_road_stays_closed(db: Db, clock: Clock) {
        let stage = paged_by_event_in_the_room(db, clock).await;
        stage.world.pagerduty.acknowledge("2", "PANA001");
        let before = stage.said_in(ROOM);
        stage.wait(Duration::from_secs(3_700)).await;
        assert_reads!(stage.news(ROOM, &before), @"
        :eyes: <@U0ANA> acknowledged #2 in PagerDuty.
        :firefighter: *SEV1* has no incident commander. Somebody take it: decisions need one voice.
        :alarm_clock: An update is due: the last one was 20m ago, and SEV1 wants one every 20m.
        :alarm_clock: An update is due: the last one was 40m ago, and SEV1 wants one every 20m.
        :alarm_clock: An update is due: the last one was 1h ago, and SEV1 wants one every 20m.
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_an_alert_has_made_ends_with_its_incident_though_it_was_never_heard_of(
        db: Db,
        clock: Clock,
    ) {
        let mut stage = stage(db, clock).await;
        stage.trouble_is_expected();
        stage.declared().await;
        stage.rest_is(&Fault::Unavailable { status: 503 });
        let room = stage.channel_id(ROOM);
        stage.slash_in("U0ANA", &room, "/page payments ring once please").await;
        while stage.rung() == "PANA001" {
            stage.clock.advance(Duration::from_secs(1));
            stage.running.work_off().await.expect("jobs run");
        }
        stage.world.pagerduty.take_webhooks();
        stage.slash_in("U0ANA", &room, "/incident cancel").await;
        stage.clock.advance(Duration::from_secs(60));
        stage.running.work_off().await.expect("jobs run");
        let told = stage.said_in(ROOM);
        assert!(told.contains("so I have dropped the page of payments (Ana Example)"), "{told}");
        assert!(stage.world.pagerduty.incident("2").expect("an incident").status == "resolved");
        stage.end().await;
    }
);
