//! One GET: with a limit of time, and asked again a few times where the server says so.

use std::time::Duration;

use http_body_util::BodyExt;
use jiff::Timestamp;
use kube::client::Body;

use super::connection::Connection;
use super::failure::{Failure, Status, chain};

/// How often a request is made at most.
const ATTEMPTS: u32 = 5;

/// First wait between attempts where the server names none; doubles each time.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// Longest wait that a server may ask for: beyond it the user had better know.
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// An answer.
pub(super) struct Answer {
    /// The body.
    pub(super) body: Vec<u8>,
    /// The server's clock.
    pub(super) date: Option<Timestamp>,
}

impl Connection {
    /// The body behind a path and query.
    pub(super) async fn get(&self, path: &str) -> Result<Answer, Failure> {
        let mut wait = FIRST_WAIT;
        let mut attempt = 1;
        loop {
            let failure = match self.get_once(path).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let asked = match &failure {
                Failure::Status(Status { code: 429 | 500 | 502 | 503 | 504, retry_after, .. }) => {
                    *retry_after
                }
                // A connection that broke in the middle of an answer; what never came up stays down.
                Failure::Transport(chain) if is_broken_connection(chain) => None,
                _ => return Err(failure),
            };
            let pause = asked.map_or(wait, Duration::from_secs);
            if attempt == ATTEMPTS || pause > LONGEST_WAIT {
                return Err(failure);
            }
            tokio::time::sleep(pause).await;
            attempt += 1;
            wait *= 2;
        }
    }

    async fn get_once(&self, path: &str) -> Result<Answer, Failure> {
        match self.request_timeout {
            None => self.send(path).await,
            Some(limit) => {
                tokio::time::timeout(limit, self.send(path)).await.map_err(|_| Failure::Timeout(limit))?
            }
        }
    }

    async fn send(&self, path: &str) -> Result<Answer, Failure> {
        let response = self.start(path).await?;
        let (parts, body) = response.into_parts();
        let body =
            body.collect().await.map_err(|error| Failure::Transport(chain(&error)))?.to_bytes().to_vec();
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        if !parts.status.is_success() {
            let text = String::from_utf8_lossy(&body);
            let plain = || Status { message: text.trim().chars().take(200).collect(), ..Status::default() };
            let mut status: Status = serde_json::from_slice(&body).unwrap_or_else(|_| plain());
            status.code = parts.status.as_u16();
            status.retry_after = header("retry-after").and_then(|seconds| seconds.parse().ok());
            return Err(Failure::Status(status));
        }
        let date = header("date")
            .and_then(|date| jiff::fmt::rfc2822::parse(date).ok())
            .map(|moment| moment.timestamp());
        Ok(Answer { body, date })
    }

    /// Sends a request and waits for the head of the answer.
    pub(super) async fn start(&self, path: &str) -> Result<http::Response<Body>, Failure> {
        let request = http::Request::get(path)
            .header("accept", "application/json")
            .body(Body::empty())
            .map_err(|error| Failure::Transport(chain(&error)))?;
        self.client.send(request).await.map_err(|error| Failure::Transport(chain(&error)))
    }
}

fn is_broken_connection(chain: &str) -> bool {
    ["connection closed", "connection reset", "broken pipe", "end of file", "IncompleteMessage"]
        .iter()
        .any(|sign| chain.to_lowercase().contains(&sign.to_lowercase()))
}
