//! Orders of the four loops that the pruning to five leaves out, and where they win, by block simulation.

use crate::library::{A, B, Configuration, Library, NETWORKS};
use dflowc::models::deepopt::*;
use std::collections::BTreeMap;
use std::fmt::Write;

/// One row per machine, and the layers of configuration A.
pub fn table(library: &Library) -> String {
    let h1 = Configuration {
        rows: 16,
        columns: 32,
        kib: [64, 32, 32],
        words: [8, 8, 32],
    };
    let machines = [
        ("configuration A", A),
        ("configuration B", B),
        ("figure 7, H1", h1),
        (
            "figure 7, H2",
            Configuration {
                kib: [64, 32, 8],
                words: [4, 8, 32],
                ..h1
            },
        ),
        (
            "small",
            Configuration {
                rows: 8,
                columns: 32,
                kib: [16, 16, 8],
                words: [4, 8, 32],
            },
        ),
        (
            "large",
            Configuration {
                rows: 32,
                columns: 32,
                kib: [256, 256, 64],
                words: [8, 8, 32],
            },
        ),
    ];
    let mut out = String::from(
        "Pruning, by simulation of every order: layers where a pruned order needs less memory energy than the five\n",
    );
    let _ = writeln!(
        out,
        "{:<17}{:>7}{:>16}{:>12}{:>13}  winners",
        "machine", "layers", "best of nine", "most saved", "best of all"
    );
    for (name, configuration) in machines {
        let Ok(machine) = library.machine(configuration) else {
            continue;
        };
        let prices = library.prices(configuration);
        let layers: Vec<Layer> = NETWORKS
            .iter()
            .flat_map(|(network, _)| library.merged(network))
            .map(|(layer, _)| layer)
            .filter(|layer| !layer.is_dense() && layer.rows() <= 60)
            .collect();
        let (mut fit, mut nine, mut all, mut most) = (0, 0, 0, 0.0_f64);
        let mut winners: BTreeMap<String, u32> = BTreeMap::new();
        for verdict in verify_pruning(&layers, &machine, &prices)
            .into_iter()
            .flatten()
        {
            fit += 1;
            let saved = 1.0 - verdict.of_nine.energy / verdict.of_five.energy;
            nine += u32::from(saved > 0.0);
            most = most.max(100.0 * saved);
            if verdict.of_all.energy < verdict.of_five.energy {
                all += 1;
                *winners.entry(verdict.of_all.order.to_string()).or_default() += 1;
            }
        }
        let winners: Vec<String> = winners
            .iter()
            .map(|(order, count)| format!("{order} {count}"))
            .collect();
        let _ = writeln!(
            out,
            "{name:<17}{fit:>7}{nine:>16}{:>12}{all:>13}  {}",
            format!("{most:.1} %"),
            winners.join(", ")
        );
    }
    out
}
