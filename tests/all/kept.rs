//! What people say is kept whole, or they are told what was not: addresses behind labels, words for what is done
//! already, long notes, long timelines.

use std::time::Duration;

use firebell::on_both_engines;

use crate::acts::exchange;
use crate::stage::Stage;
use crate::verbs::{ROOM, declared};

impl Stage {
    /// A command whose text is as Slack delivers it, with its references.
    async fn linked(&self, user: &str, channel: &str, command: &str, text: &str) -> String {
        let request = self.world.slack.command(user, &self.channel_id(channel), &format!("{command} WORDS"));
        let body = String::from_utf8(request.body).expect("a form");
        let escaped: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let answer = self.raw("/slack/commands", body.replace("WORDS", &escaped)).await;
        self.settle().await;
        answer
    }

    /// The newest answer that only this person saw: its blocks, one after the other.
    fn newest_answer(&self, user: &str) -> String {
        let answer = self.world.slack.ephemerals(user).pop().expect("an answer");
        let texts: Vec<&str> = answer.blocks.iter().filter_map(|b| b["text"]["text"].as_str()).collect();
        if texts.is_empty() { answer.text } else { texts.join("\n") }
    }
}

on_both_engines!(
    async fn a_link_that_is_called_something_keeps_its_address(db: Db, clock: Clock) {
        let stage = declared(db, clock).await;
        let dashboard = "<https://grafana.example/d/1|dashboard>";
        for text in [
            format!(
                "note link {dashboard} and <https://plain.example/x> at <http://example.com|example.com>"
            ),
            "note panel <https://grafana.example/d/7|7>".to_owned(),
            format!("update identified: see {dashboard}"),
            "mitigated <https://ci.example/42|build 42> &lt;!here&gt; rolled it back".to_owned(),
            "note <https://evil.example|*a* `b` &lt;!channel&gt; @here>".to_owned(),
        ] {
            stage.linked("U0ANA", ROOM, "/incident", &text).await;
        }
        let seen = |text: &str| text.replace('\u{200b}', "·");
        assert_reads!(seen(&stage.last(ROOM, 6)), @"
        10:00 firebell: :memo: Note: link dashboard (https://grafana.example/d/1) and https://plain.example/x at example.com — Ana Example

        10:00 firebell: :memo: Note: panel 7 (https://grafana.example/d/7) — Ana Example

        10:00 firebell: :mega: Identified — see dashboard (https://grafana.example/d/1)
        update by Ana Example

        10:00 @firebell set the channel topic: [SEV2] INC-1 payments down | IC: none | Status: Identified

        10:00 firebell: :adhesive_bandage: Mitigated, says Ana Example. The incident stays open.
        build 42 (https://ci.example/42) <!here> rolled it back

        10:00 firebell: :memo: Note: a ˋbˋ <!channel> @·here (https://evil.example) — Ana Example
        ");
        assert_reads!(seen(&stage.linked("U0ANA", ROOM, "/incident", "timeline").await), @"
        *INC-1 payments down* timeline (UTC)
        _Saturday, 21 November 2026_
        `10:00` *declared* Declared payments down as SEV2 — Ana Example
        `10:00` *channel* Opened #inc-1-payments-down
        `10:00` *page* Opened PagerDuty incident #1
        `10:00` *page* #1 triggered, paging Ana Example
        `10:00` *note* link dashboard (https://grafana.example/d/1) and https://plain.example/x at example.com — Ana Example
        `10:00` *note* panel 7 (https://grafana.example/d/7) — Ana Example
        `10:00` *status* Investigating → Identified — Ana Example
        `10:00` *update* see dashboard (https://grafana.example/d/1) — Ana Example
        `10:00` *mitigated* Mitigated: build 42 (https://ci.example/42) &lt;!here&gt; rolled it back — Ana Example
        `10:00` *note* *a* ˋbˋ &lt;!channel&gt; @·here (https://evil.example) — Ana Example
        ");
        assert_reads!(stage.pagerduty().join("\n"), @"
        10:00 Firebell triggered #1 INC-1 payments down
        10:00 PagerDuty notified Ana Example of #1 INC-1 payments down
        10:00 Firebell noted on #1 INC-1 payments down: INC-1 is worked on in Slack: #inc-1-payments-down
        10:00 Firebell noted on #1 INC-1 payments down: link dashboard (https://grafana.example/d/1) and https://plain.example/x at example.com — Ana Example (Slack)
        10:00 Firebell noted on #1 INC-1 payments down: panel 7 (https://grafana.example/d/7) — Ana Example (Slack)
        10:00 Firebell noted on #1 INC-1 payments down: *a* `b` <!channel> @here (https://evil.example) — Ana Example (Slack)
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_title_calls_a_link_by_its_label_and_the_address_is_noted(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let title = "declare <https://alerts.example/9|High latency>, see <https://x.example|the graph> sev2";
        assert_reads!(stage.linked("U0ANA", "general", "/incident", title).await, @":rotating_light: Declaring *INC-1 High latency, see the graph* as *SEV2*: opening #inc-1-high-latency-see-the-graph, paging Ana Example ☎ +49 1515550101.");
        assert_reads!(stage.paragraphs("inc-1-high-latency-see-the-graph", "Note").join("\n"), @"10:00 firebell: :memo: Note: High latency (https://alerts.example/9), see the graph (https://x.example) — Ana Example");
        // Slack makes links of plain words by itself; those are no news.
        let title = "declare <http://shop.example|shop.example> is down sev2";
        stage.linked("U0ANA", "general", "/incident", title).await;
        assert_eq!(stage.paragraphs("inc-2-shop-example-is-down", "Note").len(), 0);
        // What has to be asked about first loses nothing on the way.
        let long =
            format!("declare High latency, see <https://x.example/{}|the graph> sev2", "d".repeat(300));
        assert!(stage.linked("U0BEN", "general", "/incident", &long).await.contains("open already"));
        stage.press("U0BEN", "general", "Declare anyway").await;
        let noted = stage.paragraphs("inc-3-high-latency-see-the-graph", "Note");
        assert!(noted.len() == 1 && noted[0].contains(&format!("{})", "d".repeat(300))), "{noted:?}");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_time_may_be_said_by_the_half_day(db: Db, clock: Clock) {
        let stage = declared(db, clock).await;
        stage.clock.advance(Duration::from_secs(3 * 3600));
        assert_reads!(
            stage.talk("U0ANA", ROOM, &[
                "/incident note a --at 3:05 pm",
                "/incident note b --at 11:05am, it began",
                "/incident note --at 9 a.m. c",
                "/incident note d --at “12:10 PM” --type action",
                "/incident note e --at=12:30 am",
                "/incident note f --at 15:05 pm",
            ]).await,
            @"
        /incident note a --at 3:05 pm
          → INC-1 noted, as of <!date^1795187100^{date_short_pretty} at {time}|2026-11-20 15:05 UTC>.
        /incident note b --at 11:05am, it began
          → INC-1 noted, as of <!date^1795259100^{date_short_pretty} at {time}|2026-11-21 11:05 UTC>.
        /incident note --at 9 a.m. c
          → INC-1 noted, as of <!date^1795251600^{date_short_pretty} at {time}|2026-11-21 09:00 UTC>.
        /incident note d --at “12:10 PM” --type action
          → INC-1 noted, as of <!date^1795263000^{date_short_pretty} at {time}|2026-11-21 12:10 UTC>.
        /incident note e --at=12:30 am
          → INC-1 noted, as of <!date^1795221000^{date_short_pretty} at {time}|2026-11-21 00:30 UTC>.
        /incident note f --at 15:05 pm
          → `--at` takes a time such as 14:30, 9:05 or 2:30 pm, not “15:05pm”.
        "
        );
        stage.settle().await;
        assert_reads!(stage.slash("U0ANA", "/incident timeline INC-1").await, @"
        *INC-1 payments down* timeline (UTC)
        _Friday, 20 November 2026_
        `15:05` *note* a — Ana Example
        _Saturday, 21 November 2026_
        `00:30` *note* e — Ana Example
        `09:00` *note* c — Ana Example
        `10:00` *declared* Declared payments down as SEV2 — Ana Example
        `10:00` *channel* Opened #inc-1-payments-down
        `10:00` *page* Opened PagerDuty incident #1
        `10:00` *page* #1 triggered, paging Ana Example
        `11:05` *note* b it began — Ana Example
        `12:10` *action* d — Ana Example
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn words_for_what_is_done_already_are_not_dropped_in_silence(db: Db, clock: Clock) {
        let stage = declared(db, clock).await;
        let mut answers = String::new();
        for (user, typed) in [
            ("U0ANA", "mitigated traffic goes past the cache"),
            ("U0BEN", "mitigated we drained eu-1"),
            ("U0ANA", "mitigated traffic goes past the cache"), // she got no answer
            ("U0BEN", "mitigated"),
            ("U0ANA", "reopen errors are back --page"),
            ("U0ANA", "resolve the cache has room again"),
            ("U0BEN", "resolve eu-1 is back"),
            ("U0BEN", "cancel `it` was <nothing>"),
            ("U0ANA", "resolve the cache has room again"),
        ] {
            stage.clock.advance(Duration::from_secs(61));
            let typed = format!("/incident {typed}");
            answers.push_str(&exchange(&typed, &stage.typed_in(user, ROOM, &typed).await));
        }
        assert_reads!(answers, @"
        /incident mitigated traffic goes past the cache
          → INC-1 is mitigated. It stays open until somebody resolves it.
        /incident mitigated we drained eu-1
          → INC-1 was mitigated already. What you wrote was not kept. To put it on the timeline: `/incident note INC-1 we drained eu-1`.
        /incident mitigated traffic goes past the cache
          → INC-1 was mitigated already.
        /incident mitigated
          → INC-1 was mitigated already.
        /incident reopen errors are back --page
          → INC-1 is open, so nobody was paged. What you wrote was not kept. To put it on the timeline: `/incident note INC-1 errors are back`.
        /incident resolve the cache has room again
          → INC-1 resolved.
        /incident resolve eu-1 is back
          → INC-1 is resolved already. What you wrote was not kept. To put it on the timeline: `/incident note INC-1 eu-1 is back`.
        /incident cancel `it` was <nothing>
          → INC-1 is resolved already. What you wrote was not kept. To put it on the timeline: `/incident note INC-1 ˋitˋ was &lt;nothing&gt;`.
        /incident resolve the cache has room again
          → INC-1 is resolved already.
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn titles_without_letters_are_alike_when_they_are_the_same(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let mut answers = String::new();
        for title in ["!!!", "🔥", "🔥", "payments", "-- --"] {
            let typed = format!("/incident declare {title}");
            stage.clock.advance(Duration::from_secs(61));
            answers.push_str(&exchange(&typed, &stage.typed("U0ANA", &typed).await));
        }
        assert_reads!(answers, @"
        /incident declare !!!
          → :rotating_light: Declaring *INC-1 !!!* as *SEV3*: opening #inc-1, paging Ana Example ☎ +49 1515550101.
            You named no severity, so it is *SEV3*. Change it:
        /incident declare 🔥
          → :rotating_light: Declaring *INC-2 🔥* as *SEV3*: opening #inc-2, paging Ana Example ☎ +49 1515550101.
            You named no severity, so it is *SEV3*. Change it:
        /incident declare 🔥
          → This looks like an incident that is open already:
            *INC-2* SEV3 🔥 · Investigating for 1m · <#C0000004>
            Join it there. If yours is another one, declare it anyway.
        /incident declare payments
          → :rotating_light: Declaring *INC-3 payments* as *SEV3*: opening #inc-3-payments, paging Ana Example ☎ +49 1515550101.
            You named no severity, so it is *SEV3*. Change it:
        /incident declare -- --
          → :rotating_light: Declaring *INC-4 -- --* as *SEV3*: opening #inc-4, paging Ana Example ☎ +49 1515550101.
            You named no severity, so it is *SEV3*. Change it:
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_long_timeline_is_read_page_by_page(db: Db, clock: Clock) {
        let stage = declared(db, clock).await;
        for n in 1..=64 {
            stage.clock.advance(Duration::from_secs(1800));
            let text = format!("n{n:02} {}.", "& what we saw then ".repeat(16));
            stage.slash_in("U0ANA", &stage.channel_id(ROOM), &format!("/incident note {text}")).await;
        }
        stage.settle().await;
        let (mut pages, mut seen) = (String::new(), Vec::new());
        for typed in
            ["timeline", "timeline page 2", "timeline INC-1 page 3", "timeline 1 --page 4", "timeline page 5"]
        {
            let answer =
                stage.slash_in("U0BEN", &stage.channel_id(ROOM), &format!("/incident {typed}")).await;
            let read = stage.newest_answer("U0BEN");
            let of_page: Vec<String> =
                (1..=64).map(|n| format!("n{n:02} ")).filter(|n| read.contains(n.as_str())).collect();
            let shown = (of_page.first().cloned(), of_page.last().cloned());
            pages += &exchange(typed, &format!("{answer}\n{shown:?}"));
            seen.splice(0..0, of_page);
        }
        assert_reads!(pages, @r#"
        timeline
          → *INC-1 payments down* timeline (UTC), page 1 of 4
            _51 earlier entries:_ `/incident timeline INC-1 page 2`
            (Some("n48 "), Some("n64 "))
        timeline page 2
          → *INC-1 payments down* timeline (UTC), page 2 of 4
            _34 earlier entries:_ `/incident timeline INC-1 page 3`
            (Some("n31 "), Some("n47 "))
        timeline INC-1 page 3
          → *INC-1 payments down* timeline (UTC), page 3 of 4
            _17 earlier entries:_ `/incident timeline INC-1 page 4`
            (Some("n14 "), Some("n30 "))
        timeline 1 --page 4
          → *INC-1 payments down* timeline (UTC), page 4 of 4
            (Some("n01 "), Some("n13 "))
        timeline page 5
          → The timeline of INC-1 has 4 pages.
            (None, None)
        "#);
        assert_eq!(seen.len(), 64, "every entry is on one page: {seen:?}");
        assert!(seen.is_sorted());
        stage.end().await;
    }
);

on_both_engines!(
    async fn an_ordinary_timeline_is_one_answer(db: Db, clock: Clock) {
        let stage = declared(db, clock).await;
        for n in 1..=60 {
            stage.minute().await;
            stage
                .typed_in("U0ANA", ROOM, &format!("/incident note n{n:02} restarted one of the servers"))
                .await;
        }
        assert_reads!(stage.slash("U0BEN", "/incident timeline INC-1").await, @"*INC-1 payments down* timeline (UTC)");
        let read = stage.newest_answer("U0BEN");
        assert!(
            read.contains("Declared payments down as SEV2") && read.contains("n01 ") && read.contains("n60 "),
            "{read}"
        );
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_long_note_is_whole_in_the_channel_and_cut_where_that_is_said(db: Db, clock: Clock) {
        let stage = declared(db, clock).await;
        let id = stage.channel_id(ROOM);
        let long = format!("{}the end", "a stack trace & more ".repeat(167));
        assert_eq!(long.chars().count(), 3_514);
        assert_reads!(stage.slash_in("U0ANA", &id, &format!("/incident note {long}")).await, @"INC-1 noted. The channel gets all of it, PagerDuty the first 2500 characters.");
        assert_reads!(stage.slash_in("U0ANA", &id, &format!("/incident update {long}")).await, @"INC-1 updated.");
        stage.settle().await;
        for kind in [":memo: Note", ":mega: Investigating"] {
            let said = stage.paragraphs(ROOM, kind);
            assert!(said.len() == 1 && said[0].contains("the end"), "{said:?}");
        }
        let copy =
            stage.pagerduty().into_iter().find(|line| line.contains("a stack trace")).expect("the copy");
        assert!(copy.ends_with("… — Ana Example (Slack)") && copy.chars().count() > 2_500, "{copy}");
        let timeline = stage.slash_in("U0BEN", &id, "/incident timeline").await;
        assert_reads!(timeline, @"
        *INC-1 payments down* timeline (UTC)
        _Saturday, 21 November 2026_
        `10:00` *declared* Declared payments down as SEV2 — Ana Example
        `10:00` *channel* Opened #inc-1-payments-down
        `10:00` *page* Opened PagerDuty incident #1
        `10:00` *page* #1 triggered, paging Ana Example
        `10:00` *note* a stack trace &amp; more a stack trace &amp; more a stack trace &amp; more a stack trace &amp; more a stack trace &amp; more a stack trace &amp; more a stack trace &amp; more a stack trace &amp; more a stack trace &amp; more a stack trace &amp; more a stack trace &amp; more a stack trace &amp; more a stack trace &amp; more a stack trace &amp; more a sta… (<https://firebell-demo.slack.com/archives/C0000003/p1795255200000008|whole>) — Ana Example
        `10:00` *update* a stack trace &amp; more a stack trace &amp; more a stack trace &amp; more a stack trace &amp; more a stack trace &amp; more a stack trace &amp; more a stack trace &amp; more a stack trace &amp; more a stack trace &amp; more a stack trace &amp; more a stack trace &amp; more a stack trace &amp; more a stack trace &amp; more a stack trace &amp; more a sta… (<https://firebell-demo.slack.com/archives/C0000003/p1795255200000009|whole>) — Ana Example
        ");
        let longer = "x".repeat(7_501);
        assert_reads!(stage.slash_in("U0ANA", &id, &format!("/incident note {longer}")).await, @"That is 7501 characters, and I take up to 7500 at a time: I have done and kept nothing. Say it in several parts, or post it as a file.");
        assert_reads!(stage.slash_in("U0ANA", &id, &format!("/incident resolve {longer}")).await, @"That is 7501 characters, and I take up to 7500 at a time: I have done and kept nothing. Say it in several parts, or post it as a file.");
        stage.slash("U0ANA", "/incident declare payroll leaked sev1 --private").await;
        assert_reads!(stage.slash("U0ANA", &format!("/incident note INC-2 {long}")).await, @"INC-2 noted.");
        stage.settle().await;
        stage.end().await;
    }
);
