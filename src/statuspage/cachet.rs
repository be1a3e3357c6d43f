//! Cachet 3: <https://docs.cachethq.io/v3.x/api>. Numbers stand for states; what is not sent as visible is seen by
//! nobody but its managers. Components are set beside an incident: what it gives them when it is made hides their own
//! state until it is fixed, and no call changes it.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::json;
use url::Url;

use super::calls::{
    CACHET_COMPONENTS, CACHET_CREATE, CACHET_INCIDENTS, CACHET_SET_COMPONENT, CACHET_STATUS, CACHET_UPDATE,
    CACHET_UPDATES,
};
use super::{
    Component, ComponentStatus, Line, NewPublicIncident, PAGE_SIZE, PageInfo, PostStatus, PublicIncident,
    Update, segment,
};
use crate::error::{Problem, Upstream};
use crate::http_client::Fields;

/// Ours among the keys of an incident's meta data.
const OURS: &str = "firebell_incident";
/// The post that made it.
const MADE_BY: &str = "firebell_post";
const LONGEST_NAME: usize = 255;
/// Unknown or reported, investigating, identified, watching; 4 is fixed.
const OPEN: [u8; 4] = [0, 1, 2, 3];

/// A site has no name in its API: its host's stands for it.
pub(super) async fn page(line: &Line) -> Result<PageInfo, Upstream> {
    let url = line.settings.api_url.clone();
    let host = Url::parse(&url).ok().and_then(|url| url.host_str().map(str::to_owned));
    let read = |answer: Fields<'_>| answer.need("/data/status");
    line.call(&CACHET_STATUS, line.request(Method::GET, "/api/status"), &[], read).await?;
    Ok(PageInfo { name: host.unwrap_or_else(|| url.clone()), url })
}

/// Everybody may read: only a write asks for the token. A component is set to what it is.
pub(super) async fn try_key(line: &Line) -> Result<(), Upstream> {
    match components(line).await?.first() {
        Some(component) => set_component(line, &component.id, component.status).await,
        None => Ok(()),
    }
}

pub(super) async fn components(line: &Line) -> Result<Vec<Component>, Upstream> {
    let read = |row: Fields<'_>| {
        Ok(Component {
            id: row.need("/id")?,
            name: row.need("/attributes/name")?,
            group: None,
            status: component_status(row.at("/attributes").int("/status/value")),
        })
    };
    line.pages(&CACHET_COMPONENTS, "/api/components?sort=order", "/data", read).await
}

pub(super) async fn unresolved(line: &Line) -> Result<Vec<PublicIncident>, Upstream> {
    let mut found = Vec::new();
    for status in OPEN {
        let path = format!("/api/incidents?include=components,meta&filter%5Bstatus%5D={status}");
        let rows = line.pages(&CACHET_INCIDENTS, &path, "/data", |row| visible(line, row)).await?;
        found.extend(rows.into_iter().flatten());
    }
    Ok(found)
}

/// By our key in its meta data. What a row does not show to be ours is not taken for it, whatever the filter says.
pub(super) async fn find(line: &Line, ours: &str) -> Result<Option<PublicIncident>, Upstream> {
    let filter = format!("filter%5Bmeta%5D%5B{OURS}%5D={}", segment(ours));
    let path = format!("/api/incidents?include=components,meta&{filter}&per_page={PAGE_SIZE}");
    let read = |answer: Fields<'_>| {
        let meta = |row: Fields<'_>, key: &str| {
            let included = row.list("/relationships/meta/data").find_map(|id| {
                let is_it = |item: &Fields<'_>| {
                    item.text("/id") == id.text("/id") && item.text("/attributes/key") == key
                };
                answer.list("/included").find(is_it)?.some("/attributes/value")
            });
            included.or_else(|| row.some(&format!("/attributes/meta/{key}")))
        };
        let found = answer.list("/data").find(|row| meta(*row, OURS).as_deref() == Some(ours));
        let read = |row: Fields<'_>| {
            let incident = read_incident(line, row)?;
            Ok(PublicIncident { ours: Some(ours.to_owned()), last_post: meta(row, MADE_BY), ..incident })
        };
        found.map(read).transpose()
    };
    line.call(&CACHET_INCIDENTS, line.request(Method::GET, &path), &[], read).await
}

pub(super) async fn create(line: &Line, new: &NewPublicIncident<'_>) -> Result<PublicIncident, Upstream> {
    let body = json!({
        "name": new.name.chars().take(LONGEST_NAME).collect::<String>(),
        "status": number_of_post(new.status),
        "message": new.body,
        "visible": true,
        "notifications": line.settings.deliver_notifications,
        "meta": { OURS: new.mark.incident, MADE_BY: new.mark.post },
    });
    let request = line.request(Method::POST, "/api/incidents").json(&body);
    line.call(&CACHET_CREATE, request, &[], |answer| read_incident(line, answer.at("/data"))).await
}

/// The words alone: no post carries components.
pub(super) async fn update(
    line: &Line,
    id: &str,
    update: &Update<'_>,
    looks: Option<usize>,
) -> Result<bool, Upstream> {
    let path = format!("/api/incidents/{}/updates", segment(id));
    let is_there = match looks {
        Some(earlier) => match same_posts(line, &path, update).await? {
            Some(count) => count > earlier,
            None => return Ok(false),
        },
        None => false,
    };
    if !is_there {
        let body = json!({ "status": number_of_post(update.status), "message": update.body });
        let request = line.request(Method::POST, &path).json(&body);
        let posted = line.call(&CACHET_UPDATE, request, &["404"], |answer| Ok(!answer.0.is_null())).await?;
        if !posted {
            return Ok(false);
        }
    }
    Ok(true)
}

/// How many posts say the same; a post carries no mark of ours. `None` when there is no such incident.
async fn same_posts(line: &Line, path: &str, update: &Update<'_>) -> Result<Option<usize>, Upstream> {
    let request = line.request(Method::GET, &format!("{path}?sort=-created_at&per_page={PAGE_SIZE}"));
    let number = number_of_post(update.status);
    let read = |answer: Fields<'_>| {
        if answer.0.is_null() {
            return Ok(None);
        }
        let same = answer.list("/data").filter(|row| {
            let row = row.at("/attributes");
            row.int("/status/value") == i64::from(number) && row.text("/message") == update.body
        });
        Ok(Some(same.count()))
    };
    line.call(&CACHET_UPDATES, request, &["404"], read).await
}

pub(super) async fn set_components(
    line: &Line,
    wanted: &BTreeMap<String, ComponentStatus>,
) -> Result<(), Upstream> {
    for (id, status) in wanted {
        set_component(line, id, *status).await?;
    }
    Ok(())
}

async fn set_component(line: &Line, id: &str, status: ComponentStatus) -> Result<(), Upstream> {
    let body = json!({ "status": number_of_component(status) });
    let request = line.request(Method::PUT, &format!("/api/components/{}", segment(id))).json(&body);
    line.call(&CACHET_SET_COMPONENT, request, &[], |_| Ok(())).await
}

/// `None` for what the public does not see.
fn visible(line: &Line, row: Fields<'_>) -> Result<Option<PublicIncident>, Problem> {
    row.flag("/attributes/visible").then(|| read_incident(line, row)).transpose()
}

fn read_incident(line: &Line, row: Fields<'_>) -> Result<PublicIncident, Problem> {
    let at = row.at("/attributes");
    let site = line.settings.api_url.trim_end_matches('/');
    let url = at
        .some("/guid")
        .map_or_else(|| site.to_owned(), |guid| format!("{site}/incidents/{}", segment(&guid)));
    let status = match at.int("/status/value") {
        1 => PostStatus::Investigating.word(),
        2 => PostStatus::Identified.word(),
        3 => PostStatus::Monitoring.word(),
        4 => PostStatus::Resolved.word(),
        _ => "reported",
    };
    Ok(PublicIncident {
        id: row.need("/id")?,
        name: at.text("/name"),
        status: status.to_owned(),
        url,
        ours: None,
        last_post: None,
        component_ids: row.list("/relationships/components/data").filter_map(|c| c.some("/id")).collect(),
    })
}

fn number_of_post(status: PostStatus) -> u8 {
    match status {
        PostStatus::Investigating => 1,
        PostStatus::Identified => 2,
        PostStatus::Monitoring => 3,
        PostStatus::Resolved => 4,
    }
}

fn number_of_component(status: ComponentStatus) -> u8 {
    match status {
        ComponentStatus::Operational => 1,
        ComponentStatus::DegradedPerformance => 2,
        ComponentStatus::PartialOutage => 3,
        ComponentStatus::MajorOutage => 4,
        ComponentStatus::UnderMaintenance => 6,
    }
}

fn component_status(number: i64) -> ComponentStatus {
    match number {
        2 => ComponentStatus::DegradedPerformance,
        3 => ComponentStatus::PartialOutage,
        4 => ComponentStatus::MajorOutage,
        6 => ComponentStatus::UnderMaintenance,
        // 5 is "unknown", which is nothing that anybody was told.
        _ => ComponentStatus::Operational,
    }
}
