//! Cuts a stream of JSON into objects, holding one of them at a time.
//!
//! Understands one object, many behind each other (JSON Lines), an array of objects, and any object with a
//! top-level `items` array, whose elements are handed out one by one. It looks only at quotes and brackets;
//! whether an object is well-formed is found out when it is decoded. Pods of a list, which are nearly all of a large
//! dump, are decoded where they stand instead of being cut out first.

use karp_core::model::Pod;
use karp_core::report::Error;

use super::chunk::{Chunk, Chunks};
use super::known_specs::KnownSpecs;
use super::{MAX_OBJECT_BYTES, cannot_read};

/// Which bytes mean something outside of strings: all others are skipped in a tight loop.
const IS_MARK: [bool; 256] = {
    let mut is_mark = [false; 256];
    let marks = b"\"{}[]\n";
    let mut at = 0;
    while at < marks.len() {
        is_mark[marks[at] as usize] = true;
        at += 1;
    }
    is_mark
};

/// How many blanks stand in front.
fn blanks(text: &[u8]) -> usize {
    const WIDE: usize = 8;
    let wide = WIDE * text.chunks_exact(WIDE).take_while(|chunk| *chunk == [b' '; WIDE]).count();
    wide + text[wide..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

/// What the cutter hands out.
pub(super) trait Sink {
    /// One object, beginning on a line. `list` is the text of the enclosing list read so far, if any.
    fn item(&mut self, text: &str, line: usize, list: Option<&str>) -> Result<(), Error>;
    /// Whether items of a list, whose text so far is `list`, are pods where they do not say what they are.
    fn is_of_pods(&self, list: &str) -> bool;
    /// Specs known so far, from one stream to the next: pages of a list are streams of their own.
    fn known_specs(&mut self) -> &mut KnownSpecs;
    /// A pod that was decoded on the way: what [`Sink::item`] would make of its text.
    fn pod(&mut self, text: &str, line: usize, pod: Pod) -> Result<(), Error>;
    /// A list without its items, once it is over.
    fn list(&mut self, text: &str, line: usize) -> Result<(), Error>;
}

/// Hands out everything in `chunks`.
pub(super) fn cut(file: &str, chunks: impl Chunks, sink: &mut dyn Sink) -> Result<(), Error> {
    let mut cutter = Cutter { file, chunks, chunk: Chunk::default(), at: 0, line: 1 };
    while let Some(byte) = cutter.peek_token()? {
        match byte {
            b'{' => cutter.object(sink)?,
            b'[' => {
                cutter.at += 1;
                cutter.array(None, sink)?;
            }
            // JSON Lines may be joined by commas or record separators.
            b',' | 0x1e => cutter.at += 1,
            _ => {
                return Err(cutter.error(format!("expected an object, found {:?}", char::from(byte))));
            }
        }
    }
    Ok(())
}

/// Where in a value the next byte is.
#[derive(Debug, Clone, Copy)]
enum Within {
    /// At its first byte, or in a scalar without quotes.
    Start,
    String,
    /// Behind a backslash.
    Escape,
    /// Between brackets, outside of strings.
    Brackets,
    /// Behind the end of a line.
    Indentation,
}

struct Cutter<'a, C> {
    file: &'a str,
    chunks: C,
    chunk: Chunk,
    /// Where in the chunk.
    at: usize,
    line: usize,
}

impl<C: Chunks> Cutter<'_, C> {
    fn error(&self, message: impl std::fmt::Display) -> Error {
        Error::usage(format!("{}:{}: {message}", self.file, self.line))
    }

    /// Bytes read but not yet used; empty at the end of the stream.
    fn buffered(&mut self) -> Result<&[u8], Error> {
        while self.at == self.chunk.bytes().len() {
            let used = std::mem::take(&mut self.chunk);
            self.at = 0;
            match self.chunks.next(used).map_err(|error| cannot_read(self.file, &error))? {
                Some(chunk) => self.chunk = chunk,
                None => return Ok(&[]),
            }
        }
        Ok(&self.chunk.bytes()[self.at..])
    }

    /// The next byte that is no white space, not used up.
    fn peek_token(&mut self) -> Result<Option<u8>, Error> {
        loop {
            let Some(&byte) = self.buffered()?.first() else { return Ok(None) };
            match byte {
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'\n' => {
                    self.line += 1;
                    self.at += 1;
                }
                _ => return Ok(Some(byte)),
            }
        }
    }

    fn expect_token(&mut self, opened_on: usize) -> Result<u8, Error> {
        self.peek_token()?.ok_or_else(|| self.cut_short(opened_on))
    }

    fn cut_short(&self, opened_on: usize) -> Error {
        self.error(format!("the file ends inside the object that begins on line {opened_on}"))
            .hint("was the dump cut off? write it again")
    }

    /// An object at the top: a list, whose items are handed out as they come, or a single object.
    fn object(&mut self, sink: &mut dyn Sink) -> Result<(), Error> {
        let line = self.line;
        let mut text = vec![b'{'];
        let mut lists = 0;
        self.at += 1;
        loop {
            self.blanks(&mut text)?;
            match self.expect_token(line)? {
                b'}' => {
                    self.at += 1;
                    text.push(b'}');
                    break;
                }
                b'"' => {
                    let key_at = text.len();
                    self.value(&mut text, line)?;
                    let is_items = &text[key_at..] == b"\"items\"";
                    self.blanks(&mut text)?;
                    if self.expect_token(line)? != b':' {
                        return Err(self.error("expected ':' behind a key"));
                    }
                    self.at += 1;
                    text.push(b':');
                    self.blanks(&mut text)?;
                    if is_items && self.expect_token(line)? == b'[' {
                        lists += 1;
                        self.at += 1;
                        let head = self.utf8(&text)?.to_owned();
                        self.array(Some(&head), sink)?;
                        text.extend_from_slice(b"[]");
                    } else {
                        self.value(&mut text, line)?;
                    }
                }
                b',' => {
                    self.at += 1;
                    text.push(b',');
                }
                other => {
                    return Err(self.error(format!("expected a key, found {:?}", char::from(other))));
                }
            }
        }
        let text = self.utf8(&text)?;
        if lists > 0 { sink.list(text, line) } else { sink.item(text, line, None) }
    }

    /// The elements of an array behind its bracket.
    fn array(&mut self, list: Option<&str>, sink: &mut dyn Sink) -> Result<(), Error> {
        let opened_on = self.line;
        let untold_pods = list.is_some_and(|list| sink.is_of_pods(list));
        let mut text = Vec::new();
        loop {
            match self.expect_token(opened_on)? {
                b']' => {
                    self.at += 1;
                    return Ok(());
                }
                b',' => self.at += 1,
                b'{' if self.pod(untold_pods, sink)? => {}
                b'{' => {
                    let line = self.line;
                    text.clear();
                    self.value(&mut text, line)?;
                    sink.item(self.utf8(&text)?, line, list)?;
                }
                other => {
                    return Err(self.error(format!("expected an object, found {:?}", char::from(other))));
                }
            }
        }
    }

    /// Hands out the pod that begins here; false where it has to be cut out.
    fn pod(&mut self, untold: bool, sink: &mut dyn Sink) -> Result<bool, Error> {
        let Some(found) = self.chunk.pod_at(self.at, sink.known_specs(), untold) else { return Ok(false) };
        let Some(text) = self.chunk.text().map(|text| &text[self.at..found.end]) else { return Ok(false) };
        sink.pod(text, self.line, found.pod)?;
        self.line += memchr::memchr_iter(b'\n', text.as_bytes()).count();
        self.at = found.end;
        Ok(true)
    }

    /// Copies white space, so that lines keep their numbers.
    fn blanks(&mut self, text: &mut Vec<u8>) -> Result<(), Error> {
        while let Some(byte @ (b' ' | b'\t' | b'\r' | b'\n')) = self.buffered()?.first().copied() {
            text.push(byte);
            self.line += usize::from(byte == b'\n');
            self.at += 1;
        }
        Ok(())
    }

    /// Copies one value: a scalar up to what ends it, or everything between balanced brackets. Indentation is left
    /// out, which is half of what kubectl writes; lines keep their numbers.
    fn value(&mut self, text: &mut Vec<u8>, opened_on: usize) -> Result<(), Error> {
        let mut place = Within::Start;
        let mut depth = 0_usize;
        let start = text.len();
        loop {
            if text.len() - start > MAX_OBJECT_BYTES {
                return Err(self.error(format!(
                    "the object that begins on line {opened_on} is larger than {} MiB",
                    MAX_OBJECT_BYTES >> 20
                )));
            }
            let buffered = self.buffered()?;
            if buffered.is_empty() {
                return Err(self.cut_short(opened_on));
            }
            let (mut used, mut lines) = (0, 0);
            // What was used and not yet copied begins here.
            let mut kept = 0;
            let mut done = false;
            while !done && used < buffered.len() {
                let rest = &buffered[used..];
                match place {
                    Within::String => match memchr::memchr2(b'"', b'\\', rest) {
                        Some(at) => {
                            used += at + 1;
                            place = if rest[at] == b'\\' { Within::Escape } else { Within::Brackets };
                            done = rest[at] == b'"' && depth == 0;
                            // The key of a string, as kubectl writes it: nearly every line has one.
                            if !done && rest[at + 1..].starts_with(b": \"") && rest[at] == b'"' {
                                used += 3;
                                place = Within::String;
                            }
                        }
                        None => used = buffered.len(),
                    },
                    Within::Escape => {
                        used += 1;
                        place = Within::String;
                    }
                    Within::Brackets => match rest.iter().position(|byte| IS_MARK[usize::from(*byte)]) {
                        Some(at) => {
                            used += at + 1;
                            match rest[at] {
                                b'"' => place = Within::String,
                                b'{' | b'[' => depth += 1,
                                b'\n' => {
                                    lines += 1;
                                    text.extend_from_slice(&buffered[kept..used]);
                                    kept = used;
                                    place = Within::Indentation;
                                }
                                _ => {
                                    depth -= 1;
                                    done = depth == 0;
                                }
                            }
                        }
                        None => used = buffered.len(),
                    },
                    Within::Indentation => {
                        let blanks = blanks(rest);
                        used += blanks;
                        kept = used;
                        if blanks < rest.len() {
                            place = Within::Brackets;
                        }
                    }
                    Within::Start => match rest[0] {
                        b'{' | b'[' => {
                            depth = 1;
                            used += 1;
                            place = Within::Brackets;
                        }
                        b'"' => {
                            used += 1;
                            place = Within::String;
                        }
                        // The bracket or comma behind a scalar belongs to whoever asked for the scalar.
                        b'}' | b']' | b',' | b' ' | b'\t' | b'\r' | b'\n' => done = true,
                        _ => used += 1,
                    },
                }
            }
            text.extend_from_slice(&buffered[kept..used]);
            self.line += lines;
            self.at += used;
            if done {
                return if text.len() == start { Err(self.error("expected a value")) } else { Ok(()) };
            }
        }
    }

    fn utf8<'t>(&self, text: &'t [u8]) -> Result<&'t str, Error> {
        std::str::from_utf8(text).map_err(|_| self.error("bytes that are no UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out so many bytes at a time.
    struct Pieces<'t>(&'t [u8], usize);

    impl Chunks for Pieces<'_> {
        fn next(&mut self, _: Chunk) -> std::io::Result<Option<Chunk>> {
            let (piece, rest) = self.0.split_at(self.1.min(self.0.len()));
            self.0 = rest;
            Ok(Some(piece.to_vec()).filter(|piece| !piece.is_empty()).map(Chunk::new))
        }
    }

    #[derive(Default)]
    struct Kept(Vec<(String, usize)>, KnownSpecs);

    impl Sink for Kept {
        fn item(&mut self, text: &str, line: usize, _: Option<&str>) -> Result<(), Error> {
            self.0.push((text.to_owned(), line));
            Ok(())
        }
        fn is_of_pods(&self, _: &str) -> bool {
            false
        }
        fn known_specs(&mut self) -> &mut KnownSpecs {
            &mut self.1
        }
        fn pod(&mut self, text: &str, line: usize, _: Pod) -> Result<(), Error> {
            self.item(text, line, None)
        }
        fn list(&mut self, text: &str, line: usize) -> Result<(), Error> {
            self.item(text, line, None)
        }
    }

    #[test]
    fn cuts_the_same_wherever_a_read_ends() {
        let first = r#"{"a":"br{ack}et \" \\","é":[]}"#;
        let second = "{\"b\":[1,{\"c\":null}],\n\"d\":\"\\u00e9\\\\\\\"]  \"\n}";
        let indented = second.replace('\n', "\n \t  ");
        let text = format!("{{\"kind\":\"List\",\n\"items\":[{first},\n {indented}]}}\n{{\"e\":\"x\"}}");
        for size in 1..70 {
            let mut kept = Kept::default();
            cut("f", Pieces(text.as_bytes(), size), &mut kept).unwrap();
            let expected = [
                (first.to_owned(), 2),
                (second.to_owned(), 3),
                ("{\"kind\":\"List\",\n\"items\":[]}".to_owned(), 1),
                ("{\"e\":\"x\"}".to_owned(), 6),
            ];
            assert_eq!(kept.0, expected, "{size} bytes at a time");
        }
    }
}
