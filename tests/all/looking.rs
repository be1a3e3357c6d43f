//! What a scenario looks at, and what it posts by hand: the timeline as rows, the room as text, webhooks out of order.

use firebell::clock::Timestamp;
use firebell::row;
use firebell::sim::pagerduty::{PagerDuty, Webhook};
use firebell::sim::signed::Signed;
use serde_json::Value;

use crate::stage::Stage;

row! {
    pub struct Line {
        pub occurred_at: Timestamp,
        pub kind: String,
        pub source: String,
        pub actor: String,
        pub text: String,
        pub permalink: Option<String>,
    }
}

impl Stage {
    /// The timeline of INC-`number` as it is stored, oldest first: `10:04 page pagerduty/Ana Example: …`.
    pub async fn timeline(&self, number: i64) -> String {
        let lines: Vec<String> = self
            .lines(number)
            .await
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

    /// The room whose name begins so, as people read it, without the summary (its text would drown the rest).
    pub fn room(&self, prefix: &str) -> String {
        let transcript = self.world.slack.transcript(&self.room_name(prefix));
        let paragraphs = transcript.split("\n\n").filter(|p| !p.contains(" [pinned]"));
        paragraphs.collect::<Vec<_>>().join("\n")
    }

    /// Its pinned summary.
    pub fn summary(&self, prefix: &str) -> String {
        let transcript = self.world.slack.transcript(&self.room_name(prefix));
        transcript.split("\n\n").filter(|p| p.contains(" [pinned]")).collect::<Vec<_>>().join("\n")
    }

    fn room_name(&self, prefix: &str) -> String {
        let found = self.world.slack.channels().into_iter().find(|c| c.name.starts_with(prefix));
        found.unwrap_or_else(|| panic!("no #{prefix}…")).name
    }

    /// Who is in the room, our bot left out.
    pub fn members(&self, prefix: &str) -> String {
        let room = self.world.slack.channel_named(&self.room_name(prefix)).expect("the room");
        let people: Vec<&str> = room.members.iter().map(String::as_str).filter(|m| *m != BOT).collect();
        people.join(" ")
    }

    /// The rooms that were opened for incidents, in order.
    pub fn rooms(&self) -> Vec<String> {
        let channels = self.world.slack.channels().into_iter().map(|c| c.name);
        channels.filter(|name| name.starts_with("inc-")).collect()
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

    /// Slack tells of something that happened in the workspace.
    pub async fn slack_says(&self, event: Value) {
        let request = self.world.slack.event(event);
        let (status, body) = request.send(&self.running.base_url()).await.expect("an answer");
        assert_eq!(status, 200, "{body}");
    }
}

const BOT: &str = firebell::sim::slack::Slack::BOT_USER;
