//! The `space` block for one layer: words to ranks and tensors.
//!
//! A statement about a dimension that the layer does not have says nothing of that layer; one about a dimension that
//! no layer of the search has is a mistake.

use crate::base::Span;
use crate::diag::suggest::nearest;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::hir::search::{Keep, Pieces, RuleKind, Search, Space};
use crate::hir::{Accelerator, Network, Word};
use crate::ir::Axis;
use crate::lower::{self, Desugared};
use crate::search::{self, Orders, Places, Rules, Tiles};
use std::collections::{BTreeMap, BTreeSet};

/// The rank that a word means, if it is one.
fn rank(desugared: &Desugared, name: &str) -> Option<usize> {
    let views = desugared.views().iter();
    let mut axes = views.filter_map(|view| desugared.axis(*view, name));
    axes.find_map(|axis| match axis {
        Axis::Rank(rank) => Some(rank.index()),
        Axis::Window(_) => None,
    })
}

fn tensor(desugared: &Desugared, name: &str) -> Option<usize> {
    let mut names = desugared.tensor_names.iter();
    names.position(|known| known == name)
}

fn pieces(written: &Pieces) -> search::Pieces {
    match written {
        Pieces::Any => search::Pieces::Any,
        Pieces::Divisors => search::Pieces::Divisors,
        Pieces::Sizes(sizes) => search::Pieces::OneOf(sizes.clone()),
    }
}

/// The rules of a space for one layer.
pub(super) fn rules(space: &Space, desugared: &Desugared, accelerator: &Accelerator) -> Rules {
    let mut rules = Rules {
        tiles: if space.imperfect {
            Tiles::Imperfect
        } else {
            Tiles::Perfect
        },
        orders: if space.all_orders {
            Orders::All
        } else {
            Orders::Dominant
        },
        places: if space.apart {
            Places::Apart
        } else {
            Places::Together
        },
        ..Rules::default()
    };
    let ranks = 0..desugared.operation.ranks.len();
    let first = |memory: usize| first_of_level(accelerator, memory);
    // What no statement of a block names has no loop, but for `tile *`.
    let mut time: BTreeMap<usize, BTreeMap<Option<usize>, search::Pieces>> = BTreeMap::new();
    let mut axes: BTreeMap<(usize, usize), BTreeSet<usize>> = BTreeMap::new();
    for rule in &space.rules {
        match &rule.kind {
            RuleKind::Order { memory, dims } => {
                let known = dims.iter().filter_map(|dim| rank(desugared, &dim.text));
                rules.order.insert(first(*memory), known.collect());
            }
            RuleKind::Tile {
                memory,
                dim,
                pieces: written,
            } => {
                let block = time.entry(first(*memory)).or_default();
                match dim {
                    None => {
                        block.insert(None, pieces(written));
                    }
                    Some(dim) => {
                        if let Some(rank) = rank(desugared, &dim.text) {
                            block.insert(Some(rank), pieces(written));
                        }
                    }
                }
            }
            RuleKind::Spread {
                array,
                axis,
                dims,
                pieces: written,
            } => {
                let array = array_of(accelerator, *array);
                let spread = axes.entry((array, *axis)).or_default();
                if dims.len() > 1 {
                    rules.single.insert((array, *axis));
                }
                for rank in dims.iter().filter_map(|dim| rank(desugared, &dim.text)) {
                    spread.insert(rank);
                    rules.space.insert((array, *axis, rank), pieces(written));
                }
            }
            RuleKind::Keep {
                tensors,
                memory,
                keep,
            } => {
                let tensors: Vec<usize> = match tensors {
                    None => (0..desugared.operation.tensors.len()).collect(),
                    Some(words) => {
                        let words = words.iter();
                        words
                            .filter_map(|word| tensor(desugared, &word.text))
                            .collect()
                    }
                };
                let memories = match memory {
                    Some(memory) => *memory..*memory + 1,
                    None => 1..accelerator.memories.len(),
                };
                let keep = match keep {
                    Keep::Held => search::Keep::Held,
                    Keep::Bypassed => search::Keep::Bypassed,
                    Keep::Either => search::Keep::Either,
                };
                for memory in memories {
                    for &tensor in &tensors {
                        rules.keep.insert((memory, tensor), keep);
                    }
                }
            }
        }
    }
    for (memory, block) in time {
        for rank in ranks.clone() {
            let own = block.get(&Some(rank)).or_else(|| block.get(&None));
            let own = own.cloned().unwrap_or(search::Pieces::Whole);
            rules.time.insert((memory, rank), own);
        }
    }
    for ((array, axis), spread) in axes {
        for rank in ranks.clone().filter(|rank| !spread.contains(rank)) {
            rules
                .space
                .insert((array, axis, rank), search::Pieces::Whole);
        }
    }
    rules
}

/// Loops are over the tiles of all memories of a level.
fn first_of_level(accelerator: &Accelerator, memory: usize) -> usize {
    let level = |at: usize| accelerator.memories.get(at).map(|memory| memory.level);
    (0..memory)
        .find(|&at| level(at) == level(memory))
        .unwrap_or(memory)
}

/// The array of the ir: of arrays side by side there is one.
fn array_of(accelerator: &Accelerator, array: usize) -> usize {
    let name = accelerator.arrays.get(array).map(|array| &array.name);
    let seen = accelerator.on_array(None);
    let found = seen
        .arrays
        .iter()
        .position(|known| Some(&known.name) == name);
    found.unwrap_or(array)
}

/// Says which dimensions and tensors no layer of the search has.
pub(super) fn dimensions_are_known(
    search: &Search,
    (network, chosen): (&Network, &[usize]),
    accelerator: &Accelerator,
    sink: &mut Diagnostics,
) {
    if search.space.rules.is_empty() {
        return;
    }
    let layers = chosen.iter().filter_map(|&at| network.layers.get(at));
    let known: Vec<Desugared> = layers
        .filter_map(|layer| lower::operation(layer, accelerator))
        .collect();
    let ranks = |word: &Word| known.iter().any(|layer| rank(layer, &word.text).is_some());
    let tensors = |word: &Word| {
        known
            .iter()
            .any(|layer| tensor(layer, &word.text).is_some())
    };
    let subject = match chosen {
        [one] => match network.layers.get(*one) {
            Some(layer) => format!("`{}`", layer.name),
            None => return,
        },
        _ => format!("no layer of `{}`", network.name),
    };
    let single = chosen.len() == 1;
    for rule in &search.space.rules {
        let (words, dims): (Vec<&Word>, bool) = match &rule.kind {
            RuleKind::Order { dims, .. } | RuleKind::Spread { dims, .. } => {
                (dims.iter().collect(), true)
            }
            RuleKind::Tile { dim, .. } => (dim.iter().collect(), true),
            RuleKind::Keep { tensors, .. } => (tensors.iter().flatten().collect(), false),
        };
        for word in words {
            let is_known = if dims { ranks(word) } else { tensors(word) };
            if !is_known {
                let has = if single { "has no" } else { "has a" };
                sink.push(unknown(word, &format!("{subject} {has}"), dims, &known));
            }
        }
    }
}

fn unknown(word: &Word, subject: &str, is_dim: bool, known: &[Desugared]) -> Diagnostic {
    let Word { text, span } = word;
    let what = if is_dim { "dimension" } else { "tensor" };
    let mut names: Vec<&str> = Vec::new();
    for layer in known {
        let of_layer = if is_dim {
            &layer.rank_names
        } else {
            &layer.tensor_names
        };
        for name in of_layer {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
    }
    let window = known.iter().find_map(|layer| window(layer, text, is_dim));
    if let Some(output) = window {
        return Diagnostic::new(
            Code::E0207,
            format!(
                "a space speaks of output rows and columns, and `{text}` counts those of the input"
            ),
        )
        .at(*span, "an axis of the input")
        .help(format!("write `{output}`"))
        .fix(*span, output.to_owned(), "use the output's dimension");
    }
    let code = if is_dim { Code::E0207 } else { Code::E0201 };
    let diagnostic = Diagnostic::new(code, format!("{subject} {what} `{text}`"))
        .at(*span, format!("unknown {what}"))
        .note(format!("there are {}", names.join(", ")));
    match nearest(text, names.iter().copied()) {
        Some(near) => fixed(diagnostic, *span, near),
        None => diagnostic,
    }
}

fn fixed(diagnostic: Diagnostic, span: Span, near: &str) -> Diagnostic {
    diagnostic.help(format!("did you mean `{near}`?")).fix(
        span,
        near.to_owned(),
        "use the known name",
    )
}

/// The output's dimension beside an axis of the input.
fn window(layer: &Desugared, text: &str, is_dim: bool) -> Option<&'static str> {
    let own = *layer.views().first()?;
    match layer.axis(own, text) {
        Some(Axis::Window(0)) if is_dim => Some("P"),
        Some(Axis::Window(_)) if is_dim => Some("Q"),
        _ => None,
    }
}
