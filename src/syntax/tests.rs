//! The front end as a whole: what is accepted, what is said, and that nothing breaks it.

mod accept;
mod fused;
mod pages;
mod robust;
mod wrong;

use super::{Parsed, parse, print};
use crate::base::FileId;

fn read(text: &str) -> Parsed {
    parse(FileId::new(0), text)
}

/// `CODE@line: message` of every diagnostic.
fn complaints(text: &str) -> Vec<String> {
    read(text)
        .diagnostics
        .iter()
        .map(|diagnostic| {
            let lo = diagnostic.primary().map_or(0, |span| span.lo() as usize);
            let line = text[..lo].matches('\n').count() + 1;
            format!("{}@{line}: {}", diagnostic.code, diagnostic.message)
        })
        .collect()
}

/// The canonical text of a file without mistakes.
fn clean(text: &str) -> String {
    assert_eq!(complaints(text), Vec::<String>::new(), "in\n{text}");
    let printed = print::print(&read(text).ast);
    let again = read(&printed);
    assert!(
        !again.has_errors(),
        "printed text is wrong: {:?}\n{printed}",
        complaints(&printed)
    );
    assert_eq!(
        print::print(&again.ast),
        printed,
        "printing is not idempotent"
    );
    printed
}

/// Applies the fix of the only diagnostic.
fn fixed(text: &str) -> String {
    let parsed = read(text);
    assert_eq!(parsed.diagnostics.len(), 1, "{:?}", complaints(text));
    let fix = parsed.diagnostics[0].fix.clone().expect("a fix");
    let mut out = text.to_owned();
    out.replace_range(fix.span.range(), &fix.replacement);
    out
}
