//! dflowc: compiler and interpreter of dflow.
//!
//! `&str -> Token -> ast::File -> hir::Program -> ir::Mapping -> Legal<ir::Mapping> -> Counts -> Cost -> report::Report`
//!
//! In the order in which a program passes:
//!
//! * [`syntax`]: text to tokens to a tree. Always a tree, and always all mistakes: broken text is mended or
//!   left out, and said so.
//! * [`hir`]: names, imports, units, sizes. After it there are layers with shapes, accelerators with exact
//!   bandwidths, dataflows with parameters.
//! * [`lower`]: one layer, one dataflow and one accelerator become an [`ir::Mapping`]: loops over ranks and
//!   places for tiles. From here on nothing has a name.
//! * [`legality`]: every multiply-accumulate in exactly one tile, and every tile in its memory? The only
//!   door to `Legal<Mapping>`; a refusal carries a witness and, where there is one, the edit that mends it.
//! * [`engine`]: what moves, and how long it takes, exactly. `engine::oracle` executes every step and is
//!   the definition of correct; the engine counts kinds of steps and must equal it.
//! * [`models`]: named ways from a legal mapping (or a schedule that has only a name) to an estimate; one line each.
//! * [`cost`]: energy and area from a technology's figures, each of which keeps where it came from.
//! * [`search`]: the schedule that costs least, with a proof: tables per group of ranks, bounds, joins; what it says
//!   of a schedule comes from the engine.
//! * [`optimize`]: the searches of a program: layers to problems, answers to reports and source text.
//! * [`explore`]: sweeps over designs: numbered points, answers put together from parts, a journal; no names either.
//! * [`sweep`]: the explorations of a program: designs to an evaluator, answers to reports.
//! * [`report`]: one model of a result, and a writer per format.
//!
//! [`import`] gives trees of files of other tools, in the place of [`syntax`].
//!
//! [`driver`] reads files and runs the front end, [`evaluate::run()`] the rest, `cli` is the program, `lsp` what
//! editors see of it. [`format`] lays out a text anew, from its tokens and its tree. [`base`] and [`diag`] (spans,
//! messages, codes and their pages) are below everything, [`stdlib`] is embedded text.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::disallowed_methods))]

pub mod base;
#[cfg(feature = "cli")]
pub mod cli;
pub mod cost;
pub mod diag;
pub mod driver;
pub mod engine;
pub mod evaluate;
pub mod explore;
pub mod format;
pub mod hir;
pub mod import;
pub mod ir;
pub mod legality;
pub mod lower;
#[cfg(feature = "lsp")]
pub mod lsp;
pub mod models;
pub mod optimize;
pub mod pricing;
pub mod report;
pub mod search;
pub mod stdlib;
pub mod sweep;
pub mod syntax;
