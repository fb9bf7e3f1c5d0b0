//! From the technology and the accelerator of a program to what the cost model takes.
//!
//! Problem: `read(SRAM, 64KiB, 64b): 25.87pJ` is, after resolving, a word, three arguments and an exact number
//! in pJ. The cost model knows no spans and no names; here its entries are made, and what it refuses becomes
//! a diagnostic at the entry, or at the accelerator that needs a figure that is not there.

use crate::base::{Dimension, Ratio, Span};
use crate::cost::{self, ACTIONS, Action, ActionError, Argument, CostError, Entry};
use crate::diag::suggest::nearest;
use crate::diag::{Code, Diagnostic, Diagnostics, Mistake};
use crate::hir::{self, TechnologyArgument, TechnologyEntry};

/// Properties of a technology that price nothing.
const DESCRIPTIVE: [&str; 2] = ["Node", "Description"];

/// What is wrong with an entry.
#[derive(Clone, Debug, PartialEq)]
pub enum PricingError {
    UnknownAction {
        name: String,
        span: Span,
    },
    UnknownPrecision {
        name: String,
        span: Span,
    },
    Arguments {
        usage: &'static str,
        span: Span,
    },
    WrongDimension {
        action: String,
        expected: Dimension,
        found: Dimension,
        span: Span,
    },
    /// Two entries price the same action, or actions that only a width or a form tells apart.
    Twice {
        action: String,
        span: Span,
        first: Span,
        /// The first one, where it is written otherwise.
        other: Option<String>,
        /// Both prices per bit, first and second, where they have widths.
        per_bit: Option<[f64; 2]>,
    },
}

impl Mistake for PricingError {
    fn code(&self) -> Code {
        match self {
            Self::UnknownPrecision { .. } => Code::E0201,
            Self::UnknownAction { .. } => Code::E0205,
            Self::Twice { .. } => Code::E0206,
            Self::WrongDimension { .. } => Code::E0301,
            Self::Arguments { .. } => Code::E0308,
        }
    }

    fn said(&self) -> Option<Diagnostic> {
        self.names().or_else(|| self.entries())
    }
}

impl PricingError {
    /// Names that no technology has.
    fn names(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::UnknownAction { name, span } => {
                let known = ACTIONS.join(", ");
                let diagnostic = self
                    .titled(format!("a technology has no action `{name}`"))
                    .at(*span, "unknown action")
                    .note(format!("the actions are {known}"));
                match nearest(name, ACTIONS) {
                    Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                    None => diagnostic,
                }
            }
            Self::UnknownPrecision { name, span } => {
                let known = cost::Precision::COMMON.map(cost::Precision::name);
                let diagnostic = self
                    .titled(format!("there is no precision `{name}`"))
                    .at(*span, "unknown precision")
                    .note(format!("the precisions are {}", cost::Precision::known()));
                match nearest(name, known) {
                    Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                    None => diagnostic,
                }
            }
            _ => return None,
        })
    }

    /// What an entry says, and how often.
    fn entries(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::Arguments { usage, span } => self
                .titled("the arguments do not fit the action")
                .at(*span, "wrong arguments")
                .help(format!("write it as `{usage}`")),
            Self::WrongDimension {
                action,
                expected,
                found,
                span,
            } => self
                .titled(format!(
                    "`{action}` is {}, not {}",
                    expected.describe(),
                    found.describe()
                ))
                .at(*span, found.describe())
                .help(format!("give it in {}", expected.base_unit())),
            Self::Twice {
                action,
                span,
                first,
                other,
                per_bit,
            } => {
                let message = match other {
                    None => format!("`{action}` is priced twice"),
                    Some(other) => format!("`{action}` and `{other}` price the same"),
                };
                let mut diagnostic = self
                    .titled(message)
                    .at(*span, "a second time")
                    .also(*first, "first here");
                if let Some([first, second]) = per_bit {
                    diagnostic = diagnostic.note(format!(
                        "the width only says what the figure is for: the first is {first} \
                         pJ a bit, the second {second} pJ a bit"
                    ));
                }
                diagnostic.help("remove one of the two")
            }
            _ => return None,
        })
    }
}

/// The entries that price something. What is wrong goes to `sink` and is left out.
#[must_use]
pub fn technology(source: &hir::Technology, sink: &mut Diagnostics) -> cost::Technology {
    let mut priced = cost::Technology {
        entries: Vec::with_capacity(source.entries.len()),
        extrapolate: source.extrapolate,
    };
    let mut spans: Vec<Span> = Vec::with_capacity(source.entries.len());
    for line in &source.entries {
        if DESCRIPTIVE.contains(&line.action.as_str()) {
            continue;
        }
        match entry(line) {
            Ok(entry) => {
                let first = priced
                    .entries
                    .iter()
                    .position(|known| known.action.prices_same(&entry.action));
                if let Some(first) = first {
                    let known = &priced.entries[first];
                    let [other, action] = [known, &entry].map(|entry| entry.action.to_string());
                    let per_bit =
                        |entry: &Entry| Some(entry.value / f64::from(entry.action.width()?));
                    let error = PricingError::Twice {
                        per_bit: per_bit(known)
                            .zip(per_bit(&entry))
                            .filter(|_| other != action)
                            .map(|(first, second)| [first, second]),
                        other: Some(other).filter(|other| *other != action),
                        action,
                        span: line.span,
                        first: spans[first],
                    };
                    sink.push(error.to_diagnostic());
                } else {
                    priced.entries.push(entry);
                    spans.push(line.span);
                }
            }
            Err(error) => sink.push(error.to_diagnostic()),
        }
    }
    priced
}

fn entry(line: &TechnologyEntry) -> Result<Entry, PricingError> {
    let span = line.span;
    let unfit = |usage| PricingError::Arguments { usage, span };
    let widths = spelled_in_bits(line);
    let arguments: Option<Vec<Argument<'_>>> = line
        .arguments
        .iter()
        .zip(widths)
        .map(|(argument, in_bits)| argument_of(argument, in_bits))
        .collect();
    let arguments = arguments.ok_or(unfit("read(SRAM, 64KiB, 64b)"))?;
    let mut action = Action::parse(&line.action, &arguments).map_err(|error| match error {
        ActionError::UnknownAction => PricingError::UnknownAction {
            name: line.action.clone(),
            span,
        },
        ActionError::UnknownPrecision(name) => PricingError::UnknownPrecision { name, span },
        ActionError::Arguments { usage } => unfit(usage),
    })?;
    let expected = action.dimension();
    match (line.dimension.unwrap_or(expected), &mut action) {
        (found, _) if found == expected => {}
        // `read(DRAM): 160pJ/B` is a price per 8 bits, if it does not give a width as well.
        (
            Dimension::EnergyPerByte,
            Action::Read { width_bits, .. }
            | Action::Write { width_bits, .. }
            | Action::Hop { width_bits },
        ) if width_bits.is_none() => *width_bits = Some(8),
        (found, action) => {
            return Err(PricingError::WrongDimension {
                action: action.to_string(),
                expected,
                found,
                span,
            });
        }
    }
    Ok(Entry {
        action,
        value: line.value.to_f64(),
        label: line.label.clone(),
    })
}

/// Which arguments are spelled in bits: `64b` is the width of an access, `64KiB` the capacity of a memory.
/// After resolving both are sizes; the label still has the spelling. A second size is always the width.
fn spelled_in_bits(line: &TechnologyEntry) -> Vec<bool> {
    let inside = line
        .label
        .split_once('(')
        .map_or("", |(_, rest)| rest.trim_end_matches(')'));
    let mut spellings = inside.split(", ");
    let mut sizes = 0;
    line.arguments
        .iter()
        .map(|argument| {
            let spelling = spellings.next().unwrap_or_default();
            let is_size = matches!(
                argument,
                TechnologyArgument::Quantity {
                    dimension: Some(Dimension::Size),
                    ..
                }
            );
            sizes += usize::from(is_size);
            let unit = spelling.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
            sizes > 1 || matches!(unit, "b" | "bit" | "bits")
        })
        .collect()
}

fn argument_of(argument: &TechnologyArgument, in_bits: bool) -> Option<Argument<'_>> {
    match argument {
        TechnologyArgument::Word(word) => Some(Argument::Word(word)),
        TechnologyArgument::Quantity {
            value,
            dimension: Some(Dimension::Size),
            negative: false,
        } => {
            let bits = value.checked_mul(Ratio::new(8, 1)?)?;
            if bits.denominator() != 1 {
                return None;
            }
            Some(if in_bits {
                Argument::Width(bits.numerator())
            } else {
                Argument::Capacity(bits.numerator())
            })
        }
        TechnologyArgument::Quantity {
            value,
            dimension: None,
            negative,
        } => {
            let value = value.to_f64();
            Some(Argument::Number(if *negative { -value } else { value }))
        }
        TechnologyArgument::Quantity { .. } => None,
    }
}

/// What the accelerator says about cost; `operand` is the precision of the layer's widest operand.
#[must_use]
pub fn context(accelerator: &hir::Accelerator, operand: hir::Precision) -> cost::Context {
    cost::Context {
        precision: operand,
        clock_hz: accelerator.clock.map(Ratio::to_f64),
        side_by_side: accelerator.first_beside().is_some(),
        memories: accelerator
            .memories
            .iter()
            .map(|memory| cost::MemoryContext {
                class: memory.class.clone(),
                read: memory.read_energy.map(own_price),
                write: memory.write_energy.map(own_price),
                area_um2: memory.area.map(Ratio::to_f64),
            })
            .collect(),
    }
}

fn own_price(written: hir::AccessEnergy) -> cost::OwnPrice {
    cost::OwnPrice {
        pj: written.energy.to_f64(),
        width_bits: written.width_bits,
    }
}

/// A figure that something on `accelerator` needs ([`Diagnostic::needed_by`]) and the technology lacks.
#[must_use]
pub fn cost_diagnostic(
    error: &CostError,
    accelerator: &hir::Accelerator,
    technology: &hir::Technology,
) -> Diagnostic {
    let code = Code::parse(error.code()).unwrap_or(Code::E0503);
    Diagnostic::new(code, error.to_string())
        .at(
            accelerator.name_span,
            format!(
                "this accelerator takes its energies from `{}`",
                technology.name
            ),
        )
        .also(technology.name_span, "the technology")
        .help(error.help())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::FileId;

    fn size(bytes: u128, over: u128) -> TechnologyArgument {
        TechnologyArgument::Quantity {
            value: Ratio::new(bytes, over).unwrap(),
            dimension: Some(Dimension::Size),
            negative: false,
        }
    }

    fn line(
        label: &str,
        arguments: Vec<TechnologyArgument>,
        dimension: Dimension,
    ) -> TechnologyEntry {
        TechnologyEntry {
            action: label.split('(').next().unwrap_or_default().to_owned(),
            arguments,
            value: Ratio::new(3, 2).unwrap(),
            dimension: Some(dimension),
            span: Span::new(FileId::new(0), 0, 1),
            label: format!("t: {label}"),
        }
    }

    fn word(text: &str) -> TechnologyArgument {
        TechnologyArgument::Word(text.to_owned())
    }

    fn convert(lines: Vec<TechnologyEntry>) -> (cost::Technology, Vec<String>) {
        let source = hir::Technology {
            name: "t".to_owned(),
            name_span: Span::new(FileId::new(0), 0, 1),
            extrapolate: false,
            entries: lines,
        };
        let mut sink = Diagnostics::new();
        let technology = technology(&source, &mut sink);
        let codes = sink.iter().map(|found| found.code.to_string()).collect();
        (technology, codes)
    }

    #[test]
    fn sizes_in_bits_are_widths_and_in_bytes_capacities() {
        let energy = Dimension::Energy;
        let (technology, codes) = convert(vec![
            line("read(DRAM, 64b)", vec![word("DRAM"), size(8, 1)], energy),
            line("read(SRAM, 8B)", vec![word("SRAM"), size(8, 1)], energy),
            line(
                "write(SRAM, 64KiB, 12bits)",
                vec![word("SRAM"), size(65_536, 1), size(3, 2)],
                energy,
            ),
        ]);
        let actions: Vec<String> = technology
            .entries
            .iter()
            .map(|entry| entry.action.to_string())
            .collect();
        assert_eq!(
            actions,
            [
                "read(DRAM, 64b)",
                "read(SRAM, 8B)",
                "write(SRAM, 64KiB, 12b)"
            ]
        );
        assert!(codes.is_empty());
    }

    #[test]
    fn a_price_per_byte_is_one_per_eight_bits() {
        let per_byte = line("read(DRAM)", vec![word("DRAM")], Dimension::EnergyPerByte);
        let (technology, _) = convert(vec![per_byte]);
        assert_eq!(technology.entries[0].action.to_string(), "read(DRAM, 8b)");
    }

    #[test]
    fn mistakes_have_codes() {
        let energy = Dimension::Energy;
        let mac = || line("mac(INT8)", vec![word("INT8")], energy);
        let (technology, codes) = convert(vec![
            mac(),
            mac(),
            line("mca(INT8)", vec![word("INT8")], energy),
            line("mac(INT65)", vec![word("INT65")], energy),
            line("mac(INT16)", vec![word("INT16")], Dimension::Area),
            line("area(SRAM)", vec![word("SRAM")], Dimension::Area),
        ]);
        assert_eq!(technology.entries.len(), 1);
        assert_eq!(codes, ["E0206", "E0205", "E0201", "E0301", "E0308"]);
    }

    /// A file of the embedded library, resolved on its own.
    fn embedded(text: &str) -> (hir::Program, Diagnostics) {
        let parsed = crate::syntax::parse(FileId::new(0), text);
        assert!(!parsed.has_errors());
        let mut sink = Diagnostics::new();
        let module = hir::Module {
            ast: parsed.ast,
            std_path: None,
            uses: Vec::new(),
            tainted: false,
        };
        (hir::collect(&[module], &mut sink), sink)
    }

    #[test]
    fn every_embedded_technology_prices_something() {
        for text in [
            include_str!("../stdlib/technology/cacti28.dflow"),
            include_str!("../stdlib/technology/cacti45.dflow"),
            include_str!("../stdlib/technology/cacti65.dflow"),
            include_str!("../stdlib/technology/eyeriss65.dflow"),
            include_str!("../stdlib/technology/horowitz45.dflow"),
            include_str!("../stdlib/technology/maestro28.dflow"),
        ] {
            let (program, mut sink) = embedded(text);
            let priced = technology(&program.technologies[0], &mut sink);
            let messages: Vec<&str> = sink.iter().map(|found| found.message.as_str()).collect();
            assert!(messages.is_empty(), "{messages:?}");
            assert!(priced.has_class("RF") && priced.has_class("SRAM") && priced.has_class("DRAM"));
        }
    }

    // MAESTRO: 18.61 MACs of 0.23 pJ per L2 access of one element.
    #[test]
    fn the_label_is_the_line_of_the_file() {
        let text = include_str!("../stdlib/technology/maestro28.dflow");
        let (program, mut sink) = embedded(text);
        let priced = technology(&program.technologies[0], &mut sink);
        let found = priced
            .entries
            .iter()
            .find(|entry| entry.label == "maestro28: read(SRAM, 8b)");
        assert_eq!(found.map(|entry| entry.value), Some(4.2803));
        assert!(priced.entries.iter().any(|entry| {
            entry.action
                == Action::BuiltArbiter {
                    built: cost::Built::Area,
                    quadratic: 1.2886,
                    linear: 5.5814,
                    constant: -23.711,
                }
        }));
    }
}
