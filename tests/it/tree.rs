//! Trees of blocks: the count equals the oracle, the search equals plain enumeration.

pub mod build;
mod command;
mod enumeration;
mod equality;
mod figures;
mod generate;
