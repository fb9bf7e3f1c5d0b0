//! What a box of operations touches, and which operations make an element.
//!
//! Problem: a 3x3 convolution's output rows 4 to 7 read input rows `P + R - 1`, that is 3 to 8; and an element of
//! the map before it is made by one row of that layer's operations, with all its input channels. The first is an
//! image under an access map, the second an inverse image.
//!
//! Boxes go to boxes only while no rank moves two dimensions at once: `(P, P)` is a diagonal. What lies outside of
//! that family is refused with `None`, never rounded to a hull. A rank that stands still moves nothing.

use super::super::{Index, IndexTerm};
use super::{BoxSet, Product, Strided};
use smallvec::SmallVec;

impl BoxSet {
    /// The elements of a tensor of these extents that a set of operations touches; coordinates of the set are
    /// ranks. What an index says outside of the tensor touches nothing.
    ///
    /// `None` when the image need not be boxes: a rank with several values occurs in two dimensions, or twice in
    /// one index under different divisors; or when the map does not fit the set: an unknown rank, or as many
    /// indices as extents.
    #[must_use]
    pub fn image(&self, map: &[Index], extents: &[u64]) -> Option<BoxSet> {
        if map.len() != extents.len() {
            return None;
        }
        if !self.is_exact() {
            return Some(BoxSet::inexact(extents.len()));
        }
        let images: Option<Vec<Product>> = self
            .products
            .iter()
            .map(|product| product_image(product, map, extents))
            .collect();
        Some(BoxSet::union_of(extents.len(), images?))
    }

    /// The operations, of ranks of these extents, whose one element lies in the set; coordinates of the set are
    /// the tensor's. Ranks that the map does not name are whole.
    ///
    /// `None` unless every dimension is a number or one rank, plain (no divisor) and different from the others'.
    #[must_use]
    pub fn preimage(&self, map: &[Index], ranks: &[u64]) -> Option<BoxSet> {
        if map.len() != self.dims {
            return None;
        }
        let sides: Vec<Side> = map
            .iter()
            .map(|index| side(index, ranks.len()))
            .collect::<Option<_>>()?;
        let mut seen = SmallVec::<[usize; 8]>::new();
        for side in &sides {
            if let Some((rank, _)) = side.rank {
                if seen.contains(&rank) {
                    return None;
                }
                seen.push(rank);
            }
        }
        if !self.is_exact() {
            return Some(BoxSet::inexact(ranks.len()));
        }
        let inverse = self
            .products
            .iter()
            .filter_map(|product| product_preimage(product, &sides, ranks));
        Some(BoxSet::union_of(ranks.len(), inverse))
    }
}

fn product_image(ranks: &Product, map: &[Index], extents: &[u64]) -> Option<Product> {
    let mut seen = SmallVec::<[usize; 8]>::new();
    map.iter()
        .zip(extents)
        .map(|(index, &extent)| {
            let whole = Strided::run(0, 1, extent);
            match index {
                Index::Whole => Some(whole),
                Index::Affine { terms, constant } => {
                    Some(index_image(ranks, terms, *constant, &mut seen)?.intersect(&whole))
                }
            }
        })
        .collect()
}

/// The values of one index; `seen` are the moving ranks of the dimensions before.
fn index_image(
    ranks: &Product,
    terms: &[IndexTerm],
    constant: i64,
    seen: &mut SmallVec<[usize; 8]>,
) -> Option<Strided> {
    let mut values = Strided::point(constant);
    let mut sum = |set: &Strided| values = values.sum(set);
    let mut here = SmallVec::<[usize; 8]>::new();
    for (number, term) in terms.iter().enumerate() {
        let rank = ranks.factors.get(term.rank)?;
        let still = rank.count() <= 1;
        let same = |other: &&IndexTerm| other.rank == term.rank && other.divisor == term.divisor;
        if !still && terms.iter().take(number).any(|other| same(&other)) {
            // Counted with the first of them.
            continue;
        }
        let coefficient = if still {
            term.coefficient
        } else {
            let all = terms.iter().filter(same);
            all.map(|other| other.coefficient)
                .try_fold(0i64, i64::checked_add)?
        };
        if coefficient == 0 {
            continue;
        }
        if !still {
            if seen.contains(&term.rank) || here.contains(&term.rank) {
                return None;
            }
            here.push(term.rank);
        }
        sum(&rank.floor_div(term.divisor).affine(coefficient, 0));
    }
    seen.extend(here);
    Some(values)
}

/// One dimension of a result: a rank and its coefficient, if any, and a constant.
struct Side {
    rank: Option<(usize, i64)>,
    constant: i64,
}

fn side(index: &Index, ranks: usize) -> Option<Side> {
    let Index::Affine { terms, constant } = index else {
        return None;
    };
    let rank = match terms.as_slice() {
        [] => None,
        [term] if term.divisor == 1 && term.coefficient != 0 && term.rank < ranks => {
            Some((term.rank, term.coefficient))
        }
        _ => return None,
    };
    Some(Side {
        rank,
        constant: *constant,
    })
}

/// `None` when a dimension that is a number is another one.
fn product_preimage(elements: &Product, sides: &[Side], ranks: &[u64]) -> Option<Product> {
    let mut product: Product = ranks
        .iter()
        .map(|&extent| Strided::run(0, 1, extent))
        .collect();
    for (side, factor) in sides.iter().zip(&elements.factors) {
        match side.rank {
            None if factor.contains(side.constant) => {}
            None => return None,
            Some((rank, coefficient)) => {
                let extent = *ranks.get(rank)?;
                let inverse = factor.preimage(coefficient, side.constant, extent);
                *product.factors.get_mut(rank)? = inverse;
            }
        }
    }
    Some(product)
}
