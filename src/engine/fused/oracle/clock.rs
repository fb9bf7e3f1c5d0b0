//! The clock of a group, step by step, as `semantics.md` 4.2 has it. It shares nothing with the engine's.

use crate::ir::{Memory, Overlap, Ports};

/// What one step does.
#[derive(Default)]
pub(super) struct Step {
    /// By memory: bits that arrive from the backing store for it.
    pub down: Vec<u128>,
    /// By memory: bits that have to go there when it is done.
    pub up: Vec<u128>,
    /// By stage: operations by the rate, and bits read and written, by memory.
    pub stages: Vec<(u64, Vec<[u128; 2]>)>,
    /// By memory: bits of sums that are read to be added to.
    pub again: Vec<u128>,
}

/// A port: of which memory, and is it the one for writes alone?
type Port = (usize, bool);

/// Busy times of all ports.
type Times = Vec<(Port, u64)>;

struct Machine<'a> {
    memories: &'a [Memory],
    /// Levels of the memories that keep tensors, from the inside out.
    levels: Vec<usize>,
}

/// Cycles of all steps, and busy cycles by memory.
pub(super) fn run(
    memories: &[Memory],
    kept: &[usize],
    overlap: Overlap,
    steps: &[Step],
) -> (u64, Vec<[u64; 2]>) {
    let mut levels: Vec<usize> = (0..memories.len()).map(|m| memories[m].level).collect();
    levels.sort_unstable();
    levels.dedup();
    levels.reverse();
    levels.retain(|&level| {
        let here = |&m: &usize| m > 0 && m < memories.len() && memories[m].level == level;
        kept.iter().any(here)
    });
    let machine = Machine { memories, levels };
    let (cycles, times) = match overlap {
        Overlap::Sequence => machine.sequence(steps),
        Overlap::Pipeline => machine.pipeline(steps),
    };
    let mut busy = vec![[0; 2]; memories.len()];
    for ((memory, write), time) in times {
        busy[memory][usize::from(write)] += time;
    }
    (cycles, busy)
}

/// Times of the stages of a step.
pub(super) fn stages(memories: &[Memory], step: &Step) -> Vec<u64> {
    let machine = Machine {
        memories,
        levels: vec![],
    };
    machine.stages(step).0
}

impl Machine<'_> {
    /// The port through which a memory reads or writes, and how many cycles so many bits take on it.
    fn port(&self, memory: usize, write: bool) -> Port {
        (
            memory,
            write && matches!(self.memories[memory].ports, Ports::Two { .. }),
        )
    }

    fn busy(&self, bits: &[(Port, u128)]) -> Times {
        let mut times: Times = vec![];
        for (memory, known) in self.memories.iter().enumerate() {
            for write in [false, true] {
                let through = bits.iter().filter(|(port, _)| *port == (memory, write));
                let sum: u128 = through.map(|(_, bits)| bits).sum();
                let rate = match (known.ports, write) {
                    (Ports::One(rate), false) => Some(rate),
                    (Ports::One(_), true) => None,
                    (Ports::Two { read, .. }, false) => read,
                    (Ports::Two { write, .. }, true) => write,
                };
                let cycles = rate.map_or(0, |rate| {
                    (sum * u128::from(rate.cycles)).div_ceil(u128::from(rate.bits))
                });
                times.push(((memory, write), cycles as u64));
            }
        }
        times
    }

    /// Transfers between the backing store and the memories of a level: how long they take, how long those take that
    /// cannot overlap, and what they do to the ports.
    fn transfers(&self, level: usize, down: &[u128], up: &[u128]) -> (u64, u64, Times) {
        let mut all: Vec<(usize, u128, [Port; 2])> = vec![];
        for memory in (1..self.memories.len()).filter(|&m| self.memories[m].level == level) {
            let (down, up) = (down[memory], up[memory]);
            all.push((memory, down, [self.port(0, false), self.port(memory, true)]));
            all.push((memory, up, [self.port(memory, false), self.port(0, true)]));
        }
        all.retain(|transfer| transfer.1 > 0);
        let bits: Vec<(Port, u128)> = all
            .iter()
            .flat_map(|(_, bits, ports)| ports.map(|port| (port, *bits)))
            .collect();
        let times = self.busy(&bits);
        let time = |ports: &[Port; 2]| longest(times.iter().filter(|time| ports.contains(&time.0)));
        let own = all.iter().map(|(_, _, ports)| time(ports)).max();
        let serial = all
            .iter()
            .filter(|(memory, ..)| !self.memories[*memory].overlaps())
            .map(|(_, _, ports)| time(ports))
            .max();
        (own.unwrap_or(0), serial.unwrap_or(0), times)
    }

    /// Times of the stages of a step, and what they do to the ports.
    fn stages(&self, step: &Step) -> (Vec<u64>, Times) {
        let mut all: Times = vec![];
        let mut stages = vec![];
        for (operations, bits) in &step.stages {
            let mut through = vec![];
            for (memory, [read, written]) in bits.iter().enumerate() {
                through.push((self.port(memory, false), *read));
                through.push((self.port(memory, true), *written));
            }
            let times = self.busy(&through);
            stages.push((*operations).max(longest(times.iter())));
            all.extend(times);
        }
        for (memory, &bits) in step.again.iter().enumerate() {
            all.extend(self.busy(&[(self.port(memory, false), bits)]));
        }
        (stages, all)
    }

    fn sequence(&self, steps: &[Step]) -> (u64, Times) {
        let nothing = vec![0; self.memories.len()];
        let mut cycles = 0;
        let mut busy: Times = vec![];
        for (i, step) in steps.iter().enumerate() {
            // What the step before has left goes while this one runs.
            let up = if i > 0 { &steps[i - 1].up } else { &nothing };
            let (stages, mut here) = self.stages(step);
            let mut region: u64 = stages.iter().sum();
            for &level in &self.levels {
                let (own, serial, times) = self.transfers(level, &step.down, up);
                here.extend(times);
                region = if i == 0 {
                    own + region
                } else {
                    (serial + region).max(own).max(busiest(&here))
                };
            }
            cycles += region;
            busy.extend(here);
        }
        if let Some(last) = steps.last() {
            for &level in &self.levels {
                let (own, _, times) = self.transfers(level, &nothing, &last.up);
                cycles += own;
                busy.extend(times);
            }
        }
        (cycles.max(busiest(&busy)), busy)
    }

    /// Arrivals, outermost first, the stages, departures, innermost first: each is on a step when it has finished the
    /// step before and the one ahead of it has finished this step. What cannot overlap stops all of them.
    fn pipeline(&self, steps: &[Step]) -> (u64, Times) {
        let nothing = vec![0; self.memories.len()];
        let mut busy: Times = vec![];
        let mut stops = 0;
        let mut finish: Vec<u64> = vec![];
        for step in steps {
            let (stages, here) = self.stages(step);
            busy.extend(here);
            let mut times = vec![];
            let mut transfer = |level: usize, down: &[u128], up: &[u128]| {
                let (own, serial, here) = self.transfers(level, down, up);
                stops += serial;
                busy.extend(here);
                own - serial
            };
            for &level in self.levels.iter().rev() {
                times.push(transfer(level, &step.down, &nothing));
            }
            times.extend(stages);
            for &level in &self.levels {
                times.push(transfer(level, &nothing, &step.up));
            }
            finish.resize(times.len(), 0);
            let mut ahead = 0;
            for (finish, time) in finish.iter_mut().zip(times) {
                ahead = ahead.max(*finish) + time;
                *finish = ahead;
            }
        }
        let cycles = stops + finish.last().copied().unwrap_or(0);
        (cycles.max(busiest(&busy)), busy)
    }
}

fn longest<'a>(times: impl Iterator<Item = &'a (Port, u64)>) -> u64 {
    times.map(|time| time.1).max().unwrap_or(0)
}

/// The longest that one port is busy.
fn busiest(times: &Times) -> u64 {
    let of = |port: Port| {
        let same = times.iter().filter(move |time| time.0 == port);
        same.map(|time| time.1).sum::<u64>()
    };
    times.iter().map(|time| of(time.0)).max().unwrap_or(0)
}
