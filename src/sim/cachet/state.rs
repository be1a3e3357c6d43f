//! The site: components with their own state, incidents with the state that they give to components, and the count of
//! calls.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::{Clock, Timestamp};

pub(super) const CALLS_A_MINUTE: usize = 300;
const MINUTE: Duration = Duration::from_secs(60);

pub(super) const FIXED: i64 = 4;

pub(super) struct Component {
    pub name: String,
    /// Its own; what is shown may be worse.
    pub status: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    pub id: i64,
    pub name: String,
    pub message: String,
    pub status: i64,
    /// Otherwise only those who manage the site see it.
    pub visible: bool,
    pub meta: Value,
    /// Component → how it is because of this.
    pub components: Vec<(i64, i64)>,
    /// Oldest first, without the message that it began with.
    pub updates: Vec<Update>,
    pub created_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    pub status: i64,
    pub message: String,
}

pub(super) struct Site {
    pub clock: Clock,
    pub token_valid: bool,
    pub components: Vec<Component>,
    pub incidents: Vec<Incident>,
    pub notified: Vec<String>,
    calls: VecDeque<Timestamp>,
}

pub(super) fn human(status: i64) -> &'static str {
    match status {
        1 => "Investigating",
        2 => "Identified",
        3 => "Watching",
        FIXED => "Fixed",
        _ => "Unknown",
    }
}

fn component_human(status: i64) -> &'static str {
    match status {
        1 => "Operational",
        2 => "Performance Issues",
        3 => "Partial Outage",
        4 => "Major Outage",
        6 => "Under maintenance",
        _ => "Unknown",
    }
}

impl Site {
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            token_valid: true,
            components: Vec::new(),
            incidents: Vec::new(),
            notified: Vec::new(),
            calls: VecDeque::new(),
        }
    }

    /// Counts a call; what is left of the minute, or the seconds until one more is let through.
    pub fn count_call(&mut self) -> Result<usize, u64> {
        let now = self.clock.now();
        while self.calls.front().is_some_and(|at| now.since(*at) >= MINUTE) {
            self.calls.pop_front();
        }
        if self.calls.len() < CALLS_A_MINUTE {
            self.calls.push_back(now);
            return Ok(CALLS_A_MINUTE - self.calls.len());
        }
        let left = self.calls.front().map_or(MINUTE, |at| MINUTE.saturating_sub(now.since(*at)));
        Err(left.as_secs().max(1))
    }

    pub fn add_component(&mut self, name: &str) {
        self.components.push(Component { name: name.into(), status: 1 });
    }

    /// A component by the number of its id.
    pub fn component(&mut self, id: i64) -> Option<&mut Component> {
        let at = usize::try_from(id).ok()?.checked_sub(1)?;
        self.components.get_mut(at)
    }

    /// The worst of its own state and of what visible incidents that are not fixed give it.
    fn shown_status(&self, id: i64, own: i64) -> i64 {
        let open = self.incidents.iter().filter(|i| i.visible && i.status != FIXED);
        let given = open.flat_map(|i| &i.components).filter(|(of, _)| *of == id).map(|(_, status)| *status);
        let rank = |status: &i64| [1, 6, 5, 2, 3, 4].iter().position(|s| s == status);
        given.chain([own]).max_by_key(rank).unwrap_or(own)
    }

    pub fn public(&self) -> String {
        let mut text = String::new();
        for (id, component) in (1..).zip(&self.components) {
            let shown = self.shown_status(id, component.status);
            if shown != 1 {
                let _ = writeln!(text, "{}: {}", component.name, component_human(shown));
            }
        }
        for incident in self.incidents.iter().rev().filter(|i| i.visible) {
            let _ = writeln!(text, "{} ({})", incident.name, human(incident.status));
            for update in incident.updates.iter().rev() {
                let _ = writeln!(text, "  {}: {}", human(update.status), update.message);
            }
            let _ = writeln!(text, "  {}", incident.message);
        }
        if text.is_empty() { "All systems are operational".into() } else { text.trim_end().to_owned() }
    }

    pub fn component_json(&self, id: i64, component: &Component) -> Value {
        let shown = self.shown_status(id, component.status);
        json!({ "id": id.to_string(), "type": "components", "attributes": {
            "id": id, "name": component.name, "description": null, "order": id, "enabled": true,
            "status": { "human": component_human(shown), "value": shown },
        }, "relationships": {} })
    }

    pub fn incident_json(incident: &Incident, include: &str) -> Value {
        let mut relationships = json!({});
        if include.split(',').any(|name| name == "components") {
            let ids = incident
                .components
                .iter()
                .map(|(id, _)| json!({ "id": id.to_string(), "type": "components" }));
            relationships["components"] = json!({ "data": ids.collect::<Vec<_>>() });
        }
        if include.split(',').any(|name| name == "meta") {
            let ids = incident.meta.as_object().into_iter().flatten();
            let ids = ids.map(|(key, _)| json!({ "id": meta_id(incident, key), "type": "meta" }));
            relationships["meta"] = json!({ "data": ids.collect::<Vec<_>>() });
        }
        json!({ "id": incident.id.to_string(), "type": "incidents", "attributes": {
            "id": incident.id, "guid": guid(incident.id), "name": incident.name, "message": incident.message,
            "visible": i32::from(incident.visible), "stickied": false,
            "status": { "human": human(incident.status), "value": incident.status },
            "created": { "human": "just now", "string": incident.created_at },
        }, "relationships": relationships })
    }

    /// What `include=meta` adds below the rows.
    pub fn included_meta(incident: &Incident) -> Vec<Value> {
        let meta = incident.meta.as_object().into_iter().flatten();
        let row = |(key, value): (&String, &Value)| json!({ "id": meta_id(incident, key), "type": "meta", "attributes": { "key": key, "value": value } });
        meta.map(row).collect()
    }
}

fn meta_id(incident: &Incident, key: &str) -> String {
    format!("{}-{key}", incident.id)
}

fn guid(id: i64) -> String {
    format!("00000000-0000-4000-8000-{id:012}")
}
