//! Who is on call at an instant, by what was last read; and which schedule a word means. Pure.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::model::{Directory, OnCall};
use super::reads::Step;
use crate::clock::Timestamp;
use crate::config::nearest;
use crate::ids::PagerDutyUserId;

/// Shifts that begin within this are read ahead: while PagerDuty is away, hand-offs go on.
pub const READ_AHEAD: Duration = Duration::from_secs(24 * 3600);

/// A schedule of PagerDuty, of either kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    pub id: String,
    pub name: String,
    /// Shift-based: <https://developer.pagerduty.com/docs/schedules-v3>
    pub is_shift_based: bool,
    /// Whether an escalation policy uses it, as far as PagerDuty's list says so. `/oncalls` does not know one that none
    /// does.
    pub is_used: Option<bool>,
    /// Everybody in its rotations.
    pub people: Vec<PagerDutyUserId>,
}

/// Whose rows the last read of the rota asked for and was answered: of any other nobody knows who is on call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    pub policies: BTreeSet<String>,
    pub schedules: BTreeSet<String>,
}

/// The fact that this is.
pub const ANSWERED: &str = "oncall.answered";

/// PagerDuty's own ids look like this; a name may too.
pub fn is_schedule_id(word: &str) -> bool {
    word.starts_with('P') && word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// The rows that hold at an instant.
#[derive(Debug, Default)]
pub struct Standing<'a> {
    pub rows: Vec<&'a OnCall>,
    /// Some of them ended after PagerDuty was last heard, which nobody has told us how to go on.
    pub is_stale: bool,
}

impl Directory {
    /// The id of the schedule that an operator's word means: its id, or its exact name.
    pub fn schedule_id(&self, word: &str) -> Result<&str, String> {
        let on_call = || self.oncall.of_schedule(word).find_map(|row| row.schedule_id.as_deref());
        if let Some(id) = on_call().or_else(|| Some(self.schedule(word)?.id.as_str())) {
            return Ok(id);
        }
        let named = self.schedules.iter().filter(|s| s.name == word).map(|s| s.id.as_str());
        let on_call = self.oncall.iter().filter(|row| row.schedule_name.as_deref() == Some(word));
        let found: BTreeSet<&str> =
            named.chain(on_call.filter_map(|row| row.schedule_id.as_deref())).collect();
        let found: Vec<&str> = found.into_iter().collect();
        match found.as_slice() {
            [one] => Ok(one),
            [] if self.knows_schedules() => {
                let near = nearest(word, self.schedules.iter().map(|s| s.name.as_str()));
                let hint = near.map(|near| format!(" (did you mean {near:?}?)")).unwrap_or_default();
                Err(format!("PagerDuty has no schedule {word:?}{hint}; mend the configuration"))
            }
            [] => Err(format!("the schedule {word:?} was not read yet")),
            several => {
                Err(format!("several schedules are called {word:?}; write the id: {}", several.join(" or ")))
            }
        }
    }

    /// Whether the last read said who is on call by this schedule, be it nobody.
    pub fn is_schedule_answered(&self, id: &str) -> bool {
        self.answered.as_ref().is_none_or(|answered| answered.schedules.contains(id))
    }

    /// The same of an escalation policy.
    pub fn is_policy_answered(&self, id: &str) -> bool {
        self.answered.as_ref().is_none_or(|answered| answered.policies.contains(id))
    }

    /// Whether the list of all schedules was read: one that is not in it is not there.
    pub fn knows_schedules(&self) -> bool {
        self.read_at.contains_key(Step::ReadSchedules.kind())
    }

    pub fn schedule(&self, id: &str) -> Option<&Schedule> {
        self.schedules.iter().find(|s| s.id == id)
    }

    /// As people know it: the name, or the id.
    pub fn schedule_name<'a>(&'a self, id: &'a str) -> &'a str {
        let named = self.oncall.of_schedule(id).find_map(|row| row.schedule_name.as_deref());
        named.or_else(|| Some(self.schedule(id)?.name.as_str())).unwrap_or(id)
    }

    /// Of these rows those that hold at the instant. One that ended since PagerDuty was last heard holds on, until
    /// somebody is known to follow: while PagerDuty is away, an old answer is better than none.
    pub fn standing<'a>(&self, rows: impl Iterator<Item = &'a OnCall>, at: Timestamp) -> Standing<'a> {
        let rows: Vec<&OnCall> = rows.collect();
        let heard_at = self.read_at.get(Step::ReadOnCall.kind()).copied();
        let ahead = self.read_at.get(Step::ReadAhead.kind()).map(|at| *at + READ_AHEAD);
        let known_until = heard_at.max(ahead);
        let taken: BTreeSet<_> = rows.iter().filter(|r| r.covers(at)).map(|r| seat(r)).collect();
        let last_end = |row: &OnCall| {
            let same = rows.iter().filter(|other| seat(other) == seat(row));
            same.filter_map(|other| other.ends_at).filter(|end| *end <= at).max()
        };
        let mut is_stale = false;
        let mut holds = |row: &OnCall| {
            if row.covers(at) {
                return true;
            }
            let ended_unheard =
                row.ends_at.is_some_and(|end| end <= at && known_until.is_some_and(|known| end > known));
            let still = ended_unheard && !taken.contains(&seat(row)) && row.ends_at == last_end(row);
            is_stale |= still;
            still
        };
        let rows = rows.iter().filter(|row| holds(row)).copied().collect();
        Standing { rows, is_stale }
    }
}

/// The place that a row fills.
fn seat(row: &OnCall) -> (&str, i64, Option<&str>) {
    (&row.policy_id, row.level, row.schedule_id.as_deref())
}

/// What an answer about the time from `at` to `until` and the rows from before make together: the answer is the truth
/// about that time, and what begins later stays until the next look ahead. A row that had ended when it was answered shows that
/// PagerDuty is behind: then nothing is concluded about its seat, and it is worth asking again soon.
pub fn merge(
    before: &[OnCall],
    answer: Vec<OnCall>,
    (at, until): (Timestamp, Timestamp),
) -> (Vec<OnCall>, bool) {
    let (late, mut rows): (Vec<OnCall>, Vec<OnCall>) =
        answer.into_iter().partition(|row| row.ends_at.is_some_and(|end| end <= at));
    let behind: BTreeSet<_> = late.iter().map(|row| seat(row)).collect();
    let kept = before.iter().filter(|row| {
        let begins_later = row.starts_at.is_some_and(|start| start >= until);
        begins_later || (behind.contains(&seat(row)) && row.covers(at))
    });
    for row in kept {
        if !rows.contains(row) {
            rows.push(row.clone());
        }
    }
    (rows, !behind.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_secs(1_795_000_000 + minute * 60)
    }

    fn row(user: &str, from: i64, to: i64) -> OnCall {
        OnCall {
            policy_id: "PEP1".into(),
            policy_name: "Payments".into(),
            level: 1,
            schedule_id: Some("PS1".into()),
            schedule_name: Some("Primary".into()),
            pagerduty_user_id: PagerDutyUserId::new(user),
            user_name: user.into(),
            starts_at: Some(at(from)),
            ends_at: Some(at(to)),
        }
    }

    fn directory(heard: i64, oncall: Vec<OnCall>) -> Directory {
        let read_at = [(Step::ReadOnCall.kind().to_owned(), at(heard))].into();
        Directory { oncall: oncall.into(), read_at, ..Directory::default() }
    }

    fn names(standing: &Standing<'_>) -> Vec<String> {
        standing.rows.iter().map(|r| r.user_name.clone()).collect()
    }

    #[test]
    fn what_was_read_ahead_takes_over_by_itself() {
        let known = directory(5, vec![row("ana", 0, 10), row("ben", 10, 20)]);
        let standing = known.standing(known.oncall.iter(), at(10));
        assert_eq!((names(&standing), standing.is_stale), (vec!["ben".to_owned()], false));
    }

    #[test]
    fn the_last_known_person_stays_while_nobody_can_say_who_follows() {
        let known = directory(5, vec![row("eve", -10, 0), row("ana", 0, 10)]);
        let standing = known.standing(known.oncall.iter(), at(30));
        assert_eq!((names(&standing), standing.is_stale), (vec!["ana".to_owned()], true));
    }

    #[test]
    fn a_gap_that_pagerduty_has_told_us_of_is_a_gap() {
        let known = directory(11, vec![row("ana", 0, 10), row("ben", 20, 30)]);
        assert!(known.standing(known.oncall.iter(), at(12)).rows.is_empty());
    }

    #[test]
    fn an_answer_replaces_today_and_leaves_tomorrow() {
        let before = [row("ana", 0, 10), row("ben", 10, 20)];
        let (rows, behind) = merge(&before, vec![row("cho", 0, 10)], (at(5), at(6)));
        assert_eq!((rows, behind), (vec![row("cho", 0, 10), row("ben", 10, 20)], false));
        let (rows, _) = merge(&before, Vec::new(), (at(5), at(6)));
        assert_eq!(rows, [row("ben", 10, 20)], "nobody is on call, says PagerDuty");
    }

    #[test]
    fn what_was_read_ahead_and_is_not_so_any_more_is_forgotten_before_it_begins() {
        let before = [row("ana", 0, 10), row("ben", 10, 20), row("cho", 20, 30)];
        let (rows, _) = merge(&before, vec![row("ana", 0, 15)], (at(9), at(11)));
        assert_eq!(rows, [row("ana", 0, 15), row("cho", 20, 30)]);
    }

    #[test]
    fn a_late_answer_says_nothing_about_its_seat() {
        let before = [row("ana", 0, 10), row("ben", 10, 20)];
        let (rows, behind) = merge(&before, vec![row("ana", 0, 10)], (at(11), at(12)));
        assert_eq!((rows, behind), (vec![row("ben", 10, 20)], true));
    }

    #[test]
    fn a_word_means_one_schedule_or_none() {
        let schedule = |id: &str, name: &str| Schedule {
            id: id.into(),
            name: name.into(),
            is_shift_based: false,
            is_used: Some(true),
            people: Vec::new(),
        };
        let mut known = directory(5, vec![row("ana", 0, 10)]);
        assert_eq!(known.schedule_id("PS1"), Ok("PS1"));
        assert_eq!(known.schedule_id("Primary"), Ok("PS1"));
        assert!(known.schedule_id("PS9").expect_err("unknown").contains("not read yet"));
        known.schedules =
            vec![schedule("PS1", "Primary"), schedule("PS2", "Primary"), schedule("PS3", "Night")];
        known.read_at.insert(Step::ReadSchedules.kind().to_owned(), at(0));
        assert_eq!(known.schedule_id("Night"), Ok("PS3"));
        assert!(known.schedule_id("Primary").expect_err("two").contains("PS1 or PS2"));
        assert!(known.schedule_id("PS9").expect_err("none").contains("no schedule"));
    }
}
