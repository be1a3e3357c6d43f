//! What incidents show to press and fill in: the pinned summary with its buttons, and the modals.

use serde_json::{Value, json};

use super::messages::{self, span};
use super::model::{Incident, LinkedPage, RoleRow, Status, Step, StepRow, StepState};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::front::Message;
use crate::ids::IncidentId;
use crate::slack::blocks::{self, Style, date, link, mention, plain, untrusted};

/// What is pressed comes back under these names.
pub mod press {
    pub const ACKNOWLEDGE: &str = "incident.acknowledge";
    pub const TAKE_COMMAND: &str = "incident.take_command";
    pub const UPDATE_FORM: &str = "incident.update_form";
    pub const MITIGATED: &str = "incident.mitigated";
    pub const RESOLVE: &str = "incident.resolve";
    pub const KEEP_OPEN: &str = "incident.keep_open";
    pub const REOPEN_FORM: &str = "incident.reopen_form";
    pub const RETRY: &str = "incident.retry";
    pub const SEVERITY: &str = "incident.severity";
    pub const SNOOZE: &str = "incident.snooze";
    pub const OPEN_HELD: &str = "incident.open_held";
    pub const DECLARE_ANYWAY: &str = "incident.declare_anyway";
}

/// Which modal was submitted.
pub mod form {
    pub const DECLARE: &str = "incident.declare_form";
    pub const UPDATE: &str = "incident.update_form";
    pub const REOPEN: &str = "incident.reopen_form";
}

/// All that the summary shows.
pub struct Summary<'a> {
    pub incident: &'a Incident,
    pub emoji: &'a str,
    pub roles: &'a [RoleRow],
    pub pages: &'a [LinkedPage],
    pub steps: &'a [StepRow],
    /// (who, Slack's word for why not)
    pub uninvited: &'a [(String, String)],
}

pub fn summary(s: &Summary<'_>) -> Message {
    let i = s.incident;
    let mut shown = vec![blocks::header(&i.headline())];
    if i.is_test {
        shown.push(blocks::context(":test_tube: *This is a test.* Nobody was paged."));
    }
    shown.push(blocks::fields(&facts(s)));
    if let Some(update) = &i.last_update {
        let at = i.last_update_at.map(|at| format!(" _{}_", date(at))).unwrap_or_default();
        shown.push(blocks::section(&format!("*Last update*{at}\n{}", untrusted(&plain(update, 1500)))));
    }
    shown.extend(trouble(s));
    if i.is_open() {
        shown.push(blocks::actions("incident.verbs", &verbs(s)));
    } else {
        let reopen = blocks::button("Reopen", press::REOPEN_FORM, &i.id.to_string(), Style::Default, None);
        shown.push(blocks::actions("incident.verbs", &[reopen]));
    }
    let text = format!("{} {} · {}", i.severity_shout(), untrusted(&i.headline()), i.status.title());
    Message::with_blocks(text, shown)
}

fn facts(s: &Summary<'_>) -> Vec<String> {
    let i = s.incident;
    let by = i.declared_by.as_ref().map_or_else(|| untrusted(&i.declared_by_name), mention);
    let mut facts = vec![
        format!("*Severity*\n{} {}", s.emoji, i.severity_shout()),
        format!("*Status*\n{}", status_line(i)),
    ];
    for role in s.roles {
        facts.push(format!("*{}*\n{}", role.role.title(), mention(&role.slack_user_id)));
    }
    if !s.roles.iter().any(|r| r.role == super::model::Role::Commander) {
        facts.push("*Incident commander*\n_none yet_".into());
    }
    facts.push(format!("*Service*\n{}", untrusted(i.service.as_deref().unwrap_or("–"))));
    facts.push(format!("*PagerDuty*\n{}", pagerduty_line(s)));
    facts.push(format!("*Declared*\n{by}, {}", date(i.declared_at)));
    facts
}

fn status_line(i: &Incident) -> String {
    let mitigated = if i.mitigated_at.is_some() && i.is_open() { ", mitigated" } else { "" };
    match i.ended_at {
        Some(at) => format!("{} after {}", i.status.title(), span(at.since(i.declared_at))),
        None => format!("{}{mitigated}", i.status.title()),
    }
}

fn pagerduty_line(s: &Summary<'_>) -> String {
    let shown: Vec<String> = s
        .pages
        .iter()
        .map(|p| {
            let label = p.label();
            let shown = p.html_url.as_deref().map_or_else(|| untrusted(&label), |url| link(url, &label));
            format!("{shown} {}", untrusted(&p.status))
        })
        .collect();
    if !shown.is_empty() {
        return shown.join(", ");
    }
    match s.steps.iter().find(|row| row.step == Step::Page) {
        Some(row) if row.state == StepState::Skipped => {
            format!("nobody paged ({})", untrusted(row.detail.as_deref().unwrap_or("not wanted")))
        }
        Some(_) => "being paged …".into(),
        None => "–".into(),
    }
}

/// What did not work, each with a way out.
fn trouble(s: &Summary<'_>) -> Vec<Value> {
    let mut shown = Vec::new();
    for row in s.steps {
        let detail = untrusted(&plain(row.detail.as_deref().unwrap_or("no reason given"), 400));
        match row.state {
            StepState::Failed => {
                let text = format!(":x: *{} failed*: {detail}", row.step.title());
                shown.push(blocks::section_with(&text, retry(s.incident.id, row.step)));
            }
            StepState::Retrying => {
                let text = format!(":hourglass: *{}* is being retried: {detail}", row.step.title());
                shown.push(blocks::context(&text));
            }
            StepState::Waiting | StepState::Done | StepState::Skipped => {}
        }
    }
    if !s.uninvited.is_empty() {
        shown.push(blocks::context(&messages::uninvited(s.uninvited).text));
    }
    shown
}

fn retry(id: IncidentId, step: Step) -> Value {
    let value = json!({ "incident": id, "step": step }).to_string();
    blocks::button("Retry", press::RETRY, &value, Style::Primary, None)
}

/// What failed where there is no summary to show it.
pub fn step_failed(id: IncidentId, step: Step, because: &str) -> Message {
    let text = format!(":x: *{} failed*: {}", step.title(), untrusted(&plain(because, 400)));
    Message::with_blocks(&text, vec![blocks::section_with(&text, retry(id, step))])
}

fn verbs(s: &Summary<'_>) -> Vec<Value> {
    let i = s.incident;
    let id = i.id.to_string();
    let mut verbs = Vec::new();
    if i.acknowledged_at.is_none() {
        verbs.push(blocks::button("Acknowledge", press::ACKNOWLEDGE, &id, Style::Primary, None));
    }
    if !s.roles.iter().any(|r| r.role == super::model::Role::Commander) {
        verbs.push(blocks::button("Take command", press::TAKE_COMMAND, &id, Style::Default, None));
    }
    verbs.push(blocks::button("Post update", press::UPDATE_FORM, &id, Style::Default, None));
    if i.mitigated_at.is_none() {
        verbs.push(blocks::button("Mitigated", press::MITIGATED, &id, Style::Default, None));
    }
    let sure = blocks::confirm(
        "Resolve the incident?",
        "It is closed here and in PagerDuty. It can be reopened.",
        "Resolve",
        "Not yet",
    );
    verbs.push(blocks::button("Resolve", press::RESOLVE, &id, Style::Danger, Some(sure)));
    verbs
}

/// A question with the buttons to answer it.
pub fn ask(text: &str, block_id: &str, buttons: &[Value]) -> Message {
    Message::with_blocks(text, vec![blocks::section(text), blocks::actions(block_id, buttons)])
}

/// PagerDuty closed its incident by itself: is ours over?
pub fn ask_to_resolve(id: IncidentId, text: &str) -> Message {
    let id = id.to_string();
    let buttons = [
        blocks::button("Resolve", press::RESOLVE, &id, Style::Primary, None),
        blocks::button("Keep open", press::KEEP_OPEN, &id, Style::Default, None),
    ];
    ask(text, "incident.ask_to_resolve", &buttons)
}

/// PagerDuty pages again for what is over here.
pub fn ask_to_reopen(incident: &Incident) -> Message {
    let label = incident.label();
    let text = format!(":question: {label} is {} here. If it is back, reopen it.", incident.status);
    let button = blocks::button("Reopen", press::REOPEN_FORM, &incident.id.to_string(), Style::Primary, None);
    ask(&text, "incident.ask_to_reopen", &[button])
}

pub fn take_command(id: IncidentId, text: &str) -> Message {
    let button = blocks::button("Take command", press::TAKE_COMMAND, &id.to_string(), Style::Primary, None);
    ask(text, "incident.commander", &[button])
}

/// The reminder of the next update, with its snoozes.
pub fn remind_update(id: IncidentId, text: &str) -> Message {
    let snooze = |label: &str, minutes: u64| {
        let value = json!({ "incident": id, "minutes": minutes }).to_string();
        let mut button = blocks::button(label, press::SNOOZE, &value, Style::Default, None);
        button["action_id"] = format!("{}.{minutes}", press::SNOOZE).into();
        button
    };
    let buttons = [
        blocks::button("Post update", press::UPDATE_FORM, &id.to_string(), Style::Primary, None),
        snooze("Snooze 30 min", 30),
        snooze("60 min", 60),
        snooze("90 min", 90),
    ];
    ask(text, "incident.reminder", &buttons)
}

/// "Did you mean another severity?", for who named none.
pub fn severity_buttons(config: &Config, incident: &Incident) -> Value {
    let buttons: Vec<Value> = config
        .severities
        .iter()
        .filter(|s| s.name != incident.severity)
        .take(5)
        .map(|s| {
            let value = json!({ "incident": incident.id, "severity": s.name }).to_string();
            let mut button = blocks::button(&s.label(), press::SEVERITY, &value, Style::Default, None);
            button["action_id"] = format!("{}.{}", press::SEVERITY, s.name).into();
            button
        })
        .collect();
    blocks::actions("incident.severities", &buttons)
}

/// PagerDuty incidents without a channel, each with a button to open one.
pub fn digest(held: &[LinkedPage]) -> Message {
    let text = format!(
        ":pager: {} more PagerDuty incident{} arrived; no channels were opened for them.",
        held.len(),
        if held.len() == 1 { "" } else { "s" }
    );
    let mut shown = vec![blocks::section(&text)];
    for page in held.iter().take(40) {
        let label = page.label();
        let name = page.html_url.as_deref().map_or_else(|| untrusted(&label), |url| link(url, &label));
        let open = blocks::button("Open", press::OPEN_HELD, page.id.as_str(), Style::Default, None);
        shown.push(blocks::section_with(&format!("{name} {}", untrusted(&plain(&page.title, 200))), open));
    }
    Message::with_blocks(text, shown)
}

// ── modals ────────────────────────────────────────────────────────────────────────────────────────────────

/// The form behind a bare `/incident`; what was typed already is filled in.
pub fn declare_form(config: &Config, title: &str) -> Value {
    let severities: Vec<(String, String)> = config
        .severities
        .iter()
        .map(|s| (format!("{} – {}", s.label(), s.description), s.name.clone()))
        .collect();
    let mut fields = vec![
        blocks::input(
            "title",
            "What is wrong?",
            &blocks::plain_text_input("value", false, 200, title),
            false,
        ),
        blocks::input(
            "severity",
            "Severity",
            &blocks::static_select(
                "value",
                "Choose a severity",
                &severities,
                Some(&config.default_severity().name),
            ),
            false,
        ),
    ];
    if !config.services.is_empty() {
        let services: Vec<(String, String)> =
            config.services.iter().map(|s| (s.name.clone(), s.name.clone())).collect();
        let chosen = config.default_service().map(|s| s.name.as_str());
        let select = blocks::static_select("value", "Choose a service", &services, chosen);
        fields.push(blocks::input(
            "service",
            "Service",
            &select,
            chosen.is_none() && config.pagerduty.is_none(),
        ));
    }
    let switches = json!({ "type": "checkboxes", "action_id": "value", "options": [
        option("Private: only those invited see it", "private"),
        option("Page nobody", "no_page"),
        option("This is a test: every message is marked, nobody is paged", "test"),
    ]});
    fields.push(blocks::input("switches", "Options", &switches, true));
    blocks::modal(form::DECLARE, "Declare an incident", "Declare", "", &fields)
}

fn option(text: &str, value: &str) -> Value {
    json!({ "text": { "type": "plain_text", "text": text }, "value": value })
}

pub fn update_form(incident: &Incident) -> Value {
    let states: Vec<(String, String)> = [Status::Investigating, Status::Identified, Status::Monitoring]
        .iter()
        .map(|s| (s.title().to_owned(), s.word().to_owned()))
        .collect();
    let fields = [
        blocks::input(
            "status",
            "Status",
            &blocks::static_select("value", "Choose a status", &states, Some(incident.status.word())),
            false,
        ),
        blocks::input("text", "What is new?", &blocks::plain_text_input("value", true, 2500, ""), false),
    ];
    blocks::modal(form::UPDATE, "Post an update", "Post", &incident.id.to_string(), &fields)
}

pub fn reopen_form(incident: &Incident) -> Value {
    let page = json!({ "type": "checkboxes", "action_id": "value", "options": [
        option("Page the on-call again", "page"),
    ]});
    let fields = [
        blocks::input("text", "Why?", &blocks::plain_text_input("value", false, 500, ""), false),
        blocks::input("switches", "Options", &page, true),
    ];
    blocks::modal(form::REOPEN, "Reopen the incident", "Reopen", &incident.id.to_string(), &fields)
}

/// `/incident status` in words.
pub fn status_text(s: &Summary<'_>, now: Timestamp) -> String {
    let i = s.incident;
    let commander = s
        .roles
        .iter()
        .find(|r| r.role == super::model::Role::Commander)
        .map_or_else(|| "none".to_owned(), |r| untrusted(&r.name));
    let update = match (&i.last_update, i.last_update_at) {
        (Some(text), Some(at)) => {
            format!("\n*Last update* ({} ago): {}", span(now.since(at)), untrusted(&plain(text, 1000)))
        }
        _ => String::new(),
    };
    let failed: Vec<&str> =
        s.steps.iter().filter(|r| r.state == StepState::Failed).map(|r| r.step.title()).collect();
    let failed =
        if failed.is_empty() { String::new() } else { format!("\n:x: Failed: {}", failed.join(", ")) };
    format!(
        "{}\nIC: {commander} · PagerDuty: {}{update}{failed}",
        messages::list_line(i, now),
        pagerduty_line(s)
    )
}
