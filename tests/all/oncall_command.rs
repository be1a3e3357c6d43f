//! `/oncall`: who is on call where, from memory; and what people type wrongly or with bad intent.

use std::time::Duration;

use firebell::clock::Clock;
use firebell::on_both_engines;
use firebell::sim::desk::Fault;
use firebell::sim::scene::World;
use firebell::store::Db;

use crate::acts::exchange;
use crate::stage::Stage;

pub const HOUR: Duration = Duration::from_secs(3600);

pub const GROUPS: &str = r#"
[rights]
admin = ["@sre-leads"]
[oncall]
channel = "incidents"
[[group]]
handle = "@payments-oncall"
schedules = ["PSCHED1"]
always = ["U0DEE"]
all_members_handle = "@payments-rota"
[[group]]
handle = "@search-oncall"
escalation_policies = ["PEP0002:1"]
mode = "additive"
never = ["U0CHO"]
fallback = ["U0EVE"]
when_empty = "fallback"
"#;

/// The standard world with a schedule (Ana for an hour, then Ben for a day) and the groups that follow it.
pub async fn world(clock: &Clock) -> World {
    let world = World::start(clock.clone()).await.expect("the world starts");
    let now = clock.now();
    let shifts = [("PANA001", now - HOUR, now + HOUR), ("PBEN001", now + HOUR, now + 25 * HOUR)];
    world.pagerduty.add_schedule("PSCHED1", "Payments primary", &shifts);
    world.pagerduty.add_escalation_policy("PEP0009", "Payments rota", &[&["PSCHED1"], &["PDEE001"]]);
    world.slack.add_usergroup("S0PAY", "payments-oncall", &["U0BEN"]);
    world.slack.add_usergroup("S0SEARCH", "search-oncall", &["U0BEN"]);
    world
}

/// With everything read and written.
pub async fn stage(db: Db, clock: Clock) -> Stage {
    let stage = Stage::on(world(&clock).await, db, clock, GROUPS).await;
    stage.settle().await;
    stage
}

impl Stage {
    /// What this person reads in #general when they type each of these after `/oncall`.
    pub async fn oncall(&self, user: &str, typed: &[&str]) -> String {
        let mut talk = String::new();
        for words in typed {
            let words = format!("/oncall {words}");
            talk.push_str(&exchange(words.trim(), &self.slash(user, words.trim()).await));
        }
        talk
    }

    /// The answer as Slack gets it: who sees it, and the text.
    async fn seen_by(&self, user: &str, typed: &str) -> String {
        let request = self.world.slack.command(user, &self.channel_id("general"), typed);
        let sent = self.world.slack.deliver(&self.running.base_url(), &request).await;
        let body: serde_json::Value = serde_json::from_str(&sent.expect("an answer").1).expect("JSON");
        format!("{}: {}", body["response_type"].as_str().unwrap(), body["text"].as_str().unwrap())
    }
}

on_both_engines!(
    async fn everything_that_is_on_call_in_one_answer(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        let calls = stage.world.desk.calls().len();
        assert_reads!(stage.oncall("U0EVE", &[""]).await, @"");
        assert_eq!(stage.world.desk.calls().len(), calls, "from memory");
        stage.end().await;
    }
);

on_both_engines!(
    async fn whatever_people_call_it_is_looked_up(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        assert_reads!(stage.oncall("U0EVE", &[
            "payments",
            "lookup search",
            "@payments-oncall",
            "who @search-oncall",
            "@payments-rota",
            "@sre-leads",
            "“payments primary”",
            "PSCHED1 --next",
            "Payments rota",
            "@ana",
            "ben@example.com --next",
            "Cho Example",
            "me",
        ]).await, @"");
        // Mentions, as Slack escapes them, with label and without, mean the same as the words.
        for (mention, words) in [
            ("<@U0ANA|ana>", "@ana"),
            ("<@U0ANA>", "ana"),
            ("<!subteam^S0PAY|@payments-oncall>", "payments-oncall"),
            ("<!subteam^S0PAY>", "@payments-oncall"),
        ] {
            let request = stage.world.slack.command("U0EVE", &stage.channel_id("general"), "/oncall MENTION");
            let body = String::from_utf8(request.body).unwrap();
            let escaped: String = form_urlencoded::byte_serialize(mention.as_bytes()).collect();
            let by_mention = stage.raw("/slack/commands", body.replace("MENTION", &escaped)).await;
            assert_eq!(by_mention, stage.slash("U0EVE", &format!("/oncall {words}")).await, "{mention}");
        }
        stage.end().await;
    }
);

on_both_engines!(
    async fn the_channel_hears_names_and_only_the_person_phones(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        let mut answers = Vec::new();
        for typed in [
            "payments",
            "payments --public",
            "@ana --public",
            "@payments-oncall —public",
            "--public",
            "nobody --public",
        ] {
            let seen = stage.seen_by("U0EVE", &format!("/oncall {typed}")).await;
            assert!(seen.starts_with("ephemeral: ") || !seen.contains('☎'), "{seen}");
            answers.push(format!("{typed}\n{seen}"));
        }
        assert_reads!(answers.join("\n\n"), @"");
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_is_misspelt_or_misused_gets_a_hint(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        assert_reads!(stage.oncall("U0EVE", &[
            "paymnets",
            "@paymets-oncall",
            "payments primry",
            "serach",
            "pay",
            "@bne",
            "warehouse",
            "#general",
            "wyh @payments-oncall",
            "why",
            "why @search-onkall",
            "why @sre-leads",
            "why me --public",
            "sync @nothing",
            "rollback",
            "list of everybody",
            "payments --nxt",
            "help",
            "help lookup",
        ]).await, @"");
        stage.end().await;
    }
);

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
            answers.push_str(&exchange(typed, &answer));
        }
        assert_reads!(answers, @"");
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
        let stage = stage(db.clone(), clock.clone()).await;
        stage.world.desk.always("pagerduty", Fault::Unavailable { status: 503 });
        // Down over the hand-off, and over a restart.
        stage.wait(HOUR + Duration::from_secs(60)).await;
        let Stage { world, running, .. } = stage;
        running.shutdown().await;
        let mut stage = Stage::on(world, db, clock, GROUPS).await;
        stage.trouble_is_expected();
        stage.settle().await;
        assert_reads!(stage.oncall("U0EVE", &["", "payments primary", "@ana", "why @payments-oncall"]).await, @"");
        // Past all that was read ahead, the last known person stays.
        stage.clock.advance(25 * HOUR);
        assert_reads!(stage.oncall("U0EVE", &["payments primary"]).await, @"");
        stage.end().await;
    }
);

on_both_engines!(
    async fn without_a_database_looking_up_works_and_why_says_that_it_does_not(db: Db, clock: Clock) {
        let mut stage = stage(db, clock).await;
        stage.trouble_is_expected();
        stage.running.app.db.close().await;
        assert_reads!(stage.oncall("U0ANA", &["payments", "@ben --next", "why @payments-oncall", "sync"]).await, @"");
        stage.running.shutdown().await;
    }
);
