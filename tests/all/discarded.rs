//! An operator gives a job up, or brings one back, from a terminal: those who wait for it in Slack are not left with a
//! promise that nobody keeps.

use std::time::Duration;

use firebell::dispatch;
use firebell::jobs::Job;
use firebell::on_both_engines;
use firebell::sim::desk::Fault;
use firebell::store::Priority;

use crate::stage::Stage;

const ROOM: &str = "inc-1-payments-down";
/// Of a service without a second road.
const SEARCH_DOWN: &str = "/incident declare payments-down sev1 --service search";
const AWAY: Fault = Fault::Unavailable { status: 503 };
const HALF_A_MINUTE: Duration = Duration::from_secs(30);

impl Stage {
    async fn open_job(&self, kind: &str) -> Job {
        let mut tx = self.running.app.db.read().await.expect("a transaction");
        let mut jobs = tx.open_jobs().await.expect("jobs");
        jobs.retain(|job| job.kind == kind);
        assert_eq!(jobs.len(), 1, "{jobs:?}");
        jobs.remove(0)
    }

    /// `firebell jobs discard` of the one open job of this kind.
    async fn discard(&self, kind: &str) {
        self.discard_unheard(kind).await;
        self.settle().await;
    }

    /// The same; the server has not looked yet.
    async fn discard_unheard(&self, kind: &str) {
        let job = self.open_job(kind).await;
        let mut tx = self.running.app.db.write(Priority::Command).await.expect("a transaction");
        assert!(dispatch::discard(&mut tx, &job).await.expect("discarded"));
        tx.commit().await.expect("committed");
    }

    /// `firebell jobs retry` of all that is parked.
    async fn retry_all_parked(&self) {
        let mut tx = self.running.app.db.write(Priority::Command).await.expect("a transaction");
        for job in tx.open_jobs().await.expect("jobs").iter().filter(|job| job.parked_at.is_some()) {
            assert!(tx.unpark_job(job.id).await.expect("brought back"));
        }
        tx.commit().await.expect("committed");
        self.settle().await;
    }

    fn private_words(&self, user: &str, words: &str) -> usize {
        self.world.slack.dm_transcript(user).matches(words).count()
    }
}

on_both_engines!(
    async fn the_room_reads_that_the_page_was_discarded_and_can_page_after_all(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.break_rest(&AWAY);
        stage.typed("U0ANA", SEARCH_DOWN).await;
        stage.wait(HALF_A_MINUTE).await;
        stage.discard("incident.page").await;
        let room = stage.room("inc-1");
        assert_reads!(&room[room.find("I keep trying").expect("it was tried")..], @"
        I keep trying.
        • level 1: please call Cho Example
        _I have sent the phone numbers to @ana; anybody else sees them with /oncall search._
        10:00 firebell: @ana :warning: Failed to page: an operator gave it up with firebell jobs discard. Nobody has been paged, and I try no more until somebody presses Retry on the summary.
        • level 1: please call Cho Example
        _I have sent the phone numbers to @ana; anybody else sees them with /oncall search._
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
        search
        PagerDuty
        :warning: nobody paged yet
        Declared
        @ana, 2026-11-21 10:00 UTC
        :x: PagerDuty incident failed: an operator gave it up with firebell jobs discard
        [Retry]
        [Acknowledge] [Take command] [Post update] [Mitigated] [Resolve]
        ");
        assert_reads!(stage.timeline(1).await, @"
        10:00 declared slack/Ana Example: Declared payments-down as SEV1
        10:00 channel firebell/Firebell: Opened #inc-1-payments-down
        10:00 page firebell/Firebell: Nobody has been paged yet: PagerDuty does not answer (HTTP 503)
        10:00 page firebell/Firebell: Failed to page: an operator gave it up with firebell jobs discard
        ");
        stage.heal_rest();
        stage.wait(2 * HALF_A_MINUTE).await;
        assert_eq!(stage.rings_so_far(), "; rang 0");
        assert_eq!(stage.press_and_read("U0BEN", ROOM, "Retry").await, "Retrying: PagerDuty incident.");
        assert_eq!(stage.rings_so_far(), "#1 triggered; rang 1");
        assert!(!stage.summary_of("inc-1").contains("Retry"), "{}", stage.summary_of("inc-1"));
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_parked_page_that_is_discarded_is_told_and_can_be_retried(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.world.desk.next("POST /incidents", Fault::Refuse { code: "1015".into() });
        stage.typed("U0ANA", "/incident declare payments-down sev1").await;
        stage.discard("incident.page").await;
        assert_eq!(stage.room("inc-1").matches("an operator gave it up").count(), 1);
        assert_eq!(stage.press_and_read("U0BEN", ROOM, "Retry").await, "Retrying: PagerDuty incident.");
        assert_eq!(stage.rings_so_far(), "#1 triggered; rang 1");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_page_that_was_discarded_and_rang_all_the_same_alarms_nobody(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.world.desk.next("POST /incidents", Fault::LoseAnswer);
        stage.slash("U0ANA", "/incident declare payments-down sev1").await;
        // The job has met its trouble, and PagerDuty's webhook is not there yet.
        stage.running.work_off().await.expect("jobs run");
        stage.world.pagerduty.deliver(&stage.running.base_url()).await.expect("webhooks arrive");
        stage.discard("incident.page").await;
        assert_eq!(stage.rings_so_far(), "#1 triggered; rang 1");
        assert_eq!(stage.paragraphs(ROOM, "gave it up"), Vec::<String>::new());
        assert!(!stage.summary_of("inc-1").contains("failed"), "{}", stage.summary_of("inc-1"));
        stage.end().await;
    }
);

on_both_engines!(
    async fn whoever_pages_anew_before_the_server_looks_reads_of_no_page_that_was_given_up(
        db: Db,
        clock: Clock,
    ) {
        let stage = Stage::set(db, clock).await;
        stage.break_rest(&AWAY);
        stage.typed("U0ANA", SEARCH_DOWN).await;
        stage.wait(HALF_A_MINUTE).await;
        stage.discard_unheard("incident.page").await;
        let room = stage.channel_id(ROOM);
        stage.slash_in("U0BEN", &room, "/incident resolve ok").await;
        stage.slash_in("U0BEN", &room, "/incident reopen it is back --page").await;
        stage.settle().await;
        assert_eq!(stage.paragraphs(ROOM, "gave it up"), Vec::<String>::new());
        stage.heal_rest();
        stage.wait(2 * HALF_A_MINUTE).await;
        assert_eq!(stage.rings_so_far(), "#1 triggered; rang 1");
        stage.end().await;
    }
);

on_both_engines!(
    async fn who_was_paged_by_the_second_road_is_not_said_to_be_unpaged(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.break_rest(&AWAY);
        stage.typed("U0ANA", "/incident declare payments-down sev1").await;
        for _ in 0..3 {
            stage.clock.advance(Duration::from_secs(5));
            stage.running.work_off().await.expect("jobs run");
            stage.world.pagerduty.take_webhooks();
        }
        let room = stage.room("inc-1");
        assert!(room.contains("paged through its Events API"), "{room}");
        stage.discard("incident.page").await;
        assert_eq!(stage.room("inc-1"), room);
        let summary = stage.summary_of("inc-1");
        assert!(summary.contains("PagerDuty\npaged") && !summary.contains("Retry"), "{summary}");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_page_of_what_is_over_is_discarded_in_silence(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.break_rest(&AWAY);
        stage.typed("U0ANA", SEARCH_DOWN).await;
        stage.typed_in("U0ANA", ROOM, "/incident cancel").await;
        stage.wait(HALF_A_MINUTE).await;
        stage.discard("incident.page").await;
        assert_eq!(stage.paragraphs(ROOM, "gave it up"), Vec::<String>::new());
        let summary = stage.summary_of("inc-1");
        assert!(!summary.contains("failed") && !summary.contains("Retry"), "{summary}");
        stage.heal_rest();
        stage.wait(2 * HALF_A_MINUTE).await;
        stage.end().await;
    }
);

on_both_engines!(
    async fn whoever_paged_by_hand_reads_that_the_page_was_discarded_and_whom_to_call(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.declared().await;
        stage.break_rest(&AWAY);
        stage.typed_in("U0ANA", ROOM, "/page @cho come").await;
        stage.wait(HALF_A_MINUTE).await;
        stage.discard("paging.page").await;
        let room = stage.room("inc-1");
        assert_reads!(&room[room.find("I keep trying").expect("it was tried")..], @"
        I keep trying.
        :exclamation: There was an error paging a user, please manually call Cho Example.
        I have sent the phone numbers to @ana.
        10:00 firebell: :rotating_light: Paging 'Cho Example': come
        :exclamation: There was an error paging a user, please manually call Cho Example. (an operator gave it up with firebell jobs discard)
        I have sent the phone numbers to @ana.
        ");
        assert!(stage.timeline(1).await.contains("PagerDuty could not page Cho Example"));
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_page_by_hand_for_what_is_over_asks_nobody_to_call(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.declared().await;
        stage.break_rest(&AWAY);
        stage.typed_in("U0ANA", ROOM, "/page @cho come").await;
        stage.slash_in("U0ANA", &stage.channel_id(ROOM), "/incident resolve ok").await;
        stage.discard("paging.page").await;
        assert!(stage.room("inc-1").contains("nobody needs to be called"), "{}", stage.room("inc-1"));
        stage.heal_rest();
        stage.wait(2 * HALF_A_MINUTE).await;
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_room_that_was_discarded_is_told_to_who_wanted_it_and_can_be_opened_after_all(
        db: Db,
        clock: Clock,
    ) {
        let stage = Stage::set(db, clock).await;
        stage.world.desk.always("conversations.create", AWAY);
        stage.typed("U0ANA", "/incident declare payments-down sev1").await;
        stage.wait(HALF_A_MINUTE).await;
        stage.discard("incident.open_channel").await;
        assert_reads!(stage.world.slack.dm_transcript("U0ANA"), @"
        10:00 firebell: INC-1 payments-down has no channel that I can write in, so I tell you here.
        :pager: #1 is paging @ana.

        10:00 firebell: INC-1 payments-down has no channel that I can write in, so I tell you here.
        :x: Slack channel failed: an operator gave it up with firebell jobs discard
        [Retry]
        ");
        stage.world.desk.heal("conversations.create");
        stage.slash("U0BEN", "/incident status INC-1").await;
        assert_eq!(stage.press_and_read("U0BEN", "general", "Retry").await, "Retrying: Slack channel.");
        assert_eq!(stage.rooms(), [ROOM]);
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_failure_that_is_over_is_not_told_to_the_room(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        for call in ["conversations.create", "conversations.open"] {
            stage.world.desk.always(call, Fault::Refuse { code: "restricted_action".into() });
        }
        stage.world.desk.next("POST /incidents", Fault::Refuse { code: "1015".into() });
        stage.typed("U0ANA", "/incident declare payments-down sev1").await;
        assert_eq!(stage.private_words("U0ANA", "failed"), 0, "Slack takes nothing");
        for call in ["conversations.create", "conversations.open"] {
            stage.world.desk.heal(call);
        }
        stage.retry_all_parked().await;
        assert_eq!(stage.rooms(), [ROOM]);
        assert_eq!(stage.rings_so_far(), "#1 triggered; rang 1");
        let room = stage.world.slack.transcript(ROOM);
        assert!(!room.to_lowercase().contains("failed"), "{room}");
        stage.end().await;
    }
);

on_both_engines!(
    async fn whoever_acknowledges_before_the_retry_keeps_the_phones_silent(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.world.desk.next("POST /incidents", Fault::Refuse { code: "1015".into() });
        stage.typed("U0ANA", "/incident declare payments-down sev1").await;
        stage.click("U0BEN", ROOM, "Acknowledge").await;
        stage.settle().await;
        assert_eq!(stage.press_and_read("U0BEN", ROOM, "Retry").await, "Retrying: PagerDuty incident.");
        assert_eq!(stage.rings_so_far(), "#1 acknowledged; rang 1");
        let room = stage.room("inc-1");
        assert_reads!(&room[room.find("@ben acknowledged").expect("it was acknowledged")..], @"
        @ben acknowledged.
        10:00 firebell: :no_bell: That was acknowledged here before PagerDuty knew of it, so it is acknowledged there, too, and rings nobody. To ring somebody: /page @name.
        10:00 firebell: :pager: #1 is paging @ana.
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn where_pagerduty_may_have_paged_nobody_reads_for_certain_that_it_has_not(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.world.desk.next("POST /incidents", Fault::LoseAnswer);
        stage.world.desk.always("GET /", AWAY);
        stage.slash("U0ANA", "/incident declare payments-down sev1 --service search").await;
        stage.running.work_off().await.expect("jobs run");
        stage.world.pagerduty.take_webhooks();
        stage.wait(HALF_A_MINUTE).await;
        stage.discard("incident.page").await;
        stage.click("U0BEN", ROOM, "Acknowledge").await;
        stage.settle().await;
        let room = stage.room("inc-1");
        assert_reads!(&room[room.find("@ana :warning:").expect("it is said")..], @"
        @ana :warning: Perhaps nobody has been paged yet: PagerDuty does not answer (HTTP 503). I keep trying.
        • level 1: please call Cho Example
        _I have sent the phone numbers to @ana; anybody else sees them with /oncall search._
        10:00 firebell: @ana :warning: Failed to page: an operator gave it up with firebell jobs discard. Perhaps nobody has been paged, and I try no more until somebody presses Retry on the summary.
        • level 1: please call Cho Example
        _I have sent the phone numbers to @ana; anybody else sees them with /oncall search._
        10:00 firebell: :eyes: @ben acknowledged.
        10:00 firebell: :hourglass: PagerDuty does not answer: it has not heard that somebody has acknowledged and may go on paging. I keep trying.
        ");
        assert!(stage.summary_of("inc-1").contains("perhaps nobody paged yet"));
        stage.world.desk.heal("GET /");
        stage.wait(12 * HALF_A_MINUTE).await;
        assert_eq!(stage.rings_so_far(), "#1 acknowledged; rang 1");
        stage.end().await;
    }
);
