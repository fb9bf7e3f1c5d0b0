//! A new name for a definition, in every file where it is used.
//!
//! Problem: `rows` is defined in `lib.dflow`, and two open files import it, one `as fast`. Its new name belongs into
//! the definition, into both imports, and into the uses of the file that has no alias. Every open file has its own
//! snapshot, in which the definition has other numbers: so what is renamed is known by file, kind and name.
//!
//! Invariants: nothing of the embedded library is renamed; a name that would mean something else somewhere is
//! refused; only words that are spelt as the old name are touched.

use super::Snapshot;
use super::names::Symbol;
use crate::base::Span;
use crate::hir::{Definition, Kind, Scope};
use crate::syntax::lexer;
use crate::syntax::token::Token;
use std::collections::{BTreeMap, BTreeSet};

/// What can be renamed, for all snapshots alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Path of the file that defines it.
    path: String,
    what: What,
    /// The old name.
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Item(Kind),
    /// Of the network of that name: its whole name there.
    Layer(String, String),
    /// Of the item of that kind and name.
    Parameter(Kind, String),
    /// What `let` names at this byte of the file.
    Local(u32),
}

/// Why there is no renaming, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(pub String);

/// Byte ranges by the path of their file.
pub type Places = BTreeMap<String, BTreeSet<Span>>;

/// What stands at an offset of the file that was asked for, and where.
///
/// # Errors
/// When it cannot be renamed.
pub fn target(snapshot: &Snapshot, offset: u32) -> Result<(Target, Span), Refusal> {
    let refuse = |text: &str| Refusal(text.to_owned());
    let found = snapshot
        .name_at(offset)
        .ok_or_else(|| refuse("there is no name here that a file defines"))?;
    let target = identify(snapshot, &found.symbol).ok_or_else(|| {
        refuse("only definitions, layers and parameters have names that can be changed")
    })?;
    let definition = snapshot.definition(&found.symbol);
    if definition.is_none_or(|span| snapshot.library(span).is_some()) {
        return Err(Refusal(format!(
            "`{}` is defined in the embedded library",
            target.name
        )));
    }
    if snapshot.compiled.sources.text_of(found.span) != target.name {
        return Err(refuse(
            "this is another name of the definition: change it behind `as`",
        ));
    }
    Ok((target, found.span))
}

fn identify(snapshot: &Snapshot, symbol: &Symbol) -> Option<Target> {
    let path = |at: &Definition| {
        let module = snapshot.compiled.modules.get(at.module)?;
        Some(snapshot.source(module.ast.span)?.name().to_owned())
    };
    let name_of = |at: Definition| {
        let (_, name, _) = crate::hir::defines(snapshot.item(at)?)?;
        Some(name.to_owned())
    };
    Some(match symbol {
        Symbol::Item(kind, at) => Target {
            path: path(at)?,
            what: What::Item(*kind),
            name: name_of(*at)?,
        },
        Symbol::Layer(at, name) => Target {
            path: path(at)?,
            what: What::Layer(name_of(*at)?, name.clone()),
            name: name.rsplit('.').next()?.to_owned(),
        },
        Symbol::Parameter(at, name) => Target {
            path: path(at)?,
            what: What::Parameter(crate::hir::defines(snapshot.item(*at)?)?.0, name_of(*at)?),
            name: name.clone(),
        },
        Symbol::Local(span) => Target {
            path: snapshot.source(*span)?.name().to_owned(),
            what: What::Local(span.lo()),
            name: snapshot.compiled.sources.text_of(*span).to_owned(),
        },
        Symbol::Memory(..) | Symbol::Array(..) | Symbol::File(_) => return None,
    })
}

/// Whether `name` is a name.
///
/// # Errors
/// Why it is none.
pub fn check_name(name: &str) -> Result<(), Refusal> {
    let lexed = lexer::lex(crate::base::FileId::new(0), name);
    match lexed.lexemes.as_slice() {
        [one] if one.token == Token::Identifier(name) && !name.ends_with('\'') => Ok(()),
        [one] if one.token.is_keyword() => Err(Refusal(format!("`{name}` is a keyword"))),
        _ => Err(Refusal(format!("`{name}` is not a name"))),
    }
}

/// What a symbol of a snapshot is in all snapshots alike; `None` for what only its own snapshot knows.
#[must_use]
pub fn known_as(snapshot: &Snapshot, symbol: &Symbol) -> Option<Target> {
    identify(snapshot, symbol)
}

/// Every place of one snapshot outside of the library where `target` is written, under whatever name; and whether it is
/// defined there.
#[must_use]
pub fn uses(snapshot: &Snapshot, target: &Target) -> Vec<(Span, bool)> {
    let mut found = Vec::new();
    for (index, module) in snapshot.compiled.modules.iter().enumerate() {
        if module.std_path.is_some() {
            continue;
        }
        let own = snapshot.occurrences(index).into_iter();
        let same = own.filter(|one| identify(snapshot, &one.symbol).as_ref() == Some(target));
        found.extend(same.map(|one| (one.span, one.defines)));
    }
    found
}

/// Adds every place of one snapshot where `target` is written under its own name.
///
/// # Errors
/// When `new` means something else already where the target is known.
pub fn places(
    snapshot: &Snapshot,
    target: &Target,
    new: &str,
    places: &mut Places,
) -> Result<(), Refusal> {
    for (index, module) in snapshot.compiled.modules.iter().enumerate() {
        if module.std_path.is_some() {
            continue;
        }
        let Some(file) = snapshot.source(module.ast.span) else {
            continue;
        };
        let mut known = false;
        for found in snapshot.occurrences(index) {
            if identify(snapshot, &found.symbol).as_ref() != Some(target) {
                continue;
            }
            if file.slice(found.span.range()) == target.name {
                known = true;
                places
                    .entry(file.name().to_owned())
                    .or_default()
                    .insert(found.span);
            }
        }
        if known && taken(snapshot, index, target, new) {
            return Err(Refusal(format!(
                "`{new}` is defined already in {}",
                file.name()
            )));
        }
    }
    Ok(())
}

/// Whether `new` is the name of something of the same kind.
fn taken(snapshot: &Snapshot, module: usize, target: &Target, new: &str) -> bool {
    let empty = Scope::new();
    let scope = snapshot.scopes.get(module).unwrap_or(&empty);
    let known = |kind: Kind, name: &str| scope.get(&(kind, name.to_owned())).copied();
    match &target.what {
        What::Item(kind) => known(*kind, new).is_some(),
        What::Layer(network, whole) => known(Kind::Network, network).is_some_and(|at| {
            let prefix = whole.rfind('.').map_or("", |dot| &whole[..=dot]);
            let whole = format!("{prefix}{new}");
            snapshot
                .members(at)
                .iter()
                .any(|member| member.name == whole)
        }),
        // Of all dataflows of the file: names are seldom so short.
        What::Local(_) => snapshot.occurrences(module).iter().any(|known| {
            let is_number = matches!(known.symbol, Symbol::Parameter(..) | Symbol::Local(_));
            known.defines && is_number && snapshot.compiled.sources.text_of(known.span) == new
        }),
        What::Parameter(kind, item) => known(*kind, item).is_some_and(|at| {
            let mut parameters = snapshot.parameters(at).iter();
            parameters.any(|parameter| parameter.name.as_str() == new)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::cursor;
    use super::*;

    const TEXT: &str = "const T = 4; Dataflow d(t = T) { TemporalMap(t,t) K; }
        Network net { Layer one { Type: FC; Dimensions { K: T, C: 4 } } Layer two { Type: FC; Dimensions { K: 4, C: 4 } Inputs: one; } }
        Map net on acc { one, two: d(t = T); }";

    fn renamed(before: &str, name: &str, new: &str) -> Result<String, Refusal> {
        let (snapshot, at) =
            cursor(&TEXT.replacen(&format!("{before}{name}"), &format!("{before}$0{name}"), 1));
        check_name(new)?;
        let (target, _) = target(&snapshot, at)?;
        let mut found = Places::new();
        places(&snapshot, &target, new, &mut found)?;
        let mut text = TEXT.to_owned();
        for span in found.remove("a.dflow").unwrap_or_default().iter().rev() {
            text.replace_range(span.range(), new);
        }
        Ok(text)
    }

    #[test]
    fn every_use_and_nothing_else() {
        assert_eq!(
            renamed("Layer ", "one", "first").unwrap(),
            TEXT.replace("one", "first")
        );
        assert_eq!(
            renamed("const ", "T", "TILE").unwrap(),
            TEXT.replace("= T", "= TILE")
                .replace("K: T", "K: TILE")
                .replace("const T", "const TILE")
        );
        assert_eq!(
            renamed("(", "t = T", "u").unwrap(),
            TEXT.replace("(t", "(u").replace(",t)", ",u)")
        );
        assert_eq!(
            renamed("Map ", "net", "n2").unwrap(),
            TEXT.replace("net", "n2")
        );
    }

    #[test]
    fn a_parameter_is_renamed_with_its_arguments() {
        let text = "Accelerator npu($0pes = 4, size = pes * 1KiB) { PE { NumPEs: pes } Buffer { GlobalL2: size } }
            Network net(B = 1) { Layer l { Type: FC; Dimensions { N: B, K: 4, C: 4 } } }
            Map net on npu(pes = 8) { }";
        let (snapshot, at) = cursor(text);
        let (target, _) = target(&snapshot, at).unwrap();
        let mut found = Places::new();
        places(&snapshot, &target, "rows", &mut found).unwrap();
        assert_eq!(found["a.dflow"].len(), 4);
        let refusal = places(&snapshot, &target, "size", &mut found).unwrap_err();
        assert!(refusal.0.contains("defined already"), "{refusal:?}");
    }

    #[test]
    fn what_let_names_is_renamed_in_its_block() {
        let text =
            "Dataflow d(k = 2) { let $0a = k; at M { let b = a + 1; tile K by if(a <= b, a, k); } }
            Dataflow e { let a = 3; tile K by a; }";
        let (snapshot, at) = cursor(text);
        let (target, _) = target(&snapshot, at).unwrap();
        let mut found = Places::new();
        places(&snapshot, &target, "c", &mut found).unwrap();
        assert_eq!(found["a.dflow"].len(), 4);
    }

    #[test]
    fn an_input_is_renamed_with_its_readers() {
        let text = "Network net { Input $0act { N: 2, C: 4 }
            Layer one { Type: FC; Dimensions { N: 2, K: 4, C: 4 } Inputs: act; }
            Layer two { Type: FC; Dimensions { N: 2, K: 4, C: 4 } Inputs: act; } }";
        let (snapshot, at) = cursor(text);
        let (target, _) = target(&snapshot, at).unwrap();
        let mut found = Places::new();
        places(&snapshot, &target, "x", &mut found).unwrap();
        assert_eq!(found["a.dflow"].len(), 3);
        let refusal = places(&snapshot, &target, "two", &mut found).unwrap_err();
        assert!(refusal.0.contains("defined already"), "{refusal:?}");
    }

    #[test]
    fn refused_with_a_reason() {
        for (before, name, new, reason) in [
            ("Layer ", "one", "two", "defined already"),
            ("Layer ", "one", "Layer", "keyword"),
            ("Layer ", "one", "a b", "not a name"),
            ("", "Dimensions", "x", "no name"),
        ] {
            let refusal = renamed(before, name, new).unwrap_err();
            assert!(refusal.0.contains(reason), "{refusal:?}");
        }
        let (snapshot, at) = cursor("use std.networks.$0vgg16;");
        assert!(target(&snapshot, at).unwrap_err().0.contains("library"));
    }
}
