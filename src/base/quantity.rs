//! Exact decimals and the units of dflow.
//!
//! `25.6GB/s` must stay what was written: binary floating point has no 25.6. A literal is therefore a
//! [`Decimal`] (mantissa and power of ten), its unit a [`Unit`] (dimension and exact scale), and their
//! product a [`Ratio`] in the base unit of the dimension: 25,600,000,000 B/s.
//!
//! `b` is a bit and `B` a byte.
//!
//! Base units: byte, ns, Hz, pJ, mW, um2, nm, cycle, B/s, B/cycle, pJ/B.

use super::num::gcd;

/// `mantissa * 10^exponent`, as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    pub mantissa: u128,
    pub exponent: i32,
}

impl Decimal {
    #[must_use]
    pub fn integer(value: u64) -> Self {
        Self {
            mantissa: u128::from(value),
            exponent: 0,
        }
    }

    /// Reads `12`, `1_000`, `0.96`, `2.5e-3`; `None` if it is not such a text or its digits pass `u128`
    /// or the power of ten is beyond +-60.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (digits, power) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i32>().ok()?),
            None => (text, 0),
        };
        let mut mantissa = 0u128;
        let mut exponent = power;
        let mut fraction = false;
        let mut any = false;
        for c in digits.chars() {
            match c {
                '_' => {}
                '.' if !fraction => fraction = true,
                _ => {
                    let digit = c.to_digit(10)?;
                    mantissa = mantissa.checked_mul(10)?.checked_add(u128::from(digit))?;
                    exponent = exponent.checked_sub(i32::from(fraction))?;
                    any = true;
                }
            }
        }
        if !any || !(-60..=60).contains(&exponent) {
            return None;
        }
        Some(Self { mantissa, exponent })
    }

    /// The exact value; `None` past `u128`.
    #[must_use]
    pub fn ratio(self) -> Option<Ratio> {
        let mut mantissa = self.mantissa;
        let mut exponent = self.exponent;
        while exponent < 0 && mantissa.is_multiple_of(10) && mantissa != 0 {
            mantissa /= 10;
            exponent += 1;
        }
        let power = 10u128.checked_pow(exponent.unsigned_abs());
        match (mantissa, exponent) {
            (0, _) => Ratio::new(0, 1),
            (_, 0..) => Ratio::new(mantissa.checked_mul(power?)?, 1),
            _ => Ratio::new(mantissa, power?),
        }
    }

    /// The value if it is a whole number that fits; `1e3` and `64.0` are whole.
    #[must_use]
    pub fn as_integer(self) -> Option<u64> {
        self.ratio()?.as_integer()
    }

    /// The nearest binary number.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        // Through the standard library's correctly rounded parser: no rounding of our own.
        format!("{}e{}", self.mantissa, self.exponent)
            .parse()
            .unwrap_or(f64::NAN)
    }
}

/// Plain decimal text: `0.96`, `25.6`, `1000`, `2.5e-30` when it would be long.
impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = self.mantissa.to_string();
        match self.exponent {
            0 => f.write_str(&digits),
            -12..=-1 => {
                let places = self.exponent.unsigned_abs() as usize;
                let padded = format!("{digits:0>width$}", width = places + 1);
                let (whole, fraction) = padded.split_at(padded.len() - places);
                write!(f, "{whole}.{fraction}")
            }
            exponent => write!(f, "{digits}e{exponent}"),
        }
    }
}

/// A non-negative fraction in lowest terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio {
    numerator: u128,
    denominator: u128,
}

impl Ratio {
    /// `numerator / denominator` in lowest terms; `None` for a zero denominator.
    #[must_use]
    pub fn new(numerator: u128, denominator: u128) -> Option<Self> {
        if denominator == 0 {
            return None;
        }
        let divisor = gcd(numerator, denominator);
        Some(Self {
            numerator: numerator / divisor,
            denominator: denominator / divisor,
        })
    }

    #[must_use]
    pub fn numerator(self) -> u128 {
        self.numerator
    }

    #[must_use]
    pub fn denominator(self) -> u128 {
        self.denominator
    }

    /// The product; `None` past `u128`.
    #[must_use]
    pub fn checked_mul(self, other: Self) -> Option<Self> {
        let left = gcd(self.numerator, other.denominator).max(1);
        let right = gcd(other.numerator, self.denominator).max(1);
        Self::new(
            (self.numerator / left).checked_mul(other.numerator / right)?,
            (self.denominator / right).checked_mul(other.denominator / left)?,
        )
    }

    /// The value if it is whole and fits.
    #[must_use]
    pub fn as_integer(self) -> Option<u64> {
        if self.denominator == 1 {
            u64::try_from(self.numerator).ok()
        } else {
            None
        }
    }

    /// The nearest binary number, up to two roundings.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.numerator as f64 / self.denominator as f64
    }
}

/// What a unit measures. The variant names the base unit in which values are handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    /// Bytes.
    Size,
    /// Nanoseconds.
    Time,
    /// Cycles.
    Cycles,
    /// Hertz.
    Frequency,
    /// Picojoules.
    Energy,
    /// Milliwatts.
    Power,
    /// Square micrometres.
    Area,
    /// Nanometres.
    Length,
    /// Bytes per second.
    BytesPerSecond,
    /// Bytes per cycle.
    BytesPerCycle,
    /// Picojoules per byte.
    EnergyPerByte,
}

impl Dimension {
    /// What it is called in messages: `a size`, `an energy`.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::Size => "a size",
            Self::Time => "a time",
            Self::Cycles => "a number of cycles",
            Self::Frequency => "a frequency",
            Self::Energy => "an energy",
            Self::Power => "a power",
            Self::Area => "an area",
            Self::Length => "a length",
            Self::BytesPerSecond => "a bandwidth per second",
            Self::BytesPerCycle => "a bandwidth per cycle",
            Self::EnergyPerByte => "an energy per byte",
        }
    }

    /// The base unit: what a value of [`Unit::scale`] 1 is written in.
    #[must_use]
    pub fn base_unit(self) -> &'static str {
        match self {
            Self::Size => "B",
            Self::Time => "ns",
            Self::Cycles => "cycles",
            Self::Frequency => "Hz",
            Self::Energy => "pJ",
            Self::Power => "mW",
            Self::Area => "um2",
            Self::Length => "nm",
            Self::BytesPerSecond => "B/s",
            Self::BytesPerCycle => "B/cycle",
            Self::EnergyPerByte => "pJ/B",
        }
    }
}

/// A unit as written, what it measures, and its exact size in base units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    /// The canonical spelling: `GB/s`.
    numerator: &'static str,
    denominator: Option<&'static str>,
    pub dimension: Dimension,
    pub scale: Ratio,
}

/// Simple units: spelling, dimension, scale as numerator and denominator.
const SIMPLE: &[(&str, Dimension, u128, u128)] = &[
    ("b", Dimension::Size, 1, 8),
    ("bit", Dimension::Size, 1, 8),
    ("bits", Dimension::Size, 1, 8),
    ("B", Dimension::Size, 1, 1),
    ("kB", Dimension::Size, 1_000, 1),
    ("MB", Dimension::Size, 1_000_000, 1),
    ("GB", Dimension::Size, 1_000_000_000, 1),
    ("TB", Dimension::Size, 1_000_000_000_000, 1),
    ("KiB", Dimension::Size, 1 << 10, 1),
    ("MiB", Dimension::Size, 1 << 20, 1),
    ("GiB", Dimension::Size, 1 << 30, 1),
    ("TiB", Dimension::Size, 1 << 40, 1),
    ("kbit", Dimension::Size, 1_000, 8),
    ("Kibit", Dimension::Size, 1 << 10, 8),
    ("Mbit", Dimension::Size, 1_000_000, 8),
    ("Gbit", Dimension::Size, 1_000_000_000, 8),
    ("ps", Dimension::Time, 1, 1_000),
    ("ns", Dimension::Time, 1, 1),
    ("us", Dimension::Time, 1_000, 1),
    ("ms", Dimension::Time, 1_000_000, 1),
    ("s", Dimension::Time, 1_000_000_000, 1),
    ("cycle", Dimension::Cycles, 1, 1),
    ("cycles", Dimension::Cycles, 1, 1),
    ("Hz", Dimension::Frequency, 1, 1),
    ("kHz", Dimension::Frequency, 1_000, 1),
    ("MHz", Dimension::Frequency, 1_000_000, 1),
    ("GHz", Dimension::Frequency, 1_000_000_000, 1),
    ("fJ", Dimension::Energy, 1, 1_000),
    ("pJ", Dimension::Energy, 1, 1),
    ("nJ", Dimension::Energy, 1_000, 1),
    ("uJ", Dimension::Energy, 1_000_000, 1),
    ("mJ", Dimension::Energy, 1_000_000_000, 1),
    ("J", Dimension::Energy, 1_000_000_000_000, 1),
    ("nW", Dimension::Power, 1, 1_000_000),
    ("uW", Dimension::Power, 1, 1_000),
    ("mW", Dimension::Power, 1, 1),
    ("W", Dimension::Power, 1_000, 1),
    ("um2", Dimension::Area, 1, 1),
    ("mm2", Dimension::Area, 1_000_000, 1),
    ("nm", Dimension::Length, 1, 1),
    ("um", Dimension::Length, 1_000, 1),
    ("mm", Dimension::Length, 1_000_000, 1),
];

impl Unit {
    /// The unit of that spelling: a simple one, a size per `s` or `cycle`, an energy per `B` or `bit`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once('/') {
            None => Self::simple(text),
            Some((over, under)) => Self::per(Self::simple(over)?, Self::simple(under)?),
        }
    }

    fn simple(text: &str) -> Option<Self> {
        let &(spelling, dimension, numerator, denominator) =
            SIMPLE.iter().find(|(spelling, ..)| *spelling == text)?;
        Some(Self {
            numerator: spelling,
            denominator: None,
            dimension,
            scale: Ratio::new(numerator, denominator)?,
        })
    }

    fn per(over: Self, under: Self) -> Option<Self> {
        let (dimension, factor) = match (over.dimension, under.numerator) {
            (Dimension::Size, "s") => (Dimension::BytesPerSecond, 1),
            (Dimension::Size, "cycle" | "cycles") => (Dimension::BytesPerCycle, 1),
            (Dimension::Energy, "B") => (Dimension::EnergyPerByte, 1),
            // One pJ per bit is eight pJ per byte.
            (Dimension::Energy, "bit" | "b") => (Dimension::EnergyPerByte, 8),
            _ => return None,
        };
        Some(Self {
            numerator: over.numerator,
            denominator: Some(under.numerator),
            dimension,
            scale: over.scale.checked_mul(Ratio::new(factor, 1)?)?,
        })
    }

    /// Spellings of the simple units, for did-you-mean.
    pub fn spellings() -> impl Iterator<Item = &'static str> {
        SIMPLE.iter().map(|&(spelling, ..)| spelling).chain([
            "B/cycle",
            "B/s",
            "kB/s",
            "MB/s",
            "GB/s",
            "GiB/s",
            "bits/cycle",
            "pJ/B",
            "pJ/bit",
        ])
    }

    /// `value`, which is in base units, as a whole number of the largest unit in which it is one: 33,554,432 bytes are
    /// `32MiB`. Bytes come before bits: 256 bytes are not `2Kibit`.
    #[must_use]
    pub fn largest(value: Ratio, dimension: Dimension) -> Option<(u64, Unit)> {
        let per = match dimension {
            Dimension::BytesPerSecond => Some((Dimension::Size, "s")),
            Dimension::BytesPerCycle => Some((Dimension::Size, "cycle")),
            Dimension::EnergyPerByte => Some((Dimension::Energy, "B")),
            _ => None,
        };
        let over = per.map_or(dimension, |per| per.0);
        let units = SIMPLE.iter().filter(|known| known.1 == over);
        units
            .filter_map(|&(spelling, ..)| {
                let unit = Unit::simple(spelling)?;
                let unit = match per {
                    Some((_, under)) => Unit::per(unit, Unit::simple(under)?)?,
                    None => unit,
                };
                let inverse = Ratio::new(unit.scale.denominator(), unit.scale.numerator())?;
                let in_bits = over == Dimension::Size && !spelling.ends_with('B');
                Some((value.checked_mul(inverse)?.as_integer()?, unit, in_bits))
            })
            .min_by_key(|found| (found.2, found.0))
            .map(|found| (found.0, found.1))
    }

    /// `value` in base units, exactly; `None` past `u128`.
    #[must_use]
    pub fn apply(self, value: Decimal) -> Option<Ratio> {
        value.ratio()?.checked_mul(self.scale)
    }
}

impl std::fmt::Display for Unit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.numerator)?;
        match self.denominator {
            Some(under) => write!(f, "/{under}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        let value = Decimal::parse("25.6").unwrap();
        assert_eq!((value.mantissa, value.exponent), (256, -1));
        assert_eq!(value.as_integer(), None);
        assert_eq!(Decimal::parse("1_000").unwrap().as_integer(), Some(1000));
        assert_eq!(Decimal::parse("1e3").unwrap().as_integer(), Some(1000));
        assert_eq!(Decimal::parse("64.0").unwrap().as_integer(), Some(64));
        assert!((Decimal::parse("0.96").unwrap().to_f64() - 0.96).abs() < f64::EPSILON);
        assert_eq!(Decimal::parse("1e99"), None);
        assert_eq!(Decimal::parse(&"9".repeat(60)), None);
        assert_eq!(Decimal::parse("0.0").unwrap().as_integer(), Some(0));
    }

    #[test]
    fn decimals_print_as_written() {
        for text in ["0.96", "25.6", "1000", "0.05", "3e20"] {
            assert_eq!(Decimal::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn quantities_in_their_largest_unit() {
        let written = |text: &str| {
            let digits = text
                .find(|c: char| !c.is_ascii_digit() && c != '.')
                .unwrap();
            let unit = Unit::parse(&text[digits..]).unwrap();
            let value = unit
                .apply(Decimal::parse(&text[..digits]).unwrap())
                .unwrap();
            let (number, unit) = Unit::largest(value, unit.dimension).unwrap();
            format!("{number}{unit}")
        };
        for text in [
            "32MiB",
            "108kB",
            "64B/cycle",
            "200MHz",
            "2GB/s",
            "16mm2",
            "520B",
            "256B",
        ] {
            assert_eq!(written(text), text);
        }
        assert_eq!(written("1000GB/s"), "1TB/s");
        assert_eq!(written("0.96pJ"), "960fJ");
        assert_eq!(written("1024KiB"), "1MiB");
        assert_eq!(written("12bits"), "12b");
    }

    #[test]
    fn units_scale_to_their_base() {
        // language.md section 2: kB = 1000 B, KiB = 1024 B.
        let bytes = |number: &str, unit: &str| {
            Unit::parse(unit)
                .and_then(|unit| unit.apply(Decimal::parse(number)?))
                .and_then(Ratio::as_integer)
        };
        assert_eq!(bytes("64", "KiB"), Some(65_536));
        assert_eq!(bytes("108", "kB"), Some(108_000));
        assert_eq!(bytes("25.6", "GB/s"), Some(25_600_000_000));
        assert_eq!(bytes("64", "bits/cycle"), Some(8));
        assert_eq!(bytes("1", "pJ/bit"), Some(8));
        assert_eq!(bytes("16", "mm2"), Some(16_000_000));
        assert_eq!(Unit::parse("KB"), None);
        assert_eq!(Unit::parse("s/s"), None);
        assert_eq!(Unit::parse("GB/s").unwrap().to_string(), "GB/s");
    }
}
