//! The five schedules by name, and what they are in loops.
//!
//! A name reads from the innermost loop outward: `XYZiZo` moves along a row of the result first (X), then to the next row (Y), then to the next
//! channels (Zi), and takes the next filters last (Zo). From outer to inner the same schedule reads `Zo Zi Y X`.

use std::fmt;

/// One direction of movement through a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Loop {
    /// Columns of the result.
    X,
    /// Rows of the result.
    Y,
    /// Channels, so many at a time as fit the rows of the array.
    Zi,
    /// Filters, so many at a time as fit the columns of the array.
    Zo,
}

impl Loop {
    /// As published names spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::X => "X",
            Self::Y => "Y",
            Self::Zi => "Zi",
            Self::Zo => "Zo",
        }
    }
}

/// A schedule of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Schedule {
    XYZiZo,
    XZiYZo,
    XYZoZi,
    XZoYZi,
    ZiXYZo,
}

impl Schedule {
    /// All five, in the order in which the published tables list them; the first of equals wins.
    pub const ALL: [Self; 5] = [
        Self::XYZiZo,
        Self::XZiYZo,
        Self::XYZoZi,
        Self::XZoYZi,
        Self::ZiXYZo,
    ];

    /// Its loops, outermost first.
    #[must_use]
    pub const fn loops(self) -> [Loop; 4] {
        use Loop::{X, Y, Zi, Zo};
        match self {
            Self::XYZiZo => [Zo, Zi, Y, X],
            Self::XZiYZo => [Zo, Y, Zi, X],
            Self::XYZoZi => [Zi, Zo, Y, X],
            Self::XZoYZi => [Zi, Y, Zo, X],
            Self::ZiXYZo => [Zo, Y, X, Zi],
        }
    }

    /// The schedule with these loops, outermost first.
    #[must_use]
    pub fn of_loops(loops: &[Loop]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|schedule| schedule.loops() == *loops)
    }

    /// Its published name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::XYZiZo => "XYZiZo",
            Self::XZiYZo => "XZiYZo",
            Self::XYZoZi => "XYZoZi",
            Self::XZoYZi => "XZoYZi",
            Self::ZiXYZo => "ZiXYZo",
        }
    }

    /// The schedule of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|schedule| schedule.name() == name)
    }

    /// A fully connected layer has no plane to move in: three of the schedules take the channels first there, two the filters.
    pub(super) const fn on_dense(self) -> Self {
        match self {
            Self::XYZiZo | Self::XZiYZo | Self::ZiXYZo => Self::XYZiZo,
            Self::XYZoZi | Self::XZoYZi => Self::XYZoZi,
        }
    }

    /// Its place in [`Schedule::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::XYZiZo => 0,
            Self::XZiYZo => 1,
            Self::XYZoZi => 2,
            Self::XZoYZi => 3,
            Self::ZiXYZo => 4,
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}
