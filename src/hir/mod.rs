//! AST -> resolved, typed: every name looked up, every size a number, every unit checked.
//!
//! Problem: `use std.networks.vgg16; Map vgg16 on acc { default: nvdla(c_tile = 3); }` is three files of
//! names. After this stage it is a [`Program`]: networks whose layers have a [`shape::Shape`], accelerators
//! whose rates are exact bits per cycle, dataflows whose parameters are numbered, and maps that assign one
//! [`Application`] to every layer.
//!
//! What stays symbolic is only what depends on the layer being mapped: the expressions of a dataflow
//! ([`Expr`]), because `Sz(K)` is another number in every layer.
//!
//! Invariants: ids index the vectors of the program; whatever was wrong is left out and has been reported;
//! definitions are in source order, imported ones before those that import them.

mod accelerator;
mod agree;
mod body;
mod capacity;
mod dataflow;
mod einsum;
mod error;
mod eval;
mod exclusive;
pub mod explore;
mod function;
mod fuse;
mod fuse_error;
pub mod fused;
mod handover;
mod hierarchy;
mod import;
mod layer;
pub mod layer_type;
mod map;
mod module;
mod network;
mod operands;
mod parameter;
mod part;
mod scope;
pub mod search;
mod setting;
pub mod shape;
mod sliding;
mod technology;
#[cfg(test)]
mod tests;
mod value;
pub mod vocabulary;
mod wiring;

pub use error::HirError;
pub use eval::{Environment, EvaluationError};
pub use function::{FUNCTIONS, NoCapacity, Surroundings};
pub use fuse_error::FuseError;
pub use module::{Module, Target};
pub use parameter::Bound;
pub use part::UnknownPart;
pub use scope::{Definition, Kind, Names, Scope, collect, collect_with, defines, scopes};
pub use setting::Setting;
pub use value::Value;

use crate::base::{Dimension, Ratio, Span};
use crate::syntax::ast::CompareOp;
use shape::{Flow, Shape};
use std::borrow::Cow;
use std::ops::Range;

/// Everything that the files of one run define.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Program {
    pub networks: Vec<Network>,
    pub accelerators: Vec<Accelerator>,
    pub technologies: Vec<Technology>,
    pub dataflows: Vec<Dataflow>,
    /// Only of the file that was asked for, not of imported ones.
    pub maps: Vec<Map>,
    /// Likewise.
    pub searches: Vec<search::Search>,
    /// Likewise.
    pub explorations: Vec<explore::Explore>,
}

pub use crate::base::Precision;

/// One value per tensor role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerRole<T> {
    pub input: T,
    pub weight: T,
    pub output: T,
}

/// What `Precision` says, as far as it does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Formats {
    pub input: Option<Precision>,
    pub weight: Option<Precision>,
    /// Of a sum that is not complete.
    pub partial: Option<Precision>,
    pub output: Option<Precision>,
}

/// What the layer says of one tensor of an EINSUM by its name.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    pub name: String,
    pub precision: Option<Precision>,
    pub density: Option<Ratio>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    pub name: String,
    pub name_span: Span,
    /// The item that it was made from, with these values of its parameters.
    pub origin: Definition,
    pub parameters: Vec<Bound>,
    /// `Description: "line", "line"`: reports print it.
    pub description: Vec<String>,
    /// `Input x { M: 32, K: 64 }`, in source order.
    pub inputs: Vec<NetworkInput>,
    /// Tensors that stay from one run to the next.
    pub persistents: Vec<Persistent>,
    /// The layers whose results stay from one run to the next, and where that is said.
    pub kept: Vec<(usize, Span)>,
    /// In source order.
    pub layers: Vec<Layer>,
    /// Layers that follow one another several times, in source order, outer ones behind those in them.
    pub repeats: Vec<Repeat>,
    /// Which layers take what the network takes without naming it, as which of their inputs.
    pub entry: Vec<(usize, usize)>,
    /// The layer whose output is that of the network: the last one.
    pub output: Option<usize>,
    /// Names of layers that were wrong and have been left out: nobody complains about them again.
    pub broken: Vec<String>,
}

/// `repeat 32 decoder { ... }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeat {
    pub name: String,
    pub span: Span,
    pub times: u64,
    /// Its layers, of all the network's.
    pub layers: Range<usize>,
    /// The one whose output the next time takes.
    pub output: Option<usize>,
    /// Layers that read it from the second time on, as which of their inputs; the first time they read what they are
    /// wired to.
    pub readers: Vec<(usize, usize)>,
}

/// An input of a network with a name: one tensor, whoever reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkInput {
    pub name: String,
    pub name_span: Span,
    /// Name and extent of each dimension, as written; at least one.
    pub dims: Vec<(String, u64)>,
    /// Where `Persistent x;` says that it stays from one run to the next.
    pub kept: Option<Span>,
}

/// `Persistent k_cache { B: 1, N: 4096, E: 128 }`: stays from one run to the next, as weights do.
#[derive(Clone, Debug, PartialEq)]
pub struct Persistent {
    /// Its name, with the repeats and blocks that it stands in, and its shape.
    pub tensor: NetworkInput,
    /// How many there are of it: one for every time of the repeats around it.
    pub times: u64,
}

impl NetworkInput {
    /// A feature map if its dimensions are called so, else something of that many elements.
    #[must_use]
    pub fn flow(&self) -> Option<Flow> {
        let mut map = [1u64; 4];
        for (name, extent) in &self.dims {
            let place = ["N", "C", "Y", "X"].iter().position(|known| known == name);
            let Some(place) = place else {
                let elements = self
                    .dims
                    .iter()
                    .try_fold(1u128, |all, dim| all.checked_mul(u128::from(dim.1)));
                return elements.map(Flow::Elements);
            };
            map[place] = *extent;
        }
        let [n, c, y, x] = map;
        Some(Flow::Map { n, c, y, x })
    }

    /// `M 32 x K 64`
    #[must_use]
    pub fn shape(&self) -> String {
        let dims = self
            .dims
            .iter()
            .map(|(name, extent)| format!("{name} {extent}"));
        dims.collect::<Vec<_>>().join(" x ")
    }
}

impl Network {
    /// The name, with the arguments that it was made for: `llama(S = 1)`.
    #[must_use]
    pub fn label(&self) -> String {
        parameter::label(&self.name, &self.parameters)
    }

    /// What flows from a source, if that is known.
    #[must_use]
    pub fn flow(&self, source: Source) -> Option<Flow> {
        match source {
            Source::External => None,
            Source::Input(input) => self.inputs.get(input)?.flow(),
            Source::Persistent(tensor) => self.persistents.get(tensor)?.tensor.flow(),
            Source::Layer(layer) => self.layers.get(layer)?.shape.output(),
        }
    }

    #[must_use]
    pub fn layer(&self, name: &str) -> Option<usize> {
        self.layers.iter().position(|layer| layer.name == name)
    }

    /// MACs of all layers; `None` past `u128`.
    #[must_use]
    pub fn macs(&self) -> Option<u128> {
        self.layers.iter().try_fold(0u128, |sum, layer| {
            let all = layer.shape.macs()?.checked_mul(u128::from(layer.times))?;
            sum.checked_add(all)
        })
    }

    /// Whether a name is that of something that was wrong, or of a part of it.
    #[must_use]
    pub fn is_broken(&self, name: &str) -> bool {
        let mut broken = self.broken.iter();
        broken.any(|known| {
            let rest = name.strip_prefix(known.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }

    /// The innermost repeat that a layer stands in.
    #[must_use]
    pub fn repeat_of(&self, layer: usize) -> Option<&Repeat> {
        let around = self
            .repeats
            .iter()
            .filter(|known| known.layers.contains(&layer));
        around.min_by_key(|known| known.layers.len())
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    pub name: String,
    pub name_span: Span,
    pub span: Span,
    /// How often it runs: 1 outside of a `repeat`.
    pub times: u64,
    /// The declared type, aliases resolved: a `CONV` with `Groups` is a `CONV`.
    pub type_name: &'static str,
    /// The dimensions as declared, in source order.
    pub declared: Vec<(String, u64)>,
    pub shape: Shape,
    /// What the layer itself says; the accelerator fills the rest.
    pub precision: Formats,
    /// Fraction of non-zero elements, in (0, 1].
    pub density: PerRole<Option<Ratio>>,
    /// Tensors of an EINSUM of which `Precision` or `Density` speaks by name: it counts before their role.
    pub named: Vec<NamedTensor>,
    /// Where each operand comes from.
    pub inputs: Vec<Source>,
    /// The layer's own dataflow.
    pub dataflow: Option<Application>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The network's input, or something that the language does not describe.
    External,
    /// Index into [`Network::inputs`].
    Input(usize),
    /// Index into [`Network::persistents`].
    Persistent(usize),
    /// Index into [`Network::layers`].
    Layer(usize),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Accelerator {
    pub name: String,
    pub name_span: Span,
    /// The item that it was made from, with these values of its parameters.
    pub origin: Definition,
    pub parameters: Vec<Bound>,
    /// From the outside in; neighbours with one `level` lie side by side.
    pub memories: Vec<Memory>,
    /// From the outside in.
    pub arrays: Vec<Array>,
    /// What the source calls its `Compute`; `MAC` in the short form.
    pub compute: String,
    /// MACs per cycle of one PE.
    pub lanes: u64,
    /// Hertz.
    pub clock: Option<Ratio>,
    pub precision: Formats,
    pub technology: Option<usize>,
}

impl Accelerator {
    /// The name, with the arguments that it was made for: `npu(rows = 64)`.
    #[must_use]
    pub fn label(&self) -> String {
        parameter::label(&self.name, &self.parameters)
    }

    /// The outermost array that has others beside it: the first of them, which a layer runs on when nobody
    /// chose another.
    #[must_use]
    pub fn first_beside(&self) -> Option<&Array> {
        let mut pairs = self.arrays.windows(2);
        pairs.find_map(|pair| match pair {
            [first, second] if first.level == second.level => Some(first),
            _ => None,
        })
    }

    /// The hardware that a computation on `array` sees: of arrays side by side only that one (of those it is
    /// not one of, and without a choice, the first), and all else.
    #[must_use]
    pub fn on_array(&self, array: Option<usize>) -> Cow<'_, Accelerator> {
        let chosen = array.and_then(|array| self.arrays.get(array).map(|part| (array, part.level)));
        let kept = |at: usize, part: &Array| match chosen {
            Some((array, level)) if part.level == level => at == array,
            _ => at == 0 || self.arrays[at - 1].level != part.level,
        };
        let keep: Vec<bool> = self
            .arrays
            .iter()
            .enumerate()
            .map(|(at, part)| kept(at, part))
            .collect();
        if keep.iter().all(|&keep| keep) {
            return Cow::Borrowed(self);
        }
        let mut alone = self.clone();
        let mut kept = keep.iter();
        alone.arrays.retain(|_| kept.next() == Some(&true));
        for memory in &mut alone.memories {
            let above = keep.iter().take(memory.arrays_above);
            memory.arrays_above = above.filter(|&&keep| keep).count();
        }
        Cow::Owned(alone)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Memory {
    pub name: String,
    pub span: Span,
    /// Memories side by side share the number; it grows inwards from 0.
    pub level: usize,
    /// How many of [`Accelerator::arrays`] lie above, arrays side by side counted one by one.
    pub arrays_above: usize,
    /// Bits of one instance; `None` is unbounded.
    pub capacity_bits: Option<u128>,
    pub double_buffered: bool,
    /// `Overlap`: transfers hide behind computation although one tile is all that is held.
    pub streams: bool,
    /// `Refill: tile` instead of `window`.
    pub refill_tile: bool,
    /// Equal parts of the capacity of which every tensor takes whole ones.
    pub banks: u64,
    pub holds: PerRole<bool>,
    pub ports: Ports,
    /// Energy class in the technology (`SRAM`).
    pub class: Option<String>,
    pub read_energy: Option<AccessEnergy>,
    pub write_energy: Option<AccessEnergy>,
    /// Of one instance, in square micrometres.
    pub area: Option<Ratio>,
}

/// `ReadEnergy: 5pJ`, `ReadEnergy: 7.03pJ/bit`, `ReadEnergy(64b): 25.87pJ`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessEnergy {
    /// Picojoules.
    pub energy: Ratio,
    /// Of how many bits; `None` is one element, whatever its width.
    pub width_bits: Option<u32>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    pub name: String,
    pub span: Span,
    /// Arrays side by side share the number; it grows inwards from 0. What lies inside of them exists in each.
    pub level: usize,
    /// Sizes of the axes, outermost first.
    pub shape: Vec<u64>,
    pub links: Links,
    /// Cycles, when given.
    pub latency: Option<u64>,
    pub multicast: bool,
    pub reduction: bool,
    pub forwarding: bool,
    /// Cycles by which a PE works later than its neighbour before it.
    pub skew: u64,
}

/// The ports of one instance of a memory, in bits per cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ports {
    /// `Bandwidth`: one for both directions.
    One(Ratio),
    /// `ReadBandwidth`, `WriteBandwidth`: one for each; `None` is unbounded.
    Two {
        read: Option<Ratio>,
        write: Option<Ratio>,
    },
}

/// The links of a network, in bits per cycle; `None` is unbounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// One pair for all tensors.
    Shared(Option<Ratio>),
    /// A pair for every tensor, with the width of its role.
    PerTensor(PerRole<Option<Ratio>>),
}

/// A technology as listed; what the entries mean is the cost model's business.
#[derive(Clone, Debug, PartialEq)]
pub struct Technology {
    pub name: String,
    pub name_span: Span,
    pub extrapolate: bool,
    /// In file order, `Node: 28nm` included.
    pub entries: Vec<TechnologyEntry>,
}

/// `read(SRAM, 64KiB): 9.99pJ`
#[derive(Clone, Debug, PartialEq)]
pub struct TechnologyEntry {
    pub action: String,
    pub arguments: Vec<TechnologyArgument>,
    pub value: Ratio,
    /// Of `value`, which is in that dimension's base unit; `None` for a bare number.
    pub dimension: Option<Dimension>,
    pub span: Span,
    /// Where each figure of a report says that it came from: `cacti28: read(SRAM, 64KiB)`.
    pub label: String,
}

#[derive(Clone, Debug, PartialEq)]
pub enum TechnologyArgument {
    Word(String),
    /// In the base unit of the dimension; `None` for a bare number.
    Quantity {
        value: Ratio,
        dimension: Option<Dimension>,
        /// The value stands for its negative (a coefficient of a fitted curve).
        negative: bool,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Dataflow {
    /// `None` when written inside a layer or map.
    pub name: Option<String>,
    pub span: Span,
    pub parameters: Vec<Parameter>,
    /// What `let` names, in source order; numbered behind the parameters.
    pub lets: Vec<Let>,
    /// `on accelerator`.
    pub on: Option<usize>,
    pub body: DataflowBody,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    pub name: String,
    pub span: Span,
    pub default: Option<Expr>,
}

/// `let n = ceil_div(Sz(K), 2);`
#[derive(Clone, Debug, PartialEq)]
pub struct Let {
    pub name: String,
    pub span: Span,
    /// Of the parameters, and of what was named before.
    pub value: Expr,
}

#[derive(Clone, Debug, PartialEq)]
pub enum DataflowBody {
    /// `std.dataflows.streaming`: made for each layer from its ranks, since it must serve every type.
    Streaming,
    Statements(Vec<Statement>),
    /// A schedule that a model knows by name, without loops. Names read from the innermost loop to the outermost, so that
    /// `Schedule: Zo Zi Y X` is `XYZiZo`.
    Schedule(Word),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    pub kind: StatementKind,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum StatementKind {
    Map {
        spatial: bool,
        size: Expr,
        offset: Expr,
        dim: Word,
    },
    Cluster {
        size: Expr,
    },
    At {
        memory: Word,
        loops: Vec<Statement>,
    },
    Tile {
        dim: Word,
        size: Expr,
    },
    Spread {
        dim: Word,
        size: Expr,
        array: Word,
        axis: Option<Expr>,
    },
    Retain {
        tensors: Vec<Word>,
        memory: Word,
    },
    Bypass {
        tensors: Vec<Word>,
        memory: Word,
    },
}

/// A name that only the layer or the accelerator at hand can resolve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    pub text: String,
    pub span: Span,
}

/// An integer expression of a dataflow.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    pub kind: ExprKind,
    pub span: Span,
}

impl Expr {
    /// Whether the size gives way to what there is.
    #[must_use]
    pub fn is_up_to(&self) -> bool {
        matches!(self.kind, ExprKind::UpTo(_))
    }

    /// Whether a part of it is a parameter or a `let` of which `is` holds, by its index.
    #[must_use]
    pub fn has_parameter(&self, is: &impl Fn(usize) -> bool) -> bool {
        match &self.kind {
            ExprKind::Parameter(at) => is(*at),
            ExprKind::Integer(_) | ExprKind::Size(_) | ExprKind::Stride(_) => false,
            ExprKind::Capacity(_, axis) => axis.as_ref().is_some_and(|axis| axis.has_parameter(is)),
            ExprKind::PowerOfTwo(of) | ExprKind::Negate(of) | ExprKind::UpTo(of) => {
                of.has_parameter(is)
            }
            ExprKind::If(choice) => [&choice.left, &choice.right, &choice.then, &choice.otherwise]
                .into_iter()
                .any(|part| part.has_parameter(is)),
            ExprKind::Operation(_, left, right) => {
                left.has_parameter(is) || right.has_parameter(is)
            }
        }
    }

    /// As a label of a statement shows it: `64`, `upto 64`.
    #[must_use]
    pub fn label(&self, value: u64) -> String {
        if self.is_up_to() {
            format!("upto {value}")
        } else {
            value.to_string()
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    Integer(i64),
    /// Index into [`Dataflow::parameters`] and, behind them, [`Dataflow::lets`].
    Parameter(usize),
    /// `Sz(D)`
    Size(Word),
    /// `Stride(D)`
    Stride(Word),
    /// `Size(M)`, `Size(A[axis])`
    Capacity(Word, Option<Box<Expr>>),
    PowerOfTwo(Box<Expr>),
    If(Box<Conditional>),
    Negate(Box<Expr>),
    /// `upto n`, as a size only: n, or the whole of what there is if that is less. Its value is n; lowering knows
    /// what there is.
    UpTo(Box<Expr>),
    Operation(Operator, Box<Expr>, Box<Expr>),
}

/// `if(left op right, then, otherwise)`: only the branch that is taken is evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct Conditional {
    pub op: CompareOp,
    pub left: Expr,
    pub right: Expr,
    pub then: Expr,
    pub otherwise: Expr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Min,
    Max,
    CeilDivide,
    FloorDivide,
    LargestDivisor,
}

/// A dataflow with its arguments, as used for a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Application {
    /// Index into [`Program::dataflows`].
    pub dataflow: usize,
    /// (parameter, value), each parameter at most once; `Sz` in a value is of the layer being mapped.
    pub arguments: Vec<(usize, Expr)>,
    /// Where it is used.
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// What stands behind `as`, else `network on accelerator`.
    pub name: String,
    /// Whether it has a name of its own.
    pub is_named: bool,
    pub span: Span,
    pub network: usize,
    pub accelerator: usize,
    /// One per layer of the network.
    pub assignments: Vec<Assignment>,
    /// `Fuse` blocks, in source order; no layer is in two of them.
    pub groups: Vec<fused::FusedGroup>,
    /// `auto(...)`, each with its layers: what is found for them is their dataflow.
    pub searches: Vec<search::Search>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// `None` when nothing was said: streaming.
    pub application: Option<Application>,
    pub choice: Choice,
    /// Which array it runs on, as an index into [`Accelerator::arrays`], where the map says so.
    pub array: Option<usize>,
    /// What is to be said of it.
    pub note: Option<String>,
}

/// Who chose the dataflow of a layer. A default that does not serve the layer falls back to streaming;
/// an explicit choice that does not is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// An entry of the map names the layer.
    Named,
    /// The layer brings its own.
    Own,
    /// `default CONV: ...` or `default: ...`
    Default,
    /// Nobody.
    Absent,
    /// `auto(...)`: a search. There is no application until it was run.
    Searched,
}
