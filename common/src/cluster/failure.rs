//! What can go wrong with a request, and what people are told about it.

use std::time::Duration;

use karp_core::report::Error;
use serde::Deserialize;

use super::connection::Target;

/// Why a request has no result.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server said no.
    Status(Status),
    /// No answer within this time.
    Timeout(Duration),
    /// There was no conversation; the whole chain of reasons.
    Transport(String),
}

/// The server's refusal.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    /// HTTP code.
    #[serde(skip)]
    pub(super) code: u16,
    /// Text.
    pub(super) message: String,
    /// Where an expired list can be continued.
    pub(super) metadata: StatusMeta,
    /// Seconds after which to ask again.
    #[serde(skip)]
    pub(super) retry_after: Option<u64>,
}

/// Metadata of a refusal.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StatusMeta {
    /// Token with which to go on.
    #[serde(rename = "continue")]
    pub(super) continue_token: Option<String>,
}

impl Status {
    /// Who was refused, as the server names them.
    pub(super) fn user(&self) -> Option<&str> {
        let (_, rest) = self.message.split_once("User \"")?;
        rest.split_once('"').map(|(user, _)| user)
    }

    /// `forbidden for user ci-bot`.
    pub(super) fn forbidden(&self) -> String {
        self.user().map_or_else(|| "forbidden".to_owned(), |user| format!("forbidden for user {user}"))
    }
}

impl Failure {
    /// The error for people, with the next command.
    pub(super) fn error(&self, target: &Target, what: &str) -> Error {
        match self {
            Failure::Status(status) if status.code == 401 => not_logged_in(target, &status.message),
            Failure::Status(status) if status.code == 403 => {
                Error::unreachable(format!("not allowed to read {what}{}", target.in_context()))
                    .cause(status.forbidden())
                    .hint("what to grant: docs/rbac-reader.yaml")
            }
            Failure::Status(status) => {
                Error::unreachable(format!("the API server cannot list {what}{}", target.in_context()))
                    .cause(format!("{} {}", status.code, status.message).trim_end())
                    .hint(target.kubectl(&format!("get {what} -A")))
            }
            Failure::Timeout(time) => cannot_reach(target, &format!("no answer within {}s", time.as_secs())),
            Failure::Transport(chain) => cannot_reach(target, chain),
        }
    }
}

/// The API server does not answer.
pub(super) fn cannot_reach(target: &Target, cause: &str) -> Error {
    let cause = if target.url.is_empty() { cause.to_owned() } else { format!("{}: {cause}", target.url) };
    Error::unreachable(format!("cannot reach the API server{}", target.in_context()))
        .cause(cause)
        .hint(target.kubectl("cluster-info"))
}

/// The API server does not know us.
pub(super) fn not_logged_in(target: &Target, cause: &str) -> Error {
    let error = Error::unreachable(format!("not logged in to the API server{}", target.in_context()));
    let error = if cause.is_empty() { error } else { error.cause(cause) };
    match &target.plugin {
        Some(plugin) if matches!(plugin.name(), "aws" | "aws.exe") => {
            let profile = plugin.profile().map_or_else(String::new, |name| format!(" --profile {name}"));
            if cause.to_lowercase().contains("sso") {
                error.hint(format!("aws sso login{profile}"))
            } else {
                error.hint(format!("aws sts get-caller-identity{profile}"))
            }
        }
        _ => error.hint(target.kubectl("auth whoami")),
    }
}

/// An error with its sources on one line, repetitions left out.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    for prefix in ["ServiceError: ", "HyperError: ", "client error (Connect): "] {
        text = text.replace(prefix, "");
    }
    text
}
