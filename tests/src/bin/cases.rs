//! `cases PATH…`: runs cases from real reports. See `karp_tests::cases`.

use std::process::ExitCode;

use clap::Parser;
use karp_tests::cases;

fn main() -> std::io::Result<ExitCode> {
    let options = cases::Options::parse();
    cases::main(&options, &mut std::io::stdout().lock(), &mut std::io::stderr().lock()).map(ExitCode::from)
}
