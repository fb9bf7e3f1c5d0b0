//! Models of cost with a space of their own, beside the exact one.

pub mod deepopt;
