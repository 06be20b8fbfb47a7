//! Cuts a stream of YAML into documents, and a list's document into its items, by its lines alone.
//!
//! Items of a block list stand behind `- ` at one indentation, so they can be cut out without parsing; a list of
//! any length needs the memory of its largest item. An alias therefore cannot reach into another item.

use std::io::{BufRead, BufReader, Read};

use karp_core::report::Error;

use super::json::Sink;
use super::{MAX_OBJECT_BYTES, cannot_read};

/// Reads everything from `reader`.
pub(super) fn cut(file: &str, reader: impl Read, sink: &mut dyn Sink) -> Result<(), Error> {
    let mut reader = BufReader::with_capacity(1 << 16, reader);
    let mut cutter = Cutter { file, line: 0, document: Piece::default(), item: None, list: List::None };
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        let read = (&mut reader)
            .take(MAX_OBJECT_BYTES as u64 + 1)
            .read_until(b'\n', &mut bytes)
            .map_err(|error| cannot_read(file, &error))?;
        if read == 0 {
            return cutter.end_of_document(sink);
        }
        cutter.line += 1;
        let line = std::str::from_utf8(&bytes)
            .map_err(|_| Error::usage(format!("{file}:{}: bytes that are no UTF-8", cutter.line)))?;
        cutter.take(line, sink)?;
    }
}

/// Text with the line it begins on.
#[derive(Default)]
struct Piece {
    text: String,
    line: usize,
}

impl Piece {
    fn push(&mut self, text: &str, line: usize) {
        if self.text.is_empty() {
            self.line = line;
        }
        self.text.push_str(text);
        if !text.ends_with('\n') {
            self.text.push('\n');
        }
    }

    fn is_blank(&self) -> bool {
        self.text.lines().all(|line| {
            let line = line.trim();
            line.is_empty() || line.starts_with('#')
        })
    }
}

/// Where in a list's document we are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    /// It is no list so far.
    None,
    /// Behind `items:`.
    Announced,
    /// Among items that stand at this indentation.
    Items(usize),
    /// Behind the items.
    Over,
}

struct Cutter<'a> {
    file: &'a str,
    line: usize,
    document: Piece,
    item: Option<Piece>,
    list: List,
}

impl Cutter<'_> {
    fn take(&mut self, line: &str, sink: &mut dyn Sink) -> Result<(), Error> {
        let line = if self.line == 1 { line.trim_start_matches('\u{feff}') } else { line };
        let bare = line.trim_end();
        if bare == "---" || bare == "..." || line.starts_with("--- ") {
            self.end_of_document(sink)?;
            let rest = line.get(4..).unwrap_or_default();
            if !rest.trim().is_empty() && !rest.trim_start().starts_with('#') {
                self.document.push(&format!("    {rest}"), self.line);
            }
            return Ok(());
        }
        if self.document.text.is_empty() && line.starts_with('%') {
            return Ok(());
        }
        let content = line.trim_start_matches(' ');
        let indent = line.len() - content.len();
        let blank = content.trim_end().is_empty() || content.starts_with('#');
        let dash = content.starts_with("- ") || content.trim_end() == "-";
        match self.list {
            List::Announced if blank => {}
            List::Announced if dash => {
                self.list = List::Items(indent);
                self.begin_item(line, indent);
            }
            List::Announced => {
                // Flow style (`items: [` over several lines) or something else: leave it to the parser.
                self.list = List::Over;
                self.document.push(line, self.line);
            }
            List::Items(_) if blank => self.continue_item(line),
            List::Items(at) if indent == at && dash => {
                self.end_item(sink)?;
                self.begin_item(line, indent);
            }
            List::Items(at) if indent > at => self.continue_item(line),
            List::Items(_) => {
                self.end_item(sink)?;
                self.list = List::Over;
                self.document.push(line, self.line);
            }
            List::None if bare == "items:" || line.starts_with("items: #") => {
                self.list = List::Announced;
                self.document.push("items:", self.line);
            }
            List::None | List::Over => self.document.push(line, self.line),
        }
        let size = self.document.text.len().max(self.item.as_ref().map_or(0, |item| item.text.len()));
        if size > MAX_OBJECT_BYTES {
            return Err(Error::usage(format!(
                "{}:{}: a document larger than {} MiB",
                self.file,
                self.line,
                MAX_OBJECT_BYTES >> 20
            ))
            .hint("write it as JSON: kubectl get -o json"));
        }
        Ok(())
    }

    /// The dash becomes a blank: what is left is a document of its own, with the columns it had.
    fn begin_item(&mut self, line: &str, indent: usize) {
        let mut item = Piece::default();
        item.push(&format!("{} {}", &line[..indent], &line[indent + 1..]), self.line);
        self.item = Some(item);
    }

    fn continue_item(&mut self, line: &str) {
        if let Some(item) = &mut self.item {
            item.push(line, self.line);
        }
    }

    fn end_item(&mut self, sink: &mut dyn Sink) -> Result<(), Error> {
        match self.item.take() {
            Some(item) if !item.is_blank() => sink.item(&item.text, item.line, Some(&self.document.text)),
            _ => Ok(()),
        }
    }

    fn end_of_document(&mut self, sink: &mut dyn Sink) -> Result<(), Error> {
        self.end_item(sink)?;
        let document = std::mem::take(&mut self.document);
        let had_items = std::mem::replace(&mut self.list, List::None) != List::None;
        if document.is_blank() {
            Ok(())
        } else if had_items {
            sink.list(&document.text, document.line)
        } else {
            sink.item(&document.text, document.line, None)
        }
    }
}
