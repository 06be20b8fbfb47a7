//! The most memory this process has held, as Linux counts it.

use std::fs;

/// Forgets the peak so far. Does nothing where the system has no such thing.
pub(super) fn forget_peak() {
    // Without it the figures of later scenarios are those of the largest before them.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// Peak resident memory in bytes since [`forget_peak`], where the system tells.
pub(super) fn peak_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kibibytes << 10)
}
