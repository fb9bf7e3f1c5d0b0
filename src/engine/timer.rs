//! What the clock knows before any step is looked at.
//!
//! Problem: a region is timed in some hundred instructions, and a search times a few of them per candidate.
//! Which columns of a row pass through which port, which resources have to be tracked over several positions,
//! and how long a wave takes follow from what flows where. So they are written down once per choice of
//! places, as short lists that the clock walks.

use super::TimingRule;
use super::flows::{Crossing, Flows, Passing, Site};
use super::lanes;
use crate::ir::{Mapping, Rate};
use smallvec::SmallVec;

/// One rule of time on one choice of places.
#[derive(Clone, Debug)]
pub(super) struct Timer {
    pub lanes: u64,
    pub rule: TimingRule,
    pub rates: Vec<Rate>,
    /// Per resource its number among the tracked ones.
    pub tracked: Vec<Option<usize>>,
    pub tracks: usize,
    /// Numbers per region in the list of times.
    pub stride: usize,
    pub times_issues: bool,
    /// The issues of a leaf region are spread over several leaf steps.
    pub several: bool,
    pub wave: u64,
    pub wave_each: bool,
}

impl Timer {
    pub fn new(mapping: &Mapping, flows: &Flows, rule: TimingRule) -> Timer {
        let architecture = &mapping.architecture;
        let resources = flows.resources.len();
        let several = mapping.schedule.steps < mapping.schedule.leaf;
        let exact = rule == TimingRule::Exact;
        let mut tracks = 0;
        let tracked = (0..resources)
            .map(|r| {
                let uses = flows.at_position.iter().filter(|used| used.contains(&r));
                let places = uses.count();
                let issues = flows.at_issue.contains(&r);
                let shared = places + usize::from(issues) > 1 || issues && several;
                (shared && exact).then(|| {
                    tracks += 1;
                    tracks - 1
                })
            })
            .collect();
        let wave = architecture
            .arrays
            .iter()
            .flat_map(|array| {
                let skew = array.network.skew;
                array
                    .shape
                    .iter()
                    .map(move |&extent| extent.saturating_sub(1).saturating_mul(skew))
            })
            .fold(0u64, u64::saturating_add);
        let last = architecture
            .memories
            .last()
            .map_or(0, |memory| memory.level);
        let wave_each = architecture
            .memories
            .iter()
            .any(|memory| memory.level == last && !memory.overlaps());
        let puts = if several {
            flows.homes.len() * resources
        } else {
            0
        };
        Timer {
            lanes: architecture.lanes.max(1),
            rule,
            rates: flows.resources.iter().map(|r| r.1).collect(),
            tracked,
            tracks,
            stride: 1 + tracks + puts,
            times_issues: exact,
            several,
            wave: if exact { wave } else { 0 },
            wave_each,
        }
    }
}

/// What passes at one site.
#[derive(Clone, Debug, Default)]
pub(super) struct SiteTimer {
    pub slots: SmallVec<[SlotTimer; 3]>,
    /// Resources that the site uses, and boundaries that are counted here, each once.
    pub resources: SmallVec<[usize; 6]>,
    pub boundaries: SmallVec<[usize; 2]>,
    /// Columns of a row of the site.
    pub width: usize,
    /// Some slot takes elements from neighbours.
    pub forwards: bool,
}

/// One tensor at a site.
#[derive(Clone, Debug)]
pub(super) struct SlotTimer {
    /// Its first column in a row of the site.
    pub column: usize,
    pub moves: Moves,
    /// Of complete elements, and of partial sums.
    pub bits: u64,
    pub partial: u64,
    /// The boundary whose parent's traffic this is.
    pub boundary: Option<usize>,
    /// Of issues: where the resources of the home begin in the list of what homes put there.
    pub home: Option<usize>,
    /// Resources, and which of the four sizes passes through.
    pub uses: SmallVec<[(usize, u8); 4]>,
}

/// How the columns of a slot are read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moves {
    Operand,
    Result {
        base: bool,
        separate: bool,
        wide: bool,
    },
    OperandIssues,
    ResultIssues {
        wide: bool,
    },
}

impl SiteTimer {
    pub fn new(mapping: &Mapping, flows: &Flows, number: usize, site: &Site) -> SiteTimer {
        let mut timer = SiteTimer {
            forwards: site.slots.iter().any(|slot| slot.forwards),
            ..SiteTimer::default()
        };
        // Of the lanes only what takes time is looked at step by step.
        if site.lanes && flows.uses[number].is_empty() {
            return timer;
        }
        for (at, slot) in site.slots.iter().enumerate() {
            let tensor = &mapping.operation.tensors[slot.tensor];
            let base = slot.is_base(site.depth);
            let wide = flows.wide;
            let own = flows.uses[number].iter().filter(|one| one.slot == at);
            let (boundary, home) = match slot.crossing {
                Crossing::Boundary(boundary) => (base.then_some(boundary), None),
                Crossing::Home(home) => (None, Some(home * flows.resources.len())),
            };
            timer.slots.push(SlotTimer {
                column: timer.width,
                moves: match (site.lanes, slot.is_result) {
                    (false, false) => Moves::Operand,
                    (false, true) => Moves::Result {
                        base,
                        separate: base && slot.separate,
                        wide,
                    },
                    (true, false) => Moves::OperandIssues,
                    (true, true) => Moves::ResultIssues { wide },
                },
                bits: u64::from(tensor.bits),
                partial: u64::from(tensor.partial_bits),
                boundary,
                home,
                uses: own
                    .map(|one| {
                        let which = match one.passing {
                            Passing::Down => 0,
                            Passing::UpLink => 1,
                            Passing::UpPort => 2,
                            Passing::Add => 3,
                        };
                        (one.resource, which)
                    })
                    .collect(),
            });
            timer.width += lanes::width(site, slot, wide);
            timer.boundaries.extend(boundary);
        }
        timer
            .resources
            .extend(flows.uses[number].iter().map(|one| one.resource));
        for list in [&mut timer.resources[..], &mut timer.boundaries[..]] {
            list.sort_unstable();
        }
        timer.resources.dedup();
        timer.boundaries.dedup();
        timer
    }
}

impl SlotTimer {
    /// Bits in one step: down, up over the link, up into the port, read to be added to. `row`: the columns
    /// of the site.
    #[inline]
    pub fn passes(&self, row: &[u64], first: bool) -> [u64; 4] {
        let row = &row[self.column..];
        match self.moves {
            Moves::Operand => {
                let reused = if first { 0 } else { row[1] };
                [(row[0] - reused).saturating_mul(self.bits), 0, 0, 0]
            }
            Moves::Result {
                base,
                separate,
                wide,
            } => self.sums(row, (base, separate, wide), first),
            Moves::OperandIssues => [row[0].saturating_mul(self.bits), 0, 0, 0],
            Moves::ResultIssues { wide } => {
                let crossing = row[0];
                let added = crossing.saturating_sub(row[1]).saturating_mul(self.partial);
                if wide {
                    let (link, port) = (self.width(crossing, row[2]), self.width(crossing, row[3]));
                    [0, link, port, added]
                } else {
                    let up = crossing.saturating_mul(self.bits);
                    [0, up, up, added]
                }
            }
        }
    }

    /// Bits of `elements`, of which `done` are complete.
    #[inline]
    fn width(&self, elements: u64, done: u64) -> u64 {
        (elements - done.min(elements))
            .saturating_mul(self.partial)
            .saturating_add(done.saturating_mul(self.bits))
    }

    #[inline]
    fn sums(
        &self,
        row: &[u64],
        (base, separate, wide): (bool, bool, bool),
        first: bool,
    ) -> [u64; 4] {
        let reused = if first { 0 } else { row[1] };
        let down = (row[0] - reused)
            .saturating_sub(row[2])
            .saturating_mul(self.partial);
        if first {
            return [down, 0, 0, 0];
        }
        let up = row[3] - row[4];
        let mut at = 5;
        let mut added = 0;
        if separate {
            added = up
                .saturating_sub(row[at] - row[at + 1])
                .saturating_mul(self.partial);
            at += 2;
        }
        if !wide {
            let up = up.saturating_mul(self.bits);
            return [down, up, up, added];
        }
        let link = self.width(up, row[at] - row[at + 1]);
        let port = if base {
            self.width(up, row[at + 2] - row[at + 3])
        } else {
            link
        };
        [down, link, port, added]
    }

    /// Turns the columns of the last step of all into those of what is left after it: nothing enters, and
    /// nothing stays.
    pub fn leave(&self, row: &mut [u64]) {
        let row = &mut row[self.column..];
        row[0] = 0;
        row[1] = 0;
        if let Moves::Result {
            base,
            separate,
            wide,
        } = self.moves
        {
            (row[2], row[4]) = (0, 0);
            let mut at = 5;
            if separate {
                row[at + 1] = 0;
                at += 2;
            }
            if wide {
                row[at + 1] = 0;
                if base {
                    row[at + 3] = 0;
                }
            }
        }
    }
}
