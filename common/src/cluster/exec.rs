//! Exec plugins: programs that yield credentials, such as `aws eks get-token`.
//!
//! The client library runs a plugin three times for each client; a login that takes a second would be paid three
//! times at every start. So it is run here, once for as long as its credential is valid, and only its result is given
//! to the client.
//! <https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins>

use std::io::IsTerminal;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use jiff::Timestamp;
use kube::config::{AuthInfo, ExecConfig, ExecInteractiveMode};
use serde::Deserialize;
use serde_json::json;

/// A plugin as the kubeconfig names it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plugin {
    command: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    api_version: String,
    interactive: bool,
    install_hint: Option<String>,
    cluster: Option<serde_json::Value>,
}

/// Credentials of this process, by plugin: whoever watches a cluster opens it again and again.
static VALID: Mutex<Vec<(Plugin, Credential)>> = Mutex::new(Vec::new());

/// What a credential must be valid for to be used again.
const LEFT: Duration = Duration::from_secs(60);

/// What a plugin yields.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Credential {
    expiration_timestamp: Option<Timestamp>,
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

#[derive(Deserialize)]
struct ExecCredential {
    status: Option<Credential>,
}

impl Plugin {
    /// The plugin of a kubeconfig.
    pub(super) fn of(exec: &ExecConfig) -> Self {
        let environment = exec
            .env
            .iter()
            .flatten()
            .filter_map(|variable| Some((variable.get("name")?.clone(), variable.get("value")?.clone())));
        let may_interact = !matches!(exec.interactive_mode, Some(ExecInteractiveMode::Never));
        Plugin {
            command: exec.command.clone().unwrap_or_default(),
            arguments: exec.args.clone().unwrap_or_default(),
            environment: environment.collect(),
            api_version: exec
                .api_version
                .clone()
                .unwrap_or_else(|| "client.authentication.k8s.io/v1beta1".to_owned()),
            interactive: may_interact && std::io::stdin().is_terminal(),
            install_hint: exec.install_hint.clone(),
            cluster: exec.cluster.as_ref().and_then(|cluster| serde_json::to_value(cluster).ok()),
        }
    }

    /// Its name without folders.
    pub(super) fn name(&self) -> &str {
        self.command.rsplit(['/', '\\']).next().unwrap_or(&self.command)
    }

    /// What its own environment or arguments say a name is: `--profile prod`, `AWS_PROFILE`.
    pub(super) fn profile(&self) -> Option<&str> {
        let mut arguments = self.arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.strip_prefix("--profile") {
                Some("") => return arguments.next().map(String::as_str),
                Some(value) if value.starts_with('=') => return Some(&value[1..]),
                _ => {}
            }
        }
        self.environment.iter().find(|(name, _)| name == "AWS_PROFILE").map(|(_, value)| value.as_str())
    }

    /// The credential: what it yielded before, as long as that is valid, else what it yields now.
    ///
    /// The error is one line that names the plugin.
    pub(super) async fn credential(&self) -> Result<Credential, String> {
        let valid = |credential: &Credential| {
            credential.expiration_timestamp.is_none_or(|end| end > Timestamp::now() + LEFT)
        };
        let known = || VALID.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = known().iter().find(|(plugin, kept)| plugin == self && valid(kept)).cloned();
        if let Some((_, credential)) = kept {
            return Ok(credential);
        }
        let fresh = self.run().await?;
        let mut known = known();
        known.retain(|(plugin, _)| plugin != self);
        known.push((self.clone(), fresh.clone()));
        Ok(fresh)
    }

    /// Runs it.
    pub(super) async fn run(&self) -> Result<Credential, String> {
        let name = self.name();
        let information = json!({
            "kind": "ExecCredential",
            "apiVersion": self.api_version,
            "spec": {"interactive": self.interactive, "cluster": self.cluster},
        });
        let mut command = std::process::Command::new(&self.command);
        command
            .args(&self.arguments)
            .envs(self.environment.iter().cloned())
            .env("KUBERNETES_EXEC_INFO", information.to_string())
            .stdin(if self.interactive { Stdio::inherit() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let run = tokio::task::spawn_blocking(move || command.output());
        let output = match run.await {
            Ok(Ok(output)) => output,
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
                let hint = self
                    .install_hint
                    .as_deref()
                    .map_or_else(String::new, |hint| format!(": {}", hint.trim()));
                return Err(format!("exec plugin {name} is not installed{hint}"));
            }
            Ok(Err(error)) => return Err(format!("exec plugin {name}: {error}")),
            Err(error) => return Err(format!("exec plugin {name}: {error}")),
        };
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            let last = stderr.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("no message");
            return Err(format!("exec plugin {name}: {last}"));
        }
        let stdout = String::from_utf8_lossy(&output.stdout);
        let json = || crate::decode::yaml_to_json(&stdout).ok();
        let parsed: Option<ExecCredential> = serde_json::from_str(&stdout)
            .ok()
            .or_else(|| json().and_then(|json| serde_json::from_str(&json).ok()));
        let credential = parsed.and_then(|parsed| parsed.status);
        credential.ok_or_else(|| format!("exec plugin {name}: its answer is no ExecCredential with a status"))
    }
}

impl Credential {
    /// Puts the credential into the client's settings.
    pub(super) fn apply(self, auth: &mut AuthInfo) {
        let encode = |pem: String| base64::engine::general_purpose::STANDARD.encode(pem);
        // By way of JSON: the fields are secrets of a crate that is not ours.
        let fresh = serde_json::from_value::<AuthInfo>(json!({
            "token": self.token,
            "client-certificate-data": self.client_certificate_data.map(encode),
            "client-key-data": self.client_key_data.map(encode),
        }));
        if let Ok(fresh) = fresh {
            auth.token = fresh.token.or(auth.token.take());
            auth.client_certificate_data =
                fresh.client_certificate_data.or(auth.client_certificate_data.take());
            auth.client_key_data = fresh.client_key_data.or(auth.client_key_data.take());
        }
    }
}
