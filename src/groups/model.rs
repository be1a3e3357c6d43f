//! What a group should hold and why: pure types. Sets are of people, never of on-call rows, which split and join.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::plan::FALLBACK;
use crate::clock::Timestamp;
use crate::config::{Config, Group as Spec};
use crate::ids::{PagerDutyUserId, SlackUserId, UserGroupId};
use crate::oncall::Directory;
use crate::row;
use crate::store::Json;
use crate::word_enum;

/// One Slack group that we keep: a configured one, or its companion with everybody in the rota.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    pub spec: &'a Spec,
    pub handle: &'a str,
    /// Everybody who has shifts at all, not only who is on call now.
    pub is_whole_rota: bool,
}

impl Target<'_> {
    /// What it is called when we make it.
    pub fn name(&self) -> String {
        if self.is_whole_rota {
            format!("Everybody in the rota of {}", self.spec.handle)
        } else {
            format!("On call: {}", self.handle)
        }
    }
}

/// Every group that the configuration names.
pub fn targets(config: &Config) -> Vec<Target<'_>> {
    each(config).collect()
}

fn each(config: &Config) -> impl Iterator<Item = Target<'_>> {
    let own = config.groups.iter().map(|spec| Target { spec, handle: &spec.handle, is_whole_rota: false });
    let companion = config.groups.iter().filter_map(|spec| {
        Some(Target { spec, handle: spec.all_members_handle.as_deref()?, is_whole_rota: true })
    });
    own.chain(companion)
}

/// The kept group of this handle, with or without `@`.
pub fn target<'a>(config: &'a Config, handle: &str) -> Option<Target<'a>> {
    let handle = handle.trim_start_matches('@');
    each(config).find(|t| t.handle.eq_ignore_ascii_case(handle))
}

/// Why somebody is in a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Because {
    pub responder: Option<PagerDutyUserId>,
    /// `Payments primary`, `level 1 of Payments`, `always`.
    pub source: String,
    pub schedule_id: Option<String>,
    /// When the shift began, as far as known: a permanent one never did.
    #[serde(default)]
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

/// Somebody who is on call and cannot be in the group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    pub responder: PagerDutyUserId,
    pub name: String,
    /// Completes "NAME is left out: …".
    pub why: String,
    /// Nobody in Slack is known to be this person: a link would help.
    pub is_unmapped: bool,
}

/// What is to be done about a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Slack says what the rota says.
    InStep,
    Write,
    /// Left as it is, and that is right: the sentence says why.
    Kept(String),
    /// Looks like the wrong group: somebody has to say yes first.
    Ask(String),
    /// Cannot be written: the sentence says what to do.
    Blocked(String),
    /// A source was never read so far: nothing is concluded from that.
    Unread(String),
}

/// What a group should hold, beside what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub handle: String,
    /// `None`: Slack has no group of this handle.
    pub group: Option<UserGroupId>,
    pub current: BTreeSet<SlackUserId>,
    pub wanted: BTreeSet<SlackUserId>,
    pub because: BTreeMap<SlackUserId, Vec<Because>>,
    pub left_out: Vec<LeftOut>,
    /// Sources that could not be read: their last good people stay.
    pub partial: Vec<String>,
    /// Source → whom it named, to fall back on.
    pub good: BTreeMap<String, Vec<PagerDutyUserId>>,
    /// Why nobody is in it because of a rota, whoever is in it instead.
    pub nobody: Option<String>,
    /// Rolled back by hand: this is written instead of what the rota says.
    pub hold: Option<Hold>,
    pub verdict: Verdict,
}

/// Whom a group rings while nobody who is on call is in it.
#[derive(Debug, PartialEq, Eq)]
pub enum Instead<'a> {
    Fallback(Vec<&'a SlackUserId>),
    /// Those who were in it.
    AsBefore(Vec<&'a SlackUserId>),
}

impl<'a> Instead<'a> {
    /// `None` while somebody is in it because of a rota, or nobody is in it at all.
    pub fn of(
        because: &'a BTreeMap<SlackUserId, Vec<Because>>,
        current: impl IntoIterator<Item = &'a SlackUserId>,
    ) -> Option<Self> {
        if because.values().flatten().any(|b| b.responder.is_some()) {
            return None;
        }
        let is_fallback = |why: &[Because]| why.iter().any(|b| b.source.starts_with(FALLBACK));
        let fallback = because.iter().filter(|(_, why)| is_fallback(why)).map(|(user, _)| user);
        let found = match fallback.collect::<Vec<_>>() {
            none if none.is_empty() => Self::AsBefore(current.into_iter().collect()),
            fallback => Self::Fallback(fallback),
        };
        Some(found).filter(|found| !found.whom().is_empty())
    }

    pub fn whom(&self) -> &[&'a SlackUserId] {
        match self {
            Self::Fallback(whom) | Self::AsBefore(whom) => whom,
        }
    }

    /// `rings the fallback`, to be followed by the names.
    pub fn said(&self) -> &'static str {
        match self {
            Self::Fallback(_) => "rings the fallback",
            Self::AsBefore(_) => "rings those who were in it",
        }
    }
}

impl Plan {
    /// Whom it rings while nobody who is on call is in it.
    pub fn instead(&self) -> Option<Instead<'_>> {
        Instead::of(&self.because, &self.current)
    }

    pub fn added(&self) -> Vec<&SlackUserId> {
        self.wanted.difference(&self.current).collect()
    }

    pub fn removed(&self) -> Vec<&SlackUserId> {
        self.current.difference(&self.wanted).collect()
    }
}

/// What is remembered of a group between plans; nothing for one that was never seen.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// Which group it was.
    pub group: Option<UserGroupId>,
    /// Everybody whom we ever put there.
    pub ours: BTreeSet<SlackUserId>,
    pub good: BTreeMap<String, Vec<PagerDutyUserId>>,
    /// Somebody looked at this very change and said yes.
    pub approved: bool,
    pub hold: Option<Hold>,
    /// What Slack may hold beside what it last said.
    pub in_doubt: Option<BTreeSet<SlackUserId>>,
}

/// A group that was rolled back stays as it was put, until who is on call changes next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    pub members: BTreeSet<SlackUserId>,
    /// Whom the rota named then.
    pub instead_of: BTreeSet<SlackUserId>,
    /// Who rolled it back, as people know them.
    pub by: String,
    pub at: Timestamp,
}

word_enum! {
    /// How a kept group stands.
    pub enum Standing {
        InStep = "in_step",
        Waiting = "waiting",
        Kept = "kept",
        Asked = "asked",
        Blocked = "blocked",
    }
}

row! {
    /// A kept group, as the last plan or write left it.
    #[derive(Clone, Debug)]
    pub struct State {
        pub handle: String,
        pub group_id: Option<UserGroupId>,
        pub standing: Standing,
        /// What keeps it from being in step, in a sentence.
        pub problem: Option<String>,
        pub wanted: Json<BTreeSet<SlackUserId>>,
        pub because: Json<BTreeMap<SlackUserId, Vec<Because>>>,
        pub left_out: Json<Vec<LeftOut>>,
        pub partial: Json<Vec<String>>,
        pub good: Json<BTreeMap<String, Vec<PagerDutyUserId>>>,
        pub ours: Json<BTreeSet<SlackUserId>>,
        pub is_approved: bool,
        /// What led to the last change of `wanted`.
        pub cause: String,
        pub changed_at: Timestamp,
        /// When the hand-off was that led to it; several that are found by one look each had their own.
        pub handed_over_at: Timestamp,
        pub planned_at: Timestamp,
        /// When Slack and the rota were last seen to agree.
        pub in_step_at: Option<Timestamp>,
        pub written_at: Option<Timestamp>,
        /// Who changed it in Slack behind our back, and when we last put it right.
        pub edited_by: Option<SlackUserId>,
        pub repaired_at: Option<Timestamp>,
        pub hold: Option<Json<Hold>>,
        /// A list that was sent to Slack and not answered so far: Slack may hold it.
        pub in_doubt: Option<Json<BTreeSet<SlackUserId>>>,
        /// Goes up with each change: what was concluded before one is concluded anew.
        pub version: i64,
    }
}

row! {
    /// One write of a group, with what was there before.
    #[derive(Clone, Debug)]
    pub struct Write {
        pub id: i64,
        pub handle: String,
        pub group_id: UserGroupId,
        pub before: Json<BTreeSet<SlackUserId>>,
        pub after: Json<BTreeSet<SlackUserId>>,
        pub cause: String,
        pub written_at: Timestamp,
    }
}

impl State {
    /// Whom it rings while nobody who is on call is in it.
    pub fn instead<'a>(&'a self, people: &'a Directory) -> Option<Instead<'a>> {
        let group = people.groups.iter().find(|g| Some(&g.id) == self.group_id.as_ref());
        Instead::of(&self.because.0, group.into_iter().flat_map(|g| &g.members.0))
    }

    /// Those who are in the group because of a rota, not for good.
    pub fn on_call(&self) -> BTreeSet<SlackUserId> {
        let by_rota = self.because.0.iter().filter(|(_, why)| why.iter().any(|b| b.responder.is_some()));
        by_rota.map(|(user, _)| user.clone()).collect()
    }

    pub fn memory(&self) -> Memory {
        Memory {
            group: self.group_id.clone(),
            ours: self.ours.0.clone(),
            good: self.good.0.clone(),
            approved: self.is_approved,
            hold: self.hold.as_ref().map(|h| h.0.clone()),
            in_doubt: self.in_doubt.as_ref().map(|list| list.0.clone()),
        }
    }
}
