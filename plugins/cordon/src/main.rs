//! `kubectl-karp-cordon`

fn main() -> std::process::ExitCode {
    karp_common::cli::main(kubectl_karp_cordon::run)
}
