//! A technology: what one action costs, as listed by its file.
//!
//! `read(SRAM, 64KiB, 64b): 25.87pJ` becomes an [`Entry`] with the action
//! `Read { class: "SRAM", capacity_bits: 524288, width_bits: 64 }` and the value 25.87. The label is the
//! text of the entry with the technology's name; it goes unchanged into the report.

pub use crate::base::Precision;
use std::fmt;

/// What an entry prices.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// One multiply-accumulate; pJ.
    Mac(Precision),
    /// One operation without a product (pooling, element-wise); pJ.
    Op(Precision),
    /// One access of `width_bits`, or of one element whatever its width when absent; pJ. Without a capacity
    /// the entry holds for every capacity of the class.
    Read {
        class: String,
        capacity_bits: Option<u128>,
        width_bits: Option<u32>,
    },
    /// As [`Action::Read`].
    Write {
        class: String,
        capacity_bits: Option<u128>,
        width_bits: Option<u32>,
    },
    /// One transfer over one hop of an array's network; pJ.
    Hop { width_bits: Option<u32> },
    /// Power that flows whether anything happens or not; mW.
    Static,
    /// One MAC unit.
    BuiltMac(Built, Precision),
    /// One memory of this capacity.
    BuiltMemory {
        built: Built,
        class: String,
        capacity_bits: u128,
    },
    /// Bus of an array of P instances that carries B bytes per cycle: `value * (slope * P + intercept) * B`.
    BuiltBus {
        built: Built,
        slope: f64,
        intercept: f64,
    },
    /// Arbiter of an array of P instances: `value * max(1, quadratic * P^2 + linear * P + constant)`.
    BuiltArbiter {
        built: Built,
        quadratic: f64,
        linear: f64,
        constant: f64,
    },
}

/// What an entry says of a part that is there, whatever happens in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Built {
    /// Its silicon; um2.
    Area,
    /// What it takes while the clock runs, as synthesis reports it; mW.
    Power,
}

impl Action {
    /// The word before the parenthesis.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Action::Mac(_) => "mac",
            Action::Op(_) => "op",
            Action::Read { .. } => "read",
            Action::Write { .. } => "write",
            Action::Hop { .. } => "hop",
            Action::Static => "static",
            Action::BuiltMac(Built::Area, _) => "area_mac",
            Action::BuiltMac(Built::Power, _) => "power_mac",
            Action::BuiltMemory { built, .. } => match built {
                Built::Area => "area",
                Built::Power => "power",
            },
            Action::BuiltBus { built, .. } => match built {
                Built::Area => "area_bus",
                Built::Power => "power_bus",
            },
            Action::BuiltArbiter { built, .. } => match built {
                Built::Area => "area_arbiter",
                Built::Power => "power_arbiter",
            },
        }
    }
}

impl Action {
    /// Bits that the figure is for, where the entry gives them.
    #[must_use]
    pub fn width(&self) -> Option<u32> {
        match self {
            Action::Read { width_bits, .. }
            | Action::Write { width_bits, .. }
            | Action::Hop { width_bits } => *width_bits,
            _ => None,
        }
    }

    /// Whether a technology can only mean one of two such entries. A memory of one class and capacity has one price
    /// per bit, an array one per hop, and one form of its bus and arbiter, whatever the widths and coefficients.
    #[must_use]
    pub fn prices_same(&self, other: &Action) -> bool {
        match (self, other) {
            (
                Action::Read {
                    class,
                    capacity_bits,
                    ..
                },
                Action::Read {
                    class: other_class,
                    capacity_bits: other_bits,
                    ..
                },
            )
            | (
                Action::Write {
                    class,
                    capacity_bits,
                    ..
                },
                Action::Write {
                    class: other_class,
                    capacity_bits: other_bits,
                    ..
                },
            ) => class == other_class && capacity_bits == other_bits,
            (Action::Hop { .. }, Action::Hop { .. }) => true,
            (Action::BuiltBus { built, .. }, Action::BuiltBus { built: other, .. })
            | (Action::BuiltArbiter { built, .. }, Action::BuiltArbiter { built: other, .. }) => {
                built == other
            }
            _ => self == other,
        }
    }
}

impl fmt::Display for Action {
    /// As one would write it in a technology.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.word())?;
        match self {
            Action::Static => Ok(()),
            Action::Mac(precision) | Action::Op(precision) | Action::BuiltMac(_, precision) => {
                write!(out, "({precision})")
            }
            Action::Read {
                class,
                capacity_bits,
                width_bits,
            }
            | Action::Write {
                class,
                capacity_bits,
                width_bits,
            } => {
                write!(out, "({class}")?;
                if let Some(bits) = capacity_bits {
                    write!(out, ", {}", capacity_text(*bits))?;
                }
                if let Some(bits) = width_bits {
                    write!(out, ", {bits}b")?;
                }
                out.write_str(")")
            }
            Action::Hop { width_bits } => match width_bits {
                Some(bits) => write!(out, "({bits}b)"),
                None => Ok(()),
            },
            Action::BuiltMemory {
                class,
                capacity_bits,
                ..
            } => write!(out, "({class}, {})", capacity_text(*capacity_bits)),
            Action::BuiltBus {
                slope, intercept, ..
            } => write!(out, "({slope}, {intercept})"),
            Action::BuiltArbiter {
                quadratic,
                linear,
                constant,
                ..
            } => write!(out, "({quadratic}, {linear}, {constant})"),
        }
    }
}

/// One line of a technology.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub action: Action,
    /// In the unit of the action; finite and not negative.
    pub value: f64,
    /// Where the figure is from, for the report: `horowitz45: mac(INT8)`.
    pub label: String,
}

impl Entry {
    /// An entry of the technology called `technology`.
    #[must_use]
    pub fn new(technology: &str, action: Action, value: f64) -> Entry {
        let label = format!("{technology}: {action}");
        Entry {
            action,
            value,
            label,
        }
    }
}

/// Energy and area per action.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Technology {
    /// In file order. Of two entries that price the same ([`Action::prices_same`]) the first counts; the front end
    /// reports the second.
    pub entries: Vec<Entry>,
    /// Capacities outside a table continue its outermost segment.
    pub extrapolate: bool,
}

impl Technology {
    /// Whether any entry reads or writes memories of this class.
    #[must_use]
    pub fn has_class(&self, class: &str) -> bool {
        self.entries.iter().any(|entry| match &entry.action {
            Action::Read { class: found, .. } | Action::Write { class: found, .. } => {
                found == class
            }
            _ => false,
        })
    }

    /// Whether any entry is about this.
    #[must_use]
    pub fn has(&self, wanted: Built) -> bool {
        self.entries.iter().any(|entry| match entry.action {
            Action::BuiltMac(built, _)
            | Action::BuiltMemory { built, .. }
            | Action::BuiltBus { built, .. }
            | Action::BuiltArbiter { built, .. } => built == wanted,
            _ => false,
        })
    }

    /// The first entry for which `is` holds.
    pub(crate) fn find(&self, is: impl Fn(&Action) -> bool) -> Option<&Entry> {
        self.entries.iter().find(|entry| is(&entry.action))
    }

    /// The spellings of all entries that start with `word`, in file order.
    pub(crate) fn spellings(&self, word: &str) -> Vec<String> {
        self.entries
            .iter()
            .filter(|entry| entry.action.word() == word)
            .map(|entry| entry.action.to_string())
            .collect()
    }
}

/// A capacity as the language writes it: `64KiB`, `108kB`, `520B`, `12b`.
#[must_use]
pub fn capacity_text(bits: u128) -> String {
    const BINARY: [(u128, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    const DECIMAL: [(u128, &str); 3] = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB")];
    if !bits.is_multiple_of(8) {
        return format!("{bits}b");
    }
    let bytes = bits / 8;
    for (unit, name) in BINARY.into_iter().chain(DECIMAL) {
        if bytes > 0 && bytes.is_multiple_of(unit) {
            return format!("{}{name}", bytes / unit);
        }
    }
    format!("{bytes}B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_spelled_as_in_the_language() {
        let read = Action::Read {
            class: "SRAM".to_owned(),
            capacity_bits: Some(64 * 1024 * 8),
            width_bits: Some(64),
        };
        assert_eq!(read.to_string(), "read(SRAM, 64KiB, 64b)");
        assert_eq!(Action::Mac(Precision::INT8).to_string(), "mac(INT8)");
        assert_eq!(Action::Hop { width_bits: None }.to_string(), "hop");
    }

    #[test]
    fn capacities_keep_the_unit_a_reader_would_choose() {
        assert_eq!(capacity_text(108_000 * 8), "108kB");
        assert_eq!(capacity_text(520 * 8), "520B");
        assert_eq!(capacity_text(2 * 1024 * 1024 * 8), "2MiB");
        assert_eq!(capacity_text(12), "12b");
        assert_eq!(capacity_text(0), "0B");
    }
}
