//! The public page is down, slow, crowded or lying; answers are lost; two people write at once; the program dies.
//! Whatever happens, the public reads each thing once, and people know what it does not read.

use std::time::Duration;

use firebell::on_both_engines;
use firebell::sim::desk::Fault;
use firebell::sim::scene::World;

use crate::notices::{ROOM, quiet_stage, stage};
use crate::stage::Stage;

const CREATE: &str = "POST /pages/{page}/incidents";
const UPDATE: &str = "PATCH /pages/{page}/incidents/{id}";

impl Stage {
    /// The process dies; another one starts on what it left.
    async fn restarted_with_page(self) -> Self {
        let Self { world, running, clock, .. } = self;
        let db = running.app.db.clone();
        drop(running);
        let page = world.statuspage_toml();
        Self::on(world, db, clock, &page).await
    }

    /// (incidents, posts) on the page.
    fn counts(&self) -> (usize, usize) {
        let incidents = self.world.statuspage.incidents();
        (incidents.len(), incidents.iter().map(|i| i.posts.len()).sum())
    }
}

on_both_engines!(
    async fn a_page_that_is_down_gets_it_later_and_the_room_knows(db: Db, clock: Clock) {
        let mut stage = stage(db, clock).await;
        stage.trouble_is_expected();
        stage.world.desk.always("statuspage", Fault::Unavailable { status: 503 });
        let answer = stage.tell("U0ANA", "update investigating \"Some payments fail.\" Checkout").await;
        assert!(answer.contains("Publishing for INC-1"), "{answer}");
        stage.wait(Duration::from_secs(20)).await;
        assert_reads!(stage.told(), @"10:00 firebell: :hourglass: What @ana wrote for the public is not on the status page yet, as far as I know: Statuspage does not answer (HTTP 503). I keep trying for some minutes.");
        stage.pass(15).await;
        assert_reads!(stage.tell("U0BEN", "status").await, @"
        *<https://acme.statuspage.io|Acme Status>*
        :white_check_mark: All 4 components are operational, and no post is open.
        :warning: _That is what the page said 15m ago; it does not answer since. What you post waits and is published when it does._
        :hourglass: INC-1: *waits* for 15m now (Statuspage did not answer/incidents/unresolved: HTTP 503; tried again in 3m). Ana Example: “Some payments fail.”
        ");
        stage.tell("U0BEN", "").await;
        let form = crate::acts::read_form(&stage.form());
        assert!(form.contains("Checkout (optional): Leave it: operational"), "{form}");
        assert!(format!("{}", stage.form().view).contains("it does not answer since"));
        stage.world.desk.heal("statuspage");
        stage.pass(10).await;
        assert_eq!(stage.counts(), (1, 1));
        assert!(stage.tell("U0BEN", "status").await.contains("payments down"));
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_cannot_be_published_is_told_with_what_to_do(db: Db, clock: Clock) {
        let mut stage = stage(db, clock).await;
        stage.trouble_is_expected();
        stage.world.statuspage.revoke_key();
        stage.tell("U0ANA", "update investigating \"Some payments fail.\" Checkout").await;
        assert_reads!(stage.told(), @"
        10:00 firebell: @ana :warning: Not published on the status page: Statuspage says no: Could not authenticate (401). Nobody outside has read this:
        Investigating · impact major
        > Some payments fail.
        Affected, state unchanged: Checkout
        Please post it by hand at https://manage.statuspage.io; or, once it is mended, firebell jobs retry N.
        ");
        assert_eq!(stage.counts(), (0, 0));
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_was_given_up_goes_out_once_it_is_mended_unless_later_words_did(db: Db, clock: Clock) {
        let mut stage = stage(db, clock).await;
        stage.trouble_is_expected();
        stage.world.desk.next(CREATE, Fault::Refuse { code: "422".into() });
        stage.tell("U0ANA", "update investigating \"First.\"").await;
        assert!(stage.told().contains("Not published"), "{}", stage.told());
        stage.retry_parked().await;
        assert_eq!(stage.counts(), (1, 1));
        stage.world.desk.next(UPDATE, Fault::Refuse { code: "422".into() });
        stage.tell("U0ANA", "update identified \"Second.\"").await;
        stage.tell("U0ANA", "update monitoring \"Third.\"").await;
        stage.retry_parked().await;
        assert_reads!(stage.public(), @"
        [major] payments down (monitoring)
          monitoring: Third.
          investigating: First.
        ");
        assert_reads!(stage.last(ROOM, 1), @"
        10:00 firebell: :satellite: Not published after all, because a later post is out already:
        Identified · impact major
        > Second.
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_goes_on_from_a_post_that_failed_is_published_all_the_same(db: Db, clock: Clock) {
        let mut stage = stage(db, clock).await;
        stage.trouble_is_expected();
        stage.world.desk.next(CREATE, Fault::Refuse { code: "422".into() });
        let room = stage.channel_id(ROOM);
        stage.slash_in("U0ANA", &room, "/statuspage update major \"Down.\" Checkout").await;
        stage.slash_in("U0BEN", &room, "/statuspage update degraded \"Slow.\" Checkout").await;
        stage.settle().await;
        assert_reads!(stage.public(), @"
        Checkout: degraded_performance
        [critical] payments down (investigating)
          investigating: Slow.
        ");
        stage.end().await;
    }
);

impl Stage {
    pub async fn retry_parked(&self) {
        let mut tx =
            self.running.app.db.write(firebell::store::Priority::Command).await.expect("a transaction");
        let parked: Vec<i64> = tx
            .open_jobs()
            .await
            .expect("jobs")
            .iter()
            .filter(|j| j.parked_at.is_some())
            .map(|j| j.id)
            .collect();
        assert_eq!(parked.len(), 1, "one job is parked");
        assert!(tx.unpark_job(parked[0]).await.expect("brought back"));
        tx.commit().await.expect("committed");
        self.settle().await;
    }
}

on_both_engines!(
    async fn what_an_operator_discards_is_not_waited_for(db: Db, clock: Clock) {
        let mut stage = stage(db, clock).await;
        stage.trouble_is_expected();
        stage.world.desk.always("statuspage", Fault::Unavailable { status: 503 });
        stage.tell("U0ANA", "update investigating \"First.\"").await;
        let mut tx =
            stage.running.app.db.write(firebell::store::Priority::Command).await.expect("a transaction");
        let jobs = tx.open_jobs().await.expect("jobs");
        let post = jobs.iter().find(|job| job.kind == "notices.post").expect("the post's");
        assert!(tx.discard_job(post.id).await.expect("discarded"));
        tx.commit().await.expect("committed");
        let answer = stage.tell("U0ANA", "update resolved").await;
        assert!(answer.starts_with("There is no post about it"), "{answer}");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_lost_answer_never_makes_a_second_post(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        stage.world.desk.next(CREATE, Fault::LoseAnswer);
        stage.tell("U0ANA", "update investigating \"Some payments fail.\" Checkout").await;
        stage.pass(1).await;
        assert_eq!(stage.counts(), (1, 1));
        stage.world.desk.next(UPDATE, Fault::LoseAnswer);
        stage.tell("U0ANA", "update identified \"Found.\"").await;
        stage.pass(1).await;
        assert_eq!(stage.counts(), (1, 2));
        // The same words once more are meant.
        stage.tell("U0BEN", "update identified \"Found.\" --again").await;
        assert_eq!(stage.counts(), (1, 3));
        assert_reads!(stage.told(), @"
        10:01 firebell: :satellite: @ana created a statuspage post: https://stspg.io/inc000000001
        Investigating
        > Some payments fail.
        Affected, state unchanged: Checkout

        10:02 firebell: :satellite: @ana updated the statuspage post: https://stspg.io/inc000000001
        Identified
        > Found.

        10:02 firebell: :satellite: @ben updated the statuspage post: https://stspg.io/inc000000001
        Identified
        > Found.
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_post_whose_making_was_lost_and_that_was_resolved_by_hand_is_found(db: Db, clock: Clock) {
        let mut stage = stage(db, clock).await;
        stage.trouble_is_expected();
        stage.world.desk.next(CREATE, Fault::LoseAnswer);
        stage.slash_in("U0ANA", &stage.channel_id(ROOM), "/statuspage update investigating").await;
        stage.settle().await;
        let id = stage.world.statuspage.incidents()[0].id.clone();
        stage.world.statuspage.resolve_by_hand(&id);
        stage.pass(1).await;
        stage.tell("U0ANA", "update identified").await;
        assert_eq!(stage.counts(), (1, 3));
        // Deleted by hand, it is made anew when there is something to say, and not for saying that it is over.
        stage.world.statuspage.delete_by_hand(&id);
        stage.tell("U0ANA", "update resolved").await;
        assert_reads!(stage.last(ROOM, 1), @"10:01 firebell: :satellite: The statuspage post is no longer on the page: somebody deleted it there, so there is nothing to resolve.");
        stage.tell("U0ANA", "update investigating").await;
        assert_eq!(stage.counts(), (1, 1));
        stage.end().await;
    }
);

on_both_engines!(
    async fn two_people_at_the_same_moment_make_one_post(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        let room = stage.channel_id(ROOM);
        let (ana, ben) = tokio::join!(
            stage.slash_in("U0ANA", &room, "/statuspage update investigating \"From Ana.\""),
            stage.slash_in("U0BEN", &room, "/statuspage update major \"From Ben.\" Checkout"),
        );
        assert!(ana.contains("Publishing") && ben.contains("Publishing"), "{ana} {ben}");
        stage.settle().await;
        assert_eq!(stage.counts(), (1, 2));
        // One question, answered by its asker alone, and once.
        stage.tell("U0ANA", "update resolved").await;
        let label = "Set all operational & resolve";
        assert!(stage.world.slack.click("U0BEN", &room, label).is_none(), "only Ana sees it");
        let (one, two) =
            (stage.world.slack.click("U0ANA", &room, label), stage.world.slack.click("U0ANA", &room, label));
        let base = stage.running.base_url();
        let (one, two) = (one.expect("a button"), two.expect("a button"));
        let (first, second) =
            tokio::join!(stage.world.slack.deliver(&base, &one), stage.world.slack.deliver(&base, &two));
        assert!(first.is_ok() && second.is_ok());
        stage.settle().await;
        assert_eq!(stage.counts(), (1, 3));
        stage.end().await;
    }
);

on_both_engines!(
    async fn the_same_command_again_is_one_post(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        let room = stage.channel_id(ROOM);
        let request = stage.world.slack.command("U0ANA", &room, "/statuspage update investigating \"Down.\"");
        for _ in 0..2 {
            stage.world.slack.deliver(&stage.running.base_url(), &request).await.expect("an answer");
        }
        stage.tell("U0ANA", "update investigating \"Down.\"").await; // impatience
        assert_eq!(stage.counts(), (1, 1));
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_program_that_dies_between_the_steps_leaves_nothing_undone_or_doubled(db: Db, clock: Clock) {
        let stage = stage(db, clock).await;
        let room = stage.channel_id(ROOM);
        stage.slash_in("U0ANA", &room, "/statuspage update major \"Down.\" Checkout").await;
        let stage = stage.restarted_with_page().await; // before the post
        stage.settle().await;
        assert_eq!(stage.counts(), (1, 1));
        stage.world.desk.next(UPDATE, Fault::LoseAnswer);
        stage.slash_in("U0ANA", &room, "/statuspage update identified \"Found.\"").await;
        stage.running.work_off().await.expect("jobs run"); // it reached the page, and nobody knows
        let stage = stage.restarted_with_page().await;
        stage.pass(1).await;
        assert_eq!(stage.counts(), (1, 2));
        // A question survives too.
        stage.tell("U0ANA", "update resolved").await;
        let stage = stage.restarted_with_page().await;
        stage.settle().await;
        stage.press("U0ANA", ROOM, "Set all operational & resolve").await;
        assert_eq!(stage.counts(), (1, 3));
        assert_eq!(stage.world.statuspage.status_of("cmpcheckout"), "operational");
        stage.end().await;
    }
);

on_both_engines!(
    async fn nonsense_is_no_answer_and_a_crowd_waits_its_turn(db: Db, clock: Clock) {
        let mut stage = stage(db, clock).await;
        stage.trouble_is_expected();
        stage.world.desk.next(CREATE, Fault::Refuse { code: "nonsense".into() });
        stage.tell("U0ANA", "update investigating \"Down.\"").await;
        stage.pass(1).await;
        assert_eq!(stage.counts(), (1, 1));
        // Statuspage's two words for it, then more posts than a minute has room for.
        stage.world.desk.next(UPDATE, Fault::RateLimited { after_secs: 30 });
        stage.world.desk.next(UPDATE, Fault::Refuse { code: "429-json".into() });
        stage.tell("U0ANA", "update identified \"Found.\"").await;
        assert_eq!(stage.counts(), (1, 1));
        stage.pass(2).await;
        assert_eq!(stage.counts(), (1, 2));
        let room = stage.channel_id(ROOM);
        for n in 0..70 {
            stage.slash_in("U0ANA", &room, &format!("/statuspage update monitoring \"Step {n}.\"")).await;
        }
        stage.pass(4).await;
        assert_eq!(stage.counts(), (1, 72));
        let bodies: Vec<String> =
            stage.world.statuspage.incidents()[0].posts.iter().skip(2).map(|p| p.body.clone()).collect();
        assert_eq!(bodies, (0..70).map(|n| format!("Step {n}.")).collect::<Vec<_>>(), "in their order");
        let refused = stage.world.desk.calls().iter().filter(|c| c.outcome == "420").count();
        assert_eq!(refused, 0, "we never ask for more than the page allows");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_page_that_was_never_read_can_still_be_written(db: Db, clock: Clock) {
        let world = World::start(clock.clone()).await.expect("the world starts");
        world.desk.always("GET /pages", Fault::Unavailable { status: 502 });
        let page = world.statuspage_toml();
        let mut stage = Stage::on(world, db, clock, &page).await;
        stage.trouble_is_expected();
        stage.settle().await;
        stage.typed("U0ANA", "/incident declare payments down sev2").await;
        assert_reads!(stage.tell("U0ANA", "status").await, @":grey_question: The status page has not answered yet. Try again in a minute.");
        assert_reads!(stage.tell("U0ANA", "update investigating \"Down.\" Checkout").await, @"I have not read the page's components yet: it has not answered. Leave them out, or try again in a minute.");
        stage.tell("U0ANA", "update investigating \"Down.\"").await;
        stage.world.desk.heal("GET /pages");
        stage.pass(2).await;
        assert_eq!(stage.counts(), (1, 1));
        stage.end().await;
    }
);

on_both_engines!(
    async fn what_was_read_of_another_page_is_forgotten_with_it(db: Db, clock: Clock) {
        let mut stage = stage(db, clock).await;
        stage.trouble_is_expected();
        stage.tell("U0ANA", "update major \"Down.\" Checkout").await;
        let Stage { world, running, clock, .. } = stage;
        let db = running.app.db.clone();
        drop(running);
        world.desk.always("cachet", Fault::Unavailable { status: 503 });
        let page = world.cachet_toml();
        let mut stage = Stage::on(world, db, clock, &page).await;
        stage.trouble_is_expected();
        stage.settle().await;
        assert!(stage.tell("U0BEN", "status").await.contains("has not answered yet"));
        stage.world.desk.heal("cachet");
        stage.pass(1).await;
        // The post that was on the other page is made anew on this one.
        stage.tell("U0BEN", "update identified \"Found.\" Search").await;
        assert_reads!(stage.world.cachet.public(), @"
        payments down (Identified)
          Found.
        ");
        stage.end().await;
    }
);

on_both_engines!(
    async fn a_slow_page_slows_no_answer(db: Db, clock: Clock) {
        let stage = quiet_stage(db, clock, "").await;
        stage.typed("U0ANA", "/incident declare payments down sev2").await;
        let slow = Duration::from_secs(10);
        stage.world.desk.always("statuspage", Fault::Slow { by: slow });
        let room = stage.channel_id(ROOM);
        let talk = async {
            for typed in ["status", "", "update investigating \"Down.\" Checkout", "help"] {
                stage.slash_in("U0ANA", &room, &format!("/statuspage {typed}")).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(3), talk).await.expect("all four inside three seconds");
        stage.world.desk.heal("statuspage");
        stage.settle().await;
        assert_eq!(stage.counts(), (1, 1));
        stage.end().await;
    }
);
