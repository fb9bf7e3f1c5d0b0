//! Where it is computed: memories from the outside in, arrays between them, lanes at the leaf.

use super::Role;

#[derive(Clone, Debug, PartialEq)]
pub struct Architecture {
    /// From the outside in. Memories side by side (one `Level`) are neighbours in this list and share
    /// `arrays_above`; each tensor is held by at most one of them.
    pub memories: Vec<Memory>,
    /// From the outside in.
    pub arrays: Vec<Array>,
    /// MACs per cycle of one PE.
    pub lanes: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Memory {
    /// How many of [`Architecture::arrays`] lie above: the product of their sizes is the number of
    /// instances.
    pub arrays_above: usize,
    /// Bits of one instance, the whole of it; `None` is unbounded.
    pub capacity_bits: Option<u128>,
    /// Half of the capacity is usable, and transfers overlap with computation.
    pub double_buffered: bool,
    pub refill: Refill,
    pub holds: RoleSet,
    /// What one instance can send to the level inside it.
    pub read_bandwidth: Option<Rate>,
    /// What one instance can take from the level inside it.
    pub write_bandwidth: Option<Rate>,
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
    /// `None` is unbounded.
    pub bandwidth: Option<Rate>,
    /// Cycles until the first beat of a transfer has arrived; 1 when not given.
    pub latency: u64,
    pub multicast: bool,
    pub reduction: bool,
    pub forwarding: bool,
    /// Every tensor has a network of its own.
    pub per_tensor: bool,
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
