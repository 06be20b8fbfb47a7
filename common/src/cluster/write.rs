//! Requests that change something: cordon, evict, annotate, delete; and what the server's answers mean.
//!
//! A [`Request`] is a value that is tested as such; a [`Reply`] says what the caller must do next. Every request names
//! the uid it is meant for, so that nothing happens to another object of the same name. All writes carry the field
//! manager `kubectl-karp`.

use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use karp_core::report::Error;
use kube::client::Body;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::ClusterOptions;
use super::connection::Connection;
use super::failure::{Failure, chain};

/// Requests under way at the same time.
const CONCURRENT: usize = 8;

/// Objects per page, as kubectl.
const PAGE: u32 = 500;

/// One request that changes something.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// HTTP method.
    pub method: http::Method,
    /// Path with its query.
    pub path: String,
    /// Type of the body.
    pub content_type: &'static str,
    /// Body.
    pub body: Value,
}

/// What the server made of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// Done, or accepted: the object as it answered.
    Done(Value),
    /// 404.
    Gone,
    /// 409: the object changed, exists already, or is another one.
    Conflict(String),
    /// 429: not now.
    NotNow {
        /// `Retry-After`.
        retry_after_seconds: Option<i64>,
        /// The server's words: of a PDB the detail, which names it with its numbers.
        message: String,
        /// Whether a PDB says so, and not the server's own limits.
        by_pdb: bool,
    },
    /// 403, 422 and other words that will not change: not allowed, several PDBs, malformed.
    Never(String),
    /// Nobody knows: connection lost, time-out, 5xx.
    Unknown(String),
}

impl Request {
    fn new(
        method: http::Method,
        path: String,
        content_type: &'static str,
        body: Value,
        is_dry_run: bool,
    ) -> Self {
        let sign = if path.contains('?') { '&' } else { '?' };
        let dry_run = if is_dry_run { "&dryRun=All" } else { "" };
        let path = format!("{path}{sign}fieldManager=kubectl-karp{dry_run}");
        Self { method, path, content_type, body }
    }

    /// A JSON merge patch of the object behind a path.
    pub fn merge_patch(path: &str, body: Value, is_dry_run: bool) -> Self {
        Self::new(http::Method::PATCH, path.to_owned(), "application/merge-patch+json", body, is_dry_run)
    }

    /// A new object.
    pub fn create(path: &str, body: Value) -> Self {
        Self::new(http::Method::POST, path.to_owned(), "application/json", body, false)
    }

    /// The eviction of one pod, and of no other with its name.
    pub fn evict(
        namespace: &str,
        name: &str,
        uid: &str,
        grace_seconds: Option<i64>,
        is_dry_run: bool,
    ) -> Self {
        let body = json!({
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name, "namespace": namespace},
            "deleteOptions": delete_options(uid, grace_seconds, is_dry_run),
        });
        let path = format!("/api/v1/namespaces/{namespace}/pods/{name}/eviction");
        Self::new(http::Method::POST, path, "application/json", body, false)
    }

    /// The deletion of the object behind a path, and of no other with its name.
    pub fn delete(path: &str, uid: Option<&str>, grace_seconds: Option<i64>, is_dry_run: bool) -> Self {
        let mut body = delete_options(uid.unwrap_or_default(), grace_seconds, is_dry_run);
        if uid.is_none()
            && let Some(fields) = body.as_object_mut()
        {
            fields.remove("preconditions");
        }
        Self { method: http::Method::DELETE, path: path.to_owned(), content_type: "application/json", body }
    }
}

fn delete_options(uid: &str, grace_seconds: Option<i64>, is_dry_run: bool) -> Value {
    let mut options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}});
    if let Some(seconds) = grace_seconds {
        options["gracePeriodSeconds"] = json!(seconds);
    }
    if is_dry_run {
        options["dryRun"] = json!(["All"]);
    }
    options
}

/// What an answer means.
fn reply(code: u16, retry_after_seconds: Option<i64>, body: &Value) -> Reply {
    let message = body["message"].as_str().unwrap_or_default().to_owned();
    let causes = || body["details"]["causes"].as_array().into_iter().flatten();
    match code {
        200..=299 => Reply::Done(body.clone()),
        404 => Reply::Gone,
        409 => Reply::Conflict(message),
        429 => {
            let budget = causes().find(|cause| cause["reason"] == "DisruptionBudget");
            let detail = budget.and_then(|cause| cause["message"].as_str());
            Reply::NotNow {
                retry_after_seconds,
                message: detail.map_or(message, str::to_owned),
                by_pdb: budget.is_some(),
            }
        }
        // The namespace goes, and the pod with it.
        403 if causes().any(|cause| cause["reason"] == "NamespaceTerminating") => {
            Reply::NotNow { retry_after_seconds: Some(5), message, by_pdb: false }
        }
        500 if message.contains("more than one PodDisruptionBudget") => Reply::Never(message),
        400 | 401 | 403 | 405 | 410 | 422 => Reply::Never(message),
        _ => Reply::Unknown(format!("{code} {message}").trim_end().to_owned()),
    }
}

/// A cluster that is written to. Every call blocks until it is answered.
pub struct Writer {
    runtime: tokio::runtime::Runtime,
    connection: Connection,
    interrupts: tokio::sync::watch::Receiver<usize>,
    date: std::cell::Cell<Option<Timestamp>>,
    page: u32,
}

impl Writer {
    /// Opens a cluster. From here on Ctrl-C is counted instead of ending the process.
    ///
    /// # Errors
    /// The kubeconfig names no cluster, or its credentials cannot be had.
    pub fn open(options: &ClusterOptions) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::unreachable("cannot start talking to the cluster").cause(error))?;
        let connection = runtime.block_on(Connection::open(options))?;
        let (sender, interrupts) = tokio::sync::watch::channel(0);
        runtime.spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                sender.send_modify(|count| *count += 1);
            }
        });
        Ok(Self { runtime, connection, interrupts, date: std::cell::Cell::new(None), page: PAGE })
    }

    /// Lists in pages of so many objects; 0 = all at once.
    #[must_use]
    pub fn with_pages_of(self, page: u32) -> Self {
        Self { page, ..self }
    }

    /// How often Ctrl-C was pressed.
    pub fn interrupts(&self) -> usize {
        // The listening task runs only while something is awaited.
        self.runtime.block_on(tokio::task::yield_now());
        *self.interrupts.borrow()
    }

    /// The server's clock at its last answer.
    pub fn date(&self) -> Option<Timestamp> {
        self.date.get()
    }

    /// One object; none = 404.
    ///
    /// # Errors
    /// The cluster does not answer, or does not allow it.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Error> {
        self.read(path).map_err(|failure| failure.into_error(self, path))
    }

    /// A Ctrl-C ends it: a server that does not answer must not hold the user.
    fn read<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, ReadFailure> {
        let mut interrupts = self.interrupts.clone();
        interrupts.borrow_and_update();
        let answered = self.runtime.block_on(async {
            tokio::select! {
                answered = self.connection.get(path) => answered,
                Ok(()) = interrupts.changed() => Err(Failure::Transport("interrupted".to_owned())),
            }
        });
        match answered {
            Ok(answer) => {
                self.date.set(answer.date.or(self.date.get()));
                decode(path, &answer.body).map(Some).map_err(ReadFailure::Answer)
            }
            Err(Failure::Status(status)) if status.code == 404 => Ok(None),
            Err(failure) => Err(ReadFailure::Cluster(failure)),
        }
    }

    /// All objects of a list, page by page.
    ///
    /// # Errors
    /// The cluster does not answer, or does not allow it.
    pub fn list<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, Error> {
        self.listed(path).map_err(|failure| failure.into_error(self, path))
    }

    /// The same; none where it is not allowed.
    ///
    /// # Errors
    /// The cluster does not answer.
    pub fn list_if_allowed<T: DeserializeOwned>(&self, path: &str) -> Result<Option<Vec<T>>, Error> {
        match self.listed(path) {
            Ok(found) => Ok(Some(found)),
            Err(ReadFailure::Cluster(Failure::Status(status))) if status.code == 403 => Ok(None),
            Err(failure) => Err(failure.into_error(self, path)),
        }
    }

    fn listed<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, ReadFailure> {
        let sign = if path.contains('?') { '&' } else { '?' };
        let mut found = Vec::new();
        let mut token = String::new();
        loop {
            let page = match self.page {
                0 => path.to_owned(),
                page => format!("{path}{sign}limit={page}{token}"),
            };
            let list: Option<List<T>> = self.read(&page)?;
            let Some(list) = list else { return Ok(found) };
            found.extend(list.items);
            match list.metadata.continue_token.filter(|token| !token.is_empty()) {
                Some(next) => token = format!("&continue={next}"),
                None => return Ok(found),
            }
        }
    }

    /// Sends one request.
    pub fn send(&self, request: Request) -> Reply {
        self.runtime.block_on(self.sent(request))
    }

    /// Sends requests side by side; the answers come in the order of the requests.
    pub fn send_all(&self, requests: Vec<Request>) -> Vec<Reply> {
        let sent = futures::stream::iter(requests).map(|request| self.sent(request)).buffered(CONCURRENT);
        self.runtime.block_on(sent.collect())
    }

    /// Waits; a Ctrl-C ends the wait.
    pub fn sleep(&self, time: Duration) {
        let mut interrupts = self.interrupts.clone();
        interrupts.borrow_and_update();
        self.runtime.block_on(async {
            tokio::select! {
                () = tokio::time::sleep(time) => {}
                Ok(()) = interrupts.changed() => {}
            }
        });
    }

    /// A second Ctrl-C while a request is under way counts as a lost answer.
    async fn sent(&self, request: Request) -> Reply {
        let mut interrupts = self.interrupts.clone();
        tokio::select! {
            reply = self.exchange(request) => reply,
            Ok(_) = interrupts.wait_for(|count| *count > 1) => Reply::Unknown("interrupted".to_owned()),
        }
    }

    async fn exchange(&self, request: Request) -> Reply {
        let sending = async {
            let body = Body::from(request.body.to_string().into_bytes());
            let request = http::Request::builder()
                .method(request.method)
                .uri(&request.path)
                .header("accept", "application/json")
                .header("content-type", request.content_type)
                .body(body)
                .map_err(|error| chain(&error))?;
            let response = self.connection.client.send(request).await.map_err(|error| chain(&error))?;
            let (parts, body) = response.into_parts();
            let header = parts.headers.get("retry-after").and_then(|value| value.to_str().ok());
            let retry_after = header.and_then(|seconds| seconds.parse().ok());
            let body =
                http_body_util::BodyExt::collect(body).await.map_err(|error| chain(&error))?.to_bytes();
            let body = serde_json::from_slice(&body)
                .unwrap_or_else(|_| json!({"message": String::from_utf8_lossy(&body)}));
            Ok::<Reply, String>(reply(parts.status.as_u16(), retry_after, &body))
        };
        let answered = match self.connection.request_timeout {
            None => sending.await,
            Some(limit) => tokio::time::timeout(limit, sending)
                .await
                .unwrap_or_else(|_| Err(format!("no answer within {}s", limit.as_secs()))),
        };
        answered.unwrap_or_else(Reply::Unknown)
    }
}

/// Why something could not be read.
enum ReadFailure {
    /// The cluster does not answer, or refuses.
    Cluster(Failure),
    /// Its answer cannot be read.
    Answer(Error),
}

impl ReadFailure {
    fn into_error(self, writer: &Writer, path: &str) -> Error {
        match self {
            ReadFailure::Answer(error) => error,
            ReadFailure::Cluster(failure) => {
                let what = path.split('?').next().unwrap_or(path).rsplit('/').next().unwrap_or(path);
                failure.error(&writer.connection.target, what)
            }
        }
    }
}

/// One line from the terminal; none where Ctrl-C or the end of input comes first.
pub fn ask() -> Option<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let (sender, answer) = tokio::sync::oneshot::channel();
    // The thread stays in its read when Ctrl-C comes; it ends with the process.
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().read_line(&mut line);
        drop(sender.send(read.is_ok_and(|bytes| bytes > 0).then_some(line)));
    });
    runtime.block_on(async {
        tokio::select! {
            line = answer => line.ok().flatten(),
            _ = tokio::signal::ctrl_c() => None,
        }
    })
}

#[derive(serde::Deserialize)]
struct List<T> {
    #[serde(default)]
    metadata: ListMeta,
    items: Vec<T>,
}

#[derive(Default, serde::Deserialize)]
struct ListMeta {
    #[serde(rename = "continue")]
    continue_token: Option<String>,
}

fn decode<T: DeserializeOwned>(path: &str, body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body)
        .map_err(|error| Error::unreachable(format!("the answer to GET {path} cannot be read")).cause(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_eviction_is_for_one_pod() {
        let request = Request::evict("shop", "web-0", "u-1", Some(5), true);
        assert_eq!(request.path, "/api/v1/namespaces/shop/pods/web-0/eviction?fieldManager=kubectl-karp");
        assert_eq!(
            request.body["deleteOptions"],
            json!({"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": "u-1"},
                "gracePeriodSeconds": 5, "dryRun": ["All"]})
        );
        let request = Request::merge_patch("/api/v1/nodes/n", json!({}), true);
        assert_eq!(request.path, "/api/v1/nodes/n?fieldManager=kubectl-karp&dryRun=All");
    }

    #[test]
    fn answers_mean() {
        let pdb = json!({"message": "Cannot evict pod as it would violate the pod's disruption budget.",
            "details": {"causes": [{"reason": "DisruptionBudget", "message": "The disruption budget web needs 2 healthy pods and has 2 currently"}]}});
        let message = "The disruption budget web needs 2 healthy pods and has 2 currently".to_owned();
        assert_eq!(
            reply(429, None, &pdb),
            Reply::NotNow { retry_after_seconds: None, message, by_pdb: true }
        );
        let busy = json!({"message": "too many requests"});
        let message = "too many requests".to_owned();
        assert_eq!(
            reply(429, Some(3), &busy),
            Reply::NotNow { retry_after_seconds: Some(3), message, by_pdb: false }
        );
        let two = json!({"message": "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."});
        assert!(matches!(reply(500, None, &two), Reply::Never(_)));
        assert!(matches!(reply(500, None, &json!({"message": "etcd"})), Reply::Unknown(_)));
        assert!(matches!(reply(409, None, &json!({})), Reply::Conflict(_)));
        assert_eq!(reply(404, None, &json!({})), Reply::Gone);
        let going = json!({"message": "x", "details": {"causes": [{"reason": "NamespaceTerminating"}]}});
        assert!(matches!(reply(403, None, &going), Reply::NotNow { .. }));
        assert!(matches!(reply(403, None, &json!({"message": "forbidden"})), Reply::Never(_)));
    }
}
