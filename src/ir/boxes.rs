//! Exact finite sets of integer points, as disjoint boxes.
//!
//! Problem: the first tile of a fused group wants rows 0 to 5 and columns 0 to 5 of a map, the second one columns
//! 4 to 9, and a row buffer holds what all tiles of the row before wanted: what is missing is an L. One box around
//! it would count elements that are there. A [`BoxSet`] is a list of [`Product`]s of one-dimensional sets, no two
//! of which share a point; so its count is a sum of products, and rows of stride 2 are still one box.
//!
//! Invariants:
//! * every product has as many factors as the set has dimensions, none of them empty or inexact;
//! * products are disjoint and sorted; products that differ in one factor are joined while there are few;
//! * a set of no dimensions is empty or one point: the product of nothing;
//! * *inexact* sets are those of [`Strided`]: too large to write, empty to all appearances, and sticky. Sets of
//!   different dimension numbers have no common operation either; the result is inexact.

mod access;
#[cfg(test)]
mod tests;

use super::{Run, Strided};
use crate::base::limits;
use smallvec::{SmallVec, smallvec};

/// A set of more products than this is given up.
pub const MAX_PRODUCTS: usize = 4096;

/// Pairs of runs that one operation may compare before it gives up: at most about a second.
const MAX_PAIRS: usize = 1 << 24;

/// Above this number of products no pair is tried for joining.
const MAX_JOINED: usize = 64;

type Products = SmallVec<[Product; 1]>;

/// A box with one run per side: its shape is the runs' counts.
pub type Grid = SmallVec<[Run; 6]>;

/// The result cannot be written.
struct Overflow;

/// A box whose sides are any sets: the points with every coordinate in its factor.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Product {
    pub factors: SmallVec<[Strided; 6]>,
}

impl Product {
    /// Whether it has no point. A product of nothing has one.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.factors.iter().any(Strided::is_empty)
    }

    /// Number of points; saturating.
    #[inline]
    #[must_use]
    pub fn count(&self) -> u128 {
        self.factors.iter().fold(1, |product: u128, factor| {
            product.saturating_mul(u128::from(factor.count()))
        })
    }

    #[must_use]
    pub fn contains(&self, point: &[i64]) -> bool {
        self.factors.len() == point.len()
            && self
                .factors
                .iter()
                .zip(point)
                .all(|(factor, &x)| factor.contains(x))
    }

    fn runs(&self) -> impl Iterator<Item = &[Run]> {
        self.factors.iter().map(Strided::runs)
    }

    /// Pairs of runs to compare with another product.
    #[inline]
    fn cost(&self, other: &Product) -> usize {
        self.pairs(other).fold(1, |sum: usize, (a, b)| {
            sum.saturating_add(a.runs().len().saturating_mul(b.runs().len()))
        })
    }

    fn pairs<'a>(&'a self, other: &'a Product) -> impl Iterator<Item = (&'a Strided, &'a Strided)> {
        self.factors.iter().zip(&other.factors)
    }

    #[inline]
    fn is_disjoint(&self, other: &Product) -> bool {
        self.pairs(other).any(|(a, b)| a.is_disjoint(b))
    }

    /// The common points; `None` when there are none.
    fn intersect(&self, other: &Product) -> Result<Option<Product>, Overflow> {
        let mut factors = SmallVec::new();
        for (a, b) in self.pairs(other) {
            let common = exact(a.intersect(b))?;
            if common.is_empty() {
                return Ok(None);
            }
            factors.push(common);
        }
        Ok(Some(Product { factors }))
    }

    /// Appends the points that `other` has not: one product per side that sticks out.
    fn subtract_into(mut self, other: &Product, out: &mut Products) -> Result<(), Overflow> {
        if self.is_disjoint(other) {
            return push(out, self);
        }
        for (index, with) in other.factors.iter().enumerate() {
            let Some(side) = self.factors.get(index) else {
                return Err(Overflow);
            };
            let outside = exact(side.subtract(with))?;
            if outside.is_empty() {
                continue;
            }
            let inside = exact(side.intersect(with))?;
            let mut piece = self.clone();
            replace(&mut piece, index, outside);
            push(out, piece)?;
            replace(&mut self, index, inside);
        }
        Ok(())
    }

    /// The union with a disjoint product that differs in one factor.
    fn join(&self, other: &Product) -> Option<Product> {
        let mut differing = self
            .pairs(other)
            .enumerate()
            .filter(|(_, (a, b))| a != b)
            .map(|(index, (a, b))| (index, a, b));
        let (index, a, b) = differing.next()?;
        if differing.next().is_some() {
            return None;
        }
        let union = a.union(b);
        if !union.is_exact() {
            return None;
        }
        let mut joined = self.clone();
        replace(&mut joined, index, union);
        Some(joined)
    }
}

impl FromIterator<Strided> for Product {
    fn from_iter<T: IntoIterator<Item = Strided>>(factors: T) -> Product {
        Product {
            factors: factors.into_iter().collect(),
        }
    }
}

/// A finite set of points of one dimension number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BoxSet {
    dims: usize,
    products: Products,
    inexact: bool,
}

impl BoxSet {
    #[must_use]
    pub fn empty(dims: usize) -> BoxSet {
        BoxSet {
            dims,
            products: Products::new(),
            inexact: false,
        }
    }

    /// All points with `0 <= x < extent` in every dimension.
    #[must_use]
    pub fn whole(extents: &[u64]) -> BoxSet {
        BoxSet::from_product(
            extents
                .iter()
                .map(|&extent| Strided::run(0, 1, extent))
                .collect(),
        )
    }

    /// Inexact when a factor is.
    #[must_use]
    pub fn from_product(product: Product) -> BoxSet {
        let dims = product.factors.len();
        if !product.factors.iter().all(Strided::is_exact) {
            return BoxSet::inexact(dims);
        }
        if product.is_empty() {
            return BoxSet::empty(dims);
        }
        BoxSet {
            dims,
            products: smallvec![product],
            inexact: false,
        }
    }

    /// The set that is known to be unknown.
    #[must_use]
    pub fn inexact(dims: usize) -> BoxSet {
        BoxSet {
            dims,
            products: Products::new(),
            inexact: true,
        }
    }

    /// The set of products that are disjoint.
    fn settle(dims: usize, products: Result<Products, Overflow>) -> BoxSet {
        let Ok(mut products) = products else {
            return BoxSet::inexact(dims);
        };
        join_pairs(&mut products);
        products.sort_unstable_by(|a, b| a.runs().cmp(b.runs()));
        BoxSet {
            dims,
            products,
            inexact: false,
        }
    }

    /// Whether this is the true result of the operations that led to it; see [`Strided::is_exact`].
    #[inline]
    #[must_use]
    pub fn is_exact(&self) -> bool {
        !self.inexact
    }

    /// Number of coordinates of a point.
    #[inline]
    #[must_use]
    pub fn dims(&self) -> usize {
        self.dims
    }

    /// Disjoint and not empty.
    #[inline]
    #[must_use]
    pub fn products(&self) -> &[Product] {
        &self.products
    }

    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.products.is_empty()
    }

    /// Number of points; saturating.
    #[must_use]
    pub fn count(&self) -> u128 {
        self.products
            .iter()
            .fold(0, |sum: u128, product| sum.saturating_add(product.count()))
    }

    /// The lexicographically least point.
    #[must_use]
    pub fn witness(&self) -> Option<Vec<i64>> {
        self.products
            .iter()
            .filter_map(|product| product.factors.iter().map(Strided::min).collect())
            .min()
    }

    #[must_use]
    pub fn contains(&self, point: &[i64]) -> bool {
        self.products.iter().any(|product| product.contains(point))
    }

    /// Whether one operation can take both.
    #[inline]
    fn fits(&self, other: &BoxSet) -> bool {
        self.is_exact() && other.is_exact() && self.dims == other.dims
    }

    #[must_use]
    pub fn intersect(&self, other: &BoxSet) -> BoxSet {
        if !self.fits(other) {
            return BoxSet::inexact(self.dims);
        }
        let common = || {
            let mut out = Products::new();
            let mut pairs = 0;
            for a in &self.products {
                for b in &other.products {
                    spend(&mut pairs, a.cost(b))?;
                    if let Some(common) = a.intersect(b)? {
                        push(&mut out, common)?;
                    }
                }
            }
            Ok(out)
        };
        BoxSet::settle(self.dims, common())
    }

    /// The points that `other` has not.
    #[must_use]
    pub fn subtract(&self, other: &BoxSet) -> BoxSet {
        if !self.fits(other) {
            return BoxSet::inexact(self.dims);
        }
        if self.is_empty() || other.is_empty() {
            return self.clone();
        }
        let mut pairs = 0;
        let rest = subtract_products(self.products.clone(), &other.products, &mut pairs);
        BoxSet::settle(self.dims, rest)
    }

    #[must_use]
    pub fn union(&self, other: &BoxSet) -> BoxSet {
        if !self.fits(other) {
            return BoxSet::inexact(self.dims);
        }
        if other.is_empty() {
            return self.clone();
        }
        let mut all = self.products.clone();
        let mut pairs = 0;
        let added = add(&mut all, other.products.clone(), &mut pairs);
        BoxSet::settle(self.dims, added.map(|()| all))
    }

    /// The union of any products of `dims` factors, which may overlap.
    #[must_use]
    pub fn union_of(dims: usize, products: impl IntoIterator<Item = Product>) -> BoxSet {
        let mut all = Products::new();
        let mut pairs = 0;
        for product in products {
            let set = BoxSet::from_product(product);
            if set.inexact || set.dims != dims || add(&mut all, set.products, &mut pairs).is_err() {
                return BoxSet::inexact(dims);
            }
        }
        BoxSet::settle(dims, Ok(all))
    }

    /// Whether every point is in `other`; false for inexact sets.
    #[must_use]
    pub fn is_subset(&self, other: &BoxSet) -> bool {
        let rest = self.subtract(other);
        rest.is_exact() && rest.is_empty()
    }

    /// Whether there is no common point; false for inexact sets, and where that takes too long to tell.
    #[must_use]
    pub fn is_disjoint(&self, other: &BoxSet) -> bool {
        let mut pairs = 0;
        self.fits(other)
            && self.products.iter().all(|a| {
                other
                    .products
                    .iter()
                    .all(|b| spend(&mut pairs, a.cost(b)).is_ok() && a.is_disjoint(b))
            })
    }

    /// Whether the sets have the same points, in whatever boxes; false for inexact sets.
    #[must_use]
    pub fn same(&self, other: &BoxSet) -> bool {
        self.fits(other)
            && (self.products == other.products || (self.is_subset(other) && other.is_subset(self)))
    }

    /// The set as disjoint boxes with one run per side.
    pub fn grids(&self) -> impl Iterator<Item = Grid> + '_ {
        self.products.iter().flat_map(|product| {
            let sizes = product.factors.iter();
            Odometer::new(sizes.map(|factor| factor.runs().len() as u64)).map(|digits| {
                product
                    .factors
                    .iter()
                    .zip(&digits)
                    .filter_map(|(factor, &digit)| {
                        factor.runs().get(usize::try_from(digit).ok()?).copied()
                    })
                    .collect()
            })
        })
    }

    /// The set as disjoint boxes of consecutive integers: all steps are 1. One box per element of a longer step.
    pub fn boxes(&self) -> impl Iterator<Item = Grid> + '_ {
        self.grids().flat_map(|grid| {
            let sizes = grid.iter();
            Odometer::new(sizes.map(|run| if run.step == 1 { 1 } else { run.count })).map(
                move |digits| {
                    grid.iter()
                        .zip(&digits)
                        .map(|(run, &digit)| {
                            if run.step == 1 {
                                *run
                            } else {
                                run.element(digit)
                            }
                        })
                        .collect()
                },
            )
        })
    }
}

/// All lists of digits below the given sizes, the last one fastest; one empty list for no sizes.
struct Odometer {
    sizes: SmallVec<[u64; 6]>,
    digits: Option<SmallVec<[u64; 6]>>,
}

impl Odometer {
    fn new(sizes: impl Iterator<Item = u64>) -> Odometer {
        let sizes: SmallVec<[u64; 6]> = sizes.collect();
        let none = sizes.contains(&0);
        let digits = (!none).then(|| smallvec![0; sizes.len()]);
        Odometer { sizes, digits }
    }
}

impl Iterator for Odometer {
    type Item = SmallVec<[u64; 6]>;

    fn next(&mut self) -> Option<SmallVec<[u64; 6]>> {
        let current = self.digits.clone()?;
        let digits = self.digits.as_mut()?;
        for (digit, &size) in digits.iter_mut().zip(&self.sizes).rev() {
            *digit = digit.saturating_add(1);
            if *digit < size {
                return Some(current);
            }
            *digit = 0;
        }
        self.digits = None;
        Some(current)
    }
}

#[inline]
fn exact(set: Strided) -> Result<Strided, Overflow> {
    if set.is_exact() {
        Ok(set)
    } else {
        Err(Overflow)
    }
}

fn push(products: &mut Products, product: Product) -> Result<(), Overflow> {
    if products.len() >= MAX_PRODUCTS {
        return Err(Overflow);
    }
    products.push(product);
    Ok(())
}

fn replace(product: &mut Product, index: usize, factor: Strided) {
    if let Some(place) = product.factors.get_mut(index) {
        *place = factor;
    }
}

/// Counts pairs of runs that are compared.
#[inline]
fn spend(pairs: &mut usize, more: usize) -> Result<(), Overflow> {
    *pairs = pairs.saturating_add(more);
    let paid = limits::spend(1 + more as u64 / 8);
    if *pairs > MAX_PAIRS || paid.is_err() {
        return Err(Overflow);
    }
    Ok(())
}

/// `from - what`, both disjoint. `pairs` counts the comparisons of the whole operation.
fn subtract_products(
    mut from: Products,
    what: &[Product],
    pairs: &mut usize,
) -> Result<Products, Overflow> {
    for other in what {
        let mut meet = false;
        for product in &from {
            spend(pairs, product.cost(other))?;
            meet |= !product.is_disjoint(other);
        }
        if !meet {
            continue;
        }
        let mut out = Products::new();
        for product in from {
            product.subtract_into(other, &mut out)?;
        }
        from = out;
    }
    Ok(from)
}

/// Appends disjoint products without the points that are there.
fn add(all: &mut Products, products: Products, pairs: &mut usize) -> Result<(), Overflow> {
    for product in subtract_products(products, all, pairs)? {
        push(all, product)?;
    }
    Ok(())
}

/// Joins disjoint products that differ in one factor until none do.
fn join_pairs(products: &mut Products) {
    if products.len() > MAX_JOINED {
        return;
    }
    let mut index = 1;
    while index < products.len() {
        let (before, rest) = products.split_at(index);
        let joined = rest.first().and_then(|product| {
            before
                .iter()
                .enumerate()
                .find_map(|(place, other)| Some((place, other.join(product)?)))
        });
        match joined {
            Some((place, joined)) => {
                products.swap_remove(index);
                if let Some(other) = products.get_mut(place) {
                    *other = joined;
                }
                // The joined product may now join with an earlier one.
                index = place.max(1);
            }
            None => index += 1,
        }
    }
}
