//! A post for the public, and the page incident that it belongs to: pure types and rules.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::config::Impact;
use crate::ids::{IncidentId, SlackUserId};
use crate::jobs::NewJob;
use crate::statuspage::{ComponentStatus, PostStatus};
use crate::store::Json;
use crate::{row, word_enum};

/// A few minutes of trying: what the public reads later than that may not be true any more, so a person decides.
const ATTEMPTS: i64 = 12;

word_enum! {
    /// What has become of a post.
    pub enum PostState {
        /// Shown to its author, who has not published it.
        Draft = "draft",
        /// Not published: cancelled, edited, or overtaken by a later one.
        Dropped = "dropped",
        /// On its way.
        Waiting = "waiting",
        /// Its words are on the page, and its components, which some pages take one by one, are not all set yet.
        Said = "said",
        Done = "done",
        /// The page did not take it; a person has been told.
        Failed = "failed",
    }
}

/// A component as a post names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    pub name: String,
    /// `None`: it is listed as affected, and its state is left as it is.
    pub status: Option<ComponentStatus>,
}

/// Component id → how it is.
pub type Components = BTreeMap<String, Named>;

row! {
    #[derive(Clone, Debug)]
    pub struct Post {
        pub id: Uuid,
        pub incident_id: IncidentId,
        pub number: Option<i64>,
        pub state: PostState,
        /// Where the page incident then stands. A draft's `None` leaves it where it is; a published one's only sets
        /// components, without a word to the public.
        pub status: Option<PostStatus>,
        /// The page incident's impact from then on; `None` leaves it.
        pub impact: Option<Impact>,
        /// What the page incident is called if this post makes it.
        pub name: String,
        pub body: String,
        pub components: Json<Components>,
        /// Resolving sets every component of the page incident operational.
        pub restores: bool,
        pub asked_by: SlackUserId,
        pub asked_by_name: String,
        pub asked_at: Timestamp,
        /// Why a private incident goes to the public.
        pub reason: Option<String>,
    }
}

row! {
    /// The page incident of one of our incidents, as last written.
    #[derive(Clone, Debug)]
    pub struct Notice {
        pub incident_id: IncidentId,
        /// [`crate::config::StatusPage::place`]
        pub place: String,
        pub page_incident_id: String,
        pub url: Option<String>,
        pub status: Option<PostStatus>,
        pub impact: Option<Impact>,
        pub components: Json<Components>,
        pub changed_at: Timestamp,
    }
}

row! {
    /// A post that is not out, or not as a whole, and its job.
    #[derive(Clone, Debug)]
    pub struct Unpublished {
        pub incident_id: IncidentId,
        pub body: String,
        pub asked_by_name: String,
        pub asked_at: Timestamp,
        pub job_id: i64,
        pub run_at: Timestamp,
        /// It was refused, or given up: a person has to mend it.
        pub parked_at: Option<Timestamp>,
        pub last_error: Option<String>,
    }
}

impl Unpublished {
    /// The page did not take it when it was last tried, and it is tried again by itself.
    pub fn waits(&self) -> bool {
        self.parked_at.is_none() && self.last_error.is_some()
    }
}

impl Post {
    /// Wanted on the page, and not there as a whole. One that failed may be brought back.
    pub fn is_on_its_way(&self) -> bool {
        matches!(self.state, PostState::Waiting | PostState::Said | PostState::Failed)
    }

    /// Publishes it: posts of one incident in their order, whoever asked for them.
    pub fn job(&self) -> NewJob {
        let mut job = NewJob::new("notices.post", json!({ "post": self.id }))
            .lane(format!("statuspage:{}", self.incident_id))
            .dedup(format!("notices.post:{}", self.id));
        job.max_attempts = Some(ATTEMPTS);
        job
    }
}

/// How the page incident will stand once everything that waits has been published.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    pub is_there: bool,
    pub status: Option<PostStatus>,
    pub impact: Option<Impact>,
    pub components: Components,
    /// When the components were last set by us, or will have been.
    pub changed_at: Option<Timestamp>,
}

impl Standing {
    pub fn of(notice: Option<&Notice>, waiting: &[Post]) -> Self {
        let now = notice.map_or_else(Self::default, |notice| Self {
            is_there: true,
            status: notice.status,
            impact: notice.impact,
            components: notice.components.0.clone(),
            changed_at: Some(notice.changed_at),
        });
        waiting.iter().fold(now, |standing, post| Self {
            changed_at: Some(post.asked_at).max(standing.changed_at),
            ..standing.after(post)
        })
    }

    /// Whether the public reads of something that is not over.
    pub fn is_open(&self) -> bool {
        self.is_there && self.status != Some(PostStatus::Resolved)
    }

    /// The same once this post is published.
    #[must_use]
    pub fn after(mut self, post: &Post) -> Self {
        // Silent unless there is an incident for the public, or it makes one.
        self.is_there |= post.status.is_some();
        if self.is_there {
            self.status = post.status.or(self.status);
            self.impact = post.impact.or(self.impact);
            for (id, named) in &post.components.0 {
                let before = self.components.get(id).and_then(|before| before.status);
                let named = Named { name: named.name.clone(), status: named.status.or(before) };
                self.components.insert(id.clone(), named);
            }
        }
        if post.restores {
            self.components.values_mut().for_each(|named| named.status = Some(ComponentStatus::Operational));
        }
        self
    }
}

/// What a component's state means for the incident that names it.
pub fn impact_of(status: ComponentStatus) -> Impact {
    match status {
        ComponentStatus::Operational => Impact::None,
        ComponentStatus::UnderMaintenance => Impact::Maintenance,
        ComponentStatus::DegradedPerformance => Impact::Minor,
        ComponentStatus::PartialOutage => Impact::Major,
        ComponentStatus::MajorOutage => Impact::Critical,
    }
}

/// What the public reads where nobody wrote anything.
pub fn default_body(status: PostStatus) -> &'static str {
    match status {
        PostStatus::Investigating => "We are currently investigating this issue.",
        PostStatus::Identified => "The issue has been identified and a fix is being implemented.",
        PostStatus::Monitoring => "A fix has been implemented and we are monitoring the results.",
        PostStatus::Resolved => "This incident has been resolved.",
    }
}

/// The same for components: `We are seeing a partial outage of Checkout and Search.`
pub fn default_component_body(status: ComponentStatus, names: &[&str]) -> String {
    let (are, all) = (if names.len() == 1 { "is" } else { "are" }, listed(names));
    let of = |what: &str| format!("We are seeing {what} of {all}.");
    match status {
        ComponentStatus::DegradedPerformance => of("degraded performance"),
        ComponentStatus::PartialOutage => of("a partial outage"),
        ComponentStatus::MajorOutage => of("a major outage"),
        ComponentStatus::UnderMaintenance => format!("{all} {are} under maintenance."),
        ComponentStatus::Operational => format!("{all} {are} operational again."),
    }
}

/// `a, b and c`
pub fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
