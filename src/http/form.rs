//! Slack's form bodies, read strictly: what is not UTF-8 is refused rather than repaired.

use std::borrow::Cow;

use axum::http::{HeaderMap, header};

/// One form. A field is decoded when it is asked for: Slack sends more than twice as many as are read.
pub struct Form<'a>(Vec<&'a str>);

/// Not a form in UTF-8.
#[derive(Debug, PartialEq, Eq)]
pub struct BadForm;

impl<'a> Form<'a> {
    pub fn parse(body: &'a [u8]) -> Result<Self, BadForm> {
        let text = std::str::from_utf8(body).map_err(|_| BadForm)?;
        Ok(Self(text.split('&').collect()))
    }

    /// The first field of this name, which Slack's never escape.
    pub fn get(&self, name: &str) -> Result<Option<Cow<'a, str>>, BadForm> {
        let named = |field: &&'a str| Some((*field, field.strip_prefix(name)?.strip_prefix('=')?));
        let Some((field, value)) = self.0.iter().find_map(named) else { return Ok(None) };
        if !value.contains(['%', '+']) {
            return Ok(Some(Cow::Borrowed(value)));
        }
        let Some((_, value)) = form_urlencoded::parse(field.as_bytes()).next() else { return Ok(None) };
        // The decoder puts U+FFFD where the escaped bytes are not UTF-8; a person may also have typed one.
        let repaired = matches!(&value, Cow::Owned(text) if text.contains('\u{fffd}'));
        if repaired && !field.contains('\u{fffd}') && !field.to_ascii_uppercase().contains("%EF%BF%BD") {
            return Err(BadForm);
        }
        Ok(Some(value))
    }

    /// A field that must be there and say something.
    pub fn need(&self, name: &str) -> Result<String, BadForm> {
        self.get(name)?.filter(|value| !value.is_empty()).map(Cow::into_owned).ok_or(BadForm)
    }

    /// A field that may be absent.
    pub fn or_empty(&self, name: &str) -> Result<String, BadForm> {
        Ok(self.get(name)?.unwrap_or_default().into_owned())
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
        assert_eq!(form.need("text").as_deref(), Ok("café & “down”"));
        assert_eq!(form.need("empty"), Err(BadForm));
        assert_eq!(form.or_empty("absent").as_deref(), Ok(""));
        assert_eq!(form.need("tex"), Err(BadForm), "a name is a whole one");
        let text = |body: &[u8]| Form::parse(body).and_then(|form| form.or_empty("text"));
        assert!(text(b"text=%EF%BF%BD typed").is_ok());
        assert!(text(b"text=%FF").is_err());
        assert!(text(b"text=\xff").is_err());
    }
}
