//! Spans, sources, names: depends on nothing.
