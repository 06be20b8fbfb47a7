//! From kubeconfig to a client, as kubectl finds it: `--kubeconfig`, else `$KUBECONFIG` (several files are merged), else
//! `~/.kube/config`, else the service account of the pod we run in.

use std::path::PathBuf;
use std::time::Duration;

use karp_core::report::Error;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};

use super::{ClusterOptions, exec, failure};

/// Time for a connection to come up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Time for one request where the user names none: a page of 500 pods takes a second on a busy server.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// A cluster that can be asked.
pub(super) struct Connection {
    /// The client.
    pub(super) client: kube::Client,
    /// What to call the cluster in messages.
    pub(super) target: Target,
    /// Namespace of the user.
    pub(super) namespace: String,
    /// Time for one request.
    pub(super) request_timeout: Option<Duration>,
}

/// What to call the cluster in messages, and how to reach it with kubectl.
#[derive(Debug, Clone, Default)]
pub(super) struct Target {
    /// Context of the kubeconfig; none within a pod.
    pub(super) context: Option<String>,
    /// Whether the user named the context: then commands to paste name it too.
    pub(super) is_context_named: bool,
    /// The kubeconfig that the user named.
    pub(super) kubeconfig: Option<PathBuf>,
    /// Address of the API server.
    pub(super) url: String,
    /// The exec plugin and its arguments.
    pub(super) plugin: Option<exec::Plugin>,
}

impl Target {
    /// ` (context prod)`, or nothing.
    pub(super) fn in_context(&self) -> String {
        self.context.as_ref().map_or_else(String::new, |context| format!(" (context {context})"))
    }

    /// `kubectl --context prod WORDS`.
    pub(super) fn kubectl(&self, words: &str) -> String {
        let file = self.kubeconfig.as_ref();
        let file = file.map_or_else(String::new, |file| format!("--kubeconfig {} ", file.display()));
        let context = self.context.as_ref().filter(|_| self.is_context_named);
        let context = context.map_or_else(String::new, |context| format!("--context {context} "));
        format!("kubectl {file}{context}{words}")
    }
}

impl Connection {
    /// Opens what the options name; runs an exec plugin at most once while its credential is valid.
    pub(super) async fn open(options: &ClusterOptions) -> Result<Self, Error> {
        // kube asks rustls for a process-wide default; a second call changes nothing.
        drop(rustls::crypto::ring::default_provider().install_default());
        let (mut config, mut target) = configure(options).await?;
        config.default_retry = false;
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        config.auth_info.impersonate = options.as_user.clone().or(config.auth_info.impersonate);
        if !options.as_groups.is_empty() {
            config.auth_info.impersonate_groups = Some(options.as_groups.clone());
        }
        target.url = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        if let Some(exec) = config.auth_info.exec.take() {
            let plugin = exec::Plugin::of(&exec);
            target.plugin = Some(plugin.clone());
            let credential =
                plugin.credential().await.map_err(|message| failure::not_logged_in(&target, &message))?;
            credential.apply(&mut config.auth_info);
        }
        let namespace = options.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let request_timeout = options.request_timeout.unwrap_or(Some(REQUEST_TIMEOUT));
        let client = kube::Client::try_from(config)
            .map_err(|error| failure::cannot_reach(&target, &failure::chain(&error)))?;
        Ok(Connection { client, target, namespace, request_timeout })
    }
}

async fn configure(options: &ClusterOptions) -> Result<(Config, Target), Error> {
    let Some(kubeconfig) = kubeconfig(options)? else {
        let config = Config::incluster().map_err(|_| no_cluster())?;
        return Ok((config, Target::default()));
    };
    let context = options.context.clone().or_else(|| kubeconfig.current_context.clone());
    let known: Vec<String> = kubeconfig.contexts.iter().map(|named| named.name.clone()).collect();
    let choice = KubeConfigOptions {
        context: options.context.clone(),
        cluster: options.cluster.clone(),
        user: options.user.clone(),
    };
    let target = Target {
        context,
        is_context_named: options.context.is_some(),
        kubeconfig: options.kubeconfig.clone(),
        ..Target::default()
    };
    match Config::from_custom_kubeconfig(kubeconfig, &choice).await {
        Ok(config) => Ok((config, target)),
        Err(error) => Err(cannot_configure(options, &known, &failure::chain(&error))),
    }
}

/// The user's kubeconfig; none where there is no such file and none was named.
pub(super) fn kubeconfig(options: &ClusterOptions) -> Result<Option<Kubeconfig>, Error> {
    let failed = |error: &dyn std::error::Error| {
        Error::usage("the kubeconfig cannot be read").cause(failure::chain(error)).hint("kubectl config view")
    };
    if let Some(path) = &options.kubeconfig {
        return Kubeconfig::read_from(path).map(Some).map_err(|error| failed(&error));
    }
    if let Some(kubeconfig) = Kubeconfig::from_env().map_err(|error| failed(&error))? {
        return Ok(Some(kubeconfig));
    }
    let home = std::env::home_dir().map(|home| home.join(".kube").join("config"));
    match home.filter(|path| path.exists()) {
        Some(path) => Kubeconfig::read_from(path).map(Some).map_err(|error| failed(&error)),
        None => Ok(None),
    }
}

fn cannot_configure(options: &ClusterOptions, known: &[String], cause: &str) -> Error {
    match &options.context {
        Some(context) if !known.contains(context) => {
            let nearest = known.iter().min_by_key(|name| strsim::osa_distance(name, context));
            let error = Error::not_found(format!("no context {context:?} in the kubeconfig"));
            nearest.map_or(no_contexts(error.kind), |name| error.hint(format!("did you mean {name}?")))
        }
        _ if known.is_empty() => no_cluster(),
        _ => Error::usage("the kubeconfig names no cluster to read")
            .cause(cause)
            .hint("kubectl config get-contexts"),
    }
}

fn no_contexts(kind: karp_core::report::ErrorKind) -> Error {
    Error::new(kind, "the kubeconfig has no contexts").hint("kubectl config get-contexts")
}

fn no_cluster() -> Error {
    Error::unreachable("no cluster: there is no kubeconfig")
        .hint("commands that only read take --from FILE, or --from example:workshop")
}

/// The namespace of the user's context, without asking the cluster; `default` where nothing says one.
///
/// # Errors
/// The kubeconfig cannot be read.
pub fn current_namespace(options: &ClusterOptions) -> Result<String, Error> {
    if let Some(namespace) = &options.namespace {
        return Ok(namespace.clone());
    }
    let found = kubeconfig(options)?.and_then(|kubeconfig| {
        let name = options.context.as_ref().or(kubeconfig.current_context.as_ref())?;
        let named = kubeconfig.contexts.iter().find(|named| named.name == *name)?;
        named.context.as_ref()?.namespace.clone()
    });
    Ok(found.filter(|name| !name.is_empty()).unwrap_or_else(|| "default".to_owned()))
}
