//! `firebell sync --once` where not everybody who is on call can be in the group: whom it rings, and what helps.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use insta::assert_snapshot;

use super::sync::Place;

const HOUR: Duration = Duration::from_secs(3600);

/// On a schedule of their own each: Zoe, who is nobody in Slack; Gus, a guest; and Eve, whose login is an address of
/// an account that was deactivated, beside her own.
const GROUPS: &str = r#"
[[group]]
handle = "zoe"
schedules = ["PZOES"]
when_empty = "fallback"
fallback = ["dee@example.com"]
[[group]]
handle = "gus"
schedules = ["PGUSS"]
[[group]]
handle = "eve"
schedules = ["PEVES"]
always = ["dee@exmple.com", "@leads"]
"#;

async fn place() -> Place {
    let place = Place::with(GROUPS).await;
    let (slack, pagerduty, now) = (&place.world.slack, &place.world.pagerduty, place.world.clock.now());
    pagerduty.add_user("PZOE001", "Zoe Elsewhere", "zoe@elsewhere.example", None);
    pagerduty.add_user("PGUS001", "Gus Guest", "guest@example.com", None);
    pagerduty.add_user("PNEW001", "Eve New", "eve.old@example.com", None);
    pagerduty.add_contact("PNEW001", "eve@example.com");
    slack.add_user("U0GUEST", "guest", "Gus Guest", "guest@example.com");
    slack.edit_user("U0GUEST", |u| u.is_restricted = true);
    slack.add_user("U0OLD", "eve.old", "Eve Old", "eve.old@example.com");
    slack.edit_user("U0OLD", |u| u.is_restricted = true);
    for (id, user) in [("PZOES", "PZOE001"), ("PGUSS", "PGUS001"), ("PEVES", "PNEW001")] {
        pagerduty.add_schedule(id, &format!("Shifts of {user}"), &[(user, now - HOUR, now + HOUR)]);
        pagerduty.add_escalation_policy(&format!("PEP{id}"), id, &[&[id]]);
    }
    for handle in ["zoe", "gus", "eve"] {
        slack.add_usergroup(&format!("S0{}", handle.to_uppercase()), handle, &["U0CHO"]);
    }
    place
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_a_group_rings_instead_is_named_and_why() {
    let place = place().await;
    let dry = place.sync(&["--dry-run"]);
    assert_eq!(dry.code, 1, "{dry:?}");
    assert_snapshot!(without_times(&dry.out), @"
    @zoe  would be written: 1 added, 1 removed
      + Dee Example  the fallback, because nobody who is on call can be in it (Zoe Elsewhere)
      - Cho Example
      ! Zoe Elsewhere is left out: nobody in Slack has the address zoe@elsewhere.example
      ! rings the fallback: Dee Example
    @gus  ✗ nobody who is on call can be in it (Gus Guest), and Slack has no empty groups: it stays as it was
      ! Gus Guest is left out: guests cannot be in user groups; make them a full member of the workspace, or name somebody in always
      ! rings those who were in it: Cho Example
    @eve  would be written: 1 added, 1 removed
      + Eve Example  Shifts of PNEW001
      - Cho Example
      ! always names dee@exmple.com, and nobody in Slack is that (did you mean dee@example.com?): mend it in the configuration
      ! always names @leads, and Slack has no such user group: mend it in the configuration

    Dry run, nothing was changed: 3 groups, 2 would be written, 1 not in step (12 calls).
    ");
    let written = place.sync(&[]);
    assert_snapshot!(without_times(&written.out), @"
    @zoe  written: 1 added, 1 removed
      + Dee Example  the fallback, because nobody who is on call can be in it (Zoe Elsewhere)
      - Cho Example
      ! Zoe Elsewhere is left out: nobody in Slack has the address zoe@elsewhere.example
      ! rings the fallback: Dee Example
    @gus  ✗ nobody who is on call can be in it (Gus Guest), and Slack has no empty groups: it stays as it was
      ! Gus Guest is left out: guests cannot be in user groups; make them a full member of the workspace, or name somebody in always
      ! rings those who were in it: Cho Example
    @eve  written: 1 added, 1 removed
      + Eve Example  Shifts of PNEW001
      - Cho Example
      ! always names dee@exmple.com, and nobody in Slack is that (did you mean dee@example.com?): mend it in the configuration
      ! always names @leads, and Slack has no such user group: mend it in the configuration

    3 groups, 2 written, 1 not in step (14 calls).
    ");
    assert_eq!((place.members("zoe"), place.members("eve")), (vec!["U0DEE".into()], vec!["U0EVE".into()]));
    let (_, machine) = place.json(&["--dry-run"]);
    let rings: Vec<&str> = (0..3).filter_map(|n| machine["groups"][n]["rings"].as_str()).collect();
    assert_eq!(rings, ["fallback", "as_before", "rota"]);
    assert_eq!(machine["groups"][2]["state"], "in_step", "what nobody is keeps nobody out");
}

/// The world's clock is the real one.
fn without_times(text: &str) -> String {
    let line = |line: &str| line.split(" until ").next().unwrap_or_default().to_owned();
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mistyped_schedule_and_a_file_that_everybody_reads_are_named() {
    let place = Place::with("[[group]]\nhandle = 'payments-oncall'\nschedules = ['Payments primry']\n").await;
    fs::set_permissions(place.directory.path().join("groups.toml"), fs::Permissions::from_mode(0o644))
        .expect("ours");
    let ran = place.sync(&[]);
    assert_eq!(ran.code, 1);
    assert_snapshot!(ran.err, @r#"
    firebell: warning: groups.toml holds secrets and every user can read it; run chmod 600 groups.toml
    firebell: @payments-oncall: PagerDuty has no schedule "Payments primry" (did you mean "Payments primary"?); mend the configuration; the group stays as it was
    "#);
}
