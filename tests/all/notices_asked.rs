//! What the public would read that nobody said is asked about first: states, sentences, an end that is taken back. And
//! what of a post is out is told as it is.

use std::time::Duration;

use firebell::on_both_engines;
use firebell::sim::desk::Fault;

use crate::notices::{ROOM, stage};
use crate::notices_cachet::stage as cachet_stage;
use crate::stage::Stage;

on_both_engines!(
    async fn an_incidents_status_lists_components_and_leaves_their_state_alone(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.world.statuspage.set_by_hand("cmpapi", "degraded_performance");
        stage.tell("U0ANA", "update investigating \"We are looking.\" Checkout, public").await;
        assert_reads!(stage.public(), @"
        Public API: degraded_performance
        [major] payments down (investigating)
          investigating: We are looking.
        ");
        assert_reads!(stage.told(), @"
        10:00 firebell: :satellite: @ana created a statuspage post: https://stspg.io/inc000000001
        Investigating
        > We are looking.
        Affected, state unchanged: Public API, Checkout
        ");
        assert_eq!(stage.world.statuspage.incidents()[0].component_ids, ["cmpapi", "cmpcheckout"]);
        // What was listed has a state once somebody says it, and keeps it when it is listed again.
        stage.tell("U0BEN", "update partial \"Some payments fail.\" Checkout").await;
        stage.tell("U0BEN", "update identified \"Found.\" Checkout").await;
        assert_reads!(stage.public(), @"
        Public API: degraded_performance
        Checkout: partial_outage
        [major] payments down (identified)
          identified: Found.
          investigating: Some payments fail.
          investigating: We are looking.
        ");
        // Over: what was only listed is asked about as well.
        assert_reads!(stage.tell("U0ANA", "update resolved").await, @"
        :eyes: The public will read this about INC-1; nothing is published yet.
        *Resolved*
        > This incident has been resolved.
        :warning: Not well yet: Public API: degraded performance · Checkout: partial outage
        ");
        stage.press("U0ANA", ROOM, "Set all operational & resolve").await;
        assert_reads!(stage.public(), @"
        [major] payments down (resolved)
          resolved: This incident has been resolved.
          identified: Found.
          investigating: Some payments fail.
          investigating: We are looking.
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn on_cachet_a_component_that_is_only_named_keeps_the_state_that_it_has(db: Db, clock: Clock) {
        let stage = cachet_stage(db, clock).await;
        // Named alone it would be nowhere on the page: the words go out without it, and its state stays.
        let answer = stage.tell("U0ANA", "update investigating \"We are looking.\" Checkout").await;
        assert!(answer.contains("cannot name Checkout without a state"), "{answer}");
        stage.tell("U0ANA", "update investigating \"We are looking.\"").await;
        assert_reads!(stage.world.cachet.public(), @"
        payments down (Investigating)
          We are looking.
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_sentence_that_nobody_wrote_is_shown_before_it_is_published(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        assert_reads!(stage.tell("U0ANA", "update major Checkout, public").await, @"
        :eyes: The public will read this about INC-1; nothing is published yet.
        *Investigating* · impact critical
        > We are seeing a major outage of Public API and Checkout.
        Public API: major outage · Checkout: major outage
        _You wrote no message, so the sentence is mine._
        ");
        assert_eq!(stage.public(), "All Systems Operational");
        stage.press("U0ANA", ROOM, "Publish").await;
        assert_reads!(stage.public(), @"
        Public API: major_outage
        Checkout: major_outage
        [critical] payments down (investigating)
          investigating: We are seeing a major outage of Public API and Checkout.
        ");
        // A state without whose it is says which ones there are, and sets none.
        assert_reads!(stage.tell("U0ANA", "update operational").await, @"Which component? “operational” is the state of components, so name them: `/statuspage update operational Public API, Checkout`. The post is about Public API and Checkout. Nothing was published.");
        assert_reads!(stage.tell("U0ANA", "update degraded \"Still slow.\"").await, @r#"Which component? “degraded performance” is the state of components, so name them: `/statuspage update degraded_performance "message" Public API, Checkout`. The post is about Public API and Checkout. Nothing was published."#);
        assert_eq!(stage.world.statuspage.incidents()[0].posts.len(), 1);
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_was_over_is_not_opened_again_without_a_question(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        let over = async |stage: &Stage| {
            stage.tell("U0ANA", "update investigating \"Looking.\"").await;
            stage.tell("U0ANA", "update resolved").await;
            stage.tell("U0BEN", "update monitoring").await
        };
        assert_reads!(over(&stage).await, @"
        :eyes: The public will read this about INC-1; nothing is published yet.
        *Monitoring*
        > A fix has been implemented and we are monitoring the results.
        :warning: It is resolved on the status page: this opens it again.
        ");
        assert_eq!(stage.world.statuspage.incidents()[0].status, "resolved");
        stage.press("U0BEN", ROOM, "Publish").await;
        assert_eq!(stage.world.statuspage.incidents()[0].status, "monitoring");
        stage.end().await;
    }
);

on_both_engines!(
    async fn on_cachet_what_was_over_is_asked_about_too(db: Db, clock: Clock) {
        let stage = cachet_stage(db, clock).await;
        stage.tell("U0ANA", "update investigating \"Looking.\"").await;
        stage.tell("U0ANA", "update resolved").await;
        let asked = stage.tell("U0BEN", "update monitoring \"Watching.\"").await;
        assert!(asked.contains("It is resolved on the status page: this opens it again."), "{asked}");
        assert!(stage.world.cachet.public().contains("(Fixed)"), "{}", stage.world.cachet.public());
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_draft_that_is_older_than_the_end_does_not_open_it_again(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.tell("U0ANA", "update investigating \"Looking.\"").await;
        stage.tell("U0ANA", "update partial Checkout").await; // a question
        stage.pass(1).await;
        stage.tell("U0BEN", "update resolved").await;
        assert_reads!(stage.press_and_read("U0ANA", ROOM, "Publish").await, @"It was resolved on the status page meanwhile: nothing was published. Write it anew if it is back.");
        assert_eq!(stage.world.statuspage.status_of("cmpcheckout"), "operational");
        assert_eq!(stage.world.statuspage.incidents()[0].status, "resolved");
        stage.end().await;
    }
);

on_both_engines!(
    async fn words_that_are_out_are_not_said_to_be_missing(db: Db, clock: Clock) {
        let mut stage = cachet_stage(db, clock).await;
        stage.trouble_is_expected();
        stage.tell("U0ANA", "update investigating \"Looking.\"").await;
        let site = stage.world.cachet.api_url();
        stage.world.desk.always("PUT /api/components/{id}", Fault::Unavailable { status: 500 });
        stage.tell("U0ANA", "update major \"All payments fail.\" Checkout").await;
        stage.wait(Duration::from_secs(20)).await;
        assert_reads!(stage.last(ROOM, 1), @"
        10:00 firebell: :hourglass: What @ana wrote for the public is on the status page, but not all components are set yet: Cachet does not answer (HTTP 500). I keep trying for some minutes.
        Checkout: major outage
        ");
        // The page is away as a whole now: what is known stays known.
        stage.world.desk.always("cachet", Fault::Unavailable { status: 503 });
        stage.pass(60).await;
        let told = stage.told();
        assert_reads!(told.split("\n\n").last().unwrap_or_default().replace(&site, "https://status.example.com"), @"
        10:24 firebell: @ana :warning: Not all components are set on the status page: Cachet does not answer (HTTP 500). The words are there.
        Checkout: major outage
        Please set them by hand on https://status.example.com/incidents/00000000-0000-4000-8000-000000000001; or, once it is mended, firebell jobs retry N.
        ");
        stage.world.desk.heal("cachet");
        stage.world.desk.heal("PUT /api/components/{id}");
        stage.retry_parked().await;
        assert_reads!(stage.world.cachet.public(), @"
        Checkout: Major Outage
        payments down (Investigating)
          Investigating: All payments fail.
          Looking.
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn components_alone_that_are_late_are_told_as_components(db: Db, clock: Clock) {
        let mut stage = stage(db, clock).await;
        stage.trouble_is_expected();
        stage.world.statuspage.set_by_hand("cmpcheckout", "major_outage");
        stage.world.desk.always("PATCH /pages/{page}/components/{id}", Fault::Unavailable { status: 500 });
        stage.tell("U0ANA", "update operational Checkout").await;
        stage.wait(Duration::from_secs(20)).await;
        assert_reads!(stage.last(ROOM, 1), @"
        10:00 firebell: :hourglass: What @ana set on the status page is not all there yet: Statuspage does not answer (HTTP 500). I keep trying for some minutes.
        Checkout: operational
        ");
        stage.pass(60).await;
        let told = stage.told();
        assert_reads!(told.split("\n\n").last().unwrap_or_default(), @"
        10:24 firebell: @ana :warning: Not set on the status page: Statuspage does not answer (HTTP 500).
        Checkout: operational
        Please set it by hand at https://manage.statuspage.io; or, once it is mended, firebell jobs retry N.
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_long_wait_is_told_at_once_in_every_room_that_it_holds_up(db: Db, clock: Clock) {
        let mut stage = stage(db, clock).await;
        stage.trouble_is_expected();
        stage.typed("U0BEN", "/incident declare search slow sev4 --service search").await;
        stage.world.desk.next("POST /pages/{page}/incidents", Fault::RateLimited { after_secs: 120 });
        stage.tell("U0ANA", "update investigating \"Payments fail.\"").await;
        stage.typed_in("U0BEN", "inc-2-search-slow", "/statuspage update investigating \"Slow.\"").await;
        stage.wait(Duration::from_secs(3)).await;
        let told = |stage: &Stage, room: &str| {
            let transcript = stage.world.slack.transcript(room);
            let told =
                transcript.split("\n\n").filter(|p| p.contains("hourglass")).collect::<Vec<_>>().join("\n\n");
            told.split(' ')
                .map(|w| if w.parse::<u32>().is_ok() { "N" } else { w })
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_reads!(told(&stage, ROOM), @"10:00 firebell: :hourglass: Statuspage asks me to wait N s. That is for the whole page: nothing of any incident gets there until then. What @ana wrote for the public follows by itself. If it cannot wait, do it by hand at https://manage.statuspage.io, and ask an operator of Firebell to keep it from coming twice: firebell jobs discard N does that.");
        assert_reads!(told(&stage, "inc-2-search-slow"), @"10:00 firebell: :hourglass: Statuspage asks me to wait N s. That is for the whole page: nothing of any incident gets there until then. What @ben wrote for the public follows by itself. If it cannot wait, do it by hand at https://manage.statuspage.io, and ask an operator of Firebell to keep it from coming twice: firebell jobs discard N does that.");
        let (once, other) = (told(&stage, ROOM), told(&stage, "inc-2-search-slow"));
        stage.pass(4).await;
        assert_eq!((told(&stage, ROOM), told(&stage, "inc-2-search-slow")), (once, other), "told once");
        assert_eq!(stage.world.statuspage.incidents().len(), 2);
        stage.end().await;
    }
);
