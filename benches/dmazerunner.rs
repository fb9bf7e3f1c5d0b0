//! Searches with the model `dmazerunner`: the published spaces and the whole ones.

use criterion::{Criterion, criterion_group, criterion_main};
use dflowc::models::dmazerunner::{Layer, Machine};
use dflowc::search::dmazerunner::optimum::optimum;
use dflowc::search::dmazerunner::{Join, Limits, Objective, adaptive, sweep};
use std::hint::black_box;

/// Six ResNet layers, batch 4.
fn resnet() -> [Layer; 6] {
    let layer = Layer::convolution;
    [
        layer([4, 64, 3, 112, 112, 7, 7], 2, 224, 3),
        layer([4, 64, 64, 56, 56, 3, 3], 1, 56, 1),
        layer([4, 128, 128, 28, 28, 3, 3], 1, 28, 1),
        layer([4, 256, 256, 14, 14, 3, 3], 1, 14, 1),
        layer([4, 512, 256, 7, 7, 3, 3], 2, 14, 1),
        layer([4, 512, 512, 7, 7, 3, 3], 1, 7, 1),
    ]
}

/// ResNet18's layers of different shape, batch 4.
fn resnet18() -> Vec<Layer> {
    let layer = Layer::convolution;
    let mut all = resnet().to_vec();
    all.extend([
        layer([4, 128, 64, 28, 28, 3, 3], 2, 56, 1),
        layer([4, 128, 64, 28, 28, 1, 1], 2, 56, 0),
        layer([4, 256, 128, 14, 14, 3, 3], 2, 28, 1),
        layer([4, 256, 128, 14, 14, 1, 1], 2, 28, 0),
        layer([4, 512, 256, 7, 7, 1, 1], 2, 14, 0),
        Layer::product(4, 1000, 512),
    ]);
    all
}

fn search(layers: &[Layer], limits: &Limits, objectives: &[Objective]) {
    for layer in layers {
        let join =
            Join::new(layer, &Machine::published(), limits).expect("the layer is searchable");
        for objective in objectives {
            black_box(optimum(&join, *objective));
        }
    }
}

fn searches(c: &mut Criterion) {
    let mut group = c.benchmark_group("dmazerunner");
    group.sample_size(10);
    let layers = resnet();
    group.bench_function("six layers, .8/.8/.5, three optima", |b| {
        b.iter(|| search(&layers, &Limits::PUBLISHED, &Objective::ALL));
    });
    group.bench_function("six layers, whole space, EDP proved", |b| {
        b.iter(|| search(&layers, &Limits::NONE, &[Objective::Edp]));
    });
    group.bench_function("six layers, whole space, three optima proved", |b| {
        b.iter(|| search(&layers, &Limits::NONE, &Objective::ALL));
    });
    let network = resnet18();
    group.bench_function("ResNet18, adaptive, three optima", |b| {
        b.iter(|| {
            for layer in &network {
                let join = adaptive(layer, &Machine::published())
                    .expect("searchable")
                    .join;
                for objective in Objective::ALL {
                    black_box(optimum(&join, objective));
                }
            }
        });
    });
    let machines: Vec<Machine> = sweep::published_grid()
        .into_iter()
        .filter_map(|(pes, rf, spm)| sweep::machine(pes, rf, spm))
        .collect();
    group.bench_function("183 designs, six layers, adaptive", |b| {
        b.iter(|| black_box(sweep::sweep(&layers, &machines)));
    });
    group.finish();
}

criterion_group!(benches, searches);
criterion_main!(benches);
