//! Configuration as an operator meets it: what is accepted, what is refused, and in which words.

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

#[test]
fn two_keys_are_enough_and_the_rest_has_defaults() {
    let config = good("");
    assert_eq!(config.server.listen.to_string(), "0.0.0.0:8080");
    assert_eq!(config.server.max_body, 1024 * 1024);
    assert_eq!(config.database.url.expose_secret(), "sqlite://firebell.db");
    assert!(config.pagerduty.is_none());
    assert_eq!(config.slack.announce_channel.as_deref(), Some("incidents"));
    assert_eq!(config.commands.typed("/incident"), Some(Command::Incident));
    assert_eq!(config.rights.declare, [Who::Everyone]);
    assert!(config.rights.admin.is_empty());
    assert_eq!(config.incidents.auto_resolve, AutoResolve::Ask);
    assert_eq!(config.default_severity().name, "sev3");
    assert!(config.default_service().is_none());
}

#[test]
fn nothing_at_all_says_what_is_needed() {
    assert_snapshot!(Config::load(None, []).expect_err("accepted"), @r"
    2 problems in the configuration:
      slack.bot_token is missing; write the bot token of the Slack app, which starts with xoxb- (or set FIREBELL__SLACK__BOT_TOKEN or FIREBELL__SLACK__BOT_TOKEN_FILE)
      slack.signing_secrets is missing; write a list with the signing secret of the Slack app (or set FIREBELL__SLACK__SIGNING_SECRETS or FIREBELL__SLACK__SIGNING_SECRETS_FILE)
    ");
}

#[test]
fn everything_wrong_is_reported_at_once() {
    let problems = Config::from_toml(EVERYTHING_WRONG).expect_err("accepted").to_string();
    assert!(!problems.contains("s3cret"), "{problems}");
    assert_snapshot!(problems, @r#"
    32 problems in the configuration:
      server.listen = "localhost:8080" is not an IP address with a port; write one such as 0.0.0.0:8080 or [::]:8080
      server.public_url = "firebell.example.com" is not a web address; write one that starts with https://
      server.max_body = "1 gigabyte" is not a size; write one such as 1MiB or 512KiB
      server.request_timeout_seconds must be a whole number from 1 to 60, without quotes; the default is 10
      server.max_in_flight must be a whole number from 1 to 100000, without quotes; the default is 512
      slack.bot_token is missing; write the bot token of the Slack app, which starts with xoxb- (or set FIREBELL__SLACK__BOT_TOKEN or FIREBELL__SLACK__BOT_TOKEN_FILE)
      slack.signing_secrets is empty; write a list with the signing secret of the Slack app
      slack.team_id = "acme" is not an id; write one such as T012AB3CD
      slack.response_hosts = "https://hooks.slack.com" has a scheme; write only the host, such as hooks.slack.com
      slack.bot_tokn is unknown; did you mean bot_token?
      pagerduty.token has a space or line break in it; write the value alone
      pagerduty.from_email is missing; write the e-mail address of a PagerDuty user (or set FIREBELL__PAGERDUTY__FROM_EMAIL)
      pagerduty.webhook_secrets is missing; write a list with the secret of the webhook subscription (or set FIREBELL__PAGERDUTY__WEBHOOK_SECRETS or FIREBELL__PAGERDUTY__WEBHOOK_SECRETS_FILE)
      commands.incident = "/status" is built into Slack, which refuses it to apps; write another, such as /incstatus
      commands.oncall is unknown; the keys here are incident
      rights.declare = "ana" is nobody; write @handle of a user group, a Slack user id such as U012AB3CD, or an e-mail address
      rights.page is not a list of texts; write it as ["…", "…"]
      incidents.timezone = "Europe/Viena" is not a time zone; did you mean Europe/Vienna?
      incidents.ic_nudge_after = "ten minutes" is not a duration; write one such as 90s, 20m, 2h or 1h30m
      incidents.auto_resolve = "perhaps" is none of the choices; write ask, always or never
      severity.sev1.urgency = "medium" is none of the choices; write high or low
      severity.sev1.invite = "everyone" would invite the whole workspace; name user groups or people
      severity.sev1.page must be true or false, without quotes
      [[service]] number 3 has no name; write name = "…"
      service.payments.pagerduty_service is missing; write the id at the end of the service's address in PagerDuty, such as PABC123 (or set FIREBELL__SERVICE__PAYMENTS__PAGERDUTY_SERVICE)
      listen is unknown; every key belongs into a section: server, database, slack, pagerduty, commands, rights, incidents, severity, service
      sever is unknown; did you mean server?
      server.admin_listen = "0.0.0.0:8080" is the same port as server.listen; write another, such as 127.0.0.1:9090
      database.url is not an address of a database; write sqlite://firebell.db or postgres://user:password@host/name
      service.ledger and service.payments both claim "payments"; remove it from one
      incidents.default_severity = "sev9" is no severity; write sev1, sev2, sev3, sev4, sev5
      service.ledger.default is true for payments, ledger; leave it at one
    "#);
}

/// Each text with what is wrong about it.
fn table(cases: &[&str]) -> String {
    let mut text = String::new();
    for case in cases {
        writeln!(text, "{case}\n=> {}\n", bad(case)).expect("string");
    }
    text
}

#[test]
fn server_and_database_problems_say_what_to_write_instead() {
    let text = table(&[
        "[server]\nlisten = 8080",
        "[server]\nadmin_listen = '127.0.0.1:8080'",
        "[server]\npublic_url = 'https://me:s3cret@firebell.example.com'",
        "[server]\nmax_body = '1KiB'",
        "[database]\nurl = ''",
        "[database]\nurl = 'firebell.db'",
        "[database]\nmax_connections = 0",
    ]);
    assert_snapshot!(text, @r#"
    [server]
    listen = 8080
    => 1 problem in the configuration:
      server.listen is not text; put it in quotes

    [server]
    admin_listen = '127.0.0.1:8080'
    => 1 problem in the configuration:
      server.admin_listen = "127.0.0.1:8080" is the same port as server.listen; write another, such as 127.0.0.1:9090

    [server]
    public_url = 'https://me:s3cret@firebell.example.com'
    => 1 problem in the configuration:
      server.public_url = (not shown) carries a user name or password; write the address without them

    [server]
    max_body = '1KiB'
    => 1 problem in the configuration:
      server.max_body = "1KiB" is out of range; write a size from 64KiB to 64MiB, such as 1MiB

    [database]
    url = ''
    => 1 problem in the configuration:
      database.url is empty; write its value, or remove it

    [database]
    url = 'firebell.db'
    => 1 problem in the configuration:
      database.url is not an address of a database; write sqlite://firebell.db or postgres://user:password@host/name

    [database]
    max_connections = 0
    => 1 problem in the configuration:
      database.max_connections must be a whole number from 1 to 1000, without quotes; the default is 16
    "#);
}

#[test]
fn problems_of_integrations_and_people_say_what_to_write_instead() {
    let text = table(&[
        "[pagerduty]",
        "[pagerduty]\ntoken = 't'\nfrom_email = 'ana'\nwebhook_secrets = ['']",
        "[commands]\nincident = 'incident'",
        "[commands]\nincident = '/Incident'",
        "[rights]\nadmin = [1]",
        "[rights]\nadmin = ['@']",
        "[incidents]\nchannel_prefix = 'Inc'",
        "[incidents]\nmax_auto_channels_per_minute = 1000",
    ]);
    assert_snapshot!(text, @r#"
    [pagerduty]
    => 3 problems in the configuration:
      pagerduty.token is missing; write a PagerDuty REST API key (or set FIREBELL__PAGERDUTY__TOKEN or FIREBELL__PAGERDUTY__TOKEN_FILE)
      pagerduty.from_email is missing; write the e-mail address of a PagerDuty user (or set FIREBELL__PAGERDUTY__FROM_EMAIL)
      pagerduty.webhook_secrets is missing; write a list with the secret of the webhook subscription (or set FIREBELL__PAGERDUTY__WEBHOOK_SECRETS or FIREBELL__PAGERDUTY__WEBHOOK_SECRETS_FILE)

    [pagerduty]
    token = 't'
    from_email = 'ana'
    webhook_secrets = ['']
    => 2 problems in the configuration:
      pagerduty.from_email = "ana" is not an e-mail address; write one such as incidents@example.com
      pagerduty.webhook_secrets is empty; write a list with the secret of the webhook subscription

    [commands]
    incident = 'incident'
    => 1 problem in the configuration:
      commands.incident = "incident" does not begin with a slash; write /incident

    [commands]
    incident = '/Incident'
    => 1 problem in the configuration:
      commands.incident = "/Incident" is not a command; write / and up to 31 of a-z, 0-9, - and _, such as /incident

    [rights]
    admin = [1]
    => 1 problem in the configuration:
      rights.admin is not a list of texts; write it as ["…", "…"]

    [rights]
    admin = ['@']
    => 1 problem in the configuration:
      rights.admin = "@" is nobody; write @handle of a user group, a Slack user id such as U012AB3CD, or an e-mail address

    [incidents]
    channel_prefix = 'Inc'
    => 1 problem in the configuration:
      incidents.channel_prefix = "Inc" cannot begin channel names; write up to 20 of a-z, 0-9, - and _, such as inc

    [incidents]
    max_auto_channels_per_minute = 1000
    => 1 problem in the configuration:
      incidents.max_auto_channels_per_minute must be a whole number from 0 to 60, without quotes; the default is 3
    "#);
}

#[test]
fn severity_and_service_problems_say_what_to_write_instead() {
    let text = table(&[
        "[[severity]]\nname = 'sev2'\naliases = ['p1']\n[[severity]]\nname = 'sev1'\naliases = ['p1']",
        "[[severity]]\nname = 'minor'\nabove = 'sev9'",
        "[[severity]]\nname = 'sev3'\nenabled = false",
        "[severity]\nname = 'sev3'",
        "[[service]]\nname = 'payments'\npagerduty_service = 'PABC123'",
        "[[service]]\nname = 'pay ments'\npagerduty_service = 'https://acme.pagerduty.com/service-directory/PABC123'",
        "[service.payments]\npagerduty_service = 'PABC123'",
        "[servces]\nname = 'payments'",
        "[slack2]\nbot_token = 's3cret'",
    ]);
    assert_snapshot!(text, @r#"
    [[severity]]
    name = 'sev2'
    aliases = ['p1']
    [[severity]]
    name = 'sev1'
    aliases = ['p1']
    => 1 problem in the configuration:
      severity.sev2 and severity.sev1 both claim "p1"; remove it from one

    [[severity]]
    name = 'minor'
    above = 'sev9'
    => 1 problem in the configuration:
      severity.minor.above = "sev9" is no severity; write the name of one

    [[severity]]
    name = 'sev3'
    enabled = false
    => 1 problem in the configuration:
      incidents.default_severity = "sev3" is no severity; write sev1, sev2, sev4, sev5

    [severity]
    name = 'sev3'
    => 1 problem in the configuration:
      severity is not a list; write [[severity]] with a name for each entry

    [[service]]
    name = 'payments'
    pagerduty_service = 'PABC123'
    => 1 problem in the configuration:
      service.payments needs PagerDuty; write [pagerduty] with token, from_email and webhook_secrets

    [[service]]
    name = 'pay ments'
    pagerduty_service = 'https://acme.pagerduty.com/service-directory/PABC123'
    => 3 problems in the configuration:
      service.pay ments.name = "pay ments" is not one word; write letters, digits, '-', '_' and '.', such as payments-api
      service.pay ments.pagerduty_service = "https://acme.pagerduty.com/service-directory/PABC123" is not an id; write one such as PABC123, the end of the service's address in PagerDuty
      service.pay ments needs PagerDuty; write [pagerduty] with token, from_email and webhook_secrets

    [service.payments]
    pagerduty_service = 'PABC123'
    => 1 problem in the configuration:
      service is not a list; write [[service]] with a name for each entry

    [servces]
    name = 'payments'
    => 1 problem in the configuration:
      servces is unknown; did you mean service?

    [slack2]
    bot_token = 's3cret'
    => 1 problem in the configuration:
      slack2 is unknown; did you mean slack?
    "#);
}

#[test]
fn text_that_is_not_toml_is_refused_without_repeating_it() {
    let mut text = String::new();
    for line in [
        "= s3cret",
        "= 's3cret",
        "s3cret",
        "= 'a' s3cret",
        "= \"s3\\cret\"",
        "= 's3cret'\nbot_token = 's3cret'",
    ] {
        let problems = Config::from_toml(&format!("[slack]\nbot_token {line}\n")).expect_err("accepted");
        writeln!(text, "{}", problems.lines().join("\n")).expect("string");
    }
    assert!(!text.contains("cret"), "{text}");
    assert_snapshot!(text, @r#"
    the text, line 2, is not TOML: string values must be quoted, expected literal string
    the text, line 2, is not TOML: invalid literal string, expected `'`
    the text, line 2, is not TOML: key with no value, expected `=`
    the text, line 2, is not TOML: unexpected key or value, expected newline, `#`
    the text, line 2, is not TOML: missing escaped value, expected `b`, `e`, `f`, `n`, `r`, `\`, `"`, `x`, `u`, `U`
    the text, line 3, is not TOML: duplicate key
    "#);
    let missing = Config::load(Some(Path::new("/nowhere/firebell.toml")), []).expect_err("accepted");
    assert_snapshot!(missing, @r"
    1 problem in the configuration:
      /nowhere/firebell.toml cannot be read (No such file or directory (os error 2)); name the file with --config
    ");
}

#[test]
fn the_environment_wins_over_the_file() {
    let file = format!(
        "{SLACK}{PAGERDUTY}[server]\nlisten = '127.0.0.1:1'\nmax_in_flight = 5\n[[service]]\nname = 'pay-ments'\npagerduty_service = 'P1'\n"
    );
    let env = [
        ("PATH", "/bin"),
        ("FIREBELL_PORT", "tcp://10.0.0.1:80"),
        ("FIREBELL__SERVER__LISTEN", "127.0.0.1:2"),
        ("FIREBELL__SERVER__MAX_IN_FLIGHT", "7"),
        ("FIREBELL__SLACK__SIGNING_SECRETS", "new, old"),
        ("FIREBELL__RIGHTS__ADMIN", "@sre,ana@example.com"),
        ("FIREBELL__RIGHTS__PAGE", ""),
        ("FIREBELL__INCIDENTS__PRIVATE_INVITES_SEVERITY_GROUPS", "TRUE"),
        ("FIREBELL__SEVERITY__SEV1__PRIORITY", "P0"),
        ("FIREBELL__SERVICE__PAY_MENTS__ROUTING_KEY", "r0uting"),
        ("FIREBELL__SERVICE__LEDGER__NAME", "ledger"),
        ("FIREBELL__SERVICE__LEDGER__PAGERDUTY_SERVICE", "P2"),
        ("FIREBELL__SERVICE__LEDGER__DEFAULT", "true"),
    ];
    let (config, warnings) = load(&file, &env).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:2");
    assert_eq!(config.server.max_in_flight, 7);
    let secrets: Vec<_> = config.slack.signing_secrets.iter().map(|s| s.expose_secret().to_owned()).collect();
    assert_eq!(secrets, ["new", "old"]);
    assert_eq!(config.rights.admin, [Who::Group("sre".into()), Who::Email("ana@example.com".into())]);
    assert!(config.rights.page.is_empty());
    assert!(config.incidents.private_invites_severity_groups);
    assert_eq!(config.severities[0].priority.as_deref(), Some("P0"));
    let payments = config.service("pay-ments").expect("in the file");
    assert_eq!(payments.routing_key.as_ref().map(ExposeSecret::expose_secret), Some("r0uting"));
    assert_eq!(config.default_service().map(|s| s.pagerduty_service.as_str()), Some("P2"));
}

#[test]
fn unknown_and_mistyped_variables_are_problems() {
    let env = [
        ("FIREBELL__SERVER__LISTN", "127.0.0.1:2"),
        ("FIREBELL__SERVICE__PAYMENTS__ROUTING_KEY", "s3cret"),
        ("FIREBELL__WEATHER", "s3cret"),
        ("FIREBELL__SERVER__MAX_IN_FLIGHT", "many"),
        ("FIREBELL__SLACK__TEAM_ID", "xoxb-s3cret"),
        ("FIREBELL__SLACK__BOT_TOKEN", "xoxb-s3cret\n"),
        ("FIREBELL__PAGERDUTY__TOKEN", ""),
    ];
    let problems = load(SLACK, &env).expect_err("accepted");
    assert!(!problems.contains("s3cret"), "{problems}");
    assert_snapshot!(problems, @r"
    8 problems in the configuration:
      FIREBELL__SERVER__MAX_IN_FLIGHT must be a whole number from 1 to 100000, without quotes; the default is 512
      FIREBELL__SLACK__TEAM_ID = (not shown) is not an id; write one such as T012AB3CD
      FIREBELL__PAGERDUTY__TOKEN is empty; write its value, or remove it
      pagerduty.from_email is missing; write the e-mail address of a PagerDuty user (or set FIREBELL__PAGERDUTY__FROM_EMAIL)
      pagerduty.webhook_secrets is missing; write a list with the secret of the webhook subscription (or set FIREBELL__PAGERDUTY__WEBHOOK_SECRETS or FIREBELL__PAGERDUTY__WEBHOOK_SECRETS_FILE)
      FIREBELL__SERVER__LISTN is unknown; did you mean FIREBELL__SERVER__LISTEN?
      FIREBELL__SERVICE__PAYMENTS__ROUTING_KEY is unknown; it belongs to a [[service]] of that name, and there is none
      FIREBELL__WEATHER is unknown; variables are called FIREBELL__SECTION__KEY; correct or remove it
    ");
}

#[test]
fn secrets_come_from_files_too() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let path = |name: &str, content: &str| {
        let path = dir.path().join(name);
        fs::write(&path, content).expect("write");
        path.display().to_string()
    };
    let (token, signing, url) =
        (path("a", "xoxb-file\n"), path("b", "one\r\ntwo\n\n"), path("c", "postgres://u:pw@db/x\n"));
    let file = format!("[slack]\nbot_token_file = '{token}'\nsigning_secrets = ['loses']\n");
    let env = [
        ("FIREBELL__SLACK__SIGNING_SECRETS_FILE", signing.as_str()),
        ("FIREBELL__DATABASE__URL_FILE", url.as_str()),
    ];
    let (config, warnings) = load(&file, &env).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(config.slack.bot_token.expose_secret(), "xoxb-file");
    let secrets: Vec<_> = config.slack.signing_secrets.iter().map(|s| s.expose_secret().to_owned()).collect();
    assert_eq!(secrets, ["one", "two"]);
    assert!(config.database.is_postgres());
    assert_eq!(config.database.to_string(), "postgres://db/x");
    assert!(warnings.is_empty(), "{warnings:?}");

    let file = "[slack]\nbot_token_file = '/nowhere/xoxb-s3cret'\nsigning_secrets_file = 7\n";
    let env = [
        ("FIREBELL__DATABASE__URL", "sqlite://a.db"),
        ("FIREBELL__DATABASE__URL_FILE", "/nowhere"),
        ("FIREBELL__SLACK__USER_TOKEN_FILE", "xoxp-s3cret"),
    ];
    let problems = load(file, &env).expect_err("accepted");
    assert!(!problems.contains("s3cret"), "{problems}");
    assert_snapshot!(problems, @r"
    4 problems in the configuration:
      FIREBELL__DATABASE__URL and FIREBELL__DATABASE__URL_FILE are both set; keep one
      slack.bot_token_file names a file that cannot be read (No such file or directory (os error 2)); write its path
      FIREBELL__SLACK__USER_TOKEN_FILE names a file that cannot be read (No such file or directory (os error 2)); write its path
      slack.signing_secrets_file is not text; write the path of a file, in quotes
    ");
}

#[test]
fn what_is_odd_but_possible_is_a_warning() {
    let file = format!(
        "{}{PAGERDUTY}api_url = 'https://api.eu.pagerduty.com'\n[rights]\ndeclare = []\n[database]\nurl = 'sqlite::memory:'",
        SLACK.replace("xoxb-1", "demo") + "api_url = 'http://slack.example.com/api'\n"
    );
    let (_, warnings) =
        load(&file, &[("FIREBELL_SLACK_BOT_TOKEN", "xoxb-1")]).unwrap_or_else(|e| panic!("{e}"));
    assert_snapshot!(warnings.join("\n"), @r"
    database.url is in memory; everything is forgotten when the program ends
    slack.bot_token does not start with xoxb-; is it the right token?
    slack.api_url is not encrypted; tokens can be read on the way, write https://
    pagerduty.api_url (https://api.eu.pagerduty.com) and pagerduty.events_url (https://events.pagerduty.com) are in different regions; an account has one
    pagerduty has no service; declaring pages nobody until there is a [[service]] with its pagerduty_service
    rights.declare is empty; nobody can declare an incident
    FIREBELL_SLACK_BOT_TOKEN is not read; did you mean FIREBELL__SLACK__BOT_TOKEN?
    ");
}

#[cfg(unix)]
#[test]
fn a_file_with_secrets_that_everybody_can_read_is_a_warning() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().expect("temporary directory");
    let path = dir.path().join("firebell.toml");
    fs::write(&path, SLACK).expect("write");
    let warnings_at = |mode: u32| {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("chmod");
        Config::load(Some(&path), []).unwrap_or_else(|e| panic!("{e}")).1
    };
    assert!(warnings_at(0o600).is_empty());
    let warnings = warnings_at(0o644);
    assert!(warnings[0].contains("chmod 600"), "{warnings:?}");
    // Without a secret in it, anybody may read it.
    fs::write(&path, "[server]\nmax_in_flight = 1").expect("write");
    let env = [("FIREBELL__SLACK__BOT_TOKEN", "xoxb-1"), ("FIREBELL__SLACK__SIGNING_SECRETS", "s")];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let (_, warnings) = Config::load(Some(&path), env).unwrap_or_else(|e| panic!("{e}"));
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[test]
fn no_secret_is_ever_shown() {
    let config = good(&format!(
        "{PAGERDUTY}[database]\nurl = 'postgres://user:s3cret@db:5433/firebell?password=s3cret'\n[[service]]\nname = 'payments'\npagerduty_service = 'P1'\nrouting_key = 'r0uting'\n"
    ));
    let shown =
        format!("{config:?} {config:#?} {} {} {}", config.summary(), config.summary_json(), config.database);
    for secret in ["xoxb-1", "s1gning", "t0ken", "w3bhook", "s3cret", "r0uting"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    assert!(shown.contains("postgres://db:5433/firebell"));
    assert!(shown.contains("(set)"));
}

#[test]
fn a_bad_value_of_a_secret_is_never_repeated() {
    let values = [
        "'s3cret s3cret'",
        "'s3cret...'",
        "{ s3cret = 's3cret' }",
        "[['s3cret']]",
        "['s3 cret', 7]",
        "2030-01-01",
    ];
    for (section, key) in Config::keys().iter().filter_map(|k| k.strip_suffix("_file")?.split_once('.')) {
        for (key, value) in values.iter().flat_map(|v| [(key.to_owned(), v), (format!("{key}_file"), v)]) {
            let header =
                if section == "service" { "[[service]]\nname = 'x'".into() } else { format!("[{section}]") };
            let problems = Config::from_toml(&format!("{header}\n{key} = {value}")).expect_err("accepted");
            assert!(!format!("{problems} {problems:?}").contains("s3"), "{key} = {value}: {problems}");
            assert!(problems.to_string().contains(&key), "{key} = {value}: {problems}");
        }
    }
}

#[test]
fn the_database_alone_needs_no_vendor() {
    let env = [("FIREBELL__DATABASE__URL", "postgres://db/x"), ("FIREBELL__SLACK__BOT_TOKN", "x")];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let database = Database::load(None, env).expect("database");
    assert_eq!(database.to_string(), "postgres://db/x");
    let wrong = [("FIREBELL__DATABASE__URL".to_owned(), "mysql://db/x".to_owned())];
    assert!(Database::load(None, wrong).is_err());
}

#[test]
fn the_summary_is_one_screen() {
    let config = good(&format!(
        "{PAGERDUTY}[[service]]\nname = 'payments'\npagerduty_service = 'PABC123'\nrouting_key = 'r0uting'\n"
    ));
    assert_snapshot!(config.summary(), @r"
    commands
      incident  /incident
    database
      max_connections  16
      url              sqlite://firebell.db
    incidents
      auto_resolve                     ask
      channel_prefix                   inc
      default_severity                 sev3
      ic_nudge_after                   10m
      max_auto_channels_per_minute     3
      private_invites_severity_groups  false
      timezone                         UTC
    pagerduty
      api_url          https://api.pagerduty.com
      events_url       https://events.pagerduty.com
      from_email       incidents@example.com
      token            (set)
      webhook_secrets  (set)
    rights
      admin    -
      declare  everyone
      page     everyone
    server
      admin_listen             127.0.0.1:9090
      listen                   0.0.0.0:8080
      max_body                 1048576
      max_in_flight            512
      public_url               -
      request_timeout_seconds  10
    service
      payments  auto_open high-urgency · pagerduty_service PABC123 · routing_key (set)
    severity
      sev1  aliases p1, critical · emoji :rotating_light: · needs_commander · page · priority P1 · update_every 20m · urgency high
      sev2  aliases p2 · emoji :red_circle: · needs_commander · page · priority P2 · update_every 30m · urgency high
      sev3  aliases p3 · emoji :large_orange_circle: · page · priority P3 · update_every 1h · urgency high
      sev4  aliases p4 · emoji :large_yellow_circle: · page · priority P4 · urgency low
      sev5  aliases p5 · emoji :large_blue_circle: · urgency low
    slack
      announce_channel  incidents
      api_url           https://slack.com/api
      app_id            -
      bot_token         (set)
      response_hosts    hooks.slack.com, hooks.slack-gov.com
      signing_secrets   (set)
      team_id           -
      user_token        -
    ");
}
