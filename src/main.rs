//! The door: reads the command line, starts logging, and does what was asked.

use std::process::ExitCode;

use firebell::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    match Cli::read() {
        Ok(cli) => match cli.start_logging() {
            Ok(()) => cli.run().await,
            Err(failure) => failure.report(),
        },
        Err(status) => status,
    }
}
