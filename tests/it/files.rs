//! What the commands do to files: everything or nothing, and never to a file that they read.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// An empty folder for one test.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("files")
        .join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

/// Runs a line of the shell in a folder; `$DFLOWC` is the program.
fn shell(folder: &Path, line: &str) -> Output {
    Command::new("sh")
        .args(["-c", line])
        .current_dir(folder)
        .env("DFLOWC", env!("CARGO_BIN_EXE_dflowc"))
        .output()
        .unwrap()
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

const MESS: &str = "const A=1;\n";
const NEAT: &str = "const A = 1;\n";

const DESIGN: &str = "use \"size.dflow\";
Network n {
  Layer fc { Type: FC; Dimensions { N: 1, K: 4, C: SIZE } Dataflow { TemporalMap(1,1) C } }
}
Accelerator a { PE { NumPEs: 1 } }
Map n on a { }
";

#[test]
fn mode_and_links_survive() {
    let folder = folder("mode");
    let target = folder.join("target.dflow");
    fs::write(&target, MESS).unwrap();
    fs::set_permissions(&target, fs::Permissions::from_mode(0o751)).unwrap();
    symlink("target.dflow", folder.join("link.dflow")).unwrap();
    let output = shell(&folder, "$DFLOWC fmt link.dflow");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(text(&target), NEAT);
    assert_eq!(mode(&target), 0o751);
    let link = fs::read_link(folder.join("link.dflow")).unwrap();
    assert_eq!(link, Path::new("target.dflow"));

    // A report likewise; a new one has the mode that the process gives.
    fs::write(folder.join("size.dflow"), "const SIZE = 20;").unwrap();
    fs::write(folder.join("design.dflow"), DESIGN).unwrap();
    fs::write(folder.join("old.txt"), "old").unwrap();
    fs::set_permissions(folder.join("old.txt"), fs::Permissions::from_mode(0o600)).unwrap();
    symlink("old.txt", folder.join("link.txt")).unwrap();
    let line =
        "umask 027; $DFLOWC eval design.dflow -o link.txt && $DFLOWC eval design.dflow -o new.txt";
    let output = shell(&folder, line);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(text(&folder.join("old.txt")).starts_with("n on a"));
    assert_eq!(text(&folder.join("new.txt")), text(&folder.join("old.txt")));
    assert_eq!(mode(&folder.join("old.txt")), 0o600);
    assert_eq!(mode(&folder.join("new.txt")), 0o640);
    assert!(folder.join("link.txt").is_symlink());
    let all = names(&folder);
    assert!(!all.iter().any(|name| name.ends_with(".tmp")), "{all:?}");
}

/// A limit on the size of files is a full disk: writing fails when some of the text is out.
#[test]
fn what_cannot_be_written_whole_is_not_written() {
    let folder = folder("full");
    let path = folder.join("long.dflow");
    let long: String = (0..400).map(|n| format!("const A{n}=1;\n")).collect();
    fs::write(&path, &long).unwrap();
    // Ignored, the signal becomes an error of the write (at most 1024 bytes).
    let output = shell(
        &folder,
        "trap '' XFSZ; ulimit -f 1; exec $DFLOWC fmt long.dflow",
    );
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("cannot write long.dflow"), "{said}");
    assert_eq!(text(&path), long);
    assert_eq!(names(&folder), ["long.dflow"]);
    // Not ignored, it kills the process at that moment.
    let output = shell(&folder, "ulimit -f 1; exec $DFLOWC fmt long.dflow");
    assert_eq!(output.status.code(), None, "{output:?}");
    assert_eq!(text(&path), long);
    // And nothing of that keeps the next run from its work.
    let output = shell(&folder, "$DFLOWC fmt long.dflow");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(text(&path), long.replace('=', " = "));
}

#[test]
fn a_protected_file_is_refused() {
    let folder = folder("protected");
    let path = folder.join("a.dflow");
    fs::write(&path, MESS).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    let output = shell(&folder, "$DFLOWC fmt a.dflow");
    // Rights bind everybody but the superuser.
    if fs::OpenOptions::new().write(true).open(&path).is_err() {
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert_eq!(text(&path), MESS);
    }
    assert_eq!(mode(&path), 0o444);
    assert_eq!(names(&folder), ["a.dflow"]);
}

#[test]
fn channels_are_written_straight() {
    let folder = folder("channels");
    fs::write(folder.join("size.dflow"), "const SIZE = 20;").unwrap();
    fs::write(folder.join("design.dflow"), DESIGN).unwrap();
    let straight = shell(&folder, "$DFLOWC eval design.dflow");
    for line in [
        "$DFLOWC eval design.dflow -o /dev/stdout",
        "$DFLOWC eval design.dflow -o /dev/stdout | cat",
        "$DFLOWC eval design.dflow -o /dev/fd/3 3>&1",
        "mkfifo pipe; cat pipe & $DFLOWC eval design.dflow -o pipe; wait; test -p pipe",
        "$DFLOWC eval design.dflow -o /dev/stdout > out.txt && cat out.txt",
    ] {
        let output = shell(&folder, line);
        assert_eq!(output.status.code(), Some(0), "{line}: {output:?}");
        assert_eq!(output.stdout, straight.stdout, "{line}");
    }
    // What a file had before the shell appended to it stays.
    let output = shell(
        &folder,
        "echo first > log; $DFLOWC eval design.dflow -o /dev/stdout >> log; head -n 2 log",
    );
    let first = String::from_utf8(output.stdout).unwrap();
    assert!(first.starts_with("first\nn on a"), "{first}");
    let full = shell(&folder, "$DFLOWC eval design.dflow -o /dev/full");
    assert_eq!(full.status.code(), Some(2), "{full:?}");
}

#[test]
fn an_output_that_is_an_input_is_refused() {
    let folder = folder("inputs");
    let (design, size) = (folder.join("design.dflow"), folder.join("size.dflow"));
    fs::write(&design, DESIGN).unwrap();
    fs::write(&size, "const SIZE = 20;").unwrap();
    fs::create_dir(folder.join("sub")).unwrap();
    symlink("../size.dflow", folder.join("sub/link")).unwrap();
    fs::hard_link(&design, folder.join("hard")).unwrap();
    let absolute = design.to_str().unwrap().to_owned();
    for out in [
        "design.dflow",
        "./sub/../design.dflow",
        &absolute,
        "hard",
        "size.dflow",
        "sub/link",
    ] {
        for extra in ["", "--keep-going", "--report json"] {
            let line = format!("$DFLOWC eval design.dflow -o {out} {extra}");
            let output = shell(&folder, &line);
            assert_eq!(output.status.code(), Some(2), "{line}: {output:?}");
            assert!(output.stdout.is_empty(), "{line}");
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(said.contains("E0703"), "{line}: {said}");
            assert_eq!(text(&design), DESIGN, "{line}");
            assert_eq!(text(&size), "const SIZE = 20;", "{line}");
        }
    }
    assert!(folder.join("sub/link").is_symlink());
    // An import that cannot be read is an input too.
    fs::write(&size, vec![b' '; (1 << 20) + 1]).unwrap();
    let output = shell(
        &folder,
        "$DFLOWC eval design.dflow --keep-going -o size.dflow",
    );
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("E0702") && said.contains("E0703"), "{said}");
    assert_eq!(fs::metadata(&size).unwrap().len(), (1 << 20) + 1);
}
