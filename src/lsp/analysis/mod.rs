//! What an editor wants to know about a file: questions of text and place in, answers out; no protocol.
//!
//! Problem: behind `conv1: nvdla(c_tile = 3);` are a layer in another file, a dataflow of the library, a mapping, a
//! verdict and a cost. A [`Snapshot`] has everything that the compiler knows about one text and its imports; the
//! modules here read answers out of it. [`evaluate`] adds the costs, which take longer and are asked for less often.
//!
//! Invariants: nothing here changes anything or reads a file; places are spans of the snapshot's sources (bytes);
//! every question has an answer for every text, however broken.

pub mod complete;
pub mod context;
pub mod evaluate;
pub mod folding;
pub mod hints;
pub mod hover;
pub mod names;
pub mod paths;
pub mod rename;
pub mod schedules;
pub mod signature;
pub mod symbols;
pub mod tokens;
mod unnamed;
pub mod words;

use crate::base::{FileId, SourceFile, Span};
use crate::driver::{Compiled, Files, Session};
use crate::hir::{self, Definition, Kind, Module, Scope};

/// A file with its imports, as it was at one moment.
pub struct Snapshot {
    pub compiled: Compiled,
    /// Per module.
    pub scopes: Vec<Scope>,
}

impl Snapshot {
    /// Reads, parses and resolves `path`.
    #[must_use]
    pub fn new<F: Files>(session: &Session<F>, path: &str) -> Snapshot {
        Snapshot::on(session, path, None)
    }

    /// A `.m` file on the hardware of another, if one is given.
    #[must_use]
    pub fn on<F: Files>(session: &Session<F>, path: &str, hardware: Option<&str>) -> Snapshot {
        let compiled = session.load_on(path, &[], hardware);
        let scopes = hir::scopes(&compiled.modules);
        Snapshot { compiled, scopes }
    }

    /// The file that was asked for: its index and its tree; `None` when it could not be read.
    #[must_use]
    pub fn root(&self) -> Option<(usize, &Module)> {
        let modules = &self.compiled.modules;
        Some((modules.len().checked_sub(1)?, modules.last()?))
    }

    /// The number of the file that was asked for.
    #[must_use]
    pub fn file(&self) -> Option<FileId> {
        Some(self.root()?.1.ast.span.file())
    }

    /// The file that a span lies in.
    #[must_use]
    pub fn source(&self, span: Span) -> Option<&SourceFile> {
        self.compiled.sources.get(span.file())
    }

    /// The text of the file that was asked for.
    #[must_use]
    pub fn text(&self) -> &str {
        self.file()
            .and_then(|file| self.compiled.sources.get(file))
            .map_or("", SourceFile::text)
    }

    /// `std.kind.name` when the span lies in a file of the embedded library.
    #[must_use]
    pub fn library(&self, span: Span) -> Option<&str> {
        let modules = self.compiled.modules.iter();
        modules
            .filter(|module| module.ast.span.file() == span.file())
            .find_map(|module| module.std_path.as_deref())
    }

    /// What a dotted name means in the file that was asked for.
    #[must_use]
    pub fn named(&self, kind: Kind, name: &str) -> Option<Definition> {
        let (root, _) = self.root()?;
        let scope = self.scopes.get(root)?;
        let local = scope.get(&(kind, name.to_owned())).copied();
        let last = name.rsplit('.').next()?;
        local.or_else(|| {
            let modules = &self.compiled.modules;
            let module = modules.iter().position(|module| module.is_library(name))?;
            let items = &modules.get(module)?.ast.items;
            let item = items.iter().position(|item| {
                hir::defines(item).is_some_and(|(k, known, _)| k == kind && known == last)
            })?;
            Some(Definition { module, item })
        })
    }

    /// Whether the file at `path` is this one or one that it imports.
    #[must_use]
    pub fn depends_on(&self, path: &str) -> bool {
        let mut files = self.compiled.sources.files();
        files.any(|(_, file)| file.name() == path)
    }
}

/// Whether a byte offset lies in a span; both edges count, as a cursor stands between characters.
#[must_use]
pub fn touches(span: Span, offset: u32) -> bool {
    (span.lo()..=span.hi()).contains(&offset)
}

#[cfg(test)]
pub mod testing {
    //! Texts with a cursor, for the tests of the modules here.

    use super::Snapshot;
    use crate::driver::{MemoryFiles, Session};

    /// The snapshot of one text, in which `$0` marks the cursor, and the cursor's offset.
    pub fn cursor(text: &str) -> (Snapshot, u32) {
        let at = text.find("$0").unwrap_or(0);
        let files = MemoryFiles::new().with("a.dflow", &text.replace("$0", ""));
        let snapshot = Snapshot::new(&Session::new(files), "a.dflow");
        (snapshot, u32::try_from(at).unwrap())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lsp::analysis::evaluate::ResultCache;

    const TEXT: &str = "use std.dataflows.{nvdla as w}; /* \u{e4}\u{1f600} */ const T = min(2, 3);
Network n { Macs: 9; Layer a { Type: CONV; Dimensions { K: T, C: 4, Y: 6, X: 6, R: 3, S: 3 } Dataflow: d(t = 1); }
  Layer e { Type: EINSUM; Ranks { M: 2 } Compute: S[m] = A[m] * B[m]; Inputs: a; } }
Accelerator h { Memory M { Size: 4kB } Level L { Array P { Shape: [2, 2] } } Memory R { Holds: Input } Compute C { Lanes: 1 } }
Dataflow d(t = 2) on h { at M { tile K by t; } spread C by 1 over P[0]; retain a.Weight in R; SpatialMap(Sz(K), 1) Y'; }
Map n on h { default CONV: w; Fuse a, e { tile e.M by 1 { retain a.Output in R; pipeline { run a on P using d; } } } }";

    /// Everything that can be asked of any text, at every place, has an answer: of a file cut off anywhere, and of
    /// one with a piece missing.
    #[test]
    fn no_text_is_too_broken() {
        let mut cache = ResultCache::default();
        for cut in 0..=TEXT.len() {
            if !TEXT.is_char_boundary(cut) {
                continue;
            }
            let hole = TEXT[cut..]
                .char_indices()
                .nth(9)
                .map_or(TEXT.len(), |(at, _)| cut + at);
            for text in [
                TEXT[..cut].to_owned(),
                format!("{}{}", &TEXT[..cut], &TEXT[hole..]),
            ] {
                let (snapshot, _) = testing::cursor(&text);
                let evaluated = cache.evaluate(&snapshot, || false);
                let _ = hints::hints(&snapshot, &evaluated, &mut cache);
                let _ = symbols::outline(&snapshot);
                let tokens = tokens::tokens(&snapshot);
                assert!(tokens.is_sorted_by(|a, b| a.span.hi() <= b.span.lo()));
                for offset in [cut.saturating_sub(1), cut, cut + 1, text.len()] {
                    let offset = u32::try_from(offset).unwrap();
                    let _ = complete::complete(&snapshot, offset);
                    let _ = hover::hover(&snapshot, &evaluated, &mut cache, offset);
                    let _ = rename::target(&snapshot, offset);
                }
            }
        }
    }
}
