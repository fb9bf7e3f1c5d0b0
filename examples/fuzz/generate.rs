//! Programs made from the grammar: most of them mean something, and some of their numbers nothing.

use crate::dice::Dice;

/// The dimensions that a dataflow can name, by kind of layer.
struct Layer {
    text: String,
    dims: &'static [&'static str],
    tensors: &'static [&'static str],
}

pub fn program(dice: &mut Dice) -> String {
    match dice.within(0, 4) {
        0 => fused(dice),
        _ => mapped(dice),
    }
}

fn layer(dice: &mut Dice, name: &str) -> Layer {
    const OPERANDS: &[&str] = &["Input", "Weight", "Output"];
    let mut number = || dice.number();
    let (k, c, y, x) = (number(), number(), number(), number());
    let (r, s, stride) = (dice.within(1, 4), dice.within(1, 3), dice.within(1, 3));
    let (padding, dilation, groups) = (dice.within(0, 2), dice.within(1, 2), dice.within(1, 4));
    let extra = match dice.within(0, 5) {
        0 => format!("Stride {{ Y: {stride}, X: {stride} }}"),
        1 => format!("Padding {{ Y: {padding}, X: {padding} }}"),
        2 => format!("Dilation {{ R: {dilation}, S: 1 }}"),
        3 => format!("Groups: {groups};"),
        _ => String::new(),
    };
    let (text, dims, tensors): (String, &[&str], &[&str]) = match dice.within(0, 7) {
        0..=2 => (
            format!(
                "Type: CONV; Dimensions {{ N: 1, K: {k}, C: {c}, Y: {y}, X: {x}, R: {r}, S: {s} }} {extra}"
            ),
            &["N", "K", "C", "Y", "X", "R", "S", "P", "Q", "Y'", "X'"],
            OPERANDS,
        ),
        3 => (
            format!("Type: FC; Dimensions {{ N: {y}, K: {k}, C: {c} }}"),
            &["N", "K", "C"],
            OPERANDS,
        ),
        4 => (
            format!("Type: GEMM; Dimensions {{ M: {k}, N: {c}, K: {y} }}"),
            &["M", "N", "K"],
            &["A", "B", "Input", "Output"],
        ),
        5 => (
            format!("Type: DWCONV; Dimensions {{ N: 1, C: {c}, Y: {y}, X: {x}, R: {r}, S: {r} }}"),
            &["C", "Y", "X", "R", "S", "P", "Q"],
            OPERANDS,
        ),
        6 => (
            format!("Type: POOL; Dimensions {{ N: 1, C: {c}, Y: {y}, X: {x}, R: {r}, S: {r} }}"),
            &["C", "Y", "X", "R", "S", "P", "Q"],
            &["Input", "Output"],
        ),
        _ => (
            format!(
                "Type: EINSUM; Ranks {{ M: {k}, N: {c}, K: {y} }} Compute: Z[m, n] = A[m, k] * B[k, n];"
            ),
            &["M", "N", "K"],
            &["A", "B", "Z"],
        ),
    };
    Layer {
        text: format!("Layer {name} {{ {text} }}"),
        dims,
        tensors,
    }
}

const ACCELERATORS: &[&str] = &[
    "PE { NumPEs: PES }",
    "Memory DRAM { } Array PE { Shape: [PES] } Memory RF { Size: BYTES } Compute MAC { }",
    "Memory DRAM { Bandwidth: 8B/cycle } Memory GLB { Size: BYTES } Array PE { Shape: [PES, 4] } Memory RF { } Compute MAC { }",
    "Memory DRAM { } Memory GLB { DoubleBuffered: true; Size: 64KiB } Array Core { Shape: [4] } Memory L1 { Size: BYTES } Array PE { Shape: [PES] } Memory RF { Size: 512 } Compute MAC { Lanes: 2 }",
    "Memory DRAM { } Memory GLB { } Array PE { Shape: [PES]; Forwarding: true } Memory RF { } Compute MAC { }",
    "Memory DRAM { } Memory GLB { Refill: tile } Array PE { Shape: [PES]; Reduction: false; Multicast: false } Memory RF { Banks: 2; Size: BYTES } Compute MAC { }",
];

fn accelerator(dice: &mut Dice) -> String {
    let text = dice.one(ACCELERATORS);
    let text = text.replace("PES", &dice.number().to_string());
    let bytes = dice.number().saturating_mul(16).to_string();
    format!("Accelerator a {{ {} }}", text.replace("BYTES", &bytes))
}

fn dataflow(dice: &mut Dice, layer: &Layer) -> String {
    let mut out = String::new();
    let levels = if dice.once_in(40) {
        dice.within(4, 20)
    } else {
        dice.within(1, 3)
    };
    let loops = dice.once_in(2);
    for level in 0..levels {
        if level > 0 && !loops {
            out += &format!("Cluster({}); ", dice.number());
        }
        for _ in 0..dice.within(0, 5) {
            let dim = dice.one(layer.dims);
            let size = dice.number();
            out += &match (loops, dice.within(0, 9)) {
                (_, 0) => {
                    let (tensor, memory) = (
                        dice.one(layer.tensors),
                        dice.one(&["GLB", "RF", "DRAM", "L1"]),
                    );
                    let word = dice.one(&["retain", "bypass"]);
                    format!("{word} {tensor} in {memory}; ")
                }
                (true, 1..=3) => format!("spread {dim} by {size} over PE[0]; "),
                (true, _) => format!("tile {dim} by {size}; "),
                (false, kind) => {
                    let word = if kind < 4 {
                        "SpatialMap"
                    } else {
                        "TemporalMap"
                    };
                    let offset = if dice.once_in(4) { dice.number() } else { size };
                    format!("{word}({size},{offset}) {dim}; ")
                }
            };
        }
    }
    out
}

fn mapped(dice: &mut Dice) -> String {
    let layer = layer(dice, "l");
    let (accelerator, dataflow) = (accelerator(dice), dataflow(dice, &layer));
    format!(
        "Network n {{ {} }}\n{accelerator}\nMap n on a {{ l: {{ {dataflow} }} }}\n",
        layer.text
    )
}

/// A chain of convolutions that run together.
fn fused(dice: &mut Dice) -> String {
    let count = dice.within(2, 4);
    let (channels, mut size) = (dice.within(1, 8), dice.within(6, 64) + dice.number() % 4096);
    let mut layers = String::new();
    for at in 0..count {
        let kernel = *dice.one(&[1, 3, 3, 5]);
        let padding = dice.within(0, kernel / 2);
        layers += &format!(
            "Layer l{at} {{ Type: CONV; Dimensions {{ K: {channels}, C: {channels}, Y: {size}, X: {size}, R: {kernel}, \
             S: {kernel} }} Padding {{ Y: {padding}, X: {padding} }} }}\n"
        );
        size = (size + 2 * padding).saturating_sub(kernel - 1).max(1);
    }
    let head = count - 1;
    let names: Vec<String> = (0..count).map(|at| format!("l{at}")).collect();
    let mut body = String::new();
    let mut open = 0;
    let mut piece = size;
    for _ in 0..dice.within(1, 4) {
        let rank = dice.one(&["P", "Q", "K", "P", "Q"]);
        piece = match dice.once_in(12) {
            true => dice.number(),
            false => dice.within(1, piece.clamp(1, 1 << 20)),
        };
        body += &format!("tile l{head}.{rank} by {piece} {{ ");
        open += 1;
        if dice.once_in(3) {
            body += &fate(dice, count);
        }
    }
    for at in 1..count {
        body += &format!("retain l{at}.Input in GLB; ");
        if dice.once_in(3) {
            body += &format!("recompute l{at}.Input; ");
        }
    }
    if dice.once_in(3) {
        let words: &[&str] = &["pipeline { }", "sequence { }"];
        body += *dice.one(words);
    }
    body += &"} ".repeat(open);
    format!(
        "Network n {{\n{layers}}}\nAccelerator a {{ Memory DRAM {{ }} Memory GLB {{ Size: {}KiB }} Array PE {{ Shape: [16] }} \
         Memory RF {{ }} Compute MAC {{ }} }}\nMap n on a {{ Fuse {} {{ {body} }} }}\n",
        dice.within(1, 4096),
        names.join(", ")
    )
}

fn fate(dice: &mut Dice, count: u64) -> String {
    let tensor = format!(
        "l{}.{}",
        dice.within(0, count - 1),
        dice.one(&["Input", "Weight", "Output"])
    );
    match dice.within(0, 2) {
        0 => format!("retain {tensor} in GLB; "),
        1 => format!("recompute {tensor}; "),
        _ => format!("refetch {tensor} from DRAM; "),
    }
}
