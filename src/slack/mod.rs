//! The Slack client: one method per Web API call, one request per method call (but for paged reads), no retries.
//!
//! Writes are JSON, reads are forms. Slack answers 200 even to refusals, so `ok` decides:
//! <https://docs.slack.dev/apis/web-api/#responses>. A refusal is `Rejected` with Slack's own word; its internal
//! errors, 5xx and anything that is no JSON are `Unavailable`, because part of the work may have been done.

pub mod blocks;
mod calls;
mod channels;
mod messages;
mod people;
pub mod spoken;
mod types;
pub mod words;

#[cfg(test)]
mod groups_tests;
#[cfg(test)]
mod tests;

use reqwest::RequestBuilder;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

pub use calls::{CALLS, missing_scopes};
pub use types::{Bookmark, Channel, Identity, Invited, Mark, Message, Post, User, UserGroup, moment};

use crate::clock::Clock;
use crate::error::{Problem, Upstream, Vendor};
use crate::http_client::{Answer, CallSpec, Fields, Observer, Wire, nonsense, unavailable};

/// Slack advises 200; more makes its slower methods time out.
const PAGE_SIZE: &str = "200";
/// Nothing of ours has more pages: past it the cursor is running in circles.
const MOST_PAGES: usize = 5_000;

#[derive(Clone)]
pub struct Settings {
    /// `https://slack.com/api`, or GovSlack's, or a simulator's.
    pub api_url: String,
    /// `xoxb-…`.
    pub bot_token: SecretString,
    /// `xoxp-…` of an admin, for workspaces where only admins may change user groups.
    pub user_token: Option<SecretString>,
    /// Hosts to which a `response_url` may lead: an address from a request body must not choose where we post.
    pub response_hosts: Vec<String>,
}

/// Clones share their pauses.
#[derive(Clone)]
pub struct Client {
    wire: Wire,
    settings: Settings,
}

impl Client {
    pub fn new(http: reqwest::Client, clock: Clock, settings: Settings, observer: Observer) -> Self {
        Self { wire: Wire::new(Vendor::Slack, http, clock, observer), settings }
    }

    fn request(&self, spec: &CallSpec, token: &SecretString) -> RequestBuilder {
        let url = format!("{}/{}", self.settings.api_url.trim_end_matches('/'), spec.name);
        self.wire.http.post(url).bearer_auth(token.expose_secret())
    }

    /// A JSON call. Error codes in `fine` mean that the wanted state is there already.
    async fn write<T>(
        &self,
        spec: &'static CallSpec,
        body: &Value,
        fine: &[&str],
        decode: impl FnOnce(Fields<'_>) -> Result<T, Problem>,
    ) -> Result<T, Upstream> {
        let request = as_json(self.request(spec, &self.settings.bot_token), body);
        self.wire.exchange(spec, spec.name, request, |answer| decode(Fields(&judge(answer, fine)?))).await
    }

    /// A form call. Error codes in `fine` reach `decode`, where `/ok` is false then.
    async fn read<T>(
        &self,
        spec: &'static CallSpec,
        form: &[(&str, &str)],
        fine: &[&str],
        decode: impl FnOnce(Fields<'_>) -> Result<T, Problem>,
    ) -> Result<T, Upstream> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self
            .request(spec, &self.settings.bot_token)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        self.wire.exchange(spec, spec.name, request, |answer| decode(Fields(&judge(answer, fine)?))).await
    }

    /// A paged form call, to its last page: <https://docs.slack.dev/apis/web-api/pagination>. Short and even empty
    /// pages are normal; only an empty cursor ends.
    async fn pages<T>(
        &self,
        spec: &'static CallSpec,
        form: &[(&str, &str)],
        list: &str,
        decode: impl Fn(Fields<'_>) -> Result<T, Problem>,
    ) -> Result<Vec<T>, Upstream> {
        let mut found = Vec::new();
        let mut cursor = String::new();
        for _ in 0..MOST_PAGES {
            let mut form = form.to_vec();
            form.push(("limit", PAGE_SIZE));
            if !cursor.is_empty() {
                form.push(("cursor", &cursor));
            }
            let page = |answer: Fields<'_>| {
                let items = answer.need_list(list)?.map(&decode).collect::<Result<Vec<T>, Problem>>()?;
                Ok((items, answer.text("/response_metadata/next_cursor")))
            };
            let (items, next) = match self.read(spec, &form, &[], page).await {
                // A big workspace has more pages than Slack gives in a minute: from the first one on, it would never end.
                Err(Upstream { problem: Problem::RateLimited { after }, .. }) if !cursor.is_empty() => {
                    self.wire.wait(after).await;
                    continue;
                }
                read => read?,
            };
            found.extend(items);
            if next.is_empty() {
                return Ok(found);
            }
            cursor = next;
        }
        Err(self.wire.upstream(spec.name, unavailable("the pages do not end")))
    }
}

fn as_json(request: RequestBuilder, body: &Value) -> RequestBuilder {
    request.header("content-type", "application/json; charset=utf-8").json(body)
}

/// The answer's JSON when it is `ok` or its error code is in `fine`.
fn judge(answer: &Answer, fine: &[&str]) -> Result<Value, Problem> {
    let value = json(answer)?;
    match problem(Fields(&value)) {
        Some(Problem::Rejected { code, .. }) if fine.contains(&code.as_str()) => Ok(value),
        Some(problem) => Err(problem),
        None => Ok(value),
    }
}

fn json(answer: &Answer) -> Result<Value, Problem> {
    if answer.status.is_server_error() {
        return Err(unavailable(format!("HTTP {}", answer.status.as_u16())));
    }
    match serde_json::from_slice(&answer.body) {
        Ok(value @ Value::Object(_)) => Ok(value),
        _ => Err(nonsense(format!("HTTP {}, and the body is no JSON object", answer.status.as_u16()))),
    }
}

/// What an answer with `ok: false` means for a second try.
fn problem(answer: Fields<'_>) -> Option<Problem> {
    if answer.flag("/ok") {
        return None;
    }
    let Some(code) = answer.some("/error") else {
        return Some(nonsense("neither ok nor an error"));
    };
    Some(match code.as_str() {
        // The wait comes from the header, or is guessed, where pauses are kept.
        "ratelimited" | "rate_limited" => Problem::RateLimited { after: std::time::Duration::ZERO },
        "internal_error"
        | "fatal_error"
        | "request_timeout"
        | "service_unavailable"
        | "team_added_to_org" => unavailable(code),
        _ => Problem::Rejected { detail: detail(answer), code },
    })
}

/// Slack's explanation, if it gave one: the scope that is missing, or its messages.
fn detail(answer: Fields<'_>) -> String {
    if let Some(needed) = answer.some("/needed") {
        return format!("needs {needed}");
    }
    let mut texts = answer.texts("/response_metadata/messages");
    if texts.is_empty() {
        texts = answer.texts("/errors");
    }
    texts.join("; ").chars().take(300).collect()
}
