//! One error type, read by three edges: HTTP turns it into a status, Slack into a sentence, the job runner into
//! wait, retry or park. Inner text of `Internal` and `Upstream` never reaches a visitor; it is logged once, at the edge.

use std::fmt;
use std::time::Duration;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Which variant when:
/// * `Refused`: the person asked for something we will not do; the text says what to do instead.
/// * `Denied`: a known person lacks a right; the text names the right and who has it.
/// * `NotFound`: nothing by that name; the text gives near matches.
/// * `Upstream`: Slack, PagerDuty or another vendor did not do what we asked.
/// * `Internal`: a bug, or our own database.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Denied(String),
    #[error("{0}")]
    NotFound(String),
    #[error(transparent)]
    Upstream(#[from] Upstream),
    #[error(transparent)]
    Internal(#[from] anyhow::Error),
}

impl Error {
    pub fn refused(text: impl Into<String>) -> Self {
        Self::Refused(text.into())
    }

    pub fn not_found(text: impl Into<String>) -> Self {
        Self::NotFound(text.into())
    }

    pub fn internal(text: impl Into<String>) -> Self {
        Self::Internal(anyhow::Error::msg(text.into()))
    }
}

impl From<sqlx::Error> for Error {
    fn from(e: sqlx::Error) -> Self {
        Self::Internal(anyhow::Error::new(e).context("database"))
    }
}

impl From<serde_json::Error> for Error {
    fn from(e: serde_json::Error) -> Self {
        Self::Internal(anyhow::Error::new(e).context("json"))
    }
}

/// A vendor's no: who, which call, and what it means for a second try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    pub service: Vendor,
    /// The vendor's own name of the call: `chat.postMessage`, `POST /incidents`.
    pub call: &'static str,
    pub problem: Problem,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Vendor {
    Slack,
    PagerDuty,
    Statuspage,
    Cachet,
    /// Whatever a `[[check]]` asks.
    Monitor,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// Nothing was done; ask again after this long.
    RateLimited { after: Duration },
    /// Time-out, broken connection, 5xx, or an answer that is none: **the effect may have happened**.
    Unavailable { why: Why, detail: String },
    /// The vendor understood and refused. `code` is its machine word (`channel_not_found`, `400/2002`),
    /// `detail` its sentence, if any.
    Rejected { code: String, detail: String },
}

/// What is the matter with a vendor that has not said no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// No connection, a 5xx, or no answer to what may be asked again at will.
    NoAnswer,
    /// No complete answer to what must not be done twice: **its effect may have happened**.
    InDoubt,
    /// The same, and it may still come: no answer in time, and to look at once would be too soon.
    Late,
    /// There is an answer, and it makes no sense.
    Nonsense,
    /// It refuses our key, which somebody will mend elsewhere.
    KeyRefused,
}

/// In the text of an error: what was asked for may have been done.
pub const IN_DOUBT: &str = "it may have arrived";

impl Upstream {
    /// Whether the effect of what was asked for may still come.
    pub fn is_late(&self) -> bool {
        matches!(self.problem, Problem::Unavailable { why: Why::Late, .. })
    }

    /// Whether what was asked for may have been done all the same, or may yet be.
    pub fn is_in_doubt(&self) -> bool {
        matches!(self.problem, Problem::Unavailable { why: Why::InDoubt | Why::Late, .. })
    }

    /// The vendor's machine word, when it refused.
    pub fn code(&self) -> Option<&str> {
        match &self.problem {
            Problem::Rejected { code, .. } => Some(code),
            _ => None,
        }
    }

    /// True when the vendor understood and said no: a second try would hear the same.
    pub fn is_final(&self) -> bool {
        matches!(self.problem, Problem::Rejected { .. })
    }
}

impl std::error::Error for Upstream {}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { service, call, problem } = self;
        match problem {
            Problem::RateLimited { after } => {
                write!(f, "{service} asks us to wait {} s before {call}", after.as_secs())
            }
            Problem::Unavailable { why: Why::NoAnswer, detail } => {
                write!(f, "{service} did not answer {call}: {detail}")
            }
            Problem::Unavailable { why: Why::InDoubt | Why::Late, detail } => {
                write!(f, "{service} did not answer {call}: {detail} ({IN_DOUBT})")
            }
            Problem::Unavailable { why: Why::Nonsense, detail } => {
                write!(f, "{service} answered {call} with what makes no sense: {detail}")
            }
            Problem::Unavailable { why: Why::KeyRefused, detail } => {
                write!(f, "{service} refused our key for {call}: {detail}")
            }
            Problem::Rejected { code, detail } if detail.is_empty() => {
                write!(f, "{service} refused {call}: {code}")
            }
            Problem::Rejected { code, detail } => write!(f, "{service} refused {call}: {code} ({detail})"),
        }
    }
}

impl fmt::Display for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Slack => "Slack",
            Self::PagerDuty => "PagerDuty",
            Self::Statuspage => "Statuspage",
            Self::Cachet => "Cachet",
            Self::Monitor => "The monitor",
        })
    }
}
