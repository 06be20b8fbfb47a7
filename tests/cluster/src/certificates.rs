//! One certificate authority per control plane, and what it signs. Keys are ECDSA P-256 (also the pair
//! for service accounts), all made at the start and thrown away with the folder.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};

/// A certificate and its key, as PEM files.
#[derive(Clone, Debug)]
pub struct Pair {
    /// Certificate, PEM.
    pub certificate: PathBuf,
    /// Private key, PEM.
    pub key: PathBuf,
}

/// The authority, and the folder where everything it signs is written.
pub struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
    certificate: PathBuf,
}

impl Authority {
    /// Makes a new authority in `folder`.
    ///
    /// # Errors
    /// When a key cannot be made or a file not written.
    pub fn create(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = name("kubectl-karp test authority", None);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let certificate = folder.join("ca.crt");
        fs::write(&certificate, params.self_signed(&key)?.pem())?;
        Ok(Self { folder: folder.to_owned(), issuer: Issuer::new(params, key), certificate })
    }

    /// The authority's own certificate, PEM.
    #[must_use]
    pub fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// A server certificate for the given names and addresses.
    ///
    /// # Errors
    /// When a name is not valid, a key cannot be made or a file not written.
    pub fn server(&self, file: &str, names: &[&str]) -> Result<Pair> {
        let mut params =
            CertificateParams::new(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())?;
        params.distinguished_name = name(file, None);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(file, params)
    }

    /// A client certificate: user name and group as Kubernetes reads them (CN and O). One group at
    /// most, since rcgen keeps one value for each part of a name.
    ///
    /// # Errors
    /// When a key cannot be made or a file not written.
    pub fn client(&self, file: &str, user: &str, group: Option<&str>) -> Result<Pair> {
        let mut params = CertificateParams::default();
        params.distinguished_name = name(user, group);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(file, params)
    }

    /// A bare key pair for signing service account tokens: `certificate` is the public key.
    ///
    /// # Errors
    /// When the key cannot be made or a file not written.
    pub fn service_account_keys(&self) -> Result<Pair> {
        let key = KeyPair::generate()?;
        let pair = Pair { certificate: self.folder.join("sa.pub"), key: self.folder.join("sa.key") };
        fs::write(&pair.certificate, key.public_key_pem())?;
        fs::write(&pair.key, key.serialize_pem())?;
        Ok(pair)
    }

    fn sign(&self, file: &str, mut params: CertificateParams) -> Result<Pair> {
        // rustls refuses version 1 certificates; an explicit extension makes version 3.
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate()?;
        let pair = Pair {
            certificate: self.folder.join(format!("{file}.crt")),
            key: self.folder.join(format!("{file}.key")),
        };
        fs::write(&pair.certificate, params.signed_by(&key, &self.issuer)?.pem())?;
        fs::write(&pair.key, key.serialize_pem())?;
        Ok(pair)
    }
}

fn name(common: &str, organization: Option<&str>) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    if let Some(organization) = organization {
        name.push(DnType::OrganizationName, organization);
    }
    name
}
