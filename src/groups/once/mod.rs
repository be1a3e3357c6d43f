//! `firebell sync --once`: read, plan, write, end. It remembers nothing, so it needs no database and no job: beside the
//! `steps`, this is the only part of the feature that talks to the vendors.

mod people;
mod read;
mod write;

use std::time::Duration;

use super::model::{Plan, Target, Verdict, targets};
use super::remedy::remedy;
use crate::clock::Clock;
use crate::config::Config;
use crate::error::{Problem, Upstream};
use crate::oncall::Directory;
use crate::{pagerduty, slack};
use read::Seen;

/// Vendors that do not answer are asked again this often, a little later each time.
const MORE_ATTEMPTS: u32 = 2;
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// Who asks for a longer pause than this is not waited for: the next run is sooner.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);
/// Nor is one that asks for pauses again and again.
const MOST_PAUSES: u32 = 10;

/// What one run works with.
pub struct Once<'a> {
    pub config: &'a Config,
    pub clock: Clock,
    pub slack: slack::Client,
    pub pagerduty: pagerduty::Client,
    /// Hears what is being done, for somebody who waits.
    pub progress: &'a (dyn Fn(&str) + Sync),
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Look, and change nothing.
    pub dry_run: bool,
    /// Write even what looks like the wrong group.
    pub force: bool,
}

/// What a run found and did.
pub struct Report {
    pub people: Directory,
    /// As they are configured, companions last.
    pub groups: Vec<Outcome>,
}

pub struct Outcome {
    pub plan: Plan,
    pub end: End,
    /// Whom the configuration names and nobody is.
    pub strays: Vec<String>,
}

/// How a run left a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    InStep,
    /// Written; in a dry run, it would be.
    Changed {
        is_new: bool,
    },
    /// Left as it is, and that is as configured.
    Kept(String),
    /// Not in step: the sentence says why and what to do.
    Failed(String),
}

impl Once<'_> {
    /// Brings every configured group in step. Errs when nothing could be concluded at all; what went wrong with one group
    /// is in the report, and the others go on.
    pub async fn sync(&self, options: Options) -> Result<Report, Upstream> {
        (self.progress)("reading who is on call");
        let mut seen = read::read(self).await?;
        (self.progress)("looking for people in Slack");
        people::find(self, &mut seen).await?;
        let mut groups: Vec<Outcome> = targets(self.config)
            .into_iter()
            .map(|target| {
                let plan = seen.plan(target, options.force);
                let end = judge(&seen, target, &plan);
                Outcome { plan, end, strays: seen.strays(target) }
            })
            .collect();
        if !options.dry_run {
            write::write(self, &seen, &mut groups).await;
        }
        people::name_those_told_of(self, &mut seen, &groups).await;
        Ok(Report { people: seen.people, groups })
    }

    /// Makes a call that may be repeated: obeys pauses, and asks a silent vendor again.
    async fn patiently<T>(&self, call: impl AsyncFn() -> Result<T, Upstream>) -> Result<T, Upstream> {
        let (mut pauses, mut attempts) = (0, 0);
        loop {
            let answer = call().await;
            let Err(Upstream { service, problem, .. }) = &answer else { return answer };
            match problem {
                Problem::RateLimited { after } if *after <= LONGEST_PAUSE && pauses < MOST_PAUSES => {
                    pauses += 1;
                    (self.progress)(&format!("{service} asks for a pause of {} s", after.as_secs()));
                    self.clock.sleep(*after).await;
                }
                Problem::Unavailable { .. } if attempts < MORE_ATTEMPTS => {
                    attempts += 1;
                    (self.progress)(&format!("{service} does not answer, asking again"));
                    self.clock.sleep(FIRST_WAIT * attempts).await;
                }
                _ => return answer,
            }
        }
    }
}

/// What becomes of a plan, for somebody who remembers nothing.
fn judge(seen: &Seen, target: Target<'_>, plan: &Plan) -> End {
    // Whom a source that cannot be read named last, nobody knows here: what is left would take them out.
    if let Some(trouble) = seen.trouble(target) {
        return End::Failed(format!("{trouble}; the group stays as it was"));
    }
    let is_new = plan.group.is_none();
    match &plan.verdict {
        Verdict::InStep => End::InStep,
        Verdict::Write => End::Changed { is_new },
        Verdict::Blocked(_) if is_new && target.spec.create_missing && !plan.wanted.is_empty() => {
            End::Changed { is_new }
        }
        Verdict::Blocked(_) if is_new && target.spec.create_missing && plan.left_out.is_empty() => {
            End::Kept("nobody is on call: it is made when somebody is".to_owned())
        }
        Verdict::Kept(why) if plan.left_out.is_empty() => End::Kept(why.clone()),
        Verdict::Blocked(why) if is_new && target.spec.create_missing => {
            let why = plan.nobody.as_ref().unwrap_or(why);
            End::Failed(format!("{why}: the group is made when there is somebody for it"))
        }
        Verdict::Ask(_) => End::Failed(format!(
            "{} of the {} people in @{} would go: if it is the right group, run this once with --force",
            plan.removed().len(),
            plan.current.len(),
            plan.handle
        )),
        Verdict::Kept(why) | Verdict::Blocked(why) | Verdict::Unread(why) => End::Failed(why.clone()),
    }
}

/// Said of a group when a vendor refuses.
fn failed(group: &str, upstream: &Upstream) -> End {
    End::Failed(remedy(upstream, Some(group)))
}
