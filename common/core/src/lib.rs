//! The pure core of `kubectl karp`: what Karpenter will do with a [`model::Snapshot`], and why.
//!
//! ```text
//! model::Snapshot ──► sim / disruption ──► report
//!        ▲                  ▲
//!   edges decode       provider: instance types, hashes, launch rules
//! ```
//!
//! Layers, each importing only those named before it: [`model`] (plain values), [`provider`] (what a cloud
//! provider decides), [`sim`] (the provisioning scheduler), [`disruption`] (which nodes may go), [`explain`] (why, and
//! what would change it), [`report`]
//! (what flows out). This crate knows no clock, network, terminal, file or environment: one snapshot in, one
//! report out. [`anonymize`] takes the names out of a snapshot. [`apply`] makes the snapshot that would be: files applied, workloads scaled, nodes gone. The modelled Karpenter versions stand in [`model::RuleSet`].

pub mod anonymize;
pub mod apply;
pub mod disruption;
pub mod drain;
pub mod explain;
pub mod model;
pub mod preview;
pub mod provider;
pub mod report;
pub mod sim;
