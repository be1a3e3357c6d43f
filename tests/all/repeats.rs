//! Repeats do nothing: the same request again, an impatient person, two people at once, a double click.

use std::time::Duration;

use firebell::on_both_engines;
use firebell::sim::pagerduty::Status;

use crate::acts::{form_answer, read_form, text};
use crate::stage::{Stage, text_of};

const ROOM: &str = "inc-1-payments-down";

impl Stage {
    /// Sends one signed request this often at the same time; the bodies of the answers.
    pub async fn deliver_at_once(
        &self,
        request: &firebell::sim::signed::Signed,
        times: usize,
    ) -> Vec<String> {
        let base = self.running.base_url();
        let sending = (0..times).map(|_| {
            let (slack, base, request) = (self.world.slack.clone(), base.clone(), request.clone());
            async move { slack.deliver(&base, &request).await.expect("an answer") }
        });
        let mut bodies = Vec::new();
        for (status, body) in together(sending).await {
            assert_eq!(status, 200, "{body}");
            bodies.push(body);
        }
        bodies
    }

    fn incidents(&self) -> usize {
        self.world.slack.channels().iter().filter(|c| c.name.starts_with("inc-")).count()
    }
}

/// Really at the same time, each on its own task.
pub async fn together<T: Send + 'static>(
    futures: impl Iterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let mut set = tokio::task::JoinSet::new();
    for future in futures {
        set.spawn(future);
    }
    set.join_all().await
}

on_both_engines!(
    async fn the_same_request_again_is_answered_like_the_first(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let general = stage.channel_id("general");
        let request = stage.world.slack.command("U0ANA", &general, "/incident declare payments down sev1");
        let first = stage.world.slack.deliver(&stage.running.base_url(), &request).await.expect("an answer");
        stage.settle().await;
        // A proxy repeats it four minutes later, when Slack's signature is still good.
        stage.clock.advance(Duration::from_secs(240));
        let again = stage.world.slack.deliver(&stage.running.base_url(), &request).await.expect("an answer");
        stage.settle().await;
        assert_eq!(first, again);
        assert_eq!((stage.incidents(), stage.world.pagerduty.incidents().len()), (1, 1));
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_request_that_arrives_many_times_at_once_is_done_once(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let general = stage.channel_id("general");
        let request = stage.world.slack.command("U0ANA", &general, "/incident declare payments down sev1");
        let answers = stage.deliver_at_once(&request, 8).await;
        assert!(answers.iter().all(|a| a == &answers[0] && a.contains("INC-1")), "{answers:?}");
        stage.settle().await;
        assert_eq!((stage.incidents(), stage.world.pagerduty.incidents().len()), (1, 1));
        stage.end().await;
    }
);

on_both_engines!(
    async fn an_impatient_person_is_answered_like_before(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let declare = "/incident declare payments down sev1";
        let first = stage.slash("U0ANA", declare).await;
        stage.clock.advance(Duration::from_secs(59));
        assert_eq!(stage.typed("U0ANA", declare).await, first);
        assert_eq!(stage.incidents(), 1);
        // Later it is meant, and found to be open already.
        stage.clock.advance(Duration::from_secs(2));
        assert_reads!(stage.typed("U0ANA", declare).await, @"
        This looks like an incident that is open already:
        *INC-1* SEV1 payments down · Investigating for 1m · <#C0000003>
        Join it there. If yours is another one, declare it anyway.
        ");
        assert_eq!(stage.incidents(), 1);
        // With something else said in between, the same words are meant, too.
        stage.typed_in("U0ANA", ROOM, "/incident note a").await;
        stage.typed_in("U0ANA", ROOM, "/incident note b").await;
        stage.typed_in("U0ANA", ROOM, "/incident note a").await;
        assert_eq!(stage.paragraphs(ROOM, "Note: a").len(), 2);
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_was_undone_meanwhile_is_done_again_however_soon(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.typed("U0ANA", "/incident declare payments down sev1").await;
        let page = || stage.world.pagerduty.incidents()[0].clone();
        for _ in 0..3 {
            let said = stage.typed_in("U0ANA", ROOM, "/incident ack").await;
            assert_eq!((said.as_str(), page().status), ("INC-1 acknowledged.", Status::Acknowledged));
            assert_eq!(
                stage.typed_in("U0ANA", ROOM, "/incident ack").await,
                "INC-1 was acknowledged already."
            );
            stage.wait(Duration::from_secs(2)).await;
            stage.world.pagerduty.unacknowledge(&page().id);
            stage.wait(Duration::from_secs(2)).await;
        }
        for word in ["sev2", "sev1", "sev2"] {
            let said = stage.typed_in("U0ANA", ROOM, &format!("/incident {word}")).await;
            assert!(said.contains(&format!("is *{}* now", word.to_uppercase())), "{said}");
        }
        stage.end().await;
    }
);

on_both_engines!(
    async fn two_people_who_declare_the_same_at_once_meet_in_one_room(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let general = stage.channel_id("general");
        let typed = [("U0ANA", "payments down"), ("U0BEN", "Payments-Down!"), ("U0CHO", "payments  down")];
        let base = stage.running.base_url();
        let sending = typed.map(|(user, title)| {
            let request =
                stage.world.slack.command(user, &general, &format!("/incident declare {title} sev1"));
            let (slack, base) = (stage.world.slack.clone(), base.clone());
            async move { text_of(&slack.deliver(&base, &request).await.expect("an answer").1) }
        });
        let answers = together(sending.into_iter()).await;
        let declared = answers.iter().filter(|a| a.contains("Declaring")).count();
        let shown =
            answers.iter().filter(|a| a.contains("This looks like an incident that is open already")).count();
        assert_eq!((declared, shown), (1, 2), "{answers:?}");
        stage.settle().await;
        assert_eq!((stage.incidents(), stage.world.pagerduty.incidents().len()), (1, 1));
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_look_alike_is_shown_first_and_can_be_declared_anyway(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.typed("U0ANA", "/incident declare payments down sev1").await;
        stage.typed("U0ANA", "/incident declare Payments down sev2 --service search").await;
        assert_eq!(stage.incidents(), 2, "another service is another incident");
        assert_reads!(stage.typed("U0BEN", "/incident declare PAYMENTS-DOWN sev3 --private").await, @"
        This looks like an incident that is open already:
        *INC-1* SEV1 payments down · Investigating for 0s · <#C0000003>
        Join it there. If yours is another one, declare it anyway.
        ");
        assert_reads!(stage.world.slack.ephemeral_transcript("U0BEN"), @"
        10:00 #general (only you): This looks like an incident that is open already:
        INC-1 SEV1 payments down · Investigating for 0s · #inc-1-payments-down
        Join it there. If yours is another one, declare it anyway.
        [Declare anyway]
        ");
        assert_eq!(stage.incidents(), 2);
        // However often it is pressed, and however fast.
        let press = stage.world.slack.click("U0BEN", &stage.channel_id("general"), "Declare anyway");
        let press = press.expect("the offer");
        stage.deliver_at_once(&press, 3).await;
        stage.settle().await;
        let answer = stage.whispers("U0BEN").into_iter().find(|w| w.contains("Declaring"));
        assert_reads!(answer.expect("an answer in the offer\'s place"), @":rotating_light: Declaring *INC-3 PAYMENTS-DOWN* as *SEV3* (private): opening #inc-3-payments-down, paging Ana Example ☎ +49 1515550101.");
        assert!(!stage.world.slack.ephemeral_transcript("U0BEN").contains("[Declare anyway]"));
        assert_eq!(stage.incidents(), 3);
        assert!(stage.world.slack.channel_named("inc-3-payments-down").expect("the room").is_private);
        stage.end().await;
    }
);

on_both_engines!(
    async fn an_offer_is_taken_up_once_even_by_two_clicks(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.typed("U0ANA", "/incident declare payments down sev1").await;
        stage.typed("U0BEN", "/incident declare payments down sev3").await;
        let general = stage.channel_id("general");
        let first = stage.world.slack.click("U0BEN", &general, "Declare anyway").expect("the offer");
        stage.clock.advance(Duration::from_secs(1));
        let second = stage.world.slack.click("U0BEN", &general, "Declare anyway").expect("the offer");
        for request in [first, second] {
            stage.world.slack.deliver(&stage.running.base_url(), &request).await.expect("an answer");
            stage.settle().await;
        }
        assert_eq!(stage.incidents(), 2);
        stage.end().await;
    }
);

on_both_engines!(
    async fn the_form_offers_to_declare_anyway_too(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.typed("U0ANA", "/incident declare payments down sev1").await;
        stage.slash("U0BEN", "/incident").await;
        stage.submit("U0BEN", &[("title", text("payments down"))]).await;
        assert_eq!(stage.incidents(), 1);
        assert_reads!(read_form(&stage.form()), @"
        [Is it the same?]
        This looks like an incident that is open already:
        *INC-1* SEV1 payments down · Investigating for 0s · <#C0000003>
        Join it there. If yours is another one, declare it anyway.
        [Declare anyway]
        ");
        let answer = stage.submit("U0BEN", &[]).await;
        assert_reads!(form_answer(&answer), @":rotating_light: Declaring *INC-2 payments down* as *SEV3*: opening #inc-2-payments-down, paging Ana Example ☎ +49 1515550101.");
        stage.settle().await;
        assert_eq!(stage.incidents(), 2);
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_form_that_is_submitted_twice_is_one_submission(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.slash("U0ANA", "/incident").await;
        let values = serde_json::json!({ "title": { "value": text("payments down") } });
        let request = stage.world.slack.submit_view("U0ANA", &stage.form().id, values);
        let answers = stage.deliver_at_once(&request, 4).await;
        assert!(answers.iter().all(|a| a == &answers[0] && a.contains("INC-1")), "{answers:?}");
        stage.settle().await;
        assert_eq!((stage.incidents(), stage.world.pagerduty.incidents().len()), (1, 1));
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_double_click_does_once_what_the_button_says(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.typed("U0ANA", "/incident declare payments down sev1").await;
        for label in ["Acknowledge", "Take command", "Mitigated", "Resolve"] {
            let room = stage.channel_id(ROOM);
            let clicks: Vec<_> = (0..2)
                .map(|_| {
                    stage.clock.advance(Duration::from_millis(200));
                    stage.world.slack.click("U0BEN", &room, label).expect("the button")
                })
                .collect();
            let base = stage.running.base_url();
            let sending = clicks.into_iter().map(|request| {
                let (slack, base) = (stage.world.slack.clone(), base.clone());
                async move { slack.deliver(&base, &request).await.expect("an answer").0 }
            });
            assert_eq!(together(sending).await, [200, 200]);
            stage.settle().await;
        }
        for words in ["acknowledged.", "is now incident commander", "Mitigated, says", "Resolved by"] {
            assert_eq!(stage.paragraphs(ROOM, words).len(), 1, "{words}");
        }
        stage.end().await;
    }
);
