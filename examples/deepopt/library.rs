//! Layers and prices from the library.

use dflowc::cost::{Action, Built, Precision, Technology};
use dflowc::diag::Diagnostics;
use dflowc::driver::{MemoryFiles, Session};
use dflowc::lower::{Elements, desugar};
use dflowc::models::deepopt::*;

/// Name in the library and in the paper, in the order of table 5's columns.
pub const NETWORKS: [(&str, &str); 5] = [
    ("deepopt_alexnet", "AlexNet"),
    ("deepopt_vgg16", "VGG16"),
    ("deepopt_googlenet", "GoogleNet-v1"),
    ("deepopt_squeezenet1_1", "SqueezeNet-v1.1"),
    ("deepopt_resnet50", "ResNet-50"),
];

/// Networks and prices.
pub struct Library {
    networks: Vec<(String, Vec<Layer>)>,
    technology: Technology,
}

/// Array, KiB of the three memories and bits of the three words.
#[derive(Clone, Copy)]
pub struct Configuration {
    pub rows: u64,
    pub columns: u64,
    pub kib: [u64; 3],
    pub words: [u64; 3],
}

/// Configuration A of the paper's section 4.1.
pub const A: Configuration = Configuration {
    rows: 32,
    columns: 64,
    kib: [16, 32, 8],
    words: [8, 8, 32],
};
/// Configuration B.
pub const B: Configuration = Configuration {
    rows: 64,
    columns: 32,
    kib: [64, 32, 8],
    words: [16, 16, 32],
};

pub fn per_tensor<T: Copy>([filter, ifmap, psum]: [T; 3]) -> PerTensor<T> {
    PerTensor {
        filter,
        ifmap,
        psum,
    }
}

impl Library {
    /// Loads the five networks and the technology.
    pub fn load() -> Result<Self, String> {
        let uses: String = NETWORKS
            .iter()
            .map(|(name, _)| format!("use std.networks.{name};\n"))
            .collect();
        let files = MemoryFiles::new().with(
            "tables.dflow",
            &format!("{uses}use std.technology.deepopt65;\n"),
        );
        let program = Session::new(files).load("tables.dflow").program;
        let mut networks = Vec::new();
        for network in &program.networks {
            let mut layers = Vec::new();
            for layer in &network.layers {
                // The sizes of elements are the machine's here.
                let elements = Elements {
                    input_bits: 8,
                    weight_bits: 8,
                    output_bits: 8,
                    partial_bits: 32,
                    input_density: 1.0,
                    weight_density: 1.0,
                    output_density: 1.0,
                };
                let lowered = desugar(&layer.shape, elements)
                    .ok_or_else(|| format!("{} is too large", layer.name))?;
                layers.push(
                    Layer::of(&lowered.operation)
                        .map_err(|why| format!("{}.{}: {why}", network.name, layer.name))?,
                );
            }
            networks.push((network.name.clone(), layers));
        }
        let technology = program.technologies.first().ok_or("no technology")?;
        let technology = dflowc::pricing::technology(technology, &mut Diagnostics::new());
        Ok(Self {
            networks,
            technology,
        })
    }

    pub fn network(&self, name: &str) -> &[Layer] {
        self.networks
            .iter()
            .find(|(known, _)| known == name)
            .map_or(&[], |(_, layers)| layers)
    }

    /// The layers of a network, equal ones once with their number.
    pub fn merged(&self, name: &str) -> Vec<Repeated> {
        let mut list: Vec<Repeated> = Vec::new();
        for &layer in self.network(name) {
            match list.iter_mut().find(|(known, _)| *known == layer) {
                Some((_, times)) => *times += 1,
                None => list.push((layer, 1)),
            }
        }
        list
    }

    fn price(&self, is: impl Fn(&Action) -> bool) -> f64 {
        self.technology
            .entries
            .iter()
            .find(|entry| is(&entry.action))
            .map_or(f64::NAN, |entry| entry.value)
    }

    /// pJ of one bit of an SRAM of so many KiB.
    pub fn sram_bit(&self, kib: u64) -> f64 {
        let bits = u128::from(kib) << 13;
        self.price(|action| matches!(action, Action::Read { class, capacity_bits: Some(size), .. } if class == "SRAM" && *size == bits))
    }

    /// Square micrometres of an SRAM of one KiB, and of a PE.
    pub fn areas(&self) -> (f64, f64) {
        let four = self.price(|action| matches!(action, Action::BuiltMemory { capacity_bits, .. } if *capacity_bits == 4 << 13));
        (
            four / 4.0,
            self.price(|action| *action == Action::BuiltMac(Built::Area, Precision::INT8)),
        )
    }

    pub fn machine(&self, configuration: Configuration) -> Result<Machine, Inapplicable> {
        Machine::new(&MachineShape {
            rows: configuration.rows,
            columns: configuration.columns,
            memories: per_tensor(configuration.kib.map(|kib| kib << 13)),
            words: per_tensor(configuration.words),
            dram_bits_per_cycle: 128,
        })
    }

    pub fn prices(&self, configuration: Configuration) -> Prices {
        // The multiplier is as wide as a filter word, at least 8 bits: there is no price for fewer.
        let wanted = if configuration.words[0] == 16 {
            "INT16"
        } else {
            "INT8"
        };
        let class = |wanted: &'static str| {
            self.price(
                move |action| matches!(action, Action::Read { class, .. } if class == wanted),
            )
        };
        Prices {
            mac: self.price(|action| matches!(action, Action::Mac(precision) if precision.to_string() == wanted)),
            register_bit: class("RF"),
            sram_bit: per_tensor(configuration.kib.map(|kib| self.sram_bit(kib))),
            dram_bit: class("DRAM"),
            dense: DenseEnergy::Published,
        }
    }

    /// Energy and delay of every layer under every schedule.
    pub fn choices(&self, network: &str, configuration: Configuration) -> Vec<Choices> {
        let prices = self.prices(configuration);
        let Ok(machine) = self.machine(configuration) else {
            return Vec::new();
        };
        self.network(network)
            .iter()
            .map(|layer| {
                Schedule::ALL.map(|schedule| {
                    let estimate = estimate(layer, &machine, schedule, &prices).ok()?;
                    Some(Choice {
                        energy: estimate.energy.total(),
                        delay: estimate.delay(),
                    })
                })
            })
            .collect()
    }

    /// Memory energy of a layer with one for a bit of SRAM and `dram` for a bit of DRAM: SRAM and DRAM part.
    pub fn memory(
        &self,
        layer: &Layer,
        configuration: Configuration,
        schedule: Schedule,
        dram: f64,
    ) -> Option<[f64; 2]> {
        let prices = Prices {
            sram_bit: per_tensor([1.0; 3]),
            dram_bit: dram,
            ..self.prices(configuration)
        };
        let energy = estimate(layer, &self.machine(configuration).ok()?, schedule, &prices)
            .ok()?
            .energy;
        Some([energy.sram, energy.dram])
    }
}

/// A percentage with so many decimals; a dash where there is none.
pub fn percent(value: f64, decimals: usize) -> String {
    if value.is_finite() {
        // A value that differs from its own optimum by rounding is no penalty.
        let value = if value.abs() < 1e-9 { 0.0 } else { value };
        format!("{value:.decimals$}")
    } else {
        "-".to_owned()
    }
}
