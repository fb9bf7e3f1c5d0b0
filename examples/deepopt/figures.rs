//! Figures 7 and 9 as tables and as bars.

use crate::library::{A, B, Configuration, Library, NETWORKS, percent};
use dflowc::models::deepopt::*;
use dflowc::report::svg::{Bar, BarChart, BarGroup, Height, bar_chart};
use std::fmt::Write;
use std::io;
use std::path::Path;

fn names() -> Vec<String> {
    Schedule::ALL
        .iter()
        .map(|schedule| schedule.name().to_owned())
        .collect()
}

/// An example writes where it is told to.
#[allow(clippy::disallowed_methods)]
fn write(folder: Option<&Path>, name: &str, chart: &BarChart) -> io::Result<()> {
    let Some(folder) = folder else { return Ok(()) };
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join(name), bar_chart(chart))
}

/// Figure 7: memory energy of six layers of GoogleNet on two machines, over the least of each layer; one DRAM bit costs 33.3 SRAM bits.
pub fn figure_7(library: &Library, folder: Option<&Path>) -> io::Result<String> {
    let mut out = String::new();
    let machine = Configuration {
        rows: 16,
        columns: 32,
        kib: [64, 32, 32],
        words: [8, 8, 32],
    };
    for (name, configuration) in [
        ("H1", machine),
        (
            "H2",
            Configuration {
                kib: [64, 32, 8],
                words: [4, 8, 32],
                ..machine
            },
        ),
    ] {
        let _ = writeln!(
            out,
            "Figure 7, {name}: memory energy over the least of the layer, and the winner"
        );
        let _ = writeln!(
            out,
            "{:<8}{}  winner",
            "layer",
            names()
                .iter()
                .map(|name| format!("{name:>9}"))
                .collect::<String>()
        );
        let mut groups = Vec::new();
        for layer in [2, 14, 36, 48, 20, 10] {
            let costs = Schedule::ALL.map(|schedule| {
                library
                    .network("deepopt_googlenet")
                    .get(layer - 1)
                    .and_then(|layer| library.memory(layer, configuration, schedule, 33.3))
            });
            let total =
                |cost: &Option<[f64; 2]>| cost.map_or(f64::INFINITY, |[sram, dram]| sram + dram);
            let least = costs.iter().map(total).fold(f64::INFINITY, f64::min);
            let winners: Vec<&str> = Schedule::ALL
                .iter()
                .zip(&costs)
                .filter(|(_, cost)| total(cost) <= least * (1.0 + 1e-12))
                .map(|(schedule, _)| schedule.name())
                .collect();
            let row: String = costs
                .iter()
                .map(|cost| format!("{:>9}", percent(total(cost) / least, 3)))
                .collect();
            let _ = writeln!(
                out,
                "{:<8}{row}  {}",
                format!("L{layer}"),
                winners.join(" = ")
            );
            let bars = costs
                .iter()
                .map(|cost| {
                    let [sram, dram] = (*cost)?;
                    let star = if sram + dram <= least * (1.0 + 1e-12) {
                        " *"
                    } else {
                        ""
                    };
                    Some(Bar {
                        height: Height::Parts(vec![sram / least, dram / least]),
                        label: format!("{:.2}{star}", (sram + dram) / least),
                    })
                })
                .collect();
            groups.push(BarGroup {
                label: format!("L{layer}"),
                bars,
            });
        }
        let chart = BarChart {
            title: format!("Memory energy of six layers of GoogleNet-v1, {name}"),
            axis: "energy over the least of the layer".to_owned(),
            series: names(),
            parts: vec!["SRAM".to_owned(), "DRAM".to_owned()],
            groups,
        };
        write(
            folder,
            &format!("figure7_{}.svg", name.to_lowercase()),
            &chart,
        )?;
    }
    Ok(out)
}

/// Figure 9: penalty in ED of one schedule for all layers of a network.
pub fn figure_9(library: &Library, folder: Option<&Path>) -> io::Result<String> {
    let mut out = String::new();
    for (name, configuration) in [("A", A), ("B", B)] {
        let _ = writeln!(
            out,
            "Figure 9, configuration {name}: penalty of one schedule for all layers, in percent of ED (-: no bound)"
        );
        let _ = writeln!(
            out,
            "{:<18}{}",
            "network",
            names()
                .iter()
                .map(|name| format!("{name:>9}"))
                .collect::<String>()
        );
        let mut groups = Vec::new();
        for (network, title) in NETWORKS {
            let layers = library.choices(network, configuration);
            let best =
                per_layer(&layers, Objective::EnergyDelay).map_or(f64::NAN, |(_, best)| best);
            let penalties = Schedule::ALL.map(|schedule| {
                100.0 * (fixed(&layers, schedule, Objective::EnergyDelay) / best - 1.0)
            });
            let _ = writeln!(
                out,
                "{title:<18}{}",
                penalties
                    .iter()
                    .map(|&penalty| format!("{:>9}", percent(penalty, 1)))
                    .collect::<String>()
            );
            let bars = penalties
                .iter()
                .map(|&penalty| {
                    Some(if penalty.is_finite() {
                        Bar {
                            height: Height::Parts(vec![penalty]),
                            label: percent(penalty, 1),
                        }
                    } else {
                        Bar {
                            height: Height::Unbounded,
                            label: "no bound".to_owned(),
                        }
                    })
                })
                .collect();
            groups.push(BarGroup {
                label: title.to_owned(),
                bars,
            });
        }
        let chart = BarChart {
            title: format!("Penalty of one schedule for all layers, configuration {name}"),
            axis: "penalty in ED (%)".to_owned(),
            series: names(),
            parts: Vec::new(),
            groups,
        };
        write(
            folder,
            &format!("figure9_{}.svg", name.to_lowercase()),
            &chart,
        )?;
    }
    Ok(out)
}
