//! The DMA between DRAM and SPM: bursts of one tile.
//!
//! A tile is a box in the row-major tensor. What is contiguous in memory is one burst: from the innermost
//! dimension outwards, up to and including the first whose extent is not the whole dimension. The rest of
//! the box is that many bursts, one after the other on the one engine. Example: an input tile of
//! 4 x 8 x 9 x 9 in a padded tensor of 4 x 512 x 9 x 9 is 4 bursts of 8 * 81 = 648 elements; of 2 bytes each,
//! with 291 + 0.24 b cycles at 3200 MHz and an accelerator at 500 MHz, a burst takes 95 cycles.

use super::layer::{Factors, Layer, TENSORS, Tensor};
use super::machine::Machine;

/// How a tile is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bursts {
    pub count: u64,
    /// Elements of one burst.
    pub elements: u64,
    /// Cycles of all bursts.
    pub cycles: u64,
}

/// Bursts of one tile of the tensor in the SPM.
#[must_use]
pub fn bursts(layer: &Layer, machine: &Machine, tensor: Tensor, tile: &Factors) -> Bursts {
    let tile = layer.tile(tensor, tile);
    let whole = layer.whole(tensor);
    let mut elements = 1;
    let mut count = 1;
    let mut contiguous = true;
    for (extent, full) in tile.iter().zip(&whole).rev() {
        if contiguous {
            elements *= extent;
        } else {
            count *= extent;
        }
        contiguous &= extent == full;
    }
    let one = (machine.dma_setup + machine.dma_per_byte * machine.element_bytes * elements)
        .div_ceil(machine.dma_scale);
    Bursts {
        count,
        elements,
        cycles: count * one,
    }
}

/// [`bursts`] of all three tensors.
#[must_use]
pub fn all_bursts(layer: &Layer, machine: &Machine, tile: &Factors) -> [Bursts; TENSORS] {
    Tensor::ALL.map(|tensor| bursts(layer, machine, tensor, tile))
}
