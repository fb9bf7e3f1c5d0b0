//! Diagnostics as data, and the one renderer.
