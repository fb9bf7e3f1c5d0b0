//! The loops of one layer around the tensors that stream through it.
//!
//! Problem: the shared loops give the first of two products a box of 128 x 128 x 128, its result stands outside, and its
//! input and its weights are to come through little room. Kept is a column of the input, of `m` rows; the weights pass one
//! by one, once for each `128 / m` columns. Of two tensors one is the outer: some loops, it, more loops, the other. Their
//! order within each of the two lists does not matter, but that a window may slide along the last loop above it, so
//! each rank is in one list, in one of the two last places, or nowhere:
//!
//! * what indexes both is cut to 1 first: neither is loaded again, and both get smaller;
//! * what indexes the outer one alone is cut to any size: less of it stands there, and the inner one is loaded again;
//! * what indexes the inner one alone is cut to 1 behind the outer one;
//! * rows and kernel rows of an input with a halo are tried in all ways.
//!
//! Groups of ranks are joined one after the other; what is no better than another choice in any figure is dropped.

use super::block::{Design, Space, States};
use super::tables::Change;
use crate::ir::TileLoop;
use std::rc::Rc;

/// More room and less traffic from point to point.
pub type Front = Vec<Point>;

#[derive(Clone, Debug)]
pub struct Point {
    /// What stands in the layer's loops.
    pub bits: u64,
    pub cost: u64,
    pub design: Rc<Design>,
}

/// Where a rank is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    Nowhere,
    Outer(u64),
    /// The last loop above the outer tensor: its window slides.
    OuterSlide(u64),
    Inner(u64),
    InnerSlide(u64),
}

/// A way to cut the ranks of some groups.
#[derive(Clone, Debug)]
struct Way {
    cuts: Vec<(usize, Cut)>,
    slides: [bool; 2],
    /// Loaded, of the outer and the inner tensor, and their windows.
    loaded: [u64; 2],
    window: [u64; 2],
}

/// The best designs of a layer of which `open` is to be placed in its own loops: none, one or two tensors.
pub(super) fn front(space: &mut Space<'_>, layer: usize, open: &[usize], states: &States) -> Front {
    let mut points = match *open {
        [] => vec![Point {
            bits: 0,
            cost: 0,
            design: Rc::new(Design {
                loops: Vec::new(),
                places: Vec::new(),
                parts: Vec::new(),
                head: layer,
            }),
        }],
        [one] => ordered(space, layer, &[one], states),
        [one, other] => {
            let mut points = ordered(space, layer, &[one, other], states);
            points.extend(ordered(space, layer, &[other, one], states));
            points
        }
        // Of three, one stands outside in any case.
        _ => Vec::new(),
    };
    points.sort_by_key(|point| (point.bits, point.cost));
    let mut least = u64::MAX;
    points.retain(|point| {
        let better = point.cost < least;
        least = least.min(point.cost);
        better
    });
    points
}

/// The designs in which `tensors` stand in this order, the outer one first.
fn ordered(space: &mut Space<'_>, layer: usize, tensors: &[usize], states: &States) -> Vec<Point> {
    let mut ways = vec![Way {
        cuts: Vec::new(),
        slides: [false; 2],
        loaded: [1; 2],
        window: [1; 2],
    }];
    for group in 0..space.groups.count {
        let own = of_group(space, layer, tensors, states, group);
        let mut joined = Vec::with_capacity(ways.len() * own.len());
        for way in &ways {
            for own in &own {
                let twice = |at: usize| way.slides[at] && own.slides[at];
                if twice(0) || twice(1) {
                    continue;
                }
                let product = |a: [u64; 2], b: [u64; 2]| {
                    [a[0].saturating_mul(b[0]), a[1].saturating_mul(b[1])]
                };
                let cut = way.cuts.len() + own.cuts.len();
                if space.request.loops.is_some_and(|few| cut > few.own) {
                    continue;
                }
                joined.push(Way {
                    cuts: way.cuts.iter().chain(&own.cuts).copied().collect(),
                    slides: [way.slides[0] | own.slides[0], way.slides[1] | own.slides[1]],
                    loaded: product(way.loaded, own.loaded),
                    window: product(way.window, own.window),
                });
            }
        }
        ways = undominated(joined, space.request.loops.is_some());
    }
    ways.iter()
        .map(|way| point(space, layer, tensors, way))
        .collect()
}

fn point(space: &Space<'_>, layer: usize, tensors: &[usize], way: &Way) -> Point {
    let figure = |at: usize, elements: u64| {
        elements.saturating_mul(u64::from(space.groups.tensors[tensors[at]].bits))
    };
    let counted = 0..tensors.len();
    let cost = counted
        .clone()
        .map(|at| space.cost(tensors[at], way.loaded[at]));
    let bits = counted.map(|at| figure(at, way.window[at]));
    let mut loops = Vec::new();
    let mut places = Vec::new();
    let mut add = |wanted: fn(Cut) -> Option<u64>| {
        for &(rank, cut) in &way.cuts {
            if let Some(size) = wanted(cut) {
                loops.push(TileLoop { rank, size });
            }
        }
        loops.len()
    };
    add(|cut| match cut {
        Cut::Outer(size) => Some(size),
        _ => None,
    });
    let outer = add(|cut| match cut {
        Cut::OuterSlide(size) => Some(size),
        _ => None,
    });
    places.push((tensors[0], outer));
    if let Some(&inner) = tensors.get(1) {
        add(|cut| match cut {
            Cut::Inner(size) => Some(size),
            _ => None,
        });
        let depth = add(|cut| match cut {
            Cut::InnerSlide(size) => Some(size),
            _ => None,
        });
        places.push((inner, depth));
    }
    Point {
        bits: bits.fold(0, u64::saturating_add),
        cost: cost.fold(0, u64::saturating_add),
        design: Rc::new(Design {
            loops,
            places,
            parts: Vec::new(),
            head: layer,
        }),
    }
}

/// All ways to cut the ranks of one group.
fn of_group(
    space: &mut Space<'_>,
    layer: usize,
    tensors: &[usize],
    states: &States,
    group: usize,
) -> Vec<Way> {
    let known = &space.groups.layers[layer];
    let ranks: Vec<usize> = (0..known.extents.len())
        .filter(|&rank| known.group[rank] == group && known.extents[rank] > 1)
        .collect();
    let indexes = |tensor: usize, rank: usize| {
        let touch = known.touches.iter().find(|touch| touch.tensor == tensor);
        touch.is_some_and(|touch| {
            let mut terms = touch.dims.iter().flat_map(|dim| &dim.terms);
            terms.any(|&(known, _)| known == rank)
        })
    };
    // Two ranks in one index of a tensor: its windows overlap.
    let halo = ranks.len() > 1
        && tensors
            .iter()
            .any(|&tensor| ranks.iter().filter(|&&rank| indexes(tensor, rank)).count() > 1);
    let by: Vec<[bool; 2]> = ranks
        .iter()
        .map(|&rank| {
            let inner = tensors.get(1).is_some_and(|&tensor| indexes(tensor, rank));
            [indexes(tensors[0], rank), inner]
        })
        .collect();
    let halo = halo || space.request.loops.is_some();
    let mut all: Vec<Vec<(usize, Cut)>> = vec![Vec::new()];
    for (&rank, by) in ranks.iter().zip(by) {
        let sizes = space.sizes(states, layer, rank);
        let any = |form: fn(u64) -> Cut| sizes.iter().map(move |&size| form(size));
        let mut cuts = vec![Cut::Nowhere];
        match (by, halo) {
            ([true, true], false) => cuts = vec![Cut::Outer(1)],
            ([true, false], false) if tensors.len() == 1 => cuts = vec![Cut::Outer(1)],
            ([true, false], false) => cuts.extend(any(Cut::Outer)),
            ([false, true], false) => cuts = vec![Cut::Inner(1)],
            ([false, false], _) => {}
            // In all ways.
            ([outer, inner], true) => {
                if outer {
                    cuts.extend(any(Cut::Outer));
                    cuts.extend(any(Cut::OuterSlide));
                }
                if inner {
                    cuts.extend(any(Cut::Inner));
                    cuts.extend(any(Cut::InnerSlide));
                }
            }
        }
        let mut lists: Vec<Vec<Cut>> = cuts.iter().map(|&cut| vec![cut]).collect();
        if space.request.loops.is_some_and(|few| few.again) {
            let pairs = cuts
                .iter()
                .flat_map(|&one| cuts.iter().map(move |&two| vec![one, two]));
            lists.extend(pairs);
        }
        let cuts = |list: &[Cut]| {
            let cuts = list.iter().filter(|&&cut| cut != Cut::Nowhere);
            cuts.map(|&cut| (rank, cut)).collect::<Vec<_>>()
        };
        all = all
            .iter()
            .flat_map(|way| {
                lists.iter().map(move |list| {
                    let mut way = way.clone();
                    way.extend(cuts(list));
                    way
                })
            })
            .collect();
    }
    let ways = all.into_iter().filter_map(|cuts| {
        let count = |wanted: fn(&Cut) -> bool| cuts.iter().filter(|(_, cut)| wanted(cut)).count();
        let slides = [
            count(|cut| matches!(cut, Cut::OuterSlide(_))),
            count(|cut| matches!(cut, Cut::InnerSlide(_))),
        ];
        (slides[0] < 2 && slides[1] < 2)
            .then(|| figures(space, layer, tensors, (states, group), cuts))
            .flatten()
    });
    let ways = ways.collect();
    undominated(ways, space.request.loops.is_some())
}

/// What the tensors cost along a group that is cut so.
fn figures(
    space: &mut Space<'_>,
    layer: usize,
    tensors: &[usize],
    (states, group): (&States, usize),
    cuts: Vec<(usize, Cut)>,
) -> Option<Way> {
    let mut state = states[group];
    let mut way = Way {
        cuts: Vec::new(),
        slides: [false; 2],
        loaded: [1; 2],
        window: [1; 2],
    };
    let mut cut = |space: &mut Space<'_>, wanted: fn(Cut) -> Option<u64>| {
        let mut slid = false;
        for &(rank, cut) in &cuts {
            if let Some(size) = wanted(cut) {
                let change = Change::Loop {
                    first: layer,
                    head: layer,
                    rank,
                    size: size.max(1),
                };
                state = space.tables[group].change(space.groups, state, change)?;
                slid = true;
            }
        }
        Some((state, slid))
    };
    let (loaded, _) = cut(space, |cut| match cut {
        Cut::Outer(size) => Some(size),
        _ => None,
    })?;
    let (there, slid) = cut(space, |cut| match cut {
        Cut::OuterSlide(size) => Some(size),
        _ => None,
    })?;
    way.slides[0] = slid;
    way.loaded[0] = space.tables[group].figures(loaded, tensors[0]).0;
    way.window[0] = space.tables[group].figures(there, tensors[0]).1;
    if let Some(&inner) = tensors.get(1) {
        let (loaded, _) = cut(space, |cut| match cut {
            Cut::Inner(size) => Some(size),
            _ => None,
        })?;
        let (there, slid) = cut(space, |cut| match cut {
            Cut::InnerSlide(size) => Some(size),
            _ => None,
        })?;
        way.slides[1] = slid;
        way.loaded[1] = space.tables[group].figures(loaded, inner).0;
        way.window[1] = space.tables[group].figures(there, inner).1;
    }
    way.cuts = cuts;
    Some(way)
}

/// Without those that are no better than another in any figure.
fn undominated(mut ways: Vec<Way>, by_loops: bool) -> Vec<Way> {
    let figures = |way: &Way| (way.window, way.loaded, way.slides, way.cuts.len());
    ways.sort_by_key(figures);
    let mut kept: Vec<Way> = Vec::new();
    for way in ways {
        let no_better = |other: &Way| {
            (0..2).all(|at| {
                other.window[at] <= way.window[at]
                    && other.loaded[at] <= way.loaded[at]
                    && other.slides[at] <= way.slides[at]
            }) && !(by_loops && other.cuts.len() > way.cuts.len())
        };
        if !kept.iter().any(no_better) {
            kept.push(way);
        }
    }
    kept
}
