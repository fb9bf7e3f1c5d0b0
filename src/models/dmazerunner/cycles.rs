//! Cycles: passes of the register files, of the SPM, of the layer.
//!
//! A *pass of the RF* computes `compute` cycles in every PE. Deliveries to the array take one cycle per distinct
//! element and tensor, each tensor on its own network, at the same time as the computation. An *SPM pass*
//! is `passes` passes of the RF; the DMA works for the next SPM pass meanwhile.

use super::layer::{TENSORS, Tensor};
use super::reuse::Reuse;

const O: usize = Tensor::O.index();

/// What decides the cycles of one SPM pass.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    /// Cycles of a PE per RF pass: one MAC per cycle.
    pub compute: u64,
    /// Cycles of summing partial results over PEs, per write-back of outputs.
    pub reduction: u64,
    /// RF passes in one SPM pass.
    pub passes: u64,
    /// Cycles to deliver each tensor's tile to the array.
    pub latency: [u64; TENSORS],
    /// Reuse of each tensor over the RF passes.
    pub reuse: Reuse,
    /// The tensor that stays in the register files from one SPM pass to the next.
    pub kept: Option<usize>,
}

/// Cycles of an SPM pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassCycles {
    pub total: u64,
    /// The longest delivery among the tensors that every RF pass needs anew.
    pub delivery: u64,
}

impl Pass {
    /// Cycles of one SPM pass.
    ///
    /// A tensor with reuse `i` is delivered in every `i`-th pass, and a pass lasts as long as the longest of its
    /// computation and its deliveries: passes that also deliver the tensor with a reuse add what exceeds the
    /// others. Outputs that leave in every pass are written back without overlap, so that communication and
    /// computation of a pass follow each other; outputs that stay for some passes are written back, behind a
    /// last computation, once per stay; outputs that are kept over SPM passes are not written back here.
    #[must_use]
    pub fn cycles(&self) -> PassCycles {
        // Deliveries of every pass, and the one of every `rare`-th pass.
        let mut delivery = 0;
        let mut rare: Option<(u64, u64)> = None;
        for x in 0..TENSORS {
            if self.kept == Some(x) {
                continue;
            }
            if self.reuse[x] == 1 {
                delivery = delivery.max(self.latency[x]);
            } else {
                rare = Some((self.reuse[x], self.latency[x]));
            }
        }
        let serial = self.kept != Some(O) && self.reuse[O] == 1;
        let start = if serial { 0 } else { self.compute };
        let longest = start.max(delivery);
        let mut total = longest * self.passes;
        if let Some((reuse, latency)) = rare {
            total += latency.saturating_sub(longest) * (self.passes / reuse);
        }
        if self.kept != Some(O) {
            total += (self.compute + self.reduction) * (self.passes / self.reuse[O]);
        }
        PassCycles { total, delivery }
    }
}

/// What decides the cycles of the layer.
#[derive(Clone, Copy, Debug)]
pub struct Transfers {
    /// DMA cycles of one tile of each tensor.
    pub dma: [u64; TENSORS],
    /// Reuse of each tensor over the SPM passes.
    pub reuse: Reuse,
    /// SPM passes of the layer.
    pub passes: u64,
}

impl Transfers {
    /// DMA cycles of every SPM pass: the tensors without reuse, outputs in and out.
    #[must_use]
    pub fn every_pass(&self) -> u64 {
        (0..TENSORS)
            .filter(|x| self.reuse[*x] == 1)
            .map(|x| self.dma[x] * if x == O { 2 } else { 1 })
            .sum()
    }

    /// What [`Transfers::cycles`] is at least if an SPM pass takes `pass` cycles: it never falls when the pass grows,
    /// since a tile that stays at all stays for two passes or more.
    #[must_use]
    pub fn least(&self, pass: u64) -> u64 {
        let every = self.every_pass();
        let base = every.max(pass);
        let mut total = base * self.passes;
        if let Some(x) = (0..TENSORS).find(|x| self.reuse[*x] > 1) {
            let ways = if x == O { 2 } else { 1 };
            let extra = (every + self.dma[x]).saturating_sub(base) * ways;
            total += extra * (self.passes / self.reuse[x]);
        }
        total
    }

    /// Cycles of the layer, given one SPM pass and its parts.
    ///
    /// Every pass lasts as long as the longer of its computation and its DMA. Around the change of the tile of
    /// the tensor with a reuse, one pass moves it in and one pass moves an output out (an input needs no such pass).
    /// A kept output is written back behind the computation of its last pass; a kept tensor's delivery to the
    /// array exceeds the others' by what it is longer (compared with the deliveries only, not with the
    /// computation, as the tool does).
    #[must_use]
    pub fn cycles(&self, pass: &Pass, cycles: PassCycles) -> u64 {
        let every = self.every_pass();
        let base = every.max(cycles.total);
        let mut total = base * self.passes;
        if let Some(x) = (0..TENSORS).find(|x| self.reuse[*x] > 1) {
            let kept = pass.kept == Some(x);
            let first = every + self.dma[x];
            let second = if x == O { first } else { every };
            let mut last = cycles.total;
            if kept && x == O {
                last += pass.reduction + pass.compute;
            }
            let mut fill = cycles.total;
            if kept {
                fill += pass.latency[x].saturating_sub(cycles.delivery);
            }
            let extra =
                first.max(last).saturating_sub(base) + second.max(fill).saturating_sub(base);
            total += extra * (self.passes / self.reuse[x]);
        }
        total
    }
}
