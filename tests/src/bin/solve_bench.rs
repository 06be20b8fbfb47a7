//! `solve-bench FILE…`: times scheduling alone. See `karp_tests::solve_bench`.

use std::process::ExitCode;

use clap::Parser;
use karp_tests::solve_bench;

fn main() -> std::io::Result<ExitCode> {
    let options = solve_bench::Options::parse();
    solve_bench::main(&options, &mut std::io::stdout().lock(), &mut std::io::stderr().lock())
        .map(ExitCode::from)
}
