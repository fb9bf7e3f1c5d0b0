//! Number formats: `INT8`, `BF16`, and how wide they are.

use std::fmt;

/// Number format of an element. The width alone would not do: an FP16 product costs more than an INT16 one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Precision {
    /// An integer.
    Int(IntBits),
    Fp8,
    Fp16,
    Bf16,
    Fp32,
}

/// Bits of an integer format: 1 to [`IntBits::MOST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IntBits(u8);

macro_rules! integers {
    ($($bits:literal)*) => {
        /// `INT1`, `INT2`, ... by their bits less one.
        const INTEGERS: [&str; 64] = [$(concat!("INT", $bits)),*];
    };
}

integers! {
    1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32
    33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64
}

impl IntBits {
    /// The widest integer.
    pub const MOST: u8 = 64;

    /// `None` outside 1 to [`IntBits::MOST`].
    #[must_use]
    pub fn new(bits: u8) -> Option<IntBits> {
        (1..=IntBits::MOST).contains(&bits).then_some(IntBits(bits))
    }
}

impl Precision {
    pub const INT8: Precision = Precision::Int(IntBits(8));

    /// Those that people use, for messages and completions; every `INTn` of 1 to 64 bits is one too.
    pub const COMMON: [Precision; 8] = [
        Precision::Int(IntBits(4)),
        Precision::INT8,
        Precision::Int(IntBits(16)),
        Precision::Int(IntBits(32)),
        Precision::Fp8,
        Precision::Fp16,
        Precision::Bf16,
        Precision::Fp32,
    ];

    /// Bits of one element.
    #[must_use]
    pub fn bits(self) -> u32 {
        match self {
            Precision::Int(bits) => bits.0.into(),
            Precision::Fp8 => 8,
            Precision::Fp16 | Precision::Bf16 => 16,
            Precision::Fp32 => 32,
        }
    }

    /// Spelling in the language.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            // In range by construction.
            Precision::Int(bits) => INTEGERS[usize::from(bits.0 - 1)],
            Precision::Fp8 => "FP8",
            Precision::Fp16 => "FP16",
            Precision::Bf16 => "BF16",
            Precision::Fp32 => "FP32",
        }
    }

    /// The precision spelled `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Precision> {
        if let Some(at) = INTEGERS.iter().position(|known| *known == name) {
            let bits = u8::try_from(at + 1).ok()?;
            return IntBits::new(bits).map(Precision::Int);
        }
        Precision::COMMON
            .into_iter()
            .find(|precision| precision.name() == name)
    }

    /// What a name could have been: `INT4, ..., FP32`.
    #[must_use]
    pub fn known() -> String {
        let names = Precision::COMMON.map(Precision::name);
        format!("{}, any INTn of 1 to 64 bits", names.join(", "))
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_of_1_to_64_bits() {
        let bits = |name: &str| Precision::from_name(name).map(Precision::bits);
        for known in 1..=64 {
            let name = format!("INT{known}");
            assert_eq!(bits(&name), Some(known));
            assert_eq!(
                Precision::from_name(&name).map(Precision::name),
                Some(name.as_str())
            );
        }
        for wrong in ["INT0", "INT65", "INT08", "INT", "int8", "INT-1", "FP64"] {
            assert_eq!(bits(wrong), None);
        }
        assert_eq!(bits("BF16"), Some(16));
    }
}
