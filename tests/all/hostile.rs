//! Text that wants to be more than text: nobody is rung by it, nothing is linked or broken by it, and none of it is
//! lost without need.

use firebell::on_both_engines;
use firebell::sim::scene::World;
use serde_json::Value;

use crate::acts::{choice, exchange, text};
use crate::stage::Stage;

/// Everything that anybody can read, as (where, mrkdwn).
fn all_markup(world: &World) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for channel in world.slack.channels() {
        found.push((format!("topic of #{}", channel.name), channel.topic.clone()));
        for message in channel.messages.iter().filter(|m| m.subtype.is_none()) {
            found.push((format!("#{}", channel.name), message.text.clone()));
            message.blocks.iter().for_each(|b| markup_in(b, &channel.name, &mut found));
        }
        found.extend(
            channel.bookmarks.iter().map(|b| (format!("bookmark of #{}", channel.name), b.title.clone())),
        );
    }
    for user in ["U0ANA", "U0BEN", "U0CHO", "U0DEE", "U0EVE"] {
        for whisper in world.slack.ephemerals(user) {
            found.push((format!("only {user}"), whisper.text.clone()));
            whisper.blocks.iter().for_each(|b| markup_in(b, user, &mut found));
        }
        for message in world.slack.dms(user) {
            found.push((format!("to {user}"), message.text.clone()));
            message.blocks.iter().for_each(|b| markup_in(b, user, &mut found));
        }
    }
    for view in world.slack.views() {
        markup_in(&view.view["blocks"], "a form", &mut found);
    }
    found
}

fn markup_in(value: &Value, place: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| markup_in(item, place, found)),
        Value::Object(fields) if fields.get("type").is_some_and(|t| t == "mrkdwn") => {
            found.push((place.to_owned(), fields["text"].as_str().unwrap_or_default().to_owned()));
        }
        Value::Object(fields) => fields.values().for_each(|field| markup_in(field, place, found)),
        _ => {}
    }
}

/// What stands between `<` and `>` is ours: a date, one of our people, a channel, PagerDuty.
fn demand_no_foreign_markup(world: &World) {
    let all = all_markup(world);
    assert!(all.len() > 10, "looks in the wrong place");
    for (place, markup) in all {
        for piece in markup.split('<').skip(1) {
            let inside = piece.split('>').next().unwrap_or_default();
            let ours = inside.starts_with("!date^")
                || ["@U0ANA", "@U0EVE"].contains(&inside)
                || inside.starts_with("#C000")
                || inside.starts_with("https://acme.pagerduty.com/incidents/");
            assert!(ours, "<{inside}> in {place}: {markup}");
        }
        for call in ["@here", "@channel", "@everyone"] {
            assert!(!markup.contains(call), "{call} in {place}: {markup}");
        }
        assert!(!markup.contains('\u{202E}') && !markup.contains('\u{0}'), "{place}: {markup:?}");
    }
}

const HOSTILE: &[&str] = &[
    "<!channel> @here @everyone <!subteam^S0LEADS>",
    "<@U0DEE> <#C0000001|x> <https://evil.example|Resolve>",
    "&lt;!channel&gt; &amp;lt;!here&amp;gt;",
    "*bold* _it_ ~no~ `code` ```block",
    "> quote\n> of two lines",
    "a | b || c \\ \"quoted\" 'single'",
    "evil\u{202E}gnp.exe \u{0}\u{7}\u{1b}[31m \u{200B}",
    "🔥 支払い停止 платежи ‏مدفوعات",
];

on_both_engines!(
    async fn nothing_that_people_type_rings_links_or_breaks_anything(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        // Eve's own name is an attack.
        stage.world.slack.edit_user("U0EVE", |u| u.real_name = "<!channel> *Eve* `@here` <@U0DEE>".into());
        let changed =
            stage.world.slack.event(serde_json::json!({ "type": "user_change", "user": { "id": "U0EVE" } }));
        stage.world.slack.deliver(&stage.running.base_url(), &changed).await.expect("an answer");
        stage.settle().await;
        stage.pass(1).await;
        for (n, evil) in (1..).zip(HOSTILE) {
            let inc = format!("INC-{n}");
            let mut typed = vec![format!("declare {evil} {n} sev1 --no-page")];
            for verb in [
                "update INC identified:",
                "note INC",
                "note INC --type decision",
                "mitigated INC",
                "role INC ic",
                "role INC",
                "sev INC",
                "ack INC",
                "resolve INC",
                "reopen INC",
                "cancel INC",
                "status INC",
                "timeline INC",
                "",
            ] {
                let verb = verb.replace("INC", &inc);
                let text = if verb.starts_with("status") || verb.starts_with("timeline") { "" } else { evil };
                typed.push(format!("{verb} {text}"));
            }
            for typed in typed {
                let answer = stage.typed("U0EVE", &format!("/incident {typed}")).await;
                assert!(!answer.contains("broken on my side"), "{typed}: {answer}");
            }
            stage.typed("U0ANA", &format!("/incident role {inc} scribe @eve")).await;
            stage.typed("U0ANA", &format!("/incident status {inc}")).await;
        }
        stage.typed("U0ANA", "/incident list").await;
        demand_no_foreign_markup(&stage.world);
        stage.end().await;
    }
);

on_both_engines!(
    async fn forms_are_no_way_around_it(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        for (n, evil) in (1..).zip(HOSTILE) {
            stage.slash("U0EVE", "/incident").await;
            stage
                .submit("U0EVE", &[("title", text(&format!("{evil} {n}"))), ("severity", choice("sev4"))])
                .await;
            stage.settle().await;
            let room = stage.world.slack.channels().pop().expect("a room").name;
            stage.click("U0EVE", &room, "Post update").await;
            stage.submit("U0EVE", &[("text", text(evil))]).await;
            stage.press("U0EVE", &room, "Resolve").await;
            stage.click("U0EVE", &room, "Reopen").await;
            stage.submit("U0EVE", &[("text", text(evil))]).await;
            stage.settle().await;
        }
        // Eve's mention is hers: she takes no part in what is ours.
        stage.world.slack.edit_user("U0EVE", |u| u.name = "eve".into());
        for (place, markup) in all_markup(&stage.world) {
            let foreign = ["<!channel", "<!here", "<!everyone", "<!subteam", "<@U0DEE", "<https://evil"];
            assert!(foreign.iter().all(|f| !markup.contains(f)), "{place}: {markup}");
        }
        stage.end().await;
    }
);

on_both_engines!(
    async fn titles_survive_as_people_meant_them(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let mut answers = String::new();
        for title in [
            "it's “down” — again",
            "“payments down”",
            "checkout's 'cart' is empty",
            "@ana says #general &amp; https://status.example/?a=1&b=2 is down",
            "mail from ben@example.com bounces",
            "a < b && c > d",
            "one\ntwo\t three",
            "🔥🔥🔥",
            "支払い停止",
            "Zahlungen kaputt: GRÜN",
            "p99 latency at p95",
            "--- down ---",
            "sev1 of the cache",
        ] {
            let typed = format!("/incident declare {title} sev4 --no-page");
            let answer = stage.typed("U0ANA", &typed).await;
            answers.push_str(&exchange(title, &answer));
        }
        assert_reads!(answers, @"
        it's “down” — again
          → :rotating_light: Declaring *INC-1 it's “down” — again* as *SEV4*: opening #inc-1-it-s-down-again, paging nobody.
        “payments down”
          → :rotating_light: Declaring *INC-2 payments down* as *SEV4*: opening #inc-2-payments-down, paging nobody.
        checkout's 'cart' is empty
          → :rotating_light: Declaring *INC-3 checkout's 'cart' is empty* as *SEV4*: opening #inc-3-checkout-s-cart-is-empty, paging nobody.
        @ana says #general &amp; https://status.example/?a=1&b=2 is down
          → :rotating_light: Declaring *INC-4 @ana says #general &amp;amp; https://status.example/?a=1&amp;b=2 is down* as *SEV4*: opening #inc-4-ana-says-general-amp-https-status-example-a-1-b-2-is-down, paging nobody.
        mail from ben@example.com bounces
          → :rotating_light: Declaring *INC-5 mail from ben@example.com bounces* as *SEV4*: opening #inc-5-mail-from-ben-example-com-bounces, paging nobody.
        a < b && c > d
          → :rotating_light: Declaring *INC-6 a &lt; b &amp;&amp; c &gt; d* as *SEV4*: opening #inc-6-a-b-c-d, paging nobody.
        one
        two	 three
          → :rotating_light: Declaring *INC-7 one two three* as *SEV4*: opening #inc-7-one-two-three, paging nobody.
        🔥🔥🔥
          → :rotating_light: Declaring *INC-8 🔥🔥🔥* as *SEV4*: opening #inc-8, paging nobody.
        支払い停止
          → :rotating_light: Declaring *INC-9 支払い停止* as *SEV4*: opening #inc-9, paging nobody.
        Zahlungen kaputt: GRÜN
          → :rotating_light: Declaring *INC-10 Zahlungen kaputt: GRÜN* as *SEV4*: opening #inc-10-zahlungen-kaputt-gruen, paging nobody.
        p99 latency at p95
          → :rotating_light: Declaring *INC-11 p99 latency at p95* as *SEV4*: opening #inc-11-p99-latency-at-p95, paging nobody.
        --- down ---
          → :rotating_light: Declaring *INC-12 --- down ---* as *SEV4*: opening #inc-12-down, paging nobody.
        sev1 of the cache
          → :rotating_light: Declaring *INC-13 sev1 of the cache* as *SEV4*: opening #inc-13-sev1-of-the-cache, paging nobody.
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_title_that_is_only_a_severity_or_a_flag_asks_for_the_rest(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        for (typed, filled) in [
            ("sev1", "SEV1"),
            ("SEV-2 --service search", "search"),
            ("sev 1", "SEV1"),
            ("--private", "Private"),
            ("\"\"", "SEV3"),
            ("\u{202E}\u{7}", "SEV3"),
            ("--test critical", "SEV1"),
        ] {
            assert_eq!(stage.slash("U0ANA", &format!("/incident declare {typed}")).await, "", "{typed}");
            let form = crate::acts::read_form(&stage.form());
            assert!(form.contains(filled), "{typed}: {form}");
        }
        assert_eq!(stage.world.slack.channels().len(), 2);
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_is_too_long_for_a_title_is_kept_as_a_note(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let pasted = "panic: index out of range [3] with length 3 & more <b>\n".repeat(60);
        assert!(pasted.len() > 3_000);
        let answer = stage.typed("U0ANA", &format!("/incident declare {pasted} sev1")).await;
        assert_reads!(answer, @":rotating_light: Declaring *INC-1 panic: index out of range [3] with length 3 &amp; more &lt;b&gt; panic: index out of range [3] with length 3 &amp; more &lt;b&gt; panic: index out of range [3] with length 3 &amp; more &lt;b&gt; panic: index out of range [3] with…* as *SEV1*: opening #inc-1-panic-index-out-of-range-3-with-length-3-more-b-panic-index-out-of-range-3, paging Ana Example ☎ +49 1515550101.");
        let room = stage.world.slack.channels().pop().expect("the room");
        assert_reads!(room.name, @"inc-1-panic-index-out-of-range-3-with-length-3-more-b-panic-index-out-of-range-3");
        assert!(room.topic.chars().count() <= 250);
        let notes = stage.paragraphs(&room.name, "Note");
        assert_eq!(notes.len(), 1);
        assert!(notes[0].chars().count() > 2_400, "{}", notes[0]);
        // The same for every other text.
        for verb in ["update", "note", "mitigated", "resolve", "reopen"] {
            let answer = stage.typed_in("U0ANA", &room.name, &format!("/incident {verb} {pasted}")).await;
            assert!(answer.starts_with("INC-1 "), "{verb}: {answer}");
        }
        stage.typed_in("U0ANA", &room.name, "/incident status").await;
        stage.typed_in("U0ANA", &room.name, "/incident timeline").await;
        stage.end().await;
    }
);
