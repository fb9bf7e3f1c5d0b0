//! What every choice of one group's loops contributes: the tables that the join multiplies.
//!
//! Problem: `{P, R}` of a convolution has some hundred choices of tiles and spreads, and each of them takes part in
//! millions of candidates. So each is worked out once ([`crate::engine::GroupTables`]) and laid out as a row of numbers, all
//! of which are *factors*: a quantity of a candidate (traffic of a tensor at a boundary, a tile, the points of the
//! busiest PE) is a sum of products with one factor per group.
//!
//! Choices whose loops in time with more than one trip are the same, in the same order, make up a [`Pattern`]: in
//! every candidate of the same patterns and orders the same sums of products apply.

use crate::engine::{Counter, Crossed, EngineLimit, GroupTables, StepSum};
use crate::ir::{LoopKind, Mapping, Refill, Schedule};
use crate::search::partition::Partition;
use crate::search::problem::Problem;
use crate::search::request::Choices;
use crate::search::space::{self, Block, Chains, Orders, Rules, Skeleton, Thin, Tiles};
use smallvec::SmallVec;
use std::collections::BTreeMap;

/// Thinned choices of one group beyond which pieces of pieces are fewer still.
const THINNED: usize = 800;

/// The three sums of a tensor at a boundary that have a part that stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// What arrives in all instances.
    Tiles,
    /// What the memory outside gives.
    Needed,
    /// What leaves, of a result.
    Held,
}

/// Choices with the same loops in time.
pub struct Pattern {
    /// Block and rank (number within the group), outermost first.
    pub own: Vec<(usize, usize)>,
    pub rows: Vec<Row>,
    /// Smallest and largest of every column.
    pub least: Vec<f64>,
    pub most: Vec<f64>,
    /// Per crossing and kind: the largest part of a step's need that can be there already although a loop inside
    /// moves the tile.
    pub kept: Vec<f64>,
}

/// One choice.
#[derive(Clone, Debug)]
pub struct Row {
    /// Per rank of the group, per block.
    pub extents: Vec<Vec<u64>>,
    /// Per block: trips of the spreads, 1 for blocks in time.
    pub uses: SmallVec<[u64; 8]>,
    pub factors: Vec<f64>,
}

/// All choices of one group.
pub struct GroupTable {
    /// Numbers of the ranks with more than one point.
    pub ranks: Vec<usize>,
    pub patterns: Vec<Pattern>,
    /// Choices that the engine cannot count.
    pub uncounted: usize,
    /// Imperfect choices were left out because there are too many.
    pub thinned: bool,
    /// Choices were left out because somebody said to stop.
    pub cut: bool,
}

/// Where the factors lie in a row of a pattern with `times` loops in time.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    pub times: usize,
    pub crossings: usize,
}

impl Layout {
    fn width(self) -> usize {
        4 * self.times + 2
    }

    fn base(self, crossing: usize, kind: Kind) -> usize {
        (crossing * 3 + kind as usize) * self.width()
    }

    /// Steps in which another group's loop advances that has `depth` of the group's loops in time outside of it.
    pub fn node(self, crossing: usize, kind: Kind, depth: usize) -> usize {
        self.base(crossing, kind) + depth
    }

    pub fn node_kept(self, crossing: usize, kind: Kind, depth: usize) -> usize {
        self.base(crossing, kind) + self.times + 1 + depth
    }

    /// Steps in which the group's loop in time number `own` advances.
    pub fn edge(self, crossing: usize, kind: Kind, own: usize) -> usize {
        self.base(crossing, kind) + 2 * (self.times + 1) + own
    }

    pub fn edge_kept(self, crossing: usize, kind: Kind, own: usize) -> usize {
        self.base(crossing, kind) + 2 * (self.times + 1) + self.times + own
    }

    fn tail(self) -> usize {
        self.crossings * 3 * self.width()
    }

    pub fn tile(self, crossing: usize) -> usize {
        self.tail() + crossing
    }

    /// Distinct elements of the crossing's tensor.
    pub fn unique(self, crossing: usize) -> usize {
        self.tail() + self.crossings + crossing
    }

    pub fn busiest(self) -> usize {
        self.tail() + 2 * self.crossings
    }

    pub fn steps(self) -> usize {
        self.busiest() + 1
    }

    pub fn len(self) -> usize {
        self.busiest() + 2
    }
}

/// Asked before every choice of a group but the first; true ends the table there.
pub type Stop<'a> = &'a (dyn Fn() -> bool + Sync);

/// Everything that is tabulated for one skeleton.
pub struct Tables {
    pub crossed: Vec<Crossed>,
    /// Per crossing: blocks outside the child's tile.
    pub places: Vec<usize>,
    pub groups: Vec<GroupTable>,
}

impl Tables {
    /// Tabulates all choices of all groups, as many as `choices` says.
    pub fn new(
        problem: &Problem,
        counter: &Counter,
        rules: &Rules,
        skeleton: &Skeleton,
        choices: Choices,
        stop: Stop<'_>,
    ) -> Tables {
        let template = Template::new(problem, counter, skeleton);
        let mut engine = GroupTables::new(counter, template.mapping.clone());
        let crossed = engine.crossed().to_vec();
        let blocks = skeleton.blocks.len();
        let places = crossed
            .iter()
            .map(|c| match c.child {
                Some(child) => skeleton.places[child][c.tensor].unwrap_or(0),
                None => blocks,
            })
            .collect();
        let groups = (0..counter.groups().len())
            .map(|group| {
                let maker = Maker {
                    problem,
                    counter,
                    rules,
                    skeleton,
                    template: &template,
                    group,
                    choices,
                    stop,
                };
                maker.make(&mut engine)
            })
            .collect();
        Tables {
            crossed,
            places,
            groups,
        }
    }
}

/// The nest with all loops that a candidate may have. A block in time has the ranks of a group as often as there are
/// of them, so that every order of them is a part of it.
struct Template {
    mapping: Mapping,
    /// Per block, per rank: the numbers of its loops.
    loops: Vec<Vec<Vec<usize>>>,
}

impl Template {
    fn new(problem: &Problem, counter: &Counter, skeleton: &Skeleton) -> Template {
        let operation = &problem.operation;
        let ranks = operation.ranks.len();
        let (mut loops, mut numbers, mut before) = (Vec::new(), Vec::new(), vec![0]);
        for block in &skeleton.blocks {
            let mut own = vec![Vec::new(); ranks];
            for group in counter.groups() {
                let moving = || {
                    group
                        .ranks
                        .iter()
                        .map(|r| r.index())
                        .filter(|&r| operation.ranks[r] > 1)
                };
                let copies = match block {
                    Block::Time { .. } => moving().count(),
                    Block::Space { .. } => 1,
                };
                for _ in 0..copies {
                    for rank in moving() {
                        own[rank].push(loops.len());
                        let kind = match *block {
                            Block::Time { .. } => LoopKind::Temporal,
                            Block::Space { array, .. } => LoopKind::Spatial {
                                array,
                                instances: 1,
                            },
                        };
                        loops.push(space::one_loop(rank, operation.ranks[rank], kind));
                    }
                }
            }
            numbers.push(own);
            before.push(loops.len());
        }
        let row = |row: &Vec<Option<usize>>| row.iter().map(|p| p.map(|p| before[p])).collect();
        let schedule = Schedule {
            positions: skeleton.places.iter().map(row).collect(),
            steps: before[skeleton.steps],
            leaf: loops.len(),
            loops,
        };
        Template {
            mapping: problem.mapping(schedule),
            loops: numbers,
        }
    }
}

struct Maker<'a> {
    problem: &'a Problem,
    counter: &'a Counter,
    rules: &'a Rules,
    skeleton: &'a Skeleton,
    template: &'a Template,
    group: usize,
    choices: Choices,
    stop: Stop<'a>,
}

impl Maker<'_> {
    fn make(&self, engine: &mut GroupTables) -> GroupTable {
        let operation = &self.problem.operation;
        let group = &self.counter.groups()[self.group];
        let ranks: Vec<usize> = (group.ranks.iter().map(|r| r.index()))
            .filter(|&r| operation.ranks[r] > 1)
            .collect();
        let simple = self.simple(&ranks);
        let dominant = self.rules.orders == Orders::Dominant;
        let Choices { most, full } = self.choices;
        let mut thinned = false;
        let lists = |thin: Thin| -> Vec<Vec<Vec<u64>>> {
            let list = |&rank: &usize| {
                let upto = if dominant {
                    space::useful(operation, self.skeleton, rank)
                } else {
                    self.skeleton.blocks.len()
                };
                let architecture = &self.problem.architecture;
                let chains = Chains {
                    rules: self.rules,
                    skeleton: self.skeleton,
                    rank,
                    extent: operation.ranks[rank],
                    thin,
                    limits: space::limits(
                        operation,
                        architecture,
                        (self.rules, self.skeleton),
                        (rank, upto),
                    ),
                    upto,
                    runs: if dominant && simple {
                        space::runs(operation, self.skeleton, rank)
                    } else {
                        (0..self.skeleton.blocks.len()).collect()
                    },
                };
                chains.list(most)
            };
            ranks.iter().map(list).collect()
        };
        let mut chains = lists(Thin::None);
        let product =
            |chains: &[Vec<Vec<u64>>]| chains.iter().fold(1usize, |n, c| n.saturating_mul(c.len()));
        if product(&chains) > full && self.rules.tiles == Tiles::Imperfect {
            thinned = true;
            chains = lists(Thin::Fine);
            if product(&chains) > THINNED {
                chains = lists(Thin::Coarse);
            }
        }
        let mut table = GroupTable {
            ranks,
            patterns: Vec::new(),
            uncounted: 0,
            thinned,
            cut: false,
        };
        if product(&chains) > most {
            thinned = true;
        }
        let mut found: BTreeMap<Vec<(usize, usize)>, Vec<Row>> = BTreeMap::new();
        let mut digits = vec![0usize; chains.len()];
        let mut made = 0;
        if chains.iter().all(|c| !c.is_empty()) {
            loop {
                let extents: Vec<Vec<u64>> = digits
                    .iter()
                    .zip(&chains)
                    .map(|(&d, c)| c[d].clone())
                    .collect();
                made += 1;
                self.choice(
                    engine,
                    &table.ranks,
                    extents,
                    simple,
                    &mut found,
                    &mut table.uncounted,
                );
                let turned = (0..digits.len()).rev().find(|&at| {
                    digits[at] += 1;
                    let turns = digits[at] < chains[at].len();
                    if !turns {
                        digits[at] = 0;
                    }
                    turns
                });
                if turned.is_none() || made > most {
                    break;
                }
                if (self.stop)() {
                    thinned = true;
                    table.cut = true;
                    break;
                }
            }
        }
        table.thinned = thinned;
        let blocks = self.skeleton.blocks.len();
        let places: Vec<usize> = (engine.crossed().iter())
            .map(|c| {
                c.child
                    .map_or(blocks, |m| self.skeleton.places[m][c.tensor].unwrap_or(0))
            })
            .collect();
        table.patterns = found
            .into_iter()
            .map(|(own, rows)| Pattern::new(own, rows, &places))
            .collect();
        table
    }

    /// One choice of extents, with all orders of its loops within the blocks.
    fn choice(
        &self,
        engine: &mut GroupTables,
        ranks: &[usize],
        extents: Vec<Vec<u64>>,
        simple: bool,
        found: &mut BTreeMap<Vec<(usize, usize)>, Vec<Row>>,
        uncounted: &mut usize,
    ) {
        let operation = &self.problem.operation;
        let blocks = &self.skeleton.blocks;
        let outside = |rank: usize, block: usize| match block {
            0 => operation.ranks[ranks[rank]],
            _ => extents[rank][block - 1],
        };
        let mut uses: SmallVec<[u64; 8]> = SmallVec::from_elem(1, blocks.len());
        let mut moving: Vec<Vec<usize>> = Vec::with_capacity(blocks.len());
        for (number, block) in blocks.iter().enumerate() {
            let works = |&rank: &usize| outside(rank, number) > extents[rank][number];
            let here: Vec<usize> = (0..ranks.len()).filter(works).collect();
            if let Block::Space { size, array, axis } = *block {
                let trips = |rank: usize| outside(rank, number).div_ceil(extents[rank][number]);
                uses[number] = here
                    .iter()
                    .fold(1, |n, &rank| n.saturating_mul(trips(rank)));
                let single = here.len() > 1 && self.rules.single.contains(&(array, axis));
                if uses[number] > size || single {
                    return;
                }
                moving.push(Vec::new());
            } else {
                moving.push(here);
            }
        }
        let mut orders: Vec<Vec<(usize, usize)>> = vec![Vec::new()];
        for (number, here) in moving.iter().enumerate() {
            let ways = &permutations(here);
            orders = orders
                .iter()
                .flat_map(|known| {
                    ways.iter().map(move |way| {
                        let mut own = known.clone();
                        own.extend(way.iter().map(|&rank| (number, rank)));
                        own
                    })
                })
                .collect();
        }
        // A loop in time inside a spread goes over pieces of different sizes side by side.
        let last = uses
            .iter()
            .position(|&trips| trips > 1)
            .unwrap_or(blocks.len());
        if simple
            && orders
                .iter()
                .all(|own| own.iter().all(|&(block, _)| block < last))
        {
            for own in orders {
                let chain = Partition {
                    problem: self.problem,
                    skeleton: self.skeleton,
                    rank: ranks[0],
                    extents: &extents[0],
                    own: &own,
                };
                let row = Row {
                    extents: extents.clone(),
                    uses: uses.clone(),
                    factors: chain.row(engine.crossed()),
                };
                found.entry(own).or_default().push(row);
            }
            return;
        }
        for own in orders {
            match self.row(engine, ranks, &extents, &own) {
                Ok(factors) => found.entry(own).or_default().push(Row {
                    extents: extents.clone(),
                    uses: uses.clone(),
                    factors,
                }),
                Err(_) => *uncounted += 1,
            }
        }
    }

    /// Whether the group is one rank whose pieces are pieces of every tensor that has it.
    fn simple(&self, ranks: &[usize]) -> bool {
        let [rank] = *ranks else { return false };
        let operation = &self.problem.operation;
        let plain = self
            .problem
            .architecture
            .memories
            .iter()
            .all(|m| m.refill == Refill::Window);
        plain
            && self.counter.groups()[self.group].ranks.len() == 1
            && operation.tensors.iter().all(|tensor| {
                let mut dims = tensor
                    .dims
                    .iter()
                    .filter(|d| d.terms.iter().any(|t| t.rank.index() == rank));
                let whole = dims.next().is_none_or(|dim| {
                    dim.terms.len() == 1
                        && dim.terms[0].coefficient == 1
                        && dim.constant == 0
                        && dim.extent == operation.ranks[rank]
                });
                whole && dims.next().is_none()
            })
    }

    fn row(
        &self,
        engine: &mut GroupTables,
        ranks: &[usize],
        extents: &[Vec<u64>],
        own: &[(usize, usize)],
    ) -> Result<Vec<f64>, EngineLimit> {
        let operation = &self.problem.operation;
        let blocks = &self.skeleton.blocks;
        let mut sizes: SmallVec<[(usize, u64, u64); 16]> = SmallVec::new();
        // Which of the loops of the template stand for those of the choice.
        let mut chosen: SmallVec<[usize; 8]> = SmallVec::new();
        for (number, block) in blocks.iter().enumerate() {
            let order: SmallVec<[usize; 4]> = own
                .iter()
                .filter(|(b, _)| *b == number)
                .map(|&(_, rank)| rank)
                .collect();
            for (local, &rank) in ranks.iter().enumerate() {
                let outside = if number == 0 {
                    operation.ranks[rank]
                } else {
                    extents[local][number - 1]
                };
                let inside = extents[local][number];
                let copy = match block {
                    Block::Time { .. } => order.iter().position(|&r| r == local),
                    Block::Space { .. } => Some(0),
                };
                for (at, &index) in self.template.loops[number][rank].iter().enumerate() {
                    // A copy before the chosen one still sees the whole, one after it the piece.
                    let size = if copy.is_some_and(|copy| at >= copy) {
                        inside
                    } else {
                        outside
                    };
                    let instances = match block {
                        Block::Time { .. } => 1,
                        Block::Space { .. } => outside.div_ceil(inside),
                    };
                    sizes.push((index, size, instances));
                    if matches!(block, Block::Time { .. }) && copy == Some(at) {
                        chosen.push(index);
                    }
                }
            }
        }
        chosen.sort_unstable();
        let sums = engine.sums(self.group, &sizes)?;
        let crossed = engine.crossed();
        let layout = Layout {
            times: own.len(),
            crossings: crossed.len(),
        };
        let mut factors = vec![0.0; layout.len()];
        let mut at: SmallVec<[usize; 8]> = SmallVec::new();
        for index in &chosen {
            let found = sums.loops.iter().position(|l| l == index);
            at.push(found.ok_or(EngineLimit::Mismatch {
                performed: 0,
                expected: 0,
            })?);
        }
        let crossings = crossed.len();
        for (c, crossing) in crossed.iter().enumerate() {
            let inside = if crossing.child.is_some() {
                sums.loops
                    .iter()
                    .take_while(|&&l| l < crossing.place)
                    .count()
            } else {
                sums.loops.len()
            };
            for depth in 0..=own.len() {
                let engine_depth = at
                    .get(depth)
                    .copied()
                    .unwrap_or(sums.loops.len())
                    .min(inside);
                let engine_depth = if crossing.child.is_none() {
                    inside
                } else {
                    engine_depth
                };
                let sum = &sums.nodes[engine_depth * crossings + c];
                for (kind, all, kept) in parts(sum) {
                    factors[layout.node(c, kind, depth)] = all;
                    factors[layout.node_kept(c, kind, depth)] = kept;
                }
                if depth < own.len() && at[depth] < inside {
                    let sum = &sums.edges[at[depth] * crossings + c];
                    for (kind, all, kept) in parts(sum) {
                        factors[layout.edge(c, kind, depth)] = all;
                        factors[layout.edge_kept(c, kind, depth)] = kept;
                    }
                }
            }
            factors[layout.tile(c)] = sums.tiles[c] as f64;
            factors[layout.unique(c)] = self.counter.unique_in(self.group, crossing.tensor) as f64;
        }
        factors[layout.busiest()] = sums.busiest;
        let steps = self.template.mapping.schedule.steps;
        let inside = sums.loops.iter().take_while(|&&l| l < steps).count();
        factors[layout.steps()] = sums.positions[inside];
        Ok(factors)
    }
}

fn parts(sum: &StepSum) -> [(Kind, f64, f64); 3] {
    [
        (Kind::Tiles, sum.tiles, sum.tiles_kept),
        (Kind::Needed, sum.needed, sum.needed_kept),
        (Kind::Held, sum.held, sum.held_kept),
    ]
}

impl Pattern {
    fn new(own: Vec<(usize, usize)>, rows: Vec<Row>, places: &[usize]) -> Pattern {
        let crossings = places.len();
        let layout = Layout {
            times: own.len(),
            crossings,
        };
        let mut least = vec![f64::INFINITY; layout.len()];
        let mut most = vec![0.0f64; layout.len()];
        let mut kept = vec![0.0f64; crossings * 3];
        for row in &rows {
            for ((least, most), &factor) in least.iter_mut().zip(&mut most).zip(&row.factors) {
                *least = least.min(factor);
                *most = most.max(factor);
            }
            for c in 0..crossings {
                for kind in [Kind::Tiles, Kind::Needed, Kind::Held] {
                    let ratio = &mut kept[c * 3 + kind as usize];
                    for depth in 0..own.iter().filter(|(block, _)| *block < places[c]).count() {
                        let pairs = [
                            (
                                layout.node(c, kind, depth),
                                layout.node_kept(c, kind, depth),
                            ),
                            (
                                layout.edge(c, kind, depth),
                                layout.edge_kept(c, kind, depth),
                            ),
                        ];
                        for (all, part) in pairs {
                            if row.factors[all] > 0.0 {
                                *ratio = ratio.max(row.factors[part] / row.factors[all]);
                            }
                        }
                    }
                }
            }
        }
        Pattern {
            own,
            rows,
            least,
            most,
            kept,
        }
    }

    #[must_use]
    pub fn layout(&self, crossings: usize) -> Layout {
        Layout {
            times: self.own.len(),
            crossings,
        }
    }
}

/// All orders of `items`, the given one first.
pub fn permutations(items: &[usize]) -> Vec<Vec<usize>> {
    if items.len() < 2 {
        return vec![items.to_vec()];
    }
    let mut found = Vec::new();
    for (number, &first) in items.iter().enumerate() {
        let rest: Vec<usize> = items
            .iter()
            .enumerate()
            .filter(|(n, _)| *n != number)
            .map(|(_, &item)| item)
            .collect();
        for mut way in permutations(&rest) {
            way.insert(0, first);
            found.push(way);
        }
    }
    found
}
