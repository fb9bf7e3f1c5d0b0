//! Cost models with closed forms of their own.

pub mod dmazerunner;
