//! Searches: the best of a stated space, with a proof that it is the best.

pub mod dmazerunner;
