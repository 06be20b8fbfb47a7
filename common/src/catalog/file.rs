//! Catalogs in files: our own form, or the KWOK provider's `instance_types.json`; packed or not.

use std::path::Path;

use karp_core::model::{Catalog, from_json};
use karp_core::provider::KwokProvider;

use super::CatalogError;

/// Instance types from a file.
#[derive(Debug, Clone)]
pub enum InstanceTypesFile {
    /// Our own form: raw EC2 data with offerings and prices.
    Catalog(Box<Catalog>),
    /// The KWOK provider's `instance_types.json`.
    Kwok(Box<KwokProvider>),
}

/// Reads a file of instance types: our own form, or the KWOK provider's list; packed or not.
///
/// # Errors
/// The file, and the field that is wrong where there is one.
pub fn load_instance_types(path: &Path) -> Result<InstanceTypesFile, CatalogError> {
    let error = |message: String| CatalogError::File { path: path.to_owned(), message };
    let bytes = std::fs::read(path).map_err(|cause| error(cause.to_string()))?;
    let json = unpack(bytes).map_err(|cause| error(format!("cannot be unpacked: {cause}")))?;
    match json.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'[') => {
            let kwok = KwokProvider::parse(&json);
            let kwok = kwok.map_err(|source| CatalogError::Kwok { path: path.to_owned(), source })?;
            Ok(InstanceTypesFile::Kwok(Box::new(kwok)))
        }
        Some(b'{') => {
            let catalog = read_catalog(&json).map_err(error)?;
            Ok(InstanceTypesFile::Catalog(Box::new(catalog)))
        }
        _ => Err(error(
            "neither a catalog (a JSON object) nor an instance_types.json of the KWOK provider (a JSON list)"
                .to_owned(),
        )),
    }
}

/// Reads a catalog in our own form.
///
/// # Errors
/// The field that is wrong, in words.
pub fn read_catalog(json: &[u8]) -> Result<Catalog, String> {
    let json = std::str::from_utf8(json).map_err(|_| "bytes that are no UTF-8".to_owned())?;
    let mut catalog: Catalog = from_json(json).map_err(|wrong| match wrong.path.0[..] {
        [] => wrong.message,
        _ => format!("field {}: {}", wrong.path, wrong.message),
    })?;
    let identity = (catalog.api_version.as_str(), catalog.kind.as_str());
    if identity != (Catalog::API_VERSION, Catalog::KIND) {
        let (version, kind) = (Catalog::API_VERSION, Catalog::KIND);
        return Err(format!("apiVersion {} kind {} instead of {version} {kind}", identity.0, identity.1));
    }
    catalog.sort();
    Ok(catalog)
}

pub(super) fn unpack(bytes: Vec<u8>) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    match bytes.as_slice() {
        [0x28, 0xb5, 0x2f, 0xfd, ..] => zstd::decode_all(bytes.as_slice()),
        [0x1f, 0x8b, ..] => {
            let mut json = Vec::new();
            flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut json)?;
            Ok(json)
        }
        _ => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::super::embedded;
    use super::*;

    #[test]
    fn our_own_form_survives_being_written_and_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalog.json.zst");
        let catalog = embedded("us-west-1").unwrap();
        let json = serde_json::to_vec(&catalog).unwrap();
        std::fs::write(&path, zstd::encode_all(json.as_slice(), 3).unwrap()).unwrap();
        match load_instance_types(&path).unwrap() {
            InstanceTypesFile::Catalog(read) => assert_eq!(*read, catalog),
            InstanceTypesFile::Kwok(_) => panic!("read as KWOK"),
        }
    }

    #[test]
    fn a_wrong_file_is_named_with_its_field() {
        let folder = tempfile::tempdir().unwrap();
        for (text, message) in [
            ("", "neither a catalog"),
            ("hello", "neither a catalog"),
            ("{}", "missing field `apiVersion`"),
            (r#"{"apiVersion":"karp/v1","kind":"Catalog","region":7}"#, "field region: invalid type"),
            (r#"[{"name":7}]"#, "instance type number 1"),
        ] {
            let path = folder.path().join("types.json");
            std::fs::write(&path, text).unwrap();
            let error = load_instance_types(&path).unwrap_err().to_string();
            assert!(error.contains("types.json: ") && error.contains(message), "{text:?}: {error}");
        }
    }
}
