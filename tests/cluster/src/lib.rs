//! Real servers for tests: etcd, kube-apiserver, kube-controller-manager, kube-scheduler and KWOK,
//! and on request Karpenter itself (KWOK provider, or the real AWS provider beside an EC2 double).
//!
//! The flow: [`Servers`] finds or builds the binaries (four small Go modules under `servers/`, kept in
//! a cache folder), [`ControlPlane`] starts them on free loopback ports with fresh certificates, and
//! [`Karpenter`] or [`KarpenterAws`] join it. Each owns the processes it started and ends them, and
//! nothing else, when it is dropped; if the whole test process is killed, a [reaper](process::Reaper)
//! does it. `README.md` beside this package tells how to use it by hand.
//!
//! Left out on purpose: kubelets and container runtimes. KWOK plays every node.

pub mod aws;
pub mod bulk;
pub mod certificates;
pub mod control_plane;
pub mod faults;
pub mod karpenter;
pub mod karpenter_aws;
pub mod kubeconfig;
pub mod kubectl;
pub mod ports;
pub mod process;
pub mod python;
pub mod servers;
pub mod situation;
pub mod wait;

pub use control_plane::{ControlPlane, ControlPlaneOptions, SLOW_STOP};
pub use faults::{Fault, Faults};
pub use karpenter::{Karpenter, KarpenterOptions};
pub use karpenter_aws::{KarpenterAws, KarpenterAwsOptions};
pub use kubectl::Kubectl;
pub use servers::Servers;

/// Prints one line of progress. Everything the harness says goes to stderr, so that what a test or
/// `cluster up` prints on stdout stays clean.
#[expect(clippy::print_stderr, reason = "the one place where this test harness speaks")]
pub(crate) fn say(line: &str) {
    eprintln!("cluster: {line}");
}
