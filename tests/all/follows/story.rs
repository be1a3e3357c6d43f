//! What may happen to a rota and the groups that follow it: a story, told so that a failed one reads well.

use std::fmt;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

/// PagerDuty's people and who they are in Slack. The last two are nobody there whom a group may hold.
pub const PEOPLE: &[(&str, Option<&str>)] = &[
    ("PANA001", Some("U0ANA")),
    ("PBEN001", Some("U0BEN")),
    ("PCHO001", Some("U0CHO")),
    ("PDEE001", Some("U0DEE")),
    ("PEVE001", Some("U0EVE")),
    ("PZOE001", None),
    ("PGUS001", None),
];

/// Shortly before the clocks change somewhere, and a day like any other.
const BEGINNINGS: &[&str] = &[
    "2026-03-29T00:20:00Z",
    "2026-10-25T00:10:00Z",
    "2026-03-08T06:15:00Z",
    "2026-11-01T05:05:00Z",
    "2026-04-04T14:30:00Z",
    "2026-06-10T09:00:00Z",
];
const ZONES: &[&str] = &["Europe/London", "America/New_York", "Australia/Lord_Howe", "UTC"];

#[derive(Clone)]
pub struct Story {
    pub begins: &'static str,
    /// So many seconds after a change PagerDuty's `/oncalls` shows it.
    pub lag: u64,
    pub writes_per_minute: u64,
    pub schedules: Vec<Schedule>,
    pub groups: Vec<Group>,
    pub acts: Vec<Act>,
}

#[derive(Clone)]
pub struct Schedule {
    pub zone: &'static str,
    /// Whether an escalation policy uses it; `/oncalls` does not know the others.
    pub is_used: bool,
    pub shape: Shape,
}

#[derive(Clone)]
pub enum Shape {
    Layers(Vec<Turns>),
    Rotations(Vec<Turns>),
    /// Person, from so many minutes after the beginning, for so many.
    Shifts(Vec<(usize, i32, u32)>),
}

/// People who take turns.
#[derive(Clone)]
pub struct Turns {
    pub people: Vec<usize>,
    /// Each for so many minutes …
    pub minutes: u32,
    /// … beginning so many before the story.
    pub ago: u32,
    /// Only from this hour and minute on, for so many minutes, each day.
    pub only: Option<(i8, i8, u32)>,
}

#[derive(Clone)]
pub struct Group {
    pub schedules: Vec<usize>,
    /// Of the policy of this schedule: its first level, or also the second, on which a person is.
    pub policy: Option<(usize, bool)>,
    pub always: Option<usize>,
    pub never: Option<usize>,
    pub fallback: Option<usize>,
    pub is_additive: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    None,
    Sent,
    Lost,
}

#[derive(Clone, Copy, Debug)]
pub enum Trouble {
    Unavailable,
    Reset,
    RateLimited,
    Slow,
    LoseAnswer,
}

#[derive(Clone)]
pub enum Act {
    Pass {
        minutes: u32,
    },
    /// The machine sleeps: the clock jumps.
    Sleep {
        minutes: u32,
    },
    Override {
        schedule: usize,
        person: usize,
        instead_of: usize,
        from: u32,
        lasts: u32,
        hint: Hint,
    },
    RemoveOverride {
        hint: Hint,
    },
    Edit {
        schedule: usize,
        shape: Shape,
        hint: Hint,
    },
    PagerDutyFails {
        trouble: Trouble,
        minutes: u32,
    },
    SlackFails {
        trouble: Trouble,
        minutes: u32,
    },
    HandEdit {
        group: usize,
        people: Vec<usize>,
        is_told: bool,
    },
    Restart,
}

pub fn stories() -> impl Strategy<Value = Story> {
    let setting = (select(BEGINNINGS), select(vec![0, 0, 0, 3, 15]), select(vec![20, 20, 5]));
    let rota = (prop::collection::vec(schedules(), 2..=3), prop::collection::vec(groups(), 1..=4));
    (setting, rota, prop::collection::vec(acts(), 3..=9)).prop_map(
        |((begins, lag, writes_per_minute), (schedules, groups), acts)| Story {
            begins,
            lag,
            writes_per_minute,
            schedules,
            groups,
            acts,
        },
    )
}

fn schedules() -> impl Strategy<Value = Schedule> {
    let is_used = prop::bool::weighted(0.75);
    (select(ZONES), is_used, shapes()).prop_map(|(zone, is_used, shape)| Schedule { zone, is_used, shape })
}

fn shapes() -> impl Strategy<Value = Shape> {
    let shift = (0..PEOPLE.len(), -60..30_i32, 1..90_u32);
    prop_oneof![
        3 => prop::collection::vec(turns(), 1..=3).prop_map(Shape::Layers),
        2 => prop::collection::vec(turns(), 1..=2).prop_map(Shape::Rotations),
        1 => prop::collection::vec(shift, 1..=4).prop_map(Shape::Shifts),
    ]
}

fn turns() -> impl Strategy<Value = Turns> {
    let only = prop::option::weighted(0.3, (0..24_i8, 0..60_i8, 10..900_u32));
    let minutes = select(vec![7, 10, 23, 60, 12 * 60, 24 * 60]);
    (prop::collection::vec(0..PEOPLE.len(), 1..=3), minutes, 0..200_u32, only)
        .prop_map(|(people, minutes, ago, only)| Turns { people, minutes, ago, only })
}

fn groups() -> impl Strategy<Value = Group> {
    let one = |weight| prop::option::weighted(weight, 0..5_usize);
    (
        subsequence(vec![0, 1, 2], 1..=2),
        prop::option::weighted(0.4, (0..3_usize, any::<bool>())),
        (one(0.3), one(0.3), one(0.3)),
        prop::bool::weighted(0.2),
    )
        .prop_map(|(schedules, policy, (always, never, fallback), is_additive)| Group {
            schedules,
            policy,
            always,
            never,
            fallback,
            is_additive,
        })
}

fn acts() -> impl Strategy<Value = Act> {
    let hint = || select(vec![Hint::None, Hint::Sent, Hint::Lost]);
    let trouble = || {
        select(vec![
            Trouble::Unavailable,
            Trouble::Reset,
            Trouble::RateLimited,
            Trouble::Slow,
            Trouble::LoseAnswer,
        ])
    };
    let person = 0..PEOPLE.len();
    prop_oneof![
        5 => (1..6_u32).prop_map(|minutes| Act::Pass { minutes }),
        1 => select(vec![1, 40, 61, 24 * 60, 40 * 24 * 60]).prop_map(|minutes| Act::Sleep { minutes }),
        4 => (0..3_usize, person.clone(), person, 0..6_u32, 1..20_u32, hint()).prop_map(
            |(schedule, person, instead_of, from, lasts, hint)| {
                Act::Override { schedule, person, instead_of, from, lasts, hint }
            }
        ),
        1 => hint().prop_map(|hint| Act::RemoveOverride { hint }),
        1 => (0..3_usize, shapes(), hint())
            .prop_map(|(schedule, shape, hint)| Act::Edit { schedule, shape, hint }),
        2 => (trouble(), 1..5_u32).prop_map(|(trouble, minutes)| Act::PagerDutyFails { trouble, minutes }),
        1 => (trouble(), 1..4_u32).prop_map(|(trouble, minutes)| Act::SlackFails { trouble, minutes }),
        1 => (0..4_usize, subsequence(vec![0, 1, 2, 3, 4], 1..=2), any::<bool>())
            .prop_map(|(group, people, is_told)| Act::HandEdit { group, people, is_told }),
        1 => Just(Act::Restart),
    ]
}

pub fn name(person: usize) -> String {
    PEOPLE[person].0[1..4].to_lowercase()
}

fn names(people: &[usize]) -> String {
    people.iter().map(|p| name(*p)).collect::<Vec<_>>().join(" ")
}

impl fmt::Debug for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nIt is {}. PagerDuty shows a change {} s later.", self.begins, self.lag)?;
        writeln!(f, "Slack may be written to {} times a minute.", self.writes_per_minute)?;
        for (n, schedule) in self.schedules.iter().enumerate() {
            writeln!(f, "Schedule {n}: {schedule:?}")?;
        }
        for (n, group) in self.groups.iter().enumerate() {
            writeln!(f, "Group {n}: {group:?}")?;
        }
        for (n, act) in self.acts.iter().enumerate() {
            writeln!(f, "{}. {act:?}", n + 1)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let used = if self.is_used { "in a policy" } else { "in no policy" };
        write!(f, "{}, {used}, {:?}", self.zone, self.shape)
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "follows {:?}", self.schedules)?;
        if let Some((of, is_whole)) = self.policy {
            write!(f, " and {} of the policy of {of}", if is_whole { "all" } else { "level 1" })?;
        }
        for (what, who) in [("always", self.always), ("never", self.never), ("fallback", self.fallback)] {
            if let Some(who) = who {
                write!(f, ", {what} {}", name(who))?;
            }
        }
        write!(f, "{}", if self.is_additive { ", additive" } else { "" })
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layers(turns) => write!(f, "layers {turns:?}"),
            Self::Rotations(turns) => write!(f, "rotations {turns:?}"),
            Self::Shifts(shifts) => {
                let shift = |(who, from, lasts): &(usize, i32, u32)| {
                    format!("{} from minute {from} for {lasts}", name(*who))
                };
                write!(f, "shifts {}", shifts.iter().map(shift).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

impl fmt::Debug for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} min each since {} min ago", names(&self.people), self.minutes, self.ago)?;
        let Some((hour, minute, lasts)) = self.only else { return Ok(()) };
        write!(f, ", only {hour:02}:{minute:02} for {lasts} min")
    }
}

impl fmt::Debug for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pass { minutes } => write!(f, "{minutes} min pass"),
            Self::Sleep { minutes } => write!(f, "the machine sleeps {minutes} min"),
            Self::Override { schedule, person, instead_of, from, lasts, hint } => write!(
                f,
                "schedule {schedule}: {} takes over (from {}, if it is shift-based) in {from} min for {lasts}, hint {hint:?}",
                name(*person),
                name(*instead_of)
            ),
            Self::RemoveOverride { hint } => write!(f, "the last override goes, hint {hint:?}"),
            Self::Edit { schedule, shape, hint } => {
                write!(f, "schedule {schedule} is now {shape:?}, hint {hint:?}")
            }
            Self::PagerDutyFails { trouble, minutes } => {
                write!(f, "PagerDuty fails for {minutes} min: {trouble:?}")
            }
            Self::SlackFails { trouble, minutes } => write!(f, "Slack fails for {minutes} min: {trouble:?}"),
            Self::HandEdit { group, people, is_told } => {
                let told = if *is_told { "tells" } else { "does not tell" };
                write!(f, "somebody puts {} into group {group}, and Slack {told} us", names(people))
            }
            Self::Restart => write!(f, "the program restarts"),
        }
    }
}
