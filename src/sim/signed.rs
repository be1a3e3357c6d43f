//! A request as a vendor's server would send it to us: raw bytes and headers, signed. Shared by both simulators.

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Context as _;

/// Everything of an inbound request but the host. Fields are open so that a test can spoil any of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// `/slack/commands`, `/webhooks/pagerduty` …
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Signed {
    /// Posts it to `base` (`http://127.0.0.1:PORT`, no slash at the end). Answers status and body;
    /// an error means that no complete answer came back within ten seconds.
    #[expect(clippy::disallowed_methods, reason = "this is the vendor's side of the wire, not our client")]
    pub async fn send(&self, base: &str) -> anyhow::Result<(u16, String)> {
        let mut request = wire()?.post(format!("{base}{}", self.path)).body(self.body.clone());
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let response = request.send().await.with_context(|| format!("POST {}", self.path))?;
        let status = response.status().as_u16();
        Ok((status, response.text().await.context("reading the answer")?))
    }
}

/// The client that stands for a vendor's own servers, or in a test for a client under test: no pool, since
/// every test has a runtime of its own and a pooled connection would die with the runtime that opened it.
pub fn wire() -> anyhow::Result<&'static reqwest::Client> {
    static WIRE: OnceLock<reqwest::Client> = OnceLock::new();
    if let Some(client) = WIRE.get() {
        return Ok(client);
    }
    // An error says that somebody installed a provider before us, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .pool_max_idle_per_host(0)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(Duration::from_secs(10))
        .build()
        .context("building the simulators' HTTP client")?;
    Ok(WIRE.get_or_init(|| client))
}
