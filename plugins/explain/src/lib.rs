//! `kubectl karp explain`
