//! What can be folded, and what grows around a cursor.
//!
//! Both follow from the tokens alone, so that they stand still while a text is broken: a pair of braces, a run of line
//! comments, a comment of several lines. `Map net on acc { conv1: nvdla(c_tile = 3); }` grows from a word to the
//! argument, to the entry, to what is between the braces, to the map.

use super::Snapshot;
use crate::base::Span;
use crate::syntax::lexer::{self, Lexed};
use crate::syntax::token::Token;

/// A part of the file of several lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fold {
    pub span: Span,
    pub is_comment: bool,
}

/// The parts of the file that was asked for, in source order; those of one line only are among them.
#[must_use]
pub fn folds(snapshot: &Snapshot) -> Vec<Fold> {
    let Some(file) = snapshot.file() else {
        return Vec::new();
    };
    let text = snapshot.text();
    let lexed = lexer::lex(file, text);
    let mut found: Vec<Fold> = pairs(&lexed, text.len())
        .into_iter()
        .filter(|pair| pair.brace)
        .map(|pair| Fold {
            span: Span::new(file, pair.lo, pair.hi),
            is_comment: false,
        })
        .collect();
    let mut run: Option<Span> = None;
    let blank = |from: u32, to: u32| {
        let between = text.get(from as usize..to as usize).unwrap_or("x");
        between.trim().is_empty() && between.matches('\n').count() <= 1
    };
    for comment in &lexed.comments {
        run = Some(match run {
            Some(before) if blank(before.hi(), comment.lo()) => {
                Span::new(file, before.lo(), comment.hi())
            }
            other => {
                found.extend(other.map(|span| Fold {
                    span,
                    is_comment: true,
                }));
                *comment
            }
        });
    }
    found.extend(run.map(|span| Fold {
        span,
        is_comment: true,
    }));
    found.sort_by_key(|fold| fold.span);
    found
}

/// What grows around an offset, innermost first; each holds the one before.
#[must_use]
pub fn around(snapshot: &Snapshot, offset: u32) -> Vec<Span> {
    let Some(file) = snapshot.file() else {
        return Vec::new();
    };
    let text = snapshot.text();
    let lexed = lexer::lex(file, text);
    let mut grown: Vec<(u32, u32)> = Vec::new();
    let comments = lexed.comments.iter().map(|span| (span.lo(), span.hi()));
    let words = lexed.lexemes.iter().map(|lexeme| (lexeme.lo, lexeme.hi));
    // Of two that touch the cursor a word rather than a sign, and of two words the one behind it.
    let is_word = |&(lo, hi): &(u32, u32)| {
        let text = text.get(lo as usize..hi as usize);
        text.is_some_and(|text| text.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    };
    let at = words
        .chain(comments)
        .filter(|(lo, hi)| (*lo..=*hi).contains(&offset))
        .max_by_key(|at| (is_word(at), *at));
    grown.extend(at);
    let end = u32::try_from(text.len()).unwrap_or(u32::MAX);
    let mut pairs = pairs(&lexed, text.len());
    pairs.retain(|pair| pair.lo < offset && offset < pair.hi);
    pairs.push(Pair {
        lo: 0,
        hi: end,
        brace: false,
        whole: true,
    });
    pairs.sort_by_key(|pair| pair.hi - pair.lo);
    for pair in pairs {
        let inside = if pair.whole {
            (0, end)
        } else {
            (pair.lo + 1, pair.hi.saturating_sub(1).max(pair.lo + 1))
        };
        grown.extend(statement(&lexed, inside, offset, pair.brace || pair.whole));
        if pair.whole {
            grown.push(inside);
            continue;
        }
        grown.push(trimmed(text, inside));
        grown.push((pair.lo, pair.hi));
    }
    let mut found: Vec<(u32, u32)> = Vec::new();
    for (lo, hi) in grown {
        let holds = found
            .last()
            .is_none_or(|&(from, to)| lo <= from && to <= hi && (lo, hi) != (from, to));
        if holds && lo <= offset && offset <= hi {
            found.push((lo, hi));
        }
    }
    found
        .into_iter()
        .map(|(lo, hi)| Span::new(file, lo, hi))
        .collect()
}

/// Brackets that belong together, from the one to behind the other.
struct Pair {
    lo: u32,
    hi: u32,
    brace: bool,
    /// The file.
    whole: bool,
}

/// What is not closed reaches to the end.
fn pairs(lexed: &Lexed<'_>, end: usize) -> Vec<Pair> {
    let mut open: Vec<(Token<'_>, u32)> = Vec::new();
    let mut found = Vec::new();
    for lexeme in &lexed.lexemes {
        let opens = match lexeme.token {
            Token::LeftBrace | Token::LeftParen | Token::LeftBracket => {
                open.push((lexeme.token, lexeme.lo));
                continue;
            }
            Token::RightBrace => Token::LeftBrace,
            Token::RightParen => Token::LeftParen,
            Token::RightBracket => Token::LeftBracket,
            _ => continue,
        };
        // A brace closes what was left open inside of it; other brackets close nothing outside.
        let at = open.iter().rposition(|(token, _)| *token == opens);
        let crosses = |at: usize| {
            open[at..]
                .iter()
                .any(|(token, _)| *token == Token::LeftBrace)
        };
        let Some(at) = at.filter(|&at| opens == Token::LeftBrace || !crosses(at)) else {
            continue;
        };
        found.push(Pair {
            lo: open[at].1,
            hi: lexeme.hi,
            brace: opens == Token::LeftBrace,
            whole: false,
        });
        open.truncate(at);
    }
    let end = u32::try_from(end).unwrap_or(u32::MAX);
    found.extend(open.into_iter().map(|(token, lo)| Pair {
        lo,
        hi: end,
        brace: token == Token::LeftBrace,
        whole: false,
    }));
    found
}

/// Between brackets: the statement (in braces) or the argument around the offset, with the blocks in it.
fn statement(
    lexed: &Lexed<'_>,
    (from, to): (u32, u32),
    offset: u32,
    in_braces: bool,
) -> Option<(u32, u32)> {
    let mut depth = 0usize;
    let mut start: Option<u32> = None;
    let mut last = from;
    let inside = lexed
        .lexemes
        .iter()
        .filter(|lexeme| from <= lexeme.lo && lexeme.hi <= to);
    for lexeme in inside {
        let mut ends = false;
        match lexeme.token {
            Token::LeftBrace | Token::LeftParen | Token::LeftBracket => depth += 1,
            Token::RightBrace | Token::RightParen | Token::RightBracket => {
                depth = depth.saturating_sub(1);
                ends = depth == 0 && in_braces && lexeme.token == Token::RightBrace;
            }
            Token::Semicolon => ends = depth == 0 && in_braces,
            Token::Comma if !in_braces && depth == 0 => {
                if start.is_some_and(|start| (start..=lexeme.lo).contains(&offset)) {
                    return Some((start?, last));
                }
                start = None;
                continue;
            }
            _ => {}
        }
        let begun = *start.get_or_insert(lexeme.lo);
        last = lexeme.hi;
        if ends {
            if (begun..=last).contains(&offset) {
                return Some((begun, last));
            }
            start = None;
        }
    }
    start
        .filter(|&start| (start..=last).contains(&offset))
        .map(|start| (start, last))
}

fn trimmed(text: &str, (lo, hi): (u32, u32)) -> (u32, u32) {
    let Some(inside) = text.get(lo as usize..hi as usize) else {
        return (lo, hi);
    };
    let before = inside.len() - inside.trim_start().len();
    let length = inside.trim().len();
    let lo = lo + before as u32;
    (lo, lo + length as u32)
}

#[cfg(test)]
mod tests {
    use super::super::testing::cursor;
    use super::*;

    #[test]
    fn a_cursor_grows_to_the_whole_file() {
        let text = "// a\nMap n on a { one: d(t = 4$0, u = 2); two: d; }\n";
        let (snapshot, at) = cursor(text);
        let grown: Vec<&str> = around(&snapshot, at)
            .into_iter()
            .map(|span| snapshot.compiled.sources.text_of(span))
            .collect();
        assert_eq!(
            grown,
            [
                "4",
                "t = 4",
                "t = 4, u = 2",
                "(t = 4, u = 2)",
                "one: d(t = 4, u = 2);",
                "one: d(t = 4, u = 2); two: d;",
                "{ one: d(t = 4, u = 2); two: d; }",
                "Map n on a { one: d(t = 4, u = 2); two: d; }",
                "// a\nMap n on a { one: d(t = 4, u = 2); two: d; }\n",
            ]
        );
    }

    #[test]
    fn blocks_and_comments_fold() {
        let text = "// a\n// b\n\n// c\nNetwork n {\n Layer l { Type: FC; }\n}\nMap n on a {\n (\n}\n/* x\n y */ Oops {\n";
        let (snapshot, _) = cursor(text);
        let found: Vec<(&str, bool)> = folds(&snapshot)
            .into_iter()
            .map(|fold| {
                let text = snapshot.compiled.sources.text_of(fold.span);
                (text, fold.is_comment)
            })
            .filter(|(text, _)| text.contains('\n'))
            .collect();
        assert_eq!(
            found,
            [
                ("// a\n// b", true),
                ("{\n Layer l { Type: FC; }\n}", false),
                ("{\n (\n}", false),
                ("/* x\n y */", true),
                ("{\n", false),
            ]
        );
    }
}
