//! `firebell sync --once`, as a person with a terminal and as cron meet it: the real program against simulated vendors.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use firebell::app::Clients;
use firebell::clock::{Clock, Timestamp};
use firebell::config::Config;
use firebell::groups::once::{End, Once, Options};
use firebell::http_client::Observer;
use firebell::sim::desk::Fault;
use firebell::sim::pagerduty::PagerDuty;
use firebell::sim::scene::World;
use firebell::sim::slack::Slack;
use insta::assert_snapshot;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::{Run, run};

const HOUR: Duration = Duration::from_secs(3600);

/// Payments: Ana by a schedule, Ben by a policy's second level. Slack still says Cho and Ben.
pub struct Place {
    pub world: World,
    pub directory: TempDir,
}

const PAYMENTS: &str = r#"
[[group]]
handle = "@payments-oncall"
schedules = ["PSCHED1"]
escalation_policies = ["PEP0001:2"]
never = ["U0DEE"]
"#;

impl Place {
    pub async fn with(groups: &str) -> Self {
        let world = World::start(Clock::system()).await.expect("the world starts");
        let now = world.clock.now();
        let end = Timestamp::parse("2100-11-23T09:00:00Z").expect("a time");
        world.pagerduty.add_schedule("PSCHED1", "Payments primary", &[("PANA001", now - HOUR, end)]);
        world.pagerduty.add_escalation_policy("PEP0009", "Payments rota", &[&["PSCHED1"]]);
        world.slack.add_usergroup("S0PAY", "payments-oncall", &["U0BEN", "U0CHO"]);
        let place = Self { world, directory: tempfile::tempdir().expect("a directory") };
        place.configure(groups);
        place
    }

    fn configure(&self, groups: &str) {
        configure(&self.world, &self.directory, groups);
    }

    /// `firebell sync --once` with these flags too. No output may hold a secret.
    pub fn sync(&self, flags: &[&str]) -> Run {
        let before = self.world.desk.arrived();
        let arguments = [&["sync", "--once", "--config", "groups.toml"], flags].concat();
        let ran = tokio::task::block_in_place(|| run(self.directory.path(), &arguments));
        for secret in [Slack::BOT_TOKEN, PagerDuty::TOKEN] {
            assert!(!ran.out.contains(secret) && !ran.err.contains(secret), "{ran:?}");
        }
        let calls = self.world.desk.arrived() - before;
        assert!(
            !ran.out.contains("calls)") || ran.out.contains(&format!("({calls} calls)")),
            "{calls} {ran:?}"
        );
        assert_eq!(self.world.desk.unexpected(), Vec::<String>::new());
        ran
    }

    /// The calls that this run made.
    fn calls_of(&self, flags: &[&str]) -> Vec<String> {
        let before = self.world.desk.arrived();
        self.sync(flags);
        self.world.desk.calls()[before..].iter().map(|call| call.name.clone()).collect()
    }

    pub fn members(&self, group: &str) -> Vec<String> {
        self.world.slack.usergroup_named(group).expect("the group").members
    }

    pub fn json(&self, flags: &[&str]) -> (i32, Value) {
        let ran = self.sync(&[flags, &["--json"]].concat());
        (ran.code, serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {ran:?}")))
    }
}

fn follows(handle: &str, schedule: &str) -> String {
    format!("[[group]]\nhandle = '{handle}'\nschedules = ['{schedule}']\n")
}

fn configure(world: &World, directory: &TempDir, groups: &str) {
    let (slack, pagerduty) = (world.slack.api_url(), world.pagerduty.api_url());
    let (bot_token, token) = (Slack::BOT_TOKEN, PagerDuty::TOKEN);
    let head = format!(
        "[slack]\napi_url = '{slack}'\nbot_token = '{bot_token}'\n[pagerduty]\napi_url = '{pagerduty}'\ntoken = '{token}'\n"
    );
    let path = directory.path().join("groups.toml");
    fs::write(&path, head + groups).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("ours");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_explains_the_first_run_writes_and_the_second_only_looks() {
    let place = Place::with(PAYMENTS).await;
    let dry = place.sync(&["--dry-run"]);
    assert_eq!((dry.code, dry.err.as_str()), (2, ""));
    assert_snapshot!(dry.out, @"
    @payments-oncall  would be written: 1 added, 1 removed
      + Ana Example  Payments primary until Tue 23 Nov 09:00 UTC; level 1 of Payments
      - Cho Example
      = Ben Example  level 2 of Payments

    Dry run, nothing was changed: 1 group, 1 would be written (6 calls).
    ");
    assert_eq!(place.members("payments-oncall"), ["U0BEN", "U0CHO"]);

    let written = place.sync(&[]);
    assert_eq!((written.code, written.err.as_str()), (0, ""));
    assert_snapshot!(written.out, @"
    @payments-oncall  written: 1 added, 1 removed
      + Ana Example  Payments primary until Tue 23 Nov 09:00 UTC; level 1 of Payments
      - Cho Example

    1 group, 1 written (7 calls).
    ");
    assert_eq!(place.members("payments-oncall"), ["U0ANA", "U0BEN"]);

    let calls = place.calls_of(&[]);
    let look_ups = vec!["users.lookupByEmail"; 2];
    assert_eq!(calls, [vec!["GET /oncalls"; 2], vec!["usergroups.list"], look_ups].concat());
    let again = place.sync(&["--dry-run"]);
    assert_eq!((again.code, again.err.as_str()), (0, ""));
    assert_snapshot!(again.out, @"
    @payments-oncall  in step
      = Ana Example  Payments primary until Tue 23 Nov 09:00 UTC; level 1 of Payments
      = Ben Example  level 2 of Payments

    Dry run, nothing was changed: 1 group, 1 in step (5 calls).
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn machines_read_the_same_as_people() {
    let place = Place::with(PAYMENTS).await;
    let (code, dry) = place.json(&["--dry-run"]);
    assert_eq!(code, 2);
    let expected = json!({
        "dry_run": true,
        "calls": 6,
        "groups": [{
            "handle": "payments-oncall",
            "id": "S0PAY",
            "state": "would_change",
            "is_new": false,
            "problem": null,
            "added": [{
                "id": "U0ANA",
                "name": "Ana Example",
                "because": [
                    { "source": "Payments primary", "until": "2100-11-23T09:00:00Z" },
                    { "source": "level 1 of Payments", "until": null },
                ],
            }],
            "removed": [{ "id": "U0CHO", "name": "Cho Example", "because": [] }],
            "unchanged": [{
                "id": "U0BEN",
                "name": "Ben Example",
                "because": [{ "source": "level 2 of Payments", "until": null }],
            }],
            "left_out": [],
            "rings": "rota",
            "warnings": [],
        }],
    });
    assert_eq!(dry, expected);
    let (code, done) = place.json(&[]);
    assert_eq!((code, &done["dry_run"], &done["groups"][0]["state"]), (0, &json!(false), &json!("changed")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_looks_like_the_wrong_group_needs_force() {
    let place = Place::with(PAYMENTS).await;
    let everybody = ["U0BEN", "U0CHO", "U0DEE", "U0EVE"];
    place.world.slack.edit_usergroup("S0PAY", |g| g.members = everybody.map(str::to_owned).to_vec());
    let refused = place.sync(&[]);
    assert_eq!(refused.code, 1);
    assert_snapshot!(refused.err, @"firebell: @payments-oncall: 3 of the 4 people in @payments-oncall would go: if it is the right group, run this once with --force");
    assert_eq!(place.members("payments-oncall"), everybody);
    assert_eq!(place.sync(&["--force"]).code, 0);
    assert_eq!(place.members("payments-oncall"), ["U0ANA", "U0BEN"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_whom_slack_does_not_know_is_left_out_and_named() {
    let place = Place::with(PAYMENTS).await;
    let now = place.world.clock.now();
    place.world.pagerduty.add_user("PZOE001", "Zoe Example", "zoe@corp.example", None);
    place.world.pagerduty.add_override("PSCHED1", "PZOE001", now - HOUR, now + 24 * HOUR);
    place.world.slack.edit_user("U0BEN", |u| u.is_restricted = true);
    let written = place.sync(&[]);
    assert_eq!((written.code, written.err.as_str()), (0, ""));
    assert_snapshot!(written.out, @"
    @payments-oncall  written: 1 added, 2 removed
      + Ana Example  level 1 of Payments
      - Ben Example
      - Cho Example
      ! Ben Example is left out: guests cannot be in user groups; make them a full member of the workspace, or name somebody in always
      ! Zoe Example is left out: nobody in Slack has the address zoe@corp.example

    1 group, 1 written (10 calls).
    ");
    assert_eq!(place.members("payments-oncall"), ["U0ANA"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_failing_group_does_not_stop_the_others() {
    let groups = r#"
[[group]]
handle = "ghost"
schedules = ["PSCHED1"]
[[group]]
handle = "lost"
schedules = ["No such schedule", "PSCHED1"]
[[group]]
handle = "astray"
escalation_policies = ["PNOSUCH"]
[[group]]
handle = "asleep"
schedules = ["PSCHED1"]
[[group]]
handle = "gaps"
schedules = ["PGAPS"]
"#;
    let place = Place::with(&format!("{groups}{PAYMENTS}")).await;
    let (slack, now) = (&place.world.slack, place.world.clock.now());
    for handle in ["lost", "astray", "asleep", "gaps"] {
        slack.add_usergroup(&format!("S{}", handle.to_uppercase()), handle, &["U0EVE"]);
    }
    slack.edit_usergroup("SASLEEP", |g| g.disabled_at = Some(now));
    place.world.pagerduty.add_schedule("PGAPS", "Gaps", &[("PANA001", now + HOUR, now + 2 * HOUR)]);
    let ran = place.sync(&[]);
    assert_eq!(ran.code, 1);
    assert_snapshot!(ran.err, @r#"
    firebell: @ghost: Slack has no user group @ghost; make it, or set create_missing = true
    firebell: @lost: PagerDuty has no schedule "No such schedule"; mend the configuration; the group stays as it was
    firebell: @astray: PagerDuty has no escalation policy PNOSUCH; mend the configuration; the group stays as it was
    firebell: @asleep: the user group @asleep is disabled in Slack; enable it there
    "#);
    assert_snapshot!(ran.out, @r#"
    @ghost  ✗ Slack has no user group @ghost; make it, or set create_missing = true
    @lost  ✗ PagerDuty has no schedule "No such schedule"; mend the configuration; the group stays as it was
    @astray  ✗ PagerDuty has no escalation policy PNOSUCH; mend the configuration; the group stays as it was
      ! rings those who were in it: Eve Example
    @asleep  ✗ the user group @asleep is disabled in Slack; enable it there
    @gaps  nobody is on call, and Slack has no empty groups: it stays as it was
      ! rings those who were in it: Eve Example
    @payments-oncall  written: 1 added, 1 removed
      + Ana Example  Payments primary until Tue 23 Nov 09:00 UTC; level 1 of Payments
      - Cho Example

    6 groups, 1 written, 1 left as it was, 4 not in step (12 calls).
    "#);
    assert_eq!(place.members("lost"), ["U0EVE"]);
    assert_eq!(place.members("payments-oncall"), ["U0ANA", "U0BEN"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_say_what_to_do() {
    let place = Place::with(PAYMENTS).await;
    let (slack, pagerduty, desk) = (&place.world.slack, &place.world.pagerduty, &place.world.desk);
    slack.let_bots_edit_usergroups(false);
    assert_snapshot!(place.sync(&[]).err, @"firebell: @payments-oncall: Slack does not let Firebell change @payments-oncall: under Settings, Permissions, User Groups allow everyone, or set slack.user_token to an administrator's token");
    slack.let_bots_edit_usergroups(true);
    desk.next("usergroups.list", Fault::Refuse { code: "missing_scope".into() });
    assert_snapshot!(place.sync(&[]).err, @"firebell: the Slack token lacks a scope: add it to the app and install it again; nothing was changed");
    slack.let_workspace_have_usergroups(false);
    assert_snapshot!(place.sync(&[]).err, @"firebell: this Slack plan has no user groups: they need a paid plan; nothing was changed");
    slack.let_workspace_have_usergroups(true);
    desk.always("pagerduty", Fault::Unavailable { status: 503 });
    let away = place.sync(&["--json"]);
    assert_eq!(away.code, 1);
    assert_snapshot!(away.err, @"firebell: PagerDuty did not answer GET /oncalls (HTTP 503): run it again when it does; nothing was changed");
    assert_eq!(
        away.out,
        format!("{}\n", json!({ "error": away.err.trim_start_matches("firebell: ").trim(), "groups": [] }))
    );
    desk.heal("pagerduty");
    slack.revoke();
    assert_snapshot!(place.sync(&[]).err, @"firebell: Slack does not accept the token any more: reinstall the app and set slack.bot_token; nothing was changed");
    pagerduty.revoke_token();
    assert_snapshot!(place.sync(&[]).err, @"firebell: PagerDuty does not accept the token: set pagerduty.token to a REST API key that is valid (and, for a European account, pagerduty.api_url to https://api.eu.pagerduty.com); nothing was changed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vendor_that_asks_for_a_pause_gets_it() {
    let place = Place::with(PAYMENTS).await;
    let desk = &place.world.desk;
    desk.next("GET /oncalls", Fault::RateLimited { after_secs: 1 });
    desk.next("usergroups.users.update", Fault::RateLimited { after_secs: 2 });
    desk.next("usergroups.list", Fault::Reset);
    let ran = place.sync(&[]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(place.members("payments-oncall"), ["U0ANA", "U0BEN"]);
    let writes: Vec<_> = desk.calls().into_iter().filter(|c| c.name == "usergroups.users.update").collect();
    assert!(writes[1].at.since(writes[0].at) >= Duration::from_secs(2), "{writes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_groups_are_made_and_companions_hold_the_whole_rota() {
    let groups = r#"
[[group]]
handle = "rota-oncall"
schedules = ["Search rota"]
all_members_handle = "rota-all"
create_missing = true
always = ["dee@example.com"]
"#;
    let place = Place::with(groups).await;
    let now = place.world.clock.now();
    let shifts = [("PCHO001", now - HOUR, now + HOUR), ("PEVE001", now + HOUR, now + 2 * HOUR)];
    place.world.pagerduty.add_schedule("PSCHED2", "Search rota", &shifts);
    let dry = place.sync(&["--dry-run"]);
    assert_eq!(dry.code, 2);
    assert!(dry.out.contains("@rota-oncall  would be made and written: 2 added, 0 removed"), "{}", dry.out);
    let ran = place.sync(&[]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    assert_eq!(place.members("rota-oncall"), ["U0CHO", "U0DEE"]);
    assert_eq!(place.members("rota-all"), ["U0CHO", "U0DEE", "U0EVE"]);
    assert_eq!(place.sync(&["--dry-run"]).code, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_people_are_read_in_one_walk() {
    let place = Place::with("").await;
    let (slack, pagerduty, now) = (&place.world.slack, &place.world.pagerduty, place.world.clock.now());
    let mut groups = String::new();
    for n in 0..25 {
        let email = format!("p{n}@example.com");
        slack.add_user(&format!("U1P{n}"), &format!("p{n}"), &format!("P {n}"), &email);
        pagerduty.add_user(&format!("PPERS{n}"), &format!("P {n}"), &email, None);
        let (schedule, group) = (format!("PROTA{n}"), format!("team-{n}"));
        pagerduty.add_schedule(&schedule, &schedule, &[(&format!("PPERS{n}"), now - HOUR, now + HOUR)]);
        pagerduty.add_escalation_policy(&format!("PPOL{n}"), &schedule, &[&[&schedule]]);
        slack.add_usergroup(&format!("S1{n}"), &group, &[&format!("U1P{n}")]);
        groups.push_str(&follows(&group, &schedule));
    }
    place.configure(&groups);
    assert_eq!(place.calls_of(&[]), ["GET /oncalls", "usergroups.list", "users.list"]);
}

/// On a clock that runs fast: 25 groups differ, and Slack takes 20 a minute.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "lets the fast clock tick while the run waits")]
async fn the_latest_hand_offs_are_written_first_and_the_rest_wait_for_slacks_limit() {
    let clock = Clock::manual(Timestamp::parse("2026-11-21T10:00:00Z").expect("a time"));
    let world = World::start(clock.clone()).await.expect("the world starts");
    let (directory, began) = (tempfile::tempdir().expect("a directory"), clock.now());
    let mut groups = String::new();
    for n in 0..25_u32 {
        let (schedule, handle) = (format!("PROTA{n}"), format!("team-{n}"));
        let shift = ("PANA001", began - HOUR * (n + 1), began + HOUR * 100);
        world.pagerduty.add_schedule(&schedule, &schedule, &[shift]);
        world.pagerduty.add_escalation_policy(&format!("PPOL{n}"), &schedule, &[&[&schedule]]);
        world.slack.add_usergroup(&format!("S1{n}"), &handle, &["U0BEN"]);
        groups.push_str(&follows(&handle, &schedule));
    }
    world.slack.enforce_tiers(true);
    configure(&world, &directory, &groups);
    let path = directory.path().join("groups.toml");
    let (config, _) = Config::load_for_sync(Some(&path), []).unwrap_or_else(|p| panic!("{p}"));
    let nobody: Observer = std::sync::Arc::new(|_, _, _, _| {});
    let Clients { slack, pagerduty, .. } = Clients::new(&config, &clock, nobody);
    let pagerduty = pagerduty.expect("configured");
    let once = Once { config: &config, clock: clock.clone(), slack, pagerduty, progress: &|_| {} };
    let ticking = async {
        loop {
            clock.advance(Duration::from_millis(100));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let report = tokio::select! {
        report = once.sync(Options::default()) => report.expect("it comes to its end"),
        () = ticking => unreachable!("it ticks for ever"),
    };
    assert!(report.groups.iter().all(|group| group.end == End::Changed { is_new: false }));
    let written_at: Vec<Timestamp> =
        (0..25).map(|n| world.slack.usergroup(&format!("S1{n}")).expect("the group").updated_at).collect();
    assert!(written_at.is_sorted(), "{written_at:?}");
    let minute = Duration::from_secs(60);
    assert!(written_at[20].since(written_at[0]) >= minute && written_at[19].since(written_at[0]) < minute);
    assert_eq!(world.desk.count("usergroups.users.update"), 25, "and none is refused");
}

#[test]
fn without_a_group_or_once_it_says_what_to_write() {
    let here = tempfile::tempdir().expect("a directory");
    let path = here.path().join("groups.toml");
    fs::write(&path, "[slack]\nbot_token = 'xoxb-1'\n").expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("ours");
    let empty = run(here.path(), &["sync", "--once", "--config", "groups.toml"]);
    assert_eq!(empty.code, 3, "2 says that something would change");
    assert_snapshot!(empty.err, @"firebell: the configuration has no [[group]]; `firebell sync --help` shows one");
    let forever = run(here.path(), &["sync"]);
    assert_eq!(forever.code, 3);
    let wrong = run(here.path(), &["sync", "--once", "--config", "nowhere.toml"]);
    assert_eq!(wrong.code, 3, "{wrong:?}");
    assert_eq!(run(here.path(), &["sync", "--help"]).code, 0);
    assert!(forever.err.contains("--once"), "{}", forever.err);
}
