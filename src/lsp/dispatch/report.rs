//! The report of a map, asked for from inside the text: a lens above each map, and the command behind it.

use super::{Answer, Failure, RequestContext, json};
use crate::diag::{Diagnostic, Diagnostics};
use crate::driver::Compiled;
use crate::evaluate::{self, Observer, Request, Selection, Step, Until};
use crate::lower::Options;
use crate::lsp::analysis::Snapshot;
use crate::lsp::capabilities::{REPORT, SHOW_REPORT};
use crate::lsp::convert::Places;
use crate::lsp::workspace::Workspace;
use crate::models;
use crate::report::{Report, WIDTH, text};
use crate::syntax::ast::Item;
use lsp_server::ErrorCode;
use lsp_types::{CodeLens, CodeLensParams, Command, ExecuteCommandParams, Position, Range};
use serde_json::{Value, json as value};

impl RequestContext<'_> {
    pub(super) fn lenses(&mut self, params: CodeLensParams) -> Answer {
        let uri = params.text_document.uri;
        let Some((_, snapshot)) = self.open(&uri) else {
            return Ok(Value::Null);
        };
        let mut places = Places::new(&snapshot, self.workspace.encoding);
        let items = snapshot.root().map_or(&[][..], |(_, root)| &root.ast.items);
        let maps = items.iter().filter_map(|item| match item {
            Item::Map(node) => Some(node),
            _ => None,
        });
        let lenses = maps.map(|node| {
            let start = places.range(node.span).start;
            CodeLens {
                range: Range::new(start, start),
                command: Some(Command {
                    title: "show report".to_owned(),
                    command: SHOW_REPORT.to_owned(),
                    arguments: Some(vec![value!(uri.as_str()), value!(start)]),
                }),
                data: None,
            }
        });
        json(lenses.collect::<Vec<_>>())
    }

    /// `dflowc.report` with the address of a file and a position in it: `{ "title": ..., "text": ... }`.
    pub(super) fn command(&mut self, params: ExecuteCommandParams) -> Answer {
        let invalid = |message: &str| Failure {
            code: ErrorCode::InvalidParams,
            message: message.to_owned(),
        };
        if params.command != REPORT {
            return Err(invalid("no such command"));
        }
        let [uri, position] = params.arguments.as_slice() else {
            return Err(invalid("takes the address of a file and a position"));
        };
        let position: Position = super::parse(position.clone())?;
        let path = Workspace::path(uri.as_str().unwrap_or_default());
        let Some(snapshot) = self.workspace.snapshot(&path) else {
            return Err(invalid("the file is not open"));
        };
        let offset = self.offset(&path, position);
        let Some(map) = map_at(&snapshot, offset) else {
            return Err(Failure {
                code: ErrorCode::RequestFailed,
                message: "there is no map here".to_owned(),
            });
        };
        let compiled = &snapshot.compiled;
        json(value!({
            "title": compiled.program.maps[map].name,
            "text": self.report_of(compiled, map, &path),
        }))
    }

    fn report_of(&mut self, compiled: &Compiled, map: usize, path: &str) -> String {
        let layers = (0..compiled.program.maps[map].assignments.len()).collect();
        let selection = Selection {
            maps: vec![(map, layers)],
        };
        let request = Request {
            selection: &selection,
            models: &[models::DEFAULT],
            until: Until::Evaluated,
            options: Options::default(),
            warnings: false,
        };
        let mut listener = Listener {
            sink: Diagnostics::new(),
            stop: self.stop,
        };
        let cache = self.workspace.cache.layers();
        let evaluations = evaluate::run(compiled, &request, cache, &mut listener);
        if evaluations.is_empty() {
            return "the map has mistakes: see the problems\n".to_owned();
        }
        text::write(&Report::new(path.to_owned(), evaluations), true, WIDTH)
    }
}

/// Listens for what ends the work early; what is wrong is said beside the text.
struct Listener<'a> {
    sink: Diagnostics,
    stop: &'a mut dyn FnMut() -> bool,
}

impl Observer for Listener<'_> {
    fn diagnostics(&mut self) -> &mut Diagnostics {
        &mut self.sink
    }

    fn proceed(&mut self, _next: &Step<'_>) -> bool {
        !(self.stop)()
    }

    fn inapplicable(&mut self, _refusal: Diagnostic) {}
}

/// The map whose block or head is at an offset; the only one, if there is one only.
fn map_at(snapshot: &Snapshot, offset: u32) -> Option<usize> {
    let (_, root) = snapshot.root()?;
    let maps = &snapshot.compiled.program.maps;
    let around = root.ast.items.iter().find_map(|item| match item {
        Item::Map(node) if (node.span.lo()..=node.span.hi()).contains(&offset) => Some(node.head()),
        _ => None,
    });
    match around {
        Some(head) => maps.iter().position(|map| map.span == head),
        None if maps.len() == 1 => Some(0),
        None => None,
    }
}
