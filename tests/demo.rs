//! The demo, as a newcomer meets it, and what it says when something does not work.

mod process;

use std::path::Path;
use std::sync::{Arc, Mutex};

use firebell::clock::Clock;
use firebell::demo::{Demo, Options, Promises, Screen, play};
use firebell::sim::desk::Fault;
use firebell::sim::scene::World;
use process::{Process, firebell, run};

const STEPS: [&str; 9] = [
    "PagerDuty incident",
    "Slack channel",
    "Invitations",
    "Topic",
    "Bookmark",
    "Summary",
    "Pin",
    "First status update",
    "Announcement",
];

fn leftovers(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("the directory is there");
    entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn the_whole_incident_plays_and_leaves_nothing_behind() {
    let directory = tempfile::tempdir().expect("a directory");
    let played = run(directory.path(), &["demo", "--exit", "--fast", "--port", "0"]);
    assert_eq!((played.code, played.err.as_str()), (0, ""), "{}", played.out);
    for step in STEPS {
        assert!(played.out.contains(&format!("✓ {step} ")), "no {step} in\n{}", played.out);
    }
    for words in [
        "/incident declare payments-down sev1",
        "Declaring INC-1 payments-down as SEV1",
        "2. What people see in #inc-1-payments-down",
        "👀 @ana acknowledged",
        "to @ben.",
        "✓ Ben is in the channel",
        "Resolved by Ben Example",
        "INC-1 payments-down timeline (UTC)",
        "expectations were met",
    ] {
        assert!(played.out.contains(words), "no {words:?} in\n{}", played.out);
    }
    for line in played.out.lines() {
        assert!(line.chars().count() <= 100, "too wide: {line}");
        assert!(!line.contains('\x1b') && line == line.trim_end(), "not plain: {line:?}");
    }
    assert_eq!(leftovers(directory.path()), Vec::<String>::new());
}

#[test]
fn visitors_take_part_and_ctrl_c_ends_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let nobody_home = run(directory.path(), &["demo", "send", "/incident list"]);
    assert_eq!(nobody_home.code, 1);
    assert_eq!(
        nobody_home.err,
        "firebell: no demo is running; start one in another terminal with `firebell demo`\n"
    );

    let mut demo = Process::start(firebell(directory.path(), &["demo", "--fast", "--port", "0"]));
    demo.wait_for("Ctrl-C ends the demo");
    let send = |arguments: &[&str]| run(directory.path(), &[&["demo", "send"], arguments].concat());

    let declared = send(&["/incident declare search-slow sev2 --service search", "--as", "eve"]);
    assert_eq!((declared.code, declared.err.as_str()), (0, ""));
    assert!(declared.out.contains("only Eve sees this"), "{}", declared.out);
    assert!(declared.out.contains("Declaring INC-2 search-slow as SEV2"), "{}", declared.out);

    // At once, as somebody who pastes several lines: the channel is opened meanwhile.
    let room = ["--as", "cho", "--channel", "inc-2-search-slow"];
    let pressed = send(&[&["[Take command]"], &room[..]].concat());
    assert_eq!(pressed.code, 0, "{pressed:?}");
    demo.wait_for("@cho is now incident commander");
    let said = send(&[&["on my way"], &room[..]].concat());
    assert_eq!(said.out.trim(), "Cho said it in #inc-2-search-slow.");
    demo.wait_for("on my way");
    let asked = send(&[&["!oncall search"], &room[..]].concat());
    assert!(asked.out.contains("On call for search"), "{asked:?}");
    for (typed, answer) in [
        ("!ic", "Incident Commander On-Call is Dee Example"),
        ("/oncall why @payments-oncall", "Ana Example"),
        ("/status-check", "Status: NORMAL"),
        ("/runbook payments", "fail over to the second region"),
        ("/statuspage status", "All 4 components are operational"),
    ] {
        let read = send(&[&[typed], &room[..]].concat());
        assert!(read.out.contains(answer), "{typed} → {read:?}");
    }
    for typed in ["/status-check", "/runbook payments", "!status"] {
        let read = send(&[&[typed], &room[..]].concat()).out;
        assert!(read.contains("everybody in #inc-2-search-slow sees this"), "{typed} → {read}");
        assert!(!read.contains("only Cho"), "{typed} → {read}");
    }
    // A second one: the newest hears it, and that is said.
    let mut newer = Process::start(firebell(directory.path(), &["demo", "--fast", "--port", "0"]));
    newer.wait_for("Ctrl-C ends the demo");
    let heard = send(&["/incident list"]);
    assert!(heard.out.contains("2 demos run here; this is the newest, at http://127.0.0.1:"), "{heard:?}");
    newer.signal("INT");
    assert_eq!(newer.end().0.code(), Some(0));
    assert!(!send(&["/incident list"]).out.contains("demos run here"));
    let aloud = send(&[&["/oncall search --public"], &room[..]].concat());
    assert!(aloud.out.contains("everybody in #inc-2-search-slow sees this"), "{aloud:?}");
    assert!(!aloud.out.contains("only Cho"), "{aloud:?}");
    assert!(send(&[" "]).err.contains("there is nothing to type"));
    assert!(send(&["/incident"]).out.contains("opens a form for Ana: Declare an incident"));

    let stranger = send(&["/incident list", "--as", "zoe"]);
    assert_eq!(stranger.code, 1);
    assert_eq!(stranger.err, "firebell: nobody here is called zoe; there are ana, ben, cho, dee, eve\n");
    let nowhere = send(&["/incident list", "--channel", "nowhere"]);
    assert!(
        nowhere.err.contains("there is no channel nowhere; there are incidents, general"),
        "{}",
        nowhere.err
    );

    demo.signal("INT");
    let (status, said) = demo.end();
    assert_eq!(status.code(), Some(0), "{said:#?}");
    assert_eq!(leftovers(directory.path()), Vec::<String>::new());
}

#[test]
fn a_port_that_is_taken_is_said_to_be() {
    let directory = tempfile::tempdir().expect("a directory");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port().to_string();
    let refused = run(directory.path(), &["demo", "--exit", "--port", &port]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains(&format!("port {port} is taken; choose another")), "{}", refused.err);
    assert_eq!(leftovers(directory.path()), Vec::<String>::new());
}

/// Plays it with a fault at the vendors; what was missed, and what was shown.
async fn with(call: &str, fault: Fault) -> (Promises, String) {
    let world = World::start(Clock::system()).await.expect("the world starts");
    world.desk.always(call, fault);
    let demo = Demo::start(world, Options::FAST).await.expect("the demo starts");
    let shown = Shown::default();
    let mut screen = Screen::new(Box::new(shown.clone()), false, false);
    let promises = play(&demo, &mut screen).await.expect("it plays to its end");
    demo.end().await;
    let shown = shown.0.lock().expect("written").clone();
    (promises, String::from_utf8(shown).expect("UTF-8"))
}

#[derive(Clone, Default)]
struct Shown(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Shown {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("not poisoned").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_does_not_go_out_is_named() {
    let (promises, shown) = with("POST /incidents", Fault::Refuse { code: "2003".into() }).await;
    let missing = promises.verdict().expect_err("nobody was paged").to_string();
    println!("{missing}\n{shown}");
    assert!(shown.contains("✗ PagerDuty incident: failed, PagerDuty says no"), "{shown}");
    assert!(missing.contains("PagerDuty incident: failed"), "{missing}");
    assert!(missing.contains("there is no PagerDuty incident to do it to"), "{missing}");
    assert!(shown.contains("✓ Slack channel"), "the rest goes on\n{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_that_cannot_be_opened_is_named() {
    let (promises, shown) =
        with("conversations.create", Fault::Refuse { code: "restricted_action".into() }).await;
    println!("{:#?}\n{shown}", promises.missing);
    assert!(shown.contains("✗ Slack channel: failed, Slack says no"), "{shown}");
    assert!(promises.missing.iter().any(|m| m == "Pin: it did not happen"), "{:#?}", promises.missing);
    assert!(shown.contains("✓ PagerDuty incident"), "paging goes on\n{shown}");
}
