//! Sweeps over designs: numbered points, answers that can be put together from parts, and a journal of the parts.
//!
//! Problem: four parameters with 60 values each are 13 million designs, hours of work on several machines, of which some
//! are switched off in the middle. Here a sweep is a [`Grid`] whose points have numbers, cut into pieces whose order does
//! not matter ([`run()`]); what a piece says is a [`Part`], parts of any order are added up to one [`Part`], and a
//! [`Journal`] keeps every part that is finished, so that nothing is lost and nothing is done twice.
//!
//! What a design is and what it costs is the business of an [`Evaluator`]; nothing here has a name.
//!
//! Invariants: the sum of the parts does not depend on their order, on how the pieces were spread over threads and
//! machines, nor on how often the work was broken off; designs that were evaluated and designs that were left out by a
//! proof are counted apart.

mod answer;
mod cloud;
mod grid;
mod journal;
mod run;

pub use answer::{Aim, Answer, Classes, Counts, Design, FIGURES, Figure, Part, Question};
pub use cloud::{Cell, Cloud, Plane};
pub use grid::{Filter, Grid};
pub use journal::{Flaw, Heading, Journal};
pub use run::{Evaluator, Outcome, Stop, run};
