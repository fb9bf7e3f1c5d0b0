//! Certificates: right ones pass, altered ones do not; gaps are true; threads change nothing.

use super::{resnet, small};
use dflowc::models::dmazerunner::{Layer, Machine};
use dflowc::search::dmazerunner::certificate::{Certificate, Refuted, verify};
use dflowc::search::dmazerunner::optimum::{optimum, optimum_until};
use dflowc::search::dmazerunner::{Join, Limits, Objective};
use std::sync::atomic::{AtomicUsize, Ordering};

fn small_join() -> Join {
    let layer = Layer::convolution([2, 8, 6, 4, 4, 3, 3], 1, 4, 1);
    Join::new(&layer, &small(), &Limits::NONE).unwrap()
}

#[test]
fn an_altered_certificate_is_refused() {
    let join = small_join();
    for objective in Objective::ALL {
        let good = Certificate::new(&join, objective, &optimum(&join, objective));
        let check = |c: &Certificate| verify(c, &join.layer, &join.machine, 1);
        assert_eq!(check(&good), Ok(()));
        let refuse = |change: &dyn Fn(&mut Certificate)| {
            let mut altered = good.clone();
            change(&mut altered);
            check(&altered).unwrap_err()
        };
        assert!(matches!(
            refuse(&|c| c.closed[3].bound.value += 1),
            Refuted::Bound { .. }
        ));
        assert!(matches!(
            refuse(&|c| c.closed[5].tilings += 1),
            Refuted::Tilings { .. }
        ));
        assert!(matches!(refuse(&|c| c.evaluated += 1), Refuted::Sum { .. }));
        assert!(matches!(
            refuse(&|c| c.candidates += 1),
            Refuted::Sum { .. }
        ));
        assert!(matches!(
            refuse(&|c| {
                c.closed.remove(2);
            }),
            Refuted::Missing(_)
        ));
        let twice = |c: &mut Certificate| {
            let class = c.closed[1];
            c.closed.push(class);
        };
        assert_eq!(refuse(&twice), Refuted::Unknown(good.closed[1].tile));
        let score = |c: &mut Certificate| {
            if let Some(best) = &mut c.best {
                best.1.value -= 1;
            }
        };
        assert_eq!(refuse(&score), Refuted::Best);
        let bound = |c: &mut Certificate| {
            if let Some(bound) = &mut c.lower_bound {
                bound.value -= 1;
            }
        };
        assert_eq!(refuse(&bound), Refuted::LowerBound);
    }
}

/// A search that is stopped after some rounds states a gap in which the optimum lies, on every layer.
#[test]
fn a_stopped_search_states_a_true_gap() {
    for (name, layer) in resnet() {
        let join = Join::new(&layer, &Machine::published(), &Limits::NONE).unwrap();
        for objective in Objective::ALL {
            let whole = optimum(&join, objective);
            let proved = whole.best.unwrap().score;
            assert_eq!(whole.lower_bound(), Some(proved), "{name}");
            for rounds in 1..4 {
                let calls = AtomicUsize::new(0);
                let stop = || calls.fetch_add(1, Ordering::SeqCst) >= rounds;
                let part = optimum_until(&join, objective, &stop);
                assert!(part.lower_bound().unwrap() <= proved, "{name}");
                assert!(part.best.unwrap().score >= proved, "{name}");
            }
        }
    }
}

#[test]
fn a_stopped_search_has_a_certificate_too() {
    let join = small_join();
    for objective in Objective::ALL {
        let proved = optimum(&join, objective).best.unwrap().score;
        for rounds in 0..3 {
            let calls = AtomicUsize::new(0);
            let stop = || calls.fetch_add(1, Ordering::SeqCst) >= rounds;
            let found = optimum_until(&join, objective, &stop);
            let certificate = Certificate::new(&join, objective, &found);
            assert!(certificate.lower_bound.unwrap() <= proved);
            assert_eq!(certificate.best.is_some(), rounds > 0);
            assert_eq!(verify(&certificate, &join.layer, &join.machine, 1), Ok(()));
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    let certificate = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let layer = resnet()[4].1;
            let join = Join::new(&layer, &Machine::published(), &Limits::NONE).unwrap();
            Objective::ALL.map(|o| Certificate::new(&join, o, &optimum(&join, o)))
        })
    };
    assert_eq!(certificate(1), certificate(3));
}
