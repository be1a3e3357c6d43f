//! Slack's form bodies, read strictly: what is not UTF-8 is refused rather than repaired.

use axum::http::HeaderMap;

use super::verified::media_type;

/// The decoded fields of one form, in the order sent.
pub struct Form(Vec<(String, String)>);

/// Not a form in UTF-8.
#[derive(Debug, PartialEq, Eq)]
pub struct BadForm;

impl Form {
    pub fn parse(body: &[u8]) -> Result<Self, BadForm> {
        let text = std::str::from_utf8(body).map_err(|_| BadForm)?;
        let fields: Vec<(String, String)> = form_urlencoded::parse(text.as_bytes()).into_owned().collect();
        // The decoder puts U+FFFD where the escaped bytes are not UTF-8; a person may also have typed one.
        let repaired =
            fields.iter().any(|(name, value)| name.contains('\u{fffd}') || value.contains('\u{fffd}'));
        if repaired && !text.contains('\u{fffd}') && !text.to_ascii_uppercase().contains("%EF%BF%BD") {
            return Err(BadForm);
        }
        Ok(Self(fields))
    }

    /// The first field of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
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
    media_type(headers) == "application/x-www-form-urlencoded"
}

/// Whether a form (or a query) says `ssl_check=1`.
pub fn asks_ssl_check(form: &[u8]) -> bool {
    form_urlencoded::parse(form).any(|(name, value)| name == "ssl_check" && value == "1")
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
