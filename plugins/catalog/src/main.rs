//! The executable `kubectl-karp-catalog`.

fn main() -> std::process::ExitCode {
    karp_common::cli::main(kubectl_karp_catalog::run)
}
