//! Paging through PagerDuty: on the incident's own PagerDuty incident as requests to respond; else on an incident that is
//! made for the page. At least once, and never two incidents: our ids are the keys, and each repetition looks first.

use std::time::Duration;

use tokio::sync::Mutex;
use uuid::Uuid;

use super::{HICCUP, follow_up};
use crate::app::App;
use crate::clock::Timestamp;
use crate::config::Service;
use crate::error::{Error, Result, Upstream};
use crate::ids::{PagerDutyIncidentId, PagerDutyUserId};
use crate::incidents::extras;
use crate::incidents::model::{Incident, LinkedPage, Step, StepState};
use crate::incidents::trouble::{self, Delay};
use crate::jobs::{Finished, Job};
use crate::oncall::Known;
use crate::pagerduty::roads::{self, Keyed};
use crate::pagerduty::{self, Action, Change, NewIncident, Urgency};
use crate::paging::model::{Page, STALE, State, Target};
use crate::paging::{answers, messages, targets, told};
use crate::store::Priority;

/// The incident's own page is under way: for so long it is waited for, so that people are asked on that one.
const OWN_PAGE_TAKES: Duration = Duration::from_secs(10);

pub(super) async fn page(app: &App, job: &Job, id: Uuid) -> Result<Finished> {
    let mut tx = app.db.read().await?;
    let Some(page) = tx.page(id).await? else { return job.finish_bare(&app.db).await };
    let targets = tx.page_targets(id).await?;
    let mut room = None;
    if let Some(id) = page.incident_id {
        let linked = tx.linked_pages(id).await?;
        let own_step = tx.step(id, Step::Page).await?.map(|step| step.state);
        room = Some(Room { incident: tx.incident(id).await?, linked, own_step });
    }
    drop(tx);
    if page.done_at.is_some() {
        return job.finish_bare(&app.db).await;
    }
    let known = app.known();
    let now = app.clock.now();
    if room.as_ref().is_some_and(|r| !r.incident.is_open()) {
        stop_the_alert(app, &page).await;
        let mut tx = app.db.write(Priority::Job).await?;
        told::drop_it(&mut tx, &known, id).await?;
        return job.finish(tx).await;
    }
    if now.since(page.asked_at) > STALE {
        let mut tx = app.db.write(Priority::Job).await?;
        told::give_up(&mut tx, &known, id, "PagerDuty was away for too long").await?;
        return job.finish(tx).await;
    }
    let (Some(pagerduty), Ok(service)) = (&app.pagerduty, known.config.service(&page.service)) else {
        return Err(Error::refused(format!("the service {} is not configured any more", page.service)));
    };
    let attempt = Attempt {
        app,
        job,
        known: &known,
        page: &page,
        room: room.as_ref(),
        service,
        pagerduty,
        writing: Mutex::default(),
    };
    match attempt.ask_aloud(told::waiting(targets)).await {
        Ok(()) => attempt.conclude().await,
        Err(Error::Upstream(problem)) => {
            let is_closed = roads::is_closed(&problem, job.token);
            let problem = roads::patiently(problem);
            if is_closed {
                attempt.second_road(&problem).await?;
            }
            Err(problem.into())
        }
        Err(other) => Err(other),
    }
}

/// What an alert has made ends with its incident; what was not seen of it so far, by the road that it came.
async fn stop_the_alert(app: &App, page: &Page) {
    let is_unseen = page.sent_by_events_at.is_some() && page.pagerduty_id.is_none();
    let (Some(client), Ok(service)) = (&app.pagerduty, app.config.service(&page.service)) else { return };
    let Some(routing_key) = service.routing_key.as_ref().filter(|_| is_unseen) else { return };
    let key = page.id.to_string();
    let keyed = keyed(client, page, service, &key);
    if let Err(trouble) = keyed.send(routing_key, Action::Resolve, &page.title).await {
        tracing::error!(page = key, error = %trouble, "cannot resolve by the Events API what it has made");
    }
}

fn keyed<'a>(client: &'a pagerduty::Client, page: &Page, service: &'a Service, key: &'a str) -> Keyed<'a> {
    Keyed { client, key, service_id: &service.pagerduty_service, since: page.asked_at, known: &[] }
}

/// The incident of ours that it is for.
struct Room {
    incident: Incident,
    linked: Vec<LinkedPage>,
    own_step: Option<StepState>,
}

struct Attempt<'a> {
    app: &'a App,
    job: &'a Job,
    known: &'a Known,
    page: &'a Page,
    room: Option<&'a Room>,
    service: &'a Service,
    pagerduty: &'a pagerduty::Client,
    /// What is written while people are asked is written one after the other: the same rows, in different order.
    writing: Mutex<()>,
}

/// The PagerDuty incident on which people are asked.
#[derive(Clone)]
struct Base {
    id: PagerDutyIncidentId,
    /// Made for this page alone: whoever is to be paged can be put on it.
    is_own: bool,
}

impl Attempt<'_> {
    /// Asks, and when that takes long says so: people must not wait for a time limit to learn whom to call.
    async fn ask_aloud(&self, waiting: Vec<Target>) -> Result<()> {
        let speaking = async {
            if let Err(trouble) = self.speak_of_delay().await {
                tracing::warn!(page = %self.page.id, error = %trouble, "cannot say that paging takes long");
            }
        };
        self.app.clock.aloud(Box::pin(self.ask_all(waiting)), HICCUP, Box::pin(speaking)).await
    }

    async fn speak_of_delay(&self) -> Result<()> {
        let delay = Delay::no_answer_for(HICCUP);
        let _turn = self.writing.lock().await;
        let mut tx = self.app.db.write(Priority::Job).await?;
        told::alarm(&mut tx, self.known, self.page, &delay, None).await?;
        tx.commit().await
    }

    /// One after the other; whom PagerDuty refuses keeps none of the others from it. Errs where a later attempt may
    /// succeed.
    async fn ask_all(&self, waiting: Vec<Target>) -> Result<()> {
        let mut base = self.base()?;
        let mut late = None;
        for target in &self.in_order(waiting) {
            // Under the page's own key is, or will be, what an alert has made: for whom it was raised, and nobody else.
            let is_first = if self.has_alert() { self.is_paged_by_alerts(target) } else { base.is_none() };
            let asked = match &base {
                _ if is_first => self.open(self.page.id, target).await,
                Some(base) if self.is_addressed(target) => self.request(base, target).await,
                _ => self.open(target.id, target).await,
            };
            match asked {
                Ok(on) => {
                    self.record(target, &on, is_first).await?;
                    if is_first {
                        base.get_or_insert(Base { id: on.id, is_own: true });
                    }
                }
                Err(problem) if problem.is_final() && !roads::refuses_our_key(&problem) => {
                    let _turn = self.writing.lock().await;
                    let mut tx = self.app.db.write(Priority::Job).await?;
                    let because = trouble::in_words(&Error::Upstream(problem));
                    tx.set_unpaged(target.id, State::Failed, &because).await?;
                    tx.commit().await?;
                }
                // It may still come, and is waited for; meanwhile the others can be asked.
                Err(problem) if problem.is_late() && late.is_none() => late = Some(problem),
                Err(problem) => return Err(problem.into()),
            }
        }
        if let Some(problem) = late {
            return Err(problem.into());
        }
        Ok(())
    }

    /// What an alert has made comes to whom it was raised for.
    fn in_order(&self, mut waiting: Vec<Target>) -> Vec<Target> {
        if self.has_alert() {
            waiting.sort_by_key(|target| !self.is_paged_by_alerts(target));
        }
        waiting
    }

    fn has_alert(&self) -> bool {
        self.page.sent_by_events_at.is_some()
    }

    fn is_paged_by_alerts(&self, target: &Target) -> bool {
        targets::is_paged_by_alerts(self.known, self.service, target)
    }

    /// The escalation policy that is meant; of the service itself it may have been read meanwhile.
    fn policy_of<'t>(&'t self, target: &'t Target) -> Option<&'t str> {
        let of_service = || self.known.people.policy_of(self.service);
        target.policy_id.as_deref().or_else(|| of_service().filter(|_| target.pagerduty_user_id.is_none()))
    }

    fn is_addressed(&self, target: &Target) -> bool {
        target.pagerduty_user_id.is_some() || self.policy_of(target).is_some()
    }

    fn base(&self) -> Result<Option<Base>> {
        let own = self.page.pagerduty_id.clone().map(|id| Base { id, is_own: true });
        let Some(room) = self.room else { return Ok(own) };
        // What an alert has made comes late: by then people may have been asked on the incident's own.
        let of_room = || room.linked.iter().find(|p| p.is_open() && !p.is_extra);
        if (own.is_none() || self.has_alert())
            && let Some(page) = of_room()
        {
            return Ok(Some(Base { id: page.id.clone(), is_own: false }));
        }
        let is_coming = matches!(room.own_step, Some(StepState::Waiting | StepState::Retrying));
        if own.is_none() && is_coming && self.app.clock.now().since(self.page.asked_at) < OWN_PAGE_TAKES {
            return Err(roads::not_yet("the incident's own page is under way").into());
        }
        Ok(own)
    }

    /// A request to respond. Requests have no key: a mark in its words shows whether it was made before.
    async fn request(&self, base: &Base, target: &Target) -> Result<Asked, Upstream> {
        let mark = target.id.simple().to_string();
        if self.job.is_retry() {
            let seen = self.pagerduty.incident(&base.id).await?;
            if seen.is_some_and(|i| i.request_messages.iter().any(|m| m.contains(&mark))) {
                return Ok(Asked { id: base.id.clone(), opened: None });
            }
        }
        let people = &self.known.people;
        let asker = people.responder_of(&self.page.asked_by).map(|r| &r.id);
        let Some(requester) = people.our_responder.as_ref().or(asker) else {
            return Err(roads::not_yet("our own PagerDuty user was not read yet"));
        };
        let words = self.words(Some(&mark));
        let users: Vec<PagerDutyUserId> = target.pagerduty_user_id.iter().cloned().collect();
        let policies: Vec<String> = self.policy_of(target).map(str::to_owned).into_iter().collect();
        match self.pagerduty.request_responders(&base.id, requester, &words, &users, &policies).await {
            Ok(()) => Ok(Asked { id: base.id.clone(), opened: None }),
            // The plan has no such requests: those who are paged are put on the page's own incident …
            Err(e) if lacks_requests(&e) && base.is_own && !users.is_empty() => {
                self.put_on(&base.id, &users).await?;
                Ok(Asked { id: base.id.clone(), opened: None })
            }
            // … or get an incident of their own; as when the one on which they were to be asked is over.
            Err(e) if lacks_requests(&e) || is_over(&e) => self.open(target.id, target).await,
            Err(e) => Err(e),
        }
    }

    /// Whoever is on it stays on it.
    async fn put_on(&self, on: &PagerDutyIncidentId, new: &[PagerDutyUserId]) -> Result<(), Upstream> {
        let there = self.pagerduty.incident(on).await?;
        let mut people: Vec<PagerDutyUserId> =
            there.iter().flat_map(|i| &i.assignees).map(|r| PagerDutyUserId::new(r.id.clone())).collect();
        people.extend(new.iter().filter(|id| !people.contains(id)).cloned().collect::<Vec<_>>());
        let change = Change { assignee_ids: &people, ..Change::default() };
        self.pagerduty.update_incident(on, &change).await?;
        Ok(())
    }

    /// An incident of its own, on the service's policy, the target's, or assigned to the person.
    async fn open(&self, key: Uuid, target: &Target) -> Result<Asked, Upstream> {
        let key = key.to_string();
        let keyed = self.keyed(&key);
        let found = if self.job.is_retry() { keyed.find().await? } else { None };
        let page = match found {
            Some(found) => {
                let person = target.pagerduty_user_id.as_ref();
                let is_missing = |id: &&PagerDutyUserId| found.assignees.iter().all(|r| r.id != id.as_str());
                if let Some(person) = person.filter(is_missing)
                    && found.status != pagerduty::Status::Resolved
                {
                    self.put_on(&found.id, std::slice::from_ref(person)).await?;
                }
                found
            }
            None if self.event_is_under_way(&key) => {
                return Err(roads::may_come("the event is accepted and not yet an incident"));
            }
            None => {
                let details = self.words(None);
                let new = NewIncident {
                    title: &self.page.title,
                    service_id: &self.service.pagerduty_service,
                    escalation_policy_id: self.policy_of(target),
                    assignee_id: target.pagerduty_user_id.as_ref(),
                    priority_id: None,
                    urgency: Urgency::High,
                    incident_key: &key,
                    details: &details,
                    conference_url: None,
                };
                keyed.create(&new).await?
            }
        };
        Ok(Asked { id: page.id.clone(), opened: Some(page) })
    }

    fn keyed<'b>(&'b self, key: &'b str) -> Keyed<'b> {
        keyed(self.pagerduty, self.page, self.service, key)
    }

    fn words(&self, mark: Option<&str>) -> String {
        let people = &self.known.people;
        let url =
            people.ourselves.as_ref().zip(self.page.channel_id.as_ref()).map(|(us, channel)| {
                format!("{}/archives/{channel}", us.workspace_url.trim_end_matches('/'))
            });
        messages::for_pagerduty(self.page, url.as_deref(), mark)
    }

    async fn record(&self, target: &Target, asked: &Asked, is_first: bool) -> Result<()> {
        let _turn = self.writing.lock().await;
        let mut tx = self.app.db.write(Priority::Job).await?;
        let mut made_for_it = None;
        if let Some(opened) = &asked.opened {
            let key = if is_first { self.page.id } else { target.id };
            extras::take_in(&mut tx, key, &LinkedPage::from(opened)).await?;
            made_for_it = Some(opened).filter(|_| is_first);
        }
        // Targets before their page, as deliveries write them: two writers wait for each other in one place.
        tx.set_paged(target.id, &asked.id).await?;
        if let Some(opened) = made_for_it {
            tx.set_page_incident(self.page.id, &opened.id, Some(opened.html_url.clone())).await?;
            // It may have rung for a while before it was found.
            answers::take_in_all(&mut tx, self.known, opened).await?;
        }
        tx.commit().await
    }

    /// PagerDuty may take this long to turn an event into an incident; only then is the first road taken again.
    fn event_is_under_way(&self, key: &str) -> bool {
        let sent: Option<Timestamp> = self.page.sent_by_events_at.filter(|_| key == self.page.id.to_string());
        sent.is_some_and(|at| self.app.clock.now().since(at) < roads::EVENTS_TAKE)
    }

    /// Events v2 under the same key, once, for whoever still waits and is whom it pages: others must not be woken in their
    /// stead. The job goes on with the first road.
    async fn second_road(&self, problem: &Upstream) -> Result<()> {
        let Some(routing_key) = &self.service.routing_key else { return Ok(()) };
        let mut tx = self.app.db.read().await?;
        let (page, targets) = (tx.page(self.page.id).await?, tx.page_targets(self.page.id).await?);
        drop(tx);
        let is_untried = page.is_some_and(|p| p.sent_by_events_at.is_none() && p.pagerduty_id.is_none());
        let mut waiting = told::waiting(targets).into_iter();
        let Some(target) = waiting.find(|t| is_untried && self.is_paged_by_alerts(t)) else { return Ok(()) };
        let key = self.page.id.to_string();
        if let Err(trouble) = self.keyed(&key).send(routing_key, Action::Trigger, &self.page.title).await {
            tracing::error!(page = key, error = %trouble, "cannot page by the Events API either");
            return Ok(());
        }
        let mut tx = self.app.db.write(Priority::Job).await?;
        tx.set_page_sent_by_events(self.page.id).await?;
        let delay = Delay::of(self.job, &Error::Upstream(problem.clone()));
        told::alarm(&mut tx, self.known, self.page, &delay, Some(&target)).await?;
        tx.commit().await
    }

    /// Everybody has been asked, or cannot be: that is told, and whether somebody answers is looked after.
    async fn conclude(&self) -> Result<Finished> {
        let mut tx = self.app.db.write(Priority::Job).await?;
        told::conclude(&mut tx, self.known, self.page.id).await?;
        tx.enqueue(follow_up::set_alarm(self.page.id)).await?;
        self.job.finish(tx).await
    }
}

/// On which PagerDuty incident somebody was asked, and that incident when it was made for them.
struct Asked {
    id: PagerDutyIncidentId,
    opened: Option<pagerduty::Incident>,
}

/// 402, or the code that says the same: <https://developer.pagerduty.com/docs/errors>.
fn lacks_requests(problem: &Upstream) -> bool {
    problem.code().is_some_and(|code| code.starts_with("402") || code.ends_with("/2014"))
}

/// The PagerDuty incident was resolved meanwhile, or is gone.
fn is_over(problem: &Upstream) -> bool {
    problem.code().is_some_and(|code| code.ends_with("/1001") || code.starts_with("404"))
}
