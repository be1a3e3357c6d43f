//! `firebell doctor` about the public page, the monitors and the runbooks.

use std::fs;

use insta::assert_snapshot;

use super::doctor::Place;

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
    ! check API success rate  UNKNOWN: the query finds no data; mend its [[check]], or what that asks
    ✓ check Example CDN       NORMAL
    ✓ check checkout          NORMAL
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_monitor_that_is_down_is_told_with_what_to_do() {
    let place = Place::with("").await;
    let down = "\n[[check]]\nname = 'checkout'\nkind = 'http_json'\nurl = 'http://127.0.0.1:1/health'\npointer = '/status'\nnormal = ['ok']\n";
    place.configure(&(place.world.firebell_toml("sqlite://firebell.db", "127.0.0.1:0") + down));
    let out = place.doctor().out;
    let said = out.lines().find(|line| line.contains(" check ")).expect("a line about it");
    assert_snapshot!(said, @"✗ check checkout        it gives no usable answer (no connection); start it, let this machine reach it, or mend its url in the configuration");
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
    assert_snapshot!(format!("{first}\n{}", said(&place)), @"
    ✓ runbooks              found: 1; left out for want of front matter: 1
    ! runbooks              bad.md: line 2 is not understood; write key: value, key: [a, b] or a list of - items
    ! runbooks              the directory is not there: make or mount it, or mend runbooks.directory
    ");
}
