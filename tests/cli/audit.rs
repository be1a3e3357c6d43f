//! `firebell audit`, beside whatever runs on the database.

use std::time::Duration;

use firebell::audit::{Outcome, Use, Via};
use firebell::clock::Clock;
use firebell::ids::{ChannelId, SlackUserId};
use firebell::oncall::Member;
use firebell::store::{Db, Priority};
use firebell::testing;
use serde_json::Value;

use super::url_of;
use crate::process::{Run, finish, firebell};

async fn three_uses(db: &Db) {
    let mut tx = db.write(Priority::Job).await.expect("a transaction");
    let (ana, ben, ops) = (SlackUserId::new("U0ANA"), SlackUserId::new("U0BEN"), ChannelId::new("C0OPS"));
    let now = tx.now();
    let uses = [
        (Duration::from_secs(3 * 24 * 3600), &ana, Via::Slash, "/oncall", "payments", Outcome::Answered),
        (
            Duration::from_secs(60),
            &ben,
            Via::Message,
            "!incident",
            "declare \u{1b}[31mred\0",
            Outcome::Denied,
        ),
        (Duration::from_secs(5), &ana, Via::Button, "incident.resolve", "INC-1", Outcome::Done),
    ];
    for (ago, who, via, command, text, outcome) in uses {
        let one = Use::new(now - ago, (who, Some(&ops)), via, command, text);
        tx.record_use(&one, outcome).await.expect("recorded");
    }
    let ana = Member {
        id: ana,
        name: "ana".into(),
        real_name: "Ana Example".into(),
        email: Some("ana@example.com".into()),
        time_zone: None,
        team_id: "T1".into(),
        is_bot: false,
        is_guest: false,
        is_deleted: false,
    };
    tx.save_member(&ana).await.expect("known");
    tx.commit().await.expect("committed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uses_are_listed_on_sqlite() {
    let (db, guard) = testing::sqlite(&Clock::system()).await;
    uses_are_listed(&db, &url_of(&guard)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uses_are_listed_on_postgres() {
    if let Some((db, guard)) = testing::postgres(&Clock::system()).await {
        uses_are_listed(&db, &url_of(&guard)).await;
    }
}

async fn uses_are_listed(db: &Db, url: &str) {
    let here = tempfile::tempdir().expect("a directory");
    let audit = |arguments: &[&str]| -> Run {
        let mut command = firebell(here.path(), &[&["audit"], arguments].concat());
        finish(command.env("FIREBELL__DATABASE__URL", url))
    };
    assert!(audit(&[]).out.contains("Nobody used Firebell in that time; --since looks further back."));
    three_uses(db).await;
    let listed = audit(&[]).out;
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 3, "the last day, newest first: {listed}");
    assert!(
        lines[1].contains("U0ANA  C0OPS  button") && lines[1].ends_with("incident.resolve INC-1"),
        "{listed}"
    );
    assert!(lines[2].contains("denied") && lines[2].contains("!incident declare"), "{listed}");
    assert!(!listed.contains('\u{1b}'), "a terminal is not given what was typed: {listed:?}");
    assert_eq!(audit(&["--since", "7d", "--user", "U0ANA"]).out.lines().count(), 3);
    assert_eq!(audit(&["--since", "7d", "--limit", "1"]).out.lines().count(), 2);
    let json: Value = serde_json::from_str(&audit(&["--json", "--user", "U0BEN"]).out).expect("JSON");
    assert_eq!((&json[0]["outcome"], &json[0]["via"]), (&"denied".into(), &"message".into()));
    assert_eq!(json.as_array().map(Vec::len), Some(1));
    let whom = |word: &str| audit(&["--since", "7d", "--user", word]);
    for word in ["@ana", "ANA@example.com"] {
        assert_eq!(whom(word).out.lines().count(), 3, "{word}: {}", whom(word).err);
    }
    assert!(
        whom("zoe").err.contains("zoe is no Slack user id, and nobody in Slack is known as zoe"),
        "{}",
        whom("zoe").err
    );
    assert!(whom("U0EVE").out.contains("U0EVE did not use Firebell in that time"), "{}", whom("U0EVE").out);
    let wrong = audit(&["--since", "yesterday"]);
    assert!(wrong.err.contains("write one such as 90s"), "{}", wrong.err);
}
