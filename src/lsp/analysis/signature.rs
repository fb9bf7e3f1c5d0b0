//! What the call around the cursor takes, and which argument is being written.
//!
//! `conv1: nvdla(c_tile = 3, |` shows `nvdla(k_tile = 16, c_tile = 64)`; named arguments may stand in any order, so the
//! one being written is known by its name, or by its number while it has none.

use super::Snapshot;
use super::context::{self, Context};
use crate::hir::{Definition, FUNCTIONS, Kind};
use crate::syntax::token::Token;

/// A call and what it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// `nvdla(k_tile = 16, c_tile = 64)`
    pub label: String,
    /// Byte ranges of the parameters in the label.
    pub parameters: Vec<(usize, usize)>,
    /// The parameter that is being written; `None` when it is none of them.
    pub active: Option<usize>,
    pub meaning: Option<String>,
}

/// The innermost call around an offset of the file that was asked for, if it is known what it takes.
#[must_use]
pub fn signature(snapshot: &Snapshot, offset: u32) -> Option<Signature> {
    let context = context::context(snapshot.text(), offset)?;
    let (callee, inside) = context.call()?;
    let (name, parameters, meaning) = takes(snapshot, &context, callee)?;
    let mut label = format!("{name}(");
    let mut ranges = Vec::new();
    for (number, parameter) in parameters.iter().enumerate() {
        if number > 0 {
            label.push_str(", ");
        }
        ranges.push((label.len(), label.len() + parameter.len()));
        label.push_str(parameter);
    }
    label.push(')');
    Some(Signature {
        label,
        active: active(&parameters, inside),
        parameters: ranges,
        meaning,
    })
}

/// Name, parameters as written, and meaning.
type Takes = (String, Vec<String>, Option<String>);

fn takes(snapshot: &Snapshot, context: &Context<'_>, callee: &[Token<'_>]) -> Option<Takes> {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    match callee.last()? {
        Token::TemporalMap => {
            let meaning = "windows of `size`, `offset` apart, one after the other";
            let takes = owned(&["size", "offset"]);
            return Some(("TemporalMap".to_owned(), takes, Some(meaning.to_owned())));
        }
        Token::SpatialMap => {
            let meaning = "windows of `size`, `offset` apart, one per instance";
            let takes = owned(&["size", "offset"]);
            return Some(("SpatialMap".to_owned(), takes, Some(meaning.to_owned())));
        }
        Token::Cluster => {
            let meaning = "groups of `size` instances of what lies below";
            return Some((
                "Cluster".to_owned(),
                owned(&["size", "P | L"]),
                Some(meaning.to_owned()),
            ));
        }
        _ => {}
    }
    let name = context::path_at_end(callee)?;
    if let Some(known) = FUNCTIONS.iter().find(|known| known.name == name) {
        let meaning = Some(known.meaning.to_owned());
        return Some((name, owned(known.takes), meaning));
    }
    let at = context
        .callables(callee)
        .into_iter()
        .find_map(|kind| snapshot.named(kind, &name))?;
    Some((name, written(snapshot, at), None))
}

fn written(snapshot: &Snapshot, at: Definition) -> Vec<String> {
    let sources = &snapshot.compiled.sources;
    let parameters = snapshot.parameters(at).iter();
    parameters
        .map(|parameter| sources.text_of(parameter.span).to_owned())
        .collect()
}

impl Context<'_> {
    /// What can take the arguments behind `callee` here.
    fn callables(&self, callee: &[Token<'_>]) -> Vec<Kind> {
        match (
            self.blocks.last().and_then(|block| block.first()),
            callee.first(),
        ) {
            (None, Some(Token::Map)) if callee.contains(&Token::On) => vec![Kind::Accelerator],
            (None, Some(Token::Map)) => vec![Kind::Network],
            (Some(Token::Search | Token::Explore), _) => {
                vec![Kind::Network, Kind::Accelerator, Kind::Dataflow]
            }
            (Some(Token::Network | Token::Repeat), _) => vec![Kind::Network, Kind::Dataflow],
            _ => vec![Kind::Dataflow],
        }
    }
}

fn active(parameters: &[String], inside: &[Token<'_>]) -> Option<usize> {
    let mut depth = 0usize;
    let mut number = 0;
    let mut begun = 0;
    for (at, token) in inside.iter().enumerate() {
        match token {
            Token::LeftParen => depth += 1,
            Token::RightParen => depth = depth.saturating_sub(1),
            Token::Comma if depth == 0 => (number, begun) = (number + 1, at + 1),
            _ => {}
        }
    }
    if let Some([Token::Identifier(name), Token::Equals, ..]) = inside.get(begun..) {
        return parameters.iter().position(|parameter| {
            let own = parameter.split(['=', ' ']).next();
            own == Some(*name)
        });
    }
    (number < parameters.len()).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::super::testing::cursor;
    use super::*;

    fn shown(text: &str) -> Option<(String, Option<String>)> {
        let (snapshot, at) = cursor(text);
        let found = signature(&snapshot, at)?;
        let active = found.active.map(|at| {
            let (from, to) = found.parameters[at];
            found.label[from..to].to_owned()
        });
        Some((found.label, active))
    }

    #[test]
    fn of_the_innermost_call() {
        let of = |entry: &str| {
            shown(&format!(
                "Dataflow d(t = 2, u) {{ }} Map n on a {{ x: {entry} }}"
            ))
        };
        let d = |active: &str| Some(("d(t = 2, u)".to_owned(), Some(active.to_owned())));
        assert_eq!(of("d($0"), d("t = 2"));
        assert_eq!(of("d(4, $0"), d("u"));
        assert_eq!(of("d(u = $0"), d("u"));
        assert_eq!(of("d(v = $0"), Some(("d(t = 2, u)".to_owned(), None)));
        assert_eq!(
            of("d(t = min(3, $0"),
            Some(("min(a, b)".to_owned(), Some("b".to_owned())))
        );
        assert_eq!(
            of("{ TemporalMap(1,$0"),
            Some((
                "TemporalMap(size, offset)".to_owned(),
                Some("offset".to_owned())
            ))
        );
        assert_eq!(of("e($0"), None);
        let npu = "Accelerator npu(pes = 4) { } Network n(B = 1) { } Map n(";
        assert_eq!(shown(&format!("{npu}$0")).unwrap().0, "n(B = 1)");
        assert_eq!(
            shown(&format!("{npu}B = 2) on npu($0")).unwrap().0,
            "npu(pes = 4)"
        );
    }
}
