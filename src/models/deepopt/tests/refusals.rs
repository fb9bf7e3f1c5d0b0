//! What the model does not describe, and what does not fit.

use super::*;

fn shape() -> Shape {
    Shape {
        filter_rows: 3,
        filter_columns: 3,
        channels: 16,
        filters: 16,
        rows: 8,
        columns: 8,
        stride: 1,
        groups: 1,
        kind: Kind::Convolution,
        runs: 1,
    }
}

#[test]
fn layers_that_the_model_does_not_describe() {
    let refused = |shape: Shape| Layer::new(&shape).unwrap_err();
    let flat = refused(Shape {
        filter_rows: 1,
        filter_columns: 7,
        ..shape()
    });
    assert_eq!(
        flat,
        Inapplicable::FlatFilter {
            rows: 1,
            columns: 7
        }
    );
    assert!(flat.to_string().starts_with("a 1x7 filter"));
    assert_eq!(
        refused(Shape {
            filter_rows: 1,
            filter_columns: 1,
            stride: 3,
            ..shape()
        }),
        Inapplicable::PointwiseStride { stride: 3 }
    );
    assert!(
        Layer::new(&Shape {
            filter_rows: 1,
            filter_columns: 1,
            stride: 2,
            ..shape()
        })
        .is_ok()
    );
    assert_eq!(
        refused(Shape {
            groups: 16,
            channels: 1,
            ..shape()
        }),
        Inapplicable::Groups { groups: 16 }
    );
    assert_eq!(
        refused(Shape {
            stride: 0,
            ..shape()
        }),
        Inapplicable::Zero {
            what: Extent::Stride
        }
    );
    assert_eq!(
        refused(Shape {
            kind: Kind::Dense { images: 16 },
            ..shape()
        }),
        Inapplicable::DensePlane {
            rows: 8,
            columns: 8
        }
    );
    assert_eq!(
        refused(Shape {
            channels: 1 << 30,
            filters: 1 << 30,
            ..shape()
        }),
        Inapplicable::TooLarge
    );
    assert_eq!(
        refused(Shape {
            channels: u64::MAX,
            ..shape()
        }),
        Inapplicable::TooLarge
    );
}

#[test]
fn what_does_not_fit_is_named() {
    let layer = conv([5, 5, 16, 16, 8, 8, 1]);
    let unfit =
        |machine: Machine, schedule| estimate(&layer, &machine, schedule, &PRICES).unwrap_err();
    assert_eq!(
        unfit(machine(4, 4, [1 << 20; 3]), Schedule::XYZiZo),
        Unfit::ArrayRows { needs: 5, has: 4 }
    );
    // 25 taps of one channel and four filters, 8 bits each.
    assert_eq!(
        unfit(machine(5, 4, [799, 1 << 20, 1 << 20]), Schedule::XYZiZo),
        Unfit::Memory {
            memory: Memory::Filter,
            needs: 800,
            has: 799
        }
    );
    // Five rows of twelve columns of one channel; a window alone for the schedule that goes through channels first.
    assert_eq!(
        unfit(machine(5, 4, [800, 479, 1 << 20]), Schedule::XZiYZo),
        Unfit::Memory {
            memory: Memory::Ifmap,
            needs: 480,
            has: 479
        }
    );
    assert!(
        estimate(
            &layer,
            &machine(5, 4, [800, 200, 1 << 20]),
            Schedule::ZiXYZo,
            &PRICES
        )
        .is_ok()
    );
    assert_eq!(
        unfit(machine(5, 4, [1 << 20, 1 << 20, 127]), Schedule::XYZiZo),
        Unfit::Memory {
            memory: Memory::Psum,
            needs: 128,
            has: 127
        }
    );
}

/// 100 inputs and 10 filters on 8 x 4 with room for 8 partial sums, one image. Channels first: 13 steps for each of 3 sets. Filters first:
/// eight filters at a time in two sets, then two in one; each input is read once per pass.
#[test]
fn one_image_of_a_fully_connected_layer() {
    let layer = Layer::new(&Shape {
        filter_rows: 1,
        filter_columns: 1,
        channels: 100,
        filters: 10,
        rows: 1,
        columns: 1,
        kind: Kind::Dense { images: 1 },
        ..shape()
    })
    .unwrap();
    let machine = machine(8, 4, [1 << 12, 60 * 8, 8 * 32]);
    let whole = |count: Count| (count.numerator(), count.denominator());
    let channels = estimate(&layer, &machine, Schedule::ZiXYZo, &PRICES).unwrap();
    assert_eq!(whole(channels.sram.filter), (1000, 1));
    assert_eq!(whole(channels.sram.ifmap), (300, 1));
    assert_eq!(whole(channels.sram.psum), (10, 1));
    // 60 of 100 inputs stay: 40 are read again for the second and the third set.
    assert_eq!(whole(channels.dram.ifmap), (180, 1));
    assert_eq!(channels.cycles.compute, 39);
    // 3200 + 800 bits are 32 cycles of DRAM against 13: 19 are lost; then 3200 + 320 are 28, 15 lost, one and a half times: 23.
    assert_eq!(channels.cycles.stall, Some(19 + 23));
    let filters = estimate(&layer, &machine, Schedule::XZoYZi, &PRICES).unwrap();
    assert_eq!(whole(filters.sram.ifmap), (200, 1));
    assert_eq!(whole(filters.sram.psum), (10 * 25, 1));
    assert_eq!(filters.cycles.compute, 39);
    // 8 x 8 weights and 8 inputs are 576 bits, 5 cycles against 2: 3 lost in each of 12.5 steps, 38 in all; then 192 bits, 2 against 1: 13.
    assert_eq!(filters.cycles.stall, Some(38 + 13));
}

/// Whatever is accepted is computed without overflow (which would panic here).
#[test]
fn extreme_layers_are_refused_or_computed() {
    let mut random = Random::new(5);
    let mut accepted = 0;
    for _ in 0..20_000 {
        let mut extent =
            |most: u64| 1 + (random.within(0, 1 << 31) >> random.within(31 - most, 31));
        let k = extent(4);
        let (channels, filters, rows, columns, stride) =
            (extent(14), extent(14), extent(10), extent(10), extent(4));
        let (j, columns_of_array, bandwidth) = (extent(12), extent(12), extent(10));
        let memories = [extent(30), extent(30), extent(30)];
        let shape = Shape {
            filter_rows: k,
            filter_columns: k,
            channels,
            filters,
            rows,
            columns,
            stride,
            ..shape()
        };
        let Ok(layer) = Layer::new(&shape) else {
            continue;
        };
        let machine = Machine::new(&MachineShape {
            rows: j,
            columns: columns_of_array,
            memories: PerTensor {
                filter: memories[0],
                ifmap: memories[1],
                psum: memories[2],
            },
            words: PerTensor {
                filter: 64,
                ifmap: 64,
                psum: 64,
            },
            dram_bits_per_cycle: bandwidth,
        })
        .unwrap();
        for schedule in Schedule::ALL {
            if let Ok(estimate) = estimate(&layer, &machine, schedule, &PRICES) {
                assert!(estimate.energy.mac > 0.0);
                accepted += 1;
            }
        }
    }
    assert!(accepted > 1000, "{accepted}");
    let largest = [u64::MAX, 1 << 20, 1 << 31];
    for side in largest {
        for memory in [0, 1 << 40, u64::MAX] {
            let words = PerTensor {
                filter: 64,
                ifmap: 64,
                psum: 64,
            };
            let memories = PerTensor {
                filter: memory,
                ifmap: memory,
                psum: memory,
            };
            let shape = MachineShape {
                rows: side,
                columns: side,
                memories,
                words,
                dram_bits_per_cycle: 1,
            };
            if let Ok(machine) = Machine::new(&shape) {
                assert!(
                    estimate(
                        &conv([3, 3, 8, 8, 8, 8, 1]),
                        &machine,
                        Schedule::XYZiZo,
                        &PRICES
                    )
                    .is_err()
                        || memory > 0
                );
            }
        }
    }
}
