//! What a page is: pure types and rules.

use std::time::Duration;

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::ids::{ChannelId, IncidentId, PagerDutyIncidentId, PagerDutyUserId, SlackUserId};
use crate::{row, word_enum};

/// PagerDuty's limit for what a page says.
pub const LONGEST_MESSAGE: usize = 1_024;
/// More people than this are paged only when that is meant …
pub const MANY: usize = 20;
/// … and more than this never.
pub const TOO_MANY: usize = 100;
/// A page that has not gone out for so long would wake people for what is over.
pub const STALE: Duration = Duration::from_secs(3600);
/// The same page again within this time is meant only if it is said to be.
pub const JUST_NOW: Duration = Duration::from_secs(300);
/// Without a policy that says so, this is how long people have to answer.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(300);

word_enum! {
    /// What was asked for.
    pub enum Kind {
        /// `/page`.
        Page = "page",
        /// `/ic page`.
        Commanders = "commanders",
        /// `/ic page responders`.
        Responders = "responders",
        /// `/ic page @somebody`.
        Person = "person",
    }
}

word_enum! {
    /// How it stands with one of those who are paged.
    pub enum State {
        Waiting = "waiting",
        Paged = "paged",
        /// Somebody has to call them.
        Failed = "failed",
        Answered = "answered",
        Declined = "declined",
        /// The incident was over before they were asked: nobody has to call them.
        Dropped = "dropped",
    }
}

row! {
    #[derive(Clone, Debug)]
    pub struct Page {
        pub id: Uuid,
        pub kind: Kind,
        /// In the words of the asker: `payments`, `Ana Example`.
        pub whom: String,
        pub message: String,
        /// What PagerDuty may read: of a private incident none of the words.
        pub title: String,
        pub asked_by: SlackUserId,
        pub asked_by_name: String,
        pub channel_id: Option<ChannelId>,
        pub thread_ts: Option<String>,
        pub incident_id: Option<IncidentId>,
        /// The configured service on which its own PagerDuty incident opens …
        pub service: String,
        /// … and that incident, when there is one.
        pub pagerduty_id: Option<PagerDutyIncidentId>,
        pub html_url: Option<String>,
        pub asked_at: Timestamp,
        /// When it was sent through the Events API.
        pub sent_by_events_at: Option<Timestamp>,
        /// When people were told that it does not go out.
        pub alarmed_at: Option<Timestamp>,
        /// When it was clear for everybody.
        pub done_at: Option<Timestamp>,
        /// When somebody answered first.
        pub answered_at: Option<Timestamp>,
    }
}

row! {
    /// A person or an escalation policy that is paged.
    #[derive(Clone, Debug)]
    pub struct Target {
        /// Also the key of a PagerDuty incident of its own, should it need one.
        pub id: Uuid,
        pub page_id: Uuid,
        pub name: String,
        pub pagerduty_user_id: Option<PagerDutyUserId>,
        pub policy_id: Option<String>,
        pub state: State,
        /// Why it failed.
        pub detail: Option<String>,
        /// The PagerDuty incident on which they were asked.
        pub pagerduty_id: Option<PagerDutyIncidentId>,
        pub changed_at: Timestamp,
    }
}
