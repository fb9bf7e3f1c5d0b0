//! Trees of blocks: the count equals the oracle.

pub mod build;
mod equality;
mod generate;
