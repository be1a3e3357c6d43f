//! Who signed this? HMAC-SHA256 over the raw bytes, compared in constant time, for both senders.

use axum::http::{HeaderMap, HeaderName};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

use crate::clock::Timestamp;

pub const SLACK_TIMESTAMP: HeaderName = HeaderName::from_static("x-slack-request-timestamp");
pub const SLACK_SIGNATURE: HeaderName = HeaderName::from_static("x-slack-signature");
pub const PAGERDUTY_SIGNATURE: HeaderName = HeaderName::from_static("x-pagerduty-signature");

/// How far a request's timestamp may lie from our clock, in seconds, in either direction.
/// <https://docs.slack.dev/authentication/verifying-requests-from-slack>
const SLACK_WINDOW_SECS: u64 = 300;

/// Why a signature was not accepted. The sender is not told; the operator reads it in the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// A header is not there.
    Missing,
    /// A header is there twice, or is not in the documented form.
    Malformed,
    /// Slack's timestamp is more than five minutes from our clock.
    Stale,
    /// Well formed, but made with no secret of ours, or for other bytes.
    Mismatch,
}

impl Flaw {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Stale => "stale",
            Self::Mismatch => "mismatch",
        }
    }
}

/// Slack's v0: `v0=` and the lower-case hex of `HMAC(secret, "v0:" timestamp ":" body)`.
/// <https://docs.slack.dev/authentication/verifying-requests-from-slack>
pub fn verify_slack(
    headers: &HeaderMap,
    body: &[u8],
    secrets: &[SecretString],
    now: Timestamp,
) -> Result<(), Flaw> {
    let timestamp = the_one(headers, &SLACK_TIMESTAMP)?;
    let signature = the_one(headers, &SLACK_SIGNATURE)?;
    if timestamp.is_empty() || !timestamp.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Flaw::Malformed);
    }
    let sent_at: i64 = timestamp.parse().map_err(|_| Flaw::Malformed)?;
    let signature = signature.strip_prefix("v0=").and_then(decode).ok_or(Flaw::Malformed)?;
    if sent_at.abs_diff(now.as_secs()) > SLACK_WINDOW_SECS {
        return Err(Flaw::Stale);
    }
    let fits = |secret| slack_mac(secret, timestamp, body).verify_slice(&signature).is_ok();
    if secrets.iter().any(fits) { Ok(()) } else { Err(Flaw::Mismatch) }
}

/// PagerDuty's v1: a comma list of `v1=` and the lower-case hex of `HMAC(secret, body)`. Any of them with any of our
/// secrets will do, which is how secrets are rotated; other versions are ignored.
/// <https://developer.pagerduty.com/docs/webhooks-overview#webhook-signatures>
pub fn verify_pagerduty(headers: &HeaderMap, body: &[u8], secrets: &[SecretString]) -> Result<(), Flaw> {
    let header = the_one(headers, &PAGERDUTY_SIGNATURE)?;
    let versions = header.split(',').filter_map(|part| part.trim_matches(' ').strip_prefix("v1="));
    let signatures: Vec<[u8; 32]> = versions.filter_map(decode).collect();
    if signatures.is_empty() {
        return Err(Flaw::Malformed);
    }
    for secret in secrets {
        let mac = keyed(secret).chain_update(body);
        if signatures.iter().any(|signature| mac.clone().verify_slice(signature).is_ok()) {
            return Ok(());
        }
    }
    Err(Flaw::Mismatch)
}

/// What Slack puts into `X-Slack-Signature`; for the demo and the tests.
pub fn sign_slack(secret: &SecretString, timestamp: &str, body: &[u8]) -> String {
    format!("v0={}", hex::encode(slack_mac(secret, timestamp, body).finalize().into_bytes()))
}

/// What PagerDuty puts into `X-PagerDuty-Signature`; for the demo and the tests.
pub fn sign_pagerduty(secret: &SecretString, body: &[u8]) -> String {
    format!("v1={}", hex::encode(keyed(secret).chain_update(body).finalize().into_bytes()))
}

fn slack_mac(secret: &SecretString, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
    keyed(secret).chain_update(b"v0:").chain_update(timestamp).chain_update(b":").chain_update(body)
}

/// Both vendors' secrets look like hex or base64 and are neither: the characters are the key.
fn keyed(secret: &SecretString) -> Hmac<Sha256> {
    Hmac::new_from_slice(secret.expose_secret().as_bytes()).expect("HMAC takes a key of any length")
}

/// A header sent twice is refused: two readers could each believe another one.
fn the_one<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<&'h str, Flaw> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Err(Flaw::Missing),
        (Some(value), None) => value.to_str().map_err(|_| Flaw::Malformed),
        (Some(_), Some(_)) => Err(Flaw::Malformed),
    }
}

/// Exactly 64 lower-case hex digits: one signature has one spelling.
fn decode(digits: &str) -> Option<[u8; 32]> {
    if digits.bytes().any(|b| b.is_ascii_uppercase()) {
        return None;
    }
    let mut bytes = [0; 32];
    hex::decode_to_slice(digits, &mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
    const SENT_AT: i64 = 1_531_420_618;
    const COMMAND: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";

    fn secrets(all: &[&str]) -> Vec<SecretString> {
        all.iter().map(|s| SecretString::from(*s)).collect()
    }

    fn slack_headers(timestamp: &[u8], signature: &[u8]) -> Option<HeaderMap> {
        let mut headers = HeaderMap::new();
        headers.insert(SLACK_TIMESTAMP, HeaderValue::from_bytes(timestamp).ok()?);
        headers.insert(SLACK_SIGNATURE, HeaderValue::from_bytes(signature).ok()?);
        Some(headers)
    }

    fn slack(timestamp: &str, signature: &str, body: &[u8], at: i64) -> Result<(), Flaw> {
        let headers = slack_headers(timestamp.as_bytes(), signature.as_bytes()).expect("headers");
        verify_slack(&headers, body, &secrets(&["an older one", SECRET]), Timestamp::from_secs(at))
    }

    #[test]
    fn slacks_documented_example_and_a_json_body() {
        for (body, signature) in [
            (COMMAND, "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"),
            (
                r#"{"type":"url_verification","challenge":"abc"}"#,
                "v0=ae6e383ee58dd0c92dd248df269b7153bdd89895087b58885a6703496ce22369",
            ),
        ] {
            assert_eq!(sign_slack(&SECRET.into(), "1531420618", body.as_bytes()), signature);
            assert_eq!(slack("1531420618", signature, body.as_bytes(), SENT_AT), Ok(()));
        }
    }

    #[test]
    fn the_window_is_five_minutes_in_both_directions() {
        let signature = sign_slack(&SECRET.into(), "1531420618", b"x");
        for (off, verdict) in
            [(300, Ok(())), (-300, Ok(())), (301, Err(Flaw::Stale)), (-301, Err(Flaw::Stale))]
        {
            assert_eq!(slack("1531420618", &signature, b"x", SENT_AT + off), verdict, "{off} s");
        }
    }

    #[test]
    fn slacks_headers_must_be_there_once_and_in_form() {
        let good = sign_slack(&SECRET.into(), "1531420618", b"x");
        let check = |headers: &HeaderMap| {
            verify_slack(headers, b"x", &secrets(&[SECRET]), Timestamp::from_secs(SENT_AT))
        };
        assert_eq!(check(&HeaderMap::new()), Err(Flaw::Missing));
        let mut twice = slack_headers(b"1531420618", good.as_bytes()).expect("headers");
        twice.append(SLACK_SIGNATURE, HeaderValue::from_str(&good).expect("header"));
        assert_eq!(check(&twice), Err(Flaw::Malformed));
        for (timestamp, signature) in [
            ("+1531420618", good.as_str()),
            ("", &good),
            ("-1", &good),
            ("99999999999999999999999", &good),
            ("1531420618", &good[3..]),
            ("1531420618", &good.replace("v0", "v1")),
            ("1531420618", &good[..60]),
            ("1531420618", &good.to_uppercase().replace("V0", "v0")),
            ("1531420618", "v0=zz"),
            ("1531420618", ""),
        ] {
            assert_eq!(
                slack(timestamp, signature, b"x", SENT_AT),
                Err(Flaw::Malformed),
                "{timestamp} {signature}"
            );
        }
        // Another spelling of the same second is another base string.
        assert_eq!(slack("01531420618", &good, b"x", SENT_AT), Err(Flaw::Mismatch));
    }

    #[derive(Deserialize)]
    struct Case {
        name: String,
        secret: String,
        body: String,
        header: String,
        valid: bool,
    }

    #[test]
    fn pagerdutys_cases() {
        let cases: Vec<Case> =
            serde_json::from_str(include_str!("../../fixtures/pagerduty/signatures.json")).expect("cases");
        assert!(cases.len() >= 12);
        for case in cases {
            let mut headers = HeaderMap::new();
            headers.insert(PAGERDUTY_SIGNATURE, HeaderValue::from_str(&case.header).expect("header"));
            let verdict =
                verify_pagerduty(&headers, case.body.as_bytes(), &secrets(&["another one", &case.secret]));
            assert_eq!(verdict.is_ok(), case.valid, "{}: {verdict:?}", case.name);
            if case.valid {
                let signed = sign_pagerduty(&case.secret.as_str().into(), case.body.as_bytes());
                assert!(case.header.contains(&signed), "{}", case.name);
            }
        }
    }

    #[test]
    fn without_secrets_nothing_is_valid() {
        let signature = sign_slack(&"".into(), "1531420618", b"x");
        let headers = slack_headers(b"1531420618", signature.as_bytes()).expect("headers");
        let verdict = verify_slack(&headers, b"x", &[], Timestamp::from_secs(SENT_AT));
        assert_eq!(verdict, Err(Flaw::Mismatch));
    }

    proptest! {
        #[test]
        fn one_changed_byte_anywhere_is_refused(
            mut body in prop::collection::vec(any::<u8>(), 1..200),
            place in any::<prop::sample::Index>(),
            change in 1..=255u8,
            part in 0..4usize,
        ) {
            let mut timestamp = SENT_AT.to_string().into_bytes();
            let mut slack = sign_slack(&SECRET.into(), "1531420618", &body).into_bytes();
            let mut pagerduty = sign_pagerduty(&SECRET.into(), &body).into_bytes();
            let target = [&mut body, &mut timestamp, &mut slack, &mut pagerduty].into_iter().nth(part).unwrap();
            let i = place.index(target.len());
            target[i] ^= change;

            let secrets = secrets(&[SECRET]);
            if part != 3 && let Some(headers) = slack_headers(&timestamp, &slack) {
                prop_assert!(verify_slack(&headers, &body, &secrets, Timestamp::from_secs(SENT_AT)).is_err());
            }
            if (part == 0 || part == 3) && let Ok(value) = HeaderValue::from_bytes(&pagerduty) {
                let headers = HeaderMap::from_iter([(PAGERDUTY_SIGNATURE, value)]);
                prop_assert!(verify_pagerduty(&headers, &body, &secrets).is_err());
            }
        }

        #[test]
        fn no_header_can_make_it_panic(
            timestamp in prop::collection::vec(any::<u8>(), 0..40),
            signature in prop::collection::vec(any::<u8>(), 0..200),
            body in prop::collection::vec(any::<u8>(), 0..50),
        ) {
            if let Some(headers) = slack_headers(&timestamp, &signature) {
                let secrets = secrets(&[SECRET]);
                prop_assert!(verify_slack(&headers, &body, &secrets, Timestamp::from_secs(SENT_AT)).is_err());
                let headers = HeaderMap::from_iter([(PAGERDUTY_SIGNATURE, headers[&SLACK_SIGNATURE].clone())]);
                prop_assert!(verify_pagerduty(&headers, &body, &secrets).is_err());
            }
        }
    }
}
