//! A small workspace for the simulator's own tests, and a raw caller of its Web API.

use std::time::Duration;

use reqwest::header::HeaderMap;
use serde_json::Value;

use super::Slack;
use crate::clock::{Clock, Timestamp};
use crate::sim::desk::Desk;
use crate::sim::signed::wire;

pub(super) struct Room {
    pub slack: Slack,
    pub desk: Desk,
    pub clock: Clock,
}

/// Ten o'clock; Ann, Bob and Cleo; a public channel `#ops` of Ann's (C0000001), without our bot.
pub(super) async fn room() -> Room {
    let clock = Clock::manual(Timestamp::parse("2026-11-21T10:00:00Z").expect("a time"));
    let desk = Desk::new(clock.clone());
    let slack = Slack::start(clock.clone(), desk.clone()).await.expect("a free port");
    for (id, name, full) in [("U1", "ann", "Ann Lee"), ("U2", "bob", "Bob Roe"), ("U3", "cleo", "Cleo Fox")] {
        slack.add_user(id, name, full, &format!("{name}@example.com"));
    }
    slack.add_channel("ops", false, "U1", &["U2"]);
    Room { slack, desk, clock }
}

pub(super) const OPS: &str = "C0000001";

impl Room {
    /// POSTs JSON with the bot's token; the body must be JSON and the status 200.
    pub async fn call(&self, method: &str, args: Value) -> Value {
        let (status, _, body) = self.raw(method, Slack::BOT_TOKEN, args).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    #[expect(clippy::disallowed_methods, reason = "a client under test")]
    pub async fn raw(&self, method: &str, token: &str, args: Value) -> (u16, HeaderMap, Value) {
        let request = wire().expect("a client").post(format!("{}/{method}", self.slack.api_url()));
        let response = request.bearer_auth(token).json(&args).send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        (status, headers, response.json().await.expect("JSON"))
    }

    /// A call that must succeed.
    pub async fn ok(&self, method: &str, args: Value) -> Value {
        let body = self.call(method, args).await;
        assert_eq!(body["ok"], true, "{method}: {body}");
        body
    }

    /// A call that must be refused; answers the code.
    pub async fn no(&self, method: &str, args: Value) -> String {
        let body = self.call(method, args).await;
        assert_eq!(body["ok"], false, "{method}: {body}");
        body["error"].as_str().expect("a code").to_owned()
    }

    /// A read as a form.
    #[expect(clippy::disallowed_methods, reason = "a client under test")]
    pub async fn get(&self, method: &str, args: &[(&str, &str)]) -> Value {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(args).finish();
        let request = wire().expect("a client").post(format!("{}/{method}", self.slack.api_url()));
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        let response = request.bearer_auth(Slack::BOT_TOKEN).send().await.expect("an answer");
        response.json().await.expect("JSON")
    }

    /// All pages of a list: the entries under `key`, and how many pages there were.
    pub async fn all(&self, method: &str, key: &str, args: &[(&str, &str)]) -> (Vec<Value>, Vec<usize>) {
        let (mut found, mut sizes, mut cursor) = (Vec::new(), Vec::new(), String::new());
        loop {
            let mut args = args.to_vec();
            if !cursor.is_empty() {
                args.push(("cursor", &cursor));
            }
            let body = self.get(method, &args).await;
            assert_eq!(body["ok"], true, "{method}: {body}");
            let page = body[key].as_array().expect("a list");
            sizes.push(page.len());
            found.extend(page.iter().cloned());
            cursor = body["response_metadata"]["next_cursor"].as_str().unwrap_or_default().to_owned();
            if cursor.is_empty() {
                return (found, sizes);
            }
        }
    }

    /// POSTs JSON to a response_url; answers status and body.
    #[expect(clippy::disallowed_methods, reason = "a client under test")]
    pub async fn respond(&self, url: &str, message: Value) -> (u16, String) {
        let response = wire().expect("a client").post(url).json(&message).send().await.expect("an answer");
        (response.status().as_u16(), response.text().await.expect("text"))
    }

    pub fn later(&self, secs: u64) {
        self.clock.advance(Duration::from_secs(secs));
    }
}

/// One field of a form body.
pub(super) fn field(body: &[u8], name: &str) -> String {
    let mut pairs = form_urlencoded::parse(body);
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).expect("the field")
}
