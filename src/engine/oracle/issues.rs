//! Issues: one MAC of every lane that still has work, at the same relative point of their leaf tiles.

use super::machine::{At, Machine, Moved};
use super::walk::Step;
use super::{Place, element, points};
use std::collections::BTreeMap;

impl Machine<'_> {
    /// The issues of one step of the lanes. Nothing is remembered from one to the next.
    pub fn issue(&mut self, step: &Step) -> Moved {
        let mut moved = Moved::default();
        let mut issues: BTreeMap<Vec<i64>, Vec<(&Place, Vec<i64>)>> = BTreeMap::new();
        for (place, ranks) in &step.boxes {
            for point in points(ranks) {
                let relative = point.iter().zip(ranks).map(|(x, (lo, _))| x - lo).collect();
                issues.entry(relative).or_default().push((place, point));
            }
        }
        for lanes in issues.values() {
            for tensor in 0..self.mapping.operation.tensors.len() {
                let Some(boundary) = self.layout.to_lanes(tensor) else {
                    continue;
                };
                let elements = lanes.iter().filter_map(|(place, point)| {
                    let element = element(self.mapping, tensor, point)?;
                    Some(((*place).clone(), element, 1))
                });
                let elements: Vec<At> = elements.collect();
                if !self.layout.boundaries[boundary].arrays.is_empty() {
                    self.crossing(boundary, tensor).hops += elements.len() as u64;
                }
                if tensor == self.mapping.operation.result() {
                    self.bring(boundary, &elements, &mut moved);
                } else {
                    self.ask(boundary, tensor, &elements, &mut moved);
                }
            }
        }
        moved
    }
}
