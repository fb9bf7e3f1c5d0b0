//! What holds of every evaluation (`semantics.md` 2.6, 6): energies are the sums of their parts, totals the sums
//! over layers and groups.

use super::model::{EnergyTermReport, Evaluation, Ordered};

/// Whether the sums of an evaluation are those of its parts.
#[must_use]
pub fn adds_up(evaluation: &Evaluation) -> bool {
    let (layers, groups) = (&evaluation.layers, &evaluation.groups);
    let totals = &evaluation.totals;
    let fused: usize = groups.iter().map(|group| group.layers.len()).sum();
    let of_layers = |of: fn(&super::LayerReport) -> u64| -> u128 {
        let all = layers.iter();
        all.map(|layer| u128::from(of(layer)) * u128::from(layer.repeat))
            .sum()
    };
    let of_groups = |of: fn(&super::GroupReport) -> u128| -> u128 {
        let all = groups.iter();
        all.map(|group| of(group).saturating_mul(u128::from(group.repeat)))
            .sum()
    };
    let parts = || {
        let layers = layers
            .iter()
            .map(|layer| (layer.energy_pj.as_ref(), &layer.energy_terms, layer.repeat));
        layers.chain(
            groups
                .iter()
                .map(|group| (group.energy_pj.as_ref(), &group.energy_terms, group.repeat)),
        )
    };
    totals.layers == layers.len() + fused
        && totals.macs == of_layers(|layer| layer.macs) + of_groups(|group| group.macs_unique)
        && totals.ops == of_layers(|layer| layer.ops) + of_groups(|group| group.ops_unique)
        && totals.cycles
            == of_layers(|layer| layer.cycles) + of_groups(|group| u128::from(group.cycles))
        && parts().all(|(energy, terms, _)| energy.is_none_or(|energy| is_sum(energy, terms)))
        && totals.energy_pj.as_ref().is_none_or(|all| {
            let of_parts = |key: &str| -> f64 {
                let each =
                    parts().filter_map(|(energy, _, times)| Some(energy?.get(key)? * times as f64));
                each.sum()
            };
            all.iter().all(|(key, pj)| close(*pj, of_parts(key)))
                && parts()
                    .flat_map(|(energy, ..)| energy)
                    .all(|energy| energy.iter().all(|(key, _)| all.get(key).is_some()))
        })
}

/// An energy is the sum of its components, and of its terms, each a count times a price.
fn is_sum(energy: &Ordered<f64>, terms: &[EnergyTermReport]) -> bool {
    let components = energy.iter().filter(|(key, _)| *key != "total");
    let total = energy.get("total").copied().unwrap_or(0.0);
    let units = |term: &EnergyTermReport| term.effective_count.unwrap_or(term.count as f64);
    close(total, components.map(|(_, pj)| *pj).sum())
        && close(total, terms.iter().map(|term| term.energy_pj).sum())
        && terms
            .iter()
            .all(|term| close(term.energy_pj, units(term) * term.price_pj))
}

/// Equal but for the order in which they were added up.
fn close(left: f64, right: f64) -> bool {
    (left - right).abs() <= 1e-9 * left.abs().max(right.abs())
}
