//! Execution methods, and whether the architecture can hold one.

use super::layer::{DIMS, Dim, Factors, Layer, TENSORS, Tensor};
use super::machine::Machine;

/// A tiling with the orders of its two levels of loops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    pub dram: Factors,
    pub spm: Factors,
    pub rf: Factors,
    pub spatial: Factors,
    /// Loops of the level from the outermost to the innermost; loops of one trip may stand anywhere.
    pub dram_order: [Dim; DIMS],
    pub spm_order: [Dim; DIMS],
}

/// Where loops or tiles stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Dram,
    Spm,
    Rf,
    Spatial,
}

/// Why the profile does not apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// A loop of the layer, or a factor, is zero.
    EmptyLoop(Dim),
    /// The factors of the loop do not multiply to its bound.
    Factors { dim: Dim, product: u64, bound: u64 },
    /// A loop stands twice in an order.
    Order(Level),
    /// More PEs than there are.
    Pes { needed: u64, available: u64 },
    /// The tiles of the three tensors exceed the register file; elements.
    Rf {
        tiles: [u64; TENSORS],
        available: u64,
    },
    /// The tiles exceed the SPM; bytes.
    SpmBytes {
        tiles: [u64; TENSORS],
        available: u64,
    },
    /// The tiles fit in bytes but not in banks, each of which belongs to one tensor.
    SpmBanks {
        tiles: [u64; TENSORS],
        available: u64,
    },
    /// The layer does not fit the operator: M of a depthwise layer or Ox, Oy, Fx, Fy of a product exceed 1.
    Operator(Dim),
    /// A size, a stride or a scale of the architecture is zero.
    ZeroParameter,
    /// Figures of this layer would not fit 63 bits.
    TooLarge,
}

/// Elements of each tensor that a tile occupies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// In one register file.
    pub rf: [u64; TENSORS],
    /// In all register files together, without copies: what one delivery brings.
    pub array: [u64; TENSORS],
    /// In the SPM.
    pub spm: [u64; TENSORS],
}

impl Method {
    /// Factors of the tile that all PEs work on together.
    #[must_use]
    pub fn array_tile(&self) -> Factors {
        std::array::from_fn(|d| self.rf[d] * self.spatial[d])
    }

    /// Factors of the tile in the SPM.
    #[must_use]
    pub fn spm_tile(&self) -> Factors {
        std::array::from_fn(|d| self.rf[d] * self.spatial[d] * self.spm[d])
    }

    /// Sizes of the tiles.
    #[must_use]
    pub fn sizes(&self, layer: &Layer) -> Sizes {
        Sizes {
            rf: layer.footprints(&self.rf),
            array: layer.footprints(&self.array_tile()),
            spm: layer.footprints(&self.spm_tile()),
        }
    }

    /// Checks the method against layer and architecture.
    ///
    /// # Errors
    ///
    /// The first condition that fails.
    pub fn check(&self, layer: &Layer, machine: &Machine) -> Result<Sizes, Rejected> {
        check_problem(layer, machine)?;
        for dim in Dim::ALL {
            let d = dim.index();
            let factors = [self.dram[d], self.spm[d], self.rf[d], self.spatial[d]];
            if factors.contains(&0) {
                return Err(Rejected::EmptyLoop(dim));
            }
            let product = factors
                .iter()
                .try_fold(1_u64, |product, factor| product.checked_mul(*factor))
                .unwrap_or(u64::MAX);
            if product != layer.bounds[d] {
                return Err(Rejected::Factors {
                    dim,
                    product,
                    bound: layer.bounds[d],
                });
            }
        }
        for (level, order) in [(Level::Dram, self.dram_order), (Level::Spm, self.spm_order)] {
            if Dim::ALL.iter().any(|dim| !order.contains(dim)) {
                return Err(Rejected::Order(level));
            }
        }
        let sizes = self.sizes(layer);
        let needed = self.spatial.iter().product();
        if needed > machine.pes {
            return Err(Rejected::Pes {
                needed,
                available: machine.pes,
            });
        }
        if sizes.rf.iter().sum::<u64>() > machine.rf_elements {
            return Err(Rejected::Rf {
                tiles: sizes.rf,
                available: machine.rf_elements,
            });
        }
        check_spm(&sizes.spm, machine)?;
        Ok(sizes)
    }
}

/// Checks what concerns layer and architecture alone.
///
/// # Errors
///
/// The first condition that fails.
pub fn check_problem(layer: &Layer, machine: &Machine) -> Result<(), Rejected> {
    use super::layer::Operator;
    for dim in Dim::ALL {
        let bound = layer.bounds[dim.index()];
        if bound == 0 {
            return Err(Rejected::EmptyLoop(dim));
        }
        let only_one = match layer.operator {
            Operator::Convolution => false,
            Operator::Depthwise => dim == Dim::M,
            Operator::Product => !matches!(dim, Dim::N | Dim::M | Dim::C),
        };
        if only_one && bound != 1 {
            return Err(Rejected::Operator(dim));
        }
    }
    if [
        layer.stride,
        machine.pes,
        machine.rf_elements,
        machine.spm_banks,
        machine.bank_bytes,
        machine.element_bytes,
        machine.dma_scale,
    ]
    .contains(&0)
    {
        return Err(Rejected::ZeroParameter);
    }
    if machine.spm_banks.checked_mul(machine.bank_bytes).is_none() || !machine.holds(layer) {
        return Err(Rejected::TooLarge);
    }
    Ok(())
}

/// Whether tiles of so many elements fit the SPM, in bytes and in banks.
///
/// # Errors
///
/// [`Rejected::SpmBytes`] or [`Rejected::SpmBanks`].
pub fn check_spm(elements: &[u64; TENSORS], machine: &Machine) -> Result<(), Rejected> {
    let bytes = elements.map(|size| size * machine.element_bytes);
    if bytes.iter().sum::<u64>() > machine.spm_bytes() {
        return Err(Rejected::SpmBytes {
            tiles: bytes,
            available: machine.spm_bytes(),
        });
    }
    let banks = bytes.map(|size| size.div_ceil(machine.bank_bytes));
    if banks.iter().sum::<u64>() > machine.spm_banks {
        return Err(Rejected::SpmBanks {
            tiles: banks,
            available: machine.spm_banks,
        });
    }
    Ok(())
}

/// The order in which the tensor's idle loops stand innermost, so that it stays in place as long as it can; for
/// no tensor, the order with the loops innermost that all tensors need.
#[must_use]
pub fn stationary_order(layer: &Layer, tensor: Option<Tensor>) -> [Dim; DIMS] {
    let mut order = [Dim::N; DIMS];
    let (inner, outer): (Vec<Dim>, Vec<Dim>) = Dim::ALL
        .into_iter()
        .rev()
        .partition(|dim| layer.idle(*dim) == tensor);
    for (place, dim) in order.iter_mut().zip(outer.into_iter().chain(inner)) {
        *place = dim;
    }
    order
}
