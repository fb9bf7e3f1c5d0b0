//! The words that are keywords only in some places: inside fused blocks, before a size, before a name.
//!
//! ```text
//! const sequence = 512;                         <- a name, like everywhere outside
//! Map n on a {
//!   Fuse from, run { sequence { run run; } }    <- two layers; then a keyword, a keyword and a layer
//! }
//! ```
//!
//! `upto` is a keyword where a size may begin (behind `by`, `(` and `,`) and something that begins a number or a
//! name stands behind it: `tile K by upto 64` has it, `tile K by upto` has a constant of that name. `let` is one at the
//! beginning of a statement, before a name or `=`. `Network n unwired {` has the word, `Network unwired {` a name;
//! `Schedule` is one at the beginning of a statement of a dataflow; a layer of a map may be called so.
//! `repeat 32 decoder {` and `Block b: net Inputs: a` begin entries of a network, and other blocks may be called so;
//! `Persistent x;` is a statement of one, `Persistent x {` a block of that kind.
//!
//! A file written before there were fused blocks may use `run` or `from` as a name; reserving the words would
//! break it. So the lexer gives names, and here, where braces match, those inside of a fused block become
//! tokens of their own, which the grammar takes for names wherever it wants a name.

use super::lexer::Lexeme;
use super::token::Token;

/// Marks the words inside the braces of every `Fuse`, every `upto` before a size, and every `let`.
pub fn mark(lexemes: &mut [Lexeme<'_>]) {
    mark_sizes(lexemes);
    mark_lets(lexemes);
    mark_networks(lexemes);
    mark_fused(lexemes);
    mark_schedules(lexemes);
    mark_searches(lexemes);
}

fn mark_sizes(lexemes: &mut [Lexeme<'_>]) {
    for at in 1..lexemes.len().saturating_sub(1) {
        let (before, own, behind) = (
            lexemes[at - 1].token,
            lexemes[at].token,
            lexemes[at + 1].token,
        );
        let may_begin = matches!(before, Token::By | Token::LeftParen | Token::Comma);
        let goes_on = matches!(
            behind,
            Token::Identifier(_) | Token::Number(_) | Token::LeftParen | Token::BadValue
        );
        if own == Token::Identifier("upto") && may_begin && goes_on {
            lexemes[at].token = Token::UpTo;
        }
    }
}

fn mark_lets(lexemes: &mut [Lexeme<'_>]) {
    for at in 1..lexemes.len().saturating_sub(1) {
        let begins = matches!(
            lexemes[at - 1].token,
            Token::LeftBrace | Token::RightBrace | Token::Semicolon | Token::Comma
        );
        // Without the name, or without the sign, it is a `let` with a mistake.
        let names = matches!(lexemes[at + 1].token, Token::Identifier(_) | Token::Equals);
        if lexemes[at].token == Token::Identifier("let") && begins && names {
            lexemes[at].token = Token::Let;
        }
    }
}

/// Nothing else than a word of its own begins a directive, so that whoever writes `Schedule` there means it.
fn mark_schedules(lexemes: &mut [Lexeme<'_>]) {
    // Whether each open block is one of directives; whether the head of one was read.
    let mut blocks: Vec<bool> = Vec::new();
    let mut head = false;
    for at in 0..lexemes.len() {
        let before = |distance: usize| {
            let index = at.checked_sub(distance)?;
            lexemes.get(index).map(|lexeme| lexeme.token)
        };
        match lexemes[at].token {
            Token::Dataflow => head = true,
            Token::LeftBrace => {
                let inside = matches!(before(1), Some(Token::Colon | Token::Using))
                    || before(2) == Some(Token::At);
                blocks.push(head || inside);
                head = false;
            }
            Token::RightBrace => {
                blocks.pop();
                head = false;
            }
            Token::Semicolon => head = false,
            Token::Identifier("Schedule") if blocks.last() == Some(&true) => {
                let begins = matches!(
                    before(1),
                    Some(Token::LeftBrace | Token::RightBrace | Token::Semicolon | Token::Comma)
                );
                if begins {
                    lexemes[at].token = Token::Schedule;
                }
            }
            _ => {}
        }
    }
}

fn mark_networks(lexemes: &mut [Lexeme<'_>]) {
    // Where the head of a network began; a block has been named and waits for its `Inputs`.
    let (mut head, mut block) = (None, false);
    for at in 0..lexemes.len() {
        let behind = |distance: usize| lexemes.get(at + distance).map(|lexeme| lexeme.token);
        let begins = at.checked_sub(1).is_some_and(|before| {
            matches!(
                lexemes[before].token,
                Token::LeftBrace | Token::RightBrace | Token::Semicolon | Token::Comma
            )
        });
        let marked = match lexemes[at].token {
            Token::Network => {
                head = Some(at);
                None
            }
            Token::LeftBrace | Token::RightBrace | Token::Semicolon => {
                (head, block) = (None, false);
                None
            }
            Token::Identifier("unwired") => {
                let is_word = head.is_some_and(|head| at > head + 1);
                (is_word && behind(1) == Some(Token::LeftBrace)).then_some(Token::Unwired)
            }
            Token::Identifier("repeat") if begins => {
                let counts = match (behind(1), behind(2)) {
                    (Some(Token::Number(_) | Token::LeftParen), _) => true,
                    (Some(Token::Identifier(_)), Some(next)) => {
                        !matches!(next, Token::LeftBrace | Token::Colon)
                    }
                    _ => false,
                };
                counts.then_some(Token::Repeat)
            }
            Token::Identifier("Block") if begins => {
                let named = matches!(behind(1), Some(Token::Identifier(_)));
                block = named && behind(2) == Some(Token::Colon);
                block.then_some(Token::Block)
            }
            Token::Identifier("Persistent") if begins => {
                let named = matches!(behind(1), Some(Token::Identifier(_)));
                let ends = matches!(
                    behind(2),
                    Some(Token::Semicolon | Token::Comma | Token::RightBrace | Token::Dot)
                );
                (named && ends).then_some(Token::Persistent)
            }
            Token::Identifier("Inputs") if block => {
                block = false;
                (behind(1) == Some(Token::Colon)).then_some(Token::Inputs)
            }
            _ => None,
        };
        if let Some(token) = marked {
            lexemes[at].token = token;
        }
    }
}

fn mark_fused(lexemes: &mut [Lexeme<'_>]) {
    // Inside of a block: how many braces are open in it. Before it: none, but `Fuse` was read.
    let mut announced = false;
    let mut depth = 0usize;
    for lexeme in lexemes {
        match lexeme.token {
            Token::Fuse => announced = true,
            Token::LeftBrace if depth > 0 || announced => depth += 1,
            Token::RightBrace | Token::Semicolon if depth == 0 => announced = false,
            Token::RightBrace => {
                depth -= 1;
                announced = false;
            }
            Token::Identifier(word) if depth > 0 => {
                if let Some(token) = keyword(word) {
                    lexeme.token = token;
                }
            }
            _ => {}
        }
    }
}

/// `space`, `where`, `vary` and `order` where they begin a statement of a search or an exploration: `where {`,
/// `order K, C;`.
fn mark_searches(lexemes: &mut [Lexeme<'_>]) {
    let mut announced = false;
    let mut depth = 0usize;
    for at in 0..lexemes.len() {
        let before = at.checked_sub(1).map(|before| lexemes[before].token);
        let behind = lexemes.get(at + 1).map(|lexeme| lexeme.token);
        match lexemes[at].token {
            Token::Search | Token::Explore => announced = true,
            Token::LeftBrace if depth > 0 || announced => depth += 1,
            Token::RightBrace | Token::Semicolon if depth == 0 => announced = false,
            Token::RightBrace => {
                depth -= 1;
                announced = depth > 0;
            }
            Token::Identifier(word)
                if depth > 0
                    && matches!(
                        before,
                        Some(Token::LeftBrace | Token::RightBrace | Token::Semicolon)
                    ) =>
            {
                let names = matches!(behind, Some(Token::Identifier(_)));
                let opens = behind == Some(Token::LeftBrace);
                let token = match word {
                    "space" if depth == 1 && (names || opens) => Token::Space,
                    "where" if depth == 1 && opens => Token::Where,
                    "vary" if depth == 1 && names => Token::Vary,
                    "order" if depth > 1 && names => Token::Order,
                    _ => continue,
                };
                lexemes[at].token = token;
            }
            _ => {}
        }
    }
}

fn keyword(word: &str) -> Option<Token<'static>> {
    Some(match word {
        "recompute" => Token::Recompute,
        "refetch" => Token::Refetch,
        "from" => Token::From,
        "pipeline" => Token::Pipeline,
        "sequence" => Token::Sequence,
        "run" => Token::Run,
        "using" => Token::Using,
        _ => return None,
    })
}
