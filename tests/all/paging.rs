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

fn lines<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    texts.flat_map(|text| [text, "\n"]).collect()
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
        let ours = messages.iter().filter(|m| m.user == firebell::sim::slack::Slack::BOT_USER);
        lines(ours.map(|m| m.text.as_str()))
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
        lines(self.world.slack.dms(user).iter().map(|m| m.text.as_str()))
    }
}

on_both_engines!(
    async fn a_service_is_paged_where_no_incident_is(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        assert_reads!(stage.said_after("U0EVE", "general", "/page payments the checkout is down").await, @"
        /page payments the checkout is down
          → :rotating_light: Paging 'payments': the checkout is down
            :hourglass_flowing_sand: payments (Ana Example) is being paged.
        :rotating_light: Paging 'payments': the checkout is down
        :white_check_mark: payments (Ana Example) has been paged.
        pd: Incident triggered in the following service: <https://acme.pagerduty.com/incidents/Q1NG2TX0000001|payments>
        ");
        assert_eq!(stage.rung(), "PANA001");
        assert_reads!(stage.world.pagerduty.narrate(), @"
        10:00 Firebell triggered #1 the checkout is down
        10:00 PagerDuty notified Ana Example of #1 the checkout is down
        ");
        // No room opens for it.
        assert_eq!(stage.world.slack.channels().len(), 2);
        stage.world.pagerduty.acknowledge("1", "PANA001");
        let before = stage.said_in("general");
        stage.wait(HOUR).await;
        assert_reads!(stage.news("general", &before), @":eyes: Ana Example has answered the page of 'payments' (“the checkout is down”).");
        stage.end().await;
    }
);

on_both_engines!(
    async fn in_an_incidents_room_people_are_asked_to_help_and_come_in(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.declared().await;
        assert_reads!(stage.said_after("U0ANA", ROOM, "/page @cho please look at the index").await, @"
        /page @cho please look at the index
          → :rotating_light: Paging 'Cho Example': please look at the index
            :hourglass_flowing_sand: Cho Example is being paged.
            _For INC-1 payments-down; they are invited here._
        :rotating_light: Paging 'Cho Example': please look at the index
        :white_check_mark: Cho Example has been paged.
        ");
        assert_eq!(stage.rung(), "PANA001 PCHO001");
        assert_eq!(stage.members("inc-1"), "U0ANA U0CHO U0DEE");
        assert_eq!(stage.world.pagerduty.incidents().len(), 1);
        stage.world.pagerduty.responder_replies("1", "PCHO001", true);
        stage.wait(HOUR).await;
        assert_reads!(stage.timeline(1).await, @"
        10:00 declared slack/Ana Example: Declared payments-down as SEV1
        10:00 channel firebell/Firebell: Opened #inc-1-payments-down
        10:00 page firebell/Firebell: Opened PagerDuty incident #1
        10:00 page pagerduty/Firebell: #1 triggered, paging Ana Example
        10:00 page slack/Ana Example: Paged Cho Example: please look at the index
        10:00 page firebell/Firebell: PagerDuty has paged Cho Example
        10:00 responder pagerduty/Cho Example: Joins the response
        ");
        assert_reads!(stage.said_in(ROOM).lines().skip(8).collect::<Vec<_>>().join("\n"), @"
        :pager: #1 is paging <@U0ANA>.
        :rotating_light: Paging 'Cho Example': please look at the index
        :hourglass_flowing_sand: Cho Example is being paged.
        _For INC-1 payments-down; they are invited here._
        :rotating_light: Paging 'Cho Example': please look at the index
        :white_check_mark: Cho Example has been paged.
        :speech_balloon: <@U0CHO> joins the response.
        :firefighter: *SEV1* has no incident commander. Somebody take it: decisions need one voice.
        :alarm_clock: An update is due: the last one was 20m ago, and SEV1 wants one every 20m.
        :alarm_clock: An update is due: the last one was 40m ago, and SEV1 wants one every 20m.
        :alarm_clock: An update is due: the last one was 1h ago, and SEV1 wants one every 20m.
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn whoever_does_not_answer_is_named(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.said_after("U0EVE", "general", "/page @dee the door is open").await;
        let before = stage.said_in("general");
        stage.wait(Duration::from_secs(310)).await;
        assert_reads!(stage.news("general", &before), @"
        :alarm_clock: <@U0EVE> Nobody has answered the page of 'Dee Example' (“the door is open”) for 5m: asked <!date^1795255200^{date_short_pretty} at {time}|2026-11-21 10:00 UTC> on <https://acme.pagerduty.com/incidents/Q1NG2TX0000001|PagerDuty>.
        • Please call Dee Example.
        _I have sent the phone numbers to <@U0EVE>._
        ");
        assert_reads!(stage.private("U0EVE"), @"
        :rotating_light: Paging 'Dee Example': the door is open
        :telephone_receiver: Please call Dee Example at +49 1515550104.
        ");
        // Of a team it is the policy's own time.
        stage.said_after("U0EVE", "general", "/page payments come").await;
        let before = stage.said_in("general");
        stage.wait(Duration::from_secs(29 * 60)).await;
        assert_eq!(stage.said_in("general"), before);
        stage.wait(Duration::from_secs(2 * 60)).await;
        assert_reads!(stage.news("general", &before), @"
        :alarm_clock: <@U0EVE> Nobody has answered the page of 'payments' (“come”) for 30m: asked <!date^1795255510^{date_short_pretty} at {time}|2026-11-21 10:05 UTC> on <https://acme.pagerduty.com/incidents/Q1NG2TX0000002|PagerDuty>.
        • Please call Ana Example.
        _I have sent the phone numbers to <@U0EVE>._
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn without_responder_requests_in_the_plan_they_get_an_incident_of_their_own(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.world.pagerduty.set_abilities(&["teams"]);
        stage.declared().await;
        assert_reads!(stage.said_after("U0ANA", ROOM, "/page @cho please look").await, @"
        /page @cho please look
          → :rotating_light: Paging 'Cho Example': please look
            :hourglass_flowing_sand: Cho Example is being paged.
            _For INC-1 payments-down; they are invited here._
        :rotating_light: Paging 'Cho Example': please look
        :white_check_mark: Cho Example has been paged.
        :pager: #2 is paging <@U0CHO>.
        ");
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
        assert_reads!(talk, @"
        /page @dee the door is open
          → :rotating_light: Paging 'Dee Example': the door is open
            :hourglass_flowing_sand: Dee Example is being paged.
        :rotating_light: Paging 'Dee Example': the door is open
        :warning: *Nobody has been paged yet*: PagerDuty does not answer (HTTP 503). I keep trying.
        :exclamation: There was an error paging a user, please manually call Dee Example.
        _I have sent the phone numbers to <@U0EVE>._
        -- to the asker
        :rotating_light: Paging 'Dee Example': the door is open
        :telephone_receiver: Please call Dee Example at +49 1515550104.
        -- later
        :rotating_light: Paging 'Dee Example': the door is open
        :white_check_mark: Dee Example has been paged.
        pd: Incident triggered in the following service: <https://acme.pagerduty.com/incidents/Q1NG2TX0000001|search>
        ");
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
        assert_reads!(talk, @"
        /page payments the checkout is down
          → :rotating_light: Paging 'payments': the checkout is down
            :hourglass_flowing_sand: payments (Ana Example) is being paged.
        :rotating_light: Paging 'payments': the checkout is down
        :warning: PagerDuty does not answer (HTTP 500). I keep trying.
        :pager: payments (Ana Example): I have raised an alert on payments through PagerDuty's Events API, which pages who is on call there. Whom it has reached nobody can tell yet; if nobody answers, please manually call Ana Example.
        _I have sent the phone numbers to <@U0EVE>._
        :rotating_light: Paging 'payments': the checkout is down
        :white_check_mark: payments (Ana Example) has been paged.
        pd: Incident triggered in the following service: <https://acme.pagerduty.com/incidents/Q1NG2TX0000001|payments>
        ");
        assert_eq!((stage.rung().as_str(), stage.world.pagerduty.incidents().len()), ("PANA001", 1));
        stage.end().await;
    }
);
