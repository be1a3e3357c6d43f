//! Being paged and not seeing why is the oldest complaint: who is brought into the room, and who is named.

use firebell::on_both_engines;

use serde_json::{Value, json};

use crate::stage::Stage;

on_both_engines!(
    async fn whoever_is_paged_sees_why_in_private_rooms_too(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let pd = stage.world.pagerduty.clone();
        stage.slash("U0DEE", "/incident declare breach sev1 --private").await;
        stage.settle().await;
        assert_reads!(stage.members("inc-1"), @"U0ANA U0DEE");
        let id = pd.incidents()[0].id.clone();
        pd.escalate(&id);
        stage.settle().await;
        pd.add_responder(&id, "PBEN001", "PCHO001", "");
        stage.settle().await;
        pd.acknowledge(&id, "PEVE001");
        stage.settle().await;
        assert_reads!(stage.members("inc-1"), @"U0ANA U0BEN U0CHO U0DEE U0EVE");
        // Members of the room are those who may see the incident.
        let seen = stage.slash("U0EVE", "/incident status INC-1").await;
        assert!(seen.contains("breach"), "{seen}");
        stage.end().await;
    }
);

on_both_engines!(
    async fn who_left_is_left_alone_until_paged_anew(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let pd = stage.world.pagerduty.clone();
        let id = stage.declared().await;
        pd.escalate(&id);
        stage.minute().await;
        assert_eq!(stage.members("inc-1"), "U0ANA U0BEN U0DEE");
        stage.leaves("inc-1", "U0BEN").await;
        stage.leaves("inc-1", "U0ANA").await;
        // Ben is still assigned, but none of these pages him.
        pd.set_priority(&id, "PCHO001", Some("P1"));
        pd.annotate(&id, "PCHO001", "looking");
        pd.acknowledge(&id, "PCHO001");
        stage.minute().await;
        assert_eq!(stage.members("inc-1"), "U0CHO U0DEE");
        // The acknowledgement runs out: PagerDuty rings Ben again. Nobody rings Ana.
        pd.unacknowledge(&id);
        stage.minute().await;
        assert_eq!(stage.members("inc-1"), "U0BEN U0CHO U0DEE");
        pd.reassign(&id, "PCHO001", &["PANA001"]);
        let reassigned = pd.take_webhooks().pop().expect("the event");
        stage.post(&reassigned).await;
        stage.minute().await;
        assert_eq!(stage.members("inc-1"), "U0ANA U0BEN U0CHO U0DEE");
        // The same event as another attempt, and as another subscription's event, is no new page.
        stage.leaves("inc-1", "U0ANA").await;
        stage.post_as(&reassigned, "another-attempt", "PWHSUB1").await;
        stage.post_body(Stage::as_event(&reassigned, "01ANOTHEREVENT")).await;
        stage.minute().await;
        assert_eq!(stage.members("inc-1"), "U0BEN U0CHO U0DEE");
        assert_eq!(stage.timeline(1).await.matches("Reassigned").count(), 1);
        stage.end().await;
    }
);

on_both_engines!(
    async fn who_is_not_in_slack_is_named_so_that_somebody_can_tell_them(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let (pd, slack) = (stage.world.pagerduty.clone(), stage.world.slack.clone());
        // Zoe has no Slack account, Yan joined both today, Xia is a guest, Wim has left the company's Slack.
        for (id, name, email) in [
            ("PZOE001", "Zoe <Example>", "zoe@example.com"),
            ("PYAN001", "Yan Example", "Yan@Example.com"),
            ("PXIA001", "Xia Example", "xia@partner.example"),
            ("PWIM001", "Wim Example", "wim@example.com"),
        ] {
            pd.add_user(id, name, email, Some("+31 612345678"));
        }
        slack.add_user("U0YAN", "yan", "Yan Example", "yan@example.com");
        slack.add_user("U0XIA", "xia", "Xia Example", "xia@partner.example");
        slack.edit_user("U0XIA", |u| u.is_ultra_restricted = true);
        slack.add_user("U0WIM", "wim", "Wim Example", "wim@example.com");
        slack.edit_user("U0WIM", |u| u.deleted = true);
        let id = stage.declared().await;
        pd.reassign(&id, "PANA001", &["PYAN001", "PXIA001"]);
        stage.settle().await;
        // They are named once, however often they are paged.
        for _ in 0..2 {
            stage.minute().await;
            pd.reassign(&id, "PANA001", &["PZOE001", "PWIM001"]);
            stage.settle().await;
        }
        assert_reads!(stage.room("inc-1"), @"
        10:00 firebell: :rotating_light: SEV1 incident declared
        Title: payments-down
        PagerDuty: being paged …
        IC: none yet: press Take command on the pinned summary, or type /incident role ic @name
        Status: Investigating
        10:00 firebell: :pager: #1 is paging @ana.
        10:00 firebell: :arrow_right: @ana reassigned #1 to Yan Example, Xia Example.
        10:00 firebell: :information_source: Could not invite:
        • Xia Example — a guest, who cannot be in this channel
        10:01 firebell: :arrow_right: @ana reassigned #1 to Zoe <Example>, Wim Example.
        10:01 firebell: :bust_in_silhouette: PagerDuty pages Zoe <Example>, who has no Slack account that I can find by e-mail. Somebody please tell them: +31 612345678
        10:01 firebell: :bust_in_silhouette: PagerDuty pages Wim Example, who has no Slack account that I can find by e-mail. Somebody please tell them: +31 612345678
        10:02 firebell: :arrow_right: @ana reassigned #1 to Zoe <Example>, Wim Example.
        ");
        assert_reads!(stage.members("inc-1"), @"U0ANA U0DEE U0YAN");
        assert_reads!(stage.summary_of("inc-1"), @"
        10:00 firebell [pinned]: INC-1 payments-down
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
        :information_source: Could not invite:
        • Xia Example — a guest, who cannot be in this channel
        • Wim Example ☎ +31 612345678 — paged by PagerDuty, and has no Slack account that I know
        • Zoe <Example> ☎ +31 612345678 — paged by PagerDuty, and has no Slack account that I know
        [Acknowledge] [Take command] [Post update] [Mitigated] [Resolve]
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_reopened_page_calls_people_back_into_a_closed_room(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let pd = stage.world.pagerduty.clone();
        let id = stage.declared().await;
        stage.slash_in("U0ANA", &stage.room_id("inc-1"), "/incident resolve").await;
        stage.minute().await;
        stage.leaves("inc-1", "U0ANA").await;
        pd.reopen(&id, "PCHO001");
        stage.minute().await;
        pd.escalate(&id);
        stage.minute().await;
        assert_eq!(stage.members("inc-1"), "U0ANA U0BEN U0DEE");
        assert_eq!(stage.status(1).await, "resolved");
        assert_reads!(stage.timeline(1).await, @"
        10:00 declared slack/Ana Example: Declared payments-down as SEV1
        10:00 channel firebell/Firebell: Opened #inc-1-payments-down
        10:00 page firebell/Firebell: Opened PagerDuty incident #1
        10:00 page pagerduty/Firebell: #1 triggered, paging Ana Example
        10:00 resolved slack/Ana Example: Resolved
        10:01 page pagerduty/Cho Example: Reopened #1 in PagerDuty, which pages Ana Example
        10:02 escalated pagerduty/PagerDuty: Escalated #1 to Ben Example
        ");
        assert_reads!(stage.room("inc-1"), @"
        10:00 firebell: :rotating_light: SEV1 incident declared
        Title: payments-down
        PagerDuty: being paged …
        IC: none yet: press Take command on the pinned summary, or type /incident role ic @name
        Status: Investigating
        10:00 firebell: :pager: #1 is paging @ana.
        10:00 firebell: :white_check_mark: Resolved by Ana Example after 0s. Thank you all. If it comes back, press Reopen on the pinned summary.
        10:01 firebell: :repeat: @cho reopened #1 in PagerDuty, which pages @ana.
        10:01 firebell: :question: INC-1 is resolved here. If it is back, reopen it.
        [Reopen]
        10:02 firebell: :arrow_up: PagerDuty escalated #1 to @ben.
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_policy_that_is_asked_and_a_note_that_was_cut_are_told_as_they_come(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let pd = stage.world.pagerduty.clone();
        let id = stage.declared().await;
        pd.add_responder(&id, "PANA001", "PBEN001", "Please <help>");
        pd.annotate(&id, "PANA001", "The first of many wor");
        for webhook in pd.take_webhooks() {
            let mut body: Value = serde_json::from_slice(&webhook.body).expect("JSON");
            let data = &mut body["event"]["data"];
            if data["type"] == "incident_responder" {
                data["user"] = Value::Null;
                data["escalation_policy"] =
                    json!({"id": "PEP0002", "summary": "Search", "type": "escalation_policy_reference"});
            } else {
                data["trimmed"] = json!(true);
            }
            assert_eq!(stage.post_body(body.to_string()).await, 202);
        }
        stage.settle().await;
        let room = stage.room("inc-1");
        let last: Vec<&str> = room.lines().rev().take(2).collect();
        assert_reads!(last.join("\n"), @"
        10:00 firebell: :memo: The first of many wor … (the rest in PagerDuty) — @ana in PagerDuty
        10:00 firebell: :heavy_plus_sign: @ana asked the on-call of Search to respond: Please <help>
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn only_a_yes_joins_and_only_a_no_declines(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let pd = stage.world.pagerduty.clone();
        let id = stage.declared().await;
        pd.add_responder(&id, "PANA001", "PBEN001", "Please join");
        stage.settle().await;
        pd.responder_replies(&id, "PBEN001", true);
        let replied: Value = serde_json::from_slice(&pd.take_webhooks()[0].body).expect("JSON");
        let states = ["pending", "user_cancelled", "weird", "accepted", "declined"].map(Value::from);
        for (n, state) in states.into_iter().chain([Value::Null]).enumerate() {
            let mut webhook = replied.clone();
            webhook["event"]["id"] = format!("REPLY{n}").into();
            webhook["event"]["occurred_at"] = format!("2026-11-21T10:00:0{n}.000Z").into();
            webhook["event"]["data"]["state"] = state;
            assert_eq!(stage.post_body(webhook.to_string()).await, 202);
            stage.settle().await;
        }
        let room = stage.room("inc-1");
        assert_reads!(&room[room.find("@ana asked").expect("asked")..], @"
        @ana asked @ben to respond: Please join
        10:00 firebell: :speech_balloon: @ben joins the response.
        10:00 firebell: :speech_balloon: @ben declined to respond.
        ");
        stage.end().await;
    }
);
