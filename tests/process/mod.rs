//! The program as a real process: started, watched, signalled, and never left behind.

use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use firebell::clock::Clock;

/// Generous: the machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program in an environment of its own.
pub fn firebell(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_firebell"));
    command.args(arguments).current_dir(directory).env_clear().env("TMPDIR", directory).stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub fn run(directory: &Path, arguments: &[&str]) -> Run {
    finish(&mut firebell(directory, arguments))
}

pub fn finish(command: &mut Command) -> Run {
    Run::of(&command.output().expect("the program starts"))
}

/// What a finished process said.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Run {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        Self {
            code: output.status.code().expect("it ended by itself"),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }
}

/// A process that runs on. Killed when dropped.
pub struct Process {
    child: Child,
    /// What it says and nobody has heard yet.
    pub lines: Receiver<String>,
    /// What it has said so far.
    pub said: Vec<String>,
}

impl Process {
    /// Listens to both its outputs.
    pub fn start(mut command: Command) -> Self {
        let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().expect("the program starts");
        let (said, lines) = channel();
        let out: Box<dyn Read + Send> = Box::new(child.stdout.take().expect("piped"));
        let err: Box<dyn Read + Send> = Box::new(child.stderr.take().expect("piped"));
        for stream in [out, err] {
            let said = said.clone();
            thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let _ = said.send(line);
                }
            });
        }
        Self { child, lines, said: Vec::new() }
    }

    /// Waits for a line that contains this.
    pub fn wait_for(&mut self, words: &str) -> String {
        let clock = Clock::system();
        let give_up_at = clock.now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(give_up_at.since(clock.now())) {
                Ok(line) => {
                    self.said.push(line.clone());
                    if line.contains(words) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("it did not say {words:?}: {:#?}", self.said),
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("it ended without saying {words:?}: {:#?}", self.said)
                }
            }
        }
    }

    /// `TERM`, `INT`. By the shell's own `kill`: every machine has that one.
    pub fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("a shell").success());
    }

    /// Waits for its end.
    pub fn end(mut self) -> (ExitStatus, Vec<String>) {
        let clock = Clock::system();
        let give_up_at = clock.now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                self.said.extend(self.lines.iter());
                return (status, std::mem::take(&mut self.said));
            }
            assert!(clock.now() < give_up_at, "it does not end: {:#?}", self.said);
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
