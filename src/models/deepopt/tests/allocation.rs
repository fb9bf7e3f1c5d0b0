//! A sweep against evaluating every design by itself.

use super::*;

fn size(kib: u64) -> MemorySize {
    MemorySize {
        bits: kib << 13,
        area_um2: kib as f64 * 33_000.0,
        bit_pj: 0.1 + kib as f64 * 0.003,
    }
}

fn sweep() -> Sweep {
    let sizes: Vec<MemorySize> = [1, 4, 32].map(size).to_vec();
    Sweep {
        rows: vec![6, 8, 9, 12],
        columns: vec![6, 8, 10],
        memories: PerTensor {
            filter: sizes.clone(),
            ifmap: sizes.clone(),
            psum: sizes,
        },
        words: PerTensor {
            filter: 8,
            ifmap: 8,
            psum: 32,
        },
        dram_bits_per_cycle: 128,
        pe_um2: 7406.0,
        budget_um2: 2.2e6,
        aspect: (3, 4),
    }
}

fn network() -> Vec<Repeated> {
    let dense = |images| {
        Layer::new(&Shape {
            filter_rows: 1,
            filter_columns: 1,
            channels: 300,
            filters: 50,
            rows: 1,
            columns: 1,
            stride: 1,
            groups: 1,
            kind: Kind::Dense { images },
            runs: 1,
        })
        .unwrap()
    };
    vec![
        (conv([3, 3, 20, 30, 14, 14, 1]), 2),
        (conv([1, 1, 40, 25, 9, 9, 2]), 1),
        // Its filters are wider than the shortest array is high.
        (conv([7, 7, 6, 12, 20, 20, 2]), 1),
        (dense(16), 1),
        (dense(1), 3),
    ]
}

#[test]
fn a_sweep_is_every_design_by_itself() {
    let (sweep, network) = (sweep(), network());
    let found = allocate(&network, &sweep, &PRICES, &[1.0e6]);
    let (mut designs, mut unfit) = (0, 0);
    let mut best = [f64::INFINITY; 5];
    let mut worst = [f64::NEG_INFINITY; 5];
    for &rows in &sweep.rows {
        for &columns in &sweep.columns {
            if rows.min(columns) * 4 < rows.max(columns) * 3 {
                continue;
            }
            for filter in &sweep.memories.filter {
                for ifmap in &sweep.memories.ifmap {
                    for psum in &sweep.memories.psum {
                        let area = (rows * columns) as f64 * sweep.pe_um2
                            + (filter.area_um2 + ifmap.area_um2 + psum.area_um2);
                        let fed = rows * columns * 8 <= filter.bits
                            && rows * 8 <= ifmap.bits
                            && columns * 32 <= psum.bits;
                        if area > sweep.budget_um2 || !fed {
                            continue;
                        }
                        designs += 1;
                        let machine = machine(rows, columns, [filter.bits, ifmap.bits, psum.bits]);
                        let sram_bit = PerTensor {
                            filter: filter.bit_pj,
                            ifmap: ifmap.bit_pj,
                            psum: psum.bit_pj,
                        };
                        let prices = Prices { sram_bit, ..PRICES };
                        let layers: Vec<Choices> = network
                            .iter()
                            .flat_map(|(layer, times)| (0..*times).map(move |_| layer))
                            .map(|layer| {
                                Schedule::ALL.map(|schedule| {
                                    let estimate =
                                        estimate(layer, &machine, schedule, &prices).ok()?;
                                    Some(Choice {
                                        energy: estimate.energy.total(),
                                        delay: estimate.delay(),
                                    })
                                })
                            })
                            .collect();
                        unfit += u64::from(per_layer(&layers, Objective::Energy).is_none());
                        for (place, objective) in Objective::ALL.into_iter().enumerate() {
                            if let Some((_, value)) = per_layer(&layers, objective) {
                                best[place] = best[place].min(value);
                                if area >= 1.0e6 {
                                    worst[place] = worst[place].max(value);
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(
        designs > 100 && unfit > 0,
        "{designs} designs, {unfit} unfit"
    );
    assert_eq!((found.designs, found.unfit), (designs, unfit));
    let near = |a: f64, b: f64| ((a - b) / b).abs() < 1e-12;
    for place in 0..5 {
        assert!(
            near(found.best[place].unwrap().value, best[place]),
            "{place}: {:?} {}",
            found.best[place],
            best[place]
        );
        assert!(
            near(found.worst[0][place].unwrap().value, worst[place]),
            "{place}"
        );
    }
}

#[test]
fn threads_make_no_difference() {
    use super::super::parallel::map_on;
    let items: Vec<u64> = (0..1000).collect();
    let squares: Vec<u64> = items.iter().map(|n| n * n).collect();
    for threads in [1, 2, 7] {
        assert_eq!(map_on(threads, &items, |n| n * n), squares);
    }
    assert_eq!(
        allocate(&network(), &sweep(), &PRICES, &[0.0]),
        allocate(&network(), &sweep(), &PRICES, &[0.0])
    );
}
