//! Slack's limits on what stands inside blocks: buttons, menus, inputs, rich text; and where each may stand.
//! <https://docs.slack.dev/reference/block-kit/block-elements>

use serde_json::{Map, Value};

use super::blocks::{Checker, Text};

const MENUS: &str = "static_select external_select users_select conversations_select channels_select \
    multi_static_select multi_external_select multi_users_select multi_conversations_select multi_channels_select";
const PICKERS: &str = "datepicker timepicker datetimepicker checkboxes radio_buttons";

/// Where an element may stand; the menus and pickers may stand in all three.
pub(super) const IN_ACTIONS: &str = "button overflow";
pub(super) const IN_SECTION: &str = "button overflow image";
pub(super) const IN_INPUT: &str =
    "plain_text_input number_input email_text_input url_text_input rich_text_input file_input";

/// The elements of a block that a person can work with, with their `action_id`.
pub(super) fn interactive(block: &Value) -> Vec<&Value> {
    let list = match block["type"].as_str() {
        Some("actions") => block["elements"].as_array().map(|e| e.iter().collect()),
        Some("section") => block.get("accessory").filter(|a| a["type"] != "image").map(|a| vec![a]),
        Some("input") => block.get("element").map(|e| vec![e]),
        _ => None,
    };
    list.unwrap_or_default()
}

/// [`interactive`], to be changed.
pub(super) fn interactive_mut(block: &mut Value) -> Vec<&mut Value> {
    let kind = block["type"].as_str().unwrap_or_default().to_owned();
    let list = match kind.as_str() {
        "actions" => block["elements"].as_array_mut().map(|e| e.iter_mut().collect()),
        "section" => block.get_mut("accessory").filter(|a| a["type"] != "image").map(|a| vec![a]),
        "input" => block.get_mut("element").map(|e| vec![e]),
        _ => None,
    };
    list.unwrap_or_default()
}

impl Checker {
    pub fn element(&mut self, element: &Value, kinds: &str, at: &str) {
        let Some(fields) = element.as_object() else { return self.say("must be an object", at) };
        let kind = fields.get("type").and_then(Value::as_str).unwrap_or_default();
        let fits = [kinds, MENUS, PICKERS].iter().any(|list| list.split(' ').any(|k| k == kind));
        if !fits {
            return self.say(format!("unsupported type: {kind}"), &format!("{at}/type"));
        }
        self.id(fields, "action_id", at);
        if fields.contains_key("confirm") {
            self.confirm(&fields["confirm"], &format!("{at}/confirm"));
        }
        match kind {
            "button" => self.button(fields, at),
            "overflow" => {
                self.only(fields, "action_id options confirm", at);
                self.options(fields, 5, at);
            }
            "image" => {
                self.only(fields, "image_url slack_file alt_text", at);
                self.string(fields, "alt_text", 2000, true, at);
            }
            "checkboxes" | "radio_buttons" => {
                self.only(
                    fields,
                    "action_id options initial_options initial_option confirm focus_on_load",
                    at,
                );
                self.options(fields, 10, at);
            }
            "plain_text_input" => self.plain_text_input(fields, at),
            _ => {
                self.optional_text(fields, "placeholder", Text::Plain, 150, at);
                if kind.ends_with("static_select") {
                    self.static_select(fields, at);
                }
            }
        }
    }

    fn button(&mut self, fields: &Map<String, Value>, at: &str) {
        self.only(fields, "text action_id url value style confirm accessibility_label", at);
        self.text(fields, "text", Text::Plain, 75, at);
        self.string(fields, "value", 2000, false, at);
        self.string(fields, "url", 3000, false, at);
        self.string(fields, "accessibility_label", 75, false, at);
        if let Some(style) = fields.get("style")
            && style != "primary"
            && style != "danger"
        {
            self.say("must be one of: primary, danger", &format!("{at}/style"));
        }
    }

    fn static_select(&mut self, fields: &Map<String, Value>, at: &str) {
        let Some(groups) = self.optional_array(fields, "option_groups", at) else {
            return self.options(fields, 100, at);
        };
        let at = format!("{at}/option_groups");
        self.at_least_one(groups.len(), &at);
        self.no_more_than(100, groups.len(), &at);
        for (i, group) in groups.iter().enumerate() {
            let at = format!("{at}/{i}");
            if let Some(fields) = group.as_object() {
                self.text(fields, "label", Text::Plain, 75, &at);
                self.options(fields, 100, &at);
            }
        }
    }

    fn options(&mut self, fields: &Map<String, Value>, most: usize, at: &str) {
        let Some(options) = self.array(fields, "options", at) else { return };
        let at = format!("{at}/options");
        self.at_least_one(options.len(), &at);
        self.no_more_than(most, options.len(), &at);
        for (i, option) in options.iter().enumerate() {
            let at = format!("{at}/{i}");
            let Some(fields) = option.as_object() else {
                self.say("must be an object", &at);
                continue;
            };
            self.only(fields, "text value description url", &at);
            self.text(fields, "text", Text::Any, 75, &at);
            self.string(fields, "value", 150, true, &at);
            self.optional_text(fields, "description", Text::Any, 75, &at);
        }
    }

    fn plain_text_input(&mut self, fields: &Map<String, Value>, at: &str) {
        self.only(
            fields,
            "action_id initial_value multiline min_length max_length dispatch_action_config focus_on_load placeholder",
            at,
        );
        self.optional_text(fields, "placeholder", Text::Plain, 150, at);
        self.string(fields, "initial_value", 3000, false, at);
        for (key, least) in [("min_length", 0), ("max_length", 1)] {
            if let Some(value) = fields.get(key)
                && !value.as_u64().is_some_and(|n| (least..=3000).contains(&n))
            {
                self.say(format!("must be between {least} and 3000"), &format!("{at}/{key}"));
            }
        }
    }

    fn confirm(&mut self, dialog: &Value, at: &str) {
        let Some(fields) = dialog.as_object() else { return self.say("must be an object", at) };
        self.only(fields, "title text confirm deny style", at);
        self.text(fields, "title", Text::Plain, 100, at);
        self.text(fields, "text", Text::Any, 300, at);
        self.optional_text(fields, "confirm", Text::Plain, 30, at);
        self.optional_text(fields, "deny", Text::Plain, 30, at);
    }

    pub fn rich_text(&mut self, fields: &Map<String, Value>, at: &str) {
        self.only(fields, "elements", at);
        let Some(parts) = self.array(fields, "elements", at) else { return };
        for (i, part) in parts.iter().enumerate() {
            self.rich_part(part, &format!("{at}/elements/{i}"));
        }
    }

    fn rich_part(&mut self, part: &Value, at: &str) {
        let kind = part["type"].as_str().unwrap_or_default();
        let is_list = kind == "rich_text_list";
        if !is_list && !matches!(kind, "rich_text_section" | "rich_text_quote" | "rich_text_preformatted") {
            return self.say(format!("unsupported type: {kind}"), &format!("{at}/type"));
        }
        let Some(children) = part.as_object().and_then(|p| self.array(p, "elements", at)) else { return };
        for (i, child) in children.iter().enumerate() {
            let at = format!("{at}/elements/{i}");
            let needs = match child["type"].as_str().unwrap_or_default() {
                "rich_text_section" if is_list => {
                    self.rich_part(child, &at);
                    continue;
                }
                "text" if !is_list => "text",
                "link" if !is_list => "url",
                "user" if !is_list => "user_id",
                "usergroup" if !is_list => "usergroup_id",
                "channel" if !is_list => "channel_id",
                "emoji" if !is_list => "name",
                "broadcast" if !is_list => "range",
                "date" if !is_list => "format",
                other => {
                    self.say(format!("unsupported type: {other}"), &format!("{at}/type"));
                    continue;
                }
            };
            match child[needs].as_str() {
                None => self.say(format!("missing required field: {needs}"), &at),
                Some("") => self.say("must be more than 0 characters", &format!("{at}/{needs}")),
                Some(_) => {}
            }
        }
    }
}
