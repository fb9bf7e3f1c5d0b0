//! Constant values and their arithmetic: integers, decimals, quantities; exact, or an error.

use crate::base::{Dimension, Ratio, Unit, num};
use crate::syntax::ast::BinaryOp;

/// What a constant or a parameter of a network or an accelerator can be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    Integer(i64),
    /// In base units; no dimension for a decimal such as `0.6`.
    Exact(Ratio, Option<Dimension>),
}

/// Why an operation has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ArithmeticError {
    Overflow,
    DivisionByZero,
    /// Addition of a size and a time, a quantity times a quantity, a negative quantity.
    Mismatch,
    /// A function that has no value for these operands.
    Domain,
}

impl Value {
    /// `a size`, `a number`.
    pub(super) fn describe(self) -> &'static str {
        match self {
            Value::Integer(_) => "a bare number",
            Value::Exact(_, None) => "a decimal number",
            Value::Exact(_, Some(dimension)) => dimension.describe(),
        }
    }

    /// How two values of one unit compare; `None` for different units, and past `u128`.
    pub(super) fn compare(self, other: Value) -> Option<std::cmp::Ordering> {
        if let (Value::Integer(left), Value::Integer(right)) = (self, other) {
            return Some(left.cmp(&right));
        }
        let (Some((left, in_left)), Some((right, in_right))) = (self.exact(), other.exact()) else {
            return None;
        };
        if in_left != in_right {
            return None;
        }
        let (left, right, _) = cross(left, right)?;
        Some(left.cmp(&right))
    }

    /// The number alone, in base units; `None` when it is negative.
    pub(super) fn number(self) -> Option<Ratio> {
        self.exact().map(|exact| exact.0)
    }

    /// Whether it has no unit.
    pub(super) fn is_bare(self) -> bool {
        matches!(self, Value::Integer(_) | Value::Exact(_, None))
    }

    fn exact(self) -> Option<(Ratio, Option<Dimension>)> {
        match self {
            Value::Integer(value) => Some((Ratio::new(u128::try_from(value).ok()?, 1)?, None)),
            Value::Exact(ratio, dimension) => Some((ratio, dimension)),
        }
    }
}

/// As a program has it: `64`, `0.5`, `32MiB`.
impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Value::Integer(value) => write!(f, "{value}"),
            Value::Exact(ratio, None) => write!(f, "{}", ratio.to_f64()),
            Value::Exact(ratio, Some(dimension)) => match Unit::largest(ratio, dimension) {
                Some((number, unit)) => write!(f, "{number}{unit}"),
                None => write!(f, "{}{}", ratio.to_f64(), dimension.base_unit()),
            },
        }
    }
}

/// `left op right`, and whether an integer division was inexact.
pub(super) fn binary(
    op: BinaryOp,
    left: Value,
    right: Value,
) -> Result<(Value, bool), ArithmeticError> {
    if let (Value::Integer(left), Value::Integer(right)) = (left, right) {
        return integer(op, left, right).map(|(value, inexact)| (Value::Integer(value), inexact));
    }
    let (Some((a, in_a)), Some((b, in_b))) = (left.exact(), right.exact()) else {
        return Err(ArithmeticError::Mismatch);
    };
    let overflow = ArithmeticError::Overflow;
    let (value, dimension) = match op {
        BinaryOp::Add | BinaryOp::Subtract if in_a == in_b => {
            let sum = if op == BinaryOp::Add {
                sum(a, b).ok_or(overflow)?
            } else {
                difference(a, b)?
            };
            (sum, in_a)
        }
        BinaryOp::Multiply if in_a.is_none() || in_b.is_none() => {
            (a.checked_mul(b).ok_or(overflow)?, in_a.or(in_b))
        }
        BinaryOp::Divide if in_b.is_none() || in_a == in_b => {
            let inverse = Ratio::new(b.denominator(), b.numerator())
                .ok_or(ArithmeticError::DivisionByZero)?;
            let quotient = a.checked_mul(inverse).ok_or(overflow)?;
            (quotient, if in_b.is_none() { in_a } else { None })
        }
        _ => return Err(ArithmeticError::Mismatch),
    };
    Ok((Value::Exact(value, dimension), false))
}

/// Integer arithmetic, and whether a division was inexact.
pub(super) fn integer(op: BinaryOp, left: i64, right: i64) -> Result<(i64, bool), ArithmeticError> {
    let zero = matches!(op, BinaryOp::Divide | BinaryOp::Remainder) && right == 0;
    if zero {
        return Err(ArithmeticError::DivisionByZero);
    }
    let value = match op {
        BinaryOp::Add => left.checked_add(right),
        BinaryOp::Subtract => left.checked_sub(right),
        BinaryOp::Multiply => left.checked_mul(right),
        BinaryOp::Divide => left.checked_div(right),
        BinaryOp::Remainder => left.checked_rem(right),
    };
    let inexact = op == BinaryOp::Divide && left.checked_rem(right) != Some(0);
    value
        .map(|value| (value, inexact))
        .ok_or(ArithmeticError::Overflow)
}

/// `ceil(left / right)`.
pub(super) fn ceil_div(left: i64, right: i64) -> Result<i64, ArithmeticError> {
    if right == 0 {
        return Err(ArithmeticError::DivisionByZero);
    }
    num::ceil_div_signed(left, right).ok_or(ArithmeticError::Overflow)
}

/// `floor(left / right)`.
pub(super) fn floor_div(left: i64, right: i64) -> Result<i64, ArithmeticError> {
    if right == 0 {
        return Err(ArithmeticError::DivisionByZero);
    }
    let quotient = left.checked_div(right).ok_or(ArithmeticError::Overflow)?;
    let below = left % right != 0 && (left < 0) != (right < 0);
    Ok(quotient - i64::from(below))
}

fn cross(a: Ratio, b: Ratio) -> Option<(u128, u128, u128)> {
    Some((
        a.numerator().checked_mul(b.denominator())?,
        b.numerator().checked_mul(a.denominator())?,
        a.denominator().checked_mul(b.denominator())?,
    ))
}

fn sum(a: Ratio, b: Ratio) -> Option<Ratio> {
    let (left, right, below) = cross(a, b)?;
    Ratio::new(left.checked_add(right)?, below)
}

fn difference(a: Ratio, b: Ratio) -> Result<Ratio, ArithmeticError> {
    let (left, right, below) = cross(a, b).ok_or(ArithmeticError::Overflow)?;
    let top = left.checked_sub(right).ok_or(ArithmeticError::Mismatch)?;
    Ratio::new(top, below).ok_or(ArithmeticError::Overflow)
}

/// `ratio <= 1` and more than zero.
pub(super) fn is_fraction(ratio: Ratio) -> bool {
    ratio.numerator() > 0 && ratio.numerator() <= ratio.denominator()
}
