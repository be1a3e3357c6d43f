//! Paging: making the PagerDuty incident. At least once, and never two: our incident's id is the key, looked up before
//! each repetition.

use std::time::Duration;

use crate::app::App;
use crate::clock::Timestamp;
use crate::config::{Phones, Service, SeverityWord, Urgency};
use crate::error::{Error, Problem, Result, Upstream};
use crate::ids::{IncidentId, PagerDutyIncidentId, SlackUserId, new_id};
use crate::incidents::declare;
use crate::incidents::effects::Effect;
use crate::incidents::messages;
use crate::incidents::model::{
    Actor, Incident, Kind, LinkedPage, PAGED_BY_SECOND_ROAD, Source, Step, StepRow, StepState,
};
use crate::incidents::pages;
use crate::incidents::timeline::NewEntry;
use crate::incidents::trouble::{self, Delay};
use crate::jobs::{Finished, Job};
use crate::oncall::model::Contact;
use crate::pagerduty::roads::{self, Keyed};
use crate::pagerduty::{self, NewIncident};
use crate::posts::{self, Post};
use crate::store::{Priority, Tx};

/// What passes within this time alarms nobody.
const HICCUP: Duration = Duration::from_secs(5);

/// Pages, unless that was wanted only before the incident ended and was opened again.
pub(super) async fn page(app: &App, job: &Job, id: IncidentId) -> Result<Finished> {
    let incident = super::read(app, id).await?;
    if incident.wants_page {
        return create(app, job, id).await;
    }
    // If an attempt got through all the same, PagerDuty's webhook brings it.
    let mut tx = app.db.write(Priority::Job).await?;
    leave_out(&mut tx, id).await?;
    job.finish(tx).await
}

pub(super) async fn leave_out(tx: &mut Tx, id: IncidentId) -> Result<()> {
    let why = Some("it ended before anybody was paged".to_owned());
    if tx.set_step(id, Step::Page, StepState::Skipped, why, None).await? {
        tx.redraw(id).await?;
    }
    Ok(())
}

fn on_call(app: &App, incident: &Incident, at: Timestamp) -> Vec<Contact> {
    let known = app.known();
    let service = incident.service.as_deref().and_then(|name| known.config.find_service(name));
    service.map(|s| declare::on_call(&known, s, at)).unwrap_or_default()
}

async fn create(app: &App, job: &Job, id: IncidentId) -> Result<Finished> {
    let mut tx = app.db.read().await?;
    let incident = tx.incident(id).await?;
    let mut linked = tx.linked_pages(id).await?;
    linked.retain(|page| !page.is_extra);
    let open_before = tx.pages_of_earlier_rounds(id).await?;
    let step = tx.step(id, Step::Page).await?;
    // The webhook about our own incident may have been quicker than the answer to us.
    let paged =
        linked.iter().any(|page| page.pages_now(&open_before)) || tx.paged_after(id, job.created_at).await?;
    drop(tx);
    if paged {
        return job.finish_bare(&app.db).await;
    }
    let service = incident.service.as_deref().map(|name| app.config.service(name)).transpose()?;
    let (Some(pagerduty), Some(service)) = (&app.pagerduty, service) else {
        return Err(Error::refused("no PagerDuty service is configured for this incident"));
    };
    let sent = step.filter(StepRow::is_by_second_road).map(|s| s.changed_at);
    let earlier = linked.into_iter().map(|page| page.id).collect();
    let attempt = Attempt {
        app,
        job,
        incident: &incident,
        service,
        pagerduty,
        earlier,
        open_before,
        sent_by_events_at: sent,
    };
    if !incident.is_open() {
        return attempt.call_off().await;
    }
    match attempt.first_road_aloud().await {
        Ok(page) => attempt.record(page).await,
        Err(error) if attempt.may_take_second_road(&error) => Err(attempt.second_road(error).await?),
        Err(error) => Err(patiently(error)),
    }
}

/// A page that does not go out is said aloud: not after the first hiccup, which a second try may mend within a
/// second, but as soon as it is more than that.
pub(super) async fn stumbled(app: &App, tx: &mut Tx, job: &Job, id: IncidentId, error: &Error) -> Result<()> {
    let row = tx.step(id, Step::Page).await?;
    let incident = tx.incident(id).await?;
    if row.as_ref().is_some_and(StepRow::is_by_second_road) || !incident.is_open() {
        return Ok(());
    }
    let told = row.as_ref().is_some_and(|r| r.state == StepState::Retrying);
    let wait = match error {
        Error::Upstream(Upstream { problem: Problem::RateLimited { after }, .. }) => *after,
        _ => Duration::ZERO,
    };
    let is_hiccup = job.attempts == 1 && tx.now().since(job.created_at) + wait < HICCUP;
    if !told && is_hiccup {
        return Ok(());
    }
    let mut delay = Delay::of(job, error);
    delay.is_in_doubt |= row.is_some_and(|row| row.is_in_doubt());
    if !told {
        alarm(app, tx, &incident, &delay).await?;
    }
    if tx.set_step(id, Step::Page, StepState::Retrying, Some(delay.detail()), Some(job.id)).await? {
        tx.redraw(id).await?;
    }
    Ok(())
}

async fn alarm(app: &App, tx: &mut Tx, incident: &Incident, delay: &Delay) -> Result<()> {
    let call = whom_to_call(app, tx, incident, delay.nobody_is_paged()).await?;
    let message = trouble::nobody_paged_yet(incident, &call, delay);
    tx.say_until_done(incident, Step::Page, message).await?;
    note(tx, incident.id, format!("{}: {}", delay.nobody_is_paged(), delay.because)).await
}

/// PagerDuty said no, or an operator gave it up: somebody must mend it, and call people meanwhile.
pub(super) async fn parked(
    app: &App,
    tx: &mut Tx,
    incident: &Incident,
    because: &str,
    is_in_doubt: bool,
) -> Result<()> {
    if !incident.is_open() {
        return Ok(());
    }
    let paged = if is_in_doubt { "Perhaps nobody has been paged" } else { "Nobody has been paged" };
    let call = whom_to_call(app, tx, incident, paged).await?;
    let message = trouble::paging_failed(incident, &call, because, paged);
    tx.say_until_done(incident, Step::Page, message).await?;
    note(tx, incident.id, format!("Failed to page: {because}")).await
}

/// For the room: names, and the phone numbers if channels may show them. If they are for one pair of eyes, whoever
/// declared it and the commander get them in private.
async fn whom_to_call(app: &App, tx: &mut Tx, incident: &Incident, paged: &str) -> Result<String> {
    let on_call = on_call(app, incident, tx.now());
    let phones = app.config.paging.phones;
    let mut call = trouble::whom_to_call(&on_call, phones.are_shown(true));
    let (Phones::Private, Some(service), false) = (phones, &incident.service, on_call.is_empty()) else {
        return Ok(call);
    };
    let commander = tx.commander(incident.id).await?.map(|role| role.slack_user_id);
    let mut told: Vec<SlackUserId> = incident.declared_by.iter().chain(&commander).cloned().collect();
    told.dedup();
    for person in &told {
        let once = format!("call:{}", new_id(tx.clock()));
        posts::say(tx, &Post::new(person.as_str(), trouble::numbers(incident, &on_call, paged), &once))
            .await?;
    }
    let looks = format!("{} {service}", app.config.commands.oncall);
    call.push('\n');
    call.push_str(&trouble::numbers_are(&told, &looks));
    Ok(call)
}

/// When nobody knew of it matters afterwards, too.
async fn note(tx: &mut Tx, id: IncidentId, text: String) -> Result<()> {
    tx.append(id, NewEntry::new(Kind::Page, Source::Firebell, Actor::firebell(), text)).await?;
    Ok(())
}

struct Attempt<'a> {
    app: &'a App,
    job: &'a Job,
    incident: &'a Incident,
    service: &'a Service,
    pagerduty: &'a pagerduty::Client,
    /// PagerDuty's incidents of this one that we know: of earlier rounds, since none of them pages now.
    earlier: Vec<PagerDutyIncidentId>,
    /// Those among them that are open yet: PagerDuty has not heard that their round is over.
    open_before: Vec<LinkedPage>,
    /// When an earlier attempt paged through the Events API.
    sent_by_events_at: Option<Timestamp>,
}

impl Attempt<'_> {
    fn keyed<'b>(&'b self, key: &'b str) -> Keyed<'b> {
        Keyed {
            client: self.pagerduty,
            key,
            service_id: &self.service.pagerduty_service,
            since: self.job.created_at,
            known: &self.earlier,
        }
    }

    /// An acknowledged one rings nobody, and its key makes no second one while it is open: it ends before the next
    /// begins.
    async fn end_earlier_rounds(&self) -> Result<()> {
        for page in &self.open_before {
            let ended_at = self.pagerduty.update_incident(&page.id, &roads::end_round()).await?;
            let mut tx = self.app.db.write(Priority::Job).await?;
            let at = ended_at.unwrap_or(page.status_changed_at);
            tx.change_page_status(&page.id, pagerduty::Status::Resolved.as_str(), at).await?;
            tx.redraw(self.incident.id).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// People must not wait for a time limit to learn whom to call.
    async fn first_road_aloud(&self) -> Result<pagerduty::Incident> {
        let speaking = async {
            if let Err(trouble) = self.speak_of_delay().await {
                tracing::warn!(incident = self.incident.number, error = %trouble, "cannot say that paging takes long");
            }
        };
        self.app.clock.aloud(Box::pin(self.first_road()), HICCUP, Box::pin(speaking)).await
    }

    async fn speak_of_delay(&self) -> Result<()> {
        let delay = Delay::no_answer_for(HICCUP);
        let mut tx = self.app.db.write(Priority::Job).await?;
        let id = self.incident.id;
        if !tx.incident(id).await?.is_open() {
            return Ok(());
        }
        // PagerDuty's webhook may have been quicker than its answer, and an earlier attempt may have spoken.
        if tx.step(id, Step::Page).await?.is_none_or(|row| row.state != StepState::Waiting) {
            return Ok(());
        }
        alarm(self.app, &mut tx, self.incident, &delay).await?;
        tx.set_step(id, Step::Page, StepState::Retrying, Some(delay.detail()), Some(self.job.id)).await?;
        tx.redraw(id).await?;
        tx.commit().await
    }

    /// REST: look, then make.
    async fn first_road(&self) -> Result<pagerduty::Incident> {
        self.end_earlier_rounds().await?;
        if self.job.is_retry()
            && let Some(found) = self.look().await?
        {
            return Ok(found);
        }
        if self.event_is_under_way() {
            return Err(under_way());
        }
        let people = self.app.directory.current();
        let severity = match self.app.config.severity(&self.incident.severity) {
            SeverityWord::Known(severity) => severity,
            SeverityWord::TooHigh | SeverityWord::Unknown => self.app.config.default_severity(),
        };
        let (title, key) = (self.incident.public_title(), self.incident.id.to_string());
        let details = messages::pagerduty_details(self.incident);
        let new = NewIncident {
            title: &title,
            service_id: &self.service.pagerduty_service,
            escalation_policy_id: self.service.escalation_policy.as_deref(),
            assignee_id: None,
            priority_id: severity.priority.as_deref().and_then(|name| people.priority_id(name)),
            urgency: urgency(severity.urgency),
            incident_key: &key,
            details: &details,
            conference_url: None,
        };
        Ok(self.keyed(&key).create(&new).await?)
    }

    /// Ours under this key: open, or made since this job began. What we know already is of an earlier round, before
    /// the incident was reopened.
    async fn look(&self) -> Result<Option<pagerduty::Incident>> {
        Ok(self.keyed(&self.incident.id.to_string()).find().await?)
    }

    /// PagerDuty may take this long to turn an event into an incident; only then is the first road taken again.
    fn event_is_under_way(&self) -> bool {
        let now = self.app.clock.now();
        self.sent_by_events_at.is_some_and(|at| now.since(at) < roads::EVENTS_TAKE)
    }

    /// When the first road is closed, and not twice; nor to where an earlier round is open under the same key, which
    /// would swallow the event.
    fn may_take_second_road(&self, error: &Error) -> bool {
        let Error::Upstream(problem) = error else { return false };
        roads::is_closed(problem, self.job.token)
            && self.service.routing_key.is_some()
            && self.sent_by_events_at.is_none()
            && self.open_before.is_empty()
    }

    /// Events v2 under the same key. It pages, but tells no number: the job goes on looking for it. Errs only when
    /// our own database does; otherwise it is the first road's error that the job goes on with.
    async fn second_road(&self, error: Error) -> Result<Error> {
        if let Err(trouble) = self.send_event(pagerduty::Action::Trigger).await {
            tracing::error!(incident = self.incident.number, error = %trouble, "cannot page by the Events API either");
            return Ok(patiently(error));
        }
        let mut tx = self.app.db.write(Priority::Job).await?;
        let id = self.incident.id;
        let (incident, step) = (tx.incident(id).await?, tx.step(id, Step::Page).await?);
        if pages::was_acknowledged(&mut tx, &incident, step.as_ref()).await? {
            tx.cause(&Effect::AcknowledgeAlert { incident: id }).await?;
        }
        let detail = Some(PAGED_BY_SECOND_ROAD.to_owned());
        tx.set_step(id, Step::Page, StepState::Retrying, detail, Some(self.job.id)).await?;
        tx.say(self.incident, trouble::paged_by_second_road()).await?;
        note(&mut tx, id, "Paged through the Events API, because the REST API does not work".into()).await?;
        tx.redraw(id).await?;
        tx.commit().await?;
        Ok(patiently(error))
    }

    async fn send_event(&self, action: pagerduty::Action) -> Result<(), Upstream> {
        let Some(routing_key) = &self.service.routing_key else { return Ok(()) };
        let key = self.incident.id.to_string();
        self.keyed(&key).send(routing_key, action, &self.incident.public_title()).await
    }

    /// The incident ended before PagerDuty could be reached: whatever an earlier attempt set in motion is stopped.
    async fn call_off(&self) -> Result<Finished> {
        if self.sent_by_events_at.is_some() {
            self.send_event(pagerduty::Action::Resolve).await?;
        }
        let found = if self.job.is_retry() { self.look().await.map_err(patiently)? } else { None };
        match found {
            Some(page) => self.record(page).await,
            None if self.event_is_under_way() => Err(under_way()),
            None => {
                let mut tx = self.app.db.write(Priority::Job).await?;
                let why = Some("it ended before anybody was paged".to_owned());
                if tx.set_step(self.incident.id, Step::Page, StepState::Skipped, why, None).await? {
                    tx.redraw(self.incident.id).await?;
                }
                self.job.finish(tx).await
            }
        }
    }

    async fn record(&self, page: pagerduty::Incident) -> Result<Finished> {
        let mut tx = self.app.db.write(Priority::Job).await?;
        let linked = LinkedPage::from(&page);
        tx.see_page(&linked).await?;
        pages::adopt(&mut tx, &self.app.known(), self.incident.id, &linked, page.created_at).await?;
        self.job.finish(tx).await
    }
}

/// The first road does not show yet what the event has made, so it is acknowledged by another.
pub(super) async fn acknowledge_alert(app: &App, job: &Job, id: IncidentId) -> Result<Finished> {
    let mut tx = app.db.read().await?;
    let (incident, step) = (tx.incident(id).await?, tx.step(id, Step::Page).await?);
    drop(tx);
    let service = incident.service.as_deref().and_then(|name| app.config.find_service(name));
    if let (Some(sent), Some(client), Some(service)) =
        (step.filter(StepRow::is_by_second_road), &app.pagerduty, service)
        && let Some(routing_key) = &service.routing_key
    {
        let (key, service_id) = (id.to_string(), &service.pagerduty_service);
        let alert = Keyed { client, key: &key, service_id, since: sent.changed_at, known: &[] };
        alert.send(routing_key, pagerduty::Action::Acknowledge, &incident.public_title()).await?;
    }
    job.finish_bare(&app.db).await
}

fn patiently(error: Error) -> Error {
    match error {
        Error::Upstream(problem) => Error::Upstream(roads::patiently(problem)),
        other => other,
    }
}

fn under_way() -> Error {
    Error::Upstream(roads::not_yet("the event is accepted and not yet an incident"))
}

pub(super) fn urgency(urgency: Urgency) -> pagerduty::Urgency {
    match urgency {
        Urgency::High => pagerduty::Urgency::High,
        Urgency::Low => pagerduty::Urgency::Low,
    }
}
