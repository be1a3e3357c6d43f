//! `/statuspage` as people type it: right, incomplete, misspelt, hostile. What is public is never guessed.

use firebell::on_both_engines;

use crate::acts::exchange;
use crate::notices::{ROOM, quiet_stage, stage};
use crate::stage::Stage;

/// What keeps a word from ringing everybody is not seen.
fn visible(text: &str) -> String {
    text.replace('\u{200B}', "·")
}

on_both_engines!(
    async fn what_is_not_clear_is_asked_and_never_published(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        let talk = stage
            .talk(
                "U0ANA",
                ROOM,
                &[
                    "/statuspage updaet investigating",
                    "/statuspage degradd Checkout",
                    "/statuspage hello",
                    "/statuspage update \"It is down.\"",
                    "/statuspage update investigatin \"It is down.\"",
                    "/statuspage update broken \"It is down.\"",
                    "/statuspage update investigating It is down",
                    "/statuspage update degraded Chekout",
                    "/statuspage update degraded Search",
                    "/statuspage update degraded \"Checkout\"",
                    "/statuspage update investigating \"\"",
                    "/statuspage update investigating \"It is down.\" Checkout --private",
                    "/statuspage update operational",
                    "/statuspage update major",
                    "/statuspage update major \"Everything is down.\"",
                    "/statuspage update major \"Payments fail Checkout",
                    "/statuspage update identified “unbalanced quote",
                    "/statuspage update major \"Payments fail Checkout \"Search\"",
                    "/statuspage update major \"Down.\" Checkout --force \"customers have noticed",
                    "/statuspage update major ‘Payments fail’ Checkout",
                    "/statuspage update resolved",
                    "/statuspage status please",
                    "/statuspage update INC-9 investigating",
                ],
            )
            .await;
        stage.settle().await;
        assert_reads!(talk, @r#"
        /statuspage updaet investigating
          → I do not know `/statuspage updaet`. Did you mean `/statuspage update investigating`?
        /statuspage degradd Checkout
          → I do not know `/statuspage degradd`. Did you mean `/statuspage update degraded`?
        /statuspage hello
          → I do not know `/statuspage hello`. To tell the public: `/statuspage update investigating "message" component`. More: `/statuspage help`.
        /statuspage update "It is down."
          → `/statuspage update` takes a status first. Say investigating, identified, monitoring or resolved; or of components: degraded, partial, major, maintenance or operational.
        /statuspage update investigatin "It is down."
          → “investigatin” is no status to tell the public. Did you mean investigating?
        /statuspage update broken "It is down."
          → “broken” is no status to tell the public. Say investigating, identified, monitoring or resolved; or of components: degraded, partial, major, maintenance or operational.
        /statuspage update investigating It is down
          → There is no component “It”. The page has Public API, Checkout, Europe / Search, America / Search. (A message goes in quotes, before the components.)
        /statuspage update degraded Chekout
          → There is no component “Chekout”. Did you mean “Checkout”? (A message goes in quotes, before the components.)
        /statuspage update degraded Search
          → “Search” could be “Europe / Search” or “America / Search”. Say which.
        /statuspage update degraded "Checkout"
          → Is “Checkout” the message, or the component? With both it is clear: `/statuspage update degraded_performance "what customers should read" "Checkout"`.
        /statuspage update investigating ""
          → The message is empty: there is nothing to tell the public.
        /statuspage update investigating "It is down." Checkout --private
          → I do not know `--private`. I know `--force "reason"` and `--again`.
        /statuspage update operational
          → Which component? “operational” is the state of components, so name them: `/statuspage update operational Public API`. Nothing was published.
        /statuspage update major
          → Which component? “major outage” is the state of components, so name them: `/statuspage update major_outage Public API`. Nothing was published.
        /statuspage update major "Everything is down."
          → Which component? “major outage” is the state of components, so name them: `/statuspage update major_outage "message" Public API`. Nothing was published.
        /statuspage update major "Payments fail Checkout
          → The quote before “Payments fail Checkout” is never closed, so I cannot tell where the message ends. Nothing was published. Close it: `/statuspage update investigating "message" component`.
        /statuspage update identified “unbalanced quote
          → The quote before “unbalanced quote” is never closed, so I cannot tell where the message ends. Nothing was published. Close it: `/statuspage update investigating "message" component`.
        /statuspage update major "Payments fail Checkout "Search"
          → The quote before “Payments fail Checkout "Search"” is never closed, so I cannot tell where the message ends. Nothing was published. Close it: `/statuspage update investigating "message" component`.
        /statuspage update major "Down." Checkout --force "customers have noticed
          → The quote before “customers have noticed” is never closed, so I cannot tell where the message ends. Nothing was published. Close it: `/statuspage update investigating "message" component`.
        /statuspage update major ‘Payments fail’ Checkout
          → There is no component “‘Payments”. The page has Public API, Checkout, Europe / Search, America / Search. (A message goes in quotes, before the components.)
        /statuspage update resolved
          → There is no post about it on the status page, so there is nothing to resolve.
        /statuspage status please
          → `/statuspage status` shows the whole page and takes no more words.
        /statuspage update INC-9 investigating
          → There is no incident INC-9. See `/incident list`.
        "#);
        assert_eq!(stage.public(), "All Systems Operational");
        stage.end().await;
    }
);

on_both_engines!(
    async fn nobody_and_nothing_from_inside_is_published(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        let talk = stage
            .talk(
                "U0ANA",
                ROOM,
                &[
                    "/statuspage update investigating \"@ben is on it\"",
                    "/statuspage update investigating \"ask @ben please\"",
                    "/statuspage update investigating \"ask @sre-leads please\"",
                    "/statuspage update investigating \"see #general for more\"",
                    "/statuspage update investigating \"@here look\"",
                    "/statuspage update investigating @ben",
                ],
            )
            .await;
        stage.settle().await;
        assert_reads!(visible(&talk), @r#"
        /statuspage update investigating "@ben is on it"
          → The message names @ben, which means nothing to the public. Write it without, as customers should read it.
        /statuspage update investigating "ask @ben please"
          → The message names a person, which means nothing to the public. Write it without, as customers should read it.
        /statuspage update investigating "ask @sre-leads please"
          → The message names a group, which means nothing to the public. Write it without, as customers should read it.
        /statuspage update investigating "see #general for more"
          → The message names a channel, which means nothing to the public. Write it without, as customers should read it.
        /statuspage update investigating "@here look"
          → The message names @·here, which means nothing to the public. Write it without, as customers should read it.
        /statuspage update investigating @ben
          → There is no component “@ben”. The page has Public API, Checkout, Europe / Search, America / Search. (A message goes in quotes, before the components.)
        "#);
        assert_eq!(stage.public(), "All Systems Operational");
        let hostile = "*All* `payments` <b>fail</b> :fire: [x](https://evil.example)\u{202E}\u{7}\n&lt;script&gt; @here";
        let refused = stage.tell("U0ANA", &format!("update investigating \"{hostile}\"")).await;
        assert_reads!(visible(&refused), @"The message names @·here, which means nothing to the public. Write it without, as customers should read it.");
        let hostile = hostile.replace(" @here", "");
        assert_reads!(stage.tell("U0ANA", &format!("update investigating \"{hostile}\"")).await, @"
        :satellite: Publishing for INC-1: *Investigating* · impact major
        > All payments ‹b›fail‹/b› [x] (https://evil.example)
        > &amp;lt;script&amp;gt;
        The incident's channel hears when it is out, and where.
        ");
        assert_reads!(stage.public(), @"
        [major] payments down (investigating)
          investigating: All payments ‹b›fail‹/b› [x] (https://evil.example)
            &lt;script&gt;
        ");
        let long = "x".repeat(3_000);
        let answer = stage.tell("U0ANA", &format!("update identified \"{long}\"")).await;
        assert!(answer.contains(&"x".repeat(1_499)) && !answer.contains(&long), "{answer}");
        assert!(stage.public().contains(&long), "the page has all of it");
        for channel in stage.world.slack.channels() {
            for message in channel.messages {
                assert!(
                    !message.text.contains("<!here>") && !message.text.contains("@here"),
                    "{}",
                    message.text
                );
            }
        }
        stage.end().await;
    }
);

on_both_engines!(
    async fn the_same_thing_can_be_said_in_many_ways(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        for typed in [
            "update major \"Down.\" checkout",
            "Update Major-Outage “Down.” CHECK",
            "publish major outage \"Down.\" \"Checkout\"",
            "major_outage checkout \"Down.\"",
            "INC-1 update major \"Down.\" Checkout",
            "update INC-1 major \"Down.\" Checkout",
            "update major \"Down.\" Checkout INC-1",
        ] {
            let answer = stage.tell("U0ANA", &format!("{typed} --again")).await;
            assert!(answer.contains("> Down.\nCheckout: major outage"), "{typed}: {answer}");
        }
        let answer = stage
            .tell("U0ANA", "update monitoring \"We said \"sorry\", and mean it.\" Europe/Search, 'no")
            .await;
        assert_reads!(answer, @"There is no component “'no”. The page has Public API, Checkout, Europe / Search, America / Search. (A message goes in quotes, before the components.)");
        let page = &stage.world.statuspage.incidents()[0];
        assert_eq!((page.posts.len(), page.status.as_str()), (7, "investigating"));
        stage.end().await;
    }
);

on_both_engines!(
    async fn elsewhere_the_incident_is_named(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        assert_reads!(stage.typed("U0ANA", "/statuspage update investigating \"Down.\"").await, @"Which incident? Say this in its channel, or name it: `/statuspage update INC-1`. Open: INC-1 payments down.");
        assert_reads!(stage.typed("U0ANA", "/statuspage").await, @"Which incident? Say this in its channel, or name it: `/statuspage update INC-1`. Open: INC-1 payments down.");
        stage.typed("U0ANA", "/statuspage update INC-1 investigating \"Down.\"").await;
        assert!(stage.public().contains("investigating: Down."));
        stage.typed("U0ANA", "/incident resolve INC-1").await;
        assert!(stage.typed("U0ANA", "/statuspage update INC-1 resolved").await.contains("*Resolved*"));
        stage.typed("U0ANA", "/incident declare search slow sev4 --service search").await;
        stage.typed("U0ANA", "/incident cancel INC-2").await;
        assert_reads!(stage.typed("U0ANA", "/statuspage update INC-2 investigating").await, @"INC-2 is cancelled, and the status page says nothing of it. If it is back, reopen it first.");
        stage.typed("U0ANA", "/incident declare a drill sev4 --test").await;
        assert_reads!(stage.typed("U0ANA", "/statuspage update INC-3 investigating").await, @"INC-3 is a test: nothing of it goes to the status page.");
        assert_reads!(stage.typed("U0ANA", "/statuspage INC-3").await, @"INC-3 is a test: nothing of it goes to the status page.");
        stage.end().await;
    }
);

on_both_engines!(
    async fn the_page_and_the_help_are_for_everybody_and_writing_is_a_right(db: Db, clock: Clock) {
        let stage = quiet_stage(db, clock, "[rights]\nstatuspage = [\"@sre-leads\"]\n").await;
        stage.typed("U0ANA", "/incident declare payments down sev2").await;
        let mut talk = String::new();
        for typed in ["status", "help", "help update", "update investigating"] {
            let typed = format!("/statuspage {typed}");
            talk += &exchange(&typed, &stage.typed_in("U0ANA", ROOM, &typed).await);
        }
        assert_reads!(talk, @r#"
        /statuspage status
          → *<https://acme.statuspage.io|Acme Status>*
            :white_check_mark: All 4 components are operational, and no post is open.
            _Read 0s ago. To tell the public: `/statuspage update`_
        /statuspage help
          → */statuspage* alone opens a form with the components. In an incident's channel the incident is implied.
            `/statuspage update [INC-n] &lt;status&gt; ["message"] [component…] [--force "reason"] [--again]` — tell the public; the first time makes the post, later ones add to it
            `/statuspage status` — the page as last read: what is not well, which posts are open; and what of ours is not out yet, and why
            `/statuspage help [command]` — this list, or more about one command
            Examples: `/statuspage update investigating "Some payments fail." Checkout`, `/statuspage update degraded Checkout, Search`, `/statuspage update resolved`
        /statuspage help update
          → `/statuspage update [INC-n] &lt;status&gt; ["message"] [component…] [--force "reason"] [--again]`
            Tell the public; the first time makes the post, later ones add to it. The status is `investigating`, `identified`, `monitoring` or `resolved`: components that are named are listed as affected, and their state stays as it is (not on Cachet, which shows no component without a state). Or it is the state of the components named, which it sets: `degraded_performance`, `partial_outage`, `major_outage`, `under_maintenance`, `operational` (short: `degraded`, `partial`, `major`, `maintenance`). The message goes in quotes; without one a standard sentence is taken, which is shown to you first when it is about components. A component is named as on the page or by its beginning; commas or quotes tell several apart. Resolving asks what becomes of components that are not well. A private incident needs `--force` with a reason, which stays on its timeline. The same words once more within five minutes, by whomever, need `--again`. Without a status a form opens.
            Example: `/statuspage update major_outage "Payments fail in Europe." Checkout`
            Also: `post`, `publish`
        /statuspage update investigating
          → That needs the right to write on the status page. Ask one of those who have it (@sre-leads), or an administrator to extend [rights].
        "#);
        assert_eq!(stage.public(), "All Systems Operational");
        stage.typed_in("U0DEE", ROOM, "/statuspage update partial \"Slow.\" Checkout, public").await;
        stage.world.statuspage.post_by_hand("Slow search", &["cmpeusearch"]);
        stage.pass(3).await;
        assert_reads!(stage.tell("U0EVE", "status").await, @"
        *<https://acme.statuspage.io|Acme Status>*
        :large_orange_circle: Public API: partial outage
        :large_orange_circle: Checkout: partial outage
        • <https://stspg.io/inc000000002|Slow search> — investigating
        • <https://stspg.io/inc000000001|payments down> — investigating
        _Read 0s ago. To tell the public: `/statuspage update`_
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn without_a_page_the_command_says_how_to_set_it_up(db: Db, clock: Clock) {
        let stage = Stage::set(db, clock).await;
        for typed in ["/statuspage", "/statuspage status", "/statuspage update investigating"] {
            let answer = stage.typed("U0ANA", typed).await;
            assert!(
                answer.starts_with("No status page is set up. An administrator can add [statuspage]"),
                "{answer}"
            );
        }
        assert!(stage.typed("U0ANA", "/statuspage help").await.contains("`/statuspage update"));
        stage.end().await;
    }
);

on_both_engines!(
    async fn in_a_message_it_is_a_word_with_an_exclamation_mark(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        let room = stage.channel_id(ROOM);
        for typed in ["!statuspage update major \"Down.\" Checkout", "!statuspage", "!statuspag status"] {
            let (_, events) = stage.world.slack.person_says("U0ANA", &room, None, typed);
            for event in &events {
                stage.world.slack.deliver(&stage.running.base_url(), event).await.expect("an answer");
            }
            stage.settle().await;
        }
        assert_reads!(stage.whispers("U0ANA").join("\n\n"), @"
        :rotating_light: Declaring *INC-1 payments down* as *SEV2*: opening #inc-1-payments-down, paging Ana Example ☎ +49 1515550101.

        :satellite: Publishing for INC-1: *Investigating* · impact critical
        > Down.
        Checkout: major outage
        The incident's channel hears when it is out, and where.

        Slack opens forms from slash commands only: type `/statuspage` for the form, or say it in words (`/statuspage help`).

        There is no command `statuspag`. Did you mean `/statuspage`?
        ");
        assert!(stage.public().contains("investigating: Down."), "{}", stage.public());
        stage.end().await;
    }
);
