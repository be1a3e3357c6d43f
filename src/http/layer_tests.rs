//! What every route has around it: shedding, time limits, counting; and the pages for operators.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::admin_router;
use super::test_edge::{Does, TestEdge, get, post};
use crate::on_both_engines;

async fn sqlite_edge(change: impl FnOnce(&mut super::Settings)) -> (TestEdge, crate::testing::Guard) {
    let clock = crate::clock::Clock::manual(crate::testing::START);
    let (db, guard) = crate::testing::sqlite(&clock).await;
    (TestEdge::with(&db, &clock, change), guard)
}

/// A body that never comes.
fn stuck(path: &str) -> Request<Body> {
    let (reader, writer) = tokio::io::duplex(8);
    std::mem::forget(writer);
    let body = Body::from_stream(tokio_util::io::ReaderStream::new(reader));
    Request::post(path).body(body).expect("a request")
}

#[tokio::test]
async fn a_flood_is_shed_before_anything_is_read_and_health_is_not() {
    let (t, _guard) = sqlite_edge(|settings| settings.max_in_flight = 1).await;
    let holding = t.send(stuck("/webhooks/pagerduty"));
    tokio::pin!(holding);
    let shed = async {
        let request = post("/webhooks/pagerduty", b"{}", &[]);
        let answer = t.router.clone().oneshot(request).await.expect("the router never fails");
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()[header::RETRY_AFTER], "1");
        assert_eq!(t.send(post("/slack/commands", b"", &[])).await.0, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(t.send(get("/healthz")).await, (StatusCode::OK, "ok".to_owned()));
    };
    tokio::select! {
        biased;
        _ = &mut holding => panic!("its body never comes"),
        () = shed => {}
    }
}

#[tokio::test]
async fn a_body_that_never_comes_ends_in_503() {
    let (t, _guard) = sqlite_edge(|settings| settings.request_timeout = Duration::from_millis(50)).await;
    assert_eq!(t.send(stuck("/webhooks/pagerduty")).await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert!(t.counted(r#"firebell_requests_total{path="/webhooks/pagerduty",status="503"} 1"#));
}

#[tokio::test]
async fn who_does_not_say_what_they_want_gives_their_place_up_before_others_lose_patience() {
    let few = |settings: &mut super::Settings| {
        settings.max_in_flight = 1;
        settings.body_timeout = Duration::from_millis(50);
    };
    let (t, _guard) = sqlite_edge(few).await;
    assert_eq!(t.send(stuck("/slack/commands")).await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert!(t.counted(r#"firebell_refused_requests_total{sender="slack",reason="slow"} 1"#));
    assert_eq!(t.send(post("/webhooks/pagerduty", b"{}", &[])).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn broken_http_over_a_real_connection_harms_nobody() {
    let (t, _guard) = sqlite_edge(|_| {}).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let serving = TaskTracker::new();
    let server = serving.spawn(axum::serve(listener, t.router.clone()).into_future());
    let say = async |bytes: &[u8]| {
        let mut connection = TcpStream::connect(address).await.expect("connects");
        connection.write_all(bytes).await.expect("writes");
        connection.shutdown().await.expect("closes its side");
        let mut answer = Vec::new();
        let _ = connection.read_to_end(&mut answer).await; // a reset is an answer too
        String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
    };
    assert_eq!(say(b"\x16\x03\x01 not http \0\xff\r\n\r\n").await, "HTTP/1.1 400 Bad Request");
    let head = "POST /webhooks/pagerduty HTTP/1.1\r\nHost: x\r\n";
    assert_eq!(
        say(format!("{head}Content-Length: 50\r\n\r\nshort").as_bytes()).await,
        "HTTP/1.1 400 Bad Request"
    );
    let bad_chunk = say(format!("{head}Transfer-Encoding: chunked\r\n\r\nzz\r\n").as_bytes()).await;
    assert_eq!(bad_chunk, "HTTP/1.1 400 Bad Request");
    let unsigned = say(format!("{head}Content-Length: 2\r\nConnection: close\r\n\r\n{{}}").as_bytes()).await;
    assert_eq!(unsigned, "HTTP/1.1 401 Unauthorized");
    assert_eq!(
        say(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await,
        "HTTP/1.1 200 OK"
    );
    assert_eq!(t.kept().await, []);
    server.abort();
}

#[tokio::test]
async fn unknown_paths_share_one_label() {
    let (t, _guard) = sqlite_edge(|_| {}).await;
    t.does(Does::Panics);
    assert_eq!(t.send(get("/wp-login.php?x=1")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(t.send(get("/.env")).await.0, StatusCode::NOT_FOUND);
    assert!(t.counted(r#"firebell_requests_total{path="other",status="404"} 2"#));
}

on_both_engines! {
    async fn readiness_names_what_is_missing(db: Db, clock: Clock) {
        let t = TestEdge::new(&db, &clock);
        assert_eq!(t.send(get("/readyz")).await, (StatusCode::OK, r#"{"missing":[],"ready":true}"#.to_owned()));
        t.edge.accepting.store(false, Ordering::Relaxed);
        db.close().await;
        let missing = r#"{"missing":["accepting","database"],"ready":false}"#.to_owned();
        assert_eq!(t.send(get("/readyz")).await, (StatusCode::SERVICE_UNAVAILABLE, missing));
        assert_eq!(t.send(get("/healthz")).await.0, StatusCode::OK);
    }
}

#[tokio::test]
async fn metrics_are_on_the_admin_listener_only() {
    let (t, _guard) = sqlite_edge(|_| {}).await;
    assert_eq!(t.send(get("/metrics")).await.0, StatusCode::NOT_FOUND);
    let answer = admin_router(t.edge.metrics.clone()).oneshot(get("/metrics")).await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    let content_type = answer.headers()[header::CONTENT_TYPE].to_str().expect("text");
    assert_eq!(content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
}
