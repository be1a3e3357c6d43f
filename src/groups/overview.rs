//! What `/oncall` alone answers, made once for as long as it stays the same: with hundreds of teams it takes as much as
//! fifty other answers, and in an incident many people ask at once.

use std::sync::{Arc, PoisonError, RwLock, Weak};

use super::messages::rota;
use crate::clock::Timestamp;
use crate::front::Reply;
use crate::oncall::{Directory, Known, OnCall};

/// The last overview that was made. Cheap to clone; the clones share it.
#[derive(Clone, Default)]
pub struct OverviewCell(Arc<RwLock<Option<Made>>>);

struct Made {
    /// Of what was known. Weak: what is known no longer need not be kept for it, and while this lives nothing else can
    /// have its address.
    of: Weak<Directory>,
    from: Timestamp,
    /// The next hand-off: then others are on call, by the same rows.
    until: Option<Timestamp>,
    lines: Arc<str>,
}

impl Made {
    fn holds(&self, known: &Known, at: Timestamp) -> bool {
        std::ptr::eq(self.of.as_ptr(), Arc::as_ptr(&known.people))
            && self.from <= at
            && self.until.is_none_or(|until| at < until)
    }
}

impl OverviewCell {
    /// Who is on call everywhere, with how long ago PagerDuty said so.
    pub fn reply(&self, known: &Known, at: Timestamp, is_public: bool) -> Reply {
        let text = format!("{}\n{}", self.lines(known, at), rota::said_ago(known, at));
        if is_public { Reply::everyone(text) } else { Reply::only(text) }
    }

    fn lines(&self, known: &Known, at: Timestamp) -> Arc<str> {
        let made = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = made.as_ref().filter(|made| made.holds(known, at)) {
            return made.lines.clone();
        }
        drop(made);
        let lines: Arc<str> = rota::overview(known, at).into();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(Made {
            of: Arc::downgrade(&known.people),
            from: at,
            until: OnCall::next_handoff(&known.people.oncall, at),
            lines: lines.clone(),
        });
        lines
    }
}
