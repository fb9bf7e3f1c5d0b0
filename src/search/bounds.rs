//! All bounds that stand for one candidate.

use crate::search::class::{Class, Patterns, Room, Sums, value};
use crate::search::goal::Goal;
use crate::search::join::Leaf;
use crate::search::prepare::Prepared;
use crate::search::problem::Figures;
use crate::search::space;
use smallvec::SmallVec;

/// Bounds of one combination.
pub fn leaf_figures(
    prepared: &Prepared,
    room: &Room,
    class: &Class,
    sums: &Sums,
    leaf: &Leaf,
) -> Figures {
    let memories = prepared.problem.architecture.memories.len();
    let mut figures = Figures {
        traffic: vec![0.0; memories],
        capacity: vec![0.0; memories],
        ..Figures::default()
    };
    let factors: SmallVec<[f64; 32]> = sums
        .terms
        .iter()
        .map(|term| {
            term.columns
                .iter()
                .enumerate()
                .fold(1.0, |product, (g, &column)| {
                    let pattern = &room.tables.groups[g].patterns[class.patterns[g] as usize];
                    product * pattern.rows[leaf.rows[g] as usize].factors[column as usize]
                })
        })
        .collect();
    let values: Vec<f64> = sums
        .forms
        .iter()
        .map(|form| value(form, &factors))
        .collect();
    room.model.figures(&values, &mut figures, &mut Vec::new());
    figures
}

/// What no schedule at all is below: every element is read once, every PE works all the time.
pub fn least(prepared: &Prepared, goal: &Goal) -> f64 {
    let memories = prepared.problem.architecture.memories.len();
    let mut least = f64::INFINITY;
    for room in &prepared.rooms {
        let mut figures = Figures {
            traffic: vec![0.0; memories],
            capacity: vec![0.0; memories],
            ..Figures::default()
        };
        let values = &room.model.least;
        room.model.figures(values, &mut figures, &mut Vec::new());
        least = least.min(goal.key(&figures));
    }
    least
}

/// The bound of one candidate by itself; `None` if it is none of the space.
#[must_use]
pub fn bound_of(prepared: &Prepared, candidate: &space::Candidate) -> Option<Figures> {
    bounds_of(prepared, candidate)?.into_iter().next()
}

/// The bounds that stand for one candidate: its own, its class's, and those of all beginnings; `None` if it is none
/// of the space.
#[must_use]
pub fn bounds_of(prepared: &Prepared, candidate: &space::Candidate) -> Option<Vec<Figures>> {
    let room = prepared.rooms.get(candidate.skeleton)?;
    let (mut patterns, mut rows) = (Patterns::new(), SmallVec::<[u32; 8]>::new());
    for group in &room.tables.groups {
        let local = |rank: usize| group.ranks.iter().position(|&r| r == rank);
        let own: Vec<(usize, usize)> = (candidate.orders.iter().enumerate())
            .flat_map(|(block, order)| {
                order
                    .iter()
                    .filter_map(move |&rank| Some((block, local(rank)?)))
            })
            .collect();
        let p = group
            .patterns
            .iter()
            .position(|pattern| pattern.own == own)?;
        let wanted: Vec<&Vec<u64>> = group
            .ranks
            .iter()
            .map(|&rank| &candidate.extents[rank])
            .collect();
        let row = group.patterns[p]
            .rows
            .iter()
            .position(|row| row.extents.iter().collect::<Vec<_>>() == wanted)?;
        patterns.push(p as u32);
        rows.push(row as u32);
    }
    let mut next = vec![0; room.groups()];
    let mut loops = Vec::new();
    for (block, order) in candidate.orders.iter().enumerate() {
        for &rank in order {
            let g = room
                .tables
                .groups
                .iter()
                .position(|group| group.ranks.contains(&rank))?;
            loops.push((block, g, next[g]));
            next[g] += 1;
        }
    }
    let class = Class {
        skeleton: candidate.skeleton,
        patterns,
        loops,
    };
    let sums = room.sums(&prepared.problem.operation, &class);
    let mut bounds = vec![leaf_figures(
        prepared,
        room,
        &class,
        &sums,
        &Leaf { key: 0.0, rows },
    )];
    let mut scratch = Vec::new();
    let mut figures = bounds[0].clone();
    room.class_bound(&class, &sums, &mut figures, &mut scratch);
    bounds.push(figures.clone());
    for known in 0..=class.patterns.len() {
        room.open_bound(&class.patterns[..known], &mut figures, &mut scratch);
        bounds.push(figures.clone());
    }
    Some(bounds)
}
