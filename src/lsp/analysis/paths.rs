//! Files that are imported by their path: `use "lib/rows.dflow";`.

use super::Snapshot;
use crate::base::Span;
use crate::driver::relative;
use crate::syntax::ast::{Item, UseSource};

/// The imports by path of the file that was asked for: where each is written, and the path that it leads to.
#[must_use]
pub fn links(snapshot: &Snapshot) -> Vec<(Span, String)> {
    let Some((_, root)) = snapshot.root() else {
        return Vec::new();
    };
    let own = snapshot
        .source(root.ast.span)
        .map_or("", |file| file.name());
    let uses = root.ast.items.iter().filter_map(|item| match item {
        Item::Use(node) => Some(&node.source),
        _ => None,
    });
    uses.filter_map(|source| match source {
        UseSource::File(text) => Some((text.span, relative(own, &text.value))),
        UseSource::Names { .. } => None,
    })
    .collect()
}

/// A path that is being written behind `use "`: the folder as written, with the slash at its end, and where the name that
/// was begun starts.
#[must_use]
pub fn begun(text: &str, offset: u32) -> Option<(&str, u32)> {
    let before = text.get(..usize::try_from(offset).ok()?)?;
    let line = before.rsplit(['\n', '\r']).next()?;
    let (head, path) = line.rsplit_once('"')?;
    let is_use = head.trim_end().ends_with("use") && head.matches('"').count() % 2 == 0;
    if !is_use || path.contains('\\') {
        return None;
    }
    let name = path.rsplit('/').next()?;
    let start = offset.checked_sub(u32::try_from(name.len()).ok()?)?;
    Some((&path[..path.len() - name.len()], start))
}

#[cfg(test)]
mod tests {
    use super::super::testing::cursor;
    use super::*;

    #[test]
    fn what_is_begun_in_quotes() {
        let of = |text: &str| {
            let (snapshot, at) = cursor(text);
            begun(snapshot.text(), at).map(|(folder, start)| (folder.to_owned(), at - start))
        };
        assert_eq!(of("use \"li$0"), Some((String::new(), 2)));
        assert_eq!(of("use \"lib/../ro$0w\";"), Some(("lib/../".to_owned(), 2)));
        assert_eq!(of("use \"a.dflow\"; $0"), None);
        assert_eq!(of("Network n { Description: \"li$0"), None);
    }

    #[test]
    fn imports_lead_to_files() {
        let (snapshot, _) = cursor("use \"lib/rows.dflow\"; use std.networks.vgg16;");
        let found = links(&snapshot);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].1, "lib/rows.dflow");
        assert_eq!(
            snapshot.compiled.sources.text_of(found[0].0),
            "\"lib/rows.dflow\""
        );
    }
}
