//! Which methods a search admits beside those that fit.

/// A share in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(pub u32);

impl Share {
    /// Whether `part` of `whole` is at least this share.
    #[must_use]
    pub fn reached(self, part: u64, whole: u64) -> bool {
        u128::from(part) * 1000 >= u128::from(whole) * u128::from(self.0)
    }

    /// The least part of `whole` that reaches this share.
    #[must_use]
    pub fn least(self, whole: u64) -> u64 {
        u64::try_from((u128::from(whole) * u128::from(self.0)).div_ceil(1000)).unwrap_or(u64::MAX)
    }
}

/// Utilisation that a method must reach, and the two prunings of the published tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Least share of the PEs that work.
    pub pe: Share,
    /// Least share of the register file that tiles fill.
    pub rf: Share,
    /// Least share of the SPM's bytes that tiles fill.
    pub spm: Share,
    /// The DRAM level has no loop over the filter.
    pub no_feature_dram: bool,
    /// The array has no loop that reduces: none of those that do not index the output.
    pub no_spatial_reduction: bool,
}

impl Limits {
    /// Every method that fits.
    pub const NONE: Limits = Limits {
        pe: Share(0),
        rf: Share(0),
        spm: Share(0),
        no_feature_dram: false,
        no_spatial_reduction: false,
    };

    /// The tool's first thresholds, 0.8 / 0.8 / 0.5, with both prunings.
    pub const PUBLISHED: Limits = Limits {
        pe: Share(800),
        rf: Share(800),
        spm: Share(500),
        no_feature_dram: true,
        no_spatial_reduction: true,
    };
}
