//! `/runbook`: found by whatever people call it, offered when an incident opens with its alert, and nothing of it is a
//! path.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use firebell::clock::Clock;
use firebell::on_both_engines;
use firebell::sim::scene::World;
use firebell::store::Db;
use tempfile::TempDir;

use crate::acts::exchange;
use crate::stage::Stage;

const ERRORS: &str = r#"---
title: "Payments: high error rate"
services: [payments]
alerts:
  - HighErrorRate
  - CardErrors
---
# Anything

Customers cannot pay. Look at the *card* provider & the <queue> first.

## Background

```
not this
```

## Key commands

```sh
kubectl -n payments get pods | grep -v Running
echo `date` > /tmp/since && curl "https://cards.example.com/health?a=1&b=2"
```
"#;

/// A directory of runbooks, and the configuration that names it.
pub struct Shelf(TempDir);

impl Shelf {
    pub fn new() -> Self {
        let shelf = Self(tempfile::tempdir().expect("a directory"));
        shelf.put("payments/high-error-rate.md", ERRORS);
        shelf.put("payments/slow.md", "---\nservice: payments\nalert: SlowCheckout\nurl: https://wiki.example.com/slow\nsummary: It is slow.\n---\n");
        shelf.put("search.md", "---\ntitle: Search is down\nservice: search\n---\nRestart it.\n");
        shelf.put("README.md", "# How to write runbooks\n");
        shelf
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn put(&self, file: &str, text: impl AsRef<[u8]>) {
        let path = self.path().join(file);
        fs::create_dir_all(path.parent().expect("below the directory")).expect("made");
        fs::write(path, text).expect("written");
    }

    fn toml(&self) -> String {
        format!(
            "[runbooks]\ndirectory = '{}'\nurl_base = 'https://git.example.com/runbooks/blob/main'\n\
             [[runbook]]\ntitle = 'Declaring a disaster'\nurl = 'https://wiki.example.com/disaster?a=1&b=2'\nsummary = 'Whom to wake, in which order.'\n",
            self.path().display()
        )
    }

    pub async fn stage(&self, db: Db, clock: Clock) -> Stage {
        let world = World::start(clock.clone()).await.expect("the world starts");
        self.stage_on(world, db, clock).await
    }

    async fn stage_on(&self, world: World, db: Db, clock: Clock) -> Stage {
        let stage = Stage::on(world, db, clock, &self.toml()).await;
        stage.settle().await;
        stage
    }
}

impl Stage {
    /// What this person reads in #general when they type each of these after `/runbook`.
    async fn runbook(&self, user: &str, typed: &[&str]) -> String {
        let mut talk = String::new();
        for words in typed {
            let words = format!("/runbook {words}");
            talk.push_str(&exchange(words.trim(), &self.slash(user, words.trim()).await));
        }
        talk
    }
}

on_both_engines!(
    async fn a_runbook_is_found_by_whatever_people_call_it(db: Db, clock: Clock) {
        let shelf = Shelf::new();
        let stage = shelf.stage(db, clock).await;
        let calls = stage.world.desk.calls().len();
        assert_reads!(stage.runbook("U0EVE", &["payments high-error-rate", "slowcheckout", "search", "disaster"]).await, @r#"
        /runbook payments high-error-rate
          → :green_book: *<https://git.example.com/runbooks/blob/main/payments/high-error-rate.md|Payments: high error rate>* — payments
            Customers cannot pay. Look at the *card* provider &amp; the &lt;queue&gt; first.
            ```kubectl -n payments get pods | grep -v Running
            echo `date` &gt; /tmp/since &amp;&amp; curl "https://cards.example.com/health?a=1&amp;b=2"```
        /runbook slowcheckout
          → :green_book: *<https://wiki.example.com/slow|slow>* — payments
            It is slow.
        /runbook search
          → :green_book: *<https://git.example.com/runbooks/blob/main/search.md|Search is down>* — search
            Restart it.
        /runbook disaster
          → :green_book: *<https://wiki.example.com/disaster?a=1&amp;b=2|Declaring a disaster>*
            Whom to wake, in which order.
        "#);
        let first = stage.slash("U0EVE", "/runbook payments high-error-rate").await;
        for same in [
            "Payments HighErrorRate",
            "payments high error rate",
            "payments hihg-error-rate",
            "CardErrors",
            "\"payments\" \"high error rate\"",
            "show payments card-errors",
            "Payments: high error rate",
        ] {
            assert_eq!(stage.slash("U0EVE", &format!("/runbook {same}")).await, first, "{same}");
        }
        assert_eq!(stage.world.desk.calls().len(), calls, "from memory");
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_is_vague_or_misspelt_gets_a_list_or_a_hint(db: Db, clock: Clock) {
        let shelf = Shelf::new();
        let stage = shelf.stage(db, clock).await;
        assert_reads!(stage.runbook("U0EVE", &[
            "payments",
            "list",
            "list payments",
            "list warehouse",
            "paymnets disk full",
            "payments disk full",
            "warehouse",
            "",
            "show",
            "@ana",
            "#general",
            "help",
            "help list",
        ]).await, @"
        /runbook payments
          → 2 runbooks fit “payments”. Which one?
            • `/runbook payments HighErrorRate` — Payments: high error rate
            • `/runbook payments SlowCheckout` — slow
        /runbook list
          → *4 runbooks*
            • `/runbook Declaring a disaster` — Declaring a disaster
            • `/runbook payments HighErrorRate` — Payments: high error rate
            • `/runbook payments SlowCheckout` — slow
            • `/runbook search Search is down` — Search is down
        /runbook list payments
          → *2 runbooks*
            • `/runbook payments HighErrorRate` — Payments: high error rate
            • `/runbook payments SlowCheckout` — slow
        /runbook list warehouse
          → I have no runbook of “warehouse”. `/runbook list` shows all.
        /runbook paymnets disk full
          → I have no runbook for “paymnets disk full”. Did you mean `/runbook payments`? `/runbook list` shows all.
        /runbook payments disk full
          → I have no runbook for “payments disk full”. Did you mean `/runbook payments HighErrorRate` or `/runbook payments SlowCheckout`? `/runbook list` shows all.
        /runbook warehouse
          → I have no runbook for “warehouse”. `/runbook list` shows all.
        /runbook
          → This is no incident's channel. Name a service or an alert: `/runbook Declaring a disaster`; `/runbook list` shows all runbooks.
        /runbook show
          → This is no incident's channel. Name a service or an alert: `/runbook Declaring a disaster`; `/runbook list` shows all runbooks.
        /runbook @ana
          → I have no runbook for “@ana”. `/runbook list` shows all.
        /runbook #general
          → I have no runbook for “#general”. `/runbook list` shows all.
        /runbook help
          → */runbook* alone, in an incident's channel, shows the runbook of its service.
            `/runbook show &lt;service&gt; [alert]` — a runbook: its link, what it is about, and its key commands
            `/runbook list [service]` — all runbooks, or those of a service
            `/runbook help [command]` — this list, or more about one command
            Examples: `/runbook payments`, `/runbook payments high-error-rate`, `/runbook list`
        /runbook help list
          → `/runbook list [service]`
            All runbooks, or those of a service. Only you see it.
            Example: `/runbook list payments`
            Also: `ls`
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn words_with_bad_intent_stay_text_whoever_writes_them(db: Db, clock: Clock) {
        let shelf = Shelf::new();
        shelf.put(
            "evil.md",
            "---\ntitle: \"<!channel> `x` |@here\"\nservice: <!here>\nalert: \"`evil` <@U0ANA>\"\n---\n@everyone & <!subteam^S0LEADS>\n````\nrm ``` <!channel>\n````\n",
        );
        let stage = shelf.stage(db, clock).await;
        let mut answers = String::new();
        for typed in [
            "evil",
            "../../../etc/passwd",
            "/etc/passwd",
            "payments/high-error-rate.md",
            "<!channel>",
            "`@here` *bold*",
            "> quote\u{7} and \u{202E}reversed",
            "list <!here>",
            "<https://evil.example|search>",
        ] {
            let request = stage.world.slack.command("U0EVE", &stage.channel_id("general"), "/runbook WORDS");
            let body = String::from_utf8(request.body).unwrap();
            let escaped: String = form_urlencoded::byte_serialize(typed.as_bytes()).collect();
            let answer = stage.raw("/slack/commands", body.replace("WORDS", &escaped)).await;
            for call in ["<!", "<@", "root:"] {
                assert!(!answer.contains(call), "{typed}: {answer}");
            }
            answers.push_str(&exchange(&typed.escape_debug().to_string(), &answer.replace('\u{200b}', "·")));
        }
        assert_reads!(answers, @r#"
        evil
          → :green_book: *<https://git.example.com/runbooks/blob/main/evil.md|!channel ˋxˋ @·here>* — &lt;!here&gt;
            @·everyone &amp; &lt;!subteam^S0LEADS&gt;
            ```rm ˋˋˋ &lt;!channel&gt;```
        ../../../etc/passwd
          → I have no runbook for “../../../etc/passwd”. `/runbook list` shows all.
        /etc/passwd
          → I have no runbook for “/etc/passwd”. `/runbook list` shows all.
        payments/high-error-rate.md
          → :green_book: *<https://git.example.com/runbooks/blob/main/payments/high-error-rate.md|Payments: high error rate>* — payments
            Customers cannot pay. Look at the *card* provider &amp; the &lt;queue&gt; first.
            ```kubectl -n payments get pods | grep -v Running
            echo `date` &gt; /tmp/since &amp;&amp; curl "https://cards.example.com/health?a=1&amp;b=2"```
        <!channel>
          → :green_book: *<https://git.example.com/runbooks/blob/main/evil.md|!channel ˋxˋ @·here>* — &lt;!here&gt;
            @·everyone &amp; &lt;!subteam^S0LEADS&gt;
            ```rm ˋˋˋ &lt;!channel&gt;```
        `@here` *bold*
          → I have no runbook for “ˋ@·hereˋ *bold*”. Did you mean `/runbook &lt;!here&gt; ˋevilˋ &lt;@U0ANA&gt;`? `/runbook list` shows all.
        > quote\u{7} and \u{202e}reversed
          → I have no runbook for “·&gt; quote and reversed”. `/runbook list` shows all.
        list <!here>
          → *1 runbook*
            • `/runbook &lt;!here&gt; ˋevilˋ &lt;@U0ANA&gt;` — &lt;!channel&gt; ˋxˋ |@·here
        <https://evil.example|search>
          → :green_book: *<https://git.example.com/runbooks/blob/main/search.md|Search is down>* — search
            Restart it.
        "#);
        for typed in ["x".repeat(3_000), format!("payments {}", "y ".repeat(1_500)), "\u{0}".into()] {
            let answer = stage.slash("U0EVE", &format!("/runbook {typed}")).await;
            assert!(answer.chars().count() < 700 && !answer.contains("my side"), "{answer}");
        }
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_leads_out_or_is_too_much_is_refused_and_told(db: Db, clock: Clock) {
        let (shelf, outside) = (Shelf::new(), tempfile::tempdir().expect("a directory"));
        fs::write(outside.path().join("secret.md"), "---\nservice: secret\n---\nhunter2\n").expect("written");
        symlink(outside.path().join("secret.md"), shelf.path().join("link.md")).expect("linked");
        symlink(outside.path(), shelf.path().join("folder")).expect("linked");
        symlink(shelf.path(), shelf.path().join("circle")).expect("linked");
        symlink("/dev/zero", shelf.path().join("zero.md")).expect("linked");
        symlink(shelf.path().join("nowhere"), shelf.path().join("dangling.md")).expect("linked");
        // Inside it may lead: that is how a mounted configuration looks.
        shelf.put(".hidden/real.md", "---\ntitle: By a link\n---\n");
        symlink(shelf.path().join(".hidden/real.md"), shelf.path().join("inside.md")).expect("linked");
        shelf.put("large.md", format!("---\nservice: large\n---\n{}", "x".repeat(256 * 1024)));
        shelf.put("latin.md", b"---\nservice: latin\n---\n\xE4\n");
        shelf.put("broken.md", "---\nservice: [a\n---\n");
        shelf.put("a/b/c/d/e/f/g/h/i/deep.md", "---\nservice: deep\n---\n");
        let stage = shelf.stage(db, clock).await;
        let answers =
            stage.runbook("U0EVE", &["secret", "zero", "large", "latin", "deep", "by a link"]).await;
        assert!(!answers.contains("hunter2"), "{answers}");
        assert_eq!(answers.matches("I have no runbook").count(), 5, "{answers}");
        assert!(
            answers.contains("*<https://git.example.com/runbooks/blob/main/inside.md|By a link>*"),
            "{answers}"
        );
        let index = stage.running.app.runbooks.current();
        assert_reads!(index.troubles.join("\n"), @"
        a/b/c/d/e/f/g/h/i: lies too deep; move it up to 8 folders at most
        broken.md: line 2 begins a list and does not end it; write [a, b] on one line
        circle: is a link to a directory, which is not followed; put the files themselves there
        dangling.md: is a link that leads nowhere; take it away or mend it
        folder: is a link to a directory, which is not followed; put the files themselves there
        large.md: is larger than 256 KiB; split it
        latin.md: is no UTF-8 text; save it as such
        link.md: is a link that leads out of the directory; put the file itself there
        zero.md: is a link that leads out of the directory; put the file itself there
        ");
        assert_eq!((index.runbooks.len(), index.left_out), (5, 1));
        stage.end().await;
    }
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_files_are_enough() {
    let shelf = Shelf::new();
    for number in 0..2_100 {
        shelf.put(
            &format!("many/{number:04}.md"),
            format!("---\ntitle: Runbook {number}\nservice: many\n---\n"),
        );
    }
    let clock = Clock::manual(firebell::testing::START);
    let (db, _guard) = firebell::testing::sqlite(&clock).await;
    let stage = shelf.stage(db, clock).await;
    let index = stage.running.app.runbooks.current();
    assert_eq!(index.runbooks.len() + index.left_out, 2_001, "and one of the configuration");
    insta::assert_snapshot!(index.troubles.join("\n"), @"2104 files are too many; the first 2000 by name are read: take some out");
    let answer = stage.slash("U0EVE", "/runbook list").await;
    assert!(answer.len() < 3_000 && answer.contains("more: `/runbook list &lt;service&gt;`"), "{answer}");
    let answer = stage.slash("U0EVE", "/runbook many").await;
    assert!(answer.len() < 3_000 && answer.contains("more: name an alert too"), "{answer}");
    stage.end().await;
}

on_both_engines!(
    async fn what_changes_in_the_directory_is_read_again(db: Db, clock: Clock) {
        let shelf = Shelf::new();
        let stage = shelf.stage(db, clock).await;
        shelf.put("new.md", "---\ntitle: Brand new\n---\n");
        fs::remove_file(shelf.path().join("search.md")).expect("removed");
        let before = stage.running.app.runbooks.current();
        assert!(
            stage.runbook("U0EVE", &["brand new"]).await.contains("no runbook"),
            "not on the way of a request"
        );
        stage.running.app.read_runbooks().await;
        let answers = stage.runbook("U0EVE", &["brand new", "search"]).await;
        assert!(answers.contains("|Brand new>") && answers.contains("no runbook for “search”"), "{answers}");
        // The same directory is not read twice, and one that is gone takes only its own along.
        let known = stage.running.app.runbooks.current();
        assert!(firebell::runbooks::directory::read(&stage.running.app.config.runbooks, &known).is_none());
        assert!(firebell::runbooks::directory::read(&stage.running.app.config.runbooks, &before).is_some());
        fs::remove_dir_all(shelf.path()).expect("removed");
        stage.running.app.read_runbooks().await;
        let answers = stage.runbook("U0EVE", &["brand new", "disaster"]).await;
        assert!(answers.contains("no runbook") && answers.contains("Declaring a disaster"), "{answers}");
        stage.end().await;
    }
);

on_both_engines!(
    async fn in_an_incidents_channel_its_service_is_implied(db: Db, clock: Clock) {
        let shelf = Shelf::new();
        let stage = shelf.stage(db, clock).await;
        for title in ["search broken --service search", "cards fail --service payments", "no idea --no-page"]
        {
            stage.typed("U0ANA", &format!("/incident declare {title} sev3")).await;
        }
        assert_reads!(stage.talk("U0ANA", "inc-1-search-broken", &["/runbook"]).await, @"
        /runbook
          → :green_book: *<https://git.example.com/runbooks/blob/main/search.md|Search is down>* — search
            Restart it.
        ");
        assert_reads!(stage.talk("U0ANA", "inc-2-cards-fail", &["/runbook", "/runbook slow checkout"]).await, @"
        /runbook
          → payments has 2 runbooks. Which one?
            • `/runbook payments HighErrorRate` — Payments: high error rate
            • `/runbook payments SlowCheckout` — slow
        /runbook slow checkout
          → :green_book: *<https://wiki.example.com/slow|slow>* — payments
            It is slow.
        ");
        fs::remove_file(shelf.path().join("search.md")).expect("removed");
        stage.running.app.read_runbooks().await;
        assert_reads!(stage.talk("U0BEN", "inc-1-search-broken", &["/runbook"]).await, @"
        /runbook
          → I have no runbook of search, the service of INC-1. `/runbook list` shows all.
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn an_incident_that_opens_with_an_alert_is_offered_its_runbook_once(db: Db, clock: Clock) {
        let shelf = Shelf::new();
        let stage = shelf.stage(db, clock).await;
        stage.typed("U0ANA", "/incident declare high error rate at checkout sev2 --service payments").await;
        stage.typed("U0ANA", "/incident declare errors sev3 --service payments").await;
        stage.world.pagerduty.trigger("PSVC001", "[FIRING:1] CardErrors payments-api (page)", "high");
        stage.settle().await;
        let offers = |room: &str| stage.paragraphs(room, "There is a runbook for this");
        assert_reads!(offers("inc-1-high-error-rate-at-checkout").join("\n\n"), @r#"
        10:00 firebell: There is a runbook for this:
        :green_book: Payments: high error rate — payments
        Customers cannot pay. Look at the card provider & the <queue> first.
        kubectl -n payments get pods | grep -v Running
        echo date > /tmp/since && curl "https://cards.example.com/health?a=1&b=2"
        "#);
        assert!(offers("inc-2-errors").is_empty());
        let room = "inc-3-firing-1-carderrors-payments-api-page";
        assert_eq!(offers(room).len(), 1, "{}", stage.world.slack.transcript(room));
        let timeline = stage.talk("U0ANA", room, &["/incident timeline"]).await;
        assert!(timeline.contains("*runbook* Offered the runbook Payments: high error rate"), "{timeline}");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_restart_between_the_steps_offers_once(db: Db, clock: Clock) {
        let shelf = Shelf::new();
        let mut stage = shelf.stage(db, clock.clone()).await;
        stage.world.desk.next("chat.postMessage", firebell::sim::desk::Fault::LoseAnswer);
        stage.slash("U0ANA", "/incident declare slow checkout sev3 --service payments").await;
        for _ in 0..4 {
            let Stage { world, running, clock, .. } = stage;
            let db = running.app.db.clone();
            drop(running);
            stage = shelf.stage_on(world, db, clock).await;
            stage.clock.advance(std::time::Duration::from_secs(5));
        }
        stage.wait(std::time::Duration::from_secs(60)).await;
        assert_eq!(stage.paragraphs("inc-1-slow-checkout", "There is a runbook for this").len(), 1);
        stage.end().await;
    }
);

on_both_engines!(
    async fn without_runbooks_it_says_how_to_have_some(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        assert_reads!(stage.runbook("U0EVE", &["", "payments", "list"]).await, @"
        /runbook
          → No runbooks are set up here. An administrator can name a directory of them under [runbooks] in Firebell's configuration, or single ones as [[runbook]].
        /runbook payments
          → No runbooks are set up here. An administrator can name a directory of them under [runbooks] in Firebell's configuration, or single ones as [[runbook]].
        /runbook list
          → No runbooks are set up here. An administrator can name a directory of them under [runbooks] in Firebell's configuration, or single ones as [[runbook]].
        ");
        stage.end().await;
    }
);
