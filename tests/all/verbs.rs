//! The verbs of `/incident`: in the channel, elsewhere, twice, and too late.

use std::time::Duration;

use firebell::on_both_engines;

use crate::acts::{exchange, form_answer, read_form, text};
use crate::stage::Stage;

const ROOM: &str = "inc-1-payments-down";

/// An incident with its room, declared by Ana as sev2.
async fn declared(db: firebell::store::Db, clock: firebell::clock::Clock) -> Stage {
    let stage = Stage::set(db, clock).await;
    stage.typed("U0ANA", "/incident declare payments down sev2").await;
    stage
}

/// What a channel said since this many paragraphs.
fn paragraphs(stage: &Stage, channel: &str) -> usize {
    stage.world.slack.transcript(channel).split("\n\n").count()
}

fn since(stage: &Stage, channel: &str, before: usize) -> String {
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
            `10:00` *page* PagerDuty incident #1 is paging
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
        10:05 Firebell noted on #1 INC-1 payments down: latency began at noon — Ben Example (Slack)
        10:06 Firebell noted on #1 INC-1 payments down: Hypothesis: the cache is full — Ben Example (Slack)
        10:08 Firebell set the urgency of #1 INC-1 payments down to high
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
    async fn help_says_everything_and_more_about_one_verb(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let before = stage.world.desk.calls().len();
        assert_reads!(stage.talk("U0ANA", "general", &["/incident help", "/incident help note", "/incident ? close"]).await, @"
        /incident help
          → */incident* alone opens a form. In an incident's channel the incident is implied; elsewhere name it, as in `/incident status INC-7`.
            `/incident declare &lt;title…&gt; [sev1..5] [--service S] [--private] [--test] [--no-page]` — declare an incident: page the on-call, open a channel
            `/incident status [INC-n]` — where it stands
            `/incident list` — open incidents, and the last closed ones
            `/incident ack [INC-n]` — acknowledge, here and in PagerDuty
            `/incident update [INC-n] [--status S] &lt;text&gt;` — tell everybody what is new
            `/incident sev [INC-n] &lt;1..5&gt;` — change the severity
            `/incident role [INC-n] &lt;ic|deputy|scribe|liaison&gt; [@user]` — give a role; without a name, to yourself
            `/incident note [INC-n] &lt;text&gt; [--at HH:MM] [--type hypothesis|decision|action]` — add to the timeline, and to PagerDuty
            `/incident timeline [INC-n]` — what happened, when, by whom
            `/incident mitigated [INC-n]` — customers are no longer hurt; the incident stays open
            `/incident resolve [INC-n] [text]` — close it, here and in PagerDuty
            `/incident cancel [INC-n] [text]` — close it: it was none
            `/incident reopen [INC-n] &lt;reason&gt; [--page]` — open it again; --page pages the on-call anew
            `/incident help [command]` — this list, or more about one command
            
            *Severities*
            :rotating_light: *SEV1* Many customers cannot work, or their data is exposed: the public and the executives hear of it.
            :red_circle: *SEV2* An important function is broken or unusable for many customers.
            :large_orange_circle: *SEV3* Some customers notice, or stability is at risk: its owners act at once.
            :large_yellow_circle: *SEV4* Needs work, but hardly a customer is affected.
            :large_blue_circle: *SEV5* A blemish or a bug that can wait for office hours.
            When in doubt, take the higher one.
        /incident help note
          → `/incident note [INC-n] &lt;text&gt; [--at HH:MM] [--type hypothesis|decision|action]`
            Add to the timeline, and to PagerDuty. `--at` is the last time the clock showed that: a time that is still to come today means yesterday. Notes of private incidents stay out of PagerDuty.
            Example: `/incident note rolled back to v41 --at 03:12 --type action`
        /incident ? close
          → `/incident resolve [INC-n] [text]`
            Close it, here and in PagerDuty. Reminders stop. It can be reopened.
            Example: `/incident resolve the cache has room again`
            Also: `resolved`, `close`
        ");
        assert_eq!(stage.world.desk.calls().len(), before);
        stage.end().await;
    }
);

on_both_engines!(
    async fn roles_are_given_by_mention_handle_or_to_oneself(db: Db, clock: Clock) {
        let stage = declared(db, clock).await;
        let id = stage.channel_id(ROOM);
        let mut answers = String::new();
        for typed in [
            "role ic @ben",
            "role commander cho",
            "role lead me",
            "ic @dee",
            "role @eve scribe",
            "role comms eve@example.com",
            "role deputy @benn",
            "role deputy @sre-leads",
            "role deputy @firebell",
            "role scrib @ben",
            "role boss",
            "role",
        ] {
            let typed = format!("/incident {typed}");
            let answer = stage.slash_in("U0ANA", &id, &typed).await;
            answers.push_str(&exchange(&typed, &answer));
        }
        assert_reads!(answers, @"
        /incident role ic @ben
          → INC-1 has Ben Example as incident commander.
        /incident role commander cho
          → INC-1 has Cho Example as incident commander.
        /incident role lead me
          → INC-1 has Ana Example as incident commander.
        /incident ic @dee
          → INC-1 has Dee Example as incident commander.
        /incident role @eve scribe
          → INC-1 has Eve Example as scribe.
        /incident role comms eve@example.com
          → INC-1 has Eve Example as liaison.
        /incident role deputy @benn
          → I know nobody called @benn. Did you mean @ben?
        /incident role deputy @sre-leads
          → A role is for one person, and @sre-leads is none.
        /incident role deputy @firebell
          → Firebell cannot take a role: only full members of this workspace can.
        /incident role scrib @ben
          → Which role: ic, deputy, scribe or liaison? Did you mean `/incident role scribe`?
        /incident role boss
          → Which role: ic, deputy, scribe or liaison? `/incident role ic @ana` gives it to Ana, `/incident role ic` to yourself.
        /incident role
          → Which role: ic, deputy, scribe or liaison? `/incident role ic @ana` gives it to Ana, `/incident role ic` to yourself.
        ");
        stage.settle().await;
        let room = stage.world.slack.channel_named(ROOM).expect("the room");
        assert_eq!(
            room.members.iter().collect::<Vec<_>>(),
            ["U0ANA", "U0BEN", "U0CHO", "U0DEE", "U0EVE", "U0FIREBELL"],
            "whoever has a role is in the room"
        );
        assert_eq!(room.topic, "[SEV2] INC-1 payments down | IC: Dee Example | Status: Investigating");
        stage.end().await;
    }
);

on_both_engines!(
    async fn misspelt_words_get_a_did_you_mean(db: Db, clock: Clock) {
        let stage = declared(db, clock).await;
        let id = stage.channel_id(ROOM);
        let mut answers = String::new();
        for typed in [
            "updat all is well",
            "resovle",
            "acknowlege",
            "statsu INC-1",
            "reopn it is back",
            "update --status identifed it is the cache",
            "update --status resolved it is over",
            "update --statsu identified it is the cache",
            "note x --type hypotesis",
            "note x --type gossip",
            "note x --at 2pm",
            "note --type action",
            "sev high",
            "sev crtical",
            "sev 0",
            "sev2 payments down",
        ] {
            let typed = format!("/incident {typed}");
            let answer = stage.slash_in("U0ANA", &id, &typed).await;
            answers.push_str(&exchange(&typed, &answer));
        }
        assert_reads!(answers, @"
        /incident updat all is well
          → I do not know `/incident updat`. Did you mean `/incident update all is well`?
        /incident resovle
          → I do not know `/incident resovle`. Did you mean `/incident resolve`?
        /incident acknowlege
          → I do not know `/incident acknowlege`. Did you mean `/incident ack`?
        /incident statsu INC-1
          → I do not know `/incident statsu`. Did you mean `/incident status INC-1`?
        /incident reopn it is back
          → I do not know `/incident reopn`. Did you mean `/incident reopen it is back`?
        /incident update --status identifed it is the cache
          → “identifed” is no status to update to. Did you mean identified?
        /incident update --status resolved it is over
          → “resolved” is no status to update to. Say investigating, identified or monitoring, or use `resolve`.
        /incident update --statsu identified it is the cache
          → I do not know `--statsu`. Did you mean `--status`?
        /incident note x --type hypotesis
          → “hypotesis” is no type of note. Did you mean hypothesis?
        /incident note x --type gossip
          → “gossip” is no type of note. Say hypothesis, decision or action.
        /incident note x --at 2pm
          → `--at` takes a time such as 14:30 or 9:05, not “2pm”.
        /incident note --type action
          → What shall be noted? `/incident note rolled back to v41 --at 03:12`
        /incident sev high
          → “high” is no severity. The severities are sev1, sev2, sev3, sev4, sev5.
        /incident sev crtical
          → “crtical” is no severity. Did you mean critical? The severities are sev1, sev2, sev3, sev4, sev5.
        /incident sev 0
          → There is no sev0 here: sev1 is the most severe. Use that if you mean it.
        /incident sev2 payments down
          → I do not know `/incident sev2`. To declare an incident: `/incident declare payments down sev2`.
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_verb_without_its_words_asks_for_them(db: Db, clock: Clock) {
        let stage = declared(db, clock).await;
        let id = stage.channel_id(ROOM);
        assert_eq!(stage.slash_in("U0ANA", &id, "/incident update --status identified").await, "");
        assert_reads!(read_form(&stage.form()), @"
        [Update INC-1]
        Status: Identified
        What is new?:
        [Post]
        ");
        assert_eq!(stage.submit("U0ANA", &[("text", text("the cache is full"))]).await, "");
        stage.settle().await;
        assert_reads!(stage.last(ROOM, 2), @"
        10:00 firebell: :mega: Identified — the cache is full
        update by Ana Example

        10:00 @firebell set the channel topic: [SEV2] INC-1 payments down | IC: none | Status: Identified
        ");

        assert_reads!(stage.slash_in("U0ANA", &id, "/incident sev").await, @"INC-1 payments down is *SEV2*. Change it to:");
        stage.click("U0ANA", ROOM, "SEV4").await;
        stage.settle().await;
        assert!(stage.summary(ROOM).contains("SEV4"));

        assert_eq!(stage.slash_in("U0ANA", &id, "/incident reopen").await, "INC-1 is open.");
        stage.typed_in("U0ANA", ROOM, "/incident resolve").await;
        assert_eq!(stage.slash_in("U0ANA", &id, "/incident reopen").await, "");
        assert_reads!(read_form(&stage.form()), @"
        [Reopen INC-1]
        Why?:
        Options (optional):
        [Reopen]
        ");
        assert_reads!(form_answer(&stage.submit("U0ANA", &[("text", text(" "))]).await), @r#"{"text":"Say why."}"#);
        assert_eq!(stage.submit("U0ANA", &[("text", text("errors are back"))]).await, "");
        stage.settle().await;
        assert_reads!(stage.last(ROOM, 2), @"
        10:00 firebell: :repeat: Reopened by Ana Example: errors are back

        10:00 @firebell set the channel topic: [SEV4] INC-1 payments down | IC: none | Status: Investigating
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn reopening_pages_anew_when_asked_to(db: Db, clock: Clock) {
        let stage = declared(db, clock).await;
        stage.typed_in("U0ANA", ROOM, "/incident ack").await;
        stage.typed_in("U0ANA", ROOM, "/incident resolve").await;
        stage.clock.advance(Duration::from_secs(600));
        let answer = stage.typed_in("U0ANA", ROOM, "/incident reopen errors are back --page").await;
        assert_reads!(answer, @"INC-1 is open again, paging Ana Example ☎ +49 1515550101.");
        let pages = stage.world.pagerduty.incidents();
        assert_eq!(pages.len(), 2);
        assert_reads!(stage.last(ROOM, 4), @"
        10:00 @firebell set the channel topic: [SEV2] INC-1 payments down | IC: none | Status: Resolved

        10:10 firebell: :repeat: Reopened by Ana Example: errors are back

        10:10 @firebell set the channel topic: [SEV2] INC-1 payments down | IC: none | Status: Investigating

        10:10 firebell: :pager: #2 is paging @ana.
        ");
        assert_reads!(stage.summary(ROOM), @"
        10:00 firebell [pinned]: INC-1 payments down
        Severity
        :red_circle: SEV2
        Status
        Investigating
        Incident commander
        none yet
        Service
        payments
        PagerDuty
        #2 triggered, #1 resolved
        Declared
        @ana, 2026-11-21 10:00 UTC
        [Acknowledge] [Take command] [Post update] [Mitigated] [Resolve]
        ");
        // The new one rings until somebody acknowledges, and is the one that counts.
        stage.press("U0ANA", ROOM, "Acknowledge").await;
        stage.world.pagerduty.resolve(&pages[1].id, Some("PANA001"));
        stage.settle().await;
        assert!(stage.summary(ROOM).contains("Resolved after"));
        stage.end().await;
    }
);
