//! What the groups without loops contribute, which is the same in every step.
//!
//! A layer has groups of one point (`N: 1`), and in most schedules some groups lie whole in the leaf tile.
//! They have one place, so their product is made once per choice of such groups.

use super::crossing::StepSizes;
use super::flows::Flows;
use super::issues;
use super::lanes::{self, Sum};
use super::plan::Plan;
use std::rc::Rc;

/// The product of the groups that have no loops.
pub(super) struct Still {
    /// Per slot of all sites.
    pub sizes: Vec<StepSizes>,
    pub sums: Vec<Sum>,
    /// The columns of all sites.
    pub row: Vec<u64>,
    /// Points of the groups.
    pub points: u64,
}

impl Still {
    /// `groups`: their numbers, as a set.
    pub fn new(flows: &Flows, plans: &[Rc<Plan>], groups: u64) -> Still {
        let chosen = || {
            let plans = plans.iter().enumerate();
            plans
                .filter(move |(g, _)| groups >> g & 1 == 1)
                .map(|(_, plan)| plan)
        };
        let mut still = Still {
            sizes: Vec::with_capacity(flows.slots),
            sums: Vec::with_capacity(flows.slots),
            row: Vec::new(),
            points: chosen().map(|plan| plan.points).product(),
        };
        for (number, site) in flows.sites.iter().enumerate() {
            for slot in &site.slots {
                let mut product = StepSizes::whole(1);
                for plan in chosen() {
                    product = product.times(&if site.lanes {
                        issues::whole(plan, slot.tensor, slot.is_result)
                    } else {
                        StepSizes::whole(plan.unique[slot.tensor])
                    });
                }
                let mut sum = Sum::default();
                sum.add(&product, 1, 1);
                still.sums.push(sum);
                if flows.site_timers[number].width > 0 {
                    lanes::append(site, slot, flows.wide, &product, true, &mut still.row);
                }
                still.sizes.push(product);
            }
        }
        still
    }
}
