//! Names as sequences of words: `data-postgres-0` is `data`, `postgres`, `0`.
//!
//! Nearly every character that names are made of besides letters, digits and `_` sorts below these. Two names
//! therefore compare as the sequences of their words and separators do, and replacing each word by another keeps the
//! order of names wherever it keeps the order of words.

/// A piece of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    /// Letters, digits and `_`.
    Word(&'t str),
    /// Whatever stands between words.
    Between(&'t str),
}

/// The pieces of a text in their order. `whole_addresses`: `10-0-12-34` and `10.0.12.34` are one word, so that
/// nothing of an address stays.
pub(super) fn pieces(text: &str, whole_addresses: bool) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let is_word = is_word_char(first);
        let address = if is_word && whole_addresses { address_length(rest) } else { None };
        let end =
            address.or_else(|| rest.find(|letter| is_word_char(letter) != is_word)).unwrap_or(rest.len());
        let (piece, behind) = rest.split_at(end);
        rest = behind;
        Some(if is_word { Piece::Word(piece) } else { Piece::Between(piece) })
    })
}

/// The words of a text.
pub(super) fn words(text: &str, whole_addresses: bool) -> impl Iterator<Item = &str> {
    pieces(text, whole_addresses).filter_map(|piece| match piece {
        Piece::Word(word) => Some(word),
        Piece::Between(_) => None,
    })
}

fn is_word_char(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// The length of the IPv4 address a text begins with, its parts between dashes or dots.
fn address_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut separator = None;
    for part in 0..4 {
        let digits = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 || digits > 3 {
            return None;
        }
        at += digits;
        if part < 3 {
            let here = *bytes.get(at).filter(|byte| matches!(byte, b'-' | b'.'))?;
            if separator.is_some_and(|first| first != here) {
                return None;
            }
            separator = Some(here);
            at += 1;
        }
    }
    text[at..].chars().next().is_none_or(|next| !is_word_char(next)).then_some(at)
}

/// Whether a word is a small number or version, `12` or `v3`: these say nothing, and rules compare and count by them.
pub(super) fn is_number(word: &str) -> bool {
    let digits = word.strip_prefix('v').unwrap_or(word);
    (1..10).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a word is a number with a unit, `512Mi`, `1h`: texts are full of them.
pub(super) fn is_amount(word: &str) -> bool {
    const UNITS: [&str; 18] =
        ["m", "s", "h", "ms", "u", "n", "k", "M", "G", "T", "Ki", "Mi", "Gi", "Ti", "d", "x", "GiB", "th"];
    let mut rest = word;
    while !rest.is_empty() {
        let behind = rest.trim_start_matches(|letter: char| letter.is_ascii_digit());
        if behind.len() == rest.len() {
            return false;
        }
        let unit = behind.find(|letter: char| letter.is_ascii_digit()).unwrap_or(behind.len());
        if unit > 0 && !UNITS.contains(&&behind[..unit]) {
            return false;
        }
        rest = &behind[unit..];
    }
    // Without a unit a long number is an account or the like.
    !word.is_empty() && (is_number(word) || !word.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether a text is a UUID: it names nothing and keeps its place in every order.
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_names() {
        for (name, expected) in [
            ("data-postgres-0", &["data", "postgres", "0"][..]),
            ("acme.com/team_a", &["acme", "com", "team_a"]),
            ("ip-10-0-12-34.ec2.internal", &["ip", "10-0-12-34", "ec2", "internal"]),
            ("10.0.12.34", &["10.0.12.34"]),
            ("10.0.12.345a", &["10", "0", "12", "345a"]),
            ("1-2-3", &["1", "2", "3"]),
            ("aws:///us-east-1a/i-0abc", &["aws", "us", "east", "1a", "i", "0abc"]),
        ] {
            assert_eq!(words(name, true).collect::<Vec<_>>(), expected, "{name}");
        }
        assert_eq!(words("ip-10-0-12-34", false).count(), 5);
    }

    #[test]
    fn numbers_and_amounts() {
        for (word, number, amount) in [
            ("12", true, true),
            ("v3", true, false),
            ("123456789012", false, false),
            ("512Mi", false, true),
            ("1h30m", false, true),
            ("7f9c", false, false),
            ("web", false, false),
        ] {
            assert_eq!((is_number(word), is_amount(word)), (number, amount), "{word}");
        }
    }
}
