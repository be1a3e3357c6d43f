//! Slack's limits on blocks, enforced with Slack's sentences and JSON pointers.
//! <https://docs.slack.dev/reference/block-kit/blocks>

use std::collections::BTreeSet;
use std::fmt::Display;

use serde_json::{Map, Value, json};

use super::elements;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Surface {
    Message,
    Modal,
}

/// What is wrong with an array of blocks, empty if nothing is. `at` is the pointer to the array.
pub(super) fn check(blocks: &Value, surface: Surface, at: &str) -> Vec<String> {
    let mut checker = Checker { surface, problems: Vec::new(), ids: BTreeSet::new() };
    checker.blocks(blocks, at);
    checker.problems
}

/// Gives every block a `block_id` and every interactive element an `action_id`, as Slack does.
pub(super) fn complete(blocks: &mut [Value], fresh: &mut dyn FnMut() -> String) {
    for block in blocks {
        if block.get("block_id").is_none() {
            block["block_id"] = json!(fresh());
        }
        for element in elements::interactive_mut(block) {
            if element.get("action_id").is_none() {
                element["action_id"] = json!(fresh());
            }
        }
    }
}

/// Which text objects a place takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Text {
    Plain,
    Any,
}

pub(super) struct Checker {
    pub surface: Surface,
    problems: Vec<String>,
    /// `block_id`s seen so far.
    ids: BTreeSet<String>,
}

impl Checker {
    pub fn say(&mut self, what: impl Display, at: &str) {
        self.problems.push(format!("{what} [json-pointer:{at}]"));
    }

    fn blocks(&mut self, blocks: &Value, at: &str) {
        let most = if self.surface == Surface::Message { 50 } else { 100 };
        let Some(blocks) = blocks.as_array() else { return self.say("must be an array", at) };
        self.no_more_than(most, blocks.len(), at);
        for (i, block) in blocks.iter().enumerate() {
            self.block(block, &format!("{at}/{i}"));
        }
    }

    fn block(&mut self, block: &Value, at: &str) {
        let Some(fields) = block.as_object() else { return self.say("must be an object", at) };
        self.id(fields, "block_id", at);
        if let Some(id) = fields.get("block_id").and_then(Value::as_str)
            && !self.ids.insert(id.to_owned())
        {
            self.say("`block_id` must be unique", &format!("{at}/block_id"));
        }
        match fields.get("type").and_then(Value::as_str).unwrap_or_default() {
            "section" => self.section(fields, at),
            "header" => {
                self.only(fields, "text level", at);
                self.text(fields, "text", Text::Plain, 150, at);
            }
            "divider" => self.only(fields, "", at),
            "context" => self.context(fields, at),
            "actions" => {
                self.only(fields, "elements", at);
                self.elements(fields, 25, at, elements::IN_ACTIONS);
            }
            "input" if self.surface == Surface::Modal => self.input(fields, at),
            "image" => {
                self.only(fields, "image_url slack_file alt_text title", at);
                self.image(fields, at);
                self.optional_text(fields, "title", Text::Plain, 2000, at);
            }
            "rich_text" => self.rich_text(fields, at),
            "markdown" if self.surface == Surface::Message => {
                self.only(fields, "text", at);
                self.string(fields, "text", 12_000, true, at);
            }
            other => self.say(format!("unsupported type: {other}"), &format!("{at}/type")),
        }
    }

    fn section(&mut self, fields: &Map<String, Value>, at: &str) {
        self.only(fields, "text fields accessory expand", at);
        if !fields.contains_key("text") && !fields.contains_key("fields") {
            self.say("missing required field: text", at);
        }
        self.optional_text(fields, "text", Text::Any, 3000, at);
        if let Some(columns) = self.optional_array(fields, "fields", at) {
            let at = format!("{at}/fields");
            self.at_least_one(columns.len(), &at);
            self.no_more_than(10, columns.len(), &at);
            for (i, column) in columns.iter().enumerate() {
                self.text_object(column, Text::Any, 2000, &format!("{at}/{i}"));
            }
        }
        if let Some(accessory) = fields.get("accessory") {
            self.element(accessory, elements::IN_SECTION, &format!("{at}/accessory"));
        }
    }

    fn context(&mut self, fields: &Map<String, Value>, at: &str) {
        self.only(fields, "elements", at);
        let Some(list) = self.array(fields, "elements", at) else { return };
        let at = format!("{at}/elements");
        self.at_least_one(list.len(), &at);
        self.no_more_than(10, list.len(), &at);
        for (i, element) in list.iter().enumerate() {
            let at = format!("{at}/{i}");
            match (element["type"].as_str(), element.as_object()) {
                (Some("image"), Some(image)) => {
                    self.only(image, "image_url slack_file alt_text", &at);
                    self.image(image, &at);
                }
                _ => self.text_object(element, Text::Any, 2000, &at),
            }
        }
    }

    fn elements(&mut self, fields: &Map<String, Value>, most: usize, at: &str, kinds: &str) {
        let Some(list) = self.array(fields, "elements", at) else { return };
        let at = format!("{at}/elements");
        self.at_least_one(list.len(), &at);
        self.no_more_than(most, list.len(), &at);
        let mut seen = BTreeSet::new();
        for (i, element) in list.iter().enumerate() {
            self.element(element, kinds, &format!("{at}/{i}"));
            if let Some(id) = element["action_id"].as_str()
                && !seen.insert(id)
            {
                self.say("`action_id` must be unique within its block", &format!("{at}/{i}/action_id"));
            }
        }
    }

    fn input(&mut self, fields: &Map<String, Value>, at: &str) {
        self.only(fields, "label element hint optional dispatch_action", at);
        self.text(fields, "label", Text::Plain, 2000, at);
        self.optional_text(fields, "hint", Text::Plain, 2000, at);
        match fields.get("element") {
            Some(element) => self.element(element, elements::IN_INPUT, &format!("{at}/element")),
            None => self.say("missing required field: element", at),
        }
    }

    fn image(&mut self, fields: &Map<String, Value>, at: &str) {
        self.string(fields, "alt_text", 2000, true, at);
        if !fields.contains_key("slack_file") {
            self.string(fields, "image_url", 3000, true, at);
        }
    }

    // ---- the small checks, used by the elements too

    /// Slack refuses properties that it does not know.
    pub fn only(&mut self, fields: &Map<String, Value>, allowed: &str, at: &str) {
        for key in fields.keys() {
            if !["type", "block_id"].contains(&key.as_str()) && !allowed.split(' ').any(|a| a == key) {
                self.say(format!("invalid additional property: {key}"), at);
            }
        }
    }

    pub fn text(&mut self, fields: &Map<String, Value>, key: &str, kind: Text, most: usize, at: &str) {
        if !fields.contains_key(key) {
            self.say(format!("missing required field: {key}"), at);
        }
        self.optional_text(fields, key, kind, most, at);
    }

    pub fn optional_text(
        &mut self,
        fields: &Map<String, Value>,
        key: &str,
        kind: Text,
        most: usize,
        at: &str,
    ) {
        if let Some(object) = fields.get(key) {
            self.text_object(object, kind, most, &format!("{at}/{key}"));
        }
    }

    pub fn text_object(&mut self, object: &Value, kind: Text, most: usize, at: &str) {
        let Some(fields) = object.as_object() else { return self.say("must be an object", at) };
        match fields.get("type").and_then(Value::as_str) {
            Some("plain_text") => self.only(fields, "text emoji", at),
            Some("mrkdwn") if kind == Text::Any => self.only(fields, "text verbatim", at),
            _ => self.say("must be a valid text object type", &format!("{at}/type")),
        }
        self.string(fields, "text", most, true, at);
    }

    pub fn string(&mut self, fields: &Map<String, Value>, key: &str, most: usize, required: bool, at: &str) {
        let here = format!("{at}/{key}");
        match fields.get(key) {
            None if required => self.say(format!("missing required field: {key}"), at),
            None => {}
            Some(Value::String(text)) => {
                let length = text.chars().count();
                if length > most {
                    self.say(format!("must be less than {} characters", most + 1), &here);
                }
                if length == 0 && required {
                    self.say("must be more than 0 characters", &here);
                }
            }
            Some(_) => self.say("must be a string", &here),
        }
    }

    /// `block_id`, `action_id`, `callback_id`, `external_id`.
    pub fn id(&mut self, fields: &Map<String, Value>, key: &str, at: &str) {
        self.string(fields, key, 255, false, at);
    }

    pub fn array<'v>(
        &mut self,
        fields: &'v Map<String, Value>,
        key: &str,
        at: &str,
    ) -> Option<&'v Vec<Value>> {
        if !fields.contains_key(key) {
            self.say(format!("missing required field: {key}"), at);
        }
        self.optional_array(fields, key, at)
    }

    pub fn optional_array<'v>(
        &mut self,
        fields: &'v Map<String, Value>,
        key: &str,
        at: &str,
    ) -> Option<&'v Vec<Value>> {
        let value = fields.get(key)?;
        if !value.is_array() {
            self.say("must be an array", &format!("{at}/{key}"));
        }
        value.as_array()
    }

    pub fn no_more_than(&mut self, most: usize, count: usize, at: &str) {
        if count > most {
            self.say(format!("no more than {most} items allowed"), at);
        }
    }

    pub fn at_least_one(&mut self, count: usize, at: &str) {
        if count == 0 {
            self.say("no less than 1 items allowed", at);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Surface, check};

    fn problems(blocks: &Value) -> Vec<String> {
        check(blocks, Surface::Message, "/blocks")
    }

    fn section(text: &str) -> Value {
        json!({"type": "section", "text": {"type": "mrkdwn", "text": text}})
    }

    fn button(fields: &Value) -> Value {
        let mut button =
            json!({"type": "button", "action_id": "a", "text": {"type": "plain_text", "text": "Go"}});
        for (key, value) in fields.as_object().expect("fields") {
            button[key] = value.clone();
        }
        json!([{"type": "actions", "elements": [button]}])
    }

    #[test]
    fn accepts_what_is_just_within_the_limits() {
        let at_limit: Vec<_> = (0..50).map(|_| section(&"é".repeat(3000))).collect();
        assert!(problems(&json!(at_limit)).is_empty());
        let header = json!([{"type": "header", "text": {"type": "plain_text", "text": "h".repeat(150)}}]);
        assert!(problems(&header).is_empty());
        assert!(problems(&button(&json!({"value": "v".repeat(2000), "style": "danger"}))).is_empty());
    }

    #[test]
    fn names_the_place_of_what_is_too_much() {
        let many: Vec<_> = (0..51).map(|_| section("x")).collect();
        assert_eq!(problems(&json!(many)), ["no more than 50 items allowed [json-pointer:/blocks]"]);
        assert_eq!(
            problems(&json!([section("x"), section(&"x".repeat(3001))])),
            ["must be less than 3001 characters [json-pointer:/blocks/1/text/text]"]
        );
        assert_eq!(
            problems(&json!([section("")])),
            ["must be more than 0 characters [json-pointer:/blocks/0/text/text]"]
        );
        let fields: Vec<_> = (0..11).map(|_| json!({"type": "mrkdwn", "text": "f"})).collect();
        assert_eq!(
            problems(&json!([{"type": "section", "fields": fields}])),
            ["no more than 10 items allowed [json-pointer:/blocks/0/fields]"]
        );
        assert_eq!(
            problems(&button(&json!({"text": {"type": "plain_text", "text": "b".repeat(76)}}))),
            ["must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]"]
        );
        assert_eq!(
            problems(&button(&json!({"value": "v".repeat(2001), "style": "big"}))),
            [
                "must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]",
                "must be one of: primary, danger [json-pointer:/blocks/0/elements/0/style]"
            ]
        );
    }

    #[test]
    fn knows_types_properties_and_ids() {
        let bad = json!([
            {"type": "header", "text": {"type": "mrkdwn", "text": "no"}},
            {"type": "banner"},
            {"type": "divider", "colour": "red"},
            {"type": "input", "label": {"type": "plain_text", "text": "x"}},
            {"type": "divider", "block_id": "a"},
            {"type": "divider", "block_id": "a"},
            {"type": "divider", "block_id": "x".repeat(256)},
            {"type": "section"},
        ]);
        assert_eq!(
            problems(&bad),
            [
                "must be a valid text object type [json-pointer:/blocks/0/text/type]",
                "unsupported type: banner [json-pointer:/blocks/1/type]",
                "invalid additional property: colour [json-pointer:/blocks/2]",
                "unsupported type: input [json-pointer:/blocks/3/type]",
                "`block_id` must be unique [json-pointer:/blocks/5/block_id]",
                "must be less than 256 characters [json-pointer:/blocks/6/block_id]",
                "missing required field: text [json-pointer:/blocks/7]",
            ]
        );
    }

    #[test]
    fn counts_options() {
        let option = json!({"text": {"type": "plain_text", "text": "o"}, "value": "v"});
        let select = |options: Vec<Value>| json!([{"type": "actions", "elements": [{"type": "static_select", "action_id": "s", "options": options}]}]);
        assert!(problems(&select(vec![option.clone(); 100])).is_empty());
        assert_eq!(
            problems(&select(vec![option; 101])),
            ["no more than 100 items allowed [json-pointer:/blocks/0/elements/0/options]"]
        );
        let long = json!({"text": {"type": "plain_text", "text": "o"}, "value": "v".repeat(151)});
        assert_eq!(
            problems(&select(vec![long])),
            ["must be less than 151 characters [json-pointer:/blocks/0/elements/0/options/0/value]"]
        );
    }

    #[test]
    fn looks_into_rich_text() {
        let rich = |spans: Value| json!([{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": spans}]}]);
        assert!(
            problems(&rich(json!([{"type": "text", "text": "<raw>"}, {"type": "user", "user_id": "U1"}])))
                .is_empty()
        );
        assert_eq!(
            problems(&rich(json!([{"type": "text", "text": ""}, {"type": "mrkdwn", "text": "x"}]))),
            [
                "must be more than 0 characters [json-pointer:/blocks/0/elements/0/elements/0/text]",
                "unsupported type: mrkdwn [json-pointer:/blocks/0/elements/0/elements/1/type]"
            ]
        );
    }
}
