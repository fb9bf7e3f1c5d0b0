//! Systolic arrays in plain loops meet the closed forms of SCALE-Sim: output, weight and input stationary, on shapes that do
//! not fill the array among others.

use serde_json::Value;
use std::process::Command;

/// A product of `m` x `depth` by `depth` x `n` on `rows` x `cols` PEs.
#[derive(Clone, Copy, Debug)]
struct Product {
    m: u64,
    n: u64,
    depth: u64,
    rows: u64,
    cols: u64,
}

const fn product(m: u64, n: u64, depth: u64, rows: u64, cols: u64) -> Product {
    Product {
        m,
        n,
        depth,
        rows,
        cols,
    }
}

const PRODUCTS: [Product; 10] = [
    // One fold that fills the array, and one that is less than it.
    product(4, 4, 4, 4, 4),
    product(3, 2, 5, 4, 4),
    // One PE, one row, one column.
    product(5, 7, 3, 1, 1),
    product(6, 5, 9, 1, 4),
    product(6, 5, 9, 4, 1),
    // Whole folds, and last ones that are cut in one direction or in both.
    product(16, 24, 8, 8, 8),
    product(17, 24, 8, 8, 8),
    product(9, 10, 11, 4, 3),
    product(100, 50, 70, 16, 12),
    // A layer as in a network: 197 tokens of 768 into 64.
    product(197, 64, 768, 32, 32),
];

/// Cycles on the three accelerators of `examples/systolic.dflow` with other constants.
fn cycles(product: Product) -> [u64; 3] {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/systolic.dflow");
    let example = std::fs::read_to_string(path).unwrap();
    let constants = [
        ("M", product.m),
        ("N", product.n),
        ("DEPTH", product.depth),
        ("ROWS", product.rows),
        ("COLS", product.cols),
    ];
    let mut replaced = 0;
    let mut text = String::new();
    for line in example.lines() {
        let constant = constants
            .iter()
            .find(|(name, _)| line.starts_with(&format!("const {name} = ")));
        match constant {
            Some((name, value)) => {
                text += &format!("const {name} = {value};\n");
                replaced += 1;
            }
            None => text += &format!("{line}\n"),
        }
    }
    assert_eq!(replaced, constants.len());
    let name = format!("systolic_{}_{}.dflow", product.m, product.rows);
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&file, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_dflowc"))
        .args(["eval", "--report", "json"])
        .arg(&file)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{product:?}: {errors}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    ["os", "ws", "is"].map(|accelerator| {
        let evaluations = report["evaluations"].as_array().unwrap();
        let evaluation = evaluations
            .iter()
            .find(|known| known["accelerator"] == accelerator)
            .unwrap();
        evaluation["layers"][0]["cycles"].as_u64().unwrap()
    })
}

#[test]
fn systolic_arrays_meet_the_closed_forms() {
    for product in PRODUCTS {
        let Product {
            m,
            n,
            depth,
            rows,
            cols,
        } = product;
        let output = m.div_ceil(rows) * n.div_ceil(cols) * (rows + cols + depth - 2);
        let weight = depth.div_ceil(rows) * n.div_ceil(cols) * (2 * rows + cols + m - 2);
        let input = depth.div_ceil(rows) * m.div_ceil(cols) * (2 * rows + cols + n - 2);
        assert_eq!(cycles(product), [output, weight, input], "{product:?}");
    }
}

/// The numbers that the example prints in its comments.
#[test]
fn the_example_says_what_it_is_compared_with() {
    assert_eq!(cycles(product(22, 23, 14, 8, 4)), [432, 480, 492]);
}
