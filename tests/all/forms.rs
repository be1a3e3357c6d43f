//! Forms: what a person fills in, what is said beside the fields.

use firebell::on_both_engines;

use crate::acts::{choice, form_answer, read_form, text};
use crate::stage::Stage;

on_both_engines!(
    async fn a_bare_command_opens_the_form_and_submitting_declares(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        assert_eq!(stage.slash("U0ANA", "/incident").await, "");
        assert_eq!(stage.world.desk.count("views.open"), 1);
        assert_reads!(read_form(&stage.form()), @"
        [Declare an incident]
        What is wrong?:
        Severity: SEV3 – Some customers notice, or stability is at risk
        Service: whose on-call is paged (optional): payments
        Options (optional):
        [Declare]
        ");
        let answer = stage
            .submit(
                "U0ANA",
                &[
                    ("title", text("payments down")),
                    ("severity", choice("sev2")),
                    ("service", choice("search")),
                ],
            )
            .await;
        assert_reads!(form_answer(&answer), @":rotating_light: Declaring *INC-1 payments down* as *SEV2*: opening #inc-1-payments-down, paging Cho Example ☎ +49 1515550103.");
        stage.settle().await;
        assert!(stage.world.slack.channel_named("inc-1-payments-down").is_some());
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_is_wrong_with_a_form_is_said_beside_the_field(db: Db, clock: Clock) {
        let stage = Stage::set_with(db, clock, "").await;
        stage.slash("U0ANA", "/incident").await;
        let blank = stage.submit("U0ANA", &[("title", text(" \n\t "))]).await;
        assert_reads!(form_answer(&blank), @r#"{"title":"Say what is wrong, in a few words."}"#);
        // Mended, the same form goes through.
        let good = stage.submit("U0ANA", &[("title", text("payments down"))]).await;
        assert_reads!(form_answer(&good), @":rotating_light: Declaring *INC-1 payments down* as *SEV3*: opening #inc-1-payments-down, paging Ana Example ☎ +49 1515550101.");
        stage.end().await;
    }
);
