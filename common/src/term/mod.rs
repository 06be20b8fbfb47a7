//! The only code that prints: writers, width, colour, symbols and clock as values; kubectl-like tables, wrapped
//! text, figures for people, JSON and YAML documents, and the progress line.
//!
//! Renderers get a [`Style`] and return text; only [`Out`] writes. Nothing here knows what it prints.

mod figures;
mod json;
mod out;
mod style;
mod table;
mod wrap;

pub use figures::{age, amount, clock, dollars_per_hour, dollars_per_month, duration};
pub use json::{Format, document, object};
pub use out::{Captured, Out};
pub use style::{ColorChoice, Label, Style, Symbols};
pub use table::Table;
pub use wrap::{command, visible_width, wrap};
