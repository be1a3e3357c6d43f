//! Incidents: making, reading and changing them. Strict where the vendor's document is: enumerations, lengths, metadata
//! whose top-level values are objects, components that exist. Stricter than it in two places, because the vendor's own
//! defaults tell subscribers by surprise and make up words: `deliver_notifications` and `body` have to be given.

use serde_json::{Map, Value};

use super::answer::{Answer, Outcome, Refusal};
use super::server::{Request, listed};
use super::state::{COMPONENT_STATUSES, IMPACTS, Incident, Page, Post, STATUSES};

const LONGEST_NAME: usize = 255;
const LONGEST_BODY: usize = 25_000;

/// Newest first.
pub(super) fn list(page: &mut Page, request: &Request) -> Outcome {
    let rows: Vec<Value> = page.incidents.iter().rev().map(|i| page.incident_json(i)).collect();
    listed(request, &rows)
}

pub(super) fn unresolved(page: &mut Page, request: &Request) -> Outcome {
    let open = page.incidents.iter().rev().filter(|i| i.status != "resolved");
    let rows: Vec<Value> = open.map(|i| page.incident_json(i)).collect();
    listed(request, &rows)
}

pub(super) fn get(page: &mut Page, request: &Request) -> Outcome {
    let incident = page.incidents.iter().find(|i| i.id == request.id).ok_or(Refusal::not_found())?;
    Ok(Answer::ok(page.incident_json(incident)))
}

pub(super) fn create(page: &mut Page, request: &Request) -> Outcome {
    let fields = fields(request)?;
    let name = match text(fields, "name", LONGEST_NAME)? {
        Some(name) if !name.trim().is_empty() => name,
        _ => return Err(Refusal::invalid("name", "can't be blank")),
    };
    let change = Change::read(page, fields)?;
    let (id, at) = (page.fresh_id(), page.clock.now());
    let incident = Incident {
        id,
        name,
        status: "investigating".into(),
        impact: "none".into(),
        component_ids: Vec::new(),
        metadata: Value::Object(Map::new()),
        posts: Vec::new(),
        created_at: at,
    };
    page.incidents.push(incident);
    let last = page.incidents.len() - 1;
    change.apply(page, last);
    Ok(Answer::created(page.incident_json(&page.incidents[last])))
}

pub(super) fn update(page: &mut Page, request: &Request) -> Outcome {
    let at = page.incidents.iter().position(|i| i.id == request.id).ok_or(Refusal::not_found())?;
    let fields = fields(request)?;
    let change = Change::read(page, fields)?;
    if let Some(name) = text(fields, "name", LONGEST_NAME)? {
        page.incidents[at].name = name;
    }
    change.apply(page, at);
    Ok(Answer::ok(page.incident_json(&page.incidents[at])))
}

/// What a create or an update says, checked as a whole before any of it is done.
struct Change {
    status: Option<String>,
    impact: Option<String>,
    body: String,
    deliver: bool,
    component_ids: Option<Vec<String>>,
    components: Vec<(String, String)>,
    metadata: Option<Value>,
}

impl Change {
    fn read(page: &Page, fields: &Map<String, Value>) -> Result<Self, Refusal> {
        const KNOWN: [&str; 8] = [
            "name",
            "status",
            "impact_override",
            "body",
            "deliver_notifications",
            "component_ids",
            "components",
            "metadata",
        ];
        if let Some(unknown) = fields.keys().find(|key| !KNOWN.contains(&key.as_str())) {
            return Err(Refusal::invalid(unknown, "is nothing that this simulator knows"));
        }
        let deliver = match fields.get("deliver_notifications") {
            Some(Value::Bool(deliver)) => *deliver,
            _ => {
                return Err(Refusal::invalid(
                    "deliver_notifications",
                    "is to be said: the default tells everybody",
                ));
            }
        };
        let body = match text(fields, "body", LONGEST_BODY)? {
            Some(body) if !body.trim().is_empty() => body,
            _ => return Err(Refusal::invalid("body", "is to be given: the vendor would make one up")),
        };
        Ok(Self {
            status: one_of(fields, "status", &STATUSES)?,
            impact: one_of(fields, "impact_override", &IMPACTS)?,
            body,
            deliver,
            component_ids: component_ids(page, fields)?,
            components: components(page, fields)?,
            metadata: metadata(fields)?,
        })
    }

    fn apply(self, page: &mut Page, at: usize) {
        for (id, status) in &self.components {
            page.set_component(id, status);
        }
        let now = page.clock.now();
        let incident = &mut page.incidents[at];
        if let Some(status) = self.status {
            incident.status = status;
        }
        if let Some(impact) = self.impact {
            incident.impact = impact;
        }
        if let Some(ids) = self.component_ids {
            incident.component_ids = ids;
        }
        if let Some(metadata) = self.metadata {
            incident.metadata = metadata;
        }
        let post =
            Post { status: incident.status.clone(), body: self.body, delivered: self.deliver, at: now };
        if post.delivered {
            page.notified.push(format!("{}: {}", incident.name, post.status));
        }
        incident.posts.push(post);
    }
}

fn fields(request: &Request) -> Result<&Map<String, Value>, Refusal> {
    request.body["incident"].as_object().ok_or(Refusal::bad_request("incident is missing"))
}

fn text(fields: &Map<String, Value>, key: &str, most: usize) -> Result<Option<String>, Refusal> {
    match fields.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.chars().count() <= most => Ok(Some(text.clone())),
        Some(Value::String(_)) => {
            Err(Refusal::invalid(key, &format!("is too long (maximum is {most} characters)")))
        }
        Some(_) => Err(Refusal::invalid(key, "is no text")),
    }
}

fn one_of(fields: &Map<String, Value>, key: &str, words: &[&str]) -> Result<Option<String>, Refusal> {
    match text(fields, key, LONGEST_NAME)? {
        Some(word) if !words.contains(&word.as_str()) => {
            Err(Refusal::invalid(key, "is not included in the list"))
        }
        word => Ok(word),
    }
}

fn component_ids(page: &Page, fields: &Map<String, Value>) -> Result<Option<Vec<String>>, Refusal> {
    let Some(ids) = fields.get("component_ids") else { return Ok(None) };
    let wrong = || Refusal::invalid("component_ids", "names a component that the page does not have");
    let ids = ids.as_array().ok_or_else(wrong)?;
    let known = |id: &Value| {
        let id = id.as_str()?;
        page.components.iter().any(|c| c.id == id && !c.is_group).then(|| id.to_owned())
    };
    Ok(Some(ids.iter().map(|id| known(id).ok_or_else(wrong)).collect::<Result<_, _>>()?))
}

fn components(page: &Page, fields: &Map<String, Value>) -> Result<Vec<(String, String)>, Refusal> {
    let Some(map) = fields.get("components") else { return Ok(Vec::new()) };
    let map = map.as_object().ok_or(Refusal::invalid("components", "is no map"))?;
    map.iter()
        .map(|(id, status)| {
            let status = status.as_str().filter(|s| COMPONENT_STATUSES.contains(s));
            let status = status.ok_or(Refusal::invalid("components", "has a status that there is not"))?;
            if !page.components.iter().any(|c| c.id == *id && !c.is_group) {
                return Err(Refusal::invalid("components", "names a component that the page does not have"));
            }
            Ok((id.clone(), status.to_owned()))
        })
        .collect()
}

fn metadata(fields: &Map<String, Value>) -> Result<Option<Value>, Refusal> {
    match fields.get("metadata") {
        None => Ok(None),
        Some(value) if value.as_object().is_some_and(|m| m.values().all(Value::is_object)) => {
            Ok(Some(value.clone()))
        }
        Some(_) => Err(Refusal::invalid("metadata", "must be an object whose values are objects")),
    }
}
