//! `/statuspage`: what people tell the public, how it gets there, and what never does.

use std::time::Duration;

use firebell::clock::Clock;
use firebell::on_both_engines;
use firebell::sim::scene::World;
use firebell::store::Db;

use crate::acts::{choice, form_answer, read_form, text};
use crate::stage::Stage;

pub const ROOM: &str = "inc-1-payments-down";

/// The standard world with its page at Statuspage, an open incident, and Ana in its room.
pub async fn stage(db: Db, clock: Clock) -> Stage {
    stage_with(db, clock, "").await
}

pub async fn stage_with(db: Db, clock: Clock, more: &str) -> Stage {
    let stage = quiet_stage(db, clock, more).await;
    stage.typed("U0ANA", "/incident declare payments down sev2").await;
    stage
}

/// The same without an incident.
pub async fn quiet_stage(db: Db, clock: Clock, more: &str) -> Stage {
    let world = World::start(clock.clone()).await.expect("the world starts");
    let page = world.statuspage_toml();
    let stage = Stage::on(world, db, clock, &format!("{page}{more}")).await;
    stage.settle().await;
    stage
}

impl Stage {
    /// Types in the incident's room, and lets everything happen.
    pub async fn tell(&self, user: &str, typed: &str) -> String {
        self.typed_in(user, ROOM, &format!("/statuspage {typed}")).await
    }

    pub fn public(&self) -> String {
        self.world.statuspage.public()
    }

    /// Paragraphs of the room about the page.
    pub fn told(&self) -> String {
        self.paragraphs(ROOM, "statuspage").into_iter().chain(self.paragraphs(ROOM, "status page")).collect::<Vec<_>>().join("\n\n")
    }
}

on_both_engines!(
    async fn an_incident_is_told_to_the_public_from_the_first_word_to_the_last(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        assert_reads!(stage.tell("U0ANA", "update investigating \"Some payments fail.\" Checkout").await, @"");
        assert_reads!(stage.public(), @"");
        stage.pass(5).await;
        assert_reads!(stage.tell("U0BEN", "update identified").await, @"");
        assert_reads!(stage.tell("U0BEN", "update major_outage “All payments fail.” checkout, public").await, @"");
        assert_reads!(stage.public(), @"");
        assert_reads!(stage.tell("U0ANA", "update operational public api").await, @"");
        stage.tell("U0ANA", "update operational \"Payments work again.\" checkout").await;
        assert_reads!(stage.tell("U0ANA", "update resolved").await, @"");
        assert_reads!(stage.public(), @"");
        assert_reads!(stage.told(), @"");
        assert_reads!(stage.slash("U0ANA", "/incident timeline INC-1").await, @"");
        assert_eq!(stage.world.statuspage.incidents().len(), 1);
        assert_reads!(stage.world.statuspage.notified().join("\n"), @"");
        stage.end().await;
    }
);
