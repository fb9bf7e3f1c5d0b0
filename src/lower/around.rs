//! What expressions of a dataflow ask of the layer and of the hardware: `Sz(K)`, `Stride(Y)`, `Size(GLB)`.

use super::operation::{Desugared, View};
use super::{LowerError, Refusal};
use crate::diag::{Diagnostic, Mistake};
use crate::hir::{
    Accelerator, Environment, EvaluationError, Expr, HirError, Layer, NoCapacity, Surroundings,
    UnknownPart, Word,
};

/// A layer, or a part of one, on its hardware.
pub(super) struct Around<'a> {
    pub layer: &'a Layer,
    pub desugared: &'a Desugared,
    /// By which names the dataflow speaks of the layer.
    pub view: View,
    pub accelerator: &'a Accelerator,
}

impl Surroundings for Around<'_> {
    fn size(&self, dim: &str) -> Option<u64> {
        self.desugared.size(self.view, dim)
    }

    fn stride(&self, dim: &str) -> Option<u64> {
        self.size(dim)?;
        let axes = self.layer.shape.axes();
        Some(match (axes, dim) {
            (Some([rows, _]), "Y" | "Y'" | "P") => rows.stride,
            (Some([_, columns]), "X" | "X'" | "Q") => columns.stride,
            _ => 1,
        })
    }

    fn capacity(&self, part: &str, axis: Option<i64>) -> Result<u64, NoCapacity> {
        self.accelerator.usable(part, axis)
    }
}

/// Why an expression has no value.
pub(super) enum NoValue {
    /// The layer has no such dimension.
    Dimension(Word),
    Wrong(Box<LowerError>),
}

impl From<NoValue> for Refusal {
    fn from(why: NoValue) -> Refusal {
        match why {
            NoValue::Dimension(dim) => Refusal::DoesNotServe { dim },
            NoValue::Wrong(_) => Refusal::Invalid,
        }
    }
}

impl Around<'_> {
    /// The value of an expression; roundings go to `said`.
    pub(super) fn value(
        &self,
        expr: &Expr,
        parameters: &[i64],
        said: &mut Vec<Diagnostic>,
    ) -> Result<i64, NoValue> {
        let environment = Environment {
            parameters,
            surroundings: self,
        };
        let mut inexact: Vec<HirError> = Vec::new();
        let value = expr.evaluate(&environment, &mut inexact);
        said.extend(inexact.iter().map(HirError::to_diagnostic));
        value.map_err(|error| {
            let wrong = |error| NoValue::Wrong(Box::new(error));
            match error {
                EvaluationError::NoDimension(dim) => NoValue::Dimension(dim),
                EvaluationError::Overflow(span) => wrong(LowerError::Overflow { span }),
                EvaluationError::DivisionByZero(span) => wrong(LowerError::DivisionByZero { span }),
                EvaluationError::OutOfDomain(span) => wrong(LowerError::OutOfDomain { span }),
                EvaluationError::NoCapacity(part, why) => wrong(self.no_capacity(&part, why)),
            }
        })
    }

    fn no_capacity(&self, part: &Word, why: NoCapacity) -> LowerError {
        let (name, span) = (&part.text, part.span);
        let accelerator = &self.accelerator.name;
        if why == NoCapacity::Unbounded {
            let mut memories = self.accelerator.memories.iter();
            let memory = memories.find(|memory| memory.name == *name);
            return LowerError::Unbounded {
                memory: name.clone(),
                span,
                definition: memory.map_or(span, |memory| memory.span),
            };
        }
        let arrays = self.accelerator.arrays.iter();
        let (what, known): (_, Vec<String>) = match why {
            NoCapacity::NoAxis => {
                let shape = arrays
                    .filter(|array| array.name == *name)
                    .flat_map(|array| 0..array.shape.len());
                (
                    "axis",
                    shape.map(|axis| format!("{name}[{axis}]")).collect(),
                )
            }
            _ => {
                let memories = self.accelerator.memories.iter();
                let names = memories.map(|memory| memory.name.clone());
                let arrays = arrays.map(|array| array.name.clone());
                ("memory or array", names.chain(arrays).collect())
            }
        };
        LowerError::UnknownPart(match why {
            NoCapacity::NoAxis => UnknownPart {
                what,
                name: name.clone(),
                accelerator: accelerator.clone(),
                span,
                suggestion: None,
                known,
            },
            _ => UnknownPart::with_nearest(what, name, accelerator, span, known),
        })
    }
}
