//! Integration tests that need the library or the program from outside, in one binary.

// Programs and expected texts are files.
#![allow(clippy::disallowed_methods)]

mod cases;
mod chips;
mod cli;
mod closed;
mod deepopt;
mod directives;
mod dmazerunner;
mod editors;
mod equality;
mod examples;
mod explore;
mod features;
mod files;
mod fmt;
mod fused;
mod fused_report;
mod generate;
mod hostile;
mod import;
mod laws;
mod layering;
mod looptree;
mod lsp;
mod maestro;
mod models;
#[path = "../../examples/fuzz/pieces.rs"]
mod pieces;
mod properties;
mod raise;
mod robust;
mod search;
mod stdlib;
mod systolic;
mod tree;
mod validation;
