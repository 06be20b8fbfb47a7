//! Free loopback ports.
//!
//! Taken below the range that the kernel hands to outgoing connections, so that no client can sit on
//! a port between the moment it was found free and the moment its server binds it. Two harnesses in
//! one machine start at different places of the range.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Result, bail};

const FIRST: u32 = 20_000;
const COUNT: u32 = 12_000;

/// How far this process has walked through the range.
static STEP: AtomicU32 = AtomicU32::new(0);

/// Finds a loopback port that nobody listens on and that this process has not handed out before.
///
/// # Errors
/// When the whole range is taken.
pub fn free() -> Result<u16> {
    // A multiple of a prime spreads neighbouring process ids over the range.
    let start = std::process::id().wrapping_mul(7_919) % COUNT;
    for _ in 0..COUNT {
        let step = STEP.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + (start + step) % COUNT;
        let port = u16::try_from(port)?;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port between {FIRST} and {}", FIRST + COUNT)
}
