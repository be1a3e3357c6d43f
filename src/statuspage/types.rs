//! What a public status page is made of, whichever vendor keeps it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::Impact;
use crate::word_enum;

word_enum! {
    /// How a component is, in Statuspage's words, best first.
    pub enum ComponentStatus {
        Operational = "operational",
        UnderMaintenance = "under_maintenance",
        DegradedPerformance = "degraded_performance",
        PartialOutage = "partial_outage",
        MajorOutage = "major_outage",
    }
}

impl ComponentStatus {
    /// As people say it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Operational => "operational",
            Self::UnderMaintenance => "under maintenance",
            Self::DegradedPerformance => "degraded performance",
            Self::PartialOutage => "partial outage",
            Self::MajorOutage => "major outage",
        }
    }
}

word_enum! {
    /// Where a post stands, for the public.
    pub enum PostStatus {
        Investigating = "investigating",
        Identified = "identified",
        Monitoring = "monitoring",
        Resolved = "resolved",
    }
}

impl PostStatus {
    pub fn title(self) -> &'static str {
        match self {
            Self::Investigating => "Investigating",
            Self::Identified => "Identified",
            Self::Monitoring => "Monitoring",
            Self::Resolved => "Resolved",
        }
    }
}

/// A part of the product that the public knows by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    pub id: String,
    pub name: String,
    /// The name of the group that it is shown in.
    pub group: Option<String>,
    pub status: ComponentStatus,
}

impl Component {
    /// With the group where there is one: names repeat in other groups.
    pub fn full_name(&self) -> String {
        match &self.group {
            Some(group) => format!("{group} / {}", self.name),
            None => self.name.clone(),
        }
    }
}

/// What the public reads of one incident, as the page has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicIncident {
    pub id: String,
    pub name: String,
    /// The vendor's word: one of [`PostStatus`], or of a maintenance.
    pub status: String,
    /// Where the public reads it.
    pub url: String,
    /// Our incident, if it is one of ours and the vendor says so without being asked.
    pub ours: Option<String>,
    /// The last of our posts that reached it; with Cachet, which keeps no more, the one that made it.
    #[serde(skip)]
    pub last_post: Option<String>,
    /// The components that it names.
    pub component_ids: Vec<String>,
}

/// The page itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageInfo {
    pub name: String,
    pub url: String,
}

/// Which post this is: ours to recognise after a lost answer.
#[derive(Clone, Copy, Debug)]
pub struct Mark<'a> {
    pub incident: &'a str,
    pub post: &'a str,
}

/// A new incident for the public.
#[derive(Clone, Debug)]
pub struct NewPublicIncident<'a> {
    pub mark: Mark<'a>,
    pub name: &'a str,
    pub status: PostStatus,
    pub impact: Impact,
    pub body: &'a str,
    /// Every component that the incident names.
    pub component_ids: &'a [String],
    /// Those whose state is set.
    pub components: &'a BTreeMap<String, ComponentStatus>,
}

/// One more post on an incident that is there.
#[derive(Clone, Debug)]
pub struct Update<'a> {
    pub mark: Mark<'a>,
    pub status: PostStatus,
    pub impact: Impact,
    pub body: &'a str,
    /// Every component that the incident names.
    pub component_ids: &'a [String],
    /// Those whose state is set.
    pub components: &'a BTreeMap<String, ComponentStatus>,
}
