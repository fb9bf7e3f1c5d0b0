//! When the last stage of a pipeline finishes.
//!
//! Problem: `finish(s, t) = max(finish(s - 1, t), finish(s, t - 1)) + time(s, t)` over 12,544 steps of which nearly all
//! take the same time. One step maps the finishing times of the stages to new ones, linearly in the algebra of
//! (max, +): a triangular [`Matrix`]. Equal steps are a power of it with a closed form, steps of several loops a product.

/// `to = max over from of (finish[from] + entry)`: how long the longest way is from stage `from` to stage `to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Matrix {
    stages: usize,
    /// Row `to`, column `from`; `None` where `from > to`: no way.
    entries: Vec<Option<u64>>,
}

impl Matrix {
    /// No step at all.
    pub(super) fn identity(stages: usize) -> Matrix {
        Matrix::with(stages, |to, from| (from == to).then_some(0))
    }

    /// `count` steps whose stages take `times`. The longest way from stage `from` to stage `to` passes every stage
    /// between once and, in all other steps, stays at the slowest of them.
    pub(super) fn steps(times: &[u64], count: u64) -> Matrix {
        if count == 0 {
            return Matrix::identity(times.len());
        }
        let mut matrix = Matrix::with(times.len(), |_, _| None);
        for from in 0..times.len() {
            let (mut sum, mut slowest) = (0u64, 0u64);
            for (to, &time) in times.iter().enumerate().skip(from) {
                sum = sum.saturating_add(time);
                slowest = slowest.max(time);
                matrix.set(
                    to,
                    from,
                    sum.saturating_add((count - 1).saturating_mul(slowest)),
                );
            }
        }
        matrix
    }

    fn with(stages: usize, entry: impl Fn(usize, usize) -> Option<u64>) -> Matrix {
        let entries = (0..stages * stages)
            .map(|at| entry(at / stages.max(1), at % stages.max(1)))
            .collect();
        Matrix { stages, entries }
    }

    fn get(&self, to: usize, from: usize) -> Option<u64> {
        self.entries.get(to * self.stages + from).copied().flatten()
    }

    fn set(&mut self, to: usize, from: usize, value: u64) {
        if let Some(entry) = self.entries.get_mut(to * self.stages + from) {
            *entry = Some(value);
        }
    }

    /// First this, then `next`.
    pub(super) fn then(&self, next: &Matrix) -> Matrix {
        let mut product = Matrix::with(self.stages, |_, _| None);
        for to in 0..self.stages {
            for from in 0..=to {
                let longest = (from..=to)
                    .filter_map(|over| {
                        Some(self.get(over, from)?.saturating_add(next.get(to, over)?))
                    })
                    .max();
                if let Some(longest) = longest {
                    product.set(to, from, longest);
                }
            }
        }
        product
    }

    /// `count` times this.
    pub(super) fn power(&self, mut count: u64) -> Matrix {
        let mut base = self.clone();
        let mut result: Option<Matrix> = None;
        while count > 0 {
            if count & 1 == 1 {
                result = Some(match result {
                    Some(known) => known.then(&base),
                    None => base.clone(),
                });
            }
            count >>= 1;
            if count > 0 {
                base = base.then(&base);
            }
        }
        result.unwrap_or_else(|| Matrix::identity(self.stages))
    }

    /// When the last stage finishes if all start at 0.
    pub(super) fn finish(&self) -> u64 {
        let last = self.stages.saturating_sub(1);
        (0..self.stages)
            .filter_map(|from| self.get(last, from))
            .max()
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The recurrence as it is written.
    fn walk(steps: &[Vec<u64>]) -> u64 {
        let stages = steps.first().map_or(0, Vec::len);
        let mut finish = vec![0u64; stages];
        for step in steps {
            let mut before = 0;
            for (stage, &time) in step.iter().enumerate() {
                before = finish[stage].max(before) + time;
                finish[stage] = before;
            }
        }
        finish.last().copied().unwrap_or(0)
    }

    #[test]
    fn equals_the_recurrence() {
        let mut seed = 7u64;
        let mut next = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % below
        };
        for _ in 0..500 {
            let stages = 1 + next(4) as usize;
            let kinds: Vec<Vec<u64>> = (0..3)
                .map(|_| (0..stages).map(|_| next(9)).collect())
                .collect();
            let mut steps = Vec::new();
            let mut product = Matrix::identity(stages);
            for kind in &kinds {
                let count = next(6);
                steps.extend(std::iter::repeat_n(kind.clone(), count as usize));
                product = product.then(&Matrix::steps(kind, count));
            }
            let times = next(4);
            let all: Vec<Vec<u64>> = (0..times).flat_map(|_| steps.clone()).collect();
            assert_eq!(product.power(times).finish(), walk(&all));
        }
    }
}
