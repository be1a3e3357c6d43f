//! The door through which `firebell demo send` reaches a running demo: what is typed there is typed in the simulated
//! workspace, by one of its people, and goes on to the server as a signed request.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::home::Home;
use super::scenario::first_name;
use crate::sim::scene::{CAST, World};
use crate::sim::signed::Signed;
use crate::sim::slack::Reading;

const PATH: &str = "/typed";

/// How long a channel or a button that is not there yet is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Somebody types something somewhere.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Typing {
    /// A handle: `ana`.
    pub who: String,
    /// A name: `general`.
    pub channel: String,
    /// A command, a button's label in brackets, or words to say.
    pub text: String,
}

impl Typing {
    fn handle(&self) -> String {
        self.who.trim_start_matches('@').to_lowercase()
    }

    fn button(&self) -> Option<&str> {
        self.text.strip_prefix('[')?.strip_suffix(']')
    }

    /// True for what goes to Firebell, false for what is only said.
    pub(super) fn acts(&self) -> bool {
        self.text.starts_with('/') || self.button().is_some()
    }

    /// True for what is said and asks Firebell for something all the same.
    pub(super) fn asks(&self) -> bool {
        self.text.starts_with('!') || self.text.contains("@firebell")
    }

    /// The first name of whoever types.
    pub(super) fn person(&self) -> String {
        let handle = self.handle();
        let user = CAST.iter().find(|(_, known, ..)| *known == handle).map(|(user, ..)| *user);
        user.map_or(handle.as_str(), first_name).to_owned()
    }
}

/// What came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Heard {
    pub took: Duration,
    /// Where that demo's server listens.
    pub server: String,
    /// How many older demos run beside it.
    #[serde(skip)]
    pub others: usize,
    /// What the person reads in answer, and nobody else.
    pub answers: Vec<Reading>,
    /// What everybody in the channel reads in answer.
    pub aloud: Vec<Reading>,
    /// The title of the form that was opened.
    pub form: Option<String>,
}

#[derive(Serialize, Deserialize)]
enum Answer {
    Heard(Heard),
    Refused(String),
}

struct Door {
    world: World,
    base: String,
    typed: mpsc::UnboundedSender<Typing>,
}

/// Opens it on a free port until `stop`; what is typed also arrives at the receiver.
pub(super) async fn open(
    world: &World,
    base: &str,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<(SocketAddr, mpsc::UnboundedReceiver<Typing>)> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no port is free for the demo's door")?;
    let address = listener.local_addr()?;
    let (typed, typing) = mpsc::unbounded_channel();
    let door = Arc::new(Door { world: world.clone(), base: base.to_owned(), typed });
    let router = Router::new().route(PATH, post(enter)).with_state(door);
    let serving = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    tasks.spawn(async move { serving.await });
    Ok((address, typing))
}

async fn enter(State(door): State<Arc<Door>>, body: Bytes) -> String {
    let answer = match serde_json::from_slice(&body) {
        Ok(typing) => door.take(typing).await.unwrap_or_else(|error| Answer::Refused(format!("{error:#}"))),
        Err(error) => Answer::Refused(error.to_string()),
    };
    serde_json::to_string(&answer).unwrap_or_default()
}

impl Door {
    async fn take(&self, typing: Typing) -> Result<Answer> {
        let (user, channel, click) = match self.ready(&typing).await {
            Ok(place) => place,
            Err(refused) => return Ok(Answer::Refused(refused)),
        };
        let slack = &self.world.slack;
        let _ = self.typed.send(typing.clone()); // nobody may be looking
        let began_at = self.world.clock.now();
        let server = self.base.clone();
        let mut heard = Heard {
            took: Duration::ZERO,
            server,
            others: 0,
            answers: Vec::new(),
            aloud: Vec::new(),
            form: None,
        };
        let (whispers, forms) = (slack.read_whispers(user).len(), slack.views().len());
        if !typing.acts() {
            slack.person_says(user, &channel, None, &typing.text); // the carrier tells the server
            let said = slack.read(&channel).len();
            if typing.asks() {
                self.wait_for(|| {
                    slack.read_whispers(user).len() > whispers || slack.read(&channel).len() > said
                })
                .await;
                heard.took = self.world.clock.now().since(began_at);
                heard.answers = slack.read_whispers(user).split_off(whispers);
                heard.aloud = slack.read(&channel).split_off(said);
            }
            return Ok(Answer::Heard(heard));
        }
        let request = click.unwrap_or_else(|| slack.command(user, &channel, &typing.text));
        let (status, body) = slack.deliver(&self.base, &request).await?;
        if typing.button().is_some() && slack.views().len() == forms {
            self.wait_for(|| slack.read_whispers(user).len() > whispers).await;
        }
        heard.took = self.world.clock.now().since(began_at);
        if status != 200 {
            bail!("the server answers {status}: {body}");
        }
        heard.answers = slack.read_whispers(user).split_off(whispers);
        let answer: Value = serde_json::from_str(&body).unwrap_or_default();
        if answer["response_type"] == "in_channel" {
            heard.aloud.extend(slack.read(&channel).pop());
        }
        let form = slack.views().into_iter().skip(forms).next_back();
        heard.form = form.map(|f| f.view["title"]["text"].as_str().unwrap_or_default().to_owned());
        Ok(Answer::Heard(heard))
    }

    /// The answer to a button or a message comes on another way, a moment later.
    async fn wait_for(&self, is_there: impl Fn() -> bool) {
        let clock = &self.world.clock;
        let give_up_at = clock.now() + Duration::from_secs(1);
        while !is_there() && clock.now() < give_up_at {
            clock.sleep(Duration::from_millis(5)).await;
        }
    }

    /// The place, and the click on the button, once they are there: who pastes several lines at once is quicker than
    /// the vendors.
    async fn ready(&self, typing: &Typing) -> Result<(&'static str, String, Option<Signed>), String> {
        let give_up_at = self.world.clock.now() + PATIENCE;
        loop {
            let seen = self.place(typing).and_then(|(user, channel)| {
                let Some(label) = typing.button() else { return Ok((user, channel, None)) };
                let click = self.world.slack.click(user, &channel, label);
                let click = click.ok_or_else(|| format!("no button [{label}] is to be seen there"))?;
                Ok((user, channel, Some(click)))
            });
            if seen.is_ok() || self.world.clock.now() >= give_up_at {
                return seen;
            }
            self.world.clock.sleep(Duration::from_millis(20)).await;
        }
    }

    /// The ids, or what to say instead.
    fn place(&self, typing: &Typing) -> Result<(&'static str, String), String> {
        let handle = typing.handle();
        if typing.text.trim().is_empty() {
            return Err("there is nothing to type; for a command, write '/incident list'".to_owned());
        }
        let Some((user, ..)) = CAST.iter().find(|(_, known, ..)| *known == handle) else {
            let known: Vec<&str> = CAST.iter().map(|(_, handle, ..)| *handle).collect();
            return Err(format!("nobody here is called {handle}; there are {}", known.join(", ")));
        };
        let name = typing.channel.trim_start_matches('#').to_lowercase();
        let Some(channel) = self.world.slack.channel_named(&name) else {
            let known: Vec<String> = self.world.slack.channels().into_iter().map(|c| c.name).collect();
            return Err(format!("there is no channel {name}; there are {}", known.join(", ")));
        };
        if channel.is_private && !channel.members.contains(*user) {
            return Err(format!("{handle} is not in {name}, which is private"));
        }
        Ok((user, channel.id))
    }
}

/// Whether somebody is behind it, or it is only left of a demo that was killed.
fn is_open(door: SocketAddr) -> bool {
    TcpStream::connect_timeout(&door, Duration::from_millis(200)).is_ok()
}

/// Types it in the newest demo that runs on this machine. An error says what to do.
pub async fn send(typing: &Typing) -> Result<Heard> {
    let body = serde_json::to_vec(typing)?;
    let request = Signed { path: PATH.to_owned(), headers: Vec::new(), body };
    let doors = Home::doors();
    for door in &doors {
        // A demo that was killed leaves its directory, and its port may be somebody else's by now.
        let Ok((200, body)) = request.send(&format!("http://{door}")).await else { continue };
        match serde_json::from_str(&body) {
            Ok(Answer::Heard(heard)) => {
                let others = doors.iter().filter(|other| *other != door && is_open(**other)).count();
                return Ok(Heard { others, ..heard });
            }
            Ok(Answer::Refused(why)) => bail!(why),
            Err(_) => {}
        }
    }
    bail!("no demo is running; start one in another terminal with `firebell demo`")
}
