//! A model of one folder and one line of the registry, for tests: every PE does one operation per cycle, and a word
//! of startup comes before.

use super::{Estimate, Failure, Figure, Model, Part, Pricing, Subject, Why};
use crate::cost::{Area, AreaAbsent, Component, Cost, CostError, Energy, EnergyTerm, Per, Price};
use crate::ir::OperationKind;

pub struct Toy;

/// Cycles before the first operation.
const STARTUP: u64 = 10;

impl Model for Toy {
    fn name(&self) -> &'static str {
        "toy"
    }

    fn summary(&self) -> &'static str {
        "One operation per PE and cycle, for tests"
    }

    fn schedules(&self) -> &'static [&'static str] {
        &["straight"]
    }

    fn applies(&self, subject: &Subject<'_>) -> Result<(), Why> {
        if let Subject::Named { schedule, .. } = subject
            && !self.schedules().contains(schedule)
        {
            return Err(Why::new(format!("has the unknown schedule `{schedule}`")));
        }
        match subject.problem().operation.kind {
            OperationKind::MultiplyAccumulate => Ok(()),
            _ => Err(Why::new("has no products").help("leave it out with `--layer`")),
        }
    }

    fn estimate(&self, subject: &Subject<'_>) -> Result<Estimate, Failure> {
        let problem = subject.problem();
        let volume = problem.operation.volume().unwrap_or(u128::MAX);
        let volume = u64::try_from(volume)
            .map_err(|_| Failure::Own(Why::new("is too large").code("E0602")))?;
        let compute = volume.div_ceil(problem.architecture.pes().max(1));
        Ok(Estimate {
            cycles: compute + STARTUP,
            counts: None,
            parts: vec![
                Part {
                    name: "compute".into(),
                    cycles: compute,
                },
                Part {
                    name: "startup".into(),
                    cycles: STARTUP,
                },
            ],
            figures: vec![Figure {
                name: "points".into(),
                value: volume as f64,
                unit: "operations",
                from: "the product of the ranks".into(),
            }],
            parts_of: 1,
        })
    }

    fn price(
        &self,
        _subject: &Subject<'_>,
        estimate: &Estimate,
        _pricing: &Pricing<'_>,
    ) -> Result<Option<Cost>, Vec<CostError>> {
        let cycles = estimate.cycles;
        Ok(Some(Cost {
            energy: Energy {
                terms: vec![EnergyTerm {
                    component: Component::Own("clock"),
                    count: cycles.into(),
                    effective: cycles as f64,
                    price: Price {
                        pj: 2.0,
                        per: Per::Cycle,
                        label: "toy.clock".into(),
                    },
                    pj: cycles as f64 * 2.0,
                    dense_pj: cycles as f64 * 2.0,
                }],
                total_pj: cycles as f64 * 2.0,
                dense_total_pj: cycles as f64 * 2.0,
            },
            area: Area::Absent(AreaAbsent::NoEntries),
        }))
    }
}
