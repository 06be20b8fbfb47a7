//! Names in texts: events, messages of conditions, and what commands print.

use super::Names;
use super::words::{Piece, is_amount, is_number, pieces};

/// In front of the names of pods that Karpenter makes up for CapacityBuffers.
const MADE_UP: &str = "capacity-buffer-";

/// What tokens are made of, beside letters and digits.
const IN_TOKENS: &str = "._-/:=@";

fn is_token(letter: char) -> bool {
    letter.is_alphanumeric() || IN_TOKENS.contains(letter)
}

/// Stands for what looks like a name and is none of the snapshot: ids of what is gone, accounts, users.
const UNKNOWN: &str = "x";

impl Names {
    /// A text with every name of the snapshot in it replaced.
    pub fn names_in(&self, text: &str) -> String {
        self.tokens(text, &|token| token.to_owned())
    }

    /// The same, and everything hidden that may be another name.
    pub(super) fn text(&self, text: &str) -> String {
        self.tokens(text, &|token| if self.is_plain(token) { token.to_owned() } else { self.hidden(token) })
    }

    /// Names with blanks and the like first, the rest by tokens.
    fn tokens(&self, text: &str, unknown: &dyn Fn(&str) -> String) -> String {
        let found =
            self.odd().filter_map(|name| text.find(name).map(|at| (at, std::cmp::Reverse(name.len()), name)));
        let Some((at, _, name)) = found.min() else { return self.plain_tokens(text, unknown) };
        let before = self.plain_tokens(&text[..at], unknown);
        format!("{before}{}{}", self.name(name), self.tokens(&text[at + name.len()..], unknown))
    }

    fn plain_tokens(&self, text: &str, unknown: &dyn Fn(&str) -> String) -> String {
        let mut new = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find(is_token) {
            new.push_str(&rest[..start]);
            rest = &rest[start..];
            let end = rest.find(|letter| !is_token(letter)).unwrap_or(rest.len());
            new.push_str(&self.token(&rest[..end], unknown));
            rest = &rest[end..];
        }
        new.push_str(rest);
        new
    }

    /// Names that are no tokens.
    fn odd(&self) -> impl Iterator<Item = &str> {
        self.known().map(|name| name.as_str()).filter(|name| !name.is_empty() && !name.chars().all(is_token))
    }

    /// A word of a text as it stands between blanks, quotes and brackets: a name, names with something between them,
    /// prose.
    fn token(&self, token: &str, unknown: &dyn Fn(&str) -> String) -> String {
        if self.is_known(token) {
            return self.name(token).to_string();
        }
        if let Some(rest) = token.strip_prefix(MADE_UP).filter(|rest| !rest.is_empty()) {
            return format!("{MADE_UP}{}", self.token(rest, unknown));
        }
        // Roles and users of AWS.
        if token.starts_with("arn:") {
            return unknown(token);
        }
        // `namespace/name`, `key=value`, `field: value`, the end of a sentence; names may hold all but `=`.
        for separator in ['=', ':', '/', '@', '.'] {
            if let Some((left, right)) = token.split_once(separator) {
                let is_end = right.is_empty() || left.is_empty();
                let both_known = |part: &str| part.split(['/', '=', ':']).all(|part| self.is_plain(part));
                if is_end || separator == '=' || (separator != '.' && both_known(left)) {
                    return format!("{}{separator}{}", self.token(left, unknown), self.token(right, unknown));
                }
            }
        }
        // `spot-x7k2p`: what is made up behind a name of the snapshot.
        for (at, _) in token.rmatch_indices('-') {
            let (known, rest) = (&token[..at], &token[at + 1..]);
            if self.is_known(known) && self.name(known) != known {
                // A claim is named after its pod and the volume.
                let rest = if self.is_known(rest) { self.name(rest) } else { rest.into() };
                return format!("{}-{rest}", self.name(known));
            }
        }
        unknown(token)
    }

    /// Whether a text is a name of the snapshot, or prose.
    fn is_plain(&self, text: &str) -> bool {
        self.is_known(text)
            || pieces(text, false).all(|piece| match piece {
                Piece::Between(between) => between.chars().all(|letter| letter == '-'),
                Piece::Word(word) => {
                    is_number(word) || is_amount(word) || word.chars().all(char::is_alphabetic)
                }
            })
            || pieces(text, false).all(|piece| match piece {
                Piece::Between(_) => true,
                Piece::Word(word) => is_number(word) || is_amount(word) || self.is_fixed(word),
            })
    }

    fn hidden(&self, token: &str) -> String {
        pieces(token, false)
            .map(|piece| match piece {
                Piece::Word(word) if is_number(word) || is_amount(word) || self.is_fixed(word) => word,
                Piece::Word(_) => UNKNOWN,
                Piece::Between(between) => between,
            })
            .collect()
    }
}
