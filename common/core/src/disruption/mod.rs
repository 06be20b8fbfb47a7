//! Which nodes may go, why, when, and what replaces them.
