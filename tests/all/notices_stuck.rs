//! What the public has not read yet, and why: for whoever looks, and for whoever writes the next update.

use firebell::on_both_engines;
use firebell::sim::desk::Fault;
use firebell::sim::scene::World;

use crate::notices::{ROOM, stage};
use crate::stage::Stage;

const CREATE: &str = "POST /pages/{page}/incidents";

on_both_engines!(
    async fn what_waits_for_the_page_is_seen_with_its_reason(db: Db, clock: Clock) {
        let mut stage = stage(db, clock).await;
        stage.trouble_is_expected();
        stage.world.desk.next(CREATE, Fault::RateLimited { after_secs: 60 });
        stage.tell("U0ANA", "update investigating \"First words.\"").await;
        stage.wait(std::time::Duration::from_secs(20)).await;
        assert_reads!(stage.tell("U0BEN", "update identified \"Second words.\"").await, @"
        :satellite: Publishing for INC-1: *Identified*
        > Second words.
        The incident's channel hears when it is out, and where.
        :hourglass: It may take a while: an earlier update has waited for 20s (Statuspage asks us to wait 60 s; tried again in 40s). This one is tried by itself, too.
        ");
        assert_reads!(stage.tell("U0EVE", "status").await, @"
        *<https://acme.statuspage.io|Acme Status>*
        :white_check_mark: All 4 components are operational, and no post is open.
        _Read 20s ago. To tell the public: `/statuspage update`_
        :hourglass: INC-1: *waits* for 20s now (Statuspage asks us to wait 60 s; tried again in 40s). Ana Example: “First words.”
        :satellite: INC-1: on its way for 0s now. Ben Example: “Second words.”
        ");
        // Of another incident, too: the page waits as a whole.
        stage.typed("U0CHO", "/incident declare search down sev2").await;
        let answer = stage.typed_in("U0CHO", "inc-2-search-down", "/statuspage update investigating").await;
        assert!(answer.contains("an earlier update has waited"), "{answer}");
        stage.pass(2).await;
        assert!(!stage.tell("U0EVE", "status").await.contains("INC-1"), "all is out");
        assert_eq!(stage.public().matches("words.").count(), 2, "{}", stage.public());
        assert!(!stage.tell("U0BEN", "update monitoring").await.contains("earlier"));
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_the_page_refused_is_seen_until_it_is_mended_or_overtaken(db: Db, clock: Clock) {
        let mut stage = stage(db, clock).await;
        stage.trouble_is_expected();
        for words in ["First.", "Second."] {
            stage.world.desk.next(CREATE, Fault::Refuse { code: "422".into() });
            stage.tell("U0ANA", &format!("update investigating \"{words}\"")).await;
        }
        stage.pass(3).await;
        let status = stage.tell("U0EVE", "status").await;
        assert_reads!(status.replace(|c: char| c.is_ascii_digit(), "n"), @"
        *<https://acme.statuspage.io|Acme Status>*
        :white_check_mark: All n components are operational, and no post is open.
        _Read ns ago. To tell the public: `/statuspage update`_
        :warning: INC-n: *not published*, given up nm ago (Statuspage refused: nnn (refused by the test)); once it is mended, `firebell jobs retry nn`. Ana Example: “First.”
        :warning: INC-n: *not published*, given up nm ago (Statuspage refused: nnn (refused by the test)); once it is mended, `firebell jobs retry nn`. Ana Example: “Second.”
        ");
        stage.tell("U0ANA", "update investigating \"Third.\"").await;
        assert!(!stage.tell("U0EVE", "status").await.contains("INC-1"), "a later one is out");
        stage.end().await;
    }
);

on_both_engines!(
    async fn of_a_private_incident_nobody_else_sees_what_waits(db: Db, clock: Clock) {
        let mut stage = stage(db, clock).await;
        stage.trouble_is_expected();
        stage.typed("U0ANA", "/incident declare megacorp breach sev2 --private").await;
        stage.world.desk.always("statuspage", Fault::Unavailable { status: 503 });
        let typed = "/statuspage update investigating \"Data.\" --force \"customers have noticed\"";
        let answer = stage.typed_in("U0ANA", "inc-2-megacorp-breach", typed).await;
        assert!(answer.contains("Publishing"), "{answer}");
        assert!(stage.tell("U0ANA", "status").await.contains("INC-2"), "Ana sees it");
        let others = stage.tell("U0BEN", "status").await;
        assert!(!others.contains("INC-2") && !others.contains("Data."), "{others}");
        let answer = stage.typed_in("U0BEN", ROOM, "/statuspage update investigating").await;
        assert!(answer.contains("an earlier update has waited") && !answer.contains("Data."), "{answer}");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_page_that_refuses_our_key_from_the_start_is_not_said_to_be_silent(db: Db, clock: Clock) {
        let world = World::start(clock.clone()).await.expect("the world starts");
        world.statuspage.revoke_key();
        let page = world.statuspage_toml();
        let mut stage = Stage::on(world, db, clock, &page).await;
        stage.trouble_is_expected();
        stage.settle().await;
        stage.typed("U0ANA", "/incident declare payments down sev2").await;
        let typed = [
            "status",
            "update major \"Down.\" Checkout",
            "update major \"Down.\"",
            "update investigating Checkout",
        ];
        let typed = typed.map(|typed| format!("/statuspage {typed}"));
        assert_reads!(stage.talk("U0ANA", ROOM, &typed.each_ref().map(String::as_str)).await, @r#"
        /statuspage status
          → :warning: The status page does not let me read it. Statuspage says no: Could not authenticate (401): an administrator must renew statuspage.api_key. Until then, tell the public by hand at <https://manage.statuspage.io>.
        /statuspage update major "Down." Checkout
          → I do not know the page's components, because it does not let me read it. Statuspage says no: Could not authenticate (401): an administrator must renew statuspage.api_key. Nothing was published: until then, tell the public by hand, on the page itself.
        /statuspage update major "Down."
          → I do not know the page's components, because it does not let me read it. Statuspage says no: Could not authenticate (401): an administrator must renew statuspage.api_key. Nothing was published: until then, tell the public by hand, on the page itself.
        /statuspage update investigating Checkout
          → I do not know the page's components, because it does not let me read it. Statuspage says no: Could not authenticate (401): an administrator must renew statuspage.api_key. Nothing was published: until then, tell the public by hand, on the page itself.
        "#);
        stage.tell("U0ANA", "").await;
        assert!(format!("{}", stage.form().view).contains("does not let me read it"));
        // Mended, it is read in its time.
        stage.world.statuspage.accept_key();
        stage.pass(4).await;
        assert!(stage.tell("U0ANA", "update major \"Down.\" Checkout").await.contains("Publishing"));
        assert!(!stage.tell("U0ANA", "status").await.contains("read it."));
        // Revoked later, what was known is shown with that.
        stage.world.statuspage.revoke_key();
        stage.pass(4).await;
        assert_reads!(stage.tell("U0BEN", "status").await, @"
        *<https://acme.statuspage.io|Acme Status>*
        :red_circle: Checkout: major outage
        • <https://stspg.io/inc000000001|payments down> — investigating
        :warning: _That is what the page said 4m ago; since then it does not let me read it. Statuspage says no: Could not authenticate (401): an administrator must renew statuspage.api_key._
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn while_the_page_is_silent_from_the_start_words_alone_wait_for_it(db: Db, clock: Clock) {
        let world = World::start(clock.clone()).await.expect("the world starts");
        world.desk.always("statuspage", Fault::Unavailable { status: 503 });
        let page = world.statuspage_toml();
        let mut stage = Stage::on(world, db, clock, &page).await;
        stage.trouble_is_expected();
        stage.settle().await;
        stage.typed("U0ANA", "/incident declare payments down sev2").await;
        assert_reads!(stage.tell("U0ANA", "update major \"Down.\" Checkout").await, @r#"I do not know the page's components: it has not answered yet. Nothing was published. Words alone go out as soon as it answers: `/statuspage update investigating "message"`."#);
        stage.tell("U0ANA", "update investigating \"Down.\"").await;
        stage.world.desk.heal("statuspage");
        stage.pass(5).await;
        assert!(stage.public().contains("investigating: Down."), "{}", stage.public());
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_late_answer_about_the_page_says_where_to_look(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        let mut slow =
            stage.running.app.db.write(firebell::store::Priority::Job).await.expect("a transaction");
        let room = stage.channel_id(ROOM);
        let here = slow.incident_in(&firebell::ids::ChannelId::new(room.clone())).await.expect("a look");
        slow.lock_incident(here.expect("INC-1").id).await.expect("the lock");
        let answer = stage.slash_in("U0ANA", &room, "/statuspage update investigating \"Down.\"").await;
        assert!(answer.contains("see `/statuspage status`, and send it again"), "{answer}");
        drop(slow);
        stage.settle().await;
        stage.tell("U0ANA", "update investigating \"Down.\"").await;
        assert_eq!(stage.public().matches("Down.").count(), 1, "{}", stage.public());
        stage.end().await;
    }
);
