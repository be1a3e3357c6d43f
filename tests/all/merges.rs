//! An incident of ours and its several pages: one primary, others beside it, and merges in every direction.

use firebell::on_both_engines;

use crate::stage::Stage;

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
        assert_reads!(stage.timeline(1).await, @"
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
        assert_reads!(stage.room("inc-1"), @"
        10:00 firebell: :rotating_light: SEV1 incident declared
        Title: payments-down
        PagerDuty: being paged …
        IC: none yet: press Take command on the pinned summary, or type /incident role ic @name
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
        #2 acknowledged, #1 resolved
        Declared
        @ana, 2026-11-21 10:00 UTC
        [Take command] [Post update] [Mitigated] [Resolve]
        ");
        assert_reads!(stage.members("inc-1"), @"U0ANA U0CHO U0DEE");
        // It is the primary now: a note there leads to the room, what happens there is told, and its end is ours.
        pd.resolve(&stranger, Some("PCHO001"));
        stage.minute().await;
        assert_eq!(stage.status(1).await, "resolved");
        assert_reads!(stage.timeline(1).await, @"
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
        assert_reads!(stage.room("inc-1"), @"
        10:00 firebell: :rotating_light: SEV1 incident declared
        Title: payments-down
        PagerDuty: being paged …
        IC: none yet: press Take command on the pinned summary, or type /incident role ic @name
        Status: Investigating
        10:00 firebell: :pager: #1 is paging @ana.
        10:01 firebell: :twisted_rightwards_arrows: @ben merged #1 into database is slow in PagerDuty.
        10:01 firebell: :pager: #2 is paging @cho.
        10:01 firebell: :eyes: @cho acknowledged #2 in PagerDuty.
        10:02 firebell: :white_check_mark: Resolved by Cho Example after 2m. Thank you all. If it comes back, press Reopen on the pinned summary.
        ");
        assert_reads!(stage.in_pagerduty(), @"
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
        assert_reads!(stage.bookmarks("inc-1"), @r#"
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
        assert_reads!(stage.room("inc-1"), @"
        10:00 firebell: :rotating_light: SEV1 incident declared
        Title: payments-down
        PagerDuty: being paged …
        IC: none yet: press Take command on the pinned summary, or type /incident role ic @name
        Status: Investigating
        10:00 firebell: :pager: #1 is paging @ana.
        10:01 firebell: :twisted_rightwards_arrows: @ben merged #1 into #2 in PagerDuty.
        10:01 firebell: :twisted_rightwards_arrows: PagerDuty incident #1 was merged into that of INC-2. Is INC-1 over?
        [Resolve] [Keep open]
        ");
        assert_reads!(stage.room("inc-2"), @"
        10:00 firebell: :rotating_light: SEV2 incident declared
        Title: search-down
        PagerDuty: being paged …
        IC: none yet: press Take command on the pinned summary, or type /incident role ic @name
        Status: Investigating
        10:00 firebell: :pager: #2 is paging @cho.
        10:01 firebell: :twisted_rightwards_arrows: PagerDuty incident #1 of INC-1 was merged into ours.
        ");
        assert_reads!(stage.timeline(2).await, @"
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
