//! Slack's form bodies, read strictly: what is not UTF-8 is refused rather than repaired.

use std::borrow::Cow;

use axum::http::{HeaderMap, header};

/// The decoded fields of one form, in the order sent. What was sent as it is read is not copied.
pub struct Form<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

/// Not a form in UTF-8.
#[derive(Debug, PartialEq, Eq)]
pub struct BadForm;

impl<'a> Form<'a> {
    pub fn parse(body: &'a [u8]) -> Result<Self, BadForm> {
        let text = std::str::from_utf8(body).map_err(|_| BadForm)?;
        let fields: Vec<_> = form_urlencoded::parse(text.as_bytes()).collect();
        // The decoder puts U+FFFD where the escaped bytes are not UTF-8; a person may also have typed one.
        let has_it = |text: &Cow<str>| matches!(text, Cow::Owned(text) if text.contains('\u{fffd}'));
        let repaired = fields.iter().any(|(name, value)| has_it(name) || has_it(value));
        if repaired && !text.contains('\u{fffd}') && !text.to_ascii_uppercase().contains("%EF%BF%BD") {
            return Err(BadForm);
        }
        Ok(Self(fields))
    }

    /// The first field of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_ref())
    }

    /// A field that must be there and say something.
    pub fn need(&self, name: &str) -> Result<String, BadForm> {
        self.get(name).filter(|value| !value.is_empty()).map(str::to_owned).ok_or(BadForm)
    }

    /// A field that may be absent.
    pub fn or_empty(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().to_owned()
    }
}

pub fn is_form(headers: &HeaderMap) -> bool {
    let whole = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = whole.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Whether a form (or a query) says `ssl_check=1`.
pub fn asks_ssl_check(form: &[u8]) -> bool {
    // Nearly every request is none, and says so at first sight.
    std::str::from_utf8(form).is_ok_and(|text| text.contains("ssl_check"))
        && form_urlencoded::parse(form).any(|(name, value)| name == "ssl_check" && value == "1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_type_and_refuses_what_is_not_utf8() {
        let form = Form::parse("text=caf%C3%A9+%26+%E2%80%9Cdown%E2%80%9D&text=second&empty=".as_bytes())
            .expect("a form");
        assert_eq!(form.get("text"), Some("café & “down”"));
        assert_eq!(form.need("empty"), Err(BadForm));
        assert_eq!(form.or_empty("absent"), "");
        assert!(Form::parse(b"text=%EF%BF%BD typed").is_ok());
        assert!(Form::parse(b"text=%FF").is_err());
        assert!(Form::parse(b"text=\xff").is_err());
    }
}
