//! The same on a Cachet site: its numbers, its defaults, and its posts that carry no component.

use firebell::clock::Clock;
use firebell::on_both_engines;
use firebell::sim::desk::Fault;
use firebell::sim::scene::World;
use firebell::store::Db;

use crate::notices::ROOM;
use crate::stage::Stage;

pub async fn stage(db: Db, clock: Clock) -> Stage {
    let world = World::start(clock.clone()).await.expect("the world starts");
    let page = world.cachet_toml();
    let stage = Stage::on(world, db, clock, &page).await;
    stage.settle().await;
    stage.typed("U0ANA", "/incident declare payments down sev2").await;
    stage
}

on_both_engines!(
    async fn an_incident_is_told_on_cachet_from_the_first_word_to_the_last(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.tell("U0ANA", "update major \"All payments fail.\" Checkout").await;
        assert_reads!(stage.world.cachet.public(), @"
        Checkout: Major Outage
        payments down (Investigating)
          All payments fail.
        ");
        stage.tell("U0BEN", "update identified \"Found.\"").await;
        stage.tell("U0BEN", "update resolved").await;
        stage.press("U0BEN", ROOM, "Set all operational & resolve").await;
        assert_reads!(stage.world.cachet.public(), @"
        payments down (Fixed)
          Fixed: This incident has been resolved.
          Identified: Found.
          All payments fail.
        ");
        let site = stage.world.cachet.api_url();
        assert_reads!(stage.tell("U0EVE", "status").await.replace(&site, "https://status.example.com"), @"
        *<https://status.example.com|127.0.0.1>*
        :white_check_mark: All 3 components are operational, and no post is open.
        _Read 0s ago. To tell the public: `/statuspage update`_
        ");
        assert_eq!(stage.world.cachet.notified(), ["payments down: Investigating"]);
        let told = stage.told();
        assert_reads!(told.replace(&site, "https://status.example.com"), @"
        10:00 firebell: :satellite: @ana created a statuspage post: https://status.example.com/incidents/00000000-0000-4000-8000-000000000001
        Investigating
        > All payments fail.
        Checkout: major outage

        10:00 firebell: :satellite: @ben updated the statuspage post: https://status.example.com/incidents/00000000-0000-4000-8000-000000000001
        Identified
        > Found.

        10:00 firebell: :satellite: @ben resolved the statuspage post: https://status.example.com/incidents/00000000-0000-4000-8000-000000000001
        Resolved
        > This incident has been resolved.
        Checkout: operational
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_a_component_was_when_its_incident_was_made_can_be_taken_back(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        // The incident is there, and its components are not set yet.
        stage.world.desk.next("PUT /api/components/{id}", Fault::Unavailable { status: 502 });
        stage.tell("U0ANA", "update major \"All payments fail.\" Checkout").await;
        stage.pass(1).await;
        assert!(stage.world.cachet.public().contains("Checkout: Major Outage"));
        stage.tell("U0ANA", "update operational \"Payments work again.\" Checkout").await;
        assert_reads!(stage.world.cachet.public(), @"
        payments down (Investigating)
          Investigating: Payments work again.
          All payments fail.
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn lost_answers_double_nothing_on_cachet(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.world.desk.next("POST /api/incidents", Fault::LoseAnswer);
        stage.tell("U0ANA", "update investigating").await;
        stage.pass(1).await;
        // The same words as those that it began with.
        stage.world.desk.next("POST /api/incidents/{id}/updates", Fault::LoseAnswer);
        stage.tell("U0BEN", "update investigating --again").await;
        stage.pass(1).await;
        // The post is there, and its component is not set yet.
        stage.world.desk.next("PUT /api/components/{id}", Fault::Unavailable { status: 502 });
        stage.tell("U0BEN", "update degraded \"Search is slow.\" Search").await;
        stage.pass(1).await;
        let incidents = stage.world.cachet.incidents();
        assert_eq!(incidents.len(), 1);
        let updates: Vec<&str> = incidents[0].updates.iter().map(|u| u.message.as_str()).collect();
        assert_eq!(updates, ["We are currently investigating this issue.", "Search is slow."]);
        assert!(stage.world.cachet.public().contains("Search: Performance Issues"));
        assert!(incidents[0].visible, "the public sees it");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_wrong_token_is_told_with_what_to_do(db: Db, clock: Clock) {
        let mut stage = stage(db, clock).await;
        stage.trouble_is_expected();
        stage.world.cachet.revoke_token();
        stage.tell("U0ANA", "update investigating").await;
        assert_reads!(stage.told(), @"
        10:00 firebell: @ana :warning: Not published on the status page: Cachet says no: Unauthenticated. (401). Nobody outside has read this:
        Investigating · impact major
        > We are currently investigating this issue.
        Please post it by hand in its dashboard; or, once it is mended, firebell jobs retry N.
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_component_without_a_state_is_asked_about_because_nobody_would_see_it(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        assert_reads!(stage.tell("U0ANA", "update investigating \"First.\" Checkout, public").await, @r#"A post on Cachet cannot name Public API and Checkout without a state, so nothing was published. Say how it is: `/statuspage update degraded "message" "Public API", "Checkout"`; or leave it out."#);
        assert!(stage.world.cachet.incidents().is_empty());
        stage.tell("U0ANA", "").await;
        let form = format!("{}", stage.form().view);
        assert!(form.contains("Checkout") && !form.contains("Affected, its state unchanged"), "{form}");
        // What is over has a state.
        stage.tell("U0ANA", "update degraded \"First.\" Checkout, \"Public API\"").await;
        stage.tell("U0ANA", "update resolved Checkout, public").await;
        assert_reads!(stage.world.cachet.public(), @"
        payments down (Fixed)
          Fixed: This incident has been resolved.
          First.
        ");
        stage.end().await;
    }
);
