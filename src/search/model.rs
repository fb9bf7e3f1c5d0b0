//! Energy, traffic, capacities and time of a candidate as linear forms in its quantities.
//!
//! Problem: a search needs costs of millions of candidates, not their counts. Reads of the buffer are what crosses
//! from it inwards, and energy is reads times a price: all of it is linear in a few *quantities* (what of a tensor
//! crosses a boundary, the tiles, the points of the busiest PE), and only time takes maxima of such forms.
//!
//! Invariant: with quantities that are not more than those of a candidate (not less where a factor is negative) every
//! figure is at most that of the candidate by the counting engine. What the engine rounds up is not rounded here,
//! ports that serve several instances are taken to be evenly busy, and the first fill and the last drain are free.

use crate::cost::{Per, Price};
use crate::engine::TimingRule;
use crate::ir::{OperationKind, Ports, Rate, Role};
use crate::search::problem::{Figures, Objective, Problem};
use crate::search::space::{Block, Skeleton};
use crate::search::tables::{Kind, Tables};

/// One quantity of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quantity {
    /// Crossing and sum.
    Crosses(usize, Kind),
    /// Elements of the largest tile of the crossing's child.
    Tile(usize),
    /// Points of the busiest PE, over all leaf tiles.
    Busiest,
    /// Positions of the innermost memory.
    Steps,
}

/// `constant + sum of factor * quantity`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Form {
    pub constant: f64,
    pub parts: Vec<(Quantity, f64)>,
}

impl Form {
    fn of(quantity: Quantity) -> Form {
        Form {
            constant: 0.0,
            parts: vec![(quantity, 1.0)],
        }
    }

    fn add(&mut self, other: &Form, factor: f64) {
        self.constant += other.constant * factor;
        for &(quantity, own) in &other.parts {
            match self.parts.iter_mut().find(|(known, _)| *known == quantity) {
                Some((_, sum)) => *sum += own * factor,
                None => self.parts.push((quantity, own * factor)),
            }
        }
    }

    fn minus(mut self, other: &Form) -> Form {
        self.add(other, -1.0);
        self
    }

    fn plus(mut self, other: &Form) -> Form {
        self.add(other, 1.0);
        self
    }
}

/// Resources at one place of the nest: forms in cycles.
#[derive(Clone, Debug, Default)]
struct Position {
    key: (usize, usize),
    /// Resource, and cycles of it.
    loads: Vec<(usize, usize)>,
    /// The same of transfers that do not hide behind computation.
    serial: Vec<(usize, usize)>,
}

/// Which forms make up which figure.
pub struct Model {
    pub forms: Vec<Form>,
    /// What each form is at least, whatever the candidate.
    pub least: Vec<f64>,
    energy: Option<usize>,
    static_pj: f64,
    traffic: Vec<Option<usize>>,
    /// Per memory: bits, and the most it can hold.
    pub capacity: Vec<(Option<usize>, f64)>,
    /// Bits of a bank, where tensors take whole ones: memory, and per tensor the form of its tile.
    pub banks: Vec<(usize, f64, Vec<usize>)>,
    compute: usize,
    /// Form of the steps, and cycles that each of them takes more.
    waves: Option<(usize, f64)>,
    wave_once: f64,
    issues: Vec<(usize, usize)>,
    /// Outermost first.
    positions: Vec<Position>,
    resources: usize,
    repeat: f64,
    area: f64,
    /// Cycles that all PEs together need at least.
    floor: f64,
}

/// Which figures somebody looks at.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The forms that they are made of, ascending, with those of what memories can hold.
    pub forms: Vec<usize>,
    /// Forms of what memories must hold, and the most that they can.
    pub held: Vec<(usize, f64)>,
    energy: bool,
    timed: bool,
    /// Memory and form.
    traffic: Vec<(usize, usize)>,
    capacity: Vec<(usize, usize)>,
}

struct Builder<'a> {
    problem: &'a Problem,
    skeleton: &'a Skeleton,
    tables: &'a Tables,
    model: Model,
    names: Vec<(Name, Rate)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Name {
    /// Memory, and whether it is the port of writes alone.
    Port(usize, bool),
    /// Array, tensor of its own, upwards.
    Link(usize, Option<usize>, bool),
}

impl Model {
    #[must_use]
    pub fn new(problem: &Problem, skeleton: &Skeleton, tables: &Tables, unique: &[f64]) -> Model {
        let memories = problem.architecture.memories.len();
        let volume: f64 = problem.operation.ranks.iter().map(|&r| r as f64).product();
        let lanes = problem.architecture.lanes.max(1) as f64;
        let model = Model {
            forms: Vec::new(),
            least: Vec::new(),
            energy: None,
            static_pj: 0.0,
            traffic: vec![None; memories],
            capacity: vec![(None, f64::INFINITY); memories],
            banks: Vec::new(),
            compute: 0,
            waves: None,
            wave_once: 0.0,
            issues: Vec::new(),
            positions: Vec::new(),
            resources: 0,
            repeat: problem.operation.repeat as f64,
            area: problem.area_um2.unwrap_or(0.0),
            floor: volume / (problem.architecture.pes() as f64 * lanes),
        };
        let mut builder = Builder {
            problem,
            skeleton,
            tables,
            model,
            names: Vec::new(),
        };
        builder.build(unique);
        builder.least(unique);
        builder.model
    }

    /// The figures for given values of the forms; scratch: one number per resource.
    pub fn figures(&self, values: &[f64], into: &mut Figures, scratch: &mut Vec<f64>) {
        into.cycles = self.cycles(values, scratch);
        into.energy = self.energy(values, into.cycles);
        for (memory, form) in self.traffic.iter().enumerate() {
            into.traffic[memory] = form.map_or(0.0, |form| self.traffic(values, form));
        }
        for (memory, &(form, _)) in self.capacity.iter().enumerate() {
            into.capacity[memory] = form.map_or(0.0, |form| self.capacity(values, form));
        }
        into.area = self.area;
    }

    /// Of the figures those that are asked for, to the same bit; the others stay as they are.
    pub fn asked_figures(
        &self,
        asked: &Asked,
        values: &[f64],
        into: &mut Figures,
        scratch: &mut Vec<f64>,
    ) {
        if asked.timed {
            into.cycles = self.cycles(values, scratch);
        }
        if asked.energy {
            into.energy = self.energy(values, into.cycles);
        }
        for &(memory, form) in &asked.traffic {
            into.traffic[memory] = self.traffic(values, form);
        }
        for &(memory, form) in &asked.capacity {
            into.capacity[memory] = self.capacity(values, form);
        }
        into.area = self.area;
    }

    /// What these objectives, and what the memories can hold, are made of.
    #[must_use]
    pub fn asked(&self, objectives: impl Iterator<Item = Objective>) -> Asked {
        let mut asked = Asked::default();
        for objective in objectives {
            asked.energy |= objective.needs_energy();
            asked.timed |= objective.needs_time();
            match objective {
                Objective::Traffic(memory) => {
                    asked
                        .traffic
                        .extend(self.traffic[memory].map(|form| (memory, form)));
                }
                Objective::Capacity(memory) => {
                    asked
                        .capacity
                        .extend(self.capacity[memory].0.map(|form| (memory, form)));
                }
                _ => {}
            }
        }
        // What is lost while time passes.
        asked.timed |= asked.energy && self.static_pj != 0.0;
        let held = self.capacity.iter();
        let held = held.filter_map(|&(form, most)| Some((form?, most)));
        asked.held = held.filter(|(_, most)| most.is_finite()).collect();
        let figures = asked.traffic.iter().chain(&asked.capacity).map(|one| one.1);
        let mut forms: Vec<usize> = figures.collect();
        forms.extend(asked.held.iter().map(|held| held.0));
        forms.extend(self.banks.iter().flat_map(|(_, _, tiles)| tiles));
        if asked.energy {
            forms.extend(self.energy);
        }
        if asked.timed {
            forms.push(self.compute);
            forms.extend(self.waves.map(|waves| waves.0));
            let loads =
                |list: &[(usize, usize)]| list.iter().map(|load| load.1).collect::<Vec<_>>();
            forms.extend(loads(&self.issues));
            for position in &self.positions {
                forms.extend(loads(&position.loads));
                forms.extend(loads(&position.serial));
            }
        }
        forms.sort_unstable();
        forms.dedup();
        asked.forms = forms;
        asked
    }

    fn at(&self, values: &[f64], form: usize) -> f64 {
        values[form].max(self.least[form])
    }

    fn traffic(&self, values: &[f64], form: usize) -> f64 {
        self.at(values, form) * self.repeat
    }

    fn capacity(&self, values: &[f64], form: usize) -> f64 {
        self.at(values, form) / 8.0
    }

    fn energy(&self, values: &[f64], cycles: f64) -> f64 {
        match self.energy {
            Some(form) => self.at(values, form) * self.repeat + self.static_pj * cycles,
            None => 0.0,
        }
    }

    fn cycles(&self, values: &[f64], scratch: &mut Vec<f64>) -> f64 {
        let at = |form: usize| self.at(values, form);
        let mut inside = at(self.compute).max(self.floor);
        if let Some((steps, wave)) = self.waves {
            inside += at(steps) * wave;
        }
        scratch.clear();
        scratch.resize(self.resources, 0.0);
        let mut own: f64 = 0.0;
        for &(resource, form) in &self.issues {
            scratch[resource] += at(form);
        }
        for &load in scratch.iter() {
            own = own.max(load);
        }
        inside = inside.max(own);
        for position in self.positions.iter().rev() {
            let (mut all, mut serial): (f64, f64) = (0.0, 0.0);
            for &(resource, form) in &position.loads {
                scratch[resource] += at(form);
                all = all.max(at(form));
            }
            for &(_, form) in &position.serial {
                serial = serial.max(at(form));
            }
            inside = (inside + serial).max(all);
        }
        let busy = scratch.iter().fold(0.0f64, |most, &load| most.max(load));
        let cycles = inside.max(busy) + self.wave_once;
        // A sum of rounded products can lie a little above a whole number.
        let whole = cycles.floor();
        let is_whole = cycles - whole < 1e-6 * cycles.max(1.0);
        if is_whole {
            whole * self.repeat
        } else {
            cycles.ceil() * self.repeat
        }
    }
}

impl Builder<'_> {
    fn form(&mut self, form: Form) -> usize {
        if let Some(known) = self.model.forms.iter().position(|known| *known == form) {
            return known;
        }
        self.model.forms.push(form);
        self.model.forms.len() - 1
    }

    fn resource(&mut self, name: Name, rate: Rate) -> usize {
        match self.names.iter().position(|(known, _)| *known == name) {
            Some(known) => known,
            None => {
                self.names.push((name, rate));
                self.names.len() - 1
            }
        }
    }

    /// The crossing into `child`, or to the lanes, of a tensor.
    fn crossing(&self, parent: usize, child: Option<usize>, tensor: usize) -> Option<usize> {
        let mut all = self.tables.crossed.iter();
        all.position(|c| (c.parent, c.child, c.tensor) == (parent, child, tensor))
    }

    fn build(&mut self, unique: &[f64]) {
        let problem = self.problem;
        let operation = &problem.operation;
        let architecture = &problem.architecture;
        let lanes = architecture.lanes.max(1) as f64;
        let mut compute = Form::default();
        compute.add(&Form::of(Quantity::Busiest), 1.0 / lanes);
        self.model.compute = self.form(compute);
        self.skew();
        let memories = architecture.memories.len();
        let mut energy = Form::default();
        let mut traffic = vec![Form::default(); memories];
        for (tensor, known) in operation.tensors.iter().enumerate() {
            let held = (0..memories).filter(|&m| self.skeleton.places[m][tensor].is_some());
            let chain: Vec<usize> = held.collect();
            let is_result = tensor == operation.result();
            let bits = f64::from(known.bits);
            let partial = f64::from(known.partial_bits);
            // Complete elements are narrower by this, and each leaves a memory at most once.
            let saved = (partial - bits).max(0.0) * unique[tensor];
            let mut begun = Form {
                constant: unique[tensor],
                parts: Vec::new(),
            };
            let mut arrived_outside = Form::default();
            for (number, &memory) in chain.iter().enumerate() {
                let inner = chain.get(number + 1).copied();
                let Some(c) = self.crossing(memory, inner, tensor) else {
                    continue;
                };
                let crosses = |kind| Form::of(Quantity::Crosses(c, kind));
                let above = architecture.memories[memory].arrays_above;
                let below = inner.map_or(architecture.arrays.len(), |m| {
                    architecture.memories[m].arrays_above
                });
                // What goes down, what goes up, and what passes on the arrays between.
                let (down, up, hops);
                let mut arrived = Form::default();
                let mut begun_inside = Form::default();
                if !is_result {
                    down = crosses(Kind::Needed);
                    up = Form::default();
                    hops = crosses(Kind::Tiles);
                } else if let Some(inner) = inner {
                    arrived = crosses(Kind::Needed).minus(&begun);
                    down = arrived.clone();
                    up = crosses(Kind::Held);
                    let fills = crosses(Kind::Tiles);
                    let place = self.skeleton.places[inner][tensor].unwrap_or(0);
                    let spread = self.skeleton.blocks[..place].iter();
                    let alone = !spread.clone().any(|b| matches!(b, Block::Space { .. }));
                    begun_inside = if alone {
                        Form {
                            constant: unique[tensor],
                            parts: Vec::new(),
                        }
                    } else {
                        fills.clone().minus(&arrived)
                    };
                    hops = fills.plus(&arrived);
                } else {
                    down = Form::default();
                    up = crosses(Kind::Needed);
                    hops = crosses(Kind::Tiles);
                }
                // Traffic in bytes.
                traffic[memory].add(&down, if is_result { partial } else { bits } / 8.0);
                if is_result {
                    traffic[memory].add(&up, partial.max(bits.min(partial)) / 8.0);
                    traffic[memory].constant -= saved / 8.0;
                }
                self.charge(
                    &mut energy,
                    unique,
                    tensor,
                    memory,
                    (&down, &up, &arrived_outside, number),
                );
                if let Some(prices) = &problem.prices {
                    if let (Some(inner), false) = (inner, is_result) {
                        let [_, write] = &prices.memories[inner];
                        let per = self.price(write.as_ref().ok(), tensor);
                        energy.add(&crosses(Kind::Tiles), per.0);
                    }
                    if below > above {
                        let (per, save) = self.price(prices.hop.as_ref().ok(), tensor);
                        energy.add(&hops, per);
                        if is_result {
                            energy.constant -= save * unique[tensor];
                        }
                    }
                }
                self.load(c, (memory, inner), tensor, (&down, &up), &arrived);
                if let Some(inner) = inner {
                    self.hold(c, inner, tensor);
                }
                begun = begun_inside;
                arrived_outside = arrived;
            }
        }
        if let Some(prices) = &problem.prices {
            let volume: f64 = operation.ranks.iter().map(|&r| r as f64).product();
            let density = match operation.kind {
                OperationKind::MultiplyAccumulate => operation
                    .tensors
                    .iter()
                    .filter(|t| t.role != Role::Output)
                    .map(|t| t.density)
                    .product(),
                OperationKind::Reduce | OperationKind::Elementwise => 1.0,
            };
            if let Ok(price) = &prices.operation {
                energy.constant += price.pj * volume * density;
            }
            if let Some(Ok(price)) = &prices.static_power {
                self.model.static_pj = price.pj;
            }
            self.model.energy = Some(self.form(energy));
        }
        for (memory, form) in traffic.into_iter().enumerate() {
            let form = self.form(form);
            self.model.traffic[memory] = Some(form);
        }
        self.model.positions.sort_by_key(|p| p.key);
        self.model.resources = self.names.len();
    }

    /// Every distinct element crosses each boundary at least once, and the PEs share the work at best evenly.
    fn least(&mut self, unique: &[f64]) {
        let problem = self.problem;
        let volume: f64 = problem.operation.ranks.iter().map(|&r| r as f64).product();
        let arrays = &problem.architecture.arrays;
        let least = |quantity: Quantity| match quantity {
            Quantity::Crosses(c, _) => {
                let crossed = &self.tables.crossed[c];
                let tensor = &problem.operation.tensors[crossed.tensor];
                let whole = tensor
                    .dims
                    .iter()
                    .all(|dim| dim.terms.len() == 1 && dim.constant == 0);
                if crossed.child.is_none() && whole {
                    // All lanes below one instance take an element together at best.
                    let above = problem.architecture.memories[crossed.parent].arrays_above;
                    let together: f64 = arrays[above..]
                        .iter()
                        .map(|array| array.size() as f64)
                        .product();
                    (volume / together).max(unique[crossed.tensor])
                } else {
                    unique[crossed.tensor]
                }
            }
            Quantity::Tile(_) | Quantity::Steps => 1.0,
            Quantity::Busiest => volume / problem.architecture.pes() as f64,
        };
        let forms = self.model.forms.iter();
        self.model.least = forms
            .map(|form| {
                if form.parts.iter().any(|part| part.1 < 0.0) {
                    return 0.0;
                }
                let sum = form
                    .parts
                    .iter()
                    .fold(form.constant, |sum, &(q, factor)| sum + factor * least(q));
                sum.max(0.0)
            })
            .collect();
    }

    /// What an element of `tensor` costs at least, and how much less it costs where a result is complete.
    fn price(&self, price: Option<&Price>, tensor: usize) -> (f64, f64) {
        let Some(price) = price else {
            return (0.0, 0.0);
        };
        let known = &self.problem.operation.tensors[tensor];
        let (partial, complete) = match price.per {
            Per::Bit => (
                f64::from(known.partial_bits),
                f64::from(known.bits) * known.density,
            ),
            _ => (1.0, known.density),
        };
        if known.role == Role::Output {
            (price.pj * partial, price.pj * (partial - complete).max(0.0))
        } else {
            (price.pj * complete, 0.0)
        }
    }

    /// Reads and writes of one tensor in one memory.
    fn charge(
        &self,
        energy: &mut Form,
        unique: &[f64],
        tensor: usize,
        memory: usize,
        (down, up, arrived, number): (&Form, &Form, &Form, usize),
    ) {
        let Some(prices) = &self.problem.prices else {
            return;
        };
        let [read, write] = &prices.memories[memory];
        let (read, read_saved) = self.price(read.as_ref().ok(), tensor);
        let (write, write_saved) = self.price(write.as_ref().ok(), tensor);
        if tensor != self.problem.operation.result() {
            energy.add(down, read);
            return;
        }
        // reads = sums read to be added to or handed down + sums sent up = arrivals + deliveries - ...
        if number == 0 {
            let elements: f64 = (self.problem.operation.tensors[tensor].dims.iter())
                .map(|dim| dim.extent as f64)
                .product();
            energy.add(up, read + write);
            energy.constant -= read * unique[tensor];
            energy.constant += write * (elements - unique[tensor]) - write_saved * elements;
        } else {
            energy.add(up, read + write);
            energy.add(arrived, read + write);
            energy.constant -= (read_saved + write_saved) * unique[tensor];
        }
    }

    fn skew(&mut self) {
        if self.problem.rule != TimingRule::Exact {
            return;
        }
        let architecture = &self.problem.architecture;
        let wave: f64 = (architecture.arrays.iter())
            .flat_map(|array| {
                array
                    .shape
                    .iter()
                    .map(|&n| ((n.max(1) - 1) * array.network.skew) as f64)
            })
            .sum();
        let last = architecture.memories.last().map_or(0, |m| m.level);
        let each = architecture
            .memories
            .iter()
            .any(|m| m.level == last && !m.overlaps());
        if wave > 0.0 && each {
            let steps = self.form(Form::of(Quantity::Steps));
            self.model.waves = Some((steps, wave));
        } else {
            self.model.wave_once = wave;
        }
    }

    /// The tile of a tensor in a memory.
    fn hold(&mut self, c: usize, memory: usize, tensor: usize) {
        let known = &self.problem.operation.tensors[tensor];
        let at = &self.problem.architecture.memories[memory];
        let buffers = 1.0 + f64::from(u8::from(at.double_buffered));
        let bits = f64::from(known.bits.min(known.partial_bits));
        let bits = if known.role == Role::Output {
            bits
        } else {
            f64::from(known.bits)
        };
        let old = self.model.capacity[memory].0;
        let mut form = old.map_or_else(Form::default, |old| self.model.forms[old].clone());
        form.add(&Form::of(Quantity::Tile(c)), bits * buffers);
        let form = self.form(form);
        let most = at.capacity_bits.map_or(f64::INFINITY, |bits| bits as f64);
        self.model.capacity[memory] = (Some(form), most);
        if let (true, Some(capacity)) = (at.banks > 1, at.capacity_bits) {
            let bank = (capacity / u128::from(at.banks)) as f64;
            let mut tile = Form::default();
            tile.add(&Form::of(Quantity::Tile(c)), bits);
            let tile = self.form(tile);
            match self
                .model
                .banks
                .iter_mut()
                .find(|(known, ..)| *known == memory)
            {
                Some((_, _, tiles)) => tiles.push(tile),
                None => self.model.banks.push((memory, bank, vec![tile])),
            }
        }
    }

    /// What a crossing puts on ports and links.
    fn load(
        &mut self,
        c: usize,
        (parent, child): (usize, Option<usize>),
        tensor: usize,
        (down, up): (&Form, &Form),
        arrived: &Form,
    ) {
        if self.problem.rule != TimingRule::Exact {
            return;
        }
        let architecture = &self.problem.architecture;
        let known = &self.problem.operation.tensors[tensor];
        let is_result = tensor == self.problem.operation.result();
        let bits = f64::from(known.bits);
        let partial = f64::from(known.partial_bits);
        let least = bits.min(partial);
        let above = architecture.memories[parent].arrays_above;
        let below = child.map_or(architecture.arrays.len(), |m| {
            architecture.memories[m].arrays_above
        });
        let parents = architecture.instances(parent) as f64;
        let mut loads: Vec<(Name, Rate, Form)> = Vec::new();
        let mut put = |name: Name, rate: Option<Rate>, form: &Form, factor: f64| {
            if let Some(rate) = rate {
                let mut load = Form::default();
                load.add(form, factor * rate.cycles as f64 / rate.bits as f64);
                if !load.parts.is_empty() {
                    loads.push((name, rate, load));
                }
            }
        };
        let wide = if is_result { partial } else { bits };
        let port = |memory: usize, write: bool| {
            let ports = architecture.memories[memory].ports;
            let rate = if write { ports.write() } else { ports.read() };
            let one = matches!(ports, Ports::One(_));
            (Name::Port(memory, write && !one), rate)
        };
        let (name, rate) = port(parent, false);
        put(name, rate, down, wide / parents);
        let (name, rate) = port(parent, true);
        put(name, rate, up, least / parents);
        if below > above {
            let links = architecture.arrays[above].network.links;
            let (own, rate) = if links.is_per_tensor() {
                (Some(tensor), links.rate(known.role))
            } else {
                (None, links.total())
            };
            put(Name::Link(above, own, false), rate, down, wide / parents);
            put(Name::Link(above, own, true), rate, up, least / parents);
        }
        if let Some(child) = child {
            let children = architecture.instances(child) as f64;
            let fills = Form::of(Quantity::Crosses(c, Kind::Tiles));
            let (name, rate) = port(child, true);
            put(
                name,
                rate,
                if is_result { arrived } else { &fills },
                wide / children,
            );
            let (name, rate) = port(child, false);
            if is_result {
                put(name, rate, &fills, least / children);
            }
        }
        let overlaps = child.is_none_or(|child| architecture.memories[child].overlaps());
        for (name, rate, load) in loads {
            let resource = self.resource(name, rate);
            let Some(child) = child else {
                let form = self.form(load);
                self.model.issues.push((resource, form));
                continue;
            };
            let place = self.skeleton.places[child][tensor].unwrap_or(0);
            let key = (place, architecture.memories[child].level);
            let at = match self.model.positions.iter().position(|p| p.key == key) {
                Some(at) => at,
                None => {
                    self.model.positions.push(Position {
                        key,
                        ..Position::default()
                    });
                    self.model.positions.len() - 1
                }
            };
            self.put(at, resource, load.clone(), false);
            if !overlaps {
                self.put(at, resource, load, true);
            }
        }
    }

    fn put(&mut self, at: usize, resource: usize, load: Form, serial: bool) {
        let position = &self.model.positions[at];
        let list = if serial {
            &position.serial
        } else {
            &position.loads
        };
        let old = list.iter().position(|(known, _)| *known == resource);
        let form = match old {
            Some(old) => self.model.forms[list[old].1].clone().plus(&load),
            None => load,
        };
        let form = self.form(form);
        let position = &mut self.model.positions[at];
        let list = if serial {
            &mut position.serial
        } else {
            &mut position.loads
        };
        match old {
            Some(old) => list[old].1 = form,
            None => list.push((resource, form)),
        }
    }
}
