//! Whether places of outside tensors fit together.
//!
//! Problem: at a node of the search every outside tensor has places that it could have had so far, each with bits and a cost,
//! or comes later and costs at least so much. Taken one by one the cheapest of each would fit; together they may not, and
//! a bound that knows it leaves few nodes: some thousands where there were millions.

use smallvec::SmallVec;

/// What an outside tensor costs at a place of a block.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// Loops above it.
    pub depth: usize,
    pub bits: u64,
    pub cost: u64,
}

pub type Choices = SmallVec<[Choice; 3]>;

/// Whether choices of all tensors, one each or later, cost less than `budget` together and stand in `left` bits.
pub fn fits(later: &[u64], choices: &[Choices], left: u64, budget: u64) -> bool {
    // What the rest costs at least.
    let mut rest: SmallVec<[u64; 9]> = SmallVec::from_elem(0, later.len() + 1);
    for at in (0..later.len()).rev() {
        let here = choices[at].iter().filter(|choice| choice.bits <= left);
        let least = here.map(|choice| choice.cost).min().unwrap_or(u64::MAX);
        rest[at] = rest[at + 1].saturating_add(least.min(later[at]));
    }
    fitting(later, choices, &rest, left, budget)
}

fn fitting(later: &[u64], choices: &[Choices], rest: &[u64], left: u64, budget: u64) -> bool {
    if rest[0] >= budget {
        return false;
    }
    let (Some((&first, later)), Some((own, choices))) =
        (later.split_first(), choices.split_first())
    else {
        return true;
    };
    if first < budget && fitting(later, choices, &rest[1..], left, budget - first) {
        return true;
    }
    own.iter().any(|choice| {
        choice.cost < first
            && choice.cost < budget
            && choice.bits <= left
            && fitting(
                later,
                choices,
                &rest[1..],
                left - choice.bits,
                budget - choice.cost,
            )
    })
}
