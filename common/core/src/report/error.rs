//! The one error of the edges: what happened, to which object, what to do next; and the exit code it means.

use std::fmt;

/// How a command ends. The one place that gives numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ExitCode {
    /// Done, nothing found.
    Done = 0,
    /// Done, and the answer is "no" or there are findings.
    Findings = 1,
    /// Wrong usage, malformed input, stale plan, no terminal and no `--yes`.
    Usage = 2,
    /// Unreachable or not allowed.
    Unreachable = 3,
    /// A named object does not exist.
    NotFound = 4,
    /// Stopped half-way; what was done is listed.
    HalfWay = 5,
}

impl From<ExitCode> for u8 {
    fn from(code: ExitCode) -> u8 {
        code as u8
    }
}

/// What kind of trouble an error is; decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The user's words or files are wrong.
    Usage,
    /// Something cannot be reached, or may not be read.
    Unreachable,
    /// A named object is not there.
    NotFound,
    /// Work was stopped half-way.
    HalfWay,
}

/// An error for people. Message: lower case, no full stop, reads after `error: `.
#[derive(Debug)]
pub struct Error {
    /// What kind of trouble.
    pub kind: ErrorKind,
    /// What happened, to which object.
    pub message: String,
    /// An excerpt of the input, printed as it is.
    pub excerpt: Option<String>,
    /// Causes, outermost first.
    pub causes: Vec<String>,
    /// What to do next; a command if there is one.
    pub hints: Vec<String>,
}

impl Error {
    /// A new error without cause and hint.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), excerpt: None, causes: Vec::new(), hints: Vec::new() }
    }

    /// Wrong usage or malformed input.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// Unreachable or not allowed.
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unreachable, message)
    }

    /// A named object is not there.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// Adds a cause.
    #[must_use]
    pub fn cause(mut self, cause: impl fmt::Display) -> Self {
        self.causes.push(cause.to_string());
        self
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds an excerpt of the input.
    #[must_use]
    pub fn excerpt(mut self, excerpt: impl Into<String>) -> Self {
        self.excerpt = Some(excerpt.into());
        self
    }

    /// The exit code it means.
    pub fn exit_code(&self) -> ExitCode {
        match self.kind {
            ErrorKind::Usage => ExitCode::Usage,
            ErrorKind::Unreachable => ExitCode::Unreachable,
            ErrorKind::NotFound => ExitCode::NotFound,
            ErrorKind::HalfWay => ExitCode::HalfWay,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "error: {}", self.message)?;
        self.excerpt.iter().try_for_each(|excerpt| write!(out, "\n{excerpt}"))?;
        self.causes.iter().try_for_each(|cause| write!(out, "\ncause: {cause}"))?;
        self.hints.iter().try_for_each(|hint| write!(out, "\nhint: {hint}"))
    }
}

impl std::error::Error for Error {}
