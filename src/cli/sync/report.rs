//! What a run of `firebell sync --once` found and did, for people and for machines.

use std::fmt::Write as _;

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::groups::model::{Because, Instead, Verdict};
use crate::groups::once::{End, Options, Outcome, Report};
use crate::ids::SlackUserId;
use crate::oncall::Directory;

/// Colours, or none.
#[derive(Clone, Copy)]
pub(super) struct Paint {
    pub is_on: bool,
}

impl Paint {
    fn dye(self, colour: &str, text: &str) -> String {
        if self.is_on { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn green(self, text: &str) -> String {
        self.dye("32", text)
    }

    fn red(self, text: &str) -> String {
        self.dye("31", text)
    }

    fn yellow(self, text: &str) -> String {
        self.dye("33", text)
    }

    fn dim(self, text: &str) -> String {
        self.dye("2", text)
    }

    fn bold(self, text: &str) -> String {
        self.dye("1", text)
    }
}

/// A dry run shows every group; a real one those that have something to say.
pub(super) fn as_text(
    report: &Report,
    options: Options,
    calls: usize,
    paint: Paint,
    zone: &TimeZone,
) -> String {
    let has_news = |g: &&Outcome| {
        options.dry_run
            || !matches!(g.end, End::InStep)
            || !g.plan.left_out.is_empty()
            || !g.plan.partial.is_empty()
            || !g.strays.is_empty()
    };
    let mut text = String::new();
    for group in report.groups.iter().filter(has_news) {
        text += &of_group(&report.people, group, options, paint, zone);
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text + &summary(report, options, calls)
}

fn of_group(people: &Directory, group: &Outcome, options: Options, paint: Paint, zone: &TimeZone) -> String {
    let plan = &group.plan;
    let state = match &group.end {
        End::InStep => paint.dim("in step"),
        End::Changed { is_new } => {
            let (added, removed) = (plan.added().len(), plan.removed().len());
            let verb = match (options.dry_run, is_new) {
                (true, true) => "would be made and written",
                (true, false) => "would be written",
                (false, true) => "made and written",
                (false, false) => "written",
            };
            paint.bold(&format!("{verb}: {added} added, {removed} removed"))
        }
        End::Kept(why) => paint.yellow(why),
        End::Failed(why) => paint.red(&format!("✗ {why}")),
    };
    let mut text = format!("{}  {state}\n", paint.bold(&format!("@{}", plan.handle)));
    let reasons = |user: &SlackUserId| {
        let why = plan.because.get(user).map(|all| all.iter().map(|b| reason(b, zone)).collect::<Vec<_>>());
        why.unwrap_or_else(|| vec!["in it already".to_owned()]).join("; ")
    };
    let width = plan.wanted.iter().map(|user| people.name_of(user).chars().count()).max().unwrap_or(0);
    let mut line = |sign: String, name: &str, why: &str| {
        let _ = writeln!(text, "{}", format!("  {sign} {name:width$}  {}", paint.dim(why)).trim_end());
    };
    let is_asked = options.dry_run && matches!(plan.verdict, Verdict::Ask(_));
    let is_written = is_asked || matches!(group.end, End::Changed { .. });
    for user in plan.wanted.iter().filter(|user| is_written && !plan.current.contains(*user)) {
        line(paint.green("+"), &people.name_of(user), &reasons(user));
    }
    for user in plan.removed().into_iter().filter(|_| is_written) {
        line(paint.red("-"), &people.name_of(user), "");
    }
    let is_shown = options.dry_run && (is_written || matches!(group.end, End::InStep));
    for user in plan.wanted.intersection(&plan.current).filter(|_| is_shown) {
        line(paint.dim("="), &people.name_of(user), &reasons(user));
    }
    let left_out = plan.left_out.iter().map(|out| format!("{} is left out: {}", out.name, out.why));
    // What keeps the whole group from being written was said above.
    let is_said = matches!(group.end, End::Failed(_) | End::Kept(_));
    let instead = plan.instead().filter(|instead| is_said || matches!(instead, Instead::Fallback(_)));
    let instead = instead.map(|instead| {
        let names: Vec<String> = instead.whom().iter().map(|user| people.name_of(user)).collect();
        format!("{}: {}", instead.said(), names.join(", "))
    });
    let notes = left_out.chain(plan.partial.iter().filter(|_| !is_said).cloned());
    let notes = notes.chain(instead).chain(group.strays.iter().cloned());
    for note in notes {
        let _ = writeln!(text, "  {} {note}", paint.yellow("!"));
    }
    text
}

/// `Payments primary until Mon 23 Nov 09:00 UTC`.
fn reason(because: &Because, zone: &TimeZone) -> String {
    let until =
        because.until.map(|at| at.to_jiff().to_zoned(zone.clone()).strftime(" until %a %-d %b %H:%M %Z"));
    format!("{}{}", because.source, until.map(|u| u.to_string()).unwrap_or_default())
}

fn summary(report: &Report, options: Options, calls: usize) -> String {
    let count = |is: fn(&End) -> bool| report.groups.iter().filter(|g| is(&g.end)).count();
    let changed = count(|end| matches!(end, End::Changed { .. }));
    let parts = [
        (changed, if options.dry_run { "would be written" } else { "written" }),
        (count(|end| *end == End::InStep), "in step"),
        (count(|end| matches!(end, End::Kept(_))), "left as it was"),
        (count(|end| matches!(end, End::Failed(_))), "not in step"),
    ];
    let parts: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    let all = report.groups.len();
    let head = if options.dry_run { "Dry run, nothing was changed: " } else { "" };
    let (s, calls_s) = (if all == 1 { "" } else { "s" }, if calls == 1 { "" } else { "s" });
    format!("{head}{all} group{s}, {} ({calls} call{calls_s}).", parts.join(", "))
}

pub(super) fn as_json(report: &Report, options: Options, calls: usize) -> Value {
    let groups: Vec<Value> =
        report.groups.iter().map(|group| group_json(&report.people, group, options)).collect();
    json!({ "dry_run": options.dry_run, "calls": calls, "groups": groups })
}

fn group_json(people: &Directory, group: &Outcome, options: Options) -> Value {
    let plan = &group.plan;
    let (state, problem) = match &group.end {
        End::InStep => ("in_step", None),
        End::Changed { .. } if options.dry_run => ("would_change", None),
        End::Changed { .. } => ("changed", None),
        End::Kept(why) => ("kept", Some(why)),
        End::Failed(why) => ("failed", Some(why)),
    };
    let person = |user: &SlackUserId| {
        let name = people.member(user).map(|m| m.called().to_owned());
        let why = plan.because.get(user).into_iter().flatten();
        let why: Vec<Value> = why.map(|b| json!({ "source": b.source, "until": b.until })).collect();
        json!({ "id": user, "name": name, "because": why })
    };
    let left_out = plan.left_out.iter();
    let left_out: Vec<Value> = left_out
        .map(|out| json!({ "pagerduty_id": out.responder, "name": out.name, "why": out.why, "unmapped": out.is_unmapped }))
        .collect();
    json!({
        "handle": plan.handle,
        "id": plan.group,
        "state": state,
        "is_new": matches!(group.end, End::Changed { is_new: true }),
        "problem": problem,
        "added": plan.added().into_iter().map(person).collect::<Vec<_>>(),
        "removed": plan.removed().into_iter().map(person).collect::<Vec<_>>(),
        "unchanged": plan.wanted.intersection(&plan.current).map(person).collect::<Vec<_>>(),
        "left_out": left_out,
        "rings": match plan.instead() {
            None => "rota",
            Some(Instead::Fallback(_)) => "fallback",
            Some(Instead::AsBefore(_)) => "as_before",
        },
        "warnings": plan.partial.iter().chain(&group.strays).collect::<Vec<_>>(),
    })
}
