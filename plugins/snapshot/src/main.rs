//! The executable `kubectl-karp-snapshot`.

fn main() -> std::process::ExitCode {
    karp_common::cli::main(kubectl_karp_snapshot::run)
}
