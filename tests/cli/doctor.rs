//! `firebell doctor`: the real program looks at simulated vendors on which nothing, or a lot, is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use firebell::clock::{Clock, Timestamp};
use firebell::groups::model::{LeftOut, Standing, State};
use firebell::ids::{PagerDutyUserId, UserGroupId};
use firebell::sim::pagerduty::PagerDuty;
use firebell::sim::scene::World;
use firebell::sim::slack::Slack;
use firebell::sim::statuspage::Statuspage;
use firebell::store::{Db, Json, Priority};
use insta::assert_snapshot;
use serde_json::Value;
use tempfile::TempDir;

use super::two_jobs;
use crate::process::{Run, run};

const GROUPS: &str = r#"
[[group]]
handle = "payments-oncall"
schedules = ["Payments primary"]
escalation_policies = ["PEP0001:2"]
"#;

pub(super) struct Place {
    pub(super) world: World,
    pub(super) directory: TempDir,
}

impl Place {
    /// Payments has a schedule and a group; the rest is what the standard world has.
    pub(super) async fn with(groups: &str) -> Self {
        let world = World::start(Clock::system()).await.expect("the world starts");
        let (now, hour) = (world.clock.now(), Duration::from_secs(3600));
        world.pagerduty.add_schedule("PSCHED1", "Payments primary", &[("PANA001", now - hour, now + hour)]);
        world.pagerduty.add_escalation_policy("PEP0009", "Payments rota", &[&["PSCHED1"]]);
        world.slack.add_usergroup("S0PAY", "payments-oncall", &["U0ANA"]);
        let place = Self { world, directory: tempfile::tempdir().expect("a directory") };
        place.configure(&(place.world.firebell_toml("sqlite://firebell.db", "127.0.0.1:0") + groups));
        place
    }

    pub(super) fn configure(&self, text: &str) {
        let path = self.directory.path().join("firebell.toml");
        fs::write(&path, text).expect("written");
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("ours");
    }

    pub(super) fn run(&self, arguments: &[&str]) -> Run {
        tokio::task::block_in_place(|| run(self.directory.path(), arguments))
    }

    pub(super) fn doctor(&self) -> Run {
        let found = self.run(&["doctor"]);
        for secret in [Slack::BOT_TOKEN, Slack::SIGNING_SECRET, PagerDuty::TOKEN, Statuspage::API_KEY] {
            assert!(!found.out.contains(secret) && !found.err.contains(secret), "{found:?}");
        }
        assert_eq!(found.err, "");
        assert_eq!(self.world.desk.unexpected(), Vec::<String>::new());
        found
    }

    /// What is wrong or odd.
    fn troubles(&self) -> String {
        let found = self.doctor();
        let lines: Vec<&str> = found.out.lines().filter(|line| !line.starts_with('✓')).collect();
        lines.join("\n")
    }

    async fn database(&self) -> Db {
        let path = self.directory.path().join("firebell.db");
        Db::open(&format!("sqlite://{}", path.display()), Clock::system()).await.expect("it opens")
    }
}

/// What a server remembers of a group that has another handle in Slack by now.
fn renamed(now: Timestamp) -> State {
    State {
        handle: "renamed".into(),
        group_id: Some(UserGroupId::new("SOTHER-NAME")),
        standing: Standing::InStep,
        problem: None,
        wanted: Json(BTreeSet::new()),
        because: Json(BTreeMap::new()),
        left_out: Json(Vec::new()),
        partial: Json(Vec::new()),
        good: Json(BTreeMap::new()),
        ours: Json(BTreeSet::new()),
        is_approved: false,
        cause: "at the start".into(),
        changed_at: now,
        handed_over_at: now,
        planned_at: now,
        in_step_at: None,
        written_at: None,
        edited_by: None,
        repaired_at: None,
        hold: None,
        in_doubt: None,
        version: 0,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_all_is_well_each_line_says_so() {
    let place = Place::with(GROUPS).await;
    assert_eq!(place.run(&["migrate"]).code, 0);
    let well = place.doctor();
    assert_eq!(well.code, 0, "{}", well.out);
    assert_snapshot!(well.out, @"
    ✓ configuration              firebell.toml
    ✓ database                   sqlite://firebell.db
    ✓ Slack token                opens https://firebell-demo.slack.com/ as U0FIREBELL
    ✓ clock                      agrees with Slack's
    ✓ PagerDuty token            is accepted
    ✓ pagerduty.from_email       firebell@example.com is Firebell
    ✓ service payments           payments-api (PSVC001)
    ✓ service search             search (PSVC002)
    ✓ @payments-oncall           S0PAY, 1 person
    ✓ user groups                may be changed
    ✓ schedule Payments primary  followed by @payments-oncall
    ✓ policy PEP0001             followed by @payments-oncall
    ✓ severity sev1              invites @sre-leads
    ✓ #incidents                 Firebell is in it

    All is well.
    ");
    assert_eq!(place.world.slack.usergroup("S0PAY").expect("there").members, ["U0ANA"], "nothing is changed");
    let json: Value = serde_json::from_str(&place.run(&["doctor", "--json"]).out).expect("JSON");
    assert_eq!(json["ok"], true);
    assert_eq!(
        (&json["checks"][0]["state"], &json["checks"][0]["what"]),
        (&"right".into(), &"configuration".into())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_does_not_exist_or_may_not_be_is_named_with_its_remedy() {
    let place = Place::with(
        r#"
[oncall]
channel = "payments"
[[group]]
handle = "payment-oncall"
schedules = ["Payments primry", "Twice"]
[[group]]
handle = "asleep"
escalation_policies = ["PNOSUCH"]
[[group]]
handle = "locked"
schedules = ["Unused"]
[[group]]
handle = "renamed"
schedules = ["PSCHED1"]
[[group]]
handle = "new"
schedules = ["PSCHED1"]
create_missing = true
[[group]]
handle = "payments-oncall"
schedules = ["PSCHED1"]
[[service]]
name = "gone"
pagerduty_service = "PGONE01"
"#,
    )
    .await;
    let (slack, pagerduty, now) = (&place.world.slack, &place.world.pagerduty, place.world.clock.now());
    for id in ["PTWICE1", "PTWICE2", "PUNUSED"] {
        let name = if id == "PUNUSED" { "Unused" } else { "Twice" };
        pagerduty.add_schedule(id, name, &[]);
    }
    for handle in ["asleep", "locked", "other-name"] {
        slack.add_usergroup(&format!("S{}", handle.to_uppercase()), handle, &["U0EVE"]);
    }
    slack.edit_usergroup("SASLEEP", |g| g.disabled_at = Some(now));
    slack.edit_usergroup("SLOCKED", |g| g.is_external = true);
    slack.let_bots_edit_usergroups(false);
    assert_eq!(place.run(&["migrate"]).code, 0);
    let db = place.database().await;
    two_jobs(&db).await;
    let mut tx = db.write(Priority::Job).await.expect("a transaction");
    tx.save_group_state(&renamed(now)).await.expect("saved");
    tx.commit().await.expect("committed");
    let ill = place.doctor();
    assert_eq!(ill.code, 1);
    assert_snapshot!(place.troubles(), @r#"
    ! jobs                      1 parked, which wait for you: `firebell jobs list`
    ✗ service gone              PagerDuty has no service PGONE01: mend pagerduty_service, the end of the service's address there
    ✗ @payment-oncall           Slack has no such user group (did you mean @payments-oncall?): make it, or set create_missing = true
    ✗ @asleep                   is disabled in Slack: enable it there
    ✗ @locked                   is kept by Slack, an identity provider or another workspace: follow the rota with a group of your own
    ✗ @renamed                  is called @other-name in Slack now: change its handle back, or in the configuration
    ✗ user groups               Slack does not let Firebell change @payments-oncall: under Settings, Permissions, User Groups allow everyone, or set slack.user_token to an administrator's token
    ✗ schedule Payments primry  PagerDuty has no schedule "Payments primry" (did you mean "Payments primary"?); mend the configuration
    ✗ schedule Twice            several schedules are called "Twice"; write the id: PTWICE1 or PTWICE2
    ! schedule Unused           no escalation policy uses it: it takes a call of its own
    ✗ policy PNOSUCH            PagerDuty has no such escalation policy: mend the id at @asleep, the end of the policy's address there
    ✗ #payments                 Firebell is in no channel of that name. If it is there, write /invite @firebell in it; if not, make it or mend its name in the configuration

    10 wrong, 2 worth a look.
    "#);
    let json: Value = serde_json::from_str(&place.run(&["doctor", "--json"]).out).expect("JSON");
    assert_eq!(json["ok"], false);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_that_lack_a_scope_or_are_not_accepted_are_told_apart() {
    let place = Place::with(GROUPS).await;
    let (slack, pagerduty) = (&place.world.slack, &place.world.pagerduty);
    slack.set_scopes(&["chat:write", "users:read", "users:read.email", "usergroups:read"]);
    let toml = place.world.firebell_toml("sqlite://firebell.db", "127.0.0.1:0");
    place.configure(&(toml.replace("from_email = \"", "from_email = \"no.") + GROUPS));
    assert_snapshot!(place.troubles(), @"
    ! database                   there is none at sqlite://firebell.db yet; `firebell serve` makes it
    ✗ Slack token                lacks bookmarks:read bookmarks:write channels:history channels:manage channels:read groups:history groups:read groups:write im:history im:write pins:write usergroups:write: add that to the app (slack-manifest.yaml has it) and install it again
    ✗ pagerduty.from_email       no PagerDuty user has the login no.firebell@example.com: write the address of one
    ✗ user groups                the Slack token lacks usergroups:write: add it to the app and install it again
    ✗ channels                   the Slack token lacks channels:read,groups:read,im:read: add it to the app and install it again

    4 wrong, 1 worth a look.
    ");
    slack.revoke();
    pagerduty.revoke_token();
    assert_snapshot!(place.troubles(), @"
    ! database         there is none at sqlite://firebell.db yet; `firebell serve` makes it
    ✗ Slack token      Slack does not accept the token any more: reinstall the app and set slack.bot_token
    ✗ PagerDuty token  PagerDuty does not accept the token: set pagerduty.token to a REST API key that is valid (and, for a European account, pagerduty.api_url to https://api.eu.pagerduty.com)

    2 wrong, 1 worth a look.
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_enough_for_sync_is_checked_for_sync() {
    let place = Place::with("").await;
    let (slack, pagerduty) = (place.world.slack.api_url(), place.world.pagerduty.api_url());
    let (bot_token, token) = (Slack::BOT_TOKEN, PagerDuty::TOKEN);
    place.configure(&format!(
        "[slack]\napi_url = '{slack}'\nbot_token = '{bot_token}'\n[pagerduty]\napi_url = '{pagerduty}'\ntoken = '{token}'\n{GROUPS}"
    ));
    place.world.slack.set_scopes(&["users:read", "users:read.email", "usergroups:read", "usergroups:write"]);
    let well = place.doctor();
    assert_eq!(well.code, 0);
    assert_snapshot!(well.out, @"
    ! configuration              firebell.toml is enough for `firebell sync --once` only; `firebell config check` says what `serve` lacks
    ✓ Slack token                opens https://firebell-demo.slack.com/ as U0FIREBELL
    ✓ clock                      agrees with Slack's
    ✓ PagerDuty token            is accepted
    ✓ @payments-oncall           S0PAY, 1 person
    ✓ user groups                may be changed
    ✓ schedule Payments primary  followed by @payments-oncall
    ✓ policy PEP0001             followed by @payments-oncall

    Nothing is wrong; 1 worth a look.
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_nobody_in_slack_and_whom_a_group_rings_instead_are_named() {
    let place = Place::with(
        r#"
[oncall]
channel = "incidnts"
[[group]]
handle = "payments-oncall"
schedules = ["Payments primary", "PSCHED1"]
always = ["ana@exmple.com", "@payments-oncal", "U0DEE"]
never = ["U0N0B0DY"]
when_empty = "fallback"
fallback = ["guest@example.com"]
"#,
    )
    .await;
    place.world.slack.add_user("U0GUEST", "guest", "Gus Guest", "guest@example.com");
    place.world.slack.edit_user("U0GUEST", |u| u.is_restricted = true);
    assert_eq!(place.run(&["migrate"]).code, 0);
    let db = place.database().await;
    let mut tx = db.write(Priority::Job).await.expect("a transaction");
    let out = LeftOut {
        responder: PagerDutyUserId::new("PZOE001"),
        name: "Zoe Example".into(),
        why: "nobody in Slack has the address zoe@corp.example".into(),
        is_unmapped: true,
    };
    let state = State {
        handle: "payments-oncall".into(),
        group_id: Some(UserGroupId::new("S0PAY")),
        left_out: Json(vec![out]),
        ..renamed(place.world.clock.now())
    };
    tx.save_group_state(&state).await.expect("saved");
    tx.commit().await.expect("committed");
    assert_snapshot!(place.troubles(), @"
    ! @payments-oncall           does not ring Zoe Example, who is on call: nobody in Slack has the address zoe@corp.example
    ✗ @payments-oncall           always names ana@exmple.com, and nobody in Slack is that: mend it in the configuration
    ✗ @payments-oncall           always names @payments-oncal, and Slack has no such user group (did you mean @payments-oncall?): mend it in the configuration
    ✗ @payments-oncall           never names U0N0B0DY, and nobody in Slack is that: mend it in the configuration
    ✗ @payments-oncall           fallback names guest@example.com, who is Gus Guest in Slack: guests cannot be in user groups; make them a full member of the workspace, or name somebody in always
    ! schedule PSCHED1           is Payments primary under another name, and @payments-oncall has both: remove one
    ✗ #incidnts                  Firebell is in no channel of that name; did you mean #incidents? If it is there, write /invite @firebell in it; if not, make it or mend its name in the configuration

    5 wrong, 2 worth a look.
    ");
    let all = place.doctor().out;
    assert!(
        all.contains("✓ @payments-oncall           S0PAY, 1 person, rings those who were in it: U0ANA"),
        "{all}"
    );
}

#[test]
fn a_bad_configuration_is_told_whole() {
    let here = tempfile::tempdir().expect("a directory");
    fs::write(here.path().join("firebell.toml"), "[slack]\nbot_tokn = 'xoxb-1'\n").expect("written");
    let ill = run(here.path(), &["doctor"]);
    assert_eq!((ill.code, ill.err.as_str()), (1, ""));
    assert!(ill.out.contains("✗ configuration  slack.bot_tokn is unknown"), "{}", ill.out);
    assert!(ill.out.ends_with("\n\n2 wrong.\n"), "{}", ill.out);
}

/// The standard world with these seats; what is said of them.
async fn of_commanders(seats: &str) -> String {
    let place = Place::with("").await;
    let (pagerduty, now, hour) = (&place.world.pagerduty, place.world.clock.now(), Duration::from_secs(3600));
    pagerduty.add_user("PMUTE01", "Mia Mute", "mia@example.com", None);
    pagerduty.add_schedule("PSCHED2", "IC rota", &[("PMUTE01", now - hour, now + hour)]);
    pagerduty.add_schedule("PSCHED3", "Empty rota", &[("PMUTE01", now - hour * 2, now - hour)]);
    pagerduty.add_schedule("PSCHED4", "Lone rota", &[("PMUTE01", now - hour, now + hour)]);
    pagerduty.add_escalation_policy("PEP0010", "IC policy", &[&["PSCHED2"], &["PSCHED3"]]);
    place.world.slack.add_user("U0GUS", "gus", "Gus Guest", "gus@example.com");
    place.configure(&(place.world.firebell_toml("sqlite://firebell.db", "127.0.0.1:0") + seats));
    let out = place.doctor().out;
    out.lines()
        .filter(|line| line.contains(" commander ") || line.contains(" PEP"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_seat_of_the_commanders_is_looked_at() {
    let seats = [
        ("Incident Commander", "schedule = 'Payments primary'"),
        ("Silent", "schedule = 'IC rota'"),
        ("Empty", "schedule = 'Empty rota'"),
        ("Lone", "schedule = 'Lone rota'"),
        ("Mistyped", "schedule = 'IC rotta'"),
        ("Gone", "escalation_policy = 'PEP0404'"),
        ("By hand", "people = ['ana@example.com', 'gus@example.com', '@nobody']"),
    ];
    let seat = |(title, holder): (&str, &str)| format!("\n[[commander]]\ntitle = '{title}'\n{holder}\n");
    let seats = seats.map(seat).concat();
    assert_snapshot!(of_commanders(&seats).await, @r#"
    ✗ policy PEP0404                PagerDuty has no such escalation policy: mend the id at commander Gone, the end of the policy's address there
    ✓ commander Incident Commander  Ana Example
    ! commander Silent              Mia Mute has no phone number in PagerDuty, so nobody can call them: add one to their profile there
    ✓ commander Silent              Mia Mute
    ! commander Empty               nobody is on call for it now, and `/ic page` reaches nobody: put somebody on call in PagerDuty
    ! commander Lone                no escalation policy uses the schedule "Lone rota", so PagerDuty does not say here who is on call by it: let one use it
    ✗ commander Mistyped            PagerDuty has no schedule "IC rotta" (did you mean "IC rota"?); mend the configuration
    ✗ commander By hand             Gus Guest has no PagerDuty account that I know; `firebell people link` joins the two
    ✗ commander By hand             nobody known is called @nobody; mend the configuration
    ✓ commander By hand             Ana Example
    "#);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_no_database_is_not_taken_for_none() {
    let place = Place::with("").await;
    fs::write(place.directory.path().join("firebell.db"), "a letter to nobody. ".repeat(10))
        .expect("written");
    let found = place.doctor();
    assert_eq!(found.code, 1);
    assert_snapshot!(found.out.lines().find(|line| line.contains(" database ")).unwrap_or_default(), @"✗ database              firebell.db is no SQLite database; name another file as database.url, or move this one away for a new one");
    let served = place.run(&["migrate"]);
    assert!(
        served.err.contains("name another file as database.url, or move this one away for a new one"),
        "{served:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_database_is_told_from_an_older_one() {
    let place = Place::with("").await;
    fs::write(place.directory.path().join("firebell.db"), "").expect("written");
    assert!(place.troubles().contains("! database              sqlite://firebell.db has no tables of Firebell's yet: run `firebell migrate`, or start `firebell serve`"), "{}", place.troubles());
    place.run(&["migrate"]);
    let db = place.database().await;
    let mut tx = db.write(Priority::Job).await.expect("a transaction");
    tx.exec("DELETE FROM _sqlx_migrations WHERE version > 1", &[]).await.expect("forgotten");
    tx.commit().await.expect("committed");
    assert!(place.troubles().contains("! database              sqlite://firebell.db has the tables of an older Firebell: run `firebell migrate`, or start `firebell serve`"), "{}", place.troubles());
}
