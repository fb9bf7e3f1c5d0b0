//! The closed forms against a slow walk that shares nothing with them: results are taken one by one until the partial sums are full, and
//! the array's accesses are counted cycle by cycle.

use super::super::cover::{Array, cover};
use super::*;
use std::collections::BTreeSet;

/// A small layer and a small array: extents as for [`conv`], rows, columns, and partial sums that fit.
fn case(random: &mut Random) -> ([u64; 7], u64, u64, u64) {
    let k = random.within(1, 4);
    let mut next = |to| random.within(1, to);
    let shape = [k, k, next(7), next(10), next(8), next(8), next(3)];
    (shape, 2 + next(7), next(5), 4 + next(56))
}

/// A region of results: columns, rows and filters, as half-open ranges.
#[derive(Clone, Debug)]
struct Region {
    x: (u64, u64),
    y: (u64, u64),
    f: (u64, u64),
}

impl Region {
    fn extent(range: (u64, u64)) -> u64 {
        range.1 - range.0
    }

    fn empty(&self) -> bool {
        [self.x, self.y, self.f]
            .into_iter()
            .any(|range| Self::extent(range) == 0)
    }
}

/// The most of `wanted` that fits, by trying one more as long as it does.
fn most(wanted: u64, fits: impl Fn(u64) -> bool) -> u64 {
    let mut found = 1;
    while found < wanted && fits(found + 1) {
        found += 1;
    }
    found
}

/// Pieces in the order in which they are computed, by the rules of the model: columns first, then rows or sets of filters as the schedule
/// nests them; filters that are left over start afresh, what is left of a plane keeps its filters.
fn pieces(schedule: Schedule, region: Region, room: u64, k: u64) -> Vec<(Region, u64)> {
    let mut list = Vec::new();
    let filters = Region::extent(region.f);
    let fu = k.min(filters);
    let (g, e) = (Region::extent(region.x), Region::extent(region.y));
    let columns = most(g, |g| g * fu <= room);
    let sets = |wanted: u64, others: u64| {
        if wanted * others <= room {
            wanted
        } else {
            most(wanted / fu, |sets| sets * fu * others <= room) * fu
        }
    };
    let at_once = match schedule {
        Schedule::XYZoZi => sets(filters, columns * most(e, |e| columns * e * fu <= room)),
        Schedule::XZoYZi => sets(filters, columns),
        _ => filters,
    };
    // Filters that hold partial sums while rows are added.
    let held = if schedule == Schedule::XZoYZi {
        at_once
    } else {
        fu
    };
    let mut first = region.f.0;
    while first + at_once <= region.f.1 {
        let f = (first, first + at_once);
        match schedule {
            Schedule::ZiXYZo => list.push((
                Region {
                    f,
                    ..region.clone()
                },
                fu,
            )),
            Schedule::XZiYZo => {
                for start in (region.x.0..region.x.1).step_by(columns as usize) {
                    list.push((
                        Region {
                            x: (start, (start + columns).min(region.x.1)),
                            f,
                            ..region.clone()
                        },
                        fu,
                    ));
                }
            }
            _ => {
                let whole = region.x.0 + g / columns * columns;
                let mut plane = |x: (u64, u64), rows: u64| {
                    for start in (region.y.0..region.y.1).step_by(rows as usize) {
                        list.push((
                            Region {
                                x,
                                y: (start, (start + rows).min(region.y.1)),
                                f,
                            },
                            fu,
                        ));
                    }
                };
                if columns == g {
                    plane(region.x, most(e, |e| g * e * held <= room));
                } else {
                    // A row that does not fit is done in parts, each of one row.
                    for start in (region.x.0..whole).step_by(columns as usize) {
                        plane((start, start + columns), 1);
                    }
                    let strip = region.x.1 - whole;
                    if strip > 0 {
                        plane((whole, region.x.1), most(e, |e| strip * e * held <= room));
                    }
                }
            }
        }
        first += at_once;
    }
    let rest = Region {
        f: (first, region.f.1),
        ..region
    };
    if !rest.empty() {
        list.extend(pieces(schedule, rest, room, k));
    }
    list
}

/// Accesses, counted by walking every cycle of every piece.
#[derive(Debug, Default, PartialEq)]
struct Walked {
    filter: u64,
    ifmap: u64,
    psum: u64,
    cycles: u64,
    /// Distinct filter and input words of each piece.
    filter_words: u64,
    input_words: u64,
}

fn walk(
    [r, s, c, _, _, _, u]: [u64; 7],
    schedule: Schedule,
    pieces: &[(Region, u64)],
    cu: u64,
) -> Walked {
    let mut walked = Walked::default();
    for (piece, fu) in pieces {
        let mut filters = BTreeSet::new();
        let mut inputs = BTreeSet::new();
        let mut started = BTreeSet::new();
        for c0 in (0..c).step_by(cu as usize) {
            for f0 in (piece.f.0..piece.f.1).step_by(*fu as usize) {
                for y in piece.y.0..piece.y.1 {
                    for row in 0..r {
                        // One pass along a row: the array holds one row of each filter.
                        let mut seen = BTreeSet::new();
                        for x in piece.x.0..piece.x.1 {
                            walked.cycles += 1;
                            for channel in c0..(c0 + cu).min(c) {
                                for column in 0..s {
                                    let input = (channel, y * u + row, x * u + column);
                                    inputs.insert(input);
                                    // Windows one apart share all columns but one inside the array.
                                    let shared = u == 1 && r > 1 && schedule != Schedule::ZiXYZo;
                                    if seen.insert(input) || !shared {
                                        walked.ifmap += 1;
                                    }
                                    for f in f0..(f0 + fu).min(piece.f.1) {
                                        let weight = (f, channel, row, column);
                                        filters.insert(weight);
                                        let held = x > piece.x.0 && schedule != Schedule::ZiXYZo;
                                        walked.filter += u64::from(!held);
                                    }
                                }
                            }
                            for f in f0..(f0 + fu).min(piece.f.1) {
                                let last = row + 1 == r && c0 + cu >= c;
                                if schedule == Schedule::ZiXYZo {
                                    // The sum stays in the array until it is finished.
                                    walked.psum += u64::from(last);
                                } else {
                                    // Written always, read unless this is the first part of the sum.
                                    walked.psum += 1 + u64::from(!started.insert((f, y, x)));
                                }
                            }
                        }
                    }
                }
            }
        }
        walked.filter_words += filters.len() as u64;
        walked.input_words += inputs.len() as u64;
    }
    walked
}

/// Memories that hold everything of a piece, and partial sums of any number: SRAM counts, cycles, and DRAM counts where every word of a
/// piece is read once.
#[test]
fn counts_are_those_of_a_walk() {
    let mut random = Random::new(1);
    for _ in 0..400 {
        let (shape, rows, columns, psums) = case(&mut random);
        let [_, s, c, f, e, g, u] = shape;
        let layer = conv(shape);
        if rows < s {
            continue;
        }
        let machine = machine(rows, columns, [1 << 30, 1 << 30, psums * 32]);
        let cu = (rows / s).min(c);
        for schedule in Schedule::ALL {
            let estimate = estimate(&layer, &machine, schedule, &PRICES).unwrap();
            let region = Region {
                x: (0, g),
                y: (0, e),
                f: (0, f),
            };
            let pieces = pieces(schedule, region, psums, columns);
            // The pieces hold every result once.
            let mut results = BTreeSet::new();
            for (piece, _) in &pieces {
                for y in piece.y.0..piece.y.1 {
                    for x in piece.x.0..piece.x.1 {
                        for f in piece.f.0..piece.f.1 {
                            assert!(results.insert((y, x, f)));
                        }
                    }
                }
            }
            assert_eq!(results.len() as u64, e * g * f);
            let walked = walk(shape, schedule, &pieces, cu);
            let whole = |count: Count| {
                assert_eq!(count.denominator(), 1);
                count.numerator().unsigned_abs()
            };
            let on = format!("{schedule} of {shape:?} on {rows}x{columns} with {psums}");
            assert_eq!(
                whole(estimate.sram.filter),
                walked.filter,
                "filter SRAM, {on}"
            );
            assert_eq!(whole(estimate.sram.ifmap), walked.ifmap, "ifmap SRAM, {on}");
            assert_eq!(whole(estimate.sram.psum), walked.psum, "psum SRAM, {on}");
            assert_eq!(estimate.cycles.compute, walked.cycles, "cycles, {on}");
            assert_eq!(
                whole(estimate.dram.filter),
                walked.filter_words,
                "filter DRAM, {on}"
            );
            assert_eq!(whole(estimate.dram.ofmap), e * g * f);
            // Skipped rows and columns of a 1x1 filter with stride 2 are charged, so the walk reads less there.
            if u <= s {
                assert_eq!(
                    whole(estimate.dram.ifmap),
                    walked.input_words,
                    "ifmap DRAM, {on}"
                );
            }
        }
    }
}

/// Partial sums of a piece fit, with the exception that the model makes: `XYZoZi` takes all filters of a part of a row if they fit, and
/// counts the columns side by side only when a strip gets more rows.
#[test]
fn pieces_fit_and_cover() {
    let mut random = Random::new(2);
    for _ in 0..2000 {
        let (shape, rows, columns, psums) = case(&mut random);
        let layer = conv(shape);
        if rows < shape[1] {
            continue;
        }
        let psums = psums.cast_signed();
        let array = Array {
            psums,
            ..Array::of(&machine(rows, columns, [1 << 30, 1 << 30, 1 << 20]), &layer)
        };
        for schedule in Schedule::ALL {
            let cover = cover(&layer, schedule, &array);
            let results: i64 = cover
                .pieces
                .iter()
                .map(|p| p.copies * p.g * p.e * p.f)
                .sum();
            assert_eq!(results, layer.e * layer.g * layer.f);
            for piece in cover.pieces.iter() {
                let held = match schedule {
                    Schedule::XYZiZo => piece.g * piece.e * piece.fu,
                    Schedule::XZiYZo => piece.g * piece.fu,
                    Schedule::XZoYZi => piece.g * piece.e * piece.f,
                    Schedule::ZiXYZo => piece.fu,
                    Schedule::XYZoZi if piece.f <= piece.fu => piece.g * piece.e * piece.f,
                    Schedule::XYZoZi => 0,
                };
                assert!(held <= psums, "{piece:?} of {schedule} in {psums}");
            }
        }
    }
}
