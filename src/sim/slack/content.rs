//! What a message may say: text, blocks and metadata as given to `chat.*` and to a response_url.

use serde_json::{Value, json};

use super::args::{Args, Refusal, no};
use super::blocks::{self, Surface};

/// Longer texts are cut by `chat.postMessage`.
const LONGEST_TEXT: usize = 40_000;
/// Slack does not say where its limit lies; the guide advises far less.
const LARGEST_METADATA: usize = 4096;

/// The parts as given; `None` when absent.
#[derive(Debug)]
pub(super) struct Content {
    pub text: Option<String>,
    pub blocks: Option<Vec<Value>>,
    /// `{}` clears, so it is not the same as none.
    pub metadata: Option<Value>,
}

impl Content {
    pub fn of(args: &Args) -> Result<Self, Refusal> {
        let blocks = args.json("blocks").map_err(|()| no("invalid_blocks_format"))?;
        let metadata = args.json("metadata").map_err(|()| no("invalid_metadata_format"))?;
        let text = args.opt("text").map(|t| t.chars().take(LONGEST_TEXT).collect());
        let content = Self { text, blocks: blocks.map(check_blocks).transpose()?, metadata };
        if let Some(metadata) = &content.metadata {
            check_metadata(metadata)?;
        }
        Ok(content)
    }

    /// Neither text nor blocks.
    pub fn is_empty(&self) -> bool {
        self.text.as_ref().is_none_or(String::is_empty) && self.blocks.as_ref().is_none_or(Vec::is_empty)
    }
}

/// The blocks, or `invalid_blocks` with every problem.
pub(super) fn check_blocks(blocks: Value) -> Result<Vec<Value>, Refusal> {
    let problems = blocks::check(&blocks, Surface::Message, "/blocks");
    match blocks {
        Value::Array(blocks) if problems.is_empty() => Ok(blocks),
        Value::Array(_) => {
            let messages: Vec<_> = problems.iter().map(|p| format!("[ERROR] {p}")).collect();
            Err(no("invalid_blocks")
                .with("errors", json!(problems))
                .with("response_metadata", json!({"messages": messages})))
        }
        _ => Err(no("invalid_blocks_format")),
    }
}

/// Flat values under lower-case keys. <https://docs.slack.dev/messaging/message-metadata>
fn check_metadata(metadata: &Value) -> Result<(), Refusal> {
    if metadata.as_object().is_some_and(serde_json::Map::is_empty) {
        return Ok(());
    }
    if metadata.to_string().len() > LARGEST_METADATA {
        return Err(no("metadata_too_large"));
    }
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let is_flat = |value: &Value| value.is_string() || value.is_number() || value.is_boolean();
    let named = metadata["event_type"].as_str().is_some_and(|name| !name.is_empty());
    let payload = metadata["event_payload"].as_object();
    if named && payload.is_some_and(|p| p.iter().all(|(key, value)| is_name(key) && is_flat(value))) {
        Ok(())
    } else {
        Err(no("invalid_metadata_format"))
    }
}
