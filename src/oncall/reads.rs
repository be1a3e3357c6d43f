//! What is read in the background, how often, and the jobs that do it or follow from it. Pure.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::config::Config;
use crate::ids::SlackUserId;
use crate::jobs::NewJob;

/// A burst of news is over after this long.
const AFTER_A_BURST: Duration = Duration::from_secs(5);

/// A source of the directory, and how its last good read is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Who we are: `auth.test`, and our user in PagerDuty.
    ReadOurselves,
    /// Slack's people.
    ReadMembers,
    /// Slack's user groups.
    ReadGroups,
    /// PagerDuty's people, their addresses and phones.
    ReadResponders,
    /// Priorities and services.
    ReadServices,
    /// Who is on call now, on the policies of the configured services and whatever feeds a group.
    ReadOnCall,
    /// The same for the next day, and who comes after that.
    ReadAhead,
    /// Which schedules there are: for those configured by name, and those that no policy uses.
    ReadSchedules,
    /// Deletes what is long done.
    TidyUp,
}

impl Step {
    pub const ALL: [Self; 9] = [
        Self::ReadOurselves,
        Self::ReadMembers,
        Self::ReadGroups,
        Self::ReadResponders,
        Self::ReadServices,
        Self::ReadOnCall,
        Self::ReadAhead,
        Self::ReadSchedules,
        Self::TidyUp,
    ];

    /// Those of every server. Schedules are read only where something asks for one by name.
    pub fn at_the_start() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|step| *step != Self::ReadSchedules)
    }

    pub fn kind(self) -> &'static str {
        match self {
            Self::ReadOurselves => "oncall.read_ourselves",
            Self::ReadMembers => "oncall.read_members",
            Self::ReadGroups => "oncall.read_groups",
            Self::ReadResponders => "oncall.read_responders",
            Self::ReadServices => "oncall.read_services",
            Self::ReadOnCall => "oncall.read_oncall",
            Self::ReadAhead => "oncall.read_ahead",
            Self::ReadSchedules => "oncall.read_schedules",
            Self::TidyUp => "oncall.tidy_up",
        }
    }

    /// The one waiting job of this kind: several triggers cause one read. And one at a time: of two reads side by
    /// side the older might be written last.
    pub fn job(self) -> NewJob {
        self.because("a regular look")
    }

    /// The same, for a reason that people may want to know.
    pub fn because(self, cause: &str) -> NewJob {
        let job = NewJob::new(self.kind(), json!({ "step": self, "cause": cause })).never_give_up();
        job.dedup(self.kind()).lane(self.kind())
    }

    /// The same in a few seconds: news come in bursts (an import of people, a pipeline that touches every service),
    /// and one read after a burst sees all of it.
    pub fn soon(self, now: Timestamp) -> NewJob {
        self.job().at(now + AFTER_A_BURST)
    }

    pub fn from_payload(payload: &Value) -> Option<Self> {
        serde_json::from_value(payload.get("step")?.clone()).ok()
    }

    /// The time between reads when nothing else asks for one.
    pub fn every(self, config: &Config) -> Duration {
        match self {
            Self::ReadOnCall => config.oncall.poll,
            Self::ReadGroups | Self::ReadAhead => config.oncall.reconcile,
            Self::ReadMembers | Self::ReadResponders => Duration::from_secs(900),
            Self::ReadOurselves | Self::ReadServices | Self::ReadSchedules | Self::TidyUp => {
                Duration::from_secs(3600)
            }
        }
    }
}

/// The fact that a hint came whose change was not seen yet: when.
pub const HINTED: &str = "oncall.hinted";

/// Compares the user groups with what is known now. Groups are above this module; the job's kind is all that it
/// knows of them.
pub fn replan(cause: &str) -> NewJob {
    let job = NewJob::new("groups.plan", json!({ "cause": cause })).never_give_up();
    job.dedup("groups.plan").lane("groups.plan")
}

/// Reads one person anew.
pub fn meet_job(user: &SlackUserId) -> NewJob {
    let key = format!("oncall.meet:{user}");
    NewJob::new("oncall.meet", json!({ "user": user })).dedup(key)
}
