//! The executable `kubectl-karp`, also under the name of any of its verbs.

fn main() -> std::process::ExitCode {
    karp_common::cli::main(|arguments, out| {
        kubectl_karp::run(&kubectl_karp::Program::current(), arguments, out)
    })
}
