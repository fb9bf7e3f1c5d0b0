//! The one way a file comes to have another text: whole, or not at all.
//!
//! Problem: `fmt design.dflow` on a full disk, or killed half way, must not cost the only copy of a design. So the new
//! text goes to a file beside the old one, is brought to the disk, and takes the old one's name in one step. A link
//! stays a link (what it points to is replaced), and the new file has the mode of the old one, and where that is
//! allowed its owner. Another name of the same file (a hard link) keeps the old text.
//!
//! What is no regular file - a terminal, a pipe, `/dev/null` - has nothing to lose and is written straight.

use super::files::read_file;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Links that are followed one after the other; more are a circle.
const MOST_LINKS: usize = 40;
/// Names that are tried for the file beside; they are only taken where runs were killed.
const MOST_NAMES: u32 = 1000;

/// Gives the file at `path` this content.
///
/// # Errors
/// When it cannot: then a regular file still has its old content, and nothing is left beside it.
pub fn write_file(path: &Path, content: &[u8]) -> io::Result<()> {
    if is_own_channel(path) {
        // It may have been opened to be appended to (`>> log`): never from the beginning.
        let mut file = OpenOptions::new().append(true).open(path)?;
        return file.write_all(content).and_then(|()| file.flush());
    }
    match fs::metadata(path) {
        Ok(old) if old.is_file() => {
            // Renaming asks for rights on the folder alone; a file that its owner protects stays as it is.
            drop(OpenOptions::new().write(true).open(path)?);
            replace(&behind_links(path)?, Some(&old), |file| {
                file.write_all(content)
            })
        }
        Ok(_) => {
            let mut file = OpenOptions::new().write(true).open(path)?;
            file.write_all(content).and_then(|()| file.flush())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            replace(&behind_links(path)?, None, |file| file.write_all(content))
        }
        Err(error) => Err(error),
    }
}

/// As [`write_file`], with the folders above; a file that has this content already is left alone.
///
/// # Errors
/// As [`write_file`], or when a folder cannot be made.
pub fn keep_file(path: &Path, content: &[u8]) -> io::Result<()> {
    if read_file(path, content.len()).is_ok_and(|old| old == content) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    write_file(path, content)
}

/// Whether both paths lead to one regular file, by whatever names and links.
#[must_use]
pub fn is_same_file(left: &Path, right: &Path) -> bool {
    let (Ok(one), Ok(other)) = (fs::metadata(left), fs::metadata(right)) else {
        return false;
    };
    one.is_file() && other.is_file() && same(left, &one, right, &other)
}

#[cfg(unix)]
fn same(_: &Path, one: &Metadata, _: &Path, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn same(left: &Path, _: &Metadata, right: &Path, _: &Metadata) -> bool {
    let canonical = |path: &Path| fs::canonicalize(path).ok();
    canonical(left).is_some_and(|left| Some(left) == canonical(right))
}

/// Whether the name is that of a channel which this process was started with, whatever lies behind it.
fn is_own_channel(path: &Path) -> bool {
    let named = ["/dev/stdout", "/dev/stderr"].iter();
    let folders = ["/dev/fd", "/proc/self/fd"];
    let numbered = |path: &Path| {
        let folder = path.parent();
        let known =
            folder.is_some_and(|folder| folders.iter().any(|known| Path::new(known) == folder));
        known && path.file_name().is_some_and(|number| number != "0")
    };
    named.into_iter().any(|known| Path::new(known) == path) || numbered(path)
}

/// Where the links at `path` end; there may be nothing.
fn behind_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&path) {
            // What a relative link says is meant from its own folder.
            Ok(target) => path = folder_of(&path).join(target),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many links"))
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => Path::new("/"),
    }
}

/// Puts a new file that `fill` writes in the place of the one at `path`, which is no link and has the properties
/// `old`, if it is there.
fn replace(
    path: &Path,
    old: Option<&Metadata>,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    let folder = folder_of(path);
    let (mut file, name) = beside(folder, old.is_some())?;
    let written = fill(&mut file)
        .and_then(|()| old.map_or(Ok(()), |old| inherit(&file, old)))
        .and_then(|()| supported(file.sync_all()));
    // Closed first: some systems rename no open file.
    drop(file);
    if let Err(error) = written.and_then(|()| fs::rename(&name, path)) {
        let _ = fs::remove_file(&name);
        return Err(error);
    }
    // The new name lasts once the folder is on the disk; where folders cannot be opened the system sees to it.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// An empty file of a new name. Until it has the mode of an old file nobody else may read it.
fn beside(folder: &Path, private: bool) -> io::Result<(File, PathBuf)> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if private {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    #[cfg(not(unix))]
    let _ = private;
    let process = std::process::id();
    for number in 0..MOST_NAMES {
        let path = folder.join(format!(".dflowc-{process}-{number}.tmp"));
        match options.open(&path) {
            Ok(file) => return Ok((file, path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other(
        "no free name for a temporary file beside it",
    ))
}

/// Mode and owner of the old file. The owner is kept where that is allowed, and first: changing it takes bits away.
fn inherit(file: &File, old: &Metadata) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, fchown};
        let new = file.metadata()?;
        if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
            let both = fchown(file, Some(old.uid()), Some(old.gid()));
            // Of another's file at least the group.
            let _ = both.or_else(|_| fchown(file, None, Some(old.gid())));
        }
    }
    file.set_permissions(old.permissions())
}

/// Some file systems have nothing to bring to a disk and say so.
fn supported(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::Unsupported | io::ErrorKind::InvalidInput
            ) =>
        {
            Ok(())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An empty folder for one test.
    fn folder(name: &str) -> PathBuf {
        let name = format!("dflowc-write-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        path
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_new_file_and_an_old_one() {
        let folder = folder("plain");
        let path = folder.join("a");
        for text in ["one", "another, longer", ""] {
            write_file(&path, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(names(&folder), ["a"]);
        // What a killed run left behind is in nobody's way.
        let left = format!(".dflowc-{}-0.tmp", std::process::id());
        fs::write(folder.join(&left), "half").unwrap();
        write_file(&path, b"text").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "text");
        assert_eq!(names(&folder), [left.as_str(), "a"]);
        assert!(write_file(&folder, b"text").is_err());
        assert!(write_file(&folder.join("no/such"), b"text").is_err());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_failure_half_way_leaves_the_old_file() {
        let folder = folder("failure");
        let path = folder.join("a");
        fs::write(&path, "old").unwrap();
        let old = fs::metadata(&path).unwrap();
        let failed = replace(&path, Some(&old), |file| {
            file.write_all(b"ne")?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        });
        assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        // And when the last step fails: nothing takes the place of a folder.
        let inside = folder.join("b");
        fs::create_dir(&inside).unwrap();
        assert!(replace(&inside, None, |file| file.write_all(b"new")).is_err());
        assert_eq!(names(&folder), ["a", "b"]);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn links_stay_links_and_modes_stay() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = folder("links");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        fs::create_dir(folder.join("deep")).unwrap();
        let target = folder.join("deep/target");
        fs::write(&target, "old").unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(0o640)).unwrap();
        // A link to a link, each relative to its own folder, and one to what is not there yet.
        symlink("target", folder.join("deep/second")).unwrap();
        symlink("deep/second", folder.join("first")).unwrap();
        symlink("deep/later", folder.join("dangling")).unwrap();
        symlink("circle", folder.join("circle")).unwrap();
        write_file(&folder.join("first"), b"new").unwrap();
        write_file(&folder.join("dangling"), b"later").unwrap();
        assert!(write_file(&folder.join("circle"), b"never").is_err());
        let link = |name: &str| fs::read_link(folder.join(name)).unwrap();
        assert_eq!(link("first"), Path::new("deep/second"));
        assert_eq!(link("deep/second"), Path::new("target"));
        assert_eq!(link("dangling"), Path::new("deep/later"));
        assert_eq!(fs::read_to_string(&target).unwrap(), "new");
        assert_eq!(mode(&target), 0o640);
        let later = folder.join("deep/later");
        assert_eq!(fs::read_to_string(&later).unwrap(), "later");
        assert_eq!(names(&folder.join("deep")), ["later", "second", "target"]);
        assert!(is_same_file(&folder.join("first"), &target));
        fs::hard_link(&target, folder.join("hard")).unwrap();
        assert!(is_same_file(&folder.join("hard"), &target));
        assert!(!is_same_file(&later, &target));
        assert!(!is_same_file(&folder.join("nothing"), &target));
        assert!(!is_same_file(
            Path::new("/dev/null"),
            Path::new("/dev/null")
        ));
        write_file(Path::new("/dev/null"), b"gone").unwrap();
        fs::remove_dir_all(&folder).unwrap();
    }
}
