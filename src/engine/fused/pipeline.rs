//! When the last stage of a pipeline finishes.
//!
//! Problem: `finish(s, t) = max(finish(s - 1, t), finish(s, t - 1)) + time(s, t)` over 12,544 steps of which nearly all
//! take the same time. Steps map the finishing times of the stages to new ones, linearly in the algebra of (max, +). What
//! some steps do to every stage's time is a [`Matrix`]; equal steps have a closed form, repeated ones a power.

/// Finishing times of all stages, in one or several columns. Column `c` of what starts as [`Matrix::identity`] says how
/// long it takes each stage if only stage `c` was busy before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Matrix {
    stages: usize,
    /// Column after column; `None`: never, no way leads there.
    entries: Vec<Option<u64>>,
}

impl Matrix {
    /// One column: all stages are free at 0.
    pub(super) fn start(stages: usize) -> Matrix {
        Matrix {
            stages,
            entries: vec![Some(0); stages],
        }
    }

    /// No step at all.
    pub(super) fn identity(stages: usize) -> Matrix {
        let entries = (0..stages * stages)
            .map(|at| (at / stages == at % stages).then_some(0))
            .collect();
        Matrix { stages, entries }
    }

    fn columns(&mut self) -> impl Iterator<Item = &mut [Option<u64>]> {
        self.entries.chunks_mut(self.stages.max(1))
    }

    /// `count` more steps whose stages take `times`.
    pub(super) fn steps(&mut self, times: &[u64], count: u64) {
        if count <= 2 {
            for _ in 0..count {
                self.columns().for_each(|column| step(column, times));
            }
        } else {
            self.columns()
                .for_each(|column| equal_steps(column, times, count));
        }
    }

    /// Then what `next`, which began as the identity, stands for.
    pub(super) fn then(&mut self, next: &Matrix) {
        let stages = self.stages;
        for column in self.columns() {
            let mut after = vec![None; stages];
            for (&before, ways) in column.iter().zip(next.entries.chunks(stages.max(1))) {
                let Some(before) = before else { continue };
                for (known, way) in after.iter_mut().zip(ways) {
                    let longest = way.map(|way| way.saturating_add(before));
                    *known = (*known).max(longest);
                }
            }
            column.copy_from_slice(&after);
        }
    }

    /// `count` times this, which began as the identity.
    pub(super) fn power(&self, mut count: u64) -> Matrix {
        let mut base = self.clone();
        let mut result: Option<Matrix> = None;
        while count > 0 {
            if count & 1 == 1 {
                match &mut result {
                    Some(known) => known.then(&base),
                    None => result = Some(base.clone()),
                }
            }
            count >>= 1;
            if count > 0 {
                let square = base.clone();
                base.then(&square);
            }
        }
        result.unwrap_or_else(|| Matrix::identity(self.stages))
    }

    /// When the last stage finishes.
    pub(super) fn finish(&self) -> u64 {
        self.entries
            .chunks(self.stages.max(1))
            .filter_map(|column| column.last().copied().flatten())
            .max()
            .unwrap_or(0)
    }
}

/// The recurrence itself.
fn step(column: &mut [Option<u64>], times: &[u64]) {
    let mut before = None;
    for (finish, &time) in column.iter_mut().zip(times) {
        *finish = (*finish)
            .max(before)
            .map(|ready| ready.saturating_add(time));
        before = *finish;
    }
}

/// The longest way from stage `from` to stage `to` through `count` equal steps passes every stage between once and, in
/// all other steps, stays at the slowest of them.
fn equal_steps(column: &mut [Option<u64>], times: &[u64], count: u64) {
    let mut after: Vec<Option<u64>> = vec![None; column.len()];
    for (from, &ready) in column.iter().enumerate() {
        let Some(ready) = ready else { continue };
        let (mut sum, mut slowest) = (0u64, 0u64);
        for (known, &time) in after.iter_mut().zip(times).skip(from) {
            sum = sum.saturating_add(time);
            slowest = slowest.max(time);
            let rest = (count - 1).saturating_mul(slowest);
            let finish = ready.saturating_add(sum).saturating_add(rest);
            *known = (*known).max(Some(finish));
        }
    }
    column.copy_from_slice(&after);
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
            let mut once = Matrix::identity(stages);
            let mut straight = Matrix::start(stages);
            for kind in &kinds {
                let count = next(6);
                steps.extend(std::iter::repeat_n(kind.clone(), count as usize));
                once.steps(kind, count);
                straight.steps(kind, count);
            }
            let times = next(4);
            let all: Vec<Vec<u64>> = (0..times).flat_map(|_| steps.clone()).collect();
            assert_eq!(straight.finish(), walk(&steps));
            let mut product = Matrix::start(stages);
            product.then(&once.power(times));
            assert_eq!(product.finish(), walk(&all));
        }
    }
}
