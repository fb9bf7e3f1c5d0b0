//! Programs made from the grammar: most of them mean something, and some of their numbers nothing.

use crate::dice::Dice;

/// A layer, what a dataflow can name of it, and how large that is.
struct Layer {
    text: String,
    dims: Vec<(&'static str, u64)>,
    tensors: &'static [&'static str],
}

pub fn program(dice: &mut Dice) -> String {
    match dice.within(0, 9) {
        0..=1 => fused(dice),
        2 => searched(dice),
        _ => mapped(dice),
    }
}

fn layer(dice: &mut Dice, name: &str) -> Layer {
    const OPERANDS: &[&str] = &["Input", "Weight", "Output"];
    let (k, c) = (dice.number(), dice.number());
    let (r, s, stride) = (dice.within(1, 4), dice.within(1, 3), dice.within(1, 3));
    let (y, x) = (dice.number().max(r), dice.number().max(s));
    let (padding, dilation, groups) = (dice.within(0, 2), dice.within(1, 2), dice.within(1, 4));
    let (mut p, mut q) = (y - r + 1, x - s + 1);
    let extra = match dice.within(0, 5) {
        0 => {
            (p, q) = ((y - r) / stride + 1, (x - s) / stride + 1);
            format!("Stride {{ Y: {stride}, X: {stride} }}")
        }
        1 => format!("Padding {{ Y: {padding}, X: {padding} }}"),
        2 => format!("Dilation {{ R: {dilation}, S: 1 }}"),
        3 if dice.once_in(4) => format!("Groups: {groups};"),
        _ => String::new(),
    };
    let windows = [
        ("Y", y),
        ("X", x),
        ("R", r),
        ("S", s),
        ("P", p),
        ("Q", q),
        ("Y'", p),
        ("X'", q),
    ];
    let with = |others: &[(&'static str, u64)]| [others, &windows].concat();
    let (text, dims, tensors): (String, Vec<(&'static str, u64)>, &'static [&'static str]) =
        match dice.within(0, 7) {
            0..=2 => (
                format!(
                    "Type: CONV; Dimensions {{ N: 1, K: {k}, C: {c}, Y: {y}, X: {x}, R: {r}, S: {s} }} {extra}"
                ),
                with(&[("K", k), ("C", c)]),
                OPERANDS,
            ),
            3 => (
                format!("Type: FC; Dimensions {{ N: {y}, K: {k}, C: {c} }}"),
                vec![("N", y), ("K", k), ("C", c)],
                OPERANDS,
            ),
            4 => (
                format!("Type: GEMM; Dimensions {{ M: {k}, N: {c}, K: {y} }}"),
                vec![("M", k), ("N", c), ("K", y)],
                &["A", "B", "Input", "Output"],
            ),
            5 => (
                format!(
                    "Type: DWCONV; Dimensions {{ N: 1, C: {c}, Y: {y}, X: {x}, R: {r}, S: {s} }} {extra}"
                ),
                with(&[("C", c)]),
                OPERANDS,
            ),
            6 => (
                format!(
                    "Type: POOL; Dimensions {{ N: 1, C: {c}, Y: {y}, X: {x}, R: {r}, S: {s} }}"
                ),
                with(&[("C", c)]),
                &["Input", "Output"],
            ),
            _ => (
                format!(
                    "Type: EINSUM; Ranks {{ M: {k}, N: {c}, K: {y} }} Compute: Z[m, n] += A[m, k] * B[k, n];"
                ),
                vec![("M", k), ("N", c), ("K", y)],
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
    "Memory DRAM { } Memory GLB { } Array PE { Shape: [PES]; NoC { Forwarding: true } } Memory RF { } Compute MAC { }",
    "Memory DRAM { } Memory GLB { Refill: tile } Array PE { Shape: [PES]; NoC { Reduction: false; Multicast: false } } Memory RF { Banks: 2; Size: BYTES } Compute MAC { }",
];

fn accelerator(dice: &mut Dice) -> String {
    let text = dice.one(ACCELERATORS);
    let pes = if dice.once_in(3) {
        dice.number()
    } else {
        1 << dice.within(2, 14)
    };
    let bytes = if dice.once_in(4) {
        dice.number().saturating_mul(16)
    } else {
        1 << dice.within(8, 30)
    };
    let text = text.replace("PES", &pes.to_string());
    format!(
        "Accelerator a {{ {} }}",
        text.replace("BYTES", &bytes.to_string())
    )
}

/// Loops of one kind; most pieces are no larger than what they are pieces of, and some are anything.
fn dataflow(dice: &mut Dice, layer: &Layer, accelerator: &str) -> String {
    let memories: Vec<&str> = ["GLB", "RF", "L1"]
        .into_iter()
        .filter(|memory| accelerator.contains(memory))
        .collect();
    let mut out = String::new();
    let levels = if dice.once_in(60) {
        dice.within(4, 20)
    } else {
        dice.within(1, 2)
    };
    let loops = dice.once_in(2);
    let mut left: Vec<u64> = layer.dims.iter().map(|dim| dim.1.max(1)).collect();
    for level in 0..levels {
        if level > 0 && !loops {
            let instances = if dice.once_in(20) {
                dice.number()
            } else {
                1 << dice.within(0, 3)
            };
            out += &format!("Cluster({instances}); ");
        }
        let windows = dice.once_in(2);
        let mut used: Vec<&str> = Vec::new();
        for _ in 0..dice.within(0, 4) {
            let at = dice.index(layer.dims.len());
            let dim = layer.dims[at].0;
            let is_other = match dim {
                "Y" | "X" => !windows,
                "P" | "Q" | "Y'" | "X'" => windows,
                _ => false,
            };
            if !dice.once_in(60) && (is_other || used.contains(&dim)) {
                continue;
            }
            used.push(dim);
            let size = if dice.once_in(50) {
                dice.number()
            } else {
                dice.within(1, left[at].min(1 << 48))
            };
            left[at] = left[at].min(size.max(1));
            out += &match (loops, dice.within(0, 14)) {
                (_, 0) => {
                    let known = !memories.is_empty() && !dice.once_in(8);
                    let memory = match known {
                        true => *dice.one(&memories),
                        false => *dice.one(&["GLB", "RF", "DRAM", "L1"]),
                    };
                    let tensor = dice.one(layer.tensors);
                    let word = dice.one(&["retain", "bypass"]);
                    format!("{word} {tensor} in {memory}; ")
                }
                (true, 1..=3) => format!("spread {dim} by {size} over PE[0]; "),
                (true, _) => format!("tile {dim} by {size}; "),
                (false, kind) => {
                    let word = if kind < 5 {
                        "SpatialMap"
                    } else {
                        "TemporalMap"
                    };
                    let offset = match dice.within(0, 39) {
                        0 => dice.number(),
                        _ if matches!(dim, "Y" | "X") => dice.within(1, size.max(1)),
                        _ => size,
                    };
                    format!("{word}({size},{offset}) {dim}; ")
                }
            };
        }
    }
    out
}

fn mapped(dice: &mut Dice) -> String {
    let layer = layer(dice, "l");
    let accelerator = accelerator(dice);
    let dataflow = dataflow(dice, &layer, &accelerator);
    format!(
        "Network n {{ {} }}\n{accelerator}\nMap n on a {{ l: {{ {dataflow} }} }}\n",
        layer.text
    )
}

/// A layer that is searched, mostly in a small space.
fn searched(dice: &mut Dice) -> String {
    let (layer, accelerator) = (layer(dice, "l"), accelerator(dice));
    let minimize = dice.one(&["cycles", "energy", "edp", "pareto(cycles, area)"]);
    let model = dice.one(&["exact", "exact", "maestro"]);
    let tiles = if dice.once_in(3) {
        "tiles: imperfect;"
    } else {
        ""
    };
    let space = if dice.once_in(2) {
        String::new()
    } else {
        format!("space {{ {tiles} }}")
    };
    format!(
        "Network n {{ {} }}\n{accelerator}\nSearch s {{ network: n; on: a; model: {model}; minimize: {minimize}; {space} }}\n",
        layer.text
    )
}

/// A chain of convolutions that run together.
fn fused(dice: &mut Dice) -> String {
    let count = dice.within(2, 4);
    let channels = dice.within(1, 8);
    let mut size = if dice.once_in(6) {
        dice.within(64, 4096)
    } else {
        dice.within(6, 40)
    };
    let whole = size;
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
    let mut pieces = [whole, whole, channels];
    for _ in 0..dice.within(1, 4) {
        let rank = dice.index(3);
        let piece = match dice.once_in(30) {
            true => dice.number(),
            false => dice.within(1, (pieces[rank] / 2).max(1)),
        };
        pieces[rank] = piece.clamp(1, 1 << 20);
        body += &format!("tile l{head}.{} by {piece} {{ ", ["P", "Q", "K"][rank]);
        open += 1;
        if dice.once_in(8) {
            body += &fate(dice, count);
        }
    }
    for at in 1..count {
        body += &format!("retain l{at}.Input in GLB; ");
        if dice.once_in(2) {
            body += &format!("recompute l{at}.Input; ");
        }
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
