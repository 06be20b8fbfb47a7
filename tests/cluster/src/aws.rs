//! The EC2 double: moto and our layer in front of it (`aws/server.py`), with one account laid out for
//! an EKS cluster. It belongs to a control plane only for its folder and its end.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::control_plane::ControlPlane;
use crate::process::Process;
use crate::{ports, python, wait};

const SERVER: &str = include_str!("../aws/server.py");
const FIXTURE: &str = include_str!("../aws/fixture.py");
const ACCOUNT: &str = include_str!("../aws/account.py");
const INSTANCES: &str = include_str!("../aws/instances.py");
const REQUIREMENTS: &str = include_str!("../aws/requirements.txt");

/// The one region with data; moto's zone ids of others contradict each other.
pub const REGION: &str = "us-west-2";

/// A running EC2, SSM, EKS, IAM and Pricing API.
pub struct AwsApi {
    process: Process,
    port: u16,
    python: PathBuf,
    folder: PathBuf,
}

impl AwsApi {
    /// Starts it; `prices` is a file as `aws/fixture.py` describes it, invented prices without one.
    ///
    /// # Errors
    /// Python is missing, the packages cannot be installed, or the server does not start.
    pub fn start(plane: &ControlPlane, prices: Option<&Path>) -> Result<Self> {
        let python = python::environment(REQUIREMENTS)?;
        let folder = plane.folder().join("aws");
        fs::create_dir_all(&folder)?;
        for (name, text) in [
            ("server.py", SERVER),
            ("fixture.py", FIXTURE),
            ("account.py", ACCOUNT),
            ("instances.py", INSTANCES),
        ] {
            fs::write(folder.join(name), text)?;
        }
        let mut fixture = Command::new(&python);
        fixture.arg(folder.join("fixture.py")).arg(&folder).args(prices);
        script(fixture)?;

        let port = ports::free()?;
        let mut server = Command::new(&python);
        server.arg(folder.join("server.py")).args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        for (variable, file) in [
            ("KARP_SSM", "ssm.json"),
            ("KARP_SPOT", "spot.json"),
            ("KARP_PRICES", "prices.json"),
            ("MOTO_AMIS_PATH", "amis.json"),
        ] {
            server.env(variable, folder.join(file));
        }
        let mut api = Self { process: plane.process("aws-api", server)?, port, python, folder };
        wait::until("the AWS API to listen", Duration::from_secs(60), || {
            api.process.check()?;
            Ok(TcpStream::connect(("127.0.0.1", port)).ok())
        })?;
        Ok(api)
    }

    /// Lays out the account for a cluster: what `aws/account.py` prints.
    ///
    /// # Errors
    /// When a call is refused.
    pub fn create_account(&self, cluster: &str, kubernetes_version: &str) -> Result<Value> {
        self.script("account.py", &[cluster, kubernetes_version])
    }

    /// Launches instances in the account: what `aws/instances.py` prints.
    ///
    /// # Errors
    /// When a call is refused.
    pub fn create_instances(&self, cluster: &str, count: usize) -> Result<Value> {
        self.script("instances.py", &[cluster, &count.to_string()])
    }

    /// Where it listens: `http://127.0.0.1:1234`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn script(&self, name: &str, arguments: &[&str]) -> Result<Value> {
        let mut command = Command::new(&self.python);
        command.arg(self.folder.join(name)).args(arguments).envs(self.environment());
        Ok(serde_json::from_str(&script(command)?)?)
    }

    /// What an AWS client needs in its environment to talk to this server and to nothing else.
    #[must_use]
    pub fn environment(&self) -> BTreeMap<String, String> {
        [
            ("AWS_ENDPOINT_URL", self.url()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }

    /// One of the control calls that `aws/server.py` describes (`ssm`, `eks`, `fail`, `page`, `policies`, `instances`, `calls`).
    ///
    /// # Errors
    /// When the server does not answer with success.
    pub fn control(&self, call: &str, body: &Value) -> Result<Value> {
        let body = body.to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        write!(
            stream,
            "PUT /karp-api/{call} HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("the AWS API answered without a body")?;
        ensure!(
            head.lines().next().is_some_and(|line| line.contains(" 200 ")),
            "the AWS API answered: {head}"
        );
        Ok(serde_json::from_str(body)?)
    }
}

/// Runs a script to its end and returns what it printed.
fn script(mut command: Command) -> Result<String> {
    let output = command.output().context("cannot run python")?;
    if !output.status.success() {
        bail!(
            "a script of the AWS API failed ({}):\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
