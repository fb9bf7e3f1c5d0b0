//! The loop: one message after the other, and when there is none, what is due.
//!
//! Problem: an editor sends a change per key stroke and, with each, half a dozen questions; when it types faster than
//! a file is evaluated, nothing may pile up. So messages are taken in as they come ([`Inbox`]), a cancelled request is
//! answered without being worked on, a change only replaces text, and diagnostics are computed when the inbox is empty,
//! once for all changes before, and given up when something arrives meanwhile (what was found out is remembered).
//!
//! A panic while a request is answered is a mistake of the program: it costs that answer and no more.

use super::capabilities::{Editor, server};
use super::convert::point;
use super::dispatch::{Failure, RequestContext};
use super::publish::{Shown, View};
use super::workspace::{Change, Workspace};
use lsp_server::{Connection, ErrorCode, Message, Notification, Request, RequestId, Response};
use lsp_types::notification::{self, Notification as _};
use lsp_types::request::{InlayHintRefreshRequest, RegisterCapability, Request as _};
use lsp_types::{
    CancelParams, DidChangeTextDocumentParams, DidChangeWatchedFilesParams,
    DidChangeWorkspaceFoldersParams, DidCloseTextDocumentParams, DidOpenTextDocumentParams,
    InitializeParams, InitializeResult, NumberOrString, PublishDiagnosticsParams, ServerInfo,
};
use serde::de::DeserializeOwned;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, TryRecvError};

/// How the server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// `shutdown`, then `exit`.
    Orderly,
    /// `exit` without `shutdown`, or the editor is gone.
    Abrupt,
}

/// Speaks with the editor at the other end of `connection` until it says goodbye.
pub fn serve(connection: Connection) -> End {
    let Connection { sender, receiver } = connection;
    let (forward, inbox) = mpsc::channel();
    let workspace = Workspace::new(Editor::default().encoding);
    let stop = workspace.cache.stop.clone();
    // The transport hands over one message at a time; all that have come must be seen, to know what is out of date.
    let reader = std::thread::spawn(move || {
        for message in receiver {
            let last = matches!(&message, Message::Notification(n) if n.method == notification::Exit::METHOD);
            let overtakes = overtakes(&message)
                || matches!(&message, Message::Notification(note)
                if note.method == notification::Cancel::METHOD);
            let closed = forward.send(message).is_err();
            // Set after the message can be seen, so that whoever is stopped finds out why.
            if overtakes {
                stop.set();
            }
            if closed || last {
                break;
            }
        }
    });
    let mut server = Server {
        inbox: Inbox {
            receiver: inbox,
            queue: VecDeque::new(),
            cancelled: Vec::new(),
            current: None,
            gone: false,
        },
        send: Box::new(move |message| {
            // Nobody listens any more: the inbox will say so too.
            let _ = sender.send(message);
        }),
        editor: Editor::default(),
        workspace,
        shown: Shown::default(),
        state: State::Uninitialized,
        asked: 0,
    };
    let end = server.run();
    if end == End::Orderly {
        let _ = reader.join();
    }
    end
}

/// Messages that have come and wait.
struct Inbox {
    receiver: Receiver<Message>,
    queue: VecDeque<Message>,
    /// Requests in the queue that nobody waits for.
    cancelled: Vec<RequestId>,
    /// The request that is being worked on.
    current: Option<RequestId>,
    /// The editor closed the connection.
    gone: bool,
}

impl Inbox {
    /// Takes in what has come, without waiting. Whether there is something to do.
    fn take_in(&mut self) -> bool {
        loop {
            match self.receiver.try_recv() {
                Ok(message) => self.put(message),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    self.gone = true;
                    break;
                }
            }
        }
        !self.queue.is_empty()
    }

    /// The next message; waits for one. `None`: there will be none.
    fn next(&mut self) -> Option<Message> {
        // Only a closed channel is the end: a message may leave nothing behind, as the cancellation of a request
        // that is answered already does.
        while !self.take_in() {
            match self.receiver.recv() {
                Ok(message) => self.put(message),
                Err(_) => return None,
            }
        }
        self.queue.pop_front()
    }

    fn put(&mut self, message: Message) {
        if let Message::Notification(note) = &message
            && note.method == notification::Cancel::METHOD
        {
            if let Ok(params) = serde_json::from_value::<CancelParams>(note.params.clone()) {
                let id = match params.id {
                    NumberOrString::Number(number) => RequestId::from(number),
                    NumberOrString::String(text) => RequestId::from(text),
                };
                let waits = self.queue.iter().any(
                    |message| matches!(message, Message::Request(request) if request.id == id),
                );
                let known = self.cancelled.contains(&id);
                if !known && (waits || self.current.as_ref() == Some(&id)) {
                    self.cancelled.push(id);
                }
            }
            return;
        }
        self.queue.push_back(message);
    }

    fn is_cancelled(&mut self, id: &RequestId) -> bool {
        let known = self.cancelled.iter().position(|cancelled| cancelled == id);
        if let Some(at) = known {
            self.cancelled.swap_remove(at);
        }
        known.is_some()
    }

    /// Whether an answer that takes time would come too late: nobody waits for it, the text has changed, or
    /// everything ends.
    fn is_overtaken(&mut self) -> bool {
        self.take_in();
        let current = self.current.as_ref();
        self.gone
            || current.is_some_and(|id| self.cancelled.contains(id))
            || self.queue.iter().any(overtakes)
    }
}

/// Whether what is worked on when the message comes is worthless.
fn overtakes(message: &Message) -> bool {
    match message {
        Message::Notification(note) => matches!(
            note.method.as_str(),
            notification::DidChangeTextDocument::METHOD | notification::Exit::METHOD
        ),
        Message::Request(request) => request.method == "shutdown",
        Message::Response(_) => false,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Uninitialized,
    Running,
    ShutDown,
}

struct Server {
    inbox: Inbox,
    send: Box<dyn Fn(Message)>,
    editor: Editor,
    workspace: Workspace,
    shown: Shown,
    state: State,
    /// Number of requests of ours.
    asked: i32,
}

impl Server {
    fn run(&mut self) -> End {
        loop {
            if !self.inbox.take_in() {
                self.work_off();
            }
            let Some(message) = self.inbox.next() else {
                return End::Abrupt;
            };
            match message {
                Message::Request(request) => self.request(request),
                Message::Notification(note) if note.method == notification::Exit::METHOD => {
                    return if self.state == State::ShutDown {
                        End::Orderly
                    } else {
                        End::Abrupt
                    };
                }
                Message::Notification(note) => self.notification(note),
                // Nothing was asked.
                Message::Response(_) => {}
            }
        }
    }

    /// Diagnostics of all documents that are due, until a message arrives.
    fn work_off(&mut self) {
        while let Some(path) = self.workspace.due() {
            let view = View {
                related: self.editor.related,
                warnings: self.editor.settings.warnings,
            };
            let Server {
                workspace,
                shown,
                inbox,
                ..
            } = self;
            let update = catch_unwind(AssertUnwindSafe(|| {
                shown.update(workspace, &path, view, &mut || inbox.take_in())
            }));
            match update {
                Ok(Some((messages, elsewhere))) => {
                    self.publish(messages);
                    if elsewhere && self.editor.refreshes_hints {
                        self.ask(InlayHintRefreshRequest::METHOD, serde_json::Value::Null);
                    }
                }
                // Something has come; the document stays due.
                Ok(None) if self.inbox.take_in() => return,
                // Not again before the next change.
                Ok(None) | Err(_) => {
                    self.workspace.done(&path);
                }
            }
        }
    }

    fn publish(&self, messages: Vec<PublishDiagnosticsParams>) {
        for params in messages {
            let method = notification::PublishDiagnostics::METHOD.to_owned();
            (self.send)(Message::Notification(Notification::new(method, params)));
        }
    }

    /// A request of ours; the answer tells nothing.
    fn ask(&mut self, method: &str, params: serde_json::Value) {
        self.asked += 1;
        let id = RequestId::from(self.asked);
        let request = Request::new(id, method.to_owned(), params);
        (self.send)(Message::Request(request));
    }

    /// Files that are not open change too.
    fn watch_files(&mut self) {
        let watch = serde_json::json!({ "registrations": [{
            "id": "files",
            "method": notification::DidChangeWatchedFiles::METHOD,
            "registerOptions": { "watchers": [{ "globPattern": "**/*.{dflow,m}" }] },
        }] });
        self.ask(RegisterCapability::METHOD, watch);
    }

    fn request(&mut self, request: Request) {
        let id = request.id.clone();
        let response = if self.inbox.is_cancelled(&id) {
            failed(id, ErrorCode::RequestCanceled, "cancelled")
        } else {
            match (self.state, request.method.as_str()) {
                (State::Uninitialized, "initialize") => self.initialize(request),
                (State::Uninitialized, _) => failed(
                    id,
                    ErrorCode::ServerNotInitialized,
                    "`initialize` comes first",
                ),
                (_, "initialize") => failed(id, ErrorCode::InvalidRequest, "initialized already"),
                (State::Running, "shutdown") => {
                    self.state = State::ShutDown;
                    Response::new_ok(id, serde_json::Value::Null)
                }
                (State::ShutDown, _) => failed(id, ErrorCode::InvalidRequest, "after `shutdown`"),
                (State::Running, _) => self.answer(request),
            }
        };
        (self.send)(Message::Response(response));
    }

    fn initialize(&mut self, request: Request) -> Response {
        let id = request.id;
        let params: InitializeParams = match serde_json::from_value(request.params) {
            Ok(params) => params,
            Err(error) => return failed(id, ErrorCode::InvalidParams, &error.to_string()),
        };
        self.editor = Editor::new(&params.capabilities);
        self.workspace.encoding = self.editor.encoding;
        self.workspace.folders = folders(&params);
        if let Some(options) = &params.initialization_options {
            self.editor.settings = self.editor.settings.with(options);
        }
        let options = params.initialization_options.as_ref();
        let hardware = options.and_then(|options| options.get("hardware")?.as_str());
        self.workspace.hardware = hardware.map(str::to_owned);
        self.state = State::Running;
        let result = InitializeResult {
            capabilities: server(self.editor),
            server_info: Some(ServerInfo {
                name: "dflowc".to_owned(),
                version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            }),
        };
        Response::new_ok(id, result)
    }

    fn answer(&mut self, request: Request) -> Response {
        let id = request.id.clone();
        let Server {
            workspace,
            inbox,
            editor,
            ..
        } = self;
        inbox.current = Some(id.clone());
        let mut stop = || inbox.is_overtaken();
        let mut context = RequestContext {
            workspace,
            editor: *editor,
            stop: &mut stop,
        };
        // What a panic left half done is a cache at worst: documents are changed elsewhere.
        let answer = catch_unwind(AssertUnwindSafe(|| context.answer(request)));
        self.inbox.current = None;
        if self.inbox.is_cancelled(&id) {
            return failed(id, ErrorCode::RequestCanceled, "cancelled");
        }
        match answer {
            Ok(Ok(value)) => Response::new_ok(id, value),
            Ok(Err(Failure { code, message })) => failed(id, code, &message),
            Err(_) => failed(
                id,
                ErrorCode::InternalError,
                "this is a mistake of the program, please report it",
            ),
        }
    }

    fn notification(&mut self, note: Notification) {
        if self.state != State::Running {
            return;
        }
        let taken = catch_unwind(AssertUnwindSafe(|| self.take(note)));
        // A text that could not be taken in is as it was.
        let messages = taken.unwrap_or_default();
        self.publish(messages);
    }

    fn take(&mut self, note: Notification) -> Vec<PublishDiagnosticsParams> {
        match note.method.as_str() {
            notification::Initialized::METHOD if self.editor.watches_files => self.watch_files(),
            notification::DidOpenTextDocument::METHOD => {
                if let Some(params) = read::<DidOpenTextDocumentParams>(note) {
                    let document = params.text_document;
                    self.workspace
                        .open(document.uri.as_str(), document.version, document.text);
                }
            }
            notification::DidChangeTextDocument::METHOD => {
                if let Some(params) = read::<DidChangeTextDocumentParams>(note) {
                    let changes = params.content_changes.into_iter().map(|change| Change {
                        range: change
                            .range
                            .map(|range| (point(range.start), point(range.end))),
                        text: change.text,
                    });
                    let document = params.text_document;
                    self.workspace.change(
                        document.uri.as_str(),
                        document.version,
                        changes.collect(),
                    );
                }
            }
            notification::DidCloseTextDocument::METHOD => {
                if let Some(params) = read::<DidCloseTextDocumentParams>(note) {
                    let uri = params.text_document.uri;
                    let path = Workspace::path(uri.as_str());
                    self.workspace.close(uri.as_str());
                    return self.shown.closed(&self.workspace, &path);
                }
            }
            notification::DidChangeWatchedFiles::METHOD => {
                if let Some(params) = read::<DidChangeWatchedFilesParams>(note) {
                    for event in params.changes {
                        self.workspace.forget(&Workspace::path(event.uri.as_str()));
                    }
                }
            }
            notification::DidChangeConfiguration::METHOD => {
                let old = self.editor.settings;
                self.editor.settings = old.with(&note.params["settings"]);
                if self.editor.settings != old {
                    self.workspace.say_again();
                    if self.editor.refreshes_hints {
                        self.ask(InlayHintRefreshRequest::METHOD, serde_json::Value::Null);
                    }
                }
            }
            notification::DidChangeWorkspaceFolders::METHOD => {
                if let Some(params) = read::<DidChangeWorkspaceFoldersParams>(note) {
                    let folders = &mut self.workspace.folders;
                    for gone in &params.event.removed {
                        let path = Workspace::path(gone.uri.as_str());
                        folders.retain(|folder| *folder != path);
                    }
                    let added = params.event.added.iter();
                    folders.extend(added.map(|folder| Workspace::path(folder.uri.as_str())));
                }
            }
            // A saved file has the text that it had: what imports it unopened is read again.
            notification::DidSaveTextDocument::METHOD => {
                if let Some(params) = read::<lsp_types::DidSaveTextDocumentParams>(note) {
                    self.workspace
                        .forget(&Workspace::path(params.text_document.uri.as_str()));
                }
            }
            _ => {}
        }
        Vec::new()
    }
}

/// The folders that the editor has open.
#[expect(deprecated, reason = "editors without folders say a root")]
fn folders(params: &InitializeParams) -> Vec<String> {
    if let Some(folders) = params
        .workspace_folders
        .as_ref()
        .filter(|all| !all.is_empty())
    {
        let paths = folders.iter();
        return paths
            .map(|folder| Workspace::path(folder.uri.as_str()))
            .collect();
    }
    let root = params.root_uri.iter();
    root.map(|root| Workspace::path(root.as_str())).collect()
}

/// A notification that does not make sense is dropped: nobody waits for an answer.
fn read<P: DeserializeOwned>(note: Notification) -> Option<P> {
    serde_json::from_value(note.params).ok()
}

fn failed(id: RequestId, code: ErrorCode, message: &str) -> Response {
    Response::new_err(id, code as i32, message.to_owned())
}
