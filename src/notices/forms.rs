//! What is shown to press and fill in: the question before something goes to the public, and the modals.

use std::collections::BTreeMap;
use std::iter;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::messages;
use super::model::{Post, Standing};
use super::page::Page;
use super::plan::Question;
use super::publish::lists_components;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::front::Message;
use crate::ids::IncidentId;
use crate::incidents::Incident;
use crate::slack::blocks::{self, Style, plain, untrusted};
use crate::statuspage::{ComponentStatus, PostStatus};

/// What is pressed comes back under these names.
pub mod press {
    pub const PUBLISH: &str = "notices.publish";
    pub const RESTORE: &str = "notices.restore";
    pub const KEEP: &str = "notices.keep";
    pub const EDIT: &str = "notices.edit";
    pub const CANCEL: &str = "notices.cancel";
}

/// Which modal was submitted.
pub mod form {
    pub const WRITE: &str = "notices.write_form";
    pub const PREVIEW: &str = "notices.preview_form";
}

/// Their fields.
pub mod block {
    pub const STATUS: &str = "status";
    pub const TEXT: &str = "text";
    pub const REASON: &str = "reason";
    pub const RESTORE: &str = "restore";

    pub fn component(id: &str) -> String {
        format!("component:{id}")
    }
}

/// The two answers to what becomes of components that are not well.
pub const ALL_WELL: &str = "all";
const AS_THEY_ARE: &str = "keep";
/// A component that the post is about, whose state is left as it is.
pub const AFFECTED: &str = "affected";

/// A modal holds a hundred blocks, and nobody reads more menus.
const MOST_COMPONENTS: usize = 60;
/// Slack's limit for what is typed into a form.
const LONGEST_TEXT: u16 = 3_000;

/// What a form is about, in its metadata.
#[derive(Debug, Serialize, Deserialize)]
pub struct About {
    pub incident: IncidentId,
    /// The draft that is being edited.
    pub draft: Option<Uuid>,
}

impl About {
    pub fn read(metadata: &str) -> Option<Self> {
        serde_json::from_str(metadata).ok()
    }
}

/// What stands in the form already.
#[derive(Default)]
pub struct Filled {
    draft: Option<Uuid>,
    status: Option<PostStatus>,
    text: String,
    /// The word of each one's choice.
    components: BTreeMap<String, &'static str>,
    reason: String,
}

impl Filled {
    pub fn of(post: &Post) -> Self {
        let components = post.components.0.iter();
        let components = components.map(|(id, n)| (id.clone(), n.status.map_or(AFFECTED, |s| s.word())));
        Self {
            draft: Some(post.id),
            status: post.status,
            text: post.body.clone(),
            components: components.collect(),
            reason: post.reason.clone().unwrap_or_default(),
        }
    }
}

/// The question before a post goes out: its text, and what may be done with it.
pub fn question(incident: &Incident, post: &Post, question: &Question) -> Message {
    let text = asked(incident, post, question);
    let id = post.id.to_string();
    let button = |text: &str, action: &str, style| blocks::button(text, action, &id, style, None);
    let mut buttons = if question.unwell.is_empty() {
        vec![button("Publish", press::PUBLISH, Style::Primary)]
    } else {
        vec![
            button("Set all operational & resolve", press::RESTORE, Style::Primary),
            button("Resolve & keep current states", press::KEEP, Style::Default),
        ]
    };
    buttons.push(button("Edit", press::EDIT, Style::Default));
    buttons.push(button("Cancel", press::CANCEL, Style::Default));
    Message::with_blocks(&text, vec![blocks::section(&text), blocks::actions("notices.question", &buttons)])
}

fn asked(incident: &Incident, post: &Post, question: &Question) -> String {
    let private = if incident.is_private { " *It is a private incident.*" } else { "" };
    let why = [
        (!question.unwell.is_empty())
            .then(|| format!("\n:warning: Not well yet: {}", messages::components(&question.unwell))),
        question
            .reopens
            .then(|| "\n:warning: It is resolved on the status page: this opens it again.".to_owned()),
        question.is_made_up.then(|| "\n_You wrote no message, so the sentence is mine._".to_owned()),
    ];
    format!(
        ":eyes: The public will read this about {}; nothing is published yet.{private}\n{}{}",
        incident.label(),
        messages::shown(post),
        why.into_iter().flatten().collect::<String>()
    )
}

/// The form behind a bare command, and behind Edit.
pub fn write_form(
    config: &Config,
    incident: &Incident,
    standing: &Standing,
    page: &Page,
    filled: &Filled,
    now: Timestamp,
) -> Value {
    let mut fields = vec![blocks::context(&about(incident, standing))];
    let stands = standing.status.filter(|_| standing.is_there);
    let statuses: Vec<(String, String)> = PostStatus::ALL
        .iter()
        .filter(|status| **status != PostStatus::Resolved || stands.is_some())
        .map(|status| (status.title().to_owned(), status.word().to_owned()))
        .collect();
    let chosen =
        filled.status.or(stands.filter(|s| *s != PostStatus::Resolved)).unwrap_or(PostStatus::Investigating);
    let select = blocks::static_select("value", "Choose a status", &statuses, Some(chosen.word()));
    fields.push(blocks::input(block::STATUS, "Status", &select, false));
    let text = blocks::plain_text_input("value", true, LONGEST_TEXT, &filled.text);
    fields.push(blocks::input(
        block::TEXT,
        "What the public reads (empty: a standard sentence)",
        &text,
        true,
    ));
    if incident.is_private {
        let reason = blocks::plain_text_input("value", false, 300, &filled.reason);
        fields.push(blocks::input(
            block::REASON,
            "Private: why does the public have to know?",
            &reason,
            false,
        ));
    }
    for component in page.components.iter().take(MOST_COMPONENTS) {
        let keep = (format!("Leave it: {}", component.status.title()), AS_THEY_ARE.to_owned());
        let affected = ("Affected, its state unchanged".to_owned(), AFFECTED.to_owned());
        let affected = Some(affected).filter(|_| lists_components(config));
        let all = ComponentStatus::ALL.iter().map(|s| (capital(s.title()), s.word().to_owned()));
        let options: Vec<(String, String)> = iter::once(keep).chain(affected).chain(all).collect();
        let chosen = filled.components.get(&component.id).copied().unwrap_or(AS_THEY_ARE);
        let select = blocks::static_select("value", "Choose a state", &options, Some(chosen));
        let label = plain(&component.full_name(), 150);
        fields.push(blocks::input(&block::component(&component.id), &label, &select, true));
    }
    if page.components.len() > MOST_COMPONENTS {
        fields.push(blocks::context("More components than fit here: name the others in the typed command."));
    }
    if let Some(age) = messages::age(page, now) {
        fields.push(blocks::context(&age));
    }
    let metadata = json!(About { incident: incident.id, draft: filled.draft }).to_string();
    blocks::modal(form::WRITE, "Status page", "Publish", &metadata, &fields)
}

fn about(incident: &Incident, standing: &Standing) -> String {
    let now = match standing.status.filter(|_| standing.is_there) {
        Some(status) => format!("on the page as _{}_{}", status.title(), messages::impact(standing.impact)),
        None => "not on the page yet".to_owned(),
    };
    let headline = untrusted(&plain(&incident.headline(), 200));
    [format!("*{headline}*: {now}"), messages::components(&standing.components)]
        .join("\n")
        .trim_end()
        .to_owned()
}

/// In the form's place once it is filled in: the text as the public will read it.
pub fn preview_form(incident: &Incident, post: &Post, question: &Question) -> Value {
    let mut fields = vec![blocks::section(&asked(incident, post, question))];
    if !question.unwell.is_empty() {
        let options = [
            ("Set all operational & resolve".to_owned(), ALL_WELL.to_owned()),
            ("Resolve & keep current states".to_owned(), AS_THEY_ARE.to_owned()),
        ];
        let select = blocks::static_select("value", "Choose", &options, None);
        fields.push(blocks::input(block::RESTORE, "Components that are not well", &select, false));
    }
    blocks::modal(form::PREVIEW, "The public reads", "Publish", &post.id.to_string(), &fields)
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
