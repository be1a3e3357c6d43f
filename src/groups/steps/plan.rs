//! Compares what every kept group holds with what it should hold, and sets going what follows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{find_job, make_job, say, topic_job, write_job};
use crate::app::App;
use crate::clock::Timestamp;
use crate::config::Group as Spec;
use crate::error::Result;
use crate::groups::messages;
use crate::groups::model::{Plan, Standing, State, Target, Verdict, targets};
use crate::groups::plan::{ABOUT_TO_BE_MADE, Rota};
use crate::groups::strays::strays;
use crate::ids::SlackUserId;
use crate::incidents::responders;
use crate::jobs::{Finished, Job};
use crate::oncall::{Directory, Known, OnCall, Step, replan};
use crate::store::{Json, Priority, Tx};

/// Somebody whom Slack does not know is looked for again after this long.
const LOOK_AGAIN: Duration = Duration::from_secs(900);
/// Who changes a group again so soon after we put it right is not fought with, until the next full comparison.
const NO_FIGHT: Duration = Duration::from_secs(600);
const FOUGHT_OVER: &str =
    "somebody changes it in Slack again and again; it is put right at the next full look";
/// How the problem ends of a group whose sources are about to be read.
const UNTIL_READ: &str = ": it stays as it was until then";
/// The rota is read two seconds after a hand-off; what is known of it is compared even if that did not succeed.
const AFTER_HANDOFF: Duration = Duration::from_secs(4);
/// Groups whose state is written in one transaction.
const AT_ONCE: usize = 100;

pub(super) async fn plan_all(app: &App, job: &Job) -> Result<Finished> {
    let mut tx = app.db.read().await?;
    // First: what is written while the rest is read is then of a later version, and planned anew.
    let states: BTreeMap<String, State> =
        tx.group_states().await?.into_iter().map(|s| (s.handle.clone(), s)).collect();
    let known = Known { config: app.config.clone(), people: tx.directory().await?.into() };
    let people = &known.people;
    drop(tx);
    let is_read = |step: &Step| people.read_at.contains_key(step.kind());
    let has_all = [Step::ReadOnCall, Step::ReadGroups, Step::ReadMembers].iter().all(is_read);
    let Some(team_id) = app.team_id(people).filter(|_| has_all) else {
        // Nothing is concluded from knowing nothing: the first reads cause another plan.
        return job.finish_bare(&app.db).await;
    };
    let now = app.clock.now();
    let rota = Rota::new(people, &team_id, now);
    let cause = job.payload.0["cause"].as_str().unwrap_or("a regular look");
    let all = targets(&app.config);
    log_strays(&known, &team_id, &states);
    for some in all.chunks(AT_ONCE) {
        let mut tx = app.db.write(Priority::Job).await?;
        for target in some {
            let before = states.get(target.handle);
            let plan = rota.plan(*target, &before.map(State::memory).unwrap_or_default());
            conclude(&mut tx, &known, *target, before, &plan, cause).await?;
        }
        tx.commit().await?;
    }
    let mut tx = app.db.write(Priority::Job).await?;
    // Here and not by the read that knows of it: the one job that waits may be due sooner, and would take its place.
    if let Some(at) = OnCall::next_handoff(&known.people.oncall, now) {
        tx.enqueue(replan("a hand-off").at(at + AFTER_HANDOFF)).await?;
    }
    for gone in states.keys().filter(|handle| all.iter().all(|t| t.handle != handle.as_str())) {
        tx.forget_group_state(gone).await?;
    }
    job.finish(tx).await
}

/// Said again whenever Slack's people were read anew: it is the operator's to mend, and no reason to bother a channel.
fn log_strays(known: &Known, team_id: &str, states: &BTreeMap<String, State>) {
    let people = &known.people;
    let read_at = people.read_at.get(Step::ReadMembers.kind()).copied();
    for spec in &known.config.groups {
        if states.get(&spec.handle).is_some_and(|state| read_at < Some(state.planned_at)) {
            continue;
        }
        for stray in strays(people, team_id, spec, |_| true) {
            tracing::warn!(group = spec.handle, "{stray}");
        }
    }
}

/// One group: what is remembered of it, and what has to be done.
async fn conclude(
    tx: &mut Tx,
    known: &Known,
    target: Target<'_>,
    before: Option<&State>,
    plan: &Plan,
    cause: &str,
) -> Result<()> {
    let now = tx.now();
    let state = match (&plan.verdict, before) {
        (Verdict::Unread(_), None) => return Ok(()),
        (Verdict::Unread(why), Some(before)) => unread(before, why, now),
        _ => next_state(before, plan, cause, (now, &known.people.read_at)),
    };
    if before.is_none_or(|before| differs(before, &state)) && !tx.save_group_state(&state).await? {
        tx.enqueue(replan(cause)).await?;
        return Ok(());
    }
    match state.standing {
        Standing::Waiting => {
            tx.enqueue(write_job()).await?;
        }
        Standing::Blocked if state.group_id.is_none() && target.spec.create_missing => {
            tx.enqueue(make_job(target.handle)).await?;
        }
        _ => {}
    }
    if matches!(plan.verdict, Verdict::Unread(_)) {
        return Ok(()); // it is about to be read
    }
    tell_trouble(tx, known, target.spec, before, &state).await?;
    for out in plan.left_out.iter().filter(|out| out.is_unmapped) {
        look_for(tx, known, target.spec, out).await?;
    }
    if !target.is_whole_rota {
        hand_over(tx, known, target.spec, before, &state).await?;
    }
    Ok(())
}

/// Left as it is until all of its sources were read once: what is known of the others is not the whole of it.
fn unread(before: &State, why: &str, now: Timestamp) -> State {
    // An alarm that was told stands until it is known to be over.
    let told = before.problem.clone().filter(|problem| is_told(problem));
    let problem = told.unwrap_or_else(|| format!("{why}{UNTIL_READ}"));
    State { standing: Standing::Kept, problem: Some(problem), planned_at: now, ..before.clone() }
}

fn next_state(
    before: Option<&State>,
    plan: &Plan,
    cause: &str,
    (now, read_at): (Timestamp, &BTreeMap<String, Timestamp>),
) -> State {
    let changed = before.is_none_or(|b| b.wanted.0 != plan.wanted);
    let (mut standing, mut problem) = match &plan.verdict {
        Verdict::InStep => (Standing::InStep, None),
        Verdict::Write => (Standing::Waiting, None),
        Verdict::Kept(why) | Verdict::Unread(why) => (Standing::Kept, Some(why.clone())),
        Verdict::Ask(why) => (Standing::Asked, Some(why.clone())),
        Verdict::Blocked(why) => (Standing::Blocked, Some(why.clone())),
    };
    // Slack says something else than it said when it took our list, and the rota has not changed: somebody's hand.
    let by_hand = !changed
        && standing == Standing::Waiting
        && before.is_some_and(|b| {
            b.written_at.is_some()
                && (b.standing == Standing::InStep || b.problem.as_deref() == Some(FOUGHT_OVER))
        });
    let mut repaired_at = before.and_then(|b| b.repaired_at);
    if by_hand {
        if repaired_at.is_some_and(|at| now.since(at) < NO_FIGHT) {
            (standing, problem) = (Standing::Kept, Some(FOUGHT_OVER.to_owned()));
        } else {
            repaired_at = Some(now);
        }
    }
    // Slack may have refused to make it.
    if problem.as_ref().is_some_and(|why| why.ends_with(ABOUT_TO_BE_MADE)) {
        let refused = before.filter(|b| b.group_id.is_none()).and_then(|b| b.problem.clone());
        problem = refused.or(problem);
    }
    // What Slack refused goes by another attempt, not by another plan.
    if standing == Standing::Waiting && !changed {
        let refused = before.filter(|b| !by_hand && b.standing != Standing::InStep);
        problem = refused.and_then(|b| b.problem.clone()).filter(|problem| is_told(problem));
    }
    let heard_at = read_at.get(Step::ReadOnCall.kind()).copied();
    // Slack was read since, and whoever changed it has changed it back.
    let is_undone = standing == Standing::InStep
        && before.is_some_and(|b| read_at.get(Step::ReadGroups.kind()).is_some_and(|at| *at > b.planned_at));
    let mut state = State {
        handle: plan.handle.clone(),
        group_id: plan.group.clone(),
        standing,
        problem,
        wanted: Json(plan.wanted.clone()),
        because: Json(plan.because.clone()),
        left_out: Json(plan.left_out.clone()),
        partial: Json(plan.partial.clone()),
        good: Json(plan.good.clone()),
        ours: before.map_or_else(|| Json(BTreeSet::new()), |b| Json(b.ours.0.clone())),
        is_approved: before.is_some_and(|b| b.is_approved) && !changed,
        cause: match before {
            None => "at the start".to_owned(),
            Some(before) if !changed && !by_hand => before.cause.clone(),
            _ if by_hand => "changed in Slack by hand".to_owned(),
            // Whatever made us look: a shift has ended.
            Some(before) if messages::until(before).is_some_and(|end| end <= now) => "a hand-off".to_owned(),
            _ => cause.to_owned(),
        },
        changed_at: before.filter(|_| !changed && !by_hand).map_or(now, |b| b.changed_at),
        handed_over_at: match before {
            Some(before) if !changed && !by_hand => before.handed_over_at,
            _ => handed_over_at(before, plan, now),
        },
        planned_at: now,
        in_step_at: before.and_then(|b| b.in_step_at),
        written_at: before.and_then(|b| b.written_at),
        edited_by: before.filter(|_| !is_undone).and_then(|b| b.edited_by.clone()),
        repaired_at,
        hold: plan.hold.clone().map(Json),
        in_doubt: before.and_then(|b| b.in_doubt.clone()),
        version: before.map_or(0, |b| b.version),
    };
    if state.agrees() {
        state.in_step_at = Some(now);
    } else if before.is_some_and(State::agrees) {
        // They did when the rota was last heard.
        state.in_step_at = heard_at.map(|at| at.min(now)).max(state.in_step_at);
    }
    state
}

/// When those who are new came on call, or who is gone went off; now, where no shift says.
fn handed_over_at(before: Option<&State>, plan: &Plan, now: Timestamp) -> Timestamp {
    let was = |user: &SlackUserId| before.is_some_and(|b| b.wanted.0.contains(user));
    let came = plan.because.iter().filter(|(user, _)| !was(user)).flat_map(|(_, why)| why);
    let came = came.filter_map(|b| b.since).filter(|at| *at <= now).max();
    came.or_else(|| before.and_then(messages::until).filter(|end| *end <= now)).unwrap_or(now)
}

/// Whether anything but the time is news. A group in step says when it was last seen so.
fn differs(before: &State, after: &State) -> bool {
    let shape = |s: &State| {
        (
            s.group_id.clone(),
            s.standing,
            s.problem.clone(),
            s.is_approved,
            s.cause.clone(),
            s.changed_at,
            s.repaired_at,
        )
    };
    shape(before) != shape(after)
        || before.in_step_at != after.in_step_at
        || before.wanted.0 != after.wanted.0
        || before.because.0 != after.because.0
        || before.left_out.0 != after.left_out.0
        || before.partial.0 != after.partial.0
        || before.good.0 != after.good.0
        || before.hold.as_ref().map(|h| &h.0) != after.hold.as_ref().map(|h| &h.0)
}

/// Whether people were told of this problem: of what is about to be read or made, nobody is.
fn is_told(problem: &str) -> bool {
    !problem.ends_with(UNTIL_READ) && !problem.ends_with(ABOUT_TO_BE_MADE)
}

/// New trouble is told where the group's people read it, once; and so is its end.
async fn tell_trouble(
    tx: &mut Tx,
    known: &Known,
    spec: &Spec,
    before: Option<&State>,
    state: &State,
) -> Result<()> {
    let told = |problem: Option<&String>| problem.filter(|problem| is_told(problem)).cloned();
    let (was, is) = (told(before.and_then(|b| b.problem.as_ref())), told(state.problem.as_ref()));
    let message = match &is {
        same if *same == was => return Ok(()),
        None if state.problem.is_some() => return Ok(()),
        None => messages::trouble_is_over(&known.people, state),
        Some(problem) => {
            tracing::warn!(group = state.handle, problem, "a user group is not in step");
            match state.standing {
                Standing::Asked => messages::ask(&known.people, state),
                _ => messages::trouble(state),
            }
        }
    };
    if let Some(channel) = known.config.channel_of(spec) {
        let once = format!("{}:{}", state.handle, state.planned_at.as_micros());
        say(tx, channel, &message, &once).await?;
    }
    Ok(())
}

/// Somebody on call whom nobody in Slack is known to be: looked for by e-mail now and then, and told of once.
async fn look_for(
    tx: &mut Tx,
    known: &Known,
    spec: &Spec,
    out: &crate::groups::model::LeftOut,
) -> Result<()> {
    let not_since = tx.now() - LOOK_AGAIN;
    if tx.look_for(&out.responder, not_since).await? {
        tx.enqueue(find_job(&out.responder)).await?;
    }
    if let Some(channel) = known.config.channel_of(spec)
        && tx.tell_unmapped(&out.responder).await?
    {
        say(tx, channel, &messages::unmapped(out), &format!("unmapped:{}", out.responder)).await?;
    }
    Ok(())
}

/// Who has come on call since the last plan sees what is open; and the team's channels say who it is.
async fn hand_over(
    tx: &mut Tx,
    known: &Known,
    spec: &Spec,
    before: Option<&State>,
    state: &State,
) -> Result<()> {
    let was = before.map(State::on_call).unwrap_or_default();
    let is = state.on_call();
    if was == is {
        return Ok(());
    }
    for channel in &spec.topic_channels {
        tx.enqueue(topic_job(&spec.handle, channel)).await?;
    }
    if before.is_none() {
        return Ok(()); // the first plan of a group is no hand-off
    }
    let new: Vec<&SlackUserId> = is.difference(&was).collect();
    let services = services_of(known, spec);
    let mut open = tx.open_incidents().await?;
    open.retain(|i| !i.is_test && i.service.as_ref().is_some_and(|s| services.contains(s)));
    for incident in &open {
        for user in &new {
            responders::comes_on_call(tx, incident, user).await?;
        }
    }
    if let Some(channel) = spec.channel.as_deref().filter(|_| !new.is_empty()) {
        let message = messages::hand_off(&known.people, &was, state, &open);
        say(tx, channel, &message, &format!("handoff:{}:{}", state.handle, state.planned_at.as_micros()))
            .await?;
    }
    if spec.tell_incoming {
        for user in new {
            let message = messages::you_are_on_call(state, user, &open);
            let once = format!("incoming:{}:{user}:{}", state.handle, state.planned_at.as_micros());
            say(tx, user.as_str(), &message, &once).await?;
        }
    }
    Ok(())
}

/// The configured services that this group's people answer for: those whose policy it follows, or whose policy uses
/// one of its schedules.
fn services_of(known: &Known, spec: &Spec) -> Vec<String> {
    let people: &Directory = &known.people;
    let schedules: BTreeSet<&str> =
        spec.schedules.iter().filter_map(|w| people.schedule_id(w).ok()).collect();
    let follows = |policy: &str| {
        spec.policies.iter().any(|p| p.id == policy)
            || people
                .oncall
                .of_policy(policy)
                .any(|row| row.schedule_id.as_deref().is_some_and(|id| schedules.contains(id)))
    };
    let theirs = known.config.services.iter().filter(|s| people.policy_of(s).is_some_and(follows));
    theirs.map(|s| s.name.clone()).collect()
}
