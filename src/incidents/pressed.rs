//! Buttons and submitted forms. Who pressed decides what is allowed; a button's value only says which incident.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::declare::{self, Declared, Field, NewIncident};
use super::effects::Effect;
use super::forms::{self, form, press};
use super::model::{Actor, Incident, Status, Step, StepState};
use super::{asked, lifecycle, messages, opening, reminders};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::front::{Caller, Message, Reply};
use crate::ids::{IncidentId, PagerDutyIncidentId};
use crate::oncall::Known;
use crate::slack::blocks::{self, Style};
use crate::store::Tx;

/// A button that somebody pressed.
#[derive(Clone, Debug)]
pub struct Pressed {
    pub action: String,
    /// The row of buttons that it stands in.
    pub row: String,
    pub value: String,
}

impl Pressed {
    /// Opening a form writes nothing.
    pub fn only_looks(&self) -> bool {
        matches!(self.action.as_str(), press::UPDATE_FORM | press::REOPEN_FORM)
    }

    /// An offer is taken up once, however often its button is pressed.
    pub fn is_once(&self) -> bool {
        self.action == press::DECLARE_ANYWAY
    }

    /// A question is answered in its own place, and its buttons go. Elsewhere the channel shows what was done, and
    /// only who pressed in vain is told.
    fn answer(&self, news: bool, done: &str, already: &str) -> Reply {
        let is_question = forms::question::ALL.contains(&self.row.as_str());
        match (is_question, news) {
            (true, true) => Reply::instead(done),
            (true, false) => Reply::instead(already),
            (false, true) => Reply::Nothing,
            (false, false) => Reply::only(already),
        }
    }
}

/// A form that somebody submitted: Slack's `view.state.values`.
#[derive(Clone, Debug)]
pub struct Submitted {
    pub form: String,
    pub metadata: String,
    pub values: Value,
}

impl Submitted {
    /// What was written into a field; empty when nothing was.
    pub fn text(&self, block: &str) -> String {
        self.values[block]["value"]["value"].as_str().unwrap_or_default().to_owned()
    }

    /// What was chosen from a menu.
    pub fn chosen(&self, block: &str) -> Option<String> {
        self.values[block]["value"]["selected_option"]["value"].as_str().map(str::to_owned)
    }

    /// Whether one of the switches is on.
    fn switched(&self, name: &str) -> bool {
        let options = self.values["switches"]["value"]["selected_options"].as_array();
        options.into_iter().flatten().any(|o| o["value"] == name)
    }
}

/// One that looks the same is open: its place, and a way to declare all the same.
pub fn offer_anyway(twin: &Incident, new: &NewIncident, now: Timestamp) -> Message {
    let value = json!(anyway(new)).to_string();
    let button = blocks::button("Declare anyway", press::DECLARE_ANYWAY, &value, Style::Danger, None);
    forms::ask(&messages::looks_like(twin, now), forms::question::LOOK_ALIKE, &[button])
}

fn anyway(new: &NewIncident) -> NewIncident {
    // A button's value holds 2,000 characters, and a quote takes two.
    NewIncident { title: blocks::plain(&new.title, 800), anyway: true, ..new.clone() }
}

/// Does what a button says, for whoever pressed it.
pub async fn press(tx: &mut Tx, known: &Known, caller: &Caller, pressed: &Pressed) -> Result<Reply> {
    let by = Actor::from(caller);
    // Buttons of one kind in one row carry what tells them apart behind a dot.
    let action = match pressed.action.rsplit_once('.') {
        Some((kind, _)) if kind == press::SNOOZE || kind == press::SEVERITY => kind,
        _ => pressed.action.as_str(),
    };
    match action {
        press::DECLARE_ANYWAY => {
            let new: NewIncident = serde_json::from_str(&pressed.value).map_err(|_| stale())?;
            return match declare::declare(tx, known, &by, &anyway(&new)).await? {
                Declared::New { incident, other_test } => {
                    let said = asked::declared(known, &incident, other_test.as_deref(), &new, tx.now());
                    Ok(Reply::Instead(said))
                }
                Declared::LooksLike(_) => Err(stale()),
            };
        }
        press::OPEN_HELD => return open_held(tx, known, caller, &pressed.value).await,
        _ => {}
    }
    let mut incident = incident(tx, caller, &pressed.value).await?;
    if !pressed.only_looks() {
        incident = tx.lock_incident(incident.id).await?;
    }
    let (label, who) = (incident.label(), blocks::untrusted(&caller.name));
    match action {
        press::ACKNOWLEDGE => {
            let news = lifecycle::acknowledge(tx, known, &incident, &by).await?;
            Ok(pressed.answer(news, "", &format!("{label} was acknowledged already.")))
        }
        press::TAKE_COMMAND => {
            let commander = lifecycle::take_command(tx, known, &incident, &by).await?;
            let already = match &commander {
                Some(row) if row.slack_user_id == caller.user => "You are incident commander already.".into(),
                Some(row) => messages::is_commanded(&known.config.commands, row),
                None => String::new(),
            };
            let done = format!(":firefighter: {who} took command of {label}.");
            Ok(pressed.answer(commander.is_none(), &done, &already))
        }
        press::UPDATE_FORM => {
            lifecycle::must_be_open(known, &incident)?;
            Ok(Reply::Modal(forms::update_form(&incident, None)))
        }
        press::REOPEN_FORM if incident.is_open() => Ok(Reply::only(messages::is_open(&incident))),
        press::REOPEN_FORM => Ok(Reply::Modal(forms::reopen_form(&incident))),
        press::MITIGATED => {
            let news = lifecycle::mitigated(tx, known, &incident, &by, "").await?;
            Ok(pressed.answer(news, "", &format!("{label} was mitigated already.")))
        }
        press::RESOLVE => {
            let news = lifecycle::resolve(tx, &incident, &by, "").await?;
            let done = format!(":white_check_mark: {who} resolved {label}.");
            Ok(pressed.answer(news, &done, &format!("{label} is {} already.", incident.status)))
        }
        press::KEEP_OPEN => {
            Ok(pressed.answer(true, &format!(":fire: {label} is not over, says {who}. It stays open."), ""))
        }
        press::SEVERITY => {
            let word = field(&pressed.value, "severity")?;
            let to = declare::severity(&known.config, &word)?;
            let news = lifecycle::change_severity(tx, known, &incident, &by, to).await?;
            Ok(Reply::instead(asked::severity_now(tx, known, &incident, news).await?))
        }
        press::SNOOZE => {
            lifecycle::must_be_open(known, &incident)?;
            let minutes: u64 = field(&pressed.value, "minutes")?.parse().map_err(|_| stale())?;
            let time = Duration::from_secs(minutes.clamp(1, 1440) * 60);
            reminders::snooze(tx, &incident, time).await?;
            let until = blocks::date(tx.now() + time);
            let said =
                format!(":zzz: {who} snoozed the reminder for {}, until {until}.", messages::span(time));
            Ok(pressed.answer(true, &said, ""))
        }
        press::RETRY => retry(tx, &incident, &field(&pressed.value, "step")?).await,
        _ => Err(stale()),
    }
}

/// Brings a failed step back: its job, parked or discarded, looks before it acts.
async fn retry(tx: &mut Tx, incident: &Incident, step: &str) -> Result<Reply> {
    let step = Step::from_word(step).ok_or_else(stale)?;
    let row = tx.steps(incident.id).await?.into_iter().find(|s| s.step == step);
    let Some((job_id, why)) =
        row.filter(|r| r.state == StepState::Failed).and_then(|r| Some((r.job_id?, r.detail)))
    else {
        return Ok(Reply::only(format!("{} is not in a failed state any more.", step.title())));
    };
    if !tx.unpark_job(job_id).await? && !tx.reopen_job(job_id).await? {
        return Ok(Reply::only(format!("{} is being retried already.", step.title())));
    }
    if step == Step::Page {
        tx.set_page_wanted(incident.id).await?;
        // The room has read that nobody is paged; it is to read when somebody is.
        tx.set_step(incident.id, step, StepState::Retrying, why, Some(job_id)).await?;
    } else {
        tx.set_step(incident.id, step, StepState::Waiting, None, Some(job_id)).await?;
    }
    tx.redraw(incident.id).await?;
    Ok(Reply::only(format!("Retrying: {}.", step.title())))
}

/// A PagerDuty incident of a digest, unless somebody was quicker or it is over.
async fn open_held(tx: &mut Tx, known: &Known, caller: &Caller, page: &str) -> Result<Reply> {
    let page = tx.linked_page(&PagerDutyIncidentId::new(page)).await?.ok_or_else(stale)?;
    if let Some(id) = page.incident_id {
        let incident = tx.visible_incident_by_id(&caller.user, id).await?;
        return Ok(Reply::only(messages::open_already(incident.as_ref())));
    }
    if !page.is_open() {
        return Ok(Reply::only("PagerDuty has resolved it meanwhile."));
    }
    let incident = opening::open_for(tx, known, &page).await?;
    // Who is paged now, and who has acknowledged, PagerDuty knows.
    tx.cause(&Effect::CatchUp { page: page.id }).await?;
    Ok(Reply::only(format!("Opening {}.", blocks::untrusted(&incident.headline()))))
}

/// Takes a submitted form; what is wrong with it is said beside the field.
pub async fn submit(tx: &mut Tx, known: &Known, caller: &Caller, form: &Submitted) -> Result<Reply> {
    let by = Actor::from(caller);
    match form.form.as_str() {
        form::DECLARE => {
            let new = NewIncident {
                title: form.text("title"),
                severity: form.chosen("severity"),
                service: form.chosen("service"),
                private: form.switched("private"),
                test: form.switched("test"),
                no_page: form.switched("no_page"),
                anyway: false,
            };
            if let Err((field, why)) = declare::check(&known.config, &new) {
                return Ok(beside(field, &new, &why));
            }
            submit_declaration(tx, known, &by, &new).await
        }
        form::DECLARE_ANYWAY => {
            let new: NewIncident = serde_json::from_str(&form.metadata).map_err(|_| stale())?;
            submit_declaration(tx, known, &by, &anyway(&new)).await
        }
        form::UPDATE => {
            let found = incident(tx, caller, &form.metadata).await?;
            let incident = tx.lock_incident(found.id).await?;
            let said = form.text("text");
            if said.trim().is_empty() {
                return Ok(Reply::form_error("text", "Say what is new."));
            }
            let status = form.chosen("status").and_then(|s| Status::from_word(&s));
            lifecycle::update(tx, known, &incident, &by, status, &said).await?;
            Ok(Reply::Nothing)
        }
        form::REOPEN => {
            let found = incident(tx, caller, &form.metadata).await?;
            let incident = tx.lock_incident(found.id).await?;
            let reason = form.text("text");
            if reason.trim().is_empty() {
                return Ok(Reply::form_error("text", "Say why."));
            }
            let page = form.switched("page");
            if lifecycle::reopen(tx, known, &incident, &by, &reason, page).await? {
                return Ok(Reply::Nothing);
            }
            asked::open_already(tx, known, &incident, &reason, page).await
        }
        _ => Err(stale()),
    }
}

async fn submit_declaration(tx: &mut Tx, known: &Known, by: &Actor, new: &NewIncident) -> Result<Reply> {
    let now = tx.now();
    Ok(match declare::declare(tx, known, by, new).await? {
        Declared::New { incident, other_test } => {
            Reply::Only(asked::declared(known, &incident, other_test.as_deref(), new, now))
        }
        Declared::LooksLike(twin) => {
            Reply::Modal(forms::declare_anyway_form(&messages::looks_like(&twin, now), &anyway(new)))
        }
    })
}

/// What is wrong, in words for a form: there are no flags in it.
fn beside(field: Field, new: &NewIncident, why: &Error) -> Reply {
    match field {
        Field::Title => Reply::form_error("title", "Say what is wrong, in a few words."),
        Field::Severity => Reply::form_error("severity", why.to_string()),
        Field::Service if new.service.is_none() => Reply::form_error(
            "service",
            "Choose the service whose on-call is to be paged, or tick “Page nobody”.",
        ),
        Field::Service => Reply::form_error("service", why.to_string()),
    }
}

/// The incident of a button or form, if this person may see it.
async fn incident(tx: &mut Tx, caller: &Caller, value: &str) -> Result<Incident> {
    let id = match Uuid::parse_str(value) {
        Ok(id) => id,
        Err(_) => Uuid::parse_str(&field(value, "incident")?).map_err(|_| stale())?,
    };
    tx.visible_incident_by_id(&caller.user, IncidentId(id)).await?.ok_or_else(stale)
}

fn field(value: &str, name: &str) -> Result<String> {
    let value: Value = serde_json::from_str(value).map_err(|_| stale())?;
    match &value[name] {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(stale()),
    }
}

fn stale() -> Error {
    Error::not_found(
        "There is no such incident, or that button is out of date. The pinned summary shows what can be done now.",
    )
}
