//! The page itself and its components.

use serde_json::{Value, json};

use super::Statuspage;
use super::answer::{Answer, Outcome, Refusal};
use super::server::{Request, listed};
use super::state::{COMPONENT_STATUSES, Component, Page};

#[expect(clippy::unnecessary_wraps, reason = "endpoints have one signature")]
pub(super) fn page(_: &mut Page, _: &Request) -> Outcome {
    Ok(Answer::ok(json!({
        "id": Statuspage::PAGE_ID, "name": "Acme Status", "subdomain": "acme", "domain": null,
        "url": "https://www.example.com", "time_zone": "UTC", "created_at": "2020-01-01T00:00:00Z",
    })))
}

pub(super) fn list(page: &mut Page, request: &Request) -> Outcome {
    let rows: Vec<Value> = page.components.iter().map(Component::to_json).collect();
    listed(request, &rows)
}

pub(super) fn set(page: &mut Page, request: &Request) -> Outcome {
    let Some(component) = page.components.iter().find(|c| c.id == request.id) else {
        return Err(Refusal::not_found());
    };
    if component.is_group {
        return Err(Refusal::invalid("status", "of a group follows from its components"));
    }
    let fields = request.body["component"].as_object().ok_or(Refusal::bad_request("component is missing"))?;
    let status = match fields.get("status") {
        None => component.status.clone(),
        Some(Value::String(status)) if COMPONENT_STATUSES.contains(&status.as_str()) => status.clone(),
        Some(_) => return Err(Refusal::invalid("status", "does not have a valid value")),
    };
    page.set_component(&request.id, &status);
    let shown = page.components.iter().find(|c| c.id == request.id).map(Component::to_json);
    Ok(Answer::ok(shown.unwrap_or_default()))
}
