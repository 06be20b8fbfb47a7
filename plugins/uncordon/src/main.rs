//! `kubectl-karp-uncordon`

fn main() -> std::process::ExitCode {
    karp_common::cli::main(kubectl_karp_uncordon::run)
}
