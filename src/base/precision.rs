//! Number formats: `INT8`, `BF16`, and how wide they are.

use std::fmt;

/// Number format of an element. The width alone would not do: an FP16 product costs more than an INT16 one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Precision {
    Int4,
    Int8,
    Int16,
    Int32,
    Fp8,
    Fp16,
    Bf16,
    Fp32,
}

impl Precision {
    /// All of them, in the order of the language page.
    pub const ALL: [Precision; 8] = [
        Precision::Int4,
        Precision::Int8,
        Precision::Int16,
        Precision::Int32,
        Precision::Fp8,
        Precision::Fp16,
        Precision::Bf16,
        Precision::Fp32,
    ];

    /// Bits of one element.
    #[must_use]
    pub fn bits(self) -> u32 {
        match self {
            Precision::Int4 => 4,
            Precision::Int8 | Precision::Fp8 => 8,
            Precision::Int16 | Precision::Fp16 | Precision::Bf16 => 16,
            Precision::Int32 | Precision::Fp32 => 32,
        }
    }

    /// Spelling in the language.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Precision::Int4 => "INT4",
            Precision::Int8 => "INT8",
            Precision::Int16 => "INT16",
            Precision::Int32 => "INT32",
            Precision::Fp8 => "FP8",
            Precision::Fp16 => "FP16",
            Precision::Bf16 => "BF16",
            Precision::Fp32 => "FP32",
        }
    }

    /// The precision spelled `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Precision> {
        Precision::ALL
            .into_iter()
            .find(|precision| precision.name() == name)
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}
