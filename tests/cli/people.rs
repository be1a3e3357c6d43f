//! `firebell people`, beside whatever runs on the database.

use firebell::clock::Clock;
use firebell::ids::{PagerDutyUserId, SlackUserId};
use firebell::oncall::{Member, OnCall, Responder};
use firebell::store::{Db, Json, Priority};
use firebell::testing;
use insta::{allow_duplicates, assert_snapshot};
use serde_json::{Value, json};

use super::url_of;
use crate::process::{Run, finish, firebell, run};

fn member(id: &str, name: &str, is_guest: bool) -> Member {
    Member {
        id: SlackUserId::new(id),
        name: name.into(),
        real_name: format!("{name} Example"),
        email: Some(format!("{name}@example.com")),
        time_zone: None,
        team_id: "T1".into(),
        is_bot: false,
        is_guest,
        is_deleted: false,
    }
}

fn responder(id: &str, name: &str, email: &str) -> Responder {
    Responder {
        id: PagerDutyUserId::new(id),
        name: name.into(),
        email: Some(email.into()),
        emails: Json(vec![email.into()]),
        phone: None,
        html_url: None,
    }
}

/// Ana is known by e-mail, Zoe is nobody in Slack.
async fn two_people(db: &Db) {
    let mut tx = db.write(Priority::Job).await.expect("a transaction");
    for (id, name, is_guest) in [("U0ANA", "ana", false), ("U0BEN", "ben", false), ("U0GUEST", "gil", true)] {
        tx.save_member(&member(id, name, is_guest)).await.expect("saved");
    }
    tx.save_responder(&responder("PANA001", "Ana Example", "ana@example.com")).await.expect("saved");
    tx.save_responder(&responder("PZOE001", "Zoe Example", "zoe@corp.example")).await.expect("saved");
    tx.link_by_email(&PagerDutyUserId::new("PANA001"), &SlackUserId::new("U0ANA")).await.expect("linked");
    tx.commit().await.expect("committed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_are_listed_linked_and_unlinked_on_sqlite() {
    let (db, guard) = testing::sqlite(&Clock::system()).await;
    people_are_listed_linked_and_unlinked(&db, &url_of(&guard)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_are_listed_linked_and_unlinked_on_postgres() {
    if let Some((db, guard)) = testing::postgres(&Clock::system()).await {
        people_are_listed_linked_and_unlinked(&db, &url_of(&guard)).await;
    }
}

async fn people_are_listed_linked_and_unlinked(db: &Db, url: &str) {
    let here = tempfile::tempdir().expect("a directory");
    let people = |arguments: &[&str]| -> Run {
        let mut command = firebell(here.path(), &[&["people"], arguments].concat());
        finish(command.env("FIREBELL__DATABASE__URL", url))
    };
    assert!(people(&["list"]).out.contains("Nobody is known yet"));
    two_people(db).await;
    allow_duplicates! {
        assert_snapshot!(people(&["list"]).out, @"
        PAGERDUTY  NAME         SLACK       LINKED     NOW  ADDRESSES
        PANA001    Ana Example  @ana U0ANA  by e-mail       ana@example.com
        PZOE001    Zoe Example  nobody                      zoe@corp.example

        `firebell people list --unmapped` lists those who are nobody in Slack. To say who one of them is: firebell people link PZOE001 @handle
        ");
        assert_snapshot!(people(&["list", "--unmapped"]).out, @"
        PAGERDUTY  NAME         SLACK   LINKED  NOW  ADDRESSES
        PZOE001    Zoe Example  nobody               zoe@corp.example

        To say who one of them is: firebell people link PZOE001 @handle
        ");
    }

    let version = db.read().await.expect("a transaction").directory_version().await.expect("read");
    for (arguments, why) in [
        (
            &["link", "PNOBODY", "@ben"][..],
            "nobody in PagerDuty has the id PNOBODY; see `firebell people list`",
        ),
        (&["link", "PZOE001", "@zoe"], "nobody in Slack is known as @zoe"),
        (&["link", "PZOE001", "U0GUEST"], "cannot be in user groups"),
        (&["unlink", "PZOE001"], "Zoe Example is linked to nobody"),
        (&["unlink", "PANA001"], "Ana Example is ana Example by e-mail, not by hand"),
    ] {
        let refused = people(arguments);
        assert_eq!((refused.code, refused.out.as_str()), (1, ""), "{arguments:?}");
        assert!(refused.err.contains(why) && refused.err.contains("nothing was changed"), "{}", refused.err);
    }
    let mut tx = db.read().await.expect("a transaction");
    assert_eq!(tx.directory_version().await.expect("read"), version);
    drop(tx);

    for word in ["ben@example.com", "@ben", "U0BEN"] {
        let linked = people(&["link", "PZOE001", word]);
        assert_eq!((linked.code, linked.err.as_str()), (0, ""));
        assert_eq!(
            linked.out,
            "Zoe Example (PZOE001) is @ben (U0BEN) in Slack. A running server's user groups follow.\n"
        );
    }
    let mut tx = db.read().await.expect("a transaction");
    assert_eq!(tx.directory_version().await.expect("read"), version + 3, "a server reads it anew");
    let jobs = tx.open_jobs().await.expect("jobs");
    assert_eq!(jobs.iter().filter(|job| job.kind == "groups.plan").count(), 1, "and compares its groups");
    drop(tx);
    let listed: Value = serde_json::from_str(&people(&["list", "--json"]).out).expect("JSON");
    assert_eq!(
        listed[1],
        json!({
            "pagerduty_id": "PZOE001", "name": "Zoe Example", "emails": ["zoe@corp.example"], "on_call": false,
            "slack": { "id": "U0BEN", "handle": "ben", "name": "ben Example" }, "linked_by_hand": true,
        })
    );
    assert_eq!(people(&["list", "--unmapped"]).out, "Everybody in PagerDuty is known in Slack.\n");
    assert_eq!(
        people(&["unlink", "PZOE001"]).out,
        "Zoe Example (PZOE001) is no longer linked by hand: their e-mail addresses decide.\n"
    );
    assert!(people(&["list", "--unmapped"]).out.contains("PZOE001"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_guest_who_is_on_call_it_is_said_what_helps() {
    let (db, guard) = testing::sqlite(&Clock::system()).await;
    let mut tx = db.write(Priority::Job).await.expect("a transaction");
    tx.save_member(&member("U0GUEST", "gil", true)).await.expect("saved");
    tx.save_responder(&responder("PGIL001", "Gil Example", "gil@example.com")).await.expect("saved");
    let on_call = OnCall {
        policy_id: "PEP1".into(),
        policy_name: "Payments".into(),
        level: 1,
        schedule_id: None,
        schedule_name: None,
        pagerduty_user_id: PagerDutyUserId::new("PGIL001"),
        user_name: "Gil Example".into(),
        starts_at: None,
        ends_at: None,
    };
    tx.replace_oncall("PEP1", &[&on_call]).await.expect("saved");
    tx.commit().await.expect("committed");
    let here = tempfile::tempdir().expect("a directory");
    let people = |arguments: &[&str]| -> Run {
        let mut command = firebell(here.path(), &[&["people"], arguments].concat());
        finish(command.env("FIREBELL__DATABASE__URL", url_of(&guard)))
    };
    assert_snapshot!(people(&["list"]).out, @"
    PAGERDUTY  NAME         SLACK                 LINKED  NOW      ADDRESSES
    PGIL001    Gil Example  @gil (not in groups)          on call  gil@example.com

    Gil Example is on call and @gil in Slack: guests cannot be in user groups; make them a full member of the workspace, or name somebody in always.
    ");
    assert_snapshot!(people(&["link", "PGIL001", "@gil"]).err, @"firebell: not gil Example: guests cannot be in user groups; make them a full member of the workspace, or name somebody in always; nothing was changed");
}

#[test]
fn people_commands_want_a_database_that_is_there() {
    let here = tempfile::tempdir().expect("a directory");
    let listed = run(here.path(), &["people", "list"]);
    assert_eq!(
        (listed.code, listed.err.as_str()),
        (1, "firebell: there is no database at sqlite://firebell.db\n")
    );
}
