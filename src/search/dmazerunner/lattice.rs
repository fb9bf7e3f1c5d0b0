//! Divisor vectors of the loop bounds, numbered, with the order "divides".

use crate::models::dmazerunner::{DIMS, Factors};

/// All vectors of divisors of the bounds.
#[derive(Clone, Debug)]
pub struct Lattice {
    /// Divisors of each bound, ascending.
    divisors: [Vec<u64>; DIMS],
    /// Step of the number of a vector per step in the list of each loop's divisors.
    steps: [usize; DIMS],
    /// Number of vectors.
    size: usize,
    /// Exponents of each divisor in fields of a few bits with a free bit above each.
    codes: [Vec<u128>; DIMS],
    /// The free bits.
    guard: u128,
    /// Per loop and prime factor of its bound: for each divisor, the place of the divisor over that prime.
    lower: [Vec<Vec<Option<usize>>>; DIMS],
    /// Per loop and divisor: places of the divisors of that divisor.
    below: [Vec<Vec<usize>>; DIMS],
}

/// More vectors than tables are made for: of some 40 bytes each, some of them once per thread.
pub const MOST: usize = 1 << 20;

impl Lattice {
    /// The divisor vectors of `bounds`; none if there are more than [`MOST`].
    #[must_use]
    pub fn new(bounds: &Factors) -> Option<Lattice> {
        let divisors = bounds.map(divisors);
        let mut steps = [0; DIMS];
        let mut size = 1_usize;
        for d in (0..DIMS).rev() {
            steps[d] = size;
            size = size.checked_mul(divisors[d].len()).filter(|n| *n <= MOST)?;
        }
        let mut shift = 0;
        let mut guard = 0;
        let mut codes: [Vec<u128>; DIMS] = Default::default();
        let mut lower: [Vec<Vec<Option<usize>>>; DIMS] = Default::default();
        for d in 0..DIMS {
            codes[d] = vec![0; divisors[d].len()];
            for (prime, most) in primes(bounds[d]) {
                let bits = 32 - most.leading_zeros();
                for (code, divisor) in codes[d].iter_mut().zip(&divisors[d]) {
                    *code |= u128::from(exponent(*divisor, prime)) << shift;
                }
                guard |= 1 << (shift + bits);
                shift += bits + 1;
                // Seven bounds whose product fits 63 bits have at most some thirty fields.
                assert!(shift < 128, "exponents fit 128 bits");
                let places = divisors[d]
                    .iter()
                    .map(|v| (v % prime == 0).then(|| place(&divisors[d], v / prime)))
                    .collect();
                lower[d].push(places);
            }
        }
        let below = std::array::from_fn(|d| {
            divisors[d]
                .iter()
                .map(|v| {
                    (0..divisors[d].len())
                        .filter(|i| v % divisors[d][*i] == 0)
                        .collect()
                })
                .collect()
        });
        Some(Lattice {
            divisors,
            steps,
            size,
            codes,
            guard,
            lower,
            below,
        })
    }

    /// Number of vectors.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Divisors of the bound of loop `d`, ascending.
    #[must_use]
    pub fn divisors(&self, d: usize) -> &[u64] {
        &self.divisors[d]
    }

    /// Places, in [`Lattice::divisors`] of loop `d`, of the divisors of the `i`-th of them.
    #[must_use]
    pub fn below(&self, d: usize, i: usize) -> &[usize] {
        &self.below[d][i]
    }

    /// Place of a divisor among the divisors of loop `d`.
    #[must_use]
    pub fn place_of(&self, d: usize, divisor: u64) -> usize {
        place(&self.divisors[d], divisor)
    }

    /// What the number of a vector grows by per step of loop `d`.
    #[must_use]
    pub fn step(&self, d: usize) -> usize {
        self.steps[d]
    }

    /// Exponents of the vector with this number.
    #[must_use]
    pub fn code(&self, index: usize) -> u128 {
        (0..DIMS).fold(0, |code, d| code | self.codes[d][self.place(index, d)])
    }

    /// Whether the vector of `code` divides the vector of `of`.
    #[must_use]
    pub fn divides(&self, code: u128, of: u128) -> bool {
        ((of | self.guard) - code) & self.guard == self.guard
    }

    /// The vector with this number.
    #[must_use]
    pub fn vector(&self, index: usize) -> Factors {
        std::array::from_fn(|d| self.divisors[d][self.place(index, d)])
    }

    /// Place of the vector's entry for loop `d` in that loop's divisors.
    #[must_use]
    pub fn place(&self, index: usize, d: usize) -> usize {
        index / self.steps[d] % self.divisors[d].len()
    }

    /// Replaces the value of every vector by the combination of the values of all vectors that divide it.
    pub fn over_divisors<T: Copy>(&self, values: &mut [T], combine: impl Fn(T, T) -> T) {
        for d in 0..DIMS {
            let (step, length) = (self.steps[d], self.divisors[d].len());
            for places in &self.lower[d] {
                // Divisors ascend, so the divisor over the prime stands before.
                for block in values.chunks_mut(step * length) {
                    for (i, from) in places.iter().enumerate() {
                        let Some(from) = from else { continue };
                        let (low, high) = block.split_at_mut(i * step);
                        let low = &low[from * step..(from + 1) * step];
                        for (value, other) in high[..step].iter_mut().zip(low) {
                            *value = combine(*value, *other);
                        }
                    }
                }
            }
        }
    }

    /// Replaces the value of every vector by the combination of the values of all vectors that it divides.
    pub fn over_multiples<T: Copy>(&self, values: &mut [T], combine: impl Fn(T, T) -> T) {
        for d in 0..DIMS {
            let (step, length) = (self.steps[d], self.divisors[d].len());
            for places in &self.lower[d] {
                for block in values.chunks_mut(step * length) {
                    for (i, to) in places.iter().enumerate().rev() {
                        let Some(to) = to else { continue };
                        let (low, high) = block.split_at_mut(i * step);
                        let low = &mut low[to * step..(to + 1) * step];
                        for (value, other) in low.iter_mut().zip(&high[..step]) {
                            *value = combine(*value, *other);
                        }
                    }
                }
            }
        }
    }

    /// Numbers of all vectors for which `keep` holds of every prefix, in ascending order: `keep` sees the vector
    /// with 1 for the loops that are still open, and must not come true again when an entry grows.
    pub fn select(&self, keep: &mut impl FnMut(&Factors) -> bool) -> Vec<usize> {
        let mut found = Vec::new();
        let mut vector = [1; DIMS];
        self.select_from(0, 0, &mut vector, keep, &mut found);
        found
    }

    fn select_from(
        &self,
        d: usize,
        index: usize,
        vector: &mut Factors,
        keep: &mut impl FnMut(&Factors) -> bool,
        found: &mut Vec<usize>,
    ) {
        if d == DIMS {
            found.push(index);
            return;
        }
        for i in 0..self.divisors[d].len() {
            vector[d] = self.divisors[d][i];
            if (i > 0 || d == 0) && !keep(vector) {
                break;
            }
            self.select_from(d + 1, index + i * self.steps[d], vector, keep, found);
        }
        vector[d] = 1;
    }
}

fn divisors(n: u64) -> Vec<u64> {
    let mut low: Vec<u64> = (1..)
        .take_while(|i| i * i <= n)
        .filter(|i| n.is_multiple_of(*i))
        .collect();
    let high: Vec<u64> = low
        .iter()
        .rev()
        .map(|i| n / i)
        .filter(|i| i * i != n)
        .collect();
    low.extend(high);
    low
}

fn place(divisors: &[u64], value: u64) -> usize {
    divisors.partition_point(|v| *v < value)
}

fn exponent(mut n: u64, prime: u64) -> u32 {
    let mut exponent = 0;
    while n.is_multiple_of(prime) {
        n /= prime;
        exponent += 1;
    }
    exponent
}

fn primes(mut n: u64) -> Vec<(u64, u32)> {
    let mut found = Vec::new();
    let mut prime = 2;
    while prime * prime <= n {
        let most = exponent(n, prime);
        if most > 0 {
            found.push((prime, most));
            n /= prime.pow(most);
        }
        prime += 1;
    }
    if n > 1 {
        found.push((n, 1));
    }
    found
}
