//! Cuts JSON into objects on a thread of its own, a few batches ahead of who decodes them: of two cores, one unpacks
//! and cuts while the other decodes. When the decoder falls behind, the cutter decodes the pods of its batch instead
//! of waiting. What is handed out, and in which order, is that of [`super::json::cut`].

use std::io::Read;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread;

use karp_core::model::Pod;
use karp_core::report::Error;

use super::cannot_read;
use super::item::is_pod;
use super::json::{self, Sink};
use super::pod::KnownSpecs;

const BATCH_BYTES: usize = 1 << 19;
/// How many batches may wait.
const BATCHES: usize = 4;

/// Reads everything from `reader`.
pub(super) fn cut(file: &str, reader: impl Read + Send, sink: &mut dyn Sink) -> Result<(), Error> {
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel(BATCHES);
        let work = move || {
            let mut batches =
                Batches { batch: Batch::default(), list: None, sender, specs: KnownSpecs::default() };
            let result = json::cut(file, reader, &mut batches);
            // What comes before an error is decoded before the error is told.
            let sent = batches.send();
            result.and(sent)
        };
        let cutter = thread::Builder::new()
            .name("cut".to_owned())
            .spawn_scoped(scope, work)
            .map_err(|error| cannot_read(file, &error))?;
        let decoded = receiver.iter().try_for_each(|batch: Batch| batch.hand_out(sink));
        // After an error nobody reads on: the thread must not wait for that.
        drop(receiver);
        let cut = cutter.join().unwrap_or_else(|panic| resume_unwind(panic));
        decoded.and(cut)
    })
}

/// Objects behind each other.
#[derive(Default)]
struct Batch {
    text: String,
    pieces: Vec<Piece>,
}

struct Piece {
    /// Where it ends in the text of the batch.
    end: usize,
    line: usize,
    kind: Kind,
}

enum Kind {
    /// An object, in a list or not.
    Item(Option<Arc<str>>),
    /// A pod that was decoded on the way.
    Pod(Option<Arc<str>>, Pod),
    /// A list without its items.
    List,
}

impl Batch {
    fn hand_out(self, sink: &mut dyn Sink) -> Result<(), Error> {
        let mut start = 0;
        for piece in self.pieces {
            let text = &self.text[start..piece.end];
            match piece.kind {
                Kind::Item(list) => sink.item(text, piece.line, list.as_deref())?,
                Kind::Pod(list, pod) => sink.pod(text, piece.line, list.as_deref(), pod)?,
                Kind::List => sink.list(text, piece.line)?,
            }
            start = piece.end;
        }
        Ok(())
    }

    /// Decodes the pods in it. What is not decoded here, errors among it, is left to who gets the batch.
    fn decode_pods(&mut self, specs: &mut KnownSpecs) {
        let mut start = 0;
        for piece in &mut self.pieces {
            let text = &self.text[start..piece.end];
            if let Kind::Item(list) = &mut piece.kind
                && is_pod(text)
                && let Some(pod) = specs.pod(text)
            {
                piece.kind = Kind::Pod(list.take(), pod);
            }
            start = piece.end;
        }
    }
}

/// Collects what is cut.
struct Batches {
    batch: Batch,
    /// The list whose items are coming.
    list: Option<Arc<str>>,
    sender: SyncSender<Batch>,
    /// Specs of the pods that were decoded here.
    specs: KnownSpecs,
}

impl Batches {
    fn push(&mut self, text: &str, line: usize, kind: Kind) -> Result<(), Error> {
        self.batch.text.push_str(text);
        self.batch.pieces.push(Piece { end: self.batch.text.len(), line, kind });
        if self.batch.text.len() < BATCH_BYTES { Ok(()) } else { self.send() }
    }

    /// Fails only after the decoder failed, whose error is the one that is told.
    fn send(&mut self) -> Result<(), Error> {
        let given_up = || Error::usage("reading was given up");
        match self.sender.try_send(std::mem::take(&mut self.batch)) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(mut batch)) => {
                batch.decode_pods(&mut self.specs);
                self.sender.send(batch).map_err(|_| given_up())
            }
            Err(TrySendError::Disconnected(_)) => Err(given_up()),
        }
    }
}

impl Sink for Batches {
    fn item(&mut self, text: &str, line: usize, list: Option<&str>) -> Result<(), Error> {
        if self.list.as_deref() != list {
            self.list = list.map(Arc::from);
        }
        let list = self.list.clone();
        self.push(text, line, Kind::Item(list))
    }

    fn list(&mut self, text: &str, line: usize) -> Result<(), Error> {
        self.push(text, line, Kind::List)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps what it is given; gives up at an object that says so.
    #[derive(Default, Debug, PartialEq)]
    struct Kept(Vec<(String, usize, Option<String>)>);

    impl Sink for Kept {
        fn item(&mut self, text: &str, line: usize, list: Option<&str>) -> Result<(), Error> {
            self.0.push((text.to_owned(), line, list.map(str::to_owned)));
            if text.contains("wrong") { Err(Error::usage("decoding failed")) } else { Ok(()) }
        }
        fn list(&mut self, text: &str, line: usize) -> Result<(), Error> {
            self.item(text, line, None)
        }
    }

    fn list_of(items: usize, last: &str) -> String {
        let item = format!("{{\"kind\":\"Pod\",\"x\":\"{}\"}},\n", "y".repeat(1000));
        format!("{{\"kind\":\"List\",\"items\":[{}{last}]}}{{\"kind\":\"Node\"}}", item.repeat(items))
    }

    #[test]
    fn hands_out_what_the_cutter_does_and_fails_as_it_does() {
        let large = 5 * BATCH_BYTES / 1000;
        for text in [
            list_of(3, "{}"),
            list_of(large, "{}"),
            list_of(large, "7"),
            list_of(large, "{\"wrong\":1},{\"open\":"),
            format!("[{}", list_of(large, "{\"wrong\":1}")),
        ] {
            let (mut slow, mut fast) = (Kept::default(), Kept::default());
            let expected = json::cut("f", text.as_bytes(), &mut slow).map_err(|error| error.message);
            let result = cut("f", text.as_bytes(), &mut fast).map_err(|error| error.message);
            assert_eq!(result, expected);
            assert!(fast == slow, "{} and {} objects", fast.0.len(), slow.0.len());
        }
    }

    #[test]
    fn pods_decoded_on_the_way_are_those_of_their_text() {
        let pod =
            r#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"web-0"},"spec":{"nodeName":"node-1"}}"#;
        let mut batch = Batch::default();
        for text in
            [pod, r#"{"kind":"Pod","apiVersion":"v1","metadata":7}"#, r#"{"kind":"Node","apiVersion":"v1"}"#]
        {
            batch.text.push_str(text);
            batch.pieces.push(Piece { end: batch.text.len(), line: 1, kind: Kind::Item(None) });
        }
        batch.decode_pods(&mut KnownSpecs::default());
        let decoded: Vec<Option<&Pod>> = batch
            .pieces
            .iter()
            .map(|piece| if let Kind::Pod(_, pod) = &piece.kind { Some(pod) } else { None })
            .collect();
        let expected: Pod = serde_json::from_str(pod).unwrap();
        assert_eq!(decoded, [Some(&expected), None, None]);
    }
}
