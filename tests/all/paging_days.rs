//! Paging on bad days: vendors away, slow, limiting or talking nonsense; the same thing twice; restarts in between.

use std::time::Duration;

use firebell::clock::Clock;
use firebell::on_both_engines;
use firebell::sim::desk::Fault;

use crate::paging::{PAGING, ROOM, stage};
use crate::stage::Stage;

/// The process dies, and another one starts on what it left.
async fn restarted(stage: Stage) -> Stage {
    let Stage { world, running, clock, .. } = stage;
    let db = running.app.db.clone();
    drop(running);
    Stage::on(world, db, clock, PAGING).await
}

on_both_engines!(
    async fn whatever_pagerduty_does_the_command_answers_at_once_and_the_page_follows(db: Db, clock: Clock) {
        let mut stage = stage(db, clock).await;
        stage.trouble_is_expected();
        let people = ["@ana", "@ben", "@cho", "@dee"];
        let faults = [
            Fault::Slow { by: Duration::from_secs(10) },
            Fault::RateLimited { after_secs: 20 },
            Fault::Unavailable { status: 200 },
            Fault::Reset,
        ];
        for (who, fault) in people.into_iter().zip(faults) {
            stage.world.desk.always("pagerduty", fault.clone());
            let began_at = Clock::system().now();
            let answer = stage.slash("U0EVE", &format!("/page {who} come")).await;
            let took = Clock::system().now().since(began_at);
            assert!(took < Duration::from_secs(3), "{fault:?}: {took:?}");
            assert!(answer.contains("is being paged"), "{answer}");
            if !matches!(fault, Fault::Slow { .. }) {
                stage.settle().await;
            }
            stage.world.desk.heal("pagerduty");
            stage.wait(Duration::from_secs(60)).await;
        }
        let mut rung: Vec<String> = stage.world.pagerduty.pages().into_iter().map(|p| p.user_id).collect();
        rung.sort();
        assert_eq!(rung, ["PANA001", "PBEN001", "PCHO001", "PDEE001"], "each once");
        stage.end().await;
    }
);

on_both_engines!(
    async fn two_at_the_same_moment_are_two_pages_and_one_who_repeats_is_one(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        let (one, two) =
            tokio::join!(stage.slash("U0EVE", "/page @dee come"), stage.slash("U0BEN", "/page @cho come"),);
        assert!(one.contains("Dee") && two.contains("Cho"), "{one} {two}");
        let (one, two) =
            tokio::join!(stage.slash("U0EVE", "/page @ana come"), stage.slash("U0EVE", "/page @ana come"),);
        assert!(one.contains("I page nobody now") != two.contains("I page nobody now"), "{one} {two}");
        // Slack's client tries the same request again.
        let request = stage.world.slack.command("U0ANA", &stage.channel_id("general"), "/ic page @ben");
        for _ in 0..2 {
            stage.world.slack.deliver(&stage.running.base_url(), &request).await.expect("an answer");
        }
        stage.settle().await;
        let mut rung: Vec<String> = stage.world.pagerduty.pages().into_iter().map(|p| p.user_id).collect();
        rung.sort();
        assert_eq!(rung, ["PANA001", "PBEN001", "PCHO001", "PDEE001"]);
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_restart_between_any_two_steps_pages_everybody_once(db: Db, clock: Clock) {
        let mut stage = stage(db, clock).await;
        stage.declared().await;
        stage.slash_in("U0ANA", &stage.room_id("inc-1"), "/ic page").await;
        // The second person's request has its effect, and we die of it.
        stage.world.desk.at("POST /incidents/{id}/responder_requests", 1, Fault::LoseAnswer);
        stage = restarted(stage).await;
        stage.settle().await;
        stage = restarted(stage).await;
        stage.wait(Duration::from_secs(20)).await;
        assert_eq!(stage.rung(), "PANA001 PDEE001 PBEN001 PCHO001");
        let told = stage.said_in(ROOM);
        assert_eq!(told.matches(":white_check_mark: Ben Example has been paged.").count(), 1, "{told}");
        // Elsewhere, the incident that was made and not heard of.
        stage.slash("U0EVE", "/ic page").await;
        stage.world.desk.at("POST /incidents", 1, Fault::LoseAnswer);
        stage.settle().await;
        stage = restarted(stage).await;
        stage.wait(Duration::from_secs(20)).await;
        assert_eq!(stage.rung(), "PANA001 PDEE001 PBEN001 PCHO001 PDEE001 PBEN001 PCHO001");
        assert_eq!(stage.world.pagerduty.incidents().len(), 2);
        stage.end().await;
    }
);

on_both_engines!(
    async fn where_the_bot_may_not_speak_the_asker_is_told(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        let secret = stage.world.slack.add_channel("secret", true, "U0EVE", &["U0EVE"]);
        stage.slash_in("U0EVE", &secret, "/page @dee come").await;
        stage.settle().await;
        assert_reads!(stage.private("U0EVE"), @"
        :rotating_light: Paging 'Dee Example': come
        :white_check_mark: Dee Example has been paged.
        pd: Incident triggered in the following service: <https://acme.pagerduty.com/incidents/Q1NG2TX0000001|search>
        ");
        assert_eq!(stage.rung(), "PDEE001");
        stage.end().await;
    }
);

on_both_engines!(
    async fn after_an_hour_nobody_is_woken_for_what_is_over(db: Db, clock: Clock) {
        let mut stage = stage(db, clock).await;
        stage.trouble_is_expected();
        stage.world.desk.always("pagerduty", Fault::Unavailable { status: 503 });
        stage.typed("U0EVE", "/page @dee come").await;
        stage.wait(Duration::from_secs(3_700)).await;
        stage.world.desk.heal("pagerduty");
        stage.wait(Duration::from_secs(60)).await;
        assert_eq!(stage.rung(), "");
        let told = stage.said_in("general");
        assert!(
            told.contains("please manually call Dee Example. (PagerDuty was away for too long)"),
            "{told}"
        );
        stage.end().await;
    }
);

on_both_engines!(
    async fn an_incident_that_ends_meanwhile_wakes_nobody(db: Db, clock: Clock) {
        let mut stage = stage(db, clock).await;
        stage.trouble_is_expected();
        stage.declared().await;
        stage.world.desk.always("pagerduty", Fault::Unavailable { status: 503 });
        stage.typed_in("U0ANA", ROOM, "/page @cho come").await;
        stage.wait(Duration::from_secs(10)).await;
        let asker = stage.private("U0ANA");
        assert!(asker.contains("Please call Cho Example at"), "{asker}");
        stage.typed_in("U0BEN", ROOM, "/incident cancel").await;
        stage.world.desk.heal("pagerduty");
        let before = stage.said_in(ROOM);
        stage.wait(Duration::from_secs(120)).await;
        assert_eq!(stage.rung(), "PANA001");
        assert_reads!(stage.news(ROOM, &before), @"
        :rotating_light: Paging 'Cho Example': come
        :information_source: The incident is over, so I have dropped the page of Cho Example: nobody needs to be called.
        ");
        assert_eq!(stage.private("U0ANA"), asker, "the numbers are not sent once more");
        let past = stage.timeline(1).await;
        assert!(past.contains("The incident was over before PagerDuty could page Cho Example"), "{past}");
        stage.end().await;
    }
);

on_both_engines!(
    async fn one_whom_pagerduty_refuses_keeps_none_of_the_others(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.world.desk.at("POST /incidents", 0, Fault::Refuse { code: "1007".into() });
        let talk = stage.said_after("U0EVE", "general", "/ic page").await;
        assert_reads!(talk + "-- to the asker\n" + &stage.private("U0EVE"), @"
        /ic page
          → :rotating_light: Paging Incident Commander(s)
            :hourglass_flowing_sand: Dee Example is being paged.
            :hourglass_flowing_sand: Ben Example is being paged.
            :hourglass_flowing_sand: Cho Example is being paged.
        :rotating_light: Paging Incident Commander(s)
        :exclamation: There was an error paging a user, please manually call Dee Example. (PagerDuty says no: Assigned User Not Found (400/1007))
        :white_check_mark: Ben Example has been paged.
        :white_check_mark: Cho Example has been paged.
        _I have sent the phone numbers to <@U0EVE>._
        ⓘ Use `/ic responders` to see who the team responders are.
        pd: Incident triggered in the following service: <https://acme.pagerduty.com/incidents/Q1NG2TX0000001|search>
        -- to the asker
        :rotating_light: Paging Incident Commander(s)
        :telephone_receiver: Please call Dee Example at +49 1515550104.
        ");
        assert_eq!(stage.rung(), "PBEN001 PCHO001");
        stage.end().await;
    }
);

on_both_engines!(
    async fn an_answer_whose_webhook_was_lost_is_found(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.typed("U0EVE", "/page @dee come").await;
        stage.world.pagerduty.acknowledge("1", "PDEE001");
        stage.world.pagerduty.take_webhooks();
        let before = stage.said_in("general");
        stage.wait(Duration::from_secs(400)).await;
        assert_reads!(stage.news("general", &before), @":eyes: Dee Example has answered the page of 'Dee Example' (“come”).");
        stage.end().await;
    }
);

on_both_engines!(
    async fn where_pagerduty_cannot_be_asked_it_is_not_said_that_nobody_has_answered(db: Db, clock: Clock) {
        let mut stage = stage(db, clock).await;
        stage.trouble_is_expected();
        stage.declared().await;
        stage.typed_in("U0ANA", ROOM, "/page @dee come").await;
        stage.world.pagerduty.responder_replies("1", "PDEE001", true);
        stage.world.pagerduty.take_webhooks();
        stage.world.desk.always("pagerduty", Fault::Unavailable { status: 503 });
        let before = stage.said_in(ROOM);
        stage.wait(Duration::from_secs(310)).await;
        assert_reads!(stage.news(ROOM, &before), @"
        :alarm_clock: <@U0ANA> I know of no answer to the page of 'Dee Example' (“come”) for 5m, and cannot look whether there is one: PagerDuty does not answer (HTTP 503). Asked <!date^1795255200^{date_short_pretty} at {time}|2026-11-21 10:00 UTC>.
        • To be sure, please call Dee Example.
        _I have sent the phone numbers to <@U0ANA>._
        ");
        let past = stage.timeline(1).await;
        assert!(
            past.contains("No answer to the page of Dee Example is known: PagerDuty does not answer"),
            "{past}"
        );
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_comes_back_without_our_key_opens_no_room_either_and_later_it_is_an_alert(
        db: Db,
        clock: Clock,
    ) {
        let stage = stage(db, clock).await;
        stage.typed("U0EVE", "/page payments the checkout is down").await;
        // Incidents that are made of alerts carry no key.
        stage.world.pagerduty.trigger("PSVC001", "the checkout is down", "high");
        stage.settle().await;
        assert_eq!(stage.rooms(), Vec::<String>::new());
        stage.wait(Duration::from_secs(3_700)).await;
        stage.world.pagerduty.trigger("PSVC001", "the checkout is down", "high");
        stage.settle().await;
        assert_eq!(stage.rooms(), ["inc-1-the-checkout-is-down"]);
        stage.end().await;
    }
);

on_both_engines!(
    async fn in_private_with_the_bot_a_page_is_told_there(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        let private = stage.world.slack.dm_with("U0EVE");
        stage.slash_in("U0EVE", &private, "/page @dee come").await;
        stage.settle().await;
        assert_eq!(stage.rung(), "PDEE001");
        assert_eq!(stage.private("U0EVE").matches("Dee Example has been paged.").count(), 1);
        stage.end().await;
    }
);

on_both_engines!(
    async fn raising_the_severity_rings_who_is_on_call_although_others_were_paged_in_the_room(
        db: Db,
        clock: Clock,
    ) {
        let stage = stage(db, clock).await;
        stage.typed("U0EVE", "/incident declare search is slow --service search sev5").await;
        let room = "inc-1-search-is-slow";
        stage.typed_in("U0EVE", room, "/page @dee please look").await;
        assert_eq!(stage.rung(), "PDEE001");
        stage.typed_in("U0EVE", room, "/incident sev1").await;
        assert_eq!(stage.rung(), "PDEE001 PCHO001");
        stage.end().await;
    }
);
