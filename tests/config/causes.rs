//! Of what is wrong the cause is said, and not what follows from it.

use super::*;

#[test]
fn what_follows_from_a_wrong_or_misspelt_name_is_no_problem_of_its_own() {
    let misspelt = "[[group]]\nhandel = '@payments-oncall'\nschedule = ['PSCHED1']\nmode = 'replce'\n\
                    [[group]]\nschedules = ['PSCHED2']\nfalback = 5\n\
                    [pagerdty]\ntokn = 't'\nfrom_email = 'ana'\nwebhook_secrets = ['w']\n";
    assert_snapshot!(bad(misspelt), @r#"
    9 problems in the configuration:
      pagerdty is unknown; did you mean pagerduty?
      pagerduty.tokn is unknown; did you mean token?
      pagerduty.from_email = "ana" is not an e-mail address; write one such as incidents@example.com
      [[group]] number 1: handel is unknown; did you mean handle?
      [[group]] number 2 has no handle; write handle = "…"
      group.payments-oncall.schedule is unknown; did you mean schedules?
      group.payments-oncall.mode = "replce" is none of the choices; write replace or additive
      group.number-2.falback is unknown; did you mean fallback?
      group.number-2.fallback is not a list of texts; write it as ["…", "…"]
    "#);
    let wrong = format!(
        "{PAGERDUTY}[[group]]\nhandle = '@Payments'\nschedules = 'PSCHED1'\nwhen_empty = 'fallbck'\n\
         fallback = ['U0EVE']\n[[group]]\nhandle = '@b'\nschedules = ['PSCHED1']\nwhen_empty = 'fallback'\n\
         fallback = ['eve']\n[[commander]]\ntitle = 'IC'\npeople = ['ana']\n"
    );
    assert_snapshot!(bad(&wrong), @r#"
    5 problems in the configuration:
      group.Payments.handle = "@Payments" is not a handle; write it in lower case, such as @payments-oncall
      group.Payments.schedules is not a list of texts; write it as ["…", "…"]
      group.Payments.when_empty = "fallbck" is none of the choices; write keep or fallback
      group.b.fallback = "eve" is nobody; write @handle of a user group, a Slack user id such as U012AB3CD, or an e-mail address
      commander.IC.people = "ana" is nobody; write @handle of a user group, a Slack user id such as U012AB3CD, or an e-mail address
    "#);
    assert_snapshot!(Config::from_toml(&format!("pagerduty = 5\n{SLACK}")).expect_err("accepted"), @"
    1 problem in the configuration:
      pagerduty is not a section; write [pagerduty] above its keys
    ");
    assert_snapshot!(bad("[[group]]\nhandle = 'a'\nschedules = ['P1']\n[[commander]]\ntitle = 'IC'\nschedule = 'P1'\n"), @"
    1 problem in the configuration:
      group.a needs PagerDuty; write [pagerduty] with its token
    ");
}

#[test]
fn people_for_an_empty_rota_who_would_never_be_used_are_a_problem() {
    let text = format!("{PAGERDUTY}[[group]]\nhandle = 'a'\nschedules = ['P1']\nfallback = ['U0EVE']\n");
    assert_snapshot!(bad(&text), @r#"
    1 problem in the configuration:
      group.a.fallback would never be used; write when_empty = "fallback" too, or remove it
    "#);
}

#[test]
fn a_token_of_another_kind_is_a_problem() {
    let text = |token: &str| SLACK.replace("xoxb-1", token) + "user_token = 'xoxb-2'\n";
    for token in ["xapp-1-s3cret", "xoxp-s3cret", "xoxe-1-s3cret"] {
        let problems = Config::from_toml(&text(token)).expect_err("accepted").to_string();
        assert!(!problems.contains("s3cret"), "{problems}");
    }
    assert_snapshot!(Config::from_toml(&text("xapp-1-s3cret")).expect_err("accepted"), @"
    2 problems in the configuration:
      slack.bot_token is an app-level token (xapp-…); write the token that starts with xoxb-
      slack.user_token is a bot token (xoxb-…); write the token that starts with xoxp-
    ");
}
