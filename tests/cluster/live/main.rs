//! Tests against real servers: one executable, one control plane for all of them.
//!
//! Not libtest: its statics are never dropped, and the servers must end before the process does. The
//! tests share one cluster and Karpenter looks at all of it, so they run one after the other.

#![expect(clippy::print_stderr, reason = "what a test measured goes beside its name")]

mod aws;
mod cluster;
mod smoke;

use libtest_mimic::{Arguments, Conclusion, Failed, Trial};

fn main() -> std::process::ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let conclusion = libtest_mimic::run(&arguments, trials());
    finish(&conclusion)
}

fn trials() -> Vec<Trial> {
    vec![
        trial("smoke::the_scheduler_marks_pods_unschedulable", smoke::the_scheduler_marks_pods_unschedulable),
        trial("smoke::a_user_without_rights_is_forbidden", smoke::a_user_without_rights_is_forbidden),
        trial("smoke::karpenter_launches_what_pods_need", smoke::karpenter_launches_what_pods_need),
        trial(
            "aws::the_aws_provider_launches_from_an_ec2_node_class",
            aws::the_aws_provider_launches_from_an_ec2_node_class,
        ),
    ]
}

fn trial(name: &str, test: fn(&karp_cluster::ControlPlane) -> anyhow::Result<()>) -> Trial {
    Trial::test(name, move || cluster::with(test).map_err(|error| Failed::from(format!("{error:?}"))))
}

/// Ends the servers, and fails when one is left.
fn finish(conclusion: &Conclusion) -> std::process::ExitCode {
    if let Err(error) = cluster::end(conclusion.has_failed()) {
        eprintln!("error: {error:#}");
        return std::process::ExitCode::from(101);
    }
    conclusion.exit_code()
}
