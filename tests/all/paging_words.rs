//! `/page` and `/ic`: what is typed wrongly, what is typed with bad intent, and who may.

use firebell::on_both_engines;

use crate::acts::exchange;
use crate::paging::{PAGING, stage, world};
use crate::stage::Stage;

on_both_engines!(
    async fn whoever_is_meant_is_found_and_near_misses_are_named(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        let typed = [
            "",
            "payments",
            "\"\" come",
            "paymnets come",
            "@payments-onkall come",
            "@nobody come",
            "<#C1|ops> come",
            "--tset payments come",
            "--test @payments-oncall come",
            "--test “Payments primary” come",
            "--test \"ic rota\", come",
            "--test @sre-leads come",
            "--test ana@example.com come",
            "--test Search come",
            "--test PEP0009 come",
            "--test me come",
            "@here come",
            "@Channel come",
            "everyone come",
            "help",
            "--test payments",
            "ic",
            "--test @ana and @ben come",
            "--test payments, @cho, @ana: all is down",
            "@ana @benn come",
            "payments, search: all is down",
            "--test payments \"search, too: all is down\"",
            "ana and ben come",
            "ana, come",
        ];
        assert_reads!(stage.asks("U0EVE", "/page", &typed).await, @r#"
        /page
          → `/page [--all] [--again] [--test] &lt;@group|@user|team|service&gt; &lt;message…&gt;` — page people or a team through PagerDuty: those on call of a service or group, or one person.
            In an incident's channel they are asked to help with the incident, and come into the channel. Elsewhere a PagerDuty incident opens on the service, or assigned to the person. A name of several words goes in quotes. A user group that follows a rota means who is on call; any other one means its members (more than 20 only with `--all`). Several who are mentioned first are all paged: `@ana @ben please join`. It is said here whom PagerDuty has paged, who answers, and when nobody does. The same page by somebody else a moment later rings nobody twice; `--again` does. `--test` pages nobody. Flags stand before the message, or behind one in quotes: `@ana "the checkout is down" --test`.
            Examples: `/page payments the checkout is down`, `/page @ana please join the call`, `/page --test @sre-leads come`
        /page payments
          → Say why, so that they know what wakes them: `/page payments the checkout is down`.
        /page "" come
          → Whom? `/page payments the checkout is down`.
        /page paymnets come
          → I know nothing and nobody called paymnets. Did you mean `/page payments`?
        /page @payments-onkall come
          → I know nothing and nobody called @payments-onkall. Did you mean `/page payments-oncall`?
        /page @nobody come
          → I know nothing and nobody called @nobody. `/oncall` alone shows what there is; `/page help` says what I understand.
        /page <#C1|ops> come
          → I know nothing and nobody called #ops. `/oncall` alone shows what there is; `/page help` says what I understand.
        /page --tset payments come
          → I do not know `--tset`. Did you mean `--test`?
        /page --test @payments-oncall come
          → :red_circle: TEST MODE ENABLED - nobody is paged :red_circle:
            :rotating_light: Paging '@payments-oncall': come
            :white_check_mark: Ana Example would be paged.
            :red_circle: TEST MODE ENABLED - nobody is paged :red_circle:
        /page --test “Payments primary” come
          → :red_circle: TEST MODE ENABLED - nobody is paged :red_circle:
            :rotating_light: Paging 'Payments primary': come
            :white_check_mark: Ana Example would be paged.
            :red_circle: TEST MODE ENABLED - nobody is paged :red_circle:
        /page --test "ic rota", come
          → :red_circle: TEST MODE ENABLED - nobody is paged :red_circle:
            :rotating_light: Paging 'IC rota': come
            :white_check_mark: Dee Example would be paged.
            :red_circle: TEST MODE ENABLED - nobody is paged :red_circle:
        /page --test @sre-leads come
          → :red_circle: TEST MODE ENABLED - nobody is paged :red_circle:
            :rotating_light: Paging '@sre-leads': come
            :white_check_mark: Dee Example would be paged.
            :red_circle: TEST MODE ENABLED - nobody is paged :red_circle:
        /page --test ana@example.com come
          → :red_circle: TEST MODE ENABLED - nobody is paged :red_circle:
            :rotating_light: Paging 'Ana Example': come
            :white_check_mark: Ana Example would be paged.
            :red_circle: TEST MODE ENABLED - nobody is paged :red_circle:
        /page --test Search come
          → :red_circle: TEST MODE ENABLED - nobody is paged :red_circle:
            :rotating_light: Paging 'search': come
            :white_check_mark: search (Cho Example) would be paged.
            :red_circle: TEST MODE ENABLED - nobody is paged :red_circle:
        /page --test PEP0009 come
          → :red_circle: TEST MODE ENABLED - nobody is paged :red_circle:
            :rotating_light: Paging 'Payments rota': come
            :white_check_mark: Payments rota (Ana Example) would be paged.
            :red_circle: TEST MODE ENABLED - nobody is paged :red_circle:
        /page --test me come
          → :red_circle: TEST MODE ENABLED - nobody is paged :red_circle:
            :rotating_light: Paging 'Eve Example': come
            :white_check_mark: Eve Example would be paged.
            :red_circle: TEST MODE ENABLED - nobody is paged :red_circle:
        /page @here come
          → @·here would ring everybody at once, whoever is on call or not. Page a team, a service or a person, as in `/page payments`.
        /page @Channel come
          → @·Channel would ring everybody at once, whoever is on call or not. Page a team, a service or a person, as in `/page payments`.
        /page everyone come
          → I know nothing and nobody called everyone. `/oncall` alone shows what there is; `/page help` says what I understand.
        /page help
          → `/page [--all] [--again] [--test] &lt;@group|@user|team|service&gt; &lt;message…&gt;` — page people or a team through PagerDuty: those on call of a service or group, or one person.
            In an incident's channel they are asked to help with the incident, and come into the channel. Elsewhere a PagerDuty incident opens on the service, or assigned to the person. A name of several words goes in quotes. A user group that follows a rota means who is on call; any other one means its members (more than 20 only with `--all`). Several who are mentioned first are all paged: `@ana @ben please join`. It is said here whom PagerDuty has paged, who answers, and when nobody does. The same page by somebody else a moment later rings nobody twice; `--again` does. `--test` pages nobody. Flags stand before the message, or behind one in quotes: `@ana "the checkout is down" --test`.
            Examples: `/page payments the checkout is down`, `/page @ana please join the call`, `/page --test @sre-leads come`
        /page --test payments
          → Say why, so that they know what wakes them: `/page --test payments the checkout is down`.
        /page ic
          → I know nothing and nobody called ic. `/oncall` alone shows what there is; `/page help` says what I understand.
            To page them all: `/ic page`.
        /page --test @ana and @ben come
          → :red_circle: TEST MODE ENABLED - nobody is paged :red_circle:
            :rotating_light: Paging 'Ana Example, Ben Example': come
            :white_check_mark: Ana Example would be paged.
            :white_check_mark: Ben Example would be paged.
            :red_circle: TEST MODE ENABLED - nobody is paged :red_circle:
        /page --test payments, @cho, @ana: all is down
          → :red_circle: TEST MODE ENABLED - nobody is paged :red_circle:
            :rotating_light: Paging 'payments, Cho Example, Ana Example': all is down
            :white_check_mark: payments (Ana Example) would be paged.
            :white_check_mark: Cho Example would be paged.
            :white_check_mark: Ana Example would be paged.
            :red_circle: TEST MODE ENABLED - nobody is paged :red_circle:
        /page @ana @benn come
          → I know nothing and nobody called @benn. Did you mean `/page ben`?
        /page payments, search: all is down
          → Is search to be paged, too, or part of the message? I have paged nobody yet. If it is to be paged: `/page payments …`, then `/page search …`. If not, put the message in quotes: `/page payments "search: all is down"`.
        /page --test payments "search, too: all is down"
          → :red_circle: TEST MODE ENABLED - nobody is paged :red_circle:
            :rotating_light: Paging 'payments': search, too: all is down
            :white_check_mark: payments (Ana Example) would be paged.
            :red_circle: TEST MODE ENABLED - nobody is paged :red_circle:
        /page ana and ben come
          → Is ben to be paged, too, or part of the message? I have paged nobody yet. If it is to be paged: `/page "Ana Example" …`, then `/page ben …`. If not, put the message in quotes: `/page "Ana Example" "and ben come"`.
        /page ana, come
          → :rotating_light: Paging 'Ana Example': come
            :hourglass_flowing_sand: Ana Example is being paged.
        "#);
        let typed = [
            "pgae",
            "rspnders",
            "page @nobdy",
            "who",
            "who annna",
            "page @here",
            "list of all",
            "page payments --public",
            "who ana --all",
            "page @ana please join the call",
            "page we need help now",
            "page --test @ana, @cho",
            "page --help",
        ];
        assert_reads!(stage.asks("U0EVE", "/ic", &typed).await, @"
        /ic pgae
          → I do not know `/ic pgae`. Did you mean `/ic page`?
        /ic rspnders
          → I do not know `/ic rspnders`. Did you mean `/ic responders`?
        /ic page @nobdy
          → I know nothing and nobody called @nobdy. `/oncall` alone shows what there is; `/ic help` says what I understand.
        /ic who
          → Whom do you want to reach? `/ic who @ana`.
        /ic who annna
          → I know nothing and nobody called annna. `/oncall` alone shows what there is; `/ic help` says what I understand.
        /ic page @here
          → @·here would ring everybody at once, whoever is on call or not. Page a team, a service or a person, as in `/ic page payments`.
        /ic list of all
          → `/ic list` takes no more words. To look somebody up: `/ic who of all`.
        /ic page payments --public
          → `--public` is for `/ic` and `/ic responders`; `--all`, `--again` and `--test` are for `/ic page`.
        /ic who ana --all
          → `--public` is for `/ic` and `/ic responders`; `--all`, `--again` and `--test` are for `/ic page`.
        /ic page @ana please join the call
          → `/ic page` takes no message, so I have paged nobody. To say something to them: `/page @ana please join the call`.
        /ic page we need help now
          → I know nothing and nobody called we need help now. `/oncall` alone shows what there is; `/ic help` says what I understand.
            I have paged nobody: `/ic page` takes no message. `/ic page` alone pages the incident commanders, and `/page WHOM MESSAGE` says something to those whom it pages.
        /ic page --test @ana, @cho
          → :red_circle: TEST MODE ENABLED - nobody is paged :red_circle:
            :rotating_light: Paging 'Ana Example, Cho Example'
            :white_check_mark: Ana Example would be paged.
            :white_check_mark: Cho Example would be paged.
            :red_circle: TEST MODE ENABLED - nobody is paged :red_circle:
        /ic page --help
          → `/ic page [responders|&lt;@user&gt;] [--all] [--again] [--test]`
            Page all incident commanders; or all teams' responders; or one person. Through PagerDuty: on the incident whose channel this is, or on a new one. One line tells for each person whether they have been paged. Who have just been paged are paged once more only with `--again`. `--test` pages nobody.
            Example: `/ic page`
            Also: `call`
        ");
        assert_eq!(stage.rung(), "");
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_is_typed_with_bad_intent_rings_nobody_in_slack(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.world.pagerduty.add_user("PEVIL01", "<!channel> `rm` *boo* @here", "evil@example.com", None);
        stage.world.pagerduty.add_escalation_policy("PEP0009", "<!here|x> & `y`", &[&["PEVIL01"]]);
        let long = "x".repeat(3_000);
        let (mut answers, mut said) = (String::new(), Vec::new());
        for (command, typed) in [
            ("/page", "payments <!channel> `rm` *bold* _it_ @here"),
            ("/page", "payments > quote\u{7} and \u{202E}reversed"),
            ("/page", "<!here> come"),
            ("/page", "<!subteam^S9|@nope> come"),
            ("/page", "`@here` come"),
            ("/page", "payments <https://evil.example|click>"),
            ("/page", "'; DROP TABLE page; -- come"),
            ("/ic", "page <!channel>"),
            ("/ic", "who `<!here>`"),
            ("/ic", "<!channel>"),
        ] {
            // As a client that escapes nothing would send it.
            let request =
                stage.world.slack.command("U0EVE", &stage.channel_id("general"), &format!("{command} WORDS"));
            let body = String::from_utf8(request.body).unwrap();
            let escaped: String = form_urlencoded::byte_serialize(typed.as_bytes()).collect();
            let answer = stage.raw("/slack/commands", body.replace("WORDS", &escaped)).await;
            said.push(answer.clone());
            answers.push_str(&exchange(
                &format!("{command} {}", typed.escape_debug()),
                &answer.replace('\u{200b}', "·"),
            ));
        }
        stage.settle().await;
        assert_reads!(answers, @r"
        /page payments <!channel> `rm` *bold* _it_ @here
          → :rotating_light: Paging 'payments': @·channel ˋrmˋ *bold* _it_ @·here
            :hourglass_flowing_sand: payments (Ana Example) is being paged.
        /page payments > quote\u{7} and \u{202e}reversed
          → :rotating_light: Paging 'payments': ·&gt; quote and reversed
            :hourglass_flowing_sand: payments (Ana Example) is being paged.
            _You have paged payments 0s ago: “@·channel ˋrmˋ *bold* _it_ @·here”._
        /page <!here> come
          → @·here would ring everybody at once, whoever is on call or not. Page a team, a service or a person, as in `/page payments`.
        /page <!subteam^S9|@nope> come
          → I know nothing and nobody called @nope. `/oncall` alone shows what there is; `/page help` says what I understand.
        /page `@here` come
          → I know nothing and nobody called ˋ@·hereˋ. `/oncall` alone shows what there is; `/page help` says what I understand.
        /page payments <https://evil.example|click>
          → :rotating_light: Paging 'payments': click (https://evil.example)
            :hourglass_flowing_sand: payments (Ana Example) is being paged.
            _You have paged payments 0s ago: “·&gt; quote and reversed”._
        /page \'; DROP TABLE page; -- come
          → I know nothing and nobody called ';. `/oncall` alone shows what there is; `/page help` says what I understand.
        /ic page <!channel>
          → @·channel would ring everybody at once, whoever is on call or not. Page a team, a service or a person, as in `/ic page payments`.
        /ic who `<!here>`
          → I know nothing and nobody called ˋ@·hereˋ. `/oncall` alone shows what there is; `/ic help` says what I understand.
        /ic <!channel>
          → I do not know `/ic @·channel`. To reach somebody: `/ic who @·channel`. `/ic help` says what I understand.
        ");
        for typed in
            [format!("payments {long}"), format!("{long} come"), format!("--{long}"), "\u{0}\u{1} x".into()]
        {
            let answer = stage.slash("U0EVE", &format!("/page {typed}")).await;
            assert!(answer.chars().count() < 2_000 && !answer.contains("my side"), "{answer}");
            let is_cut = typed.starts_with("payments") && answer.contains("without the last 1977.");
            assert!(is_cut || !answer.contains("PagerDuty takes"), "{answer}");
        }
        stage.settle().await;
        let titles: Vec<usize> =
            stage.world.pagerduty.incidents().iter().map(|i| i.title.chars().count()).collect();
        assert_eq!(titles.iter().max(), Some(&1_024), "as long as PagerDuty takes");
        said.extend([stage.said_in("general"), stage.private("U0EVE")]);
        for said in said {
            for call in ["<!channel", "<!here", "<!everyone", "<!subteam", "@here", "@channel"] {
                assert!(!said.contains(call), "{call} in {said}");
            }
        }
        stage.end().await;
    }
);

on_both_engines!(
    async fn only_those_who_may_page_and_no_guests(db: Db, clock: Clock) {
        let world = world(&clock).await;
        for (id, name) in [("U0GUEST", "guest"), ("U0BOT", "robot"), ("U0FAR", "far")] {
            world.slack.add_user(id, name, name, &format!("{name}@example.com"));
        }
        world.slack.edit_user("U0GUEST", |u| u.is_restricted = true);
        world.slack.edit_user("U0BOT", |u| u.is_bot = true);
        world.slack.edit_user("U0FAR", |u| u.team_id = "T0ELSEWHERE".into());
        let more = format!("[rights]\npage = [\"@sre-leads\"]\n{PAGING}");
        let stage = Stage::on(world, db, clock, &more).await;
        stage.settle().await;
        for user in ["U0GUEST", "U0BOT", "U0FAR"] {
            for typed in ["/page payments come", "/page help", "/ic", "/ic page", "/ic who @ana"] {
                let answer = stage.slash(user, typed).await;
                assert!(
                    answer.contains("full members") || answer.contains("not the one Firebell serves"),
                    "{answer}"
                );
            }
        }
        let mut talk = String::new();
        for typed in ["/page payments come", "/ic page", "/ic page @ana"] {
            talk.push_str(&exchange(typed, &stage.slash("U0EVE", typed).await));
        }
        assert_reads!(talk, @"
        /page payments come
          → That needs the right to page. Ask one of those who have it (@sre-leads), or an administrator to extend [rights].
        /ic page
          → That needs the right to page. Ask one of those who have it (@sre-leads), or an administrator to extend [rights].
        /ic page @ana
          → That needs the right to page. Ask one of those who have it (@sre-leads), or an administrator to extend [rights].
        ");
        assert!(stage.slash("U0EVE", "/ic").await.contains("Dee Example"), "looking is everybody's");
        stage.settle().await;
        assert_eq!(stage.rung(), "");
        stage.typed("U0DEE", "/page payments come").await;
        assert_eq!(stage.rung(), "PANA001");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_crowd_is_not_woken_by_accident(db: Db, clock: Clock) {
        let world = world(&clock).await;
        let mut crowd = Vec::new();
        for n in 0..22 {
            let (slack, email) = (format!("U0X{n:02}"), format!("x{n}@example.com"));
            world.slack.add_user(&slack, &format!("x{n}"), &format!("Person {n}"), &email);
            if n > 0 {
                world.pagerduty.add_user(&format!("PX{n:03}"), &format!("Person {n}"), &email, None);
            }
            crowd.push(slack);
        }
        let crowd: Vec<&str> = crowd.iter().map(String::as_str).collect();
        world.slack.add_usergroup("S0CROWD", "crowd", &crowd);
        world.slack.add_usergroup("S0EMPTY", "empty", &[]);
        world.slack.add_usergroup("S0OLD", "old", &["U0ANA"]);
        world.slack.edit_usergroup("S0OLD", |g| g.disabled_at = Some(g.updated_at));
        world.slack.add_user("U0TWIN", "anna", "Ana Example", "anna@example.com");
        for id in ["PMAX001", "PMAX002"] {
            world.pagerduty.add_user(id, "Max Example", &format!("{id}@example.com"), None);
        }
        world.slack.add_usergroup("S0BOTH", "both", &["U0ANA", "U0X00"]);
        let stage = Stage::on(world, db, clock, PAGING).await;
        stage.settle().await;
        let typed = [
            "@crowd come",
            "@empty come",
            "@old come",
            "\"Ana Example\" come",
            "x0 come",
            "@both come",
            "\"Max Example\" come",
        ];
        assert_reads!(stage.asks("U0EVE", "/page", &typed).await, @r#"
        /page @crowd come
          → @crowd are 22. If you mean to wake them all, say so: `/page --all @crowd come`. Otherwise page a team or a service.
        /page @empty come
          → Nobody that I know of is in @empty, so I have paged nobody. `/ic responders` shows who is on call for each team, and `/page payments …` pages one.
        /page @old come
          → @old is disabled in Slack, so I do not know who is meant. Name a person or a service.
        /page "Ana Example" come
          → Several people are called Ana Example; write @ana or @anna.
        /page x0 come
          → Person 0 cannot be paged: no PagerDuty account is known. Please call them.
        /page @both come
          → :rotating_light: Paging '@both': come
            :hourglass_flowing_sand: Ana Example is being paged.
            :exclamation: Person 0 cannot be paged: no PagerDuty account is known. Please call them.
        /page "Max Example" come
          → Several people in PagerDuty are called Max Example; write PMAX001@example.com or PMAX002@example.com.
        "#);
        stage.settle().await;
        assert_eq!(stage.rung(), "PANA001");
        stage.typed("U0EVE", "/page --all @crowd come").await;
        assert_eq!(stage.world.pagerduty.pages().len(), 22, "all but the one who has no account");
        stage.end().await;
    }
);

on_both_engines!(
    async fn everybody_who_is_mentioned_first_is_paged_once(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        let said = stage.typed("U0EVE", "/page @cho and @ben, @cho: please come").await;
        assert_reads!(said, @"
        :rotating_light: Paging 'Cho Example, Ben Example': please come
        :hourglass_flowing_sand: Cho Example is being paged.
        :hourglass_flowing_sand: Ben Example is being paged.
        ");
        assert_eq!(stage.rung(), "PCHO001 PBEN001");
        let said = stage.typed("U0EVE", "/ic page @dee @ana").await;
        assert_reads!(said, @"
        :rotating_light: Paging 'Dee Example, Ana Example'
        :hourglass_flowing_sand: Dee Example is being paged.
        :hourglass_flowing_sand: Ana Example is being paged.
        ");
        assert_eq!(stage.rung(), "PCHO001 PBEN001 PDEE001 PANA001");
        stage.end().await;
    }
);

on_both_engines!(
    async fn words_that_cannot_be_seen_are_none(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        let answer = stage.typed("U0EVE", "/page @ana \u{200b}").await;
        assert!(answer.contains("Say why, so that they know what wakes them"), "{answer}");
        assert_eq!(stage.rung(), "");
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_is_almost_right_is_answered_with_what_is(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        let typed = ["\"Ana Example hello", "“Ana hello", "commanders come", "responders come"];
        assert_reads!(stage.asks("U0EVE", "/page", &typed).await, @r#"
        /page "Ana Example hello
          → The quote before Ana is not closed: `/page "Ana …" …`.
        /page “Ana hello
          → The quote before Ana is not closed: `/page "Ana …" …`.
        /page commanders come
          → I know nothing and nobody called commanders. `/oncall` alone shows what there is; `/page help` says what I understand.
            To page them all: `/ic page`.
        /page responders come
          → I know nothing and nobody called responders. `/oncall` alone shows what there is; `/page help` says what I understand.
            To page them all: `/ic page responders`.
        "#);
        assert_eq!(stage.rung(), "");
        stage.end().await;
    }
);
