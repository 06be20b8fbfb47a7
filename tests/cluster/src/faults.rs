//! A proxy in front of the API server that loses requests, loses answers, refuses and delays, by a seeded script.
//!
//! It speaks plain HTTP/1.1 with whoever it is for, one request per connection, and asks the real server as the
//! administrator. A fault is chosen per request; reads are faulted more rarely than writes.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use http_body_util::BodyExt;
use kube::client::Body;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::control_plane::ControlPlane;

/// Longest head of a request.
const HEAD_LIMIT: usize = 64 * 1024;

/// What is done to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The connection ends before the server hears of it.
    Drop,
    /// The server does it, the answer is lost.
    ResetAfterWrite,
    /// 429 with Retry-After.
    TooMany,
    /// 500.
    Internal,
    /// 409, without the server hearing of it.
    Conflict,
    /// It takes a while.
    Slow,
    /// The connection ends in the middle of the answer.
    Cut,
    /// 410: the list that is read in pages has expired.
    Gone,
}

/// What is played on pages of lists in turn; besides, a list of more than one page expires once.
const ON_PAGES: [Fault; 4] = [Fault::Cut, Fault::TooMany, Fault::Internal, Fault::Drop];

/// A running proxy. Dropping it ends it.
pub struct Faults {
    address: String,
    folder: PathBuf,
    enabled: Arc<AtomicBool>,
    counts: Arc<Mutex<std::collections::BTreeMap<Fault, u64>>>,
    paths: Arc<Mutex<Vec<String>>>,
    server: JoinHandle<()>,
}

impl Faults {
    /// Starts a proxy whose faults follow from the seed.
    ///
    /// # Errors
    /// No port can be had.
    pub fn start(plane: &ControlPlane, seed: u64) -> Result<Self> {
        Self::start_with(plane, seed, None)
    }

    /// Starts a proxy that faults every page of every list, each once and one kind of fault after the other. A page
    /// that has expired is asked for again from the beginning of its list, which passes.
    ///
    /// # Errors
    /// No port can be had.
    pub fn on_every_list(plane: &ControlPlane) -> Result<Self> {
        Self::start_with(plane, 0, Some(Arc::default()))
    }

    fn start_with(plane: &ControlPlane, seed: u64, lists: Option<Pages>) -> Result<Self> {
        let listener = plane.run(TcpListener::bind("127.0.0.1:0"))?;
        let address = format!("http://{}", listener.local_addr()?);
        let enabled = Arc::new(AtomicBool::new(true));
        let counts = Arc::new(Mutex::new(std::collections::BTreeMap::new()));
        let paths = Arc::new(Mutex::new(Vec::new()));
        let shared = Shared {
            client: plane.client(),
            dice: Arc::new(AtomicU64::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)),
            enabled: Arc::clone(&enabled),
            counts: Arc::clone(&counts),
            paths: Arc::clone(&paths),
            lists,
        };
        let server = plane.spawn_task(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = shared.clone();
                tokio::spawn(async move { drop(shared.serve(stream).await) });
            }
        });
        Ok(Self { address, folder: plane.folder().to_owned(), enabled, counts, paths, server })
    }

    /// Lets everything through, or not.
    pub fn enable(&self, on: bool) {
        self.enabled.store(on, Ordering::Relaxed);
    }

    /// How often each fault was played.
    #[must_use]
    pub fn counts(&self) -> std::collections::BTreeMap<Fault, u64> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was asked for, in order, with what stands behind the question mark.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        self.paths.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A kubeconfig that leads through the proxy.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn kubeconfig(&self) -> Result<PathBuf> {
        let file = self.folder.join("faults.kubeconfig");
        let text = serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "faults",
            "clusters": [{"name": "faults", "cluster": {"server": self.address}}],
            "users": [{"name": "faults", "user": {}}],
            "contexts": [{"name": "faults", "context": {"cluster": "faults", "user": "faults"}}],
        });
        write(&file, &text.to_string())?;
        Ok(file)
    }
}

impl Drop for Faults {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn write(file: &Path, text: &str) -> Result<()> {
    std::fs::write(file, text).with_context(|| file.display().to_string())
}

/// The pages that were asked for already: path with what names the page in order, not by its token.
type Pages = Arc<Mutex<std::collections::BTreeSet<String>>>;

#[derive(Clone)]
struct Shared {
    client: kube::Client,
    dice: Arc<AtomicU64>,
    enabled: Arc<AtomicBool>,
    counts: Arc<Mutex<std::collections::BTreeMap<Fault, u64>>>,
    paths: Arc<Mutex<Vec<String>>>,
    /// Set where pages of lists are faulted in turn.
    lists: Option<Pages>,
}

/// A request as it came.
struct Received {
    method: String,
    path: String,
    content_type: Option<String>,
    body: Vec<u8>,
}

impl Shared {
    fn roll(&self, sides: u64) -> u64 {
        let step = |mut state: u64| {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            Some(state)
        };
        let state = self.dice.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).unwrap_or(1);
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % sides
    }

    fn fault(&self, method: &str, path: &str) -> Option<Fault> {
        if let Some(pages) = &self.lists {
            return self.fault_of_page(pages, path);
        }
        let rarity = if method == "GET" { 25 } else { 4 };
        if !self.enabled.load(Ordering::Relaxed) || self.roll(rarity) != 0 {
            return None;
        }
        let fault = match self.roll(6) {
            0 => Fault::Drop,
            1 if method != "GET" => Fault::ResetAfterWrite,
            2 => Fault::TooMany,
            3 => Fault::Internal,
            4 if method != "GET" => Fault::Conflict,
            _ => Fault::Slow,
        };
        self.count(fault);
        Some(fault)
    }

    fn count(&self, fault: Fault) {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner).entry(fault).or_default() += 1;
    }

    /// The next fault for a page that is asked for the first time. Only a page behind the first can expire.
    fn fault_of_page(&self, pages: &Pages, path: &str) -> Option<Fault> {
        if !self.enabled.load(Ordering::Relaxed) || !path.contains("limit=") {
            return None;
        }
        let (list, token) =
            path.split_once("&continue=").map_or((path, None), |(list, token)| (list, Some(token)));
        let mut pages = pages.lock().unwrap_or_else(PoisonError::into_inner);
        // Tokens differ from read to read: a list expires once.
        let is_later = token.is_some();
        if is_later && pages.insert(format!("{list} expires")) {
            self.count(Fault::Gone);
            return Some(Fault::Gone);
        }
        if !pages.insert(path.to_owned()) {
            return None;
        }
        let turn = self.dice.fetch_add(1, Ordering::Relaxed) % ON_PAGES.len() as u64;
        let fault = ON_PAGES[usize::try_from(turn).unwrap_or_default()];
        self.count(fault);
        Some(fault)
    }

    async fn serve(&self, mut stream: TcpStream) -> Result<()> {
        let request = receive(&mut stream).await?;
        self.paths.lock().unwrap_or_else(PoisonError::into_inner).push(request.path.clone());
        let fault = self.fault(&request.method, &request.path);
        let refusal = |code: u16, reason: &str| {
            serde_json::json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
                "reason": reason, "message": format!("played by the fault proxy: {reason}")})
            .to_string()
        };
        match fault {
            Some(Fault::Drop) => return Ok(()),
            Some(Fault::TooMany) => {
                let body = refusal(429, "TooManyRequests");
                return respond(&mut stream, 429, "retry-after: 1\r\n", body.as_bytes()).await;
            }
            Some(Fault::Internal) => {
                return respond(&mut stream, 500, "", refusal(500, "InternalError").as_bytes()).await;
            }
            Some(Fault::Gone) => {
                return respond(&mut stream, 410, "", refusal(410, "Expired").as_bytes()).await;
            }
            Some(Fault::Conflict) => {
                return respond(&mut stream, 409, "", refusal(409, "Conflict").as_bytes()).await;
            }
            Some(Fault::Slow) => tokio::time::sleep(Duration::from_millis(200 + 100 * self.roll(10))).await,
            Some(Fault::ResetAfterWrite | Fault::Cut) | None => {}
        }
        let mut builder = http::Request::builder().method(request.method.as_str()).uri(&request.path);
        builder = builder.header("accept", "application/json");
        if let Some(content_type) = &request.content_type {
            builder = builder.header("content-type", content_type);
        }
        let response = self.client.send(builder.body(Body::from(request.body))?).await?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        if fault == Some(Fault::ResetAfterWrite) {
            return Ok(());
        }
        let mut head = String::new();
        for name in ["content-type", "date", "retry-after"] {
            if let Some(value) = parts.headers.get(name).and_then(|value| value.to_str().ok()) {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        if fault == Some(Fault::Cut) {
            return cut(&mut stream, &head, &body).await;
        }
        respond(&mut stream, parts.status.as_u16(), &head, &body).await
    }
}

async fn receive(stream: &mut TcpStream) -> Result<Received> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if bytes.len() > HEAD_LIMIT || stream.read_buf(&mut bytes).await? == 0 {
            bail!("no request");
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let header = |name: &str| {
        head.lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .find_map(|(key, value)| key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned()))
    };
    let length = header("content-length").map_or(Ok(0), |length| length.parse::<usize>())?;
    let mut body = bytes[end + 4..].to_vec();
    while body.len() < length {
        if stream.read_buf(&mut body).await? == 0 {
            bail!("half a request");
        }
    }
    Ok(Received {
        method: method.to_owned(),
        path: path.to_owned(),
        content_type: header("content-type"),
        body,
    })
}

/// Half an answer.
async fn cut(stream: &mut TcpStream, head: &str, body: &[u8]) -> Result<()> {
    let first =
        format!("HTTP/1.1 200 OK\r\n{head}connection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(first.as_bytes()).await?;
    stream.write_all(&body[..body.len() / 2]).await?;
    stream.shutdown().await?;
    Ok(())
}

async fn respond(stream: &mut TcpStream, status: u16, head: &str, body: &[u8]) -> Result<()> {
    let first =
        format!("HTTP/1.1 {status} X\r\n{head}connection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(first.as_bytes()).await?;
    stream.write_all(body).await?;
    stream.shutdown().await?;
    Ok(())
}
