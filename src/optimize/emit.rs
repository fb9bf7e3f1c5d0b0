//! What was found as source text: a file with a `Map` that `eval` accepts, with the same figures.
//!
//! ```text
//! use std.networks.resnet18;
//! use std.accelerators.eyeriss;
//!
//! Map resnet18 on eyeriss as best_conv5 {
//!   conv5_2: { tile K by 64; ... }
//! }
//! ```
//!
//! Names are imported from where they are defined, so that the file says no more than what was found.

use super::closed;
use super::run::{Answer, Answered, Found, NO_TIME};
use crate::driver::Compiled;
use crate::hir::search::Search;
use crate::hir::{Accelerator, Definition, Layer, Network};
use crate::ir::Mapping;
use crate::lower::{self, Unraisable};
use crate::syntax::print::print_dataflow;
use std::fmt::Write;

/// Where a name comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Import {
    /// `std.networks.resnet18`
    Std(String),
    /// A file, as it was read.
    File(String),
}

/// The dataflow of an answer.
pub(super) fn dataflow(
    layer: &Layer,
    accelerator: &Accelerator,
    answer: &Answered,
) -> Result<String, Unraisable> {
    text(layer, accelerator, &answer.mapping)
}

/// The dataflow that a mapping is.
pub(super) fn text(
    layer: &Layer,
    accelerator: &Accelerator,
    mapping: &Mapping,
) -> Result<String, Unraisable> {
    lower::raise(layer, accelerator, mapping).map(|body| print_dataflow(&body))
}

/// What the file of a search has to import, each once.
#[must_use]
pub fn imports(compiled: &Compiled, search: &Search) -> Vec<Import> {
    let program = &compiled.program;
    let origins = [
        program
            .networks
            .get(search.network)
            .map(|known| known.origin),
        program
            .accelerators
            .get(search.accelerator)
            .map(|known| known.origin),
    ];
    let mut found: Vec<Import> = Vec::new();
    for import in origins
        .into_iter()
        .flatten()
        .filter_map(|at| import(compiled, at))
    {
        if !found.contains(&import) {
            found.push(import);
        }
    }
    found
}

fn import(compiled: &Compiled, at: Definition) -> Option<Import> {
    let module = compiled.modules.get(at.module)?;
    if let Some(path) = &module.std_path {
        return Some(Import::Std(path.clone()));
    }
    let file = compiled.sources.get(module.ast.span.file())?;
    Some(Import::File(file.name().to_owned()))
}

/// The text of a file with what was found; `head` are its lines before the maps. `None` when nothing was found that
/// can be written.
#[must_use]
pub fn emit(
    compiled: &Compiled,
    search: &Search,
    answer: &Answer,
    head: &str,
    all_parameters: bool,
) -> Option<String> {
    let program = &compiled.program;
    let network = program.networks.get(search.network)?;
    let accelerator = program.accelerators.get(search.accelerator)?;
    let points = answer.found.iter().map(|found| found.answers.len());
    let most = points.chain(answer.own.iter().map(|_| 1)).max()?;
    let mut out = head.to_owned();
    let stem = stem(search);
    let mut any = false;
    for point in 0..most {
        let name = if most == 1 {
            stem.to_owned()
        } else {
            format!("{stem}_{}", point + 1)
        };
        out.push_str(&head_of((network, accelerator), &name, all_parameters));
        for found in &answer.found {
            any |= layers(&mut out, network, accelerator, found, point);
        }
        let left = answer.left.iter().filter_map(|&at| network.layers.get(at));
        for layer in left {
            let _ = writeln!(out, "  // {}: {NO_TIME}", layer.name);
        }
        if let Some(chosen) = &answer.own {
            any |= closed::emit(&mut out, network, chosen);
        }
        out.push_str("}\n");
    }
    any.then_some(out)
}

/// What a map is called that has the answer to a search.
pub(super) fn stem(search: &Search) -> &str {
    if is_name(&search.name) {
        search.name.as_str()
    } else {
        "found"
    }
}

/// `Map network on accelerator as name {`
pub(super) fn head_of(
    (network, accelerator): (&Network, &Accelerator),
    name: &str,
    all_parameters: bool,
) -> String {
    let (network, accelerator) = if all_parameters {
        (
            with_all(&network.name, &network.parameters),
            with_all(&accelerator.name, &accelerator.parameters),
        )
    } else {
        (network.label(), accelerator.label())
    };
    format!("\nMap {network} on {accelerator} as {name} {{\n")
}

/// The entries of a layer and of those that equal it.
fn layers(
    out: &mut String,
    network: &Network,
    accelerator: &Accelerator,
    found: &Found,
    point: usize,
) -> bool {
    let all = std::iter::once(&found.layer).chain(&found.same_as);
    let known: Vec<&Layer> = all.filter_map(|&at| network.layers.get(at)).collect();
    let Some(first) = known.first() else {
        return false;
    };
    let names: Vec<&str> = known.iter().map(|layer| layer.name.as_str()).collect();
    let names = names.join(", ");
    let answers = &found.answers;
    let Some(best) = answers.get(point).or_else(|| answers.last()) else {
        let reason = found.missing().unwrap_or_default();
        let _ = writeln!(out, "  // {names}: {}", reason.replace('\n', " "));
        return false;
    };
    let Ok(text) = dataflow(first, accelerator, best) else {
        let _ = writeln!(out, "  // {names}: its loops cannot be written");
        return false;
    };
    let _ = writeln!(out, "  {names}: {}", text.replace('\n', "\n  "));
    true
}

/// `npu(rows = 64, cols = 64)`: all parameters, whoever gave their values.
fn with_all(name: &str, parameters: &[crate::hir::Bound]) -> String {
    let all: Vec<String> = parameters
        .iter()
        .map(|parameter| format!("{} = {}", parameter.name, parameter.value))
        .collect();
    if all.is_empty() {
        name.to_owned()
    } else {
        format!("{name}({})", all.join(", "))
    }
}

fn is_name(text: &str) -> bool {
    let mut characters = text.chars();
    let begins = characters
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    begins && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}
