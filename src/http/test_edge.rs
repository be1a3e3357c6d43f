//! An edge for the tests in this folder: a desk that answers as told and remembers what it was asked, and requests
//! signed as the vendors sign them.

use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::signature::{sign_pagerduty, sign_slack};
use super::*;
use crate::error::{Problem, Result, Upstream, Vendor};
use crate::front::Reply;
use crate::row;

pub(super) const SLACK_SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
pub(super) const PAGERDUTY_SECRET: &str = "whsec-test-only";

/// What the desk does with the next question.
#[derive(Clone)]
pub(super) enum Does {
    Reply(Reply),
    NeverAnswers,
    Panics,
}

pub(super) struct TestDesk {
    pub(super) does: Mutex<Does>,
    pub(super) workspace: Mutex<Option<Workspace>>,
    pub(super) opens_forms: AtomicBool,
    /// Everything it was asked, in order, as text.
    pub(super) heard: Mutex<Vec<String>>,
}

impl TestDesk {
    fn hear(&self, what: String) {
        self.heard.lock().unwrap().push(what);
    }

    fn answer(&self) -> BoxFuture<'_, Reply> {
        let does = self.does.lock().unwrap().clone();
        Box::pin(async move {
            match does {
                Does::Reply(reply) => reply,
                Does::NeverAnswers => std::future::pending().await,
                Does::Panics => panic!("the desk fell over"),
            }
        })
    }
}

impl FrontDesk for TestDesk {
    fn workspace(&self) -> Option<Workspace> {
        self.workspace.lock().unwrap().clone()
    }

    fn command<'a>(&'a self, typed: &'a SlashCommand) -> BoxFuture<'a, Reply> {
        self.hear(format!("{} {} {} by {}", typed.team_id, typed.command, typed.text, typed.user_id));
        self.answer()
    }

    fn interaction(&self, payload: Value) -> BoxFuture<'_, Reply> {
        self.hear(format!("{} by {}", payload["type"], payload["user"]["id"]));
        self.answer()
    }

    fn wants(&self, event: &Value) -> bool {
        event["type"] != "message"
    }

    fn open_modal(&self, trigger_id: String, view: Value) -> BoxFuture<'_, Result<()>> {
        self.hear(format!("open {view} with {trigger_id}"));
        let opens = self.opens_forms.load(Ordering::Relaxed);
        Box::pin(async move {
            let problem = Problem::Rejected { code: "expired_trigger_id".into(), detail: String::new() };
            let no = Upstream { service: Vendor::Slack, call: "views.open", problem };
            if opens { Ok(()) } else { Err(no.into()) }
        })
    }

    fn follow_up(&self, payload: &Value, reply: Reply) {
        self.hear(format!("follow up {} with {reply:?}", payload["type"]));
    }

    fn note_stranger(&self, typed: &SlashCommand) {
        self.hear(format!("{} {} is a stranger's", typed.team_id, typed.command));
    }

    fn late(&self, _: Option<&SlashCommand>) -> Reply {
        Reply::only("not stored yet")
    }
}

pub(super) struct TestEdge {
    pub(super) edge: Arc<Edge>,
    pub(super) desk: Arc<TestDesk>,
    pub(super) router: Router,
}

row! {
    #[derive(Debug, PartialEq, Eq)]
    pub struct Kept {
        pub source: String,
        pub delivery_key: String,
        pub body: Vec<u8>,
    }
}

impl TestEdge {
    pub(super) fn new(db: &Db, clock: &Clock) -> Self {
        Self::with(db, clock, |_| {})
    }

    pub(super) fn with(db: &Db, clock: &Clock, change: impl FnOnce(&mut Settings)) -> Self {
        let desk = Arc::new(TestDesk {
            does: Mutex::new(Does::Reply(Reply::only("done"))),
            workspace: Mutex::new(Some(Workspace { team_id: "T1".into(), app_id: Some("A1".into()) })),
            opens_forms: AtomicBool::new(true),
            heard: Mutex::default(),
        });
        let mut settings = Settings {
            signing_secrets: vec!["the one before".into(), SLACK_SECRET.into()],
            webhook_secrets: vec![PAGERDUTY_SECRET.into()],
            hint_senders: Vec::new(),
            max_body: 1 << 20,
            body_timeout: Duration::from_secs(3),
            request_timeout: Duration::from_secs(10),
            max_in_flight: 1000,
        };
        change(&mut settings);
        let edge = Arc::new(Edge {
            db: db.clone(),
            clock: clock.clone(),
            settings,
            desk: desk.clone(),
            intake: Intake::start(db.clone(), &TaskTracker::new(), CancellationToken::new()),
            metrics: Arc::new(Metrics::new()),
            accepting: AtomicBool::new(true),
        });
        Self { router: router(edge.clone()), edge, desk }
    }

    pub(super) async fn send(&self, request: Request<Body>) -> (StatusCode, String) {
        let response: Response<Body> =
            self.router.clone().oneshot(request).await.expect("the router never fails");
        let status = response.status();
        let body = to_bytes(response.into_body(), 1 << 20).await.expect("the body is read");
        (status, String::from_utf8(body.to_vec()).expect("answers are UTF-8"))
    }

    /// A form to Slack's commands or interactions, signed now.
    pub(super) async fn form(&self, path: &str, body: &str) -> (StatusCode, String) {
        let request = self.slack(path, body.as_bytes(), "application/x-www-form-urlencoded; charset=utf-8");
        self.send(request).await
    }

    pub(super) async fn interaction(&self, payload: &Value) -> (StatusCode, String) {
        let payload = payload.to_string();
        let body = form_urlencoded::Serializer::new(String::new()).append_pair("payload", &payload).finish();
        self.form("/slack/interactions", &body).await
    }

    pub(super) async fn event(&self, body: &Value) -> (StatusCode, String) {
        self.send(self.slack("/slack/events", body.to_string().as_bytes(), "application/json")).await
    }

    pub(super) async fn pagerduty(&self, body: &[u8]) -> (StatusCode, String) {
        let signature = sign_pagerduty(&PAGERDUTY_SECRET.into(), body);
        self.send(post("/webhooks/pagerduty", body, &[("x-pagerduty-signature", &signature)])).await
    }

    pub(super) fn slack(&self, path: &str, body: &[u8], content_type: &str) -> Request<Body> {
        let timestamp = self.edge.clock.now().as_secs().to_string();
        let signature = sign_slack(&SLACK_SECRET.into(), &timestamp, body);
        let headers = [
            ("x-slack-request-timestamp", timestamp.as_str()),
            ("x-slack-signature", &signature),
            ("content-type", content_type),
        ];
        post(path, body, &headers)
    }

    pub(super) fn does(&self, what: Does) {
        *self.desk.does.lock().unwrap() = what;
    }

    /// What the desk was asked since the last look.
    pub(super) fn heard(&self) -> Vec<String> {
        std::mem::take(&mut *self.desk.heard.lock().unwrap())
    }

    pub(super) fn counted(&self, line: &str) -> bool {
        self.edge.metrics.encode().lines().any(|l| l == line)
    }

    pub(super) async fn kept(&self) -> Vec<Kept> {
        let mut tx = self.edge.db.read().await.expect("the database reads");
        tx.all("SELECT source, delivery_key, body FROM inbox ORDER BY id", &[])
            .await
            .expect("the inbox reads")
    }
}

pub(super) fn post(path: &str, body: &[u8], headers: &[(&str, &str)]) -> Request<Body> {
    let request = Request::post(path);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(Body::from(body.to_vec())).expect("a request")
}

pub(super) fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).expect("a request")
}
