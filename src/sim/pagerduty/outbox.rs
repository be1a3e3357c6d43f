//! The queue of webhooks and PagerDuty's rules of delivery.
//! PagerDuty documentation, "Webhooks: Webhook behavior".

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use url::Url;

use crate::clock::Timestamp;

use super::PagerDuty;

/// How long a webhook is retried before it is dropped.
const KEPT: Duration = Duration::from_hours(48);
/// How long a subscription stays disabled by itself.
const DISABLED: Duration = Duration::from_hours(24);
/// Dropped webhooks in a row that disable the subscription.
const STRIKES: usize = 3;
/// The receiver's time to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// One delivery, ready to be sent: the exact bytes and headers of every attempt.
#[derive(Clone, Debug)]
pub struct Webhook {
    pub event_id: String,
    /// `X-Webhook-Id`: the same on every attempt.
    pub webhook_id: String,
    pub event_type: String,
    pub body: Vec<u8>,
    /// Lower-case names.
    pub headers: Vec<(String, String)>,
    pub(super) resource: String,
    pub(super) queued_at: Timestamp,
}

#[derive(Default)]
pub(super) struct Outbox {
    pending: VecDeque<Webhook>,
    dropped: usize,
    strikes: usize,
    disabled_until: Option<Timestamp>,
}

/// What an attempt means for the webhook.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Delivered,
    Retry,
    Dropped,
}

impl Outbox {
    /// Keeps the webhook for delivery; a disabled subscription loses it.
    pub fn put(&mut self, webhook: Webhook) {
        if self.is_disabled(webhook.queued_at) {
            self.dropped += 1;
        } else {
            self.pending.push_back(webhook);
        }
    }

    pub fn is_disabled(&self, now: Timestamp) -> bool {
        self.disabled_until.is_some_and(|until| now < until)
    }

    pub fn enable(&mut self) {
        self.disabled_until = None;
        self.strikes = 0;
    }

    fn settle(&mut self, event_id: &str, verdict: Verdict, now: Timestamp) {
        let Some(at) = self.pending.iter().position(|w| w.event_id == event_id) else { return };
        match verdict {
            Verdict::Retry if now.since(self.pending[at].queued_at) < KEPT => {}
            Verdict::Delivered => {
                self.pending.remove(at);
                self.strikes = 0;
            }
            Verdict::Retry | Verdict::Dropped => {
                self.pending.remove(at);
                self.dropped += 1;
                self.strikes += 1;
            }
        }
        if self.strikes >= STRIKES {
            self.strikes = 0;
            self.disabled_until = Some(now + DISABLED);
            self.dropped += self.pending.len();
            self.pending.clear();
        }
    }
}

impl PagerDuty {
    /// What waits to be delivered, oldest first. Nothing is taken away.
    pub fn webhooks(&self) -> Vec<Webhook> {
        self.account().outbox.pending.iter().cloned().collect()
    }

    /// The same, taken away: for a test that delivers, repeats or loses them itself.
    pub fn take_webhooks(&self) -> Vec<Webhook> {
        self.account().outbox.pending.drain(..).collect()
    }

    /// How many webhooks were given up: refused with a 4xx, too old, or lost while disabled.
    pub fn dropped(&self) -> usize {
        self.account().outbox.dropped
    }

    /// True after three dropped webhooks in a row, for 24 hours or until [`PagerDuty::enable`].
    pub fn is_disabled(&self) -> bool {
        let account = self.account();
        account.outbox.is_disabled(account.clock.now())
    }

    /// The "re-enable" button of the subscription. What was lost stays lost.
    pub fn enable(&self) {
        self.account().outbox.enable();
    }

    /// Attempts each pending webhook once, in order, at `base_url` + `/webhooks/pagerduty`, and returns how many
    /// were taken. 2xx: done. Timeout (5 s of real time), broken connection, 5xx, 429: stays, and the later ones
    /// about the same incident wait behind it; after 48 hours dropped. Any other status: dropped. Fails only when
    /// `base_url` is no URL.
    pub async fn deliver(&self, base_url: &str) -> anyhow::Result<usize> {
        let url: Url = format!("{}/webhooks/pagerduty", base_url.trim_end_matches('/')).parse()?;
        let mut waiting = BTreeSet::new();
        let mut delivered = 0;
        for webhook in self.webhooks() {
            if self.is_disabled() {
                break;
            }
            if waiting.contains(&webhook.resource) {
                continue;
            }
            let verdict = self.attempt(&url, &webhook).await;
            delivered += usize::from(verdict == Verdict::Delivered);
            if verdict == Verdict::Retry {
                waiting.insert(webhook.resource.clone());
            }
            let mut account = self.account();
            let now = account.clock.now();
            account.outbox.settle(&webhook.event_id, verdict, now);
        }
        Ok(delivered)
    }

    #[expect(clippy::disallowed_methods, reason = "the simulator shares no code with the project's clients")]
    async fn attempt(&self, url: &Url, webhook: &Webhook) -> Verdict {
        let mut request = self.sender().post(url.clone()).timeout(PATIENCE).body(webhook.body.clone());
        for (name, value) in &webhook.headers {
            request = request.header(name, value);
        }
        match request.send().await.map(|answer| answer.status()) {
            Ok(status) if status.is_success() => Verdict::Delivered,
            Ok(status) if status.is_server_error() || status.as_u16() == 429 => Verdict::Retry,
            Ok(_) => Verdict::Dropped,
            Err(_) => Verdict::Retry,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use axum::Router;
    use axum::body::Bytes;
    use axum::http::StatusCode;
    use axum::routing::post;
    use serde_json::Value;

    use crate::sim::pagerduty::probe::Probe;

    /// Answers with the scripted statuses, then 202; keeps what it took.
    #[derive(Clone, Default)]
    struct Receiver {
        script: Arc<Mutex<VecDeque<u16>>>,
        seen: Arc<Mutex<Vec<String>>>,
    }

    impl Receiver {
        #[expect(clippy::disallowed_methods, reason = "the receiver ends with the test's runtime")]
        async fn start(&self) -> String {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let receiver = self.clone();
            let take = move |body: Bytes| async move { receiver.take(&body) };
            let app = Router::new().route("/webhooks/pagerduty", post(take));
            tokio::spawn(async move { axum::serve(listener, app).await });
            url
        }

        fn take(&self, body: &[u8]) -> StatusCode {
            let body: Value = serde_json::from_slice(body).unwrap();
            let status = self.script.lock().unwrap().pop_front().unwrap_or(202);
            let data = &body["event"]["data"];
            let title = data["title"].as_str().or(data["incident"]["summary"].as_str()).unwrap_or("-");
            let kind = body["event"]["event_type"].as_str().unwrap();
            self.seen.lock().unwrap().push(format!("{status} {kind} {title}"));
            StatusCode::from_u16(status).unwrap()
        }

        fn script(&self, statuses: &[u16]) {
            self.script.lock().unwrap().extend(statuses);
        }

        fn seen(&self) -> Vec<String> {
            std::mem::take(&mut self.seen.lock().unwrap())
        }
    }

    async fn scene() -> (Probe, Receiver, String) {
        let receiver = Receiver::default();
        let url = receiver.start().await;
        (Probe::start().await, receiver, url)
    }

    #[tokio::test]
    async fn an_unwell_receiver_is_tried_again_in_order_per_incident() {
        let (probe, receiver, url) = scene().await;
        let one = probe.pagerduty.trigger("PSVC001", "one", "high");
        probe.pagerduty.acknowledge(&one, "PANA001");
        probe.pagerduty.trigger("PSVC001", "two", "high");
        receiver.script(&[503]);
        assert_eq!(probe.pagerduty.deliver(&url).await.unwrap(), 1);
        assert_eq!(receiver.seen(), ["503 incident.triggered one", "202 incident.triggered two"]);
        receiver.script(&[429]);
        assert_eq!(probe.pagerduty.deliver(&url).await.unwrap(), 0);
        receiver.seen();
        assert_eq!(probe.pagerduty.deliver(&url).await.unwrap(), 2);
        assert_eq!(receiver.seen(), ["202 incident.triggered one", "202 incident.acknowledged one"]);
        assert_eq!((probe.pagerduty.webhooks().len(), probe.pagerduty.dropped()), (0, 0));
    }

    #[tokio::test]
    async fn nobody_listening_loses_nothing_for_two_days() {
        let probe = Probe::start().await;
        probe.pagerduty.trigger("PSVC001", "one", "high");
        let nowhere = "http://127.0.0.1:9";
        assert_eq!(probe.pagerduty.deliver(nowhere).await.unwrap(), 0);
        assert_eq!(probe.pagerduty.webhooks().len(), 1);
        probe.clock.advance(Duration::from_hours(48));
        assert_eq!(probe.pagerduty.deliver(nowhere).await.unwrap(), 0);
        assert_eq!((probe.pagerduty.webhooks().len(), probe.pagerduty.dropped()), (0, 1));
        assert!(probe.pagerduty.deliver("not a url").await.is_err());
    }

    #[tokio::test]
    async fn three_refusals_in_a_row_disable_the_subscription() {
        let (probe, receiver, url) = scene().await;
        for title in ["one", "two", "three", "four", "five"] {
            probe.pagerduty.trigger("PSVC001", title, "high");
        }
        receiver.script(&[401, 202, 401, 404]);
        assert_eq!(probe.pagerduty.deliver(&url).await.unwrap(), 2);
        assert_eq!(probe.pagerduty.dropped(), 3);
        assert!(!probe.pagerduty.is_disabled(), "a success in between starts the count anew");

        for title in ["six", "seven"] {
            probe.pagerduty.trigger("PSVC001", title, "high");
        }
        receiver.script(&[400, 302]);
        probe.pagerduty.deliver(&url).await.unwrap();
        probe.pagerduty.ping();
        probe.pagerduty.ping();
        receiver.script(&[400]);
        receiver.seen();
        probe.pagerduty.deliver(&url).await.unwrap();
        assert_eq!(receiver.seen(), ["400 pagey.ping -"], "the second ping is lost with the queue");
        assert!(probe.pagerduty.is_disabled());
        let (_, body) = probe.get("/webhook_subscriptions/PWHSUB1").await;
        assert_eq!(body["webhook_subscription"]["delivery_method"]["temporarily_disabled"], true);

        probe.pagerduty.trigger("PSVC001", "lost", "high");
        assert!(probe.pagerduty.webhooks().is_empty());
        probe.send("POST", "/webhook_subscriptions/PWHSUB1/enable", Value::Null).await;
        probe.pagerduty.trigger("PSVC001", "heard", "high");
        assert_eq!(probe.pagerduty.deliver(&url).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_disabled_subscription_wakes_up_after_a_day() {
        let (probe, receiver, url) = scene().await;
        for _ in 0..3 {
            probe.pagerduty.ping();
        }
        receiver.script(&[400, 400, 400]);
        probe.pagerduty.deliver(&url).await.unwrap();
        assert!(probe.pagerduty.is_disabled());
        probe.clock.advance(Duration::from_hours(24));
        assert!(!probe.pagerduty.is_disabled());
        probe.pagerduty.ping();
        assert_eq!(probe.pagerduty.take_webhooks().len(), 1);
        assert!(probe.pagerduty.webhooks().is_empty());
    }
}
