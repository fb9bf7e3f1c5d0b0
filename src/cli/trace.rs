//! `dflowc trace FILE --layer L`

use super::args::{Trace as Arguments, TraceFormat};
use super::output::{Failure, Output, Status};
use super::pipeline::{load, options, runnable, search_maps, select};
use crate::diag::Diagnostics;
use crate::engine::oracle::{self, Refusal, Source, TraceStep};
use crate::evaluate::{self, Cache, LayerOutcome, Observer, Request, Until};
use crate::lower::Lowered;
use crate::report::trace::{Arrived, Held, Trace, TracedStep, picture, text, tile};

/// Steps that are shown when nobody says how many.
const STEPS: u64 = 8;

/// Interprets the layer and writes down what its memories hold.
pub fn run(arguments: &Arguments, output: &Output) -> Result<Status, Failure> {
    let wanted = steps(arguments.steps.as_deref())?;
    let (mut compiled, mut sink) = load(&arguments.file, &arguments.selection.settings);
    let mut found = Vec::new();
    if runnable(&compiled, &sink) {
        let selection = select(&compiled, &arguments.selection, &arguments.file)?;
        search_maps(&mut compiled, &selection, &mut sink);
        let request = Request {
            selection: &selection,
            models: &[],
            until: Until::Checked,
            options: options(arguments.mapping),
            warnings: false,
        };
        let mut legal = Legal {
            sink,
            layers: Vec::new(),
        };
        evaluate::run(&compiled, &request, &mut Cache::default(), &mut legal);
        sink = legal.sink;
        for (map, lowered) in legal.layers {
            let steps = oracle::trace(&lowered.mapping, arguments.limit, wanted.0..wanted.1);
            let steps = steps.map_err(|refusal| refused(&refusal, &lowered, arguments.limit))?;
            let map = compiled.program.maps.get(map);
            found.push(Trace {
                schema: "dflow.trace/1",
                file: arguments.file.display().to_string(),
                map: map.map_or_else(String::new, |map| map.name.clone()),
                layer: lowered.names.layer.clone(),
                loops: loops(&lowered),
                steps: steps.iter().map(|step| named(step, &lowered)).collect(),
            });
        }
    }
    let status = output.diagnostics(&compiled.sources, sink, false)?;
    if status != Status::Clean {
        return Ok(status);
    }
    let Some(first) = found.first() else {
        return Err(Failure(
            "no layer is mapped by loops of its own: fused layers and schedules with a name are not traced".to_owned(),
        ));
    };
    if found.len() > 1 && arguments.report == TraceFormat::Svg {
        return Err(Failure(
            "a picture is of one layer: say which with `--layer`, and with `--map` if several have it".to_owned(),
        ));
    }
    let written = match arguments.report {
        TraceFormat::Text => found.iter().map(text).collect::<Vec<_>>().join("\n"),
        TraceFormat::Svg => picture(first),
        TraceFormat::Json => {
            let json = serde_json::to_string_pretty(&found);
            json.map_err(|error| Failure(format!("cannot write the trace as JSON: {error}")))?
                + "\n"
        }
    };
    output.result_to(&written, arguments.output.as_deref())?;
    Ok(status)
}

/// `A..B`, both among the steps, or one number.
fn steps(text: Option<&str>) -> Result<(u64, u64), Failure> {
    let Some(text) = text else {
        return Ok((0, STEPS));
    };
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    let number = |part: &str| part.trim().parse::<u64>().ok();
    match (number(from), number(to)) {
        (Some(from), Some(to)) if from <= to && to < u64::MAX => Ok((from, to + 1)),
        _ => Err(Failure(format!(
            "`{text}` is no range of steps: write `0..7`, or the number of one step"
        ))),
    }
}

fn refused(refusal: &Refusal, lowered: &Lowered, limit: u64) -> Failure {
    let layer = &lowered.names.layer;
    Failure(match refusal {
        Refusal::TooLarge => format!(
            "`{layer}` needs more than {limit} operations or steps; `--limit` allows more, and a smaller layer of the same \
             dataflow shows the same"
        ),
        _ => format!("`{layer}` cannot be interpreted"),
    })
}

struct Legal {
    sink: Diagnostics,
    layers: Vec<(usize, Lowered)>,
}

impl Observer for Legal {
    fn diagnostics(&mut self) -> &mut Diagnostics {
        &mut self.sink
    }

    fn layer(&mut self, outcome: LayerOutcome<'_>) {
        let lowered = outcome.planned.and_then(|planned| planned.lowered);
        if let (Some(mut lowered), Some(checked)) = (lowered, outcome.checked) {
            // With the places that were chosen where the program says none.
            lowered.mapping = (*checked.legal).clone();
            self.layers.push((outcome.map, lowered));
        }
    }
}

/// What each loop outside the leaf tile walks over.
fn loops(lowered: &Lowered) -> Vec<String> {
    let schedule = &lowered.mapping.schedule;
    let names = &lowered.names;
    let axis = |axis: crate::ir::Axis| match axis {
        crate::ir::Axis::Rank(rank) => names.ranks.get(rank.index()).cloned(),
        crate::ir::Axis::Window(window) => names.windows.get(usize::from(window)).cloned(),
    };
    let loops = schedule.loops.iter().take(schedule.leaf);
    loops
        .map(|l| {
            let moves: Vec<String> = l.moves.iter().filter_map(|m| axis(m.axis)).collect();
            moves.join("+")
        })
        .collect()
}

fn named(step: &TraceStep, lowered: &Lowered) -> TracedStep {
    let names = &lowered.names;
    let name = |list: &[String], at: usize| list.get(at).cloned().unwrap_or_default();
    let memories = step.instances.iter().map(|one| Held {
        memory: name(&names.memories, one.memory),
        instance: one.instance,
        tensor: name(&names.tensors, one.tensor),
        works: one.works,
        tile: tile(&one.held),
        held: one.held.clone(),
        arrived: one
            .arrived
            .iter()
            .map(|(element, source)| Arrived {
                element: element.clone(),
                from: word(*source),
            })
            .collect(),
        left: one.left.clone(),
    });
    TracedStep {
        step: step.number,
        index: step.index.clone(),
        memories: memories.collect(),
    }
}

fn word(source: Source) -> &'static str {
    match source {
        Source::Parent => "parent",
        Source::Multicast => "multicast",
        Source::Neighbour => "neighbour",
        Source::Begun => "begun",
        Source::Sum => "sum",
    }
}
