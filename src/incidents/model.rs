//! What an incident is: pure types and rules.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::ids::{ChannelId, IncidentId, PagerDutyIncidentId, PagerDutyUserId, SlackUserId};
use crate::{row, word_enum};

word_enum! {
    /// Where an incident stands. Mitigated is a milestone, not a state.
    pub enum Status {
        Investigating = "investigating",
        Identified = "identified",
        Monitoring = "monitoring",
        Resolved = "resolved",
        Cancelled = "cancelled",
    }
}

impl Status {
    pub fn is_open(self) -> bool {
        !matches!(self, Self::Resolved | Self::Cancelled)
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Investigating => "Investigating",
            Self::Identified => "Identified",
            Self::Monitoring => "Monitoring",
            Self::Resolved => "Resolved",
            Self::Cancelled => "Cancelled",
        }
    }
}

word_enum! {
    /// The roles of PagerDuty's incident response process.
    pub enum Role {
        Commander = "ic",
        Deputy = "deputy",
        Scribe = "scribe",
        Liaison = "liaison",
    }
}

impl Role {
    pub fn title(self) -> &'static str {
        match self {
            Self::Commander => "Incident commander",
            Self::Deputy => "Deputy",
            Self::Scribe => "Scribe",
            Self::Liaison => "Liaison",
        }
    }

    /// The word itself, and what people say instead.
    pub fn from_spoken(word: &str) -> Option<Self> {
        match word.to_lowercase().as_str() {
            "ic" | "commander" | "lead" | "captain" | "incident-commander" => Some(Self::Commander),
            "deputy" => Some(Self::Deputy),
            "scribe" => Some(Self::Scribe),
            "liaison" | "comms" | "customer-liaison" => Some(Self::Liaison),
            _ => None,
        }
    }
}

word_enum! {
    /// What a timeline entry is about.
    pub enum Kind {
        Declared = "declared",
        Channel = "channel",
        Page = "page",
        Acknowledged = "acknowledged",
        Unacknowledged = "unacknowledged",
        Escalated = "escalated",
        Reassigned = "reassigned",
        Delegated = "delegated",
        Responder = "responder",
        Priority = "priority",
        Linked = "linked",
        Severity = "severity",
        Status = "status",
        Update = "update",
        Role = "role",
        Statuspage = "statuspage",
        Note = "note",
        Hypothesis = "hypothesis",
        Decision = "decision",
        Action = "action",
        Mitigated = "mitigated",
        Resolved = "resolved",
        Cancelled = "cancelled",
        Reopened = "reopened",
        /// What the monitors say.
        Monitor = "monitor",
        Runbook = "runbook",
    }
}

word_enum! {
    /// Where a timeline entry comes from.
    pub enum Source {
        Slack = "slack",
        PagerDuty = "pagerduty",
        Firebell = "firebell",
    }
}

word_enum! {
    /// What declaring sets in motion.
    pub enum Step {
        Page = "page",
        Channel = "channel",
        Invite = "invite",
        Topic = "topic",
        Bookmark = "bookmark",
        Summary = "summary",
        Pin = "pin",
        FirstUpdate = "first-update",
        Announce = "announce",
    }
}

impl Step {
    pub fn title(self) -> &'static str {
        match self {
            Self::Page => "PagerDuty incident",
            Self::Channel => "Slack channel",
            Self::Invite => "Invitations",
            Self::Topic => "Topic",
            Self::Bookmark => "Bookmark",
            Self::Summary => "Summary",
            Self::Pin => "Pin",
            Self::FirstUpdate => "First status update",
            Self::Announce => "Announcement",
        }
    }
}

/// What the paging step says while the page went by the second road and its number is not known yet.
pub const PAGED_BY_SECOND_ROAD: &str = "paged through the Events API; its number follows";

/// What the paging step's trouble ends with while somebody may have been paged.
pub const PERHAPS_PAGED: &str = "; it may have paged all the same";

word_enum! {
    pub enum StepState {
        Waiting = "waiting",
        Retrying = "retrying",
        Done = "done",
        Failed = "failed",
        Skipped = "skipped",
    }
}

word_enum! {
    /// How an incident began.
    pub enum Origin {
        Slack = "slack",
        PagerDuty = "pagerduty",
    }
}

row! {
    #[derive(Clone, Debug)]
    pub struct Incident {
        pub id: IncidentId,
        pub number: i64,
        pub title: String,
        /// Name of a configured severity.
        pub severity: String,
        pub status: Status,
        /// Name of a configured service.
        pub service: Option<String>,
        pub is_private: bool,
        pub is_test: bool,
        pub wants_page: bool,
        pub origin: Origin,
        pub declared_by: Option<SlackUserId>,
        pub declared_by_name: String,
        pub declared_at: Timestamp,
        pub acknowledged_at: Option<Timestamp>,
        pub mitigated_at: Option<Timestamp>,
        /// Resolved or cancelled.
        pub ended_at: Option<Timestamp>,
        pub status_changed_at: Timestamp,
        pub channel_id: Option<ChannelId>,
        pub channel_name: Option<String>,
        pub last_update: Option<String>,
        pub last_update_at: Option<Timestamp>,
        pub update_due_at: Option<Timestamp>,
        pub commander_due_at: Option<Timestamp>,
        pub reopened_count: i64,
    }
}

impl Incident {
    pub fn is_open(&self) -> bool {
        self.status.is_open()
    }

    /// `INC-7`: how people refer to it.
    pub fn label(&self) -> String {
        format!("INC-{}", self.number)
    }

    /// `INC-7 payments-down`, with what must be said of it first.
    pub fn headline(&self) -> String {
        let test = if self.is_test { "[TEST] " } else { "" };
        format!("{test}{} {}", self.label(), self.title)
    }

    /// What PagerDuty, logs and metrics may know: a private incident's title stays here.
    pub fn public_title(&self) -> String {
        if self.is_private { format!("{} (private incident)", self.label()) } else { self.headline() }
    }

    /// Somebody acknowledged, and this page has come back since: unacknowledged, escalated, or a new one.
    pub fn is_paged_again(&self, page: &LinkedPage) -> bool {
        page.status == "triggered" && self.acknowledged_at.is_some_and(|at| page.status_changed_at > at)
    }

    /// `SEV1`.
    pub fn severity_shout(&self) -> String {
        self.severity.to_uppercase()
    }

    /// The lane of everything said in its channel, opening it included: first things first.
    pub fn channel_lane(id: IncidentId) -> String {
        format!("channel:{id}")
    }

    pub fn page_lane(id: IncidentId) -> String {
        format!("pagerduty:{id}")
    }
}

row! {
    #[derive(Clone, Debug)]
    pub struct StepRow {
        pub step: Step,
        pub state: StepState,
        pub detail: Option<String>,
        pub job_id: Option<i64>,
        pub changed_at: Timestamp,
    }
}

impl StepRow {
    pub fn is_by_second_road(&self) -> bool {
        self.detail.as_deref() == Some(PAGED_BY_SECOND_ROAD)
    }

    /// PagerDuty may have paged, although nothing says so yet.
    pub fn is_in_doubt(&self) -> bool {
        self.detail.as_deref().is_some_and(|detail| detail.ends_with(PERHAPS_PAGED))
    }
}

row! {
    #[derive(Clone, Debug)]
    pub struct RoleRow {
        pub role: Role,
        pub slack_user_id: SlackUserId,
        pub name: String,
    }
}

row! {
    /// A PagerDuty incident that belongs, or may come to belong, to one of ours.
    #[derive(Clone, Debug)]
    pub struct LinkedPage {
        pub id: PagerDutyIncidentId,
        pub incident_id: Option<IncidentId>,
        pub is_primary: bool,
        pub number: Option<i64>,
        pub title: String,
        pub html_url: Option<String>,
        pub service_id: Option<String>,
        pub urgency: Option<String>,
        /// The priority's name, `P1`.
        pub priority: Option<String>,
        /// PagerDuty's word: triggered, acknowledged, resolved.
        pub status: String,
        pub status_changed_at: Timestamp,
        pub held_at: Option<Timestamp>,
        /// Made to page somebody by hand: it is not what pages for the incident itself.
        pub is_extra: bool,
    }
}

row! {
    /// A PagerDuty incident to be, which opens no room.
    #[derive(Clone, Debug)]
    pub struct ExpectedPage {
        pub key: Uuid,
        pub incident_id: Option<IncidentId>,
        pub title: String,
    }
}

impl LinkedPage {
    pub fn is_open(&self) -> bool {
        self.status != "resolved"
    }

    /// Open, and not of one of these earlier rounds, of whose end PagerDuty has not heard yet.
    pub fn pages_now(&self, earlier: &[Self]) -> bool {
        self.is_open() && earlier.iter().all(|old| old.id != self.id)
    }

    /// `#12`, or the id when the number is not known.
    pub fn label(&self) -> String {
        self.number.map_or_else(|| self.id.to_string(), |n| format!("#{n}"))
    }
}

row! {
    /// Somebody whom PagerDuty pages and whom the roster did not know in Slack.
    #[derive(Clone, Debug)]
    pub struct Outsider {
        pub pagerduty_user_id: PagerDutyUserId,
        pub name: String,
        pub phone: Option<String>,
        /// Found when we looked: a guest, or somebody new.
        pub slack_user_id: Option<SlackUserId>,
    }
}

/// Who did something, for the timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    pub name: String,
    pub slack: Option<SlackUserId>,
}

impl Actor {
    pub fn firebell() -> Self {
        Self { name: "Firebell".into(), slack: None }
    }
}

/// Slack's limit for channel names.
const LONGEST_CHANNEL_NAME: usize = 80;

/// `inc-7-payments-down`: at most 80 of `a-z 0-9 - _`; `attempt` 0 is the plain name, 1 is `…-2`, and so on.
/// <https://docs.slack.dev/reference/methods/conversations.create>
pub fn channel_name(prefix: &str, number: i64, title: &str, attempt: u32) -> String {
    let suffix = if attempt == 0 { String::new() } else { format!("-{}", attempt + 1) };
    let head = format!("{prefix}-{number}");
    let room = LONGEST_CHANNEL_NAME - head.len() - suffix.len() - 1;
    let slug = slug(title);
    let cut: String = slug.chars().take(room).collect();
    let cut = cut.trim_end_matches('-');
    if cut.is_empty() { format!("{head}{suffix}") } else { format!("{head}-{cut}{suffix}") }
}

/// Lower-case ASCII words joined by single dashes; letters with marks lose them, everything else is a gap.
fn slug(title: &str) -> String {
    let mut slug = String::new();
    for c in title.chars().flat_map(char::to_lowercase) {
        match plain_letter(c) {
            Some(plain) => slug.push_str(plain),
            None if c.is_ascii_alphanumeric() => slug.push(c),
            None if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
            None => {}
        }
    }
    slug.trim_end_matches('-').to_owned()
}

/// The few accented letters that titles really have.
fn plain_letter(c: char) -> Option<&'static str> {
    Some(match c {
        'à' | 'á' | 'â' | 'ã' | 'å' => "a",
        'ä' | 'æ' => "ae",
        'ç' => "c",
        'è' | 'é' | 'ê' | 'ë' => "e",
        'ì' | 'í' | 'î' | 'ï' => "i",
        'ñ' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ø' => "o",
        'ö' | 'œ' => "oe",
        'ù' | 'ú' | 'û' => "u",
        'ü' => "ue",
        'ß' => "ss",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channel_names_are_what_slack_accepts() {
        assert_eq!(channel_name("inc", 7, "payments-down", 0), "inc-7-payments-down");
        assert_eq!(
            channel_name("inc", 7, "Zahlungen *kaputt*: GRÜN & rot!", 0),
            "inc-7-zahlungen-kaputt-gruen-rot"
        );
        assert_eq!(channel_name("inc", 7, "支払い", 0), "inc-7");
        assert_eq!(channel_name("inc", 7, "支払い", 2), "inc-7-3");
        let long = channel_name("inc", 1_234_567, &"very long ".repeat(20), 9);
        assert!(long.len() <= 80 && long.ends_with("-10") && !long.contains("--"), "{long}");
    }

    proptest::proptest! {
        #[test]
        fn any_title_makes_a_legal_name(title in ".*", number in 1i64..1_000_000_000, attempt in 0u32..20) {
            let name = channel_name("inc", number, &title, attempt);
            proptest::prop_assert!(name.len() <= 80);
            proptest::prop_assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
            proptest::prop_assert!(!name.ends_with('-'));
        }
    }
}
