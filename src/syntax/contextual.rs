//! The words that are keywords only inside fused blocks.
//!
//! ```text
//! const sequence = 512;                         <- a name, like everywhere outside
//! Map n on a {
//!   Fuse from, run { sequence { run run; } }    <- two layers; then a keyword, a keyword and a layer
//! }
//! ```
//!
//! A file written before there were fused blocks may use `run` or `from` as a name; reserving the words would
//! break it. So the lexer gives names, and here, where braces match, those inside of a fused block become
//! tokens of their own, which the grammar takes for names wherever it wants a name.

use super::lexer::Lexeme;
use super::token::Token;

/// Marks the words inside the braces of every `Fuse`.
pub fn mark(lexemes: &mut [Lexeme<'_>]) {
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
