//! PagerDuty's own incidents open channels: which, when, how often, and how many at once.

use firebell::on_both_engines;

use crate::stage::Stage;

on_both_engines!(
    async fn an_incident_on_one_of_our_services_opens_its_channel_on_trigger(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let id = stage.world.pagerduty.trigger("PSVC001", "Checkout errors > 5%", "high");
        stage.settle().await;
        println!("{}\n\n{}\n\n{}", stage.room("inc-1"), stage.summary("inc-1"), stage.timeline(1).await);
        stage.world.pagerduty.acknowledge(&id, "PANA001");
        stage.settle().await;
        println!("{}\n\n{}\n\n{}", stage.room("inc-1"), stage.summary("inc-1"), stage.timeline(1).await);
        println!("{}", stage.members("inc-1"));
        println!("{}", stage.world.pagerduty.narrate());
        stage.end().await;
    }
);
