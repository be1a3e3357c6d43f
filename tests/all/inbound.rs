//! What people and time do in PagerDuty, as it reaches the room, the timeline and the state of ours; in whatever order
//! and however often it comes.

use std::time::Duration;

use firebell::on_both_engines;
use firebell::sim::desk::Fault;
use serde_json::{Value, json};

use crate::stage::Stage;

on_both_engines!(
    async fn everything_that_is_done_in_pagerduty_is_told_once_with_its_time_and_name(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let pd = stage.world.pagerduty.clone();
        let id = stage.declared().await;
        stage.minute().await;
        pd.acknowledge(&id, "PANA001");
        stage.minute().await;
        pd.set_priority(&id, "PANA001", Some("P2"));
        pd.set_priority(&id, "PANA001", None);
        stage.minute().await;
        pd.unacknowledge(&id);
        stage.minute().await;
        pd.escalate(&id);
        stage.minute().await;
        pd.reassign(&id, "PBEN001", &["PCHO001", "PANA001"]);
        stage.minute().await;
        pd.delegate(&id, "PCHO001", "PEP0002");
        stage.minute().await;
        pd.add_responder(&id, "PCHO001", "PDEE001", "Please look at the <database>");
        pd.add_responder(&id, "PCHO001", "PEVE001", "Please help");
        stage.minute().await;
        pd.responder_replies(&id, "PDEE001", true);
        pd.responder_replies(&id, "PEVE001", false);
        stage.minute().await;
        pd.annotate(&id, "PDEE001", "Rolled back deploy 42 <!channel> & waiting");
        pd.publish_status_update(&id, "PCHO001", "A fix is being deployed");
        stage.minute().await;
        pd.resolve_with_note(&id, "PDEE001", "The rollback helped");
        stage.settle().await;
        assert_reads!(stage.room("inc-1"), @"
        10:00 firebell: :rotating_light: SEV1 incident declared
        Title: payments-down
        PagerDuty: being paged …
        IC: none yet: press Take command on the pinned summary, or type /incident role ic @name
        Status: Investigating
        10:00 firebell: :pager: #1 is paging @ana.
        10:01 firebell: :eyes: @ana acknowledged #1 in PagerDuty.
        10:02 firebell: :label: @ana set the priority of #1 to P2 in PagerDuty.
        10:02 firebell: :label: @ana took the priority of #1 away in PagerDuty.
        10:03 firebell: :warning: #1 is no longer acknowledged: PagerDuty pages @ana again.
        10:04 firebell: :arrow_up: PagerDuty escalated #1 to @ben.
        10:05 firebell: :arrow_right: @ben reassigned #1 to @cho, @ana.
        10:06 firebell: :arrow_right: @cho moved #1 to another escalation policy, which pages @cho.
        10:07 firebell: :heavy_plus_sign: @cho asked @dee to respond: Please look at the <database>
        10:07 firebell: :heavy_plus_sign: @cho asked @eve to respond: Please help
        10:08 firebell: :speech_balloon: @dee joins the response.
        10:08 firebell: :speech_balloon: @eve declined to respond.
        10:09 firebell: :memo: Rolled back deploy 42 <!channel> & waiting — @dee in PagerDuty
        10:09 firebell: :mega: A fix is being deployed — @cho, to PagerDuty's subscribers
        10:10 firebell: :firefighter: SEV1 has no incident commander. Somebody take it: decisions need one voice.
        [Take command]
        10:10 firebell: :white_check_mark: Resolved by Dee Example after 10m. Thank you all. If it comes back, press Reopen on the pinned summary.
        10:10 firebell: :memo: Resolution Note: The rollback helped — @dee in PagerDuty
        ");
        assert_reads!(stage.timeline(1).await, @"
        10:00 declared slack/Ana Example: Declared payments-down as SEV1
        10:00 channel firebell/Firebell: Opened #inc-1-payments-down
        10:00 page firebell/Firebell: Opened PagerDuty incident #1
        10:00 page pagerduty/Firebell: #1 triggered, paging Ana Example
        10:01 acknowledged pagerduty/Ana Example: Acknowledged #1 in PagerDuty
        10:02 priority pagerduty/Ana Example: Set the priority of #1 to P2
        10:02 priority pagerduty/Ana Example: Took the priority of #1 away
        10:03 unacknowledged pagerduty/PagerDuty: #1 is no longer acknowledged
        10:04 escalated pagerduty/PagerDuty: Escalated #1 to Ben Example
        10:05 reassigned pagerduty/Ben Example: Reassigned #1 to Cho Example, Ana Example
        10:06 delegated pagerduty/Cho Example: Moved #1 to another escalation policy, which pages Cho Example
        10:07 responder pagerduty/Cho Example: Asked Dee Example to respond: Please look at the <database>
        10:07 responder pagerduty/Cho Example: Asked Eve Example to respond: Please help
        10:08 responder pagerduty/Dee Example: Joins the response
        10:08 responder pagerduty/Eve Example: Declined to respond
        10:09 note pagerduty/Dee Example: Rolled back deploy 42 <!channel> & waiting
        10:09 update pagerduty/Cho Example: A fix is being deployed
        10:10 page pagerduty/Dee Example: Resolved #1 in PagerDuty
        10:10 resolved pagerduty/Dee Example: Resolved
        10:10 note pagerduty/Dee Example: Resolution Note: The rollback helped
        ");
        assert_reads!(stage.members("inc-1"), @"U0ANA U0BEN U0CHO U0DEE U0EVE");
        assert_reads!(stage.summary_of("inc-1"), @"
        10:00 firebell [pinned]: INC-1 payments-down
        Severity
        :rotating_light: SEV1
        Status
        Resolved after 10m
        Incident commander
        none yet
        Service
        payments
        PagerDuty
        #1 resolved
        Declared
        @ana, 2026-11-21 10:00 UTC
        [Reopen]
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_we_do_ourselves_comes_back_and_adds_nothing(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let pd = stage.world.pagerduty.clone();
        let id = stage.declared().await;
        stage.slash_in("U0BEN", &stage.room_id("inc-1"), "/incident ack").await;
        stage.minute().await;
        stage.slash_in("U0BEN", &stage.room_id("inc-1"), "/incident sev 4").await;
        stage.minute().await;
        stage.slash_in("U0BEN", &stage.room_id("inc-1"), "/incident note the disk is full").await;
        stage.minute().await;
        stage.slash_in("U0BEN", &stage.room_id("inc-1"), "/incident resolve deleted old logs").await;
        stage.minute().await;
        let incident = pd.incident(&id).expect("PagerDuty's incident");
        assert!(incident.status == "resolved");
        assert_reads!(stage.timeline(1).await, @"
        10:00 declared slack/Ana Example: Declared payments-down as SEV1
        10:00 channel firebell/Firebell: Opened #inc-1-payments-down
        10:00 page firebell/Firebell: Opened PagerDuty incident #1
        10:00 page pagerduty/Firebell: #1 triggered, paging Ana Example
        10:00 acknowledged slack/Ben Example: Acknowledged
        10:01 severity slack/Ben Example: SEV1 → SEV4
        10:02 note slack/Ben Example: the disk is full
        10:03 resolved slack/Ben Example: Resolved: deleted old logs
        ");
        assert_reads!(stage.room("inc-1"), @"
        10:00 firebell: :rotating_light: SEV1 incident declared
        Title: payments-down
        PagerDuty: being paged …
        IC: none yet: press Take command on the pinned summary, or type /incident role ic @name
        Status: Investigating
        10:00 firebell: :pager: #1 is paging @ana.
        10:00 firebell: :eyes: @ben acknowledged.
        10:01 firebell: :large_yellow_circle: SEV1 → SEV4 by Ben Example. Needs work, but hardly a customer is affected.
        10:02 firebell: :memo: Note: the disk is full — Ben Example
        10:03 firebell: :white_check_mark: Resolved by Ben Example after 3m. Thank you all. If it comes back, press Reopen on the pinned summary.
        deleted old logs
        ");
        assert!(stage.summary_of("inc-1").contains("#1 resolved"), "{}", stage.summary_of("inc-1"));
        assert_reads!(stage.in_pagerduty(), @"
        10:00 Firebell triggered #1 INC-1 payments-down
        10:00 PagerDuty notified Ana Example of #1 INC-1 payments-down
        10:00 Firebell noted on #1 INC-1 payments-down: INC-1 is worked on in Slack: #inc-1-payments-down
        10:00 Firebell acknowledged #1 INC-1 payments-down
        10:01 Firebell set the urgency of #1 INC-1 payments-down to low
        10:01 Firebell set the priority of #1 INC-1 payments-down to P4
        10:02 Firebell noted on #1 INC-1 payments-down: the disk is full — Ben Example (Slack)
        10:03 Firebell resolved #1 INC-1 payments-down
        10:03 Firebell noted on #1 INC-1 payments-down: Resolution Note: Resolved by Ben Example: deleted old logs
        ");
        // Quiet: nothing is left to say to anybody.
        let calls = stage.world.desk.calls().len();
        stage.settle().await;
        assert_eq!(stage.world.desk.calls().len(), calls);
        stage.end().await;
    }
);

on_both_engines!(
    async fn events_that_come_late_change_nothing_that_is_later(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let pd = stage.world.pagerduty.clone();
        let id = stage.declared().await;
        stage.clock.advance(Duration::from_secs(60));
        pd.acknowledge(&id, "PANA001");
        stage.clock.advance(Duration::from_secs(60));
        pd.unacknowledge(&id);
        stage.clock.advance(Duration::from_secs(60));
        pd.acknowledge(&id, "PBEN001");
        stage.clock.advance(Duration::from_secs(60));
        pd.resolve(&id, None);
        // Last first; and none of them twice, however often it comes.
        let mut webhooks = pd.take_webhooks();
        webhooks.reverse();
        for webhook in webhooks.iter().chain(&webhooks) {
            stage.post(webhook).await;
            stage.settle().await;
        }
        assert!(stage.summary_of("inc-1").contains("#1 resolved"), "{}", stage.summary_of("inc-1"));
        assert_eq!(
            stage.acknowledged_at(1).await.hh_mm(),
            "10:01",
            "the first counts, not the first heard of"
        );
        assert_reads!(stage.timeline(1).await, @"
        10:00 declared slack/Ana Example: Declared payments-down as SEV1
        10:00 channel firebell/Firebell: Opened #inc-1-payments-down
        10:00 page firebell/Firebell: Opened PagerDuty incident #1
        10:00 page pagerduty/Firebell: #1 triggered, paging Ana Example
        10:01 acknowledged pagerduty/Ana Example: Acknowledged #1 in PagerDuty
        10:02 unacknowledged pagerduty/PagerDuty: #1 is no longer acknowledged
        10:03 acknowledged pagerduty/Ben Example: Acknowledged #1 in PagerDuty
        10:04 page pagerduty/PagerDuty: Resolved #1 in PagerDuty
        ");
        assert_reads!(stage.room("inc-1"), @"
        10:00 firebell: :rotating_light: SEV1 incident declared
        Title: payments-down
        PagerDuty: being paged …
        IC: none yet: press Take command on the pinned summary, or type /incident role ic @name
        Status: Investigating
        10:00 firebell: :pager: #1 is paging @ana.
        10:04 firebell: :ballot_box_with_check: PagerDuty resolved #1 by itself. Is INC-1 over?
        [Resolve] [Keep open]
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_webhook_that_is_quicker_than_the_answer_to_us_makes_no_second_room(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let pd = stage.world.pagerduty.clone();
        stage.world.desk.next("POST /incidents", Fault::LoseAnswer);
        stage.slash("U0ANA", "/incident declare payments-down sev1").await;
        stage.settle().await; // the webhook is here; the job that paged knows of nothing yet
        assert_eq!((stage.rooms().len(), pd.incidents().len()), (1, 1));
        let id = pd.incidents()[0].id.clone();
        pd.resolve(&id, Some("PBEN001"));
        stage.minute().await;
        assert_eq!(stage.status(1).await, "resolved");
        assert_eq!((stage.rooms().len(), pd.incidents().len(), pd.pages().len()), (1, 1, 1));
        assert_reads!(stage.timeline(1).await, @"
        10:00 declared slack/Ana Example: Declared payments-down as SEV1
        10:00 channel firebell/Firebell: Opened #inc-1-payments-down
        10:00 page firebell/Firebell: Opened PagerDuty incident #1
        10:00 page pagerduty/Firebell: #1 triggered, paging Ana Example
        10:00 page pagerduty/Ben Example: Resolved #1 in PagerDuty
        10:00 resolved pagerduty/Ben Example: Resolved
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn the_first_that_is_heard_of_our_page_may_be_its_end(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let pd = stage.world.pagerduty.clone();
        stage.world.desk.next("POST /incidents", Fault::LoseAnswer);
        stage.slash("U0ANA", "/incident declare payments-down sev1").await;
        stage.running.work_off().await.expect("jobs run");
        let id = pd.incidents()[0].id.clone();
        pd.resolve(&id, Some("PBEN001"));
        let webhooks = pd.take_webhooks();
        stage.post(webhooks.last().expect("the resolve")).await;
        stage.settle().await;
        assert_eq!(stage.status(1).await, "resolved");
        stage.post(&webhooks[0]).await;
        stage.minute().await;
        assert_eq!((stage.rooms().len(), pd.incidents().len()), (1, 1));
        assert_reads!(stage.timeline(1).await, @"
        10:00 declared slack/Ana Example: Declared payments-down as SEV1
        10:00 channel firebell/Firebell: Opened #inc-1-payments-down
        10:00 page firebell/Firebell: Opened PagerDuty incident #1
        10:00 page pagerduty/Ben Example: Resolved #1 in PagerDuty
        10:00 resolved pagerduty/Ben Example: Resolved
        10:00 page pagerduty/Firebell: #1 triggered, paging Ana Example
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_page_whose_incident_ended_meanwhile_is_taken_back(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let pd = stage.world.pagerduty.clone();
        stage.world.desk.next("POST /incidents", Fault::LoseAnswer);
        stage.slash("U0ANA", "/incident declare payments-down sev1").await;
        stage.running.work_off().await.expect("jobs run");
        stage.slash("U0ANA", "/incident cancel INC-1 false alarm").await;
        stage.running.work_off().await.expect("jobs run");
        assert!(pd.incidents()[0].status == "triggered", "nobody knows of it yet");
        stage.minute().await;
        assert!(pd.incidents()[0].status == "resolved");
        assert_eq!((stage.rooms().len(), pd.incidents().len()), (1, 1));
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_page_by_the_second_road_is_ours_although_it_carries_no_key(db: Db, clock: Clock) {
        let mut stage = Stage::set(db, clock).await;
        stage.trouble_is_expected();
        let pd = stage.world.pagerduty.clone();
        stage.world.desk.always("POST /incidents", Fault::Unavailable { status: 503 });
        stage.world.desk.always("GET /incidents", Fault::Unavailable { status: 503 });
        stage.slash("U0ANA", "/incident declare payments-down sev1").await;
        while pd.incidents().is_empty() {
            stage.running.work_off().await.expect("jobs run");
            stage.clock.advance(Duration::from_secs(10));
        }
        // Incidents made of alerts have none.
        let webhook = pd.take_webhooks().pop().expect("the event");
        let mut body: Value = serde_json::from_slice(&webhook.body).expect("JSON");
        body["event"]["data"]["incident_key"] = Value::Null;
        assert_eq!(stage.post_body(body.to_string()).await, 202);
        stage.settle().await;
        assert_eq!(stage.rooms().len(), 1);
        stage.world.desk.heal("GET /incidents");
        stage.world.desk.heal("POST /incidents");
        stage.wait(Duration::from_secs(120)).await;
        assert_eq!((stage.rooms().len(), pd.incidents().len(), pd.pages().len()), (1, 1, 1));
        assert!(stage.summary_of("inc-1").contains("#1 triggered"), "{}", stage.summary_of("inc-1"));
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_is_signed_is_taken_whatever_it_is(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let id = stage.declared().await;
        let rooms = stage.rooms();
        let before = stage.timeline(1).await;
        let event = |kind: &str, data: Value| {
            json!({"event": {"id": kind, "event_type": kind, "occurred_at": "2026-11-21T10:00:00.000Z",
                "agent": null, "data": data, "brand_new": {"deep": [1]}}})
            .to_string()
        };
        for body in [
            String::new(),
            "nonsense".into(),
            "[]".into(),
            "{}".into(),
            r#"{"event": 7}"#.into(),
            r#"{"event": {"id": "\u0000", "event_type": "incident.triggered"}}"#.into(),
            event("incident.triggered", Value::Null),
            event("incident.acknowledged", json!({"type": "incident", "id": 12})),
            event("incident.resolved", json!({"type": "incident", "id": "x".repeat(10_000)})),
            event("incident.annotated", json!({"type": "incident_note", "incident": {"id": id}})),
            event("incident.role.assigned", json!({"type": "incident_role_assignment"})),
            event("incident.sings", json!({"type": "song", "incident": {"id": id}})),
            event("service.deleted", json!({"type": "service", "id": "PNOTOURS"})),
            event("schedule.sings", json!(null)),
        ] {
            assert_eq!(stage.post_body(body.clone()).await, 202, "{body}");
            stage.settle().await;
        }
        assert_eq!(stage.post_body(vec![0xff, 0xfe, 0x00]).await, 202);
        stage.settle().await;
        assert_eq!((stage.rooms(), stage.timeline(1).await), (rooms, before));
        assert_eq!(stage.left_in_the_inbox().await, 0);
        stage.end().await;
    }
);

on_both_engines!(
    async fn text_that_a_database_refuses_and_bodies_of_256_kb_are_taken(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let pd = stage.world.pagerduty.clone();
        pd.trigger("PSVC001", "x", "high");
        let webhook = pd.take_webhooks().pop().expect("the event");
        let mut body: Value = serde_json::from_slice(&webhook.body).expect("JSON");
        let data = &mut body["event"]["data"];
        data["title"] = json!("NUL \u{0} and \u{202e} \u{1f525} end");
        data["assignees"][0]["summary"] = json!("An\u{0}a");
        data["priority"] = json!({"id": "P\u{0}", "type": "priority_reference", "summary": "P\u{0}1"});
        data["padding"] = json!("x".repeat(256 * 1024));
        assert_eq!(stage.post_body(body.to_string()).await, 202);
        stage.settle().await;
        let id = pd.incidents()[0].id.clone();
        let words = "\u{0}y".repeat(100 * 1024);
        pd.annotate(&id, "PANA001", &words);
        stage.settle().await;
        assert_eq!(stage.left_in_the_inbox().await, 0);
        assert_reads!(stage.rooms().join(" "), @"inc-1-nul-and-end");
        let lines = stage.lines(1).await;
        let noted = lines.iter().find(|l| l.kind == "note").expect("the note");
        assert_eq!(noted.text.chars().filter(|c| *c == 'y').count(), 100 * 1024);
        stage.end().await;
    }
);

on_both_engines!(
    async fn every_sample_goes_through_the_front_door(db: Db, clock: Clock) {
        let mut stage = Stage::set(db, clock).await;
        stage.trouble_is_expected(); // the simulated account does not have the samples' incident to write notes on
        let fixtures: Value =
            serde_json::from_str(include_str!("../../fixtures/pagerduty/webhooks.json")).expect("JSON");
        let samples = fixtures["samples"].as_array().expect("samples");
        for sample in samples {
            let body = sample["body"].as_str().expect("a body");
            assert_eq!(stage.post_body(body).await, 202, "{body}");
            stage.settle().await;
        }
        assert_eq!(stage.left_in_the_inbox().await, 0);
        assert_reads!(stage.rooms().join(" "), @"inc-1-payments-down");
        assert_reads!(stage.timeline(1).await, @"
        10:00 declared pagerduty/PagerDuty: Declared payments-down as SEV3
        10:00 channel firebell/Firebell: Opened #inc-1-payments-down
        10:00 page pagerduty/Ana Example: #1234 triggered, paging Ana Example
        10:01 acknowledged pagerduty/Ana Example: Acknowledged #1234 in PagerDuty
        10:05 escalated pagerduty/PagerDuty: Escalated #1234 to Ben Example
        10:06 reassigned pagerduty/Ana Example: Reassigned #1234 to Ben Example
        10:07 responder pagerduty/Ana Example: Asked Ben Example to respond: Please join the bridge
        10:08 priority pagerduty/Ana Example: Set the priority of #1234 to P1
        10:09 note pagerduty/Ana Example: Rolled back deploy 42
        10:10 update pagerduty/Ana Example: A fix is being deployed
        10:13 note pagerduty/Ana Example: Zażółć gęślą jaźń 🔥 – naïve café
        11:00 page pagerduty/Ben Example: Resolved #1234 in PagerDuty
        11:00 resolved pagerduty/Ben Example: Resolved
        11:01 linked pagerduty/Ana Example: Merged #1234 into payments-down
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_changed_service_is_read_anew_once_after_a_burst(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let pd = stage.world.pagerduty.clone();
        let reads = stage.calls("GET /services/{id}");
        pd.ping();
        pd.add_escalation_policy("PEP0009", "Night", &[&["PEVE001"]]);
        pd.add_service("PSVC001", "payments-api", "PEP0009", None); // the scene's way of editing it
        for _ in 0..50 {
            pd.touch_service("PSVC001");
        }
        stage.settle().await;
        stage.wait(Duration::from_secs(10)).await;
        assert_eq!(stage.calls("GET /services/{id}") - reads, 2, "each of the two services once");
        stage.end().await;
    }
);
