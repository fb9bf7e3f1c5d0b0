//! Integration tests that need the library or the program from outside, in one binary.

// Programs and expected texts are files.
#![allow(clippy::disallowed_methods)]

mod advice;
mod cases;
mod chips;
mod cli;
mod closed;
mod deepopt;
mod deepopt_search;
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
mod killed;
mod laws;
mod layering;
mod library;
mod looptree;
mod lsp;
mod maestro;
mod methods;
mod models;
#[path = "../../examples/fuzz/pieces.rs"]
mod pieces;
mod properties;
mod raise;
mod reuse;
mod robust;
mod search;
mod search_networks;
mod stdlib;
mod systolic;
mod trace;
mod tree;
mod validation;
