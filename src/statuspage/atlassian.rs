//! Atlassian Statuspage's Manage API: <https://developer.statuspage.io/>. There is no call for a new post on an
//! incident: it is a PATCH of the incident with status and body. Subscribers hear of every one unless told otherwise.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use super::calls::{
    CREATE_INCIDENT, GET_INCIDENT, GET_PAGE, LIST_COMPONENTS, LIST_INCIDENTS, LIST_UNRESOLVED, SET_COMPONENT,
    UPDATE_INCIDENT,
};
use super::{
    Component, ComponentStatus, Line, Mark, NewPublicIncident, PageInfo, PublicIncident, Update, segment,
};
use crate::error::{Problem, Upstream};
use crate::http_client::Fields;

/// Ours among the top-level names of an incident's metadata.
const OURS: &str = "firebell";
/// An incident's name may not be longer.
const LONGEST_NAME: usize = 255;

pub(super) async fn page(line: &Line) -> Result<PageInfo, Upstream> {
    let read = |answer: Fields<'_>| {
        let subdomain = answer.some("/subdomain").map(|name| format!("https://{name}.statuspage.io"));
        let domain = answer.some("/domain").map(|name| format!("https://{name}"));
        Ok(PageInfo { name: answer.need("/name")?, url: domain.or(subdomain).unwrap_or_default() })
    };
    line.call(&GET_PAGE, line.request(Method::GET, &path(line, "")), &[], read).await
}

/// Groups are components too, whose state follows from their members': they only lend their names.
pub(super) async fn components(line: &Line) -> Result<Vec<Component>, Upstream> {
    struct Row {
        component: Component,
        group_id: Option<String>,
        is_group: bool,
    }
    let read = |row: Fields<'_>| {
        let status = ComponentStatus::from_word(&row.text("/status")).unwrap_or(ComponentStatus::Operational);
        let component = Component { id: row.need("/id")?, name: row.need("/name")?, group: None, status };
        Ok(Row { component, group_id: row.some("/group_id"), is_group: row.flag("/group") })
    };
    let rows = line.pages(&LIST_COMPONENTS, &path(line, "/components"), "", read).await?;
    let groups: BTreeMap<String, String> = rows
        .iter()
        .filter(|row| row.is_group)
        .map(|row| (row.component.id.clone(), row.component.name.clone()))
        .collect();
    let members = rows.into_iter().filter(|row| !row.is_group);
    Ok(members
        .map(|row| Component { group: row.group_id.and_then(|id| groups.get(&id).cloned()), ..row.component })
        .collect())
}

pub(super) async fn unresolved(line: &Line) -> Result<Vec<PublicIncident>, Upstream> {
    line.pages(&LIST_UNRESOLVED, &path(line, "/incidents/unresolved"), "", incident).await
}

/// Among those that are not over, and then among the last hundred: somebody may have resolved it on the page.
pub(super) async fn find(line: &Line, ours: &str) -> Result<Option<PublicIncident>, Upstream> {
    let is_ours = |incident: &PublicIncident| incident.ours.as_deref() == Some(ours);
    if let Some(found) = unresolved(line).await?.into_iter().find(is_ours) {
        return Ok(Some(found));
    }
    let request = line.request(Method::GET, &path(line, "/incidents?limit=100&page=1"));
    let read = |answer: Fields<'_>| answer.list("").map(incident).collect::<Result<Vec<_>, _>>();
    Ok(line.call(&LIST_INCIDENTS, request, &[], read).await?.into_iter().find(is_ours))
}

pub(super) async fn create(line: &Line, new: &NewPublicIncident<'_>) -> Result<PublicIncident, Upstream> {
    let mut fields = json!({
        "name": new.name.chars().take(LONGEST_NAME).collect::<String>(),
        "status": new.status.word(),
        "impact_override": new.impact.word(),
        "body": new.body,
        "deliver_notifications": line.settings.deliver_notifications,
        "metadata": metadata(new.mark),
    });
    name_components(&mut fields, new.component_ids, new.components);
    let request = line.request(Method::POST, &path(line, "/incidents")).json(&json!({ "incident": fields }));
    line.call(&CREATE_INCIDENT, request, &[], incident).await
}

/// The list says who is affected, the map sets how they are.
fn name_components(fields: &mut Value, affected: &[String], set: &BTreeMap<String, ComponentStatus>) {
    if !affected.is_empty() {
        fields["component_ids"] = json!(affected);
    }
    if !set.is_empty() {
        fields["components"] = json!(set);
    }
}

pub(super) async fn update(
    line: &Line,
    id: &str,
    update: &Update<'_>,
    is_retry: bool,
) -> Result<bool, Upstream> {
    let path = path(line, &format!("/incidents/{}", segment(id)));
    if is_retry {
        let request = line.request(Method::GET, &path);
        let read = |answer: Fields<'_>| {
            if answer.0.is_null() { Ok(None) } else { incident(answer).map(Some) }
        };
        match line.call(&GET_INCIDENT, request, &["404"], read).await? {
            None => return Ok(false),
            Some(found) if found.last_post.as_deref() == Some(update.mark.post) => return Ok(true),
            Some(_) => {}
        }
    }
    let mut fields = json!({
        "status": update.status.word(),
        "impact_override": update.impact.word(),
        "body": update.body,
        "deliver_notifications": line.settings.deliver_notifications,
        "metadata": metadata(update.mark),
    });
    name_components(&mut fields, update.component_ids, update.components);
    let request = line.request(Method::PATCH, &path).json(&json!({ "incident": fields }));
    line.call(&UPDATE_INCIDENT, request, &["404"], |answer| Ok(!answer.0.is_null())).await
}

pub(super) async fn set_components(
    line: &Line,
    wanted: &BTreeMap<String, ComponentStatus>,
) -> Result<(), Upstream> {
    for (id, status) in wanted {
        let path = path(line, &format!("/components/{}", segment(id)));
        let body = json!({ "component": { "status": status } });
        let request = line.request(Method::PATCH, &path).json(&body);
        line.call(&SET_COMPONENT, request, &[], |_| Ok(())).await?;
    }
    Ok(())
}

fn path(line: &Line, rest: &str) -> String {
    format!("/v1/pages/{}{rest}", segment(&line.settings.page_id))
}

/// Every top-level value must be an object.
fn metadata(mark: Mark<'_>) -> Value {
    json!({ OURS: { "incident_id": mark.incident, "post_id": mark.post } })
}

fn incident(row: Fields<'_>) -> Result<PublicIncident, Problem> {
    let ours = row.at(&format!("/metadata/{OURS}"));
    Ok(PublicIncident {
        id: row.need("/id")?,
        name: row.text("/name"),
        status: row.text("/status"),
        url: row.text("/shortlink"),
        ours: ours.some("/incident_id"),
        last_post: ours.some("/post_id"),
        component_ids: row.list("/components").filter_map(|c| c.some("/id")).collect(),
    })
}
