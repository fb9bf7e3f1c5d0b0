//! What a step moves, in bits.

use super::{History, clock, is_result};
use crate::ir::{Fate, FusedGroup};

/// What step `i` does, as the clock sees it; `wants`: by stage and access, elements touched.
pub(super) fn clocked(
    group: &FusedGroup,
    memories: usize,
    tensors: &[History],
    wants: &[Vec<u64>],
    times: Vec<u64>,
    i: usize,
) -> clock::Step {
    let mut step = clock::Step {
        down: vec![0; memories],
        up: vec![0; memories],
        again: vec![0; memories],
        ..clock::Step::default()
    };
    let places = group.tensors.iter().enumerate();
    for (t, tensor) in places.filter(|(_, tensor)| tensor.memory < memories) {
        let (down, up) = moved(group, t, &tensors[t], i);
        step.down[tensor.memory] += down;
        step.up[tensor.memory] += up;
        if is_result(group, t) {
            let seen = |&x: &usize| tensors[t].required[i][x] && tensors[t].seen(i, x);
            let again = (0..tensors[t].required[i].len()).filter(seen).count();
            step.again[tensor.memory] += again as u128 * u128::from(tensor.partial_bits);
        }
    }
    for (s, (stage, time)) in group.stages.iter().zip(times).enumerate() {
        let mut bits = vec![[0u128; 2]; memories];
        for (at, access) in stage.accesses.iter().enumerate() {
            let tensor = &group.tensors[access.tensor];
            let result = at + 1 == stage.accesses.len();
            let incomplete = |x| {
                let history = &tensors[access.tensor];
                history.required[i][x] && history.wanted_after(i, x)
            };
            let all = 0..tensors[access.tensor].required[i].len();
            let width = if s == group.head() && result && all.clone().any(incomplete) {
                tensor.partial_bits
            } else {
                tensor.bits
            };
            if tensor.memory < memories {
                bits[tensor.memory][usize::from(result)] +=
                    u128::from(wants[s][at]) * u128::from(width);
            }
        }
        step.stages.push((time, bits));
    }
    step
}

/// Bits that step `i` moves from and to the backing store. A sum that is not complete is `partial_bits` wide.
pub(super) fn moved(group: &FusedGroup, t: usize, history: &History, i: usize) -> (u128, u128) {
    let tensor = &group.tensors[t];
    let count = |wanted: &dyn Fn(usize) -> bool| {
        (0..history.required[i].len())
            .filter(|&x| wanted(x))
            .count() as u128
    };
    let (bits, partial) = (u128::from(tensor.bits), u128::from(tensor.partial_bits));
    let required = |x: usize| history.required[i][x];
    if is_result(group, t) {
        let back = |x| required(x) && !history.reused[i][x] && history.seen(i, x);
        let out = |x| required(x) && !history.will_be_reused(i, x);
        let complete = |x| out(x) && !history.wanted_after(i, x);
        let sums = |x| out(x) && history.wanted_after(i, x);
        let up = count(&complete) * bits + count(&sums) * partial;
        (count(&back) * partial, up)
    } else if tensor.producer.is_some() {
        let made_before = |x: usize| history.computed[..i].iter().any(|computed| computed[x]);
        let written = tensor.fate == Fate::Refetch || tensor.escapes;
        let out = |x| written && history.computed[i][x] && !made_before(x);
        let back = |x: usize| history.refetched[i][x];
        (count(&back) * bits, count(&out) * bits)
    } else {
        (count(&|x| required(x) && !history.reused[i][x]) * bits, 0)
    }
}
