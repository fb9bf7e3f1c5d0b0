//! The functions of expressions: one table, from which messages and editors have their words too.
//!
//! ```text
//! let rows = min(Size(PE[0]) / 2, largest_divisor(Sz(Y'), 16));
//! tile K by if(Sz(R) == 1, 64, pow2_floor(Size(GLB) / Sz(C)));
//! ```
//!
//! Functions of the layer and of the hardware have a value only in a dataflow; all others are constants where their
//! operands are.

use super::{Accelerator, Operator};

/// What a function computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    Operator(Operator),
    PowerOfTwo,
    If,
    Size,
    Stride,
    Capacity,
}

/// A function of the language.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    pub name: &'static str,
    /// Names of its operands.
    pub takes: &'static [&'static str],
    pub function: Function,
    pub meaning: &'static str,
}

const fn known(
    name: &'static str,
    takes: &'static [&'static str],
    function: Function,
    meaning: &'static str,
) -> Known {
    Known {
        name,
        takes,
        function,
        meaning,
    }
}

/// All of them.
pub const FUNCTIONS: [Known; 10] = [
    known(
        "Sz",
        &["D"],
        Function::Size,
        "the size of dimension D in the layer being mapped",
    ),
    known(
        "Stride",
        &["D"],
        Function::Stride,
        "by how much the window moves along Y or X; 1 for other dimensions",
    ),
    known(
        "Size",
        &["M"],
        Function::Capacity,
        "the bytes that can be used of memory M; of an array, or of one axis of it (`PE[0]`), its instances",
    ),
    known(
        "min",
        &["a", "b"],
        Function::Operator(Operator::Min),
        "the smaller one",
    ),
    known(
        "max",
        &["a", "b"],
        Function::Operator(Operator::Max),
        "the larger one",
    ),
    known(
        "ceil_div",
        &["a", "b"],
        Function::Operator(Operator::CeilDivide),
        "a / b rounded up",
    ),
    known(
        "floor_div",
        &["a", "b"],
        Function::Operator(Operator::FloorDivide),
        "a / b rounded down, without a warning",
    ),
    known(
        "largest_divisor",
        &["n", "at_most"],
        Function::Operator(Operator::LargestDivisor),
        "the largest divisor of n that is no larger than at_most",
    ),
    known(
        "pow2_floor",
        &["n"],
        Function::PowerOfTwo,
        "the largest power of two that is no larger than n",
    ),
    known(
        "if",
        &["a <= b", "then", "otherwise"],
        Function::If,
        "then or otherwise, by a comparison",
    ),
];

/// The function of that name.
pub(super) fn called(name: &str) -> Option<&'static Known> {
    FUNCTIONS.iter().find(|known| known.name == name)
}

/// The names of all functions.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().map(|known| known.name)
}

/// Larger numbers are not taken apart: it would take too long.
const LARGEST_DIVIDED: i64 = 1 << 32;

/// The largest divisor of `n` up to `at_most`; `None` when one of them is below 1 or `n` past 2^32.
pub(super) fn largest_divisor(n: i64, at_most: i64) -> Option<i64> {
    if n < 1 || at_most < 1 || n > LARGEST_DIVIDED {
        return None;
    }
    if n <= at_most {
        return Some(n);
    }
    let mut largest = 1;
    let mut small = 1;
    // Divisors come in pairs around the root.
    while small <= n / small {
        if n % small == 0 {
            let pair = [small, n / small];
            largest = pair
                .into_iter()
                .filter(|divisor| *divisor <= at_most)
                .fold(largest, i64::max);
        }
        small += 1;
    }
    Some(largest)
}

/// The largest power of two up to `n`; `None` below 1.
pub(super) fn power_of_two(n: i64) -> Option<i64> {
    let n = u64::try_from(n).ok()?;
    i64::try_from(1u64 << n.checked_ilog2()?).ok()
}

/// What the layer and the hardware say in an expression of a dataflow.
pub trait Surroundings {
    /// `Sz(D)`; `None` when the layer has no such dimension.
    fn size(&self, dim: &str) -> Option<u64>;
    /// `Stride(D)`; `None` when the layer has no such dimension.
    fn stride(&self, dim: &str) -> Option<u64>;
    /// `Size(M)`, `Size(A)`, `Size(A[axis])`
    ///
    /// # Errors
    /// Why it has none.
    fn capacity(&self, part: &str, axis: Option<i64>) -> Result<u64, NoCapacity>;
}

/// Why a part of the hardware has no size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoCapacity {
    /// There is none of that name.
    Unknown,
    /// The memory is unbounded.
    Unbounded,
    /// The array has fewer axes, or the memory none.
    NoAxis,
}

impl Accelerator {
    /// Bytes that can be used of a memory (half of a double-buffered one), instances of an array or of one of its axes.
    ///
    /// # Errors
    /// When there is no such thing.
    pub fn usable(&self, part: &str, axis: Option<i64>) -> Result<u64, NoCapacity> {
        if let Some(memory) = self.memories.iter().find(|memory| memory.name == part) {
            if axis.is_some() {
                return Err(NoCapacity::NoAxis);
            }
            let bits = memory.capacity_bits.ok_or(NoCapacity::Unbounded)?;
            let buffers = if memory.double_buffered { 2 } else { 1 };
            return u64::try_from(bits / 8 / buffers).map_err(|_| NoCapacity::Unbounded);
        }
        let mut arrays = self.arrays.iter();
        let array = arrays.find(|array| array.name == part);
        let shape = &array.ok_or(NoCapacity::Unknown)?.shape;
        match axis {
            Some(axis) => {
                let axis = usize::try_from(axis).ok();
                let size = axis.and_then(|axis| shape.get(axis));
                size.copied().ok_or(NoCapacity::NoAxis)
            }
            None => shape
                .iter()
                .try_fold(1u64, |all, axis| all.checked_mul(*axis))
                .ok_or(NoCapacity::Unbounded),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divisors_by_trying_all() {
        for n in 1..200i64 {
            for at_most in 1..220i64 {
                let tried = (1..=at_most).filter(|divisor| n % divisor == 0).max();
                assert_eq!(largest_divisor(n, at_most), tried, "{n} {at_most}");
            }
        }
        // 4,294,967,291 is the largest prime below 2^32.
        assert_eq!(largest_divisor(4_294_967_291, 4_294_967_290), Some(1));
        assert_eq!(largest_divisor(0, 4), None);
        assert_eq!(largest_divisor(4, 0), None);
        assert_eq!(largest_divisor(1 << 33, 4), None);
    }

    #[test]
    fn powers_of_two() {
        let powers: Vec<Option<i64>> = (0..10).map(power_of_two).collect();
        let expected = [0, 1, 2, 2, 4, 4, 4, 4, 8, 8];
        for (n, (found, expected)) in powers.iter().zip(expected).enumerate() {
            assert_eq!(found.unwrap_or(0), expected, "{n}");
        }
        assert_eq!(power_of_two(i64::MAX), Some(1 << 62));
        assert_eq!(power_of_two(-4), None);
    }
}
