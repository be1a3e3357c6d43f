//! The sender: one thread, so many connections, each with one request under way. Requests are built and signed as
//! they are sent, every one with an id of its own. What it costs the sender is measured too: a sender that is busy
//! all the time would measure itself.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::machine;

/// How a sender signs: both over the raw body.
#[derive(Clone, Copy)]
pub enum Scheme {
    Slack,
    PagerDuty,
}

/// One kind of request, with a place for what makes each of them another one.
pub struct Requests {
    scheme: Scheme,
    /// The secret's HMAC, ready to be fed.
    key: Hmac<Sha256>,
    path: &'static str,
    before: Vec<u8>,
    after: Vec<u8>,
    /// The status that says "taken".
    pub expect: u16,
    next: AtomicU64,
}

/// Digits of the running number in each body.
const DIGITS: usize = 16;

impl Requests {
    /// `body` holds `mark` once; there the running number goes.
    pub fn new(scheme: Scheme, secret: &str, body: &str, mark: &str, expect: u16) -> Result<Self> {
        let (before, after) = body.split_once(mark).context("the body has a place for its number")?;
        let path = match scheme {
            Scheme::Slack => "/slack/commands",
            Scheme::PagerDuty => "/webhooks/pagerduty",
        };
        Ok(Self {
            scheme,
            key: Hmac::new_from_slice(secret.as_bytes()).context("HMAC takes a key of any length")?,
            path,
            before: before.into(),
            after: after.into(),
            expect,
            next: AtomicU64::new(1),
        })
    }

    pub fn body_bytes(&self) -> usize {
        self.before.len() + DIGITS + self.after.len()
    }

    /// The next request as it goes over the wire.
    fn write(&self, out: &mut Vec<u8>) -> Result<()> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut digits = [0; DIGITS];
        write!(&mut digits[..], "{number:0DIGITS$}")?;
        let parts = [&self.before[..], &digits, &self.after];
        out.clear();
        write!(
            out,
            "POST {} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\nAccept-Encoding: gzip,deflate\r\nContent-Length: {}\r\n",
            self.path,
            self.body_bytes()
        )?;
        let mut mac = self.key.clone();
        match self.scheme {
            Scheme::Slack => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
                write!(
                    out,
                    "User-Agent: Slackbot 1.0 (+https://api.slack.com/robots)\r\n\
                     Content-Type: application/x-www-form-urlencoded\r\nX-Slack-Request-Timestamp: {now}\r\nX-Slack-Signature: v0="
                )?;
                mac.update(format!("v0:{now}:").as_bytes());
            }
            Scheme::PagerDuty => write!(
                out,
                "User-Agent: PagerDuty-Webhook/V3.0\r\nContent-Type: application/json\r\n\
                 X-Webhook-Id: 01DKN2W00DZ2V8ZVJ3H9X0Q1ZA\r\nX-Webhook-Subscription: PWHSUB1\r\nX-PagerDuty-Signature: v1="
            )?,
        }
        for part in parts {
            mac.update(part);
        }
        let at = out.len();
        out.resize(at + 64, 0);
        hex::encode_to_slice(mac.finalize().into_bytes(), &mut out[at..])?;
        out.extend_from_slice(b"\r\n\r\n");
        for part in parts {
            out.extend_from_slice(part);
        }
        Ok(())
    }
}

/// For how long, over how many connections.
#[derive(Clone, Copy)]
pub struct Pace {
    pub connections: usize,
    pub warm_up: Duration,
    pub measure: Duration,
}

/// What came of it.
pub struct Outcome {
    pub per_second: f64,
    /// Sorted.
    pub latencies: Vec<Duration>,
    /// Of the measured time, the share in which the sender computed.
    pub sender_busy: f64,
    /// Processor time of the server for each request.
    pub server_cpu: Duration,
}

impl Outcome {
    pub fn quantile(&self, share: f64) -> Duration {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index below the length"
        )]
        let at = ((self.latencies.len() as f64) * share) as usize;
        self.latencies.get(at.min(self.latencies.len().saturating_sub(1))).copied().unwrap_or_default()
    }
}

/// When what is sent counts.
#[derive(Clone, Copy)]
struct Window {
    from: Instant,
    to: Instant,
}

/// Sends as fast as the server answers. Any answer but the expected one ends the measurement: a figure for refused
/// requests would be none.
pub fn send(to: SocketAddr, server: u32, requests: &Arc<Requests>, pace: Pace) -> Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let from = Instant::now() + pace.warm_up;
        let window = Window { from, to: from + pace.measure };
        let mut senders = JoinSet::new();
        for _ in 0..pace.connections {
            senders.spawn(keep_sending(to, requests.clone(), window));
        }
        look_until(window.from, pace).await;
        let before = (machine::cpu_of_thread()?, machine::cpu_of_process(server)?);
        look_until(window.to, pace).await;
        let after = (machine::cpu_of_thread()?, machine::cpu_of_process(server)?);
        let mut latencies = Vec::new();
        while let Some(sent) = senders.join_next().await {
            latencies.extend(sent??);
        }
        if latencies.is_empty() {
            bail!("not one request was answered");
        }
        latencies.sort_unstable();
        let count = latencies.len() as f64;
        Ok(Outcome {
            per_second: count / pace.measure.as_secs_f64(),
            sender_busy: after.0.saturating_sub(before.0).as_secs_f64() / pace.measure.as_secs_f64(),
            server_cpu: after.1.saturating_sub(before.1).div_f64(count),
            latencies,
        })
    })
}

/// Lets the senders run until then. A sender that waits for its answers has to be woken, and on one machine it is the
/// server that pays for that (several microseconds an answer, as much as half a request); a sender on another
/// machine would be woken by its own network card. So a crowd of connections looks for answers every 20 µs instead. A
/// single connection waits.
async fn look_until(end: Instant, pace: Pace) {
    if pace.connections == 1 {
        return tokio::time::sleep_until(end.into()).await;
    }
    while Instant::now() < end {
        std::thread::sleep(Duration::from_micros(20));
        tokio::task::yield_now().await;
    }
}

async fn keep_sending(to: SocketAddr, requests: Arc<Requests>, window: Window) -> Result<Vec<Duration>> {
    let mut stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    let (mut request, mut answer, mut latencies) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        requests.write(&mut request)?;
        let began_at = Instant::now();
        if began_at >= window.to {
            return Ok(latencies);
        }
        stream.write_all(&request).await?;
        let status = read_answer(&mut stream, &mut answer).await?;
        if status != requests.expect {
            bail!("answered {status} instead of {}: {}", requests.expect, String::from_utf8_lossy(&answer));
        }
        let ended_at = Instant::now();
        if began_at >= window.from && ended_at < window.to {
            latencies.push(ended_at - began_at);
        }
    }
}

/// Reads one whole answer; its status.
async fn read_answer(stream: &mut TcpStream, answer: &mut Vec<u8>) -> Result<u16> {
    answer.clear();
    loop {
        if stream.read_buf(answer).await? == 0 {
            bail!("the server closed the connection");
        }
        let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = std::str::from_utf8(&answer[..head])?;
        let length = text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        let length = length.context("the answer says how long it is")?;
        if answer.len() >= head + 4 + length {
            return Ok(text.get(9..12).context("a status line")?.parse()?);
        }
    }
}

/// One request outside of any measurement; status and body.
pub fn send_one(to: SocketAddr, requests: &Requests) -> Result<(u16, String)> {
    use std::io::Read as _;
    let mut request = Vec::new();
    requests.write(&mut request)?;
    let mut stream = std::net::TcpStream::connect(to)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    // Closed by the server after this one, so that reading to the end is reading the answer.
    let at = request.windows(2).position(|two| two == b"\r\n").context("a request line")? + 2;
    request.splice(at..at, *b"Connection: close\r\n");
    std::io::Write::write_all(&mut stream, &request)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("an answer")?;
    Ok((head.get(9..12).context("a status line")?.parse()?, body.to_owned()))
}
