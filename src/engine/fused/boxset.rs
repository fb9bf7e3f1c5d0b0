//! Stands in for the box sets of `ir` until those are there.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, missing_docs)]
use crate::ir::Strided;
#[derive(Clone, Debug, PartialEq)]
pub struct BoxSet {
    dims: usize,
    boxes: Vec<Vec<Strided>>,
}
impl BoxSet {
    pub fn empty(dims: usize) -> BoxSet {
        BoxSet {
            dims,
            boxes: vec![],
        }
    }
    pub fn from_sides(sides: Vec<Strided>) -> BoxSet {
        BoxSet {
            dims: sides.len(),
            boxes: if sides.iter().any(|s| s.is_empty()) {
                vec![]
            } else {
                vec![sides]
            },
        }
    }
    pub fn is_empty(&self) -> bool {
        self.boxes.is_empty()
    }
    pub fn count(&self) -> u128 {
        self.boxes
            .iter()
            .map(|b| b.iter().map(|s| u128::from(s.count())).product::<u128>())
            .sum()
    }
    pub fn witness(&self) -> Option<Vec<i64>> {
        self.boxes
            .iter()
            .map(|b| b.iter().map(|s| s.min().unwrap()).collect::<Vec<_>>())
            .min()
    }
    pub fn union(&self, o: &BoxSet) -> BoxSet {
        let mut out = self.clone();
        for b in &o.boxes {
            let mut rest = vec![b.clone()];
            for a in &self.boxes {
                let mut next = vec![];
                for r in rest {
                    next.extend(cut(r, a));
                }
                rest = next;
            }
            out.boxes.extend(rest);
        }
        out
    }
}
fn cut(r: Vec<Strided>, a: &[Strided]) -> Vec<Vec<Strided>> {
    if r.iter().zip(a).any(|(x, y)| x.intersect(y).is_empty()) {
        return vec![r];
    }
    let mut inside = r;
    let mut out = vec![];
    for d in 0..a.len() {
        let left = inside[d].subtract(&a[d]);
        if !left.is_empty() {
            let mut b = inside.clone();
            b[d] = left;
            out.push(b);
        }
        inside[d] = inside[d].intersect(&a[d]);
    }
    out
}
