//! The timeline: what happened, when, by whom, and where it was said. Nothing is told twice, and nothing is rewritten.

use std::time::Duration;

use firebell::incidents::model::{Actor, Kind, Source};
use firebell::incidents::timeline::NewEntry;
use firebell::on_both_engines;
use firebell::sim::slack::Slack;
use firebell::store::Priority;

use crate::stage::Stage;

impl Stage {
    /// The message that an address leads to.
    fn linked_message(&self, permalink: &str) -> String {
        let place = permalink.strip_prefix(Slack::WORKSPACE_URL).and_then(|p| p.strip_prefix("archives/"));
        let (channel, ts) = place.and_then(|p| p.split_once("/p")).expect(permalink);
        let ts = format!("{}.{}", &ts[..ts.len() - 6], &ts[ts.len() - 6..]);
        let channel = self.world.slack.channel(channel).expect(permalink);
        channel.message(&ts).expect(permalink).text.clone()
    }
}

on_both_engines!(
    async fn entries_lead_to_the_messages_that_tell_them(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let pd = stage.world.pagerduty.clone();
        let id = stage.declared().await;
        for typed in [
            "update identified the database",
            "note the disk is full",
            "sev 2",
            "role ic",
            "ack",
            "mitigated",
        ] {
            stage.slash_in("U0BEN", &stage.room_id("inc-1"), &format!("/incident {typed}")).await;
            stage.minute().await;
        }
        pd.unacknowledge(&id);
        stage.minute().await;
        pd.acknowledge(&id, "PANA001");
        pd.annotate(&id, "PANA001", "deleted some logs");
        stage.minute().await;
        stage.slash_in("U0BEN", &stage.room_id("inc-1"), "/incident resolve more disk").await;
        stage.minute().await;
        stage.slash_in("U0BEN", &stage.room_id("inc-1"), "/incident reopen it is back").await;
        stage.minute().await;
        let mut told = Vec::new();
        for line in stage.lines(1).await {
            let message = line.permalink.map(|link| stage.linked_message(&link));
            let message =
                message.map_or("–".to_owned(), |m| m.lines().next().unwrap_or_default().to_owned());
            told.push(format!("{} {} → {message}", line.kind, line.text));
        }
        told.sort();
        assert_reads!(told.join("\n"), @"
        acknowledged Acknowledged #1 in PagerDuty → :eyes: <@U0ANA> acknowledged #1 in PagerDuty.
        acknowledged Acknowledged → :eyes: <@U0BEN> acknowledged.
        channel Opened #inc-1-payments-down → :rotating_light: *SEV1 incident declared*
        declared Declared payments-down as SEV1 → :rotating_light: *SEV2 INC-1 payments-down* · Investigating · IC <@U0BEN> · <#C0000003>
        mitigated Mitigated: customers are no longer hurt → :adhesive_bandage: *Mitigated*, says Ben Example. The incident stays open.
        note deleted some logs → :memo: deleted some logs — <@U0ANA> in PagerDuty
        note the disk is full → :memo: *Note*: the disk is full — Ben Example
        page #1 triggered, paging Ana Example → :pager: #1 is paging <@U0ANA>.
        page Opened PagerDuty incident #1 → –
        reopened Reopened: it is back → :repeat: *Reopened* by Ben Example: it is back
        resolved Resolved: more disk → :white_check_mark: *Resolved* by Ben Example after 8m. Thank you all. If it comes back, press *Reopen* on the pinned summary.
        role Incident commander is Ben Example → :firefighter: <@U0BEN> is now *incident commander*.
        severity SEV1 → SEV2 → :red_circle: *SEV1 → SEV2* by Ben Example. An important function is broken or unusable for many customers.
        unacknowledged #1 is no longer acknowledged → :warning: #1 is no longer acknowledged: PagerDuty pages <@U0ANA> again.
        update identified the database → :mega: *Investigating* — identified the database
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_happened_and_when_we_heard_of_it_are_two_times(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let pd = stage.world.pagerduty.clone();
        let id = stage.declared().await;
        stage.clock.advance(Duration::from_secs(90));
        pd.acknowledge(&id, "PANA001");
        let happened_at = stage.clock.now();
        let webhooks = pd.take_webhooks();
        stage.clock.advance(Duration::from_secs(200));
        stage.post(&webhooks[0]).await;
        stage.settle().await;
        let lines = stage.lines(1).await;
        let line = lines.iter().find(|l| l.kind == "acknowledged").expect("the entry");
        // PagerDuty counts milliseconds.
        assert_eq!(line.occurred_at.as_micros() / 1000, happened_at.as_micros() / 1000);
        assert_eq!(line.recorded_at, stage.clock.now());
        assert_eq!((line.source.as_str(), line.actor.as_str()), ("pagerduty", "Ana Example"));
        assert_eq!(line.actor_slack_id.as_deref(), Some("U0ANA"));
        assert!(lines.is_sorted_by_key(|l| l.occurred_at));
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_was_told_is_not_told_again_even_when_its_delivery_is_long_forgotten(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let pd = stage.world.pagerduty.clone();
        let id = stage.declared().await;
        pd.acknowledge(&id, "PANA001");
        pd.annotate(&id, "PANA001", "looking");
        pd.escalate(&id);
        let webhooks = pd.take_webhooks();
        for webhook in &webhooks {
            stage.post(webhook).await;
        }
        stage.settle().await;
        stage.slash_in("U0BEN", &stage.room_id("inc-1"), "/incident update all is quiet").await;
        stage.settle().await;
        let (timeline, room) = (stage.timeline(1).await, stage.room("inc-1"));
        assert!(stage.kept_deliveries().await > 0);
        // Deliveries are kept for a week.
        for _ in 0..9 {
            stage.clock.advance(Duration::from_secs(24 * 3600));
            stage.settle().await;
        }
        assert_eq!(stage.kept_deliveries().await, 0);
        for webhook in &webhooks {
            stage.post(webhook).await;
        }
        stage.settle().await;
        assert_eq!(stage.timeline(1).await, timeline);
        let said_since = stage.room("inc-1").strip_prefix(&room).expect("nothing was rewritten").to_owned();
        assert!(!said_since.contains("PagerDuty"), "{said_since}");
        stage.end().await;
    }
);

on_both_engines!(
    async fn nothing_is_rewritten_a_correction_is_a_row_of_its_own(db: Db, clock: Clock) {
        let stage = Stage::set(db.clone(), clock).await;
        stage.slash("U0ANA", "/incident declare disk-full sev4 --no-page").await;
        stage.settle().await;
        stage.slash_in("U0BEN", &stage.room_id("inc-1"), "/incident note the disk is full").await;
        stage.slash("U0CHO", "/incident declare search-down sev2 --service search").await;
        stage.settle().await;
        let note = stage.lines(1).await.into_iter().find(|l| l.kind == "note").expect("the note");
        for forbidden in [
            "UPDATE timeline SET text = 'all was well'",
            "UPDATE timeline SET occurred_at = recorded_at, actor = 'nobody'",
            "UPDATE timeline SET permalink = 'https://example.com/elsewhere' WHERE permalink IS NOT NULL",
            "UPDATE timeline SET permalink = NULL WHERE permalink IS NOT NULL",
            "UPDATE timeline SET permalink = 'https://example.com', kind = 'note' WHERE permalink IS NULL",
            "DELETE FROM timeline",
        ] {
            let mut tx = db.write(Priority::Command).await.expect("a transaction");
            let error = tx.exec(forbidden, &[]).await.expect_err(forbidden);
            assert!(format!("{error:?}").contains("append-only"), "{error:?}");
        }
        let mut tx = db.write(Priority::Command).await.expect("a transaction");
        let (one, two) = (stage.incident_id(1).await, stage.incident_id(2).await);
        let correction = || {
            let by = Actor { name: "Ben Example".into(), slack: None };
            NewEntry::new(Kind::Note, Source::Slack, by, "the disk is half full").correcting(note.id)
        };
        assert!(tx.append(two, correction()).await.is_err(), "another incident's entry is none to correct");
        drop(tx);
        let mut tx = db.write(Priority::Command).await.expect("a transaction");
        tx.append(one, correction()).await.expect("appended");
        tx.commit().await.expect("committed");
        assert_reads!(stage.slash("U0BEN", "/incident timeline INC-1").await, @"
        *INC-1 disk-full* timeline (UTC)
        _Saturday, 21 November 2026_
        `10:00` *declared* Declared disk-full as SEV4 — Ana Example
        `10:00` *channel* Opened #inc-1-disk-full
        `10:00` *note* ~the disk is full~ (corrected) — Ben Example
        `10:00` *note* the disk is half full — Ben Example
        ");
        stage.end().await;
    }
);
