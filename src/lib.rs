//! dflowc: compiler and interpreter of dflow.
//!
//! `&str -> Token -> ast::File -> hir::Program -> ir::Mapping -> Legal<ir::Mapping> -> Counts -> Cost -> report::Report`

pub mod base;
pub mod cli;
pub mod cost;
pub mod diag;
pub mod driver;
pub mod engine;
pub mod evaluate;
pub mod hir;
pub mod ir;
pub mod legality;
pub mod lower;
pub mod pricing;
pub mod report;
pub mod stdlib;
pub mod syntax;
