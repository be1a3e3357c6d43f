//! Declaring, from the typed command to the room.

use firebell::on_both_engines;

use crate::stage::Stage;

on_both_engines!(
    async fn declaring_opens_a_room_and_pages(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let answer = stage.typed("U0ANA", "/incident declare payments-down sev1").await;
        assert_reads!(answer, @":rotating_light: Declaring *INC-1 payments-down* as *SEV1*: opening #inc-1-payments-down, paging Ana Example ☎ +49 1515550101.");
        let room = stage.world.slack.channel_named("inc-1-payments-down").expect("the room");
        assert_eq!(room.members.iter().collect::<Vec<_>>(), ["U0ANA", "U0DEE", "U0FIREBELL"]);
        assert_reads!(stage.world.slack.transcript("inc-1-payments-down"), @"
        10:00 firebell: :rotating_light: SEV1 incident declared
        Title: payments-down
        PagerDuty: being paged …
        IC: none yet: press Take command on the pinned summary, or type /incident role ic @name
        Status: Investigating

        10:00 firebell [pinned]: INC-1 payments-down
        Severity
        :rotating_light: SEV1
        Status
        Investigating
        Incident commander
        none yet
        Service
        payments
        PagerDuty
        #1 triggered
        Declared
        @ana, 2026-11-21 10:00 UTC
        [Acknowledge] [Take command] [Post update] [Mitigated] [Resolve]

        10:00 @firebell set the channel topic: [SEV1] INC-1 payments-down | IC: none | Status: Investigating

        10:00 firebell: :pager: #1 is paging @ana.
        ");
        assert_reads!(stage.world.slack.transcript("incidents"), @"10:00 firebell: :rotating_light: SEV1 INC-1 payments-down · Investigating · #inc-1-payments-down");
        assert_reads!(stage.pagerduty().join("\n"), @"
        10:00 Firebell triggered #1 INC-1 payments-down
        10:00 PagerDuty notified Ana Example of #1 INC-1 payments-down
        10:00 Firebell noted on #1 INC-1 payments-down: INC-1 is worked on in Slack: #inc-1-payments-down
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn every_spelling_of_a_severity_is_understood(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let spellings = [
            "/incident declare alpha sev1",
            "/incident declare bravo SEV-1",
            "/incident declare charlie P1",
            "/incident declare delta sev 1",
            "/incident declare echo \"sev 1\"",
            "/incident declare foxtrot critical",
            "/incident declare golf --sev1",
            "/incident declare hotel (sev1)!",
            "/incident declare india SEV_1.",
            "/incident declare “juliet sev1”",
            "/incident DECLARE kilo Sev1",
            "/incident new lima --private sev1 --no-page",
        ];
        for (n, typed) in (1..).zip(spellings) {
            let answer = stage.slash("U0ANA", typed).await;
            assert!(
                answer.contains(&format!("*INC-{n} ")) && answer.contains("as *SEV1*"),
                "{typed}: {answer}"
            );
        }
        stage.settle().await;
        let names: Vec<_> = stage.world.slack.channels().into_iter().map(|c| c.name).collect();
        assert_reads!(names[2..].join(" "), @"inc-1-alpha inc-2-bravo inc-3-charlie inc-4-delta inc-5-echo inc-6-foxtrot inc-7-golf inc-8-hotel inc-9-india inc-10-juliet inc-11-kilo inc-12-lima");
        stage.end().await;
    }
);

on_both_engines!(
    async fn without_a_severity_the_default_is_taken_and_buttons_change_it(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let answer = stage.typed("U0ANA", "/incident declare checkout is slow").await;
        assert_reads!(answer, @"
        :rotating_light: Declaring *INC-1 checkout is slow* as *SEV3*: opening #inc-1-checkout-is-slow, paging Ana Example ☎ +49 1515550101.
        You named no severity, so it is *SEV3*. Change it:
        ");
        let answer = stage.press_and_read("U0ANA", "general", "SEV1").await;
        assert_reads!(answer, @"INC-1 is *SEV1* now.");
        // The question is answered in its place, and gone.
        assert!(!stage.world.slack.ephemeral_transcript("U0ANA").contains("[SEV1]"));
        assert_reads!(stage.summary("inc-1-checkout-is-slow"), @"
        10:00 firebell [pinned]: INC-1 checkout is slow
        Severity
        :rotating_light: SEV1
        Status
        Investigating
        Incident commander
        none yet
        Service
        payments
        PagerDuty
        #1 triggered
        Declared
        @ana, 2026-11-21 10:00 UTC
        [Acknowledge] [Take command] [Post update] [Mitigated] [Resolve]
        ");
        let room = stage.world.slack.channel_named("inc-1-checkout-is-slow").expect("the room");
        assert!(room.members.contains("U0DEE"), "raising invites sev1's group");
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_cannot_be_declared_is_refused_with_what_to_say_instead(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let answers = stage
            .talk(
                "U0ANA",
                "general",
                &[
                    "/incident declare payments down sev0",
                    "/incident declare payments down p0",
                    "/incident declare payments down sev9",
                    "/incident declare payments down --service paymets sev1",
                    "/incident declare payments down --service warehouse sev1",
                    "/incident declare payments down --privat sev1",
                    "/incident declare payments down --silent sev1",
                    "/incident declare payments down sev1 --service",
                    "/incident decalre payments down sev1",
                    "/incident payments down sev1",
                    "/incident payments down",
                    "/incident `x` <!channel> <b>",
                ],
            )
            .await;
        assert_reads!(answers, @r#"
        /incident declare payments down sev0
          → There is no sev0 here: sev1 is the most severe. Use that if you mean it.
        /incident declare payments down p0
          → There is no p0 here: sev1 is the most severe. Use that if you mean it.
        /incident declare payments down sev9
          → “sev9” is no severity. The severities are sev1, sev2, sev3, sev4, sev5.
        /incident declare payments down --service paymets sev1
          → There is no service "paymets". Did you mean payments?
        /incident declare payments down --service warehouse sev1
          → There is no service "warehouse". The services are payments, search.
        /incident declare payments down --privat sev1
          → I do not know `--privat`. Did you mean `--private`?
        /incident declare payments down --silent sev1
          → I do not know `--silent`. I know `--service`, `--private`, `--test`, `--no-page`.
        /incident declare payments down sev1 --service
          → `--service` needs a value after it.
        /incident decalre payments down sev1
          → I do not know `/incident decalre`. Did you mean `/incident declare payments down sev1`?
        /incident payments down sev1
          → I do not know `/incident payments`. To declare an incident: `/incident declare payments down sev1`.
        /incident payments down
          → I do not know `/incident payments`. To declare an incident: `/incident declare payments down sev1`. All commands: `/incident help`.
        /incident `x` <!channel> <b>
          → I do not know `/incident ˋxˋ`. To declare an incident: `/incident declare ˋxˋ &lt;!channel&gt; &lt;b&gt; sev1`. All commands: `/incident help`.
        "#);
        assert!(stage.world.slack.views().is_empty());
        assert_eq!(stage.world.slack.channels().len(), 2, "nothing was opened");
        stage.end().await;
    }
);
