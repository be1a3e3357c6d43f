//! What each request costs by itself: signature, decoding, finding out what was meant. The end-to-end figures are
//! in `load`.
#![expect(clippy::unwrap_used, reason = "a bench that cannot prepare its inputs may stop")]

use std::hint::black_box;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use firebell::clock::Clock;
use firebell::config::Config;
use firebell::events::pagerduty::understand;
use firebell::http::form::Form;
use firebell::http::signature::{
    PAGERDUTY_SIGNATURE, SLACK_SIGNATURE, SLACK_TIMESTAMP, sign_pagerduty, sign_slack, verify_pagerduty,
    verify_slack,
};
use firebell::incidents::command;
use firebell::oncall::{Directory, Known};
use firebell::store::Priority;
use firebell::testing;
use secrecy::SecretString;
use tokio::runtime::Runtime;

const TOML: &str = r#"
[slack]
bot_token = "xoxb-bench"
signing_secrets = ["bench"]
[pagerduty]
token = "bench"
from_email = "firebell@example.com"
webhook_secrets = ["bench"]
[[service]]
name = "payments"
pagerduty_service = "PSVC001"
default = true
"#;

const COMMAND: &str = "token=deprecated&team_id=T0DEMO&team_domain=firebell-demo&channel_id=C0000002&\
    channel_name=general&user_id=U0ANA&user_name=ana&command=%2Fincident&\
    text=declare+%E2%80%9Cpayments+down%E2%80%9D+for+everybody+sev1+--service+payments&api_app_id=A0DEMO&\
    is_enterprise_install=false&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT0DEMO%2F1%2Fabcdefgh&\
    trigger_id=1234567890.1234567890.0123456789abcdef0123456789abcdef";

fn signatures(c: &mut Criterion) {
    let secrets = [SecretString::from("8f742231b10e8888abcd99yyyzzz85a5")];
    let now = testing::START;
    let timestamp = now.as_secs().to_string();
    let mut group = c.benchmark_group("signature");
    for size in [961, 4096] {
        let body = vec![b'x'; size];
        group.throughput(Throughput::Bytes(size as u64));
        let mut headers = HeaderMap::new();
        headers.insert(SLACK_TIMESTAMP, HeaderValue::from_str(&timestamp).unwrap());
        let signature = sign_slack(&secrets[0], &timestamp, &body);
        headers.insert(SLACK_SIGNATURE, HeaderValue::from_str(&signature).unwrap());
        let signature = sign_pagerduty(&secrets[0], &body);
        headers.insert(PAGERDUTY_SIGNATURE, HeaderValue::from_str(&signature).unwrap());
        verify_slack(&headers, &body, &secrets, now).unwrap();
        verify_pagerduty(&headers, &body, &secrets).unwrap();
        group.bench_function(format!("slack/{size}"), |b| {
            b.iter(|| verify_slack(black_box(&headers), black_box(&body), &secrets, now));
        });
        group.bench_function(format!("pagerduty/{size}"), |b| {
            b.iter(|| verify_pagerduty(black_box(&headers), black_box(&body), &secrets));
        });
    }
    group.finish();
}

fn commands(c: &mut Criterion) {
    let config = Config::from_toml(TOML).unwrap();
    let known = Known { config: config.into(), people: Directory::default().into() };
    let read = |body| {
        let form = Form::parse(body)?;
        let fields = ["team_id", "user_id", "channel_id", "command", "text", "trigger_id"];
        fields.iter().map(|name| form.need(name)).collect::<Result<Vec<String>, _>>()
    };
    c.bench_function("command/form", |b| b.iter(|| read(black_box(COMMAND.as_bytes())).is_ok()));
    let text = Form::parse(COMMAND.as_bytes()).unwrap().need("text").unwrap();
    assert!(matches!(command::parse(&text, &known), Ok(command::Asked::Declare { .. })));
    c.bench_function("command/parse declare", |b| b.iter(|| command::parse(black_box(&text), &known)));
    c.bench_function("command/parse list", |b| b.iter(|| command::parse(black_box("list"), &known)));
}

/// What a delivery means, in a transaction on SQLite that stays open: reading it, and one look whether the incident
/// is ours.
fn deliveries(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let _inside = runtime.enter(); // where the transaction is dropped, too
    let clock = Clock::manual(testing::START);
    let (db, _guard) = runtime.block_on(testing::sqlite(&clock));
    let config = Config::from_toml(TOML).unwrap();
    let known = Known { config: config.into(), people: Directory::default().into() };
    let samples: serde_json::Value =
        serde_json::from_str(include_str!("../fixtures/pagerduty/webhooks.json")).unwrap();
    let sample =
        samples["samples"].as_array().unwrap().iter().find(|s| s["event_type"] == "incident.annotated");
    let body = sample.unwrap()["body"].as_str().unwrap().as_bytes().to_vec();
    let mut tx = runtime.block_on(db.write(Priority::Job)).unwrap();
    c.bench_function("delivery/understand", |b| {
        b.iter(|| runtime.block_on(understand(&mut tx, &known, black_box(&body))).unwrap());
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(2));
    targets = signatures, commands, deliveries
}
criterion_main!(benches);
