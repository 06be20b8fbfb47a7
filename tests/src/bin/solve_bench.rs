//! `solve-bench FILE…`: times scheduling alone. See `karp_tests::bench`.

use std::process::ExitCode;

use clap::Parser;
use karp_tests::bench;

fn main() -> std::io::Result<ExitCode> {
    let options = bench::Options::parse();
    bench::main(&options, &mut std::io::stdout().lock(), &mut std::io::stderr().lock()).map(ExitCode::from)
}
