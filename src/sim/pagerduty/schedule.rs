//! A schedule through time: its plan with every edit, overrides, and the final schedule that follows. What was
//! rendered before an edit stays; the account may show an edit later than it was made.

use crate::clock::Timestamp;

use super::rota::{Layer, Zone};
use super::rota_v3::Rotation;

/// Where the search for the end of a stretch gives up and calls it endless.
const MOST_EDGES: usize = 400;
const ALWAYS: Timestamp = Timestamp::from_micros(i64::MIN);
const INSTANT: std::time::Duration = std::time::Duration::from_micros(1);

#[derive(Debug)]
pub(super) struct Schedule {
    pub id: String,
    pub name: String,
    pub zone: Zone,
    /// Oldest first, never empty.
    eras: Vec<Era>,
    /// In order of creation.
    pub extras: Vec<Extra>,
}

/// A plan from when it was written until the next one.
#[derive(Debug)]
struct Era {
    written_at: Timestamp,
    from: Timestamp,
    plan: Plan,
}

#[derive(Debug)]
pub(super) enum Plan {
    /// User, from, until.
    Fixed(Vec<(String, Timestamp, Timestamp)>),
    /// Lowest first.
    Layers(Vec<Layer>),
    Rotations(Vec<Rotation>),
}

/// What somebody put on top of the plan.
#[derive(Debug)]
pub(super) struct Extra {
    pub id: String,
    pub start: Timestamp,
    end: Timestamp,
    written_at: Timestamp,
    removed_at: Option<Timestamp>,
    pub what: What,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    /// Of a layer-based schedule: this user instead of whoever else.
    Override(String),
    /// Of a shift-based one: instead of one member of one rotation or custom shift.
    Cover {
        of: String,
        overridden: Option<String>,
        overriding: Option<String>,
    },
    CustomShift(Vec<String>),
}

/// Somebody on call, or the empty member, and through what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Duty {
    pub user: Option<String>,
    pub source: Source,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Fixed(usize),
    /// A layer or an override: neighbours of one user are one stretch.
    Layered,
    Rotation(String),
    CustomShift(String),
    RotationOverride {
        rotation: String,
        id: String,
    },
    CustomShiftOverride {
        shift: String,
        id: String,
    },
}

/// A duty with its real bounds; `None` where there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    pub duty: Duty,
    pub start: Option<Timestamp>,
    pub end: Option<Timestamp>,
}

impl Schedule {
    pub fn new(id: &str, name: &str, zone: &str, plan: Plan) -> Self {
        let era = Era { written_at: ALWAYS, from: ALWAYS, plan };
        Self {
            id: id.into(),
            name: name.into(),
            zone: Zone::named(zone),
            eras: vec![era],
            extras: Vec::new(),
        }
    }

    /// What is now; the newest edit included.
    pub fn plan(&self) -> &Plan {
        self.plan_at(Timestamp::from_micros(i64::MAX), Timestamp::from_micros(i64::MAX))
    }

    fn plan_at(&self, known: Timestamp, at: Timestamp) -> &Plan {
        let eras = self.eras.iter().rev().filter(|era| era.written_at <= known);
        let mut eras = eras.filter(|era| era.from <= at).map(|era| &era.plan);
        eras.next().unwrap_or(&self.eras[0].plan)
    }

    pub fn is_v3(&self) -> bool {
        matches!(self.plan(), Plan::Rotations(_))
    }

    /// Another plan from now on. A list of shifts replaces what was before as well.
    pub fn rewrite(&mut self, plan: Plan, now: Timestamp) {
        let from = if matches!(plan, Plan::Fixed(_)) { ALWAYS } else { now };
        self.eras.push(Era { written_at: now, from, plan });
    }

    pub fn put(&mut self, id: String, what: What, (start, end): (Timestamp, Timestamp), now: Timestamp) {
        self.extras.push(Extra { id, start, end, written_at: now, removed_at: None, what });
    }

    /// Everybody whom the plan names, in its order, and who came on top of it.
    pub fn users(&self) -> Vec<&str> {
        let planned: Vec<&str> = match self.plan() {
            Plan::Fixed(shifts) => shifts.iter().map(|(user, ..)| user.as_str()).collect(),
            Plan::Layers(layers) => layers.iter().flat_map(|l| &l.users).map(String::as_str).collect(),
            Plan::Rotations(rotations) => {
                let members = rotations.iter().flat_map(|r| &r.events).flat_map(|e| &e.members);
                members.flatten().map(String::as_str).collect()
            }
        };
        let mut users: Vec<&str> = Vec::new();
        for user in planned {
            if !users.contains(&user) {
                users.push(user);
            }
        }
        users
    }

    /// Who is on call at an instant, as far as was known then: each with their source.
    pub fn duties(&self, known: Timestamp, at: Timestamp) -> Vec<Duty> {
        match self.plan_at(known, at) {
            Plan::Rotations(rotations) => self.shift_duties(rotations, known, at),
            Plan::Layers(layers) => {
                let user = self
                    .overrider(known, at)
                    .or_else(|| layers.iter().rev().find_map(|layer| layer.user_at(&self.zone, at)));
                user.map(layered).into_iter().collect()
            }
            Plan::Fixed(shifts) => match self.overrider(known, at) {
                Some(user) => vec![layered(user)],
                None => (0..)
                    .zip(shifts)
                    .filter(|(_, (_, start, end))| *start <= at && at < *end)
                    .map(|(n, (user, ..))| Duty { user: Some(user.clone()), source: Source::Fixed(n) })
                    .collect(),
            },
        }
    }

    /// Whom the override names that was created last of those that hold.
    fn overrider(&self, known: Timestamp, at: Timestamp) -> Option<&str> {
        self.extras.iter().rev().filter(|extra| extra.holds(known, at)).find_map(|extra| match &extra.what {
            What::Override(user) => Some(user.as_str()),
            _ => None,
        })
    }

    fn shift_duties(&self, rotations: &[Rotation], known: Timestamp, at: Timestamp) -> Vec<Duty> {
        let mut duties = Vec::new();
        for rotation in rotations {
            let occurrences = rotation.events.iter().flat_map(|event| event.occurrences(&self.zone, at));
            for occurrence in occurrences.filter(|o| o.start <= at && at < o.end) {
                let source = Source::Rotation(rotation.id.clone());
                duties.push(self.covered(Duty { user: occurrence.member.clone(), source }, known, at));
            }
        }
        for extra in self.extras.iter().filter(|extra| extra.holds(known, at)) {
            if let What::CustomShift(users) = &extra.what {
                let duty = |user: &String| Duty {
                    user: Some(user.clone()),
                    source: Source::CustomShift(extra.id.clone()),
                };
                duties.extend(users.iter().map(|user| self.covered(duty(user), known, at)));
            }
        }
        duties
    }

    /// The duty, or that of whoever stands in.
    fn covered(&self, duty: Duty, known: Timestamp, at: Timestamp) -> Duty {
        let (Source::Rotation(source) | Source::CustomShift(source)) = &duty.source else { return duty };
        let held = self.extras.iter().rev().filter(|extra| extra.holds(known, at));
        let stand_in = held.filter_map(|extra| match &extra.what {
            What::Cover { of, overridden, overriding } if of == source && *overridden == duty.user => {
                Some((extra.id.clone(), overriding.clone()))
            }
            _ => None,
        });
        match (stand_in.into_iter().next(), &duty.source) {
            (Some((id, user)), Source::Rotation(rotation)) => {
                Duty { user, source: Source::RotationOverride { rotation: rotation.clone(), id } }
            }
            (Some((id, user)), _) => {
                Duty { user, source: Source::CustomShiftOverride { shift: source.clone(), id } }
            }
            (None, _) => duty,
        }
    }

    fn edges(&self, known: Timestamp, at: Timestamp) -> Vec<Timestamp> {
        let mut edges: Vec<Timestamp> =
            self.eras.iter().filter(|e| e.written_at <= known).map(|e| e.from).collect();
        edges.retain(|from| *from != ALWAYS);
        for extra in self.extras.iter().filter(|extra| extra.written_at <= known) {
            edges.extend([extra.start, extra.end(known)]);
        }
        match self.plan_at(known, at) {
            Plan::Fixed(shifts) => edges.extend(shifts.iter().flat_map(|(_, start, end)| [*start, *end])),
            Plan::Layers(layers) => edges.extend(layers.iter().flat_map(|layer| layer.edges(&self.zone, at))),
            Plan::Rotations(rotations) => {
                let events = rotations.iter().flat_map(|rotation| &rotation.events);
                let occurrences = events.flat_map(|event| event.occurrences(&self.zone, at));
                edges.extend(occurrences.flat_map(|o| [o.start, o.end]));
            }
        }
        edges
    }

    /// The first instant after `at` at which somebody else may come on call.
    pub fn next_edge(&self, at: Timestamp) -> Option<Timestamp> {
        self.edges(at, at).into_iter().filter(|edge| *edge > at).min()
    }

    /// The final schedule: each stretch that overlaps the range, with its real bounds.
    pub fn stretches(&self, known: Timestamp, since: Timestamp, until: Timestamp) -> Vec<Stretch> {
        walk((since, until), |at| self.duties(known, at), |at| self.edges(known, at))
    }

    /// The same of one layer alone.
    pub fn layer_stretches(&self, layer: &Layer, since: Timestamp, until: Timestamp) -> Vec<Stretch> {
        let duties = |at| layer.user_at(&self.zone, at).map(layered).into_iter().collect();
        walk((since, until), duties, |at| layer.edges(&self.zone, at))
    }

    /// The same of the overrides alone.
    pub fn override_stretches(&self, known: Timestamp, since: Timestamp, until: Timestamp) -> Vec<Stretch> {
        let edges = |_| self.extras.iter().flat_map(|extra| [extra.start, extra.end(known)]).collect();
        walk((since, until), |at| self.overrider(known, at).map(layered).into_iter().collect(), edges)
    }
}

impl Extra {
    /// What is removed ends then: at once when it was running, unseen when it had not begun.
    pub fn end(&self, known: Timestamp) -> Timestamp {
        match self.removed_at.filter(|at| *at <= known) {
            Some(removed) => self.end.min(removed.max(self.start)),
            None => self.end,
        }
    }

    fn holds(&self, known: Timestamp, at: Timestamp) -> bool {
        self.written_at <= known && self.start <= at && at < self.end(known)
    }

    /// Removed before it began: as if it had never been.
    pub fn is_gone(&self) -> bool {
        self.removed_at.is_some_and(|at| at <= self.start)
    }

    pub fn remove(&mut self, now: Timestamp) {
        self.removed_at.get_or_insert(now);
    }
}

fn layered(user: &str) -> Duty {
    Duty { user: Some(user.into()), source: Source::Layered }
}

/// The stretches that overlap the range (or its one instant), oldest first. `edges` are all instants next to one
/// at which `duties` may change.
fn walk(
    (since, until): (Timestamp, Timestamp),
    duties: impl Fn(Timestamp) -> Vec<Duty>,
    edges: impl Fn(Timestamp) -> Vec<Timestamp>,
) -> Vec<Stretch> {
    let next = |at: Timestamp| edges(at).into_iter().filter(|edge| *edge > at).min();
    let is_on = |duty: &Duty, at: Timestamp| duties(at).contains(duty);
    let begin = |duty: &Duty| {
        let mut at = since;
        for _ in 0..MOST_EDGES {
            let edge = edges(at).into_iter().filter(|edge| *edge <= at).max()?;
            at = edge - INSTANT;
            if !is_on(duty, at) {
                return Some(edge);
            }
        }
        None
    };
    let finish = |duty: &Duty, mut at: Timestamp| {
        for _ in 0..MOST_EDGES {
            at = next(at)?;
            if !is_on(duty, at) {
                return Some(at);
            }
        }
        None
    };
    let (mut done, mut open): (Vec<Stretch>, Vec<Stretch>) = (Vec::new(), Vec::new());
    let mut at = since;
    loop {
        let on = duties(at);
        let (going_on, ended) = open.into_iter().partition(|s: &Stretch| on.contains(&s.duty));
        open = going_on;
        done.extend(ended.into_iter().map(|stretch| Stretch { end: Some(at), ..stretch }));
        for duty in on {
            if !open.iter().any(|stretch| duty == stretch.duty) {
                let start = if at == since { begin(&duty) } else { Some(at) };
                open.push(Stretch { duty, start, end: None });
            }
        }
        match next(at).filter(|edge| *edge < until) {
            Some(edge) => at = edge,
            None => break,
        }
    }
    done.extend(open.into_iter().map(|s| Stretch { end: finish(&s.duty, at), ..s }));
    done.sort_by_key(|stretch| stretch.start);
    done
}
