//! A snapshot as a document of our own form: one object a line, read back by [`crate::decode`].
//!
//! Written is what the model holds. Secrets, ConfigMap data, environment values and commands of containers never
//! get into it; annotations that tools keep for themselves are left out here.

use std::io::Write;

use karp_core::model::{ControllerSettings, Gap, ListReader, Object, Snapshot};
use karp_core::report::Error;
use serde::Serialize;

/// How the text is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// gzip.
    Gzip,
    /// zstd.
    Zstd,
}

impl Packing {
    /// What the ending of a file name asks for.
    pub fn of(name: &str) -> Self {
        match name.rsplit_once('.') {
            Some((_, "zst")) => Packing::Zstd,
            Some((_, "gz")) => Packing::Gzip,
            _ => Packing::Plain,
        }
    }
}

/// What stands before the objects.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Head<'a> {
    api_version: &'static str,
    kind: &'static str,
    taken_at: jiff::Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_version: Option<&'a str>,
    controller: &'a ControllerSettings,
    gaps: &'a [Gap],
    unknown_fields: &'a [String],
}

/// An object with its kind in front.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Typed<'a, T> {
    api_version: &'a str,
    kind: &'a str,
    #[serde(flatten)]
    object: &'a T,
}

/// Writes a snapshot.
///
/// # Errors
/// The writer's; an object that cannot be serialised is a bug.
pub fn write(snapshot: &Snapshot, packing: Packing, writer: impl Write) -> Result<(), Error> {
    let failed = |error: std::io::Error| Error::usage("the snapshot cannot be written").cause(error);
    match packing {
        Packing::Plain => {
            let mut writer = std::io::BufWriter::new(writer);
            write_text(snapshot, &mut writer).and_then(|()| writer.flush()).map_err(failed)
        }
        Packing::Gzip => {
            let mut writer = flate2::write::GzEncoder::new(writer, flate2::Compression::default());
            write_text(snapshot, &mut writer).and_then(|()| writer.finish().map(drop)).map_err(failed)
        }
        Packing::Zstd => zstd::stream::write::Encoder::new(writer, zstd::DEFAULT_COMPRESSION_LEVEL)
            .and_then(|encoder| {
                let mut writer = std::io::BufWriter::new(encoder);
                write_text(snapshot, &mut writer)?;
                writer.into_inner().map_err(std::io::IntoInnerError::into_error)?.finish().map(drop)
            })
            .map_err(failed),
    }
}

fn write_text(snapshot: &Snapshot, writer: &mut dyn Write) -> std::io::Result<()> {
    let head = Head {
        api_version: "karp/v1",
        kind: "Snapshot",
        taken_at: snapshot.taken_at,
        server_version: snapshot.server_version.as_deref(),
        controller: &snapshot.controller,
        gaps: &snapshot.gaps,
        unknown_fields: &snapshot.unknown_fields,
    };
    let head = serde_json::to_string(&head)?;
    // The list is put in place of the closing brace.
    write!(writer, "{},\"items\":[", head.strip_suffix('}').unwrap_or(&head))?;
    let mut items = Items { writer, written: 0, result: Ok(()) };
    snapshot.objects.read_lists(&mut items);
    items.result?;
    writeln!(writer, "\n]}}")
}

/// Writes one object after the other.
struct Items<'w> {
    writer: &'w mut dyn Write,
    written: usize,
    result: std::io::Result<()>,
}

impl Items<'_> {
    fn object<T: Object>(&mut self, plural: &str, object: &T) -> std::io::Result<()> {
        self.writer.write_all(if self.written == 0 { b"\n" } else { b",\n" })?;
        self.written += 1;
        let api_version = object.api_version();
        // These two hold kind and version themselves, since their lists hold several kinds.
        let mut text = if matches!(plural, "workloads" | "nodeclasses") {
            serde_json::to_value(object)?
        } else {
            serde_json::to_value(Typed { api_version: &api_version, kind: object.kind(), object })?
        };
        if let Some(annotations) = text.pointer_mut("/metadata/annotations").and_then(|it| it.as_object_mut())
        {
            annotations.retain(|key, _| !is_left_out(key));
        }
        serde_json::to_writer(&mut *self.writer, &text)?;
        Ok(())
    }
}

impl ListReader for Items<'_> {
    fn list<T: Object>(&mut self, plural: &'static str, list: &[T]) {
        for object in list {
            if self.result.is_ok() {
                self.result = self.object(plural, object);
            }
        }
    }
}

/// Annotations in which tools repeat the whole object.
fn is_left_out(key: &str) -> bool {
    key == "kubectl.kubernetes.io/last-applied-configuration"
        || key.starts_with("objectset.rio.cattle.io/")
        || key == "meta.helm.sh/release-manifest"
}
