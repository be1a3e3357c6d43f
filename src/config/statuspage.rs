//! `[statuspage]`: the page that the public reads, Atlassian Statuspage or Cachet 3.

use secrecy::SecretString;

use super::reader::Section;
use super::text::{Parsed, base_url, choice, one_word};

/// The page on which the public reads how things stand.
#[derive(Debug, Clone)]
pub struct StatusPage {
    pub kind: StatusPageKind,
    /// Of the API for Statuspage, of the site for Cachet; without a trailing slash.
    pub api_url: String,
    /// Empty for Cachet, which has one page.
    pub page_id: String,
    pub api_key: SecretString,
    /// Whether those who subscribed hear of each post.
    pub deliver_notifications: bool,
}

impl StatusPage {
    /// Which page it is: what was read of another one is not true of it.
    pub fn place(&self) -> String {
        format!("{} {}", self.api_url, self.page_id)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusPageKind {
    Statuspage,
    Cachet,
}

const STATUSPAGE_API: &str = "https://api.statuspage.io";

pub(super) fn read(section: &mut Section<'_>) -> StatusPage {
    let kinds = [("statuspage", StatusPageKind::Statuspage), ("cachet", StatusPageKind::Cachet)];
    let kind = section.parsed("kind", StatusPageKind::Statuspage, |t| choice(t, &kinds));
    let (api_url, page_id) = match kind {
        StatusPageKind::Statuspage => (
            section.parsed("api_url", STATUSPAGE_API.into(), base_url),
            section.required(
                "page_id",
                "the id of the page, which stands in its address at manage.statuspage.io",
                page_id,
            ),
        ),
        StatusPageKind::Cachet => (
            section.required(
                "api_url",
                "the address of the site, such as https://status.example.com",
                base_url,
            ),
            section.parsed("page_id", String::new(), |_| {
                Err("is for Statuspage; a Cachet site has one page, remove it".into())
            }),
        ),
    };
    StatusPage {
        kind,
        api_url,
        page_id,
        api_key: section
            .required_secret("api_key", "an API key (for Cachet, a token) that may change the page"),
        deliver_notifications: section.flag("deliver_notifications", true),
    }
}

fn page_id(text: &str) -> Parsed<String> {
    if text.contains("://") || text.contains(".statuspage.io") {
        return Err(
            "is an address; write the page's id alone, such as kctbh9vrtdwd, which stands in its address at manage.statuspage.io"
                .into(),
        );
    }
    one_word(text)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::config::Config;

    fn read(text: &str) -> Result<StatusPage, String> {
        let slack = "[slack]\nbot_token = 'xoxb-1'\nsigning_secrets = ['s1gning']\n[statuspage]\n";
        let config = Config::from_toml(&format!("{slack}{text}")).map_err(|problems| problems.to_string())?;
        config.statuspage.ok_or_else(|| "off".to_owned())
    }

    #[test]
    fn each_kind_asks_for_what_it_needs() {
        let page = read("page_id = 'kctbh9vrtdwd'\napi_key = 'k'\n").expect("enough");
        assert_eq!((page.api_url.as_str(), page.deliver_notifications), (STATUSPAGE_API, true));
        let page = read("kind = 'cachet'\napi_url = 'https://status.example.com/'\napi_key = 'k'\n")
            .expect("enough");
        assert_eq!(
            (page.kind, page.api_url.as_str()),
            (StatusPageKind::Cachet, "https://status.example.com")
        );
        assert_snapshot!(read("").expect_err("half"), @"
        2 problems in the configuration:
          statuspage.page_id is missing; write the id of the page, which stands in its address at manage.statuspage.io (or set FIREBELL__STATUSPAGE__PAGE_ID)
          statuspage.api_key is missing; write an API key (for Cachet, a token) that may change the page (or set FIREBELL__STATUSPAGE__API_KEY or FIREBELL__STATUSPAGE__API_KEY_FILE)
        ");
        assert_snapshot!(read("kind = 'cachet'\npage_id = 'x'").expect_err("half"), @r#"
        3 problems in the configuration:
          statuspage.api_url is missing; write the address of the site, such as https://status.example.com (or set FIREBELL__STATUSPAGE__API_URL)
          statuspage.page_id = "x" is for Statuspage; a Cachet site has one page, remove it
          statuspage.api_key is missing; write an API key (for Cachet, a token) that may change the page (or set FIREBELL__STATUSPAGE__API_KEY or FIREBELL__STATUSPAGE__API_KEY_FILE)
        "#);
        assert_snapshot!(read("page_id = 'https://manage.statuspage.io/pages/kctbh9vrtdwd'\napi_key = 'k'").expect_err("wrong"), @r#"
        1 problem in the configuration:
          statuspage.page_id = "https://manage.statuspage.io/pages/kctbh9vrtdwd" is an address; write the page's id alone, such as kctbh9vrtdwd, which stands in its address at manage.statuspage.io
        "#);
        assert_snapshot!(read("kind = 'statuspages'\npage_id = 'a/b'\napi_key = 'k'").expect_err("wrong"), @r#"
        2 problems in the configuration:
          statuspage.kind = "statuspages" is none of the choices; write statuspage or cachet
          statuspage.page_id = "a/b" is not one word; write letters, digits, '-', '_' and '.', such as payments-api
        "#);
    }
}
