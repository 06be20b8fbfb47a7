//! Quantities as facts and values spell them: normalised, and rounded as people print them.

use karp_core::model::Quantity;

/// The amount of a text that is a quantity and nothing else.
pub(super) fn parse(text: &str) -> Option<Quantity> {
    let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_digit());
    if !begins || text.contains(['e', '+', '-']) {
        return None;
    }
    text.parse().ok()
}

/// Whether a printed quantity is the exact one: equal, or equal once the exact one is rounded to the digits that
/// are printed, at least three of them.
pub(super) fn printed_equals(printed: &str, exact: Quantity) -> bool {
    let Some(amount) = parse(printed) else { return false };
    if amount == exact {
        return true;
    }
    let number: String =
        printed.chars().take_while(|letter| letter.is_ascii_digit() || *letter == '.').collect();
    let Some((whole, fraction)) = number.split_once('.') else { return false };
    let digits = whole.trim_start_matches('0').len() + fraction.len();
    if digits < 3 {
        return false;
    }
    // The last printed digit is worth this much; half of it is the error that rounding makes.
    let unit = format!("1{}", &printed[number.len()..]);
    let Some(unit) = parse(&unit) else { return false };
    let last = unit.nanos() / 10i128.pow(fraction.len().min(18) as u32);
    let distance = (amount.nanos() - exact.nanos()).abs();
    last > 0 && distance * 2 <= last
}

/// Every word of a line that is a quantity.
pub(super) fn words(line: &str) -> impl Iterator<Item = &str> {
    let bytes = line.as_bytes();
    let is_word =
        move |at: usize| bytes.get(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() {
            let start = at;
            at += 1;
            let begins = bytes[start].is_ascii_digit()
                && !(start > 0
                    && (is_word(start - 1)
                        || (bytes[start - 1] == b'.' && start > 1 && bytes[start - 2].is_ascii_digit())));
            if !begins {
                continue;
            }
            let mut end = start;
            while bytes.get(end).is_some_and(|byte| {
                byte.is_ascii_alphanumeric()
                    || (*byte == b'.' && bytes.get(end + 1).is_some_and(u8::is_ascii_digit))
            }) {
                end += 1;
            }
            at = end.max(at);
            if !is_word(end) {
                return line.get(start..end);
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(printed: &str, exact: &str, equal: bool) {
        assert_eq!(printed_equals(printed, exact.parse().unwrap()), equal, "{printed} for {exact}");
    }

    #[test]
    fn quantities_are_normalised() {
        check("1Gi", "1024Mi", true);
        check("1", "1000m", true);
        check("1000m", "1", true);
        check("100G", "100G", true);
        check("17Gi", "17Gi", true);
        check("17Gi", "17G", false);
    }

    #[test]
    fn printed_values_may_be_rounded_to_three_digits_or_more() {
        check("28.6Gi", "29317Mi", true);
        check("28.7Gi", "29317Mi", false);
        check("28.63Gi", "29317Mi", true);
        check("29Gi", "29317Mi", false);
        check("8.6Gi", "8800Mi", false);
        check("8.59Gi", "8800Mi", true);
        check("93.1Gi", "100G", true);
        check("3.66Gi", "3749Mi", true);
    }

    #[test]
    fn words_of_a_line() {
        let all: Vec<&str> =
            words("asks 9130m cpu, 14.2Gi (has 7910m), $0.5440/h, us-east-1a, m5.2xlarge, 10%, 3.").collect();
        assert_eq!(all, ["9130m", "14.2Gi", "7910m", "0.5440", "10", "3"]);
    }
}
