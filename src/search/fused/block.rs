//! Loops of a block, the outermost first, and the places of what lies between its parts.
//!
//! Problem: a block over layers `first..=head` in some room. A node of the search is a list of loops; at each node some of
//! the maps between the parts are placed, every outside tensor could be, and either the parts are searched in the room that
//! is left or one more loop is added. A tensor placed below the first `k` loops moves what its windows below `k - 1` loops
//! add up to, which no later loop changes; one that is not yet placed will move at least what its windows below all loops
//! so far add up to. The sum of both bounds everything below a node.

use super::choices::{Choice, Choices, fits};
use super::request::Request;
use super::stage::{self, Front};
use super::tables::{Change, State, Table};
use crate::engine::EngineLimit;
use crate::engine::tree::{Cuts, Groups};
use crate::ir::{Block, Body, Fate, FusedSchedule, Place, TileLoop};
use smallvec::SmallVec;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// By group.
pub(super) type States = SmallVec<[State; 8]>;

/// By group: a name of the pieces of a layer.
pub(super) type Names = SmallVec<[u32; 8]>;

/// First and last layer, tensors to be placed, loops around (if they are counted), pieces of the last layer.
pub(super) type PartKey = (usize, usize, u64, usize, Names);

pub(super) struct Space<'a> {
    pub groups: &'a Groups,
    pub request: Request,
    /// By map: refetched, so that nothing of it is made twice.
    anew: Vec<bool>,
    pub tables: Vec<Table>,
    pub start: States,
    /// By tensor: elements touched at all.
    pub once: Vec<u64>,
    /// By head of a block and maker of a map in it: bits that it needs in the smallest pieces.
    least: HashMap<usize, Rc<[u64]>>,
    fronts: HashMap<(usize, u64, Names), Rc<Front>>,
    pub parts: HashMap<PartKey, Vec<Known>>,
    pub nodes: u64,
    /// The time is over, or somebody stopped it.
    pub over: bool,
    /// Most loops of a block in this pass.
    pub deep: usize,
}

/// What a search of a part gave.
pub(super) struct Known {
    room: u64,
    limit: u64,
    found: Option<Found>,
}

/// Layers `first..=head`, and the tensors from outside that are to be placed in it.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub first: usize,
    pub head: usize,
    pub open: Vec<usize>,
}

/// A design of a part.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub cost: u64,
    /// Bits.
    needed: u64,
    design: Rc<Design>,
}

#[derive(Clone, Debug)]
pub(super) struct Design {
    pub loops: Vec<TileLoop>,
    /// Tensor, and loops above it.
    pub places: Vec<(usize, usize)>,
    pub parts: Vec<Rc<Design>>,
    pub head: usize,
}

impl<'a> Space<'a> {
    pub(super) fn new(
        groups: &'a Groups,
        request: &Request,
        anew: Vec<bool>,
    ) -> Result<Space<'a>, EngineLimit> {
        let mut tables: Vec<Table> = (0..groups.count).map(Table::new).collect();
        let start: Option<States> = tables
            .iter_mut()
            .map(|table| table.start(groups, &anew))
            .collect();
        let mut space = Space {
            groups,
            request: *request,
            anew,
            tables,
            start: start.ok_or(EngineLimit::Irregular)?,
            once: Vec::new(),
            least: HashMap::new(),
            fronts: HashMap::new(),
            parts: HashMap::new(),
            nodes: 0,
            over: false,
            deep: usize::MAX,
        };
        let start = space.start.clone();
        space.once = (0..groups.tensors.len())
            .map(|tensor| space.figures(&start, tensor).0)
            .collect();
        Ok(space)
    }

    /// By maker of a map: no loops over ranks of `head` make its window smaller than this. Loops of 1 over all of them do not,
    /// with all maps kept, so that of each only what is new is made.
    fn least(&mut self, head: usize) -> Rc<[u64]> {
        if let Some(least) = self.least.get(&head) {
            return Rc::clone(least);
        }
        let groups = self.groups;
        let last = groups.layers.len() - 1;
        let layer = &groups.layers[head];
        let anew = vec![true; last];
        let mut least: Vec<u64> = vec![1; last];
        for group in 0..groups.count {
            let cuts = Cuts::new(groups, group, &anew).and_then(|cuts| {
                let ranks = (0..layer.extents.len()).filter(|&rank| layer.group[rank] == group);
                ranks
                    .into_iter()
                    .try_fold(cuts, |cuts, rank| cuts.cut(groups, (0, head), rank, 1))
            });
            for (maker, least) in least.iter_mut().enumerate().take(head) {
                let tensor = groups.layers[maker].result;
                // What is not counted in these pieces bounds nothing.
                let figures = cuts
                    .as_ref()
                    .ok()
                    .and_then(|cuts| cuts.figures(groups, tensor).ok());
                *least = least.saturating_mul(figures.map_or(1, |(_, most)| most.max(1)));
            }
        }
        let bits = least.iter().enumerate();
        let least: Rc<[u64]> = bits
            .map(|(maker, &least)| self.bits(groups.layers[maker].result, least))
            .collect();
        self.least.insert(head, Rc::clone(&least));
        least
    }

    /// Elements of a tensor: in all steps, and the most in one.
    fn figures(&self, states: &States, tensor: usize) -> (u64, u64) {
        let both = self.tables.iter().zip(states);
        both.fold((1, 1), |(sum, most): (u64, u64), (table, &state)| {
            let (s, m) = table.figures(state, tensor);
            (sum.saturating_mul(s), most.saturating_mul(m))
        })
    }

    fn bits(&self, tensor: usize, elements: u64) -> u64 {
        elements.saturating_mul(u64::from(self.groups.tensors[tensor].bits))
    }

    /// Bits that a tensor moves if `loaded` elements come into its place.
    pub(super) fn cost(&self, tensor: usize, loaded: u64) -> u64 {
        let is_result = self.groups.layers.last().map(|layer| layer.result) == Some(tensor);
        let again = if is_result {
            loaded.saturating_sub(self.once[tensor])
        } else {
            0
        };
        self.bits(tensor, loaded.saturating_add(again))
    }

    /// What is made and read in the chain costs nothing, unless it is refetched.
    fn map_cost(&self, maker: usize, loaded: u64) -> u64 {
        if self.anew[maker] {
            self.bits(self.groups.layers[maker].result, loaded)
        } else {
            0
        }
    }

    pub(super) fn changed(
        &mut self,
        states: &States,
        group: usize,
        change: Change,
    ) -> Option<States> {
        let mut states = states.clone();
        states[group] = self.tables[group].change(self.groups, states[group], change)?;
        Some(states)
    }

    /// The best design of a part that moves less than `limit`; what is open in it is counted, and the refetched maps in it.
    pub(super) fn block(
        &mut self,
        part: &Part,
        states: &States,
        (room, limit): (u64, u64),
        above: usize,
    ) -> Option<Found> {
        let counted = self.request.loops.map_or(0, |_| above);
        let pieces = self.signatures(part.head, states);
        let key = (part.first, part.head, mask(&part.open), counted, pieces);
        if let Some(known) = self.parts.get(&key) {
            for known in known {
                match &known.found {
                    Some(found) if found.needed <= room && room <= known.room => {
                        return (found.cost < limit).then(|| found.clone());
                    }
                    None if room <= known.room && limit <= known.limit => return None,
                    _ => {}
                }
            }
        }
        let mut found: Option<Found> = None;
        let mut least = limit;
        for parts in partitions(part) {
            let maps = parts.iter().rev().skip(1).map(|part| part.head).collect();
            let node = Node {
                states: states.clone(),
                before: None,
                loops: SmallVec::new(),
                maps,
                places: SmallVec::new(),
                bits: 0,
                cost: 0,
                choices: part.open.iter().map(|_| SmallVec::new()).collect(),
            };
            let frame = Frame {
                part,
                parts: &parts,
                room,
                above,
                least: self.least(part.head),
            };
            self.node(&frame, node, &mut least, &mut found);
        }
        self.parts.entry(key).or_default().push(Known {
            room,
            limit,
            found: found.clone(),
        });
        found
    }

    fn signatures(&self, layer: usize, states: &States) -> Names {
        let both = self.tables.iter().zip(states);
        both.map(|(table, &state)| table.signature(state, layer))
            .collect()
    }

    /// Whether it is to end; the clock is looked at now and then.
    fn is_over(&mut self) -> bool {
        if self.nodes.is_multiple_of(64) {
            self.over |= self.tables.iter().any(Table::is_full);
            let stop = self.request.stop;
            self.over |= stop.is_some_and(|stop| stop.load(Ordering::Relaxed));
            self.over |= self
                .request
                .until
                .is_some_and(|until| Instant::now() >= until);
        }
        self.over
    }

    /// A list of loops: places some of the maps, closes the block, adds loops.
    fn node(&mut self, frame: &Frame, node: Node, least: &mut u64, found: &mut Option<Found>) {
        self.nodes += 1;
        if self.is_over() || !self.is_made_once(frame, &node) {
            return;
        }
        for chosen in (1..1u64 << node.maps.len()).rev() {
            let mut placed = node.clone();
            if self.place(frame, &mut placed, chosen).is_some() {
                self.judge(frame, placed, least, found);
            }
        }
        let open = node
            .maps
            .iter()
            .any(|&maker| self.is_lost(maker, &node.states));
        if !open {
            self.judge(frame, node, least, found);
        }
    }

    /// A node whose maps are placed as far as they are below its loops.
    fn judge(&mut self, frame: &Frame, mut node: Node, least: &mut u64, found: &mut Option<Found>) {
        self.choices(frame, &mut node);
        if !self.may_beat(frame, &node, &node.states, *least) {
            return;
        }
        if node.maps.is_empty() {
            self.close(frame, &node, least, found);
        }
        self.extend(frame, &node, least, found);
    }

    /// Whether something of a map is wanted again in these steps, though nothing is to be made twice.
    fn is_lost(&self, maker: usize, states: &States) -> bool {
        let tensor = self.groups.layers[maker].result;
        !self.request.recompute
            && !self.anew[maker]
            && self.figures(states, tensor).0 > self.once[tensor]
    }

    /// Whether the maps inside of the parts may still be made once.
    fn is_made_once(&self, frame: &Frame, node: &Node) -> bool {
        let inner = frame.parts.iter().flat_map(|part| part.first..part.head);
        inner
            .into_iter()
            .all(|maker| !self.is_lost(maker, &node.states))
    }

    /// Whether a design below a node may move less than `least`, where whatever is not yet placed moves what its windows in
    /// `states` add up to: if so even all together, those that stand in this block fit into the room.
    fn may_beat(&self, frame: &Frame, node: &Node, states: &States, least: u64) -> bool {
        let mut bound = node.cost;
        for maker in frame.part.first..frame.part.head {
            let inside = !frame.parts.iter().any(|part| part.head == maker);
            if self.anew[maker] && (inside || node.maps.contains(&maker)) {
                let tensor = self.groups.layers[maker].result;
                let loaded = self.figures(states, tensor).0;
                bound = bound.saturating_add(self.map_cost(maker, loaded));
            }
        }
        let later = frame.part.open.iter();
        let later: SmallVec<[u64; 8]> = later
            .map(|&tensor| self.cost(tensor, self.figures(states, tensor).0))
            .collect();
        let open = node.maps.iter().map(|&maker| frame.least[maker]);
        let bits = open.fold(node.bits, u64::saturating_add);
        let Some(left) = frame.room.checked_sub(bits) else {
            return false;
        };
        let Some(budget) = least.checked_sub(bound) else {
            return false;
        };
        fits(&later, &node.choices, left, budget)
    }

    /// Places some of the open maps of a node below its loops; `None` if that cannot be.
    fn place(&mut self, frame: &Frame, node: &mut Node, chosen: u64) -> Option<()> {
        let maps = std::mem::take(&mut node.maps);
        // Readers' maps before makers'.
        for (at, &maker) in maps.iter().enumerate() {
            if chosen >> at & 1 == 0 {
                if self.is_lost(maker, &node.states) {
                    return None;
                }
                node.maps.push(maker);
                continue;
            }
            let tensor = self.groups.layers[maker].result;
            let base = node
                .before
                .as_ref()
                .map_or(&node.states, |(_, before)| before);
            if self.is_lost(maker, base) {
                return None;
            }
            let loaded = self.figures(base, tensor).0;
            node.cost = node.cost.saturating_add(self.map_cost(maker, loaded));
            let window = self.figures(&node.states, tensor).1;
            node.bits = node.bits.saturating_add(self.bits(tensor, window));
            if node.bits > frame.room {
                return None;
            }
            node.places.push((tensor, node.loops.len()));
            for group in 0..self.groups.count {
                let slides = node.before.as_ref().is_some_and(|(slid, _)| *slid == group);
                let loops = self.tables[group].loops(node.states[group], maker + 1);
                let change = Change::Keep {
                    first: frame.part.first,
                    maker,
                    loops: loops - usize::from(slides),
                };
                node.states = self.changed(&node.states, group, change)?;
            }
        }
        Some(())
    }

    /// What the outside tensors cost below the loops of a node.
    fn choices(&self, frame: &Frame, node: &mut Node) {
        let depth = node.loops.len();
        // Above all loops of an inner block is the same as below the loops around it without the window before; kept.
        for (&tensor, choices) in frame.part.open.iter().zip(&mut node.choices) {
            let base = node
                .before
                .as_ref()
                .map_or(&node.states, |(_, before)| before);
            let cost = self.cost(tensor, self.figures(base, tensor).0);
            let bits = self.bits(tensor, self.figures(&node.states, tensor).1);
            let choice = Choice { depth, bits, cost };
            let beaten = |other: &Choice| other.bits <= bits && other.cost <= cost;
            if bits > frame.room || choices.iter().any(beaten) {
                continue;
            }
            choices.retain(|other| other.bits < bits || other.cost < cost);
            choices.push(choice);
        }
    }

    fn extend(&mut self, frame: &Frame, node: &Node, least: &mut u64, found: &mut Option<Found>) {
        let head = frame.part.head;
        if self
            .request
            .loops
            .is_some_and(|few| frame.above + node.loops.len() >= few.shared)
        {
            return;
        }
        if node.loops.len() >= self.deep {
            return;
        }
        let layer = &self.groups.layers[head];
        for rank in 0..layer.extents.len() {
            let again = self.request.loops.is_some_and(|few| few.again);
            if !again && node.loops.iter().any(|known| known.rank == rank) {
                continue;
            }
            let group = layer.group[rank];
            for &size in self.sizes(&node.states, head, rank).iter() {
                let change = Change::Loop {
                    first: frame.part.first,
                    head,
                    rank,
                    size,
                };
                let Some(states) = self.changed(&node.states, group, change) else {
                    continue;
                };
                let mut longer = node.clone();
                longer.before = Some((group, std::mem::replace(&mut longer.states, states)));
                longer.loops.push(TileLoop { rank, size });
                self.node(frame, longer, least, found);
            }
        }
    }

    /// The pieces that a loop over a rank may have, the largest first.
    pub(super) fn sizes(&mut self, states: &States, layer: usize, rank: usize) -> Rc<[u64]> {
        let known = &self.groups.layers[layer];
        let group = known.group[rank];
        let before = known.group[..rank].iter();
        let slot = before.filter(|&&other| other == group).count();
        let extent = known.extents[rank];
        let imperfect = self.request.imperfect;
        self.tables[group].sizes(states[group], (layer, slot), extent, imperfect)
    }

    /// All maps are placed: chooses the places of the outside tensors, and searches the parts in the room that is left.
    fn close(&mut self, frame: &Frame, node: &Node, least: &mut u64, found: &mut Option<Found>) {
        let later: Vec<u64> = frame
            .part
            .open
            .iter()
            .map(|&tensor| self.cost(tensor, self.figures(&node.states, tensor).0))
            .collect();
        let mut picked = Vec::with_capacity(later.len());
        self.pick(
            frame,
            node,
            &later,
            (node.bits, node.cost),
            &mut picked,
            (least, found),
        );
    }

    fn pick(
        &mut self,
        frame: &Frame,
        node: &Node,
        later: &[u64],
        (bits, cost): (u64, u64),
        picked: &mut Vec<Option<Choice>>,
        (least, found): (&mut u64, &mut Option<Found>),
    ) {
        let left = frame.room.saturating_sub(bits);
        let mut bound = cost;
        for (at, &later) in later.iter().enumerate() {
            bound = bound.saturating_add(match picked.get(at) {
                // Counted in `cost`, or at least this.
                Some(Some(_)) => 0,
                Some(None) => later,
                None => {
                    let choices = node.choices[at].iter().filter(|choice| choice.bits <= left);
                    let here = choices.map(|choice| choice.cost).min();
                    here.map_or(later, |here| here.min(later))
                }
            });
        }
        if bound >= *least {
            return;
        }
        let at = picked.len();
        if at == later.len() {
            self.finish(frame, node, picked, (bits, cost), (least, found));
            return;
        }
        picked.push(None);
        self.pick(
            frame,
            node,
            later,
            (bits, cost),
            picked,
            (&mut *least, &mut *found),
        );
        picked.pop();
        for choice in node.choices[at].clone() {
            if choice.bits <= left {
                let next = (bits + choice.bits, cost.saturating_add(choice.cost));
                picked.push(Some(choice));
                self.pick(frame, node, later, next, picked, (&mut *least, &mut *found));
                picked.pop();
            }
        }
    }

    /// Everything of the block is chosen: its parts.
    fn finish(
        &mut self,
        frame: &Frame,
        node: &Node,
        picked: &[Option<Choice>],
        (bits, cost): (u64, u64),
        (least, found): (&mut u64, &mut Option<Found>),
    ) {
        let room = frame.room - bits;
        let above = frame.above + node.loops.len();
        let mut total = cost;
        let mut most = 0;
        let mut designs = Vec::with_capacity(frame.parts.len());
        let open = |part: &Part| -> Vec<usize> {
            let both = frame.part.open.iter().zip(picked);
            both.filter(|(tensor, choice)| {
                let reader = self.groups.tensors[**tensor].reader.0;
                choice.is_none() && (part.first..=part.head).contains(&reader)
            })
            .map(|(&tensor, _)| tensor)
            .collect()
        };
        let mut inner: Vec<Part> = frame
            .parts
            .iter()
            .map(|part| Part {
                open: open(part),
                ..part.clone()
            })
            .collect();
        // Single layers first: they are known at once.
        let mut results: Vec<Option<Found>> = vec![None; inner.len()];
        for alone in [true, false] {
            for (at, part) in inner.iter_mut().enumerate() {
                if (part.first == part.head) != alone {
                    continue;
                }
                let limit = least.saturating_sub(total);
                let result = if alone {
                    self.layer(part, &node.states, room)
                } else {
                    self.block(part, &node.states, (room, limit), above)
                };
                let Some(result) = result else { return };
                total = total.saturating_add(result.cost);
                if total >= *least {
                    return;
                }
                most = most.max(result.needed);
                results[at] = Some(result);
            }
        }
        designs.extend(results.into_iter().flatten().map(|result| result.design));
        let mut places = node.places.to_vec();
        let chosen = frame.part.open.iter().zip(picked);
        places
            .extend(chosen.filter_map(|(&tensor, choice)| Some((tensor, choice.as_ref()?.depth))));
        *least = total;
        *found = Some(Found {
            cost: total,
            needed: bits + most,
            design: Rc::new(Design {
                loops: node.loops.to_vec(),
                places,
                parts: designs,
                head: frame.part.head,
            }),
        });
    }

    /// The loops of one layer, in some room.
    fn layer(&mut self, part: &Part, states: &States, room: u64) -> Option<Found> {
        let key = (
            part.head,
            mask(&part.open),
            self.signatures(part.head, states),
        );
        let front = match self.fronts.get(&key) {
            Some(front) => Rc::clone(front),
            None => {
                let front = Rc::new(stage::front(self, part.head, &part.open, states));
                self.fronts.insert(key, Rc::clone(&front));
                front
            }
        };
        let best = front.iter().rfind(|point| point.bits <= room)?;
        Some(Found {
            cost: best.cost,
            needed: best.bits,
            design: Rc::clone(&best.design),
        })
    }

    pub(super) fn schedule(&self, found: &Found) -> FusedSchedule {
        let nowhere = Place {
            block: Vec::new(),
            loops: 0,
            fate: Fate::Refetch,
        };
        let mut places = vec![nowhere; self.groups.tensors.len()];
        let root = self.written(&found.design, &mut Vec::new(), &mut places);
        let mut schedule = FusedSchedule { root, places };
        for (maker, &anew) in self.anew.iter().enumerate() {
            let fate = if anew { Fate::Refetch } else { Fate::Retain };
            schedule.places[self.groups.layers[maker].result].fate = fate;
        }
        schedule
    }

    fn written(&self, design: &Design, path: &mut Vec<usize>, places: &mut [Place]) -> Block {
        for &(tensor, loops) in &design.places {
            places[tensor].block.clone_from(path);
            places[tensor].loops = loops;
        }
        let body = if design.parts.is_empty() {
            Body::Layer(design.head)
        } else {
            let parts = design.parts.iter().enumerate().map(|(at, part)| {
                path.push(at);
                let block = self.written(part, path, places);
                path.pop();
                block
            });
            Body::Blocks(parts.collect())
        };
        Block {
            loops: design.loops.clone(),
            body,
        }
    }
}

/// What does not change from node to node.
struct Frame<'a> {
    part: &'a Part,
    parts: &'a [Part],
    room: u64,
    /// Loops around the block.
    above: usize,
    /// By maker: bits that its map needs at least.
    least: Rc<[u64]>,
}

#[derive(Clone)]
struct Node {
    states: States,
    /// The group of the last loop, and the states before it.
    before: Option<(usize, States)>,
    loops: SmallVec<[TileLoop; 6]>,
    /// The makers of the maps that are not yet placed, the last first.
    maps: SmallVec<[usize; 6]>,
    places: SmallVec<[(usize, usize); 6]>,
    /// Of the maps that are placed.
    bits: u64,
    cost: u64,
    /// By open tensor.
    choices: SmallVec<[Choices; 5]>,
}

fn mask(tensors: &[usize]) -> u64 {
    tensors
        .iter()
        .fold(0, |mask, tensor| mask | 1 << (tensor % 64))
}

/// Chains of more layers are searched in one block with a layer in each part.
const MOST_NESTED: usize = 4;

/// The ways to divide layers into blocks, one after the other: never all of them in one, but for a single layer.
fn partitions(part: &Part) -> Vec<Vec<Part>> {
    let count = part.head - part.first;
    let mut all: Vec<Vec<Part>> = Vec::new();
    for cuts in (0..1u64 << count).rev() {
        let flat = cuts + 1 == 1 << count;
        if (cuts == 0 && count > 0) || (count >= MOST_NESTED && !flat) {
            continue;
        }
        let mut parts = Vec::new();
        let mut first = part.first;
        for layer in part.first..=part.head {
            if layer == part.head || cuts >> (layer - part.first) & 1 == 1 {
                parts.push(Part {
                    first,
                    head: layer,
                    open: Vec::new(),
                });
                first = layer + 1;
            }
        }
        all.push(parts);
    }
    all.sort_by_key(|parts| std::cmp::Reverse(parts.len()));
    all
}
