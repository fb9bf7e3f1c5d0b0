//! Why no execution method is admitted: the memory into which nothing fits, or the threshold that nothing reaches.

use super::{RF, SPM, Task};
use crate::base::num::grouped;
use crate::diag::Code;
use crate::hir::Accelerator;
use crate::models::dmazerunner::Machine;
use crate::search::dmazerunner::{Join, Limits, Share};

/// Where a threshold stands.
type Threshold = fn(&mut Limits) -> &mut Share;

/// The reason as a sentence without its end, and the code of a mistake that it is.
pub(super) fn words(task: &Task, limits: &Limits, accelerator: &Accelerator) -> (Code, String) {
    let one = task.of.footprints(&[1; 7]);
    let elements: u64 = one.iter().sum();
    let machine = &task.machine;
    let memory = |level: usize| {
        let mut memories = accelerator.memories.iter();
        let found = memories.find(|memory| memory.level == level);
        found.map_or("a memory", |memory| memory.name.as_str())
    };
    // Both halves of a double buffer.
    let small = |level: usize, has: u64, needs: u64| {
        let (has, needs) = (grouped((2 * has).into()), grouped((2 * needs).into()));
        let why = format!(
            "nothing fits into {} (it has {has} B): the smallest tiles need {needs} B, in both halves",
            memory(level)
        );
        (Code::E0501, why)
    };
    let bytes = elements * machine.element_bytes;
    if elements > machine.rf_elements {
        return small(RF, machine.rf_elements * machine.element_bytes, bytes);
    }
    let banks: u64 = one
        .iter()
        .map(|size| (size * machine.element_bytes).div_ceil(machine.bank_bytes))
        .sum();
    if banks > machine.spm_banks {
        return small(SPM, machine.spm_bytes(), banks * machine.bank_bytes);
    }
    let relaxed = |change: &dyn Fn(&mut Limits)| {
        let mut other = *limits;
        change(&mut other);
        (other != *limits && admits(task, machine, &other)).then_some(other)
    };
    let thresholds: [(&str, Threshold); 3] = [
        ("utilization", |limits| &mut limits.pe),
        (memory(RF), |limits| &mut limits.rf),
        (memory(SPM), |limits| &mut limits.spm),
    ];
    for (name, of) in thresholds {
        let Some(mut other) = relaxed(&|limits| *of(limits) = Share(0)) else {
            continue;
        };
        // The most that is reached, to a thousandth.
        let asked = of(&mut limits.clone()).0;
        let (mut reached, mut missed) = (0, asked);
        while missed - reached > 1 {
            let middle = reached.midpoint(missed);
            *of(&mut other) = Share(middle);
            if admits(task, machine, &other) {
                reached = middle;
            } else {
                missed = middle;
            }
        }
        let name = if name == "utilization" {
            name.to_owned()
        } else {
            format!("utilization({name})")
        };
        let share = |thousandths: u32| f64::from(thousandths) / 1000.0;
        let why = format!(
            "nothing reaches {name} >= {}: the most is {}",
            share(asked),
            share(reached)
        );
        return (Code::E0602, why);
    }
    if relaxed(&|limits| limits.no_feature_dram = false).is_some() {
        let why = "nothing fits with the whole filter in the SPM: leave out `filter: whole`";
        return (Code::E0602, why.to_owned());
    }
    if relaxed(&|limits| limits.no_spatial_reduction = false).is_some() {
        let why =
            "nothing is left without reductions over the array: leave out `reduction: in_time`";
        return (Code::E0602, why.to_owned());
    }
    let why = "the conditions exclude each other: each alone can be kept";
    (Code::E0602, why.to_owned())
}

fn admits(task: &Task, machine: &Machine, limits: &Limits) -> bool {
    Join::new(&task.of, machine, limits).is_ok_and(|join| join.count() > 0)
}
