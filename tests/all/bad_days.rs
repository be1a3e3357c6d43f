//! PagerDuty on a bad day: it does not answer, asks to wait, talks nonsense, refuses. People are told, and paged as
//! soon as there is a way.

use std::time::Duration;

use firebell::on_both_engines;
use firebell::sim::desk::Fault;

use crate::stage::Stage;

const HALF_A_MINUTE: Duration = Duration::from_secs(30);

impl Stage {
    /// PagerDuty's REST API meets this from now on; its Events API does not.
    pub fn break_rest(&self, fault: &Fault) {
        for calls in ["GET /", "POST /incidents", "PUT /"] {
            self.world.desk.always(calls, fault.clone());
        }
    }

    pub fn heal_rest(&self) {
        for calls in ["GET /", "POST /incidents", "PUT /"] {
            self.world.desk.heal(calls);
        }
    }

    /// How often the room says this.
    fn says(&self, prefix: &str, words: &str) -> usize {
        self.room(prefix).matches(words).count()
    }

    /// Titles and statuses of PagerDuty's incidents.
    fn pages(&self) -> Vec<String> {
        let incidents = self.world.pagerduty.incidents();
        incidents.iter().map(|i| format!("#{} {} {}", i.number, i.title, i.status)).collect()
    }
}

on_both_engines!(
    async fn while_pagerduty_is_down_the_room_says_that_nobody_is_paged_and_whom_to_call(
        db: Db,
        clock: Clock,
    ) {
        let stage = Stage::set(db, clock).await;
        stage.world.desk.always("pagerduty", Fault::Reset);
        let answer = stage.slash("U0ANA", "/incident declare search is empty sev1 --service search").await;
        assert_reads!(answer, @":rotating_light: Declaring *INC-1 search is empty* as *SEV1*: opening #inc-1-search-is-empty, paging Cho Example ☎ +49 1515550103.");
        stage.settle().await;
        stage.wait(Duration::from_secs(600)).await;
        assert_reads!(stage.room("inc-1"), @"
        10:00 firebell: :rotating_light: SEV1 incident declared
        Title: search is empty
        PagerDuty: being paged …
        IC: none yet: press Take command on the pinned summary, or type /incident role ic @name
        Status: Investigating
        10:00 firebell: @ana :warning: Perhaps nobody has been paged yet: PagerDuty does not answer (the connection broke). I keep trying.
        • level 1: please call Cho Example
        _I have sent the phone numbers to @ana; anybody else sees them with /oncall search._
        10:10 firebell: :firefighter: SEV1 has no incident commander. Somebody take it: decisions need one voice.
        [Take command]
        ");
        assert_reads!(stage.summary_of("inc-1"), @"
        10:00 firebell [pinned]: INC-1 search is empty
        Severity
        :rotating_light: SEV1
        Status
        Investigating
        Incident commander
        none yet
        Service
        search
        PagerDuty
        :warning: perhaps nobody paged yet
        Declared
        @ana, 2026-11-21 10:00 UTC
        :hourglass: PagerDuty incident is being retried: PagerDuty does not answer (the connection broke); it may have paged all the same
        [Acknowledge] [Take command] [Post update] [Mitigated] [Resolve]
        ");
        stage.world.desk.heal("pagerduty");
        stage.wait(HALF_A_MINUTE).await;
        assert_reads!(stage.room("inc-1"), @"
        10:00 firebell: :rotating_light: SEV1 incident declared
        Title: search is empty
        PagerDuty: being paged …
        IC: none yet: press Take command on the pinned summary, or type /incident role ic @name
        Status: Investigating
        10:00 firebell: @ana :warning: Perhaps nobody has been paged yet: PagerDuty does not answer (the connection broke). I keep trying.
        • level 1: please call Cho Example
        _I have sent the phone numbers to @ana; anybody else sees them with /oncall search._
        10:10 firebell: :firefighter: SEV1 has no incident commander. Somebody take it: decisions need one voice.
        [Take command]
        10:10 firebell: :pager: PagerDuty answers again: #1 is paging.
        10:10 firebell: :pager: #1 is paging @cho.
        ");
        assert_reads!(stage.summary_of("inc-1"), @"
        10:00 firebell [pinned]: INC-1 search is empty
        Severity
        :rotating_light: SEV1
        Status
        Investigating
        Incident commander
        none yet
        Service
        search
        PagerDuty
        #1 triggered
        Declared
        @ana, 2026-11-21 10:00 UTC
        [Acknowledge] [Take command] [Post update] [Mitigated] [Resolve]
        ");
        assert_reads!(stage.timeline(1).await, @"
        10:00 declared slack/Ana Example: Declared search is empty as SEV1
        10:00 channel firebell/Firebell: Opened #inc-1-search-is-empty
        10:00 page firebell/Firebell: Perhaps nobody has been paged yet: PagerDuty does not answer (the connection broke)
        10:10 page firebell/Firebell: Opened PagerDuty incident #1
        10:10 page pagerduty/Firebell: #1 triggered, paging Cho Example
        ");
        assert_eq!(stage.pages(), ["#1 INC-1 search is empty triggered"]);
        stage.end().await;
    }
);

on_both_engines!(
    async fn however_pagerduty_is_away_paging_is_tried_every_half_minute_until_it_is_back(
        db: Db,
        clock: Clock,
    ) {
        let stage = Stage::set(db, clock).await;
        let refuse = |code: &str| Fault::Refuse { code: code.into() };
        let ways = [
            Fault::Unavailable { status: 503 },
            Fault::Unavailable { status: 200 }, // a proxy's page instead of JSON
            Fault::Reset,
            Fault::RateLimited { after_secs: 20 },
            refuse("429-bare"),
            refuse("2006"), // 401: our key is not good, and may be again
        ];
        let titles = [
            "search is empty",
            "logins fail",
            "mail is late",
            "disks fill up",
            "prices are wrong",
            "no maps",
        ];
        for (n, (way, title)) in ways.into_iter().zip(titles).enumerate() {
            let room = format!("inc-{}-", n + 1);
            stage.world.desk.always("pagerduty", way.clone());
            let began = stage.world.desk.calls().len();
            stage.slash("U0ANA", &format!("/incident declare {title} sev1 --service search")).await;
            stage.settle().await;
            stage.wait(Duration::from_secs(300)).await;
            // Where the connection breaks, nobody knows what PagerDuty has done.
            let said = if way == Fault::Reset { "Perhaps nobody has been" } else { "Nobody has been" };
            assert_eq!(stage.says(&room, said), 1, "{way:?}: {}", stage.room(&room));
            assert_eq!(stage.says(&room, "level 1: please call Cho Example"), 1, "{way:?}");
            let tries: Vec<_> = stage.world.desk.calls().into_iter().skip(began).collect();
            let tries = tries.iter().filter(|c| c.name.ends_with("/incidents")).map(|c| c.at);
            let tries: Vec<_> = tries.chain([stage.clock.now()]).collect();
            // A bare 429 is answered with a pause of our own that doubles; the other ways are never left alone.
            if way != refuse("429-bare") {
                let longest = tries.windows(2).map(|w| w[1].since(w[0])).max().expect("several tries");
                assert!(longest <= Duration::from_secs(40), "{way:?}: {longest:?} in steps of 10 s");
            }
            stage.world.desk.heal("pagerduty");
            stage.wait(Duration::from_secs(330)).await;
            let pages = stage.pages();
            assert_eq!(pages.len(), n + 1, "{way:?}: {pages:?}");
            assert!(pages[n].ends_with("triggered"), "{way:?}: {pages:?}");
            assert_eq!(stage.says(&room, "PagerDuty answers again"), 1, "{way:?}: {}", stage.room(&room));
            let summary = stage.summary_of(&room);
            assert!(!summary.contains("being retried"), "{way:?}: {summary}");
        }
        stage.end().await;
    }
);

on_both_engines!(
    async fn after_two_failures_the_events_api_pages_and_the_incident_is_found_by_its_key(
        db: Db,
        clock: Clock,
    ) {
        let stage = Stage::set(db, clock).await;
        stage.break_rest(&Fault::Unavailable { status: 503 });
        stage.slash("U0ANA", "/incident declare payments-down sev1").await;
        for _ in 0..3 {
            stage.running.work_off().await.expect("jobs run");
            stage.clock.advance(Duration::from_secs(1));
        }
        assert_eq!(stage.world.desk.count("POST /v2/enqueue"), 1);
        assert_eq!(stage.pages(), ["#1 INC-1 payments-down triggered"], "Ana's phone rings");
        // Whatever PagerDuty would tell us of it gets lost.
        stage.world.pagerduty.take_webhooks();
        stage.wait(Duration::from_secs(120)).await;
        assert_reads!(stage.room("inc-1"), @"
        10:00 firebell: :rotating_light: SEV1 incident declared
        Title: payments-down
        PagerDuty: being paged …
        IC: none yet: press Take command on the pinned summary, or type /incident role ic @name
        Status: Investigating
        10:00 firebell: :pager: PagerDuty's REST API does not work; I have paged through its Events API instead. The incident's number follows when it works again.
        ");
        stage.heal_rest();
        stage.wait(HALF_A_MINUTE).await;
        assert_eq!(stage.world.desk.count("POST /v2/enqueue"), 1);
        assert_eq!(stage.pages(), ["#1 INC-1 payments-down triggered"]);
        assert_reads!(stage.room("inc-1"), @"
        10:00 firebell: :rotating_light: SEV1 incident declared
        Title: payments-down
        PagerDuty: being paged …
        IC: none yet: press Take command on the pinned summary, or type /incident role ic @name
        Status: Investigating
        10:00 firebell: :pager: PagerDuty's REST API does not work; I have paged through its Events API instead. The incident's number follows when it works again.
        10:02 firebell: :pager: PagerDuty answers again: #1 is paging.
        ");
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
        [Acknowledge] [Take command] [Post update] [Mitigated] [Resolve]
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn when_our_key_is_refused_the_events_api_pages_at_once(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.world.pagerduty.revoke_token();
        stage.slash("U0ANA", "/incident declare payments-down sev1").await;
        stage.settle().await;
        assert_eq!(stage.pages(), ["#1 INC-1 payments-down triggered"]);
        assert!(stage.summary_of("inc-1").contains("#1 triggered"), "its webhook told us the number");
        assert_eq!(stage.says("inc-1", "Nobody has been paged"), 0);
        assert_eq!(stage.says("inc-1", "Events API"), 1);
        stage.running.shutdown().await;
    }
);

on_both_engines!(
    async fn a_wrong_routing_key_does_not_end_the_tries_by_the_first_road(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.break_rest(&Fault::Reset);
        stage.world.desk.always("POST /v2/enqueue", Fault::Refuse { code: "invalid routing key".into() });
        stage.slash("U0ANA", "/incident declare payments-down sev1").await;
        stage.settle().await;
        stage.wait(Duration::from_secs(120)).await;
        assert_eq!(stage.says("inc-1", "Perhaps nobody has been paged yet"), 1);
        stage.heal_rest();
        stage.wait(HALF_A_MINUTE).await;
        assert_eq!(stage.pages(), ["#1 INC-1 payments-down triggered"]);
        stage.end().await;
    }
);

on_both_engines!(
    async fn of_two_incidents_for_one_page_the_first_stays_and_the_other_is_closed(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let pagerduty = stage.world.pagerduty.clone();
        stage.break_rest(&Fault::Reset);
        stage.slash("U0ANA", "/incident declare payments-down sev1").await;
        while pagerduty.incidents().is_empty() {
            stage.running.work_off().await.expect("jobs run");
            stage.clock.advance(Duration::from_secs(1));
        }
        let key = pagerduty.incidents()[0].incident_key.clone();
        let double = |title: &str| {
            let id = pagerduty.trigger("PSVC001", title, "high");
            pagerduty.edit_incident(&id, |i| i.incident_key.clone_from(&key));
            id
        };
        // The first road had its effect after all, long after it broke.
        double("INC-1 payments-down");
        pagerduty.take_webhooks();
        stage.heal_rest();
        stage.wait(HALF_A_MINUTE).await;
        assert_eq!(stage.pages(), ["#1 INC-1 payments-down triggered", "#2 INC-1 payments-down resolved"]);

        // One that only its webhook tells of.
        let late = double("INC-1 payments-down");
        pagerduty.take_webhooks();
        pagerduty.escalate(&late);
        stage.settle().await;
        assert_eq!(
            stage.pages(),
            [
                "#1 INC-1 payments-down triggered",
                "#2 INC-1 payments-down resolved",
                "#3 INC-1 payments-down resolved"
            ]
        );
        assert_eq!((stage.rooms().len(), stage.status(1).await), (1, "investigating".into()));
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_pagerduty_refuses_is_told_and_retry_pages_once_it_is_mended(db: Db, clock: Clock) {
        let mut stage = Stage::set(db, clock).await;
        stage.trouble_is_expected();
        stage.world.desk.next("POST /incidents", Fault::Refuse { code: "1015".into() });
        stage.slash("U0ANA", "/incident declare payments-down sev1").await;
        stage.settle().await;
        stage.wait(Duration::from_secs(300)).await;
        assert_reads!(stage.room("inc-1"), @"
        10:00 firebell: :rotating_light: SEV1 incident declared
        Title: payments-down
        PagerDuty: being paged …
        IC: none yet: press Take command on the pinned summary, or type /incident role ic @name
        Status: Investigating
        10:00 firebell: @ana :warning: Failed to page: PagerDuty says no: nobody is on call on the escalation policy (400/1015). Nobody has been paged, and I try no more until somebody presses Retry on the summary.
        • level 1: please call Ana Example
        • level 2: please call Ben Example
        _I have sent the phone numbers to @ana; anybody else sees them with /oncall payments._
        ");
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
        :warning: nobody paged yet
        Declared
        @ana, 2026-11-21 10:00 UTC
        :x: PagerDuty incident failed: PagerDuty says no: nobody is on call on the escalation policy (400/1015)
        [Retry]
        [Acknowledge] [Take command] [Post update] [Mitigated] [Resolve]
        ");
        assert_eq!(stage.world.desk.count("POST /incidents"), 1, "asking again would hear the same");
        stage.world.desk.next("POST /incidents", Fault::Refuse { code: "5002".into() });
        stage.click("U0BEN", "inc-1-payments-down", "Retry").await;
        stage.settle().await;
        assert_eq!(stage.says("inc-1", "Failed to page"), 2);
        stage.clock.advance(Duration::from_secs(1));
        stage.click("U0BEN", "inc-1-payments-down", "Retry").await;
        stage.settle().await;
        assert_eq!(stage.pages(), ["#1 INC-1 payments-down triggered"]);
        let summary = stage.summary_of("inc-1");
        assert!(summary.contains("#1 triggered") && !summary.contains("[Retry]"), "{summary}");
        stage.end().await;
    }
);

on_both_engines!(
    async fn an_incident_that_ends_while_pagerduty_is_down_pages_nobody_afterwards(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.break_rest(&Fault::Reset);
        stage.slash("U0ANA", "/incident declare search is empty sev1 --service search").await;
        stage.settle().await;
        stage.wait(HALF_A_MINUTE).await;
        stage.click("U0ANA", "inc-1-search-is-empty", "Resolve").await;
        stage.settle().await;
        stage.heal_rest();
        stage.wait(2 * HALF_A_MINUTE).await;
        assert_eq!(stage.pages(), Vec::<String>::new());
        let summary = stage.summary_of("inc-1");
        assert!(summary.contains("nobody paged (it ended before anybody was paged)"), "{summary}");

        // By the second road somebody was: that page is called off at once, and closed.
        stage.break_rest(&Fault::Reset);
        stage.slash("U0ANA", "/incident declare payments-down sev1").await;
        stage.settle().await;
        for _ in 0..3 {
            stage.clock.advance(Duration::from_secs(1));
            stage.running.work_off().await.expect("jobs run");
        }
        stage.world.pagerduty.take_webhooks();
        assert_eq!(stage.pages(), ["#1 INC-2 payments-down triggered"]);
        stage.click("U0ANA", "inc-2-payments-down", "Resolve").await;
        stage.wait(HALF_A_MINUTE).await;
        assert_eq!(stage.pages(), ["#1 INC-2 payments-down resolved"]);
        stage.heal_rest();
        stage.wait(Duration::from_secs(180)).await;
        assert_eq!(stage.pages(), ["#1 INC-2 payments-down resolved"]);
        stage.end().await;
    }
);

on_both_engines!(
    async fn an_acknowledgement_waits_for_pagerduty_and_reopens_nothing_there(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let id = stage.declared().await;
        stage.break_rest(&Fault::Reset);
        stage.click("U0BEN", "inc-1-payments-down", "Acknowledge").await;
        stage.settle().await;
        stage.wait(2 * HALF_A_MINUTE).await;
        assert_eq!(stage.says("inc-1", "has not heard that somebody has acknowledged"), 1);
        // Meanwhile the alert clears by itself, and we do not hear of it.
        stage.world.pagerduty.resolve(&id, None);
        stage.world.pagerduty.take_webhooks();
        stage.heal_rest();
        stage.wait(2 * HALF_A_MINUTE).await;
        assert_eq!(stage.pages(), ["#1 INC-1 payments-down resolved"]);
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_change_that_pagerduty_refuses_is_told_so_that_somebody_makes_it_there(db: Db, clock: Clock) {
        let mut stage = Stage::set(db, clock).await;
        stage.trouble_is_expected();
        stage.declared().await;
        stage.world.desk.next("PUT /incidents/{id}", Fault::Refuse { code: "2010".into() });
        stage.click("U0BEN", "inc-1-payments-down", "Acknowledge").await;
        stage.settle().await;
        assert_reads!(stage.room("inc-1"), @"
        10:00 firebell: :rotating_light: SEV1 incident declared
        Title: payments-down
        PagerDuty: being paged …
        IC: none yet: press Take command on the pinned summary, or type /incident role ic @name
        Status: Investigating
        10:00 firebell: :pager: #1 is paging @ana.
        10:00 firebell: :eyes: @ben acknowledged.
        10:00 firebell: :warning: PagerDuty did not take the acknowledgement; please acknowledge there: PagerDuty says no: the API key may not do that (403/2010)
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn paging_anew_after_a_reopening_is_not_taken_for_the_first_page(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.declared().await;
        stage.click("U0ANA", "inc-1-payments-down", "Resolve").await;
        stage.settle().await;
        stage.clock.advance(HALF_A_MINUTE);
        // Within minutes of the first page, which is found under the same key and is not this one.
        stage.world.desk.next("POST /incidents", Fault::Reset);
        stage.slash("U0ANA", "/incident reopen INC-1 errors are back --page").await;
        stage.settle().await;
        stage.wait(HALF_A_MINUTE).await;
        assert_eq!(stage.pages(), ["#1 INC-1 payments-down resolved", "#2 INC-1 payments-down triggered"]);
        stage.end().await;
    }
);
