//! The definition, executed: explicit masks, step after step.
