//! Who may, and who may know.

use firebell::on_both_engines;
use firebell::sim::slack::Slack;
use serde_json::json;

use crate::acts::{exchange, form_answer, text};
use crate::stage::Stage;

const ROOM: &str = "inc-1-payments-down";

on_both_engines!(
    async fn only_full_members_of_this_workspace_are_served(db: Db, clock: Clock) {
        let world = firebell::sim::scene::World::start(clock.clone()).await.expect("the world starts");
        let slack = &world.slack;
        for (id, name) in
            [("U0GUEST", "guest"), ("U0ONE", "one"), ("U0GONE", "gone"), ("U0BOT", "robot"), ("U0FAR", "far")]
        {
            slack.add_user(id, name, name, &format!("{name}@example.com"));
        }
        slack.edit_user("U0GUEST", |u| u.is_restricted = true);
        slack.edit_user("U0ONE", |u| u.is_ultra_restricted = true);
        slack.edit_user("U0GONE", |u| u.deleted = true);
        slack.edit_user("U0BOT", |u| u.is_bot = true);
        slack.edit_user("U0FAR", |u| u.team_id = "T0ELSEWHERE".into());
        let stage = Stage::on(world, db, clock, "").await;
        stage.settle().await;
        stage.typed("U0ANA", "/incident declare payments down sev1").await;
        let before = stage.world.slack.transcript(ROOM);
        let mut answers = String::new();
        for user in ["U0GUEST", "U0ONE", "U0GONE", "U0BOT", "U0FAR"] {
            for typed in
                ["/incident", "/incident declare search is slow sev1", "/incident list", "/incident help"]
            {
                let answer = stage.typed(user, typed).await;
                if typed == "/incident list" {
                    answers.push_str(&exchange(&format!("{user} {typed}"), &answer));
                }
                assert!(
                    answer.contains("full members") || answer.contains("not the one Firebell serves"),
                    "{answer}"
                );
            }
            stage.click(user, ROOM, "Resolve").await;
            stage.settle().await;
        }
        assert_reads!(answers, @"
        U0GUEST /incident list
          → Firebell takes commands from full members of this workspace only; ask one of them.
        U0ONE /incident list
          → Firebell takes commands from full members of this workspace only; ask one of them.
        U0GONE /incident list
          → Firebell takes commands from full members of this workspace only; ask one of them.
        U0BOT /incident list
          → Firebell takes commands from full members of this workspace only; ask one of them.
        U0FAR /incident list
          → This workspace is not the one Firebell serves.
        ");
        // Every one is on record, without the words of another workspace.
        let audit = stage.audit().await;
        assert_eq!(audit.matches("denied").count(), 20, "{audit}");
        let far: Vec<&str> = audit.lines().filter(|line| line.contains("U0FAR")).collect();
        assert!(far.len() == 4 && far.iter().all(|line| line.contains("T0ELSEWHERE")), "{audit}");
        assert!(!far.join("\n").contains("search"), "{audit}");
        assert_eq!(stage.world.slack.transcript(ROOM), before);
        assert_eq!(stage.world.desk.count("views.open"), 0);
        assert_eq!(stage.world.slack.channels().len(), 3);
        stage.end().await;
    }
);

on_both_engines!(
    async fn somebody_new_is_met_and_then_served(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.world.slack.add_user("U0NEW", "new", "New Person", "new@example.com");
        assert_reads!(stage.slash("U0NEW", "/incident declare payments down sev1").await, @"I have not met you yet and am reading your profile: please try again in a few seconds.");
        stage.settle().await;
        let answer = stage.typed("U0NEW", "/incident declare payments down sev1").await;
        assert!(answer.contains("Declaring"), "{answer}");
        // A person whom nobody knows, not even Slack.
        stage.slash("U0NOBODY", "/incident list").await;
        stage.settle().await;
        assert_reads!(stage.slash("U0NOBODY", "/incident list").await, @"I have not met you yet and am reading your profile: please try again in a few seconds.");
        stage.settle().await;
        stage.end().await;
    }
);

on_both_engines!(
    async fn rights_are_given_to_groups_people_and_addresses(db: Db, clock: Clock) {
        let rights = "[rights]\ndeclare = ['@sre-leads', 'U0ANA', 'Ben@Example.com']\n";
        let stage = Stage::set_with(db, clock, rights).await;
        let mut answers = String::new();
        for (user, title) in [("U0ANA", "a"), ("U0BEN", "b"), ("U0DEE", "c"), ("U0CHO", "d")] {
            let typed = format!("/incident declare {title} --no-page sev1");
            answers.push_str(&exchange(&format!("{user} {typed}"), &stage.typed(user, &typed).await));
        }
        for typed in ["", " list", " status INC-1", " update INC-1", " resolve INC-1", " help ack"] {
            let typed = format!("/incident{typed}");
            answers.push_str(&exchange(&format!("U0CHO {typed}"), &stage.typed("U0CHO", &typed).await));
        }
        assert_reads!(answers, @"
        U0ANA /incident declare a --no-page sev1
          → :rotating_light: Declaring *INC-1 a* as *SEV1*: opening #inc-1-a, paging nobody (as asked).
        U0BEN /incident declare b --no-page sev1
          → :rotating_light: Declaring *INC-2 b* as *SEV1*: opening #inc-2-b, paging nobody (as asked).
        U0DEE /incident declare c --no-page sev1
          → :rotating_light: Declaring *INC-3 c* as *SEV1*: opening #inc-3-c, paging nobody (as asked).
        U0CHO /incident declare d --no-page sev1
          → That needs the right to declare. Ask one of those who have it (@sre-leads, Ana Example, ben@example.com), or an administrator to extend [rights].
        U0CHO /incident
          → That needs the right to declare. Ask one of those who have it (@sre-leads, Ana Example, ben@example.com), or an administrator to extend [rights].
        U0CHO /incident list
          → *Open incidents*
            • *INC-3* SEV1 c · Investigating for 0s · <#C0000005>
            • *INC-2* SEV1 b · Investigating for 0s · <#C0000004>
            • *INC-1* SEV1 a · Investigating for 0s · <#C0000003>
        U0CHO /incident status INC-1
          → *INC-1* SEV1 a · Investigating for 0s · <#C0000003>
            IC: none yet · PagerDuty: nobody paged (as asked)
            The next update is due in 20m.
        U0CHO /incident update INC-1
          → That needs the right to declare. Ask one of those who have it (@sre-leads, Ana Example, ben@example.com), or an administrator to extend [rights].
        U0CHO /incident resolve INC-1
          → That needs the right to declare. Ask one of those who have it (@sre-leads, Ana Example, ben@example.com), or an administrator to extend [rights].
        U0CHO /incident help ack
          → `/incident ack [INC-n]`
            Acknowledge, here and in PagerDuty. PagerDuty stops escalating; if it could not ring anybody yet, it rings nobody. If it pages again later, acknowledge again.
            Example: `/incident ack`
            Also: `acknowledge`
        ");
        let said = stage.press_and_read("U0CHO", "inc-1-a", "Resolve").await;
        assert!(said.starts_with("That needs the right to declare."), "{said}");
        let said = stage.press_and_read("U0CHO", "inc-1-a", "Post update").await;
        assert!(said.starts_with("That needs the right to declare."), "{said}");
        assert_eq!(stage.world.desk.count("views.open"), 0);
        assert!(stage.summary("inc-1-a").contains("Investigating"));
        // Whoever joins the group may from the next read on.
        stage.world.slack.edit_usergroup("S0LEADS", |g| g.members.push("U0CHO".into()));
        let joined =
            stage.world.slack.event(json!({ "type": "subteam_members_changed", "subteam_id": "S0LEADS" }));
        stage.world.slack.deliver(&stage.running.base_url(), &joined).await.expect("an answer");
        stage.settle().await;
        stage.pass(1).await;
        assert_eq!(stage.typed("U0CHO", "/incident resolve INC-1").await, "INC-1 resolved.");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_form_left_open_gives_no_right(db: Db, clock: Clock) {
        let stage = Stage::set_with(db, clock, "[rights]\ndeclare = ['@sre-leads']\n").await;
        stage.slash("U0DEE", "/incident").await;
        // Cho forges the submission of Dee's form.
        let answer = stage.submit("U0CHO", &[("title", text("payments down"))]).await;
        assert_reads!(form_answer(&answer), @"That needs the right to declare. Ask one of those who have it (@sre-leads), or an administrator to extend [rights].");
        stage.settle().await;
        assert_eq!(stage.world.slack.channels().len(), 2);
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_button_says_what_but_never_who(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        stage.typed("U0ANA", "/incident declare payments down sev1").await;
        let room = stage.world.slack.channel_named(ROOM).expect("the room");
        let ts = stage.summary_ts(ROOM);
        let blocks = &room.message(&ts).expect("the summary").blocks;
        let id = blocks.last().expect("buttons")["elements"][0]["value"].as_str().expect("an id").to_owned();
        let claims = json!({ "incident": id, "user": "U0DEE", "by": "U0DEE", "minutes": 30 }).to_string();
        stage.forge("U0EVE", ROOM, &ts, "incident.take_command", &claims).await;
        stage.settle().await;
        assert!(stage.summary(ROOM).contains("@eve"), "{}", stage.summary(ROOM));
        stage.end().await;
    }
);

/// A private incident of Ana's, Ben in it by his role.
async fn private(db: firebell::store::Db, clock: firebell::clock::Clock) -> Stage {
    let stage = Stage::set(db, clock).await;
    stage.typed("U0ANA", "/incident declare payroll data leaked sev1 --private").await;
    stage.typed("U0ANA", "/incident role INC-1 ic @ben").await;
    stage
}

const SECRET: &str = "inc-1-payroll-data-leaked";

on_both_engines!(
    async fn a_private_incident_exists_for_its_members_only(db: Db, clock: Clock) {
        let stage = private(db, clock).await;
        let room = stage.world.slack.channel_named(SECRET).expect("the room");
        assert!(room.is_private);
        assert_eq!(
            room.members.iter().collect::<Vec<_>>(),
            ["U0ANA", "U0BEN", Slack::BOT_USER],
            "no group of sev1"
        );
        let before = stage.world.slack.transcript(SECRET);
        let (secret, general) = (room.id.clone(), stage.channel_id("general"));
        let mut answers = String::new();
        for verb in [
            "list",
            "status INC-1",
            "timeline INC-1",
            "ack INC-1",
            "update INC-1 x",
            "update INC-1",
            "sev INC-1 2",
            "sev INC-1",
            "role INC-1 ic",
            "note INC-1 x",
            "mitigated INC-1",
            "resolve INC-1",
            "cancel INC-1",
            "reopen INC-1 x",
            "reopen INC-1",
        ] {
            let typed = format!("/incident {verb}");
            let answer = stage.typed("U0EVE", &typed).await;
            if verb == "list" {
                answers.push_str(&exchange(&typed, &answer));
            } else {
                assert_eq!(answer, "There is no incident INC-1. See `/incident list`.", "{typed}");
            }
        }
        // Its room tells nothing either, and is like any other channel.
        for channel in [&secret, &general] {
            let typed = format!("/incident status <#{channel}|>");
            let request = stage.world.slack.command("U0EVE", &general, "/incident status");
            let body = String::from_utf8(request.body).expect("a form").replace(
                "text=status",
                &form_urlencoded::Serializer::new(String::new())
                    .append_pair("text", &typed["/incident ".len()..])
                    .finish(),
            );
            answers.push_str(&exchange(
                &typed.replace(channel, "C…"),
                &stage.raw("/slack/commands", body).await,
            ));
        }
        answers.push_str(&exchange(
            "in the room: /incident status",
            &stage.slash_in("U0EVE", &secret, "/incident status").await,
        ));
        assert_reads!(answers, @"
        /incident list
          → :white_check_mark: No open incidents. `/incident declare` opens one.
        /incident status <#C…|>
          → That channel is no incident's room. Say this in its channel, or name it: `/incident status INC-7`. No incident is open.
        /incident status <#C…|>
          → That channel is no incident's room. Say this in its channel, or name it: `/incident status INC-7`. No incident is open.
        in the room: /incident status
          → Which incident? Say this in its channel, or name it: `/incident status INC-7`. No incident is open.
        ");
        assert_eq!(stage.world.slack.transcript(SECRET), before);
        // Members see and do as always.
        assert_reads!(stage.slash("U0BEN", "/incident list").await, @"
        *Open incidents*
        • *INC-1* SEV1 :lock: payroll data leaked · Investigating for 0s · <#C0000003>
        ");
        assert_eq!(stage.typed("U0BEN", "/incident ack INC-1").await, "INC-1 acknowledged.");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_private_incidents_buttons_work_for_members_only(db: Db, clock: Clock) {
        let stage = private(db, clock).await;
        let before = stage.summary(SECRET);
        let ts = stage.summary_ts(SECRET);
        let room = stage.world.slack.channel_named(SECRET).expect("the room");
        let blocks = &room.message(&ts).expect("the summary").blocks;
        let id = blocks.last().expect("buttons")["elements"][0]["value"].as_str().expect("an id").to_owned();
        for action in
            ["acknowledge", "take_command", "update_form", "mitigated", "resolve", "keep_open", "reopen_form"]
        {
            let seen = stage.whispers("U0EVE");
            stage.forge("U0EVE", SECRET, &ts, &format!("incident.{action}"), &id).await;
            let told = stage.newest_whisper("U0EVE", &seen).await;
            assert!(told.starts_with("There is no such incident"), "{action}: {told}");
        }
        stage.settle().await;
        assert_eq!(stage.summary(SECRET), before);
        assert!(stage.world.slack.views().is_empty());
        stage.press("U0BEN", SECRET, "Acknowledge").await;
        assert!(stage.summary(SECRET).contains("acknowledged"));
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_private_incident_is_told_nowhere_else(db: Db, clock: Clock) {
        let stage = private(db, clock).await;
        stage.typed("U0BEN", "/incident note INC-1 payroll table was public").await;
        stage.typed("U0BEN", "/incident update INC-1 identified: payroll table was public").await;
        stage.typed("U0BEN", "/incident sev INC-1 2").await;
        stage.typed("U0BEN", "/incident resolve INC-1 payroll table is closed").await;
        stage.pass(1).await;
        stage.typed("U0BEN", "/incident reopen INC-1 payroll again --page").await;
        assert_eq!(stage.world.slack.transcript("incidents"), "");
        assert_reads!(stage.pagerduty().join("\n"), @"
        10:00 Firebell triggered #1 INC-1 (private incident)
        10:00 PagerDuty notified Ana Example of #1 INC-1 (private incident)
        10:00 Firebell noted on #1 INC-1 (private incident): INC-1 is worked on in a private Slack channel
        10:00 Firebell set the priority of #1 INC-1 (private incident) to P2
        10:00 Firebell resolved #1 INC-1 (private incident)
        10:00 Firebell noted on #1 INC-1 (private incident): Resolution Note: Resolved by Ben Example in Slack
        10:01 Firebell triggered #2 INC-1 (private incident)
        10:01 PagerDuty notified Ana Example of #2 INC-1 (private incident)
        10:01 Firebell noted on #2 INC-1 (private incident): INC-1 is worked on in a private Slack channel
        ");
        assert!(!format!("{:?}", stage.world.pagerduty.incidents()).contains("payroll"));
        // Somebody else who declares the same is not told that they are not the first.
        let answer = stage.typed("U0EVE", "/incident declare payroll data leaked sev1").await;
        assert!(answer.contains("Declaring *INC-2"), "{answer}");
        // A member is.
        let answer =
            stage.typed("U0BEN", "/incident declare payroll data leaked sev1 --service payments").await;
        assert!(answer.contains("looks like an incident that is open already"), "{answer}");
        stage.end().await;
    }
);

on_both_engines!(
    async fn the_severitys_groups_come_into_private_rooms_when_configured(db: Db, clock: Clock) {
        let more = "[incidents]\nprivate_invites_severity_groups = true\n";
        let stage = Stage::set_with(db, clock, more).await;
        stage.typed("U0ANA", "/incident declare payroll data leaked sev1 --private").await;
        let room = stage.world.slack.channel_named(SECRET).expect("the room");
        assert_eq!(room.members.iter().collect::<Vec<_>>(), ["U0ANA", "U0DEE", Slack::BOT_USER]);
        stage.end().await;
    }
);

on_both_engines!(
    async fn who_joins_a_private_room_sees_the_incident_and_who_leaves_does_not(db: Db, clock: Clock) {
        let stage = private(db, clock).await;
        let room = stage.channel_id(SECRET);
        for (event, sees) in [("member_joined_channel", true), ("member_left_channel", false)] {
            let event = json!({ "type": event, "user": "U0EVE", "channel": room, "channel_type": "G" });
            let event = stage.world.slack.event(event);
            stage.world.slack.deliver(&stage.running.base_url(), &event).await.expect("an answer");
            stage.settle().await;
            assert_eq!(stage.slash("U0EVE", "/incident status INC-1").await.contains("payroll"), sees);
        }
        stage.end().await;
    }
);
