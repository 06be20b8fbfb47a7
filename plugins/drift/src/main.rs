//! `kubectl-karp-drift`

fn main() -> std::process::ExitCode {
    karp_common::cli::main(kubectl_karp_drift::run)
}
