//! The edges of `kubectl karp`: everything that touches a file, a terminal, a command line or a cluster.
//!
//! [`cluster`] asks a live cluster, [`decode`] makes objects from bytes, [`snapshot`] a moment of a cluster from objects, [`catalog`] brings instance
//! types and prices; [`term`] is the only code that prints; [`cli`] holds the flags that all verbs share and the way
//! from arguments to an exit code; [`complete`] answers who pressed Tab.

mod allocator;
pub mod catalog;
pub mod cli;
pub mod cluster;
pub mod complete;
pub mod cordon;
pub mod decode;
pub mod snapshot;
pub mod term;
