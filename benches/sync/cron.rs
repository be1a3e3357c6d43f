//! The script that teams run from cron: a call for each rotation, for each person on call, for each address, and a
//! write for each group, whether anything changed or not. It obeys a 429, one call after the other.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use firebell::sim::pagerduty::PagerDuty;
use firebell::sim::slack::Slack;
use serde_json::Value;
use url::form_urlencoded::Serializer;

use crate::least::Cost;
use crate::organisation::{Organisation, group_id, schedule_id};

struct Script<'a> {
    organisation: &'a Organisation,
    client: reqwest::Client,
}

pub async fn run(organisation: &Organisation) -> Result<Cost> {
    let world = &organisation.world;
    let client = firebell::http_client::client(Duration::from_secs(30));
    let script = Script { organisation, client };
    let (first, began_at) = (world.desk.arrived(), world.clock.now());
    let mut on_call = Vec::new();
    for schedule in 0..2 * organisation.groups {
        let answer = script.pagerduty(&format!("/oncalls?schedule_ids[]={}", schedule_id(schedule))).await?;
        on_call.push(text(&answer, "/oncalls/0/user/id")?);
    }
    let mut emails = BTreeMap::new();
    for id in &on_call {
        if !emails.contains_key(id) {
            let answer = script.pagerduty(&format!("/users/{id}")).await?;
            emails.insert(id.clone(), text(&answer, "/user/email")?);
        }
    }
    let mut users = BTreeMap::new();
    for (id, email) in &emails {
        let answer = script.slack("users.lookupByEmail", &[("email", email)]).await?;
        users.insert(id, text(&answer, "/user/id")?);
    }
    script.slack("usergroups.list", &[]).await?;
    for (group, pair) in on_call.chunks(2).enumerate() {
        let members: Vec<&str> = pair.iter().map(|id| users[id].as_str()).collect();
        let (group, members) = (group_id(group), members.join(","));
        script.slack("usergroups.users.update", &[("usergroup", &group), ("users", &members)]).await?;
    }
    let calls = world.desk.arrived() - first;
    Ok(Cost { calls, time: world.clock.now().since(began_at) })
}

fn text(answer: &Value, pointer: &str) -> Result<String> {
    Ok(answer.pointer(pointer).and_then(Value::as_str).with_context(|| format!("no {pointer}"))?.to_owned())
}

impl Script<'_> {
    async fn pagerduty(&self, path: &str) -> Result<Value> {
        let url = format!("{}{path}", self.organisation.world.pagerduty.api_url());
        let request = self.client.get(url);
        let request = request.header("authorization", format!("Token token={}", PagerDuty::TOKEN));
        self.send(request.header("accept", "application/vnd.pagerduty+json;version=2")).await
    }

    async fn slack(&self, method: &str, form: &[(&str, &str)]) -> Result<Value> {
        let url = format!("{}/{method}", self.organisation.world.slack.api_url());
        let form = Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self.client.post(url).bearer_auth(Slack::BOT_TOKEN).body(form);
        let answer = self.send(request.header("content-type", "application/x-www-form-urlencoded")).await?;
        ensure!(answer["ok"] == true, "{method}: {answer}");
        Ok(answer)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the script's client, not ours")]
    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Value> {
        loop {
            let again = request.try_clone().context("a request that can be repeated")?;
            let response = again.send().await?;
            if response.status() != 429 {
                return Ok(response.error_for_status()?.json().await?);
            }
            let wait = response.headers().get("retry-after").context("how long")?.to_str()?.parse()?;
            self.organisation.world.clock.advance(Duration::from_secs(wait));
        }
    }
}
