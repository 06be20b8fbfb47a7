//! `kubectl-karp-drain`

fn main() -> std::process::ExitCode {
    karp_common::cli::main(kubectl_karp_drain::run)
}
