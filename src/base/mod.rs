//! Spans, sources, quantities, number formats, integer helpers: depends on nothing else in the crate.

pub mod harmless;
pub mod limits;
pub mod num;
pub mod precision;
pub mod quantity;
pub mod source;
pub mod span;

pub use precision::{IntBits, Precision};
pub use quantity::{Decimal, Dimension, Ratio, Unit};
pub use source::{FileId, LineColumn, SourceFile, SourceMap};
pub use span::{Span, Spanned};
