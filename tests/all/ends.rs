//! How the end of a PagerDuty incident and the end of ours lead to each other, without a loop.

use std::time::Duration;

use firebell::on_both_engines;

use crate::stage::Stage;

const RESOLVES_ALWAYS: &str = "[incidents]\nauto_resolve = \"always\"\n";
const RESOLVES_NEVER: &str = "[incidents]\nauto_resolve = \"never\"\n";

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
        assert_reads!(stage.timeline(1).await, @"
        10:00 declared slack/Ana Example: Declared payments-down as SEV1
        10:00 channel firebell/Firebell: Opened #inc-1-payments-down
        10:00 page firebell/Firebell: Opened PagerDuty incident #1
        10:00 page pagerduty/Firebell: #1 triggered, paging Ana Example
        10:01 page pagerduty/Ben Example: Resolved #1 in PagerDuty
        10:01 resolved pagerduty/Ben Example: Resolved
        ");
        assert_reads!(stage.room("inc-1"), @"
        10:00 firebell: :rotating_light: SEV1 incident declared
        Title: payments-down
        PagerDuty: being paged …
        IC: none yet: press Take command on the pinned summary, or type /incident role ic @name
        Status: Investigating
        10:00 firebell: :pager: #1 is paging @ana.
        10:04 firebell: :white_check_mark: Resolved by Ben Example after 1m. Thank you all. If it comes back, press Reopen on the pinned summary.
        ");
        stage.end().await;
    }
);

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
        assert_reads!(stage.timeline(1).await, @"
        10:00 declared slack/Ana Example: Declared payments-down as SEV1
        10:00 channel firebell/Firebell: Opened #inc-1-payments-down
        10:00 page firebell/Firebell: Opened PagerDuty incident #1
        10:00 page pagerduty/Firebell: #1 triggered, paging Ana Example
        10:01 page pagerduty/PagerDuty: Resolved #1 in PagerDuty
        10:02 page pagerduty/Ana Example: Reopened #1 in PagerDuty, which pages Ana Example
        10:03 page pagerduty/PagerDuty: Resolved #1 in PagerDuty
        10:04 resolved slack/Dee Example: Resolved
        ");
        assert_reads!(stage.room("inc-1"), @"
        10:00 firebell: :rotating_light: SEV1 incident declared
        Title: payments-down
        PagerDuty: being paged …
        IC: none yet: press Take command on the pinned summary, or type /incident role ic @name
        Status: Investigating
        10:00 firebell: :pager: #1 is paging @ana.
        10:01 firebell: :fire: INC-1 is not over, says Ben Example. It stays open.
        10:02 firebell: :repeat: @ana reopened #1 in PagerDuty, which pages @ana.
        10:03 firebell: :white_check_mark: Dee Example resolved INC-1.
        10:04 firebell: :white_check_mark: Resolved by Dee Example after 4m. Thank you all. If it comes back, press Reopen on the pinned summary.
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
            stage.room("inc-1").ends_with("press Reopen on the pinned summary."),
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
        assert_reads!(last, @"10:01 firebell: :ballot_box_with_check: PagerDuty resolved #1 by itself. INC-1 stays open.");
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_pagerduty_opens_again_is_ended_there_without_opening_ours(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let pd = stage.world.pagerduty.clone();
        let id = stage.declared().await;
        let room = "inc-1-payments-down";
        stage.typed_in("U0ANA", room, "/incident resolve").await;
        stage.minute().await;
        pd.reopen(&id, "PBEN001");
        stage.minute().await;
        assert_eq!(pd.incidents()[0].status, "triggered");
        assert_reads!(stage.typed_in("U0CHO", room, "/incident resolve a stale probe").await, @"INC-1 resolved.");
        assert_eq!(pd.incidents()[0].status, "resolved");
        assert_eq!(stage.status(1).await, "resolved");
        assert_reads!(stage.typed_in("U0CHO", room, "/incident resolve now").await, @"INC-1 is resolved already. What you wrote was not kept. To put it on the timeline: `/incident note INC-1 now`.");
        let said = stage.room("inc-1");
        assert_reads!(&said[said.find("10:01").expect("a minute later")..], @"
        10:01 firebell: :repeat: @ben reopened #1 in PagerDuty, which pages @ana.
        10:01 firebell: :question: INC-1 is resolved here. If it is back, reopen it.
        [Reopen]
        10:02 firebell: :white_check_mark: Cho Example resolved #1 in PagerDuty.
        a stale probe
        ");
        stage.end().await;
    }
);
