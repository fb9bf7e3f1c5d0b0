//! The least that fused designs move: figures of an exhaustive prototype over the same space (the design page of the fused
//! search, section 7), reached or undercut. Each design is found by the search, and what it moves and needs is counted of its
//! tree; those of small steps are walked by the oracle too.

use super::build::{Chain, Slide};
use dflowc::engine::tree::{count, oracle};
use dflowc::search::fused::{self, Request, network, search};

fn request(bytes: u64, imperfect: bool, recompute: bool) -> Request {
    Request {
        room: bytes * 8,
        imperfect,
        recompute,
        limit: u64::MAX,
        until: None,
        stop: None,
        loops: None,
    }
}

/// The least bytes of all ways to cut a chain into groups, each design counted once more.
fn least(chain: &Chain, longest: usize, stay: bool, request: &Request) -> u64 {
    let parts = fused::Chain {
        problem: chain.problem.clone(),
        residuals: chain.residuals.clone(),
    };
    let found = network(&parts, request, longest, stay).expect("something fits");
    assert!(found.proved);
    for group in &found.groups {
        assert!(group.answer.counts.needed_bits <= u128::from(request.room));
    }
    found.moved_bits / 8
}

/// One group: bytes moved and needed, as counted of the design, and by the oracle where it walks few steps.
fn group(chain: &Chain, request: &Request) -> (u64, u64) {
    let found = search(&chain.problem, request).expect("it is a chain");
    assert!(found.proved);
    let best = found.best.expect("something fits");
    assert_eq!(
        count(&chain.problem, &best.schedule).as_ref(),
        Ok(&best.counts)
    );
    match oracle::run(&chain.problem, &best.schedule, 30_000_000) {
        Ok(truth) => assert_eq!(truth, best.counts),
        Err(refusal) => assert_eq!(refusal, oracle::Refusal::TooLarge),
    }
    let bytes = |bits: u128| u64::try_from(bits / 8).unwrap();
    (
        bytes(best.counts.moved_bits),
        bytes(best.counts.needed_bits),
    )
}

const KIB: u64 = 1024;

fn products(count: usize) -> Chain {
    (0..count).fold(Chain::new(&[128, 128], 8, 8), |chain, _| chain.product(128))
}

fn bottleneck(side: u64, channels: u64) -> Chain {
    let chain = Chain::new(&[24, side, side], 8, 8);
    chain.pointwise(channels).three(0).pointwise(24)
}

#[test]
fn two_products() {
    let chain = products(2);
    for (room, most) in [
        (2, 294_912),
        (4, 212_992),
        (8, 147_456),
        (16, 98_304),
        (32, 65_536),
    ] {
        assert_eq!(
            least(&chain, 2, false, &request(room * KIB, false, true)),
            most
        );
        assert!(least(&chain, 2, false, &request(room * KIB, true, true)) <= most);
    }
    // The compulsory traffic needs the map between whole, a column and a value: 128 * 128 + 128 + 1.
    assert_eq!(
        group(&chain, &request(16_513, false, true)),
        (4 * 128 * 128, 16_513)
    );
    assert!(group(&chain, &request(16_512, true, true)).0 > 65_536);
}

#[test]
fn three_products() {
    let chain = products(3);
    for (room, most) in [
        (2, 442_368),
        (4, 327_680),
        (8, 229_376),
        (16, 147_456),
        (32, 98_304),
        (64, 81_920),
    ] {
        assert_eq!(
            least(&chain, 3, false, &request(room * KIB, false, true)),
            most
        );
    }
    for (room, most) in [(2, 344_064), (8, 212_992)] {
        assert!(least(&chain, 3, false, &request(room * KIB, true, true)) <= most);
    }
    // A block of two of the three products: a loop that they share halves the first map, 128 * 128 + 64 * 128 + 64 + 1.
    assert_eq!(
        group(&chain, &request(24_641, false, true)),
        (98_304, 24_641)
    );
}

#[test]
fn one_product_of_4096() {
    // Least bytes with imperfect tiles and one buffer, published with another mapper (the design page of searches, section 8).
    let chain = Chain::new(&[4096, 4096], 8, 8).product(4096);
    for (room, most) in [(64, 570_425_344), (1024, 167_772_160)] {
        assert_eq!(
            least(&chain, 1, false, &request(room * KIB, true, true)),
            most
        );
    }
    assert_eq!(
        least(&chain, 1, false, &request(64 * KIB, false, true)),
        822_083_584
    );
}

#[test]
fn inverted_bottlenecks() {
    let small = bottleneck(28, 192);
    // Input, weights and result once: 2 * 24*28*28 + 2 * 24*192 + 9*192.
    let compulsory = 48_576;
    assert_eq!(group(&small, &request(12_994, false, true)).0, compulsory);
    assert_eq!(group(&small, &request(27_193, false, false)).0, compulsory);
    assert!(group(&small, &request(8 * KIB, true, true)).0 <= 103_296);
    assert!(group(&small, &request(16 * KIB, false, false)).0 <= 105_024);
    assert!(group(&small, &request(8 * KIB, false, false)).0 <= 217_920);
    let large = bottleneck(56, 144);
    for (room, recompute, most) in [
        (8, true, 352_896),
        (16, true, 158_736),
        (8, false, 836_112),
        (16, false, 384_528),
    ] {
        assert!(group(&large, &request(room * KIB, false, recompute)).0 <= most);
    }
}

#[test]
fn two_convolutions() {
    let chain = Chain::new(&[64, 56, 56], 8, 8).three(64).three(64);
    assert!(group(&chain, &request(16 * KIB, false, true)).0 <= 1_668_096);
    assert!(group(&chain, &request(64 * KIB, false, true)).0 <= 717_824);
    assert!(least(&chain, 2, false, &request(16 * KIB, true, false)) <= 1_808_384);
}

/// Alwani et al. (MICRO 2016): maps only, weights have a memory of their own.
#[test]
fn vgg_e() {
    let chain = Chain::new(&[3, 224, 224], 32, 0).three(64).three(64).pool();
    let chain = chain.three(128).three(128).pool().three(256);
    // The image and the last map once, their 3.6 MB; with less than the 355,680 bytes that are live if nothing is made twice.
    let published = (224 * 224 * 3 + 56 * 56 * 256) * 4;
    assert_eq!(group(&chain, &request(203_776, false, true)).0, published);
    assert!(least(&chain, 4, false, &request(200 * KIB, false, false)) <= 43_839_488);
}

/// All of MobileNetV2, int8, 224: additions read the map before the block once more.
#[test]
fn mobilenet_v2() {
    let slide = |side: u64, stride: u64| Slide {
        out: side / stride,
        kernel: 3,
        stride,
        padding: 1,
    };
    let mut side = 112;
    let mut chain = Chain::new(&[3, 224, 224], 8, 8).convolution(32, &[slide(224, 2); 2], true);
    for (factor, channels, count, stride) in [
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ] {
        for at in 0..count {
            let stride = if at == 0 { stride } else { 1 };
            let (before, width) = (chain.problem.layers.len(), chain.extents()[0]);
            if factor > 1 {
                chain = chain.pointwise(width * factor);
            }
            chain = chain
                .convolution(0, &[slide(side, stride); 2], true)
                .pointwise(channels);
            side /= stride;
            if at > 0 {
                chain = chain.residual(before);
            }
        }
    }
    let mean = Slide {
        out: 1,
        kernel: 7,
        stride: 1,
        padding: 0,
    };
    let chain = chain
        .pointwise(1280)
        .convolution(0, &[mean; 2], false)
        .pointwise(1000);
    let size = |extents: &[u64]| extents.iter().product::<u64>();
    // Layer by layer everything is moved once by each layer that touches it.
    let touched = chain
        .problem
        .layers
        .iter()
        .flat_map(|layer| &layer.accesses);
    let apart: u64 = touched
        .map(|access| size(&chain.problem.tensors[access.tensor].extents))
        .sum();
    assert_eq!(apart, 17_196_456);
    assert!(least(&chain, 6, true, &request(64 * KIB, false, true)) <= 4_323_752);
}
