//! The real AWS provider beside the EC2 double: EC2NodeClass, instance types, AMIs, prices and drift are
//! the provider's own code; instances become KWOK nodes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use serde_json::{Value, json};

use crate::aws::AwsApi;
use crate::control_plane::ControlPlane;
use crate::karpenter::{Karpenter, install_crds};
use crate::servers::KarpenterServer;

/// How the AWS provider is set up.
#[derive(Clone, Debug)]
pub struct KarpenterAwsOptions {
    /// Name of the cluster in EKS, in tags and in role names.
    pub cluster: String,
    /// Version of the EKS control plane, by which AMIs are chosen: `1.36`.
    pub kubernetes_version: String,
    /// On-demand prices (see `aws/fixture.py`); invented without them.
    pub prices: Option<PathBuf>,
    /// More environment variables of the controller.
    pub environment: BTreeMap<String, String>,
}

impl Default for KarpenterAwsOptions {
    fn default() -> Self {
        Self {
            cluster: "workshop".to_owned(),
            kubernetes_version: "1.36".to_owned(),
            prices: None,
            environment: BTreeMap::new(),
        }
    }
}

/// A running AWS provider with its EC2 double. Both end when it is dropped.
///
/// It watches the same kinds as [`Karpenter`] and starts only where no node of another KWOK provider
/// exists: one of the two for each control plane.
pub struct KarpenterAws {
    /// The controller.
    pub karpenter: Karpenter,
    /// The EC2 double.
    pub api: AwsApi,
    /// What the account holds: see `aws/account.py`.
    pub account: Value,
    cluster: String,
    environment: BTreeMap<String, String>,
    server: KarpenterServer,
}

impl KarpenterAws {
    /// Starts the EC2 double, lays out the account, installs the CRDs, starts the controller.
    ///
    /// # Errors
    /// Go or Python is missing, a server does not start, or a call is refused.
    pub fn start(plane: &ControlPlane, options: &KarpenterAwsOptions) -> Result<Self> {
        let server = KarpenterServer::aws()?;
        let api = AwsApi::start(plane, options.prices.as_deref())?;
        let account = api.create_account(&options.cluster, &options.kubernetes_version)?;
        install_crds(plane, &server.crds)?;
        let mut environment = api.environment();
        for (name, value) in [
            ("CLUSTER_NAME", options.cluster.as_str()),
            ("CLUSTER_ENDPOINT", plane.address()),
            ("EKS_CONTROL_PLANE", "true"),
            // The double answers dry runs as if they had been meant.
            ("DISABLE_DRY_RUN", "true"),
            // moto has no capacity reservations.
            ("FEATURE_GATES", "ReservedCapacity=false"),
        ] {
            environment.insert(name.to_owned(), value.to_owned());
        }
        environment.extend(options.environment.clone());
        let karpenter = Karpenter::start_server(plane, &server, "karpenter-aws", environment.clone())?;
        Ok(Self { karpenter, api, account, cluster: options.cluster.clone(), environment, server })
    }

    /// Ends the controller and starts it again: its SSM cache lives a day, so this is how a moved SSM
    /// parameter is seen at once.
    ///
    /// # Errors
    /// When it does not start.
    pub fn restart(&mut self, plane: &ControlPlane) -> Result<()> {
        self.karpenter.stop();
        self.karpenter =
            Karpenter::start_server(plane, &self.server, "karpenter-aws", self.environment.clone())?;
        Ok(())
    }

    /// An EC2NodeClass that finds this account's subnets, security groups and AL2023 images.
    #[must_use]
    pub fn node_class(&self, name: &str) -> Value {
        let discovery = json!([{"tags": {"karpenter.sh/discovery": self.cluster}}]);
        json!({
            "apiVersion": "karpenter.k8s.aws/v1",
            "kind": "EC2NodeClass",
            "metadata": {"name": name},
            "spec": {
                "role": format!("KarpenterNodeRole-{}", self.cluster),
                "amiSelectorTerms": [{"alias": "al2023@latest"}],
                "subnetSelectorTerms": discovery,
                "securityGroupSelectorTerms": discovery,
            },
        })
    }
}
