//! Two replicas on one Postgres: people type at both doors, each webhook arrives at both, and one of them is killed in
//! the midst and stays dead. Everything happens once, and in order.

use std::collections::BTreeSet;
use std::time::Duration;

use firebell::ids::IncidentId;
use firebell::incidents::model::StepState;
use tokio::task::JoinSet;

use crate::live::Company;
use crate::{LATENCY, canon, out_of_order};

/// Who declares what.
const INCIDENTS: [(&str, &str); 4] =
    [("U0ANA", "alpha"), ("U0BEN", "bravo"), ("U0CHO", "charlie"), ("U0DEE", "delta")];

/// What is said in each room, in the words that its messages have in this order.
const TOLD: [&str; 9] = [
    "incident declared",
    "the first news",
    "SEV2 → SEV3",
    "the second news",
    "is now incident commander",
    "SEV3 → SEV1",
    "acknowledged",
    "we turned it off",
    "Resolved by",
];

impl Company {
    fn room_of(&self, title: &str) -> Option<String> {
        let rooms = self.world.slack.channels().into_iter().map(|c| c.name);
        let rooms: Vec<String> = rooms.filter(|n| n.starts_with("inc-") && n.contains(title)).collect();
        assert!(rooms.len() < 2, "two rooms for one incident: {rooms:?}");
        rooms.into_iter().next()
    }

    fn page_of(&self, title: &str) -> Option<firebell::sim::pagerduty::Incident> {
        let pages = self.world.pagerduty.incidents().into_iter().filter(|i| i.title.contains(title));
        let pages: Vec<_> = pages.collect();
        assert!(pages.len() < 2, "two pages for one incident: {pages:?}");
        pages.into_iter().next()
    }

    /// One incident from its beginning to its end, each command at the other door.
    async fn lives(&self, user: &str, title: &str) {
        let declare = format!("/incident declare {title} sev2");
        let answers: BTreeSet<String> =
            self.types_everywhere(user, "general", &declare).await.into_iter().collect();
        assert_eq!(answers.len(), 1, "one request, one answer: {answers:?}");
        let reads = |room: &str, words: &str| self.world.slack.transcript(room).contains(words);
        self.until("the room is ready, and somebody is paged", || {
            self.page_of(title).is_some() && self.room_of(title).is_some_and(|r| reads(&r, "[Acknowledge]"))
        })
        .await;
        let room = self.room_of(title).expect("the room");
        let commands =
            ["update the first news", "sev 3", "update identified: the second news", "role ic @eve", "sev 1"];
        for (door, words) in commands.iter().enumerate() {
            self.types(door, user, &room, &format!("/incident {words}")).await;
        }
        self.acknowledges(1, "U0EVE", &room).await;
        self.types(0, user, &room, "/incident note we turned it off").await;
        self.types(1, user, &room, "/incident resolve it works again").await;
        self.until("it is over", || {
            self.page_of(title).is_some_and(|p| p.status == "resolved") && reads(&room, "Resolved by")
        })
        .await;
    }

    /// Kills a replica when so many more calls were made.
    async fn loses(&self, replica: usize, calls: usize) {
        let began = self.world.desk.arrived();
        while self.world.desk.arrived() < began + calls {
            self.clock.sleep(Duration::from_millis(1)).await;
        }
        self.kill(replica);
        std::future::pending::<()>().await;
    }

    /// What happened otherwise than once, or out of order.
    fn wrong_about(&self, title: &str) -> Vec<String> {
        const ALL: [&str; 3] = ["trigger_log_entry", "acknowledge_log_entry", "resolve_log_entry"];
        let mut wrong = Vec::new();
        let mut demand = |what: &str, is_so: bool| {
            if !is_so {
                wrong.push(format!("{title}: {what}"));
            }
        };
        let room = self.room_of(title).expect("the room");
        let channel = self.world.slack.channel_named(&room).expect("the room");
        let read = self.world.slack.transcript(&room);
        let messages: Vec<&str> = read.split("\n\n").collect();
        let different: BTreeSet<&str> =
            messages.iter().map(|m| m.split_once(' ').map_or(*m, |(_, said)| said)).collect();
        demand(&format!("said twice\n{read}"), different.len() == messages.len());
        demand(&format!("out of order\n{read}"), out_of_order(&read, &TOLD).is_none());
        let topic = "[SEV1]";
        demand(
            &format!("topic {}", channel.topic),
            channel.topic.starts_with(topic) && channel.topic.ends_with("Resolved"),
        );
        demand("bookmarks", channel.bookmarks.len() == 1);
        let pinned: Vec<&&str> = messages.iter().filter(|m| m.contains("[pinned]")).collect();
        let last = ["SEV1", "Resolved after", "@eve", "resolved", "it works again", "[Reopen]"];
        demand(
            &format!("summary\n{pinned:?}"),
            pinned.len() == 1 && last.iter().all(|words| pinned[0].contains(words)),
        );
        let announced = self.world.slack.transcript("incidents");
        let announced: Vec<&str> = announced.split("\n\n").filter(|m| m.contains(title)).collect();
        demand(
            &format!("announced\n{announced:?}"),
            announced.len() == 1
                && announced[0].contains("SEV1")
                && announced[0].contains("Resolved · IC @eve"),
        );

        let page = self.page_of(title).expect("the page");
        let changes: Vec<&str> =
            page.log.iter().map(|entry| entry.kind).filter(|kind| ALL.contains(kind)).collect();
        // An acknowledgement that waits until its incident is over is not made any more: it would open it again.
        let in_order = [&ALL[..], &["trigger_log_entry", "resolve_log_entry"]].contains(&&changes[..]);
        demand(&format!("PagerDuty heard {changes:?}"), in_order);
        let notes: BTreeSet<&str> = page.notes.iter().map(|n| n.content.as_str()).collect();
        demand(&format!("noted twice {:?}", page.notes), notes.len() == page.notes.len());
        let flushed = notes.iter().filter(|n| n.contains("we turned it off")).count();
        demand(&format!("noted {notes:?}"), flushed == 1);
        wrong
    }

    /// Entries on a timeline that stand there twice, and steps that are not done.
    async fn written_wrongly(&self) -> Vec<String> {
        let mut tx = self.db.read().await.expect("a transaction");
        let ids: Vec<IncidentId> = tx.scalars("SELECT id FROM incident", &[]).await.expect("incidents");
        let mut wrong = Vec::new();
        if ids.len() != INCIDENTS.len() {
            wrong.push(format!("{} incidents are written down", ids.len()));
        }
        for id in ids {
            let mut seen = BTreeSet::new();
            for entry in tx.timeline(id).await.expect("the timeline") {
                if !seen.insert(format!("{} {}: {}", entry.kind, entry.actor, entry.text)) {
                    wrong.push(format!("twice on the timeline: {}", entry.text));
                }
            }
            let steps = tx.steps(id).await.expect("steps");
            wrong.extend(
                steps
                    .iter()
                    .filter(|s| s.state != StepState::Done)
                    .map(|s| format!("{} {}", s.step, s.state)),
            );
        }
        wrong
    }
}

/// How two replicas end of which this one was killed after so many calls.
async fn wrong_after(replica: usize, calls: usize) -> Option<Vec<String>> {
    let company = Company::found(true, LATENCY, 2).await?;
    let mut lives = JoinSet::new();
    for (user, title) in INCIDENTS {
        let company = company.clone();
        lives.spawn(async move { company.lives(user, title).await });
    }
    let all_is_over = async {
        while let Some(over) = lives.join_next().await {
            over.expect("each incident is lived to its end");
        }
        company.until_quiet().await;
    };
    tokio::select! {
        () = all_is_over => {}
        () = company.carry() => {}
        () = company.loses(replica, calls) => {}
    }
    let mut wrong = company.written_wrongly().await;
    for (_, title) in INCIDENTS {
        wrong.extend(company.wrong_about(title));
    }
    let parked = canon::lasting(&company.world, &company.db).await;
    wrong.extend(parked.lines().filter(|l| l.starts_with("parked")).map(str::to_owned));
    wrong.extend(company.errors());
    wrong.extend(company.world.desk.unexpected());
    wrong.extend((0..company.world.pagerduty.dropped()).map(|_| "a webhook was dropped".to_owned()));
    Some(wrong.into_iter().map(|w| format!("replica {replica} killed after {calls} calls: {w}")).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_replicas_one_is_killed_and_everything_happens_once_and_in_order() {
    let mut runs = JoinSet::new();
    for (replica, calls) in [(1, 12), (0, 45), (1, 110)] {
        runs.spawn(wrong_after(replica, calls));
    }
    let mut wrong = Vec::new();
    while let Some(run) = runs.join_next().await {
        wrong.extend(run.expect("played to its end").unwrap_or_default());
    }
    assert_eq!(wrong, Vec::<String>::new());
}
