//! The report for programs.

use super::model::Report;

/// The report as indented JSON with a final line end.
///
/// # Errors
///
/// When a figure cannot be written as JSON.
pub fn write(report: &Report) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(report)?;
    text.push('\n');
    Ok(text)
}
