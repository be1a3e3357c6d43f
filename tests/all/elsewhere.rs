//! What was said to the wrong command, or misspelt: the right words are named, and nothing is done.

use firebell::on_both_engines;

use crate::runbooks::Shelf;
use crate::stage::Stage;

on_both_engines!(
    async fn what_another_command_does_is_not_taken_for_a_title(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let talk = stage
            .talk(
                "U0ANA",
                "general",
                &[
                    "/incident page payments hi",
                    "/incident Page",
                    "/incident runbook payments",
                    "/incident stalk",
                    "/incident unstalk",
                    "/incident oncall payments",
                    "/incident /oncall payments",
                    "/incident statuspage status",
                    "/incident ic responders",
                    "/incident ic page",
                    "/incident page storm sev2",
                    "/incident help runbook list",
                    "/incident help status-check",
                    "/ic page resonders",
                ],
            )
            .await;
        assert_reads!(talk, @"
        /incident page payments hi
          → I do not know `/incident page payments hi`. Did you mean `/page payments hi`?
        /incident Page
          → I do not know `/incident Page`. Did you mean `/page`?
        /incident runbook payments
          → I do not know `/incident runbook payments`. Did you mean `/runbook payments`?
        /incident stalk
          → I do not know `/incident stalk`. Did you mean `/status-check stalk`?
        /incident unstalk
          → I do not know `/incident unstalk`. Did you mean `/status-check unstalk`?
        /incident oncall payments
          → I do not know `/incident oncall payments`. Did you mean `/oncall payments`?
        /incident /oncall payments
          → I do not know `/incident /oncall payments`. Did you mean `/oncall payments`?
        /incident statuspage status
          → I do not know `/incident statuspage status`. Did you mean `/statuspage status`?
        /incident ic responders
          → I do not know `/incident ic responders`. Did you mean `/ic responders`?
        /incident ic page
          → I do not know `/incident ic page`. Did you mean `/ic page`?
        /incident page storm sev2
          → I do not know `/incident page`. To declare an incident: `/incident declare page storm sev2`.
        /incident help runbook list
          → `/runbook list [service]`
            All runbooks, or those of a service. Only you see it.
            Example: `/runbook list payments`
            Also: `ls`
        /incident help status-check
          → */status-check* alone shows the state of the systems; `!status` says the same.
            `/status-check show` — the state of the systems, as the monitors said last
            `/status-check stalk` — tell this channel of every change
            `/status-check unstalk` — stop telling this channel
            `/status-check help [command]` — this list, or more about one command
        /ic page resonders
          → I know nothing called resonders. Did you mean `/ic page responders`?
        ");
        assert!(stage.world.slack.channel_named("inc-1-page-payments-hi").is_none());
        // Whose role it is is the incident's own.
        let answer = stage.slash("U0ANA", "/incident ic @ana").await;
        assert!(answer.contains("Which incident?") || answer.contains("no open incident"), "{answer}");
        stage.end().await;
    }
);

on_both_engines!(
    async fn two_runbooks_of_one_alert_are_told_apart(db: Db, clock: Clock) {
        let shelf = Shelf::new();
        for region in ["EU", "US"] {
            shelf.put(
                &format!("{region}.md"),
                format!("---\ntitle: Ledger errors {region}\nservice: ledger\nalert: HighErr\n---\nSee {region}.\n"),
            );
            shelf.put(
                &format!("same/{region}.md"),
                format!("---\ntitle: Twins\nservice: twins\nalert: Same\n---\nThe one of {region}.\n"),
            );
        }
        let stage = shelf.stage(db, clock).await;
        let talk = stage
            .talk(
                "U0EVE",
                "general",
                &[
                    "/runbook ledger HighErr",
                    "/runbook ledger \"Ledger errors EU\"",
                    "/runbook twins",
                    "/runbook same/US.md",
                    "/runbook shwo ledger",
                    "/runbook lst",
                ],
            )
            .await;
        assert_reads!(talk, @r#"
        /runbook ledger HighErr
          → 2 runbooks fit “ledger HighErr”. Which one?
            • `/runbook ledger "Ledger errors EU"` — Ledger errors EU
            • `/runbook ledger "Ledger errors US"` — Ledger errors US
        /runbook ledger "Ledger errors EU"
          → :green_book: *<https://git.example.com/runbooks/blob/main/EU.md|Ledger errors EU>* — ledger
            See EU.
        /runbook twins
          → 2 runbooks fit “twins”. Which one?
            • `/runbook same/EU.md` — Twins
            • `/runbook same/US.md` — Twins
        /runbook same/US.md
          → :green_book: *<https://git.example.com/runbooks/blob/main/same/US.md|Twins>* — twins
            The one of US.
        /runbook shwo ledger
          → I have no runbook for “shwo ledger”. Did you mean `/runbook show ledger`? `/runbook list` shows all.
        /runbook lst
          → I have no runbook for “lst”. Did you mean `/runbook list`? `/runbook list` shows all.
        "#);
        stage.end().await;
    }
);
