//! Text at a width: words wrap with an indent, commands break so that they still paste.

use super::Style;

/// Columns that a text takes, colours not counted.
pub fn visible_width(text: &str) -> usize {
    let mut width = 0;
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        if char == '\x1b' {
            // A colour ends with a letter.
            for inner in chars.by_ref() {
                if inner.is_ascii_alphabetic() {
                    break;
                }
            }
        } else {
            width += 1;
        }
    }
    width
}

/// Wraps a text at words. `first` stands before the first line, `rest` before the others; a word longer than a line
/// gets one of its own, since names are never cut. On a pipe the text stays one line. No line end at the end.
pub fn wrap(style: &Style, first: &str, rest: &str, text: &str) -> String {
    if style.is_pipe() {
        return format!("{first}{text}");
    }
    lay_out(style.width(), first, rest, text.split_whitespace(), "")
}

/// A shell command that is broken with ` \` where it is too long; words in quotes stay together.
pub fn command(style: &Style, first: &str, rest: &str, text: &str) -> String {
    if style.is_pipe() {
        return format!("{first}{text}");
    }
    lay_out(style.width(), first, rest, quoted_words(text).into_iter(), " \\")
}

fn lay_out<'t>(
    width: usize,
    first: &str,
    rest: &str,
    words: impl Iterator<Item = &'t str>,
    continuation: &str,
) -> String {
    let mut text = String::new();
    let mut line = first.to_owned();
    let mut has_word = false;
    let mut words = words.peekable();
    while let Some(word) = words.next() {
        // The last word needs no room for the sign that more follows.
        let reserve = if words.peek().is_some() { continuation.len() } else { 0 };
        let needed = visible_width(&line) + usize::from(has_word) + visible_width(word) + reserve;
        if has_word && needed > width {
            text.push_str(&line);
            text.push_str(continuation);
            text.push('\n');
            line = rest.to_owned();
            has_word = false;
        }
        if has_word {
            line.push(' ');
        }
        line.push_str(word);
        has_word = true;
    }
    text.push_str(&line);
    text
}

/// Splits at blanks outside of single or double quotes.
fn quoted_words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut from, mut quote) = (0, None);
    for (at, char) in text.char_indices() {
        match (quote, char) {
            (None, '\'' | '"') => quote = Some(char),
            (Some(open), _) if open == char => quote = None,
            (None, ' ') => {
                words.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    words.push(&text[from..]);
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_at_words_and_keeps_long_ones() {
        let style = Style::plain(20);
        insta::assert_snapshot!(
            wrap(&style, "a: ", "   ", "the quick brown ip-10-0-1-137.ec2.internal fox"),
            @r"
        a: the quick brown
           ip-10-0-1-137.ec2.internal
           fox
        "
        );
        assert_eq!(wrap(&Style::PIPE, "a: ", "", "x y"), "a: x y");
    }

    #[test]
    fn commands_still_paste() {
        insta::assert_snapshot!(
            command(&Style::plain(40), "  ", "    ", "kubectl patch nodepool on-demand --type=merge -p '{\"a\": 1}'"),
            @r#"
          kubectl patch nodepool on-demand \
            --type=merge -p '{"a": 1}'
        "#
        );
    }

    #[test]
    fn colours_take_no_room() {
        assert_eq!(visible_width("\x1b[1;31mno\x1b[0m"), 2);
    }
}
