//! File, environment, secret files; and what is never shown.

use super::*;

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
        load(&file, &[("FIREBELL_SLACK_BOT_TOKEN", "xoxb-1"), ("FIREBELL_SERVER__LISTEN", "127.0.0.1:1")])
            .unwrap_or_else(|e| panic!("{e}"));
    assert_snapshot!(warnings.join("\n"), @r"
    database.url is in memory; everything is forgotten when the program ends
    slack.bot_token does not start with xoxb-; is it the right token?
    slack.api_url is not encrypted; tokens can be read on the way, write https://
    pagerduty.api_url (https://api.eu.pagerduty.com) and pagerduty.events_url (https://events.pagerduty.com) are in different regions; an account has one
    pagerduty has no service; declaring pages nobody until there is a [[service]] with its pagerduty_service
    rights.declare is empty; nobody can declare an incident
    FIREBELL_SLACK_BOT_TOKEN is not read; did you mean FIREBELL__SLACK__BOT_TOKEN?
    FIREBELL_SERVER__LISTEN is not read; did you mean FIREBELL__SERVER__LISTEN?
    ");
}

#[test]
fn what_is_written_for_groups_that_are_not_there_is_a_warning() {
    let file = format!(
        "{SLACK}{PAGERDUTY}[oncall]\nchannel = 'incidents'\n[[hint_sender]]\nname = 'terraform'\nsecrets = ['s']\n"
    );
    let (_, warnings) = load(&file, &[]).unwrap_or_else(|e| panic!("{e}"));
    assert_snapshot!(warnings.join("\n"), @"
    pagerduty has no service; declaring pages nobody until there is a [[service]] with its pagerduty_service
    oncall.channel is not used; it needs a [[group]] that follows a rota
    hint_sender.terraform changes nothing; no [[group]], [[service]] or [[commander]] follows a rota
    ");
    let twice = format!("{SLACK}{PAGERDUTY}[[group]]\nhandle = 'a'\nschedules = ['P1', 'P2', 'P1']\n");
    let (_, warnings) = load(&twice, &[]).unwrap_or_else(|e| panic!("{e}"));
    assert_snapshot!(warnings.join("\n"), @r#"
    pagerduty has no service; declaring pages nobody until there is a [[service]] with its pagerduty_service
    group.a follows "P1" twice; remove one
    "#);
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
            let header = match section {
                "service" | "hint_sender" | "check" => format!("[[{section}]]\nname = 'x'"),
                _ => format!("[{section}]"),
            };
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
#[expect(clippy::too_many_lines, reason = "the screen as it is read")]
fn the_summary_is_one_screen() {
    let config = good(&format!(
        "{PAGERDUTY}[[service]]\nname = 'payments'\npagerduty_service = 'PABC123'\nrouting_key = 'r0uting'\n"
    ));
    assert_snapshot!(config.summary(), @"
    check
      none
    commander
      none
    commands
      firebell    /firebell
      ic          /ic
      incident    /incident
      oncall      /oncall
      page        /page
      runbook     /runbook
      status      /status-check
      statuspage  /statuspage
    database
      max_connections  16
      url              sqlite://firebell.db
    group
      none
    hint_sender
      none
    incidents
      auto_resolve                     ask
      channel_prefix                   inc
      default_severity                 sev3
      ic_nudge_after                   10m
      max_auto_channels_per_minute     3
      private_invites_severity_groups  false
      timezone                         UTC
    oncall
      channel            -
      poll               30s
      reconcile          15m
      writes_per_minute  20
    pagerduty
      api_url          https://api.pagerduty.com
      events_url       https://events.pagerduty.com
      from_email       incidents@example.com
      token            (set)
      webhook_secrets  (set)
    paging
      phones   private
      service  -
    rights
      admin       -
      declare     everyone
      page        everyone
      statuspage  everyone
      use         everyone
    runbook
      none
    runbooks
      directory  -
      url_base   -
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
      sev1  aliases p1, critical · emoji :rotating_light: · impact critical · needs_commander · page · priority P1 · update_every 20m · urgency high
      sev2  aliases p2 · emoji :red_circle: · impact major · needs_commander · page · priority P2 · update_every 30m · urgency high
      sev3  aliases p3 · emoji :large_orange_circle: · impact minor · page · priority P3 · update_every 1h · urgency high
      sev4  aliases p4 · emoji :large_yellow_circle: · impact minor · page · priority P4 · urgency low
      sev5  aliases p5 · emoji :large_blue_circle: · impact none · urgency low
    slack
      announce_channel  incidents
      api_url           https://slack.com/api
      app_id            -
      bot_token         (set)
      response_hosts    hooks.slack.com, hooks.slack-gov.com
      signing_secrets   (set)
      team_id           -
      user_token        -
    status
      every  1m
    statuspage
      off
    ");
}
