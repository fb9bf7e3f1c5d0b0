//! Messages over the standard channels: frames, JSON, and what is neither.
//!
//! Problem: an editor frames each message as `Content-Length: 52`, a blank line and 52 bytes of JSON. What comes may be
//! broken all the same: a half-deleted emoji is a lone surrogate, a plugin may write a line of text, a length may be
//! 10^12. None of it may end the server. So a frame is read within bounds, lone surrogates become U+FFFD, what is no
//! JSON is answered with -32700 and what is no message with -32600, and reading goes on at the next
//! `Content-Length` line, wherever it stands.
//!
//! Invariants: no frame takes more memory than [`LARGEST_MESSAGE`]; only the end of the input and `exit` end the
//! reader; everything refused is said on the standard error output in one line.

use lsp_server::{Connection, ErrorCode, Message, Notification, Request, Response};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::io::{self, BufRead, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// A message is at most this long, in bytes: six times the largest source, for what JSON escapes, and room for the rest.
const LARGEST_MESSAGE: usize = 96 << 20;
/// Of a header line only its end counts: `Content-Length: ` and the digits of a number.
const HEADER_END: usize = 64;
/// What a refused message shows of itself on the standard error output, in characters.
const SHOWN: usize = 80;

/// Where answers go. Two threads write: the server, and the reader for what it refuses.
type Output = Arc<Mutex<Box<dyn Write + Send>>>;

/// The threads at the two channels.
pub(super) struct Threads {
    writer: JoinHandle<()>,
}

impl Threads {
    /// Waits until all answers are written. The reader is not waited for: it may be inside a read.
    pub(super) fn join(self) {
        let _ = self.writer.join();
    }
}

/// A connection to the editor behind the standard channels.
pub(super) fn stdio() -> (Connection, Threads) {
    let (ours, theirs) = Connection::memory();
    let Connection { sender, receiver } = theirs;
    let output: Output = Arc::new(Mutex::new(Box::new(io::stdout())));
    let answers = Arc::clone(&output);
    let writer = std::thread::spawn(move || {
        for message in receiver {
            if write_message(&answers, &to_value(&message)).is_err() {
                complain("the editor does not take answers any more");
                break;
            }
        }
    });
    std::thread::spawn(move || {
        let ended = read_all(&mut io::stdin().lock(), &output, |message| {
            sender.send(message).is_ok()
        });
        match ended {
            Ok(true) => {}
            Ok(false) => complain("the input ended without `exit`"),
            Err(error) => complain(&format!("the input cannot be read: {error}")),
        }
    });
    (ours, Threads { writer })
}

/// One line on the standard error output. That nobody reads it is no reason to end.
fn complain(what: &str) {
    let _ = writeln!(io::stderr(), "dflowc lsp: {what}");
}

/// Hands over every message until `exit`, the end of the input, or until nobody takes them; whether it was not the end
/// of the input.
fn read_all(
    input: &mut impl BufRead,
    output: &Output,
    mut take: impl FnMut(Message) -> bool,
) -> io::Result<bool> {
    while let Some(frame) = read_frame(input)? {
        let text = match frame {
            Frame::Text(text) => text,
            Frame::Refused(why) => {
                refuse(output, Value::Null, ErrorCode::InvalidRequest, &why);
                continue;
            }
        };
        match to_message(&text) {
            Ok(message) => {
                let last = matches!(&message, Message::Notification(n) if n.method == "exit");
                if !take(message) || last {
                    return Ok(true);
                }
            }
            Err(Refusal { id, code, why }) => {
                let shown: String = text.chars().take(SHOWN).collect();
                refuse(output, id, code, &why);
                complain(&format!("the refused message begins {shown:?}"));
            }
        }
    }
    Ok(false)
}

fn refuse(output: &Output, id: Value, code: ErrorCode, why: &str) {
    complain(why);
    let error = json!({ "code": code as i32, "message": why });
    let answer = json!({ "jsonrpc": "2.0", "id": id, "error": error });
    // A channel that is closed is noticed by the writer.
    let _ = write_message(output, &answer);
}

fn to_value(message: &Message) -> Value {
    let mut value = serde_json::to_value(message).unwrap_or_default();
    if let Some(object) = value.as_object_mut() {
        object.insert("jsonrpc".to_owned(), json!("2.0"));
    }
    value
}

fn write_message(output: &Output, message: &Value) -> io::Result<()> {
    let text = message.to_string();
    let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
    write!(output, "Content-Length: {}\r\n\r\n{text}", text.len())?;
    output.flush()
}

/// What stands between two headers.
enum Frame {
    Text(String),
    /// Not read, and why. What follows is searched for the next header.
    Refused(String),
}

/// The next frame; `None` at the end of the input.
///
/// Header lines other than the length are skipped, whatever they are: after a frame that was refused or whose length was
/// wrong they are the rest of it, and a length may then stand at the end of a line.
fn read_frame(input: &mut impl BufRead) -> io::Result<Option<Frame>> {
    let mut length = None;
    loop {
        let Some(end) = line_end(input)? else {
            return Ok(None);
        };
        if end.is_empty() && length.is_some() {
            break;
        }
        if let Some(found) = content_length(&end) {
            length = Some(found);
        }
    }
    let Some(Some(length)) = length.map(|length| length.filter(|&most| most <= LARGEST_MESSAGE))
    else {
        return Ok(Some(Frame::Refused(format!(
            "a message is longer than {} MiB",
            LARGEST_MESSAGE >> 20
        ))));
    };
    let mut bytes = Vec::new();
    let wanted = u64::try_from(length).unwrap_or(u64::MAX);
    // Grows with what comes, not with what was announced.
    if input.take(wanted).read_to_end(&mut bytes)? < length {
        return Ok(None);
    }
    Ok(Some(Frame::Text(
        String::from_utf8_lossy(&bytes).into_owned(),
    )))
}

/// The last bytes of the next line, without its line end; `None` at the end of the input.
fn line_end(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut end = Vec::new();
    let mut any = false;
    loop {
        let available = input.fill_buf()?;
        if available.is_empty() {
            return Ok(any.then_some(end));
        }
        any = true;
        let newline = available.iter().position(|&byte| byte == b'\n');
        let piece = &available[..newline.unwrap_or(available.len())];
        end.extend_from_slice(&piece[piece.len().saturating_sub(HEADER_END)..]);
        let surplus = end.len().saturating_sub(HEADER_END);
        end.drain(..surplus);
        let used = newline.map_or(available.len(), |at| at + 1);
        input.consume(used);
        if newline.is_some() {
            if end.last() == Some(&b'\r') {
                end.pop();
            }
            return Ok(Some(end));
        }
    }
}

/// The length at the end of a line; `Some(None)` when it is larger than any number.
fn content_length(line: &[u8]) -> Option<Option<usize>> {
    const NAME: &str = "content-length:";
    let text = String::from_utf8_lossy(line).to_ascii_lowercase();
    let digits = text.get(text.rfind(NAME)? + NAME.len()..)?.trim();
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok())
}

/// Why something is no message, and to whom that is said.
struct Refusal {
    /// The id that it had, or null.
    id: Value,
    code: ErrorCode,
    why: String,
}

fn to_message(text: &str) -> Result<Message, Refusal> {
    let parsed = serde_json::from_str::<Value>(text)
        .or_else(|_| serde_json::from_str(&without_lone_surrogates(text)));
    let value = parsed.map_err(|error| Refusal {
        id: Value::Null,
        code: ErrorCode::ParseError,
        why: format!("a message is no JSON: {error}"),
    })?;
    let id = value.get("id").cloned().unwrap_or_default();
    classify(value).map_err(|why| Refusal {
        // Only what may be an id is sent back as one.
        id: if id.is_number() || id.is_string() {
            id
        } else {
            Value::Null
        },
        code: ErrorCode::InvalidRequest,
        why: format!("not a message of JSON-RPC 2.0: {why}"),
    })
}

fn classify(value: Value) -> Result<Message, String> {
    let Value::Object(object) = &value else {
        return Err("it is no object; messages come one by one".to_owned());
    };
    let is_answer = object.contains_key("result") || object.contains_key("error");
    let wrong = |error: serde_json::Error| error.to_string();
    match (object.get("method"), object.contains_key("id")) {
        (Some(_), true) => serde_json::from_value::<Request>(value)
            .map(Message::Request)
            .map_err(wrong),
        (Some(_), false) => serde_json::from_value::<Notification>(value)
            .map(Message::Notification)
            .map_err(wrong),
        (None, true) if is_answer => serde_json::from_value::<Response>(value)
            .map(Message::Response)
            .map_err(wrong),
        (None, _) => Err("it has neither `method` nor `id` with `result`".to_owned()),
    }
}

/// The text with every `\uD800` to `\uDFFF` that is not half of a pair written as `\uFFFD`: what an editor sends of an
/// emoji that was deleted in half.
fn without_lone_surrogates(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let unit = |at: usize| -> Option<u16> {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let mut out = String::new();
    let (mut at, mut copied) = (0, 0);
    while at < bytes.len() {
        if bytes[at] != b'\\' {
            at += 1;
            continue;
        }
        match unit(at) {
            Some(0xD800..=0xDBFF) if matches!(unit(at + 6), Some(0xDC00..=0xDFFF)) => at += 12,
            Some(0xD800..=0xDFFF) => {
                out.push_str(&text[copied..at]);
                out.push_str("\\uFFFD");
                at += 6;
                copied = at;
            }
            // The backslash and what it escapes; both are one byte, or the JSON is wrong anyway.
            _ => at += 2,
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(text: &str) -> Vec<u8> {
        format!("Content-Length: {}\r\n\r\n{text}", text.len()).into_bytes()
    }

    /// The methods that are handed over, and the answers of the reader itself.
    fn read(input: &[u8]) -> (Vec<String>, String, bool) {
        #[derive(Clone, Default)]
        struct Sink(Arc<Mutex<Vec<u8>>>);
        impl Write for Sink {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let sink = Sink::default();
        let output: Output = Arc::new(Mutex::new(Box::new(sink.clone())));
        let mut methods = Vec::new();
        let ended = read_all(&mut &input[..], &output, |message| {
            methods.push(match message {
                Message::Request(request) => request.method,
                Message::Notification(note) => format!("{}: {}", note.method, note.params),
                Message::Response(_) => "answer".to_owned(),
            });
            true
        });
        let answers = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        (methods, answers, ended.unwrap())
    }

    const NEXT: &str = r#"{"jsonrpc":"2.0","id":7,"method":"next"}"#;

    #[test]
    fn what_is_no_message_is_answered_and_reading_goes_on() {
        for (broken, code) in [
            (r#"{"jsonrpc":"2.0",,}"#, "-32700"),
            ("", "-32700"),
            ("[1, 2]", "-32600"),
            ("null", "-32600"),
            (r#"{"id": 3}"#, "-32600"),
            (r#"{"id": 1.5, "method": "x"}"#, "-32600"),
            (r#"{"method": 4}"#, "-32600"),
        ] {
            let input = [framed(broken), framed(NEXT)].concat();
            let (methods, answers, _) = read(&input);
            assert_eq!(methods, ["next"], "{broken}");
            assert!(answers.contains(code), "{broken}: {answers}");
        }
    }

    #[test]
    fn lengths_past_the_bound_and_wrong_headers_cost_only_their_message() {
        for broken in [
            "Content-Length: 1000000000000\r\n\r\n{}",
            "Content-Length: 99999999999999999999999999\r\n\r\n{}\r\n",
            "hello\r\n\r\n",
            "Content-Length: many\r\n\r\n",
        ] {
            let input = [broken.as_bytes().to_vec(), framed(NEXT)].concat();
            assert_eq!(read(&input).0, ["next"], "{broken}");
        }
        // A line without end is not kept.
        let input = [vec![b'x'; 1 << 20], framed(NEXT)].concat();
        assert_eq!(read(&input).0, ["next"]);
    }

    #[test]
    fn lone_surrogates_become_replacement_characters() {
        let text = r#"{"method":"m","params":["\ud83d\n","\ud83d\ude00","\\ud83d","\ude00"]}"#;
        let (methods, _, _) = read(&framed(text));
        let params = json!(["\u{FFFD}\n", "😀", "\\ud83d", "\u{FFFD}"]);
        assert_eq!(methods, [format!("m: {params}")]);
    }

    #[test]
    fn only_exit_is_an_end() {
        let exit = framed(r#"{"method":"exit"}"#);
        assert!(read(&exit).2);
        assert!(!read(&framed(NEXT)).2);
        assert!(!read(b"Content-Length: 50\r\n\r\n{").2);
    }
}
