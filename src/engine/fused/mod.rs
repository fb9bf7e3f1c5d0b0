//! Fused groups: [`crate::ir::FusedGroup`] to [`Flow`].

mod counts;
pub mod oracle;

pub use counts::{Flow, StageFlow, TensorFlow};
