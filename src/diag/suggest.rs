//! Did you mean: the known name that is nearest to what was written.

use super::Diagnostic;
use crate::base::Span;

/// More candidates are not looked at: a list this long is no list of names any more.
const MOST: usize = 4096;

/// The candidate nearest to `name`, if it is near enough to be meant: at most a third of the letters
/// (at least one) are inserted, removed, replaced or swapped. Ties go to the first in alphabetical order.
#[must_use]
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters: Vec<char> = name.chars().take(64).collect();
    let allowed = (letters.len() / 3).max(1);
    // Every letter is one edit from every other: of a single one only its other case is a slip.
    let single = letters.len() == 1;
    candidates
        .into_iter()
        .take(MOST)
        .filter(|candidate| *candidate != name)
        // Every letter more or less is an edit: most strangers are out without a table.
        .filter(|candidate| candidate.len().abs_diff(name.len()) <= 4 * allowed)
        .filter(|candidate| !single || candidate.eq_ignore_ascii_case(name))
        .map(|candidate| (distance(&letters, candidate), candidate))
        .filter(|&(distance, _)| distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Asks whether the name at `span` is `suggestion`, and offers it.
#[must_use]
pub fn did_you_mean(diagnostic: Diagnostic, span: Span, suggestion: Option<&String>) -> Diagnostic {
    match suggestion {
        Some(name) => diagnostic.help(format!("did you mean `{name}`?")).fix(
            span,
            name.clone(),
            "use the known name",
        ),
        None => diagnostic,
    }
}

/// Edit distance with neighbouring swaps; letters that differ in case only count as equal but for one.
fn distance(name: &[char], candidate: &str) -> usize {
    let other: Vec<char> = candidate.chars().take(64).collect();
    let same = |a: char, b: char| a.eq_ignore_ascii_case(&b);
    if name.len() == other.len() && name.iter().zip(&other).all(|(&a, &b)| same(a, b)) {
        return 1;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (i, &a) in name.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &b) in other.iter().enumerate() {
            let replaced = last[j] + usize::from(!same(a, b));
            let mut best = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && same(a, other[j - 1]) && same(name[i - 1], b) {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[other.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        let known = ["nvdla", "row_stationary", "streaming"];
        assert_eq!(nearest("nvlda", known), Some("nvdla"));
        assert_eq!(nearest("row_stationery", known), Some("row_stationary"));
        assert_eq!(nearest("NVDLA", known), Some("nvdla"));
        assert_eq!(nearest("gemm", known), None);
        assert_eq!(nearest("k", ["C", "K"]), Some("K"));
        assert_eq!(nearest("D", ["C", "K"]), None);
    }

    #[test]
    fn suggests_near_names_only() {
        let keys = ["Dimensions", "Stride", "Padding", "Type"];
        assert_eq!(nearest("Dimenisons", keys), Some("Dimensions"));
        assert_eq!(nearest("stride", keys), Some("Stride"));
        assert_eq!(nearest("Bandwidth", keys), None);
        assert_eq!(nearest("K", ["C", "k"]), Some("k"));
        assert_eq!(nearest("tpye", ["typo", "type"]), Some("type"));
    }
}
