//! The runner with a model that is one folder and one line of the registry.

use super::{Cache, Request, Selection, Until, run};
use crate::base::limits;
use crate::diag::{Diagnostic, Diagnostics};
use crate::driver::{Compiled, MemoryFiles, Session};
use crate::lower::Options;
use crate::models::{self, Model};
use crate::report::{Evaluation, Report, csv, json, text};

const TEXT: &str = "Network net {
  Layer fc { Type: FC; Dimensions { N: 2, K: 6, C: 5 } }
  Layer pool { Type: POOL; Dimensions { N: 1, C: 4, Y: 4, X: 4, R: 2, S: 2 } Stride { Y: 2; X: 2 } Inputs: external; }
}
Technology t { mac(INT8): 1pJ; op(INT8): 1pJ; read(DRAM): 1pJ/bit; write(DRAM): 1pJ/bit; read(SRAM, 64B): 1pJ/bit; write(SRAM, 64B): 1pJ/bit; hop: 0pJ/bit; }
Accelerator acc {
  Technology: t; Clock: 1GHz;
  Memory DRAM {} Array PE { Shape: [4] } Memory RF { Size: 64 } Compute MAC { Lanes: 1 }
}
Map net on acc { }";

fn compiled() -> Compiled {
    let compiled = Session::new(MemoryFiles::new().with("a.dflow", TEXT)).load("a.dflow");
    let messages: Vec<_> = compiled.diagnostics.iter().collect();
    assert!(messages.is_empty(), "{messages:#?}");
    compiled
}

fn evaluate(models: &[&dyn Model], layer: Option<&str>) -> (Vec<Evaluation>, Vec<Diagnostic>) {
    let compiled = compiled();
    let mut sink = Diagnostics::new();
    let request = Request {
        selection: &Selection::named(&compiled, None, layer).unwrap(),
        models,
        until: Until::Evaluated,
        options: Options::default(),
        warnings: false,
    };
    let evaluations = run(&compiled, &request, &mut Cache::default(), &mut sink);
    (evaluations, sink.into_sorted(9).list)
}

// 2 * 6 * 5 products on 4 PEs, 10 cycles before: 25, of which each costs 2 pJ.
#[test]
fn a_model_of_closed_forms_is_reported_in_every_form() {
    let toy = models::by_name("toy").unwrap();
    let (evaluations, found) = evaluate(&[toy], Some("fc"));
    assert_eq!(found, []);
    let report = Report::new("a.dflow", evaluations);
    let written = json::write(&report).unwrap();
    let value: serde_json::Value = serde_json::from_str(&written).unwrap();
    let evaluation = &value["evaluations"][0];
    assert_eq!(evaluation["model"], "toy");
    let layer = &evaluation["layers"][0];
    assert_eq!(layer["macs"], 60);
    assert_eq!(layer["cycles"], 25);
    assert_eq!(layer["cycles_by"]["startup"], 10);
    assert_eq!(layer["bound"], "compute");
    assert_eq!(layer["energy_pj"]["clock"], 50.0);
    assert_eq!(layer["energy_terms"][0]["entry"], "toy.clock");
    assert_eq!(layer["utilization"], 0.6);
    assert_eq!(
        layer["figures"][0],
        serde_json::json!({
            "name": "points", "value": 60.0, "unit": "operations", "from": "the product of the ranks"
        })
    );
    // What only a mapping has is not there.
    for key in [
        "levels",
        "reuse",
        "boundaries",
        "resources",
        "formats",
        "steps",
        "pes_used",
        "refill",
    ] {
        assert!(layer.get(key).is_none(), "{key}");
    }
    assert!(value.get("searches").is_none() && value.get("explorations").is_none());
    assert_eq!(evaluation["totals"]["cycles"], 25);
    let shown = text::write(&report, true, crate::report::WIDTH);
    assert!(
        shown.contains("(toy model)") && shown.contains("startup"),
        "{shown}"
    );
    assert!(shown.contains("the product of the ranks"), "{shown}");
    let table = csv::write(&report);
    let mut rows = table.lines().map(|row| row.split(',').collect::<Vec<_>>());
    let (header, row) = (rows.next().unwrap(), rows.next().unwrap());
    let cell = |name: &str| row[header.iter().position(|known| *known == name).unwrap()];
    assert_eq!(
        (cell("cycles"), cell("figure points"), cell("steps")),
        ("25", "60", "")
    );
}

#[test]
fn a_model_that_does_not_apply_has_no_evaluation_and_says_why() {
    let toy = models::by_name("toy").unwrap();
    let (evaluations, found) = evaluate(&[models::DEFAULT, toy], None);
    let names: Vec<&str> = evaluations.iter().map(|one| one.model.as_str()).collect();
    assert_eq!(names, ["exact"]);
    assert_eq!(evaluations[0].layers.len(), 2);
    let [refusal] = &found[..] else {
        panic!("{found:#?}");
    };
    assert_eq!(refusal.code.as_str(), "E0601");
    assert_eq!(
        refusal.message,
        "the model `toy` does not apply: layer `pool` has no products"
    );
}

#[test]
fn evaluations_stand_model_by_model() {
    let (evaluations, found) = evaluate(&models::REGISTRY[..2], Some("fc"));
    assert_eq!(found, []);
    let names: Vec<&str> = evaluations.iter().map(|one| one.model.as_str()).collect();
    assert_eq!(names, ["exact", "maestro"]);
}

#[test]
fn nothing_is_evaluated_where_nothing_has_the_name() {
    let compiled = compiled();
    let unknown = |map, layer| {
        Selection::named(&compiled, map, layer)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        unknown(Some("nte"), None),
        "has no map `nte`; it has net on acc"
    );
    assert_eq!(
        unknown(None, Some("poll")),
        "has no layer `poll`; did you mean `pool`?"
    );
}

/// A group whose analysis is remembered has the same report, and takes as much of an allowance.
#[test]
fn a_group_that_is_remembered_costs_what_it_cost() {
    let text = "Network net {
      Layer a { Type: CONV; Dimensions { K: 4, C: 3, Y: 12, X: 12, R: 3, S: 3 } }
      Layer b { Type: CONV; Dimensions { K: 4, C: 4, Y: 10, X: 10, R: 3, S: 3 } }
    }
    Accelerator acc {
      Memory DRAM { Bandwidth: 8B/cycle } Memory GLB { Size: 64KiB } Array PE { Shape: [4] } Memory RF { } Compute MAC { }
    }
    Map net on acc { Fuse a, b { tile b.P by 2 { retain b.Input in GLB; } } }";
    let compiled = Session::new(MemoryFiles::new().with("a.dflow", text)).load("a.dflow");
    let mut cache = Cache::default();
    let mut evaluated = || {
        let mut sink = Diagnostics::new();
        let request = Request {
            selection: &Selection::all(&compiled),
            models: &[models::DEFAULT],
            until: Until::Evaluated,
            options: Options::default(),
            warnings: false,
        };
        let work = || run(&compiled, &request, &mut cache, &mut sink);
        let (evaluations, outcome, used) = limits::within(1 << 30, None, work);
        assert_eq!(outcome, limits::Outcome::Finished);
        assert_eq!(evaluations[0].groups.len(), 1);
        let report = json::write(&Report::new("a.dflow", evaluations)).unwrap();
        (report, used)
    };
    let first = evaluated();
    assert!(first.1 > 0);
    assert_eq!(evaluated(), first);
}
