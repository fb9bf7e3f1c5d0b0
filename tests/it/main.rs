//! Integration tests that need the library or the program from outside, in one binary.

mod cases;
mod chips;
mod cli;
mod directives;
mod dmazerunner;
mod editors;
mod equality;
mod examples;
mod features;
mod files;
mod fmt;
mod fused;
mod fused_report;
mod generate;
mod laws;
mod layering;
mod looptree;
mod lsp;
mod maestro;
mod properties;
mod robust;
mod stdlib;
mod systolic;
