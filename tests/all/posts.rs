//! What is said in one place keeps its order, whatever Slack does with a message; and no place waits for another.

use std::time::Duration;

use firebell::front::Message;
use firebell::ids::SlackUserId;
use firebell::on_both_engines;
use firebell::posts::{self, Post};
use firebell::sim::desk::Fault;
use firebell::store::Priority;

use crate::stage::Stage;

impl Stage {
    /// Has these said after one commit, as a feature does.
    async fn have_said(&self, posts: Vec<Post>) {
        let mut tx = self.running.app.db.write(Priority::Command).await.unwrap();
        for post in &posts {
            posts::say(&mut tx, post).await.unwrap();
        }
        tx.commit().await.unwrap();
    }
}

fn to(channel: &str, words: &str) -> Post {
    Post::new(channel, Message::text(words), words)
}

on_both_engines!(
    async fn the_second_word_waits_while_the_first_is_tried_again_and_no_other_place_does(
        db: Db,
        clock: Clock,
    ) {
        let stage = Stage::set(db, clock).await;
        let (room, general) = (stage.channel_id("incidents"), stage.channel_id("general"));
        let thread = stage.world.slack.person_posts(&room, "U0BEN", "the cache looks odd");
        stage.world.desk.next("chat.postMessage", Fault::Unavailable { status: 503 });
        let aside = to(&room, "an aside").in_thread(Some(thread));
        stage
            .have_said(vec![to(&room, "first"), to(&room, "second"), to(&general, "elsewhere"), aside])
            .await;
        stage.settle().await;
        assert!(stage.world.slack.transcript("general").contains("elsewhere"));
        let so_far = stage.world.slack.transcript("incidents");
        assert!(so_far.contains("an aside") && !so_far.contains("second"), "{so_far}");
        stage.wait(Duration::from_secs(10)).await;
        assert_reads!(stage.world.slack.transcript("incidents"), @"
        10:00 ben: the cache looks odd

          ↳ 10:00 firebell: an aside

        10:00 firebell: first

        10:00 firebell: second
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_slack_refuses_for_good_gives_way_to_the_next(db: Db, clock: Clock) {
        let mut stage = Stage::set(db, clock).await;
        stage.trouble_is_expected();
        let room = stage.channel_id("incidents");
        let refused = Fault::Refuse { code: "msg_too_long".into() };
        stage.world.desk.next("chat.postMessage", refused.clone());
        stage.world.desk.next("chat.postMessage", refused);
        let minded = to(&room, "too long, and somebody minds").or_to(&SlackUserId::new("U0ANA"));
        stage.have_said(vec![to(&room, "too long"), minded, to(&room, "the next")]).await;
        stage.settle().await;
        assert_reads!(stage.world.slack.transcript("incidents"), @"10:00 firebell: the next");
        assert_reads!(stage.world.slack.dm_transcript("U0ANA"), @"10:00 firebell: too long, and somebody minds");
        stage.end().await;
    }
);

on_both_engines!(
    async fn where_firebell_is_no_member_a_lost_answer_is_said_twice_rather_than_never(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let general = stage.channel_id("general");
        stage.world.desk.next("chat.postMessage", Fault::LoseAnswer);
        stage.have_said(vec![to(&general, "hello"), to(&general, "again")]).await;
        stage.settle().await;
        stage.wait(Duration::from_secs(10)).await;
        assert_reads!(stage.world.slack.transcript("general"), @"
        10:00 firebell: hello

        10:00 firebell: hello

        10:00 firebell: again
        ");
        stage.end().await;
    }
);
