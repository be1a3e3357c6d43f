//! Slack on a bad day: all of it away, or one call, or one call refused for good. PagerDuty is paged all the same, the
//! rest comes once, and what cannot come is shown with a way out.

use std::collections::BTreeSet;
use std::time::Duration;

use firebell::on_both_engines;
use firebell::sim::desk::Fault;
use firebell::sim::slack::Slack;
use firebell::store::Db;

use crate::canon;
use crate::stage::Stage;
use crate::sweep::database;

const A_MINUTE: Duration = Duration::from_secs(60);
const ROOM: &str = "inc-1-payments-down";

fn refused(code: &str) -> Fault {
    Fault::Refuse { code: code.into() }
}

impl Stage {
    /// Which steps of INC-1 failed, and which are not done.
    async fn steps(&self) -> (Vec<String>, Vec<String>) {
        let mut tx = self.running.app.db.read().await.expect("a transaction");
        let id = tx.scalar("SELECT id FROM incident WHERE number = 1", &[]).await.expect("it reads");
        let steps = tx.steps(id.expect("INC-1")).await.expect("steps");
        let named = |state: &str| {
            steps.iter().filter(|s| s.state.word() == state).map(|s| s.step.to_string()).collect::<Vec<_>>()
        };
        (named("failed"), [named("waiting"), named("retrying")].concat())
    }
}

/// A room of its own: declared on a good day, and some time later.
async fn good_day(db: &Db) -> String {
    let (other, _guard, clock) = database(db.is_postgres()).await.expect("it was there before");
    let stage = Stage::set(other.clone(), clock).await;
    stage.declared().await;
    stage.wait(6 * A_MINUTE).await;
    let description = canon::describe(&stage.world, &other).await;
    stage.end().await;
    canon::timeless(&description)
}

on_both_engines!(
    async fn while_slack_is_down_pagerduty_is_paged_and_the_rest_comes_once_afterwards(db: Db, clock: Clock) {
        let good = good_day(&db).await;
        let stage = Stage::set(db.clone(), clock).await;
        stage.world.desk.always("slack", Fault::Reset);
        stage.declared().await;
        assert_eq!(stage.world.pagerduty.pages().len(), 1, "Ana's phone rings");
        stage.wait(5 * A_MINUTE).await;
        assert_eq!(stage.rooms(), Vec::<String>::new());
        stage.world.desk.heal("slack");
        stage.wait(A_MINUTE).await;
        let found = canon::timeless(&canon::describe(&stage.world, &db).await);
        assert_eq!(canon::difference(&good, &found), Vec::<String>::new());
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_single_call_that_is_away_keeps_nothing_else_waiting_and_is_made_good(db: Db, _clock: Clock) {
        let good = good_day(&db).await;
        for (call, step) in [
            ("conversations.create", "channel"),
            ("conversations.invite", "invite"),
            ("conversations.setTopic", "topic"),
            ("bookmarks.add", "bookmark"),
            ("pins.add", "pin"),
            ("chat.postMessage", "summary"),
            ("chat.update", ""),
        ] {
            let (db, _guard, clock) = database(db.is_postgres()).await.expect("it was there before");
            let stage = Stage::set(db.clone(), clock).await;
            stage.world.desk.always(call, Fault::Unavailable { status: 503 });
            stage.declared().await;
            stage.wait(5 * A_MINUTE).await;
            let (failed, waiting) = stage.steps().await;
            assert_eq!(failed, Vec::<String>::new(), "{call}");
            let waits_for_it: &[&str] = match step {
                "channel" => {
                    &["announce", "bookmark", "channel", "first-update", "invite", "pin", "summary", "topic"]
                }
                "summary" => &["announce", "first-update", "pin", "summary"],
                "" => &[],
                step => &[step],
            };
            let waiting: BTreeSet<&str> = waiting.iter().map(String::as_str).collect();
            assert_eq!(waiting, waits_for_it.iter().copied().collect(), "{call}");
            if ["invite", "topic", "bookmark", "pin"].contains(&step) {
                assert!(stage.summary_or_not().contains("is being retried"), "{}", stage.summary_or_not());
            }
            stage.world.desk.heal(call);
            stage.wait(A_MINUTE).await;
            let found = canon::timeless(&canon::describe(&stage.world, &db).await);
            assert_eq!(canon::difference(&good, &found), Vec::<String>::new(), "{call}");
            stage.end().await;
        }
    }
);

impl Stage {
    /// The summary whether it is pinned or not.
    fn summary_or_not(&self) -> String {
        let transcript = self.world.slack.transcript(ROOM);
        transcript.split("\n\n").filter(|p| p.contains("\nSeverity\n")).collect::<Vec<_>>().join("\n")
    }
}

on_both_engines!(
    async fn a_single_call_that_is_refused_is_shown_with_retry_and_never_stops_the_rest(
        db: Db,
        _clock: Clock,
    ) {
        let good = good_day(&db).await;
        let mut steps = BTreeSet::new();
        for (call, nth, code) in [
            ("conversations.invite", 0, "not_in_channel"),
            ("conversations.setTopic", 0, "restricted_action"),
            ("bookmarks.add", 0, "too_many_bookmarks"),
            ("pins.add", 0, "too_many_pins"),
            ("chat.postMessage", 0, "channel_not_found"),
            ("chat.postMessage", 1, "restricted_action"),
            ("chat.postMessage", 2, "restricted_action"),
            ("chat.postMessage", 3, "restricted_action"),
        ] {
            let (db, _guard, clock) = database(db.is_postgres()).await.expect("it was there before");
            let mut stage = Stage::set(db.clone(), clock).await;
            stage.trouble_is_expected();
            stage.world.desk.at(call, nth, refused(code));
            stage.declared().await;
            stage.wait(5 * A_MINUTE).await;
            let (failed, waiting) = stage.steps().await;
            let mut others: Vec<&str> = waiting.iter().map(String::as_str).collect();
            others.retain(|step| !(failed == ["summary"] && *step == "pin"));
            assert_eq!(others, Vec::<&str>::new(), "{call} {nth}: the rest is done");
            if failed.is_empty() {
                continue; // a line of the talk: it stands on the timeline
            }
            steps.insert(failed.join(" "));
            let shown = stage.world.slack.transcript(ROOM);
            assert!(shown.contains(code) && shown.contains("[Retry]"), "{call} {nth}: {shown}");
            stage.click("U0BEN", ROOM, "Retry").await;
            stage.wait(A_MINUTE).await;
            let found = canon::timeless(&canon::describe(&stage.world, &db).await);
            let mut difference = canon::difference(&good, &found);
            // What was said where there was no summary to show it, and the answer to the press of Retry.
            difference.retain(|l| {
                !["+ firebell: :x: Summary failed", "+ [Retry]", "Retrying:"].iter().any(|w| l.contains(w))
            });
            assert_eq!(difference, Vec::<String>::new(), "{call} {nth}");
            stage.end().await;
        }
        let all = ["announce", "bookmark", "first-update", "invite", "pin", "summary", "topic"];
        assert_eq!(steps.iter().map(String::as_str).collect::<Vec<_>>(), all, "each was refused once");
    }
);

on_both_engines!(
    async fn without_a_room_its_declarer_is_told_in_private_and_can_retry_there(db: Db, clock: Clock) {
        let mut stage = Stage::set(db, clock).await;
        stage.trouble_is_expected();
        stage.world.desk.next("conversations.create", refused("restricted_action"));
        stage.declared().await;
        stage.minute().await;
        assert_eq!(stage.rooms(), Vec::<String>::new());
        assert_eq!(stage.world.pagerduty.pages().len(), 1);
        assert_reads!(stage.world.slack.dm_transcript("U0ANA"), @"
        10:00 firebell: INC-1 payments-down has no channel that I can write in, so I tell you here.
        :x: Slack channel failed: Slack says no: a setting of the workspace forbids it (restricted_action)
        [Retry]

        10:00 firebell: INC-1 payments-down has no channel that I can write in, so I tell you here.
        :pager: #1 is paging @ana.
        ");
        let dm = stage.world.slack.dm_channel("U0ANA").expect("a conversation");
        let press = stage.world.slack.click("U0ANA", &dm, "Retry").expect("the button");
        stage.world.slack.deliver(&stage.running.base_url(), &press).await.expect("an answer");
        stage.minute().await;
        assert_eq!(stage.rooms(), [ROOM]);
        let (failed, waiting) = stage.steps().await;
        assert_eq!((failed, waiting), (vec![], vec![]));
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_strangers_channel_is_never_adopted(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let slack = stage.world.slack.clone();
        // Somebody's public one, one that we cannot even see, one that was archived, one of ours from another life.
        slack.add_channel(ROOM, false, "U0DEE", &["U0DEE"]);
        slack.add_channel(&format!("{ROOM}-2"), true, "U0DEE", &["U0DEE"]);
        let archived = slack.add_channel(&format!("{ROOM}-3"), false, Slack::BOT_USER, &[]);
        slack.archive(&archived);
        slack.add_channel(&format!("{ROOM}-4"), false, Slack::BOT_USER, &[]);
        stage.clock.advance(10 * A_MINUTE);
        // The first attempt makes one and does not hear of it: the second must find just that one.
        stage.world.desk.at("conversations.create", 4, Fault::LoseAnswer);
        stage.declared().await;
        stage.minute().await;
        let made: Vec<_> = stage
            .world
            .slack
            .channels()
            .into_iter()
            .filter(|c| c.creator == Slack::BOT_USER && c.messages.len() > 1)
            .map(|c| c.name)
            .collect();
        assert_eq!(made, [format!("{ROOM}-5")]);
        assert_eq!(stage.rooms().len(), 5);
        assert_eq!(stage.bookmarks(&format!("{ROOM}-5")).lines().count(), 1);
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_room_of_ours_that_another_incident_has_is_not_taken_again(db: Db, clock: Clock) {
        let stage = Stage::set(db.clone(), clock).await;
        stage.declared().await;
        // As if the numbers had begun anew: the next incident wants the name of the one that was just opened.
        let mut tx = db.write(firebell::store::Priority::Job).await.unwrap();
        tx.exec("UPDATE incident SET number = 100, title = 'another'", &[]).await.unwrap();
        tx.exec("UPDATE counter SET value = 0 WHERE name = 'incident'", &[]).await.unwrap();
        tx.commit().await.unwrap();
        stage.world.desk.next("conversations.create", Fault::Reset);
        stage.slash("U0BEN", "/incident declare payments-down sev1").await;
        stage.settle().await;
        stage.minute().await;
        assert_eq!(stage.rooms(), [ROOM.to_owned(), format!("{ROOM}-2")]);
        stage.end().await;
    }
);

on_both_engines!(
    async fn who_cannot_be_invited_is_named_and_the_rest_are_in(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        // Dee leaves the company after we have read who is in @sre-leads.
        stage.world.slack.edit_user("U0DEE", |dee| dee.deleted = true);
        stage.declared().await;
        stage.minute().await;
        assert_eq!(stage.members("inc-1"), "U0ANA");
        assert!(
            stage.room("inc-1").contains("Could not invite:\n• Dee Example — "),
            "{}",
            stage.room("inc-1")
        );
        assert!(stage.summary_of("inc-1").contains("Dee Example"), "{}", stage.summary_of("inc-1"));
        let (failed, waiting) = stage.steps().await;
        assert_eq!((failed, waiting), (vec![], vec![]));
        stage.end().await;
    }
);

on_both_engines!(
    async fn many_incidents_at_once_keep_slacks_limits_and_get_their_rooms_all_the_same(
        db: Db,
        clock: Clock,
    ) {
        let stage = Stage::set(db, clock).await;
        stage.world.slack.enforce_tiers(true);
        let titles = [
            "logins fail",
            "mail is late",
            "disks fill up",
            "prices are wrong",
            "maps are blank",
            "search empty",
            "exports hang",
            "dark checkout",
            "old certificates",
            "lost carts",
            "queue grows",
            "red dashboards",
            "slow uploads",
            "odd invoices",
            "broken images",
            "stuck deploys",
            "no backups",
            "wrong taxes",
            "cold caches",
            "split brain",
            "dead letters",
            "full inodes",
            "bad routes",
            "mute phones",
        ];
        for title in titles {
            stage.slash("U0ANA", &format!("/incident declare {title} sev1")).await;
        }
        stage.settle().await;
        stage.wait(6 * A_MINUTE).await;
        assert_eq!(stage.rooms().len(), titles.len());
        assert_eq!(stage.world.pagerduty.incidents().len(), titles.len());
        for room in stage.rooms() {
            let channel = stage.world.slack.channel_named(&room).expect("the room");
            assert_eq!((channel.pins.len(), channel.bookmarks.len()), (1, 1), "{room}");
            assert_eq!(
                stage.world.slack.transcript(&room).matches("SEV1 incident declared").count(),
                1,
                "{room}"
            );
            assert!(channel.members.contains("U0DEE") && channel.topic.contains("SEV1"), "{room}");
        }
        assert_eq!(stage.world.slack.transcript("incidents").matches("SEV1 INC-").count(), titles.len());
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_topic_whose_answer_was_lost_is_changed_back_all_the_same(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.declared().await;
        let room = stage.room_id("inc-1");
        let topic = || stage.world.slack.channel_named(ROOM).expect("the room").topic;
        stage.world.desk.next("conversations.setTopic", Fault::LoseAnswer);
        stage.slash_in("U0ANA", &room, "/incident sev 2").await;
        stage.settle().await;
        assert!(topic().starts_with("[SEV2]"), "{}", topic());
        stage.slash_in("U0ANA", &room, "/incident sev 1").await;
        stage.wait(A_MINUTE).await;
        assert!(topic().starts_with("[SEV1]"), "{}", topic());
        stage.end().await;
    }
);
