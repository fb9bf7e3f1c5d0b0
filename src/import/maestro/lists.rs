//! Which directives each layer has, in dflow's words, and which layers have the same ones.
//!
//! Three things are said otherwise in dflow than in the files:
//! * a window larger than what there is maps the whole of it: `TemporalMap(64,64) C` of a layer with 3 channels is
//!   `TemporalMap(upto 64, upto 64) C`;
//! * with a stride, a window of input rows that holds the kernel moves by as many outputs as it has, whatever offset is
//!   written: `TemporalMap(Sz(R),1) Y` is `TemporalMap(Sz(R), Stride(Y)) Y`;
//! * a depthwise layer has no K: with `K: 1` the maps of it say nothing and are left out.
//!
//! A list that many layers repeat is adjusted for all of them alike, where that leaves the others as they are: `upto 64`
//! is 64 where there are so many, and the stride of most layers is 1.

use super::tree::{
    Constant, Dataflow, DirectiveKind, Layer, Member, Name, Sizes, SizesOf, Tree, Value, ValueKind,
};
use crate::base::Span;
use std::collections::BTreeMap;

/// The sizes of one layer.
#[derive(Clone, Debug, Default)]
pub struct Extents {
    pub dims: BTreeMap<String, u64>,
    pub stride_y: u64,
    pub stride_x: u64,
    /// The layer type as written.
    pub kind: String,
}

impl Extents {
    #[must_use]
    pub fn get(&self, dim: &str) -> Option<u64> {
        self.dims.get(dim).copied()
    }

    /// The stride of an input dimension, 1 for any other.
    #[must_use]
    pub fn stride(&self, dim: &str) -> u64 {
        match dim {
            "Y" => self.stride_y,
            "X" => self.stride_x,
            _ => 1,
        }
    }
}

/// Names of constants, and their values.
#[derive(Clone, Debug, Default)]
pub struct Constants(BTreeMap<String, u64>);

impl Constants {
    #[must_use]
    pub fn new(constants: &[Constant]) -> Constants {
        let mut known = BTreeMap::new();
        for constant in constants {
            known
                .entry(constant.name.value.clone())
                .or_insert(constant.value.value);
        }
        Constants(known)
    }

    /// What a size is in a layer; `None` when a name is unknown.
    #[must_use]
    pub fn value(&self, value: &Value, extents: &Extents) -> Option<u64> {
        match &value.kind {
            ValueKind::Integer(number) => Some(*number),
            ValueKind::Constant(name) => self.0.get(name).copied(),
            ValueKind::SizeOf(dim, _) => extents.get(dim),
        }
    }
}

/// The output dimension of an input dimension, and the kernel's.
#[must_use]
pub fn coupled(dim: &str) -> Option<(&'static str, &'static str)> {
    match dim {
        "Y" => Some(("Y'", "R")),
        "X" => Some(("X'", "S")),
        _ => None,
    }
}

/// The input dimension of an output dimension.
#[must_use]
pub fn input_of(dim: &str) -> Option<&'static str> {
    match dim {
        "Y'" => Some("Y"),
        "X'" => Some("X"),
        _ => None,
    }
}

/// The sizes of a layer as far as they are known.
#[must_use]
pub fn extents(layer: &Layer, constants: &Constants) -> Extents {
    let mut extents = Extents {
        stride_y: 1,
        stride_x: 1,
        ..Extents::default()
    };
    let sizes = |of: SizesOf| {
        let members = layer.members.iter();
        members.filter_map(move |member| match member {
            Member::Sizes(sizes) if sizes.of == of => Some(sizes),
            _ => None,
        })
    };
    for member in &layer.members {
        if let Member::Type { name, .. } = member {
            extents.kind.clone_from(&name.value);
        }
    }
    for (name, value) in sizes(SizesOf::Stride).flat_map(|sizes: &Sizes| &sizes.pairs) {
        if let Some(stride) = constants.value(value, &extents) {
            match name.as_str() {
                "Y" => extents.stride_y = stride.max(1),
                "X" => extents.stride_x = stride.max(1),
                _ => {}
            }
        }
    }
    for (name, value) in sizes(SizesOf::Dimensions).flat_map(|sizes: &Sizes| &sizes.pairs) {
        if let Some(size) = constants.value(value, &extents) {
            extents.dims.entry(name.value.clone()).or_insert(size);
        }
    }
    for dim in ["Y", "X"] {
        let Some((output, kernel)) = coupled(dim) else {
            continue;
        };
        let stride = extents.stride(dim);
        let Some(window) = extents.get(kernel) else {
            continue;
        };
        match (extents.get(dim), extents.get(output)) {
            (Some(input), None) => {
                let outputs = outputs(input, window, stride);
                extents.dims.insert(output.to_owned(), outputs);
            }
            (None, Some(outputs)) => {
                let input = inputs(outputs, window, stride);
                extents.dims.insert(dim.to_owned(), input);
            }
            _ => {}
        }
    }
    extents
}

/// Whole windows of `window` inputs, a stride apart.
fn outputs(inputs: u64, window: u64, stride: u64) -> u64 {
    match inputs.checked_sub(window) {
        Some(rest) => (rest / stride.max(1)).saturating_add(1),
        None => 0,
    }
}

/// The inputs under so many windows.
fn inputs(outputs: u64, window: u64, stride: u64) -> u64 {
    let steps = outputs.saturating_sub(1).saturating_mul(stride);
    steps.saturating_add(window)
}

/// How a window moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moves {
    AsWritten,
    /// The offset 1 of a window of one output is the stride.
    ByStride,
    /// Another size and offset.
    Sizes(u64, u64),
    /// Not at all: the layer has no such dimension.
    Dropped,
}

/// What is different about a directive in dflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Adjusted {
    /// `upto` before the size.
    pub clip: bool,
    pub moves: Moves,
}

const UNCHANGED: Adjusted = Adjusted {
    clip: false,
    moves: Moves::AsWritten,
};

/// A directive without its place: what makes two lists the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Word {
    Map(bool, Key, Key, String),
    Cluster(Key, Option<bool>),
}

/// A size without its place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Integer(u64),
    SizeOf(String),
    Constant(String),
}

impl Key {
    fn of(value: &Value) -> Key {
        match &value.kind {
            ValueKind::Integer(number) => Key::Integer(*number),
            ValueKind::SizeOf(dim, _) => Key::SizeOf(dim.clone()),
            ValueKind::Constant(name) => Key::Constant(name.clone()),
        }
    }
}

fn words(dataflow: &Dataflow) -> Vec<Word> {
    let word = |kind: &DirectiveKind| match kind {
        DirectiveKind::Map {
            spatial,
            size,
            offset,
            dim,
        } => Word::Map(*spatial, Key::of(size), Key::of(offset), dim.value.clone()),
        DirectiveKind::Cluster { size, kind } => Word::Cluster(
            Key::of(size),
            kind.as_ref()
                .map(|kind| kind.value == crate::syntax::ast::ClusterKind::Logical),
        ),
    };
    let directives = dataflow.directives.iter();
    directives.map(|directive| word(&directive.kind)).collect()
}

/// A layer and its list.
#[derive(Clone, Debug)]
pub struct Mapped<'a> {
    pub network: usize,
    pub layer: usize,
    pub extents: Extents,
    /// Its own directives, or those of a layer before it; `None` for a layer before the first of them.
    pub dataflow: Option<&'a Dataflow>,
    /// Per directive.
    pub adjusted: Vec<Adjusted>,
    /// Index of its list among the distinct ones.
    pub list: Option<usize>,
}

/// The layers of a file, in order, and how many distinct lists they have.
#[derive(Clone, Debug, Default)]
pub struct Lists<'a> {
    pub layers: Vec<Mapped<'a>>,
    /// The first layer of each list, as an index into `layers`.
    pub first: Vec<usize>,
    /// Where layers begin to have no list although there is one before them.
    pub cut: Option<Span>,
}

impl Lists<'_> {
    /// Where the layers of a network begin and end.
    #[must_use]
    pub fn of(&self, network: usize) -> std::ops::Range<usize> {
        let start = self.layers.partition_point(|layer| layer.network < network);
        let end = self
            .layers
            .partition_point(|layer| layer.network <= network);
        start..end
    }

    /// The numbers of the lists that a network is the first to have.
    #[must_use]
    pub fn new_in(&self, network: usize) -> std::ops::Range<usize> {
        let layers = self.of(network);
        let start = self.first.partition_point(|&first| first < layers.start);
        let end = self.first.partition_point(|&first| first < layers.end);
        start..end
    }
}

/// Directives of layers that take the list of one before them, together: each gets a copy.
pub const MAX_INHERITED: usize = 1 << 16;

/// The list of every layer.
#[must_use]
pub fn lists<'a>(tree: &'a Tree, constants: &Constants) -> Lists<'a> {
    let mut layers = Vec::new();
    let (mut inherited, mut cut) = (0usize, None);
    for (network, node) in tree.networks.iter().enumerate() {
        let mut last = None;
        for (layer, node) in node.layers.iter().enumerate() {
            let own = node.members.iter().find_map(|member| match member {
                Member::Dataflow(dataflow) => Some(dataflow),
                _ => None,
            });
            last = own.or(last);
            if let (None, Some(before)) = (own, last) {
                inherited = inherited.saturating_add(before.directives.len());
                if inherited > MAX_INHERITED {
                    cut = cut.or(Some(node.name.span));
                    last = None;
                }
            }
            let extents = extents(node, constants);
            let adjusted =
                last.map_or(Vec::new(), |dataflow| adjust(dataflow, &extents, constants));
            layers.push(Mapped {
                network,
                layer,
                extents,
                dataflow: last,
                adjusted,
                list: None,
            });
        }
    }
    share(&mut layers);
    let mut known: BTreeMap<(Vec<Word>, Vec<Adjusted>), usize> = BTreeMap::new();
    let mut first = Vec::new();
    for (at, layer) in layers.iter_mut().enumerate() {
        let Some(dataflow) = layer.dataflow else {
            continue;
        };
        let key = (words(dataflow), layer.adjusted.clone());
        let list = *known.entry(key).or_insert_with(|| {
            first.push(at);
            first.len().saturating_sub(1)
        });
        layer.list = Some(list);
    }
    Lists { layers, first, cut }
}

/// What one layer of those with the same words needs, and does no harm to the others, all of them get.
fn share(layers: &mut [Mapped<'_>]) {
    let mut needs: BTreeMap<Vec<Word>, Vec<(bool, bool)>> = BTreeMap::new();
    let keys: Vec<Option<Vec<Word>>> = layers
        .iter()
        .map(|layer| layer.dataflow.map(words))
        .collect();
    for (layer, key) in layers.iter().zip(&keys) {
        let Some(key) = key else { continue };
        let all = needs
            .entry(key.clone())
            .or_insert_with(|| vec![(false, false); layer.adjusted.len()]);
        for (need, own) in all.iter_mut().zip(&layer.adjusted) {
            need.0 |= own.clip;
            need.1 |= own.moves == Moves::ByStride;
        }
    }
    for (layer, key) in layers.iter_mut().zip(&keys) {
        let Some(all) = key.as_ref().and_then(|key| needs.get(key)) else {
            continue;
        };
        for (&(clip, by_stride), own) in all.iter().zip(&mut layer.adjusted) {
            own.clip |= clip;
            if by_stride && own.moves == Moves::AsWritten {
                own.moves = Moves::ByStride;
            }
        }
    }
}

/// What is different about each directive for a layer of these sizes.
fn adjust(dataflow: &Dataflow, extents: &Extents, constants: &Constants) -> Vec<Adjusted> {
    let mut outer = extents.dims.clone();
    let mut inner = outer.clone();
    let no_k = matches!(extents.kind.as_str(), "DSCONV" | "POOL") && extents.get("K") == Some(1);
    let mut adjusted = Vec::with_capacity(dataflow.directives.len());
    for directive in &dataflow.directives {
        let (size, offset, dim) = match &directive.kind {
            DirectiveKind::Map {
                size, offset, dim, ..
            } => (size, offset, dim),
            DirectiveKind::Cluster { .. } => {
                outer.clone_from(&inner);
                adjusted.push(UNCHANGED);
                continue;
            }
        };
        if no_k && dim.as_str() == "K" {
            adjusted.push(Adjusted {
                clip: false,
                moves: Moves::Dropped,
            });
            continue;
        }
        let sizes = constants
            .value(size, extents)
            .zip(constants.value(offset, extents));
        let Some((window, step)) = sizes.filter(|&(window, step)| window > 0 && step > 0) else {
            adjusted.push(UNCHANGED);
            continue;
        };
        let moves = strided(size, offset, dim, (window, step), extents);
        let window = match moves {
            Moves::Sizes(window, _) => window,
            _ => window,
        };
        let bound = bound(dim.as_str(), &outer, extents);
        let clip = bound.is_some_and(|bound| window > bound && bound > 0);
        adjusted.push(Adjusted { clip, moves });
        let window = bound.map_or(window, |bound| window.min(bound));
        match input_of(dim.as_str()) {
            Some(input) => {
                let kernel = coupled(input).and_then(|(_, kernel)| outer.get(kernel).copied());
                let rows = inputs(window, kernel.unwrap_or(1), extents.stride(input));
                inner.insert(input.to_owned(), rows);
            }
            None => {
                inner.insert(dim.value.clone(), window);
            }
        }
    }
    adjusted
}

/// What there is of a dimension in the tile of the level above.
fn bound(dim: &str, outer: &BTreeMap<String, u64>, extents: &Extents) -> Option<u64> {
    let Some(input) = input_of(dim) else {
        return outer.get(dim).copied();
    };
    let (_, kernel) = coupled(input)?;
    let (rows, window) = (outer.get(input)?, outer.get(kernel)?);
    Some(outputs(*rows, *window, extents.stride(input)))
}

/// A window of inputs that holds the kernel moves by its outputs.
fn strided(
    size: &Value,
    offset: &Value,
    dim: &Name,
    (window, step): (u64, u64),
    extents: &Extents,
) -> Moves {
    let stride = extents.stride(dim.as_str());
    let Some((_, kernel)) = coupled(dim.as_str()).filter(|_| stride > 1) else {
        return Moves::AsWritten;
    };
    let Some(extent) = extents.get(kernel).filter(|&extent| window >= extent) else {
        return Moves::AsWritten;
    };
    if extents.kind == "TRCONV" {
        return Moves::AsWritten;
    }
    let outputs = outputs(window, extent, stride);
    let (rows, by) = (
        inputs(outputs, extent, stride),
        outputs.saturating_mul(stride),
    );
    let is_kernel = matches!(&size.kind, ValueKind::SizeOf(name, _) if name == kernel);
    if is_kernel && offset.kind == ValueKind::Integer(1) {
        Moves::ByStride
    } else if (rows, by) == (window, step) {
        Moves::AsWritten
    } else {
        Moves::Sizes(rows, by)
    }
}

/// Where the directive of a list is that a layer's count differs by; the layer's name if there is none.
#[must_use]
pub fn place(dataflow: &Dataflow, dim: &str) -> Option<Span> {
    let level = dataflow
        .directives
        .iter()
        .take_while(|directive| !matches!(directive.kind, DirectiveKind::Cluster { .. }));
    let mut found = level.filter(|directive| match &directive.kind {
        DirectiveKind::Map { dim: own, .. } => {
            own.as_str() == dim || input_of(own.as_str()) == Some(dim)
        }
        DirectiveKind::Cluster { .. } => false,
    });
    found.next().map(|directive| directive.span)
}
