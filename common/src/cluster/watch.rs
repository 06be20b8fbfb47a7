//! Waiting for a change: watches on the kinds that a schedule depends on, ended by the first event.

use std::time::Duration;

use futures::{FutureExt, StreamExt};
use http_body_util::BodyExt;
use karp_core::report::Error;
use serde::Deserialize;

use super::connection::Connection;
use super::failure::Failure;

/// What is watched: plural and path.
const WATCHED: [(&str, &str); 4] = [
    ("pods", "/api/v1/pods"),
    ("nodes", "/api/v1/nodes"),
    ("nodepools", "/apis/karpenter.sh/v1/nodepools"),
    ("nodeclaims", "/apis/karpenter.sh/v1/nodeclaims"),
];

/// Changes come in bursts: the rest of one is awaited.
const SETTLE: Duration = Duration::from_secs(1);

/// Waits for the first change of any watched kind, at most `longest`. Kinds that may not be watched are left out.
pub(super) async fn any_change(connection: &Connection, longest: Duration) -> Result<(), Error> {
    let mut watches = futures::stream::FuturesUnordered::new();
    for (plural, path) in WATCHED {
        watches.push(first_event(connection, plural, path).boxed_local());
    }
    let first = async {
        while let Some(result) = watches.next().await {
            match result {
                Ok(true) => return Ok(()),
                // This kind cannot be watched; the others still can.
                Ok(false) => {}
                Err(error) => return Err(error),
            }
        }
        // Nothing can be watched: the caller looks again when the time is over.
        futures::future::pending().await
    };
    match tokio::time::timeout(longest, first).await {
        Ok(result) => {
            result?;
            tokio::time::sleep(SETTLE).await;
            Ok(())
        }
        Err(_) => Ok(()),
    }
}

/// Whether a change was seen; false where the kind cannot be watched.
async fn first_event(connection: &Connection, plural: &str, path: &str) -> Result<bool, Error> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct List {
        metadata: ListMeta,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct ListMeta {
        resource_version: String,
    }
    let answer = match connection.get(&format!("{path}?limit=1")).await {
        Ok(answer) => answer,
        Err(Failure::Status(status)) if matches!(status.code, 403 | 404) => return Ok(false),
        Err(failure) => return Err(failure.error(&connection.target, plural)),
    };
    let List { metadata } = serde_json::from_slice(&answer.body).unwrap_or_default();
    let watch = format!("{path}?watch=1&resourceVersion={}", metadata.resource_version);
    let response =
        connection.start(&watch).await.map_err(|failure| failure.error(&connection.target, plural))?;
    if !response.status().is_success() {
        return Ok(false);
    }
    let mut body = response.into_body();
    // The first bytes are an event: bookmarks were not asked for. The end of the stream is a reason to look, too.
    loop {
        match body.frame().await {
            Some(Ok(frame)) if frame.data_ref().is_some_and(|data| !data.is_empty()) => return Ok(true),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return Ok(true),
        }
    }
}
