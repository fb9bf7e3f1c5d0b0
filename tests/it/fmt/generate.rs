//! Random programs with random blanks and comments.
//!
//! A program is read off a stream of choices, so that it shrinks by shrinking numbers; a second stream decides
//! what stands between the tokens. Nothing here means anything: the programs parse, and no more.

use crate::generate::Choices;

/// The text of a program.
pub fn text(program: &[u32], blanks: &[u32]) -> String {
    let mut generator = Generator {
        choices: Choices::new(program),
        tokens: Vec::new(),
        size: 0,
    };
    let items = generator.choices.below(4) + 1;
    for _ in 0..items {
        generator.item();
    }
    join(&generator.tokens, &mut Choices::new(blanks))
}

struct Generator<'a> {
    choices: Choices<'a>,
    tokens: Vec<String>,
    /// Blocks so far; keeps programs small.
    size: usize,
}

const NAMES: &[&str] = &[
    "a",
    "K",
    "Y'",
    "conv1",
    "run",
    "from",
    "sequence",
    "using",
    "recompute",
    "pipeline",
    "a_name_that_is_long",
    "another_name_that_is_even_longer_than_the_others",
    "Sz",
    "min",
    "Holds",
];
const NUMBERS: &[&str] = &[
    "1",
    "64",
    "1_000",
    "0.5",
    "64KiB",
    "25.6 GB/s",
    "2cycles",
    "1e3",
    "64 B",
];

impl Generator<'_> {
    fn put(&mut self, tokens: &[&str]) {
        self.tokens
            .extend(tokens.iter().map(|token| (*token).to_owned()));
    }

    fn once_in(&mut self, n: u64) -> bool {
        self.choices.once_in(n)
    }

    fn name(&mut self) {
        let name = NAMES[self.choices.below(NAMES.len() as u64) as usize];
        self.put(&[name]);
    }

    fn path(&mut self) {
        self.name();
        while self.once_in(3) {
            self.put(&["."]);
            self.name();
        }
    }

    /// Some of `element` with commas between.
    fn list(&mut self, least: u64, mut element: impl FnMut(&mut Self)) {
        let most = if self.once_in(8) { 12 } else { 3 };
        let count = least + self.choices.below(most);
        for index in 0..count {
            if index > 0 {
                self.put(&[","]);
            }
            element(self);
        }
    }

    /// The same where a comma may stand behind the last.
    fn open_list(&mut self, element: impl FnMut(&mut Self)) {
        let before = self.tokens.len();
        self.list(0, element);
        if self.tokens.len() > before && self.once_in(4) {
            self.put(&[","]);
        }
    }

    fn item(&mut self) {
        match self.choices.below(9) {
            0 | 1 => self.network(),
            2 => {
                self.put(&["Dataflow"]);
                self.name();
                self.parameters();
                if self.once_in(3) {
                    self.put(&["on"]);
                    self.path();
                }
                self.directives(2);
            }
            3 => {
                self.put(&["Map"]);
                self.invocation();
                self.put(&["on"]);
                self.invocation();
                if self.once_in(3) {
                    self.put(&["as"]);
                    self.name();
                }
                self.map();
            }
            4 => {
                self.put(&["Accelerator"]);
                if self.once_in(2) {
                    self.name();
                }
                self.parameters();
                self.body(2, false);
            }
            5 => {
                self.put(&["Technology"]);
                self.name();
                self.body(1, false);
            }
            6 => {
                self.put(&["const"]);
                self.name();
                self.put(&["="]);
                self.expr(4);
                self.put(&[";"]);
            }
            7 => {
                self.put(&["Constant"]);
                self.name();
                // Without the sign, a parenthesis would make the name a call.
                self.put(&["="]);
                self.expr(2);
                self.put(&[";"]);
            }
            _ => self.import(),
        }
        if self.once_in(6) {
            self.put(&[";"]);
        }
    }

    fn import(&mut self) {
        self.put(&["use"]);
        match self.choices.below(3) {
            0 => self.put(&["\"dir/file // no comment.dflow\""]),
            1 => {
                self.path();
                if self.once_in(2) {
                    self.put(&["as"]);
                    self.name();
                }
            }
            _ => {
                self.path();
                self.put(&[".", "{"]);
                self.open_list(|own| {
                    own.name();
                    if own.once_in(2) {
                        own.put(&["as"]);
                        own.name();
                    }
                });
                self.put(&["}"]);
            }
        }
        self.put(&[";"]);
    }

    fn network(&mut self) {
        self.put(&["Network"]);
        self.name();
        self.parameters();
        self.put(&["{"]);
        if self.once_in(3) {
            self.property();
            self.separator(true);
        }
        for _ in 0..self.choices.below(4) {
            self.put(&["Layer"]);
            self.name();
            self.body(2, true);
            if self.once_in(6) {
                self.put(&[";"]);
            }
        }
        self.put(&["}"]);
    }

    /// What ends a statement; nothing, perhaps, in front of a brace.
    fn separator(&mut self, needed: bool) {
        match self.choices.below(8) {
            0 if !needed => {}
            1 => self.put(&[";", ";"]),
            2 => self.put(&[","]),
            _ => self.put(&[";"]),
        }
    }

    fn body(&mut self, depth: u32, layer: bool) {
        self.size += 1;
        self.put(&["{"]);
        if self.once_in(9) {
            self.put(&[";"]);
        }
        let count = self.choices.below(if self.size > 30 { 2 } else { 6 });
        for index in 0..count {
            let needed = index + 1 < count;
            match self.choices.below(9) {
                0 | 1 if layer => {
                    let kinds = ["Dimensions", "Stride", "Padding", "Ranks"];
                    let kind = kinds[self.choices.below(4) as usize];
                    self.put(&[kind, "{"]);
                    let pairs = if self.once_in(5) {
                        20
                    } else {
                        1 + self.choices.below(7)
                    };
                    for pair in 0..pairs {
                        if pair > 0 {
                            self.put(&[","]);
                        }
                        self.name();
                        self.put(&[":"]);
                        self.expr(1);
                    }
                    self.put(&["}"]);
                }
                2 if layer => {
                    self.put(&["Dataflow"]);
                    if self.once_in(2) {
                        self.put(&[":"]);
                    }
                    self.directives(2);
                }
                3 if layer => {
                    self.put(&["Dataflow", ":"]);
                    self.invocation();
                    self.separator(needed);
                }
                4 if layer => {
                    self.put(&["Compute", ":"]);
                    self.indexed();
                    let sign = if self.once_in(2) { "+=" } else { "=" };
                    self.put(&[sign]);
                    self.expr(3);
                    self.separator(needed);
                }
                5 => {
                    // A bare word behind a comma would be a value.
                    if self.tokens.last().is_some_and(|last| last == ",") {
                        self.put(&[";"]);
                    }
                    self.name();
                    self.separator(needed);
                }
                6 | 7 if depth > 0 => {
                    self.name();
                    if self.once_in(2) {
                        self.name();
                    }
                    self.body(depth - 1, false);
                    if self.once_in(6) {
                        self.put(&[";"]);
                    }
                }
                _ => {
                    self.property();
                    self.separator(needed);
                }
            }
        }
        self.put(&["}"]);
    }

    fn property(&mut self) {
        if self.once_in(9) {
            self.put(&["Technology"]);
        } else {
            self.name();
            if self.once_in(4) {
                self.arguments(1);
            }
        }
        self.put(&[":"]);
        self.list(1, |own| own.expr(2));
    }

    /// `(a = 1, b)`, perhaps.
    fn parameters(&mut self) {
        if self.once_in(2) {
            self.put(&["("]);
            self.open_list(|own| {
                own.name();
                if own.once_in(2) {
                    own.put(&["="]);
                    own.expr(2);
                }
            });
            self.put(&[")"]);
        }
    }

    fn invocation(&mut self) {
        self.path();
        if self.once_in(2) {
            self.arguments(2);
        }
    }

    fn arguments(&mut self, depth: u32) {
        self.put(&["("]);
        self.open_list(|own| {
            let named = own.once_in(3);
            if named {
                own.name();
                own.put(&["="]);
            }
            own.expr(depth);
            if !named && own.once_in(6) {
                let sign = ["==", "!=", "<", "<=", ">", ">="][own.choices.below(6) as usize];
                own.put(&[sign]);
                own.expr(depth);
            }
        });
        self.put(&[")"]);
    }

    fn indexed(&mut self) {
        self.name();
        self.put(&["["]);
        self.open_list(|own| own.expr(1));
        self.put(&["]"]);
    }

    fn expr(&mut self, depth: u32) {
        if depth == 0 {
            return match self.choices.below(5) {
                0 | 1 => {
                    let number = NUMBERS[self.choices.below(NUMBERS.len() as u64) as usize];
                    self.put(&[number]);
                }
                2 => self.put(&["Sz", "(", "K", ")"]),
                _ => self.name(),
            };
        }
        match self.choices.below(12) {
            0 | 1 => {
                self.expr(depth - 1);
                let sign = ["+", "-", "*", "/", "%"][self.choices.below(5) as usize];
                self.put(&[sign]);
                // A sign of its own keeps the tree, whatever the precedence.
                self.expr(depth - 1);
            }
            2 => {
                self.put(&["-"]);
                self.expr(depth - 1);
            }
            3 => {
                self.put(&["("]);
                self.list(1, |own| own.expr(depth - 1));
                self.put(&[")"]);
            }
            4 => {
                self.put(&["["]);
                self.open_list(|own| own.expr(depth - 1));
                self.put(&["]"]);
            }
            5 => {
                self.path();
                self.arguments(depth - 1);
            }
            6 => self.indexed(),
            7 => self.put(&["\"a \\\" b\""]),
            _ => self.expr(0),
        }
    }

    fn directives(&mut self, depth: u32) {
        self.size += 1;
        self.put(&["{"]);
        let count = self.choices.below(if self.size > 30 { 2 } else { 6 });
        for index in 0..count {
            match self.choices.below(10) {
                9 => {
                    self.put(&["Schedule", ":"]);
                    self.name();
                    self.name();
                }
                7 => {
                    self.put(&["let"]);
                    self.name();
                    self.put(&["="]);
                    self.expr(2);
                }
                0 if depth > 0 => {
                    self.put(&["at"]);
                    self.name();
                    self.directives(depth - 1);
                    continue;
                }
                1 => {
                    self.put(&["Cluster", "("]);
                    self.expr(1);
                    if self.once_in(2) {
                        self.put(&[",", "P"]);
                    }
                    self.put(&[")"]);
                }
                2 => {
                    self.put(&["tile"]);
                    self.name();
                    self.put(&["by"]);
                    self.size(2);
                }
                3 => {
                    self.put(&["spread"]);
                    self.name();
                    self.put(&["by"]);
                    self.expr(1);
                    self.put(&["over"]);
                    self.name();
                    if self.once_in(2) {
                        self.put(&["["]);
                        self.expr(0);
                        self.put(&["]"]);
                    }
                }
                4 => {
                    let word = if self.once_in(2) { "retain" } else { "bypass" };
                    self.put(&[word]);
                    self.list(1, Self::path);
                    self.put(&["in"]);
                    self.name();
                }
                other => {
                    let word = if other == 5 {
                        "SpatialMap"
                    } else {
                        "TemporalMap"
                    };
                    self.put(&[word, "("]);
                    self.size(1);
                    self.put(&[","]);
                    self.size(1);
                    self.put(&[")"]);
                    self.name();
                }
            }
            self.separator(index + 1 < count);
        }
        self.put(&["}"]);
    }

    fn size(&mut self, depth: u32) {
        if self.once_in(6) {
            self.put(&["upto", "64"]);
        } else if self.once_in(6) {
            self.put(&["upto", "(", "a", "+", "2", ")", "*", "b"]);
        } else {
            self.expr(depth);
        }
    }

    fn map(&mut self) {
        self.put(&["{"]);
        let count = self.choices.below(5);
        for index in 0..count {
            match self.choices.below(4) {
                0 => {
                    self.put(&["Fuse"]);
                    self.list(1, Self::name);
                    self.fused(3);
                    continue;
                }
                1 => {
                    self.put(&["default"]);
                    if self.once_in(2) {
                        self.list(1, Self::name);
                    }
                }
                _ => self.list(1, Self::name),
            }
            self.put(&[":"]);
            if self.once_in(3) {
                self.directives(1);
            } else {
                self.invocation();
                self.separator(index + 1 < count);
            }
        }
        self.put(&["}"]);
    }

    fn fused(&mut self, depth: u32) {
        self.put(&["{"]);
        for _ in 0..self.choices.below(4) {
            match self.choices.below(6) {
                0 if depth > 0 => {
                    self.put(&["tile"]);
                    self.path();
                    self.put(&["by"]);
                    self.expr(1);
                    self.fused(depth - 1);
                    continue;
                }
                1 => {
                    self.put(&["recompute"]);
                    self.list(1, Self::path);
                }
                2 => {
                    self.put(&["refetch"]);
                    self.list(1, Self::path);
                    self.put(&["from"]);
                    self.name();
                }
                3 => {
                    self.stages();
                    continue;
                }
                _ => {
                    self.put(&["retain"]);
                    self.list(1, Self::path);
                    self.put(&["in"]);
                    self.name();
                }
            }
            self.put(&[";"]);
        }
        self.put(&["}"]);
    }

    fn stages(&mut self) {
        let word = if self.once_in(2) {
            "pipeline"
        } else {
            "sequence"
        };
        self.put(&[word, "{"]);
        for _ in 0..self.choices.below(4) {
            self.put(&["run"]);
            self.name();
            if self.once_in(2) {
                self.put(&["on"]);
                self.name();
            }
            match self.choices.below(4) {
                0 => {
                    self.put(&["using"]);
                    self.directives(1);
                    continue;
                }
                1 => {
                    self.put(&["using"]);
                    self.invocation();
                }
                _ => {}
            }
            self.put(&[";"]);
        }
        self.put(&["}"]);
    }
}

/// The tokens with something between any two of them.
fn join(tokens: &[String], blanks: &mut Choices<'_>) -> String {
    let mut out = String::new();
    for token in tokens {
        // On one line `64 B {` is 64, and a block called `B`.
        let gap = match token.as_str() {
            "{" if out.ends_with("4 B") => "\n".to_owned(),
            _ => gap(&out, token, blanks),
        };
        out.push_str(&gap);
        out.push_str(token);
    }
    let end = gap(&out, ";", blanks);
    out.push_str(&end);
    out
}

fn gap(before: &str, token: &str, blanks: &mut Choices<'_>) -> String {
    let is_tight = |c: char| "{}()[],;:".contains(c);
    let may_touch = before.is_empty()
        || before.ends_with(is_tight)
        || token.starts_with(is_tight) && !before.ends_with('/');
    let simple = match blanks.below(16) {
        0..=4 => " ",
        5 | 6 if may_touch => "",
        7 => "  ",
        8 => "\t ",
        9 => "\n",
        10 => "\n    ",
        11 => "\n\n",
        12 => " \n \n\n\t",
        13 | 14 => return comment(blanks),
        _ => " ",
    };
    simple.to_owned()
}

fn comment(blanks: &mut Choices<'_>) -> String {
    let mut out = String::new();
    for _ in 0..=blanks.below(3) {
        out.push_str(match blanks.below(9) {
            0 => " // c\n",
            1 => "\n// of a line  \n",
            2 => "\n\n  // apart\n\n\n",
            3 => " /* in */ ",
            4 => "  /* tall  \n   * tall */",
            5 => "\n/* own */\n",
            6 => " /* a comment that is rather long, so that the line that it stands on may have to end */ ",
            7 => "   // lined up\n",
            _ => " /**/ ",
        });
    }
    out
}
