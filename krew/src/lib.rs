//! What a release is made of, each part a function from values to bytes: archives that are equal on every machine
//! ([`archive()`]), the krew manifest ([`manifest()`]), checksums, and the pages that are written from the command
//! lines themselves ([`pages`]). Only the binary touches files.

mod archive;
mod manifest;
pub mod pages;

pub use archive::{archive, sha256};
pub use manifest::{PLATFORMS, Platform, Release, manifest};
