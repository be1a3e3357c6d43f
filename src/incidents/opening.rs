//! Opening channels for PagerDuty's own incidents: which of them, how many at once, and what they are here.

use std::time::Duration;

use super::declare::{LONGEST_TITLE, commander_due, found};
use super::effects::Effect;
use super::model::{Actor, Incident, LinkedPage, Origin, Source, Status, Step, StepState};
use super::pages::Details;
use crate::clock::Timestamp;
use crate::config::{AutoOpen, Config, Severity, Urgency};
use crate::error::{Error, Result};
use crate::ids::{IncidentId, new_id};
use crate::oncall::Known;
use crate::slack::blocks::plain;
use crate::store::Tx;

/// How long a storm is gathered before its digest.
const GATHERED: Duration = Duration::from_secs(30);

/// What we hear of later than this (we were away, or are new here) has found its people without us: it is offered, not
/// opened.
const OLD_NEWS: Duration = Duration::from_secs(3600);

/// Opens a channel if the service wants one: at most a few a minute, for an alert storm must not become a channel
/// storm. The others wait for the digest, and for somebody to press Open.
pub(super) async fn open_or_hold(
    tx: &mut Tx,
    known: &Known,
    page: &LinkedPage,
    details: &Details,
    occurred_at: Timestamp,
) -> Result<Option<Incident>> {
    if !wants_channel(known, page, details) {
        return Ok(None);
    }
    let most = i64::from(known.config.incidents.max_auto_channels_per_minute);
    let a_minute_ago = tx.now() - Duration::from_secs(60);
    tx.count_openings_alone().await?;
    let is_old = tx.now().since(occurred_at) > OLD_NEWS;
    if !is_old && tx.auto_opened_since(a_minute_ago).await? < most {
        return open_for(tx, known, page).await.map(Some);
    }
    tx.hold_page(&page.id).await?;
    let soon = tx.now() + GATHERED;
    tx.cause_at(&Effect::Digest, soon).await?;
    Ok(None)
}

fn wants_channel(known: &Known, page: &LinkedPage, details: &Details) -> bool {
    let service = details.service_id.as_deref().or(page.service_id.as_deref());
    match service.and_then(|id| known.config.service_by_pagerduty(id)).map(|s| s.auto_open) {
        Some(AutoOpen::All) => true,
        Some(AutoOpen::HighUrgency) => details.urgency.as_deref() != Some("low"),
        Some(AutoOpen::Never) | None => false,
    }
}

/// Opens an incident of ours for one of PagerDuty's own.
pub async fn open_for(tx: &mut Tx, known: &Known, page: &LinkedPage) -> Result<Incident> {
    let severity = severity_for(&known.config, page.priority.as_deref(), page.urgency.as_deref());
    let service = page.service_id.as_deref().and_then(|id| known.config.service_by_pagerduty(id));
    let now = tx.now();
    let incident = Incident {
        id: IncidentId(new_id(tx.clock())),
        number: tx.next_incident_number().await?,
        title: plain(&page.title, LONGEST_TITLE).replace(['\n', '\t'], " "),
        severity: severity.name.clone(),
        status: Status::Investigating,
        service: service.map(|s| s.name.clone()),
        is_private: false,
        is_test: false,
        wants_page: false,
        origin: Origin::PagerDuty,
        declared_by: None,
        declared_by_name: "PagerDuty".into(),
        declared_at: now,
        acknowledged_at: None,
        mitigated_at: None,
        ended_at: None,
        status_changed_at: now,
        channel_id: None,
        channel_name: None,
        last_update: None,
        last_update_at: None,
        update_due_at: severity.update_every.map(|every| now + every),
        commander_due_at: commander_due(&known.config, severity).map(|after| now + after),
        reopened_count: 0,
    };
    let by = Actor { name: "PagerDuty".into(), slack: None };
    found(tx, known, &incident, &by, Source::PagerDuty).await?;
    if !tx.link_page(&page.id, incident.id, true).await? {
        return Err(Error::refused("That PagerDuty incident has a channel already."));
    }
    tx.set_step(incident.id, Step::Page, StepState::Done, None, None).await?;
    Ok(incident)
}

/// By priority if a severity names it; else the default, or for low urgency the first level that is low.
fn severity_for<'a>(config: &'a Config, priority: Option<&str>, urgency: Option<&str>) -> &'a Severity {
    let names_it =
        |s: &&Severity, p: &str| s.priority.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(p));
    let by_priority = priority.and_then(|p| config.severities.iter().find(|s| names_it(s, p)));
    let by_urgency = || {
        let is_low = urgency == Some("low");
        config.severities.iter().find(|s| is_low && s.urgency == Urgency::Low)
    };
    by_priority.or_else(by_urgency).unwrap_or_else(|| config.default_severity())
}
