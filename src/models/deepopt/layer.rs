//! A layer and a machine as the model sees them, and the conditions under which it applies.
//!
//! A layer is a plain convolution: `R` x `S` windows with stride `U` in both directions over `C` channels, `F` filters, `E` x `G` results; or a
//! fully connected layer, of which several images may be computed together. The padded input plane is what the windows reach, `(E - 1) U + R`
//! rows and `(G - 1) U + S` columns: a row that no window touches is not part of the layer.
//!
//! Invariant: every extent of a [`Layer`] and a [`Machine`] is at least one, and their products are so limited ([`Inapplicable::TooLarge`]) that
//! no term of the model exceeds 63 bits.

use std::fmt;

/// Extents of a layer, before they are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Rows of a filter, `R`.
    pub filter_rows: u64,
    /// Columns of a filter, `S`.
    pub filter_columns: u64,
    /// Channels that one filter reads, `C`.
    pub channels: u64,
    /// Filters, `F`.
    pub filters: u64,
    /// Rows of the result, `E`.
    pub rows: u64,
    /// Columns of the result, `G`.
    pub columns: u64,
    /// Stride in both directions, `U`.
    pub stride: u64,
    /// Groups of channels that share no filter; the model knows one.
    pub groups: u64,
    /// How the layer is run.
    pub kind: Kind,
    /// How often the layer runs: AlexNet's conv2, conv4 and conv5 are one half of two, run twice. Energy and delay count all runs, counts one.
    pub runs: u64,
}

/// Sort of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A convolution of one image.
    Convolution,
    /// A fully connected layer over so many images at a time; figures are per image.
    Dense { images: u64 },
}

/// A layer that the model describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Layer {
    pub(super) r: i64,
    pub(super) s: i64,
    pub(super) c: i64,
    pub(super) f: i64,
    pub(super) e: i64,
    pub(super) g: i64,
    pub(super) u: i64,
    /// Images that the counts are divided by; one for a convolution.
    pub(super) images: i64,
    pub(super) dense: bool,
    pub(super) runs: i64,
}

/// Why the model does not describe a layer or a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inapplicable {
    /// One side of the filter is one and the other is not: the published program computes with an undefined reuse there.
    FlatFilter { rows: u64, columns: u64 },
    /// A 1x1 filter that skips more than every second point.
    PointwiseStride { stride: u64 },
    /// Channels in groups, of which depthwise layers are the extreme.
    Groups { groups: u64 },
    /// A fully connected layer has one result per filter and image.
    DensePlane { rows: u64, columns: u64 },
    /// Not one input, one weight and one result that make a convolution or a product of a matrix.
    NotConvolution,
    /// A convolution of several images.
    Batch { images: u64 },
    /// Taps of a filter that are apart.
    Dilation,
    /// Strides that differ in the two directions.
    Strides { rows: u64, columns: u64 },
    /// An architecture without an array, or with several.
    Arrays { arrays: usize },
    /// An array that is not of rows and columns.
    Axes { axes: usize },
    /// Not one memory for each of filter, input and partial sum, side by side under an unbounded one.
    Memories,
    /// DRAM without a bandwidth of whole bits per cycle.
    Bandwidth,
    /// An extent, a word size or a capacity is zero.
    Zero { what: Extent },
    /// The products of the extents do not fit the integers that the model computes with.
    TooLarge,
}

/// What is zero in [`Inapplicable::Zero`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    Filter,
    Channels,
    Filters,
    Plane,
    Stride,
    Images,
    Runs,
    Array,
    WordSize,
    Bandwidth,
}

impl fmt::Display for Inapplicable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FlatFilter { rows, columns } => {
                write!(
                    out,
                    "a {rows}x{columns} filter: the model states the reuse of the input for filters with several rows and columns, and for 1x1"
                )
            }
            Self::PointwiseStride { stride } => {
                write!(
                    out,
                    "a 1x1 filter with stride {stride}: the model states skipped rows and columns for a stride of at most 2"
                )
            }
            Self::Groups { groups } => write!(
                out,
                "{groups} groups of channels: the model has no grouped or depthwise convolution"
            ),
            Self::DensePlane { rows, columns } => {
                write!(
                    out,
                    "a fully connected layer has one result per filter, here {rows}x{columns}"
                )
            }
            Self::NotConvolution => out.write_str("not a convolution and not a fully connected layer"),
            Self::Batch { images } => write!(out, "a convolution of {images} images: the model has one image, and several in fully connected layers only"),
            Self::Dilation => out.write_str("a filter with gaps: the model has no dilation"),
            Self::Strides { rows, columns } => write!(out, "a stride of {rows} down and {columns} across: the model has one stride"),
            Self::Arrays { arrays } => write!(out, "{arrays} arrays: the model has one, of rows and columns"),
            Self::Axes { axes: 1 } => out.write_str("an array of one axis: the model has rows and columns"),
            Self::Axes { axes } => write!(out, "an array of {axes} axes: the model has rows and columns"),
            Self::Memories => out.write_str(
                "the memories: the model needs one for weights, one for inputs and one for partial sums, side by side between an unbounded one and the array",
            ),
            Self::Bandwidth => out.write_str("the bandwidth of DRAM: the model needs a whole number of bits per cycle"),
            Self::Zero { what } => write!(
                out,
                "{} must be at least one",
                match what {
                    Extent::Filter => "the extents of the filter",
                    Extent::Channels => "the number of channels",
                    Extent::Filters => "the number of filters",
                    Extent::Plane => "the extents of the result",
                    Extent::Stride => "the stride",
                    Extent::Images => "the number of images",
                    Extent::Runs => "the number of runs",
                    Extent::Array => "rows and columns of the array",
                    Extent::WordSize => "the size of a word",
                    Extent::Bandwidth => "the bits that DRAM moves per cycle",
                }
            ),
            Self::TooLarge => write!(
                out,
                "the products of the extents exceed the integers of the model (62 bits)"
            ),
        }
    }
}

impl std::error::Error for Inapplicable {}

/// The largest extent that is accepted, before products are looked at.
const LARGEST: u64 = 1 << 31;

/// Most rows and most columns of an array: the guard of the filter memory multiplies both.
const LONGEST_SIDE: u64 = 1 << 20;

impl Layer {
    /// Checks that the model describes a layer.
    ///
    /// # Errors
    /// The condition that fails; see [`Inapplicable`].
    pub fn new(shape: &Shape) -> Result<Self, Inapplicable> {
        let images = match shape.kind {
            Kind::Convolution => 1,
            Kind::Dense { images } => images,
        };
        for (value, what) in [
            (shape.filter_rows, Extent::Filter),
            (shape.filter_columns, Extent::Filter),
            (shape.channels, Extent::Channels),
            (shape.filters, Extent::Filters),
            (shape.rows, Extent::Plane),
            (shape.columns, Extent::Plane),
            (shape.stride, Extent::Stride),
            (shape.groups, Extent::Channels),
            (images, Extent::Images),
            (shape.runs, Extent::Runs),
        ] {
            if value == 0 {
                return Err(Inapplicable::Zero { what });
            }
            if value > LARGEST {
                return Err(Inapplicable::TooLarge);
            }
        }
        if shape.groups != 1 {
            return Err(Inapplicable::Groups {
                groups: shape.groups,
            });
        }
        if (shape.filter_rows == 1) != (shape.filter_columns == 1) {
            return Err(Inapplicable::FlatFilter {
                rows: shape.filter_rows,
                columns: shape.filter_columns,
            });
        }
        if shape.filter_rows == 1 && shape.stride > 2 {
            return Err(Inapplicable::PointwiseStride {
                stride: shape.stride,
            });
        }
        let dense = matches!(shape.kind, Kind::Dense { .. });
        if dense && (shape.rows, shape.columns, shape.filter_rows, shape.stride) != (1, 1, 1, 1) {
            return Err(Inapplicable::DensePlane {
                rows: shape.rows,
                columns: shape.columns,
            });
        }
        let wide = |value: u64| i64::try_from(value).map_err(|_| Inapplicable::TooLarge);
        let layer = Self {
            r: wide(shape.filter_rows)?,
            s: wide(shape.filter_columns)?,
            c: wide(shape.channels)?,
            f: wide(shape.filters)?,
            e: wide(shape.rows)?,
            // Images of a fully connected layer stand in a row of the result: each is one column of a 1x1 convolution.
            g: if dense {
                wide(images)?
            } else {
                wide(shape.columns)?
            },
            u: wide(shape.stride)?,
            images: wide(images)?,
            dense,
            runs: wide(shape.runs)?,
        };
        layer.limited()?;
        Ok(layer)
    }

    /// Every term of the model is at most the padded plane times the filter times all channels and filters, times one more factor of channels or
    /// filters (a real ratio is multiplied out before it is divided), in bits of at most 2^6 per word, and doubled for psums read and written.
    fn limited(&self) -> Result<(), Inapplicable> {
        let mut product: u128 = 1 << 8;
        for factor in [
            self.width(self.g),
            self.height(self.e),
            self.r,
            self.s,
            self.c,
            self.f,
            self.c.max(self.f),
            self.runs,
        ] {
            product = product
                .checked_mul(factor.unsigned_abs().into())
                .ok_or(Inapplicable::TooLarge)?;
        }
        if product >> 62 == 0 {
            Ok(())
        } else {
            Err(Inapplicable::TooLarge)
        }
    }

    /// Columns of the input under so many columns of the result.
    pub(super) const fn width(&self, columns: i64) -> i64 {
        (columns - 1) * self.u + self.s
    }

    /// Rows of the input under so many rows of the result.
    pub(super) const fn height(&self, rows: i64) -> i64 {
        (rows - 1) * self.u + self.r
    }

    /// Multiplications of all images of one run.
    pub(super) const fn macs(&self) -> i64 {
        self.r * self.s * self.c * self.f * self.e * self.g
    }

    /// Whether the layer is fully connected.
    #[must_use]
    pub const fn is_dense(&self) -> bool {
        self.dense
    }

    /// Rows of the result, `E`.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.e.unsigned_abs()
    }

    /// How often the layer runs.
    #[must_use]
    pub const fn runs(&self) -> u64 {
        self.runs.unsigned_abs()
    }

    /// A fully connected layer of one image has models of its own.
    pub(super) const fn is_single_dense(&self) -> bool {
        self.dense && self.images == 1
    }
}

/// The systolic array with three memories side by side, before it is checked. Sizes in bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MachineShape {
    /// Rows of the array, `J`: partial sums flow down a column through them.
    pub rows: u64,
    /// Columns of the array, `K`: one filter each.
    pub columns: u64,
    /// Size of the filter, ifmap and psum SRAM, in bits.
    pub memories: PerTensor<u64>,
    /// Size of a word of a filter, of an input (and a finished result) and of a partial sum, in bits.
    pub words: PerTensor<u64>,
    /// Bits that DRAM moves per cycle.
    pub dram_bits_per_cycle: u64,
}

/// One figure for filters, one for inputs, one for partial sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct PerTensor<T> {
    pub filter: T,
    pub ifmap: T,
    pub psum: T,
}

/// A machine that the model describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Machine {
    pub(super) j: i64,
    pub(super) k: i64,
    /// Capacities in bits.
    pub(super) sram: PerTensor<i64>,
    pub(super) bits: PerTensor<i64>,
    pub(super) bandwidth: i64,
}

impl Machine {
    /// Checks a machine.
    ///
    /// # Errors
    /// A zero, a word of more than 64 bits, a side of more than 2^20 PEs, a capacity of more than 2^40 bits.
    pub fn new(shape: &MachineShape) -> Result<Self, Inapplicable> {
        let small = |value: u64, most: u64, what| match i64::try_from(value) {
            Ok(0) => Err(Inapplicable::Zero { what }),
            Ok(known) if value <= most => Ok(known),
            _ => Err(Inapplicable::TooLarge),
        };
        // A memory may be empty: then nothing fits, which is an answer.
        let capacity = |value: u64| match i64::try_from(value) {
            Ok(known) if value <= 1 << 40 => Ok(known),
            _ => Err(Inapplicable::TooLarge),
        };
        Ok(Self {
            j: small(shape.rows, LONGEST_SIDE, Extent::Array)?,
            k: small(shape.columns, LONGEST_SIDE, Extent::Array)?,
            sram: PerTensor {
                filter: capacity(shape.memories.filter)?,
                ifmap: capacity(shape.memories.ifmap)?,
                psum: capacity(shape.memories.psum)?,
            },
            bits: PerTensor {
                filter: small(shape.words.filter, 64, Extent::WordSize)?,
                ifmap: small(shape.words.ifmap, 64, Extent::WordSize)?,
                psum: small(shape.words.psum, 64, Extent::WordSize)?,
            },
            bandwidth: small(shape.dram_bits_per_cycle, LARGEST, Extent::Bandwidth)?,
        })
    }

    /// Channels that work side by side for a filter so wide: `Cu`. Zero if not one row of a filter fits the array's rows.
    pub(super) fn channels_at_once(&self, layer: &Layer) -> i64 {
        (self.j / layer.s).min(layer.c)
    }
}
