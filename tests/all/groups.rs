//! User groups follow the rota: hand-offs, edits, hints, hand edits, and what is never done.

use std::time::Duration;

use firebell::clock::Clock;
use firebell::on_both_engines;
use firebell::sim::scene::World;

use crate::stage::Stage;

const HOUR: Duration = Duration::from_secs(3600);

const GROUP: &str = r#"
[[group]]
handle = "@payments-oncall"
schedules = ["PSCHED1"]
"#;

/// The standard world with a schedule: Ana for an hour, then Ben for a day; and the group that follows it.
async fn world(clock: &Clock) -> World {
    let world = World::start(clock.clone()).await.expect("the world starts");
    let now = clock.now();
    let shifts = [("PANA001", now - HOUR, now + HOUR), ("PBEN001", now + HOUR, now + 25 * HOUR)];
    world.pagerduty.add_schedule("PSCHED1", "Payments primary", &shifts);
    world.pagerduty.add_escalation_policy("PEP0009", "Payments rota", &[&["PSCHED1"]]);
    world.slack.add_usergroup("S0PAY", "payments-oncall", &["U0BEN"]);
    world
}

impl Stage {
    fn people_in(&self, group: &str) -> Vec<String> {
        self.world.slack.usergroup(group).expect("the group").members
    }

    fn writes(&self) -> usize {
        self.world.desk.count("usergroups.users.update")
    }
}

on_both_engines!(
    async fn a_group_follows_the_rota_from_the_start_and_at_the_hand_off(db: Db, clock: Clock) {
        let stage = Stage::on(world(&clock).await, db, clock.clone(), GROUP).await;
        stage.settle().await;
        assert_eq!(stage.people_in("S0PAY"), ["U0ANA"]);
        assert_eq!(stage.writes(), 1);
        // Polls find nothing new, and write nothing.
        stage.wait(Duration::from_secs(600)).await;
        assert_eq!(stage.writes(), 1);
        // The hand-off is known in advance.
        stage.wait(Duration::from_secs(3000 - 10)).await;
        assert_eq!(stage.people_in("S0PAY"), ["U0ANA"]);
        clock.advance(Duration::from_secs(13));
        stage.settle().await;
        assert_eq!(stage.people_in("S0PAY"), ["U0BEN"]);
        assert_eq!(stage.writes(), 2);
        stage.end().await;
    }
);
