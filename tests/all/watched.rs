//! What an operator's monitoring sees of user groups.

use std::time::Duration;

use firebell::on_both_engines;
use firebell::sim::desk::Fault;
use firebell::sim::scene::World;

use crate::stage::Stage;

const HOUR: Duration = Duration::from_secs(3600);

impl Stage {
    /// The lines about groups and the rota on the admin listener's page.
    async fn gauges(&self) -> String {
        self.running.read_gauges().await.expect("gauges");
        let url = format!("http://{}/metrics", self.running.admin);
        let client = firebell::sim::signed::wire().expect("a client");
        #[expect(clippy::disallowed_methods, reason = "this is Prometheus")]
        let page = client.get(url).send().await.expect("an answer").text().await.expect("a page");
        let named = ["firebell_group", "firebell_unmapped", "firebell_next_handoff"];
        let is_meant = |line: &&str| named.iter().any(|name| line.starts_with(name));
        let mut lines: Vec<&str> = page.lines().filter(is_meant).collect();
        lines.sort_unstable();
        lines.join("\n")
    }
}

on_both_engines!(
    async fn the_metrics_say_which_groups_are_not_in_step_and_for_how_long(db: Db, clock: Clock) {
        let world = World::start(clock.clone()).await.expect("the world starts");
        let now = clock.now();
        world.pagerduty.add_user("PZOE001", "Zoe", "zoe@elsewhere.example", None);
        world.pagerduty.add_schedule("PSCHED1", "Payments", &[("PANA001", now - HOUR, now + HOUR)]);
        world.pagerduty.add_schedule("PSCHED2", "Search", &[("PZOE001", now - HOUR, now + 2 * HOUR)]);
        world.pagerduty.add_escalation_policy("PEP0009", "Both", &[&["PSCHED1"], &["PSCHED2"]]);
        world.slack.add_usergroup("S0PAY", "payments-oncall", &["U0BEN"]);
        let groups = "[[group]]\nhandle = \"payments-oncall\"\nschedules = [\"PSCHED1\", \"PSCHED2\"]\n\
            [[group]]\nhandle = \"not-there\"\nschedules = [\"PSCHED1\"]\n";
        let stage = Stage::on(world, db, clock.clone(), groups).await;
        stage.settle().await;
        clock.advance(Duration::from_secs(10));
        assert_reads!(stage.gauges().await, @"");
        // PagerDuty goes away: what is known is right until the next hand-off, and grows old all the same.
        stage.world.desk.always("pagerduty", Fault::Unavailable { status: 503 });
        clock.advance(Duration::from_secs(590));
        assert_reads!(stage.gauges().await, @"");
    }
);
