//! The verbs of `/incident`: in the channel, elsewhere, twice, and too late.

use std::time::Duration;

use firebell::clock::Clock;
use firebell::store::Db;
use firebell::{on_both_engines, testing};

use crate::acts::exchange;
use crate::stage::Stage;

pub const ROOM: &str = "inc-1-payments-down";

/// An incident with its room, declared by Ana as sev2.
pub async fn declared(db: Db, clock: Clock) -> Stage {
    let stage = Stage::set(db, clock).await;
    stage.typed("U0ANA", "/incident declare payments down sev2").await;
    stage
}

/// What a channel said since this many paragraphs.
pub fn paragraphs(stage: &Stage, channel: &str) -> usize {
    stage.world.slack.transcript(channel).split("\n\n").count()
}

pub fn since(stage: &Stage, channel: &str, before: usize) -> String {
    let transcript = stage.world.slack.transcript(channel);
    transcript.split("\n\n").skip(before).collect::<Vec<_>>().join("\n\n")
}

on_both_engines!(
    async fn an_incident_is_lived_through_by_typing(db: Db, clock: Clock) {
        let stage = declared(db, clock).await;
        let before = paragraphs(&stage, ROOM);
        let told = stage.pagerduty().len();
        let mut answers = String::new();
        for (user, typed) in [
            ("U0ANA", "/incident ack"),
            ("U0ANA", "/incident role ic"),
            ("U0ANA", "/incident role scribe @ben"),
            ("U0BEN", "/incident update we see errors in checkout"),
            ("U0BEN", "/incident note latency began at noon --at 9:45"),
            ("U0BEN", "/incident note the cache is full --type hypothesis"),
            ("U0ANA", "/incident update identified: the cache is full"),
            ("U0ANA", "/incident sev 1"),
            ("U0ANA", "/incident status"),
            ("U0ANA", "/incident mitigated traffic goes past the cache"),
            ("U0ANA", "/incident update watching --status monitoring"),
            ("U0ANA", "/incident resolve the cache has room again"),
            ("U0ANA", "/incident timeline"),
        ] {
            stage.clock.advance(Duration::from_secs(60));
            let answer = stage.typed_in(user, ROOM, typed).await;
            answers.push_str(&exchange(typed, &answer));
        }
        assert_reads!(answers, @"
        /incident ack
          → INC-1 acknowledged.
        /incident role ic
          → INC-1 has Ana Example as incident commander.
        /incident role scribe @ben
          → INC-1 has Ben Example as scribe.
        /incident update we see errors in checkout
          → INC-1 updated.
        /incident note latency began at noon --at 9:45
          → INC-1 noted, as of <!date^1795254300^{date_short_pretty} at {time}|2026-11-21 09:45 UTC>.
        /incident note the cache is full --type hypothesis
          → INC-1 noted.
        /incident update identified: the cache is full
          → INC-1 updated.
        /incident sev 1
          → INC-1 is *SEV1* now.
        /incident status
          → *INC-1* SEV1 payments down · Identified for 9m · <#C0000003>
            IC: Ana Example · PagerDuty: <https://acme.pagerduty.com/incidents/Q1NG2TX0000001|#1> acknowledged
            *Last update* (2m ago): the cache is full
            The next update is due in 19m.
        /incident mitigated traffic goes past the cache
          → INC-1 is mitigated. It stays open until somebody resolves it.
        /incident update watching --status monitoring
          → INC-1 updated.
        /incident resolve the cache has room again
          → INC-1 resolved.
        /incident timeline
          → *INC-1 payments down* timeline (UTC)
            _Saturday, 21 November 2026_
            `09:45` *note* latency began at noon — Ben Example
            `10:00` *declared* Declared payments down as SEV2 — Ana Example
            `10:00` *channel* Opened #inc-1-payments-down
            `10:00` *page* Opened PagerDuty incident #1
            `10:00` *page* #1 triggered, paging Ana Example
            `10:01` *acknowledged* Acknowledged — Ana Example
            `10:02` *role* Incident commander is Ana Example — Ana Example
            `10:03` *role* Scribe is Ben Example — Ana Example
            `10:04` *update* we see errors in checkout — Ben Example
            `10:06` *hypothesis* the cache is full — Ben Example
            `10:07` *status* Investigating → Identified — Ana Example
            `10:07` *update* the cache is full — Ana Example
            `10:08` *severity* SEV2 → SEV1 — Ana Example
            `10:10` *mitigated* Mitigated: traffic goes past the cache — Ana Example
            `10:11` *status* Identified → Monitoring — Ana Example
            `10:11` *update* watching — Ana Example
            `10:12` *resolved* Resolved: the cache has room again — Ana Example
        ");
        assert_reads!(since(&stage, ROOM, before), @"
        10:01 firebell: :eyes: @ana acknowledged.

        10:02 firebell: :firefighter: @ana is now incident commander.

        10:02 @firebell set the channel topic: [SEV2] INC-1 payments down | IC: Ana Example | Status: Investigating

        10:03 firebell: :firefighter: @ben is now scribe.

        10:04 firebell: :mega: Investigating — we see errors in checkout
        update by Ben Example

        10:05 firebell: :memo: Note (2026-11-21 09:45 UTC): latency began at noon — Ben Example

        10:06 firebell: :bulb: Hypothesis: the cache is full — Ben Example

        10:07 firebell: :mega: Identified — the cache is full
        update by Ana Example

        10:07 @firebell set the channel topic: [SEV2] INC-1 payments down | IC: Ana Example | Status: Identified

        10:08 firebell: :rotating_light: SEV2 → SEV1 by Ana Example. Many customers cannot work, or their data is exposed: the public and the executives hear of it.

        10:08 @firebell set the channel topic: [SEV1] INC-1 payments down | IC: Ana Example | Status: Identified

        10:10 firebell: :adhesive_bandage: Mitigated, says Ana Example. The incident stays open.
        traffic goes past the cache

        10:11 firebell: :mega: Monitoring — watching
        update by Ana Example

        10:11 @firebell set the channel topic: [SEV1] INC-1 payments down | IC: Ana Example | Status: Monitoring

        10:12 firebell: :white_check_mark: Resolved by Ana Example after 12m. Thank you all. If it comes back, press Reopen on the pinned summary.
        the cache has room again

        10:12 @firebell set the channel topic: [SEV1] INC-1 payments down | IC: Ana Example | Status: Resolved
        ");
        assert_reads!(stage.summary(ROOM), @"
        10:00 firebell [pinned]: INC-1 payments down
        Severity
        :rotating_light: SEV1
        Status
        Resolved after 12m
        Incident commander
        @ana
        Scribe
        @ben
        Service
        payments
        PagerDuty
        #1 resolved
        Declared
        @ana, 2026-11-21 10:00 UTC
        Last update 2026-11-21 10:12 UTC
        the cache has room again
        [Reopen]
        ");
        assert_reads!(stage.world.slack.transcript("incidents"), @"10:00 firebell: :white_check_mark: SEV1 INC-1 payments down · Resolved · IC @ana · #inc-1-payments-down");
        assert_reads!(stage.pagerduty()[told..].join("\n"), @"
        10:01 Firebell acknowledged #1 INC-1 payments down
        10:05 Firebell noted on #1 INC-1 payments down: latency began at noon (2026-11-21 09:45 UTC) — Ben Example (Slack)
        10:06 Firebell noted on #1 INC-1 payments down: Hypothesis: the cache is full — Ben Example (Slack)
        10:08 Firebell set the priority of #1 INC-1 payments down to P1
        10:12 Firebell resolved #1 INC-1 payments down
        10:12 Firebell noted on #1 INC-1 payments down: Resolution Note: Resolved by Ana Example: the cache has room again
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn every_verb_repeated_says_so_and_does_nothing(db: Db, clock: Clock) {
        let stage = declared(db, clock).await;
        let mut answers = String::new();
        for typed in ["ack", "sev 1", "role ic", "mitigated", "resolve", "cancel"] {
            let typed = format!("/incident {typed}");
            stage.typed_in("U0ANA", ROOM, &typed).await;
            let before = stage.world.slack.transcript(ROOM);
            stage.clock.advance(Duration::from_secs(61));
            let answer = stage.typed_in("U0ANA", ROOM, &typed).await;
            answers.push_str(&exchange(&typed, &answer));
            assert_eq!(stage.world.slack.transcript(ROOM), before, "{typed}");
        }
        assert_reads!(answers, @"
        /incident ack
          → INC-1 was acknowledged already.
        /incident sev 1
          → INC-1 is *SEV1* already.
        /incident role ic
          → INC-1 had Ana Example as incident commander already.
        /incident mitigated
          → INC-1 was mitigated already.
        /incident resolve
          → INC-1 is resolved already.
        /incident cancel
          → INC-1 is resolved already.
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_closed_incident_is_reopened_before_it_is_worked_on(db: Db, clock: Clock) {
        let stage = declared(db, clock).await;
        stage.typed_in("U0ANA", ROOM, "/incident cancel it was the load test").await;
        let before = stage.world.slack.transcript(ROOM);
        let id = stage.channel_id(ROOM);
        let mut answers = String::new();
        for typed in [
            "ack",
            "update all is well",
            "update",
            "sev 1",
            "sev",
            "role ic",
            "mitigated",
            "resolve",
            "cancel",
            "status",
        ] {
            let typed = format!("/incident {typed}");
            let answer = stage.slash_in("U0ANA", &id, &typed).await;
            answers.push_str(&exchange(&typed, &answer));
        }
        stage.settle().await;
        assert_reads!(answers, @"
        /incident ack
          → INC-1 is cancelled. If it is back, open it again first: `/incident reopen INC-1 why`
        /incident update all is well
          → INC-1 is cancelled. If it is back, open it again first: `/incident reopen INC-1 why`
        /incident update
          → INC-1 is cancelled. If it is back, open it again first: `/incident reopen INC-1 why`
        /incident sev 1
          → INC-1 is cancelled. If it is back, open it again first: `/incident reopen INC-1 why`
        /incident sev
          → INC-1 is cancelled. If it is back, open it again first: `/incident reopen INC-1 why`
        /incident role ic
          → INC-1 is cancelled. If it is back, open it again first: `/incident reopen INC-1 why`
        /incident mitigated
          → INC-1 is cancelled. If it is back, open it again first: `/incident reopen INC-1 why`
        /incident resolve
          → INC-1 is cancelled already.
        /incident cancel
          → INC-1 is cancelled already.
        /incident status
          → *INC-1* SEV2 payments down · Cancelled 0s ago · <#C0000003>
            IC: none yet · PagerDuty: <https://acme.pagerduty.com/incidents/Q1NG2TX0000001|#1> resolved
            *Last update* (0s ago): it was the load test
        ");
        assert_eq!(stage.world.slack.transcript(ROOM), before);
        // What is learnt afterwards still belongs to it.
        assert_eq!(stage.typed_in("U0ANA", ROOM, "/incident note it was planned").await, "INC-1 noted.");
        assert_reads!(stage.summary(ROOM), @"
        10:00 firebell [pinned]: INC-1 payments down
        Severity
        :red_circle: SEV2
        Status
        Cancelled after 0s
        Incident commander
        none yet
        Service
        payments
        PagerDuty
        #1 resolved
        Declared
        @ana, 2026-11-21 10:00 UTC
        Last update 2026-11-21 10:00 UTC
        it was the load test
        [Reopen]
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn elsewhere_the_incident_is_named(db: Db, clock: Clock) {
        let stage = declared(db, clock).await;
        stage.typed("U0BEN", "/incident declare search is slow --service search sev4").await;
        let answers = stage
            .talk(
                "U0CHO",
                "general",
                &[
                    "/incident status INC-1",
                    "/incident INC-1",
                    "/incident inc1 status",
                    "/incident status #inc-1-payments-down",
                    "/incident sev INC-1 sev1",
                    "/incident note INC-1: the shop is fine",
                    "/incident update #general knows already",
                    "/incident resolve",
                    "/incident status INC-77",
                    "/incident ack #general",
                    "/incident ack thanks everybody",
                    "/incident list open",
                ],
            )
            .await;
        assert_reads!(answers, @"
        /incident status INC-1
          → *INC-1* SEV2 payments down · Investigating for 0s · <#C0000003>
            IC: none yet · PagerDuty: <https://acme.pagerduty.com/incidents/Q1NG2TX0000001|#1> triggered
            The next update is due in 30m.
        /incident INC-1
          → *INC-1* SEV2 payments down · Investigating for 0s · <#C0000003>
            IC: none yet · PagerDuty: <https://acme.pagerduty.com/incidents/Q1NG2TX0000001|#1> triggered
            The next update is due in 30m.
        /incident inc1 status
          → *INC-1* SEV2 payments down · Investigating for 0s · <#C0000003>
            IC: none yet · PagerDuty: <https://acme.pagerduty.com/incidents/Q1NG2TX0000001|#1> triggered
            The next update is due in 30m.
        /incident status #inc-1-payments-down
          → *INC-1* SEV2 payments down · Investigating for 0s · <#C0000003>
            IC: none yet · PagerDuty: <https://acme.pagerduty.com/incidents/Q1NG2TX0000001|#1> triggered
            The next update is due in 30m.
        /incident sev INC-1 sev1
          → INC-1 is *SEV1* now.
        /incident note INC-1: the shop is fine
          → INC-1 noted.
        /incident update #general knows already
          → Which incident? Say this in its channel, or name it: `/incident update INC-2`. Open: INC-2 search is slow, INC-1 payments down.
        /incident resolve
          → Which incident? Say this in its channel, or name it: `/incident resolve INC-2`. Open: INC-2 search is slow, INC-1 payments down.
        /incident status INC-77
          → There is no incident INC-77. See `/incident list`.
        /incident ack #general
          → That channel is no incident's room. Say this in its channel, or name it: `/incident ack INC-2`. Open: INC-2 search is slow, INC-1 payments down.
        /incident ack thanks everybody
          → `/incident ack` takes an incident such as INC-7, or nothing; “thanks everybody” says nothing to me. To tell everybody: `/incident update thanks everybody`
        /incident list open
          → `/incident list` takes no more words, so “open” says nothing to me.
        ");
        stage.settle().await;
        stage.end().await;
    }
);

on_both_engines!(
    async fn the_list_shows_what_is_open_and_what_was_closed_last(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        assert_reads!(stage.slash("U0ANA", "/incident list").await, @":white_check_mark: No open incidents. `/incident declare` opens one.");
        stage.typed("U0ANA", "/incident declare payments down sev1").await;
        stage.clock.advance(Duration::from_secs(600));
        stage.typed("U0BEN", "/incident declare search is slow --service search sev3").await;
        stage.typed("U0BEN", "/incident declare a drill --test sev1").await;
        stage.typed("U0ANA", "/incident resolve INC-1").await;
        stage.clock.advance(Duration::from_secs(3 * 3600 + 120));
        assert_reads!(stage.slash("U0ANA", "/incident list").await, @"
        *Open incidents*
        • *INC-3* SEV1 [TEST] a drill · Investigating for 3h 2m · <#C0000005>
        • *INC-2* SEV3 search is slow · Investigating for 3h 2m · <#C0000004>
        *Last closed*
        • *INC-1* SEV1 payments down · Resolved 3h 2m ago · <#C0000003>
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_crowd_that_asks_for_the_list_is_shown_what_each_may_see(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let everybody = ["U0BEN", "U0CHO", "U0DEE", "U0EVE"];
        let list = |n: usize| stage.slash(everybody[n], "/incident list");
        let shown = async || <[String; 4]>::from(tokio::join!(list(0), list(1), list(2), list(3)));
        stage.typed("U0ANA", "/incident declare payments down sev1 --no-page").await;
        for answer in shown().await {
            assert!(answer.contains("*INC-1* SEV1 payments down"), "{answer}");
        }

        stage.typed("U0BEN", "/incident declare payroll leaked sev3 --private --no-page").await;
        for (user, answer) in everybody.iter().zip(shown().await) {
            assert!(answer.contains("*INC-1* SEV1 payments down"), "{answer}");
            assert_eq!(answer.contains("payroll"), *user == "U0BEN", "{user}: {answer}");
        }

        stage.typed("U0BEN", "/incident resolve INC-2").await;
        for (user, answer) in everybody.iter().zip(shown().await) {
            assert_eq!(answer.contains("payroll"), *user == "U0BEN", "{user}: {answer}");
        }
        stage.end().await;
    }
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_server_opened_or_closed_is_listed_a_moment_later() {
    let clock = Clock::manual(testing::START);
    let Some((url, _guard)) = testing::postgres_url().await else { return };
    let connect = || async { Db::connect(&url, 8, clock.clone()).await.expect("Postgres connects") };
    let db = connect().await;
    db.migrate().await.expect("Postgres migrates");
    let here = Stage::set(db, clock.clone()).await;
    let there = Stage::on(here.world.clone(), connect().await, clock.clone(), "").await;
    let listed = async |words: &str| {
        assert!(here.slash("U0BEN", "/incident list").await.contains(words), "where it was done: {words}");
        clock.advance(Duration::from_millis(250));
        let answer = there.slash("U0BEN", "/incident list").await;
        assert!(answer.contains(words), "{answer}");
    };
    listed("No open incidents").await;
    here.typed("U0ANA", "/incident declare payments down sev1").await;
    listed("*INC-1* SEV1 payments down · Investigating").await;
    here.typed("U0ANA", "/incident resolve INC-1").await;
    listed("*INC-1* SEV1 payments down · Resolved").await;
    here.end().await;
}
