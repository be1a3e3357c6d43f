//! Clocks of an incident: when the next update is due, and when somebody must take command. The row holds the time;
//! the durable job only wakes up and looks.

use std::time::Duration;

use super::declare::commander_due;
use super::effects::Effect;
use super::model::Incident;
use crate::config::SeverityWord;
use crate::error::Result;
use crate::oncall::Known;
use crate::store::Tx;

/// An update was given, or the severity changed: the next is due one interval from now.
pub async fn start_anew(tx: &mut Tx, known: &Known, incident: &Incident) -> Result<()> {
    let SeverityWord::Known(severity) = known.config.severity(&incident.severity) else { return Ok(()) };
    let due_at = severity.update_every.map(|every| tx.now() + every);
    set(tx, incident, due_at).await
}

/// Not now: this long from now.
pub async fn snooze(tx: &mut Tx, incident: &Incident, by: Duration) -> Result<()> {
    let due_at = tx.now() + by;
    set(tx, incident, Some(due_at)).await
}

async fn set(tx: &mut Tx, incident: &Incident, due_at: Option<crate::clock::Timestamp>) -> Result<()> {
    tx.set_update_due(incident.id, due_at).await?;
    if let Some(at) = due_at {
        tx.cause_at(&Effect::RemindUpdate { incident: incident.id }, at).await?;
    }
    Ok(())
}

/// A level that needs a commander, and has none, asks for one after a while; any other level asks no more.
pub async fn want_commander(tx: &mut Tx, known: &Known, incident: &Incident) -> Result<()> {
    let SeverityWord::Known(severity) = known.config.severity(&incident.severity) else { return Ok(()) };
    let taken = tx.commander(incident.id).await?.is_some();
    let due_at = commander_due(&known.config, severity).filter(|_| !taken).map(|after| tx.now() + after);
    tx.set_commander_due(incident.id, due_at).await?;
    if let Some(at) = due_at {
        tx.cause_at(&Effect::NudgeCommander { incident: incident.id }, at).await?;
    }
    Ok(())
}
