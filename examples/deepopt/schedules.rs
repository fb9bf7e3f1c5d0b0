//! Tables 1 and 3: what another schedule, or one for all layers, costs more.

use crate::library::{A, Configuration, Library, percent};
use dflowc::models::deepopt::*;
use std::fmt::Write;

/// Table 1. The paper does not state the hardware; this one reproduces it.
pub fn table_1(library: &Library) -> String {
    let mut out = String::from(
        "Table 1: penalty of the losing schedule, AlexNet, memory energy (one SRAM bit 1, one DRAM bit 33.33); 32x64, 32/16/8 and 32/16/32 KiB\n",
    );
    let _ = writeln!(
        out,
        "{:<12}{:<8}{:<10}{:>9}{:>11}",
        "hardware", "layer", "winner", "computed", "published"
    );
    for (hardware, psum, layer, published) in [
        ("Hardware1", 8, 3, "39.2"),
        ("Hardware1", 8, 2, "50.3"),
        ("Hardware2", 32, 2, "60.0"),
    ] {
        let configuration = Configuration {
            kib: [32, 16, psum],
            ..A
        };
        let cost = |schedule| {
            let layer = library.network("deepopt_alexnet").get(layer - 1);
            layer
                .and_then(|layer| library.memory(layer, configuration, schedule, 33.33))
                .map_or(f64::INFINITY, |[sram, dram]| sram + dram)
        };
        let (one, other) = (cost(Schedule::XYZiZo), cost(Schedule::XZiYZo));
        let winner = if one <= other {
            Schedule::XYZiZo
        } else {
            Schedule::XZiYZo
        };
        let penalty = 100.0 * (one.max(other) / one.min(other) - 1.0);
        let _ = writeln!(
            out,
            "{hardware:<12}conv{layer:<4}{:<10}{:>9}{published:>11}",
            winner.name(),
            percent(penalty, 1)
        );
    }
    out
}

/// Table 3.
pub fn table_3(library: &Library) -> String {
    let published = [
        ["11.7", "19.4", "44.7", "77.4", "89.1"],
        ["12.5", "33.8", "22.4", "9.5", "16.4"],
        ["15.4", "27.2", "61.3", "107.5", "132.0"],
        ["32.2", "66.6", "89.5", "120.0", "152.3"],
        ["613.7", "-", "-", "-", "-"],
    ];
    let layers = library.choices("deepopt_googlenet", A);
    let mut out = String::from(
        "Table 3: penalty of one schedule for all layers of GoogleNet-v1 over layer-specific scheduling, configuration A, in percent; published in brackets\n",
    );
    let _ = writeln!(
        out,
        "{:<10}{:>17}{:>17}{:>17}{:>17}{:>17}",
        "", "energy", "delay", "ED", "E2D", "ED2"
    );
    for (schedule, published) in Schedule::ALL.into_iter().zip(published) {
        let _ = write!(out, "{:<10}", schedule.name());
        for (objective, published) in Objective::ALL.into_iter().zip(published) {
            let best = per_layer(&layers, objective).map_or(f64::NAN, |(_, best)| best);
            let penalty = 100.0 * (fixed(&layers, schedule, objective) / best - 1.0);
            let _ = write!(
                out,
                "{:>9} {:>7}",
                percent(penalty, 2),
                format!("({published})")
            );
        }
        out.push('\n');
    }
    out
}
