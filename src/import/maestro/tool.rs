//! How many MACs the public tool prints for a layer.
//!
//! Problem: the tool judges no mapping. It multiplies, over the dimensions of the outermost cluster level, the sizes of
//! the windows of that level, as it counts them: a first one, the steady ones, and one at the edge; over PEs full
//! folds and a last one. Where windows leave something out, overlap, or end unevenly, its number is another than that of
//! the layer, and nothing says so. Users compare with what it printed, so its number is computed here and said.
//!
//! Example: `SpatialMap(3,1) Y` of 27 rows under 3 kernel rows, over 8 PEs: 25 outputs, three folds of 8 and one with a
//! single PE. For that one it takes the window (3 rows) for the outputs (1): 27 rows of outputs instead of 25.
//!
//! Restricted to levels with at most one spatial map, where the rule is known: from its source, and checked on the
//! figures that it prints (in the tests).

use super::error::Reason;
use super::lists::{Constants, Extents, coupled, input_of};
use super::tree::{Dataflow, DirectiveKind};

/// What it prints, what is true, and why they differ: a reason for every dimension that does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Printed {
    pub printed: u128,
    pub macs: u128,
    /// Input dimensions for those with a window.
    pub reasons: Vec<(String, Reason)>,
}

/// A map of the outermost level, in inputs.
struct Map {
    spatial: bool,
    size: i128,
    offset: i128,
}

/// Sums of what a dimension contributes over its windows. The tool multiplies signed sizes and leaves out products that
/// are not positive, so that two dimensions with windows too small for the kernel make a positive number.
#[derive(Clone, Copy)]
struct Signed {
    positive: u128,
    negative: u128,
}

impl Signed {
    const ONE: Signed = Signed {
        positive: 1,
        negative: 0,
    };

    fn times(self, other: Signed) -> Option<Signed> {
        let product = |a: u128, b: u128| a.checked_mul(b);
        Some(Signed {
            positive: product(self.positive, other.positive)?
                .checked_add(product(self.negative, other.negative)?)?,
            negative: product(self.positive, other.negative)?
                .checked_add(product(self.negative, other.positive)?)?,
        })
    }
}

/// Windows of one dimension: how often, and what each is counted as.
#[derive(Default)]
struct Windows {
    cases: Vec<(i128, i128)>,
    lone: bool,
    partial: bool,
}

impl Windows {
    fn add(&mut self, times: i128, size: i128) {
        if times > 0 {
            self.cases.push((times, size));
        }
    }

    fn sum(&self) -> Option<Signed> {
        let mut sum = Signed {
            positive: 0,
            negative: 0,
        };
        for (times, size) in &self.cases {
            let product = times.checked_mul(*size)?;
            let part = if product >= 0 {
                &mut sum.positive
            } else {
                &mut sum.negative
            };
            *part = part.checked_add(product.unsigned_abs())?;
        }
        Some(sum)
    }
}

/// The dimensions that a layer type multiplies over.
fn dimensions(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "CONV" => &["N", "K", "C", "R", "S", "Y", "X"],
        "NGCONV" => &["N", "G", "K", "C", "R", "S", "Y", "X"],
        "DSCONV" => &["N", "K", "C", "R", "S", "Y", "X"],
        "TRCONV" => &["N", "K", "C", "R", "S", "Y", "X"],
        "GEMM" => &["M", "N", "K"],
        _ => return None,
    })
}

/// What the tool prints for a layer on so many PEs; `None` where it prints nothing, or where that is not known.
#[must_use]
pub fn printed(
    dataflow: &Dataflow,
    extents: &Extents,
    constants: &Constants,
    pes: u64,
) -> Option<Printed> {
    let mut clusters = 1u64;
    for directive in &dataflow.directives {
        if let DirectiveKind::Cluster { size, .. } = &directive.kind {
            clusters = clusters.checked_mul(constants.value(size, extents)?)?;
        }
    }
    let instances = i128::from(pes.checked_div(clusters).filter(|&n| n > 0)?);
    let mut printed = Signed::ONE;
    let mut macs = 1u128;
    let mut reasons = Vec::new();
    let mut spatial = 0usize;
    for &dim in dimensions(&extents.kind)? {
        let Some(extent) = extents.get(dim) else {
            // Only the batch may be absent.
            if dim == "N" || dim == "K" && extents.kind == "DSCONV" {
                continue;
            }
            return None;
        };
        let kernel = coupled(dim).map(|(_, kernel)| kernel);
        let map = outermost(dataflow, extents, constants, dim)?;
        spatial = spatial.saturating_add(usize::from(map.spatial));
        // The kernel's own window.
        let taken = match kernel {
            Some(kernel) => outermost(dataflow, extents, constants, kernel)?.size,
            None => 1,
        };
        let windows = windows(&map, i128::from(extent), taken, instances)?;
        let sum = windows.sum()?;
        printed = printed.times(sum)?;
        let truly = match coupled(dim) {
            Some((output, _)) if extents.kind == "TRCONV" => {
                let _ = output;
                extent
            }
            Some((output, _)) => extents.get(output)?,
            None => extent,
        };
        macs = macs.checked_mul(u128::from(truly))?;
        let is_exact = sum.negative == 0 && sum.positive == u128::from(truly);
        if !is_exact {
            let reason = if extents.kind == "TRCONV" {
                Reason::Transposed
            } else {
                reason(dim, extent, u128::from(truly), &map, &windows, sum, extents)
            };
            reasons.push((dim.to_owned(), reason));
        }
    }
    if spatial > 1 {
        return None;
    }
    Some(Printed {
        printed: printed.positive,
        macs,
        reasons,
    })
}

fn reason(
    dim: &str,
    extent: u64,
    truly: u128,
    map: &Map,
    windows: &Windows,
    sum: Signed,
    extents: &Extents,
) -> Reason {
    let own = || dim.to_owned();
    let size = u64::try_from(map.size).unwrap_or(u64::MAX);
    let stride = extents.stride(dim);
    if coupled(dim).is_some() && map.size > i128::from(extent) {
        Reason::LargerThanInput {
            dim: own(),
            window: size,
            extent,
        }
    } else if windows.lone {
        Reason::LonePe {
            dim: own(),
            window: size,
        }
    } else if windows.partial {
        Reason::PartialPe {
            dim: own(),
            lost: size,
        }
    } else if stride > 1 && sum.positive > truly {
        Reason::Strided { dim: own(), stride }
    } else if sum.positive > truly {
        Reason::Doubled { dim: own() }
    } else {
        Reason::Uncovered { dim: own() }
    }
}

/// The map of a dimension at the outermost level, in inputs: a dimension without one is mapped whole.
fn outermost(
    dataflow: &Dataflow,
    extents: &Extents,
    constants: &Constants,
    dim: &str,
) -> Option<Map> {
    let level = dataflow
        .directives
        .iter()
        .take_while(|directive| !matches!(directive.kind, DirectiveKind::Cluster { .. }));
    let mut found = None;
    for directive in level {
        let DirectiveKind::Map {
            spatial,
            size,
            offset,
            dim: own,
        } = &directive.kind
        else {
            continue;
        };
        let is_output = input_of(own.as_str()) == Some(dim);
        if own.as_str() != dim && !is_output {
            continue;
        }
        if found.is_some() {
            // Ends the tool without a word.
            return None;
        }
        let mut size = i128::from(constants.value(size, extents)?);
        let mut offset = i128::from(constants.value(offset, extents)?);
        if size == 0 || offset == 0 {
            return None;
        }
        if let Some((_, kernel)) = coupled(dim) {
            let kernel = i128::from(extents.get(kernel)?);
            if is_output {
                size = size.checked_add(kernel.checked_sub(1)?)?;
            }
            let stride = i128::from(extents.stride(dim));
            if stride > 1 && size >= kernel {
                let outputs = size
                    .checked_add(stride)?
                    .checked_sub(kernel)?
                    .checked_div(stride)?;
                size = outputs
                    .checked_mul(stride.min(kernel))?
                    .checked_add(kernel.checked_sub(stride)?.max(0))?;
                offset = outputs.checked_mul(stride)?;
            }
        }
        found = Some(Map {
            spatial: *spatial,
            size,
            offset,
        });
    }
    let whole = i128::from(extents.get(dim)?);
    Some(found.unwrap_or(Map {
        spatial: false,
        size: whole,
        offset: whole.max(1),
    }))
}

/// The windows of a map over `extent`, each counted without all but one of the `taken` kernel elements.
fn windows(map: &Map, extent: i128, taken: i128, instances: i128) -> Option<Windows> {
    let (size, offset) = (map.size, map.offset);
    let out = |inputs: i128| {
        inputs
            .checked_sub(taken)
            .and_then(|rest| rest.checked_add(1))
    };
    // Rounded to zero, as the tool divides.
    let steady = extent.checked_sub(size)?.checked_div(offset)?;
    let covered = steady.max(0).checked_mul(offset)?.checked_add(size)?;
    let edge = if covered < extent || size > extent {
        let passed = steady.max(0).checked_add(1)?.checked_mul(offset)?;
        match extent.checked_sub(passed)? {
            rest if rest < 0 => extent,
            rest => rest,
        }
    } else {
        size
    };
    let mut windows = Windows::default();
    if !map.spatial {
        windows.add(1, out(if extent < size { edge } else { size })?);
        if size < extent {
            windows.add(steady, out(size)?);
        }
        if size <= extent && covered < extent {
            windows.add(1, out(edge)?);
        }
        return Some(windows);
    }
    let row = offset.checked_mul(instances)?;
    let reach = row.checked_sub(offset)?.checked_add(size)?;
    if extent == reach {
        windows.add(instances, out(size)?);
    } else if extent < reach {
        let whole = if extent > size {
            let whole = steady.checked_add(1)?;
            whole.checked_add(i128::from(covered < extent))?
        } else {
            1
        };
        if whole > 1 {
            windows.add(whole.checked_sub(1)?, out(size)?);
        }
        windows.add(1, out(edge)?);
    } else {
        let folds = steady.checked_add(1)?.checked_div(instances)?;
        windows.add(folds.checked_mul(instances)?, out(size)?);
        let passed = folds.checked_mul(row)?;
        let ends_even = passed.checked_sub(row)?.checked_add(reach)? == extent;
        if !ends_even && passed.checked_add(reach)? > extent {
            last_fold(&mut windows, extent.checked_sub(passed)?, map, edge, taken)?;
        }
    }
    Some(windows)
}

/// The last fold of several, over `rest` inputs.
fn last_fold(windows: &mut Windows, rest: i128, map: &Map, edge: i128, taken: i128) -> Option<()> {
    let (size, offset) = (map.size, map.offset);
    let out = |inputs: i128| {
        inputs
            .checked_sub(taken)
            .and_then(|rest| rest.checked_add(1))
    };
    let whole = if rest < size {
        1
    } else {
        rest.checked_sub(size)?
            .checked_div(offset)?
            .checked_add(1)?
    };
    let reach = whole
        .checked_sub(1)?
        .checked_mul(offset)?
        .checked_add(size)?;
    let is_uneven = reach < rest;
    windows.partial = is_uneven;
    if whole == 1 {
        // Inputs where outputs are meant.
        windows.lone = taken > 1;
        windows.add(1, edge);
        return Some(());
    }
    windows.add(whole.checked_sub(i128::from(is_uneven))?, out(size)?);
    if is_uneven {
        let last = if taken > 1 {
            offset.min(out(edge)?)
        } else {
            offset.checked_sub(size.checked_sub(edge)?)?.max(0)
        };
        windows.add(1, last);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::FileId;
    use crate::import::maestro::lists::lists;
    use crate::import::maestro::read;

    /// What it prints for the first layer of a file with these dimensions and directives, and the truth.
    fn both(layer: &str, pes: u64) -> Option<(u128, u128)> {
        let text = format!("Network n {{ Layer l {{ {layer} }} }}");
        let (tree, _, errors) = read(FileId::new(0), &text);
        assert_eq!(errors, []);
        let constants = Constants::new(&tree.constants);
        let lists = lists(&tree, &constants);
        let first = &lists.layers[0];
        let printed = printed(first.dataflow?, &first.extents, &constants, pes)?;
        Some((printed.printed, printed.macs))
    }

    fn conv(dims: &str, directives: &str, pes: u64) -> (u128, u128) {
        let layer = format!("Type: CONV Dimensions {{ {dims} }} Dataflow {{ {directives} }}");
        both(&layer, pes).unwrap()
    }

    const DIMS: &str = "K 64, C 64, R 3, S 3, Y 16, X 16";
    const KCP: &str = "SpatialMap(1,1) K; TemporalMap(64,64) C; TemporalMap(3,3) R; TemporalMap(3,3) S; \
                       TemporalMap(3,1) Y; TemporalMap(3,1) X; Cluster(64, P); SpatialMap(1,1) C;";

    // Measured ratios of the public tool on one layer of its K-C-partitioned mapping, with one number changed each.
    #[test]
    fn measured_ratios() {
        let ratio = |from: &str, to: &str| {
            let (printed, macs) = conv(DIMS, &KCP.replace(from, to), 256);
            let hundred = printed * 10_000 / macs;
            u32::try_from(hundred).unwrap()
        };
        assert_eq!(ratio("none", "none"), 10_000);
        // A gap in C: 0.5; a gap in K: 0.5; C doubled: 1.5; K doubled: 63 of 32 pairs, 1.97.
        assert_eq!(ratio("TemporalMap(64,64) C", "TemporalMap(32,64) C"), 5_000);
        assert_eq!(ratio("SpatialMap(1,1) K", "SpatialMap(1,2) K"), 5_000);
        assert_eq!(
            ratio("TemporalMap(64,64) C", "TemporalMap(32,16) C"),
            15_000
        );
        assert_eq!(ratio("SpatialMap(1,1) K", "SpatialMap(2,1) K"), 19_687);
        // Rows three apart: 5 of 14 outputs, 0.36.
        assert_eq!(ratio("TemporalMap(3,1) Y", "TemporalMap(3,3) Y"), 3_571);
        // A window larger than C is clipped, one larger than Y makes nothing.
        assert_eq!(
            ratio("TemporalMap(64,64) C", "TemporalMap(100,100) C"),
            10_000
        );
        let small = DIMS.replace("Y 16", "Y 2");
        assert_eq!(conv(&small, KCP, 256).0, 0);
    }

    // The CONV11 of the paper's Fig. 8 without its N: 462,422,016 MACs are printed, 339,738,624 there are. 14 x 14 windows
    // of one input each count as (1 - 3 + 1)^2 = +1.
    #[test]
    fn two_negative_sizes_make_a_positive_one() {
        let directives = "TemporalMap(3,3) R; TemporalMap(3,3) S; TemporalMap(64,64) C; TemporalMap(1,1) Y; \
                          TemporalMap(1,1) X; Cluster(64, P); SpatialMap(1,1) K;";
        let both = conv("K 512, C 512, R 3, S 3, Y 14, X 14", directives, 256);
        assert_eq!(both, (462_422_016, 339_738_624));
    }

    // The last fold has one PE: (Q - 1 + S) / Q of the exact count.
    #[test]
    fn a_lone_pe_counts_its_window() {
        let directives =
            "TemporalMap(1,1) K; TemporalMap(1,1) C; TemporalMap(3,1) Y; SpatialMap(3,1) X;";
        let (printed, macs) = conv("K 2, C 3, R 3, S 3, Y 5, X 27", directives, 8);
        assert_eq!(macs, 2 * 3 * 9 * 3 * 25);
        assert_eq!(printed * 25, macs * 27);
        // One PE more or less, and it is right.
        for pes in [7, 9, 25, 26, 64] {
            let (printed, macs) = conv("K 2, C 3, R 3, S 3, Y 5, X 27", directives, pes);
            assert_eq!(printed, macs, "{pes}");
        }
    }

    // 13 channels in pairs over 4 PEs: a fold of 4 pairs, then 2 pairs and a half; a pair is forgotten.
    #[test]
    fn an_uneven_last_fold_forgets_a_window() {
        let directives = "SpatialMap(2,2) K; TemporalMap(3,1) Y; TemporalMap(3,1) X;";
        let (printed, macs) = conv("K 13, C 3, R 3, S 3, Y 5, X 5", directives, 4);
        assert_eq!((printed / (3 * 81), macs / (3 * 81)), (11, 13));
    }
}
