//! The mapping of one layer on one accelerator, without names, files or syntax.
//!
//! Problem: everything after the front end (legality, counting, cost, search) must agree on what a
//! dataflow *is*. This module is that agreement, in three parts:
//!
//! * [`Operation`]: a box of ranks and the affine access map of every tensor. A 3x3 convolution of
//!   224x224 with padding 1 has ranks `N G K C P Q R S` and an Input row index `P + R - 1`.
//! * [`Architecture`]: memories from the outside in, arrays (fan-out) between them, the lanes of a PE.
//! * [`Schedule`]: the loops, outermost first, and where in that list each memory's tile lies.
//!
//! The first two are a [`Problem`], of which there are many schedules; with one of them it is a [`Mapping`]. Nothing here is checked for legality: `legality::check` turns a
//! `Mapping` into a `Legal<Mapping>`, and the engines take only that.
//!
//! Invariants (kept by `lower`, relied on by everyone):
//! * a rank occurs in at most one [`Window`];
//! * within one tensor, no rank occurs in two dimensions;
//! * tensors are ordered operands first, the one result last;
//! * memory 0 is the backing store: it holds every tensor whole, its position is 0;
//! * along a tensor's chain of memories, positions never decrease inwards, and every spatial loop of an
//!   array above a memory lies before that memory's position;
//! * every position is at most `Schedule::steps`, which is at most `Schedule::leaf`.

mod architecture;
mod boxes;
mod footprint;
mod fused;
mod geometry;
mod intervals;
mod operation;
mod problem;
mod schedule;
mod strided;
mod tree;

pub use architecture::{Architecture, Array, Links, Memory, Network, Ports, Rate, Refill, RoleSet};
pub use boxes::{BoxSet, Grid, MAX_PRODUCTS, Product};
pub use footprint::Footprint;
pub use fused::{
    Access, Fate, Group as FusedGroup, GroupTensor, Index, IndexTerm, Overlap, Stage, StageRank,
    TileLoop,
};
pub use geometry::{
    Group, GroupAxis, GroupLoop, GroupLoops, GroupMove, GroupState, GroupWindow, Grouping, groups,
};
pub use intervals::{Interval, Intervals};
pub use operation::{Dim, Operation, OperationKind, RankId, Role, Tensor, Term, Window};
pub use problem::{Mapping, Problem};
pub use schedule::{Axis, Loop, LoopKind, Move, Origin, Schedule, window_count};
pub use strided::{MAX_RUNS, Run, Strided};
pub use tree::{Block, Body, FusedLayer, FusedProblem, FusedSchedule, FusedTensor, Place};
