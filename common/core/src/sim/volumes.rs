//! What the volumes of a pod demand: that their claims are usable, where the pod may run, and how many volumes a
//! node can still attach.
//!
//! Mirrors karpenter: pkg/controllers/provisioning/scheduling/volumetopology.go and pkg/scheduling/volumeusage.go.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;
use rustc_hash::FxHashMap;

use super::preferences::expression_requirement;
use crate::model::{
    LabelProfile, Objects, PersistentVolume, PersistentVolumeClaim, Pod, Requirement, Requirements,
    StorageClass, Volume, label_key,
};
use crate::provider::CloudProvider;

/// Volumes per CSI driver, as `namespace/name` of their claims.
pub(super) type Volumes = BTreeMap<CompactString, BTreeSet<CompactString>>;

/// In-tree plugins and the CSI drivers that took over from them (k8s.io/csi-translation-lib).
const IN_TREE: [(&str, &str); 7] = [
    ("kubernetes.io/aws-ebs", "ebs.csi.aws.com"),
    ("kubernetes.io/gce-pd", "pd.csi.storage.gke.io"),
    ("kubernetes.io/azure-disk", "disk.csi.azure.com"),
    ("kubernetes.io/azure-file", "file.csi.azure.com"),
    ("kubernetes.io/cinder", "cinder.csi.openstack.org"),
    ("kubernetes.io/vsphere-volume", "csi.vsphere.vmware.com"),
    ("kubernetes.io/portworx-volume", "pxd.portworx.com"),
];

/// Storage objects by name.
pub(super) struct Storage<'a> {
    claims: FxHashMap<(&'a str, &'a str), &'a PersistentVolumeClaim>,
    volumes: FxHashMap<&'a str, &'a PersistentVolume>,
    classes: FxHashMap<&'a str, &'a StorageClass>,
}

/// Why the volumes of a pod could not be looked up, in the controller's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LookupError(pub String);

impl<'a> Storage<'a> {
    pub(super) fn new(objects: &'a Objects) -> Self {
        Self {
            claims: objects
                .persistent_volume_claims
                .iter()
                .map(|claim| ((claim.metadata.namespace.as_str(), claim.metadata.name.as_str()), claim))
                .collect(),
            volumes: objects
                .persistent_volumes
                .iter()
                .map(|volume| (volume.metadata.name.as_str(), volume))
                .collect(),
            classes: objects
                .storage_classes
                .iter()
                .map(|class| (class.metadata.name.as_str(), class))
                .collect(),
        }
    }

    fn claim(&self, pod: &Pod, name: &str) -> Option<&'a PersistentVolumeClaim> {
        self.claims.get(&(pod.metadata.namespace.as_str(), name)).copied()
    }

    fn missing_claim(name: &str) -> String {
        format!(
            "getting persistent volume claim, persistentvolumeclaims \"{name}\" not found (PersistentVolumeClaim={name})"
        )
    }

    /// The first thing wrong with the claims of a pod, in order of its volumes.
    pub(super) fn validate(&self, pod: &Pod, provider: &dyn CloudProvider) -> Result<(), String> {
        for volume in &pod.spec.volumes {
            let Some(name) = claim_name(pod, volume) else { continue };
            let claim = self.claim(pod, &name).ok_or_else(|| Self::missing_claim(&name))?;
            self.validate_claim(claim, provider)?;
        }
        Ok(())
    }

    fn validate_claim(
        &self,
        claim: &PersistentVolumeClaim,
        provider: &dyn CloudProvider,
    ) -> Result<(), String> {
        let key = claim.metadata.key();
        let volume_name = &claim.spec.volume_name;
        let class_name = claim.spec.storage_class_name.as_deref().unwrap_or_default();
        if claim.metadata.is_deleting() {
            return Err(format!("persistentvolumeclaim is being deleted (PersistentVolumeClaim={key})"));
        }
        if claim.status.phase == "Lost" {
            return Err(format!(
                "persistentvolumeclaim bound to non-existent persistentvolume (PersistentVolume={volume_name}, PersistentVolumeClaim={key})"
            ));
        }
        if !volume_name.is_empty() {
            let about = format!(
                "(PersistentVolume={volume_name}, PersistentVolumeClaim={key}, StorageClass={class_name})"
            );
            match self.volumes.get(volume_name.as_str()) {
                None => {
                    return Err(format!(
                        "failed to validate pvc, persistentvolumes \"{volume_name}\" not found {about}"
                    ));
                }
                Some(volume) if volume.metadata.is_deleting() => {
                    return Err(format!("failed to validate pvc, persistentvolume is being deleted {about}"));
                }
                Some(_) => {}
            }
            const BOUND: &str = "pv.kubernetes.io/bind-completed";
            if claim.metadata.annotations.get(BOUND).is_none() {
                return Err(format!(
                    "pvc is considered unbound because it does not contain annotation (PersistentVolume={volume_name}, PersistentVolumeClaim={}, annotation={BOUND})",
                    claim.metadata.name
                ));
            }
        } else {
            self.validate_class(&key, class_name, provider)?;
        }
        let driver = self.driver(claim).unwrap_or_default();
        if provider.unsupported_provisioners().contains(&driver) {
            return Err(format!(
                "failed to validate pvc, provisioner is not supported (PersistentVolumeClaim={key}, Provisioner={driver}, StorageClass={class_name})"
            ));
        }
        Ok(())
    }

    fn validate_class(&self, key: &str, name: &str, provider: &dyn CloudProvider) -> Result<(), String> {
        let about = format!("PersistentVolumeClaim={key}, StorageClass={name}");
        if name.is_empty() {
            return Err(format!("unbound pvc must define a storage class ({about})"));
        }
        let Some(class) = self.classes.get(name) else {
            return Err(format!(
                "failed to validate pvc, failed to get storage class, storageclasses.storage.k8s.io \"{name}\" not found ({about})"
            ));
        };
        if class.volume_binding_mode.as_deref() == Some("Immediate") {
            return Err(format!(
                "failed to validate pvc, pvc with immediate volume binding mode must be bound ({about})"
            ));
        }
        let expressions = class.allowed_topologies.iter().flat_map(|term| &term.match_label_expressions);
        for expression in expressions {
            if provider.unsupported_topology_keys().contains(&expression.key) {
                return Err(format!(
                    "failed to validate pvc, storage class uses unsupported topology key ({about}, TopologyKey={})",
                    expression.key
                ));
            }
        }
        Ok(())
    }

    /// Driver of a claim; empty = none that is tracked.
    fn driver(&self, claim: &PersistentVolumeClaim) -> Result<CompactString, LookupError> {
        let volume_name = &claim.spec.volume_name;
        if !volume_name.is_empty() {
            let Some(volume) = self.volumes.get(volume_name.as_str()) else {
                return Err(LookupError(format!("persistentvolumes \"{volume_name}\" not found")));
            };
            return Ok(match (&volume.spec.csi, &volume.spec.aws_elastic_block_store) {
                (Some(csi), _) => csi.driver.clone(),
                (None, Some(_)) => "ebs.csi.aws.com".into(),
                (None, None) => CompactString::default(),
            });
        }
        let class = claim.spec.storage_class_name.as_deref().and_then(|name| self.classes.get(name));
        Ok(class.map_or_else(CompactString::default, |class| {
            let provisioner = class.provisioner.as_str();
            let translated = IN_TREE.iter().find(|(old, _)| *old == provisioner).map(|(_, new)| *new);
            translated.unwrap_or(provisioner).into()
        }))
    }

    /// The tracked volumes of a pod. Claims that do not exist are left out.
    pub(super) fn volumes(&self, pod: &Pod) -> Result<Volumes, LookupError> {
        let mut volumes = Volumes::new();
        for volume in &pod.spec.volumes {
            let claim = claim_name(pod, volume).and_then(|name| self.claim(pod, &name));
            let Some(claim) = claim else { continue };
            let driver = self.driver(claim)?;
            if !driver.is_empty() {
                volumes.entry(driver).or_default().insert(claim.metadata.key().into());
            }
        }
        Ok(volumes)
    }

    /// Where the volumes of a pod allow it to run, as alternatives; none = anywhere.
    pub(super) fn alternatives(
        &self,
        pod: &Pod,
        profile: &LabelProfile,
    ) -> Result<Vec<Requirements>, LookupError> {
        let mut alternatives: Option<Vec<Requirements>> = None;
        for volume in &pod.spec.volumes {
            let Some(name) = claim_name(pod, volume) else { continue };
            let claim = self.claim(pod, &name).ok_or_else(|| LookupError(Self::missing_claim(&name)))?;
            let of_volume = self.claim_alternatives(claim, profile)?;
            if !of_volume.is_empty() {
                alternatives = Some(match alternatives {
                    None => of_volume,
                    Some(so_far) => merged(&so_far, &of_volume),
                });
            }
        }
        Ok(alternatives.unwrap_or_default())
    }

    fn claim_alternatives(
        &self,
        claim: &PersistentVolumeClaim,
        profile: &LabelProfile,
    ) -> Result<Vec<Requirements>, LookupError> {
        let volume_name = &claim.spec.volume_name;
        if !volume_name.is_empty() {
            let volume = self
                .volumes
                .get(volume_name.as_str())
                .ok_or_else(|| LookupError(format!("persistentvolumes \"{volume_name}\" not found")))?;
            return Ok(volume_alternatives(volume, profile));
        }
        let Some(name) = claim.spec.storage_class_name.as_deref().filter(|name| !name.is_empty()) else {
            return Ok(Vec::new());
        };
        let class = self
            .classes
            .get(name)
            .ok_or_else(|| LookupError(format!("storageclasses.storage.k8s.io \"{name}\" not found")))?;
        let terms = class.allowed_topologies.iter().filter(|term| !term.match_label_expressions.is_empty());
        Ok(terms
            .map(|term| {
                let expressions = term.match_label_expressions.iter();
                expressions
                    .map(|expression| {
                        let key = profile.normalize(&expression.key);
                        let values =
                            expression.values.iter().map(|value| profile.normalize_value(key, value));
                        Requirement::allow(key, values)
                    })
                    .collect()
            })
            .collect())
    }
}

/// One alternative per term. Disks of one node lose their host name: the pod moves without its data anyway.
fn volume_alternatives(volume: &PersistentVolume, profile: &LabelProfile) -> Vec<Requirements> {
    let required = volume.spec.node_affinity.as_ref().and_then(|affinity| affinity.required.as_ref());
    let moves = volume.spec.local.is_some() || volume.spec.host_path.is_some();
    let terms = required.into_iter().flat_map(|selector| &selector.node_selector_terms);
    terms
        .filter(|term| !term.match_expressions.is_empty())
        .map(|term| {
            let kept = term
                .match_expressions
                .iter()
                .filter(|expression| !(moves && expression.key == label_key::HOSTNAME));
            kept.map(|expression| expression_requirement(expression, profile)).collect()
        })
        .collect()
}

/// Cross product; combinations that contradict each other go, unless all do.
fn merged(existing: &[Requirements], more: &[Requirements]) -> Vec<Requirements> {
    let product = |only_compatible: bool| -> Vec<Requirements> {
        existing
            .iter()
            .flat_map(|first| more.iter().map(move |second| (first, second)))
            .filter(|(first, second)| !only_compatible || first.intersects(second).is_ok())
            .map(|(first, second)| {
                let mut both = first.clone();
                both.add_all(second);
                both
            })
            .collect()
    };
    let compatible = product(true);
    if compatible.is_empty() { product(false) } else { compatible }
}

/// Name of the claim behind a volume.
fn claim_name(pod: &Pod, volume: &Volume) -> Option<CompactString> {
    match (&volume.persistent_volume_claim, &volume.ephemeral) {
        (Some(source), _) => Some(source.claim_name.clone()),
        (None, Some(_)) => Some(format!("{}-{}", pod.metadata.name, volume.name).into()),
        (None, None) => None,
    }
}

/// Adds volumes to those already there.
pub(super) fn extend(volumes: &mut Volumes, more: &Volumes) {
    for (driver, claims) in more {
        volumes.entry(driver.clone()).or_default().extend(claims.iter().cloned());
    }
}

/// How many volumes of a driver there would be.
pub(super) fn count_with(used: &Volumes, more: &Volumes, driver: &str) -> usize {
    match (used.get(driver), more.get(driver)) {
        (Some(used), Some(more)) => used.union(more).count(),
        (Some(one), None) | (None, Some(one)) => one.len(),
        (None, None) => 0,
    }
}
