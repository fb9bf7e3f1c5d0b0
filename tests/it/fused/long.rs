//! Long loops: the engine counts runs of translates, so small extents alone would never see the middle of a run.
//!
//! Chains of convolutions over lines of 30 to 150 elements and maps of 14 to 34 squared, with strides, dilations, padding
//! and readers that skip layers; several loops over a dimension, every fate and place. `DFLOW_CASES` asks for more.

use super::build::{Builder, affine};
use super::equality::judge;
use super::generated::cases;
use dflowc::ir::{Fate, FusedGroup, Index};

/// Choices that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n.max(1)
    }
}

/// One dimension of a convolution: taps, dilation, stride, padding on both sides.
struct Slide {
    taps: u64,
    dilation: u64,
    stride: u64,
    pad: u64,
}

impl Slide {
    fn draw(dice: &mut Dice, extent: u64) -> Slide {
        let taps = 1 + dice.below(4);
        let slide = Slide {
            taps,
            dilation: 1 + dice.below(3),
            stride: 1 + dice.below(2) * dice.below(3),
            pad: dice.below(2) * (taps / 2),
        };
        // Nothing is left of what is too short.
        if extent + 2 * slide.pad < slide.span() + 3 * slide.stride {
            return Slide {
                taps: 1,
                dilation: 1,
                stride: 1,
                pad: 0,
            };
        }
        slide
    }

    fn span(&self) -> u64 {
        self.dilation * (self.taps - 1) + 1
    }

    fn outputs(&self, extent: u64) -> u64 {
        (extent + 2 * self.pad - self.span()) / self.stride + 1
    }
}

fn group(dice: &mut Dice) -> FusedGroup {
    let mut b = Builder::default();
    let mut extents: Vec<u64> = if dice.below(4) == 0 {
        vec![14 + dice.below(20), 14 + dice.below(20)]
    } else {
        vec![30 + dice.below(120)]
    };
    let dims = extents.len();
    let mut maps = vec![b.input(&extents)];
    for layer in 0..2 + dice.below(3) {
        let slides: Vec<Slide> = extents
            .iter()
            .map(|&extent| Slide::draw(dice, extent))
            .collect();
        let reads = slides.iter().enumerate().map(|(dim, slide)| {
            let terms = [
                (dim, slide.stride as i64),
                (dims + dim, slide.dilation as i64),
            ];
            affine(&terms, -(slide.pad as i64))
        });
        let mut operands: Vec<(usize, Vec<Index>)> = vec![(maps[maps.len() - 1], reads.collect())];
        if layer > 0 && dice.below(3) == 0 {
            let earlier = maps[dice.below(maps.len() as u64) as usize];
            let beside = dice.below(3) as i64;
            let reads = (0..dims).map(|dim| affine(&[(dim, 1)], beside));
            operands.push((earlier, reads.collect()));
        }
        extents = slides
            .iter()
            .zip(&extents)
            .map(|(slide, &extent)| slide.outputs(extent))
            .collect();
        let mut ranks = extents.clone();
        ranks.extend(slides.iter().map(|slide| slide.taps));
        let result: Vec<usize> = (0..dims).collect();
        maps.push(b.stage(&ranks, operands, &result));
    }
    let mut loops = vec![];
    for dim in 0..dims {
        let size = 1 + dice.below(5);
        if dice.below(4) == 0 {
            loops.push((dim, size * (2 + dice.below(3))));
        }
        loops.push((dim, size));
    }
    if dice.below(3) == 0 {
        loops.reverse();
    }
    for tensor in &mut b.tensors {
        let place = dice.below(loops.len() as u64 + 1) as usize;
        tensor.keep = (dice.below(6) > 0).then_some(place);
        tensor.fate = [Fate::Retain, Fate::Recompute, Fate::Refetch][dice.below(3) as usize];
    }
    b.group(&loops)
}

#[test]
fn long_loops_equal_the_oracle() {
    let mut dice = Dice(12_345);
    let (mut equal, cases) = (0, cases(150));
    for case in 0..cases {
        let group = group(&mut dice);
        let rates: Vec<u64> = group.stages.iter().map(|_| 1 + dice.below(7)).collect();
        match judge(&group, &rates) {
            Ok(_) => equal += 1,
            // Some are too large for the masks.
            Err(wrong) if wrong == "TooLarge" => {}
            Err(wrong) => panic!("case {case}: {wrong}"),
        }
    }
    assert!(equal * 10 >= cases * 8, "{equal} of {cases}");
}
