//! Text to tokens; total: every text gives tokens, mistakes are reported aside.
//!
//! Odd characters are dropped from the stream after one message for each run of them; malformed literals
//! become [`Token::BadValue`]. Either way the place is remembered, so that the parser does not complain a
//! second time about the same statement: `K: 6\u{00a0}4` gives one message, not two.

use logos::Logos;

use super::error::SyntaxError;
use super::slip::Slip;
use super::token::Token;
use crate::base::{Decimal, FileId, Span, Unit};

/// A token and its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lexeme<'input> {
    pub token: Token<'input>,
    pub lo: u32,
    pub hi: u32,
}

/// What the lexer found.
#[derive(Debug, Default)]
pub struct Lexed<'input> {
    pub lexemes: Vec<Lexeme<'input>>,
    /// Comments, in order; the tree does not hold them.
    pub comments: Vec<Span>,
    pub errors: Vec<SyntaxError>,
    /// A comment without an end hides the rest of the file.
    pub cut_short: bool,
}

/// Lexes a text of less than 4 GiB.
#[must_use]
pub fn lex(file: FileId, text: &str) -> Lexed<'_> {
    let mut lexed = Lexed::default();
    let mut odd: Option<std::ops::Range<usize>> = None;
    let mut tokens = Token::lexer(text).spanned();
    while let Some((result, range)) = tokens.next() {
        let Ok(token) = result else {
            if text[range.clone()].starts_with('#') {
                // Meant as a comment: the words behind it are no mistakes of their own.
                let rest = text[range.end..]
                    .split(['\n', '\r'])
                    .next()
                    .map_or(0, str::len);
                tokens.bump(rest);
            }
            // Neighbouring odd characters, and what decoding replaced, make one message.
            odd = Some(match odd {
                Some(run) if run.end == range.start => run.start..range.end,
                Some(run) => {
                    report_odd(file, text, run, &mut lexed);
                    range
                }
                None => range,
            });
            continue;
        };
        if let Some(run) = odd.take() {
            report_odd(file, text, run, &mut lexed);
        }
        let span = span(file, &range);
        let token = match token {
            Token::LineComment => {
                report_replaced(file, text, &range, &mut lexed);
                lexed.comments.push(span);
                continue;
            }
            Token::BlockComment => {
                report_replaced(file, text, &range, &mut lexed);
                let slice = &text[range];
                if slice.len() < 4 || !slice.ends_with("*/") {
                    lexed.errors.push(SyntaxError::UnterminatedComment {
                        open: Span::new(file, span.lo(), span.lo() + 2),
                        end: span.end(),
                    });
                    lexed.cut_short = true;
                }
                lexed.comments.push(span);
                continue;
            }
            Token::Number(slice) if names_next(&lexed.lexemes, slice) => {
                let name = format!("_{slice}");
                let slip = Slip::DigitFirst { span, name };
                lexed.errors.push(SyntaxError::Slip(slip));
                Token::Identifier(slice)
            }
            // The end of a name with a `-` in it; the parser says so.
            Token::Number(slice) if ends_name(&lexed.lexemes, span.lo(), slice) => {
                Token::Identifier(slice)
            }
            Token::Number(slice) => match check_number(span, slice, &text[range.end..]) {
                Ok(()) => token,
                Err(error) => {
                    lexed.errors.push(error);
                    Token::BadValue
                }
            },
            Token::String(slice) => {
                report_replaced(file, text, &range, &mut lexed);
                match check_string(span, slice) {
                    Ok(()) => token,
                    Err(error) => {
                        lexed.errors.push(error);
                        Token::BadValue
                    }
                }
            }
            // Behind a colon stands a value, and a rule has this name: `Refill: tile`.
            Token::Tile
                if lexed
                    .lexemes
                    .last()
                    .is_some_and(|last| last.token == Token::Colon) =>
            {
                Token::Identifier(&text[range])
            }
            // Both words are names everywhere else; a blank or a comment between them is no part of a sign.
            Token::Equals => match reduction(&lexed.lexemes, span.lo()) {
                Some(sign) => {
                    let word = lexed.lexemes.pop();
                    lexed.lexemes.push(Lexeme {
                        token: sign,
                        lo: word.map_or(span.lo(), |word| word.lo),
                        hi: span.hi(),
                    });
                    continue;
                }
                None => token,
            },
            other => other,
        };
        lexed.lexemes.push(Lexeme {
            token,
            lo: span.lo(),
            hi: span.hi(),
        });
    }
    if let Some(run) = odd.take() {
        report_odd(file, text, run, &mut lexed);
    }
    lexed
}

fn span(file: FileId, range: &std::ops::Range<usize>) -> Span {
    let at = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
    Span::new(file, at(range.start), at(range.end))
}

fn report_odd(file: FileId, text: &str, run: std::ops::Range<usize>, lexed: &mut Lexed<'_>) {
    let span = span(file, &run);
    let slice = &text[run];
    lexed
        .errors
        .push(if slice.contains(char::REPLACEMENT_CHARACTER) {
            SyntaxError::InvalidUtf8 { span }
        } else {
            SyntaxError::UnexpectedCharacter {
                span,
                text: slice.chars().take(16).collect(),
            }
        });
}

/// Bytes that were not UTF-8 (see [`super::parser::decode`]) are reported in comments and strings too.
fn report_replaced(
    file: FileId,
    text: &str,
    range: &std::ops::Range<usize>,
    lexed: &mut Lexed<'_>,
) {
    if let Some(at) = text[range.clone()].find(char::REPLACEMENT_CHARACTER) {
        let start = range.start + at;
        let end = start + char::REPLACEMENT_CHARACTER.len_utf8();
        lexed.errors.push(SyntaxError::InvalidUtf8 {
            span: span(file, &(start..end)),
        });
    }
}

/// Where the digits of a number token end and where its unit begins (equal to the length if there is none).
#[must_use]
pub fn split_number(slice: &str) -> (&str, &str) {
    let bytes = slice.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let run = |mut at: usize| {
        while digit(at) || bytes.get(at) == Some(&b'_') {
            at += 1;
        }
        at
    };
    let mut end = run(0);
    if bytes.get(end) == Some(&b'.') && digit(end + 1) {
        end = run(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        if digit(end + 1 + sign) {
            end += 1 + sign;
            while digit(end) {
                end += 1;
            }
        }
    }
    (&slice[..end], slice[end..].trim_start())
}

/// The sign that `=` makes of the word before it in `S[m] max= X[m,n]`.
fn reduction(before: &[Lexeme<'_>], lo: u32) -> Option<Token<'static>> {
    match before {
        [.., tensor, word] if tensor.token == Token::RightBracket && word.hi == lo => {
            match word.token {
                Token::Identifier("max") => Some(Token::MaxEquals),
                Token::Identifier("min") => Some(Token::MinEquals),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether a name must stand where the number does, as behind `Layer`, and the number could be one but for its digit.
fn names_next(before: &[Lexeme<'_>], slice: &str) -> bool {
    let word = before.last().map(|last| last.token);
    let wanted = matches!(
        word,
        Some(
            Token::Layer
                | Token::Network
                | Token::Accelerator
                | Token::Technology
                | Token::Dataflow
                | Token::Const
        )
    );
    wanted && slice.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Whether `2a` is the end of `conv-2a`, without a blank.
fn ends_name(before: &[Lexeme<'_>], lo: u32, slice: &str) -> bool {
    let touches = match before {
        [.., name, minus] => {
            matches!(name.token, Token::Identifier(_))
                && minus.token == Token::Minus
                && name.hi == minus.lo
                && minus.hi == lo
        }
        _ => false,
    };
    let (_, unit) = split_number(slice);
    touches
        && !unit.is_empty()
        && Unit::parse(unit).is_none()
        && !slice.contains(char::is_whitespace)
}

/// `512` of `512Gb/s` in bytes per second, with the rest of its spelling.
fn in_bytes(digits: &str, unit: &str, behind: &str) -> Option<String> {
    let prefix = ["k", "M", "G", "T"].into_iter().find(|prefix| {
        [format!("{prefix}b"), format!("{prefix}bit")]
            .iter()
            .any(|u| u == unit)
    })?;
    let behind = behind
        .strip_prefix("/s")
        .or_else(|| behind.strip_prefix("ps"))?;
    if behind.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
        return None;
    }
    let bits: u64 = digits.parse().ok()?;
    let (whole, eighths) = (bits / 8, bits % 8);
    let part = format!("{:03}", eighths * 125);
    let part = part.trim_end_matches('0');
    let point = if part.is_empty() { "" } else { "." };
    Some(format!("{whole}{point}{part}{prefix}B/s"))
}

fn check_number(span: Span, slice: &str, behind: &str) -> Result<(), SyntaxError> {
    let (digits, unit) = split_number(slice);
    if Decimal::parse(digits).is_none() {
        return Err(SyntaxError::NumberTooLarge { span });
    }
    if !unit.is_empty() && Unit::parse(unit).is_none() {
        let hidden = u32::try_from(slice.len() - unit.len()).unwrap_or(0);
        return Err(SyntaxError::UnknownUnit {
            unit: Span::new(span.file(), span.lo() + hidden, span.hi()),
            text: unit.chars().take(40).collect(),
            instead: in_bytes(digits, unit, behind)
                .map(|bytes| (Span::new(span.file(), span.lo(), span.hi() + 2), bytes)),
        });
    }
    Ok(())
}

fn check_string(span: Span, slice: &str) -> Result<(), SyntaxError> {
    let mut escaped = false;
    for (at, c) in slice.char_indices().skip(1) {
        match c {
            '"' if !escaped => return Ok(()),
            'n' | 't' | '\\' | '"' if escaped => escaped = false,
            _ if escaped => {
                let lo = span.lo() + u32::try_from(at).unwrap_or(0);
                return Err(SyntaxError::UnknownEscape {
                    span: Span::new(span.file(), lo - 1, lo + c.len_utf8() as u32),
                });
            }
            '\\' => escaped = true,
            _ => {}
        }
    }
    // What looks like the end of the statement is not part of the string.
    let inside = slice
        .trim_end_matches([' ', '\t', '\r', ';', '}', ')', ','])
        .len()
        .max(1);
    let close = span.lo() + u32::try_from(inside).unwrap_or(0);
    // A backslash at the end would take the quote for a part of the string: the quote comes in its place.
    let open = close - u32::from(escaped);
    Err(SyntaxError::UnterminatedString {
        span,
        close: Span::new(span.file(), open, close),
    })
}

/// The text of a string token: quotes off, escapes (`\n \t \\ \"`) resolved.
#[must_use]
pub fn unquote(slice: &str) -> String {
    let inner = slice.strip_prefix('"').unwrap_or(slice);
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}
