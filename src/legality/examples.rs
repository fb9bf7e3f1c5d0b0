//! The paper's examples and the corners: witnesses, sentences, extents beyond enumeration, time.

use super::tests::{C, K, P, Q, R, S, convolution, mapping, memory};
use super::*;
use crate::base::{FileId, Span};
use crate::diag::{Diagnostic, Mistake};
use crate::evaluate::words::{Names, Written};
use crate::ir::{Loop, LoopKind, Move, Origin, RankId};

/// Names of `convolution`; every directive stands at `origin * 100`.
struct Named<'a>(&'a Mapping);

impl Names for Named<'_> {
    fn rank(&self, rank: RankId) -> String {
        ["K", "C", "P", "R", "Q", "S"][rank.index()].to_owned()
    }
    fn window(&self, window: usize) -> String {
        ["Y", "X"][window].to_owned()
    }
    fn tensor(&self, tensor: usize) -> String {
        ["Input", "Weight", "Output"][tensor].to_owned()
    }
    fn memory(&self, memory: usize) -> String {
        format!("M{memory}")
    }
    fn array(&self, array: usize) -> String {
        format!("A{array}")
    }
    fn written(&self, origin: Origin) -> Option<Written> {
        let directive = directives(self.0).find(|d| d.origin == origin)?;
        let axis = match directive.axis {
            Axis::Rank(rank) => self.rank(rank),
            Axis::Window(window) => self.window(usize::from(window)),
        };
        let kind = if directive.spatial {
            "Spatial"
        } else {
            "Temporal"
        };
        let text = format!("{kind}Map({},{}) {axis}", directive.size, directive.offset);
        let lo = origin.0 * 100;
        Some(Written {
            span: Span::new(FileId::new(0), lo, lo + text.len() as u32),
            text: Some(text.clone()),
            label: text,
            by_layer: false,
        })
    }
    fn first(&self) -> Option<Written> {
        let first = directives(self.0).next()?;
        self.written(first.origin)
    }
    fn layer(&self) -> (Span, String) {
        (Span::new(FileId::new(0), 0, 4), "conv".to_owned())
    }
}

fn rank(rank: RankId, size: u64, offset: u64) -> Vec<(Axis, u64, u64)> {
    vec![(Axis::Rank(rank), size, offset)]
}

fn rows(size: u64, offset: u64) -> Vec<(Axis, u64, u64)> {
    vec![(Axis::Window(0), size, offset)]
}

fn columns(size: u64, offset: u64) -> Vec<(Axis, u64, u64)> {
    vec![(Axis::Window(1), size, offset)]
}

/// The one violation, and what is said about it.
fn only(mapping: &Mapping) -> (Violation, Diagnostic) {
    let found = violations(mapping);
    assert_eq!(found.len(), 1, "{found:?}");
    let diagnostic = found[0]
        .told(&Named(mapping), &mapping.operation)
        .to_diagnostic();
    (found[0].clone(), diagnostic)
}

/// Fig. 7 of the MAESTRO paper has K: 4, C: 6; section 3.3 breaks its TemporalMap(2,2) K and its
/// TemporalMap(3,3) C.
fn figure7(loops: &[tests::Written]) -> Mapping {
    mapping(convolution([4, 6, 6, 3, 6, 3], [(1, 1), (1, 1)]), loops)
}

#[test]
fn uncovered_channels_of_the_paper() {
    let mapping = figure7(&[(0, 0, rank(K, 2, 4)), (0, 0, rank(C, 3, 3))]);
    let (violation, diagnostic) = only(&mapping);
    let Violation::Uncovered(u) = violation else {
        panic!("{violation:?}")
    };
    // Windows 0..2, then 4..: K = 2 and 3 of 4 are left out, half of 4*6*6*3*6*3 = 7776 MACs.
    assert_eq!(u.point, [2, 0, 0, 0, 0, 0]);
    assert_eq!((u.rank, u.range, u.missed), (K, (2, 4), Some(3888)));
    let resize = Change::Resize { size: 2, offset: 2 };
    assert_eq!(u.repair.unwrap().change, resize);
    assert_eq!(
        diagnostic.message,
        "`TemporalMap(2,4) K` leaves K = 2..3 uncovered"
    );
    assert_eq!(diagnostic.fix.unwrap().replacement, "TemporalMap(2,2) K");
    assert_eq!(
        diagnostic.notes[1],
        "3,888 of 7,776 MACs of `conv` are in no tile"
    );
}

#[test]
fn redundant_channels_of_the_paper() {
    let mapping = figure7(&[(0, 0, rank(K, 2, 2)), (0, 0, rank(C, 2, 1))]);
    let (violation, diagnostic) = only(&mapping);
    let Violation::Doubled(d) = violation else {
        panic!("{violation:?}")
    };
    // Windows 0..2, 1..3, ..., 4..6: C = 1, 2, 3, 4 are done twice, 4 of 6 more than once.
    assert_eq!(d.point, [0, 1, 0, 0, 0, 0]);
    assert_eq!(d.surplus, Some(7776 / 6 * 4));
    assert_eq!(diagnostic.fix.unwrap().replacement, "TemporalMap(2,2) C");
    assert_eq!(
        diagnostic.notes[1],
        "done in step 0 of `TemporalMap(2,1) C` and in step 1 of `TemporalMap(2,1) C`"
    );
}

/// VGG16 CONV1 of Fig. 8 is legal: SpatialMap(3,1) Y; TemporalMap(3,1) X; Cluster(3); SpatialMap(1,1) Y and
/// R together; TemporalMap(3,3) S.
#[test]
fn figure8_is_legal() {
    let pair = vec![(Axis::Window(0), 1, 1), (Axis::Rank(R), 1, 1)];
    let mapping = mapping(
        convolution([64, 3, 222, 3, 222, 3], [(1, 1), (1, 1)]),
        &[
            (0, 0, rank(K, 2, 2)),
            (0, 0, rank(C, 3, 3)),
            (0, 85, rows(3, 1)),
            (0, 0, columns(3, 1)),
            (1, 3, pair),
            (1, 0, rank(S, 3, 3)),
        ],
    );
    assert!(!fast::unproved(&mapping).contains(&true));
    let legal = check(mapping).unwrap();
    // 222 windows over 85 clusters: every PE works, three folds of 255 hold 222.
    assert_eq!(warnings(&legal), []);
}

/// The paper's CONV11 maps one input row and column at a time under a 3x3 kernel.
#[test]
fn one_row_at_a_time_produces_nothing() {
    let mapping = figure7(&[(0, 0, rows(1, 1)), (0, 0, rank(C, 3, 3))]);
    let (violation, diagnostic) = only(&mapping);
    let Violation::Incomplete(i) = violation else {
        panic!("{violation:?}")
    };
    assert_eq!((i.window, i.rows, i.span), (0, 1, 3));
    assert_eq!(diagnostic.fix.unwrap().replacement, "TemporalMap(3,1) Y");
}

/// Rows that abut leave the outputs between two windows without one.
#[test]
fn abutting_rows_lose_outputs() {
    let mapping = figure7(&[(0, 0, rows(4, 4))]);
    let (violation, diagnostic) = only(&mapping);
    let Violation::Uncovered(u) = violation else {
        panic!("{violation:?}")
    };
    // Rows 0..4 give outputs 0 and 1, rows 4..8 outputs 4 and 5.
    assert_eq!((u.rank, u.range), (P, (2, 4)));
    assert_eq!(diagnostic.fix.unwrap().replacement, "TemporalMap(4,2) Y");
}

#[test]
fn uncoupled_spatial_maps_do_the_diagonal() {
    let pair = vec![(Axis::Rank(K), 1, 1), (Axis::Rank(C), 1, 1)];
    let mapping = figure7(&[(0, 4, pair)]);
    let (violation, diagnostic) = only(&mapping);
    let Violation::Diagonal(d) = violation else {
        panic!("{violation:?}")
    };
    // 4 of the 24 pairs (k, c) are done.
    assert_eq!(d.point, [0, 1, 0, 0, 0, 0]);
    assert_eq!(d.missed, Some(7776 / 24 * 20));
    assert_eq!(diagnostic.fix.unwrap().replacement, "TemporalMap(1,1) C");
}

#[test]
fn more_instances_than_the_array_has() {
    let mut mapping = figure7(&[(0, 4, rank(K, 1, 1))]);
    mapping.architecture.arrays[0].shape = vec![3];
    let (violation, _) = only(&mapping);
    assert!(matches!(
        violation,
        Violation::Clusters {
            used: 4,
            available: 3,
            ..
        }
    ));
}

#[test]
fn a_memory_that_overflows_names_the_tiles_that_fit() {
    let mut mapping = figure7(&[
        (0, 0, rank(K, 4, 4)),
        (0, 0, rank(C, 6, 6)),
        (0, 0, rank(P, 1, 1)),
    ]);
    // Per step: Input 6*3*8 = 144 B, Weight 4*6*9 = 216 B, Output 4*6 = 24 B.
    mapping.architecture.memories[1] = memory(0, Some(8 * 300));
    let (violation, diagnostic) = only(&mapping);
    let Violation::Overfull(o) = violation else {
        panic!("{violation:?}")
    };
    let bits: Vec<u128> = o.tensors.iter().map(|need| need.bits / 8).collect();
    assert_eq!((bits, o.need), (vec![144, 216, 24], 8 * 384));
    // K = 2 needs 144 + 108 + 12 = 264 B, K = 3 needs 324 B; C = 4 needs 96 + 144 + 24 = 264 B, C = 5 324 B.
    let fits: Vec<_> = o
        .fits
        .iter()
        .map(|fit| (fit.directive.axis, fit.size))
        .collect();
    assert_eq!(fits, [(Axis::Rank(K), 2), (Axis::Rank(C), 4)]);
    assert_eq!(diagnostic.message, "M1 must hold 384 B and has 300 B");
    assert_eq!(diagnostic.fix.unwrap().replacement, "TemporalMap(2,2) K");
}

#[test]
fn still_and_idle_arrays_are_worth_a_warning() {
    let mapping = figure7(&[(0, 8, rank(K, 1, 1)), (1, 4, rank(C, 6, 6))]);
    let legal = check(mapping).unwrap();
    let found = warnings(&legal);
    assert!(matches!(found[0], Warning::Idle { used: 4, available: 8, lost, .. } if lost == 0.5));
    assert!(matches!(found[1], Warning::Still { instances: 4, .. }));
    let said = found[0].told(&Named(&legal)).to_diagnostic();
    assert_eq!(said.message, "4 of 8 instances of A0 have no work");
    assert_eq!(said.notes, ["50.0% of the array's time is lost in `conv`"]);
}

/// Extents of 2^40: partitions are proved, gaps and overlaps found, all without enumeration.
#[test]
fn huge_extents_are_judged() {
    let huge = 1 << 40;
    let operation = || convolution([huge, 3, huge, 3, 1, 1], [(2, 1), (1, 1)]);
    assert!(
        check(mapping(
            operation(),
            &[
                (0, 0, rank(K, 7, 7)),
                (0, 16, rows(5, 4)),
                (1, 0, rank(K, 2, 2))
            ],
        ))
        .is_ok()
    );
    let (gap, _) = only(&mapping(operation(), &[(0, 0, rank(K, 7, 9))]));
    assert!(matches!(gap, Violation::Uncovered(u) if u.point[0] == 7));
    let (twice, _) = only(&mapping(operation(), &[(0, 0, rows(5, 2))]));
    assert!(matches!(twice, Violation::Doubled(_)));
    // Overlapping windows whose inner loops leave out exactly the overlap, too many to enumerate.
    let odd = mapping(operation(), &[(0, 0, rank(K, 3, 2)), (0, 0, rank(K, 2, 3))]);
    assert!(matches!(only(&odd).0, Violation::Undecided { .. }));
    let (large, _) = only(&mapping(
        convolution([1 << 50, 1, 1, 1, 1, 1], [(1, 1), (1, 1)]),
        &[],
    ));
    assert!(matches!(large, Violation::TooLarge { value, .. } if value == 1 << 50));
}

#[test]
fn zero_and_oversized_windows_are_bounds() {
    let mut zero = figure7(&[(0, 0, rank(K, 2, 2))]);
    zero.schedule.loops[0].moves[0].offset = 0;
    assert!(matches!(only(&zero).0, Violation::Bound { .. }));
    let wide = figure7(&[(0, 0, rank(K, 5, 5))]);
    assert!(matches!(
        bounds(&wide)[0],
        Violation::Bound { extent: 4, .. }
    ));
    assert!(check(wide).is_ok());
}

/// The check runs before every evaluation of a search.
#[test]
fn a_flat_dataflow_is_judged_in_microseconds() {
    let pair = vec![(Axis::Window(0), 1, 1), (Axis::Rank(R), 1, 1)];
    let mapping = mapping(
        convolution([64, 3, 222, 3, 222, 3], [(1, 1), (1, 1)]),
        &[
            (0, 0, rank(K, 2, 2)),
            (0, 0, rank(C, 3, 3)),
            (0, 85, rows(3, 1)),
            (0, 0, columns(3, 1)),
            (1, 3, pair),
            (1, 0, rank(S, 3, 3)),
            (1, 0, rank(Q, 1, 1)),
        ],
    );
    let runs = 20_000;
    let start = std::time::Instant::now();
    for _ in 0..runs {
        assert!(covers(std::hint::black_box(&mapping)));
    }
    let each = start.elapsed() / runs;
    // Generous: tests run unoptimised and beside others.
    assert!(each < std::time::Duration::from_micros(50), "{each:?}");
}

/// A loop built by hand is judged like a lowered one: origins are not needed.
#[test]
fn repairs_without_origins_change_one_loop() {
    let mut mapping = figure7(&[]);
    for (level, size) in [(0, 2), (1, 1)] {
        mapping.schedule.loops.push(Loop {
            moves: [Move {
                axis: Axis::Rank(K),
                size,
                offset: size + 1,
                origin: Origin::NONE,
            }]
            .into_iter()
            .collect(),
            kind: LoopKind::Temporal,
            level,
            origin: Origin::NONE,
        });
    }
    // Both loops leave gaps: no single change repairs that.
    assert!(violations(&mapping)[0].repair().is_none());
    mapping.schedule.loops[1].moves[0].offset = 1;
    let repair = violations(&mapping)[0].repair().unwrap();
    assert_eq!(repair.directive.index, 0);
}

/// Rows and outputs tiled in one level: the second instance idles while the first has its outputs.
#[test]
fn outputs_and_rows_in_one_level() {
    let mapping = mapping(
        convolution([1, 1, 4, 1, 1, 1], [(2, 1), (1, 1)]),
        &[(0, 2, rows(4, 4)), (0, 0, rank(P, 2, 2))],
    );
    let counts = crate::engine::oracle::run(&mapping, 1000).unwrap();
    let tiles: Vec<u64> = counts.memories[1].tensors.iter().map(|t| t.tile).collect();
    let found: Vec<_> = (0..3).map(|t| footprint(&mapping, 1, t, 2)).collect();
    assert_eq!(found, tiles.iter().map(|&t| Some(t)).collect::<Vec<_>>());
}

/// The kernel in pieces of 2 and 1: under two rows at a time the piece of 1 has both outputs at once.
#[test]
fn a_clipped_piece_of_the_kernel_has_more_outputs() {
    let pair = vec![(Axis::Window(0), 3, 2), (Axis::Rank(R), 2, 2)];
    let mapping = mapping(
        convolution([1, 1, 2, 3, 1, 1], [(1, 1), (1, 1)]),
        &[(0, 1, pair), (1, 0, rows(2, 1))],
    );
    assert!(covers(&mapping));
    // Input rows 2 and 3 under kernel row 2; outputs 0 and 1.
    let tiles: Vec<_> = (0..3).map(|t| footprint(&mapping, 1, t, 2)).collect();
    assert_eq!(tiles, [Some(2), Some(2), Some(2)]);
}
