//! `changes-bench`: times the search for smallest changes. See `karp_tests::changes_bench`.

use clap::Parser;
use karp_tests::changes_bench;

fn main() -> anyhow::Result<()> {
    let options = changes_bench::Options::parse();
    changes_bench::main(&options, &mut std::io::stdout().lock())
}
