//! Declaring, from the typed command to the room.

use firebell::on_both_engines;

use crate::acts::{choice, form_answer, text, ticked};
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

on_both_engines!(
    async fn a_test_marks_every_message_and_pages_nobody(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        assert_reads!(stage.typed("U0ANA", "/incident declare a drill sev1 --test").await, @":test_tube: *Test.* :rotating_light: Declaring *[TEST] INC-1 a drill* as *SEV1*: opening #inc-1-a-drill, paging nobody (a test pages nobody).");
        let room = "inc-1-a-drill";
        for typed in [
            "ack",
            "role ic",
            "note x",
            "update y",
            "sev 2",
            "sev 1",
            "mitigated",
            "resolve",
            "reopen z --page",
        ] {
            stage.typed_in("U0ANA", room, &format!("/incident {typed}")).await;
        }
        stage.pass(21).await;
        let channel = stage.world.slack.channel_named(room).expect("the room");
        assert_eq!(channel.members.len(), 2, "only who declares it is invited");
        for message in channel.messages.iter().filter(|m| m.subtype.is_none()) {
            assert!(
                message.text.contains("TEST") || message.text.contains("This is a test"),
                "{}",
                message.text
            );
            let shown = serde_json::to_string(&message.blocks).expect("JSON");
            assert!(message.blocks.is_empty() || shown.contains("TEST"), "{shown}");
        }
        assert!(channel.topic.contains("TEST"), "{}", channel.topic);
        assert_reads!(stage.world.slack.transcript("incidents"), @"10:00 firebell: :rotating_light: :test_tube: TEST SEV1 INC-1 a drill · Investigating · IC @ana · #inc-1-a-drill");
        assert_reads!(stage.summary(room), @"
        10:00 firebell [pinned]: [TEST] INC-1 a drill
        :test_tube: This is a test. Nobody was paged.
        Severity
        :rotating_light: SEV1
        Status
        Investigating
        Incident commander
        @ana
        Service
        payments
        PagerDuty
        nobody paged (a test pages nobody)
        Declared
        @ana, 2026-11-21 10:00 UTC
        Last update 2026-11-21 10:00 UTC
        y
        [Post update] [Mitigated] [Resolve]
        ");
        assert_eq!(stage.pagerduty(), Vec::<String>::new());
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_private_incident_opens_a_private_room_and_is_announced_nowhere(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        assert_reads!(stage.typed("U0BEN", "/incident declare payroll leaked sev1 —private").await, @":rotating_light: Declaring *INC-1 payroll leaked* as *SEV1* (private): opening #inc-1-payroll-leaked, paging Ana Example ☎ +49 1515550101.");
        let room = stage.world.slack.channel_named("inc-1-payroll-leaked").expect("the room");
        assert!(room.is_private);
        // The on-call is paged and must see why; the severity's group is not.
        assert_eq!(room.members.iter().collect::<Vec<_>>(), ["U0ANA", "U0BEN", "U0FIREBELL"]);
        assert_eq!(stage.world.slack.transcript("incidents"), "");
        assert_reads!(stage.pagerduty().join("\n"), @"
        10:00 Firebell triggered #1 INC-1 (private incident)
        10:00 PagerDuty notified Ana Example of #1 INC-1 (private incident)
        10:00 Firebell noted on #1 INC-1 (private incident): INC-1 is worked on in a private Slack channel
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn no_page_means_nobody_until_the_severity_is_raised(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        assert_reads!(stage.typed("U0BEN", "/incident declare search is slow --service search --no-page sev4").await, @":rotating_light: Declaring *INC-1 search is slow* as *SEV4*: opening #inc-1-search-is-slow, paging nobody (as asked).");
        let room = "inc-1-search-is-slow";
        assert_reads!(stage.summary(room), @"
        10:00 firebell [pinned]: INC-1 search is slow
        Severity
        :large_yellow_circle: SEV4
        Status
        Investigating
        Incident commander
        none yet
        Service
        search
        PagerDuty
        nobody paged (as asked)
        Declared
        @ben, 2026-11-21 10:00 UTC
        [Acknowledge] [Take command] [Post update] [Mitigated] [Resolve]
        ");
        let pages = stage.world.pagerduty.pages().len();
        // Lowering pages nobody and takes nobody out; raising pages who is on call now.
        assert_eq!(stage.typed_in("U0BEN", room, "/incident sev 5").await, "INC-1 is *SEV5* now.");
        assert_eq!(stage.world.pagerduty.pages().len(), pages);
        assert_reads!(stage.typed_in("U0BEN", room, "/incident sev 1").await, @"INC-1 is *SEV1* now, paging Cho Example ☎ +49 1515550103.");
        let members = stage.world.slack.channel_named(room).expect("the room").members;
        assert_eq!(members.iter().collect::<Vec<_>>(), ["U0BEN", "U0CHO", "U0DEE", "U0FIREBELL"]);
        assert_eq!(stage.typed_in("U0BEN", room, "/incident sev 4").await, "INC-1 is *SEV4* now.");
        assert_eq!(stage.world.slack.channel_named(room).expect("the room").members, members);
        assert_reads!(stage.pagerduty().join("\n"), @"
        10:00 Firebell triggered #1 INC-1 search is slow
        10:00 PagerDuty notified Cho Example of #1 INC-1 search is slow
        10:00 Firebell noted on #1 INC-1 search is slow: INC-1 is worked on in Slack: #inc-1-search-is-slow
        10:00 Firebell set the urgency of #1 INC-1 search is slow to low
        10:00 Firebell set the priority of #1 INC-1 search is slow to P4
        ");
        stage.end().await;
    }
);

/// As the standard configuration, but no service is the default.
const NO_DEFAULT: &str = "[incidents]\ndefault_severity = 'sev3'\n";

on_both_engines!(
    async fn without_a_default_service_one_is_asked_for(db: Db, clock: Clock) {
        let stage =
            Stage::set_changed(db, clock, |toml| toml.replace("default = true\n", "") + NO_DEFAULT).await;
        let answers = stage
            .talk(
                "U0ANA",
                "general",
                &[
                    "/incident declare payments down sev1",
                    "/incident declare payments down sev1 --service payments",
                    "/incident declare the office is cold sev5",
                    "/incident declare payments down again sev1 --no-page",
                    "/incident declare a drill sev1 --test",
                ],
            )
            .await;
        assert_reads!(answers, @"
        /incident declare payments down sev1
          → Which service is it? Add `--service` and one of: payments, search. Or add `--no-page` to page nobody.
        /incident declare payments down sev1 --service payments
          → :rotating_light: Declaring *INC-1 payments down* as *SEV1*: opening #inc-1-payments-down, paging Ana Example ☎ +49 1515550101.
        /incident declare the office is cold sev5
          → :rotating_light: Declaring *INC-2 the office is cold* as *SEV5*: opening #inc-2-the-office-is-cold, paging nobody (SEV5 pages nobody).
        /incident declare payments down again sev1 --no-page
          → :rotating_light: Declaring *INC-3 payments down again* as *SEV1*: opening #inc-3-payments-down-again, paging nobody (as asked).
        /incident declare a drill sev1 --test
          → :test_tube: *Test.* :rotating_light: Declaring *[TEST] INC-4 a drill* as *SEV1*: opening #inc-4-a-drill, paging nobody (a test pages nobody).
        ");
        stage.settle().await;
        // In the form, beside the field.
        stage.slash("U0ANA", "/incident").await;
        let answer = stage.submit("U0ANA", &[("title", text("search is slow"))]).await;
        assert_reads!(form_answer(&answer), @r#"{"service":"Choose the service whose on-call is to be paged, or tick “Page nobody”."}"#);
        let answer = stage
            .submit("U0ANA", &[("title", text("search is slow")), ("service", choice("warehouse"))])
            .await;
        assert_reads!(form_answer(&answer), @r#"{"service":"There is no service \"warehouse\". The services are payments, search."}"#);
        let answer = stage
            .submit(
                "U0ANA",
                &[("title", text("search is slow")), ("switches", ticked(&["no_page", "private"]))],
            )
            .await;
        assert_reads!(form_answer(&answer), @":rotating_light: Declaring *INC-5 search is slow* as *SEV3* (private): opening #inc-5-search-is-slow, paging nobody (as asked).");
        stage.settle().await;
        assert!(stage.world.slack.channel_named("inc-5-search-is-slow").expect("the room").is_private);
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_test_with_the_title_of_another_is_one_of_its_own_and_says_so(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.typed("U0ANA", "/incident declare a drill sev1 --test").await;
        // Another person, and a minute later the same.
        assert_reads!(stage.typed("U0BEN", "/incident declare A drill! sev1 --test").await, @"
        :test_tube: *Test.* :rotating_light: Declaring *[TEST] INC-2 A drill!* as *SEV1*: opening #inc-2-a-drill, paging nobody (a test pages nobody).
        INC-1 in <#C0000003> is an open test of the same name; this is one of its own.
        ");
        stage.pass(2).await;
        let third = stage.typed("U0ANA", "/incident declare a drill sev1 --test").await;
        assert!(third.contains("INC-3 a drill"), "{third}");
        // The real one neither meets the tests nor do they meet it.
        let real = stage.typed("U0ANA", "/incident declare a drill sev1").await;
        assert!(real.contains("Declaring *INC-4 a drill*") && !real.contains("test"), "{real}");
        let test = stage.typed("U0BEN", "/incident declare a drill sev2 --test").await;
        assert!(test.contains("INC-5 a drill"), "{test}");
        stage.end().await;
    }
);
