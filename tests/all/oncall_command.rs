//! `/oncall`: who is on call where, from memory; and what people type wrongly.

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

/// The process dies, and another one starts on what it left.
pub async fn restarted(stage: Stage) -> Stage {
    let Stage { world, running, clock, .. } = stage;
    let db = running.app.db.clone();
    drop(running);
    Stage::on(world, db, clock, GROUPS).await
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
        assert_reads!(stage.oncall("U0EVE", &[""]).await, @"
        /oncall
          → *Groups that follow a rota*
            • `@payments-oncall`: Ana Example until <!date^1795258800^{date_short_pretty} at {time}|2026-11-21 11:00 UTC>; next: Ben Example
            • `@search-oncall`: Cho Example
            *Services*
            • payments: level 1 Ana Example · level 2 Ben Example
            • search: level 1 Cho Example
            _As PagerDuty said 0s ago._
        ");
        assert_eq!(stage.world.desk.calls().len(), calls, "from memory");
        stage.end().await;
    }
);

on_both_engines!(
    async fn the_whole_overview_follows_a_hand_off_that_nobody_can_confirm(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        let before = stage.oncall("U0EVE", &[""]).await;
        assert!(before.contains("`@payments-oncall`: Ana Example until"), "{before}");
        stage.world.desk.always("pagerduty", Fault::Unavailable { status: 503 });
        stage.clock.advance(HOUR);
        let after = stage.oncall("U0EVE", &[""]).await;
        assert!(after.contains("`@payments-oncall`: Ben Example until"), "{after}");
        assert!(after.contains("PagerDuty was last heard 1h ago"), "{after}");
        stage.end().await;
    }
);

on_both_engines!(
    async fn the_whole_overview_follows_what_pagerduty_changes(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        let _ = stage.oncall("U0EVE", &[""]).await;
        let now = stage.clock.now();
        stage.world.pagerduty.add_override("PSCHED1", "PCHO001", now, now + HOUR);
        stage.clock.advance(HOUR / 2);
        stage.settle().await;
        let after = stage.oncall("U0EVE", &[""]).await;
        assert!(after.contains("`@payments-oncall`: Cho Example until"), "{after}");
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
        ]).await, @"
        /oncall payments
          → *On call for payments*
            • level 1: Ana Example ☎ +49 1515550101
            • level 2: Ben Example ☎ +49 1515550102
            _As PagerDuty said 0s ago._
        /oncall lookup search
          → *On call for search*
            • level 1: Cho Example ☎ +49 1515550103
            _As PagerDuty said 0s ago._
        /oncall @payments-oncall
          → *On call for @payments-oncall*
            • Payments primary: Ana Example ☎ +49 1515550101 until <!date^1795258800^{date_short_pretty} at {time}|2026-11-21 11:00 UTC>; next: Ben Example
            • always: Dee Example
            `/oncall why @payments-oncall` says who is in the group and why.
            _As PagerDuty said 0s ago._
        /oncall who @search-oncall
          → *On call for @search-oncall*
            • level 1 of Search: Cho Example ☎ +49 1515550103
            • never: Cho Example
            • when nobody is on call: Eve Example
            :warning: `@search-oncall` rings the fallback: Eve Example; nobody who is on call can be in it (Cho Example: never).
            • whoever is in the group stays in it
            `/oncall why @search-oncall` says who is in the group and why.
            _As PagerDuty said 0s ago._
        /oncall @payments-rota
          → `@payments-rota` has everybody in the rota of `@payments-oncall`:
            Ana Example, Ben Example, Dee Example
            _As PagerDuty said 0s ago._
        /oncall @sre-leads
          → `@sre-leads` follows no rota, and none of its people is on call.
            _As PagerDuty said 0s ago._
        /oncall “payments primary”
          → *On call for Payments primary*
            • Ana Example ☎ +49 1515550101 until <!date^1795258800^{date_short_pretty} at {time}|2026-11-21 11:00 UTC>; next: Ben Example
            _As PagerDuty said 0s ago._
        /oncall PSCHED1 --next
          → *Next on call for Payments primary*
            • Ben Example ☎ +49 1515550102 from <!date^1795258800^{date_short_pretty} at {time}|2026-11-21 11:00 UTC> until <!date^1795345200^{date_short_pretty} at {time}|2026-11-22 11:00 UTC>
            _As PagerDuty said 0s ago._
        /oncall Payments rota
          → *On call for Payments rota*
            • level 1, Payments primary: Ana Example ☎ +49 1515550101 until <!date^1795258800^{date_short_pretty} at {time}|2026-11-21 11:00 UTC>; next: Ben Example
            _As PagerDuty said 0s ago._
        /oncall @ana
          → *Ana Example* ☎ +49 1515550101 is on call:
            • level 1 of Payments
            • Payments primary (level 1 of Payments rota) until <!date^1795258800^{date_short_pretty} at {time}|2026-11-21 11:00 UTC>
            No next shift that I know of.
            _As PagerDuty said 0s ago._
        /oncall ben@example.com --next
          → *Ben Example* ☎ +49 1515550102 is next on call:
            • Payments primary (level 1 of Payments rota) from <!date^1795258800^{date_short_pretty} at {time}|2026-11-21 11:00 UTC> until <!date^1795345200^{date_short_pretty} at {time}|2026-11-22 11:00 UTC>
            _As PagerDuty said 0s ago._
        /oncall Cho Example
          → *Cho Example* ☎ +49 1515550103 is on call:
            • level 1 of Search
            No next shift that I know of.
            _As PagerDuty said 0s ago._
        /oncall me
          → *Eve Example* ☎ +49 1515550105 is not on call.
            No next shift that I know of.
            _As PagerDuty said 0s ago._
        ");
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

/// Whether numbers are shown to a person alone and to a channel.
async fn are_phones_shown(db: Db, clock: Clock, phones: &str) -> [bool; 2] {
    let more = format!("{GROUPS}\n[paging]\nphones = {phones:?}\n");
    let stage = Stage::on(world(&clock).await, db, clock, &more).await;
    stage.settle().await;
    let alone = stage.seen_by("U0EVE", "/oncall payments").await;
    let aloud = stage.seen_by("U0EVE", "/oncall @ana --public").await;
    stage.end().await;
    [alone, aloud].map(|answer| answer.contains('☎'))
}

on_both_engines!(
    async fn phone_numbers_that_are_never_shown_are_not_looked_up_either(db: Db, clock: Clock) {
        assert_eq!(are_phones_shown(db, clock, "never").await, [false, false]);
    }
);

on_both_engines!(
    async fn phone_numbers_that_everybody_may_see_are_said_aloud(db: Db, clock: Clock) {
        assert_eq!(are_phones_shown(db, clock, "public").await, [true, true]);
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
        assert_reads!(answers.join("\n\n"), @"
        payments
        ephemeral: *On call for payments*
        • level 1: Ana Example ☎ +49 1515550101
        • level 2: Ben Example ☎ +49 1515550102
        _As PagerDuty said 0s ago._

        payments --public
        in_channel: *On call for payments*
        • level 1: Ana Example
        • level 2: Ben Example
        _As PagerDuty said 0s ago._

        @ana --public
        in_channel: *Ana Example* is on call:
        • level 1 of Payments
        • Payments primary (level 1 of Payments rota) until <!date^1795258800^{date_short_pretty} at {time}|2026-11-21 11:00 UTC>
        No next shift that I know of.
        _As PagerDuty said 0s ago._

        @payments-oncall —public
        in_channel: *On call for @payments-oncall*
        • Payments primary: Ana Example until <!date^1795258800^{date_short_pretty} at {time}|2026-11-21 11:00 UTC>; next: Ben Example
        • always: Dee Example
        `/oncall why @payments-oncall` says who is in the group and why.
        _As PagerDuty said 0s ago._

        --public
        in_channel: *Groups that follow a rota*
        • `@payments-oncall`: Ana Example until <!date^1795258800^{date_short_pretty} at {time}|2026-11-21 11:00 UTC>; next: Ben Example
        • `@search-oncall`: Cho Example
        *Services*
        • payments: level 1 Ana Example · level 2 Ben Example
        • search: level 1 Cho Example
        _As PagerDuty said 0s ago._

        nobody --public
        ephemeral: I know nothing and nobody called nobody. `/oncall` alone shows what there is; `/oncall help` says what I understand. Of PagerDuty's schedules I know those that the configuration uses, and those of the escalation policies in it.
        ");
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
        ]).await, @"
        /oncall paymnets
          → I know nothing and nobody called paymnets. Did you mean `/oncall payments`?
        /oncall @paymets-oncall
          → I know nothing and nobody called @paymets-oncall. Did you mean `/oncall payments-oncall`?
        /oncall payments primry
          → I know nothing and nobody called payments primry. Did you mean `/oncall Payments primary`?
        /oncall serach
          → I know nothing and nobody called serach. Did you mean `/oncall search`?
        /oncall pay
          → I know nothing and nobody called pay. Did you mean `/oncall payments-oncall`, `/oncall payments-rota` or `/oncall payments`?
        /oncall @bne
          → I know nothing and nobody called @bne. Did you mean `/oncall ben`?
        /oncall warehouse
          → I know nothing and nobody called warehouse. `/oncall` alone shows what there is; `/oncall help` says what I understand. Of PagerDuty's schedules I know those that the configuration uses, and those of the escalation policies in it.
        /oncall #general
          → A channel is not on call. Name a service, a @group, a @user, a schedule or an escalation policy.
        /oncall wyh @payments-oncall
          → I know nothing called wyh @payments-oncall. Did you mean `/oncall why @payments-oncall`?
        /oncall why
          → Which group? `/oncall why @payments-oncall`. Groups that follow one: `@payments-oncall`, `@search-oncall`, `@payments-rota`.
        /oncall why @search-onkall
          → No group called @search-onkall follows a rota. Did you mean `/oncall why @search-oncall`?
        /oncall why @sre-leads
          → @sre-leads follows no rota: no [[group]] in the configuration names it. Groups that follow one: `@payments-oncall`, `@search-oncall`, `@payments-rota`.
        /oncall why me --public
          → `/oncall why` takes no flags; `--next` and `--public` are for looking up who is on call.
        /oncall sync @nothing
          → No group called @nothing follows a rota. Groups that follow one: `@payments-oncall`, `@search-oncall`, `@payments-rota`.
        /oncall rollback
          → Which group? `/oncall rollback @payments-oncall`. Groups that follow one: `@payments-oncall`, `@search-oncall`, `@payments-rota`.
        /oncall list of everybody
          → `/oncall list` takes no more words. To look somebody or something up: `/oncall lookup of everybody`.
        /oncall payments --nxt
          → I do not know `--nxt`. Did you mean `--next`?
        /oncall help
          → */oncall* alone shows who is on call. Only you see the answers.
            `/oncall list [--public]` — the groups that follow a rota and the services: who, until when, who is next
            `/oncall lookup &lt;service|@group|@user|schedule|policy&gt; [--next] [--public]` — who is on call there on each level, until when, who is next; of a person: where
            `/oncall why &lt;@group&gt;` — why each person is in the group, who is left out, and what triggered the last change
            `/oncall sync [@group]` — ask PagerDuty and Slack now, instead of in some seconds
            `/oncall rollback &lt;@group&gt;` — put a group back as it was before the last write
            `/oncall help [command]` — this list, or more about one command
            Examples: `/oncall payments`, `/oncall @payments-oncall --next`, `/oncall @ana`, `/oncall why @payments-oncall`
        /oncall help lookup
          → `/oncall lookup &lt;service|@group|@user|schedule|policy&gt; [--next] [--public]`
            Who is on call there on each level, until when, who is next; of a person: where. The word `lookup` may be left out unless it is about something called like a command. `--next` shows only who follows. `--public` answers to the channel, by default without phone numbers. Names are matched in any letter case; ids are understood too.
            Example: `/oncall payments`
            Also: `who`
        ");
        stage.end().await;
    }
);
