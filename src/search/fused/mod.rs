//! The fused design of a chain of layers that moves least to and from the backing store.
//!
//! Problem: two chained products of 128^3 have some 10^9 designs (trees of blocks, loops in any order and pieces, places of
//! five tensors), and the question is which of them moves least in 8 KiB. [`tables`] holds, for every group of ranks that
//! share an index, the pieces of all layers after any loops ("all or new" per map), worked out once; a design is then one
//! product per tensor. [`block`] adds loop by loop, the outermost first, and places maps on the way: what is placed
//! has its figures for good, and what is not yet placed is bounded by its windows so far. What stands in a block is taken
//! from the room of its parts, which are then searched apart. [`stage`] is the innermost part: the loops of one layer
//! around the one or two tensors that stream through it.
//!
//! What an answer costs is counted by [`crate::engine::tree`]; the search only chooses.

mod block;
mod choices;
mod network;
mod request;
mod stage;
mod tables;

pub use network::{Chain, Fused, Network, network};
pub use request::{Answer, Loops, Outcome, Request, check, search};
