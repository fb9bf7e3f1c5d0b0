//! What keeps a mapping from being an execution method: one variant per condition, its words, its code and its remedy.

use super::layer::Dim;
use super::method::Level;
use std::fmt;

/// Which condition of the profile does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Not a sum of products of one input and one weight.
    NotAProduct,
    /// Runs more than once (time steps).
    Repeated(u64),
    /// Two ranks that index the same tensors; the profile has one loop for them.
    TwoRanks(Dim),
    /// A rank that indexes one tensor alone, or the operands but in no way that the profile knows.
    StrangeRank(u8),
    /// Groups of channels; all channels apart (depthwise) are possible.
    Groups(u64),
    /// A window with gaps between its elements.
    Dilation(u64),
    /// Rows and columns of the image have different strides.
    Strides([u64; 2]),
    /// Elements of different widths, or of no whole bytes.
    Widths,
    /// A share of the elements is zero, and a technology would be asked for the others only.
    Sparse,
    /// Not DRAM, SPM, one array, RF: this many memories and arrays.
    Shape { memories: usize, arrays: usize },
    /// More than one MAC per PE and cycle.
    Lanes(u64),
    /// A memory inside the DRAM that does not hold all three tensors.
    Holds(Level),
    /// A memory inside the DRAM without a size, or with a size that is no whole number of elements or banks.
    Size(Level),
    /// A memory inside the DRAM without a double buffer.
    SingleBuffer(Level),
    /// The SPM has an odd number of banks, so that no half of them can be used.
    OddBanks(u64),
    /// The DRAM has not one port with a bandwidth.
    DmaRate,
    /// The network does not bring one element per cycle of every tensor.
    Network,
    /// The network takes time to arrive, is skewed, hands values on, or cannot multicast or reduce.
    NetworkKind,
    /// Tiles of the three tensors do not change together in this memory.
    Uneven(Level),
    /// Tiles that do not divide what they are tiles of.
    Imperfect {
        dim: Dim,
        extent: u64,
        size: u64,
        offset: u64,
    },
    /// More pieces than PEs to take them.
    Folded {
        dim: Dim,
        pieces: u64,
        instances: u64,
    },
    /// A window of the input that moves, instead of output and filter.
    InputWindow,
    /// Several loops that move together.
    Together,
    /// A loop of the level over PEs, or of an order that the profile has not: over PEs outside of one in time.
    SpreadOutside(Level),
    /// The loop stands twice in one level.
    Twice { dim: Dim, level: Level },
    /// A number beyond 64 bits.
    TooLarge,
}

impl fmt::Display for Unfit {
    /// After "the model takes perfect loop nests over DRAM, SPM, RF and one array; this one ".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfit::NotAProduct => f.write_str("is no sum of products of an input and a weight"),
            Unfit::Repeated(times) => write!(f, "runs {times} times"),
            Unfit::TwoRanks(dim) => write!(f, "has two ranks that would both be {}", dim.word()),
            Unfit::StrangeRank(rank) => {
                write!(f, "has a rank (number {rank}) that indexes only one tensor")
            }
            Unfit::Groups(groups) => write!(f, "has {groups} groups of channels"),
            Unfit::Dilation(dilation) => write!(f, "has a dilation of {dilation}"),
            Unfit::Strides([rows, columns]) => {
                write!(f, "has strides of {rows} and {columns}, and the model has one")
            }
            Unfit::Widths => f.write_str("has elements of different widths, or of no whole bytes"),
            Unfit::Sparse => f.write_str("has zeros that are skipped, of which the model knows nothing"),
            Unfit::Shape { memories, arrays } => write!(
                f,
                "is on {memories} memories and {arrays} array{}, not on DRAM, SPM, one array and RF",
                if *arrays == 1 { "" } else { "s" }
            ),
            Unfit::Lanes(lanes) => write!(f, "is on PEs of {lanes} lanes, not of one"),
            Unfit::Holds(level) => {
                write!(f, "is on {} that does not hold all three tensors", level.word())
            }
            Unfit::Size(level) => write!(
                f,
                "is on {} whose size is missing or no whole number of elements and banks",
                level.word()
            ),
            Unfit::SingleBuffer(level) => {
                write!(f, "is on {} without a double buffer", level.word())
            }
            Unfit::OddBanks(banks) => write!(f, "is on an SPM of {banks} banks, which has no half"),
            Unfit::DmaRate => f.write_str("is on a DRAM without one port of a given bandwidth"),
            Unfit::Network => {
                f.write_str("is on a network that does not bring one element per tensor and cycle")
            }
            Unfit::NetworkKind => f.write_str(
                "is on a network with a latency, a skew or forwarding, or without multicast or reduction",
            ),
            Unfit::Uneven(level) => {
                write!(f, "does not change the tiles of all tensors of {} together", level.word())
            }
            Unfit::Imperfect {
                dim,
                extent,
                size,
                offset,
            } if size == offset => {
                write!(f, "cuts {extent} of {} into tiles of {size}", dim.word())
            }
            Unfit::Imperfect { dim, size, offset, .. } => write!(
                f,
                "moves tiles of {size} of {} by {offset}",
                dim.word()
            ),
            Unfit::Folded {
                dim,
                pieces,
                instances,
            } => write!(
                f,
                "spreads {pieces} pieces of {} over {instances} PEs",
                dim.word()
            ),
            Unfit::InputWindow => {
                f.write_str("moves windows of the input, not of the output and the filter")
            }
            Unfit::Together => f.write_str("has loops that move together"),
            Unfit::SpreadOutside(level) => write!(
                f,
                "spreads over the array outside of a loop of {}",
                level.word()
            ),
            Unfit::Twice { dim, level } => write!(
                f,
                "has two loops over {} at {}",
                dim.word(),
                level.word()
            ),
            Unfit::TooLarge => f.write_str("has sizes beyond what the model counts"),
        }
    }
}

/// What of a design does not fit.
enum Part {
    Layer,
    Hardware,
    Loops,
    Size,
}

impl Unfit {
    /// What does not fit: the layer (E0611), the hardware (E0612) or the loops (E0613).
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.part() {
            Part::Layer => "E0611",
            Part::Hardware => "E0612",
            Part::Loops => "E0613",
            Part::Size => "E0602",
        }
    }

    fn part(&self) -> Part {
        match self {
            Unfit::NotAProduct
            | Unfit::Repeated(_)
            | Unfit::TwoRanks(_)
            | Unfit::StrangeRank(_)
            | Unfit::Groups(_)
            | Unfit::Dilation(_)
            | Unfit::Strides(_)
            | Unfit::Widths
            | Unfit::Sparse => Part::Layer,
            Unfit::Shape { .. }
            | Unfit::Lanes(_)
            | Unfit::Holds(_)
            | Unfit::Size(_)
            | Unfit::SingleBuffer(_)
            | Unfit::OddBanks(_)
            | Unfit::DmaRate
            | Unfit::Network
            | Unfit::NetworkKind => Part::Hardware,
            Unfit::Uneven(_)
            | Unfit::Imperfect { .. }
            | Unfit::Folded { .. }
            | Unfit::InputWindow
            | Unfit::Together
            | Unfit::SpreadOutside(_)
            | Unfit::Twice { .. } => Part::Loops,
            Unfit::TooLarge => Part::Size,
        }
    }

    /// What to do about it, where that is more than to leave the layer out.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        let text = match self {
            Unfit::Imperfect {
                dim,
                extent,
                size,
                offset,
            } if size == offset => {
                let smaller = (1..*size).rev().find(|n| extent.is_multiple_of(*n));
                format!(
                    "tiles must divide {extent}: take {} for {}",
                    smaller.unwrap_or(1),
                    dim.word()
                )
            }
            Unfit::InputWindow => {
                "tile output rows and columns (P, Q) and the filter (R, S) apart".to_owned()
            }
            Unfit::Folded { .. } => {
                "take larger pieces, and the rest as a loop `at SPM`".to_owned()
            }
            Unfit::SpreadOutside(_) => "write `spread` after all loops `at SPM`".to_owned(),
            Unfit::Widths => "give all tensors one precision".to_owned(),
            Unfit::Sparse => return None,
            other => match other.part() {
                Part::Layer => "choose another layer with `--layer`".to_owned(),
                Part::Hardware => "`std.accelerators.dmaze256` is such hardware".to_owned(),
                Part::Loops | Part::Size => return None,
            },
        };
        Some(text)
    }
}

impl Dim {
    /// In messages.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Dim::N => "N (batch or rows)",
            Dim::M => "K (output channels or columns)",
            Dim::C => "C (input channels)",
            Dim::Ox => "P (output rows)",
            Dim::Oy => "Q (output columns)",
            Dim::Fx => "R (filter rows)",
            Dim::Fy => "S (filter columns)",
        }
    }
}

impl Level {
    /// In messages.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Level::Dram => "the DRAM",
            Level::Spm => "the SPM",
            Level::Rf => "the RF",
            Level::Spatial => "the array",
        }
    }
}
