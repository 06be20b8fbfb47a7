//! `vectors PATH…`: compares our answers with recorded ones. See `karp_tests::vectors`.

use std::process::ExitCode;

use clap::Parser;
use karp_tests::vectors;

fn main() -> std::io::Result<ExitCode> {
    let options = vectors::Options::parse();
    vectors::main(&options, &mut std::io::stdout().lock(), &mut std::io::stderr().lock()).map(ExitCode::from)
}
