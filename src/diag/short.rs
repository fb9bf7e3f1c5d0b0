//! Diagnostics in one line each, for people and for tools that know lines of compilers:
//! `design.dflow:8:7: error[E0402]: `SpatialMap(3,3) Y` leaves P = 1..2 uncovered`.

use super::{Diagnostic, Sorted};
use crate::base::SourceMap;
use crate::base::harmless::harmless;

/// One line per diagnostic, in the order of the list.
#[must_use]
pub fn short(sources: &SourceMap, sorted: &Sorted) -> String {
    let lines = sorted.list.iter().map(|one| line(sources, one));
    lines.collect()
}

fn line(sources: &SourceMap, diagnostic: &Diagnostic) -> String {
    let place = diagnostic.primary().and_then(|span| {
        let file = sources.get(span.file())?;
        let at = file.position(span.lo());
        Some(format!("{}:{}:{}: ", file.name(), at.line, at.column))
    });
    let text = format!(
        "{}{}[{}]: {}",
        place.unwrap_or_default(),
        diagnostic.severity.as_str(),
        diagnostic.code.as_str(),
        diagnostic.message
    );
    // A name or a message must not begin a line of its own.
    format!("{}\n", harmless(&text).replace(['\n', '\r'], " "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Span;
    use crate::diag::{Code, Diagnostics};

    #[test]
    fn one_line_with_file_line_and_column() {
        let mut sources = SourceMap::new();
        let id = sources.add("a.dflow", "K\n  L\n");
        let mut sink = Diagnostics::new();
        sink.push(Diagnostic::new(Code::E0402, "two\nlines").at(Span::new(id, 4, 5), "l"));
        sink.push(Diagnostic::new(Code::W0401, "idle"));
        assert_eq!(
            short(&sources, &sink.into_sorted(9)),
            "warning[W0401]: idle\na.dflow:2:3: error[E0402]: two lines\n"
        );
    }
}
