//! stdout, stderr, their style, and the clock: made once, handed down, replaced by buffers in tests.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::rc::Rc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use karp_core::report::Error;

use super::{ColorChoice, Label, Style, Symbols};

/// Where output goes.
pub struct Out<'a> {
    stdout: Box<dyn Write + 'a>,
    stderr: Box<dyn Write + 'a>,
    /// How stdout looks.
    pub style: Style,
    /// How stderr looks.
    pub stderr_style: Style,
    /// Zone of clock times.
    pub time_zone: TimeZone,
    /// Folder of what was kept from earlier runs; none = nothing is kept.
    pub cache: Option<PathBuf>,
    clock: Box<dyn Fn() -> Timestamp + 'a>,
    progress_shown: bool,
    closed: bool,
    failed: Option<std::io::Error>,
    /// What would have gone to stdout, while it is kept back.
    recording: Option<String>,
    /// Messages of recorded screens: each is shown once.
    said: BTreeSet<String>,
}

impl Out<'static> {
    /// The process's own streams, as its environment wants them.
    pub fn from_environment() -> Self {
        let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let style = |is_terminal: bool| {
            if !is_terminal {
                return Style::PIPE;
            }
            let columns = terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0));
            let symbols = if dumb || !is_utf8_locale() { Symbols::ASCII } else { Symbols::TERMINAL };
            Style { columns: Some(columns.max(40)), color: !dumb && !no_color, symbols }
        };
        Out {
            style: style(std::io::stdout().is_terminal()),
            stderr_style: style(std::io::stderr().is_terminal()),
            stdout: Box::new(std::io::BufWriter::new(std::io::stdout())),
            stderr: Box::new(std::io::stderr()),
            time_zone: TimeZone::system(),
            cache: crate::catalog::cache_folder(|name| std::env::var(name).ok())
                .and_then(|catalogs| catalogs.parent().map(std::path::Path::to_owned)),
            clock: Box::new(Timestamp::now),
            progress_shown: false,
            closed: false,
            failed: None,
            recording: None,
            said: BTreeSet::new(),
        }
    }
}

/// Whether the locale says UTF-8; the first of the usual variables that is set decides.
fn is_utf8_locale() -> bool {
    let set = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
    let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG"));
    cfg!(windows) || locale.is_some_and(|locale| locale.to_lowercase().replace('-', "").contains("utf8"))
}

/// What a captured run wrote.
#[derive(Debug, Clone, Default)]
pub struct Captured {
    stdout: Rc<RefCell<Vec<u8>>>,
    stderr: Rc<RefCell<Vec<u8>>>,
}

impl Captured {
    /// Text of stdout so far.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.stdout.borrow()).into_owned()
    }

    /// Text of stderr so far.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr.borrow()).into_owned()
    }
}

/// A writer into a shared buffer.
struct Shared(Rc<RefCell<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> Out<'a> {
    /// Output into buffers at a fixed moment, in UTC.
    pub fn captured(style: Style, now: Timestamp) -> (Self, Captured) {
        let captured = Captured::default();
        let stdout = Shared(Rc::clone(&captured.stdout));
        let stderr = Shared(Rc::clone(&captured.stderr));
        (Self::with_writers(stdout, stderr, style, now), captured)
    }

    /// Output into given writers at a fixed moment, in UTC. stderr is no terminal.
    pub fn with_writers(
        stdout: impl Write + 'a,
        stderr: impl Write + 'a,
        style: Style,
        now: Timestamp,
    ) -> Self {
        Out {
            stdout: Box::new(stdout),
            stderr: Box::new(stderr),
            style,
            stderr_style: Style::PIPE,
            time_zone: TimeZone::UTC,
            cache: None,
            clock: Box::new(move || now),
            progress_shown: false,
            closed: false,
            failed: None,
            recording: None,
            said: BTreeSet::new(),
        }
    }

    /// Obeys `--color`.
    pub fn choose_color(&mut self, choice: ColorChoice) {
        let color = match choice {
            ColorChoice::Auto => return,
            ColorChoice::Always => true,
            ColorChoice::Never => false,
        };
        self.style.color = color;
        self.stderr_style.color = color;
    }

    /// This process's clock: for ages on a live screen and for input without any timestamp, never for decisions
    /// about a snapshot.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Writes text to stdout as it is.
    pub fn print(&mut self, text: &str) {
        self.progress_done();
        if let Some(recording) = &mut self.recording {
            recording.push_str(text);
            return;
        }
        if self.closed {
            return;
        }
        if let Err(error) = self.stdout.write_all(text.as_bytes()) {
            self.note(error);
        }
    }

    /// Keeps back what is written to stdout from here on. Messages that were shown once are not shown again.
    pub fn record(&mut self) {
        self.recording = Some(String::new());
    }

    /// What was kept back; from here on stdout is written again.
    pub fn recorded(&mut self) -> String {
        self.recording.take().unwrap_or_default()
    }

    /// Writes one line to stdout.
    pub fn line(&mut self, text: &str) {
        self.print(text);
        self.print("\n");
    }

    /// Sends what is buffered.
    pub fn flush(&mut self) {
        if !self.closed
            && let Err(error) = self.stdout.flush()
        {
            self.note(error);
        }
    }

    /// Whether the reader of stdout went away: nothing more needs to be done.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// A failure to write that was not a reader going away.
    pub fn take_failure(&mut self) -> Option<std::io::Error> {
        self.failed.take()
    }

    fn note(&mut self, error: std::io::Error) {
        self.closed = true;
        if error.kind() != std::io::ErrorKind::BrokenPipe {
            self.failed = Some(error);
        }
    }

    /// `warning: ...` on stderr.
    pub fn warn(&mut self, message: &str) {
        let label = self.stderr_style.paint(Label::Hint, "warning:");
        self.message(&format!("{label} {message}"));
    }

    /// An error on stderr: message, excerpt, causes, hints.
    pub fn error(&mut self, error: &Error) {
        let style = self.stderr_style;
        let mut text = format!("{} {}", style.paint(Label::VerdictNo, "error:"), error.message);
        if let Some(excerpt) = &error.excerpt {
            text.push('\n');
            text.push_str(excerpt);
        }
        for cause in &error.causes {
            text.push_str(&format!("\n{} {cause}", style.paint(Label::Muted, "cause:")));
        }
        for hint in &error.hints {
            text.push_str(&format!("\n{} {hint}", style.paint(Label::Hint, "hint:")));
        }
        self.message(&text);
    }

    /// One message on stderr, with its line end. A stderr nobody reads is no reason to stop.
    pub fn message(&mut self, text: &str) {
        if self.recording.is_some() && !self.said.insert(text.to_owned()) {
            return;
        }
        self.flush();
        self.progress_done();
        drop(writeln!(self.stderr, "{text}"));
    }

    /// Shows one line of progress in place of the last one; nothing where stderr is no terminal.
    pub fn progress(&mut self, text: &str) {
        if self.stderr_style.is_pipe() {
            return;
        }
        let shown: String = text.chars().take(self.stderr_style.width().saturating_sub(1)).collect();
        drop(write!(self.stderr, "\r\x1b[K{shown}"));
        drop(self.stderr.flush());
        self.progress_shown = true;
    }

    /// Removes the line of progress.
    pub fn progress_done(&mut self) {
        if std::mem::take(&mut self.progress_shown) {
            drop(write!(self.stderr, "\r\x1b[K"));
            drop(self.stderr.flush());
        }
    }
}
