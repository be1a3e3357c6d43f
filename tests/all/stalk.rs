//! Stalking: a channel is told of every change that counts, and of no other; whatever dies in between.

use std::time::Duration;

use firebell::on_both_engines;
use firebell::sim::desk::Fault;
use serde_json::json;

use crate::repeats::together;
use crate::stage::{Stage, text_of};
use crate::status::{restarted, stage};

const ROOM: &str = "inc-1-payments-down";

impl Stage {
    fn checkout(&self, word: &str) {
        self.world.monitors.set_health(200, json!({ "status": word }));
    }

    /// Half a minute passes: one reading, and what it causes.
    async fn next_reading(&self) {
        self.wait(Duration::from_secs(30)).await;
        self.wait(Duration::from_secs(4)).await;
    }

    /// How often #general was told of a change.
    fn changes_told(&self) -> usize {
        self.paragraphs("general", "(was ").len()
    }
}

on_both_engines!(
    async fn a_channel_is_told_of_changes_and_of_nothing_else(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        assert_reads!(stage.systems("U0ANA", &["stalk", "stalk"]).await, @"
        /status-check stalk
          → I stalk the status for this channel and say so here now. If Slack does not let me, you hear that from me instead.
        /status-check stalk
          → I stalk the status for this channel and say so here now. If Slack does not let me, you hear that from me instead.
        ");
        stage.settle().await;
        stage.wait(Duration::from_secs(300)).await;
        assert_eq!(stage.changes_told(), 0, "nothing has changed");
        stage.checkout("down");
        stage.next_reading().await;
        assert_eq!(stage.changes_told(), 0, "one odd reading is not news");
        stage.next_reading().await;
        stage.world.monitors.fire("HighErrorRate", "critical", "payments", "5xx above 2 %");
        stage.checkout("slow");
        stage.wait(Duration::from_secs(120)).await;
        stage.world.monitors.calm("HighErrorRate");
        stage.checkout("ok");
        stage.wait(Duration::from_secs(120)).await;
        assert_reads!(stage.world.slack.transcript("general"), @"
        10:00 firebell: Status: NORMAL
        Now stalking the status every 30 seconds, until 2026-11-22 10:00 UTC. I say when it changes; /status-check unstalk ends it.

        10:06 firebell: Status: MAJOR_OUTAGE
        • checkout MAJOR_OUTAGE (was NORMAL): says “down” — 4s ago

        10:07 firebell: Status: PARTIAL_OUTAGE
        • payments alerts PARTIAL_OUTAGE (was NORMAL): HighErrorRate (critical): 5xx above 2 % — 10s ago
        • checkout DEGRADED (was MAJOR_OUTAGE): says “slow” — 10s ago

        10:09 firebell: Status: NORMAL
        • payments alerts NORMAL (was PARTIAL_OUTAGE) — 10s ago
        • checkout NORMAL (was DEGRADED) — 10s ago
        ");
        assert_reads!(stage.systems("U0BEN", &["unstalk", "unstalk"]).await, @"
        /status-check unstalk
          → Ben Example ended it: no longer stalking the status.
        /status-check unstalk
          → Ben Example ended it: no longer stalking the status.
        ");
        stage.checkout("down");
        let told = stage.changes_told();
        stage.wait(Duration::from_secs(300)).await;
        assert_eq!(stage.changes_told(), told, "it has ended");
        stage.end().await;
    }
);

on_both_engines!(
    async fn while_somebody_stalks_monitors_are_asked_more_often(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        let looks = async || {
            let before = (stage.calls("GET /health"), stage.calls("GET /page/api/v2/summary.json"));
            stage.wait(Duration::from_secs(600)).await;
            (stage.calls("GET /health") - before.0, stage.calls("GET /page/api/v2/summary.json") - before.1)
        };
        assert_eq!(looks().await, (10, 10));
        stage.systems("U0ANA", &["stalk"]).await;
        stage.settle().await;
        assert_eq!(looks().await, (20, 10), "a status page no more than once a minute");
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_flaps_is_told_once_and_its_end_too(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.systems("U0ANA", &["stalk"]).await;
        stage.settle().await;
        for _ in 0..10 {
            stage.checkout("down");
            stage.next_reading().await;
            stage.checkout("ok");
            stage.next_reading().await;
        }
        assert_eq!(stage.changes_told(), 1, "{}", stage.world.slack.transcript("general"));
        stage.wait(Duration::from_secs(120)).await;
        assert_eq!(stage.changes_told(), 2);
        stage.end().await;
    }
);

on_both_engines!(
    async fn two_people_at_once_and_a_request_twice_make_one_stalk(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        let (general, base) = (stage.channel_id("general"), stage.running.base_url());
        let mut requests: Vec<_> = ["U0ANA", "U0BEN"]
            .map(|user| stage.world.slack.command(user, &general, "/status-check stalk"))
            .into();
        requests.push(requests[0].clone());
        let sending = requests.into_iter().map(|request| {
            let (slack, base) = (stage.world.slack.clone(), base.clone());
            async move { text_of(&slack.deliver(&base, &request).await.expect("an answer").1) }
        });
        let answers = together(sending).await;
        let began = answers.iter().filter(|answer| answer.contains("I stalk the status")).count();
        let was_there = answers.iter().filter(|answer| answer.contains("stalks the status already")).count();
        assert!(matches!((began, was_there), (2, 1) | (1, 2)), "{answers:?}");
        stage.checkout("down");
        stage.wait(Duration::from_secs(120)).await;
        assert_eq!(stage.changes_told(), 1, "{}", stage.world.slack.transcript("general"));
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_restart_and_a_lost_answer_lose_and_double_nothing(db: Db, clock: Clock) {
        let mut stage = stage(db, clock).await;
        // Where Firebell is a member: elsewhere it cannot look whether it has said something.
        let incidents = stage.channel_id("incidents");
        stage.slash_in("U0ANA", &incidents, "/status-check stalk").await;
        stage.checkout("down");
        // Killed before anything was read, before the change counted, and when it was about to be told.
        for seconds in [0, 30, 30, 1, 3] {
            stage.clock.advance(Duration::from_secs(seconds));
            stage = restarted(stage).await;
            stage.running.work_off().await.expect("jobs run");
        }
        let transcript = stage.world.slack.transcript("incidents");
        assert_eq!(transcript.matches("MAJOR_OUTAGE (was NORMAL)").count(), 1, "{transcript}");
        stage.world.desk.next("chat.postMessage", Fault::LoseAnswer);
        stage.checkout("ok");
        stage.wait(Duration::from_secs(180)).await;
        let transcript = stage.world.slack.transcript("incidents");
        assert_eq!(transcript.matches("NORMAL (was MAJOR_OUTAGE)").count(), 1, "{transcript}");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_day_later_it_ends_with_a_word(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.systems("U0ANA", &["stalk"]).await;
        stage.settle().await;
        // Ended and begun anew: the first one's day must not end the second.
        stage.clock.advance(Duration::from_secs(20 * 3600));
        stage.systems("U0ANA", &["unstalk", "stalk"]).await;
        stage.settle().await;
        stage.clock.advance(Duration::from_secs(5 * 3600));
        stage.settle().await;
        assert!(!stage.world.slack.transcript("general").contains("A day has passed"));
        stage.clock.advance(Duration::from_secs(19 * 3600));
        stage.settle().await;
        assert_reads!(stage.world.slack.transcript("general"), @"
        10:00 firebell: Status: NORMAL
        Now stalking the status every 30 seconds, until 2026-11-22 10:00 UTC. I say when it changes; /status-check unstalk ends it.

        06:00 firebell: Ana Example ended it: no longer stalking the status.

        06:00 firebell: Status: NORMAL
        Now stalking the status every 30 seconds, until 2026-11-23 06:00 UTC. I say when it changes; /status-check unstalk ends it.

        06:00 firebell: A day has passed: no longer stalking the status. It is NORMAL now. To go on: /status-check stalk
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn where_firebell_may_not_write_whoever_asked_hears_why(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        let id = stage.world.slack.add_channel("secret", true, "U0ANA", &["U0ANA"]);
        for minute in 1..=2 {
            // At once, and whoever asks again hears it again.
            stage.slash_in("U0ANA", &id, "/status-check stalk").await;
            stage.settle().await;
            assert_eq!(stage.world.slack.dm_transcript("U0ANA").matches("I cannot write").count(), minute);
            stage.pass(2).await;
        }
        assert_reads!(stage.world.slack.dm_transcript("U0ANA"), @"
        10:00 firebell: I cannot write in #secret, so it is not told the status. Write /invite @firebell there, and ask again.

        10:02 firebell: I cannot write in #secret, so it is not told the status. Write /invite @firebell there, and ask again.
        ");
        assert!(stage.slash_in("U0ANA", &id, "/status-check unstalk").await.contains("Nobody stalks"));
        stage.end().await;
    }
);

on_both_engines!(
    async fn in_a_direct_message_of_two_people_nobody_is_told_to_invite_firebell(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.slash_in("U0ANA", "D0ANABEN", "/status-check stalk").await;
        stage.settle().await;
        assert_reads!(stage.world.slack.dm_transcript("U0ANA"), @"10:00 firebell: I cannot write in your direct message with somebody else, so nobody is told the status there. Ask in a channel, or here.");
        assert!(stage.slash_in("U0BEN", "D0ANABEN", "/status-check unstalk").await.contains("Nobody stalks"));
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_severe_incident_is_told_by_itself_until_its_end(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.typed("U0ANA", "/incident declare payments-down sev1 --no-page").await;
        stage.checkout("down");
        stage.wait(Duration::from_secs(120)).await;
        stage.typed_in("U0ANA", ROOM, "/incident resolve").await;
        stage.checkout("ok");
        stage.wait(Duration::from_secs(120)).await;
        let said: Vec<String> = ["Status: NORMAL", "Status: MAJOR", "no longer"]
            .iter()
            .flat_map(|words| stage.paragraphs(ROOM, words))
            .collect();
        assert_reads!(said.join("\n\n"), @"
        10:00 firebell: Status: NORMAL
        Now stalking the status every 30 seconds, until the incident is over. I say when it changes; /status-check unstalk ends it.

        10:01 firebell: Status: MAJOR_OUTAGE
        • checkout MAJOR_OUTAGE (was NORMAL): says “down” — 10s ago

        10:02 firebell: The incident is over: no longer stalking the status. It was MAJOR_OUTAGE at the end.
        ");
        assert_reads!(stage.slash_in("U0ANA", &stage.channel_id(ROOM), "/incident timeline").await, @"
        *INC-1 payments-down* timeline (UTC)
        _Saturday, 21 November 2026_
        `10:00` *declared* Declared payments-down as SEV1 — Ana Example
        `10:00` *channel* Opened #inc-1-payments-down
        `10:00` *monitor* Stalking the status: NORMAL
        `10:01` *monitor* Status NORMAL → MAJOR_OUTAGE: checkout MAJOR_OUTAGE
        `10:02` *resolved* Resolved — Ana Example
        `10:02` *monitor* No longer stalking the status
        ");
        // Open again, it is told again.
        stage.typed_in("U0ANA", ROOM, "/incident reopen it is back").await;
        assert_eq!(stage.paragraphs(ROOM, "Now stalking").len(), 2);
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_lesser_one_is_told_once_it_gets_severe_and_never_against_peoples_will(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.typed("U0ANA", "/incident declare payments-down sev3 --no-page").await;
        assert!(stage.paragraphs(ROOM, "Now stalking").is_empty());
        stage.typed_in("U0ANA", ROOM, "/incident sev 2").await;
        assert_eq!(stage.paragraphs(ROOM, "Now stalking").len(), 1);
        stage.typed_in("U0ANA", ROOM, "/incident sev 3").await;
        assert!(stage.paragraphs(ROOM, "no longer").is_empty(), "it goes on until the end");
        stage.typed_in("U0ANA", ROOM, "/status-check unstalk").await;
        stage.typed_in("U0ANA", ROOM, "/incident sev 1").await;
        assert_eq!(stage.paragraphs(ROOM, "Now stalking").len(), 1, "somebody had ended it");
        let room = stage.channel_id(ROOM);
        let begun = stage.slash_in("U0BEN", &room, "/status-check stalk").await;
        assert!(begun.contains("until the incident is over"), "{begun}");
        stage.checkout("down");
        stage.wait(Duration::from_secs(120)).await;
        assert_eq!(stage.paragraphs(ROOM, "Status: MAJOR_OUTAGE").len(), 1);
        stage.end().await;
    }
);
