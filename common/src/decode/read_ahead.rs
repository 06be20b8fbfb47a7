//! Reads JSON on a thread of its own, a few chunks ahead of who decodes it. When the decoder falls behind, the reader
//! decodes the pods of its chunk instead of waiting, so that two cores share the work. What is handed out, and in which
//! order, is that of [`super::json::cut`] alone.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::thread;

use karp_core::report::Error;

use super::cannot_read;
use super::chunk::{Chunk, Chunks, ItemStart};
use super::json::{self, Sink};
use super::known_specs::KnownSpecs;

const CHUNK_BYTES: usize = 1 << 19;
/// How many chunks may wait.
const WAITING: usize = 4;

/// Reads everything from `reader`.
pub(super) fn cut(file: &str, reader: impl Read + Send, sink: &mut dyn Sink) -> Result<(), Error> {
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel(WAITING);
        let (give_back, used) = channel();
        thread::Builder::new()
            .name("read".to_owned())
            .spawn_scoped(scope, move || read(reader, used, &sender))
            .map_err(|error| cannot_read(file, &error))?;
        // After an error nobody takes the next chunk, and the reader ends.
        json::cut(file, Ahead { receiver, give_back }, sink)
    })
}

struct Ahead {
    receiver: Receiver<io::Result<Chunk>>,
    give_back: Sender<Vec<u8>>,
}

impl Chunks for Ahead {
    fn next(&mut self, used: Chunk) -> io::Result<Option<Chunk>> {
        // Nobody takes it at the end.
        let _ = self.give_back.send(used.into_bytes());
        self.receiver.recv().ok().transpose()
    }
}

fn read(reader: impl Read, used: Receiver<Vec<u8>>, sender: &SyncSender<io::Result<Chunk>>) {
    let mut pieces = Pieces::new(reader);
    let mut specs = KnownSpecs::default();
    while let Some(piece) = pieces.next(used.try_recv().unwrap_or_default()).transpose() {
        let failed = piece.is_err();
        let sent = match sender.try_send(piece) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(mut piece)) => {
                if let (Ok(chunk), Some(guess)) = (&mut piece, &pieces.item_start) {
                    chunk.decode_pods(guess, &mut specs);
                }
                sender.send(piece).map_err(drop)
            }
            Err(TrySendError::Disconnected(_)) => Err(()),
        };
        if failed || sent.is_err() {
            return;
        }
    }
}

/// Cuts a stream where, by a guess, an item begins.
struct Pieces<R> {
    reader: R,
    /// What was read behind the last cut.
    rest: Vec<u8>,
    item_start: Option<ItemStart>,
    is_first: bool,
}

impl<R: Read> Pieces<R> {
    fn new(reader: R) -> Self {
        Self { reader, rest: Vec::new(), item_start: None, is_first: true }
    }

    /// The next one, in the room of `bytes`.
    fn next(&mut self, mut bytes: Vec<u8>) -> io::Result<Option<Chunk>> {
        // What was there is overwritten: to clear half a megabyte each time would be work.
        bytes.resize(CHUNK_BYTES.max(self.rest.len()), 0);
        let mut end = self.rest.len();
        bytes[..end].copy_from_slice(&self.rest);
        self.rest.clear();
        while end < bytes.len() {
            match self.reader.read(&mut bytes[end..]) {
                Ok(0) => break,
                Ok(read) => end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(end);
        if std::mem::take(&mut self.is_first) {
            self.item_start = ItemStart::guess(&bytes);
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        if bytes.len() >= CHUNK_BYTES {
            let at = self.item_start.as_ref().and_then(|start| start.last(&bytes)).filter(|at| *at > 0);
            let at = at.unwrap_or_else(|| before_split_character(&bytes));
            self.rest.extend_from_slice(&bytes[at..]);
            bytes.truncate(at);
        }
        Ok(Some(Chunk::new(bytes)))
    }
}

/// Where bytes end, without a character that goes on behind them.
fn before_split_character(bytes: &[u8]) -> usize {
    let longest = 4;
    let start = bytes.iter().rev().take(longest).position(|byte| byte & 0b1100_0000 != 0b1000_0000);
    match start {
        Some(back) if bytes[bytes.len() - 1 - back] >= 0b1100_0000 => bytes.len() - 1 - back,
        _ => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use karp_core::model::Pod;

    use super::*;

    /// Keeps what it is given; gives up at an object that says so.
    #[derive(Default)]
    struct Kept(Vec<(String, usize, Option<String>, Option<Pod>)>, KnownSpecs);

    impl Sink for Kept {
        fn item(&mut self, text: &str, line: usize, list: Option<&str>) -> Result<(), Error> {
            self.0.push((text.to_owned(), line, list.map(str::to_owned), None));
            if text.contains("wrong") { Err(Error::usage("decoding failed")) } else { Ok(()) }
        }
        fn is_of_pods(&self, list: &str) -> bool {
            list.contains("PodList")
        }
        fn known_specs(&mut self) -> &mut KnownSpecs {
            &mut self.1
        }
        fn pod(&mut self, text: &str, line: usize, pod: Pod) -> Result<(), Error> {
            self.0.push((text.to_owned(), line, None, Some(pod)));
            Ok(())
        }
        fn list(&mut self, text: &str, line: usize) -> Result<(), Error> {
            self.item(text, line, None)
        }
    }

    /// All of it at once.
    struct Whole<'t>(&'t [u8]);

    impl Chunks for Whole<'_> {
        fn next(&mut self, _: Chunk) -> io::Result<Option<Chunk>> {
            let whole = std::mem::take(&mut self.0).to_vec();
            Ok(Some(whole).filter(|whole| !whole.is_empty()).map(Chunk::new))
        }
    }

    fn list_of(item: &str, items: usize, last: &str) -> String {
        format!("{{\"kind\":\"PodList\",\"items\":[{}{last}]}}{{\"kind\":\"Node\"}}", item.repeat(items))
    }

    #[test]
    fn hands_out_what_the_cutter_does_and_fails_as_it_does() {
        let bytes = "é".repeat(500);
        let large = 9 * CHUNK_BYTES / 1000;
        let other = format!("{{\"kind\":\"x\",\"y\":\"{bytes}\"}},\n");
        let pod = |kind: &str| {
            format!(
                "{{{kind}\n\t\"metadata\":{{\"name\":\"{bytes}\"}},\n\"spec\":{{\"nodeName\":\"a\"}}}},\n"
            )
        };
        let said = pod("\"kind\":\"Pod\",\"apiVersion\":\"v1\",");
        for item in [&other, &said, &pod("")] {
            for text in [
                list_of(item, 3, "{}"),
                list_of(item, large, "{}"),
                list_of(item, large, "7"),
                list_of(item, large, "{\"wrong\":1},{\"open\":"),
                format!("[{}", list_of(item, large, "{\"wrong\":1}")),
                item.repeat(large),
            ] {
                let (mut slow, mut fast) = (Kept::default(), Kept::default());
                let expected =
                    json::cut("f", Whole(text.as_bytes()), &mut slow).map_err(|error| error.message);
                let result = cut("f", text.as_bytes(), &mut fast).map_err(|error| error.message);
                assert_eq!(result, expected);
                assert!(fast.0 == slow.0, "{} and {} objects", fast.0.len(), slow.0.len());
            }
        }
    }

    #[test]
    fn pieces_begin_with_items_and_end_between_characters() {
        let pod =
            format!("{{\n    \"kind\": \"Pod\",\n\"x\": [{{\"kind\": \"{}\"}}]}},\n  ", "é".repeat(999));
        let lists = [
            format!("{{\"items\": [\n  {}", pod.repeat(1000)),
            format!("[{}", pod.replace(['\n', ' '], "").repeat(1000)),
        ];
        for (text, begins) in
            [(&lists[0], "{\n    \"kind\""), (&lists[1], "{\"kind\""), (&"é".repeat(CHUNK_BYTES), "é")]
        {
            let mut pieces =
                Pieces { reader: text.as_bytes(), rest: Vec::new(), item_start: None, is_first: true };
            let mut all = String::new();
            while let Some(chunk) = pieces.next(Vec::new()).unwrap() {
                let piece = chunk.text().expect("text");
                assert!(all.is_empty() || piece.starts_with(begins), "{:?}", &piece[..20]);
                all += piece;
            }
            assert!(all == **text);
        }
    }
}
