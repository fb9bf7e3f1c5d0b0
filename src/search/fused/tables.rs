//! The pieces of a group of ranks after any loops, each worked out once.
//!
//! Problem: a search adds the same loop over rows below ten thousand other choices of channels and columns. A [`Table`]
//! remembers what becomes of the rows: states, and what a loop or a place makes of a state.

use crate::engine::tree::{Cuts, Extent, Groups};
use std::collections::HashMap;

/// Index of a state in its table.
pub type State = u32;

/// What is done to a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// One more loop over a rank of the last of some layers.
    Loop {
        first: usize,
        head: usize,
        rank: usize,
        size: u64,
    },
    /// The map of a maker stays while the first loops of its reader have the same indices.
    Keep {
        first: usize,
        maker: usize,
        loops: usize,
    },
}

/// One group of ranks.
#[derive(Debug)]
pub struct Table {
    group: usize,
    known: Vec<Known>,
    index: HashMap<Cuts, State>,
    next: HashMap<(State, Change), Option<State>>,
    signatures: HashMap<Vec<Vec<Extent>>, u32>,
}

#[derive(Debug)]
struct Known {
    cuts: Cuts,
    /// By tensor: sum and most.
    figures: Vec<(u64, u64)>,
    /// By layer: a name of the pieces that it has.
    signatures: Vec<u32>,
}

impl Table {
    pub fn new(group: usize) -> Table {
        Table {
            group,
            known: Vec::new(),
            index: HashMap::new(),
            next: HashMap::new(),
            signatures: HashMap::new(),
        }
    }

    /// The state without loops; `None` if it is not of the form that is counted.
    pub fn start(&mut self, groups: &Groups, anew: &[bool]) -> Option<State> {
        let cuts = Cuts::new(groups, self.group, anew).ok()?;
        self.state(groups, cuts)
    }

    fn state(&mut self, groups: &Groups, cuts: Cuts) -> Option<State> {
        if let Some(&state) = self.index.get(&cuts) {
            return Some(state);
        }
        let figures = (0..groups.tensors.len()).map(|tensor| cuts.figures(groups, tensor).ok());
        let figures: Vec<(u64, u64)> = figures.collect::<Option<_>>()?;
        let signatures = (0..groups.layers.len()).map(|layer| {
            let mut steps: Vec<Vec<Extent>> = cuts.ranges(layer).map(<[Extent]>::to_vec).collect();
            steps.sort_unstable();
            let next = u32::try_from(self.signatures.len()).unwrap_or(u32::MAX);
            *self.signatures.entry(steps).or_insert(next)
        });
        let signatures = signatures.collect();
        let state = State::try_from(self.known.len()).ok()?;
        self.index.insert(cuts.clone(), state);
        self.known.push(Known {
            cuts,
            figures,
            signatures,
        });
        Some(state)
    }

    /// `None`: not of the form that is counted.
    pub fn change(&mut self, groups: &Groups, state: State, change: Change) -> Option<State> {
        if let Some(&known) = self.next.get(&(state, change)) {
            return known;
        }
        let cuts = &self.known[state as usize].cuts;
        let cuts = match change {
            Change::Loop {
                first,
                head,
                rank,
                size,
            } => cuts.cut(groups, (first, head), rank, size),
            Change::Keep {
                first,
                maker,
                loops,
            } => cuts.keep(groups, first, maker, loops),
        };
        let next = match cuts {
            Ok(cuts) => self.state(groups, cuts),
            Err(_) => None,
        };
        self.next.insert((state, change), next);
        next
    }

    /// Elements of a tensor along this group: in all steps, and the most in one.
    pub fn figures(&self, state: State, tensor: usize) -> (u64, u64) {
        self.known[state as usize].figures[tensor]
    }

    pub fn loops(&self, state: State, layer: usize) -> usize {
        self.known[state as usize].cuts.loops(layer)
    }

    /// Equal for states in which the layer has the same pieces.
    pub fn signature(&self, state: State, layer: usize) -> u32 {
        self.known[state as usize].signatures[layer]
    }

    /// The longest piece of a rank, by its position among the layer's ranks in this group.
    pub fn longest(&self, state: State, layer: usize, slot: usize) -> u64 {
        let steps = self.known[state as usize].cuts.ranges(layer);
        let sizes = steps.filter_map(|ranges| ranges.get(slot).map(|(lo, hi)| hi - lo));
        sizes.max().unwrap_or(0)
    }
}
