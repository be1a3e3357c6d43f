//! Commands in messages, in threads and in private, and behind one name: they do what the slash command does, once;
//! and what people say to each other stays theirs.

use std::time::Duration;

use firebell::on_both_engines;
use serde_json::json;

use crate::acts::exchange;
use crate::stage::Stage;

const ROOM: &str = "inc-1-payments-down";

impl Stage {
    /// Says something in a channel, or in a thread of it, and lets everything happen; the message's `ts`.
    async fn voices(&self, user: &str, channel: &str, thread: Option<&str>, typed: &str) -> String {
        let (ts, events) = self.world.slack.person_says(user, channel, thread, typed);
        for event in &events {
            assert_eq!(self.delivered(event).await, 200);
        }
        self.settle().await;
        ts
    }

    async fn delivered(&self, event: &firebell::sim::signed::Signed) -> u16 {
        self.world.slack.deliver(&self.running.base_url(), event).await.expect("an answer").0
    }

    /// How many events of Slack's are kept.
    async fn kept(&self) -> i64 {
        let mut tx = self.running.app.db.read().await.unwrap();
        let sql = "SELECT count(*) FROM inbox WHERE source = 'slack'";
        tx.scalar(sql, &[]).await.unwrap().unwrap_or(0)
    }

    /// Who used what, newest last: `U0ANA slash answered /oncall payments`.
    pub async fn audit(&self) -> String {
        let mut tx = self.running.app.db.read().await.unwrap();
        let since = tx.now() - Duration::from_secs(3600);
        let mut uses = tx.uses(since, None, 100).await.unwrap();
        uses.reverse();
        let line = |u: firebell::audit::Used| {
            let text = if u.via == "button" { "" } else { u.text.as_str() }; // a button's is an id
            format!("{} {} {} {} {text}", u.user_id, u.via, u.outcome, u.command)
        };
        uses.into_iter().map(|u| line(u).trim_end().to_owned()).collect::<Vec<_>>().join("\n")
    }
}

on_both_engines!(
    async fn in_a_threads_dark_corner_a_word_with_an_exclamation_mark_is_a_command(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.typed("U0ANA", "/incident declare payments down sev1").await;
        let room = stage.channel_id(ROOM);
        let thread = stage.voices("U0BEN", &room, None, "the cache looks odd").await;
        stage.voices("U0BEN", &room, Some(&thread), "!oncall payments").await;
        stage.voices("U0BEN", &room, Some(&thread), "!Incident note restarted the cache").await;
        stage.voices("U0BEN", &room, Some(&thread), "@firebell incident status").await;
        stage.voices("U0BEN", &room, Some(&thread), "hey @firebell, oncall payments").await;
        assert_reads!(stage.world.slack.ephemeral_transcript("U0BEN"), @"
        10:00 #inc-1-payments-down (only you, in a thread): On call for payments
        • level 1: Ana Example ☎ +49 1515550101
        • level 2: Ben Example ☎ +49 1515550102
        As PagerDuty said 0s ago.

        10:00 #inc-1-payments-down (only you, in a thread): INC-1 noted.

        10:00 #inc-1-payments-down (only you, in a thread): INC-1 SEV1 payments down · Investigating for 0s · #inc-1-payments-down
        IC: none yet · PagerDuty: #1 triggered
        The next update is due in 20m.

        10:00 #inc-1-payments-down (only you, in a thread): On call for payments
        • level 1: Ana Example ☎ +49 1515550101
        • level 2: Ben Example ☎ +49 1515550102
        As PagerDuty said 0s ago.
        ");
        assert_reads!(stage.typed_in("U0BEN", ROOM, "/incident timeline").await, @"
        *INC-1 payments down* timeline (UTC)
        _Saturday, 21 November 2026_
        `10:00` *declared* Declared payments down as SEV1 — Ana Example
        `10:00` *channel* Opened #inc-1-payments-down
        `10:00` *page* Opened PagerDuty incident #1
        `10:00` *page* #1 triggered, paging Ana Example
        `10:00` *note* restarted the cache — Ben Example
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_mention_that_comes_twice_and_a_message_that_is_repeated_are_one_command(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.typed("U0ANA", "/incident declare payments down sev1").await;
        let room = stage.channel_id(ROOM);
        let (ts, events) =
            stage.world.slack.person_says("U0BEN", &room, None, "@firebell incident note it is the cache");
        assert_eq!(events.len(), 2, "message and app_mention");
        for event in events.iter().chain(&events) {
            stage.delivered(event).await;
            stage.settle().await;
        }
        // One gesture that a client sent as two messages.
        for ts in [ts, "1700000000.000001".to_owned()] {
            let at = clock_ts(&stage, &ts);
            let twin = json!({"type": "message", "channel": room, "channel_type": "channel", "user": "U0BEN",
                "text": "!incident note and the index", "ts": at, "client_msg_id": "6f1ee4d1-0000-4000-8000-000000000001"});
            stage.delivered(&stage.world.slack.event(twin)).await;
        }
        stage.settle().await;
        let notes = stage.typed_in("U0BEN", ROOM, "/incident timeline").await;
        assert_eq!(notes.matches("it is the cache").count(), 1, "{notes}");
        assert_eq!(notes.matches("and the index").count(), 1, "{notes}");
        stage.end().await;
    }
);

/// Two moments of now, as Slack writes them, that differ by which message it is.
fn clock_ts(stage: &Stage, of: &str) -> String {
    let micros = if of.starts_with("1700000000") { 1 } else { 2 };
    format!("{}.{micros:06}", stage.clock.now().as_secs())
}

on_both_engines!(
    async fn in_private_words_alone_are_enough(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let private = stage.world.slack.dm_with("U0BEN");
        for typed in [
            "oncall payments",
            "!oncall help why",
            "help",
            "hello there",
            "/incident declare search is slow sev4",
        ] {
            stage.voices("U0BEN", &private, None, typed).await;
        }
        assert_reads!(stage.world.slack.dm_transcript("U0BEN"), @"
        10:00 ben: oncall payments

        10:00 firebell: On call for payments
        • level 1: Ana Example ☎ +49 1515550101
        • level 2: Ben Example ☎ +49 1515550102
        As PagerDuty said 0s ago.

        10:00 ben: !oncall help why

        10:00 firebell: /oncall why <@group>
        Why each person is in the group, who is left out, and what triggered the last change. Says too when Slack and the rota were last seen to agree, and what keeps them from it.
        Example: /oncall why @payments-oncall
        Also: explain

        10:00 ben: help

        10:00 firebell: Firebell takes these commands:
        /incident — declare an incident and run it (declare, status, list, ack, update, sev, role, note, timeline, mitigated, resolve, cancel, reopen, help)
        /oncall — who is on call, until when, and why (list, lookup, why, sync, rollback, help)
        /page — page people or a team through PagerDuty (help)
        /ic — who commands incidents, and who responds for each team: their phones, and a page to them (list, page, responders, who, help)
        /statuspage — tell the public how things stand (update, status, help)
        /status-check or !status — the state of the systems, and stalking it (show, stalk, unstalk, help)
        /runbook — the runbook of a service or an alert (show, list, help)
        More: /firebell help <command>. In a channel that I am in, and in its threads, !oncall … does the same as /oncall …; so do /firebell oncall … and mentioning me.

        10:00 ben: hello there

        10:00 firebell: There is no command hello. All commands: /firebell help.

        10:00 ben: /incident declare search is slow sev4

        10:00 firebell: :rotating_light: Declaring INC-1 search is slow as SEV4: opening #inc-1-search-is-slow, paging Ana Example ☎ +49 1515550101.
        ");
        assert_eq!(stage.rooms(), ["inc-1-search-is-slow"]);
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_people_say_to_each_other_is_neither_answered_nor_kept(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let channel = stage.channel_id("incidents");
        let before = stage.kept().await;
        for typed in [
            "oncall payments",
            "!important",
            "!!oncall",
            "is @firebell on holiday?",
            "I asked @firebell incident resolve INC-3",
            "please never type @firebell ic page",
            "page me when you hear from @firebell",
            "incident resolve INC-3 is what I told @firebell yesterday",
            "thanks, !oncall",
            "`!oncall`",
            "!",
        ] {
            stage.voices("U0ANA", &channel, None, typed).await;
        }
        // Edits, bots, ourselves, and a message without what a message has.
        let ts = stage.voices("U0ANA", &channel, None, "a thought").await;
        let edit = stage.world.slack.person_edits(&channel, &ts, "!oncall payments");
        let by_bot = json!({"type": "message", "channel": channel, "user": "U0DEE", "bot_id": "B0OTHER", "ts": ts, "text": "!oncall"});
        let by_us =
            json!({"type": "message", "channel": channel, "user": "U0FIREBELL", "ts": ts, "text": "!oncall"});
        let by_nobody = json!({"type": "message", "channel": channel, "ts": ts, "text": "!oncall"});
        let nowhere = json!({"type": "message", "user": "U0ANA", "ts": ts, "text": "!oncall"});
        let never = json!({"type": "message", "channel": channel, "user": "U0ANA", "ts": "yesterday", "text": "!oncall"});
        let odd = json!({"type": "message", "channel": 7, "user": ["U0ANA"], "ts": {}, "text": null});
        for inner in [by_bot, by_us, by_nobody, nowhere, never, odd] {
            assert_eq!(stage.delivered(&stage.world.slack.event(inner)).await, 200);
        }
        stage.delivered(&edit).await;
        stage.settle().await;
        assert_eq!(stage.kept().await, before, "nothing of it is stored");
        assert_eq!(stage.whispers("U0ANA"), Vec::<String>::new());
        // A slip of the finger gets a hint, to the person alone.
        stage.voices("U0ANA", &channel, None, "!oncal payments").await;
        assert_reads!(stage.whispers("U0ANA").join("\n"), @"There is no command `oncal`. Did you mean `/oncall`?");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_command_that_comes_late_is_not_carried_out(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let channel = stage.channel_id("incidents");
        let (_, events) =
            stage.world.slack.person_says("U0ANA", &channel, None, "!incident declare payments down sev1");
        stage.wait(Duration::from_secs(12 * 60)).await;
        for event in &events {
            let again = stage
                .world
                .slack
                .event(serde_json::from_slice::<serde_json::Value>(&event.body).unwrap()["event"].take());
            stage.delivered(&again).await;
        }
        stage.settle().await;
        assert_eq!(stage.rooms(), Vec::<String>::new());
        assert_reads!(stage.whispers("U0ANA").join("\n"), @"`!incident` reached me only now, 11 minutes late, so I did nothing. Say it again if you still want it.");
        stage.end().await;
    }
);

on_both_engines!(
    async fn an_answer_is_given_although_the_program_died_before_it_and_given_once(db: Db, clock: Clock) {
        let stage = Stage::set(db.clone(), clock.clone()).await;
        let channel = stage.channel_id("incidents");
        let (_, events) =
            stage.world.slack.person_says("U0ANA", &channel, None, "!incident declare payments down sev1");
        for event in &events {
            stage.delivered(event).await;
        }
        let Stage { world, running, .. } = stage;
        drop(running);
        let stage = Stage::on(world, db, clock, "").await;
        stage.settle().await;
        assert_eq!(stage.rooms(), [ROOM]);
        assert_eq!(stage.whispers("U0ANA").len(), 1, "{:?}", stage.whispers("U0ANA"));
        stage.end().await;
    }
);

on_both_engines!(
    async fn one_name_leads_to_every_command(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let mut talk = String::new();
        for typed in [
            "/firebell",
            "/firebell help",
            "/firebell help oncall",
            "/firebell help incident note",
            "/firebell oncall payments",
            "/firebell !oncall payments",
            "/firebell incidnet list",
            "/firebell <!here> `x`",
            "/firebell firebell help",
        ] {
            talk.push_str(&exchange(typed, &stage.slash("U0ANA", typed).await));
        }
        assert_reads!(talk, @"
        /firebell
          → *Firebell* takes these commands:
            `/incident` — declare an incident and run it (declare, status, list, ack, update, sev, role, note, timeline, mitigated, resolve, cancel, reopen, help)
            `/oncall` — who is on call, until when, and why (list, lookup, why, sync, rollback, help)
            `/page` — page people or a team through PagerDuty (help)
            `/ic` — who commands incidents, and who responds for each team: their phones, and a page to them (list, page, responders, who, help)
            `/statuspage` — tell the public how things stand (update, status, help)
            `/status-check` or `!status` — the state of the systems, and stalking it (show, stalk, unstalk, help)
            `/runbook` — the runbook of a service or an alert (show, list, help)
            More: `/firebell help &lt;command&gt;`. In a channel that I am in, and in its threads, `!oncall …` does the same as `/oncall …`; so do `/firebell oncall …` and mentioning me.
        /firebell help
          → *Firebell* takes these commands:
            `/incident` — declare an incident and run it (declare, status, list, ack, update, sev, role, note, timeline, mitigated, resolve, cancel, reopen, help)
            `/oncall` — who is on call, until when, and why (list, lookup, why, sync, rollback, help)
            `/page` — page people or a team through PagerDuty (help)
            `/ic` — who commands incidents, and who responds for each team: their phones, and a page to them (list, page, responders, who, help)
            `/statuspage` — tell the public how things stand (update, status, help)
            `/status-check` or `!status` — the state of the systems, and stalking it (show, stalk, unstalk, help)
            `/runbook` — the runbook of a service or an alert (show, list, help)
            More: `/firebell help &lt;command&gt;`. In a channel that I am in, and in its threads, `!oncall …` does the same as `/oncall …`; so do `/firebell oncall …` and mentioning me.
        /firebell help oncall
          → */oncall* alone shows who is on call. Only you see the answers.
            `/oncall list [--public]` — the groups that follow a rota and the services: who, until when, who is next
            `/oncall lookup &lt;service|@group|@user|schedule|policy&gt; [--next] [--public]` — who is on call there on each level, until when, who is next; of a person: where
            `/oncall why &lt;@group&gt;` — why each person is in the group, who is left out, and what triggered the last change
            `/oncall sync [@group]` — ask PagerDuty and Slack now, instead of in some seconds
            `/oncall rollback &lt;@group&gt;` — put a group back as it was before the last write
            `/oncall help [command]` — this list, or more about one command
            Examples: `/oncall payments`, `/oncall @payments-oncall --next`, `/oncall @ana`, `/oncall why @payments-oncall`
        /firebell help incident note
          → `/incident note [INC-n] &lt;text&gt; [--at HH:MM] [--type hypothesis|decision|action]`
            Add to the timeline, and to PagerDuty. `--at` is the last time the clock showed that: a time that is still to come today means yesterday; `3:05 pm` is as good as `15:05`. Notes of private incidents stay out of PagerDuty.
            Example: `/incident note rolled back to v41 --at 03:12 --type action`
        /firebell oncall payments
          → *On call for payments*
            • level 1: Ana Example ☎ +49 1515550101
            • level 2: Ben Example ☎ +49 1515550102
            _As PagerDuty said 0s ago._
        /firebell !oncall payments
          → *On call for payments*
            • level 1: Ana Example ☎ +49 1515550101
            • level 2: Ben Example ☎ +49 1515550102
            _As PagerDuty said 0s ago._
        /firebell incidnet list
          → There is no command `incidnet`. Did you mean `/incident`?
        /firebell <!here> `x`
          → There is no command `&lt;!here&gt;`. All commands: `/firebell help`.
        /firebell firebell help
          → *Firebell* takes these commands:
            `/incident` — declare an incident and run it (declare, status, list, ack, update, sev, role, note, timeline, mitigated, resolve, cancel, reopen, help)
            `/oncall` — who is on call, until when, and why (list, lookup, why, sync, rollback, help)
            `/page` — page people or a team through PagerDuty (help)
            `/ic` — who commands incidents, and who responds for each team: their phones, and a page to them (list, page, responders, who, help)
            `/statuspage` — tell the public how things stand (update, status, help)
            `/status-check` or `!status` — the state of the systems, and stalking it (show, stalk, unstalk, help)
            `/runbook` — the runbook of a service or an alert (show, list, help)
            More: `/firebell help &lt;command&gt;`. In a channel that I am in, and in its threads, `!oncall …` does the same as `/oncall …`; so do `/firebell oncall …` and mentioning me.
        ");
        let channel = stage.channel_id("incidents");
        stage.voices("U0ANA", &channel, None, "!incident").await;
        assert_reads!(stage.whispers("U0ANA").pop().unwrap_or_default(), @"Slack opens forms from slash commands only: type `/incident` for the form, or say it in words (`/incident help`).");
        stage.end().await;
    }
);

on_both_engines!(
    async fn every_use_is_on_record_and_the_right_to_use_comes_first(db: Db, clock: Clock) {
        let world = firebell::sim::scene::World::start(clock.clone()).await.expect("the world starts");
        world.slack.add_user("U0GUEST", "guest", "Guest", "guest@example.com");
        world.slack.edit_user("U0GUEST", |u| u.is_restricted = true);
        let rights = "[rights]\nuse = [\"U0ANA\", \"U0BEN\", \"U0GUEST\"]\ndeclare = [\"U0ANA\"]\n";
        let stage = Stage::on(world, db, clock, rights).await;
        stage.settle().await;
        stage.typed("U0ANA", "/oncall payments").await;
        stage.typed("U0ANA", "/incident declare payments down sev1").await;
        stage.typed("U0ANA", "/incident decalre payments down").await;
        stage.typed("U0BEN", "/incident declare mine sev1").await;
        stage.typed("U0GUEST", "/oncall").await;
        let answer = stage.typed("U0CHO", "/oncall").await;
        assert_reads!(answer, @"That needs the right to use Firebell. Ask one of those who have it (Ana Example, Ben Example, Guest), or an administrator to extend [rights].");
        let room = stage.channel_id(ROOM);
        stage.voices("U0BEN", &room, None, "!oncall search").await;
        stage.voices("U0CHO", &room, None, "!oncall search").await;
        stage.press("U0ANA", ROOM, "Acknowledge").await;
        stage.typed("U0ANA", &format!("/incident note {}", "x".repeat(2_000))).await;
        let audit = stage.audit().await;
        let longest = audit.lines().map(str::len).max();
        assert!(longest < Some(1_100), "what was typed is kept, up to a length: {longest:?}");
        assert_reads!(audit.lines().filter(|l| l.len() < 200).collect::<Vec<_>>().join("\n"), @"
        U0ANA slash answered /oncall payments
        U0ANA slash done /incident declare payments down sev1
        U0ANA slash refused /incident decalre payments down
        U0BEN slash denied /incident declare mine sev1
        U0GUEST slash denied /oncall
        U0CHO slash denied /oncall
        U0BEN message answered !oncall search
        U0CHO message denied !oncall search
        U0ANA button done incident.acknowledge
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_was_not_done_is_not_on_record_as_done(db: Db, clock: Clock) {
        let stage = crate::paging::stage(db, clock).await;
        stage.typed("U0EVE", "/page @cho come").await;
        stage.typed("U0BEN", "/page @cho come").await;
        stage.typed("U0ANA", "/incident declare payments down sev1").await;
        stage.typed("U0BEN", "/incident declare payments down sev1").await;
        stage.typed("U0BEN", "/incident declare payments down sev1").await;
        stage.press("U0BEN", "general", "Declare anyway").await;
        assert_reads!(stage.audit().await, @"
        U0EVE slash done /page <@U0CHO|cho> come
        U0BEN slash answered /page <@U0CHO|cho> come
        U0ANA slash done /incident declare payments down sev1
        U0BEN slash answered /incident declare payments down sev1
        U0BEN slash answered /incident declare payments down sev1
        U0BEN button done incident.declare_anyway
        ");
        stage.end().await;
    }
);
