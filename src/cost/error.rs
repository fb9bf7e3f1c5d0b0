//! What keeps an action from having a price. Data only; the driver adds the place in the source.

use std::fmt;

/// An action that a mapping performs and the technology cannot price.
#[derive(Clone, Debug, PartialEq)]
pub enum CostError {
    /// E0503: no entry for the action.
    MissingEntry {
        /// As one would write it: `mac(INT16)`.
        action: String,
        /// Entries of the same kind that exist, in file order.
        have: Vec<String>,
    },
    /// E0504: the capacity lies outside the table and the technology does not say `extrapolate`.
    OutsideTable {
        action: String,
        /// The entries at the ends of the table.
        smallest: String,
        largest: String,
    },
    /// E0503: static power needs the clock of the accelerator.
    MissingClock,
    /// E0602: the energy is not the sum of its terms; a mistake of the program.
    Law,
}

/// The law that every energy keeps (`semantics.md` 2.6, 6), as messages call it.
pub const ENERGY_LAW: &str = "an energy is the sum of its terms, each a count times a price, and a total the sum of its layers";

impl CostError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            CostError::MissingEntry { .. } | CostError::MissingClock => "E0503",
            CostError::OutsideTable { .. } => "E0504",
            CostError::Law => "E0602",
        }
    }

    /// What the reader can do about it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            CostError::MissingEntry { action, have } if have.is_empty() => {
                format!("add `{action}: ...pJ;` to the technology")
            }
            CostError::MissingEntry { action, have } => format!(
                "add `{action}: ...pJ;` to the technology; of this kind it has {}",
                have.join(", ")
            ),
            CostError::OutsideTable { .. } => {
                "add an entry for this capacity, or `extrapolate;` to the technology".to_owned()
            }
            CostError::MissingClock => {
                "add `Clock: 200MHz;` (or your own) to the accelerator".to_owned()
            }
            CostError::Law => "please report it, with the program".to_owned(),
        }
    }
}

impl fmt::Display for CostError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CostError::MissingEntry { action, .. } => {
                write!(out, "the technology has no entry for {action}")
            }
            CostError::OutsideTable {
                action,
                smallest,
                largest,
            } => write!(
                out,
                "{action} is outside the table of the technology, which goes from {smallest} to {largest}"
            ),
            CostError::MissingClock => {
                out.write_str("the technology has static power, and the accelerator has no clock")
            }
            CostError::Law => write!(
                out,
                "no energy is given, for it breaks the law that {ENERGY_LAW}; this is a mistake of the program"
            ),
        }
    }
}
