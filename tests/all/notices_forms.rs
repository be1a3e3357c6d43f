//! The form behind a bare `/statuspage`.

use firebell::on_both_engines;

use crate::acts::{choice, form_answer, read_form, text};
use crate::notices::{quiet_stage, stage};

on_both_engines!(
    async fn the_form_shows_the_components_and_how_they_are(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.world.statuspage.set_by_hand("cmpeusearch", "degraded_performance");
        stage.pass(4).await;
        assert_eq!(stage.tell("U0ANA", "").await, "");
        assert_reads!(read_form(&stage.form()), @"
        [Status page]

        Status: Investigating
        What the public reads (empty: a standard sentence) (optional):
        Public API (optional): Leave it: operational
        Checkout (optional): Leave it: operational
        Europe / Search (optional): Leave it: degraded performance
        America / Search (optional): Leave it: operational
        [Publish]
        ");
        // What is wrong is said beside the field.
        let wrong = stage.submit("U0ANA", &[("text", text("<@U0BEN> is on it"))]).await;
        assert_reads!(form_answer(&wrong), @r#"{"text":"The message names a person, which means nothing to the public. Write it without, as customers should read it."}"#);
        let given = [
            ("status", choice("identified")),
            ("text", text("We found it.")),
            ("component:cmpcheckout", choice("major_outage")),
        ];
        assert_reads!(form_answer(&stage.submit("U0ANA", &given).await), @"
        :satellite: Publishing for INC-1: *Identified* · impact critical
        > We found it.
        Checkout: major outage
        The incident's channel hears when it is out, and where.
        ");
        // Slack's client sends it again.
        stage.submit("U0ANA", &given).await;
        stage.settle().await;
        assert_reads!(stage.public(), @"
        Checkout: major_outage
        Search: degraded_performance
        [critical] payments down (identified)
          identified: We found it.
        ");
        // Resolving in the form asks in the form.
        stage.tell("U0BEN", "update").await;
        let asked = stage.submit("U0BEN", &[("status", choice("resolved"))]).await;
        assert_reads!(form_answer(&asked), @"
        :eyes: The public will read this about INC-1; nothing is published yet.
        *Resolved*
        > This incident has been resolved.
        :warning: Not well yet: Checkout: major outage
        ");
        stage.submit("U0BEN", &[("restore", choice("all"))]).await;
        stage.settle().await;
        assert_reads!(stage.public(), @"
        Search: degraded_performance
        [critical] payments down (resolved)
          resolved: This incident has been resolved.
          identified: We found it.
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_private_incidents_form_asks_for_the_reason(db: Db, clock: Clock) {
        let stage = quiet_stage(db, clock, "").await;
        stage.typed("U0ANA", "/incident declare payroll leaked sev1 --private").await;
        stage.typed_in("U0ANA", "inc-1-payroll-leaked", "/statuspage").await;
        let short = stage.submit("U0ANA", &[("reason", text("why not"))]).await;
        assert_reads!(form_answer(&short), @r#"{"reason":"Say why, in at least 10 characters."}"#);
        stage.submit("U0ANA", &[("reason", text("customers have noticed"))]).await;
        stage.settle().await;
        assert_reads!(stage.public(), @"
        [critical] Service disruption (investigating)
          investigating: We are currently investigating this issue.
        ");
        stage.end().await;
    }
);
