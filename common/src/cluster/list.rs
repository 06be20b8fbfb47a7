//! All kinds that rules look at, listed side by side in pages, each page decoded as it comes.

use std::cell::RefCell;
use std::io::Cursor;

use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use karp_core::model::{CLUSTER_SCOPED, Gap, KINDS, WORKLOAD_KINDS};
use karp_core::report::Error;
use serde::Deserialize;

use super::Live;
use super::connection::Connection;
use super::failure::{Failure, Status, not_logged_in};
use super::request::Answer;
use crate::decode::{ControllerDeployment, Counts, Decoder};

/// Objects per page.
const PAGE: usize = 500;

/// Lists that are read at the same time.
const CONCURRENT: usize = 8;

/// Kinds that many clusters do not have: their absence means that there are none.
const OPTIONAL: [&str; 4] = ["nodeoverlays", "capacitybuffers", "ec2nodeclasses", "nodeclaims"];

/// Where the cluster's CA is published.
const ROOT_CA: &str = "/api/v1/namespaces/kube-system/configmaps/kube-root-ca.crt";

/// One list to read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    plural: String,
    /// `/api/v1`, `/apis/apps/v1`.
    base: String,
    namespaced: bool,
}

impl Target {
    fn new(group: &str, version: &str, plural: &str) -> Self {
        let base =
            if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
        Target { plural: plural.to_owned(), base, namespaced: !CLUSTER_SCOPED.contains(&plural) }
    }

    fn path(&self, namespace: Option<&str>, continue_token: Option<&str>) -> String {
        let within = namespace.map_or_else(String::new, |name| format!("/namespaces/{name}"));
        let token = continue_token.map_or_else(String::new, |token| format!("&continue={token}"));
        format!("{}{within}/{}?limit={PAGE}{token}", self.base, self.plural)
    }
}

/// How one list went.
enum Outcome {
    Read,
    Absent,
    Refused(String),
    /// Only the user's own namespace could be read.
    OwnNamespace(String),
}

/// What all lists share.
struct Reader<'r, 'p> {
    connection: &'r Connection,
    decoder: RefCell<Decoder<'p>>,
    date: RefCell<Option<Timestamp>>,
}

/// Reads everything.
pub(super) async fn read_all(
    connection: &Connection,
    progress: &mut dyn FnMut(&Counts),
) -> Result<Live, Error> {
    let reader =
        Reader { connection, decoder: RefCell::new(Decoder::new(progress)), date: RefCell::default() };
    let server_version = reader.server_version().await?;
    let targets = KINDS.iter().chain(WORKLOAD_KINDS).map(|known| Target::new(known.0, known.1, known.3));
    let mut outcomes = reader.read_lists(targets.collect()).await?;
    let foreign = reader.foreign_node_classes().await?;
    outcomes.extend(reader.read_lists(foreign).await?);
    reader.root_ca().await?;

    if outcomes.iter().all(|(_, outcome)| !matches!(outcome, Outcome::Read | Outcome::OwnNamespace(_))) {
        return Err(nothing_readable(connection, &outcomes));
    }
    let date = reader.date.take();
    let mut decoded = reader.decoder.into_inner().finish();
    // A list that went on after it had expired may hold an object twice; the later one is right.
    decoded.warnings.clear();
    for (target, outcome) in outcomes {
        let plural = target.plural.as_str();
        let reason = match outcome {
            Outcome::Read => continue,
            Outcome::Absent if OPTIONAL.contains(&plural) => continue,
            Outcome::Absent => format!("this cluster has no {plural}"),
            Outcome::Refused(reason) => reason,
            Outcome::OwnNamespace(reason) => reason,
        };
        decoded.gaps.push(Gap { kind: plural.into(), reason });
    }
    decoded.gaps.sort_by(|a, b| a.kind.cmp(&b.kind));
    Ok(Live { decoded, taken_at: date, server_version: Some(server_version) })
}

/// Deployments labelled as Karpenter's.
pub(super) async fn controllers(connection: &Connection) -> Result<Vec<ControllerDeployment>, Error> {
    const PATH: &str = "/apis/apps/v1/deployments?labelSelector=app.kubernetes.io%2Fname%3Dkarpenter";
    let answer =
        connection.get(PATH).await.map_err(|failure| failure.error(&connection.target, "deployments"))?;
    let mut quiet = |_: &Counts| {};
    let mut decoder = Decoder::new(&mut quiet);
    decoder.read_stream("deployments of the API server", Box::new(Cursor::new(answer.body)))?;
    Ok(decoder.finish().controllers)
}

impl Reader<'_, '_> {
    /// The first question: whether the server is there and knows us.
    async fn server_version(&self) -> Result<String, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Version {
            git_version: String,
        }
        let answer = self.ask("/version", "its version").await?;
        let version: Result<Version, _> = serde_json::from_slice(&answer.body);
        version.map(|version| version.git_version).map_err(|error| {
            let target = &self.connection.target;
            Error::unreachable(format!("{} is no Kubernetes API server", target.url)).cause(error)
        })
    }

    async fn ask(&self, path: &str, what: &str) -> Result<Answer, Error> {
        self.get(path).await.map_err(|failure| failure.error(&self.connection.target, what))
    }

    async fn get(&self, path: &str) -> Result<Answer, Failure> {
        let answer = self.connection.get(path).await?;
        let mut date = self.date.borrow_mut();
        *date = (*date).max(answer.date);
        Ok(answer)
    }

    async fn read_lists(&self, targets: Vec<Target>) -> Result<Vec<(Target, Outcome)>, Error> {
        futures::stream::iter(targets)
            .map(|target| async move { self.read_list(&target).await.map(|outcome| (target, outcome)) })
            .buffer_unordered(CONCURRENT)
            .try_collect()
            .await
    }

    async fn read_list(&self, target: &Target) -> Result<Outcome, Error> {
        let failure = match self.pages(target, None).await? {
            Ok(()) => return Ok(Outcome::Read),
            Err(failure) => failure,
        };
        match failure {
            Failure::Status(Status { code: 404, .. }) => Ok(Outcome::Absent),
            Failure::Status(status) if status.code == 403 => {
                let own = &self.connection.namespace;
                if target.namespaced && matches!(self.pages(target, Some(own)).await?, Ok(())) {
                    let reason = format!("{} outside namespace {own}", status.forbidden());
                    return Ok(Outcome::OwnNamespace(reason));
                }
                Ok(Outcome::Refused(status.forbidden()))
            }
            failure => Err(failure.error(&self.connection.target, &target.plural)),
        }
    }

    /// All pages of a list. The outer error is an object that cannot be understood.
    async fn pages(&self, target: &Target, namespace: Option<&str>) -> Result<Result<(), Failure>, Error> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Page {
            metadata: PageMeta,
        }
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct PageMeta {
            #[serde(rename = "continue")]
            continue_token: Option<String>,
        }
        let mut token: Option<String> = None;
        loop {
            let answer = match self.get(&target.path(namespace, token.as_deref())).await {
                Ok(answer) => answer,
                // The list has expired: the server offers a token to go on with newer objects, else begin again.
                Err(Failure::Status(status)) if status.code == 410 && token.is_some() => {
                    token = status.metadata.continue_token.filter(|token| !token.is_empty());
                    continue;
                }
                Err(failure) => return Ok(Err(failure)),
            };
            let page: Page = serde_json::from_slice(&answer.body).unwrap_or_default();
            let name = format!("{} of the API server", target.plural);
            self.decoder.borrow_mut().read_stream(&name, Box::new(Cursor::new(answer.body)))?;
            match page.metadata.continue_token.filter(|token| !token.is_empty()) {
                Some(next) => token = Some(next),
                None => return Ok(Ok(())),
            }
        }
    }

    /// NodeClasses of other providers that NodePools refer to, found by discovery.
    async fn foreign_node_classes(&self) -> Result<Vec<Target>, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Group {
            preferred_version: GroupVersion,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct GroupVersion {
            group_version: String,
        }
        #[derive(Deserialize)]
        struct Resources {
            resources: Vec<Resource>,
        }
        #[derive(Deserialize)]
        struct Resource {
            name: String,
            kind: String,
            namespaced: bool,
        }
        let mut targets = Vec::new();
        let references = self.decoder.borrow().node_class_kinds();
        for (group, kind) in references {
            // What cannot be discovered is said by the NodePools that are not Ready.
            let Ok(answer) = self.get(&format!("/apis/{group}")).await else { continue };
            let Ok(found) = serde_json::from_slice::<Group>(&answer.body) else { continue };
            let base = format!("/apis/{}", found.preferred_version.group_version);
            let Ok(answer) = self.get(&base).await else { continue };
            let Ok(found) = serde_json::from_slice::<Resources>(&answer.body) else { continue };
            let resource = found
                .resources
                .into_iter()
                .find(|resource| resource.kind == kind && !resource.name.contains('/'));
            targets.extend(resource.map(|resource| Target {
                plural: resource.name,
                base,
                namespaced: resource.namespaced,
            }));
        }
        Ok(targets)
    }

    /// The CA certificate is part of an EC2NodeClass's hash; without it drift says so.
    async fn root_ca(&self) -> Result<(), Error> {
        if let Ok(answer) = self.get(ROOT_CA).await {
            let name = "kube-root-ca.crt of the API server";
            self.decoder.borrow_mut().read_stream(name, Box::new(Cursor::new(answer.body)))?;
        }
        Ok(())
    }
}

/// Nothing at all may be read.
fn nothing_readable(connection: &Connection, outcomes: &[(Target, Outcome)]) -> Error {
    let reason = outcomes.iter().find_map(|(_, outcome)| match outcome {
        Outcome::Refused(reason) => Some(reason.as_str()),
        _ => None,
    });
    let reason = reason.unwrap_or("no kind is served");
    if reason.ends_with("system:anonymous") {
        return not_logged_in(&connection.target, "the API server takes us for system:anonymous");
    }
    Error::unreachable(format!("not allowed to read anything{}", connection.target.in_context()))
        .cause(reason)
        .hint("what to grant: docs/rbac-reader.yaml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_lists() {
        let pods = Target::new("", "v1", "pods");
        assert_eq!(pods.path(None, None), "/api/v1/pods?limit=500");
        assert_eq!(
            pods.path(Some("shop"), Some("abc")),
            "/api/v1/namespaces/shop/pods?limit=500&continue=abc"
        );
        let pools = Target::new("karpenter.sh", "v1", "nodepools");
        assert_eq!(pools.path(None, None), "/apis/karpenter.sh/v1/nodepools?limit=500");
        assert!(pods.namespaced && !pools.namespaced);
    }
}
