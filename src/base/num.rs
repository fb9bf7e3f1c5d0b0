//! Integer helpers that the whole crate shares. None of them can panic.

/// Greatest common divisor; `gcd(0, n) = n`.
#[must_use]
pub fn gcd(a: u128, b: u128) -> u128 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// `a / b` rounded up; `None` for `b == 0`.
#[must_use]
pub fn ceil_div(a: u64, b: u64) -> Option<u64> {
    if b == 0 {
        return None;
    }
    Some(a.div_ceil(b))
}

/// `a / b` rounded towards positive infinity for signed numbers; `None` for `b == 0` or overflow.
#[must_use]
pub fn ceil_div_signed(a: i64, b: i64) -> Option<i64> {
    let quotient = a.checked_div(b)?;
    let inexact = a.checked_rem(b)? != 0;
    let positive = (a < 0) == (b < 0);
    if inexact && positive {
        quotient.checked_add(1)
    } else {
        Some(quotient)
    }
}

/// `a / b` rounded towards negative infinity; `None` for `b == 0` or overflow.
#[must_use]
pub fn floor_div_signed(a: i64, b: i64) -> Option<i64> {
    let quotient = a.checked_div(b)?;
    let inexact = a.checked_rem(b)? != 0;
    let negative = (a < 0) != (b < 0);
    if inexact && negative {
        quotient.checked_sub(1)
    } else {
        Some(quotient)
    }
}

/// The product of all factors; `None` past `u128`.
#[must_use]
pub fn checked_product(factors: impl IntoIterator<Item = u64>) -> Option<u128> {
    factors.into_iter().try_fold(1u128, |product, factor| {
        product.checked_mul(u128::from(factor))
    })
}

/// `n` with thousands separated by commas, as reports and messages print large counts: `1,177`.
#[must_use]
pub fn grouped(n: u128) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index != 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_rounds_as_named() {
        // By definition of floor and ceiling.
        assert_eq!(ceil_div(7, 2), Some(4));
        assert_eq!(ceil_div(7, 0), None);
        assert_eq!(ceil_div_signed(-7, 2), Some(-3));
        assert_eq!(ceil_div_signed(7, 2), Some(4));
        assert_eq!(floor_div_signed(-7, 2), Some(-4));
        assert_eq!(floor_div_signed(i64::MIN, -1), None);
    }

    #[test]
    fn gcd_and_grouping() {
        assert_eq!(gcd(12, 18), 6);
        assert_eq!(gcd(0, 5), 5);
        assert_eq!(grouped(1_177), "1,177");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_000_000), "1,000,000");
    }
}
