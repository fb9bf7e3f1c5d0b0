//! Source text to AST.
//!
//! `text -> [lexer] -> tokens -> [balance] -> matching braces -> [recover, the grammar] -> items`.
//! Nothing here knows what a key means; nothing behind here sees a token.
//!
//! Invariants: parsing never fails and never panics (there is always a tree); the time is linear in the
//! length of the text; whatever is missing from the tree has a diagnostic.

pub mod ast;
mod balance;
mod build;
pub mod contextual;
mod error;
mod expected;
pub mod lexer;
mod parser;
pub mod print;
mod recover;
mod slip;
pub mod token;

pub use error::SyntaxError;
pub use parser::{MAX_SOURCE_BYTES, Parsed, decode, parse, parse_setting};

#[cfg(test)]
mod tests;
