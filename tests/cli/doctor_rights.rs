//! `firebell doctor` on rights that are nobody's, and on a Cachet site that is none.

use insta::assert_snapshot;

use crate::doctor::Place;
use crate::process::run;

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
async fn an_invitation_of_nobody_and_a_priority_that_is_none_are_named() {
    let place = Place::with("").await;
    let toml = place
        .world
        .firebell_toml("sqlite://firebell.db", "127.0.0.1:0")
        .replace(
            "invite = [\"@sre-leads\"]",
            "invite = ['nobody@nowhere.com', '@nogroup', '@sre-leads']\npriority = 'Bogus'",
        )
        .replace("default = true", "default = true\ninvite = ['ana@example.com', 'U0NOBODY']");
    place.configure(&toml);
    let found = place.doctor();
    assert_eq!(found.code, 1);
    let about: Vec<&str> =
        found.out.lines().filter(|line| line.contains(" severity ") || line.contains("invite")).collect();
    assert_snapshot!(about.join("\n"), @r#"
    ✗ severity sev1         PagerDuty has no priority "Bogus", so its incidents get none: write one of P1, P2, P3, P4, P5, or "" for none
    ✗ severity sev1         invite: nobody in Slack has the address nobody@nowhere.com; Slack has no user group @nogroup; mend it in the configuration
    ✗ service payments      invite: nobody in Slack has the id U0NOBODY; mend it in the configuration
    "#);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cachet_site_that_is_none_is_not_mended_by_a_page_id() {
    let place = Place::with("").await;
    let rest = place.world.firebell_toml("sqlite://firebell.db", "127.0.0.1:0");
    let page =
        place.world.cachet_toml().replace(&place.world.cachet.api_url(), &place.world.statuspage.api_url());
    place.configure(&format!("{rest}{page}[runbooks]\ndirectory = '/no/such/place'\n"));
    let checked = place.run(&["config", "check"]).err;
    assert!(
        checked.contains("runbooks.directory = \"/no/such/place\" is no directory on this machine"),
        "{checked}"
    );
    let found = tokio::task::block_in_place(|| run(place.directory.path(), &["doctor"]));
    let about: Vec<&str> = found.out.lines().filter(|line| line.contains("status page")).collect();
    assert_snapshot!(about.join("\n"), @"✗ status page           there is no Cachet 3 that knows GET /api/status: mend statuspage.api_url");
}
