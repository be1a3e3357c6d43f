//! `/status-check`: the state of the systems from memory, on good days and bad ones; and what people type wrongly.

use std::time::Duration;

use firebell::clock::Clock;
use firebell::on_both_engines;
use firebell::sim::desk::Fault;
use firebell::sim::scene::World;
use firebell::store::Db;
use serde_json::json;

use crate::acts::exchange;
use crate::stage::Stage;

/// The standard world with its monitors asked.
pub async fn stage(db: Db, clock: Clock) -> Stage {
    let world = World::start(clock.clone()).await.expect("the world starts");
    let stage = on(world, db, clock).await;
    stage.settle().await;
    stage
}

async fn on(world: World, db: Db, clock: Clock) -> Stage {
    let checks = world.checks_toml();
    Stage::on(world, db, clock, &checks).await
}

/// The process dies, and another one starts on what it left.
pub async fn restarted(stage: Stage) -> Stage {
    let Stage { world, running, clock, .. } = stage;
    let db = running.app.db.clone();
    drop(running);
    on(world, db, clock).await
}

impl Stage {
    /// What this person reads in #general when they type each of these after `/status-check`.
    pub async fn status(&self, user: &str, typed: &[&str]) -> String {
        let mut talk = String::new();
        for words in typed {
            let words = format!("/status-check {words}");
            talk.push_str(&exchange(words.trim(), &self.slash(user, words.trim()).await));
        }
        talk
    }

    pub fn break_everything(&self) {
        let monitors = &self.world.monitors;
        monitors.fire("HighErrorRate", "critical", "payments", "5xx above 2 % for 5m");
        monitors.fire("SlowCheckout", "warning", "payments", "p99 above 2 s");
        monitors.fire("Elsewhere", "page", "search", "not ours");
        monitors.set_series("success_rate", &[("job=api,zone=a", "0.9951"), ("job=api,zone=b", "0.9998")]);
        monitors.set_page("minor", "Partially Degraded Service", "API", "degraded_performance");
        monitors.set_health(503, json!({ "status": "down" }));
    }
}

on_both_engines!(
    async fn all_is_well_and_the_answer_comes_from_memory(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.clock.advance(Duration::from_secs(12));
        let calls = stage.world.desk.calls().len();
        assert_reads!(stage.status("U0EVE", &["", "show"]).await, @"");
        assert_eq!(stage.world.desk.calls().len(), calls, "from memory");
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_deviates_is_named_the_worst_first(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.break_everything();
        stage.wait(Duration::from_secs(60)).await;
        assert_reads!(stage.status("U0EVE", &[""]).await, @"");
        stage.world.monitors.set_health(200, json!({ "status": "ok" }));
        stage.world.monitors.silence("HighErrorRate");
        stage.wait(Duration::from_secs(60)).await;
        assert_reads!(stage.status("U0EVE", &[""]).await, @"");
        stage.end().await;
    }
);

on_both_engines!(
    async fn monitors_that_fail_are_reported_and_the_rest_stands(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        let desk = &stage.world.desk;
        desk.always("alertmanager", Fault::Unavailable { status: 502 });
        desk.always("prometheus", Fault::Refuse { code: "nonsense".into() });
        desk.always("page", Fault::RateLimited { after_secs: 90 });
        desk.always("health", Fault::Slow { by: Duration::from_secs(10) });
        stage.wait(Duration::from_secs(60)).await;
        assert_reads!(stage.status("U0EVE", &[""]).await, @"");
        for (fault, seen) in [
            (Fault::Reset, "the connection broke"),
            (Fault::Refuse { code: "other".into() }, "no list of alerts"),
            (Fault::Refuse { code: "huge".into() }, "larger than"),
            (Fault::Refuse { code: "401".into() }, "look at its token"),
            (Fault::Refuse { code: "404".into() }, "look at its url"),
        ] {
            desk.always("alertmanager", fault);
            stage.wait(Duration::from_secs(60)).await;
            let answer = stage.status("U0EVE", &[""]).await;
            assert!(answer.contains("*payments alerts* UNKNOWN") && answer.contains(seen), "{seen}: {answer}");
            assert!(!answer.contains("127.0.0.1") && !answer.contains("sim-"), "no address, no secret: {answer}");
        }
        for vendor in ["alertmanager", "prometheus", "page", "health"] {
            desk.heal(vendor);
        }
        stage.wait(Duration::from_secs(120)).await;
        let answer = stage.status("U0EVE", &[""]).await;
        assert!(answer.contains("Status: NORMAL"), "{answer}");
        stage.end().await;
    }
);

on_both_engines!(
    async fn old_readings_say_so_and_a_new_look_follows_in_the_channel(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.clock.advance(Duration::from_secs(3600));
        stage.break_everything();
        assert_reads!(stage.status("U0EVE", &["", ""]).await, @"");
        stage.settle().await;
        stage.wait(Duration::from_secs(10)).await;
        assert_reads!(stage.world.slack.transcript("general"), @"");
        stage.end().await;
    }
);

on_both_engines!(
    async fn without_a_database_the_answer_is_there(db: Db, clock: Clock) {
        let mut stage = stage(db, clock).await;
        stage.trouble_is_expected();
        stage.running.app.db.close().await;
        assert_reads!(stage.status("U0EVE", &["", "stalk"]).await, @"");
        stage.clock.advance(Duration::from_secs(600));
        assert_reads!(stage.status("U0EVE", &[""]).await, @"");
        stage.running.shutdown().await;
    }
);

on_both_engines!(
    async fn what_is_misspelt_or_too_much_gets_a_hint(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        assert_reads!(stage.status("U0EVE", &[
            "stak",
            "unstlak",
            "payments",
            "stalk payments",
            "\"stalk\"",
            "unstalk now please",
            "unstalk",
            "@ana",
            "#general",
            "--public",
            "help",
            "help stalk",
            "help nothing",
        ]).await, @"");
        stage.end().await;
    }
);

on_both_engines!(
    async fn words_with_bad_intent_stay_text_whoever_writes_them(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        let mut answers = String::new();
        for typed in ["<!channel>", "`@here` *bold*", "> quote\u{7} and \u{202E}reversed", "<https://evil.example|stalk>", "<@U0ANA>"] {
            let request = stage.world.slack.command("U0EVE", &stage.channel_id("general"), "/status-check WORDS");
            let body = String::from_utf8(request.body).unwrap();
            let escaped: String = form_urlencoded::byte_serialize(typed.as_bytes()).collect();
            let answer = stage.raw("/slack/commands", body.replace("WORDS", &escaped)).await;
            assert!(!answer.contains("<!") && !answer.contains("<http"), "{typed}: {answer}");
            answers.push_str(&exchange(&typed.escape_debug().to_string(), &answer.replace('\u{200b}', "·")));
        }
        assert_reads!(answers, @"");
        for typed in ["x".repeat(3_000), format!("stalk {}", "y".repeat(3_000)), "\u{0}".into()] {
            let answer = stage.slash("U0EVE", &format!("/status-check {typed}")).await;
            assert!(answer.chars().count() < 400 && !answer.contains("my side"), "{answer}");
        }
        // And what a monitor says is no more trusted than what a person types.
        stage.world.monitors.fire("<!here> `x`", "critical", "payments", "```\n<!channel> & @everyone *bold*\n> quote");
        for n in 0..40 {
            stage.world.monitors.fire(&format!("Alert{n:02}"), "warning", "payments", &"long ".repeat(100));
        }
        stage.wait(Duration::from_secs(60)).await;
        let answer = stage.status("U0EVE", &[""]).await;
        assert!(answer.len() < 3_000 && !answer.contains("<!"), "{answer}");
        assert_eq!(answer.matches("```").count(), 2, "the code block is ours alone: {answer}");
        assert_reads!(answer.replace('\u{200b}', "·"), @"");
        stage.end().await;
    }
);

on_both_engines!(
    async fn strangers_are_told_nothing_and_without_monitors_there_is_nothing_to_tell(db: Db, clock: Clock) {
        let world = World::start(clock.clone()).await.expect("the world starts");
        world.slack.add_user("U0GUEST", "guest", "guest", "guest@example.com");
        world.slack.edit_user("U0GUEST", |u| u.is_restricted = true);
        let stage = Stage::on(world, db, clock, "").await;
        stage.settle().await;
        assert!(stage.status("U0GUEST", &[""]).await.contains("full members"));
        assert_reads!(stage.status("U0EVE", &["", "stalk", "unstalk"]).await, @"");
        stage.end().await;
    }
);
