//! Rust source as the architecture test sees it: text without comments and test code, and the paths it names.

/// One file, taken apart. What is left out of the code is blank there, so that places stay what they were.
pub struct Source {
    /// From the package's root, with `/`: `src/incidents/store.rs`.
    pub path: String,
    pub text: String,
    /// Without comments and literals.
    pub code: String,
    /// `code` without test items.
    product: String,
    /// String literals outside test code: where each starts, and what it says.
    literals: Vec<(usize, String)>,
}

/// `crate::slack::Client`, wherever it was written, out of a `use` tree or in the middle of an expression.
#[derive(Debug, PartialEq)]
pub struct Path {
    pub line: usize,
    pub segments: Vec<String>,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        let (code, mut literals) = blank_comments_and_literals(text);
        let (product, tests) = without_test_items(&code);
        literals.retain(|(at, _)| !tests.iter().any(|&(from, to)| (from..to).contains(at)));
        Self { path: path.to_owned(), text: text.to_owned(), code, product, literals }
    }

    /// The module path: `["incidents", "store"]`; empty for `lib.rs` and `main.rs`.
    pub fn module(&self) -> Vec<&str> {
        let inner = self.path.strip_prefix("src/").unwrap_or(&self.path).trim_end_matches(".rs");
        let mut module: Vec<&str> = inner.split('/').collect();
        if matches!(module.last(), Some(&("mod" | "lib" | "main"))) {
            module.pop();
        }
        module
    }

    pub fn line(&self, at: usize) -> usize {
        self.text[..at].matches('\n').count() + 1
    }

    /// Line and words of each string literal, its white space made single.
    pub fn literals(&self) -> impl Iterator<Item = (usize, String)> {
        self.literals.iter().map(|(at, words)| {
            (
                self.line(*at),
                words.split(['\\', ' ', '\n', '\t']).filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" "),
            )
        })
    }

    /// Fields read from whatever is called `owner`: `self.app.slack` and `app\n.slack` are both `app`, `slack`.
    pub fn fields_of(&self, owner: &str) -> Vec<Path> {
        let tokens = tokens(&self.product);
        let fields =
            tokens.windows(3).filter(|three| three[0].1 == owner && three[1].1 == "." && is_name(three[2].1));
        let path = |three: &[Token]| Path {
            line: self.line(three[0].0),
            segments: vec![owner.to_owned(), three[2].1.to_owned()],
        };
        fields.map(path).collect()
    }

    /// Every path of two and more names outside test code, `crate::` paths from the crate's root whichever way they were written:
    /// `super::` is resolved, `{…}` is spread out, `as` is read past.
    pub fn paths(&self) -> Vec<Path> {
        let tokens = tokens(&self.product);
        let mut found = Vec::new();
        let mut at = 0;
        while at < tokens.len() {
            if is_name(tokens[at].1) {
                at = spread(&tokens, at, &[], &mut found);
            } else {
                at += 1;
            }
        }
        let module = self.module();
        found
            .into_iter()
            .filter(|(_, names)| names.len() > 1)
            .map(|(at, names)| Path { line: self.line(at), segments: from_root(&names, &module) })
            .collect()
    }
}

fn from_root(names: &[&str], module: &[&str]) -> Vec<String> {
    let names = names.strip_prefix(&["self"]).unwrap_or(names);
    let up = names.iter().take_while(|&&name| name == "super").count();
    let owned = |name: &&str| (*name).to_owned();
    if up == 0 {
        return names.iter().map(owned).collect();
    }
    let kept = &module[..module.len().saturating_sub(up)];
    ["crate"].iter().chain(kept).chain(&names[up..]).map(owned).collect()
}

type Token<'a> = (usize, &'a str);

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = code[at..].chars().next() {
        let rest = &code[at..];
        let length = if is_name(rest) {
            rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        if !first.is_whitespace() {
            tokens.push((at, &rest[..length]));
        }
        at += length;
    }
    tokens
}

/// Reads one path (or one branch of a `use` tree) that starts at `at`; returns where it ended.
fn spread<'a>(
    tokens: &[Token<'a>],
    at: usize,
    before: &[&'a str],
    found: &mut Vec<(usize, Vec<&'a str>)>,
) -> usize {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.1);
    let start = tokens[at].0;
    let mut names = before.to_vec();
    let mut at = at;
    loop {
        // `use a::{self}` names `a` itself, which is already in `before`.
        if text(at) != "self" || names.is_empty() {
            names.push(text(at));
        }
        at += 1;
        if text(at) != "::" {
            break;
        }
        at += 1;
        if text(at) == "{" {
            at += 1;
            while at < tokens.len() && text(at) != "}" {
                at = match text(at) {
                    // A new name is no path of its own.
                    "as" => at + 2,
                    branch if is_name(branch) || branch == "*" => spread(tokens, at, &names, found),
                    _ => at + 1,
                };
            }
            return at + 1;
        }
        if !is_name(text(at)) && text(at) != "*" {
            break;
        }
    }
    found.push((start, names));
    at
}

/// Blanks comments and what string and character literals say; returns the strings with their places.
fn blank_comments_and_literals(text: &str) -> (String, Vec<(usize, String)>) {
    let mut code = text.to_owned().into_bytes();
    let mut literals = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let after_name = text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some((length, words)) = string(rest, after_name) {
            literals.push((at, words));
            length
        } else if let Some(length) = character(rest) {
            length
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
            continue;
        };
        blank(&mut code, at, at + length);
        at += length;
    }
    (String::from_utf8(code).expect("whole literals were replaced by spaces"), literals)
}

fn blank(code: &mut [u8], from: usize, to: usize) {
    for byte in &mut code[from..to] {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// Length and words of the string literal that starts here, plain or raw.
fn string(rest: &str, after_name: bool) -> Option<(usize, String)> {
    let raw = !after_name && (rest.starts_with("r\"") || rest.starts_with("r#") || rest.starts_with("br"));
    if raw {
        let hashes_at = rest.find('r')? + 1;
        let hashes = rest[hashes_at..].bytes().take_while(|&b| b == b'#').count();
        let words = rest[hashes_at + hashes..].strip_prefix('"')?;
        let close = format!("\"{}", "#".repeat(hashes));
        let length = words.find(&close).unwrap_or(words.len());
        let whole = hashes_at + hashes + 1 + length + close.len();
        return Some((whole.min(rest.len()), words[..length].to_owned()));
    }
    let words = rest.strip_prefix('"')?;
    let mut escaped = false;
    let end = words.find(|c| {
        let closes = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        closes
    });
    let length = end.unwrap_or(words.len());
    Some(((length + 2).min(rest.len()), words[..length].to_owned()))
}

/// Length of the character literal that starts here; a lifetime is none.
fn character(rest: &str) -> Option<usize> {
    let inner = rest.strip_prefix('\'')?;
    let mut chars = inner.char_indices();
    let (_, first) = chars.next()?;
    if first == '\\' {
        chars.next()?;
        return inner[2..].find('\'').map(|close| 1 + 2 + close + 1);
    }
    let (close, quote) = chars.next()?;
    (quote == '\'').then_some(1 + close + 1)
}

/// Blanks every item marked `#[cfg(test)]`, to its `;` or its closing brace; returns their places too.
fn without_test_items(code: &str) -> (String, Vec<(usize, usize)>) {
    let mark = "#[cfg(test)]";
    let marks = code.match_indices(mark).map(|(at, _)| at);
    let tests: Vec<_> =
        marks.map(|at| (at, at + mark.len() + item_length(&code[at + mark.len()..]))).collect();
    let mut product = code.as_bytes().to_vec();
    for &(from, to) in &tests {
        blank(&mut product, from, to);
    }
    (String::from_utf8(product).expect("whole items were replaced by spaces"), tests)
}

fn item_length(rest: &str) -> usize {
    let mut depth = 0;
    for (at, c) in rest.char_indices() {
        match c {
            ';' if depth == 0 => return at + 1,
            '{' | '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            '}' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    rest.len()
}
