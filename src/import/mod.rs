//! Files of other tools as trees of dflow.
//!
//! Problem: thousands of networks and mappings are written in the formats of other tools. Each format has a folder here
//! with its own lexer and grammar, and gives the same [`crate::syntax::ast::File`] as a `.dflow` text would, with spans
//! that point into the foreign text: every later phase, message and editor works on it unchanged.
//!
//! Invariants: reading never fails and never panics; what could not be read has a message; nothing here knows what a
//! layer means (that is the business of `hir`) or reads a file.

pub mod maestro;
