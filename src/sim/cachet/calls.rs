//! What each call does. Strict by Laravel's rules of validation; three defaults matter: `visible` and `notifications` are
//! off unless asked for, and a post on an incident carries no component.

use serde_json::{Value, json};

use super::server::{Outcome, Refusal, Request};
use super::state::{Incident, Site, Update, human};

const LONGEST_NAME: usize = 255;

#[expect(clippy::unnecessary_wraps, reason = "endpoints have one signature")]
pub(super) fn status(site: &mut Site, _: &Request) -> Outcome {
    let message = site.public();
    let is_well = message.starts_with("All systems");
    let status = if is_well { "operational" } else { "partial_outage" };
    Ok((200, json!({ "data": { "status": status, "message": message } })))
}

pub(super) fn components(site: &mut Site, request: &Request) -> Outcome {
    let rows: Vec<Value> = (1..).zip(&site.components).map(|(id, c)| site.component_json(id, c)).collect();
    request.page(&rows, &[])
}

pub(super) fn set_component(site: &mut Site, request: &Request) -> Outcome {
    let status = match request.body.get("status") {
        None => None,
        Some(value) => Some(
            value
                .as_i64()
                .filter(|n| (1..=6).contains(n))
                .ok_or(Refusal::invalid("status", "The selected status is invalid."))?,
        ),
    };
    let component = site.component(request.id).ok_or(Refusal::not_found())?;
    if let Some(status) = status {
        component.status = status;
    }
    let component = &site.components[usize::try_from(request.id - 1).unwrap_or(0)];
    Ok((200, json!({ "data": site.component_json(request.id, component) })))
}

/// Newest first; `filter[status]`, `filter[meta][key]`, `include`.
pub(super) fn incidents(site: &mut Site, request: &Request) -> Outcome {
    let include = request.one("include").unwrap_or_default().to_owned();
    let mut found: Vec<&Incident> = site.incidents.iter().rev().collect();
    if let Some(status) = request.one("filter[status]") {
        let status: i64 = status.parse().map_err(|_| Refusal::invalid("filter", "is no status"))?;
        found.retain(|i| i.status == status);
    }
    for (name, value) in &request.query {
        let key = name.strip_prefix("filter[meta][").and_then(|rest| rest.strip_suffix(']'));
        if let Some(key) = key {
            found.retain(|i| i.meta[key] == *value);
        }
    }
    let rows: Vec<Value> = found.iter().map(|i| Site::incident_json(i, &include)).collect();
    let included: Vec<Value> = if include.split(',').any(|name| name == "meta") {
        found.iter().flat_map(|i| Site::included_meta(i)).collect()
    } else {
        Vec::new()
    };
    request.page(&rows, &included)
}

pub(super) fn create(site: &mut Site, request: &Request) -> Outcome {
    let name = request.text("name")?;
    if name.chars().count() > LONGEST_NAME {
        return Err(Refusal::invalid("name", "The name field must not be greater than 255 characters."));
    }
    let message = request.text("message")?;
    let status = request.body["status"].as_i64().filter(|n| (0..=4).contains(n));
    let status = status.ok_or(Refusal::invalid("status", "The selected status is invalid."))?;
    let mut components = Vec::new();
    for row in request.body["components"].as_array().into_iter().flatten() {
        let (Some(id), Some(status)) =
            (row["id"].as_i64(), row["status"].as_i64().filter(|n| (1..=6).contains(n)))
        else {
            return Err(Refusal::invalid("components", "The components field is invalid."));
        };
        if site.component(id).is_none() {
            return Err(Refusal::invalid("components", "The selected component is invalid."));
        }
        components.push((id, status));
    }
    let meta = match request.body.get("meta") {
        None => json!({}),
        Some(meta) if meta.is_object() => meta.clone(),
        Some(_) => return Err(Refusal::invalid("meta", "The meta field must be an array.")),
    };
    let incident = Incident {
        id: i64::try_from(site.incidents.len()).unwrap_or(0) + 1,
        name,
        message,
        status,
        visible: request.body["visible"] == true,
        meta,
        components,
        updates: Vec::new(),
        created_at: site.clock.now(),
    };
    if request.body["notifications"] == true && incident.visible {
        site.notified.push(format!("{}: {}", incident.name, human(incident.status)));
    }
    let shown = Site::incident_json(&incident, "");
    site.incidents.push(incident);
    Ok((201, json!({ "data": shown })))
}

pub(super) fn updates(site: &mut Site, request: &Request) -> Outcome {
    let incident = site.incidents.iter().find(|i| i.id == request.id).ok_or(Refusal::not_found())?;
    let rows: Vec<Value> = incident.updates.iter().enumerate().rev().map(|(n, u)| shown(n, u)).collect();
    request.page(&rows, &[])
}

pub(super) fn update(site: &mut Site, request: &Request) -> Outcome {
    let message = request.text("message")?;
    let status = request.body["status"].as_i64().filter(|n| (0..=4).contains(n));
    let status = status.ok_or(Refusal::invalid("status", "The selected status is invalid."))?;
    let incident = site.incidents.iter_mut().find(|i| i.id == request.id).ok_or(Refusal::not_found())?;
    incident.status = status;
    incident.updates.push(Update { status, message });
    let last = incident.updates.len() - 1;
    Ok((201, json!({ "data": shown(last, &incident.updates[last]) })))
}

fn shown(number: usize, update: &Update) -> Value {
    json!({ "id": (number + 1).to_string(), "type": "updates", "attributes": {
        "message": update.message, "status": { "human": human(update.status), "value": update.status },
    } })
}
