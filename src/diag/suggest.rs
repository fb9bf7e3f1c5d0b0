//! Did you mean: the nearest of the known names.
//!
//! Distance is Damerau-Levenshtein (insert, delete, replace, swap neighbours), so `Dimenisons` is one step
//! from `Dimensions`. A name is suggested when it is at most a third of its length away; letters that differ
//! only in case count as no step, so `conv` finds `CONV`. Deterministic: ties go to the name that comes
//! first in the alphabet.

/// Longer names are not compared: the work is quadratic.
const LONGEST: usize = 64;

/// The candidate nearest to `name`, if one is near enough.
pub fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: Vec<char> = fold(name);
    if wanted.is_empty() || wanted.len() > LONGEST {
        return None;
    }
    let limit = (wanted.len() / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| *candidate != name)
        .filter_map(|candidate| {
            let folded = fold(candidate);
            if folded.is_empty()
                || folded.len() > LONGEST
                || folded.len().abs_diff(wanted.len()) > limit
            {
                return None;
            }
            let steps = distance(&wanted, &folded);
            // One letter turned into another is no likeness: `K` is not `C`.
            let likeness = steps < wanted.len().max(folded.len());
            (steps <= limit && likeness).then_some((steps, candidate))
        })
        .min()
        .map(|(_, candidate)| candidate)
}

fn fold(name: &str) -> Vec<char> {
    name.chars().flat_map(char::to_lowercase).collect()
}

/// Damerau-Levenshtein distance where no letter is touched twice (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut previous: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut current = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replace = previous[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replace.min(previous[j] + 1).min(current[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            current[j] = best;
        }
        before = std::mem::replace(&mut previous, current);
    }
    previous[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_by_hand() {
        let d = |a: &str, b: &str| distance(&fold(a), &fold(b));
        assert_eq!(d("kitten", "sitting"), 3);
        assert_eq!(d("ab", "ba"), 1);
        assert_eq!(d("", "abc"), 3);
    }

    #[test]
    fn suggests_near_names_only() {
        let keys = ["Dimensions", "Stride", "Padding", "Type"];
        assert_eq!(closest("Dimenisons", keys), Some("Dimensions"));
        assert_eq!(closest("stride", keys), Some("Stride"));
        assert_eq!(closest("Bandwidth", keys), None);
        assert_eq!(closest("K", ["C", "k"]), Some("k"));
        assert_eq!(closest("tpye", ["typo", "type"]), Some("type"));
    }
}
