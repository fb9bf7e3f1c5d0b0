//! Which words a block may hold, for whoever helps to write one.
//!
//! `Memory { ... }` may hold `Size`, `Refill`, ...: the tables by which this stage judges keys, as an editor asks
//! for them. Nothing is listed twice: these are the tables that the judges use.

use super::body::Known;
use super::layer_type::{self, LayerType};
use super::{accelerator, hierarchy, layer, network};

/// What a block may hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// `key: value`
    pub properties: Vec<&'static str>,
    /// `key { ... }`
    pub blocks: Vec<&'static str>,
    /// `key name { ... }`, any number of times.
    pub repeated: Vec<&'static str>,
    /// A word alone.
    pub flags: Vec<&'static str>,
}

/// A block of the language with keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner<'a> {
    Network,
    Repeat,
    /// With what its `Type` says, if that is known.
    Layer(Option<&'a str>),
    Accelerator,
    /// `Kind name { ... }` inside an accelerator.
    Part(&'a str),
    Technology,
}

impl Keys {
    fn add(&mut self, known: &Known<'_>) {
        let put = |list: &mut Vec<&'static str>, more: &[&'static str]| {
            for word in more {
                if !list.contains(word) {
                    list.push(word);
                }
            }
        };
        put(&mut self.properties, known.properties);
        put(&mut self.blocks, known.blocks);
        put(&mut self.repeated, known.repeated);
        put(&mut self.flags, known.flags);
    }

    fn properties(properties: &[&'static str]) -> Keys {
        Keys {
            properties: properties.to_vec(),
            ..Keys::default()
        }
    }
}

/// The words that a block may hold; empty for a block that does not exist.
#[must_use]
pub fn keys(owner: Owner<'_>) -> Keys {
    let mut keys = Keys::default();
    match owner {
        Owner::Network => keys.add(&network::NETWORK),
        Owner::Repeat => keys.add(&network::REPEAT),
        Owner::Layer(name) => {
            let known = name.and_then(layer_type::called);
            if let Some(layer_type) = known.or_else(|| layer_type::TYPES.first()) {
                keys.properties = layer_type.properties();
                keys.blocks = layer_type.blocks().to_vec();
            }
            if known.is_none_or(|known| known.is_einsum()) {
                keys.properties.push("Compute");
            }
        }
        Owner::Accelerator => {
            keys.add(&accelerator::GENERAL);
            keys.add(&accelerator::SHORT);
        }
        Owner::Part(kind) => match kind {
            "Memory" => keys.add(&hierarchy::MEMORY),
            "Array" => keys.add(&hierarchy::ARRAY),
            "Level" => keys.add(&hierarchy::LEVEL),
            "Compute" => keys.add(&hierarchy::COMPUTE),
            "NoC" => {
                keys.add(&accelerator::NOC);
                keys.add(&accelerator::NOC_SHORT);
            }
            "PE" => keys.add(&accelerator::PE),
            "Buffer" => keys.add(&accelerator::BUFFER),
            "Bandwidth" => keys.add(&accelerator::WIDTHS),
            "OffChip" => keys.add(&accelerator::OFF_CHIP),
            "Precision" => keys = Keys::properties(&layer::FORMATS),
            _ => {}
        },
        Owner::Technology => {
            keys = Keys::properties(&["Node", "Description"]);
            keys.flags.push("extrapolate");
        }
    }
    keys
}

/// The dimensions that a layer of that type declares; empty for an EINSUM, which names its own.
#[must_use]
pub fn dimensions(type_name: &str) -> Vec<&'static str> {
    layer_type::called(type_name).map_or_else(Vec::new, LayerType::dimensions)
}

/// The spellings of all layer types.
#[must_use]
pub fn layer_types() -> Vec<&'static str> {
    layer_type::words().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_blocks() {
        assert!(keys(Owner::Part("Memory")).properties.contains(&"Refill"));
        assert!(keys(Owner::Layer(Some("POOL"))).properties.contains(&"Op"));
        assert!(!keys(Owner::Layer(Some("CONV"))).properties.contains(&"Op"));
        assert_eq!(keys(Owner::Part("Nothing")), Keys::default());
        assert_eq!(dimensions("GEMM"), ["B", "M", "N", "K"]);
    }
}
