//! The cost profile `dmazerunner`: an execution method is a tiling of the convolution's seven loops over
//! DRAM, scratch-pad (SPM), register files (RF) and the PE array, with an order of the SPM and the DRAM
//! loops. The profile gives its cycles and its energy.
//!
//! Example, the method of the paper's section 4.2 (ResNet conv5_2, batch 4): DRAM `m:8 c:64`, SPM `c:8`, RF
//! `n:4 m:16 fx:3 fy:3`, array `m:4 ox:7 oy:7`, `c` innermost at both levels. A PE computes
//! 4 * 16 * 9 = 576 cycles per pass of the RF; an SPM pass has 8 of them, 4608 cycles, which hides the DMA's
//! 3644 cycles for the next tiles (the paper prints 3641; no rounding gives that number, and it changes
//! nothing, being hidden); outputs leave once per 64 passes. Together 2,459,648 cycles and 2,908,068,209 pJ.
//!
//! Source: the paper "dMazeRunner: Optimizing Convolutions on Dataflow Accelerators" and the published tool,
//! whose closed form this is. Three habits of the tool are kept, because published numbers contain them:
//! the box of an input tile covers `(ox - 1) * stride + fx` columns, so with stride 2 it never spans the
//! padded image and every row is a burst of its own ([`dma`]); the latency of a kept tensor is compared
//! with the other tensors' latency and not with the computation ([`cycles`]); and every pass reads the
//! outputs back from the SPM, even the first ([`energy`]).
//!
//! Every figure is an integer: cycles, and energy in units of which one picojoule has a whole number. Only
//! the printed total is rounded, to a picojoule, as the tool does.

mod beside;
pub mod cycles;
pub mod dma;
pub mod energy;
pub mod layer;
mod loops;
pub mod machine;
pub mod method;
mod model;
pub mod profile;
pub mod reuse;
pub mod subject;
mod unfit;

pub use energy::Accesses;
pub use layer::{DIMS, Dim, Factors, Layer, Operator, TENSORS, Tensor};
pub use loops::schedule;
pub use machine::{Energies, Machine};
pub use method::{Level, Method, Rejected, Sizes};
pub use model::{DMazeRunner, energies, refusal};
pub use profile::{Profile, Tiling, evaluate};
pub use reuse::Reuse;
pub use subject::{Given, given, problem};
pub use unfit::Unfit;
