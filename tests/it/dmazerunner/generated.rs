//! Searches of generated small layers against nested loops over every tiling and every order.

use dflowc::models::dmazerunner::{Factors, Layer, Machine, Operator, evaluate};
use dflowc::search::dmazerunner::certificate::{Certificate, verify};
use dflowc::search::dmazerunner::optimum::optimum;
use dflowc::search::dmazerunner::plain::Orders;
use dflowc::search::dmazerunner::{Join, Limits, Objective, Share, plain};

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn pick(&mut self, list: &[u64]) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        list[((z ^ (z >> 31)) % list.len() as u64) as usize]
    }
}

/// Tilings before anything is asked of them: ordered factorizations of every bound into four.
fn size(bounds: &Factors) -> u64 {
    let quarters = |n: u64| {
        let divisors: Vec<u64> = (1..=n).filter(|d| n.is_multiple_of(*d)).collect();
        let mut count = 0;
        for a in &divisors {
            for b in divisors.iter().filter(|b| (n / a).is_multiple_of(**b)) {
                count += divisors
                    .iter()
                    .filter(|c| (n / a / b).is_multiple_of(**c))
                    .count() as u64;
            }
        }
        count
    };
    bounds.iter().map(|n| quarters(*n)).product()
}

/// A layer of 10^3 to 10^6 tilings; every eighth a product, every eighth depthwise, and most windows slide.
fn layer(seed: u64, n: &mut Numbers) -> Layer {
    loop {
        let kernel = n.pick(&[1, 3, 3]);
        let mut bounds = [
            n.pick(&[1, 1, 2]),
            n.pick(&[2, 3, 4, 6, 8]),
            n.pick(&[1, 2, 3, 4, 6]),
            n.pick(&[2, 3, 4, 6]),
            n.pick(&[1, 2, 4, 6]),
            kernel,
            n.pick(&[1, kernel, 2]),
        ];
        let stride = n.pick(&[1, 1, 2, 3]);
        let edge = n.pick(&[0, 0, 1]);
        let layer = match seed % 8 {
            0 => Layer::product(
                n.pick(&[1, 2, 4, 12]),
                n.pick(&[4, 6, 8, 16]),
                n.pick(&[2, 6, 8, 12]),
            ),
            kind => {
                if kind == 1 {
                    bounds[1] = 1;
                }
                Layer {
                    operator: if kind == 1 {
                        Operator::Depthwise
                    } else {
                        Operator::Convolution
                    },
                    bounds,
                    stride,
                    image: [
                        (bounds[3] - 1) * stride + bounds[5] + edge,
                        (bounds[4] - 1) * stride + bounds[6] + edge,
                    ],
                }
            }
        };
        if (1000..=100_000).contains(&size(&layer.bounds)) {
            return layer;
        }
    }
}

/// A small architecture; every tenth is too small for any tiling.
fn machine(seed: u64, n: &mut Numbers) -> Machine {
    Machine {
        pes: n.pick(&[2, 4, 6, 9, 16]),
        rf_elements: if seed % 10 == 9 {
            2
        } else {
            n.pick(&[4, 6, 12, 24])
        },
        bank_bytes: n.pick(&[8, 16, 32]),
        spm_banks: n.pick(&[6, 8, 16, 32]),
        dma_setup: n.pick(&[100, 1000, 7275]),
        dma_per_byte: n.pick(&[6, 60, 200]),
        ..Machine::published()
    }
}

fn limits(seed: u64, n: &mut Numbers) -> Limits {
    if !seed.is_multiple_of(3) {
        return Limits::NONE;
    }
    let mut share = |list: &[u64]| Share(u32::try_from(n.pick(list)).unwrap());
    Limits {
        pe: share(&[0, 300, 500]),
        rf: share(&[0, 400]),
        spm: share(&[0, 200]),
        no_feature_dram: n.pick(&[0, 1]) == 1,
        no_spatial_reduction: n.pick(&[0, 1]) == 1,
    }
}

/// Whether some window slides: several outputs, and a kernel of several points.
fn slides(layer: &Layer) -> bool {
    let [.., rows, columns, height, width] = layer.bounds;
    rows > 1 && height > 1 || columns > 1 && width > 1
}

#[test]
fn searches_find_what_nested_loops_find() {
    let (mut infeasible, mut sliding) = (0, 0);
    for seed in 0..200 {
        let n = &mut Numbers(seed * 7919);
        let (layer, machine, limits) = (layer(seed, n), machine(seed, n), limits(seed, n));
        let case = format!("{seed}: {layer:?} {machine:?} {limits:?}");
        let join = Join::new(&layer, &machine, &limits).unwrap();
        let plain = plain::all(&layer, &machine, &limits, Orders::All);
        assert_eq!(join.count(), plain.tilings, "{case}");
        assert_eq!(plain::tilings(&layer), Some(size(&layer.bounds)), "{case}");
        infeasible += u32::from(plain.tilings == 0);
        sliding += u32::from(slides(&layer));
        for (objective, best) in Objective::ALL.into_iter().zip(plain.best) {
            let found = optimum(&join, objective);
            assert_eq!(found.best.map(|b| b.score), best, "{objective:?} {case}");
            let covered = found.coverage;
            let parts = covered.evaluated + covered.dominated + covered.bounded + covered.closed;
            assert_eq!(parts, covered.candidates, "{case}");
            if let Some(best) = found.best {
                let profile = evaluate(&layer, &machine, &join.method(&best)).unwrap();
                let (energy, cycles) = (profile.energy.total(), profile.cycles);
                assert_eq!(
                    objective.score(energy, cycles, profile.unit),
                    best.score,
                    "{case}"
                );
            }
            if seed.is_multiple_of(5) {
                let certificate = Certificate::new(&join, objective, &found);
                assert_eq!(
                    verify(&certificate, &layer, &machine, seed),
                    Ok(()),
                    "{case}"
                );
            }
        }
    }
    assert!(
        (20..60).contains(&infeasible),
        "{infeasible} are infeasible"
    );
    assert!(sliding >= 100, "{sliding} slide");
}
