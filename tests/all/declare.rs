//! Declaring, from the typed command to the room.

use firebell::on_both_engines;

use crate::stage::Stage;

on_both_engines!(
    async fn declaring_opens_a_room_and_pages(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let answer = stage.slash("U0ANA", "/incident declare payments-down sev1").await;
        println!("{answer}");
        stage.settle().await;
        println!("{}", stage.world.slack.transcript("inc-1-payments-down"));
        println!("{}", stage.world.slack.transcript("incidents"));
        println!("{}", stage.world.pagerduty.narrate());
        for c in stage.world.desk.calls() {
            println!("{} {} {}", c.ordinal, c.name, c.outcome);
        }
        stage.end().await;
    }
);
