//! Diagnostics in the Static Analysis Results Interchange Format, SARIF 2.1.0 (OASIS, 2020): one log of one run, with a
//! rule per code.

use super::{Code, Diagnostic, Severity, Sorted};
use crate::base::{SourceMap, Span};
use serde_json::{Value, json};

/// Results of a run, file by file.
#[derive(Debug, Default)]
pub struct Log {
    results: Vec<Value>,
    codes: Vec<Code>,
}

impl Log {
    /// Adds what there is to say of one file.
    pub fn add(&mut self, sources: &SourceMap, sorted: &Sorted) {
        for diagnostic in &sorted.list {
            if !self.codes.contains(&diagnostic.code) {
                self.codes.push(diagnostic.code);
            }
            self.results.push(result(sources, diagnostic));
        }
    }

    /// The whole log, with a line end.
    #[must_use]
    pub fn text(&self) -> String {
        let mut codes: Vec<&str> = self.codes.iter().map(|code| code.as_str()).collect();
        codes.sort_unstable();
        let titled = codes
            .iter()
            .filter_map(|text| Some((text, Code::parse(text)?)));
        let rules: Vec<Value> = titled
            .map(|(id, code)| json!({ "id": id, "shortDescription": { "text": code.title() } }))
            .collect();
        let log = json!({
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [{
                "tool": { "driver": {
                    "name": "dflowc",
                    "version": env!("CARGO_PKG_VERSION"),
                    "rules": rules,
                } },
                "columnKind": "unicodeCodePoints",
                "results": self.results,
            }],
        });
        format!("{log}\n")
    }
}

fn result(sources: &SourceMap, diagnostic: &Diagnostic) -> Value {
    let mut text = diagnostic.message.clone();
    for more in diagnostic.help.iter().chain(&diagnostic.notes) {
        text.push('\n');
        text.push_str(more);
    }
    let places = |primary: bool| -> Vec<Value> {
        let labels = diagnostic.labels.iter();
        let labels = labels.filter(|label| label.primary == primary);
        labels
            .filter_map(|label| location(sources, label.span, &label.message))
            .collect()
    };
    let mut result = json!({
        "ruleId": diagnostic.code.as_str(),
        "level": match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        "message": { "text": text },
        "locations": places(true),
    });
    let related = places(false);
    if !related.is_empty() {
        result["relatedLocations"] = Value::Array(related);
    }
    if let Some(fix) = &diagnostic.fix
        && let (Some(place), Some(file)) = (region(sources, fix.span), sources.get(fix.span.file()))
    {
        result["fixes"] = json!([{
            "description": { "text": fix.message },
            "artifactChanges": [{
                "artifactLocation": { "uri": uri(file.name()) },
                "replacements": [{
                    "deletedRegion": place,
                    "insertedContent": { "text": fix.replacement },
                }],
            }],
        }]);
    }
    result
}

fn location(sources: &SourceMap, span: Span, message: &str) -> Option<Value> {
    let file = sources.get(span.file())?;
    Some(json!({
        "physicalLocation": {
            "artifactLocation": { "uri": uri(file.name()) },
            "region": region(sources, span)?,
        },
        "message": { "text": message },
    }))
}

fn region(sources: &SourceMap, span: Span) -> Option<Value> {
    let file = sources.get(span.file())?;
    let (start, end) = (file.position(span.lo()), file.position(span.hi()));
    Some(json!({
        "startLine": start.line,
        "startColumn": start.column,
        "endLine": end.line,
        "endColumn": end.column,
    }))
}

/// A path as a relative reference: what is no plain character of one is a percent and two digits.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Diagnostics;

    #[test]
    fn a_log_has_rules_places_and_fixes() {
        let mut sources = SourceMap::new();
        let id = sources.add("a b.dflow", "K\n  L\n");
        let mut sink = Diagnostics::new();
        let at = Span::new(id, 4, 5);
        sink.push(
            Diagnostic::new(Code::E0402, "m")
                .at(at, "l")
                .fix(at, "M", "f"),
        );
        let mut log = Log::default();
        log.add(&sources, &sink.into_sorted(9));
        let value: Value = serde_json::from_str(&log.text()).unwrap();
        let run = &value["runs"][0];
        assert_eq!(run["tool"]["driver"]["rules"][0]["id"], "E0402");
        let result = &run["results"][0];
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "a%20b.dflow");
        assert_eq!(place["region"]["startColumn"], 3);
        let change = &result["fixes"][0]["artifactChanges"][0]["replacements"][0];
        assert_eq!(change["insertedContent"]["text"], "M");
    }
}
