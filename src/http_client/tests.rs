//! The one way out: pauses, time limits, and failures that tell nothing secret.

use super::stub::Stub;
use super::*;

fn clock() -> Clock {
    Clock::manual(Timestamp::from_secs(1_800_000_000))
}

fn wire(stub: &Stub, clock: &Clock) -> Wire {
    Wire::new(Vendor::Slack, client(Duration::from_secs(5)), clock.clone(), stub.observer())
}

fn spec(effect: Effect) -> CallSpec {
    CallSpec { name: "test.call", effect, scopes: &[], tier: "" }
}

async fn get(wire: &Wire, url: &str) -> Result<String, Upstream> {
    let judge = |answer: &Answer| match answer.status.as_u16() {
        200 => Ok(String::from_utf8_lossy(&answer.body).into_owned()),
        other => Err(unavailable(format!("HTTP {other}"))),
    };
    wire.exchange(&spec(Effect::Idempotent), "key", wire.http.get(url), judge).await
}

fn wait(result: Result<String, Upstream>) -> u64 {
    match result.expect_err("limited").problem {
        Problem::RateLimited { after } => after.as_secs(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_pause_is_obeyed_without_touching_the_network_and_ends_by_the_clock() {
    let (stub, clock) = (Stub::start().await, clock());
    stub.on_with("/x", 429, &[("Retry-After", "30")], "").on("/x", 200, "hello");
    let wire = wire(&stub, &clock);
    let url = format!("{}/x", stub.url);
    assert_eq!(wait(get(&wire, &url).await), 30);
    clock.advance(Duration::from_secs(10));
    assert_eq!(wait(get(&wire, &url).await), 20);
    assert_eq!(stub.asked().len(), 1, "the second call stayed at home");
    clock.advance(Duration::from_secs(20));
    assert_eq!(get(&wire, &url).await.expect("open again"), "hello");
    assert_eq!(stub.outcomes(), [("test.call", "rate_limited"), ("test.call", "ok")]);
}

#[tokio::test]
async fn no_vendor_silences_us_for_longer_than_is_sensible() {
    for (vendor, longest) in [(Vendor::Slack, 300), (Vendor::Statuspage, 300), (Vendor::PagerDuty, 60)] {
        let (stub, clock) = (Stub::start().await, clock());
        stub.on_with("/x", 429, &[("Retry-After", "36000")], "").on("/x", 200, "hello");
        let wire = Wire::new(vendor, client(Duration::from_secs(5)), clock.clone(), stub.observer());
        let url = format!("{}/x", stub.url);
        assert_eq!(wait(get(&wire, &url).await), longest);
        clock.advance(Duration::from_secs(longest));
        assert_eq!(get(&wire, &url).await.expect("open again"), "hello");
    }
}

#[tokio::test]
async fn what_must_not_be_done_twice_is_in_doubt_when_its_time_ends_and_nothing_else_is() {
    let (stub, clock) = (Stub::start().await, clock());
    stub.on("/x", 504, "<html>").on("/broken", 503, "");
    let wire = wire(&stub, &clock);
    for (path, effect, is_late, is_in_doubt) in [
        ("/x", Effect::ReadBack, true, true),
        ("/x", Effect::Named, false, true),
        ("/x", Effect::Idempotent, false, false),
        ("/broken", Effect::ReadBack, false, false),
    ] {
        let request = wire.http.get(format!("{}{path}", stub.url));
        let judge = |answer: &Answer| Err::<(), _>(unavailable(answer.status.to_string()));
        let error = wire.exchange(&spec(effect), "key", request, judge).await.expect_err("no answer");
        assert_eq!((error.is_late(), error.is_in_doubt()), (is_late, is_in_doubt), "{path} {effect:?}");
    }
}

#[tokio::test]
async fn bare_429s_wait_longer_each_time_and_start_over_after_an_answer() {
    let (stub, clock) = (Stub::start().await, clock());
    stub.on("/x", 429, "").on("/x", 429, "<html>").on("/x", 200, "fine").on("/x", 429, "");
    let wire = wire(&stub, &clock);
    let url = format!("{}/x", stub.url);
    assert_eq!(wait(get(&wire, &url).await), 5);
    clock.advance(Duration::from_secs(5));
    assert_eq!(wait(get(&wire, &url).await), 10);
    clock.advance(Duration::from_secs(10));
    assert_eq!(get(&wire, &url).await.expect("open"), "fine");
    assert_eq!(wait(get(&wire, &url).await), 5);
}

#[tokio::test]
async fn failures_of_the_connection_name_neither_address_nor_secret() {
    let (stub, clock) = (Stub::start().await, clock());
    let wire = wire(&stub, &clock);
    let error = get(&wire, "http://127.0.0.1:1/hidden?token=hidden").await.expect_err("nobody listens");
    assert_eq!(error.problem, unavailable("no connection"));
    let unbuildable = wire.http.get(&stub.url).header("x", "line\nbreak hidden");
    let error = send(Vendor::Slack, "test.call", unbuildable).await.map(|_| ()).expect_err("not a header");
    assert_eq!(error.code(), Some("invalid_request"));
    assert!(!format!("{error} {error:?}").contains("hidden"));
}

#[tokio::test]
async fn redirects_are_not_followed_and_huge_answers_not_read() {
    let (stub, clock) = (Stub::start().await, clock());
    stub.on_with("/away", 302, &[("location", "/x")], "").on("/big", 200, "x".repeat(MAX_ANSWER_BYTES + 1));
    let wire = wire(&stub, &clock);
    let moved = get(&wire, &format!("{}/away", stub.url)).await.expect_err("not followed");
    assert_eq!(moved.problem, unavailable("HTTP 302"));
    let big = get(&wire, &format!("{}/big", stub.url)).await.expect_err("too large");
    assert!(big.to_string().contains("larger"), "{big}");
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_an_unknown_outcome() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("bound"));
    let stub = Stub::default();
    let slow = Wire::new(Vendor::Slack, client(Duration::from_millis(100)), clock(), stub.observer());
    let error = get(&slow, &url).await.expect_err("nobody answers");
    assert_eq!(error.problem, unavailable("no answer in time"));
    assert_eq!(stub.outcomes(), [("test.call", "unavailable")]);
}

#[test]
fn a_running_pause_survives_the_success_of_an_overlapping_call() {
    let pauses = Pauses::new(clock(), LONGEST_PAUSE);
    pauses.hit("key", Some(Duration::from_secs(9)));
    pauses.clear("key");
    assert_eq!(pauses.left("key"), Some(Duration::from_secs(9)));
    assert_eq!(pauses.left("other"), None);
}

#[test]
fn fields_read_what_vendors_write() {
    let value = serde_json::json!({
        "n": "42", "m": 7, "yes": "true", "no": null, "empty": "", "list": ["a", null, 3], "at": "2026-11-21T05:00:00-05:00"
    });
    let fields = Fields(&value);
    assert_eq!((fields.int("/n"), fields.int("/m"), fields.int("/no")), (42, 7, 0));
    assert!(fields.flag("/yes") && !fields.flag("/no") && !fields.flag("/missing"));
    assert_eq!((fields.some("/empty"), fields.some("/no"), fields.text("/m")), (None, None, "7".into()));
    assert_eq!(fields.texts("/list"), ["a", "3"]);
    assert_eq!(fields.time("/at").map(|t| t.to_string()).as_deref(), Some("2026-11-21T10:00:00Z"));
    assert!(fields.need("/missing").is_err());
}

#[tokio::test]
async fn the_span_tells_the_call_and_its_status_but_no_address_header_or_body() {
    use std::io::{Read as _, Seek as _};
    use tracing_subscriber::fmt::format::FmtSpan;

    let mut file = tempfile::tempfile().expect("a file");
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::CLOSE)
        .with_ansi(false)
        .with_writer(Arc::new(file.try_clone().expect("a second handle")))
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let stub = Stub::start().await;
    stub.on("/hidden", 418, "hidden");
    let http = client(Duration::from_secs(5));
    let request = http.post(format!("{}/hidden?hidden=1", stub.url)).bearer_auth("hidden").body("hidden");
    let answer = send(Vendor::PagerDuty, "POST /x", request).await.expect("an answer");
    assert_eq!(answer.body, b"hidden");
    drop(guard);
    let mut log = String::new();
    file.rewind().and_then(|()| file.read_to_string(&mut log)).expect("text");
    assert!(log.contains("POST /x") && log.contains("PagerDuty") && log.contains("status=418"), "{log}");
    assert!(log.contains("elapsed_ms=") && !log.contains("hidden"), "{log}");
}
