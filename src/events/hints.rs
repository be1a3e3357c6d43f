//! Hints that a rota changed, from a pipeline, a script or another tool. PagerDuty sends nothing when somebody comes on
//! call, so whoever changes a rota may say so, in the envelope of its webhooks (docs/operations.md has the contract).
//! A hint is never believed: it causes a read.

use std::time::Duration;

use serde_json::Value;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::oncall::{HINTED, Known, Step};
use crate::store::Tx;

/// Hints come in bursts (a pipeline that touches every schedule): one read sees all of it.
const BURST: Duration = Duration::from_secs(1);
/// A hand-off announced for later than this is found by the poll.
const FAR_AHEAD: Duration = Duration::from_secs(30 * 24 * 3600);
/// What is longer is not shown to people.
const LONGEST_REASON: usize = 60;

pub async fn understand(tx: &mut Tx, known: &Known, body: &[u8], sender: &str) -> Result<()> {
    let Ok(envelope) = serde_json::from_slice::<Value>(body) else {
        tracing::warn!(sender, bytes = body.len(), "a signed hint that is no JSON");
        return Ok(());
    };
    // Other tools have no envelope: https://api-docs.incident.io/tag/Webhooks, https://docs.zenduty.com
    let event = if envelope["event"].is_object() { &envelope["event"] } else { &envelope };
    let kind =
        ["event_type", "event", "type"].iter().find_map(|key| event[*key].as_str()).unwrap_or_default();
    match kind {
        "pagey.ping" => tracing::info!(sender, "the test event of a hint sender arrived"),
        kind if is_about_a_rota(kind) => take(tx, known, event, sender).await?,
        kind => tracing::warn!(sender, kind, "a hint sender said something that it may not say; left out"),
    }
    Ok(())
}

/// `oncall.changed`, `schedule.override.created`, `schedule.shift_change_v1`, `oncall_change` …
pub fn is_about_a_rota(kind: &str) -> bool {
    ["oncall.", "schedule.", "oncall_change", "on_call_change"].iter().any(|known| kind.starts_with(known))
}

/// One read for everything, whatever the hint names: it costs the same call.
pub async fn take(tx: &mut Tx, known: &Known, event: &Value, sender: &str) -> Result<()> {
    if known.config.groups.is_empty()
        && known.config.services.is_empty()
        && known.config.commanders.is_empty()
    {
        return Ok(());
    }
    let reason: String = event["data"]["reason"]
        .as_str()
        .unwrap_or("a change")
        .chars()
        .filter(|c| c.is_alphanumeric() || " _-".contains(*c))
        .take(LONGEST_REASON)
        .collect();
    let cause = format!("{sender} said so ({})", reason.replace('_', " "));
    let now = tx.now();
    tx.remember_fact(HINTED, &Some(now)).await?;
    tx.enqueue(Step::ReadOnCall.because(&cause).at(now + BURST)).await?;
    let later = event["data"]["effective_at"].as_str().and_then(|at| Timestamp::parse(at).ok());
    if let Some(at) = later.filter(|at| *at > now && *at < now + FAR_AHEAD) {
        let at = at + BURST;
        let read = Step::ReadOnCall.because(&cause).dedup(format!("oncall.read_oncall@{}", at.as_secs()));
        tx.enqueue(read.at(at)).await?;
    }
    // A schedule may have got another name, or be new or gone.
    let kind = event["event_type"].as_str().unwrap_or_default();
    if kind.starts_with("schedule.") && known.people.read_at.contains_key(Step::ReadSchedules.kind()) {
        tx.enqueue(Step::ReadSchedules.soon(now)).await?;
    }
    Ok(())
}
