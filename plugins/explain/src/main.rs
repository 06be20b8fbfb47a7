//! The executable `kubectl-karp-explain`.

fn main() -> std::process::ExitCode {
    karp_common::cli::main(kubectl_karp_explain::run)
}
