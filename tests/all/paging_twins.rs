//! The same page typed twice, or by two people at once: nobody is rung twice by accident, and nothing is held back in
//! silence.

use std::time::Duration;

use firebell::on_both_engines;
use firebell::sim::desk::Fault;

use crate::acts::exchange;
use crate::paging::{PAGING, ROOM, stage, world};
use crate::stage::Stage;

on_both_engines!(
    async fn what_is_offered_to_be_typed_again_pages_once_more(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.typed("U0EVE", "/page @cho are you there").await;
        let offered = stage.typed("U0EVE", "/page @cho are you there").await;
        let (_, offered) = offered.split_once("To page once more: `").expect("it is offered");
        let (again, _) = offered.split_once('`').expect("as code");
        assert_eq!(again, "/page --again \"Cho Example\" are you there");
        let paged = stage.typed("U0EVE", again).await;
        assert!(paged.contains(":rotating_light: Paging 'Cho Example': are you there"), "{paged}");
        stage.end().await;
    }
);

on_both_engines!(
    async fn the_same_page_again_is_answered_with_the_first_one(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        let mut talk = String::new();
        for (user, typed) in [
            ("U0EVE", "/page payments dup one"),
            ("U0EVE", "/page payments dup one"),
            ("U0BEN", "/page payments dup ONE"),
            ("U0BEN", "/page payments the invoices fail"),
            ("U0EVE", "/ic page"),
            ("U0ANA", "/ic page"),
            ("U0EVE", "/ic page @cho"),
            ("U0EVE", "/ic page @cho"),
        ] {
            talk.push_str(&exchange(typed, &stage.typed(user, typed).await));
            stage.wait(Duration::from_secs(4)).await;
        }
        assert_reads!(talk, @"
        /page payments dup one
          → :rotating_light: Paging 'payments': dup one
            :hourglass_flowing_sand: payments (Ana Example) is being paged.
        /page payments dup one
          → :information_source: You have paged payments 4s ago: “dup one” (<https://acme.pagerduty.com/incidents/Q1NG2TX0000001|PagerDuty>), so I page nobody now. Nobody has answered yet. To page once more: `/page --again payments dup one`.
        /page payments dup ONE
          → :information_source: Eve Example has paged payments 8s ago: “dup one” (<https://acme.pagerduty.com/incidents/Q1NG2TX0000001|PagerDuty>), so I page nobody now. Nobody has answered yet. To page once more: `/page --again payments dup ONE`.
        /page payments the invoices fail
          → :rotating_light: Paging 'payments': the invoices fail
            :hourglass_flowing_sand: payments (Ana Example) is being paged.
            _Eve Example has paged payments 12s ago: “dup one” (<https://acme.pagerduty.com/incidents/Q1NG2TX0000001|PagerDuty>)._
        /ic page
          → :rotating_light: Paging Incident Commander(s)
            :hourglass_flowing_sand: Dee Example is being paged.
            :hourglass_flowing_sand: Ben Example is being paged.
            :hourglass_flowing_sand: Cho Example is being paged.
        /ic page
          → :information_source: Eve Example has paged the incident commanders 4s ago (<https://acme.pagerduty.com/incidents/Q1NG2TX0000003|PagerDuty>), so I page nobody now. Nobody has answered yet. To page once more: `/ic page --again`.
        /ic page @cho
          → :information_source: You have paged the incident commanders 8s ago (<https://acme.pagerduty.com/incidents/Q1NG2TX0000003|PagerDuty>), which is for Cho Example, too, so I page nobody now. Nobody has answered yet. To page once more: `/ic page Cho Example --again`.
        /ic page @cho
          → :information_source: You have paged the incident commanders 12s ago (<https://acme.pagerduty.com/incidents/Q1NG2TX0000003|PagerDuty>), which is for Cho Example, too, so I page nobody now. Nobody has answered yet. To page once more: `/ic page Cho Example --again`.
        ");
        assert_eq!(stage.rung(), "PANA001 PANA001 PDEE001 PBEN001 PCHO001");
        assert_reads!(exchange("again", &stage.typed("U0ANA", "/ic page --again").await), @"
        again
          → :rotating_light: Paging Incident Commander(s)
            :hourglass_flowing_sand: Dee Example is being paged.
            :hourglass_flowing_sand: Ben Example is being paged.
            :hourglass_flowing_sand: Cho Example is being paged.
        ");
        assert_eq!(stage.rung(), "PANA001 PANA001 PDEE001 PBEN001 PCHO001 PDEE001 PBEN001 PCHO001");
        // Publicly it is said when somebody is paged: twice of the first, once besides the invoices.
        let public = stage.said_in("general");
        assert_eq!(
            (public.matches("dup one").count(), public.matches("I page nobody").count()),
            (3, 0),
            "{public}"
        );
        stage.end().await;
    }
);

on_both_engines!(
    async fn two_in_the_same_second_page_once(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        let (one, two) = tokio::join!(stage.slash("U0EVE", "/ic page"), stage.slash("U0ANA", "/ic page"));
        stage.settle().await;
        let both = [one, two];
        assert_eq!(
            both.iter().filter(|answer| answer.contains("so I page nobody now")).count(),
            1,
            "{both:?}"
        );
        assert_eq!(stage.rung(), "PDEE001 PBEN001 PCHO001");
        stage.end().await;
    }
);

on_both_engines!(
    async fn another_incident_later_and_what_failed_are_paged_without_a_question(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.declared().await;
        stage.typed("U0EVE", "/ic page @cho").await;
        stage.typed_in("U0ANA", ROOM, "/ic page @cho").await;
        assert_eq!(stage.rung(), "PANA001 PCHO001 PCHO001");
        stage.wait(Duration::from_secs(310)).await;
        stage.typed("U0EVE", "/ic page @cho").await;
        assert_eq!(stage.rung(), "PANA001 PCHO001 PCHO001 PCHO001");
        stage.world.desk.next("POST /incidents", Fault::Refuse { code: "1007".into() });
        stage.typed("U0EVE", "/page @dee come").await;
        stage.typed("U0EVE", "/page @dee come").await;
        assert_eq!(stage.rung(), "PANA001 PCHO001 PCHO001 PCHO001 PDEE001");
        stage.end().await;
    }
);

on_both_engines!(
    async fn an_open_incident_of_that_name_is_shown_whatever_the_default_service_is(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.typed("U0ANA", "/incident declare search-slow sev2 --service search").await;
        let answer = stage.typed("U0EVE", "/incident declare search-slow sev2").await;
        assert_reads!(answer, @"
        This looks like an incident that is open already:
        *INC-1* SEV2 search-slow · Investigating for 0s · <#C0000003>
        Join it there. If yours is another one, declare it anyway.
        ");
        assert_eq!(stage.rung(), "PCHO001");
        stage.typed("U0EVE", "/incident declare search-slow sev2 --service payments").await;
        assert_eq!(stage.rung(), "PCHO001 PANA001", "another service was meant");
        stage.end().await;
    }
);

on_both_engines!(
    async fn who_cannot_be_paged_is_not_offered_to_be(db: Db, clock: Clock) {
        let world = world(&clock).await;
        world.slack.add_user("U0NEW", "newcomer", "New Comer", "new@example.com");
        let stage = Stage::on(world, db, clock, PAGING).await;
        stage.settle().await;
        assert_reads!(stage.asks("U0EVE", "/ic", &["who @newcomer", "who @cho"]).await, @"
        /ic who @newcomer
          → :pager: New Comer: no PagerDuty account is known.
            _As PagerDuty said 0s ago._
        /ic who @cho
          → :pager: Cho Example (☎ +49 1515550103)
            ⓘ Use `/ic page @cho` to page them.
            _As PagerDuty said 0s ago._
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn the_same_person_by_another_name_is_not_rung_twice(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        let mut talk = String::new();
        for typed in [
            "/page @payments-oncall all is down",
            "/page @ana all is down",
            "/page \"Payments primary\" ALL is down",
            "/page payments all is down",
            "/page @payments-oncall all is down",
            "/page @ana @cho all is down",
        ] {
            talk.push_str(&exchange(typed, &stage.typed("U0EVE", typed).await));
            stage.wait(Duration::from_secs(2)).await;
        }
        assert_reads!(talk, @r#"
        /page @payments-oncall all is down
          → :rotating_light: Paging '@payments-oncall': all is down
            :hourglass_flowing_sand: Ana Example is being paged.
        /page @ana all is down
          → :information_source: You have paged @payments-oncall 2s ago: “all is down” (<https://acme.pagerduty.com/incidents/Q1NG2TX0000001|PagerDuty>), which is for Ana Example, too, so I page nobody now. Nobody has answered yet. To page once more: `/page --again "Ana Example" all is down`.
        /page "Payments primary" ALL is down
          → :information_source: You have paged @payments-oncall 4s ago: “all is down” (<https://acme.pagerduty.com/incidents/Q1NG2TX0000001|PagerDuty>), which is for Payments primary, too, so I page nobody now. Nobody has answered yet. To page once more: `/page --again "Payments primary" ALL is down`.
        /page payments all is down
          → :rotating_light: Paging 'payments': all is down
            :hourglass_flowing_sand: payments (Ana Example) is being paged.
            _You have paged @payments-oncall 6s ago: “all is down” (<https://acme.pagerduty.com/incidents/Q1NG2TX0000001|PagerDuty>)._
        /page @payments-oncall all is down
          → :information_source: You have paged payments 2s ago: “all is down” (<https://acme.pagerduty.com/incidents/Q1NG2TX0000002|PagerDuty>), which is for @payments-oncall, too, so I page nobody now. Nobody has answered yet. To page once more: `/page --again @payments-oncall all is down`.
        /page @ana @cho all is down
          → :rotating_light: Paging 'Ana Example, Cho Example': all is down
            :hourglass_flowing_sand: Ana Example is being paged.
            :hourglass_flowing_sand: Cho Example is being paged.
            _You have paged payments 4s ago: “all is down” (<https://acme.pagerduty.com/incidents/Q1NG2TX0000002|PagerDuty>)._
        "#);
        assert_eq!(stage.rung(), "PANA001 PANA001 PANA001 PCHO001");
        stage.end().await;
    }
);
