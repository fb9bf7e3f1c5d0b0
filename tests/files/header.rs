//! The comments at the top of a test program, which say what to do with it and what to expect.
//!
//! ```text
//! // error: E0402 at 12:9      one line per message, in the order of output; `nowhere` instead of a place
//! // fix: none                 the message offers no edit; `fix: partial`: the edit leaves other mistakes
//! // args: --clip              how the program is checked (`--clip`, `--model maestro`)
//! // run: eval --model maestro the command line is run instead of the library
//! // pad: 2000000              blanks are added at the end up to that many bytes
//! ```

/// What stands at the top of a program.
#[derive(Clone, Debug, Default)]
pub struct Header {
    pub expected: Vec<Expected>,
    pub fix: FixKind,
    pub clip: bool,
    /// What would help every layer is in the report, as with `--layer`.
    pub advice: bool,
    /// Of `--model`.
    pub model: Option<String>,
    /// Arguments of the command line, if it is to be run.
    pub run: Option<Vec<String>>,
    pub pad: usize,
}

/// A message that must come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    pub code: String,
    /// Line and column; `None` for a message about no place.
    pub at: Option<(u32, u32)>,
}

impl std::fmt::Display for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.at {
            Some((line, column)) => write!(f, "{} at {line}:{column}", self.code),
            None => write!(f, "{} nowhere", self.code),
        }
    }
}

/// What the edit that a message offers does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FixKind {
    /// With it nothing is wrong any more.
    #[default]
    Clean,
    /// With it the code is gone but something else is still wrong.
    Partial,
    /// There is none.
    None,
}

impl Header {
    /// Reads the comment lines at the top of `text`.
    pub fn parse(text: &str) -> Result<Header, String> {
        let mut header = Header::default();
        for line in text.lines() {
            let Some(comment) = line.strip_prefix("// ") else {
                break;
            };
            let Some((key, value)) = comment.split_once(": ") else {
                continue;
            };
            let value = value.trim();
            match key {
                "error" | "warning" => header.expected.push(expected(value)?),
                "fix" => {
                    header.fix = match value {
                        "none" => FixKind::None,
                        "partial" => FixKind::Partial,
                        _ => return Err(format!("`fix: {value}` means nothing")),
                    }
                }
                "args" => {
                    for argument in value.split_whitespace() {
                        match argument {
                            "--clip" => header.clip = true,
                            "--model" => {}
                            _ if dflowc::models::by_name(argument).is_some() => {
                                header.model = Some(argument.to_owned());
                            }
                            _ => return Err(format!("`{argument}` cannot be an argument here")),
                        }
                    }
                }
                "run" => {
                    header.run = Some(value.split_whitespace().map(str::to_owned).collect());
                }
                "pad" => header.pad = value.parse().map_err(|_| format!("pad: {value}"))?,
                _ => {}
            }
        }
        Ok(header)
    }
}

fn expected(text: &str) -> Result<Expected, String> {
    let wrong = || format!("`{text}` should be `CODE at LINE:COLUMN` or `CODE nowhere`");
    if let Some(code) = text.strip_suffix(" nowhere") {
        return Ok(Expected {
            code: code.to_owned(),
            at: None,
        });
    }
    let (code, place) = text.split_once(" at ").ok_or_else(wrong)?;
    let (line, column) = place.split_once(':').ok_or_else(wrong)?;
    Ok(Expected {
        code: code.to_owned(),
        at: Some((
            line.parse().map_err(|_| wrong())?,
            column.parse().map_err(|_| wrong())?,
        )),
    })
}
