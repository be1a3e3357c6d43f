//! Help, near misses, people by name: what `/incident` makes of words.

use std::time::Duration;

use firebell::on_both_engines;

use crate::acts::{exchange, form_answer, read_form, text};
use crate::stage::Stage;
use crate::verbs::{ROOM, declared};

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
            `/incident timeline [INC-n] [page N]` — what happened, when, by whom
            `/incident mitigated [INC-n] [text]` — customers are no longer hurt; the incident stays open
            `/incident resolve [INC-n] [text]` — close it, here and in PagerDuty
            `/incident cancel [INC-n] [text]` — close it: it was none
            `/incident reopen [INC-n] &lt;reason&gt; [--page]` — open it again; --page pages the on-call anew
            `/incident help [command]` — this list, or more about one command
            `/incident status-check` — how the systems are, as `/status-check` says it
            
            *Severities*
            :rotating_light: *SEV1* Many customers cannot work, or their data is exposed: the public and the executives hear of it.
            :red_circle: *SEV2* An important function is broken or unusable for many customers.
            :large_orange_circle: *SEV3* Some customers notice, or stability is at risk: its owners act at once.
            :large_yellow_circle: *SEV4* Needs work, but hardly a customer is affected.
            :large_blue_circle: *SEV5* A blemish or a bug that can wait for office hours.
            When in doubt, take the higher one.
        /incident help note
          → `/incident note [INC-n] &lt;text&gt; [--at HH:MM] [--type hypothesis|decision|action]`
            Add to the timeline, and to PagerDuty. `--at` is the last time the clock showed that: a time that is still to come today means yesterday; `3:05 pm` is as good as `15:05`. Notes of private incidents stay out of PagerDuty.
            Example: `/incident note rolled back to v41 --at 03:12 --type action`
        /incident ? close
          → `/incident resolve [INC-n] [text]`
            Close it, here and in PagerDuty. Reminders stop. It can be reopened. A post on the status page stays; if it is still open, the channel says so and what to type.
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
            "role ic @ana @ben",
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
        /incident role ic @ana @ben
          → A role is for one person: `/incident role ic @ana`.
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
            "note x --at noon",
            "note --type action",
            "sev high",
            "sev crtical",
            "sev 0",
            "sev2 payments down",
            "update resolved: done",
            "update cancelled: a false alarm",
            "resolve --test",
            "mitigated —private rolled back",
            "resolve --help",
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
        /incident note x --at noon
          → `--at` takes a time such as 14:30, 9:05 or 2:30 pm, not “noon”.
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
        /incident update resolved: done
          → `/incident update` leaves the incident open. To end it: `/incident resolve done`.
        /incident update cancelled: a false alarm
          → `/incident update` leaves the incident open. To end it: `/incident cancel a false alarm`.
        /incident resolve --test
          → `/incident resolve` knows no `--test`, so I have changed nothing. If it is part of the text, put the text in quotes.
        /incident mitigated —private rolled back
          → `/incident mitigated` knows no `—private`, so I have changed nothing. If it is part of the text, put the text in quotes.
        /incident resolve --help
          → `/incident resolve [INC-n] [text]`
            Close it, here and in PagerDuty. Reminders stop. It can be reopened. A post on the status page stays; if it is still open, the channel says so and what to type.
            Example: `/incident resolve the cache has room again`
            Also: `resolved`, `close`
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

on_both_engines!(
    async fn a_note_is_written_at_the_time_people_know(db: Db, clock: Clock) {
        let stage = Stage::set_with(db, clock, "[incidents]\ntimezone = 'Europe/Berlin'\n").await;
        stage.typed("U0ANA", "/incident declare payments down sev2").await;
        let notes = [
            "/incident note deployed v42 --at 10:45 --type action",
            "/incident note “nightly job ran” —at 23:50", // not yet today
            "/incident note rolled back with --force --type decision",
            "/incident note we go on --at=9:05",
        ];
        assert_reads!(stage.talk("U0ANA", ROOM, &notes).await, @"
        /incident note deployed v42 --at 10:45 --type action
          → INC-1 noted, as of <!date^1795254300^{date_short_pretty} at {time}|2026-11-21 09:45 UTC>.
        /incident note “nightly job ran” —at 23:50
          → INC-1 noted, as of <!date^1795215000^{date_short_pretty} at {time}|2026-11-20 22:50 UTC>.
        /incident note rolled back with --force --type decision
          → INC-1 noted.
        /incident note we go on --at=9:05
          → INC-1 noted, as of <!date^1795248300^{date_short_pretty} at {time}|2026-11-21 08:05 UTC>.
        ");
        stage.settle().await;
        assert_reads!(stage.typed_in("U0ANA", ROOM, "/incident timeline").await, @"
        *INC-1 payments down* timeline (Europe/Berlin)
        _Friday, 20 November 2026_
        `23:50` *note* nightly job ran — Ana Example
        _Saturday, 21 November 2026_
        `09:05` *note* we go on — Ana Example
        `10:45` *action* deployed v42 — Ana Example
        `11:00` *declared* Declared payments down as SEV2 — Ana Example
        `11:00` *channel* Opened #inc-1-payments-down
        `11:00` *page* Opened PagerDuty incident #1
        `11:00` *page* #1 triggered, paging Ana Example
        `11:00` *decision* rolled back with --force — Ana Example
        ");
        assert_reads!(stage.pagerduty()[3..].join("\n"), @"
        10:00 Firebell noted on #1 INC-1 payments down: Action: deployed v42 (2026-11-21 09:45 UTC) — Ana Example (Slack)
        10:00 Firebell noted on #1 INC-1 payments down: nightly job ran (2026-11-20 22:50 UTC) — Ana Example (Slack)
        10:00 Firebell noted on #1 INC-1 payments down: Decision: rolled back with --force — Ana Example (Slack)
        10:00 Firebell noted on #1 INC-1 payments down: we go on (2026-11-21 08:05 UTC) — Ana Example (Slack)
        ");
        stage.end().await;
    }
);
