//! Polling with a limit. The condition is a function; the loop that waits is here only.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How long to sleep between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// Calls `look` until it returns a value.
///
/// # Errors
/// The first error of `look`, or after `limit` an error that names `what`.
pub fn until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(value) = look()? {
            return Ok(value);
        }
        if start.elapsed() > limit {
            bail!("waited {} s in vain for {what}", limit.as_secs());
        }
        std::thread::sleep(PAUSE);
    }
}
