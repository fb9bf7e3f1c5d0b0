//! The instances of every level, numbered in the order of their places.
//!
//! An instance is its index in every spatial loop over the arrays above it. Their order, the outermost loop
//! first, decides who of several is given a sum.

use crate::ir::Mapping;

/// One spatial loop.
#[derive(Clone, Copy)]
pub(super) struct Spread {
    pub group: usize,
    pub array: usize,
    pub instances: usize,
}

pub(super) struct Places {
    /// In the order of the schedule.
    pub spreads: Vec<Spread>,
}

impl Places {
    fn digits_above(&self, below: usize) -> impl Iterator<Item = &Spread> {
        self.spreads.iter().filter(move |s| s.array < below)
    }

    /// Instances below `below` arrays.
    pub fn count(&self, below: usize) -> usize {
        self.digits_above(below).map(|s| s.instances).product()
    }

    /// The number of every instance below `below` arrays when only the loops that `keep` are looked at,
    /// and how many such numbers there are.
    pub fn project(&self, below: usize, keep: impl Fn(&Spread) -> bool) -> (usize, Vec<u32>) {
        let digits: Vec<(usize, bool)> = self
            .digits_above(below)
            .map(|s| (s.instances, keep(s)))
            .collect();
        let kept = digits.iter().filter(|d| d.1).map(|d| d.0).product();
        let all = self.count(below);
        let mut numbers = Vec::with_capacity(all);
        for instance in 0..all {
            let (mut rest, mut number, mut scale) = (instance, 0, 1);
            for &(instances, keeps) in digits.iter().rev() {
                if keeps {
                    number += rest % instances * scale;
                    scale *= instances;
                }
                rest /= instances;
            }
            numbers.push(number as u32);
        }
        (kept, numbers)
    }

    /// Per instance below `below` arrays its neighbours over the arrays `above..below` that forward, in the
    /// order in which they are asked.
    pub fn neighbours(&self, mapping: &Mapping, above: usize, below: usize) -> Vec<Vec<u32>> {
        let digits: Vec<&Spread> = self.digits_above(below).collect();
        let all = self.count(below);
        let mut scales = vec![1; digits.len()];
        for at in (1..digits.len()).rev() {
            scales[at - 1] = scales[at] * digits[at].instances;
        }
        let arrays = &mapping.architecture.arrays;
        (0..all)
            .map(|instance| {
                let mut near = Vec::new();
                for (spread, &scale) in digits.iter().zip(&scales) {
                    if spread.array < above || !arrays[spread.array].network.forwarding {
                        continue;
                    }
                    let index = instance / scale % spread.instances;
                    if index > 0 {
                        near.push((instance - scale) as u32);
                    }
                    if index + 1 < spread.instances {
                        near.push((instance + scale) as u32);
                    }
                }
                near
            })
            .collect()
    }
}
