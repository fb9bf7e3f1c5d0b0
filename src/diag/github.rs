//! Diagnostics as commands of GitHub Actions, which shows them beside the lines of a change:
//! `::error file=design.dflow,line=8,endLine=8,col=7,endColumn=23,title=E0402::...`

use super::{Diagnostic, Severity, Sorted};
use crate::base::SourceMap;

/// One command per diagnostic, in the order of the list.
#[must_use]
pub fn github(sources: &SourceMap, sorted: &Sorted) -> String {
    let commands = sorted.list.iter().map(|one| command(sources, one));
    commands.collect()
}

fn command(sources: &SourceMap, diagnostic: &Diagnostic) -> String {
    let word = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let place = diagnostic.primary().and_then(|span| {
        let file = sources.get(span.file())?;
        let (start, end) = (file.position(span.lo()), file.position(span.hi()));
        Some(format!(
            "file={},line={},endLine={},col={},endColumn={},",
            property(file.name()),
            start.line,
            end.line,
            start.column,
            end.column
        ))
    });
    let mut text = diagnostic.message.clone();
    for more in diagnostic.help.iter().chain(&diagnostic.notes) {
        text.push('\n');
        text.push_str(more);
    }
    format!(
        "::{word} {}title={}::{}\n",
        place.unwrap_or_default(),
        diagnostic.code.as_str(),
        data(&text)
    )
}

/// What stands behind `::`: a command ends with its line.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// The value of a property, which ends with a comma or a colon.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Span;
    use crate::diag::{Code, Diagnostics};

    #[test]
    fn commands_are_escaped() {
        let mut sources = SourceMap::new();
        let id = sources.add("a,b.dflow", "K\n  L\n");
        let mut sink = Diagnostics::new();
        let at = Span::new(id, 4, 5);
        sink.push(Diagnostic::new(Code::E0402, "100%").at(at, "l").help("do"));
        assert_eq!(
            github(&sources, &sink.into_sorted(9)),
            "::error file=a%2Cb.dflow,line=2,endLine=2,col=3,endColumn=4,title=E0402::100%25%0Ado\n"
        );
    }
}
