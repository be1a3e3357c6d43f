//! Looking needs neither vendor and writes nothing; without a database a person still learns whom to call.

use std::time::Duration;

use firebell::clock::Clock;
use firebell::on_both_engines;
use firebell::sim::desk::Fault;
use firebell::store::Priority;
use firebell::testing::{self, START};

use crate::acts::{exchange, form_answer, text};
use crate::stage::Stage;

const ROOM: &str = "inc-1-payments-down";

/// Whatever a request could write leaves another count here.
const COUNTS: &[&str] = &[
    "SELECT count(*) FROM answered",
    "SELECT count(*) FROM inbox",
    "SELECT count(*) FROM job",
    "SELECT count(*) FROM incident",
    "SELECT count(*) FROM incident_step",
    "SELECT count(*) FROM incident_member",
    "SELECT count(*) FROM incident_message",
    "SELECT count(*) FROM timeline",
    "SELECT count(*) FROM slack_user",
];

impl Stage {
    async fn rows(&self) -> Vec<i64> {
        let mut tx = self.running.app.db.read().await.expect("a transaction");
        let mut rows = Vec::new();
        for sql in COUNTS {
            rows.push(tx.scalar::<i64>(sql, &[]).await.expect("a count").expect("a row"));
        }
        rows
    }
}

const LOOKS: &[&str] = &[
    "/incident list",
    "/incident status INC-1",
    "/incident INC-1",
    "/incident timeline INC-1",
    "/incident help",
    "/incident help sev",
    "/incident status INC-9",
    "/incident nonsense",
    "/incident sev INC-1",
];

on_both_engines!(
    async fn looking_writes_nothing_and_needs_no_vendor(db: Db, clock: Clock) {
        let mut stage = Stage::set(db, clock).await;
        stage.trouble_is_expected();
        stage.typed("U0ANA", "/incident declare payments down sev1").await;
        stage.world.desk.always("", Fault::Unavailable { status: 503 });
        let (rows, calls) = (stage.rows().await, stage.world.desk.calls().len());
        for looks in LOOKS {
            let answer = stage.slash("U0BEN", looks).await;
            assert!(!answer.is_empty() && !answer.contains("my side"), "{looks}: {answer}");
        }
        assert_eq!((stage.rows().await, stage.world.desk.calls().len()), (rows.clone(), calls));
        // Forms are Slack's, and say so when Slack does not open them; but they write nothing either.
        for opens in ["/incident", "/incident update INC-1", "/incident declare sev1"] {
            let answer = stage.slash("U0BEN", opens).await;
            assert!(answer.contains("Slack did not open the form"), "{opens}: {answer}");
        }
        assert_eq!(stage.rows().await, rows);
        stage.end().await;
    }
);

on_both_engines!(
    async fn without_a_database_people_learn_whom_to_call(db: Db, clock: Clock) {
        let mut stage = Stage::set(db, clock).await;
        stage.trouble_is_expected();
        stage.typed("U0ANA", "/incident declare payments down sev1").await;
        stage.slash("U0ANA", "/incident").await; // a form, open when it happens
        stage.running.app.db.close().await;
        let mut answers = String::new();
        for typed in [
            "/incident declare search is slow sev1 --service search",
            "/incident resolve INC-1",
            "/incident list",
            "/incident status INC-1",
        ] {
            answers.push_str(&exchange(typed, &stage.slash("U0ANA", typed).await));
        }
        answers
            .push_str(&exchange("Acknowledge", &stage.answer_to_click("U0BEN", ROOM, "Acknowledge").await));
        answers
            .push_str(&exchange("Post update", &stage.answer_to_click("U0BEN", ROOM, "Post update").await));
        let submitted = stage.submit("U0ANA", &[("title", text("search is slow"))]).await;
        answers.push_str(&exchange("Declare", &form_answer(&submitted)));
        assert_reads!(answers, @"
        /incident declare search is slow sev1 --service search
          → :warning: Something is broken on my side: nothing was stored, and nobody was paged. Please try again.
            If it is urgent, call who is on call:
            • payments: Ana Example ☎ +49 1515550101, then Ben Example ☎ +49 1515550102
            • search: Cho Example ☎ +49 1515550103
        /incident resolve INC-1
          → :warning: Something is broken on my side: nothing was stored, and nobody was paged. Please try again.
            If it is urgent, call who is on call:
            • payments: Ana Example ☎ +49 1515550101, then Ben Example ☎ +49 1515550102
            • search: Cho Example ☎ +49 1515550103
        /incident list
          → :warning: I cannot look that up now: my database does not answer.
            If it is urgent, call who is on call:
            • payments: Ana Example ☎ +49 1515550101, then Ben Example ☎ +49 1515550102
            • search: Cho Example ☎ +49 1515550103
        /incident status INC-1
          → :warning: I cannot look that up now: my database does not answer.
            If it is urgent, call who is on call:
            • payments: Ana Example ☎ +49 1515550101, then Ben Example ☎ +49 1515550102
            • search: Cho Example ☎ +49 1515550103
        Acknowledge
          → :warning: Something is broken on my side: nothing was stored, and nobody was paged. Please try again.
            If it is urgent, call who is on call:
            • payments: Ana Example ☎ +49 1515550101, then Ben Example ☎ +49 1515550102
            • search: Cho Example ☎ +49 1515550103
        Post update
          → :warning: I cannot look that up now: my database does not answer.
            If it is urgent, call who is on call:
            • payments: Ana Example ☎ +49 1515550101, then Ben Example ☎ +49 1515550102
            • search: Cho Example ☎ +49 1515550103
        Declare
          → :warning: Something is broken on my side: nothing was stored, and nobody was paged. Please try again.
            If it is urgent, call who is on call:
            • payments: Ana Example ☎ +49 1515550101, then Ben Example ☎ +49 1515550102
            • search: Cho Example ☎ +49 1515550103
        ");
        // What needs no database works as always.
        assert!(stage.slash("U0ANA", "/incident help").await.contains("/incident declare"));
        assert_eq!(
            stage.slash("U0ANA", "/incident declare payments down sev9").await,
            "“sev9” is no severity. The severities are sev1, sev2, sev3, sev4, sev5."
        );
        assert_eq!(stage.slash("U0ANA", "/incident").await, "");
    }
);

on_both_engines!(
    async fn a_slow_database_is_admitted_in_time(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        // Somebody holds what declaring waits for, for longer than Slack waits.
        let mut slow = stage.running.app.db.write(Priority::Job).await.expect("a transaction");
        slow.declare_alone().await.expect("the lock");
        let answer = stage.slash("U0ANA", "/incident declare payments down sev1").await;
        assert_reads!(answer, @"
        :warning: My database is slow. Your command is not stored yet, or possibly stored: see `/incident list` before you repeat it.
        If it is urgent, call who is on call:
        • payments: Ana Example ☎ +49 1515550101, then Ben Example ☎ +49 1515550102
        • search: Cho Example ☎ +49 1515550103
        ");
        drop(slow);
        stage.settle().await;
        // It was not stored; repeated, it is.
        assert!(stage.slash("U0ANA", "/incident list").await.contains("No open incidents"));
        let answer = stage.typed("U0ANA", "/incident declare payments down sev1").await;
        assert!(answer.contains("Declaring *INC-1"), "{answer}");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_late_page_says_where_it_shows_and_whom_to_call_instead(db: Db, clock: Clock) {
        let stage = crate::paging::stage(db, clock).await;
        let mut slow = stage.running.app.db.write(Priority::Job).await.expect("a transaction");
        slow.declare_alone().await.expect("the lock");
        let answer = stage.slash("U0ANA", "/firebell page @ben all down").await;
        assert!(answer.contains("you hear here who was paged") && !answer.contains("list`"), "{answer}");
        assert_reads!(stage.slash("U0ANA", "/ic page").await, @"
        :warning: My database is slow. Your page is not stored yet, or possibly stored: if it is, you hear here who was paged. If you hear nothing for a minute, send it again: nobody is paged twice by the same words.
        If it is urgent, call who is on call:
        • Incident Commander: Dee Example ☎ +49 1515550104
        • Backup Incident Commander: Ben Example ☎ +49 1515550102
        • Trainee: Cho Example ☎ +49 1515550103
        ");
        drop(slow);
        stage.end().await;
    }
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_moment_of_full_disk_sqlite_is_written_again() {
    let clock = Clock::manual(START);
    let (db, _directory) = testing::sqlite(&clock).await;
    let stage = Stage::set(db, clock).await;
    let mut tx = stage.running.app.db.write(Priority::Job).await.expect("a transaction");
    tx.scalar::<i64>("PRAGMA max_page_count = 1", &[]).await.expect("as large as it is, and no larger");
    tx.commit().await.expect("committed");
    let answer = stage.slash("U0ANA", &format!("/incident declare {} sev1", "big ".repeat(1500))).await;
    assert!(answer.contains("broken on my side"), "{answer}");
    let answer = stage.typed("U0ANA", "/incident declare payments-down sev1").await;
    assert!(answer.contains("Declaring *INC-1 payments-down*"), "{answer}");
    assert_eq!(stage.world.pagerduty.incidents().len(), 1);
    stage.end().await;
}

on_both_engines!(
    async fn who_archives_the_room_of_an_open_incident_keeps_nobody_from_hearing(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.typed("U0ANA", "/incident declare payments-down sev1").await;
        stage.world.slack.archive(&stage.channel_id(ROOM));
        let before = stage.private("U0ANA");
        assert_reads!(stage.typed("U0BEN", "/incident update INC-1 rolled back").await, @"INC-1 updated.");
        assert_reads!(stage.private("U0ANA").replacen(&before, "", 1), @"
        *INC-1 payments-down* has no channel that I can write in, so I tell you here.
        :mega: *Investigating* — rolled back
        _update by Ben Example_
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn while_pagerduty_hangs_the_room_is_told_before_any_time_limit_ends(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.world.desk.next("POST /incidents", Fault::Slow { by: Duration::from_secs(4) });
        stage.slash("U0ANA", "/incident declare payments down sev1").await;
        let system = Clock::system();
        let six_seconds_pass = async {
            while stage.world.desk.count("POST /incidents") == 0 {
                system.sleep(Duration::from_millis(20)).await;
            }
            stage.clock.advance(Duration::from_secs(6));
            while !stage.room("inc-1").contains("PagerDuty has not answered") {
                stage.running.work_off().await.expect("jobs run");
                system.sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::join!(stage.settle(), six_seconds_pass);
        assert_reads!(stage.room("inc-1"), @"
        10:00 firebell: :rotating_light: SEV1 incident declared
        Title: payments down
        PagerDuty: being paged …
        IC: none yet: press Take command on the pinned summary, or type /incident role ic @name
        Status: Investigating
        10:00 firebell: @ana :warning: Perhaps nobody has been paged yet: PagerDuty has not answered for 5 s. I keep trying.
        • level 1: please call Ana Example
        • level 2: please call Ben Example
        _I have sent the phone numbers to @ana; anybody else sees them with /oncall payments._
        10:00 firebell: :pager: PagerDuty answers again: #1 is paging.
        10:00 firebell: :pager: #1 is paging @ana.
        ");
        assert_reads!(stage.timeline(1).await, @"
        10:00 declared slack/Ana Example: Declared payments down as SEV1
        10:00 channel firebell/Firebell: Opened #inc-1-payments-down
        10:00 page firebell/Firebell: Perhaps nobody has been paged yet: PagerDuty has not answered for 5 s
        10:00 page firebell/Firebell: Opened PagerDuty incident #1
        10:00 page pagerduty/Firebell: #1 triggered, paging Ana Example
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_went_out_by_the_events_api_is_acknowledged_by_it(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        let desk = stage.world.desk.clone();
        stage.break_rest(&Fault::Unavailable { status: 503 });
        stage.slash("U0ANA", "/incident declare payments-down sev1").await;
        for _ in 0..3 {
            stage.running.work_off().await.expect("jobs run");
            stage.clock.advance(Duration::from_secs(1));
        }
        assert_eq!(stage.rings_so_far(), "#1 triggered; rang 1");
        stage.world.pagerduty.take_webhooks(); // what it tells of that gets lost
        stage.click("U0BEN", ROOM, "Acknowledge").await;
        stage.settle().await;
        assert_eq!(stage.rings_so_far(), "#1 acknowledged; rang 1");
        assert_eq!(desk.count("POST /v2/enqueue"), 2);
        stage.heal_rest();
        stage.wait(Duration::from_secs(60)).await;
        assert_eq!(stage.rings_so_far(), "#1 acknowledged; rang 1");
        assert_eq!(desk.count("POST /v2/enqueue"), 2);
        let room = stage.room("inc-1");
        let paged = room.find("Events API").expect("it is said how it was paged");
        assert_reads!(&room[paged..], @"
        Events API instead. The incident's number follows when it works again.
        10:00 firebell: :eyes: @ben acknowledged.
        10:00 firebell: :pager: PagerDuty answers again: #1 is paging.
        10:00 firebell: :eyes: PagerDuty acknowledged #1 in PagerDuty.
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn nobody_is_to_be_called_for_what_is_over_while_pagerduty_hangs(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.world.desk.next("POST /incidents", Fault::Slow { by: Duration::from_secs(4) });
        stage.slash("U0ANA", "/incident declare payments-down sev1").await;
        let system = Clock::system();
        let it_ends = async {
            while stage.world.desk.count("POST /incidents") == 0 || stage.room("inc-1").is_empty() {
                system.sleep(Duration::from_millis(20)).await;
            }
            stage.slash_in("U0ANA", &stage.channel_id(ROOM), "/incident resolve it was nothing").await;
            stage.clock.advance(Duration::from_secs(6));
        };
        tokio::join!(stage.settle(), it_ends);
        let room = stage.room("inc-1");
        assert!(room.contains("Resolved") && !room.contains("please call"), "{room}");
        assert_eq!(stage.rings_so_far(), "#1 resolved; rang 1");
        stage.end().await;
    }
);

on_both_engines!(
    async fn who_takes_it_before_the_events_api_is_used_is_not_rung_on_and_on(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.break_rest(&Fault::Unavailable { status: 503 });
        stage.slash("U0ANA", "/incident declare payments-down sev1").await;
        stage.running.work_off().await.expect("jobs run");
        assert_eq!(stage.world.desk.count("POST /v2/enqueue"), 0);
        stage.slash_in("U0BEN", &stage.channel_id(ROOM), "/incident ack").await;
        for _ in 0..4 {
            stage.clock.advance(Duration::from_secs(1));
            stage.running.work_off().await.expect("jobs run");
        }
        assert_eq!(stage.rings_so_far(), "#1 acknowledged; rang 1");
        assert_eq!(stage.world.desk.count("POST /v2/enqueue"), 2);
        stage.heal_rest();
        stage.wait(Duration::from_secs(60)).await;
        assert_eq!(stage.rings_so_far(), "#1 acknowledged; rang 1");
        stage.end().await;
    }
);
