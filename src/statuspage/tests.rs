//! The client against recorded answers: what goes out, and what each kind of answer means.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::clock::Timestamp;
use crate::config::Impact;
use crate::http_client::stub::Stub;

const COMPONENTS: &str = "/v1/pages/p1/components";
const UNRESOLVED: &str = "/v1/pages/p1/incidents/unresolved";
const INCIDENTS: &str = "/v1/pages/p1/incidents";
const ONE: &str = "/v1/pages/p1/incidents/i1";

fn client_at(stub: &Stub, kind: StatusPageKind, clock: &Clock) -> Client {
    let settings = Settings {
        kind,
        api_url: format!("{}/", stub.url),
        page_id: "p1".into(),
        api_key: "hidden".into(),
        deliver_notifications: false,
    };
    Client::new(crate::http_client::client(Duration::from_secs(5)), clock.clone(), settings, stub.observer())
}

fn clock() -> Clock {
    Clock::manual(Timestamp::from_secs(1_795_255_200))
}

fn statuspage(stub: &Stub) -> Client {
    client_at(stub, StatusPageKind::Statuspage, &clock())
}

fn cachet(stub: &Stub) -> Client {
    client_at(stub, StatusPageKind::Cachet, &clock())
}

fn ids() -> Vec<String> {
    vec!["c1".to_owned()]
}

fn wanted() -> BTreeMap<String, ComponentStatus> {
    [("c1".to_owned(), ComponentStatus::MajorOutage)].into()
}

fn new<'a>(ids: &'a [String], components: &'a BTreeMap<String, ComponentStatus>) -> NewPublicIncident<'a> {
    NewPublicIncident {
        mark: Mark { incident: "inc", post: "post" },
        name: "payments down",
        status: PostStatus::Investigating,
        impact: Impact::Critical,
        body: "All payments fail.",
        component_ids: ids,
        components,
    }
}

fn update<'a>(ids: &'a [String], components: &'a BTreeMap<String, ComponentStatus>) -> Update<'a> {
    Update {
        mark: Mark { incident: "inc", post: "post" },
        status: PostStatus::Resolved,
        impact: Impact::Critical,
        body: "Over.",
        component_ids: ids,
        components,
    }
}

/// As Statuspage writes it: most fields null.
fn row(id: &str, post: &str) -> Value {
    json!({
        "id": id, "name": "payments down", "status": "investigating", "shortlink": "https://stspg.io/x",
        "impact": null, "components": [{"id": "c1", "name": null}], "incident_updates": null,
        "metadata": {"firebell": {"incident_id": "inc", "post_id": post}, "other": {}},
    })
}

#[tokio::test]
async fn a_new_post_says_everything_that_the_vendor_would_make_up() {
    let stub = Stub::start().await;
    stub.on(INCIDENTS, 201, row("i1", "post").to_string());
    let made = statuspage(&stub).create(&new(&ids(), &wanted())).await.expect("made");
    assert_eq!(
        (made.id.as_str(), made.url.as_str(), made.last_post.as_deref()),
        ("i1", "https://stspg.io/x", Some("post"))
    );
    let asked = stub.last();
    assert_eq!((asked.method.as_str(), asked.headers["authorization"].as_str()), ("POST", "OAuth hidden"));
    assert_eq!(
        asked.json(),
        json!({"incident": {
            "name": "payments down", "status": "investigating", "impact_override": "critical",
            "body": "All payments fail.", "deliver_notifications": false,
            "metadata": {"firebell": {"incident_id": "inc", "post_id": "post"}},
            "component_ids": ["c1"], "components": {"c1": "major_outage"},
        }})
    );
}

#[tokio::test]
async fn a_second_attempt_looks_for_its_own_mark_first() {
    let stub = Stub::start().await;
    stub.on(ONE, 200, row("i1", "post").to_string());
    let (ids, set) = (vec!["c1".to_owned()], wanted());
    assert!(statuspage(&stub).update("i1", &update(&ids, &set), Some(0)).await.expect("there"));
    assert_eq!(stub.asked().len(), 1, "only looked");
    let stub = Stub::start().await;
    stub.on(ONE, 200, row("i1", "another").to_string());
    assert!(statuspage(&stub).update("i1", &update(&ids, &set), Some(0)).await.expect("posted"));
    let asked = stub.last();
    assert_eq!((asked.method.as_str(), &asked.json()["incident"]["status"]), ("PATCH", &json!("resolved")));
    let stub = Stub::start().await;
    stub.on(ONE, 404, "{\"error\":\"Not found\"}");
    assert!(
        !statuspage(&stub).update("i1", &update(&ids, &set), None).await.expect("an answer"),
        "it is gone"
    );
}

#[tokio::test]
async fn ours_is_found_among_the_open_ones_and_among_the_last() {
    let stub = Stub::start().await;
    stub.on(UNRESOLVED, 200, json!([row("i1", "post")]).to_string());
    assert_eq!(statuspage(&stub).find("inc").await.expect("read").map(|i| i.id).as_deref(), Some("i1"));
    assert_eq!(stub.last().query, "per_page=100&page=1");
    let stub = Stub::start().await;
    stub.on(UNRESOLVED, 200, "[]").on(
        INCIDENTS,
        200,
        json!([{"id": "i0", "metadata": null}, row("i9", "p")]).to_string(),
    );
    assert_eq!(statuspage(&stub).find("inc").await.expect("read").map(|i| i.id).as_deref(), Some("i9"));
    assert_eq!(statuspage(&stub).find("another").await.expect("read"), None);
}

#[tokio::test]
async fn components_are_read_to_the_last_page_with_the_names_of_their_groups() {
    let stub = Stub::start().await;
    let many: Vec<Value> =
        (0..100).map(|n| json!({"id": format!("c{n}"), "name": "x", "status": ""})).collect();
    let last = json!([
        {"id": "g1", "name": "Europe", "group": true, "status": "major_outage"},
        {"id": "e1", "name": "Search", "group_id": "g1", "status": "partial_outage"},
    ]);
    stub.on(COMPONENTS, 200, json!(many).to_string()).on(COMPONENTS, 200, last.to_string());
    let read = statuspage(&stub).components().await.expect("read");
    assert_eq!((read.len(), stub.last().query.as_str()), (101, "per_page=100&page=2"));
    let search = read.last().expect("the last");
    assert_eq!(
        (search.full_name().as_str(), search.status),
        ("Europe / Search", ComponentStatus::PartialOutage)
    );
    assert_eq!(read[0].status, ComponentStatus::Operational);
}

#[tokio::test]
async fn refusals_say_why_in_whatever_shape_they_come() {
    for (body, detail) in [
        (json!({"message": "bad key"}), "bad key"),
        (json!({"error": "Could not authenticate"}), "Could not authenticate"),
        (json!({"error": {"name": ["can't be blank"]}}), "name can't be blank"),
        (json!({"error": ["one", "two"]}), "one: two"),
        (json!({"message": "invalid", "errors": {"status": ["is wrong"]}}), "invalid: status is wrong"),
    ] {
        let stub = Stub::start().await;
        stub.on("/v1/pages/p1", 422, body.to_string());
        let refused = statuspage(&stub).page().await.expect_err("refused");
        let expected = Problem::Rejected { code: "422".into(), detail: detail.into() };
        assert_eq!(refused.problem, expected);
    }
    let stub = Stub::start().await;
    stub.on("/v1/pages/p1", 200, "<html>hello</html>").on("/v1/pages/p1", 502, "");
    for _ in 0..2 {
        let away = statuspage(&stub).page().await.expect_err("no answer");
        assert!(matches!(away.problem, Problem::Unavailable { .. }), "{away}");
    }
}

#[tokio::test]
async fn both_words_for_too_many_are_waited_for() {
    let (stub, clock) = (Stub::start().await, clock());
    stub.on_with("/v1/pages/p1", 420, &[("retry-after", "30")], "calm").on(
        "/v1/pages/p1",
        200,
        "{\"name\":\"Acme\"}",
    );
    let client = client_at(&stub, StatusPageKind::Statuspage, &clock);
    let wait = client.page().await.expect_err("too many");
    assert_eq!(wait.problem, Problem::RateLimited { after: Duration::from_secs(30) });
    assert!(client.page().await.is_err(), "not asked again so soon");
    assert_eq!(stub.asked().len(), 1);
    clock.advance(Duration::from_secs(30));
    assert_eq!(client.page().await.expect("read").name, "Acme");
}

#[tokio::test]
async fn the_key_is_nowhere_to_be_read() {
    let stub = Stub::start().await;
    stub.on("/v1/pages/p1", 401, "{\"error\":\"Could not authenticate\"}");
    let refused = statuspage(&stub).page().await.expect_err("refused");
    assert!(!format!("{refused} {refused:?}").contains("hidden"));
    assert!(!stub.last().query.contains("hidden"));
}

#[tokio::test]
async fn cachets_numbers_and_defaults_are_spelt_out() {
    let stub = Stub::start().await;
    let made = json!({"data": {"id": "7", "attributes": {"id": 7, "guid": "g-7", "status": {"value": 1}}}});
    stub.on("/api/incidents", 201, made.to_string());
    let set = [("3".to_owned(), ComponentStatus::UnderMaintenance)].into();
    let ids = ["3".to_owned(), "4".to_owned()];
    let made = cachet(&stub).create(&new(&ids, &set)).await.expect("made");
    assert_eq!((made.id.as_str(), made.url), ("7", format!("{}/incidents/g-7", stub.url)));
    let asked = stub.last();
    assert_eq!(asked.headers["authorization"], "Bearer hidden");
    assert_eq!(
        asked.json(),
        json!({
            "name": "payments down", "status": 1, "message": "All payments fail.", "visible": true,
            "notifications": false,
            "meta": {"firebell_incident": "inc", "firebell_post": "post"},
        })
    );
    // What an incident says of a component could not be changed: it is set beside it.
    stub.on("/api/components/3", 200, "{\"data\":{}}");
    cachet(&stub).set_components(&set).await.expect("set");
    assert_eq!(stub.last().json(), json!({"status": 6}));
}

#[tokio::test]
async fn on_cachet_nothing_is_taken_for_ours_that_does_not_say_so() {
    let stub = Stub::start().await;
    // A site that ignores the filter answers with everything.
    let stranger = json!({"id": "1", "attributes": {"name": "theirs", "visible": 1, "status": {"value": 1}}});
    stub.on("/api/incidents", 200, json!({"data": [stranger.clone()]}).to_string());
    assert_eq!(cachet(&stub).find("inc").await.expect("read"), None);
    assert_eq!(stub.last().field("filter[meta][firebell_incident]").as_deref(), Some("inc"));
    let mut ours = stranger;
    ours["id"] = json!("2");
    ours["relationships"] = json!({"meta": {"data": [{"id": "m1"}, {"id": "m2"}]}});
    let included = json!([
        {"id": "m1", "attributes": {"key": "firebell_incident", "value": "inc"}},
        {"id": "m2", "attributes": {"key": "firebell_post", "value": "post"}},
    ]);
    let stub = Stub::start().await;
    stub.on("/api/incidents", 200, json!({"data": [ours], "included": included}).to_string());
    let found = cachet(&stub).find("inc").await.expect("read").expect("ours");
    assert_eq!((found.id.as_str(), found.last_post.as_deref()), ("2", Some("post")));
}

#[tokio::test]
async fn on_cachet_a_post_that_got_through_is_not_posted_again() {
    let stub = Stub::start().await;
    let posted = json!({"attributes": {"message": "Over.", "status": {"value": 4}}});
    stub.on("/api/incidents/7/updates", 200, json!({"data": [posted]}).to_string());
    let (ids, set) = (vec!["c1".to_owned()], wanted());
    assert!(cachet(&stub).update("7", &update(&ids, &set), Some(0)).await.expect("done"));
    let methods: Vec<String> = stub.asked().into_iter().map(|a| a.method).collect();
    assert_eq!(methods, ["GET"]);
    // One more of the same is meant.
    assert!(cachet(&stub).update("7", &update(&ids, &set), Some(1)).await.expect("done"));
    let methods: Vec<String> = stub.asked().into_iter().skip(1).map(|a| a.method).collect();
    assert_eq!(methods, ["GET", "POST"]);
    assert!(cachet(&stub).sets_components_apart() && !statuspage(&stub).sets_components_apart());
}

#[tokio::test]
async fn on_cachet_the_public_does_not_see_hidden_incidents() {
    let stub = Stub::start().await;
    let row = |id: &str, visible: i32| {
        json!({"id": id, "attributes": {"visible": visible, "status": {"value": 0}},
        "relationships": {"components": {"data": [{"id": "4"}]}}})
    };
    stub.on("/api/incidents", 200, json!({"data": [row("1", 0), row("2", 1)]}).to_string());
    stub.on("/api/incidents", 200, "{\"data\":[]}");
    let open = cachet(&stub).unresolved().await.expect("read");
    assert_eq!(
        open.iter().map(|i| (i.id.as_str(), i.status.as_str())).collect::<Vec<_>>(),
        [("2", "reported")]
    );
    assert_eq!((open[0].component_ids.as_slice(), stub.asked().len()), (["4".to_owned()].as_slice(), 4));
}
