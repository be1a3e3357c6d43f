//! Two people have the same thought: the public hears it once, and whoever was second hears that.

use firebell::on_both_engines;

use crate::notices::{ROOM, stage};
use crate::repeats::together;
use crate::stage::{Stage, text_of};

impl Stage {
    /// How often the public has read these words.
    fn read_by_the_public(&self, words: &str) -> usize {
        self.public().lines().filter(|line| line.ends_with(words)).count()
    }
}

on_both_engines!(
    async fn the_same_words_by_two_people_at_one_moment_are_told_to_the_public_once(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        let (room, base) = (stage.channel_id(ROOM), stage.running.base_url());
        let typed = "/statuspage update investigating \"First words.\" Checkout";
        let sending = ["U0ANA", "U0BEN", "U0CHO"].into_iter().map(|user| {
            let (slack, base) = (stage.world.slack.clone(), base.clone());
            let request = slack.command(user, &room, typed);
            async move { text_of(&slack.deliver(&base, &request).await.expect("an answer").1) }
        });
        let answers = together(sending).await;
        stage.settle().await;
        assert_eq!(stage.read_by_the_public("First words."), 1, "{}", stage.public());
        let published = answers.iter().filter(|answer| answer.contains("Publishing for INC-1")).count();
        let told = answers.iter().filter(|answer| answer.contains("on its way")).count();
        assert_eq!((published, told), (1, 2), "{answers:?}");
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_was_just_said_is_said_again_only_when_that_is_meant(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.tell("U0ANA", "update major \"Down.\" Checkout").await;
        stage.pass(2).await;
        assert_reads!(stage.tell("U0BEN", "update major \"down.\" Checkout").await, @"Ana Example has told the public the same 2m ago, and it is out: nothing more was published. Other words go out; these once more with `/statuspage update … --again`.");
        assert_reads!(stage.tell("U0ANA", "update major \"Down.\" Checkout").await, @"You have told the public the same 2m ago, and it is out: nothing more was published. Other words go out; these once more with `/statuspage update … --again`.");
        assert_eq!(stage.read_by_the_public("own."), 1);
        // Other words, another component, and what is meant.
        stage.tell("U0BEN", "update major \"Down too.\" Checkout").await;
        stage.tell("U0BEN", "update major \"Down.\" \"Public API\"").await;
        stage.tell("U0BEN", "update major \"Down.\" Checkout --again").await;
        assert_eq!(stage.read_by_the_public("own."), 3, "{}", stage.public());
        // Later it is news again.
        stage.pass(6).await;
        stage.tell("U0CHO", "update major \"Down.\" Checkout").await;
        assert_eq!(stage.read_by_the_public("own."), 4, "{}", stage.public());
        // What comes back after it was over may come back in the same words.
        stage.tell("U0ANA", "update resolved").await;
        stage.press("U0ANA", ROOM, "Set all operational & resolve").await;
        stage.tell("U0BEN", "update major \"Down.\" Checkout").await;
        stage.press("U0BEN", ROOM, "Publish").await;
        assert_eq!(stage.read_by_the_public("own."), 5, "{}", stage.public());
        stage.end().await;
    }
);

on_both_engines!(
    async fn of_two_who_were_both_asked_first_one_publishes(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        // Nobody wrote the sentence, so each is asked.
        stage.tell("U0ANA", "update degraded Checkout").await;
        stage.tell("U0BEN", "update degraded Checkout").await;
        stage.pass(1).await;
        stage.press("U0BEN", ROOM, "Publish").await;
        assert_reads!(stage.press_and_read("U0ANA", ROOM, "Publish").await, @"Ben Example has told the public the same 0s ago, and it is out: nothing more was published. Other words go out; these once more with `/statuspage update … --again`.");
        assert_eq!(stage.read_by_the_public("degraded performance of Checkout."), 1, "{}", stage.public());
        stage.end().await;
    }
);
