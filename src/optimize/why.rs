//! Why a space has no legal schedule, in words.

use super::task::Task;
use crate::base::num::grouped;
use crate::diag::Code;
use crate::engine::EngineLimit;
use crate::hir::Accelerator;
use crate::search::{self, Objective, Outcome, Why};
use std::time::Duration;

/// What the questions may take, each; the spaces without a condition are larger than the one that is empty.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why the search of `task` has no answer; `None` if it had no time to find one.
///
/// # Errors
/// [`EngineLimit`] when the layer cannot be counted at all.
pub fn why(task: &Task, outcome: &Outcome) -> Result<Option<Why>, EngineLimit> {
    if !outcome.proved {
        return Ok(None);
    }
    let mut request = task.request.clone();
    request.time = Some(PATIENCE);
    search::why_none(&task.problem, &request).map(Some)
}

/// The unit of a figure.
#[must_use]
pub(super) fn unit(objective: Objective) -> &'static str {
    match objective {
        Objective::Energy => "pJ",
        Objective::Cycles => "cycles",
        Objective::Edp => "pJ x cycles",
        Objective::E2dp => "pJ^2 x cycles",
        Objective::Ed2p => "pJ x cycles^2",
        Objective::Traffic(_) | Objective::Capacity(_) => "B",
        Objective::Area => "um2",
    }
}

/// `edp`, `traffic(GLB)`
#[must_use]
pub(super) fn name(objective: Objective, accelerator: &Accelerator) -> String {
    match objective {
        Objective::Energy => "energy".to_owned(),
        Objective::Cycles => "cycles".to_owned(),
        Objective::Edp => "edp".to_owned(),
        Objective::E2dp => "e2dp".to_owned(),
        Objective::Ed2p => "ed2p".to_owned(),
        Objective::Area => "area".to_owned(),
        Objective::Traffic(at) => format!("traffic({})", memory(accelerator, at)),
        Objective::Capacity(at) => format!("capacity({})", memory(accelerator, at)),
    }
}

pub(super) fn memory(accelerator: &Accelerator, at: usize) -> &str {
    let memory = accelerator.memories.get(at);
    memory.map_or("a memory", |memory| memory.name.as_str())
}

/// Whole numbers as such.
pub(super) fn amount(value: f64) -> String {
    if value.fract() == 0.0 && value < 1e15 {
        grouped(value as u128)
    } else {
        format!("{value:.6e}")
    }
}

/// The reason as a sentence without its end, and the code of a mistake that it is.
#[must_use]
pub(super) fn words(why: &Why, task: &Task, accelerator: &Accelerator) -> (Code, String) {
    let code = match why {
        Why::Memory { .. } | Why::Memories(_) => Code::E0501,
        _ => Code::E0602,
    };
    (code, sentence(why, task, accelerator))
}

fn sentence(why: &Why, task: &Task, accelerator: &Accelerator) -> String {
    let rank = |rank: usize| {
        let name = task.desugared.rank_names.get(rank);
        name.map_or("a dimension", String::as_str)
    };
    let have = |at: usize| {
        let bits = accelerator.memories.get(at).and_then(|m| m.capacity_bits);
        bits.map_or_else(String::new, |bits| {
            format!(" (it has {} B)", grouped(bits / 8))
        })
    };
    match why {
        Why::Memory { memory: at, bytes } => format!(
            "nothing fits into {}{}: the smallest tiles need {} B",
            memory(accelerator, *at),
            have(*at),
            amount(bytes.ceil())
        ),
        Why::Memories(needs) => {
            let needs: Vec<String> = needs
                .iter()
                .map(|(at, bytes)| {
                    format!(
                        "{}{} needs {} B",
                        memory(accelerator, *at),
                        have(*at),
                        amount(bytes.ceil())
                    )
                })
                .collect();
            format!("nothing fits into the memories: {}", needs.join(", "))
        }
        Why::Limit { limit, least } => format!(
            "nothing keeps {} <= {}: the least is {} {}",
            name(limit.of, accelerator),
            amount(limit.most),
            amount(*least),
            unit(limit.of)
        ),
        Why::Limits => "the conditions exclude each other: each alone can be kept".to_owned(),
        Why::Time {
            memory: at,
            rank: r,
        } => format!(
            "no piece of {} that `at {}` allows leads to a schedule",
            rank(*r),
            memory(accelerator, *at)
        ),
        Why::Space {
            array,
            axis,
            rank: r,
        } => {
            let seen = accelerator.on_array(None);
            let array = seen
                .arrays
                .get(*array)
                .map_or("the array", |a| a.name.as_str());
            format!(
                "no piece of {} that may be spread over {array}[{axis}] leads to a schedule",
                rank(*r)
            )
        }
        Why::Rules => "the statements of the space exclude each other".to_owned(),
        Why::Uncounted => "none of its schedules can be counted and priced".to_owned(),
    }
}
