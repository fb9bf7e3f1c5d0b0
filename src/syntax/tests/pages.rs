//! The pages of the lexical and syntax codes are executed, and every message about text shows its line.

use super::*;
use crate::base::SourceMap;
use crate::diag::{Code, Diagnostics, explain::Page, render};

#[test]
fn examples_of_syntax_pages() {
    // Whether a construct is there is said where names are resolved.
    let of_syntax = |code: &&Code| code.as_str() < "E02" && **code != Code::E0104;
    for code in Code::ALL.iter().filter(of_syntax) {
        let page = Page::parse(code.page().expect("a page"));
        for text in page.wrong {
            let mut codes: Vec<Code> = read(text).diagnostics.iter().map(|d| d.code).collect();
            codes.dedup();
            assert_eq!(codes, [*code], "the wrong example of {code}");
        }
        for text in page.right {
            assert_eq!(
                complaints(text),
                Vec::<String>::new(),
                "the right example of {code}"
            );
        }
    }
}

#[test]
fn every_message_shows_its_line() {
    for code in Code::ALL {
        let Some(page) = code.page() else { continue };
        for text in Page::parse(page).wrong {
            let mut sources = SourceMap::new();
            let id = sources.add("page.dflow", text);
            let mut sink = Diagnostics::new();
            sink.extend(parse(id, text).diagnostics);
            for diagnostic in sink.into_sorted(99).list {
                let line = diagnostic
                    .primary()
                    .and_then(|span| text[..span.range().start].lines().count().checked_sub(1))
                    .map_or("", |line| text.lines().nth(line).unwrap_or(""));
                let one = crate::diag::Sorted {
                    list: vec![diagnostic],
                    more: 0,
                };
                let shown = render::text(&sources, &one, false);
                assert!(shown.contains(line.trim_end()), "{shown}");
                assert!(shown.contains("page.dflow:"), "{shown}");
            }
        }
    }
}
