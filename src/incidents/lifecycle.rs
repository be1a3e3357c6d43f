//! What people do to an incident between declaring and closing it. Each verb is one conditional update, a timeline
//! entry, and the effects that tell the world; asking for what is already so changes nothing and says so.

use uuid::Uuid;

use super::effects::{Effect, PageChange};
use super::messages;
use super::model::{Actor, Incident, Kind, Role, RoleRow, Source, Status, Step, StepRow, StepState};
use super::timeline::NewEntry;
use super::trouble;
use crate::clock::Timestamp;
use crate::config::{Severity, SeverityWord};
use crate::error::{Error, Result};
use crate::ids::{SlackUserId, new_id};
use crate::oncall::Known;
use crate::store::Tx;

/// Acknowledges, here and in PagerDuty; again, when PagerDuty has paged again since. False when there is nothing to
/// acknowledge.
pub async fn acknowledge(tx: &mut Tx, known: &Known, incident: &Incident, by: &Actor) -> Result<bool> {
    must_be_open(known, incident)?;
    let at = tx.now();
    let first = tx.set_acknowledged(incident.id, at).await?;
    let mut entry = NewEntry::new(Kind::Acknowledged, Source::Slack, by.clone(), "Acknowledged");
    if !first {
        let pages = tx.linked_pages(incident.id).await?;
        let Some(ringing) = pages.iter().find(|p| incident.is_paged_again(p)) else { return Ok(false) };
        entry = entry.once(format!("again:{}:{}", ringing.id, ringing.status_changed_at));
    }
    let entry = tx.append(incident.id, entry).await?;
    if entry.is_none() {
        return Ok(false);
    }
    tx.cause(&Effect::ChangePage { incident: incident.id, change: PageChange::Acknowledge }).await?;
    let paging = tx.step(incident.id, Step::Page).await?;
    if paging.as_ref().is_some_and(StepRow::is_by_second_road) {
        tx.cause(&Effect::AcknowledgeAlert { incident: incident.id }).await?;
    }
    join(tx, incident, by, "acknowledged").await?;
    tx.say_entry(incident, entry, messages::acknowledged(by)).await?;
    own_up(tx, incident, paging.as_ref(), &PageChange::Acknowledge).await?;
    tx.redraw(incident.id).await?;
    Ok(true)
}

/// PagerDuty may have paged, and cannot be told yet that it need not.
async fn own_up(
    tx: &mut Tx,
    incident: &Incident,
    paging: Option<&StepRow>,
    change: &PageChange,
) -> Result<()> {
    match trouble::pagerduty_not_told(change) {
        Some(message) if paging.is_some_and(StepRow::is_in_doubt) => tx.say(incident, message).await,
        _ => Ok(()),
    }
}

/// A status update: the text goes to the channel, the summary and the timeline, and the clock of the next one starts
/// anew. `status` moves the incident along, when given.
pub async fn update(
    tx: &mut Tx,
    known: &Known,
    incident: &Incident,
    by: &Actor,
    status: Option<Status>,
    text: &str,
) -> Result<()> {
    must_be_open(known, incident)?;
    let status = status.filter(|s| *s != incident.status);
    if let Some(to) = status {
        move_to(tx, incident, to).await?;
        append(tx, incident, Kind::Status, by, format!("{} → {}", incident.status.title(), to.title()))
            .await?;
    }
    tx.set_last_update(incident.id, text).await?;
    let entry = append(tx, incident, Kind::Update, by, text).await?;
    super::reminders::start_anew(tx, known, incident).await?;
    let message = messages::update(by, status.unwrap_or(incident.status), text);
    tx.say_entry(incident, entry, message).await?;
    let incident = tx.incident(incident.id).await?;
    if status.is_some() { tx.restate(&incident).await } else { tx.redraw(incident.id).await }
}

/// Moves to another severity. Raising pages and invites what the new level needs; lowering never un-invites.
pub async fn change_severity(
    tx: &mut Tx,
    known: &Known,
    incident: &Incident,
    by: &Actor,
    to: &Severity,
) -> Result<bool> {
    must_be_open(known, incident)?;
    if incident.severity == to.name || !tx.change_severity(incident.id, &incident.severity, &to.name).await? {
        return Ok(false);
    }
    let text = format!("{} → {}", incident.severity_shout(), to.label());
    let entry = append(tx, incident, Kind::Severity, by, text).await?;
    tx.say_entry(incident, entry, messages::severity_changed(incident, to, by)).await?;
    let raised = match known.config.severity(&incident.severity) {
        SeverityWord::Known(from) => to.rank() < from.rank(),
        SeverityWord::TooHigh | SeverityWord::Unknown => true,
    };
    page_for(tx, known, incident, to, raised).await?;
    if raised && (!incident.is_private || known.config.incidents.private_invites_severity_groups) {
        let (people, _) = known.people.expand(&to.invite);
        for user in people.iter().filter(|_| !incident.is_test) {
            tx.want_member(incident.id, user, &to.name).await?;
        }
        tx.cause(&Effect::Invite { incident: incident.id }).await?;
    }
    let incident = tx.incident(incident.id).await?;
    super::reminders::start_anew(tx, known, &incident).await?;
    super::reminders::want_commander(tx, known, &incident).await?;
    tx.restate(&incident).await?;
    tx.tell_watchers(incident.id).await?;
    Ok(true)
}

/// A higher level may be the first that pages; otherwise PagerDuty learns the new priority.
async fn page_for(
    tx: &mut Tx,
    known: &Known,
    incident: &Incident,
    to: &Severity,
    raised: bool,
) -> Result<()> {
    // Whom somebody has paged in the room is not who is on call for this.
    let has_page = tx.linked_pages(incident.id).await?.iter().any(|page| !page.is_extra);
    if raised && to.page && can_page(known, incident) && !has_page && tx.set_page_wanted(incident.id).await? {
        return tx.cause_step(&Effect::Page { incident: incident.id }).await;
    }
    tx.cause(&Effect::ChangePage { incident: incident.id, change: PageChange::Severity }).await?;
    Ok(())
}

/// Takes command if nobody has; whoever has it keeps it. `None` when it is taken now.
pub async fn take_command(
    tx: &mut Tx,
    known: &Known,
    incident: &Incident,
    by: &Actor,
) -> Result<Option<RoleRow>> {
    if let Some(commander) = tx.commander(incident.id).await? {
        return Ok(Some(commander));
    }
    assign_role(tx, known, incident, by, Role::Commander, by).await?;
    Ok(None)
}

/// Gives a role to a person, who is invited. False when they had it.
pub async fn assign_role(
    tx: &mut Tx,
    known: &Known,
    incident: &Incident,
    by: &Actor,
    role: Role,
    to: &Actor,
) -> Result<bool> {
    must_be_open(known, incident)?;
    let Some(user) = &to.slack else {
        return Err(Error::refused("A role needs a person who is in Slack."));
    };
    if !tx.assign_role(incident.id, role, user, &to.name).await? {
        return Ok(false);
    }
    let entry = append(tx, incident, Kind::Role, by, format!("{} is {}", role.title(), to.name)).await?;
    if role == Role::Commander {
        tx.set_commander_due(incident.id, None).await?;
    }
    join(tx, incident, to, role.word()).await?;
    tx.say_entry(incident, entry, messages::role_assigned(role, user)).await?;
    tx.restate(incident).await?;
    Ok(true)
}

/// What a person adds to the timeline.
#[derive(Clone, Debug)]
pub struct Remark {
    pub kind: Kind,
    pub text: String,
    pub occurred_at: Option<Timestamp>,
}

/// A note on the timeline, and on the PagerDuty incident.
pub async fn note(tx: &mut Tx, incident: &Incident, by: &Actor, remark: &Remark) -> Result<()> {
    let mut entry = NewEntry::new(remark.kind, Source::Slack, by.clone(), remark.text.clone());
    entry.occurred_at = remark.occurred_at;
    let entry = tx.append(incident.id, entry).await?;
    if !incident.is_private {
        let note_id = new_id(tx.clock());
        let text = messages::pagerduty_note(by, remark);
        tx.cause(&Effect::NotePage { incident: incident.id, note_id, text }).await?;
    }
    tx.say_entry(incident, entry, messages::noted(by, remark)).await
}

/// The bleeding has stopped: a milestone, the incident stays open. False when it was set.
pub async fn mitigated(
    tx: &mut Tx,
    known: &Known,
    incident: &Incident,
    by: &Actor,
    text: &str,
) -> Result<bool> {
    must_be_open(known, incident)?;
    let at = tx.now();
    if !tx.set_mitigated(incident.id, at).await? {
        return Ok(false);
    }
    let how = if text.is_empty() { "customers are no longer hurt" } else { text };
    let entry = append(tx, incident, Kind::Mitigated, by, format!("Mitigated: {how}")).await?;
    tx.say_entry(incident, entry, messages::mitigated(by, text)).await?;
    tx.redraw(incident.id).await?;
    Ok(true)
}

/// Closes the incident, and PagerDuty's. False when it was closed.
pub async fn resolve(tx: &mut Tx, incident: &Incident, by: &Actor, text: &str) -> Result<bool> {
    end(tx, incident, by, Status::Resolved, text, None).await
}

/// It was none. False when it was closed.
pub async fn cancel(tx: &mut Tx, incident: &Incident, by: &Actor, text: &str) -> Result<bool> {
    end(tx, incident, by, Status::Cancelled, text, None).await
}

/// `in_pagerduty_at`: it was done there, then, and we heard of it only now.
pub(super) async fn end(
    tx: &mut Tx,
    incident: &Incident,
    by: &Actor,
    to: Status,
    text: &str,
    in_pagerduty_at: Option<Timestamp>,
) -> Result<bool> {
    if !incident.is_open() && (to == Status::Resolved || to == incident.status) {
        return end_again(tx, incident, by, text).await;
    }
    if !incident.is_open() || !tx.change_status(incident.id, incident.status, to).await? {
        return Ok(false);
    }
    let kind = if to == Status::Resolved { Kind::Resolved } else { Kind::Cancelled };
    let entry = if text.is_empty() { to.title().to_owned() } else { format!("{}: {text}", to.title()) };
    let source = if in_pagerduty_at.is_some() { Source::PagerDuty } else { Source::Slack };
    let mut entry = NewEntry::new(kind, source, by.clone(), entry);
    entry.occurred_at = in_pagerduty_at;
    let entry = tx.append(incident.id, entry).await?;
    if let Some(at) = in_pagerduty_at {
        tx.set_ended(incident.id, at).await?;
    }
    if !text.is_empty() {
        tx.set_last_update(incident.id, text).await?;
    }
    tx.set_update_due(incident.id, None).await?;
    tx.set_commander_due(incident.id, None).await?;
    let note = messages::pagerduty_resolution(by, to, if incident.is_private { "" } else { text });
    let change = PageChange::Resolve { note };
    tx.cause(&Effect::ChangePage { incident: incident.id, change: change.clone() }).await?;
    let ended = tx.incident(incident.id).await?;
    tx.say_entry(&ended, entry, messages::ended(&ended, by, text)).await?;
    let paging = tx.step(ended.id, Step::Page).await?;
    own_up(tx, &ended, paging.as_ref(), &change).await?;
    tx.restate(&ended).await?;
    tx.tell_watchers(ended.id).await?;
    tx.look_at_what_is_public(ended.id, by.slack.as_ref()).await?;
    Ok(true)
}

/// It is closed here, and PagerDuty may have opened its incident again and page on: then that ends. False when there is
/// nothing to end.
async fn end_again(tx: &mut Tx, incident: &Incident, by: &Actor, text: &str) -> Result<bool> {
    let pages = tx.linked_pages(incident.id).await?;
    let ended_at = incident.ended_at.unwrap_or(incident.status_changed_at);
    let Some(page) = pages.into_iter().find(|p| p.is_open() && p.status_changed_at > ended_at) else {
        return Ok(false);
    };
    let words = if text.is_empty() { String::new() } else { format!(": {text}") };
    let what = format!("Resolved {} in PagerDuty, which had opened it again{words}", page.label());
    let once = format!("again:{}:{}", page.id, page.status_changed_at);
    let entry = NewEntry::new(Kind::Page, Source::Slack, by.clone(), what).once(once);
    let Some(entry) = tx.append(incident.id, entry).await? else { return Ok(false) };
    let note =
        messages::pagerduty_resolution(by, incident.status, if incident.is_private { "" } else { text });
    tx.cause(&Effect::ChangePage { incident: incident.id, change: PageChange::Resolve { note } }).await?;
    tx.say_entry(incident, Some(entry), messages::resolved_again(by, &page, text)).await?;
    Ok(true)
}

/// Opens a closed incident again; with `page`, people are paged anew. False when it is open.
pub async fn reopen(
    tx: &mut Tx,
    known: &Known,
    incident: &Incident,
    by: &Actor,
    reason: &str,
    page: bool,
) -> Result<bool> {
    if incident.is_open() || !tx.change_status(incident.id, incident.status, Status::Investigating).await? {
        return Ok(false);
    }
    tx.count_reopening(incident.id).await?;
    let entry = append(tx, incident, Kind::Reopened, by, format!("Reopened: {reason}")).await?;
    let incident = tx.incident(incident.id).await?;
    super::reminders::start_anew(tx, known, &incident).await?;
    super::reminders::want_commander(tx, known, &incident).await?;
    tx.say_entry(&incident, entry, messages::reopened(by, reason)).await?;
    if page && can_page(known, &incident) {
        tx.set_page_wanted(incident.id).await?;
        tx.forget_acknowledgement(incident.id).await?; // of the first round
        tx.page_anew(incident.id).await?;
    } else if page {
        let why = if incident.is_test { "a test pages nobody" } else { "no service to page" }.to_owned();
        tx.set_step(incident.id, Step::Page, StepState::Skipped, Some(why), None).await?;
    } else {
        tx.call_page_off(incident.id).await?;
    }
    tx.restate(&incident).await?;
    tx.tell_watchers(incident.id).await?;
    Ok(true)
}

/// Whether there is somebody to page about it at all.
pub(super) fn can_page(known: &Known, incident: &Incident) -> bool {
    known.config.pagerduty.is_some() && incident.service.is_some() && !incident.is_test
}

/// Brings a person into the room.
pub(super) async fn join(tx: &mut Tx, incident: &Incident, who: &Actor, reason: &str) -> Result<()> {
    if let Some(user) = &who.slack {
        invite(tx, incident, user, reason).await?;
    }
    Ok(())
}

/// Somebody belongs into the room from now on, even if they left it.
pub async fn invite(tx: &mut Tx, incident: &Incident, user: &SlackUserId, reason: &str) -> Result<()> {
    if tx.want_member(incident.id, user, reason).await? {
        tx.cause(&Effect::Invite { incident: incident.id }).await?;
    }
    Ok(())
}

async fn move_to(tx: &mut Tx, incident: &Incident, to: Status) -> Result<()> {
    if tx.change_status(incident.id, incident.status, to).await? {
        return Ok(());
    }
    Err(Error::refused(format!(
        "{} has changed while you were typing; look at it and try again.",
        incident.label()
    )))
}

pub(super) fn must_be_open(known: &Known, incident: &Incident) -> Result<()> {
    if incident.is_open() {
        return Ok(());
    }
    let (label, name) = (incident.label(), &known.config.commands.incident);
    Err(Error::refused(format!(
        "{label} is {}. If it is back, open it again first: `{name} reopen {label} why`",
        incident.status
    )))
}

async fn append(
    tx: &mut Tx,
    incident: &Incident,
    kind: Kind,
    by: &Actor,
    text: impl Into<String>,
) -> Result<Option<Uuid>> {
    tx.append(incident.id, NewEntry::new(kind, Source::Slack, by.clone(), text)).await
}
