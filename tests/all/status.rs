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
    pub async fn systems(&self, user: &str, typed: &[&str]) -> String {
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
        assert_reads!(stage.systems("U0EVE", &["", "show"]).await, @"
        /status-check
          → ```Status: NORMAL```
            Normal: payments alerts 12s ago, API success rate 12s ago, Example CDN 12s ago, checkout 12s ago
        /status-check show
          → ```Status: NORMAL```
            Normal: payments alerts 12s ago, API success rate 12s ago, Example CDN 12s ago, checkout 12s ago
        ");
        assert_eq!(stage.world.desk.calls().len(), calls, "from memory");
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_deviates_is_named_the_worst_first(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.break_everything();
        stage.wait(Duration::from_secs(60)).await;
        assert_reads!(stage.systems("U0EVE", &[""]).await, @"
        /status-check
          → ```Status: MAJOR_OUTAGE```
            • *checkout* MAJOR_OUTAGE: says “down” — 0s ago
            • *payments alerts* PARTIAL_OUTAGE: HighErrorRate (critical): 5xx above 2 % for 5m · SlowCheckout (warning): p99 above 2 s — 0s ago
            • *API success rate* DEGRADED: {job=api, zone=a} 0.9951 is below 0.999 — 0s ago
            • *Example CDN* DEGRADED: API: degraded performance · Partially Degraded Service — 0s ago
        ");
        stage.world.monitors.set_health(200, json!({ "status": "ok" }));
        stage.world.monitors.silence("HighErrorRate");
        stage.wait(Duration::from_secs(60)).await;
        assert_reads!(stage.systems("U0EVE", &[""]).await, @"
        /status-check
          → ```Status: DEGRADED```
            • *payments alerts* DEGRADED: SlowCheckout (warning): p99 above 2 s — 0s ago
            • *API success rate* DEGRADED: {job=api, zone=a} 0.9951 is below 0.999 — 0s ago
            • *Example CDN* DEGRADED: API: degraded performance · Partially Degraded Service — 0s ago
            Normal: checkout 0s ago
        ");
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
        assert_reads!(stage.systems("U0EVE", &[""]).await, @"
        /status-check
          → ```Status: UNKNOWN```
            • *payments alerts* UNKNOWN: it gives no usable answer (HTTP 502); NORMAL when it last answered, 1m ago — 0s ago
            • *API success rate* UNKNOWN: it gives no usable answer (the answer is no JSON); NORMAL when it last answered, 1m ago — 0s ago
            • *Example CDN* UNKNOWN: it asks me to come back in 90 s; NORMAL when it last answered, 1m ago — 0s ago
            • *checkout* UNKNOWN: it gives no usable answer (no answer in time); NORMAL when it last answered, 1m ago — 0s ago
        ");
        for (fault, seen) in [
            (Fault::Reset, "the connection broke"),
            (Fault::Refuse { code: "other".into() }, "no list of alerts"),
            (Fault::Refuse { code: "huge".into() }, "larger than"),
            (Fault::Refuse { code: "401".into() }, "look at its token"),
            (Fault::Refuse { code: "404".into() }, "look at its url"),
        ] {
            desk.always("alertmanager", fault);
            stage.wait(Duration::from_secs(60)).await;
            let answer = stage.systems("U0EVE", &[""]).await;
            assert!(
                answer.contains("*payments alerts* UNKNOWN") && answer.contains(seen),
                "{seen}: {answer}"
            );
            assert!(
                !answer.contains("127.0.0.1") && !answer.contains("sim-"),
                "no address, no secret: {answer}"
            );
        }
        for vendor in ["alertmanager", "prometheus", "page", "health"] {
            desk.heal(vendor);
        }
        stage.wait(Duration::from_secs(120)).await;
        let answer = stage.systems("U0EVE", &[""]).await;
        assert!(answer.contains("Status: NORMAL"), "{answer}");
        stage.end().await;
    }
);

on_both_engines!(
    async fn old_readings_say_so_and_a_new_look_follows_in_the_channel(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.clock.advance(Duration::from_secs(3600));
        stage.break_everything();
        assert_reads!(stage.systems("U0EVE", &["", ""]).await, @"
        /status-check
          → ```Status: NORMAL```
            Normal: payments alerts 1h ago, API success rate 1h ago, Example CDN 1h ago, checkout 1h ago
            :hourglass_flowing_sand: The oldest of this is 1h old. I am asking the monitors now; what they say follows here.
        /status-check
          → ```Status: NORMAL```
            Normal: payments alerts 1h ago, API success rate 1h ago, Example CDN 1h ago, checkout 1h ago
            :hourglass_flowing_sand: The oldest of this is 1h old. I am asking the monitors now; what they say follows here.
        ");
        stage.settle().await;
        stage.wait(Duration::from_secs(10)).await;
        assert_reads!(stage.world.slack.transcript("general"), @"
        11:00 firebell: Status: NORMAL
        Normal: payments alerts 1h ago, API success rate 1h ago, Example CDN 1h ago, checkout 1h ago
        :hourglass_flowing_sand: The oldest of this is 1h old. I am asking the monitors now; what they say follows here.

        11:00 firebell: Status: NORMAL
        Normal: payments alerts 1h ago, API success rate 1h ago, Example CDN 1h ago, checkout 1h ago
        :hourglass_flowing_sand: The oldest of this is 1h old. I am asking the monitors now; what they say follows here.

        11:00 firebell: Status: MAJOR_OUTAGE
        • checkout MAJOR_OUTAGE: says “down” — 10s ago
        • payments alerts PARTIAL_OUTAGE: HighErrorRate (critical): 5xx above 2 % for 5m · SlowCheckout (warning): p99 above 2 s — 10s ago
        • API success rate DEGRADED: {job=api, zone=a} 0.9951 is below 0.999 — 10s ago
        • Example CDN DEGRADED: API: degraded performance · Partially Degraded Service — 10s ago
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn without_a_database_the_answer_is_there(db: Db, clock: Clock) {
        let mut stage = stage(db, clock).await;
        stage.trouble_is_expected();
        stage.running.app.db.close().await;
        assert_reads!(stage.systems("U0EVE", &["", "stalk"]).await, @"
        /status-check
          → ```Status: NORMAL```
            Normal: payments alerts 0s ago, API success rate 0s ago, Example CDN 0s ago, checkout 0s ago
        /status-check stalk
          → :warning: Something is broken on my side: nothing was stored, and nobody was paged. Please try again.
            If it is urgent, call who is on call:
            • payments: Ana Example ☎ +49 1515550101, then Ben Example ☎ +49 1515550102
            • search: Cho Example ☎ +49 1515550103
        ");
        stage.clock.advance(Duration::from_secs(600));
        assert_reads!(stage.systems("U0EVE", &[""]).await, @"
        /status-check
          → ```Status: NORMAL```
            Normal: payments alerts 10m ago, API success rate 10m ago, Example CDN 10m ago, checkout 10m ago
            :warning: This is 10m old, and I cannot ask the monitors now: my database does not answer.
        ");
        stage.running.shutdown().await;
    }
);

on_both_engines!(
    async fn what_is_misspelt_or_too_much_gets_a_hint(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        assert_reads!(stage.systems("U0EVE", &[
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
        ]).await, @r#"
        /status-check stak
          → I do not know `/status-check stak`. Did you mean `/status-check stalk`?
        /status-check unstlak
          → I do not know `/status-check unstlak`. Did you mean `/status-check unstalk`?
        /status-check payments
          → I do not know `/status-check payments`. `/status-check` alone shows the state of the systems; `/status-check help` says what else there is.
        /status-check stalk payments
          → `/status-check stalk` takes no more words, so “payments” says nothing to me. It is about all systems, and this channel.
        /status-check "stalk"
          → I do not know `/status-check "stalk"`. Did you mean `/status-check stalk`?
        /status-check unstalk now please
          → `/status-check unstalk` takes no more words, so “now please” says nothing to me. It is about all systems, and this channel.
        /status-check unstalk
          → Nobody stalks the status in this channel. To begin: `/status-check stalk`
        /status-check @ana
          → I do not know `/status-check @ana`. `/status-check` alone shows the state of the systems; `/status-check help` says what else there is.
        /status-check #general
          → I do not know `/status-check #general`. `/status-check` alone shows the state of the systems; `/status-check help` says what else there is.
        /status-check --public
          → I do not know `/status-check --public`. `/status-check` alone shows the state of the systems; `/status-check help` says what else there is.
        /status-check help
          → */status-check* alone shows the state of the systems; `!status` says the same.
            `/status-check show` — the state of the systems, as the monitors said last
            `/status-check stalk` — tell this channel of every change
            `/status-check unstalk` — stop telling this channel
            `/status-check help [command]` — this list, or more about one command
        /status-check help stalk
          → `/status-check stalk`
            Tell this channel of every change. Monitors are then asked every 30 seconds. A change counts when two of the last three readings show it, and is over when two in a row do. It starts by itself in the channel of an incident of the two most severe levels, ends with the incident, and puts each change on its timeline; elsewhere it ends after 24 hours.
            Example: `/status-check stalk`
            Also: `watch`, `follow`
        /status-check help nothing
          → */status-check* alone shows the state of the systems; `!status` says the same.
            `/status-check show` — the state of the systems, as the monitors said last
            `/status-check stalk` — tell this channel of every change
            `/status-check unstalk` — stop telling this channel
            `/status-check help [command]` — this list, or more about one command
        "#);
        stage.end().await;
    }
);

on_both_engines!(
    async fn words_with_bad_intent_stay_text_whoever_writes_them(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        let mut answers = String::new();
        for typed in [
            "<!channel>",
            "`@here` *bold*",
            "> quote\u{7} and \u{202E}reversed",
            "<https://evil.example|stalk>",
            "<@U0ANA>",
        ] {
            let request =
                stage.world.slack.command("U0EVE", &stage.channel_id("general"), "/status-check WORDS");
            let body = String::from_utf8(request.body).unwrap();
            let escaped: String = form_urlencoded::byte_serialize(typed.as_bytes()).collect();
            let answer = stage.raw("/slack/commands", body.replace("WORDS", &escaped)).await;
            assert!(!answer.contains("<!") && !answer.contains("<http"), "{typed}: {answer}");
            answers.push_str(&exchange(&typed.escape_debug().to_string(), &answer.replace('\u{200b}', "·")));
        }
        assert_reads!(answers, @r"
        <!channel>
          → I do not know `/status-check @·channel`. `/status-check` alone shows the state of the systems; `/status-check help` says what else there is.
        `@here` *bold*
          → I do not know `/status-check ˋ@·hereˋ`. `/status-check` alone shows the state of the systems; `/status-check help` says what else there is.
        > quote\u{7} and \u{202e}reversed
          → I do not know `/status-check &gt;`. `/status-check` alone shows the state of the systems; `/status-check help` says what else there is.
        <https://evil.example|stalk>
          → I do not know `/status-check stalk`. `/status-check` alone shows the state of the systems; `/status-check help` says what else there is.
        <@U0ANA>
          → I do not know `/status-check @U0ANA`. `/status-check` alone shows the state of the systems; `/status-check help` says what else there is.
        ");
        for typed in ["x".repeat(3_000), format!("stalk {}", "y".repeat(3_000)), "\u{0}".into()] {
            let answer = stage.slash("U0EVE", &format!("/status-check {typed}")).await;
            assert!(answer.chars().count() < 400 && !answer.contains("my side"), "{answer}");
        }
        // And what a monitor says is no more trusted than what a person types.
        stage.world.monitors.fire(
            "<!here> `x`",
            "critical",
            "payments",
            "```\n<!channel> & @everyone *bold*\n> quote",
        );
        for n in 0..40 {
            stage.world.monitors.fire(&format!("Alert{n:02}"), "warning", "payments", &"long ".repeat(100));
        }
        stage.wait(Duration::from_secs(60)).await;
        let answer = stage.systems("U0EVE", &[""]).await;
        assert!(answer.len() < 3_000 && !answer.contains("<!"), "{answer}");
        assert_eq!(answer.matches("```").count(), 2, "the code block is ours alone: {answer}");
        assert_reads!(answer.replace('\u{200b}', "·"), @"
        /status-check
          → ```Status: PARTIAL_OUTAGE```
            • *payments alerts* PARTIAL_OUTAGE: &lt;!here&gt; ˋxˋ (critical): ˋˋˋ &lt;!channel&gt; &amp; @·everyone *bold* &gt; quote · Alert00 (warning): long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long l · Alert01 (warning): long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long l · and 38 more — 0s ago
            Normal: API success rate 0s ago, Example CDN 0s ago, checkout 0s ago
        ");
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
        assert!(stage.systems("U0GUEST", &[""]).await.contains("full members"));
        assert_reads!(stage.systems("U0EVE", &["", "stalk", "unstalk"]).await, @"
        /status-check
          → No monitors are set up here, so I do not know how the systems are. An administrator can name them as [[check]] in Firebell's configuration.
        /status-check stalk
          → No monitors are set up here, so I do not know how the systems are. An administrator can name them as [[check]] in Firebell's configuration.
        /status-check unstalk
          → Nobody stalks the status in this channel. To begin: `/status-check stalk`
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn in_threads_and_behind_other_names_it_is_the_same(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.typed("U0ANA", "/incident declare payments-down sev3 --no-page").await;
        let room = stage.channel_id("inc-1-payments-down");
        let by_slash = stage.slash_in("U0ANA", &room, "/status-check").await;
        for typed in ["/incident status-check", "/firebell status", "/firebell status-check"] {
            assert_eq!(stage.slash_in("U0ANA", &room, typed).await, by_slash, "{typed}");
        }
        let own = stage.slash_in("U0ANA", &room, "/incident status").await;
        assert!(own.contains("INC-1"), "{own}");
        let mut thread = None;
        for typed in
            ["odd, is it us?", "!status", "!status stalk", "@firebell status", "!staus", "!status unstalk"]
        {
            let (ts, events) = stage.world.slack.person_says("U0BEN", &room, thread.as_deref(), typed);
            for event in &events {
                stage.world.slack.deliver(&stage.running.base_url(), event).await.expect("an answer");
            }
            thread = thread.or(Some(ts));
            stage.settle().await;
        }
        let transcript = stage.world.slack.transcript("inc-1-payments-down");
        let (_, said) = transcript.split_once("odd, is it us?").expect("the thread");
        assert_reads!(said, @"


        ↳ 10:00 ben: !status

        ↳ 10:00 firebell: Status: NORMAL
          Normal: payments alerts 0s ago, API success rate 0s ago, Example CDN 0s ago, checkout 0s ago

        ↳ 10:00 ben: !status stalk

        ↳ 10:00 firebell: Status: NORMAL
          Now stalking the status every 30 seconds, until the incident is over. I say when it changes; /status-check unstalk ends it.

        ↳ 10:00 ben: @firebell status

        ↳ 10:00 firebell: Status: NORMAL
          Normal: payments alerts 0s ago, API success rate 0s ago, Example CDN 0s ago, checkout 0s ago

        ↳ 10:00 ben: !staus

        ↳ 10:00 ben: !status unstalk

        ↳ 10:00 firebell: Ben Example ended it: no longer stalking the status.
        ");
        assert_reads!(stage.world.slack.ephemeral_transcript("U0BEN"), @"10:00 #inc-1-payments-down (only you, in a thread): There is no command staus. Did you mean /status-check?");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_check_that_is_gone_from_one_server_is_left_to_the_others_for_a_while(db: Db, clock: Clock) {
        let stage = stage(db.clone(), clock.clone()).await;
        let kept = async || db.read().await.unwrap().readings().await.unwrap().len();
        let Stage { world, running, .. } = stage;
        drop(running);
        // The old version knows no checks, and takes every job.
        let old = Stage::on(world, db.clone(), clock, "").await;
        old.wait(Duration::from_secs(600)).await;
        assert_eq!(kept().await, 4);
        let asked = old.calls("GET /health");
        let new = restarted(old).await;
        new.wait(Duration::from_secs(120)).await;
        assert!(new.calls("GET /health") > asked, "the new one goes on");
        assert!(new.systems("U0EVE", &[""]).await.contains("Status: NORMAL"));
        let Stage { world, running, clock, .. } = new;
        drop(running);
        let without = Stage::on(world, db.clone(), clock, "").await;
        without.wait(Duration::from_secs(1_200)).await;
        assert_eq!(kept().await, 0, "gone for good");
        without.end().await;
    }
);

on_both_engines!(
    async fn what_one_server_reads_another_answers(db: Db, clock: Clock) {
        let one = stage(db.clone(), clock.clone()).await;
        let toml = one.world.checks_toml();
        let other = Stage::on(World::start(clock.clone()).await.expect("a world"), db, clock, &toml).await;
        one.break_everything();
        one.wait(Duration::from_secs(60)).await;
        let app = &other.running.app;
        app.reload_status().await.expect("it reads");
        let picture = firebell::status::Picture::of(&app.config, &app.status.current()).state();
        assert_eq!(picture.word(), "MAJOR_OUTAGE");
        drop(other);
        one.end().await;
    }
);
