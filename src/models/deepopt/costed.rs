//! What a layer costs under one schedule, as a choice among schedules wants it.
//!
//! [`Model::estimate`](crate::models::Model::estimate) refuses a schedule whose stalls have no bound, for there are no cycles to
//! report. Its energy is known all the same, and the published tables have it; here the delay is `None` then.

use super::estimate::{DenseEnergy, Estimate};
use super::layer::{Layer, Machine};
use super::model::evaluated;
use super::price;
use super::schedule::Schedule;
use super::select::Choice;
use crate::cost::CostError;
use crate::models::{Pricing, Problem, Subject, Why};

/// A layer of a machine under a schedule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Costed {
    pub layer: Layer,
    pub machine: Machine,
    /// Counts and cycles; its energies are 0.
    pub closed: Estimate,
    /// pJ of all runs. `None` without prices, or where power is charged for cycles without a bound.
    pub energy: Option<f64>,
    /// Cycles of all runs; `None` without a bound.
    pub delay: Option<u64>,
}

/// Why nothing is said of a schedule.
#[derive(Clone, Debug, PartialEq)]
pub enum Uncosted {
    /// The model does not describe it, or it does not fit.
    Refused(Why),
    /// Every action without a price.
    Unpriced(Vec<CostError>),
}

impl Costed {
    /// Evaluates and prices a problem under a schedule.
    ///
    /// # Errors
    /// [`Uncosted`]
    pub fn of(
        problem: Problem<'_>,
        schedule: Schedule,
        pricing: Option<&Pricing<'_>>,
        dense: DenseEnergy,
    ) -> Result<Costed, Uncosted> {
        let subject = Subject::Named {
            problem,
            schedule: schedule.name(),
        };
        let found = evaluated(&subject).map_err(Uncosted::Refused)?;
        let delay = found.closed.delay();
        let energy = match pricing {
            Some(pricing) => price::energy(problem, &found, delay, dense, pricing)
                .map_err(Uncosted::Unpriced)?
                .map(|energy| energy.total_pj),
            None => None,
        };
        Ok(Costed {
            layer: found.layer,
            machine: found.machine,
            closed: found.closed,
            energy,
            delay,
        })
    }

    /// Energy and delay; an energy that is not known is infinite.
    #[must_use]
    pub fn choice(&self) -> Choice {
        Choice {
            energy: self.energy.unwrap_or(f64::INFINITY),
            delay: self.delay,
        }
    }
}
