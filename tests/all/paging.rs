//! `/page`: people and teams are paged through PagerDuty, and it is said what becomes of it.

use std::time::Duration;

use firebell::clock::Clock;
use firebell::on_both_engines;
use firebell::sim::desk::Fault;
use firebell::sim::scene::World;
use firebell::store::Db;

use crate::acts::exchange;
use crate::stage::Stage;

pub const HOUR: Duration = Duration::from_secs(3600);
pub const ROOM: &str = "inc-1-payments-down";

pub const PAGING: &str = r#"
[[group]]
handle = "@payments-oncall"
schedules = ["PSCHED1"]
[[commander]]
title = "Incident Commander"
emoji = ":firefighter:"
schedule = "IC rota"
[[commander]]
title = "Backup Incident Commander"
people = ["U0BEN"]
[[commander]]
title = "Trainee"
escalation_policy = "PEPIC01"
level = 2
[paging]
service = "search"
"#;

/// The standard world with a rota of incident commanders: Dee for an hour, then Eve; Cho is a trainee.
pub async fn world(clock: &Clock) -> World {
    let world = World::start(clock.clone()).await.expect("the world starts");
    let now = clock.now();
    let pd = &world.pagerduty;
    let shifts = [("PDEE001", now - HOUR, now + HOUR), ("PEVE001", now + HOUR, now + 25 * HOUR)];
    pd.add_schedule("PSCHEDIC", "IC rota", &shifts);
    pd.add_escalation_policy("PEPIC01", "Incident command", &[&["PSCHEDIC"], &["PCHO001"]]);
    let shifts = [("PANA001", now - HOUR, now + HOUR), ("PBEN001", now + HOUR, now + 25 * HOUR)];
    pd.add_schedule("PSCHED1", "Payments primary", &shifts);
    pd.add_escalation_policy("PEP0009", "Payments rota", &[&["PSCHED1"]]);
    world.slack.add_usergroup("S0PAY", "payments-oncall", &["U0ANA"]);
    world
}

pub async fn stage(db: Db, clock: Clock) -> Stage {
    let stage = Stage::on(world(&clock).await, db, clock, PAGING).await;
    stage.settle().await;
    stage
}

impl Stage {
    /// What the person reads at once in that channel, and what is said there afterwards.
    pub async fn said_after(&self, user: &str, channel: &str, typed: &str) -> String {
        let answer = self.slash_in(user, &self.channel_id(channel), typed).await;
        let before = self.said_in(channel);
        self.settle().await;
        exchange(typed, &answer) + &self.news(channel, &before)
    }

    /// All of a channel, as text with its markup.
    pub fn said_in(&self, channel: &str) -> String {
        let messages = self.world.slack.channel(&self.channel_id(channel)).expect("the channel").messages;
        messages
            .iter()
            .filter(|m| m.user == firebell::sim::slack::Slack::BOT_USER)
            .map(|m| format!("{}\n", m.text))
            .collect()
    }

    /// What our bot has said there since then.
    pub fn news(&self, channel: &str, before: &str) -> String {
        let after = self.said_in(channel);
        after.strip_prefix(before).unwrap_or(&after).to_owned()
    }

    /// Whose phones PagerDuty rang, in order.
    pub fn rung(&self) -> String {
        let pages = self.world.pagerduty.pages();
        pages.iter().map(|p| p.user_id.as_str()).collect::<Vec<_>>().join(" ")
    }

    /// What our bot wrote to this person in private.
    pub fn private(&self, user: &str) -> String {
        self.world.slack.dms(user).iter().map(|m| format!("{}\n", m.text)).collect()
    }
}

on_both_engines!(
    async fn a_service_is_paged_where_no_incident_is(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        assert_reads!(stage.said_after("U0EVE", "general", "/page payments the checkout is down").await, @"");
        assert_eq!(stage.rung(), "PANA001");
        assert_reads!(stage.world.pagerduty.narrate(), @"");
        // No room opens for it.
        assert_eq!(stage.world.slack.channels().len(), 2);
        stage.world.pagerduty.acknowledge("1", "PANA001");
        let before = stage.said_in("general");
        stage.wait(HOUR).await;
        assert_reads!(stage.news("general", &before), @"");
        stage.end().await;
    }
);

on_both_engines!(
    async fn in_an_incidents_room_people_are_asked_to_help_and_come_in(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.declared().await;
        assert_reads!(stage.said_after("U0ANA", ROOM, "/page @cho please look at the index").await, @"");
        assert_eq!(stage.rung(), "PANA001 PCHO001");
        assert_eq!(stage.members("inc-1"), "U0ANA U0CHO U0DEE");
        assert_eq!(stage.world.pagerduty.incidents().len(), 1);
        stage.world.pagerduty.responder_replies("1", "PCHO001", true);
        stage.wait(HOUR).await;
        assert_reads!(stage.timeline(1).await, @"");
        assert_reads!(stage.said_in(ROOM).lines().skip(8).collect::<Vec<_>>().join("\n"), @"");
        stage.end().await;
    }
);

on_both_engines!(
    async fn whoever_does_not_answer_is_named(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.said_after("U0EVE", "general", "/page @dee the door is open").await;
        let before = stage.said_in("general");
        stage.wait(Duration::from_secs(310)).await;
        assert_reads!(stage.news("general", &before), @"");
        assert_reads!(stage.private("U0EVE"), @"");
        // Of a team it is the policy's own time.
        stage.said_after("U0EVE", "general", "/page payments come").await;
        let before = stage.said_in("general");
        stage.wait(Duration::from_secs(29 * 60)).await;
        assert_eq!(stage.said_in("general"), before);
        stage.wait(Duration::from_secs(2 * 60)).await;
        assert_reads!(stage.news("general", &before), @"");
        stage.end().await;
    }
);

on_both_engines!(
    async fn without_responder_requests_in_the_plan_they_get_an_incident_of_their_own(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.world.pagerduty.set_abilities(&["teams"]);
        stage.declared().await;
        assert_reads!(stage.said_after("U0ANA", ROOM, "/page @cho please look").await, @"");
        assert_eq!(stage.rung(), "PANA001 PCHO001");
        let own = stage.world.pagerduty.incident("2").expect("an incident of their own");
        assert_eq!(own.assignees, ["PCHO001"]);
        stage.typed_in("U0ANA", ROOM, "/incident resolve").await;
        assert!(stage.world.pagerduty.incidents().iter().all(|i| i.status == "resolved"));
        stage.end().await;
    }
);

on_both_engines!(
    async fn while_pagerduty_is_down_people_learn_whom_to_call_and_are_paged_later(db: Db, clock: Clock) {
        let mut stage = stage(db, clock).await;
        stage.trouble_is_expected();
        stage.world.desk.always("pagerduty", Fault::Unavailable { status: 503 });
        let mut talk = stage.said_after("U0EVE", "general", "/page @dee the door is open").await;
        let before = stage.said_in("general");
        stage.wait(Duration::from_secs(60)).await;
        talk.push_str(&stage.news("general", &before));
        talk.push_str("-- to the asker\n");
        talk.push_str(&stage.private("U0EVE"));
        stage.world.desk.heal("pagerduty");
        let before = stage.said_in("general");
        stage.wait(Duration::from_secs(60)).await;
        talk.push_str("-- later\n");
        talk.push_str(&stage.news("general", &before));
        assert_reads!(talk, @"");
        assert_eq!(stage.rung(), "PDEE001");
        stage.end().await;
    }
);

on_both_engines!(
    async fn the_second_road_never_makes_two_incidents(db: Db, clock: Clock) {
        let mut stage = stage(db, clock).await;
        stage.trouble_is_expected();
        for call in ["GET /", "POST /incidents", "PUT /"] {
            stage.world.desk.always(call, Fault::Unavailable { status: 500 });
        }
        let mut talk = stage.said_after("U0EVE", "general", "/page payments the checkout is down").await;
        let before = stage.said_in("general");
        stage.wait(Duration::from_secs(30)).await;
        assert_eq!(stage.rung(), "PANA001", "the event pages");
        for call in ["GET /", "POST /incidents", "PUT /"] {
            stage.world.desk.heal(call);
        }
        stage.wait(Duration::from_secs(60)).await;
        talk.push_str(&stage.news("general", &before));
        assert_reads!(talk, @"");
        assert_eq!((stage.rung().as_str(), stage.world.pagerduty.incidents().len()), ("PANA001", 1));
        stage.end().await;
    }
);
