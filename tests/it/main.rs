//! Tests of the whole program and of agreements between its parts.

mod cli;
