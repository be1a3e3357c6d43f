//! The rows of the table: what is sent to which server over how many connections.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use firebell::sim::pagerduty::PagerDuty;
use firebell::sim::scene::World;
use firebell::sim::slack::Slack;
use tokio::runtime::Runtime;

use crate::client::{self, Outcome, Pace, Requests, Scheme};
use crate::machine;
use crate::server::{Database, Engine, Server};
use crate::teams;

/// What a row measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The same request to a server that reads it and answers 200.
    Bare,
    /// A typed command that only reads.
    Command(&'static str),
    /// A typed command that is answered from memory, with the rota of 500 teams in it.
    Lookup(&'static str),
    /// Deliveries to a server that verifies each and commits it by itself.
    Inserts,
    /// Deliveries about a service that nobody mapped: verified, committed, and read by the worker, to whom they mean
    /// little.
    Webhook,
    /// Acknowledgements of an incident of ours: the first changes it, the others are looked up, guarded and found to
    /// say nothing new.
    Acknowledged,
}

#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub kind: Kind,
    pub engine: Option<Engine>,
    pub connections: usize,
}

/// One measurement of one row.
pub struct Measured {
    pub outcome: Outcome,
    /// Resident memory after the load, in bytes.
    pub resident: u64,
    /// Deliveries read by the worker while more came in, a second.
    pub read_meanwhile: Option<f64>,
    /// Deliveries read by the worker after the last one came in, a second.
    pub read_after: Option<f64>,
}

/// Everything that measuring needs.
pub struct Scene {
    pub runtime: Runtime,
    pub world: World,
    /// The world of 500 teams.
    pub large: World,
    pub postgres: Option<String>,
    pub warm_up: Duration,
    pub measure: Duration,
}

/// Every row; `postgres` says whether there is one.
pub fn all(postgres: bool) -> Vec<Row> {
    let row = |kind, engine, connections| Row { kind, engine, connections };
    let lite = Some(Engine::Sqlite);
    let mut rows = vec![
        row(Kind::Bare, None, 32),
        row(Kind::Bare, None, 64),
        row(Kind::Command("/incident help"), lite, 32),
        row(Kind::Command("/incident help"), lite, 64),
        row(Kind::Command("/incident list"), lite, 32),
    ];
    let lookups = ["/oncall team-250", "/oncall @person-250", "/oncall", "/ic", "/ic responders"];
    rows.extend(lookups.map(|typed| row(Kind::Lookup(typed), lite, 32)));
    let engines = [Engine::Sqlite, Engine::Postgres];
    for engine in engines.into_iter().filter(|engine| *engine == Engine::Sqlite || postgres) {
        if engine == Engine::Postgres {
            rows.push(row(Kind::Command("/incident list"), Some(engine), 32));
        }
        rows.extend([
            row(Kind::Inserts, Some(engine), 64),
            row(Kind::Webhook, Some(engine), 64),
            row(Kind::Webhook, Some(engine), 1),
            row(Kind::Acknowledged, Some(engine), 64),
        ]);
    }
    rows
}

impl Row {
    pub fn name(&self) -> String {
        let what = match self.kind {
            Kind::Bare => "bare server, 200".to_owned(),
            Kind::Command(words) => format!("`{words}`"),
            Kind::Lookup(words) => format!("`{words}`, 500 teams"),
            Kind::Inserts => "webhook, one INSERT + COMMIT each".to_owned(),
            Kind::Webhook => "webhook".to_owned(),
            Kind::Acknowledged => "webhook about an open incident".to_owned(),
        };
        match self.engine {
            Some(engine) => format!("{what}, {}", engine.name()),
            None => what,
        }
    }

    /// The row that this one is compared with.
    pub fn baseline(&self, rows: &[Self]) -> Option<usize> {
        let of = |kind, engine, connections| {
            rows.iter().position(|r| r.kind == kind && r.engine == engine && r.connections == connections)
        };
        match self.kind {
            Kind::Bare | Kind::Inserts => None,
            Kind::Command(_) | Kind::Lookup(_) => of(Kind::Bare, None, self.connections),
            Kind::Webhook | Kind::Acknowledged => of(Kind::Inserts, self.engine, self.connections),
        }
    }
}

impl Scene {
    /// A command, signed as Slack does.
    pub fn command(&self, typed: &str) -> Result<Requests> {
        let general = self.world.slack.channel_named("general").context("#general")?.id;
        let signed = self.world.slack.command("U0ANA", &general, typed);
        let body = String::from_utf8(signed.body)?;
        // The trigger is each command's own.
        let at = body.find("trigger_id=").context("a trigger")? + "trigger_id=".len();
        Requests::new(Scheme::Slack, Slack::SIGNING_SECRET, &format!("{}#", &body[..at]), "#", 200)
    }

    /// An acknowledgement as PagerDuty sends it, about a service that is not configured.
    fn webhook() -> Result<Requests> {
        let body = sample()?.replace("PSVC001", "PELSE01").replace("01TESTEVENT000000000000002", "#");
        Requests::new(Scheme::PagerDuty, PagerDuty::WEBHOOK_SECRET, &body, "#", 202)
    }

    pub fn measure(&self, row: &Row) -> Result<Measured> {
        let database = || -> Result<Database> {
            Database::fresh(row.engine.context("an engine")?, self.postgres.as_deref())
        };
        let help = self.command("/incident help")?;
        let (server, requests) = match row.kind {
            Kind::Bare => (Server::baseline("bare", None)?, help),
            Kind::Inserts => (Server::baseline("inserts", Some(database()?))?, Self::webhook()?),
            Kind::Lookup(typed) => {
                let (server, _) = Server::firebell(&self.large, database()?, &teams::toml())?;
                let requests = self.command(typed)?;
                server.wait_for(&requests, |body| body.contains("Person of team"))?;
                server.wait_until_calm()?;
                (server, requests)
            }
            Kind::Command(_) | Kind::Webhook | Kind::Acknowledged => {
                let (server, _) = Server::firebell(&self.world, database()?, "")?;
                server.wait_until_it_knows_people(&help)?;
                let requests = match row.kind {
                    Kind::Command(typed) => self.command(typed)?,
                    Kind::Acknowledged => self.about_an_incident(&server)?,
                    _ => Self::webhook()?,
                };
                (server, requests)
            }
        };
        let read = |server: &Server| -> Result<i64> {
            server.count(&self.runtime, "SELECT count(*) FROM inbox WHERE done_at IS NOT NULL")
        };
        let pace = Pace { connections: row.connections, warm_up: self.warm_up, measure: self.measure };
        let outcome = client::send(server.address, server.pid(), &Arc::new(requests), pace)?;
        let resident = machine::resident(server.pid())?;
        let (mut read_meanwhile, mut read_after) = (None, None);
        if matches!(row.kind, Kind::Webhook | Kind::Acknowledged) {
            let until_now = read(&server)?;
            read_meanwhile = Some(until_now as f64 / (self.warm_up + self.measure).as_secs_f64());
            let pause = Duration::from_millis(700);
            std::thread::sleep(pause);
            read_after = Some((read(&server)? - until_now) as f64 / pause.as_secs_f64());
        }
        Ok(Measured { outcome, resident, read_meanwhile, read_after })
    }

    /// Declares an incident, waits for its page, and gives acknowledgements of it.
    fn about_an_incident(&self, server: &Server) -> Result<Requests> {
        // Those of earlier rows are over: one that is open would be taken for the same.
        let earlier = self.world.pagerduty.incidents();
        let before = earlier.len();
        for incident in earlier.iter().filter(|i| i.status != firebell::sim::pagerduty::Status::Resolved) {
            self.world.pagerduty.resolve(&incident.id, None);
        }
        let (status, body) =
            client::send_one(server.address, &self.command("/incident declare payments-down sev1")?)?;
        anyhow::ensure!(status == 200, "declaring was answered {status} {body}");
        let began_at = std::time::Instant::now();
        let incident = loop {
            if let Some(incident) = self.world.pagerduty.incidents().get(before) {
                break incident.clone();
            }
            anyhow::ensure!(
                began_at.elapsed() < Duration::from_secs(10),
                "no page came of declaring: {body}"
            );
            std::thread::sleep(Duration::from_millis(20));
        };
        std::thread::sleep(Duration::from_millis(300)); // the answer to the page is recorded
        let body =
            sample()?.replace("Q0INCIDENT0001", &incident.id).replace("01TESTEVENT000000000000002", "#");
        Requests::new(Scheme::PagerDuty, PagerDuty::WEBHOOK_SECRET, &body, "#", 202)
    }
}

/// `incident.acknowledged` as PagerDuty sends it.
pub fn sample() -> Result<String> {
    let all: serde_json::Value =
        serde_json::from_str(include_str!("../../fixtures/pagerduty/webhooks.json"))?;
    let samples = all["samples"].as_array().context("samples")?;
    let found = samples.iter().find(|s| s["event_type"] == "incident.acknowledged");
    Ok(found.and_then(|s| s["body"].as_str()).context("an acknowledgement")?.to_owned())
}
