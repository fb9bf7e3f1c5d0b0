//! The pages of `dflowc explain`: how they are written, so that tests can execute them.
//!
//! A page is Markdown. Its first line is `# CODE: title`, as in the table; then prose that says what the
//! code means; then at least one block fenced by three backticks and `dflow wrong`, which must give the
//! code, and at least one fenced by three backticks and `dflow right`, which must give no error. A code about files of
//! the MAESTRO tool has blocks fenced by `m wrong` and `m right` instead.

/// The parts of a page that tests need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page<'a> {
    /// The first line without `# `.
    pub heading: &'a str,
    pub wrong: Vec<&'a str>,
    pub right: Vec<&'a str>,
    /// Files of the MAESTRO tool.
    pub foreign_wrong: Vec<&'a str>,
    pub foreign_right: Vec<&'a str>,
}

impl<'a> Page<'a> {
    #[must_use]
    pub fn parse(text: &'a str) -> Self {
        let mut page = Self {
            heading: text.lines().next().unwrap_or("").trim_start_matches("# "),
            ..Self::default()
        };
        let mut rest = text;
        while let Some(open) = rest.find("```") {
            let block = &rest[open + 3..];
            let Some(line_end) = block.find('\n') else {
                break;
            };
            let (kind, body) = (block[..line_end].trim(), &block[line_end + 1..]);
            let Some(close) = body.find("```") else { break };
            match kind {
                "dflow wrong" => page.wrong.push(&body[..close]),
                "dflow right" => page.right.push(&body[..close]),
                "m wrong" => page.foreign_wrong.push(&body[..close]),
                "m right" => page.foreign_right.push(&body[..close]),
                _ => {}
            }
            rest = &body[close + 3..];
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use super::Page;
    use crate::diag::Code;

    #[test]
    fn every_page_has_its_heading_and_both_examples() {
        for code in Code::ALL {
            let Some(text) = code.page() else { continue };
            let page = Page::parse(text);
            assert_eq!(page.heading, format!("{code}: {}", code.title()));
            let own = !page.wrong.is_empty() && !page.right.is_empty();
            let foreign = !page.foreign_wrong.is_empty() && !page.foreign_right.is_empty();
            assert!(own || foreign, "{code}: examples are missing");
        }
    }
}
