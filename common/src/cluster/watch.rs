//! Waiting for a change: watches on the kinds that a schedule depends on, ended by the first event.
//!
//! The place in history from which to watch is noted before the cluster is read ([`mark`]), so that a change between
//! reading and waiting is not missed.

use std::time::Duration;

use futures::{FutureExt, StreamExt};
use http_body_util::BodyExt;
use karp_core::report::Error;
use serde::Deserialize;

use super::connection::Connection;
use super::failure::{Failure, Status};

/// What is watched: plural and path.
const WATCHED: [(&str, &str); 8] = [
    ("pods", "/api/v1/pods"),
    ("nodes", "/api/v1/nodes"),
    ("persistentvolumeclaims", "/api/v1/persistentvolumeclaims"),
    ("daemonsets", "/apis/apps/v1/daemonsets"),
    ("poddisruptionbudgets", "/apis/policy/v1/poddisruptionbudgets"),
    ("nodepools", "/apis/karpenter.sh/v1/nodepools"),
    ("nodeclaims", "/apis/karpenter.sh/v1/nodeclaims"),
    ("ec2nodeclasses", "/apis/karpenter.k8s.aws/v1/ec2nodeclasses"),
];

/// A place in the history of each watched kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mark {
    /// Plural, path and resource version.
    kinds: Vec<(&'static str, &'static str, String)>,
}

/// The place now. Kinds that may not be listed are left out.
pub(super) async fn mark(connection: &Connection) -> Result<Mark, Error> {
    let places = WATCHED.map(|(plural, path)| place(connection, plural, path));
    let places = futures::future::try_join_all(places).await?;
    Ok(Mark { kinds: places.into_iter().flatten().collect() })
}

async fn place(
    connection: &Connection,
    plural: &'static str,
    path: &'static str,
) -> Result<Option<(&'static str, &'static str, String)>, Error> {
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
        Err(Failure::Status(Status { code: 403 | 404, .. })) => return Ok(None),
        Err(failure) => return Err(failure.error(&connection.target, plural)),
    };
    let List { metadata } = serde_json::from_slice(&answer.body).unwrap_or_default();
    Ok(Some((plural, path, metadata.resource_version)))
}

/// Waits for the first change of any watched kind, at most `longest`.
pub(super) async fn any_change(
    connection: &Connection,
    mark: &Mark,
    longest: Duration,
    settle: Duration,
) -> Result<(), Error> {
    let mut watches = futures::stream::FuturesUnordered::new();
    for (plural, path, version) in &mark.kinds {
        watches.push(first_event(connection, plural, path, version).boxed_local());
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
    if let Ok(result) = tokio::time::timeout(longest, first).await {
        result?;
        tokio::time::sleep(settle).await;
    }
    Ok(())
}

/// Whether a change was seen; false where the kind cannot be watched.
async fn first_event(
    connection: &Connection,
    plural: &str,
    path: &str,
    version: &str,
) -> Result<bool, Error> {
    let watch = format!("{path}?watch=1&resourceVersion={version}");
    let response =
        connection.start(&watch).await.map_err(|failure| failure.error(&connection.target, plural))?;
    if !response.status().is_success() {
        // Too old a place is a reason to look; whoever may list and not watch looks when the time is over.
        return Ok(response.status() == http::StatusCode::GONE);
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
