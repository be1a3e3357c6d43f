//! The door: reads the command line, starts logging, and does what was asked.

use std::process::ExitCode;

use clap::Parser as _;
use firebell::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.start_logging() {
        Ok(()) => cli.run().await,
        Err(failure) => failure.report(),
    }
}
