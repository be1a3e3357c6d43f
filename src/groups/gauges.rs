//! How the kept groups stand, for those who watch.

use std::collections::BTreeSet;
use std::time::Duration;

use super::model::{Standing, State};
use crate::clock::Timestamp;
use crate::metrics::GroupGauge;

/// Each group, and how many people are on call whom nobody in Slack is known to be.
pub fn gauges(states: &[State], heard_at: Option<Timestamp>, now: Timestamp) -> (Vec<GroupGauge>, usize) {
    let gauge = |state: &State| GroupGauge {
        handle: state.handle.clone(),
        standing: state.standing.word(),
        in_step: state.agrees(),
        staleness: state.staleness(heard_at, now),
    };
    let unmapped: BTreeSet<_> = states
        .iter()
        .flat_map(|state| &state.left_out.0)
        .filter(|out| out.is_unmapped)
        .map(|out| &out.responder)
        .collect();
    (states.iter().map(gauge).collect(), unmapped.len())
}

impl State {
    /// Slack says what the rota says, and all of the rota was read.
    pub fn agrees(&self) -> bool {
        self.standing == Standing::InStep && self.partial.0.is_empty() && self.hold.is_none()
    }

    /// How long ago Slack and the rota were last known to agree, if the rota was last read well at `heard_at`.
    pub fn staleness(&self, heard_at: Option<Timestamp>, now: Timestamp) -> Duration {
        let unheard = heard_at.map(|at| now.since(at)).unwrap_or_default();
        if self.agrees() {
            return unheard;
        }
        now.since(self.in_step_at.unwrap_or(self.changed_at)).max(unheard)
    }
}
