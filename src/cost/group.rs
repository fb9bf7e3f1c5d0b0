//! Energy of a fused group: what its stages do inside, and what the group moves between its memories.
//!
//! Problem: a stage is evaluated on many shapes of tiles, several stages read one tensor, and windows travel to
//! and from the backing store once for all of them. So a group is priced from a list of [`Action`]s that says
//! for each who moved what: equal components with equal prices become one term.
//!
//! Invariants: terms stand in the order operations, memories from the outside in (reads, then writes, by
//! tensor), hops, static, and are summed in that order; an action that occurs and has no price is an error.

use super::CostError;
use super::prices::{Per, Price, Prices};
use std::collections::BTreeMap;

/// Where a part of the energy of a group goes; stages and tensors are those of the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupComponent {
    Operations { stage: usize },
    Read { memory: usize, tensor: usize },
    Write { memory: usize, tensor: usize },
    Hops { tensor: usize },
    Static,
}

/// Something that happens `count` times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Action {
    pub component: GroupComponent,
    /// Operations, elements or cycles.
    pub count: u128,
    /// Of one element; 1 for operations and cycles.
    pub bits: u32,
    /// Fraction that is not skipped, in (0, 1].
    pub density: f64,
}

/// One summand.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupTerm {
    pub component: GroupComponent,
    /// In the unit of the price, zeros included.
    pub count: u128,
    /// The same without the zeros that are skipped.
    pub effective: f64,
    pub price: Price,
    /// `effective * price.pj`.
    pub pj: f64,
}

/// The energy of a group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GroupEnergy {
    pub terms: Vec<GroupTerm>,
    pub total_pj: f64,
    /// Of `total_pj`: reads and writes of the backing store.
    pub backing_pj: f64,
}

/// Prices what happened; `prices` are those of the stages, which share one architecture.
///
/// # Errors
/// Every action that occurs and has no price, each once.
pub fn group_energy(prices: &[Prices], actions: &[Action]) -> Result<GroupEnergy, Vec<CostError>> {
    let mut errors: Vec<CostError> = Vec::new();
    // The position in the list keeps sums in the order in which actions came.
    let mut terms: BTreeMap<GroupComponent, Vec<GroupTerm>> = BTreeMap::new();
    for action in actions.iter().filter(|action| action.count > 0) {
        let price = match price_of(prices, action.component) {
            Some(Ok(price)) => price,
            Some(Err(error)) => {
                if !errors.contains(error) {
                    errors.push(error.clone());
                }
                continue;
            }
            None => continue,
        };
        let count = match price.per {
            Per::Bit => action.count.saturating_mul(u128::from(action.bits)),
            Per::Operation | Per::Element | Per::Cycle => action.count,
        };
        let effective = count as f64 * action.density;
        let known = terms.entry(action.component).or_default();
        match known.iter_mut().find(|term| term.price == *price) {
            Some(term) => {
                term.count = term.count.saturating_add(count);
                term.effective += effective;
            }
            None => known.push(GroupTerm {
                component: action.component,
                count,
                effective,
                price: price.clone(),
                pj: 0.0,
            }),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut energy = GroupEnergy::default();
    let mut list: Vec<GroupTerm> = terms.into_values().flatten().collect();
    list.sort_by_key(|term| place(term.component));
    for mut term in list {
        term.pj = term.effective * term.price.pj;
        energy.total_pj += term.pj;
        if is_backing(term.component) {
            energy.backing_pj += term.pj;
        }
        energy.terms.push(term);
    }
    Ok(energy)
}

fn price_of(prices: &[Prices], component: GroupComponent) -> Option<&Result<Price, CostError>> {
    let any = prices.first()?;
    match component {
        GroupComponent::Operations { stage } => Some(&prices.get(stage)?.operation),
        GroupComponent::Read { memory, .. } => any.memories.get(memory).map(|pair| &pair[0]),
        GroupComponent::Write { memory, .. } => any.memories.get(memory).map(|pair| &pair[1]),
        GroupComponent::Hops { .. } => Some(&any.hop),
        GroupComponent::Static => any.static_power.as_ref(),
    }
}

/// Reads and writes of one memory stand together.
fn place(component: GroupComponent) -> (usize, usize, usize, usize) {
    match component {
        GroupComponent::Operations { stage } => (0, 0, 0, stage),
        GroupComponent::Read { memory, tensor } => (1, memory, 0, tensor),
        GroupComponent::Write { memory, tensor } => (1, memory, 1, tensor),
        GroupComponent::Hops { tensor } => (2, 0, 0, tensor),
        GroupComponent::Static => (3, 0, 0, 0),
    }
}

fn is_backing(component: GroupComponent) -> bool {
    matches!(
        component,
        GroupComponent::Read { memory: 0, .. } | GroupComponent::Write { memory: 0, .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::sample;

    fn prices() -> Prices {
        Prices::new(
            &sample::technology(),
            &sample::context(),
            &sample::mapping(),
        )
    }

    fn action(component: GroupComponent, count: u128) -> Action {
        Action {
            component,
            count,
            bits: 8,
            density: 1.0,
        }
    }

    #[test]
    fn equal_actions_are_one_term_and_the_backing_store_is_apart() {
        let read = GroupComponent::Read {
            memory: 0,
            tensor: 1,
        };
        let inner = GroupComponent::Write {
            memory: 1,
            tensor: 0,
        };
        let prices = [prices()];
        let energy = group_energy(
            &prices,
            &[action(inner, 3), action(read, 2), action(read, 5)],
        )
        .unwrap();
        let components: Vec<_> = energy.terms.iter().map(|term| term.component).collect();
        assert_eq!(components, [read, inner]);
        // Seven elements of eight bits, by hand.
        let bit = prices[0].memories[0][0].as_ref().unwrap();
        assert_eq!(bit.per, Per::Bit);
        assert!((energy.terms[0].pj - 7.0 * 8.0 * bit.pj).abs() < 1e-9);
        assert!((energy.backing_pj - energy.terms[0].pj).abs() < 1e-12);
        assert!((energy.total_pj - energy.terms[0].pj - energy.terms[1].pj).abs() < 1e-9);
    }

    #[test]
    fn what_has_no_price_is_an_error_once() {
        let mut prices = prices();
        prices.hop = Err(CostError::MissingClock);
        let hops = GroupComponent::Hops { tensor: 0 };
        let none = group_energy(&[prices.clone()], &[action(hops, 0)]);
        assert!(none.is_ok());
        let two = group_energy(&[prices], &[action(hops, 1), action(hops, 2)]);
        assert_eq!(two, Err(vec![CostError::MissingClock]));
    }
}
