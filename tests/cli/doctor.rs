//! `firebell doctor`: the real program looks at simulated vendors on which nothing, or a lot, is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use firebell::clock::{Clock, Timestamp};
use firebell::groups::model::{Standing, State};
use firebell::ids::UserGroupId;
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

struct Place {
    world: World,
    directory: TempDir,
}

impl Place {
    /// Payments has a schedule and a group; the rest is what the standard world has.
    async fn with(groups: &str) -> Self {
        let world = World::start(Clock::system()).await.expect("the world starts");
        let (now, hour) = (world.clock.now(), Duration::from_secs(3600));
        world.pagerduty.add_schedule("PSCHED1", "Payments primary", &[("PANA001", now - hour, now + hour)]);
        world.pagerduty.add_escalation_policy("PEP0009", "Payments rota", &[&["PSCHED1"]]);
        world.slack.add_usergroup("S0PAY", "payments-oncall", &["U0ANA"]);
        let place = Self { world, directory: tempfile::tempdir().expect("a directory") };
        place.configure(&(place.world.firebell_toml("sqlite://firebell.db", "127.0.0.1:0") + groups));
        place
    }

    fn configure(&self, text: &str) {
        let path = self.directory.path().join("firebell.toml");
        fs::write(&path, text).expect("written");
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("ours");
    }

    fn run(&self, arguments: &[&str]) -> Run {
        tokio::task::block_in_place(|| run(self.directory.path(), arguments))
    }

    fn doctor(&self) -> Run {
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
    ✗ schedule Payments primry  PagerDuty has no schedule "Payments primry"; mend the configuration (did you mean "Payments primary"?)
    ✗ schedule Twice            several schedules are called "Twice"; write the id: PTWICE1 or PTWICE2
    ! schedule Unused           no escalation policy uses it: it takes a call of its own
    ✗ policy PNOSUCH            PagerDuty has no such escalation policy: mend the id at @asleep, the end of the policy's address there
    ✗ #payments                 Firebell is not in it: write /invite @firebell there

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

#[test]
fn a_bad_configuration_is_told_whole() {
    let here = tempfile::tempdir().expect("a directory");
    fs::write(here.path().join("firebell.toml"), "[slack]\nbot_tokn = 'xoxb-1'\n").expect("written");
    let ill = run(here.path(), &["doctor"]);
    assert_eq!((ill.code, ill.err.as_str()), (1, ""));
    assert!(ill.out.contains("✗ configuration  slack.bot_token is missing"), "{}", ill.out);
    assert!(ill.out.ends_with("\n\n3 wrong.\n"), "{}", ill.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_public_page_and_its_key_are_looked_at() {
    let place = Place::with("").await;
    let rest = place.world.firebell_toml("sqlite://firebell.db", "127.0.0.1:0");
    assert_eq!(place.run(&["migrate"]).code, 0);
    let page = place.world.statuspage_toml();
    let mut seen = String::new();
    for page in [
        page.clone(),
        page.replace("kctbh9vrtdwd", "anotherpage"),
        page.replace("sim-statuspage-key", "wrong"),
        place.world.cachet_toml(),
        place.world.cachet_toml().replace("sim-cachet-token", "wrong"),
    ] {
        place.configure(&format!("{rest}{page}"));
        let found = place.doctor();
        let about =
            found.out.lines().filter(|line| line.contains("status page") || line.contains("statuspage"));
        seen += &about.collect::<Vec<_>>().join("\n");
        seen += "\n\n";
    }
    assert_snapshot!(seen.replace(&place.world.cachet.api_url(), "https://status.example.com"), @"
    ✓ status page           Acme Status at https://acme.statuspage.io
    ✓ status page           4 components
    ✓ statuspage.api_key    is accepted

    ✗ status page           Statuspage does not know GET /pages/{page}: mend statuspage.page_id

    ✗ status page           Statuspage does not accept the key: set statuspage.api_key to one that is valid

    ✓ status page           127.0.0.1 at https://status.example.com
    ✓ status page           3 components
    ✓ statuspage.api_key    is accepted

    ✓ status page           127.0.0.1 at https://status.example.com
    ✓ status page           3 components
    ✗ statuspage.api_key    Cachet does not accept the key: set statuspage.api_key to one that is valid
    ");
    assert_eq!(place.world.cachet.notified(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_that_is_nobodys_is_named() {
    let place = Place::with(
        "[rights]\npage = ['@nosuchgroup']\nstatuspage = ['@payments-oncall', 'zoe@example.com']\ndeclare = ['@payments-oncall']\nadmin = ['U0NOBODY']\n",
    )
    .await;
    let rights: Vec<String> =
        place.doctor().out.lines().filter(|line| line.contains(" rights")).map(str::to_owned).collect();
    assert_snapshot!(rights.join("\n"), @"
    ✓ rights.declare        @payments-oncall
    ✗ rights.page           is nobody's: Slack has no user group @nosuchgroup; name people or a user group that Slack has
    ! rights.statuspage     nobody in Slack has the address zoe@example.com; remove that, or name another
    ✗ rights.admin          is nobody's: nobody in Slack has the id U0NOBODY; name people or a user group that Slack has
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cachet_site_that_is_none_is_not_mended_by_a_page_id() {
    let place = Place::with("").await;
    let rest = place.world.firebell_toml("sqlite://firebell.db", "127.0.0.1:0");
    let page =
        place.world.cachet_toml().replace(&place.world.cachet.api_url(), &place.world.statuspage.api_url());
    place.configure(&format!("{rest}{page}"));
    let found = tokio::task::block_in_place(|| run(place.directory.path(), &["doctor"]));
    let about: Vec<&str> = found.out.lines().filter(|line| line.contains("status page")).collect();
    assert_snapshot!(about.join("\n"), @"✗ status page           there is no Cachet 3 that knows GET /api/status: mend statuspage.api_url");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn monitors_are_asked_and_named_where_they_give_no_answer() {
    let place = Place::with("").await;
    let text = place.world.firebell_toml("sqlite://firebell.db", "127.0.0.1:0") + &place.world.checks_toml();
    place.configure(
        &text.replace("sim-alertmanager-token", "old-token").replace("\"success_rate\"", "\"nothing\""),
    );
    let checks: Vec<String> =
        place.doctor().out.lines().filter(|line| line.contains(" check ")).map(str::to_owned).collect();
    assert_snapshot!(checks.join("\n"), @"
    ✗ check payments alerts   it refuses to say (HTTP 401); look at its token in the configuration
    ! check API success rate  UNKNOWN: the query finds no data
    ✓ check Example CDN       NORMAL
    ✓ check checkout          NORMAL
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runbooks_that_cannot_be_read_are_named() {
    let place = Place::with("").await;
    let shelf = place.directory.path().join("runbooks");
    fs::create_dir(&shelf).expect("made");
    fs::write(shelf.join("good.md"), "---\nservice: payments\n---\n").expect("written");
    fs::write(shelf.join("bad.md"), "---\nservice payments\n---\n").expect("written");
    fs::write(shelf.join("README.md"), "# Hello\n").expect("written");
    let runbooks = format!("[runbooks]\ndirectory = '{}'\n", shelf.display());
    place.configure(&(place.world.firebell_toml("sqlite://firebell.db", "127.0.0.1:0") + &runbooks));
    let said = |place: &Place| {
        let out = place.doctor().out;
        out.lines().filter(|line| line.contains(" runbooks")).collect::<Vec<_>>().join("\n")
    };
    let first = said(&place);
    fs::remove_dir_all(&shelf).expect("removed");
    let place_name = shelf.display().to_string();
    let checked = place.run(&["config", "check"]).err;
    assert!(checked.contains("is no directory on this machine; make it, or mend the path"), "{checked}");
    assert_snapshot!(format!("{first}\n{}", said(&place)).replace(&place_name, "/runbooks"), @r#"
    ✓ runbooks              found: 1; left out for want of front matter: 1
    ! runbooks              bad.md: line 2 is not understood; write key: value, key: [a, b] or a list of - items
    ✓ runbooks              found: 0
    ! runbooks              the directory /runbooks cannot be read (entity not found): make it, or mend runbooks.directory
    "#);
}
