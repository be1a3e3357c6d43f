//! PagerDuty at the front door: nothing unsigned is stored, and nothing signed is ever told 4xx.

use axum::http::StatusCode;

use super::signature::sign_pagerduty;
use super::test_edge::{PAGERDUTY_SECRET, TestEdge, post};
use crate::on_both_engines;

const HOOK: &str = "/webhooks/pagerduty";
const EVENT: &[u8] = br#"{"event":{"id":"01EVENT","event_type":"incident.triggered","data":{"n":1}}}"#;

on_both_engines! {
    async fn what_is_not_properly_signed_leaves_no_trace(db: Db, clock: Clock) {
        let t = TestEdge::new(&db, &clock);
        let good = sign_pagerduty(&PAGERDUTY_SECRET.into(), EVENT);
        let header = "x-pagerduty-signature";
        let anothers = sign_pagerduty(&"another".into(), EVENT);
        let oversized = vec![b' '; (1 << 20) + 1];
        for (name, request, status) in [
            ("unsigned", post(HOOK, EVENT, &[]), StatusCode::UNAUTHORIZED),
            ("tampered", post(HOOK, &EVENT.to_ascii_lowercase(), &[(header, &good)]), StatusCode::UNAUTHORIZED),
            ("other secret", post(HOOK, EVENT, &[(header, &anothers)]), StatusCode::UNAUTHORIZED),
            ("two headers", post(HOOK, EVENT, &[(header, &good), (header, &good)]), StatusCode::UNAUTHORIZED),
            ("no version", post(HOOK, EVENT, &[(header, &good[3..])]), StatusCode::UNAUTHORIZED),
            ("empty", post(HOOK, b"", &[]), StatusCode::BAD_REQUEST),
            ("oversized", post(HOOK, &oversized, &[(header, &good)]), StatusCode::PAYLOAD_TOO_LARGE),
        ] {
            assert_eq!(t.send(request).await, (status, String::new()), "{name}");
        }
        assert_eq!(t.kept().await, []);
        assert!(t.counted(r#"firebell_refused_requests_total{sender="pagerduty",reason="mismatch"} 2"#));

        let rotating = format!("{anothers},{good}");
        assert_eq!(t.send(post(HOOK, EVENT, &[(header, &rotating)])).await, (StatusCode::ACCEPTED, String::new()));
        assert_eq!(t.kept().await.len(), 1);
    }
}

on_both_engines! {
    async fn whatever_is_signed_is_kept_as_it_came_and_answered_202(db: Db, clock: Clock) {
        let t = TestEdge::new(&db, &clock);
        let ping = br#"{"event":{"id":"01PING","event_type":"pagey.ping","data":{"type":"ping"}}}"#;
        let long_id = format!(r#"{{"event":{{"id":"{}"}}}}"#, "x".repeat(100_000));
        let bodies: [&[u8]; 8] = [
            EVENT,
            ping,
            b"not json \0 at all \xff\xfe",
            b"",
            br#"{"event":{"event_type":"incident.triggered"}}"#,
            br#"{"event":{"id":"with \u0000 in it"}}"#,
            br#"{"event":{"id":17}}"#,
            long_id.as_bytes(),
        ];
        for _ in 0..2 {
            for body in bodies {
                let said = String::from_utf8_lossy(&body[..body.len().min(60)]);
                assert_eq!(t.pagerduty(body).await, (StatusCode::ACCEPTED, String::new()), "{said}");
            }
        }
        let kept = t.kept().await;
        assert_eq!(kept.iter().map(|k| k.body.as_slice()).collect::<Vec<_>>(), bodies);
        assert_eq!(kept[0].delivery_key, "01EVENT");
        assert_eq!(kept[1].delivery_key, "01PING");
        assert_eq!(kept[3].delivery_key, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert!(t.counted(r#"firebell_deliveries_total{source="pagerduty",outcome="ping"} 2"#));
        assert!(t.counted(r#"firebell_deliveries_total{source="pagerduty",outcome="unreadable"} 12"#));
    }
}

on_both_engines! {
    async fn a_database_that_is_away_is_503(db: Db, clock: Clock) {
        let t = TestEdge::new(&db, &clock);
        db.close().await;
        assert_eq!(t.pagerduty(EVENT).await, (StatusCode::SERVICE_UNAVAILABLE, String::new()));
    }
}

#[tokio::test]
async fn without_secrets_pagerduty_is_off() {
    let clock = crate::clock::Clock::manual(crate::testing::START);
    let (db, _guard) = crate::testing::sqlite(&clock).await;
    let t = TestEdge::with(&db, &clock, |settings| settings.webhook_secrets.clear());
    assert_eq!(t.pagerduty(EVENT).await, (StatusCode::NOT_FOUND, String::new()));
}
