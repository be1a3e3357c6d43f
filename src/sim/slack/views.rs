//! Modals: `views.open`, `views.push`, `views.update`, and what an answer to a submission does to them.
//! <https://docs.slack.dev/surfaces/modals>

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Slack;
use super::args::{Answer, Refusal, no};
use super::blocks::{self, Surface};
use super::call::Call;
use super::elements;
use super::state::{Trigger, View, World};
use crate::clock::Timestamp;

const TRIGGER_LIFETIME: Duration = Duration::from_secs(3);
const LARGEST_VIEW: usize = 250_000;
const DEEPEST_STACK: usize = 3;
const VIEW_FIELDS: [&str; 10] = [
    "type",
    "title",
    "blocks",
    "close",
    "submit",
    "private_metadata",
    "callback_id",
    "clear_on_close",
    "notify_on_close",
    "external_id",
];

pub(super) fn open(call: &mut Call<'_>) -> Answer {
    let view = given(call)?;
    let trigger_id = call.args.text("trigger_id");
    let trigger = usable(call, &trigger_id)?;
    check_external_id(call.world, &view, "")?;
    spend(call, &trigger_id);
    Ok(json!({"view": call.world.show(&trigger.user, &trigger_id, view, None)}))
}

/// Only from inside a modal, and three deep.
pub(super) fn push(call: &mut Call<'_>) -> Answer {
    let view = given(call)?;
    let trigger_id = call.args.text("trigger_id");
    let trigger = usable(call, &trigger_id)?;
    let below = trigger.from_view.ok_or_else(|| no("not_found"))?;
    let root = call.world.views.iter().find(|v| v.id == below).ok_or_else(|| no("not_found"))?;
    let root = root.view["root_view_id"].clone();
    if call.world.views.iter().filter(|v| v.view["root_view_id"] == root).count() >= DEEPEST_STACK {
        return Err(no("push_limit_reached"));
    }
    check_external_id(call.world, &view, "")?;
    spend(call, &trigger_id);
    Ok(json!({"view": call.world.show(&trigger.user, &trigger_id, view, Some(root))}))
}

pub(super) fn update(call: &mut Call<'_>) -> Answer {
    let view = given(call)?;
    let (id, external_id) = (call.args.text("view_id"), call.args.text("external_id"));
    if id.is_empty() && external_id.is_empty() {
        return Err(Refusal::arguments(&["missing required field: view_id".into()]));
    }
    let is_meant = |v: &&View| if id.is_empty() { v.view["external_id"] == external_id } else { v.id == id };
    let old = call.world.views.iter().find(is_meant).ok_or_else(|| no("not_found"))?;
    if call.args.opt("hash").is_some_and(|hash| old.view["hash"] != hash) {
        return Err(no("hash_conflict"));
    }
    let id = old.id.clone();
    check_external_id(call.world, &view, &id)?;
    Ok(json!({"view": call.world.replace(&id, view)}))
}

/// The `view` argument, held against Slack's limits.
fn given(call: &Call<'_>) -> Result<Value, Refusal> {
    let view = call.args.json("view").ok().flatten().unwrap_or(Value::Null);
    let problems = check(&view);
    match () {
        () if view.to_string().len() > LARGEST_VIEW => Err(no("view_too_large")),
        () if problems.is_empty() => Ok(view),
        () => Err(Refusal::arguments(&problems)),
    }
}

/// What is wrong with a modal; empty if nothing is.
pub(super) fn check(view: &Value) -> Vec<String> {
    let Some(fields) = view.as_object() else { return vec!["must be an object [json-pointer:/view]".into()] };
    let mut problems = blocks::check(&view["blocks"], Surface::Modal, "/view/blocks");
    let mut say = |what: String, at: &str| problems.push(format!("{what} [json-pointer:/view{at}]"));
    if view["type"] != "modal" {
        say("unsupported type".into(), "/type");
    }
    for key in fields.keys().filter(|key| !VIEW_FIELDS.contains(&key.as_str())) {
        say(format!("invalid additional property: {key}"), "");
    }
    if !fields.contains_key("title") {
        say("missing required field: title".into(), "");
    }
    for key in ["title", "submit", "close"] {
        let Some(text) = fields.get(key) else { continue };
        match (text["type"].as_str(), text["text"].as_str().map(|t| t.chars().count())) {
            (Some("plain_text"), Some(1..=24)) => {}
            (Some("plain_text"), Some(0)) => {
                say("must be more than 0 characters".into(), &format!("/{key}/text"));
            }
            (Some("plain_text"), Some(_)) => {
                say("must be less than 25 characters".into(), &format!("/{key}/text"));
            }
            _ => say("must be a plain_text object".into(), &format!("/{key}")),
        }
    }
    for (key, most) in [("private_metadata", 3000), ("callback_id", 255), ("external_id", 255)] {
        if fields.get(key).is_some_and(|v| v.as_str().is_none_or(|text| text.chars().count() > most)) {
            say(format!("must be less than {} characters", most + 1), &format!("/{key}"));
        }
    }
    let has_input = view["blocks"].as_array().is_some_and(|b| b.iter().any(|b| b["type"] == "input"));
    if has_input && !fields.contains_key("submit") {
        say("missing required field: submit".into(), "");
    }
    problems
}

/// The ticket, if it is known, unused, and not older than three seconds.
fn usable(call: &Call<'_>, id: &str) -> Result<Trigger, Refusal> {
    let trigger = call.world.triggers.get(id).ok_or_else(|| no("invalid_trigger_id"))?;
    match trigger {
        Trigger { used: true, .. } => Err(no("exchanged_trigger_id")),
        _ if call.now.since(trigger.issued_at) > TRIGGER_LIFETIME => Err(no("expired_trigger_id")),
        _ => Ok(trigger.clone()),
    }
}

fn spend(call: &mut Call<'_>, trigger_id: &str) {
    if let Some(trigger) = call.world.triggers.get_mut(trigger_id) {
        trigger.used = true;
    }
}

fn check_external_id(world: &World, view: &Value, own_id: &str) -> Result<(), Refusal> {
    let Some(external_id) = view["external_id"].as_str().filter(|id| !id.is_empty()) else { return Ok(()) };
    let is_taken = |v: &View| v.id != own_id && v.view["external_id"] == external_id;
    if world.views.iter().any(is_taken) { Err(no("duplicate_external_id")) } else { Ok(()) }
}

impl World {
    /// A fresh ticket for this person.
    pub fn issue_trigger(&mut self, user: &str, from_view: Option<&str>, now: Timestamp) -> String {
        let id = format!("{}.{}.{}", self.fresh("1"), Slack::TEAM_ID, self.fresh("a"));
        let from_view = from_view.map(str::to_owned);
        self.triggers
            .insert(id.clone(), Trigger { user: user.into(), issued_at: now, used: false, from_view });
        id
    }

    /// Opens a modal on top of `root`'s stack, or as a new one; answers the whole object.
    fn show(&mut self, user: &str, trigger_id: &str, view: Value, root: Option<Value>) -> Value {
        let id = self.fresh("V");
        let root = root.unwrap_or_else(|| json!(id));
        let whole = self.whole(&id, root, view);
        self.views.push(View { id, trigger_id: trigger_id.into(), user: user.into(), view: whole.clone() });
        whole
    }

    fn replace(&mut self, id: &str, view: Value) -> Value {
        let root = self.views.iter().find(|v| v.id == id).map(|v| v.view["root_view_id"].clone());
        let whole = self.whole(id, root.unwrap_or_else(|| json!(id)), view);
        if let Some(open) = self.views.iter_mut().find(|v| v.id == id) {
            open.view = whole.clone();
        }
        whole
    }

    fn whole(&mut self, id: &str, root: Value, mut view: Value) -> Value {
        let blocks = view["blocks"].as_array().cloned().unwrap_or_default();
        view["blocks"] = json!(self.complete(blocks));
        view["state"] = json!({"values": initial_values(&view)});
        view["hash"] = json!(self.fresh("hash"));
        view["id"] = json!(id);
        view["root_view_id"] = root;
        view["team_id"] = json!(Slack::TEAM_ID);
        view["app_id"] = json!(Slack::APP_ID);
        view["bot_id"] = json!(Slack::BOT_ID);
        view["app_installed_team_id"] = json!(Slack::TEAM_ID);
        for key in ["private_metadata", "callback_id", "external_id"] {
            if view.get(key).is_none() {
                view[key] = json!("");
            }
        }
        view
    }

    /// What Slack does with the answer to a `view_submission`. The error says why Slack would show the person
    /// a failure instead. <https://docs.slack.dev/surfaces/modals#response_actions>
    pub fn submission_answered(&mut self, view_id: &str, body: &str) -> Result<(), String> {
        let root = self.views.iter().find(|v| v.id == view_id).map(|v| v.view["root_view_id"].clone());
        let (Some(root), false) = (root, body.trim().is_empty()) else {
            self.views.retain(|v| v.id != view_id);
            return Ok(());
        };
        let answer: Value = serde_json::from_str(body).map_err(|e| format!("answer is not JSON: {e}"))?;
        match answer["response_action"].as_str() {
            Some("clear") => self.views.retain(|v| v.view["root_view_id"] != root),
            Some("errors") => return self.check_errors(view_id, &answer["errors"]),
            Some(action @ ("update" | "push")) => {
                let problems = check(&answer["view"]);
                if !problems.is_empty() {
                    return Err(problems.join("; "));
                }
                let user = self.views.iter().find(|v| v.id == view_id).map(|v| v.user.clone());
                if action == "update" {
                    self.replace(view_id, answer["view"].clone());
                } else {
                    self.show(&user.unwrap_or_default(), "", answer["view"].clone(), Some(root));
                }
            }
            other => return Err(format!("no such response_action: {other:?}")),
        }
        Ok(())
    }

    /// Errors stand under input blocks, by their `block_id`.
    fn check_errors(&self, view_id: &str, errors: &Value) -> Result<(), String> {
        let view = self.views.iter().find(|v| v.id == view_id).ok_or("the view is closed")?;
        let blocks = view.view["blocks"].as_array().cloned().unwrap_or_default();
        let errors =
            errors.as_object().filter(|e| !e.is_empty()).ok_or("errors must be an object with entries")?;
        for (key, text) in errors {
            if !blocks.iter().any(|b| b["block_id"] == *key && b["type"] == "input") {
                return Err(format!("{key} is not the block_id of an input block"));
            }
            if text.as_str().is_none_or(str::is_empty) {
                return Err(format!("the error of {key} is not a text"));
            }
        }
        Ok(())
    }
}

/// `state.values` of a modal nobody has touched: every input, with what it was filled with.
pub(super) fn initial_values(view: &Value) -> Map<String, Value> {
    let mut values = Map::new();
    for block in view["blocks"].as_array().into_iter().flatten() {
        for element in elements::interactive(block).into_iter().filter(|e| e["type"] != "button") {
            let kind = element["type"].as_str().unwrap_or_default();
            let (key, initial) = match kind {
                "static_select" | "external_select" | "radio_buttons" => {
                    ("selected_option", "initial_option")
                }
                "users_select" => ("selected_user", "initial_user"),
                "conversations_select" => ("selected_conversation", "initial_conversation"),
                "channels_select" => ("selected_channel", "initial_channel"),
                "multi_users_select" => ("selected_users", "initial_users"),
                "multi_static_select" | "multi_external_select" | "checkboxes" => {
                    ("selected_options", "initial_options")
                }
                "datepicker" => ("selected_date", "initial_date"),
                "timepicker" => ("selected_time", "initial_time"),
                "datetimepicker" => ("selected_date_time", "initial_date_time"),
                _ => ("value", "initial_value"),
            };
            let (Some(block_id), Some(action_id)) =
                (block["block_id"].as_str(), element["action_id"].as_str())
            else {
                continue;
            };
            let in_block = values.entry(block_id).or_insert_with(|| json!({}));
            in_block[action_id] = json!({"type": kind, (key): element[initial]});
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{OPS, Room, field, room};

    fn trigger(room: &Room) -> String {
        field(&room.slack.command("U1", OPS, "/incident declare").body, "trigger_id")
    }

    fn form() -> Value {
        let input = |name: &str, fields: Value| {
            let mut element = json!({"type": "plain_text_input", "action_id": "value"});
            for (key, value) in fields.as_object().expect("fields") {
                element[key] = value.clone();
            }
            json!({"type": "input", "block_id": name, "label": {"type": "plain_text", "text": name}, "element": element})
        };
        json!({"type": "modal", "callback_id": "declare", "title": {"type": "plain_text", "text": "Declare"},
            "submit": {"type": "plain_text", "text": "Go"},
            "blocks": [input("name", json!({})), input("summary", json!({"initial_value": "tbd"}))]})
    }

    #[tokio::test]
    async fn a_ticket_opens_one_modal_within_three_seconds() {
        let room = room().await;
        let open = |trigger: &str| json!({"trigger_id": trigger, "view": form()});
        assert_eq!(room.no("views.open", open("1.2.3")).await, "invalid_trigger_id");
        let used = trigger(&room);
        let view = room.ok("views.open", open(&used)).await["view"].clone();
        assert_eq!(room.no("views.open", open(&used)).await, "exchanged_trigger_id");
        assert_eq!((room.slack.views().len(), &room.slack.views()[0].view), (1, &view));
        let late = trigger(&room);
        room.later(4);
        assert_eq!(room.no("views.open", open(&late)).await, "expired_trigger_id");
    }

    #[tokio::test]
    async fn a_bad_modal_names_its_faults_and_spends_no_ticket() {
        let room = room().await;
        let ticket = trigger(&room);
        let mut bad = form();
        bad["title"]["text"] = json!("A title that is far too long");
        bad["private_metadata"] = json!("x".repeat(3001));
        bad.as_object_mut().expect("a view").remove("submit");
        let body = room.call("views.open", json!({"trigger_id": ticket, "view": bad})).await;
        assert_eq!(body["error"], "invalid_arguments");
        assert_eq!(
            body["response_metadata"]["messages"],
            json!([
                "[ERROR] must be less than 25 characters [json-pointer:/view/title/text]",
                "[ERROR] must be less than 3001 characters [json-pointer:/view/private_metadata]",
                "[ERROR] missing required field: submit [json-pointer:/view]",
            ])
        );
        room.ok("views.open", json!({"trigger_id": ticket, "view": form().to_string()})).await;
    }

    #[tokio::test]
    async fn an_update_may_insist_on_what_it_saw() {
        let room = room().await;
        let mut named = form();
        named["external_id"] = json!("one");
        let view =
            room.ok("views.open", json!({"trigger_id": trigger(&room), "view": named})).await["view"].clone();
        let twin = json!({"trigger_id": trigger(&room), "view": named});
        assert_eq!(room.no("views.open", twin).await, "duplicate_external_id");
        let update = json!({"view_id": view["id"], "hash": view["hash"], "view": form()});
        room.ok("views.update", update.clone()).await;
        assert_eq!(room.no("views.update", update).await, "hash_conflict");
        assert_eq!(room.no("views.update", json!({"external_id": "one", "view": form()})).await, "not_found");
    }

    #[tokio::test]
    async fn pushes_only_from_inside_and_three_deep() {
        let room = room().await;
        let push = |ticket: String| json!({"trigger_id": ticket, "view": form()});
        let view = room.ok("views.open", push(trigger(&room))).await["view"]["id"].clone();
        assert_eq!(room.no("views.push", push(trigger(&room))).await, "not_found");
        let inside = || {
            let click =
                room.slack.view_action("U1", view.as_str().expect("an id"), &json!({"type": "button"}));
            let payload: Value = serde_json::from_str(&field(&click.body, "payload")).expect("JSON");
            payload["trigger_id"].as_str().expect("a ticket").to_owned()
        };
        room.ok("views.push", push(inside())).await;
        room.ok("views.push", push(inside())).await;
        assert_eq!(room.no("views.push", push(inside())).await, "push_limit_reached");
    }

    #[tokio::test]
    async fn a_submission_carries_every_input_and_its_answer_counts() {
        let room = room().await;
        room.ok("views.open", json!({"trigger_id": trigger(&room), "view": form()})).await;
        let id = room.slack.views()[0].id.clone();
        let typed = json!({"name": {"value": {"type": "plain_text_input", "value": "db down"}}});
        let sent = room.slack.submit_view("U1", &id, typed);
        let payload: Value = serde_json::from_str(&field(&sent.body, "payload")).expect("JSON");
        let values = &payload["view"]["state"]["values"];
        assert_eq!(values["name"]["value"]["value"], "db down");
        assert_eq!(values["summary"]["value"]["value"], "tbd");
        let answer = |body: Value| room.slack.shared.world().submission_answered(&id, &body.to_string());
        assert!(
            answer(json!({"response_action": "errors", "errors": {"value": "no"}})).is_err(),
            "an action_id"
        );
        assert!(answer(json!({"response_action": "errors", "errors": {"name": "taken"}})).is_ok());
        assert!(answer(json!({"response_action": "close"})).is_err());
        assert_eq!(room.slack.views().len(), 1);
        assert!(room.slack.shared.world().submission_answered(&id, "").is_ok());
        assert!(room.slack.views().is_empty());
    }
}
