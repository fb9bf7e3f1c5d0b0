//! `3 * 224 * 224 * 9`: an expected number is written as the closed form that it comes from.

/// The value of an expression of `+ - * / ( )` and numbers; `_` may group digits; a division must be exact.
pub fn value(text: &str) -> Result<f64, String> {
    let mut rest = text.trim();
    let result = sum(&mut rest)?;
    if rest.is_empty() {
        return Ok(result);
    }
    Err(format!("`{text}`: what is `{rest}`?"))
}

fn sum(rest: &mut &str) -> Result<f64, String> {
    let mut result = product(rest)?;
    loop {
        if eat(rest, '+') {
            result += product(rest)?;
        } else if eat(rest, '-') {
            result -= product(rest)?;
        } else {
            return Ok(result);
        }
    }
}

fn product(rest: &mut &str) -> Result<f64, String> {
    let mut result = factor(rest)?;
    loop {
        if eat(rest, '*') {
            result *= factor(rest)?;
        } else if eat(rest, '/') {
            result /= factor(rest)?;
        } else {
            return Ok(result);
        }
    }
}

fn factor(rest: &mut &str) -> Result<f64, String> {
    if eat(rest, '(') {
        let result = sum(rest)?;
        return if eat(rest, ')') {
            Ok(result)
        } else {
            Err("a parenthesis is not closed".to_owned())
        };
    }
    let end = rest
        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_'))
        .unwrap_or(rest.len());
    let (digits, after) = rest.split_at(end);
    *rest = after.trim_start();
    digits
        .replace('_', "")
        .parse()
        .map_err(|_| format!("`{digits}` is no number"))
}

fn eat(rest: &mut &str, wanted: char) -> bool {
    match rest.strip_prefix(wanted) {
        Some(after) => {
            *rest = after.trim_start();
            true
        }
        None => false,
    }
}
