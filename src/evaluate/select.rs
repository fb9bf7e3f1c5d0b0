//! Which maps of a program, and which of their layers.

use crate::diag::suggest::nearest;
use crate::driver::Compiled;
use crate::hir::Map;
use std::fmt;

/// The maps of one program that a run is about, each with the numbers of its layers, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Index into `Program::maps`, and indices into the layers of its network.
    pub maps: Vec<(usize, Vec<usize>)>,
}

/// Nothing in the program has the name that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NothingSelected {
    /// There is no map at all.
    NoMap,
    UnknownMap {
        wanted: String,
        near: Option<String>,
        known: Vec<String>,
    },
    UnknownLayer {
        wanted: String,
        near: Option<String>,
    },
}

impl fmt::Display for NothingSelected {
    /// What the program has, to be said after the name of its file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NothingSelected::NoMap => write!(f, "has no Map"),
            NothingSelected::UnknownMap {
                wanted,
                near,
                known,
            } => {
                write!(f, "has no map `{wanted}`; ")?;
                match near {
                    Some(near) => write!(f, "did you mean `{near}`?"),
                    None => write!(f, "it has {}", known.join(", ")),
                }
            }
            NothingSelected::UnknownLayer { wanted, near } => {
                write!(f, "has no layer `{wanted}`")?;
                match near {
                    Some(near) => write!(f, "; did you mean `{near}`?"),
                    None => Ok(()),
                }
            }
        }
    }
}

impl Selection {
    /// Every layer of every map.
    #[must_use]
    pub fn all(compiled: &Compiled) -> Selection {
        let maps = compiled.program.maps.iter().enumerate();
        Selection {
            maps: maps
                .map(|(at, map)| (at, (0..map.assignments.len()).collect()))
                .collect(),
        }
    }

    /// The maps of the name `map` (`NETWORK on ACCELERATOR`, or the name of either) with their layers of the name
    /// `layer`; `None` is all of them.
    ///
    /// # Errors
    /// When there is no such map, or none of them has such a layer.
    pub fn named(
        compiled: &Compiled,
        map: Option<&str>,
        layer: Option<&str>,
    ) -> Result<Selection, NothingSelected> {
        let program = &compiled.program;
        if program.maps.is_empty() {
            return Err(NothingSelected::NoMap);
        }
        let is_called = |known: &Map, wanted: &str| {
            let network = program.networks.get(known.network);
            let accelerator = program.accelerators.get(known.accelerator);
            known.name == wanted
                || network.is_some_and(|network| network.name == wanted)
                || accelerator.is_some_and(|accelerator| accelerator.name == wanted)
        };
        let layers_of = |known: &Map| {
            let network = program.networks.get(known.network);
            network.map_or(&[][..], |network| network.layers.as_slice())
        };
        let maps: Vec<(usize, &Map)> = program
            .maps
            .iter()
            .enumerate()
            .filter(|(_, known)| map.is_none_or(|wanted| is_called(known, wanted)))
            .collect();
        if maps.is_empty() {
            let wanted = map.unwrap_or_default();
            let known: Vec<String> = program.maps.iter().map(|map| map.name.clone()).collect();
            let near = nearest(wanted, known.iter().map(String::as_str));
            return Err(NothingSelected::UnknownMap {
                wanted: wanted.to_owned(),
                near: near.map(str::to_owned),
                known,
            });
        }
        let selected: Vec<(usize, Vec<usize>)> = maps
            .iter()
            .map(|&(at, known)| {
                let layers = layers_of(known).iter().enumerate();
                let wanted = layers
                    .filter(|(_, known)| layer.is_none_or(|wanted| known.name == wanted))
                    .map(|(at, _)| at);
                (at, wanted.collect())
            })
            .collect();
        if let Some(wanted) = layer
            && selected.iter().all(|(_, layers)| layers.is_empty())
        {
            let known = maps.iter().flat_map(|(_, known)| layers_of(known));
            let near = nearest(wanted, known.map(|layer| layer.name.as_str()));
            return Err(NothingSelected::UnknownLayer {
                wanted: wanted.to_owned(),
                near: near.map(str::to_owned),
            });
        }
        Ok(Selection { maps: selected })
    }
}
