//! What a sweep says: the best and the worst design per aim, or the front, and how many designs it is about.
//!
//! Invariant: parts are added up to the same sum in any order. Ties are broken by the area and then by the number of the
//! design, which no two designs share.

use super::cloud::{Cloud, Plane};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// A figure of a design.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Figure {
    /// pJ
    Energy,
    Cycles,
    /// pJ x cycles
    Edp,
    /// pJ^2 x cycles
    E2dp,
    /// pJ x cycles^2
    Ed2p,
    /// um2
    Area,
    /// mW
    Power,
    /// Bytes of all memories on the chip.
    Buffer,
}

/// Figures of a design.
pub const FIGURES: usize = 8;

/// A design that runs all layers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Design {
    /// In its sweep.
    pub number: u64,
    /// By [`Figure`]; not a number where a figure is not known.
    pub figures: [f64; FIGURES],
}

impl Design {
    /// The value of a figure.
    #[inline]
    #[must_use]
    pub fn get(&self, figure: Figure) -> f64 {
        self.figures
            .get(figure as usize)
            .copied()
            .unwrap_or(f64::NAN)
    }

    /// Smaller area, then smaller number.
    fn tie(&self, other: &Design) -> Ordering {
        let area = |design: &Design| design.get(Figure::Area);
        area(self)
            .total_cmp(&area(other))
            .then(self.number.cmp(&other.number))
    }
}

/// What is minimised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aim {
    /// One, or those of a Pareto front.
    pub figures: Vec<Figure>,
}

/// What is asked of a sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    pub aims: Vec<Aim>,
    /// What a design must keep.
    pub most: Vec<(Figure, f64)>,
    /// What a design must reach to be among those of which the worst is looked for; `None`: nobody asks for the worst.
    pub least: Option<Vec<(Figure, f64)>>,
    /// Designs that have an answer of their own, beside that of all.
    pub classes: Option<Classes>,
    /// Pictures of where the designs that keep the bounds lie.
    pub planes: Vec<Plane>,
}

/// Designs by their place on one axis of the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Classes {
    /// Points that follow each other with the same place.
    pub stride: u64,
    /// Places.
    pub length: usize,
}

impl Question {
    /// The class of a design.
    fn class(&self, design: &Design) -> Option<usize> {
        let classes = self.classes?;
        let place = design.number / classes.stride.max(1) % (classes.length.max(1) as u64);
        usize::try_from(place).ok()
    }
}

/// How many designs became what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// All figures were computed, or it was found that a layer does not run.
    pub evaluated: u64,
    /// Of these: a layer does not run.
    pub unfit: u64,
    /// Of these: over the budget.
    pub over: u64,
    /// Not evaluated: their area, which needs no evaluation, is over the budget.
    pub pruned_by_area: u64,
    /// Not evaluated: their area is within, their power, which needs no evaluation either, is over the budget.
    pub pruned_by_power: u64,
}

impl Counts {
    fn add(&mut self, other: &Counts) {
        self.evaluated += other.evaluated;
        self.unfit += other.unfit;
        self.over += other.over;
        self.pruned_by_area += other.pruned_by_area;
        self.pruned_by_power += other.pruned_by_power;
    }

    /// Designs that a proof left out.
    #[must_use]
    pub fn pruned(&self) -> u64 {
        self.pruned_by_area + self.pruned_by_power
    }
}

/// The answer to one aim.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// With one figure.
    pub best: Option<Design>,
    /// With one figure.
    pub worst: Option<Design>,
    /// With several: no design of the sweep is as good in all of them and better in one. By the first figure, ascending;
    /// of equal designs one.
    pub front: Vec<Design>,
    /// With one figure: the best of every class; empty without classes.
    pub each: Vec<Option<Design>>,
    /// The design of the front that covered the last one: it covers most of those that follow.
    shield: Option<Design>,
}

impl Answer {
    /// What a journal has of an answer.
    #[must_use]
    pub fn of(
        best: Option<Design>,
        worst: Option<Design>,
        front: Vec<Design>,
        each: Vec<Option<Design>>,
    ) -> Answer {
        Answer {
            best,
            worst,
            front,
            each,
            shield: None,
        }
    }

    /// Adds a design to a front.
    #[inline]
    fn enter(&mut self, figures: &[Figure], design: Design) {
        let below = |shield: &Design| {
            let mut better = false;
            for &figure in figures {
                let (cover, own) = (shield.get(figure), design.get(figure));
                better |= cover < own;
                if cover > own || own.is_nan() {
                    return false;
                }
            }
            better
        };
        if !self.shield.as_ref().is_some_and(below) {
            self.shield = enter(&mut self.front, figures, design);
        }
    }
}

/// What some designs of a sweep come to.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    pub counts: Counts,
    /// One per aim.
    pub answers: Vec<Answer>,
    /// One per plane.
    pub clouds: Vec<Cloud>,
}

impl Part {
    /// Of no designs.
    #[must_use]
    pub fn empty(question: &Question) -> Part {
        Part {
            counts: Counts::default(),
            answers: question
                .aims
                .iter()
                .map(|aim| Answer {
                    each: match (&question.classes, aim.figures.as_slice()) {
                        (Some(classes), [_]) => vec![None; classes.length],
                        _ => Vec::new(),
                    },
                    ..Answer::default()
                })
                .collect(),
            clouds: vec![Cloud::default(); question.planes.len()],
        }
    }

    /// Adds a design that runs all layers.
    pub fn design(&mut self, question: &Question, design: Design) {
        self.counts.evaluated += 1;
        let keeps = |bound: &(Figure, f64)| design.get(bound.0) <= bound.1;
        if !question.most.iter().all(keeps) {
            self.counts.over += 1;
            return;
        }
        let reaches = |bound: &(Figure, f64)| design.get(bound.0) >= bound.1;
        let least = question.least.as_ref();
        let among = least.is_some_and(|least| least.iter().all(reaches));
        let class = question.class(&design);
        for (cloud, plane) in self.clouds.iter_mut().zip(&question.planes) {
            cloud.add(plane, &design);
        }
        for (answer, aim) in self.answers.iter_mut().zip(&question.aims) {
            match aim.figures.as_slice() {
                &[figure] => {
                    better(&mut answer.best, figure, design);
                    if among {
                        worse(&mut answer.worst, figure, design);
                    }
                    if let Some(own) = class.and_then(|class| answer.each.get_mut(class)) {
                        better(own, figure, design);
                    }
                }
                figures => answer.enter(figures, design),
            }
        }
    }

    /// Adds designs on which a layer does not run.
    pub fn unfit(&mut self, designs: u64) {
        self.counts.evaluated += designs;
        self.counts.unfit += designs;
    }

    /// Adds another part of the same sweep.
    pub fn add(&mut self, question: &Question, other: &Part) {
        self.counts.add(&other.counts);
        for (cloud, other) in self.clouds.iter_mut().zip(&other.clouds) {
            cloud.join(other);
        }
        let both = self.answers.iter_mut().zip(&other.answers);
        for ((answer, other), aim) in both.zip(&question.aims) {
            match aim.figures.as_slice() {
                &[figure] => {
                    if let Some(design) = other.best {
                        better(&mut answer.best, figure, design);
                    }
                    if let Some(design) = other.worst {
                        worse(&mut answer.worst, figure, design);
                    }
                    for (own, other) in answer.each.iter_mut().zip(&other.each) {
                        if let Some(design) = *other {
                            better(own, figure, design);
                        }
                    }
                }
                figures => {
                    for &design in &other.front {
                        answer.enter(figures, design);
                    }
                }
            }
        }
    }
}

fn better(best: &mut Option<Design>, figure: Figure, design: Design) {
    let value = design.get(figure);
    let replaces = best.as_ref().is_none_or(|best| {
        let order = value.total_cmp(&best.get(figure));
        order.then_with(|| design.tie(best)) == Ordering::Less
    });
    if replaces && value.is_finite() {
        *best = Some(design);
    }
}

fn worse(worst: &mut Option<Design>, figure: Figure, design: Design) {
    let value = design.get(figure);
    let replaces = worst.as_ref().is_none_or(|worst| {
        let order = worst.get(figure).total_cmp(&value);
        order.then_with(|| design.tie(worst)) == Ordering::Less
    });
    if replaces && value.is_finite() {
        *worst = Some(design);
    }
}

/// Whether the first is nowhere worse than the second; of equal ones, whether it comes first.
fn covers(figures: &[Figure], first: &Design, second: &Design) -> bool {
    let mut equal = true;
    for &figure in figures {
        match first.get(figure).total_cmp(&second.get(figure)) {
            Ordering::Greater => return false,
            Ordering::Less => equal = false,
            Ordering::Equal => {}
        }
    }
    !equal || first.tie(second) != Ordering::Greater
}

/// Adds a design to a front; the design that covers it if it has no place there.
fn enter(front: &mut Vec<Design>, figures: &[Figure], design: Design) -> Option<Design> {
    let unknown = figures
        .iter()
        .any(|&figure| !design.get(figure).is_finite());
    if unknown {
        return None;
    }
    // Those with a larger first figure cannot cover it.
    let first = |known: &Design| figures.first().map_or(0.0, |&figure| known.get(figure));
    let end = front.partition_point(|known| first(known).total_cmp(&first(&design)).is_le());
    let covered = |known: &&Design| covers(figures, known, &design);
    let some = front.get(..end).unwrap_or_default();
    if let Some(&cover) = some.iter().rev().find(covered) {
        return Some(cover);
    }
    let begin = front.partition_point(|known| first(known).total_cmp(&first(&design)).is_lt());
    let mut at = 0;
    front.retain(|known| {
        at += 1;
        at <= begin || !covers(figures, &design, known)
    });
    let order = |known: &Design| {
        let mut order = Ordering::Equal;
        for &figure in figures {
            order = order.then(known.get(figure).total_cmp(&design.get(figure)));
        }
        order.then_with(|| known.tie(&design))
    };
    let place = front.partition_point(|known| order(known) == Ordering::Less);
    front.insert(place, design);
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question() -> Question {
        let one = |figure| Aim {
            figures: vec![figure],
        };
        Question {
            aims: vec![
                one(Figure::Energy),
                Aim {
                    figures: vec![Figure::Energy, Figure::Cycles],
                },
                Aim {
                    figures: vec![Figure::Cycles, Figure::Area, Figure::Energy],
                },
            ],
            most: vec![(Figure::Area, 90.0)],
            least: Some(vec![(Figure::Area, 50.0)]),
            classes: Some(Classes {
                stride: 10,
                length: 8,
            }),
            planes: vec![Plane {
                across: Figure::Area,
                up: Figure::Cycles,
                stride: 10,
            }],
        }
    }

    /// Designs with many ties, from a linear congruence.
    fn designs() -> Vec<Design> {
        let mut state = 7u64;
        let mut next = |most: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) % most
        };
        let design = |number: u64| {
            let mut figures = [f64::NAN; FIGURES];
            figures[Figure::Energy as usize] = next(12) as f64;
            figures[Figure::Cycles as usize] = next(12) as f64;
            figures[Figure::Area as usize] = (10 * next(11)) as f64;
            Design { number, figures }
        };
        (0..400).map(design).collect()
    }

    fn part(designs: &[Design]) -> Part {
        let question = question();
        let mut part = Part::empty(&question);
        for &design in designs {
            part.design(&question, design);
        }
        part
    }

    fn same(left: &Part, right: &Part) -> bool {
        // A figure that is not known is not equal to itself; what only saves work is not compared.
        let shown = |part: &Part| {
            let mut shown = format!("{:?}", part.counts);
            for one in &part.answers {
                let answer = (one.best, one.worst, &one.front, &one.each);
                shown += &format!("{answer:?}");
            }
            for cloud in &part.clouds {
                shown += &format!("{:?}", cloud.cells().collect::<Vec<_>>());
            }
            shown
        };
        shown(left) == shown(right)
    }

    #[test]
    fn parts_add_up_to_the_whole_in_any_order() {
        let designs = designs();
        let whole = part(&designs);
        for pieces in [2, 3, 7, 50] {
            let parts: Vec<Part> = designs.chunks(pieces).map(part).collect();
            let mut forwards = Part::empty(&question());
            let mut backwards = forwards.clone();
            for (one, other) in parts.iter().zip(parts.iter().rev()) {
                forwards.add(&question(), one);
                backwards.add(&question(), other);
            }
            assert!(same(&forwards, &whole), "chunks of {pieces}");
            assert!(same(&backwards, &whole), "chunks of {pieces}, backwards");
        }
    }

    #[test]
    fn answers_are_those_of_a_look_at_every_pair() {
        let designs = designs();
        let whole = part(&designs);
        let fits = |design: &&Design| design.get(Figure::Area) <= 90.0;
        let kept: Vec<&Design> = designs.iter().filter(fits).collect();
        assert_eq!(whole.counts.over, (designs.len() - kept.len()) as u64);
        let energy = |design: &Design| design.get(Figure::Energy);
        let least = kept.iter().map(|one| energy(one)).fold(f64::MAX, f64::min);
        assert_eq!(whole.answers[0].best.map(|best| energy(&best)), Some(least));
        let banded = kept.iter().filter(|one| one.get(Figure::Area) >= 50.0);
        let most = banded.map(|one| energy(one)).fold(f64::MIN, f64::max);
        assert_eq!(
            whole.answers[0].worst.map(|worst| energy(&worst)),
            Some(most)
        );
        for class in 0..8 {
            let own = kept.iter().filter(|one| one.number / 10 % 8 == class);
            let least = own.map(|one| energy(one)).fold(f64::MAX, f64::min);
            let found = whole.answers[0].each[class as usize].map(|best| energy(&best));
            assert_eq!(found, Some(least));
        }
        for at in [1, 2] {
            let figures = &question().aims[at].figures;
            let values = |design: &Design| -> Vec<f64> {
                figures.iter().map(|&figure| design.get(figure)).collect()
            };
            let beaten = |design: &Design| {
                kept.iter().any(|other| {
                    let (mine, theirs) = (values(design), values(other));
                    theirs != mine && theirs.iter().zip(&mine).all(|(a, b)| a <= b)
                })
            };
            let mut expected: Vec<Vec<f64>> = kept
                .iter()
                .filter(|one| !beaten(one))
                .map(|one| values(one))
                .collect();
            expected.sort_by(|a, b| a.partial_cmp(b).unwrap());
            expected.dedup();
            let found: Vec<Vec<f64>> = whole.answers[at].front.iter().map(values).collect();
            assert_eq!(found, expected);
        }
    }
}
