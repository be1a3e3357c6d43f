//! Configuration as an operator meets it: what is accepted, what is refused, and in which words.

#[path = "config/causes.rs"]
mod causes;
#[path = "config/checks.rs"]
mod checks;
#[path = "config/problems.rs"]
mod problems;
#[path = "config/sources.rs"]
mod sources;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use firebell::config::{AutoResolve, Command, Config, Database, Who};
use insta::assert_snapshot;
use secrecy::ExposeSecret;

/// The least that starts.
const SLACK: &str = "
[slack]
bot_token = 'xoxb-1'
signing_secrets = ['s1gning']
";

const PAGERDUTY: &str = "
[pagerduty]
token = 't0ken'
from_email = 'incidents@example.com'
webhook_secrets = ['w3bhook']
";

const EVERYTHING_WRONG: &str = r#"
listen = "0.0.0.0:80"
[sever]
[server]
listen = "localhost:8080"
admin_listen = "0.0.0.0:8080"
max_body = "1 gigabyte"
request_timeout_seconds = "10"
max_in_flight = 0
public_url = "firebell.example.com"
[database]
url = "mysql://root:s3cret@db/firebell"
[slack]
bot_tokn = "xoxb-s3cret"
signing_secrets = []
response_hosts = ["https://hooks.slack.com"]
team_id = "acme"
[pagerduty]
token = "s3cret with a space"
[commands]
incident = "/status"
oncall = "/oncall"
[rights]
declare = ["everyone", "ana"]
page = "everyone"
[incidents]
default_severity = "sev9"
timezone = "Europe/Viena"
ic_nudge_after = "ten minutes"
auto_resolve = "perhaps"
[[severity]]
name = "sev1"
urgency = "medium"
invite = ["everyone"]
page = "yes"
[[service]]
name = "payments"
default = true
[[service]]
name = "ledger"
aliases = ["Payments"]
pagerduty_service = "PABC123"
default = true
[[service]]
pagerduty_service = "PABC124"
"#;

fn good(text: &str) -> Config {
    Config::from_toml(&format!("{SLACK}{text}")).unwrap_or_else(|e| panic!("{e}"))
}

/// The problems of a text that is put below the least that starts.
fn bad(text: &str) -> String {
    Config::from_toml(&format!("{SLACK}{text}")).expect_err("accepted").to_string()
}

fn load(file: &str, env: &[(&str, &str)]) -> Result<(Config, Vec<String>), String> {
    let dir = tempfile::tempdir().expect("temporary directory");
    let path = dir.path().join("firebell.toml");
    fs::write(&path, file).expect("write");
    make_private(&path);
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(Some(&path), env).map_err(|e| e.to_string())
}

#[cfg(unix)]
fn make_private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("chmod");
}

#[cfg(not(unix))]
fn make_private(_: &Path) {}
