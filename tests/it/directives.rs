//! Directive lists as nobody would write them: seven maps of random sizes in random order on layers of
//! VGG16, ResNet-50 and MobileNetV2, kernels tiled too. A list is refused for a reason of section 7.4 of the
//! language, or it is counted, at full size and at once.
//!
//! `DFLOW_CASES=2000 cargo test --release --test it directives -- --nocapture` runs more of them.

use std::process::Command;
use std::time::{Duration, Instant};

/// K, C, rows and columns, kernel, stride, padding.
const LAYERS: [(u64, u64, u64, u64, u64, u64); 9] = [
    (64, 3, 224, 3, 1, 1),   // VGG16 conv1_1
    (256, 128, 56, 3, 1, 1), // VGG16 conv3_1
    (512, 512, 14, 3, 1, 1), // VGG16 conv5_1
    (64, 3, 224, 7, 2, 3),   // ResNet-50 conv1
    (64, 64, 56, 1, 1, 0),   // ResNet-50 conv2_1 1x1
    (128, 128, 56, 3, 2, 1), // ResNet-50 conv3_1 3x3
    (512, 512, 7, 3, 1, 1),  // ResNet-50 conv5_2 3x3
    (32, 3, 224, 3, 2, 1),   // MobileNetV2 first
    (96, 16, 112, 1, 1, 0),  // MobileNetV2 expansion of the second block
];

struct Choices(u64);

impl Choices {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) % n
    }

    fn size(&mut self, extent: u64) -> u64 {
        let any = 1 + self.below(extent);
        let sizes = [1, 1, 2, 3, 4, 8, extent, extent, (extent / 2).max(1), any];
        sizes[self.below(sizes.len() as u64) as usize].min(extent)
    }

    /// Input rows: whole windows of the kernel, windows of the kernel's tile, or anything.
    fn rows(&mut self, kernel: u64, tile: u64, stride: u64, padded: u64) -> (u64, u64) {
        let outputs = [1, 1, 2, 4, 7, 8, 14][self.below(7) as usize];
        let (size, offset) = match self.below(5) {
            0 | 1 => (stride * (outputs - 1) + kernel, stride * outputs),
            2 | 3 => (stride * (outputs - 1) + tile, stride * outputs),
            _ => (outputs, outputs),
        };
        (size.min(padded), offset.min(padded))
    }
}

/// A layer with seven maps.
fn program(c: &mut Choices) -> String {
    let (k, channels, y, r, stride, padding) = LAYERS[c.below(9) as usize];
    let padded = y + 2 * padding;
    let kernels = [r, r, 1, r.min(2)];
    let tiles = [kernels[c.below(4) as usize], kernels[c.below(4) as usize]];
    let (of_k, of_c) = (c.size(k), c.size(channels));
    let rows = c.rows(r, tiles[0], stride, padded);
    let columns = c.rows(r, tiles[1], stride, padded);
    let mut maps = [
        ("N", 1, 1),
        ("K", of_k, of_k),
        ("C", of_c, of_c),
        ("R", tiles[0], tiles[0]),
        ("S", tiles[1], tiles[1]),
        ("Y", rows.0, rows.1),
        ("X", columns.0, columns.1),
    ];
    for at in (1..maps.len()).rev() {
        maps.swap(at, c.below(at as u64 + 1) as usize);
    }
    let spread = c.below(8) as usize;
    let list: Vec<String> = maps
        .iter()
        .enumerate()
        .map(|(at, (dim, size, offset))| {
            let kind = if at == spread { "Spatial" } else { "Temporal" };
            format!("{kind}Map({size},{offset}) {dim}")
        })
        .collect();
    format!(
        "Network n {{ Layer c {{
           Type: CONV; Dimensions {{ N: 1, K: {k}, C: {channels}, Y: {y}, X: {y}, R: {r}, S: {r} }}
           Stride {{ Y: {stride}, X: {stride} }} Padding {{ Y: {padding}, X: {padding} }}
           Dataflow {{ {} }}
         }} }}
         Accelerator a {{
           Memory DRAM {{ Bandwidth: 16B/cycle }} Memory L2 {{ Bandwidth: 64B/cycle }}
           Array PE {{ Shape: [168]; NoC {{ Bandwidth: 64B/cycle; Latency: 2cycles }} }}
           Memory RF {{ DoubleBuffered }} Compute MAC {{ }}
         }}\n",
        list.join("; ")
    )
}

#[test]
fn random_directive_lists_are_counted_at_full_size() {
    let cases = std::env::var("DFLOW_CASES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(150u64)
        .min(2000);
    let file = std::env::temp_dir().join(format!("dflowc_directives_{}.dflow", std::process::id()));
    let mut choices = Choices(0x9E37_79B9_7F4A_7C15);
    let (mut counted, mut illegal) = (0, 0);
    let mut longest = Duration::ZERO;
    for _ in 0..cases {
        let text = program(&mut choices);
        std::fs::write(&file, &text).unwrap();
        let begin = Instant::now();
        let output = Command::new(env!("CARGO_BIN_EXE_dflowc"))
            .args(["eval", "--report", "json"])
            .arg(&file)
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() {
            counted += 1;
            longest = longest.max(begin.elapsed());
        } else {
            assert!(errors.contains("[E04"), "{text}\n{errors}");
            illegal += 1;
        }
    }
    let _ = std::fs::remove_file(&file);
    println!("{counted} counted (the longest in {longest:?}), {illegal} illegal");
    assert!(counted * 5 > cases);
    // Half a second on a quiet machine; tests run side by side.
    assert!(longest < Duration::from_secs(10), "{longest:?}");
}
