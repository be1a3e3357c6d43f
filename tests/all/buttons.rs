//! Buttons: on the pinned summary, under questions, and beside what failed.

use firebell::on_both_engines;
use firebell::sim::desk::Fault;

use crate::acts::{choice, form_answer, read_form, text, ticked};
use crate::stage::Stage;

const ROOM: &str = "inc-1-payments-down";

async fn declared(db: firebell::store::Db, clock: firebell::clock::Clock) -> Stage {
    let stage = Stage::set(db, clock).await;
    stage.typed("U0ANA", "/incident declare payments down sev1").await;
    stage
}

on_both_engines!(
    async fn an_incident_is_lived_through_by_pressing(db: Db, clock: Clock) {
        let stage = declared(db, clock).await;
        let summary_ts = stage.summary_ts(ROOM);
        let topics = |stage: &Stage| stage.world.desk.count("conversations.setTopic");
        let (posted, set) = (stage.world.desk.count("chat.postMessage"), topics(&stage));

        stage.press("U0BEN", ROOM, "Acknowledge").await;
        assert_eq!(topics(&stage), set, "the topic says nothing of acknowledging");
        stage.press("U0BEN", ROOM, "Take command").await;
        assert_eq!(topics(&stage), set + 1);
        assert_reads!(stage.summary(ROOM), @"
        10:00 firebell [pinned]: INC-1 payments down
        Severity
        :rotating_light: SEV1
        Status
        Investigating
        Incident commander
        @ben
        Service
        payments
        PagerDuty
        #1 acknowledged
        Declared
        @ana, 2026-11-21 10:00 UTC
        [Post update] [Mitigated] [Resolve]
        ");
        stage.click("U0BEN", ROOM, "Post update").await;
        assert_reads!(read_form(&stage.form()), @"
        [Update INC-1]
        Status: Investigating
        What is new?:
        [Post]
        ");
        let blank = stage.submit("U0BEN", &[("text", text("\n"))]).await;
        assert_reads!(form_answer(&blank), @r#"{"text":"Say what is new."}"#);
        let update = [("status", choice("identified")), ("text", text("the cache is full"))];
        assert_eq!(stage.submit("U0BEN", &update).await, "", "the form closes");
        stage.settle().await;
        stage.press("U0BEN", ROOM, "Mitigated").await;
        stage.press("U0BEN", ROOM, "Resolve").await;
        assert_reads!(stage.summary(ROOM), @"
        10:00 firebell [pinned]: INC-1 payments down
        Severity
        :rotating_light: SEV1
        Status
        Resolved after 0s
        Incident commander
        @ben
        Service
        payments
        PagerDuty
        #1 resolved
        Declared
        @ana, 2026-11-21 10:00 UTC
        Last update 2026-11-21 10:00 UTC
        the cache is full
        [Reopen]
        ");
        // One message, edited in place; and what was done was said once each.
        assert_eq!(stage.summary_ts(ROOM), summary_ts);
        assert_eq!(stage.world.desk.count("chat.postMessage") - posted, 5);
        assert_eq!(stage.whispers("U0BEN"), Vec::<String>::new(), "the room shows it; nobody is told twice");

        stage.pass(10).await;
        stage.click("U0CHO", ROOM, "Reopen").await;
        let reopen = [("text", text("errors are back")), ("switches", ticked(&["page"]))];
        assert_eq!(stage.submit("U0CHO", &reopen).await, "");
        stage.settle().await;
        assert_eq!(stage.world.pagerduty.incidents().len(), 2);
        assert_reads!(stage.summary(ROOM), @"
        10:00 firebell [pinned]: INC-1 payments down
        Severity
        :rotating_light: SEV1
        Status
        Investigating
        Incident commander
        @ben
        Service
        payments
        PagerDuty
        #2 triggered, #1 resolved
        Declared
        @ana, 2026-11-21 10:00 UTC
        Last update 2026-11-21 10:00 UTC
        the cache is full
        [Acknowledge] [Post update] [Mitigated] [Resolve]
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn resolving_asks_first(db: Db, clock: Clock) {
        let stage = declared(db, clock).await;
        let room = stage.world.slack.channel_named(ROOM).expect("the room");
        let blocks = &room.message(&stage.summary_ts(ROOM)).expect("the summary").blocks;
        let buttons = blocks.last().expect("the buttons")["elements"].as_array().expect("buttons").clone();
        let resolve = buttons.iter().find(|b| b["text"]["text"] == "Resolve").expect("Resolve");
        assert_reads!(serde_json::to_string(&resolve["confirm"]).expect("JSON"), @r#"{"confirm":{"emoji":true,"text":"Resolve","type":"plain_text"},"deny":{"emoji":true,"text":"Not yet","type":"plain_text"},"text":{"emoji":true,"text":"It is closed here and in PagerDuty. It can be reopened.","type":"plain_text"},"title":{"emoji":true,"text":"Resolve the incident?","type":"plain_text"}}"#);
        stage.end().await;
    }
);

on_both_engines!(
    async fn who_presses_in_vain_is_told_and_nothing_happens(db: Db, clock: Clock) {
        let stage = declared(db, clock).await;
        let ts = stage.summary_ts(ROOM);
        let id =
            stage.world.slack.channel_named(ROOM).expect("the room").message(&ts).expect("it").blocks.clone();
        let incident =
            id.last().expect("buttons")["elements"][0]["value"].as_str().expect("an id").to_owned();
        stage.press("U0BEN", ROOM, "Acknowledge").await;
        stage.press("U0BEN", ROOM, "Take command").await;
        stage.press("U0BEN", ROOM, "Mitigated").await;
        let before = stage.world.slack.transcript(ROOM);
        // Cho's client still shows the buttons of a moment ago.
        let mut answers = Vec::new();
        for action in
            ["acknowledge", "take_command", "mitigated", "severity", "retry", "nonsense", "reopen_form"]
        {
            let seen = stage.whispers("U0CHO");
            assert_eq!(stage.forge("U0CHO", ROOM, &ts, &format!("incident.{action}"), &incident).await, 200);
            answers.push(format!("{action} → {}", stage.newest_whisper("U0CHO", &seen).await));
        }
        for value in ["", "no id", "{}", "00000000-0000-0000-0000-000000000000", "{\"incident\":7}"] {
            let seen = stage.whispers("U0CHO");
            assert_eq!(stage.forge("U0CHO", ROOM, &ts, "incident.resolve", value).await, 200);
            answers.push(format!("{value} → {}", stage.newest_whisper("U0CHO", &seen).await));
        }
        stage.settle().await;
        assert_reads!(answers.join("\n"), @r#"
        acknowledge → INC-1 was acknowledged already.
        take_command → Ben Example is incident commander already. To take over, type `/incident role ic`.
        mitigated → INC-1 was mitigated already.
        severity → There is no such incident, or that button is out of date. The pinned summary shows what can be done now.
        retry → There is no such incident, or that button is out of date. The pinned summary shows what can be done now.
        nonsense → There is no such incident, or that button is out of date. The pinned summary shows what can be done now.
        reopen_form → INC-1 is open.
         → There is no such incident, or that button is out of date. The pinned summary shows what can be done now.
        no id → There is no such incident, or that button is out of date. The pinned summary shows what can be done now.
        {} → There is no such incident, or that button is out of date. The pinned summary shows what can be done now.
        00000000-0000-0000-0000-000000000000 → There is no such incident, or that button is out of date. The pinned summary shows what can be done now.
        {"incident":7} → There is no such incident, or that button is out of date. The pinned summary shows what can be done now.
        "#);
        assert_eq!(stage.world.slack.transcript(ROOM), before);
        stage.end().await;
    }
);

on_both_engines!(
    async fn two_people_who_take_command_at_once_do_not_both_get_it(db: Db, clock: Clock) {
        let stage = declared(db, clock).await;
        tokio::join!(stage.click("U0BEN", ROOM, "Take command"), stage.click("U0CHO", ROOM, "Take command"));
        stage.settle().await;
        let told = [stage.whispers("U0BEN"), stage.whispers("U0CHO")].concat().concat();
        assert!(
            told.contains("is incident commander already. To take over, type `/incident role ic`."),
            "{told}"
        );
        assert_eq!(stage.world.slack.transcript(ROOM).matches("is now incident commander").count(), 1);
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_failed_step_is_shown_and_retried(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.world.desk.next("bookmarks.add", Fault::Refuse { code: "restricted_action".into() });
        stage.typed("U0ANA", "/incident declare payments down sev1").await;
        assert_reads!(stage.summary(ROOM), @"
        10:00 firebell [pinned]: INC-1 payments down
        Severity
        :rotating_light: SEV1
        Status
        Investigating
        Incident commander
        none yet
        Service
        payments
        PagerDuty
        #1 triggered
        Declared
        @ana, 2026-11-21 10:00 UTC
        :x: Bookmark failed: Slack says no: a setting of the workspace forbids it (restricted_action)
        [Retry]
        [Acknowledge] [Take command] [Post update] [Mitigated] [Resolve]
        ");
        assert_reads!(stage.slash("U0BEN", "/incident status INC-1").await, @"
        *INC-1* SEV1 payments down · Investigating for 0s · <#C0000003>
        IC: none yet · PagerDuty: <https://acme.pagerduty.com/incidents/Q1NG2TX0000001|#1> triggered
        The next update is due in 20m.
        ");
        assert_eq!(stage.press_and_read("U0BEN", ROOM, "Retry").await, "Retrying: Bookmark.");
        assert!(!stage.summary(ROOM).contains("Retry"), "{}", stage.summary(ROOM));
        let room = stage.world.slack.channel_named(ROOM).expect("the room");
        assert_eq!(room.bookmarks.len(), 1);
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_room_that_cannot_be_opened_is_told_and_retried(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.world.desk.always("conversations.create", Fault::Refuse { code: "restricted_action".into() });
        stage.typed("U0ANA", "/incident declare payments down sev1").await;
        // Nobody waits for a room that does not come: the declarer is told, and PagerDuty has paged.
        assert_reads!(stage.world.slack.dm_transcript("U0ANA"), @"
        10:00 firebell: INC-1 payments down has no channel that I can write in, so I tell you here.
        :x: Slack channel failed: Slack says no: a setting of the workspace forbids it (restricted_action)
        [Retry]

        10:00 firebell: INC-1 payments down has no channel that I can write in, so I tell you here.
        :pager: #1 is paging @ana.
        ");
        assert_eq!(stage.world.pagerduty.pages().len(), 1);
        let answer = stage.slash("U0BEN", "/incident status INC-1").await;
        assert_reads!(answer, @"
        *INC-1* SEV1 payments down · Investigating for 0s
        IC: none yet · PagerDuty: <https://acme.pagerduty.com/incidents/Q1NG2TX0000001|#1> triggered
        The next update is due in 20m.
        ");
        assert_reads!(stage.world.slack.ephemeral_transcript("U0BEN"), @"
        10:00 #general (only you): INC-1 SEV1 payments down · Investigating for 0s
        IC: none yet · PagerDuty: #1 triggered
        The next update is due in 20m.
        :x: Slack channel failed: Slack says no: a setting of the workspace forbids it (restricted_action)
        [Retry]
        ");
        // Still refused: still failed.
        assert_eq!(stage.press_and_read("U0BEN", "general", "Retry").await, "Retrying: Slack channel.");
        assert!(stage.world.slack.channel_named(ROOM).is_none());
        stage.world.desk.heal("conversations.create");
        stage.slash("U0BEN", "/incident status INC-1").await;
        stage.press_and_read("U0BEN", "general", "Retry").await;
        assert_reads!(stage.summary(ROOM), @"
        10:00 firebell [pinned]: INC-1 payments down
        Severity
        :rotating_light: SEV1
        Status
        Investigating
        Incident commander
        none yet
        Service
        payments
        PagerDuty
        #1 triggered
        Declared
        @ana, 2026-11-21 10:00 UTC
        [Acknowledge] [Take command] [Post update] [Mitigated] [Resolve]
        ");
        assert_reads!(stage.slash("U0BEN", "/incident status INC-1").await, @"
        *INC-1* SEV1 payments down · Investigating for 0s · <#C0000003>
        IC: none yet · PagerDuty: <https://acme.pagerduty.com/incidents/Q1NG2TX0000001|#1> triggered
        The next update is due in 20m.
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_pagerduty_pages_again_is_acknowledged_again(db: Db, clock: Clock) {
        let stage = declared(db, clock).await;
        stage.press("U0BEN", ROOM, "Acknowledge").await;
        assert!(!stage.summary(ROOM).contains("[Acknowledge]"));
        let page = stage.world.pagerduty.incidents()[0].id.clone();
        stage.pass(30).await;
        stage.world.pagerduty.unacknowledge(&page);
        stage.settle().await;
        assert!(stage.summary(ROOM).contains("[Acknowledge]"), "{}", stage.summary(ROOM));
        // Two people at once: it is acknowledged once.
        tokio::join!(stage.click("U0BEN", ROOM, "Acknowledge"), stage.click("U0CHO", ROOM, "Acknowledge"));
        stage.settle().await;
        assert_eq!(
            stage.paragraphs(ROOM, "acknowledged.").len(),
            2,
            "{}",
            stage.world.slack.transcript(ROOM)
        );
        assert_eq!(stage.typed_in("U0DEE", ROOM, "/incident ack").await, "INC-1 was acknowledged already.");
        assert!(stage.summary(ROOM).contains("#1 acknowledged"));
        stage.end().await;
    }
);
