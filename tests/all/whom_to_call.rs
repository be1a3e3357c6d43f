//! When PagerDuty pages nobody, people call each other: everybody learns whom, and phone numbers are shown where the
//! configuration allows it.

use std::time::Duration;

use firebell::clock::Clock;
use firebell::on_both_engines;
use firebell::sim::desk::Fault;
use firebell::store::Db;

use crate::stage::Stage;

const ROOM: &str = "inc-1-payments-down";

/// Ben takes command while PagerDuty does not answer; what the room reads then.
async fn nobody_is_paged(db: Db, clock: Clock, phones: &str) -> (Stage, String) {
    let stage = Stage::set_with(db, clock, &format!("\n[paging]\nphones = {phones:?}\n")).await;
    stage.world.desk.always("pagerduty", Fault::Unavailable { status: 503 });
    stage.world.desk.always("chat.postMessage", Fault::Unavailable { status: 503 });
    let answer = stage.slash("U0ANA", "/incident declare payments-down sev1").await;
    stage.settle().await;
    stage.slash_in("U0BEN", &stage.channel_id(ROOM), "/incident role ic").await;
    stage.world.desk.heal("chat.postMessage");
    stage.wait(Duration::from_secs(60)).await;
    let said = stage.paragraphs(ROOM, "Nobody has been paged yet").join("\n\n");
    let read = format!("{answer}\n\n{said}");
    (stage, read)
}

on_both_engines!(
    async fn the_room_reads_names_and_those_who_call_get_the_numbers(db: Db, clock: Clock) {
        let (stage, read) = nobody_is_paged(db, clock, "private").await;
        assert_reads!(read, @"
        :rotating_light: Declaring *INC-1 payments-down* as *SEV1*: opening #inc-1-payments-down, paging Ana Example ☎ +49 1515550101.

        10:00 firebell: @ana :warning: Nobody has been paged yet: PagerDuty does not answer (HTTP 503). I keep trying.
        • level 1: please call Ana Example
        • level 2: please call Ben Example
        _I have sent the phone numbers to @ana and @ben; anybody else sees them with /oncall payments._
        ");
        assert_reads!(stage.world.slack.dm_transcript("U0ANA"), @"
        10:00 firebell: :telephone_receiver: INC-1 payments-down: Nobody has been paged yet.
        • level 1: please call Ana Example ☎ +49 1515550101
        • level 2: please call Ben Example ☎ +49 1515550102
        ");
        assert_reads!(stage.world.slack.dm_transcript("U0BEN"), @"
        10:00 firebell: :telephone_receiver: INC-1 payments-down: Nobody has been paged yet.
        • level 1: please call Ana Example ☎ +49 1515550101
        • level 2: please call Ben Example ☎ +49 1515550102
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_pagerduty_refuses_shows_no_numbers_in_the_room_either(db: Db, clock: Clock) {
        let mut stage = Stage::set(db, clock).await;
        stage.trouble_is_expected();
        stage.world.desk.next("POST /incidents", Fault::Refuse { code: "1015".into() });
        stage.typed("U0ANA", "/incident declare payments-down sev1").await;
        let said = stage.paragraphs(ROOM, "Failed to page").join("\n\n");
        assert!(said.contains("Ana Example") && !said.contains("+49"), "{said}");
        assert!(
            stage.world.slack.dm_transcript("U0ANA").contains("please call Ben Example ☎ +49 1515550102")
        );
        stage.end().await;
    }
);

on_both_engines!(
    async fn where_channels_may_show_numbers_the_room_does(db: Db, clock: Clock) {
        let (stage, read) = nobody_is_paged(db, clock, "public").await;
        assert!(read.contains("• level 1: please call Ana Example ☎ +49 1515550101"), "{read}");
        assert_eq!(stage.world.slack.dm_transcript("U0ANA"), "");
        stage.end().await;
    }
);

on_both_engines!(
    async fn numbers_that_are_never_shown_are_not_shown(db: Db, clock: Clock) {
        let (stage, read) = nobody_is_paged(db, clock, "never").await;
        let read = read + &stage.world.slack.dm_transcript("U0ANA");
        assert!(read.contains("• level 1: please call Ana Example\n") && !read.contains("+49"), "{read}");
        stage.end().await;
    }
);
