//! `kubectl karp explain`
fn main() {}
