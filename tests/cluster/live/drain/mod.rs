//! `kubectl karp drain`, `cordon` and `uncordon` on real servers.
//!
//! Every drain runs as a user runs it, as a plugin of the real kubectl; what it did to the workloads is judged by a
//! [`watcher`] that reads nothing but the API. [`workloads`] lays out what is drained.

mod answers;
mod beside_kubectl;
mod budgets;
mod cordon;
mod flags;
mod forbidden;
mod hard_node;
mod interrupted;
mod killed;
mod predictions;
mod refusal;
mod resumed;
mod roles;
mod saved;
mod surge;
mod volumes;
mod watcher;
mod workloads;

use anyhow::{Context, Result};
use karp_cluster::{ControlPlane, Kubectl};
use serde_json::Value;

/// A test by name.
pub(crate) type Named = (&'static str, fn(&ControlPlane) -> Result<()>);

/// The tests, in their order.
pub(crate) const TESTS: &[Named] = &[
    ("drain::cordon_and_back", cordon::cordon_and_back),
    ("drain::refusal_and_abort", refusal::refusal_and_abort),
    ("drain::surge_then_delete_the_node_claim", surge::surge_then_delete_the_node_claim),
    ("drain::placeholders_of_a_killed_drain_go", surge::placeholders_of_a_killed_drain_go),
    ("drain::drains_of_many_nodes_break_no_budget", budgets::drains_of_many_nodes_break_no_budget),
    ("drain::the_writer_role_is_what_writing_needs", roles::the_writer_role_is_what_writing_needs),
    ("drain::killed_drains_go_on", killed::killed_drains_go_on),
    ("drain::every_flag_of_kubectl_is_ours", flags::every_flag_of_kubectl_is_ours),
    ("drain::forbidden_users_are_told_what_is_missing", forbidden::forbidden_users_are_told_what_is_missing),
    ("drain::chunk_size_cuts_lists", flags::chunk_size_cuts_lists),
    ("drain::every_kind_of_answer_is_predicted", answers::every_kind_of_answer_is_predicted),
    ("drain::twin_nodes_drained_by_both", beside_kubectl::twin_nodes_drained_by_both),
    ("drain::a_node_with_everything", hard_node::a_node_with_everything),
    (
        "drain::ctrl_c_stops_and_the_same_command_goes_on",
        interrupted::ctrl_c_stops_and_the_same_command_goes_on,
    ),
    ("drain::ctrl_c_ends_a_read_without_an_answer", interrupted::ctrl_c_ends_a_read_without_an_answer),
    (
        "drain::a_killed_drain_still_waits_for_replacements",
        resumed::a_killed_drain_still_waits_for_replacements,
    ),
    (
        "drain::a_saved_plan_is_checked_against_the_cluster",
        saved::a_saved_plan_is_checked_against_the_cluster,
    ),
    ("drain::a_drain_waits_for_volumes_to_detach", volumes::a_drain_waits_for_volumes_to_detach),
];

/// Whether the long versions are asked for: fifty nodes, fifty kills.
fn is_long() -> bool {
    std::env::var_os("KARP_LONG").is_some()
}

/// Objects of a list.
fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list["items"].as_array().into_iter().flatten()
}

/// Leaves what was printed in `target/live-show/NAME.txt`, for people.
fn show(kubectl: &Kubectl, name: &str, text: &str) -> Result<()> {
    let target = kubectl.plugins().parent().context("the build folder")?;
    let folder = target.join("live-show");
    std::fs::create_dir_all(&folder)?;
    let file = folder.join(format!("{name}.txt"));
    std::fs::write(&file, text).with_context(|| file.display().to_string())?;
    eprintln!("what was printed: {}", file.display());
    Ok(())
}
