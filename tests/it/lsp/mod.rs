//! The language server as an editor has it: the program, spoken to over its standard channels.

mod costs;
mod diagnostics;
mod editor;
mod language;
mod memory;
mod protocol;
mod random;
mod search;
mod structure;
