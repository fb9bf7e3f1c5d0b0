//! Which ranks of a chain of layers move together.
//!
//! Problem: in two 3x3 convolutions a loop over rows of the second cuts its rows `P`, with them and the kernel's `R` the
//! rows of the map between, so the rows of the first, and so the rows of its input; channels know nothing of it. These
//! ranks are one group. A step touches of every tensor a product over the groups, and so do sums over steps.

use crate::engine::EngineLimit;
use crate::ir::{Access, FusedProblem, Index};

/// A chain of layers, its ranks in groups.
#[derive(Clone, Debug)]
pub struct Groups {
    pub layers: Vec<Layer>,
    pub tensors: Vec<Known>,
    /// How many groups there are.
    pub count: usize,
}

/// One layer of the chain.
#[derive(Clone, Debug)]
pub struct Layer {
    pub extents: Vec<u64>,
    /// By rank: its group.
    pub group: Vec<usize>,
    /// The tensor that it makes.
    pub result: usize,
    /// By dimension of its result: the rank.
    pub made: Vec<usize>,
    /// The tensors that are counted where this layer touches them: operands, and of the last layer the result. The map from
    /// the layer before is the first, where there is one.
    pub touches: Vec<Touch>,
}

/// How a layer touches a tensor.
#[derive(Clone, Debug)]
pub struct Touch {
    pub tensor: usize,
    pub dims: Vec<Dim>,
}

/// One dimension of a tensor, as a layer indexes it.
#[derive(Clone, Debug)]
pub struct Dim {
    pub group: usize,
    pub extent: u64,
    /// Rank and coefficient, at least 1; ascending by coefficient.
    pub terms: Vec<(usize, i64)>,
    pub constant: i64,
}

#[derive(Clone, Copy, Debug)]
pub struct Known {
    pub bits: u32,
    /// Where it is counted: the layer, and the position in its `touches`.
    pub reader: (usize, usize),
    /// Whether it is made in the chain and read in it.
    pub inner: bool,
    pub elements: u64,
}

type Result<T> = std::result::Result<T, EngineLimit>;

impl Groups {
    /// # Errors
    /// [`EngineLimit::Irregular`] for what is no chain or has indices of another form.
    pub fn new(problem: &FusedProblem) -> Result<Groups> {
        let irregular = || EngineLimit::Irregular;
        let last = problem.layers.len().checked_sub(1).ok_or_else(irregular)?;
        let mut offsets = vec![0];
        for layer in &problem.layers {
            offsets.push(offsets[offsets.len() - 1] + layer.ranks.len());
        }
        let mut joined = Joined((0..offsets[last + 1]).collect());
        let mut layers: Vec<Layer> = Vec::with_capacity(last + 1);
        for (at, layer) in problem.layers.iter().enumerate() {
            let (result, operands) = layer.accesses.split_last().ok_or_else(irregular)?;
            let mut touches = Vec::new();
            let mut maps = 0;
            for access in operands.iter().chain((at == last).then_some(result)) {
                let tensor = problem.tensors.get(access.tensor).ok_or_else(irregular)?;
                let touch = touch(access, &tensor.extents, layer.ranks.len())?;
                let inner = tensor.producer.is_some_and(|producer| producer != at);
                if inner && tensor.producer.map(|producer| producer + 1) != Some(at) {
                    return Err(irregular());
                }
                maps += usize::from(inner);
                let place = if inner { 0 } else { touches.len() };
                touches.insert(place, touch);
            }
            if maps != usize::from(at > 0) {
                return Err(irregular());
            }
            let tensor = problem.tensors.get(result.tensor).ok_or_else(irregular)?;
            let result_dims = touch(result, &tensor.extents, layer.ranks.len())?.dims;
            let mut made = Vec::with_capacity(result_dims.len());
            for dim in &result_dims {
                match (dim.terms.as_slice(), dim.constant) {
                    ([(rank, 1)], 0) if layer.ranks.get(*rank) == Some(&dim.extent) => {
                        made.push(*rank)
                    }
                    _ => return Err(irregular()),
                }
            }
            for touch in &touches {
                for dim in &touch.dims {
                    for pair in dim.terms.windows(2) {
                        joined.join(offsets[at] + pair[0].0, offsets[at] + pair[1].0);
                    }
                }
            }
            if at > 0 {
                let before = &layers[at - 1];
                let map = &touches[0];
                if map.tensor != before.result || map.dims.len() != before.made.len() {
                    return Err(irregular());
                }
                for (dim, &rank) in map.dims.iter().zip(&before.made) {
                    if let Some((reader, _)) = dim.terms.first() {
                        joined.join(offsets[at] + reader, offsets[at - 1] + rank);
                    }
                }
            }
            layers.push(Layer {
                extents: layer.ranks.clone(),
                group: Vec::new(),
                result: result.tensor,
                made,
                touches,
            });
        }
        Groups::numbered(problem, layers, &offsets, &mut joined)
    }

    fn numbered(
        problem: &FusedProblem,
        mut layers: Vec<Layer>,
        offsets: &[usize],
        joined: &mut Joined,
    ) -> Result<Groups> {
        let mut roots: Vec<usize> = Vec::new();
        for (at, layer) in layers.iter_mut().enumerate() {
            for rank in 0..layer.extents.len() {
                let root = joined.root(offsets[at] + rank);
                let group = roots.iter().position(|&known| known == root);
                layer.group.push(group.unwrap_or(roots.len()));
                if group.is_none() {
                    roots.push(root);
                }
            }
        }
        let count = roots.len();
        let mut tensors: Vec<Option<Known>> = vec![None; problem.tensors.len()];
        for (at, layer) in layers.iter_mut().enumerate() {
            for (position, touch) in layer.touches.iter_mut().enumerate() {
                let mut used = vec![false; count];
                for dim in &mut touch.dims {
                    // A dimension without a rank is a number: it belongs to no group and never moves.
                    dim.group = dim.terms.first().map_or(count, |term| layer.group[term.0]);
                    if let Some(used) = used.get_mut(dim.group)
                        && std::mem::replace(used, true)
                    {
                        return Err(EngineLimit::Irregular);
                    }
                }
                let tensor = &problem.tensors[touch.tensor];
                let elements = tensor
                    .extents
                    .iter()
                    .try_fold(1u64, |product, &extent| product.checked_mul(extent))
                    .ok_or(EngineLimit::Overflow)?;
                if tensors[touch.tensor].is_some() {
                    return Err(EngineLimit::Irregular);
                }
                tensors[touch.tensor] = Some(Known {
                    bits: tensor.bits,
                    reader: (at, position),
                    inner: tensor.producer.is_some_and(|producer| producer != at),
                    elements,
                });
            }
        }
        let tensors: Option<Vec<Known>> = tensors.into_iter().collect();
        Ok(Groups {
            layers,
            tensors: tensors.ok_or(EngineLimit::Irregular)?,
            count,
        })
    }
}

/// The dimensions of an access, groups not yet known.
fn touch(access: &Access, extents: &[u64], ranks: usize) -> Result<Touch> {
    let mut dims = Vec::with_capacity(extents.len());
    let mut used = vec![false; ranks];
    for (index, &extent) in access.dims.iter().zip(extents) {
        let Index::Affine { terms, constant } = index else {
            return Err(EngineLimit::Irregular);
        };
        let mut known = Vec::with_capacity(terms.len());
        for term in terms {
            let free = used.get_mut(term.rank).ok_or(EngineLimit::Irregular)?;
            if std::mem::replace(free, true) || term.coefficient < 1 || term.divisor > 1 {
                return Err(EngineLimit::Irregular);
            }
            known.push((term.rank, term.coefficient));
        }
        known.sort_by_key(|&(rank, coefficient)| (coefficient, rank));
        dims.push(Dim {
            group: 0,
            extent,
            terms: known,
            constant: *constant,
        });
    }
    Ok(Touch {
        tensor: access.tensor,
        dims,
    })
}

/// Sets that are joined, by a representative.
struct Joined(Vec<usize>);

impl Joined {
    fn root(&mut self, mut at: usize) -> usize {
        while self.0[at] != at {
            at = self.0[at];
        }
        at
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b);
    }
}
