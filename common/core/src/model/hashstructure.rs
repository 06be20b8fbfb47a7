//! The hash that Karpenter writes into `*-hash` annotations, rebuilt from its rules.
//!
//! The controller uses Go's `mitchellh/hashstructure/v2` (format 2, slices as sets, zero values ignored): FNV-1
//! of leaves, combined by XOR where order must not count. Names of Go types and fields are part of the result,
//! so each caller spells them out. Every function returns the 64-bit value of one node of that tree.

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// FNV-1 (multiply, then XOR; not 1a).
pub(crate) fn bytes(bytes: &[u8]) -> u64 {
    bytes.iter().fold(OFFSET, |hash, byte| hash.wrapping_mul(PRIME) ^ u64::from(*byte))
}

/// A string.
pub(crate) fn string(text: &str) -> u64 {
    bytes(text.as_bytes())
}

/// A Go `int32`.
pub(crate) fn int32(value: i64) -> u64 {
    bytes(&(value as i32).to_le_bytes())
}

/// A Go `int64` or `int`.
pub(crate) fn int64(value: i64) -> u64 {
    bytes(&value.to_le_bytes())
}

/// A Go `bool`.
pub(crate) fn boolean(value: bool) -> u64 {
    bytes(&[u8::from(value)])
}

/// A map: order does not count.
pub(crate) fn map<'a>(entries: impl IntoIterator<Item = (&'a str, u64)>) -> u64 {
    finish(entries.into_iter().fold(0, |all, (key, value)| all ^ ordered(string(key), value)))
}

/// A map of strings.
pub(crate) fn string_map<'a>(entries: impl IntoIterator<Item = (&'a str, &'a str)>) -> u64 {
    map(entries.into_iter().map(|(key, value)| (key, string(value))))
}

/// A slice as a set: order does not count, and two equal elements cancel each other.
pub(crate) fn set(elements: impl IntoIterator<Item = u64>) -> u64 {
    elements.into_iter().fold(0, |all, element| all ^ element)
}

/// A struct under construction: its Go type name, then its fields in order of declaration.
pub(crate) struct Struct(u64);

impl Struct {
    /// Begins with the Go type name.
    pub(crate) fn new(type_name: &str) -> Self {
        Self(string(type_name))
    }

    /// Adds a field; none = zero value, which is left out.
    pub(crate) fn field(self, name: &str, value: Option<u64>) -> Self {
        match value {
            Some(value) => Self(finish(self.0 ^ ordered(string(name), value))),
            None => self,
        }
    }

    /// The value of the struct.
    pub(crate) fn hash(self) -> u64 {
        self.0
    }
}

fn ordered(a: u64, b: u64) -> u64 {
    let mut both = [0; 16];
    both[..8].copy_from_slice(&a.to_le_bytes());
    both[8..].copy_from_slice(&b.to_le_bytes());
    bytes(&both)
}

fn finish(value: u64) -> u64 {
    bytes(&value.to_le_bytes())
}
