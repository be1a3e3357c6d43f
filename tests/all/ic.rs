//! `/ic` and `!ic`: who commands incidents and how they are reached, from memory; and paging them.

use std::time::Duration;

use firebell::clock::Clock;
use firebell::on_both_engines;
use firebell::sim::desk::Fault;

use crate::acts::exchange;
use crate::paging::{HOUR, PAGING, ROOM, stage, world};
use crate::stage::Stage;

impl Stage {
    /// What this person reads in #general when they type each of these after the command.
    pub async fn asks(&self, user: &str, command: &str, typed: &[&str]) -> String {
        let mut talk = String::new();
        for words in typed {
            let words = format!("{command} {words}");
            let answer = self.slash(user, words.trim()).await.replace('\u{200b}', "·");
            talk.push_str(&exchange(words.trim(), &answer));
        }
        talk
    }
}

on_both_engines!(
    async fn the_commanders_are_listed_in_their_order_with_phones_for_one_pair_of_eyes(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        let calls = stage.world.desk.calls().len();
        let typed = [
            "",
            "responders",
            "who @ana",
            "who dee example",
            "who payments",
            "--public",
            "help",
            "help page",
        ];
        assert_reads!(stage.asks("U0EVE", "/ic", &typed).await, @"
        /ic
          → :firefighter: Incident Commander On-Call is Dee Example (☎ +49 1515550104)
            Backup Incident Commander On-Call is Ben Example (☎ +49 1515550102)
            Trainee On-Call is Cho Example (☎ +49 1515550103)
            ⓘ Use `/ic page` to page the ICs.
            _As PagerDuty said 0s ago._
        /ic responders
          → :pager: payments ➡ Ana Example (☎ +49 1515550101)
            :pager: search ➡ Cho Example (☎ +49 1515550103)
            ⓘ Use `/ic page responders` to page the team responders.
            _As PagerDuty said 0s ago._
        /ic who @ana
          → :pager: Ana Example (☎ +49 1515550101)
            ⓘ Use `/ic page @ana` to page them.
            _As PagerDuty said 0s ago._
        /ic who dee example
          → :pager: Dee Example (☎ +49 1515550104)
            ⓘ Use `/ic page dee example` to page them.
            _As PagerDuty said 0s ago._
        /ic who payments
          → :pager: payments ➡ Ana Example (☎ +49 1515550101)
            ⓘ Use `/ic page payments` to page them.
            _As PagerDuty said 0s ago._
        /ic --public
          → :firefighter: Incident Commander On-Call is Dee Example
            Backup Incident Commander On-Call is Ben Example
            Trainee On-Call is Cho Example
            ⓘ Use `/ic page` to page the ICs.
            _As PagerDuty said 0s ago._
        /ic help
          → */ic* alone shows who commands incidents now. Only you see the answer.
            `/ic list [--public]` — the incident commanders on call: primary, backup, trainees, with their phone numbers
            `/ic page [responders|&lt;@user&gt;] [--all] [--again] [--test]` — page all incident commanders; or all teams' responders; or one person
            `/ic responders [--public]` — who is on call for each team
            `/ic who &lt;@user&gt;` — how somebody is reached
            `/ic help [command]` — this list, or more about one command
        /ic help page
          → `/ic page [responders|&lt;@user&gt;] [--all] [--again] [--test]`
            Page all incident commanders; or all teams' responders; or one person. Through PagerDuty: on the incident whose channel this is, or on a new one. One line tells for each person whether they have been paged. Who have just been paged are paged once more only with `--again`. `--test` pages nobody.
            Example: `/ic page`
            Also: `call`
        ");
        assert_eq!(stage.world.desk.calls().len(), calls, "from memory alone");
        stage.end().await;
    }
);

on_both_engines!(
    async fn the_commanders_are_paged_on_one_incident(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        assert_reads!(stage.said_after("U0EVE", "general", "/ic page").await, @"
        /ic page
          → :rotating_light: Paging Incident Commander(s)
            :hourglass_flowing_sand: Dee Example is being paged.
            :hourglass_flowing_sand: Ben Example is being paged.
            :hourglass_flowing_sand: Cho Example is being paged.
        :rotating_light: Paging Incident Commander(s)
        :white_check_mark: Dee Example has been paged.
        :white_check_mark: Ben Example has been paged.
        :white_check_mark: Cho Example has been paged.
        ⓘ Use `/ic responders` to see who the team responders are.
        pd: Incident triggered in the following service: <https://acme.pagerduty.com/incidents/Q1NG2TX0000001|search>
        ");
        assert_eq!(stage.rung(), "PDEE001 PBEN001 PCHO001");
        assert_eq!(stage.world.pagerduty.incidents().len(), 1);
        stage.world.pagerduty.responder_replies("1", "PBEN001", false);
        stage.world.pagerduty.responder_replies("1", "PCHO001", true);
        let before = stage.said_in("general");
        stage.wait(HOUR).await;
        assert_reads!(stage.news("general", &before), @"
        :no_entry_sign: Ben Example has declined the page of the incident commanders. To call them: `/ic who Ben Example`.
        :eyes: Cho Example has answered the page of the incident commanders.
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn without_responder_requests_all_are_put_on_that_incident(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.world.pagerduty.set_abilities(&["teams"]);
        stage.typed("U0EVE", "/ic page").await;
        let incidents = stage.world.pagerduty.incidents();
        assert_eq!(incidents.len(), 1);
        assert_eq!(incidents[0].assignees, ["PDEE001", "PBEN001", "PCHO001"]);
        stage.end().await;
    }
);

on_both_engines!(
    async fn in_a_room_they_are_asked_on_its_incident_and_come_in(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.declared().await;
        assert_reads!(stage.said_after("U0ANA", ROOM, "/ic page").await, @"
        /ic page
          → :rotating_light: Paging Incident Commander(s)
            :hourglass_flowing_sand: Dee Example is being paged.
            :hourglass_flowing_sand: Ben Example is being paged.
            :hourglass_flowing_sand: Cho Example is being paged.
            _For INC-1 payments-down; they are invited here._
        :rotating_light: Paging Incident Commander(s)
        :white_check_mark: Dee Example has been paged.
        :white_check_mark: Ben Example has been paged.
        :white_check_mark: Cho Example has been paged.
        ⓘ Use `/ic responders` to see who the team responders are.
        ");
        assert_eq!(stage.rung(), "PANA001 PDEE001 PBEN001 PCHO001");
        assert_eq!(stage.members("inc-1"), "U0ANA U0BEN U0CHO U0DEE");
        assert_reads!(stage.said_after("U0ANA", ROOM, "/ic page responders").await, @"
        /ic page responders
          → :rotating_light: Paging Responder(s)
            :hourglass_flowing_sand: payments (Ana Example) is being paged.
            :hourglass_flowing_sand: search (Cho Example) is being paged.
            _For INC-1 payments-down; they are invited here._
            _You have paged the incident commanders 0s ago._
        :rotating_light: Paging Responder(s)
        :white_check_mark: payments (Ana Example) has been paged.
        :white_check_mark: search (Cho Example) has been paged.
        ");
        assert_reads!(stage.said_after("U0ANA", ROOM, "/ic page @eve").await, @"
        /ic page @eve
          → :rotating_light: Paging 'Eve Example'
            :hourglass_flowing_sand: Eve Example is being paged.
            _For INC-1 payments-down; they are invited here._
        :rotating_light: Paging 'Eve Example'
        :white_check_mark: Eve Example has been paged.
        ");
        assert_eq!(stage.world.pagerduty.incidents().len(), 1);
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_test_pages_nobody_and_says_so_twice(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.typed("U0ANA", "/incident declare payments down sev1 --test").await;
        let mut talk = stage.said_after("U0ANA", ROOM, "/ic page").await;
        talk.push_str(&stage.said_after("U0ANA", ROOM, "/page payments come").await);
        talk.push_str(&stage.said_after("U0EVE", "general", "/ic page responders --test").await);
        assert_reads!(talk, @"
        /ic page
          → :red_circle: TEST MODE ENABLED - nobody is paged :red_circle:
            :rotating_light: Paging Incident Commander(s)
            :white_check_mark: Dee Example would be paged.
            :white_check_mark: Ben Example would be paged.
            :white_check_mark: Cho Example would be paged.
            :red_circle: TEST MODE ENABLED - nobody is paged :red_circle:
        /page payments come
          → :red_circle: TEST MODE ENABLED - nobody is paged :red_circle:
            :rotating_light: Paging 'payments': come
            :white_check_mark: payments (Ana Example) would be paged.
            :red_circle: TEST MODE ENABLED - nobody is paged :red_circle:
        /ic page responders --test
          → :red_circle: TEST MODE ENABLED - nobody is paged :red_circle:
            :rotating_light: Paging Responder(s)
            :white_check_mark: payments (Ana Example) would be paged.
            :white_check_mark: search (Cho Example) would be paged.
            :red_circle: TEST MODE ENABLED - nobody is paged :red_circle:
        ");
        assert_eq!(stage.rung(), "");
        assert_eq!(stage.members("inc-1"), "U0ANA");
        assert_reads!(stage.timeline(1).await, @"
        10:00 declared slack/Ana Example: Declared payments down as SEV1
        10:00 channel firebell/Firebell: Opened #inc-1-payments-down
        10:00 page slack/Ana Example: Tested paging the incident commanders: nobody was paged
        10:00 page slack/Ana Example: Tested paging payments: nobody was paged
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_private_incident_tells_pagerduty_nothing(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.typed("U0ANA", "/incident declare breach of the vault sev1 --private").await;
        let room = "inc-1-breach-of-the-vault";
        stage.typed_in("U0ANA", room, "/page @cho the vault is open").await;
        stage.world.pagerduty.set_abilities(&["teams"]);
        stage.typed_in("U0ANA", room, "/page @eve the vault is open").await;
        assert_eq!(stage.rung(), "PANA001 PCHO001 PEVE001");
        let told = format!("{:?}", stage.world.pagerduty.incidents());
        assert!(!told.contains("vault"), "{told}");
        assert_eq!(stage.members("inc-1"), "U0ANA U0CHO U0EVE");

        stage.typed_in("U0ANA", room, "/incident resolve the vault is shut").await;
        stage.typed_in("U0ANA", room, "/page @dee lawyers ask about the vault").await;
        assert_eq!(stage.rung(), "PANA001 PCHO001 PEVE001 PDEE001");
        let told = format!("{:?}", stage.world.pagerduty.incidents());
        assert!(!told.contains("vault"), "when it is over, too: {told}");
        assert!(told.contains("INC-1 (private incident): you are wanted"), "{told}");
        stage.end().await;
    }
);

on_both_engines!(
    async fn while_pagerduty_is_away_the_lists_go_on_and_say_how_old_they_are(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        for fault in [
            Fault::Unavailable { status: 503 },
            Fault::Slow { by: Duration::from_secs(10) },
            Fault::RateLimited { after_secs: 30 },
        ] {
            stage.world.desk.always("pagerduty", fault);
            let began_at = Clock::system().now();
            let answer = stage.asks("U0EVE", "/ic", &["", "responders", "who @ana"]).await;
            let took = Clock::system().now().since(began_at);
            assert!(took < Duration::from_secs(1), "{took:?}");
            assert!(answer.contains("Dee Example (☎ +49 1515550104)"), "{answer}");
            stage.world.desk.heal("pagerduty");
        }
        stage.world.desk.always("pagerduty", Fault::Unavailable { status: 503 });
        // Over a hand-off.
        stage.wait(HOUR + Duration::from_secs(60)).await;
        assert_reads!(stage.asks("U0EVE", "/ic", &["", "who dee example"]).await, @"
        /ic
          → :firefighter: Incident Commander On-Call is Eve Example (☎ +49 1515550105)
            Backup Incident Commander On-Call is Ben Example (☎ +49 1515550102)
            Trainee On-Call is Cho Example (☎ +49 1515550103)
            ⓘ Use `/ic page` to page the ICs.
            :warning: PagerDuty was last heard 1h 1m ago: this may have changed since.
        /ic who dee example
          → :pager: Dee Example (☎ +49 1515550104)
            ⓘ Use `/ic page dee example` to page them.
            :warning: PagerDuty was last heard 1h 1m ago: this may have changed since.
        ");
        // Without a database, too.
        stage.running.app.db.close().await;
        let answer = stage.asks("U0EVE", "/ic", &["", "page"]).await;
        assert_reads!(answer, @"
        /ic
          → :firefighter: Incident Commander On-Call is Eve Example (☎ +49 1515550105)
            Backup Incident Commander On-Call is Ben Example (☎ +49 1515550102)
            Trainee On-Call is Cho Example (☎ +49 1515550103)
            ⓘ Use `/ic page` to page the ICs.
            :warning: PagerDuty was last heard 1h 1m ago: this may have changed since.
        /ic page
          → :warning: Something is broken on my side: nothing was stored, and nobody was paged. Please try again.
            If it is urgent, call who is on call:
            • payments: Ana Example ☎ +49 1515550101, then Ben Example ☎ +49 1515550102
            • search: Cho Example ☎ +49 1515550103
            _That is what PagerDuty said 1h 1m ago; it may have changed._
        ");
        stage.running.shutdown().await;
    }
);

on_both_engines!(
    async fn phone_numbers_are_shown_where_the_configuration_allows_it(db: Db, clock: Clock) {
        let world = world(&clock).await;
        let more = PAGING.replace("[paging]", "[paging]\nphones = \"public\"");
        let stage = Stage::on(world.clone(), db, clock, &more).await;
        stage.settle().await;
        let open = stage.asks("U0EVE", "/ic", &["--public"]).await;
        assert!(open.contains("Dee Example (☎ +49 1515550104)"), "{open}");
        world.desk.next("POST /incidents", Fault::Refuse { code: "5002".into() });
        assert_reads!(stage.said_after("U0EVE", "general", "/page @dee come").await, @"
        /page @dee come
          → :rotating_light: Paging 'Dee Example': come
            :hourglass_flowing_sand: Dee Example is being paged.
        :rotating_light: Paging 'Dee Example': come
        :exclamation: There was an error paging a user, please manually call Dee Example at +49 1515550104. (PagerDuty says no: it does not know the configured service (400/5002))
        ");
        assert_eq!(stage.private("U0EVE"), "", "the channel has said all");
        stage.end().await;
    }
);

on_both_engines!(
    async fn phone_numbers_that_are_never_shown_are_not_shown(db: Db, clock: Clock) {
        let world = world(&clock).await;
        let more = PAGING.replace("[paging]", "[paging]\nphones = \"never\"");
        let stage = Stage::on(world.clone(), db, clock, &more).await;
        stage.settle().await;
        world.desk.next("POST /incidents", Fault::Refuse { code: "5002".into() });
        let mut talk = stage.said_after("U0EVE", "general", "/page @cho come").await;
        talk.push_str(&stage.asks("U0EVE", "/ic", &["", "who @ana", "responders"]).await);
        talk.push_str(&stage.private("U0EVE"));
        assert!(!talk.contains("+49"), "{talk}");
        assert!(talk.contains("please manually call Cho Example."), "{talk}");
        stage.end().await;
    }
);

on_both_engines!(
    async fn in_a_thread_an_exclamation_mark_does_it_and_the_thread_is_told(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        let channel = stage.channel_id("incidents");
        let (thread, _) = stage.world.slack.person_says("U0ANA", &channel, None, "the cache looks odd");
        for typed in ["!ic", "!ic page", "@firebell page @eve please look"] {
            let (_, events) = stage.world.slack.person_says("U0ANA", &channel, Some(&thread), typed);
            for event in events {
                stage.world.slack.deliver(&stage.running.base_url(), &event).await.expect("taken");
            }
            stage.settle().await;
        }
        assert_eq!(stage.rung(), "PDEE001 PBEN001 PCHO001 PEVE001");
        assert_reads!(stage.whispers("U0ANA").join("\n"), @"
        :firefighter: Incident Commander On-Call is Dee Example (☎ +49 1515550104)
        Backup Incident Commander On-Call is Ben Example (☎ +49 1515550102)
        Trainee On-Call is Cho Example (☎ +49 1515550103)
        ⓘ Use `!ic page` to page the ICs.
        _As PagerDuty said 0s ago._
        ");
        let messages = stage.world.slack.channel(&channel).expect("the channel").messages;
        let ours = messages.iter().filter(|m| m.text.contains("has been paged"));
        assert!(ours.clone().all(|m| m.thread_ts.as_deref() == Some(thread.as_str())));
        assert_eq!(ours.count(), 2);
        stage.end().await;
    }
);

on_both_engines!(
    async fn without_commanders_it_says_how_to_have_some(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        assert_reads!(stage.asks("U0EVE", "/ic", &["", "page", "responders"]).await, @"
        /ic
          → No incident commanders are configured here. An administrator can name them under [[commander]] in Firebell's configuration.
        /ic page
          → No incident commanders are configured here. An administrator can name them under [[commander]] in Firebell's configuration.
        /ic responders
          → :pager: payments ➡ Ana Example (☎ +49 1515550101)
            :pager: search ➡ Cho Example (☎ +49 1515550103)
            ⓘ Use `/ic page responders` to page the team responders.
            _As PagerDuty said 0s ago._
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn while_nobody_commands_it_is_said_who_can_be_paged_instead(db: Db, clock: Clock) {
        let world = world(&clock).await;
        let pd = &world.pagerduty;
        pd.add_schedule("PEMPTY", "Empty rota", &[]);
        let config = "[[commander]]\ntitle = \"Incident Commander\"\nschedule = \"Empty rota\"\n";
        let stage = Stage::on(world, db, clock, config).await;
        stage.settle().await;
        assert_reads!(stage.asks("U0EVE", "/ic", &["", "page"]).await, @"
        /ic
          → Incident Commander On-Call is nobody that I know of
            ⓘ `/ic responders` shows who is on call for each team, and `/page SERVICE …` pages one.
            _As PagerDuty said 0s ago._
        /ic page
          → Nobody that I know of is one of the incident commanders, so I have paged nobody. `/ic responders` shows who is on call for each team, and `/page payments …` pages one.
        ");
        assert_eq!(stage.rung(), "");
        stage.end().await;
    }
);
