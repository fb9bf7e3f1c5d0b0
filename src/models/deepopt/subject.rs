//! Layers and machines of the model from operations and architectures.
//!
//! A rank is what the tensors that it indexes make it: filters are in weights and results, channels in inputs and weights, images in
//! inputs and results, groups in all three. Two windows make a convolution, none a fully connected layer. Groups that share no
//! filter are run one after the other, as the published tables do with AlexNet's; of a group with one channel the model says nothing.
//!
//! The machine is an array of two axes, the first for channels and columns of a filter, the second for filters, under three memories side
//! by side (one per tensor) under one that is unbounded.

use crate::ir::{Architecture, Memory, Operation, OperationKind, RankId, Role, Window};

use super::layer::{Inapplicable, Kind, Layer, Machine, MachineShape, PerTensor, Shape};

impl Layer {
    /// The layer that an operation is.
    ///
    /// # Errors
    /// What the model does not describe.
    pub fn of(operation: &Operation) -> Result<Self, Inapplicable> {
        let ranks = Ranks::of(operation)?;
        let runs = ranks
            .groups
            .extent
            .checked_mul(operation.repeat)
            .ok_or(Inapplicable::TooLarge)?;
        if ranks.groups.extent > 1 && ranks.channels.extent == 1 {
            return Err(Inapplicable::Groups {
                groups: ranks.groups.extent,
            });
        }
        let one = Shape {
            filter_rows: 1,
            filter_columns: 1,
            channels: ranks.channels.extent,
            filters: ranks.filters.extent,
            rows: 1,
            columns: 1,
            stride: 1,
            groups: 1,
            kind: Kind::Dense {
                images: ranks.images.extent,
            },
            runs,
        };
        match operation.windows.as_slice() {
            [] => Self::new(&one),
            [rows, columns] => {
                if ranks.images.extent != 1 {
                    return Err(Inapplicable::Batch {
                        images: ranks.images.extent,
                    });
                }
                if (rows.dilation, columns.dilation) != (1, 1)
                    && extent(operation, rows.kernel) * extent(operation, columns.kernel) > 1
                {
                    return Err(Inapplicable::Dilation);
                }
                if rows.stride != columns.stride {
                    return Err(Inapplicable::Strides {
                        rows: rows.stride,
                        columns: columns.stride,
                    });
                }
                Self::new(&Shape {
                    filter_rows: extent(operation, rows.kernel),
                    filter_columns: extent(operation, columns.kernel),
                    rows: extent(operation, rows.output),
                    columns: extent(operation, columns.output),
                    stride: rows.stride,
                    kind: Kind::Convolution,
                    ..one
                })
            }
            _ => Err(Inapplicable::NotConvolution),
        }
    }
}

fn extent(operation: &Operation, rank: RankId) -> u64 {
    operation.ranks.get(rank.index()).copied().unwrap_or(1)
}

/// The ranks of each sort, windows apart.
pub(super) struct Ranks {
    pub filters: Sort,
    pub channels: Sort,
    pub images: Sort,
    pub groups: Sort,
}

/// Ranks that are one to the model.
pub(super) struct Sort {
    /// Their product.
    pub extent: u64,
    /// Those of more than one.
    pub along: Vec<RankId>,
}

impl Sort {
    const NONE: Sort = Sort {
        extent: 1,
        along: Vec::new(),
    };
}

impl Ranks {
    pub fn of(operation: &Operation) -> Result<Self, Inapplicable> {
        let single = |role: Role| {
            let mut tensors = operation
                .tensors
                .iter()
                .filter(|tensor| tensor.role == role);
            let tensor = tensors.next();
            if tensors.next().is_some() {
                None
            } else {
                tensor
            }
        };
        let (Some(input), Some(weight), Some(output), OperationKind::MultiplyAccumulate) = (
            single(Role::Input),
            single(Role::Weight),
            single(Role::Output),
            operation.kind,
        ) else {
            return Err(Inapplicable::NotConvolution);
        };
        let mut found = Self {
            filters: Sort::NONE,
            channels: Sort::NONE,
            images: Sort::NONE,
            groups: Sort::NONE,
        };
        for (place, &extent) in operation.ranks.iter().enumerate() {
            let moves =
                |window: &Window| window.output.index() == place || window.kernel.index() == place;
            if extent == 1 || operation.windows.iter().any(moves) {
                continue;
            }
            let indexes = |tensor: &crate::ir::Tensor| {
                tensor
                    .dims
                    .iter()
                    .flat_map(|dim| &dim.terms)
                    .any(|term| term.rank.index() == place)
            };
            let sort = match (indexes(input), indexes(weight), indexes(output)) {
                (false, true, true) => &mut found.filters,
                (true, true, false) => &mut found.channels,
                (true, false, true) => &mut found.images,
                (true, true, true) => &mut found.groups,
                _ => return Err(Inapplicable::NotConvolution),
            };
            let extent = sort.extent.checked_mul(extent);
            sort.extent = extent.ok_or(Inapplicable::TooLarge)?;
            let rank = u8::try_from(place).map_err(|_| Inapplicable::TooLarge)?;
            sort.along.push(RankId(rank));
        }
        Ok(found)
    }
}

impl Machine {
    /// The machine that an architecture is, with the word sizes of an operation's tensors.
    ///
    /// # Errors
    /// What is not as the model needs it.
    pub fn of(architecture: &Architecture, operation: &Operation) -> Result<Self, Inapplicable> {
        Self::new(&MachineShape::of(architecture, operation)?)
    }
}

impl MachineShape {
    /// The sizes of the machine that an architecture is.
    ///
    /// # Errors
    /// As [`Machine::of`], but for sizes.
    pub fn of(architecture: &Architecture, operation: &Operation) -> Result<Self, Inapplicable> {
        let [array] = architecture.arrays.as_slice() else {
            return Err(Inapplicable::Arrays {
                arrays: architecture.arrays.len(),
            });
        };
        let &[rows, columns] = array.shape.as_slice() else {
            return Err(Inapplicable::Axes {
                axes: array.shape.len(),
            });
        };
        let Some(dram) = architecture
            .memories
            .first()
            .filter(|memory| memory.capacity_bits.is_none())
        else {
            return Err(Inapplicable::Memories);
        };
        // What one tensor alone has between DRAM and the array.
        let own = |role: Role| -> Result<u64, Inapplicable> {
            let alone = |memory: &&Memory| {
                let holds = memory.holds;
                let count = u8::from(holds.input) + u8::from(holds.weight) + u8::from(holds.output);
                memory.arrays_above == 0
                    && memory.level > dram.level
                    && holds.contains(role)
                    && count == 1
            };
            let mut memories = architecture.memories.iter().filter(alone);
            let (Some(memory), None) = (memories.next(), memories.next()) else {
                return Err(Inapplicable::Memories);
            };
            let bits = memory.capacity_bits.ok_or(Inapplicable::Memories)?;
            u64::try_from(bits).map_err(|_| Inapplicable::TooLarge)
        };
        let shared = architecture.memories.iter().any(|memory| {
            memory.arrays_above == 0
                && memory.level > dram.level
                && memory.holds == crate::ir::RoleSet::ALL
        });
        if shared {
            return Err(Inapplicable::Memories);
        }
        let rate = dram.ports.read().ok_or(Inapplicable::Bandwidth)?;
        if rate.cycles == 0 || rate.bits % rate.cycles != 0 {
            return Err(Inapplicable::Bandwidth);
        }
        let word = |role: Role, partial: bool| {
            operation
                .tensors
                .iter()
                .find(|tensor| tensor.role == role)
                .map_or(0, |tensor| {
                    u64::from(if partial {
                        tensor.partial_bits
                    } else {
                        tensor.bits
                    })
                })
        };
        Ok(Self {
            rows,
            columns,
            memories: PerTensor {
                filter: own(Role::Weight)?,
                ifmap: own(Role::Input)?,
                psum: own(Role::Output)?,
            },
            words: PerTensor {
                filter: word(Role::Weight, false),
                ifmap: word(Role::Input, false),
                psum: word(Role::Output, true),
            },
            dram_bits_per_cycle: rate.bits / rate.cycles,
        })
    }
}
