//! Reads the rota. Every trigger (a hand-off's time, a hint, a surprise, the poll) ends in one of these reads, which
//! are for all schedules together: the triggers themselves are never believed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Turn, cause, done};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::jobs::{Finished, Job};
use crate::oncall::rota::{ANSWERED, Answered, READ_AHEAD, Schedule, is_schedule_id, merge};
use crate::oncall::{Directory, HINTED, OnCall, Step, replan};
use crate::pagerduty;
use crate::store::Tx;

/// PagerDuty's own hand-off may take a moment …
const AFTER_HANDOFF: Duration = Duration::from_secs(2);
/// … and its answers may be behind for longer: then it is asked again at this pace, for so long.
const WHILE_BEHIND: Duration = Duration::from_secs(4);
const BEHIND_AT_MOST: Duration = Duration::from_secs(120);
/// So long after a hint PagerDuty is asked at that pace, too.
const AFTER_A_HINT: Duration = Duration::from_secs(30);
/// Who comes after a shift that ends later than a day from now is asked for at so many instants.
const MOST_INSTANTS: usize = 12;

/// Whose rows are read.
struct Sources {
    policies: Vec<String>,
    schedules: Vec<String>,
    /// Those that no policy uses have to be asked for one by one.
    unused: Vec<Schedule>,
    /// What the configuration calls schedules that were not known when this was put together.
    unknown: Vec<String>,
}

impl Sources {
    /// Of an id that was not known only an answer that names it is one: `/oncalls` is silent about a schedule that no
    /// policy uses. What was never answered before is compared now, even if nobody is on call there.
    async fn remember_answered(
        &self,
        tx: &mut Tx,
        heard: &Heard,
        rows: &[OnCall],
        cause: &str,
    ) -> Result<()> {
        let is_named = |id: &String| rows.iter().any(|row| row.schedule_id.as_ref() == Some(id));
        let is_answered =
            |id: &&String| is_named(id) || !(self.unknown.contains(*id) || heard.unread.contains(*id));
        let answered = Answered {
            policies: self.policies.iter().cloned().collect(),
            schedules: self.schedules.iter().filter(is_answered).cloned().collect(),
        };
        if tx.fact(ANSWERED).await?.as_ref() != Some(&answered) {
            tx.remember_fact(ANSWERED, &answered).await?;
            tx.enqueue(replan(cause)).await?;
        }
        Ok(())
    }
}

/// The services' own policies, whatever feeds a group, and the seats of those who command. Not from memory: the read that caused this one may not have
/// arrived there.
async fn sources(app: &App) -> Result<Sources> {
    let mut tx = app.db.read().await?;
    let known = Directory {
        services: tx.fact("services").await?.unwrap_or_default(),
        oncall: tx.oncall_rows().await?.into(),
        schedules: tx.fact("schedules").await?.unwrap_or_default(),
        ..Directory::default()
    };
    drop(tx);
    let config = &app.config;
    let of_services = config.services.iter().filter_map(|s| known.policy_of(s).map(str::to_owned));
    let followed = config.followed_policies().map(str::to_owned);
    let policies: BTreeSet<String> = of_services.chain(followed).collect();
    let words: BTreeSet<&str> = config.followed_schedules().collect();
    let ids: Vec<Option<&str>> = words.iter().map(|word| known.schedule_id(word).ok()).collect();
    // An id that was never seen is asked for all the same.
    let schedules: BTreeSet<String> = words
        .iter()
        .zip(&ids)
        .filter_map(|(word, id)| id.or_else(|| is_schedule_id(word).then_some(*word)))
        .map(str::to_owned)
        .collect();
    // Of a shift-based one PagerDuty's list does not say: then it is one that `/oncalls` has never named.
    let is_named = |id: &str| known.oncall.of_schedule(id).any(|row| !row.policy_id.is_empty());
    let unused = known
        .schedules
        .iter()
        .filter(|s| schedules.contains(&s.id) && !s.is_used.unwrap_or_else(|| is_named(&s.id)));
    let unknown = words.iter().zip(&ids).filter(|(_, id)| id.is_none()).map(|(word, _)| (*word).to_owned());
    Ok(Sources {
        policies: policies.into_iter().collect(),
        unused: unused.cloned().collect(),
        schedules: schedules.into_iter().collect(),
        unknown: unknown.collect(),
    })
}

/// Who is on call now; the next read comes when the next hand-off has happened, or in its time.
pub(super) async fn read_now(app: &App, job: &Job) -> Result<Finished> {
    let Some(pagerduty) = &app.pagerduty else { return job.finish_bare(&app.db).await };
    let sources = sources(app).await?;
    let at = app.clock.now();
    // With the shifts that begin before the next poll: who begins where nobody was is then known in time. Both ends are
    // given, because PagerDuty's own idea of now may be behind.
    let until = at + app.config.oncall.poll;
    let answer = ask(pagerduty, &sources, Some(at), Some(until), at).await?;
    let mut tx = app.db.write(Turn::Job).await?;
    let heard_at = tx.read_time(Step::ReadOnCall).await?;
    if is_overtaken(heard_at, at) {
        return again(job, tx, Step::ReadOnCall).await;
    }
    let before = tx.oncall_rows().await?;
    let (mut rows, is_behind) = merge(&before, answer.rows(), (at, until));
    answer.keep_unread(&mut tx, &before, &mut rows).await?;
    answer.meet_people(&mut tx).await?;
    let changed = replace(&mut tx, &before, &rows, cause(job)).await?;
    sources.remember_answered(&mut tx, &answer, &rows, cause(job)).await?;
    ask_again_after_a_hint(&mut tx, changed).await?;
    // Somebody has come or gone as was known before: nothing that was read is new, and yet it means another thing.
    if !changed && OnCall::next_handoff(&before, heard_at.unwrap_or(at)).is_some_and(|handoff| handoff <= at)
    {
        tx.enqueue(replan("a hand-off")).await?;
    }
    // An id that the answer names is known by now: the first read needs no list of schedules for those.
    let is_named = |id: &String| rows.iter().any(|row| row.schedule_id.as_ref() == Some(id));
    let is_in_doubt = sources.unknown.iter().any(|word| !is_named(word));
    if is_in_doubt || app.config.groups.iter().any(|g| g.all_members_handle.is_some()) {
        need_schedules(&mut tx).await?;
    }
    let last_handoff = before.iter().filter_map(|r| r.ends_at).filter(|end| *end <= at).max();
    let is_fresh = last_handoff.is_some_and(|end| at.since(end) < BEHIND_AT_MOST);
    if is_behind && is_fresh {
        let next_at = tx.now() + WHILE_BEHIND;
        tx.enqueue(Step::ReadOnCall.because("a hand-off").at(next_at)).await?;
    }
    arm(&mut tx, &rows).await?;
    done(app, job, Step::ReadOnCall, tx).await
}

/// Today and tomorrow, and who follows those whose shifts are longer: so that people can be told who is next, and the
/// rota goes on while PagerDuty is away.
pub(super) async fn read_ahead(app: &App, job: &Job) -> Result<Finished> {
    let Some(pagerduty) = &app.pagerduty else { return job.finish_bare(&app.db).await };
    let sources = sources(app).await?;
    let at = app.clock.now();
    let mut answer = ask(pagerduty, &sources, None, Some(at + READ_AHEAD), at).await?;
    let mut ends: BTreeMap<Timestamp, BTreeSet<String>> = BTreeMap::new();
    for row in answer.rows().iter().filter(|r| r.ends_at.is_some_and(|end| end >= at + READ_AHEAD)) {
        if let (Some(end), Some(id)) = (row.ends_at, &row.schedule_id) {
            ends.entry(end).or_default().insert(id.clone());
        }
    }
    for (end, schedules) in ends.into_iter().take(MOST_INSTANTS) {
        let following = Sources {
            policies: Vec::new(),
            schedules: schedules.into_iter().collect(),
            unused: Vec::new(),
            unknown: Vec::new(),
        };
        let next = ask(pagerduty, &following, Some(end), Some(end + Duration::from_secs(1)), at).await?;
        answer
            .rows
            .extend(next.rows.into_iter().filter(|row| row.starts_at.is_some_and(|start| start >= end)));
    }
    let mut tx = app.db.write(Turn::Job).await?;
    if is_overtaken(tx.read_time(Step::ReadOnCall).await?, at) {
        return again(job, tx, Step::ReadAhead).await;
    }
    let before = tx.oncall_rows().await?;
    answer.meet_people(&mut tx).await?;
    let mut rows = answer.rows();
    answer.keep_unread(&mut tx, &before, &mut rows).await?;
    replace(&mut tx, &before, &rows, cause(job)).await?;
    sources.remember_answered(&mut tx, &answer, &rows, cause(job)).await?;
    arm(&mut tx, &rows).await?;
    tx.remember_fact(Step::ReadOnCall.kind(), &serde_json::json!({})).await?;
    done(app, job, Step::ReadAhead, tx).await
}

/// Another read of the same rows was written while this one was asked: which of them is newer, nobody knows.
fn is_overtaken(written_at: Option<Timestamp>, asked_at: Timestamp) -> bool {
    written_at.is_some_and(|written_at| written_at > asked_at)
}

async fn again(job: &Job, mut tx: Tx, step: Step) -> Result<Finished> {
    tx.enqueue(step.because(cause(job))).await?;
    job.finish(tx).await
}

/// Which schedules there are. The first time when something needs it, then every hour.
pub(super) async fn read_schedules(app: &App, job: &Job) -> Result<Finished> {
    let Some(pagerduty) = &app.pagerduty else { return job.finish_bare(&app.db).await };
    let mut schedules = Vec::new();
    let with_whole_rota = app.config.groups.iter().filter(|g| g.all_members_handle.is_some());
    let in_whole: BTreeSet<&String> = with_whole_rota.flat_map(|g| &g.schedules).collect();
    for found in pagerduty.schedules().await? {
        let mut schedule = Schedule::from(found);
        if schedule.is_shift_based && (in_whole.contains(&schedule.id) || in_whole.contains(&schedule.name)) {
            schedule.people = pagerduty.members_of(&schedule.id).await?;
        }
        schedules.push(schedule);
    }
    let mut tx = app.db.write(Turn::Job).await?;
    let was: Option<Vec<Schedule>> = tx.fact("schedules").await?;
    if was.as_ref() != Some(&schedules) {
        tx.remember_fact("schedules", &schedules).await?;
        tx.enqueue(Step::ReadOnCall.because("the schedules changed")).await?;
        tx.enqueue(replan("the schedules changed")).await?;
    }
    done(app, job, Step::ReadSchedules, tx).await
}

/// Unless they were read before: then they come again in their time.
async fn need_schedules(tx: &mut Tx) -> Result<()> {
    if tx.read_time(Step::ReadSchedules).await?.is_none() {
        tx.enqueue(Step::ReadSchedules.because("a schedule is not known")).await?;
    }
    Ok(())
}

/// The next read comes shortly after somebody comes on or goes off call.
async fn arm(tx: &mut Tx, rows: &[OnCall]) -> Result<()> {
    if let Some(at) = OnCall::next_handoff(rows, tx.now()) {
        tx.enqueue(Step::ReadOnCall.because("a hand-off").at(at + AFTER_HANDOFF)).await?;
    }
    Ok(())
}

/// Who gives a hint knows of a change that PagerDuty may show a moment later: then it is asked again, until the next poll
/// would come anyway.
async fn ask_again_after_a_hint(tx: &mut Tx, changed: bool) -> Result<()> {
    let Some(hinted_at) = tx.fact::<Option<Timestamp>>(HINTED).await?.flatten() else { return Ok(()) };
    if changed {
        tx.remember_fact(HINTED, &None::<Timestamp>).await?;
    } else if tx.now().since(hinted_at) < AFTER_A_HINT {
        let next_at = tx.now() + WHILE_BEHIND;
        tx.enqueue(Step::ReadOnCall.because("a hint").at(next_at)).await?;
    }
    Ok(())
}

/// Writes what changed, policy by policy, and has the groups compared. Whether anything did.
async fn replace(tx: &mut Tx, before: &[OnCall], rows: &[OnCall], cause: &str) -> Result<bool> {
    let (was, is) = (by_policy(before), by_policy(rows));
    let mut changed = false;
    for id in was.keys().chain(is.keys()).collect::<BTreeSet<_>>() {
        if was.get(id) != is.get(id) {
            tx.replace_oncall(id, is.get(id).map(Vec::as_slice).unwrap_or_default()).await?;
            changed = true;
        }
    }
    if changed {
        tx.enqueue(replan(cause)).await?;
    }
    Ok(changed)
}

fn by_policy(rows: &[OnCall]) -> BTreeMap<&str, Vec<&OnCall>> {
    let mut policies: BTreeMap<&str, Vec<&OnCall>> = BTreeMap::new();
    for row in rows {
        policies.entry(&row.policy_id).or_default().push(row);
    }
    for rows in policies.values_mut() {
        rows.sort_by_key(|r| (r.level, r.starts_at, r.pagerduty_user_id.clone(), r.schedule_id.clone()));
    }
    policies
}

/// What PagerDuty answered.
struct Heard {
    rows: Vec<pagerduty::OnCall>,
    /// Schedules that it would not show.
    unread: Vec<String>,
}

async fn ask(
    pagerduty: &pagerduty::Client,
    sources: &Sources,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    at: Timestamp,
) -> Result<Heard> {
    let wanted = pagerduty::Filter { policy_ids: &sources.policies, schedule_ids: &sources.schedules };
    let mut heard = Heard { rows: pagerduty.oncalls(&wanted, since, until).await?, unread: Vec::new() };
    for schedule in &sources.unused {
        let from = since.unwrap_or(at);
        let asked =
            pagerduty.schedule_between(&schedule.id, schedule.is_shift_based, from, until.unwrap_or(from));
        let on_duty = match asked.await {
            Err(refused) if refused.code().is_some_and(|code| code.starts_with("400")) => None,
            other => other?,
        };
        let Some(on_duty) = on_duty else {
            heard.unread.push(schedule.id.clone());
            continue;
        };
        heard.rows.extend(on_duty.into_iter().map(|duty| pagerduty::OnCall {
            user_name: duty.user_id.to_string(),
            user_id: duty.user_id,
            email: None,
            policy_id: String::new(),
            policy_name: String::new(),
            schedule_id: Some(schedule.id.clone()),
            schedule_name: Some(schedule.name.clone()),
            is_v3: schedule.is_shift_based,
            level: 1,
            starts_at: duty.from,
            ends_at: duty.until,
        }));
    }
    Ok(heard)
}

impl Heard {
    fn rows(&self) -> Vec<OnCall> {
        self.rows.iter().cloned().map(OnCall::from).collect()
    }

    /// A schedule that was made over into one of the other kind is refused, and one that was deleted is not found: that must
    /// not keep the rest from being read, and is not nobody. What was known of it stays until the schedules are read anew.
    async fn keep_unread(&self, tx: &mut Tx, before: &[OnCall], rows: &mut Vec<OnCall>) -> Result<()> {
        if self.unread.is_empty() {
            return Ok(());
        }
        tracing::warn!(
            schedules = self.unread.join(" "),
            "PagerDuty does not show these schedules as they were; reading all schedules"
        );
        let is_unread = |row: &&OnCall| {
            row.policy_id.is_empty() && row.schedule_id.as_ref().is_some_and(|id| self.unread.contains(id))
        };
        let kept: Vec<OnCall> =
            before.iter().filter(is_unread).filter(|row| !rows.contains(row)).cloned().collect();
        rows.extend(kept);
        tx.enqueue(Step::ReadSchedules.because("a schedule is gone or of another kind now")).await?;
        Ok(())
    }

    /// Somebody whom the list of people does not have yet can be linked by what came along.
    async fn meet_people(&self, tx: &mut Tx) -> Result<()> {
        let known: BTreeSet<String> = tx.responder_ids().await?;
        let mut met = BTreeSet::new();
        let strangers = self.rows.iter().filter(|row| !known.contains(row.user_id.as_str()));
        for row in strangers.filter(|row| met.insert(row.user_id.clone())) {
            if row.email.is_some() {
                tx.meet_responder(&row.user_id, &row.user_name, row.email.as_deref()).await?;
            }
            // Their phone, their other addresses, or all of it.
            let soon = tx.now() + Duration::from_secs(30);
            tx.enqueue(Step::ReadResponders.because("somebody new is on call").at(soon)).await?;
        }
        Ok(())
    }
}
