//! Natural numbers of any size, for counting spaces.
//!
//! A convolution on four memories has more than 10^30 candidates, and the number is reported exactly. All that is
//! needed is to add, to multiply, and to write in decimal, so no crate is used.

use std::cmp::Ordering;
use std::fmt;

/// Digits of base 10^9, least first, without leading zeros; zero is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Natural(Vec<u32>);

const BASE: u64 = 1_000_000_000;

impl From<u64> for Natural {
    fn from(n: u64) -> Natural {
        Natural::of_u128(n.into())
    }
}

impl Natural {
    #[must_use]
    pub fn of_u128(mut n: u128) -> Natural {
        let base = u128::from(BASE);
        let mut digits = Vec::new();
        while n > 0 {
            digits.push((n % base) as u32);
            n /= base;
        }
        Natural(digits)
    }

    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    pub fn add(&mut self, other: &Natural) {
        let mut carry = 0;
        for at in 0..self.0.len().max(other.0.len()) {
            if at == self.0.len() {
                self.0.push(0);
            }
            let sum =
                u64::from(self.0[at]) + u64::from(other.0.get(at).copied().unwrap_or(0)) + carry;
            self.0[at] = (sum % BASE) as u32;
            carry = sum / BASE;
        }
        if carry > 0 {
            self.0.push(carry as u32);
        }
    }

    /// `self - other`; `None` if that is negative.
    #[must_use]
    pub fn minus(&self, other: &Natural) -> Option<Natural> {
        if (self as &Natural).cmp(other) == Ordering::Less {
            return None;
        }
        let mut digits = Vec::with_capacity(self.0.len());
        let mut borrow = 0i64;
        for (at, &digit) in self.0.iter().enumerate() {
            let own = i64::from(digit) - i64::from(other.0.get(at).copied().unwrap_or(0)) - borrow;
            borrow = i64::from(own < 0);
            digits.push((own + borrow * BASE as i64) as u32);
        }
        while digits.last() == Some(&0) {
            digits.pop();
        }
        Some(Natural(digits))
    }

    #[must_use]
    pub fn times(&self, other: &Natural) -> Natural {
        let mut digits = vec![0u64; self.0.len() + other.0.len() + 1];
        for (i, &a) in self.0.iter().enumerate() {
            let mut carry = 0;
            for (j, &b) in other.0.iter().enumerate() {
                let sum = digits[i + j] + u64::from(a) * u64::from(b) + carry;
                digits[i + j] = sum % BASE;
                carry = sum / BASE;
            }
            digits[i + other.0.len()] += carry;
        }
        let mut digits: Vec<u32> = digits.into_iter().map(|d| d as u32).collect();
        while digits.last() == Some(&0) {
            digits.pop();
        }
        Natural(digits)
    }

    /// The decimal digits as a number.
    #[must_use]
    pub fn parse(text: &str) -> Option<Natural> {
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let mut number = Natural::default();
        for digit in text.bytes() {
            number = number.times(&Natural::from(10));
            number.add(&Natural::from(u64::from(digit - b'0')));
        }
        Some(number)
    }

    /// `None` past 128 bits.
    #[must_use]
    pub fn to_u128(&self) -> Option<u128> {
        self.0.iter().rev().try_fold(0u128, |sum, &digit| {
            sum.checked_mul(u128::from(BASE))?
                .checked_add(u128::from(digit))
        })
    }

    /// As a float, for ratios.
    #[must_use]
    pub fn to_f64(&self) -> f64 {
        self.0
            .iter()
            .rev()
            .fold(0.0, |sum, &digit| sum * BASE as f64 + f64::from(digit))
    }
}

impl Ord for Natural {
    fn cmp(&self, other: &Natural) -> Ordering {
        self.0
            .len()
            .cmp(&other.0.len())
            .then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }
}

impl PartialOrd for Natural {
    fn partial_cmp(&self, other: &Natural) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Natural {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((last, rest)) = self.0.split_last() else {
            return f.write_str("0");
        };
        let mut text = last.to_string();
        for digit in rest.iter().rev() {
            text.push_str(&format!("{digit:09}"));
        }
        f.pad_integral(true, "", &text)
    }
}

#[cfg(test)]
mod tests {
    use super::Natural;

    /// 20! by hand of any table: 2432902008176640000; and (2^64 - 1)^2 = 340282366920938463426481119284349108225.
    #[test]
    fn multiplies_adds_and_writes() {
        let mut product = Natural::from(1);
        for n in 1..=20 {
            product = product.times(&Natural::from(n));
        }
        assert_eq!(product.to_string(), "2432902008176640000");
        let most = Natural::from(u64::MAX);
        let square = most.times(&most);
        assert_eq!(
            square.to_string(),
            "340282366920938463426481119284349108225"
        );
        let mut sum = square.clone();
        sum.add(&most);
        assert_eq!(square.to_u128(), Some(u128::from(u64::MAX).pow(2)));
        assert_eq!(square.times(&most).to_u128(), None);
        assert_eq!(sum.minus(&square), Some(most.clone()));
        assert_eq!(square.minus(&sum), None);
        assert_eq!(
            Natural::parse("340282366920938463426481119284349108225"),
            Some(square)
        );
        assert_eq!(Natural::from(0).to_string(), "0");
    }
}
