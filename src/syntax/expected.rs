//! From the parser generator's list of acceptable tokens to words for people.
//!
//! After `tile K by` the list has `"number"`, `"identifier"`, `"("`, `"-"` and more; people want to read
//! "expected an expression". After a complete expression every operator is acceptable too, but nobody
//! forgot an operator: only what would end the expression is worth naming.

/// At most this many alternatives are named.
const MOST: usize = 6;

/// The words that begin a statement of a dataflow.
pub(super) const DIRECTIVES: [&str; 10] = [
    "TemporalMap",
    "SpatialMap",
    "Cluster",
    "at",
    "tile",
    "spread",
    "retain",
    "bypass",
    "let",
    "Schedule",
];
/// The words that begin a statement of a fused block.
pub(super) const FUSED: [&str; 6] = [
    "tile",
    "retain",
    "recompute",
    "refetch",
    "pipeline",
    "sequence",
];
/// What a fused block is made of, in messages.
pub(super) const A_FUSED_STATEMENT: &str = "a statement of a fused block";
/// Names wherever a name is wanted; keywords of fused blocks, of sizes and of networks elsewhere.
const CONTEXTUAL: [&str; 15] = [
    "recompute",
    "refetch",
    "from",
    "pipeline",
    "sequence",
    "run",
    "using",
    "upto",
    "repeat",
    "Block",
    "Persistent",
    "space",
    "where",
    "order",
    "vary",
];
const BEGIN_EXPRESSION: [&str; 6] = ["number", "identifier", "string", "-", "(", "["];
const CONTINUE_EXPRESSION: [&str; 18] = [
    "+", "-", "*", "/", "%", ".", "(", "[", "+=", "max=", "min=", "=", "==", "!=", "<", "<=", ">",
    ">=",
];
const END_EXPRESSION: [&str; 7] = [";", ",", ")", "]", "{", "}", ":"];

/// The words for a list of terminals, as lalrpop spells them (with quotes).
#[must_use]
pub fn describe(terminals: &[String]) -> Vec<String> {
    let mut names: Vec<&str> = terminals
        .iter()
        .map(|terminal| terminal.trim_matches('"'))
        // Nobody forgot what is seldom there.
        .filter(|name| !matches!(*name, "bad value" | "bad statement" | "unwired" | "Inputs"))
        .collect();
    if names.contains(&"identifier") {
        names.retain(|name| !CONTEXTUAL.contains(name));
    }
    let mut words = Vec::new();
    if names.contains(&"number") && names.contains(&"identifier") {
        names.retain(|name| !BEGIN_EXPRESSION.contains(name));
        words.push("an expression".to_owned());
    } else if names.contains(&"+") && names.iter().any(|name| END_EXPRESSION.contains(name)) {
        names.retain(|name| !CONTINUE_EXPRESSION.contains(name));
    }
    if names.contains(&"TemporalMap") {
        names.retain(|name| !DIRECTIVES.contains(name));
        words.push("a directive".to_owned());
    }
    if names.contains(&"pipeline") {
        names.retain(|name| !FUSED.contains(name));
        words.push(A_FUSED_STATEMENT.to_owned());
    }
    // Where something new may begin, nobody misses one more separator.
    let begins = !words.is_empty() || names.contains(&"run");
    if begins && names.contains(&"}") {
        names.retain(|name| !matches!(*name, ";" | ","));
    }
    // Nobody forgot parameters or arguments.
    let in_head = match names.contains(&"{") {
        true => names.contains(&"identifier"),
        false => names.contains(&"on"),
    };
    if in_head {
        names.retain(|name| *name != "(");
    }
    // A name may always go on with a dot.
    if names.len() > 1 {
        names.retain(|name| *name != ".");
    }
    // What people most likely meant comes first, the rest in the order of the alphabet.
    names.sort_by_key(|name| {
        let rank = match *name {
            ":" => 0,
            ";" => 1,
            "," => 2,
            ")" | "]" => 3,
            "{" => 4,
            "}" => 6,
            _ => 5,
        };
        (rank, *name)
    });
    words.extend(names.iter().map(|name| match *name {
        "identifier" => "a name".to_owned(),
        "number" => "a number".to_owned(),
        "string" => "a string".to_owned(),
        sign => format!("`{sign}`"),
    }));
    words.truncate(MOST);
    words
}

#[cfg(test)]
mod tests {
    use super::describe;

    fn words(list: &[&str]) -> Vec<String> {
        let quoted: Vec<String> = list.iter().map(|name| format!("\"{name}\"")).collect();
        describe(&quoted)
    }

    #[test]
    fn groups_expressions_and_hides_operators() {
        assert_eq!(
            words(&["(", "[", "-", "identifier", "number", "string"]),
            ["an expression"]
        );
        assert_eq!(words(&["+", "*", ".", "(", "}", ";", "="]), ["`;`", "`}`"]);
        assert_eq!(words(&["identifier"]), ["a name"]);
        assert_eq!(
            words(&["TemporalMap", "at", "tile", "}", ";", ","]),
            ["a directive", "`}`"]
        );
    }
}
