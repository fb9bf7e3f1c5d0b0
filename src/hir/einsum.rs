//! `Compute: S[b,m,n] += Q[b,m,e] * K[b,n,e];`, its `Ranks`, and the `Extents` of its tensors.
//!
//! What is computed of an element may be any expression: how moves nothing, and only products under `+=` are
//! multiply-accumulates ([`Einsum::multiplies`]).
//!
//! An index that leaves its tensor is an error, because nobody can tell a slip from padding: in
//! `O[p] += I[p + r - 1] * W[r]` the index of I begins at -1. With `Extents { I: [6] }` it is padding, at both ends.
//!
//! A result that is read by its own equation is a recurrence, and refused: the steps of an operation have no order.

use super::body::block;
use super::error::HirError;
use super::eval::describe;
use super::layer::named;
use super::operands::operands;
use super::scope::Context;
use super::shape::{Einsum, EinsumIndex, EinsumTensor};
use super::value::Value;
use crate::base::Span;
use crate::diag::suggest::nearest;
use crate::syntax::ast::{self, BinaryOp, Combine, ExprKind};

/// More ranks or operands than anybody writes; what the ir and the engines are dimensioned for.
const MAX_RANKS: usize = 16;
const MAX_OPERANDS: usize = 4;
/// Larger coefficients would not be index arithmetic any more.
const MAX_COEFFICIENT: i64 = 1 << 40;

pub(super) fn collect(cx: &mut Context<'_>, layer: &ast::Layer) -> Option<Einsum> {
    let before = cx.errors();
    let ranks = ranks(cx, layer);
    let computes: Vec<&ast::Compute> = layer.computes().collect();
    let compute = match computes.as_slice() {
        [compute] => *compute,
        [] => {
            cx.error(HirError::Missing {
                what: "`Compute`".to_owned(),
                owner: format!("layer `{}`", layer.name),
                span: layer.name.span,
                insert: None,
            });
            return None;
        }
        [first, second, ..] => {
            cx.error(HirError::KeyTwice {
                key: "Compute".to_owned(),
                span: second.keyword,
                first: first.keyword,
            });
            return None;
        }
    };
    let ranks = ranks?;
    let operands = operands(cx, &compute.value);
    if cx.errors() == before && operands.tensors.is_empty() {
        cx.error(HirError::WrongKind {
            expected: "an expression of tensors".to_owned(),
            found: describe(&compute.value),
            span: compute.value.span,
        });
    }
    let mut extents = Extents::collect(cx, layer);
    let result = tensor(cx, &compute.target, &ranks);
    let mut tensors: Vec<EinsumTensor> = Vec::new();
    for expr in operands.tensors {
        let Some(mut tensor) = tensor(cx, expr, &ranks) else {
            continue;
        };
        if let Some(result) = result.as_ref().filter(|made| made.name == tensor.name) {
            own_result(
                cx,
                &ranks,
                result,
                &tensor,
                [compute.target.span, expr.span],
            );
            continue;
        }
        if extents.apply(cx, &mut tensor) {
            inside(cx, &ranks, &tensor, expr);
        }
        match tensors.iter().find(|known| known.name == tensor.name) {
            None => tensors.push(tensor),
            Some(known) if *known == tensor => {}
            Some(_) => again(cx, expr, &tensor.name),
        }
    }
    if tensors.len() > MAX_OPERANDS {
        cx.error(HirError::Unavailable {
            what: format!("an expression of more than {MAX_OPERANDS} tensors"),
            span: compute.value.span,
        });
    }
    if let Some(mut result) = result {
        if extents.apply(cx, &mut result) {
            inside(cx, &ranks, &result, &compute.target);
        }
        if compute.combine == Combine::Assign {
            assigned_once(cx, &ranks, &result, compute);
        }
        tensors.push(result);
    }
    if cx.errors() != before {
        return None;
    }
    extents.unused(cx, &tensors);
    for (rank, (name, _)) in ranks.iter().enumerate() {
        let used = tensors.iter().any(|tensor| {
            tensor
                .indices
                .iter()
                .any(|index| index.terms.iter().any(|term| term.0 == rank))
        });
        if !used {
            cx.error(HirError::UnknownDimension {
                name: name.clone(),
                owner: "the product in `Compute`".to_owned(),
                span: compute.span,
                suggestion: None,
                known: ranks.iter().map(|rank| rank.0.clone()).collect(),
            });
        }
    }
    (cx.errors() == before).then_some(Einsum {
        ranks,
        tensors,
        combine: compute.combine,
        product: operands.product,
    })
}

/// Reports `H[t,h] += U[h,g] * H[t - 1,g]`: no step of a layer can read what another one has made.
fn own_result(
    cx: &mut Context<'_>,
    ranks: &[(String, u64)],
    made: &EinsumTensor,
    read: &EinsumTensor,
    [target, span]: [Span; 2],
) {
    // Along a rank by which both go alike, some indices apart.
    let mut pairs = made.indices.iter().zip(&read.indices);
    let along = pairs.find_map(|(made, read)| match made.terms.as_slice() {
        [(rank, 1)] if made.terms == read.terms && made.constant != read.constant => {
            let (name, extent) = ranks.get(*rank)?;
            let apart = read.constant.checked_sub(made.constant)?;
            Some((name.clone(), apart, *extent))
        }
        _ => None,
    });
    cx.error(HirError::OwnResult {
        tensor: read.name.clone(),
        along,
        span,
        target,
    });
}

/// Reports a tensor that is read a second time with other indices.
fn again(cx: &mut Context<'_>, expr: &ast::Expr, name: &str) {
    cx.error(HirError::WrongKind {
        expected: "one list of indices of a tensor; give the other reading a name of its own, and both the same input"
            .to_owned(),
        found: format!("`{name}` a second time"),
        span: expr.span,
    });
}

/// Reports `Y[m] = X[m,n]`: there is a value for every n, and one place for all.
fn assigned_once(
    cx: &mut Context<'_>,
    ranks: &[(String, u64)],
    result: &EinsumTensor,
    compute: &ast::Compute,
) {
    let has = |rank: usize| {
        let mut terms = result.indices.iter().flat_map(|index| &index.terms);
        terms.any(|term| term.0 == rank)
    };
    let missing = ranks.iter().enumerate().find(|(rank, _)| !has(*rank));
    if let Some((_, (rank, _))) = missing {
        cx.error(HirError::WrongKind {
            expected: format!(
                "`+=`, `max=` or `min=`: `{}` has no index over {rank}",
                result.name
            ),
            found: "`=`".to_owned(),
            span: compute.target.span,
        });
    }
}

/// Reports indices that leave the tensor without a word, and those that never reach it.
fn inside(cx: &mut Context<'_>, ranks: &[(String, u64)], tensor: &EinsumTensor, expr: &ast::Expr) {
    let einsum = Einsum {
        ranks: ranks.to_vec(),
        tensors: Vec::new(),
        combine: Combine::Sum,
        product: true,
    };
    let written = match &expr.kind {
        ExprKind::Index { indices, .. } => indices.as_slice(),
        _ => &[],
    };
    for (at, index) in tensor.indices.iter().enumerate() {
        let span = written.get(at).map_or(expr.span, |index| index.span);
        let Some(values) = einsum.values(index) else {
            cx.error(HirError::Overflow { span });
            continue;
        };
        let (first, last) = values;
        let never = index.stated.is_some_and(|extent| {
            last < 0 || u64::try_from(first).is_ok_and(|first| first >= extent)
        });
        if never || (index.stated.is_none() && first < 0) {
            cx.error(HirError::IndexOutside {
                tensor: tensor.name.clone(),
                index: first,
                values,
                extent: index.stated,
                span,
            });
        }
    }
}

/// `Extents { I: [6, 8] }`: tensor, sizes of its dimensions.
#[derive(Default)]
struct Extents<'a> {
    stated: Vec<Stated<'a>>,
}

struct Stated<'a> {
    name: &'a ast::Name,
    sizes: Vec<u64>,
    span: Span,
    used: bool,
}

impl<'a> Extents<'a> {
    fn collect(cx: &mut Context<'_>, layer: &'a ast::Layer) -> Extents<'a> {
        let Some(block) = block(&layer.body, "Extents") else {
            return Extents::default();
        };
        let properties = || block.body.properties();
        let names: Vec<&str> = properties().map(|known| known.key.as_str()).collect();
        let mut stated: Vec<Stated<'a>> = Vec::new();
        named(cx, &block.body, "`Extents`", &names, |cx, name, expr| {
            let Some(key) = properties().find(|known| known.key.as_str() == name) else {
                return;
            };
            let sizes = match &expr.kind {
                ExprKind::List(sizes) => sizes.as_slice(),
                _ => std::slice::from_ref(expr),
            };
            let what = format!("the extent of `{name}`");
            let sizes: Option<Vec<u64>> = sizes.iter().map(|size| cx.size(size, &what)).collect();
            if let Some(sizes) = sizes {
                stated.push(Stated {
                    name: &key.key,
                    sizes,
                    span: expr.span,
                    used: false,
                });
            }
        });
        Extents { stated }
    }

    /// Gives the indices of a tensor the extents that are stated of it; false if they are not for it.
    fn apply(&mut self, cx: &mut Context<'_>, tensor: &mut EinsumTensor) -> bool {
        let mut stated = self.stated.iter_mut();
        let Some(stated) = stated.find(|stated| stated.name.value == tensor.name) else {
            return true;
        };
        stated.used = true;
        if stated.sizes.len() != tensor.indices.len() {
            let extents = |count: usize| match count {
                1 => "1 extent".to_owned(),
                count => format!("{count} extents"),
            };
            cx.error(HirError::WrongKind {
                expected: format!(
                    "{}, as many as `{}` has indices",
                    extents(tensor.indices.len()),
                    tensor.name
                ),
                found: extents(stated.sizes.len()),
                span: stated.span,
            });
            return false;
        }
        for (index, &size) in tensor.indices.iter_mut().zip(&stated.sizes) {
            index.stated = Some(size);
        }
        true
    }

    /// Reports extents of what is no tensor of the layer.
    fn unused(&self, cx: &mut Context<'_>, tensors: &[EinsumTensor]) {
        for stated in self.stated.iter().filter(|stated| !stated.used) {
            let known = tensors.iter().map(|tensor| tensor.name.as_str());
            cx.error(HirError::UnknownName {
                expected: "tensor of `Compute`",
                name: stated.name.value.clone(),
                span: stated.name.span,
                suggestion: nearest(stated.name.as_str(), known).map(str::to_owned),
                found: None,
            });
        }
    }
}

fn ranks(cx: &mut Context<'_>, layer: &ast::Layer) -> Option<Vec<(String, u64)>> {
    let Some(block) = block(&layer.body, "Ranks") else {
        cx.error(HirError::Missing {
            what: "`Ranks { ... }`".to_owned(),
            owner: format!("layer `{}`", layer.name),
            span: layer.name.span,
            insert: None,
        });
        return None;
    };
    let names: Vec<&str> = block
        .body
        .properties()
        .map(|property| property.key.as_str())
        .collect();
    let mut ranks: Vec<(String, u64)> = Vec::new();
    let before = cx.errors();
    if names.len() > MAX_RANKS {
        cx.error(HirError::Unavailable {
            what: format!("an operation of more than {MAX_RANKS} ranks"),
            span: block.kind.span,
        });
        return None;
    }
    named(cx, &block.body, "`Ranks`", &names, |cx, name, expr| {
        if let Some(size) = cx.size(expr, &format!("rank `{name}`")) {
            let twin = ranks.iter().any(|rank| rank.0.eq_ignore_ascii_case(name));
            if twin {
                cx.error(HirError::WrongKind {
                    expected: "ranks that differ in more than case".to_owned(),
                    found: format!("`{name}` again"),
                    span: expr.span,
                });
            }
            ranks.push((name.to_owned(), size));
        }
    });
    (cx.errors() == before).then_some(ranks)
}

fn tensor(cx: &mut Context<'_>, expr: &ast::Expr, ranks: &[(String, u64)]) -> Option<EinsumTensor> {
    let ExprKind::Index { base, indices } = &expr.kind else {
        if !matches!(expr.kind, ExprKind::Error) {
            cx.error(HirError::WrongKind {
                expected: "an indexed tensor such as `Q[b, m]`".to_owned(),
                found: describe(expr),
                span: expr.span,
            });
        }
        return None;
    };
    let mut tensor = EinsumTensor {
        name: base.value.clone(),
        indices: Vec::with_capacity(indices.len()),
    };
    let mut used: Vec<usize> = Vec::new();
    for expr in indices {
        let mut sum = Affine::default();
        affine(cx, expr, ranks, 1, &mut sum)?;
        sum.terms.retain(|term| term.1 != 0);
        sum.terms.sort_unstable();
        for &(rank, _) in &sum.terms {
            if used.contains(&rank) {
                cx.error(HirError::WrongKind {
                    expected: "each rank in one index of a tensor".to_owned(),
                    found: format!("`{}` in two indices of `{base}`", ranks[rank].0),
                    span: expr.span,
                });
                return None;
            }
        }
        used.extend(sum.terms.iter().map(|term| term.0));
        tensor.indices.push(EinsumIndex {
            terms: sum.terms,
            constant: sum.constant,
            stated: None,
        });
    }
    Some(tensor)
}

#[derive(Default)]
struct Affine {
    terms: Vec<(usize, i64)>,
    constant: i64,
}

impl Affine {
    fn add(&mut self, rank: Option<usize>, amount: i64) -> Option<()> {
        let place = match rank {
            None => &mut self.constant,
            Some(rank) => match self.terms.iter().position(|term| term.0 == rank) {
                Some(at) => &mut self.terms[at].1,
                None => {
                    self.terms.push((rank, 0));
                    let last = self.terms.len() - 1;
                    &mut self.terms[last].1
                }
            },
        };
        *place = place
            .checked_add(amount)
            .filter(|sum| sum.abs() <= MAX_COEFFICIENT)?;
        Some(())
    }
}

/// Adds `scale * expr` to `sum`; `None` has been reported.
fn affine(
    cx: &mut Context<'_>,
    expr: &ast::Expr,
    ranks: &[(String, u64)],
    scale: i64,
    sum: &mut Affine,
) -> Option<()> {
    let added = match &expr.kind {
        ExprKind::Path(path) => {
            let name = path.as_name().map(|name| name.as_str()).unwrap_or_default();
            let rank = ranks.iter().position(|rank| rank.0 == name).or_else(|| {
                ranks
                    .iter()
                    .position(|rank| rank.0.eq_ignore_ascii_case(name))
            });
            match rank {
                Some(rank) => sum.add(Some(rank), scale),
                None => {
                    let value = match cx.constant(path) {
                        Some(value) => value?,
                        None => {
                            cx.error(HirError::UnknownDimension {
                                name: path.to_string(),
                                owner: "`Ranks`".to_owned(),
                                span: path.span,
                                suggestion: nearest(name, ranks.iter().map(|rank| rank.0.as_str()))
                                    .map(str::to_owned),
                                known: ranks.iter().map(|rank| rank.0.clone()).collect(),
                            });
                            return None;
                        }
                    };
                    match value {
                        Value::Integer(value) => value
                            .checked_mul(scale)
                            .and_then(|amount| sum.add(None, amount)),
                        Value::Exact(..) => return not_affine(cx, expr),
                    }
                }
            }
        }
        ExprKind::Number(_) => {
            let value = cx.integer(expr)?;
            value
                .checked_mul(scale)
                .and_then(|amount| sum.add(None, amount))
        }
        ExprKind::Negate(inner) => {
            let scale = scale.checked_neg()?;
            return affine(cx, inner, ranks, scale, sum);
        }
        ExprKind::Binary { op, left, right } => match op.value {
            BinaryOp::Add => {
                affine(cx, left, ranks, scale, sum)?;
                return affine(cx, right, ranks, scale, sum);
            }
            BinaryOp::Subtract => {
                affine(cx, left, ranks, scale, sum)?;
                return affine(cx, right, ranks, scale.checked_neg()?, sum);
            }
            BinaryOp::Multiply => {
                let (factor, other) = if mentions_rank(left, ranks) {
                    (right, left)
                } else {
                    (left, right)
                };
                if mentions_rank(factor, ranks) {
                    return not_affine(cx, expr);
                }
                let factor = cx.integer(factor)?;
                match scale.checked_mul(factor) {
                    Some(scale) if scale.abs() <= MAX_COEFFICIENT => {
                        return affine(cx, other, ranks, scale, sum);
                    }
                    _ => None,
                }
            }
            BinaryOp::Divide | BinaryOp::Remainder => return not_affine(cx, expr),
        },
        ExprKind::Error => return None,
        _ => return not_affine(cx, expr),
    };
    if added.is_none() {
        cx.error(HirError::Overflow { span: expr.span });
    }
    added
}

fn not_affine(cx: &mut Context<'_>, expr: &ast::Expr) -> Option<()> {
    cx.error(HirError::WrongKind {
        expected: "a sum of ranks with constant factors".to_owned(),
        found: describe(expr),
        span: expr.span,
    });
    None
}

fn mentions_rank(expr: &ast::Expr, ranks: &[(String, u64)]) -> bool {
    match &expr.kind {
        ExprKind::Path(path) => path.as_name().is_some_and(|name| {
            ranks
                .iter()
                .any(|rank| rank.0.eq_ignore_ascii_case(name.as_str()))
        }),
        ExprKind::Negate(inner) => mentions_rank(inner, ranks),
        ExprKind::Binary { left, right, .. } => {
            mentions_rank(left, ranks) || mentions_rank(right, ranks)
        }
        _ => false,
    }
}
