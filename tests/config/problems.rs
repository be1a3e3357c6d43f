//! What is wrong is said all at once, and says what to write instead.

use super::*;

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
    29 problems in the configuration:
      server.listen = "localhost:8080" is not an IP address with a port; write one such as 0.0.0.0:8080 or [::]:8080
      server.public_url = "firebell.example.com" is not a web address; write one that starts with https://
      server.max_body = "1 gigabyte" is not a size; write one such as 1MiB or 512KiB
      server.request_timeout_seconds must be a whole number from 1 to 60, without quotes; the default is 10
      server.max_in_flight must be a whole number from 1 to 100000, without quotes; the default is 512
      slack.bot_tokn is unknown; did you mean bot_token?
      slack.signing_secrets is empty; write a list with the signing secret of the Slack app
      slack.team_id = "acme" is not an id; write one such as T012AB3CD
      slack.response_hosts = "https://hooks.slack.com" has a scheme; write only the host, such as hooks.slack.com
      pagerduty.token has a space or line break in it; write the value alone
      pagerduty.from_email is missing; write the e-mail address of a PagerDuty user (or set FIREBELL__PAGERDUTY__FROM_EMAIL)
      pagerduty.webhook_secrets is missing; write a list with the secret of the webhook subscription (or set FIREBELL__PAGERDUTY__WEBHOOK_SECRETS or FIREBELL__PAGERDUTY__WEBHOOK_SECRETS_FILE)
      commands.incident = "/status" is built into Slack, which refuses it to apps; write another, such as /incstatus
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
      listen is unknown; every key belongs into a section: server, database, slack, pagerduty, statuspage, commands, rights, incidents, severity, service, oncall, group, commander, paging, hint_sender, status, check, runbooks, runbook
      sever is unknown; did you mean server?
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
    => 2 problems in the configuration:
      servces is unknown; did you mean service?
      service is not a list; write [[service]] with a name for each entry

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
      there is no file /nowhere/firebell.toml; give --config the path of yours, or write one: firebell.example.toml has every key
    ");
}

#[test]
fn a_seat_without_a_holder_and_a_service_that_is_none_are_said() {
    let text = "[[commander]]\ntitle = 'Incident Commander'\n[[commander]]\ntitle = 'Backup'\npeople = ['everyone']\n\
                level = 0\n[paging]\nphones = 'all'\nservice = 'paymnts'\n[pagerduty]\ntoken = 't'\n\
                from_email = 'a@example.com'\nwebhook_secrets = ['w']\n[[service]]\nname = 'payments'\n\
                pagerduty_service = 'P1'\n";
    assert_snapshot!(bad(text), @r#"
    5 problems in the configuration:
      commander.Incident Commander.title is held by nobody; write a schedule, an escalation_policy or people
      commander.Backup.level must be a whole number from 1 to 20, without quotes; the default is 1
      commander.Backup.people = "everyone" cannot command an incident; name people or a user group
      paging.phones = "all" is none of the choices; write private, public or never
      paging.service names no [[service]]: There is no service "paymnts". Did you mean payments?
    "#);
    let alone = "[[commander]]\ntitle = 'Trainee'\nschedule = 'PSCHED1'\n";
    assert_snapshot!(bad(alone), @"
    1 problem in the configuration:
      commander.Trainee needs PagerDuty; write [pagerduty] with its token
    ");
}

#[test]
fn runbooks_that_lead_nowhere_are_refused() {
    let runbooks = "[runbooks]\nurl_base = 'git.example.com'\ndirectry = '/srv'\n\
        [[runbook]]\ntitle = 'a'\n[[runbook]]\ntitle = 'b'\nurl = 'javascript:alert(1)'\nalerts = 'x'\n[[runbook]]\nurl = 'https://x'\n";
    let problems = Config::from_toml(&format!("{SLACK}{runbooks}")).expect_err("nothing of it works");
    assert_snapshot!(problems, @r#"
    6 problems in the configuration:
      runbooks.directry is unknown; did you mean directory?
      runbooks.url_base = "git.example.com" is not a web address; write one that starts with https://
      [[runbook]] number 3 has no title; write title = "…"
      runbook.a.url is missing; write the address of the runbook, which starts with https:// (or set FIREBELL__RUNBOOK__A__URL)
      runbook.b.alerts is not a list of texts; write it as ["…", "…"]
      runbook.b.url = "javascript:alert(1)" is not a web address; write one that starts with https://
    "#);
}

#[test]
fn a_secret_belongs_to_one_sender_and_nobody_is_both_always_and_never_in_a_group() {
    let text = format!(
        "{SLACK}{PAGERDUTY}
[[hint_sender]]
name = 'terraform'
secrets = ['n3w', 'w3bhook']
[[hint_sender]]
name = 'ansible'
secrets = ['n3w']
[[hint_sender]]
name = 'script'
secrets = ['0wn', '0wn']
[[group]]
handle = '@payments-oncall'
schedules = ['PSCHED1']
always = ['U0ANA', '@leads', 'ben@example.com']
never = ['U0ANA', 'ben@example.com', 'U0DEE']
when_empty = 'fallback'
fallback = ['U0DEE']
"
    );
    let problems = Config::from_toml(&text).expect_err("accepted").to_string();
    assert!(!problems.contains("n3w") && !problems.contains("w3bhook"), "{problems}");
    assert_snapshot!(problems, @r#"
    5 problems in the configuration:
      group.payments-oncall has "U0ANA" both in always and in never; remove it from one
      group.payments-oncall has "ben@example.com" both in always and in never; remove it from one
      group.payments-oncall has "U0DEE" both in fallback and in never; remove it from one
      hint_sender.terraform.secrets has a secret that is in pagerduty.webhook_secrets too; give each sender one of its own
      hint_sender.ansible.secrets has a secret that is in hint_sender.terraform.secrets too; give each sender one of its own
    "#);
}
