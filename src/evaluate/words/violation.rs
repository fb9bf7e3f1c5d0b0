//! Why a mapping is not legal, in words.

use super::{Names, Prose, amount, amounts};
use crate::base::Span;
use crate::base::num::grouped;
use crate::diag::{Code, Diagnostic, Mistake};
use crate::ir::{Operation, OperationKind, RankId};
use crate::legality::{
    Change, Diagonal, Directive, Doubled, Incomplete, Need, Overfull, Uncovered, Violation, Whole,
};

/// At most this many "fits with" lines.
const MOST_FITS: usize = 8;

/// What makes windows regular enough to be judged.
const REGULAR: &str = "use offset = size, or map output rows (Y', X') instead of input rows";

impl Violation {
    /// With the names of its mapping; `operation` is that of the mapping.
    #[must_use]
    pub fn told<'a>(
        &'a self,
        names: &'a impl Names,
        operation: &'a Operation,
    ) -> impl Mistake + 'a {
        Told {
            violation: self,
            prose: Prose {
                names,
                extents: &operation.ranks,
            },
            operation,
        }
    }
}

struct Told<'a, N: Names> {
    violation: &'a Violation,
    prose: Prose<'a, N>,
    operation: &'a Operation,
}

impl<N: Names> Mistake for Told<'_, N> {
    fn code(&self) -> Code {
        match self.violation {
            Violation::TooLarge { .. } => Code::E0307,
            Violation::Bound { .. } => Code::E0401,
            Violation::Uncovered(_) => Code::E0402,
            Violation::Doubled(_) => Code::E0403,
            Violation::Diagonal(_) => Code::E0404,
            Violation::Clusters { .. } => Code::E0405,
            Violation::Incomplete(_) => Code::E0406,
            Violation::Overfull(_) => Code::E0501,
            Violation::Undecided { .. } | Violation::Unmeasured { .. } => Code::E0602,
        }
    }

    fn said(&self) -> Option<Diagnostic> {
        let mut diagnostic = match self.violation {
            Violation::Bound { directive, extent } => self.bound(*directive, *extent),
            Violation::Uncovered(v) => self.uncovered(v),
            Violation::Doubled(v) => self.doubled(v),
            Violation::Diagonal(v) => self.diagonal(v),
            Violation::Clusters {
                array,
                used,
                available,
                directives,
            } => self.clusters(*array, [*used, *available], directives),
            Violation::Incomplete(v) => self.incomplete(v),
            Violation::TooLarge { directive, value } => self.too_large(*directive, *value),
            Violation::Undecided { directive, ranks } => self.undecided(*directive, ranks),
            Violation::Overfull(v) => self.overfull(v),
            Violation::Unmeasured { memory } => self.unmeasured(*memory),
        };
        let layer = self.prose.names.layer();
        if diagnostic.primary() != Some(layer.0) {
            diagnostic = diagnostic.also(layer.0, format!("mapping `{}`", layer.1));
        }
        Some(match self.violation.repair() {
            Some(repair) => self.prose.repair(diagnostic, repair),
            None => diagnostic,
        })
    }
}

/// Directives that do not do what they should.
impl<N: Names> Told<'_, N> {
    fn bound(&self, directive: Directive, extent: u64) -> Diagnostic {
        let what = self.prose.text(directive);
        let span = self.prose.span(directive);
        if directive.size == 0 || directive.offset == 0 {
            let message = format!("size and offset of `{what}` must be at least 1");
            return self.titled(message).at(span, "zero here");
        }
        let axis = self.prose.axis(directive.axis);
        self.titled(format!("`{what}` is larger than {axis}"))
            .at(span, format!("{} of {extent} indices", directive.size))
            .note(format!(
                "{axis} has {} indices here",
                grouped(extent.into())
            ))
    }

    fn clusters(
        &self,
        array: usize,
        [used, available]: [u64; 2],
        directives: &[Directive],
    ) -> Diagnostic {
        let message = format!(
            "{} instances of {} are asked for, it has {}",
            grouped(used.into()),
            self.prose.names.array(array),
            grouped(available.into())
        );
        self.prose
            .spreading(self.titled(message), directives)
            .help("the product of the clusters must not exceed the array")
    }

    fn incomplete(&self, v: &Incomplete) -> Diagnostic {
        let window = self.prose.names.window(v.window);
        let what = self.prose.text(v.directive);
        let message = format!("`{what}` never holds a complete kernel window: nothing is produced");
        let label = format!("{} of {window} at a time, {} needed", v.rows, v.span);
        self.titled(message)
            .at(self.prose.span(v.directive), label)
            .note(format!(
                "an output needs its complete kernel window: {} consecutive \
                 indices of {window}, and a tile has {}",
                v.span, v.rows
            ))
    }

    fn too_large(&self, directive: Option<Directive>, value: u64) -> Diagnostic {
        let (span, what) = match directive {
            Some(directive) => (self.prose.span(directive), self.prose.text(directive)),
            None => self.prose.names.layer(),
        };
        self.titled(format!("`{what}` has a number that is too large"))
            .at(span, grouped(value.into()))
            .note("extents, sizes and offsets must be at most 2^48")
    }

    fn undecided(&self, directive: Option<Directive>, ranks: &[RankId]) -> Diagnostic {
        let ranks: Vec<String> = ranks
            .iter()
            .map(|&rank| self.prose.names.rank(rank))
            .collect();
        let message = format!(
            "whether {} is covered exactly once could not be decided",
            ranks.join(", ")
        );
        let span = match directive {
            Some(directive) => self.prose.span(directive),
            None => self.prose.names.layer().0,
        };
        self.titled(message)
            .at(span, "too many windows that overlap or leave gaps")
            .help(REGULAR)
    }
}

/// Operations that are not done once.
impl<N: Names> Told<'_, N> {
    /// What a point of the operation is called.
    fn point(&self) -> &'static str {
        match self.operation.kind {
            OperationKind::MultiplyAccumulate => "MAC",
            OperationKind::Reduce | OperationKind::Elementwise => "operation",
        }
    }

    /// `3 of 2,304 MACs of `conv``
    fn of_all(&self, count: u128) -> String {
        let (points, layer) = (self.point(), self.prose.names.layer().1);
        let count = grouped(count);
        match self.operation.volume() {
            Some(all) => format!("{count} of {} {points}s of `{layer}`", grouped(all)),
            None => format!("{count} {points}s of `{layer}`"),
        }
    }

    fn uncovered(&self, v: &Uncovered) -> Diagnostic {
        let rank = self.prose.names.rank(v.rank);
        let range = if v.range.1 == v.range.0 + 1 {
            format!("{rank} = {}", v.range.0)
        } else {
            format!("{rank} = {}..{}", v.range.0, v.range.1 - 1)
        };
        let what = self.prose.text(v.directive);
        let first = self.prose.point(&v.point);
        let diagnostic = self
            .titled(format!("`{what}` leaves {range} uncovered"))
            .at(self.prose.span(v.directive), "no window does these")
            .note(format!("first uncovered {}: {first}", self.point()));
        match v.missed {
            Some(missed) => diagnostic.note(format!("{} are in no tile", self.of_all(missed))),
            None => diagnostic,
        }
    }

    fn doubled(&self, v: &Doubled) -> Diagnostic {
        let points = self.point();
        let what = self.prose.text(v.directive);
        let first = self.prose.point(&v.point);
        let [one, other] = &v.doers;
        let diagnostic = self
            .titled(format!("`{what}` does {points}s more than once"))
            .at(self.prose.span(v.directive), "its windows share work")
            .note(format!("first doubled {points}: {first}"))
            .note(format!(
                "done {} and {}",
                self.prose.doer(one, other),
                self.prose.doer(other, one)
            ));
        match v.surplus {
            Some(surplus) => {
                diagnostic.note(format!("{} {points}s too many in all", grouped(surplus)))
            }
            None => diagnostic,
        }
    }

    fn diagonal(&self, v: &Diagonal) -> Diagnostic {
        let directives = v.directives.iter();
        let all: Vec<String> = directives.map(|&d| self.prose.text(d)).collect();
        let directives = v.directives.iter();
        let axes: Vec<String> = directives.map(|d| self.prose.axis(d.axis)).collect();
        let mut diagnostic = self.titled(format!(
            "{} are spatial in one cluster level, but nothing couples them",
            axes.join(" and ")
        ));
        for &directive in v.directives.iter().rev() {
            diagnostic = diagnostic.at(self.prose.span(directive), "moves with the other");
        }
        diagnostic = diagnostic
            .note(format!(
                "`{}` move together: only the diagonal is done",
                all.join("` and `")
            ))
            .note(format!(
                "first missed {}: {}",
                self.point(),
                self.prose.point(&v.point)
            ));
        if let Some(missed) = v.missed {
            diagnostic = diagnostic.note(format!("{} are missed", self.of_all(missed)));
        }
        let apart = "put a `Cluster` between them, or make one of them temporal";
        let other = self.prose.other_window(&v.directives, self.operation);
        diagnostic.help(match other {
            Some(meant) => format!("{meant}; otherwise {apart}"),
            None => apart.to_owned(),
        })
    }
}

/// Memories.
impl<N: Names> Told<'_, N> {
    fn overfull(&self, v: &Overfull) -> Diagnostic {
        let memory = self.prose.names.memory(v.memory);
        let layer = self.prose.names.layer();
        let (need, have) = amounts(v.need, v.have);
        let mut diagnostic = self
            .titled(format!("{memory} must hold {need} and has {have}"))
            .at(layer.0, format!("`{}` does not fit in {memory}", layer.1));
        for need in &v.tensors {
            diagnostic = diagnostic.note(format!(
                "{}: {} elements, {}{}",
                self.prose.names.tensor(need.tensor),
                grouped(need.elements.into()),
                amount(need.bits),
                banks(v, need)
            ));
        }
        if v.double_buffered {
            diagnostic = diagnostic.note("twice, because it is double-buffered");
        }
        if let Some(without) = v.decided_by_banks() {
            diagnostic = diagnostic.note(format!(
                "every tensor takes whole banks of {}; {} would fit",
                amount(v.have / u128::from(v.banks.max(1))),
                amount(without)
            ));
        }
        if v.memory == 0 {
            let help = format!(
                "the outermost memory holds the tensors of a layer whole: give \
                 {memory} the size that it needs, or no `Size`"
            );
            diagnostic = diagnostic.help(help);
        } else if let Some(whole) = &v.whole {
            diagnostic = self.whole(v, whole, diagnostic);
        } else if v.fits.is_empty() {
            diagnostic = diagnostic.note("no temporal map alone can make it fit");
        }
        let tiles = v
            .fits
            .iter()
            .any(|fit| self.prose.text(fit.directive).starts_with("tile "));
        if tiles {
            diagnostic = diagnostic
                .note("`tile D by n` has pieces of the extent n; n is not how many there are");
        }
        self.fits(v, diagnostic)
    }

    /// The directive that is missing.
    fn whole(&self, v: &Overfull, whole: &Whole, diagnostic: Diagnostic) -> Diagnostic {
        let rank = self.prose.names.rank(whole.rank);
        let (need, have) = amounts(whole.need, v.have);
        let map = format!("TemporalMap({0},{0}) {rank}", whole.size);
        let diagnostic = diagnostic.note(format!(
            "{rank} is mapped whole; with `{map}` it needs {need} of {have}"
        ));
        let what = format!("cut {rank}: add `{map}`");
        let first = self
            .prose
            .names
            .first()
            .filter(|first| first.label.contains("Map("));
        match first {
            Some(_) if whole.kept_outside => {
                diagnostic.help(format!("{what} before what is retained"))
            }
            Some(first) if first.text.is_some() => {
                let at = Span::new(first.span.file(), first.span.lo(), first.span.lo());
                diagnostic.fix(at, format!("{map}; "), what)
            }
            _ => diagnostic.help(what),
        }
    }

    /// The directives that make it fit, each alone.
    fn fits(&self, v: &Overfull, diagnostic: Diagnostic) -> Diagnostic {
        let shown = v.fits.iter().take(MOST_FITS);
        shown.fold(diagnostic, |diagnostic, fit| {
            let change = Change::Resize {
                size: fit.size,
                offset: fit.offset,
            };
            diagnostic.note(format!(
                "fits with `{}` (now `{}`)",
                self.prose.changed(fit.directive, change),
                self.prose.text(fit.directive)
            ))
        })
    }

    fn unmeasured(&self, memory: usize) -> Diagnostic {
        let memory = self.prose.names.memory(memory);
        let layer = self.prose.names.layer();
        self.titled(format!("the tiles of {memory} are too irregular"))
            .at(layer.0, format!("in `{}`", layer.1))
            .help(REGULAR)
    }
}

/// `, 2 of 4 banks`
fn banks(overfull: &Overfull, need: &Need) -> String {
    if overfull.banks <= 1 {
        return String::new();
    }
    let bank = (overfull.have / u128::from(overfull.banks)).max(1);
    let taken = grouped(need.taken / bank);
    format!(", {taken} of {} banks", grouped(overfull.banks.into()))
}
