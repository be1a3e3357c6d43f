//! A call's arguments, read as Slack reads them: JSON where the method takes it, form or query otherwise.
//! <https://docs.slack.dev/apis/web-api/#slack-web-api__basics__post-bodies>

use std::collections::BTreeMap;

use axum::http::{Method as Verb, request::Parts};
use serde_json::{Map, Value, json};

use super::methods::Method;

/// `{"ok":false,"error":code, …}`
#[derive(Debug)]
pub(super) struct Refusal {
    pub code: String,
    pub extra: Map<String, Value>,
}

/// What a method answers; the server adds `ok`.
pub(super) type Answer = Result<Value, Refusal>;

pub(super) fn no(code: &str) -> Refusal {
    Refusal { code: code.into(), extra: Map::new() }
}

impl Refusal {
    pub fn with(mut self, key: &str, value: Value) -> Self {
        self.extra.insert(key.into(), value);
        self
    }

    /// `invalid_arguments` with Slack's sentences about what is wrong.
    pub fn arguments(messages: &[String]) -> Self {
        let messages: Vec<_> = messages.iter().map(|m| format!("[ERROR] {m}")).collect();
        no("invalid_arguments").with("response_metadata", json!({"messages": messages}))
    }
}

#[derive(Debug, Default)]
pub(super) struct Args(BTreeMap<String, Value>);

impl Args {
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Numbers and booleans read as their text; JSON structures and `null` are none.
    pub fn opt(&self, name: &str) -> Option<String> {
        match self.0.get(name)? {
            Value::String(s) => Some(s.clone()),
            Value::Number(n) => Some(n.to_string()),
            Value::Bool(b) => Some(b.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// Empty when absent.
    pub fn text(&self, name: &str) -> String {
        self.opt(name).unwrap_or_default()
    }

    pub fn flag(&self, name: &str) -> bool {
        matches!(self.opt(name).as_deref(), Some("true" | "1"))
    }

    /// A JSON array, or words between commas; nothing is trimmed.
    pub fn list(&self, name: &str) -> Vec<String> {
        if let Some(Value::Array(items)) = self.0.get(name) {
            return items.iter().map(|i| i.as_str().map_or_else(|| i.to_string(), str::to_owned)).collect();
        }
        let text = self.text(name);
        text.split(',').filter(|_| !text.is_empty()).map(str::to_owned).collect()
    }

    /// A structure, given as such or as a string that holds JSON. `Err(())` when the string holds none.
    pub fn json(&self, name: &str) -> Result<Option<Value>, ()> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => serde_json::from_str(text).map(Some).map_err(|_| ()),
            Some(value) => Ok(Some(value.clone())),
        }
    }

    fn add_pairs(&mut self, encoded: &[u8]) {
        for (name, value) in form_urlencoded::parse(encoded) {
            self.0.insert(name.into_owned(), Value::String(value.into_owned()));
        }
    }
}

/// Reads query and body, and demands what the method demands.
pub(super) fn decode(method: &Method, parts: &Parts, body: &[u8]) -> Result<Args, Refusal> {
    let mut args = Args::default();
    args.add_pairs(parts.uri.query().unwrap_or_default().as_bytes());
    if parts.method == Verb::POST {
        add_body(&mut args, method, parts, body)?;
    }
    let missing: Vec<_> = method
        .required()
        .filter(|name| args.0.get(*name).is_none_or(Value::is_null))
        .map(|name| format!("missing required field: {name}"))
        .collect();
    if missing.is_empty() { Ok(args) } else { Err(Refusal::arguments(&missing)) }
}

fn add_body(args: &mut Args, method: &Method, parts: &Parts, body: &[u8]) -> Result<(), Refusal> {
    let content_type = parts.headers.get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default();
    match content_type.split(';').next().unwrap_or_default().trim() {
        "" if body.is_empty() => {}
        "" => return Err(no("missing_post_type")),
        "application/x-www-form-urlencoded" => args.add_pairs(body),
        // Slack does not look into a JSON body where it takes none: the arguments are simply missing.
        "application/json" if !method.takes_json || body.is_empty() => {}
        "application/json" => match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => args.0.extend(fields),
            Ok(_) => return Err(no("json_not_object")),
            Err(_) => return Err(no("invalid_json")),
        },
        _ => return Err(no("invalid_post_type")),
    }
    Ok(())
}
