//! `openapi.yaml`, the list of routes and the router say the same.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use firebell::clock::Clock;
use firebell::error::Result;
use firebell::front::Reply;
use firebell::http::{
    ADMIN_ROUTES, BoxFuture, Edge, FrontDesk, Intake, ROUTES, Settings, SlashCommand, Workspace,
    admin_router, router,
};
use firebell::metrics::Metrics;
use firebell::testing;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The methods under `paths:`, read by indentation: two spaces before a path, four before a method.
fn described() -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    let mut path = None;
    let lines = include_str!("../openapi.yaml").lines();
    for line in lines.skip_while(|line| *line != "paths:").skip(1).take_while(|line| line.starts_with(' ')) {
        let Some(key) = line.trim_start().strip_suffix(':') else { continue };
        match line.len() - line.trim_start().len() {
            2 => path = Some(key.to_owned()),
            4 if METHODS.contains(&key) => {
                found.insert((key.to_uppercase(), path.clone().expect("a method stands under its path")));
            }
            _ => {}
        }
    }
    found
}

#[test]
fn openapi_describes_exactly_the_routes() {
    let listed = ROUTES.iter().chain(ADMIN_ROUTES).map(|(m, p)| ((*m).to_owned(), (*p).to_owned()));
    assert_eq!(described(), listed.collect());
}

#[test]
fn every_reference_in_openapi_is_there() {
    let text = include_str!("../openapi.yaml");
    for reference in text.lines().filter_map(|line| line.trim().strip_prefix(r##"$ref: "#/components/"##)) {
        let (section, name) = reference.trim_end_matches('"').split_once('/').expect("section/name");
        let from = text.find(&format!("\n  {section}:\n")).unwrap_or_else(|| panic!("no {section}"));
        assert!(text[from..].contains(&format!("\n    {name}:\n")), "{reference} is not there");
    }
}

#[tokio::test]
async fn the_router_serves_exactly_the_routes() {
    let clock = Clock::manual(testing::START);
    let (db, _guard) = testing::sqlite(&clock).await;
    let metrics = Arc::new(Metrics::new());
    let edge = Edge {
        intake: Intake::start(db.clone(), &TaskTracker::new(), CancellationToken::new()),
        db,
        clock,
        settings: Settings {
            signing_secrets: vec!["slack".into()],
            hint_senders: Vec::new(),
            webhook_secrets: vec!["pagerduty".into()],
            max_body: 1024,
            body_timeout: Duration::from_secs(3),
            request_timeout: Duration::from_secs(5),
            max_in_flight: 10,
        },
        desk: Arc::new(NobodyThere),
        metrics: metrics.clone(),
        accepting: AtomicBool::new(true),
    };
    serves_exactly(&router(Arc::new(edge)), ROUTES).await;
    serves_exactly(&admin_router(metrics), ADMIN_ROUTES).await;
}

async fn serves_exactly(served_by: &Router, routes: &[(&str, &str)]) {
    for path in routes.iter().map(|(_, path)| path).collect::<BTreeSet<_>>() {
        for method in METHODS.map(str::to_uppercase) {
            let request = Request::builder()
                .method(Method::from_bytes(method.as_bytes()).expect("a method"))
                .uri(format!("{path}?ssl_check=1"))
                .body(Body::empty())
                .expect("a request");
            let status = served_by.clone().oneshot(request).await.expect("the router never fails").status();
            let served = ![StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED].contains(&status);
            let listed = routes.contains(&(method.as_str(), path));
            assert_eq!(served, listed, "{method} {path} answers {status}");
        }
    }
}

struct NobodyThere;

impl FrontDesk for NobodyThere {
    fn workspace(&self) -> Option<Workspace> {
        None
    }
    fn command<'a>(&'a self, _: &'a SlashCommand) -> BoxFuture<'a, Reply> {
        Box::pin(async { Reply::Nothing })
    }
    fn interaction(&self, _: Value) -> BoxFuture<'_, Reply> {
        Box::pin(async { Reply::Nothing })
    }
    fn wants(&self, _event: &Value) -> bool {
        true
    }

    fn open_modal(&self, _: String, _: Value) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Ok(()) })
    }
    fn follow_up(&self, _: &Value, _: Reply) {}
    fn note_stranger(&self, _: &SlashCommand) {}
    fn late(&self, _: Option<&SlashCommand>) -> Reply {
        Reply::Nothing
    }
}
