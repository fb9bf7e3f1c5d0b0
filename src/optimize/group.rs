//! The fused design of a group that moves least, and how a person reads it.
//!
//! Problem: `Search { group: { net.a, net.b }; on: npu; minimize: traffic(DRAM); }` names layers and a chip. The memory behind
//! the backing store is the one buffer that the designs share; what is found is a tree of blocks, with the place of every
//! tensor in it. A `Fuse` block cannot say loops of one stage, so that a design is printed in its words and not written
//! as a program.

use super::emit::{head_of, stem};
use super::run::{NO_TIME, Observer};
use super::{BUDGET, Step};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::driver::Compiled;
use crate::engine::EngineLimit;
use crate::hir::search::Search;
use crate::hir::{Accelerator, Memory, Network};
use crate::ir::{Block, Body, Fate, FusedSchedule, Place};
use crate::lower::{LoweredChain, chain};
use crate::report::fused_search::{DesignReport, FusedSearchReport, PlaceReport, StageReport};
use crate::search::fused::{self, Answer, Outcome, Request};
use std::fmt::Write;
use std::time::{Duration, Instant};

/// A group that is ready to be searched.
struct Ready<'a> {
    network: &'a Network,
    accelerator: &'a Accelerator,
    memory: &'a Memory,
    chain: LoweredChain,
    request: Request,
}

/// Whether a search over a group can be made; what is wrong has been reported.
pub(super) fn check(compiled: &Compiled, search: &Search, sink: &mut Diagnostics) -> Option<()> {
    ready(compiled, search, sink).map(|_| ())
}

fn ready<'a>(compiled: &'a Compiled, search: &Search, sink: &mut Diagnostics) -> Option<Ready<'a>> {
    let program = &compiled.program;
    let network = program.networks.get(search.network)?;
    let accelerator = program.accelerators.get(search.accelerator)?;
    let recompute = search.fused?.recompute;
    let layers = (search.layers.as_slice(), search.span);
    let chain = chain(program, network, accelerator, layers, sink)?;
    let refused = match buffer(accelerator) {
        Err(why) => Some(why),
        Ok(_) => not_a_chain(&chain),
    };
    if let Some(why) = refused {
        sink.push(refusal(search, &why));
        return None;
    }
    let memory = buffer(accelerator).ok()?;
    let request = Request {
        room: room(memory),
        imperfect: search.space.imperfect,
        recompute,
        limit: u64::MAX,
        until: None,
        stop: None,
        loops: None,
    };
    if let Err(limit) = fused::check(&chain.problem) {
        sink.push(refusal(search, limit_words(&limit)));
        return None;
    }
    Some(Ready {
        network,
        accelerator,
        memory,
        chain,
        request,
    })
}

/// Bits of the buffer; half of them where it is filled while it is read.
fn room(memory: &Memory) -> u64 {
    let all = memory
        .capacity_bits
        .map_or(u64::MAX, |bits| u64::try_from(bits).unwrap_or(u64::MAX));
    if memory.double_buffered { all / 2 } else { all }
}

/// The one memory that designs lie in.
fn buffer(accelerator: &Accelerator) -> Result<&Memory, String> {
    let Some(memory) = accelerator.memories.get(1) else {
        return Err("the accelerator has no memory but the backing store".to_owned());
    };
    if memory.arrays_above > 0 {
        return Err(format!(
            "its buffer, `{}`, is inside of an array",
            memory.name
        ));
    }
    let holds = &memory.holds;
    if !(holds.input && holds.weight && holds.output) {
        return Err(format!(
            "its buffer, `{}`, does not hold all tensors",
            memory.name
        ));
    }
    Ok(memory)
}

fn not_a_chain(chain: &LoweredChain) -> Option<String> {
    let mut tensors = chain.tensors.iter().zip(&chain.escapes);
    if let Some((name, _)) = tensors.find(|(_, escapes)| **escapes) {
        return Some(format!(
            "`{name}` is read outside of the group too, and would have to be written out"
        ));
    }
    let result = chain.problem.layers.last()?.accesses.last()?.tensor;
    let bits = chain.problem.tensors.get(result)?.bits;
    (bits != chain.partial_bits).then(|| {
        "sums of its last layer have a format of their own, and what leaves before they are complete is not counted in it"
            .to_owned()
    })
}

fn limit_words(limit: &EngineLimit) -> &'static str {
    match limit {
        EngineLimit::Overflow => "a count is larger than 2^64",
        EngineLimit::TooManyClasses => {
            "it has more than 12 layers or 64 tensors, or ranks that move together make more than 131,072 steps"
        }
        _ => {
            "its layers are no chain in which each reads the result of the one before and nothing twice, or its indices \
             leave gaps"
        }
    }
}

fn refusal(search: &Search, why: &str) -> Diagnostic {
    Diagnostic::new(Code::E0602, format!("the group cannot be searched: {why}"))
        .at(search.span, "this search")
}

/// Searches a group; `None` when something is wrong with it, which has been reported.
pub fn group(
    compiled: &Compiled,
    search: &Search,
    budget: Option<Duration>,
    sink: &mut Diagnostics,
    observer: &mut dyn Observer,
    timings: bool,
) -> Option<FusedSearchReport> {
    let ready = ready(compiled, search, sink)?;
    let step = Step {
        done: 0,
        total: 1,
        layer: &search.name,
    };
    if !observer.begin(&step) {
        return None;
    }
    let budget = budget.or(search.budget).unwrap_or(BUDGET);
    let start = Instant::now();
    let request = Request {
        until: Some(start + budget),
        stop: observer.stop(),
        ..ready.request
    };
    match fused::search(&ready.chain.problem, &request) {
        Ok(outcome) => Some(report(
            search,
            &ready,
            &outcome,
            timings.then(|| start.elapsed().as_secs_f64()),
        )),
        Err(limit) => {
            sink.push(refusal(search, limit_words(&limit)));
            None
        }
    }
}

fn bytes(bits: u128) -> f64 {
    bits as f64 / 8.0
}

fn report(
    search: &Search,
    ready: &Ready<'_>,
    outcome: &Outcome,
    seconds: Option<f64>,
) -> FusedSearchReport {
    let chain = &ready.chain;
    let least = bytes(u128::from(outcome.compulsory_bits));
    let best = outcome.best.as_ref().map(|answer| design(ready, answer));
    let moved = best.as_ref().map(|best| best.dram_bytes);
    let bound = match moved {
        Some(moved) if outcome.proved => moved,
        _ => least,
    };
    FusedSearchReport {
        name: search.name.clone(),
        network: ready.network.label(),
        layers: chain
            .layers
            .iter()
            .map(|layer| layer.name.clone())
            .collect(),
        accelerator: ready.accelerator.label(),
        memory: ready.memory.name.clone(),
        capacity_bytes: ready.memory.capacity_bits.map(bytes),
        tiles: if search.space.imperfect {
            "imperfect"
        } else {
            "perfect"
        }
        .to_owned(),
        recompute: if ready.request.recompute {
            "allowed"
        } else {
            "never"
        }
        .to_owned(),
        evaluated: outcome.nodes,
        seconds,
        proved: outcome.proved,
        lower_bound: moved.map(|_| bound),
        gap: moved.map(|moved| {
            if moved > 0.0 {
                1.0 - bound / moved
            } else {
                0.0
            }
        }),
        reason: match (&best, outcome.proved) {
            (Some(_), _) => None,
            (None, true) => Some(format!("no design fits into `{}`", ready.memory.name)),
            (None, false) => Some(NO_TIME.to_owned()),
        },
        best,
    }
}

fn design(ready: &Ready<'_>, answer: &Answer) -> DesignReport {
    let chain = &ready.chain;
    let counts = &answer.counts;
    let places = answer
        .schedule
        .places
        .iter()
        .zip(&counts.tensors)
        .enumerate();
    let tensors = places.map(|(tensor, (place, known))| {
        let bits = chain
            .problem
            .tensors
            .get(tensor)
            .map_or(0, |known| known.bits);
        let size = |elements: u64| bytes(u128::from(elements) * u128::from(bits));
        PlaceReport {
            tensor: name(chain, tensor),
            fate: fate(chain, tensor, place, known.reads).to_owned(),
            reads: known.reads,
            writes: known.writes,
            window: known.window,
            window_bytes: size(known.window),
            dram_bytes: size(known.reads) + size(known.writes),
        }
    });
    let layers = chain
        .layers
        .iter()
        .zip(&chain.problem.layers)
        .zip(&counts.operations);
    let stages = layers.map(|((layer, known), &operations)| StageReport {
        layer: layer.name.clone(),
        operations,
        operations_unique: known.ranks.iter().product(),
    });
    DesignReport {
        dram_bytes: bytes(counts.moved_bits),
        needed_bytes: bytes(counts.needed_bits),
        tensors: tensors.collect(),
        stages: stages.collect(),
        design: text(ready, answer),
        sayable: is_sayable(&answer.schedule),
    }
}

fn name(chain: &LoweredChain, tensor: usize) -> String {
    chain.tensors.get(tensor).cloned().unwrap_or_default()
}

fn is_inner(chain: &LoweredChain, tensor: usize) -> bool {
    let last = chain.layers.len().saturating_sub(1);
    let maker = chain
        .problem
        .tensors
        .get(tensor)
        .and_then(|known| known.producer);
    maker.is_some_and(|maker| maker < last)
}

/// What becomes of what leaves its place.
fn fate(chain: &LoweredChain, tensor: usize, place: &Place, reads: u64) -> &'static str {
    let all = chain
        .problem
        .tensors
        .get(tensor)
        .map_or(0, |known| known.extents.iter().product());
    match (is_inner(chain, tensor), place.fate) {
        (true, Fate::Retain) => "retain",
        (true, Fate::Recompute) => "recompute",
        (true, Fate::Refetch) => "refetch",
        (false, _) if is_result(chain, tensor) && reads > 0 => "refetch",
        (false, _) if !is_result(chain, tensor) && reads > all => "refetch",
        (false, _) => "retain",
    }
}

fn is_result(chain: &LoweredChain, tensor: usize) -> bool {
    let last = chain
        .problem
        .layers
        .last()
        .and_then(|layer| layer.accesses.last());
    last.is_some_and(|access| access.tensor == tensor)
}

/// The tree in the words of a fused block, loops of one stage in the braces behind its `run`.
fn text(ready: &Ready<'_>, answer: &Answer) -> String {
    let layers: Vec<&str> = ready
        .chain
        .layers
        .iter()
        .map(|layer| layer.name.as_str())
        .collect();
    let mut written = Written {
        ready,
        answer,
        out: String::new(),
    };
    written.line(0, &format!("Fuse {} {{", layers.join(", ")));
    written.block(&answer.schedule.root, &mut Vec::new(), 1);
    written.line(0, "}");
    written.out
}

/// Whether a fused block of a program has all of its words: one list of loops, and everything above the stages.
fn is_sayable(schedule: &FusedSchedule) -> bool {
    let alone = |block: &Block| block.loops.is_empty() && matches!(block.body, Body::Layer(_));
    let flat = match &schedule.root.body {
        Body::Layer(_) => true,
        Body::Blocks(blocks) => blocks.iter().all(alone),
    };
    flat && schedule.places.iter().all(|place| place.block.is_empty())
}

/// A map that `eval` accepts and that moves and needs the same.
///
/// # Errors
/// Why there is none.
pub fn emit(
    compiled: &Compiled,
    search: &Search,
    found: &FusedSearchReport,
    all_parameters: bool,
) -> Result<String, String> {
    let program = &compiled.program;
    let network = program.networks.get(search.network);
    let accelerator = program.accelerators.get(search.accelerator);
    let (Some(best), Some(network), Some(accelerator)) = (&found.best, network, accelerator) else {
        return Err(format!("nothing was found for `{}`", search.name));
    };
    if !best.sayable {
        return Err(format!(
            "what was found for `{}` has loops of one layer, or blocks in blocks, which a program cannot say",
            search.name
        ));
    }
    let mut out = head_of((network, accelerator), stem(search), all_parameters);
    for line in best.design.lines() {
        let _ = writeln!(out, "  {line}");
    }
    out.push_str("}\n");
    Ok(out)
}

struct Written<'a> {
    ready: &'a Ready<'a>,
    answer: &'a Answer,
    out: String,
}

impl Written<'_> {
    fn line(&mut self, depth: usize, text: &str) {
        let _ = writeln!(self.out, "{}{text}", "  ".repeat(depth));
    }

    fn block(&mut self, block: &Block, path: &mut Vec<usize>, depth: usize) {
        self.places(path, 0, depth);
        let chain = &self.ready.chain;
        let head = block.head().unwrap_or(0);
        let (layer, ranks) = match chain.layers.get(head) {
            Some(known) => (known.name.clone(), known.ranks.clone()),
            None => (String::new(), Vec::new()),
        };
        let mut inner = depth;
        for (at, tile) in block.loops.iter().enumerate() {
            let rank = ranks.get(tile.rank).map_or("", String::as_str);
            self.line(inner, &format!("tile {layer}.{rank} by {} {{", tile.size));
            inner += 1;
            self.places(path, at + 1, inner);
        }
        if let Body::Blocks(blocks) = &block.body {
            self.line(inner, "sequence {");
            for (at, child) in blocks.iter().enumerate() {
                path.push(at);
                self.part(child, path, inner + 1);
                path.pop();
            }
            self.line(inner, "}");
        }
        for back in (depth..inner).rev() {
            self.line(back, "}");
        }
    }

    /// One of the blocks that run one after the other.
    fn part(&mut self, block: &Block, path: &mut Vec<usize>, depth: usize) {
        let opening = match &block.body {
            Body::Layer(layer) => {
                let name = self.ready.chain.layers.get(*layer);
                format!("run {}", name.map_or("", |layer| layer.name.as_str()))
            }
            Body::Blocks(_) => String::new(),
        };
        let placed = self
            .answer
            .schedule
            .places
            .iter()
            .any(|place| place.block == *path);
        if !opening.is_empty() && block.loops.is_empty() && !placed {
            self.line(depth, &format!("{opening};"));
            return;
        }
        self.line(depth, format!("{opening} {{").trim_start());
        self.block(block, path, depth + 1);
        self.line(depth, "}");
    }

    fn places(&mut self, path: &[usize], loops: usize, depth: usize) {
        let chain = &self.ready.chain;
        let places = self.answer.schedule.places.iter();
        let places = places.zip(&self.answer.counts.tensors).enumerate();
        for (tensor, (place, counts)) in places {
            if place.block != path || place.loops != loops {
                continue;
            }
            let memory = &self.ready.memory.name;
            let mut text = format!("retain {} in {memory};", name(chain, tensor));
            match fate(chain, tensor, place, counts.reads) {
                "recompute" => {
                    let _ = write!(text, " recompute {};", name(chain, tensor));
                }
                "refetch" => {
                    let store = self.ready.accelerator.memories.first();
                    let store = store.map_or("", |memory| memory.name.as_str());
                    let _ = write!(text, " refetch {} from {store};", name(chain, tensor));
                }
                _ => {}
            }
            let _ = writeln!(self.out, "{}{text}", "  ".repeat(depth));
        }
    }
}
