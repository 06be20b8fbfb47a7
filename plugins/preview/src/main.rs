//! `kubectl karp preview` as an executable of its own.

fn main() -> std::process::ExitCode {
    karp_common::cli::main(kubectl_karp_preview::run)
}
