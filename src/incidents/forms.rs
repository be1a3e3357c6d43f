//! What incidents show to press and fill in: the pinned summary with its buttons, and the modals.

use serde_json::{Value, json};

use super::declare::NewIncident;
use super::messages::{self, span};
use super::model::{Incident, LinkedPage, Role, RoleRow, Status, Step, StepRow, StepState};
use super::trouble;
use crate::clock::Timestamp;
use crate::config::{Config, SeverityWord};
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

/// The rows of buttons under a question, which are answered once; the summary's stay.
pub mod question {
    pub const LOOK_ALIKE: &str = "incident.look_alike";
    pub const SEVERITIES: &str = "incident.severities";
    pub const COMMANDER: &str = "incident.commander";
    pub const REMINDER: &str = "incident.reminder";
    pub const IS_IT_OVER: &str = "incident.ask_to_resolve";

    pub const ALL: [&str; 5] = [LOOK_ALIKE, SEVERITIES, COMMANDER, REMINDER, IS_IT_OVER];
}

/// Which modal was submitted.
pub mod form {
    pub const DECLARE: &str = "incident.declare_form";
    pub const DECLARE_ANYWAY: &str = "incident.declare_anyway_form";
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
    if !s.roles.iter().any(|r| r.role == Role::Commander) {
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
    let mut shown: Vec<String> = s
        .pages
        .iter()
        .map(|p| {
            let label = p.label();
            let shown = p.html_url.as_deref().map_or_else(|| untrusted(&label), |url| link(url, &label));
            format!("{shown} {}", untrusted(&p.status))
        })
        .collect();
    // Beside those of earlier rounds, what becomes of the next one.
    let step = s.steps.iter().find(|row| row.step == Step::Page);
    if !s.pages.iter().any(LinkedPage::is_open)
        && let Some(row) = step.filter(|row| shown.is_empty() || is_under_way(row.state))
    {
        shown.push(paging_line(row));
    }
    if shown.is_empty() { "–".into() } else { shown.join(", ") }
}

fn is_under_way(state: StepState) -> bool {
    matches!(state, StepState::Waiting | StepState::Retrying | StepState::Failed)
}

fn paging_line(row: &StepRow) -> String {
    let detail = row.detail.as_deref().unwrap_or("not wanted");
    match row.state {
        StepState::Skipped => format!("nobody paged ({})", untrusted(detail)),
        _ if row.is_by_second_road() => "paged".into(),
        StepState::Failed | StepState::Retrying if row.is_in_doubt() => {
            ":warning: *perhaps nobody paged yet*".into()
        }
        StepState::Failed | StepState::Retrying => ":warning: *nobody paged yet*".into(),
        StepState::Waiting | StepState::Done => "being paged …".into(),
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
            StepState::Retrying if row.is_by_second_road() => {
                let text = ":hourglass: Paged through the Events API; the incident's number follows.";
                shown.push(blocks::context(text));
            }
            StepState::Retrying => {
                let text = format!(":hourglass: *{}* is being retried: {detail}", row.step.title());
                shown.push(blocks::context(&text));
            }
            StepState::Waiting | StepState::Done | StepState::Skipped => {}
        }
    }
    if !s.uninvited.is_empty() {
        shown.push(blocks::context(&trouble::uninvited(s.uninvited).text));
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
    if i.acknowledged_at.is_none() || s.pages.iter().any(|p| i.is_paged_again(p)) {
        verbs.push(blocks::button("Acknowledge", press::ACKNOWLEDGE, &id, Style::Primary, None));
    }
    if !s.roles.iter().any(|r| r.role == Role::Commander) {
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
    ask(text, question::IS_IT_OVER, &buttons)
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
    ask(text, question::COMMANDER, &[button])
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
    ask(text, question::REMINDER, &buttons)
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
    blocks::actions(question::SEVERITIES, &buttons)
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

/// The form behind a bare `/incident`; what was said already is filled in.
pub fn declare_form(config: &Config, said: &NewIncident) -> Value {
    let severities: Vec<(String, String)> = config
        .severities
        .iter()
        .map(|s| {
            // A menu has room for the first clause.
            let clause = s.description.split(':').next().unwrap_or_default();
            (format!("{} – {clause}", s.label()), s.name.clone())
        })
        .collect();
    let severity = match said.severity.as_deref().map(|word| config.severity(word)) {
        Some(SeverityWord::Known(severity)) => severity,
        _ => config.default_severity(),
    };
    let title = blocks::plain_text_input("value", false, 200, &said.title);
    let select = blocks::static_select("value", "Choose a severity", &severities, Some(&severity.name));
    let mut fields = vec![
        blocks::input("title", "What is wrong?", &title, false),
        blocks::input("severity", "Severity", &select, false),
    ];
    if !config.services.is_empty() {
        let services: Vec<(String, String)> =
            config.services.iter().map(|s| (s.name.clone(), s.name.clone())).collect();
        let named = said.service.as_deref().and_then(|word| config.find_service(word));
        let chosen = named.or_else(|| config.default_service()).map(|s| s.name.as_str());
        let select = blocks::static_select("value", "Choose a service", &services, chosen);
        fields.push(blocks::input("service", "Service: whose on-call is paged", &select, true));
    }
    let switches = [
        ("Private: only those invited see it", "private", said.private),
        ("Page nobody", "no_page", said.no_page),
        ("This is a test: every message is marked, nobody is paged", "test", said.test),
    ];
    fields.push(blocks::input("switches", "Options", &checkboxes(&switches), true));
    blocks::modal(form::DECLARE, "Declare an incident", "Declare", "", &fields)
}

/// (text, value, chosen)
fn checkboxes(switches: &[(&str, &str, bool)]) -> Value {
    let option = |(text, value, _): &(&str, &str, bool)| json!({ "text": { "type": "plain_text", "text": text }, "value": value });
    let all: Vec<Value> = switches.iter().map(option).collect();
    let chosen: Vec<Value> = switches.iter().filter(|s| s.2).map(option).collect();
    let mut boxes = json!({ "type": "checkboxes", "action_id": "value", "options": all });
    if !chosen.is_empty() {
        boxes["initial_options"] = chosen.into();
    }
    boxes
}

/// Instead of the form: one that looks the same is open.
pub fn declare_anyway_form(text: &str, again: &NewIncident) -> Value {
    let metadata = json!(again).to_string();
    blocks::modal(
        form::DECLARE_ANYWAY,
        "Is it the same?",
        "Declare anyway",
        &metadata,
        &[blocks::section(text)],
    )
}

pub fn update_form(incident: &Incident, status: Option<Status>) -> Value {
    let choices: Vec<(String, String)> = [Status::Investigating, Status::Identified, Status::Monitoring]
        .iter()
        .map(|s| (s.title().to_owned(), s.word().to_owned()))
        .collect();
    let chosen = status.unwrap_or(incident.status).word();
    let select = blocks::static_select("value", "Choose a status", &choices, Some(chosen));
    let fields = [
        blocks::input("status", "Status", &select, false),
        blocks::input("text", "What is new?", &blocks::plain_text_input("value", true, 2500, ""), false),
    ];
    let title = format!("Update {}", incident.label());
    blocks::modal(form::UPDATE, &title, "Post", &incident.id.to_string(), &fields)
}

pub fn reopen_form(incident: &Incident) -> Value {
    let page = checkboxes(&[("Page the on-call again", "page", false)]);
    let fields = [
        blocks::input("text", "Why?", &blocks::plain_text_input("value", false, 500, ""), false),
        blocks::input("switches", "Options", &page, true),
    ];
    let title = format!("Reopen {}", incident.label());
    blocks::modal(form::REOPEN, &title, "Reopen", &incident.id.to_string(), &fields)
}

/// `/incident status`: in words, and with a way out of what failed.
pub fn status(s: &Summary<'_>, now: Timestamp) -> Message {
    let i = s.incident;
    let mut lines = vec![messages::list_line(i, now)];
    let commander = s.roles.iter().find(|r| r.role == Role::Commander);
    let commander = commander.map_or_else(|| "none yet".to_owned(), |r| untrusted(&r.name));
    lines.push(format!("IC: {commander} · PagerDuty: {}", pagerduty_line(s)));
    if let (Some(text), Some(at)) = (&i.last_update, i.last_update_at) {
        lines.push(format!("*Last update* ({} ago): {}", span(now.since(at)), untrusted(&plain(text, 1000))));
    }
    if let Some(due_at) = i.update_due_at.filter(|_| i.is_open()) {
        lines.push(if due_at > now {
            format!("The next update is due in {}.", span(due_at.since(now)))
        } else {
            "The next update is due now.".to_owned()
        });
    }
    let text = lines.join("\n");
    let trouble = trouble(s);
    if trouble.is_empty() {
        return Message::text(text);
    }
    let shown = std::iter::once(blocks::section(&text)).chain(trouble).collect();
    Message::with_blocks(text, shown)
}
