//! edges

pub mod catalog;
