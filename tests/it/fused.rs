//! Fused groups: the oracle gives what was counted by hand or by others, and the engine what the oracle gives.

mod build;
mod equality;
mod generate;
mod generated;
mod long;
mod oracle;
mod papers;
pub mod points;
mod written;
