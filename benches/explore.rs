//! How many designs a second a sweep evaluates.
//!
//! `cargo bench --bench explore`: 62 bandwidths and 256 x 256 sizes of two buffers around one array, row stationary on VGG16's
//! conv5_1, by the model of the MAESTRO paper, on one thread. Every design within the budget of area and power has its
//! cycles, energy, EDP, area and power, and is looked at for three objectives and a front. Only these designs are counted:
//! those that are left out for their area or power are not.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dflowc::diag::Diagnostics;
use dflowc::driver::{Compiled, MemoryFiles, Session};
use dflowc::sweep;
use std::hint::black_box;

fn program() -> Compiled {
    let text = include_str!("../examples/explore/maestro.dflow");
    let text = text.replace("vary pes: 3..168 by 3;", "vary pes: 42;");
    Session::new(MemoryFiles::new().with("maestro.dflow", &text)).load("maestro.dflow")
}

fn designs(criterion: &mut Criterion) {
    let compiled = program();
    let explorations = compiled.program.explorations.iter();
    let mut wanted = explorations.filter(|one| one.name == "rs_conv11");
    let explore = wanted.next().expect("the exploration of the example");
    let sweep = sweep::prepare(&compiled, explore, &mut Diagnostics::new()).expect("a sweep");
    let part = sweep::whole(&sweep).expect("an answer");
    let mut group = criterion.benchmark_group("explore");
    group.sample_size(10);
    group.throughput(Throughput::Elements(part.counts.evaluated));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let pool = pool.expect("a thread");
    group.bench_function("designs evaluated", |bencher| {
        bencher.iter(|| pool.install(|| black_box(sweep::whole(&sweep).is_ok())));
    });
    group.finish();
}

criterion_group!(benches, designs);
criterion_main!(benches);
