//! From what was asked to what the public will read: one pure function, the same for words, forms and buttons.

use super::command::Said;
use super::model::{Components, Named, Standing, default_body, default_component_body, impact_of};
use super::page::Page;
use crate::config::Impact;
use crate::error::{Error, Result};
use crate::statuspage::{Component, ComponentStatus, PostStatus};

/// What was asked, its words understood.
pub struct Wanted<'a> {
    pub said: Said,
    /// Cleaned for the public.
    pub message: Option<String>,
    pub components: Vec<&'a Component>,
    /// Chosen one by one in the form; `None`: affected, and left as it is.
    pub chosen: Vec<(&'a Component, Option<ComponentStatus>)>,
    /// Meant, although the public was told the same a moment ago.
    pub again: bool,
}

/// What is to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub status: Option<PostStatus>,
    pub impact: Option<Impact>,
    pub components: Components,
    pub body: String,
    pub question: Question,
}

/// Why its author is asked before it goes out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// Components of the page incident that stay unwell unless it is said what becomes of them.
    pub unwell: Components,
    /// The public was told that it is over.
    pub reopens: bool,
    /// Nobody wrote these words.
    pub is_made_up: bool,
    /// The severity wants a second look at everything.
    pub is_wanted: bool,
}

impl Question {
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// `severity` is the impact of the incident's severity. Errs with what to say instead.
pub fn plan(wanted: &Wanted<'_>, standing: &Standing, page: &Page, severity: Impact) -> Result<Plan> {
    let mut plan = match wanted.said {
        Said::Incident(status) => of_incident(status, wanted, standing, severity)?,
        Said::Component(status) => of_components(status, wanted, standing)?,
    };
    for (component, status) in &wanted.chosen {
        let named = Named { name: component.full_name(), status: *status };
        plan.components.insert(component.id.clone(), named);
    }
    let worst = wanted.chosen.iter().filter_map(|(_, status)| Some(impact_of((*status)?))).max();
    // What was chosen may be worse than what the incident was thought to be.
    if let Some(worst) = worst {
        let before = plan.impact.or(standing.impact).unwrap_or(Impact::None);
        plan.impact = (plan.impact.is_some() || worst > before).then(|| worst.max(before));
    }
    if plan.status == Some(PostStatus::Resolved) {
        let is_set = |id: &String| plan.components.get(id).is_some_and(|named| named.status.is_some());
        plan.question.unwell = unwell(standing, page);
        plan.question.unwell.retain(|id, _| !is_set(id));
    }
    plan.question.reopens = plan.status.is_some() && standing.is_there && !standing.is_open();
    Ok(plan)
}

fn of_incident(
    status: PostStatus,
    wanted: &Wanted<'_>,
    standing: &Standing,
    severity: Impact,
) -> Result<Plan> {
    let is_over = status == PostStatus::Resolved;
    if is_over && !standing.is_there {
        return Err(Error::refused(
            "There is no post about it on the status page, so there is nothing to resolve.",
        ));
    }
    if is_over && standing.status == Some(PostStatus::Resolved) {
        return Err(Error::refused("It is resolved on the status page already."));
    }
    // How a component is has its own words: what is looked into may still work.
    let set = is_over.then_some(ComponentStatus::Operational);
    let components = wanted
        .components
        .iter()
        .map(|component| (component.id.clone(), Named { name: component.full_name(), status: set }));
    Ok(Plan {
        status: Some(status),
        impact: (!standing.is_there).then_some(severity),
        components: components.collect(),
        body: wanted.message.clone().unwrap_or_else(|| default_body(status).to_owned()),
        question: Question::default(),
    })
}

fn of_components(status: ComponentStatus, wanted: &Wanted<'_>, standing: &Standing) -> Result<Plan> {
    let set = |c: &&Component| (c.id.clone(), Named { name: c.full_name(), status: Some(status) });
    let components: Components = wanted.components.iter().map(set).collect();
    let is_well = status == ComponentStatus::Operational;
    let is_open = standing.is_open();
    if is_well && !is_open && wanted.message.is_some() {
        return Err(Error::refused(
            "No open post is about this incident, so there is nowhere to put the message. Leave it out to set the \
             component alone.",
        ));
    }
    let names: Vec<&str> = components.values().map(|n| n.name.as_str()).collect();
    Ok(Plan {
        // A component that is well again is no news of its own, and what is not well is looked into.
        status: (!is_open && !is_well).then_some(PostStatus::Investigating),
        impact: (!is_well)
            .then(|| impact_of(status).max(standing.impact.filter(|_| is_open).unwrap_or(Impact::None))),
        body: wanted.message.clone().unwrap_or_else(|| default_component_body(status, &names)),
        question: Question {
            is_made_up: wanted.message.is_none() && (is_open || !is_well),
            ..Question::default()
        },
        components,
    })
}

/// The page incident's components that are not well: as the page was last read, or as we set them since.
fn unwell(standing: &Standing, page: &Page) -> Components {
    let is_fresh = page.read_at > standing.changed_at;
    let now = standing.components.iter().map(|(id, named)| {
        let read = page.component(id).map(|c| c.status);
        let status = if is_fresh { read.or(named.status) } else { named.status.or(read) };
        (id.clone(), Named { name: named.name.clone(), status })
    });
    now.filter(|(_, named)| named.status != Some(ComponentStatus::Operational)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    fn page(statuses: &[(&str, ComponentStatus)]) -> Page {
        let component = |(name, status): &(&str, ComponentStatus)| Component {
            id: name.to_lowercase(),
            name: (*name).into(),
            group: None,
            status: *status,
        };
        Page {
            components: statuses.iter().map(component).collect(),
            read_at: Some(Timestamp::from_secs(100)),
            ..Page::default()
        }
    }

    fn open(components: &[(&str, ComponentStatus)], changed_at: i64) -> Standing {
        let named = |(name, status): &(&str, ComponentStatus)| {
            (name.to_lowercase(), Named { name: (*name).into(), status: Some(*status) })
        };
        Standing {
            is_there: true,
            status: Some(PostStatus::Identified),
            impact: Some(Impact::Major),
            components: components.iter().map(named).collect(),
            changed_at: Some(Timestamp::from_secs(changed_at)),
        }
    }

    fn planned(said: &str, names: &[&str], standing: &Standing, page: &Page) -> Result<Plan> {
        let said = Said::from_spoken(said).expect("a status");
        let components = names.iter().map(|name| page.exact(name).expect("a component")).collect();
        let wanted = Wanted { said, message: None, components, chosen: Vec::new(), again: false };
        plan(&wanted, standing, page, Impact::Minor)
    }

    fn set(plan: &Plan) -> Vec<(&str, Option<ComponentStatus>)> {
        plan.components.values().map(|n| (n.name.as_str(), n.status)).collect()
    }

    use ComponentStatus::{MajorOutage, Operational, PartialOutage};

    #[test]
    fn the_first_post_takes_its_impact_from_what_was_said() {
        let page = page(&[("Api", Operational), ("Web", PartialOutage)]);
        let none = Standing::default();
        let plan = planned("investigating", &["api", "web"], &none, &page).expect("a plan");
        assert_eq!((plan.status, plan.impact), (Some(PostStatus::Investigating), Some(Impact::Minor)));
        assert_eq!(set(&plan), [("Api", None), ("Web", None)], "listed, and left as they are");
        let plan = planned("major-outage", &["api"], &none, &page).expect("a plan");
        assert_eq!((plan.status, plan.impact), (Some(PostStatus::Investigating), Some(Impact::Critical)));
        assert_eq!(
            (plan.body.as_str(), plan.question.is_made_up),
            ("We are seeing a major outage of Api.", true)
        );
        assert_eq!(set(&plan), [("Api", Some(MajorOutage))]);
        let plan = planned("operational", &["web"], &none, &page).expect("a plan");
        assert_eq!((plan.status, plan.impact), (None, None), "no post for the public");
        assert!(plan.question.is_none());
    }

    #[test]
    fn later_posts_keep_the_worst_impact_and_leave_the_status_to_its_own_words() {
        let page = page(&[("Api", MajorOutage), ("Web", Operational)]);
        let standing = open(&[("Api", MajorOutage)], 50);
        let plan = planned("degraded", &["web"], &standing, &page).expect("a plan");
        assert_eq!((plan.status, plan.impact), (None, Some(Impact::Major)));
        let over = Standing { status: Some(PostStatus::Resolved), ..standing };
        for said in ["partial", "monitoring"] {
            let plan = planned(said, &["api"], &over, &page).expect("a plan");
            assert!(plan.status.is_some() && plan.question.reopens, "it is back");
        }
    }

    #[test]
    fn resolving_knows_what_is_still_unwell() {
        let page = page(&[("Api", MajorOutage), ("Web", Operational)]);
        let unwell = |standing: &Standing, names: &[&str]| {
            let plan = planned("resolved", names, standing, &page).expect("a plan");
            plan.question.unwell.into_keys().collect::<Vec<_>>()
        };
        assert_eq!(
            unwell(&open(&[("Api", Operational), ("Web", PartialOutage)], 50), &[]),
            ["api"],
            "the page is newer"
        );
        assert_eq!(
            unwell(&open(&[("Api", Operational), ("Web", PartialOutage)], 150), &[]),
            ["web"],
            "we are newer"
        );
        assert!(unwell(&open(&[("Api", MajorOutage)], 50), &["api"]).is_empty(), "named: restored");
        let mut only_listed = open(&[("Api", Operational), ("Web", Operational)], 150);
        only_listed.components.values_mut().for_each(|named| named.status = None);
        assert_eq!(unwell(&only_listed, &[]), ["api"], "what was left as it is, is as the page says");
        for standing in [Standing::default(), Standing { status: Some(PostStatus::Resolved), ..open(&[], 0) }]
        {
            assert!(planned("resolved", &[], &standing, &page).is_err());
        }
    }
}
