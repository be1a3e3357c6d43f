//! What people and time do in PagerDuty, as it reaches the room, the timeline and the state of ours.

use std::time::Duration;

use firebell::on_both_engines;
use insta::assert_snapshot;

use crate::stage::Stage;

impl Stage {
    /// Everything that is due, a minute later.
    pub async fn minute(&self) {
        self.wait(Duration::from_secs(60)).await;
    }

    /// Ana declares payments-down as sev1; the room is ready and PagerDuty's incident is #1. Its id.
    pub async fn declared(&self) -> String {
        self.slash("U0ANA", "/incident declare payments-down sev1").await;
        self.settle().await;
        self.world.pagerduty.incidents()[0].id.clone()
    }
}

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
        assert_snapshot!(stage.room("inc-1"), @"
        10:00 firebell: :rotating_light: SEV1 incident declared
        Title: payments-down
        PagerDuty: #1
        IC: none yet: press Take command, or role ic @somebody
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
        10:10 firebell: :white_check_mark: Resolved by Dee Example after 10m. Thank you all; follow up in the timeline.
        10:10 firebell: :memo: Resolution Note: The rollback helped — @dee in PagerDuty
        ");
        assert_snapshot!(stage.timeline(1).await, @"
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
        assert_snapshot!(stage.members("inc-1"), @"U0ANA U0BEN U0CHO U0DEE U0EVE");
        assert_snapshot!(stage.summary("inc-1"), @"
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
    async fn whoever_is_paged_sees_why_in_private_rooms_too(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let pd = stage.world.pagerduty.clone();
        stage.slash("U0DEE", "/incident declare breach sev1 --private").await;
        stage.settle().await;
        assert_snapshot!(stage.members("inc-1"), @"U0ANA U0DEE");
        let id = pd.incidents()[0].id.clone();
        pd.escalate(&id);
        stage.settle().await;
        pd.add_responder(&id, "PBEN001", "PCHO001", "");
        stage.settle().await;
        pd.acknowledge(&id, "PEVE001");
        stage.settle().await;
        assert_snapshot!(stage.members("inc-1"), @"U0ANA U0BEN U0CHO U0DEE U0EVE");
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
        stage.post_body(stage.as_event(&reassigned, "01ANOTHEREVENT")).await;
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
        assert_snapshot!(stage.room("inc-1"), @"
        10:00 firebell: :rotating_light: SEV1 incident declared
        Title: payments-down
        PagerDuty: #1
        IC: none yet: press Take command, or role ic @somebody
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
        assert_snapshot!(stage.members("inc-1"), @"U0ANA U0DEE U0YAN");
        assert_snapshot!(stage.summary("inc-1"), @"
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
        assert_snapshot!(stage.timeline(1).await, @"
        10:00 declared slack/Ana Example: Declared payments-down as SEV1
        10:00 channel firebell/Firebell: Opened #inc-1-payments-down
        10:00 page firebell/Firebell: Opened PagerDuty incident #1
        10:00 page pagerduty/Firebell: #1 triggered, paging Ana Example
        10:00 acknowledged slack/Ben Example: Acknowledged
        10:01 severity slack/Ben Example: SEV1 → SEV4
        10:02 note slack/Ben Example: the disk is full
        10:03 resolved slack/Ben Example: Resolved: deleted old logs
        ");
        assert_snapshot!(stage.room("inc-1"), @"
        10:00 firebell: :rotating_light: SEV1 incident declared
        Title: payments-down
        PagerDuty: #1
        IC: none yet: press Take command, or role ic @somebody
        Status: Investigating
        10:00 firebell: :pager: #1 is paging @ana.
        10:00 firebell: :eyes: @ben acknowledged.
        10:01 firebell: :large_yellow_circle: SEV1 → SEV4 by Ben Example. Needs work, but hardly a customer is affected.
        10:02 firebell: :memo: Note: the disk is full — Ben Example
        10:03 firebell: :white_check_mark: Resolved by Ben Example after 3m. Thank you all; follow up in the timeline.
        deleted old logs
        ");
        assert!(stage.summary("inc-1").contains("#1 resolved"), "{}", stage.summary("inc-1"));
        assert_snapshot!(stage.in_pagerduty(), @"
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
    async fn a_person_who_resolves_the_primary_resolves_ours(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let pd = stage.world.pagerduty.clone();
        let id = stage.declared().await;
        stage.minute().await;
        pd.resolve(&id, Some("PBEN001"));
        let resolved = pd.take_webhooks();
        // PagerDuty could not reach us for a while.
        stage.wait(Duration::from_secs(200)).await;
        for webhook in &resolved {
            stage.post(webhook).await;
        }
        let (calls, pages) = (stage.calls("PUT /incidents/{id}"), pd.pages().len());
        stage.settle().await;
        assert_eq!(stage.status(1).await, "resolved");
        assert_eq!(stage.calls("PUT /incidents/{id}"), calls, "it is resolved there already");
        assert_eq!((pd.webhooks().len(), pd.pages().len()), (0, pages));
        assert_snapshot!(stage.timeline(1).await, @"
        10:00 declared slack/Ana Example: Declared payments-down as SEV1
        10:00 channel firebell/Firebell: Opened #inc-1-payments-down
        10:00 page firebell/Firebell: Opened PagerDuty incident #1
        10:00 page pagerduty/Firebell: #1 triggered, paging Ana Example
        10:01 page pagerduty/Ben Example: Resolved #1 in PagerDuty
        10:01 resolved pagerduty/Ben Example: Resolved
        ");
        assert_snapshot!(stage.room("inc-1"), @"
        10:00 firebell: :rotating_light: SEV1 incident declared
        Title: payments-down
        PagerDuty: #1
        IC: none yet: press Take command, or role ic @somebody
        Status: Investigating
        10:00 firebell: :pager: #1 is paging @ana.
        10:04 firebell: :white_check_mark: Resolved by Ben Example after 1m. Thank you all; follow up in the timeline.
        ");
        stage.end().await;
    }
);

const RESOLVES_ALWAYS: &str = "[incidents]\nauto_resolve = \"always\"\n";
const RESOLVES_NEVER: &str = "[incidents]\nauto_resolve = \"never\"\n";

on_both_engines!(
    async fn an_automatic_resolve_asks(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let pd = stage.world.pagerduty.clone();
        let id = stage.declared().await;
        stage.minute().await;
        pd.resolve(&id, None);
        stage.settle().await;
        assert_eq!(stage.status(1).await, "investigating");
        let name = stage.rooms()[0].clone();
        stage.click("U0BEN", &name, "Keep open").await;
        stage.minute().await;
        assert_eq!(stage.status(1).await, "investigating");
        // It begins again, and ends by itself again.
        pd.reopen(&id, "PANA001");
        stage.minute().await;
        pd.resolve(&id, None);
        stage.minute().await;
        let puts = stage.calls("PUT /incidents/{id}");
        stage.click("U0DEE", &name, "Resolve").await;
        stage.settle().await;
        assert_eq!(stage.status(1).await, "resolved");
        assert_eq!(stage.calls("PUT /incidents/{id}"), puts);
        assert_snapshot!(stage.timeline(1).await, @"
        10:00 declared slack/Ana Example: Declared payments-down as SEV1
        10:00 channel firebell/Firebell: Opened #inc-1-payments-down
        10:00 page firebell/Firebell: Opened PagerDuty incident #1
        10:00 page pagerduty/Firebell: #1 triggered, paging Ana Example
        10:01 page pagerduty/PagerDuty: Resolved #1 in PagerDuty
        10:02 page pagerduty/Ana Example: Reopened #1 in PagerDuty, which pages Ana Example
        10:03 page pagerduty/PagerDuty: Resolved #1 in PagerDuty
        10:04 resolved slack/Dee Example: Resolved
        ");
        assert_snapshot!(stage.room("inc-1"), @"
        10:00 firebell: :rotating_light: SEV1 incident declared
        Title: payments-down
        PagerDuty: #1
        IC: none yet: press Take command, or role ic @somebody
        Status: Investigating
        10:00 firebell: :pager: #1 is paging @ana.
        10:01 firebell: :ballot_box_with_check: PagerDuty resolved #1 by itself. Is INC-1 over?
        [Resolve] [Keep open]
        10:02 firebell: :repeat: @ana reopened #1 in PagerDuty, which pages @ana.
        10:03 firebell: :ballot_box_with_check: PagerDuty resolved #1 by itself. Is INC-1 over?
        [Resolve] [Keep open]
        10:04 firebell: :white_check_mark: Resolved by Dee Example after 4m. Thank you all; follow up in the timeline.
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn an_automatic_resolve_resolves_where_that_is_wished(db: Db, clock: Clock) {
        let stage = Stage::set_with(db, clock, RESOLVES_ALWAYS).await;
        let id = stage.declared().await;
        stage.minute().await;
        stage.world.pagerduty.resolve(&id, None);
        stage.settle().await;
        assert_eq!(stage.status(1).await, "resolved");
        assert!(
            stage.room("inc-1").ends_with("Thank you all; follow up in the timeline."),
            "{}",
            stage.room("inc-1")
        );
        assert!(stage.timeline(1).await.ends_with("10:01 resolved pagerduty/PagerDuty: Resolved"));
        stage.end().await;
    }
);

on_both_engines!(
    async fn an_automatic_resolve_is_only_told_where_that_is_wished(db: Db, clock: Clock) {
        let stage = Stage::set_with(db, clock, RESOLVES_NEVER).await;
        let id = stage.declared().await;
        stage.minute().await;
        stage.world.pagerduty.resolve(&id, None);
        stage.settle().await;
        assert_eq!(stage.status(1).await, "investigating");
        let last = stage.room("inc-1").lines().last().expect("a line").to_owned();
        assert_snapshot!(last, @"10:01 firebell: :ballot_box_with_check: PagerDuty resolved #1 by itself. INC-1 stays open.");
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
        assert_snapshot!(stage.timeline(1).await, @"
        10:00 declared slack/Ana Example: Declared payments-down as SEV1
        10:00 channel firebell/Firebell: Opened #inc-1-payments-down
        10:00 page firebell/Firebell: Opened PagerDuty incident #1
        10:00 page pagerduty/Firebell: #1 triggered, paging Ana Example
        10:00 resolved slack/Ana Example: Resolved
        10:01 page pagerduty/Cho Example: Reopened #1 in PagerDuty, which pages Ana Example
        10:02 escalated pagerduty/PagerDuty: Escalated #1 to Ben Example
        ");
        assert_snapshot!(stage.room("inc-1"), @"
        10:00 firebell: :rotating_light: SEV1 incident declared
        Title: payments-down
        PagerDuty: #1
        IC: none yet: press Take command, or role ic @somebody
        Status: Investigating
        10:00 firebell: :pager: #1 is paging @ana.
        10:00 firebell: :white_check_mark: Resolved by Ana Example after 0s. Thank you all; follow up in the timeline.
        10:01 firebell: :repeat: @cho reopened #1 in PagerDuty, which pages @ana.
        10:01 firebell: :question: INC-1 is resolved here. If it is back, reopen it.
        [Reopen]
        10:02 firebell: :arrow_up: PagerDuty escalated #1 to @ben.
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn an_incident_has_one_primary_and_may_have_others(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let pd = stage.world.pagerduty.clone();
        pd.add_service("PSVC003", "database", "PEP0002", None); // not one of ours
        let primary = stage.declared().await;
        stage.minute().await;
        let other = pd.trigger("PSVC003", "database is slow", "high");
        pd.merge(&pd.trigger("PSVC003", "disk is full", "low"), &primary, "PBEN001");
        stage.minute().await;
        // A page that nobody merged is none of ours.
        pd.acknowledge(&other, "PCHO001");
        stage.minute().await;
        assert_snapshot!(stage.summary("inc-1"), @"
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
        #1 triggered, #3 resolved
        Declared
        @ana, 2026-11-21 10:00 UTC
        [Acknowledge] [Take command] [Post update] [Mitigated] [Resolve]
        ");
        // The swallowed one comes back to life: it is still ours, and its end tells, but does not end ours.
        let swallowed = pd.incidents()[2].id.clone();
        pd.reopen(&swallowed, "PBEN001");
        stage.minute().await;
        pd.resolve(&swallowed, Some("PCHO001"));
        stage.minute().await;
        assert_eq!(stage.status(1).await, "investigating");
        pd.reopen(&swallowed, "PBEN001");
        stage.minute().await;
        // Ours ends: so do all of its pages, each once, and no other.
        let puts = stage.calls("PUT /incidents/{id}");
        stage.slash_in("U0ANA", &stage.room_id("inc-1"), "/incident cancel not ours").await;
        stage.minute().await;
        assert_eq!(stage.calls("PUT /incidents/{id}"), puts + 2);
        assert!(pd.incident(&other).expect("there").status == "acknowledged");
        assert!(pd.incident(&primary).expect("there").status == "resolved");
        assert!(pd.incident(&swallowed).expect("there").status == "resolved");
        assert_snapshot!(stage.timeline(1).await, @"
        10:00 declared slack/Ana Example: Declared payments-down as SEV1
        10:00 channel firebell/Firebell: Opened #inc-1-payments-down
        10:00 page firebell/Firebell: Opened PagerDuty incident #1
        10:00 page pagerduty/Firebell: #1 triggered, paging Ana Example
        10:01 linked pagerduty/Ben Example: Merged #3 into #1
        10:03 page pagerduty/Ben Example: Reopened #3 in PagerDuty, which pages Cho Example
        10:04 page pagerduty/Cho Example: Resolved #3 in PagerDuty
        10:05 page pagerduty/Ben Example: Reopened #3 in PagerDuty, which pages Cho Example
        10:06 cancelled slack/Ana Example: Cancelled: not ours
        ");
        assert_snapshot!(stage.room("inc-1"), @"
        10:00 firebell: :rotating_light: SEV1 incident declared
        Title: payments-down
        PagerDuty: #1
        IC: none yet: press Take command, or role ic @somebody
        Status: Investigating
        10:00 firebell: :pager: #1 is paging @ana.
        10:01 firebell: :twisted_rightwards_arrows: @ben merged #3 into #1 in PagerDuty.
        10:03 firebell: :repeat: @ben reopened #3 in PagerDuty, which pages @cho.
        10:04 firebell: :ballot_box_with_check: @cho resolved #3 in PagerDuty.
        10:05 firebell: :repeat: @ben reopened #3 in PagerDuty, which pages @cho.
        10:06 firebell: :no_entry_sign: Cancelled by Ana Example.
        not ours
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_primary_merged_into_a_strangers_page_takes_the_link_along(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let pd = stage.world.pagerduty.clone();
        pd.add_service("PSVC003", "database", "PEP0002", None); // not one of ours
        let primary = stage.declared().await;
        stage.minute().await;
        let stranger = pd.trigger("PSVC003", "database is slow", "high");
        pd.acknowledge(&stranger, "PCHO001");
        pd.merge(&primary, &stranger, "PBEN001");
        stage.minute().await;
        assert_eq!(stage.status(1).await, "investigating");
        assert_snapshot!(stage.summary("inc-1"), @"
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
        #2 acknowledged, #1 resolved
        Declared
        @ana, 2026-11-21 10:00 UTC
        [Take command] [Post update] [Mitigated] [Resolve]
        ");
        assert_snapshot!(stage.members("inc-1"), @"U0ANA U0CHO U0DEE");
        // It is the primary now: a note there leads to the room, what happens there is told, and its end is ours.
        pd.resolve(&stranger, Some("PCHO001"));
        stage.minute().await;
        assert_eq!(stage.status(1).await, "resolved");
        assert_snapshot!(stage.timeline(1).await, @"
        10:00 declared slack/Ana Example: Declared payments-down as SEV1
        10:00 channel firebell/Firebell: Opened #inc-1-payments-down
        10:00 page firebell/Firebell: Opened PagerDuty incident #1
        10:00 page pagerduty/Firebell: #1 triggered, paging Ana Example
        10:01 linked pagerduty/Ben Example: Merged #1 into database is slow
        10:01 page pagerduty/PagerDuty: #2 triggered, paging Cho Example
        10:01 acknowledged pagerduty/Cho Example: Acknowledged #2 in PagerDuty
        10:02 page pagerduty/Cho Example: Resolved #2 in PagerDuty
        10:02 resolved pagerduty/Cho Example: Resolved
        ");
        assert_snapshot!(stage.room("inc-1"), @"
        10:00 firebell: :rotating_light: SEV1 incident declared
        Title: payments-down
        PagerDuty: #1
        IC: none yet: press Take command, or role ic @somebody
        Status: Investigating
        10:00 firebell: :pager: #1 is paging @ana.
        10:01 firebell: :twisted_rightwards_arrows: @ben merged #1 into database is slow in PagerDuty.
        10:01 firebell: :pager: #2 is paging @cho.
        10:01 firebell: :eyes: @cho acknowledged #2 in PagerDuty.
        10:02 firebell: :white_check_mark: Resolved by Cho Example after 2m. Thank you all; follow up in the timeline.
        ");
        assert_snapshot!(stage.in_pagerduty(), @"
        10:00 Firebell triggered #1 INC-1 payments-down
        10:00 PagerDuty notified Ana Example of #1 INC-1 payments-down
        10:00 Firebell noted on #1 INC-1 payments-down: INC-1 is worked on in Slack: #inc-1-payments-down
        10:01 PagerDuty triggered #2 database is slow
        10:01 PagerDuty notified Cho Example of #2 database is slow
        10:01 Cho Example acknowledged #2 database is slow
        10:01 Ben Example merged #1 INC-1 payments-down into #2 database is slow
        10:01 Ben Example resolved #1 INC-1 payments-down
        10:01 Firebell noted on #2 database is slow: INC-1 is worked on in Slack: #inc-1-payments-down
        10:02 Cho Example resolved #2 database is slow
        ");
        assert_snapshot!(stage.bookmarks("inc-1"), @r#"
        Bookmark { id: "Bk0000001", title: "PagerDuty incident", link: "https://acme.pagerduty.com/incidents/Q1NG2TX0000001", emoji: "" }
        Bookmark { id: "Bk0000002", title: "PagerDuty incident", link: "https://acme.pagerduty.com/incidents/Q1NG2TX0000002", emoji: "" }
        "#);
        stage.end().await;
    }
);

on_both_engines!(
    async fn pages_of_two_incidents_that_are_merged_leave_the_end_to_people(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let pd = stage.world.pagerduty.clone();
        let first = stage.declared().await;
        stage.slash("U0CHO", "/incident declare search-down sev2 --service search").await;
        stage.settle().await;
        let second = pd.incidents()[1].id.clone();
        stage.minute().await;
        pd.merge(&first, &second, "PBEN001");
        stage.minute().await;
        assert_eq!(
            (stage.status(1).await, stage.status(2).await),
            ("investigating".into(), "investigating".into())
        );
        assert_snapshot!(stage.room("inc-1"), @"
        10:00 firebell: :rotating_light: SEV1 incident declared
        Title: payments-down
        PagerDuty: #1
        IC: none yet: press Take command, or role ic @somebody
        Status: Investigating
        10:00 firebell: :pager: #1 is paging @ana.
        10:01 firebell: :twisted_rightwards_arrows: @ben merged #1 into #2 in PagerDuty.
        10:01 firebell: :twisted_rightwards_arrows: PagerDuty incident #1 was merged into that of INC-2. Is INC-1 over?
        [Resolve] [Keep open]
        ");
        assert_snapshot!(stage.room("inc-2"), @"
        10:00 firebell: :rotating_light: SEV2 incident declared
        Title: search-down
        PagerDuty: #2
        IC: none yet: press Take command, or role ic @somebody
        Status: Investigating
        10:00 firebell: :pager: #2 is paging @cho.
        10:01 firebell: :twisted_rightwards_arrows: PagerDuty incident #1 of INC-1 was merged into ours.
        ");
        assert_snapshot!(stage.timeline(2).await, @"
        10:00 declared slack/Cho Example: Declared search-down as SEV2
        10:00 channel firebell/Firebell: Opened #inc-2-search-down
        10:00 page firebell/Firebell: Opened PagerDuty incident #2
        10:00 page pagerduty/Firebell: #2 triggered, paging Cho Example
        10:01 linked pagerduty/Firebell: PagerDuty incident #1 of INC-1 was merged into ours
        ");
        let name = stage.rooms()[0].clone();
        stage.click("U0ANA", &name, "Resolve").await;
        stage.minute().await;
        assert_eq!(
            (stage.status(1).await, stage.status(2).await),
            ("resolved".into(), "investigating".into())
        );
        assert!(pd.incident(&second).expect("there").status == "triggered");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_private_incident_is_not_named_in_the_room_of_another(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let pd = stage.world.pagerduty.clone();
        stage.slash("U0DEE", "/incident declare breach sev1 --private").await;
        stage.slash("U0CHO", "/incident declare search-down sev2 --service search").await;
        stage.settle().await;
        let of =
            |title: &str| pd.incidents().into_iter().find(|i| i.title.contains(title)).expect("paged").id;
        let (private, public) = (of("private"), of("search"));
        pd.merge(&private, &public, "PDEE001");
        stage.minute().await;
        let public_room =
            stage.room(&stage.rooms().into_iter().find(|r| r.contains("search")).expect("open"));
        assert!(!public_room.contains("INC-1"), "{public_room}");
        let private_room =
            stage.room(&stage.rooms().into_iter().find(|r| r.contains("breach")).expect("open"));
        assert!(private_room.contains("merged into that of INC-2. Is INC-1 over?"), "{private_room}");
        stage.end().await;
    }
);
