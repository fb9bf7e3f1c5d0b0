//! What can be wrong with a fused group once its traffic is counted.

use crate::base::Span;
use crate::base::num::grouped;
use crate::diag::{Code, Diagnostic, Mistake};
use crate::evaluate::limits::LESS_WORK;

/// Most loops that E0501 gives sizes for.
const MOST_FITS: usize = 4;

/// One mistake.
#[derive(Clone, Debug, PartialEq)]
pub enum GroupError {
    /// E0501: a memory cannot keep the windows that it must.
    Overfull {
        group: String,
        span: Span,
        memory: String,
        /// `None` for memories that nobody can edit.
        memory_span: Option<Span>,
        need_bits: u128,
        have_bits: u128,
        double_buffered: bool,
        parts: Vec<Part>,
        /// The backing store, which holds whole tensors.
        whole: bool,
        /// Innermost loop first.
        fits: Vec<Fit>,
        /// Whether there is a loop at all.
        tiled: bool,
    },
    /// E0410: `retain T in M` alone, but elements are wanted again after they left the window.
    Lost(Box<Lost>),
    /// E0411: somebody outside reads elements that the group never computes.
    NeverComputed {
        tensor: String,
        stage: String,
        /// Layers that read it outside of the group.
        readers: Vec<String>,
        computed: u64,
        elements: u128,
        /// The first that is not computed.
        first: Option<Vec<i64>>,
        group: Span,
        span: Span,
    },
    /// E0602 or E0604: the engine does not say, or must not be believed.
    Uncounted {
        code: Code,
        what: String,
        reason: String,
        span: Span,
    },
}

/// What a memory keeps of one tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub tensor: String,
    pub window: u64,
    pub window_bits: u128,
    /// A second buffer, where two stages of a pipeline meet.
    pub second_bits: u128,
    /// Not counted: nothing of it is carried over, and the memory is fullest in another stage.
    pub apart: bool,
}

/// The largest piece of one loop with which everything fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
    pub label: String,
    /// With the piece that fits.
    pub changed: String,
    pub size: u64,
    /// Of the size in the source, where it may be edited.
    pub span: Option<Span>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Lost {
    pub tensor: String,
    pub memory: String,
    pub count: u64,
    pub element: Vec<i64>,
    /// `N 0, K 3, P 17, Q 5 of expand`, where the group makes it.
    pub point: Option<String>,
    /// `step 2 of tile project.P by 4`
    pub step: Vec<String>,
    pub made: bool,
    /// `recompute expand.Output` or `refetch expand.Input from DRAM`
    pub word: String,
    /// The word beside the retain was evaluated, and everything fits.
    pub repaired: bool,
    /// Further out: where, and the window there in bytes.
    pub outward: Option<(String, u128)>,
    pub span: Span,
}

impl Mistake for GroupError {
    fn code(&self) -> Code {
        match self {
            Self::Lost(lost) => lost.code(),
            Self::NeverComputed { .. } => Code::E0411,
            Self::Overfull { .. } => Code::E0501,
            Self::Uncounted { code, .. } => *code,
        }
    }

    fn said(&self) -> Option<Diagnostic> {
        match self {
            Self::Overfull { .. } => self.overfull(),
            Self::Lost(lost) => lost.said(),
            Self::NeverComputed { .. } => self.never_computed(),
            Self::Uncounted {
                code,
                what,
                reason,
                span,
            } => {
                let message = format!("{what} cannot be counted: {reason}");
                let refusal = self.titled(message).at(*span, "here");
                Some(match code {
                    Code::E0604 => refusal.help(LESS_WORK),
                    _ => refusal,
                })
            }
        }
    }
}

impl GroupError {
    fn never_computed(&self) -> Option<Diagnostic> {
        let Self::NeverComputed {
            tensor,
            stage,
            readers,
            computed,
            elements,
            first,
            group,
            span,
        } = self
        else {
            return None;
        };
        let mut diagnostic = self
            .titled(format!(
                "`{tensor}` is wanted outside of the group, which computes {} of its {} elements",
                grouped((*computed).into()),
                grouped(*elements)
            ))
            .at(*span, "no layer of the group reads the others")
            .also(*group, "this group");
        if let Some(first) = first {
            diagnostic = diagnostic.note(format!("the first: `{tensor}`{}", index(first)));
        }
        if !readers.is_empty() {
            let readers: Vec<String> = readers.iter().map(|reader| format!("`{reader}`")).collect();
            diagnostic = diagnostic.note(format!("read outside by {}", readers.join(", ")));
        }
        Some(diagnostic.help(format!(
            "leave `{stage}` out of the group, or take the layers that read it in"
        )))
    }

    fn overfull(&self) -> Option<Diagnostic> {
        let Self::Overfull {
            group,
            span,
            memory,
            memory_span,
            need_bits,
            have_bits,
            double_buffered,
            parts,
            whole,
            fits,
            tiled,
        } = self
        else {
            return None;
        };
        let mut diagnostic = self
            .titled(format!(
                "{memory} must hold {} and has {}",
                amount(*need_bits),
                amount(*have_bits)
            ))
            .at(*span, format!("`{group}` does not fit in {memory}"));
        if let Some(span) = memory_span {
            diagnostic = diagnostic.also(*span, "the memory");
        }
        for part in parts {
            diagnostic = part.noted(diagnostic, *whole);
        }
        if *double_buffered {
            diagnostic = diagnostic.note("twice, because it is double-buffered");
        }
        for fit in fits.iter().take(MOST_FITS) {
            diagnostic =
                diagnostic.note(format!("fits with `{}` (now `{}`)", fit.changed, fit.label));
        }
        Some(match fits.first() {
            Some(fit) => fit.offered(diagnostic),
            None if *whole => diagnostic.help(format!(
                "the outermost memory holds whole what comes from outside of the \
                 group or is wanted outside: give {memory} the size that it needs, \
                 or no `Size`"
            )),
            None if *tiled => diagnostic
                .note("no size of one loop alone makes it fit")
                .help(
                    "tile another dimension, retain large tensors further inside, \
                    recompute or refetch them",
                ),
            None => {
                diagnostic.help("tile the last layer of the group, and retain inside of the tile")
            }
        })
    }
}

impl Part {
    /// What it takes of a memory that keeps windows, or `whole` tensors.
    fn noted(&self, diagnostic: Diagnostic, whole: bool) -> Diagnostic {
        let mut note = format!(
            "{}: {}{} elements, {}",
            self.tensor,
            if whole { "" } else { "a window of " },
            grouped(self.window.into()),
            amount(self.window_bits)
        );
        if self.apart {
            note += ", in other stages than the fullest";
        }
        let diagnostic = diagnostic.note(note);
        if self.second_bits == 0 {
            return diagnostic;
        }
        diagnostic.note(format!(
            "{}: a second buffer between its stages, {}",
            self.tensor,
            amount(self.second_bits)
        ))
    }
}

impl Fit {
    /// As an edit, where there is a size to edit.
    fn offered(&self, diagnostic: Diagnostic) -> Diagnostic {
        match self.span {
            Some(span) => {
                let what = format!("make it `{}`", self.changed);
                diagnostic.fix(span, self.size.to_string(), what)
            }
            None => diagnostic,
        }
    }
}

impl Mistake for Lost {
    fn code(&self) -> Code {
        Code::E0410
    }

    fn said(&self) -> Option<Diagnostic> {
        let Lost { tensor, word, .. } = self;
        let again = if self.made {
            "compute them again"
        } else {
            "read them again"
        };
        let outward = self.outward.as_ref().map(|(place, bytes)| {
            let bytes = grouped(*bytes);
            format!("retain it {place}, where nothing is lost and its window is {bytes} B")
        });
        let or = match (&outward, self.repaired) {
            (Some(_), true) => format!("or {again}"),
            (None, true) => again.to_owned(),
            _ => String::new(),
        };
        let (plural, is) = if self.count == 1 {
            ("", "is")
        } else {
            ("s", "are")
        };
        let count = grouped(self.count.into());
        let mut diagnostic = self
            .titled(format!(
                "`{tensor}` loses {count} element{plural} that {is} wanted again"
            ))
            .at(
                self.span,
                format!("its window in {} does not keep them", self.memory),
            )
            .note(self.first());
        if !self.repaired || outward.is_some() {
            let help = outward.unwrap_or_else(|| format!("`{word}` says to {again}"));
            diagnostic = diagnostic.help(help);
        }
        if self.repaired {
            diagnostic = diagnostic.fix(self.span.start(), format!("{word}; "), or);
        }
        Some(diagnostic)
    }
}

impl Lost {
    /// The first element that is lost: who makes it, and when it is wanted again.
    fn first(&self) -> String {
        let mut first = format!("the first: `{}`{}", self.tensor, index(&self.element));
        if let Some(point) = &self.point {
            first += &format!(" ({point})");
        }
        if !self.step.is_empty() {
            first += &format!(", wanted again in {}", self.step.join(", "));
        }
        first
    }
}

/// `[0, 3, 17, 5]`
fn index(element: &[i64]) -> String {
    let parts: Vec<String> = element.iter().map(i64::to_string).collect();
    format!("[{}]", parts.join(", "))
}

fn amount(bits: u128) -> String {
    if bits.is_multiple_of(8) {
        format!("{} B", grouped(bits / 8))
    } else {
        format!("{} bits", grouped(bits))
    }
}
