//! PagerDuty's own incidents open channels: which, when, how often, and how many at once.

use std::time::Duration;

use firebell::on_both_engines;
use firebell::sim::scene::World;

use crate::stage::Stage;

on_both_engines!(
    async fn an_incident_on_one_of_our_services_opens_its_channel_on_trigger(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let pd = stage.world.pagerduty.clone();
        let id = pd.trigger("PSVC001", "Checkout errors > 5% <!here>", "high");
        stage.settle().await;
        assert_eq!(stage.members("inc-1"), "U0ANA");
        pd.acknowledge(&id, "PANA001");
        stage.minute().await;
        pd.escalate_by(&id, "PANA001");
        stage.minute().await;
        assert_eq!((stage.rooms().len(), stage.members("inc-1").as_str()), (1, "U0ANA U0BEN"));
        assert_reads!(stage.room("inc-1"), @"
        10:00 firebell: :rotating_light: SEV3 incident declared
        Title: Checkout errors > 5% <!here>
        PagerDuty: #1
        IC: none yet: press Take command on the pinned summary, or type /incident role ic @name
        Status: Investigating
        10:00 firebell: :pager: #1 is paging @ana.
        10:00 firebell: :eyes: @ana acknowledged #1 in PagerDuty.
        10:01 firebell: :arrow_up: @ana escalated #1 to @ben.
        ");
        assert_reads!(stage.summary_of("inc-1"), @"
        10:00 firebell [pinned]: INC-1 Checkout errors > 5% <!here>
        Severity
        :large_orange_circle: SEV3
        Status
        Investigating
        Incident commander
        none yet
        Service
        payments
        PagerDuty
        #1 triggered
        Declared
        PagerDuty, 2026-11-21 10:00 UTC
        [Acknowledge] [Take command] [Post update] [Mitigated] [Resolve]
        ");
        assert_reads!(stage.timeline(1).await, @"
        10:00 declared pagerduty/PagerDuty: Declared Checkout errors > 5% <!here> as SEV3
        10:00 channel firebell/Firebell: Opened #inc-1-checkout-errors-5-here
        10:00 page pagerduty/PagerDuty: #1 triggered, paging Ana Example
        10:00 acknowledged pagerduty/Ana Example: Acknowledged #1 in PagerDuty
        10:01 escalated pagerduty/Ana Example: Escalated #1 to Ben Example
        ");
        assert_reads!(stage.world.slack.transcript("incidents"), @"10:00 firebell: :rotating_light: SEV3 INC-1 Checkout errors > 5% <!here> · Investigating · #inc-1-checkout-errors-5-here");
        assert_reads!(stage.in_pagerduty(), @"
        10:00 PagerDuty triggered #1 Checkout errors > 5% <!here>
        10:00 PagerDuty notified Ana Example of #1 Checkout errors > 5% <!here>
        10:00 Firebell noted on #1 Checkout errors > 5% <!here>: INC-1 is worked on in Slack: #inc-1-checkout-errors-5-here
        10:00 Ana Example acknowledged #1 Checkout errors > 5% <!here>
        10:01 Ana Example escalated #1 Checkout errors > 5% <!here> to Ben Example
        10:01 PagerDuty notified Ben Example of #1 Checkout errors > 5% <!here>
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn however_often_and_in_whatever_order_it_is_heard_of_it_opens_once(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let pd = stage.world.pagerduty.clone();
        let id = pd.trigger("PSVC001", "Checkout errors", "high");
        stage.clock.advance(Duration::from_secs(5));
        pd.acknowledge(&id, "PBEN001");
        let mut webhooks = pd.take_webhooks();
        webhooks.reverse();
        // The acknowledgement first; each as several attempts, and through a second subscription.
        for webhook in &webhooks {
            stage.post(webhook).await;
            stage.post_as(webhook, "another-attempt", "PWHSUB1").await;
            stage.post_body(Stage::as_event(webhook, &format!("OTHER{}", webhook.event_id))).await;
        }
        stage.settle().await;
        assert_eq!(stage.rooms(), ["inc-1-checkout-errors"]);
        assert_eq!(stage.members("inc-1"), "U0ANA U0BEN");
        assert_reads!(stage.timeline(1).await, @"
        10:00 page pagerduty/PagerDuty: #1 triggered, paging Ana Example
        10:00 declared pagerduty/PagerDuty: Declared Checkout errors as SEV3
        10:00 channel firebell/Firebell: Opened #inc-1-checkout-errors
        10:00 acknowledged pagerduty/Ben Example: Acknowledged #1 in PagerDuty
        ");
        assert_reads!(stage.room("inc-1"), @"
        10:00 firebell: :rotating_light: SEV3 incident declared
        Title: Checkout errors
        PagerDuty: #1
        IC: none yet: press Take command on the pinned summary, or type /incident role ic @name
        Status: Investigating
        10:00 firebell: :eyes: @ben acknowledged #1 in PagerDuty.
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_is_over_opens_nothing_and_what_comes_back_does(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let pd = stage.world.pagerduty.clone();
        let id = pd.trigger("PSVC001", "A blip", "high");
        stage.clock.advance(Duration::from_secs(5));
        pd.resolve(&id, None);
        let webhooks = pd.take_webhooks();
        for webhook in webhooks.iter().rev() {
            stage.post(webhook).await;
            stage.settle().await;
        }
        assert_eq!(stage.rooms(), Vec::<String>::new());
        stage.clock.advance(Duration::from_secs(5));
        pd.reopen(&id, "PBEN001");
        stage.settle().await;
        assert_eq!(stage.rooms(), ["inc-1-a-blip"]);
        assert_reads!(stage.timeline(1).await, @"
        10:00 declared pagerduty/PagerDuty: Declared A blip as SEV3
        10:00 channel firebell/Firebell: Opened #inc-1-a-blip
        10:00 page pagerduty/Ben Example: Reopened #1 in PagerDuty, which pages Ana Example
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn services_say_what_opens_a_channel(db: Db, clock: Clock) {
        let stage = Stage::set_with(db, clock, AUTO_OPEN).await;
        let pd = stage.world.pagerduty.clone();
        pd.add_service("PALL001", "all", "PEP0001", None);
        pd.add_service("PNEVER1", "never", "PEP0001", None);
        pd.add_service("PSTRANG", "nobody's", "PEP0001", None);
        for service in ["PALL001", "PNEVER1", "PSTRANG", "PSVC001"] {
            for urgency in ["high", "low"] {
                let id = pd.trigger(service, &format!("{urgency} on {service}"), urgency);
                pd.annotate(&id, "PANA001", "a note");
                pd.set_priority(&id, "PANA001", Some("P3"));
                pd.acknowledge(&id, "PANA001");
                stage.settle().await;
                stage.clock.advance(Duration::from_secs(61));
            }
        }
        assert_eq!(stage.rooms(), ["inc-1-high-on-pall001", "inc-2-low-on-pall001", "inc-3-high-on-psvc001"]);
        stage.end().await;
    }
);

const AUTO_OPEN: &str = r#"
[[service]]
name = "all"
pagerduty_service = "PALL001"
auto_open = "all"
[[service]]
name = "never"
pagerduty_service = "PNEVER1"
auto_open = "never"
"#;

on_both_engines!(
    async fn severity_comes_from_priority_or_urgency(db: Db, clock: Clock) {
        let stage = Stage::set_with(db, clock, AUTO_OPEN).await;
        let pd = stage.world.pagerduty.clone();
        pd.add_service("PALL001", "all", "PEP0001", None);
        pd.add_service("PNEVER1", "never", "PEP0001", None);
        for (title, urgency, priority) in [
            ("one", "high", Some("P1")),
            ("two", "high", None),
            ("three", "low", None),
            ("four", "low", Some("P2")),
        ] {
            let id = pd.trigger("PALL001", title, urgency);
            let mut webhook = pd.take_webhooks().pop().expect("the event");
            if let Some(priority) = priority {
                // It was given one when it was made.
                let mut body: serde_json::Value = serde_json::from_slice(&webhook.body).expect("JSON");
                body["event"]["data"]["priority"] =
                    serde_json::json!({"id": "PX", "type": "priority_reference", "summary": priority});
                webhook.body = body.to_string().into_bytes();
                pd.set_priority(&id, "PANA001", Some(priority));
                pd.take_webhooks();
            }
            assert_eq!(stage.post_body(webhook.body).await, 202);
            stage.settle().await;
            stage.clock.advance(Duration::from_secs(61));
        }
        assert_reads!(stage.slash("U0ANA", "/incident list").await, @"
        *Open incidents*
        • *INC-4* SEV2 four · Investigating for 1m · <#C0000006>
        • *INC-3* SEV4 three · Investigating for 2m · <#C0000005>
        • *INC-2* SEV3 two · Investigating for 3m · <#C0000004>
        • *INC-1* SEV1 one · Investigating for 4m · <#C0000003>
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_storm_opens_a_few_channels_and_tells_of_the_rest_in_one_message(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let pd = stage.world.pagerduty.clone();
        let ids: Vec<String> =
            (1..=8).map(|n| pd.trigger("PSVC001", &format!("alarm {n}"), "high")).collect();
        stage.settle().await;
        assert_eq!(stage.rooms(), ["inc-1-alarm-1", "inc-2-alarm-2", "inc-3-alarm-3"]);
        // Things go on while the digest is gathered.
        pd.resolve(&ids[7], None);
        pd.set_priority(&ids[6], "PANA001", Some("P1"));
        pd.escalate(&ids[6]);
        stage.wait(Duration::from_secs(40)).await;
        assert_eq!(stage.rooms().len(), 3);
        let announced = stage.world.slack.transcript("incidents");
        assert_reads!(announced.split("\n\n").last().expect("the digest"), @"
        10:00 firebell: :pager: 4 more PagerDuty incidents arrived; no channels were opened for them.
        #4 alarm 4
        [Open]
        #5 alarm 5
        [Open]
        #6 alarm 6
        [Open]
        #7 alarm 7
        [Open]
        ");
        // The newest button belongs to alarm 7, which is P1 meanwhile and pages Ben.
        stage.click("U0CHO", "incidents", "Open").await;
        stage.settle().await;
        assert_eq!(stage.rooms().len(), 4);
        assert_eq!(stage.members("inc-4"), "U0ANA U0BEN U0DEE");
        assert_reads!(stage.room("inc-4"), @"
        10:00 firebell: :rotating_light: SEV1 incident declared
        Title: alarm 7
        PagerDuty: #7
        IC: none yet: press Take command on the pinned summary, or type /incident role ic @name
        Status: Investigating
        10:00 firebell: :pager: #7 is paging @ben.
        ");
        assert_reads!(stage.timeline(4).await, @"
        10:00 page pagerduty/PagerDuty: #7 triggered, paging Ben Example
        10:00 declared pagerduty/PagerDuty: Declared alarm 7 as SEV1
        10:00 channel firebell/Firebell: Opened #inc-4-alarm-7
        ");
        // Again, too late, and for what is over: a friendly no.
        stage.minute().await;
        stage.answer_to_click("U0DEE", "incidents", "Open").await;
        for of in [ids[7].as_str(), "QNOSUCH"] {
            let before = stage.whispers("U0DEE");
            stage.press_action("U0DEE", "incidents", "incident.open_held", of).await;
            stage.newest_whisper("U0DEE", &before).await;
        }
        stage.settle().await;
        assert_reads!(stage.world.slack.ephemeral_transcript("U0CHO"), @"10:00 #incidents (only you): Opening INC-4 alarm 7.");
        assert_reads!(stage.world.slack.ephemeral_transcript("U0DEE"), @"
        10:01 #incidents (only you): It is INC-4 alarm 7 already, in #inc-4-alarm-7.

        10:01 #incidents (only you): PagerDuty has resolved it meanwhile.

        10:01 #incidents (only you): There is no such incident, or that button is out of date. The pinned summary shows what can be done now.
        ");
        assert_eq!(stage.rooms().len(), 4);
        // A minute later there is room for new ones; the digest is not repeated.
        pd.trigger("PSVC001", "alarm 9", "high");
        stage.minute().await;
        assert_eq!(stage.rooms().len(), 5);
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_began_long_before_we_heard_of_it_is_offered_and_not_opened(db: Db, clock: Clock) {
        let world = World::start(clock.clone()).await.expect("the world starts");
        world.pagerduty.trigger("PSVC001", "a week old", "high");
        clock.advance(Duration::from_secs(7 * 24 * 3600));
        world.pagerduty.trigger("PSVC001", "a minute old", "high");
        world.pagerduty.take_webhooks(); // nobody was there to hear them
        clock.advance(Duration::from_secs(60));
        let stage = Stage::on(world, db, clock, "").await;
        stage.settle().await;
        assert_eq!(stage.rooms(), ["inc-1-a-minute-old"]);
        stage.minute().await;
        let announced = stage.world.slack.transcript("incidents");
        assert_reads!(announced.split("\n\n").last().expect("the digest"), @"
        10:01 firebell: :pager: 1 more PagerDuty incident arrived; no channels were opened for them.
        #1 a week old
        [Open]
        ");
        stage.click("U0CHO", "incidents", "Open").await;
        stage.settle().await;
        assert_eq!(stage.rooms(), ["inc-1-a-minute-old", "inc-2-a-week-old"]);
        stage.end().await;
    }
);
