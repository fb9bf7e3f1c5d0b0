//! An evaluation beside measured figures: the error of every layer, and their mean.
//!
//! ```text
//! layer    measured [ms]  computed [ms]   error
//! conv1           16.500         14.954   -9.4%
//! conv2           39.200         34.818  -11.2%
//! ```
//!
//! Measurements are CSV with the columns `layer, value, unit, source`; a layer `total` is held to the totals. Layers that
//! nobody has measured are left out, and a measured layer that there is not is a mistake.
//!
//! Invariant: the mean is over the absolute errors of the rows, each counted once.

use super::table::{Page, Table, line};
use serde_json::{Value, json};

/// One row of a file of measurements.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    pub layer: String,
    pub value: f64,
    pub unit: Unit,
    pub source: String,
}

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Cycles,
    Seconds,
    Milliseconds,
    Microseconds,
    /// Runs of the whole in a second.
    Frames,
    /// PEs that work.
    Pes,
}

impl Unit {
    const ALL: [(&'static str, Unit); 6] = [
        ("cycles", Unit::Cycles),
        ("s", Unit::Seconds),
        ("ms", Unit::Milliseconds),
        ("us", Unit::Microseconds),
        ("frames/s", Unit::Frames),
        ("PEs", Unit::Pes),
    ];

    fn name(self) -> &'static str {
        let mut all = Unit::ALL.iter();
        all.find(|(_, unit)| *unit == self)
            .map_or("", |(name, _)| name)
    }

    /// What an evaluation says, in this unit.
    fn of(self, figures: &Value) -> Option<f64> {
        let seconds = |scale: f64| figures["seconds"].as_f64().map(|value| value * scale);
        match self {
            Unit::Cycles => figures["cycles"].as_f64(),
            Unit::Seconds => seconds(1.0),
            Unit::Milliseconds => seconds(1e3),
            Unit::Microseconds => seconds(1e6),
            Unit::Frames => seconds(1.0).map(f64::recip),
            Unit::Pes => figures["pes_used"].as_f64(),
        }
    }
}

/// Reads a file of measurements.
///
/// # Errors
/// The first line that is no measurement, and why.
pub fn measurements(text: &str) -> Result<Vec<Measurement>, String> {
    let mut lines = text.lines().enumerate();
    let wanted = "layer,value,unit,source";
    let header = lines.next().map(|(_, header)| fields(header));
    let header: Vec<String> = header.unwrap_or_default();
    if header.join(",") != wanted {
        return Err(format!("the first line is not `{wanted}`"));
    }
    let mut found: Vec<Measurement> = Vec::new();
    for (at, text) in lines.filter(|(_, text)| !text.trim().is_empty()) {
        let wrong = |why: &str| format!("line {}: {why}", at.saturating_add(1));
        let [layer, value, unit, source] = <[String; 4]>::try_from(fields(text))
            .map_err(|_| wrong(&format!("not the four fields `{wanted}`")))?;
        let value = value.parse().ok();
        let value = value.filter(|value: &f64| value.is_finite() && *value > 0.0);
        let known = Unit::ALL.iter().find(|(name, _)| *name == unit);
        let measurement = Measurement {
            value: value.ok_or_else(|| wrong("the value is no positive number"))?,
            unit: known
                .ok_or_else(|| wrong("the unit is none of cycles, s, ms, us, frames/s, PEs"))?
                .1,
            layer,
            source,
        };
        let is_again = found
            .iter()
            .any(|known| known.layer == measurement.layer && known.unit == measurement.unit);
        if is_again {
            return Err(wrong("the layer is measured twice in one unit"));
        }
        found.push(measurement);
    }
    match found.is_empty() {
        true => Err("there is no measurement in it".to_owned()),
        false => Ok(found),
    }
}

/// The fields of a line; a comma in quotes parts nothing, two quotes in quotes are one.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.trim_end().chars().peekable();
    while let Some(c) = chars.next() {
        let last = fields.last_mut();
        match (c, last) {
            ('"', Some(last)) if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                last.push('"');
            }
            ('"', _) => quoted = !quoted,
            (',', _) if !quoted => fields.push(String::new()),
            (c, Some(last)) => last.push(c),
            (_, None) => {}
        }
    }
    fields.iter().map(|field| field.trim().to_owned()).collect()
}

/// An evaluation beside measurements.
#[derive(Clone, Debug, PartialEq)]
pub struct Validation {
    rows: Vec<Row>,
    /// Each source once, in the order of its first row.
    sources: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
struct Row {
    measurement: Measurement,
    computed: f64,
}

impl Row {
    fn error(&self) -> f64 {
        self.computed / self.measurement.value - 1.0
    }
}

impl Validation {
    /// Holds an entry of `evaluations` of a report to measurements.
    ///
    /// # Errors
    /// A measured layer that is not there, or has no such figure.
    pub fn new(evaluation: &Value, measured: Vec<Measurement>) -> Result<Validation, String> {
        let mut rows = Vec::with_capacity(measured.len());
        let mut sources: Vec<String> = Vec::new();
        for measurement in measured {
            let name = &measurement.layer;
            let layers = evaluation["layers"].as_array();
            let mut layers = layers.into_iter().flatten();
            let figures = match name.as_str() {
                "total" => Some(&evaluation["totals"]),
                _ => layers.find(|layer| layer["name"].as_str() == Some(name)),
            };
            let figures = figures.ok_or_else(|| format!("there is no layer `{name}`"))?;
            let computed = measurement.unit.of(figures).ok_or_else(|| {
                let unit = measurement.unit.name();
                format!("`{name}` has no figure in {unit}: does the accelerator have a Clock?")
            })?;
            if !sources.contains(&measurement.source) {
                sources.push(measurement.source.clone());
            }
            rows.push(Row {
                measurement,
                computed,
            });
        }
        Ok(Validation { rows, sources })
    }

    /// Mean of the absolute errors.
    #[must_use]
    pub fn mean(&self) -> f64 {
        let sum: f64 = self.rows.iter().map(|row| row.error().abs()).sum();
        sum / self.rows.len() as f64
    }

    /// The largest absolute error.
    #[must_use]
    pub fn largest(&self) -> f64 {
        let errors = self.rows.iter().map(|row| row.error().abs());
        errors.fold(0.0, f64::max)
    }

    /// A table for people, of `width` columns.
    #[must_use]
    pub fn text(&self, width: usize) -> String {
        let mut table = Table::default();
        let header = ["layer", "measured", "computed", "unit", "error"];
        table.row(header.map(str::to_owned).to_vec());
        for row in &self.rows {
            let decimals = match row.measurement.unit {
                Unit::Cycles | Unit::Pes => 0,
                _ => 2,
            };
            let shown = |value: f64| format!("{value:.decimals$}");
            table.row(vec![
                row.measurement.layer.clone(),
                shown(row.measurement.value),
                shown(row.computed),
                row.measurement.unit.name().to_owned(),
                percent(row.error()),
            ]);
        }
        let mut out = Page::new(width);
        table.write(&mut out, "", &[0, 3]);
        let (mean, largest) = (self.mean() * 100.0, self.largest() * 100.0);
        line(
            &mut out,
            "",
            &format!("mean error {mean:.1}%, largest {largest:.1}%"),
        );
        for source in &self.sources {
            line(&mut out, "", &format!("measured: {source}"));
        }
        out.finish()
    }

    /// A line per row.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut out = "layer,measured,computed,unit,error,source\n".to_owned();
        for row in &self.rows {
            let measured = &row.measurement;
            let source = measured.source.replace('"', "\"\"");
            let fields = [
                measured.layer.clone(),
                measured.value.to_string(),
                row.computed.to_string(),
                measured.unit.name().to_owned(),
                row.error().to_string(),
                format!("\"{source}\""),
            ];
            out.push_str(&fields.join(","));
            out.push('\n');
        }
        out
    }

    /// The same as JSON.
    #[must_use]
    pub fn json(&self) -> String {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                json!({
                    "layer": row.measurement.layer,
                    "measured": row.measurement.value,
                    "computed": row.computed,
                    "unit": row.measurement.unit.name(),
                    "error": row.error(),
                    "source": row.measurement.source,
                })
            })
            .collect();
        let all = json!({
            "schema": "dflow.validation/1",
            "rows": rows,
            "mean_error": self.mean(),
            "largest_error": self.largest(),
        });
        format!("{all:#}\n")
    }
}

fn percent(error: f64) -> String {
    format!("{:+.1}%", error * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CSV: &str =
        "layer,value,unit,source\na,10,ms,\"one, and \"\"two\"\"\"\ntotal,90,cycles,three\n";

    #[test]
    fn errors_and_their_mean() {
        let evaluation = json!({
            "layers": [{ "name": "a", "cycles": 50, "seconds": 0.011 }],
            "totals": { "cycles": 72 },
        });
        let measured = measurements(CSV).unwrap();
        assert_eq!(measured[0].source, "one, and \"two\"");
        let validation = Validation::new(&evaluation, measured).unwrap();
        // 11 ms for 10, 72 cycles for 90.
        assert!((validation.mean() - 0.15).abs() < 1e-12);
        assert!((validation.largest() - 0.2).abs() < 1e-12);
        let text = validation.text(crate::report::WIDTH);
        assert!(text.contains("+10.0%") && text.contains("-20.0%"), "{text}");
        assert!(text.contains("mean error 15.0%, largest 20.0%"), "{text}");
        let none = json!({ "layers": [], "totals": { "cycles": 72 } });
        let missing = Validation::new(&none, measurements(CSV).unwrap());
        assert_eq!(missing, Err("there is no layer `a`".to_owned()));
    }

    #[test]
    fn what_is_no_measurement_is_refused() {
        for (text, why) in [
            ("", "the first line is not"),
            ("layer,value,unit,source\n", "there is no measurement"),
            (
                "layer,value,unit,source\na,1,ms",
                "line 2: not the four fields",
            ),
            ("layer,value,unit,source\na,-1,ms,x", "line 2: the value"),
            ("layer,value,unit,source\na,1,days,x", "line 2: the unit"),
            (
                "layer,value,unit,source\na,1,s,x\na,2,s,x",
                "line 3: the layer is measured twice",
            ),
        ] {
            let found = measurements(text).unwrap_err();
            assert!(found.starts_with(why), "{found}");
        }
    }
}
