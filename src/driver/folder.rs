//! What lies in folders: the files of a workspace, and what a path that is being written may name.

use std::path::Path;

/// Folders that tools fill, and nobody writes programs in.
const LEFT_OUT: [&str; 2] = ["target", "node_modules"];
/// Folders inside each other: deeper ones are left out.
const DEEPEST: usize = 16;

/// Files and folders right in `folder`, in order; folders are marked. Nothing when it cannot be read. Hidden ones are left
/// out, and all past `most`.
#[must_use]
pub fn entries(folder: &str, most: usize) -> Vec<(String, bool)> {
    let folder = if folder.is_empty() { "." } else { folder };
    let Ok(found) = std::fs::read_dir(Path::new(folder)) else {
        return Vec::new();
    };
    let mut entries: Vec<(String, bool)> = found
        .take(most)
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            let kind = entry.file_type().ok()?;
            let shown = !name.starts_with('.') && (kind.is_dir() || kind.is_file());
            shown.then(|| (name, kind.is_dir()))
        })
        .collect();
    entries.sort();
    entries
}

/// The files whose name ends in `.{extension}` in `folder` and below it, in order, at most `most` of them. Symbolic links
/// are not followed.
#[must_use]
pub fn files_below(folder: &str, extension: &str, most: usize) -> Vec<String> {
    let mut found = Vec::new();
    below(folder, &format!(".{extension}"), most, DEEPEST, &mut found);
    found
}

fn below(folder: &str, end: &str, most: usize, depth: usize, found: &mut Vec<String>) {
    for (name, is_folder) in entries(folder, most) {
        if found.len() >= most {
            return;
        }
        let path = format!("{folder}/{name}");
        if !is_folder {
            if name.ends_with(end) {
                found.push(path);
            }
        } else if depth > 0 && !LEFT_OUT.contains(&name.as_str()) {
            below(&path, end, most, depth - 1, found);
        }
    }
}
