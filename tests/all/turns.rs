//! Two who change one incident at the same moment go one after the other: nothing of either is lost, and Postgres
//! never has to undo one because each waits for the other.

use std::time::Duration;

use firebell::events;
use firebell::ids::IncidentId;
use firebell::incidents::model::Status;
use firebell::on_both_engines;
use firebell::store::{Db, Priority};

use crate::stage::Stage;

/// Until another transaction waits for one of ours. On SQLite it waits at the door, and there is nothing to see.
async fn until_somebody_waits(db: &Db) {
    const WAITING: &str = "SELECT count(*) FROM pg_stat_activity
                           WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let give_up_at = firebell::clock::Clock::system().now() + Duration::from_secs(60);
    while db.is_postgres() {
        let waiting = db.read().await.expect("a transaction").scalar::<i64>(WAITING, &[]).await;
        if waiting.expect("a count") > Some(0) {
            return;
        }
        assert!(firebell::clock::Clock::system().now() < give_up_at, "nobody waits");
        tokio::task::yield_now().await;
    }
}

async fn id_of_first(db: &Db) -> IncidentId {
    let mut tx = db.read().await.expect("a transaction");
    let id = tx.scalar("SELECT id FROM incident WHERE number = 1", &[]).await;
    id.expect("it reads").expect("INC-1")
}

on_both_engines!(
    async fn what_a_person_does_is_not_lost_when_another_changes_the_incident_at_that_moment(
        db: Db,
        clock: Clock,
    ) {
        let stage = Stage::set(db.clone(), clock).await;
        stage.declared().await;
        let (id, room) = (id_of_first(&db).await, stage.room_id("inc-1"));
        let mut other = db.write(Priority::Command).await.expect("a transaction");
        assert!(other.change_status(id, Status::Investigating, Status::Identified).await.expect("changed"));
        let first = async {
            until_somebody_waits(&db).await;
            other.commit().await.expect("committed");
        };
        let (answer, ()) = tokio::join!(stage.slash_in("U0BEN", &room, "/incident resolve"), first);
        assert_eq!(answer, "INC-1 resolved.");
        assert_eq!(stage.status(1).await, "resolved");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_webhook_and_a_command_about_one_incident_wait_for_each_other_in_one_place(
        db: Db,
        clock: Clock,
    ) {
        let stage = Stage::set(db.clone(), clock).await;
        let page = stage.declared().await;
        let (id, room) = (id_of_first(&db).await, stage.room_id("inc-1"));
        // An edit of the summary waits already: whoever wants another one changes this one.
        stage.slash_in("U0ANA", &room, "/incident update the first news").await;
        stage.world.pagerduty.acknowledge(&page, "PBEN001");
        stage.world.pagerduty.deliver(&stage.running.base_url()).await.expect("an address");
        let mut command = db.write(Priority::Command).await.expect("a transaction");
        command.lock_incident(id).await.expect("the incident");
        let first = async {
            until_somebody_waits(&db).await;
            command.redraw(id).await.expect("nobody who waits for us holds what we want");
            command.commit().await.expect("committed");
        };
        let (read, ()) = tokio::join!(events::read_due(&stage.running.app), first);
        assert_eq!(read.expect("read"), 1);
        assert_eq!(db.read().await.expect("a transaction").waiting_deliveries().await.expect("a count"), 0);
        stage.end().await;
    }
);
