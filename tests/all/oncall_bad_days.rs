//! `/oncall` on bad days: words with bad intent, people who may not ask, vendors and the database away.

use std::time::Duration;

use firebell::on_both_engines;
use firebell::sim::desk::Fault;

use crate::acts::exchange;
use crate::oncall_command::{GROUPS, HOUR, restarted, stage, world};
use crate::stage::Stage;

on_both_engines!(
    async fn what_is_typed_with_bad_intent_stays_text(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.world.pagerduty.add_user("PEVIL01", "<!channel> `rm` *boo* @here", "evil@example.com", None);
        stage.world.pagerduty.add_escalation_policy("PEP0002", "<!here|x> & `y`", &[&["PEVIL01"]]);
        stage.wait(Duration::from_secs(60)).await;
        let long = "x".repeat(3_000);
        let mut answers = String::new();
        for typed in [
            "<!channel>",
            "why <!here>",
            "`@here` *bold* _it_ ~no~",
            "> quote\u{7} and \u{202E}reversed",
            "@everyone",
            "<https://evil.example|payments>",
            "'; DROP TABLE group_sync; --",
            "search",
            "why @search-oncall",
        ] {
            // As a client that escapes nothing would send it.
            let request = stage.world.slack.command("U0EVE", &stage.channel_id("general"), "/oncall WORDS");
            let body = String::from_utf8(request.body).unwrap();
            let escaped: String = form_urlencoded::byte_serialize(typed.as_bytes()).collect();
            let answer = stage.raw("/slack/commands", body.replace("WORDS", &escaped)).await;
            for call in ["<!channel", "<!here", "<!everyone", "<http"] {
                assert!(!answer.contains(call), "{typed}: {answer}");
            }
            answers.push_str(&exchange(&typed.escape_debug().to_string(), &answer.replace('\u{200b}', "·")));
        }
        assert_reads!(answers, @r"
        <!channel>
          → I know nothing and nobody called @·channel. `/oncall` alone shows what there is; `/oncall help` says what I understand.
        why <!here>
          → No group called @·here follows a rota. Groups that follow one: `@payments-oncall`, `@search-oncall`, `@payments-rota`.
        `@here` *bold* _it_ ~no~
          → I know nothing and nobody called ˋ@·hereˋ *bold* _it_ ~no~. `/oncall` alone shows what there is; `/oncall help` says what I understand. Of PagerDuty's schedules I know those that the configuration uses, and those of the escalation policies in it.
        > quote\u{7} and \u{202e}reversed
          → I know nothing and nobody called &gt; quote and reversed. `/oncall` alone shows what there is; `/oncall help` says what I understand. Of PagerDuty's schedules I know those that the configuration uses, and those of the escalation policies in it.
        @everyone
          → I know nothing and nobody called @·everyone. `/oncall` alone shows what there is; `/oncall help` says what I understand.
        <https://evil.example|payments>
          → *On call for payments*
            • level 1: Ana Example ☎ +49 1515550101
            • level 2: Ben Example ☎ +49 1515550102
            _As PagerDuty said 0s ago._
        \'; DROP TABLE group_sync; --
          → I know nothing and nobody called '; DROP TABLE group_sync; --. `/oncall` alone shows what there is; `/oncall help` says what I understand. Of PagerDuty's schedules I know those that the configuration uses, and those of the escalation policies in it.
        search
          → *On call for search*
            • level 1: &lt;!channel&gt; ˋrmˋ *boo* @·here (no phone number known)
            _As PagerDuty said 0s ago._
        why @search-oncall
          → :warning: `@search-oncall` rings the fallback: Eve Example; last seen so 0s ago.
            *Who is in it*
            • Ben Example: was in it already, and `additive` takes nobody out
            • Eve Example: the fallback, because nobody who is on call can be in it (&lt;!channel&gt; ˋrmˋ *boo* @·here)
            *On call, and left out*
            • &lt;!channel&gt; ˋrmˋ *boo* @·here: nobody in Slack has the address evil@example.com
            *Last change* <!date^1795255200^{date_short_pretty} at {time}|2026-11-21 10:00 UTC>: at the start.
            *Last written to Slack* <!date^1795255200^{date_short_pretty} at {time}|2026-11-21 10:00 UTC>; before: Ben Example.
            _As PagerDuty said 0s ago._
        ");
        for typed in [
            long.clone(),
            format!("why {long}"),
            format!("--{long}"),
            format!("sync @{long}"),
            "\u{0}".into(),
            "why \u{0}\u{1}".into(),
        ] {
            let answer = stage.slash("U0EVE", &format!("/oncall {typed}")).await;
            assert!(answer.chars().count() < 700 && !answer.contains("my side"), "{answer}");
        }
        stage.end().await;
    }
);

on_both_engines!(
    async fn guests_and_strangers_are_told_nothing(db: Db, clock: Clock) {
        let world = world(&clock).await;
        for (id, name) in [("U0GUEST", "guest"), ("U0BOT", "robot"), ("U0FAR", "far")] {
            world.slack.add_user(id, name, name, &format!("{name}@example.com"));
        }
        world.slack.edit_user("U0GUEST", |u| u.is_restricted = true);
        world.slack.edit_user("U0BOT", |u| u.is_bot = true);
        world.slack.edit_user("U0FAR", |u| u.team_id = "T0ELSEWHERE".into());
        let stage = Stage::on(world, db, clock, GROUPS).await;
        stage.settle().await;
        for user in ["U0GUEST", "U0BOT", "U0FAR"] {
            for typed in
                ["", "payments", "@ana", "why @payments-oncall", "sync", "rollback @payments-oncall", "help"]
            {
                let answer = stage.slash(user, &format!("/oncall {typed}")).await;
                assert!(
                    answer.contains("full members") || answer.contains("not the one Firebell serves"),
                    "{answer}"
                );
            }
        }
        stage.end().await;
    }
);

on_both_engines!(
    async fn while_pagerduty_is_away_the_answers_go_on_and_say_how_old_they_are(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.world.desk.always("pagerduty", Fault::Unavailable { status: 503 });
        // Down over the hand-off, and over a restart.
        stage.wait(HOUR + Duration::from_secs(60)).await;
        let mut stage = restarted(stage).await;
        stage.trouble_is_expected();
        stage.settle().await;
        assert_reads!(stage.oncall("U0EVE", &["", "payments primary", "@ana", "why @payments-oncall"]).await, @"
        /oncall
          → *Groups that follow a rota*
            • `@payments-oncall`: Ben Example until <!date^1795345200^{date_short_pretty} at {time}|2026-11-22 11:00 UTC>
            • `@search-oncall`: Cho Example
            *Services*
            • payments: level 1 Ana Example · level 2 Ben Example
            • search: level 1 Cho Example
            :warning: PagerDuty was last heard 1h 1m ago: this may have changed since.
        /oncall payments primary
          → *On call for Payments primary*
            • Ben Example ☎ +49 1515550102 until <!date^1795345200^{date_short_pretty} at {time}|2026-11-22 11:00 UTC>
            :warning: PagerDuty was last heard 1h 1m ago: this may have changed since.
        /oncall @ana
          → *Ana Example* ☎ +49 1515550101 is on call:
            • level 1 of Payments
            No next shift that I know of.
            :warning: PagerDuty was last heard 1h 1m ago: this may have changed since.
        /oncall why @payments-oncall
          → :white_check_mark: `@payments-oncall` is in step with the rota, last seen 0s ago.
            *Who is in it*
            • Ben Example: Payments primary until <!date^1795345200^{date_short_pretty} at {time}|2026-11-22 11:00 UTC>
            • Dee Example: always
            *Last change* <!date^1795258800^{date_short_pretty} at {time}|2026-11-21 11:00 UTC>: a hand-off.
            *Last written to Slack* <!date^1795258800^{date_short_pretty} at {time}|2026-11-21 11:00 UTC>; before: Ana Example, Dee Example.
            :warning: PagerDuty was last heard 1h 1m ago: this may have changed since.
        ");
        // Past all that was read ahead, the last known person stays.
        stage.clock.advance(25 * HOUR);
        assert_reads!(stage.oncall("U0EVE", &["payments primary"]).await, @"
        /oncall payments primary
          → *On call for Payments primary*
            • Ben Example ☎ +49 1515550102 until <!date^1795345200^{date_short_pretty} at {time}|2026-11-22 11:00 UTC>, and PagerDuty has not said who follows
            :warning: PagerDuty was last heard 26h 1m ago: this may have changed since.
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn without_a_database_looking_up_works_and_why_says_that_it_does_not(db: Db, clock: Clock) {
        let mut stage = stage(db, clock).await;
        stage.trouble_is_expected();
        stage.running.app.db.close().await;
        assert_reads!(stage.oncall("U0ANA", &["payments", "@ben --next", "why @payments-oncall", "sync"]).await, @"
        /oncall payments
          → *On call for payments*
            • level 1: Ana Example ☎ +49 1515550101
            • level 2: Ben Example ☎ +49 1515550102
            _As PagerDuty said 0s ago._
        /oncall @ben --next
          → *Ben Example* ☎ +49 1515550102 is next on call:
            • Payments primary (level 1 of Payments rota) from <!date^1795258800^{date_short_pretty} at {time}|2026-11-21 11:00 UTC> until <!date^1795345200^{date_short_pretty} at {time}|2026-11-22 11:00 UTC>
            _As PagerDuty said 0s ago._
        /oncall why @payments-oncall
          → :warning: I cannot look that up now: my database does not answer.
            If it is urgent, call who is on call:
            • payments: Ana Example ☎ +49 1515550101, then Ben Example ☎ +49 1515550102
            • search: Cho Example ☎ +49 1515550103
        /oncall sync
          → :warning: Something is broken on my side: nothing was stored, and nobody was paged. Please try again.
            If it is urgent, call who is on call:
            • payments: Ana Example ☎ +49 1515550101, then Ben Example ☎ +49 1515550102
            • search: Cho Example ☎ +49 1515550103
        ");
        stage.running.shutdown().await;
    }
);
