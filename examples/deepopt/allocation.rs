//! Tables 4 and 5: the best hardware under 16 mm2, and what a network loses on another's.

use crate::library::{A, Configuration, Library, NETWORKS, per_tensor, percent};
use dflowc::models::deepopt::*;
use std::fmt::Write;

/// Areas from which on the worst design is taken: 90 % of the budget, and two lower ones that the published ratios need.
const FLOORS: [f64; 3] = [14.4e6, 14.0e6, 0.0];

/// Rows and columns in steps of two up to 64, memories from 4 to 256 KiB, at most 16 mm2.
pub fn sweep(library: &Library, network: &str) -> Sweep {
    let (kib_um2, pe_um2) = library.areas();
    let sizes: Vec<MemorySize> = (2..=8)
        .map(|power| 1_u64 << power)
        .map(|kib| MemorySize {
            bits: kib << 13,
            area_um2: kib as f64 * kib_um2,
            bit_pj: library.sram_bit(kib),
        })
        .collect();
    // The first filters of AlexNet have eleven columns, which stand in as many rows.
    let first = if network == "deepopt_alexnet" { 12 } else { 8 };
    Sweep {
        rows: (first..=64).step_by(2).collect(),
        columns: (8..=64).step_by(2).collect(),
        memories: PerTensor {
            filter: sizes.clone(),
            ifmap: sizes.clone(),
            psum: sizes,
        },
        words: per_tensor([8, 8, 32]),
        dram_bits_per_cycle: 128,
        pe_um2,
        budget_um2: 16e6,
        aspect: (1, 2),
    }
}

fn allocation(library: &Library, network: &str) -> Allocation {
    allocate(
        &library.merged(network),
        &sweep(library, network),
        &library.prices(A),
        &FLOORS,
    )
}

fn configuration(design: &Design) -> Configuration {
    let memories = design.memories;
    Configuration {
        rows: design.rows,
        columns: design.columns,
        kib: [memories.filter, memories.ifmap, memories.psum].map(|bits| bits >> 13),
        words: [8, 8, 32],
    }
}

fn text(design: &Design) -> String {
    let Configuration {
        rows,
        columns,
        kib: [filter, ifmap, psum],
        ..
    } = configuration(design);
    format!("{rows}/{columns}/{filter}/{ifmap}/{psum}")
}

fn ratio(found: &Allocation, floor: usize, objective: usize) -> f64 {
    let worst = found
        .worst
        .get(floor)
        .and_then(|worst| worst[objective])
        .map_or(f64::NAN, |worst| worst.value);
    worst / found.best[objective].map_or(f64::NAN, |best| best.value)
}

/// Table 4, and the ranges that the text beside it states.
pub fn table_4(library: &Library) -> String {
    let found = allocation(library, "deepopt_googlenet");
    let mut out = format!(
        "Table 4: best and worst hardware for GoogleNet-v1 under 16 mm2 (J/K/filter/ifmap/psum SRAM in KiB), {} designs, {} of them too small for a layer\n",
        found.designs, found.unfit
    );
    let _ = writeln!(
        out,
        "{:<9}{:<18}{:<18}{:>28}{:>22}{:>11}",
        "",
        "computed",
        "published",
        "worst over best, >= 14.4 mm2",
        ">= 14.0 mm2, any area",
        "published"
    );
    for (objective, name, design, published) in [
        (2, "ED", "48/32/32/64/32", "40.7"),
        (3, "E2D", "48/32/64/64/4", "87.7"),
        (4, "ED2", "48/32/64/64/8", "1134.5"),
        (0, "energy", "38/32/64/128/4", "2.0"),
        (1, "delay", "48/36/16/16/64", "17.1"),
    ] {
        let best = found.best[objective].map_or_else(String::new, |best| text(&best.design));
        let [band, wider, any] = [0, 1, 2].map(|floor| ratio(&found, floor, objective));
        let _ = writeln!(
            out,
            "{name:<9}{best:<18}{design:<18}{band:>28.2}{:>22}{published:>11}",
            format!("{wider:.2}, {any:.2}")
        );
    }
    for (name, published) in [
        ("deepopt_alexnet", "12.0"),
        ("deepopt_vgg16", "50.1"),
        ("deepopt_squeezenet1_1", "21.6"),
        ("deepopt_resnet50", "20.2"),
    ] {
        let found = allocation(library, name);
        let [band, wider, any] = [0, 1, 2].map(|floor| ratio(&found, floor, 2));
        let _ = writeln!(
            out,
            "ED of {:<39}{band:>28.2}{:>22}{published:>11}",
            NETWORKS
                .iter()
                .find(|(known, _)| *known == name)
                .map_or("", |(_, title)| title),
            format!("{wider:.2}, {any:.2}")
        );
    }
    out
}

/// Table 5.
pub fn table_5(library: &Library) -> String {
    let published = [
        ("50/32/16/32/64", ["0", "3.18", "3.92", "34.20", "7.04"]),
        ("54/32/16/16/64", ["1.01", "0", "5.72", "32.86", "11.18"]),
        ("48/32/32/64/32", ["3.69", "2.64", "0", "22.79", "9.83"]),
        ("40/34/16/128/32", ["8.77", "22.92", "20.87", "0", "15.33"]),
        ("40/32/32/32/128", ["8.58", "28.33", "22.79", "24.63", "0"]),
    ];
    let mut out = String::from(
        "Table 5: penalty in ED on the best hardware of another network, in percent; published in brackets\n",
    );
    let _ = write!(out, "{:<52}", "best hardware for");
    for (_, title) in NETWORKS {
        let _ = write!(out, "{title:>16}");
    }
    out.push('\n');
    let best: Vec<Option<Valued>> = NETWORKS
        .iter()
        .map(|(name, _)| allocation(library, name).best[2])
        .collect();
    for (((_, title), own), (design, penalties)) in NETWORKS.iter().zip(&best).zip(published) {
        let Some(own) = own else { continue };
        let _ = write!(
            out,
            "{title:<16}{:<18}{:<18}",
            text(&own.design),
            format!("({design})")
        );
        for (((name, _), other), published) in NETWORKS.iter().zip(&best).zip(penalties) {
            let value = per_layer(
                &library.choices(name, configuration(&own.design)),
                Objective::EnergyDelay,
            )
            .map_or(f64::NAN, |(_, value)| value);
            let penalty = 100.0 * (value / other.map_or(f64::NAN, |other| other.value) - 1.0);
            let _ = write!(
                out,
                "{:>8} {:>7}",
                percent(penalty, 2),
                format!("({published})")
            );
        }
        out.push('\n');
    }
    out
}
