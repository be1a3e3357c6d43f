//! `[[check]]`: what cannot work, contradicts itself or means nothing is said.

use super::*;

#[test]
fn checks_that_cannot_work_are_named_all_at_once() {
    let checks = r#"
[status]
every = "1s"
[[check]]
name = "a"
kind = "nagios"
url = "alertmanager.example.com"
[[check]]
name = "b"
kind = "prometheus"
url = "https://user:pa55word@prometheus.example.com"
basic_auth = "pa55word"
[[check]]
name = "c"
kind = "prometheus"
url = "https://prometheus.example.com"
query = "up"
degraded_below = 0.9
major_below = 0.99
degraded_above = "much"
[[check]]
name = "d"
kind = "http_json"
url = "https://example.com/health?key=s3cret#x"
pointer = "status"
[[check]]
name = "e"
url = "https://example.com"
severity_label = "how bad"
"#;
    let problems =
        Config::from_toml(&format!("{SLACK}{checks}")).expect_err("nothing of it works").to_string();
    assert!(!problems.contains("pa55") && !problems.contains("s3cret"), "{problems}");
    assert_snapshot!(problems, @r#"
    13 problems in the configuration:
      status.every = "1s" is too short; write at least 10s
      check.a.kind = "nagios" is none of the choices; write alertmanager, prometheus, statuspage or http_json
      check.a.url = "alertmanager.example.com" is not a web address; write one that starts with https://
      check.b.url = (not shown) carries a user name or password; write the address without them
      check.b.basic_auth has no colon; write user:password
      check.b.query is missing; write the PromQL query whose value is judged
      check.b.degraded_below is missing; write at least one of degraded_, partial_ and major_below or _above
      check.c.degraded_above must be a number, without quotes, such as 0.99
      check.c.major_below and its kin are out of order; a worse state lies further out
      check.d.pointer = "status" is no JSON pointer; write one such as /status
      check.d.normal is missing; write the values that mean that all is well, such as ["ok"]
      check.e.kind is missing; write alertmanager, prometheus, statuspage or http_json (or set FIREBELL__CHECK__E__KIND)
      check.e.severity_label = "how bad" is no name of a label; write one such as severity
    "#);
}

#[test]
fn keys_of_another_kind_of_check_are_warned_of() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("firebell.toml");
    let check = "[[check]]\nname = 'a'\nkind = 'statuspage'\nurl = 'http://status.example.com'\nquery = 'up'\nbearer_token = 't'\nbasic_auth = 'u:p'\n";
    fs::write(&path, format!("{SLACK}{check}")).expect("written");
    let (config, warnings) = Config::load(Some(&path), []).unwrap_or_else(|p| panic!("{p}"));
    assert!(matches!(config.checks[0].kind, firebell::config::CheckKind::Statuspage));
    let warnings: Vec<_> = warnings.into_iter().filter(|w| w.starts_with("check")).collect();
    assert_snapshot!(warnings.join("\n"), @"
    check.a.query means nothing to a check of kind statuspage; remove it
    check.a.basic_auth is not used beside a bearer_token; remove one
    check.a.url is not encrypted; tokens can be read on the way, write https://
    ");
}

#[test]
fn checks_whose_words_contradict_each_other_are_named() {
    let checks = r#"
[[check]]
name = "alerts"
kind = "alertmanager"
url = "https://alerts.example.com"
filter = ["severity is page", "team=\"sre\"", "env!~\"test.*\"", "=x"]
degraded = ["critical"]
[[check]]
name = "shop"
kind = "http_json"
url = "https://shop.example.com/health"
pointer = "/status"
normal = ["ok", "fine"]
degraded = ["slow", "OK"]
[[check]]
name = "shop"
kind = "http_json"
url = "ftp://shop.example.com"
pointer = "/status"
normal = ["ok"]
"#;
    let problems =
        Config::from_toml(&format!("{SLACK}{checks}")).expect_err("nothing of it works").to_string();
    assert_snapshot!(problems, @r#"
    5 problems in the configuration:
      [[check]] number 3: the name shop is taken; choose another
      check.alerts.filter = "severity is page" is no matcher; write one such as severity="page", or with !=, =~ or !~
      check.alerts.filter = "=x" is no matcher; write one such as severity="page", or with !=, =~ or !~
      check.shop.degraded has "ok", which normal has too; leave it in one
      check.shop.url = "ftp://shop.example.com" is not a web address; write one that starts with https://
    "#);
}
