//! `dflowc oracle FILE [--compare]`
//!
//! The interpreter takes the place of a model: the same run, with counts of its own.

use super::args::Oracle;
use super::output::{Failure, Output, Status};
use super::pipeline::{Outcome, load, options, runnable, search_maps, select};
use super::{dump, groups};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::engine::fused::{Flow, count_on, oracle as group_oracle};
use crate::engine::oracle;
use crate::evaluate::{
    self, Cache, GroupOutcome, LayerOutcome, Observer, Request, Until, limit_diagnostic,
};
use crate::ir::{FusedGroup, Memory};
use crate::models::{Estimate, Failure as NoEstimate, Model, Subject, Why, exact_counts};
use crate::report::{Evaluation, Report, text};

/// Interprets and reports; with `--compare`, reports differences and fails when there are any.
pub fn run(arguments: &Oracle, output: &Output) -> Result<Status, Failure> {
    let outcome = interpret(arguments)?;
    let status = output.diagnostics(&outcome.sources, outcome.diagnostics, false)?;
    if status != Status::Clean {
        return Ok(status);
    }
    let Interpreted {
        evaluations,
        differences,
    } = outcome.value;
    let layers: usize = evaluations
        .iter()
        .map(|evaluation| evaluation.totals.layers)
        .sum();
    if !differences.is_empty() {
        output.result(format!("{}\n", differences.join("\n")).as_bytes())?;
        return Ok(Status::Errors);
    }
    let report = Report::new(arguments.file.display().to_string(), evaluations);
    let mut result = text::write(
        &report,
        arguments.selection.layer.is_some(),
        output.width(None),
    );
    if arguments.compare {
        result += &format!("\nengine and oracle agree on {layers} layers\n");
    }
    output.result(result.as_bytes())
}

/// What the interpreter counted, by layer; with `--compare`, the differences to the engine.
struct Interpreted {
    evaluations: Vec<Evaluation>,
    /// One line per difference; empty when engine and interpreter agree.
    differences: Vec<String>,
}

fn interpret(arguments: &Oracle) -> Result<Outcome<Interpreted>, Failure> {
    let (mut compiled, mut sink) = load(&arguments.file, &arguments.selection.settings);
    if runnable(&compiled, &sink) {
        let selection = select(&compiled, &arguments.selection, &arguments.file)?;
        search_maps(&mut compiled, &selection, &mut sink);
    }
    let mut comparison = Comparison {
        sink,
        compare: arguments.compare,
        differences: Vec::new(),
    };
    let mut evaluations = Vec::new();
    if runnable(&compiled, &comparison.sink) {
        let interpreter = Interpreter {
            limit: arguments.limit,
        };
        let request = Request {
            selection: &select(&compiled, &arguments.selection, &arguments.file)?,
            models: &[&interpreter],
            until: Until::Evaluated,
            options: options(arguments.mapping),
            warnings: false,
        };
        let cache = &mut Cache::default();
        evaluations = evaluate::run(&compiled, &request, cache, &mut comparison);
    }
    Ok(Outcome {
        sources: compiled.sources,
        diagnostics: comparison.sink,
        value: Interpreted {
            evaluations,
            differences: comparison.differences,
        },
    })
}

/// The naive interpreter in the place of a model; no layer of more than `limit` operations or steps.
struct Interpreter {
    limit: u64,
}

impl Model for Interpreter {
    fn name(&self) -> &'static str {
        "oracle"
    }

    fn summary(&self) -> &'static str {
        "The naive interpreter, step by step and element by element"
    }

    fn applies(&self, _subject: &Subject<'_>) -> Result<(), Why> {
        Ok(())
    }

    fn applies_to_groups(&self) -> Result<(), Why> {
        Ok(())
    }

    fn estimate(&self, subject: &Subject<'_>) -> Result<Estimate, NoEstimate> {
        let limit = self.limit;
        let Subject::Loops(mapping) = subject else {
            return Err(NoEstimate::Own(Why::new("has no loops to interpret")));
        };
        let counted = oracle::run(mapping, limit).map_err(|refusal| {
            let reason = match refusal {
                oracle::Refusal::TooLarge => {
                    format!("it needs more than {limit} operations or steps")
                }
                oracle::Refusal::Overflow => "a count is larger than 2^64".to_owned(),
                oracle::Refusal::Uncovered(point) => format!("{point:?} is not covered"),
                oracle::Refusal::Doubled(point) => format!("{point:?} is done twice"),
            };
            NoEstimate::Own(
                Why::new(format!("cannot be interpreted: {reason}"))
                    .code("E0602")
                    .help("make the layer smaller, or raise `--limit`"),
            )
        })?;
        Ok(Estimate::counted(counted))
    }

    fn group(
        &self,
        group: &FusedGroup,
        rates: &[u64],
        memories: &[Memory],
    ) -> Result<Option<Flow>, NoEstimate> {
        let limit = self.limit;
        let counted = group_oracle::run_on(group, rates, memories, limit);
        counted.map(Some).map_err(|refusal| match refusal {
            group_oracle::Refusal::TooLarge => NoEstimate::Own(
                Why::new(format!(
                    "cannot be interpreted: it needs more than {limit} cells of masks"
                ))
                .code("E0602")
                .help("make the layers smaller, or raise `--limit`"),
            ),
        })
    }
}

/// Sets what the interpreter counted beside what the engine counts.
struct Comparison {
    sink: Diagnostics,
    compare: bool,
    differences: Vec<String>,
}

impl Observer for Comparison {
    fn diagnostics(&mut self) -> &mut Diagnostics {
        &mut self.sink
    }

    fn layer(&mut self, outcome: LayerOutcome<'_>) {
        let planned = outcome.planned.and_then(|planned| planned.lowered);
        let estimate = outcome
            .figures
            .first()
            .and_then(|figures| figures.estimate.as_ref());
        let counted = estimate.and_then(|estimate| estimate.counts.as_ref());
        let (Some(lowered), Some(checked), Some(counted), true) =
            (planned, outcome.checked, counted, self.compare)
        else {
            return;
        };
        let names = &lowered.names;
        match exact_counts(&checked.legal) {
            Ok(engine) if engine == *counted => {}
            Ok(engine) => {
                let found = dump::differences(&names.layer, &engine, counted);
                self.differences.extend(found);
            }
            Err(limit) => self.sink.push(limit_diagnostic(&limit, names)),
        }
    }

    fn group(&mut self, outcome: &GroupOutcome<'_>) {
        let (Some(checked), Some(counted), true) = (outcome.checked, outcome.counted, self.compare)
        else {
            return;
        };
        let lowered = checked.lowered;
        match count_on(&lowered.group, &checked.rates(), &checked.memories) {
            Ok(engine) => self
                .differences
                .extend(groups::differences(lowered, &engine, counted)),
            Err(limit) => self.sink.push(
                Diagnostic::new(
                    Code::E0602,
                    format!(
                        "group `{}` cannot be interpreted: the engine has nothing to compare ({limit:?})",
                        lowered.name
                    ),
                )
                .at(lowered.span, "this group")
                .help("make the layers smaller, or raise `--limit`"),
            ),
        }
    }
}
