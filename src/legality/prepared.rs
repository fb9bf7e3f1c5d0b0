//! The verdict alone: whether a schedule is legal, without a word about why not.
//!
//! Problem: of the candidates that a search tries most do not fit, and nobody asks by how much. Witness, blame and repair
//! cost hundreds of microseconds. So what depends on the layer and the accelerator only is looked at once, and what is
//! left is, per memory, one look at the loops outside its tiles: `K` in pieces of 64 over four instances below the memory
//! and `C` whole make a weight tile of 256 by `C`.
//!
//! That is said for plain schedules, whose loops cut ranks into pieces that abut (every loop form, and directives over
//! ranks): they perform every point once whatever their sizes are. A tile is then the product over the indices of its
//! tensor of one interval each; where it is not (holes of a stride, instances at a clipped border), and for all other
//! schedules, the other door is asked ([`super::covers`], [`super::Footprint`]).
//!
//! Invariant: the verdict is that of [`super::check`] (property-tested on generated cases).

use super::capacity::{Footprint, backing, bank_bits};
use super::{LARGEST, Legal, covers, fast, oversized_problem, sums};
use crate::ir::{Axis, Dim, Loop, Mapping, Problem, Role};
use smallvec::SmallVec;
use std::sync::Arc;

/// Ways to choose one window of every loop that are looked at, where padding is cut off in all tiles.
const MOST_CLIPPED: u64 = 64;

/// What judges the schedules of one problem.
pub struct Prepared {
    problem: Arc<Problem>,
    /// No size of the problem is too large to be judged, and the backing store holds its tensors.
    sound: bool,
    /// Per array its instances.
    sizes: SmallVec<[u64; 4]>,
    /// Memories with a capacity.
    bounded: SmallVec<[usize; 8]>,
}

/// How the loops outside a tile cut the ranks.
struct Cut {
    /// Per rank its extent, and the length of a whole piece.
    whole: SmallVec<[u64; 16]>,
    pieces: SmallVec<[u64; 16]>,
    /// Loops over instances below the memory, whose pieces lie together: rank, size, instances.
    together: SmallVec<[(usize, u64, u64); 4]>,
    /// The others that make more than one trip: rank, size and what is cut, outermost first.
    apart: SmallVec<[(usize, u64, u64); 16]>,
}

impl Prepared {
    #[must_use]
    pub fn new(problem: &Arc<Problem>) -> Prepared {
        let architecture = &problem.architecture;
        let memories = architecture.memories.iter().enumerate().skip(1);
        Prepared {
            sound: oversized_problem(&problem.operation).is_none() && backing(problem).is_none(),
            sizes: architecture
                .arrays
                .iter()
                .map(|array| array.size())
                .collect(),
            bounded: memories
                .filter(|(_, memory)| memory.capacity_bits.is_some())
                .map(|(number, _)| number)
                .collect(),
            problem: Arc::clone(problem),
        }
    }

    #[must_use]
    pub fn problem(&self) -> &Arc<Problem> {
        &self.problem
    }

    /// As [`super::check`], without a diagnosis.
    ///
    /// # Errors
    /// The mapping again.
    pub fn check(&self, mapping: Mapping) -> Result<Legal<Mapping>, Mapping> {
        if self.admits(&mapping) {
            Ok(Legal(mapping))
        } else {
            Err(mapping)
        }
    }

    /// Whether `mapping`, of this problem, is legal.
    #[must_use]
    pub fn admits(&self, mapping: &Mapping) -> bool {
        debug_assert!(Arc::ptr_eq(mapping.problem(), &self.problem) || **mapping == *self.problem);
        if !self.sound || !self.instances_suffice(mapping) {
            return false;
        }
        let plain = fast::is_plain(mapping);
        let sizes = mapping.schedule.loops.iter().flat_map(|l| &l.moves);
        let mut sizes = sizes.map(|m| (m.size.min(m.offset), m.size.max(m.offset)));
        if plain && sizes.any(|(least, most)| least == 0 || most > LARGEST) {
            return false;
        }
        if !plain && !covers(mapping) {
            return false;
        }
        let mut footprint: Option<Footprint> = None;
        self.bounded.iter().all(|&memory| {
            let capacity = mapping.architecture.memories[memory].capacity_bits;
            let known = if plain {
                self.required(mapping, memory)
            } else {
                None
            };
            let need = known.or_else(|| {
                let footprint = footprint.get_or_insert_with(|| Footprint::new(mapping));
                let row = &mapping.schedule.positions[memory];
                footprint.required(memory, row).map(|(need, _)| need)
            });
            need.is_some_and(|need| capacity.is_none_or(|capacity| need <= capacity))
        })
    }

    /// Whether no array is asked for more instances than it has (E0405).
    fn instances_suffice(&self, mapping: &Mapping) -> bool {
        let mut left = self.sizes.clone();
        mapping.schedule.loops.iter().all(|l| {
            let Some(left) = l.array().and_then(|array| left.get_mut(array)) else {
                return true;
            };
            let fits = l.instances() <= *left;
            *left /= l.instances().max(1);
            fits
        })
    }

    /// Bits that one instance of `memory` must hold; `None` where a tile is not seen at once.
    fn required(&self, mapping: &Mapping, memory: usize) -> Option<u128> {
        let architecture = &mapping.architecture;
        let at = &architecture.memories[memory];
        let bank = bank_bits(at);
        let mut cut: Option<(usize, Cut)> = None;
        let mut sum = 0u128;
        for (tensor, place) in mapping.schedule.positions[memory].iter().enumerate() {
            let Some(place) = *place else { continue };
            if cut.as_ref().is_none_or(|(known, _)| *known != place) {
                cut = Some((place, Cut::new(mapping, place, at.arrays_above)?));
            }
            let (_, cut) = cut.as_ref()?;
            let known = &mapping.operation.tensors[tensor];
            let mut elements = 1u64;
            for dim in &known.dims {
                elements = elements.checked_mul(cut.length(dim)?)?;
            }
            let partial = known.role == Role::Output
                && known.partial_bits != known.bits
                && sums::incomplete(mapping, memory);
            let width = if partial {
                known.partial_bits.max(known.bits)
            } else {
                known.bits
            };
            let bits = u128::from(elements) * u128::from(width);
            sum = sum.checked_add(match bank {
                Some(bank) => bits.div_ceil(bank).checked_mul(bank)?,
                None => bits,
            })?;
        }
        sum.checked_mul(1 + u128::from(at.double_buffered))
    }
}

impl Cut {
    /// The loops outside `place`, seen from a memory inside `above` arrays.
    fn new(mapping: &Mapping, place: usize, above: usize) -> Option<Cut> {
        let mut cut = Cut {
            whole: mapping.operation.ranks.iter().copied().collect(),
            pieces: mapping.operation.ranks.iter().copied().collect(),
            together: SmallVec::new(),
            apart: SmallVec::new(),
        };
        let loops = &mapping.schedule.loops[..place];
        // What one instance has of every rank: less than the tile, where pieces lie together.
        let mut left = cut.pieces.clone();
        for (index, l) in loops.iter().enumerate() {
            let (rank, size) = rank_of(l)?;
            let piece = &mut cut.pieces[rank];
            let outer = left[rank];
            left[rank] = size.min(outer);
            if size >= outer {
                continue;
            }
            if l.array().is_none_or(|array| array < above) {
                cut.apart.push((rank, size, *piece));
                *piece = size;
                continue;
            }
            let reach = piece.div_ceil(size);
            if reach <= l.instances() {
                // All pieces at once: the tile has the whole, unless something inside cuts it again.
                let cuts = |l: &Loop| rank_of(l).is_none_or(|(r, s)| r == rank && s < size);
                if !loops[index + 1..].iter().any(cuts) {
                    continue;
                }
                if !piece.is_multiple_of(size) {
                    return None;
                }
            }
            cut.together.push((rank, size, reach.min(l.instances())));
            *piece = size;
        }
        Some(cut)
    }

    /// The most elements that the tile has in one index of its tensor; `None` where they are no interval.
    fn length(&self, dim: &Dim) -> Option<u64> {
        let mut terms: SmallVec<[(usize, u64); 2]> = SmallVec::new();
        let mut run = 1u64;
        for term in &dim.terms {
            if term.coefficient <= 0 || terms.len() == 2 {
                return None;
            }
            terms.push((term.rank.index(), term.coefficient as u64));
        }
        // Coefficients in order: each is at most what those before it fill without a hole.
        terms.sort_unstable_by_key(|&(_, coefficient)| coefficient);
        for &(rank, coefficient) in &terms {
            let steps = self.pieces[rank] - 1;
            if steps > 0 && coefficient > run {
                return None;
            }
            run = run.checked_add(steps.checked_mul(coefficient)?)?;
        }
        let of = |rank: usize| terms.iter().find(|term| term.0 == rank).map(|term| term.1);
        // The instances, those close together first.
        let mut steps: SmallVec<[(u64, u64); 4]> = SmallVec::new();
        for &(rank, size, instances) in &self.together {
            if let Some(coefficient) = of(rank) {
                steps.push((coefficient.checked_mul(size)?, instances));
            }
        }
        steps.sort_unstable();
        let (mut length, mut span) = (run, run);
        for &(step, instances) in &steps {
            if length == span && step <= span {
                span = span.checked_add(step.checked_mul(instances - 1)?)?;
                length = span;
            } else if step >= span {
                length = length.checked_mul(instances)?;
                span = span.checked_add(step.checked_mul(instances - 1)?)?;
            } else {
                return None;
            }
        }
        self.clipped(dim, &terms, (length, span), steps.is_empty())
    }

    /// The length of the largest of all windows, of which those in the middle have `length`, over `span`, where nothing is
    /// cut off at the border. `alone`: no instances lie together.
    fn clipped(
        &self,
        dim: &Dim,
        terms: &[(usize, u64)],
        (length, span): (u64, u64),
        alone: bool,
    ) -> Option<u64> {
        let extent = i64::try_from(dim.extent).ok()?;
        let of = |rank: usize| terms.iter().find(|term| term.0 == rank).map(|term| term.1);
        let mut reach = dim.constant;
        for &(rank, coefficient) in terms {
            let steps = (self.whole[rank] - 1).checked_mul(coefficient)?;
            reach = reach.checked_add_unsigned(steps)?;
        }
        if dim.constant >= 0 && reach < extent {
            return Some(length);
        }
        let mut middle = dim.constant;
        let mut ways = 1u64;
        for &(rank, size, outer) in &self.apart {
            if let Some(coefficient) = of(rank) {
                let windows = outer / size / 2;
                middle = middle.checked_add_unsigned(coefficient.checked_mul(windows * size)?)?;
                ways = ways.saturating_mul(outer.div_ceil(size));
            }
        }
        if middle >= 0 && middle.checked_add_unsigned(span)? <= extent {
            return Some(length);
        }
        if !alone || ways > MOST_CLIPPED {
            return None;
        }
        let apart: SmallVec<[(usize, u64, u64); 8]> = (self.apart.iter())
            .filter_map(|&(rank, size, _)| {
                let term = terms.iter().position(|term| term.0 == rank)?;
                Some((term, terms[term].1, size))
            })
            .collect();
        let pieces = terms.iter().map(|term| self.whole[term.0]).collect();
        largest(terms, &apart, dim.constant, pieces, extent)
    }
}

/// The longest of the windows that the loops `apart` (index, its coefficient, size) make of `pieces`, which begin at
/// `start`, inside an extent.
fn largest(
    terms: &[(usize, u64)],
    apart: &[(usize, u64, u64)],
    start: i64,
    pieces: SmallVec<[u64; 2]>,
    extent: i64,
) -> Option<u64> {
    let Some((&(term, coefficient, size), inside)) = apart.split_first() else {
        let mut run = 1u64;
        for (&(_, coefficient), &piece) in terms.iter().zip(&pieces) {
            if piece > 1 && coefficient > run {
                return None;
            }
            run += (piece - 1) * coefficient;
        }
        let end = start.checked_add_unsigned(run)?.min(extent);
        return Some(u64::try_from(end - start.max(0)).unwrap_or(0));
    };
    let mut most = 0;
    for window in 0..pieces[term].div_ceil(size) {
        let mut own = pieces.clone();
        own[term] = size.min(pieces[term] - window * size);
        let start = start.checked_add_unsigned(coefficient * window * size)?;
        most = most.max(largest(terms, inside, start, own, extent)?);
    }
    Some(most)
}

/// The rank that a loop of a plain schedule cuts, and into which pieces.
fn rank_of(l: &Loop) -> Option<(usize, u64)> {
    match l.moves.as_slice() {
        [m] => match m.axis {
            Axis::Rank(rank) => Some((rank.index(), m.size)),
            Axis::Window(_) => None,
        },
        _ => None,
    }
}
