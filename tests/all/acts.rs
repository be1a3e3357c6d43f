//! What scenarios do over and over: declare and settle, press and read the answer, fill in a form, look around.

use std::time::Duration;

use firebell::sim::signed::Signed;
use firebell::sim::slack::View;
use serde_json::{Value, json};

use crate::stage::{Stage, text_of};

/// Answers to buttons come by another way than the request's; this long is waited for them (real time).
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

impl Stage {
    /// Types in #general, lets everything happen, and answers what the person read.
    pub async fn typed(&self, user: &str, typed: &str) -> String {
        let answer = self.slash(user, typed).await;
        self.settle().await;
        answer
    }

    /// The same in the channel of this name.
    pub async fn typed_in(&self, user: &str, channel: &str, typed: &str) -> String {
        let id = self.channel_id(channel);
        let answer = self.slash_in(user, &id, typed).await;
        self.settle().await;
        answer
    }

    pub fn channel_id(&self, name: &str) -> String {
        self.world.slack.channel_named(name).unwrap_or_else(|| panic!("no #{name}")).id
    }

    /// Presses, and lets everything happen.
    pub async fn press(&self, user: &str, channel: &str, label: &str) {
        self.click(user, channel, label).await;
        self.settle().await;
    }

    /// Presses a button whose answer only the person sees, and answers that.
    pub async fn press_and_read(&self, user: &str, channel: &str, label: &str) -> String {
        let answer = self.answer_to_click(user, channel, label).await;
        self.settle().await;
        answer
    }

    /// What only this person was shown: texts in order.
    pub fn whispers(&self, user: &str) -> Vec<String> {
        self.world.slack.ephemerals(user).into_iter().map(|e| e.text).collect()
    }

    /// Presses a button whose answer only the person sees; nothing else happens.
    pub async fn answer_to_click(&self, user: &str, channel: &str, label: &str) -> String {
        let before = self.whispers(user);
        self.click(user, channel, label).await;
        self.newest_whisper(user, &before).await
    }

    /// Waits until what the person was shown differs from before; the newest text of it.
    pub async fn newest_whisper(&self, user: &str, before: &[String]) -> String {
        self.until("an answer to the button", || {
            let now = self.whispers(user);
            let changed = now.iter().zip(before.iter().map(Some).chain(std::iter::repeat(None)));
            changed.filter(|(now, before)| Some(*now) != *before).map(|(now, _)| now.clone()).last()
        })
        .await
    }

    /// Polls until there is something: for what happens beside the request, in real time.
    pub async fn until<T>(&self, what: &str, find: impl Fn() -> Option<T>) -> T {
        let found = async {
            loop {
                if let Some(found) = find() {
                    return found;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(ANSWERS_WITHIN, found).await.unwrap_or_else(|_| panic!("no {what}"))
    }

    /// Lets minutes pass, one by one.
    pub async fn pass(&self, minutes: u32) {
        for _ in 0..minutes {
            self.clock.advance(Duration::from_secs(60));
            self.settle().await;
        }
    }

    /// The process dies, and another one starts on what it left.
    pub async fn restarted(self) -> Self {
        let Self { world, running, clock, .. } = self;
        let db = running.app.db.clone();
        drop(running);
        let stage = Self::on(world, db, clock, "").await;
        stage.settle().await;
        stage
    }

    /// Paragraphs of a channel that contain these words.
    pub fn paragraphs(&self, channel: &str, words: &str) -> Vec<String> {
        let transcript = self.world.slack.transcript(channel);
        transcript.split("\n\n").filter(|p| p.contains(words)).map(str::to_owned).collect()
    }

    /// The newest open form.
    pub fn form(&self) -> View {
        self.world.slack.views().pop().expect("an open form")
    }

    /// Submits the newest form with these inputs: block → what `state.values` holds for it. The HTTP answer's body.
    pub async fn submit(&self, user: &str, inputs: &[(&str, Value)]) -> String {
        let mut values = json!({});
        for (block, value) in inputs {
            values[*block] = json!({ "value": value });
        }
        let request = self.world.slack.submit_view(user, &self.form().id, values);
        let sent = self.world.slack.deliver(&self.running.base_url(), &request).await;
        let (status, body) = sent.expect("an answer");
        assert_eq!(status, 200, "{body}");
        body
    }

    /// A button with this action and value, as if the person's client had sent it: the HTTP status.
    pub async fn forge(&self, user: &str, channel: &str, ts: &str, action: &str, value: &str) -> u16 {
        let request = self.world.slack.button(user, channel, ts, action, value);
        self.world.slack.deliver(&self.running.base_url(), &request).await.expect("an answer").0
    }

    /// A form body of the test's own making, signed as Slack signs; the words of the answer.
    pub async fn raw(&self, path: &str, body: String) -> String {
        let mut headers = self.world.slack.sign(body.as_bytes());
        headers.push(("Content-Type".into(), "application/x-www-form-urlencoded".into()));
        let request = Signed { path: path.into(), headers, body: body.into_bytes() };
        let sent = self.world.slack.deliver(&self.running.base_url(), &request).await;
        text_of(&sent.expect("an answer").1)
    }

    /// The `ts` of the pinned summary.
    pub fn summary_ts(&self, channel: &str) -> String {
        let channel = self.world.slack.channel_named(channel).expect("the channel");
        assert_eq!(channel.pins.len(), 1, "one message is pinned");
        channel.pins[0].clone()
    }

    /// The pinned summary as people read it.
    pub fn summary(&self, channel: &str) -> String {
        let transcript = self.world.slack.transcript(channel);
        let pinned = transcript.split("\n\n").find(|p| p.contains("[pinned]"));
        pinned.expect("a pinned summary").to_owned()
    }

    /// What happened in PagerDuty, without the marks by which notes are recognised.
    pub fn pagerduty(&self) -> Vec<String> {
        let story = self.world.pagerduty.narrate();
        story.lines().map(|line| line.split(" [").next().unwrap_or_default().to_owned()).collect()
    }

    /// Types one after the other in the channel of this name; what was typed, with the answers.
    pub async fn talk(&self, user: &str, channel: &str, typed: &[&str]) -> String {
        let id = self.channel_id(channel);
        let mut talk = String::new();
        for words in typed {
            let answer = self.slash_in(user, &id, words).await;
            talk.push_str(&exchange(words, &answer));
        }
        talk
    }

    /// The last paragraphs of a channel.
    pub fn last(&self, channel: &str, paragraphs: usize) -> String {
        let transcript = self.world.slack.transcript(channel);
        let all: Vec<_> = transcript.split("\n\n").collect();
        all[all.len().saturating_sub(paragraphs)..].join("\n\n")
    }
}

/// What a plain text input sends.
pub fn text(value: &str) -> Value {
    json!({ "type": "plain_text_input", "value": value })
}

/// What a menu sends.
pub fn choice(value: &str) -> Value {
    json!({ "type": "static_select", "selected_option": { "value": value } })
}

/// What checkboxes send.
pub fn ticked(values: &[&str]) -> Value {
    let options: Vec<_> = values.iter().map(|value| json!({ "value": value })).collect();
    json!({ "type": "checkboxes", "selected_options": options })
}

/// What was typed, and what the person read.
pub fn exchange(typed: &str, answer: &str) -> String {
    format!("{typed}\n  → {}\n", answer.replace('\n', "\n    "))
}

/// The form as a person reads it: title, fields with what is filled in, button.
pub fn read_form(view: &View) -> String {
    let mut lines = vec![format!("[{}]", view.view["title"]["text"].as_str().unwrap_or_default())];
    for block in view.view["blocks"].as_array().into_iter().flatten() {
        if block["type"] != "input" {
            lines.push(block["text"]["text"].as_str().unwrap_or_default().to_owned());
            continue;
        }
        let element = &block["element"];
        let filled = [
            &element["initial_value"],
            &element["initial_option"]["text"]["text"],
            &element["initial_options"][0]["text"]["text"],
        ];
        let filled = filled.into_iter().find_map(Value::as_str).unwrap_or_default();
        let optional = if block["optional"] == true { " (optional)" } else { "" };
        let label = block["label"]["text"].as_str().unwrap_or_default();
        lines.push(format!("{label}{optional}: {filled}").trim_end().to_owned());
    }
    lines.push(format!("[{}]", view.view["submit"]["text"].as_str().unwrap_or_default()));
    lines.join("\n")
}

/// The words of an answer to a submission: errors beside fields, or what took the form's place.
pub fn form_answer(body: &str) -> String {
    let Ok(answer) = serde_json::from_str::<Value>(body) else { return body.to_owned() };
    match answer["response_action"].as_str() {
        Some("errors") => answer["errors"].to_string(),
        Some("update") => answer["view"]["blocks"][0]["text"]["text"].as_str().unwrap_or_default().to_owned(),
        _ => text_of(body),
    }
}
