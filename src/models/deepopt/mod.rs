//! DeepOpt: a systolic array with three memories side by side, five schedules in closed form, the best one per layer, and the best
//! hardware under an area budget.
//!
//! Source: Manasi and Sapatnekar, "DeepOpt: Optimized Scheduling of CNN Workloads for ASIC-based Systolic Deep Learning
//! Accelerators", ASP-DAC 2021. The paper prints the formulas of one schedule; the others follow the authors' program, quirks
//! included, because the published tables contain them.
//!
//! A worked example, AlexNet's conv3 (3x3 filters, 256 channels, 384 filters, 13x13 results) on 32 rows and 64 columns with 16, 32 and
//! 8 KiB: ten channels stand side by side (`floor(32 / 3)`), so 26 steps cover the channels and six the filters. The psum memory holds 2048
//! words, 64 filters times 13 columns are 832, so two rows of results are computed at a time, seven pieces in all. Filters are read
//! once per piece: 7 * 3 * 3 * 256 * 384 = 6,193,152 words from DRAM.
//!
//! * [`layer`](Layer): what the model describes, and why it does not describe a layer;
//! * `subject`: layers and machines from operations and architectures;
//! * `cover`: the pieces whose partial sums fit; `access`: counts of a piece; `delay`: its waiting; `dense`: one image of a fully
//!   connected layer;
//! * [`estimate`]: all of it for a layer and a schedule;
//! * [`Costed`]: a layer of a program under a schedule, priced by its technology;
//! * [`per_layer`], [`network_product`], [`fixed`]: which schedule for which layer;
//! * [`deciding`]: why a schedule won;
//! * [`allocate`]: which hardware;
//! * [`Simulation`]: every order of the four loops, walked block by block, to see what the pruning to five loses; `exact`: the
//!   same orders as loops that the engine counts.
//!
//! Invariant: counts and cycles are integers or ratios of integers throughout; only prices are floating-point numbers.
//!
//! ```
//! use dflowc::models::deepopt::{Kind, Layer, Machine, MachineShape, PerTensor, Prices, DenseEnergy, Schedule, Shape, estimate};
//!
//! let conv3 = Layer::new(&Shape {
//!     filter_rows: 3, filter_columns: 3, channels: 256, filters: 384, rows: 13, columns: 13, stride: 1, groups: 1,
//!     kind: Kind::Convolution, runs: 1,
//! })?;
//! let machine = Machine::new(&MachineShape {
//!     rows: 32, columns: 64, dram_bits_per_cycle: 128,
//!     memories: PerTensor { filter: 16 << 13, ifmap: 32 << 13, psum: 8 << 13 },
//!     words: PerTensor { filter: 8, ifmap: 8, psum: 32 },
//! })?;
//! let free = Prices { mac: 0.0, register_bit: 0.0, sram_bit: PerTensor::default(), dram_bit: 0.0, dense: DenseEnergy::Published };
//! let estimate = estimate(&conv3, &machine, Schedule::XYZiZo, &free)?;
//! assert_eq!(estimate.dram.filter.numerator(), 6_193_152);
//! assert_eq!((estimate.cycles.compute, estimate.cycles.stall, estimate.cycles.write), (79_092, Some(346_942), 4_056));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod access;
mod allocate;
mod costed;
mod cover;
mod delay;
mod dense;
mod estimate;
mod exact;
mod layer;
mod model;
mod objective;
mod parallel;
mod price;
mod schedule;
mod select;
mod simulate;
mod subject;
#[cfg(test)]
mod tests;
mod verify;
mod why;

pub use allocate::{
    Allocation, Design, Found, MemorySize, Repeated, Sweep, Valued, Visitor, allocate, visit,
};
pub use costed::{Costed, Uncosted};
pub use estimate::{
    Count, Cycles, DenseEnergy, DramCounts, Energy, Estimate, Memory, Prices, Unfit, estimate,
};
pub use layer::{Extent, Inapplicable, Kind, Layer, Machine, MachineShape, PerTensor, Shape};
pub use model::{CORRECTED, DeepOpt, PUBLISHED};
pub use objective::Objective;
pub use price::Priced;
pub use schedule::{Loop, Schedule};
pub use select::{Choice, Choices, Selection, fixed, network_product, per_layer, product_of};
pub use simulate::{Moved, Order, Simulation, Stationary, Unsimulated};
pub use verify::{Claim, Verdict, Verified, Winner, verify_orders, verify_pruning};
pub use why::{Difference, Term, deciding, deciding_of};
