//! What can be wrong with the text of a file, and how it is said.

use super::expected::{A_FUSED_STATEMENT, DIRECTIVES, FUSED};
use super::slip::Slip;
use crate::base::{Span, Unit};
use crate::diag::{Code, Diagnostic, Mistake, suggest};

/// A mistake found between text and tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyntaxError {
    UnexpectedCharacter {
        span: Span,
        text: String,
    },
    InvalidUtf8 {
        span: Span,
    },
    UnterminatedComment {
        open: Span,
        end: Span,
    },
    /// The quote that is missing is best put at `close`.
    UnterminatedString {
        span: Span,
        close: Span,
    },
    UnknownEscape {
        span: Span,
    },
    NumberTooLarge {
        span: Span,
    },
    /// A number with letters behind it that are no unit.
    UnknownUnit {
        unit: Span,
        text: String,
        /// Bits per second: all of it, in bytes per second.
        instead: Option<(Span, String)>,
    },
    /// What is understood although it is written otherwise.
    Slip(Slip),
    /// The token does not fit; `expected` in human words.
    Unexpected {
        span: Span,
        found: String,
        keyword: bool,
        expected: Vec<String>,
        /// `(` follows.
        called: bool,
    },
    /// A separator is missing behind `after`.
    MissingSeparator {
        after: Span,
        found: String,
        separator: char,
    },
    /// `K 64`
    MissingColon {
        key: Span,
    },
    /// A word where an item must begin; `keyword` is what it may stand for.
    NotAnItem {
        span: Span,
        found: String,
        keyword: Option<&'static str>,
    },
    /// Blocks that are still open at `at`, innermost first.
    Unclosed {
        opens: Vec<Span>,
        at: Span,
    },
    StrayBrace {
        span: Span,
        /// It touches the word before it, which would run on into the next one.
        joins: bool,
    },
    TooDeep {
        span: Span,
        what: &'static str,
        limit: usize,
    },
    /// The block that `close` ends was never opened; its brace belongs at `at`.
    MissingOpen {
        at: Span,
        close: Span,
    },
    MissingName {
        keyword: Span,
        what: &'static str,
    },
    ValueWithoutKey {
        span: Span,
    },
    DottedKey {
        span: Span,
    },
    AssignmentOutsideCompute {
        span: Span,
        key: String,
    },
    Misplaced {
        span: Span,
        what: &'static str,
        home: &'static str,
    },
    NotADataflow {
        span: Span,
    },
    /// What stands behind `--set`.
    NotASetting {
        span: Span,
    },
    ClusterKind {
        span: Span,
    },
    FileTooLarge {
        span: Span,
        limit: usize,
    },
    /// So many mistakes that the rest of an item was not read.
    GaveUp {
        span: Span,
    },
}

impl SyntaxError {
    /// Where the mistake is.
    #[must_use]
    pub fn span(&self) -> Span {
        match self {
            Self::UnexpectedCharacter { span, .. }
            | Self::InvalidUtf8 { span }
            | Self::UnterminatedComment { open: span, .. }
            | Self::UnterminatedString { span, .. }
            | Self::UnknownEscape { span }
            | Self::NumberTooLarge { span }
            | Self::UnknownUnit { unit: span, .. }
            | Self::Unexpected { span, .. }
            | Self::MissingSeparator { after: span, .. }
            | Self::NotAnItem { span, .. }
            | Self::MissingColon { key: span }
            | Self::StrayBrace { span, .. }
            | Self::MissingOpen { at: span, .. }
            | Self::TooDeep { span, .. }
            | Self::MissingName { keyword: span, .. }
            | Self::ValueWithoutKey { span }
            | Self::DottedKey { span }
            | Self::AssignmentOutsideCompute { span, .. }
            | Self::Misplaced { span, .. }
            | Self::NotADataflow { span }
            | Self::NotASetting { span }
            | Self::ClusterKind { span }
            | Self::FileTooLarge { span, .. }
            | Self::GaveUp { span } => *span,
            Self::Slip(slip) => slip.span(),
            // Where the diagnostic points: the innermost open brace.
            Self::Unclosed { opens, at } => opens.first().copied().unwrap_or(*at),
        }
    }
}

impl Mistake for SyntaxError {
    fn code(&self) -> Code {
        match self {
            Self::UnexpectedCharacter { .. } => Code::E0001,
            Self::InvalidUtf8 { .. } => Code::E0002,
            Self::UnterminatedComment { .. } => Code::E0003,
            Self::UnterminatedString { .. } | Self::UnknownEscape { .. } => Code::E0004,
            Self::NumberTooLarge { .. }
            | Self::UnknownUnit { .. }
            | Self::Slip(Slip::DigitFirst { .. }) => Code::E0005,
            Self::Unexpected { .. }
            | Self::MissingSeparator { .. }
            | Self::MissingColon { .. }
            | Self::NotAnItem { .. }
            | Self::MissingName { .. }
            | Self::ValueWithoutKey { .. }
            | Self::DottedKey { .. }
            | Self::AssignmentOutsideCompute { .. }
            | Self::Misplaced { .. }
            | Self::NotADataflow { .. }
            | Self::NotASetting { .. }
            | Self::ClusterKind { .. }
            | Self::Slip(_)
            | Self::GaveUp { .. } => Code::E0101,
            Self::StrayBrace { .. } | Self::MissingOpen { .. } | Self::Unclosed { .. } => {
                Code::E0102
            }
            Self::TooDeep { .. } => Code::E0103,
            Self::FileTooLarge { .. } => Code::E0702,
        }
    }

    fn said(&self) -> Option<Diagnostic> {
        self.letters()
            .or_else(|| self.tokens())
            .or_else(|| self.beginnings())
            .or_else(|| self.braces())
            .or_else(|| self.misplaced())
    }
}

impl SyntaxError {
    /// What is no word of the language.
    fn letters(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::UnexpectedCharacter { span, text } => self.unexpected_character(*span, text),
            Self::InvalidUtf8 { span } => self
                .titled("the file is not valid UTF-8")
                .at(*span, "these bytes are no character")
                .help("save the file as UTF-8"),
            Self::UnterminatedComment { open, end } => self
                .titled("this comment has no end")
                .at(
                    *open,
                    "the comment begins here and takes the rest of the file",
                )
                .fix(*end, " */", "end the comment"),
            Self::UnterminatedString { span, close } => self
                .titled("this string has no end")
                .at(*span, "a string ends on the line on which it begins")
                .fix(*close, "\"", "close the string"),
            Self::UnknownEscape { span } => self
                .titled("unknown escape in a string")
                .at(*span, "not an escape")
                .help("write one of `\\\\` `\\\"` `\\n` `\\t`; paths use `/`"),
            Self::NumberTooLarge { span } => self
                .titled("number too large")
                .at(*span, "more digits than can be kept exactly")
                .note("a number has at most 38 digits and a power of ten within 60"),
            Self::UnknownUnit {
                unit,
                text,
                instead: Some((span, bytes)),
            } => self
                .titled(format!("`{text}/s` is not a unit"))
                .at(*unit, "a bandwidth is in bytes")
                .fix(*span, bytes.clone(), "as many bytes per second"),
            Self::UnknownUnit { unit, text, .. } => self.unknown_unit(*unit, text),
            Self::FileTooLarge { span, limit } => self
                .titled("the file is too large")
                .at(*span, "not read")
                .note(format!("a file may have at most {limit} bytes"))
                .help("split it and join the parts with `use \"part.dflow\";`"),
            _ => return None,
        })
    }

    /// A token that does not fit.
    fn tokens(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::Unexpected {
                span,
                found,
                keyword,
                expected,
                called,
            } => {
                let message = match expected.as_slice() {
                    [] => format!("unexpected {found}"),
                    list => format!("expected {}, found {found}", one_of(list)),
                };
                let diagnostic = self.titled(message).at(*span, "not expected here");
                let slip = beginnings(expected).and_then(|words| {
                    let word = found.strip_prefix('`')?.strip_suffix('`')?;
                    suggest::nearest(word, words.iter().copied())
                });
                // `TemporalMap` without `(` is no statement either.
                let fits = |word: &str| *called == (word.ends_with("Map") || word == "Cluster");
                let diagnostic = match slip {
                    Some(word) if fits(word) => diagnostic
                        .help(format!("did you mean `{word}`?"))
                        .fix(*span, word, format!("write `{word}`")),
                    Some(word) => diagnostic.help(format!("did you mean `{word}`?")),
                    None => diagnostic,
                };
                let diagnostic = match meant(*span, found, expected) {
                    Some((at, text)) => {
                        diagnostic.fix(at, text.clone(), format!("write `{}`", text.trim()))
                    }
                    None => diagnostic,
                };
                if *keyword && expected.iter().any(|word| word == "a name") {
                    diagnostic.note("keywords are reserved and cannot be names")
                } else {
                    diagnostic
                }
            }
            Self::Slip(slip) => slip.said(|message| self.titled(message)),
            Self::MissingSeparator {
                after,
                found,
                separator,
            } => self
                .titled(format!("expected `{separator}` before {found}"))
                .at(*after, format!("`{separator}` is missing here"))
                .fix(
                    *after,
                    separator.to_string(),
                    format!("add the `{separator}`"),
                ),
            _ => return None,
        })
    }

    /// Words that are missing, or that begin nothing.
    fn beginnings(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::MissingColon { key } => self
                .titled("expected `:` between key and value")
                .at(key.end(), "`:` is missing here")
                .fix(key.end(), ":", "add the `:`"),
            Self::NotAnItem {
                span,
                found,
                keyword,
            } => {
                let diagnostic = self
                    .titled(format!("expected an item, found {found}"))
                    .at(*span, "an item begins with a keyword")
                    .note("items: use, const, Technology, Accelerator, Network, Dataflow, Map");
                match keyword {
                    Some(word) => diagnostic.help(format!("did you mean `{word}`?")).fix(
                        *span,
                        *word,
                        format!("write `{word}`"),
                    ),
                    None => diagnostic,
                }
            }
            Self::MissingName { keyword, what } => self
                .titled(format!("this {what} has no name"))
                .at(*keyword, "a name is missing after this word")
                .fix(
                    keyword.end(),
                    format!(" my_{what}"),
                    format!("name the {what}"),
                ),
            Self::GaveUp { span } => self
                .titled("too many mistakes in this item")
                .at(*span, "the rest of the item was not read"),
            _ => return None,
        })
    }

    /// Blocks.
    fn braces(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::Unclosed { opens, at } => self.unclosed(opens, *at),
            Self::StrayBrace { span, joins } => self
                .titled("this brace closes nothing")
                .at(*span, "no block is open here")
                .fix(*span, if *joins { " " } else { "" }, "remove the brace"),
            Self::MissingOpen { at, close } => self
                .titled("this block is not opened")
                .at(*at, "`{` is missing here")
                .also(*close, "closed here")
                .fix(*at, " {", "open the block"),
            Self::TooDeep { span, what, limit } => self
                .titled(format!("this {what} is nested too deeply"))
                .at(*span, format!("more than {limit} levels")),
            _ => return None,
        })
    }

    /// What is written well and stands in the wrong place.
    fn misplaced(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::ValueWithoutKey { span } => self
                .titled("a value without a key")
                .at(*span, "expected `key: value`"),
            Self::DottedKey { span } => self
                .titled("a key is a single name")
                .at(*span, "expected a name without dots"),
            Self::AssignmentOutsideCompute { span, key } => self
                .titled(format!("`{key}` takes a value, not an equation"))
                .at(*span, "only `Compute` takes an equation"),
            Self::Misplaced { span, what, home } => self
                .titled(format!("{what} can only stand in {home}"))
                .at(*span, format!("this is not {home}")),
            Self::NotADataflow { span } => self
                .titled("expected a dataflow")
                .at(*span, "this is a value")
                .help("name a dataflow, or write one between braces"),
            Self::NotASetting { span } => self
                .titled("expected NAME=VALUE behind `--set`")
                .at(
                    *span,
                    "the name of a constant or a parameter, and a number or a quantity",
                )
                .help("write `--set T=4`, `--set npu.rows=64` or `--set 'sram=32 MiB'`"),
            Self::ClusterKind { span } => self
                .titled("unknown kind of cluster")
                .at(*span, "expected `L` (logical) or `P` (physical)")
                .fix(*span, "P", "make it a physical cluster"),
            _ => return None,
        })
    }

    fn unexpected_character(&self, span: Span, text: &str) -> Diagnostic {
        let shown: String = text.chars().flat_map(char::escape_debug).collect();
        let diagnostic = self
            .titled(format!("unexpected character `{shown}`"))
            .at(span, "not part of the language");
        let mut chars = text.chars();
        let look_alike = match (chars.next(), chars.next()) {
            (Some(c), None) => look_alike(c),
            _ => None,
        };
        match look_alike {
            Some((name, replacement)) => diagnostic.note(format!("this is {name}")).fix(
                span,
                replacement,
                format!("write `{replacement}`"),
            ),
            None => diagnostic,
        }
    }

    fn unknown_unit(&self, unit: Span, text: &str) -> Diagnostic {
        let diagnostic = self
            .titled(format!("`{text}` is not a unit"))
            .at(unit, "expected a unit, or nothing, behind the number");
        // Micro and square signs are read as their ASCII spelling.
        let plain = text
            .replace(['\u{b5}', '\u{3bc}'], "u")
            .replace('\u{b2}', "2");
        let meant = match plain.as_str() {
            "K" | "k" => Some("kB"),
            "M" => Some("MB"),
            "G" => Some("GB"),
            "KB" | "Kb" | "KIB" | "kib" | "kiB" | "Kib" => {
                return diagnostic.help("write `kB` for 1000 bytes or `KiB` for 1024 bytes");
            }
            _ if Unit::parse(&plain).is_some() => {
                Unit::spellings().find(|spelling| *spelling == plain)
            }
            _ => suggest::nearest(&plain, Unit::spellings()),
        };
        match meant {
            Some(word) => diagnostic.help(format!("did you mean `{word}`?")).fix(
                unit,
                word,
                format!("write `{word}`"),
            ),
            None if text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') => {
                diagnostic.note("a name cannot begin with a digit")
            }
            None => diagnostic,
        }
    }

    fn unclosed(&self, opens: &[Span], at: Span) -> Diagnostic {
        let Some((&inner, outer)) = opens.split_first() else {
            return self.titled("a block is not closed").at(at, "expected `}`");
        };
        let message = match outer.len() {
            0 => "this block is not closed".to_owned(),
            more => format!("this block and {more} around it are not closed"),
        };
        let mut diagnostic = self
            .titled(message)
            .at(inner, "opened here")
            .also(at, "`}` is missing here");
        for &open in outer.iter().take(2) {
            diagnostic = diagnostic.also(open, "also open");
        }
        diagnostic.fix(at, " }".repeat(opens.len()), "close the block")
    }
}

/// The edit that makes the token fit, where there can be no other: `=` for `:`, and the one word or sign that
/// fits before a number.
fn meant(span: Span, found: &str, expected: &[String]) -> Option<(Span, String)> {
    if found == "`=`" && expected.iter().any(|word| word == "`:`") {
        return Some((span, ":".to_owned()));
    }
    let [only] = expected else {
        return None;
    };
    // No body begins with a number.
    let only = only.strip_prefix('`')?.strip_suffix('`')?;
    if only == "{" {
        return None;
    }
    let is_number = found
        .strip_prefix('`')
        .is_some_and(|found| found.starts_with(|c: char| c.is_ascii_digit()));
    is_number.then(|| {
        let at = Span::new(span.file(), span.lo(), span.lo());
        (at, format!("{only} "))
    })
}

/// Characters that people type or paste instead of ours: what they are, what was meant.
fn look_alike(c: char) -> Option<(&'static str, &'static str)> {
    Some(match c {
        '\u{a0}' | '\u{2007}' | '\u{202f}' => ("a no-break space", " "),
        '\u{200b}' | '\u{200c}' | '\u{200d}' | '\u{2060}' => ("an invisible character", ""),
        '\u{2018}' | '\u{2019}' | '\u{2032}' | '`' | '\u{b4}' => {
            ("a quote that looks like a prime", "'")
        }
        '\u{201c}' | '\u{201d}' | '\u{201e}' => ("a typographic quote", "\""),
        '\u{2010}'..='\u{2015}' | '\u{2212}' => ("a dash that looks like a minus", "-"),
        '\u{d7}' | '\u{2217}' | '\u{b7}' => ("a multiplication sign", "*"),
        '\u{f7}' | '\u{2215}' | '\u{2044}' => ("a division sign", "/"),
        '\u{37e}' | '\u{ff1b}' => ("a sign that looks like a semicolon", ";"),
        '\u{ff0c}' => ("a full-width comma", ","),
        '\u{ff1a}' | '\u{2236}' => ("a sign that looks like a colon", ":"),
        '\u{ff08}' => ("a full-width parenthesis", "("),
        '\u{ff09}' => ("a full-width parenthesis", ")"),
        '\u{ff5b}' => ("a full-width brace", "{"),
        '\u{ff5d}' => ("a full-width brace", "}"),
        '#' => ("how other languages begin a comment", "//"),
        _ => return None,
    })
}

/// The words of which one must begin what is expected, if only words can.
fn beginnings(expected: &[String]) -> Option<&'static [&'static str]> {
    expected.iter().find_map(|word| match word.as_str() {
        "a directive" => Some(&DIRECTIVES[..]),
        A_FUSED_STATEMENT => Some(&FUSED[..]),
        "`run`" => Some(&["run"][..]),
        _ => None,
    })
}

/// `a, b or c`.
fn one_of(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [word] => word.clone(),
        [rest @ .., last] => format!("{} or {last}", rest.join(", ")),
    }
}
