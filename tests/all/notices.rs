//! `/statuspage`: what people tell the public, how it gets there, and what never does.

use firebell::clock::Clock;
use firebell::on_both_engines;
use firebell::sim::scene::World;
use firebell::store::Db;

use crate::acts::{form_answer, read_form, text};
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
        let transcript = self.world.slack.transcript(ROOM);
        let told = transcript.split("\n\n").filter(|p| p.contains("statuspage") || p.contains("status page"));
        // Which number a job has is nobody's business here.
        let told = told.map(|p| {
            p.split_once("jobs retry ").map_or(p.to_owned(), |(head, _)| format!("{head}jobs retry N."))
        });
        told.collect::<Vec<_>>().join("\n\n")
    }
}

on_both_engines!(
    async fn an_incident_is_told_to_the_public_from_the_first_word_to_the_last(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        assert_reads!(stage.tell("U0ANA", "update investigating \"Some payments fail.\" Checkout").await, @"
        :satellite: Publishing for INC-1: *Investigating* · impact major
        > Some payments fail.
        Affected, state unchanged: Checkout
        The incident's channel hears when it is out, and where.
        ");
        assert_reads!(stage.public(), @"
        [major] payments down (investigating)
          investigating: Some payments fail.
        ");
        stage.pass(5).await;
        assert_reads!(stage.tell("U0BEN", "update identified").await, @"
        :satellite: Publishing for INC-1: *Identified*
        > The issue has been identified and a fix is being implemented.
        The incident's channel hears when it is out, and where.
        ");
        assert_reads!(stage.tell("U0BEN", "update major_outage “All payments fail.” checkout, public").await, @"
        :satellite: Publishing for INC-1: *Update* · impact critical
        > All payments fail.
        Public API: major outage · Checkout: major outage
        The incident's channel hears when it is out, and where.
        ");
        assert_reads!(stage.public(), @"
        Public API: major_outage
        Checkout: major_outage
        [critical] payments down (identified)
          identified: All payments fail.
          identified: The issue has been identified and a fix is being implemented.
          investigating: Some payments fail.
        ");
        assert_reads!(stage.tell("U0ANA", "update operational \"The API works again.\" public api").await, @"
        :satellite: Publishing for INC-1: *Update*
        > The API works again.
        Public API: operational
        The incident's channel hears when it is out, and where.
        ");
        stage.tell("U0ANA", "update operational \"Payments work again.\" checkout").await;
        assert_reads!(stage.tell("U0ANA", "update resolved").await, @"
        :satellite: Publishing for INC-1: *Resolved*
        > This incident has been resolved.
        The incident's channel hears when it is out, and where.
        ");
        assert_reads!(stage.public(), @"
        [critical] payments down (resolved)
          resolved: This incident has been resolved.
          identified: Payments work again.
          identified: The API works again.
          identified: All payments fail.
          identified: The issue has been identified and a fix is being implemented.
          investigating: Some payments fail.
        ");
        assert_reads!(stage.told(), @"
        10:00 firebell: :satellite: @ana created a statuspage post: https://stspg.io/inc000000001
        Investigating
        > Some payments fail.
        Affected, state unchanged: Checkout

        10:05 firebell: :satellite: @ben updated the statuspage post: https://stspg.io/inc000000001
        Identified
        > The issue has been identified and a fix is being implemented.

        10:05 firebell: :satellite: @ben updated the statuspage post: https://stspg.io/inc000000001
        Identified
        > All payments fail.
        Public API: major outage · Checkout: major outage

        10:05 firebell: :satellite: @ana updated the statuspage post: https://stspg.io/inc000000001
        Identified
        > The API works again.
        Public API: operational

        10:05 firebell: :satellite: @ana updated the statuspage post: https://stspg.io/inc000000001
        Identified
        > Payments work again.
        Checkout: operational

        10:05 firebell: :satellite: @ana resolved the statuspage post: https://stspg.io/inc000000001
        Resolved
        > This incident has been resolved.
        Public API: operational · Checkout: operational
        ");
        assert_reads!(stage.slash("U0ANA", "/incident timeline INC-1").await, @"
        *INC-1 payments down* timeline (UTC)
        _Saturday, 21 November 2026_
        `10:00` *declared* Declared payments down as SEV2 — Ana Example
        `10:00` *channel* Opened #inc-1-payments-down
        `10:00` *page* Opened PagerDuty incident #1
        `10:00` *page* #1 triggered, paging Ana Example
        `10:00` *statuspage* Status page: Investigating: Some payments fail. (Checkout) https://stspg.io/inc000000001 — Ana Example
        `10:05` *statuspage* Status page: Identified: The issue has been identified and a fix is being implemented. https://stspg.io/inc000000001 — Ben Example
        `10:05` *statuspage* Status page: Identified: All payments fail. (Public API major outage, Checkout major outage) https://stspg.io/inc000000001 — Ben Example
        `10:05` *statuspage* Status page: Identified: The API works again. (Public API operational) https://stspg.io/inc000000001 — Ana Example
        `10:05` *statuspage* Status page: Identified: Payments work again. (Checkout operational) https://stspg.io/inc000000001 — Ana Example
        `10:05` *statuspage* Status page: Resolved: This incident has been resolved. (Public API operational, Checkout operational) https://stspg.io/inc000000001 — Ana Example
        ");
        assert_eq!(stage.world.statuspage.incidents().len(), 1);
        assert_reads!(stage.world.statuspage.notified().join("\n"), @"
        payments down: investigating
        payments down: identified
        payments down: identified
        payments down: identified
        payments down: identified
        payments down: resolved
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn resolving_asks_what_becomes_of_components_that_are_not_well(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.tell("U0ANA", "update major \"All payments fail.\" Checkout, Public API, Europe/Search").await;
        // Somebody else's post is about the API as well.
        stage.world.statuspage.post_by_hand("Slow API", &["cmpapi"]);
        stage.world.statuspage.set_by_hand("cmpeusearch", "operational");
        stage.pass(4).await;
        let asked = stage.tell("U0ANA", "update resolved \"It is over.\"").await;
        assert_reads!(asked, @"
        :eyes: The public will read this about INC-1; nothing is published yet.
        *Resolved*
        > It is over.
        :warning: Not well yet: Public API: major outage · Checkout: major outage
        ");
        assert_eq!(
            stage.world.statuspage.incidents()[0].status,
            "investigating",
            "nothing without an answer"
        );
        assert_reads!(stage.press_and_read("U0ANA", ROOM, "Set all operational & resolve").await, @"
        :satellite: Publishing for INC-1: *Resolved*
        > It is over.
        The incident's channel hears when it is out, and where.
        ");
        assert_reads!(stage.public(), @"
        Public API: major_outage
        [minor] Slow API (investigating)
          investigating: By hand.
        [critical] payments down (resolved)
          resolved: It is over.
          investigating: All payments fail.
        ");
        assert_reads!(stage.last(ROOM, 1), @"
        10:04 firebell: :satellite: @ana resolved the statuspage post: https://stspg.io/inc000000001
        Resolved
        > It is over.
        Checkout: operational · Europe / Search: operational
        Left as they are, because another open post is about them: Public API.
        ");
        assert_eq!(
            stage.tell("U0BEN", "update resolved").await,
            "It is resolved on the status page already."
        );
        stage.end().await;
    }
);

on_both_engines!(
    async fn resolving_may_keep_components_as_they_are(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.tell("U0ANA", "update partial_outage Checkout").await;
        stage.press("U0ANA", ROOM, "Publish").await;
        stage.tell("U0ANA", "update resolved").await;
        stage.press("U0ANA", ROOM, "Resolve & keep current states").await;
        assert_reads!(stage.public(), @"
        Checkout: partial_outage
        [major] payments down (resolved)
          resolved: This incident has been resolved.
          investigating: We are seeing a partial outage of Checkout.
        ");
        // Put right later: the public need not hear of it once more.
        assert_reads!(stage.tell("U0BEN", "update operational \"All well.\" Checkout").await, @"No open post is about this incident, so there is nowhere to put the message. Leave it out to set the component alone.");
        assert_reads!(stage.tell("U0BEN", "update operational Checkout").await, @":satellite: Setting on the status page, without a post: Checkout: operational. The incident's channel hears when it is done.");
        assert_reads!(stage.last(ROOM, 1), @"10:00 firebell: :satellite: @ben set on the status page: Checkout: operational.");
        assert_eq!(stage.public().lines().count(), 3, "{}", stage.public());
        // It is back: the same post goes on.
        assert_reads!(stage.tell("U0BEN", "update degraded \"It is back.\" Checkout").await, @"
        :eyes: The public will read this about INC-1; nothing is published yet.
        *Investigating* · impact minor
        > It is back.
        Checkout: degraded performance
        :warning: It is resolved on the status page: this opens it again.
        ");
        stage.press("U0BEN", ROOM, "Publish").await;
        assert_reads!(stage.public(), @"
        Checkout: degraded_performance
        [minor] payments down (investigating)
          investigating: It is back.
          resolved: This incident has been resolved.
          investigating: We are seeing a partial outage of Checkout.
        ");
        assert_eq!(stage.world.statuspage.incidents().len(), 1);
        // Named, a component is restored without a question.
        stage.tell("U0BEN", "update resolved Checkout").await;
        assert!(stage.public().starts_with("[minor] payments down (resolved)"), "{}", stage.public());
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_private_incident_reaches_the_public_only_with_a_reason(db: Db, clock: Clock) {
        let stage = quiet_stage(db, clock, "").await;
        stage.typed("U0ANA", "/incident declare payroll leaked sev1 --private").await;
        let room = "inc-1-payroll-leaked";
        let talk = stage
            .talk(
                "U0ANA",
                room,
                &[
                    "/statuspage update investigating \"Some data was visible.\"",
                    "/statuspage update investigating \"Some data was visible.\" --force",
                    "/statuspage update investigating \"Some data was visible.\" --force because",
                    "/statuspage update investigating \"Some data was visible.\" --forec \"customers have noticed\"",
                ],
            )
            .await;
        assert_reads!(talk, @r#"
        /statuspage update investigating "Some data was visible."
          → INC-1 is private: nothing was published. If the public has to know, say why: `/statuspage update … --force "customers have noticed"`. The reason stays on the timeline.
        /statuspage update investigating "Some data was visible." --force
          → Say why, in at least 10 characters and in quotes: `/statuspage update … --force "customers have noticed"`.
        /statuspage update investigating "Some data was visible." --force because
          → Say why, in at least 10 characters and in quotes: `/statuspage update … --force "customers have noticed"`.
        /statuspage update investigating "Some data was visible." --forec "customers have noticed"
          → I do not know `--forec`. I know `--force "reason"` and `--again`.
        "#);
        // To others there is no such incident, whatever they say.
        let answer = stage
            .typed("U0EVE", "/statuspage update INC-1 investigating --force \"customers have noticed\"")
            .await;
        assert_reads!(answer, @"There is no incident INC-1. See `/incident list`.");
        stage.settle().await;
        assert_eq!(stage.public(), "All Systems Operational");
        let typed =
            "/statuspage update investigating \"Some data was visible.\" --force “customers have noticed”";
        stage.typed_in("U0ANA", room, typed).await;
        assert_reads!(stage.public(), @"
        [critical] Service disruption (investigating)
          investigating: Some data was visible.
        ");
        assert!(!format!("{:?}", stage.world.statuspage.incidents()).contains("payroll"));
        assert_reads!(stage.slash("U0ANA", "/incident timeline INC-1").await, @"
        *INC-1 payroll leaked* timeline (UTC)
        _Saturday, 21 November 2026_
        `10:00` *declared* Declared payroll leaked as SEV1 — Ana Example
        `10:00` *channel* Opened #inc-1-payroll-leaked
        `10:00` *page* Opened PagerDuty incident #1
        `10:00` *page* #1 triggered, paging Ana Example
        `10:00` *statuspage* Told the public of a private incident, because: customers have noticed — Ana Example
        `10:00` *statuspage* Status page: Investigating: Some data was visible. https://stspg.io/inc000000001 — Ana Example
        ");
        stage.end().await;
    }
);

const PREVIEW: &str = "[[severity]]\nname = \"sev2\"\npreview = true\n";

on_both_engines!(
    async fn a_second_look_comes_before_the_public_where_it_is_asked_for(db: Db, clock: Clock) {
        let stage = stage_with(db, clock, PREVIEW).await;
        assert_reads!(stage.tell("U0ANA", "update investigating \"Some *payments* fail & more.\" Checkout").await, @"
        :eyes: The public will read this about INC-1; nothing is published yet.
        *Investigating* · impact major
        > Some payments fail &amp; more.
        Affected, state unchanged: Checkout
        ");
        assert_eq!(stage.public(), "All Systems Operational");
        assert_reads!(stage.press_and_read("U0ANA", ROOM, "Cancel").await, @"Cancelled: nothing was published.");
        assert_eq!(stage.public(), "All Systems Operational");

        // Edited: the form has the words, and what is submitted is shown once more.
        stage.tell("U0ANA", "update investigating \"Some paymnts fail.\" Checkout").await;
        stage.press("U0ANA", ROOM, "Edit").await;
        assert_reads!(read_form(&stage.form()), @"
        [Status page]

        Status: Investigating
        What the public reads (empty: a standard sentence) (optional): Some paymnts fail.
        Public API (optional): Leave it: operational
        Checkout (optional): Affected, its state unchanged
        Europe / Search (optional): Leave it: operational
        America / Search (optional): Leave it: operational
        [Publish]
        ");
        let shown = stage.submit("U0ANA", &[("text", text("Some payments fail."))]).await;
        assert_reads!(form_answer(&shown), @"
        :eyes: The public will read this about INC-1; nothing is published yet.
        *Investigating* · impact major
        > Some payments fail.
        Affected, state unchanged: Checkout
        ");
        stage.settle().await;
        assert_eq!(stage.public(), "All Systems Operational");
        // What was edited cannot go out any more by its old buttons.
        assert_reads!(stage.press_and_read("U0ANA", ROOM, "Publish").await, @"That is out of date: it has been published, changed or cancelled, or an hour has passed. Write it anew.");
        assert_reads!(form_answer(&stage.submit("U0ANA", &[]).await), @"
        :satellite: Publishing for INC-1: *Investigating* · impact major
        > Some payments fail.
        Affected, state unchanged: Checkout
        The incident's channel hears when it is out, and where.
        ");
        stage.settle().await;
        assert_reads!(stage.public(), @"
        [major] payments down (investigating)
          investigating: Some payments fail.
        ");

        // An hour later it may not be true any more.
        stage.tell("U0ANA", "update monitoring").await;
        stage.pass(61).await;
        let late = stage.press_and_read("U0ANA", ROOM, "Publish").await;
        assert!(late.starts_with("That is out of date"), "{late}");
        stage.tell("U0ANA", "update identified").await;
        assert_reads!(stage.press_and_read("U0ANA", ROOM, "Publish").await, @"
        :satellite: Publishing for INC-1: *Identified*
        > The issue has been identified and a fix is being implemented.
        The incident's channel hears when it is out, and where.
        ");
        stage.settle().await;
        assert_eq!(stage.world.statuspage.incidents()[0].posts.len(), 2);
        stage.end().await;
    }
);

on_both_engines!(
    async fn whoever_resolves_is_reminded_of_a_post_that_is_still_open(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.tell("U0ANA", "update identified \"Some payments fail.\" Checkout").await;
        let told = stage.paragraphs(ROOM, "still open").len();
        assert_eq!(told, 0, "the incident is not over");
        stage.typed_in("U0BEN", ROOM, "/incident resolve").await;
        assert_reads!(stage.last(ROOM, 2), @"
        10:00 @firebell set the channel topic: [SEV2] INC-1 payments down | IC: none | Status: Resolved

        10:00 firebell: :satellite: @ben The statuspage post is still open (Identified): https://stspg.io/inc000000001
        Once it is over for customers, too: /statuspage update resolved
        ");
        // What it says to type does it, in the room of an incident that is over.
        stage.tell("U0BEN", "update resolved").await;
        assert!(stage.public().contains("(resolved)"), "{}", stage.public());
        // Then there is nothing to remind of.
        stage.typed_in("U0BEN", ROOM, "/incident reopen it is back").await;
        stage.typed_in("U0BEN", ROOM, "/incident resolve").await;
        assert_eq!(stage.paragraphs(ROOM, "still open").len(), 1);
        stage.end().await;
    }
);
