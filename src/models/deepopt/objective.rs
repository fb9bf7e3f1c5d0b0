//! The five objectives, each a product of powers of energy and delay.

/// What is minimised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Objective {
    Energy,
    Delay,
    EnergyDelay,
    Energy2Delay,
    EnergyDelay2,
}

impl Objective {
    /// All five, in the order of the published tables.
    pub const ALL: [Self; 5] = [
        Self::Energy,
        Self::Delay,
        Self::EnergyDelay,
        Self::Energy2Delay,
        Self::EnergyDelay2,
    ];

    /// Its value; infinite without a bound of the delay, except for the energy alone.
    #[must_use]
    pub fn of(self, energy: f64, delay: Option<f64>) -> f64 {
        if self == Self::Energy {
            return energy;
        }
        delay.map_or(f64::INFINITY, |delay| all(energy, delay)[self.index()])
    }

    /// How often energy and delay are factors.
    pub(super) const fn powers(self) -> (f64, f64) {
        match self {
            Self::Energy => (1.0, 0.0),
            Self::Delay => (0.0, 1.0),
            Self::EnergyDelay => (1.0, 1.0),
            Self::Energy2Delay => (2.0, 1.0),
            Self::EnergyDelay2 => (1.0, 2.0),
        }
    }

    pub(super) const fn index(self) -> usize {
        match self {
            Self::Energy => 0,
            Self::Delay => 1,
            Self::EnergyDelay => 2,
            Self::Energy2Delay => 3,
            Self::EnergyDelay2 => 4,
        }
    }
}

/// All five values, in the order of [`Objective::ALL`].
pub(super) fn all(energy: f64, delay: f64) -> [f64; 5] {
    let product = energy * delay;
    [energy, delay, product, energy * product, product * delay]
}
