//! The rules of the provisioning scheduler, line by line: what each gives on a small cluster.
//!
//! The lines and their outcomes are those of Karpenter's own tests and of runs of its code, not of ours. A section
//! is a file; a row names its line, what came out and what should. [`Table`] knows all lines and fails for one
//! that no row cites. `V1` to `V11` are what 1.15 changed in scheduling.

mod affinity;
mod daemon_sets;
mod existing;
mod inputs;
mod labels;
mod limits;
mod min_values;
mod node_claim;
pub(crate) mod objects;
mod packing;
mod relaxation;
mod requirements;
mod reserved;
mod resources;
pub(crate) mod run;
mod spread;
mod spread_policies;
mod texts;
pub(crate) mod types;
mod versions;
mod volumes;
pub(crate) mod world;

use std::collections::BTreeSet;
use std::fmt::Display;

/// Sections of the checklist and how many lines each has.
const LINES: [(&str, usize); 18] = [
    ("IN", 12),
    ("RQ", 8),
    ("LB", 5),
    ("RX", 10),
    ("PK", 12),
    ("ER", 9),
    ("MV", 8),
    ("LM", 6),
    ("DS", 10),
    ("EN", 10),
    ("TS", 25),
    ("AF", 16),
    ("DC", 4),
    ("VO", 7),
    ("RE", 5),
    ("RV", 5),
    ("NC", 5),
    ("NF", 4),
];
/// Rules that 1.15 changed.
const CHANGES: usize = 11;

/// What was compared.
#[derive(Default)]
struct Table {
    cited: BTreeSet<String>,
    rows: usize,
    wrong: Vec<String>,
}

impl Table {
    /// One row: the line it belongs to, what came out, what should.
    fn row(&mut self, line: &str, got: impl Display, expected: impl Display) {
        self.rows += 1;
        self.cited.insert(line.to_owned());
        let (got, expected) = (got.to_string(), expected.to_string());
        if got != expected {
            self.wrong.push(format!("{line}\n  expected {expected}\n  got      {got}"));
        }
    }
}

fn section(check: fn(&mut Table)) {
    let mut table = Table::default();
    check(&mut table);
    assert!(
        table.wrong.is_empty(),
        "{} of {} rows\n{}",
        table.wrong.len(),
        table.rows,
        table.wrong.join("\n")
    );
}

macro_rules! sections {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            section($name::check);
        })*

        #[test]
        fn every_line_is_cited() {
            let mut table = Table::default();
            $($name::check(&mut table);)*
            let checklist = LINES.iter().flat_map(|(id, count)| (1..=*count).map(move |at| format!("{id}-{at:02}")));
            let changes = (1..=CHANGES).map(|at| format!("V{at}"));
            let lines: BTreeSet<String> = checklist.chain(changes).collect();
            let missing: Vec<&String> = lines.difference(&table.cited).collect();
            let unknown: Vec<&String> = table.cited.difference(&lines).collect();
            assert!(missing.is_empty() && unknown.is_empty(), "missing {missing:?}, unknown {unknown:?}");
        }
    };
}

sections! {
    inputs requirements labels relaxation packing texts min_values limits daemon_sets existing spread
    spread_policies affinity volumes resources reserved node_claim versions
}
