//! A figure per bit over the capacity of a memory.
//!
//! `read(SRAM, 64KiB, 64b): 25.87pJ` and `read(SRAM, 128KiB, 64b): 32.29pJ` are two points of a curve in
//! pJ per bit. Between points the curve is straight in log-log (energy goes roughly as the square root of
//! the capacity), at a point it is exact. Outside, only a technology that says so continues the outermost
//! segment; a table of one point continues flat, so that `area(SRAM, 1B)` prices silicon per byte.

/// A point of the table.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Point<'a> {
    pub capacity_bits: u128,
    /// The figure per bit; not negative.
    pub value: f64,
    pub label: &'a str,
}

/// What the table says of one capacity.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Lookup {
    Value {
        value: f64,
        /// The entries that it came from.
        label: String,
    },
    /// Indices into the sorted points of the ends of the table.
    Outside { smallest: usize, largest: usize },
    /// The table has no point.
    Empty,
}

/// Sorts the points by capacity; of two with one capacity the earlier stays.
pub(super) fn sort(points: &mut Vec<Point<'_>>) {
    points.sort_by_key(|point| point.capacity_bits);
    points.dedup_by_key(|point| point.capacity_bits);
}

/// Looks `capacity_bits` up in sorted `points`; `wanted` is how the caller spells the capacity.
pub(super) fn look_up(
    points: &[Point<'_>],
    capacity_bits: u128,
    wanted: &str,
    extrapolate: bool,
) -> Lookup {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return Lookup::Empty;
    };
    let above = points.partition_point(|point| point.capacity_bits < capacity_bits);
    if let Some(point) = points.get(above)
        && point.capacity_bits == capacity_bits
    {
        return Lookup::Value {
            value: point.value,
            label: point.label.to_owned(),
        };
    }
    let inside = above > 0 && above < points.len();
    if !inside && !extrapolate {
        return Lookup::Outside {
            smallest: 0,
            largest: points.len() - 1,
        };
    }
    if points.len() == 1 || capacity_bits == 0 {
        return Lookup::Value {
            value: first.value,
            label: format!("{}, the same per bit at {wanted}", first.label),
        };
    }
    let right = above.clamp(1, points.len() - 1);
    let (left, right) = (&points[right - 1], &points[right]);
    let label = if inside {
        // Both are of one technology, which is named once.
        let (technology, _) = left.label.split_once(": ").unwrap_or_default();
        let second = right
            .label
            .strip_prefix(technology)
            .and_then(|rest| rest.strip_prefix(": "))
            .unwrap_or(right.label);
        format!("{} and {second}, interpolated at {wanted}", left.label)
    } else if above == 0 {
        format!("{}, extrapolated to {wanted}", first.label)
    } else {
        format!("{}, extrapolated to {wanted}", last.label)
    };
    Lookup::Value {
        value: on_segment(left, right, capacity_bits),
        label,
    }
}

/// The straight line through both points in log-log; a zero has no logarithm, so a segment that touches
/// zero is straight over the logarithm of the capacity alone.
fn on_segment(left: &Point<'_>, right: &Point<'_>, capacity_bits: u128) -> f64 {
    let [low, high, at] =
        [left.capacity_bits, right.capacity_bits, capacity_bits].map(|bits| bits.max(1) as f64);
    let part = (at / low).ln() / (high / low).ln();
    if left.value > 0.0 && right.value > 0.0 {
        left.value * (right.value / left.value).powf(part)
    } else {
        (left.value + (right.value - left.value) * part).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points() -> Vec<Point<'static>> {
        let mut points = vec![
            Point {
                capacity_bits: 1024,
                value: 2.0,
                label: "b",
            },
            Point {
                capacity_bits: 256,
                value: 1.0,
                label: "a",
            },
            Point {
                capacity_bits: 1024,
                value: 9.0,
                label: "c",
            },
        ];
        sort(&mut points);
        points
    }

    fn value(lookup: &Lookup) -> f64 {
        match lookup {
            Lookup::Value { value, .. } => *value,
            _ => f64::NAN,
        }
    }

    #[test]
    fn points_are_exact_and_the_first_of_two_counts() {
        assert_eq!(
            look_up(&points(), 1024, "128B", false),
            Lookup::Value {
                value: 2.0,
                label: "b".to_owned()
            }
        );
    }

    // Four times the capacity doubles the figure: the exponent is 1/2, so twice gives sqrt(2).
    #[test]
    fn between_points_the_curve_is_straight_in_log_log() {
        let found = look_up(&points(), 512, "64B", false);
        assert!((value(&found) - 2f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn outside_needs_extrapolate() {
        assert_eq!(
            look_up(&points(), 4096, "512B", false),
            Lookup::Outside {
                smallest: 0,
                largest: 1
            }
        );
        assert!((value(&look_up(&points(), 4096, "512B", true)) - 4.0).abs() < 1e-12);
        assert!((value(&look_up(&points(), 64, "8B", true)) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn a_zero_point_does_not_break_the_line() {
        let mut two = points();
        two[0].value = 0.0;
        assert!((value(&look_up(&two, 512, "64B", false)) - 1.0).abs() < 1e-12);
    }
}
