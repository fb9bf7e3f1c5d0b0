//! What a legal mapping wastes, in words.

use super::{Names, Prose};
use crate::base::num::grouped;
use crate::diag::{Code, Diagnostic, Mistake};
use crate::legality::{Directive, Warning};

impl Warning {
    /// With the names of the mapping that it is about.
    #[must_use]
    pub fn told<'a>(&'a self, names: &'a impl Names) -> impl Mistake + 'a {
        Told {
            warning: self,
            prose: Prose {
                names,
                extents: &[],
            },
        }
    }
}

struct Told<'a, N: Names> {
    warning: &'a Warning,
    prose: Prose<'a, N>,
}

impl<N: Names> Mistake for Told<'_, N> {
    fn code(&self) -> Code {
        match self.warning {
            Warning::Idle { .. } => Code::W0401,
            Warning::Still { .. } => Code::W0402,
            Warning::Across { .. } => Code::W0403,
        }
    }

    fn said(&self) -> Option<Diagnostic> {
        match self.warning {
            Warning::Idle { directives, .. } => self.idle(directives),
            Warning::Across { .. } => self.across(),
            Warning::Still {
                directive,
                instances,
            } => Some(self.still(*directive, *instances)),
        }
    }
}

impl<N: Names> Told<'_, N> {
    fn idle(&self, directives: &[Directive]) -> Option<Diagnostic> {
        let Warning::Idle {
            array,
            used,
            available,
            lost,
            ..
        } = self.warning
        else {
            return None;
        };
        let name = self.prose.names.array(*array);
        let message = if used < available {
            format!(
                "{} of {} instances of {name} have no work",
                grouped((available - used).into()),
                grouped((*available).into())
            )
        } else {
            format!("the last fold leaves most of {name} without work")
        };
        let layer = self.prose.names.layer();
        let mut diagnostic = self.prose.spreading(self.titled(message), directives);
        if directives.is_empty() {
            diagnostic = diagnostic.at(layer.0, "nothing spreads over the array");
        }
        Some(diagnostic.note(format!(
            "{:.1}% of the array's time is lost in `{}`",
            lost * 100.0,
            layer.1
        )))
    }

    fn across(&self) -> Option<Diagnostic> {
        let Warning::Across {
            array,
            size,
            row,
            across,
            used,
            fitting,
            directive,
        } = self.warning
        else {
            return None;
        };
        let message = format!(
            "{} of {} clusters of {} lie across the rows of {}",
            grouped((*across).into()),
            grouped((*used).into()),
            grouped((*size).into()),
            self.prose.names.array(*array)
        );
        let label = format!("distributes over clusters of {size}, and a row has {row}");
        let whole = match fitting {
            0 => "no row holds a whole one".to_owned(),
            _ => format!("the rows hold {} whole ones", grouped((*fitting).into())),
        };
        let diagnostic = self
            .titled(message)
            .at(self.prose.span(*directive), label)
            .note("the counts take such a cluster for one, as if its PEs lay side by side")
            .note(whole)
            .help("take clusters that end with an axis, or `spread` over the axes by name");
        Some(diagnostic)
    }

    fn still(&self, directive: Directive, instances: u64) -> Diagnostic {
        let text = self.prose.text(directive);
        self.titled(format!("`{text}` has one window only"))
            .at(self.prose.span(directive), "spreads nothing")
            .note(format!(
                "{} of {} instances have no work",
                grouped((instances - 1).into()),
                grouped(instances.into())
            ))
    }
}
