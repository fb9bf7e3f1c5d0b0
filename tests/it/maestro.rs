//! The `maestro` model on the paper's Fig. 8, against closed forms.

use std::process::Command;

/// Evaluates the layer of Fig. 8 on 256 PEs of `lanes` lanes with free transfers; gives the cycles.
fn cycles(model: &str, lanes: u32) -> u64 {
    let text = format!(
        "Network VGG16 {{
           Layer CONV1 {{
             Type: CONV;
             Dimensions {{ N: 1, K: 64, C: 3, Y: 224, X: 224, R: 3, S: 3 }}
             Dataflow {{
               TemporalMap(1,1) N; TemporalMap(2,2) K; TemporalMap(3,3) C;
               SpatialMap(3,1) Y; TemporalMap(3,1) X; Cluster(3, P);
               SpatialMap(1,1) Y; SpatialMap(1,1) R; TemporalMap(3,3) S
             }}
           }}
         }}
         Accelerator free {{
           Memory DRAM {{ }}
           Memory L2 {{ }}
           Array PE {{ Shape: [256]; }}
           Memory L1 {{ DoubleBuffered; }}
           Compute MAC {{ Lanes: {lanes}; }}
         }}"
    );
    let file = std::env::temp_dir().join(format!("dflowc_maestro_{model}_{lanes}.dflow"));
    std::fs::write(&file, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_dflowc"))
        .args(["eval", "--model", model, "--report", "json"])
        .arg(&file)
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    report["evaluations"][0]["layers"][0]["cycles"]
        .as_u64()
        .unwrap()
}

/// 32 tiles of K, ceil(222 / 85) folds of Y over 85 clusters of three PEs, 222 positions of X.
const STEPS: u64 = 32 * 3 * 222;

#[test]
fn compute_bounds_a_step_of_few_lanes() {
    // A PE has K 2, C 3, S 3 of one row: 18 products, five cycles of four lanes.
    assert_eq!(cycles("exact", 4), STEPS * 5);
    assert_eq!(cycles("maestro", 4), STEPS * 5);
}

#[test]
fn partial_sums_pass_from_pe_to_pe() {
    // Section 4.3: one cycle for each spatio-temporally reused point. Three PEs of a cluster hold the same
    // two outputs, which pass over two links: four cycles, longer than the one that 32 lanes compute.
    assert_eq!(cycles("exact", 32), STEPS);
    assert_eq!(cycles("maestro", 32), STEPS * 4);
}

#[test]
fn fig_8_fits_its_buffers() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/maestro_fig8.dflow");
    let output = Command::new(env!("CARGO_BIN_EXE_dflowc"))
        .args(["eval", file, "--report", "json"])
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let layer = &report["evaluations"][0]["layers"][0];
    // Section 3.2: a PE of the figure holds K 2, C 3, X 3 and one row: 9 inputs and 18 weights of one byte, 2
    // partial sums of two; section 4.4: twice the tile.
    assert_eq!(layer["levels"][2]["required_bytes"], 2 * (9 + 18 + 2 * 2));
    // 85 clusters slide by one row each: 87 rows of 3 columns and 3 channels, the weights, 85 rows of outputs.
    assert_eq!(
        layer["levels"][1]["required_bytes"],
        87 * 3 * 3 + 2 * 3 * 9 + 2 * 85 * 2
    );
    // 64 channels of 222 x 222 outputs, 27 products each.
    assert_eq!(layer["macs"], 64 * 222 * 222 * 27);
}
