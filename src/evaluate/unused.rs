//! W0404: memories with a bandwidth through which nothing of a map passes.
//!
//! `Memory SRAM { Bandwidth: 8B/cycle; Holds: Weight }` under a network of poolings holds nothing in any layer, so
//! its bandwidth changes no figure. In one layer that is common (a pooling has no weights), so it is said of a map
//! as a whole, once per memory, and only if every layer of the map was looked at.

use crate::base::Span;
use crate::diag::{Code, Diagnostic};
use crate::ir::{Mapping, Ports};
use crate::lower::Names;

/// What is known of the memories of one map.
#[derive(Debug, Default)]
pub(super) struct Unused {
    /// In the order in which they were met: where it is defined, its name, whether something passes through it.
    memories: Vec<(Span, String, bool)>,
    layers: usize,
    /// Something of the map was not looked at.
    unknown: bool,
}

impl Unused {
    /// A layer whose mapping is legal.
    pub fn layer(&mut self, mapping: &Mapping, names: &Names) {
        self.layers += 1;
        let rows = mapping.schedule.positions.iter();
        let named = names.memories.iter().zip(&names.memory_spans);
        for ((memory, row), (name, &span)) in
            mapping.architecture.memories.iter().zip(rows).zip(named)
        {
            if memory.ports == Ports::UNBOUNDED {
                continue;
            }
            let holds = row.iter().any(Option::is_some);
            match self.memories.iter_mut().find(|known| known.0 == span) {
                Some(known) => known.2 |= holds,
                None => self.memories.push((span, name.clone(), holds)),
            }
        }
    }

    /// A layer or group that says nothing of the memories.
    pub fn unknown(&mut self) {
        self.unknown = true;
    }

    /// W0404 for each memory, of the map that is called `map`.
    pub fn warnings(&self, map: &str) -> Vec<Diagnostic> {
        let idle = self.memories.iter().filter(|known| !known.2);
        let idle = idle.filter(|_| !self.unknown);
        idle.map(|(span, name, _)| {
            let layers = match self.layers {
                1 => "the layer".to_owned(),
                layers => format!("any of {layers} layers"),
            };
            Diagnostic::new(
                Code::W0404,
                format!("nothing of `{map}` passes through `{name}`: its bandwidth changes no figure"),
            )
            .at(*span, format!("holds no tensor of {layers}"))
            .help(format!(
                "let it hold one (`Holds`, or `retain T in {name}` in a dataflow), or leave the bandwidth out"
            ))
        })
        .collect()
    }
}
