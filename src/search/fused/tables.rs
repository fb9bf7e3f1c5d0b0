//! The pieces of a group of ranks after any loops, each worked out once.
//!
//! Problem: a search adds the same loop over rows below ten thousand other choices of channels and columns. A [`Table`]
//! remembers what becomes of the rows: states, and what a loop or a place makes of a state.

use crate::base::limits;
use crate::engine::tree::{Cuts, Extent, Groups};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;

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
    /// Steps of all layers in all states.
    stored: usize,
    index: HashMap<Cuts, State>,
    next: HashMap<(State, Change), Option<State>, BuildHasherDefault<Mixed>>,
    signatures: HashMap<Vec<Vec<Extent>>, u32>,
    sizes: HashMap<(u64, u64), Rc<[u64]>, BuildHasherDefault<Mixed>>,
}

/// A hash for small keys of small numbers: nobody chooses them to collide.
#[derive(Default)]
pub struct Mixed(u64);

impl Hasher for Mixed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes
            .iter()
            .for_each(|&byte| self.write_u64(u64::from(byte)));
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    fn write_isize(&mut self, value: isize) {
        self.write_u64(value as u64);
    }
}

#[derive(Debug)]
struct Known {
    cuts: Cuts,
    /// By tensor: sum and most.
    figures: Vec<(u64, u64)>,
    /// By layer: a name of the pieces that it has.
    signatures: Vec<u32>,
    /// By layer and position among its ranks in this group: the longest piece.
    longest: Vec<Vec<u64>>,
}

impl Table {
    pub fn new(group: usize) -> Table {
        Table {
            group,
            known: Vec::new(),
            stored: 0,
            index: HashMap::new(),
            next: HashMap::default(),
            signatures: HashMap::new(),
            sizes: HashMap::default(),
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
        let longest = (0..groups.layers.len()).map(|layer| {
            let mut longest: Vec<u64> = Vec::new();
            for ranges in cuts.ranges(layer) {
                longest.resize(ranges.len(), 0);
                for (longest, (lo, hi)) in longest.iter_mut().zip(ranges) {
                    *longest = (*longest).max(hi - lo);
                }
            }
            longest
        });
        let longest = longest.collect();
        let state = State::try_from(self.known.len()).ok()?;
        let layers = 0..groups.layers.len();
        self.stored += layers
            .map(|layer| cuts.ranges(layer).count())
            .sum::<usize>();
        self.index.insert(cuts.clone(), state);
        self.known.push(Known {
            cuts,
            figures,
            signatures,
            longest,
        });
        Some(state)
    }

    /// `None`: not of the form that is counted.
    pub fn change(&mut self, groups: &Groups, state: State, change: Change) -> Option<State> {
        if let Some(&known) = self.next.get(&(state, change)) {
            return known;
        }
        if self.is_full() {
            return None;
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

    /// Whether no more is remembered, so that nothing is proved.
    pub fn is_full(&self) -> bool {
        self.stored > limits::REMEMBERED_STEPS
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

    /// The pieces, largest first, that a loop over a rank may have: shorter than its longest one so far. The rank by its
    /// position among the layer's ranks in this group.
    pub fn sizes(
        &mut self,
        state: State,
        (layer, slot): (usize, usize),
        extent: u64,
        imperfect: bool,
    ) -> Rc<[u64]> {
        let longest = self.known[state as usize].longest[layer].get(slot);
        let longest = longest.copied().unwrap_or(0);
        let key = (longest, extent);
        let known = self.sizes.entry(key);
        Rc::clone(known.or_insert_with(|| sizes(longest, extent, imperfect)))
    }
}

/// Sizes of pieces below `longest`, the largest first: divisors of `extent`, or the smallest of each number of pieces (all of
/// them up to 16).
fn sizes(longest: u64, extent: u64, imperfect: bool) -> Rc<[u64]> {
    let all = (1..longest).rev();
    let wanted = |size: &u64| match (imperfect, longest <= 16) {
        (false, _) => extent.is_multiple_of(*size),
        (true, true) => true,
        (true, false) => *size == 1 || longest.div_ceil(size - 1) != longest.div_ceil(*size),
    };
    all.filter(wanted).collect()
}
