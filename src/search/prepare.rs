//! A space made ready to be searched: its skeletons, each with its tables.

use crate::engine::{Counter, EngineLimit};
use crate::ir::Schedule;
use crate::search::class::Room;
use crate::search::par;
use crate::search::problem::Problem;
use crate::search::request::{Choices, Request};
use crate::search::space::{self, Rules};
use crate::search::tables::{Stop, Tables};
use std::time::{Duration, Instant};

/// A space made ready: all skeletons with their tables.
pub struct Prepared<'a> {
    pub problem: &'a Problem,
    pub rules: Rules,
    pub rooms: Vec<Room>,
    pub thinned: bool,
    /// Tables end where somebody said to stop: what is left out is in no count and in no proof.
    pub cut: bool,
    pub uncounted: usize,
}

/// What tables may take however little time there is: without them nothing is found.
const TABLES: Duration = Duration::from_secs(2);

/// What counts the schedules of a problem; one per thread.
///
/// # Errors
/// [`EngineLimit`] when the layer cannot be counted at all.
pub fn counter(problem: &Problem) -> Result<Counter, EngineLimit> {
    let counter = Counter::new(&problem.mapping(Schedule {
        loops: Vec::new(),
        positions: vec![vec![Some(0); problem.operation.tensors.len()]],
        steps: 0,
        leaf: 0,
    }))?;
    // Otherwise every schedule would be refused, one by one.
    match counter.fits() {
        true => Ok(counter),
        false => Err(EngineLimit::Overflow),
    }
}

impl<'a> Prepared<'a> {
    /// # Errors
    /// [`EngineLimit`] when the layer cannot be counted at all.
    pub fn new(
        problem: &'a Problem,
        rules: &Rules,
        choices: Choices,
    ) -> Result<Prepared<'a>, EngineLimit> {
        Prepared::until(problem, rules, choices, &|| false)
    }

    /// What is asked for, with half of the time that it has, or two seconds.
    ///
    /// # Errors
    /// [`EngineLimit`] when the layer cannot be counted at all.
    pub fn of(
        problem: &'a Problem,
        request: &Request,
        start: Instant,
    ) -> Result<Prepared<'a>, EngineLimit> {
        let least = if request.is_answered {
            Duration::ZERO
        } else {
            TABLES
        };
        let half = request.time.map(|time| (time / 2).max(least));
        let stop = || request.is_stopped() || half.is_some_and(|half| start.elapsed() >= half);
        Prepared::until(problem, &request.rules, request.choices, &stop)
    }

    /// With tables that end where `stop` says so.
    ///
    /// # Errors
    /// [`EngineLimit`] when the layer cannot be counted at all.
    pub fn until(
        problem: &'a Problem,
        rules: &Rules,
        choices: Choices,
        stop: Stop<'_>,
    ) -> Result<Prepared<'a>, EngineLimit> {
        let own = counter(problem)?;
        let unique: Vec<f64> = (0..problem.operation.tensors.len())
            .map(|tensor| own.unique(tensor) as f64)
            .collect();
        let skeletons = space::skeletons(&problem.operation, &problem.architecture, rules);
        let rooms = par::map(
            skeletons,
            || counter(problem),
            |own, skeleton| -> Result<Room, EngineLimit> {
                let own = own.as_ref().map_err(Clone::clone)?;
                let tables = Tables::new(problem, own, rules, &skeleton, choices, stop);
                Ok(Room::new(problem, own.groups(), skeleton, tables, &unique))
            },
        );
        let rooms: Vec<Room> = rooms.into_iter().collect::<Result<_, EngineLimit>>()?;
        let groups = || rooms.iter().flat_map(|room| &room.tables.groups);
        Ok(Prepared {
            problem,
            rules: rules.clone(),
            thinned: groups().any(|g| g.thinned),
            cut: groups().any(|g| g.cut),
            uncounted: groups().map(|g| g.uncounted).sum(),
            rooms,
        })
    }
}
