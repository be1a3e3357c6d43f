//! The simulated status page's public side: `GET /api/v2/summary.json`. <https://metastatuspage.com/api>

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{Monitors, Outcome, Seen};

pub(super) struct Page {
    indicator: String,
    description: String,
    /// (name, status)
    components: Vec<(String, String)>,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            indicator: "none".into(),
            description: "All Systems Operational".into(),
            components: vec![("API".into(), "operational".into()), ("Website".into(), "operational".into())],
        }
    }
}

impl Monitors {
    /// What the page shows at its top, and of one of its components.
    pub fn set_page(&self, indicator: &str, description: &str, component: &str, status: &str) {
        let page = &mut self.seen().page;
        page.indicator = indicator.into();
        page.description = description.into();
        for (_, shown) in page.components.iter_mut().filter(|(name, _)| name == component) {
            *shown = status.into();
        }
    }
}

pub(super) fn summary(seen: &Seen, _: &[(String, String)]) -> Outcome {
    let now = seen.clock.now();
    let component = |(at, (name, status)): (usize, &(String, String))| {
        json!({
            "id": format!("cmp{at}"), "name": name, "status": status, "position": at + 1, "group": false,
            "group_id": "grp1", "showcase": true, "only_show_if_degraded": false, "created_at": now, "updated_at": now,
        })
    };
    let mut components: Vec<Value> = seen.page.components.iter().enumerate().map(component).collect();
    // Its status is made of its members', which stand for themselves.
    components.push(json!({
        "id": "grp1", "name": "Everything", "status": "operational", "position": 9, "group": true, "group_id": null,
    }));
    let body = json!({
        "page": {
            "id": "simpage", "name": "Example", "url": "https://status.example.com", "time_zone": "Etc/UTC",
            "updated_at": now,
        },
        "status": { "indicator": seen.page.indicator, "description": seen.page.description },
        "components": components, "incidents": [], "scheduled_maintenances": [],
    });
    (StatusCode::OK, body)
}
