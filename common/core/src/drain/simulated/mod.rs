//! The stepper against a simulated API server: thousands of seeded runs with lost requests, 429, 500, 409, answers
//! that get lost after the deed, slow answers, and crashes of our own.
//!
//! Checked in every second of every run: no PDB falls below its need, nothing off the target nodes is touched, tiers
//! and the window of nodes are kept. At the end: everything that can go is gone, or the run stopped and said why.

//!
//! Here the runs; [`cluster`] is what is drained, [`server`] what answers, [`program`] the loop that asks.

mod cluster;
mod dice;
mod program;
mod server;

use compact_str::CompactString;

use cluster::{Simulated, TARGETS};
use dice::Dice;

use super::journal::Phase;
use super::stepper::{Step, Stepper, StopReason};
use super::{DaemonSets, DrainOptions, plan};
use crate::model::{LabelProfile, Pod};

fn options(dice: &mut Dice) -> DrainOptions {
    DrainOptions {
        max_unavailable: 1 + usize::try_from(dice.roll(3)).unwrap(),
        delete_nodeclaim: dice.one_in(3),
        wait_ready_seconds: if dice.one_in(4) { 0 } else { 300 },
        surge: dice.one_in(4),
        ..DrainOptions::default()
    }
}

#[test]
fn every_run_ends_with_empty_nodes_and_whole_budgets() {
    for seed in 0..2_000 {
        let mut simulated = Simulated::new(seed);
        let options = options(&mut simulated.dice);
        let floor = simulated.floor();
        // Dies a few times, then is let through.
        let mut end = None;
        for _ in 0..4 {
            end = simulated.run(&options, true, &floor);
            if end.is_some() {
                break;
            }
        }
        let end = end.or_else(|| simulated.run(&options, false, &floor));
        assert_eq!(end, Some(Step::Done), "seed {seed}");
        assert_eq!(simulated.left_on_targets(), 0, "seed {seed}");
        if options.wait_ready_seconds > 0 {
            // Also for pods that an earlier, killed run had sent away.
            for (number, app) in simulated.apps.iter().enumerate() {
                assert_eq!(simulated.healthy(number), app.replicas, "seed {seed} {}", app.name);
            }
        }
        for (name, node) in simulated.nodes.iter().take(TARGETS) {
            let journal = node.journal.as_ref().map(|journal| journal.phase);
            let wanted = if options.delete_nodeclaim { Phase::Deleting } else { Phase::Drained };
            assert_eq!(journal, Some(wanted), "seed {seed} {name}");
            assert_eq!(node.gone, options.delete_nodeclaim, "seed {seed} {name}");
            assert!(!node.journal.as_ref().unwrap().was_unschedulable, "seed {seed} {name}");
        }
    }
}

#[test]
fn a_pod_that_can_never_go_stops_its_node_alone() {
    for seed in 0..500 {
        let mut simulated = Simulated::new(seed);
        simulated.apps[0].twice = true;
        let options = DrainOptions { max_unavailable: 1, surge: false, ..options(&mut simulated.dice) };
        let floor = simulated.floor();
        let stuck = simulated.left_on_targets();
        let of_twice = |simulated: &Simulated| {
            let targets = format!("n{TARGETS}");
            let on = |pod: &Pod| pod.node_name.as_ref().is_some_and(|node| node.as_str() < targets.as_str());
            simulated.pods.iter().filter(|(app, pod, _)| *app == 0 && on(pod)).count()
        };
        let twice = of_twice(&simulated);
        let end = simulated.run(&options, false, &floor);
        if twice == 0 {
            assert_eq!(end, Some(Step::Done), "seed {seed}");
        } else {
            assert_eq!(end, Some(Step::Stop(StopReason::NodesFailed)), "seed {seed}, {stuck} pods");
            assert_eq!(of_twice(&simulated), twice, "seed {seed}");
        }
    }
}

#[test]
fn a_stop_ends_at_once_and_leaves_a_journal() {
    let mut simulated = Simulated::new(7);
    simulated.faults = false;
    let options = DrainOptions::default();
    let names: Vec<CompactString> = (0..TARGETS).map(|number| format!("n{number}").into()).collect();
    let planned = plan(&simulated.snapshot(), &names, &options, None, &LabelProfile::core());
    let mut stepper = Stepper::new(&planned, DaemonSets::from_names([]), simulated.ready_by_owner());
    let step = stepper.step(&simulated.view(&stepper.wants_pods()));
    let Step::Cordon { journal, .. } = step else { panic!("{step:?}") };
    assert_eq!((journal.phase, journal.was_unschedulable), (Phase::Cordoned, false));
    stepper.stop();
    let step = stepper.step(&simulated.view(&stepper.wants_pods()));
    assert_eq!(step, Step::Stop(StopReason::Interrupted));
}

#[test]
fn a_timeout_is_told_with_its_node() {
    let mut simulated = Simulated::new(11);
    simulated.faults = false;
    simulated.apps.truncate(1);
    simulated.pods.retain(|(app, ..)| *app == 0);
    simulated.apps[0].needs = Some(simulated.apps[0].replicas);
    let options = DrainOptions { timeout_seconds: 20, ..DrainOptions::default() };
    let floor = simulated.floor();
    // Whether or not its pods are on the first node, some node has one, unless none is on a target.
    let end = simulated.run(&options, false, &floor);
    match simulated.left_on_targets() {
        0 => assert_eq!(end, Some(Step::Done)),
        _ => assert_eq!(end, Some(Step::Stop(StopReason::NodesFailed))),
    }
}
