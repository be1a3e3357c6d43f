//! `firebell config check`: everything that is wrong, or everything that is in force.

use std::io::{self, Write as _};

use serde_json::json;

use super::{ConfigFile, Failure, print};
use crate::config::Config;

pub(super) const EXAMPLES: &str = "\
Examples:
  firebell config check
  firebell config check --config /etc/firebell/firebell.toml
  firebell config check --json | jq .problems";

/// A server starts all the same, and reads them once they are there.
fn no_runbooks(config: &Config) -> Option<String> {
    let directory = config.runbooks.directory.as_ref().filter(|directory| !directory.is_dir())?;
    let path = directory.display();
    Some(format!(
        "runbooks.directory = \"{path}\" is no directory on this machine; make it, or mend the path"
    ))
}

pub(super) fn check(file: &ConfigFile, json: bool) -> Result<(), Failure> {
    let read = file.load().map(|(config, mut warnings)| {
        warnings.extend(no_runbooks(&config));
        (config, warnings)
    });
    if json {
        print(&match &read {
            Ok((config, warnings)) => {
                json!({ "ok": true, "ok_for_sync": file.is_enough_for_sync(), "problems": [], "warnings": warnings, "config": config.summary_json() })
            }
            Err(problems) => {
                let for_sync = file.is_enough_for_sync();
                json!({ "ok": false, "ok_for_sync": for_sync, "problems": problems.lines(), "warnings": [], "config": null })
            }
        }
        .to_string())?;
    }
    let (config, warnings) = match read {
        Ok(read) => read,
        Err(problems) => {
            writeln!(io::stderr(), "firebell: {problems}")?;
            if file.is_enough_for_sync() {
                let path =
                    file.path().map_or_else(|| "the environment".to_owned(), |p| p.display().to_string());
                writeln!(
                    io::stderr(),
                    "\n{path} is enough for `firebell sync --once`, though not for `firebell serve`."
                )?;
            }
            return Err(Failure::Said(2));
        }
    };
    if json {
        return Ok(());
    }
    print(&config.summary())?;
    for warning in &warnings {
        writeln!(io::stderr(), "warning: {warning}")?;
    }
    let read_from =
        file.path().map_or_else(|| "the environment alone".to_owned(), |p| p.display().to_string());
    let warned = match warnings.len() {
        0 => String::new(),
        1 => ", 1 warning".to_owned(),
        n => format!(", {n} warnings"),
    };
    writeln!(io::stderr(), "\nThe configuration is good (read from {read_from}{warned}).")?;
    Ok(())
}
