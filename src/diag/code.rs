//! The one table of codes. A code never changes its meaning and its number is never used again.
//!
//! To add one: a line in the table, a page `explain/CODE.md`, and (for the page) a `page` in the same
//! line. Ranges: E00 lexical, E01 syntax, E02 names and imports, E03 types, units and sizes, E04 legality,
//! E05 capacity and hardware, E06 a model or engine does not apply, E07 files; W0x warns where E0x errs.

use super::Severity;

macro_rules! codes {
    ($($code:ident $title:literal $(page $page:literal)?;)*) => {
        /// A stable code; the variant is the number.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $title] $code,)*
        }

        impl Code {
            /// Every code, in order.
            pub const ALL: &[Code] = &[$(Code::$code,)*];

            /// The number as printed: `E0402`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$code => stringify!($code),)* }
            }

            /// What kind of mistake it is, in a few words.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Code::$code => $title,)* }
            }

            /// The page of `dflowc explain`, Markdown; `None` while it has none.
            #[must_use]
            pub fn page(self) -> Option<&'static str> {
                match self { $(Code::$code => codes!(@page $($page)?),)* }
            }
        }
    };
    (@page) => { None };
    (@page $page:literal) => { Some(include_str!($page)) };
}

codes! {
    E0001 "unexpected character" page "explain/E0001.md";
    E0002 "invalid UTF-8" page "explain/E0002.md";
    E0003 "unterminated comment" page "explain/E0003.md";
    E0004 "unterminated string" page "explain/E0004.md";
    E0005 "malformed number" page "explain/E0005.md";
    E0101 "unexpected token" page "explain/E0101.md";
    E0102 "unbalanced brace" page "explain/E0102.md";
    E0103 "nesting too deep" page "explain/E0103.md";
    E0104 "construct not available" page "explain/E0104.md";
    E0201 "unknown name" page "explain/E0201.md";
    E0202 "unknown import" page "explain/E0202.md";
    E0203 "import cycle" page "explain/E0203.md";
    E0204 "name defined twice" page "explain/E0204.md";
    E0205 "unknown key" page "explain/E0205.md";
    E0206 "key given twice" page "explain/E0206.md";
    E0207 "unknown dimension" page "explain/E0207.md";
    E0301 "wrong unit" page "explain/E0301.md";
    E0302 "missing dimension" page "explain/E0302.md";
    E0303 "size is zero or negative" page "explain/E0303.md";
    E0304 "wiring disagrees in shape" page "explain/E0304.md";
    E0305 "kernel larger than the padded input" page "explain/E0305.md";
    E0306 "input and output extents disagree" page "explain/E0306.md";
    E0307 "integer overflow" page "explain/E0307.md";
    E0308 "wrong kind of value" page "explain/E0308.md";
    E0309 "keys that exclude each other" page "explain/E0309.md";
    E0310 "index outside its tensor" page "explain/E0310.md";
    E0311 "result read by its own equation" page "explain/E0311.md";
    E0401 "window outside its dimension" page "explain/E0401.md";
    E0402 "computation not covered" page "explain/E0402.md";
    E0403 "computation done twice" page "explain/E0403.md";
    E0404 "uncoupled spatial dimensions" page "explain/E0404.md";
    E0405 "clusters exceed the array" page "explain/E0405.md";
    E0406 "no complete window" page "explain/E0406.md";
    E0407 "several last layers" page "explain/E0407.md";
    E0408 "group not connected" page "explain/E0408.md";
    E0409 "fate of a tensor not one" page "explain/E0409.md";
    E0410 "retained data is lost" page "explain/E0410.md";
    E0411 "wanted and never computed" page "explain/E0411.md";
    E0412 "pipeline on one array" page "explain/E0412.md";
    E0413 "tile does not shrink" page "explain/E0413.md";
    E0414 "tile of another layer" page "explain/E0414.md";
    E0415 "stages disagree with the group" page "explain/E0415.md";
    E0501 "capacity exceeded" page "explain/E0501.md";
    E0502 "unknown memory, array or axis" page "explain/E0502.md";
    E0503 "technology entry missing" page "explain/E0503.md";
    E0504 "outside the technology table" page "explain/E0504.md";
    E0505 "array split by a memory" page "explain/E0505.md";
    E0506 "no design fits" page "explain/E0506.md";
    E0601 "model does not apply" page "explain/E0601.md";
    E0602 "beyond the limits of the engine" page "explain/E0602.md";
    E0603 "outside the box family" page "explain/E0603.md";
    E0604 "limit of work" page "explain/E0604.md";
    E0611 "layer that a model does not describe" page "explain/E0611.md";
    E0612 "hardware that a model does not describe" page "explain/E0612.md";
    E0613 "mapping that a model does not describe" page "explain/E0613.md";
    E0614 "too large for a model's memories" page "explain/E0614.md";
    E0701 "file not readable" page "explain/E0701.md";
    E0702 "file too large" page "explain/E0702.md";
    E0703 "output is an input" page "explain/E0703.md";
    E0704 "journal of something else" page "explain/E0704.md";
    W0301 "inexact division" page "explain/W0301.md";
    W0302 "read in another form than written" page "explain/W0302.md";
    W0401 "idle processing elements" page "explain/W0401.md";
    W0402 "map does not move" page "explain/W0402.md";
    W0403 "clusters across the rows of an array" page "explain/W0403.md";
    W0404 "a bandwidth that nothing uses" page "explain/W0404.md";
    W0601 "another tool prints another count" page "explain/W0601.md";
    W0602 "hardware assumed" page "explain/W0602.md";
    W0603 "read otherwise than written" page "explain/W0603.md";
}

impl Code {
    /// `W` codes warn, the others are errors.
    #[must_use]
    pub fn severity(self) -> Severity {
        if self.as_str().starts_with('W') {
            Severity::Warning
        } else {
            Severity::Error
        }
    }

    /// The code of that number; upper and lower case are the same.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|code| code.as_str().eq_ignore_ascii_case(text))
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_ordered_and_parse_back() {
        assert!(Code::ALL.is_sorted());
        for &code in Code::ALL {
            assert_eq!(Code::parse(&code.as_str().to_lowercase()), Some(code));
            assert!(!code.title().is_empty());
        }
    }
}
