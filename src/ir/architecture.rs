//! Where it is computed: memories from the outside in, arrays between them, lanes at the leaf.

use super::Role;

#[derive(Clone, Debug, PartialEq)]
pub struct Architecture {
    /// From the outside in. Memories side by side (one `Level`) are neighbours in this list and share
    /// `arrays_above` and `level`; each tensor is held by at most one of them.
    pub memories: Vec<Memory>,
    /// From the outside in. Arrays may stand inside the innermost memory (adder trees, vector lanes).
    pub arrays: Vec<Array>,
    /// MACs per cycle of one PE.
    pub lanes: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Memory {
    /// How many of [`Architecture::arrays`] lie above: the product of their sizes is the number of
    /// instances.
    pub arrays_above: usize,
    /// Number of the level, 0 outermost; memories side by side have the same.
    pub level: usize,
    /// Bits of one instance, the whole of it; `None` is unbounded.
    pub capacity_bits: Option<u128>,
    /// Equal parts of the capacity of which every tensor takes whole ones; at least 1.
    pub banks: u64,
    /// Half of the capacity is usable, and transfers overlap with computation.
    pub double_buffered: bool,
    /// Transfers overlap with computation although one tile is all that is held (a FIFO).
    pub streams: bool,
    pub refill: Refill,
    pub holds: RoleSet,
    /// What one instance can read and write per cycle.
    pub ports: Ports,
}

/// The ports of one instance of a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ports {
    /// One port for both directions (`Bandwidth`): what is read and what is written in a cycle together.
    One(Rate),
    /// A port for each direction (`ReadBandwidth`, `WriteBandwidth`); `None` is unbounded.
    Two {
        read: Option<Rate>,
        write: Option<Rate>,
    },
}

impl Ports {
    pub const UNBOUNDED: Ports = Ports::Two {
        read: None,
        write: None,
    };

    /// The port through which reads go.
    #[must_use]
    pub fn read(self) -> Option<Rate> {
        match self {
            Ports::One(rate) => Some(rate),
            Ports::Two { read, .. } => read,
        }
    }

    /// The port through which writes go.
    #[must_use]
    pub fn write(self) -> Option<Rate> {
        match self {
            Ports::One(rate) => Some(rate),
            Ports::Two { write, .. } => write,
        }
    }
}

impl Memory {
    /// Whether transfers into and out of it hide behind computation.
    #[must_use]
    pub fn overlaps(&self) -> bool {
        self.double_buffered || self.streams
    }
}

/// What is moved when a tile changes (`Refill:` of a memory).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refill {
    /// Only what the previous tile did not hold.
    Window,
    /// The whole tile, if it differs at all.
    Tile,
}

/// A set of [`Role`]s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleSet {
    pub input: bool,
    pub weight: bool,
    pub output: bool,
}

impl RoleSet {
    pub const ALL: RoleSet = RoleSet {
        input: true,
        weight: true,
        output: true,
    };

    #[must_use]
    pub fn contains(self, role: Role) -> bool {
        match role {
            Role::Input => self.input,
            Role::Weight => self.weight,
            Role::Output => self.output,
        }
    }
}

/// Fan-out from the memory above to the instances of everything below.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Sizes of the axes, outermost first; their product is the number of instances.
    pub shape: Vec<u64>,
    pub network: Network,
}

impl Array {
    /// Number of instances; saturates at `u64::MAX`.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.shape
            .iter()
            .fold(1u64, |product, &axis| product.saturating_mul(axis))
    }
}

/// The network of one array (`NoC { ... }`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    pub links: Links,
    /// Cycles until the first beat of a transfer has arrived; `None` when not given (1 where a link has
    /// a bandwidth, else the network is free).
    pub latency: Option<u64>,
    pub multicast: bool,
    pub reduction: bool,
    pub forwarding: bool,
    /// Cycles by which a PE works later than its neighbour before it, along every axis; 0: all at once.
    pub skew: u64,
}

/// The links of one network, each once down and once up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// One pair for all tensors; `None` is unbounded.
    Shared(Option<Rate>),
    /// A pair for every tensor (`PerTensor`), with the width of its role.
    PerTensor {
        input: Option<Rate>,
        weight: Option<Rate>,
        output: Option<Rate>,
    },
}

impl Links {
    pub const UNBOUNDED: Links = Links::Shared(None);

    /// The width of the link that tensors of `role` take.
    #[must_use]
    pub fn rate(self, role: Role) -> Option<Rate> {
        match self {
            Links::Shared(rate) => rate,
            Links::PerTensor {
                input,
                weight,
                output,
            } => match role {
                Role::Input => input,
                Role::Weight => weight,
                Role::Output => output,
            },
        }
    }

    #[must_use]
    pub fn is_per_tensor(self) -> bool {
        matches!(self, Links::PerTensor { .. })
    }

    /// The width of all links together; `None` when one of them is unbounded.
    #[must_use]
    pub fn total(self) -> Option<Rate> {
        match self {
            Links::Shared(rate) => rate,
            Links::PerTensor {
                input,
                weight,
                output,
            } => input?.plus(weight?)?.plus(output?),
        }
    }

    /// Whether some link has a bandwidth.
    #[must_use]
    pub fn is_bounded(self) -> bool {
        match self {
            Links::Shared(rate) => rate.is_some(),
            Links::PerTensor {
                input,
                weight,
                output,
            } => input.is_some() || weight.is_some() || output.is_some(),
        }
    }
}

impl Network {
    /// A network that describes nothing and so costs nothing.
    pub const FREE: Network = Network {
        links: Links::UNBOUNDED,
        latency: None,
        multicast: true,
        reduction: true,
        forwarding: false,
        skew: 0,
    };

    /// Whether a transfer over it takes at least a cycle.
    #[must_use]
    pub fn is_timed(&self) -> bool {
        self.links.is_bounded() || self.latency.is_some()
    }
}

/// A bandwidth in bits per cycle, as an exact fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub bits: u64,
    /// Never zero.
    pub cycles: u64,
}

impl Rate {
    /// Whole cycles that `bits` take: `ceil(bits / rate)`; `None` past `u64`.
    #[must_use]
    pub fn cycles_for(self, bits: u128) -> Option<u64> {
        // Nearly always everything fits in 64 bits, where a division is cheap.
        if let Some(scaled) = u64::try_from(bits)
            .ok()
            .and_then(|b| b.checked_mul(self.cycles))
        {
            return Some(scaled.div_ceil(self.bits.max(1)));
        }
        let scaled = bits.checked_mul(u128::from(self.cycles))?;
        u64::try_from(scaled.div_ceil(u128::from(self.bits.max(1)))).ok()
    }

    /// Both rates together; `None` past `u64`.
    #[must_use]
    pub fn plus(self, other: Rate) -> Option<Rate> {
        if self.cycles == other.cycles {
            return Some(Rate {
                bits: self.bits.checked_add(other.bits)?,
                cycles: self.cycles,
            });
        }
        let left = self.bits.checked_mul(other.cycles)?;
        let right = other.bits.checked_mul(self.cycles)?;
        Some(Rate {
            bits: left.checked_add(right)?,
            cycles: self.cycles.checked_mul(other.cycles)?,
        })
    }

    /// The slower of two rates.
    #[must_use]
    pub fn min(self, other: Rate) -> Rate {
        let left = u128::from(self.bits) * u128::from(other.cycles);
        let right = u128::from(other.bits) * u128::from(self.cycles);
        if left <= right { self } else { other }
    }
}

impl Architecture {
    /// Number of instances of memory `memory`.
    #[must_use]
    pub fn instances(&self, memory: usize) -> u64 {
        self.arrays[..self.memories[memory].arrays_above]
            .iter()
            .fold(1u64, |product, array| product.saturating_mul(array.size()))
    }

    /// Number of PEs: the product of all arrays.
    #[must_use]
    pub fn pes(&self) -> u64 {
        self.arrays
            .iter()
            .fold(1u64, |product, array| product.saturating_mul(array.size()))
    }
}
