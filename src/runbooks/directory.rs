//! The directory of runbooks: what in it is read, and what is refused. Blocks: never on the way of a request.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::markdown;
use super::model::{Index, Runbook};
use crate::config::Runbooks;

/// Larger files are no runbooks.
const LARGEST: u64 = 256 * 1024;
const MOST_FILES: usize = 2_000;
const DEEPEST: usize = 8;
/// What to do about what may not be read.
const LET_IT: &str = "; let the user that runs Firebell read it";

/// Everything there is to know, or `None` when nothing looks different from `before`.
pub fn read(settings: &Runbooks, before: &Index) -> Option<Index> {
    let mut index =
        Index { runbooks: settings.links.iter().map(Runbook::from).collect(), ..Index::default() };
    let Some(directory) = &settings.directory else { return Some(index) };
    let mut files = Vec::new();
    // A link at the top is how a checkout is swapped as a whole.
    let root = match directory.canonicalize() {
        Ok(root) => root,
        Err(error) => {
            let what = match error.kind() {
                io::ErrorKind::NotFound => {
                    "is not there: make or mount it, or mend runbooks.directory".to_owned()
                }
                kind => format!("cannot be read ({kind}): let the user that runs Firebell read it"),
            };
            index.troubles.push(format!("the directory {what}"));
            return Some(index);
        }
    };
    walk(&root, &root, 0, &mut files, &mut index.troubles);
    files.sort();
    if files.len() > MOST_FILES {
        let all = files.len();
        index.troubles.push(format!(
            "{all} files are too many; the first {MOST_FILES} by name are read: take some out"
        ));
        files.truncate(MOST_FILES);
    }
    index.seen = files.iter().map(|file| look(file)).collect();
    if !before.seen.is_empty() && index.seen == before.seen {
        return None;
    }
    for file in files {
        let name = name_of(&root, &file);
        match read_file(&root, &file).and_then(|text| markdown::read(&text, &name)) {
            Ok(Some(mut runbook)) => {
                let page = || settings.url_base.as_ref().map(|base| page_of(base, &name));
                runbook.url = runbook.url.or_else(page);
                index.runbooks.push(runbook);
            }
            Ok(None) => index.left_out += 1,
            Err(what) => index.troubles.push(format!("{name}: {what}")),
        }
    }
    index.troubles.sort();
    Some(index)
}

/// Collects the Markdown files. What is hidden (`.git`) is none of ours, and a link to a directory may lead in a circle.
fn walk(root: &Path, folder: &Path, depth: usize, files: &mut Vec<PathBuf>, troubles: &mut Vec<String>) {
    let entries = match fs::read_dir(folder) {
        Ok(entries) if depth <= DEEPEST => entries,
        Ok(_) => {
            return troubles.push(format!(
                "{}: lies too deep; move it up to {DEEPEST} folders at most",
                name_of(root, folder)
            ));
        }
        Err(error) => {
            let name = name_of(root, folder);
            return troubles.push(format!("{name}: cannot be read ({}){LET_IT}", error.kind()));
        }
    };
    for entry in entries.flatten() {
        // Twice what is read is enough to say that it is too much.
        if files.len() > 2 * MOST_FILES {
            return;
        }
        let path = entry.path();
        let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
        let Ok(kind) = entry.file_type() else { continue };
        if is_hidden {
            continue;
        }
        if kind.is_dir() {
            walk(root, &path, depth + 1, files, troubles);
        } else if kind.is_symlink() && path.is_dir() {
            troubles.push(format!(
                "{}: is a link to a directory, which is not followed; put the files themselves there",
                name_of(root, &path)
            ));
        } else if path
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("md") || e.eq_ignore_ascii_case("markdown"))
        {
            files.push(path);
        }
    }
}

/// Relative to the directory, as people write it.
fn name_of(root: &Path, path: &Path) -> String {
    let name = path.strip_prefix(root).unwrap_or(path).display().to_string().replace('\\', "/");
    if name.is_empty() { "the directory".into() } else { name }
}

fn look(file: &Path) -> (PathBuf, u64, Option<std::time::SystemTime>) {
    let seen = fs::metadata(file).ok();
    (file.to_owned(), seen.as_ref().map_or(0, fs::Metadata::len), seen.and_then(|m| m.modified().ok()))
}

fn read_file(root: &Path, file: &Path) -> Result<String, String> {
    let cannot = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => "is a link that leads nowhere; take it away or mend it".to_owned(),
        kind => format!("cannot be read ({kind}){LET_IT}"),
    };
    let real = file.canonicalize().map_err(cannot)?;
    if !real.starts_with(root) {
        return Err("is a link that leads out of the directory; put the file itself there".into());
    }
    if !real.is_file() {
        return Err("is no file".into());
    }
    let mut bytes = Vec::new();
    File::open(&real).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes)).map_err(cannot)?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("is larger than {} KiB; split it", LARGEST / 1024));
    }
    String::from_utf8(bytes).map_err(|_| "is no UTF-8 text; save it as such".into())
}

/// The address of a file's page, whatever is in its name.
fn page_of(base: &str, name: &str) -> String {
    let mut url = base.to_owned();
    for part in name.split('/') {
        let part: String = form_urlencoded::byte_serialize(part.as_bytes()).collect();
        url.push('/');
        url.push_str(&part.replace('+', "%20"));
    }
    url
}
