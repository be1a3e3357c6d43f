//! On-call rows, found without looking through all of them: the rota of a large company has thousands, and an answer
//! needs a few dozen schedules of it. Pure.

use std::collections::HashMap;
use std::ops::Deref;

use super::model::OnCall;

/// Rows in the order in which they came, which is kept within each schedule and each policy, too.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    all: Vec<OnCall>,
    by_schedule: HashMap<String, Vec<usize>>,
    by_policy: HashMap<String, Vec<usize>>,
}

impl Rows {
    /// Those of one schedule, by its id, whichever policies use it.
    pub fn of_schedule(&self, id: &str) -> impl Iterator<Item = &OnCall> {
        self.at(self.by_schedule.get(id))
    }

    /// Those of one escalation policy, by its id, on all levels.
    pub fn of_policy(&self, id: &str) -> impl Iterator<Item = &OnCall> {
        self.at(self.by_policy.get(id))
    }

    fn at(&self, places: Option<&Vec<usize>>) -> impl Iterator<Item = &OnCall> {
        places.into_iter().flatten().map(|place| &self.all[*place])
    }
}

impl Deref for Rows {
    type Target = [OnCall];

    fn deref(&self) -> &[OnCall] {
        &self.all
    }
}

impl Extend<OnCall> for Rows {
    fn extend<I: IntoIterator<Item = OnCall>>(&mut self, rows: I) {
        for row in rows {
            let place = self.all.len();
            if let Some(id) = &row.schedule_id {
                self.by_schedule.entry(id.clone()).or_default().push(place);
            }
            self.by_policy.entry(row.policy_id.clone()).or_default().push(place);
            self.all.push(row);
        }
    }
}

impl From<Vec<OnCall>> for Rows {
    fn from(rows: Vec<OnCall>) -> Self {
        let mut all = Self::default();
        all.extend(rows);
        all
    }
}
