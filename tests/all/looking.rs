//! What a scenario looks at, and what it posts by hand: the timeline as rows, the room as text, webhooks out of order.

use std::time::Duration;

use firebell::clock::Timestamp;
use firebell::ids::IncidentId;
use firebell::row;
use firebell::sim::pagerduty::{PagerDuty, Webhook};
use firebell::sim::signed::Signed;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::stage::Stage;

row! {
    pub struct Line {
        pub id: Uuid,
        pub occurred_at: Timestamp,
        pub recorded_at: Timestamp,
        pub kind: String,
        pub source: String,
        pub actor: String,
        pub actor_slack_id: Option<String>,
        pub text: String,
        pub permalink: Option<String>,
    }
}

impl Stage {
    /// Everything that is due, a minute later.
    pub async fn minute(&self) {
        self.wait(Duration::from_secs(60)).await;
    }

    /// Ana declares payments-down as sev1; the room is ready and PagerDuty's incident is #1. Its id.
    pub async fn declared(&self) -> String {
        self.slash("U0ANA", "/incident declare payments-down sev1").await;
        self.settle().await;
        self.world.pagerduty.incidents()[0].id.clone()
    }

    /// The timeline of INC-`number` as it is stored, oldest first: `10:04 page pagerduty/Ana Example: …`.
    pub async fn timeline(&self, number: i64) -> String {
        let mut lines = self.lines(number).await;
        // Paging and opening the room go side by side, and happen at one moment of a clock that stands still.
        let rank = |l: &Line| match l.kind.as_str() {
            "declared" => 0,
            "channel" => 1,
            _ => 2,
        };
        lines.sort_by_key(|l| (l.occurred_at, rank(l)));
        let lines: Vec<String> = lines
            .into_iter()
            .map(|l| format!("{} {} {}/{}: {}", l.occurred_at.hh_mm(), l.kind, l.source, l.actor, l.text))
            .collect();
        lines.join("\n")
    }

    pub async fn lines(&self, number: i64) -> Vec<Line> {
        let mut tx = self.running.app.db.read().await.expect("a transaction");
        tx.all(
            "SELECT t.* FROM timeline t JOIN incident i ON i.id = t.incident_id WHERE i.number = $1
             ORDER BY t.occurred_at, t.id",
            &[&number],
        )
        .await
        .expect("the timeline reads")
    }

    /// The status of INC-`number`.
    pub async fn status(&self, number: i64) -> String {
        let mut tx = self.running.app.db.read().await.expect("a transaction");
        let status = tx.scalar("SELECT status FROM incident WHERE number = $1", &[&number]).await;
        status.expect("the incident reads").expect("there is such an incident")
    }

    pub async fn acknowledged_at(&self, number: i64) -> Timestamp {
        let mut tx = self.running.app.db.read().await.expect("a transaction");
        let at = tx.scalar("SELECT acknowledged_at FROM incident WHERE number = $1", &[&number]).await;
        at.expect("the incident reads").expect("there is such an incident")
    }

    /// The room whose name begins so, as people read it; without what is set beside the talk, at no fixed moment of it:
    /// the summary and the topic.
    pub fn room(&self, prefix: &str) -> String {
        let transcript = self.world.slack.transcript(&self.room_name(prefix));
        let beside = |p: &str| p.contains(" [pinned]") || p.contains(" set the channel topic: ");
        transcript.split("\n\n").filter(|p| !beside(p)).collect::<Vec<_>>().join("\n")
    }

    /// Its pinned summary.
    pub fn summary_of(&self, prefix: &str) -> String {
        let transcript = self.world.slack.transcript(&self.room_name(prefix));
        transcript.split("\n\n").filter(|p| p.contains(" [pinned]")).collect::<Vec<_>>().join("\n")
    }

    fn room_name(&self, prefix: &str) -> String {
        let found = self.world.slack.channels().into_iter().find(|c| c.name.starts_with(prefix));
        found.unwrap_or_else(|| panic!("no #{prefix}…")).name
    }

    pub fn room_id(&self, prefix: &str) -> String {
        self.world.slack.channel_named(&self.room_name(prefix)).expect("the room").id
    }

    /// What the bar above the room leads to.
    pub fn bookmarks(&self, prefix: &str) -> String {
        let room = self.world.slack.channel_named(&self.room_name(prefix)).expect("the room");
        room.bookmarks.iter().map(|b| format!("{b:?}")).collect::<Vec<_>>().join("\n")
    }

    /// Who is in the room, our bot left out.
    pub fn members(&self, prefix: &str) -> String {
        let room = self.world.slack.channel_named(&self.room_name(prefix)).expect("the room");
        let people: Vec<&str> = room.members.iter().map(String::as_str).filter(|m| *m != BOT).collect();
        people.join(" ")
    }

    /// Somebody leaves the room, and Slack tells of it.
    pub async fn leaves(&self, prefix: &str, user: &str) {
        let room = self.room_id(prefix);
        self.world.slack.person_removes(&room, user);
        self.slack_says(json!({ "type": "member_left_channel", "user": user, "channel": room })).await;
        self.settle().await;
    }

    /// The rooms that were opened for incidents, by name: several open side by side.
    pub fn rooms(&self) -> Vec<String> {
        let channels = self.world.slack.channels().into_iter().map(|c| c.name);
        let mut rooms: Vec<String> = channels.filter(|name| name.starts_with("inc-")).collect();
        rooms.sort();
        rooms
    }

    /// Presses a button that may not be there any more, with any value: Slack lets old messages be pressed for ever.
    pub async fn press_action(&self, user: &str, channel: &str, action: &str, value: &str) {
        let channel = self.world.slack.channel_named(channel).expect("the channel");
        let ts = channel.messages.last().expect("a message").ts.clone();
        let request = self.world.slack.button(user, &channel.id, &ts, action, value);
        let answer = self.world.slack.deliver(&self.running.base_url(), &request).await.expect("an answer");
        assert_eq!(answer.0, 200, "{}", answer.1);
    }

    /// Posts one webhook as PagerDuty would, and demands that it is taken.
    pub async fn post(&self, webhook: &Webhook) {
        self.post_as(webhook, &webhook.webhook_id, "PWHSUB1").await;
    }

    /// The same through another subscription, or as another attempt.
    pub async fn post_as(&self, webhook: &Webhook, webhook_id: &str, subscription: &str) {
        let mut headers = webhook.headers.clone();
        for (name, value) in &mut headers {
            match name.as_str() {
                "x-webhook-id" => webhook_id.clone_into(value),
                "x-webhook-subscription" => subscription.clone_into(value),
                _ => {}
            }
        }
        let body = webhook.body.clone();
        let request = Signed { path: "/webhooks/pagerduty".into(), headers, body };
        let (status, answer) = request.send(&self.running.base_url()).await.expect("an answer");
        assert_eq!(status, 202, "{answer}");
    }

    /// Posts any body, properly signed; the status of the answer.
    pub async fn post_body(&self, body: impl Into<Vec<u8>>) -> u16 {
        let body = body.into();
        let headers = vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("x-pagerduty-signature".to_owned(), PagerDuty::sign(PagerDuty::WEBHOOK_SECRET, &body)),
        ];
        let request = Signed { path: "/webhooks/pagerduty".into(), headers, body };
        request.send(&self.running.base_url()).await.expect("an answer").0
    }

    /// The body of a webhook under another event's id, as a second subscription's may come.
    pub fn as_event(webhook: &Webhook, event_id: &str) -> Vec<u8> {
        let mut body: Value = serde_json::from_slice(&webhook.body).expect("JSON");
        body["event"]["id"] = json!(event_id);
        body.to_string().into_bytes()
    }

    /// What happened in PagerDuty, without the marks under our notes, which are another in each run.
    pub fn in_pagerduty(&self) -> String {
        let story = self.world.pagerduty.narrate();
        let unmarked = |line: &str| match line.rsplit_once(" [") {
            Some((text, mark)) if mark.len() == 33 => text.to_owned(),
            _ => line.to_owned(),
        };
        story.lines().map(unmarked).collect::<Vec<_>>().join("\n")
    }

    pub async fn incident_id(&self, number: i64) -> IncidentId {
        let mut tx = self.running.app.db.read().await.expect("a transaction");
        let id = tx.scalar("SELECT id FROM incident WHERE number = $1", &[&number]).await;
        IncidentId(id.expect("the incident reads").expect("there is such an incident"))
    }

    /// Deliveries that would still be recognised if they came again.
    pub async fn kept_deliveries(&self) -> i64 {
        let mut tx = self.running.app.db.read().await.expect("a transaction");
        tx.scalar("SELECT count(*) FROM inbox", &[]).await.expect("the inbox reads").unwrap_or(0)
    }

    /// Deliveries that were not understood.
    pub async fn left_in_the_inbox(&self) -> i64 {
        let mut tx = self.running.app.db.read().await.expect("a transaction");
        let left = tx.scalar("SELECT count(*) FROM inbox WHERE done_at IS NULL", &[]).await;
        left.expect("the inbox reads").unwrap_or(0)
    }

    /// How many calls of this name there were.
    pub fn calls(&self, name: &str) -> usize {
        self.world.desk.count(name)
    }

    /// Slack tells of something that happened in the workspace.
    pub async fn slack_says(&self, event: Value) {
        let request = self.world.slack.event(event);
        let (status, body) = request.send(&self.running.base_url()).await.expect("an answer");
        assert_eq!(status, 200, "{body}");
    }
}

const BOT: &str = firebell::sim::slack::Slack::BOT_USER;
