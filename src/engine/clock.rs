//! Transfer times and how they overlap with computation: the rules that the oracle and the engine share.
//!
//! A transfer of `bits > 0` takes `latency + ceil(bits / bandwidth) - 1` cycles; nothing takes no time.
//! 64 bytes over a 64 B/cycle network of latency 2 arrive after 2 cycles.

use crate::ir::{Architecture, Rate};

/// The connection of one boundary: the parent's port and the networks of the arrays between.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    down: Option<Rate>,
    up: Option<Rate>,
    latency: u64,
    per_tensor: bool,
}

/// Transfer times of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StepTime {
    pub ingress: u64,
    pub egress: u64,
}

impl StepTime {
    /// How long a step takes that computes for `inner` cycles: transfers hide behind computation, or,
    /// when `serial`, come on top.
    pub fn delay(self, inner: u64, serial: bool) -> u64 {
        if serial {
            inner + self.ingress + self.egress
        } else {
            inner.max(self.ingress).max(self.egress)
        }
    }
}

impl Link {
    pub fn new(architecture: &Architecture, parent: usize, child: usize) -> Link {
        let parent = &architecture.memories[parent];
        let child = &architecture.memories[child];
        let between =
            &architecture.arrays[parent.arrays_above..child.arrays_above.max(parent.arrays_above)];
        let slowest = |port: Option<Rate>| {
            between
                .iter()
                .filter_map(|array| array.network.links.total())
                .chain(port)
                .reduce(Rate::min)
        };
        Link {
            down: slowest(parent.ports.read()),
            up: slowest(parent.ports.write()),
            // A wire without a network has its first beat after one cycle.
            latency: if between.is_empty() {
                1
            } else {
                between.iter().fold(0u64, |sum, array| {
                    sum.saturating_add(array.network.latency.unwrap_or(1))
                })
            },
            per_tensor: between
                .iter()
                .any(|array| array.network.links.is_per_tensor()),
        }
    }

    /// The times of one step of which the bits are known: inwards together, and of the largest tensor;
    /// outwards there is only the result.
    #[inline]
    pub fn busy(&self, down: u64, down_most: u64, up: u64) -> Option<StepTime> {
        let down = if self.per_tensor { down_most } else { down };
        Some(StepTime {
            ingress: self.transfer(self.down, down)?,
            egress: self.transfer(self.up, up)?,
        })
    }

    pub fn down_cycles(&self, bits: &[u64]) -> Option<u64> {
        self.cycles(self.down, bits)
    }

    pub fn up_cycles(&self, bits: &[u64]) -> Option<u64> {
        self.cycles(self.up, bits)
    }

    fn cycles(&self, rate: Option<Rate>, bits: &[u64]) -> Option<u64> {
        if self.per_tensor {
            bits.iter().try_fold(0, |longest: u64, &bits| {
                Some(longest.max(self.transfer(rate, bits)?))
            })
        } else {
            let sum = bits
                .iter()
                .try_fold(0u64, |sum, &bits| sum.checked_add(bits))?;
            self.transfer(rate, sum)
        }
    }

    fn transfer(&self, rate: Option<Rate>, bits: u64) -> Option<u64> {
        if bits == 0 {
            return Some(0);
        }
        let beats = match rate {
            Some(rate) => rate.cycles_for(u128::from(bits))?,
            // Without a limit there is one beat, and over a plain wire not even that.
            None if self.latency <= 1 => return Some(0),
            None => 1,
        };
        (self.latency.max(1) - 1).checked_add(beats)
    }
}
