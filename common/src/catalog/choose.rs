//! From a snapshot and the flags to the provider that the simulator asks.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use compact_str::CompactString;
use jiff::Timestamp;
use karp_core::model::{Catalog, InstanceType, LabelProfile, NodeClassReference, NodePool, Snapshot};
use karp_core::provider::aws::{AwsProvider, ProviderFacts};
use karp_core::provider::{
    CloudProvider, InstanceTypesError, KwokProvider, ProviderKind, UnknownProvider, select_provider,
};
use karp_core::report::Error;

use super::{
    CatalogError, InstanceTypesFile, cached, catalog_folder, embedded, load_instance_types, program_folders,
    refresh,
};
use crate::cli::CatalogFlags;
use crate::term::Out;

/// What the user said about instance types, and where to look for cached ones.
#[derive(Debug, Clone)]
pub struct ProviderOptions {
    /// File that the user named.
    pub instance_types: Option<PathBuf>,
    /// Region that the user named.
    pub region: Option<CompactString>,
    /// Folder of the cache; none = no cache.
    pub cache: Option<PathBuf>,
    /// The clock, for the age of the cache.
    pub now: Timestamp,
    /// What is known of the AWS account besides.
    pub facts: ProviderFacts,
}

impl ProviderOptions {
    /// Nothing said, no cache.
    pub fn at(now: Timestamp) -> Self {
        Self { instance_types: None, region: None, cache: None, now, facts: ProviderFacts::default() }
    }
}

/// What the flags say, and this user's cache; with `--live-prices` the cache is filled first.
///
/// # Errors
/// `--live-prices` where there is nothing to refresh, or the refresh fails.
pub fn provider_options(
    snapshot: &Snapshot,
    flags: &CatalogFlags,
    out: &mut Out<'_>,
) -> Result<ProviderOptions, Error> {
    let options = ProviderOptions {
        instance_types: flags.instance_types.clone(),
        region: flags.region.as_deref().map(Into::into),
        cache: out.cache.as_deref().map(catalog_folder),
        ..ProviderOptions::at(out.now())
    };
    if flags.live_prices {
        if options.instance_types.is_some() {
            return Err(Error::usage("--live-prices and --instance-types exclude each other"));
        }
        let selection = select_provider(snapshot);
        if selection.kind != Some(ProviderKind::Aws) {
            return Err(Error::usage("--live-prices: no NodePool of this cluster is for AWS"));
        }
        let region = options.region.clone().or(selection.region.map(|found| found.region));
        let region = region.ok_or_else(unknown_region)?;
        out.progress(&format!("reading instance types and prices of {region} from EC2"));
        let refreshed = refresh(&region, &program_folders());
        out.progress_done();
        refreshed?;
    }
    Ok(options)
}

fn unknown_region() -> Error {
    Error::usage("the region is not known: no node, subnet or NodePool tells it")
        .hint("name it: --region us-west-2")
}

/// The provider of a cluster.
#[derive(Debug, Clone)]
pub enum Provider {
    /// AWS.
    Aws(Box<AwsProvider>),
    /// KWOK, or a file in its form.
    Kwok(Box<KwokProvider>),
    /// One whose instance types are not known.
    Unknown(UnknownProvider),
}

/// A provider and what there is to say about it.
#[derive(Debug, Clone)]
pub struct ChosenProvider {
    /// The provider.
    pub provider: Provider,
    /// What the foot line `prices:` says; none where there are no prices.
    pub prices: Option<String>,
    /// What else is worth a line: contradictions, kinds that are not modelled, cache files that are not used.
    pub notes: Vec<String>,
}

/// Chooses provider, region and data for a snapshot.
///
/// # Errors
/// When the file the user named is wrong, or the region is not known or has no data.
pub fn choose_provider(snapshot: &Snapshot, options: &ProviderOptions) -> Result<ChosenProvider, Error> {
    let selection = select_provider(snapshot);
    let mut notes = selection.notes;
    if let Some(path) = &options.instance_types {
        return match load_instance_types(path).map_err(file_error)? {
            InstanceTypesFile::Catalog(catalog) => Ok(aws(snapshot, *catalog, options, notes)),
            InstanceTypesFile::Kwok(kwok) => {
                // The user's word stands for the NodePools there are, whatever their NodeClass.
                let mut kwok = *kwok;
                for (name, _) in &selection.node_classes {
                    if let Some((group, kind)) = name.split_once('/') {
                        kwok = kwok.serving(group, kind);
                    }
                }
                let prices = Some(format!("as in {}", path.display()));
                Ok(ChosenProvider { provider: Provider::Kwok(Box::new(kwok)), prices, notes })
            }
        };
    }
    match selection.kind {
        Some(ProviderKind::Aws) => {
            let region = options.region.clone().or(selection.region.map(|found| found.region));
            let region = region.ok_or_else(unknown_region)?;
            let catalog = regional(&region, options.cache.as_deref(), options.now, &mut notes)?;
            Ok(aws(snapshot, catalog, options, notes))
        }
        kind => {
            let what = match kind {
                Some(ProviderKind::Kwok) => "the KWOK provider's list is not part of the cluster; name it: \
                                             --instance-types instance_types.json"
                    .to_owned(),
                Some(kind) => format!("{} is not modelled", kind.name()),
                None => "no NodePool and no NodeClass".to_owned(),
            };
            if kind == Some(ProviderKind::Kwok) {
                notes.push(what.clone());
            }
            let provider = Provider::Unknown(UnknownProvider::new(what));
            Ok(ChosenProvider { provider, prices: None, notes })
        }
    }
}

fn aws(
    snapshot: &Snapshot,
    catalog: Catalog,
    options: &ProviderOptions,
    notes: Vec<String>,
) -> ChosenProvider {
    let prices = Some(catalog.prices_text(options.now));
    let provider = AwsProvider::new(snapshot, Arc::new(catalog), &options.facts);
    ChosenProvider { provider: Provider::Aws(Box::new(provider)), prices, notes }
}

/// The fresh cache of a region, else the embedded data, else an old cache; what is worth a line goes to `notes`.
///
/// # Errors
/// When there is neither.
pub fn regional(
    region: &str,
    cache: Option<&Path>,
    now: Timestamp,
    notes: &mut Vec<String>,
) -> Result<Catalog, Error> {
    let (cache, unreadable) = cache.map(|folder| cached(folder, region)).unwrap_or_default();
    notes.extend(unreadable);
    let (fresh, old) = match cache {
        Some(cache) if cache.is_fresh(now) => (Some(cache), None),
        other => (None, other),
    };
    if let Some(cache) = fresh {
        return Ok(cache.catalog);
    }
    match (embedded(region), old) {
        (Ok(catalog), old) => {
            if let Some(old) = old {
                let day = old.read_at.strftime("%Y-%m-%d");
                notes.push(format!(
                    "the catalog read from EC2 on {day} is too old: kubectl karp catalog refresh"
                ));
            }
            Ok(catalog)
        }
        (Err(_), Some(old)) => {
            let day = old.read_at.strftime("%Y-%m-%d");
            notes.push(format!("the catalog read from EC2 on {day} is old: kubectl karp catalog refresh"));
            Ok(old.catalog)
        }
        (Err(error), None) => Err(Error::usage(error.to_string())
            .hint(format!("read it from EC2: kubectl karp catalog refresh --region {region}"))
            .hint("or name another: --region us-west-2")),
    }
}

fn file_error(error: CatalogError) -> Error {
    Error::usage(error.to_string()).hint(
        "--instance-types takes our catalog or the KWOK provider's instance_types.json, .gz and .zst too",
    )
}

impl Provider {
    /// The AWS provider, where it is that.
    pub fn as_aws(&self) -> Option<&AwsProvider> {
        match self {
            Provider::Aws(aws) => Some(aws),
            Provider::Kwok(_) | Provider::Unknown(_) => None,
        }
    }

    fn inner(&self) -> &dyn CloudProvider {
        match self {
            Provider::Aws(aws) => aws.as_ref(),
            Provider::Kwok(kwok) => kwok.as_ref(),
            Provider::Unknown(unknown) => unknown,
        }
    }
}

impl CloudProvider for Provider {
    fn labels(&self) -> &LabelProfile {
        self.inner().labels()
    }

    fn supports_node_class(&self, reference: &NodeClassReference) -> bool {
        self.inner().supports_node_class(reference)
    }

    fn instance_types(&self, node_pool: &NodePool) -> Result<Arc<[InstanceType]>, InstanceTypesError> {
        self.inner().instance_types(node_pool)
    }

    fn unsupported_provisioners(&self) -> &BTreeSet<CompactString> {
        self.inner().unsupported_provisioners()
    }

    fn unsupported_topology_keys(&self) -> &BTreeSet<CompactString> {
        self.inner().unsupported_topology_keys()
    }
}

#[cfg(test)]
mod tests {
    use karp_core::model::{CatalogOrigin, Ec2NodeClass};

    use super::super::store;
    use super::*;

    fn now() -> Timestamp {
        "2026-11-25T13:00:00Z".parse().unwrap()
    }

    fn aws_cluster() -> Snapshot {
        let mut snapshot = Snapshot::empty(now());
        let mut class = Ec2NodeClass::default();
        class.metadata.name = "default".into();
        class.status.subnets = vec![karp_core::model::Subnet {
            id: "subnet-1".into(),
            zone: "us-west-2a".into(),
            zone_id: Some("usw2-az2".into()),
        }];
        snapshot.objects.ec2_node_classes = vec![class];
        snapshot.objects.node_pools = vec![pool()];
        snapshot
    }

    fn pool() -> NodePool {
        let mut pool = NodePool::default();
        pool.spec.template.spec.node_class_ref = NodeClassReference {
            group: "karpenter.k8s.aws".into(),
            kind: "EC2NodeClass".into(),
            name: "default".into(),
        };
        pool
    }

    #[test]
    fn the_embedded_data_of_the_region_is_taken() {
        let chosen = choose_provider(&aws_cluster(), &ProviderOptions::at(now())).unwrap();
        insta::assert_snapshot!(chosen.prices.unwrap(), @"on-demand list us-east-1 2026-07-20 (embedded); spot not known here, so <= its on-demand price");
        let types = chosen.provider.instance_types(&pool()).unwrap();
        assert!(types.iter().any(|each| each.name == "m5.large"));
        assert_eq!(chosen.notes, Vec::<String>::new());
    }

    #[test]
    fn a_fresh_cache_wins_and_an_old_one_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let mut catalog = embedded("us-west-2").unwrap();
        catalog.origin =
            CatalogOrigin::Live { account: "1".into(), read_at: "2026-11-25T11:00:00Z".parse().unwrap() };
        store(folder.path(), &catalog).unwrap();
        let mut options = ProviderOptions::at(now());
        options.cache = Some(folder.path().to_owned());
        let chosen = choose_provider(&aws_cluster(), &options).unwrap();
        assert!(matches!(chosen.provider.as_aws().unwrap().catalog().origin, CatalogOrigin::Live { .. }));
        options.now = "2026-11-29T13:00:00Z".parse().unwrap();
        let chosen = choose_provider(&aws_cluster(), &options).unwrap();
        assert_eq!(chosen.provider.as_aws().unwrap().catalog().origin, CatalogOrigin::Embedded);
        insta::assert_snapshot!(chosen.notes.join("\n"), @"the catalog read from EC2 on 2026-11-25 is too old: kubectl karp catalog refresh");
    }

    #[test]
    fn a_region_nobody_tells_is_asked_for() {
        let mut snapshot = aws_cluster();
        snapshot.objects.ec2_node_classes.clear();
        let error = choose_provider(&snapshot, &ProviderOptions::at(now())).unwrap_err();
        insta::assert_snapshot!(error, @r"
        error: the region is not known: no node, subnet or NodePool tells it
        hint: name it: --region us-west-2
        ");
        let mut options = ProviderOptions::at(now());
        options.region = Some("mars-1".into());
        let error = choose_provider(&snapshot, &options).unwrap_err().to_string();
        assert!(
            error.contains("hint: read it from EC2: kubectl karp catalog refresh --region mars-1"),
            "{error}"
        );
    }

    #[test]
    fn a_provider_that_is_not_modelled_says_so_for_each_node_pool() {
        let mut snapshot = Snapshot::empty(now());
        let mut pool = pool();
        pool.spec.template.spec.node_class_ref.group = "eks.amazonaws.com".into();
        pool.spec.template.spec.node_class_ref.kind = "NodeClass".into();
        snapshot.objects.node_pools = vec![pool.clone()];
        let chosen = choose_provider(&snapshot, &ProviderOptions::at(now())).unwrap();
        assert!(chosen.provider.supports_node_class(&pool.spec.template.spec.node_class_ref));
        let error = chosen.provider.instance_types(&pool).unwrap_err().to_string();
        assert_eq!(error, "no instance types known: EKS Auto Mode is not modelled");
    }
}
