//! `--watch`: the same screen again when it says something else.

use std::time::{Duration, Instant};

use karp_core::report::{Error, ErrorKind, ExitCode};

use super::SourceFlags;
use crate::cluster::{self, ClusterOptions, Mark};
use crate::term::Out;

/// The cluster is looked at again after this long even where no change was seen.
const LONGEST: Duration = Duration::from_secs(300);

/// Changes come in bursts: at least this long the rest of one is awaited.
const SETTLE: Duration = Duration::from_secs(1);

/// Between attempts to reach a cluster that was there before.
const RETRY: Duration = Duration::from_secs(5);

/// What is watched, and how the screens are told apart.
#[derive(Debug, Clone)]
pub struct Watch<'a> {
    /// `--watch`.
    pub on: bool,
    /// Where the data comes from.
    pub source: &'a SourceFlags,
    /// Which cluster.
    pub cluster: ClusterOptions,
    /// Whether a line with the time stands before each later screen: documents follow each other without.
    pub with_times: bool,
}

/// Prints a screen; where `--watch` asks for it, again whenever the cluster has changed and the screen with it, until
/// Ctrl-C or until nobody reads any more: both are no failure.
///
/// # Errors
/// Those of the screen; wrong usage.
pub fn watched(
    watch: &Watch<'_>,
    out: &mut Out<'_>,
    mut screen: impl FnMut(&mut Out<'_>) -> Result<ExitCode, Error>,
) -> Result<ExitCode, Error> {
    if !watch.on {
        return screen(out);
    }
    check(watch.source)?;
    let mut mark = Some(cluster::mark(&watch.cluster)?);
    let mut started = Instant::now();
    let mut shown = recorded(out, &mut screen)?;
    out.print(&shown);
    out.flush();
    while !out.is_closed() {
        // A cluster that takes long to read is not read all the time.
        let settle = SETTLE.max(started.elapsed().min(LONGEST) * 2);
        let next = waited(watch, mark.as_ref(), settle).and_then(|()| {
            mark = Some(cluster::mark(&watch.cluster)?);
            started = Instant::now();
            recorded(out, &mut screen)
        });
        match next {
            Ok(text) if text == shown => {}
            Ok(text) => {
                if watch.with_times {
                    let time = out.now().to_zoned(out.time_zone.clone()).strftime("%H:%M:%S").to_string();
                    out.print(&format!("\n# {time}\n"));
                }
                out.print(&text);
                out.flush();
                shown = text;
            }
            // Ctrl-C, which is how watching ends.
            Err(error) if error.kind == ErrorKind::HalfWay => break,
            Err(error) if error.kind == ErrorKind::Unreachable => {
                out.warn(&format!("{}; trying again", error.message));
                if cluster::pause(RETRY).is_err() {
                    break;
                }
                // Whatever happened meanwhile was not seen.
                mark = None;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(ExitCode::Done)
}

/// Waits for a change after the mark; without one the cluster is looked at at once.
fn waited(watch: &Watch<'_>, mark: Option<&Mark>, settle: Duration) -> Result<(), Error> {
    mark.map_or(Ok(()), |mark| cluster::wait_for_change(&watch.cluster, mark, LONGEST, settle))
}

/// Files do not change, and stdin can be read once only.
fn check(source: &SourceFlags) -> Result<(), Error> {
    if !source.from.is_empty() {
        return Err(Error::usage("--watch needs a cluster: --from is read once").hint("leave out -w"));
    }
    if source.filename.iter().any(|name| name == "-") {
        return Err(Error::usage("--watch cannot read stdin again").hint("-f FILE"));
    }
    Ok(())
}

fn recorded(
    out: &mut Out<'_>,
    screen: &mut impl FnMut(&mut Out<'_>) -> Result<ExitCode, Error>,
) -> Result<String, Error> {
    out.record();
    let result = screen(out);
    let text = out.recorded();
    result.map(|_| text)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::term::Style;

    fn check(on: bool, from: &[&str], filename: &[&str]) -> (Result<ExitCode, Error>, String) {
        let strings = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let source =
            SourceFlags { from: strings(from), filename: strings(filename), ..SourceFlags::default() };
        let (mut out, captured) = Out::captured(Style::plain(80), Timestamp::UNIX_EPOCH);
        let watch = Watch { on, source: &source, cluster: ClusterOptions::default(), with_times: true };
        let result = watched(&watch, &mut out, |out| {
            out.line("screen");
            Ok(ExitCode::Findings)
        });
        drop(out);
        (result, captured.stdout())
    }

    #[test]
    fn what_is_read_once_cannot_be_watched() {
        let (result, stdout) = check(false, &["x.json"], &["-"]);
        assert_eq!((result.unwrap(), stdout.as_str()), (ExitCode::Findings, "screen\n"));
        for (from, filename, says) in [
            (&["x.json"][..], &[][..], "--watch needs a cluster: --from is read once"),
            (&[], &["-"], "--watch cannot read stdin again"),
        ] {
            let (result, stdout) = check(true, from, filename);
            let error = result.unwrap_err();
            assert_eq!(
                (error.exit_code(), error.message.as_str(), stdout.as_str()),
                (ExitCode::Usage, says, "")
            );
        }
    }
}
