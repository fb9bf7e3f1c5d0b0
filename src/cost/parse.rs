//! From the word and the arguments of a technology entry to an [`Action`].
//!
//! `read(SRAM, 64KiB, 64b)` arrives as the word `read` and the arguments `SRAM`, 524288 bits given in bytes,
//! 64 bits given in bits: a size in bytes is a capacity, one in bits the width of the access.

use super::tech::{Action, Built, Precision};
use crate::base::Dimension;

/// One argument of an entry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Argument<'a> {
    Word(&'a str),
    /// A size written in bytes (`64KiB`), in bits.
    Capacity(u128),
    /// A size written in bits (`64b`).
    Width(u128),
    Number(f64),
}

/// Why an entry prices nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum ActionError {
    /// No action has this word.
    UnknownAction,
    /// An argument should be a precision and is this word.
    UnknownPrecision(String),
    /// The arguments do not fit.
    Arguments {
        /// How the action is written.
        usage: &'static str,
    },
}

/// The words that [`Action::parse`] knows, for did-you-mean.
pub const ACTIONS: [&str; 14] = [
    "mac",
    "op",
    "read",
    "write",
    "hop",
    "static",
    "area_mac",
    "area",
    "area_bus",
    "area_arbiter",
    "power_mac",
    "power",
    "power_bus",
    "power_arbiter",
];

impl Action {
    /// The action that an entry prices.
    ///
    /// # Errors
    ///
    /// When the word or an argument means nothing.
    pub fn parse(word: &str, arguments: &[Argument<'_>]) -> Result<Action, ActionError> {
        match word {
            "mac" => precision(arguments, "mac(INT8)").map(Action::Mac),
            "op" => precision(arguments, "op(INT8)").map(Action::Op),
            "area_mac" => precision(arguments, "area_mac(INT8)")
                .map(|precision| Action::BuiltMac(Built::Area, precision)),
            "power_mac" => precision(arguments, "power_mac(INT8)")
                .map(|precision| Action::BuiltMac(Built::Power, precision)),
            "read" => access(arguments, "read(SRAM, 64KiB, 64b)").map(
                |(class, capacity_bits, width_bits)| Action::Read {
                    class,
                    capacity_bits,
                    width_bits,
                },
            ),
            "write" => access(arguments, "write(SRAM, 64KiB, 64b)").map(
                |(class, capacity_bits, width_bits)| Action::Write {
                    class,
                    capacity_bits,
                    width_bits,
                },
            ),
            "hop" => match arguments {
                [] => Ok(Action::Hop { width_bits: None }),
                [Argument::Width(bits)] => width(*bits)
                    .map(|bits| Action::Hop {
                        width_bits: Some(bits),
                    })
                    .ok_or(usage("hop(16b)")),
                _ => Err(usage("hop(16b)")),
            },
            "static" if arguments.is_empty() => Ok(Action::Static),
            "static" => Err(usage("static")),
            "area" => memory(Built::Area, arguments, "area(SRAM, 64KiB)"),
            "power" => memory(Built::Power, arguments, "power(SRAM, 64KiB)"),
            "area_bus" => bus(Built::Area, arguments, "area_bus(slope, intercept)"),
            "power_bus" => bus(Built::Power, arguments, "power_bus(slope, intercept)"),
            "area_arbiter" => arbiter(
                Built::Area,
                arguments,
                "area_arbiter(quadratic, linear, constant)",
            ),
            "power_arbiter" => arbiter(
                Built::Power,
                arguments,
                "power_arbiter(quadratic, linear, constant)",
            ),
            _ => Err(ActionError::UnknownAction),
        }
    }

    /// What the value of an entry measures.
    #[must_use]
    pub fn dimension(&self) -> Dimension {
        match self {
            Action::Mac(_)
            | Action::Op(_)
            | Action::Read { .. }
            | Action::Write { .. }
            | Action::Hop { .. } => Dimension::Energy,
            Action::Static => Dimension::Power,
            Action::BuiltMac(built, _)
            | Action::BuiltMemory { built, .. }
            | Action::BuiltBus { built, .. }
            | Action::BuiltArbiter { built, .. } => match built {
                Built::Area => Dimension::Area,
                Built::Power => Dimension::Power,
            },
        }
    }
}

fn usage(usage: &'static str) -> ActionError {
    ActionError::Arguments { usage }
}

fn width(bits: u128) -> Option<u32> {
    u32::try_from(bits).ok().filter(|bits| *bits > 0)
}

fn precision(arguments: &[Argument<'_>], written: &'static str) -> Result<Precision, ActionError> {
    match arguments {
        [Argument::Word(word)] => Precision::from_name(word)
            .ok_or_else(|| ActionError::UnknownPrecision((*word).to_owned())),
        _ => Err(usage(written)),
    }
}

fn memory(
    built: Built,
    arguments: &[Argument<'_>],
    written: &'static str,
) -> Result<Action, ActionError> {
    match arguments {
        [Argument::Word(class), Argument::Capacity(bits)] if *bits > 0 => Ok(Action::BuiltMemory {
            built,
            class: (*class).to_owned(),
            capacity_bits: *bits,
        }),
        _ => Err(usage(written)),
    }
}

fn bus(
    built: Built,
    arguments: &[Argument<'_>],
    written: &'static str,
) -> Result<Action, ActionError> {
    match *arguments {
        [Argument::Number(slope), Argument::Number(intercept)] => Ok(Action::BuiltBus {
            built,
            slope,
            intercept,
        }),
        _ => Err(usage(written)),
    }
}

fn arbiter(
    built: Built,
    arguments: &[Argument<'_>],
    written: &'static str,
) -> Result<Action, ActionError> {
    match *arguments {
        [
            Argument::Number(quadratic),
            Argument::Number(linear),
            Argument::Number(constant),
        ] => Ok(Action::BuiltArbiter {
            built,
            quadratic,
            linear,
            constant,
        }),
        _ => Err(usage(written)),
    }
}

type Access = (String, Option<u128>, Option<u32>);

fn access(arguments: &[Argument<'_>], written: &'static str) -> Result<Access, ActionError> {
    let (class, capacity, bits) = match arguments {
        [Argument::Word(class)] => (class, None, None),
        [Argument::Word(class), Argument::Capacity(capacity)] => (class, Some(*capacity), None),
        [Argument::Word(class), Argument::Width(bits)] => (class, None, Some(*bits)),
        [
            Argument::Word(class),
            Argument::Capacity(capacity),
            Argument::Width(bits),
        ] => (class, Some(*capacity), Some(*bits)),
        _ => return Err(usage(written)),
    };
    let width_bits = match bits {
        Some(bits) => Some(width(bits).ok_or(usage(written))?),
        None => None,
    };
    if capacity == Some(0) {
        return Err(usage(written));
    }
    Ok(((*class).to_owned(), capacity, width_bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    // The entries of the embedded technologies, as written there.
    #[test]
    fn entries_of_every_kind_parse_and_print_back() {
        let sram = Argument::Word("SRAM");
        let cases: [(&str, &[Argument<'_>], &str); 10] = [
            ("mac", &[Argument::Word("FP16")], "mac(FP16)"),
            (
                "read",
                &[sram, Argument::Capacity(524_288), Argument::Width(64)],
                "read(SRAM, 64KiB, 64b)",
            ),
            ("write", &[sram, Argument::Width(8)], "write(SRAM, 8b)"),
            ("read", &[sram], "read(SRAM)"),
            ("hop", &[Argument::Width(16)], "hop(16b)"),
            ("static", &[], "static"),
            ("area", &[sram, Argument::Capacity(8)], "area(SRAM, 1B)"),
            ("power", &[sram, Argument::Capacity(8)], "power(SRAM, 1B)"),
            (
                "power_bus",
                &[Argument::Number(14.662), Argument::Number(28.895)],
                "power_bus(14.662, 28.895)",
            ),
            (
                "area_arbiter",
                &[
                    Argument::Number(1.2886),
                    Argument::Number(5.5814),
                    Argument::Number(-23.711),
                ],
                "area_arbiter(1.2886, 5.5814, -23.711)",
            ),
        ];
        for (word, arguments, text) in cases {
            assert_eq!(
                Action::parse(word, arguments).map(|action| action.to_string()),
                Ok(text.to_owned())
            );
            assert!(ACTIONS.contains(&word));
        }
    }

    #[test]
    fn nonsense_is_named() {
        assert_eq!(Action::parse("raed", &[]), Err(ActionError::UnknownAction));
        assert_eq!(
            Action::parse("mac", &[Argument::Word("INT65")]),
            Err(ActionError::UnknownPrecision("INT65".to_owned()))
        );
        assert!(matches!(
            Action::parse("hop", &[Argument::Width(0)]),
            Err(ActionError::Arguments { .. })
        ));
    }
}
