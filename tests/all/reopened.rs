//! PagerDuty has not heard yet what became of an incident. Opening it again with `--page` rings somebody anew all the same,
//! and the room says when nobody is rung.

use std::time::Duration;

use firebell::on_both_engines;
use firebell::sim::desk::Fault;

use crate::stage::Stage;

const ROOM: &str = "inc-1-payments-down";
const AGAIN: &str = "/incident reopen it is back --page";
const AWAY: Fault = Fault::Unavailable { status: 503 };
const HALF_A_MINUTE: Duration = Duration::from_secs(30);

impl Stage {
    /// Declared, rung and acknowledged; a minute later PagerDuty's REST API answers 503 and it is resolved in Slack.
    async fn resolved_while_pagerduty_is_away(&self) {
        self.declared().await;
        self.typed_in("U0BEN", ROOM, "/incident ack").await;
        self.minute().await;
        self.break_rest(&AWAY);
        self.typed_in("U0BEN", ROOM, "/incident resolve ok").await;
        self.wait(Duration::from_secs(3)).await;
    }

    /// PagerDuty's incidents, and how often it rang anybody.
    pub fn rings_so_far(&self) -> String {
        let incidents = self.world.pagerduty.incidents();
        let list: Vec<String> = incidents.iter().map(|i| format!("#{} {}", i.number, i.status)).collect();
        format!("{}; rang {}", list.join(", "), self.world.pagerduty.pages().len())
    }
}

on_both_engines!(
    async fn whoever_pages_anew_while_pagerduty_is_away_has_somebody_rung_once_it_is_back(
        db: Db,
        clock: Clock,
    ) {
        let stage = Stage::set(db, clock).await;
        stage.resolved_while_pagerduty_is_away().await;
        let answer = stage.typed_in("U0BEN", ROOM, AGAIN).await;
        assert_reads!(answer, @"INC-1 is open again, paging Ana Example ☎ +49 1515550101.");
        stage.wait(Duration::from_secs(10)).await;
        assert_eq!(stage.rings_so_far(), "#1 acknowledged; rang 1");
        stage.heal_rest();
        stage.wait(2 * HALF_A_MINUTE).await;
        assert_eq!(stage.rings_so_far(), "#1 resolved, #2 triggered; rang 2");
        assert_eq!(stage.status(1).await, "investigating");
        assert_reads!(stage.room("inc-1"), @"
        10:00 firebell: :rotating_light: SEV1 incident declared
        Title: payments-down
        PagerDuty: being paged …
        IC: none yet: press Take command on the pinned summary, or type /incident role ic @name
        Status: Investigating
        10:00 firebell: :pager: #1 is paging @ana.
        10:00 firebell: :eyes: @ben acknowledged.
        10:01 firebell: :white_check_mark: Resolved by Ben Example after 1m. Thank you all. If it comes back, press Reopen on the pinned summary.
        ok
        10:01 firebell: :hourglass: PagerDuty does not answer: it has not heard that this is over and may go on paging. I keep trying.
        10:01 firebell: :repeat: Reopened by Ben Example: it is back
        10:01 firebell: @ana :warning: Nobody has been paged yet: PagerDuty does not answer (HTTP 503). I keep trying.
        • level 1: please call Ana Example
        • level 2: please call Ben Example
        _I have sent the phone numbers to @ana; anybody else sees them with /oncall payments._
        10:01 firebell: :pager: PagerDuty answers again: #2 is paging.
        10:01 firebell: :pager: #2 is paging @ana.
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn notes_that_pagerduty_does_not_take_keep_nobody_from_being_rung_or_told(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.declared().await;
        stage.minute().await;
        stage.world.desk.always("POST /incidents/{id}/notes", AWAY);
        stage.typed_in("U0BEN", ROOM, "/incident note v41 looks bad").await;
        stage.typed_in("U0BEN", ROOM, "/incident resolve ok").await;
        stage.minute().await;
        assert_eq!(stage.rings_so_far(), "#1 triggered; rang 1", "the note is before the end in the lane");
        stage.typed_in("U0BEN", ROOM, AGAIN).await;
        assert_eq!(stage.rings_so_far(), "#1 resolved, #2 triggered; rang 2");
        stage.world.desk.heal("POST /incidents/{id}/notes");
        stage.wait(2 * HALF_A_MINUTE).await;
        assert_eq!(stage.rings_so_far(), "#1 resolved, #2 triggered; rang 2");
        stage.end().await;
    }
);

on_both_engines!(
    async fn whatever_became_of_telling_pagerduty_of_the_end_somebody_is_rung_anew(db: Db, clock: Clock) {
        let mut stage = Stage::set(db, clock).await;
        stage.trouble_is_expected();
        stage.declared().await;
        for (round, fault) in
            [Fault::Reset, Fault::LoseAnswer, Fault::Refuse { code: "2010".into() }].into_iter().enumerate()
        {
            stage.typed_in("U0BEN", ROOM, "/incident ack").await;
            stage.minute().await;
            stage.world.desk.next("PUT /incidents/{id}", fault);
            stage.typed_in("U0BEN", ROOM, "/incident resolve ok").await;
            stage.clock.advance(Duration::from_millis(1));
            stage.typed_in("U0BEN", ROOM, AGAIN).await;
            stage.wait(HALF_A_MINUTE).await;
            let pages = stage.world.pagerduty.incidents();
            let open: Vec<u64> = pages.iter().filter(|p| p.status == "triggered").map(|p| p.number).collect();
            assert_eq!((pages.len(), open.len()), (round + 2, 1), "{}", stage.rings_so_far());
            assert_eq!(stage.status(1).await, "investigating");
        }
        stage.end().await;
    }
);

on_both_engines!(
    async fn answers_that_get_lost_on_the_way_to_paging_anew_ring_nobody_twice(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.resolved_while_pagerduty_is_away().await;
        stage.heal_rest();
        stage.world.desk.next("PUT /incidents/{id}", Fault::LoseAnswer);
        stage.world.desk.next("POST /incidents", Fault::LoseAnswer);
        stage.typed_in("U0BEN", ROOM, AGAIN).await;
        stage.wait(2 * HALF_A_MINUTE).await;
        assert_eq!(stage.rings_so_far(), "#1 resolved, #2 triggered; rang 2");
        stage.end().await;
    }
);

on_both_engines!(
    async fn however_often_it_ends_and_comes_back_at_once_the_last_word_counts(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let id = {
            stage.declared().await;
            stage.channel_id(ROOM)
        };
        stage.minute().await;
        stage.break_rest(&AWAY);
        let words = ["/incident ack", "/incident resolve ok", AGAIN];
        for (n, typed) in words.iter().chain(&words[1..]).chain(&words[1..]).enumerate() {
            // Not the same words within a minute: those are impatience.
            let typed = typed.replace("ok", &format!("ok {n}")).replace("it is back", &format!("back {n}"));
            stage.slash_in("U0BEN", &id, &typed).await;
            stage.clock.advance(Duration::from_millis(10));
        }
        stage.settle().await;
        stage.wait(HALF_A_MINUTE).await;
        stage.heal_rest();
        stage.wait(2 * HALF_A_MINUTE).await;
        assert_eq!(stage.rings_so_far(), "#1 resolved, #2 triggered; rang 2");
        stage.typed_in("U0BEN", ROOM, "/incident resolve at last").await;
        assert_eq!(stage.rings_so_far(), "#1 resolved, #2 resolved; rang 2");
        stage.end().await;
    }
);

on_both_engines!(
    async fn an_acknowledgement_of_the_first_time_does_not_silence_the_second(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.break_rest(&AWAY);
        stage.typed("U0ANA", "/incident declare payments-down sev1").await;
        for typed in ["/incident ack", "/incident resolve ok", AGAIN] {
            stage.typed_in("U0BEN", ROOM, typed).await;
            stage.clock.advance(Duration::from_millis(10));
        }
        stage.heal_rest();
        stage.wait(2 * HALF_A_MINUTE).await;
        assert_eq!(stage.rings_so_far(), "#1 triggered; rang 1");
        stage.end().await;
    }
);

on_both_engines!(
    async fn the_old_page_ending_by_itself_does_not_end_what_is_to_be_paged_anew(db: Db, clock: Clock) {
        let stage = Stage::set_with(db, clock, "[incidents]\nauto_resolve = \"always\"\n").await;
        stage.resolved_while_pagerduty_is_away().await;
        stage.typed_in("U0BEN", ROOM, AGAIN).await;
        let first = stage.world.pagerduty.incidents()[0].id.clone();
        stage.world.pagerduty.resolve(&first, None);
        stage.settle().await;
        assert_eq!(stage.status(1).await, "investigating");
        stage.heal_rest();
        stage.wait(2 * HALF_A_MINUTE).await;
        assert_eq!(stage.rings_so_far(), "#1 resolved, #2 triggered; rang 2");
        stage.end().await;
    }
);

on_both_engines!(
    async fn whoever_acknowledges_before_anybody_was_rung_hears_that_nobody_is(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.break_rest(&AWAY);
        stage.typed("U0ANA", "/incident declare search is empty sev1 --service search").await;
        stage.wait(HALF_A_MINUTE).await;
        stage.click("U0BEN", "inc-1-search-is-empty", "Acknowledge").await;
        stage.settle().await;
        stage.heal_rest();
        stage.wait(2 * HALF_A_MINUTE).await;
        assert_eq!(stage.rings_so_far(), "#1 acknowledged; rang 1");
        let room = stage.room("inc-1");
        let end = room.find("@ben acknowledged").expect("it was acknowledged");
        assert_reads!(&room[end..], @"
        @ben acknowledged.
        10:00 firebell: :no_bell: That was acknowledged here before PagerDuty knew of it, so it is acknowledged there, too, and rings nobody. To ring somebody: /page @name.
        10:00 firebell: :pager: #1 is paging @cho.
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn whoever_opens_it_again_without_paging_rings_nobody_by_the_page_of_the_first_time(
        db: Db,
        clock: Clock,
    ) {
        let stage = Stage::set(db, clock).await;
        stage.break_rest(&AWAY);
        stage.typed("U0ANA", "/incident declare payments-down sev1 --service search").await;
        stage.wait(HALF_A_MINUTE).await;
        stage.typed_in("U0BEN", ROOM, "/incident resolve it was nothing").await;
        stage.wait(4 * HALF_A_MINUTE).await;
        let answer = stage.typed_in("U0BEN", ROOM, "/incident reopen customers still ask").await;
        assert_reads!(answer, @"INC-1 is open again, paging nobody.");
        stage.heal_rest();
        stage.wait(2 * HALF_A_MINUTE).await;
        assert_eq!(
            (stage.rings_so_far(), stage.status(1).await),
            ("; rang 0".into(), "investigating".into())
        );
        let summary = stage.summary_of("inc-1");
        assert!(summary.contains("PagerDuty\nnobody paged (it ended before anybody was paged)"), "{summary}");
        stage.typed_in("U0BEN", ROOM, "/incident resolve ok").await;
        stage.typed_in("U0BEN", ROOM, AGAIN).await;
        assert_eq!(stage.rings_so_far(), "#1 triggered; rang 1");
        stage.end().await;
    }
);

on_both_engines!(
    async fn whoever_retries_a_page_after_opening_it_again_pages(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.world.desk.next("POST /incidents", Fault::Refuse { code: "1015".into() });
        stage.typed("U0ANA", "/incident declare payments-down sev1").await;
        stage.typed_in("U0BEN", ROOM, "/incident resolve it was nothing").await;
        stage.typed_in("U0BEN", ROOM, "/incident reopen customers still ask").await;
        assert_eq!(stage.press_and_read("U0BEN", ROOM, "Retry").await, "Retrying: PagerDuty incident.");
        assert_eq!(stage.rings_so_far(), "#1 triggered; rang 1");
        stage.end().await;
    }
);
