//! The exact solution of a network's product against all choices.

use super::*;

/// Schedules of which some do not fit and some have no bound, with small numbers so that equal values occur.
fn layers(random: &mut Random) -> Vec<Choices> {
    let count = random.within(1, 6);
    (0..count)
        .map(|_| {
            [(); 5].map(|()| {
                let (energy, delay) = (random.within(1, 30), random.within(1, 30));
                let choice = Choice {
                    energy: energy as f64,
                    delay: (random.within(0, 10) > 0).then_some(delay),
                };
                (random.within(0, 10) > 0).then_some(choice)
            })
        })
        .collect()
}

/// The least value over all combinations of bounded schedules.
fn by_enumeration(layers: &[Choices], objective: Objective) -> Option<f64> {
    let mut sums = vec![(0.0, 0_u64)];
    for choices in layers {
        sums =
            sums.iter()
                .flat_map(|&(energy, delay)| {
                    choices.iter().flatten().filter_map(move |choice| {
                        Some((energy + choice.energy, delay + choice.delay?))
                    })
                })
                .collect();
    }
    sums.into_iter()
        .map(|(energy, delay)| objective.of(energy, Some(delay as f64)))
        .min_by(f64::total_cmp)
}

#[test]
fn the_product_of_sums_is_least() {
    let mut random = Random::new(3);
    for _ in 0..500 {
        let layers = layers(&mut random);
        for objective in Objective::ALL {
            let found = network_product(&layers, objective).map(|selection| selection.value);
            assert_eq!(
                found,
                by_enumeration(&layers, objective),
                "{objective:?} of {layers:?}"
            );
        }
    }
}

#[test]
fn no_fixed_schedule_beats_the_best_per_layer() {
    let mut random = Random::new(4);
    for _ in 0..500 {
        let layers = layers(&mut random);
        for objective in Objective::ALL {
            let Some((_, best)) = per_layer(&layers, objective) else {
                continue;
            };
            for schedule in Schedule::ALL {
                assert!(fixed(&layers, schedule, objective) >= best);
            }
        }
    }
}

/// The example at the head of `select`.
#[test]
fn the_sum_of_products_is_not_the_product_of_sums() {
    let point = |energy, delay| {
        Some(Choice {
            energy,
            delay: Some(delay),
        })
    };
    let layers = [
        [point(1.0, 9), point(4.0, 2), None, None, None],
        [point(1.0, 100), None, None, None, None],
    ];
    let (chosen, sum) = per_layer(&layers, Objective::EnergyDelay).unwrap();
    assert_eq!((chosen[0], sum), (Schedule::XZiYZo, 108.0));
    let exact = network_product(&layers, Objective::EnergyDelay).unwrap();
    assert_eq!((exact.schedules[0], exact.value), (Schedule::XYZiZo, 218.0));
}
