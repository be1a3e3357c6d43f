//! The page: components, incidents with their posts, who was told, and the count of calls.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::{Clock, Timestamp};

pub(super) const COMPONENT_STATUSES: [&str; 6] =
    ["", "operational", "degraded_performance", "partial_outage", "major_outage", "under_maintenance"];
pub(super) const STATUSES: [&str; 4] = ["investigating", "identified", "monitoring", "resolved"];
pub(super) const IMPACTS: [&str; 5] = ["none", "maintenance", "minor", "major", "critical"];

const CALLS_A_MINUTE: usize = 60;
const MINUTE: Duration = Duration::from_secs(60);

/// A part of the product, or a group of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    pub id: String,
    pub name: String,
    pub status: String,
    pub group_id: Option<String>,
    pub is_group: bool,
}

/// What the public reads of one incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    pub id: String,
    pub name: String,
    pub status: String,
    pub impact: String,
    pub component_ids: Vec<String>,
    pub metadata: Value,
    /// Oldest first.
    pub posts: Vec<Post>,
    pub created_at: Timestamp,
}

/// One post of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    pub status: String,
    pub body: String,
    pub delivered: bool,
    pub at: Timestamp,
}

pub(super) struct Page {
    pub clock: Clock,
    pub key_valid: bool,
    pub components: Vec<Component>,
    pub incidents: Vec<Incident>,
    pub notified: Vec<String>,
    made: usize,
    calls: VecDeque<Timestamp>,
}

impl Page {
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            key_valid: true,
            components: Vec::new(),
            incidents: Vec::new(),
            notified: Vec::new(),
            made: 0,
            calls: VecDeque::new(),
        }
    }

    /// Counts a call of the key; or the seconds until one more is let through.
    pub fn count_call(&mut self) -> Result<(), u64> {
        let now = self.clock.now();
        while self.calls.front().is_some_and(|at| now.since(*at) >= MINUTE) {
            self.calls.pop_front();
        }
        if self.calls.len() < CALLS_A_MINUTE {
            self.calls.push_back(now);
            return Ok(());
        }
        let left = self.calls.front().map_or(MINUTE, |at| MINUTE.saturating_sub(now.since(*at)));
        Err(left.as_secs().max(1))
    }

    pub fn add(&mut self, id: &str, name: &str, group_id: Option<String>, is_group: bool) {
        self.components.push(Component {
            id: id.into(),
            name: name.into(),
            status: "operational".into(),
            group_id,
            is_group,
        });
    }

    pub fn set_component(&mut self, id: &str, status: &str) -> bool {
        match self.components.iter_mut().find(|c| c.id == id && !c.is_group) {
            Some(component) => {
                if !status.is_empty() {
                    component.status = status.into();
                }
                true
            }
            None => false,
        }
    }

    pub fn fresh_id(&mut self) -> String {
        self.made += 1;
        format!("inc{:09}", self.made)
    }

    pub fn post_by_hand(&mut self, name: &str, component_ids: &[&str]) -> String {
        let id = self.fresh_id();
        let at = self.clock.now();
        let post = Post { status: "investigating".into(), body: "By hand.".into(), delivered: false, at };
        self.incidents.push(Incident {
            id: id.clone(),
            name: name.into(),
            status: "investigating".into(),
            impact: "minor".into(),
            component_ids: component_ids.iter().map(|id| (*id).to_owned()).collect(),
            metadata: json!({}),
            posts: vec![post],
            created_at: at,
        });
        id
    }

    pub fn resolve_by_hand(&mut self, id: &str) {
        let at = self.clock.now();
        if let Some(incident) = self.incidents.iter_mut().find(|i| i.id == id) {
            incident.status = "resolved".into();
            let body = "By hand.".into();
            incident.posts.push(Post { status: "resolved".into(), body, delivered: false, at });
        }
    }

    pub fn public(&self) -> String {
        let mut text = String::new();
        for c in self.components.iter().filter(|c| !c.is_group && c.status != "operational") {
            let _ = writeln!(text, "{}: {}", c.name, c.status);
        }
        for incident in self.incidents.iter().rev() {
            let _ = writeln!(text, "[{}] {} ({})", incident.impact, incident.name, incident.status);
            for post in incident.posts.iter().rev() {
                let _ = writeln!(text, "  {}: {}", post.status, post.body.replace('\n', "\n    "));
            }
        }
        if text.is_empty() { "All Systems Operational".into() } else { text.trim_end().to_owned() }
    }
}

impl Component {
    pub(super) fn to_json(&self) -> Value {
        json!({
            "id": self.id, "page_id": super::Statuspage::PAGE_ID, "name": self.name, "status": self.status,
            "description": null, "group_id": self.group_id, "group": self.is_group, "position": 1,
            "showcase": false, "only_show_if_degraded": false, "start_date": null, "automation_email": null,
        })
    }
}

impl Page {
    pub fn incident_json(&self, incident: &Incident) -> Value {
        let components: Vec<Value> = incident
            .component_ids
            .iter()
            .filter_map(|id| self.components.iter().find(|c| c.id == *id))
            .map(Component::to_json)
            .collect();
        let updates: Vec<Value> = incident
            .posts
            .iter()
            .enumerate()
            .rev()
            .map(|(n, post)| {
                json!({
                    "id": format!("{}-{n}", incident.id), "incident_id": incident.id, "status": post.status,
                    "body": post.body, "display_at": post.at, "created_at": post.at, "updated_at": post.at,
                    "deliver_notifications": post.delivered, "affected_components": null,
                })
            })
            .collect();
        let resolved_at = (incident.status == "resolved").then(|| incident.posts.last().map(|p| p.at));
        json!({
            "id": incident.id, "page_id": super::Statuspage::PAGE_ID, "name": incident.name,
            "status": incident.status, "impact": incident.impact, "impact_override": incident.impact,
            "shortlink": format!("https://stspg.io/{}", incident.id), "created_at": incident.created_at,
            "updated_at": incident.posts.last().map(|p| p.at), "monitoring_at": null,
            "resolved_at": resolved_at, "metadata": incident.metadata, "reminder_intervals": null,
            "scheduled_for": null, "components": components, "incident_updates": updates,
            "postmortem_body": null,
        })
    }
}
