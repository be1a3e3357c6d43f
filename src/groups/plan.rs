//! From what is known to what a group should hold. Pure: the server, `firebell sync --once` and the tests all plan here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use super::model::{Because, LeftOut, Memory, Plan, Target, Verdict};
use crate::clock::Timestamp;
use crate::config::{Mode, WhenEmpty, Who};
use crate::ids::{PagerDutyUserId, SlackUserId};
use crate::oncall::{Directory, Member, OnCall};

/// How the reason of those begins who are in a group because nobody on call is.
pub const FALLBACK: &str = "the fallback, because ";

/// How the problem ends of a group that is no trouble so far.
pub const ABOUT_TO_BE_MADE: &str = ": it is about to be made";

/// So many people whom others put into a group may go without a question, or half of it if that is more.
const MOST_STRANGERS: usize = 2;

/// What is known, arranged for planning many groups at once.
pub struct Rota<'a> {
    people: &'a Directory,
    team_id: &'a str,
    at: Timestamp,
    /// Made when somebody is looked for who is not linked.
    by_email: OnceLock<BTreeMap<String, &'a Member>>,
}

/// One source's people, each with the reason.
type Named = Vec<(PagerDutyUserId, String, Because)>;

/// A source as it is configured, whom it names, and what is wrong with the answer or why there is none.
type Sourced = (String, Result<(Named, Option<String>), NoAnswer>);

/// Why a source names nobody, in a sentence.
enum NoAnswer {
    /// It was never asked so far.
    Unread(String),
    /// There is no such thing.
    Missing(String),
    /// PagerDuty has nothing to say about it.
    Silent(String),
}

/// What came of the sources, beside those who are in the group because of them.
#[derive(Default)]
struct Gathered {
    /// On call, and in `never`.
    barred: BTreeSet<String>,
    /// A source that was never read.
    unread: Option<String>,
    /// Of some source nobody knows whom it names, or named last.
    is_part: bool,
}

impl<'a> Rota<'a> {
    pub fn new(people: &'a Directory, team_id: &'a str, at: Timestamp) -> Self {
        Self { people, team_id, at, by_email: OnceLock::new() }
    }

    /// Somebody by their address; of several, one who can be in groups.
    fn by_email(&self, address: &str) -> Option<&'a Member> {
        let by_email = self.by_email.get_or_init(|| {
            let with_address = |m: &'a Member| Some((m.email.as_ref()?.to_lowercase(), m));
            let mut all: Vec<_> = self.people.members.values().filter_map(with_address).collect();
            all.sort_by_key(|(_, member)| member.is_full(self.team_id)); // the last one stays
            all.into_iter().collect()
        });
        by_email.get(&address.to_lowercase()).copied()
    }

    /// What this group should hold. `memory` is what earlier plans left behind.
    pub fn plan(&self, target: Target<'_>, memory: &Memory) -> Plan {
        let mut plan = Plan {
            handle: target.handle.to_owned(),
            group: None,
            current: BTreeSet::new(),
            wanted: BTreeSet::new(),
            because: BTreeMap::new(),
            left_out: Vec::new(),
            partial: Vec::new(),
            good: BTreeMap::new(),
            nobody: None,
            hold: None,
            verdict: Verdict::InStep,
        };
        // One whose handle was changed is still the one that we know.
        let known = || self.people.groups.iter().find(|g| Some(&g.id) == memory.group.as_ref());
        let group = self.people.group(target.handle).or_else(known);
        if let Some(group) = group {
            plan.group = Some(group.id.clone());
            plan.current = group.members.0.iter().cloned().collect();
        }
        let (never, _) = self.people.expand(&target.spec.never);
        let gathered = self.gather(target, memory, &never, &mut plan);
        plan.nobody = plan.because.is_empty().then(|| why_nobody(&plan, &gathered));
        if let Some(why) = plan.nobody.clone().filter(|_| !gathered.is_part)
            && target.spec.when_empty == WhenEmpty::Fallback
        {
            self.add_fixed(&target.spec.fallback, &never, &format!("{FALLBACK}{why}"), &mut plan);
        }
        let nobody = plan.nobody.clone().filter(|_| plan.because.is_empty());
        self.add_fixed(&target.spec.always, &never, "always", &mut plan);
        plan.wanted = plan.because.keys().cloned().collect();
        let is_additive = target.spec.mode == Mode::Additive;
        // With nobody on call and no fallback, those who are always in it do not make up for the missing ones: the last
        // ones stay beside them.
        if is_additive || (nobody.is_some() && !plan.wanted.is_empty()) {
            plan.wanted.extend(plan.current.iter().cloned());
        }
        if is_additive {
            plan.wanted.extend(memory.in_doubt.iter().flatten().cloned());
        }
        plan.wanted.retain(|user| !never.contains(user));
        plan.hold = memory.hold.clone().filter(|hold| hold.instead_of.iter().eq(plan.because.keys()));
        if let Some(hold) = &plan.hold {
            plan.wanted.clone_from(&hold.members);
        }
        plan.verdict = match group {
            None if target.spec.create_missing => {
                Verdict::Blocked(format!("Slack has no user group @{} yet{ABOUT_TO_BE_MADE}", target.handle))
            }
            None => Verdict::Blocked(format!(
                "Slack has no user group @{}; make it, or set create_missing = true",
                target.handle
            )),
            Some(group) if !group.handle.eq_ignore_ascii_case(target.handle) => Verdict::Blocked(format!(
                "the user group @{} is called @{} now; change its handle back, or in the configuration",
                target.handle, group.handle
            )),
            Some(group) if group.is_disabled => Verdict::Blocked(format!(
                "the user group @{} is disabled in Slack; enable it there",
                target.handle
            )),
            Some(_) => verdict(&plan, memory, nobody.as_deref()),
        };
        if let (Verdict::Write, Some(why)) = (&plan.verdict, nobody)
            && !plan.partial.contains(&why)
        {
            plan.partial.push(why); // written, it will not be in step
        }
        if let Some(why) = gathered.unread {
            plan.verdict = Verdict::Unread(why);
        }
        plan
    }

    /// Everybody whom the sources name, as far as Slack knows them.
    fn gather(
        &self,
        target: Target<'_>,
        memory: &Memory,
        never: &BTreeSet<SlackUserId>,
        plan: &mut Plan,
    ) -> Gathered {
        let mut gathered = Gathered::default();
        let mut left_out: BTreeMap<PagerDutyUserId, LeftOut> = BTreeMap::new();
        for (source, named) in self.sources(target) {
            let named = match named {
                Ok((named, trouble)) => {
                    plan.partial.extend(trouble);
                    named
                }
                Err(NoAnswer::Unread(trouble)) => {
                    gathered.unread.get_or_insert(trouble);
                    continue;
                }
                Err(NoAnswer::Missing(trouble)) if !memory.good.contains_key(&source) => {
                    plan.partial.push(trouble);
                    gathered.is_part = true;
                    continue;
                }
                Err(NoAnswer::Missing(trouble) | NoAnswer::Silent(trouble)) => {
                    plan.partial.push(trouble);
                    self.last_good(&source, memory)
                }
            };
            let ids: BTreeSet<PagerDutyUserId> = named.iter().map(|(id, ..)| id.clone()).collect();
            plan.good.insert(source, ids.into_iter().collect());
            for (id, name, because) in named {
                match self.slack_account(&id) {
                    Ok(user) if never.contains(&user) => {
                        gathered.barred.insert(name);
                    }
                    Ok(user) => plan.because.entry(user).or_default().push(because),
                    Err((why, is_unmapped)) => {
                        let out = LeftOut { responder: id.clone(), name, why, is_unmapped };
                        left_out.entry(id).or_insert(out);
                    }
                }
            }
        }
        plan.left_out = left_out.into_values().collect();
        gathered
    }

    fn sources<'b>(&self, target: Target<'b>) -> Vec<Sourced>
    where
        'a: 'b,
    {
        let spec = target.spec;
        let schedules = spec.schedules.iter().map(|word| {
            let named = match self.people.schedule_id(word) {
                Ok(id) if target.is_whole_rota => self.whole_rota(id),
                Ok(id) if self.people.is_schedule_answered(id) => Ok(self.on_schedule(id)),
                Ok(_) => Err(NoAnswer::Unread(format!("the schedule {word:?} was not read yet"))),
                Err(trouble) => Err(self.no_schedule(trouble)),
            };
            (word.clone(), named)
        });
        let policies = spec.policies.iter().map(|p| {
            let up_to = p.up_to.unwrap_or(i64::MAX);
            let rows: Vec<&OnCall> = self.people.oncall.of_policy(&p.id).collect();
            let named = match rows.as_slice() {
                [] if !self.people.is_policy_answered(&p.id) => {
                    Err(NoAnswer::Unread(format!("the escalation policy {} was not read yet", p.id)))
                }
                [] => Err(NoAnswer::Silent(format!(
                    "PagerDuty names nobody for the escalation policy {}; is the id right?",
                    p.id
                ))),
                rows if target.is_whole_rota => self.whole_policy(rows, up_to),
                rows => Ok(self.named(rows.iter().copied().filter(|row| row.level <= up_to), |row| {
                    format!("level {} of {}", row.level, row.policy_name)
                })),
            };
            (p.to_string(), named)
        });
        schedules.chain(policies).collect()
    }

    fn on_schedule(&self, id: &str) -> (Named, Option<String>) {
        self.named(self.people.oncall.of_schedule(id), |row| {
            row.schedule_name.clone().unwrap_or_else(|| id.to_owned())
        })
    }

    /// Who holds these rows now, each person once a source; and the trouble, if it is an old answer.
    fn named<'r>(
        &self,
        rows: impl Iterator<Item = &'r OnCall>,
        source: impl Fn(&OnCall) -> String,
    ) -> (Named, Option<String>)
    where
        'a: 'r,
    {
        let standing = self.people.standing(rows, self.at);
        let mut named: Named = Vec::new();
        for row in standing.rows {
            let because = Because {
                responder: Some(row.pagerduty_user_id.clone()),
                source: source(row),
                schedule_id: row.schedule_id.clone(),
                since: row.starts_at,
                until: row.ends_at,
            };
            if !named.iter().any(|(id, _, b)| *id == row.pagerduty_user_id && b.source == because.source) {
                named.push((row.pagerduty_user_id.clone(), row.user_name.clone(), because));
            }
        }
        let trouble = "PagerDuty does not answer: the last known people stay".to_owned();
        (named, standing.is_stale.then_some(trouble))
    }

    /// Until all of them were listed, one that is not known may be there.
    fn no_schedule(&self, trouble: String) -> NoAnswer {
        if self.people.knows_schedules() { NoAnswer::Missing(trouble) } else { NoAnswer::Unread(trouble) }
    }

    fn whole_rota(&self, id: &str) -> Result<(Named, Option<String>), NoAnswer> {
        let schedule = self.people.schedule(id);
        let schedule =
            schedule.ok_or_else(|| self.no_schedule(format!("the schedule {id:?} was not read yet")))?;
        let each = |person: &PagerDutyUserId| {
            let because = Because {
                responder: Some(person.clone()),
                source: format!("in the rota of {}", schedule.name),
                schedule_id: Some(id.to_owned()),
                since: None,
                until: None,
            };
            (
                person.clone(),
                self.people.responder_name(person).unwrap_or(person.as_str()).to_owned(),
                because,
            )
        };
        Ok((schedule.people.iter().map(each).collect(), None))
    }

    /// Everybody in the schedules of a policy, and those whom it names directly.
    fn whole_policy(&self, rows: &[&OnCall], up_to: i64) -> Result<(Named, Option<String>), NoAnswer> {
        let rows = || rows.iter().copied().filter(|row| row.level <= up_to);
        let (mut named, trouble) = self.named(rows().filter(|row| row.schedule_id.is_none()), |row| {
            format!("level {} of {}", row.level, row.policy_name)
        });
        let schedules: BTreeSet<&str> = rows().filter_map(|row| row.schedule_id.as_deref()).collect();
        for id in schedules {
            named.extend(self.whole_rota(id)?.0);
        }
        Ok((named, trouble))
    }

    fn last_good(&self, source: &str, memory: &Memory) -> Named {
        let people = memory.good.get(source).map(Vec::as_slice).unwrap_or_default();
        let each = |id: &PagerDutyUserId| {
            let because = Because {
                responder: Some(id.clone()),
                source: format!("{source}, as it was last read"),
                schedule_id: None,
                since: None,
                until: None,
            };
            (id.clone(), self.people.responder_name(id).unwrap_or(id.as_str()).to_owned(), because)
        };
        people.iter().map(each).collect()
    }

    /// Those whom the configuration names, but for those who are never in the group. Who cannot be found or cannot be in a
    /// group keeps nobody else out of it: `strays` tells of them.
    fn add_fixed(&self, whom: &[Who], never: &BTreeSet<SlackUserId>, source: &str, plan: &mut Plan) {
        let (people, _) = self.people.expand(whom);
        let is_full = |user: &SlackUserId| self.people.member(user).is_some_and(|m| m.is_full(self.team_id));
        for user in people.into_iter().filter(|user| !never.contains(user) && is_full(user)) {
            let because = Because {
                responder: None,
                source: source.to_owned(),
                schedule_id: None,
                since: None,
                until: None,
            };
            plan.because.entry(user).or_default().push(because);
        }
    }

    /// The Slack account of a PagerDuty user; or why there is none that may be in a group, and whether a link would help.
    fn slack_account(&self, id: &PagerDutyUserId) -> Result<SlackUserId, (String, bool)> {
        if let Some(user) = self.people.slack_of(id) {
            return match self.people.member(user) {
                Some(member) => self.fit(member),
                None => Err(("their linked Slack account is not known".to_owned(), true)),
            };
        }
        let emails = self.people.responders.get(id).map(|r| r.emails.0.as_slice()).unwrap_or_default();
        let mut found: Vec<&Member> = emails.iter().filter_map(|email| self.by_email(email)).collect();
        found.sort_by_key(|member| !member.is_full(self.team_id));
        if let Some(member) = found.first() {
            return self.fit(member);
        }
        Err(match emails {
            [] => ("PagerDuty shows no e-mail address of theirs".to_owned(), true),
            [one] => (format!("nobody in Slack has the address {one}"), true),
            several => (format!("nobody in Slack has one of the addresses {}", several.join(", ")), true),
        })
    }

    fn fit(&self, member: &Member) -> Result<SlackUserId, (String, bool)> {
        match unfit(member, self.team_id) {
            None => Ok(member.id.clone()),
            Some(why) => Err((why.to_owned(), false)),
        }
    }
}

/// Why this account cannot be in a user group, and what helps.
pub fn unfit(member: &Member, team_id: &str) -> Option<&'static str> {
    match member {
        m if m.is_full(team_id) => None,
        m if m.is_deleted => Some("the Slack account is deactivated"),
        m if m.is_bot => Some("bots are not put into user groups"),
        m if m.is_guest => Some(
            "guests cannot be in user groups; make them a full member of the workspace, or name somebody in always",
        ),
        _ => Some("people of other workspaces cannot be in user groups"),
    }
}

/// Why nobody is in the group because of a rota.
fn why_nobody(plan: &Plan, gathered: &Gathered) -> String {
    let out = plan.left_out.iter().map(|out| out.name.clone());
    let names: Vec<String> = out.chain(gathered.barred.iter().map(|name| format!("{name}: never"))).collect();
    match plan.partial.first() {
        _ if !names.is_empty() => format!("nobody who is on call can be in it ({})", names.join(", ")),
        Some(trouble) => trouble.clone(),
        None => "nobody is on call".to_owned(),
    }
}

/// For a group that can be written; `nobody` says why no rota and no fallback has anybody for it.
fn verdict(plan: &Plan, memory: &Memory, nobody: Option<&str>) -> Verdict {
    // Before a write is answered, nobody knows which list Slack holds.
    let is_there = plan.wanted == plan.current && memory.in_doubt.is_none();
    if plan.hold.is_some() {
        // Somebody has looked at it: no guard knows better.
        return if is_there { Verdict::InStep } else { Verdict::Write };
    }
    match nobody {
        Some(why) if plan.wanted.is_empty() => {
            return Verdict::Kept(format!("{why}, and Slack has no empty groups: it stays as it was"));
        }
        Some(why) if is_there => return Verdict::Kept(format!("{why}: those who were in it stay")),
        None if is_there => return Verdict::InStep,
        _ => {}
    }
    let removed = plan.removed();
    let strangers = removed.iter().filter(|user| !memory.ours.contains(**user)).count();
    if strangers > MOST_STRANGERS.max(plan.current.len() / 2) && !memory.approved {
        return Verdict::Ask(format!(
            "{strangers} of the {} people in @{} would go, and Firebell never put them there: is it the right group?",
            plan.current.len(),
            plan.handle
        ));
    }
    Verdict::Write
}
